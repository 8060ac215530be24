//! Prescriptions with their XML signatures, judged by the rules of the Electronic Prescription Service and by stricter ones.

use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use pki::path::Known;
use pki::{Certificate, Crl};

use super::certificate::{self, Shown, When};
use super::proven::{Made, Proof, Value};
use super::read_before;
use super::report::{Author, Code, Findings, Form, Report, SignatureReport, Weight};
use super::{Authorship, Trust, Weak, told};
use crate::eps::{
    Algorithm, AuthorTime, Fault, Fragments, Message, Prescription, Signature, SignatureFault, SignedInfo,
};
use crate::prepare::Document;
use crate::rsa_key;
use crate::suite::Hash;

/// What the service of today says, in the order in which it says it.
const WORDS: [(Code, &str); 8] = [
    (Code::SignatureWrong, "Signature is invalid"),
    (Code::AlgorithmNotAccepted, "Signature is invalid"),
    (Code::DigestMismatch, "Signature doesn't match prescription"),
    (Code::Revoked, "Certificate is revoked"),
    (Code::AuthorityRevoked, "CA certificate is revoked"),
    (Code::CertificateTime, "Certificate expired when signed"),
    (Code::NotTrusted, "Certificate not trusted"),
    (Code::CertificatePolicy, "Certificate not trusted"),
];
const FORMAT: &str = "Invalid signature format";
const SEVERAL: &str = "Multiple certificates detected";
const CERTIFICATE: &str = "Invalid certificate";
const UNCAUGHT: &str = "Uncaught error during signature verification";

/// A prescription with its signature, read but not believed.
#[derive(Debug)]
pub(super) struct Evidence {
    form: Form,
    read: Result<Signed, Refused>,
    /// What says since when the signature was there: an XML signature has nothing around it that could.
    proof: Option<Proof>,
}

/// The parts of it.
#[derive(Debug)]
struct Signed {
    fragments: Fragments,
    at: AuthorTime,
    /// The octets that were signed.
    octets: String,
    info: Option<SignedInfo>,
    formatted: bool,
    value: Vec<u8>,
    certificate: Certificate,
}

/// Why nothing more was looked at: the one thing that is then said.
#[derive(Debug)]
struct Refused {
    code: Code,
    sentence: String,
    words: &'static str,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { code: Code::Malformed, sentence: fault.to_string(), words: UNCAUGHT }
    }
}

impl From<SignatureFault> for Refused {
    fn from(fault: SignatureFault) -> Self {
        let (code, words) = match fault {
            SignatureFault::Format => (Code::SignatureFormat, FORMAT),
            SignatureFault::SeveralCertificates => (Code::CertificatesSeveral, SEVERAL),
            SignatureFault::Certificate => (Code::CertificateUnreadable, CERTIFICATE),
        };
        Self { code, sentence: fault.to_string(), words }
    }
}

impl Evidence {
    /// Reads either form.
    pub(super) fn read(octets: &[u8]) -> Self {
        match Document::read(octets) {
            Ok(Document::Fhir(message)) => Self { form: Form::Fhir, read: of_message(&message), proof: None },
            Ok(Document::V3(prescription)) => {
                Self { form: Form::Hl7V3, read: of_v3(&prescription), proof: None }
            }
            Err(fault) => {
                let form = if octets.trim_ascii_start().starts_with(b"<") { Form::Hl7V3 } else { Form::Fhir };
                Self { form, read: Err(fault.into()), proof: None }
            }
        }
    }

    /// The certificates of the signer, and of those who gave the time-stamps that prove when, as far as they read.
    pub(super) fn signers(&self) -> Vec<Certificate> {
        let signer = self.read.as_ref().ok().map(|signed| signed.certificate.clone());
        let stampers = self.proof.iter().flat_map(Proof::signers);
        signer.into_iter().chain(stampers).collect()
    }

    /// With what proves its time.
    pub(super) fn proven_by(self, proofs: Vec<(usize, Proof)>) -> Self {
        Self { proof: proofs.into_iter().next().map(|(_, proof)| proof), ..self }
    }

    /// The signature, if it reads.
    pub(super) fn value(&self) -> Option<Value<'_>> {
        let Signed { certificate, value, at, .. } = self.read.as_ref().ok()?;
        Some(Value { certificate, signature: value, claimed_ms: at.millis().0 })
    }

    /// Who signed, and the role profile in which it is written.
    pub(super) fn role_profile(&self) -> Option<(&Certificate, String)> {
        let signed = self.read.as_ref().ok()?;
        Some((&signed.certificate, signed.author()?.role_profile))
    }

    /// Judges it: everything is collected, as the service does.
    pub(super) fn judge(&self, trust: &Trust<'_>) -> Report {
        let mut findings = Findings::default();
        let signed = match &self.read {
            Ok(signed) => signed,
            Err(refused) => {
                findings.fails(refused.code, &*refused.sentence);
                let report = Report::new(self.form, trust.now_ms, findings, Vec::new());
                return Report { eps: Some(vec![refused.words.to_owned()]), ..report };
            }
        };
        signed.value(trust.weak, &mut findings);
        signed.statement(&mut findings);
        signed.authorship(trust.authorship, &mut findings);
        let proof = self.proof.as_ref();
        let lists = proof.into_iter().flat_map(Proof::crls);
        let crls: Vec<Crl> = trust.known.crls.iter().cloned().chain(lists).collect();
        let trust = &Trust { known: Known { crls: &crls, ..trust.known }, ..*trust };
        let trusted_ms = proof.and_then(|proof| proof.proven_ms(&signed.made(), trust, &mut findings));
        let shown = proof.map_or(Shown::Since, Proof::shown);
        let when = When { claimed_ms: Some(signed.at.millis().0), trusted_ms, shown };
        let chain = certificate::judge(&signed.certificate, trust.extra, when, trust, &mut findings);
        let words = words(&findings);
        let digest = signed.info.as_ref().and_then(SignedInfo::digest_octets).map(hex::encode);
        let report = told(Some(&signed.certificate), digest, findings, when, &chain);
        let report = SignatureReport { author: signed.author(), ..report };
        let report = Report::new(self.form, trust.now_ms, Findings::default(), vec![report]);
        Report { eps: Some(words), ..report }
    }
}

fn of_message(message: &Message) -> Result<Signed, Refused> {
    let signature = message.signature().ok_or_else(missing)?;
    let fragments = message.fragments(signature.when)?;
    Signed::new(fragments, signature.when, &Signature::read(&signature.data)?)
}

fn of_v3(prescription: &Prescription) -> Result<Signed, Refused> {
    let signature = Signature::of(prescription.signature().ok_or_else(missing)?)?;
    Signed::new(prescription.fragments().clone(), prescription.author_time()?, &signature)
}

fn missing() -> Refused {
    Refused {
        code: Code::SignatureMissing,
        sentence: "the prescription has no signature of its author".to_owned(),
        words: FORMAT,
    }
}

impl Signed {
    fn new(fragments: Fragments, at: AuthorTime, signature: &Signature) -> Result<Self, Refused> {
        let certificate = read_before::certificate(signature.certificate()).map_err(|error| Refused {
            code: Code::CertificateUnreadable,
            sentence: format!("the certificate of the signature cannot be read: {error}"),
            words: CERTIFICATE,
        })?;
        Ok(Self {
            fragments,
            at,
            octets: signature.signed_octets(),
            info: signature.info(),
            formatted: !signature.is_unformatted(),
            value: signature.value().to_vec(),
            certificate,
        })
    }

    /// The signature value over the statement.
    fn value(&self, weak: Weak, findings: &mut Findings) {
        let Some(key) = rsa_key::of(&self.certificate) else {
            findings.fails(
                Code::AlgorithmNotAccepted,
                "prescriptions are signed with RSA, and the certificate has no such key",
            );
            return;
        };
        let verifies = |verifier| {
            UnparsedPublicKey::new(verifier, &key).verify(self.octets.as_bytes(), &self.value).is_ok()
        };
        let strong = verifies(&RSA_PKCS1_2048_8192_SHA256);
        let old = match self.info.as_ref().map(SignedInfo::algorithm) {
            // What the service of today takes: the algorithm that the statement names.
            Some(Algorithm::Rs256) => verifies(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
            Some(Algorithm::Rs1) => verifies(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
            None => false,
        };
        match &self.info {
            Some(info) if strong && info.algorithm() == Algorithm::Rs256 => {}
            Some(_) if old => {
                let weight = if weak == Weak::Noted { Weight::Note } else { Weight::Fails };
                findings.add(
                    Code::AlgorithmWeak,
                    weight,
                    "the signature is made with SHA-1 or with a key below 2048 bits",
                );
            }
            // The statement is refused by itself.
            None if strong => {}
            _ => findings
                .fails(Code::SignatureWrong, "the signature value does not match the key of the certificate"),
        }
    }

    /// In whose name it is written; nothing where that cannot be read.
    fn author(&self) -> Option<Author> {
        let told = self.fragments.author().ok()?;
        Some(Author { name: told.name, role_profile: told.role_profile, organisation: told.organisation })
    }

    /// The author against the signer: whoever may sign prescriptions may sign none in another's name.
    fn authorship(&self, authorship: Authorship, findings: &mut Findings) {
        let Some(author) = self.author() else {
            findings.open(
                Code::AuthorUnknown,
                "who its author is cannot be read, so nobody knows whether they signed it",
            );
            return;
        };
        let Author { name, role_profile, .. } = author;
        match authorship {
            Authorship::Signers => {}
            Authorship::Others => findings.fails(
                Code::AuthorOther,
                format!("the author is {name}, in role {role_profile}, and the certificate is that of somebody else"),
            ),
            Authorship::Unknown => findings.open(
                Code::AuthorUnknown,
                format!("whether the signer is the author, {name}, is not known: nothing here says that whoever has the certificate has role {role_profile}"),
            ),
            Authorship::Unasked => findings.add(
                Code::AuthorUnknown,
                Weight::Note,
                format!("nothing here says whether the signer is the author, {name}: compare the two names"),
            ),
        }
    }

    /// As the ledger has it: authorised by what was signed.
    fn made(&self) -> Made<'_> {
        let digests = vec![Hash::Sha256.digest(self.octets.as_bytes())];
        Made { certificate: &self.certificate, signature: &self.value, digests }
    }

    /// The statement against the prescription.
    fn statement(&self, findings: &mut Findings) {
        let Some(info) = &self.info else {
            findings.fails(
                Code::StatementForm,
                "what was signed is not the statement that prescriptions have: one reference, exclusive canonical XML, and RSA with \
                 SHA-256 or SHA-1",
            );
            findings.fails(Code::DigestMismatch, "so it says nothing of this prescription");
            return;
        };
        let found = SignedInfo::over(&self.fragments, info.algorithm());
        if found != *info {
            findings.fails(
                Code::DigestMismatch,
                format!(
                    "the prescription is not the one that was signed: its digest is {}, the signature covers {}",
                    found.digest(),
                    info.digest()
                ),
            );
        }
        if self.formatted {
            findings.add(
                Code::StatementFormatted,
                Weight::Note,
                "white space was put into SignedInfo after it was signed; general verifiers of XML signatures refuse that",
            );
        }
    }
}

/// The same in the words of the service, as far as it looks.
fn words(findings: &Findings) -> Vec<String> {
    let mut words: Vec<String> =
        WORDS.iter().filter(|(code, _)| findings.has(*code)).map(|(_, words)| (*words).to_owned()).collect();
    words.dedup();
    words
}
