//! The `[ca]` section of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cards::CardsConfig;
use crate::enrol::EnrolConfig;
use crate::error::Error;
use crate::names::IssuerId;
use crate::profile::{Length, Profiles};
use crate::refused_keys::RefusedKeys;
use crate::renewals::RenewalConfig;
use crate::serial::Instance;

/// How this process is an authority.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The number of this process in serials, 1 to 127. No two processes on one database share it.
    #[serde(default = "first_instance")]
    pub instance: Instance,
    /// Where readers reach the plain listener, such as `http://pki.example.org`. It stands in every
    /// certificate, so it must last as long as they do.
    pub public_url: PublicUrl,
    /// Where the practice statement is published.
    pub practice_statement: PracticeStatementUrl,
    /// A profile file to use instead of the built-in one.
    #[serde(default)]
    pub profiles: Option<PathBuf>,
    /// ACME; without this section it is not served.
    #[serde(default)]
    pub acme: Option<crate::acme::Config>,
    /// A list of keys that are never certified: a SHA-256 of a `SubjectPublicKeyInfo` a line, or an entry of Debian's
    /// openssl-blacklist.
    #[serde(default)]
    pub refused_keys: Option<PathBuf>,
    /// How often the schedule looks for lists to make and serials to close, in seconds.
    #[serde(default = "schedule_seconds")]
    pub schedule_seconds: u32,
    /// How OCSP questions are answered.
    #[serde(default)]
    pub ocsp: OcspConfig,
    /// The roads of EST and CMP.
    #[serde(default)]
    pub enrol: EnrolConfig,
    /// When notice is given of certificates that end soon.
    #[serde(default)]
    pub renewals: RenewalConfig,
    /// How cards are issued.
    #[serde(default)]
    pub cards: CardsConfig,
    /// The lists of an issuer, by its id. One that is not named has one complete list for all its certificates.
    #[serde(default)]
    pub lists: BTreeMap<IssuerId, ListSettings>,
}

/// The `[ca.ocsp]` section.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OcspConfig {
    /// How many signed answers are kept; one takes about 2 kB.
    pub kept: usize,
    /// How many answers are being signed at the same time; further questions are told to come later. Less than
    /// `[hsm] queue`, so that questions do not take every place at the token.
    pub signing: usize,
}

impl Default for OcspConfig {
    fn default() -> OcspConfig {
        OcspConfig { kept: 20_000, signing: 128 }
    }
}

/// How the lists of an issuer are cut and brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListSettings {
    /// How many shards new certificates go into, 1024 at most; with 0 they go into the one list for all. Shards that
    /// certificates are in stay when this is lowered.
    #[serde(default)]
    pub shards: u16,
    /// Whether there are delta lists, and who points to them.
    #[serde(default)]
    pub delta: Delta,
    /// After how many minutes a delta list is made again without any change. It holds twice as long.
    #[serde(default = "delta_minutes")]
    pub delta_minutes: u16,
}

/// Whether there are delta lists, and who points to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delta {
    /// There are none.
    #[default]
    Off,
    /// Complete lists point to them (RFC 5280 5.2.6).
    Lists,
    /// Certificates do as well (RFC 5280 4.2.1.15).
    Certificates,
}

fn delta_minutes() -> u16 {
    60
}

fn first_instance() -> Instance {
    Instance::FIRST
}

fn schedule_seconds() -> u32 {
    20
}

impl Config {
    /// The configuration with everything optional at its default.
    pub fn new(public_url: PublicUrl, practice_statement: PracticeStatementUrl) -> Config {
        Config {
            instance: first_instance(),
            public_url,
            practice_statement,
            profiles: None,
            acme: None,
            refused_keys: None,
            schedule_seconds: schedule_seconds(),
            ocsp: OcspConfig::default(),
            enrol: EnrolConfig::default(),
            renewals: RenewalConfig::default(),
            cards: CardsConfig::default(),
            lists: BTreeMap::new(),
        }
    }

    /// Reads and checks the profiles.
    pub fn read_profiles(&self) -> Result<Profiles, Error> {
        let Some(path) = &self.profiles else { return Ok(Profiles::built_in()?) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::ProfileFileUnreadable { path: path.clone(), source })?;
        Ok(Profiles::parse(&text)?)
    }

    /// Reads the list of refused keys; an empty one where there is none.
    pub(crate) fn read_refused_keys(&self) -> Result<RefusedKeys, Error> {
        let Some(path) = &self.refused_keys else { return Ok(RefusedKeys::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::RefusedKeysUnreadable { path: path.clone(), source })?;
        Ok(RefusedKeys::parse(&text)?)
    }

    /// Where the complete list of certificates without a shard is found.
    pub(crate) fn list_url(&self, issuer: &IssuerId) -> String {
        format!("{}/crl/{issuer}.crl", self.public_url.0)
    }

    /// Where the complete list of a shard is found.
    pub(crate) fn shard_url(&self, issuer: &IssuerId, shard: i64) -> String {
        format!("{}/crl/{issuer}/{shard}.crl", self.public_url.0)
    }

    /// Where an issuer's certificate is found: of a later root, with what other roots certified of it (RFC 5280 4.2.2.1).
    pub(crate) fn certificate_url(&self, issuer: &IssuerId) -> String {
        let form = if issuer.is_root() && issuer.generation() > 1 { "p7c" } else { "cer" };
        format!("{}/aia/{issuer}.{form}", self.public_url.0)
    }

    /// Where OCSP questions go.
    pub(crate) fn ocsp_url(&self) -> String {
        format!("{}/ocsp", self.public_url.0)
    }

    /// Where the practice statement is found.
    pub(crate) fn practice_statement_url(&self) -> &str {
        &self.practice_statement.0
    }

    /// How the lists of an issuer are cut: as those of its authority's first generation.
    pub(crate) fn list_settings(&self, issuer: &IssuerId) -> Option<&ListSettings> {
        self.lists.get(&issuer.line())
    }

    /// Whether certificates of this issuer point to delta lists.
    pub(crate) fn certificates_name_delta(&self, issuer: &IssuerId) -> bool {
        self.list_settings(issuer).is_some_and(|settings| settings.delta == Delta::Certificates)
    }

    /// How often a delta list is made anyway, where there are delta lists.
    pub(crate) fn delta_every(&self, issuer: &IssuerId) -> Option<Length> {
        let settings = self.list_settings(issuer).filter(|settings| settings.delta != Delta::Off)?;
        Some(Length { seconds: i64::from(settings.delta_minutes) * 60 })
    }
}

/// A plain-http address without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = String;

    fn try_from(text: String) -> Result<PublicUrl, String> {
        // RFC 5280 8: a list behind https can need itself to check the server.
        let rest = text.strip_prefix("http://").unwrap_or_default();
        if rest.is_empty() || rest.ends_with('/') || !rest.chars().all(|c| c.is_ascii_graphic()) {
            return Err(format!(
                "\"{text}\" is not a plain address such as http://pki.example.org, without a slash at its end"
            ));
        }
        Ok(PublicUrl(text))
    }
}

/// The address of a document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct PracticeStatementUrl(String);

impl PracticeStatementUrl {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<PracticeStatementUrl> for String {
    fn from(url: PracticeStatementUrl) -> String {
        url.0
    }
}

impl TryFrom<String> for PracticeStatementUrl {
    type Error = String;

    fn try_from(text: String) -> Result<PracticeStatementUrl, String> {
        let web = ["http://", "https://"]
            .iter()
            .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
        if web && text.chars().all(|c| c.is_ascii_graphic()) {
            Ok(PracticeStatementUrl(text))
        } else {
            Err(format!("\"{text}\" is not an address such as https://pki.example.org/cps"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses that would be wrong in every certificate are refused at start.
    #[test]
    fn addresses_are_checked() {
        for good in ["http://pki.example.org", "http://localhost:8080/pki"] {
            assert!(PublicUrl::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in
            ["", "https://pki.example.org", "http://", "http://pki.example.org/", "http://a b", "ftp://x"]
        {
            assert!(PublicUrl::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(PracticeStatementUrl::try_from("cps.md".to_owned()).is_err());
        assert!(PracticeStatementUrl::try_from("https://x.example/cps".to_owned()).is_ok());
    }

    /// An unknown key is refused, so that a misspelling is not silently a default.
    #[test]
    fn unknown_keys_are_refused() {
        let text = "public_url = \"http://a.example\"\npractice_statement = \"https://a.example/cps\"\n";
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!(config.instance.number(), 1);
        assert!(toml::from_str::<Config>(&format!("{text}instanse = 2")).is_err());
        assert!(toml::from_str::<Config>(&format!("{text}instance = 0")).is_err());
    }
}
