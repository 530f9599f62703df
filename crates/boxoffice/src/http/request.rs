//! Taking a request apart: who asks, the idempotency key, the query, the body.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams};
use boxoffice_core::change::RequestKey;
use boxoffice_engine::box_office::Caller;
use boxoffice_engine::catalogue::CatalogueKey;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, header};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::auth::Credential;
use super::body::{collect_in_time, too_large};
use super::problem::{Code, Problem};
use super::{App, Shared, json, names};

/// The first path parameter, as an id of the wanted kind.
pub struct Id<T>(pub T);

impl<T: PathId> FromRequestParts<Shared> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let absent = || Problem::new(T::ABSENT, "There is nothing of this id.");
        let parameters = RawPathParams::from_request_parts(parts, app).await.map_err(|_| absent())?;
        let text = parameters.iter().next().map(|(_, value)| value).ok_or_else(absent)?;
        text.parse().map(Id).map_err(|_| absent())
    }
}

/// An id that may stand in a path.
pub trait PathId: std::str::FromStr + Send {
    /// What to say of text that is no such id: the same as of an id that does not exist.
    const ABSENT: Code;
}

macro_rules! path_ids {
    ($($id:ty => $code:ident,)*) => {
        $(impl PathId for $id {
            const ABSENT: Code = Code::$code;
        })*
    };
}

path_ids! {
    boxoffice_core::id::CinemaId => CinemaNotFound,
    boxoffice_core::id::MovieId => MovieNotFound,
    boxoffice_core::id::AuditoriumId => AuditoriumNotFound,
    boxoffice_core::id::ShowtimeId => ShowtimeNotFound,
    boxoffice_core::id::HoldId => HoldNotFound,
    boxoffice_core::id::BookingId => BookingNotFound,
    boxoffice_core::plan::PlanHash => PlanNotFound,
}

/// Everything about a request but its path and its body.
pub struct Asked {
    /// Who asks.
    pub credential: Credential,
    /// Its headers.
    pub headers: HeaderMap,
    /// The hashed idempotency key.
    key: Option<[u8; 16]>,
    /// What the fingerprint begins with: method and path.
    target: String,
    query: Vec<(String, String)>,
    /// What is wrong with parameters that were taken.
    faults: QueryFaults,
}

/// What is wrong with a query: each fault by its parameter.
#[derive(Debug, Default)]
struct QueryFaults {
    code: Option<Code>,
    errors: Vec<Value>,
}

impl QueryFaults {
    /// The first code stays, unless it says less than a later one.
    fn note(&mut self, code: Code, parameter: &str, detail: impl Into<String>) {
        self.errors.push(serde_json::json!({"parameter": parameter, "detail": detail.into()}));
        if self.code.is_none_or(|known| known == Code::UnknownParameter) {
            self.code = Some(code);
        }
    }

    fn note_unknown(&mut self, query: &[(String, String)]) {
        for (name, _) in query {
            self.note(Code::UnknownParameter, name, "There is no such parameter here.");
        }
    }

    fn check(self) -> Result<(), Problem> {
        let Some(code) = self.code else { return Ok(()) };
        let detail = match &self.errors[..] {
            [only] if code != Code::UnknownParameter => {
                only["detail"].as_str().unwrap_or_default().to_owned()
            }
            _ if code == Code::UnknownParameter => "The query has unknown parameters; see errors.".to_owned(),
            _ => "The query has faults; see errors.".to_owned(),
        };
        Err(Problem::new(code, detail).with("errors", self.errors))
    }
}

impl FromRequestParts<Shared> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let credential = app.keys.credential(&parts.headers)?;
        app.learn_key_of(&credential).await;
        let key = if parts.method.is_safe() { None } else { idempotency_key(&parts.headers)? };
        let target =
            if key.is_some() { format!("{} {}", parts.method, parts.uri.path()) } else { String::new() };
        let query = parse_query(parts.uri.query().unwrap_or_default());
        let headers = std::mem::take(&mut parts.headers);
        Ok(Self { credential, headers, key, target, query, faults: QueryFaults::default() })
    }
}

/// A request for what is the same for everybody: it has no parameters, and nobody looks at its credentials.
pub struct Plain;

impl FromRequestParts<Shared> for Plain {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        let mut faults = QueryFaults::default();
        faults.note_unknown(&parse_query(parts.uri.query().unwrap_or_default()));
        faults.check()?;
        Ok(Self)
    }
}

/// A whole number in plain digits, at most the largest that a store can count to.
pub fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse::<i64>().ok().map(i64::unsigned_abs) } else { None }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<[u8; 16]>, Problem> {
    let mut values = headers.get_all(names::IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        let detail = "Idempotency-Key is there twice: which of them counts?";
        return Err(Problem::fault(Code::InvalidHeader, ("parameter", "Idempotency-Key"), detail));
    }
    let key = value.as_bytes();
    if !(16..=255).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
        let detail = "An Idempotency-Key has 16 to 255 visible ASCII characters, best a random UUID.";
        return Err(Problem::fault(Code::WeakIdempotencyKey, ("parameter", "Idempotency-Key"), detail));
    }
    Ok(Some(short_hash([key])))
}

/// The first 16 bytes of the SHA-256 of parts, each ended by a zero byte.
fn short_hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
        hasher.update([0]);
    }
    let full: [u8; 32] = hasher.finalize().into();
    let (short, _) = full.split_at(16);
    short.try_into().unwrap_or_default()
}

/// Name and value pairs of a query, percent-decoded; what is not UTF-8 is replaced.
fn parse_query(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            let hex = |byte: Option<u8>| (byte? as char).to_digit(16);
            let mut ahead = rest.clone();
            match (byte, hex(ahead.next()), hex(ahead.next())) {
                (b'%', Some(high), Some(low)) => {
                    bytes.push((high << 4 | low) as u8);
                    rest = ahead;
                }
                (b'+', ..) => bytes.push(b' '),
                (byte, ..) => bytes.push(byte),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

impl Asked {
    /// Takes a query parameter, which is thereby known.
    fn take_parameter(&mut self, name: &str) -> Option<String> {
        let at = self.query.iter().position(|(known, _)| known == name)?;
        let value = self.query.swap_remove(at).1;
        let taken = self.query.len();
        self.query.retain(|(known, _)| known != name);
        if self.query.len() < taken {
            self.faults.note(Code::InvalidField, name, "It is there more than once: which of them counts?");
        }
        Some(value)
    }

    /// Whether one of these parameters has a bare date.
    pub fn has_date(&self, names: &[&str]) -> bool {
        self.query.iter().any(|(name, value)| names.contains(&name.as_str()) && read_date(value).is_some())
    }

    /// A query parameter, read; a value that cannot be is a fault, of which [`Self::no_more_parameters`] tells.
    pub fn read_parameter<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
        expected: &str,
    ) -> Option<T> {
        let found = read(&self.take_parameter(name)?);
        if found.is_none() {
            self.faults.note(Code::InvalidField, name, format!("It must be {expected}."));
        }
        found
    }

    /// A query parameter that is text to look for.
    pub fn text_parameter(&mut self, name: &str) -> Option<String> {
        let plain = |text: &str| json::is_plain(text).then(|| text.to_owned());
        self.read_parameter(name, plain, "text without control characters")
    }

    /// The limit of a list: 50, or as asked, from 1 to 200.
    pub fn limit(&mut self) -> usize {
        let read =
            |text: &str| number(text).map(|limit| limit as usize).filter(|limit| (1..=200).contains(limit));
        self.read_parameter("limit", read, "a number from 1 to 200").unwrap_or(50)
    }

    /// The place where a list goes on.
    pub fn cursor<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let found = read(&self.take_parameter("after")?);
        if found.is_none() {
            let detail = "Pass the `next` of the answer before, unchanged.";
            self.faults.note(Code::InvalidCursor, "after", detail);
        }
        found
    }

    /// Ends the query: refuses faults of parameters that were taken, and those that nobody took.
    pub fn no_more_parameters(&mut self) -> Result<(), Problem> {
        let mut faults = std::mem::take(&mut self.faults);
        faults.note_unknown(&self.query);
        faults.check()
    }

    /// The caller of a command, with the fingerprint of what is asked. In commands a member that is null counts as absent.
    pub fn caller(&self, body: &Value) -> Caller {
        let request = self.key.map(|key| {
            let mut body = body.clone();
            if let Some(members) = body.as_object_mut() {
                members.retain(|_, value| !value.is_null());
            }
            RequestKey { key, fingerprint: self.fingerprint(&body) }
        });
        Caller { actor: self.credential.actor(), request }
    }

    /// The idempotency key of a request to the catalogue, under which `answer` is kept.
    pub fn catalogue_key(&self, app: &App, body: &Value, answer: Vec<u8>) -> Option<CatalogueKey> {
        let key = self.key?;
        let caller = self.credential.actor().to_string().into();
        Some(CatalogueKey { caller, key, fingerprint: self.fingerprint(body), at: app.office.now(), answer })
    }

    /// The same for every spelling of the same request by the same caller.
    fn fingerprint(&self, body: &Value) -> [u8; 16] {
        let caller = self.credential.actor().to_string();
        let mut body = body.clone();
        spell(&mut body);
        body.sort_all_objects();
        short_hash([self.target.as_bytes(), caller.as_bytes(), body.to_string().as_bytes()])
    }
}

/// Spells what has several spellings in one: whole numbers without a fraction, a seat that is wished for without more
/// by its label alone.
fn spell(value: &mut Value) {
    const EXACT: f64 = (1u64 << 53) as f64;
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|whole| number.is_f64() && whole.fract() == 0.0);
            if let Some(whole) = whole.filter(|whole| whole.abs() < EXACT) {
                *value = (whole as i64).into();
            }
        }
        Value::Array(items) => {
            for item in items {
                spell(item);
                let wish = item.as_object_mut().filter(|wish| {
                    wish.get("ticket").is_none_or(Value::is_null)
                        && wish.keys().all(|name| name == "seat" || name == "ticket")
                });
                if let Some(seat) = wish.and_then(|wish| wish.remove("seat")) {
                    *item = seat;
                }
            }
        }
        Value::Object(members) => members.values_mut().for_each(spell),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// A bare date: `2026-11-22`, and nothing else.
pub fn read_date(text: &str) -> Option<jiff::civil::Date> {
    const LENGTH: usize = "2026-11-22".len();
    text.parse().ok().filter(|_| text.len() == LENGTH)
}

/// A request with a body of at most `http.max_body_bytes`.
pub struct AskedWithBody(pub Asked, pub Value);

impl FromRequest<Shared> for AskedWithBody {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &Shared) -> Result<Self, Problem> {
        let (mut asked, bytes) = read(request, app, app.config.http.max_body_bytes).await?;
        let value = json::parse(&bytes)?;
        asked.no_more_parameters()?;
        Ok(Self(asked, value))
    }
}

/// A request whose body may be left out, which counts as `{}`.
pub struct AskedWithOptionalBody(pub Asked, pub Value);

impl FromRequest<Shared> for AskedWithOptionalBody {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &Shared) -> Result<Self, Problem> {
        let (mut asked, bytes) = read_any(request, app, app.config.http.max_body_bytes).await?;
        asked.no_more_parameters()?;
        if bytes.is_empty() {
            return Ok(Self(asked, Value::Object(serde_json::Map::new())));
        }
        require_json(&asked.headers)?;
        let value = json::parse(&bytes)?;
        Ok(Self(asked, value))
    }
}

/// The request and the bytes of its JSON body.
pub async fn read(request: Request<Body>, app: &Shared, limit: usize) -> Result<(Asked, Bytes), Problem> {
    if request.headers().contains_key(header::EXPECT) {
        require_json(request.headers())?;
    }
    let (asked, bytes) = read_any(request, app, limit).await?;
    require_json(&asked.headers)?;
    Ok((asked, bytes))
}

async fn read_any(request: Request<Body>, app: &Shared, limit: usize) -> Result<(Asked, Bytes), Problem> {
    let (mut parts, body) = request.into_parts();
    let asked = Asked::from_request_parts(&mut parts, app).await?;
    if asked.headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let detail = "The body must come as it is, without a Content-Encoding.";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    // Who asks before sending is told before sending.
    let announced =
        asked.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if asked.headers.contains_key(header::EXPECT)
        && announced.is_some_and(|length: u64| length > limit as u64)
    {
        return Err(too_large(limit));
    }
    let bytes = collect_in_time(app, body, limit).await?;
    Ok((asked, bytes))
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, "The body must come as Content-Type: application/json."))
}
