//! `/directory/people/import`: people from a CSV file.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use platform::problem::{Body, Problem};
use platform::web::Query;

use super::headers::PostedFile;
use crate::api::{IMPORT, ImportMode, ImportQuery, Imported, Trial};
use crate::error::Error;
use crate::once::Answer;
use crate::person::{self, Import, LARGEST_IMPORT};
use crate::register::Register;

pub(super) fn router() -> Router<Register> {
    Router::new().route("/directory/people/import", post(import)).layer(DefaultBodyLimit::max(LARGEST_IMPORT))
}

/// Imports people from a CSV file.
///
/// Profiles come in unverified, and stay restricted until the registration authority has verified each. The same file again
/// changes nothing. Each bad row is named with its line.
#[utoipa::path(
    post, path = "/directory/people/import", tag = "people",
    params(ImportQuery, ("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = String, content_type = "text/csv",
        example = json!("external_id,given,family,birth\n4711,Ann,Example,1984-07-23\n")),
    responses(
        (status = 200, description = "What became of each row", body = Imported),
        (status = 400, description = "The file cannot be read", body = Body),
        (status = 403, description = "The caller may not do directory:import", body = Body),
        (status = 413, description = "The file is too large", body = Body),
    )
)]
pub(super) async fn import(
    State(register): State<Register>,
    Query(query): Query<ImportQuery>,
    posted: PostedFile,
) -> Result<Answer, Problem> {
    posted.caller.may(IMPORT)?;
    let how = how(&query)?;
    if let Some(answer) = register.answered(posted.once.clone()).await? {
        return Ok(answer);
    }
    let imported = person::import(&register, posted.caller, &how, &posted.bytes).await?;
    let answer = Answer::json(200, &imported)?;
    if how.trial == Trial::Yes {
        return Ok(answer);
    }
    let kept = register.once(posted.once, move |_tx, _now| Box::pin(async move { Ok(answer) })).await?;
    Ok(kept)
}

fn how(query: &ImportQuery) -> Result<Import, Error> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if query.source.is_empty() || query.source.len() > 60 || !query.source.bytes().all(plain) {
        return Err(Error::field("source", "Write at most 60 small letters, digits and hyphens."));
    }
    Ok(Import {
        // No system over SCIM has such a name.
        source: format!("import {}", query.source),
        mode: query.mode.unwrap_or(ImportMode::All),
        trial: query.dry_run.unwrap_or(Trial::No),
    })
}
