//! The register through its rules and its router, with a real database on both engines.

#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

mod assignments;
mod batches;
mod campaigns;
mod changes;
mod leaving;
mod matrix;
mod positions;
mod requests;
mod rig;
mod roles;
mod workgroups;
mod world;
