//! The attributes of a distinguished name, and what text each may hold.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519;

use super::syntax::{composition_fault, is_deceptive, label_fault};
use super::{SubjectRefused, refused};
use crate::asn1::{IA5_STRING, PRINTABLE_STRING, SEQUENCE, SET, UTF8_STRING, oid, tlv};

/// One attribute of a distinguished name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) kind: AttributeKind,
    pub(crate) text: String,
}

impl Attribute {
    /// A part of a name with this attribute alone. RFC 5280 4.1.2.4
    pub(super) fn to_der(&self) -> Vec<u8> {
        let text = tlv(self.kind.tag(), &[self.text.as_bytes()]);
        tlv(SET, &[&tlv(SEQUENCE, &[&oid(&self.kind.oid()), &text])])
    }
}

/// The attributes we use. The first eight stand in a name in this order where no template says another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AttributeKind {
    Country,
    Organisation,
    OrganisationIdentifier,
    Unit,
    SerialNumber,
    GivenName,
    Surname,
    CommonName,
    State,
    Locality,
    Title,
    Pseudonym,
    /// userid, as directories name people.
    UserIdentifier,
    DomainComponent,
}

impl AttributeKind {
    pub(crate) const ALL: [AttributeKind; 14] = [
        AttributeKind::Country,
        AttributeKind::Organisation,
        AttributeKind::OrganisationIdentifier,
        AttributeKind::Unit,
        AttributeKind::SerialNumber,
        AttributeKind::GivenName,
        AttributeKind::Surname,
        AttributeKind::CommonName,
        AttributeKind::State,
        AttributeKind::Locality,
        AttributeKind::Title,
        AttributeKind::Pseudonym,
        AttributeKind::UserIdentifier,
        AttributeKind::DomainComponent,
    ];

    pub(crate) fn oid(self) -> ObjectIdentifier {
        match self {
            AttributeKind::Country => rfc4519::C,
            AttributeKind::Organisation => rfc4519::O,
            AttributeKind::OrganisationIdentifier => ORGANIZATION_IDENTIFIER,
            AttributeKind::Unit => rfc4519::OU,
            AttributeKind::SerialNumber => rfc4519::SERIAL_NUMBER,
            AttributeKind::GivenName => rfc4519::GIVEN_NAME,
            AttributeKind::Surname => rfc4519::SN,
            AttributeKind::CommonName => rfc4519::CN,
            AttributeKind::State => rfc4519::ST,
            AttributeKind::Locality => rfc4519::L,
            AttributeKind::Title => rfc4519::TITLE,
            AttributeKind::Pseudonym => PSEUDONYM,
            AttributeKind::UserIdentifier => rfc4519::UID,
            AttributeKind::DomainComponent => rfc4519::DC,
        }
    }

    pub(crate) fn short_name(self) -> &'static str {
        match self {
            AttributeKind::Country => "C",
            AttributeKind::Organisation => "O",
            AttributeKind::OrganisationIdentifier => "organizationIdentifier",
            AttributeKind::Unit => "OU",
            AttributeKind::SerialNumber => "serialNumber",
            AttributeKind::GivenName => "givenName",
            AttributeKind::Surname => "SN",
            AttributeKind::CommonName => "CN",
            AttributeKind::State => "ST",
            AttributeKind::Locality => "L",
            AttributeKind::Title => "title",
            AttributeKind::Pseudonym => "pseudonym",
            AttributeKind::UserIdentifier => "UID",
            AttributeKind::DomainComponent => "DC",
        }
    }

    /// The type of its string. RFC 5280 appendix A.1: two are `PrintableString`; a domain component is `IA5String`.
    pub(crate) fn tag(self) -> u8 {
        match self {
            AttributeKind::Country | AttributeKind::SerialNumber => PRINTABLE_STRING,
            AttributeKind::DomainComponent => IA5_STRING,
            _ => UTF8_STRING,
        }
    }

    /// Most characters, RFC 5280 appendix A.1; docs/cps.md 3.1 holds names of people to 64 as well. RFC 4524 2.15 gives
    /// a userid 256.
    pub(crate) fn most_characters(self) -> usize {
        match self {
            AttributeKind::Country => 2,
            AttributeKind::DomainComponent => 63,
            AttributeKind::State | AttributeKind::Locality | AttributeKind::Pseudonym => 128,
            AttributeKind::UserIdentifier => 256,
            _ => 64,
        }
    }
}

/// organizationIdentifier, X.520 6.4.4.
const ORGANIZATION_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.97");
/// pseudonym, RFC 5280 appendix A.1.
const PSEUDONYM: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.65");

/// Checks one attribute's text.
pub(crate) fn text(
    field: &'static str,
    kind: AttributeKind,
    value: &str,
) -> Result<Attribute, SubjectRefused> {
    match text_fault(kind, value) {
        Some(sentence) => refused(field, sentence),
        None => Ok(Attribute { kind, text: value.to_owned() }),
    }
}

/// What is wrong with the text of an attribute; the lints ask the same of what was written.
pub(crate) fn text_fault(kind: AttributeKind, value: &str) -> Option<String> {
    let most = kind.most_characters();
    let characters = value.chars().count();
    if characters == 0 {
        return Some("must not be empty".to_owned());
    }
    if characters > most {
        return Some(format!("has {characters} characters, {most} at most are allowed"));
    }
    if value.trim() != value || value.contains("  ") {
        return Some("must not begin or end with a space, nor have two together".to_owned());
    }
    if let Some(sentence) = composition_fault(value) {
        return Some(sentence);
    }
    let own = match kind {
        // ISO 3166-1 alpha-2
        AttributeKind::Country => {
            let fits = characters == 2 && value.chars().all(|c| c.is_ascii_uppercase());
            (!fits).then(|| "is not a country's two capital letters".to_owned())
        }
        AttributeKind::DomainComponent => label_fault(value),
        _ if kind.tag() == PRINTABLE_STRING && !value.chars().all(is_printable) => {
            Some("has a character that a PrintableString cannot hold".to_owned())
        }
        _ => None,
    };
    own.or_else(|| {
        value.chars().find(|c| is_deceptive(*c)).map(|c| format!("has the character U+{:04X}", u32::from(c)))
    })
}

/// X.680 41.4.
fn is_printable(c: char) -> bool {
    c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text that is empty, too long, padded or deceptive is refused; other scripts are not.
    #[test]
    fn deceptive_text_is_refused() {
        for good in
            ["Zoë O’Neill", "李小龙", "O'Brien-Smith", "Nguyễn Thị Ánh", "नरेन्द्र", "عائشة", &"x".repeat(64)]
        {
            assert_eq!(text_fault(AttributeKind::CommonName, good), None, "{good}");
        }
        let long = "x".repeat(65);
        for bad in ["", " a", "a ", "a  b", "a\u{202e}b", "a\0b", "a\nb", "\u{feff}a", "a\u{fffd}", &long] {
            assert!(text_fault(AttributeKind::CommonName, bad).is_some(), "{bad:?}");
        }
        // Not to be seen, not assigned, blanks of other kinds, put together otherwise, and a tower of marks.
        let hidden = "\u{3164}\u{34f}\u{115f}\u{180e}\u{2800}\u{a0}\u{3000}\u{1d173}\u{378}\u{1fffe}\u{e0041}\u{f0000}";
        for c in hidden.chars() {
            assert!(text_fault(AttributeKind::CommonName, &format!("a{c}b")).is_some(), "{c:?}");
        }
        for bad in ["Zoe\u{308}", &format!("a{}", "\u{353}".repeat(5))] {
            assert!(text_fault(AttributeKind::CommonName, bad).is_some(), "{bad:?}");
        }
        assert!(text_fault(AttributeKind::SerialNumber, "12_3").is_some());
    }

    /// Each attribute has its upper bound and its characters: one more, or another, is refused.
    #[test]
    fn bounds_and_characters_are_the_attributes() {
        for (kind, most) in [
            (AttributeKind::Locality, 128),
            (AttributeKind::UserIdentifier, 256),
            (AttributeKind::DomainComponent, 63),
            (AttributeKind::Unit, 64),
        ] {
            assert_eq!(text_fault(kind, &"x".repeat(most)), None, "{kind:?}");
            assert!(text_fault(kind, &"x".repeat(most + 1)).is_some(), "{kind:?}");
        }
        for bad in ["gb", "G", "G1", "GBR"] {
            assert!(text_fault(AttributeKind::Country, bad).is_some(), "{bad}");
        }
        assert_eq!(text_fault(AttributeKind::Country, "GB"), None);
        assert!(text_fault(AttributeKind::DomainComponent, "a.b").is_some());
    }

    /// No two attributes share an identifier or a name.
    #[test]
    fn attributes_are_told_apart() {
        let oids: std::collections::BTreeSet<_> = AttributeKind::ALL.map(AttributeKind::oid).into();
        let names: std::collections::BTreeSet<_> = AttributeKind::ALL.map(AttributeKind::short_name).into();
        assert_eq!((oids.len(), names.len()), (AttributeKind::ALL.len(), AttributeKind::ALL.len()));
    }
}
