//! Filling the model and following the change feed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use tokio::time::{Instant, sleep, timeout};

use super::held::Come;
use super::{Organisation, OrganisationView, Shown, compact};
use crate::api::ChangeKind;
use crate::assignment::roles_of_each;
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::person::Profile;
use crate::rbac::{self, Book};
use crate::register::Register;
use crate::store::systems::{self, Wanted};
use crate::store::{organisation_faces, shown, workgroups};
use crate::system::{System, folded};
use crate::touched::{Ends, Since, Touched, kept, people_of, people_of_days, since, touched};

/// How often the feed is looked at where nothing was told here. What another node tells is in the model after this and
/// [`AT_LONGEST`] at most, or the model does not answer.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often where something was told here that is not in the feed yet.
const WAIT_EVERY: Duration = Duration::from_millis(20);
/// How long nothing is told before what is still not in the feed counts as undone. The writer's groups are over long before; one that was
/// not would be read here a moment after its COMMIT.
const UNDONE_AFTER: Duration = Duration::from_mins(1);
/// How long one look may take before the model stops to answer.
const AT_LONGEST: Duration = Duration::from_millis(500);
/// How long to wait before filling it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How many people, organisations or systems are read at once.
const PAGE: u32 = 200;
/// How many changes are read at once.
const STEP: u32 = 500;
/// How many people one change touches at most, and a look; with more, everything is read again.
const MOST: usize = 20_000;
const MOST_OF_ONE: u32 = 20_000;

/// Up to where the model has come in the feed, and which feed that is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) number: u64,
    told_at: Millis,
    pub(super) day: Day,
}

/// What became of a look at the feed.
pub(super) enum Looked {
    UpToDate,
    /// So much has changed that everything is read again.
    TooMuch,
}

impl Register {
    /// Fills the model and keeps it as the register is, for as long as it is polled. Stopping it anywhere loses nothing: the database
    /// answers.
    pub async fn keep_model(self) {
        if self.config.model.most_mib == 0 {
            return;
        }
        let _silent = SilentAfterwards(&self);
        loop {
            match fill(&self).await {
                Ok(point) => follow(&self, point).await,
                Err(error) => {
                    tracing::warn!(%error, "the read model could not be filled: {error}");
                    sleep(TRY_AGAIN).await;
                }
            }
            silent(&self);
        }
    }
}

/// What nobody keeps says nothing, however its keeping ended.
struct SilentAfterwards<'r>(&'r Register);

impl Drop for SilentAfterwards<'_> {
    fn drop(&mut self) {
        silent(self.0);
    }
}

fn silent(register: &Register) {
    register.model.change(|held| held.come(Come::Nowhere));
    metrics::gauge!("directory_model_ready").set(0.0);
    metrics::gauge!("directory_model_systems_ready").set(0.0);
}

/// Reads everything.
pub(super) async fn fill(register: &Register) -> Result<Point, Error> {
    metrics::gauge!("directory_model_ready").set(0.0);
    metrics::gauge!("directory_model_systems_ready").set(0.0);
    let (day, begun) = (register.today(), Instant::now());
    // Before anything of it is read: what changes meanwhile is found in the feed.
    let kept = kept(register.db.read()).await?;
    let book = rbac::current(register).await?;
    let before = register.model.change(|held| held.clear(book.clone()));
    // Millions of pieces of memory.
    drop(tokio::task::spawn_blocking(move || drop(before)));
    fill_workgroups(register).await?;
    fill_organisations(register).await?;
    // Before people: they are few, and are found by their words only where all of them have room.
    fill_systems(register).await?;
    fill_people(register, day, &book).await?;
    let ((octets, people, organisations), systems) =
        register.model.change(|held| (held.size(), held.systems().many()));
    tracing::info!(
        people,
        organisations,
        systems,
        octets,
        seconds = begun.elapsed().as_secs_f64(),
        "the read model is filled with {people} people, {organisations} organisations and {systems} systems"
    );
    Ok(Point { number: kept.last, told_at: kept.last_at, day })
}

async fn fill_workgroups(register: &Register) -> Result<(), Error> {
    let mut after = String::new();
    loop {
        let mut tx = register.db.read().acquire().await?;
        let page = workgroups::page(&mut tx, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id.to_string();
        let most = register.config.model.octets();
        register.model.change(|held| {
            for group in page {
                held.put_workgroup(group.id.as_str(), Some(group.name), most);
            }
        });
    }
}

async fn fill_organisations(register: &Register) -> Result<(), Error> {
    let mut after = String::new();
    loop {
        let mut tx = register.db.read().acquire().await?;
        let codes = shown::organisations_after(&mut tx, &after, PAGE).await?;
        let Some(last) = codes.last() else { return Ok(()) };
        after = last.to_string();
        read_organisations(register, &mut tx, &codes).await?;
    }
}

async fn read_organisations(register: &Register, tx: &mut Tx, codes: &[OdsCode]) -> Result<(), Error> {
    let found = organisation_faces::many(tx, codes).await?;
    let written = organisation_faces::written_at(tx, codes).await?;
    let most = register.config.model.octets();
    register.model.change(|held| {
        for code in codes {
            held.take_out_organisation(code);
        }
        for one in &found {
            let written_at = written.get(&one.record.ods).copied();
            let view = OrganisationView::of(&one.record);
            held.put_organisation(&Organisation { view, version: one.version, written_at }, most);
        }
    });
    Ok(())
}

async fn fill_systems(register: &Register) -> Result<(), Error> {
    let mut after = String::new();
    loop {
        let mut tx = register.db.read().acquire().await?;
        let page = systems::page(&mut *tx, &Wanted::default(), &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = folded(last.id.as_str());
        put_systems(register, &page);
    }
}

/// Puts systems in as they are, each by itself: one may have many words, and whoever asks waits meanwhile.
fn put_systems(register: &Register, systems: &[System]) {
    let most = register.config.model.octets();
    for system in systems {
        let is_first_without_room = register.model.change(|held| {
            let was_whole = held.systems().is_whole();
            held.put_system(system, most);
            was_whole && !held.systems().is_whole()
        });
        if is_first_without_room {
            tracing::warn!(
                "the read model has no room for every system, and the database is asked for systems by their words: raise \
                 [directory.model] most_mib, and start anew"
            );
        }
    }
}

async fn fill_people(register: &Register, day: Day, book: &Arc<Book>) -> Result<(), Error> {
    let mut after = String::new();
    loop {
        let mut tx = register.db.read().acquire().await?;
        let page = shown::people_after(&mut tx, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.user_id.to_string();
        put_people(register, &mut tx, page, day, book).await?;
        let (octets, people, _) = register.model.change(|held| held.size());
        tell_size(octets, people);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and no model is that large")]
fn tell_size(octets: usize, people: usize) {
    metrics::gauge!("directory_model_octets").set(octets as f64);
    metrics::gauge!("directory_model_people").set(people as f64);
}

/// Puts people in as they are.
async fn put_people(
    register: &Register,
    tx: &mut Tx,
    profiles: Vec<Profile>,
    day: Day,
    book: &Arc<Book>,
) -> Result<(), Error> {
    let users: Vec<UserId> = profiles.iter().map(|profile| profile.user_id.clone()).collect();
    let registrations = shown::registrations(tx, &users).await?;
    let roles = roles_of_each(tx, &users, day, book).await?;
    let most = register.config.model.octets();
    let people: Vec<(UserId, Option<Box<[u8]>>)> = profiles
        .into_iter()
        .map(|profile| {
            let shown = Shown::from(profile);
            let numbers = registrations.get(&shown.user_id).map_or(&[][..], Vec::as_slice);
            let own = roles.get(&shown.user_id).map(Vec::as_slice);
            let octets = compact::write(&shown, numbers, own);
            (shown.user_id, octets)
        })
        .collect();
    register.model.change(|held| {
        for (user, octets) in people {
            match octets {
                Some(octets) => held.put_person(&user, Some(octets), most),
                None => held.lose_person(&user),
            }
        }
    });
    Ok(())
}

/// Follows the feed until so much has changed that everything is to be read again.
async fn follow(register: &Register, mut point: Point) {
    let mut behind = (changes::times(), Instant::now());
    loop {
        // A first look at what changed while it was being filled takes what it takes.
        let looked = match timeout(AT_LONGEST, look(register, &mut point)).await {
            Ok(looked) => looked,
            Err(_late) => {
                silent(register);
                look(register, &mut point).await
            }
        };
        match looked {
            Ok(Looked::UpToDate) => {
                let come = Come::To { number: point.number, day: point.day };
                let ((octets, people, _), are_whole) = register.model.change(|held| {
                    held.come(come);
                    (held.size(), held.systems().is_whole())
                });
                tell_size(octets, people);
                metrics::gauge!("directory_model_ready").set(1.0);
                metrics::gauge!("directory_model_systems_ready").set(f64::from(u8::from(are_whole)));
            }
            Ok(Looked::TooMuch) => return,
            Err(error) => {
                silent(register);
                tracing::warn!(%error, "the change feed could not be read for the read model: {error}");
            }
        }
        if changes::told() <= point.number {
            let _heard = timeout(LOOK_EVERY, changes::heard()).await;
            continue;
        }
        let times = changes::times();
        if times != behind.0 {
            behind = (times, Instant::now());
        } else if behind.1.elapsed() >= UNDONE_AFTER {
            changes::undone(point.number, times);
        }
        sleep(WAIT_EVERY).await;
    }
}

/// Reads again what has changed, up to the end of the feed.
pub(super) async fn look(register: &Register, point: &mut Point) -> Result<Looked, Error> {
    let mut tx = register.db.read().acquire().await?;
    loop {
        let rows = match since(&mut tx, point.number, Some(point.told_at), STEP).await? {
            Since::Changes(rows) => rows,
            Since::TooOld => return Ok(Looked::TooMuch),
        };
        let mut people = BTreeSet::new();
        let mut organisations = BTreeSet::new();
        let mut systems = BTreeSet::new();
        let mut reached = *point;
        for change in &rows {
            (reached.number, reached.told_at) = (change.number, change.at);
            let Some(what) = touched(change) else { continue };
            match &what {
                Touched::Everybody if change.kind == ChangeKind::RolesReleased => {
                    let book = rbac::committed(&mut tx, register).await?;
                    register.model.change(|held| held.put_book(book));
                    continue;
                }
                Touched::Organisation(code) => {
                    // Its name is looked up when the people in it are shown.
                    organisations.extend(code.parse::<OdsCode>().ok());
                    continue;
                }
                Touched::Workgroup(id) => {
                    // So is that of a workgroup.
                    read_workgroup(register, &mut tx, id).await?;
                    continue;
                }
                Touched::System(id) => {
                    systems.insert(folded(id));
                    continue;
                }
                _ => {}
            }
            let Some(more) = people_of(&mut tx, &what, MOST_OF_ONE).await? else {
                return Ok(Looked::TooMuch);
            };
            people.extend(more);
        }
        let is_last = rows.len() < usize::try_from(STEP).unwrap_or(usize::MAX);
        let today = register.today();
        if is_last && today != reached.day {
            let of_days =
                people_of_days(&mut tx, reached.day, today, Ends::AfterLastDay, MOST_OF_ONE).await?;
            // A clock that was put back makes another day of it than the next one.
            let Some(more) = of_days.filter(|_| today > reached.day) else { return Ok(Looked::TooMuch) };
            people.extend(more);
            reached.day = today;
        }
        if people.len() > MOST {
            return Ok(Looked::TooMuch);
        }
        let codes: Vec<OdsCode> = organisations.into_iter().collect();
        read_organisations(register, &mut tx, &codes).await?;
        read_systems(register, &mut tx, systems).await?;
        read_people(register, &mut tx, people, reached.day).await?;
        *point = reached;
        if is_last {
            return Ok(Looked::UpToDate);
        }
    }
}

async fn read_workgroup(register: &Register, tx: &mut Tx, id: &str) -> Result<(), Error> {
    let Ok(parsed) = id.parse() else { return Ok(()) };
    let name = workgroups::find(tx, &parsed).await?.map(|group| group.name);
    let most = register.config.model.octets();
    register.model.change(|held| held.put_workgroup(id, name, most));
    Ok(())
}

/// Reads systems again, those that were withdrawn among them.
async fn read_systems(register: &Register, tx: &mut Tx, names: BTreeSet<String>) -> Result<(), Error> {
    let names: Vec<String> = names.into_iter().collect();
    for some in names.chunks(usize::try_from(PAGE).unwrap_or(1)) {
        put_systems(register, &systems::find_all(&mut *tx, some).await?);
    }
    Ok(())
}

/// Reads people again, those who are not shown any more among them.
async fn read_people(
    register: &Register,
    tx: &mut Tx,
    people: BTreeSet<String>,
    day: Day,
) -> Result<(), Error> {
    let users: Vec<UserId> = people.iter().filter_map(|id| id.parse().ok()).collect();
    let most = register.config.model.octets();
    for some in users.chunks(usize::try_from(PAGE).unwrap_or(1)) {
        let found = shown::people(tx, some).await?;
        let here: BTreeSet<UserId> = found.iter().map(|profile| profile.user_id.clone()).collect();
        let book = rbac::committed(tx, register).await?;
        put_people(register, tx, found, day, &book).await?;
        register.model.change(|held| {
            for user in some.iter().filter(|user| !here.contains(user)) {
                held.put_person(user, None, most);
            }
        });
    }
    Ok(())
}
