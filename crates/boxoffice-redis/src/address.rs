//! Addresses: a URL that names a single server, the nodes of a Cluster or the Sentinels of a master.

use std::fmt;

use percent_encoding::percent_decode_str;
use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisConnectionInfo};

/// Redis's own port, and Sentinel's.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// What stands at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One server.
    Single,
    /// Some nodes of a Cluster.
    Cluster,
    /// Sentinels, which know where the master of this name is.
    Sentinel(String),
}

/// A server's host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// Where Redis is: `redis://[user:password@]host[:port][,host…][/database]`, with `rediss` for TLS, or
/// `redis+sentinel://master[:password]@sentinel[,sentinel…][/database]`. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(crate) kind: Kind,
    pub(crate) hosts: Vec<Host>,
    tls: bool,
    user: Option<String>,
    password: Option<String>,
    database: i64,
}

/// Why a text is no address. It does not repeat the text, which may have a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It begins with something else.
    #[error("it must begin with redis://, rediss://, redis+sentinel:// or rediss+sentinel://")]
    Scheme,
    /// A host or port is missing or wrong.
    #[error("a host must be a name or an address, and a port if need be, as in redis-1:6379 or [::1]:6379")]
    Host,
    /// The master's name is missing.
    #[error("the master's name must stand before the Sentinels, as in redis+sentinel://tickets@host1,host2")]
    Master,
    /// What follows the slash is no number, or there is none in a Cluster.
    #[error("after the slash there can only be the number of a database, and in a Cluster there is only 0")]
    Database,
    /// A user or password is not percent-encoded as it must be.
    #[error("user and password must be percent-encoded UTF-8, without any of :/?#@ as they are")]
    Credentials,
}

impl std::str::FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let (scheme, rest) = text.split_once("://").ok_or(BadAddress::Scheme)?;
        let (tls, sentinel) = match scheme {
            "redis" => (false, false),
            "rediss" => (true, false),
            "redis+sentinel" => (false, true),
            "rediss+sentinel" => (true, true),
            _ => return Err(BadAddress::Scheme),
        };
        let (credentials, place) = rest.rsplit_once('@').map_or((None, rest), |(c, p)| (Some(c), p));
        let (first, password) = credentials.map_or(Ok((None, None)), read_credentials)?;
        let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
        let default_port = if sentinel { SENTINEL_PORT } else { PORT };
        let parts = hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
        let hosts: Vec<_> = parts.map(|host| read_host(host, default_port)).collect::<Result<_, _>>()?;
        if hosts.is_empty() {
            return Err(BadAddress::Host);
        }
        let database = if database.is_empty() { Ok(0) } else { database.parse() };
        let database = database.ok().filter(|number| (0..=0xffff).contains(number));
        let database = database.ok_or(BadAddress::Database)?;
        let (kind, user) = match (sentinel, hosts.len()) {
            (true, _) => (Kind::Sentinel(first.ok_or(BadAddress::Master)?), None),
            (false, 1) => (Kind::Single, first),
            (false, _) => (Kind::Cluster, first),
        };
        if kind == Kind::Cluster && database != 0 {
            return Err(BadAddress::Database);
        }
        Ok(Self { kind, hosts, tls, user, password, database })
    }
}

/// What stands before and after the colon.
fn read_credentials(text: &str) -> Result<(Option<String>, Option<String>), BadAddress> {
    let decode = |part: &str| {
        if part.contains([':', '/', '?', '#', '@']) {
            return Err(BadAddress::Credentials);
        }
        let decoded = percent_decode_str(part).decode_utf8().map_err(|_| BadAddress::Credentials)?;
        Ok((!decoded.is_empty()).then(|| decoded.into_owned()))
    };
    let (first, password) = text.split_once(':').unwrap_or((text, ""));
    Ok((decode(first)?, decode(password)?))
}

fn read_host(text: &str, default_port: u16) -> Result<Host, BadAddress> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']').ok_or(BadAddress::Host)?;
            (name, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(BadAddress::Host)?) })
        }
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let port = port.map_or(Ok(default_port), str::parse).map_err(|_| BadAddress::Host)?;
    if name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || "?#[]@".contains(letter)) {
        return Err(BadAddress::Host);
    }
    Ok(Host { name: name.to_owned(), port })
}

impl Address {
    /// How to connect to one of its servers.
    pub(crate) fn server(&self, host: &Host) -> redis::RedisResult<ConnectionInfo> {
        let mut settings = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        let info = self.place(host).into_connection_info()?;
        // Calls are small and somebody waits for each.
        let tcp = TcpSettings::default().set_nodelay(true);
        Ok(info.set_tcp_settings(tcp).set_redis_settings(settings.set_db(self.database)))
    }

    /// How to connect to a Sentinel, which has neither the master's password nor databases.
    pub(crate) fn sentinel(&self, host: &Host) -> redis::RedisResult<ConnectionInfo> {
        self.place(host).into_connection_info()
    }

    fn place(&self, host: &Host) -> ConnectionAddr {
        let (name, port) = (host.name.clone(), host.port);
        if self.tls {
            ConnectionAddr::TcpTls { host: name, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(name, port)
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "rediss" } else { "redis" })?;
        let user = match &self.kind {
            Kind::Sentinel(master) => {
                f.write_str("+sentinel")?;
                Some(master)
            }
            _ => self.user.as_ref(),
        };
        f.write_str("://")?;
        if user.is_some() || self.password.is_some() {
            f.write_str(user.map_or("", String::as_str))?;
            f.write_str(if self.password.is_some() { ":***@" } else { "@" })?;
        }
        for (number, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if number == 0 { "" } else { "," })?;
        }
        if self.database == 0 { Ok(()) } else { write!(f, "/{}", self.database) }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (given, shown) in [
            ("redis://localhost", "redis://localhost:6379"),
            ("redis://:secret@localhost:1/3", "redis://:***@localhost:1/3"),
            ("rediss://me:s%40cret@[::1],b:7,", "rediss://me:***@[::1]:6379,b:7"),
            ("redis+sentinel://tickets@a,b:1", "redis+sentinel://tickets@a:26379,b:1"),
            ("redis+sentinel://tickets:secret@a", "redis+sentinel://tickets:***@a:26379"),
        ] {
            let address: Address = given.parse().unwrap();
            assert_eq!((address.to_string(), format!("{address:?}")), (shown.to_owned(), shown.to_owned()));
        }
    }

    #[test]
    fn one_host_is_a_server_and_several_are_a_cluster() {
        let kind = |text: &str| text.parse::<Address>().unwrap().kind;
        assert_eq!(kind("redis://a"), Kind::Single);
        assert_eq!(kind("redis://a,b,c"), Kind::Cluster);
        assert_eq!(kind("redis+sentinel://tickets@a,b"), Kind::Sentinel("tickets".into()));
    }

    #[test]
    fn what_is_wrong_is_named_without_repeating_it() {
        for (given, why) in [
            ("localhost:6379", BadAddress::Scheme),
            ("http://a", BadAddress::Scheme),
            ("redis://", BadAddress::Host),
            ("redis://a:port", BadAddress::Host),
            ("redis://a/first", BadAddress::Database),
            ("redis://a,b/1", BadAddress::Database),
            ("redis+sentinel://a,b", BadAddress::Master),
            ("redis://me:a/b@host", BadAddress::Credentials),
            ("redis://me:%ff@host", BadAddress::Credentials),
        ] {
            assert_eq!(given.parse::<Address>(), Err(why), "{given}");
        }
    }
}
