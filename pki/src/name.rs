//! Distinguished names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use const_oid::ObjectIdentifier;
use der::{Decode, Encode};
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

use crate::Error;

/// A distinguished name, held as the DER it came in.
///
/// Equal when the DER is equal. [`Name::matches`] compares as path validation does (RFC 5280 7.1).
/// Displayed as RFC 4514 writes it.
#[derive(Clone)]
pub struct Name {
    der: Arc<[u8]>,
    parsed: Arc<x509_cert::name::Name>,
}

impl Name {
    /// Parses a `Name` from DER.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let parsed = x509_cert::name::Name::from_der(der).map_err(|_| Error::malformed("name"))?;
        Ok(Self { der: der.into(), parsed: Arc::new(parsed) })
    }

    /// The DER as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// True when there are no attributes.
    pub fn is_empty(&self) -> bool {
        self.parsed.is_empty()
    }

    /// Compares without regard to letter case, extra spaces and string type (RFC 5280 7.1).
    pub fn matches(&self, other: &Name) -> bool {
        self.der == other.der || certval::compare_names(&self.parsed, &other.parsed)
    }

    /// The last common name (2.5.4.3), which is the most specific one.
    pub fn common_name(&self) -> Option<String> {
        self.attribute(const_oid::db::rfc4519::CN)
    }

    /// The last value of an attribute that is a character string.
    pub fn attribute(&self, oid: ObjectIdentifier) -> Option<String> {
        self.parsed.iter().filter(|attribute| attribute.oid == oid).filter_map(|a| text(&a.value)).last()
    }

    /// All attributes that are character strings, in order.
    pub fn attributes(&self) -> Vec<(ObjectIdentifier, String)> {
        self.parsed.iter().filter_map(|a| text(&a.value).map(|text| (a.oid, text))).collect()
    }

    /// This name with one more relative distinguished name (RFC 5280 4.2.1.13, nameRelativeToCRLIssuer).
    pub(crate) fn with(&self, relative: &RelativeDistinguishedName) -> Result<Name, Error> {
        let mut sequence = RdnSequence::from((*self.parsed).clone());
        sequence.push(relative.clone());
        Self::from_der(&sequence.to_der().map_err(|_| Error::malformed("name"))?)
    }
}

/// The text of an attribute value of any of the string types.
fn text(value: &der::Any) -> Option<String> {
    use der::{Tag, Tagged};
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        Tag::TeletexString => Some(bytes.iter().map(|&byte| char::from(byte)).collect()),
        Tag::BmpString if bytes.len().is_multiple_of(2) => {
            let units: Vec<u16> =
                bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        }
        _ => None,
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Name {}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.der.hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parsed.fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

impl FromStr for Name {
    type Err = Error;

    /// Reads a name as RFC 4514 writes it, most specific attribute first.
    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = x509_cert::name::Name::from_str(text).map_err(|_| Error::NotAName)?;
        Self::from_der(&parsed.to_der().map_err(|_| Error::NotAName)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name displays as RFC 4514 writes it and reads back to the same DER.
    #[test]
    fn display_is_rfc_4514() {
        let name: Name = "CN=555000000001_Ada_Byron,OU=People,O=nhs".parse().unwrap();
        assert_eq!(name.to_string(), "CN=555000000001_Ada_Byron,OU=People,O=nhs");
        assert_eq!(name.common_name().as_deref(), Some("555000000001_Ada_Byron"));
        assert_eq!(name.to_string().parse::<Name>().unwrap(), name);
    }

    /// Letter case and spaces do not matter for matching, but do for equality.
    #[test]
    fn matching_is_looser_than_equality() {
        let name: Name = "CN=Good CA,O=Test".parse().unwrap();
        let other: Name = "CN=good  ca,O=TEST".parse().unwrap();
        assert!(name.matches(&other));
        assert_ne!(name, other);
        assert!(!name.matches(&"CN=Good,O=Test".parse().unwrap()));
    }
}
