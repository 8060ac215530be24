//! What the register tells: the signing credentials of those who have left are revoked.

use ca::api::Reason;
use directory::api::{Change, Follower};
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

impl Signer {
    /// Follows the register for as long as it is polled. Stopping it anywhere loses nothing: what was not noted as applied is
    /// applied again, to no further effect.
    pub async fn follow_register(&self, register: directory::api::Client) {
        let apply = |change: Change| async move { self.apply(&change).await };
        Follower::new(register, CONSUMER).follow(apply).await;
    }

    async fn apply(&self, change: &Change) -> Result<(), Problem> {
        let (Some(reason), Some(person)) = (Reason::of_change(change.kind), &change.person) else {
            return Ok(());
        };
        Ok(self.revoke_all_of(person, reason).await?)
    }

    /// Revokes every credential of a person that is not destroyed, those that are revoked once more: a stop may have come
    /// between the credential and its certificates.
    async fn revoke_all_of(&self, person: &str, reason: Reason) -> Result<(), Error> {
        let caller = Caller::module("signer", &[CREDENTIALS]);
        for row in credentials::of_user(self.db.read(), person).await? {
            if row.state == CredentialState::Destroyed {
                continue;
            }
            credential::revoke(self, &caller, &row.credential_id, reason).await?;
        }
        Ok(())
    }
}
