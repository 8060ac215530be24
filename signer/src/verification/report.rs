//! What a verification says: a verdict, and every reason for it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What holds. Anything but `valid` is to be treated as if there were no signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that was looked at holds.
    Valid,
    /// Nothing speaks against it, but something that must be known is not.
    Indeterminate,
    /// Something does not hold.
    Invalid,
}

/// What was verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A CMS signature, detached or with its document.
    Cms,
    /// A FHIR message with its Provenance.
    Fhir,
    /// An HL7 V3 prescription with the XML signature in it.
    Hl7V3,
    /// A bundle of evidence.
    Evidence,
    /// An evidence record of RFC 4998, with its document.
    EvidenceRecord,
}

/// How much a finding counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// It is said, and changes nothing.
    Note,
    /// Something is not known: the verdict is indeterminate.
    Open,
    /// The verdict is invalid.
    Fails,
}

/// A reason, for programs. They stay as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// It cannot be read as what it should be.
    Malformed,
    /// It reads, but is not written as DER demands: another reader could see another thing.
    NotDer,
    /// There is no signature.
    SignatureMissing,
    /// There are more signatures than expected.
    SignaturesSeveral,
    /// The parts of an XML signature are not those of one.
    SignatureFormat,
    /// The signature value does not match.
    SignatureWrong,
    /// What exactly was signed is not there, so that the signature value cannot be held against it.
    SignatureUnchecked,
    /// The document is neither inside nor beside.
    DocumentMissing,
    /// The document inside and the one beside differ.
    DocumentsDiffer,
    /// The document is not the signed one.
    DigestMismatch,
    /// The statement of an XML signature is not one that prescriptions have.
    StatementForm,
    /// White space was put into the statement after it was signed.
    StatementFormatted,
    /// An algorithm is not known, or not accepted.
    AlgorithmNotAccepted,
    /// SHA-1, or a key below 2048 bits.
    AlgorithmWeak,
    /// The algorithms in the signed attributes are not those of the signature.
    AlgorithmsExchanged,
    /// There are no signed attributes, or one that must be there is missing.
    AttributesMissing,
    /// A signed attribute is there twice or does not read.
    AttributesWrong,
    /// The signed content type is another one than that of the content.
    ContentTypeWrong,
    /// The signed attributes name another certificate.
    CertificateOther,
    /// The signer's certificate is not there.
    CertificateMissing,
    /// The signer's certificate does not read.
    CertificateUnreadable,
    /// More certificates than one could be the signer's.
    CertificatesSeveral,
    /// The certificate is not for signing documents.
    CertificateUsage,
    /// The certificate is not of a policy that is asked for.
    CertificatePolicy,
    /// No policy was asked for: none is set, and the profiles by which is signed here have none.
    PolicyNotAsked,
    /// The certificate was not valid at the time of signing.
    CertificateTime,
    /// The key was not to be used at the time of signing.
    KeyPeriod,
    /// No path leads to somebody who is trusted here, or it does not hold.
    NotTrusted,
    /// The certificate is revoked.
    Revoked,
    /// A certificate above it is revoked.
    AuthorityRevoked,
    /// It was revoked after the proven time of signing.
    RevokedLater,
    /// It was revoked after the claimed time of signing, which nothing proves.
    RevokedLaterUnproven,
    /// The certificate has ended since the claimed time of signing, which nothing proves; or nothing known says how it was at a proven one.
    ExpiredUnproven,
    /// Whether it is revoked is not known.
    RevocationUnknown,
    /// No time of signing is stated.
    TimeMissing,
    /// The claimed time of signing lies in the future.
    TimeFuture,
    /// The audit record does not prove that it was recorded.
    RecordUnproven,
    /// The audit record tells of something else.
    RecordOther,
    /// The person did not agree to this, or nothing proves it.
    ConsentWrong,
    /// A time-stamp is not right, or about something else: it proves nothing.
    TimeStampWrong,
    /// Whoever gave a time-stamp is not trusted here, or not known to have been good then: it proves nothing.
    TimeStampNotTrusted,
    /// There are more time-stamps than are looked at; the newest are.
    TimeStampsMany,
    /// The author of the prescription is somebody else than its signer.
    AuthorOther,
    /// Whether the author of the prescription is its signer is not known.
    AuthorUnknown,
}

/// One reason for the verdict.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// For programs.
    pub code: Code,
    /// How much it counts.
    pub weight: Weight,
    /// For people.
    pub sentence: String,
}

/// Whose signature it is, as the certificate says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Signer {
    /// The name, as RFC 4514 text.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// The serial number, hexadecimal.
    pub serial: String,
    /// From when the certificate is valid.
    pub not_before: String,
    /// Until when.
    pub not_after: String,
}

/// In whose name a prescription is written, as it says itself: what is signed has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The role profile, by its number; empty where it is not written there.
    pub role_profile: String,
    /// The organisation.
    pub organisation: String,
}

/// One signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SignatureReport {
    /// What holds of it.
    pub verdict: Verdict,
    /// Whose it is; absent when no certificate reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<Signer>,
    /// For prescriptions: in whose name it is signed. Whether that is the signer is among the findings, where it is not so or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// The digest of the document given, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When it was signed, as the signer says. Nobody else vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_time: Option<String>,
    /// A time at which it was there already, as a time-stamp proves; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_time: Option<String>,
    /// The names from the signer up to whom is trusted here; empty where no path holds.
    pub chain: Vec<String>,
    /// Every reason, the heaviest first.
    pub findings: Vec<Finding>,
}

/// The whole answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// What holds of all of it.
    pub verdict: Verdict,
    /// What was verified.
    pub form: Form,
    /// The time for which it was judged.
    pub checked_at: String,
    /// What concerns no single signature.
    pub findings: Vec<Finding>,
    /// Every signature.
    pub signatures: Vec<SignatureReport>,
    /// For prescriptions: what the verification of the Electronic Prescription Service says, in its words. Empty when it says
    /// nothing; it knows less than the findings do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eps: Option<Vec<String>>,
}

/// The reasons of one verification as they are found.
#[derive(Clone, Default, Debug)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn fails(&mut self, code: Code, sentence: impl Into<String>) {
        self.add(code, Weight::Fails, sentence);
    }

    pub(super) fn open(&mut self, code: Code, sentence: impl Into<String>) {
        self.add(code, Weight::Open, sentence);
    }

    pub(super) fn add(&mut self, code: Code, weight: Weight, sentence: impl Into<String>) {
        self.0.push(Finding { code, weight, sentence: sentence.into() });
    }

    pub(super) fn has(&self, code: Code) -> bool {
        self.0.iter().any(|finding| finding.code == code)
    }

    pub(super) fn verdict(&self) -> Verdict {
        match self.0.iter().map(|finding| finding.weight).max() {
            Some(Weight::Fails) => Verdict::Invalid,
            Some(Weight::Open) => Verdict::Indeterminate,
            Some(Weight::Note) | None => Verdict::Valid,
        }
    }

    pub(super) fn into_sorted(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
        self.0
    }
}

impl Report {
    /// Puts the parts together: one that does not hold, or nothing at all, and the whole does not.
    pub(super) fn new(form: Form, at_ms: i64, findings: Findings, signatures: Vec<SignatureReport>) -> Self {
        let whole = findings.verdict();
        let worst = signatures.iter().map(|signature| signature.verdict).max();
        Self {
            verdict: worst.map_or(Verdict::Invalid, |worst| worst.max(whole)),
            form,
            checked_at: moment(at_ms),
            findings: findings.into_sorted(),
            signatures,
            eps: None,
        }
    }

    /// The first of the heaviest reasons why it is not valid.
    pub fn reason(&self) -> Option<&Finding> {
        let all = self.findings.iter().chain(self.signatures.iter().flat_map(|it| &it.findings));
        let heavy = all.filter(|finding| finding.weight > Weight::Note);
        heavy.min_by_key(|finding| std::cmp::Reverse(finding.weight))
    }

    /// Whether a reason is among the findings.
    pub fn has(&self, code: Code) -> bool {
        let mut all = self.findings.iter().chain(self.signatures.iter().flat_map(|it| &it.findings));
        all.any(|finding| finding.code == code)
    }
}

/// A time as it is told.
pub(super) fn moment(ms: i64) -> String {
    platform::clock::Millis(ms).to_string()
}
