//! Where the CRL that covers a certificate is found (RFC 5280 4.2.1.13).

use x509_cert::ext::pkix;
use x509_cert::ext::pkix::name::DistributionPointName;
use x509_cert::name::RelativeDistinguishedName;

use super::decode;
use super::names::AlternativeName;
use crate::crl::Reasons;
use crate::{Error, Name};

/// One place where CRLs appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistributionPoint {
    /// The name of the place.
    pub location: Option<Location>,
    /// The reasons its CRL covers; all when absent.
    pub reasons: Option<Reasons>,
    /// Who signs the CRL, if not the certificate's issuer.
    pub crl_issuer: Vec<Name>,
}

/// The name of a place where CRLs appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Names of the same place.
    Full(Vec<AlternativeName>),
    /// One more step below the name of the CRL's issuer.
    Relative(RelativeName),
}

/// A relative distinguished name below the name of a CRL's issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelativeName(RelativeDistinguishedName);

impl DistributionPoint {
    /// The URIs of the place.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.location.iter().flat_map(Location::uris)
    }

    pub(super) fn read(value: &[u8]) -> Result<Vec<Self>, Error> {
        decode::<pkix::CrlDistributionPoints>(value)?.0.into_iter().map(Self::of).collect()
    }

    fn of(point: pkix::crl::dp::DistributionPoint) -> Result<Self, Error> {
        let crl_issuer = AlternativeName::read_all(&point.crl_issuer.unwrap_or_default())?
            .into_iter()
            .filter_map(|name| if let AlternativeName::Directory(name) = name { Some(name) } else { None })
            .collect();
        let location = point.distribution_point.map(Location::of).transpose()?;
        Ok(Self {
            location,
            reasons: point.reasons.map(|flags| Reasons::from_bits(flags.bits())),
            crl_issuer,
        })
    }
}

impl Location {
    /// The URIs of the place.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        let names: &[AlternativeName] = match self {
            Self::Full(names) => names,
            Self::Relative(_) => &[],
        };
        names
            .iter()
            .filter_map(|name| if let AlternativeName::Uri(uri) = name { Some(uri.as_str()) } else { None })
    }

    pub(crate) fn of(name: DistributionPointName) -> Result<Self, Error> {
        match name {
            DistributionPointName::FullName(names) => Ok(Self::Full(AlternativeName::read_all(&names)?)),
            DistributionPointName::NameRelativeToCRLIssuer(relative) => {
                Ok(Self::Relative(RelativeName(relative)))
            }
        }
    }

    /// The full names, with relative ones completed by the CRL issuer's name.
    pub(crate) fn full(&self, crl_issuer: &Name) -> Vec<AlternativeName> {
        match self {
            Self::Full(names) => names.clone(),
            Self::Relative(RelativeName(relative)) => {
                crl_issuer.with(relative).map(AlternativeName::Directory).into_iter().collect()
            }
        }
    }
}
