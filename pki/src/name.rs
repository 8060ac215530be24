//! Distinguished names.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use const_oid::ObjectIdentifier;
use der::{Decode, Encode};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

use crate::Error;

/// A distinguished name, held as the DER it came in.
///
/// Equal when the DER is equal. [`Name::matches`] compares as path validation does (RFC 5280 7.1).
/// Displayed as RFC 4514 writes it.
#[derive(Clone)]
pub struct Name(Arc<Held>);

/// What all copies of a name share.
struct Held {
    der: Box<[u8]>,
    parsed: x509_cert::name::Name,
    /// It as text, from when it was first asked for: each attribute's short name is looked for among all that are known.
    text: OnceLock<Box<str>>,
    /// It as it is compared, from when it was first compared; none of a name that holds anything but the usual string types.
    folded: OnceLock<Option<Folded>>,
}

/// A name as it is compared: for each relative name its attributes, each with its value as certval folds it.
type Folded = Box<[Box<[(ObjectIdentifier, Box<str>)]>]>;

impl Name {
    /// Parses a `Name` from DER.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let parsed = x509_cert::name::Name::from_der(der).map_err(|_| Error::malformed("name"))?;
        Ok(Self(Arc::new(Held { der: der.into(), parsed, text: OnceLock::new(), folded: OnceLock::new() })))
    }

    /// The DER as received.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// True when there are no attributes.
    pub fn is_empty(&self) -> bool {
        self.0.parsed.is_empty()
    }

    /// Compares without regard to letter case, extra spaces and string type (RFC 5280 7.1).
    pub fn matches(&self, other: &Name) -> bool {
        self == other
            || match (self.folded(), other.folded()) {
                (Some(folded), Some(other)) => folded == other,
                _ => certval::compare_names(&self.0.parsed, &other.0.parsed),
            }
    }

    fn folded(&self) -> Option<&Folded> {
        let fold =
            || self.0.parsed.iter_rdn().map(|relative| relative.iter().map(folded).collect()).collect();
        self.0.folded.get_or_init(fold).as_ref()
    }

    /// The last common name (2.5.4.3), which is the most specific one.
    pub fn common_name(&self) -> Option<String> {
        self.attribute(const_oid::db::rfc4519::CN)
    }

    /// The last value of an attribute that is a character string.
    pub fn attribute(&self, oid: ObjectIdentifier) -> Option<String> {
        self.0.parsed.iter().filter(|attribute| attribute.oid == oid).filter_map(|a| text(&a.value)).last()
    }

    /// All attributes that are character strings, in order.
    pub fn attributes(&self) -> Vec<(ObjectIdentifier, String)> {
        self.0.parsed.iter().filter_map(|a| text(&a.value).map(|text| (a.oid, text))).collect()
    }

    /// This name with one more relative distinguished name (RFC 5280 4.2.1.13, nameRelativeToCRLIssuer).
    pub(crate) fn with(&self, relative: &RelativeDistinguishedName) -> Result<Name, Error> {
        let mut sequence = RdnSequence::from(self.0.parsed.clone());
        sequence.push(relative.clone());
        Self::from_der(&sequence.to_der().map_err(|_| Error::malformed("name"))?)
    }
}

/// An attribute as `certval::compare_names` compares those of these string types: their text without regard to letter case and to how many
/// spaces stand at once. None of any other type, of which it also compares the octets.
fn folded(attribute: &AttributeTypeAndValue) -> Option<(ObjectIdentifier, Box<str>)> {
    use der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
    use der::{Tag, Tagged};
    let value = &attribute.value;
    let sound = match value.tag() {
        Tag::Utf8String => Utf8StringRef::try_from(value).is_ok(),
        Tag::PrintableString => PrintableStringRef::try_from(value).is_ok(),
        Tag::Ia5String => Ia5StringRef::try_from(value).is_ok(),
        _ => false,
    };
    if !sound {
        return None;
    }
    // A space at either end is escaped.
    let text = certval::get_value_from_rdn(attribute).ok()?.replace("\\ ", " ").to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    Some((attribute.oid, words.join(" ").into()))
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
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for Name {}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.der.hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.text.get_or_init(|| self.0.parsed.to_string().into()))
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

    /// A name of relative names of so many attributes each, of these texts by these string types.
    fn made(relatives: &[Vec<(usize, usize, String)>]) -> Name {
        use der::{Any, Tag, asn1::SetOfVec};
        let tags = [Tag::Utf8String, Tag::PrintableString, Tag::Ia5String, Tag::TeletexString];
        let oids = [const_oid::db::rfc4519::CN, const_oid::db::rfc4519::O];
        let mut sequence = RdnSequence::default();
        for relative in relatives {
            let mut set = SetOfVec::new();
            for (oid, tag, text) in relative {
                let value = Any::new(tags[*tag], text.as_bytes()).unwrap();
                let _same_twice = set.insert(AttributeTypeAndValue { oid: oids[*oid], value });
            }
            sequence.push(RelativeDistinguishedName::from(set));
        }
        Name::from_der(&sequence.to_der().unwrap()).unwrap()
    }

    proptest::proptest! {
        /// Names compare as they do for certval, whatever their string types hold, and again once both are folded.
        #[test]
        fn names_compare_as_for_certval(
            one in relatives(), other in relatives(), same in relatives(), shouted: bool,
        ) {
            let loud = |relatives: &[Vec<(usize, usize, String)>]| {
                let loud = |(oid, tag, text): &(usize, usize, String)| {
                    (*oid, *tag, if shouted { text.to_uppercase() } else { format!(" {}", text.replace(' ', "  ")) })
                };
                made(&relatives.iter().map(|relative| relative.iter().map(loud).collect()).collect::<Vec<_>>())
            };
            for (left, right) in [(made(&one), made(&other)), (made(&same), loud(&same))] {
                let expected = left.der() == right.der() || certval::compare_names(&left.0.parsed, &right.0.parsed);
                for _ in 0..2 {
                    assert_eq!((left.matches(&right), right.matches(&left)), (expected, expected), "{left} {right}");
                }
            }
        }
    }

    fn relatives() -> impl proptest::strategy::Strategy<Value = Vec<Vec<(usize, usize, String)>>> {
        use proptest::collection::vec;
        let texts = "[aAbBkK\u{212a}ſ #=+,;<>\\\\\"\t\u{a0}@_]{0,5}";
        vec(vec((0..2_usize, 0..4_usize, texts), 1..3), 0..3)
    }
}
