//! `/directory/reports`: what the register knows, in rows, as pages of JSON or as one CSV file.

mod answer;

use axum::Router;
use axum::extract::State;
use axum::response::{Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, Uri};
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::input;
use crate::acting::permitted_to_read;
use crate::api::{
    AssignmentReportQuery, AssignmentReportRow, CampaignReportQuery, CampaignReportRow, LeaverReportQuery,
    LeaverReportRow, Page, PositionReportQuery, PositionReportRow, RegistrationReportQuery,
    RegistrationReportRow, ReportInfo, Reports, RequestReportQuery, RequestReportRow, UserReportQuery,
    UserReportRow,
};
use crate::assignment::Via;
use crate::authority::Rank;
use crate::day::Day;
use crate::error::Error;
use crate::ids::{PositionId, WorkgroupId};
use crate::rbac::{self, ActivityCode, Giving};
use crate::register::Register;
use crate::report::{
    Assignments, Campaigns, ELSEWHERE, Leavers, Positions, Registrations, Requests, THERE, Users, days, flag,
    word,
};
use crate::request::KINDS;
use crate::store::reports::{people, positions, work};
use answer::{Asked, answer};

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/reports", get(list))
        .route("/directory/reports/users", get(users))
        .route("/directory/reports/requests", get(requests))
        .route("/directory/reports/positions", get(positions_report))
        .route("/directory/reports/assignments", get(assignments))
        .route("/directory/reports/registrations", get(registrations))
        .route("/directory/reports/leavers", get(leavers))
        .route("/directory/reports/campaigns", get(campaigns))
        .route("/directory/reports/{name}", get(elsewhere))
}

#[derive(OpenApi)]
#[openapi(paths(
    list,
    users,
    requests,
    positions_report,
    assignments,
    registrations,
    leavers,
    campaigns,
    elsewhere
))]
pub(super) struct Document;

/// The reports that there are: those of the register with their columns, and where those are that other modules have.
#[utoipa::path(
    get, path = "/directory/reports", tag = "reports",
    responses(
        (status = 200, description = "By name", body = Reports),
        (status = 403, description = "The caller was granted nothing here", body = Body),
    )
)]
pub(super) async fn list(caller: Caller) -> Result<Json<Reports>, Problem> {
    permitted_to_read(&caller)?;
    let there = THERE.iter().map(|(name, columns)| ReportInfo {
        name: (*name).to_owned(),
        path: format!("/directory/reports/{name}"),
        columns: columns.iter().map(ToString::to_string).collect(),
    });
    let elsewhere = ELSEWHERE.iter().map(|report| ReportInfo {
        name: report.name.to_owned(),
        path: report.path.to_owned(),
        columns: Vec::new(),
    });
    let mut reports: Vec<ReportInfo> = there.chain(elsewhere).collect();
    reports.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Json(Reports { reports }))
}

/// A report that another module has.
///
/// Cards are known to the certificate authority, authenticators and sign-ins to sign-in: the report is there, of the same form.
#[utoipa::path(
    get, path = "/directory/reports/{name}", tag = "reports",
    params(("name" = String, Path, description = "`smartcards`, `authenticators` or `logins`")),
    responses(
        (status = 307, description = "It is at this address, with the same filters"),
        (status = 404, description = "There is no such report", body = Body),
    )
)]
pub(super) async fn elsewhere(
    caller: Caller,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Redirect, Problem> {
    permitted_to_read(&caller)?;
    let Some(report) = ELSEWHERE.iter().find(|report| report.name == name) else {
        return Err(Problem::not_found(
            "not-found",
            "There is no such report; /directory/reports lists them.",
        ));
    };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(Redirect::temporary(&format!("{}{query}", report.path)))
}

/// The last day of so many days.
fn ends_by(register: &Register, text: Option<&str>) -> Result<Option<Day>, Error> {
    Ok(days("ends_within", text)?.map(|days| register.today().plus_days(days)))
}

fn position(text: Option<&String>) -> Result<Option<String>, Error> {
    text.map(|text| input::id::<PositionId>("position", text).map(String::from)).transpose()
}

fn workgroup(text: Option<&String>) -> Result<Option<String>, Error> {
    text.map(|text| input::id::<WorkgroupId>("workgroup", text).map(String::from)).transpose()
}

/// A code of a letter and four digits.
fn is_code(text: &str, letter: char) -> bool {
    text.len() == 5 && text.starts_with(letter) && text[1..].bytes().all(|byte| byte.is_ascii_digit())
}

/// What job roles are like that end in a code, or are the whole path.
fn job_role(text: Option<&String>) -> Result<Option<String>, Error> {
    let Some(text) = text else { return Ok(None) };
    if is_code(text, 'R') {
        return Ok(Some(format!("%:{text}")));
    }
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [s, g, r] if is_code(s, 'S') && is_code(g, 'G') && is_code(r, 'R') => Ok(Some(text.clone())),
        _ => Err(Error::field("job_role", "Write a job role, as in R8000 or S8000:G8000:R8000.")),
    }
}

/// By what people come to an activity, by the release in force.
async fn activity(register: &Register, text: Option<&String>) -> Result<Option<Giving>, Error> {
    let Some(text) = text else { return Ok(None) };
    let wrong = |_| Error::field("activity", "Write an activity, as in B0380.");
    let code: ActivityCode = text.parse().map_err(wrong)?;
    let book = rbac::current(register).await?;
    Ok(Some(rbac::giving(&book, code)))
}

/// People with what they hold: columns `user_id` to `next_end`.
///
/// `Accept: text/csv` gives the whole as one file, written as it is read.
#[utoipa::path(
    get, path = "/directory/reports/users", tag = "reports", params(UserReportQuery),
    responses(
        (status = 200, description = "A page, or with Accept: text/csv the whole as CSV", body = Page<UserReportRow>),
        (status = 400, description = "A filter is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 503, description = "As many reports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn users(
    caller: Caller,
    State(register): State<Register>,
    headers: HeaderMap,
    Query(query): Query<UserReportQuery>,
) -> Result<Response, Problem> {
    permitted_to_read(&caller)?;
    let wanted = people::Users {
        state: word("state", query.state.as_deref(), &["open", "closed", "merged"])?.unwrap_or("open"),
        standing: word("standing", query.standing.as_deref(), &["verified", "unverified"])?,
        position: position(query.position.as_ref())?,
        job_role: job_role(query.job_role.as_ref())?,
        activity: activity(&register, query.activity.as_ref()).await?,
        workgroup: workgroup(query.workgroup.as_ref())?,
        ends_by: ends_by(&register, query.ends_within.as_deref())?,
        has_email: flag("has_email", query.has_email.as_deref())?,
        has_national_insurance: flag("has_national_insurance", query.has_national_insurance.as_deref())?,
    };
    let asked = Asked { caller, headers: &headers, place: query.place(), filters: query.filters() };
    answer(register, asked, Users(wanted)).await
}

/// Requests with who asked and who decided. Drafts are nobody else's business and are not in it.
///
/// `Accept: text/csv` gives the whole as one file, written as it is read.
#[utoipa::path(
    get, path = "/directory/reports/requests", tag = "reports", params(RequestReportQuery),
    responses(
        (status = 200, description = "A page, or with Accept: text/csv the whole as CSV", body = Page<RequestReportRow>),
        (status = 400, description = "A filter is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 503, description = "As many reports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn requests(
    caller: Caller,
    State(register): State<Register>,
    headers: HeaderMap,
    Query(query): Query<RequestReportQuery>,
) -> Result<Response, Problem> {
    const STATES: [&str; 8] =
        ["submitted", "locked", "approved", "rejected", "withdrawn", "expired", "applied", "failed"];
    let line = |field, text: Option<&String>| input::maybe_text(field, text, input::NAME);
    let to = input::maybe_day("to", query.to.as_ref())?;
    let wanted = work::Requests {
        state: word("state", query.state.as_deref(), &STATES)?,
        kind: word("kind", query.kind.as_deref(), &KINDS)?,
        source: word("source", query.source.as_deref(), &["own", "person", "system"])?,
        requested_by: line("requested_by", query.requested_by.as_ref())?,
        decided_by: line("decided_by", query.decided_by.as_ref())?,
        from: input::maybe_day("from", query.from.as_ref())?.map(Day::begins),
        before: to.map(|day| day.plus_days(1).begins()),
    };
    let asked = Asked { caller, headers: &headers, place: query.place(), filters: query.filters() };
    answer(register, asked, Requests(wanted)).await
}

/// Positions with how many hold them.
///
/// `Accept: text/csv` gives the whole as one file, written as it is read.
#[utoipa::path(
    get, path = "/directory/reports/positions", tag = "reports", params(PositionReportQuery),
    responses(
        (status = 200, description = "A page, or with Accept: text/csv the whole as CSV", body = Page<PositionReportRow>),
        (status = 400, description = "A filter is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 503, description = "As many reports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn positions_report(
    caller: Caller,
    State(register): State<Register>,
    headers: HeaderMap,
    Query(query): Query<PositionReportQuery>,
) -> Result<Response, Problem> {
    let rank: Option<Rank> = query
        .rank
        .as_deref()
        .map(|text| input::parsed("rank", text, "a rank, as in sponsor or ra-agent"))
        .transpose()?;
    let wanted = positions::Positions {
        state: word("state", query.state.as_deref(), &["open", "closed"])?,
        unheld: flag("unheld", query.unheld.as_deref())?,
        rank: rank.map(Rank::word),
    };
    let asked = Asked { caller, headers: &headers, place: query.place(), filters: query.filters() };
    answer(register, asked, Positions(wanted)).await
}

/// Assignments with the names of who and what.
///
/// `Accept: text/csv` gives the whole as one file, written as it is read.
#[utoipa::path(
    get, path = "/directory/reports/assignments", tag = "reports", params(AssignmentReportQuery),
    responses(
        (status = 200, description = "A page, or with Accept: text/csv the whole as CSV", body = Page<AssignmentReportRow>),
        (status = 400, description = "A filter is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 503, description = "As many reports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn assignments(
    caller: Caller,
    State(register): State<Register>,
    headers: HeaderMap,
    Query(query): Query<AssignmentReportQuery>,
) -> Result<Response, Problem> {
    let via: Option<Via> = query
        .via
        .as_deref()
        .map(|text| input::parsed("via", text, "cim, esr, scim, csv or request"))
        .transpose()?;
    let wanted = positions::Assignments {
        state: word("state", query.state.as_deref(), &["live", "ended", "removed", "all"])?.unwrap_or("live"),
        position: position(query.position.as_ref())?,
        via: via.map(Via::word),
        ends_by: ends_by(&register, query.ends_within.as_deref())?,
    };
    let asked = Asked { caller, headers: &headers, place: query.place(), filters: query.filters() };
    answer(register, asked, Assignments(wanted)).await
}

/// Professional registrations of people who hold something there.
///
/// `Accept: text/csv` gives the whole as one file, written as it is read.
#[utoipa::path(
    get, path = "/directory/reports/registrations", tag = "reports", params(RegistrationReportQuery),
    responses(
        (status = 200, description = "A page, or with Accept: text/csv the whole as CSV", body = Page<RegistrationReportRow>),
        (status = 400, description = "A filter is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 503, description = "As many reports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn registrations(
    caller: Caller,
    State(register): State<Register>,
    headers: HeaderMap,
    Query(query): Query<RegistrationReportQuery>,
) -> Result<Response, Problem> {
    let body: Option<crate::api::ProfessionalBody> = query
        .body
        .as_deref()
        .map(|text| input::parsed("body", text, "a professional body, as in GMC or NMC"))
        .transpose()?;
    let wanted = people::Registrations { body: body.map(crate::api::ProfessionalBody::word) };
    let asked = Asked { caller, headers: &headers, place: query.place(), filters: query.filters() };
    answer(register, asked, Registrations(wanted)).await
}

/// Who left, from there or from everywhere.
///
/// `Accept: text/csv` gives the whole as one file, written as it is read.
#[utoipa::path(
    get, path = "/directory/reports/leavers", tag = "reports", params(LeaverReportQuery),
    responses(
        (status = 200, description = "A page, or with Accept: text/csv the whole as CSV", body = Page<LeaverReportRow>),
        (status = 400, description = "A filter is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 503, description = "As many reports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn leavers(
    caller: Caller,
    State(register): State<Register>,
    headers: HeaderMap,
    Query(query): Query<LeaverReportQuery>,
) -> Result<Response, Problem> {
    let wanted = people::Leavers {
        from: input::maybe_day("from", query.from.as_ref())?,
        to: input::maybe_day("to", query.to.as_ref())?,
    };
    let asked = Asked { caller, headers: &headers, place: query.place(), filters: query.filters() };
    answer(register, asked, Leavers(wanted)).await
}

/// Campaigns of recertification with how far they are.
///
/// `Accept: text/csv` gives the whole as one file, written as it is read.
#[utoipa::path(
    get, path = "/directory/reports/campaigns", tag = "reports", params(CampaignReportQuery),
    responses(
        (status = 200, description = "A page, or with Accept: text/csv the whole as CSV", body = Page<CampaignReportRow>),
        (status = 400, description = "A filter is not what it may be", body = Body),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 503, description = "As many reports are being read as may be at once", body = Body),
    )
)]
pub(super) async fn campaigns(
    caller: Caller,
    State(register): State<Register>,
    headers: HeaderMap,
    Query(query): Query<CampaignReportQuery>,
) -> Result<Response, Problem> {
    let wanted =
        work::Campaigns { state: word("state", query.state.as_deref(), &["running", "over", "cancelled"])? };
    let asked = Asked { caller, headers: &headers, place: query.place(), filters: query.filters() };
    answer(register, asked, Campaigns(wanted)).await
}
