//! What is asked for: the parameters of a search.

use super::date;
use super::errors::{bad, bad_date, unknown_parameter};
use crate::api::{OrganisationStatus, RecordClass, RecordUse};
use crate::fhir::kit::{Asked, Outcome, Parameter, SHAPING, shown, token};
use crate::organisation::{name_key, postcode_key};
use crate::span::Span;
use crate::store::organisation_faces::{Affiliations, Condition, HasRole, Place, Text};

pub(super) const ORGANISATION: &str = "https://fhir.nhs.uk/Id/ods-organization-code";

/// Which resource is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Organisation,
    Affiliation,
}

impl Kind {
    /// The name of the resource.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Organisation => "Organization",
            Self::Affiliation => "OrganizationAffiliation",
        }
    }

    fn known(self) -> &'static [&'static str] {
        match self {
            Self::Organisation => &[
                "_count",
                "_id",
                "_offset",
                "_revinclude",
                "_summary",
                "active",
                "activeRoleCode",
                "address",
                "address-city",
                "address-country",
                "address-postalcode",
                "identifier",
                "lastChangeDate",
                "name",
                "roleCode",
                "type",
            ],
            Self::Affiliation => &[
                "_count",
                "_id",
                "_include",
                "_offset",
                "_summary",
                "active",
                "identifier",
                "participating-organization",
                "primary-organization",
            ],
        }
    }
}

/// Parameters that are no part of what is looked for, in either mode.
const BESIDE: [&str; 5] = ["_count", "_offset", "_summary", "_format", "_total"];

/// Parameters that are looked for as texts.
const TEXTS: [&str; 5] = ["name", "address", "address-city", "address-country", "address-postalcode"];

/// Which organisations are looked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OrganisationQuery {
    pub(crate) conditions: Vec<Condition>,
    /// Their relationships are told too.
    pub(crate) with_own: bool,
    /// Those in which they take part are told too.
    pub(crate) with_theirs: bool,
}

/// Which relationships are looked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AffiliationQuery {
    pub(crate) wanted: Affiliations,
    /// The organisations whose they are, are told too.
    pub(crate) with_primary: bool,
    /// Those that take part are told too.
    pub(crate) with_participating: bool,
}

/// Whether a parameter needs no more reading; refuses those that there are not, unless the client wants them passed over.
fn is_done(kind: Kind, parameter: &Parameter, is_strict: bool, passes_over: bool) -> Result<bool, Outcome> {
    let name = parameter.name.as_str();
    if BESIDE.contains(&name) || (!is_strict && SHAPING.contains(&name)) {
        return Ok(true);
    }
    if kind.known().contains(&name) {
        return Ok(false);
    }
    if passes_over {
        return Ok(true);
    }
    Err(unknown_parameter(&parameter.whole(), kind.name(), kind.known()))
}

/// Reads which organisations are looked for.
pub(crate) fn wanted(
    asked: &Asked,
    is_strict: bool,
    passes_over: bool,
) -> Result<OrganisationQuery, Outcome> {
    asked.demand_few(&TEXTS).map_err(bad)?;
    let mut query = OrganisationQuery::default();
    for parameter in &asked.0 {
        if let Some(span) = written(parameter, is_strict)? {
            query.conditions.push(Condition::Written(span));
            continue;
        }
        if is_done(Kind::Organisation, parameter, is_strict, passes_over)? {
            continue;
        }
        if parameter.name == "_revinclude" {
            for value in parameter.any() {
                match value.as_str() {
                    "OrganizationAffiliation:primary-organization" => query.with_own = true,
                    "OrganizationAffiliation:participating-organization" => query.with_theirs = true,
                    _ => return Err(no_include(parameter, &value)),
                }
            }
            continue;
        }
        query.conditions.push(condition(parameter)?);
    }
    Ok(query)
}

/// In which time something is to have been written, if the parameter asks for it, which no model has.
fn written(parameter: &Parameter, is_strict: bool) -> Result<Option<Span>, Outcome> {
    if is_strict || parameter.whole() != "_lastUpdated" {
        return Ok(None);
    }
    Span::read(&parameter.value).map(Some).ok_or_else(|| bad_date(&parameter.value))
}

fn no_include(parameter: &Parameter, value: &str) -> Outcome {
    bad(format!("Invalid {} parameter value: \"{}\"", parameter.name, shown(value)))
}

fn condition(parameter: &Parameter) -> Result<Condition, Outcome> {
    let name = parameter.name.as_str();
    let modifier = parameter.modifier.as_deref();
    Ok(match (name, modifier) {
        ("_id", None) => Condition::Codes(upper(parameter.any())),
        ("identifier", None) => Condition::Codes(upper(codes_of(parameter, ORGANISATION))),
        ("lastChangeDate", None) => {
            let (from, before) = date::range(&parameter.value)?;
            Condition::Changed(from, before)
        }
        ("name", _) => Condition::Name(how(parameter)?, texts(parameter, 3, 100, name_key)?),
        ("active", None) => Condition::Status(statuses(parameter)?),
        ("type", None) => kind_of(parameter)?,
        ("address", _) => {
            Condition::Address(Place::Anywhere, how(parameter)?, texts(parameter, 2, 100, plain)?)
        }
        ("address-city", _) => {
            Condition::Address(Place::Town, how(parameter)?, texts(parameter, 2, 100, plain)?)
        }
        ("address-country", _) => {
            Condition::Address(Place::Country, how(parameter)?, texts(parameter, 2, 100, plain)?)
        }
        ("address-postalcode", _) => {
            Condition::Address(Place::Postcode, how(parameter)?, texts(parameter, 2, 100, postcode_key)?)
        }
        ("roleCode" | "activeRoleCode", None | Some("not")) => Condition::Role(HasRole {
            any: upper(codes_of(parameter, super::codes::ROLE)),
            is_active: name == "activeRoleCode",
            is_primary: false,
            is_not: modifier.is_some(),
        }),
        _ => {
            return Err(bad(format!("Invalid modifier: \"{}\" is not supported", shown(&parameter.whole()))));
        }
    })
}

fn plain(text: &str) -> String {
    text.trim().to_owned()
}

fn upper(values: Vec<String>) -> Vec<String> {
    values.into_iter().map(|value| value.to_ascii_uppercase()).collect()
}

/// The codes of tokens of this system, or of none; those of others find nothing.
fn codes_of(parameter: &Parameter, expected: &str) -> Vec<String> {
    let code = |value: &String| {
        let (system, code) = token(value);
        system.is_none_or(|system| system == expected).then(|| code.to_owned())
    };
    parameter.any().iter().filter_map(code).collect()
}

fn how(parameter: &Parameter) -> Result<Text, Outcome> {
    match parameter.modifier.as_deref() {
        None => Ok(Text::Begins),
        Some("contains") => Ok(Text::Contains),
        Some("exact") => Ok(Text::Is),
        Some(_) => Err(bad(format!("Invalid modifier: \"{}\" is not supported", shown(&parameter.whole())))),
    }
}

/// Texts that are long enough to be looked for, by what is left of them in the index.
fn texts(
    parameter: &Parameter,
    least: usize,
    most: usize,
    key: fn(&str) -> String,
) -> Result<Vec<String>, Outcome> {
    let values = parameter.any();
    let fits = |value: &String| (least..=most).contains(&value.chars().count()) && !key(value).is_empty();
    if values.iter().all(fits) {
        return Ok(values);
    }
    let name = shown(&parameter.whole());
    Err(bad(format!(
        "Invalid value of \"{name}\": it has {least} to {most} characters, letters or digits among them"
    )))
}

fn statuses(parameter: &Parameter) -> Result<Vec<OrganisationStatus>, Outcome> {
    let status = |value: &String| match token(value).1 {
        "true" => Ok(OrganisationStatus::Active),
        "false" => Ok(OrganisationStatus::Inactive),
        other => {
            Err(bad(format!("Invalid value of \"active\": \"{}\" is neither true nor false", shown(other))))
        }
    };
    parameter.any().iter().map(status).collect()
}

fn kind_of(parameter: &Parameter) -> Result<Condition, Outcome> {
    let (mut classes, mut uses) = (Vec::new(), Vec::new());
    for value in parameter.any() {
        let (system, code) = token(&value);
        let is_of = |expected: &str| system.is_none_or(|system| system == expected);
        match code {
            "RC1" if is_of(super::codes::RECORD_CLASS) => classes.push(RecordClass::Organisation),
            "RC2" if is_of(super::codes::RECORD_CLASS) => classes.push(RecordClass::Site),
            "Full" if is_of(super::codes::RECORD_USE) => uses.push(RecordUse::Full),
            "RefOnly" if is_of(super::codes::RECORD_USE) => uses.push(RecordUse::ReferenceOnly),
            // A type that no organisation has.
            _ => {}
        }
    }
    match (classes.is_empty(), uses.is_empty()) {
        (false, false) => {
            Err(bad("Invalid value of \"type\": a class and a use are asked for by two parameters"))
        }
        (true, false) => Ok(Condition::Use(uses)),
        _ => Ok(Condition::Class(classes)),
    }
}

/// Reads which relationships are looked for.
pub(crate) fn affiliations_wanted(
    asked: &Asked,
    is_strict: bool,
    passes_over: bool,
) -> Result<AffiliationQuery, Outcome> {
    asked.demand_few(&TEXTS).map_err(bad)?;
    let mut query = AffiliationQuery::default();
    for parameter in &asked.0 {
        if let Some(span) = written(parameter, is_strict)? {
            query.wanted.written = Some(query.wanted.written.unwrap_or_default().and(span));
            continue;
        }
        if is_done(Kind::Affiliation, parameter, is_strict, passes_over)? {
            continue;
        }
        if parameter.modifier.is_some() {
            return Err(bad(format!("Invalid modifier: \"{}\" is not supported", shown(&parameter.whole()))));
        }
        let refers = |value: String| {
            let value = token(&value).1.to_owned();
            value.rsplit('/').next().unwrap_or_default().to_ascii_uppercase()
        };
        let wanted = &mut query.wanted;
        match parameter.name.as_str() {
            "_id" => wanted.instances.push(parameter.any()),
            "identifier" => wanted.instances.push(codes_of(parameter, super::codes::RELATIONSHIP_INSTANCE)),
            "primary-organization" => wanted.of.push(parameter.any().into_iter().map(refers).collect()),
            "participating-organization" => wanted.to.push(parameter.any().into_iter().map(refers).collect()),
            "active" => match statuses(parameter)?[..] {
                [one] => wanted.status = Some(one),
                _ => return Err(bad("Invalid value of \"active\": it is true or false")),
            },
            _ => {
                for value in parameter.any() {
                    match value.as_str() {
                        "OrganizationAffiliation:primary-organization" => query.with_primary = true,
                        "OrganizationAffiliation:participating-organization" => {
                            query.with_participating = true;
                        }
                        _ => return Err(no_include(parameter, &value)),
                    }
                }
            }
        }
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<OrganisationQuery, Outcome> {
        wanted(&Asked::read(query, b""), false, false)
    }

    /// Each parameter becomes its condition; what is repeated must all hold, of what is joined by commas one.
    #[test]
    fn parameters_become_conditions() {
        let role = |any: &[&str], is_active, is_not| {
            Condition::Role(HasRole {
                any: any.iter().map(|&code| code.to_owned()).collect(),
                is_active,
                is_primary: false,
                is_not,
            })
        };
        let read =
            of("roleCode=RO177,ro76&roleCode=RO80&activeRoleCode:not=RO72&active=true&type=RC2").unwrap();
        assert_eq!(
            read.conditions,
            [
                role(&["RO177", "RO76"], false, false),
                role(&["RO80"], false, false),
                role(&["RO72"], true, true),
                Condition::Status(vec![OrganisationStatus::Active]),
                Condition::Class(vec![RecordClass::Site]),
            ]
        );
        let read = of(&format!(
            "identifier={ORGANISATION}|rxx&_id=a,b&lastChangeDate=gt2024-01-01&lastChangeDate=lt2024-02-01"
        ))
        .unwrap();
        assert_eq!(read.conditions.len(), 4);
        assert_eq!(read.conditions[0], Condition::Codes(vec!["RXX".to_owned()]));
        assert_eq!(of("identifier=urn:other|rxx").unwrap().conditions, [Condition::Codes(Vec::new())]);
        assert_eq!(
            of("name:contains=SURG").unwrap().conditions,
            [Condition::Name(Text::Contains, vec!["SURG".to_owned()])]
        );
    }

    /// What is malformed is refused with its number where it has one; what is not known is told with what is.
    #[test]
    fn malformed_parameters_are_refused() {
        for (query, begins) in [
            ("lastChangeDate=yesterday", "HAPI-1940"),
            ("colour=red", "HAPI-0524"),
            ("name:soundex=abc", "Invalid modifier"),
            ("name=ab", "Invalid value"),
            ("address-city=x", "Invalid value"),
            ("name=---", "Invalid value"),
            ("active=maybe", "Invalid value"),
            ("_id:exact=1", "Invalid modifier"),
            ("_revinclude=x", "Invalid _revinclude"),
            ("type=RC1,Full", "Invalid value"),
        ] {
            let outcome = of(query).unwrap_err();
            assert!(
                outcome.status == 400 && outcome.diagnostics.starts_with(begins),
                "{query}: {}",
                outcome.diagnostics
            );
        }
        let long = format!("name={}", "a".repeat(101));
        assert_eq!(of(&long).unwrap_err().status, 400);
        assert!(of("colour=red").unwrap_err().diagnostics.contains("lastChangeDate, name, roleCode"));
        assert_eq!(
            wanted(&Asked::read("colour=red&_elements=name", b""), false, true),
            Ok(OrganisationQuery::default())
        );
        assert!(wanted(&Asked::read("_elements=name", b""), true, false).is_err(), "not of the model");
    }

    /// Relationships are found by whose they are, to whom, and by their ids.
    #[test]
    fn relationships_are_asked_for() {
        let of = |query: &str| affiliations_wanted(&Asked::read(query, b""), false, false);
        let read = of("primary-organization=Organization/rxx&participating-organization=ryy&active=false&_include=OrganizationAffiliation:primary-organization").unwrap();
        assert_eq!(
            (read.wanted.of, read.wanted.to),
            (vec![vec!["RXX".to_owned()]], vec![vec!["RYY".to_owned()]])
        );
        assert_eq!((read.wanted.status, read.with_primary), (Some(OrganisationStatus::Inactive), true));
        for bad in ["active=x", "_include=a", "organization=x", "_id:not=1"] {
            assert_eq!(of(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
