//! A request for a certificate (RFC 2986), with its proof of possession.

use std::fmt;

use const_oid::db::rfc5912::ID_EXTENSION_REQ;
use der::{Decode, Encode};
use x509_cert::request::{CertReq, ExtensionReq};

use crate::tlv::{self, Reader};
use crate::{Error, Extensions, Name, pem, verify_signature};

/// A PKCS#10 request whose signature was verified under the key that it carries.
///
/// There is no other way to make one, so having it is proof that the requester holds the private key.
#[derive(Clone)]
pub struct Csr {
    der: Vec<u8>,
    subject: Name,
    spki: Vec<u8>,
    extensions: Extensions,
}

impl Csr {
    /// The PEM label of a request (RFC 7468 7).
    pub const PEM_LABEL: &'static str = "CERTIFICATE REQUEST";

    /// Parses a request and verifies the proof of possession (RFC 2986 3).
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let malformed = || Error::malformed("certificate request");
        let mut file = Reader::new(der, "certificate request");
        let mut outer = file.enter(tlv::SEQUENCE)?;
        file.finish()?;
        let info = outer.expect(tlv::SEQUENCE)?;
        let algorithm = outer.expect(tlv::SEQUENCE)?;
        let signature = tlv::bits(outer.expect(tlv::BIT_STRING)?, "certificate request")?;
        outer.finish()?;
        let mut fields = Reader::new(info.value, "certificate request");
        fields.expect(tlv::INTEGER)?;
        let subject = fields.expect(tlv::SEQUENCE)?;
        let spki = fields.expect(tlv::SEQUENCE)?;
        verify_signature(spki.whole, algorithm.whole, info.whole, signature)?;
        let request = CertReq::from_der(der).map_err(|_| malformed())?;
        Ok(Self {
            der: der.to_vec(),
            subject: Name::from_der(subject.whole)?,
            spki: spki.whole.to_vec(),
            extensions: requested(&request)?,
        })
    }

    /// The `SubjectPublicKeyInfo` in what may be a request, which nobody has proved to have: only to say what is wrong
    /// with it where the proof of possession cannot be verified.
    pub fn unproven_key(der: &[u8]) -> Result<Vec<u8>, Error> {
        let mut outer = Reader::new(der, "certificate request").enter(tlv::SEQUENCE)?;
        let mut fields = Reader::new(outer.expect(tlv::SEQUENCE)?.value, "certificate request");
        fields.expect(tlv::INTEGER)?;
        fields.expect(tlv::SEQUENCE)?;
        Ok(fields.expect(tlv::SEQUENCE)?.whole.to_vec())
    }

    /// Parses the first request in a PEM text and verifies the proof of possession.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Self::from_der(&pem::first(text, Self::PEM_LABEL)?)
    }

    /// The bytes as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subject that is asked for.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// The public key, a `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The extensions that are asked for (RFC 2985 5.4.2).
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }
}

impl fmt::Debug for Csr {
    /// Without the subject: a person's name has no place in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Csr({} bytes)", self.der.len())
    }
}

fn requested(request: &CertReq) -> Result<Extensions, Error> {
    let attributes = request.info.attributes.iter().filter(|attribute| attribute.oid == ID_EXTENSION_REQ);
    let mut extensions = Vec::new();
    for value in attributes.flat_map(|attribute| attribute.values.iter()) {
        let der = value.to_der().map_err(|_| Error::malformed("extension request"))?;
        let asked = ExtensionReq::from_der(&der).map_err(|_| Error::malformed("extension request"))?;
        extensions.extend(asked.0);
    }
    Extensions::read(&extensions)
}
