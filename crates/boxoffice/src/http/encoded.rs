//! Bodies that are sent many times: compressed once for each encoding, and revalidated by their ETag.

use std::io::Write as _;
use std::sync::OnceLock;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

/// A body and its compressed forms, each made when it is first asked for.
pub(super) struct Encoded {
    plain: Bytes,
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

impl Encoded {
    /// Of this body.
    pub(super) fn new(plain: impl Into<Bytes>) -> Self {
        Self { plain: plain.into(), gzip: OnceLock::new(), brotli: OnceLock::new() }
    }

    /// The body in the best encoding that the client takes, as an answer of this type.
    pub(super) fn answer(&self, headers: &HeaderMap, content_type: &'static str) -> Response {
        let (body, encoding) = self.body(headers);
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }

    fn body(&self, headers: &HeaderMap) -> (Bytes, Option<&'static str>) {
        let accepts = |name: &str| {
            let all = headers.get_all(header::ACCEPT_ENCODING).into_iter();
            let mut parts = all.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
            parts.any(|part| {
                let (coding, parameters) = part.split_once(';').unwrap_or((part, ""));
                let refused =
                    matches!(parameters.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
                coding.trim().eq_ignore_ascii_case(name) && !refused
            })
        };
        if accepts("br") {
            return (self.brotli.get_or_init(|| brotli_encode(&self.plain)).clone(), Some("br"));
        }
        if accepts("gzip") {
            return (self.gzip.get_or_init(|| gzip(&self.plain)).clone(), Some("gzip"));
        }
        (self.plain.clone(), None)
    }
}

/// Whether If-None-Match names this ETag (weak comparison, RFC 9110 section 13.1.2).
pub(super) fn is_current(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let own = etag.to_str().unwrap_or_default().trim_start_matches("W/");
    headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.trim() == "*" || value.split(',').any(|tag| tag.trim().trim_start_matches("W/") == own)
    })
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(5));
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default().into()
}

fn brotli_encode(plain: &[u8]) -> Bytes {
    let mut out = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 4, 20);
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(plain);
    drop(encoder);
    out.into()
}
