//! Credentials that are ready to sign, kept in memory.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::CertificateState;
use hsm::{Alg, Hsm, Key};
use lru::LruCache;
use platform::clock::Millis;
use platform::db::Db;

use crate::api::CredentialState;
use crate::cms::Template;
use crate::error::Error;
use crate::ids::CredentialId;
use crate::store::certificates::{self, CertificateRow};
use crate::store::credentials::{self, CredentialRow, Kind};
use crate::store::keys;

/// A credential with its certificate, its key and the constant parts of its signatures.
pub(crate) struct Live {
    pub(crate) row: CredentialRow,
    pub(crate) certificate: CertificateRow,
    pub(crate) key: Key,
    pub(crate) template: Template,
}

impl Live {
    /// Reads a credential and prepares it; the private key is unwrapped when it first signs.
    pub(crate) async fn load(db: &Db, hsm: &Hsm, row: CredentialRow) -> Result<Self, Error> {
        if row.kind == Kind::Card {
            return Err(Error::CredentialDisabled { why: "its key is on a smartcard" });
        }
        match row.state {
            CredentialState::Active | CredentialState::Suspended => {}
            CredentialState::Pending => {
                return Err(Error::CredentialDisabled { why: "it has no certificate yet" });
            }
            CredentialState::Revoked => return Err(Error::CertificateRevoked),
            CredentialState::Destroyed => {
                return Err(Error::CredentialDisabled { why: "its key is destroyed" });
            }
        }
        let serial = row.serial.as_deref().ok_or(Error::StoredRow { what: "serial" })?;
        let certificate = certificates::by_serial(db.read(), serial)
            .await?
            .ok_or(Error::StoredRow { what: "certificate" })?;
        let key = keys::by_id(db.read(), &row.key_id).await?.ok_or(Error::StoredRow { what: "key" })?;
        let parsed = pki::Certificate::from_der(&certificate.certificate)
            .map_err(|_| Error::StoredRow { what: "certificate" })?;
        // The token checks on loading that the private key belongs to the row's public key; here that key is held
        // against the certificate, so that neither of the two rows can be exchanged alone.
        if parsed.spki_der() != key.wrapped.public_key || certificate.key_id != key.key_id {
            return Err(Error::KeyMismatch);
        }
        let template = template(key.wrapped.alg, &certificate)?;
        Ok(Self { row, certificate, key: hsm.kept(key.wrapped).await?, template })
    }

    /// Whether a signature may be made at a time, as far as our own rows say.
    pub(crate) fn check_usable(&self, now: Millis) -> Result<(), Error> {
        match self.row.state {
            CredentialState::Active => {}
            CredentialState::Suspended => return Err(Error::CertificateSuspended),
            _ => return Err(Error::CertificateRevoked),
        }
        if !Span::of(&self.certificate).has(now) {
            return Err(Error::CertificateExpired);
        }
        Ok(())
    }
}

/// The constant parts of the signatures of a certificate.
pub(crate) fn template(alg: Alg, certificate: &CertificateRow) -> Result<Template, Error> {
    let issuer = certificate.chain.first().ok_or(Error::StoredRow { what: "chain" })?;
    let issuer = STANDARD.decode(issuer).map_err(|_| Error::StoredRow { what: "chain" })?;
    Template::new(alg, &certificate.certificate, &issuer).map_err(|source| Error::Template(Box::new(source)))
}

/// The time inside a certificate's validity (RFC 5280 4.1.2.5) and its key's usage period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    from: Millis,
    until: Millis,
}

impl Span {
    /// Of a certificate.
    pub(crate) fn of(certificate: &CertificateRow) -> Self {
        Self {
            from: certificate.not_before.max(certificate.sign_from),
            until: certificate.not_after.min(certificate.sign_until),
        }
    }

    /// Whether a time is inside.
    pub(crate) fn has(self, at: Millis) -> bool {
        self.from <= at && at.0 / 1000 <= self.until.0 / 1000
    }
}

/// What a certificate's state at the authority means for a signature.
pub(crate) fn check_in_force(state: CertificateState) -> Result<(), Error> {
    match state {
        CertificateState::Issued => Ok(()),
        CertificateState::Held => Err(Error::CertificateSuspended),
        CertificateState::Revoked | CertificateState::Abandoned => Err(Error::CertificateRevoked),
        CertificateState::Expired => Err(Error::CertificateExpired),
    }
}

/// The most recently used credentials.
///
/// What is in here may be older than the database: each write that depends on it compares the version first. A change in
/// this process takes its credential out at once.
pub(crate) struct Cache(Mutex<LruCache<CredentialId, Arc<Live>>>);

impl Cache {
    /// An empty one.
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        Self(Mutex::new(LruCache::new(capacity)))
    }

    /// A credential that is in memory.
    pub(crate) fn get(&self, credential: &CredentialId) -> Option<Arc<Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(credential).cloned()
    }

    /// Keeps a credential, unless a newer version of it is kept.
    pub(crate) fn keep(&self, live: &Arc<Live>) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newer =
            cache.peek(&live.row.credential_id).is_some_and(|kept| kept.row.version > live.row.version);
        if !newer {
            cache.put(live.row.credential_id.clone(), Arc::clone(live));
        }
    }

    /// Takes a credential out.
    pub(crate) fn take(&self, credential: &CredentialId) -> Option<Arc<Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop(credential)
    }
}

/// Reads a credential's row afresh.
pub(crate) async fn row(db: &Db, credential: &CredentialId) -> Result<CredentialRow, Error> {
    credentials::by_id(db.read(), credential)
        .await?
        .ok_or_else(|| Error::CredentialUnknown { credential: credential.to_string() })
}
