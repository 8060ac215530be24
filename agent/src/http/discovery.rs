//! Finding the agent: what the national port service answers. <https://github.com/NHSDigital/nhs-credential-manager-prescription-signing>

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::Shared;

/// Where the hub is.
pub(super) async fn port_number(State(shared): State<Arc<Shared>>) -> Response {
    super::json(&json!({ "portData": { "portNumber": shared.hub_port } }))
}

/// That the agent is here.
pub(super) async fn connect() -> Response {
    super::json(&json!({ "statusCode": "200" }))
}
