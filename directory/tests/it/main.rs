//! The register through its rules and its router, with a real database on both engines.

#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

mod changes;
mod matrix;
mod organisation_import;
mod organisations;
mod rbac;
mod rig;

#[path = "../../benches/release/mod.rs"]
mod release;
