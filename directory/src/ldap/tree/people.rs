//! `ou=People`: a person, below them each organisation in which they have a role, below that their roles there.

use std::collections::BTreeMap;

use platform::db::Tx;
use platform::id::UserId;

use super::{Branch, Unit, day};
use crate::api::ProfessionalBody;
use crate::assignment::dated_roles;
use crate::error::Error;
use crate::ldap::dn::Dn;
use crate::ldap::entry::Entry;
use crate::ldap::filter::Filter;
use crate::ldap::plan::{Pick, Picks};
use crate::ldap::schema::{AttributeType, with_those_above};
use crate::model::{Detail, Life, Model, PersonView, RoleView, Shown};
use crate::person::{State, plain};
use crate::register::Register;
use crate::store::faces::{self, Question};
use crate::store::reading::Reading;
use crate::store::{people, people_evidence, touched};

/// Professional bodies that have an attribute. The numbers of the others have none in the national schema.
const BODIES: [(ProfessionalBody, &str); 8] = [
    (ProfessionalBody::Gmc, "nhsGMC"),
    (ProfessionalBody::Nmc, "nhsNMC"),
    (ProfessionalBody::Gdc, "nhsGDC"),
    (ProfessionalBody::Gphc, "nhsRPSGB"),
    (ProfessionalBody::Rcn, "nhsRCN"),
    (ProfessionalBody::Gmp, "nhsGMP"),
    (ProfessionalBody::Gdp, "nhsGDP"),
    (ProfessionalBody::Consultant, "nhsConsultant"),
];

/// What a comparison says of where people are.
fn pick(one: &AttributeType, value: &str) -> Pick<Question> {
    if let Some((body, _)) = BODIES.iter().find(|row| row.1 == one.name()) {
        // The register writes numbers in capital letters.
        return Pick::Word(Question::Registration(body.word(), value.to_ascii_uppercase()));
    }
    match one.name() {
        "uid" => Pick::Id(value.to_owned()),
        "uniqueIdentifier" => Pick::Word(Question::Profile(value.to_owned())),
        "nhsIDCode" => Pick::Word(Question::Member(value.to_owned())),
        "sn" => named(plain(value)),
        // Family name, given name and title. Either of the first two has a word at least, and what follows may be the title.
        "cn" => named(plain(value).split(' ').take(2).collect::<Vec<_>>().join(" ")),
        "nhsMHSPartyKey" | "nhsAsSvcIA" | "nhsMhsSvcIA" | "nhsAsClient" | "postalCode" => Pick::Nothing,
        "objectClass" => match value {
            "nhsas" | "nhsmhs" | "nhsorg" | "nhssite" | "nhsgppractice" | "nhsdept" | "organization"
            | "nhswg" => Pick::Nothing,
            _ => Pick::Anything,
        },
        _ => Pick::Anything,
    }
}

/// Those who are found under a name that begins so.
fn named(beginning: String) -> Pick<Question> {
    if beginning.is_empty() { Pick::Anything } else { Pick::Word(Question::Name(beginning)) }
}

/// What comparisons say of where people are.
pub(super) const PICKS: Picks<Question> = Picks { is: pick, begins };

/// What the beginning of a value says.
fn begins(one: &AttributeType, prefix: &str) -> Pick<Question> {
    match one.name() {
        "uid" if prefix.len() <= 12 && prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
            Pick::Word(Question::UserBegins(prefix.to_owned()))
        }
        // User ids are of digits.
        "uid" => Pick::Nothing,
        // Names are asked for by their beginnings anyway.
        "sn" | "cn" | "postalCode" => pick(one, prefix),
        _ => Pick::Anything,
    }
}

/// Whether a filter asks of somebody by an id or a number of theirs, wherever in it: whoever has them at hand learns something though
/// nothing is found.
pub(super) fn names_somebody(filter: &Filter) -> bool {
    let is_number = |value: &str| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let has_numbers = |one: &AttributeType| BODIES.iter().any(|row| row.1 == one.name());
    match filter {
        Filter::And(some) | Filter::Or(some) => some.iter().any(names_somebody),
        Filter::Not(inner) => names_somebody(inner),
        Filter::Equal(one, _, value) | Filter::EqualOrNamed(one, _, value) => {
            has_numbers(one) || matches!(one.name(), "uid" | "uniqueIdentifier") && is_number(value)
        }
        Filter::Anywhere(_, value, _) => is_number(value),
        Filter::Parts(one, ..) | Filter::AtLeast(one, ..) | Filter::AtMost(one, ..) => {
            has_numbers(one) || one.name() == "uid"
        }
        Filter::Present(_) | Filter::Undefined => false,
    }
}

/// People of whom these questions hold, in the order of their ids, each with everything below them.
pub(super) async fn page(
    register: &Register,
    reading: &mut Reading<'_>,
    questions: &[Question],
    after: &str,
    limit: u32,
) -> Result<Vec<Unit>, Error> {
    if let Some(model) = reading.model() {
        let lists: Vec<Vec<Question>> = questions.iter().map(|one| vec![one.clone()]).collect();
        // That there is nobody at all is what the database has to say.
        let found = model.people(&lists).filter(|found| !found.is_empty());
        let rest = found.map(|found| {
            let ids = found.iter().map(ToString::to_string);
            ids.filter(|id| id.as_str() > after).collect::<Vec<String>>()
        });
        if let Some(units) = rest.and_then(|rest| known(register, model, &rest)) {
            return Ok(units);
        }
    }
    let model = reading.model();
    let tx = reading.tx().await?;
    let ids = faces::people(tx, questions, after, limit).await?;
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        match model.and_then(|model| known(register, model, &[id.to_string()])) {
            Some(units) => all.extend(units),
            None => all.extend(units(register, tx, vec![id]).await?),
        }
    }
    Ok(all)
}

/// The first ids of people of whom these questions hold.
pub(super) async fn ids(
    register: &Register,
    reading: &mut Reading<'_>,
    questions: &[Question],
    limit: u32,
) -> Result<Vec<String>, Error> {
    if let Some(model) = reading.model() {
        let lists: Vec<Vec<Question>> = questions.iter().map(|one| vec![one.clone()]).collect();
        let found: Vec<String> =
            model.people(&lists).unwrap_or_default().iter().map(ToString::to_string).collect();
        // As in a page: only what the model has whole is taken from it.
        if !found.is_empty() && known(register, model, &found).is_some() {
            return Ok(found);
        }
    }
    let ids = faces::people(reading.tx().await?, questions, "", limit).await?;
    Ok(ids.iter().map(ToString::to_string).collect())
}

/// People by their ids, if all of them are in the model.
pub(super) fn known(register: &Register, model: &Model, ids: &[String]) -> Option<Vec<Unit>> {
    let today = register.today();
    ids.iter().map(|id| model.look_at(id, today, Detail::Everything, unit)).collect()
}

/// People by their ids.
pub(super) async fn these(register: &Register, tx: &mut Tx, ids: &[String]) -> Result<Vec<Unit>, Error> {
    let ids = faces::these_people(tx, ids).await?;
    units(register, tx, ids).await
}

/// The names of a person's entry and of every one that was ever below it: their ids are for life.
pub(super) async fn names_of(tx: &mut Tx, id: &str) -> Result<Vec<Dn>, Error> {
    let own = Branch::People.dn().below("uid", id);
    let mut names = vec![own.clone()];
    for (member, role) in touched::ids_below(tx, id).await? {
        let member = own.below("uniqueIdentifier", member);
        names.push(match role {
            Some(role) => member.below("uniqueIdentifier", role),
            None => member,
        });
    }
    Ok(names)
}

async fn units(register: &Register, tx: &mut Tx, ids: Vec<UserId>) -> Result<Vec<Unit>, Error> {
    let mut units = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(profile) = people::find(&mut *tx, &id).await? else { continue };
        let registrations = people_evidence::registrations(&mut *tx, &id).await?;
        let roles = match profile.state {
            State::Open => dated_roles(register, tx, &id).await?,
            // Whoever has left holds nothing.
            _ => Vec::new(),
        };
        let shown = Shown::from(profile);
        units.push(unit(&PersonView::of(&shown, &registrations, &roles)));
    }
    Ok(units)
}

/// Somebody with everything below them.
fn unit(person: &PersonView<'_>) -> Unit {
    let id = person.user_id.to_owned();
    Unit { id, made: Some(person.created_at), entries: entries(person) }
}

fn entries(person: &PersonView<'_>) -> Vec<Entry> {
    let mut members: BTreeMap<&str, Vec<&RoleView<'_>>> = BTreeMap::new();
    for role in &person.roles {
        members.entry(role.member).or_default().push(role);
    }
    let mut all = Vec::with_capacity(1 + members.len() + person.roles.len());
    let mut own = own(person);
    own.put("hasSubordinates", [truth(!members.is_empty())]);
    let dn = own.dn.clone();
    all.push(own);
    for (id, roles) in members {
        let dn = dn.below("uniqueIdentifier", id);
        all.push(member(dn.clone(), person, roles[0]));
        all.extend(roles.into_iter().map(|one| role(&dn, one)));
    }
    all
}

fn truth(is: bool) -> &'static str {
    if is { "TRUE" } else { "FALSE" }
}

fn new(dn: Dn, class: &'static str) -> Entry {
    Entry::new(dn, with_those_above(class), class)
}

/// The entry of the person.
fn own(person: &PersonView<'_>) -> Entry {
    let mut entry = new(Branch::People.dn().below("uid", person.user_id), "nhsPerson");
    names(&mut entry, person);
    entry.put("personalTitle", person.name.title);
    entry.put("nhsPersonStatus", [if person.life == Life::Open { "1" } else { "0" }]);
    for (body, number) in &person.registrations {
        if let Some((_, name)) = BODIES.iter().find(|row| row.0 == *body)
            && entry.first(name).is_none()
        {
            entry.put(name, [number]);
        }
    }
    super::times(&mut entry, Some(person.created_at), Some(person.changed_at));
    entry
}

/// What a person and a person in an organisation have alike.
fn names(entry: &mut Entry, person: &PersonView<'_>) {
    let name = person.name;
    let parts = [Some(name.family), Some(name.given), name.title];
    // As the national directory writes it: surname, first name, title.
    let common: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    entry.put("uid", [person.user_id]);
    entry.put("cn", [common.join(" ")]);
    entry.put("sn", [name.family]);
    entry.put("givenName", [name.given]);
    entry.put("nhsMiddleNames", name.middle);
    entry.put("displayName", [format!("{} {}", name.given, name.family).trim()]);
}

fn member(dn: Dn, person: &PersonView<'_>, role: &RoleView<'_>) -> Entry {
    let mut entry = new(dn, "nhsOrgPerson");
    entry.put("uniqueIdentifier", [role.member]);
    names(&mut entry, person);
    entry.put("o", [role.organisation.name]);
    entry.put("nhsIDCode", [role.organisation.code]);
    entry.put("hasSubordinates", [truth(true)]);
    entry
}

fn role(above: &Dn, role: &RoleView<'_>) -> Entry {
    let mut entry = new(above.below("uniqueIdentifier", role.role_profile), "nhsOrgPersonRole");
    entry.put("uniqueIdentifier", [role.role_profile]);
    entry.put("nhsIDCode", [role.organisation.code]);
    entry.put("nhsJobRole", [&role.job_role_name]);
    entry.put("nhsJobRoleCode", [role.job_role]);
    entry.put("nhsAreaOfWork", role.areas.iter().map(|one| one.name));
    entry.put("nhsAreaOfWorkCodes", role.areas.iter().map(|one| one.code));
    entry.put("nhsBusinessFunctions", role.activities.iter().map(|one| one.name));
    entry.put("nhsBusinessFunctionsCodes", role.activities.iter().map(|one| one.code));
    entry.put("nhsWorkGroups", role.workgroups.iter().map(|one| one.name));
    entry.put("nhsWorkGroupsCodes", role.workgroups.iter().map(|one| one.code));
    entry.put("nhsOrgOpenDate", role.from.map(day));
    entry.put("nhsOrgCloseDate", role.until.map(|until| until.replace('-', "")));
    entry.put("hasSubordinates", [truth(false)]);
    entry
}
