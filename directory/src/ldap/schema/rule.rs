//! Matching rules: RFC 4517 4, RFC 4530, and how values are prepared for them (RFC 4518).

use super::attribute::AttributeType;
use super::class::class;
use crate::ldap::dn::Dn;
use crate::person::composed;

/// A rule by which values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ldap) enum Rule {
    CaseIgnore,
    CaseExact,
    CaseIgnoreIa5,
    CaseIgnoreList,
    TelephoneNumber,
    NumericString,
    ObjectIdentifier,
    ObjectIdentifierFirstComponent,
    DistinguishedName,
    GeneralizedTime,
    Boolean,
    Uuid,
    OctetString,
    BitString,
}

use Rule::{
    BitString, Boolean, CaseExact, CaseIgnore, CaseIgnoreIa5, CaseIgnoreList, DistinguishedName,
    GeneralizedTime, NumericString, ObjectIdentifier, ObjectIdentifierFirstComponent, OctetString,
    TelephoneNumber, Uuid,
};

/// Name, identifier and syntax of each rule for equality.
const EQUALITY: [(Rule, &str, &str, &str); 14] = [
    (ObjectIdentifier, "objectIdentifierMatch", "2.5.13.0", "1.3.6.1.4.1.1466.115.121.1.38"),
    (DistinguishedName, "distinguishedNameMatch", "2.5.13.1", "1.3.6.1.4.1.1466.115.121.1.12"),
    (CaseIgnore, "caseIgnoreMatch", "2.5.13.2", "1.3.6.1.4.1.1466.115.121.1.15"),
    (CaseExact, "caseExactMatch", "2.5.13.5", "1.3.6.1.4.1.1466.115.121.1.15"),
    (NumericString, "numericStringMatch", "2.5.13.8", "1.3.6.1.4.1.1466.115.121.1.36"),
    (CaseIgnoreList, "caseIgnoreListMatch", "2.5.13.11", "1.3.6.1.4.1.1466.115.121.1.41"),
    (Boolean, "booleanMatch", "2.5.13.13", "1.3.6.1.4.1.1466.115.121.1.7"),
    (BitString, "bitStringMatch", "2.5.13.16", "1.3.6.1.4.1.1466.115.121.1.6"),
    (OctetString, "octetStringMatch", "2.5.13.17", "1.3.6.1.4.1.1466.115.121.1.40"),
    (TelephoneNumber, "telephoneNumberMatch", "2.5.13.20", "1.3.6.1.4.1.1466.115.121.1.50"),
    (GeneralizedTime, "generalizedTimeMatch", "2.5.13.27", "1.3.6.1.4.1.1466.115.121.1.24"),
    (
        ObjectIdentifierFirstComponent,
        "objectIdentifierFirstComponentMatch",
        "2.5.13.30",
        "1.3.6.1.4.1.1466.115.121.1.38",
    ),
    (CaseIgnoreIa5, "caseIgnoreIA5Match", "1.3.6.1.4.1.1466.109.114.2", "1.3.6.1.4.1.1466.115.121.1.26"),
    (Uuid, "UUIDMatch", "1.3.6.1.1.16.2", "1.3.6.1.1.16.1"),
];

/// Country String, Printable String, Telephone Number: texts beside Directory String.
const TEXTS: [&str; 3] =
    ["1.3.6.1.4.1.1466.115.121.1.11", "1.3.6.1.4.1.1466.115.121.1.44", "1.3.6.1.4.1.1466.115.121.1.50"];

/// Name, identifier and syntax of the other rules.
const OTHER: [(&str, &str, &str); 9] = [
    ("caseIgnoreOrderingMatch", "2.5.13.3", "1.3.6.1.4.1.1466.115.121.1.15"),
    ("caseIgnoreSubstringsMatch", "2.5.13.4", "1.3.6.1.4.1.1466.115.121.1.58"),
    ("caseExactOrderingMatch", "2.5.13.6", "1.3.6.1.4.1.1466.115.121.1.15"),
    ("numericStringSubstringsMatch", "2.5.13.10", "1.3.6.1.4.1.1466.115.121.1.58"),
    ("caseIgnoreListSubstringsMatch", "2.5.13.12", "1.3.6.1.4.1.1466.115.121.1.58"),
    ("telephoneNumberSubstringsMatch", "2.5.13.21", "1.3.6.1.4.1.1466.115.121.1.58"),
    ("generalizedTimeOrderingMatch", "2.5.13.28", "1.3.6.1.4.1.1466.115.121.1.24"),
    ("caseIgnoreIA5SubstringsMatch", "1.3.6.1.4.1.1466.109.114.3", "1.3.6.1.4.1.1466.115.121.1.58"),
    ("UUIDOrderingMatch", "1.3.6.1.1.16.3", "1.3.6.1.1.16.1"),
];

/// Every rule that is published: name, identifier, syntax.
pub(super) fn published() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    EQUALITY.into_iter().map(|row| (row.1, row.2, row.3)).chain(OTHER)
}

impl Rule {
    /// The rule for equality with this name or identifier.
    pub(in crate::ldap) fn named(name: &str) -> Option<Self> {
        let found = EQUALITY.iter().find(|row| row.1.eq_ignore_ascii_case(name) || row.2 == name);
        found.map(|row| row.0)
    }

    /// The rule by which values with such an ordering are compared, by the name or identifier of the ordering.
    pub(in crate::ldap) fn ordering(name: &str) -> Option<Self> {
        let found = OTHER.iter().find(|row| row.0.eq_ignore_ascii_case(name) || row.1 == name)?;
        match found.0 {
            "caseIgnoreOrderingMatch" => Some(CaseIgnore),
            "caseExactOrderingMatch" => Some(CaseExact),
            "generalizedTimeOrderingMatch" => Some(GeneralizedTime),
            "UUIDOrderingMatch" => Some(Uuid),
            _ => None,
        }
    }

    /// Whether values of an attribute can be compared by it: they are of its syntax.
    pub(in crate::ldap) fn is_for(self, one: &AttributeType) -> bool {
        EQUALITY.iter().any(|row| row.0 == self && row.3 == one.syntax())
    }

    /// Whether values of an attribute can be compared by it where it is named: those of texts are for several syntaxes of text. RFC 4517
    /// 4.2.4 and 4.2.11.
    pub(in crate::ldap) fn compares(self, one: &AttributeType) -> bool {
        self.is_for(one) || matches!(self, CaseIgnore | CaseExact) && TEXTS.contains(&one.syntax())
    }

    /// Its name.
    pub(in crate::ldap) fn name(self) -> &'static str {
        EQUALITY.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The name of the rule for parts of values.
    pub(super) fn substrings_name(self) -> &'static str {
        match self {
            CaseIgnoreIa5 => "caseIgnoreIA5SubstringsMatch",
            CaseIgnoreList => "caseIgnoreListSubstringsMatch",
            TelephoneNumber => "telephoneNumberSubstringsMatch",
            NumericString => "numericStringSubstringsMatch",
            _ => "caseIgnoreSubstringsMatch",
        }
    }

    /// The name of the rule for the order of values.
    pub(super) fn ordering_name(self) -> &'static str {
        match self {
            GeneralizedTime => "generalizedTimeOrderingMatch",
            Uuid => "UUIDOrderingMatch",
            CaseExact => "caseExactOrderingMatch",
            _ => "caseIgnoreOrderingMatch",
        }
    }

    /// A value as this rule compares it: two that are equal by the rule are equal texts. `None`: it is no value of the syntax.
    pub(in crate::ldap) fn prepared(self, value: &str) -> Option<String> {
        match self {
            CaseExact => Some(squeezed(value)),
            CaseIgnore | CaseIgnoreIa5 => Some(folded(value)),
            CaseIgnoreList => Some(value.split('$').map(folded).collect::<Vec<_>>().join("$")),
            // RFC 4518 2.6.3: blanks and hyphens do not count in telephone numbers.
            TelephoneNumber => Some(
                value
                    .chars()
                    .filter(|c| !c.is_whitespace() && *c != '-')
                    .flat_map(char::to_lowercase)
                    .collect(),
            ),
            NumericString => Some(value.chars().filter(|c| !c.is_whitespace()).collect()),
            ObjectIdentifier | ObjectIdentifierFirstComponent => identifier(value),
            DistinguishedName => Dn::parse(value).ok().map(|dn| dn.normal()),
            GeneralizedTime => time(value),
            Boolean => match value.trim().to_ascii_uppercase() {
                word if word == "TRUE" || word == "FALSE" => Some(word),
                _ => None,
            },
            Uuid => uuid::Uuid::try_parse(value.trim()).ok().map(|uuid| uuid.to_string()),
            OctetString | BitString => Some(value.to_owned()),
        }
    }

    /// A part of a value as this rule compares it. Blanks at its ends stay, one for several: they stand in the middle of a value.
    pub(in crate::ldap) fn part(self, part: &str) -> String {
        let inner = self.prepared(part).unwrap_or_default();
        if matches!(self, TelephoneNumber | NumericString) || inner.is_empty() {
            return inner;
        }
        let before = if part.starts_with(char::is_whitespace) { " " } else { "" };
        let after = if part.ends_with(char::is_whitespace) { " " } else { "" };
        format!("{before}{inner}{after}")
    }
}

/// The name of an object class or the identifier of anything, whichever way it was said.
fn identifier(value: &str) -> Option<String> {
    let value = value.trim();
    if let Some(class) = class(value) {
        return Some(class.name.to_ascii_lowercase());
    }
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_number.then(|| value.to_owned())
}

/// A time to the second, in universal time. RFC 4517 3.3.13.
fn time(value: &str) -> Option<String> {
    let digits = value.trim().strip_suffix('Z')?;
    let whole = digits.split_once('.').map_or(digits, |(whole, _)| whole);
    let is_time = matches!(whole.len(), 10 | 12 | 14) && whole.bytes().all(|byte| byte.is_ascii_digit());
    is_time.then(|| format!("{whole:0<14}"))
}

/// A composed value with single blanks, none at its ends. RFC 4518 2.3, without what only looks similar, and 2.6.1.
fn squeezed(value: &str) -> String {
    // Most have none at all.
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return value.to_owned();
    }
    let value = composed(value);
    let words: Vec<&str> = value.split_whitespace().collect();
    words.join(" ")
}

/// The same in small letters. RFC 4518 2.2.
fn folded(value: &str) -> String {
    let mut text = squeezed(value);
    if text.is_ascii() {
        text.make_ascii_lowercase();
        return text;
    }
    // Letter by letter, as names are searched: at the end of a word a small sigma has another form.
    text.chars().flat_map(char::to_lowercase).map(|letter| if letter == 'ς' { 'σ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equal values are equal texts, and what is no value of a syntax is none.
    #[test]
    fn values_are_prepared() {
        let same = |rule: Rule, one: &str, other: &str| {
            assert_eq!(rule.prepared(one), rule.prepared(other), "{one}");
        };
        same(CaseIgnore, " Larkfield  HEALTH ", "larkfield health");
        same(CaseExact, " D83078", "D83078");
        same(CaseIgnore, "MU\u{308}LLER", "m\u{fc}ller");
        same(CaseExact, "Mu\u{308}ller", "M\u{fc}ller");
        same(CaseIgnoreList, "1 Mu\u{308}hle$Leeds", "1 m\u{fc}hle$leeds");
        same(TelephoneNumber, "0113 496-0000", "01134960000");
        same(DistinguishedName, "UID=1, ou=People,o=NHS", "uid=1,OU=people, O=nhs");
        same(ObjectIdentifier, "1.2.826.0.1285.0.2.0.107", "NHSAS");
        same(GeneralizedTime, "20261130070000Z", "202611300700Z");
        assert_ne!(CaseExact.prepared("a"), CaseExact.prepared("A"));
        assert_ne!(CaseIgnore.prepared("Mu\u{308}ller"), CaseIgnore.prepared("Muller"));
        for (rule, bad) in [
            (ObjectIdentifier, "nhsPerson&nhsPersonStatus=1"),
            (GeneralizedTime, "soon"),
            (Boolean, "1"),
            (Uuid, "x"),
        ] {
            assert_eq!(rule.prepared(bad), None, "{bad}");
        }
        assert_eq!(CaseIgnore.part(" Of  The "), " of the ");
    }

    /// Rules are found by name and by identifier.
    #[test]
    fn rules_are_found() {
        assert_eq!(Rule::named("CASEIGNOREMATCH"), Some(CaseIgnore));
        assert_eq!(Rule::named("2.5.13.5"), Some(CaseExact));
        assert_eq!(
            (Rule::named("caseIgnoreOrderingMatch"), Rule::ordering("2.5.13.3")),
            (None, Some(CaseIgnore))
        );
        assert_eq!(published().count(), 23);
    }
}
