//! Names of subjects beyond the distinguished name, and limits on names.

use std::net::IpAddr;

use const_oid::ObjectIdentifier;
use der::Decode;
use x509_cert::ext::pkix;
use x509_cert::ext::pkix::constraints::name::{GeneralSubtree, GeneralSubtrees};
use x509_cert::ext::pkix::name::GeneralName;

use super::{decode, part};
use crate::tlv::Reader;
use crate::{Error, Name};

/// The user principal name, an otherName of Microsoft.
const UPN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

/// A `GeneralName` (RFC 5280 4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlternativeName {
    /// A host name.
    Dns(String),
    /// A mail address.
    Email(String),
    /// A URI.
    Uri(String),
    /// An address of 4 or 16 octets; in a name constraint, address and mask.
    Ip(Vec<u8>),
    /// A distinguished name.
    Directory(Name),
    /// A user principal name.
    Upn(String),
    /// Any other otherName, with the DER of its value.
    Other {
        /// What kind of name it is.
        oid: ObjectIdentifier,
        /// The DER of the value.
        value: Vec<u8>,
    },
    /// A registered identifier.
    RegisteredId(ObjectIdentifier),
    /// An EDI party name, as DER.
    EdiParty(Vec<u8>),
}

impl AlternativeName {
    /// The address, if this is one and not a constraint.
    pub fn ip_address(&self) -> Option<IpAddr> {
        let Self::Ip(octets) = self else { return None };
        let v4 = <[u8; 4]>::try_from(octets.as_slice()).map(IpAddr::from);
        v4.or_else(|_| <[u8; 16]>::try_from(octets.as_slice()).map(IpAddr::from)).ok()
    }

    /// Compares as path validation does: distinguished names loosely, all else exactly.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory(one), Self::Directory(two)) => one.matches(two),
            _ => self == other,
        }
    }

    pub(crate) fn of(name: &GeneralName) -> Result<Self, Error> {
        Ok(match name {
            GeneralName::DnsName(name) => Self::Dns(name.to_string()),
            GeneralName::Rfc822Name(name) => Self::Email(name.to_string()),
            GeneralName::UniformResourceIdentifier(uri) => Self::Uri(uri.to_string()),
            GeneralName::IpAddress(octets) => Self::Ip(octets.as_bytes().to_vec()),
            GeneralName::DirectoryName(name) => Self::Directory(Name::from_der(&part(name)?)?),
            GeneralName::OtherName(other) => Self::other(other.type_id, part(&other.value)?)?,
            GeneralName::RegisteredId(oid) => Self::RegisteredId(*oid),
            GeneralName::EdiPartyName(party) => Self::EdiParty(part(party)?),
        })
    }

    pub(crate) fn read_all(names: &[GeneralName]) -> Result<Vec<Self>, Error> {
        names.iter().map(Self::of).collect()
    }

    /// Reads the DER of names that stand one after the other.
    pub fn read_each(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        let mut reader = Reader::new(bytes, "general names");
        let mut names = Vec::new();
        while !reader.is_empty() {
            let name = GeneralName::from_der(reader.any()?.whole).map_err(|_| reader.error())?;
            names.push(Self::of(&name)?);
        }
        Ok(names)
    }

    fn other(oid: ObjectIdentifier, value: Vec<u8>) -> Result<Self, Error> {
        if oid == UPN {
            return decode::<String>(&value).map(Self::Upn);
        }
        Ok(Self::Other { oid, value })
    }
}

/// One branch of names that is allowed or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtree {
    /// The root of the branch.
    pub base: AlternativeName,
}

/// Which names may stand below this CA (RFC 5280 4.2.1.10).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameConstraints {
    /// Names must lie in one of these, for each kind of name listed.
    pub permitted: Vec<Subtree>,
    /// Names must lie in none of these.
    pub excluded: Vec<Subtree>,
}

impl NameConstraints {
    pub(super) fn read(value: &[u8]) -> Result<Self, Error> {
        let read = decode::<pkix::NameConstraints>(value)?;
        let (permitted, excluded) = (read.permitted_subtrees, read.excluded_subtrees);
        Ok(Self { permitted: Subtree::read(permitted)?, excluded: Subtree::read(excluded)? })
    }
}

impl Subtree {
    fn read(list: Option<GeneralSubtrees>) -> Result<Vec<Self>, Error> {
        let one = |tree: &GeneralSubtree| Ok(Self { base: AlternativeName::of(&tree.base)? });
        list.unwrap_or_default().iter().map(one).collect()
    }
}
