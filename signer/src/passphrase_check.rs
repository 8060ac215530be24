//! Whether a passphrase given by a client is the holder's, and what follows when it is not.

use audit::Actor;
use platform::caller::Caller;
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
    /// Whether wrong ones came before, which the act that follows is to forget.
    pub(crate) after_failures: bool,
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
        Verdict::Right => Ok(Proven { _turn: turn, after_failures: next_at.is_some() }),
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
