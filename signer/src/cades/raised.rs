//! Signatures that were raised to their levels a while ago: who asks again gets what was made first, and no further time-stamps. What was put around
//! each is a row, so that every process answers the same, also after this one has died; in memory is what was answered last.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lru::LruCache;
use platform::clock::Millis;
use serde::{Deserialize, Serialize};

use super::{Parts, Signed};
use crate::digest::Digest;
use crate::error::Error;
use crate::signer::Signer;
use crate::store::{proofs, raised};

/// For how long what was made is kept where nobody says more: as long as an authorisation lasts at most.
pub(crate) const KEPT_MS: i64 = 3_600_000;

/// How many octets are kept.
const MOST: usize = 64 * 1024 * 1024;
/// What is larger is put together anew each time, within the share of whoever asks.
const LARGEST: usize = 1024 * 1024;

/// The most recently used ones.
pub(crate) struct Raised(Mutex<State>);

struct State {
    kept: LruCache<[u8; 32], Vec<u8>>,
    octets: usize,
}

impl Raised {
    /// Nothing is kept yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State { kept: LruCache::unbounded(), octets: 0 }))
    }

    /// What was made of a signature.
    pub(super) fn get(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        self.state().kept.get(key).cloned()
    }

    /// Keeps what was made, and the first of two that were made at the same time; what of both is to be answered.
    pub(super) fn keep(&self, key: [u8; 32], raised: Vec<u8>) -> Vec<u8> {
        if raised.len() > LARGEST {
            return raised;
        }
        let mut state = self.state();
        if let Some(first) = state.kept.get(&key) {
            return first.clone();
        }
        state.octets += raised.len();
        state.kept.put(key, raised.clone());
        while state.octets > MOST
            && let Some((_, oldest)) = state.kept.pop_lru()
        {
            state.octets -= oldest.len();
        }
        raised
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is around a signature, as it is stored.
#[derive(Serialize, Deserialize)]
struct Around {
    certificates: Vec<String>,
    /// By their SHA-256 in hexadecimal: many signatures have the same.
    lists: Vec<String>,
    unsigned: Vec<String>,
}

impl Around {
    fn of(parts: &Parts) -> Self {
        let encoded = |all: &[Vec<u8>]| all.iter().map(|der| STANDARD.encode(der)).collect();
        Self {
            certificates: encoded(&parts.certificates),
            lists: parts.crls.iter().map(|der| sha256(der)).collect(),
            unsigned: encoded(&parts.unsigned),
        }
    }

    /// Puts it around the signature again.
    async fn join(&self, signer: &Signer, cms: &[u8]) -> Result<Vec<u8>, Error> {
        let decoded = |all: &[String]| {
            all.iter()
                .map(|text| STANDARD.decode(text))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| unreadable())
        };
        let mut parts = Parts::read(cms).ok_or_else(unreadable)?;
        (parts.certificates, parts.unsigned) = (decoded(&self.certificates)?, decoded(&self.unsigned)?);
        parts.crls.clear();
        for sha256 in &self.lists {
            let list = proofs::kept_list(signer.db.read(), sha256).await?;
            parts.crls.push(list.ok_or_else(unreadable)?);
        }
        Ok(parts.join())
    }
}

fn sha256(der: &[u8]) -> String {
    hex::encode(Digest::of(der).0)
}

fn unreadable() -> Error {
    Error::StoredRow { what: "what is around a signature" }
}

/// What was made of a signature a while ago, by whichever process.
pub(super) async fn stored(signer: &Signer, key: &[u8; 32], cms: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let found = raised::find(signer.db.read(), &hex::encode(key), signer.clock.now()).await?;
    let Some(text) = found else { return Ok(None) };
    let around: Around = serde_json::from_str(&text).map_err(|_| unreadable())?;
    around.join(signer, cms).await.map(Some)
}

/// Stores what was put around a signature; the signature with that, or with what another process put around it first.
pub(super) async fn store(
    signer: &Signer,
    key: &[u8; 32],
    (cms, parts): (&[u8], Parts),
    until: Millis,
) -> Result<Vec<u8>, Error> {
    let around = serde_json::to_string(&Around::of(&parts)).map_err(|_| unreadable())?;
    let mut lists = Vec::new();
    for der in &parts.crls {
        let sha256 = sha256(der);
        if !proofs::is_kept(signer.db.read(), &sha256).await? {
            lists.push((sha256, der.clone()));
        }
    }
    let (id, ours, now) = (hex::encode(key), around.clone(), signer.clock.now());
    let kept: Result<String, Error> = signer
        .db
        .write(move |tx| {
            Box::pin(async move {
                for (sha256, list) in &lists {
                    proofs::keep_list(tx, sha256, list, now).await?;
                }
                raised::keep(tx, (&id, &ours), (now, until)).await
            })
        })
        .await;
    let kept = kept?;
    if kept == around {
        return Ok(parts.join());
    }
    let first: Around = serde_json::from_str(&kept).map_err(|_| unreadable())?;
    first.join(signer, cms).await
}

/// Of which signature it is made, and up to which level.
pub(super) fn key(of: &Signed) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(
        digest(&SHA256, &[of.level.name().as_bytes(), b"\0".as_slice(), of.cms.as_slice()].concat()).as_ref(),
    );
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cades::Level;
    use crate::suite::Hash;

    /// The first is answered again, of each level another; memory is bounded, and the oldest goes first.
    #[test]
    fn the_first_is_kept() {
        let raised = Raised::new();
        let signed = |level| Signed { cms: vec![1], level, hash: Hash::Sha256, digest: Vec::new() };
        let (t, lta) = (key(&signed(Level::T)), key(&signed(Level::Lta)));
        assert_ne!(t, lta);
        assert_eq!(raised.keep(t, vec![1]), [1]);
        assert_eq!(raised.keep(t, vec![2]), [1], "who came second gets the same");
        assert_eq!((raised.get(&t), raised.get(&lta)), (Some(vec![1]), None));
        let large = vec![0; LARGEST];
        for number in 0..=u8::try_from(MOST / LARGEST).unwrap() {
            raised.keep([number; 32], large.clone());
        }
        assert!(raised.get(&t).is_none() && raised.state().octets <= MOST);
        raised.keep(lta, vec![0; LARGEST + 1]);
        assert!(raised.get(&lta).is_none(), "too large to be kept");
    }
}
