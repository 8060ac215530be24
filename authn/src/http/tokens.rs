//! What relying parties call themselves: tokens, what they are worth, giving them back, and pushed requests.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;

use super::form::{Posted, json};
use crate::oidc::{exchange, introspect, pushed, revoke};
use crate::provider::Provider;

/// Exchanges a code, a refresh token, or the client's own proof for tokens. RFC 6749 3.2.
#[utoipa::path(
    post, path = "/token", tag = "sign-in",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        example = "grant_type=authorization_code&code=…&redirect_uri=…&code_verifier=…"),
    responses(
        (status = 200, description = "The tokens", body = Object),
        (status = 400, description = "What is wrong, in the words of OAuth", body = Object),
        (status = 401, description = "The client did not prove who it is", body = Object),
    )
)]
pub(super) async fn exchange(State(provider): State<Provider>, form: Posted) -> Response {
    let done = async {
        let proof = form.authenticated(&provider).await?;
        let way = (&form.held, form.face);
        exchange::exchange(&provider, &proof, &form.parameters, way, provider.now()).await
    };
    match done.await {
        Ok(issued) => json(StatusCode::OK, &issued),
        Err(refusal) => form.refused(refusal),
    }
}

/// What a token is worth. RFC 7662.
#[utoipa::path(
    post, path = "/introspect", tag = "sign-in",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", example = "token=…"),
    responses(
        (status = 200, description = "What it is worth", body = Object),
        (status = 400, description = "What is wrong, in the words of OAuth", body = Object),
        (status = 401, description = "The client did not prove who it is", body = Object),
    )
)]
pub(super) async fn introspect(State(provider): State<Provider>, form: Posted) -> Response {
    let done = async {
        let proof = form.authenticated(&provider).await?;
        introspect::introspect(&provider, &proof, &form.parameters, provider.now()).await
    };
    match done.await {
        Ok(told) => json(StatusCode::OK, &told),
        Err(refusal) => form.refused(refusal),
    }
}

/// Ends a token. RFC 7009.
#[utoipa::path(
    post, path = "/revoke", tag = "sign-in",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", example = "token=…"),
    responses(
        (status = 200, description = "It is not good, whether it was or not"),
        (status = 400, description = "What is wrong, in the words of OAuth", body = Object),
        (status = 401, description = "The client did not prove who it is", body = Object),
    )
)]
pub(super) async fn revoke(State(provider): State<Provider>, form: Posted) -> Response {
    let done = async {
        let proof = form.authenticated(&provider).await?;
        revoke::revoke(&provider, &proof, &form.parameters, provider.now()).await
    };
    match done.await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => form.refused(refusal),
    }
}

/// Takes an authorisation request beforehand. RFC 9126.
#[utoipa::path(
    post, path = "/par", tag = "sign-in",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        example = "response_type=code&client_id=…&redirect_uri=…&scope=openid"),
    responses(
        (status = 201, description = "Under which name it waits", body = Object),
        (status = 400, description = "What is wrong, in the words of OAuth", body = Object),
        (status = 401, description = "The client did not prove who it is", body = Object),
    )
)]
pub(super) async fn push(State(provider): State<Provider>, form: Posted) -> Response {
    let done = async {
        let proof = form.authenticated(&provider).await?;
        pushed::push(&provider, &proof, &form.parameters, &form.held, form.face, provider.now()).await
    };
    match done.await {
        Ok(pushed) => json(StatusCode::CREATED, &pushed),
        Err(refusal) => form.refused(refusal),
    }
}
