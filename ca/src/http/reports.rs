//! `/ca/reports/smartcards`.

use audit::Actor;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use directory::api::{Client, Joined, Page};
use http::{HeaderMap, HeaderValue, header};
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::table::{Form, Parts, file};
use platform::web::{Json, Query};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::OpenApi;

use crate::api::{SmartcardReportQuery, SmartcardReportRow};
use crate::authority::Authority;
use crate::error::Error;
use crate::reports::{COLUMNS, NAME, ReportEvent, Smartcards, filters};

/// The report of smartcards, for those to whom the register allows it.
pub fn reports_router(authority: Authority, register: Client) -> Router {
    Router::new().route("/ca/reports/smartcards", get(smartcards)).with_state(Reports { authority, register })
}

#[derive(OpenApi)]
#[openapi(paths(smartcards))]
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
    let Reports { authority, register } = reports;
    let organisation = register.may_read_report(&caller, NAME, &query.organisation).await?;
    let desk = authority.desk();
    let rows = Smartcards::parse(desk.db.clone(), &query, desk.clock.now())?;
    let joined = Joined::new(register, organisation.clone(), query.below.as_deref(), rows)?;
    let form = Form::of(&headers);
    let event = ReportEvent::ReportRead {
        report: NAME.to_owned(),
        organisation,
        below: query.below.clone().unwrap_or_else(|| "yes".to_owned()),
        filters: filters(&query),
        form: form.word().to_owned(),
    };
    match form {
        Form::Json => {
            let joined = joined.after(query.after.as_deref())?;
            recorded(&authority, &caller, event).await?;
            let mut response = Json(joined.page(query.limit).await?).into_response();
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
            Ok(response)
        }
        Form::Csv => {
            let turn = authority.exporting().try_acquire_owned().map_err(|_| Error::ExportsBusy)?;
            recorded(&authority, &caller, event).await?;
            Ok(file(NAME, COLUMNS, Whole { joined, _turn: turn }))
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
struct Whole {
    joined: Joined<Smartcards>,
    /// Held until the last row is sent or the reader goes away.
    _turn: OwnedSemaphorePermit,
}

impl Parts for Whole {
    type Row = SmartcardReportRow;

    async fn more(&mut self) -> Result<Option<Vec<SmartcardReportRow>>, Problem> {
        self.joined.more().await
    }
}
