//! One question over HTTP/1.1, of which nothing counts but how the server answered and when.

use std::io::{Read, Write};
use std::time::Instant;

use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{Patience, Roots, ServerError, connect};

/// The head of an answer is no longer.
const LONGEST_HEAD: usize = 16 * 1024;

/// How a server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The status. RFC 9110 15.
    pub status: u16,
    /// What the server's clock said, in milliseconds since 1970 to the second, where it says so. RFC 9110 6.6.1.
    pub date_ms: Option<i64>,
}

/// Asks a server, given as `host:port`, one thing: a path alone, or JSON that is posted there. The answer's body is not waited for.
pub fn ask(
    roots: &Roots,
    server: &str,
    path: &str,
    posted: Option<&str>,
    patience: Patience,
) -> Result<Answered, ServerError> {
    let until = Instant::now() + patience.connecting + patience.hearing;
    let mut stream = connect(roots, server, patience)?;
    stream.write_all(request(server, path, posted).as_bytes()).map_err(ServerError::of_exchange)?;
    stream.flush().map_err(ServerError::of_exchange)?;
    let mut head = Vec::new();
    let mut part = [0; 1024];
    loop {
        let count = stream.read(&mut part).map_err(ServerError::of_exchange)?;
        head.extend_from_slice(&part[..count]);
        if let Some(answered) = read(&head) {
            return Ok(answered);
        }
        // A server that says its head letter by letter is one that does not answer.
        if count == 0 || head.len() > LONGEST_HEAD || Instant::now() >= until {
            return Err(ServerError::Unreadable);
        }
    }
}

fn request(server: &str, path: &str, posted: Option<&str>) -> String {
    let host = server.strip_suffix(":443").unwrap_or(server);
    let common = format!("Host: {host}\r\nConnection: close\r\nUser-Agent: lanyard-agent\r\n");
    match posted {
        None => format!("GET {path} HTTP/1.1\r\n{common}\r\n"),
        Some(body) => format!(
            "POST {path} HTTP/1.1\r\n{common}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    }
}

/// Reads the head of an answer, once it is there to its end.
fn read(octets: &[u8]) -> Option<Answered> {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(&octets[..end]).ok()?.split("\r\n");
    let (version, rest) = lines.next()?.split_once(' ')?;
    let status = rest.get(..3)?.parse().ok()?;
    let date =
        lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("date"));
    let date_ms = date.and_then(|(_, date)| moment(date.trim()));
    version.starts_with("HTTP/1.").then_some(Answered { status, date_ms })
}

/// A date in the one form that servers write today. RFC 9110 5.6.7.
fn moment(text: &str) -> Option<i64> {
    const FORM: &[BorrowedFormatItem<'_>] = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let moment = PrimitiveDateTime::parse(text, FORM).ok()?.assume_utc();
    moment.unix_timestamp().checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head is read with its status and date once it is whole; one without a date has none, and rubbish is no answer.
    #[test]
    fn heads_are_read() {
        let whole = b"HTTP/1.1 404 Not Found\r\nDATE: Sun, 06 Nov 1994 08:49:37 GMT\r\nx: y\r\n\r\nbody";
        assert_eq!(read(whole), Some(Answered { status: 404, date_ms: Some(784_111_777_000) }));
        assert_eq!(read(&whole[..60]), None, "its end is missing");
        let without = b"HTTP/1.1 200 OK\r\ndate: yesterday\r\n\r\n";
        assert_eq!(read(without), Some(Answered { status: 200, date_ms: None }));
        for rubbish in [&b"SSH-2.0-x\r\n\r\n"[..], b"HTTP/1.1 x\r\n\r\n", b"\r\n\r\n", b"FTP/1.1 200\r\n\r\n"]
        {
            assert_eq!(read(rubbish), None);
        }
    }

    /// What is posted has its length, and the usual port is not named.
    #[test]
    fn questions_are_written() {
        let asked = request("care.example:443", "/a", Some("{}"));
        assert!(asked.starts_with("POST /a HTTP/1.1\r\nHost: care.example\r\n"), "{asked}");
        assert!(asked.ends_with("Content-Length: 2\r\n\r\n{}"), "{asked}");
        assert!(request("care.example:8443", "/", None).contains("Host: care.example:8443\r\n"));
    }
}
