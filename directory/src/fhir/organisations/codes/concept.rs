//! A concept and what is said of it.

use super::super::resource::{class, usage};
use super::system::{RECORD_CLASS, RELATIONSHIP, ROLE, relationship_name};
use crate::api::{
    Dates, OrganisationRecord, OrganisationStatus, Period, RecordUse, RoleWeight, Succession, SuccessionKind,
};
use crate::day::Day;
use crate::fhir::kit::{Parts, parts};
use crate::organisation::role_name;
use crate::store::organisation_faces::Affiliation;

/// A value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Code(String),
    Text(String),
    Flag(bool),
    Day(Day),
    Coding(&'static str, String, Option<String>),
}

impl Value {
    /// The name of its type in FHIR, and it.
    pub(super) fn put(&self, into: Parts) -> Parts {
        match self {
            Self::Code(code) => into.with("valueCode", code),
            Self::Text(text) => into.with("valueString", text),
            Self::Flag(flag) => into.with("valueBoolean", *flag),
            Self::Day(day) => into.with("valueDateTime", *day),
            Self::Coding(system, code, display) => {
                let coding =
                    parts().with("system", *system).with("code", code).with("display", display.as_ref());
                into.with("valueCoding", coding)
            }
        }
    }

    /// The name of the member that it is told as.
    pub(super) fn member(&self) -> &'static str {
        match self {
            Self::Code(_) => "valueCode",
            Self::Text(_) => "valueString",
            Self::Flag(_) => "valueBoolean",
            Self::Day(_) => "valueDateTime",
            Self::Coding(..) => "valueCoding",
        }
    }
}

/// A concept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Concept {
    pub(crate) code: String,
    pub(crate) display: String,
    pub(crate) is_inactive: bool,
    pub(super) properties: Vec<(String, Value)>,
}

/// Properties of relationships between dates, by how they are called.
fn dates(properties: &mut Vec<(String, Value)>, dates: &Dates) {
    let mut put = |name: &str, days: Period| {
        let both = [("StartDate", days.from), ("EndDate", days.to)];
        let put = both.into_iter().filter_map(|(end, day)| Some((format!("{name}{end}"), Value::Day(day?))));
        properties.extend(put);
    };
    put("op", dates.operational);
    put("leg", dates.legal);
}

impl Concept {
    /// One of which nothing more is said.
    pub(super) fn plain(code: &str, display: &str) -> Self {
        Self::new(code, display, OrganisationStatus::Active)
    }

    fn new(code: &str, display: &str, status: OrganisationStatus) -> Self {
        let is_inactive = status == OrganisationStatus::Inactive;
        let word = if is_inactive { "Inactive" } else { "Active" };
        let properties = vec![
            ("status".to_owned(), Value::Code(word.to_owned())),
            ("inactive".to_owned(), Value::Flag(is_inactive)),
        ];
        Self { code: code.to_owned(), display: display.to_owned(), is_inactive, properties }
    }

    /// An organisation of which no more than this is read.
    pub(super) fn of_name(code: &str, name: &str, status: OrganisationStatus) -> Self {
        Self::new(code, name, status)
    }

    /// An organisation.
    pub(super) fn of_organisation(record: &OrganisationRecord) -> Self {
        let mut one = Self::new(record.ods.as_str(), &record.name, record.status);
        let properties = &mut one.properties;
        let mut put =
            |name: &str, value: Option<Value>| properties.extend(value.map(|value| (name.to_owned(), value)));
        put("name", Some(Value::Text(record.name.clone())));
        let (code, name) = class(record.record_class);
        put("orgRecordClass", Some(Value::Coding(RECORD_CLASS, code.to_owned(), Some(name.to_owned()))));
        put("refOnly", Some(Value::Flag(record.record_use == RecordUse::ReferenceOnly)));
        put("recordUse", Some(Value::Code(usage(record.record_use).to_owned())));
        put("lastChangeDate", record.last_change.map(Value::Day));
        let address = &record.address;
        for (place, line) in address.lines.iter().enumerate() {
            put(&format!("address{}", place + 1), Some(Value::Text(line.clone())));
        }
        let texts = [
            ("town", &address.town),
            ("county", &address.county),
            ("postcode", &address.postcode),
            ("country", &address.country),
            ("uprn", &address.uprn),
        ];
        for (name, text) in texts {
            put(name, text.clone().map(Value::Text));
        }
        let phone = record.contacts.iter().find(|contact| contact.kind.starts_with("tel"));
        put("telephone", phone.map(|contact| Value::Text(contact.value.clone())));
        dates(&mut one.properties, &record.dates);
        one.parts_of(record);
        one
    }

    /// What organisations have several of: roles and relationships, as far as they are in force.
    fn parts_of(&mut self, record: &OrganisationRecord) {
        for role in record.roles.iter().filter(|role| role.status == OrganisationStatus::Active) {
            let value = || Value::Coding(ROLE, role.role.clone(), role_name(&role.role).map(str::to_owned));
            if role.weight == RoleWeight::Primary {
                self.properties.push(("primaryRole".to_owned(), value()));
            }
            self.properties.push(("role".to_owned(), value()));
        }
        for one in record.relationships.iter().filter(|one| one.status == OrganisationStatus::Active) {
            let target = Value::Coding(super::super::asked::ORGANISATION, one.target.to_string(), None);
            self.properties.push((one.relationship.clone(), target));
        }
    }

    /// A relationship by its own id.
    pub(super) fn of_relationship(affiliation: &Affiliation) -> Self {
        let one = &affiliation.relationship;
        let name = relationship_name(&one.relationship);
        let display =
            format!("{} {} {}", affiliation.organisation, name.unwrap_or(&one.relationship), one.target);
        let mut made = Self::new(&one.instance, &display, one.status);
        let organisation =
            |code: &str| Value::Coding(super::super::asked::ORGANISATION, code.to_owned(), None);
        let relationship = Value::Coding(RELATIONSHIP, one.relationship.clone(), name.map(str::to_owned));
        made.properties.push(("relationship".to_owned(), relationship));
        made.properties.push(("source".to_owned(), organisation(affiliation.organisation.as_str())));
        made.properties.push(("target".to_owned(), organisation(one.target.as_str())));
        dates(&mut made.properties, &one.dates);
        made
    }

    /// The role of an organisation by its own id.
    pub(super) fn of_role(record: &OrganisationRecord, instance: &str) -> Option<Self> {
        let role = record.roles.iter().find(|role| role.instance == instance)?;
        let name = role_name(&role.role);
        let mut made =
            Self::new(instance, &format!("{} {}", record.ods, name.unwrap_or(&role.role)), role.status);
        let of = Value::Coding(super::super::asked::ORGANISATION, record.ods.to_string(), None);
        made.properties.push(("organisation".to_owned(), of));
        let code = Value::Coding(ROLE, role.role.clone(), name.map(str::to_owned));
        made.properties.push(("role".to_owned(), code));
        made.properties.push(("primaryRole".to_owned(), Value::Flag(role.weight == RoleWeight::Primary)));
        dates(&mut made.properties, &role.dates);
        Some(made)
    }

    /// A succession by its own id.
    pub(super) fn of_succession(record: &OrganisationRecord, instance: &str) -> Option<Self> {
        let one: &Succession = record.successions.iter().find(|one| one.instance == instance)?;
        let kind = match one.kind {
            SuccessionKind::Predecessor => "Predecessor",
            SuccessionKind::Successor => "Successor",
        };
        let display = format!("{} {kind} {}", record.ods, one.target);
        let mut made = Self::new(instance, &display, OrganisationStatus::Active);
        let organisation =
            |code: &str| Value::Coding(super::super::asked::ORGANISATION, code.to_owned(), None);
        made.properties.push(("source".to_owned(), organisation(record.ods.as_str())));
        made.properties.push(("target".to_owned(), organisation(one.target.as_str())));
        made.properties.push(("type".to_owned(), Value::Code(kind.to_owned())));
        made.properties.extend(one.legal_day.map(|day| ("legStartDate".to_owned(), Value::Day(day))));
        Some(made)
    }

    /// The properties that are asked for, by their names; a star asks for all.
    pub(super) fn asked(&self, names: &[String]) -> impl Iterator<Item = &(String, Value)> {
        let is_asked = |name: &str| names.iter().any(|asked| asked == "*" || asked.as_str() == name);
        self.properties.iter().filter(move |property| is_asked(&property.0))
    }
}
