//! What the register tells: the signing credentials of those who have left are revoked.

use ca::api::Reason;
use directory::api::{Change, ChangeKind, Follower};
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db;
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

/// How many credentials are read at a time.
const TOGETHER: i64 = 100;

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
        Ok(self.revoke_all_of(person, reason, self.spared(change, person).await?).await?)
    }

    /// From when on the credentials stay of somebody who left and is back before the signer heard of the leaving: those came
    /// after it, for nobody who has left gets one.
    async fn spared(&self, change: &Change, person: &str) -> Result<Option<Millis>, Error> {
        if change.kind != ChangeKind::PersonClosed {
            return Ok(None);
        }
        let mut read = self.db.read().acquire().await.map_err(db::Error::from)?;
        let closed = directory::api::closed(&mut read, &[person]).await?;
        Ok(closed.is_empty().then_some(change.at))
    }

    /// Revokes every credential of a person that is not destroyed, those that are revoked once more: a stop may have come
    /// between the credential and its certificates. What was made after `spared` stays.
    async fn revoke_all_of(&self, person: &str, reason: Reason, spared: Option<Millis>) -> Result<(), Error> {
        let caller = Caller::module("signer", &[CREDENTIALS]);
        let mut after = String::new();
        loop {
            let rows = credentials::of_user_after(self.db.read(), person, &after, TOGETHER).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.credential_id.to_string();
            for row in rows {
                let younger = spared.is_some_and(|left| row.created_at > left);
                if younger || row.state == CredentialState::Destroyed {
                    continue;
                }
                credential::revoke(self, &caller, &row.credential_id, reason).await?;
            }
        }
    }
}
