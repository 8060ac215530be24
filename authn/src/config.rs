//! The `[authn]` section of the configuration file.

use std::path::PathBuf;
use std::time::Duration;

use hsm::Alg;
use platform::id::ClientId;
use platform::network::Network;
use serde::Deserialize;
use url::{Host, Url};

use crate::authenticator::password::Passwords;
use crate::authenticator::webauthn::Keys;
use crate::cis1::Cis1;
use crate::error::Error;
use crate::oidc::Limits;
use crate::sandbox::Sandbox;
use crate::session::Sessions;
use crate::throttle::Throttle;

/// How sign-in behaves on this machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The issuer of the plain paths: `https://`, a host, and a port where it is not 443; no path.
    pub issuer: String,
    /// Whether the issuer of the CIS2 paths says its port, `:443`, as that of CIS2 does.
    #[serde(default = "yes")]
    pub cis2_port_in_issuer: bool,
    /// The token keys, made in the token where they are missing. Of each algorithm the first signs; the others are published
    /// only, so that relying parties know a key before it signs and after.
    #[serde(default = "default_keys")]
    pub keys: Vec<KeyConfig>,
    /// For how many seconds a code can be used.
    #[serde(default = "default_code_seconds")]
    pub code_seconds: u32,
    /// For how many seconds an access token can be used.
    #[serde(default = "default_token_seconds")]
    pub access_token_seconds: u32,
    /// For how many seconds an ID token is good.
    #[serde(default = "default_token_seconds")]
    pub id_token_seconds: u32,
    /// For how many minutes a refresh token can be used; it ends with its session in any case.
    #[serde(default = "default_refresh_minutes")]
    pub refresh_token_minutes: u32,
    /// For how many seconds after its use a refresh token may be used once more, by a client that did not get the answer; 0 for never.
    #[serde(default = "default_refresh_retry_seconds")]
    pub refresh_retry_seconds: u32,
    /// For how many minutes somebody can sign in for an authorisation request.
    #[serde(default = "default_interaction_minutes")]
    pub interaction_minutes: u32,
    /// PEM file of anchors that the servers of relying parties may lead to, beside those of the machine.
    #[serde(default)]
    pub anchors: Option<PathBuf>,
    /// The networks in which servers of relying parties may be; without them every public address. Keys are fetched and logouts told
    /// nowhere else, so that no registration makes this server call into its own network.
    #[serde(default)]
    pub networks: Vec<Network>,
    /// What people read where they sign in.
    #[serde(default = "default_name")]
    pub name: String,
    /// The origin of the port for cards, as browsers reach it; without it nobody signs in with a card.
    pub cards_origin: Option<String>,
    /// Where a page finds the agent of its workstation, as in `http://127.0.0.1:44880`; without it no card signs in through an agent.
    pub card_agent: Option<String>,
    /// The origin of the port for systems, as they reach it; without it discovery does not say where `tls_client_auth` is.
    pub systems_origin: Option<String>,
    /// How long sessions live.
    #[serde(default)]
    pub sessions: Sessions,
    /// What keys and passkeys are worth.
    #[serde(default)]
    pub webauthn: Keys,
    /// What hashing a password costs.
    #[serde(default)]
    pub passwords: Passwords,
    /// How guessing is slowed down.
    #[serde(default)]
    pub throttle: Throttle,
    /// How many requests may wait.
    #[serde(default)]
    pub limits: Limits,
    /// The broker of CIS1, for agents and applications that have not moved yet; off without the section.
    pub cis1: Option<Cis1>,
    /// The sandbox, in which nobody proves who they are; off without the section, and refused beside authorities that are not a
    /// demonstration's.
    pub sandbox: Option<Sandbox>,
    /// Where whoever is to sign is shown what, below which the secret of the request is the last part: a page of the signer, set by whoever
    /// puts both together. Without it nothing is signed here.
    #[serde(skip)]
    pub signing_page: Option<String>,
    /// The systems that call with a certificate, set by whoever knows them: a relying party is registered under the name of one by
    /// who looks after every team alone, for what it does with a token reads as done by the system.
    #[serde(skip)]
    pub systems: Vec<ClientId>,
}

/// A key that signs tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// Its label in the token.
    pub label: String,
    /// Its algorithm: an RSA key signs RS256 and PS256, `p-256` ES256, `ed25519` EdDSA.
    pub alg: Alg,
}

const fn yes() -> bool {
    true
}

fn default_keys() -> Vec<KeyConfig> {
    let key = |label: &str, alg| KeyConfig { label: label.to_owned(), alg };
    vec![key("id-token-rsa-1", Alg::Rsa2048), key("id-token-p256-1", Alg::P256)]
}

const fn default_code_seconds() -> u32 {
    60
}

const fn default_token_seconds() -> u32 {
    3600
}

const fn default_refresh_minutes() -> u32 {
    720
}

const fn default_refresh_retry_seconds() -> u32 {
    30
}

const fn default_interaction_minutes() -> u32 {
    10
}

fn default_name() -> String {
    "Care sign-in".to_owned()
}

impl Config {
    /// The configuration of an issuer, with every other value at its default.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            cis2_port_in_issuer: yes(),
            keys: default_keys(),
            code_seconds: default_code_seconds(),
            access_token_seconds: default_token_seconds(),
            id_token_seconds: default_token_seconds(),
            refresh_token_minutes: default_refresh_minutes(),
            refresh_retry_seconds: default_refresh_retry_seconds(),
            interaction_minutes: default_interaction_minutes(),
            anchors: None,
            networks: Vec::new(),
            name: default_name(),
            cards_origin: None,
            card_agent: None,
            systems_origin: None,
            sessions: Sessions::default(),
            webauthn: Keys::default(),
            passwords: Passwords::default(),
            throttle: Throttle::default(),
            limits: Limits::default(),
            cis1: None,
            sandbox: None,
            signing_page: None,
            systems: Vec::new(),
        }
    }

    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), Error> {
        let url = Url::parse(&self.issuer).ok();
        let plain = url.is_some_and(|url| {
            url.scheme() == "https" && url.origin().ascii_serialization() == self.issuer && url.path() == "/"
        });
        if !plain {
            return Err(Error::Setting {
                sentence: "authn.issuer is https:// with a host in small letters, and a port where it is not 443",
            });
        }
        let rsa = |key: &KeyConfig| matches!(key.alg, Alg::Rsa2048 | Alg::Rsa3072 | Alg::Rsa4096);
        if !self.keys.iter().any(rsa) {
            return Err(Error::Setting {
                sentence: "authn.keys has no RSA key, with which ID tokens are signed",
            });
        }
        let usable = |key: &KeyConfig| rsa(key) || matches!(key.alg, Alg::P256 | Alg::Ed25519);
        if self.keys.len() > 16 || !self.keys.iter().all(usable) {
            return Err(Error::Setting {
                sentence: "authn.keys has at most 16 keys, each RSA, p-256 or ed25519",
            });
        }
        self.check_lives()?;
        self.check_places()?;
        self.sessions.check()?;
        self.passwords.check()?;
        self.cis1.as_ref().map_or(Ok(()), Cis1::check)?;
        self.sandbox.as_ref().map_or(Ok(()), Sandbox::check)?;
        self.limits.check()?;
        self.throttle.check()
    }

    fn check_lives(&self) -> Result<(), Error> {
        let within = |value: u32, least: u32, most: u32| (least..=most).contains(&value);
        if !within(self.code_seconds, 10, 600) {
            return Err(Error::Setting { sentence: "authn.code_seconds is between 10 and 600" });
        }
        if !within(self.access_token_seconds, 60, 86_400) || !within(self.id_token_seconds, 60, 86_400) {
            return Err(Error::Setting {
                sentence: "authn.access_token_seconds and id_token_seconds are between 60 and 86400",
            });
        }
        if !within(self.refresh_retry_seconds, 0, 60) {
            return Err(Error::Setting { sentence: "authn.refresh_retry_seconds is at most 60" });
        }
        if !within(self.refresh_token_minutes, 1, 1440) || !within(self.interaction_minutes, 1, 60) {
            return Err(Error::Setting {
                sentence: "authn.refresh_token_minutes is between 1 and 1440, interaction_minutes between 1 and 60",
            });
        }
        Ok(())
    }

    fn check_places(&self) -> Result<(), Error> {
        if !(1..=60).contains(&self.name.chars().count()) {
            return Err(Error::Setting { sentence: "authn.name has 1 to 60 characters" });
        }
        let odd = |origin: &Option<String>| {
            origin
                .as_deref()
                .is_some_and(|origin| !origin.starts_with("https://") || origin.matches('/').count() != 2)
        };
        if odd(&self.cards_origin) || odd(&self.systems_origin) {
            return Err(Error::Setting {
                sentence: "authn.cards_origin and systems_origin start with https:// and end with the host or its port",
            });
        }
        if self.card_agent.as_deref().is_some_and(|agent| !is_this_machine(agent)) {
            return Err(Error::Setting {
                sentence: "authn.card_agent is http://127.0.0.1: and a port: where the agent is on each workstation",
            });
        }
        if self.networks.len() > 100 {
            return Err(Error::Setting { sentence: "authn.networks has at most 100 networks" });
        }
        Ok(())
    }

    /// How long a code can be used.
    pub(crate) fn code(&self) -> Duration {
        Duration::from_secs(self.code_seconds.into())
    }

    /// How long an access token can be used.
    pub(crate) fn access_token(&self) -> Duration {
        Duration::from_secs(self.access_token_seconds.into())
    }

    /// How long an ID token is good.
    pub(crate) fn id_token(&self) -> Duration {
        Duration::from_secs(self.id_token_seconds.into())
    }

    /// How long a refresh token can be used.
    pub(crate) fn refresh_token(&self) -> Duration {
        Duration::from_mins(self.refresh_token_minutes.into())
    }

    /// For how long after its use a refresh token may be used once more.
    pub(crate) fn refresh_retry(&self) -> Duration {
        Duration::from_secs(self.refresh_retry_seconds.into())
    }

    /// How long an authorisation request waits.
    pub(crate) fn interaction(&self) -> Duration {
        Duration::from_mins(self.interaction_minutes.into())
    }
}

/// Whether an origin is the machine itself that asks, over plain HTTP: nothing of it leaves that machine.
fn is_this_machine(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    url.scheme() == "http" && loopback && url.origin().ascii_serialization() == origin
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The agent is on the machine of whoever signs in, and nowhere else.
    #[test]
    fn agents_are_local() {
        let check = |agent: &str| {
            let mut config = Config::new("https://id.example.org");
            config.card_agent = Some(agent.to_owned());
            config.check().is_ok()
        };
        assert!(check("http://127.0.0.1:44880") && check("http://[::1]:44880"));
        for elsewhere in [
            "http://localhost:44880",
            "http://192.0.2.1:44880",
            "https://127.0.0.1:44880",
            "http://127.0.0.1:44880/",
            "http://127.0.0.1; script-src *",
            "127.0.0.1",
        ] {
            assert!(!check(elsewhere), "{elsewhere}");
        }
    }

    /// The issuer is what can stand in tokens, to the letter.
    #[test]
    fn issuers_are_plain() {
        for issuer in ["https://id.example.org", "https://localhost:8443"] {
            assert!(Config::new(issuer).check().is_ok(), "{issuer}");
        }
        for issuer in [
            "http://id.example.org",
            "https://id.example.org/",
            "https://id.example.org:443",
            "https://id.example.org/path",
            "https://ID.example.org",
            "https://user@id.example.org",
            "id.example.org",
        ] {
            assert!(Config::new(issuer).check().is_err(), "{issuer}");
        }
    }
}
