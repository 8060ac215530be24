//! Requests and texts that tests say again and again.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use platform::caller::{Act, Caller, CallerKind};
use serde_json::{Value, json};
use signer::api::{Algorithm, OWN_CREDENTIALS, SIGN};
use signer::time_stamp::Settings;
use signer::{Argon2, Attempts, Config, Dss, KeyPool};

use super::{LARGEST_BODY, USER};

/// The last moment at which a certificate's key may sign.
pub(crate) fn signing_end(certificate: &str) -> i64 {
    let parsed = pki::Certificate::from_der(&STANDARD.decode(certificate).unwrap()).unwrap();
    let usage = parsed.private_key_usage_period().and_then(|period| period.not_after_ms);
    usage.unwrap_or(i64::MAX).min(parsed.not_after_ms())
}

/// A request with a JSON body.
pub(crate) fn request(method: &str, path: &str, body: Option<&Value>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap()
}

/// The body of a request for a credential of the prescriber.
pub(crate) fn create_request(algorithm: Algorithm, request_id: &str) -> Value {
    json!({
        "request_id": request_id, "algorithm": algorithm,
        "subject": {"common_name": "555021942107_Aisha_Rahman", "user_id": USER, "given_name": "Aisha",
            "family_name": "Rahman"},
    })
}

/// SHA-256 of a document in base64.
pub(crate) fn digest_of(document: &[u8]) -> String {
    base64(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, document).as_ref())
}

/// Base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What is behind base64 in an answer.
pub(crate) fn unbase64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// A system with these acts.
pub(super) fn system(name: &str, acts: &[Act]) -> Caller {
    let client = name.parse().unwrap();
    Caller::new(CallerKind::System, name, client, acts.iter().map(|act| act.0))
}

/// Somebody who has signed in.
pub(crate) fn person(user: &str) -> Caller {
    let client = "workstation".parse().unwrap();
    Caller::new(CallerKind::Person, user, client, [SIGN.0, OWN_CREDENTIALS.0])
}

/// How a signer of the tests is set.
pub(super) fn config(time_stamps: &Settings) -> Config {
    Config {
        time_stamps: Some(time_stamps.clone()),
        max_body_bytes: LARGEST_BODY,
        argon2: Argon2 { memory_kib: 64, passes: 1, ..Argon2::default() },
        attempts: Attempts { free: 3, first_delay_ms: 2_000, longest_delay_ms: 60_000 },
        key_pool: KeyPool { rsa_2048: 1 },
        sha1_clients: vec!["old-system".parse().unwrap()],
        dss: Dss { cards: true, ..Dss::default() },
        prepared_octets_per_client: 64 * 1024,
        ..Config::default()
    }
}
