//! Object classes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use super::{nhs_classes, standard_classes};

/// What kind of class. RFC 4512 2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Abstract,
    Structural,
    Auxiliary,
}

/// An object class.
#[derive(Debug)]
pub(in crate::ldap) struct ObjectClass {
    pub(in crate::ldap) name: &'static str,
    pub(super) oid: &'static str,
    /// The class that it stands on; empty for those that stand on none.
    pub(super) above: &'static str,
    pub(super) kind: Kind,
    /// Attributes that an entry must have.
    pub(in crate::ldap) must: &'static [&'static str],
    /// Attributes that it may have.
    pub(in crate::ldap) may: &'static [&'static str],
}

impl ObjectClass {
    /// As the subschema describes it. RFC 4512 4.1.1.
    pub(super) fn described(&self) -> String {
        let mut text = format!("( {} NAME '{}'", self.oid, self.name);
        if !self.above.is_empty() {
            let _ = write!(text, " SUP {}", self.above);
        }
        text.push_str(match self.kind {
            Kind::Abstract => " ABSTRACT",
            Kind::Structural => " STRUCTURAL",
            Kind::Auxiliary => " AUXILIARY",
        });
        for (word, names) in [("MUST", self.must), ("MAY", self.may)] {
            match names {
                [] => {}
                [one] => {
                    let _ = write!(text, " {word} {one}");
                }
                several => {
                    let _ = write!(text, " {word} ( {} )", several.join(" $ "));
                }
            }
        }
        if nhs_classes::NHS.iter().any(|one| one.oid == self.oid) {
            text.push_str(" X-ORIGIN 'nhsSDS'");
        }
        text.push_str(" )");
        text
    }
}

/// Every class.
pub(super) fn classes() -> impl Iterator<Item = &'static ObjectClass> {
    standard_classes::STANDARD.iter().chain(nhs_classes::NHS)
}

/// The class with this name or identifier, whatever the case.
pub(in crate::ldap) fn class(name: &str) -> Option<&'static ObjectClass> {
    classes().find(|one| one.name.eq_ignore_ascii_case(name) || one.oid == name)
}

/// A class with those that it stands on, itself first: the values of `objectClass` of its entries.
pub(in crate::ldap) fn with_those_above(name: &str) -> &'static [&'static str] {
    static ABOVE: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
        let names = |one: &'static ObjectClass| {
            let all = std::iter::successors(Some(one), |one| class(one.above));
            (one.name, all.map(|one| one.name).collect::<Vec<_>>())
        };
        classes().map(names).collect()
    });
    let found = ABOVE.get(name).map_or(&[][..], Vec::as_slice);
    debug_assert!(!found.is_empty(), "{name} is no class as it is spelled");
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::schema::attribute;

    /// Each class names attributes that there are, as they are spelled, and stands on one that there is.
    #[test]
    fn classes_name_what_there_is() {
        assert_eq!(nhs_classes::NHS.len(), 22);
        for one in classes() {
            for name in one.must.iter().chain(one.may) {
                assert_eq!(
                    attribute(name).map(crate::ldap::schema::AttributeType::name),
                    Some(*name),
                    "{}",
                    one.name
                );
            }
            assert!(one.above.is_empty() || class(one.above).is_some(), "{}", one.name);
        }
        assert_eq!(with_those_above("nhsAs"), ["nhsAs", "top"]);
        assert_eq!(with_those_above("nhsPerson").len(), 5);
    }

    /// Real data has two attributes that the national schema lacks; here systems may have them.
    #[test]
    fn systems_may_have_what_data_has() {
        for name in ["nhsAs", "nhsMhs"] {
            let may = class(name).unwrap().may;
            assert!(may.contains(&"nhsMhsManufacturerOrg") && may.contains(&"nhsTempUid"));
            assert!(class(name).unwrap().described().ends_with("X-ORIGIN 'nhsSDS' )"));
        }
    }
}
