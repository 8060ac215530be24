//! `/ca/reports`: smartcards, and who has one.

use audit::Actor;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use directory::api::{Client, Joined, Page, Rows};
use http::{HeaderMap, HeaderValue, header};
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Db;
use platform::problem::{Body, Problem};
use platform::web::table::{Form, Parts, file};
use platform::web::{Json, Query};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::OpenApi;

use crate::api::{CardholderReportQuery, CardholderReportRow, SmartcardReportQuery, SmartcardReportRow};
use crate::authority::Authority;
use crate::error::Error;
use crate::reports::holders::{self, Cardholders};
use crate::reports::{COLUMNS, NAME, ReportEvent, Smartcards, filters};

/// The reports of smartcards and of who has one, for those to whom the register allows it.
pub fn reports_router(authority: Authority, register: Client) -> Router {
    Router::new()
        .route("/ca/reports/smartcards", get(smartcards))
        .route("/ca/reports/cardholders", get(cardholders))
        .with_state(Reports { authority, register })
}

#[derive(OpenApi)]
#[openapi(paths(smartcards, cardholders))]
pub(super) struct Document;

/// The authority, and the register that knows people.
#[derive(Clone)]
pub(super) struct Reports {
    authority: Authority,
    register: Client,
}

/// The certificates of cards of those who hold something in an organisation: columns `user_id` to `reason`.
///
/// `Accept: text/csv` gives the whole as one file, written as it is read. Where few have what is asked for, a page holds fewer
/// rows than it may and still has a next one.
#[utoipa::path(
    get, path = "/ca/reports/smartcards", tag = "reports", params(SmartcardReportQuery),
    responses(
        (status = 200, description = "A page, or with Accept: text/csv the whole as CSV", body = Page<SmartcardReportRow>),
        (status = 400, description = "A filter is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such organisation", body = Body),
        (status = 503, description = "As many reports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn smartcards(
    caller: Caller,
    State(reports): State<Reports>,
    headers: HeaderMap,
    Query(query): Query<SmartcardReportQuery>,
) -> Result<Response, Problem> {
    let asked = Asked {
        name: NAME,
        columns: COLUMNS,
        organisation: &query.organisation,
        below: query.below.as_deref(),
        limit: query.limit,
        after: query.after.as_deref(),
        filters: filters(&query),
        form: Form::of(&headers),
    };
    answered(&reports, &caller, asked, |db, now| Smartcards::parse(db, &query, now)).await
}

/// Those who hold something in an organisation, with what they have of cards: columns `user_id` to `next_end`.
///
/// `Accept: text/csv` gives the whole as one file, written as it is read. Where few are as asked, a page holds fewer rows than it may
/// and still has a next one.
#[utoipa::path(
    get, path = "/ca/reports/cardholders", tag = "reports", params(CardholderReportQuery),
    responses(
        (status = 200, description = "A page, or with Accept: text/csv the whole as CSV", body = Page<CardholderReportRow>),
        (status = 400, description = "A filter is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such organisation", body = Body),
        (status = 503, description = "As many reports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn cardholders(
    caller: Caller,
    State(reports): State<Reports>,
    headers: HeaderMap,
    Query(query): Query<CardholderReportQuery>,
) -> Result<Response, Problem> {
    let asked = Asked {
        name: holders::NAME,
        columns: holders::COLUMNS,
        organisation: &query.organisation,
        below: query.below.as_deref(),
        limit: query.limit,
        after: query.after.as_deref(),
        filters: holders::filters(&query),
        form: Form::of(&headers),
    };
    answered(&reports, &caller, asked, |db, now| Cardholders::parse(db, &query, now)).await
}

/// What is asked of a report.
struct Asked<'q> {
    name: &'static str,
    columns: &'static [&'static str],
    organisation: &'q str,
    below: Option<&'q str>,
    limit: Option<u32>,
    after: Option<&'q str>,
    filters: Vec<String>,
    form: Form,
}

/// A page or the whole, for whoever may read it.
async fn answered<R: Rows>(
    reports: &Reports,
    caller: &Caller,
    asked: Asked<'_>,
    rows: impl FnOnce(Db, Millis) -> Result<R, Problem>,
) -> Result<Response, Problem> {
    let Reports { authority, register } = reports;
    let organisation = register.may_read_report(caller, asked.name, asked.organisation).await?;
    let desk = authority.desk();
    let rows = rows(desk.db.clone(), desk.clock.now())?;
    let joined = Joined::new(register.clone(), organisation.clone(), asked.below, rows)?;
    let event = ReportEvent::ReportRead {
        report: asked.name.to_owned(),
        organisation,
        below: asked.below.unwrap_or("yes").to_owned(),
        filters: asked.filters,
        form: asked.form.word().to_owned(),
    };
    match asked.form {
        Form::Json => {
            let joined = joined.after(asked.after)?;
            recorded(authority, caller, event).await?;
            let mut response = Json(joined.page(asked.limit).await?).into_response();
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
            Ok(response)
        }
        Form::Csv => {
            let turn = authority.exporting().try_acquire_owned().map_err(|_| Error::ExportsBusy)?;
            recorded(authority, caller, event).await?;
            Ok(file(asked.name, asked.columns, Whole { joined, _turn: turn }))
        }
    }
}

/// Who reads, with which filters, is recorded before the first row is read.
async fn recorded(authority: &Authority, caller: &Caller, event: ReportEvent) -> Result<(), Error> {
    let (now, actor) = (authority.desk().clock.now(), Actor::from(caller));
    authority
        .desk()
        .db
        .write(move |tx| {
            Box::pin(async move {
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await
}

/// A report as one file.
struct Whole<R> {
    joined: Joined<R>,
    /// Held until the last row is sent or the reader goes away.
    _turn: OwnedSemaphorePermit,
}

impl<R: Rows> Parts for Whole<R> {
    type Row = R::Row;

    async fn more(&mut self) -> Result<Option<Vec<R::Row>>, Problem> {
        self.joined.more().await
    }
}
