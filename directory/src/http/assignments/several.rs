//! Several assignments of one person, in one act.

use std::collections::BTreeSet;

use axum::extract::State;
use platform::db::Tx;
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::Path;

use super::super::headers::Posted;
use super::super::input;
use super::listed::{Listed, expected, meant};
use super::wire;
use crate::acting::{Doing, permitted};
use crate::api::{Meant, Outcome, SeveralAssign, SeveralAssignments, SeveralRedate};
use crate::assignment::{
    self, Asked, Beside, Cause, End, Ending, Mode, Redate, Right, Via, prepare_assign, prepare_end,
    prepare_redate,
};
use crate::authority::Act;
use crate::error::Error;
use crate::ids::AssignmentId;
use crate::once::Answer;
use crate::register::Register;

/// How many rows one act has.
const MOST: usize = 100;

/// Changes several assignments of a person: takes some away, gives some another end, and makes new ones.
///
/// A position that is taken away can be given anew in the same act. A row that is wrong, or was changed since the version that it names,
/// is told with its list and place; the others are done or not as the mode says.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/assignments", tag = "directory",
    params(
        ("user_id" = String, Path, description = "The user id"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = SeveralAssignments, example = json!({
        "assign": [{"position": "01990000-0000-7000-8000-000000000001", "end": "2027-11-30"}],
        "redate": [{"assignment": "01990000-0000-7000-8000-000000000002", "version": 2, "end": "2026-12-31"}],
        "remove": ["01990000-0000-7000-8000-000000000003"], "notes": "Moved to ward 9"
    })),
    responses(
        (status = 200, description = "What was done, and what was not", body = Outcome),
        (status = 400, description = "A member is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "Nothing was done; the bad rows are named", body = Outcome),
    )
)]
pub(in crate::http) async fn change(
    State(register): State<Register>,
    Path(user): Path<UserId>,
    Posted { caller, once, body }: Posted<SeveralAssignments>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let asked = Several::read(&user, &body)?;
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move { done(tx, &doing, &user, asked, &body).await })
    });
    Ok(answer.await?)
}

struct Several {
    assign: Listed<Asked>,
    redate: Listed<Redate>,
    remove: Listed<End>,
    ending: Ending,
}

impl Several {
    fn read(user: &UserId, body: &SeveralAssignments) -> Result<Self, Error> {
        let many = body.assign.len() + body.redate.len() + body.remove.len();
        if many == 0 {
            return Err(Error::field("assign", "Name one assignment at least."));
        }
        input::at_most("assign", many, MOST)?;
        let notes = input::maybe_text("notes", body.notes.as_ref(), input::NOTE)?;
        let assign = |row: &SeveralAssign| {
            Ok(Asked {
                user: user.clone(),
                position: input::id("position", &row.position)?,
                from: input::maybe_day("start", row.start.as_ref())?,
                to: input::maybe_day("end", row.end.as_ref())?,
                notes: input::maybe_text("notes", row.notes.as_ref(), input::NOTE)?,
            })
        };
        let redate = |row: &SeveralRedate| {
            let (id, to) =
                (input::id("assignment", &row.assignment)?, input::maybe_day("end", row.end.as_ref())?);
            Ok(Redate { id, expected: expected(row.version), to })
        };
        let remove = |row: &Meant| {
            let (id, expected) = meant("remove", row)?;
            Ok(End { id, expected })
        };
        Ok(Self {
            assign: Listed::of(body.assign.iter().map(assign)),
            redate: Listed::of(body.redate.iter().map(redate)),
            remove: Listed::of(body.remove.iter().map(remove)),
            ending: Ending::because(Cause::TakenAway, notes),
        })
    }

    /// Of each one thing is said, and it is this person's.
    async fn keep(&mut self, tx: &mut Tx, user: &UserId) -> Result<(), Error> {
        let removed: BTreeSet<AssignmentId> = self.remove.rows.iter().map(|row| row.id.clone()).collect();
        let redated: BTreeSet<AssignmentId> = self.redate.rows.iter().map(|row| row.id.clone()).collect();
        self.redate.refuse(|row| removed.contains(&row.id).then(contradiction));
        self.remove.refuse(|row| redated.contains(&row.id).then(contradiction));
        self.redate.keep(tx, |one| one.user == *user).await?;
        self.remove.keep(tx, |one| one.user == *user).await
    }
}

/// What is said of an assignment that is to end on another day and to be taken away.
fn contradiction() -> Error {
    let sentence = "This assignment is to be taken away and to get another end. Say one thing about it.";
    Error::conflict("twice", sentence)
}

async fn done(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    mut asked: Several,
    body: &SeveralAssignments,
) -> Result<Answer, Error> {
    asked.keep(tx, user).await?;
    let right = Right::Of(&[Act::AssignSeveral, Act::EndAssignment]);
    let ended = prepare_end(tx, doing, right, &asked.remove.rows).await?;
    let right = Right::Of(&[Act::AssignSeveral, Act::RedateAssignment]);
    let redated = prepare_redate(tx, doing, right, &asked.redate.rows).await?;
    let gone: Vec<AssignmentId> = ended.good.iter().map(|row| row.id.clone()).collect();
    // What is refused stays as it is, and in the way of what is new.
    let is_refused = |at: usize| redated.refused.iter().any(|(refused, _)| *refused == at);
    let rows = asked.redate.rows.iter().enumerate().filter(|(at, _)| !is_refused(*at));
    let moved: Vec<Redate> = rows.map(|(_, row)| row.clone()).collect();
    let beside = Beside { ended: &gone, redated: &moved };
    let right = Right::Of(&[Act::AssignSeveral, Act::Assign]);
    let new = std::mem::take(&mut asked.assign.rows);
    let made = prepare_assign(tx, doing, right, new, Via::Cim, beside).await?;
    let against_ends = asked.remove.refused(ended.refused);
    let against_dates = asked.redate.refused(redated.refused);
    let against_new = asked.assign.refused(made.refused);
    let all_good = against_ends.is_empty() && against_dates.is_empty() && against_new.is_empty();
    let mut after = Vec::new();
    if all_good || body.mode == Mode::WhatCanBeDone {
        after.extend(assignment::end(tx, doing, ended.good, &asked.ending).await?);
        after.extend(assignment::redate(tx, doing, redated.good, None).await?);
        assignment::assign(tx, doing, &made.good, None).await?;
        after.extend(made.good);
    }
    let mut refused =
        wire::refused("remove", against_ends, |place| body.remove[place].assignment().to_owned());
    refused.extend(wire::refused("redate", against_dates, |place| body.redate[place].assignment.clone()));
    refused.extend(wire::refused("assign", against_new, |place| body.assign[place].position.clone()));
    wire::outcome(&after, refused, doing.today())
}
