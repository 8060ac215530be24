//! A CMS `SignedData` read into what verification needs, one value per signer.

use aws_lc_rs::digest;
use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{ObjectIdentifier, OctetString};
use der::{Decode, Encode};
use pki::Certificate;

use super::attributes::{self, Attributes};

/// id-signedData, RFC 5652 5.1.
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// rsaEncryption, RFC 5754 3.2: the hash is then that of the digest algorithm.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// What was signed.
#[derive(Debug, Clone, Copy)]
pub enum Document<'a> {
    /// It lies beside the signature.
    Beside(&'a [u8]),
    /// It is in the signature.
    Inside,
}

/// Why a signature cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Not DER, or not the structure.
    #[error("this is not a CMS signature: {what}")]
    NotCms {
        /// Which part does not read.
        what: &'static str,
        /// What the decoder said.
        source: der::Error,
    },
    /// A content info of another kind.
    #[error("this is a CMS structure, but not a signature")]
    NotSigned,
    /// Nobody signed.
    #[error("the structure holds no signature at all")]
    NoSigner,
    /// The document is in the signature and beside it, and the two differ.
    #[error("the signature holds a document already, and it is not the file given")]
    TwoDocuments,
    /// The document is nowhere.
    #[error("the signature is detached; give the signed file too")]
    NoDocument,
    /// An attribute that must be there is missing or wrong.
    #[error("the signed attributes are not right: {0}")]
    Attributes(&'static str),
    /// An algorithm that is not accepted.
    #[error("the algorithm {0} is not accepted")]
    Algorithm(ObjectIdentifier),
    /// A certificate inside does not read.
    #[error("a certificate in the signature does not read")]
    Certificate(#[source] pki::Error),
    /// The signer's certificate is not inside.
    #[error("the signer's certificate is not in the signature")]
    NoCertificate,
}

/// One signer's part, read but not believed.
#[derive(Debug)]
pub struct Signature {
    /// Every certificate in the structure.
    pub certificates: Vec<Certificate>,
    /// The signature algorithm as an `AlgorithmIdentifier` that names its hash.
    pub algorithm_der: Vec<u8>,
    /// The signed attributes as the SET OF that was signed (RFC 5652 5.4).
    pub attributes_der: Vec<u8>,
    /// The signature value.
    pub value: Vec<u8>,
    /// The digest in the attributes.
    pub signed_digest: Vec<u8>,
    /// The digest of the document given.
    pub document_digest: Vec<u8>,
    /// The time in the attributes.
    pub claimed_at_ms: Option<i64>,
    signer: SignerIdentifier,
    attributes: Attributes,
}

impl Signature {
    /// The certificate that the signer identifier names (RFC 5652 5.3).
    pub fn signer(&self) -> Result<&Certificate, Malformed> {
        self.certificates
            .iter()
            .find(|certificate| names(&self.signer, certificate))
            .ok_or(Malformed::NoCertificate)
    }

    /// Whether the signing-certificate-v2 attribute is about this certificate (RFC 5035 4).
    pub fn names_certificate(&self, certificate: &Certificate) -> bool {
        let found = digest::digest(self.attributes.certificate_hash_algorithm, certificate.der());
        found.as_ref() == self.attributes.certificate_hash
    }
}

fn names(signer: &SignerIdentifier, certificate: &Certificate) -> bool {
    let Ok(parsed) = x509_cert::Certificate::from_der(certificate.der()) else { return false };
    let tbs = parsed.tbs_certificate();
    match signer {
        SignerIdentifier::IssuerAndSerialNumber(id) => {
            id.issuer == *tbs.issuer() && id.serial_number == *tbs.serial_number()
        }
        SignerIdentifier::SubjectKeyIdentifier(id) => {
            certificate.subject_key_id().is_some_and(|found| found == id.0.as_bytes())
        }
    }
}

/// Reads every signer's part.
pub(super) fn read(cms: &[u8], document: Document<'_>) -> Result<Vec<Signature>, Malformed> {
    let info = ContentInfo::from_der(cms)
        .map_err(|source| Malformed::NotCms { what: "the outermost structure", source })?;
    if info.content_type != SIGNED_DATA {
        return Err(Malformed::NotSigned);
    }
    let data: SignedData =
        info.content.decode_as().map_err(|source| Malformed::NotCms { what: "the signed data", source })?;
    let content = content(&data, document)?;
    let certificates = certificates(&data)?;
    if data.signer_infos.0.is_empty() {
        return Err(Malformed::NoSigner);
    }
    data.signer_infos.0.iter().map(|info| signature(info, &data, &certificates, &content)).collect()
}

fn content(data: &SignedData, document: Document<'_>) -> Result<Vec<u8>, Malformed> {
    let inside = data
        .encap_content_info
        .econtent
        .as_ref()
        .map(der::Any::decode_as::<OctetString>)
        .transpose()
        .map_err(|source| Malformed::NotCms { what: "the content", source })?;
    match (inside, document) {
        (Some(inside), Document::Beside(beside)) if inside.as_bytes() != beside => {
            Err(Malformed::TwoDocuments)
        }
        (Some(inside), _) => Ok(inside.as_bytes().to_vec()),
        (None, Document::Beside(beside)) => Ok(beside.to_vec()),
        (None, Document::Inside) => Err(Malformed::NoDocument),
    }
}

fn certificates(data: &SignedData) -> Result<Vec<Certificate>, Malformed> {
    let mut found = Vec::new();
    for choice in data.certificates.iter().flat_map(|set| set.0.iter()) {
        let CertificateChoices::Certificate(certificate) = choice else { continue };
        let der =
            certificate.to_der().map_err(|source| Malformed::NotCms { what: "a certificate", source })?;
        found.push(Certificate::from_der(&der).map_err(Malformed::Certificate)?);
    }
    Ok(found)
}

fn signature(
    info: &SignerInfo,
    data: &SignedData,
    certificates: &[Certificate],
    content: &[u8],
) -> Result<Signature, Malformed> {
    let hash = attributes::hash(info.digest_alg.oid)?;
    let signed = info.signed_attrs.as_ref().ok_or(Malformed::Attributes("there are none"))?;
    let attributes = attributes::read(signed)?;
    // RFC 5652 11.1: the content type signed is the content type carried.
    if attributes.content_type != data.encap_content_info.econtent_type {
        return Err(Malformed::Attributes("the content type is not the one of the content"));
    }
    attributes.check_protection(info)?;
    let algorithm_der = algorithm(info)?;
    Ok(Signature {
        certificates: certificates.to_vec(),
        algorithm_der,
        attributes_der: signed
            .to_der()
            .map_err(|source| Malformed::NotCms { what: "the signed attributes", source })?,
        value: info.signature.as_bytes().to_vec(),
        signed_digest: attributes.message_digest.clone(),
        document_digest: digest::digest(hash, content).as_ref().to_vec(),
        claimed_at_ms: attributes.signing_time_ms,
        signer: info.sid.clone(),
        attributes,
    })
}

/// The signature algorithm with its hash in the name.
fn algorithm(info: &SignerInfo) -> Result<Vec<u8>, Malformed> {
    let mut algorithm = info.signature_algorithm.clone();
    if algorithm.oid == RSA {
        algorithm.oid = attributes::rsa_with(info.digest_alg.oid)?;
    }
    algorithm.to_der().map_err(|source| Malformed::NotCms { what: "the signature algorithm", source })
}
