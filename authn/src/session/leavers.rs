//! What the register tells: of those who have left sessions end and authenticators are taken away, and a record that was another's
//! gives back what it had. Until it is told, each use asks the register itself.

use audit::Actor;
use directory::api::{Change, ChangeKind, Follower};
use platform::id::UserId;
use platform::problem::Problem;

use super::end::{EndCause, end_in};
use crate::authenticator::RemovedBy;
use crate::enrolment::strip_in;
use crate::error::Error;
use crate::provider::Provider;
use crate::store::sessions;

/// How sign-in is called among the consumers of the change feed.
pub const CONSUMER: &str = "module:authn";

impl Provider {
    /// Follows the register for as long as it is polled. Stopping it anywhere loses nothing: what was not noted as applied is
    /// applied again, to no further effect.
    pub async fn follow_register(&self) {
        let apply = |change: Change| {
            let provider = self.clone();
            async move { provider.apply(&change).await.map_err(Problem::from) }
        };
        Follower::new(self.directory.clone(), CONSUMER).follow(apply).await;
    }

    async fn apply(&self, change: &Change) -> Result<(), Error> {
        let cause = match change.kind {
            ChangeKind::PersonClosed => EndCause::Left,
            ChangeKind::PersonMerged => EndCause::Merged,
            _ => return Ok(()),
        };
        let person = change.person.as_deref().and_then(|person| person.parse::<UserId>().ok());
        let Some(person) = person else { return Ok(()) };
        let (now, told_at) = (self.now(), change.at);
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let actor = Actor::system("authn");
                    // Whoever left and is back signed in after that, for nobody does whose profile is closed: that stays.
                    let back = cause == EndCause::Left
                        && directory::api::closed(tx, &[person.as_str()]).await?.is_empty();
                    let ended = sessions::open_of_person(tx, &person).await?;
                    for (id, opened_at) in ended {
                        if !(back && opened_at > told_at) {
                            end_in(tx, &id, cause, &actor, now).await?;
                        }
                    }
                    match cause {
                        // Nobody signs in as that record again; its address and its keys are free for the other.
                        EndCause::Merged => strip_in(tx, &person, RemovedBy::Merged, &actor, now).await?,
                        // Whoever comes back gets new ones from the registration authority, who looks at them anew.
                        _ if !back => strip_in(tx, &person, RemovedBy::Left, &actor, now).await?,
                        _ => {}
                    }
                    Ok(())
                })
            })
            .await
    }
}
