//! Exports in bulk (HL7 FHIR Bulk Data Access 2.0): what is there is cut into parts of so many things and octets, and each part is read when it
//! is fetched, however many have come in between by then. Cutting goes on from the place that is stored, on whichever node; what a crash
//! leaves is gone on with.

use std::collections::BTreeMap;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::kit::{Outcome, Stamp, stamped};
use super::{organisations, spine, workers};
use crate::api::Organisation;
use crate::error::Error;
use crate::register::Register;
use crate::span::Span;
use crate::store::exports::{self as store, Export, Part, Place};
use crate::store::faces::{self, Question};
use crate::store::organisation_faces::{self, Affiliation, Affiliations, Condition};
use crate::store::reading::Reading;
use crate::store::{Reader, shown, systems};
use crate::system::{System, folded};

/// How many things are in a part.
const PART: u32 = 500;
/// How many octets are in a part when it is cut, unless one thing alone has more.
const OCTETS: usize = 16 * 1024 * 1024;
/// What somebody takes, and each of their roles: more than what they say.
const PERSON: usize = 2 * 1024;
/// How many roles somebody is taken to have who has more than are counted.
const MANY_ROLES: usize = 4_000;
/// What a version and the end of a line take.
const AROUND: usize = 128;
/// How many octets a part has at most: what makes it larger has come since it was cut.
const LARGEST: usize = 64 * 1024 * 1024;
/// How many exports are looked at in one step of sweeping.
const STEP: u32 = 20;

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exported {
    Device,
    Endpoint,
    Practitioner,
    Role,
    Organisation,
    Affiliation,
}

impl Exported {
    const ALL: [Self; 6] =
        [Self::Device, Self::Endpoint, Self::Practitioner, Self::Role, Self::Organisation, Self::Affiliation];

    /// The name of the resource.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Device => spine::Kind::Device.name(),
            Self::Endpoint => spine::Kind::Endpoint.name(),
            Self::Practitioner => workers::Kind::Practitioner.name(),
            Self::Role => workers::Kind::Role.name(),
            Self::Organisation => organisations::Kind::Organisation.name(),
            Self::Affiliation => organisations::Kind::Affiliation.name(),
        }
    }

    fn of(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or(Error::Stored { what: "directory_export.at_kind" })
    }
}

/// What was written since; everything of what nobody counts when it was written.
fn since(export: &Export) -> Option<Span> {
    export.since.map(|from| Span { from: Some(from), before: None })
}

/// Whose resources they are, by what they are asked for.
fn questions(kind: Exported, since: Option<Span>) -> Vec<Vec<Question>> {
    // A role begins and ends without its person being written.
    let span = since.filter(|_| kind == Exported::Practitioner);
    span.map(|span| vec![Question::Written(span)]).into_iter().collect()
}

/// What goes into a part: everything up to a thing.
#[derive(Debug, PartialEq, Eq)]
struct Cut {
    last: String,
    /// Whether there may be more of the kind.
    is_more: bool,
}

/// As many of the next things as a part has room for, one at least; each with its place and its octets.
fn cut(things: Vec<(String, usize)>) -> Option<Cut> {
    let many = things.len();
    let (mut octets, mut taken) = (0_usize, 0);
    for (_, size) in &things {
        octets = octets.saturating_add(*size);
        if taken > 0 && octets > OCTETS {
            break;
        }
        taken += 1;
    }
    let is_more = taken < many || u32::try_from(many).is_ok_and(|many| many >= PART);
    let (last, _) = things.into_iter().nth(taken.checked_sub(1)?)?;
    Some(Cut { last, is_more })
}

/// The next things of a kind after one, as many as a part has at most.
async fn next(
    register: &Register,
    tx: &mut Tx,
    kind: Exported,
    since: Option<Span>,
    after: &str,
) -> Result<Vec<(String, usize)>, Error> {
    Ok(match kind {
        Exported::Device => sized(register, tx, spine::Kind::Device, since, after).await?,
        Exported::Endpoint => sized(register, tx, spine::Kind::Endpoint, since, after).await?,
        Exported::Practitioner => {
            let ids = faces::people_of(tx, &questions(kind, since), after, PART).await?;
            ids.into_iter().map(|id| (id.to_string(), PERSON)).collect()
        }
        Exported::Role => {
            let ids = faces::people_of(tx, &questions(kind, since), after, PART).await?;
            let held = shown::held(tx, &ids, register.today()).await?;
            let many = |id: &UserId| held.get(id).map_or(MANY_ROLES, Vec::len);
            ids.iter().map(|id| (id.to_string(), many(id) * PERSON)).collect()
        }
        Exported::Organisation => {
            let codes = organisation_faces::page(tx, &conditions(since, after, None), 0, PART).await?;
            let all = organisation_faces::many(tx, &codes).await?;
            let size = |one: &Organisation| organisations::organisation(&one.record).json().len() + AROUND;
            let sizes: BTreeMap<&OdsCode, usize> =
                all.iter().map(|one| (&one.record.ods, size(one))).collect();
            // One that went meanwhile takes nothing, and is none the less where the next begin.
            codes.iter().map(|code| (code.to_string(), sizes.get(code).copied().unwrap_or(0))).collect()
        }
        Exported::Affiliation => {
            let found = organisation_faces::affiliations(tx, &affiliations(since, after)?, 0, PART).await?;
            let place = |one: &Affiliation| format!("{}.{}", one.organisation, one.place);
            let size = |one: &Affiliation| organisations::affiliation(one).json().len() + AROUND;
            found.iter().map(|one| (place(one), size(one))).collect()
        }
    })
}

/// The next systems by their folded identifiers, with what their resources take.
async fn sized(
    register: &Register,
    tx: &mut Tx,
    kind: spine::Kind,
    since: Option<Span>,
    after: &str,
) -> Result<Vec<(String, usize)>, Error> {
    let found = some(&mut *tx, kind, since, after).await?;
    let size = |system: &System| {
        let resources = spine::unforwarded(register, kind, system);
        resources.iter().map(|one| one.to_string().len() + AROUND).sum::<usize>()
    };
    Ok(found.iter().map(|system| (folded(system.id.as_str()), size(system))).collect())
}

/// The next systems after a folded identifier.
async fn some<'c>(
    reader: impl Reader<'c>,
    kind: spine::Kind,
    since: Option<Span>,
    after: &str,
) -> Result<Vec<System>, Error> {
    let since = since.and_then(|span| span.from).unwrap_or(Millis(0));
    systems::written(reader, kind.of_systems(), since, after, PART).await
}

fn conditions(since: Option<Span>, after: &str, last: Option<&str>) -> Vec<Condition> {
    let mut all = vec![Condition::After(after.to_owned())];
    all.extend(last.map(|last| Condition::UpTo(last.to_owned())));
    all.extend(since.map(Condition::Written));
    all
}

fn affiliations(since: Option<Span>, after: &str) -> Result<Affiliations, Error> {
    let after = if after.is_empty() { None } else { Some(place(after)?) };
    Ok(Affiliations { written: since, after, ..Affiliations::default() })
}

/// The place of a relationship: whose it is, and which of theirs.
fn place(text: &str) -> Result<(String, i64), Error> {
    let place = text.rsplit_once('.').and_then(|(code, place)| Some((code.to_owned(), place.parse().ok()?)));
    place.ok_or(Error::Stored { what: "directory_export_part.after" })
}

/// Cuts an export a part further, and gives it as it is then.
pub(crate) async fn step(register: &Register, export: Export) -> Result<Export, Error> {
    let Some(place) = export.place.clone() else { return Ok(export) };
    let kind = Exported::of(&place.kind)?;
    let mut read = register.db.read().acquire().await?;
    let found = next(register, &mut read, kind, since(&export), &place.after).await?;
    drop(read);
    let cut = cut(found);
    let is_more = cut.as_ref().is_some_and(|cut| cut.is_more);
    let part =
        cut.map(|Cut { last, .. }| Part { kind: place.kind.clone(), after: place.after.clone(), last });
    let to = match &part {
        Some(part) if is_more => Some(Place { kind: place.kind.clone(), after: part.last.clone() }),
        _ => {
            let mut kinds = export.kinds.iter().skip_while(|kind| **kind != place.kind).skip(1);
            kinds.next().map(|kind| Place { kind: kind.clone(), after: String::new() })
        }
    };
    let id = export.id.clone();
    let gone_on: Result<bool, Error> = register
        .db
        .write(move |tx| {
            Box::pin(async move { store::advance(tx, &id, &place, to.as_ref(), part.as_ref()).await })
        })
        .await;
    gone_on?;
    // Whether it was this process or another: what is stored now is what counts.
    store::find(register.db.read(), &export.id).await?.ok_or(Error::Stored { what: "directory_export" })
}

/// A part as lines of JSON, and the people who are shown in it.
pub(crate) async fn lines(
    register: &Register,
    export: &Export,
    part: &Part,
) -> Result<(String, Vec<String>), Outcome> {
    Ok(match Exported::of(&part.kind)? {
        Exported::Device => (taking_part(register, export, part, spine::Kind::Device).await?, Vec::new()),
        Exported::Endpoint => (taking_part(register, export, part, spine::Kind::Endpoint).await?, Vec::new()),
        Exported::Practitioner => people(register, (export, part), workers::Kind::Practitioner).await?,
        Exported::Role => people(register, (export, part), workers::Kind::Role).await?,
        Exported::Organisation => (told(register, export, part).await?, Vec::new()),
        Exported::Affiliation => (related(register, export, part).await?, Vec::new()),
    })
}

/// Systems that take part in messaging.
async fn taking_part(
    register: &Register,
    export: &Export,
    part: &Part,
    kind: spine::Kind,
) -> Result<String, Outcome> {
    let (mut text, mut after, mut through) = (String::new(), part.after.clone(), spine::Through::or_own());
    let mut reading = Reading::exact(register);
    loop {
        let found = some(reading.tx().await?, kind, since(export), &after).await?;
        let Some(last) = found.last() else { return Ok(text) };
        after = folded(last.id.as_str());
        for system in &found {
            if folded(system.id.as_str()) > part.last {
                return Ok(text);
            }
            let made = spine::made(register, &mut reading, kind, system, &mut through).await?;
            for one in &made.resources {
                line(&mut text, &stamped(one.clone(), &made.stamp(system, one)).to_string())?;
            }
        }
    }
}

async fn people(
    register: &Register,
    (export, part): (&Export, &Part),
    kind: workers::Kind,
) -> Result<(String, Vec<String>), Outcome> {
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let tx: &mut Tx = &mut read;
    let dialect = register.config.workers.dialect;
    let questions = questions(Exported::of(&part.kind)?, since(export));
    let mut ids: Vec<UserId> = Vec::new();
    let mut after = part.after.clone();
    loop {
        let some = faces::people_of(tx, &questions, &after, PART).await?;
        let Some(last) = some.last() else { break };
        after = last.to_string();
        ids.extend(some.into_iter().take_while(|id| id.as_str() <= part.last.as_str()));
        if after >= part.last {
            break;
        }
    }
    let (mut text, mut shown) = (String::new(), Vec::new());
    for id in &ids {
        let Some(found) = workers::somebody(register, tx, kind, id).await? else { continue };
        let resources = match kind {
            workers::Kind::Practitioner => vec![workers::practitioner(&found, dialect)],
            workers::Kind::Role => {
                found.roles.iter().map(|role| workers::practitioner_role(&found, role, dialect)).collect()
            }
        };
        if resources.is_empty() {
            continue;
        }
        shown.push(id.to_string());
        for whole in resources {
            let stamp = workers::stamp(&found, kind, &whole);
            line(&mut text, &whole.stamped(&stamp).json())?;
        }
    }
    Ok((text, shown))
}

async fn told(register: &Register, export: &Export, part: &Part) -> Result<String, Outcome> {
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let tx: &mut Tx = &mut read;
    let (mut text, mut after) = (String::new(), part.after.clone());
    loop {
        let conditions = conditions(since(export), &after, Some(&part.last));
        let codes: Vec<OdsCode> = organisation_faces::page(tx, &conditions, 0, PART).await?;
        let Some(last) = codes.last() else { return Ok(text) };
        after = last.to_string();
        let written = organisation_faces::written_at(tx, &codes).await?;
        for one in organisation_faces::many(tx, &codes).await? {
            let stamp = Stamp::of(one.version, written.get(&one.record.ods).copied());
            line(&mut text, &organisations::organisation(&one.record).stamped(&stamp).json())?;
        }
    }
}

async fn related(register: &Register, export: &Export, part: &Part) -> Result<String, Outcome> {
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let tx: &mut Tx = &mut read;
    let last = place(&part.last)?;
    let mut wanted = affiliations(since(export), &part.after)?;
    let mut text = String::new();
    loop {
        let some = organisation_faces::affiliations(tx, &wanted, 0, PART).await?;
        if some.is_empty() {
            return Ok(text);
        }
        for one in some {
            let place = (one.organisation.to_string(), one.place);
            if place > last {
                return Ok(text);
            }
            let whole = organisations::affiliation(&one);
            let stamp = Stamp::of_content(&whole, None);
            line(&mut text, &whole.stamped(&stamp).json())?;
            wanted.after = Some(place);
        }
    }
}

fn line(text: &mut String, json: &str) -> Result<(), Outcome> {
    if text.len() + json.len() >= LARGEST {
        let sentence =
            format!("The part has grown beyond {LARGEST} octets since it was cut. Begin another export.");
        return Err(Outcome::new(422, "too-costly", sentence));
    }
    text.push_str(json);
    text.push('\n');
    Ok(())
}

impl Register {
    /// Goes on with exports that nobody asks about, and erases those whose time is over; says whether anything was done.
    pub async fn sweep_exports(&self) -> Result<bool, Error> {
        let now = self.now();
        let mut is_done = false;
        for id in store::over(self.db.read(), now, STEP).await? {
            let erased: Result<(), Error> =
                self.db.write(move |tx| Box::pin(async move { store::erase(tx, &id).await })).await;
            erased?;
            is_done = true;
        }
        for export in store::waiting(self.db.read(), now, STEP).await? {
            step(self, export).await?;
            is_done = true;
        }
        Ok(is_done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part ends where it has so many things or octets, whichever comes first, and has one thing at least; whether there is more is known.
    #[test]
    fn parts_are_cut() {
        let of = |sizes: &[usize]| {
            let things = sizes.iter().enumerate().map(|(place, size)| (place.to_string(), *size)).collect();
            cut(things).map(|cut| (cut.last, cut.is_more))
        };
        let up_to = |last: &str, is_more| Some((last.to_owned(), is_more));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[1, OCTETS - 1]), up_to("1", false));
        assert_eq!(of(&[1, OCTETS]), up_to("0", true));
        assert_eq!(of(&[usize::MAX, 1]), up_to("0", true), "it is a part by itself");
        assert_eq!(of(&[1; PART as usize]), up_to(&(PART - 1).to_string(), true));
    }

    /// A part has so many octets at most, its last line whole; what would have more is refused.
    #[test]
    fn parts_are_bounded() {
        let mut text = " ".repeat(LARGEST - 3);
        assert!(line(&mut text, "{}").is_ok());
        assert_eq!(text.len(), LARGEST);
        assert_eq!(line(&mut text, "{}").unwrap_err().status, 422);
        assert!(text.ends_with("{}\n") && text.len() == LARGEST, "nothing of it was taken");
    }
}
