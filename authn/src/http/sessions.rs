//! `/authn/people/{person}/sessions`.

use audit::Actor;
use axum::Router;
use axum::extract::State;
use axum::routing::{delete, get};
use http::StatusCode;
use platform::caller::{Caller, CallerKind};
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use crate::api::{Ended, OWN, SESSIONS, SessionInfo, SessionQuery, Sessions};
use crate::enrolment::permitted;
use crate::error::Error;
use crate::provider::Provider;
use crate::session::{EndCause, SessionId, end_all_of_person, end_in};
use crate::store::sessions::{self, Listed};

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/authn/people/{person}/sessions", get(list).delete(end_all))
        .route("/authn/people/{person}/sessions/{session}", delete(end_one))
}

#[derive(OpenApi)]
#[openapi(paths(list, end_all, end_one))]
pub(super) struct Document;

/// Whether the caller may look after the sessions of a person, and as whom: their own, or as a system that was granted it, or as
/// somebody who may take their authenticators away.
async fn as_whom(provider: &Provider, caller: &Caller, person: &UserId) -> Result<EndCause, Problem> {
    if caller.kind != CallerKind::Person {
        caller.may(SESSIONS)?;
        return Ok(EndCause::ByAdministrator);
    }
    caller.may(OWN)?;
    if caller.subject == person.as_str() {
        return Ok(EndCause::ByHolder);
    }
    permitted(provider, caller, person).await?;
    Ok(EndCause::ByAdministrator)
}

fn info(listed: Listed) -> SessionInfo {
    let session = listed.session;
    SessionInfo {
        id: session.id.to_string(),
        sid: session.sid,
        method: session.method.to_string(),
        level: session.level.digit().to_owned(),
        authenticator: session.bound.to_string(),
        authenticated_at: session.authenticated_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
        address: listed.address,
        agent: listed.agent,
    }
}

/// The open sessions of a person.
#[utoipa::path(
    get, path = "/authn/people/{person}/sessions", tag = "authn",
    params(("person" = String, Path, description = "The user id"), SessionQuery),
    responses(
        (status = 200, description = "The sessions", body = Sessions),
        (status = 403, description = "They are somebody else's, whom the caller does not look after", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(provider): State<Provider>,
    Path(person): Path<UserId>,
    Query(query): Query<SessionQuery>,
) -> Result<Json<Sessions>, Problem> {
    as_whom(&provider, &caller, &person).await?;
    let limit = query.limit.unwrap_or(50).clamp(1, 100);
    let after = query.after.as_deref().map(str::parse::<SessionId>).transpose();
    let after = after.map_err(|_| Error::field("after", "Give the next of the page before."))?;
    let read = provider.db.read();
    let mut rows = sessions::of_person(read, &person, provider.now(), after.as_ref(), limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.session.id.to_string());
    Ok(Json(Sessions { sessions: rows.into_iter().map(info).collect(), next }))
}

/// Ends every session of a person. Relying parties are told.
#[utoipa::path(
    delete, path = "/authn/people/{person}/sessions", tag = "authn",
    params(("person" = String, Path, description = "The user id")),
    responses(
        (status = 200, description = "They have ended", body = Ended),
        (status = 403, description = "They are somebody else's, whom the caller does not look after", body = Body),
    )
)]
pub(super) async fn end_all(
    caller: Caller,
    State(provider): State<Provider>,
    Path(person): Path<UserId>,
) -> Result<Json<Ended>, Problem> {
    let cause = as_whom(&provider, &caller, &person).await?;
    let (actor, now) = (Actor::from(&caller), provider.now());
    let ended = provider
        .db
        .write(move |tx| Box::pin(async move { end_all_of_person(tx, &person, cause, &actor, now).await }));
    let ended = ended.await?;
    Ok(Json(Ended { ended: ended as u64 }))
}

/// Ends a session of a person. Relying parties are told.
#[utoipa::path(
    delete, path = "/authn/people/{person}/sessions/{session}", tag = "authn",
    params(("person" = String, Path, description = "The user id"), ("session" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 403, description = "It is somebody else's, whom the caller does not look after", body = Body),
        (status = 404, description = "There is no such open session", body = Body),
    )
)]
pub(super) async fn end_one(
    caller: Caller,
    State(provider): State<Provider>,
    Path((person, id)): Path<(UserId, SessionId)>,
) -> Result<StatusCode, Problem> {
    let cause = as_whom(&provider, &caller, &person).await?;
    let (actor, now) = (Actor::from(&caller), provider.now());
    let done = provider.db.write(move |tx| {
        Box::pin(async move {
            // Somebody else's is not there: an error undoes what was ended.
            match end_in(tx, &id, cause, &actor, now).await? {
                Some(ended) if ended.person == person => Ok(()),
                _ => Err(Error::unknown("session", &id)),
            }
        })
    });
    done.await?;
    Ok(StatusCode::NO_CONTENT)
}
