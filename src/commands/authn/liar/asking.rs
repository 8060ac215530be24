//! Requests for a sign-in: by a browser's address, by its form, or pushed before it comes; and how they are answered.

use std::collections::BTreeMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use platform::web::{Json, TlsPeer};
use reqwest::Url;
use serde_json::json;

use super::{Given, Lie, Shared, Shown, held, pairs, proof};
use crate::commands::authn::forms::escaped;
use crate::commands::authn::token;

/// How a pushed request is called. RFC 9126 2.2
const PUSHED: &str = "urn:ietf:params:oauth:request_uri:";

/// A request that a client sends before its browser comes.
pub(super) async fn push(
    State(shared): Shown,
    peer: Option<Extension<TlsPeer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = pairs(&String::from_utf8_lossy(&body));
    held(&shared.seen).proofs.push(proof::shown(&shared, peer.as_deref(), &headers, &form));
    let Ok(secret) = token::secret() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let uri = format!("{PUSHED}{secret}");
    held(&shared.pushed).insert(uri.clone(), proof::without(form));
    (StatusCode::CREATED, Json(json!({"request_uri": uri, "expires_in": 60}))).into_response()
}

/// A browser comes with its request in the address.
pub(super) async fn by_address(State(shared): Shown, uri: Uri) -> Response {
    answered(&shared, pairs(uri.query().unwrap_or_default()))
}

/// A browser posts it.
pub(super) async fn by_form(State(shared): Shown, body: Bytes) -> Response {
    answered(&shared, pairs(&String::from_utf8_lossy(&body)))
}

fn answered(shared: &Shared, came: BTreeMap<String, String>) -> Response {
    let asked = match came.get("request_uri") {
        None => Some(came),
        Some(uri) => held(&shared.pushed).remove(uri),
    };
    let Some(asked) = asked else { return bad("request_uri is none that was pushed, or was used before") };
    held(&shared.seen).asked.push(asked.clone());
    let back = asked.get("redirect_uri").and_then(|text| Url::parse(text).ok());
    let Some(back) = back.filter(|back| shared.redirect_uris.contains(back)) else {
        return bad("redirect_uri is none of those in the plan of this check");
    };
    let Some(mode) = Mode::of(asked.get("response_mode")) else {
        return bad("response_mode is neither query nor form_post");
    };
    let (Ok(code), Ok(sid)) = (token::secret(), token::secret()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let says = says(shared, &asked, &code);
    held(&shared.given).insert(code, Given { asked, sid });
    mode.answer(&back, &says)
}

fn bad(sentence: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, sentence).into_response()
}

/// What is said to the client, true or not.
fn says(shared: &Shared, asked: &BTreeMap<String, String>, code: &str) -> Vec<(&'static str, String)> {
    let lie = *held(&shared.lie);
    let mut says = match lie {
        Lie::Denied => vec![("error", "access_denied".to_owned())],
        _ => vec![("code", code.to_owned())],
    };
    if let Some(state) = asked.get("state") {
        says.push(("state", if lie == Lie::State { "another".to_owned() } else { state.clone() }));
    }
    says.push(("iss", shared.addresses.issuer.clone()));
    says
}

/// How the answer goes back.
enum Mode {
    Query,
    Form,
}

impl Mode {
    fn of(asked: Option<&String>) -> Option<Self> {
        match asked.map(String::as_str) {
            None | Some("query") => Some(Self::Query),
            Some("form_post") => Some(Self::Form),
            Some(_) => None,
        }
    }

    fn answer(&self, back: &Url, says: &[(&str, String)]) -> Response {
        match self {
            Self::Query => {
                let mut back = back.clone();
                back.query_pairs_mut().extend_pairs(says);
                (StatusCode::SEE_OTHER, [(header::LOCATION, back.to_string())]).into_response()
            }
            Self::Form => {
                let html =
                    [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
                (html, form(back, says)).into_response()
            }
        }
    }
}

/// The page that posts an answer. OAuth 2.0 Form Post Response Mode 2
fn form(back: &Url, says: &[(&str, String)]) -> String {
    let field = |(name, value): &(&str, String)| {
        format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value))
    };
    let fields: String = says.iter().map(field).collect();
    format!(
        "<!doctype html><html lang=\"en\"><title>Going back</title><form method=\"post\" action=\"{}\">{fields}\
         <button>Continue</button></form></html>",
        escaped(back.as_str())
    )
}
