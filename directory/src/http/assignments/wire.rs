//! From the wire and back.

use platform::problem::Problem;

use crate::api;
use crate::assignment::{Assignment, Leaving, State};
use crate::day::Day;
use crate::error::Error;
use crate::once::Answer;

/// An assignment as it is on a day.
pub(in crate::http) fn assignment(one: &Assignment, today: Day) -> api::Assignment {
    let (state, removed) = match &one.state {
        State::Removed { by, at, why } => {
            ("removed", Some(api::Removed { by: by.clone(), at: at.0, notes: why.clone() }))
        }
        _ if !one.is_open(today) => ("ended", None),
        _ if one.is_live(today) => ("live", None),
        _ => ("to-come", None),
    };
    api::Assignment {
        id: one.id.to_string(),
        version: one.version.0,
        person: one.user.to_string(),
        position: one.position.to_string(),
        organisation: one.organisation.to_string(),
        start: one.from.to_string(),
        end: one.to.map(String::from),
        state: state.to_owned(),
        notes: one.notes.clone(),
        via: one.via,
        made_by: one.made_by.clone(),
        made_at: one.made_at.0,
        removed,
    }
}

/// Rows that could not be done, with what stood there.
pub(super) fn refused(
    list: &str,
    rows: Vec<(usize, Error)>,
    what: impl Fn(usize) -> String,
) -> Vec<api::RefusedRow> {
    let row = |(place, error): (usize, Error)| {
        let body = Problem::from(error).body();
        api::RefusedRow {
            list: list.to_owned(),
            place: u64::try_from(place).unwrap_or(u64::MAX),
            what: what(place),
            code: body.code,
            detail: body.detail,
        }
    };
    rows.into_iter().map(row).collect()
}

/// What is answered to a batch: 200, or 409 if nothing was done because not everything could be.
pub(super) fn outcome(
    done: &[Assignment],
    refused: Vec<api::RefusedRow>,
    today: Day,
) -> Result<Answer, Error> {
    let nothing = done.is_empty() && !refused.is_empty();
    let detail = "Nothing was done: each row that stands against it is named. Take those out, or ask for what can be done.";
    let problem = nothing.then(|| Problem::conflict("batch-refused", detail).body());
    let done = done.iter().map(|one| assignment(one, today)).collect();
    Answer::json(if nothing { 409 } else { 200 }, &api::Outcome { problem, done, refused })
}

/// A leaving, with how far those are who follow the feed.
pub(super) fn leaving(leaving: &Leaving, consumers: &[api::Consumer]) -> api::Leaving {
    let consumer = |consumer: &api::Consumer| api::LeavingConsumer {
        name: consumer.name.clone(),
        state: match leaving.told {
            None => "waiting",
            Some(told) if consumer.applied < told => "behind",
            Some(_) => "applied",
        }
        .to_owned(),
    };
    let followers: &[api::Consumer] = if leaving.withdrawn_at.is_some() { &[] } else { consumers };
    api::Leaving {
        id: leaving.id.to_string(),
        person: leaving.user.to_string(),
        organisation: leaving.organisation.as_ref().map(ToString::to_string),
        day: leaving.last_day.to_string(),
        reason: leaving.reason.clone(),
        at: leaving.at.0,
        told: leaving.told,
        afterwards: leaving.afterwards.word().to_owned(),
        withdrawn_at: leaving.withdrawn_at.map(|at| at.0),
        consumers: followers.iter().map(consumer).collect(),
    }
}
