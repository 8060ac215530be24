//! A question about certificates (RFC 6960 4.1).

use super::write::tlv;
use super::{ACCEPTABLE, CertId, MAX_IDS, MAX_REQUEST, NONCE, PREFERRED};
use crate::crl::read_extensions;
use crate::tlv::{self, Reader};
use crate::{Error, Extension};

/// The longest nonce (RFC 9654 2.1).
pub const MAX_NONCE: usize = 128;
const WHAT: &str = "OCSP request";
/// serviceLocator (RFC 6960 4.4.6); who routes questions reads it.
const SERVICE_LOCATOR: const_oid::ObjectIdentifier =
    const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.7");

/// A question about one to [`MAX_IDS`] certificates.
///
/// Who asks, and a signature over the question, are passed over: nothing here depends on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    ids: Vec<CertId>,
    nonce: Option<Vec<u8>>,
}

impl Request {
    /// A question about these certificates. A nonce makes the answer a fresh one (RFC 9654: 32 octets when we ask).
    pub fn new(ids: Vec<CertId>, nonce: Option<Vec<u8>>) -> Result<Self, Error> {
        let asks = (1..=MAX_IDS).contains(&ids.len());
        let nonce_fits = nonce.as_ref().is_none_or(|nonce| (1..=MAX_NONCE).contains(&nonce.len()));
        if asks && nonce_fits { Ok(Self { ids, nonce }) } else { Err(Error::malformed(WHAT)) }
    }

    /// Reads a question. What is not DER, asks for nothing or for too much, or has a critical extension that is not
    /// known is refused.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        if der.len() > MAX_REQUEST {
            return Err(Error::malformed(WHAT));
        }
        let mut file = Reader::new(der, WHAT);
        let mut outer = file.enter(tlv::SEQUENCE)?;
        file.finish()?;
        let mut fields = outer.enter(tlv::SEQUENCE)?;
        if let Some(signature) = outer.optional(tlv::context(0))? {
            check_signature_form(signature.value)?;
        }
        outer.finish()?;
        // The version is 1 and, being the default, is not written (X.690 11.5); requestorName is passed over.
        fields.optional(tlv::context(1))?;
        let mut list = fields.enter(tlv::SEQUENCE)?;
        let extensions = fields.optional(tlv::context(2))?;
        fields.finish()?;
        let mut ids = Vec::new();
        while !list.is_empty() && ids.len() < MAX_IDS {
            ids.push(single(list.enter(tlv::SEQUENCE)?)?);
        }
        list.finish()?;
        let extensions = extensions.map_or(Ok(Vec::new()), |tlv| read_extensions(tlv.value))?;
        demand_known(&extensions, &[NONCE, ACCEPTABLE, PREFERRED])?;
        Self::new(ids, nonce(&extensions)?)
    }

    /// The certificates asked about, in order.
    pub fn ids(&self) -> &[CertId] {
        &self.ids
    }

    /// What the answer must repeat.
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// The question as it travels.
    pub fn to_der(&self) -> Vec<u8> {
        let singles: Vec<u8> = self.ids.iter().flat_map(|id| tlv(tlv::SEQUENCE, &[id.der()])).collect();
        let list = tlv(tlv::SEQUENCE, &[&singles]);
        let extensions = self.nonce.as_ref().map_or_else(Vec::new, |nonce| {
            let value = tlv(tlv::OCTET_STRING, &[&tlv(tlv::OCTET_STRING, &[nonce])]);
            let extension = tlv(tlv::SEQUENCE, &[&tlv(tlv::OID, &[NONCE.as_bytes()]), &value]);
            tlv(tlv::context(2), &[&tlv(tlv::SEQUENCE, &[&extension])])
        });
        tlv(tlv::SEQUENCE, &[&tlv(tlv::SEQUENCE, &[&list, &extensions])])
    }
}

fn single(mut fields: Reader<'_>) -> Result<CertId, Error> {
    let id = CertId::read(fields.expect(tlv::SEQUENCE)?, WHAT)?;
    if let Some(extensions) = fields.optional(tlv::context(0))? {
        demand_known(&read_extensions(extensions.value)?, &[SERVICE_LOCATOR])?;
    }
    fields.finish()?;
    Ok(id)
}

/// `Signature` (RFC 6960 4.1.1): its form only.
fn check_signature_form(value: &[u8]) -> Result<(), Error> {
    let mut outer = Reader::new(value, WHAT);
    let mut fields = outer.enter(tlv::SEQUENCE)?;
    outer.finish()?;
    fields.expect(tlv::SEQUENCE)?;
    tlv::bits(fields.expect(tlv::BIT_STRING)?, WHAT)?;
    fields.optional(tlv::context(0))?;
    fields.finish()
}

/// RFC 6960 4.4: an extension that is critical must be understood.
fn demand_known(extensions: &[Extension], known: &[const_oid::ObjectIdentifier]) -> Result<(), Error> {
    match extensions.iter().find(|extension| extension.critical && !known.contains(&extension.oid)) {
        Some(extension) => Err(Error::MalformedExtension { oid: extension.oid }),
        None => Ok(()),
    }
}

/// The nonce: an OCTET STRING of 1 to 128 octets (RFC 9654 2.1).
pub(super) fn nonce(extensions: &[Extension]) -> Result<Option<Vec<u8>>, Error> {
    let Some(extension) = extensions.iter().find(|extension| extension.oid == NONCE) else { return Ok(None) };
    let malformed = Error::MalformedExtension { oid: NONCE };
    let mut reader = Reader::new(&extension.value, WHAT);
    let value = reader.expect(tlv::OCTET_STRING).map_err(|_| malformed.clone())?.value;
    let fits = reader.is_empty() && (1..=MAX_NONCE).contains(&value.len());
    if fits { Ok(Some(value.to_vec())) } else { Err(malformed) }
}
