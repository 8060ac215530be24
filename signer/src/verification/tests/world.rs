//! A root, signers below it, and what the root's revocation list says.

use std::process::Command;

use hsm::Alg;
use pki::path::Known;
use pki::{Certificate, Crl};
use platform::clock::Millis;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, RsaKeySize,
    SerialNumber, SigningKey as _, date_time_ymd,
};

use crate::cms::Template;
use crate::suite;
use crate::verification::{Authorship, Document, Evidence, Report, Trust, Weak, Work};

pub(super) const DOCUMENT: &[u8] = b"21 capsules";
/// Within the validity of everything made here, and behind whatever time openssl claims: 2080-01-01.
pub(super) const NOW_MS: i64 = 3_471_292_800_000;
/// When signatures of our own making claim to be made: 2026-06-01.
pub(super) const SIGNED_MS: i64 = 1_780_272_000_000;

/// What the list says of the signer.
#[derive(Clone, Copy)]
pub(super) enum Listed {
    Not,
    /// From 1 January of this year, for this reason.
    Since(i32, RevocationReason),
}

pub(super) struct World {
    pub(super) dir: tempfile::TempDir,
    pub(super) root: Certificate,
    pub(super) crl: Crl,
    pub(super) signer: Certificate,
    pub(super) key: KeyPair,
    pub(super) issuer: Issuer<'static, KeyPair>,
}

impl World {
    pub(super) fn new(usage: KeyUsagePurpose, listed: Listed) -> Self {
        Self::with(usage, listed, KeyPair::generate().unwrap(), |_| {})
    }

    /// Of an RSA key, as prescriptions are signed.
    pub(super) fn rsa(listed: Listed, size: RsaKeySize, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size).unwrap();
        Self::with(KeyUsagePurpose::ContentCommitment, listed, key, change)
    }

    pub(super) fn with(
        usage: KeyUsagePurpose,
        listed: Listed,
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root_key = KeyPair::generate().unwrap();
        let root = parameters("Root", 1, |it| {
            it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            it.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        });
        let root_certificate = root.self_signed(&root_key).unwrap();
        let issuer = Issuer::new(root, root_key);
        let signer = parameters("Signer", 2, |it| {
            it.key_usages = vec![usage];
            it.use_authority_key_identifier_extension = true;
            change(it);
        });
        let signer = signer.signed_by(&key, &issuer).unwrap();
        let second_key = KeyPair::generate().unwrap();
        let second = parameters("Second", 3, |it| {
            it.key_usages = vec![KeyUsagePurpose::ContentCommitment];
            it.use_authority_key_identifier_extension = true;
        });
        let second = second.signed_by(&second_key, &issuer).unwrap();
        for (name, certificate, key) in [("signer", &signer, &key), ("second", &second, &second_key)] {
            std::fs::write(dir.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(dir.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self {
            dir,
            root: Certificate::from_der(root_certificate.der()).unwrap(),
            crl: list(&issuer, listed),
            signer: Certificate::from_der(signer.der()).unwrap(),
            key,
            issuer,
        }
    }

    /// A further root above the one of this world, which is then an authority below it: the root, its certificate for that authority, and its
    /// list, which may have it.
    pub(super) fn above(&self, listed: Listed) -> (Certificate, Certificate, Crl) {
        let (root, below, top) = self.issuer_above();
        (root, below, list(&top, listed))
    }

    /// The same with whoever makes its lists.
    pub(super) fn issuer_above(&self) -> (Certificate, Certificate, Issuer<'static, KeyPair>) {
        let authority = |name: &str, serial| {
            parameters(name, serial, |it| {
                it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                it.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
                it.use_authority_key_identifier_extension = true;
            })
        };
        let key = KeyPair::generate().unwrap();
        let top = authority("Top", 1);
        let root = top.self_signed(&key).unwrap();
        let top = Issuer::new(top, key);
        let below = authority("Root", 2).signed_by(self.issuer.key(), &top).unwrap();
        let read = |der: &[u8]| Certificate::from_der(der).unwrap();
        (read(root.der()), read(below.der()), top)
    }

    /// Another certificate for the signer's key with the same serial number, of the same length as the true one.
    pub(super) fn twin(&self) -> Vec<u8> {
        loop {
            let twin = parameters("Sigmer", 2, |it| {
                it.key_usages = vec![KeyUsagePurpose::ContentCommitment];
                it.use_authority_key_identifier_extension = true;
            });
            let twin = twin.signed_by(&self.key, &self.issuer).unwrap().der().to_vec();
            if twin.len() == self.signer.der().len() {
                return twin;
            }
        }
    }

    /// A signature by openssl.
    pub(super) fn sign(&self, options: &[&str]) -> Vec<u8> {
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

    /// A detached signature of our own making, which claims this time.
    pub(super) fn sign_at(&self, at_ms: i64) -> Vec<u8> {
        self.sign_document(DOCUMENT, at_ms)
    }

    /// The same of another document.
    pub(super) fn sign_document(&self, document: &[u8], at_ms: i64) -> Vec<u8> {
        let template = Template::new(Alg::P256, self.signer.der(), self.root.der()).unwrap();
        let digest = suite::of(Alg::P256).unwrap().hash.digest(document);
        let attributes = template.attributes(&digest, Millis(at_ms)).unwrap();
        let signature = self.key.sign(attributes.to_sign()).unwrap();
        template.assemble(&attributes, &signature, None)
    }

    pub(super) fn judge(&self, signature: &[u8], document: Document<'_>) -> Report {
        self.judge_at(signature, document, NOW_MS)
    }

    pub(super) fn judge_at(&self, signature: &[u8], document: Document<'_>, now_ms: i64) -> Report {
        Evidence::cms(signature, document).judge(&Trust { now_ms, ..self.trust() })
    }

    pub(super) fn trust(&self) -> Trust<'_> {
        let known: Known<'_> = std::slice::from_ref(&self.crl).into();
        Trust {
            anchors: std::slice::from_ref(&self.root),
            extra: &[],
            known,
            now_ms: NOW_MS,
            policies: &[],
            signers: 1,
            weak: Weak::Refused,
            told: &[],
            authorship: Authorship::Signers,
            work: Work::default(),
        }
    }
}

fn list(issuer: &Issuer<'_, KeyPair>, listed: Listed) -> Crl {
    let revoked_certs = match listed {
        Listed::Not => Vec::new(),
        Listed::Since(year, reason) => vec![RevokedCertParams {
            serial_number: SerialNumber::from(2),
            revocation_time: date_time_ymd(year, 1, 1),
            reason_code: Some(reason),
            invalidity_date: None,
        }],
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2090, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Crl::from_der(list.signed_by(issuer).unwrap().der()).unwrap()
}

pub(super) fn parameters(
    name: &str,
    serial: u64,
    change: impl FnOnce(&mut CertificateParams),
) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2089, 1, 1);
    parameters.serial_number = Some(SerialNumber::from(serial));
    change(&mut parameters);
    parameters
}

/// privateKeyUsagePeriod from one year to another.
pub(super) fn key_period(from: i32, until: i32) -> CustomExtension {
    let field = |tag: u8, year: i32| [&[tag, 15][..], format!("{year}0101000000Z").as_bytes()].concat();
    let fields = [field(0x80, from), field(0x81, until)].concat();
    let length = u8::try_from(fields.len()).unwrap();
    // 2.5.29.16, RFC 3280 4.2.1.4.
    CustomExtension::from_oid_content(&[2, 5, 29, 16], [&[0x30, length][..], &fields].concat())
}
