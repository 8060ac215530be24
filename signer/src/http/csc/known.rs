//! Who calls the API.

use authn::api::SigningGrant;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use platform::caller::Caller;
use platform::problem::Problem;

use super::CscAnswer;
use crate::error::Error;
use crate::ids::AuthorisationId;

/// A caller who is known. Whoever is not is refused before the body is read: nobody unknown has us keep or parse
/// megabytes.
pub(crate) struct Known {
    /// Who.
    pub(super) caller: Caller,
    /// What the access token is for, where a person's application shows one (CSC API v2, 8.4).
    pub(super) token: Option<SigningGrant>,
}

impl<S: Sync> FromRequestParts<S> for Known {
    type Rejection = CscAnswer;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, CscAnswer> {
        let caller = Caller::from_request_parts(parts, state).await.map_err(CscAnswer::from)?;
        Ok(Self { caller, token: parts.extensions.get::<SigningGrant>().cloned() })
    }
}

impl Known {
    /// The caller, for what a token for named documents alone is not good for.
    pub(super) fn service(self) -> Result<Caller, CscAnswer> {
        match &self.token {
            Some(token) if !token.service => {
                let sentence =
                    "The access token is for named documents alone; this takes one with the scope service.";
                Err(Problem::forbidden("token-not-for-this", sentence).into())
            }
            _ => Ok(self.caller),
        }
    }

    /// What the access token is for, if it is for named documents.
    pub(super) fn authorisation(&self) -> Result<Option<AuthorisationId>, Error> {
        let named = self.token.as_ref().and_then(|token| token.authorisation.as_deref());
        named.map(|id| id.parse().map_err(|_| Error::StoredRow { what: "identifier" })).transpose()
    }

    /// The caller, for what any token is good for.
    pub(super) fn any(self) -> Caller {
        self.caller
    }
}
