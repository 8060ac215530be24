//! What an external account may be certified for: the names, networks, devices and profiles an operator wrote down.

use std::net::IpAddr;

use platform::network::{Network, NotANetwork};

use super::identifier::Identifier;
use super::problem::Kind;
use crate::names::ProfileId;
use crate::subject::dns_fault;

/// How many entries one list may have.
const MOST_ENTRIES: usize = 100;
/// Any device whose attestation leads to a root of its profile.
const ANY_DEVICE: &str = "*";

/// The bounds of an external account. Validation goes nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The first is used when an order names none.
    pub(crate) profiles: Vec<ProfileId>,
    /// A name is inside when it is one of these or ends in one after a dot.
    pub(crate) dns_suffixes: Vec<String>,
    /// Where validation may connect to, and the addresses that may be certified.
    pub(crate) networks: Vec<Network>,
    /// Serial numbers of devices, or `*`.
    pub(crate) devices: Vec<String>,
}

/// What is wrong with a scope that an operator wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ScopeRefused(pub(crate) String);

impl From<NotANetwork> for ScopeRefused {
    fn from(refused: NotANetwork) -> Self {
        Self(refused.to_string())
    }
}

impl Scope {
    /// Checks what an operator wrote.
    pub(crate) fn parse(
        profiles: Vec<ProfileId>,
        dns_suffixes: Vec<String>,
        networks: &[String],
        devices: Vec<String>,
    ) -> Result<Scope, ScopeRefused> {
        let counts = [profiles.len(), dns_suffixes.len(), networks.len(), devices.len()];
        if counts.iter().any(|count| *count > MOST_ENTRIES) {
            return Err(ScopeRefused(format!("a list may have {MOST_ENTRIES} entries at most")));
        }
        if profiles.is_empty() {
            return Err(ScopeRefused("name a profile at least".to_owned()));
        }
        if let Some(fault) = dns_suffixes.iter().find_map(|suffix| dns_fault(suffix)) {
            return Err(ScopeRefused(fault));
        }
        let networks =
            networks.iter().map(|text| text.parse()).collect::<Result<Vec<Network>, NotANetwork>>()?;
        let strange = |device: &&String| {
            let identifier: Result<Identifier, _> = format!("permanent-identifier:{device}").parse();
            device.as_str() != ANY_DEVICE && identifier.is_err()
        };
        if let Some(device) = devices.iter().find(strange) {
            return Err(ScopeRefused(format!("\"{device}\" is not the serial number of a device")));
        }
        Ok(Scope { profiles, dns_suffixes, networks, devices })
    }

    /// Whether this name may be certified; if not, why.
    pub(crate) fn admits(&self, identifier: &Identifier) -> Result<(), (Kind, String)> {
        let inside = match identifier {
            Identifier::Dns(name) => self.dns_suffixes.iter().any(|suffix| is_under(name, suffix)),
            Identifier::Ip(address) => self.reaches(*address),
            Identifier::Device(_, serial) => {
                self.devices.iter().any(|device| device == ANY_DEVICE || device == serial)
            }
        };
        if inside {
            return Ok(());
        }
        let detail = "the external account of this account is not for this name; ask the operator";
        Err((Kind::RejectedIdentifier, detail.to_owned()))
    }

    /// Whether validation may connect to this address.
    pub(crate) fn reaches(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

fn is_under(name: &str, suffix: &str) -> bool {
    name == suffix || name.strip_suffix(suffix).is_some_and(|left| left.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope::parse(
            vec!["acme-tls-server".parse().unwrap()],
            vec!["larkfield.example".to_owned()],
            &["10.1.0.0/16".to_owned(), "2001:db8::/32".to_owned()],
            vec!["1234".to_owned()],
        )
        .unwrap()
    }

    fn admits(text: &str) -> bool {
        scope().admits(&text.parse().unwrap()).is_ok()
    }

    /// Names end at a dot, addresses at the prefix, devices are whole.
    #[test]
    fn bounds_are_exact() {
        for inside in
            ["dns:larkfield.example", "dns:a.b.larkfield.example", "ip:10.1.255.255", "ip:2001:db8::7"]
        {
            assert!(admits(inside), "{inside}");
        }
        for outside in [
            "dns:barkfield.example",
            "dns:xlarkfield.example",
            "dns:example",
            "ip:10.2.0.0",
            "ip:2001:db9::",
            "permanent-identifier:12345",
        ] {
            assert!(!admits(outside), "{outside}");
        }
        assert!(admits("permanent-identifier:1234"));
        assert!(scope().reaches("::ffff:10.1.0.1".parse().unwrap()));
        assert!(!scope().reaches("127.0.0.1".parse().unwrap()));
    }
}
