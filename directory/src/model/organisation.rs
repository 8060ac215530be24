//! An organisation as it is shown, borrowed from where it is held: in the model, or as it was read from the database. So what is made of it
//! is made once, in one place.
//!
//! As octets it is what this says, one member behind the other, with days as numbers: about 160 octets of an organisation with one line of an
//! address, a telephone number, two roles and a relationship, which take 700 as JSON. With what the table takes around it, 300,000 of them
//! have some 75 MB, and their names as they are searched ([`super::names`]) 15 MB more.

use serde::{Deserialize, Serialize};

use crate::api::{
    Dates, OrganisationAddress, OrganisationRecord, OrganisationStatus, Period, RecordClass, RecordUse,
    RoleWeight, SuccessionKind,
};
use crate::day::Day;

/// An organisation: what the faces show of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrganisationView<'a> {
    /// First, so that it is read without the rest.
    pub(crate) name: &'a str,
    pub(crate) code: &'a str,
    pub(crate) record_class: RecordClass,
    pub(crate) record_use: RecordUse,
    pub(crate) status: OrganisationStatus,
    pub(crate) last_change: Numbered,
    pub(crate) dates: Periods,
    pub(crate) address: AddressView<'a>,
    /// In which way it is reached, and the number or address.
    pub(crate) contacts: Vec<(&'a str, &'a str)>,
    pub(crate) roles: Vec<OrganisationRoleView<'a>>,
    /// Its relationships in force: which, and to whom.
    pub(crate) relationships: Vec<(&'a str, &'a str)>,
    pub(crate) successions: Vec<(SuccessionKind, &'a str)>,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AddressView<'a> {
    #[serde(borrow)]
    pub(crate) lines: Vec<&'a str>,
    pub(crate) town: Option<&'a str>,
    pub(crate) county: Option<&'a str>,
    pub(crate) postcode: Option<&'a str>,
    pub(crate) country: Option<&'a str>,
    pub(crate) uprn: Option<&'a str>,
}

/// A role that it has, or had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrganisationRoleView<'a> {
    pub(crate) instance: &'a str,
    pub(crate) role: &'a str,
    pub(crate) weight: RoleWeight,
    pub(crate) status: OrganisationStatus,
    pub(crate) dates: Periods,
}

/// A day as its number, or none as 0: three octets at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Numbered(u32);

/// The periods that are kept of everything, each from a day to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Periods {
    legal: (Numbered, Numbered),
    operational: (Numbered, Numbered),
}

impl From<Option<Day>> for Numbered {
    fn from(day: Option<Day>) -> Self {
        Self(day.map_or(0, Day::number))
    }
}

impl Numbered {
    /// The day, if there is one.
    pub(crate) fn day(self) -> Option<Day> {
        Day::of_number(self.0)
    }
}

impl From<Dates> for Periods {
    fn from(Dates { legal, operational }: Dates) -> Self {
        let numbered = |Period { from, to }: Period| (Numbered::from(from), Numbered::from(to));
        Self { legal: numbered(legal), operational: numbered(operational) }
    }
}

impl Periods {
    /// The same as days.
    pub(crate) fn dates(self) -> Dates {
        let days = |(from, to): (Numbered, Numbered)| Period { from: from.day(), to: to.day() };
        Dates { legal: days(self.legal), operational: days(self.operational) }
    }
}

impl<'a> OrganisationView<'a> {
    /// An organisation as it was read.
    pub(crate) fn of(record: &'a OrganisationRecord) -> Self {
        let roles = record.roles.iter().map(|one| OrganisationRoleView {
            instance: &one.instance,
            role: &one.role,
            weight: one.weight,
            status: one.status,
            dates: one.dates.into(),
        });
        let in_force = record.relationships.iter().filter(|one| one.status == OrganisationStatus::Active);
        let contacts = record.contacts.iter().map(|one| (one.kind.as_str(), one.value.as_str()));
        Self {
            name: &record.name,
            code: record.ods.as_str(),
            record_class: record.record_class,
            record_use: record.record_use,
            status: record.status,
            last_change: record.last_change.into(),
            dates: record.dates.into(),
            address: AddressView::of(&record.address),
            contacts: contacts.collect(),
            roles: roles.collect(),
            relationships: in_force.map(|one| (one.relationship.as_str(), one.target.as_str())).collect(),
            successions: record.successions.iter().map(|one| (one.kind, one.target.as_str())).collect(),
        }
    }

    /// As octets. `None`: it cannot be held.
    pub(super) fn octets(&self) -> Option<Box<[u8]>> {
        postcard::to_allocvec(self).ok().map(Vec::into_boxed_slice)
    }

    /// What [`OrganisationView::octets`] wrote. `None`: ask the database.
    pub(super) fn read(octets: &'a [u8]) -> Option<Self> {
        postcard::from_bytes(octets).ok()
    }
}

/// The name alone.
pub(super) fn name(octets: &[u8]) -> Option<&str> {
    postcard::take_from_bytes(octets).ok().map(|(name, _)| name)
}

impl<'a> AddressView<'a> {
    fn of(address: &'a OrganisationAddress) -> Self {
        Self {
            lines: address.lines.iter().map(String::as_str).collect(),
            town: address.town.as_deref(),
            county: address.county.as_deref(),
            postcode: address.postcode.as_deref(),
            country: address.country.as_deref(),
            uprn: address.uprn.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An organisation with something of everything.
    fn whole() -> OrganisationRecord {
        let legal = json!({"from": "1900-01-01"});
        let operational = json!({"from": "2013-04-01", "to": "2199-12-31"});
        let role = |instance: &str, role: &str, weight: &str| {
            json!({"instance": instance, "role": role, "weight": weight, "status": "active",
                "legal": legal, "operational": operational})
        };
        let related = |instance: &str, target: &str, status: &str| {
            json!({"instance": instance, "relationship": "RE6", "target": target, "status": status,
                "legal": legal, "operational": operational})
        };
        let record = json!({
            "ods": "FX001", "name": "CORNER PHARMACY", "record_class": "site", "record_use": "full",
            "status": "active", "last_change": "2026-01-01", "legal": legal, "operational": operational,
            "address": {"lines": ["12 INVENTED STREET"], "town": "IMAGINARY GREEN", "postcode": "ZZ99 3CZ",
                "country": "ENGLAND"},
            "contacts": [{"kind": "tel", "value": "01632 960000"}],
            "roles": [role("1", "RO182", "primary"), role("2", "RO76", "other")],
            "relationships": [related("3", "RXX", "active"), related("4", "RYY", "inactive")],
            "successions": [{"instance": "5", "kind": "predecessor", "target": "FX000"}]
        });
        serde_json::from_value(record).unwrap()
    }

    /// What is written is read as it was, in little room, and its name without the rest; octets that were cut are read as nothing.
    #[test]
    fn organisations_are_written_and_read() {
        let record = whole();
        let view = OrganisationView::of(&record);
        let octets = view.octets().unwrap();
        assert_eq!(OrganisationView::read(&octets), Some(view.clone()));
        assert_eq!(name(&octets), Some("CORNER PHARMACY"));
        let json = serde_json::to_vec(&record).unwrap().len();
        assert!(octets.len() * 3 < json, "{} octets, {json} as JSON", octets.len());
        for end in 0..octets.len() {
            assert_eq!(OrganisationView::read(&octets[..end]), None, "{end}");
        }
        assert_eq!(view.dates.dates(), record.dates);
        assert_eq!(view.roles[1].dates.dates(), record.roles[1].dates);
        assert_eq!(view.last_change.day(), record.last_change);
        assert_eq!(Numbered::from(None).day(), None);
        assert_eq!(view.relationships, [("RE6", "RXX")], "those in force alone");
    }
}
