//! Extensions as typed values (RFC 5280 4.2).

mod constraints;
mod distribution;
mod names;
mod usage;

use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5280, rfc5912};
use der::Decode;
use x509_cert::ext::pkix;

pub use constraints::NameOutside;
pub use distribution::{DistributionPoint, Location, RelativeName};
pub use names::{AlternativeName, NameConstraints, Subtree};
pub use usage::{BasicConstraints, CertificatePolicy, KeyUsage, PrivateKeyUsagePeriod, eku};

use crate::times::encoded;
use crate::{Error, Serial};

/// Private-key usage period (RFC 3280 4.2.1.4).
const PRIVATE_KEY_USAGE_PERIOD: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.16");
/// Qualified certificate statements (RFC 3739 3.2.6).
const QC_STATEMENTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.3");

/// The extensions this crate understands; a critical one outside this list is unknown.
const KNOWN: [ObjectIdentifier; 15] = [
    rfc5912::ID_CE_KEY_USAGE,
    rfc5912::ID_CE_EXT_KEY_USAGE,
    rfc5912::ID_CE_CERTIFICATE_POLICIES,
    PRIVATE_KEY_USAGE_PERIOD,
    rfc5912::ID_CE_CRL_DISTRIBUTION_POINTS,
    rfc5912::ID_PE_AUTHORITY_INFO_ACCESS,
    rfc5912::ID_CE_SUBJECT_KEY_IDENTIFIER,
    rfc5912::ID_CE_AUTHORITY_KEY_IDENTIFIER,
    rfc5912::ID_CE_BASIC_CONSTRAINTS,
    rfc5912::ID_CE_SUBJECT_ALT_NAME,
    rfc5912::ID_CE_NAME_CONSTRAINTS,
    rfc5912::ID_CE_POLICY_MAPPINGS,
    rfc5912::ID_CE_POLICY_CONSTRAINTS,
    rfc5912::ID_CE_INHIBIT_ANY_POLICY,
    QC_STATEMENTS,
];

/// One extension as it stands in the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// What it is.
    pub oid: ObjectIdentifier,
    /// Whether a reader that does not know it must refuse the certificate.
    pub critical: bool,
    /// The content of its OCTET STRING.
    pub value: Vec<u8>,
}

/// Who signed, by key (RFC 5280 4.2.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorityKeyId {
    /// The issuer's key identifier.
    pub key_id: Option<Vec<u8>>,
    /// The names of the issuer's issuer.
    pub issuer: Vec<AlternativeName>,
    /// The serial number of the issuer's certificate.
    pub serial: Option<Serial>,
}

/// All extensions of a certificate or request, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extensions {
    /// Every extension in order, known or not.
    pub all: Vec<Extension>,
    /// RFC 5280 4.2.1.3.
    pub key_usage: Option<KeyUsage>,
    /// RFC 5280 4.2.1.12.
    pub extended_key_usage: Option<Vec<ObjectIdentifier>>,
    /// RFC 5280 4.2.1.4.
    pub policies: Option<Vec<CertificatePolicy>>,
    /// RFC 3280 4.2.1.4.
    pub private_key_usage_period: Option<PrivateKeyUsagePeriod>,
    /// RFC 5280 4.2.1.13.
    pub crl_distribution_points: Vec<DistributionPoint>,
    /// Where the issuer's certificate can be fetched (RFC 5280 4.2.2.1).
    pub ca_issuers: Vec<String>,
    /// Where the OCSP responder is (RFC 5280 4.2.2.1).
    pub ocsp: Vec<String>,
    /// RFC 5280 4.2.1.2.
    pub subject_key_id: Option<Vec<u8>>,
    /// RFC 5280 4.2.1.1.
    pub authority_key_id: Option<AuthorityKeyId>,
    /// RFC 5280 4.2.1.9.
    pub basic_constraints: Option<BasicConstraints>,
    /// RFC 5280 4.2.1.6.
    pub subject_alternative_names: Vec<AlternativeName>,
    /// RFC 5280 4.2.1.10.
    pub name_constraints: Option<NameConstraints>,
    /// RFC 3739 3.2.6, the DER of the `QCStatements`.
    pub qc_statements: Option<Vec<u8>>,
}

impl Extensions {
    /// Decodes the extensions; a known one that does not decode, or one that comes twice, is refused.
    pub(crate) fn read(extensions: &[x509_cert::ext::Extension]) -> Result<Self, Error> {
        let mut read = Self::default();
        for extension in extensions {
            let oid = extension.extn_id;
            if read.get(oid).is_some() {
                return Err(Error::DuplicateExtension { oid });
            }
            let value = extension.extn_value.as_bytes();
            read.set(oid, value).map_err(|_| Error::MalformedExtension { oid })?;
            read.all.push(Extension { oid, critical: extension.critical, value: value.to_vec() });
        }
        Ok(read)
    }

    /// The extension with this identifier.
    pub fn get(&self, oid: ObjectIdentifier) -> Option<&Extension> {
        self.all.iter().find(|extension| extension.oid == oid)
    }

    /// The critical extensions that this crate does not understand.
    pub fn unknown_critical(&self) -> Vec<ObjectIdentifier> {
        self.all.iter().filter(|e| e.critical && !KNOWN.contains(&e.oid)).map(|e| e.oid).collect()
    }

    /// Keeps a known extension's value.
    fn set(&mut self, oid: ObjectIdentifier, value: &[u8]) -> Result<(), Error> {
        match oid {
            rfc5912::ID_CE_KEY_USAGE => self.key_usage = Some(KeyUsage::read(value)?),
            rfc5912::ID_CE_EXT_KEY_USAGE => {
                self.extended_key_usage = Some(decode::<pkix::ExtendedKeyUsage>(value)?.0);
            }
            rfc5912::ID_CE_CERTIFICATE_POLICIES => self.policies = Some(CertificatePolicy::read(value)?),
            PRIVATE_KEY_USAGE_PERIOD => {
                self.private_key_usage_period = Some(PrivateKeyUsagePeriod::read(value)?);
            }
            rfc5912::ID_CE_CRL_DISTRIBUTION_POINTS => {
                self.crl_distribution_points = DistributionPoint::read(value)?;
            }
            rfc5912::ID_PE_AUTHORITY_INFO_ACCESS => self.set_access(value)?,
            rfc5912::ID_CE_SUBJECT_KEY_IDENTIFIER => {
                self.subject_key_id =
                    Some(decode::<pkix::SubjectKeyIdentifier>(value)?.0.as_bytes().to_vec());
            }
            rfc5912::ID_CE_AUTHORITY_KEY_IDENTIFIER => {
                self.authority_key_id = Some(AuthorityKeyId::read(value)?);
            }
            rfc5912::ID_CE_BASIC_CONSTRAINTS => {
                self.basic_constraints = Some(BasicConstraints::read(value)?);
            }
            rfc5912::ID_CE_SUBJECT_ALT_NAME => {
                self.subject_alternative_names =
                    AlternativeName::read_all(&decode::<pkix::SubjectAltName>(value)?.0)?;
            }
            rfc5912::ID_CE_NAME_CONSTRAINTS => self.name_constraints = Some(NameConstraints::read(value)?),
            QC_STATEMENTS => self.qc_statements = Some(value.to_vec()),
            _ => {}
        }
        Ok(())
    }

    fn set_access(&mut self, value: &[u8]) -> Result<(), Error> {
        for access in decode::<pkix::AuthorityInfoAccessSyntax>(value)?.0 {
            let AlternativeName::Uri(uri) = AlternativeName::of(&access.access_location)? else { continue };
            match access.access_method {
                rfc5280::ID_AD_OCSP => self.ocsp.push(uri),
                rfc5280::ID_AD_CA_ISSUERS => self.ca_issuers.push(uri),
                _ => {}
            }
        }
        Ok(())
    }
}

impl AuthorityKeyId {
    pub(crate) fn read(value: &[u8]) -> Result<Self, Error> {
        // Raw: a negative serial number is the issuer's fault, not this certificate's.
        let mut reader =
            crate::tlv::Reader::new(value, "authority key identifier").enter(crate::tlv::SEQUENCE)?;
        let key_id = reader.optional(0x80)?.map(|tlv| tlv.value.to_vec());
        let names = reader.optional(crate::tlv::context(1))?;
        let serial = reader.optional(0x82)?.map(|tlv| Serial::from_content(tlv.value)).transpose()?;
        reader.finish()?;
        let issuer = names.map(|tlv| AlternativeName::read_each(tlv.value)).transpose()?.unwrap_or_default();
        Ok(Self { key_id, issuer, serial })
    }
}

/// Decodes one value, all of it.
pub(crate) fn decode<'a, T: Decode<'a>>(value: &'a [u8]) -> Result<T, Error> {
    T::from_der(value).map_err(|_| Error::malformed("extension"))
}

/// The DER of a decoded part.
fn part(value: &impl der::Encode) -> Result<Vec<u8>, Error> {
    encoded(value, "extension")
}
