//! Each lint on lists has a case that makes it fire, and good lists make none fire.

use std::collections::HashSet;

use hsm::Alg;

use super::*;
use crate::asn1::{ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, context_constructed, oid, tlv, unsigned};
use crate::crl::list::{self, Entry, Frame};
use crate::intent::{Identity, Period};
use crate::profile::Length;
use crate::serial::{Instance, Serial};
use crate::subject::{Attribute, AttributeKind, Subject};

const NOW: Millis = Millis(1_800_000_000_000);
const TIMES: CrlTimes = CrlTimes { hold: Length::hours(24), every: Length::hours(6) };

fn identity() -> Identity {
    let attributes = vec![Attribute { kind: AttributeKind::CommonName, text: "Test CA".to_owned() }];
    let subject = Subject { attributes };
    Identity {
        id: "systems".parse().unwrap(),
        name_der: subject.to_der(),
        subject,
        alg: Alg::P256,
        spki: Vec::new(),
        key_id: vec![7; 20],
        period: Period { not_before: Millis(0), not_after: Millis(i64::MAX) },
        constraints: Vec::new(),
    }
}

fn entry(first: u8, reason: Reason, invalidity_date: Option<Millis>) -> Entry {
    let serial = Serial::new(Instance::FIRST, [first; 17]);
    Entry { serial, revoked_at: Millis(NOW.0 - 5_500), cause: Cause::Revoked(reason), invalidity_date }
}

fn entries() -> Vec<Entry> {
    let earlier = Millis(NOW.0 - 86_400_000);
    vec![
        entry(1, Reason::Unspecified, None),
        entry(0x82, Reason::KeyCompromise, Some(earlier)),
        entry(0x83, Reason::CertificateHold, None),
        entry(0x84, Reason::Unspecified, Some(earlier)),
    ]
}

fn list<'a>(issuer: &'a Identity, entries: &'a [Entry]) -> List<'a> {
    List {
        issuer,
        number: 300,
        this_update: NOW,
        next_update: TIMES.hold.after(NOW),
        url: None,
        covers: Covers::All,
        form: Form::Complete { freshest: None },
        entries,
    }
}

fn written(list: &List<'_>) -> Vec<u8> {
    Frame::of(list).around(&list::encoded(list.entries))
}

const SHARD: &str = "http://pki.example/crl/systems/7.crl";
const DELTA: &str = "http://pki.example/crl/systems/7-delta.crl";

/// A list of every form: for all certificates, of a shard with its delta list, a delta list, of authorities.
fn forms(base: List<'_>) -> [List<'_>; 5] {
    [
        base,
        List { url: Some(SHARD), ..base },
        List { url: Some(SHARD), form: Form::Complete { freshest: Some(DELTA) }, ..base },
        List { url: Some(SHARD), form: Form::Delta { base: 250 }, ..base },
        List { covers: Covers::Authorities, ..base },
    ]
}

fn resumed() -> Entry {
    let serial = Serial::new(Instance::FIRST, [0x86; 17]);
    Entry { serial, revoked_at: NOW, cause: Cause::Resumed, invalidity_date: None }
}

/// The octets that name a place are the same in a list and in a certificate (RFC 5280 5.2.5).
#[test]
fn a_place_has_the_same_octets_everywhere() {
    let point = issuing_distribution_point(Some(SHARD), Covers::All).unwrap();
    let points = list::distribution_points(SHARD);
    assert!(
        points.windows(point.len()).any(|octets| octets == point),
        "a list's scope is in its certificates"
    );
}

/// The octets of entries are as many as were said before, in every shape, before and after 2050.
#[test]
fn entries_have_the_length_that_was_said() {
    let mut many = entries();
    many.push(resumed());
    many.push(Entry { revoked_at: Millis(list::FIRST_OF_2050), ..many[1] });
    for entry in many {
        assert_eq!(list::encoded(&[entry]).len(), list::entry_size(&entry), "{entry:?}");
    }
}

/// Lists of every form, with no, some and many entries, are silent.
#[test]
fn good_lists_are_silent() {
    let many: Vec<_> = (0..=250u8).map(|first| entry(first, Reason::Superseded, None)).collect();
    for alg in [Alg::P256, Alg::P384, Alg::Rsa3072, Alg::MlDsa65] {
        let issuer = Identity { alg, ..identity() };
        for entries in [&[][..], &entries(), &many] {
            for list in forms(list(&issuer, entries)) {
                assert_eq!(check(&list, &written(&list), TIMES, 299), [], "{:?}", list.form);
            }
        }
        let removing = [resumed()];
        let delta = List { form: Form::Delta { base: 300 }, ..list(&issuer, &removing) };
        assert_eq!(check(&delta, &written(&delta), TIMES, 299), []);
    }
}

/// How a case goes wrong.
enum Wrong {
    /// Something else was meant than was written.
    Meant(fn(&mut List<'_>)),
    /// Both are the same, and wrong.
    Both(fn(&mut List<'_>)),
    /// Octets are put into the place of others of the same length.
    Octets(fn() -> (Vec<u8>, Vec<u8>)),
    /// A part of the list is changed: version, algorithm, issuer, times, entries, extensions.
    Parts(fn(&mut Vec<Vec<u8>>)),
}
use Wrong::{Both, Meant, Octets, Parts};

fn empty() -> &'static [Entry] {
    &[]
}

fn number_before(number: i64) -> (Vec<u8>, Vec<u8>) {
    (
        unsigned(INTEGER, &300u16.to_be_bytes()),
        unsigned(INTEGER, &u16::try_from(number).unwrap().to_be_bytes()),
    )
}

const CASES: &[(&str, Wrong)] = &[
    ("parses", Parts(|parts| parts.truncate(2))),
    // BOOLEAN FALSE is the default and must be left out: X.690 11.5.
    ("encoding_is_canonical", Parts(|parts| parts[6] = extensions_with_default())),
    ("version_is_2", Parts(|parts| parts[0] = unsigned(INTEGER, &[2]))),
    ("signature_algorithm", Parts(|parts| parts[1] = algorithm_identifier(Alg::P384))),
    ("issuer_name_bytes", Octets(|| (b"Test CA".to_vec(), b"Test CX".to_vec()))),
    ("update_times", Both(|list| list.next_update = list.this_update)),
    ("update_times", Meant(|list| list.this_update.0 += 1000)),
    ("holds_as_profile_says", Both(|list| list.next_update.0 += 1000)),
    ("empty_list_is_absent", Parts(|parts| parts[5] = tlv(SEQUENCE, &[]))),
    ("entries_as_meant", Meant(|list| list.entries = empty())),
    (
        "entries_unique",
        Parts(|parts| {
            let content = parts[5][3..].to_vec();
            parts[5] = tlv(SEQUENCE, &[&content, &content]);
        }),
    ),
    ("entry_times", Both(|list| list.this_update.0 -= 10_000)),
    ("entry_extensions", Octets(|| (oid(&ID_CE_CRL_REASONS), vec![6, 3, 0x55, 0x1d, 0x0f]))),
    ("reasons", Octets(|| (reason_octets(1), reason_octets(7)))),
    ("list_extensions", Octets(|| (oid(&ID_CE_CRL_NUMBER), vec![6, 3, 0x55, 0x1d, 0x1b]))),
    ("authority_key_identifier", Octets(|| (vec![7; 20], vec![8; 20]))),
    ("number_rises", Octets(|| number_before(299))),
    ("issuing_point", Meant(|list| list.url = Some(SHARD))),
    ("issuing_point", Meant(|list| list.covers = Covers::Authorities)),
    ("shard_scope", Both(|list| list.url = Some("http://pki.example/crl/card/7.crl"))),
    ("shard_scope", Both(|list| list.url = Some("https://pki.example/crl/systems/7.crl"))),
    ("delta_base", Both(|list| list.form = Form::Delta { base: 301 })),
    ("delta_base", Meant(|list| list.form = Form::Delta { base: 250 })),
    ("removals", Octets(|| (reason_octets(6), reason_octets(8)))),
    ("freshest", Meant(|list| list.form = Form::Complete { freshest: Some(DELTA) })),
];

/// Octets, and others of the same length.
type Exchange = fn() -> (Vec<u8>, Vec<u8>);

/// What is wrong with a list of a part, by the octets put in place of others.
const PART_CASES: &[(&str, Exchange)] = &[
    // Another place; another delta list; an extension that has no place; other kinds of certificates.
    ("issuing_point", || (b"systems/7.crl".to_vec(), b"systems/8.crl".to_vec())),
    ("freshest", || (b"7-delta.crl".to_vec(), b"8-delta.crl".to_vec())),
    ("list_extensions", || (oid(&ID_CE_FRESHEST_CRL), vec![6, 3, 0x55, 0x1d, 0x1f])),
    ("issuing_point", || (vec![0x81, 1, 0xff], vec![0x82, 1, 0xff])),
    ("issuing_point", || (vec![0x81, 1, 0xff], vec![0x84, 1, 0xff])),
];

/// A list of a shard whose octets were changed fires: its place, its kind, where its delta list is.
#[test]
fn lints_on_parts_fire() {
    let (issuer, entries) = (identity(), entries());
    for (lint, change) in PART_CASES {
        let (from, to) = change();
        let list = List {
            url: Some(SHARD),
            form: Form::Complete { freshest: Some(DELTA) },
            ..list(&issuer, &entries)
        };
        let mut octets = written(&list);
        if from[0] == 0x81 {
            // The list is of a kind of certificates: a field more in its scope.
            octets = written(&List { covers: Covers::Authorities, ..list });
            let at = octets.windows(3).position(|window| window == [0x82, 1, 0xff]).unwrap();
            octets[at..at + 3].copy_from_slice(&to);
        } else {
            let at = octets.windows(from.len()).position(|window| window == from).unwrap();
            octets[at..at + to.len()].copy_from_slice(&to);
        }
        let findings = check(&list, &octets, TIMES, 299);
        assert!(findings.iter().any(|finding| finding.lint == *lint), "{lint}: {findings:?}");
    }
}

/// The number alone, with its criticality said although it is the default.
fn extensions_with_default() -> Vec<u8> {
    let value = tlv(OCTET_STRING, &[&unsigned(INTEGER, &[9])]);
    let extension = tlv(SEQUENCE, &[&oid(&ID_CE_CRL_NUMBER), &[1, 1, 0], &value]);
    tlv(context_constructed(0), &[&tlv(SEQUENCE, &[&extension])])
}

fn reason_octets(code: u8) -> Vec<u8> {
    tlv(OCTET_STRING, &[&unsigned(ENUMERATED, &[code])])
}

fn findings(wrong: &Wrong) -> Vec<Finding> {
    let (issuer, entries) = (identity(), entries());
    let mut list = list(&issuer, &entries);
    if let Both(change) = wrong {
        change(&mut list);
    }
    let mut octets = written(&list);
    match wrong {
        Both(_) => {}
        Meant(change) => change(&mut list),
        Octets(change) => {
            let (from, to) = change();
            let at = octets.windows(from.len()).position(|window| window == from).unwrap();
            octets[at..at + to.len()].copy_from_slice(&to);
        }
        Parts(change) => {
            let mut parts = parts_of(&octets);
            change(&mut parts);
            octets = tlv(SEQUENCE, &[&parts.concat()]);
        }
    }
    check(&list, &octets, TIMES, 299)
}

fn parts_of(der: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = content(der).1;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let length = content(rest).0;
        parts.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    parts
}

fn content(der: &[u8]) -> (usize, &[u8]) {
    let (start, length) = match usize::from(der[1]) {
        short @ 0..=0x7f => (2, short),
        long => {
            let octets = long - 0x80;
            (2 + octets, der[2..2 + octets].iter().fold(0, |sum, octet| sum * 256 + usize::from(*octet)))
        }
    };
    (start + length, &der[start..start + length])
}

/// Each case makes its lint fire.
#[test]
fn each_lint_fires() {
    for (lint, wrong) in CASES {
        let findings = findings(wrong);
        assert!(
            findings.iter().any(|finding| finding.lint == *lint),
            "{lint} did not fire; instead: {findings:?}"
        );
    }
}

/// Every lint has a case.
#[test]
fn each_lint_has_a_case() {
    let ids: HashSet<_> = LINTS.iter().map(|lint| lint.id).collect();
    let covered: HashSet<_> = CASES.iter().map(|(lint, _)| *lint).collect();
    let uncovered: Vec<_> = ids.difference(&covered).collect();
    assert!(uncovered.is_empty(), "{uncovered:?}");
}

/// A number that does not follow the one before fires even when it was meant.
#[test]
fn a_repeated_number_fires() {
    let (issuer, entries) = (identity(), entries());
    let list = list(&issuer, &entries);
    let findings = check(&list, &written(&list), TIMES, 300);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].lint, "number_rises");
}
