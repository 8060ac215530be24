//! Linux: what the kernel shows below `/proc` and `/sys`, and what its distributions call things.

use std::net::{SocketAddr, SocketAddrV4};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Advice, Person};

/// Where is shown what is plugged in.
const USB: &str = "/sys/bus/usb/devices";

/// The class of an interface that is a card reader. USB, class codes; CCID 1.1, 4.3.
const CARD_READER: &str = "0b";

/// Where the kernel lists connections, those of programs that speak IPv6 besides.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
/// The list is not read in one piece, so that a line can be missed while others come and go.
const LOOKS: usize = 2;

/// What mends things here.
pub(crate) const ADVICE: Advice = Advice {
    no_service: "Install the package pcscd, or start it: systemctl start pcscd.socket",
    not_allowed: "Sign in at the machine itself and not from afar, or ask your IT desk for a polkit rule for org.debian.pcsc-lite.",
    no_driver: "Install the package libccid, then unplug the reader and plug it in again. If it stays so, install what its maker offers.",
    no_dialog: "Install the package pinentry-gnome3, pinentry-qt or pinentry-curses, or name another in `pinentry` of the configuration.",
    clock: "Have the machine set its clock by itself: timedatectl set-ntp true, or ask your IT desk.",
};

/// Whose program is at the other end of a connection on this machine: the kernel lists them with their owners.
pub(crate) fn person_behind(peer: SocketAddr, own: SocketAddr) -> Person {
    let (SocketAddr::V4(peer), SocketAddr::V4(own)) = (peer, own) else { return Person::Foreign };
    let Ok(ourselves) = std::fs::metadata("/proc/self").map(|folder| folder.uid()) else {
        return Person::Unknown;
    };
    for _ in 0..LOOKS {
        for table in TABLES {
            match std::fs::read_to_string(table).map(|table| owner(&table, peer, own)) {
                Ok(Some(person)) if person == ourselves => return Person::Own,
                Ok(Some(_)) => return Person::Foreign,
                // A machine may have no IPv6, but whoever hides the first list says nothing at all.
                Err(_) if table == TABLES[0] => return Person::Unknown,
                Ok(None) | Err(_) => {}
            }
        }
    }
    Person::Foreign
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

/// How many card readers are plugged in, whether or not the system's service has a driver for them.
pub(crate) fn plugged_in() -> usize {
    plugged_in_at(Path::new(USB))
}

/// An interface is a folder with its class in a file.
fn plugged_in_at(devices: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(devices) else { return 0 };
    let class = |path: PathBuf| std::fs::read_to_string(path.join("bInterfaceClass")).unwrap_or_default();
    entries.flatten().filter(|entry| class(entry.path()).trim() == CARD_READER).count()
}

/// The program of a process.
pub(crate) fn program_of(process: i32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{process}/exe")).ok()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    /// Of what is plugged in, card readers are counted and nothing else is; a machine that does not show it has none.
    #[test]
    fn readers_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        for (name, class) in [("1-1:1.0", "0b\n"), ("1-2:1.0", "03\n"), ("1-3:1.1", "0b\n")] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("bInterfaceClass"), class).unwrap();
        }
        std::fs::create_dir(folder.path().join("usb1")).unwrap();
        assert_eq!(plugged_in_at(folder.path()), 2);
        assert_eq!(plugged_in_at(&folder.path().join("nowhere")), 0);
    }

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
        assert_eq!(person_behind(stream.local_addr().unwrap(), own), Person::Own);
        let nobody = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));
        assert_eq!(person_behind(nobody, own), Person::Foreign);
    }
}
