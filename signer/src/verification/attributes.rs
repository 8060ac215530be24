//! The signed attributes of CAdES B-B: which there are, and that there is one of each.

use aws_lc_rs::digest::{self, Algorithm};
use cms::signed_data::{SignedAttributes, SignerInfo};
use der::asn1::{ContextSpecific, ObjectIdentifier, OctetString};
use der::{Any, Decode, DecodeValue, Encode, Header, Length, Reader, Sequence, Tag, TagNumber};
use pki::Certificate;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;

use super::cms::Malformed;

const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
/// RFC 6211 2.
const PROTECTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.52");
/// RFC 5035 5: the one before, in SHA-1.
const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
/// RFC 5035 3.
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// The attributes, read.
#[derive(Debug)]
pub(super) struct Attributes {
    pub(super) content_type: ObjectIdentifier,
    pub(super) message_digest: Vec<u8>,
    pub(super) signing_time_ms: Option<i64>,
    pub(super) certificate_hash: Vec<u8>,
    pub(super) certificate_hash_algorithm: &'static Algorithm,
    /// The SHA-1 of a certificate, where the attribute of before is there too.
    pub(super) older_certificate_hash: Option<Vec<u8>>,
    protection: Option<Any>,
}

/// `SigningCertificateV2` of RFC 5035 3; policies are read over.
#[derive(Sequence)]
struct SigningCertificateV2 {
    certs: Vec<EssCertIdV2>,
    #[asn1(optional = "true")]
    policies: Option<Vec<Any>>,
}

/// `ESSCertIDv2` of RFC 5035 4.
struct EssCertIdV2 {
    hash_algorithm: ObjectIdentifier,
    hash: Vec<u8>,
}

impl der::FixedTag for EssCertIdV2 {
    const TAG: Tag = Tag::Sequence;
}

impl<'a> DecodeValue<'a> for EssCertIdV2 {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        reader.read_nested(header.length(), |reader| {
            // hashAlgorithm DEFAULT id-sha256: absent when the next element is the hash itself.
            let hash_algorithm = if Tag::peek(reader)? == Tag::Sequence {
                AlgorithmIdentifierOwned::decode(reader)?.oid
            } else {
                SHA256
            };
            let hash = OctetString::decode(reader)?.as_bytes().to_vec();
            // issuerSerial: the hash says more.
            let _rest = reader.read_slice(reader.remaining_len())?;
            Ok(Self { hash_algorithm, hash })
        })
    }
}

impl der::EncodeValue for EssCertIdV2 {
    fn value_len(&self) -> der::Result<Length> {
        Err(der::ErrorKind::Failed.into())
    }

    fn encode_value(&self, _writer: &mut impl der::Writer) -> der::Result<()> {
        Err(der::ErrorKind::Failed.into())
    }
}

/// The digest of the document in signed attributes, as the SET OF that is signed.
pub(super) fn message_digest(set: &[u8]) -> Option<Vec<u8>> {
    let signed = SignedAttributes::from_der(set).ok()?;
    read(&signed).ok().map(|attributes| attributes.message_digest)
}

/// Reads the attributes; each must be there at most once with one value (RFC 5652 11).
pub(super) fn read(signed: &SignedAttributes) -> Result<Attributes, Malformed> {
    let content_type = required(signed, CONTENT_TYPE, "no content type")?;
    let digest = required(signed, MESSAGE_DIGEST, "no message digest")?;
    let certificate = required(signed, SIGNING_CERTIFICATE_V2, "no signing certificate (v2)")?;
    let time = single(signed, SIGNING_TIME)?
        .map(|any| decode::<Time>(&any, "the signing time does not read"))
        .transpose()?;
    let first = first_certificate(&certificate)?;
    // An `ESSCertID` is an `ESSCertIDv2` that names no hash.
    let older = single(signed, SIGNING_CERTIFICATE)?.map(|any| first_certificate(&any)).transpose()?;
    Ok(Attributes {
        content_type: decode(&content_type, "the content type does not read")?,
        message_digest: decode::<OctetString>(&digest, "the message digest does not read")?
            .as_bytes()
            .to_vec(),
        signing_time_ms: time
            .map(|time| i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX)),
        certificate_hash_algorithm: hash(first.hash_algorithm)?,
        certificate_hash: first.hash,
        older_certificate_hash: older.map(|older| older.hash),
        protection: single(signed, PROTECTION)?,
    })
}

/// RFC 5035 3: the first identifies the certificate that verifies the signature.
fn first_certificate(attribute: &Any) -> Result<EssCertIdV2, Malformed> {
    let certificates: SigningCertificateV2 = decode(attribute, "the signing certificate does not read")?;
    certificates.certs.into_iter().next().ok_or(Malformed::Attributes("the signing certificate is empty"))
}

impl Attributes {
    /// EN 319 122-1 6.3: a signature says by one attribute which certificate it was made for. In a time-stamp both may stand (RFC 5035 2).
    pub(super) fn check_signing_certificate(&self) -> Result<(), Malformed> {
        match self.older_certificate_hash {
            None => Ok(()),
            Some(_) => {
                Err(Malformed::Attributes("the signing certificate is there in version 1 and in version 2"))
            }
        }
    }

    /// Whether signing-certificate-v2 is about this certificate, and the one of before where that is there too.
    pub(super) fn name(&self, certificate: &Certificate) -> bool {
        let hashed = |hash: &'static Algorithm| digest::digest(hash, certificate.der());
        let older = self.older_certificate_hash.as_ref();
        hashed(self.certificate_hash_algorithm).as_ref() == self.certificate_hash.as_slice()
            && older
                .is_none_or(|older| hashed(&digest::SHA1_FOR_LEGACY_USE_ONLY).as_ref() == older.as_slice())
    }

    /// RFC 6211 3: where the attribute is present, it names the algorithms of the signer info.
    pub(super) fn check_protection(&self, info: &SignerInfo) -> Result<(), Malformed> {
        let Some(found) = &self.protection else { return Ok(()) };
        let expected = protection(info)
            .map_err(|source| Malformed::NotCms { what: "the algorithm protection", source })?;
        let found = found
            .to_der()
            .map_err(|source| Malformed::NotCms { what: "the algorithm protection", source })?;
        if found == expected { Ok(()) } else { Err(Malformed::Exchanged) }
    }
}

/// `CMSAlgorithmProtection` with a signature algorithm, as it must stand for this signer.
fn protection(info: &SignerInfo) -> der::Result<Vec<u8>> {
    let mut body = info.digest_alg.to_der()?;
    ContextSpecific {
        tag_number: TagNumber(1),
        tag_mode: der::TagMode::Implicit,
        value: info.signature_algorithm.clone(),
    }
    .encode_to_vec(&mut body)?;
    Any::new(Tag::Sequence, body)?.to_der()
}

fn required(
    signed: &SignedAttributes,
    oid: ObjectIdentifier,
    missing: &'static str,
) -> Result<Any, Malformed> {
    single(signed, oid)?.ok_or(Malformed::Missing(missing))
}

fn single(signed: &SignedAttributes, oid: ObjectIdentifier) -> Result<Option<Any>, Malformed> {
    let mut found = signed.iter().filter(|attribute| attribute.oid == oid);
    let Some(attribute) = found.next() else { return Ok(None) };
    if found.next().is_some() || attribute.values.len() != 1 {
        return Err(Malformed::Attributes("one of them is there twice"));
    }
    Ok(attribute.values.get(0).cloned())
}

fn decode<T>(any: &Any, wrong: &'static str) -> Result<T, Malformed>
where
    T: for<'a> Decode<'a>,
{
    any.to_der().ok().and_then(|der| T::from_der(&der).ok()).ok_or(Malformed::Attributes(wrong))
}

/// The hashes that are accepted.
pub(super) fn hash(oid: ObjectIdentifier) -> Result<&'static Algorithm, Malformed> {
    match oid {
        SHA256 => Ok(&digest::SHA256),
        SHA384 => Ok(&digest::SHA384),
        SHA512 => Ok(&digest::SHA512),
        other => Err(Malformed::Algorithm(other)),
    }
}

/// `shaNNNWithRSAEncryption` for a hash.
pub(super) fn rsa_with(oid: ObjectIdentifier) -> Result<ObjectIdentifier, Malformed> {
    match oid {
        SHA256 => Ok(ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11")),
        SHA384 => Ok(ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12")),
        SHA512 => Ok(ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13")),
        other => Err(Malformed::Algorithm(other)),
    }
}
