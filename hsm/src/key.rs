//! A key that signs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use aws_lc_rs::digest;
use cryptoki::object::ObjectHandle;
use metrics::{counter, histogram};

use crate::hsm::Handle;
use crate::sign::{Check, sign};
use crate::task::{KeyId, Lane, Needs};
use crate::token::Token;
use crate::verify::{PublicKey, hash};
use crate::{Alg, Error, Family, Scheme, WrapMechanism};

/// Digests that one session signs before another call gets its turn.
const BATCH: usize = 16;

/// A private key in a token, of any of the three kinds.
#[derive(Clone)]
pub struct Key {
    pub(crate) inner: Arc<KeyInner>,
    pub(crate) hsm: Arc<Handle>,
}

impl Key {
    /// The key's algorithm.
    pub fn alg(&self) -> Alg {
        self.inner.public.alg()
    }

    /// Its label; empty for keys that have none.
    pub fn label(&self) -> &str {
        &self.inner.label
    }

    /// The public key as SPKI DER.
    pub fn public_key(&self) -> &[u8] {
        self.inner.public.spki()
    }

    /// Whether a token could be asked to sign with it now; the error is the one that signing would give. For whoever
    /// has to write something down before signing and would rather not, while the token is away.
    pub fn ready(&self) -> Result<(), Error> {
        self.hsm.engine.reachable(&self.inner.needs())
    }

    /// Signs a message, hashing it in process. An ECDSA signature is a DER `Ecdsa-Sig-Value`.
    pub async fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.check_scheme(scheme)?;
        let input = match hash(scheme) {
            Some(hash) => digest::digest(hash, message).as_ref().to_vec(),
            None => message.to_vec(),
        };
        self.sign_input(scheme, input).await
    }

    /// Signs many messages, hashed in process where the scheme takes a digest, shared out over the sessions. Gives all
    /// signatures in order, or an error and none.
    pub async fn sign_messages(&self, scheme: Scheme, messages: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Error> {
        self.check_scheme(scheme)?;
        self.sign_inputs(scheme, inputs(scheme, messages), Checks::Each).await
    }

    /// Signs many messages as [`Key::sign_messages`] does, and verifies one signature in each call to the token instead of
    /// each. For answers that live for minutes and that whoever asked verifies: a token that signs wrongly is found with the
    /// first call, and a wrong answer in between is refused by its reader. With an RSA key each is verified all the same:
    /// one wrong signature can give the key away (Boneh, `DeMillo` and Lipton 1997).
    pub async fn sign_messages_spot_checked(
        &self,
        scheme: Scheme,
        messages: Vec<Vec<u8>>,
    ) -> Result<Vec<Vec<u8>>, Error> {
        self.check_scheme(scheme)?;
        let checks = if self.alg().family() == Family::Rsa { Checks::Each } else { Checks::OneInACall };
        self.sign_inputs(scheme, inputs(scheme, messages), checks).await
    }

    /// Signs a digest. Refuses one of the wrong length, and schemes that sign messages.
    pub async fn sign_digest(&self, scheme: Scheme, digest: &[u8]) -> Result<Vec<u8>, Error> {
        self.check_digest(scheme, digest)?;
        self.sign_input(scheme, digest.to_vec()).await
    }

    /// Signs many digests, shared out over the sessions. Gives all signatures in order, or an error and none.
    pub async fn sign_digests(&self, scheme: Scheme, digests: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Error> {
        for digest in &digests {
            self.check_digest(scheme, digest)?;
        }
        self.sign_inputs(scheme, digests, Checks::Each).await
    }

    async fn sign_inputs(
        &self,
        scheme: Scheme,
        inputs: Vec<Vec<u8>>,
        checks: Checks,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let each = share(inputs.len());
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        if inputs.len() <= each {
            return self.sign_batch(scheme, inputs.into(), checks).await;
        }
        let batches: Vec<Arc<[Vec<u8>]>> = inputs.chunks(each).map(Arc::from).collect();
        let calls = batches.into_iter().map(|batch| {
            let key = self.clone();
            tokio::spawn(async move { key.sign_batch(scheme, batch, checks).await })
        });
        let mut calls = AbortOnDrop(calls.collect());
        let mut signatures = Vec::with_capacity(inputs.len());
        for call in &mut calls.0 {
            let batch = call.await.map_err(|_| Error::Unreadable("a batch that was cancelled"))?;
            signatures.extend(batch?);
        }
        Ok(signatures)
    }

    async fn sign_input(&self, scheme: Scheme, input: Vec<u8>) -> Result<Vec<u8>, Error> {
        let key = self.inner.clone();
        let limit = self.hsm.engine.limits.call;
        let work = move |bench: &mut crate::worker::Bench| {
            let begun = Instant::now();
            let signature = sign(bench, &key, scheme, &input, Check::AsConfigured)?;
            Ok((signature, begun.elapsed(), bench.token.name.clone()))
        };
        let (signature, took, token) =
            self.hsm.engine.call(Lane::Fast, self.inner.needs(), limit, work).await?;
        // Counted here and not in the session's thread: only what the caller gets was given out.
        self.signed(token, took.as_secs_f64(), 1);
        Ok(signature)
    }

    async fn sign_batch(
        &self,
        scheme: Scheme,
        inputs: Arc<[Vec<u8>]>,
        checks: Checks,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let key = self.inner.clone();
        let limit = self.hsm.engine.limits.call;
        let count = inputs.len();
        let work = move |bench: &mut crate::worker::Bench| {
            let begun = Instant::now();
            let signatures: Result<Vec<_>, _> = inputs
                .iter()
                .enumerate()
                .map(|(place, input)| sign(bench, &key, scheme, input, checks.at(place)))
                .collect();
            Ok((signatures?, begun.elapsed(), bench.token.name.clone()))
        };
        let (signatures, took, token) =
            self.hsm.engine.call(Lane::Fast, self.inner.needs(), limit, work).await?;
        let each = took.as_secs_f64() / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        self.signed(token, each, count);
        Ok(signatures)
    }

    /// Counts signatures that a token gave, each in so many seconds.
    fn signed(&self, token: Arc<str>, each: f64, count: usize) {
        let alg = self.alg().as_str();
        histogram!("hsm_sign_seconds", "alg" => alg, "token" => token.clone()).record_many(each, count);
        let given = u64::try_from(count).unwrap_or(u64::MAX);
        counter!("hsm_signatures_total", "alg" => alg, "token" => token).increment(given);
    }

    fn check_scheme(&self, scheme: Scheme) -> Result<(), Error> {
        if self.alg().supports(scheme) {
            Ok(())
        } else {
            Err(Error::SchemeMismatch { alg: self.alg(), scheme })
        }
    }

    fn check_digest(&self, scheme: Scheme, digest: &[u8]) -> Result<(), Error> {
        self.check_scheme(scheme)?;
        if scheme.digest_len() == Some(digest.len()) {
            Ok(())
        } else {
            Err(Error::DigestLength { scheme, actual: digest.len() })
        }
    }
}

/// Which signatures of a call to the token are verified, where those of its kind of key are.
#[derive(Clone, Copy)]
enum Checks {
    Each,
    OneInACall,
}

impl Checks {
    /// Of the signature at this place in its call.
    fn at(self, place: usize) -> Check {
        match self {
            Checks::OneInACall if place > 0 => Check::Spared,
            Checks::Each | Checks::OneInACall => Check::AsConfigured,
        }
    }
}

/// What the token is given of these messages.
fn inputs(scheme: Scheme, messages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    match hash(scheme) {
        Some(hash) => {
            messages.iter().map(|message| digest::digest(hash, message).as_ref().to_vec()).collect()
        }
        None => messages,
    }
}

/// How many calls it takes to have so many digests signed; each needs a place in the queue.
pub fn calls(digests: usize) -> usize {
    digests.div_ceil(BATCH).max(1)
}

/// How many of so many digests go to a session at once: as few parts as may be, of the same size.
fn share(digests: usize) -> usize {
    digests.div_ceil(calls(digests)).max(1)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("alg", &self.alg()).field("label", &self.label()).finish_non_exhaustive()
    }
}

/// What a key is, without the way to its token.
pub(crate) struct KeyInner {
    pub(crate) label: Arc<str>,
    pub(crate) public: PublicKey,
    pub(crate) kind: KeyKind,
}

impl KeyInner {
    pub(crate) fn needs(&self) -> Needs {
        match &self.kind {
            KeyKind::Token { id, .. } => Needs::TokenKey { id: *id, label: self.label.clone() },
            KeyKind::Wrapped { version, .. } => Needs::Wrapping(*version),
            KeyKind::OneTime(key) => Needs::Token { index: key.token.index, epoch: Some(key.epoch) },
        }
    }
}

/// Where the private key is.
pub(crate) enum KeyKind {
    /// In the token for good.
    Token { id: KeyId, object_id: Vec<u8> },
    /// Outside, under the token's wrapping key; live in a session while it is used.
    Wrapped {
        /// SHA-256 of the public key: which key it is, however it is wrapped.
        identity: [u8; 32],
        /// SHA-256 of the row, version of the wrapping key included.
        fingerprint: [u8; 32],
        version: u32,
        mechanism: WrapMechanism,
        blob: Vec<u8>,
    },
    /// In one session of one token.
    OneTime(OneTime),
}

/// A key in a session that is destroyed when this drops.
pub(crate) struct OneTime {
    token: Arc<Token>,
    epoch: u64,
    handle: ObjectHandle,
}

impl OneTime {
    pub(crate) fn new(token: Arc<Token>, epoch: u64, handle: ObjectHandle) -> OneTime {
        token.library.one_time.fetch_add(1, Ordering::AcqRel);
        OneTime { token, epoch, handle }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn handle(&self) -> ObjectHandle {
        self.handle
    }
}

impl Drop for OneTime {
    fn drop(&mut self) {
        self.token.library.one_time.fetch_sub(1, Ordering::AcqRel);
        // Fails only when the token is being dropped, and its sessions with it.
        let _ = self.token.disposal.sender.send((self.epoch, self.handle));
    }
}

/// Calls whose answers nobody waits for once this drops.
struct AbortOnDrop<T>(Vec<tokio::task::JoinHandle<T>>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        for call in &self.0 {
            call.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests are shared out evenly, so that no session waits for another with a longer part.
    #[test]
    fn parts_are_even() {
        for (digests, each) in [(0, 1), (1, 1), (16, 16), (17, 9), (25, 13), (100, 15), (250, 16)] {
            assert_eq!(share(digests), each, "{digests}");
        }
    }
}
