//! Answers with their entity tag and address.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use platform::problem::MEDIA_TYPE;
use platform::web::Json;
use serde::Serialize;

use crate::once::Answer;
use crate::version::Version;

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let media = if status.is_client_error() { MEDIA_TYPE } else { "application/json" };
        let mut response = (status, [(header::CONTENT_TYPE, media)], self.body).into_response();
        let fields = [(header::LOCATION, self.location), (header::ETAG, self.etag)];
        for (name, value) in fields {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// A thing with its entity tag.
pub(crate) struct Tagged<T>(pub(crate) Version, pub(crate) T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, self.0.tag())], Json(self.1)).into_response()
    }
}
