//! `/authn/reports`: authenticators and sign-ins of the people of an organisation.

use audit::Actor;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use directory::api::{Joined, Page};
use http::{HeaderMap, HeaderValue, header};
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::table::{Form, Parts, file};
use platform::web::{Json, Query};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::OpenApi;

use crate::api::{AuthenticatorReportQuery, AuthenticatorReportRow, LoginReportQuery, LoginReportRow};
use crate::error::Error;
use crate::provider::Provider;
use crate::reports::{Authenticators, Logins, Report, ReportEvent, filters};

pub(super) fn router() -> Router<Provider> {
    Router::new()
        .route("/authn/reports/authenticators", get(authenticators))
        .route("/authn/reports/logins", get(logins))
}

#[derive(OpenApi)]
#[openapi(paths(authenticators, logins))]
pub(super) struct Document;

/// The authenticators of those who hold something in an organisation, apart from cards: columns `user_id` to `removed_at`.
///
/// `Accept: text/csv` gives the whole as one file, written as it is read. Where few have what is asked for, a page holds fewer
/// rows than it may and still has a next one.
#[utoipa::path(
    get, path = "/authn/reports/authenticators", tag = "reports", params(AuthenticatorReportQuery),
    responses(
        (status = 200, description = "A page, or with Accept: text/csv the whole as CSV", body = Page<AuthenticatorReportRow>),
        (status = 400, description = "A filter is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such organisation", body = Body),
        (status = 503, description = "As many reports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn authenticators(
    caller: Caller,
    State(provider): State<Provider>,
    headers: HeaderMap,
    Query(query): Query<AuthenticatorReportQuery>,
) -> Result<Response, Problem> {
    let given =
        [("state", &query.state), ("method", &query.method), ("from", &query.from), ("to", &query.to)];
    let asked = Asked {
        caller,
        form: Form::of(&headers),
        organisation: &query.organisation,
        below: query.below.as_deref(),
        filters: filters(&given),
        after: query.after.as_deref(),
        limit: query.limit,
    };
    answer(&provider, asked, || Authenticators::parse(provider.db.clone(), &query)).await
}

/// The sign-ins of those who hold something in an organisation, as far back as sessions are kept: columns `user_id` to
/// `end_cause`.
///
/// `Accept: text/csv` gives the whole as one file, written as it is read. Where few have what is asked for, a page holds fewer
/// rows than it may and still has a next one.
#[utoipa::path(
    get, path = "/authn/reports/logins", tag = "reports", params(LoginReportQuery),
    responses(
        (status = 200, description = "A page, or with Accept: text/csv the whole as CSV", body = Page<LoginReportRow>),
        (status = 400, description = "A filter is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 404, description = "There is no such organisation", body = Body),
        (status = 503, description = "As many reports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn logins(
    caller: Caller,
    State(provider): State<Provider>,
    headers: HeaderMap,
    Query(query): Query<LoginReportQuery>,
) -> Result<Response, Problem> {
    let given =
        [("state", &query.state), ("method", &query.method), ("from", &query.from), ("to", &query.to)];
    let asked = Asked {
        caller,
        form: Form::of(&headers),
        organisation: &query.organisation,
        below: query.below.as_deref(),
        filters: filters(&given),
        after: query.after.as_deref(),
        limit: query.limit,
    };
    answer(&provider, asked, || Logins::parse(provider.db.clone(), &query, provider.now())).await
}

/// What is asked of a report, whichever it is.
struct Asked<'q> {
    caller: Caller,
    form: Form,
    organisation: &'q str,
    below: Option<&'q str>,
    filters: Vec<String>,
    after: Option<&'q str>,
    limit: Option<u32>,
}

/// Answers a report to whom the register allows it.
async fn answer<R: Report>(
    provider: &Provider,
    asked: Asked<'_>,
    report: impl FnOnce() -> Result<R, Problem>,
) -> Result<Response, Problem> {
    let register = provider.directory.clone();
    let organisation = register.may_read_report(&asked.caller, R::NAME, asked.organisation).await?;
    let joined = Joined::new(register, organisation.clone(), asked.below, report()?)?;
    let event = ReportEvent::ReportRead {
        report: R::NAME.to_owned(),
        organisation,
        below: asked.below.unwrap_or("yes").to_owned(),
        filters: asked.filters,
        form: asked.form.word().to_owned(),
    };
    match asked.form {
        Form::Json => {
            let joined = joined.after(asked.after)?;
            recorded(provider, &asked.caller, event).await?;
            let mut response = Json(joined.page(asked.limit).await?).into_response();
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
            Ok(response)
        }
        Form::Csv => {
            let turn = provider.reports.clone().try_acquire_owned().map_err(|_| {
                let detail = "As many reports are being read as may be at once. Try again shortly.";
                Problem::unavailable("reports-busy", detail, std::time::Duration::from_secs(5))
            })?;
            recorded(provider, &asked.caller, event).await?;
            Ok(file(R::NAME, R::COLUMNS, Whole { joined, _turn: turn }))
        }
    }
}

/// Who reads, with which filters, is recorded before the first row is read.
async fn recorded(provider: &Provider, caller: &Caller, event: ReportEvent) -> Result<(), Error> {
    let (now, actor) = (provider.now(), Actor::from(caller));
    provider
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

impl<R: Report> Parts for Whole<R> {
    type Row = R::Row;

    async fn more(&mut self) -> Result<Option<Vec<R::Row>>, Problem> {
        self.joined.more().await
    }
}
