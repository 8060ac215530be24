//! The signer through its router, with a real database on both engines and a real token.

#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

mod around;
mod asking_again;
mod bad_input;
mod faults;
mod flow;
mod hashes;
mod kept_records;
mod leaving;
mod levels;
mod life;
mod mutations;
mod once;
mod one_time;
mod passphrases;
mod prescriptions;
mod renewing;
mod rewrapping;
#[expect(dead_code, unused_imports, reason = "the tests of the Digital Signature Service use the rest")]
mod rig;
mod time_stamps;
mod verifications;
mod verify;
