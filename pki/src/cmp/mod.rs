//! Messages of the Certificate Management Protocol (RFC 9810), read strictly and in the subset that the
//! Lightweight CMP Profile (RFC 9483) uses.
//!
//! A message is read in two steps, so that one whose body makes no sense can still be answered by its header.
//! Reading says nothing about who sent it: the caller verifies the protection over [`Message::protected_part`].

mod body;
mod failure;
mod header;
mod mac;
mod request;

use crate::tlv::{self, Reader, Tlv};
use crate::{Certificate, Error};

pub use body::{Body, CertificateStatus, InfoTypeAndValue, RevocationDetails};
pub use failure::Failure;
pub use header::Header;
pub use mac::{SecretProtection, SecretRefused};
pub use request::{CertificateRequest, CertificateTemplate, Possession, RequestKind};

/// How large a message may be. One request with a long chain of certificates has less than a quarter of it.
pub const LARGEST_MESSAGE: usize = 64 * 1024;
/// How many certificates a message may carry.
const MOST_CERTIFICATES: usize = 16;

/// A `PKIMessage` (RFC 9810 5.1) whose header could be read.
#[derive(Debug, Clone)]
pub struct Message {
    header: Header,
    body: (u8, Vec<u8>),
    protected_part: Vec<u8>,
    protection: Option<Vec<u8>>,
    extra_certificates: Vec<Certificate>,
}

impl Message {
    /// Reads a message from DER. The body is left for [`Message::body`].
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "CMP message";
        if der.len() > LARGEST_MESSAGE {
            return Err(Error::malformed(WHAT));
        }
        let mut file = Reader::new(der, WHAT);
        let mut fields = file.enter(tlv::SEQUENCE)?;
        file.finish()?;
        let header = fields.expect(tlv::SEQUENCE)?;
        let body = fields.any()?;
        // RFC 9810 5.1.2: the choice is made by a context tag, 0 to 26.
        if body.tag & 0xe0 != 0xa0 || body.tag & 0x1f > 26 {
            return Err(Error::malformed(WHAT));
        }
        let protection =
            fields.optional(tlv::context(0))?.map(|field| bit_string(field, WHAT)).transpose()?;
        let certificates = fields.optional(tlv::context(1))?;
        fields.finish()?;
        Ok(Self {
            header: Header::read(header)?,
            body: (body.tag & 0x1f, body.value.to_vec()),
            protected_part: sequence(&[header.whole, body.whole]),
            protection,
            extra_certificates: certificates.map(read_certificates).transpose()?.unwrap_or_default(),
        })
    }

    /// Who wrote it, to whom, and in which transaction.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Reads the body.
    pub fn body(&self) -> Result<Body, Error> {
        Body::read(self.body.0, &self.body.1)
    }

    /// The DER over which the protection was computed: `ProtectedPart` (RFC 9810 5.1.3).
    pub fn protected_part(&self) -> &[u8] {
        &self.protected_part
    }

    /// The signature or message authentication code, if there is one.
    pub fn protection(&self) -> Option<&[u8]> {
        self.protection.as_deref()
    }

    /// The certificates that came along; of a signed message the signer's own is the first (RFC 9483 3.3).
    pub fn extra_certificates(&self) -> &[Certificate] {
        &self.extra_certificates
    }
}

/// Reads octets as a message, with its body and every proof of possession in it: the body of a fuzz target.
pub fn read_anything(octets: &[u8]) {
    let Ok(message) = Message::from_der(octets) else { return };
    let _ = message.header().certificate_profile();
    if let Some(algorithm) = &message.header().protection_algorithm {
        let _ = SecretProtection::read(algorithm);
    }
    if let Ok(Body::Requests(_, requests)) = message.body() {
        for request in requests {
            let _ = request.verify_possession();
        }
    }
}

fn read_certificates(field: Tlv<'_>) -> Result<Vec<Certificate>, Error> {
    let mut outer = Reader::new(field.value, "CMP extraCerts");
    let mut list = outer.enter(tlv::SEQUENCE)?;
    outer.finish()?;
    let mut certificates = Vec::new();
    while !list.is_empty() {
        if certificates.len() == MOST_CERTIFICATES {
            return Err(Error::malformed("CMP extraCerts"));
        }
        certificates.push(Certificate::from_der(list.expect(tlv::SEQUENCE)?.whole)?);
    }
    Ok(certificates)
}

/// The content of a BIT STRING in an explicit tag.
fn bit_string(field: Tlv<'_>, what: &'static str) -> Result<Vec<u8>, Error> {
    let mut inner = Reader::new(field.value, what);
    let bits = inner.expect(tlv::BIT_STRING)?;
    inner.finish()?;
    tlv::bits(bits, what).map(<[u8]>::to_vec)
}

/// A SEQUENCE of elements that are encoded already.
fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let octets = length.to_be_bytes();
    let mut out = vec![tlv::SEQUENCE];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let significant = &octets[octets.iter().take_while(|octet| **octet == 0).count()..];
            out.push(0x80 | significant.len().to_le_bytes()[0]);
            out.extend_from_slice(significant);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is no message, has a body that does not exist or has bytes left over is refused.
    #[test]
    fn what_is_no_message_is_refused() {
        let header = sequence(&[&[2, 1, 2], &[0xa4, 2, 0x30, 0], &[0xa4, 2, 0x30, 0]]);
        let good = sequence(&[&header, &[0xb3, 2, 5, 0]]);
        let message = Message::from_der(&good).unwrap();
        assert!(matches!(message.body(), Ok(Body::Other(19))));
        assert_eq!(message.protected_part(), good);
        for wrong in [
            vec![],
            [good.as_slice(), &[0]].concat(),
            sequence(&[&header, &[0xbb, 2, 5, 0]]),
            sequence(&[&header, &[0x93, 2, 5, 0]]),
            sequence(&[&header]),
            sequence(&[&header, &[0xb3, 2, 5, 0], &[0xa0, 2, 5, 0]]),
            vec![0x30; LARGEST_MESSAGE + 1],
        ] {
            assert!(Message::from_der(&wrong).is_err(), "{wrong:02x?}");
        }
    }
}
