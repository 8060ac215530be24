//! Which addresses are counted together.

use std::net::{IpAddr, Ipv6Addr};

/// On IPv6 whoever has one address has its whole /64.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => prefix(address, 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// How long the prefixes are that are given to households and to sites, which have many a /64, and how many times as much is free there.
const AROUND: [(u32, u32); 2] = [(56, 2), (48, 4)];

/// The networks around that of an address.
pub(super) fn around(address: IpAddr) -> Vec<(String, u32)> {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            AROUND.map(|(length, times)| (format!("{}/{length}", prefix(address, length)), times)).to_vec()
        }
        IpAddr::V4(_) => Vec::new(),
    }
}

/// The network of a whole site, whose requests are counted together: an address of IPv4, a /48 of IPv6.
pub(crate) fn site(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V6(address) => prefix(address, 48).to_string(),
        IpAddr::V4(address) => address.to_string(),
    }
}

fn prefix(address: Ipv6Addr, length: u32) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(address) & (u128::MAX << (128 - length)))
}
