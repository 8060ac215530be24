//! Messages on the wire: how long one is, said before it is read, and what it holds.
//!
//! A message that says it is longer than what is taken is refused at its first octets; one whose inside lies about lengths is
//! refused when it is whole. The library reads nothing before that.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ldap3_lber::Parser;
use ldap3_lber::common::TagClass;
use ldap3_lber::structure::{PL, StructureTag};
use ldap3_proto::LdapCodec;
use ldap3_proto::proto::LdapMsg;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::codec::{Decoder as _, Encoder as _};

/// How many constructed values lie one within the other at most.
const DEEPEST: usize = 128;
/// How much is read at once.
const AT_ONCE: usize = 8 * 1024;

/// Why nothing more is read from a connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// What came is no message.
    #[error("what came is no LDAP message")]
    Malformed,
    /// A message says that it is larger than what is taken.
    #[error("a message is larger than {most} octets")]
    TooLarge {
        /// How large one may be.
        most: usize,
    },
    /// A message has begun and takes too long.
    #[error("a message came too slowly")]
    Slow,
    /// Nothing was asked for a long time.
    #[error("nothing was asked for a long time")]
    Idle,
    /// The other side is gone.
    #[error("the connection broke off")]
    Gone(#[from] io::Error),
}

/// The reading half of a connection. Dropping [`Messages::next`] loses nothing of what was read.
pub(super) struct Messages<R> {
    reader: R,
    buffer: BytesMut,
    most: usize,
    times: Times,
    /// Since when something is waited for: the rest of a message that has begun, or the next one.
    since: Instant,
    /// Rings by when that is over, or before.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// For a message to begin.
    pub(super) idle: Duration,
    /// For one that has begun to be whole.
    pub(super) whole: Duration,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    /// Reads messages of at most so many octets.
    pub(super) fn new(reader: R, most: usize, times: Times) -> Self {
        Self { reader, buffer: BytesMut::new(), most, times, since: Instant::now(), alarm: None }
    }

    /// Whether more was sent than was read as messages.
    pub(super) fn has_more(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// What is read from, to write to.
    pub(super) fn reader(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Waits so long for a message to begin, from now on.
    pub(super) fn be_idle_for(&mut self, idle: Duration) {
        self.times.idle = idle;
    }

    /// Begins to wait anew: what was asked meanwhile took its time.
    pub(super) fn wait_anew(&mut self) {
        self.since = Instant::now();
    }

    /// The next message, whole; `None` when the other side has ended between two.
    pub(super) async fn next(&mut self) -> Result<Option<BytesMut>, Broken> {
        loop {
            if let Some(length) = length(&self.buffer, self.most)?
                && self.buffer.len() >= length
            {
                self.since = Instant::now();
                return Ok(Some(self.buffer.split_to(length)));
            }
            let was_empty = self.buffer.is_empty();
            let (limit, late) =
                if was_empty { (self.times.idle, Broken::Idle) } else { (self.times.whole, Broken::Slow) };
            self.buffer.reserve(AT_ONCE);
            let Some(read) = self.read_until(self.since + limit).await else { return Err(late) };
            if read? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(Broken::Malformed) };
            }
            if was_empty {
                self.since = Instant::now();
            }
        }
    }

    /// Reads what comes next; `None` when it has not come by then. To set a timer for each message costs more than to read it: one
    /// that rings too early is set again.
    async fn read_until(&mut self, deadline: Instant) -> Option<io::Result<usize>> {
        let mut reading = pin!(self.reader.read_buf(&mut self.buffer));
        let alarm = &mut self.alarm;
        poll_fn(|context| {
            if let Poll::Ready(read) = reading.as_mut().poll(context) {
                return Poll::Ready(Some(read));
            }
            let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if alarm.deadline() > deadline {
                alarm.as_mut().reset(deadline);
            }
            while alarm.as_mut().poll(context).is_ready() {
                if Instant::now() >= deadline {
                    return Poll::Ready(None);
                }
                alarm.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }

    /// Gives the reader back. What was read beyond the last message is thrown away.
    pub(super) fn into_reader(self) -> R {
        self.reader
    }
}

/// How long the message is that begins here, with its head; `None` until that can be told. RFC 4511 5.1: definite lengths only.
fn length(octets: &[u8], most: usize) -> Result<Option<usize>, Broken> {
    match octets {
        [] => return Ok(None),
        [0x30, ..] => {}
        _ => return Err(Broken::Malformed),
    }
    let Some(&first) = octets.get(1) else { return Ok(None) };
    let (head, inner) = match first {
        0..=0x7f => (2, usize::from(first)),
        0x81..=0x84 => {
            let many = usize::from(first & 0x7f);
            let Some(length) = octets.get(2..2 + many) else { return Ok(None) };
            (2 + many, length.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)))
        }
        _ => return Err(Broken::Malformed),
    };
    if inner > most { Err(Broken::TooLarge { most }) } else { Ok(Some(head + inner)) }
}

/// A message that was read.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) message: LdapMsg,
    /// The tag of what is asked for.
    pub(super) tag: u8,
    /// The identifiers of the controls that are critical.
    pub(super) critical: BTreeSet<String>,
}

/// A message that cannot be read, as far as it can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// Its number, and the tag of what it asks for.
    pub(super) head: Option<(i32, u8)>,
}

/// What is asked for: the tags of requests. RFC 4511 4.2 to 4.12.
pub(super) const REQUESTS: [u8; 10] = [0x60, 0x42, 0x63, 0x66, 0x68, 0x4a, 0x6c, 0x6e, 0x50, 0x77];

/// Reads a whole message.
pub(super) fn decode(mut octets: BytesMut, most: usize) -> Result<Received, Unreadable> {
    let head = head(&octets);
    let unreadable = || Unreadable { head };
    // What is no request is not given to the library, which has words of its own for what it does not know.
    let Some((_, tag)) = head.filter(|(_, tag)| REQUESTS.contains(tag)) else { return Err(unreadable()) };
    let whole = octets.clone();
    let mut codec = LdapCodec::new(Some(most + 16), Some(DEEPEST));
    match codec.decode(&mut octets) {
        Ok(Some(message)) => {
            let critical = if message.ctrl.is_empty() { BTreeSet::new() } else { critical(&whole) };
            Ok(Received { message, tag, critical })
        }
        Ok(None) | Err(_) => Err(unreadable()),
    }
}

/// The number and the tag of what is asked, from the first octets.
fn head(octets: &[u8]) -> Option<(i32, u8)> {
    let skip = match octets.get(1)? {
        0..=0x7f => 2,
        long => 2 + usize::from(long & 0x7f),
    };
    let [0x02, length @ 1..=4, rest @ ..] = octets.get(skip..)? else { return None };
    let (number, rest) = rest.split_at_checked(usize::from(*length))?;
    let number = number.iter().fold(0i64, |sum, octet| sum << 8 | i64::from(*octet));
    Some((i32::try_from(number).ok()?, *rest.first()?))
}

/// The identifiers of the critical controls of a message, which the library does not tell of all of them.
fn critical(octets: &[u8]) -> BTreeSet<String> {
    let Ok((_, whole)) = Parser::new(DEEPEST).parse(octets) else { return BTreeSet::new() };
    let PL::C(parts) = whole.payload else { return BTreeSet::new() };
    let controls = parts.into_iter().find(|part| part.class == TagClass::Context && part.id == 0);
    let Some(PL::C(controls)) = controls.map(|part| part.payload) else { return BTreeSet::new() };
    controls.into_iter().filter_map(critical_control).collect()
}

fn critical_control(control: StructureTag) -> Option<String> {
    let PL::C(parts) = control.payload else { return None };
    let mut parts = parts.into_iter().map(|part| (part.id, part.payload));
    let (_, PL::P(oid)) = parts.next()? else { return None };
    // A BOOLEAN; anything but zero is true.
    match parts.next()? {
        (1, PL::P(is)) if is.iter().any(|octet| *octet != 0) => String::from_utf8(oid).ok(),
        _ => None,
    }
}

/// A message as it is sent.
pub(super) fn encode(message: LdapMsg) -> io::Result<Bytes> {
    let mut octets = BytesMut::with_capacity(256);
    encode_into(message, &mut octets)?;
    Ok(octets.freeze())
}

/// The same behind what is there.
pub(super) fn encode_into(message: LdapMsg, octets: &mut BytesMut) -> io::Result<()> {
    LdapCodec::default().encode(message, octets)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use ldap3_proto::proto::{LdapOp, LdapSearchRequest, LdapSearchScope};
    use tokio::io::{AsyncWriteExt as _, duplex};
    use tokio::time::timeout;

    use super::*;
    use crate::ldap::sample::{nested, search_request};

    const TIMES: Times = Times { idle: Duration::from_millis(300), whole: Duration::from_millis(300) };

    async fn all(octets: &[u8], most: usize) -> Result<usize, Broken> {
        let mut messages = Messages::new(octets, most, TIMES);
        let mut many = 0;
        while messages.next().await?.is_some() {
            many += 1;
        }
        Ok(many)
    }

    /// Messages are cut where they end; one that says it is too long is refused at its head, and half a one is none.
    #[tokio::test]
    async fn messages_are_cut() {
        let one = encode(search_request("(o=nhs)")).unwrap();
        let two = [&one[..], &one[..]].concat();
        assert_eq!(all(&two, 1000).await.unwrap(), 2);
        assert!(matches!(all(&one[..one.len() - 1], 1000).await, Err(Broken::Malformed)));
        for (lie, is_large) in [
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], true),
            (&[0x30, 0x83, 0x10, 0, 0], true),
            (&[0x30, 0x80], false),
            (&[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1], false),
            (b"GET / HTTP/1.1", false),
        ] {
            let said = all(lie, 1000).await;
            assert_eq!(matches!(said, Err(Broken::TooLarge { most: 1000 })), is_large, "{lie:?}");
            assert!(said.is_err());
        }
    }

    /// Whoever says nothing is idle after a while, and whoever sends half a message is slow, however little comes of it.
    #[tokio::test]
    async fn slow_clients_are_told_from_quiet_ones() {
        let (mut client, server) = duplex(64);
        let mut messages = Messages::new(server, 1000, TIMES);
        assert!(matches!(messages.next().await, Err(Broken::Idle)));
        messages.wait_anew();
        client.write_all(&[0x30]).await.unwrap();
        let dripping = tokio::spawn(async move {
            for octet in [0x82, 0x01, 0x00, 0x02, 0x01, 0x01] {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let _gone = client.write_all(&[octet]).await;
            }
            client
        });
        let began = Instant::now();
        assert!(matches!(messages.next().await, Err(Broken::Slow)));
        assert!(began.elapsed() >= TIMES.whole, "not before its time");
        drop(dripping.await.unwrap());
    }

    /// A message that begins is slow in its own time though the alarm stands much later, where a wait for one to begin has put it that
    /// was given up.
    #[tokio::test]
    async fn the_alarm_of_a_quiet_client_is_set_earlier() {
        let times = Times { idle: Duration::from_mins(1), whole: Duration::from_millis(300) };
        let (mut client, server) = duplex(64);
        let mut messages = Messages::new(server, 1000, times);
        assert!(messages.next().now_or_never().is_none(), "nothing is there");
        client.write_all(&[0x30]).await.unwrap();
        let began = Instant::now();
        let said = timeout(Duration::from_secs(20), messages.next()).await;
        assert!(matches!(said, Ok(Err(Broken::Slow))), "{said:?}");
        assert!(began.elapsed() >= times.whole, "not before its time");
    }

    /// Whoever has sent a whole message may be quiet for as long as anybody, though the alarm stands where the message would have been
    /// slow.
    #[tokio::test]
    async fn the_alarm_of_a_slow_client_is_set_later() {
        let times = Times { idle: Duration::from_millis(600), whole: Duration::from_millis(200) };
        let (mut client, server) = duplex(64);
        let mut messages = Messages::new(server, 1000, times);
        let whole = [0x30, 0x03, 0x02, 0x01, 0x01];
        client.write_all(&whole[..1]).await.unwrap();
        assert!(messages.next().now_or_never().is_none(), "it has only begun");
        client.write_all(&whole[1..]).await.unwrap();
        let began = Instant::now();
        assert_eq!(messages.next().await.unwrap().as_deref(), Some(&whole[..]));
        let said = timeout(Duration::from_secs(20), messages.next()).await;
        assert!(matches!(said, Ok(Err(Broken::Idle))), "{said:?}");
        assert!(began.elapsed() >= times.idle, "not before its time");
    }

    /// What lies inside about its lengths, nests too deep or asks for nothing known is unreadable, and its number is told.
    #[test]
    fn lies_are_unreadable() {
        let read = |octets: &[u8]| decode(BytesMut::from(octets), 1 << 20);
        let good = encode(search_request("(o=nhs)")).unwrap();
        assert!(matches!(
            read(&good).unwrap().message.op,
            LdapOp::SearchRequest(LdapSearchRequest { scope: LdapSearchScope::Subtree, .. })
        ));
        let mut lying = good.to_vec();
        // The length of the value that is asked for.
        let last = lying.len() - 6;
        lying[last] = 0x7f;
        assert!(read(&lying).is_err());
        assert_eq!(read(&nested(1000)).unwrap_err(), Unreadable { head: Some((1, 0x63)) });
        assert_eq!(read(&[0x30, 0x05, 0x02, 0x01, 0x07, 0x7f, 0x00]).unwrap_err().head, Some((7, 0x7f)));
        assert_eq!(read(&[0x30, 0x00]).unwrap_err().head, None);
    }
}
