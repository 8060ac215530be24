//! `/authn/organisations/{organisation}/policy`.

use audit::Actor;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform::caller::Caller;
use platform::id::OdsCode;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};
use utoipa::OpenApi;

use super::authenticators::if_match;
use crate::api::{POLICIES, Policy};
use crate::error::Error;
use crate::events::Event;
use crate::policy;
use crate::provider::Provider;
use crate::store::policies::{self, Kept};

pub(super) fn router() -> Router<Provider> {
    Router::new().route("/authn/organisations/{organisation}/policy", get(read).put(write).delete(remove))
}

#[derive(OpenApi)]
#[openapi(paths(read, write, remove))]
pub(super) struct Document;

/// Whether the caller looks after the policy of an organisation: of its own, where it is one's, and of each otherwise.
fn looks_after(caller: &Caller, organisation: &OdsCode) -> Result<(), Problem> {
    caller.may(POLICIES)?;
    if caller.organisation.as_ref().is_some_and(|own| own != organisation) {
        let detail = "A system of an organisation looks after the policy of that one alone.";
        return Err(Problem::forbidden("another-organisation", detail));
    }
    Ok(())
}

fn tagged(kept: Kept) -> Response {
    let tag = HeaderValue::try_from(format!("\"{}\"", kept.version));
    let mut response = Json(kept.policy).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What an organisation asks of those who sign in for it.
#[utoipa::path(
    get, path = "/authn/organisations/{organisation}/policy", tag = "authn",
    params(("organisation" = String, Path, description = "Its ODS code")),
    responses(
        (status = 200, description = "The policy, with its ETag", body = Policy),
        (status = 404, description = "It asks for nothing", body = Body),
    )
)]
async fn read(
    caller: Caller,
    State(provider): State<Provider>,
    Path(organisation): Path<OdsCode>,
) -> Result<Response, Problem> {
    looks_after(&caller, &organisation)?;
    let found = policies::find(provider.db.read(), organisation.as_str()).await?;
    Ok(tagged(found.ok_or_else(|| Error::unknown("policy", &organisation))?))
}

/// Which version is meant: 0 with `If-None-Match: *`, where there is to be none.
async fn meant(provider: &Provider, organisation: &OdsCode, headers: &HeaderMap) -> Result<i64, Problem> {
    if headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == b"*") {
        return Ok(0);
    }
    if let Some(version) = if_match(headers)? {
        return Ok(version);
    }
    let found = policies::find(provider.db.read(), organisation.as_str()).await?;
    Ok(found.map_or(0, |kept| kept.version))
}

/// Writes what an organisation asks. It counts from the next sign-in.
#[utoipa::path(
    put, path = "/authn/organisations/{organisation}/policy", tag = "authn",
    params(("organisation" = String, Path, description = "Its ODS code"),
           ("if-match" = Option<String>, Header, description = "The ETag of the last read"),
           ("if-none-match" = Option<String>, Header, description = "A star where there is none yet")),
    request_body(content = Policy, example = json!({"authenticators": ["smartcard", "security-key"], "card_removed": "end"})),
    responses(
        (status = 200, description = "The policy as it is now", body = Policy),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
async fn write(
    caller: Caller,
    State(provider): State<Provider>,
    Path(organisation): Path<OdsCode>,
    headers: HeaderMap,
    Json(asked): Json<Policy>,
) -> Result<Response, Problem> {
    looks_after(&caller, &organisation)?;
    policy::check(&asked)?;
    let version = meant(&provider, &organisation, &headers).await?;
    let (actor, now) = (Actor::from(&caller), provider.now());
    let written = provider.db.write(move |tx| {
        Box::pin(async move {
            let Some(version) = policies::put(tx, organisation.as_str(), &asked, version, now).await? else {
                let present = policies::find(&mut *tx, organisation.as_str()).await?;
                let present = present.map_or(0, |kept| kept.version);
                return Err(Error::Changed { what: "policy", present });
            };
            let event = Event::PolicySet {
                organisation: organisation.to_string(),
                policy: serde_json::to_string(&asked).map_err(Error::json)?,
            };
            audit::record(tx, now, &actor, &event).await?;
            Ok(Kept { policy: asked, version })
        })
    });
    Ok(tagged(written.await?))
}

/// Takes a policy away.
#[utoipa::path(
    delete, path = "/authn/organisations/{organisation}/policy", tag = "authn",
    params(("organisation" = String, Path, description = "Its ODS code"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    responses(
        (status = 204, description = "It asks for nothing any more"),
        (status = 404, description = "It asked for nothing", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
async fn remove(
    caller: Caller,
    State(provider): State<Provider>,
    Path(organisation): Path<OdsCode>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    looks_after(&caller, &organisation)?;
    let found = policies::find(provider.db.read(), organisation.as_str()).await?;
    let present = found.ok_or_else(|| Error::unknown("policy", &organisation))?.version;
    let version = if_match(&headers)?.unwrap_or(present);
    let (actor, now) = (Actor::from(&caller), provider.now());
    let done = provider.db.write(move |tx| {
        Box::pin(async move {
            if !policies::remove(tx, organisation.as_str(), version).await? {
                return Err(Error::Changed { what: "policy", present });
            }
            let event = Event::PolicyRemoved { organisation: organisation.to_string() };
            audit::record(tx, now, &actor, &event).await?;
            Ok(())
        })
    });
    done.await?;
    Ok(StatusCode::NO_CONTENT)
}
