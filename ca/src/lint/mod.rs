//! Lints on to-be-signed bytes: RFC 5280 and our own docs/cps.md, before a key is used.
//!
//! rcgen wrote the bytes; here x509-cert reads them. A lint looks only at what was read and at what was
//! meant, and says what is wrong in a few words. One that fires is a fault of ours, never of the
//! requester: requests are refused before anything is written.

mod constraints;
mod extensions;
mod fields;
mod keys;
mod names;
mod policies;
mod qualified;

use der::{Decode, Encode};
use serde::Serialize;
use utoipa::ToSchema;
use x509_cert::TbsCertificate;

use crate::intent::Intent;

/// What a lint found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// The lint's id.
    pub lint: String,
    /// What it enforces.
    pub clause: String,
    /// What is wrong.
    pub detail: String,
}

/// One lint: its id, the clause it enforces, and the check.
pub(crate) struct Lint {
    pub(crate) id: &'static str,
    pub(crate) clause: &'static str,
    check: fn(&Case<'_>) -> Outcome,
}

/// Nothing to say, or what is wrong.
type Outcome = Result<(), String>;

/// What a lint looks at.
struct Case<'a> {
    intent: &'a Intent,
    bytes: &'a [u8],
    tbs: &'a TbsCertificate,
}

/// Every lint, in the order of the structure.
pub(crate) fn all() -> impl Iterator<Item = &'static Lint> {
    let naming = names::LINTS.iter().chain(constraints::LINTS);
    let extensions = extensions::LINTS.iter().chain(policies::LINTS).chain(qualified::LINTS);
    fields::LINTS.iter().chain(naming).chain(keys::LINTS).chain(extensions)
}

/// Runs every lint. Empty means that these bytes may be signed.
pub(crate) fn check(intent: &Intent, bytes: &[u8]) -> Vec<Finding> {
    let tbs = match TbsCertificate::from_der(bytes) {
        Ok(tbs) => tbs,
        Err(error) => return vec![finding("parses", "RFC 5280 4.1", format!("the second decoder: {error}"))],
    };
    let case = Case { intent, bytes, tbs: &tbs };
    all()
        .filter_map(|lint| (lint.check)(&case).err().map(|detail| finding(lint.id, lint.clause, detail)))
        .collect()
}

fn finding(lint: &str, clause: &str, detail: String) -> Finding {
    Finding { lint: lint.to_owned(), clause: clause.to_owned(), detail }
}

fn must(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn encoded(value: &impl Encode) -> Result<Vec<u8>, String> {
    value.to_der().map_err(|error| format!("cannot be encoded again: {error}"))
}

#[cfg(test)]
mod tests;
