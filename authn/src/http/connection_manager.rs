//! `/api/configs`: the registry once more, at the paths and in the words of the Connection Manager of CIS2, for the programs that speak
//! to it.
//!
//! It knows no scopes: whoever is registered may ask for those of CIS2. So may whoever is registered here without saying which.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use platform::caller::Caller;
use platform::id::ClientId;
use platform::problem::Problem;
use platform::web::{Json, Path, Query};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::clients;
use crate::api::HashQuery;
use crate::client::registry;
use crate::oidc::scope::Scope;
use crate::provider::Provider;

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/api/configs/{team}", get(clients::list).post(create))
        .route("/api/configs/{team}/{config}", get(clients::show).put(replace).delete(clients::close))
}

/// The paths of the registry, and the same here.
pub(super) const PATHS: [(&str, &str); 2] = [
    ("/authn/configs/{team}", "/api/configs/{team}"),
    ("/authn/configs/{team}/{config}", "/api/configs/{team}/{config}"),
];

async fn create(
    caller: Caller,
    state: State<Provider>,
    Path(team): Path<String>,
    Json(asked): Json<Value>,
) -> Result<Response, Problem> {
    clients::looks_after(&caller, &team)?;
    let all: Vec<String> = Scope::of_cis2().map(|scope| scope.word().to_owned()).collect();
    let asked = read(asked, &all)?;
    clients::create(caller, state, Path(team), Json(asked)).await
}

/// What is left out is as it was: a program that knows no scopes takes none away and gives none.
async fn replace(
    caller: Caller,
    state: State<Provider>,
    Path((team, config)): Path<(String, ClientId)>,
    query: Query<HashQuery>,
    Json(asked): Json<Value>,
) -> Result<Response, Problem> {
    clients::looks_after(&caller, &team)?;
    let known = registry::of_team(&state.0, &team, &config).await?;
    let asked = read(asked, &known.config().scopes)?;
    clients::replace(caller, state, Path((team, config)), query, Json(asked)).await
}

/// A registration, which may stand by itself or as `client_config`, with these scopes if it names none.
fn read<T: DeserializeOwned>(asked: Value, scopes: &[String]) -> Result<T, Problem> {
    let mut asked = match asked.get("client_config") {
        Some(_) => asked,
        None => json!({"client_config": asked}),
    };
    if let Some(config) = asked["client_config"].as_object_mut() {
        config.entry("scopes").or_insert_with(|| json!(scopes));
    }
    serde_json::from_value(asked).map_err(|_| {
        let sentence = "This is no registration as the Connection Manager takes it: a member is missing, is not known, or is not what it may be.";
        Problem::invalid("registration-unreadable", sentence)
    })
}
