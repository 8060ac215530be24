//! Holding, resuming, revoking and destroying.
//!
//! What stops signatures is done here first and at the authority after it: from the first transaction on nothing is
//! signed, even when the authority cannot be reached. What allows them again is done the other way round. Each act can be
//! repeated until both sides agree.

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateInfo, CertificateQuery, CertificateState, Reason, RevokeRequest};
use platform::caller::Caller;
use platform::clock::Millis;

use super::{Holder, for_caller, view};
use crate::api::{Credential, CredentialState};
use crate::error::Error;
use crate::events::Event;
use crate::ids::CredentialId;
use crate::one_time::LIVES_MS;
use crate::signer::Signer;
use crate::store::credentials::{self, CredentialRow};
use crate::store::holds::{self, Hold};
use crate::store::keys;

/// Puts a credential on hold: nothing is signed, and its certificates are on hold at the authority.
pub(crate) async fn suspend(
    signer: &Signer,
    caller: &Caller,
    credential: &CredentialId,
) -> Result<Credential, Error> {
    let row = for_caller(signer, caller, credential, Holder::Too).await?;
    match row.state {
        CredentialState::Active => {
            let event = Event::CredentialSuspended {
                credential: row.credential_id.to_string(),
                user: row.user_id.clone(),
            };
            change(signer, caller, &row, CredentialState::Suspended, event).await?;
        }
        // Again, in case the authority was not reached the first time.
        CredentialState::Suspended => {}
        _ => return Err(Error::StateConflict { sentence: "Only an active credential can be suspended." }),
    }
    hold_certificates(signer, &row).await?;
    view::of(signer, credential).await
}

/// Lifts a suspension, with the holds that it placed. A hold that somebody else placed at the authority stays, and nothing
/// is signed under it.
pub(crate) async fn resume(
    signer: &Signer,
    caller: &Caller,
    credential: &CredentialId,
) -> Result<Credential, Error> {
    let row = for_caller(signer, caller, credential, Holder::Not).await?;
    if row.state != CredentialState::Suspended {
        return Err(Error::StateConflict { sentence: "Only a suspended credential can be resumed." });
    }
    for hold in holds::of_credential(signer.db.read(), credential).await? {
        let info = signer.ca.certificate(&hold.serial).await.map_err(Error::Authority)?;
        if info.state == CertificateState::Held && is_ours(&hold, &info) {
            signer.ca.resume(&hold.serial).await.map_err(Error::Authority)?;
        }
    }
    let event =
        Event::CredentialResumed { credential: row.credential_id.to_string(), user: row.user_id.clone() };
    change(signer, caller, &row, CredentialState::Active, event).await?;
    view::of(signer, credential).await
}

/// Revokes a credential and its certificates, for good.
///
/// That its certificates are to be revoked is stored with its state: whatever comes between, the sweep goes on until they are.
pub(crate) async fn revoke(
    signer: &Signer,
    caller: &Caller,
    credential: &CredentialId,
    reason: Reason,
) -> Result<Credential, Error> {
    if reason == Reason::CertificateHold {
        return Err(Error::Subject {
            sentence: "certificate_hold is no reason to revoke. Suspend the credential.",
        });
    }
    let row = for_caller(signer, caller, credential, Holder::Too).await?;
    match row.state {
        CredentialState::Destroyed => {
            return Err(Error::StateConflict { sentence: "The credential is destroyed." });
        }
        CredentialState::Revoked => {
            let (credential, word) = (row.credential_id.clone(), reason_text(reason)?);
            let write = signer.db.write(move |tx| {
                Box::pin(async move { credentials::intend_end(tx, &credential, &word).await })
            });
            write.await?;
        }
        _ => {
            let event = Event::CredentialRevoked {
                credential: row.credential_id.to_string(),
                user: row.user_id.clone(),
                reason: reason_text(reason)?,
            };
            change(signer, caller, &row, CredentialState::Revoked, event).await?;
        }
    }
    end(signer, &row, reason).await?;
    view::of(signer, credential).await
}

/// Revokes the certificates of a credential that is over, and notes that it is done.
async fn end(signer: &Signer, row: &CredentialRow, reason: Reason) -> Result<(), Error> {
    revoke_certificates(signer, row, reason).await?;
    let (credential, word) = (row.credential_id.clone(), reason_text(reason)?);
    let write =
        signer.db.write(move |tx| Box::pin(async move { credentials::ended(tx, &credential, &word).await }));
    write.await
}

/// How many credentials are read at a time.
const TOGETHER: i64 = 100;

/// Goes on with every end that was stored and did not come to the authority; how many are done. One that fails holds up no others.
pub(crate) async fn end_all(signer: &Signer) -> Result<usize, Error> {
    let (mut done, mut after) = (0, String::new());
    loop {
        let rows = credentials::ending(signer.db.read(), &after, TOGETHER).await?;
        let Some(last) = rows.last() else { return Ok(done) };
        after = last.credential_id.to_string();
        for row in rows {
            let reason = reason_of(row.ending.as_deref().unwrap_or_default())?;
            match end(signer, &row, reason).await {
                Ok(()) => done += 1,
                Err(error) => {
                    let credential = row.credential_id.as_str();
                    tracing::warn!(%error, credential, "certificates could not be revoked: {error}");
                }
            }
        }
    }
}

/// Deletes the wrapped keys of a credential. Its certificates stay as they are: what was signed can still be verified.
pub(crate) async fn destroy(
    signer: &Signer,
    caller: &Caller,
    credential: &CredentialId,
) -> Result<Credential, Error> {
    let row = for_caller(signer, caller, credential, Holder::Not).await?;
    if row.state != CredentialState::Destroyed {
        let (actor, now) = (Actor::from(caller), signer.clock.now());
        let event = Event::CredentialDestroyed {
            credential: row.credential_id.to_string(),
            user: row.user_id.clone(),
        };
        signer
            .db
            .write(move |tx| {
                Box::pin(async move {
                    credentials::set_state(tx, &row, CredentialState::Destroyed, now).await?;
                    keys::destroy_all(tx, &row.credential_id, now).await?;
                    holds::clear(tx, &row.credential_id).await?;
                    audit::record(tx, now, &actor, &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
    }
    signer.forget(credential);
    signer.destroy_left_keys().await;
    view::of(signer, credential).await
}

async fn change(
    signer: &Signer,
    caller: &Caller,
    row: &CredentialRow,
    state: CredentialState,
    event: Event,
) -> Result<(), Error> {
    let (actor, now) = (Actor::from(caller), signer.clock.now());
    let changed = row.clone();
    signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                credentials::set_state(tx, &changed, state, now).await?;
                if let Event::CredentialRevoked { reason, .. } = &event {
                    credentials::intend_end(tx, &changed.credential_id, reason).await?;
                }
                if state != CredentialState::Suspended {
                    holds::clear(tx, &changed.credential_id).await?;
                }
                audit::record(tx, now, &actor, &event).await?;
                Ok::<_, Error>(())
            })
        })
        .await?;
    signer.forget(&row.credential_id);
    Ok(())
}

/// Holds every certificate over a key of this credential that is in force, and writes down that it did.
///
/// The intent is stored first: a crash before the answer leaves a hold that is taken for ours, which it most likely is.
/// What is on hold already is somebody else's, and is not ours to lift.
async fn hold_certificates(signer: &Signer, row: &CredentialRow) -> Result<(), Error> {
    let mut certificates = OverKeys::of(signer, row).await?;
    while let Some(page) = certificates.next(signer).await? {
        for info in page.iter().filter(|info| info.state == CertificateState::Issued) {
            let (credential, serial) = (row.credential_id.clone(), info.serial.clone());
            let write = signer
                .db
                .write(move |tx| Box::pin(async move { holds::intend(tx, &credential, &serial).await }));
            write.await?;
            let request = RevokeRequest { reason: Reason::CertificateHold, invalidity_date: None };
            let held = signer.ca.revoke(&info.serial, &request).await.map_err(Error::Authority)?;
            let Some(revocation) = held.revocation else { continue };
            let (credential, serial) = (row.credential_id.clone(), info.serial.clone());
            let write = signer.db.write(move |tx| {
                Box::pin(async move { holds::placed(tx, &credential, &serial, revocation.revoked_at).await })
            });
            write.await?;
        }
    }
    Ok(())
}

/// Whether a hold at the authority is the one that was placed here: one that began at another time is not.
fn is_ours(hold: &Hold, info: &CertificateInfo) -> bool {
    let since = info.revocation.as_ref().map(|revocation| revocation.revoked_at);
    hold.held_at.is_none() || hold.held_at == since
}

/// Revokes every certificate over a key of this credential that is not revoked at the authority.
async fn revoke_certificates(signer: &Signer, row: &CredentialRow, reason: Reason) -> Result<(), Error> {
    let mut certificates = OverKeys::of(signer, row).await?;
    while let Some(page) = certificates.next(signer).await? {
        for info in page {
            let known = info.revocation.as_ref().map(|revocation| revocation.reason);
            let due = match info.state {
                CertificateState::Issued | CertificateState::Held => true,
                // What is revoked may still turn out to be compromised.
                CertificateState::Revoked => {
                    reason == Reason::KeyCompromise && known != Some(Reason::KeyCompromise)
                }
                CertificateState::Expired | CertificateState::Abandoned => false,
            };
            if due {
                let request = RevokeRequest { reason, invalidity_date: None };
                signer.ca.revoke(&info.serial, &request).await.map_err(Error::Authority)?;
            }
        }
    }
    Ok(())
}

/// The authority's certificates over the keys of a credential, a page at a time, whether or not they have a row here: the
/// authority is asked for all of the person's, so none that was issued and not stored is left out.
struct OverKeys {
    keys: Vec<Vec<u8>>,
    /// What to ask next; absent at the end.
    query: Option<CertificateQuery>,
}

impl OverKeys {
    async fn of(signer: &Signer, row: &CredentialRow) -> Result<Self, Error> {
        let since = Millis(signer.clock.now().0 - LIVES_MS);
        let keys = keys::public_keys(signer.db.read(), &row.credential_id, since).await?;
        let query = CertificateQuery { user_id: Some(row.user_id.clone()), ..CertificateQuery::default() };
        Ok(Self { keys, query: Some(query) })
    }

    async fn next(&mut self, signer: &Signer) -> Result<Option<Vec<CertificateInfo>>, Error> {
        let Some(query) = self.query.take() else { return Ok(None) };
        let page = signer.ca.certificates(&query).await.map_err(Error::Authority)?;
        self.query = page.next.map(|next| CertificateQuery { after: Some(next), ..query });
        Ok(Some(page.certificates.into_iter().filter(|info| is_over(info, &self.keys)).collect()))
    }
}

/// Whether a certificate is over one of these keys.
fn is_over(info: &CertificateInfo, keys: &[Vec<u8>]) -> bool {
    let der = info.certificate.as_ref().and_then(|text| STANDARD.decode(text).ok());
    let certificate = der.and_then(|der| pki::Certificate::from_der(&der).ok());
    certificate.is_some_and(|certificate| keys.iter().any(|key| key == certificate.spki_der()))
}

fn reason_of(text: &str) -> Result<Reason, Error> {
    serde_json::from_value(text.into()).map_err(|_| Error::StoredRow { what: "reason" })
}

fn reason_text(reason: Reason) -> Result<String, Error> {
    match serde_json::to_value(reason) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        _ => Err(Error::StoredRow { what: "reason" }),
    }
}
