//! Networks of addresses, and into which of them this server connects at somebody else's word.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::Deserialize;

/// Text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a network such as 10.1.0.0/16 or 2001:db8::/32")]
pub struct NotANetwork(String);

/// Where a connection may lead that somebody else asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// To addresses that belong to no site of its own: what is not written down leads into nobody's own network.
    #[default]
    Public,
    /// Into these networks and nowhere else.
    Networks(Vec<Network>),
}

impl Reach {
    /// Into these networks, or to public addresses where there are none.
    pub fn of(networks: &[Network]) -> Self {
        if networks.is_empty() { Self::Public } else { Self::Networks(networks.to_vec()) }
    }

    /// Whether this address may be connected to.
    pub fn admits(&self, address: IpAddr) -> bool {
        match self {
            Self::Networks(networks) => networks.iter().any(|network| network.contains(address)),
            Self::Public => {
                let address = address.to_canonical();
                !SPECIAL.iter().chain(&PRIVATE).any(|network| network.holds(address))
            }
        }
    }
}

/// Addresses with the same beginning: RFC 4632 3.1, RFC 4291 2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
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
    pub fn contains(&self, address: IpAddr) -> bool {
        // A mapped address is the IPv4 address it stands for: RFC 4291 2.5.5.2.
        let address = address.to_canonical();
        let narrow = |special: &Network| special.holds(address) && self.prefix < special.prefix;
        self.holds(address) && !SPECIAL.iter().any(narrow)
    }

    /// Whether it has more addresses than one of these lengths, of IPv4 and of IPv6.
    pub fn is_wider_than(&self, of_v4: u8, of_v6: u8) -> bool {
        self.prefix < if self.address.is_ipv4() { of_v4 } else { of_v6 }
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
    pub fn with_mask(&self) -> Vec<u8> {
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

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

/// What belongs to a site, to documentation and measuring, or carries an IPv4 address inside (RFC 6890 2.2, RFC 6052, RFC 3056).
const PRIVATE: [Network; 16] = [
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v6([0x0064, 0xff9b], 32),
    v6([0x0100, 0], 64),
    v6([0x2001, 0], 23),
    v6([0x2001, 0x0db8], 32),
    v6([0x2002, 0], 16),
    v6([0xfc00, 0], 7),
    v6([0xfec0, 0], 10),
];

const fn v4(octets: [u8; 4], prefix: u8) -> Network {
    let [a, b, c, d] = octets;
    Network { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
}

const fn v6(first: [u16; 2], prefix: u8) -> Network {
    Network { address: IpAddr::V6(Ipv6Addr::new(first[0], first[1], 0, 0, 0, 0, 0, 0)), prefix }
}

/// The first bits of an address of this width.
fn cut(address: u128, width: u8, prefix: u8) -> u128 {
    address.checked_shr(u32::from(width - prefix)).unwrap_or(0)
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Network, NotANetwork> {
        let refused = || NotANetwork(text.to_owned());
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

    /// Networks are read strictly, and one of no length holds everything of its family.
    #[test]
    fn networks_are_strict() {
        for bad in ["10.1.0.0", "10.1.0.1/16", "10.1.0.0/33", "a/8", "10.0.0.0/", "2001:db8::1/64"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
        for (network, wide) in
            [("0.0.0.0/0", true), ("10.0.0.0/8", false), ("2000::/3", true), ("2001:db8::/32", false)]
        {
            assert_eq!(network.parse::<Network>().unwrap().is_wider_than(8, 32), wide, "{network}");
        }
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

    /// Where nothing is written down no address of a site, of a link or of this machine is connected to, in no spelling.
    #[test]
    fn public_means_public() {
        let admits = |text: &str| Reach::Public.admits(text.parse().unwrap());
        for inside in ["192.0.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2600::1", "::ffff:8.8.8.8"] {
            assert!(admits(inside), "{inside}");
        }
        for outside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "203.0.113.9",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
        ] {
            assert!(!admits(outside), "{outside}");
        }
        let written = Reach::of(&["10.0.0.0/8".parse().unwrap()]);
        assert!(written.admits("10.1.2.3".parse().unwrap()) && !written.admits("8.8.8.8".parse().unwrap()));
        assert_eq!(Reach::of(&[]), Reach::Public);
    }
}
