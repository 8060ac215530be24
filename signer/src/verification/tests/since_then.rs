//! Signatures of a proven time of which nothing of now tells, as the signer's certificate has ended since or lists have run out: what was said after
//! that time.

use pki::Crl;
use pki::path::{Known, OcspAnswer};
use rcgen::{CrlDistributionPoint, KeyPair, KeyUsagePurpose, RevocationReason, date_time_ymd};

use super::stamped::{GOOD, SIGNER, Unit, compromised, known, list, list_by, numbered, response, stamped};
use super::world::{DOCUMENT, Listed, NOW_MS, SIGNED_MS, World};
use super::{good, holds, is};
use crate::verification::certificate::{self, Shown, When};
use crate::verification::report::Findings;
use crate::verification::{Code, Document, Evidence, Report, Trust, Verdict};

/// When the time-stamps are given, which is when is signed.
const STAMPED: &str = "20260601000000Z";
const PLACE: &str = "http://crl.example/1.crl";
const DAY_MS: i64 = 24 * 3_600_000;
/// The first of July after that, on which the list of the first day is made.
const JULY_MS: i64 = SIGNED_MS + 30 * DAY_MS;

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

/// What is found of the signer of a signature that is proven to be of this time.
fn proven(world: &World, at_ms: i64, shown: Shown, trust: &Trust<'_>) -> Findings {
    let when = When { claimed_ms: Some(at_ms), trusted_ms: Some(at_ms), shown };
    let mut findings = Findings::default();
    certificate::judge(&world.signer, trust.extra, when, trust, &mut findings);
    findings
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

/// What was said of an authority after a proven time counts as what was said of the signer does when it is not of now any more: that its key is in
/// other hands, that it was revoked later, and that it was good.
#[test]
fn what_was_said_of_an_authority_counts() {
    let world = good();
    let (root, below, top) = world.issuer_above();
    let of_top = |day: u8, revoked: &[(u64, Option<RevocationReason>)]| list_by(&top, day, None, revoked);
    let below_serial = 2;
    let judge = |at_ms: i64, lists: &[Crl]| {
        let crls = [lists, std::slice::from_ref(&world.crl)].concat();
        let (anchors, extra) = (std::slice::from_ref(&root), std::slice::from_ref(&below));
        let trust = Trust { anchors, extra, known: (&crls).into(), ..world.trust() };
        proven(&world, at_ms, Shown::Since, &trust)
    };
    let clean = of_top(1, &[]);
    let compromised = of_top(9, &[(below_serial, Some(RevocationReason::CaCompromise))]);
    let found = judge(JULY_MS, &[clean.clone(), compromised]);
    assert!(found.verdict() == Verdict::Invalid && found.has(Code::AuthorityRevoked), "{found:#?}");
    // The list of that day alone, and one that was made later alone.
    for at_ms in [JULY_MS, SIGNED_MS] {
        let found = judge(at_ms, std::slice::from_ref(&clean));
        assert_eq!(found.verdict(), Verdict::Valid, "{at_ms}: {found:#?}");
    }
    let retired = of_top(9, &[(below_serial, Some(RevocationReason::Superseded))]);
    let found = judge(SIGNED_MS, &[retired]);
    assert!(found.verdict() == Verdict::Valid && found.has(Code::RevokedLater), "{found:#?}");
    let found = judge(JULY_MS + 2 * DAY_MS, &[clean]);
    assert!(found.verdict() == Verdict::Indeterminate && found.has(Code::RevocationUnknown), "{found:#?}");
}

/// Where the time is proven, and nothing is known of a certificate that has ended since, that is what is said.
#[test]
fn a_proven_time_is_not_called_unproven() {
    let (world, _) = ended();
    let trust = Trust { known: Known::default(), ..world.trust() };
    let found = proven(&world, SIGNED_MS, Shown::Since, &trust);
    assert_eq!(found.verdict(), Verdict::Indeterminate, "{found:#?}");
    let found = found.into_sorted();
    assert!(found.iter().any(|finding| finding.code == Code::ExpiredUnproven), "{found:#?}");
    assert!(!found.iter().any(|finding| finding.sentence.contains("nothing proves")), "{found:#?}");
}

/// A delta list of after a proven time counts with the complete list of before that it brings up to date, and nothing else has that list count.
#[test]
fn delta_lists_count_with_what_they_bring_up_to_date() {
    let (world, signature) = ended();
    let signer = u8::try_from(SIGNER).unwrap();
    let (week, july) = (("20260531000000Z", "20260607000000Z"), ("20260701000000Z", "20260708000000Z"));
    let base = numbered(&world, (10, None), week, &[]);
    let clean = numbered(&world, (17, Some(10)), july, &[]);
    holds(&judge(&world, &signature, &[base.clone(), clean.clone()], &[]));
    let telling = numbered(&world, (17, Some(10)), july, &[signer]);
    let lists = [base.clone(), telling, world.crl.clone()];
    is(&judge(&world, &signature, &lists, &[]), Verdict::Invalid, Code::Revoked);
    // Also where the list that held at the proven time is enough.
    let trust = Trust { known: (&lists).into(), ..world.trust() };
    let found = proven(&world, SIGNED_MS, Shown::Then, &trust);
    assert!(found.verdict() == Verdict::Invalid && found.has(Code::Revoked), "{found:#?}");

    // Without the list, and of another series than the list's.
    let open = |lists: &[Crl]| {
        let report = judge(&world, &signature, lists, &[]);
        is(&report, Verdict::Indeterminate, Code::RevocationUnknown);
    };
    open(std::slice::from_ref(&clean));
    open(&[base, numbered(&world, (17, Some(11)), july, &[])]);
    // By somebody of the root's name, beside a list of before that would be current still.
    let long = numbered(&world, (10, None), ("20260531000000Z", "20300101000000Z"), &[]);
    open(&[long.clone(), numbered(&good(), (17, Some(10)), july, &[])]);
    holds(&judge(&world, &signature, &[long, clean], &[]));
}

/// That a key is in other hands counts also where it was said after the end of its certificate; that nothing is said then counts for nothing.
#[test]
fn what_is_said_after_the_end_counts_against_it() {
    let (world, signature) = ended();
    let signer = u8::try_from(SIGNER).unwrap();
    let after = ("20290101000000Z", "20290201000000Z");
    let clean = numbered(&world, (20, None), after, &[]);
    let telling = numbered(&world, (20, None), after, &[signer]);
    is(&judge(&world, &signature, &[clean], &[]), Verdict::Indeterminate, Code::RevocationUnknown);
    is(&judge(&world, &signature, &[telling], &[]), Verdict::Invalid, Code::Revoked);
    let answer = |status: &[u8]| known(&response(&world, &world.signer, status, (after.0, Some(after.1))));
    let good = judge(&world, &signature, &[], &[answer(GOOD)]);
    is(&good, Verdict::Indeterminate, Code::RevocationUnknown);
    let compromised = judge(&world, &signature, &[], &[answer(&compromised("20260701000000Z"))]);
    is(&compromised, Verdict::Invalid, Code::Revoked);
}
