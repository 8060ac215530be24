//! The holder's passphrase: set once, then changed with the present one.

use audit::Actor;
use aws_lc_rs::rand::SecureRandom as _;
use platform::caller::{Caller, CallerKind};
use zeroize::Zeroizing;

use crate::api::{CredentialState, OWN_CREDENTIALS, SetPassphrase};
use crate::error::Error;
use crate::events::Event;
use crate::ids::CredentialId;
use crate::live;
use crate::passphrase::Passphrase;
use crate::passphrase_check::{self, Proven};
use crate::share::Sharer;
use crate::signer::{Signer, check_holder};
use crate::store::authorisations;
use crate::store::credentials::{self, CredentialRow};

/// Sets or changes a passphrase. Only the holder can: nobody else's right is enough.
pub(crate) async fn set_passphrase(
    signer: &Signer,
    caller: &Caller,
    credential: &CredentialId,
    mut request: SetPassphrase,
) -> Result<(), Error> {
    caller.may(OWN_CREDENTIALS).map_err(Error::Caller)?;
    let unknown = || Error::CredentialUnknown { credential: credential.to_string() };
    if caller.kind != CallerKind::Person {
        return Err(unknown());
    }
    let row = live::row(&signer.db, credential).await?;
    check_holder(caller, &row.user_id, credential)?;
    if row.state != CredentialState::Active {
        return Err(Error::StateConflict {
            sentence: "Only an active credential can have its passphrase set.",
        });
    }
    let new = Passphrase::parse(Zeroizing::new(std::mem::take(&mut request.new)))?;
    let old = request.old.take().map(Zeroizing::new);
    let proven = match (&row.passphrase, old) {
        (None, _) => None,
        (Some(_), Some(old)) => Some(passphrase_check::check(signer, caller, &row, old).await?),
        (Some(_), None) => {
            return Err(Error::PassphraseRules { rule: "Give the present passphrase as old." });
        }
    };
    let mut salt = [0; 16];
    signer.random.fill(&mut salt).map_err(|_| Error::NoRandomness)?;
    let hash = signer.passphrases.hash(&Sharer::from(caller), new, salt).await?;
    store(signer, caller, row, hash, proven.as_ref()).await
}

async fn store(
    signer: &Signer,
    caller: &Caller,
    row: CredentialRow,
    hash: String,
    proven: Option<&Proven>,
) -> Result<(), Error> {
    let (credential, user) = (row.credential_id.clone(), row.user_id.clone());
    let event = match row.passphrase {
        None => Event::PassphraseSet { credential: credential.to_string(), user },
        Some(_) => Event::PassphraseChanged { credential: credential.to_string(), user },
    };
    let (actor, now) = (Actor::from(caller), signer.clock.now());
    let attempts = proven.map(|proven| proven.attempts.clone());
    signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                // Only if the row is still what was read: two first passphrases at once cannot both win.
                credentials::set_passphrase(tx, &row, &hash, now).await?;
                if let Some(attempts) = attempts {
                    attempts.settle(tx, now).await?;
                }
                authorisations::expire_of(tx, &row.credential_id, now).await?;
                audit::record(tx, now, &actor, &event).await?;
                Ok::<_, Error>(())
            })
        })
        .await?;
    signer.forget(&credential);
    Ok(())
}
