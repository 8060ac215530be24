//! `/authn/people/{person}/authenticators` and `…/enrolments`.

use audit::Actor;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform::caller::{Caller, CallerKind};
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};
use utoipa::OpenApi;

use crate::api::{
    AUTHENTICATORS, AuthenticatorChange, AuthenticatorInfo, AuthenticatorState, Authenticators,
    EnrolmentInfo, EnrolmentPurpose, EnrolmentSending, NewEnrolment, OWN,
};
use crate::authenticator::{self, Authenticator, AuthenticatorId, Change, RemovedBy, name_of, remove_in};
use crate::enrolment::{EnrolmentId, Purpose, cancel, offer, permitted, send};
use crate::error::Error;
use crate::interaction::Level;
use crate::provider::Provider;
use crate::store::authenticators;

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/authn/people/{person}/authenticators", get(list))
        .route(
            "/authn/people/{person}/authenticators/{authenticator}",
            get(read).patch(change).delete(remove),
        )
        .route("/authn/people/{person}/enrolments", post(enrol))
        .route("/authn/people/{person}/enrolments/{enrolment}", delete(withdraw))
}

#[derive(OpenApi)]
#[openapi(paths(list, read, change, remove, enrol, withdraw))]
pub(super) struct Document;

/// The version that a change is meant for; without it the change is refused (RFC 6585 3). None: whatever it is.
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        let detail = "Say which version you mean to change: If-Match with the ETag of your last read.";
        return Err(Problem::precondition_required("if-match-missing", detail));
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let version = number.and_then(|number| number.parse().ok());
    let invalid =
        || Problem::invalid("if-match-invalid", "If-Match holds one ETag as it was answered, or a star.");
    version.map(Some).ok_or_else(invalid)
}

/// Whether the caller may look after the authenticators of a person, and as whom.
async fn as_whom(provider: &Provider, caller: &Caller, person: &UserId) -> Result<RemovedBy, Problem> {
    if caller.kind != CallerKind::Person {
        caller.may(AUTHENTICATORS)?;
        return Ok(RemovedBy::Authority);
    }
    caller.may(OWN)?;
    if caller.subject == person.as_str() {
        return Ok(RemovedBy::Holder(level(caller)));
    }
    permitted(provider, caller, person).await?;
    Ok(RemovedBy::Authority)
}

/// What the way is worth in which a person has proved who calls.
fn level(caller: &Caller) -> Level {
    match caller.assurance.as_deref() {
        Some("aal3") => Level::Three,
        Some("aal2") => Level::Two,
        _ => Level::One,
    }
}

fn info(kept: Authenticator) -> AuthenticatorInfo {
    AuthenticatorInfo {
        id: kept.id.to_string(),
        version: kept.version,
        method: kept.method.to_string(),
        level: kept.method.level().digit().to_owned(),
        name: kept.name,
        model: kept.aaguid,
        created_at: kept.created_at,
        created_by: kept.created_by,
        last_used_at: kept.last_used_at,
        state: match kept.suspended_at {
            Some(_) => AuthenticatorState::Suspended,
            None => AuthenticatorState::Active,
        },
        suspended_at: kept.suspended_at,
    }
}

fn tagged(kept: Authenticator) -> Response {
    let tag = HeaderValue::try_from(format!("\"{}\"", kept.version));
    let mut response = Json(info(kept)).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The authenticators of a person, apart from cards.
#[utoipa::path(
    get, path = "/authn/people/{person}/authenticators", tag = "authn",
    params(("person" = String, Path, description = "The user id")),
    responses(
        (status = 200, description = "The authenticators", body = Authenticators),
        (status = 403, description = "They are somebody else's, whom the caller does not look after", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(provider): State<Provider>,
    Path(person): Path<UserId>,
) -> Result<Json<Authenticators>, Problem> {
    as_whom(&provider, &caller, &person).await?;
    let rows = authenticators::of_person(provider.db.read(), &person).await?;
    Ok(Json(Authenticators { authenticators: rows.into_iter().map(info).collect() }))
}

/// An authenticator of a person.
#[utoipa::path(
    get, path = "/authn/people/{person}/authenticators/{authenticator}", tag = "authn",
    params(("person" = String, Path, description = "The user id"),
           ("authenticator" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The authenticator, with its ETag", body = AuthenticatorInfo),
        (status = 404, description = "There is no such authenticator", body = Body),
    )
)]
pub(super) async fn read(
    caller: Caller,
    State(provider): State<Provider>,
    Path((person, id)): Path<(UserId, AuthenticatorId)>,
) -> Result<Response, Problem> {
    as_whom(&provider, &caller, &person).await?;
    let found = authenticators::of_person_by_id(provider.db.read(), &person, &id).await?;
    Ok(tagged(found.ok_or_else(|| Error::unknown("authenticator", &id))?))
}

/// Gives an authenticator another name, or lets one sign in again that is suspended.
#[utoipa::path(
    patch, path = "/authn/people/{person}/authenticators/{authenticator}", tag = "authn",
    params(("person" = String, Path, description = "The user id"),
           ("authenticator" = String, Path, description = "Its id"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    request_body(content = AuthenticatorChange, example = json!({"name": "blue key"})),
    responses(
        (status = 200, description = "The authenticator as it is now", body = AuthenticatorInfo),
        (status = 403, description = "It is the caller's own, and suspended", body = Body),
        (status = 404, description = "There is no such authenticator", body = Body),
        (status = 409, description = "It is not suspended", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn change(
    caller: Caller,
    State(provider): State<Provider>,
    Path((person, id)): Path<(UserId, AuthenticatorId)>,
    headers: HeaderMap,
    Json(body): Json<AuthenticatorChange>,
) -> Result<Response, Problem> {
    let whom = as_whom(&provider, &caller, &person).await?;
    let expected = if_match(&headers)?;
    let changes = changes(body, whom)?;
    let by = (Actor::from(&caller), provider.now());
    Ok(tagged(authenticator::change(&provider, (person, id), changes, expected, by).await?))
}

/// What somebody wants to change, if they may.
fn changes(body: AuthenticatorChange, whom: RemovedBy) -> Result<Vec<Change>, Problem> {
    let mut changes = Vec::new();
    if let Some(name) = body.name {
        changes.push(Change::Name(name_of(&name)?));
    }
    match body.state {
        None => {}
        Some(AuthenticatorState::Suspended) => {
            return Err(Error::field("state", "Nobody suspends by hand. Take the authenticator away.").into());
        }
        // Whoever has the copy could say so as well.
        Some(AuthenticatorState::Active) if matches!(whom, RemovedBy::Holder(_)) => {
            let detail = "Ask your registration authority: it lets a key sign in again that was suspended.";
            return Err(Problem::forbidden("own-record", detail));
        }
        Some(AuthenticatorState::Active) => changes.push(Change::Lift),
    }
    if changes.is_empty() {
        return Err(Error::field("name", "Say what is to change: name or state.").into());
    }
    Ok(changes)
}

/// Takes an authenticator from a person, and ends the sessions it opened.
#[utoipa::path(
    delete, path = "/authn/people/{person}/authenticators/{authenticator}", tag = "authn",
    params(("person" = String, Path, description = "The user id"),
           ("authenticator" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It is taken away"),
        (status = 404, description = "There is no such authenticator", body = Body),
        (status = 409, description = "It is the caller's own and worth more than how they proved who they are", body = Body),
    )
)]
pub(super) async fn remove(
    caller: Caller,
    State(provider): State<Provider>,
    Path((person, id)): Path<(UserId, AuthenticatorId)>,
) -> Result<StatusCode, Problem> {
    let why = as_whom(&provider, &caller, &person).await?;
    let (actor, now) = (Actor::from(&caller), provider.now());
    let done = provider.db.write(move |tx| {
        Box::pin(async move {
            let removed = remove_in(tx, (&person, &id), why, (&actor, now)).await?;
            if removed { Ok(()) } else { Err(Error::unknown("authenticator", &id)) }
        })
    });
    done.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a link with which a person who is there gets an authenticator.
#[utoipa::path(
    post, path = "/authn/people/{person}/enrolments", tag = "authn",
    params(("person" = String, Path, description = "The user id")),
    request_body(content = NewEnrolment, example = json!({"purpose": "issue"})),
    responses(
        (status = 201, description = "The link, which is shown this once", body = EnrolmentInfo),
        (status = 403, description = "The caller may not issue authenticators to this person", body = Body),
        (status = 409, description = "The profile is closed", body = Body),
        (status = 503, description = "Too many messages wait; the link was made and not sent", body = Body),
    )
)]
pub(super) async fn enrol(
    caller: Caller,
    State(provider): State<Provider>,
    Path(person): Path<UserId>,
    Json(body): Json<NewEnrolment>,
) -> Result<Response, Problem> {
    let purpose = match body.purpose {
        EnrolmentPurpose::Issue => Purpose::Issue,
        EnrolmentPurpose::Recovery => Purpose::Recovery,
    };
    let (made, secret) = offer(&provider, &caller, (person, purpose), provider.now()).await?;
    let link = format!("{}/enrol/{}", provider.config.issuer, secret.text().as_str());
    let sent_to = match body.send {
        EnrolmentSending::No => None,
        EnrolmentSending::Message => Some(send(&provider, &caller, &made, &link, provider.now()).await?),
    };
    let made = EnrolmentInfo {
        id: made.id.to_string(),
        person: made.person.to_string(),
        link,
        expires_at: made.expires_at,
        sent_to,
    };
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, Json(made)).into_response())
}

/// Takes a link back that was not used.
#[utoipa::path(
    delete, path = "/authn/people/{person}/enrolments/{enrolment}", tag = "authn",
    params(("person" = String, Path, description = "The user id"),
           ("enrolment" = String, Path, description = "The id of the link")),
    responses(
        (status = 204, description = "It does not work any more"),
        (status = 404, description = "There is no such link", body = Body),
    )
)]
pub(super) async fn withdraw(
    caller: Caller,
    State(provider): State<Provider>,
    Path((person, id)): Path<(UserId, EnrolmentId)>,
) -> Result<StatusCode, Problem> {
    cancel(&provider, &caller, (person, id), provider.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
