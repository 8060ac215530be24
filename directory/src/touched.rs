//! The change feed for the faces: what each change touches of what they show, in order from a number on.
//!
//! The feed is the table `directory_change` ([`crate::changes`] writes it). Every act on people, organisations, roles and systems
//! writes its rows in its own transaction; numbers have no gap and are given in the order of the commits ([`crate::counter`]), so
//! whoever reads on after a number misses nothing, on every node alike. Rows are erased by age (`[directory.retention] change_days`),
//! from the oldest on. LDAP (changelog, synchronisation, persistent search) and FHIR follow it in the same way:
//!
//! * [`kept`] says from which number to which the feed reaches. Read it before the things themselves, and what changes meanwhile is
//!   found by the next reading.
//! * [`since`] gives the changes after a number, oldest first and at most so many, or says that the number is too old.
//! * [`touched`] says what one change is about, and [`people_of`] whose entries look otherwise because of it.
//! * [`people_of_days`] finds those of whom a role begins or ends with a day: no act does that, so no change tells of it. [`Ends`] says
//!   with which day it ends for who asks.
//! * A [`Crowd`] is read page by page, for whoever tells of each of them.
//!
//! A change says what to read anew, never what it is now: what is shown is what the register has when it is read.

use platform::clock::Millis;
use platform::db::Tx;

use crate::api::{Change, ChangeKind};
use crate::day::Day;
use crate::error::Error;
pub(crate) use crate::store::touched::Ends;
use crate::store::touched::{self as store, Page};
use crate::store::{Reader, changes};

/// How far the feed reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The number of the oldest change that is kept; the next number where none is.
    pub(crate) first: u64,
    /// The number of the last change that was told; 0 before the first.
    pub(crate) last: u64,
    /// When that was, or 0. With the number it tells this feed from one that was restored from a copy.
    pub(crate) last_at: Millis,
}

impl Kept {
    /// Whether everything after a number is kept.
    pub(crate) fn reaches(&self, after: u64) -> bool {
        after <= self.last && after.saturating_add(1) >= self.first
    }
}

/// A part of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Since {
    /// The changes after the number, oldest first; none when there is nothing new.
    Changes(Vec<Change>),
    /// Something after the number was erased, or the number was never told: read everything.
    TooOld,
}

/// What a change touches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touched {
    /// The person with this user id, and what is below them: memberships and roles.
    Person(String),
    /// The organisation with this code; its name stands with the people in it too.
    Organisation(String),
    /// The system with this identifier.
    System(String),
    /// What this position gives its holders.
    Position(String),
    /// The name of this workgroup, where its members show it.
    Workgroup(String),
    /// What the roles of everybody are called.
    Everybody,
}

/// From which number to which the feed reaches now.
pub(crate) async fn kept<'c>(reader: impl Reader<'c>) -> Result<Kept, Error> {
    let (first, last, at) = store::kept(reader).await?;
    Ok(Kept { first, last, last_at: Millis(at) })
}

/// The changes after a number, at most so many. With the time at which that change was told, one of a feed that was restored from a
/// copy is known, and too old.
pub(crate) async fn since(
    tx: &mut Tx,
    after: u64,
    told_at: Option<Millis>,
    limit: u32,
) -> Result<Since, Error> {
    // In this order: what is erased in between makes the number too old, and never a gap.
    let rows = changes::after(&mut *tx, after, limit).await?;
    let is_kept = kept(&mut *tx).await?.reaches(after);
    let is_other = match told_at {
        Some(told_at) => store::told_at(&mut *tx, after).await?.is_some_and(|at| at != told_at.0),
        None => false,
    };
    Ok(if is_kept && !is_other { Since::Changes(rows) } else { Since::TooOld })
}

/// What a change touches; nothing where it is about something that no face shows.
pub(crate) fn touched(change: &Change) -> Option<Touched> {
    let subject = || change.subject.clone();
    Some(match change.kind {
        ChangeKind::OrganisationChanged => Touched::Organisation(subject()),
        ChangeKind::PersonChanged
        | ChangeKind::PersonClosed
        | ChangeKind::PersonReopened
        | ChangeKind::PersonMerged => Touched::Person(subject()),
        ChangeKind::AssignmentChanged | ChangeKind::AssignmentEnded => {
            change.person.clone().map_or(Touched::Everybody, Touched::Person)
        }
        ChangeKind::PositionChanged | ChangeKind::PositionClosed => Touched::Position(subject()),
        ChangeKind::WorkgroupChanged => match &change.person {
            Some(person) => Touched::Person(person.clone()),
            None => Touched::Workgroup(subject()),
        },
        ChangeKind::SystemChanged | ChangeKind::SystemWithdrawn => Touched::System(subject()),
        ChangeKind::RolesReleased => Touched::Everybody,
        ChangeKind::RequestApproved => return None,
    })
}

/// Whose entries look otherwise, by user id; `None` if these are more than `most`, or everybody.
pub(crate) async fn people_of(tx: &mut Tx, what: &Touched, most: u32) -> Result<Option<Vec<String>>, Error> {
    if *what == Touched::Everybody {
        return Ok(None);
    }
    Ok(within(people_in(tx, what, Page::first(most.saturating_add(1))).await?, most))
}

/// The same, a page of them.
async fn people_in(tx: &mut Tx, what: &Touched, page: Page<'_>) -> Result<Vec<String>, Error> {
    match what {
        Touched::Person(user) => Ok(if user.as_str() > page.after { vec![user.clone()] } else { Vec::new() }),
        Touched::Organisation(ods) => store::of_organisation(tx, ods, page).await,
        Touched::Position(position) => store::of_position(tx, position, page).await,
        Touched::Workgroup(workgroup) => store::of_workgroup(tx, workgroup, page).await,
        Touched::System(_) => Ok(Vec::new()),
        Touched::Everybody => store::of_any_organisation(tx, page).await,
    }
}

/// People who look otherwise for one reason, however many: they are read page by page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Crowd {
    /// Because of this.
    Of(Touched),
    /// A role begins to count after the first of these days, up to the other, or counts no more since: after its last day.
    OfDays(Day, Day),
}

impl Crowd {
    /// So many of them behind one, in the order of their ids.
    pub(crate) async fn page(&self, tx: &mut Tx, after: &str, limit: u32) -> Result<Vec<String>, Error> {
        let page = Page { after, limit };
        match self {
            Self::Of(what) => people_in(tx, what, page).await,
            Self::OfDays(before, today) if before >= today => Ok(Vec::new()),
            Self::OfDays(before, today) => {
                store::of_days(tx, *before, *today, Ends::AfterLastDay, page).await
            }
        }
    }

    /// Whether somebody is among them.
    pub(crate) async fn has(&self, tx: &mut Tx, user: &str) -> Result<bool, Error> {
        // User ids are numbers of twelve digits.
        let Some(before) = user.parse::<u64>().ok().and_then(|number| number.checked_sub(1)) else {
            return Ok(false);
        };
        let first = self.page(tx, &format!("{before:012}"), 1).await?;
        Ok(first.first().is_some_and(|first| first == user))
    }
}

/// Those of these organisations that are called otherwise than at a number, or may be: of an organisation its name alone stands with
/// the people in it.
pub(crate) async fn renamed(tx: &mut Tx, codes: &[String], after: u64) -> Result<Vec<String>, Error> {
    store::renamed(tx, codes, after).await
}

/// Of whom a role begins to count after a day, up to today, or counts no more since; `None` if these are more than `most`.
pub(crate) async fn people_of_days(
    tx: &mut Tx,
    after: Day,
    today: Day,
    ends: Ends,
    most: u32,
) -> Result<Option<Vec<String>>, Error> {
    if after >= today {
        return Ok(Some(Vec::new()));
    }
    let page = Page::first(most.saturating_add(1));
    Ok(within(store::of_days(tx, after, today, ends, page).await?, most))
}

fn within(people: Vec<String>, most: u32) -> Option<Vec<String>> {
    u32::try_from(people.len()).is_ok_and(|many| many <= most).then_some(people)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number is good while everything after it is kept, and no longer; one that was never told is none.
    #[test]
    fn numbers_are_good_while_what_follows_is_kept() {
        let kept = |first, last| Kept { first, last, last_at: Millis(0) };
        let reaches = |kept: Kept| [0, 1, 4, 5, 6].map(|after| kept.reaches(after));
        assert_eq!(reaches(kept(1, 5)), [true, true, true, true, false]);
        assert_eq!(reaches(kept(5, 5)), [false, false, true, true, false]);
        assert_eq!(reaches(kept(6, 5)), [false, false, false, true, false], "all were erased");
        assert_eq!(reaches(kept(1, 0)), [true, false, false, false, false], "nothing was told yet");
    }

    /// Each kind of change touches what it is about; what it is about without being shown touches nothing.
    #[test]
    fn changes_touch_what_they_are_about() {
        let of = |kind, person: Option<&str>| {
            let (subject, person) = ("s".to_owned(), person.map(str::to_owned));
            touched(&Change { number: 1, at: Millis(0), kind, subject, person })
        };
        let person = |id: &str| Some(Touched::Person(id.to_owned()));
        assert_eq!(of(ChangeKind::PersonMerged, Some("p")), person("s"));
        assert_eq!(of(ChangeKind::AssignmentEnded, Some("p")), person("p"));
        assert_eq!(of(ChangeKind::WorkgroupChanged, Some("p")), person("p"));
        assert_eq!(of(ChangeKind::WorkgroupChanged, None), Some(Touched::Workgroup("s".to_owned())));
        assert_eq!(of(ChangeKind::PositionClosed, None), Some(Touched::Position("s".to_owned())));
        assert_eq!(of(ChangeKind::RolesReleased, None), Some(Touched::Everybody));
        assert_eq!(of(ChangeKind::RequestApproved, Some("p")), None);
    }
}
