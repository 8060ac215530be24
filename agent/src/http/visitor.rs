//! Whose program is at the other end of a connection: several people may be at one machine, and each has an agent that answers to
//! them alone. A page looks at all the ports at which agents are found, and takes the one that answers.

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::TcpListener;

/// Whose program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visitor {
    /// The agent's own user's.
    Own,
    /// Somebody else's.
    Foreign,
    /// This system does not say it.
    Unknown,
}

impl Connected<IncomingStream<'_, TcpListener>> for Visitor {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        match (stream.io().peer_addr(), stream.io().local_addr()) {
            (Ok(peer), Ok(own)) => of_connection(peer, own),
            // It is over already.
            _ => Self::Foreign,
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn of_connection(_peer: std::net::SocketAddr, _own: std::net::SocketAddr) -> Visitor {
    Visitor::Unknown
}

#[cfg(target_os = "linux")]
use linux::of_connection;

#[cfg(target_os = "linux")]
mod linux {
    use std::net::{SocketAddr, SocketAddrV4};
    use std::os::unix::fs::MetadataExt as _;

    use super::Visitor;

    /// Where the kernel lists connections, those of programs that speak IPv6 besides.
    const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
    /// The list is not read in one piece, so that a line can be missed while others come and go.
    const LOOKS: usize = 2;

    pub(super) fn of_connection(peer: SocketAddr, own: SocketAddr) -> Visitor {
        let (SocketAddr::V4(peer), SocketAddr::V4(own)) = (peer, own) else { return Visitor::Foreign };
        let Ok(ourselves) = std::fs::metadata("/proc/self").map(|folder| folder.uid()) else {
            return Visitor::Unknown;
        };
        for _ in 0..LOOKS {
            for table in TABLES {
                match std::fs::read_to_string(table).map(|table| owner(&table, peer, own)) {
                    Ok(Some(person)) if person == ourselves => return Visitor::Own,
                    Ok(Some(_)) => return Visitor::Foreign,
                    // A machine may have no IPv6, but whoever hides the first list says nothing at all.
                    Err(_) if table == TABLES[0] => return Visitor::Unknown,
                    Ok(None) | Err(_) => {}
                }
            }
        }
        Visitor::Foreign
    }

    /// The owner of the other end of a connection, in the kernel's list of them: the address of this end and of the other, and behind
    /// four more fields who it belongs to.
    fn owner(table: &str, peer: SocketAddrV4, own: SocketAddrV4) -> Option<u32> {
        let (peer, own) = (spelled(peer), spelled(own));
        // An address of IPv4 as one of IPv6. RFC 4291 2.5.5.2.
        let is = |field: &str, wanted: &str| {
            field == wanted || field.strip_prefix("0000000000000000FFFF0000") == Some(wanted)
        };
        table.lines().find_map(|line| {
            let mut fields = line.split_whitespace();
            let (local, remote) = (fields.nth(1)?, fields.next()?);
            if is(local, &peer) && is(remote, &own) { fields.nth(4)?.parse().ok() } else { None }
        })
    }

    /// An address as the kernel spells it: its octets as the machine has a number of 32 bits.
    fn spelled(address: SocketAddrV4) -> String {
        format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
    }

    #[cfg(test)]
    mod tests {
        use std::net::{Ipv4Addr, TcpListener, TcpStream};

        use super::*;

        /// The owner of the other end is found, not that of our own, and none where there is no such connection.
        #[test]
        fn owners_are_read() {
            let address = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
            let loopback = spelled(address(0));
            let loopback = loopback.trim_end_matches(":0000");
            let row = |number: u32, local: &str, remote: &str, person: u32| {
                format!(
                    "   {number}: {local} {remote} 01 00000000:00000000 00:00000000 00000000 {person:5}        0 199485 1 0 20 0 0 10 -1\n"
                )
            };
            let (agent, browser, other) =
                (format!("{loopback}:A9DF"), format!("{loopback}:E296"), format!("{loopback}:E297"));
            let mapped = format!("0000000000000000FFFF0000{other}");
            let table = [
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n".to_owned(),
                row(0, &agent, "00000000:0000", 1_000),
                row(1, &agent, &browser, 1_000),
                row(2, &browser, &agent, 1_001),
                row(3, &mapped, &format!("0000000000000000FFFF0000{agent}"), 1_002),
            ]
            .concat();
            let of = |port| owner(&table, address(port), address(0xA9DF));
            assert_eq!((of(0xE296), of(0xE297), of(0xE298)), (Some(1_001), Some(1_002), None));
            assert_eq!(owner("", address(1), address(2)), None);
        }

        /// A program of the same person is known for one, and a connection that is not there belongs to nobody.
        #[test]
        fn own_programs_are_known() {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let own = listener.local_addr().unwrap();
            let stream = TcpStream::connect(own).unwrap();
            assert_eq!(of_connection(stream.local_addr().unwrap(), own), Visitor::Own);
            let nobody = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));
            assert_eq!(of_connection(nobody, own), Visitor::Foreign);
        }
    }
}
