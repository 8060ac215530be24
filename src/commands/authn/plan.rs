//! What is checked: the file that `lanyard authn check-client` reads.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// Its issuer, letter by letter as the client has it. One with a path, such as the realm of CIS2, has endpoints named as CIS2 names
    /// them, below that path.
    pub(super) issuer: String,
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
    /// After how many minutes without use its own session ends; a part of one is written with a point.
    #[serde(default = "fifteen")]
    pub(super) idle_minutes: f64,
    /// PEM file of anchors that its server leads to.
    pub(super) anchors: PathBuf,
}

const fn fifteen() -> f64 {
    15.0
}

/// The longest `idle_minutes`: a day.
const LONGEST_IDLE: f64 = 24.0 * 60.0;

impl Plan {
    /// Reads it.
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = files::read_text(file)?;
        let mut plan = Self::parse(&text).with_context(|| format!("{} does not read", file.display()))?;
        let folder = file.parent().unwrap_or(Path::new("."));
        for path in [&mut plan.provider.certificate, &mut plan.provider.key, &mut plan.client.anchors] {
            *path = files::from_base(folder, path);
        }
        Ok(plan)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut plan: Self = toml::from_str(text)?;
        let bare = plan.provider.issuer.trim_end_matches('/').len();
        plan.provider.issuer.truncate(bare);
        let issuer = plan.issuer_url()?;
        ensure!(issuer.scheme() == "https", "provider.issuer begins with https://");
        ensure!(issuer.query().is_none() && issuer.fragment().is_none(), "provider.issuer has no ? and no #");
        let usual = |letter: char| letter.is_ascii_alphanumeric() || "/-_.~".contains(letter);
        ensure!(
            issuer.path().chars().all(usual),
            "the path of provider.issuer has letters, digits, - _ . ~ alone"
        );
        ensure!(!plan.client.redirect_uris.is_empty(), "client.redirect_uris names no address");
        let minutes = plan.client.idle_minutes;
        ensure!(
            minutes > 0.0 && minutes <= LONGEST_IDLE,
            "client.idle_minutes is more than 0 and a day at most"
        );
        Ok(plan)
    }

    /// The issuer as an address, which leaves out a port that goes without saying.
    pub(super) fn issuer_url(&self) -> anyhow::Result<Url> {
        Url::parse(&self.provider.issuer).context("provider.issuer is no address")
    }
}

impl Client {
    /// After how long without use its own session ends.
    pub(super) fn idle(&self) -> Duration {
        Duration::from_secs_f64(self.idle_minutes * 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(issuer: &str, idle: &str) -> anyhow::Result<Plan> {
        Plan::parse(&format!(
            "[provider]\nissuer = \"{issuer}\"\nlisten = \"127.0.0.1:9443\"\ncertificate = \"a\"\nkey = \"b\"\n\
             [client]\nid = \"records\"\nscopes = []\nredirect_uris = [\"https://rp.example/back\"]\n\
             sign_in = \"https://rp.example/in\"\nsigned_in = \"https://rp.example/me\"\nanchors = \"c\"\n{idle}"
        ))
    }

    /// The issuer is kept to the letter, with the port that CIS2 says.
    #[test]
    fn issuer_is_kept() {
        let realm = "https://id.example:443/openam/oauth2/realms/root/realms/oidc";
        assert_eq!(read(realm, "").unwrap().provider.issuer, realm);
        assert_eq!(read("https://id.example/", "").unwrap().provider.issuer, "https://id.example");
        for bad in ["http://id.example", "id.example", "https://id.example/{a}", "https://id.example/?a"] {
            assert!(read(bad, "").is_err(), "{bad}");
        }
    }

    /// Minutes may be whole, a part of one, and left out, and no nonsense.
    #[test]
    fn idle_times_are_read() {
        let idle = |line: &str| read("https://id.example", line).map(|plan| plan.client.idle().as_secs());
        assert_eq!(idle("").unwrap(), 900);
        assert_eq!(idle("idle_minutes = 10").unwrap(), 600);
        assert_eq!(idle("idle_minutes = 0.25").unwrap(), 15);
        for bad in ["0", "-1.0", "inf", "nan", "2000"] {
            assert!(idle(&format!("idle_minutes = {bad}")).is_err(), "{bad}");
        }
    }
}
