//! The subschema entry. RFC 4512 4.2.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::attribute::attributes;
use super::class::classes;
use super::rule;
use crate::ldap::dn::Dn;
use crate::ldap::entry::Entry;

/// Syntaxes by their identifiers, with what RFC 4517 and RFC 4523 call them.
const SYNTAXES: [(&str, &str); 31] = [
    ("1.3.6.1.1.16.1", "UUID"),
    ("1.3.6.1.4.1.1466.115.121.1.3", "Attribute Type Description"),
    ("1.3.6.1.4.1.1466.115.121.1.4", "Audio"),
    ("1.3.6.1.4.1.1466.115.121.1.5", "Binary"),
    ("1.3.6.1.4.1.1466.115.121.1.6", "Bit String"),
    ("1.3.6.1.4.1.1466.115.121.1.7", "Boolean"),
    ("1.3.6.1.4.1.1466.115.121.1.8", "Certificate"),
    ("1.3.6.1.4.1.1466.115.121.1.12", "DN"),
    ("1.3.6.1.4.1.1466.115.121.1.14", "Delivery Method"),
    ("1.3.6.1.4.1.1466.115.121.1.15", "Directory String"),
    ("1.3.6.1.4.1.1466.115.121.1.16", "DIT Content Rule Description"),
    ("1.3.6.1.4.1.1466.115.121.1.17", "DIT Structure Rule Description"),
    ("1.3.6.1.4.1.1466.115.121.1.22", "Facsimile Telephone Number"),
    ("1.3.6.1.4.1.1466.115.121.1.23", "Fax"),
    ("1.3.6.1.4.1.1466.115.121.1.24", "Generalized Time"),
    ("1.3.6.1.4.1.1466.115.121.1.25", "Guide"),
    ("1.3.6.1.4.1.1466.115.121.1.26", "IA5 String"),
    ("1.3.6.1.4.1.1466.115.121.1.27", "INTEGER"),
    ("1.3.6.1.4.1.1466.115.121.1.28", "JPEG"),
    ("1.3.6.1.4.1.1466.115.121.1.30", "Matching Rule Description"),
    ("1.3.6.1.4.1.1466.115.121.1.31", "Matching Rule Use Description"),
    ("1.3.6.1.4.1.1466.115.121.1.35", "Name Form Description"),
    ("1.3.6.1.4.1.1466.115.121.1.36", "Numeric String"),
    ("1.3.6.1.4.1.1466.115.121.1.37", "Object Class Description"),
    ("1.3.6.1.4.1.1466.115.121.1.38", "OID"),
    ("1.3.6.1.4.1.1466.115.121.1.40", "Octet String"),
    ("1.3.6.1.4.1.1466.115.121.1.41", "Postal Address"),
    ("1.3.6.1.4.1.1466.115.121.1.44", "Printable String"),
    ("1.3.6.1.4.1.1466.115.121.1.50", "Telephone Number"),
    ("1.3.6.1.4.1.1466.115.121.1.52", "Telex Number"),
    ("1.3.6.1.4.1.1466.115.121.1.58", "Substring Assertion"),
];

/// Further syntaxes that attribute types name and that need no more than their identifier.
fn syntaxes() -> Vec<String> {
    let described = SYNTAXES.iter().map(|(oid, words)| format!("( {oid} DESC '{words}' )"));
    let known: BTreeSet<&str> = SYNTAXES.iter().map(|row| row.0).collect();
    let others: BTreeSet<&str> =
        attributes().map(super::AttributeType::syntax).filter(|oid| !known.contains(oid)).collect();
    described.chain(others.into_iter().map(|oid| format!("( {oid} )"))).collect()
}

/// The name of the subschema entry, as servers of the national directory call it.
pub(in crate::ldap) const SUBSCHEMA: &str = "cn=Subschema";

/// The subschema entry. It is the same for as long as the server runs.
pub(in crate::ldap) fn subschema() -> &'static Entry {
    static ENTRY: LazyLock<Entry> = LazyLock::new(|| {
        let dn = Dn::parse(SUBSCHEMA).unwrap_or_default();
        let mut entry = Entry::new(dn, &["top", "subentry", "subschema", "extensibleObject"], "subentry");
        entry.put("cn", ["Subschema"]);
        entry.put("objectClasses", classes().map(super::class::ObjectClass::described));
        entry.put("attributeTypes", attributes().map(super::AttributeType::described));
        entry.put("ldapSyntaxes", syntaxes());
        let rules =
            rule::published().map(|(name, oid, syntax)| format!("( {oid} NAME '{name}' SYNTAX {syntax} )"));
        entry.put("matchingRules", rules);
        entry
    });
    &ENTRY
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that a type names is published beside it.
    #[test]
    fn what_is_named_is_published() {
        let entry = subschema();
        let all = |name: &str| entry.values(name).collect::<Vec<_>>();
        let (syntaxes, rules) = (all("ldapSyntaxes").join("\n"), all("matchingRules").join("\n"));
        for one in all("attributeTypes") {
            let words: Vec<&str> = one.split(' ').collect();
            for pair in words.windows(2) {
                let bare = pair[1].split('{').next().unwrap();
                match pair[0] {
                    "SYNTAX" => assert!(syntaxes.contains(&format!("( {bare} ")), "{one}"),
                    "EQUALITY" | "SUBSTR" | "ORDERING" => {
                        assert!(rules.contains(&format!("'{bare}'")), "{one}");
                    }
                    _ => {}
                }
            }
        }
        assert_eq!(all("attributeTypes").iter().filter(|one| one.contains("nhsSDS")).count(), 131);
        assert_eq!(all("objectClasses").iter().filter(|one| one.contains("nhsSDS")).count(), 22);
    }
}
