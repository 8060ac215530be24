//! The one function that decides.

use std::fmt;

use platform::clock::Millis;
use serde::{Deserialize, Serialize};

use super::act::Act;
use super::actor::{Actor, Role};
use super::matrix::{Cell, cell};
use super::rank::Rank;
use super::target::{Belongs, Lineage, Target};
use crate::day::Day;
use crate::error::Error;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may be done.
    Does,
    /// It may be asked for; somebody else decides.
    Asks,
    /// It may not.
    Refused(Refusal),
}

/// Why something may not be done. The later one is the nearer to being allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No live role allows it.
    NotInRole,
    /// The thing lies outside the organisation one acts for and those below it.
    OutsideOrganisation,
    /// The person also works where one does not act.
    AlsoElsewhere,
    /// The position, or what the person holds, ranks above one's own.
    AboveRank,
    /// It is one's own.
    Self_,
    /// One asked for it oneself.
    OwnRequest,
    /// The sign-in was not sure enough.
    AssuranceTooLow,
}

impl Refusal {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotInRole => "not-in-role",
            Self::OutsideOrganisation => "outside-organisation",
            Self::AlsoElsewhere => "also-elsewhere",
            Self::AboveRank => "above-rank",
            Self::Self_ => "own-record",
            Self::OwnRequest => "own-request",
            Self::AssuranceTooLow => "assurance-too-low",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInRole => "None of your live roles allows this. Ask your RA manager or an RA agent.",
            Self::OutsideOrganisation => {
                "This belongs to an organisation that you do not act for. Ask the registration authority there."
            }
            Self::AlsoElsewhere => {
                "This person also works for organisations that you do not act for. Their assignments there must end first, \
                 or somebody who acts for all of them does this."
            }
            Self::AboveRank => "This ranks above your own role. Somebody of at least that rank does it.",
            Self::Self_ => "Nobody does this to themselves. A colleague does it.",
            Self::OwnRequest => "You asked for this yourself. Somebody else decides it.",
            Self::AssuranceTooLow => {
                "Your sign-in is not sure enough for this. Sign in with a smartcard or a security key."
            }
        })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::NotAllowed { code: refusal.code(), sentence: refusal.to_string() }
    }
}

impl Verdict {
    /// Goes on if it may be done; if it may only be asked for, or not at all, says so.
    pub fn demand(self) -> Result<(), Error> {
        match self {
            Self::Does => Ok(()),
            Self::Asks => Err(Error::NotAllowed {
                code: "by-request",
                sentence: "You may ask for this, and somebody else decides: make a request of it.".to_owned(),
            }),
            Self::Refused(refusal) => Err(refusal.into()),
        }
    }
}

/// Decides whether `actor` may do `act` to `target` now: the one place where that is decided.
///
/// Each live role is looked at by itself: ranks do not add up over organisations. The best answer counts.
pub fn may(actor: &Actor, act: Act, target: &Target, now: Millis) -> Verdict {
    if let Err(refusal) = apart_from_roles(actor, act, target) {
        return Verdict::Refused(refusal);
    }
    let today = Day::of(now);
    let mut best = in_rank(Rank::Everybody, None, act, target);
    if actor.person.is_none() {
        // What everybody has, people have; a system has what it was given.
        best = Verdict::Refused(Refusal::NotInRole);
    }
    for role in actor.live(today) {
        best = better(best, in_rank(role.rank, Some(role), act, target));
    }
    best
}

/// What no role lifts: separation of duty, and the assurance of the session.
fn apart_from_roles(actor: &Actor, act: Act, target: &Target) -> Result<(), Refusal> {
    // Persons are compared, and not ids: somebody has as many of those as records were made of them.
    let is_actor = |person: &Option<_>| person.as_ref().is_some_and(|person| actor.is(person));
    if act.is_own() {
        // Nobody else's.
        if !is_actor(&target.person) {
            return Err(Refusal::NotInRole);
        }
    } else if is_actor(&target.person) && !act.only_reads() && act != Act::SubmitRequest {
        return Err(Refusal::Self_);
    }
    if act == Act::DecideRequest && is_actor(&target.requester) {
        return Err(Refusal::OwnRequest);
    }
    if actor.assurance < act.assurance() {
        return Err(Refusal::AssuranceTooLow);
    }
    Ok(())
}

/// What one role gives.
fn in_rank(rank: Rank, role: Option<&Role>, act: Act, target: &Target) -> Verdict {
    let cell = cell(rank, act);
    if cell == Cell::Never {
        return Verdict::Refused(Refusal::NotInRole);
    }
    if let Err(refusal) = within_reach(role, act, target) {
        return Verdict::Refused(refusal);
    }
    let assignable = || {
        let given = target.position.as_ref();
        role.is_some_and(|role| given.is_some_and(|position| role.assignable.contains(position)))
    };
    let verdict = match cell {
        Cell::Does => Verdict::Does,
        Cell::Assignable | Cell::OnlyAssignable if assignable() => Verdict::Does,
        Cell::Assignable | Cell::Asks => Verdict::Asks,
        Cell::OnlyAssignable | Cell::Never => Verdict::Refused(Refusal::NotInRole),
    };
    // Asking grants nothing: who decides has the rank for it.
    if verdict == Verdict::Does && ranks_above(rank, act, target) {
        return Verdict::Refused(Refusal::AboveRank);
    }
    verdict
}

/// Whether the thing lies where the role counts.
fn within_reach(role: Option<&Role>, act: Act, target: &Target) -> Result<(), Refusal> {
    if act.is_national() || act.is_own() || is_anybodys(act, target) {
        return Ok(());
    }
    let Some(role) = role else { return Err(Refusal::OutsideOrganisation) };
    let Some(organisation) = &role.organisation else { return Ok(()) };
    let places = places(act, target);
    let within = places.iter().filter(|lineage| lineage.is_within(organisation)).count();
    match within {
        0 => Err(Refusal::OutsideOrganisation),
        some if act.needs_every_organisation() && some < places.len() => Err(Refusal::AlsoElsewhere),
        _ => Ok(()),
    }
}

/// Whether it is done to somebody who works nowhere, by whoever takes them on: to open their profile again, to ask for something, and
/// to check who they are before they hold anything. Whatever would take them over is for those to whom they belong.
fn is_anybodys(act: Act, target: &Target) -> bool {
    let nowhere = target.organisations.is_empty() && act.is_to_a_person();
    let takes_on = matches!(
        (act, &target.belongs),
        (Act::ReopenPerson | Act::SubmitRequest, _)
            | (Act::VerifyPerson, Belongs::Made(_))
            | (_, Belongs::ToNobody)
    );
    nowhere && takes_on
}

/// Where it is done: of somebody who works nowhere, where they belong.
fn places(act: Act, target: &Target) -> &[Lineage] {
    match &target.belongs {
        Belongs::Left(place) | Belongs::Made(place)
            if target.organisations.is_empty() && act.is_to_a_person() =>
        {
            std::slice::from_ref(place)
        }
        _ => &target.organisations,
    }
}

/// Whether it gives, takes or touches something above one's own rank. A position that was made assignable was approved by
/// somebody of the rank for it.
fn ranks_above(rank: Rank, act: Act, target: &Target) -> bool {
    let above = |other: Option<Rank>| other.is_some_and(|other| other > rank && other.is_of_the_authority());
    let gives = matches!(
        act,
        Act::Assign
            | Act::RedateAssignment
            | Act::EndAssignment
            | Act::AssignSeveral
            | Act::AssignBatch
            | Act::ManagePositions
            | Act::ManageAssignable
            | Act::DecideRequest
            | Act::Recertify
            | Act::ManageFeed
    );
    // Who has left an employer has left it whatever they were there; the employer's own system says so.
    let employer = act == Act::EndEmployment && rank == Rank::Personnel;
    (gives && above(target.position_rank)) || (act.takes_over() && !employer && above(target.person_rank))
}

/// The answer that allows more.
fn better(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Does, _) | (_, Verdict::Does) => Verdict::Does,
        (Verdict::Asks, _) | (_, Verdict::Asks) => Verdict::Asks,
        (Verdict::Refused(one), Verdict::Refused(other)) => Verdict::Refused(one.max(other)),
    }
}
