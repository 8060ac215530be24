//! `/directory/systems/import`: systems from LDIF, brought in while the file is sent.

use axum::Router;
use axum::body::Body as Stream;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::Query;
use tokio::sync::mpsc;
use utoipa::OpenApi;

use super::import_lines;
use super::incoming::incoming;
use crate::api::{
    ListedChanges, SYSTEMS, SystemImportLine as Line, SystemImportProblem, SystemImportProgress,
    SystemImportQuery, SystemImportReport, Trial,
};
use crate::register::Register;
use crate::system::{Mode, import};

pub(super) fn router() -> Router<Register> {
    Router::new().route("/directory/systems/import", post(bring))
}

#[derive(OpenApi)]
#[openapi(paths(bring), components(schemas(crate::api::SystemImportLine)))]
pub(super) struct Document;

/// Brings in the accredited systems and message handling systems of a file, or says what would change.
///
/// The body is LDIF (RFC 2849), of any length: entries of the classes nhsAs and nhsMhs are systems, others are passed over. It is
/// written in parts while it comes. The answer is JSON lines: how far it is after each part, in a dry run with `changes=all` each
/// change, and last the report, or the
/// problem that stopped it. What is in stays in: the same file sent again changes only what is not in yet, so that no
/// idempotency key is asked for. A system that the file does not have stays as it is.
#[utoipa::path(
    post, path = "/directory/systems/import", tag = "directory", params(SystemImportQuery),
    request_body(content = String, content_type = "text/plain", description = "The LDIF"),
    responses(
        (status = 200, description = "Lines of SystemImportLine", body = String, content_type = "application/jsonl"),
        (status = 400, description = "The file cannot be read", body = Body),
        (status = 403, description = "The caller may not do directory:systems", body = Body),
        (status = 413, description = "The file is too large", body = Body),
    )
)]
pub(super) async fn bring(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<SystemImportQuery>,
    body: Stream,
) -> Result<Response, Problem> {
    caller.may(SYSTEMS)?;
    let mode = match query.dry_run {
        Some(Trial::Yes) => Mode::DryRun,
        Some(Trial::No) | None => Mode::Apply,
    };
    let actor = audit::Actor::from(&caller);
    let (sender, lines) = mpsc::channel(import_lines::WAITING);
    // Beside the request: what was begun comes to its end, or to that of the body, even if nobody reads the answer.
    tokio::spawn(async move {
        let told = sender.clone();
        let progress =
            move |progress: &SystemImportProgress| drop(told.try_send(Ok(Line::Progress(progress.clone()))));
        let (found, mut changes) = mpsc::channel::<String>(import_lines::WAITING);
        let found = (mode == Mode::DryRun && query.changes == Some(ListedChanges::All)).then_some(found);
        let told = sender.clone();
        // No line with a change is missed: the dry run waits for whoever reads, and is told when nobody does.
        let telling = async move {
            while let Some(found) = changes.recv().await {
                if told.send(Ok(Line::Change(found))).await.is_err() {
                    return;
                }
            }
        };
        let importing = import(&register, incoming(body), mode, progress, found, &actor);
        let (imported, ()) = tokio::join!(importing, telling);
        let last = imported.map(|done| {
            let (progress, changes, refused) = (done.progress, done.changes, done.refused);
            Line::Report(SystemImportReport { progress, changes, refused })
        });
        let _gone = sender.send(last).await;
    });
    import_lines::answer(lines, |problem| {
        let Body { status, code, detail, .. } = problem;
        Line::Problem(SystemImportProblem { status, code, detail })
    })
    .await
}
