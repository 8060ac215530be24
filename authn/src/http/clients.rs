//! `/authn/configs`: registering relying parties.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{StatusCode, header};
use platform::caller::Caller;
use platform::id::ClientId;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::form::unkept;
use crate::api::{
    ALL_TEAMS, CLIENTS, Configs, Deliveries, Failures, FetchedKeys, HashQuery, ListQuery, NewConfig,
    Registered, ReplaceConfig, clients_of,
};
use crate::client::registry::{self, Change, Made};
use crate::client::{Client, Settings, key_set};
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::store::{client_keys, clients, logouts};

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/authn/configs/{team}", get(list).post(create))
        .route("/authn/configs/{team}/{config}", get(show).put(replace).delete(close))
        .route("/authn/configs/{team}/{config}/secret", post(new_secret))
        .route("/authn/configs/{team}/{config}/failures", get(failures))
        .route("/authn/configs/{team}/{config}/keys", get(keys).post(refresh_keys))
        .route("/authn/configs/{team}/{config}/logouts", get(deliveries))
}

#[derive(OpenApi)]
#[openapi(paths(list, create, show, replace, close, new_secret, failures, keys, refresh_keys, deliveries))]
pub(super) struct Document;

/// The relying parties of a team.
#[utoipa::path(
    get, path = "/authn/configs/{team}", tag = "sign-in",
    params(("team" = String, Path, description = "The team"), ListQuery),
    responses(
        (status = 200, description = "Their client ids", body = Configs),
        (status = 403, description = "The caller may not", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(provider): State<Provider>,
    Path(team): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Configs>, Problem> {
    looks_after(&caller, &team)?;
    let limit = limit(&query)?;
    let after = query.after.as_deref().unwrap_or_default();
    let mut configs = clients::of_team(provider.db.read(), &team, after, limit + 1).await?;
    let next = cut(&mut configs, limit, Clone::clone);
    Ok(Json(Configs { configs, next }))
}

/// Registers a relying party. A secret that is made for it is in this answer and in no other.
#[utoipa::path(
    post, path = "/authn/configs/{team}", tag = "sign-in",
    params(("team" = String, Path, description = "The team")),
    request_body(content = NewConfig, example = json!({"client_config": {
        "client_name": "Larkfield Record", "redirect_uris": ["https://record.example/callback"],
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://record.example/jwks",
        "jwks_uri_signing_algorithm": "RS512", "scopes": ["openid", "nationalrbacaccess", "selectedrole"],
        "backchannel_logout_uri": "https://record.example/logout"}})),
    responses(
        (status = 201, description = "The relying party", body = Registered),
        (status = 400, description = "What is wrong and what to do", body = Body),
        (status = 409, description = "There is, or was, one with this id", body = Body),
    )
)]
pub(super) async fn create(
    caller: Caller,
    State(provider): State<Provider>,
    Path(team): Path<String>,
    Json(asked): Json<NewConfig>,
) -> Result<Response, Problem> {
    looks_after(&caller, &team)?;
    // In the form of a client id, so that it can stand in addresses.
    let team: ClientId = team
        .parse()
        .map_err(|_| Error::field("team", "Small letters, digits, dots, lines and hyphens; at most 128."))?;
    let id = asked.config_name.map(|id| id.parse::<ClientId>()).transpose().map_err(|_| {
        Error::field("config_name", "Small letters, digits, dots, lines and hyphens; at most 128.")
    })?;
    let settings = Settings::checked(asked.client_config)?;
    let made = registry::register(&provider, &caller, team.to_string(), id, settings).await?;
    Ok(answer(StatusCode::CREATED, made))
}

/// A relying party.
#[utoipa::path(
    get, path = "/authn/configs/{team}/{config}", tag = "sign-in",
    params(("team" = String, Path, description = "The team"), ("config" = String, Path, description = "The client id")),
    responses(
        (status = 200, description = "The relying party, without its secret", body = Registered),
        (status = 404, description = "The team has none of this id", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(provider): State<Provider>,
    Path((team, config)): Path<(String, ClientId)>,
) -> Result<Response, Problem> {
    looks_after(&caller, &team)?;
    let client = registry::of_team(&provider, &team, &config).await?;
    Ok(answer(StatusCode::OK, Made { client, secret: None }))
}

/// Replaces the registration of a relying party.
#[utoipa::path(
    put, path = "/authn/configs/{team}/{config}", tag = "sign-in",
    params(
        ("team" = String, Path, description = "The team"), ("config" = String, Path, description = "The client id"),
        HashQuery,
    ),
    request_body = ReplaceConfig,
    responses(
        (status = 200, description = "The relying party; with a secret where it now needs one", body = Registered),
        (status = 400, description = "What is wrong and what to do", body = Body),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
pub(super) async fn replace(
    caller: Caller,
    State(provider): State<Provider>,
    Path((team, config)): Path<(String, ClientId)>,
    Query(query): Query<HashQuery>,
    Json(asked): Json<ReplaceConfig>,
) -> Result<Response, Problem> {
    looks_after(&caller, &team)?;
    let change = Change::Replace(Box::new(Settings::checked(asked.client_config)?));
    let made = registry::change(&provider, &caller, &team, &config, read_hash(&query)?, change).await?;
    Ok(answer(StatusCode::OK, made))
}

/// Takes a relying party out of use, for good. Everything that was granted to it ends.
#[utoipa::path(
    delete, path = "/authn/configs/{team}/{config}", tag = "sign-in",
    params(
        ("team" = String, Path, description = "The team"), ("config" = String, Path, description = "The client id"),
        HashQuery,
    ),
    responses(
        (status = 200, description = "The relying party as it is from then on", body = Registered),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
pub(super) async fn close(
    caller: Caller,
    State(provider): State<Provider>,
    Path((team, config)): Path<(String, ClientId)>,
    Query(query): Query<HashQuery>,
) -> Result<Response, Problem> {
    looks_after(&caller, &team)?;
    let made =
        registry::change(&provider, &caller, &team, &config, read_hash(&query)?, Change::Close).await?;
    Ok(answer(StatusCode::OK, made))
}

/// Makes a new secret for a relying party. The one before is good no more.
#[utoipa::path(
    post, path = "/authn/configs/{team}/{config}/secret", tag = "sign-in",
    params(
        ("team" = String, Path, description = "The team"), ("config" = String, Path, description = "The client id"),
        HashQuery,
    ),
    responses(
        (status = 200, description = "The relying party with its secret, in this answer and in no other", body = Registered),
        (status = 409, description = "It proves who it is without a secret", body = Body),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
async fn new_secret(
    caller: Caller,
    State(provider): State<Provider>,
    Path((team, config)): Path<(String, ClientId)>,
    Query(query): Query<HashQuery>,
) -> Result<Response, Problem> {
    looks_after(&caller, &team)?;
    let made =
        registry::change(&provider, &caller, &team, &config, read_hash(&query)?, Change::NewSecret).await?;
    Ok(answer(StatusCode::OK, made))
}

/// Why a relying party was refused: each with the correlation id of its answer.
#[utoipa::path(
    get, path = "/authn/configs/{team}/{config}/failures", tag = "sign-in",
    params(
        ("team" = String, Path, description = "The team"), ("config" = String, Path, description = "The client id"),
        ListQuery,
    ),
    responses(
        (status = 200, description = "Latest first; two hundred at most of each check, for thirty days", body = Failures),
        (status = 404, description = "The team has none of this id", body = Body),
    )
)]
async fn failures(
    caller: Caller,
    State(provider): State<Provider>,
    Path((team, config)): Path<(String, ClientId)>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Failures>, Problem> {
    looks_after(&caller, &team)?;
    let limit = limit(&query)?;
    let client = registry::of_team(&provider, &team, &config).await?;
    let mut failures =
        clients::refusals(provider.db.read(), &client.id, query.after.as_deref(), limit + 1).await?;
    let next = cut(&mut failures, limit, |one| one.correlation_id.clone());
    Ok(Json(Failures { failures, next }))
}

/// The keys of a relying party that publishes them, as they were last fetched.
#[utoipa::path(
    get, path = "/authn/configs/{team}/{config}/keys", tag = "sign-in",
    params(("team" = String, Path, description = "The team"), ("config" = String, Path, description = "The client id")),
    responses(
        (status = 200, description = "The ids of the keys, and how the last attempt went", body = FetchedKeys),
        (status = 404, description = "It publishes none, or they were never fetched", body = Body),
    )
)]
async fn keys(
    caller: Caller,
    State(provider): State<Provider>,
    Path((team, config)): Path<(String, ClientId)>,
) -> Result<Json<FetchedKeys>, Problem> {
    looks_after(&caller, &team)?;
    let client = registry::of_team(&provider, &team, &config).await?;
    fetched(&provider, &client).await.map(Json)
}

/// Fetches the keys of a relying party now.
#[utoipa::path(
    post, path = "/authn/configs/{team}/{config}/keys", tag = "sign-in",
    params(("team" = String, Path, description = "The team"), ("config" = String, Path, description = "The client id")),
    responses(
        (status = 200, description = "The ids of the keys, and how the attempt went", body = FetchedKeys),
        (status = 409, description = "It publishes none", body = Body),
    )
)]
async fn refresh_keys(
    caller: Caller,
    State(provider): State<Provider>,
    Path((team, config)): Path<(String, ClientId)>,
) -> Result<Json<FetchedKeys>, Problem> {
    looks_after(&caller, &team)?;
    let client = registry::of_team(&provider, &team, &config).await?;
    let Some(uri) = client.config().jwks_uri.clone() else {
        return Err(Error::conflict("no-jwks-uri", "The client publishes no keys.").into());
    };
    key_set::refresh(&provider, &client, &uri).await?;
    fetched(&provider, &client).await.map(Json)
}

async fn fetched(provider: &Provider, client: &Client) -> Result<FetchedKeys, Problem> {
    let row = client_keys::find(provider.db.read(), &client.id).await?;
    let row = row.ok_or_else(|| Error::unknown("set of keys", &client.id))?;
    Ok(FetchedKeys {
        jwks_uri: row.uri,
        kids: row.keys.as_deref().map(key_set::kids).unwrap_or_default(),
        fetched_at: row.fetched_at.map(|at| at.0),
        tried_at: row.tried_at.0,
        outcome: row.outcome,
    })
}

/// What a relying party was told of sessions that ended, and how that went.
#[utoipa::path(
    get, path = "/authn/configs/{team}/{config}/logouts", tag = "sign-in",
    params(
        ("team" = String, Path, description = "The team"), ("config" = String, Path, description = "The client id"),
        ListQuery,
    ),
    responses(
        (status = 200, description = "Latest first, for thirty days", body = Deliveries),
        (status = 404, description = "The team has none of this id", body = Body),
    )
)]
async fn deliveries(
    caller: Caller,
    State(provider): State<Provider>,
    Path((team, config)): Path<(String, ClientId)>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Deliveries>, Problem> {
    looks_after(&caller, &team)?;
    let limit = limit(&query)?;
    let client = registry::of_team(&provider, &team, &config).await?;
    let mut deliveries =
        logouts::of_client(provider.db.read(), &client.id, query.after.as_deref(), limit + 1).await?;
    let next = cut(&mut deliveries, limit, |one| one.id.clone());
    Ok(Json(Deliveries { deliveries, next }))
}

/// Whether the caller looks after the relying parties of a team; another's team is not found.
pub(super) fn looks_after(caller: &Caller, team: &str) -> Result<(), Problem> {
    caller.may(CLIENTS)?;
    if caller.may(ALL_TEAMS).is_ok() || caller.acts.contains(&clients_of(team)) {
        return Ok(());
    }
    Err(Error::unknown("team", team).into())
}

/// What the caller read, without which nobody knows what they mean to change.
fn read_hash(query: &HashQuery) -> Result<&str, Problem> {
    query.hash.as_deref().ok_or_else(|| {
        Problem::precondition_required("hash-missing", "Give the hash that you read, as in ?hash=…")
    })
}

fn answer(status: StatusCode, Made { client, secret }: Made) -> Response {
    let location = format!("/authn/configs/{}/{}", client.team, client.id);
    let registered = Registered {
        config_name: client.id.to_string(),
        hash: client.settings.hash(client.version),
        state: client.state.word().to_owned(),
        client_config: client.config().clone(),
        client_secret: secret.as_ref().map(Secret::text).map(|text| text.to_string()),
    };
    let mut response = (status, Json(registered)).into_response();
    unkept(response.headers_mut());
    if status == StatusCode::CREATED
        && let Ok(location) = location.parse()
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn limit(query: &ListQuery) -> Result<u32, Error> {
    match query.limit {
        None => Ok(50),
        Some(limit @ 1..=500) => Ok(limit),
        Some(_) => Err(Error::field("limit", "Between 1 and 500.")),
    }
}

/// Cuts off the one more than was asked for, and says where to read on if it was there.
fn cut<T>(items: &mut Vec<T>, limit: u32, place: impl Fn(&T) -> String) -> Option<String> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > wanted;
    items.truncate(wanted);
    items.last().filter(|_| more).map(place)
}
