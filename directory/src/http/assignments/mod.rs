//! `/directory/assignments`, and the assignments of people and positions.

mod batch;
mod claims;
mod listed;
mod people;
mod several;
pub(super) mod wire;

use axum::Router;
use axum::extract::State;
use axum::routing::{delete, get, post};
use platform::caller::Caller;
use platform::db::Tx;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::{input, positions};
use crate::acting::{self, Doing, permitted, permitted_to_read};
use crate::api::{self, AssignmentChange, AssignmentQuery, NewAssignment, Page, Removal};
use crate::assignment::{
    self, Asked, Assigning, Assignment, Cause, End, Ending, Redate, Right, prepare_end, prepare_redate,
};
use crate::authority::{Act, Target};
use crate::error::Error;
use crate::ids::{AssignmentId, PositionId};
use crate::once::Answer;
use crate::register::Register;
use crate::store::assignments::{self, Of, Which};

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/assignments", post(create))
        .route("/directory/assignments/{assignment}", get(show).patch(change))
        .route("/directory/assignments/{assignment}/removal", post(remove))
        .route("/directory/positions/{position}/assignments", get(of_position).post(batch::assign))
        .route("/directory/positions/{position}/redating", post(batch::redate))
        .route("/directory/positions/{position}/removals", post(batch::remove))
        .route("/directory/people/{user_id}/assignments", get(people::assignments).post(several::change))
        .route("/directory/people/{user_id}/roles", get(people::roles))
        .route("/directory/people/{user_id}/claims", get(claims::show))
        .route("/directory/people/{user_id}/claims/photo", get(claims::photo))
        .route("/directory/people/{user_id}/leaving", get(people::leavings).post(people::leave))
        .route("/directory/people/{user_id}/leaving/{leaving}", delete(people::withdraw))
}

#[derive(OpenApi)]
#[openapi(paths(
    create,
    show,
    change,
    remove,
    of_position,
    batch::assign,
    batch::redate,
    batch::remove,
    people::assignments,
    several::change,
    people::roles,
    claims::show,
    claims::photo,
    people::leavings,
    people::leave,
    people::withdraw,
))]
pub(super) struct Document;

fn created(row: &Assignment, doing: &Doing) -> Result<Answer, Error> {
    let body = wire::assignment(row, doing.today());
    Answer::created(&body, format!("/directory/assignments/{}", row.id), row.version)
}

/// Puts a person into a position.
///
/// Sponsors do it with the positions that were made assignable to theirs; with others they make a request.
#[utoipa::path(
    post, path = "/directory/assignments", tag = "directory",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewAssignment, example = json!({
        "person": "555021942107", "position": "01990000-0000-7000-8000-000000000001", "start": "2026-12-01",
        "end": "2027-11-30"
    })),
    responses(
        (status = 201, description = "The assignment", body = api::Assignment),
        (status = 400, description = "A member is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "The person holds the position already, or it is closed", body = Body),
    )
)]
pub(super) async fn create(
    State(register): State<Register>,
    Posted { caller, once, body }: Posted<NewAssignment>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let asked = Asked {
        user: input::person("person", &body.person)?,
        position: input::id("position", &body.position)?,
        from: input::maybe_day("start", body.start.as_ref())?,
        to: input::maybe_day("end", body.end.as_ref())?,
        notes: input::maybe_text("notes", body.notes.as_ref(), input::NOTE)?,
    };
    let assigning = Assigning { register: register.clone(), caller, once, asked, answered: created };
    Ok(register.assigning().write(assigning).await?)
}

/// An assignment.
#[utoipa::path(
    get, path = "/directory/assignments/{assignment}", tag = "directory",
    params(("assignment" = String, Path, description = "The id of the assignment")),
    responses(
        (status = 200, description = "The assignment; its ETag is its version", body = api::Assignment),
        (status = 404, description = "There is none, or not for the caller", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<AssignmentId>,
) -> Result<Tagged<api::Assignment>, Problem> {
    permitted_to_read(&caller)?;
    let (mut read, doing) = register.reading(caller).await?;
    let found = one(&mut read, &id).await?;
    seen(&mut read, &doing, &found).await.map_err(|_| Error::unknown("assignment", &id))?;
    Ok(Tagged(found.version, wire::assignment(&found, doing.today())))
}

pub(super) async fn one(tx: &mut Tx, id: &AssignmentId) -> Result<Assignment, Error> {
    let found = assignments::find_all(tx, std::slice::from_ref(id)).await?.pop();
    found.ok_or_else(|| Error::unknown("assignment", id))
}

/// Who finds people sees what they hold; who sees what has ended, that too.
pub(super) async fn seen(tx: &mut Tx, doing: &Doing, found: &Assignment) -> Result<(), Error> {
    let person = Some(found.user.clone());
    if found.is_open(doing.today()) {
        return doing.sees(Act::FindPerson, &Target { person, ..Target::default() });
    }
    let target = acting::in_organisation_in(tx, &found.organisation).await?;
    doing.sees(Act::SeeEndedAssignments, &Target { person, ..target })
}

/// Changes the end of an assignment, or its notes. The start cannot be changed.
#[utoipa::path(
    patch, path = "/directory/assignments/{assignment}", tag = "directory",
    params(("assignment" = String, Path, description = "The id of the assignment"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    request_body(content = AssignmentChange, example = json!({"end": "2027-05-31"})),
    responses(
        (status = 200, description = "The assignment as it is now", body = api::Assignment),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "It has ended, or another is in the way", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn change(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<AssignmentId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<AssignmentChange>,
) -> Result<Tagged<api::Assignment>, Problem> {
    permitted(&caller)?;
    let end = match &body.end {
        None => None,
        Some(end) => Some(input::maybe_day("end", end.as_ref())?),
    };
    let notes = match &body.notes {
        None => None,
        Some(notes) => Some(input::maybe_text("notes", notes.as_ref(), input::NOTE)?),
    };
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move {
            let present = one(tx, &id).await?;
            let to = end.unwrap_or(present.to);
            let asked = [Redate { id, expected, to }];
            let right = Right::Of(&[Act::RedateAssignment]);
            let row = prepare_redate(tx, &doing, right, &asked).await?.one()?;
            if to == present.to && notes.as_ref().is_none_or(|notes| *notes == present.notes) {
                // Nothing is to change: nobody is told that something did.
                return Ok((present.version, wire::assignment(&present, doing.today())));
            }
            let after = assignment::change(tx, &doing, row, notes).await?;
            Ok((after.version, wire::assignment(&after, doing.today())))
        })
    });
    let (version, body) = done.await?;
    Ok(Tagged(version, body))
}

/// Takes an assignment away at once. It is kept among those that ended.
#[utoipa::path(
    post, path = "/directory/assignments/{assignment}/removal", tag = "directory",
    params(("assignment" = String, Path, description = "The id of the assignment"),
           ("if-match" = String, Header, description = "The ETag of the last read"),
           ("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = Removal, example = json!({"notes": "Moved to ward 9"})),
    responses(
        (status = 200, description = "The assignment as it is now", body = api::Assignment),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "It has ended already", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn remove(
    State(register): State<Register>,
    Path(id): Path<AssignmentId>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<Removal>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let ending = Ending::because(Cause::TakenAway, Some(input::text("notes", &body.notes, input::NOTE)?));
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let right = Right::Of(&[Act::EndAssignment]);
            let row = prepare_end(tx, &doing, right, &[End { id, expected }]).await?.one()?;
            let after = assignment::end(tx, &doing, vec![row], &ending).await?;
            let after = after.first().ok_or(Error::Stored { what: "assignment" })?;
            Answer::changed(&wire::assignment(after, doing.today()), after.version)
        })
    });
    Ok(answer.await?)
}

/// The assignments of a position.
#[utoipa::path(
    get, path = "/directory/positions/{position}/assignments", tag = "directory",
    params(("position" = String, Path, description = "The id of the position"), AssignmentQuery),
    responses(
        (status = 200, description = "In the order of their making", body = Page<api::Assignment>),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
    )
)]
pub(super) async fn of_position(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<PositionId>,
    Query(query): Query<AssignmentQuery>,
) -> Result<Json<Page<api::Assignment>>, Problem> {
    permitted_to_read(&caller)?;
    let (mut read, doing) = register.reading(caller).await?;
    let position = positions::seen(&mut read, &doing, &id).await?;
    let which = which(&query, &doing)?;
    if which == Which::All {
        let target = acting::in_organisation_in(&mut read, &position.organisation).await?;
        doing.sees(Act::SeeEndedAssignments, &target)?;
    }
    let (after, limit) = (input::after(query.after.as_ref())?, input::limit(query.limit));
    let rows = assignments::page(&mut read, Of::Position(&id), which, after.as_ref(), limit + 1).await?;
    let today = doing.today();
    Ok(Json(Page::of(rows, limit, |one| one.id.to_string()).map(|one| wire::assignment(&one, today))))
}

/// Which assignments are asked for.
fn which(query: &AssignmentQuery, doing: &Doing) -> Result<Which, Error> {
    match query.state.as_deref() {
        None | Some("live") => Ok(Which::OpenOn(doing.today())),
        Some("all") => Ok(Which::All),
        Some(_) => Err(Error::field("state", "Ask for live or all.")),
    }
}
