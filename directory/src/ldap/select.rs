//! What is shown of an entry. RFC 4511 4.5.1.8.

use std::collections::BTreeSet;

use ldap3_proto::proto::{LdapPartialAttribute, LdapSearchResultEntry};

use super::dn::Dn;
use super::entry::Entry;
use super::filter::Filter;
use super::schema::{AttributeType, Usage, attribute, class};

/// Which attributes are asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// All that are content.
    content: Asked,
    /// All that the server keeps. RFC 3673.
    operational: Asked,
    /// These besides, as the schema spells them.
    names: BTreeSet<&'static str>,
}

/// Whether a kind of attributes is asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Yes,
    #[default]
    No,
}

/// Whether values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Values,
    TypesOnly,
}

impl Selection {
    /// Reads what a request asks for; nothing means all content. Names that the schema lacks stand for nothing.
    pub(super) fn read(asked: &[String]) -> Self {
        let mut selection = Self::default();
        if asked.is_empty() {
            selection.content = Asked::Yes;
        }
        for name in asked.iter().map(|name| name.trim()) {
            match name {
                "*" => selection.content = Asked::Yes,
                "+" => selection.operational = Asked::Yes,
                // RFC 4511 4.5.1.8: no attributes.
                "1.1" => {}
                // RFC 4529: what entries of a class have.
                _ if name.starts_with('@') => {
                    let found = class(&name[1..]);
                    selection.names.extend(found.into_iter().flat_map(|one| one.must.iter().chain(one.may)));
                }
                _ => selection.names.extend(attribute(name).map(AttributeType::name)),
            }
        }
        selection
    }

    fn shows(&self, one: &AttributeType) -> bool {
        let of_kind = match one.usage {
            Usage::User => self.content,
            Usage::Operational | Usage::Server => self.operational,
        };
        of_kind == Asked::Yes || self.names.contains(one.name())
    }

    /// What is shown of an entry. With filters for values, only those that one of them keeps. RFC 3876 3.
    pub(super) fn of<'e>(&self, entry: &'e Entry, show: Show, values: Option<&[Filter]>) -> Shown<'e> {
        let keeps = |one: &AttributeType, value: &str| {
            values.is_none_or(|filters| filters.iter().any(|filter| filter.keeps(one, value)))
        };
        let mut shown =
            Shown { name: &entry.dn, attributes: Vec::with_capacity(24), values: Vec::with_capacity(32) };
        for (place, one) in entry.types().enumerate().filter(|(_, one)| self.shows(one)) {
            let before = shown.values.len();
            if show == Show::Values {
                shown.values.extend(entry.at(place).filter(|value| keeps(one, value)));
            }
            let behind = shown.values.len();
            if show == Show::TypesOnly || before < behind {
                shown.attributes.push((one.name(), behind));
            }
        }
        shown
    }
}

/// What is shown of an entry.
#[derive(Debug)]
pub(super) struct Shown<'e> {
    name: &'e Dn,
    /// The names of attributes, each with the place behind its last value.
    attributes: Vec<(&'static str, usize)>,
    values: Vec<&'e str>,
}

impl<'e> Shown<'e> {
    /// The name of the entry.
    pub(super) fn name(&self) -> &'e Dn {
        self.name
    }

    /// Its attributes with their values.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&'static str, &[&'e str])> {
        let mut from = 0;
        self.attributes.iter().map(move |(name, behind)| {
            let values = &self.values[from..*behind];
            from = *behind;
            (*name, values)
        })
    }
}

impl From<Shown<'_>> for LdapSearchResultEntry {
    fn from(shown: Shown<'_>) -> Self {
        let attributes = shown.attributes().map(|(name, values)| LdapPartialAttribute {
            atype: name.to_owned(),
            vals: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
        });
        Self { dn: shown.name.to_string(), attributes: attributes.collect() }
    }
}

#[cfg(test)]
mod tests {
    use ldap3_proto::parse_ldap_filter_str;

    use super::*;
    use crate::ldap::filter::Matching;

    fn shown(asked: &[&str], show: Show, filters: Option<&[Filter]>) -> Vec<String> {
        let mut entry =
            Entry::new(Dn::parse("uniqueIdentifier=1,o=nhs").unwrap(), &["nhsAs", "top"], "nhsAs");
        entry.put("nhsAsSvcIA", ["urn:a", "urn:b"]);
        let asked: Vec<String> = asked.iter().map(|&name| name.to_owned()).collect();
        let selection = Selection::read(&asked);
        let shown = selection.of(&entry, show, filters);
        shown.attributes().map(|(name, values)| format!("{name} {}", values.len())).collect()
    }

    /// Content by default, what the server keeps when it is asked for, names in the schema's spelling.
    #[test]
    fn attributes_are_selected() {
        assert_eq!(shown(&[], Show::Values, None), ["objectClass 2", "nhsAsSvcIA 2"]);
        assert_eq!(shown(&["NHSASSVCIA", "nothing"], Show::Values, None), ["nhsAsSvcIA 2"]);
        assert_eq!(shown(&["1.1"], Show::Values, None), Vec::<String>::new());
        assert_eq!(shown(&["@nhsAs"], Show::Values, None), ["nhsAsSvcIA 2"]);
        assert_eq!(shown(&["*", "+"], Show::Values, None).len(), 6);
        assert_eq!(shown(&[], Show::TypesOnly, None), ["objectClass 0", "nhsAsSvcIA 0"]);
    }

    /// With filters for values only what they keep is shown, and nothing of an attribute of which nothing is kept.
    #[test]
    fn values_are_kept() {
        let parsed = parse_ldap_filter_str("(nhsAsSvcIA=urn:b)").unwrap();
        let filters = [Filter::compile(&parsed, Matching::Strict).unwrap()];
        assert_eq!(shown(&[], Show::Values, Some(&filters)), ["nhsAsSvcIA 1"]);
    }
}
