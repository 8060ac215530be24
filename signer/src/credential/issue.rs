//! Credentials and their certificates: made, renewed over the same key, renewed with another key.
//!
//! Each act is in two steps with the authority between them. The first transaction sets the key aside; the authority
//! issues under a request id of ours; the second transaction makes the certificate the one that signs. A crash or refusal
//! in between leaves a key that does not sign, and the same act done again goes on from there: the authority answers the
//! same request id with the same certificate. It is a certificate's row here that ends its request id, whether the
//! certificate then signs or, because the credential changed in between, is revoked at once.

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateState, IssueRequest, Issued, KeySource, Reason, RevokeRequest};
use hsm::Alg;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::id::UserId;

use super::{Holder, for_caller, view};
use crate::api::{Algorithm, CREDENTIALS, CreateCredential, Credential, CredentialState, KeyLife};
use crate::error::Error;
use crate::events::Event;
use crate::ids::{CredentialId, KeyId};
use crate::live;
use crate::share::Sharer;
use crate::signer::Signer;
use crate::spare;
use crate::store::certificates::{self, CertificateRow, Inserted};
use crate::store::credentials::{self, CredentialRow, Kind};
use crate::store::keys::{self, KeyRow};
use crate::suite;

/// Creates a credential, or finds and finishes the one this request made before.
pub(crate) async fn create(
    signer: &Signer,
    caller: &Caller,
    request: CreateCredential,
) -> Result<Credential, Error> {
    caller.may(CREDENTIALS).map_err(Error::Caller)?;
    let user = check_request(&request)?;
    if request.key == KeyLife::Card {
        return Err(Error::Subject {
            sentence: "The key of a smartcard is made on the card, when it is issued.",
        });
    }
    let request_id = format!("{}/{}", caller.client, request.request_id);
    let _turn = signer.creations.take(request_id.clone(), &Sharer::from(caller)).await?;
    if request.key == KeyLife::OneTime {
        return one_time(signer, caller, &request, request_id, user).await;
    }
    let row = match credentials::by_request(signer.db.read(), &request_id).await? {
        Some(row) => row,
        None => set_up(signer, caller, &request, request_id, user).await?,
    };
    let alg =
        keys::algorithm(signer.db.read(), &row.key_id).await?.ok_or(Error::StoredRow { what: "key" })?;
    if row.subject != request.subject || view::algorithm(alg)? != request.algorithm {
        return Err(USED);
    }
    if row.state == CredentialState::Pending {
        let key =
            keys::by_id(signer.db.read(), &row.key_id).await?.ok_or(Error::StoredRow { what: "key" })?;
        certify(signer, caller, &row, key, Purpose::Created).await?;
    }
    view::of(signer, &row.credential_id).await
}

/// A request id that names another credential.
const USED: Error = Error::StateConflict { sentence: "This request id was used for another credential." };

/// Creates a credential that has a key for each batch, or finds the one this request made before.
async fn one_time(
    signer: &Signer,
    caller: &Caller,
    request: &CreateCredential,
    request_id: String,
    user: String,
) -> Result<Credential, Error> {
    if request.algorithm != Algorithm::P256 {
        return Err(Error::Subject { sentence: "One-time keys are of the kind p-256." });
    }
    if let Some(row) = credentials::by_request(signer.db.read(), &request_id).await? {
        let same = row.kind == Kind::OneTime && row.subject == request.subject;
        return if same { view::of(signer, &row.credential_id).await } else { Err(USED) };
    }
    let now = signer.clock.now();
    let row = CredentialRow {
        credential_id: CredentialId::new(now),
        request_id,
        user_id: user,
        state: CredentialState::Active,
        version: 1,
        subject: request.subject.clone(),
        passphrase: None,
        // No key has this id: each batch has one of its own.
        key_id: KeyId::new(now),
        serial: None,
        created_at: now,
        kind: Kind::OneTime,
        ending: None,
    };
    let (actor, new) = (Actor::from(caller), row.clone());
    let event = Event::OneTimeCredentialCreated {
        credential: row.credential_id.to_string(),
        user: row.user_id.clone(),
    };
    signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                if !directory::api::closed(tx, &[&new.user_id]).await?.is_empty() {
                    return Err(LEFT);
                }
                if credentials::insert(tx, &new).await? == credentials::Inserted::RequestIdTaken {
                    return Err(Error::CredentialChanged);
                }
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await?;
    view::of(signer, &row.credential_id).await
}

/// A person whom the register has closed.
const LEFT: Error = Error::StateConflict { sentence: "The person has left: the register has closed them." };

/// Gives a credential a new certificate over the same key. The one before stays valid until its end.
pub(crate) async fn renew(
    signer: &Signer,
    caller: &Caller,
    credential: &CredentialId,
) -> Result<Credential, Error> {
    let row = for_caller(signer, caller, credential, Holder::Not).await?;
    let replaces = signing_serial(&row)?;
    let key = keys::by_id(signer.db.read(), &row.key_id).await?.ok_or(Error::StoredRow { what: "key" })?;
    certify(signer, caller, &row, key, Purpose::Renewed { replaces }).await?;
    view::of(signer, credential).await
}

/// Gives a credential a new key with a new certificate, and destroys the key before. Its certificate stays as it is, so
/// that what it signed can still be verified.
pub(crate) async fn rekey(
    signer: &Signer,
    caller: &Caller,
    credential: &CredentialId,
) -> Result<Credential, Error> {
    let row = for_caller(signer, caller, credential, Holder::Not).await?;
    let replaces = signing_serial(&row)?;
    let key = match keys::set_aside(signer.db.read(), credential, &row.key_id).await? {
        Some(key) => key,
        None => set_aside_key(signer, &row).await?,
    };
    certify(signer, caller, &row, key, Purpose::Rekeyed { replaces }).await?;
    view::of(signer, credential).await
}

/// What a new certificate is for.
enum Purpose {
    Created,
    Renewed { replaces: String },
    Rekeyed { replaces: String },
}

impl Purpose {
    fn event(self, row: &CredentialRow, serial: String) -> Event {
        let (credential, user) = (row.credential_id.to_string(), row.user_id.clone());
        match self {
            Self::Created => Event::CredentialCreated { credential, user, serial },
            Self::Renewed { replaces } => Event::CertificateRenewed { credential, user, serial, replaces },
            Self::Rekeyed { replaces } => Event::CredentialRekeyed { credential, user, serial, replaces },
        }
    }
}

fn check_request(request: &CreateCredential) -> Result<String, Error> {
    let id = request.request_id.as_bytes();
    if id.is_empty() || id.len() > 64 || !id.iter().all(u8::is_ascii_graphic) {
        return Err(Error::Subject { sentence: "request_id has 1 to 64 visible ASCII characters." });
    }
    let user = request.subject.user_id.clone().unwrap_or_default();
    user.parse::<UserId>()
        .map_err(|_| Error::Subject { sentence: "subject.user_id is the 12-digit number of a person." })?;
    Ok(user)
}

/// Stores the credential with its key, waiting for a certificate.
async fn set_up(
    signer: &Signer,
    caller: &Caller,
    request: &CreateCredential,
    request_id: String,
    user: String,
) -> Result<CredentialRow, Error> {
    let suite = suite::named(request.algorithm).ok_or(Error::StoredRow { what: "algorithm" })?;
    let alg = suite.alg;
    let now = signer.clock.now();
    let row = CredentialRow {
        credential_id: CredentialId::new(now),
        request_id,
        user_id: user,
        state: CredentialState::Pending,
        version: 1,
        subject: request.subject.clone(),
        passphrase: None,
        key_id: KeyId::new(now),
        serial: None,
        created_at: now,
        kind: Kind::Kept,
        ending: None,
    };
    loop {
        let fresh = fresh_key(signer, alg, row.key_id.clone()).await?;
        let actor = Actor::from(caller);
        let (mut row, algorithm) = (row.clone(), request.algorithm);
        let made = signer
            .db
            .write(move |tx| {
                Box::pin(async move {
                    if !directory::api::closed(tx, &[&row.user_id]).await?.is_empty() {
                        return Err(LEFT);
                    }
                    let Some(key) = spare::assign(tx, fresh, alg, &row.credential_id, now).await? else {
                        return Ok(None);
                    };
                    row.key_id = key.key_id;
                    if credentials::insert(tx, &row).await? == credentials::Inserted::RequestIdTaken {
                        return Err(Error::CredentialChanged);
                    }
                    let event = Event::CredentialRequested {
                        credential: row.credential_id.to_string(),
                        user: row.user_id.clone(),
                        algorithm,
                    };
                    audit::record(tx, now, &actor, &event).await?;
                    Ok(Some(row))
                })
            })
            .await?;
        signer.spare_taken.notify_one();
        // Without a key: the last spare one went to somebody else since it was counted.
        if let Some(row) = made {
            return Ok(row);
        }
    }
}

async fn set_aside_key(signer: &Signer, row: &CredentialRow) -> Result<KeyRow, Error> {
    let alg =
        keys::algorithm(signer.db.read(), &row.key_id).await?.ok_or(Error::StoredRow { what: "key" })?;
    let now = signer.clock.now();
    loop {
        let fresh = fresh_key(signer, alg, KeyId::new(now)).await?;
        let credential = row.credential_id.clone();
        let key = signer
            .db
            .write(move |tx| Box::pin(async move { spare::assign(tx, fresh, alg, &credential, now).await }))
            .await?;
        signer.spare_taken.notify_one();
        if let Some(key) = key {
            return Ok(key);
        }
    }
}

async fn fresh_key(signer: &Signer, alg: Alg, key_id: KeyId) -> Result<Option<KeyRow>, Error> {
    let wrapped = signer.fresh_key(alg, &key_id).await?;
    Ok(wrapped.map(|wrapped| KeyRow { key_id, wrapped }))
}

/// The serial of the certificate that signs; only an active credential gets another one.
fn signing_serial(row: &CredentialRow) -> Result<String, Error> {
    if row.kind == Kind::Card {
        return Err(Error::StateConflict {
            sentence: "A smartcard gets a new certificate where cards are issued.",
        });
    }
    match (row.state, &row.serial) {
        (CredentialState::Active, Some(serial)) => Ok(serial.clone()),
        _ => Err(Error::StateConflict { sentence: "Only an active credential can be renewed or re-keyed." }),
    }
}

/// Has a key certified and makes it, with its certificate, what signs for the credential.
async fn certify(
    signer: &Signer,
    caller: &Caller,
    row: &CredentialRow,
    key: KeyRow,
    purpose: Purpose,
) -> Result<(), Error> {
    let before = certificates::count(signer.db.read(), &row.credential_id).await?;
    let request = IssueRequest {
        request_id: format!("{}.{before}", row.credential_id),
        profile: signer.config.profile.clone(),
        subject: row.subject.clone(),
        key: KeySource::public_key(&key.wrapped.public_key),
        issuer: None,
        validity: None,
    };
    let issued = signer.ca.issue(&request).await.map_err(Error::Authority)?;
    let now = signer.clock.now();
    let certificate =
        certificate_row(&row.credential_id, (&key.key_id, &key.wrapped.public_key), issued, now)?;
    let stored = make_it_sign(signer, caller, row, certificate.clone(), purpose).await;
    signer.forget(&row.credential_id);
    signer.destroy_left_keys().await;
    match stored {
        Err(Error::CredentialChanged) => settle(signer, certificate).await,
        // Whatever else went wrong, the same act done again finds the certificate and goes on.
        done => done,
    }
}

/// Stores a certificate as the one that signs, unless its credential changed, it has a row already, or somebody ended it.
async fn make_it_sign(
    signer: &Signer,
    caller: &Caller,
    row: &CredentialRow,
    certificate: CertificateRow,
    purpose: Purpose,
) -> Result<(), Error> {
    let (actor, row, now) = (Actor::from(caller), row.clone(), certificate.issued_at);
    signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                let serial = certificate.serial.as_str();
                let in_force = ca::api::in_force(tx, &[serial]).await?.contains(serial);
                if !in_force || certificates::insert(tx, &certificate).await? == Inserted::Before {
                    return Err(Error::CredentialChanged);
                }
                credentials::set_certificate(tx, &row, &certificate.key_id, &certificate.serial, now).await?;
                if certificate.key_id != row.key_id {
                    keys::destroy(tx, &row.key_id, now).await?;
                }
                audit::record(tx, now, &actor, &purpose.event(&row, certificate.serial)).await?;
                Ok(())
            })
        })
        .await
}

/// What becomes of a certificate whose credential changed while it was issued. When the same act, done twice at once, made it
/// the one that signs, that is what was asked for. Otherwise it must not stay in force; its row is stored first, so that
/// the act done again asks for another one. If the process ends before it is revoked, revoking the credential finds it by
/// its key.
async fn settle(signer: &Signer, certificate: CertificateRow) -> Result<(), Error> {
    let (credential, serial) = (certificate.credential_id.clone(), certificate.serial.clone());
    let write =
        signer.db.write(move |tx| Box::pin(async move { certificates::insert(tx, &certificate).await }));
    if write.await? == Inserted::Before {
        let row = live::row(&signer.db, &credential).await?;
        return if row.serial == Some(serial) { Ok(()) } else { Err(Error::CredentialChanged) };
    }
    let info = signer.ca.certificate(&serial).await.map_err(Error::Authority)?;
    if matches!(info.state, CertificateState::Issued | CertificateState::Held) {
        let request = RevokeRequest { reason: Reason::CessationOfOperation, invalidity_date: None };
        signer.ca.revoke(&serial, &request).await.map_err(Error::Authority)?;
    }
    Err(Error::CredentialChanged)
}

/// The row of a certificate that was issued over this key.
pub(crate) fn certificate_row(
    credential: &CredentialId,
    (key_id, public_key): (&KeyId, &[u8]),
    issued: Issued,
    now: Millis,
) -> Result<CertificateRow, Error> {
    let unreadable = Error::StoredRow { what: "certificate" };
    let Ok(der) = STANDARD.decode(&issued.certificate) else { return Err(unreadable) };
    let Ok(parsed) = pki::Certificate::from_der(&der) else { return Err(unreadable) };
    if parsed.spki_der() != public_key {
        return Err(Error::KeyMismatch);
    }
    let (not_before, not_after) = (Millis(parsed.not_before_ms()), Millis(parsed.not_after_ms()));
    let usage = parsed.private_key_usage_period();
    Ok(CertificateRow {
        serial: issued.serial,
        credential_id: credential.clone(),
        key_id: key_id.clone(),
        chain: issued.chain,
        not_before,
        not_after,
        sign_from: usage.and_then(|period| period.not_before_ms).map_or(not_before, Millis),
        sign_until: usage.and_then(|period| period.not_after_ms).map_or(not_after, Millis),
        issued_at: now,
        certificate: der,
    })
}
