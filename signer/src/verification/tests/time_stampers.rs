//! Whoever gave a time-stamp: what is known of them, and what came with the time-stamp.

use pki::Crl;
use pki::path::{Known, OcspAnswer};

use super::stamped::{GOOD, Unit, compromised, known, response, stamped, with_answers};
use super::world::{DOCUMENT, SIGNED_MS, World};
use super::{good, holds, is};
use crate::verification::{Code, Document, Evidence, Report, Trust, Verdict};

/// When the time-stamps are given, which is when is signed.
const STAMPED: &str = "20260601000000Z";
/// Behind the present of every test.
const UNTIL: &str = "20880101000000Z";

fn judge(world: &World, signature: &[u8], crls: &[Crl], answers: &[OcspAnswer]) -> Report {
    let trust = Trust { known: Known { crls, answers }, ..world.trust() };
    Evidence::cms(signature, Document::Beside(DOCUMENT)).judge(&trust)
}

/// That a time-stamp proves nothing because of whoever gave it.
#[track_caller]
fn is_not_trusted(report: &Report) {
    is(report, Verdict::Indeterminate, Code::TimeStampNotTrusted);
    assert!(report.signatures[0].trusted_time.is_none(), "{report:#?}");
}

/// What is known here of a unit is found, whatever somebody put into its time-stamp: answers that call it good, and others that are nobody's.
#[test]
fn what_came_hides_nothing_that_is_known() {
    let world = good();
    let unit = Unit::new(&world);
    let answer = |hour: usize, status: &[u8]| {
        response(&world, &unit.certificate, status, (&format!("202607010{hour}0000Z"), Some(UNTIL)))
    };
    let forged = |hour: usize| {
        let mut forged = answer(hour, &compromised(STAMPED));
        // In the signature.
        *forged.last_mut().unwrap() ^= 1;
        forged
    };
    let came: Vec<Vec<u8>> = (0..8).map(|hour| answer(hour, GOOD)).chain((0..8).map(forged)).collect();
    let signature = world.sign_at(SIGNED_MS);
    let signature = stamped(&signature, |value| with_answers(&unit.token(value, STAMPED), &came));
    let crls = [world.crl.clone()];
    let report = judge(&world, &signature, &crls, &[]);
    holds(&report);
    assert!(report.signatures[0].trusted_time.is_some(), "{report:#?}");
    is_not_trusted(&judge(&world, &signature, &crls, &[known(&answer(9, &compromised(STAMPED)))]));
}
