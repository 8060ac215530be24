//! `ou=Organisations`: organisations as entries.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::OdsCode;

use super::{Branch, Unit, day};
use crate::api::{OrganisationStatus, Period, RecordClass, RoleWeight, SuccessionKind};
use crate::day::Day;
use crate::error::Error;
use crate::ldap::entry::Entry;
use crate::ldap::plan::{Pick, Picks};
use crate::ldap::schema::{AttributeType, with_those_above};
use crate::model::{AddressView, Model, OrganisationRoleView, OrganisationView};
use crate::organisation::{name_key, postcode_key, role_name};
use crate::store::faces::{self, Key};
use crate::store::{organisation_faces, organisations};

/// A word under which organisations are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Name(Key),
    Postcode(Key),
}

/// The role of a general practice.
const GENERAL_PRACTICE: &str = "RO76";
/// Relationships that say what an organisation is part of, the nearest first: is a part of, is operated by.
const PARENTS: [&str; 3] = ["RE2", "RE6", "RE4"];

/// What a comparison says of where organisations are.
fn pick(one: &AttributeType, value: &str) -> Pick<Word> {
    match one.name() {
        "uniqueIdentifier" | "nhsIDCode" => Pick::Id(value.trim().to_ascii_uppercase()),
        "o" | "ou" if !name_key(value).is_empty() => Pick::Word(Word::Name(Key::Is(name_key(value)))),
        "postalCode" => Pick::Word(Word::Postcode(Key::Is(postcode_key(value)))),
        "uid" | "nhsMHSPartyKey" | "nhsAsSvcIA" | "nhsMhsSvcIA" | "nhsAsClient" => Pick::Nothing,
        "objectClass" => match value {
            "nhsas" | "nhsmhs" | "nhsperson" | "nhsorgperson" | "nhsorgpersonrole" | "nhswg" => Pick::Nothing,
            _ => Pick::Anything,
        },
        _ => Pick::Anything,
    }
}

/// What comparisons say of where organisations are.
pub(super) const PICKS: Picks<Word> = Picks { is: pick, begins };

/// What the beginning of a value says.
fn begins(one: &AttributeType, prefix: &str) -> Pick<Word> {
    match one.name() {
        "o" | "ou" if !name_key(prefix).is_empty() => Pick::Word(Word::Name(Key::Begins(name_key(prefix)))),
        "postalCode" if !postcode_key(prefix).is_empty() => {
            Pick::Word(Word::Postcode(Key::Begins(postcode_key(prefix))))
        }
        "uid" | "sn" | "cn" | "givenName" => Pick::Nothing,
        _ => Pick::Anything,
    }
}

/// Organisations under these words, in the order of their codes.
pub(super) async fn page(tx: &mut Tx, words: &[Word], after: &str, limit: u32) -> Result<Vec<Unit>, Error> {
    let codes = codes(tx, words, after, limit).await?;
    let mut units = Vec::with_capacity(codes.len());
    let written = organisation_faces::written_at(tx, &codes).await?;
    for code in codes {
        if let Some(found) = organisations::find(tx, &code).await? {
            units.push(unit(&OrganisationView::of(&found.record), written.get(&code).copied()));
        }
    }
    Ok(units)
}

/// The first codes of organisations under these words.
pub(super) async fn ids(tx: &mut Tx, words: &[Word], limit: u32) -> Result<Vec<String>, Error> {
    let codes = codes(tx, words, "", limit).await?;
    Ok(codes.iter().map(ToString::to_string).collect())
}

async fn codes(tx: &mut Tx, words: &[Word], after: &str, limit: u32) -> Result<Vec<OdsCode>, Error> {
    let (mut name, mut postcode) = (None, None);
    for word in words {
        // Of two names, one is enough: what does not have both is not found.
        match word {
            Word::Name(key) => name = Some(key),
            Word::Postcode(key) => postcode = Some(key),
        }
    }
    faces::organisations(tx, name, postcode, after, limit).await
}

/// Organisations by their codes, if all of them are in the model.
pub(super) fn known(model: &Model, ids: &[String]) -> Option<Vec<Unit>> {
    let known = |id: &String| {
        model.look_at_organisation(id, |organisation| unit(&organisation.view, organisation.written_at))
    };
    ids.iter().map(known).collect()
}

/// Organisations by their codes.
pub(super) async fn these(tx: &mut Tx, ids: &[String]) -> Result<Vec<Unit>, Error> {
    let codes: Vec<OdsCode> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    let written = organisation_faces::written_at(tx, &codes).await?;
    let mut units = Vec::new();
    for id in ids {
        let Ok(code) = id.parse() else { continue };
        if let Some(found) = organisations::find(tx, &code).await? {
            units.push(unit(&OrganisationView::of(&found.record), written.get(&code).copied()));
        }
    }
    Ok(units)
}

/// An organisation that was written last at a time. When it was made its versions know.
fn unit(organisation: &OrganisationView<'_>, written_at: Option<Millis>) -> Unit {
    let mut entry = entry(organisation);
    super::times(&mut entry, None, written_at);
    Unit { id: organisation.code.to_owned(), made: None, entries: vec![entry] }
}

/// An organisation as an entry.
fn entry(organisation: &OrganisationView<'_>) -> Entry {
    let code = organisation.code;
    let class = class(organisation);
    let dn = Branch::Organisations.dn().below("uniqueIdentifier", code);
    let mut entry = Entry::new(dn, with_those_above(class), class);
    entry.put("uniqueIdentifier", [code]);
    entry.put("nhsIDCode", [code]);
    entry.put(if class == "nhsSite" { "ou" } else { "o" }, [organisation.name]);
    types(&mut entry, organisation, class);
    address(&mut entry, &organisation.address);
    let dates = organisation.dates.dates();
    let period = |of: fn(&Period) -> Option<Day>| of(&dates.operational).or_else(|| of(&dates.legal));
    entry.put("nhsOrgOpenDate", period(|period| period.from).map(day));
    entry.put("nhsOrgCloseDate", period(|period| period.to).map(day));
    entry.put("nhsParentOrgCode", parent(organisation));
    for (kind, target) in &organisation.successions {
        let name = match kind {
            SuccessionKind::Predecessor => "nhsOCSPredecessor",
            SuccessionKind::Successor => "nhsOCSSuccessor",
        };
        entry.put(name, [target]);
    }
    for (kind, value) in &organisation.contacts {
        let name = match kind.to_ascii_lowercase().as_str() {
            "tel" | "telephone" => "telephoneNumber",
            "fax" => "facsimileTelephoneNumber",
            "mail" | "mailto" | "email" => "mail",
            // Sites have no address in the web.
            "http" | "https" | "url" if class != "nhsSite" => "labeledURI",
            _ => continue,
        };
        entry.put(name, [value]);
    }
    entry.put("nhsSyntheticIndicator", ["0"]);
    entry.put("hasSubordinates", ["FALSE"]);
    entry
}

fn class(organisation: &OrganisationView<'_>) -> &'static str {
    let practice = |role: &OrganisationRoleView<'_>| {
        role.role == GENERAL_PRACTICE && role.status == OrganisationStatus::Active
    };
    if organisation.roles.iter().any(practice) {
        "nhsGPPractice"
    } else if organisation.record_class == RecordClass::Site {
        "nhsSite"
    } else {
        "nhsOrg"
    }
}

/// What it is: its primary role, and the others as further types. The national directory's own two letters are known of general
/// practices alone; of others the code of the role stands there.
fn types(entry: &mut Entry, organisation: &OrganisationView<'_>, class: &str) {
    let of = |weight| {
        organisation
            .roles
            .iter()
            .filter(move |role| role.weight == weight && role.status == OrganisationStatus::Active)
    };
    let primary = organisation.roles.iter().find(|role| role.weight == RoleWeight::Primary);
    if class == "nhsGPPractice" {
        entry.put("nhsOrgType", [named(GENERAL_PRACTICE)]);
        entry.put("nhsOrgTypeCode", ["PR"]);
    } else if let Some(role) = primary {
        entry.put("nhsOrgType", [named(role.role)]);
        entry.put("nhsOrgTypeCode", [role.role]);
    }
    entry.put("nhsOrgSubType", of(RoleWeight::Other).map(|role| named(role.role)));
}

/// The name of a role; where nobody knows one, its code.
fn named(role: &str) -> &str {
    role_name(role).unwrap_or(role)
}

fn address(entry: &mut Entry, address: &AddressView<'_>) {
    let lines = address.lines.iter().chain(&address.town).chain(&address.county);
    // RFC 4517 3.3.28: lines are joined by dollar signs, and those within are written by their number.
    let lines: Vec<String> = lines.map(|line| line.replace('\\', "\\5C").replace('$', "\\24")).collect();
    entry.put("postalAddress", [lines.join("$")]);
    entry.put("postalCode", address.postcode);
    entry.put("l", address.town);
    entry.put("nhsCountry", address.country);
}

fn parent<'a>(organisation: &OrganisationView<'a>) -> Option<&'a str> {
    let of = |wanted: &str| organisation.relationships.iter().find(|one| one.0 == wanted);
    PARENTS.into_iter().find_map(of).map(|one| one.1)
}
