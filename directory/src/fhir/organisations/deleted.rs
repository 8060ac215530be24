//! Lists of what was deleted.

use super::codes::System;
use crate::fhir::kit::{Parts, parts, resource};
use crate::store::deletions::{Deletion, Part};

/// A list of what was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deleted {
    id: &'static str,
    title: &'static str,
    /// What is in it; nothing where the register deletes none.
    pub(crate) part: Option<Part>,
}

/// Every list.
const ALL: [Deleted; 4] = [
    Deleted { id: "Organization-deletion", title: "Organisations that were deleted", part: None },
    Deleted {
        id: "OrganizationAffiliation-deletion",
        title: "Relationships of organisations that were deleted",
        part: Some(Part::Relationship),
    },
    Deleted {
        id: "Organization-role-deletion",
        title: "Roles of organisations that were deleted",
        part: Some(Part::Role),
    },
    Deleted {
        id: "Organization-succession-deletion",
        title: "Successions of organisations that were deleted",
        part: Some(Part::Succession),
    },
];

/// The list with this id.
pub(crate) fn deleted(id: &str) -> Option<Deleted> {
    ALL.into_iter().find(|list| list.id == id)
}

impl Deleted {
    /// As FHIR has it, with what was deleted.
    pub(crate) fn resource(self, deletions: &[Deletion]) -> Parts {
        let coding = |system: &str, code: &str, display: &str| {
            let coding = parts().with("system", system).with("code", code).with("display", display);
            parts().with("coding", vec![coding])
        };
        let of = "http://terminology.hl7.org/CodeSystem/";
        let order = coding(&format!("{of}list-order"), "event-date", "Sorted by Event Date");
        // Nothing was deleted, and that is known.
        let none = coding(&format!("{of}list-empty-reason"), "nilknown", "Nil Known");
        let entries: Vec<Parts> = deletions.iter().map(|one| self.entry(one)).collect();
        let is_empty = entries.is_empty();
        resource("List")
            .with("id", self.id)
            .with("status", "current")
            .with("mode", "changes")
            .with("title", self.title)
            .with("orderedBy", (!is_empty).then_some(order))
            .with("entry", entries)
            .with("emptyReason", is_empty.then_some(none))
    }

    fn entry(self, one: &Deletion) -> Parts {
        let system = match self.part {
            Some(Part::Relationship) => System::RelationshipInstance,
            Some(Part::Succession) => System::Succession,
            Some(Part::Role) | None => System::RoleInstance,
        };
        // Roles and successions are no resources: they have their identifiers alone.
        let is_resource = self.part == Some(Part::Relationship);
        let reference = is_resource.then(|| format!("OrganizationAffiliation/{}", one.instance));
        let identifier = parts().with("system", system.url()).with("value", &one.instance);
        let item = parts()
            .with("reference", reference)
            .with("identifier", identifier)
            .with("display", format!("Of organisation {}", one.organisation));
        parts().with("deleted", true).with("date", one.at.to_string()).with("item", item)
    }
}

#[cfg(test)]
mod tests {
    use platform::clock::Millis;
    use serde_json::{Value, json};

    use super::*;

    /// What was deleted is told with its identifier and its time; a list of nothing says that this is known.
    #[test]
    fn deletions_are_told() {
        let told = |id: &str, all: &[Deletion]| -> Value {
            serde_json::from_str(&deleted(id).unwrap().resource(all).json()).unwrap()
        };
        let one = Deletion { instance: "7".to_owned(), organisation: "RXX".to_owned(), at: Millis(0) };
        let list = told("OrganizationAffiliation-deletion", &[one]);
        assert_eq!((list["mode"].as_str(), list["emptyReason"].is_null()), (Some("changes"), true));
        assert_eq!(
            list["entry"],
            json!([{"deleted": true, "date": "1970-01-01T00:00:00.000Z", "item": {
                "reference": "OrganizationAffiliation/7",
                "identifier": {"system": System::RelationshipInstance.url(), "value": "7"},
                "display": "Of organisation RXX"}}])
        );
        let none = told("Organization-deletion", &[]);
        assert_eq!(none["emptyReason"]["coding"][0]["code"], "nilknown");
        assert!(none["entry"].is_null() && deleted("Patient-deletion").is_none());
    }
}
