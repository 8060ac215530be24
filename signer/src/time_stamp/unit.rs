//! A time-stamping unit: its key and its certificate, as the newest row says.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hsm::{Hsm, Key};
use pki::Certificate;
use platform::clock::Millis;
use platform::db::Db;
use tokio::sync::Mutex;

use super::info;
use super::token::Frame;
use crate::error::Error;
use crate::store::time_stamps::{self, UnitRow};

/// How soon after a look in vain the database is looked at again.
const LOOK_AGAIN_MS: i64 = 1_000;

/// Who signs time-stamps.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) generation: i64,
    pub(crate) serial: String,
    pub(crate) certificate: Certificate,
    pub(crate) key: Key,
    pub(crate) frame: Frame,
    /// The `tsa` field of what it signs.
    pub(crate) authority: Vec<u8>,
}

impl Unit {
    /// Opens a stored unit. `None` when its key is not in the token.
    pub(super) async fn open(row: UnitRow, hsm: &Hsm) -> Result<Option<Self>, Error> {
        let unreadable = || Error::StoredRow { what: "certificate" };
        let certificate = Certificate::from_der(&row.certificate).map_err(|_| unreadable())?;
        let chain: Result<Vec<Vec<u8>>, _> = row.chain.iter().map(|text| STANDARD.decode(text)).collect();
        let chain = chain.map_err(|_| unreadable())?;
        let key = match hsm.key(&row.key_label).await {
            Ok(key) => key,
            Err(hsm::Error::KeyNotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if key.public_key() != certificate.spki_der() {
            return Err(Error::KeyMismatch);
        }
        let above = &chain[..chain.len().saturating_sub(1)];
        let frame = Frame::new(key.alg(), certificate.der(), above).ok_or_else(unreadable)?;
        let authority = info::authority(&frame.subject);
        let UnitRow { generation, serial, .. } = row;
        Ok(Some(Self { generation, serial, certificate, key, frame, authority }))
    }

    /// From when until when the key may sign: the certificate's validity, and its private-key usage period where it has one.
    pub(super) fn signs(&self) -> (Millis, Millis) {
        let usage = self.certificate.private_key_usage_period();
        let from = usage.and_then(|period| period.not_before_ms).unwrap_or(i64::MIN);
        let until = usage.and_then(|period| period.not_after_ms).unwrap_or(i64::MAX);
        (
            Millis(self.certificate.not_before_ms().max(from)),
            Millis(self.certificate.not_after_ms().min(until)),
        )
    }

    /// Whether it may sign now.
    pub(super) fn is_in_force(&self, now: Millis) -> bool {
        let (from, until) = self.signs();
        from <= now && now < until
    }
}

/// The unit that this process knows.
#[derive(Debug)]
pub(crate) struct Known {
    unit: RwLock<Option<Arc<Unit>>>,
    looked_at: Mutex<i64>,
}

impl Known {
    pub(super) fn nothing() -> Self {
        Self { unit: RwLock::new(None), looked_at: Mutex::new(i64::MIN) }
    }

    /// The unit that signs now, looked for in the database when the one that is known has run out.
    pub(super) async fn in_force(&self, db: &Db, hsm: &Hsm, now: Millis) -> Result<Option<Arc<Unit>>, Error> {
        if let Some(known) = self.get().filter(|known| known.is_in_force(now)) {
            return Ok(Some(known));
        }
        // Held while the database is asked: who comes meanwhile waits for what is found, and does not take it for nothing.
        let mut looked_at = self.looked_at.lock().await;
        if let Some(known) = self.get().filter(|known| known.is_in_force(now)) {
            return Ok(Some(known));
        }
        if (*looked_at..looked_at.saturating_add(LOOK_AGAIN_MS)).contains(&now.0) {
            return Ok(None);
        }
        *looked_at = now.0;
        self.look(db, hsm).await?;
        Ok(self.get().filter(|known| known.is_in_force(now)))
    }

    /// Takes the newest unit from the database, if it is not the one that is known.
    pub(super) async fn look(&self, db: &Db, hsm: &Hsm) -> Result<(), Error> {
        let Some(row) = time_stamps::newest(db.read()).await? else { return Ok(()) };
        if self.get().is_some_and(|known| known.generation == row.generation) {
            return Ok(());
        }
        if let Some(unit) = Unit::open(row, hsm).await? {
            *self.unit.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(unit));
        }
        Ok(())
    }

    /// Forgets a unit whose certificate is revoked: it signs nothing more.
    pub(super) fn forget(&self, revoked: &Arc<Unit>) {
        let mut known = self.unit.write().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_some_and(|now| Arc::ptr_eq(now, revoked)) {
            *known = None;
            tracing::error!(
                serial = revoked.serial,
                "the time-stamping certificate {} is not in force",
                revoked.serial
            );
        }
    }

    /// The unit that is known.
    pub(super) fn get(&self) -> Option<Arc<Unit>> {
        self.unit.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
