//! Real proxies in front of a server, with the configurations that the documentation gives, but for their addresses.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::client::Client;
use super::process::Server;
use super::wait::until;

/// How long a proxy may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file of the repository.
pub(crate) fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The one block of code in this language in a file of the repository.
pub(crate) fn block(name: &str, language: &str) -> String {
    let (text, fence) = (document(name), format!("```{language}\n"));
    let mut blocks = text.split(&fence).skip(1);
    let block = blocks.next().and_then(|rest| rest.split("```").next()).expect("a block");
    assert!(blocks.next().is_none(), "{name} has more than one block of {language}");
    block.to_owned()
}

/// Replaces what stands there exactly once.
#[track_caller]
pub(crate) fn swap(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old:?} is not there once:\n{text}");
    text.replacen(old, new, 1)
}

/// Whether all these programs are installed; says so if not.
pub(crate) fn installed(programs: &[(&str, &str)]) -> bool {
    let missing = |(program, version): &&(&str, &str)| {
        let mut command = Command::new(program);
        command.arg(version).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        !command.status().is_ok_and(|status| status.success())
    };
    let missing = programs.iter().find(missing);
    if let Some((program, _)) = missing {
        // Past the capture of output: whoever runs the tests must see it.
        let said =
            format!("== left out: a test that wants {program}, which is not installed (see scripts/test)\n");
        std::io::stderr().write_all(said.as_bytes()).expect("stderr");
    }
    missing.is_none()
}

/// An address where nobody listens.
pub(crate) fn free_address() -> SocketAddr {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    free.expect("a free port")
}

/// A proxy that runs. It ends with the test.
pub(crate) struct Proxy {
    child: Child,
    /// Where it listens without TLS.
    pub(crate) address: SocketAddr,
}

impl Proxy {
    /// HAProxy with a configuration like docs/haproxy.cfg.
    pub(crate) fn haproxy(server: &Server, config: &str) -> Self {
        let address = free_address();
        let config = swap(config, "    bind :80\n", &format!("    bind {address}\n"));
        let to = format!("server box {} ", server.address());
        let config = config.replace("server box 127.0.0.1:8080 ", &to);
        assert!(config.contains(&to) && !config.contains("127.0.0.1:8080 "), "{config}");
        let file = server.path("haproxy.cfg");
        fs::write(&file, config).expect("a file");
        Self::start(server, Command::new("haproxy").arg("-db").arg("-f").arg(&file), address)
    }

    /// HAProxy with a configuration like deploy/haproxy.cfg, in front of as many nodes as it names.
    pub(crate) fn haproxy_before_nodes(nodes: &[Server], config: &str) -> Self {
        let address = free_address();
        let mut config = swap(config, "    bind :8080\n", &format!("    bind {address}\n"));
        for (number, node) in nodes.iter().enumerate() {
            config = config.replace(&format!(" node-{}:8080 ", number + 1), &format!(" {} ", node.address()));
        }
        assert!(!config.contains(":8080 "), "{config}");
        let file = nodes[0].path("haproxy.cfg");
        fs::write(&file, config).expect("a file");
        Self::start(&nodes[0], Command::new("haproxy").arg("-db").arg("-f").arg(&file), address)
    }

    /// nginx with a configuration like that in docs/deployment.md, with TLS at `tls`, and beside it without.
    pub(crate) fn nginx(server: &Server, config: &str, tls: SocketAddr) -> Self {
        let (address, home) = (free_address(), server.path("nginx"));
        fs::create_dir(&home).expect("a folder");
        let at = |name: &str| home.join(name).display().to_string();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]);
        openssl.args(["/CN=tickets.example", "-keyout", &at("tickets.key"), "-out", &at("tickets.pem")]);
        let made = openssl.stderr(Stdio::null()).status().expect("openssl");
        assert!(made.success(), "a certificate");
        let config =
            swap(config, "listen 443 ssl http2;", &format!("listen {tls} ssl http2; listen {address};"));
        let config = swap(&config, "server 127.0.0.1:8080 ", &format!("server {} ", server.address()));
        let config = config.replace("/etc/ssl/", &at(""));
        // One process, so that it ends when it is killed.
        let mut whole = format!("daemon off; master_process off; pid {}; error_log stderr;\n", at("pid"));
        whole += "events {}\nhttp {\naccess_log off;\n";
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            whole += &format!("{kind}_temp_path {};\n", at(kind));
        }
        fs::write(home.join("nginx.conf"), whole + &config + "}\n").expect("a file");
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-p", &at(""), "-c", &at("nginx.conf")]);
        Self::start(server, &mut command, address)
    }

    /// Caddy with a configuration like that in docs/deployment.md, without TLS.
    pub(crate) fn caddy(server: &Server, config: &str) -> Self {
        let (address, file) = (free_address(), server.path("Caddyfile"));
        let config = swap(config, "tickets.example {", &format!("http://:{} {{", address.port()));
        let config = swap(&config, "127.0.0.1:8080", &server.address().to_string());
        fs::write(&file, "{\n    admin off\n}\n".to_owned() + &config).expect("a file");
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
        command
            .env("HOME", server.path(""))
            .env("XDG_DATA_HOME", server.path(""))
            .env("XDG_CONFIG_HOME", server.path(""));
        Self::start(server, &mut command, address)
    }

    fn start(server: &Server, command: &mut Command, address: SocketAddr) -> Self {
        let said = server.path("proxy.log");
        let log = fs::File::create(&said).expect("a file");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let mut proxy = Self { child: child.expect("the proxy starts"), address };
        until("the proxy listens", PATIENCE, || {
            let ended = proxy.child.try_wait().expect("a child");
            let said = || fs::read_to_string(&said).unwrap_or_default();
            assert!(ended.is_none(), "{command:?} has ended: {}", said());
            Client::connect(address).ok()
        });
        proxy
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
