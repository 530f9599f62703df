//! Where the database is: a `postgres://` URL, with the words on TLS that the driver does not know by itself.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::OpenError;
use crate::tls::{self, Trust};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a wire may be silent before it is asked whether it is there; cut for good after three such questions.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// How long what was sent may stay without the other side's acknowledgement.
const UNACKNOWLEDGED: Duration = Duration::from_secs(3);

/// A database's address, understood.
#[derive(Clone)]
pub struct Address {
    pub(crate) config: Config,
    pub(crate) tls: MakeRustlsConnect,
    shown: String,
}

impl fmt::Display for Address {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.shown)
    }
}

/// Whether this names a PostgreSQL database, by its scheme.
pub fn is_postgres(store: &str) -> bool {
    store.starts_with("postgres://") || store.starts_with("postgresql://")
}

impl Address {
    /// Reads a URL as libpq's: several hosts with commas between them, `sslmode` and `sslrootcert` as parameters.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        let shown = without_password(url);
        let invalid = |why: String| OpenError::Address { address: shown.clone(), why };
        if !is_postgres(url) {
            return Err(invalid("it must begin with postgres://".into()));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut root) = ("prefer".to_owned(), None);
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "sslmode" => mode = value,
                "sslrootcert" => root = Some(value),
                _ => rest.push(pair),
            }
        }
        let rest = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let mut config = Config::from_str(&rest).map_err(|error| invalid(crate::error::words(&error)))?;
        let (mode, trust) = match mode.as_str() {
            "disable" => (SslMode::Disable, Trust::Anybody),
            "prefer" => (SslMode::Prefer, Trust::Anybody),
            "require" if root.is_none() => (SslMode::Require, Trust::Anybody),
            // As libpq has it: who names a root wants it looked at.
            "require" | "verify-full" => (SslMode::Require, Trust::Roots(root)),
            other => {
                let why = format!("sslmode is disable, prefer, require or verify-full, not {other}");
                return Err(invalid(why));
            }
        };
        config
            .ssl_mode(mode)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            .keepalives_retries(2)
            .tcp_user_timeout(UNACKNOWLEDGED)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("boxoffice");
        }
        let tls = tls::connector(&trust).map_err(invalid)?;
        Ok(Self { config, tls, shown })
    }
}

/// A URL as it may stand in logs.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // A slash in a password that is not escaped must not make the rest of it show.
    let user_end = rest.split('?').next().and_then(|rest| rest.rfind('@')).unwrap_or(0);
    let end = rest[user_end..].find(['/', '?']).map_or(rest.len(), |end| user_end + end);
    let (authority, tail) = rest.split_at(end);
    let (tail, query) = tail.split_once('?').unwrap_or((tail, ""));
    let authority = match authority.rsplit_once('@') {
        Some((user, hosts)) => format!("{}@{hosts}", user.split(':').next().unwrap_or_default()),
        None => authority.to_owned(),
    };
    let kept: Vec<_> =
        query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("password=")).collect();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    format!("{scheme}://{authority}{tail}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let address = Address::parse("postgres://shop:s3cret@db1,db2:6432/sales?sslmode=require&password=x");
        assert_eq!(address.unwrap().to_string(), "postgres://shop@db1,db2:6432/sales?sslmode=require");
        let refused =
            Address::parse("postgres://shop:s3cret@db/sales?sslmode=often").unwrap_err().to_string();
        assert!(refused.contains("sslmode") && !refused.contains("s3cret"), "{refused}");
        assert_eq!(without_password("postgres://shop:s3/cret@db/sales?x=1"), "postgres://shop@db/sales?x=1");
    }

    #[test]
    fn hosts_and_modes_are_read() {
        let address = Address::parse("postgresql://a@h1:1,h2:2/d?sslmode=disable").unwrap();
        assert_eq!(address.config.get_hosts().len(), 2);
        assert_eq!(address.config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(Address::parse("postgres://h/d").unwrap().config.get_ssl_mode(), SslMode::Prefer);
        for wrong in ["mysql://h/d", "postgres://h/d?sslrootcert=/nowhere&sslmode=verify-full"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
