//! What one connection is doing, and when it has had its time.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// How long a connection may take for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// From the first byte of a request to the end of its head.
    pub(super) header: Duration,
    /// Between requests.
    pub(super) idle: Duration,
}

/// Shared by the connection's reader, its requests and its watcher. The lock is held for a few assignments.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    heads: Heads,
    in_flight: usize,
    requests: usize,
    idle_since: Instant,
    head_since: Option<Instant>,
}

/// Whether bytes between requests are the beginning of a head. On HTTP/2 they need not be: there only requests that
/// have come count, and a head that dawdles is seen as silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heads {
    Timed,
    Untimed,
}

/// What is to be done with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Let it be, and look again at this time.
    Live(Instant),
    /// It had its time between requests: say goodbye.
    Idle,
    /// It had its time for a request's head: cut it.
    Slow,
}

impl Activity {
    pub(super) fn new(heads: Heads, now: Instant) -> Self {
        Self(Mutex::new(State { heads, in_flight: 0, requests: 0, idle_since: now, head_since: None }))
    }

    /// Bytes have come in. Between requests they are the beginning of the next one's head.
    pub(super) fn bytes_read(&self) {
        let mut state = self.state();
        if state.heads == Heads::Timed && state.in_flight == 0 && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    /// A request's head is there; it lasts until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        let mut state = self.state();
        state.in_flight += 1;
        state.requests += 1;
        state.head_since = None;
        InFlight(Arc::clone(self))
    }

    /// Whether any request has come.
    pub(super) fn is_fresh(&self) -> bool {
        self.state().requests == 0
    }

    pub(super) fn verdict(&self, times: Times, now: Instant) -> Verdict {
        let state = self.state();
        // A head may begin at any time without waking the watcher.
        let look_again = now + times.header / 2;
        if state.in_flight > 0 {
            return Verdict::Live(look_again);
        }
        if state.head_since.is_some_and(|since| since + times.header <= now) {
            return Verdict::Slow;
        }
        let idle_until = state.idle_since + times.idle;
        if state.head_since.is_none() && idle_until <= now {
            return Verdict::Idle;
        }
        let until = state.head_since.map_or(idle_until, |since| since + times.header);
        Verdict::Live(until.min(look_again))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        state.idle_since = Instant::now();
    }
}

/// An answer's body that keeps its request in flight until it is sent.
pub(super) struct Counted<B> {
    pub(super) body: B,
    pub(super) _in_flight: InFlight,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times { header: Duration::from_secs(2), idle: Duration::from_secs(10) };

    /// A head that dawdles is cut, a quiet connection is closed, and a request in flight is left alone.
    #[test]
    fn each_has_its_time() {
        let start = Instant::now();
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        let activity = Arc::new(Activity::new(Heads::Timed, start));
        assert_eq!(activity.verdict(TIMES, after(3)), Verdict::Live(after(4)));
        assert_eq!(activity.verdict(TIMES, after(10)), Verdict::Idle);
        activity.bytes_read();
        assert_eq!(activity.verdict(TIMES, after(60)), Verdict::Slow);
        let request = activity.request();
        assert_eq!(activity.verdict(TIMES, after(60)), Verdict::Live(after(61)));
        drop(request);
        assert!(!activity.is_fresh());
        assert_eq!(activity.verdict(TIMES, after(60)), Verdict::Idle);
    }
}
