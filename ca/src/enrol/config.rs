//! The `[ca.enrol]` section of the configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use platform::id::ClientId;
use serde::Deserialize;

use super::Refused;
use crate::names::{IssuerId, NotAnId, ProfileId};

/// By which roads certificates can be asked for in standard protocols. Without a road there are none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnrolConfig {
    /// The road of a request that names none.
    pub default_road: Option<RoadName>,
    /// The roads by their names: EST calls them labels, CMP names.
    pub roads: BTreeMap<RoadName, RoadConfig>,
    /// How long a client of CMP has to confirm a certificate before it is revoked, in seconds.
    pub confirm_within_seconds: u32,
    /// The profile of the certificate with which answers of CMP are signed.
    pub cmp_profile: String,
}

impl Default for EnrolConfig {
    fn default() -> EnrolConfig {
        EnrolConfig {
            default_road: None,
            roads: BTreeMap::new(),
            confirm_within_seconds: 300,
            cmp_profile: "cmp-responder".to_owned(),
        }
    }
}

/// One road to one profile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoadConfig {
    /// The profile of its certificates.
    pub profile: ProfileId,
    /// Their issuer, where the profile has several.
    #[serde(default)]
    pub issuer: Option<IssuerId>,
    /// In which protocols it is offered; in all, unless told.
    #[serde(default = "every_protocol")]
    pub protocols: Vec<Protocol>,
    /// What may be done; everything, unless told.
    #[serde(default = "every_act")]
    pub acts: Vec<RoadAct>,
    /// Which host names each client may have certified: whole names, or with a leading dot all below a domain.
    #[serde(default)]
    pub hosts: BTreeMap<String, Vec<String>>,
    /// Makers whose devices ask for their first certificate with the certificate that the maker gave them, by CMP.
    #[serde(default)]
    pub vendors: Option<VendorConfig>,
}

/// Whose devices are let onto a road by the certificate of their maker (RFC 9483 4.1.1).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorConfig {
    /// The makers' roots, a PEM file.
    pub roots: PathBuf,
    /// Which attribute of the maker's certificate names the device: it becomes the common name of ours.
    #[serde(default)]
    pub device_name: DeviceName,
    /// The devices that are let in, by name; one that ends in `*` stands for all that begin so. Names of clients are no
    /// names of devices.
    pub devices: Vec<String>,
}

/// Where a maker's certificate names the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceName {
    /// The subject's serialNumber (IEEE 802.1AR 8.6).
    #[default]
    SerialNumber,
    /// The subject's common name.
    CommonName,
}

impl VendorConfig {
    /// Whether the device of this name is let in.
    pub fn admits(&self, name: &str) -> bool {
        self.devices.iter().any(|device| match device.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => device == name,
        })
    }
}

/// A protocol of enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// RFC 7030.
    Est,
    /// RFC 9810.
    Cmp,
}

/// What can be done on a road.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoadAct {
    /// Asking for a certificate.
    Enrol,
    /// Asking for one in place of one that one has.
    Renew,
    /// Having one revoked.
    Revoke,
}

impl fmt::Display for RoadAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RoadAct::Enrol => "enrol",
            RoadAct::Renew => "renew",
            RoadAct::Revoke => "revoke",
        })
    }
}

fn every_protocol() -> Vec<Protocol> {
    vec![Protocol::Est, Protocol::Cmp]
}

fn every_act() -> Vec<RoadAct> {
    vec![RoadAct::Enrol, RoadAct::Renew, RoadAct::Revoke]
}

/// The name of a road: it stands in a path, so it is 1 to 40 of a-z, 0-9 and "-".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct RoadName(ProfileId);

impl std::str::FromStr for RoadName {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<RoadName, NotAnId> {
        text.parse().map(RoadName)
    }
}

impl fmt::Display for RoadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A road that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Road<'a> {
    pub(crate) name: &'a RoadName,
    pub(crate) config: &'a RoadConfig,
}

impl EnrolConfig {
    /// The road of this name, or the default one, if it is offered in this protocol.
    pub(super) fn road(&self, name: Option<&str>, protocol: Protocol) -> Result<Road<'_>, Refused> {
        let wanted = match name {
            Some(name) => name.parse().ok(),
            None => self.default_road.clone(),
        };
        let found = wanted.and_then(|wanted| self.roads.get_key_value(&wanted));
        found
            .filter(|(_, config)| config.protocols.contains(&protocol))
            .map(|(name, config)| Road { name, config })
            .ok_or(Refused::RoadUnknown)
    }
}

impl RoadConfig {
    /// Whether this client may have this host name certified.
    pub(super) fn gives_host(&self, client: &ClientId, host: &str) -> bool {
        let granted = self.hosts.get(client.as_str()).map(Vec::as_slice).unwrap_or_default();
        granted.iter().any(|granted| match granted.strip_prefix('.') {
            Some(domain) => {
                host.strip_suffix(domain).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
            }
            None => granted == host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> EnrolConfig {
        toml::from_str(
            "default_road = \"systems\"\n\
             [roads.systems]\nprofile = \"system-tls-client\"\n\
             [roads.servers]\nprofile = \"system-tls-server\"\nprotocols = [\"cmp\"]\n\
             hosts = { larkfield = [\"larkfield.example\", \".l.example\"] }\n",
        )
        .unwrap()
    }

    /// A road is found by its name or as the default, and only in the protocols it is offered in.
    #[test]
    fn roads_are_found_by_name_and_protocol() {
        let config = config();
        let name = |wanted, protocol| config.road(wanted, protocol).map(|road| road.name.to_string()).ok();
        assert_eq!(name(None, Protocol::Est).as_deref(), Some("systems"));
        assert_eq!(name(Some("servers"), Protocol::Cmp).as_deref(), Some("servers"));
        for (wanted, protocol) in [
            ("servers", Protocol::Est),
            ("other", Protocol::Cmp),
            ("../x", Protocol::Cmp),
            ("", Protocol::Cmp),
        ] {
            assert_eq!(name(Some(wanted), protocol), None, "{wanted}");
        }
        assert!(EnrolConfig::default().road(None, Protocol::Est).is_err());
    }

    /// A client has the hosts it was given and those below a domain, and no others; nobody has another's.
    #[test]
    fn hosts_belong_to_clients() {
        let config = config();
        let road = config.road(Some("servers"), Protocol::Cmp).unwrap().config;
        let gives = |client: &str, host: &str| road.gives_host(&client.parse().unwrap(), host);
        for host in ["larkfield.example", "a.l.example", "a.b.l.example"] {
            assert!(gives("larkfield", host), "{host}");
            assert!(!gives("other", host), "{host}");
        }
        for host in ["x.larkfield.example", "l.example", ".l.example", "xl.example", "al.example.org"] {
            assert!(!gives("larkfield", host), "{host}");
        }
    }

    /// A device is admitted by its whole name or its beginning, and by nothing that is left out.
    #[test]
    fn devices_are_admitted_by_name() {
        let text =
            "[roads.d]\nprofile = \"p\"\nvendors = { roots = \"r.pem\", devices = [\"lab-*\", \"sn-7\"] }";
        let config: EnrolConfig = toml::from_str(text).unwrap();
        let vendors = config.road(Some("d"), Protocol::Cmp).unwrap().config.vendors.as_ref().unwrap();
        assert_eq!(vendors.device_name, DeviceName::SerialNumber);
        for (name, admitted) in
            [("lab-1", true), ("lab-", true), ("sn-7", true), ("sn-70", false), ("", false)]
        {
            assert_eq!(vendors.admits(name), admitted, "{name}");
        }
        assert!(
            toml::from_str::<EnrolConfig>("[roads.d]\nprofile = \"p\"\nvendors = { roots = \"r\" }").is_err()
        );
    }

    /// What is misspelt is refused.
    #[test]
    fn mistakes_are_refused() {
        for wrong in [
            "[roads.a]\n",
            "[roads.a]\nprofile = \"x\"\nprotocol = []\n",
            "[roads.\"A B\"]\nprofile = \"x\"\n",
            "[roads.a]\nprofile = \"x\"\nacts = [\"steal\"]\n",
            "default = \"a\"\n",
        ] {
            assert!(toml::from_str::<EnrolConfig>(wrong).is_err(), "{wrong}");
        }
    }
}
