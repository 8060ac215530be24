//! Attribute types.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use super::nhs::{NHS, PUBLISHED};
use super::rule::Rule;
use super::standard::STANDARD;

/// What an attribute is for. RFC 4512 2.5.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ldap) enum Usage {
    /// It is content.
    User,
    /// The server keeps it of every entry; it is shown to whoever asks for it.
    Operational,
    /// It tells of the server itself.
    Server,
}

/// Whose an attribute type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    National,
    Standard,
}

/// An attribute type.
#[derive(Debug)]
pub(in crate::ldap) struct AttributeType {
    /// Its names, the one that is shown first; the second is empty where there is none.
    names: [&'static str; 2],
    oid: &'static str,
    syntax: &'static str,
    /// The rule for equality, where it has one.
    pub(in crate::ldap) equality: Option<Rule>,
    /// Whether parts of values are compared, by the rule of that family.
    pub(in crate::ldap) substrings: bool,
    /// Whether values have an order, by the rule of that family.
    pub(in crate::ldap) ordered: bool,
    single: bool,
    pub(in crate::ldap) usage: Usage,
    origin: Origin,
}

impl PartialEq for AttributeType {
    fn eq(&self, other: &Self) -> bool {
        self.oid == other.oid
    }
}

impl Eq for AttributeType {}

/// Directory String. RFC 4517 3.3.6.
const DIRECTORY_STRING: &str = "1.3.6.1.4.1.1466.115.121.1.15";

/// A national type: all are directory strings.
pub(super) const fn nhs(name: &'static str, oid: &'static str) -> AttributeType {
    let origin = Origin::National;
    AttributeType { origin, ..standard([name, ""], oid, DIRECTORY_STRING) }
}

/// A standard type without any rule.
pub(super) const fn standard(
    names: [&'static str; 2],
    oid: &'static str,
    syntax: &'static str,
) -> AttributeType {
    AttributeType {
        names,
        oid,
        syntax,
        equality: None,
        substrings: false,
        ordered: false,
        single: false,
        usage: Usage::User,
        origin: Origin::Standard,
    }
}

impl AttributeType {
    pub(super) const fn equal(self, rule: Rule) -> Self {
        Self { equality: Some(rule), ..self }
    }

    pub(super) const fn substrings(self) -> Self {
        Self { substrings: true, ..self }
    }

    pub(super) const fn ordered(self) -> Self {
        Self { ordered: true, ..self }
    }

    pub(super) const fn single(self) -> Self {
        Self { single: true, ..self }
    }

    pub(super) const fn of(self, usage: Usage) -> Self {
        Self { usage, ..self }
    }

    /// The name as it is shown.
    pub(in crate::ldap) fn name(&self) -> &'static str {
        self.names[0]
    }

    /// The rule by which values are compared where the type names none and matching is lenient: as text without case.
    pub(in crate::ldap) fn lenient(&self) -> Rule {
        self.equality.unwrap_or(Rule::CaseIgnore)
    }

    /// As the subschema describes it. RFC 4512 4.1.2.
    pub(super) fn described(&self) -> String {
        let mut text = format!("( {} NAME ", self.oid);
        match self.names[1] {
            "" => {
                let _ = write!(text, "'{}'", self.names[0]);
            }
            second => {
                let _ = write!(text, "( '{}' '{second}' )", self.names[0]);
            }
        }
        if let Some(rule) = self.equality {
            let _ = write!(text, " EQUALITY {}", rule.name());
            if self.ordered {
                let _ = write!(text, " ORDERING {}", rule.ordering_name());
            }
            if self.substrings {
                let _ = write!(text, " SUBSTR {}", rule.substrings_name());
            }
        }
        let _ = write!(text, " SYNTAX {}", self.syntax);
        if self.single {
            text.push_str(" SINGLE-VALUE");
        }
        match self.usage {
            Usage::User => {}
            Usage::Operational => text.push_str(" NO-USER-MODIFICATION USAGE directoryOperation"),
            Usage::Server => text.push_str(" USAGE dSAOperation"),
        }
        if self.origin == Origin::National {
            text.push_str(" X-ORIGIN 'nhsSDS'");
        }
        text.push_str(" )");
        text
    }

    /// Its syntax, without a bound on the length.
    pub(super) fn syntax(&self) -> &'static str {
        self.syntax.split('{').next().unwrap_or_default()
    }
}

/// Every attribute type.
pub(in crate::ldap) fn attributes() -> impl Iterator<Item = &'static AttributeType> {
    STANDARD.iter().chain(NHS)
}

/// The attribute type with this name or identifier; case does not count, nor do blanks around it.
pub(in crate::ldap) fn attribute(name: &str) -> Option<&'static AttributeType> {
    static BY_NAME: LazyLock<HashMap<String, &'static AttributeType, BuildHasherDefault<Fnv>>> =
        LazyLock::new(|| {
            let names = attributes().flat_map(|one| {
                let names = one.names.iter().chain([&one.oid]);
                names.flat_map(move |name| [(name.to_ascii_lowercase(), one), ((*name).to_owned(), one)])
            });
            names.filter(|(name, _)| !name.is_empty()).collect()
        });
    // As the schema spells it, or in small letters, first.
    let found = BY_NAME.get(name).or_else(|| BY_NAME.get(name.trim().to_ascii_lowercase().as_str()));
    found.copied()
}

/// FNV-1a (draft-eastlake-fnv): names are short and asked for of every entry, and nobody puts any in.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// How many types the national schema has.
const _: () = assert!(NHS.len() == PUBLISHED + 1);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Names and identifiers are each one type's; types are found in any spelling.
    #[test]
    fn types_are_found() {
        let names: Vec<String> = attributes()
            .flat_map(|one| one.names.into_iter().chain([one.oid]))
            .filter(|name| !name.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert_eq!(attribute(" NHSMHSPARTYKEY ").unwrap().name(), "nhsMHSPartyKey");
        assert_eq!(attribute("commonName"), attribute("2.5.4.3"));
        assert!(attribute("nhsNothing").is_none() && attribute("").is_none());
    }

    /// A type is described as servers of the national directory describe it.
    #[test]
    fn types_are_described() {
        let said = |name: &str| attribute(name).unwrap().described();
        assert_eq!(
            said("nhsMHSPartyKey"),
            "( 1.2.826.0.1285.0.2.1.82 NAME 'nhsMHSPartyKey' EQUALITY caseIgnoreMatch SYNTAX \
             1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE X-ORIGIN 'nhsSDS' )"
        );
        assert!(
            said("cn").starts_with("( 2.5.4.3 NAME ( 'cn' 'commonName' ) EQUALITY caseIgnoreMatch SUBSTR")
        );
        assert!(said("modifyTimestamp").contains("ORDERING generalizedTimeOrderingMatch"));
    }
}
