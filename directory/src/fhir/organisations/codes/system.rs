//! Which code systems there are.

use super::super::asked::ORGANISATION;
use super::concept::Concept;
use crate::fhir::kit::{Parts, parts, resource};
use crate::organisation::role_names;

macro_rules! ods {
    ($name:literal) => {
        concat!("https://digital.nhs.uk/services/organisation-data-service/CodeSystem/", $name)
    };
}

/// Roles of organisations.
pub(crate) const ROLE: &str = ods!("ODSOrganisationRole");
/// Relationships of organisations.
pub(crate) const RELATIONSHIP: &str = ods!("ODSRelationship");
/// Classes of organisations.
pub(crate) const RECORD_CLASS: &str = ods!("ODSRecordClass");
/// How much is kept of an organisation.
pub(crate) const RECORD_USE: &str = "https://fhir.nhs.uk/England/CodeSystem/England-ODSRecordUseType";
/// Relationships by their own ids.
pub(crate) const RELATIONSHIP_INSTANCE: &str = ods!("organization-relationship-instance");

/// What stands after the address of a system where all of it is meant as a set.
const WHOLE: &str = "?fhir_vs";

/// Relationships with their names, as far as these are published.
const RELATIONSHIPS: [(&str, &str); 8] = [
    ("RE2", "IS A SUB-DIVISION OF"),
    ("RE3", "IS DIRECTED BY"),
    ("RE4", "IS COMMISSIONED BY"),
    ("RE5", "IS LOCATED IN THE GEOGRAPHY OF"),
    ("RE6", "IS OPERATED BY"),
    ("RE8", "IS PARTNER TO"),
    ("RE9", "IS COVERED BY"),
    ("RE10", "IS NOMINATED PAYEE FOR"),
];

/// What a relationship is called.
pub(in crate::fhir::organisations) fn relationship_name(code: &str) -> Option<&'static str> {
    RELATIONSHIPS.iter().find(|row| row.0 == code).map(|row| row.1)
}

/// A code system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum System {
    Organisation,
    RelationshipInstance,
    RoleInstance,
    Succession,
    Role,
    Relationship,
    RecordClass,
    RecordUse,
}

impl System {
    /// Every one.
    pub(crate) const ALL: [Self; 8] = [
        Self::Organisation,
        Self::RelationshipInstance,
        Self::RoleInstance,
        Self::Succession,
        Self::Role,
        Self::Relationship,
        Self::RecordClass,
        Self::RecordUse,
    ];

    /// Its canonical address.
    pub(crate) fn url(self) -> &'static str {
        match self {
            Self::Organisation => ORGANISATION,
            Self::RelationshipInstance => RELATIONSHIP_INSTANCE,
            Self::RoleInstance => ods!("organization-role-instance"),
            Self::Succession => ods!("succession"),
            Self::Role => ROLE,
            Self::Relationship => RELATIONSHIP,
            Self::RecordClass => RECORD_CLASS,
            Self::RecordUse => RECORD_USE,
        }
    }

    /// What ids of it begin with, and what it is called.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Organisation => ("ods-organization-code", "ODS organisation code"),
            Self::RelationshipInstance => {
                ("organization-relationship-instance", "ODS organisation relationship")
            }
            Self::RoleInstance => ("organization-role-instance", "ODS organisation role"),
            Self::Succession => ("succession", "ODS succession"),
            Self::Role => ("ODSOrganisationRole", "ODS role of organisations"),
            Self::Relationship => ("ODSRelationship", "ODS kind of relationship"),
            Self::RecordClass => ("ODSRecordClass", "ODS record class"),
            Self::RecordUse => ("England-ODSRecordUseType", "ODS record use type"),
        }
    }

    /// What it is called.
    pub(crate) fn title(self) -> &'static str {
        self.names().1
    }

    /// The one with this address, whichever version is asked for after a bar.
    pub(crate) fn of(url: &str) -> Option<Self> {
        let url = url.split('|').next().unwrap_or_default();
        Self::ALL.into_iter().find(|system| system.url() == url)
    }

    /// The version that is asked for after a bar, of a system or of all of it as a set.
    pub(crate) fn pinned(url: &str) -> Option<&str> {
        let (url, version) = url.split_once('|')?;
        Self::of(url.strip_suffix(WHOLE).unwrap_or(url))?;
        Some(version.strip_suffix(WHOLE).unwrap_or(version))
    }

    /// The one of which this address names all as a set.
    pub(super) fn of_set(url: &str) -> Option<Self> {
        let (whole, _) = url.split_once('|').unwrap_or((url, ""));
        whole.strip_suffix(WHOLE).or_else(|| url.strip_suffix(WHOLE)).and_then(Self::of)
    }

    /// The one of this id, with or without the version after it.
    pub(crate) fn of_id(id: &str, version: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| id == system.names().0 || id == system.id(version))
    }

    fn id(self, version: &str) -> String {
        format!("{}-{version}", self.names().0)
    }

    /// Whether its concepts stand in a table of the program.
    pub(crate) fn is_small(self) -> bool {
        matches!(self, Self::Role | Self::Relationship | Self::RecordClass | Self::RecordUse)
    }

    /// The concepts of a small one, in their order.
    pub(crate) fn concepts(self) -> Vec<Concept> {
        let plain = |(code, display): &(&str, &str)| Concept::plain(code, display);
        match self {
            Self::Role => role_names().iter().map(plain).collect(),
            Self::Relationship => RELATIONSHIPS.iter().map(plain).collect(),
            Self::RecordClass => [("RC1", "HSCOrg"), ("RC2", "HSCSite")].iter().map(plain).collect(),
            Self::RecordUse => [("Full", "Full"), ("RefOnly", "RefOnly")].iter().map(plain).collect(),
            _ => Vec::new(),
        }
    }

    /// As a resource. Of one that is not small the concepts are asked for one by one.
    pub(crate) fn resource(self, version: &str) -> Parts {
        let concepts: Vec<Parts> = self
            .concepts()
            .into_iter()
            .map(|one| parts().with("code", one.code).with("display", one.display))
            .collect();
        let content = match self {
            // Of the relationships not all names are published.
            Self::Relationship => "fragment",
            _ if self.is_small() => "complete",
            _ => "not-present",
        };
        let name: String = self.id(version).split(['-', '_']).map(capital).collect();
        let many = concepts.len();
        resource("CodeSystem")
            .with("id", self.id(version))
            .with("url", self.url())
            .with("version", version)
            .with("name", name)
            .with("title", self.title())
            .with("status", "active")
            .with("experimental", false)
            .with("publisher", "NHS England")
            .with("caseSensitive", true)
            .with("valueSet", format!("{}{WHOLE}", self.url()))
            .with("content", content)
            .with("count", (many > 0).then_some(many))
            .with("concept", concepts)
    }
}

/// A word that begins with a capital letter.
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is found by its address and its ids, and no two are one.
    #[test]
    fn systems_are_found() {
        for system in System::ALL {
            assert_eq!(System::of(system.url()), Some(system));
            assert_eq!(System::of(&format!("{}|2024-01-01", system.url())), Some(system));
            assert_eq!(System::of_id(&system.id("2024-01-01"), "2024-01-01"), Some(system));
            assert_eq!(system.is_small(), !system.concepts().is_empty());
        }
        let url = System::Role.url();
        for (whole, pinned) in [
            (format!("{url}?fhir_vs"), None),
            (format!("{url}|1?fhir_vs"), Some("1")),
            (format!("{url}?fhir_vs|1"), Some("1")),
        ] {
            assert_eq!(
                (System::of_set(&whole), System::pinned(&whole)),
                (Some(System::Role), pinned),
                "{whole}"
            );
        }
        assert_eq!((System::of_set(url), System::of_set("urn:other?fhir_vs")), (None, None));
        assert_eq!((System::pinned(&format!("{url}|1")), System::pinned("urn:other|1")), (Some("1"), None));
        assert_eq!((System::of("urn:other"), System::of_id("other", "1")), (None, None));
        let told = System::Organisation.resource("2024-01-01").json();
        assert!(
            told.contains(r#""name":"OdsOrganizationCode20240101""#) && told.contains("not-present"),
            "{told}"
        );
    }
}
