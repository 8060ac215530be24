//! What an external account may be certified for: the names, networks, devices and profiles an operator wrote down.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::identifier::Identifier;
use super::problem::Kind;
use crate::names::ProfileId;
use crate::profile::{Presence, Profile, Purpose};
use crate::subject::{Naming, dns_fault};

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

/// What a profile is for, among those that ACME issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Servers with names that are validated over the network.
    Server,
    /// Devices that attest their key.
    Device,
}

/// What ACME may issue of a profile: it names no person, and is for servers or for clients and nothing else.
pub(crate) fn use_of(profile: &Profile) -> Option<Use> {
    // Names by template are not those that a request of ACME says.
    let Naming::Plain(rules) = &profile.naming else { return None };
    let person = [rules.user_id, rules.given_name, rules.family_name, rules.upn];
    let needed = [rules.organisation, rules.organisation_id];
    if person.iter().any(|part| *part != Presence::Forbidden) || needed.contains(&Presence::Required) {
        return None;
    }
    match profile.extended.as_ref()?.purposes.as_slice() {
        [Purpose::ServerAuth] => Some(Use::Server),
        [Purpose::ClientAuth] => Some(Use::Device),
        _ => None,
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
        let networks = networks.iter().map(|text| text.parse()).collect::<Result<Vec<Network>, _>>()?;
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

/// Addresses with the same beginning: RFC 4632 3.1, RFC 4291 2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u8,
}

/// What is in a network only where the network is inside it: this machine, its links, groups and what is reserved
/// (RFC 6890 2.2). Whoever writes 0.0.0.0/0 means every machine and not the services on this one.
const SPECIAL: [Network; 9] = [
    Network { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), prefix: 8 },
    Network { address: IpAddr::V4(Ipv4Addr::LOCALHOST), prefix: 8 },
    Network { address: IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), prefix: 16 },
    Network { address: IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), prefix: 4 },
    Network { address: IpAddr::V4(Ipv4Addr::new(240, 0, 0, 0)), prefix: 4 },
    Network { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), prefix: 128 },
    Network { address: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 },
    Network { address: IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), prefix: 10 },
    Network { address: IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)), prefix: 8 },
];

impl Network {
    /// Whether this address may be connected to, and certified, where the operator wrote this network.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        // A mapped address is the IPv4 address it stands for: RFC 4291 2.5.5.2.
        let address = address.to_canonical();
        let narrow = |special: &Network| special.holds(address) && self.prefix < special.prefix;
        self.holds(address) && !SPECIAL.iter().any(narrow)
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                cut(u128::from(u32::from(ours)), 32, self.prefix)
                    == cut(u128::from(u32::from(other)), 32, self.prefix)
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                cut(u128::from(ours), 128, self.prefix) == cut(u128::from(other), 128, self.prefix)
            }
            _ => false,
        }
    }

    /// The first address and the mask, as name constraints have them (RFC 5280 4.2.1.10).
    pub(crate) fn with_mask(&self) -> Vec<u8> {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                [address.octets(), mask.to_be_bytes()].concat()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                [address.octets(), mask.to_be_bytes()].concat()
            }
        }
    }
}

/// The first bits of an address of this width.
fn cut(address: u128, width: u8, prefix: u8) -> u128 {
    address.checked_shr(u32::from(width - prefix)).unwrap_or(0)
}

impl FromStr for Network {
    type Err = ScopeRefused;

    fn from_str(text: &str) -> Result<Network, ScopeRefused> {
        let refused =
            || ScopeRefused(format!("\"{text}\" is not a network such as 10.1.0.0/16 or 2001:db8::/32"));
        let (address, prefix) = text.split_once('/').ok_or_else(refused)?;
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let prefix: u8 = prefix.parse().map_err(|_| refused())?;
        let (width, bits) = match address {
            IpAddr::V4(v4) => (32, u128::from(u32::from(v4))),
            IpAddr::V6(v6) => (128, u128::from(v6)),
        };
        if prefix > width {
            return Err(refused());
        }
        let start = cut(bits, width, prefix).checked_shl(u32::from(width - prefix)).unwrap_or(0);
        // A network is written by its first address, so that a slip of the pen is seen.
        if start == bits { Ok(Network { address, prefix }) } else { Err(refused()) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
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

    /// Networks are read strictly, and one of no length holds everything of its family.
    #[test]
    fn networks_are_strict() {
        for bad in ["10.1.0.0", "10.1.0.1/16", "10.1.0.0/33", "a/8", "10.0.0.0/", "2001:db8::1/64"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
        let one: Network = "127.0.0.1/32".parse().unwrap();
        assert!(one.contains("127.0.0.1".parse().unwrap()) && !one.contains("127.0.0.2".parse().unwrap()));
        assert!("::/0".parse::<Network>().unwrap().contains("2001:db8::1".parse().unwrap()));
    }

    /// A wide network holds neither this machine nor its links; one that is written for them does.
    #[test]
    fn wide_networks_leave_this_machine_out() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        let special = [
            ("0.0.0.0/0", "127.0.0.1"),
            ("0.0.0.0/0", "::ffff:127.0.0.1"),
            ("0.0.0.0/0", "169.254.169.254"),
            ("128.0.0.0/1", "169.254.169.254"),
            ("0.0.0.0/0", "0.0.0.0"),
            ("0.0.0.0/0", "224.0.0.1"),
            ("0.0.0.0/0", "255.255.255.255"),
            ("64.0.0.0/2", "127.0.0.1"),
            ("::/0", "::1"),
            ("::/0", "::"),
            ("::/0", "fe80::1"),
            ("::/0", "ff02::1"),
        ];
        for (network, address) in special {
            assert!(!holds(network, address), "{network} {address}");
        }
        for (network, address) in [
            ("127.0.0.0/8", "127.0.0.1"),
            ("169.254.1.0/24", "169.254.1.9"),
            ("::1/128", "::1"),
            ("fe80::/10", "fe80::1"),
            ("0.0.0.0/0", "10.1.2.3"),
            ("::/0", "fd00::1"),
        ] {
            assert!(holds(network, address), "{network} {address}");
        }
    }

    /// Profiles that name a person or sign for others are not issued by ACME.
    #[test]
    fn profiles_of_people_are_not_for_acme() {
        let profiles = crate::profile::Profiles::built_in().unwrap();
        let uses = |id: &str| use_of(profiles.find(id).unwrap());
        assert_eq!(uses("acme-tls-server"), Some(Use::Server));
        assert_eq!(uses("system-tls-server"), Some(Use::Server));
        assert_eq!(uses("device-tls-client"), Some(Use::Device));
        for id in [
            "card-authentication",
            "prescriber-remote-signing",
            "person-sign-in",
            "ocsp-responder",
            "time-stamp",
        ] {
            assert_eq!(uses(id), None, "{id}");
        }
    }
}
