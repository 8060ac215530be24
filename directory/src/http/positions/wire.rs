//! From the wire and back.

use crate::api;
use crate::error::Error;
use crate::http::input;
use crate::ids::PositionId;
use crate::position::{AccessProfile, Approval, Changed, Closing, Codes, Gives, Live, New, Position, State};
use crate::store::position_links::{self, Link};
use platform::db::Tx;

const MOST_PROFILES: usize = 20;
const MOST_CODES: usize = 100;
const MOST_INCLUDED: usize = 50;
const MOST_ASSIGNABLE: usize = 500;

pub(super) fn new(asked: &api::NewPosition) -> Result<New, Error> {
    if asked.access_profiles.is_empty() && asked.included.is_empty() {
        return Err(Error::field(
            "access_profiles",
            "A position gives something: name one access profile at least.",
        ));
    }
    Ok(New {
        organisation: input::organisation("organisation", &asked.organisation)?,
        name: input::name("name", &asked.name)?,
        notes: input::maybe_text("notes", asked.notes.as_ref(), input::NOTE)?,
        gives: gives(&asked.access_profiles)?,
        included: input::ids("included", &asked.included, MOST_INCLUDED)?,
        approval: approval(&asked.approval)?,
    })
}

pub(super) fn changed(asked: &api::PositionChange) -> Result<Changed, Error> {
    Ok(Changed {
        name: input::maybe_name("name", asked.name.as_ref())?,
        notes: match &asked.notes {
            None => None,
            Some(notes) => Some(input::maybe_text("notes", notes.as_ref(), input::NOTE)?),
        },
        gives: asked.access_profiles.as_deref().map(gives).transpose()?,
        included: match &asked.included {
            None => None,
            Some(included) => Some(input::ids("included", included, MOST_INCLUDED)?),
        },
        approval: approval(&asked.approval)?,
    })
}

pub(super) fn closing(asked: &api::ClosePosition) -> Result<Closing, Error> {
    Ok(Closing {
        reason: input::text("reason", &asked.reason, input::NOTE)?,
        approver: input::name("approver", &asked.approver)?,
        word: asked.word.clone(),
        live: match asked.assignments {
            api::LiveAssignments::MustHaveEnded => Live::MustHaveEnded,
            api::LiveAssignments::End => Live::End,
        },
    })
}

pub(super) fn assignable(asked: &api::Assignable) -> Result<(Vec<PositionId>, Approval), Error> {
    Ok((input::ids("positions", &asked.positions, MOST_ASSIGNABLE)?, approval(&asked.approval)?))
}

pub(in crate::http) fn approval(asked: &api::Approval) -> Result<Approval, Error> {
    Ok(Approval {
        how: input::text("approval", &asked.how, input::NOTE)?,
        approver: input::name("approval", &asked.approver)?,
    })
}

fn gives(asked: &[api::AccessProfile]) -> Result<Vec<Gives>, Error> {
    input::at_most("access_profiles", asked.len(), MOST_PROFILES)?;
    asked.iter().map(one).collect()
}

fn one(asked: &api::AccessProfile) -> Result<Gives, Error> {
    input::at_most("areas", asked.areas.len(), MOST_CODES)?;
    input::at_most("activities", asked.activities.len(), MOST_CODES)?;
    let area = |text: &String| input::parsed("areas", text, "an area of work, as in P0010:Q0020:T0030");
    let activity = |text: &String| input::parsed("activities", text, "an activity, as in B0264");
    Ok(Gives {
        id: asked.id.as_ref().map(|id| input::id("access_profiles", id)).transpose()?,
        organisation: input::organisation("organisation", &asked.organisation)?,
        codes: Codes {
            job_role: input::parsed(
                "job_role",
                &asked.job_role,
                "a job role with its groups, as in S0080:G0450:R5080",
            )?,
            areas: asked.areas.iter().map(area).collect::<Result<_, _>>()?,
            activities: asked.activities.iter().map(activity).collect::<Result<_, _>>()?,
        },
        workgroups: input::ids("workgroups", &asked.workgroups, MOST_CODES)?,
    })
}

/// A position with everything it gives, includes and lets its holders assign.
pub(super) async fn whole(tx: &mut Tx, position: &Position) -> Result<api::Position, Error> {
    let one = std::slice::from_ref(&position.id);
    let profiles = position_links::access_profiles(tx, one).await?;
    let mut included = position_links::linked(tx, Link::Includes, one).await?;
    let mut assignable = position_links::linked(tx, Link::MayAssign, one).await?;
    let texts =
        |ids: Option<Vec<PositionId>>| ids.unwrap_or_default().into_iter().map(String::from).collect();
    let (state, closed) = match &position.state {
        State::Open => ("open", None),
        State::Closed { at, reason, approver } => {
            let closed = api::ClosedPosition { at: at.0, reason: reason.clone(), approver: approver.clone() };
            ("closed", Some(closed))
        }
    };
    Ok(api::Position {
        id: position.id.to_string(),
        version: position.version.0,
        organisation: position.organisation.to_string(),
        name: position.name.clone(),
        notes: position.notes.clone(),
        state: state.to_owned(),
        rank: position.rank,
        access_profiles: profiles.iter().map(profile).collect(),
        included: texts(included.remove(&position.id)),
        assignable: texts(assignable.remove(&position.id)),
        closed,
    })
}

fn profile(profile: &AccessProfile) -> api::AccessProfile {
    fn texts<T: ToString>(codes: &[T]) -> Vec<String> {
        codes.iter().map(ToString::to_string).collect()
    }
    api::AccessProfile {
        id: Some(profile.id.to_string()),
        organisation: profile.organisation.to_string(),
        job_role: profile.codes.job_role.to_string(),
        areas: texts(&profile.codes.areas),
        activities: texts(&profile.codes.activities),
        workgroups: texts(&profile.workgroups),
    }
}

pub(in crate::http) fn summary(position: &Position) -> api::PositionSummary {
    api::PositionSummary {
        id: position.id.to_string(),
        organisation: position.organisation.to_string(),
        name: position.name.clone(),
        state: if position.is_open() { "open" } else { "closed" }.to_owned(),
        rank: position.rank,
    }
}

pub(super) fn past(past: crate::store::positions::Past) -> api::PositionPast {
    let approval = past.how.zip(past.approver).map(|(how, approver)| api::Approval { how, approver });
    api::PositionPast { version: past.version.0, at: past.at.0, act: past.act, by: past.by_subject, approval }
}
