//! ACME through its router, with a client and a machine of our own.

mod accounts;
pub(crate) mod client;
mod devices;
mod handshakes;
mod issuing;
mod kills;
mod mutations;
mod operators;
mod refusals;
pub(crate) mod site;
mod validating;
