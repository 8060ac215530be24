//! What a CRL covers, and why a certificate was revoked.

use std::fmt;
use std::ops::{BitAnd, BitOr};

use x509_cert::ext::pkix::crl::dp::IssuingDistributionPoint;

use crate::Error;
use crate::extensions::Location;

/// What a CRL covers (issuing distribution point, RFC 5280 5.2.5). The default is everything of its issuer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrlScope {
    /// The place it appears at, when it covers only certificates that point there.
    pub location: Option<Location>,
    /// Which kind of certificates.
    pub covers: Covers,
    /// Which reasons; all when absent.
    pub reasons: Option<Reasons>,
    /// Whether it also lists certificates of other issuers.
    pub indirect: bool,
}

/// Which kind of certificates a CRL covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Covers {
    /// All public-key certificates.
    #[default]
    All,
    /// Certificates of subjects that are not CAs.
    EndEntities,
    /// Certificates of CAs.
    Authorities,
    /// Attribute certificates, so none of ours.
    AttributeCertificates,
}

impl CrlScope {
    pub(super) fn of(point: IssuingDistributionPoint) -> Result<Self, Error> {
        let covers = match (
            point.only_contains_user_certs,
            point.only_contains_ca_certs,
            point.only_contains_attribute_certs,
        ) {
            (false, false, false) => Covers::All,
            (true, false, false) => Covers::EndEntities,
            (false, true, false) => Covers::Authorities,
            (false, false, true) => Covers::AttributeCertificates,
            // RFC 5280 5.2.5: at most one may be TRUE.
            _ => return Err(Error::malformed("issuing distribution point")),
        };
        Ok(Self {
            location: point.distribution_point.map(Location::of).transpose()?,
            covers,
            reasons: point.only_some_reasons.map(|flags| Reasons::from_bits(flags.bits())),
            indirect: point.indirect_crl,
        })
    }
}

/// A set of reasons for revocation (`ReasonFlags`, RFC 5280 4.2.1.13).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Reasons(u16);

impl Reasons {
    /// No reason.
    pub const NONE: Self = Self(0);
    /// Every reason (RFC 5280 6.3.2.1, "all-reasons").
    pub const ALL: Self = Self(0b1_1111_1110);

    /// From the bits in the order of the RFC; bit 0 is unused.
    pub(crate) fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// True when all of `other` are here.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitAnd for Reasons {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Reasons {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reasons({:09b})", self.0)
    }
}

/// Why a certificate was revoked (`CRLReason`, RFC 5280 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not said.
    Unspecified,
    /// The subject's key is no longer secret.
    KeyCompromise,
    /// The CA's key is no longer secret.
    CaCompromise,
    /// The subject's name or affiliation changed.
    AffiliationChanged,
    /// Replaced by another.
    Superseded,
    /// No longer needed.
    CessationOfOperation,
    /// Suspended.
    CertificateHold,
    /// In a delta CRL: no longer revoked.
    RemoveFromCrl,
    /// A privilege in it was withdrawn.
    PrivilegeWithdrawn,
    /// The attribute authority's key is no longer secret.
    AaCompromise,
}

impl Reason {
    const CODES: [(u8, Self, &'static str); 10] = [
        (0, Self::Unspecified, "unspecified"),
        (1, Self::KeyCompromise, "keyCompromise"),
        (2, Self::CaCompromise, "cACompromise"),
        (3, Self::AffiliationChanged, "affiliationChanged"),
        (4, Self::Superseded, "superseded"),
        (5, Self::CessationOfOperation, "cessationOfOperation"),
        (6, Self::CertificateHold, "certificateHold"),
        (8, Self::RemoveFromCrl, "removeFromCRL"),
        (9, Self::PrivilegeWithdrawn, "privilegeWithdrawn"),
        (10, Self::AaCompromise, "aACompromise"),
    ];

    /// The reason with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::CODES.iter().find(|(known, ..)| *known == code).map(|(_, reason, _)| *reason)
    }

    /// The code of this reason.
    pub fn code(self) -> u8 {
        Self::CODES.iter().find(|(_, reason, _)| *reason == self).map_or(0, |(code, ..)| *code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::CODES.iter().find(|(_, reason, _)| reason == self).map_or("", |(.., name)| name))
    }
}
