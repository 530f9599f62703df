//! Who asks: tokens of holds and bookings, and API keys.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boxoffice_core::change::Actor;
use boxoffice_engine::store::TokenKey;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::{Code, Problem};
use crate::config::{ADMIN_NAME, ApiKey, Config, Scope};

const PREFIX: &str = "tok_";
const MAC_BYTES: usize = 16;

/// Makes and verifies tokens: MACs (HMAC-SHA-256, cut to 16 bytes) of an id under a key that lives in the store, so
/// that nothing secret is stored for each hold and any node can verify them without a look-up.
pub struct Tokens {
    keys: ArcSwap<Vec<Keyed>>,
}

/// A key, ready for use.
struct Keyed {
    id: u32,
    revoked: bool,
    /// The MAC as it is before any id.
    mac: Hmac<Sha256>,
}

/// Why a token was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WrongToken {
    /// It is of something else, or forged.
    Foreign,
    /// Its key was revoked.
    Revoked,
}

impl Tokens {
    /// With the store's keys, oldest first.
    pub fn new(keys: Vec<TokenKey>) -> Self {
        Self { keys: ArcSwap::from_pointee(keyed(keys)) }
    }

    /// The store's keys are these now.
    pub fn replace(&self, keys: Vec<TokenKey>) {
        self.keys.store(Arc::new(keyed(keys)));
    }

    /// The token of a hold or booking, made with the key that its record names. A revoked key still makes the token
    /// that it made before, so that a repeated answer is the first one; nobody takes it.
    pub fn of(&self, id: &str, key_id: u32) -> String {
        let mut bytes = [0; 4 + MAC_BYTES];
        bytes[..4].copy_from_slice(&key_id.to_be_bytes());
        if let Some(key) = self.keys.load().iter().find(|key| key.id == key_id) {
            bytes[4..].copy_from_slice(&key.mac(id));
        }
        let mut token = String::with_capacity(PREFIX.len() + 27);
        token.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut token);
        token
    }

    /// Whether a token's key is known. What is no token has none that could be learnt.
    pub fn knows_key_of(&self, token: &str) -> bool {
        let known = |id| self.keys.load().iter().any(|key| key.id == id);
        split(token).is_none_or(|(id, _)| known(id))
    }

    fn verify(&self, id: &str, token: &str) -> Result<(), WrongToken> {
        let (key_id, mac) = split(token).ok_or(WrongToken::Foreign)?;
        let keys = self.keys.load();
        let key = keys.iter().find(|key| key.id == key_id).ok_or(WrongToken::Foreign)?;
        if !bool::from(key.mac(id).as_slice().ct_eq(&mac)) {
            return Err(WrongToken::Foreign);
        }
        if key.revoked { Err(WrongToken::Revoked) } else { Ok(()) }
    }
}

fn keyed(keys: Vec<TokenKey>) -> Vec<Keyed> {
    let keyed = |key: TokenKey| {
        Some(Keyed { id: key.id, revoked: key.revoked, mac: Hmac::new_from_slice(&key.secret).ok()? })
    };
    keys.into_iter().filter_map(keyed).collect()
}

impl Keyed {
    fn mac(&self, id: &str) -> [u8; MAC_BYTES] {
        let mut mac = self.mac.clone();
        mac.update(id.as_bytes());
        let full = mac.finalize().into_bytes();
        full[..MAC_BYTES].try_into().unwrap_or_default()
    }
}

/// The key id and the MAC of a token.
fn split(token: &str) -> Option<(u32, [u8; MAC_BYTES])> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
    let (key_id, mac) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*key_id), mac.try_into().ok()?))
}

/// What a request brought along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    None,
    /// Something that looks like a token; whose it is depends on what it is used for.
    Token(String),
    /// A known API key.
    Key {
        /// Its name.
        name: String,
        /// What it may do.
        scope: Scope,
    },
}

/// The API keys of the config.
#[derive(Debug)]
pub struct Keys(Vec<ApiKey>);

impl Keys {
    /// The config's `[[keys]]` and its `admin_key`.
    pub fn new(config: &Config) -> Self {
        let mut keys = config.keys.clone();
        if !config.main.admin_key.is_empty() {
            let sha256 = Sha256::digest(config.main.admin_key.as_bytes()).into();
            keys.push(ApiKey { name: ADMIN_NAME.to_owned(), sha256, scope: Scope::Admin });
        }
        Self(keys)
    }

    /// Whether there is none, so that nothing can be administered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the Authorization header. An API key that is not known is refused at once.
    pub fn credential(&self, headers: &HeaderMap) -> Result<Credential, Problem> {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(Credential::None) };
        let text = value.to_str().unwrap_or_default();
        let (scheme, secret) = text.split_once(' ').unwrap_or((text, ""));
        let secret = secret.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || secret.is_empty() {
            return Err(Problem::new(Code::CredentialsWrong, "The Authorization header must be `Bearer …`."));
        }
        if secret.starts_with(PREFIX) {
            return Ok(Credential::Token(secret.to_owned()));
        }
        let sha256: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        // Every key is compared, so that the time tells nothing.
        let mut found = None;
        for key in &self.0 {
            if key.sha256.ct_eq(&sha256).into() {
                found = Some(Credential::Key { name: key.name.clone(), scope: key.scope });
            }
        }
        found.ok_or_else(|| Problem::new(Code::CredentialsWrong, "This API key is not known."))
    }
}

impl Credential {
    /// Who acts, for the event log.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Key { name, .. } => Actor::Key(name.as_str().into()),
            Self::None | Self::Token(_) => Actor::Patron,
        }
    }

    /// Whether it is a key of at least this scope.
    pub fn has(&self, needed: Scope) -> bool {
        matches!(self, Self::Key { scope, .. } if *scope >= needed)
    }

    /// Whether tokens may be shown to whoever asks: a key that may only look must not learn what lets it do more.
    pub fn may_use_tokens(&self) -> bool {
        !matches!(self, Self::Key { scope, .. } if *scope < Scope::Sell)
    }

    /// Refuses whoever has no key of at least this scope.
    pub fn require(&self, needed: Scope) -> Result<(), Problem> {
        match self {
            Self::Key { scope, .. } if *scope >= needed => Ok(()),
            Self::Key { .. } => {
                let detail = format!("This needs a key of scope {}.", needed.as_str());
                Err(Problem::new(Code::ScopeMissing, detail).with("scope", needed.as_str()))
            }
            Self::Token(_) => {
                Err(Problem::new(Code::CredentialsWrong, "This needs an API key, not a token."))
            }
            Self::None => Err(missing("This needs an API key.")),
        }
    }

    /// Refuses whoever has neither the token of `id` nor a key of at least this scope.
    pub fn require_token(&self, tokens: &Tokens, id: &str, or: Scope) -> Result<(), Problem> {
        match self {
            Self::Token(token) => tokens.verify(id, token).map_err(|wrong| {
                let detail = match wrong {
                    WrongToken::Foreign => "This token belongs to something else.",
                    WrongToken::Revoked => "The key that this token was made with has been revoked.",
                };
                Problem::new(Code::CredentialsWrong, detail)
            }),
            Self::None => Err(missing("This needs the token that was given out with it, or an API key.")),
            Self::Key { .. } => self.require(or),
        }
    }
}

fn missing(detail: &'static str) -> Problem {
    Problem::new(Code::CredentialsMissing, detail)
}

#[cfg(test)]
mod tests {
    use boxoffice_core::time::Timestamp;

    use super::*;

    fn key(id: u32, revoked: bool) -> TokenKey {
        TokenKey { id, secret: [9; 32], made_at: Timestamp::default(), revoked }
    }

    #[test]
    fn a_token_opens_its_own_hold_alone() {
        let tokens = Tokens::new(vec![key(3, false)]);
        let token = tokens.of("hld_1", 3);
        assert_eq!(tokens.verify("hld_1", &token), Ok(()));
        let refused = |id: &str, token: &str| tokens.verify(id, token) == Err(WrongToken::Foreign);
        assert!(refused("hld_2", &token));
        assert!(refused("bkg_1", &token));
        for at in PREFIX.len()..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert!(refused("hld_1", std::str::from_utf8(&forged).unwrap()), "byte {at}");
        }
        assert!(refused("hld_1", &tokens.of("hld_1", 4)), "an unknown key id");
        assert!(refused("hld_1", PREFIX));
    }

    #[test]
    fn a_revoked_key_makes_the_same_token_which_is_refused() {
        let tokens = Tokens::new(vec![key(3, false)]);
        let token = tokens.of("hld_1", 3);
        assert!(!tokens.knows_key_of(&Tokens::new(vec![key(4, false)]).of("hld_1", 4)));
        tokens.replace(vec![key(3, true), key(4, false)]);
        assert_eq!(tokens.of("hld_1", 3), token);
        assert_eq!(tokens.verify("hld_1", &token), Err(WrongToken::Revoked));
        assert_eq!(
            tokens.verify("hld_2", &token),
            Err(WrongToken::Foreign),
            "nothing is told of a forged one"
        );
        assert_eq!(tokens.verify("hld_1", &tokens.of("hld_1", 4)), Ok(()));
        assert!(tokens.knows_key_of("tok_junk"), "there is nothing to learn about it");
    }
}
