//! What the tokens are doing, and what they hold.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::{Alg, WrapMechanism, find};

/// The state of every token.
#[derive(Clone, Debug)]
pub struct Health {
    /// In the order of the configuration.
    pub tokens: Vec<TokenHealth>,
    /// Calls waiting for a session.
    pub queued: usize,
}

impl Health {
    /// Whether at least one token signs.
    pub fn ready(&self) -> bool {
        self.tokens.iter().any(|token| token.state == TokenState::Ready)
    }
}

/// The state of one token.
#[derive(Clone, Debug)]
pub struct TokenHealth {
    /// Its label.
    pub label: String,
    /// The library it is reached through.
    pub module: PathBuf,
    /// Whether it works.
    pub state: TokenState,
    /// How keys are wrapped, found by trial; `None` when the token cannot.
    pub wrapping: Option<WrapMechanism>,
    /// The key algorithms it has.
    pub algs: Vec<Alg>,
    /// Wrapped keys that are live in its sessions.
    pub live_keys: usize,
    /// Threads that hang in a call that was given up.
    pub abandoned_threads: usize,
}

/// Whether a token works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// Being opened, or opened again after an error.
    Opening,
    /// Logged in and signing.
    Ready,
    /// Drained after an error; it is tried again with growing pauses.
    Sick {
        /// Since when.
        since: Instant,
        /// The error.
        why: String,
        /// The pause before the next attempt.
        retry_in: Duration,
    },
    /// It refused the PIN, which is not tried again.
    PinRefused,
    /// Its PIN is locked, or one wrong try away from it.
    PinLocked,
}

/// One key that a token holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The token.
    pub token: String,
    /// `CKA_LABEL`.
    pub label: String,
    /// `CKA_ID`.
    pub id: Vec<u8>,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// The algorithm, for keys that sign.
    pub alg: Option<Alg>,
    /// The public key as SPKI DER, for keys that sign.
    pub public_key: Option<Vec<u8>>,
}

impl KeyInfo {
    /// Which version of the wrapping key it is, if it is one.
    pub fn wrapping_version(&self) -> Option<u32> {
        find::wrapping_version(&self.label).filter(|_| self.purpose == KeyPurpose::Wrap)
    }
}

/// What a token's key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPurpose {
    /// A private key that signs.
    Sign,
    /// A secret key that wraps others.
    Wrap,
}
