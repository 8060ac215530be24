//! The rest of a body that nobody wants any more.
//!
//! Whoever is refused before its body has been read is still sending. If the connection ended there, many clients, which write
//! all of it before they read, would find it broken and never see the answer (RFC 9112 section 9.6). So the rest is read and
//! thrown away: within the time that the body had, up to a size, and for so many at the same time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::crowd::Sending;

/// How much of a body is thrown away at most; whoever sends more finds the connection broken.
const MOST_BYTES: usize = 96 * 1024 * 1024;
/// How many bodies are thrown away at the same time.
const AT_ONCE: usize = 64;

/// The places for bodies that are thrown away; clones are the same ones.
#[derive(Clone)]
pub(super) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// A body of which what was not read is thrown away once it is dropped. Until it has arrived, or was given up, it counts as
/// being sent.
pub(super) struct Rest<B: Unneeded> {
    body: Option<B>,
    sending: Option<Sending>,
    places: Places,
    /// Nobody asked the client to go on yet, and it waits to be asked (`Expect: 100-continue`).
    unasked: bool,
    until: Instant,
}

/// A body that can be left to another task.
pub(super) trait Unneeded: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static {}
impl<B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static> Unneeded for B {}

impl<B: Unneeded> Rest<B> {
    /// A body that has to be here within this time.
    pub(super) fn new(body: B, time: Duration, expects: bool, places: &Places) -> Self {
        let places = places.clone();
        Self { body: Some(body), sending: None, places, unasked: expects, until: Instant::now() + time }
    }

    /// The same, counted with its sender.
    pub(super) fn counted(self, sending: Option<Sending>) -> Self {
        let mut counted = self;
        counted.sending = sending;
        counted
    }
}

impl<B: Unneeded> Body for Rest<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.unasked = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(&mut *body).poll_frame(context);
        if let Poll::Ready(frame) = &frame
            && (body.is_end_stream() || !matches!(frame, Some(Ok(_))))
        {
            self.body = None;
            self.sending = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: Unneeded> Drop for Rest<B> {
    fn drop(&mut self) {
        let is_over = self.unasked || Instant::now() >= self.until;
        let Some(body) = self.body.take().filter(|body| !is_over && !body.is_end_stream()) else { return };
        let (Ok(place), Ok(runtime)) =
            (Arc::clone(&self.places.0).try_acquire_owned(), Handle::try_current())
        else {
            return;
        };
        let (sending, until) = (self.sending.take(), self.until);
        runtime.spawn(async move {
            let _held = (place, sending);
            let _over = timeout_at(until, throw_away(body)).await;
        });
    }
}

async fn throw_away(mut body: impl Unneeded) {
    let mut left = MOST_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(less) = left.checked_sub(length) else { return };
        left = less;
    }
}
