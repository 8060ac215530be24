//! What every module needs and none owns: identifiers, secrets, the clock, the database, problems, callers, peers, messages to
//! people, the web and telemetry.
//!
//! This crate knows nothing of what the modules do, and grows only by what three of them need.

pub mod argon2id;
pub mod caller;
pub mod clock;
pub mod db;
#[cfg(feature = "testing")]
pub mod hammer;
pub mod id;
pub mod message;
pub mod network;
mod panics;
pub mod peer;
pub mod problem;
pub mod secret;
pub mod telemetry;
pub mod tls;
pub mod web;

pub use caller::{Act, Caller};
pub use clock::{Clock, Millis};
pub use problem::{Kind, Problem};
