//! A `lanyard demo` in a folder of its own on ports of its own, and a client to talk to it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use lanyard::client::{Identity, Server};
use lanyard::keypair::Pair;
use platform::db::testing::TestDb;

/// The binary under test.
pub(crate) const LANYARD: &str = env!("CARGO_BIN_EXE_lanyard");
/// How long the first run may take on a machine that builds something else at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_mins(4);
/// The line after which the demo stays up.
const UP: &str = "Ctrl-C";

/// A running demo; killed when dropped.
pub(crate) struct Demo {
    child: Child,
    lines: Receiver<String>,
    pub(crate) said: Vec<String>,
}

impl Demo {
    /// Starts it with an empty register and reads until it is up.
    pub(crate) fn start(folder: &Path, base: u16) -> Self {
        Self::spawn_with(folder, base, &["--without-people"]).up(folder)
    }

    /// Starts the whole of it and reads until it is up.
    pub(crate) fn start_whole(folder: &Path, base: u16) -> Self {
        Self::spawn(folder, base).up(folder)
    }

    fn up(self, folder: &Path) -> Self {
        let mut demo = self;
        assert!(
            demo.wait_for(UP),
            "the demo did not come up:\n{}\n{}",
            demo.said.join("\n"),
            log_end(folder)
        );
        demo
    }

    /// Runs every step and stops; the register stays empty.
    pub(crate) fn run_once(folder: &Path, base: u16) {
        let folder = folder.to_str().unwrap();
        let base = base.to_string();
        let output = lanyard(&["demo", "--once", "--without-people", "--dir", folder, "--port-base", &base]);
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Starts the whole of it without waiting.
    pub(crate) fn spawn(folder: &Path, base: u16) -> Self {
        Self::spawn_with(folder, base, &[])
    }

    fn spawn_with(folder: &Path, base: u16, options: &[&str]) -> Self {
        let mut child = Command::new(LANYARD)
            .args(["demo", "--dir"])
            .arg(folder)
            .args(options)
            .args(["--port-base", &base.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines, said: Vec::new() }
    }

    /// Reads lines until one holds `text`; whether it came before the end or the deadline.
    pub(crate) fn wait_for(&mut self, text: &str) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            let found = line.contains(text);
            self.said.push(line);
            if found {
                return true;
            }
        }
        false
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end and answers whether it was a good one.
    pub(crate) fn wait(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(Instant::now() < deadline, "the demo did not end");
            std::thread::yield_now();
        }
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of the server's log.
fn log_end(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// The first of five free ports in a row. Derived from the process and counted in it, so that tests beside each other
/// look in different places. Below the ports that the system gives out itself.
pub(crate) fn free_ports() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() * 7 % 1000).unwrap();
    (0..1000)
        .map(|_| 20_000 + (start + TAKEN.fetch_add(1, Ordering::Relaxed)) % 1000 * 10)
        .find(|base| (0..5).all(|port| TcpListener::bind(("127.0.0.1", base + port)).is_ok()))
        .expect("five free ports in a row")
}

/// Looks again and again until it holds.
pub(crate) async fn until(what: &str, held: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !held() {
        assert!(Instant::now() < deadline, "it never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs the binary to its end.
pub(crate) fn lanyard(arguments: &[&str]) -> Output {
    Command::new(LANYARD).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// What a run said on both channels.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// An installation made by the demo, seen by its clients.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    pub(crate) base: u16,
}

impl Site {
    /// One that the demo has made in this folder; it does not run.
    pub(crate) fn of_demo(dir: &Path) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let site = Self { folder: dir.join("demo"), base: free_ports() };
        Demo::run_once(&site.folder, site.base);
        // An RSA key takes longer to make than most of what is tested: who needs one waits for it.
        site.configure("\n[signer]\n", "\n[signer]\nkey_pool = { rsa_2048 = 0 }\n");
        site
    }

    /// Moves it into this empty database by backup and restore; the folder is for the copy. Answers the verifier key of
    /// the log that goes on there.
    pub(crate) fn move_to(&self, database: &TestDb, dir: &Path) -> String {
        let backup = dir.join("backup");
        self.run(&["backup", backup.to_str().unwrap()]);
        self.configure("sqlite:lanyard.db", &database.config.url);
        self.run(&["restore", backup.to_str().unwrap()]);
        let told = self.run(&["recover", "--checkpoint", backup.join("checkpoint").to_str().unwrap()]);
        told.lines().find(|line| line.contains("localhost/lanyard/")).unwrap().trim().to_owned()
    }

    /// Changes a text in its configuration.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        let path = self.folder.join("lanyard.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        let changed = config.replace(from, to);
        assert_ne!(config, changed, "the configuration does not say {from:?}");
        std::fs::write(&path, changed).unwrap();
    }

    /// A second process on the same database and token, started, as seen on ports of its own.
    pub(crate) fn second(&self) -> (Self, Serving) {
        let second = Self { folder: self.folder.clone(), base: free_ports() };
        let text = std::fs::read_to_string(self.folder.join("lanyard.toml")).unwrap();
        let (listen, rest) = text.split_once("[tls]").unwrap();
        let listen = (0..5).fold(listen.to_owned(), |text, port| {
            text.replace(&format!(":{}\"", self.base + port), &format!(":{}\"", second.base + port))
        });
        assert!(!listen.contains(&format!(":{}", self.base)), "{listen}");
        let configuration = self.folder.join("second.toml");
        let rest = rest.replace("\n[ca]\n", "\n[ca]\ninstance = 2\n");
        std::fs::write(&configuration, format!("{listen}[tls]{rest}")).unwrap();
        (second, Serving::with(&configuration))
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("clients/root.pem")
    }

    pub(crate) fn desk(&self) -> Pair {
        Pair::in_folder(&self.folder.join("clients"), "registration-desk")
    }

    pub(crate) fn system(&self) -> Pair {
        Pair::in_folder(&self.folder.join("clients"), "prescribing-system")
    }

    pub(crate) fn person(&self) -> Pair {
        Pair::in_folder(&self.folder.join("prescriber"), "sign-in")
    }

    /// A client of one of the HTTPS ports, counted from the base.
    pub(crate) fn client(&self, port: u16, pair: Option<&Pair>) -> Server {
        let identity = pair.map(|pair| Identity { certificate: &pair.certificate, key: &pair.key });
        let base = format!("https://localhost:{}", self.base + port);
        Server::new(&base, &self.root(), identity.as_ref()).unwrap()
    }

    pub(crate) fn systems(&self, pair: &Pair) -> Server {
        self.client(1, Some(pair))
    }
}

/// A running `lanyard serve` on an installation; killed when dropped.
pub(crate) struct Serving(Child);

impl Serving {
    /// Starts it without waiting.
    pub(crate) fn spawn(site: &Site) -> Self {
        Self::with(&site.folder.join("lanyard.toml"))
    }

    /// The same with another configuration.
    pub(crate) fn with(configuration: &Path) -> Self {
        let child = Command::new(LANYARD)
            .arg("--config")
            .arg(configuration)
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Site {
    /// Asks the private port until it answers with this status; what it said then.
    pub(crate) async fn private(&self, path: &str, status: u16) -> String {
        let url = format!("http://127.0.0.1:{}{path}", self.base + 4);
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::new();
        while Instant::now() < deadline {
            if let Ok(answer) = reqwest::get(&url).await {
                let seen = answer.status().as_u16();
                last = answer.text().await.unwrap_or_default();
                if seen == status {
                    return last;
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{url} never answered {status}: {last}");
    }

    /// Runs the binary on this installation and demands that it ends well.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    /// Runs the binary on this installation.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> Output {
        let config = self.folder.join("lanyard.toml");
        let arguments = [&["--config", config.to_str().unwrap()], arguments].concat();
        lanyard(&arguments)
    }
}
