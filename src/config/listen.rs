//! Where the server listens, and as whom.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use platform::network::Network;
use serde::Deserialize;

/// The five listeners.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// HTTPS that never asks for a certificate.
    pub public: SocketAddr,
    /// HTTPS for systems: asks for a client certificate.
    pub systems: SocketAddr,
    /// HTTPS for people with a card: asks, remembers no session, closes after each sign-in.
    pub cards: SocketAddr,
    /// Plain HTTP, for revocation lists and authority certificates only.
    pub plain: SocketAddr,
    /// Metrics and health. Refuses an address that is not of this machine.
    #[serde(deserialize_with = "of_this_machine")]
    pub private: SocketAddr,
    /// Balancers before the other four, which say in the PROXY protocol from where each connection comes.
    #[serde(deserialize_with = "of_a_site")]
    pub balancers: Vec<Network>,
}

impl Default for Listen {
    fn default() -> Self {
        let everywhere = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        Self {
            public: everywhere(8443),
            systems: everywhere(8444),
            cards: everywhere(8445),
            plain: everywhere(8080),
            private: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464),
            balancers: Vec::new(),
        }
    }
}

impl Listen {
    /// Each listener with the name of its key.
    pub fn all(&self) -> [(&'static str, SocketAddr); 5] {
        [
            ("public", self.public),
            ("systems", self.systems),
            ("cards", self.cards),
            ("plain", self.plain),
            ("private", self.private),
        ]
    }
}

fn of_this_machine<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let address = SocketAddr::deserialize(deserializer)?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(serde::de::Error::custom(format!(
            "{address} can be reached from outside; metrics and health listen on 127.0.0.1 or ::1 only"
        )))
    }
}

/// Whoever is in one of these says from where they come, and is believed.
fn of_a_site<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Network>, D::Error> {
    let networks = Vec::<Network>::deserialize(deserializer)?;
    match networks.iter().find(|network| network.is_wider_than(8, 32)) {
        None => Ok(networks),
        Some(wide) => Err(serde::de::Error::custom(format!(
            "balancers has {wide}, in which others could say that they come from anywhere; name the balancers' own network, at \
             least /8 of IPv4 or /32 of IPv6"
        ))),
    }
}

/// The server's certificate and key, read again on SIGHUP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate and then its chain, in PEM.
    pub certificate: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
}

impl TlsFiles {
    pub(super) fn anchor(&mut self, base: &Path) {
        self.certificate = crate::files::from_base(base, &self.certificate);
        self.key = crate::files::from_base(base, &self.key);
    }
}
