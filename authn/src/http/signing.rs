//! `/authn/signing/…`: what the signer asks.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform::caller::Caller;
use platform::id::{ClientId, UserId};
use platform::problem::{Body, Problem};
use platform::web::{Json, Path};
use serde_json::Value;
use utoipa::OpenApi;

use crate::api::{
    Bearer, BrowserHolder, BrowserQuery, Keys, KeysQuery, NewPresence, PolicyQuery, Presence, PresenceAnswer,
    SIGNING, ShownToken, SigningAuthorisation, SigningDecided, SigningPolicy, SigningQuery,
};
use crate::authenticator::webauthn::{Answered, Asked, ask, look_at};
use crate::client::{State as ClientState, key_set};
use crate::error::Error;
use crate::interaction::{InteractionId, Level};
use crate::oidc::possession::{Held, Scheme};
use crate::oidc::refusal::{Code, Refusal};
use crate::oidc::{authorise, bearer};
use crate::provider::Provider;
use crate::session::{Seen, current};
use crate::sign_in::waiting;
use crate::store::{clients, interactions};

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/authn/signing/tokens", post(token))
        .route("/authn/signing/keys", post(keys))
        .route("/authn/signing/policies", post(policy))
        .route("/authn/signing/browsers", post(browser))
        .route("/authn/signing/authorisations", post(authorisation))
        .route("/authn/signing/authorisations/{reference}/decision", post(decide))
        .route("/authn/signing/presences", post(begin))
        .route("/authn/signing/presences/{reference}/answer", post(answer))
}

#[derive(OpenApi)]
#[openapi(paths(token, keys, policy, browser, authorisation, decide, begin, answer))]
pub(super) struct Document;

/// Who stands behind an access token of a person that was shown to the signer.
#[utoipa::path(
    post, path = "/authn/signing/tokens", tag = "authn", request_body = ShownToken,
    responses(
        (status = 200, description = "Who", body = Bearer),
        (status = 404, description = "The token is not good", body = Body),
        (status = 503, description = "The session behind it is locked, or the service is away: try again", body = Body),
    )
)]
pub(super) async fn token(
    caller: Caller,
    State(provider): State<Provider>,
    Json(shown): Json<ShownToken>,
) -> Result<Json<Bearer>, Problem> {
    caller.may(SIGNING)?;
    let held =
        Held { proof: shown.proof, certificate: shown.certificate, method: shown.method, path: shown.path };
    let scheme = if shown.dpop { Scheme::Dpop } else { Scheme::Bearer };
    let found = bearer::bearer(&provider, &shown.token, scheme, &held, provider.now()).await;
    found.map(Json).map_err(problem)
}

/// A refusal as the signer passes it on.
fn problem(refusal: Refusal) -> Problem {
    let come_again = refusal.come_again();
    if let Some(source) = refusal.source {
        return Problem::from(*source);
    }
    if let Some(problem) = come_again {
        return problem;
    }
    let code = match refusal.code {
        Code::InvalidToken | Code::InvalidGrant => "token-not-good",
        Code::InsufficientScope => "token-of-nobody",
        Code::InvalidDpopProof => "proof-not-good",
        Code::UseDpopNonce => "proof-without-nonce",
        _ => return Problem::internal(refusal.description),
    };
    // Whoever shows it is not the caller of this route, who is told that there is no such token.
    Problem::not_found(code, refusal.description)
}

/// The public keys of an application that have a name.
#[utoipa::path(
    post, path = "/authn/signing/keys", tag = "authn", request_body = KeysQuery,
    responses(
        (status = 200, description = "The keys", body = Keys),
        (status = 404, description = "There is no such key", body = Body),
    )
)]
pub(super) async fn keys(
    caller: Caller,
    State(provider): State<Provider>,
    Json(query): Json<KeysQuery>,
) -> Result<Json<Keys>, Problem> {
    caller.may(SIGNING)?;
    let unknown = || Error::unknown("client", &query.client_id);
    let id: ClientId = query.client_id.parse().map_err(|_| unknown())?;
    let client = clients::find(provider.db.read(), &id).await?;
    let client = client.filter(|client| client.state == ClientState::Open).ok_or_else(unknown)?;
    match key_set::find(&provider, &client, &query.kid, provider.now()).await? {
        Ok(keys) => Ok(Json(Keys { keys })),
        Err(failure) => Err(Problem::not_found("key-unknown", failure.sentence)),
    }
}

/// What becomes of what an application has not shown before.
#[utoipa::path(
    post, path = "/authn/signing/policies", tag = "authn", request_body = PolicyQuery,
    responses((status = 200, description = "What its registration says", body = SigningPolicy))
)]
pub(super) async fn policy(
    caller: Caller,
    State(provider): State<Provider>,
    Json(query): Json<PolicyQuery>,
) -> Result<Json<SigningPolicy>, Problem> {
    caller.may(SIGNING)?;
    let client = match query.client_id.parse::<ClientId>() {
        Ok(id) => clients::find(provider.db.read(), &id).await?,
        Err(_) => None,
    };
    let unseen = client.and_then(|client| client.config().signing.as_ref().map(|signing| signing.unseen));
    Ok(Json(SigningPolicy { unseen: unseen.unwrap_or_default() }))
}

/// Who is signed in with a browser.
#[utoipa::path(
    post, path = "/authn/signing/browsers", tag = "authn", request_body = BrowserQuery,
    responses(
        (status = 200, description = "Who", body = BrowserHolder),
        (status = 404, description = "Nobody is", body = Body),
    )
)]
pub(super) async fn browser(
    caller: Caller,
    State(provider): State<Provider>,
    Json(query): Json<BrowserQuery>,
) -> Result<Json<BrowserHolder>, Problem> {
    caller.may(SIGNING)?;
    let nobody = || Problem::not_found("nobody-signed-in", "Nobody is signed in with this browser.");
    let headers = of_browser(query.cookie).ok_or_else(nobody)?;
    // The signer has their cookie, and not where they are.
    let seen = Seen { headers: &headers, address: None };
    let session = current(&provider, seen, provider.now()).await?.ok_or_else(nobody)?;
    Ok(Json(BrowserHolder {
        user_id: session.person.to_string(),
        session: session.id.to_string(),
        level: session.level.digit().to_owned(),
    }))
}

/// The headers of a browser that holds this.
fn of_browser(cookie: String) -> Option<HeaderMap> {
    let cookie = HeaderValue::try_from(cookie).ok()?;
    Some(HeaderMap::from_iter([(header::COOKIE, cookie)]))
}

/// What a waiting request for a token asks to have signed, for the browser that began it and whoever signed in with it.
#[utoipa::path(
    post, path = "/authn/signing/authorisations", tag = "authn", request_body = SigningQuery,
    responses(
        (status = 200, description = "What", body = SigningAuthorisation),
        (status = 404, description = "It is over, asks for no signature, or is another browser's", body = Body),
    )
)]
pub(super) async fn authorisation(
    caller: Caller,
    State(provider): State<Provider>,
    Json(query): Json<SigningQuery>,
) -> Result<Json<SigningAuthorisation>, Problem> {
    caller.may(SIGNING)?;
    let unknown = || {
        let sentence = "This request to sign is over, was answered, or was begun in another browser.";
        Problem::not_found("authorisation-unknown", sentence)
    };
    let (headers, now) = (of_browser(query.cookie).ok_or_else(unknown)?, provider.now());
    // The signer has their cookie, and not where they are.
    let seen = Seen { headers: &headers, address: None };
    let (_, row) = waiting(&provider, &headers, &query.secret, now).await?.ok_or_else(unknown)?;
    let waiting = row.whole()?;
    let decider = authorise::decider(&provider, &waiting, seen, now).await?.ok_or_else(unknown)?;
    let details = waiting.request.signing.ok_or_else(unknown)?;
    let client = clients::find(provider.db.read(), &waiting.interaction.client).await?;
    let client = client.filter(|client| client.state == ClientState::Open).ok_or_else(unknown)?;
    Ok(Json(SigningAuthorisation {
        reference: waiting.interaction.id.to_string(),
        client_id: waiting.interaction.client.to_string(),
        client_name: waiting.interaction.client_name,
        user_id: decider.person.to_string(),
        sid: decider.sid,
        level: decider.level.digit().to_owned(),
        details,
        unseen: client.config().signing.as_ref().map(|signing| signing.unseen).unwrap_or_default(),
        expires_at: waiting.interaction.expires_at.0,
    }))
}

/// Writes what its person decided, which the signer has recorded. The browser then goes on with the request.
#[utoipa::path(
    post, path = "/authn/signing/authorisations/{reference}/decision", tag = "authn",
    request_body = SigningDecided,
    params(("reference" = String, Path, description = "The name of the request")),
    responses(
        (status = 204, description = "It is written"),
        (status = 409, description = "It is over, or something else was decided", body = Body),
    )
)]
pub(super) async fn decide(
    caller: Caller,
    State(provider): State<Provider>,
    Path(reference): Path<String>,
    Json(decided): Json<SigningDecided>,
) -> Result<StatusCode, Problem> {
    caller.may(SIGNING)?;
    let over = || Problem::conflict("authorisation-over", "The request is over, or was decided otherwise.");
    let id: InteractionId = reference.parse().map_err(|_| over())?;
    let now = provider.now();
    let written: Result<bool, Error> = provider
        .db
        .write(move |tx| Box::pin(async move { interactions::decide(tx, &id, &decided, now).await }))
        .await;
    if written? { Ok(StatusCode::NO_CONTENT) } else { Err(over()) }
}

/// Asks a person to prove that they are there, with an authenticator that makes sure who uses it.
#[utoipa::path(
    post, path = "/authn/signing/presences", tag = "authn", request_body = NewPresence,
    responses(
        (status = 200, description = "What the browser is to ask their authenticators", body = Object),
        (status = 409, description = "They have none that is worth enough", body = Body),
    )
)]
pub(super) async fn begin(
    caller: Caller,
    State(provider): State<Provider>,
    Json(asked): Json<NewPresence>,
) -> Result<Json<Value>, Problem> {
    caller.may(SIGNING)?;
    let mut binding = [0; 32];
    hex::decode_to_slice(&asked.binding, &mut binding)
        .map_err(|_| Error::field("binding", "A SHA-256 in hexadecimal."))?;
    let person: UserId = asked.user_id.parse().map_err(|_| Error::field("user_id", "Twelve digits."))?;
    let least = match asked.level.as_str() {
        "2" => Level::Two,
        "3" => Level::Three,
        _ => return Err(Error::field("level", "2 or 3.").into()),
    };
    let named = |text: &str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !named(&asked.reference) {
        return Err(Error::field("reference", "1 to 64 letters, digits and hyphens.").into());
    }
    let asked = Asked { reference: asked.reference, person, binding, least };
    Ok(Json(ask(&provider, &asked, provider.now()).await?))
}

/// Looks at what an authenticator answered.
#[utoipa::path(
    post, path = "/authn/signing/presences/{reference}/answer", tag = "authn", request_body = PresenceAnswer,
    params(("reference" = String, Path, description = "What it was for")),
    responses(
        (status = 200, description = "The person is there", body = Presence),
        (status = 409, description = "The answer does not show it", body = Body),
    )
)]
pub(super) async fn answer(
    caller: Caller,
    State(provider): State<Provider>,
    Path(reference): Path<String>,
    Json(answer): Json<PresenceAnswer>,
) -> Result<Json<Presence>, Problem> {
    caller.may(SIGNING)?;
    match look_at(&provider, &reference, &answer.credential, provider.now()).await? {
        Answered::There(presence) => Ok(Json(*presence)),
        Answered::Refused(told) => Err(Problem::conflict("presence-refused", told.sentence)),
    }
}
