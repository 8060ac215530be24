//! The rate of the token alone, to compare ours with: the same sessions, no queue and no tasks.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;

use crate::busy::Busy;
use crate::config::TokenConfig;
use crate::failure::Failure;
use crate::library::Library;
use crate::login::{Refused, log_in};
use crate::make::{self, Residence};
use crate::sign::sign_with;
use crate::token::Token;
use crate::verify::PublicKey;
use crate::{Alg, Error, session, wrap};

/// What kind of key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawKey {
    /// A token key, which is read from the token's store for each signature.
    Token,
    /// A token key, of which each signature is checked with the public key before the next, as a server does before it
    /// gives one out.
    TokenChecked,
    /// A token key, copied into each session, as keys that sign often are.
    Copied,
    /// A wrapped key, unwrapped into each session.
    Wrapped,
}

/// Signatures per second that the token makes in so many sessions, each in a thread of its own.
pub fn raw_rate(
    config: &TokenConfig,
    alg: Alg,
    kind: RawKey,
    sessions: usize,
    time: Duration,
) -> Result<f64, Error> {
    let library = Library::load(&config.module)?;
    let busy = Busy::new();
    let (_inside, _) = library.enter_started(&busy, Duration::from_secs(5)).map_err(Failure::into_error)?;
    let token = Token::new(0, config.clone(), config.pin.read()?, library.clone(), 1);
    let slot = session::slot(&library, &config.label).map_err(Failure::into_error)?;
    let first = session::open(&library, slot).map_err(Failure::into_error)?;
    log_in(&token, slot, &first).map_err(|refused| match refused {
        Refused::Failed(failure) => failure.into_error(),
        Refused::Pin { error, .. } => error,
    })?;
    let rate = measure(&library, slot, &first, (alg, kind), sessions, time).map_err(Failure::into_error);
    // It ends with this call either way.
    drop(first.close());
    rate
}

fn measure(
    library: &Library,
    slot: Slot,
    first: &Session,
    (alg, kind): (Alg, RawKey),
    sessions: usize,
    time: Duration,
) -> Result<f64, Failure> {
    let residence = Residence::Token { label: "raw-rate", object_id: b"raw-rate" };
    let shared = match kind {
        RawKey::Token | RawKey::TokenChecked | RawKey::Copied => {
            Some(make::key_pair(first, alg, &residence)?)
        }
        RawKey::Wrapped => None,
    };
    let checked = shared.as_ref().filter(|_| kind == RawKey::TokenChecked);
    let public = checked.map(|pair| PublicKey::new(alg, pair.spki.clone()));
    let wrapping_key = make::wrapping_key(first, None)?;
    let start = Barrier::new(sessions);
    let copied = kind == RawKey::Copied;
    let signs =
        Signs { alg, token_key: shared.as_ref().map(|pair| pair.private), copied, public: public.as_ref() };
    let counts: Vec<Result<f64, Failure>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..sessions)
            .map(|_| scope.spawn(|| count(library, slot, signs, wrapping_key, &start, time)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(Err(Failure::Absent))).collect()
    });
    first.destroy_object(wrapping_key)?;
    if let Some(pair) = shared {
        first.destroy_object(pair.private)?;
        first.destroy_object(pair.public)?;
    }
    counts.into_iter().sum()
}

/// What a session signs with.
#[derive(Clone, Copy)]
struct Signs<'a> {
    alg: Alg,
    /// Absent where each session has a wrapped key of its own.
    token_key: Option<ObjectHandle>,
    /// Whether each session signs with a copy of it.
    copied: bool,
    /// What each signature is checked with, where it is.
    public: Option<&'a PublicKey>,
}

/// One session's rate.
fn count(
    library: &Library,
    slot: Slot,
    Signs { alg, token_key, copied, public }: Signs<'_>,
    wrapping_key: ObjectHandle,
    start: &Barrier,
    time: Duration,
) -> Result<f64, Failure> {
    let ready = session::open(library, slot).and_then(|session| {
        let key = match token_key {
            Some(key) if copied => session.copy_object(key, &[Attribute::Token(false)])?,
            Some(key) => key,
            None => wrap::fresh_live_key(&session, wrapping_key, alg)?,
        };
        Ok((session, key))
    });
    // Everybody comes here, also who failed, or the others would wait for ever.
    start.wait();
    let (session, key) = ready?;
    let scheme = alg.default_scheme();
    let input = vec![7; scheme.digest_len().unwrap_or(32)];
    let begun = Instant::now();
    let mut signed = 0_u32;
    while begun.elapsed() < time {
        let signature = sign_with(&session, key, scheme, &input)?;
        if public.is_some_and(|public| !public.verifies(scheme, &input, &signature)) {
            return Err(Error::BadSignature.into());
        }
        signed += 1;
    }
    let rate = f64::from(signed) / begun.elapsed().as_secs_f64();
    session.close()?;
    Ok(rate)
}
