//! Small texts: JSON, ids, tokens and keys, the config.

use std::fmt::Display;
use std::str::FromStr;

use boxoffice::config::{Config, Loaded, Scope, read_toml};
use boxoffice::http::auth::{Credential, Keys, Tokens};
use boxoffice_core::id::{AuditoriumId, BookingId, CinemaId, HoldId, MovieId, Reference, ShowtimeId};
use boxoffice_core::plan::PlanHash;
use boxoffice_engine::store::TokenKey;
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

use crate::words::ADMIN_KEY;

/// What the strict reader takes, the usual one takes as the same value; what only the usual one takes has a member
/// twice, so it is not the same when written again.
pub(super) fn json(input: &[u8]) {
    let usual = serde_json::from_slice::<Value>(input);
    match boxoffice::http::json::parse(input) {
        Ok(strict) => {
            assert_eq!(usual.ok().as_ref(), Some(&strict));
            // A fraction may be read one unit in the last place beside where it was written; nothing here relies on it.
            if has_fraction(&strict) {
                return;
            }
            let written = strict.to_string();
            let again = boxoffice::http::json::parse(written.as_bytes());
            assert_eq!(again.ok().as_ref(), Some(&strict), "written again: {written}");
        }
        Err(_) => {
            let Ok(usual) = usual else { return };
            assert!(members(input) > members(usual.to_string().as_bytes()), "{usual} was refused");
        }
    }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(members) => members.values().any(has_fraction),
        _ => false,
    }
}

/// How many colons stand outside of strings: one for each member of valid JSON.
fn members(json: &[u8]) -> usize {
    let (mut inside, mut escaped, mut count) = (false, false, 0);
    for byte in json {
        match (inside, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => inside = !inside,
            (false, b':') => count += 1,
            _ => {}
        }
    }
    count
}

/// Text that is an id of some kind is how that id is shown, but for a hash or a reference, which people type in.
pub(super) fn ids(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    one_text::<ShowtimeId>(text);
    one_text::<CinemaId>(text);
    one_text::<MovieId>(text);
    one_text::<AuditoriumId>(text);
    one_text::<HoldId>(text);
    one_text::<BookingId>(text);
    shown_as_itself::<PlanHash>(text);
    shown_as_itself::<Reference>(text);
}

fn one_text<T: FromStr + Display + Copy>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        assert_eq!(id.to_string(), text);
    }
}

fn shown_as_itself<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert!(value.to_string().parse().is_ok_and(|again: T| again == value), "{text} is shown as {value}");
    }
}

/// As an Authorization header: it opens a hold only if it is the hold's token, and is a key only if it is the key's
/// secret.
pub(super) fn tokens(input: &[u8]) {
    const HOLD: &str = "hld_000000000a0000000000001";
    let Ok(value) = HeaderValue::from_bytes(input) else { return };
    let keys = [3, 4].map(|id| TokenKey {
        id,
        secret: [id as u8; 32],
        made_at: boxoffice_core::time::Timestamp::from_ms(0),
        revoked: false,
    });
    let tokens = Tokens::new(keys.into());
    let mut config = Config::default();
    config.main.admin_key = ADMIN_KEY.to_owned();
    let keys = Keys::new(&config);
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, value);
    let Ok(credential) = keys.credential(&headers) else { return };
    let given = std::str::from_utf8(input).unwrap_or_default();
    let secret = given.split_once(' ').map_or("", |(_, secret)| secret.trim());
    match &credential {
        Credential::None => panic!("a header is never nothing"),
        Credential::Token(_) => {
            let own = [3, 4].iter().any(|id| tokens.of(HOLD, *id) == secret);
            let opens = credential.require_token(&tokens, HOLD, Scope::Read).is_ok();
            assert_eq!(opens, own, "{secret}");
        }
        Credential::Key { scope, .. } => {
            assert_eq!((secret, *scope), (ADMIN_KEY, Scope::Admin));
        }
    }
}

/// As a TOML file: what is taken can be set by name again, key by key, and is the same then.
pub(super) fn config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Loaded { config, faults, .. } = read_toml(text, "boxoffice.toml");
    if !faults.is_empty() {
        assert!(faults.iter().all(|fault| !fault.to_string().is_empty()));
        return;
    }
    let mut again = Config::default();
    let values = |config: &Config| -> Vec<(String, String)> {
        let text = |name: String| (name.clone(), config.text(&name).trim().to_owned());
        Config::key_infos().into_iter().map(|info| text(info.name)).collect()
    };
    for (key, value) in values(&config) {
        assert_eq!(again.set(&key, &value), Ok(()), "{key} = {value:?}");
    }
    assert_eq!(values(&config), values(&again));
    let kept = |config: &Config| config.check().is_ok();
    assert_eq!(kept(&config), kept(&again));
}
