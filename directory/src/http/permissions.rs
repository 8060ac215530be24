//! `/directory/permissions`: what modules ask before they do something in somebody's name.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use platform::caller::{Caller, CallerKind};
use platform::id::UserId;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::input;
use crate::acting::{Doing, in_organisation_in, on_person};
use crate::api::{
    ACT, ASK, CardAct, CardPermissionQuery, PeopleThere, PeopleThereQuery, PermissionQuery, PersonThere,
    ReportPermission, ReportPermissionQuery,
};
use crate::authority::Act;
use crate::error::Error;
use crate::register::Register;
use crate::report::{ELSEWHERE, Scope, below};
use crate::store::people;
use crate::store::reports::people as reported;

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/permissions/issue-authenticator", get(issue_authenticator))
        .route("/directory/permissions/card", get(card))
        .route("/directory/permissions/report", get(report))
        .route("/directory/organisations/{ods}/people", get(people_there))
}

#[derive(OpenApi)]
#[openapi(paths(issue_authenticator, card, report, people_there))]
pub(super) struct Document;

/// Somebody in whose name a module asks.
struct Asked {
    by: UserId,
    assurance: Option<String>,
    role_profile: Option<String>,
}

impl Asked {
    /// Who that is, calling by way of the module.
    fn through(self, module: &Caller) -> Caller {
        let mut asked = Caller::new(CallerKind::Person, self.by.to_string(), module.client.clone(), [ACT.0]);
        asked.assurance = self.assurance;
        asked.role_profile = self.role_profile;
        asked
    }
}

/// Whether somebody may issue or take away an authenticator of a person now. The rules are those of every act; nothing is done.
#[utoipa::path(
    get, path = "/directory/permissions/issue-authenticator", tag = "directory",
    params(PermissionQuery),
    responses(
        (status = 204, description = "They may"),
        (status = 403, description = "They may not, and why", body = Body),
        (status = 404, description = "There is no such person", body = Body),
    )
)]
pub(super) async fn issue_authenticator(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<PermissionQuery>,
) -> Result<StatusCode, Problem> {
    caller.may(ASK)?;
    let by = input::person("by", &query.by)?;
    let person = input::person("person", &query.person)?;
    let asked = Asked { by, assurance: query.assurance, role_profile: query.role_profile };
    let (mut read, doing): (_, Doing) = register.reading(asked.through(&caller)).await?;
    if people::is_open(&mut *read, &person).await?.is_none() {
        return Err(Error::unknown("person", &person).into());
    }
    let target = on_person(&mut read, &doing, &person).await?;
    doing.demand(Act::IssueAuthenticator, &target)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether somebody may do something with a card now. The rules are those of every act; nothing is done.
///
/// What ends a card is asked of a person who has left too: somebody must be able to take their card away.
#[utoipa::path(
    get, path = "/directory/permissions/card", tag = "directory",
    params(CardPermissionQuery),
    responses(
        (status = 204, description = "They may"),
        (status = 400, description = "Neither a person nor an organisation is named, or both", body = Body),
        (status = 403, description = "They may not, and why", body = Body),
        (status = 404, description = "There is no such person or organisation", body = Body),
    )
)]
pub(super) async fn card(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<CardPermissionQuery>,
) -> Result<StatusCode, Problem> {
    caller.may(ASK)?;
    let by = input::person("by", &query.by)?;
    let asked = Asked { by, assurance: query.assurance, role_profile: query.role_profile };
    let person = query.person.as_deref().map(|it| input::person("person", it)).transpose()?;
    let organisation =
        query.organisation.as_deref().map(|it| input::organisation("organisation", it)).transpose()?;
    let ends = matches!(query.act, CardAct::Cancel | CardAct::Clear);
    let (mut read, doing): (_, Doing) = register.reading(asked.through(&caller)).await?;
    let target = match (person, organisation) {
        (Some(person), None) => {
            if !ends && people::is_open(&mut *read, &person).await?.is_none() {
                return Err(Error::unknown("person", &person).into());
            }
            on_person(&mut read, &doing, &person).await?
        }
        (None, Some(organisation)) => in_organisation_in(&mut read, &organisation).await?,
        _ => return Err(Error::field("person", "Name a person or an organisation, and not both.").into()),
    };
    let own = target.person.as_ref().is_some_and(|person| doing.actor.is(person));
    doing.demand(right(query.act, own), &target)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The act of the matrix, for a card of one's own or not.
fn right(act: CardAct, own: bool) -> Act {
    match act {
        CardAct::Renew if own => Act::RenewOwnCard,
        CardAct::Issue => Act::IssueCard,
        CardAct::Repair => Act::RepairCard,
        CardAct::Clear => Act::ClearCard,
        CardAct::Cancel => Act::CancelCard,
        CardAct::Unlock => Act::UnlockCard,
        CardAct::Renew => Act::RenewCard,
        CardAct::RenewExpired => Act::RenewExpiredCard,
    }
}

/// Whether a report that another module keeps may be read of an organisation. The rules are those of every report.
#[utoipa::path(
    get, path = "/directory/permissions/report", tag = "directory",
    params(ReportPermissionQuery),
    responses(
        (status = 200, description = "It may", body = ReportPermission),
        (status = 403, description = "It may not, and why", body = Body),
        (status = 404, description = "There is no such organisation", body = Body),
    )
)]
pub(super) async fn report(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<ReportPermissionQuery>,
) -> Result<Json<ReportPermission>, Problem> {
    caller.may(ASK)?;
    let organisation = input::organisation("organisation", &query.organisation)?;
    let elsewhere = ELSEWHERE.iter().find(|report| report.name == query.report);
    let elsewhere = elsewhere.ok_or_else(|| Error::field("report", "No other module has this report."))?;
    let by = query.by.as_deref().map(|by| input::person("by", by)).transpose()?;
    let asked = match by {
        Some(by) => {
            Asked { by, assurance: query.assurance, role_profile: query.role_profile }.through(&caller)
        }
        None => caller.clone(),
    };
    let reads_all = asked.kind != CallerKind::Person;
    let (mut read, doing): (_, Doing) = register.reading(asked).await?;
    let target = in_organisation_in(&mut read, &organisation).await?;
    if !reads_all {
        doing.demand(Act::See(elsewhere.kind), &target)?;
    }
    Ok(Json(ReportPermission { organisation: organisation.to_string() }))
}

/// The people of an organisation: who holds something there now or later, and its cards and robots. For modules that have asked
/// whether a report may be read.
#[utoipa::path(
    get, path = "/directory/organisations/{ods}/people", tag = "directory",
    params(("ods" = String, Path, description = "The ODS code"), PeopleThereQuery),
    responses(
        (status = 200, description = "By their ids", body = PeopleThere),
        (status = 403, description = "The caller may not do directory:ask", body = Body),
    )
)]
pub(super) async fn people_there(
    caller: Caller,
    State(register): State<Register>,
    Path(ods): Path<String>,
    Query(query): Query<PeopleThereQuery>,
) -> Result<Json<PeopleThere>, Problem> {
    caller.may(ASK)?;
    let organisation = input::organisation("ods", &ods)?;
    let scope = Scope { organisation, below: below(query.below.as_deref())?, today: register.today() };
    let limit = input::limit(query.limit);
    let from = query.from.as_deref().unwrap_or_default();
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let mut rows = reported::there(&mut read, &scope, from, limit + 1).await?;
    let more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    let next = if more { rows.pop().map(|(user_id, ..)| user_id) } else { None };
    let person = |(user_id, given, family)| PersonThere { user_id, given, family };
    Ok(Json(PeopleThere { items: rows.into_iter().map(person).collect(), next }))
}
