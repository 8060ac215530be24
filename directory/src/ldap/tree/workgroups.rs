//! `ou=workgroups`: workgroups as entries.

use platform::db::Tx;

use super::{Branch, Unit};
use crate::error::Error;
use crate::ids::made_at;
use crate::ldap::entry::Entry;
use crate::ldap::plan::{Pick, Picks};
use crate::ldap::schema::{AttributeType, with_those_above};
use crate::store::workgroups;
use crate::workgroup::Workgroup;

/// A word under which workgroups are found: their organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word(String);

/// What a comparison says of where workgroups are.
fn pick(one: &AttributeType, value: &str) -> Pick<Word> {
    match one.name() {
        "uniqueIdentifier" => Pick::Id(value.to_ascii_lowercase()),
        "nhsIDCode" => Pick::Word(Word(value.to_owned())),
        "uid" | "sn" | "o" | "postalCode" | "nhsMHSPartyKey" | "nhsAsSvcIA" | "nhsMhsSvcIA"
        | "nhsAsClient" => Pick::Nothing,
        "objectClass" => match value {
            "nhswg" | "top" => Pick::Anything,
            _ => Pick::Nothing,
        },
        _ => Pick::Anything,
    }
}

/// What comparisons say of where workgroups are.
pub(super) const PICKS: Picks<Word> = Picks { is: pick, begins };

/// What the beginning of a value says: of attributes that workgroups have not, that it is none.
fn begins(one: &AttributeType, _prefix: &str) -> Pick<Word> {
    match one.name() {
        "uid" | "sn" | "givenName" | "o" | "ou" | "postalCode" => Pick::Nothing,
        _ => Pick::Anything,
    }
}

/// Workgroups under these words, in the order of their ids.
pub(super) async fn page(tx: &mut Tx, words: &[Word], after: &str, limit: u32) -> Result<Vec<Unit>, Error> {
    let found = under(tx, words, after, limit).await?;
    Ok(found.iter().map(unit).collect())
}

/// The first ids of workgroups under these words.
pub(super) async fn ids(tx: &mut Tx, words: &[Word], limit: u32) -> Result<Vec<String>, Error> {
    let found = under(tx, words, "", limit).await?;
    Ok(found.iter().map(|one| one.id.as_str().to_owned()).collect())
}

async fn under(tx: &mut Tx, words: &[Word], after: &str, limit: u32) -> Result<Vec<Workgroup>, Error> {
    // Of two organisations one is enough: what is not of both is not found.
    match words.first() {
        Some(Word(organisation)) => workgroups::of(tx, organisation, after, limit).await,
        None => workgroups::page(tx, after, limit).await,
    }
}

/// Workgroups by their ids.
pub(super) async fn these(tx: &mut Tx, ids: &[String]) -> Result<Vec<Unit>, Error> {
    let mut units = Vec::new();
    for id in ids {
        let Ok(id) = id.parse() else { continue };
        units.extend(workgroups::find(tx, &id).await?.as_ref().map(unit));
    }
    Ok(units)
}

fn unit(workgroup: &Workgroup) -> Unit {
    let id = workgroup.id.as_str();
    let dn = Branch::Workgroups.dn().below("uniqueIdentifier", id);
    let mut entry = Entry::new(dn, with_those_above("nhsWg"), "nhsWg");
    entry.put("uniqueIdentifier", [id]);
    entry.put("cn", [&workgroup.name]);
    entry.put("nhsIDCode", [workgroup.organisation.as_str()]);
    entry.put("nhsPwgId", workgroup.parent.as_ref().map(ToString::to_string));
    let made = made_at(id);
    super::times(&mut entry, made, None);
    entry.put("hasSubordinates", ["FALSE"]);
    Unit { id: id.to_owned(), made, entries: vec![entry] }
}
