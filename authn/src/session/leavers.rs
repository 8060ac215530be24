//! What the register tells: the sessions of those who have left end. Until it is told, each use asks the register itself.

use std::time::Duration;

use audit::Actor;
use directory::api::{Change, ChangeKind};
use platform::id::UserId;
use platform::problem::Problem;

use super::end::{EndCause, end_all_of_person};
use crate::error::Error;
use crate::provider::Provider;

/// How sign-in is called among the consumers of the change feed.
pub const CONSUMER: &str = "module:authn";

/// How long to wait for something new: a leaver's sessions end within a second.
const PAUSE: Duration = Duration::from_millis(500);
/// How long to wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

impl Provider {
    /// Follows the register for as long as it is polled. Stopping it anywhere loses nothing: what was not noted as applied is
    /// applied again, to no further effect.
    pub async fn follow_register(&self) {
        loop {
            let pause = match self.catch_up().await {
                Ok(0) => PAUSE,
                Ok(_) => continue,
                Err(problem) => {
                    tracing::warn!(%problem, "what the register tells could not be applied: {problem}");
                    AFTER_FAILURE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Applies a page of what is new, and says how many changes that were. The first that fails ends it, and comes again.
    async fn catch_up(&self) -> Result<usize, Problem> {
        let changes = self.directory.news(CONSUMER).await?;
        let mut outcome = Ok(changes.len());
        let mut last = None;
        for change in &changes {
            if let Err(problem) = self.apply(change).await {
                outcome = Err(problem.into());
                break;
            }
            last = Some(change.number);
        }
        if let Some(last) = last {
            self.directory.advance(CONSUMER, last).await?;
        }
        outcome
    }

    async fn apply(&self, change: &Change) -> Result<(), Error> {
        let cause = match change.kind {
            ChangeKind::PersonClosed => EndCause::Left,
            ChangeKind::PersonMerged => EndCause::Merged,
            _ => return Ok(()),
        };
        let person = change.person.as_deref().and_then(|person| person.parse::<UserId>().ok());
        let Some(person) = person else { return Ok(()) };
        let now = self.now();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    end_all_of_person(tx, &person, cause, &Actor::system("authn"), now).await.map(drop)
                })
            })
            .await
    }
}
