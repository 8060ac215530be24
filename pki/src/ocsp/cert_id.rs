//! Which certificate is meant: hashes of its issuer's name and key, and its serial number.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use const_oid::ObjectIdentifier;
use der::{Decode, Encode};

use super::write::tlv;
use crate::tlv::{self, Reader, Tlv};
use crate::{Certificate, Error, Serial};

/// The hash of a [`CertId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hash {
    /// SHA-1, which RFC 5019 2.1.1 demands. Nothing rests on its strength: it only names an issuer that both sides know.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Hash {
    /// Both.
    pub const ALL: [Hash; 2] = [Hash::Sha1, Hash::Sha256];

    const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
    const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

    fn oid(self) -> ObjectIdentifier {
        match self {
            Hash::Sha1 => Self::SHA1,
            Hash::Sha256 => Self::SHA256,
        }
    }

    fn of_oid(oid: ObjectIdentifier) -> Option<Hash> {
        Hash::ALL.into_iter().find(|hash| hash.oid() == oid)
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Hash::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &SHA256,
        }
    }

    /// The hash of these bytes.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        digest(self.algorithm(), bytes).as_ref().to_vec()
    }
}

/// The hash of the key in a `SubjectPublicKeyInfo`: of the BIT STRING's content alone (RFC 6960 4.1.1).
pub fn key_hash(hash: Hash, spki_der: &[u8]) -> Result<Vec<u8>, Error> {
    let mut outer = Reader::new(spki_der, "public key");
    let mut fields = outer.enter(tlv::SEQUENCE)?;
    outer.finish()?;
    fields.expect(tlv::SEQUENCE)?;
    let bits = tlv::bits(fields.expect(tlv::BIT_STRING)?, "public key")?;
    fields.finish()?;
    Ok(hash.digest(bits))
}

/// The name of a certificate in questions and answers (RFC 6960 4.1.1). Kept with its DER, which an answer repeats.
#[derive(Debug, Clone, PartialEq, Eq, std::hash::Hash)]
pub struct CertId {
    der: Vec<u8>,
    hash: Option<Hash>,
    name_hash: Vec<u8>,
    key_hash: Vec<u8>,
    serial: Serial,
}

impl CertId {
    /// The certificate of this issuer with this serial number.
    pub fn new(hash: Hash, issuer: &Certificate, serial: Serial) -> Result<Self, Error> {
        let name_hash = hash.digest(issuer.subject().der());
        let key_hash = key_hash(hash, issuer.spki_der())?;
        let oid = hash.oid().to_der().map_err(|_| Error::malformed("hash algorithm"))?;
        // RFC 6960 4.3 leaves the parameters open; NULL is what the oldest readers know.
        let algorithm = tlv(tlv::SEQUENCE, &[&oid, &[5, 0]]);
        let der = tlv(
            tlv::SEQUENCE,
            &[
                &algorithm,
                &tlv(tlv::OCTET_STRING, &[&name_hash]),
                &tlv(tlv::OCTET_STRING, &[&key_hash]),
                &tlv(tlv::INTEGER, &[serial.content()]),
            ],
        );
        Ok(Self { der, hash: Some(hash), name_hash, key_hash, serial })
    }

    pub(super) fn read(tlv: Tlv<'_>, what: &'static str) -> Result<Self, Error> {
        let mut fields = Reader::new(tlv.value, what);
        let mut algorithm = fields.enter(tlv::SEQUENCE)?;
        let oid = algorithm.expect(tlv::OID)?.whole;
        let oid = ObjectIdentifier::from_der(oid).map_err(|_| Error::malformed(what))?;
        let parameters = if algorithm.is_empty() { None } else { Some(algorithm.any()?.whole) };
        algorithm.finish()?;
        let hash = Hash::of_oid(oid).filter(|_| parameters.is_none_or(|der| der == [5, 0]));
        let name_hash = fields.expect(tlv::OCTET_STRING)?.value.to_vec();
        let key_hash = fields.expect(tlv::OCTET_STRING)?.value.to_vec();
        let serial = serial(fields.expect(tlv::INTEGER)?, what)?;
        fields.finish()?;
        Ok(Self { der: tlv.whole.to_vec(), hash, name_hash, key_hash, serial })
    }

    /// Its DER as it came.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// How it is hashed; `None` for a hash that is not known here.
    pub fn hash(&self) -> Option<Hash> {
        self.hash
    }

    /// The hash of the issuer's name.
    pub fn name_hash(&self) -> &[u8] {
        &self.name_hash
    }

    /// The hash of the issuer's key.
    pub fn key_hash(&self) -> &[u8] {
        &self.key_hash
    }

    /// The serial number.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// Whether both mean one certificate by one hash; how the algorithm's parameters are written does not matter.
    pub fn matches(&self, other: &CertId) -> bool {
        self.hash.is_some()
            && self.hash == other.hash
            && self.name_hash == other.name_hash
            && self.key_hash == other.key_hash
            && self.serial == other.serial
    }

    /// Whether the issuer that is meant is this one.
    pub fn is_of(&self, issuer: &Certificate) -> bool {
        self.hash
            .and_then(|hash| CertId::new(hash, issuer, self.serial).ok())
            .is_some_and(|id| self.matches(&id))
    }
}

/// A serial number whose INTEGER is as short as DER wants it (X.690 8.3.2).
fn serial(tlv: Tlv<'_>, what: &'static str) -> Result<Serial, Error> {
    match tlv.value {
        [0, second, ..] if *second < 0x80 => Err(Error::malformed(what)),
        [0xff, second, ..] if *second >= 0x80 => Err(Error::malformed(what)),
        content => Serial::from_content(content).map_err(|_| Error::malformed(what)),
    }
}
