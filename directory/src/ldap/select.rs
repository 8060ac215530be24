//! What is shown of an entry. RFC 4511 4.5.1.8.

use std::collections::BTreeSet;

use ldap3_proto::proto::{LdapPartialAttribute, LdapSearchResultEntry};

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

    /// An entry as it is answered. With filters for values, only those that one of them keeps. RFC 3876 3.
    pub(super) fn of(&self, entry: &Entry, show: Show, values: Option<&[Filter]>) -> LdapSearchResultEntry {
        let keeps = |one: &AttributeType, value: &str| {
            values.is_none_or(|filters| filters.iter().any(|filter| filter.keeps(one, value)))
        };
        let shown = entry.attributes.iter().filter(|(one, _)| self.shows(one));
        let attributes = shown.filter_map(|(one, all)| {
            let kept = all.iter().filter(|value| keeps(one, value.as_str()));
            let vals: Vec<Vec<u8>> = match show {
                Show::Values => kept.map(|value| value.as_bytes().to_vec()).collect(),
                Show::TypesOnly => Vec::new(),
            };
            let is_shown = show == Show::TypesOnly || !vals.is_empty();
            is_shown.then(|| LdapPartialAttribute { atype: one.name().to_owned(), vals })
        });
        LdapSearchResultEntry { dn: entry.dn.to_string(), attributes: attributes.collect() }
    }
}

#[cfg(test)]
mod tests {
    use ldap3_proto::parse_ldap_filter_str;

    use super::*;
    use crate::ldap::dn::Dn;
    use crate::ldap::filter::Matching;

    fn shown(asked: &[&str], show: Show, filters: Option<&[Filter]>) -> Vec<String> {
        let mut entry =
            Entry::new(Dn::parse("uniqueIdentifier=1,o=nhs").unwrap(), &["nhsAs", "top"], "nhsAs");
        entry.put("nhsAsSvcIA", ["urn:a".to_owned(), "urn:b".to_owned()]);
        let asked: Vec<String> = asked.iter().map(|&name| name.to_owned()).collect();
        let answer = Selection::read(&asked).of(&entry, show, filters);
        answer.attributes.iter().map(|one| format!("{} {}", one.atype, one.vals.len())).collect()
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
