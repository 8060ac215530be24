//! One call on its way to a session, and where it may go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::counter;
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::worker::Bench;
use crate::{Alg, Error};

/// Names a token key within the process.
pub(crate) type KeyId = u32;

/// A call that waits for a session.
pub(crate) struct Task {
    pub(crate) job: Box<dyn Job>,
    pub(crate) needs: Needs,
    pub(crate) lane: Lane,
    /// How long the token may take before it counts as sick.
    pub(crate) limit: Duration,
    /// Tokens that failed at it.
    pub(crate) attempts: u8,
    /// When its caller sent it.
    pub(crate) sent_at: Instant,
}

/// Which threads of a token serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The sessions that sign.
    Fast,
    /// The one session for work that takes long.
    Slow,
}

/// What a token must have to serve a call.
#[derive(Clone, Debug)]
pub(crate) enum Needs {
    /// Nothing in particular.
    Nothing,
    /// To make keys of this algorithm.
    Makes(Alg),
    /// To wrap private keys.
    Wraps,
    /// A token key.
    TokenKey { id: KeyId, label: Arc<str> },
    /// This version of the wrapping key.
    Wrapping(u32),
    /// To be this token, opened as often as then.
    Token { index: usize, epoch: Option<u64> },
}

/// The work of a task together with the way back to its caller.
pub(crate) trait Job: Send {
    /// Tries it in a session. The caller is answered, unless the failure says that more can be tried.
    fn run(&mut self, bench: &mut Bench) -> Result<(), Failure>;
    /// Tells the caller that it will not be done.
    fn refuse(&mut self, error: Error);
    /// Whether the caller waits no more.
    fn given_up(&self) -> bool;
}

/// A job that computes a `T`.
pub(crate) struct Work<T, F> {
    /// Dropped before the caller is answered, and with it the keys that it holds.
    work: Option<F>,
    reply: Option<oneshot::Sender<Result<T, Error>>>,
}

impl<T, F> Work<T, F>
where
    T: Send,
    F: FnMut(&mut Bench) -> Result<T, Failure> + Send,
{
    pub(crate) fn new(work: F) -> (Work<T, F>, oneshot::Receiver<Result<T, Error>>) {
        let (reply, answer) = oneshot::channel();
        (Work { work: Some(work), reply: Some(reply) }, answer)
    }

    fn answer(&mut self, result: Result<T, Error>) {
        self.work = None;
        let Some(reply) = self.reply.take() else { return };
        if reply.send(result).is_err() {
            // The caller gave up: what was made does not leave, and is counted as nothing but late.
            counter!("hsm_late_replies_total").increment(1);
        }
    }
}

impl<T, F> Job for Work<T, F>
where
    T: Send,
    F: FnMut(&mut Bench) -> Result<T, Failure> + Send,
{
    fn run(&mut self, bench: &mut Bench) -> Result<(), Failure> {
        let Some(work) = &mut self.work else { return Ok(()) };
        match work(bench) {
            Ok(value) => self.answer(Ok(value)),
            Err(Failure::Answer(error)) => self.answer(Err(error)),
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    fn refuse(&mut self, error: Error) {
        self.answer(Err(error));
    }

    fn given_up(&self) -> bool {
        self.reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }
}
