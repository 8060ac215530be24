//! Whether the clock can be believed, looked at now and then and told to whoever asks.

use std::time::Duration;

use anyhow::Context;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use platform::clock::{Accuracy, Clock, HighWater, Untrusted};
use platform::problem::Problem;
use tokio::sync::watch;

use crate::config::TimeConfig;

/// How often the source is asked; chrony costs a process each time.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// What the source said last. Clones share it; one of them has to [`ClockState::keep`] it.
#[derive(Clone)]
pub struct ClockState {
    config: TimeConfig,
    said: watch::Sender<Result<Accuracy, Untrusted>>,
}

impl ClockState {
    /// Asks for the first time. A clock that cannot be believed starts no server.
    pub async fn start(config: &TimeConfig) -> anyhow::Result<Self> {
        let first = config.source.check(config.limit()).await;
        let first = first.context("nothing is issued or signed on a clock that cannot be believed")?;
        Ok(Self { config: *config, said: watch::Sender::new(Ok(first)) })
    }

    /// What the source said last.
    pub fn said(&self) -> Result<Accuracy, Untrusted> {
        self.said.borrow().clone()
    }

    /// Asks again and again, for as long as it is polled.
    pub async fn keep(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let said = self.config.source.check(self.config.limit()).await;
            if let Err(untrusted) = &said {
                tracing::error!(error = %untrusted, "nothing is issued or signed: {untrusted}");
            }
            self.said.send_modify(|last| *last = said);
        }
    }
}

/// Refuses whatever changes something while the clock cannot be believed, or is behind a time that was used already.
pub(super) async fn demand(State(time): State<Time>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads {
        return next.run(request).await;
    }
    if let Err(untrusted) = time.state.said() {
        return Problem::unavailable("clock-untrusted", format!("{untrusted}."), LOOK_EVERY).into_response();
    }
    match time.high_water.guard(time.clock.now()) {
        Err(problem) => problem.into_response(),
        Ok(()) => next.run(request).await,
    }
}

/// What a change needs to know about the time.
#[derive(Clone)]
pub(super) struct Time {
    pub(super) state: ClockState,
    pub(super) clock: Clock,
    pub(super) high_water: HighWater,
}
