//! A consumer of the change feed.

use std::time::Duration;

use platform::problem::Problem;

use super::{Change, Client};

/// How long to wait for something new: whoever has left is out everywhere within a second.
const PAUSE: Duration = Duration::from_millis(500);
/// How long to wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// A consumer of the change feed, by the name under which it says how far it is.
///
/// Each change is applied in order and idempotently: after a crash, or where another machine applies the same, it comes
/// again. One that cannot be applied stops all that come after it, until it can: whoever looks at the progress, or at
/// `directory_consumer_behind_seconds`, sees since when.
#[derive(Clone, Debug)]
pub struct Follower {
    register: Client,
    name: &'static str,
}

impl Follower {
    /// The consumer with this name, which must be the one that `register` calls by.
    pub fn new(register: Client, name: &'static str) -> Self {
        Self { register, name }
    }

    /// Follows the register for as long as it is polled. Stopping it anywhere loses nothing.
    pub async fn follow<A, F>(self, apply: A)
    where
        A: Fn(Change) -> F + Send + Sync,
        F: Future<Output = Result<(), Problem>> + Send,
    {
        loop {
            let pause = match self.catch_up(&apply).await {
                Ok(0) => PAUSE,
                Ok(_) => continue,
                Err(problem) => {
                    metrics::counter!("directory_follower_failures_total", "consumer" => self.name)
                        .increment(1);
                    let name = self.name;
                    tracing::warn!(%problem, consumer = name, "{name} could not apply what the register tells: {problem}");
                    AFTER_FAILURE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Applies a page of what is new, and says how many changes that were. The first that fails ends it, and comes again.
    pub async fn catch_up<A, F>(&self, apply: &A) -> Result<usize, Problem>
    where
        A: Fn(Change) -> F + Send + Sync,
        F: Future<Output = Result<(), Problem>> + Send,
    {
        let applied = self.register.applied(self.name).await?;
        if applied.is_none() {
            // Known from its beginning, so that one that never gets anywhere is seen.
            self.register.advance(self.name, 0).await?;
        }
        let changes = self.register.changes(applied.unwrap_or(0)).await?;
        let (many, mut last, mut outcome) = (changes.len(), None, Ok(()));
        for change in changes {
            let number = change.number;
            outcome = apply(change).await;
            if outcome.is_err() {
                break;
            }
            last = Some(number);
        }
        if let Some(last) = last {
            self.register.advance(self.name, last).await?;
        }
        outcome.map(|()| many)
    }
}
