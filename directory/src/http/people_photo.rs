//! `/directory/people/{user_id}/photo` and `/custody`.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform::caller::Caller;
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query, Raw};

use super::headers::{IfMatch, Posted, together};
use super::input;
use super::people::{permitted, reading};
use crate::api::{Custody, CustodyLog, GiveCard, Nothing, Page, PageQuery};
use crate::error::Error;
use crate::ids::RecordId;
use crate::once::Answer;
use crate::person::{self, LARGEST_PHOTO, Replaced, View};
use crate::register::Register;
use crate::store::{people, people_photos};
use crate::version::Expected;

pub(super) fn router() -> Router<Register> {
    let photo = Router::new()
        .route("/directory/people/{user_id}/photo", get(read).put(put).delete(remove))
        .layer(DefaultBodyLimit::max(LARGEST_PHOTO + 1));
    photo
        .route("/directory/people/{user_id}/custody", get(log).post(give))
        .route("/directory/people/{user_id}/custody/return", post(take_back))
}

/// The photograph of somebody.
#[utoipa::path(
    get, path = "/directory/people/{user_id}/photo", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("if-none-match" = Option<String>, Header, description = "The ETag of the photograph that is known"),
    ),
    responses(
        (status = 200, description = "The photograph, JPEG or PNG", body = [u8], content_type = "image/jpeg"),
        (status = 304, description = "It is the one that is known"),
        (status = 404, description = "There is none", body = Body),
    )
)]
pub(super) async fn read(
    caller: Caller,
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    reading(&register, &caller).await?;
    let read = register.db.read();
    let none = || Error::unknown("photograph", &user_id);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if let Some(known) = known {
        let (version, _) = people_photos::head(read, &user_id).await?.ok_or_else(none)?;
        // RFC 9110 13.1.2: the comparison is weak, over a list.
        let tag = version.tag();
        if known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag) {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
        }
    }
    let (version, media, bytes) = people_photos::bytes(read, &user_id).await?.ok_or_else(none)?;
    let fields = [
        (header::CONTENT_TYPE, media),
        (header::ETAG, version.tag()),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((fields, bytes).into_response())
}

/// Sets the photograph: JPEG or PNG, upright or square, at most 2 MiB. The first one with `If-None-Match: *`.
#[utoipa::path(
    put, path = "/directory/people/{user_id}/photo", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("if-match" = Option<String>, Header, description = "The ETag of the photograph to replace, or a star for any or none"),
        ("if-none-match" = Option<String>, Header, description = "A star, where there must be none yet"),
    ),
    request_body(content = [u8], content_type = "image/jpeg", example = json!("(the file)")),
    responses(
        (status = 204, description = "It is set; the ETag is its version"),
        (status = 400, description = "It is no such picture", body = Body),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 412, description = "There is another photograph than was meant", body = Body),
        (status = 413, description = "The file is too large", body = Body),
        (status = 428, description = "It was not said which photograph is meant", body = Body),
    )
)]
pub(super) async fn put(
    caller: Caller,
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    headers: HeaderMap,
    Raw(bytes): Raw,
) -> Result<Response, Problem> {
    permitted(&caller)?;
    let replaced = replaced(&headers)?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move { person::set_photo(tx, &doing, &user_id, replaced, &bytes).await })
    });
    let tag = HeaderValue::try_from(done.await?.tag()).map_err(Problem::internal)?;
    Ok((StatusCode::NO_CONTENT, [(header::ETAG, tag)]).into_response())
}

fn replaced(headers: &HeaderMap) -> Result<Replaced, Problem> {
    match (together(headers, &header::IF_MATCH), together(headers, &header::IF_NONE_MATCH)) {
        (None, Some(star)) if star.trim() == "*" => Ok(Replaced::Nothing),
        (Some(text), None) => Expected::parse(&text).map(Replaced::Present).ok_or_else(|| {
            Problem::invalid("if-match-invalid", "If-Match holds one ETag as it was answered, or a star.")
        }),
        _ => Err(Problem::precondition_required(
            "if-match-missing",
            "Say which photograph you mean to replace: If-Match with its ETag, or If-None-Match with a star for the first.",
        )),
    }
}

/// Takes the photograph away.
#[utoipa::path(
    delete, path = "/directory/people/{user_id}/photo", tag = "people",
    params(
        ("user_id" = String, Path, description = "Twelve digits"),
        ("if-match" = String, Header, description = "The ETag of the photograph"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 403, description = "The caller may not change this profile", body = Body),
        (status = 404, description = "There is none", body = Body),
        (status = 412, description = "There is another photograph than was meant", body = Body),
    )
)]
pub(super) async fn remove(
    caller: Caller,
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    permitted(&caller)?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move { person::remove_photo(tx, &doing, &user_id, expected).await })
    });
    done.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who has had a temporary access card, newest first. For the registration authority.
#[utoipa::path(
    get, path = "/directory/people/{user_id}/custody", tag = "people",
    params(("user_id" = String, Path, description = "The card's profile"), PageQuery),
    responses(
        (status = 200, description = "The log, newest first", body = CustodyLog),
        (status = 403, description = "The caller may not see it", body = Body),
        (status = 404, description = "There is no such profile", body = Body),
    )
)]
pub(super) async fn log(
    caller: Caller,
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<CustodyLog>, Problem> {
    let (after, limit): (Option<RecordId>, u32) =
        (input::after(query.after.as_ref())?, input::limit(query.limit));
    let (_, view) = reading(&register, &caller).await?;
    if view == View::Colleague {
        let detail = "The custody log is for the registration authority.";
        return Err(Problem::forbidden("custody-of-others", detail));
    }
    let read = register.db.read();
    if people::is_open(read, &user_id).await?.is_none() {
        return Err(Error::unknown("person", &user_id).into());
    }
    let items = people_photos::custody(read, &user_id, after.as_ref(), limit + 1).await?;
    Ok(Json(custody_log(items, limit)))
}

/// Hands a temporary access card out to somebody.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/custody", tag = "people",
    params(
        ("user_id" = String, Path, description = "The card's profile"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = GiveCard, example = json!({"holder": "000000000013", "due_on": "2026-12-01"})),
    responses(
        (status = 201, description = "The line of the log", body = Custody),
        (status = 400, description = "What is wrong and what to do", body = Body),
        (status = 403, description = "The caller may not hand it out", body = Body),
        (status = 409, description = "Somebody has it, or it is no card", body = Body),
    )
)]
pub(super) async fn give(
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    posted: Posted<GiveCard>,
) -> Result<Answer, Problem> {
    permitted(&posted.caller)?;
    let body = posted.body;
    let done = register.act_once(posted.once, posted.caller, move |tx, doing| {
        Box::pin(async move {
            let location = format!("/directory/people/{user_id}/custody");
            let (profile, custody) = person::give(tx, &doing, &user_id, body).await?;
            Answer::created(&custody, location, profile.version)
        })
    });
    Ok(done.await?)
}

/// Takes a temporary access card back.
#[utoipa::path(
    post, path = "/directory/people/{user_id}/custody/return", tag = "people",
    params(
        ("user_id" = String, Path, description = "The card's profile"),
        ("if-match" = String, Header, description = "The ETag of the card's profile"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = Nothing, example = json!({})),
    responses(
        (status = 200, description = "The log, newest first", body = CustodyLog),
        (status = 403, description = "The caller may not take it back", body = Body),
        (status = 409, description = "Nobody has it, or it is no card", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn take_back(
    State(register): State<Register>,
    Path(user_id): Path<UserId>,
    IfMatch(expected): IfMatch,
    posted: Posted<Nothing>,
) -> Result<Answer, Problem> {
    permitted(&posted.caller)?;
    let Nothing {} = posted.body;
    let done = register.act_once(posted.once, posted.caller, move |tx, doing| {
        Box::pin(async move {
            let profile = person::take_back(tx, &doing, &user_id, expected).await?;
            let limit = input::limit(None);
            let items = people_photos::custody(&mut *tx, &user_id, None, limit + 1).await?;
            Answer::changed(&custody_log(items, limit), profile.version)
        })
    });
    Ok(done.await?)
}

/// A page of the lines that were read.
fn custody_log(lines: Vec<Custody>, limit: u32) -> CustodyLog {
    let Page { items, next } = Page::of(lines, limit, |line| line.id.clone());
    CustodyLog { items, next }
}
