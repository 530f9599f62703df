//! The seat page: what `web/` is built into, embedded, with the types, the caching and the policy that browsers want.

use std::sync::LazyLock;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use super::super::encoded::{Encoded, is_current};
use super::super::problem::{Code, Problem};
use super::super::{App, Shared};

const INDEX: &str = include_str!("../../../../../web/built/index.html");
/// Each file that the page loads: its name, type and content.
const FILES: [(&str, &str, &[u8]); 3] = [
    ("page.js", "text/javascript; charset=utf-8", include_bytes!("../../../../../web/built/page.js")),
    ("page.css", "text/css; charset=utf-8", include_bytes!("../../../../../web/built/page.css")),
    ("icon.svg", "image/svg+xml", include_bytes!("../../../../../web/built/icon.svg")),
];

/// Scripts, styles and requests of this origin alone; nothing inline, nothing framed, no text becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types 'none'";
/// Under a name with the hash of the content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The embedded page.
static PAGE: LazyLock<Page> = LazyLock::new(Page::embedded);

struct Page {
    /// The hash of all files: part of their paths, so that a new build is never mixed with an old one.
    version: String,
    /// With each setting of `page`, at `/` and one level below it.
    indexes: [(&'static str, [File; 2]); 2],
    files: [File; FILES.len()],
}

struct File {
    etag: HeaderValue,
    body: Encoded,
    content_type: &'static str,
}

impl Page {
    fn embedded() -> Self {
        let mut hash = Sha256::new();
        hash.update(INDEX);
        for (_, _, content) in FILES {
            hash.update(content);
        }
        let version: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        // Relative, so that the page also works below a path of a proxy's choice.
        let index = |setting: &str, root: &str| {
            let assets = format!("{root}assets/{version}");
            let docs = format!("{root}docs");
            let text = INDEX.replace("{page}", setting).replace("{assets}", &assets).replace("{docs}", &docs);
            File::new(&format!("{version}-{setting}"), text, "text/html; charset=utf-8")
        };
        let indexes = ["full", "view"].map(|setting| (setting, ["", "../"].map(|root| index(setting, root))));
        let files = FILES.map(|(_, content_type, content)| File::new(&version, content, content_type));
        Self { version, indexes, files }
    }

    fn index(&self, app: &App, headers: &HeaderMap, depth: usize) -> Result<Response, Problem> {
        let setting = &app.config.main.page;
        let found = self.indexes.iter().find(|(name, _)| name == setting);
        let (_, depths) = found.ok_or_else(|| Problem::new(Code::RouteNotFound, "There is no page here."))?;
        Ok(depths[depth].answer(headers, "no-cache"))
    }
}

impl File {
    fn new(version: &str, body: impl Into<Bytes>, content_type: &'static str) -> Self {
        let etag = HeaderValue::from_str(&format!("W/\"{version}\""));
        Self {
            etag: etag.unwrap_or(HeaderValue::from_static("W/\"\"")),
            body: Encoded::new(body),
            content_type,
        }
    }

    fn answer(&self, headers: &HeaderMap, caching: &'static str) -> Response {
        let mut response = if is_current(headers, &self.etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.body.answer(headers, self.content_type)
        };
        let said = [
            (header::CACHE_CONTROL, caching),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ];
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        for (name, value) in said {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// `GET /`: the programme. Whatever the query says: people share links to which others add their own.
pub async fn programme(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    PAGE.index(&app, &headers, 0)
}

/// `GET /showtimes/{id}`: the seat map of a showtime. Whether there is one, the page itself asks.
pub async fn showtime(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    PAGE.index(&app, &headers, 1)
}

/// `GET /assets/{version}/{file}`: what the page loads. An old version gets the new file, which is not kept.
pub async fn asset(
    State(app): State<Shared>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = path.ok().filter(|_| app.config.main.page != "off").and_then(|Path((version, name))| {
        let place = FILES.iter().position(|(file, _, _)| *file == name)?;
        Some((version, place))
    });
    let (version, place) =
        file.ok_or_else(|| Problem::new(Code::RouteNotFound, "The page has no such file."))?;
    let caching = if version == PAGE.version { FOR_EVER } else { "no-cache" };
    Ok(PAGE.files[place].answer(&headers, caching))
}
