//! `/directory/feed/links`: which positions of a personnel system stand for which here.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::{input, positions};
use crate::acting::{self, permitted, permitted_to_read};
use crate::api::{Approval, FeedLink, FeedLinkQuery, NewFeedLink, Page};
use crate::authority::Act;
use crate::error::Error;
use crate::feed::{self, PositionLink};
use crate::ids::FeedLinkId;
use crate::once::Answer;
use crate::register::Register;
use crate::store::feed_links::{self, InForce};

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/feed/links", get(list).post(create))
        .route("/directory/feed/links/{link}", get(show).delete(end))
}

#[derive(OpenApi)]
#[openapi(paths(list, create, show, end))]
pub(super) struct Document;

fn shown(link: PositionLink) -> FeedLink {
    let (ended_by, ended_at) = link.ended.map_or((None, None), |(by, at)| (Some(by), Some(at.0)));
    FeedLink {
        id: link.id.to_string(),
        version: link.version.0,
        organisation: link.employer.to_string(),
        their_position: link.their_position,
        position: link.position.to_string(),
        approval: Approval { how: link.approval.how, approver: link.approval.approver },
        made_by: link.made_by,
        made_at: link.made_at.0,
        ended_by,
        ended_at,
    }
}

/// Links a position of an employer's personnel system to a position here.
///
/// From then on its starters get that position. Positions that give a rank in the registration authority are not linked.
#[utoipa::path(
    post, path = "/directory/feed/links", tag = "feed",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewFeedLink, example = json!({
        "organisation": "RXX", "their_position": "W7-NURSE", "position": "01990000-0000-7000-8000-000000000001",
        "approval": {"how": "Minutes of the RA board of 3 November", "approver": "Head of nursing"}
    })),
    responses(
        (status = 201, description = "The link", body = FeedLink),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "It is linked already, or the position is closed or gives a rank", body = Body),
    )
)]
pub(super) async fn create(
    State(register): State<Register>,
    Posted { caller, once, body }: Posted<NewFeedLink>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let employer = input::organisation("organisation", &body.organisation)?;
    let theirs = input::text("their_position", &body.their_position, input::NAME)?;
    let position = input::id("position", &body.position)?;
    let approval = positions::approval(&body.approval)?;
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let link = feed::make_link(tx, &doing, employer, theirs, position, approval).await?;
            let (location, version) = (format!("/directory/feed/links/{}", link.id), link.version);
            Answer::created(&shown(link), location, version)
        })
    });
    Ok(answer.await?)
}

/// The links of an employer.
#[utoipa::path(
    get, path = "/directory/feed/links", tag = "feed", params(FeedLinkQuery),
    responses(
        (status = 200, description = "In the order of their making", body = Page<FeedLink>),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<FeedLinkQuery>,
) -> Result<Json<Page<FeedLink>>, Problem> {
    permitted_to_read(&caller)?;
    let employer = input::organisation("organisation", &query.organisation)?;
    let which = match query.state.as_deref() {
        None | Some("in-force") => InForce::Only,
        Some("all") => InForce::All,
        Some(_) => return Err(Error::field("state", "Ask for in-force or all.").into()),
    };
    let (after, limit) = (input::after(query.after.as_ref())?, input::limit(query.limit));
    let (mut read, doing) = register.reading(caller).await?;
    let target = acting::in_organisation_in(&mut read, &employer).await?;
    doing.sees(Act::ManageFeed, &target)?;
    let rows = feed_links::page(&mut read, &employer, which, after.as_ref(), limit + 1).await?;
    Ok(Json(Page::of(rows, limit, |link| link.id.to_string()).map(shown)))
}

/// A link.
#[utoipa::path(
    get, path = "/directory/feed/links/{link}", tag = "feed",
    params(("link" = String, Path, description = "The id of the link")),
    responses(
        (status = 200, description = "The link; its ETag is its version", body = FeedLink),
        (status = 404, description = "There is none, or not for the caller", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<FeedLinkId>,
) -> Result<Tagged<FeedLink>, Problem> {
    permitted_to_read(&caller)?;
    let (mut read, doing) = register.reading(caller).await?;
    let unknown = || Error::unknown("link", &id);
    let link = feed_links::find(&mut read, &id).await?.ok_or_else(unknown)?;
    let target = acting::in_organisation_in(&mut read, &link.employer).await?;
    doing.sees(Act::ManageFeed, &target).map_err(|_| unknown())?;
    Ok(Tagged(link.version, shown(link)))
}

/// Ends a link. What was assigned through it stays until it is ended by an event or by somebody.
#[utoipa::path(
    delete, path = "/directory/feed/links/{link}", tag = "feed",
    params(("link" = String, Path, description = "The id of the link"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    responses(
        (status = 200, description = "The link as it is now", body = FeedLink),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "It has ended already", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn end(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<FeedLinkId>,
    IfMatch(expected): IfMatch,
) -> Result<Tagged<FeedLink>, Problem> {
    permitted(&caller)?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move { feed::end_link(tx, &doing, &id, expected).await })
    });
    let link = done.await?;
    Ok(Tagged(link.version, shown(link)))
}
