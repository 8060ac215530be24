//! Whoever gave a time-stamp: what is known of them, and what came with the time-stamp.

use pki::Crl;
use pki::path::{Known, OcspAnswer};

use super::stamped::{GOOD, Unit, compromised, known, response, revoked, stamped, with_answers};
use super::world::{DOCUMENT, SIGNED_MS, World};
use super::{good, holds, is};
use crate::cms::der::{INTEGER, SEQUENCE, element};
use crate::evidence_record::Record;
use crate::suite::Hash;
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

/// What a unit gave before it was retired stays good where a reason is said that leaves its key safe (RFC 3161 4 (1)); what it says to have given
/// since does not, and nothing does where no reason is said or another.
#[test]
fn retired_units_leave_what_they_gave() {
    let world = good();
    let unit = Unit::new(&world);
    let signature = stamped(&world.sign_at(SIGNED_MS), |value| unit.token(value, STAMPED));
    let crls = [world.crl.clone()];
    let judge = |at: &str, reason: Option<u8>| {
        let status = revoked(at, reason);
        let answer = known(&response(&world, &unit.certificate, &status, ("20260801000000Z", Some(UNTIL))));
        judge(&world, &signature, &crls, &[answer])
    };
    for reason in [0, 3, 4, 5].map(Some) {
        let report = judge("20260601000001Z", reason);
        assert_eq!(report.verdict, Verdict::Valid, "{reason:?}: {report:#?}");
        assert!(report.signatures[0].trusted_time.is_some(), "{reason:?}: {report:#?}");
        is_not_trusted(&judge(STAMPED, reason));
        is_not_trusted(&judge("20260501000000Z", reason));
    }
    for reason in [None, Some(1), Some(6), Some(9)] {
        is_not_trusted(&judge("20260601000001Z", reason));
    }
}

/// A record of one document may say nothing of a hash: it is that of the time-stamp. It holds for its document and no other, and is renewed as it is.
#[test]
fn records_without_a_hash_hold() {
    let world = good();
    let unit = Unit::new(&world);
    let token = unit.token(DOCUMENT, STAMPED);
    let stamp = element(SEQUENCE, &[&token]);
    let chains = element(SEQUENCE, &[&element(SEQUENCE, &[&stamp])]);
    let algorithms = element(SEQUENCE, &[Hash::Sha256.identifier()]);
    let record = element(SEQUENCE, &[&[INTEGER, 1, 1], &algorithms, &chains]);
    let judge =
        |record: &[u8], document: &[u8]| Evidence::record(record, Some(document)).judge(&world.trust());
    holds(&judge(&record, DOCUMENT));
    is(&judge(&record, b"210 capsules"), Verdict::Invalid, Code::DigestMismatch);
    let renewed = Record::read(&record).unwrap().renewed(&unit.token(&token, "20260701000000Z")).unwrap();
    assert!(renewed.windows(stamp.len()).any(|part| part == stamp), "what was there stays");
    holds(&judge(&renewed, DOCUMENT));
    // A token that is none has no hash.
    let nothing = element(SEQUENCE, &[&element(SEQUENCE, &[&element(SEQUENCE, &[&[SEQUENCE, 0]])])]);
    assert!(Record::read(&element(SEQUENCE, &[&[INTEGER, 1, 1], &algorithms, &nothing])).is_none());
}
