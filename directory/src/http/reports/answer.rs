//! A report as it is answered: a page of JSON, or the whole as CSV, written as it is read.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};
use platform::caller::Caller;
use platform::problem::Problem;
use platform::web::Json;
use platform::web::table::{self, Form, Parts};
use tokio::sync::OwnedSemaphorePermit;

use crate::acting::{self, permitted_to_read};
use crate::api::{Page, Place};
use crate::error::Error;
use crate::http::input;
use crate::register::Register;
use crate::report::{Below, Cut, Report, ReportEvent, Scope, below};

/// How many rows are read at once for a file.
const PART: u32 = 500;

/// What is asked of a report, whichever it is.
pub(super) struct Asked<'q> {
    pub(super) caller: Caller,
    pub(super) headers: &'q HeaderMap,
    pub(super) place: Place<'q>,
    pub(super) filters: Vec<String>,
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
    let below = below(place.below)?;
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
    let after = Some(String::new());
    Ok(table::file(R::NAME, R::COLUMNS, File { register, report, scope, after, _turn: turn }))
}

/// A file that has not come to its end.
struct File<R> {
    register: Register,
    report: R,
    scope: Scope,
    /// After which row it goes on; `None` at its end.
    after: Option<String>,
    /// Held until the last row is sent or the reader goes away.
    _turn: OwnedSemaphorePermit,
}

impl<R: Report> Parts for File<R> {
    type Row = R::Row;

    async fn more(&mut self) -> Result<Option<Vec<R::Row>>, Problem> {
        let Some(after) = self.after.take() else { return Ok(None) };
        let rows = {
            let mut read = self.register.db.read().acquire().await.map_err(Error::from)?;
            self.report.rows(&mut read, &self.scope, Cut { after: &after, limit: PART }).await?
        };
        let full = rows.len() >= usize::try_from(PART).unwrap_or(usize::MAX);
        self.after = rows.last().filter(|_| full).map(R::cursor);
        Ok((!rows.is_empty()).then_some(rows))
    }
}
