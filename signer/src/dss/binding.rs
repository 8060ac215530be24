//! What a person agrees to, as one hash.

use aws_lc_rs::digest::{SHA256, digest};
use platform::clock::Millis;
use serde_json::json;

use super::Statement;

/// SHA-256, in hexadecimal, over application, person, algorithm, the names and hashes of the documents in their order, hashes of what is shown
/// of each ([`super::anchors`]), and the end. It is over JSON without blanks, so that no two requests have one text.
pub(crate) fn binding(statement: &Statement, shown: &[String], expires_at: Millis) -> String {
    let documents: Vec<_> =
        statement.payloads.iter().map(|payload| json!([payload.id, payload.digest.to_base64()])).collect();
    let text = json!([
        "lanyard-signing-2",
        statement.issuer,
        statement.subject,
        statement.algorithm.as_str(),
        documents,
        shown,
        expires_at.0,
    ]);
    hex::encode(digest(&SHA256, text.to_string().as_bytes()))
}

/// The same as an earlier release made it, which did not say what is shown: nobody goes on with what was bound so.
pub(crate) fn binding_before(statement: &Statement, expires_at: Millis) -> String {
    let documents: Vec<_> =
        statement.payloads.iter().map(|payload| json!([payload.id, payload.digest.to_base64()])).collect();
    let text = json!([
        "lanyard-signing-1",
        statement.issuer,
        statement.subject,
        statement.algorithm.as_str(),
        documents,
        expires_at.0,
    ]);
    hex::encode(digest(&SHA256, text.to_string().as_bytes()))
}

/// What a smartcard signs so that its holder was there: for this request, which holds what it was bound to.
pub(crate) fn card_challenge(request: &str, binding: &str) -> String {
    format!("{}{request}\n{binding}\n", card::wire::signing::PRESENCE)
}

/// What it is called beside the documents of the request.
pub(crate) fn card_challenge_id(request: &str) -> String {
    format!("presence:{request}")
}
