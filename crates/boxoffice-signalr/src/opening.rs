//! A request that wants a connection, as the hub sees it before it says yes or no.

use http::request::Parts;
use http::{HeaderMap, Uri, header};

use crate::query;

/// A negotiation, or the request that opens a connection.
#[derive(Debug)]
pub struct Opening<'a> {
    parts: &'a Parts,
    negotiation: bool,
}

impl<'a> Opening<'a> {
    pub(crate) fn new(parts: &'a Parts, negotiation: bool) -> Self {
        Self { parts, negotiation }
    }

    /// Whether this is a negotiation, after which the connection itself is asked about once more.
    #[must_use]
    pub fn is_negotiation(&self) -> bool {
        self.negotiation
    }

    /// The request's headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The request's address, without the path at which the hub is nested.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// What layers and the accept loop said of the request, such as the client's address.
    #[must_use]
    pub fn extensions(&self) -> &http::Extensions {
        &self.parts.extensions
    }

    /// A parameter of the query, whatever the case of its name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        query::find(self.parts.uri.query(), name)
    }

    /// The bearer token: from the header `Authorization`, or from `access_token` in the query, because browsers cannot
    /// send headers with WebSockets and event streams. Keep queries out of access logs for its sake.
    #[must_use]
    pub fn access_token(&self) -> Option<String> {
        let header = self.parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = header.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        bearer.or_else(|| self.query("access_token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_in_header_and_query() {
        let token = |uri: &str, header: Option<&str>| {
            let mut request = http::Request::builder().uri(uri);
            if let Some(value) = header {
                request = request.header("authorization", value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            Opening::new(&parts, false).access_token()
        };
        assert_eq!(token("/?access_token=a%20b", None).as_deref(), Some("a b"));
        assert_eq!(token("/?access_token=a", Some("bearer b")).as_deref(), Some("b"));
        assert_eq!(token("/?access_token=a", Some("Basic b")).as_deref(), Some("a"));
        assert_eq!(token("/", None), None);
    }
}
