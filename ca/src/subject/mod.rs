//! Whom a certificate names: checked parts of a distinguished name, and alternative names.
//!
//! A request gives typed fields ([`fields`]); a profile makes names of them, either by saying which it takes
//! ([`plain`]) or by templates ([`template`]). A value is never read as part of a name's syntax.

mod alternative;
mod attribute;
mod fields;
mod plain;
mod syntax;
pub(crate) mod template;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use crate::api::SubjectData;
use crate::asn1::{SEQUENCE, tlv};
use crate::profile::{Presence, SubjectRules};
pub(crate) use alternative::{AlternativeName, UPN};
pub(crate) use attribute::{Attribute, AttributeKind, text, text_fault};
pub(crate) use fields::Field;
pub(crate) use syntax::{dns_fault, email_fault, is_deceptive, uri_fault};
pub(crate) use template::Templates;

/// A distinguished name, most general part first, with one attribute in each part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) attributes: Vec<Attribute>,
}

impl Subject {
    pub(crate) fn common_name(&self) -> &str {
        self.first(AttributeKind::CommonName).unwrap_or_default()
    }

    /// The name in DER, as a root that has no certificate yet will have it. RFC 5280 4.1.2.4
    pub(crate) fn to_der(&self) -> Vec<u8> {
        let parts: Vec<_> = self.attributes.iter().flat_map(Attribute::to_der).collect();
        tlv(SEQUENCE, &[&parts])
    }

    /// What is wrong with the text of an attribute.
    pub(crate) fn fault(&self) -> Option<String> {
        self.attributes.iter().find_map(|attribute| {
            let fault = text_fault(attribute.kind, &attribute.text)?;
            Some(format!("{} {fault}", attribute.kind.short_name()))
        })
    }

    fn first(&self, kind: AttributeKind) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.kind == kind)
            .map(|attribute| attribute.text.as_str())
    }
}

/// RFC 4514: the most particular part first.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, attribute) in self.attributes.iter().rev().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            write!(f, "{separator}{}=", attribute.kind.short_name())?;
            for (at, c) in attribute.text.chars().enumerate() {
                if "\"+,;<>\\".contains(c) || (at == 0 && c == '#') {
                    f.write_char('\\')?;
                }
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// What is wrong with a part of a subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("subject.{field}: {sentence}")]
pub struct SubjectRefused {
    field: &'static str,
    sentence: String,
}

impl SubjectRefused {
    /// A field says what the register does not.
    pub(crate) fn by_register(field: Field, sentence: impl Into<String>) -> Self {
        Self { field: field.name(), sentence: sentence.into() }
    }
}

fn refused<T>(field: &'static str, sentence: impl Into<String>) -> Result<T, SubjectRefused> {
    Err(SubjectRefused { field, sentence: sentence.into() })
}

/// The names of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) subject: Subject,
    pub(crate) alternative: Vec<AlternativeName>,
    /// The person it is about, wherever the profile writes the number.
    pub(crate) user_id: Option<String>,
    /// The system it is about, likewise.
    pub(crate) system_id: Option<String>,
    /// The code of the organisation, likewise.
    pub(crate) organisation_id: Option<String>,
}

/// How a profile makes names of what a request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Each field that it takes has its own attribute or alternative name.
    Plain(SubjectRules),
    /// By templates.
    Templates(Templates),
}

/// A common name that readers take for a host, where hosts are named and it is none of them: CA/Browser Forum BR 7.1.4.3.
fn hidden_host<'s>(subject: &'s Subject, alternative: &[AlternativeName]) -> Option<&'s str> {
    let mut hosts = alternative.iter().filter_map(|name| match name {
        AlternativeName::Dns(host) => Some(host.as_str()),
        _ => None,
    });
    let common = subject.common_name();
    let looks_like_one = common.contains('.') && dns_fault(&common.to_ascii_lowercase()).is_none();
    let first = hosts.next()?;
    let named = first == common || hosts.any(|host| host == common);
    (looks_like_one && !named).then_some(common)
}

impl Naming {
    /// Whether a request must, may or must not say this.
    pub(crate) fn presence(&self, field: Field) -> Presence {
        match self {
            Naming::Plain(rules) => rules.presence(field),
            Naming::Templates(templates) => templates.presence(field),
        }
    }

    /// The organisational unit that it writes by itself.
    pub(crate) fn unit(&self) -> Option<&str> {
        match self {
            Naming::Plain(rules) => rules.unit.as_deref(),
            Naming::Templates(_) => None,
        }
    }

    /// The attribute of the subject that is a field and nothing else, so that the field is read again in a certificate.
    pub(crate) fn place(&self, field: Field) -> Option<AttributeKind> {
        match self {
            Naming::Plain(rules) => rules.place(field),
            Naming::Templates(templates) => templates.place(field),
        }
    }

    /// Makes the name and alternative names of a request.
    pub(crate) fn names(&self, data: &SubjectData) -> Result<Names, SubjectRefused> {
        let facts = fields::Facts::read(data, |field| self.presence(field))?;
        let (subject, alternative) = match self {
            Naming::Plain(rules) => plain::names(&facts, rules)?,
            Naming::Templates(templates) => templates.names(&facts)?,
        };
        if let Some(at) = (1..alternative.len()).find(|at| alternative[..*at].contains(&alternative[*at])) {
            return refused("dns_names", format!("{:?} is given twice", alternative[at]));
        }
        if alternative.len() > 100 {
            return refused("dns_names", "100 names at most");
        }
        if let Some(host) = hidden_host(&subject, &alternative) {
            return refused(
                "common_name",
                format!("{host} is a host name; give it in dns_names too, or another name"),
            );
        }
        let one = |field| facts.one(field).map(str::to_owned);
        Ok(Names {
            subject,
            alternative,
            user_id: one(Field::UserId),
            system_id: one(Field::SystemId),
            organisation_id: one(Field::OrganisationId),
        })
    }
}
