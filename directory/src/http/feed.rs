//! `/directory/feed/events`: what a personnel system tells, and what lies in quarantine.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Tx;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::input;
use crate::acting::{self, Doing, permitted, permitted_to_read};
use crate::api::{
    FEED, FeedDiscard, FeedEventQuery, FeedEvents, FeedOutcomes, FeedRetry, FeedState, FeedSummary,
    FeedSummaryQuery, KeptFeedEvent, Page, Trial,
};
use crate::authority::Act;
use crate::error::Error;
use crate::feed::{self, Kept, Sender};
use crate::ids::FeedEventId;
use crate::once::Answer;
use crate::register::Register;
use crate::store::feed_events::{self, Of};

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/feed/events", get(list).post(take))
        .route("/directory/feed/events/{event}", get(show))
        .route("/directory/feed/events/{event}/retry", post(retry))
        .route("/directory/feed/events/{event}/discard", post(discard))
        .route("/directory/feed/summary", get(summary))
}

#[derive(OpenApi)]
#[openapi(paths(list, take, show, retry, discard, summary))]
pub(super) struct Document;

fn shown(kept: Kept) -> KeptFeedEvent {
    let settled = kept.settled;
    KeptFeedEvent {
        event: kept.id.to_string(),
        version: kept.version.0,
        client: kept.sender.client,
        organisation: kept.sender.employer.to_string(),
        sent: kept.sent,
        state: kept.state,
        reason: kept.reason,
        sentence: kept.sentence,
        done: kept.done,
        received_at: kept.received_at.0,
        settled_by: settled.as_ref().map(|settled| settled.by.clone()),
        settled_at: settled.as_ref().map(|settled| settled.at.0),
        discarded_why: settled.and_then(|settled| settled.discarded_why),
    }
}

/// The personnel system that calls, and the employer for whom it speaks.
fn sender(caller: &Caller) -> Result<Sender, Error> {
    let employer = caller.organisation.clone().ok_or_else(|| Error::NotAllowed {
        code: "feed-without-organisation",
        sentence: "This client speaks for no organisation. Ask the operator to say for which it does."
            .to_owned(),
    })?;
    Ok(Sender { client: caller.client.to_string(), employer })
}

/// Takes what a personnel system tells: starters, changes of position, leavers.
///
/// Events are taken in their order, all in one transaction. Each that can be done is done; each other one is kept in quarantine
/// with its reason. The id of an event is its idempotency key: the same event again does nothing and is answered the same.
#[utoipa::path(
    post, path = "/directory/feed/events", tag = "feed",
    request_body(content = FeedEvents, example = json!({"events": [
        {"id": "e-1001", "kind": "starter", "employee": "4711", "sequence": 1, "user_id": "555021942107",
            "position": "W7-NURSE", "day": "2026-12-01"},
        {"id": "e-1002", "kind": "leaver", "employee": "4712", "sequence": 9, "day": "2026-12-31", "reason": "Retires"}
    ]})),
    responses(
        (status = 200, description = "What became of each, in their order", body = FeedOutcomes),
        (status = 400, description = "A member is missing or unknown, or there are too many events", body = Body),
        (status = 403, description = "The caller may not do directory:feed, or speaks for no organisation", body = Body),
    )
)]
pub(super) async fn take(
    caller: Caller,
    State(register): State<Register>,
    Json(body): Json<FeedEvents>,
) -> Result<Json<FeedOutcomes>, Problem> {
    caller.may(FEED)?;
    let sender = sender(&caller)?;
    if body.events.is_empty() {
        return Err(Error::field("events", "Send at least one event.").into());
    }
    input::at_most("events", body.events.len(), feed::MOST)?;
    let dry_run = body.dry_run.unwrap_or(Trial::No);
    let outcomes = feed::take(&register, caller, sender, body.events, dry_run).await?;
    Ok(Json(FeedOutcomes { dry_run, outcomes }))
}

/// Whose events the caller sees: a personnel system its own, those of the registration authority their employer's.
async fn of(tx: &mut Tx, doing: &Doing, asked: Option<&String>) -> Result<Of, Error> {
    let asked = asked.map(|text| input::organisation("organisation", text)).transpose()?;
    if doing.caller.may(FEED).is_ok() {
        let sender = sender(&doing.caller)?;
        let employer = asked.filter(|asked| *asked != sender.employer);
        return match employer {
            Some(other) => Err(Error::unknown("organisation", other)),
            None => Ok(Of { employer: sender.employer, client: Some(sender.client) }),
        };
    }
    let employer =
        asked.ok_or_else(|| Error::field("organisation", "Say of which employer, by the ODS code."))?;
    let target = acting::in_organisation_in(tx, &employer).await?;
    doing.sees(Act::ManageFeed, &target)?;
    Ok(Of { employer, client: None })
}

/// The events of an employer, such as those in quarantine.
#[utoipa::path(
    get, path = "/directory/feed/events", tag = "feed", params(FeedEventQuery),
    responses(
        (status = 200, description = "In the order of their coming", body = Page<KeptFeedEvent>),
        (status = 400, description = "A member of the query is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<FeedEventQuery>,
) -> Result<Json<Page<KeptFeedEvent>>, Problem> {
    permitted_to_read(&caller)?;
    let state: Option<FeedState> = query
        .state
        .as_deref()
        .map(|word| input::parsed("state", word, "applied, quarantined or discarded"))
        .transpose()?;
    let (after, limit) = (input::after(query.after.as_ref())?, input::limit(query.limit));
    let (mut read, doing) = register.reading(caller).await?;
    let of = of(&mut read, &doing, query.organisation.as_ref()).await?;
    let rows = feed_events::page(&mut read, &of, state, after.as_ref(), limit + 1).await?;
    Ok(Json(Page::of(rows, limit, |kept| kept.id.to_string()).map(shown)))
}

/// An event with what became of it.
#[utoipa::path(
    get, path = "/directory/feed/events/{event}", tag = "feed",
    params(("event" = String, Path, description = "The id of the event here")),
    responses(
        (status = 200, description = "The event; its ETag is its version", body = KeptFeedEvent),
        (status = 404, description = "There is none, or not for the caller", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<FeedEventId>,
) -> Result<Tagged<KeptFeedEvent>, Problem> {
    permitted_to_read(&caller)?;
    let (mut read, doing) = register.reading(caller).await?;
    let unknown = || Error::unknown("event", &id);
    let kept = feed_events::find(&mut read, &id).await?.ok_or_else(unknown)?;
    let employer = kept.sender.employer.to_string();
    let of = of(&mut read, &doing, Some(&employer)).await.map_err(|_| unknown())?;
    if of.client.is_some_and(|client| client != kept.sender.client) {
        return Err(unknown().into());
    }
    Ok(Tagged(kept.version, shown(kept)))
}

/// Tries an event in quarantine again, by the rank of whoever asks.
///
/// Whoever knows who the employee is says it here; it is kept for later events. When the event is done, so are those of the same
/// employee that waited for it, as far as they can be.
#[utoipa::path(
    post, path = "/directory/feed/events/{event}/retry", tag = "feed",
    params(("event" = String, Path, description = "The id of the event here"),
           ("if-match" = String, Header, description = "The ETag of the last read"),
           ("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = FeedRetry, example = json!({"person": "555021942107"})),
    responses(
        (status = 200, description = "The event as it is now: done, or in quarantine again", body = KeptFeedEvent),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "It was decided already, or the employee is somebody else", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn retry(
    State(register): State<Register>,
    Path(id): Path<FeedEventId>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<FeedRetry>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let person = body.person.as_ref().map(|text| input::person("person", text)).transpose()?;
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let kept = feed::retry(tx, &doing, &id, expected, person).await?;
            let version = kept.version;
            Answer::changed(&shown(kept), version)
        })
    });
    Ok(answer.await?)
}

/// Puts an event in quarantine aside, for a reason. Those of the same employee that waited for it are done.
#[utoipa::path(
    post, path = "/directory/feed/events/{event}/discard", tag = "feed",
    params(("event" = String, Path, description = "The id of the event here"),
           ("if-match" = String, Header, description = "The ETag of the last read"),
           ("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = FeedDiscard, example = json!({"reason": "Sent by mistake; payroll has confirmed it"})),
    responses(
        (status = 200, description = "The event as it is now", body = KeptFeedEvent),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "It was decided already", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn discard(
    State(register): State<Register>,
    Path(id): Path<FeedEventId>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<FeedDiscard>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let why = input::text("reason", &body.reason, input::NOTE)?;
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let kept = feed::discard(tx, &doing, &id, expected, why).await?;
            let version = kept.version;
            Answer::changed(&shown(kept), version)
        })
    });
    Ok(answer.await?)
}

/// What was done with the events of an employer: how many of each kind had which outcome.
#[utoipa::path(
    get, path = "/directory/feed/summary", tag = "feed", params(FeedSummaryQuery),
    responses(
        (status = 200, description = "The counts", body = FeedSummary, example = json!({"organisation": "RXX", "counts": [
            {"kind": "starter", "state": "applied", "events": 118},
            {"kind": "starter", "state": "quarantined", "reason": "no-link", "events": 3}]})),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
    )
)]
pub(super) async fn summary(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<FeedSummaryQuery>,
) -> Result<Json<FeedSummary>, Problem> {
    permitted_to_read(&caller)?;
    let from = input::maybe_day("from", query.from.as_ref())?;
    let to = input::maybe_day("to", query.to.as_ref())?;
    let (mut read, doing) = register.reading(caller).await?;
    let of = of(&mut read, &doing, query.organisation.as_ref()).await?;
    let from: Option<Millis> = from.map(crate::Day::begins);
    let before = to.map(|to| to.plus_days(1).begins());
    let counts = feed_events::counts(&mut read, &of, from, before).await?;
    Ok(Json(FeedSummary { organisation: of.employer.to_string(), counts }))
}
