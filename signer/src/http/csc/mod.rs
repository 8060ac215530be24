//! The Cloud Signature Consortium API v2, one file per method.

mod answer;
mod around;
pub(super) mod authorize;
pub(super) mod credentials;
mod fields;
pub(super) mod info;
mod member;
pub(super) mod sign_doc;
mod sign_doc_body;
pub(super) mod sign_hash;
#[cfg(test)]
mod table;
pub(super) mod timestamp;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use platform::caller::Caller;

use answer::CscAnswer;
pub use around::in_csc_words;
pub(super) use authorize::authorize;
pub(super) use credentials::{credentials_info, credentials_list};
use fields::Fields;
pub(super) use info::{info, not_implemented};
pub(super) use sign_doc::sign_doc;
pub(super) use sign_hash::sign_hash;
pub(super) use timestamp::timestamp;

/// A caller who is known. Whoever is not is refused before the body is read: nobody unknown has us keep or parse
/// megabytes.
pub(super) struct Known(pub(super) Caller);

impl<S: Sync> FromRequestParts<S> for Known {
    type Rejection = CscAnswer;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, CscAnswer> {
        Caller::from_request_parts(parts, state).await.map(Self).map_err(CscAnswer::from)
    }
}
