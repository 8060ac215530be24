//! One-time keys: made in the token for one batch, certified for ten minutes, destroyed after use.
//!
//! A credential of this kind is a person with the right to such keys; it has none of its own. Its authorisations are given as all others are.
//! When a batch is signed a P-256 key is made as an object of one session of the token, which nothing outside sees and which ends with
//! that session: a process that is killed takes it along. The remote signing authority certifies it for ten minutes; the row of its
//! certificate is stored before anything is signed. When the signatures are stored, or could not be made, the key is destroyed.
//! A crash in between leaves a row that says a key is there which is not: the sweep, which also runs at the start, writes that it
//! is gone once its certificate is over, after which nothing could be signed with it anyhow.

use std::sync::Arc;

use audit::Actor;
use ca::api::{IssueRequest, KeySource, Validity};
use hsm::Alg;
use platform::caller::Caller;
use platform::clock::Millis;

use crate::api::CredentialState;
use crate::credential::certificate_row;
use crate::error::Error;
use crate::events::Event;
use crate::ids::{CredentialId, KeyId};
use crate::live::{self, Live};
use crate::signer::{Signer, check_holder};
use crate::store::certificates;
use crate::store::credentials::{CredentialRow, Kind};
use crate::store::keys;

/// What such keys are.
const ALGORITHM: Alg = Alg::P256;
/// For how long a key is certified.
pub(crate) const LIVES_MS: i64 = 600_000;
/// How many the sweep writes off at a time.
const SWEPT: i64 = 500;

/// What signs a batch.
pub(crate) enum Ready {
    /// A key that is kept.
    Kept(Arc<Live>),
    /// One for this batch.
    OneTime(Box<Live>),
}

impl Ready {
    /// What signs for this caller: the credential's key, or a new one for the batch. That is made and certified only where it can do what is asked.
    pub(crate) async fn of(
        signer: &Signer,
        caller: &Caller,
        credential: &CredentialId,
        fits: impl Fn(Alg) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        if signer.live.get(credential).is_none() {
            let row = live::row(&signer.db, credential).await?;
            if row.kind == Kind::OneTime {
                check_holder(caller, &row.user_id, credential)?;
                fits(ALGORITHM)?;
                return make(signer, caller, row).await.map(|live| Self::OneTime(Box::new(live)));
            }
        }
        signer.usable_by(caller, credential).await.map(Self::Kept)
    }

    /// The credential with its key.
    pub(crate) fn live(&self) -> &Live {
        match self {
            Self::Kept(live) => live,
            Self::OneTime(live) => live,
        }
    }

    /// The batch is done with: a key for it alone is destroyed, and its row says so.
    pub(crate) async fn done(self, signer: &Signer, caller: &Caller) {
        let Self::OneTime(live) = self else { return };
        let (credential, key) = (live.row.credential_id.clone(), live.certificate.key_id.clone());
        let serial = live.certificate.serial.clone();
        // The last that holds it: the token destroys it.
        drop(live);
        let (now, actor) = (signer.clock.now(), Actor::from(caller));
        let event = Event::OneTimeKeyDestroyed {
            credential: credential.to_string(),
            key: key.to_string(),
            serial: serial.clone(),
        };
        let done: Result<(), Error> = signer
            .db
            .write(move |tx| {
                Box::pin(async move {
                    keys::end_one_time(tx, &key, now).await?;
                    audit::record(tx, now, &actor, &event).await?;
                    Ok(())
                })
            })
            .await;
        if let Err(error) = done {
            tracing::warn!(%error, serial, "that a one-time key is gone is not written yet: {error}");
        }
    }
}

/// Whether such a credential can sign.
pub(crate) fn check(row: &CredentialRow) -> Result<(), Error> {
    match row.state {
        CredentialState::Active => Ok(()),
        CredentialState::Suspended => Err(Error::CertificateSuspended),
        CredentialState::Revoked => Err(Error::CertificateRevoked),
        CredentialState::Pending | CredentialState::Destroyed => {
            Err(Error::CredentialDisabled { why: "it is destroyed" })
        }
    }
}

/// Makes a key and has it certified.
async fn make(signer: &Signer, caller: &Caller, row: CredentialRow) -> Result<Live, Error> {
    check(&row)?;
    let key = signer.hsm.generate_one_time(ALGORITHM).await?;
    let now = signer.clock.now();
    let key_id = KeyId::new(now);
    let request = IssueRequest {
        request_id: key_id.to_string(),
        profile: signer.config.profile.clone(),
        subject: row.subject.clone(),
        key: KeySource::public_key(key.public_key()),
        issuer: None,
        validity: Some(Validity { not_before: now, not_after: Millis(now.0 + LIVES_MS) }),
    };
    let issued = signer.ca.issue(&request).await.map_err(Error::Authority)?;
    let certificate = certificate_row(&row.credential_id, (&key_id, key.public_key()), issued, now)?;
    let event = Event::OneTimeKeyCertified {
        credential: row.credential_id.to_string(),
        user: row.user_id.clone(),
        key: key_id.to_string(),
        serial: certificate.serial.clone(),
        not_after: certificate.not_after.0,
    };
    let (actor, public_key) = (Actor::from(caller), key.public_key().to_vec());
    let stored = certificate.clone();
    let write: Result<(), Error> = signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                keys::insert_one_time(tx, (&stored.key_id, &stored.credential_id), &public_key, now).await?;
                certificates::insert(tx, &stored).await?;
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await;
    write?;
    metrics::counter!("signer_one_time_keys_total").increment(1);
    let template = live::template(ALGORITHM, &certificate)?;
    Ok(Live { row, certificate, key, template })
}

impl Signer {
    /// Writes off the keys that nobody destroyed and whose certificates are over: with their process the token's session ended, and they
    /// with it.
    pub(crate) async fn sweep_one_time_keys(&self) -> Result<u64, Error> {
        let now = self.clock.now();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let keys = keys::write_off_one_time(tx, Millis(now.0 - LIVES_MS), now, SWEPT).await?;
                    if keys > 0 {
                        let event = Event::OneTimeKeysWrittenOff { keys };
                        audit::record(tx, now, &Actor::system("signer"), &event).await?;
                    }
                    Ok::<_, Error>(keys)
                })
            })
            .await
    }
}
