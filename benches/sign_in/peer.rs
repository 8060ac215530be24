//! `oidc-provider` of npm, in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::json;
use tempfile::TempDir;

use super::place::client;
use super::provider::{CALLBACK, Provider, VERIFIER};
use crate::rig::secure::{Target, trusting};

/// Its port, above those of ours.
const PORT: u16 = 21_460;
/// The secret of both of its clients.
const SECRET: &str = "a-secret-of-a-client-that-is-as-long-as-ours";

/// A server; killed when dropped.
pub(crate) struct Peer {
    folder: TempDir,
    child: Child,
}

/// Where `make setup` has put the packages of npm.
fn packages() -> PathBuf {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/npm/node_modules");
    std::env::var_os("LANYARD_NPM").map_or_else(own, PathBuf::from)
}

impl Peer {
    /// Starts it with a certificate of its own, and waits until it listens.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = folder.path();
        let packages = packages();
        ensure!(
            packages.join("oidc-provider").exists(),
            "there is no oidc-provider of npm; run `make setup`"
        );
        std::os::unix::fs::symlink(&packages, at.join("node_modules"))?;
        std::fs::write(at.join("peer.mjs"), include_str!("peer.mjs"))?;
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        std::fs::write(at.join("peer.pem"), made.cert.pem())?;
        std::fs::write(at.join("peer.key"), made.signing_key.serialize_pem())?;
        let told = json!({
            "port": PORT, "secret": SECRET, "callback": CALLBACK, "verifier": VERIFIER,
            "certificate": at.join("peer.pem"), "key": at.join("peer.key"),
        });
        std::fs::write(at.join("told.json"), told.to_string())?;
        let mut child = Command::new("node")
            .args(["peer.mjs", "told.json"])
            .current_dir(at)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("no node")?;
        let said = child.stdout.take().context("node has no output")?;
        let waiting = tokio::task::spawn_blocking(move || {
            BufReader::new(said).lines().map_while(Result::ok).any(|line| line == "ready")
        });
        ensure!(waiting.await?, "oidc-provider did not come up; what node said of it is above");
        Ok(Self { folder, child })
    }

    /// It for connections that cost little.
    pub(crate) fn target(&self) -> anyhow::Result<Target> {
        let tls = trusting(&self.folder.path().join("peer.pem"), None)?;
        Ok(Target { process: self.child.id(), port: PORT, tls })
    }

    /// It as its clients see it.
    pub(crate) fn provider(&self) -> anyhow::Result<Provider> {
        Ok(Provider {
            http: client(&self.folder.path().join("peer.pem"))?,
            origin: format!("https://localhost:{PORT}"),
            secrets: vec![("es256", SECRET.to_owned()), ("rs256", SECRET.to_owned())],
        })
    }

    /// Codes as its authorisation endpoint gives them.
    pub(crate) async fn codes(&self, name: &str, many: usize) -> anyhow::Result<Vec<String>> {
        let provider = self.provider()?;
        let answer = provider.http.get(format!("{}/codes/{name}/{many}", provider.origin)).send().await?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
