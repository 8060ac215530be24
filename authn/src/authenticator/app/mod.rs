//! Authenticator apps: time-based codes (RFC 6238), with an e-mail address and a password.
//!
//! Address, password and code come together and are answered together, so that nobody learns which of them was wrong. Whoever adds an
//! app has shown that the address is theirs, to the register or by a code that was sent there.

mod address;
mod code;
mod enrol;
mod seed;
mod sign_in;

use platform::clock::Millis;

use super::AuthenticatorId;

pub(crate) use address::asked;
pub(crate) use enrol::{Came, Guest, Proposal, enrol, offer, prove, staying};
pub use seed::{rewrap, sealed_seeds};
pub(crate) use sign_in::{Decoy, Given, sign_in};

/// How many apps one person may have.
pub(crate) const MOST_APPS: usize = 2;

/// The step of a moment. RFC 6238 4.1: 30 seconds from the epoch.
pub(crate) fn step(now: Millis) -> i64 {
    now.seconds().div_euclid(30)
}

/// Where the seed of an authenticator lies; sealed for this place alone.
fn place(id: &AuthenticatorId) -> Vec<u8> {
    format!("authn_authenticator/secret/{id}/1").into_bytes()
}
