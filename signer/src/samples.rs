//! Real prescriptions and real signatures from outside, where they are: they are nobody's to copy, so this repository has none of them.
//!
//! `LANYARD_SAMPLES` names their folder; `tools/env` sets it where one lies beside the repository. Without it there is nothing to judge here,
//! and each of these says so.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::path::Known;
use serde_json::Value;

use crate::eps::{Algorithm, AuthorTime, Message, Prescription, SignedInfo};
use crate::verification::{Authorship, Code, Document, Evidence, Report, Trust, Weak, Work};
use crate::xml;

/// The samples of this name, each a file or a folder, at least so many.
fn samples(name: &str, least: usize) -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("LANYARD_SAMPLES") else {
        eprintln!("LANYARD_SAMPLES names no folder: {name} is not judged");
        return Vec::new();
    };
    let folder = Path::new(&folder).join(name);
    let read = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<PathBuf> = read.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(found.len() >= least, "{} samples in {}", found.len(), folder.display());
    found
}

/// The one folder that has what the real service signed and verified; nothing where there are no samples.
fn signatures() -> Option<PathBuf> {
    let folders = samples("eps", 6);
    let named: Vec<&PathBuf> = folders.iter().filter(|it| it.ends_with("signature")).collect();
    let expected = usize::from(!folders.is_empty());
    assert_eq!(named.len(), expected, "folders named signature: {named:?}");
    named.first().map(|folder| (*folder).clone())
}

fn text(path: &Path, name: &str) -> String {
    std::fs::read_to_string(path.join(name)).unwrap()
}

/// What the real service answered: the statement, the time, the algorithm.
fn answered(path: &Path) -> [String; 3] {
    let answer: Value = serde_json::from_str(&text(path, "prepare-response.json")).unwrap();
    ["digest", "timestamp", "algorithm"].map(|name| {
        let parameters = answer["parameter"].as_array().unwrap();
        let found = parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
        found["valueString"].as_str().unwrap().to_owned()
    })
}

/// Judged with nobody trusted: what is left is whether signature and document go together.
fn judged(evidence: &Evidence) -> Report {
    evidence.judge(&Trust {
        anchors: &[],
        extra: &[],
        known: Known::default(),
        now_ms: 1_795_540_800_000,
        policies: &[],
        signers: 1,
        weak: Weak::Noted,
        told: &[],
        authorship: Authorship::Unasked,
        work: Work::default(),
    })
}

/// Every sample prescription, in FHIR and in HL7 V3, is prepared to the very statement of the real service at its time, and can be shown.
#[test]
fn real_prescriptions_are_prepared_as_they_really_are() {
    let folders = samples("eps", 6);
    for folder in folders.iter().filter(|it| it.file_name().is_some_and(|name| name != "signature")) {
        let [digest, timestamp, algorithm] = answered(folder);
        assert_eq!(algorithm, "RS256");
        let expected = String::from_utf8(STANDARD.decode(digest).unwrap()).unwrap();
        let at = AuthorTime::from_fhir(&timestamp, "timestamp").unwrap();
        let fhir = text(folder, "prepare-request.json");
        let fhir = Message::read(fhir.as_bytes()).unwrap().fragments(at).unwrap();
        assert_eq!(SignedInfo::over(&fhir, Algorithm::Rs256).to_string(), expected, "{}", folder.display());
        let v3 = text(folder, "parent-prescription.hl7v3.xml");
        let (before, rest) = v3.split_once("<time value=\"").unwrap();
        let (_, after) = rest.split_once('"').unwrap();
        let v3 = format!("{before}<time value=\"{}\"{after}", at.v3());
        let v3 = Prescription::read(v3.as_bytes()).unwrap().fragments().clone();
        assert_eq!(SignedInfo::over(&v3, Algorithm::Rs256).to_string(), expected, "{}", folder.display());
        let told = v3.told().unwrap();
        assert_eq!(told, fhir.told().unwrap());
        assert!(!told.patient.is_empty() && !told.author.name.is_empty() && !told.items.is_empty());
    }
}

/// The canonical form of real fragments is the real one, octet for octet.
#[test]
fn real_fragments_have_the_real_canonical_form() {
    let Some(folder) = signatures() else { return };
    let fragments = text(&folder, "PrepareIntermediate-Hl7V3SignatureFragments.xml");
    let read = xml::read(fragments.as_bytes(), fragments.len()).unwrap();
    let expected = text(&folder, "PrepareIntermediate-Hl7V3SignatureFragmentsCanonicalized.txt");
    assert_eq!(xml::canonical(&read.compact()), expected.trim_end());
}

/// A real signed prescription has a good signature over what it says, and one that the real service refuses has not.
#[test]
fn real_signatures_are_judged_as_they_really_are() {
    let Some(folder) = signatures() else { return };
    let judged = |name: &str| judged(&Evidence::prescription(text(&folder, name).as_bytes()));
    let wrong = ["Signature is invalid", "Signature doesn't match prescription"];
    let says = |report: &Report| report.eps.iter().flatten().any(|words| wrong.contains(&words.as_str()));
    let valid = judged("ValidSignature.xml");
    assert!(!says(&valid), "{valid:#?}");
    let invalid = judged("SignatureIsInvalid.xml");
    assert!(says(&invalid), "{invalid:#?}");
}

/// The German prescriptions, signed by three makers, read, and their signatures are good over what is inside; with one octet changed they are not.
#[test]
fn real_german_signatures_verify() {
    for path in samples("gematik", 3) {
        let octets = std::fs::read(&path).unwrap();
        let report = judged(&Evidence::cms(&octets, Document::Inside));
        let [signature] = &report.signatures[..] else { panic!("{}: {report:#?}", path.display()) };
        assert!(signature.signer.is_some() && signature.claimed_time.is_some(), "{report:#?}");
        for code in [
            Code::Malformed,
            Code::NotDer,
            Code::SignatureWrong,
            Code::DigestMismatch,
            Code::CertificateOther,
        ] {
            assert!(!report.has(code), "{}: {code:?} {report:#?}", path.display());
        }
        for code in [Code::AlgorithmNotAccepted, Code::AttributesMissing, Code::AttributesWrong] {
            assert!(!report.has(code), "{}: {code:?} {report:#?}", path.display());
        }
        let at = octets.windows(8).position(|window| window == b"Medicati").unwrap();
        let mut changed = octets.clone();
        changed[at] = b'm';
        assert!(judged(&Evidence::cms(&changed, Document::Inside)).has(Code::DigestMismatch));
    }
}
