//! The organisations of a block.

use super::rows::{Table, Value};
use crate::organisation::{name_key, postcode_key};
use crate::seed::chance::Chance;
use crate::seed::names;

/// What an organisation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Trust,
    Site,
    Surgery,
    Pharmacy,
}

/// How many organisations there are for so many people: 300 for 1,400, one at least.
pub(super) fn organisations(people: u64) -> u64 {
    (people * 3).div_ceil(14).max(1)
}

/// The code of an organisation: the trust's is short, and begins those of the others.
pub(super) fn code(block: u64, place: u64) -> String {
    if place == 0 { format!("Z{block:05}") } else { format!("Z{block:05}{place:03}") }
}

impl Kind {
    /// Of a whole block, one in five below the trust is a site, and surgeries and pharmacies are as many.
    pub(super) fn of(place: u64) -> Self {
        match (place, place % 5) {
            (0, _) => Self::Trust,
            (_, 0) => Self::Site,
            (_, 1 | 2) => Self::Surgery,
            _ => Self::Pharmacy,
        }
    }

    fn roles(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Trust => ("RO197", Some("RO24")),
            Self::Site => ("RO198", None),
            Self::Surgery => ("RO177", Some("RO76")),
            Self::Pharmacy => ("RO182", None),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Trust => "UNIVERSITY HOSPITALS NHS TRUST",
            Self::Site => "CLINIC",
            Self::Surgery => "SURGERY",
            Self::Pharmacy => "PHARMACY",
        }
    }
}

/// The tables that organisations stand in.
pub(super) struct Places {
    organisations: Table,
    roles: Table,
    relationships: Table,
    contacts: Table,
}

const FROM: &str = "2013-04-01";

impl Places {
    pub(super) fn new() -> Self {
        Self {
            organisations: Table::new(
                "directory_organisation",
                "ods, name, name_key, record_class, status, primary_role, operational_from, last_change, address_lines, \
                 town, postcode, postcode_key, country, ra_host, version",
            ),
            roles: Table::new(
                "directory_organisation_role",
                "ods, place, instance, role, weight, status, operational_from",
            ),
            relationships: Table::new(
                "directory_organisation_relationship",
                "ods, place, instance, relationship, target, target_role, status, operational_from",
            ),
            contacts: Table::new("directory_organisation_contact", "ods, place, kind, value"),
        }
    }

    /// Adds an organisation. One in fifty is closed.
    pub(super) fn add(&mut self, chance: &mut Chance, block: u64, place: u64) {
        let (kind, ods) = (Kind::of(place), code(block, place));
        let name = format!("{} {}", names::family(chance).to_uppercase(), kind.noun());
        let postcode = format!("ZZ{} {}ZZ", 1 + chance.below(99), chance.below(10));
        let host = (place > 0).then(|| code(block, 0));
        // The last of a whole block, so that nobody works there.
        let status = if place >= CLOSED_FROM { "inactive" } else { "active" };
        let (primary, other) = kind.roles();
        let class = if kind == Kind::Site { "site" } else { "organisation" };
        self.organisations.add([
            (&ods).into(),
            (&name).into(),
            name_key(&name).into(),
            class.into(),
            status.into(),
            primary.into(),
            FROM.into(),
            "2026-01-01".into(),
            format!("{} {} STREET", 1 + chance.below(200), names::family(chance).to_uppercase()).into(),
            "IMAGINARY GREEN".into(),
            (&postcode).into(),
            postcode_key(&postcode).into(),
            "ENGLAND".into(),
            host.clone().into(),
            1.into(),
        ]);
        let instance = i64::try_from((block * 1_000 + place) * 10).unwrap_or(i64::MAX);
        for (at, (role, weight)) in
            [Some((primary, "primary")), other.map(|role| (role, "other"))].into_iter().flatten().enumerate()
        {
            let at = i64::try_from(at).unwrap_or(0);
            let instance: Value = (instance + at).to_string().into();
            self.roles.add([
                (&ods).into(),
                at.into(),
                instance,
                role.into(),
                weight.into(),
                status.into(),
                FROM.into(),
            ]);
        }
        if let Some(trust) = host {
            let kind = if kind == Kind::Site { "RE6" } else { "RE4" };
            self.relationships.add([
                (&ods).into(),
                0.into(),
                (instance + 5).to_string().into(),
                kind.into(),
                trust.into(),
                "RO197".into(),
                status.into(),
                FROM.into(),
            ]);
        }
        let telephone = format!("01632 96{:04}", chance.below(10_000));
        self.contacts.add([ods.into(), 0.into(), "tel".into(), telephone.into()]);
    }

    pub(super) fn tables(self) -> [Table; 4] {
        [self.organisations, self.roles, self.relationships, self.contacts]
    }
}

/// From this place on the organisations of a block are closed.
pub(super) const CLOSED_FROM: u64 = 294;
