//! Where a request comes from and how it looked there: behind a proxy that is known, what the proxy says of it.
//!
//! The scheme matters for links, where `public_url` is not set; the client's address only for the log, where
//! `log.addresses` wants it. Nobody is refused by address.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue, header};

use super::{App, names};
use crate::config::{Config, List, Network};

/// The client's address, as an extension of requests for which it matters.
#[derive(Debug, Clone, Copy)]
pub struct Client(pub IpAddr);

/// What a request says of the way that it came.
#[derive(Debug, Clone)]
pub struct Passed {
    /// What links in its answer begin with, if not with the server's own address.
    pub links: Option<String>,
    /// The client's address, if it is logged.
    pub address: Option<IpAddr>,
    /// The trace that it belongs to, as it was sent.
    pub trace: Option<HeaderValue>,
}

impl App {
    /// Notes what the answer and the log will want to know of a request.
    pub fn passed(&self, headers: &HeaderMap, peer: SocketAddr) -> Passed {
        let proxies = &self.config.main.proxies;
        let proxied = || trusted(proxies, peer.ip()) || proxies.0.is_empty();
        Passed {
            links: (!self.links_are_fixed && proxied()).then(|| links(proxies, peer.ip(), headers)).flatten(),
            address: self.config.log.addresses.then(|| client(proxies, peer.ip(), headers)),
            trace: headers.get(names::TRACE).filter(|trace| is_trace(trace.as_bytes())).map(copied),
        }
    }
}

/// Whether links begin with the same whoever asks: with `public_url`, or, where nobody stands in front, with the one
/// address that is listened on.
pub fn links_are_fixed(config: &Config) -> bool {
    let one_address =
        || config.main.listen.parse::<SocketAddr>().is_ok_and(|listen| !listen.ip().is_unspecified());
    !config.main.public_url.is_empty() || (config.main.proxies.0.is_empty() && one_address())
}

/// A copy: a slice would keep the connection's buffer from being used again until the answer is there.
pub(super) fn copied(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or(HeaderValue::from_static(""))
}

/// Scheme and host as the client saw them.
fn links(proxies: &List<Network>, peer: IpAddr, headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte);
    if host.is_empty() || host.len() > 255 || !host.bytes().all(plain) {
        return None;
    }
    let scheme = if is_https(proxies, peer, headers) { "https://" } else { "http://" };
    Some([scheme, host].concat())
}

fn trusted(proxies: &List<Network>, address: IpAddr) -> bool {
    proxies.0.iter().any(|network| network.has(address))
}

/// Whether the client used TLS, as far as a known proxy says so. We speak none ourselves.
pub fn is_https(proxies: &List<Network>, peer: IpAddr, headers: &HeaderMap) -> bool {
    if !trusted(proxies, peer) {
        return false;
    }
    let last = headers.get_all(names::FORWARDED_PROTO).into_iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    last.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

/// The client's address: the rightmost in X-Forwarded-For that is not a known proxy, if a known proxy sent it. What
/// stands further left, anybody could have written.
pub fn client(proxies: &List<Network>, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let mut client = peer.to_canonical();
    let values = headers.get_all(names::FORWARDED_FOR).into_iter().rev();
    for hop in values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.rsplit(',')) {
        if !trusted(proxies, client) {
            break;
        }
        let Some(address) = address(hop.trim()) else { break };
        client = address;
    }
    client
}

/// An address, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse().ok();
    let address = bare.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    address.or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

/// Whether it is a `traceparent` (<https://www.w3.org/TR/trace-context/#traceparent-header>), of any version.
fn is_trace(value: &[u8]) -> bool {
    let hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let field = |from: usize, to: usize| {
        value[from..to].iter().all(hex) && value[from..to].iter().any(|byte| *byte != b'0')
    };
    let dashes = value.len() >= 55 && [2, 35, 52].into_iter().all(|at| value[at] == b'-');
    dashes
        && value[..2].iter().all(hex)
        && value[..2] != *b"ff"
        && field(3, 35)
        && field(36, 52)
        && value[53..55].iter().all(hex)
        && (value.len() == 55 || (value[..2] != *b"00" && value[55] == b'-' && value.len() <= 128))
}

/// Whether it is a path at which connections last, of which so many may come from one address.
pub(super) fn watches(path: &str) -> bool {
    path.ends_with("/live") || path.starts_with(crate::live::hub::PATH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn proxies(text: &str) -> List<Network> {
        text.parse().unwrap()
    }

    #[test]
    fn the_client_is_the_rightmost_that_is_no_proxy_of_ours() {
        let seen = |known: &str, peer: &str, forwarded: &str| {
            let headers = headers(&[("x-forwarded-for", forwarded)]);
            client(&proxies(known), peer.parse().unwrap(), &headers).to_string()
        };
        assert_eq!(seen("", "10.0.0.1", "1.2.3.4"), "10.0.0.1", "nobody is trusted unasked");
        assert_eq!(seen("10.0.0.0/8", "9.9.9.9", "1.2.3.4"), "9.9.9.9", "nor who is not listed");
        assert_eq!(seen("10.0.0.0/8", "10.0.0.1", "1.2.3.4"), "1.2.3.4");
        assert_eq!(
            seen("10.0.0.0/8", "10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2"),
            "1.2.3.4",
            "the left one is a lie"
        );
        assert_eq!(seen("10.0.0.0/8", "10.0.0.1", "10.0.0.3,10.0.0.2"), "10.0.0.3");
        assert_eq!(seen("10.0.0.0/8", "10.0.0.1", "1.2.3.4:5678"), "1.2.3.4");
        assert_eq!(seen("10.0.0.0/8", "::ffff:10.0.0.1", "[2001:db8::1]:80"), "2001:db8::1");
        assert_eq!(
            seen("10.0.0.0/8", "10.0.0.1", "1.2.3.4, unknown"),
            "10.0.0.1",
            "who cannot be read hides the rest"
        );
        let twice = headers(&[]);
        let mut twice = twice;
        twice.append("x-forwarded-for", "6.6.6.6".parse().unwrap());
        twice.append("x-forwarded-for", "1.2.3.4".parse().unwrap());
        assert_eq!(
            client(&proxies("10.0.0.0/8"), "10.0.0.1".parse().unwrap(), &twice).to_string(),
            "1.2.3.4"
        );
    }

    #[test]
    fn links_have_the_host_and_scheme_that_the_client_used() {
        let links = |peer: &str, pairs: &[(&'static str, &str)]| {
            links(&proxies("10.0.0.0/8"), peer.parse().unwrap(), &headers(pairs))
        };
        let shop = ("host", "shop.example:8443");
        assert_eq!(links("9.9.9.9", &[shop]).unwrap(), "http://shop.example:8443");
        assert_eq!(
            links("9.9.9.9", &[shop, ("x-forwarded-proto", "https")]).unwrap(),
            "http://shop.example:8443"
        );
        assert_eq!(
            links("10.0.0.1", &[shop, ("x-forwarded-proto", "https")]).unwrap(),
            "https://shop.example:8443"
        );
        assert_eq!(
            links("10.0.0.1", &[shop, ("x-forwarded-proto", "https, http")]).unwrap(),
            "http://shop.example:8443"
        );
        for bad in ["", "a b", "shop.example/x", "a\"b", "<a>"] {
            assert_eq!(links("9.9.9.9", &[("host", bad)]), None, "{bad}");
        }
        assert_eq!(links("9.9.9.9", &[]), None);
    }

    #[test]
    fn a_trace_is_kept_only_if_it_is_one() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_trace(good.as_bytes()));
        assert!(is_trace(format!("01{}-more", &good[2..]).as_bytes()), "a later version may have more");
        for bad in [
            "",
            "00",
            &good[..54],
            &format!("{good}-more"),
            &good.to_uppercase(),
            &good.replace("4bf", "x"),
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        ] {
            assert!(!is_trace(bad.as_bytes()), "{bad}");
        }
    }
}
