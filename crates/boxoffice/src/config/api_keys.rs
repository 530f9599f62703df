//! API keys: a name, the SHA-256 of the secret, and what it may do.

use super::ConfigError;

/// The name of the key that `admin_key` gives, as events record it.
pub const ADMIN_NAME: &str = "admin";

/// What a key may do; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Read bookings and events.
    Read,
    /// Block, confirm, cancel.
    Sell,
    /// Everything.
    Admin,
}

impl Scope {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Sell => "sell",
            Self::Admin => "admin",
        }
    }
}

/// A key that clients may authenticate with. The secret itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name, as events record it.
    pub name: String,
    /// The SHA-256 of the secret.
    pub sha256: [u8; 32],
    /// What it may do.
    pub scope: Scope,
}

impl ApiKey {
    /// Reads one of the `[[keys]]` of the TOML file.
    pub(super) fn read(table: &toml::Table, number: usize) -> Result<Self, ConfigError> {
        let place = format!("keys[{number}]");
        let invalid =
            |key: &str, why: &str| ConfigError::Invalid { key: format!("{place}.{key}"), why: why.into() };
        if let Some(unknown) = table.keys().find(|key| !["name", "sha256", "scope"].contains(&key.as_str())) {
            return Err(ConfigError::Unknown { key: unknown.clone(), source_name: place });
        }
        let text =
            |key: &str| table.get(key).and_then(toml::Value::as_str).ok_or(invalid(key, "it must be a text"));
        let name = text("name")?;
        if name.is_empty() || name.len() > 64 || ["patron", "system"].contains(&name) {
            return Err(invalid("name", "it must have 1 to 64 characters and not be patron or system"));
        }
        let scope = match text("scope")? {
            "read" => Scope::Read,
            "sell" => Scope::Sell,
            "admin" => Scope::Admin,
            _ => return Err(invalid("scope", "it must be one of read, sell, admin")),
        };
        let sha256 = from_hex(text("sha256")?).ok_or(invalid("sha256", "it must be 64 hex digits"))?;
        Ok(Self { name: name.to_owned(), sha256, scope })
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}
