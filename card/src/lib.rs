//! Smartcards as values: what goes to a card and comes back, and what a workstation's agent and the server say to each other.
//!
//! This crate does no I/O of its own, knows no token and no database, and is synchronous.
//!
//! - [`wire`] is what the agent and the server exchange; the server's other modules name nothing else of this crate.

#![forbid(unsafe_code)]

pub mod wire;
