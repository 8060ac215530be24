//! Authorising signatures: the holder's passphrase, bound to the listed digests, one client and a few minutes.

use std::sync::Arc;

use audit::Actor;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Db;
use zeroize::Zeroizing;

use crate::api::{CredentialState, SIGN};
use crate::digest::{Authorised, Digest};
use crate::error::Error;
use crate::events::Event;
use crate::grant::Grant;
use crate::ids::{AuthorisationId, CredentialId};
use crate::leavers::HOLDER_LEFT;
use crate::passphrase_check;
use crate::sad::Sad;
use crate::signer::Signer;
use crate::store::authorisations::{self, AuthorisationRow};
use crate::store::{attempts, credentials, requests};

/// A request to authorise signatures.
pub(crate) struct Request {
    pub(crate) credential: CredentialId,
    pub(crate) digests: Authorised,
    pub(crate) passphrase: Zeroizing<String>,
}

/// A granted authorisation.
pub(crate) struct Granted {
    pub(crate) sad: Sad,
    pub(crate) expires_in_s: u32,
}

/// Authorises a client to have the listed digests signed, each once.
///
/// When this returns, the authorisation and its audit event are durable. What is lost on the way (the secret is made
/// here and told once) leaves an authorisation that nobody can use and that runs out by itself.
pub(crate) async fn authorise(signer: &Signer, caller: &Caller, request: Request) -> Result<Granted, Error> {
    caller.may(SIGN).map_err(Error::Caller)?;
    if request.digests.len() > signer.config.max_documents {
        return Err(Error::TooManyDocuments);
    }
    match grant(signer, caller, &request).await {
        // What was in memory was older than the database, and is forgotten now: once more tells how it is.
        Err(Error::CredentialChanged | Error::CertificateChanged) => grant(signer, caller, &request).await,
        done => done,
    }
}

async fn grant(signer: &Signer, caller: &Caller, request: &Request) -> Result<Granted, Error> {
    let live = signer.usable_by(caller, &request.credential).await?;
    let proven = passphrase_check::check(signer, caller, &live.row, request.passphrase.clone()).await?;

    let sad = Sad::generate(&signer.random)?;
    let now = signer.clock.now();
    let lifetime = signer.config.sad_lifetime_s;
    let row = AuthorisationRow {
        authorisation_id: AuthorisationId::new(now),
        credential_id: live.row.credential_id.clone(),
        client: caller.client.to_string(),
        digests: request.digests.clone(),
        expires_at: Millis(now.0 + i64::from(lifetime) * 1000),
    };
    let user = live.row.user_id.clone();
    let event = granted(&row, &user);
    let (actor, stored, version) = (Actor::from(caller), sad.stored(), live.row.version);
    let (after_failures, serial) = (proven.after_failures, live.certificate.serial.clone());
    let grant = Arc::new(Grant::new(row.clone()));
    let done = signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                // The passphrase was checked against this version of the credential and no other.
                let found = credentials::version(&mut *tx, &row.credential_id).await?;
                if found != Some((CredentialState::Active, version)) {
                    return Err(Error::CredentialChanged);
                }
                if !ca::api::in_force(tx, &[&serial]).await?.contains(&serial) {
                    return Err(Error::CertificateChanged);
                }
                if !directory::api::closed(tx, &[&user]).await?.is_empty() {
                    return Err(Error::CredentialDisabled { why: HOLDER_LEFT });
                }
                if after_failures {
                    attempts::clear(tx, &row.credential_id, &row.client).await?;
                }
                authorisations::insert(tx, &row, &stored, now).await?;
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await;
    signer.forget_if_changed(&live.row.credential_id, &done);
    done?;
    drop(proven);
    signer.grants.keep(sad.stored(), &grant);
    metrics::counter!("signer_authorisations_total").increment(1);
    Ok(Granted { sad, expires_in_s: lifetime })
}

/// Ends every authorisation that is still open, and says how many there were. What was signed under them stays.
///
/// For a restore: what was authorised after the copy was made is not known here, so nothing that was open then may go on.
pub async fn end_open_authorisations(db: &Db, now: Millis) -> Result<u64, Error> {
    db.write(move |tx| {
        Box::pin(async move {
            let ended = authorisations::expire_all(tx, now).await?;
            requests::end_waiting(tx, now).await?;
            let event = Event::AuthorisationsEnded { authorisations: ended };
            audit::record(tx, now, &Actor::system("signer"), &event).await?;
            Ok(ended)
        })
    })
    .await
}

fn granted(row: &AuthorisationRow, user: &str) -> Event {
    Event::AuthorisationGranted {
        authorisation: row.authorisation_id.to_string(),
        credential: row.credential_id.to_string(),
        user: user.to_owned(),
        client: row.client.clone(),
        documents: u32::try_from(row.digests.len()).unwrap_or(u32::MAX),
        digests_sha256: hex::encode(Digest::of(&row.digests.to_bytes()).0),
        expires_at: row.expires_at.0,
    }
}
