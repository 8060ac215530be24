//! What an answer proves (RFC 6960 3.2).

use super::{Answer, CertId, Hash, NO_CHECK, ResponderId, Single, Status, key_hash};
use crate::{Certificate, KeyUsage, eku, verify_signature};

/// How long an answer holds that does not say it: as far as two clocks may lie apart.
const MOMENT_MS: i64 = 300_000;

/// What was asked, and when the answer is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The certificate asked about.
    pub id: &'a CertId,
    /// Its issuer, whom the caller trusts by a path of its own.
    pub issuer: &'a Certificate,
    /// What the answer must repeat, when a nonce was sent.
    pub nonce: Option<&'a [u8]>,
    /// The time of the check.
    pub at_ms: i64,
}

/// A status that somebody entitled has signed and that is current. Only [`Answer::check`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    status: Status,
    this_update_ms: i64,
    until_ms: i64,
    invalidity_date_ms: Option<i64>,
}

impl Evidence {
    /// The status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Since when this is known.
    pub fn this_update_ms(&self) -> i64 {
        self.this_update_ms
    }

    /// Until when it holds: until there is newer knowledge, or for a moment where the answer does not say when that is.
    pub fn until_ms(&self) -> i64 {
        self.until_ms
    }

    /// Since when the key is thought to have been unsafe, if the answer says.
    pub fn invalidity_date_ms(&self) -> Option<i64> {
        self.invalidity_date_ms
    }
}

/// Why an answer proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// It says nothing of the certificate.
    #[error("the OCSP answer says nothing of this certificate")]
    OtherCertificate,
    /// It does not repeat the nonce.
    #[error("the OCSP answer does not repeat what the question asked it to")]
    OtherNonce,
    /// A critical extension is not understood.
    #[error("the OCSP answer has a critical extension that is not understood")]
    UnknownCriticalExtension,
    /// Neither the issuer nor a certificate of the answer fits who says he answered.
    #[error("the OCSP answer does not come with its signer's certificate")]
    SignerMissing,
    /// The signer's certificate is not by the issuer, not for OCSP, not in force, or would itself have to be checked.
    #[error("the signer of the OCSP answer may not answer for this issuer")]
    SignerNotAllowed,
    /// The signature does not verify.
    #[error("the signature of the OCSP answer does not verify")]
    BadSignature,
    /// It is from the future or has run out.
    #[error("the OCSP answer is not current")]
    NotCurrent,
}

impl Answer {
    /// Checks the answer to a question: the certificate, the nonce, the signer and his right, the signature, the times.
    ///
    /// `Ok` promises that the issuer, or somebody it delegated, said so of this certificate and that it holds at the
    /// time of the question. Whether the issuer itself is to be trusted is the caller's to know.
    pub fn check(&self, question: &Question<'_>) -> Result<Evidence, CheckError> {
        // RFC 6960 3.2 (1)
        if !question.id.is_of(question.issuer) {
            return Err(CheckError::OtherCertificate);
        }
        let single = self.singles.iter().find(|single| single.id.matches(question.id));
        let single = single.ok_or(CheckError::OtherCertificate)?;
        // RFC 9654 2.1
        if question.nonce.is_some_and(|nonce| self.nonce.as_deref() != Some(nonce)) {
            return Err(CheckError::OtherNonce);
        }
        if self.unknown_critical {
            return Err(CheckError::UnknownCriticalExtension);
        }
        let signer = self.signer(question)?;
        // RFC 6960 3.2 (2)
        verify_signature(signer.spki_der(), &self.algorithm, &self.data, &self.signature)
            .map_err(|_| CheckError::BadSignature)?;
        evidence(single, question.at_ms)
    }

    /// Who signed and may have (RFC 6960 3.2 (3), (4); 4.2.2.2): the issuer itself, or whom it delegated.
    fn signer<'a>(&'a self, question: &Question<'a>) -> Result<&'a Certificate, CheckError> {
        if self.is_by(question.issuer) {
            return Ok(question.issuer);
        }
        let named = self.certificates.iter().find(|certificate| self.is_by(certificate));
        let signer = named.ok_or(CheckError::SignerMissing)?;
        let purposes = signer.extended_key_usage().unwrap_or_default();
        let allowed = signer.verify_signed_by(question.issuer).is_ok()
            // RFC 6960 4.2.2.2: the purpose itself; anyExtendedKeyUsage does not delegate.
            && purposes.contains(&eku::OCSP_SIGNING)
            && signer.key_usage().is_none_or(|usage| usage.contains(KeyUsage::DIGITAL_SIGNATURE))
            && signer.not_before_ms() <= question.at_ms
            && question.at_ms <= signer.not_after_ms()
            // RFC 6960 4.2.2.2.1: otherwise its own status would have to be asked for, of itself.
            && signer.extensions().get(NO_CHECK).is_some()
            && signer.extensions().unknown_critical().is_empty();
        if allowed { Ok(signer) } else { Err(CheckError::SignerNotAllowed) }
    }

    fn is_by(&self, certificate: &Certificate) -> bool {
        match &self.responder {
            ResponderId::Name(name) => name.matches(certificate.subject()),
            // RFC 6960 4.2.1: always SHA-1.
            ResponderId::Key(hash) => {
                key_hash(Hash::Sha1, certificate.spki_der()).is_ok_and(|own| own == *hash)
            }
        }
    }
}

impl Single {
    /// Whether it holds at a time, by its own word.
    pub fn holds(&self, at_ms: i64) -> bool {
        (self.this_update_ms..=self.until_ms()).contains(&at_ms)
    }

    /// RFC 6960 4.2.2.1: without nextUpdate there is newer knowledge at any time, so the answer is of its moment.
    fn until_ms(&self) -> i64 {
        self.next_update_ms.unwrap_or_else(|| self.this_update_ms.saturating_add(MOMENT_MS))
    }
}

/// RFC 6960 3.2 (5), (6).
fn evidence(single: &Single, at_ms: i64) -> Result<Evidence, CheckError> {
    if !single.holds(at_ms) {
        return Err(CheckError::NotCurrent);
    }
    Ok(Evidence {
        status: single.status,
        this_update_ms: single.this_update_ms,
        until_ms: single.until_ms(),
        invalidity_date_ms: single.invalidity_date_ms,
    })
}
