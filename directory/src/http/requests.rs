//! `/directory/requests`.

mod shown;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post, put};
use platform::caller::Caller;
use platform::db::Tx;
use platform::id::OdsCode;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use self::shown::{shown, with_present};
use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::input;
use crate::acting::{Doing, permitted, permitted_to_read};
use crate::api::{
    self, NewRequest, NewRequestState, Page, PageQuery, Rejection, RequestApproval, RequestDraft,
    RequestQuery, RequestStepNotes,
};
use crate::error::Error;
use crate::ids::RequestId;
use crate::once::{Answer, Once};
use crate::register::Register;
use crate::request::{self, Approval, State as RequestState, Told};
use crate::store::requests::{self, Wanted};
use crate::version::{Expected, Version};

/// How far back what is over is listed, unless somebody says otherwise: as the national lists do.
const SHOWN_DAYS: u32 = 30;
/// How many documents come with an approval.
const MOST_DOCUMENTS: usize = 20;
/// How far back at most.
const MOST_DAYS: u32 = 3650;

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/requests", post(create).get(list))
        .route("/directory/requests/{request}", get(show).put(edit))
        .route("/directory/requests/{request}/submission", post(submit))
        .route("/directory/requests/{request}/lock", put(open).delete(exit))
        .route("/directory/requests/{request}/approval", post(approve))
        .route("/directory/requests/{request}/rejection", post(reject))
        .route("/directory/requests/{request}/withdrawal", post(withdraw))
        .route("/directory/requests/{request}/retry", post(retry))
}

#[derive(OpenApi)]
#[openapi(paths(create, list, show, edit, submit, open, exit, approve, reject, withdraw, retry))]
pub(super) struct Document;

fn told(notes: Option<&String>) -> Result<Told, Error> {
    Ok(Told { notes: input::maybe_text("notes", notes, input::NOTE)?, role: None })
}

fn approval(body: RequestApproval) -> Result<Approval, Error> {
    input::at_most("evidence", body.evidence.len(), MOST_DOCUMENTS)?;
    Ok(Approval { documents: body.evidence, seen: body.present_version.map(Version) })
}

/// Asks for something that somebody else decides.
#[utoipa::path(
    post, path = "/directory/requests", tag = "directory",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewRequest, example = json!({
        "ask": {"kind": "assign", "person": "555021942107", "position": "01990000-0000-7000-8000-000000000001",
            "end": "2027-11-30"},
        "notes": "Covers for a colleague"
    })),
    responses(
        (status = 201, description = "The request", body = api::Request),
        (status = 400, description = "A member is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 422, description = "What is asked for cannot be; it names the member", body = Body),
    )
)]
pub(super) async fn create(
    State(register): State<Register>,
    Posted { caller, once, body }: Posted<NewRequest>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let notes = told(body.notes.as_ref())?;
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let mut request = request::create(tx, &doing, body.ask, &notes).await?;
            if body.state == NewRequestState::Submitted {
                request = request::submit(tx, &doing, &request.id, &Told::default()).await?;
            }
            let (location, version) = (format!("/directory/requests/{}", request.id), request.version);
            Answer::created(&shown(request, &doing), location, version)
        })
    });
    Ok(answer.await?)
}

/// Requests: those that one may decide, those that were decided, or one's own.
#[utoipa::path(
    get, path = "/directory/requests", tag = "directory", params(RequestQuery),
    responses(
        (status = 200, description = "In the order of their making", body = Page<api::Request>),
        (status = 403, description = "The caller was granted nothing here", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<RequestQuery>,
) -> Result<Json<Page<api::Request>>, Problem> {
    permitted_to_read(&caller)?;
    let (after, limit): (Option<RequestId>, u32) =
        (input::after(query.after.as_ref())?, input::limit(query.limit));
    let (mut read, doing) = register.reading(caller).await?;
    let states: &[&str] = match query.view.as_deref() {
        None | Some("open") => &["submitted", "locked"],
        Some("closed") => &["approved", "rejected", "withdrawn", "expired", "applied", "failed"],
        Some("mine") => &[],
        Some(_) => return Err(Error::field("view", "Ask for open, closed or mine.").into()),
    };
    let name = doing.name();
    let places = reach(&doing);
    let days = query.days.unwrap_or(SHOWN_DAYS).clamp(1, MOST_DAYS);
    let since = doing.now.minus(Duration::from_hours(24 * u64::from(days)));
    let wanted = match query.view.as_deref() {
        Some("mine") => Wanted::By(&name, since),
        Some("closed") => Wanted::In(states, places.as_deref(), Some(since)),
        _ => Wanted::In(states, places.as_deref(), None),
    };
    let rows = requests::page(&mut read, wanted, after.as_ref(), limit + 1).await?;
    let page = Page::of(rows, limit, |request| request.id.to_string());
    let mut items = Vec::with_capacity(page.items.len());
    for request in page.items {
        let mine = states.is_empty();
        let expired = matches!(request.state.clone().at(doing.now), RequestState::Expired(_));
        let fits = mine || (states.contains(&"expired") || !expired);
        if fits && (mine || request::is_listed(&mut read, &doing, &request).await?) {
            items.push(shown(request, &doing));
        }
    }
    Ok(Json(Page { items, next: page.next }))
}

/// Where the caller acts; everywhere if there is none.
fn reach(doing: &Doing) -> Option<Vec<OdsCode>> {
    let places: Option<BTreeSet<&OdsCode>> =
        doing.actor.roles.iter().map(|role| role.organisation.as_ref()).collect();
    places.map(|places| places.into_iter().cloned().collect())
}

/// A request with its latest steps; those before them are on the next page.
#[utoipa::path(
    get, path = "/directory/requests/{request}", tag = "directory",
    params(("request" = String, Path, description = "The id of the request"), PageQuery),
    responses(
        (status = 200, description = "The request; its ETag is its version", body = api::Request),
        (status = 404, description = "There is none, or not for the caller", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<RequestId>,
    Query(query): Query<PageQuery>,
) -> Result<Tagged<api::Request>, Problem> {
    permitted_to_read(&caller)?;
    let (before, limit): (Option<i64>, u32) =
        (input::after(query.after.as_ref())?, input::limit(query.limit));
    let (mut read, doing) = register.reading(caller).await?;
    let unknown = || Error::unknown("request", &id);
    let request = requests::find(&mut read, &id).await?.ok_or_else(unknown)?;
    if !request::sees(&mut read, &doing, &request).await? {
        return Err(unknown().into());
    }
    let version = request.version;
    let steps = requests::steps(&mut read, &id, before, limit + 1).await?;
    let page = Page::of(steps, limit, |step| step.version.0.to_string());
    // People read them as they were taken.
    let steps = page.items.into_iter().rev().map(|step| api::RequestStep {
        version: step.version.0,
        at: step.at.0,
        step: step.word,
        actor: step.actor,
        role_profile: step.role_profile,
        notes: step.notes,
    });
    let shown = with_present(&mut read, &doing, request).await?;
    Ok(Tagged(version, api::Request { steps: steps.collect(), next: page.next, ..shown }))
}

/// Changes a draft of one's own.
#[utoipa::path(
    put, path = "/directory/requests/{request}", tag = "directory",
    params(("request" = String, Path, description = "The id of the request"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    request_body(content = RequestDraft, example = json!({
        "ask": {"kind": "end-assignment", "assignment": "01990000-0000-7000-8000-000000000001"}
    })),
    responses(
        (status = 200, description = "The draft as it is now", body = api::Request),
        (status = 409, description = "It was handed in", body = Body),
        (status = 422, description = "What is asked for cannot be; it names the member", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn edit(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<RequestId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<RequestDraft>,
) -> Result<Tagged<api::Request>, Problem> {
    permitted(&caller)?;
    let notes = told(body.notes.as_ref())?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move {
            let request = request::edit(tx, &doing, &id, expected, body.ask, &notes).await?;
            Ok((request.version, shown(request, &doing)))
        })
    });
    let (version, body) = done.await?;
    Ok(Tagged(version, body))
}

/// A step, and what becomes of the request.
enum Step {
    Submit,
    Approve(Approval),
    Withdraw,
    Retry(Approval),
    Reject(String),
}

async fn take(
    register: Register,
    caller: Caller,
    once: Once,
    (id, expected): (RequestId, Expected),
    step: Step,
    notes: Told,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let before = requests::find(tx, &id).await?.map(|request| request.version);
            let request = match step {
                Step::Submit => request::submit(tx, &doing, &id, &notes).await?,
                Step::Approve(approval) => request::approve(tx, &doing, &id, &notes, approval).await?,
                Step::Withdraw => request::withdraw(tx, &doing, &id, &notes).await?,
                Step::Retry(approval) => request::retry(tx, &doing, &id, &notes, approval).await?,
                Step::Reject(reason) => request::reject(tx, &doing, &id, reason, &notes).await?,
            };
            // Whoever may not take the step learns nothing of versions; what was taken is undone.
            if let Some(present) = before.filter(|before| !expected.holds(*before)) {
                return Err(Error::Changed { what: "request", present });
            }
            let version = request.version;
            Answer::changed(&shown(request, &doing), version)
        })
    });
    Ok(answer.await?)
}

/// Hands a draft in.
#[utoipa::path(
    post, path = "/directory/requests/{request}/submission", tag = "directory",
    params(
        ("request" = String, Path, description = "The id of the request"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = RequestStepNotes, example = json!({})),
    responses(
        (status = 200, description = "The request as it is now", body = api::Request),
        (status = 409, description = "It is no draft", body = Body),
        (status = 422, description = "What is asked for cannot be; it names the member", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn submit(
    State(register): State<Register>,
    Path(id): Path<RequestId>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<RequestStepNotes>,
) -> Result<Answer, Problem> {
    take(register, caller, once, (id, expected), Step::Submit, told(body.notes.as_ref())?).await
}

/// Opens a request to decide it: for some minutes nobody else does.
///
/// Opening it again prolongs that. DELETE lets it go.
#[utoipa::path(
    put, path = "/directory/requests/{request}/lock", tag = "directory",
    params(("request" = String, Path, description = "The id of the request"),
           ("if-match" = String, Header, description = "The ETag of the last read, or a star")),
    responses(
        (status = 200, description = "The request, held by the caller", body = api::Request),
        (status = 403, description = "The caller may not decide it", body = Body),
        (status = 409, description = "Somebody else holds it, or it is decided", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn open(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<RequestId>,
    IfMatch(expected): IfMatch,
) -> Result<Tagged<api::Request>, Problem> {
    permitted(&caller)?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move {
            unchanged(tx, &id, expected).await?;
            let request = request::open(tx, &doing, &id).await?;
            Ok((request.version, with_present(tx, &doing, request).await?))
        })
    });
    let (version, body) = done.await?;
    Ok(Tagged(version, body))
}

async fn unchanged(tx: &mut Tx, id: &RequestId, expected: Expected) -> Result<(), Error> {
    match requests::find(tx, id).await? {
        Some(request) if !expected.holds(request.version) => {
            Err(Error::Changed { what: "request", present: request.version })
        }
        _ => Ok(()),
    }
}

/// Lets a request go that one had opened.
#[utoipa::path(
    delete, path = "/directory/requests/{request}/lock", tag = "directory",
    params(("request" = String, Path, description = "The id of the request"),
           ("if-match" = String, Header, description = "The ETag of the last read, or a star")),
    responses(
        (status = 200, description = "The request, free again", body = api::Request),
        (status = 409, description = "The caller does not hold it", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn exit(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<RequestId>,
    IfMatch(expected): IfMatch,
) -> Result<Tagged<api::Request>, Problem> {
    permitted(&caller)?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move {
            unchanged(tx, &id, expected).await?;
            let request = request::exit(tx, &doing, &id).await?;
            Ok((request.version, shown(request, &doing)))
        })
    });
    let (version, body) = done.await?;
    Ok(Tagged(version, body))
}

/// Approves a request that one has opened.
///
/// What was asked for is done in the same transaction: the answer is `applied`, or `failed` with what stands against it. Documents
/// that the request does not bring come with the approval, checked by whoever approves.
#[utoipa::path(
    post, path = "/directory/requests/{request}/approval", tag = "directory",
    params(
        ("request" = String, Path, description = "The id of the request"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = RequestApproval, example = json!({"notes": "Seen with the ward manager"})),
    responses(
        (status = 200, description = "The request as it is now", body = api::Request),
        (status = 403, description = "The caller may not decide it", body = Body),
        (status = 409, description = "Somebody else holds it, it was not opened, or what it is about was changed since", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn approve(
    State(register): State<Register>,
    Path(id): Path<RequestId>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<RequestApproval>,
) -> Result<Answer, Problem> {
    let notes = told(body.notes.as_ref())?;
    take(register, caller, once, (id, expected), Step::Approve(approval(body)?), notes).await
}

/// Rejects a request that one has opened, with a reason.
#[utoipa::path(
    post, path = "/directory/requests/{request}/rejection", tag = "directory",
    params(
        ("request" = String, Path, description = "The id of the request"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = Rejection, example = json!({"reason": "The post is not funded"})),
    responses(
        (status = 200, description = "The request as it is now", body = api::Request),
        (status = 403, description = "The caller may not decide it", body = Body),
        (status = 409, description = "Somebody else holds it, or it was not opened", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn reject(
    State(register): State<Register>,
    Path(id): Path<RequestId>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<Rejection>,
) -> Result<Answer, Problem> {
    let reason = input::text("reason", &body.reason, input::NOTE)?;
    take(register, caller, once, (id, expected), Step::Reject(reason), told(body.notes.as_ref())?).await
}

/// Takes a request of one's own back.
#[utoipa::path(
    post, path = "/directory/requests/{request}/withdrawal", tag = "directory",
    params(
        ("request" = String, Path, description = "The id of the request"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = RequestStepNotes, example = json!({"notes": "No longer needed"})),
    responses(
        (status = 200, description = "The request as it is now", body = api::Request),
        (status = 409, description = "Somebody is deciding it, or it is decided", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn withdraw(
    State(register): State<Register>,
    Path(id): Path<RequestId>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<RequestStepNotes>,
) -> Result<Answer, Problem> {
    take(register, caller, once, (id, expected), Step::Withdraw, told(body.notes.as_ref())?).await
}

/// Tries once more to do what was approved and failed.
#[utoipa::path(
    post, path = "/directory/requests/{request}/retry", tag = "directory",
    params(
        ("request" = String, Path, description = "The id of the request"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = RequestApproval, example = json!({})),
    responses(
        (status = 200, description = "The request as it is now", body = api::Request),
        (status = 403, description = "The caller may not decide it", body = Body),
        (status = 409, description = "It has not failed, or what it is about was changed since", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn retry(
    State(register): State<Register>,
    Path(id): Path<RequestId>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<RequestApproval>,
) -> Result<Answer, Problem> {
    let notes = told(body.notes.as_ref())?;
    take(register, caller, once, (id, expected), Step::Retry(approval(body)?), notes).await
}
