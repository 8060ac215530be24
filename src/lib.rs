//! The one server binary as a library, so that tests and benches can drive it.
//!
//! It holds the command line, the whole configuration and the wiring of the modules, and no rule of the domain.
//! Who calls is decided in [`callers`] and nowhere else.

#![forbid(unsafe_code)]

pub mod callers;
pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod document_key;
pub mod environment;
pub mod events;
pub mod files;
pub mod keypair;
pub mod message_keys;
pub mod secrets;
pub mod serve;
pub mod signing;
pub mod terminal;
pub mod unlocking;
pub mod wiring;
