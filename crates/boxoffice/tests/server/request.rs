//! A request as a value: what is asked, and the bytes that ask it.

use std::fmt;

use serde_json::Value;

use super::process::ADMIN_KEY;

/// A request that has not been sent.
#[derive(Clone)]
pub(crate) struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

/// GET.
pub(crate) fn get(path: impl Into<String>) -> Request {
    Request::new("GET", path)
}

/// POST of a JSON body.
pub(crate) fn post(path: impl Into<String>, body: &Value) -> Request {
    Request::new("POST", path).json(body)
}

/// PATCH with a JSON body.
pub(crate) fn patch(path: impl Into<String>, body: &Value) -> Request {
    Request::new("PATCH", path).json(body)
}

/// DELETE.
pub(crate) fn delete(path: impl Into<String>) -> Request {
    Request::new("DELETE", path)
}

impl Request {
    /// A request without a body.
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: None }
    }

    /// With a header more.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// With a JSON body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// With any body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// As whoever has this token or key.
    pub(crate) fn bearer(self, secret: &str) -> Self {
        self.header("Authorization", format!("Bearer {secret}"))
    }

    /// As the administrator.
    pub(crate) fn admin(self) -> Self {
        self.bearer(ADMIN_KEY)
    }

    /// Under an idempotency key, in place of the one that it had.
    pub(crate) fn key(mut self, key: &str) -> Self {
        self.headers.retain(|(name, _)| name != "Idempotency-Key");
        self.header("Idempotency-Key", key)
    }

    /// The idempotency key that it was given.
    pub(crate) fn key_given(&self) -> Option<String> {
        let (_, key) = self.headers.iter().find(|(name, _)| name == "Idempotency-Key")?;
        String::from_utf8(key.clone()).ok()
    }

    /// The bytes on the wire up to the body.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: boxoffice.test\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &self.body {
            head.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    /// The method, and the path with its query.
    pub(crate) fn line(&self) -> (&str, &str) {
        (self.method, &self.path)
    }

    /// The body's bytes.
    pub(crate) fn payload(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(self.payload());
        write!(f, "{} {} {}", self.method, self.path, body.chars().take(2_000).collect::<String>())
    }
}
