//! `/directory/rbac/import`: a release of the national roles.

use std::io::{Cursor, Error as IoError, ErrorKind};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use platform::problem::{Body, Problem};
use utoipa::OpenApi;

use super::headers::Posted;
use crate::api::{IMPORT, RoleImport, RoleImportOutcome, RoleImported, Trial};
use crate::error::Error;
use crate::once::Answer;
use crate::rbac::{Book, Content, Imported, Mode, current, from_code_system, from_csv, import};
use crate::register::Register;

/// The largest body: the five files of the whole nation take a few MiB.
const LARGEST: usize = 16 * 1024 * 1024;

pub(super) fn router() -> Router<Register> {
    Router::new().route("/directory/rbac/import", post(bring)).layer(DefaultBodyLimit::max(LARGEST))
}

#[derive(OpenApi)]
#[openapi(paths(bring))]
pub(super) struct Document;

/// Brings in a release of the national roles, or says what would change: codes, baselines, and for how many role profiles.
///
/// Either `name` and `files`, or `code_system`. The content of the release in force once more changes nothing.
#[utoipa::path(
    post, path = "/directory/rbac/import", tag = "directory",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = RoleImport, example = json!({"name": "27.2", "dry_run": "yes", "files": {
        "job-roles.csv": "category,category_name,group,group_name,code,name\n",
        "areas.csv": "category,category_name,group,group_name,code,name\n",
        "activities.csv": "code,name\n", "inclusions.csv": "activity,includes\n",
        "baselines.csv": "job_role,area,restriction_set,activity\n"}})),
    responses(
        (status = 200, description = "What came of it", body = RoleImported),
        (status = 400, description = "A file cannot be read; it says which and where", body = Body),
        (status = 403, description = "The caller may not do directory:import", body = Body),
        (status = 409, description = "Another release was brought in meanwhile", body = Body),
    )
)]
pub(super) async fn bring(
    State(register): State<Register>,
    Posted { caller, once, body }: Posted<RoleImport>,
) -> Result<Answer, Problem> {
    caller.may(IMPORT)?;
    if let Some(answer) = register.answered(once.clone()).await? {
        return Ok(answer);
    }
    let dry_run = body.dry_run.unwrap_or(Trial::No);
    let book = current(&register).await?;
    // Thousands of rows are parsed, which no other request waits for.
    let content = tokio::task::spawn_blocking(move || content(&book, body))
        .await
        .map_err(|_panicked| Error::Stored { what: "release" })??;
    let mode = if dry_run == Trial::Yes { Mode::DryRun } else { Mode::Apply };
    let imported = import(&register, content, mode, &audit::Actor::from(&caller)).await?;
    let answer = Answer::json(200, &told(dry_run, imported))?;
    if dry_run == Trial::Yes {
        return Ok(answer);
    }
    let kept = register.once(once, move |_tx, _now| Box::pin(async move { Ok(answer) })).await?;
    Ok(kept)
}

fn told(dry_run: Trial, imported: Imported) -> RoleImported {
    match imported {
        Imported::Same { number } => {
            RoleImported { dry_run, outcome: RoleImportOutcome::Same, number, difference: None }
        }
        Imported::New { number, difference } => {
            let difference = Some(*difference);
            RoleImported { dry_run, outcome: RoleImportOutcome::New, number, difference }
        }
    }
}

/// Reads what was sent.
fn content(book: &Book, body: RoleImport) -> Result<Content, Error> {
    match (body.name, body.code_system) {
        (None, Some(xml)) if body.files.is_empty() => from_code_system(book, Cursor::new(xml)),
        (Some(name), None) => {
            let mut files = body.files;
            let content = from_csv(&name, |file| {
                let text = files.remove(file);
                text.map(Cursor::new).ok_or_else(|| IoError::new(ErrorKind::NotFound, "it was not sent"))
            })?;
            match files.keys().next() {
                None => Ok(content),
                Some(other) => Err(Error::field("files", format!("The file {other} is none of a release."))),
            }
        }
        _ => Err(Error::field("name", "Send name and files, or code_system alone.")),
    }
}
