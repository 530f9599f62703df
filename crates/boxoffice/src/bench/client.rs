//! A lean HTTP/1.1 client over one connection that is kept alive: light enough to load a server on the same cores.
//!
//! It writes its requests itself and reads answers that tell their length, which is all that the API sends.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The most that an answer's head may take, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// The most that an answer's body may take, in bytes.
const MAX_BODY: usize = 64 * 1024 * 1024;
const MAX_HEADERS: usize = 32;
/// How long an answer may take before the connection is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much is read at a time.
const CHUNK: usize = 4 * 1024;

/// A server: where it is, and how it is called in `Host`.
#[derive(Debug)]
pub(super) struct Target {
    /// Its address.
    pub(super) address: SocketAddr,
    /// What stands in `Host`.
    pub(super) host: String,
    /// What stands before each path, usually nothing.
    pub(super) base: String,
}

/// What is asked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ask<'a> {
    /// GET, POST, PATCH or DELETE.
    pub(super) method: &'static str,
    /// With query.
    pub(super) path: &'a str,
    /// A token or an API key.
    pub(super) bearer: Option<&'a str>,
    /// A whole header line or several, each with its line end.
    pub(super) headers: &'a str,
    /// A JSON body.
    pub(super) body: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// GET.
    pub(super) fn get(path: &'a str) -> Self {
        Self { method: "GET", path, ..Self::default() }
    }

    /// POST of a JSON body.
    pub(super) fn post(path: &'a str, body: &'a str) -> Self {
        Self { method: "POST", path, body: Some(body), ..Self::default() }
    }

    /// As whoever has this token or key.
    pub(super) fn bearer(self, secret: &'a str) -> Self {
        Self { bearer: Some(secret), ..self }
    }

    fn write(&self, target: &Target, out: &mut Vec<u8>) {
        let mut put = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
        put(&[self.method, " ", &target.base, self.path, " HTTP/1.1\r\nhost: ", &target.host, "\r\n"]);
        if let Some(secret) = self.bearer {
            put(&["authorization: Bearer ", secret, "\r\n"]);
        }
        put(&[self.headers]);
        if let Some(body) = self.body {
            let length = body.len().to_string();
            put(&["content-type: application/json\r\ncontent-length: ", &length, "\r\n\r\n", body]);
        } else {
            put(&["\r\n"]);
        }
    }
}

/// An answer, as long as the connection is not used again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    /// The status code.
    pub(super) status: u16,
    /// The entity tag, if there is one.
    pub(super) etag: Option<&'a str>,
    /// The body as it was sent.
    pub(super) body: &'a [u8],
}

/// Where the parts of an answer are in the buffer.
struct Parts {
    status: u16,
    etag: Option<Range<usize>>,
    body: Range<usize>,
    close: bool,
}

/// A connection; it is opened when it is needed, and again after an error.
pub(super) struct Client {
    target: Arc<Target>,
    stream: Option<TcpStream>,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    /// A client that is not connected yet.
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self { target, stream: None, out: Vec::new(), buffer: Vec::new() }
    }

    /// Connects, if it is not.
    pub(super) async fn connect(&mut self) -> io::Result<()> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.target.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Asks and waits for the answer. After an error the connection is gone, and it is not known what the server did.
    pub(super) async fn send(&mut self, ask: Ask<'_>) -> io::Result<Answer<'_>> {
        let exchanged = tokio::time::timeout(PATIENCE, self.exchange(ask)).await;
        match exchanged.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(parts) => {
                if parts.close {
                    self.stream = None;
                }
                let text = |range: Range<usize>| std::str::from_utf8(&self.buffer[range]).ok();
                let etag = parts.etag.and_then(text);
                Ok(Answer { status: parts.status, etag, body: &self.buffer[parts.body] })
            }
            Err(error) => {
                self.stream = None;
                Err(error)
            }
        }
    }

    async fn exchange(&mut self, ask: Ask<'_>) -> io::Result<Parts> {
        self.connect().await?;
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        self.out.clear();
        ask.write(&self.target, &mut self.out);
        stream.write_all(&self.out).await?;
        self.buffer.clear();
        loop {
            self.buffer.reserve(CHUNK);
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some(parts) = read_head(&self.buffer)? else {
                if self.buffer.len() > MAX_HEAD {
                    return Err(broken("its head is too long"));
                }
                continue;
            };
            while self.buffer.len() < parts.body.end {
                self.buffer.reserve((parts.body.end - self.buffer.len()).max(CHUNK));
                if stream.read_buf(&mut self.buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            if self.buffer.len() > parts.body.end {
                return Err(broken("more came than it announced"));
            }
            return Ok(parts);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.target.address)
    }
}

/// Reads a head; `None` if it is not whole yet.
fn read_head(bytes: &[u8]) -> io::Result<Option<Parts>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes).map_err(|error| broken(&error))? else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    let (mut length, mut etag, mut close) = (None, None, response.version == Some(0));
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).map_err(|error| broken(&error))?;
            length = Some(text.trim().parse::<usize>().map_err(|error| broken(&error))?);
        } else if header.name.eq_ignore_ascii_case("etag") {
            let start = header.value.as_ptr() as usize - bytes.as_ptr() as usize;
            etag = Some(start..start + header.value.len());
        } else if header.name.eq_ignore_ascii_case("connection") {
            close |= header.value.eq_ignore_ascii_case(b"close");
        }
    }
    let length = match (status, length) {
        (204 | 304, _) => 0,
        (_, Some(length)) if length > MAX_BODY => return Err(broken("its body is too long")),
        (_, Some(length)) => length,
        (_, None) => return Err(broken("it has no content-length")),
    };
    Ok(Some(Parts { status, etag, body: head..head + length, close }))
}

fn broken(what: &(impl fmt::Display + ?Sized)) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("this is no answer of Boxoffice's: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_status_length_and_tag() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: W/\"e-7\"\r\n\r\n{}";
        let parts = read_head(bytes).unwrap().unwrap();
        assert_eq!((parts.status, &bytes[parts.body], parts.close), (200, &b"{}"[..], false));
        assert_eq!(&bytes[parts.etag.unwrap()], b"W/\"e-7\"");
        assert!(read_head(&bytes[..30]).unwrap().is_none(), "half a head");
        assert!(read_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "no length");
        assert!(read_head(b"SSH-2.0-x\r\n\r\n").is_err(), "not HTTP");
        let closing = read_head(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap().unwrap();
        assert!(closing.close && closing.body.is_empty());
    }
}
