//! What a setting can be: numbers, texts and lists, each with its form in the TOML file.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A value as the TOML file has it.
pub(super) trait TomlValue {
    /// Its text there.
    fn toml(&self) -> String;
}

macro_rules! bare {
    ($($number:ty)*) => {
        $(impl TomlValue for $number {
            fn toml(&self) -> String {
                self.to_string()
            }
        })*
    };
}

bare! { u16 u32 u64 usize bool }

impl TomlValue for String {
    fn toml(&self) -> String {
        toml::Value::String(self.clone()).to_string()
    }
}

/// A list, in flags and variables with commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl<T: fmt::Display> fmt::Display for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if number == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl<T: fmt::Display> TomlValue for List<T> {
    fn toml(&self) -> String {
        let items = self.0.iter().map(|item| item.to_string().toml());
        format!("[{}]", items.collect::<Vec<_>>().join(", "))
    }
}

/// An origin of web pages: scheme, host, and the port where it is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// As browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "an origin is a scheme, a host and perhaps a port, as in https://tickets.example, without a slash at the end";
        if text == "*" {
            return Err("every origin is too many, because answers are given with credentials; list them");
        }
        let (scheme, host) = text.split_once("://").ok_or(WANTED)?;
        let port = host
            .rsplit_once(':')
            .map(|(_, port)| port)
            .filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]_".contains(&byte);
        if !["http", "https"].contains(&scheme) || host.is_empty() || !host.bytes().all(plain) {
            return Err(WANTED);
        }
        if matches!((scheme, port), ("http", Some("80")) | ("https", Some("443"))) {
            return Err("browsers leave out the port that is the scheme's own; so must an origin here");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Addresses: a network such as 10.0.0.0/8, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address is in it. An IPv4 address that comes by IPv6 counts as what it is.
    pub fn has(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network
            .map(Self)
            .map_err(|_| "a network is an address, a slash and a length, as in 10.0.0.0/8, or one address")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_as_browsers_send_it() {
        for good in ["https://tickets.example", "http://localhost:5173", "http://[::1]:8080"] {
            assert_eq!(good.parse::<Origin>().unwrap().as_str(), good);
        }
        for bad in [
            "*",
            "null",
            "tickets.example",
            "https://",
            "https://a.example/",
            "https://A.example",
            "ftp://a",
            "https://a.example:443",
            "https://a b",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_has_its_addresses_in_either_form() {
        let has =
            |network: &str, address: &str| network.parse::<Network>().unwrap().has(address.parse().unwrap());
        assert!(has("10.0.0.0/8", "10.1.2.3") && has("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(has("127.0.0.1", "127.0.0.1") && !has("127.0.0.1", "127.0.0.2"));
        assert!(has("fd00::/8", "fd12::1") && !has("fd00::/8", "10.1.2.3"));
        assert!("10.0.0.0/33".parse::<Network>().is_err() && "proxy".parse::<Network>().is_err());
    }

    #[test]
    fn a_list_has_commas_outside_the_file_and_brackets_in_it() {
        let list: List<Origin> = " https://a.example, https://b.example ,".parse().unwrap();
        assert_eq!(list.to_string(), "https://a.example,https://b.example");
        assert_eq!(list.toml(), "[\"https://a.example\", \"https://b.example\"]");
        assert!("".parse::<List<Origin>>().unwrap().0.is_empty());
    }
}
