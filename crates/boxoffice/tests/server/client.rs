//! An HTTP/1.1 client over one blocking connection: small, because the tests must know what is on the wire.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::request::Request;

/// How long an answer may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection, kept alive.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    /// Over a connection that is there.
    pub(crate) fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request and reads its answer.
    pub(crate) fn send(&mut self, request: &Request) -> io::Result<Answer> {
        let mut bytes = request.head();
        bytes.extend_from_slice(request.payload());
        // A server that refuses a large body may answer and close before it has read all of it.
        let written = self.write(&bytes);
        match self.answer(&request.to_string()) {
            Ok(answer) => Ok(answer),
            Err(error) => Err(written.err().unwrap_or(error)),
        }
    }

    /// Writes bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads the answer to `asked`, which is only told when a test fails; `100 Continue` is passed over.
    pub(crate) fn answer(&mut self, asked: &str) -> io::Result<Answer> {
        loop {
            let (status, headers) = self.read_head()?;
            if status >= 200 {
                let mut answer = Answer { asked: asked.to_owned(), status, headers, body: Vec::new() };
                answer.body = self.read_body(&answer)?;
                return Ok(answer);
            }
        }
    }

    /// Reads a status line and headers, also those of an interim answer.
    pub(crate) fn read_head(&mut self) -> io::Result<(u16, Vec<(String, String)>)> {
        let line = self.read_line()?;
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.ok_or_else(|| broken(&format!("status line {line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                return Ok((status, headers));
            }
            let (name, value) = line.split_once(':').ok_or_else(|| broken("header"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn read_body(&mut self, answer: &Answer) -> io::Result<Vec<u8>> {
        if matches!(answer.status, 204 | 304) || answer.asked.starts_with("HEAD ") {
            return Ok(Vec::new());
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            return self.read_chunks();
        }
        let mut body = Vec::new();
        match answer.header("content-length") {
            Some(length) => {
                body.resize(length.parse().map_err(|_| broken("length"))?, 0);
                self.stream.read_exact(&mut body)?;
            }
            None => {
                self.stream.read_to_end(&mut body)?;
            }
        }
        Ok(body)
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_line()?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(|_| broken("chunk"))?;
            let start = body.len();
            body.resize(start + length, 0);
            self.stream.read_exact(&mut body[start..])?;
            self.read_line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP/1.1: {what}"))
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    asked: String,
    /// Its status code.
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    /// Its body, decoded from chunks but not decompressed.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header, if it is there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        assert!(values.next().is_none(), "{name} is there twice\n{}", self.told());
        Some(value)
    }

    /// All headers, their names in lower case.
    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        let is_json =
            |kind: &str| kind.starts_with("application/json") || kind.starts_with("application/problem+json");
        assert!(self.header("content-type").is_some_and(is_json), "not JSON\n{}", self.told());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}\n{}", self.told()))
    }

    /// The body of an answer of this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        self.expect_status(status);
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// Only the status matters.
    #[track_caller]
    pub(crate) fn expect_status(&self, status: u16) {
        assert_eq!(self.status, status, "another status was expected\n{}", self.told());
    }

    /// The problem document of a refusal of this status and code.
    #[track_caller]
    pub(crate) fn refusal(&self, status: u16, code: &str) -> Value {
        let told = self.told();
        assert_eq!(self.status, status, "{code} was expected\n{told}");
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/problem+json"), "no problem document\n{told}");
        let problem = self.json();
        assert_eq!(problem["code"], code, "\n{told}");
        assert_eq!(problem["status"], status, "\n{told}");
        for member in ["type", "title", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}\n{told}");
        }
        problem
    }

    /// The code of a refusal, if it is one.
    pub(crate) fn code(&self) -> String {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether it says that it is an answer given before.
    pub(crate) fn is_replay(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// Request and answer, for a failing test.
    pub(crate) fn told(&self) -> String {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("  {name}: {value}\n")).collect();
        let body: String = self.text().chars().take(4_000).collect();
        format!("> {}\n< {}\n{headers}{body}", self.asked, self.status)
    }
}
