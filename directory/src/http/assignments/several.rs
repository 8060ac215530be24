//! Several assignments of one person, in one act.

use axum::extract::State;
use platform::db::Tx;
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::Path;

use super::super::headers::Posted;
use super::super::input;
use super::{ANY, wire};
use crate::acting::{Doing, permitted};
use crate::api::{Outcome, SeveralAssignments};
use crate::assignment::{
    self, Asked, Beside, Cause, End, Ending, Mode, Redate, Right, Via, prepare_assign, prepare_end,
    prepare_redate,
};
use crate::authority::Act;
use crate::error::Error;
use crate::ids::AssignmentId;
use crate::once::Answer;
use crate::register::Register;
use crate::store::assignments;

/// How many rows one act has.
const MOST: usize = 100;

/// Changes several assignments of a person: takes some away, gives some another end, and makes new ones.
///
/// A position that is taken away can be given anew in the same act.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/assignments", tag = "directory",
    params(
        ("user_id" = String, Path, description = "The user id"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = SeveralAssignments, example = json!({
        "assign": [{"position": "01990000-0000-7000-8000-000000000001", "end": "2027-11-30"}],
        "redate": [{"assignment": "01990000-0000-7000-8000-000000000002", "end": "2026-12-31"}],
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
    assign: Vec<Asked>,
    redate: Vec<Redate>,
    remove: Vec<End>,
    ending: Ending,
}

impl Several {
    fn read(user: &UserId, body: &SeveralAssignments) -> Result<Self, Error> {
        let many = body.assign.len() + body.redate.len() + body.remove.len();
        if many == 0 {
            return Err(Error::field("assign", "Name one assignment at least."));
        }
        input::at_most("assign", many, MOST)?;
        let mut several = Self {
            assign: Vec::new(),
            redate: Vec::new(),
            remove: Vec::new(),
            ending: Ending::because(
                Cause::TakenAway,
                input::maybe_text("notes", body.notes.as_ref(), input::NOTE)?,
            ),
        };
        for row in &body.assign {
            several.assign.push(Asked {
                user: user.clone(),
                position: input::id("position", &row.position)?,
                from: input::maybe_day("start", row.start.as_ref())?,
                to: input::maybe_day("end", row.end.as_ref())?,
                notes: input::maybe_text("notes", row.notes.as_ref(), input::NOTE)?,
            });
        }
        for row in &body.redate {
            let (id, to) =
                (input::id("assignment", &row.assignment)?, input::maybe_day("end", row.end.as_ref())?);
            several.redate.push(Redate { id, expected: ANY, to });
        }
        for text in &body.remove {
            several.remove.push(End { id: input::id("remove", text)?, expected: ANY });
        }
        Ok(several)
    }

    fn named(&self) -> Vec<AssignmentId> {
        let removed = self.remove.iter().map(|row| row.id.clone());
        removed.chain(self.redate.iter().map(|row| row.id.clone())).collect()
    }
}

async fn done(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    asked: Several,
    body: &SeveralAssignments,
) -> Result<Answer, Error> {
    let named = asked.named();
    refuse_others(tx, user, &named).await?;
    let ended =
        prepare_end(tx, doing, Right::Of(&[Act::AssignSeveral, Act::EndAssignment]), &asked.remove).await?;
    let right = Right::Of(&[Act::AssignSeveral, Act::RedateAssignment]);
    let redated = prepare_redate(tx, doing, right, &asked.redate).await?;
    let gone: Vec<AssignmentId> = ended.good.iter().map(|row| row.id.clone()).collect();
    // What is refused stays as it is, and in the way of what is new.
    let is_refused = |at: usize| redated.refused.iter().any(|(refused, _)| *refused == at);
    let moved: Vec<Redate> = asked
        .redate
        .iter()
        .enumerate()
        .filter(|(at, _)| !is_refused(*at))
        .map(|(_, row)| row.clone())
        .collect();
    let beside = Beside { ended: &gone, redated: &moved };
    let right = Right::Of(&[Act::AssignSeveral, Act::Assign]);
    let made = prepare_assign(tx, doing, right, asked.assign, Via::Cim, beside).await?;
    let all_good = ended.refused.is_empty() && redated.refused.is_empty() && made.refused.is_empty();
    let mut after = Vec::new();
    if all_good || body.mode == Mode::WhatCanBeDone {
        after.extend(assignment::end(tx, doing, ended.good, &asked.ending).await?);
        after.extend(assignment::redate(tx, doing, redated.good, None).await?);
        assignment::assign(tx, doing, &made.good, None).await?;
        after.extend(made.good);
    }
    let mut refused = wire::refused("remove", ended.refused, |place| body.remove[place].clone());
    refused.extend(wire::refused("redate", redated.refused, |place| body.redate[place].assignment.clone()));
    refused.extend(wire::refused("assign", made.refused, |place| body.assign[place].position.clone()));
    wire::outcome(&after, refused, doing.today())
}

/// Each stands there once and is this person's.
async fn refuse_others(tx: &mut Tx, user: &UserId, named: &[AssignmentId]) -> Result<(), Error> {
    let mut once = named.to_vec();
    once.sort();
    once.dedup();
    if once.len() < named.len() {
        return Err(Error::field("redate", "An assignment stands there twice. Say one thing about each."));
    }
    match assignments::find_all(tx, named).await?.iter().find(|one| one.user != *user) {
        None => Ok(()),
        Some(other) => Err(Error::unknown("assignment", &other.id)),
    }
}
