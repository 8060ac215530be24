//! Certificate revocation lists (RFC 5280 5), parsed once and searched fast.

mod entries;
mod scope;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912;
use der::Decode;
use x509_cert::ext::pkix::crl::dp::IssuingDistributionPoint;

pub use entries::CrlEntry;
pub use scope::{Covers, CrlScope, Reason, Reasons};

use crate::extensions::{AlternativeName, AuthorityKeyId, DistributionPoint, Extension, decode};
use crate::tlv::{self, Reader};
use crate::{Certificate, Error, KeyUsage, Name, Serial, pem, times, verify_signature};
use entries::Entries;

/// A CRL. Parsed and indexed when made; a clone shares the value.
///
/// Equal when the DER is equal. An entry is found by binary search over an index of 8 bytes an entry.
#[derive(Clone)]
pub struct Crl(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    tbs: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
    algorithms_agree: bool,
    issuer: Name,
    this_update_ms: i64,
    next_update_ms: Option<i64>,
    entries: Entries,
    extensions: Vec<Extension>,
    number: Option<Serial>,
    delta_base: Option<Serial>,
    scope: CrlScope,
    authority_key_id: Option<AuthorityKeyId>,
    /// The key under which the signature was seen to verify: this value never changes, so once is enough.
    verified_with: OnceLock<Box<[u8]>>,
}

/// The extensions of a CRL that are understood; a critical one outside this list makes it unusable.
const KNOWN: [ObjectIdentifier; 7] = [
    rfc5912::ID_CE_AUTHORITY_KEY_IDENTIFIER,
    rfc5912::ID_CE_ISSUER_ALT_NAME,
    rfc5912::ID_CE_CRL_NUMBER,
    rfc5912::ID_CE_DELTA_CRL_INDICATOR,
    rfc5912::ID_CE_ISSUING_DISTRIBUTION_POINT,
    rfc5912::ID_CE_FRESHEST_CRL,
    rfc5912::ID_PE_AUTHORITY_INFO_ACCESS,
];

impl Crl {
    /// The PEM label of a CRL (RFC 7468 6).
    pub const PEM_LABEL: &'static str = "X509 CRL";

    /// Parses a CRL and every entry in it.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let mut file = Reader::new(der, "CRL");
        let mut outer = file.enter(tlv::SEQUENCE)?;
        file.finish()?;
        let tbs = outer.expect(tlv::SEQUENCE)?;
        let algorithm = outer.expect(tlv::SEQUENCE)?;
        let signature = tlv::bits(outer.expect(tlv::BIT_STRING)?, "CRL signature")?;
        outer.finish()?;
        let mut fields = Reader::new(tbs.value, "CRL");
        fields.optional(tlv::INTEGER)?;
        let inner_algorithm = fields.expect(tlv::SEQUENCE)?;
        let issuer = Name::from_der(fields.expect(tlv::SEQUENCE)?.whole)?;
        let this_update_ms = times::read(fields.any()?, "CRL")?;
        let has_next = matches!(fields.peek(), Some(tlv::UTC_TIME | tlv::GENERALIZED_TIME));
        let next_update_ms = if has_next { Some(times::read(fields.any()?, "CRL")?) } else { None };
        let list = fields.optional(tlv::SEQUENCE)?;
        let extensions =
            fields.optional(tlv::context(0))?.map_or(Ok(Vec::new()), |tlv| read_extensions(tlv.value))?;
        fields.finish()?;
        let range = |bytes: &[u8]| {
            let start = bytes.as_ptr().addr() - der.as_ptr().addr();
            start..start + bytes.len()
        };
        let entries = Entries::read(der, list.map_or(0..0, |list| range(list.value)), &issuer)?;
        let known = KnownExtensions::read(&extensions)?;
        Ok(Self(Arc::new(Inner {
            tbs: range(tbs.whole),
            algorithm: range(algorithm.whole),
            signature: range(signature),
            algorithms_agree: inner_algorithm.whole == algorithm.whole,
            der: der.to_vec(),
            issuer,
            this_update_ms,
            next_update_ms,
            entries,
            extensions,
            number: known.number,
            delta_base: known.delta_base,
            scope: known.scope,
            authority_key_id: known.authority_key_id,
            verified_with: OnceLock::new(),
        })))
    }

    /// Parses the first CRL in a PEM text.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Self::from_der(&pem::first(text, Self::PEM_LABEL)?)
    }

    /// This CRL as PEM.
    pub fn to_pem(&self) -> String {
        pem::to_pem(Self::PEM_LABEL, self.der())
    }

    /// The bytes as received.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The bytes that are signed.
    pub fn tbs_der(&self) -> &[u8] {
        &self.0.der[self.0.tbs.clone()]
    }

    /// The `AlgorithmIdentifier` of the signature, the one outside the signed part.
    pub fn signature_algorithm_der(&self) -> &[u8] {
        &self.0.der[self.0.algorithm.clone()]
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        &self.0.der[self.0.signature.clone()]
    }

    /// Who signed it.
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// Its number (RFC 5280 5.2.3).
    pub fn number(&self) -> Option<Serial> {
        self.0.number
    }

    /// The number of the complete CRL it builds on, when it is a delta CRL (RFC 5280 5.2.4).
    pub fn delta_base(&self) -> Option<Serial> {
        self.0.delta_base
    }

    /// When it was issued.
    pub fn this_update_ms(&self) -> i64 {
        self.0.this_update_ms
    }

    /// By when the next one is issued, if it says.
    pub fn next_update_ms(&self) -> Option<i64> {
        self.0.next_update_ms
    }

    /// True from `thisUpdate` to `nextUpdate`. A CRL that does not say when the next one comes is never current.
    pub fn is_current(&self, at_ms: i64) -> bool {
        self.this_update_ms() <= at_ms && self.next_update_ms().is_some_and(|next| at_ms <= next)
    }

    /// What it covers (RFC 5280 5.2.5).
    pub fn scope(&self) -> &CrlScope {
        &self.0.scope
    }

    /// Whether the place it names is the place a certificate names (RFC 5280 6.3.3 (b) (2) (i)); one that names none is at every place.
    pub fn is_at(&self, point: &DistributionPoint) -> bool {
        let Some(location) = &self.scope().location else { return true };
        let names = location.full(self.issuer());
        let wanted = match &point.location {
            // RFC 5280 4.2.1.13: relative to the CRL's issuer.
            Some(location) => location.full(self.issuer()),
            None => point.crl_issuer.iter().cloned().map(AlternativeName::Directory).collect(),
        };
        names.iter().any(|name| wanted.iter().any(|other| name.matches(other)))
    }

    /// The identifier of the issuer's key.
    pub fn authority_key_id(&self) -> Option<&AuthorityKeyId> {
        self.0.authority_key_id.as_ref()
    }

    /// Every extension in order.
    pub fn extensions(&self) -> &[Extension] {
        &self.0.extensions
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// True when it has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry for a certificate of this CRL's issuer.
    pub fn entry(&self, serial: &Serial) -> Option<CrlEntry> {
        self.entry_of(self.issuer(), serial)
    }

    /// The entry for a certificate of any issuer; another one appears only in an indirect CRL.
    pub fn entry_of(&self, issuer: &Name, serial: &Serial) -> Option<CrlEntry> {
        self.0.entries.find(self.der(), issuer, serial.content())
    }

    /// All entries in the order of their serial numbers.
    pub fn entries(&self) -> impl Iterator<Item = CrlEntry> + '_ {
        self.0.entries.iter(self.der())
    }

    /// True when a critical extension, of the CRL or of an entry, is not understood: no verdict may rest on it
    /// (RFC 5280 5.2, 5.3).
    pub fn has_unknown_critical(&self) -> bool {
        let unknown = |extension: &Extension| extension.critical && !KNOWN.contains(&extension.oid);
        self.0.entries.has_unknown_critical() || self.0.extensions.iter().any(unknown)
    }

    /// Verifies that this CA signed it and may sign CRLs. Says nothing of freshness or of trust in the CA.
    pub fn verify(&self, issuer: &Certificate) -> Result<(), Error> {
        if !self.issuer().matches(issuer.subject()) {
            return Err(Error::IssuerMismatch);
        }
        // RFC 5280 6.3.3 (f): when key usage is present, cRLSign must be set.
        if issuer.key_usage().is_some_and(|usage| !usage.contains(KeyUsage::CRL_SIGN)) {
            return Err(Error::KeyUsageForbids);
        }
        self.verify_with_key(issuer.spki_der())
    }

    /// Verifies the signature with a `SubjectPublicKeyInfo`. A success is remembered and costs nothing again.
    pub fn verify_with_key(&self, spki_der: &[u8]) -> Result<(), Error> {
        if self.0.verified_with.get().is_some_and(|key| **key == *spki_der) {
            return Ok(());
        }
        // RFC 5280 5.1.1.2
        if !self.0.algorithms_agree {
            return Err(Error::AlgorithmMismatch);
        }
        verify_signature(spki_der, self.signature_algorithm_der(), self.tbs_der(), self.signature())?;
        self.0.verified_with.get_or_init(|| spki_der.into());
        Ok(())
    }
}

impl PartialEq for Crl {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for Crl {}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number().map_or_else(|| "-".to_owned(), |number| number.to_string());
        write!(f, "Crl({number} by \"{}\", {} entries)", self.issuer(), self.len())
    }
}

/// The extensions this crate acts on.
#[derive(Default)]
struct KnownExtensions {
    number: Option<Serial>,
    delta_base: Option<Serial>,
    scope: CrlScope,
    authority_key_id: Option<AuthorityKeyId>,
}

impl KnownExtensions {
    fn read(extensions: &[Extension]) -> Result<Self, Error> {
        let mut known = Self::default();
        for Extension { oid, value, .. } in extensions {
            known.set(*oid, value).map_err(|_| Error::MalformedExtension { oid: *oid })?;
        }
        Ok(known)
    }

    fn set(&mut self, oid: ObjectIdentifier, value: &[u8]) -> Result<(), Error> {
        match oid {
            rfc5912::ID_CE_CRL_NUMBER => self.number = Some(integer(value)?),
            rfc5912::ID_CE_DELTA_CRL_INDICATOR => self.delta_base = Some(integer(value)?),
            rfc5912::ID_CE_ISSUING_DISTRIBUTION_POINT => {
                self.scope = CrlScope::of(decode::<IssuingDistributionPoint>(value)?)?;
            }
            rfc5912::ID_CE_AUTHORITY_KEY_IDENTIFIER => {
                self.authority_key_id = Some(AuthorityKeyId::read(value)?);
            }
            _ => {}
        }
        Ok(())
    }
}

fn integer(value: &[u8]) -> Result<Serial, Error> {
    let mut reader = Reader::new(value, "CRL number");
    let number = Serial::from_content(reader.expect(tlv::INTEGER)?.value)?;
    reader.finish().map(|()| number)
}

/// Reads `Extensions`; one that comes twice is refused.
pub(crate) fn read_extensions(value: &[u8]) -> Result<Vec<Extension>, Error> {
    let mut outer = Reader::new(value, "extensions");
    let mut list = outer.enter(tlv::SEQUENCE)?;
    outer.finish()?;
    let mut extensions: Vec<Extension> = Vec::new();
    while !list.is_empty() {
        let (oid, critical, value) = read_extension(&mut list)?;
        let oid = ObjectIdentifier::from_der(oid).map_err(|_| list.error())?;
        if extensions.iter().any(|known| known.oid == oid) {
            return Err(Error::DuplicateExtension { oid });
        }
        extensions.push(Extension { oid, critical, value: value.to_vec() });
    }
    Ok(extensions)
}

/// One extension: the DER of its identifier, whether it is critical, its value.
fn read_extension<'a>(list: &mut Reader<'a>) -> Result<(&'a [u8], bool, &'a [u8]), Error> {
    let mut fields = list.enter(tlv::SEQUENCE)?;
    let oid = fields.expect(tlv::OID)?.whole;
    let critical = match fields.optional(tlv::BOOLEAN)?.map(|tlv| tlv.value) {
        None | Some([0]) => false,
        Some([0xff]) => true,
        Some(_) => return Err(fields.error()),
    };
    let value = fields.expect(tlv::OCTET_STRING)?.value;
    fields.finish().map(|()| (oid, critical, value))
}
