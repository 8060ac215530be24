//! `/directory/organisations/import`: a release of organisations, brought in while it is sent.

use std::time::Duration;

use axum::Router;
use axum::body::Body as Stream;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Query};
use tokio::sync::mpsc;
use utoipa::OpenApi;

use super::import_lines;
use super::incoming::incoming;
use super::input;
use crate::api::{
    IMPORT, ListedChanges, OrganisationImportChange, OrganisationImportClosed, OrganisationImportDifference,
    OrganisationImportLine as Line, OrganisationImportProblem, OrganisationImportProgress,
    OrganisationImportQuery, OrganisationImportRefusal, OrganisationImportReport, OrganisationImports, Page,
    PageQuery, Trial,
};
use crate::organisation::{Change, Difference, Mode, Progress, Report, import_telling};
use crate::register::Register;
use crate::store::organisation_imports::{self, Place};

pub(super) fn router() -> Router<Register> {
    Router::new().route("/directory/organisations/import", get(list).post(bring))
}

#[derive(OpenApi)]
#[openapi(paths(list, bring), components(schemas(crate::api::OrganisationImportLine)))]
pub(super) struct Document;

/// The imports of organisations: those that came to their end, and one that is under way or was broken off.
#[utoipa::path(
    get, path = "/directory/organisations/import", tag = "directory", params(PageQuery),
    responses(
        (status = 200, description = "Latest first", body = OrganisationImports),
        (status = 403, description = "The caller may not do directory:import", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<PageQuery>,
) -> Result<Json<OrganisationImports>, Problem> {
    caller.may(IMPORT)?;
    let (after, limit): (Option<Place>, u32) =
        (input::after(query.after.as_ref())?, input::limit(query.limit));
    let rows = organisation_imports::latest(register.db.read(), after.as_ref(), limit + 1).await?;
    let Page { items, next } = Page::of(rows, limit, |(place, _)| place.to_string());
    Ok(Json(OrganisationImports { imports: items.into_iter().map(|(_, import)| import).collect(), next }))
}

/// Brings in a release of the Organisation Data Service, or says what would change.
///
/// The body is the XML, of any length; it is written in parts while it comes. The answer is JSON lines: how far it is after each
/// part, in a dry run with `changes=all` each change, and last the report, or the problem that stopped it. What is in stays in: the same file sent again passes over it.
/// No idempotency key is asked for; the release is its own.
#[utoipa::path(
    post, path = "/directory/organisations/import", tag = "directory", params(OrganisationImportQuery),
    request_body(content = String, content_type = "application/xml", description = "The XML of the release"),
    responses(
        (status = 200, description = "Lines of OrganisationImportLine", body = String, content_type = "application/jsonl"),
        (status = 400, description = "The file cannot be read", body = Body),
        (status = 403, description = "The caller may not do directory:import", body = Body),
        (status = 409, description = "Another import is under way, or a newer release is in", body = Body),
        (status = 413, description = "The file is too large", body = Body),
    )
)]
pub(super) async fn bring(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<OrganisationImportQuery>,
    body: Stream,
) -> Result<Response, Problem> {
    caller.may(IMPORT)?;
    let mode = match query.dry_run {
        Some(Trial::Yes) => Mode::DryRun,
        Some(Trial::No) | None => Mode::Apply,
    };
    let actor = audit::Actor::from(&caller);
    let (sender, lines) = mpsc::channel(import_lines::WAITING);
    // Beside the request: what was begun comes to its end, or to that of the body, even if nobody reads the answer.
    tokio::spawn(async move {
        let told = sender.clone();
        let progress = move |progress: &Progress| drop(told.try_send(Ok(Line::Progress(shown(progress)))));
        let (found, mut changes) = mpsc::channel(import_lines::WAITING);
        let found = (mode == Mode::DryRun && query.changes == Some(ListedChanges::All)).then_some(found);
        let told = sender.clone();
        // No line with a change is missed: the dry run waits for whoever reads, and is told when nobody does.
        let telling = async move {
            while let Some(found) = changes.recv().await {
                if told.send(Ok(Line::Change(change(found)))).await.is_err() {
                    return;
                }
            }
        };
        let importing = import_telling(&register, incoming(body), mode, progress, found, &actor);
        let (imported, ()) = tokio::join!(importing, telling);
        let last = imported.map(|report| Line::Report(whole(report)));
        let _gone = sender.send(last).await;
    });
    import_lines::answer(lines, |problem| {
        let Body { status, code, detail, .. } = problem;
        Line::Problem(OrganisationImportProblem { status, code, detail })
    })
    .await
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn shown(progress: &Progress) -> OrganisationImportProgress {
    OrganisationImportProgress {
        read: progress.read,
        records: progress.records,
        passed: progress.passed,
        created: progress.created,
        changed: progress.changed,
        unchanged: progress.unchanged,
        refused: progress.refused,
        elapsed_ms: milliseconds(progress.elapsed),
        remaining_ms: progress.remaining().map(milliseconds),
    }
}

fn difference(one: Difference) -> OrganisationImportDifference {
    OrganisationImportDifference { member: one.member, before: one.before, after: one.after }
}

fn change(change: Change) -> OrganisationImportChange {
    OrganisationImportChange {
        organisation: change.organisation.to_string(),
        name: change.name,
        members: change.members,
        differences: change.differences.into_iter().map(difference).collect(),
    }
}

fn whole(report: Report) -> OrganisationImportReport {
    let closed = report.closed.into_iter().map(|closed| OrganisationImportClosed {
        organisation: closed.organisation.to_string(),
        name: closed.name,
        successors: closed.successors.iter().map(ToString::to_string).collect(),
        positions: closed.positions,
        assignments: closed.assignments,
    });
    let refused = report.refused.into_iter().map(|refused| OrganisationImportRefusal {
        line: refused.line,
        code: refused.code,
        sentence: refused.sentence,
    });
    OrganisationImportReport {
        release: report.manifest.sha256,
        description: report.manifest.description,
        published: report.manifest.published.map(String::from),
        progress: shown(&report.progress),
        changes: report.changes.into_iter().map(change).collect(),
        refused: refused.collect(),
        kept: report.kept.iter().map(ToString::to_string).collect(),
        closed: closed.collect(),
    }
}
