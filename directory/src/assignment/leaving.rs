//! Leaving: everything ends in one act, and the feed tells of it in the same transaction.

use std::collections::BTreeSet;
use std::str::FromStr;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{NotAnId, OdsCode, UserId};

use super::end::Around;
use super::{Assignment, AssignmentEvent, Cause, Ending, end_now};
use crate::acting::{self, Doing};
use crate::api::ChangeKind;
use crate::authority::{Act, Target, Verdict};
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::ids::{AssignmentId, LeavingId};
use crate::store::{assignments, employers, leavings, lineages, people, roles};
use crate::{person, request, workgroup};

/// How many assignments are looked at together.
const AT_ONCE: usize = 500;

/// What becomes of the profile of who holds nothing any more, anywhere, after the last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// It closes, and whatever else they have ends with it.
    Closed,
    /// It stays open: whoever ended what was held may not close it.
    Open,
}

impl Afterwards {
    /// The word in the table.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
        }
    }
}

impl FromStr for Afterwards {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let found = [Self::Closed, Self::Open].into_iter().find(|one| one.word() == text);
        found.ok_or(NotAnId { expected: "what becomes of a profile" })
    }
}

/// Somebody's leaving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaving {
    pub(crate) id: LeavingId,
    pub(crate) user: UserId,
    /// From where; from everywhere if there is none.
    pub(crate) organisation: Option<OdsCode>,
    /// The last day.
    pub(crate) last_day: Day,
    pub(crate) reason: String,
    pub(crate) at: Millis,
    /// The number in the feed from which on it is told; none before the last day has passed.
    pub(crate) told: Option<u64>,
    pub(crate) afterwards: Afterwards,
    /// When it was taken back.
    pub(crate) withdrawn_at: Option<Millis>,
}

/// Ends the assignments of a person after a last day, in one organisation or everywhere. A day that has passed ends them
/// at once. Gives the leaving with how many ended or will.
pub(crate) async fn leave(
    tx: &mut Tx,
    doing: &Doing,
    user: UserId,
    organisation: Option<OdsCode>,
    last_day: Day,
    reason: String,
) -> Result<(Leaving, usize), Error> {
    if people::is_open(&mut *tx, &user).await?.is_none() {
        return Err(Error::unknown("person", &user));
    }
    let today = doing.today();
    let present = assignments::open_of_person(tx, &user, organisation.as_ref(), today).await?;
    demand(tx, doing, &user, organisation.as_ref(), &present).await?;
    if present.is_empty() && organisation.is_some() {
        let sentence = "This person has no assignment in that organisation now or later.";
        return Err(Error::conflict("not-assigned", sentence));
    }
    let afterwards = afterwards(tx, doing, &user, organisation.as_ref()).await?;
    left(tx, doing, &present, Leaves { user, organisation, last_day, reason, afterwards }).await
}

/// Leaving everywhere closes the profile. Leaving the last organisation does where whoever says so could close the profile of
/// somebody who works there alone: who may only end what is held there closes nobody by it.
async fn afterwards(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    organisation: Option<&OdsCode>,
) -> Result<Afterwards, Error> {
    let Some(organisation) = organisation else { return Ok(Afterwards::Closed) };
    let target = there(tx, doing, user, organisation).await?;
    Ok(match doing.verdict(Act::ClosePerson, &target) {
        Verdict::Does => Afterwards::Closed,
        Verdict::Asks | Verdict::Refused(_) => Afterwards::Open,
    })
}

/// A person in one organisation, with the rank that they have anywhere.
async fn there(tx: &mut Tx, doing: &Doing, user: &UserId, organisation: &OdsCode) -> Result<Target, Error> {
    let mut ranks = roles::ranks(tx, std::slice::from_ref(user), doing.today()).await?;
    Ok(Target {
        person: Some(user.clone()),
        organisations: vec![lineages::of_any(tx, organisation).await?],
        person_rank: ranks.remove(user),
        ..Target::default()
    })
}

/// Ends the assignments of a person in an organisation of the employer that they leave, whoever made them.
pub(crate) async fn leave_employer(
    tx: &mut Tx,
    doing: &Doing,
    user: UserId,
    organisation: OdsCode,
    last_day: Day,
    reason: String,
) -> Result<(Leaving, usize), Error> {
    let today = doing.today();
    let mut target = acting::in_organisation_in(tx, &organisation).await?;
    if doing.person().is_none() {
        // A personnel system reaches what its employer operates; whose registration authority is hosted is not employed.
        let employers = employers::of(tx, std::slice::from_ref(&organisation)).await?;
        target.organisations = employers.into_values().collect();
    }
    let mut ranks = roles::ranks(tx, std::slice::from_ref(&user), today).await?;
    let target = Target { person: Some(user.clone()), person_rank: ranks.remove(&user), ..target };
    doing.demand(Act::EndEmployment, &target)?;
    let present = assignments::open_of_person(tx, &user, Some(&organisation), today).await?;
    // Who has left their last employer has left: as where the same system deletes them over SCIM.
    let (organisation, afterwards) = (Some(organisation), Afterwards::Closed);
    left(tx, doing, &present, Leaves { user, organisation, last_day, reason, afterwards }).await
}

/// Takes a leaving back whose last day has not passed: nobody is closed by it. What ended with it keeps its end, which is moved as
/// any other.
pub(crate) async fn withdraw(tx: &mut Tx, doing: &Doing, user: &UserId, id: &LeavingId) -> Result<(), Error> {
    let found = leavings::find(tx, id).await?.filter(|leaving| leaving.user == *user);
    let leaving = found.ok_or_else(|| Error::unknown("leaving", id))?;
    match &leaving.organisation {
        None => {
            let target = acting::on_person(tx, doing, user).await?;
            doing.demand(Act::ClosePerson, &target)?;
        }
        Some(organisation) => {
            let target = there(tx, doing, user, organisation).await?;
            doing.demand(Act::EndAssignment, &target)?;
        }
    }
    if leaving.withdrawn_at.is_some() {
        return Err(Error::conflict("leaving-withdrawn", "This leaving was taken back already."));
    }
    if leaving.told.is_some() {
        let sentence = "This leaving is done: its last day has passed, or the profile was closed or opened again since. Assign the \
                        person again, or open the profile again.";
        return Err(Error::conflict("leaving-done", sentence));
    }
    leavings::set_withdrawn(tx, id, doing.now).await?;
    let event = AssignmentEvent::LeavingWithdrawn {
        leaving: leaving.id.to_string(),
        user: leaving.user.to_string(),
        organisation: leaving.organisation.as_ref().map(ToString::to_string),
    };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    Ok(())
}

/// Who leaves what when and why.
struct Leaves {
    user: UserId,
    organisation: Option<OdsCode>,
    last_day: Day,
    reason: String,
    afterwards: Afterwards,
}

/// Ends what was found; whoever calls has demanded that it may be done.
async fn left(
    tx: &mut Tx,
    doing: &Doing,
    present: &[Assignment],
    leaves: Leaves,
) -> Result<(Leaving, usize), Error> {
    let Leaves { user, organisation, last_day, reason, afterwards } = leaves;
    let today = doing.today();
    let at_once = last_day < today;
    let ends_now = |one: &&Assignment| at_once || one.from > last_day;
    let now: Vec<Assignment> = present.iter().filter(ends_now).cloned().collect();
    let later: Vec<&Assignment> = present
        .iter()
        .filter(|one| !ends_now(one))
        .filter(|one| one.to.is_none_or(|to| to > last_day))
        .collect();
    let touched = now.len() + later.len();
    let ending = Ending::because(Cause::Left, Some(reason.clone()));
    end_now(tx, doing, &now, &ending).await?;
    redate(tx, doing, &later, last_day).await?;
    let mut leaving = Leaving {
        id: LeavingId::new(doing.now),
        user,
        organisation,
        last_day,
        reason,
        at: doing.now,
        told: None,
        afterwards,
        withdrawn_at: None,
    };
    if at_once {
        leaving.told = Some(tell(tx, doing, &leaving).await?);
    }
    // What was asked for before would bring back what is left, or hold on to it.
    let (user, organisation) = (&leaving.user, leaving.organisation.as_ref());
    request::end_about_positions(tx, doing, user, organisation).await?;
    leavings::insert(tx, &leaving).await?;
    let event = AssignmentEvent::PersonLeaves {
        leaving: leaving.id.to_string(),
        user: leaving.user.to_string(),
        organisation: leaving.organisation.as_ref().map(ToString::to_string),
        last_day: leaving.last_day.to_string(),
        assignments: u64::try_from(touched).unwrap_or(u64::MAX),
    };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    Ok((leaving, touched))
}

/// Tells of a leaving whose last day has passed; gives the number from which on everything of it is told.
///
/// Who holds nothing any more is closed with it, so that nothing is done for them from then on, however late the feed is read.
/// Somebody who holds something elsewhere, or was taken on again in the meantime, has not left for good.
pub(super) async fn tell(tx: &mut Tx, doing: &Doing, leaving: &Leaving) -> Result<u64, Error> {
    // The release before says of none what becomes of the profile; from everywhere it always closes.
    let closes = leaving.afterwards == Afterwards::Closed || leaving.organisation.is_none();
    if closes && !assignments::has_open(tx, &leaving.user, doing.today()).await? {
        person::close_who_left(tx, doing, &leaving.user, &leaving.reason).await?;
    }
    changes::last(tx).await
}

/// Leaving everywhere is as closing a profile; leaving one organisation is ending what is held there.
async fn demand(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    organisation: Option<&OdsCode>,
    present: &[Assignment],
) -> Result<(), Error> {
    match organisation {
        None => {
            let target = acting::on_person(tx, doing, user).await?;
            doing.demand(Act::ClosePerson, &target)?;
        }
        Some(organisation) if present.is_empty() => {
            let target = acting::in_organisation_in(tx, organisation).await?;
            doing.demand(Act::EndAssignment, &target)?;
        }
        Some(_) => {}
    }
    for some in present.chunks(AT_ONCE) {
        let ids: Vec<AssignmentId> = some.iter().map(|one| one.id.clone()).collect();
        let around = Around::read(tx, doing, &ids).await?;
        for one in some {
            doing.demand(Act::EndAssignment, &around.target(one))?;
        }
    }
    Ok(())
}

async fn redate(tx: &mut Tx, doing: &Doing, rows: &[&Assignment], last_day: Day) -> Result<(), Error> {
    let ids: Vec<AssignmentId> = rows.iter().map(|row| row.id.clone()).collect();
    assignments::set_end(tx, &ids, Some(last_day)).await?;
    let events: Vec<AssignmentEvent> = rows
        .iter()
        .map(|row| AssignmentEvent::Redated {
            assignment: row.id.to_string(),
            user: row.user.to_string(),
            position: row.position.to_string(),
            before: row.to.map(String::from),
            end: Some(last_day.to_string()),
            request: None,
        })
        .collect();
    for events in events.chunks(100) {
        audit::record_many(tx, doing.now, &doing.recorded(), events).await?;
    }
    let told: Vec<_> = rows
        .iter()
        .map(|row| (ChangeKind::AssignmentChanged, row.id.to_string(), Some(row.user.to_string())))
        .collect();
    changes::tell_many(tx, doing.now, &told).await?;
    let users: BTreeSet<UserId> = rows.iter().map(|row| row.user.clone()).collect();
    workgroup::follow(tx, doing, &users).await?;
    Ok(())
}
