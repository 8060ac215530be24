//! What a starter, a change and a leaver do.

use std::collections::BTreeSet;

use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::person::{demand_in_force, demand_verified, duplicate_left, person};
use super::{Sender, Stop};
use crate::acting::Doing;
use crate::api::{FeedDone, FeedEnded, FeedEvent, FeedKind, FeedMade, FeedReason};
use crate::assignment::{
    Asked, Assignment, Beside, Cause, End, Ending, Redate, Right, Via, assign, end, leave_employer,
    prepare_assign, prepare_end, prepare_redate, redate,
};
use crate::authority::Act;
use crate::day::Day;
use crate::error::Error;
use crate::ids::PositionId;
use crate::request;
use crate::store::{assignments, employers, feed_links, requests, roles};
use crate::version::Expected;

/// What is said of a leaver for whom nothing was said.
const LEFT: &str = "Left, as the personnel system says";

/// Does an event. What stands against it is a [`Stop`]; whoever calls undoes what was done until then.
pub(super) async fn apply(
    tx: &mut Tx,
    doing: &Doing,
    sender: &Sender,
    event: &FeedEvent,
) -> Result<FeedDone, Stop> {
    let days = days(event)?;
    let user = person(tx, doing, sender, event).await?;
    // The leaver of a number that is no more is a duplicate's end: nobody else is told by it.
    if event.kind != FeedKind::Leaver {
        demand_in_force(tx, sender, &event.employee).await?;
    }
    match event.kind {
        FeedKind::Starter => start(tx, doing, sender, event, user, days).await,
        FeedKind::Change => change(tx, doing, sender, event, user, days).await,
        FeedKind::Leaver => leaver(tx, doing, sender, event, user, days.0).await,
    }
}

/// The first and the last day that an event names.
fn days(event: &FeedEvent) -> Result<(Day, Option<Day>), Stop> {
    let read = |text: &String| {
        let wrong = |_| {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
            let sentence = format!("\"{shown}\" is not a date as YYYY-MM-DD between 1900 and 2199.");
            Stop::because(FeedReason::BadDate, sentence)
        };
        text.trim().parse::<Day>().map_err(wrong)
    };
    let day = read(&event.day)?;
    let end = event.end.as_ref().map(read).transpose()?;
    if end.is_some_and(|end| end < day) {
        return Err(Stop::because(FeedReason::BadDate, "The end is before the first day."));
    }
    Ok((day, end))
}

/// The position here that a position of theirs stands for now.
async fn linked(tx: &mut Tx, sender: &Sender, theirs: Option<&String>) -> Result<PositionId, Stop> {
    let Some(theirs) = theirs else {
        return Err(Stop::because(FeedReason::Contradicts, "The event names no position."));
    };
    let link = feed_links::in_force(tx, &sender.employer, theirs).await?;
    link.map(|link| link.position).ok_or_else(|| {
        let sentence = "No position here is linked to this position of theirs. Link one, and have the event tried again.";
        Stop::because(FeedReason::NoLink, sentence)
    })
}

async fn start(
    tx: &mut Tx,
    doing: &Doing,
    sender: &Sender,
    event: &FeedEvent,
    user: UserId,
    days: (Day, Option<Day>),
) -> Result<FeedDone, Stop> {
    let position = linked(tx, sender, event.position.as_ref()).await?;
    demand_verified(tx, &user).await?;
    let asked = asked(&user, position, days);
    let right = Right::Of(&[Act::Assign]);
    let row = prepare_assign(tx, doing, right, vec![asked], Via::Esr, Beside::default()).await?.one()?;
    assign(tx, doing, std::slice::from_ref(&row), None).await?;
    Ok(FeedDone { person: Some(user.to_string()), made: vec![made(&row)], ended: Vec::new() })
}

fn asked(user: &UserId, position: PositionId, (from, to): (Day, Option<Day>)) -> Asked {
    Asked { user: user.clone(), position, from: Some(from), to, notes: None }
}

fn made(row: &Assignment) -> FeedMade {
    FeedMade {
        assignment: Some(row.id.to_string()),
        position: row.position.to_string(),
        start: row.from.to_string(),
        end: row.to.map(String::from),
    }
}

fn ended(row: &Assignment, last_day: Option<Day>) -> FeedEnded {
    FeedEnded {
        assignment: row.id.to_string(),
        position: row.position.to_string(),
        last_day: last_day.map(String::from),
    }
}

/// How the position of before ends.
enum Before {
    /// On the day before the new one begins.
    Redated(Redate),
    /// At once: the new one has begun already, or it was to begin later itself.
    Ended(End),
    /// By itself, before the new one begins.
    AsItIs,
}

impl Before {
    fn of(old: &Assignment, day: Day, today: Day) -> Self {
        let (id, expected) = (old.id.clone(), Expected::This(old.version));
        let last = day.plus_days(-1);
        if old.from > last || last < today {
            Self::Ended(End { id, expected })
        } else if old.to.is_none_or(|to| to > last) {
            Self::Redated(Redate { id, expected, to: Some(last) })
        } else {
            Self::AsItIs
        }
    }
}

/// The old position ends and the new one begins, both or neither.
async fn change(
    tx: &mut Tx,
    doing: &Doing,
    sender: &Sender,
    event: &FeedEvent,
    user: UserId,
    days: (Day, Option<Day>),
) -> Result<FeedDone, Stop> {
    let position = linked(tx, sender, event.position.as_ref()).await?;
    demand_verified(tx, &user).await?;
    let old = held(tx, doing, sender, event, &user).await?;
    if old.position == position {
        let sentence = "The person holds this position already: nothing changes.";
        return Err(Stop::because(FeedReason::Contradicts, sentence));
    }
    let before = Before::of(&old, days.0, doing.today());
    let (ended_ids, redated) = match &before {
        Before::Ended(end) => (vec![end.id.clone()], Vec::new()),
        Before::Redated(redate) => (Vec::new(), vec![redate.clone()]),
        Before::AsItIs => (Vec::new(), Vec::new()),
    };
    let beside = Beside { ended: &ended_ids, redated: &redated };
    let asked = vec![asked(&user, position, days)];
    let row = prepare_assign(tx, doing, Right::Of(&[Act::Assign]), asked, Via::Esr, beside).await?.one()?;
    let mut done = FeedDone { person: Some(user.to_string()), made: vec![made(&row)], ended: Vec::new() };
    match before {
        Before::Ended(asked) => {
            let right = Right::Of(&[Act::EndAssignment]);
            let gone = prepare_end(tx, doing, right, &[asked]).await?.one()?;
            let why = "Moved to another position, as the personnel system says".to_owned();
            end(tx, doing, vec![gone], &Ending::because(Cause::TakenAway, Some(why))).await?;
            done.ended.push(ended(&old, None));
        }
        Before::Redated(asked) => {
            let last_day = asked.to;
            let right = Right::Of(&[Act::RedateAssignment]);
            let shorter = prepare_redate(tx, doing, right, &[asked]).await?.one()?;
            redate(tx, doing, vec![shorter], None).await?;
            done.ended.push(ended(&old, last_day));
        }
        Before::AsItIs => {}
    }
    assign(tx, doing, std::slice::from_ref(&row), None).await?;
    Ok(done)
}

/// The one assignment that a change is about: to a position that is or was linked to the one it names, or to any of theirs.
async fn held(
    tx: &mut Tx,
    doing: &Doing,
    sender: &Sender,
    event: &FeedEvent,
    user: &UserId,
) -> Result<Assignment, Stop> {
    let theirs = event.from_position.as_deref();
    let positions = feed_links::positions(tx, &sender.employer, theirs).await?;
    let mut open = assignments::open_of_person(tx, user, None, doing.today()).await?;
    open.retain(|one| positions.contains(&one.position));
    match (open.pop(), open.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err(Stop::because(
            FeedReason::Contradicts,
            "The person does not hold the position that the change begins from, now or later.",
        )),
        (Some(_), false) => Err(Stop::because(
            FeedReason::Contradicts,
            "The person holds several positions of this employer. Say with from_position which one ends.",
        )),
    }
}

/// Everything ends that the person holds with the employer, whoever gave it.
async fn leaver(
    tx: &mut Tx,
    doing: &Doing,
    sender: &Sender,
    event: &FeedEvent,
    user: UserId,
    last_day: Day,
) -> Result<FeedDone, Stop> {
    if event.position.is_some() || event.end.is_some() {
        let sentence = "A leaver has a last day, and neither a position nor an end.";
        return Err(Stop::because(FeedReason::Contradicts, sentence));
    }
    if duplicate_left(tx, doing, sender, &event.employee).await? {
        return Ok(FeedDone { person: Some(user.to_string()), ..FeedDone::default() });
    }
    let today = doing.today();
    let held = assignments::open_of_person(tx, &user, None, today).await?;
    let places: BTreeSet<OdsCode> = held.iter().map(|one| one.organisation.clone()).collect();
    let places: Vec<OdsCode> = places.into_iter().collect();
    let lines = employers::of(tx, &places).await?;
    let within = |place: &OdsCode| lines.get(place).is_some_and(|line| line.is_within(&sender.employer));
    let mut done = FeedDone { person: Some(user.to_string()), ..FeedDone::default() };
    for place in places.iter().filter(|place| within(place)) {
        demand_other_manager(tx, doing, &user, place, last_day).await?;
        let reason = event.reason.clone().unwrap_or_else(|| LEFT.to_owned());
        leave_employer(tx, doing, user.clone(), place.clone(), last_day, reason).await?;
        let there = held.iter().filter(|one| one.organisation == *place);
        done.ended.extend(there.filter_map(|one| left(one, last_day, today)));
    }
    if done.ended.is_empty() && !places.iter().any(within) {
        let sentence = "The person holds nothing with this employer, now or later.";
        return Err(Stop::because(FeedReason::Contradicts, sentence));
    }
    end_what_is_asked(tx, doing, sender, &user).await?;
    Ok(done)
}

/// Ends the requests for positions anywhere with the employer: approved later, they would take on again who has left.
async fn end_what_is_asked(tx: &mut Tx, doing: &Doing, sender: &Sender, user: &UserId) -> Result<(), Error> {
    let places = requests::places_asked(tx, user, doing.now).await?;
    let lines = employers::of(tx, &places).await?;
    for place in places {
        if lines.get(&place).is_some_and(|line| line.is_within(&sender.employer)) {
            request::end_about_positions(tx, doing, user, Some(&place)).await?;
        }
    }
    Ok(())
}

/// Goes on unless a personnel system would leave an organisation without a manager of its registration authority: nobody
/// there could put that right, nor decide what comes after.
async fn demand_other_manager(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    place: &OdsCode,
    last_day: Day,
) -> Result<(), Stop> {
    if doing.person().is_some() {
        return Ok(());
    }
    let managers = roles::managers(tx, place, doing.today()).await?;
    let until = last_day.max(doing.today());
    let is_theirs = managers.iter().any(|(manager, _)| manager == user);
    let other = managers.iter().any(|(manager, to)| manager != user && to.is_none_or(|to| to > until));
    if !is_theirs || other {
        return Ok(());
    }
    let sentence = format!(
        "{user} is the last RA manager of {place}. Have another one assigned, and have the event tried again."
    );
    Err(Stop::because(FeedReason::NotAllowed, sentence))
}

/// How leaving ended an assignment, if it did not end before by itself.
fn left(one: &Assignment, last_day: Day, today: Day) -> Option<FeedEnded> {
    if last_day < today || one.from > last_day {
        return Some(ended(one, None));
    }
    one.to.is_none_or(|to| to > last_day).then(|| ended(one, Some(last_day)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::FeedEvent;

    fn event(day: &str, end: Option<&str>) -> FeedEvent {
        FeedEvent {
            id: "1".to_owned(),
            kind: FeedKind::Starter,
            employee: "4711".to_owned(),
            sequence: 1,
            user_id: None,
            position: None,
            from_position: None,
            day: day.to_owned(),
            end: end.map(str::to_owned),
            reason: None,
        }
    }

    /// A day that is none, and an end before the first day, are bad dates.
    #[test]
    fn bad_dates_are_named() {
        let told = |day, end| match days(&event(day, end)) {
            Ok((day, end)) => format!("{day} {end:?}"),
            Err(Stop::Quarantine(reason, sentence)) => format!("{reason}: {sentence}"),
            Err(Stop::Failed(error)) => error.to_string(),
        };
        assert_eq!(told(" 2026-12-01 ", None), "2026-12-01 None");
        insta::assert_snapshot!(told("01/12/2026", None), @r#"bad-date: "01/12/2026" is not a date as YYYY-MM-DD between 1900 and 2199."#);
        insta::assert_snapshot!(told("2026-02-30", None), @r#"bad-date: "2026-02-30" is not a date as YYYY-MM-DD between 1900 and 2199."#);
        insta::assert_snapshot!(told("2026-12-01", Some("2026-11-30")), @"bad-date: The end is before the first day.");
    }
}
