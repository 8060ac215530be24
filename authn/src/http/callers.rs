//! Access tokens at the other routes of this server: a request that shows one is its client's.

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header;
use platform::problem::Problem;
use platform::web::{Answer, Onward, Step};

use super::form::{held, token_challenges};
use super::userinfo::shown;
use crate::caller::{Known, caller};
use crate::oidc::refusal::{Code, Refusal};
use crate::provider::Provider;

/// Puts the caller of an access token into requests that show one, in place of that of a certificate. Put it around what limits
/// callers, and inside what makes them of certificates.
pub struct TokenCallers(Provider);

impl TokenCallers {
    /// Those whose tokens are of this provider.
    pub fn new(provider: Provider) -> Self {
        Self(provider)
    }
}

impl Step for TokenCallers {
    fn take<'a>(&'a self, request: Request, onward: Onward<'a>) -> Answer<'a> {
        // There the token is about its person, and no caller.
        if is_about_its_person(request.uri().path()) || shown(request.headers()).is_none() {
            return onward.run(request);
        }
        Box::pin(identify(&self.0, request, onward))
    }
}

async fn identify(provider: &Provider, mut request: Request, onward: Onward<'_>) -> Response {
    let Some((scheme, token)) = shown(request.headers()) else { return onward.run(request).await };
    let held = held(request.method(), request.uri(), request.headers(), request.extensions());
    match caller(provider, token, scheme, &held, provider.now()).await {
        Ok(Known { caller, signing }) => {
            request.extensions_mut().insert(caller);
            if let Some(signing) = signing {
                request.extensions_mut().insert(signing);
            }
            // Read once; nothing behind this takes it for something else.
            request.headers_mut().remove(header::AUTHORIZATION);
            onward.run(request).await
        }
        Err(refusal) => refused(refusal),
    }
}

/// Where an access token says who is meant: userinfo, and signing, which asks for whom it is.
fn is_about_its_person(path: &str) -> bool {
    path.ends_with("/userinfo") || path.starts_with("/signing-service/")
}

/// A refusal as the other routes say theirs, with the ways in which a token may be shown.
fn refused(refusal: Refusal) -> Response {
    let detail = refusal.description.clone();
    let problem = refusal.come_again().unwrap_or_else(|| match refusal.code {
        Code::InsufficientScope => Problem::forbidden("token-not-for-this", detail),
        Code::InvalidToken => Problem::unauthenticated("token-not-good", detail),
        Code::InvalidDpopProof => Problem::unauthenticated("proof-not-good", detail),
        Code::UseDpopNonce => Problem::unauthenticated("proof-without-nonce", detail),
        _ => Problem::internal(detail),
    });
    let mut response = problem.into_response();
    token_challenges(&refusal, response.headers_mut());
    refusal.log();
    response
}
