//! Many people and one position, in one act.

use axum::extract::State;
use platform::problem::{Body, Problem};
use platform::web::Path;

use super::super::headers::Posted;
use super::super::input;
use super::listed::{Listed, meant};
use super::wire;
use crate::acting::permitted;
use crate::api::{BatchAssign, BatchRedate, BatchRemove, Outcome};
use crate::assignment::{
    self, Asked, Beside, Cause, End, Ending, Mode, Redate, Right, Via, prepare_assign, prepare_end,
    prepare_redate,
};
use crate::authority::Act;
use crate::error::Error;
use crate::ids::PositionId;
use crate::once::Answer;
use crate::register::Register;

/// How many rows a batch has.
const MOST: usize = 100;

/// Puts up to a hundred people into a position.
///
/// In the mode `what-can-be-done` the good rows are done and the bad ones named; in `all-or-none` nothing is done unless
/// everything can be, and the bad rows are named with status 409.
#[utoipa::path(
    post, path = "/directory/positions/{position}/assignments", tag = "directory",
    params(
        ("position" = String, Path, description = "The id of the position"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = BatchAssign, example = json!({
        "people": ["555021942107", "555021942115"], "end": "2027-11-30", "mode": "what-can-be-done"
    })),
    responses(
        (status = 200, description = "What was done, and what was not", body = Outcome),
        (status = 400, description = "A member is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "Nothing was done; the bad rows are named", body = Outcome),
    )
)]
pub(in crate::http) async fn assign(
    State(register): State<Register>,
    Path(position): Path<PositionId>,
    Posted { caller, once, body }: Posted<BatchAssign>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let (from, to) =
        (input::maybe_day("start", body.start.as_ref())?, input::maybe_day("end", body.end.as_ref())?);
    let notes = input::maybe_text("notes", body.notes.as_ref(), input::NOTE)?;
    some("people", body.people.len())?;
    // A row that is no user id is a bad row, as any other.
    let mut listed = Listed::of(body.people.iter().map(|text| {
        let user = input::person("people", text)?;
        Ok(Asked { user, position: position.clone(), from, to, notes: notes.clone() })
    }));
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let right = Right::Of(&[Act::AssignBatch, Act::Assign]);
            let asked = std::mem::take(&mut listed.rows);
            let sorted = prepare_assign(tx, &doing, right, asked, Via::Cim, Beside::default()).await?;
            let refused = listed.refused(sorted.refused);
            let good = if goes(body.mode, &refused) { sorted.good } else { Vec::new() };
            assignment::assign(tx, &doing, &good, None).await?;
            let refused = wire::refused("people", refused, |place| body.people[place].clone());
            wire::outcome(&good, refused, doing.today())
        })
    });
    Ok(answer.await?)
}

/// Whether the good rows are done.
pub(super) fn goes(mode: Mode, refused: &[(usize, Error)]) -> bool {
    mode == Mode::WhatCanBeDone || refused.is_empty()
}

fn some(field: &'static str, many: usize) -> Result<(), Error> {
    if many == 0 {
        return Err(Error::field(field, "Name one at least."));
    }
    input::at_most(field, many, MOST)
}

/// Gives up to a hundred assignments of a position another end.
///
/// Each row is an id, or an id with the version that is meant. A row that is wrong, or was changed since, is named with its place;
/// the others are done or not as the mode says.
#[utoipa::path(
    post, path = "/directory/positions/{position}/redating", tag = "directory",
    params(
        ("position" = String, Path, description = "The id of the position"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = BatchRedate, example = json!({
        "assignments": [
            "01990000-0000-7000-8000-000000000001",
            {"assignment": "01990000-0000-7000-8000-000000000002", "version": 3}
        ], "end": "2027-11-30", "mode": "all-or-none"
    })),
    responses(
        (status = 200, description = "What was done, and what was not", body = Outcome),
        (status = 400, description = "A member is not what it may be", body = Body),
        (status = 403, description = "The caller may not act", body = Body),
        (status = 409, description = "Nothing was done; the bad rows are named", body = Outcome),
    )
)]
pub(in crate::http) async fn redate(
    State(register): State<Register>,
    Path(position): Path<PositionId>,
    Posted { caller, once, body }: Posted<BatchRedate>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let to = input::maybe_day("end", body.end.as_ref())?;
    some("assignments", body.assignments.len())?;
    let mut listed = Listed::of(body.assignments.iter().map(|row| {
        let (id, expected) = meant("assignments", row)?;
        Ok(Redate { id, expected, to })
    }));
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            listed.keep(tx, |one| one.position == position).await?;
            let right = Right::Of(&[Act::AssignBatch, Act::RedateAssignment]);
            let sorted = prepare_redate(tx, &doing, right, &listed.rows).await?;
            let refused = listed.refused(sorted.refused);
            let good = if goes(body.mode, &refused) { sorted.good } else { Vec::new() };
            let done = assignment::redate(tx, &doing, good, None).await?;
            let what = |place: usize| body.assignments[place].assignment().to_owned();
            let refused = wire::refused("assignments", refused, what);
            wire::outcome(&done, refused, doing.today())
        })
    });
    Ok(answer.await?)
}

/// Takes up to a hundred assignments of a position away.
///
/// Rows are named, and wrong ones told, as where they get another end.
#[utoipa::path(
    post, path = "/directory/positions/{position}/removals", tag = "directory",
    params(
        ("position" = String, Path, description = "The id of the position"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = BatchRemove, example = json!({
        "assignments": ["01990000-0000-7000-8000-000000000001"], "notes": "The clinic has closed"
    })),
    responses(
        (status = 200, description = "What was done, and what was not", body = Outcome),
        (status = 400, description = "A member is not what it may be", body = Body),
        (status = 403, description = "The caller may not act", body = Body),
        (status = 409, description = "Nothing was done; the bad rows are named", body = Outcome),
    )
)]
pub(in crate::http) async fn remove(
    State(register): State<Register>,
    Path(position): Path<PositionId>,
    Posted { caller, once, body }: Posted<BatchRemove>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let ending = Ending::because(Cause::TakenAway, Some(input::text("notes", &body.notes, input::NOTE)?));
    some("assignments", body.assignments.len())?;
    let mut listed = Listed::of(body.assignments.iter().map(|row| {
        let (id, expected) = meant("assignments", row)?;
        Ok(End { id, expected })
    }));
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            listed.keep(tx, |one| one.position == position).await?;
            let right = Right::Of(&[Act::AssignBatch, Act::EndAssignment]);
            let sorted = prepare_end(tx, &doing, right, &listed.rows).await?;
            let refused = listed.refused(sorted.refused);
            let good = if goes(body.mode, &refused) { sorted.good } else { Vec::new() };
            let done = assignment::end(tx, &doing, good, &ending).await?;
            let what = |place: usize| body.assignments[place].assignment().to_owned();
            let refused = wire::refused("assignments", refused, what);
            wire::outcome(&done, refused, doing.today())
        })
    });
    Ok(answer.await?)
}
