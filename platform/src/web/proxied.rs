//! What a balancer that passes TLS through says of whoever comes: the PROXY protocol of `HAProxy`, versions 1 and 2.
//!
//! Only of the addresses that the configuration names, and there always: whoever may say it must, so that nothing is guessed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The longest line of version 1 (PROXY protocol 2.1).
const LONGEST_LINE: usize = 107;
/// The beginning of version 2 (2.2). As long as this is, a line of version 1 is always longer.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The most octets of addresses and what follows them that are read; balancers send a few hundred.
const LONGEST_REST: usize = 4096;

/// What came is no header of the PROXY protocol.
#[derive(Debug, thiserror::Error)]
#[error("the connection does not begin with a header of the PROXY protocol: {0}")]
pub(super) struct NoHeader(&'static str);

impl From<std::io::Error> for NoHeader {
    fn from(_: std::io::Error) -> Self {
        Self("it ended in it")
    }
}

/// Reads the header and no octet more: from where the connection comes, or nothing where the balancer speaks for itself, as it does to see
/// whether we are here, or does not know.
pub(super) async fn source<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<SocketAddr>, NoHeader> {
    let mut first = [0; SIGNATURE.len()];
    stream.read_exact(&mut first).await?;
    if first == SIGNATURE {
        return binary(stream).await;
    }
    let mut line = first.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == LONGEST_LINE {
            return Err(NoHeader("its line does not end"));
        }
        line.push(stream.read_u8().await?);
    }
    text(&line)
}

fn text(line: &[u8]) -> Result<Option<SocketAddr>, NoHeader> {
    let line =
        std::str::from_utf8(line).map_err(|_| NoHeader("its line is no text"))?.trim_end_matches("\r\n");
    let words: Vec<&str> = line.split(' ').collect();
    let port = |text: &str| text.parse::<u16>().map_err(|_| NoHeader("a port is none"));
    let bad = |_| NoHeader("an address is none");
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", "TCP4", from, to, from_port, to_port] => {
            let (from, _to): (Ipv4Addr, Ipv4Addr) = (from.parse().map_err(bad)?, to.parse().map_err(bad)?);
            let (from_port, _to_port) = (port(from_port)?, port(to_port)?);
            Ok(Some(SocketAddr::new(from.into(), from_port)))
        }
        ["PROXY", "TCP6", from, to, from_port, to_port] => {
            let (from, _to): (Ipv6Addr, Ipv6Addr) = (from.parse().map_err(bad)?, to.parse().map_err(bad)?);
            let (from_port, _to_port) = (port(from_port)?, port(to_port)?);
            Ok(Some(SocketAddr::new(from.into(), from_port)))
        }
        _ => Err(NoHeader("its line is another")),
    }
}

async fn binary<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<SocketAddr>, NoHeader> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [command, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST_REST {
        return Err(NoHeader("it is too long"));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match (command, family) {
        // LOCAL, and families that have no address of the internet.
        (0x20, _) | (0x21, 0x00) => Ok(None),
        (0x21, 0x11) => address::<4>(&rest),
        (0x21, 0x21) => address::<16>(&rest),
        _ => Err(NoHeader("its version, command or family is another")),
    }
}

/// Both addresses, then both ports; what follows is not read.
fn address<const N: usize>(rest: &[u8]) -> Result<Option<SocketAddr>, NoHeader>
where
    IpAddr: From<[u8; N]>,
{
    let short = NoHeader("it has no room for its addresses");
    let Some((from, rest)) = rest.split_first_chunk::<N>() else { return Err(short) };
    let Some((_to, ports)) = rest.split_first_chunk::<N>() else { return Err(short) };
    let Some(([high, low, ..], _)) = ports.split_first_chunk::<4>() else { return Err(short) };
    Ok(Some(SocketAddr::new(IpAddr::from(*from), u16::from_be_bytes([*high, *low]))))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(octets: &[u8]) -> Result<(Option<SocketAddr>, usize), String> {
        let mut stream = octets;
        let found = source(&mut stream).await.map_err(|error| error.to_string())?;
        Ok((found, stream.len()))
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest, b"hello"].concat()
    }

    /// Both versions are read, and not one octet of what follows them.
    #[tokio::test]
    async fn headers_are_read() {
        let four = Some("192.0.2.7:40000".parse().unwrap());
        let six = Some("[2001:db8::7]:40000".parse().unwrap());
        let v4 =
            [&[192, 0, 2, 7, 10, 0, 0, 1][..], &40_000_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat();
        let mut v6 = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets().to_vec();
        v6.extend([0; 16]);
        v6.extend([&40_000_u16.to_be_bytes()[..], &443_u16.to_be_bytes(), &[3, 0, 1, 9]].concat());
        for (octets, expected) in [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\nhello".to_vec(), four),
            (b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\nhello".to_vec(), six),
            (b"PROXY UNKNOWN\r\nhello".to_vec(), None),
            (b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\nhello".to_vec(), None),
            (version_2(0x21, 0x11, &v4), four),
            (version_2(0x21, 0x21, &v6), six),
            (version_2(0x20, 0x11, &v4), None),
            (version_2(0x20, 0x00, &[]), None),
            (version_2(0x21, 0x00, &[]), None),
        ] {
            assert_eq!(read(&octets).await, Ok((expected, 5)), "{}", String::from_utf8_lossy(&octets));
        }
    }

    /// What is no header is refused, and nothing is read without an end.
    #[tokio::test]
    async fn other_beginnings_are_refused() {
        let endless = [&b"PROXY TCP4 "[..], &[b'1'; 200], b"\r\n"].concat();
        for octets in [
            &b""[..],
            b"PROXY",
            b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 40000\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 65536\r\n",
            b"PROXY TCP4 2001:db8::7 2001:db8::1 40000 443\r\n",
            b"PROXY TCP4  192.0.2.7 10.0.0.1 40000 443\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\n",
            b"proxy TCP4 192.0.2.7 10.0.0.1 40000 443\r\n",
            &endless,
            &version_2(0x21, 0x11, &[0; 11]),
            &version_2(0x21, 0x21, &[0; 35]),
            &version_2(0x11, 0x11, &[0; 12]),
            &version_2(0x21, 0x12, &[0; 12]),
            &version_2(0x21, 0x11, &[0; LONGEST_REST + 1]),
            &SIGNATURE,
        ] {
            assert!(read(octets).await.is_err(), "{}", String::from_utf8_lossy(octets));
        }
    }

    /// Damaged headers do no harm.
    #[test]
    fn damaged_headers_do_no_harm() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for sample in [
            b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\nhello".to_vec(),
            version_2(0x21, 0x21, &[7; 40]),
        ] {
            crate::hammer::hammer(&sample, 500, |octets| drop(runtime.block_on(read(octets)))).unwrap();
        }
    }
}
