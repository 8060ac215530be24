//! Delivering logout tokens, again until they arrive or nobody can expect them any more.
//!
//! Several are delivered at a time and at most two to one relying party. One that does not answer is left alone for a while, and most places are
//! for those that answered the last time, so that those that do not, however many they are, delay nobody else.

mod calls;
mod message;
mod security_event;

pub(crate) use message::logout_token;

use std::time::Duration;

use self::calls::Calls;
use crate::error::Error;
use crate::provider::Provider;

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(500);

impl Provider {
    /// Tells relying parties of sessions that have ended, for as long as it is polled. Stopping it anywhere loses nothing, and
    /// several machines that do it share the work.
    pub async fn keep_telling(&self) {
        let mut calls = Calls::default();
        loop {
            if let Err(error) = calls.begin(self).await {
                tracing::warn!(%error, "ended sessions could not be told: {error}");
            }
            tokio::select! {
                () = calls.one_ends(), if calls.under_way() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Delivers what is due, until nothing is; says how many were tried.
    pub async fn tell_due(&self) -> Result<usize, Error> {
        let mut calls = Calls::default();
        let mut tried = calls.begin(self).await?;
        while calls.under_way() {
            calls.one_ends().await;
            tried += calls.begin(self).await?;
        }
        Ok(tried)
    }
}
