//! Requests in the form of RFC 4211 (CRMF).

use const_oid::ObjectIdentifier;
use der::Decode;

use super::body::{integer, oid};
use crate::tlv::{self, Reader, Tlv};
use crate::{Error, Extensions, Name, Serial, times, verify_signature};

const WHAT: &str = "certificate request message";
/// id-regCtrl-oldCertID (RFC 4211 6.5).
const OLD_CERTIFICATE_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.5.1.5");
/// How many controls a request may have.
const MOST_CONTROLS: usize = 16;

/// Which request it is (RFC 9810 5.3.1, 5.3.3, 5.3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// `ir`: the first certificate of somebody.
    Initial,
    /// `cr`: a further one.
    Further,
    /// `kur`: one in place of another.
    Update,
}

/// One `CertReqMsg` (RFC 4211 3).
#[derive(Debug, Clone)]
pub struct CertificateRequest {
    /// The sender's number for it.
    pub id: i64,
    /// What the certificate is to be.
    pub template: CertificateTemplate,
    /// Issuer and serial number of the certificate that is to be updated.
    pub old_certificate: Option<(Name, Serial)>,
    /// Controls that this crate does not read.
    pub unknown_controls: Vec<ObjectIdentifier>,
    /// How the sender says that it has the private key.
    pub possession: Possession,
    /// The DER of `CertRequest`, which a proof of possession signs.
    signed: Vec<u8>,
}

/// `ProofOfPossession` (RFC 4211 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Possession {
    /// None.
    Absent,
    /// A registration authority has verified it.
    VerifiedByAuthority,
    /// A signature by the key itself.
    Signature {
        /// The `AlgorithmIdentifier`, in DER.
        algorithm: Vec<u8>,
        /// The signature.
        signature: Vec<u8>,
    },
    /// A kind that is not read here.
    Unsupported,
}

/// `CertTemplate` (RFC 4211 5). Absent fields are the authority's to choose.
#[derive(Debug, Clone, Default)]
pub struct CertificateTemplate {
    /// Only where it names an existing certificate.
    pub serial: Option<Serial>,
    /// Who is to issue.
    pub issuer: Option<Name>,
    /// First moment of validity, milliseconds since 1970.
    pub not_before_ms: Option<i64>,
    /// Last moment of validity, milliseconds since 1970.
    pub not_after_ms: Option<i64>,
    /// Whom it is to name.
    pub subject: Option<Name>,
    /// The key, a `SubjectPublicKeyInfo` in DER.
    pub public_key: Option<Vec<u8>>,
    /// The extensions that are asked for.
    pub extensions: Extensions,
}

impl CertificateRequest {
    /// Verifies that the key in the template signed this very request (RFC 4211 4.1, case 3).
    pub fn verify_possession(&self) -> Result<(), Error> {
        let (Possession::Signature { algorithm, signature }, Some(key)) =
            (&self.possession, &self.template.public_key)
        else {
            return Err(Error::malformed(WHAT));
        };
        Ok(verify_signature(key, algorithm, &self.signed, signature)?)
    }

    pub(super) fn read(content: &[u8]) -> Result<Self, Error> {
        let mut fields = Reader::new(content, WHAT);
        let request = fields.expect(tlv::SEQUENCE)?;
        let possession = match fields.peek() {
            Some(tag) if tag != tlv::SEQUENCE => Possession::read(fields.any()?)?,
            _ => Possession::Absent,
        };
        // regInfo is read past: it asks for nothing that is not in the template.
        fields.optional(tlv::SEQUENCE)?;
        fields.finish()?;
        let mut inner = Reader::new(request.value, WHAT);
        let id = integer(inner.expect(tlv::INTEGER)?)?;
        let template = CertificateTemplate::read(inner.expect(tlv::SEQUENCE)?.value)?;
        let mut read = Self {
            id,
            template,
            old_certificate: None,
            unknown_controls: Vec::new(),
            possession,
            signed: request.whole.to_vec(),
        };
        if let Some(controls) = inner.optional(tlv::SEQUENCE)? {
            read.read_controls(controls.value)?;
        }
        inner.finish()?;
        Ok(read)
    }

    fn read_controls(&mut self, content: &[u8]) -> Result<(), Error> {
        let mut list = Reader::new(content, WHAT);
        let mut count = 0;
        while !list.is_empty() {
            count += 1;
            let mut control = list.enter(tlv::SEQUENCE)?;
            let kind = oid(control.expect(tlv::OID)?)?;
            let value = control.any()?;
            control.finish()?;
            if count > MOST_CONTROLS {
                return Err(list.error());
            }
            if kind == OLD_CERTIFICATE_ID && self.old_certificate.is_none() {
                self.old_certificate = Some(certificate_id(value)?);
            } else {
                self.unknown_controls.push(kind);
            }
        }
        Ok(())
    }
}

/// `CertId` (RFC 4211 6.5): a directory name and a serial number.
fn certificate_id(value: Tlv<'_>) -> Result<(Name, Serial), Error> {
    let mut outer = Reader::new(value.whole, WHAT);
    let mut fields = outer.enter(tlv::SEQUENCE)?;
    let issuer = Name::from_der(fields.expect(tlv::context(4))?.value)?;
    let serial = Serial::from_content(fields.expect(tlv::INTEGER)?.value)?;
    fields.finish()?;
    Ok((issuer, serial))
}

impl Possession {
    fn read(field: Tlv<'_>) -> Result<Self, Error> {
        match field.tag {
            // raVerified [0] NULL, implicit.
            0x80 if field.value.is_empty() => Ok(Self::VerifiedByAuthority),
            // signature [1] POPOSigningKey, implicit.
            0xa1 => {
                let mut fields = Reader::new(field.value, WHAT);
                // RFC 9483 4.1.1: poposkInput must not be used, the template has subject and key.
                if fields.optional(tlv::context(0))?.is_some() {
                    return Ok(Self::Unsupported);
                }
                let algorithm = fields.expect(tlv::SEQUENCE)?.whole.to_vec();
                let signature = tlv::bits(fields.expect(tlv::BIT_STRING)?, WHAT)?.to_vec();
                fields.finish()?;
                Ok(Self::Signature { algorithm, signature })
            }
            _ => Ok(Self::Unsupported),
        }
    }
}

impl CertificateTemplate {
    pub(super) fn read(content: &[u8]) -> Result<Self, Error> {
        let mut fields = Reader::new(content, WHAT);
        let mut template = Self::default();
        let mut last = None;
        while !fields.is_empty() {
            let field = fields.any()?;
            let number = field.tag & 0x1f;
            // Each field once and in order (X.690 8.9), and no other class than context.
            if field.tag & 0xc0 != 0x80 || number > 9 || last.is_some_and(|last| number <= last) {
                return Err(fields.error());
            }
            last = Some(number);
            template.set(field, number)?;
        }
        Ok(template)
    }

    fn set(&mut self, field: Tlv<'_>, number: u8) -> Result<(), Error> {
        match number {
            1 => self.serial = Some(Serial::from_content(field.value)?),
            3 => self.issuer = Some(Name::from_der(field.value)?),
            4 => (self.not_before_ms, self.not_after_ms) = validity(field.value)?,
            5 => self.subject = Some(Name::from_der(field.value)?),
            6 => self.public_key = Some(retagged(field)),
            9 => self.extensions = extensions(&retagged(field))?,
            // version, signing algorithm and unique identifiers are the authority's own.
            _ => {}
        }
        Ok(())
    }
}

/// The whole element as the SEQUENCE that its implicit tag hides.
fn retagged(field: Tlv<'_>) -> Vec<u8> {
    let mut whole = field.whole.to_vec();
    whole[0] = tlv::SEQUENCE;
    whole
}

/// `OptionalValidity`: each end is a `Time` in an explicit tag.
fn validity(content: &[u8]) -> Result<(Option<i64>, Option<i64>), Error> {
    let mut fields = Reader::new(content, WHAT);
    let mut end = |number| {
        let Some(field) = fields.optional(tlv::context(number))? else { return Ok(None) };
        let mut inner = Reader::new(field.value, WHAT);
        let time = times::read(inner.any()?, WHAT)?;
        inner.finish().map(|()| Some(time))
    };
    let ends = (end(0)?, end(1)?);
    fields.finish()?;
    Ok(ends)
}

/// `Extensions` from DER.
pub(super) fn extensions(der: &[u8]) -> Result<Extensions, Error> {
    let list = x509_cert::ext::Extensions::from_der(der).map_err(|_| Error::malformed(WHAT))?;
    Extensions::read(&list)
}
