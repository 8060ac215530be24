//! A server of our own, started by `lanyard demo` in a folder and on ports of its own.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use lanyard::{
    client::{Identity, Server},
    keypair::Pair,
};
use tempfile::TempDir;

/// The line after which the demo stays up.
const UP: &str = "Ctrl-C";

/// A running server; ended when it is dropped.
pub(crate) struct Running {
    folder: TempDir,
    base: u16,
    child: Child,
}

impl Running {
    /// Starts it, and waits until it stays up.
    pub(crate) fn start() -> Running {
        Running::start_with("")
    }

    /// The same with further settings.
    pub(crate) fn start_with(settings: &str) -> Running {
        let folder = TempDir::with_prefix("lanyard-judged-").expect("a temporary folder can be made");
        let base = free_ports();
        installed(folder.path(), base, settings);
        let child = up(folder.path(), base);
        Running { folder, base, child }
    }

    /// Kills it, and starts it again in its folder after this was done there.
    pub(crate) async fn restarted(&mut self, meanwhile: impl AsyncFnOnce(&Path)) {
        self.child.kill().expect("it runs");
        let _killed = self.child.wait();
        meanwhile(self.folder.path()).await;
        self.child = up(self.folder.path(), self.base);
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The systems port as one of the demo's clients sees it.
    pub(crate) fn as_client(&self, folder: &str, name: &str) -> Server {
        let pair = Pair::in_folder(&self.folder.path().join(folder), name);
        let identity = Identity { certificate: &pair.certificate, key: &pair.key };
        let root = self.folder.path().join("clients/root.pem");
        let address = format!("https://localhost:{}", self.base + 1);
        Server::new(&address, &root, Some(&identity)).expect("the demo left the client's files")
    }

    /// Host and port that anybody may ask by TLS.
    pub(crate) fn https_address(&self) -> String {
        format!("localhost:{}", self.base)
    }

    /// Where systems are served.
    pub(crate) fn systems_url(&self) -> String {
        format!("https://localhost:{}", self.base + 1)
    }

    /// An address on the plain port.
    pub(crate) fn plain_url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.base + 3)
    }

    /// What the plain port answers.
    pub(crate) async fn plain(&self, path: &str) -> Vec<u8> {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
        let url = self.plain_url(path);
        let answer = http.get(&url).send().await.expect("the plain port answers");
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        answer.bytes().await.expect("the answer comes whole").to_vec()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; its folder goes in any case.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Starts it in a folder, and waits until it stays up.
fn up(folder: &Path, base: u16) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lanyard"))
        .args(["demo", "--without-people", "--port-base", &base.to_string(), "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server can be started");
    let out = BufReader::new(child.stdout.take().expect("its output is piped"));
    let mut said = String::new();
    let up = out.lines().map_while(Result::ok).any(|line| {
        said.extend([line.as_str(), "\n"]);
        line.contains(UP)
    });
    assert!(up, "the demo ended with {:?}:\n{said}", child.wait());
    child
}

/// Makes the installation, and lets the desk ask for every profile that can be granted.
fn installed(folder: &Path, base: u16, settings: &str) {
    let made = Command::new(env!("CARGO_BIN_EXE_lanyard"))
        .args(["demo", "--once", "--without-people", "--port-base", &base.to_string(), "--dir"])
        .arg(folder)
        .output()
        .expect("the demo can be run");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let path = folder.join("lanyard.toml");
    let config = std::fs::read_to_string(&path).expect("the demo left its configuration");
    let more = config
        .replace("\"ca:acme\"", "\"ca:acme\", \"ca:authorities\"")
        .replace("profiles = [", r#"profiles = ["accredited-system", "message-handling-system", "system-tls-server", "acme-tls-server", "device-tls-client", "ocsp-responder", "time-stamp", "#);
    assert_ne!(config, more, "the configuration says what the desk may ask for");
    std::fs::write(&path, more + settings).expect("the configuration can be written");
}

/// The first of five free ports in a row. Each process looks from another place.
pub(crate) fn free_ports() -> u16 {
    let start = u16::try_from(std::process::id() % 2000).expect("it is below 2000") * 10;
    let bases = (0..2000u16).map(|step| 20_000 + (start + step * 10) % 20_000);
    let free = |base: &u16| (*base..*base + 5).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    bases.into_iter().find(free).expect("there are five free ports in a row")
}
