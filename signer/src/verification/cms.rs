//! A CMS `SignedData` read into what verification needs, one value per signer.

use aws_lc_rs::digest;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{EncapsulatedContentInfo, SignerIdentifier, SignerInfo};
use der::asn1::{ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode, Encode, Sequence, Tagged as _};
use pki::ocsp::Response;
use pki::path::OcspAnswer;
use pki::{Certificate, Crl};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::attributes::{self, Attributes};
use super::ber;
use super::proven::{Made, Value};
use super::read_before;
use super::report::Code;
use super::time_stamp::{self, MOST_OF_ALL, Stamps};
use crate::bare::known_as;
use crate::cms::der::{CONTEXT_0, CONTEXT_1, Element, SET, elements};
use crate::suite::Hash;

/// id-signedData, RFC 5652 5.1.
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// id-ri-ocsp-response, RFC 5940 2.1.
const OCSP_RESPONSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.16.2");
/// rsaEncryption, RFC 5754 3.2: the hash is then that of the digest algorithm.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// How many signers, certificates, lists and answers are looked at. Each costs the verification of a signature.
const MOST: usize = 64;
/// How many values unsigned attributes may have in all. They are nobody's, and time-stamps are held against each of them.
pub(super) const MOST_VALUES: usize = 1_024;

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
    /// It reads, but in a form that DER does not allow.
    #[error("the signature is not written as DER demands")]
    NotDer,
    /// A content info of another kind.
    #[error("this is a CMS structure, but not a signature")]
    NotSigned,
    /// Nobody signed.
    #[error("the structure holds no signature at all")]
    NoSigner,
    /// More than are looked at.
    #[error("the structure holds more than {MOST} signers, certificates, lists or answers")]
    TooMany,
    /// More unsigned attributes than are looked at.
    #[error("the structure holds more than {MOST_VALUES} unsigned attributes or values of them")]
    TooManyValues,
    /// The document is in the signature and beside it, and the two differ.
    #[error("the signature holds a document already, and it is not the file given")]
    TwoDocuments,
    /// The document is nowhere.
    #[error("the signature is detached; give the signed file too")]
    NoDocument,
    /// An attribute that must be there is missing.
    #[error("the signed attributes are not right: {0}")]
    Missing(&'static str),
    /// An attribute is there twice, or does not read.
    #[error("the signed attributes are not right: {0}")]
    Attributes(&'static str),
    /// The content type signed is another one than the content's.
    #[error("the signed attributes are not right: the content type is not the one of the content")]
    ContentType,
    /// The algorithms were exchanged.
    #[error("the algorithms were exchanged (cms-algorithm-protection)")]
    Exchanged,
    /// An algorithm that is not accepted.
    #[error("the algorithm {0} is not accepted")]
    Algorithm(ObjectIdentifier),
    /// The signer's certificate does not read.
    #[error("the signer's certificate does not read")]
    Certificate,
    /// The signer's certificate is not inside.
    #[error("the signer's certificate is not in the signature")]
    NoCertificate,
}

impl Malformed {
    /// The same for programs.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::NotCms { .. } | Self::NotSigned | Self::TooMany | Self::TooManyValues => Code::Malformed,
            Self::NotDer => Code::NotDer,
            Self::NoSigner => Code::SignatureMissing,
            Self::TwoDocuments => Code::DocumentsDiffer,
            Self::NoDocument => Code::DocumentMissing,
            Self::Missing(_) => Code::AttributesMissing,
            Self::Attributes(_) => Code::AttributesWrong,
            Self::ContentType => Code::ContentTypeWrong,
            Self::Exchanged => Code::AlgorithmsExchanged,
            Self::Algorithm(_) => Code::AlgorithmNotAccepted,
            Self::Certificate => Code::CertificateUnreadable,
            Self::NoCertificate => Code::CertificateMissing,
        }
    }
}

/// `SignedData` of RFC 5652 5.1. Certificates and what is said of revocation stay as they are: each is read by itself, and one that
/// does not read spoils no other.
#[derive(Sequence)]
struct SignedData {
    version: CmsVersion,
    digest_algorithms: SetOfVec<AlgorithmIdentifierOwned>,
    encap_content_info: EncapsulatedContentInfo,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    certificates: Option<SetOfVec<Any>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    crls: Option<SetOfVec<Any>>,
    signer_infos: SetOfVec<SignerInfo>,
}

/// Whether the time-stamps in a structure are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inner {
    /// It is a signature, whose time-stamps count.
    Signature,
    /// It is a time-stamp itself: others in it prove nothing that is asked.
    TimeStamp,
}

/// A CMS, read but not believed.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) content_type: ObjectIdentifier,
    /// The same in DER.
    pub(super) content_type_der: Vec<u8>,
    /// What was signed.
    pub(super) content: Vec<u8>,
    /// Everything among the certificates, as it stands there.
    pub(super) certificates_der: Vec<Vec<u8>>,
    /// Everything among what is said of revocation, as it stands there.
    pub(super) crls_der: Vec<Vec<u8>>,
    /// Every certificate in the structure that reads.
    pub(super) certificates: Vec<Certificate>,
    /// Every revocation list in it that reads.
    pub(super) crls: Vec<Crl>,
    /// Every OCSP answer in it that reads.
    pub(super) answers: Vec<OcspAnswer>,
    /// One for each signer.
    pub(super) signatures: Vec<Result<Signature, Malformed>>,
}

/// One signer's part, read but not believed.
#[derive(Debug)]
pub(super) struct Signature {
    /// The certificate that the signer identifier names (RFC 5652 5.3).
    pub(super) signer: Certificate,
    /// The signature algorithm as an `AlgorithmIdentifier` that names its hash.
    pub(super) algorithm_der: Vec<u8>,
    /// The signed attributes as the SET OF that was signed (RFC 5652 5.4).
    pub(super) attributes_der: Vec<u8>,
    /// The signature value.
    pub(super) value: Vec<u8>,
    /// The digest in the attributes.
    pub(super) signed_digest: Vec<u8>,
    /// The digest of the document given.
    pub(super) document_digest: Vec<u8>,
    /// The time in the attributes.
    pub(super) claimed_at_ms: Option<i64>,
    /// The signer's fields from the version up to the signature, one behind the other.
    pub(super) fields_der: Vec<u8>,
    /// The unsigned attributes.
    pub(super) unsigned: Vec<Vec<u8>>,
    /// The time-stamps among them.
    pub(super) stamps: Stamps,
    attributes: Attributes,
}

impl Signature {
    /// Whether the signing-certificate-v2 attribute is about the signer's certificate (RFC 5035 4), and the one of before where that is there too:
    /// each counts by itself (RFC 5035 2).
    pub(super) fn names_its_certificate(&self) -> bool {
        self.attributes.name(&self.signer)
    }

    /// As the ledger has it, if it says when it was made.
    pub(super) fn of_ledger(&self) -> Option<Value<'_>> {
        let claimed_ms = self.claimed_at_ms?;
        Some(Value { certificate: &self.signer, signature: &self.value, claimed_ms })
    }

    /// It was authorised by its document (`signDoc`), or, where a client put the CMS together, by what a hash of its attributes is known as
    /// (`signHash`).
    pub(super) fn made(&self, content: &[u8]) -> Made<'_> {
        let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512].into_iter();
        let known = hashes.filter_map(|hash| known_as(hash, &hash.digest(&self.attributes_der)));
        let digests = std::iter::once(Hash::Sha256.digest(content)).chain(known.map(|it| it.0.to_vec()));
        Made { certificate: &self.signer, signature: &self.value, digests: digests.collect() }
    }
}

/// Reads every signer's part.
pub(super) fn read(cms: &[u8], document: Document<'_>) -> Result<Signed, Malformed> {
    read_inner(cms, document, Inner::Signature)
}

/// The same, of a signature or of a time-stamp in it.
pub(super) fn read_inner(cms: &[u8], document: Document<'_>, inner: Inner) -> Result<Signed, Malformed> {
    let not_cms = |what| move |source| Malformed::NotCms { what, source };
    let definite = ber::definite(cms);
    let der = definite.as_deref().unwrap_or(cms);
    let info = ContentInfo::from_der(der).map_err(not_cms("the outermost structure"))?;
    if info.content_type != SIGNED_DATA {
        return Err(Malformed::NotSigned);
    }
    let octets = info.content.to_der().map_err(not_cms("the outermost structure"))?;
    let data = SignedData::from_der(&octets).map_err(not_cms("the signed data"))?;
    // The decoder puts SETs into their order. RFC 5652 5.4 wants DER for what is signed, and readers that take other octets for it
    // than we do would disagree with us.
    if !is_der(&data, &octets).map_err(not_cms("the signed data"))? {
        return Err(Malformed::NotDer);
    }
    // Around it BER is allowed (RFC 5652 2), as some write it who stream; the signers' part, which is the last, has to be there as it is.
    let signers = members_of(&octets).and_then(|fields| fields.last().map(|signers| signers.whole));
    let as_it_came = |ends: usize| {
        let end = cms.len().checked_sub(2 * ends);
        end.is_some_and(|end| signers.is_some_and(|signers| cms[..end].ends_with(signers)))
    };
    if definite.is_some() && !(0..=3).any(as_it_came) {
        return Err(Malformed::NotDer);
    }
    if data.signer_infos.is_empty() {
        return Err(Malformed::NoSigner);
    }
    let sets = [data.certificates.as_ref(), data.crls.as_ref()];
    if data.signer_infos.len() > MOST || sets.into_iter().flatten().any(|set| set.len() > MOST) {
        return Err(Malformed::TooMany);
    }
    let unsigned = data.signer_infos.iter().filter_map(|info| info.unsigned_attrs.as_ref());
    // One without a value counts too.
    let values = unsigned.flat_map(SetOfVec::iter).map(|attribute| attribute.values.len().max(1));
    if values.sum::<usize>() > MOST_VALUES {
        return Err(Malformed::TooManyValues);
    }
    collect(&data, content(&data, document)?, inner)
}

/// Whether everything stands there as DER has it, but for the order of certificates, of what is said of revocation and of signers: RFC 5652 5.1
/// asks for none, some write them from the signer upwards, the decoder's order of signers of one length is not that of X.690 11.6, and nothing is
/// signed or hashed over them as a whole.
fn is_der(data: &SignedData, octets: &[u8]) -> der::Result<bool> {
    let Some(mut fields) = members_of(octets) else { return Ok(false) };
    let Some(signers) = fields.pop().filter(|last| last.tag == SET) else { return Ok(false) };
    let read = data.signer_infos.iter().map(Encode::to_der);
    if !are_members(Some(signers.content), read.collect::<der::Result<_>>()?) {
        return Ok(false);
    }
    for (tag, set) in [(CONTEXT_1, &data.crls), (CONTEXT_0, &data.certificates)] {
        let at = fields.iter().position(|field| field.tag == tag);
        let found = at.map(|at| fields.remove(at).content);
        let read = set.iter().flat_map(SetOfVec::iter).map(Encode::to_der);
        if !are_members(found, read.collect::<der::Result<_>>()?) {
            return Ok(false);
        }
    }
    let rest = [data.version.to_der()?, data.digest_algorithms.to_der()?, data.encap_content_info.to_der()?];
    Ok(fields.iter().map(|field| field.whole).eq(rest.iter().map(Vec::as_slice)))
}

/// What a structure is made of.
fn members_of(octets: &[u8]) -> Option<Vec<Element<'_>>> {
    elements(octets).filter(|all| all.len() == 1).and_then(|all| elements(all[0].content))
}

/// Whether the content of a SET, if there is one, is what was read of it, in whatever order.
fn are_members(content: Option<&[u8]>, mut read: Vec<Vec<u8>>) -> bool {
    let Some(found) = content.map_or_else(|| Some(Vec::new()), elements) else { return false };
    let mut found: Vec<&[u8]> = found.iter().map(|member| member.whole).collect();
    found.sort_unstable();
    read.sort_unstable();
    found == read
}

fn collect(data: &SignedData, content: Vec<u8>, inner: Inner) -> Result<Signed, Malformed> {
    let not_cms = |what| move |source| Malformed::NotCms { what, source };
    let certificates: Vec<Certificate> =
        data.certificates.iter().flat_map(SetOfVec::iter).filter_map(certificate).collect();
    let (crls, answers) = revocation(data);
    let about = About { data, certificates: &certificates, content: &content, inner };
    let mut signatures: Vec<_> = data.signer_infos.iter().map(|info| about.signature(info)).collect();
    let mut most = MOST_OF_ALL;
    for signature in signatures.iter_mut().flatten() {
        signature.stamps.keep(most);
        most -= signature.stamps.judged.len();
    }
    let content_type = data.encap_content_info.econtent_type;
    let whole = |set: Option<&SetOfVec<Any>>| {
        let members = set.into_iter().flat_map(SetOfVec::iter);
        members.map(Encode::to_der).collect::<Result<Vec<_>, _>>()
    };
    Ok(Signed {
        content_type,
        content_type_der: content_type.to_der().map_err(not_cms("the content type"))?,
        certificates_der: whole(data.certificates.as_ref()).map_err(not_cms("the certificates"))?,
        crls_der: whole(data.crls.as_ref()).map_err(not_cms("the revocation lists"))?,
        content,
        certificates,
        crls,
        answers,
        signatures,
    })
}

fn content(data: &SignedData, document: Document<'_>) -> Result<Vec<u8>, Malformed> {
    let inside = data
        .encap_content_info
        .econtent
        .as_ref()
        .map(Any::decode_as::<OctetString>)
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

/// RFC 5652 10.2.2: a certificate; the obsolete and the foreign forms have tags of their own and do not read.
fn certificate(choice: &Any) -> Option<Certificate> {
    read_before::certificate(&choice.to_der().ok()?).ok()
}

/// RFC 5652 10.2.1: lists, and by RFC 5940 OCSP answers.
fn revocation(data: &SignedData) -> (Vec<Crl>, Vec<OcspAnswer>) {
    let (mut crls, mut answers) = (Vec::new(), Vec::new());
    for choice in data.crls.iter().flat_map(SetOfVec::iter) {
        let Ok(der) = choice.to_der() else { continue };
        if choice.tag() == der::Tag::Sequence {
            crls.extend(Crl::from_der(&der).ok());
        } else if let Some(answer) = answer(choice.value()) {
            answers.push(answer);
        }
    }
    (crls, answers)
}

/// `OtherRevocationInfoFormat` without its tag: which form, and the OCSP response itself.
fn answer(fields: &[u8]) -> Option<OcspAnswer> {
    let (form, response) = ObjectIdentifier::from_der_partial(fields).ok()?;
    if form != OCSP_RESPONSE {
        return None;
    }
    match Response::from_der(response).ok()? {
        Response::Answered(read) => Some(OcspAnswer { answer: *read, nonce: None }),
        Response::Refused(_) => None,
    }
}

/// What a signer's part is read with.
struct About<'a> {
    data: &'a SignedData,
    certificates: &'a [Certificate],
    content: &'a [u8],
    inner: Inner,
}

impl About<'_> {
    fn signature(&self, info: &SignerInfo) -> Result<Signature, Malformed> {
        let hash = attributes::hash(info.digest_alg.oid)?;
        let signed = info.signed_attrs.as_ref().ok_or(Malformed::Missing("there are none"))?;
        let attributes = attributes::read(signed)?;
        // RFC 5652 11.1: the content type signed is the content type carried.
        if attributes.content_type != self.data.encap_content_info.econtent_type {
            return Err(Malformed::ContentType);
        }
        attributes.check_protection(info)?;
        if self.inner == Inner::Signature {
            attributes.check_signing_certificate()?;
        }
        let algorithm_der = algorithm(info)?;
        let fits = |certificate: &&Certificate| names(&info.sid, certificate);
        let mut fitting = self.certificates.iter().filter(fits);
        // A key may have several certificates: the signature is made for the one that this attribute hashes (RFC 5035 3).
        let meant = fitting.clone().find(|certificate| attributes.name(certificate));
        let named = meant.or_else(|| fitting.next());
        let not_cms = |what| move |source| Malformed::NotCms { what, source };
        let attributes_der = signed.to_der().map_err(not_cms("the signed attributes"))?;
        let unsigned = info.unsigned_attrs.iter().flat_map(SetOfVec::iter).map(Encode::to_der);
        let unsigned: Vec<Vec<u8>> =
            unsigned.collect::<Result<_, _>>().map_err(not_cms("the unsigned attributes"))?;
        let stamps = match self.inner {
            Inner::Signature => time_stamp::read(&unsigned),
            Inner::TimeStamp => Stamps::default(),
        };
        Ok(Signature {
            signer: named.ok_or(Malformed::NoCertificate)?.clone(),
            algorithm_der,
            fields_der: fields(info, &attributes_der).map_err(not_cms("the signer"))?,
            attributes_der,
            value: info.signature.as_bytes().to_vec(),
            signed_digest: attributes.message_digest.clone(),
            document_digest: digest::digest(hash, self.content).as_ref().to_vec(),
            claimed_at_ms: attributes.signing_time_ms,
            unsigned,
            stamps,
            attributes,
        })
    }
}

/// The fields of a signer that an archive time-stamp covers (EN 319 122-1 5.5.3), the attributes under their tag there.
fn fields(info: &SignerInfo, attributes: &[u8]) -> der::Result<Vec<u8>> {
    let mut fields = [info.version.to_der()?, info.sid.to_der()?, info.digest_alg.to_der()?].concat();
    // `[0]` IMPLICIT for SET OF.
    fields.push(0xA0);
    fields.extend_from_slice(attributes.get(1..).unwrap_or_default());
    fields.extend(info.signature_algorithm.to_der()?);
    fields.extend(info.signature.to_der()?);
    Ok(fields)
}

fn names(signer: &SignerIdentifier, certificate: &Certificate) -> bool {
    match signer {
        // Both are DER, in which what is equal has equal octets. Before those of a number stand its tag and its length.
        SignerIdentifier::IssuerAndSerialNumber(id) => {
            let (serial, issuer) = (id.serial_number.to_der(), id.issuer.to_der());
            serial.is_ok_and(|serial| serial.get(2..) == Some(certificate.serial().content()))
                && issuer.is_ok_and(|issuer| issuer == certificate.issuer().der())
        }
        SignerIdentifier::SubjectKeyIdentifier(id) => {
            certificate.subject_key_id().is_some_and(|found| found == id.0.as_bytes())
        }
    }
}

/// The signature algorithm with its hash in the name.
fn algorithm(info: &SignerInfo) -> Result<Vec<u8>, Malformed> {
    let mut algorithm = info.signature_algorithm.clone();
    if algorithm.oid == RSA {
        algorithm.oid = attributes::rsa_with(info.digest_alg.oid)?;
    }
    algorithm.to_der().map_err(|source| Malformed::NotCms { what: "the signature algorithm", source })
}
