//! What is asked for: the parameters of a search, with the national service's rules and more.

use platform::id::UserId;

use super::systems::{self, Numbers, ORGANISATION, ROLE_PROFILE};
use crate::fhir::kit::{Asked, Outcome, Parameter, SHAPING, shown, token};
use crate::person::plain;
use crate::span::Span;
use crate::store::faces::Question;

/// Which resource is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Practitioner,
    Role,
}

impl Kind {
    /// The name of the resource.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Practitioner => "Practitioner",
            Self::Role => "PractitionerRole",
        }
    }
}

/// A name that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// `name`, `family` or `given`.
    pub(super) part: String,
    pub(super) is_exact: bool,
    pub(super) any: Vec<String>,
}

/// What is asked for. All that is given must hold; of several values of one parameter, one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The person whose bare user id is asked for: it is said if there is none.
    pub(crate) person: Option<String>,
    pub(super) questions: Vec<Vec<Question>>,
    pub(super) names: Vec<Named>,
    /// Role profiles.
    pub(super) profiles: Vec<Vec<String>>,
    pub(super) organisations: Vec<Vec<String>>,
    pub(super) roles: Vec<Vec<String>>,
    /// When their profile was written last.
    pub(crate) written: Option<Span>,
    /// The roles of those who are found.
    pub(crate) with_roles: bool,
    /// The people of the roles that are found.
    pub(crate) with_people: bool,
    /// The organisations of the roles that are found.
    pub(crate) with_organisations: bool,
}

/// One resource by its id.
pub(crate) fn by_id(kind: Kind, id: &str) -> Option<Wanted> {
    let id = id.parse::<UserId>().ok()?.to_string();
    Some(match kind {
        Kind::Practitioner => Wanted { questions: vec![vec![Question::User(id)]], ..Wanted::default() },
        Kind::Role => Wanted {
            questions: vec![vec![Question::Profile(id.clone())]],
            profiles: vec![vec![id]],
            ..Wanted::default()
        },
    })
}

/// What may be done beside the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Whether only what the national service has is known.
    pub(crate) is_strict: bool,
    /// Whether what is not known is refused.
    pub(crate) refuses: bool,
}

/// Parameters that are looked for as texts.
const TEXTS: [&str; 3] = ["name", "family", "given"];

/// Reads what is asked for.
pub(crate) fn wanted(kind: Kind, asked: &Asked, rules: Rules) -> Result<Wanted, Outcome> {
    asked.demand_few(&TEXTS).map_err(invalid)?;
    let mut wanted = Wanted::default();
    for parameter in &asked.0 {
        let is_known = match (kind, parameter.name.as_str()) {
            (Kind::Practitioner, "identifier") | (Kind::Role, "practitioner.identifier") => {
                wanted.people(parameter)?;
                true
            }
            (Kind::Practitioner, "_revinclude") | (Kind::Role, "_include") => {
                wanted.include(parameter)?;
                true
            }
            (_, "_format") => true,
            (_, name) if !rules.is_strict && SHAPING.contains(&name) => true,
            (Kind::Practitioner, _) if !rules.is_strict => wanted.of_people(parameter)?,
            (Kind::Role, _) if !rules.is_strict => wanted.of_roles(parameter)?,
            _ => false,
        };
        if !is_known && rules.refuses {
            return Err(invalid(format!("The parameter '{}' is not known here.", shown(&parameter.whole()))));
        }
    }
    wanted.questions.extend(wanted.written.map(|span| vec![Question::Written(span)]));
    if wanted.questions.is_empty() {
        let name = if kind == Kind::Role { "practitioner.identifier" } else { "identifier" };
        let sentence = format!("Missing {name}: give the user id of the practitioner.");
        return Err(Outcome::new(400, "required", sentence)
            .coded("MISSING_PRACTITIONER_IDENTIFIER", "A practitioner identifier is required"));
    }
    Ok(wanted)
}

fn invalid(sentence: impl Into<String>) -> Outcome {
    Outcome::new(400, "invalid", sentence).coded("INVALID_PARAMETER", "Invalid parameter")
}

impl Wanted {
    /// The ids of people: bare user ids, or numbers with their system.
    fn people(&mut self, parameter: &Parameter) -> Result<(), Outcome> {
        plainly(parameter)?;
        let mut any = Vec::new();
        let values = parameter.any();
        for value in &values {
            let (system, number) = token(value);
            let numbers = match system {
                None => Numbers::User,
                Some(system) => systems::numbers(system).ok_or_else(|| unknown_system(system))?,
            };
            match numbers {
                Numbers::User => any.push(Question::User(user(number)?)),
                // The register writes numbers in capital letters.
                Numbers::Body(body) => {
                    any.push(Question::Registration(body.word(), number.to_ascii_uppercase()));
                }
                Numbers::Nobody => {}
            }
            if system.is_none() && values.len() == 1 {
                self.person = Some(number.to_owned());
            }
        }
        self.questions.push(any);
        Ok(())
    }

    fn include(&mut self, parameter: &Parameter) -> Result<(), Outcome> {
        for value in parameter.any() {
            if !value.contains(':') {
                let sentence = format!(
                    "Invalid {} '{}': it is a resource, a colon and a parameter.",
                    parameter.name,
                    shown(&value)
                );
                return Err(invalid(sentence));
            }
            match (parameter.name.as_str(), value.as_str()) {
                ("_revinclude", "PractitionerRole:practitioner") => self.with_roles = true,
                (
                    "_include",
                    "PractitionerRole:practitioner" | "PractitionerRole:practitioner:Practitioner",
                ) => {
                    self.with_people = true;
                }
                (
                    "_include",
                    "PractitionerRole:organization" | "PractitionerRole:organization:Organization",
                ) => {
                    self.with_organisations = true;
                }
                // Well-formed, and nothing that there is.
                _ => {}
            }
        }
        Ok(())
    }

    /// What people are found by beside the model; whether it is known.
    fn of_people(&mut self, parameter: &Parameter) -> Result<bool, Outcome> {
        match parameter.name.as_str() {
            "_id" => {
                let ids = parameter
                    .any()
                    .iter()
                    .map(|id| user(id).map(Question::User))
                    .collect::<Result<_, _>>()?;
                self.questions.push(ids);
            }
            "name" | "family" | "given" => self.named(parameter)?,
            "_lastUpdated" => {
                plainly(parameter)?;
                let wrong = || invalid(format!("Invalid _lastUpdated '{}'.", shown(&parameter.value)));
                let span = Span::read(&parameter.value).ok_or_else(wrong)?;
                self.written = Some(self.written.unwrap_or_default().and(span));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What roles are found by beside the model; whether it is known.
    fn of_roles(&mut self, parameter: &Parameter) -> Result<bool, Outcome> {
        let refers = |value: &str, kind: &str| {
            value.rsplit_once(&format!("{kind}/")).map_or(value.to_owned(), |after| after.1.to_owned())
        };
        match parameter.name.as_str() {
            "practitioner" => {
                let values = parameter.any();
                let ids = values.iter().map(|id| user(&refers(id, "Practitioner")).map(Question::User));
                let ids = ids.collect::<Result<_, _>>()?;
                self.questions.push(ids);
            }
            "identifier" | "_id" => {
                let values = parameter.any();
                let ids = values.iter().map(|value| of_system(value, ROLE_PROFILE).and_then(user));
                let ids = ids.collect::<Result<Vec<_>, _>>()?;
                self.questions.push(ids.iter().cloned().map(Question::Profile).collect());
                self.profiles.push(ids);
            }
            "organization" | "organization.identifier" => {
                let code = |value: &String| {
                    let code = of_system(value, ORGANISATION)?;
                    Ok(refers(code, "Organization").to_ascii_uppercase())
                };
                let codes = parameter.any().iter().map(code).collect::<Result<Vec<_>, Outcome>>()?;
                self.questions.push(codes.iter().cloned().map(Question::Member).collect());
                self.organisations.push(codes);
            }
            "role" => self.roles.push(parameter.any()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn named(&mut self, parameter: &Parameter) -> Result<(), Outcome> {
        let is_exact = match parameter.modifier.as_deref() {
            None => false,
            Some("exact") => true,
            Some(_) => return Err(no_modifier(parameter)),
        };
        let any: Vec<String> = parameter.any().into_iter().filter(|name| !plain(name).is_empty()).collect();
        if any.iter().any(|name| plain(name).chars().count() < 2) {
            return Err(invalid(format!("The value of '{}' has two letters at least.", parameter.name)));
        }
        self.questions
            .push(any.iter().map(|name| Question::Name(beginning(&parameter.name, name))).collect());
        self.names.push(Named { part: parameter.name.clone(), is_exact, any });
        Ok(())
    }
}

/// How the key of everybody begins who has this name in this part. Of several given names the register has one in the key, and the others
/// may be middle names.
fn beginning(part: &str, name: &str) -> String {
    let whole = plain(name);
    match name.split_whitespace().next().map(plain) {
        Some(first) if part != "family" && !first.is_empty() && first != whole => format!("{first} "),
        _ => whole,
    }
}

fn plainly(parameter: &Parameter) -> Result<(), Outcome> {
    if parameter.modifier.is_some() { Err(no_modifier(parameter)) } else { Ok(()) }
}

fn no_modifier(parameter: &Parameter) -> Outcome {
    invalid(format!("'{}' is not supported: there is no such modifier here.", shown(&parameter.whole())))
}

/// A user id, or the id of a role profile: twelve digits.
fn user(text: &str) -> Result<String, Outcome> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let sentence = format!("Invalid identifier '{}': it has twelve digits.", shown(text));
    Err(Outcome::new(400, "value", sentence).coded("INVALID_IDENTIFIER_VALUE", "Invalid identifier value"))
}

fn unknown_system(system: &str) -> Outcome {
    let sentence = format!("Invalid identifier system '{}'.", shown(system));
    Outcome::new(400, "value", sentence).coded("INVALID_IDENTIFIER_SYSTEM", "Invalid identifier system")
}

/// The value of a token that has this system, or none.
fn of_system<'v>(value: &'v str, expected: &str) -> Result<&'v str, Outcome> {
    match token(value) {
        (Some(system), _) if system != expected => Err(unknown_system(system)),
        (_, value) => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "555000000108";

    fn of(kind: Kind, query: &str, is_strict: bool) -> Result<Wanted, Outcome> {
        wanted(kind, &Asked::read(query, b""), Rules { is_strict, refuses: false })
    }

    fn refused(kind: Kind, query: &str) -> (u16, &'static str, &'static str) {
        let outcome = of(kind, query, false).unwrap_err();
        (outcome.status, outcome.issue, outcome.spine.map_or("", |spine| spine.0))
    }

    /// A bare id asks for one person; one with a system, in either dialect, for whoever there is.
    #[test]
    fn identifiers_have_two_dialects() {
        let bare = of(Kind::Practitioner, &format!("identifier={USER}"), true).unwrap();
        assert_eq!((bare.person.as_deref(), bare.questions.len()), (Some(USER), 1));
        let whole =
            of(Kind::Practitioner, &format!("identifier=https://fhir.nhs.uk/Id/sds-user-id|{USER}"), true)
                .unwrap();
        assert_eq!((whole.person, whole.questions), (None, bare.questions));
        let gmc = |base: &str| {
            of(Kind::Practitioner, &format!("identifier=https://{base}/Id/nmc-number|99a9999a"), false)
                .unwrap()
        };
        assert_eq!(gmc("fhir.nhs.uk"), gmc("fhir.hl7.org.uk"));
        assert_eq!(gmc("fhir.nhs.uk").questions, [[Question::Registration("NMC", "99A9999A".to_owned())]]);
    }

    /// What is malformed has its code, each.
    #[test]
    fn malformed_parameters_are_refused() {
        let missing = (400, "required", "MISSING_PRACTITIONER_IDENTIFIER");
        for kind in [Kind::Practitioner, Kind::Role] {
            for query in ["", "identifier=", "practitioner.identifier=%20", "colour=red"] {
                assert_eq!(refused(kind, query), missing, "{query}");
            }
        }
        assert_eq!(refused(Kind::Role, "role=R0260"), missing, "a role alone is everybody's");
        for bad in ["identifier=1", "identifier=55500000010x", "_id=%00", "identifier=5550000001081"] {
            assert_eq!(refused(Kind::Practitioner, bad), (400, "value", "INVALID_IDENTIFIER_VALUE"), "{bad}");
        }
        for bad in ["identifier=urn:other|1", "identifier=|555000000108"] {
            assert_eq!(
                refused(Kind::Practitioner, bad),
                (400, "value", "INVALID_IDENTIFIER_SYSTEM"),
                "{bad}"
            );
        }
        assert_eq!(
            refused(Kind::Role, "identifier=https://fhir.nhs.uk/Id/sds-user-id|555000000108").2,
            "INVALID_IDENTIFIER_SYSTEM"
        );
        for bad in ["&_revinclude=PractitionerRole", "&identifier:exact=1", "&name:contains=smith", "&name=x"]
        {
            let query = format!("identifier={USER}{bad}");
            assert_eq!(refused(Kind::Practitioner, &query), (400, "invalid", "INVALID_PARAMETER"), "{bad}");
        }
    }

    /// Includes are done where there is something to include, and otherwise passed over.
    #[test]
    fn includes_are_read() {
        let query =
            format!("practitioner.identifier={USER}&_include=PractitionerRole:organization&_include=A:b");
        let read = of(Kind::Role, &query, true).unwrap();
        assert!(read.with_organisations && !read.with_people && !read.with_roles);
        let query = format!("identifier={USER}&_revinclude=PractitionerRole:practitioner");
        assert!(of(Kind::Practitioner, &query, true).unwrap().with_roles);
    }

    /// What the national service lacks is there unless only its own parameters are, and refused by whoever wants that.
    #[test]
    fn additions_can_be_off() {
        let query = "organization=Organization/rxx&role=R0260";
        let read = of(Kind::Role, query, false).unwrap();
        assert_eq!(read.questions, [[Question::Member("RXX".to_owned())]]);
        assert_eq!(of(Kind::Role, query, true).unwrap_err().issue, "required");
        let strict = Rules { is_strict: true, refuses: true };
        let query = Asked::read(&format!("identifier={USER}&name=smith"), b"");
        assert_eq!(wanted(Kind::Practitioner, &query, strict).unwrap_err().issue, "invalid");
    }
}
