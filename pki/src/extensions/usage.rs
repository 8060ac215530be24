//! What a key may be used for, when, and under which policy.

use std::fmt;
use std::ops::BitOr;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use der::Tagged;
use x509_cert::ext::pkix;

use super::decode;
use crate::Error;
use crate::times::from_date_time;

/// Key usage bits (RFC 5280 4.2.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// No bit.
    pub const NONE: Self = Self(0);
    /// Signatures other than on certificates and CRLs.
    pub const DIGITAL_SIGNATURE: Self = Self(1);
    /// Signatures that bind the signer to the content (also called contentCommitment).
    pub const NON_REPUDIATION: Self = Self(1 << 1);
    /// Enciphering keys.
    pub const KEY_ENCIPHERMENT: Self = Self(1 << 2);
    /// Enciphering data.
    pub const DATA_ENCIPHERMENT: Self = Self(1 << 3);
    /// Agreeing on keys.
    pub const KEY_AGREEMENT: Self = Self(1 << 4);
    /// Signing certificates.
    pub const KEY_CERT_SIGN: Self = Self(1 << 5);
    /// Signing CRLs.
    pub const CRL_SIGN: Self = Self(1 << 6);
    /// With key agreement: only enciphering.
    pub const ENCIPHER_ONLY: Self = Self(1 << 7);
    /// With key agreement: only deciphering.
    pub const DECIPHER_ONLY: Self = Self(1 << 8);

    const NAMES: [&str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];

    /// True when all bits of `other` are set here.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) fn read(value: &[u8]) -> Result<Self, Error> {
        Ok(Self(decode::<pkix::KeyUsage>(value)?.0.bits()))
    }
}

impl BitOr for KeyUsage {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set: Vec<&str> = (0..Self::NAMES.len())
            .filter(|bit| self.0 & (1 << bit) != 0)
            .map(|bit| Self::NAMES[bit])
            .collect();
        f.write_str(&set.join(", "))
    }
}

impl fmt::Debug for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyUsage({self})")
    }
}

/// Identifiers of extended key usages (RFC 5280 4.2.1.12).
pub mod eku {
    use const_oid::ObjectIdentifier;

    /// Any purpose.
    pub const ANY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
    /// TLS servers.
    pub const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
    /// TLS clients.
    pub const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
    /// Mail protection.
    pub const EMAIL_PROTECTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4");
    /// Time-stamps.
    pub const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
    /// OCSP answers.
    pub const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
    /// Signed documents (RFC 9336).
    pub const DOCUMENT_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.36");
    /// Smartcard logon.
    pub const SMARTCARD_LOGON: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.2");
}

/// A certificate policy (RFC 5280 4.2.1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificatePolicy {
    /// The policy.
    pub oid: ObjectIdentifier,
    /// Where its practice statement can be read.
    pub cps: Vec<String>,
}

impl CertificatePolicy {
    pub(super) fn read(value: &[u8]) -> Result<Vec<Self>, Error> {
        let policies = decode::<pkix::CertificatePolicies>(value)?.0;
        Ok(policies.into_iter().map(Self::of).collect())
    }

    fn of(policy: pkix::certpolicy::PolicyInformation) -> Self {
        let cps = policy
            .policy_qualifiers
            .unwrap_or_default()
            .into_iter()
            .filter(|qualifier| qualifier.policy_qualifier_id == rfc5280::ID_QT_CPS)
            .filter_map(|qualifier| qualifier.qualifier)
            .filter(|any| any.tag() == der::Tag::Ia5String)
            .filter_map(|any| String::from_utf8(any.value().to_vec()).ok())
            .collect();
        Self { oid: policy.policy_identifier, cps }
    }
}

/// When the private key may sign (RFC 3280 4.2.1.4), in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrivateKeyUsagePeriod {
    /// Not before this time.
    pub not_before_ms: Option<i64>,
    /// Not after this time.
    pub not_after_ms: Option<i64>,
}

impl PrivateKeyUsagePeriod {
    /// True when the key may sign at this time.
    pub fn contains(self, at_ms: i64) -> bool {
        self.not_before_ms.is_none_or(|from| from <= at_ms) && self.not_after_ms.is_none_or(|to| at_ms <= to)
    }

    pub(super) fn read(value: &[u8]) -> Result<Self, Error> {
        let period = decode::<pkix::PrivateKeyUsagePeriod>(value)?;
        let millis = |time: der::asn1::GeneralizedTime| from_date_time(time.to_date_time());
        Ok(Self { not_before_ms: period.not_before.map(millis), not_after_ms: period.not_after.map(millis) })
    }
}

/// Whether the subject is a CA, and how long a path may go on below it (RFC 5280 4.2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasicConstraints {
    /// Whether the subject may issue certificates.
    pub ca: bool,
    /// How many CA certificates may follow below.
    pub path_length: Option<u8>,
}

impl BasicConstraints {
    pub(super) fn read(value: &[u8]) -> Result<Self, Error> {
        let read = decode::<pkix::BasicConstraints>(value)?;
        Ok(Self { ca: read.ca, path_length: read.path_len_constraint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits are read in the order of the RFC and display by their names.
    #[test]
    fn key_usage_reads_its_bits() {
        let usage = KeyUsage::read(&[0x03, 0x02, 0x01, 0x06]).unwrap();
        assert_eq!(usage, KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN);
        assert_eq!(usage.to_string(), "keyCertSign, cRLSign");
        assert!(!usage.contains(KeyUsage::DIGITAL_SIGNATURE));
        assert!(KeyUsage::read(&[0x04, 0x02, 0x01, 0x06]).is_err());
    }

    /// Both ends of a private-key usage period belong to it, and an absent end is open.
    #[test]
    fn usage_period_includes_its_ends() {
        let value = [&[0x30, 0x11, 0x81, 0x0f][..], b"20270101000000Z"].concat();
        let period = PrivateKeyUsagePeriod::read(&value).unwrap();
        assert_eq!(
            period,
            PrivateKeyUsagePeriod { not_before_ms: None, not_after_ms: Some(1_798_761_600_000) }
        );
        assert!(period.contains(1_798_761_600_000) && period.contains(i64::MIN));
        assert!(!period.contains(1_798_761_600_001));
    }
}
