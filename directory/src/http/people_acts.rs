//! What is done to a profile: names, evidence, verification, registrations, closing, opening again, merging.

use axum::Router;
use axum::extract::State;
use axum::routing::{delete, post};
use platform::caller::Caller;
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::Path;

use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::people::{done, done_once};
use crate::api::{
    ChangeName, ClosePerson, MergePeople, NewEvidence, Person, ProfessionalBody, Registration, ReopenPerson,
    VerifyPerson,
};
use crate::once::Answer;
use crate::person;
use crate::register::Register;
use crate::version::Expected;

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/people/{user_id}/names", post(rename))
        .route("/directory/people/{user_id}/evidence", post(evidence))
        .route("/directory/people/{user_id}/verification", post(verify))
        .route("/directory/people/{user_id}/registrations", post(register_with))
        .route("/directory/people/{user_id}/registrations/{body}/{number}", delete(unregister))
        .route("/directory/people/{user_id}/close", post(close))
        .route("/directory/people/{user_id}/reopen", post(reopen))
        .route("/directory/people/{user_id}/merge", post(merge))
}

/// Changes a name, with the reason and the document that shows it.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/names", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = ChangeName, example = json!({
        "name": {"given": "Ann", "family": "Sample"}, "reason": "marriage",
        "evidence": {"document": "marriage-certificate", "issuer": "Leeds Register Office", "method": "f2f"}})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 400, description = "What is wrong and what to do", body = Body),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 409, description = "The profile is closed, merged or unverified", body = Body),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
pub(super) async fn rename(
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    IfMatch(expected): IfMatch,
    posted: Posted<ChangeName>,
) -> Result<Answer, Problem> {
    done_once(register, posted, move |tx, doing, body| {
        Box::pin(async move { person::rename(tx, doing, &user_id, expected, body).await })
    })
    .await
}

/// Notes a document that was shown. Its number is not kept.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/evidence", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = NewEvidence, example = json!({
        "document": "driving-licence", "issuer": "DVLA", "number": "EXAMP807234AN9IJ01", "method": "video"})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 400, description = "What is wrong and what to do", body = Body),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 409, description = "The profile is closed or merged", body = Body),
    )
)]
pub(super) async fn evidence(
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    posted: Posted<NewEvidence>,
) -> Result<Answer, Problem> {
    done_once(register, posted, move |tx, doing, body| {
        Box::pin(async move { person::note_evidence(tx, doing, &user_id, &body).await })
    })
    .await
}

/// The identity of somebody unverified was checked; the profile is no longer restricted.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/verification", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = VerifyPerson, example = json!({
        "birth": "1984-07-23",
        "evidence": [
            {"document": "passport", "issuer": "United Kingdom", "number": "123456789", "method": "f2f"},
            {"document": "utility-bill", "issuer": "Example Water", "method": "f2f"},
            {"document": "bank-statement", "issuer": "Example Bank", "method": "f2f"}]})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 400, description = "What is missing and what to do", body = Body),
        (status = 403, description = "The caller may not verify this profile", body = Body),
        (status = 409, description = "The profile is closed, merged or verified", body = Body),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
pub(super) async fn verify(
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    IfMatch(expected): IfMatch,
    posted: Posted<VerifyPerson>,
) -> Result<Answer, Problem> {
    done_once(register, posted, move |tx, doing, body| {
        Box::pin(async move { person::verify(tx, doing, &user_id, expected, body).await })
    })
    .await
}

/// Adds a professional registration. A number of a body is one person's.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/registrations", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = Registration, example = json!({"body": "NMC", "number": "99I1234E"})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 400, description = "The number is none of that body", body = Body),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 409, description = "Somebody else has it, or the profile is closed or merged", body = Body),
    )
)]
pub(super) async fn register_with(
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    posted: Posted<Registration>,
) -> Result<Answer, Problem> {
    done_once(register, posted, move |tx, doing, body| {
        Box::pin(async move { person::register(tx, doing, &user_id, Expected::Any, &body).await })
    })
    .await
}

/// Takes a professional registration away.
#[utoipa::path(
    delete, path = "/directory/people/{user_id}/registrations/{body}/{number}", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("body" = ProfessionalBody, Path, description = "The body"),
        ("number" = String, Path, description = "The number"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
    ),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 404, description = "The profile does not have it", body = Body),
        (status = 409, description = "The profile is closed or merged", body = Body),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
pub(super) async fn unregister(
    caller: Caller,
    State(register): State<Register>,
    Path((user_id, body, number)): Path<(UserId, ProfessionalBody, String)>,
    IfMatch(expected): IfMatch,
) -> Result<Tagged<Person>, Problem> {
    let registration = Registration { body, number };
    done(register, caller, move |tx, doing| {
        Box::pin(async move { person::unregister(tx, doing, &user_id, expected, &registration).await })
    })
    .await
}

/// Closes a profile: its holder leaves.
///
/// One act: the profile closes, every live assignment ends, and the change that tells everybody else commits with it.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/close", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = ClosePerson, example = json!({"reason": "left", "notes": "Last day was Friday."})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 403, description = "The caller may not close this profile", body = Body),
        (status = 409, description = "The profile is closed or merged", body = Body),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
pub(super) async fn close(
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    IfMatch(expected): IfMatch,
    posted: Posted<ClosePerson>,
) -> Result<Answer, Problem> {
    done_once(register, posted, move |tx, doing, body| {
        Box::pin(async move { person::close(tx, doing, &user_id, expected, body).await })
    })
    .await
}

/// Opens a closed profile again. No assignment comes back: access is given anew.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/reopen", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = ReopenPerson, example = json!({"reason": "returned"})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 403, description = "The caller may not open this profile", body = Body),
        (status = 409, description = "The profile is open or merged", body = Body),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
pub(super) async fn reopen(
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    IfMatch(expected): IfMatch,
    posted: Posted<ReopenPerson>,
) -> Result<Answer, Problem> {
    done_once(register, posted, move |tx, doing, body| {
        Box::pin(async move { person::reopen(tx, doing, &user_id, expected, &body).await })
    })
    .await
}

/// Makes a second record of somebody part of this one.
///
/// Registrations, evidence, addresses, former names, photograph and assignments move here; the other user id stays as a
/// sign to this one.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/merge", tag = "people",
    params(
        ("user_id" = String, Path, description = "The id that is used from then on"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = MergePeople, example = json!({"duplicate": "000000000024", "duplicate_version": 3})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 400, description = "What is wrong and what to do", body = Body),
        (status = 403, description = "The caller may not merge these profiles", body = Body),
        (status = 409, description = "They cannot be one person as they are", body = Body),
        (status = 412, description = "One of them was changed since it was read", body = Body),
    )
)]
pub(super) async fn merge(
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    IfMatch(expected): IfMatch,
    posted: Posted<MergePeople>,
) -> Result<Answer, Problem> {
    done_once(register, posted, move |tx, doing, body| {
        Box::pin(async move { person::merge(tx, doing, &user_id, expected, &body).await })
    })
    .await
}
