//! Whether a passphrase given by a client is the holder's, and what follows when it is not.

use audit::Actor;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::ClientId;
use zeroize::Zeroizing;

use crate::attempt::next_attempt_at;
use crate::error::Error;
use crate::events::Event;
use crate::ids::CredentialId;
use crate::passphrase::Verdict;
use crate::share::Sharer;
use crate::signer::Signer;
use crate::store::attempts;
use crate::store::credentials::CredentialRow;
use crate::turn::Turn;

/// Proof that the holder's passphrase was given, just now and by this client.
///
/// As long as it lives no other attempt of the client on the credential is looked at in this process.
pub(crate) struct Proven {
    _turn: Turn<(CredentialId, ClientId)>,
    /// That the act which follows is still to look at.
    pub(crate) attempts: Attempts,
}

/// How many wrong ones of a client came before a right one is for the transaction of what that allows to look at once more: processes beside this one
/// look at guesses too, and count them.
#[derive(Clone)]
pub(crate) struct Attempts {
    credential: CredentialId,
    client: ClientId,
    /// Whether wrong ones came before, which are to be forgotten.
    failed: bool,
}

impl Attempts {
    /// Forgets what came before; where the next attempt is to wait by now, the right one was one guess of many at once, and is refused.
    pub(crate) async fn settle(&self, tx: &mut Tx, now: Millis) -> Result<(), Error> {
        let client = self.client.as_str();
        if self.failed {
            attempts::clear(tx, &self.credential, client, now).await?;
        }
        let next_at = attempts::next_at(&mut *tx, &self.credential, client).await?;
        next_at.filter(|until| *until > now).map_or(Ok(()), |until| Err(Error::Locked { until, now }))
    }
}

/// Checks a passphrase. A wrong one is counted, durably and in the audit record, before the refusal is known outside.
pub(crate) async fn check(
    signer: &Signer,
    caller: &Caller,
    row: &CredentialRow,
    passphrase: Zeroizing<String>,
) -> Result<Proven, Error> {
    let stored = row.passphrase.clone().ok_or(Error::CredentialDisabled { why: "no passphrase is set" })?;
    let who = Sharer::from(caller);
    let turn = signer.attempts.take((row.credential_id.clone(), caller.client.clone()), &who).await?;
    let next_at = attempts::next_at(signer.db.read(), &row.credential_id, caller.client.as_str()).await?;
    let now = signer.clock.now();
    if let Some(until) = next_at.filter(|next_at| *next_at > now) {
        return Err(Error::Locked { until, now });
    }
    match signer.passphrases.verify(&who, passphrase, stored).await? {
        Verdict::Right => {
            let (credential, client) = (row.credential_id.clone(), caller.client.clone());
            let attempts = Attempts { credential, client, failed: next_at.is_some() };
            Ok(Proven { _turn: turn, attempts })
        }
        Verdict::Wrong => {
            refuse(signer, caller, row).await?;
            Err(Error::WrongPassphrase)
        }
    }
}

async fn refuse(signer: &Signer, caller: &Caller, row: &CredentialRow) -> Result<(), Error> {
    let now = signer.clock.now();
    let delays = signer.config.attempts;
    let actor = Actor::from(caller);
    let client = caller.client.to_string();
    let (credential, user) = (row.credential_id.clone(), row.user_id.clone());
    signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                let failures = attempts::count_failure(tx, &credential, &client, now).await?;
                let next_at = next_attempt_at(&delays, failures, now);
                attempts::delay(tx, &credential, &client, next_at).await?;
                let event = Event::PassphraseRefused {
                    credential: credential.to_string(),
                    user,
                    client,
                    failures,
                    next_attempt_at: next_at.0,
                };
                audit::record(tx, now, &actor, &event).await?;
                Ok::<_, Error>(())
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    /// Counts a wrong passphrase, after which the next attempt waits until then.
    async fn wrong(db: &Db, who: &Attempts, until: i64) {
        let who = who.clone();
        let done: Result<(), Error> = db
            .write(move |tx| {
                Box::pin(async move {
                    let client = who.client.as_str();
                    attempts::count_failure(tx, &who.credential, client, Millis(100)).await?;
                    attempts::delay(tx, &who.credential, client, Millis(until)).await
                })
            })
            .await;
        done.unwrap();
    }

    async fn settled(db: &Db, who: &Attempts, now: i64) -> Result<(), Error> {
        let who = who.clone();
        db.write(move |tx| Box::pin(async move { who.settle(tx, Millis(now)).await })).await
    }

    platform::both_engines! {
        /// A right passphrase that was looked at beside wrong ones of other processes is refused once one of those is to be waited for, whether any
        /// came before it, and the wait stays; when that is over it is taken, and what came before is forgotten. Another client's is none of it.
        async fn a_right_guess_among_many_waits_too(db: Db) {
            let of = |client: &str, failed: bool| Attempts {
                credential: CredentialId::new(Millis(1)),
                client: client.parse().unwrap(),
                failed,
            };
            for failed in [true, false] {
                let (who, other) = (of("practice-system", failed), of("pharmacy-system", failed));
                wrong(&db, &who, 2_000).await;
                for _ in 0..2 {
                    let refused = settled(&db, &who, 1_999).await;
                    assert!(
                        matches!(refused, Err(Error::Locked { until: Millis(2_000), now: Millis(1_999) })),
                        "{refused:?}"
                    );
                }
                assert!(settled(&db, &other, 1_999).await.is_ok());
                assert!(settled(&db, &who, 2_000).await.is_ok());
                let left = attempts::next_at(db.read(), &who.credential, "practice-system").await.unwrap();
                assert_eq!(left.is_some(), !failed, "none were known of before");
            }
        }
    }
}
