//! Signatures whose signer's certificate has ended since: what was said of it after a proven time.

use pki::Crl;
use pki::path::{Known, OcspAnswer};
use rcgen::{CrlDistributionPoint, KeyPair, KeyUsagePurpose, RevocationReason, date_time_ymd};

use super::stamped::{GOOD, SIGNER, Unit, compromised, known, list, response, stamped};
use super::world::{DOCUMENT, Listed, NOW_MS, SIGNED_MS, World};
use super::{good, holds, is};
use crate::verification::{Code, Document, Evidence, Report, Trust, Verdict};

/// When the time-stamps are given, which is when is signed.
const STAMPED: &str = "20260601000000Z";
const PLACE: &str = "http://crl.example/1.crl";

/// A world whose signer's certificate has ended, and a signature with a time-stamp of its time.
fn ended() -> (World, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let world = World::with(KeyUsagePurpose::ContentCommitment, Listed::Not, key, |it| {
        it.not_after = date_time_ymd(2028, 1, 1);
        it.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![PLACE.to_owned()] }];
    });
    let unit = Unit::new(&world);
    let signature = stamped(&world.sign_at(SIGNED_MS), |value| unit.token(value, STAMPED));
    (world, signature)
}

/// Judged with this besides the list of before that is good for the unit.
fn judge(world: &World, signature: &[u8], crls: &[Crl], answers: &[OcspAnswer]) -> Report {
    let crls = [crls, std::slice::from_ref(&world.crl)].concat();
    let trust = Trust { known: Known { crls: &crls, answers }, now_ms: NOW_MS, ..world.trust() };
    Evidence::cms(signature, Document::Beside(DOCUMENT)).judge(&trust)
}

/// However many lists call a certificate good that has ended since, one that says that its key was in other hands counts wherever it stands; and so
/// of answers.
#[test]
fn no_number_of_good_ones_hides_a_compromise() {
    let (world, signature) = ended();
    is(&judge(&world, &signature, &[], &[]), Verdict::Indeterminate, Code::RevocationUnknown);
    let mut crls: Vec<Crl> = (1..=8).map(|day| list(&world, day, None, &[])).collect();
    holds(&judge(&world, &signature, &crls, &[]));
    crls.push(list(&world, 9, None, &[(SIGNER, Some(RevocationReason::KeyCompromise))]));
    is(&judge(&world, &signature, &crls, &[]), Verdict::Invalid, Code::Revoked);
    crls.reverse();
    is(&judge(&world, &signature, &crls, &[]), Verdict::Invalid, Code::Revoked);
    // Nor do lists that have it for a lesser reason.
    let mut crls: Vec<Crl> =
        (1..=8).map(|day| list(&world, day, None, &[(SIGNER, Some(RevocationReason::Superseded))])).collect();
    assert_eq!(judge(&world, &signature, &crls, &[]).verdict, Verdict::Valid);
    crls.push(list(&world, 9, None, &[(SIGNER, Some(RevocationReason::KeyCompromise))]));
    is(&judge(&world, &signature, &crls, &[]), Verdict::Invalid, Code::Revoked);

    let answer = |hour: usize, status: &[u8]| {
        let (at, until) = (format!("202607010{hour}0000Z"), format!("202607010{hour}5959Z"));
        known(&response(&world, &world.signer, status, (&at, Some(&until))))
    };
    let mut answers: Vec<OcspAnswer> = (0..8).map(|hour| answer(hour, GOOD)).collect();
    holds(&judge(&world, &signature, &[], &answers));
    answers.push(answer(8, &compromised("20260601000000Z")));
    is(&judge(&world, &signature, &[], &answers), Verdict::Invalid, Code::Revoked);
    answers.reverse();
    is(&judge(&world, &signature, &[], &answers), Verdict::Invalid, Code::Revoked);
}

/// Lists of other places than the certificate names leave room for the one that is about it.
#[test]
fn lists_of_other_places_leave_room() {
    let (world, signature) = ended();
    let other = |day| list(&world, day, Some("http://crl.example/2.crl"), &[]);
    let mut crls: Vec<Crl> = (1..=8).map(other).collect();
    is(&judge(&world, &signature, &crls, &[]), Verdict::Indeterminate, Code::RevocationUnknown);
    crls.push(list(&world, 9, Some(PLACE), &[]));
    holds(&judge(&world, &signature, &crls, &[]));
}

/// An answer that does not say how long it holds proves what was at its moment, where that is after the proven time, and is no answer of now.
#[test]
fn answers_of_a_moment_prove_it() {
    let (world, signature) = ended();
    let answer = |at: &str| known(&response(&world, &world.signer, GOOD, (at, None)));
    holds(&judge(&world, &signature, &[], &[answer("20260701000000Z")]));
    let before = judge(&world, &signature, &[], &[answer("20260531000000Z")]);
    is(&before, Verdict::Indeterminate, Code::RevocationUnknown);
    let world = good();
    let answer = known(&response(&world, &world.signer, GOOD, ("20260701000000Z", None)));
    let known = Known { crls: &[], answers: std::slice::from_ref(&answer) };
    let unproven = world.sign_at(SIGNED_MS);
    let judge = |now_ms: i64| {
        Evidence::cms(&unproven, Document::Beside(DOCUMENT)).judge(&Trust { known, now_ms, ..world.trust() })
    };
    let month = 30 * 24 * 3_600_000;
    holds(&judge(SIGNED_MS + month + 240_000));
    is(&judge(SIGNED_MS + month + 360_000), Verdict::Indeterminate, Code::RevocationUnknown);
}
