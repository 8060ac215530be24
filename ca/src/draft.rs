//! The bytes that are to be signed: written, linted, and told to the record.

use std::time::Instant;

use crate::digest::sha256_hex;
use crate::error::Error;
use crate::events::Event;
use crate::intent::Intent;
use crate::lint::{self, Finding};
use crate::tbs;

/// Why bytes are not signed: a fault of ours, never of the requester.
pub(crate) struct Faulty {
    pub(crate) why: String,
    pub(crate) findings: Vec<Finding>,
    pub(crate) error: Error,
}

/// Writes the to-be-signed bytes and lints them.
pub(crate) fn write(intent: &Intent) -> Result<Vec<u8>, Box<Faulty>> {
    let started = Instant::now();
    let written = tbs::write(intent);
    step("write", started);
    let tbs = written.map_err(|error| {
        Box::new(Faulty { why: error.to_string(), findings: Vec::new(), error: error.into() })
    })?;
    let started = Instant::now();
    let findings = lint::check(intent, &tbs);
    step("lint", started);
    if findings.is_empty() {
        return Ok(tbs);
    }
    Err(Box::new(Faulty {
        why: "lints fired".to_owned(),
        findings: findings.clone(),
        error: Error::LintsFired(findings),
    }))
}

/// What the record says before the token is asked. `profiles_sha256` is of the file that the profiles are from.
pub(crate) fn intended(intent: &Intent, tbs: &[u8], request_id: &str, profiles_sha256: &str) -> Event {
    Event::CertificateIntended {
        serial: intent.serial.to_string(),
        issuer: intent.issuer.id.to_string(),
        profile: intent.profile.id.to_string(),
        profile_version: intent.profile.version,
        profiles_sha256: profiles_sha256.to_owned(),
        user_id: intent.user_id.clone(),
        request_id: request_id.to_owned(),
        tbs_sha256: sha256_hex(tbs),
    }
}

/// Tells how long a step of issuing took. Storing is a step twice over for each certificate.
pub(crate) fn step(step: &'static str, started: Instant) {
    metrics::histogram!("ca_step_seconds", "step" => step).record(started.elapsed());
}
