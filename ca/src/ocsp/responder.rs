//! A delegated responder: its certificate and its key, as the newest row of its issuer says.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hsm::{Hsm, Key};
use pki::Certificate;
use pki::ocsp::Hash;
use platform::clock::Millis;

use crate::desk::Desk;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::names::IssuerId;
use crate::ocsp::Standing;
use crate::ocsp::data::Frame;
use crate::serial::Serial;
use crate::store::responders::{self, StoredResponder};
use crate::store::standings;

/// How soon after a look in vain the database is looked at again.
const LOOK_AGAIN_MS: i64 = 1_000;

/// Who signs an issuer's answers.
#[derive(Debug)]
pub(super) struct Responder {
    pub(super) generation: i64,
    serial: Serial,
    /// The count of changes at which its certificate was last seen to be in force.
    seen: AtomicI64,
    pub(super) certificate: Certificate,
    /// SHA-1 of its key: its name in answers.
    pub(super) key_hash: Vec<u8>,
    pub(super) key: Key,
    pub(super) frame: Frame,
}

impl Responder {
    /// Opens a stored responder. `None` when its key is not in the token, or the issuer has another key now.
    pub(super) async fn open(
        stored: &StoredResponder,
        issuer: &Issuer,
        hsm: &Hsm,
    ) -> Result<Option<Responder>, Error> {
        let serial = Serial::parse(&stored.serial)
            .ok_or_else(|| platform::db::Error::corrupt("ca_responder.serial", &stored.serial))?;
        let corrupt = |error: pki::Error| platform::db::Error::corrupt("ca_responder.certificate", error);
        let certificate = Certificate::from_der(&stored.certificate).map_err(corrupt)?;
        if certificate.verify_signed_by(&issuer.certificate).is_err() {
            return Ok(None);
        }
        let key = match hsm.key(&stored.key_label).await {
            Ok(key) => key,
            Err(hsm::Error::KeyNotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if key.public_key() != certificate.spki_der() {
            let (issuer, label) = (issuer.id().clone(), stored.key_label.clone());
            return Err(Error::IssuerKeyDiffers { issuer, label });
        }
        // RFC 6960 4.2.1: KeyHash is SHA-1 of the key, whatever hash the question uses.
        let key_hash = pki::ocsp::key_hash(Hash::Sha1, certificate.spki_der()).map_err(corrupt)?;
        let (generation, seen) = (stored.generation, AtomicI64::new(-1));
        let frame = Frame::new(key.alg(), certificate.der());
        Ok(Some(Responder { generation, serial, seen, certificate, key_hash, key, frame }))
    }

    /// Whether its certificate is neither revoked nor held. Readers do not ask, so we must: RFC 6960 4.2.2.2.1.
    pub(super) async fn stands(&self, desk: &Desk, issuer: &Issuer) -> Result<bool, Error> {
        let seen = standings::look(desk.db.read(), &[self.serial]).await?;
        Ok(seen.row(&self.serial)?.is_some_and(|row| row.of(issuer.id().as_str()) == Standing::Good))
    }

    /// The same as of this count of changes, which was read before.
    async fn stands_at(&self, desk: &Desk, issuer: &Issuer, changes: i64) -> Result<bool, Error> {
        if self.seen.load(Ordering::Acquire) >= changes {
            return Ok(true);
        }
        let stands = self.stands(desk, issuer).await?;
        if stands {
            self.seen.fetch_max(changes, Ordering::AcqRel);
        }
        Ok(stands)
    }

    /// Whether an answer given now can be checked with its certificate.
    pub(super) fn is_in_force(&self, now: Millis) -> bool {
        self.certificate.not_before_ms() <= now.0 && now.0 < self.certificate.not_after_ms()
    }
}

/// The responders this process knows, by issuer. The lock is held to look up, never while the database or the token
/// is asked.
#[derive(Default)]
pub(super) struct Responders {
    known: RwLock<HashMap<IssuerId, Arc<Responder>>>,
    looked_at: AtomicI64,
}

impl Responders {
    /// The issuer's responder, looked for in the database when the one that is known has run out or is revoked as of
    /// this count of changes.
    pub(super) async fn of(
        &self,
        desk: &Desk,
        hsm: &Hsm,
        issuer: &Issuer,
        now: Millis,
        changes: i64,
    ) -> Result<Option<Arc<Responder>>, Error> {
        if let Some(known) = self.known(issuer.id()).filter(|known| known.is_in_force(now)) {
            if known.stands_at(desk, issuer, changes).await? {
                return Ok(Some(known));
            }
            self.forget(issuer.id(), &known);
        }
        let before = self.looked_at.load(Ordering::Relaxed);
        if (before..before.saturating_add(LOOK_AGAIN_MS)).contains(&now.0) {
            return Ok(None);
        }
        self.looked_at.store(now.0, Ordering::Relaxed);
        self.look(desk, hsm, issuer).await?;
        Ok(self.known(issuer.id()).filter(|known| known.is_in_force(now)))
    }

    /// Takes the newest responder of an issuer from the database, if it is not the one that is known.
    pub(super) async fn look(&self, desk: &Desk, hsm: &Hsm, issuer: &Issuer) -> Result<(), Error> {
        let Some(stored) = responders::newest(desk.db.read(), issuer.id().as_str()).await? else {
            return Ok(());
        };
        let known = self.known(issuer.id()).map(|known| known.generation);
        if known == Some(stored.generation) {
            return Ok(());
        }
        let responder = Responder::open(&stored, issuer, hsm).await?;
        // One that is revoked stays the newest until the schedule has made another.
        if let Some(responder) = responder
            && responder.stands(desk, issuer).await?
        {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(issuer.id().clone(), Arc::new(responder));
        }
        Ok(())
    }

    /// Whether what this generation has signed may still be given, as of this count of changes.
    pub(super) async fn still(
        &self,
        desk: &Desk,
        issuer: &Issuer,
        generation: i64,
        changes: i64,
    ) -> Result<bool, Error> {
        match self.known(issuer.id()).filter(|known| known.generation == generation) {
            Some(known) => known.stands_at(desk, issuer, changes).await,
            None => Ok(false),
        }
    }

    fn forget(&self, issuer: &IssuerId, revoked: &Arc<Responder>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.get(issuer).is_some_and(|now| Arc::ptr_eq(now, revoked)) {
            known.remove(issuer);
            tracing::error!(%issuer, "the OCSP responder of {issuer} is revoked and signs nothing more");
        }
    }

    pub(super) fn known(&self, issuer: &IssuerId) -> Option<Arc<Responder>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned()
    }
}
