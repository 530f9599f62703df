//! A real HAProxy in front of servers, with a configuration that the documentation recommends. It ends with the test.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::client::Client;
use super::process::Server;
use super::wait::until;

/// HAProxy as documented, but for its ports.
pub(crate) struct Haproxy {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Haproxy {
    /// With a file of `docs`, in front of servers in the place of those that it names; nothing if there is no HAProxy.
    pub(crate) fn start(name: &str, servers: &[(&str, &Server)]) -> Option<Self> {
        let found = Command::new("haproxy").arg("-v").stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            return None;
        }
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let address = free.expect("a free port");
        let documented = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        let mut config = fs::read_to_string(documented).expect("the documented configuration");
        let mut put = |from: &str, to: String| {
            assert_eq!(config.matches(from).count(), 1, "{name} has changed its addresses: {config}");
            config = config.replace(from, &to);
        };
        put("bind :80\n", format!("bind {address}\n"));
        for (server_at, server) in servers {
            let (called, _) = server_at.rsplit_once(' ').expect("a name and an address");
            put(&format!("server {server_at}"), format!("server {called} {}", server.address()));
        }
        let file = servers[0].1.path(name);
        fs::write(&file, config).expect("a file");
        let child = Command::new("haproxy").arg("-db").arg("-f").arg(&file).stdout(Stdio::null()).spawn();
        let proxy = Self { child: child.expect("HAProxy starts"), address };
        until("HAProxy listens", Duration::from_secs(30), || Client::connect(address).ok());
        Some(proxy)
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
