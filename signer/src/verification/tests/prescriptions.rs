//! Prescriptions signed here: the seven verdicts of the Electronic Prescription Service, and what is stricter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{RevocationReason, RsaKeySize, SigningKey as _, date_time_ymd};
use serde_json::{Value, json};

use super::{Authorship, Code, Evidence, Listed, Report, Trust, Verdict, World, holds, is, key_period};
use crate::eps::{self, Algorithm, AuthorTime, Message, Prescription, SignedInfo};
use crate::verification::Weak;

const FHIR: &str = include_str!("../../../../fixtures/prescription.json");
const V3: &str = include_str!("../../../../fixtures/prescription.hl7v3.xml");
const TIME: &str = "20261129170000";

fn world(listed: Listed) -> World {
    World::rsa(listed, RsaKeySize::_2048, |_| {})
}

/// The XML signature over these fragments with the world's key.
fn signature(world: &World, fragments: &eps::Fragments) -> String {
    let info = SignedInfo::over(fragments, Algorithm::Rs256);
    let value = world.key.sign(info.to_string().as_bytes()).unwrap();
    eps::write(&info, &value, world.signer.der())
}

/// The FHIR prescription, signed.
fn fhir(world: &World) -> Value {
    let at = AuthorTime::from_v3(TIME).unwrap();
    let read = Message::read(FHIR.as_bytes()).unwrap();
    let signature = signature(world, &read.fragments(at).unwrap());
    let provenance = eps::provenance("28828c55-8fa7-42d7-916f-fcf076e0c10e", read.author(), at, &signature);
    let mut message: Value = serde_json::from_str(FHIR).unwrap();
    message["entry"].as_array_mut().unwrap().push(json!({"fullUrl": "urn:uuid:3", "resource": provenance}));
    message
}

/// The HL7 V3 prescription, signed.
fn v3(world: &World) -> String {
    let read = Prescription::read(V3.as_bytes()).unwrap();
    let signature = signature(world, read.fragments());
    V3.replace("<signatureText nullFlavor=\"NA\"/>", &format!("<signatureText>{signature}</signatureText>"))
}

fn judge(world: &World, octets: &str) -> Report {
    Evidence::prescription(octets.as_bytes()).judge(&world.trust())
}

#[track_caller]
fn says(report: &Report, words: &[&str]) {
    assert_eq!(report.eps.as_deref().unwrap(), words, "{report:#?}");
}

/// A prescription that its author signed holds in both forms, and the service of today finds nothing either.
#[test]
fn signed_prescriptions_hold() {
    let world = world(Listed::Not);
    for octets in [fhir(&world).to_string(), v3(&world)] {
        let report = judge(&world, &octets);
        holds(&report);
        says(&report, &[]);
        assert_eq!(report.signatures[0].claimed_time.as_deref(), Some("2026-11-29T17:00:00.000Z"));
        assert_eq!(report.signatures[0].chain, ["CN=Signer", "CN=Root"]);
        assert!(report.signatures[0].findings.is_empty(), "{report:#?}");
        let author = report.signatures[0].author.as_ref().unwrap();
        let told = [&author.name, &author.role_profile, &author.organisation];
        assert_eq!(told, ["DR OTTOLINE MARCHBANKS", "555000000203", "LANYARD LANE SURGERY"]);
    }
}

/// What somebody else than its author signed does not hold, though its signature is right and the service of today says nothing; where the register
/// does not know the role of a signer who has others it is open, and where it was not asked that is said.
#[test]
fn only_the_author_signs() {
    let world = world(Listed::Not);
    for octets in [fhir(&world).to_string(), v3(&world)] {
        let judged = |authorship| {
            let trust = Trust { authorship, ..world.trust() };
            let report = Evidence::prescription(octets.as_bytes()).judge(&trust);
            says(&report, &[]);
            report
        };
        is(&judged(Authorship::Others), Verdict::Invalid, Code::AuthorOther);
        is(&judged(Authorship::Unknown), Verdict::Indeterminate, Code::AuthorUnknown);
        let unasked = judged(Authorship::Unasked);
        holds(&unasked);
        assert!(unasked.has(Code::AuthorUnknown) && !unasked.has(Code::AuthorOther), "{unasked:#?}");
    }
}

/// What a stranger, signxml, says of a document, and of a signature that does not lie in it.
fn stranger(world: &World, document: &str, signature: Option<&str>, options: &[&str]) -> Value {
    let file = |name: &str, text: &str| {
        let file = world.dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let python = std::env::var("LANYARD_PYTHON").expect("tools/env says where Python is");
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/judges/python/prescription.py");
    let mut command = std::process::Command::new(python);
    command.arg(judge).args(options).arg(file("prescription.xml", document));
    command.args(signature.map(|signature| file("signature.xml", signature)));
    serde_json::from_slice::<Value>(&command.output().unwrap().stdout).unwrap()
}

/// A stranger puts the fragments together by itself, and finds the same digest and a good signature; it refuses what was changed
/// afterwards.
#[test]
fn a_stranger_verifies_our_signatures() {
    let world = world(Listed::Not);
    let accepted = json!({"accepted": true});
    let stranger = |document: &str| stranger(&world, document, None, &[]);
    let signed = v3(&world);
    for (from, to) in [
        ("FLORIMEL", "FLORIZEL"),
        ("<SignatureValue>", "<SignatureValue>AAAA"),
        ("xmlenc#sha256", "xmlenc#sha512"),
    ] {
        assert!(signed.contains(from));
        assert_eq!(stranger(&signed.replace(from, to))["accepted"], false, "{to}");
    }
    assert_eq!(stranger(&signed), accepted);
    let repeat = V3.replacen(
        "<product",
        "<repeatNumber><low value=\"1\"/><high value=\"6\"/></repeatNumber><product",
        1,
    );
    let repeat = repeat.replace("LANYARD LANE SURGERY</name>", "LANYARD &amp; \"LANE\" &lt;SURGERY></name>");
    let signature = signature(&world, Prescription::read(repeat.as_bytes()).unwrap().fragments());
    let text = format!("<signatureText>{signature}</signatureText>");
    let second = repeat
        .replace("<signatureText nullFlavor=\"NA\"/>", &text)
        .replace("low value=\"1\"", "low value=\"2\"");
    assert_eq!(stranger(&second), accepted);
    holds(&judge(&world, &second));
}

/// The signature in the Provenance of a FHIR message is good over the same prescription in HL7 V3, and over no other one.
#[test]
fn a_stranger_verifies_our_provenance() {
    let world = world(Listed::Not);
    let message = fhir(&world);
    let provenance = &message["entry"].as_array().unwrap().last().unwrap()["resource"];
    let data = provenance["signature"][0]["data"].as_str().unwrap();
    let signature = String::from_utf8(STANDARD.decode(data).unwrap()).unwrap();
    let verdict = |document: &str, signature: &str| stranger(&world, document, Some(signature), &[]);
    assert_eq!(verdict(V3, &signature), json!({"accepted": true}));
    assert_eq!(verdict(&V3.replace("FLORIMEL", "FLORIZEL"), &signature)["accepted"], false);
    assert_eq!(
        verdict(V3, &signature.replace("<SignatureValue>", "<SignatureValue>AAAA"))["accepted"],
        false
    );
}

/// Status, low of the repeat and everything else that is not signed may change; what is signed may not.
#[test]
fn what_is_signed_may_not_change() {
    let world = world(Listed::Not);
    let signed = v3(&world);
    let unsigned = signed.replace("10A7C3-Z99901-4B2D98", "10A7C3-Z99901-000000");
    holds(&judge(&world, &unsigned));
    let status = "<pertinentInformation4><pertinentItemStatus/></pertinentInformation4></pertinentLineItem>";
    holds(&judge(&world, &signed.replacen("</pertinentLineItem>", status, 1)));
    for (from, to) in [
        ("value=\"21\"", "value=\"210\""),
        ("FLORIMEL", "FLORIZEL"),
        ("OTTOLINE", "OTTILIE"),
        ("20261129170000", "20261129170001"),
        ("7A1C0000-0000-4000-8000-000000000014", "7A1C0000-0000-4000-8000-000000000015"),
        ("1 tablet 2 times", "2 tablets 1 time"),
    ] {
        let report = judge(&world, &signed.replace(from, to));
        is(&report, Verdict::Invalid, Code::DigestMismatch);
        says(&report, &["Signature doesn't match prescription"]);
    }
    let mut moved = fhir(&world);
    moved["entry"][7]["resource"]["signature"][0]["when"] = json!("2026-11-29T17:00:01+00:00");
    is(&judge(&world, &moved.to_string()), Verdict::Invalid, Code::DigestMismatch);
}

/// The words for a signature that has not the form, several certificates, and a certificate that is none; each alone.
#[test]
fn form_is_looked_at_first() {
    let world = world(Listed::Not);
    let signed = v3(&world);
    let certificate = STANDARD.encode(world.signer.der());
    for (from, to, code, words) in [
        (
            "<SignatureValue>",
            "<SignatureValue/><SignatureValue>",
            Code::SignatureFormat,
            "Invalid signature format",
        ),
        (&*certificate, "", Code::SignatureFormat, "Invalid signature format"),
        (
            "<X509Certificate>",
            "<X509Certificate>AAAA</X509Certificate><X509Certificate>",
            Code::CertificatesSeveral,
            "Multiple certificates detected",
        ),
        (
            "<KeyInfo>",
            "<KeyInfo><X509Data><X509Certificate>AAAA</X509Certificate></X509Data>",
            Code::CertificatesSeveral,
            "Multiple certificates detected",
        ),
        (&*certificate, "TUlJ", Code::CertificateUnreadable, "Invalid certificate"),
        (&*certificate, "!", Code::CertificateUnreadable, "Invalid certificate"),
    ] {
        assert!(signed.contains(from));
        let report = judge(&world, &signed.replace(from, to));
        is(&report, Verdict::Invalid, code);
        says(&report, &[words]);
    }
    for unsigned in [V3, FHIR] {
        let report = judge(&world, unsigned);
        is(&report, Verdict::Invalid, Code::SignatureMissing);
        says(&report, &["Invalid signature format"]);
    }
    for nonsense in ["", "<a/>", "{}", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"] {
        let report = judge(&world, nonsense);
        is(&report, Verdict::Invalid, Code::Malformed);
        says(&report, &["Uncaught error during signature verification"]);
    }
}

/// What is nested deeply, or would grow by its entities, is refused as unreadable in either form, and ten megabytes make nothing valid.
#[test]
fn large_and_nested_prescriptions() {
    let world = world(Listed::Not);
    let grows = "<!DOCTYPE a [<!ENTITY b 'bbbbbbbb'><!ENTITY c '&b;&b;&b;&b;'>]><a>&c;</a>";
    let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    for nonsense in [grows, &deep, &"[".repeat(100_000), &"<a>".repeat(10_000)] {
        let report = judge(&world, nonsense);
        is(&report, Verdict::Invalid, Code::Malformed);
        says(&report, &["Uncaught error during signature verification"]);
    }
    let large = "x".repeat(10 * 1024 * 1024);
    for large in [format!("<a>{large}</a>"), format!("{{\"resourceType\":\"Bundle\",\"a\":\"{large}\"}}")] {
        assert_eq!(judge(&world, &large).verdict, Verdict::Invalid);
    }
}

/// Ends of lines in value and certificate, also as characters and at the end, change nothing; a break in the statement is noted.
#[test]
fn wrapped_signatures_hold() {
    let world = world(Listed::Not);
    let signed = v3(&world);
    let certificate = STANDARD.encode(world.signer.der());
    let lines: Vec<_> = certificate.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
    holds(&judge(&world, &signed.replace(&certificate, &(lines.join("\r\n") + "\n"))));
    holds(&judge(&world, &signed.replace(&certificate, &(lines.join("&#13;\n") + "&#13;\n"))));
    let report = judge(&world, &signed.replace("<SignedInfo>", "<SignedInfo>\n  "));
    holds(&report);
    assert!(report.has(Code::StatementFormatted));
}

/// A signature value that is another's, and a statement of another form, do not hold.
#[test]
fn other_statements_do_not_hold() {
    let world = world(Listed::Not);
    let signed = v3(&world);
    let other = STANDARD.encode(world.key.sign(b"something else").unwrap());
    let (before, rest) = signed.split_once("<SignatureValue>").unwrap();
    let (_, after) = rest.split_once("</SignatureValue>").unwrap();
    let report = judge(&world, &format!("{before}<SignatureValue>{other}</SignatureValue>{after}"));
    is(&report, Verdict::Invalid, Code::SignatureWrong);
    says(&report, &["Signature is invalid"]);
    for (from, to) in [
        ("<Reference>", "<Reference URI=\"#elsewhere\">"),
        ("2001/10/xml-exc-c14n#\"></Transform>", "TR/1999/REC-xpath-19991116\"></Transform>"),
        ("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256"),
    ] {
        assert!(signed.contains(from), "{from}");
        let report = judge(&world, &signed.replace(from, to));
        assert_eq!(report.verdict, Verdict::Invalid);
        assert!(report.has(Code::StatementForm), "{report:#?}");
    }
}

/// Revocation, validity and trust have their words, all of them are collected, and what the service does not look at has a code
/// and no words.
#[test]
fn certificates_have_their_words() {
    let revoked = world(Listed::Since(2025, RevocationReason::Superseded));
    says(&judge(&revoked, &v3(&revoked)), &["Certificate is revoked"]);
    let later = world(Listed::Since(2030, RevocationReason::Superseded));
    let report = judge(&later, &v3(&later));
    is(&report, Verdict::Indeterminate, Code::RevokedLaterUnproven);
    says(&report, &[]);
    let ended = World::rsa(Listed::Not, RsaKeySize::_2048, |it| it.not_after = date_time_ymd(2026, 1, 1));
    says(&judge(&ended, &v3(&ended)), &["Certificate expired when signed"]);
    // Ended before it signed, and revoked before that: both are said.
    let superseded = Listed::Since(2025, RevocationReason::Superseded);
    let both = World::rsa(superseded, RsaKeySize::_2048, |it| it.not_after = date_time_ymd(2026, 6, 1));
    says(&judge(&both, &v3(&both)), &["Certificate is revoked", "Certificate expired when signed"]);
    says(&judge(&ended, &v3(&later)), &["Certificate not trusted"]);
    let all = v3(&later).replace("FLORIMEL", "FLORIZEL").replace("<SignatureValue>", "<SignatureValue>AAAA");
    let all = judge(&ended, &all);
    says(&all, &["Signature is invalid", "Signature doesn't match prescription", "Certificate not trusted"]);
    let unused =
        World::rsa(Listed::Not, RsaKeySize::_2048, |it| it.custom_extensions = vec![key_period(2020, 2025)]);
    let report = judge(&unused, &v3(&unused));
    is(&report, Verdict::Invalid, Code::KeyPeriod);
    says(&report, &[]);
}

/// What is known of the authority and of the signer is told of each: one that is revoked, both, and the signer where the root's list is missing.
#[test]
fn authorities_have_their_words() {
    let since = Listed::Since(2025, RevocationReason::Superseded);
    let judged = |authority: Option<Listed>, signer: Listed| {
        let world = world(signer);
        let (root, below, list) = world.above(authority.unwrap_or(Listed::Not));
        let mut lists = vec![world.crl.clone()];
        lists.extend(authority.map(|_| list));
        let trust = Trust { anchors: &[root], extra: &[below], known: (&lists).into(), ..world.trust() };
        Evidence::prescription(v3(&world).as_bytes()).judge(&trust)
    };
    let good = judged(Some(Listed::Not), Listed::Not);
    holds(&good);
    assert_eq!(good.signatures[0].chain, ["CN=Signer", "CN=Root", "CN=Top"]);
    says(&judged(Some(since), Listed::Not), &["CA certificate is revoked"]);
    says(&judged(Some(since), since), &["Certificate is revoked", "CA certificate is revoked"]);
    let without = judged(None, since);
    says(&without, &["Certificate is revoked"]);
    assert!(without.has(Code::RevocationUnknown), "{without:#?}");
    is(&judged(None, Listed::Not), Verdict::Indeterminate, Code::RevocationUnknown);
}

/// SHA-1 is refused, and only noted where an operator allows it; a forged one is wrong in both.
#[test]
fn sha_1_is_refused_unless_allowed() {
    let world = world(Listed::Not);
    let read = Prescription::read(V3.as_bytes()).unwrap();
    let info = SignedInfo::over(read.fragments(), Algorithm::Rs1);
    let dir = world.dir.path();
    std::fs::write(dir.join("info"), info.to_string()).unwrap();
    let made = std::process::Command::new("openssl")
        .args(["dgst", "-sha1", "-sign", "signer.key", "-out", "value", "info"])
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(made.success());
    let value = std::fs::read(dir.join("value")).unwrap();
    let signed = |value: &[u8]| {
        let signature = eps::write(&info, value, world.signer.der());
        V3.replace(
            "<signatureText nullFlavor=\"NA\"/>",
            &format!("<signatureText>{signature}</signatureText>"),
        )
    };
    let old = ["--sha1"];
    assert_eq!(stranger(&world, &signed(&value), None, &old), json!({"accepted": true}));
    assert_eq!(stranger(&world, &signed(&[1; 256]), None, &old)["accepted"], false);
    assert_eq!(stranger(&world, &signed(&value), None, &[])["accepted"], false, "it is not SHA-256");
    let evidence = Evidence::prescription(signed(&value).as_bytes());
    is(&evidence.judge(&world.trust()), Verdict::Invalid, Code::AlgorithmWeak);
    says(&evidence.judge(&world.trust()), &[]);
    let noted = Trust { weak: Weak::Noted, ..world.trust() };
    let report = evidence.judge(&noted);
    holds(&report);
    assert!(report.has(Code::AlgorithmWeak));
    let forged = Evidence::prescription(signed(&[1; 256]).as_bytes()).judge(&noted);
    is(&forged, Verdict::Invalid, Code::SignatureWrong);
}

/// Damaged prescriptions are refused or hold for what was signed, and never panic.
#[test]
fn damaged_prescriptions_never_panic() {
    let world = world(Listed::Not);
    for sample in [fhir(&world).to_string(), v3(&world)] {
        let read = |octets: &[u8]| {
            let report = Evidence::prescription(octets).judge(&world.trust());
            assert!(report.eps.is_some());
            super::super::read_anything(octets);
        };
        platform::hammer::hammer(sample.as_bytes(), 300, read).unwrap();
    }
}
