//! An installation made by `lanyard demo`, served by `lanyard serve` with limits that let one client load it fully.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use lanyard::config::Config;
use lanyard::keypair::Pair;
use rustls::ClientConfig;
use tempfile::TempDir;

use super::secure::trusting;

const LANYARD: &str = env!("CARGO_BIN_EXE_lanyard");
/// How long the server may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_mins(2);
/// The ports: this and the next four.
const PORTS: u16 = 21_440;

/// What a bench asks of the server beyond the demo's configuration: one client and one address may load it fully, and authorisations
/// made before the measurement still hold in it.
const LIMITS: &str = "\n[limits]\nper_client = { per_second = 1000000, burst = 1000000 }\n\
    per_address = { per_second = 1000000, burst = 1000000 }\nper_address_plain = { per_second = 1000000, burst = 1000000 }\n";
const SIGNER: (&str, &str) = ("\n[signer]\n", "\n[signer]\nsad_lifetime_s = 3600\n");

/// A folder with everything in it.
pub(crate) struct Site {
    folder: TempDir,
}

/// A server on it; killed when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
}

impl Site {
    /// Makes it. On disk, not in memory, so that what is called durable is.
    pub(crate) fn make() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let made = Command::new(LANYARD)
            .args(["demo", "--once", "--without-people", "--port-base", &PORTS.to_string(), "--dir"])
            .arg(folder.path())
            .output()?;
        ensure!(
            made.status.success(),
            "{}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr)
        );
        let site = Self { folder };
        let text = std::fs::read_to_string(site.configuration())?;
        ensure!(text.contains(SIGNER.0), "the configuration has no [signer]");
        std::fs::write(site.configuration(), text.replace(SIGNER.0, SIGNER.1) + LIMITS)?;
        Ok(site)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder().join("lanyard.toml")
    }

    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.configuration())?)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder().join("clients/root.pem")
    }

    /// The certificate with which the registration desk calls.
    pub(crate) fn desk(&self) -> Pair {
        Pair::in_folder(&self.folder().join("clients"), "registration-desk")
    }

    /// The port for systems, where clients show their certificates.
    #[expect(clippy::unused_self, reason = "asked of a site, as its folder is")]
    pub(crate) fn base(&self) -> String {
        format!("https://localhost:{}", PORTS + 1)
    }

    /// The port for metrics and health.
    #[expect(clippy::unused_self, reason = "asked of a site, as its folder is")]
    pub(crate) fn private(&self) -> String {
        format!("http://127.0.0.1:{}", PORTS + 4)
    }

    /// A client that sends what is ready: HTTP/1.1, so that each request under way has a connection of its own.
    pub(crate) fn loader(&self, pair: &Pair) -> anyhow::Result<Loader> {
        let tls = trusting(&self.root(), Some(pair))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(&tls))
            .http1_only()
            .no_proxy()
            .timeout(Duration::from_mins(1));
        Ok(Loader { http: http.build()?, tls })
    }

    /// Starts the server and waits until it is ready.
    pub(crate) async fn serve(&self) -> anyhow::Result<Running> {
        let log = File::create(self.folder().join("bench.log"))?;
        let child = Command::new(LANYARD)
            .arg("--config")
            .arg(self.configuration())
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let running = Running { child };
        let http = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("{}/ready", self.private());
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(running);
            }
            ensure!(Instant::now() < deadline, "the server did not become ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Who sends what is ready.
#[derive(Clone)]
pub(crate) struct Loader {
    /// For what is sent at its time.
    pub(crate) http: reqwest::Client,
    /// For connections that send one after the other and cost little.
    pub(crate) tls: Arc<ClientConfig>,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
