//! Keys in a hardware security module, reached through PKCS#11.
//!
//! [`Hsm::open`] loads each library once, logs in to each token once and starts threads that own the sessions. A
//! [`Key`] signs; it does not say which token or session does the work. There are three kinds of private key and one
//! type for them all: *token keys* stay in the token, *wrapped keys* are kept outside it under a token key
//! ([`Wrapped`]), *one-time keys* live as long as their [`Key`]. Secrets that must be read again are [`Sealed`]; secrets
//! that can be computed again are derived ([`Derivation`]).
//!
//! This crate knows nothing of what the keys are used for.

#![cfg_attr(not(feature = "testing"), forbid(unsafe_code))]

mod alg;
mod busy;
mod config;
mod copies;
mod diversify;
mod engine;
mod error;
mod failure;
mod find;
mod forgotten;
mod gcm;
mod health;
mod hsm;
mod init;
mod keeper;
mod key;
mod library;
mod login;
mod make;
mod registry;
mod seal;
mod session;
pub mod shares;
mod sign;
mod spki;
mod task;
mod token;
mod verify;
mod worker;
mod wrap;
mod wrapped;

#[cfg(feature = "testing")]
mod raw;
#[cfg(feature = "testing")]
pub mod testing;

pub use alg::{Alg, Family, Scheme, UnknownAlg};
pub use config::{Config, Pin, PinSource, TokenConfig, VerifySignatures};
pub use diversify::Derivation;
pub use error::Error;
pub use health::{Health, KeyInfo, KeyPurpose, TokenHealth, TokenState};
pub use hsm::Hsm;
pub use init::{finish_token, init_token, token_exists, token_lacks_pin};
pub use key::{Key, calls};
pub use seal::{Sealed, SealedUnreadable};
pub use wrapped::{Rewrapped, WrapMechanism, Wrapped};
