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
const KEPT_MS: i64 = 3_600_000;

/// Until when what was made is to be had again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Until {
    /// For an hour after it was made first.
    AnHour,
    /// Until then, also where it was made before.
    Then(Millis),
}

impl Until {
    /// Of what is made now.
    fn end(self, now: Millis) -> Millis {
        match self {
            Self::AnHour => Millis(now.0 + KEPT_MS),
            Self::Then(until) => until,
        }
    }

    /// Whether what is kept until then is kept for long enough.
    pub(super) fn is_met(self, kept: Millis) -> bool {
        match self {
            Self::AnHour => true,
            Self::Then(until) => until <= kept,
        }
    }
}

/// How many octets are kept.
const MOST: usize = 64 * 1024 * 1024;
/// What is larger is put together anew each time, within the share of whoever asks.
const LARGEST: usize = 1024 * 1024;

/// The most recently used ones.
pub(crate) struct Raised(Mutex<State>);

struct State {
    kept: LruCache<[u8; 32], Made>,
    octets: usize,
}

/// What was made, and until when it is kept, here and as a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Made {
    pub(super) cms: Vec<u8>,
    pub(super) until: Millis,
}

impl Raised {
    /// Nothing is kept yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State { kept: LruCache::unbounded(), octets: 0 }))
    }

    /// What was made of a signature, if that is not over.
    pub(super) fn get(&self, key: &[u8; 32], now: Millis) -> Option<Made> {
        let mut state = self.state();
        let made = state.kept.get(key).cloned()?;
        if now < made.until {
            return Some(made);
        }
        state.kept.pop(key);
        state.octets -= made.cms.len();
        None
    }

    /// Keeps what was made, and the first of two that were made at the same time, for as long as either is; what of both is to be answered.
    pub(super) fn keep(&self, key: [u8; 32], made: Made) -> Vec<u8> {
        if made.cms.len() > LARGEST {
            return made.cms;
        }
        let mut state = self.state();
        if let Some(first) = state.kept.get_mut(&key) {
            first.until = first.until.max(made.until);
            return first.cms.clone();
        }
        state.octets += made.cms.len();
        let answer = made.cms.clone();
        state.kept.put(key, made);
        while state.octets > MOST
            && let Some((_, oldest)) = state.kept.pop_lru()
        {
            state.octets -= oldest.cms.len();
        }
        answer
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

/// What was made of a signature a while ago, by whichever process; it is kept for longer where it is wanted for longer.
pub(super) async fn stored(
    signer: &Signer,
    key: &[u8; 32],
    cms: &[u8],
    until: Until,
) -> Result<Option<Made>, Error> {
    let (id, now) = (hex::encode(key), signer.clock.now());
    let Some((mut text, mut kept)) = raised::find(signer.db.read(), &id, now).await? else { return Ok(None) };
    if !until.is_met(kept) {
        kept = until.end(now);
        let write = signer
            .db
            .write(move |tx| Box::pin(async move { raised::keep(tx, (&id, &text), (now, kept)).await }));
        text = write.await?;
    }
    let around: Around = serde_json::from_str(&text).map_err(|_| unreadable())?;
    Ok(Some(Made { cms: around.join(signer, cms).await?, until: kept }))
}

/// Stores for longer what is in memory.
pub(super) async fn lengthen(
    signer: &Signer,
    key: &[u8; 32],
    (cms, before): (&[u8], &[u8]),
    until: Until,
) -> Result<Made, Error> {
    let parts = Parts::read(before).ok_or_else(unreadable)?;
    store(signer, key, (cms, parts), until).await
}

/// Stores what was put around a signature; the signature with that, or with what another process put around it first.
pub(super) async fn store(
    signer: &Signer,
    key: &[u8; 32],
    (cms, parts): (&[u8], Parts),
    until: Until,
) -> Result<Made, Error> {
    let around = serde_json::to_string(&Around::of(&parts)).map_err(|_| unreadable())?;
    let mut lists = Vec::new();
    for der in &parts.crls {
        let sha256 = sha256(der);
        if !proofs::is_kept(signer.db.read(), &sha256).await? {
            lists.push((sha256, der.clone()));
        }
    }
    let (id, ours, now) = (hex::encode(key), around.clone(), signer.clock.now());
    let until = until.end(now);
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
        return Ok(Made { cms: parts.join(), until });
    }
    let first: Around = serde_json::from_str(&kept).map_err(|_| unreadable())?;
    Ok(Made { cms: first.join(signer, cms).await?, until })
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

    /// The first is answered again, of each level another, for as long as anybody wanted it and no longer; memory is bounded, and the oldest goes first.
    #[test]
    fn the_first_is_kept() {
        let raised = Raised::new();
        let signed = |level| Signed { cms: vec![1], level, hash: Hash::Sha256, digest: Vec::new() };
        let (t, lta) = (key(&signed(Level::T)), key(&signed(Level::Lta)));
        assert_ne!(t, lta);
        let made = |cms: Vec<u8>, until: i64| Made { cms, until: Millis(until) };
        let now = Millis(5);
        assert_eq!(raised.keep(t, made(vec![1], 10)), [1]);
        assert_eq!(raised.keep(t, made(vec![2], 9)), [1], "who came second gets the same");
        assert_eq!((raised.get(&t, now), raised.get(&lta, now)), (Some(made(vec![1], 10)), None));
        assert_eq!(raised.keep(t, made(vec![1], 20)), [1]);
        assert_eq!(raised.get(&t, Millis(19)), Some(made(vec![1], 20)), "for longer");
        assert_eq!((raised.get(&t, Millis(20)), raised.state().octets), (None, 0), "it is over");
        assert_eq!(raised.keep(t, made(vec![2], 30)), [2]);
        let large = vec![0; LARGEST];
        for number in 0..=u8::try_from(MOST / LARGEST).unwrap() {
            raised.keep([number; 32], made(large.clone(), 30));
        }
        assert!(raised.get(&t, now).is_none() && raised.state().octets <= MOST);
        raised.keep(lta, made(vec![0; LARGEST + 1], 30));
        assert!(raised.get(&lta, now).is_none(), "too large to be kept");
        let then = Until::Then(Millis(20));
        assert_eq!(
            (then.is_met(Millis(19)), then.is_met(Millis(20)), Until::AnHour.is_met(Millis(0))),
            (false, true, true)
        );
        assert_eq!((then.end(now), Until::AnHour.end(now)), (Millis(20), Millis(3_600_005)));
    }
}
