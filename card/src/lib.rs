//! Smartcards as values: what goes to a card and comes back, and what a workstation's agent and the server say to each other.
//!
//! This crate does no I/O of its own, knows no token and no database, and is synchronous.
//!
//! - [`apdu`] is commands and answers, [`tlv`] the form of what is in them.
//! - [`transport`] is the one trait by which a card is reached: a reader, the agent's relay, or a card that is a process.
//! - [`piv`] is the PIV application of NIST SP 800-73-5 and the extensions that `YubiKeys` have.
//! - [`relay`] is a card that an agent holds: both ends of the conversation, without the way between them.
//! - [`wire`] is what the agent and the server exchange; the server's other modules name nothing else of this crate.

#![forbid(unsafe_code)]

pub mod apdu;
pub mod fuzz;
pub mod piv;
pub mod relay;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tlv;
pub mod transport;
pub mod wire;
