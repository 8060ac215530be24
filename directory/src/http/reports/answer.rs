//! A report as it is answered: a page of JSON, or the whole as CSV, written as it is read.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::Json;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::acting::{self, permitted_to_read};
use crate::api::{Page, Place};
use crate::error::Error;
use crate::http::input;
use crate::register::Register;
use crate::report::{Answer, Below, Cut, Report, ReportEvent, Scope, csv, flag};

/// How many rows are read at once for a file.
const PART: u32 = 500;

/// What is asked of a report, whichever it is.
pub(super) struct Asked<'q> {
    pub(super) caller: Caller,
    pub(super) headers: &'q HeaderMap,
    pub(super) place: Place<'q>,
    pub(super) filters: Vec<String>,
}

/// In which form a report is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
}

impl Form {
    /// RFC 9110 12.5.1: CSV where it is asked for and JSON is not asked for before it.
    fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = |range: &str| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let first = accept.split(',').map(essence).find(|it| it == "text/csv" || it == "application/json");
        if first.as_deref() == Some("text/csv") { Self::Csv } else { Self::Json }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

/// Answers a report. Whoever reads one, with which filters, is recorded before the first row is read.
pub(super) async fn answer<R: Report>(
    register: Register,
    asked: Asked<'_>,
    report: R,
) -> Result<Response, Problem> {
    permitted_to_read(&asked.caller)?;
    let form = Form::of(asked.headers);
    let place = asked.place;
    let below = match flag("below", place.below)? {
        None | Some(Answer::Yes) => Below::Too,
        Some(Answer::No) => Below::No,
    };
    let organisation = input::organisation("organisation", place.organisation)?;
    let scope = Scope { organisation, below, today: register.today() };
    allowed::<R>(&register, asked.caller, &scope, form, asked.filters).await?;
    match form {
        Form::Json => page(&register, &report, &scope, place).await,
        Form::Csv => file(register, report, scope),
    }
}

/// Goes on if the report may be read there, and records that it is.
async fn allowed<R: Report>(
    register: &Register,
    caller: Caller,
    scope: &Scope,
    form: Form,
    filters: Vec<String>,
) -> Result<(), Error> {
    let organisation = scope.organisation.clone();
    let event = ReportEvent::ReportRead {
        report: R::NAME.to_owned(),
        organisation: organisation.to_string(),
        below: if scope.below == Below::Too { "yes" } else { "no" }.to_owned(),
        filters,
        form: form.word().to_owned(),
    };
    register
        .act(caller, move |tx, doing| {
            Box::pin(async move {
                let target = acting::in_organisation_in(tx, &organisation).await?;
                doing.sees(R::ACT, &target)?;
                audit::record(tx, doing.now, &doing.recorded(), &event).await?;
                Ok(())
            })
        })
        .await
}

async fn page<R: Report>(
    register: &Register,
    report: &R,
    scope: &Scope,
    place: Place<'_>,
) -> Result<Response, Problem> {
    let limit = input::limit(place.limit);
    let cut = Cut { after: place.after.unwrap_or_default(), limit: limit + 1 };
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let rows = report.rows(&mut read, scope, cut).await?;
    let mut response = Json(Page::of(rows, limit, R::cursor)).into_response();
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

fn file<R: Report>(register: Register, report: R, scope: Scope) -> Result<Response, Problem> {
    let turn = register.reports.clone().try_acquire_owned().map_err(|_| {
        let detail = "As many reports are being read as may be at once. Try again shortly.";
        Problem::unavailable("reports-busy", detail, std::time::Duration::from_secs(5))
    })?;
    let file = File { register, report, scope, next: Next::Heading, _turn: turn };
    let body = Body::from_stream(stream::try_unfold(file, File::more));
    let name = format!("attachment; filename=\"{}.csv\"", R::NAME);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::VARY, "accept".to_owned()),
    ];
    Ok((headers, body).into_response())
}

/// A file that has not come to its end. It holds one part of the rows, and reads the next when that is sent; where the
/// database fails it breaks off, so that half a file is not taken for a whole one.
struct File<R> {
    register: Register,
    report: R,
    scope: Scope,
    next: Next,
    /// Held until the last row is sent or the reader goes away.
    _turn: OwnedSemaphorePermit,
}

/// What comes next.
enum Next {
    Heading,
    /// The rows after this one.
    After(String),
    Nothing,
}

impl<R: Report> File<R> {
    async fn more(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        let after = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Heading => {
                self.next = Next::After(String::new());
                return Ok(Some((csv::heading(R::COLUMNS)?.into(), self)));
            }
            Next::After(after) => after,
            Next::Nothing => return Ok(None),
        };
        let rows = {
            let mut read = self.register.db.read().acquire().await?;
            self.report.rows(&mut read, &self.scope, Cut { after: &after, limit: PART }).await?
        };
        let full = rows.len() >= usize::try_from(PART).unwrap_or(usize::MAX);
        if let Some(last) = rows.last().filter(|_| full) {
            self.next = Next::After(R::cursor(last));
        }
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some((lines::<R>(&rows)?, self)))
    }
}

fn lines<R: Report>(rows: &[R::Row]) -> Result<Bytes, Error>
where
    R::Row: Serialize,
{
    Ok(csv::lines(R::COLUMNS, rows)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CSV is answered where it is asked for, JSON otherwise.
    #[test]
    fn form_is_as_asked() {
        let form = |accept: &'static str| {
            Form::of(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert_eq!(form("text/csv"), Form::Csv);
        assert_eq!(form("Text/CSV; charset=utf-8, */*;q=0.1"), Form::Csv);
        assert_eq!(form("application/json, text/csv;q=0.5"), Form::Json);
        assert_eq!(form("*/*"), Form::Json);
        assert_eq!(Form::of(&HeaderMap::new()), Form::Json);
    }
}
