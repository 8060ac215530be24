//! `PKIBody` (RFC 9810 5.1.2): what a client can ask.

use const_oid::ObjectIdentifier;
use der::Decode;

use super::request::{CertificateRequest, CertificateTemplate, RequestKind, extensions};
use crate::tlv::{self, Reader};
use crate::{Error, Extensions};

const WHAT: &str = "CMP body";
/// How many elements a list in a body may have. RFC 9483 asks for one almost everywhere.
const MOST_ELEMENTS: usize = 32;

/// What a message says.
#[derive(Debug, Clone)]
pub enum Body {
    /// `ir`, `cr` or `kur`: requests in the form of RFC 4211.
    Requests(RequestKind, Vec<CertificateRequest>),
    /// `p10cr`: a request in the form of RFC 2986, in DER.
    Pkcs10(Vec<u8>),
    /// `rr`: certificates to be revoked.
    Revocations(Vec<RevocationDetails>),
    /// `certConf`: the client has its certificate.
    Confirmation(Vec<CertificateStatus>),
    /// `genm`: a question.
    General(Vec<InfoTypeAndValue>),
    /// `error`.
    Error,
    /// Any other, by its number.
    Other(u8),
}

/// One certificate to be revoked (RFC 9810 5.3.9).
#[derive(Debug, Clone)]
pub struct RevocationDetails {
    /// Which one: issuer and serial number.
    pub template: CertificateTemplate,
    /// What the list is to say about it.
    pub entry: Extensions,
}

/// Whether a client takes a certificate (RFC 9810 5.3.18).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateStatus {
    /// The hash of the certificate.
    pub hash: Vec<u8>,
    /// Which request it answers.
    pub request_id: i64,
    /// `PKIStatus`; absent means accepted.
    pub status: Option<u8>,
    /// The algorithm of the hash, where it is not that of the certificate's signature.
    pub hash_algorithm: Option<ObjectIdentifier>,
}

/// A piece of information (RFC 9810 5.3.19).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InfoTypeAndValue {
    /// What it is.
    pub kind: ObjectIdentifier,
    /// Its value in DER.
    pub value: Option<Vec<u8>>,
}

impl Body {
    pub(super) fn read(number: u8, content: &[u8]) -> Result<Self, Error> {
        Ok(match number {
            0 => Self::Requests(RequestKind::Initial, requests(content)?),
            2 => Self::Requests(RequestKind::Further, requests(content)?),
            4 => Self::Pkcs10(content.to_vec()),
            7 => Self::Requests(RequestKind::Update, requests(content)?),
            11 => Self::Revocations(list(content, |element| RevocationDetails::read(element.value))?),
            21 => Self::General(read_info(content)?),
            23 => Self::Error,
            24 => Self::Confirmation(list(content, |element| CertificateStatus::read(element.value))?),
            other => Self::Other(other),
        })
    }
}

fn requests(content: &[u8]) -> Result<Vec<CertificateRequest>, Error> {
    list(content, |element| CertificateRequest::read(element.value))
}

/// A SEQUENCE OF SEQUENCE, bounded.
fn list<T>(content: &[u8], read: impl Fn(tlv::Tlv<'_>) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    let mut outer = Reader::new(content, WHAT);
    let mut list = outer.enter(tlv::SEQUENCE)?;
    outer.finish()?;
    let mut elements = Vec::new();
    while !list.is_empty() {
        if elements.len() == MOST_ELEMENTS {
            return Err(Error::malformed(WHAT));
        }
        elements.push(read(list.expect(tlv::SEQUENCE)?)?);
    }
    Ok(elements)
}

/// A SEQUENCE OF `InfoTypeAndValue`.
pub(super) fn read_info(content: &[u8]) -> Result<Vec<InfoTypeAndValue>, Error> {
    list(content, |element| {
        let mut fields = Reader::new(element.value, WHAT);
        let kind = oid(fields.expect(tlv::OID)?)?;
        let value = if fields.is_empty() { None } else { Some(fields.any()?.whole.to_vec()) };
        fields.finish()?;
        Ok(InfoTypeAndValue { kind, value })
    })
}

pub(super) fn oid(field: tlv::Tlv<'_>) -> Result<ObjectIdentifier, Error> {
    ObjectIdentifier::from_der(field.whole).map_err(|_| Error::malformed(WHAT))
}

impl RevocationDetails {
    fn read(content: &[u8]) -> Result<Self, Error> {
        let mut fields = Reader::new(content, WHAT);
        let template = CertificateTemplate::read(fields.expect(tlv::SEQUENCE)?.value)?;
        let entry = fields.optional(tlv::SEQUENCE)?;
        fields.finish()?;
        let entry = entry.map(|entry| extensions(entry.whole)).transpose()?.unwrap_or_default();
        Ok(Self { template, entry })
    }
}

impl CertificateStatus {
    fn read(content: &[u8]) -> Result<Self, Error> {
        let mut fields = Reader::new(content, WHAT);
        let hash = fields.expect(tlv::OCTET_STRING)?.value.to_vec();
        let request_id = integer(fields.expect(tlv::INTEGER)?)?;
        let status = fields.optional(tlv::SEQUENCE)?.map(|info| status(info.value)).transpose()?;
        let algorithm = fields.optional(tlv::context(0))?;
        fields.finish()?;
        let hash_algorithm = algorithm.map(|field| {
            let mut inner = Reader::new(field.value, WHAT).enter(tlv::SEQUENCE)?;
            oid(inner.expect(tlv::OID)?)
        });
        Ok(Self { hash, request_id, status, hash_algorithm: hash_algorithm.transpose()? })
    }
}

/// The `PKIStatus` of a `PKIStatusInfo`; its texts are not read.
fn status(content: &[u8]) -> Result<u8, Error> {
    let mut fields = Reader::new(content, WHAT);
    let number = integer(fields.expect(tlv::INTEGER)?)?;
    u8::try_from(number).map_err(|_| Error::malformed(WHAT))
}

/// An INTEGER that fits in 64 bits.
pub(super) fn integer(field: tlv::Tlv<'_>) -> Result<i64, Error> {
    i64::from_der(field.whole).map_err(|_| Error::malformed(WHAT))
}
