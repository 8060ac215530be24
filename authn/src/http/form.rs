//! Requests of the protocol and their answers, in the words of OAuth.

use std::net::IpAddr;

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse as _, Response};
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use platform::caller::Certified;
use platform::problem::Problem;
use platform::web::{PeerAddress, Raw, TlsPeer};
use serde::Serialize;

use crate::client::authentication::{self, Authenticated, Presented, Unproved};
use crate::oidc::face::Face;
use crate::oidc::parameters::Parameters;
use crate::oidc::possession::{Held, certificate_thumbprint};
use crate::oidc::refusal::{Code, Refusal};
use crate::provider::Provider;
use crate::token::dpop;

/// A form, with what stands around it.
pub(super) struct Posted {
    pub(super) parameters: Parameters,
    pub(super) headers: HeaderMap,
    pub(super) face: Face,
    pub(super) held: Held,
    /// From where it came.
    pub(super) address: Option<IpAddr>,
    /// Whose certificate the connection showed. Not the caller: that may be one of a token.
    certified: Option<Certified>,
}

impl<S: Send + Sync> FromRequest<S> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let face = Face::of_path(request.uri().path());
        let certified = request.extensions().get::<Certified>().cloned();
        let address = request.extensions().get::<PeerAddress>().map(|peer| peer.0.ip());
        let held = held(request.method(), request.uri(), request.headers(), request.extensions());
        let Raw(body) =
            Raw::from_request(request, state).await.map_err(|problem: Problem| problem.into_response())?;
        let kind =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") && !body.is_empty() {
            let sentence = "Send the parameters as application/x-www-form-urlencoded.";
            return Err(refused(Refusal::new(Code::InvalidRequest, sentence)));
        }
        let parameters = Parameters::parse(&body).map_err(|unreadable| {
            refused(Refusal::new(Code::InvalidRequest, format!("The form is not read: {unreadable}.")))
        })?;
        Ok(Self { parameters, headers, face, held, address, certified })
    }
}

impl Posted {
    /// Checks who the client is.
    pub(super) async fn authenticated(&self, provider: &Provider) -> Result<Authenticated, Refusal> {
        let mut given = self.headers.get_all(header::AUTHORIZATION).iter();
        let (first, second) = (given.next(), given.next());
        let presented = Presented {
            authorization: first.filter(|_| second.is_none()).map(|value| value.to_str().unwrap_or_default()),
            parameters: &self.parameters,
            certificate: self.certified.as_ref(),
            address: self.address,
        };
        if second.is_some() {
            return Err(Unproved::two_headers().refused(provider, &presented, provider.now()).await);
        }
        authentication::authenticate(provider, &presented, provider.now()).await
    }
}

impl Posted {
    /// A refusal to this form. Only whoever came with the header `Authorization` is told how to use it (RFC 6749 5.2): for others
    /// clients would show that in place of the reason.
    pub(super) fn refused(&self, refusal: Refusal) -> Response {
        let mut response = refused(refusal);
        if !self.headers.contains_key(header::AUTHORIZATION) {
            response.headers_mut().remove(header::WWW_AUTHENTICATE);
        }
        response
    }
}

/// JSON that nobody keeps. RFC 6749 5.1.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = match serde_json::to_vec(body) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => Problem::internal(error).into_response(),
    };
    unkept(response.headers_mut());
    response
}

/// Says that an answer is not to be kept.
pub(super) fn unkept(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
}

/// A refusal as it is answered directly. What went wrong on our side is logged here, once.
pub(super) fn refused(refusal: Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, &refusal.body());
    let headers = response.headers_mut();
    // RFC 6749 5.2.
    if refusal.code == Code::InvalidClient {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"lanyard\""));
    }
    nonce(&refusal, headers);
    if let Some(after) = refusal.code.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
    }
    refusal.log();
    response
}

/// What a request shows beside its parameters.
pub(super) fn held(method: &Method, uri: &Uri, headers: &HeaderMap, extensions: &Extensions) -> Held {
    let mut proofs = headers.get_all("dpop").iter();
    let proof = match (proofs.next(), proofs.next()) {
        (None, _) => None,
        (Some(one), None) => Some(one.to_str().unwrap_or_default().to_owned()),
        // RFC 9449 4.3: not more than one.
        (Some(_), Some(_)) => Some(String::new()),
    };
    let leaf = extensions.get::<TlsPeer>().and_then(|peer| peer.chain.first().cloned());
    Held {
        proof,
        certificate: leaf.map(|leaf| certificate_thumbprint(&leaf)),
        method: method.as_str().to_owned(),
        path: uri.path().to_owned(),
    }
}

/// A refusal where an access token was shown, with the ways in which one may be.
pub(super) fn token_refused(refusal: Refusal) -> Response {
    let mut challenges = HeaderMap::new();
    token_challenges(&refusal, &mut challenges);
    // RFC 6750 3.1, RFC 9449 7.1: a proof that is none is as bad as a token that is none.
    let of_proof = matches!(refusal.code, Code::InvalidDpopProof | Code::UseDpopNonce);
    let mut response = refused(refusal);
    if of_proof {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    response.headers_mut().extend(challenges);
    response
}

/// In which ways a token may be shown, and what was wrong with the one that was. RFC 6750 3, RFC 9449 7.1.
pub(super) fn token_challenges(refusal: &Refusal, headers: &mut HeaderMap) {
    let word = match refusal.code {
        Code::InvalidToken | Code::InsufficientScope | Code::InvalidDpopProof | Code::UseDpopNonce => {
            refusal.code.word()
        }
        _ => return,
    };
    let bearer = matches!(refusal.code, Code::InvalidToken | Code::InsufficientScope)
        .then(|| format!("Bearer error=\"{word}\""));
    let dpop = format!("DPoP error=\"{word}\", algs=\"{}\"", dpop::ALGORITHMS.join(" "));
    for challenge in bearer.into_iter().chain([dpop]) {
        if let Ok(value) = HeaderValue::from_str(&challenge) {
            headers.append(header::WWW_AUTHENTICATE, value);
        }
    }
    nonce(refusal, headers);
}

/// RFC 9449 8.
fn nonce(refusal: &Refusal, headers: &mut HeaderMap) {
    if let Some(nonce) = refusal.nonce.as_deref().and_then(|nonce| HeaderValue::from_str(nonce).ok()) {
        headers.insert("dpop-nonce", nonce);
    }
}
