//! What strangers send that is read before anybody believes it, as plain functions: a stable test gives them mutations, and a target in `fuzz/`
//! gives them to cargo-fuzz. Signatures of every sort are read by `verification::read_anything`, questions for time-stamps by
//! `time_stamp::read_anything`.

use platform::clock::Millis;
use serde_json::json;

use crate::dss::{MOST, Statement};
use crate::eps::{Algorithm, AuthorTime, Signature, SignedInfo};
use crate::prepare::Document;
use crate::xml;

/// When what is read was written: 2026-12-31.
const THEN: Millis = Millis(1_798_675_200_000);
/// The largest XML that is read here.
const LARGEST: usize = 1024 * 1024;

/// Reads the request of an application, which is a JWS.
pub fn signing_request(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let Ok(statement) = Statement::read(text) else { return };
    assert!(
        (1..=MOST).contains(&statement.payloads.len()),
        "a request for nothing, or for too much, was read"
    );
    for payload in &statement.payloads {
        // What is signed is what was understood, octet for octet.
        assert_eq!(payload.info.to_string().as_bytes(), payload.octets, "a statement has two forms");
    }
    let key = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"});
    assert!(!statement.is_by(&key), "a key of another kind verified it");
    let _checked = statement.check("https://id.example.org/signing-service", THEN);
}

/// Reads a prescription, as FHIR or HL7 V3, and what would be signed of it; and any XML.
pub fn prescription(octets: &[u8]) {
    if let Ok(element) = xml::read(octets, LARGEST) {
        let canonical = xml::canonical(&element);
        let again = xml::read(canonical.as_bytes(), canonical.len()).map(|element| xml::canonical(&element));
        assert_eq!(again.ok().as_ref(), Some(&canonical), "the canonical form is not its own");
    }
    let _signature = Signature::read(octets);
    let Ok(document) = Document::read(octets) else { return };
    let Ok(at) = AuthorTime::at(THEN) else { return };
    let fragments = match &document {
        Document::Fhir(message) => message.fragments(at),
        Document::V3(prescription) => Ok(prescription.fragments().clone()),
    };
    let Ok(fragments) = fragments else { return };
    let info = SignedInfo::over(&fragments, Algorithm::Rs256).to_string();
    let read = xml::read(info.as_bytes(), info.len()).ok().and_then(|element| SignedInfo::of(&element));
    assert_eq!(read.map(|read| read.to_string()), Some(info), "a statement does not read back");
    let _told = fragments.told();
}
