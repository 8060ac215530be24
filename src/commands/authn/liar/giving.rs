//! Tokens and claims, true or not.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use platform::web::{Json, TlsPeer};
use serde_json::{Value, json};

use super::{Given, Lie, PERSON, Shared, Shown, held, pairs, proof};
use crate::commands::authn::token;

/// How long ago somebody signed in where that is the lie.
const LONG_AGO: Duration = Duration::from_hours(24);

/// A code becomes tokens, once.
pub(super) async fn exchange(
    State(shared): Shown,
    peer: Option<Extension<TlsPeer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = pairs(&String::from_utf8_lossy(&body));
    let proof = proof::shown(&shared, peer.as_deref(), &headers, &form);
    let given = form.get("code").and_then(|code| held(&shared.given).remove(code));
    let Some(given) = given else {
        held(&shared.seen).proofs.push(proof);
        let said = json!({"error": "invalid_grant", "error_description": "There is no such code."});
        return (StatusCode::BAD_REQUEST, Json(said)).into_response();
    };
    {
        let mut seen = held(&shared.seen);
        seen.proofs.push(proof);
        seen.proof_keys.push(proof_key(&form, &given));
        seen.sid.clone_from(&given.sid);
    }
    match tokens(&shared, &given) {
        Ok((access_token, id_token)) => {
            let scope = given.asked.get("scope").cloned().unwrap_or_default();
            held(&shared.given).insert(access_token.clone(), given);
            Json(json!({
                "access_token": access_token, "token_type": "Bearer", "expires_in": 3600, "id_token": id_token, "scope": scope,
            }))
            .into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Whether the proof key belongs to the request; none where that had no challenge. RFC 7636 4.6
fn proof_key(form: &BTreeMap<String, String>, given: &Given) -> Option<bool> {
    let wanted = given.asked.get("code_challenge")?;
    Some(form.get("code_verifier").is_some_and(|verifier| token::challenge(verifier) == *wanted))
}

fn tokens(shared: &Shared, given: &Given) -> anyhow::Result<(String, String)> {
    let lie = *held(&shared.lie);
    let access_token = token::secret()?;
    let claims = claims(shared, given, &access_token, lie);
    let id_token = match lie {
        Lie::Unsigned => token::none(&claims),
        Lie::Signature => shared.stranger.sign("JWT", &claims)?,
        _ => shared.key.sign("JWT", &claims)?,
    };
    Ok((access_token, id_token))
}

/// The claims of an ID token, as CIS2 has them.
fn claims(shared: &Shared, given: &Given, access_token: &str, lie: Lie) -> Value {
    let now = shared.clock.now();
    let (begins, ends) = match lie {
        Lie::Expired => (now.minus(Duration::from_hours(2)), now.minus(Duration::from_hours(1))),
        _ => (now, now.plus(Duration::from_hours(1))),
    };
    let ago = if lie == Lie::LongAgo { LONG_AGO } else { Duration::ZERO };
    let mut claims = json!({
        "iss": shared.addresses.issuer, "aud": shared.client, "azp": shared.client, "sub": PERSON, "sid": given.sid,
        "iat": begins.seconds(), "exp": ends.seconds(), "auth_time": now.minus(ago).seconds(), "acr": "AAL3_ANY",
        "amr": ["FIDO2"], "at_hash": token::half_hash(access_token), "authentication_assurance_level": "3",
        "id_assurance_level": "3", "idassurancelevel": "3", "uid": PERSON, "selected_roleid": "500999888777",
    });
    if let Some(nonce) = given.asked.get("nonce") {
        claims["nonce"] = if lie == Lie::Nonce { "another".into() } else { nonce.clone().into() };
    }
    match lie {
        Lie::Audience => claims["aud"] = "another".into(),
        Lie::Issuer => claims["iss"] = "https://another.example".into(),
        _ => {}
    }
    claims
}

/// Who signed in, or somebody else.
pub(super) async fn userinfo(State(shared): Shown, headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.split_once(' ')).map(|(_, token)| token).unwrap_or_default();
    if !held(&shared.given).contains_key(token) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    held(&shared.seen).userinfo += 1;
    let subject = if *held(&shared.lie) == Lie::Subject { "500444555666" } else { PERSON };
    Json(json!({
        "sub": subject, "uid": subject, "nhsid_useruid": subject, "name": "Okafor Ada Dr", "given_name": "Ada",
        "family_name": "Okafor", "idassurancelevel": "3", "nhsid_nrbac_roles": [],
    }))
    .into_response()
}
