//! How a client proves who it is. Secrets, signatures of assertions and whose a certificate is are not looked at: the kit knows none.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use platform::web::TlsPeer;
use serde_json::Value;

use super::Shared;
use crate::commands::authn::token;

/// What a client showed of itself.
#[derive(Debug, Clone)]
pub(in crate::commands::authn) struct Proof {
    /// By which way.
    pub(in crate::commands::authn) method: &'static str,
    /// What is wrong with its assertion.
    pub(in crate::commands::authn) wrong: Option<&'static str>,
}

/// Looks at the proof that comes with a form, over a connection that showed this certificate or none.
pub(super) fn shown(
    shared: &Shared,
    peer: Option<&TlsPeer>,
    headers: &HeaderMap,
    form: &BTreeMap<String, String>,
) -> Proof {
    let Some(assertion) = form.get("client_assertion") else {
        let method = if headers.contains_key(header::AUTHORIZATION) {
            "client_secret_basic"
        } else if form.contains_key("client_secret") {
            "client_secret_post"
        } else if peer.is_some() && form.get("client_id") == Some(&shared.client) {
            // RFC 8705 2: the request says which client it is.
            "tls_client_auth"
        } else {
            "none"
        };
        return Proof { method, wrong: None };
    };
    Proof { method: "private_key_jwt", wrong: wrong_with(shared, assertion) }
}

/// What a form says besides.
pub(super) fn without(form: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let proofs = ["client_secret", "client_assertion", "client_assertion_type"];
    form.into_iter().filter(|(name, _)| !proofs.contains(&name.as_str())).collect()
}

/// What Lanyard would refuse about an assertion, apart from its signature.
fn wrong_with(shared: &Shared, text: &str) -> Option<&'static str> {
    let (Some(header), Some(claims)) = (token::part(text, 0), token::part(text, 1)) else {
        return Some("it does not read");
    };
    let now = shared.clock.now();
    let ends = claims["exp"].as_i64().unwrap_or_default();
    if [&claims["iss"], &claims["sub"]].iter().any(|name| name.as_str() != Some(&shared.client)) {
        return Some("its iss and sub are not both the client id");
    }
    if !["RS256", "RS512", "PS256", "ES256"].iter().any(|known| header["alg"] == *known) {
        return Some("it is signed in none of RS256, RS512, PS256, ES256");
    }
    if header["kid"].as_str().is_none_or(str::is_empty) {
        return Some("its header has no kid");
    }
    if ends <= now.seconds() || ends > now.plus(Duration::from_mins(30)).seconds() {
        return Some("its exp is not within the next 30 minutes");
    }
    if !audience(&claims["aud"]).is_some_and(|audience| shared.addresses.is_audience(audience)) {
        return Some("its aud is not one address of the provider");
    }
    match claims["jti"].as_str() {
        None => Some("it has no jti"),
        Some(jti) if !super::held(&shared.jtis).insert(jti.to_owned()) => Some("its jti came before"),
        Some(_) => None,
    }
}

/// The one audience. RFC 7523 3
fn audience(value: &Value) -> Option<&str> {
    match value {
        Value::Array(all) if all.len() == 1 => all[0].as_str(),
        value => value.as_str(),
    }
}
