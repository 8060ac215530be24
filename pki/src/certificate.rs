//! A certificate, parsed once.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use certval::{PDVCertificate, PDVTrustAnchorChoice};
use const_oid::ObjectIdentifier;

use crate::extensions::{AuthorityKeyId, DistributionPoint};
use crate::tlv::{self, Reader};
use crate::{
    AlternativeName, BasicConstraints, CertificatePolicy, Error, Extensions, KeyUsage, Name,
    PrivateKeyUsagePeriod, Serial, pem, times, verify_signature,
};

/// An X.509 certificate (RFC 5280 4.1). Parsed when made; a clone shares the parsed value.
///
/// Equal when the DER is equal.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    parts: Parts,
    serial: Serial,
    issuer: Name,
    subject: Name,
    not_before_ms: i64,
    not_after_ms: i64,
    extensions: Extensions,
    fingerprint: [u8; 32],
    /// The same certificate as the path validator reads it.
    validated: PDVCertificate,
    /// The same certificate as a trust anchor, made when first asked for.
    anchor: OnceLock<Option<PDVTrustAnchorChoice>>,
    /// The key under which the signature was seen to verify: this value never changes, so once is enough.
    verified_with: OnceLock<Box<[u8]>>,
    /// Under what a path from here was seen to satisfy the rules: a digest of the path and of what was asked of it, which never changes either.
    ruled: OnceLock<[u8; 32]>,
}

/// Where the parts of the signed structure lie in the DER.
struct Parts {
    tbs: Range<usize>,
    spki: Range<usize>,
    inner_algorithm: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
    serial: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
    /// The period of validity, and where years before 1970 stand in it.
    validity: [i64; 2],
    early_years: Vec<usize>,
}

impl Certificate {
    /// The PEM label of a certificate (RFC 7468 5.1).
    pub const PEM_LABEL: &'static str = "CERTIFICATE";

    /// Parses a certificate. Known extensions that do not decode, and extensions that come twice, are refused.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let parts = Parts::read(der)?;
        let readable = parts.readable(der);
        let validated =
            PDVCertificate::try_from(readable.as_ref()).map_err(|_| Error::malformed("certificate"))?;
        let tbs = validated.decoded().tbs_certificate();
        let extensions = Extensions::read(tbs.extensions().map_or(&[], |list| list.as_slice()))?;
        let [not_before_ms, not_after_ms] = parts.validity;
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, der).as_ref());
        Ok(Self(Arc::new(Inner {
            serial: Serial::from_content(&der[parts.serial.clone()])?,
            issuer: Name::from_der(&der[parts.issuer.clone()])?,
            subject: Name::from_der(&der[parts.subject.clone()])?,
            der: der.to_vec(),
            parts,
            not_before_ms,
            not_after_ms,
            extensions,
            fingerprint,
            validated,
            anchor: OnceLock::new(),
            verified_with: OnceLock::new(),
            ruled: OnceLock::new(),
        })))
    }

    /// Parses the first certificate in a PEM text.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Self::from_der(&pem::first(text, Self::PEM_LABEL)?)
    }

    /// Parses every certificate in a PEM text, in order.
    pub fn chain_from_pem(text: &str) -> Result<Vec<Self>, Error> {
        pem::pem_blocks(text, Self::PEM_LABEL)?.iter().map(|der| Self::from_der(der)).collect()
    }

    /// This certificate as PEM.
    pub fn to_pem(&self) -> String {
        pem::to_pem(Self::PEM_LABEL, self.der())
    }

    /// The bytes as received.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The bytes that are signed.
    pub fn tbs_der(&self) -> &[u8] {
        self.part(&self.0.parts.tbs)
    }

    /// The subject's public key, a `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> &[u8] {
        self.part(&self.0.parts.spki)
    }

    /// The `AlgorithmIdentifier` of the signature, the one outside the signed part.
    pub fn signature_algorithm_der(&self) -> &[u8] {
        self.part(&self.0.parts.algorithm)
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        self.part(&self.0.parts.signature)
    }

    /// Whether it is of version 3, which alone has extensions (RFC 5280 4.1.2.1).
    pub fn is_version_3(&self) -> bool {
        self.0.validated.decoded().tbs_certificate().version() == x509_cert::Version::V3
    }

    /// The serial number.
    pub fn serial(&self) -> Serial {
        self.0.serial
    }

    /// Who it is about.
    pub fn subject(&self) -> &Name {
        &self.0.subject
    }

    /// Who signed it.
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// The subject's most specific common name.
    pub fn common_name(&self) -> Option<String> {
        self.0.subject.common_name()
    }

    /// The first moment of validity.
    pub fn not_before_ms(&self) -> i64 {
        self.0.not_before_ms
    }

    /// The last second of validity; that second belongs to it (RFC 5280 4.1.2.5).
    pub fn not_after_ms(&self) -> i64 {
        self.0.not_after_ms
    }

    /// All extensions.
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// What the key may do, if the certificate says.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.0.extensions.key_usage
    }

    /// For which purposes, if the certificate says.
    pub fn extended_key_usage(&self) -> Option<&[ObjectIdentifier]> {
        self.0.extensions.extended_key_usage.as_deref()
    }

    /// Under which policies it was issued.
    pub fn policies(&self) -> &[CertificatePolicy] {
        self.0.extensions.policies.as_deref().unwrap_or_default()
    }

    /// When the private key may sign, if the certificate says.
    pub fn private_key_usage_period(&self) -> Option<PrivateKeyUsagePeriod> {
        self.0.extensions.private_key_usage_period
    }

    /// Where CRLs are found.
    pub fn crl_distribution_points(&self) -> &[DistributionPoint] {
        &self.0.extensions.crl_distribution_points
    }

    /// Where the issuer's certificate is found.
    pub fn ca_issuers(&self) -> &[String] {
        &self.0.extensions.ca_issuers
    }

    /// Where the OCSP responder is.
    pub fn ocsp(&self) -> &[String] {
        &self.0.extensions.ocsp
    }

    /// The identifier of the subject's key.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.subject_key_id.as_deref()
    }

    /// The identifier of the issuer's key.
    pub fn authority_key_id(&self) -> Option<&AuthorityKeyId> {
        self.0.extensions.authority_key_id.as_ref()
    }

    /// Whether it is a CA's, and how long a path may go on.
    pub fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.0.extensions.basic_constraints
    }

    /// True when the subject is a CA by its basic constraints.
    pub fn is_ca(&self) -> bool {
        self.basic_constraints().is_some_and(|constraints| constraints.ca)
    }

    /// The subject's other names.
    pub fn subject_alternative_names(&self) -> &[AlternativeName] {
        &self.0.extensions.subject_alternative_names
    }

    /// SHA-256 over the DER.
    pub fn fingerprint_sha256(&self) -> [u8; 32] {
        self.0.fingerprint
    }

    /// True when issuer and subject are the same name (RFC 5280 6.1).
    pub fn is_self_issued(&self) -> bool {
        self.issuer().matches(self.subject())
    }

    /// Verifies that the key of `issuer` signed this certificate. Says nothing of validity, usage or trust.
    pub fn verify_signed_by(&self, issuer: &Certificate) -> Result<(), Error> {
        if !self.issuer().matches(issuer.subject()) {
            return Err(Error::IssuerMismatch);
        }
        self.verify_with_key(issuer.spki_der())
    }

    /// Verifies the signature with a `SubjectPublicKeyInfo`. A success is remembered and costs nothing again.
    pub fn verify_with_key(&self, spki_der: &[u8]) -> Result<(), Error> {
        if self.0.verified_with.get().is_some_and(|key| **key == *spki_der) {
            return Ok(());
        }
        // RFC 5280 4.1.1.2
        if self.part(&self.0.parts.inner_algorithm) != self.signature_algorithm_der() {
            return Err(Error::AlgorithmMismatch);
        }
        verify_signature(spki_der, self.signature_algorithm_der(), self.tbs_der(), self.signature())?;
        self.0.verified_with.get_or_init(|| spki_der.into());
        Ok(())
    }

    pub(crate) fn validated(&self) -> &PDVCertificate {
        &self.0.validated
    }

    /// Whether a path from here was seen to satisfy the rules when just this was asked.
    pub(crate) fn is_ruled(&self, asked: &[u8; 32]) -> bool {
        self.0.ruled.get() == Some(asked)
    }

    /// Remembers that it was. Of several that were asked the first is kept.
    pub(crate) fn rule(&self, asked: [u8; 32]) {
        self.0.ruled.get_or_init(|| asked);
    }

    pub(crate) fn anchor(&self) -> Option<&PDVTrustAnchorChoice> {
        self.0
            .anchor
            .get_or_init(|| PDVTrustAnchorChoice::try_from(self.0.validated.as_bytes()).ok())
            .as_ref()
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        &self.0.der[range.clone()]
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl std::hash::Hash for Certificate {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.fingerprint.hash(state);
    }
}

impl fmt::Debug for Certificate {
    /// Without the subject: a person's name has no place in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} by \"{}\")", self.serial(), self.issuer())
    }
}

impl Parts {
    fn read(der: &[u8]) -> Result<Self, Error> {
        let range = |bytes: &[u8]| {
            let start = bytes.as_ptr().addr() - der.as_ptr().addr();
            start..start + bytes.len()
        };
        let mut file = Reader::new(der, "certificate");
        let mut outer = file.enter(tlv::SEQUENCE)?;
        file.finish()?;
        let tbs = outer.expect(tlv::SEQUENCE)?;
        let algorithm = outer.expect(tlv::SEQUENCE)?;
        let signature = tlv::bits(outer.expect(tlv::BIT_STRING)?, "certificate signature")?;
        outer.finish()?;
        let mut fields = Reader::new(tbs.value, "certificate");
        fields.optional(tlv::context(0))?;
        let serial = fields.expect(tlv::INTEGER)?;
        let inner_algorithm = fields.expect(tlv::SEQUENCE)?;
        let issuer = fields.expect(tlv::SEQUENCE)?;
        let mut validity = fields.enter(tlv::SEQUENCE)?;
        let ends = [validity.any()?, validity.any()?];
        validity.finish()?;
        let subject = fields.expect(tlv::SEQUENCE)?;
        let spki = fields.expect(tlv::SEQUENCE)?;
        Ok(Self {
            tbs: range(tbs.whole),
            spki: range(spki.whole),
            inner_algorithm: range(inner_algorithm.whole),
            algorithm: range(algorithm.whole),
            signature: range(signature),
            serial: range(serial.value),
            issuer: range(issuer.whole),
            subject: range(subject.whole),
            validity: [times::read(ends[0], "validity")?, times::read(ends[1], "validity")?],
            early_years: ends.into_iter().filter(times::is_early).map(|end| range(end.value).start).collect(),
        })
    }

    /// The DER for readers that cannot hold a time before 1970: the same with such years moved by a calendar cycle.
    /// Validity and signature are taken from the true bytes, never from these.
    fn readable<'a>(&self, der: &'a [u8]) -> Cow<'a, [u8]> {
        let mut readable = Cow::Borrowed(der);
        for &at in &self.early_years {
            times::move_year(&mut readable.to_mut()[at..]);
        }
        readable
    }
}
