//! What is checked: the file that `lanyard authn check-client` reads.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use reqwest::Url;
use serde::Deserialize;

use crate::files;

/// The whole file. Paths that are not absolute begin at its folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    /// The provider that the client is configured with for the check.
    pub(super) provider: Provider,
    /// The client.
    pub(super) client: Client,
}

/// The provider for tests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    /// Its issuer, as the client has it.
    pub(super) issuer: Url,
    /// Where it listens.
    pub(super) listen: SocketAddr,
    /// Its TLS certificate, in PEM.
    pub(super) certificate: PathBuf,
    /// The key of that.
    pub(super) key: PathBuf,
}

/// The client, and how a browser sees it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Client {
    /// Its client id.
    pub(super) id: String,
    /// The scopes that it was granted: those that it needs.
    pub(super) scopes: Vec<String>,
    /// Where it may be sent back to.
    pub(super) redirect_uris: Vec<Url>,
    /// Where a browser begins to sign in.
    pub(super) sign_in: Url,
    /// What answers 200 to whoever is signed in, and anything else to others.
    pub(super) signed_in: Url,
    /// Where it hears of sessions that ended.
    #[serde(default)]
    pub(super) backchannel_logout_uri: Option<Url>,
    /// After how many minutes without use its own session ends.
    #[serde(default = "fifteen")]
    pub(super) idle_minutes: u64,
    /// PEM file of anchors that its server leads to.
    pub(super) anchors: PathBuf,
}

const fn fifteen() -> u64 {
    15
}

impl Plan {
    /// Reads it.
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = files::read_text(file)?;
        let mut plan: Self =
            toml::from_str(&text).with_context(|| format!("{} does not read", file.display()))?;
        let folder = file.parent().unwrap_or(Path::new("."));
        for path in [&mut plan.provider.certificate, &mut plan.provider.key, &mut plan.client.anchors] {
            *path = files::from_base(folder, path);
        }
        ensure!(!plan.client.redirect_uris.is_empty(), "client.redirect_uris names no address");
        ensure!(plan.provider.issuer.scheme() == "https", "provider.issuer begins with https://");
        Ok(plan)
    }

    /// The issuer as it stands in tokens.
    pub(super) fn issuer(&self) -> &str {
        self.provider.issuer.as_str().trim_end_matches('/')
    }
}
