//! Answers of one search that are ready together go as one: to hand each over by itself would cost more than to make it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use ldap3_proto::proto::LdapMsg;

use super::framing::encode_into;
use super::out::{Gone, Out, RECORD};
use super::select::Shown;
use super::written;

/// Answers on their way out, in their order. What was put in goes when it is much, when something has to be waited for, and at the end.
pub(super) struct Bundle<'o> {
    out: &'o Out,
    gate: Gate,
    /// What is held back, but for the last of it.
    held: VecDeque<Bytes>,
    /// What is less than a record.
    last: BytesMut,
}

/// Whether anything goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    /// Not before it is in the record whom it shows.
    Shut,
}

impl<'o> Bundle<'o> {
    /// Nothing yet.
    pub(super) fn over(out: &'o Out) -> Self {
        Self { out, gate: Gate::Open, held: VecDeque::new(), last: BytesMut::new() }
    }

    /// Where it goes, for what goes by itself: [`Bundle::flush`] first.
    pub(super) fn out(&self) -> &'o Out {
        self.out
    }

    /// Puts an entry in.
    pub(super) async fn entry(&mut self, msgid: i32, shown: &Shown<'_>) -> Result<(), Gone> {
        written::entry(msgid, shown, &mut self.last);
        if self.last.len() < RECORD {
            return Ok(());
        }
        if self.gate == Gate::Shut {
            // Whole messages, since those of other searches may come between two pieces.
            self.held.push_back(self.last.split().freeze());
            return Ok(());
        }
        self.flush().await
    }

    /// Holds everything back from now on; what was put in before goes.
    pub(super) async fn hold(&mut self) -> Result<(), Gone> {
        self.flush().await?;
        self.gate = Gate::Shut;
        Ok(())
    }

    /// Lets go of what was held back.
    pub(super) async fn release(&mut self) -> Result<(), Gone> {
        // Whoever is stopped here has sent a beginning, and the rest stays held back.
        while !self.held.is_empty() {
            let room = self.out.room().await?;
            if let Some(octets) = self.held.pop_front() {
                room.send(octets);
            }
        }
        self.gate = Gate::Open;
        Ok(())
    }

    /// Sends what may go now.
    pub(super) async fn flush(&mut self) -> Result<(), Gone> {
        if self.gate == Gate::Shut || self.last.is_empty() {
            return Ok(());
        }
        let room = self.out.room().await?;
        room.send(self.last.split().freeze());
        Ok(())
    }

    /// Waits for something. What may go goes meanwhile as far as there is room: nothing that is waited for, a connection to the database
    /// least of all, is held while a client reads slowly.
    pub(super) async fn meanwhile<T>(&mut self, doing: impl Future<Output = T>) -> T {
        let mut doing = pin!(doing);
        poll_fn(|turn| {
            let polled = doing.as_mut().poll(turn);
            if polled.is_pending() {
                self.offer();
            }
            polled
        })
        .await
    }

    /// Sends what may go if there is room. That nobody is there any more is met where something is sent that has to be.
    fn offer(&mut self) {
        if self.gate == Gate::Open
            && !self.last.is_empty()
            && let Some(room) = self.out.room_now()
        {
            room.send(self.last.split().freeze());
        }
    }

    /// Sends the end behind it. What is still held back is never sent.
    pub(super) async fn end(mut self, message: LdapMsg) -> Result<(), Gone> {
        if self.gate == Gate::Shut {
            self.last.clear();
            self.gate = Gate::Open;
        }
        encode_into(message, &mut self.last).map_err(|_| Gone)?;
        self.flush().await
    }
}

#[cfg(test)]
mod tests {
    use ldap3_proto::LdapCodec;
    use tokio::io::AsyncReadExt as _;
    use tokio::sync::oneshot;
    use tokio::task::yield_now;
    use tokio::time::Duration;
    use tokio_util::codec::Decoder as _;

    use super::*;
    use crate::ldap::answer::{done, success};
    use crate::ldap::dn::Dn;
    use crate::ldap::entry::Entry;
    use crate::ldap::select::{Selection, Show};

    /// What becomes of what is held back.
    #[derive(Debug, Clone, Copy)]
    enum Held {
        Released,
        Dropped,
    }

    /// The numbers of the messages that are sent where entries 1 to 3 go in, the last two of them held back, and then the end with the number 4.
    async fn sent(length: usize, held: Held) -> Vec<i32> {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let (reader, writer) = tokio::io::split(server);
        let (out, writing) = Out::over(writer, Duration::from_mins(1));
        let mut entry = Entry::new(Dn::parse("o=nhs").unwrap(), &["organization", "top"], "organization");
        entry.put("description", ["x".repeat(length)]);
        let selection = Selection::read(&[]);
        let shown = selection.of(&entry, Show::Values, None);
        let mut bundle = Bundle::over(&out);
        bundle.entry(1, &shown).await.unwrap();
        bundle.hold().await.unwrap();
        for msgid in [2, 3] {
            bundle.entry(msgid, &shown).await.unwrap();
        }
        bundle.flush().await.unwrap();
        if matches!(held, Held::Released) {
            bundle.release().await.unwrap();
        }
        bundle.end(done(4, success(), Vec::new())).await.unwrap();
        drop((out, reader));
        writing.await.unwrap();
        let mut octets = BytesMut::new();
        while client.read_buf(&mut octets).await.unwrap() > 0 {}
        let mut codec = LdapCodec::new(Some(1 << 20), None);
        let mut numbers = Vec::new();
        while let Ok(Some(message)) = codec.decode(&mut octets) {
            numbers.push(message.msgid);
        }
        numbers
    }

    /// What is waited for comes to its end while a client reads nothing, and has every turn that it gives to others.
    #[tokio::test]
    async fn slow_readers_hold_nothing_up() {
        let (client, server) = tokio::io::duplex(1);
        let (_reader, writer) = tokio::io::split(server);
        let (out, _writing) = Out::over(writer, Duration::from_mins(1));
        while out.room_now().is_some_and(|room| {
            room.send(Bytes::from_static(b"waits"));
            true
        }) {
            yield_now().await;
        }
        let entry = Entry::new(Dn::parse("o=nhs").unwrap(), &["organization", "top"], "organization");
        let selection = Selection::read(&[]);
        let mut bundle = Bundle::over(&out);
        bundle.entry(1, &selection.of(&entry, Show::Values, None)).await.unwrap();
        let (sender, mut told) = oneshot::channel();
        tokio::spawn(async move { sender.send(()) });
        let has_turned = bundle.meanwhile(async {
            yield_now().await;
            told.try_recv().is_ok()
        });
        assert!(has_turned.await, "the other task had its turn");
        assert!(!bundle.last.is_empty(), "there was no room");
        drop(client);
    }

    /// Nothing that is held back is sent before it is let go of, and never if it is not; all else is sent in its order, however large it is.
    #[tokio::test]
    async fn what_is_held_back_is_let_go_of() {
        for length in [1, 9_000, 20_000] {
            assert_eq!(sent(length, Held::Released).await, [1, 2, 3, 4], "{length}");
            assert_eq!(sent(length, Held::Dropped).await, [1, 4], "{length}");
        }
    }
}
