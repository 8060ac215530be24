//! Security events: that a session was revoked, as a signed token that says so and nothing else, pushed to whoever registered for it.
//!
//! They are pushed (RFC 8935) and not polled (RFC 8936): what tells logout tokens is there with its retries and its log, somebody who
//! must hear within moments does not wait for a poll, and no further door is opened behind which receivers prove who they are.

use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use super::message::Went;
use crate::client::Client;
use crate::error::Error;
use crate::provider::Provider;
use crate::store::logouts::Logout;

/// What has happened. CAEP 1.0 3.1
const EVENT: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
/// What a receiver answers that is told a security event it does not take. RFC 8935 2.4
const ERRORS: [&str; 6] = [
    "invalid_request",
    "invalid_key",
    "invalid_issuer",
    "invalid_audience",
    "authentication_failed",
    "access_denied",
];
/// The largest refusal that is read.
const LARGEST: usize = 4096;

/// Pushes the event.
pub(super) async fn push(
    provider: &Provider,
    client: &Client,
    logout: &Logout,
    uri: &str,
) -> Result<Went, Error> {
    let claims = claims(logout, provider.faces.issuer(logout.face));
    let alg = client.config().id_token_signed_response_alg;
    let token = provider.keys.sign(alg, "secevent+jwt", &claims).await?;
    let Ok(request) = provider.outward.post(uri) else {
        return Ok(Went::unanswered("no connection could be made"));
    };
    // RFC 8935 2.
    let request = request.header(CONTENT_TYPE, "application/secevent+jwt").header(ACCEPT, "application/json");
    let response = match request.body(token).send().await {
        Ok(response) => response,
        Err(error) => return Ok(Went::failed(&error)),
    };
    Ok(match response.status().as_u16() {
        // RFC 8935 2.2: accepted; whoever says OK or nothing has it too.
        status @ (200 | 202 | 204) => Went::answered(Some("delivered"), format!("status {status}")),
        400 => refused(response).await,
        status => Went::answered(None, format!("status {status}")),
    })
}

/// A receiver that says why it does not take the event will not take it later: RFC 8935 2.3. Any other 400 is tried again.
async fn refused(mut response: reqwest::Response) -> Went {
    let mut body = Vec::new();
    while let Ok(Some(part)) = response.chunk().await {
        body.extend_from_slice(&part);
        if body.len() > LARGEST {
            break;
        }
    }
    let said: Option<Value> = serde_json::from_slice(&body).ok();
    let said = said.as_ref().and_then(|said| said.get("err")).and_then(Value::as_str);
    match ERRORS.into_iter().find(|error| Some(*error) == said) {
        Some(error) => Went::answered(Some("refused"), format!("status 400: {error}")),
        None => Went::answered(None, "status 400".to_owned()),
    }
}

/// RFC 8417 2.2, and CAEP 1.0 2 and 3.1: the subject is in `sub_id` alone, and there is no `exp`, so that it can never pass for an ID
/// token. It is the same each time it is tried, by its `jti`.
fn claims(logout: &Logout, issuer: &str) -> Value {
    let cause = logout.cause.as_deref().unwrap_or_default();
    let entity = initiating(cause);
    let mut event = json!({
        "event_timestamp": logout.at.seconds(),
        "initiating_entity": entity,
        "reason_admin": {"en": cause},
    });
    if let Some(sentence) = told(cause) {
        event["reason_user"] = json!({"en": sentence});
    }
    json!({
        "iss": issuer,
        "aud": logout.client.as_str(),
        "iat": logout.at.seconds(),
        "jti": logout.id.as_str(),
        // RFC 9493 3.2.7: the session, and whose it is.
        "sub_id": {
            "format": "complex",
            "user": {"format": "iss_sub", "iss": issuer, "sub": logout.person.as_str()},
            "session": {"format": "opaque", "id": logout.sid},
        },
        "events": {EVENT: event},
    })
}

/// Who began it, in the words of CAEP 1.0 2.
fn initiating(cause: &str) -> &'static str {
    match cause {
        "signed-out" | "by-client" | "by-holder" | "card-removed" => "user",
        "by-administrator" | "left" | "merged" | "authenticator-removed" | "card-revoked" => "admin",
        "idle" | "expired" | "replaced" | "authenticator-suspended" => "policy",
        _ => "system",
    }
}

/// What the person can be told.
fn told(cause: &str) -> Option<&'static str> {
    Some(match cause {
        "card-removed" => "Your smartcard was taken out of its reader.",
        "card-revoked" => "Your smartcard was cancelled.",
        "authenticator-suspended" => "Your key was suspended: there may be a copy of it.",
        "by-administrator" => "An administrator signed you out.",
        "idle" | "expired" => "Your sign-in was over.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use platform::clock::Millis;

    use super::*;
    use crate::oidc::face::Face;
    use crate::store::logouts::{Form, LogoutId};

    /// The event names the session and why it ended, is the same each time, and could pass for no other token.
    #[test]
    fn events_say_what_happened() {
        let logout = Logout {
            id: LogoutId::new(Millis(1)),
            client: "rp".parse().unwrap(),
            sid: "s1".to_owned(),
            person: "555021942107".parse().unwrap(),
            face: Face::Plain,
            attempts: 3,
            form: Form::SessionRevoked,
            cause: Some("card-removed".to_owned()),
            at: Millis(1_795_540_800_000),
        };
        let told = claims(&logout, "https://id.example.org");
        assert_eq!(told, claims(&Logout { attempts: 4, ..logout.clone() }, "https://id.example.org"));
        let mut names: Vec<&String> = told.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["aud", "events", "iat", "iss", "jti", "sub_id"]);
        let event = &told["events"][EVENT];
        assert_eq!(
            (&event["initiating_entity"], &event["reason_admin"]),
            (&json!("user"), &json!({"en": "card-removed"}))
        );
        assert_eq!(event["event_timestamp"], 1_795_540_800);
    }
}
