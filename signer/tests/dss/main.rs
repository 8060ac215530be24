//! The Digital Signature Service with everything behind it: real sign-in, real sessions, a key that proves a person is there, a real
//! database on both engines and a real token.

#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

mod account;
mod author;
mod card;
mod consent;
mod evidence;
mod kill;
mod later;
mod logo;
mod oauth;
mod proofs;
mod requests;
mod roads;
mod shares;
mod signing;
mod times;
mod world;

/// A security key in software.
#[path = "../../../authn/tests/login/rig/key.rs"]
#[expect(dead_code, reason = "sign-in's own tests use the rest")]
mod key;

/// A signer with everything around it.
#[path = "../it/rig/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the signer's other tests use the rest")]
mod rig;

use key::SoftKey;
use world::{APPLICATION, ISSUER, Pair, World, info_of, unprepared};
