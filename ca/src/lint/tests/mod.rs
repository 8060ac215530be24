//! Each lint has a case that makes it fire, and good certificates make none fire.
//!
//! A case writes a good certificate and then either changes what was meant, or changes the bytes.

use std::collections::HashSet;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair as _,
};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, SECP_256_R_1, SECP_384_R_1};
use hsm::Alg;
use platform::clock::Millis;

mod cases;
mod naming;

use super::*;
use crate::asn1::{BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE, context_constructed, oid, tlv, unsigned};
use crate::intent::{Identity, Period, Places};
use crate::names::IssuerId;
use crate::profile::{
    ExtendedUsage, KeyUsage, Kind, Presence, Profile, Profiles, Purpose, RevocationChecking,
};
use crate::serial::{Instance, Serial};
use crate::subject::{AlternativeName, Attribute, AttributeKind, Field, Subject};
use crate::subject_key::SubjectKey;
use crate::tbs;

const NOW: Millis = Millis(1_800_000_000_000);
const DAY: i64 = 86_400_000;

fn spki(algorithm: &'static EcdsaSigningAlgorithm, curve: &ObjectIdentifier) -> Vec<u8> {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let algorithm = tlv(SEQUENCE, &[&oid(&ID_EC_PUBLIC_KEY), &oid(curve)]);
    tlv(SEQUENCE, &[&algorithm, &tlv(BIT_STRING, &[&[0], pair.public_key().as_ref()])])
}

fn key() -> SubjectKey {
    SubjectKey::parse(&spki(&ECDSA_P256_SHA256_ASN1_SIGNING, &SECP_256_R_1)).ok().unwrap()
}

/// Any octets of the right length are a key of ML-DSA-44.
fn ml_dsa_key() -> SubjectKey {
    let algorithm = tlv(SEQUENCE, &[&oid(&const_oid::db::fips204::ID_ML_DSA_44)]);
    let spki = tlv(SEQUENCE, &[&algorithm, &tlv(BIT_STRING, &[&[0], &[7; 1_312]])]);
    SubjectKey::parse(&spki).ok().unwrap()
}

/// A key of a kind that the profile takes.
fn key_for(profile: &Profile) -> SubjectKey {
    if profile.keys.contains(&Alg::P256) {
        return key();
    }
    SubjectKey::parse(&spki(&ECDSA_P384_SHA384_ASN1_SIGNING, &SECP_384_R_1)).ok().unwrap()
}

fn attribute(kind: AttributeKind, text: &str) -> Attribute {
    Attribute { kind, text: text.to_owned() }
}

fn identity() -> Identity {
    let subject = Subject { attributes: vec![attribute(AttributeKind::CommonName, "Test CA")] };
    let key = key();
    Identity {
        id: "systems".parse().unwrap(),
        name_der: subject.to_der(),
        subject,
        alg: Alg::P256,
        spki: key.spki().to_vec(),
        key_id: key.key_id().to_vec(),
        period: Period { not_before: Millis(NOW.0 - 100 * DAY), not_after: Millis(NOW.0 + 8_000 * DAY) },
        constraints: Vec::new(),
    }
}

fn serial() -> Serial {
    Serial::new(Instance::FIRST, [9, 200, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17])
}

fn names(profile: &Profile) -> Vec<AlternativeName> {
    let takes = |field| profile.naming.presence(field) != Presence::Forbidden;
    let mut names = Vec::new();
    if takes(Field::DnsNames) {
        names.push(AlternativeName::Dns("a.example".to_owned()));
    }
    if takes(Field::IpAddresses) {
        names.push(AlternativeName::Ip("2001:db8::1".parse().unwrap()));
    }
    if takes(Field::Upn) {
        names.push(AlternativeName::Upn("a@b.example".to_owned()));
    }
    names
}

fn intent(profile: &Arc<Profile>) -> Intent {
    let not_before = Millis(NOW.0 - 60_000);
    let subject = Subject {
        attributes: vec![
            attribute(AttributeKind::Organisation, "Larkfield Surgery"),
            attribute(AttributeKind::SerialNumber, "555021942107"),
            attribute(AttributeKind::CommonName, "Zoë O’Neill"),
        ],
    };
    let mut intent = Intent {
        serial: serial(),
        profile: Arc::clone(profile),
        issuer: Arc::new(identity()),
        subject,
        names: names(profile),
        user_id: None,
        system_id: None,
        key: key_for(profile),
        period: Period { not_before, not_after: profile.validity.last_second(not_before) },
        places: Places {
            shard: 0,
            crl: "http://pki.example/crl/systems.crl".to_owned(),
            freshest: None,
            issuer_certificate: "http://pki.example/aia/systems.cer".to_owned(),
            ocsp: Some("http://pki.example/ocsp".to_owned()),
            practice_statement: "https://pki.example/cps".to_owned(),
        },
        now: NOW,
    };
    if intent.is_self_signed() {
        let key_id = intent.key.key_id().to_vec();
        let (spki, name_der, subject) =
            (intent.key.spki().to_vec(), intent.subject.to_der(), intent.subject.clone());
        let (id, alg) = (IssuerId::root(), intent.key.alg());
        intent.issuer = Arc::new(Identity { id, subject, name_der, alg, spki, key_id, ..identity() });
    }
    intent
}

fn profile(id: &str) -> Arc<Profile> {
    Arc::clone(Profiles::built_in().unwrap().any(id).unwrap())
}

/// A good certificate of every profile, the authorities' too, makes no lint fire.
#[test]
fn good_certificates_are_silent() {
    let profiles = Profiles::built_in().unwrap();
    for profile in profiles.end_entity.iter().chain([&profiles.root, &profiles.issuing]) {
        let intent = intent(profile);
        let bytes = tbs::write(&intent).unwrap();
        assert_eq!(check(&intent, &bytes), [], "{}", profile.id);
    }
}

/// A certificate of a shard names its list and, where it is wished, its delta list; one that should and does not fires.
#[test]
fn certificates_of_a_shard_are_silent() {
    let mut intent = intent(&profile("system-tls-client"));
    intent.places.crl = "http://pki.example/crl/systems/7.crl".to_owned();
    let without = tbs::write(&intent).unwrap();
    intent.places.freshest = Some("http://pki.example/crl/systems/7-delta.crl".to_owned());
    assert_eq!(check(&intent, &tbs::write(&intent).unwrap()), []);
    let fired: Vec<_> = check(&intent, &without).into_iter().map(|finding| finding.lint).collect();
    assert_eq!(fired, ["extensions_exact"]);
}

/// What came after or before 2050 is written in the form of its century.
#[test]
fn long_validities_are_silent_too() {
    let mut intent = intent(&profile("system-tls-client"));
    intent.now = Millis(2_524_600_000_000);
    intent.period.not_before = Millis(intent.now.0 - 1000);
    intent.period.not_after = intent.profile.validity.last_second(intent.period.not_before);
    let issuer = Arc::make_mut(&mut intent.issuer);
    issuer.period.not_after = Millis(intent.period.not_after.0 + DAY);
    let bytes = tbs::write(&intent).unwrap();
    assert_eq!(check(&intent, &bytes), []);
}

/// The parts of a to-be-signed structure, so that a case can change one.
struct Parts(Vec<Vec<u8>>);

impl Parts {
    fn of(der: &[u8]) -> Parts {
        let mut rest = content(der).1;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let length = content(rest).0;
            parts.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
        Parts(parts)
    }

    fn join(&self, tag: u8) -> Vec<u8> {
        tlv(tag, &[&self.0.concat()])
    }
}

/// Whole length and content of the first value.
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

/// A lint, the profile of a certificate, and what is wrong with it.
type Cases = &'static [(&'static str, &'static str, Wrong)];

/// How a case goes wrong.
enum Wrong {
    /// Something else was meant than was written.
    Meant(fn(&mut Intent)),
    /// Both are the same, and wrong.
    Both(fn(&mut Intent)),
    /// The bytes are changed: version, serial, algorithm, issuer, validity, subject, key, extensions.
    Bytes(fn(&mut Parts)),
    /// The extensions are changed.
    Extensions(fn(&mut Parts)),
}
use Wrong::{Both, Bytes, Extensions, Meant};

fn extension(id: &str, value: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[&oid(&ObjectIdentifier::new_unwrap(id)), &tlv(OCTET_STRING, &[value])])
}

fn subject_of(tag: u8, text: &[u8]) -> Vec<u8> {
    let value = tlv(SEQUENCE, &[&[6, 3, 0x55, 4, 3], &tlv(tag, &[text])]);
    tlv(SEQUENCE, &[&tlv(0x31, &[&value])])
}

fn change(intent: &mut Intent, with: fn(&mut Profile)) {
    with(Arc::make_mut(&mut intent.profile));
}

fn findings(mut intent: Intent, wrong: &Wrong) -> Vec<Finding> {
    if let Both(change) = wrong {
        change(&mut intent);
    }
    let mut bytes = tbs::write(&intent).unwrap();
    let mut parts = Parts::of(&bytes);
    match wrong {
        Both(_) => {}
        Meant(change) => change(&mut intent),
        Bytes(change) => {
            change(&mut parts);
            bytes = parts.join(SEQUENCE);
        }
        Extensions(change) => {
            let mut extensions = Parts::of(content(&parts.0[7]).1);
            change(&mut extensions);
            parts.0[7] = tlv(context_constructed(3), &[&extensions.join(SEQUENCE)]);
            bytes = parts.join(SEQUENCE);
        }
    }
    check(&intent, &bytes)
}

/// Each case makes its lint fire, with the clause it enforces.
#[test]
fn each_lint_fires() {
    for (lint, profile, wrong) in cases::CASES.iter().chain(naming::CASES) {
        let findings = findings(intent(&naming::profile(profile)), wrong);
        let fired = findings.iter().any(|finding| finding.lint == *lint && !finding.clause.is_empty());
        assert!(fired, "{lint} did not fire; instead: {findings:?}");
    }
}

/// Every lint has a case, and no two lints have one id.
#[test]
fn each_lint_has_a_case() {
    let ids: HashSet<_> = all().map(|lint| lint.id).collect();
    assert_eq!(ids.len(), all().count());
    let covered: HashSet<_> = cases::CASES.iter().chain(naming::CASES).map(|(lint, _, _)| *lint).collect();
    let uncovered: Vec<_> = ids.difference(&covered).collect();
    assert!(uncovered.is_empty(), "{uncovered:?}");
}

/// A profile without a revocation check may not carry a distribution point, and the other way round.
#[test]
fn revocation_checking_is_part_of_the_exact_set() {
    let wrong = Meant(|intent| change(intent, |p| p.revocation_checking = RevocationChecking::Crl));
    assert!(
        findings(intent(&profile("ocsp-responder")), &wrong)
            .iter()
            .any(|finding| finding.lint == "extensions_exact")
    );
}
