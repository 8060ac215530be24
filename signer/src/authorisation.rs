//! Authorising signatures: the holder's passphrase, bound to the listed digests, one client and a few minutes.

use std::sync::Arc;

use audit::Actor;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::{Db, Tx};
use platform::problem::Problem;
use zeroize::Zeroizing;

use crate::api::{CredentialState, SIGN};
use crate::digest::{Authorised, Digest};
use crate::dss::{self, Authors, Page, Wanted, Who};
use crate::error::Error;
use crate::events::Event;
use crate::grant::Grant;
use crate::ids::{AuthorisationId, CredentialId};
use crate::leavers::HOLDER_LEFT;
use crate::live::{self, Live, Span};
use crate::passphrase_check;
use crate::sad::Sad;
use crate::signer::Signer;
use crate::store::authorisations::{self, AuthorisationRow, Times};
use crate::store::credentials::{self, CredentialRow};
use crate::store::{consents, requests};

/// How long after it was given an authorisation can be used, however often it is extended.
const LONGEST_MS: i64 = 3_600_000;

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

/// What an authorisation rests on, as it was read.
pub(crate) struct Rests {
    credential: CredentialId,
    user: String,
    version: i64,
    /// Of its certificate; none where each batch has its own.
    serial: Option<String>,
    /// When what is kept is good.
    good: Option<Span>,
}

/// A certificate that is made for the batch is younger than every document that was prepared.
pub(crate) fn made_too_late() -> Error {
    let sentence = "What was prepared says when it is signed, and is older than every certificate that is made for one batch. Use a \
                    credential whose key is kept.";
    Error::Dss(Problem::conflict("credential-one-time", sentence))
}

impl Rests {
    /// On a credential that can sign.
    pub(crate) fn on(live: &Live) -> Self {
        Self {
            credential: live.row.credential_id.clone(),
            user: live.row.user_id.clone(),
            version: live.row.version,
            serial: Some(live.certificate.serial.clone()),
            good: Some(Span::of(&live.certificate)),
        }
    }

    /// On a credential that has a key for each batch.
    pub(crate) fn on_one_time(row: &CredentialRow) -> Self {
        Self {
            credential: row.credential_id.clone(),
            user: row.user_id.clone(),
            version: row.version,
            serial: None,
            good: None,
        }
    }

    /// On a credential whose key is on a card.
    pub(crate) fn on_card(row: &CredentialRow) -> Self {
        Self { serial: row.serial.clone(), ..Self::on_one_time(row) }
    }

    /// Refuses documents that say times at which its certificate was not good: nobody would take the signature. One that is made for the batch is younger
    /// than every document that was prepared.
    pub(crate) fn check_times(&self, authors: &Authors) -> Result<(), Error> {
        if let Some(good) = self.good {
            return dss::check_times(authors, good);
        }
        if authors.times().next().is_none() {
            return Ok(());
        }
        Err(made_too_late())
    }

    /// Refuses in the transaction that gives the authorisation what has changed: the credential, its certificate, its holder's being there.
    pub(crate) async fn still(&self, tx: &mut Tx) -> Result<(), Error> {
        let found = credentials::version(tx, &self.credential).await?;
        if found != Some((CredentialState::Active, self.version)) {
            return Err(Error::CredentialChanged);
        }
        if let Some(serial) = &self.serial
            && !ca::api::in_force(tx, &[serial]).await?.contains(serial)
        {
            return Err(Error::CertificateChanged);
        }
        if !directory::api::closed(tx, &[&self.user]).await?.is_empty() {
            return Err(Error::CredentialDisabled { why: HOLDER_LEFT });
        }
        Ok(())
    }
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
    let (credential, rests) = signer.ready_by(caller, &request.credential).await?;
    let authors = check_documents(signer, caller, &credential.user_id, &request.digests).await?;
    rests.check_times(&authors)?;
    let proven = passphrase_check::check(signer, caller, &credential, request.passphrase.clone()).await?;

    let sad = Sad::generate(&signer.random)?;
    let now = signer.clock.now();
    let lifetime = signer.config.sad_lifetime_s;
    let row = AuthorisationRow {
        authorisation_id: AuthorisationId::new(now),
        credential_id: credential.credential_id.clone(),
        client: caller.client.to_string(),
        digests: request.digests.clone(),
        named: None,
        authors: Some(authors),
        expires_at: Millis(now.0 + i64::from(lifetime) * 1000),
        consent: None,
    };
    let event = granted(&row, &credential.user_id);
    let (actor, stored) = (Actor::from(caller), sad.stored());
    let attempts = proven.attempts.clone();
    let grant = Arc::new(Grant::new(row.clone()));
    let done = signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                // The passphrase was checked against this version of the credential and no other.
                rests.still(tx).await?;
                attempts.settle(tx, now).await?;
                authorisations::insert(tx, &row, &stored, now).await?;
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await;
    signer.forget_if_changed(&credential.credential_id, &done);
    done?;
    drop(proven);
    signer.grants.keep(sad.stored(), &grant);
    metrics::counter!("signer_authorisations_total").increment(1);
    Ok(Granted { sad, expires_in_s: lifetime })
}

/// Nobody is shown anything where a passphrase is enough, so an application that may have nothing signed unseen has nothing signed so. Who they are
/// written by.
async fn check_documents(
    signer: &Signer,
    caller: &Caller,
    user: &str,
    digests: &Authorised,
) -> Result<Authors, Error> {
    let documents = documents(signer, caller, digests).await?;
    dss::may_have_signed(
        signer,
        &Who { client: caller.client.as_str(), user, unseen: None, page: Page::None },
        &documents,
    )
    .await?;
    Ok(Authors::of(&documents))
}

/// Refuses what was authorised a while ago in a role that its author has no more: the roles that were known then, whatever of it is still kept, and
/// those of what was prepared since, which it gives back.
pub(crate) async fn check_roles(
    signer: &Signer,
    caller: &Caller,
    authorisation: &AuthorisationRow,
) -> Result<Authors, Error> {
    let holder = live::row(&signer.db, &authorisation.credential_id).await?;
    if let Some(authors) = &authorisation.authors {
        dss::check_roles(signer, authors, &holder.user_id).await?;
    }
    let since = Authors::of(&documents(signer, caller, &authorisation.digests).await?);
    dss::check_roles(signer, &since, &holder.user_id).await?;
    Ok(since)
}

async fn documents(
    signer: &Signer,
    caller: &Caller,
    digests: &Authorised,
) -> Result<Vec<dss::Document>, Error> {
    let wanted =
        digests.iter().map(|digest| Wanted { id: String::new(), digest: *digest, unseen: String::new() });
    dss::documents(signer, caller.client.as_str(), wanted.collect(), signer.clock.now()).await
}

/// Gives an authorisation that is about to run out another secret and more time, for those of its digests that are named and no others: none
/// is signed that was not authorised, and none later than an hour after that (CSC API v2, 11.9). What is not named may be named when it is
/// extended again. The secret before is worth nothing from then on.
pub(crate) async fn extend(
    signer: &Signer,
    caller: &Caller,
    (credential, shown): (CredentialId, &Sad),
    named: Authorised,
) -> Result<Granted, Error> {
    caller.may(SIGN).map_err(Error::Caller)?;
    let before = shown.stored();
    let found = authorisations::by_sad(signer.db.read(), &before, None).await?.ok_or(Error::SadUnknown)?;
    let row = found.row;
    if row.client != caller.client.as_str() {
        return Err(Error::SadUnknown);
    }
    if row.credential_id != credential {
        return Err(Error::CredentialUnknown { credential: credential.to_string() });
    }
    let (holder, rests) = signer.ready_by(caller, &credential).await?;
    if row.digests.positions(named.each()).is_none() {
        return Err(Error::HashNotAuthorised);
    }
    // They may have lost the role since they agreed, and the certificate may be another.
    let since = check_roles(signer, caller, &row).await?;
    for authors in row.authors.iter().chain([&since]) {
        rests.check_times(authors)?;
    }
    let (sad, now) = (Sad::generate(&signer.random)?, signer.clock.now());
    let until = Millis(now.0 + i64::from(signer.config.sad_lifetime_s) * 1000);
    let (actor, stored) = (Actor::from(caller), sad.stored());
    let id = row.authorisation_id.to_string();
    let (user, client) = (holder.user_id, row.client);
    let old = before.clone();
    let until = signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                rests.still(tx).await?;
                let times = Times { now, until, longest_ms: LONGEST_MS };
                let until =
                    authorisations::extend(tx, (old.as_str(), stored.as_str()), &named, times).await?;
                let until = until.ok_or(Error::SadExpired)?;
                let event = Event::AuthorisationExtended {
                    authorisation: id,
                    credential: credential.to_string(),
                    user,
                    client,
                    expires_at: until.0,
                };
                audit::record(tx, now, &actor, &event).await?;
                Ok::<_, Error>(until)
            })
        })
        .await?;
    signer.grants.forget(&before);
    let seconds = until.since(now).as_secs();
    Ok(Granted { sad, expires_in_s: u32::try_from(seconds).unwrap_or(u32::MAX) })
}

/// Ends every authorisation that is still open, and says how many there were. What was signed under them stays.
///
/// For a restore: what was authorised after the copy was made is not known here, so nothing that was open then may go on.
pub async fn end_open_authorisations(db: &Db, now: Millis) -> Result<u64, Error> {
    db.write(move |tx| {
        Box::pin(async move {
            let ended = authorisations::expire_all(tx, now).await?;
            requests::end_waiting(tx, now).await?;
            consents::end_waiting(tx, now).await?;
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
