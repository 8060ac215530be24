//! `/directory/people/{user_id}/emails` and `/mobiles`: addresses, and the codes that show whose they are.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use axum::Router;
use axum::extract::State;
use axum::routing::{delete, post};
use platform::caller::Caller;
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::Path;

use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::people::{answer, done, done_once, permitted};
use crate::api::{Channel, CodeSent, ContactCode, NewContact, Nothing, Person};
use crate::error::Error;
use crate::once::Answer;
use crate::person::{self, Outcome};
use crate::register::Register;

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/people/{user_id}/emails", post(add_email))
        .route("/directory/people/{user_id}/emails/{contact}", delete(remove_email))
        .route("/directory/people/{user_id}/emails/{contact}/codes", post(send_email_code))
        .route("/directory/people/{user_id}/emails/{contact}/verification", post(verify_email))
        .route("/directory/people/{user_id}/mobiles", post(add_mobile))
        .route("/directory/people/{user_id}/mobiles/{contact}", delete(remove_mobile))
        .route("/directory/people/{user_id}/mobiles/{contact}/codes", post(send_mobile_code))
        .route("/directory/people/{user_id}/mobiles/{contact}/verification", post(verify_mobile))
}

fn chance() -> Result<[u8; 8], Error> {
    let mut random = [0; 8];
    SystemRandom::new().fill(&mut random).map_err(|_| Error::NoRandomness)?;
    Ok(random)
}

/// Adds an e-mail address and sends it a code. The holder may, and the registration authority.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/emails", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = NewContact, example = json!({"value": "ann@trust.example"})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 400, description = "What is wrong and what to do", body = Body),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 409, description = "It is there already, or the profile is closed or merged", body = Body),
    )
)]
pub(super) async fn add_email(
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    posted: Posted<NewContact>,
) -> Result<Answer, Problem> {
    add(register, Channel::Email, user_id, posted).await
}

/// Adds a mobile telephone and sends it a code. The holder may, and the registration authority.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/mobiles", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = NewContact, example = json!({"value": "07700 900123"})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 400, description = "What is wrong and what to do", body = Body),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 409, description = "It is there already, or the profile is closed or merged", body = Body),
    )
)]
pub(super) async fn add_mobile(
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    posted: Posted<NewContact>,
) -> Result<Answer, Problem> {
    add(register, Channel::Mobile, user_id, posted).await
}

async fn add(
    register: Register,
    channel: Channel,
    user: UserId,
    posted: Posted<NewContact>,
) -> Result<Answer, Problem> {
    let random = chance()?;
    done_once(register, posted, move |tx, doing, body| {
        Box::pin(async move { person::add_contact(tx, doing, &user, (channel, &body.value), random).await })
    })
    .await
}

/// Sends another code to an e-mail address; at most six a day.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/emails/{contact}/codes", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("contact" = String, Path, description = "The id of the address"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = Nothing, example = json!({})),
    responses(
        (status = 200, description = "A code is on its way", body = CodeSent),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 404, description = "There is no such address", body = Body),
        (status = 409, description = "It is verified, or was sent too many codes", body = Body),
    )
)]
pub(super) async fn send_email_code(
    State(register): State<Register>,
    Path((user_id, contact)): Path<(UserId, String)>,
    posted: Posted<Nothing>,
) -> Result<Answer, Problem> {
    send_code(register, Channel::Email, user_id, contact, posted).await
}

/// Sends another code to a mobile telephone; at most six a day.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/mobiles/{contact}/codes", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("contact" = String, Path, description = "The id of the address"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = Nothing, example = json!({})),
    responses(
        (status = 200, description = "A code is on its way", body = CodeSent),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 404, description = "There is no such address", body = Body),
        (status = 409, description = "It is verified, or was sent too many codes", body = Body),
    )
)]
pub(super) async fn send_mobile_code(
    State(register): State<Register>,
    Path((user_id, contact)): Path<(UserId, String)>,
    posted: Posted<Nothing>,
) -> Result<Answer, Problem> {
    send_code(register, Channel::Mobile, user_id, contact, posted).await
}

async fn send_code(
    register: Register,
    channel: Channel,
    user: UserId,
    contact: String,
    posted: Posted<Nothing>,
) -> Result<Answer, Problem> {
    permitted(&posted.caller)?;
    let Nothing {} = posted.body;
    let random = chance()?;
    let done = register.act_once(posted.once, posted.caller, move |tx, doing| {
        Box::pin(async move {
            let sent = person::send_code(tx, &doing, &user, (channel, &contact), random).await?;
            Answer::json(200, &sent)
        })
    });
    Ok(done.await?)
}

/// Shows with a code that an e-mail address is its holder's. A code holds for fifteen minutes and six tries.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/emails/{contact}/verification", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("contact" = String, Path, description = "The id of the address"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = ContactCode, example = json!({"code": "012345"})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 404, description = "There is no such address", body = Body),
        (status = 409, description = "The code is another one, or none can be used any more", body = Body),
    )
)]
pub(super) async fn verify_email(
    State(register): State<Register>,
    Path((user_id, contact)): Path<(UserId, String)>,
    posted: Posted<ContactCode>,
) -> Result<Answer, Problem> {
    verify(register, Channel::Email, user_id, contact, posted).await
}

/// Shows with a code that a mobile telephone is its holder's. A code holds for fifteen minutes and six tries.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/mobiles/{contact}/verification", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("contact" = String, Path, description = "The id of the address"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = ContactCode, example = json!({"code": "012345"})),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 404, description = "There is no such address", body = Body),
        (status = 409, description = "The code is another one, or none can be used any more", body = Body),
    )
)]
pub(super) async fn verify_mobile(
    State(register): State<Register>,
    Path((user_id, contact)): Path<(UserId, String)>,
    posted: Posted<ContactCode>,
) -> Result<Answer, Problem> {
    verify(register, Channel::Mobile, user_id, contact, posted).await
}

async fn verify(
    register: Register,
    channel: Channel,
    user: UserId,
    contact: String,
    posted: Posted<ContactCode>,
) -> Result<Answer, Problem> {
    permitted(&posted.caller)?;
    let code = posted.body.code;
    let done = register.act_once(posted.once, posted.caller, move |tx, doing| {
        Box::pin(async move {
            // A wrong code is an answer and no error: that it was tried must be kept.
            match person::try_code(tx, &doing, &user, (channel, &contact), &code).await? {
                Outcome::Verified(profile) => answer(tx, &doing, *profile).await,
                Outcome::Wrong { left } => Answer::refused(
                    "code-wrong",
                    format!("This is not the code that was sent last. Tries that are left: {left}."),
                ),
                Outcome::Spent => Answer::refused(
                    "code-spent",
                    "No code can be used: its fifteen minutes or its tries are over. Have another one sent.",
                ),
            }
        })
    });
    Ok(done.await?)
}

/// Takes an e-mail address away.
#[utoipa::path(
    delete, path = "/directory/people/{user_id}/emails/{contact}", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("contact" = String, Path, description = "The id of the address"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
    ),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 404, description = "There is no such address", body = Body),
        (status = 412, description = "The profile was changed since it was read", body = Body),
    )
)]
pub(super) async fn remove_email(
    caller: Caller,
    State(register): State<Register>,
    Path((user_id, contact)): Path<(UserId, String)>,
    expected: IfMatch,
) -> Result<Tagged<Person>, Problem> {
    remove(register, caller, Channel::Email, user_id, contact, expected).await
}

/// Takes a mobile telephone away.
#[utoipa::path(
    delete, path = "/directory/people/{user_id}/mobiles/{contact}", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("contact" = String, Path, description = "The id of the address"),
        ("if-match" = String, Header, description = "The ETag of the last read"),
    ),
    responses(
        (status = 200, description = "The profile as it is now", body = Person),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 404, description = "There is no such address", body = Body),
        (status = 412, description = "The profile was changed since it was read", body = Body),
    )
)]
pub(super) async fn remove_mobile(
    caller: Caller,
    State(register): State<Register>,
    Path((user_id, contact)): Path<(UserId, String)>,
    expected: IfMatch,
) -> Result<Tagged<Person>, Problem> {
    remove(register, caller, Channel::Mobile, user_id, contact, expected).await
}

async fn remove(
    register: Register,
    caller: Caller,
    channel: Channel,
    user: UserId,
    contact: String,
    IfMatch(expected): IfMatch,
) -> Result<Tagged<Person>, Problem> {
    done(register, caller, move |tx, doing| {
        Box::pin(async move { person::remove_contact(tx, doing, &user, expected, (channel, &contact)).await })
    })
    .await
}
