//! Signatures made by openssl, judged here.

use std::process::Command;

use pki::path::Known;
use pki::{Certificate, Crl};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};

use super::{Document, Invalid, Trust, Valid, verify};

const DOCUMENT: &[u8] = b"21 capsules";
/// Within the validity of everything made here: 2026-06-01.
const NOW_MS: i64 = 1_780_272_000_000;

/// A root, a signer below it, and what the root's revocation list says.
struct World {
    dir: tempfile::TempDir,
    root: Certificate,
    crl: Crl,
}

impl World {
    fn new(usage: KeyUsagePurpose, revoked: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root_key = KeyPair::generate().unwrap();
        let root = parameters("Root", 1, |it| {
            it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            it.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        });
        let root_certificate = root.self_signed(&root_key).unwrap();
        let issuer = Issuer::new(root, root_key);
        for (name, serial, usage) in [("signer", 2, usage), ("second", 3, KeyUsagePurpose::ContentCommitment)]
        {
            let key = KeyPair::generate().unwrap();
            let signer = parameters(if serial == 2 { "Signer" } else { "Second" }, serial, |it| {
                it.key_usages = vec![usage];
                it.use_authority_key_identifier_extension = true;
            });
            let signer = signer.signed_by(&key, &issuer).unwrap();
            std::fs::write(dir.path().join(format!("{name}.pem")), signer.pem()).unwrap();
            std::fs::write(dir.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        let entry = RevokedCertParams {
            serial_number: SerialNumber::from(if revoked { 2 } else { 9 }),
            revocation_time: date_time_ymd(2026, 2, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2029, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![entry],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let crl = Crl::from_der(list.signed_by(&issuer).unwrap().der()).unwrap();
        Self { dir, root: Certificate::from_der(root_certificate.der()).unwrap(), crl }
    }

    /// A signature by openssl.
    fn sign(&self, options: &[&str]) -> Vec<u8> {
        let path = self.dir.path();
        std::fs::write(path.join("document"), DOCUMENT).unwrap();
        let status = Command::new("openssl")
            .args(["cms", "-sign", "-binary", "-outform", "DER", "-in", "document", "-out", "out.p7s"])
            .args(["-signer", "signer.pem", "-inkey", "signer.key", "-nosmimecap"])
            .args(options)
            .current_dir(path)
            .status()
            .unwrap();
        assert!(status.success());
        std::fs::read(path.join("out.p7s")).unwrap()
    }

    fn judge(&self, signature: &[u8], document: Document<'_>) -> Result<Vec<Valid>, Invalid> {
        let (anchors, crls) = (std::slice::from_ref(&self.root), std::slice::from_ref(&self.crl));
        verify(signature, document, &Trust { anchors, extra: &[], known: crls.into(), at_ms: NOW_MS })
    }
}

fn parameters(name: &str, serial: u64, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = date_time_ymd(2026, 1, 1);
    parameters.not_after = date_time_ymd(2028, 1, 1);
    parameters.serial_number = Some(SerialNumber::from(serial));
    change(&mut parameters);
    parameters
}

fn message(result: Result<Vec<Valid>, Invalid>) -> String {
    result.expect_err("the signature was accepted").to_string()
}

/// A CAdES signature by openssl holds, detached and enveloping, and says who signed.
#[test]
fn good_signatures_hold() {
    let world = World::new(KeyUsagePurpose::ContentCommitment, false);
    let detached = world.sign(&["-cades"]);
    let valid = world.judge(&detached, Document::Beside(DOCUMENT)).unwrap();
    assert_eq!(valid[0].signer.common_name().as_deref(), Some("Signer"));
    assert_eq!(valid[0].proof.chain().len(), 2);
    assert!(valid[0].claimed_at_ms.is_some());
    let enveloping = world.sign(&["-cades", "-nodetach"]);
    assert!(world.judge(&enveloping, Document::Inside).is_ok());
    assert!(world.judge(&enveloping, Document::Beside(DOCUMENT)).is_ok());
    assert!(
        message(world.judge(&enveloping, Document::Beside(b"210 capsules"))).contains("not the file given")
    );
    assert!(message(world.judge(&detached, Document::Inside)).contains("detached"));
}

/// A changed document, a changed signature and a missing certificate binding are each refused in their own words.
#[test]
fn changed_signatures_do_not_hold() {
    let world = World::new(KeyUsagePurpose::ContentCommitment, false);
    let signature = world.sign(&["-cades"]);
    let changed = world.judge(&signature, Document::Beside(b"210 capsules"));
    assert!(matches!(changed, Err(Invalid::DocumentChanged { .. })));
    let mut broken = signature.clone();
    *broken.last_mut().unwrap() ^= 1;
    assert!(matches!(world.judge(&broken, Document::Beside(DOCUMENT)), Err(Invalid::WrongSignature)));
    let unbound = world.sign(&[]);
    assert!(message(world.judge(&unbound, Document::Beside(DOCUMENT))).contains("no signing certificate"));
    let bare = world.sign(&["-noattr"]);
    assert!(message(world.judge(&bare, Document::Beside(DOCUMENT))).contains("there are none"));
    assert!(message(world.judge(b"not DER", Document::Beside(DOCUMENT))).contains("not a CMS signature"));
    for end in 1..signature.len() {
        assert!(world.judge(&signature[..end], Document::Beside(DOCUMENT)).is_err(), "cut at {end}");
    }
}

/// A CMS with two signers holds when both hold, and says who they are; one of them revoked or changed, it does not.
#[test]
fn every_signer_must_hold() {
    let both = ["-cades", "-signer", "second.pem", "-inkey", "second.key"];
    let world = World::new(KeyUsagePurpose::ContentCommitment, false);
    let signature = world.sign(&both);
    let mut names: Vec<_> = world
        .judge(&signature, Document::Beside(DOCUMENT))
        .unwrap()
        .iter()
        .map(|valid| valid.signer.common_name().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["Second", "Signer"]);
    let mut broken = signature.clone();
    *broken.last_mut().unwrap() ^= 1;
    assert!(matches!(world.judge(&broken, Document::Beside(DOCUMENT)), Err(Invalid::WrongSignature)));
    let revoked = World::new(KeyUsagePurpose::ContentCommitment, true);
    let judged = revoked.judge(&revoked.sign(&both), Document::Beside(DOCUMENT));
    assert!(message(judged).contains("revoked"));
}

/// A revoked signer, one whose key is not for documents, an unknown root and a missing list are refused.
#[test]
fn untrusted_signers_do_not_hold() {
    let revoked = World::new(KeyUsagePurpose::ContentCommitment, true);
    let signature = revoked.sign(&["-cades"]);
    assert!(message(revoked.judge(&signature, Document::Beside(DOCUMENT))).contains("revoked"));

    let agreement = World::new(KeyUsagePurpose::KeyAgreement, false);
    let signature = agreement.sign(&["-cades"]);
    let judged = agreement.judge(&signature, Document::Beside(DOCUMENT));
    assert!(matches!(judged, Err(Invalid::KeyUsage { .. })));

    // As a client's certificate for TLS has it: it signs handshakes, and commits nobody to a document.
    let handshakes = World::new(KeyUsagePurpose::DigitalSignature, false);
    let signature = handshakes.sign(&["-cades"]);
    let judged = handshakes.judge(&signature, Document::Beside(DOCUMENT));
    assert!(matches!(judged, Err(Invalid::KeyUsage { .. })));

    let (one, other) = (World::new(KeyUsagePurpose::ContentCommitment, false), revoked);
    let signature = one.sign(&["-cades"]);
    assert!(message(other.judge(&signature, Document::Beside(DOCUMENT))).contains("not to be trusted"));
    let anchors = [one.root.clone()];
    let trust = Trust { anchors: &anchors, extra: &[], known: Known::default(), at_ms: NOW_MS };
    assert!(message(verify(&signature, Document::Beside(DOCUMENT), &trust)).contains("revoked is not known"));
    let late = Trust { at_ms: 1_900_000_000_000, known: std::slice::from_ref(&one.crl).into(), ..trust };
    assert!(message(verify(&signature, Document::Beside(DOCUMENT), &late)).contains("expired"));
}

/// Octets of good signatures changed, cut off and doubled: the reader refuses or reads them and never panics, and none holds
/// that covers anything else.
#[test]
fn damaged_signatures_never_panic() {
    let world = World::new(KeyUsagePurpose::ContentCommitment, false);
    for options in [&["-cades"][..], &["-cades", "-nodetach"], &["-noattr"]] {
        let good = world.sign(options);
        let read = |octets: &[u8]| {
            super::read_anything(octets);
            if let Ok(valid) = world.judge(octets, Document::Beside(DOCUMENT)) {
                assert_eq!(valid[0].signer.common_name().as_deref(), Some("Signer"));
            }
        };
        platform::hammer::hammer(&good, 1000, read).unwrap();
    }
}
