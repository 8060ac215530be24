//! `/directory/positions`.

mod wire;

pub(super) use wire::{approval, summary};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post, put};
use platform::caller::Caller;
use platform::db::Tx;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::input;
use crate::acting::{self, Doing, permitted, permitted_to_read};
use crate::api::{
    Assignable, ClosePosition, NewPosition, Page, PageQuery, Position, PositionChange, PositionPast,
    PositionQuery, PositionSummary,
};
use crate::authority::{Act, Target};
use crate::error::Error;
use crate::ids::PositionId;
use crate::once::Answer;
use crate::position;
use crate::register::Register;
use crate::report::{Answer as Flag, flag, word};
use crate::store::lineages::Places;
use crate::store::positions::{self, Wanted};
use crate::version::Version;

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/positions", post(create).get(list))
        .route("/directory/positions/{position}", get(show).patch(change))
        .route("/directory/positions/{position}/assignable", put(set_assignable))
        .route("/directory/positions/{position}/closing", post(close))
        .route("/directory/positions/{position}/history", get(history))
}

#[derive(OpenApi)]
#[openapi(paths(create, list, show, change, set_assignable, close, history))]
pub(super) struct Document;

/// Makes a position.
///
/// Its access profiles lie in organisations below the same host. The rank that it gives in the registration authority,
/// with everything it includes, is at most that of whoever makes it.
#[utoipa::path(
    post, path = "/directory/positions", tag = "directory",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewPosition, example = json!({
        "organisation": "RXX01", "name": "Ward sister, ward 7", "notes": "One for each shift",
        "access_profiles": [{"organisation": "RXX01", "job_role": "S8000:G8000:R8000", "areas": ["P0010:Q0050:T0210"],
            "activities": ["B0380", "B1300"]}],
        "included": [], "approval": {"how": "Minutes of the RA board of 3 November", "approver": "Head of nursing"}
    })),
    responses(
        (status = 201, description = "The position", body = Position),
        (status = 400, description = "A member is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "It would include itself, or the state of things forbids it", body = Body),
    )
)]
pub(super) async fn create(
    State(register): State<Register>,
    Posted { caller, once, body }: Posted<NewPosition>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let new = wire::new(&body)?;
    let answer = register.act_once(once, caller, |tx, doing| {
        Box::pin(async move {
            let position = position::create(tx, &doing, new).await?;
            let body = wire::whole(tx, &position).await?;
            Answer::created(&body, format!("/directory/positions/{}", body.id), position.version)
        })
    });
    Ok(answer.await?)
}

/// Positions of an organisation.
#[utoipa::path(
    get, path = "/directory/positions", tag = "directory", params(PositionQuery),
    responses(
        (status = 200, description = "The positions, in the order of their making", body = Page<PositionSummary>),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<PositionQuery>,
) -> Result<Json<Page<PositionSummary>>, Problem> {
    permitted_to_read(&caller)?;
    let organisation = input::organisation("organisation", &query.organisation)?;
    let after: Option<PositionId> = input::after(query.after.as_ref())?;
    let limit = input::limit(query.limit);
    let below = flag("below", query.below.as_deref())?;
    let state = word("state", query.state.as_deref(), &["open", "closed"])?;
    let (mut read, doing) = register.reading(caller).await?;
    let target = acting::in_organisation_in(&mut read, &organisation).await?;
    doing.sees(Act::SeePositions, &target)?;
    let one = std::slice::from_ref(&organisation);
    let organisations = match below {
        Some(Flag::Yes) => Places::Below(one),
        Some(Flag::No) | None => Places::These(one),
    };
    let name = query.name.as_deref().map(positions::name_key);
    let wanted =
        Wanted { organisations, state, name_key: name.as_deref(), after: after.as_ref(), limit: limit + 1 };
    let found = positions::of_organisations(&mut read, &wanted).await.map_err(Problem::from)?;
    Ok(Json(
        Page::of(found, limit, |position| position.id.to_string()).map(|position| wire::summary(&position)),
    ))
}

/// A position with everything it gives.
#[utoipa::path(
    get, path = "/directory/positions/{position}", tag = "directory",
    params(("position" = String, Path, description = "The id of the position")),
    responses(
        (status = 200, description = "The position; its ETag is its version", body = Position),
        (status = 404, description = "There is none, or not for the caller", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<PositionId>,
) -> Result<Tagged<Position>, Problem> {
    permitted_to_read(&caller)?;
    let (mut read, doing) = register.reading(caller).await?;
    let position = seen(&mut read, &doing, &id).await?;
    let body = wire::whole(&mut read, &position).await?;
    Ok(Tagged(position.version, body))
}

/// A position that may be seen: those of the registration authority see all below them, sponsors those they may assign.
pub(super) async fn seen(tx: &mut Tx, doing: &Doing, id: &PositionId) -> Result<position::Position, Error> {
    let position = positions::find(tx, id).await?.ok_or_else(|| Error::unknown("position", id))?;
    let target = acting::in_organisation_in(tx, &position.organisation).await?;
    let target = Target { position: Some(id.clone()), position_rank: position.rank, ..target };
    if let Err(refused) = doing.sees_found(Act::SeePositions, &target, "position", id) {
        doing.demand(Act::RedateAssignment, &target).map_err(|_| refused)?;
    }
    Ok(position)
}

/// Changes a position for everybody who holds it.
#[utoipa::path(
    patch, path = "/directory/positions/{position}", tag = "directory",
    params(("position" = String, Path, description = "The id of the position"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    request_body(content = PositionChange, example = json!({
        "name": "Sister, ward 7", "approval": {"how": "E-mail of 4 November", "approver": "Head of nursing"}
    })),
    responses(
        (status = 200, description = "The position as it is now", body = Position),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "It would include itself, or the state of things forbids it", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn change(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<PositionId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<PositionChange>,
) -> Result<Tagged<Position>, Problem> {
    permitted(&caller)?;
    let changed = wire::changed(&body)?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move {
            let position = position::change(tx, &doing, &id, expected, changed).await?;
            Ok((position.version, wire::whole(tx, &position).await?))
        })
    });
    let (version, body): (Version, Position) = done.await?;
    Ok(Tagged(version, body))
}

/// Sets the positions that the holders of a sponsor's position may assign without anybody's approval.
#[utoipa::path(
    put, path = "/directory/positions/{position}/assignable", tag = "directory",
    params(("position" = String, Path, description = "The id of the sponsor's position"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    request_body(content = Assignable, example = json!({
        "positions": ["01990000-0000-7000-8000-000000000001"],
        "approval": {"how": "Minutes of the RA board of 3 November", "approver": "Head of nursing"}
    })),
    responses(
        (status = 200, description = "The position as it is now", body = Position),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "It is not a sponsor's position", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn set_assignable(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<PositionId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<Assignable>,
) -> Result<Tagged<Position>, Problem> {
    permitted(&caller)?;
    let (assignable, approval) = wire::assignable(&body)?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move {
            let position = position::set_assignable(tx, &doing, &id, expected, assignable, &approval).await?;
            Ok((position.version, wire::whole(tx, &position).await?))
        })
    });
    let (version, body): (Version, Position) = done.await?;
    Ok(Tagged(version, body))
}

/// Closes a position for good.
#[utoipa::path(
    post, path = "/directory/positions/{position}/closing", tag = "directory",
    params(("position" = String, Path, description = "The id of the position"),
           ("if-match" = String, Header, description = "The ETag of the last read"),
           ("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = ClosePosition, example = json!({
        "reason": "Ward 7 has closed", "approver": "Head of nursing", "word": "CLOSE", "assignments": "end"
    })),
    responses(
        (status = 200, description = "The closed position", body = Position),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "It is held, or included in another", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn close(
    State(register): State<Register>,
    Path(id): Path<PositionId>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<ClosePosition>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let closing = wire::closing(&body)?;
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let position = position::close(tx, &doing, &id, expected, closing).await?;
            Answer::changed(&wire::whole(tx, &position).await?, position.version)
        })
    });
    Ok(answer.await?)
}

/// What was done to a position, and who approved it.
#[utoipa::path(
    get, path = "/directory/positions/{position}/history", tag = "directory",
    params(("position" = String, Path, description = "The id of the position"), PageQuery),
    responses(
        (status = 200, description = "Oldest first", body = Page<PositionPast>),
        (status = 404, description = "There is none, or not for the caller", body = Body),
    )
)]
pub(super) async fn history(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<PositionId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<PositionPast>>, Problem> {
    permitted_to_read(&caller)?;
    let (after, limit): (Option<i64>, u32) = (input::after(query.after.as_ref())?, input::limit(query.limit));
    let (mut read, doing) = register.reading(caller).await?;
    seen(&mut read, &doing, &id).await?;
    let rows = positions::history(&mut read, &id, after.unwrap_or(0), limit + 1).await?;
    Ok(Json(Page::of(rows, limit, |past| past.version.to_string()).map(wire::past)))
}
