//! The signer through its router, with a real database on both engines and a real token.

#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

mod around;
mod bad_input;
mod faults;
mod flow;
mod leaving;
mod levels;
mod life;
mod once;
mod passphrases;
mod prescriptions;
mod renewing;
mod rewrapping;
mod rig;
mod time_stamps;
mod verifications;
mod verify;
