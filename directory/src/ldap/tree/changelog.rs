//! `cn=Changelog`: the change feed as entries, one for each number, without a gap.
//!
//! An entry names the entry of the register that was changed; of a person that is the person's own, whatever was changed below it:
//! whoever keeps a copy reads again what is there. What `changes` says of it is what that entry has when it is read, so that no data
//! of people lies in the feed and outlives its erasure: whoever applies the changes in their order, and reads what is below people,
//! comes to what is. The spelling of the attributes is the national one.

use std::convert::Infallible;

use platform::db::Tx;

use super::{Branch, Unit, generalized, organisations, people, root, systems, workgroups};
use crate::api::{Change, ChangeKind};
use crate::error::Error;
use crate::ldap::dn::Dn;
use crate::ldap::entry::Entry;
use crate::ldap::ldif;
use crate::ldap::plan::{Pick, Picks};
use crate::ldap::schema::AttributeType;
use crate::register::Register;
use crate::store::{changes, people as stored_people, systems as stored_systems};
use crate::system::folded;
use crate::touched::{Touched, kept, touched};

/// The unit of `cn=Changelog` itself.
pub(super) fn own_unit() -> String {
    id(0)
}

/// The unit of a number; its text has the order of the numbers.
fn id(number: u64) -> String {
    format!("{number:020}")
}

/// Whether a text is the unit of a number.
pub(super) fn is_unit(text: &str) -> bool {
    text.parse::<u64>().is_ok_and(|number| id(number) == text)
}

/// The unit that the value of a name means.
pub(super) fn id_of(value: &str) -> Option<String> {
    value.trim().parse::<u64>().ok().filter(|number| *number > 0).map(id)
}

/// What a comparison says of where changes are.
fn pick(one: &AttributeType, value: &str) -> Pick<Infallible> {
    match one.name() {
        "changenumber" => id_of(value).map_or(Pick::Nothing, Pick::Id),
        "cn"
        | "objectClass"
        | "structuralObjectClass"
        | "entryDN"
        | "entryUUID"
        | "subschemaSubentry"
        | "firstchangenumber"
        | "lastchangenumber"
        | "targetdn"
        | "changetype"
        | "changetime"
        | "changes"
        | "createTimestamp"
        | "modifyTimestamp"
        | "hasSubordinates" => Pick::Anything,
        _ => Pick::Nothing,
    }
}

/// What comparisons say of where changes are.
pub(super) const PICKS: Picks<Infallible> = Picks { is: pick, begins: |_, _| Pick::Anything };

/// The changes after a unit, in their order; the entry above them first.
pub(super) async fn page(
    register: &Register,
    tx: &mut Tx,
    after: &str,
    limit: u32,
) -> Result<Vec<Unit>, Error> {
    let mut units = Vec::new();
    let from = if after.is_empty() {
        units.push(above(tx).await?);
        0
    } else {
        after.parse::<u64>().map_err(|_| Error::Stored { what: "directory_change.number" })?
    };
    for change in changes::after(&mut *tx, from, limit).await? {
        units.push(unit(register, tx, &change).await?);
    }
    Ok(units)
}

/// Changes by their units.
pub(super) async fn these(register: &Register, tx: &mut Tx, ids: &[String]) -> Result<Vec<Unit>, Error> {
    let mut units = Vec::new();
    for id in ids {
        let Ok(number) = id.parse::<u64>() else { continue };
        let Some(before) = number.checked_sub(1) else {
            units.push(above(tx).await?);
            continue;
        };
        let found = changes::after(&mut *tx, before, 1).await?;
        if let Some(change) = found.iter().find(|change| change.number == number) {
            units.push(unit(register, tx, change).await?);
        }
    }
    Ok(units)
}

/// `cn=Changelog`, with the numbers that are kept.
async fn above(tx: &mut Tx) -> Result<Unit, Error> {
    let kept = kept(&mut *tx).await?;
    let mut entry =
        Entry::new(Branch::Changelog.dn().clone(), &["nhsExternalChangelog", "top"], "nhsExternalChangelog");
    entry.put("cn", ["Changelog"]);
    entry.put("firstchangenumber", [kept.first.to_string()]);
    entry.put("lastchangenumber", [kept.last.to_string()]);
    entry.put("hasSubordinates", [if kept.first <= kept.last { "TRUE" } else { "FALSE" }]);
    Ok(Unit { id: own_unit(), made: None, entries: vec![entry] })
}

async fn unit(register: &Register, tx: &mut Tx, change: &Change) -> Result<Unit, Error> {
    let told = told(register, tx, change).await?;
    let dn = Branch::Changelog.dn().below("changenumber", change.number.to_string());
    let mut entry = Entry::new(dn, &["nhsExternalChangelogEntry", "changeLogEntry", "top"], "changeLogEntry");
    entry.put("changenumber", [change.number.to_string()]);
    entry.put("targetdn", [told.target.to_string()]);
    entry.put("changetype", [told.act.word()]);
    entry.put("changetime", [generalized(change.at)]);
    if let Some(now) = &told.now {
        entry.put("changes", told.act.changes(now));
    }
    entry.put("createTimestamp", [generalized(change.at)]);
    entry.put("hasSubordinates", ["FALSE"]);
    Ok(Unit { id: id(change.number), made: Some(change.at), entries: vec![entry] })
}

/// What was done to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Add,
    Modify,
    Delete,
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Modify => "modify",
            Self::Delete => "delete",
        }
    }

    fn changes(self, now: &Entry) -> Option<String> {
        match self {
            Self::Add => Some(ldif::content(now)),
            Self::Modify => Some(ldif::replacing(now)),
            Self::Delete => None,
        }
    }
}

/// What a change is about: the name of an entry, what was done, and what the entry has now, if there is one.
struct Told {
    target: Dn,
    act: Act,
    now: Option<Entry>,
}

async fn told(register: &Register, tx: &mut Tx, change: &Change) -> Result<Told, Error> {
    Ok(match touched(change) {
        Some(Touched::System(id)) => {
            // One that was withdrawn is still known, so that the change before that is whole.
            let found = stored_systems::find_all(&mut *tx, &[folded(&id)]).await?.pop();
            let act = match &found {
                _ if change.kind == ChangeKind::SystemWithdrawn => Act::Delete,
                Some(system) if system.made_at == change.at => Act::Add,
                _ => Act::Modify,
            };
            let now = found.as_ref().map(systems::entry);
            let target = now.as_ref().map(|entry| entry.dn.clone());
            let target = target.unwrap_or_else(|| Branch::Services.dn().below("uniqueIdentifier", id));
            Told { target, act, now }
        }
        Some(Touched::Organisation(ods)) => {
            let unit = organisations::these(tx, std::slice::from_ref(&ods)).await?.pop();
            let target = Branch::Organisations.dn().below("uniqueIdentifier", ods);
            Told { target, act: Act::Modify, now: unit.and_then(first) }
        }
        Some(Touched::Person(user)) => person(register, tx, change, user).await?,
        Some(Touched::Workgroup(id)) => {
            let unit = workgroups::these(tx, std::slice::from_ref(&id)).await?.pop();
            let target = Branch::Workgroups.dn().below("uniqueIdentifier", id);
            Told { target, act: Act::Modify, now: unit.and_then(first) }
        }
        // It is about all of them, or about something that has no entry of its own.
        Some(Touched::Position(_) | Touched::Everybody) | None => {
            Told { target: Branch::People.dn().clone(), act: Act::Modify, now: None }
        }
    })
}

async fn person(register: &Register, tx: &mut Tx, change: &Change, user: String) -> Result<Told, Error> {
    let profile = match user.parse() {
        Ok(id) => stored_people::find(&mut *tx, &id).await?,
        Err(_) => None,
    };
    let is_new = change.kind == ChangeKind::PersonChanged
        && profile.is_some_and(|profile| profile.created_at == change.at);
    let act = match change.kind {
        ChangeKind::PersonMerged => Act::Delete,
        _ if is_new => Act::Add,
        _ => Act::Modify,
    };
    let unit = people::these(register, tx, std::slice::from_ref(&user)).await?.pop();
    Ok(Told { target: Branch::People.dn().below("uid", user), act, now: unit.and_then(first) })
}

fn first(unit: Unit) -> Option<Entry> {
    unit.entries.into_iter().next()
}

/// The name of the entry that a change was made to; none of what is no change.
pub(super) fn target(entry: &Entry) -> Option<Dn> {
    entry.dn.depth_below(Branch::Changelog.dn()).filter(|depth| *depth > 0)?;
    entry.first("targetdn").and_then(|name| Dn::parse(name).ok())
}

/// A change as it is shown to who sees no people: that there was one, and not of whom.
pub(super) fn without_person(entry: Entry) -> Entry {
    let target = Branch::People.dn().to_string();
    entry.with("targetdn", &target).with("changetype", "modify").without("changes")
}

/// The root of the naming context.
pub(super) fn dn() -> Dn {
    root().below("cn", "Changelog")
}
