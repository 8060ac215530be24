//! Signatures made by openssl and by hand, judged here.

mod attributes;
mod limits;
mod prescriptions;
mod since_then;
mod stamped;
mod time_stampers;
mod world;

use pki::ObjectIdentifier;
use pki::path::Known;
use rcgen::{CustomExtension, IsCa, KeyPair, KeyUsagePurpose, RevocationReason, date_time_ymd};

use super::{Authorship, Code, Document, Evidence, Report, Trust, Verdict};
use world::{DOCUMENT, Listed, NOW_MS, SIGNED_MS, World, key_period, parameters};

/// Holds a report against a verdict and the one reason that decided it.
#[track_caller]
fn is(report: &Report, verdict: Verdict, code: Code) {
    assert_eq!(report.verdict, verdict, "{report:#?}");
    assert_eq!(report.reason().map(|reason| reason.code), Some(code), "{report:#?}");
}

#[track_caller]
fn holds(report: &Report) {
    assert_eq!(report.verdict, Verdict::Valid, "{report:#?}");
    assert!(report.reason().is_none(), "{report:#?}");
}

fn good() -> World {
    World::new(KeyUsagePurpose::ContentCommitment, Listed::Not)
}

fn revoked(year: i32, reason: RevocationReason) -> World {
    World::new(KeyUsagePurpose::ContentCommitment, Listed::Since(year, reason))
}

/// A CAdES signature by openssl holds, detached and enveloping, and says who signed and when.
#[test]
fn good_signatures_hold() {
    let world = good();
    let detached = world.sign(&["-cades"]);
    let report = world.judge(&detached, Document::Beside(DOCUMENT));
    holds(&report);
    let signature = &report.signatures[0];
    assert_eq!(signature.signer.as_ref().unwrap().subject, "CN=Signer");
    assert_eq!(signature.chain, ["CN=Signer", "CN=Root"]);
    assert!(signature.claimed_time.is_some() && signature.trusted_time.is_none());
    let enveloping = world.sign(&["-cades", "-nodetach"]);
    holds(&world.judge(&enveloping, Document::Inside));
    holds(&world.judge(&enveloping, Document::Beside(DOCUMENT)));
    let other = world.judge(&enveloping, Document::Beside(b"210 capsules"));
    is(&other, Verdict::Invalid, Code::DocumentsDiffer);
    is(&world.judge(&detached, Document::Inside), Verdict::Invalid, Code::DocumentMissing);
    holds(&world.judge(&world.sign_at(SIGNED_MS), Document::Beside(DOCUMENT)));
}

/// A changed document, a changed signature and a missing certificate binding are each refused with their own reason.
#[test]
fn changed_signatures_do_not_hold() {
    let world = good();
    let signature = world.sign(&["-cades"]);
    let judge = |signature: &[u8]| world.judge(signature, Document::Beside(DOCUMENT));
    let changed = world.judge(&signature, Document::Beside(b"210 capsules"));
    is(&changed, Verdict::Invalid, Code::DigestMismatch);
    let mut broken = signature.clone();
    *broken.last_mut().unwrap() ^= 1;
    is(&judge(&broken), Verdict::Invalid, Code::SignatureWrong);
    is(&judge(&world.sign(&[])), Verdict::Invalid, Code::AttributesMissing);
    is(&judge(&world.sign(&["-noattr"])), Verdict::Invalid, Code::AttributesMissing);
    is(&judge(b"not DER"), Verdict::Invalid, Code::Malformed);
    for end in 1..signature.len() {
        assert_eq!(judge(&signature[..end]).verdict, Verdict::Invalid, "cut at {end}");
    }
}

/// Signers' parts that are not DER, also where only the order of the signed attributes is wrong, are refused: others would read them
/// otherwise.
#[test]
fn other_encodings_do_not_hold() {
    let world = good();
    // A document of unknown length is streamed in BER, which is allowed around what is signed.
    let streamed = world.sign(&["-cades", "-nodetach", "-stream"]);
    assert_eq!(streamed[..2], [0x30, 0x80]);
    holds(&world.judge(&streamed, Document::Inside));
    // The signers' SET, which ends before the three ends of what is around it, with an indefinite length.
    let end = streamed.len() - 6;
    let header = |at: usize| match streamed[at + 1] {
        0x81 => (3, usize::from(streamed[at + 2])),
        0x82 => (4, usize::from(streamed[at + 2]) << 8 | usize::from(streamed[at + 3])),
        short => (2, usize::from(short)),
    };
    let is_set = |at: &usize| streamed[*at] == 0x31 && at + header(*at).0 + header(*at).1 == end;
    let set = (0..end - 4).find(is_set).unwrap();
    let inside = &streamed[set + header(set).0..end];
    let ber = [&streamed[..set], &[0x31, 0x80], inside, &[0; 8]].concat();
    is(&world.judge(&ber, Document::Inside), Verdict::Invalid, Code::NotDer);
    let signature = world.sign_at(SIGNED_MS);
    // content-type and signing-time, one after the other.
    let attribute = |last: u8| {
        let oid = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, last];
        let at = signature.windows(9).position(|window| window == oid).unwrap() - 4;
        at..at + 2 + usize::from(signature[at + 1])
    };
    let (first, second) = (attribute(3), attribute(5));
    assert_eq!(first.end, second.start);
    let swapped =
        [&signature[..first.start], &signature[second.clone()], &signature[first], &signature[second.end..]]
            .concat();
    assert_eq!(swapped.len(), signature.len());
    is(&world.judge(&swapped, Document::Beside(DOCUMENT)), Verdict::Invalid, Code::NotDer);
}

/// Certificates in whatever order are no harm: some write them from the signer upwards, and nothing is signed over them together. One that is
/// not written as DER demands in itself is.
#[test]
fn certificates_have_no_order() {
    let world = good();
    let signature = world.sign_at(SIGNED_MS);
    let at = |part: &[u8]| signature.windows(part.len()).position(|window| window == part).unwrap();
    let (one, other) = (world.signer.der(), world.root.der());
    let (first, second) = if at(one) < at(other) { (one, other) } else { (other, one) };
    let from = at(first);
    assert_eq!(from + first.len(), at(second));
    let rest = &signature[from + first.len() + second.len()..];
    let swapped = [&signature[..from], second, first, rest].concat();
    assert_ne!(swapped, signature);
    holds(&world.judge(&swapped, Document::Beside(DOCUMENT)));
    let mut long = swapped.clone();
    // The length of what was the second, in three octets where two are enough.
    assert_eq!(long[from + 1], 0x82);
    long[from + 1] = 0x83;
    is(&world.judge(&long, Document::Beside(DOCUMENT)), Verdict::Invalid, Code::Malformed);
}

/// A content type that is not the signed one, and another certificate for the same key and serial number, are refused.
#[test]
fn exchanged_parts_do_not_hold() {
    let world = good();
    let signature = world.sign_at(SIGNED_MS);
    // id-data becomes id-encryptedData, outside what is signed.
    let data = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
    let mut other = signature.clone();
    let at = other.windows(9).position(|window| window == data).unwrap();
    other[at + 8] = 0x06;
    is(&world.judge(&other, Document::Beside(DOCUMENT)), Verdict::Invalid, Code::ContentTypeWrong);
    let certificate = world.signer.der();
    let at = signature.windows(certificate.len()).position(|window| window == certificate).unwrap();
    let twin = world.twin();
    let swapped = [&signature[..at], &twin, &signature[at + twin.len()..]].concat();
    let report = world.judge(&swapped, Document::Beside(DOCUMENT));
    is(&report, Verdict::Invalid, Code::CertificateOther);
    assert!(!report.has(Code::SignatureWrong), "the key is the same");
    assert!(!report.has(Code::NotTrusted), "the other certificate is good in itself");
}

/// Of several certificates of one key, as renewals leave them, which stand in a CMS that names its signer by the key, the one counts for which the
/// signature was made.
#[test]
fn renewed_certificates_are_told_apart() {
    let key = KeyPair::generate().unwrap();
    let world = World::with(KeyUsagePurpose::ContentCommitment, Listed::Not, key, |it| {
        // So that it has an identifier of its key.
        it.is_ca = IsCa::ExplicitNoCa;
    });
    // In a CMS the shorter stands before the longer.
    let others = [("S", 8), ("Signer of many documents", 9)].map(|(name, serial)| {
        let renewed = parameters(name, serial, |it| {
            it.is_ca = IsCa::ExplicitNoCa;
            it.key_usages = vec![KeyUsagePurpose::ContentCommitment];
            it.use_authority_key_identifier_extension = true;
        });
        renewed.signed_by(&world.key, &world.issuer).unwrap()
    });
    assert!(others[0].der().len() < world.signer.der().len());
    std::fs::write(world.dir.path().join("others.pem"), others.map(|it| it.pem()).concat()).unwrap();
    let report = world
        .judge(&world.sign(&["-cades", "-keyid", "-certfile", "others.pem"]), Document::Beside(DOCUMENT));
    holds(&report);
    assert_eq!(report.signatures[0].signer.as_ref().unwrap().subject, "CN=Signer");
}

/// A CMS with two signers is more than is expected; where two are, both must hold.
#[test]
fn every_signer_must_hold() {
    let both = ["-cades", "-signer", "second.pem", "-inkey", "second.key"];
    let world = good();
    let signature = world.sign(&both);
    is(&world.judge(&signature, Document::Beside(DOCUMENT)), Verdict::Invalid, Code::SignaturesSeveral);
    let two = |world: &World, signature: &[u8]| {
        Evidence::cms(signature, Document::Beside(DOCUMENT)).judge(&Trust { signers: 2, ..world.trust() })
    };
    let report = two(&world, &signature);
    holds(&report);
    let mut names: Vec<_> =
        report.signatures.iter().map(|it| it.signer.as_ref().unwrap().subject.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["CN=Second", "CN=Signer"]);
    let mut broken = signature.clone();
    *broken.last_mut().unwrap() ^= 1;
    is(&two(&world, &broken), Verdict::Invalid, Code::SignatureWrong);
    let world = revoked(2021, RevocationReason::KeyCompromise);
    is(&two(&world, &world.sign(&both)), Verdict::Invalid, Code::Revoked);
}

/// A signer whose key is not for documents, an unknown root, a policy that is missing and an unknown status are told apart.
#[test]
fn untrusted_signers_do_not_hold() {
    for usage in [KeyUsagePurpose::KeyAgreement, KeyUsagePurpose::DigitalSignature] {
        // The second is as a client's certificate for TLS has it: it signs handshakes, and commits nobody to a document.
        let world = World::new(usage, Listed::Not);
        let report = world.judge(&world.sign(&["-cades"]), Document::Beside(DOCUMENT));
        is(&report, Verdict::Invalid, Code::CertificateUsage);
    }
    let (world, other) = (good(), good());
    let signature = world.sign(&["-cades"]);
    is(&other.judge(&signature, Document::Beside(DOCUMENT)), Verdict::Invalid, Code::NotTrusted);
    let judge = |trust: Trust<'_>| Evidence::cms(&signature, Document::Beside(DOCUMENT)).judge(&trust);
    let unknown = judge(Trust { known: Known::default(), ..world.trust() });
    is(&unknown, Verdict::Indeterminate, Code::RevocationUnknown);
    let policies = [ObjectIdentifier::new_unwrap("1.2.826.0.1275.102.0.3.2.0")];
    is(&judge(Trust { policies: &policies, ..world.trust() }), Verdict::Invalid, Code::CertificatePolicy);
    // After the list has run out nothing is known any more.
    let late = judge(Trust { now_ms: 3_800_000_000_000, ..world.trust() });
    assert_eq!(late.verdict, Verdict::Indeterminate, "{late:#?}");
}

/// A certificate that says by a critical extension where its lists are found holds with a list, and is open without one: the extension is acted upon.
#[test]
fn critical_places_of_lists_are_acted_upon() {
    let key = KeyPair::generate().unwrap();
    let world = World::with(KeyUsagePurpose::ContentCommitment, Listed::Not, key, |it| {
        // One place, http://x/.
        let places = [&[0x30, 17, 0x30, 15, 0xA0, 13, 0xA0, 11, 0x86, 9][..], b"http://x/"].concat();
        let mut places = CustomExtension::from_oid_content(&[2, 5, 29, 31], places);
        places.set_criticality(true);
        it.custom_extensions = vec![places];
    });
    let signature = Evidence::cms(&world.sign_at(SIGNED_MS), Document::Beside(DOCUMENT));
    holds(&signature.judge(&world.trust()));
    let unknown = signature.judge(&Trust { known: Known::default(), ..world.trust() });
    is(&unknown, Verdict::Indeterminate, Code::RevocationUnknown);
    assert!(!unknown.has(Code::NotTrusted), "{unknown:#?}");
}

/// Revocation is held against the time of signing: a compromised key never signed, another reason counts from its date on, and a
/// claim to be older proves nothing.
#[test]
fn revocation_counts_at_its_time() {
    let judge = |world: &World| world.judge(&world.sign_at(SIGNED_MS), Document::Beside(DOCUMENT));
    let compromised = revoked(2030, RevocationReason::KeyCompromise);
    is(&judge(&compromised), Verdict::Invalid, Code::Revoked);
    let before = revoked(2025, RevocationReason::Superseded);
    is(&judge(&before), Verdict::Invalid, Code::Revoked);
    let later = revoked(2030, RevocationReason::Superseded);
    is(&judge(&later), Verdict::Indeterminate, Code::RevokedLaterUnproven);
}

/// The claimed time must lie in the certificate's validity, in the key's period and not in the future; that the certificate has
/// ended since is told as what nothing disproves.
#[test]
fn claimed_times_must_be_possible() {
    let world =
        World::with(KeyUsagePurpose::ContentCommitment, Listed::Not, KeyPair::generate().unwrap(), |it| {
            it.not_before = date_time_ymd(2026, 1, 1);
            it.not_after = date_time_ymd(2028, 1, 1);
            it.custom_extensions = vec![key_period(2026, 2027)];
        });
    let year = 365 * 24 * 3_600_000;
    let judge =
        |at_ms: i64, now_ms: i64| world.judge_at(&world.sign_at(at_ms), Document::Beside(DOCUMENT), now_ms);
    holds(&judge(SIGNED_MS, SIGNED_MS));
    holds(&judge(SIGNED_MS, SIGNED_MS + year));
    is(&judge(SIGNED_MS + year, SIGNED_MS + year), Verdict::Invalid, Code::KeyPeriod);
    is(&judge(SIGNED_MS + 400_000, SIGNED_MS), Verdict::Invalid, Code::TimeFuture);
    is(&judge(SIGNED_MS - year, SIGNED_MS), Verdict::Invalid, Code::CertificateTime);
    is(&judge(SIGNED_MS + 3 * year, NOW_MS), Verdict::Invalid, Code::CertificateTime);
    is(&judge(SIGNED_MS, NOW_MS), Verdict::Indeterminate, Code::ExpiredUnproven);
}

/// A document of ten megabytes is verified; a structure nested deeply, or with a length that lies, is refused.
#[test]
fn large_and_nested_inputs() {
    let world = good();
    let large = vec![b'x'; 10 * 1024 * 1024];
    holds(&world.judge(&world.sign_document(&large, SIGNED_MS), Document::Beside(&large)));
    let changed = world.judge(&world.sign_at(SIGNED_MS), Document::Beside(&large));
    is(&changed, Verdict::Invalid, Code::DigestMismatch);
    let nested = [0x30, 0x80].repeat(100_000);
    is(&world.judge(&nested, Document::Inside), Verdict::Invalid, Code::Malformed);
    let mut deep = Vec::new();
    for _ in 0..2_000 {
        let length = u16::try_from(deep.len()).unwrap().to_be_bytes();
        deep.splice(0..0, [0x30, 0x82, length[0], length[1]]);
    }
    is(&world.judge(&deep, Document::Inside), Verdict::Invalid, Code::Malformed);
    is(
        &world.judge(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], Document::Inside),
        Verdict::Invalid,
        Code::Malformed,
    );
}

/// Octets of good signatures changed, cut off and doubled: the reader refuses or reads them and never panics, and none holds
/// that covers anything else.
#[test]
fn damaged_signatures_never_panic() {
    let world = good();
    for options in [&["-cades"][..], &["-cades", "-nodetach"], &["-noattr"]] {
        let good = world.sign(options);
        let read = |octets: &[u8]| {
            super::read_anything(octets);
            let report = world.judge(octets, Document::Beside(DOCUMENT));
            if report.verdict == Verdict::Valid {
                assert_eq!(report.signatures[0].signer.as_ref().unwrap().subject, "CN=Signer");
            }
        };
        platform::hammer::hammer(&good, 1000, read).unwrap();
    }
}
