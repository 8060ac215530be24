//! One job in the writer's queue, with the types of its answer hidden from the writer.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::oneshot;

use super::{Error, JobFuture, Tx};
use crate::panics::{Panicked, caught};

/// What the writer needs to know of a job.
pub(super) trait Job: Send {
    /// Whether the caller has gone, so that nobody would hear the answer.
    fn abandoned(&self) -> bool;
    /// Runs the job once and keeps its result for the answer.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> Pin<Box<dyn Future<Output = Ran> + Send + 't>>;
    /// Sends the kept result, which is durable now or, if it is an error, undone.
    fn answer(self: Box<Self>);
    /// Sends this error in place of the kept result.
    fn fail(self: Box<Self>, error: Error);
}

/// What the writer does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ran {
    /// Keep the rows.
    Keep,
    /// Undo the rows of this job.
    Undo,
}

/// A job with its types.
pub(super) struct Typed<T, E, F> {
    job: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Typed<T, E, F> {
    pub(super) fn new(job: F, reply: oneshot::Sender<Result<T, E>>) -> Self {
        Self { job: Some(job), result: None, reply }
    }
}

impl<T, E, F> Job for Typed<T, E, F>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> JobFuture<'t, T, E> + Send + 'static,
{
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> Pin<Box<dyn Future<Output = Ran> + Send + 't>> {
        Box::pin(async move {
            let Some(job) = self.job.take() else { return Ran::Undo };
            let result = caught(async move { job(tx).await }).await;
            let result = result.unwrap_or_else(|Panicked| Err(Error::Panicked.into()));
            let ran = if result.is_ok() { Ran::Keep } else { Ran::Undo };
            self.result = Some(result);
            ran
        })
    }

    fn answer(self: Box<Self>) {
        let Self { result, reply, .. } = *self;
        // A caller that has gone does not mind.
        let _gone = reply.send(result.unwrap_or_else(|| Err(Error::Closed.into())));
    }

    fn fail(self: Box<Self>, error: Error) {
        let _gone = self.reply.send(Err(error.into()));
    }
}
