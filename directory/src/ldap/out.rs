//! Where answers go: through one short queue to one writer, so that whoever reads slowly holds their own searches up.

use bytes::{Bytes, BytesMut};
use ldap3_proto::proto::LdapMsg;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Duration, timeout};

use super::framing::encode;

/// How many pieces of answers wait to be written, and as many that the writer has taken: each is a record, or one entry that is larger. With
/// one for each request that is under way that is all that a connection holds of what was answered.
const WAITING: usize = 4;
/// How much is put together before it is written: what a record of TLS holds.
pub(super) const RECORD: usize = 16 * 1024;

/// Whoever asked is gone.
#[derive(Debug)]
pub(super) struct Gone;

/// Where answers go.
#[derive(Clone)]
pub(super) struct Out(mpsc::Sender<Bytes>);

impl Out {
    /// Begins to write to a connection; the task ends when nobody sends any more, or the client takes nothing of an answer for so long.
    pub(super) fn over<W>(writer: WriteHalf<W>, stall: Duration) -> (Self, JoinHandle<()>)
    where
        W: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (sender, answers) = mpsc::channel(WAITING);
        (Self(sender), tokio::spawn(write(writer, answers, stall)))
    }

    /// Sends an answer, as soon as the client has taken enough of those before.
    pub(super) async fn send(&self, message: LdapMsg) -> Result<(), Gone> {
        self.0.send(encode(message).map_err(|_| Gone)?).await.map_err(|_| Gone)
    }

    /// Room for one piece, as soon as there is.
    pub(super) async fn room(&self) -> Result<mpsc::Permit<'_, Bytes>, Gone> {
        self.0.reserve().await.map_err(|_| Gone)
    }

    /// The same if there is now.
    pub(super) fn room_now(&self) -> Option<mpsc::Permit<'_, Bytes>> {
        self.0.try_reserve().ok()
    }

    /// Waits until nothing is written any more.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

/// Writes answers in their order. When the client takes nothing of one for too long, the connection is over.
async fn write<W>(mut writer: WriteHalf<W>, mut answers: mpsc::Receiver<Bytes>, stall: Duration)
where
    W: AsyncRead + AsyncWrite,
{
    let mut waiting = Vec::with_capacity(WAITING);
    let mut record = BytesMut::new();
    while answers.recv_many(&mut waiting, WAITING).await > 0 {
        // Small answers share a record of TLS and a call of the system.
        let mut waiting = waiting.drain(..).peekable();
        while let Some(mut octets) = waiting.next() {
            let is_alone = record.is_empty() && waiting.peek().is_none();
            if !is_alone && record.len() + octets.len() <= RECORD {
                record.extend_from_slice(&octets);
                if waiting.peek().is_some() {
                    continue;
                }
                octets.clear();
            }
            for octets in [record.split().freeze(), octets] {
                if !written(&mut writer, octets, stall).await {
                    return;
                }
            }
        }
        if answers.is_empty() && !matches!(timeout(stall, writer.flush()).await, Ok(Ok(()))) {
            return;
        }
    }
    let _gone = timeout(stall, writer.shutdown()).await;
}

/// Whether all of it was taken.
async fn written<W: AsyncWrite>(writer: &mut WriteHalf<W>, mut octets: Bytes, stall: Duration) -> bool {
    while !octets.is_empty() {
        match timeout(stall, writer.write_buf(&mut octets)).await {
            Ok(Ok(written)) if written > 0 => {}
            _ => return false,
        }
    }
    true
}
