//! The `[ca.acme]` section of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// How ACME is served. Without the section it is not.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where clients reach the public port, such as `https://ca.example.org:8443`. Every signed request names it.
    pub url: BaseUrl,
    /// Where the terms of service are, if there are any (RFC 8555 7.1.1).
    #[serde(default)]
    pub terms_of_service: Option<String>,
    /// The port that http-01 asks. RFC 8555 8.3 says 80.
    #[serde(default = "http_port")]
    pub http_port: u16,
    /// The port that tls-alpn-01 asks. RFC 8737 3 says 443.
    #[serde(default = "tls_port")]
    pub tls_port: u16,
    /// How long an order may take to be finalized, and how long an authorization lasts, in seconds.
    #[serde(default = "order_seconds")]
    pub order_seconds: u32,
    /// How many orders one account may make in an hour.
    #[serde(default = "orders_per_hour")]
    pub orders_per_hour: u32,
    /// How many orders of one account may be open at the same time.
    #[serde(default = "open_orders")]
    pub open_orders: u32,
    /// How many requests one account may make in a minute.
    #[serde(default = "requests_per_minute")]
    pub requests_per_minute: u32,
    /// How often a validation is tried before the challenge has failed.
    #[serde(default = "attempts")]
    pub attempts: u32,
    /// How long one try may take, in seconds.
    #[serde(default = "attempt_seconds")]
    pub attempt_seconds: u32,
    /// How many validations this process makes at the same time.
    #[serde(default = "validations")]
    pub validations: u32,
    /// PEM files of the roots to which a device's attestation must lead, by profile.
    #[serde(default)]
    pub attestation_roots: BTreeMap<String, PathBuf>,
}

const fn http_port() -> u16 {
    80
}

const fn tls_port() -> u16 {
    443
}

const fn order_seconds() -> u32 {
    86_400
}

const fn orders_per_hour() -> u32 {
    300
}

const fn open_orders() -> u32 {
    100
}

const fn requests_per_minute() -> u32 {
    600
}

const fn attempts() -> u32 {
    5
}

const fn attempt_seconds() -> u32 {
    10
}

const fn validations() -> u32 {
    16
}

impl Config {
    /// The configuration with everything optional at its default.
    pub fn new(url: BaseUrl) -> Config {
        Config {
            url,
            terms_of_service: None,
            http_port: http_port(),
            tls_port: tls_port(),
            order_seconds: order_seconds(),
            orders_per_hour: orders_per_hour(),
            open_orders: open_orders(),
            requests_per_minute: requests_per_minute(),
            attempts: attempts(),
            attempt_seconds: attempt_seconds(),
            validations: validations(),
            attestation_roots: BTreeMap::new(),
        }
    }

    pub(super) fn order_life(&self) -> Duration {
        Duration::from_secs(u64::from(self.order_seconds.max(60)))
    }

    pub(super) fn attempt_life(&self) -> Duration {
        Duration::from_secs(u64::from(self.attempt_seconds.clamp(1, 60)))
    }
}

/// An https address without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of a path under it.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<BaseUrl, String> {
        // RFC 8555 6.1: nothing of ACME travels without TLS.
        let host = text.strip_prefix("https://").unwrap_or_default();
        if host.is_empty() || host.contains('/') || !host.chars().all(|c| c.is_ascii_graphic()) {
            return Err(format!("\"{text}\" is not of the form https://ca.example.org:8443, without a path"));
        }
        Ok(BaseUrl(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only https and only the host: a path would be missing in the requests that clients sign.
    #[test]
    fn base_is_https_without_a_path() {
        assert!(toml::from_str::<Config>("url = \"https://ca.example:8443\"").is_ok());
        for bad in
            ["http://ca.example", "https://", "https://ca.example/", "https://ca.example/acme", "ca.example"]
        {
            assert!(BaseUrl::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(toml::from_str::<Config>("url = \"https://ca.example\"\nporst = 1").is_err());
    }
}
