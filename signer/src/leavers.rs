//! What the register tells: the signing credentials of those who have left are revoked.

use std::time::Duration;

use ca::api::Reason;
use directory::api::{Change, ChangeKind};
use platform::caller::Caller;
use platform::problem::Problem;

use crate::api::{CREDENTIALS, CredentialState};
use crate::credential;
use crate::error::Error;
use crate::signer::Signer;
use crate::store::credentials;

/// How the signer is called among the consumers of the change feed.
pub const CONSUMER: &str = "module:signer";

/// Why a credential of somebody who has left does not sign.
pub(crate) const HOLDER_LEFT: &str = "its holder has left";

/// How long to wait for something new.
const PAUSE: Duration = Duration::from_secs(1);
/// How long to wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

impl Signer {
    /// Follows the register for as long as it is polled. Stopping it anywhere loses nothing: what was not noted as applied is
    /// applied again, to no further effect.
    pub async fn follow_register(&self, register: directory::api::Client) {
        loop {
            let pause = match self.catch_up(&register).await {
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
    async fn catch_up(&self, register: &directory::api::Client) -> Result<usize, Problem> {
        let changes = register.news(CONSUMER).await?;
        let mut outcome = Ok(changes.len());
        let mut last = None;
        for change in &changes {
            if let Err(problem) = self.apply(change).await {
                outcome = Err(problem);
                break;
            }
            last = Some(change.number);
        }
        if let Some(last) = last {
            register.advance(CONSUMER, last).await?;
        }
        outcome
    }

    async fn apply(&self, change: &Change) -> Result<(), Problem> {
        let (Some(reason), Some(person)) = (reason(change.kind), &change.person) else { return Ok(()) };
        Ok(self.revoke_all_of(person, reason).await?)
    }

    /// Revokes every credential of a person that is not revoked or destroyed.
    async fn revoke_all_of(&self, person: &str, reason: Reason) -> Result<(), Error> {
        let caller = Caller::module("signer", &[CREDENTIALS]);
        for row in credentials::of_user(self.db.read(), person).await? {
            if matches!(row.state, CredentialState::Revoked | CredentialState::Destroyed) {
                continue;
            }
            credential::revoke(self, &caller, &row.credential_id, reason).await?;
        }
        Ok(())
    }
}

/// What a change means for a person's credentials. RFC 5280 5.3.1
fn reason(kind: ChangeKind) -> Option<Reason> {
    match kind {
        ChangeKind::PersonClosed => Some(Reason::CessationOfOperation),
        ChangeKind::PersonMerged => Some(Reason::Superseded),
        _ => None,
    }
}
