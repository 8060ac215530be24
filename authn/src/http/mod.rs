//! The routes of sign-in.

use axum::Router;

use crate::provider::Provider;

/// Everything that sign-in answers.
pub fn router(provider: Provider) -> Router {
    Router::new().with_state(provider)
}
