//! The crate against real tokens.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod checking;
mod copies;
mod destroying;
mod diversified;
mod keys;
mod ml_dsa;
mod outage;
mod rewrapping;
mod sealed;
mod server;
mod support;
mod tokens;
mod wrapped;
