//! `/directory/workgroups`.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, patch, post};
use http::StatusCode;
use platform::caller::Caller;
use platform::db::Tx;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::input;
use crate::acting::{self, Doing, permitted, permitted_to_read};
use crate::api::{
    self, NewWorkgroup, NewWorkgroupMember, Page, WorkgroupChange, WorkgroupMember, WorkgroupMemberChange,
    WorkgroupMemberQuery, WorkgroupQuery,
};
use crate::authority::Act;
use crate::error::Error;
use crate::ids::{MemberId, WorkgroupId};
use crate::once::Answer;
use crate::register::Register;
use crate::store::workgroups;
use crate::workgroup::{self, Member, NewMember, Workgroup};

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/workgroups", post(create).get(list))
        .route("/directory/workgroups/{workgroup}", get(show).patch(change))
        .route("/directory/workgroups/{workgroup}/members", post(add).get(members))
        .route("/directory/workgroups/{workgroup}/members/{member}", patch(redate).delete(remove))
}

#[derive(OpenApi)]
#[openapi(paths(create, list, show, change, add, members, redate, remove))]
pub(super) struct Document;

fn shown(workgroup: Workgroup) -> api::Workgroup {
    api::Workgroup {
        id: workgroup.id.to_string(),
        version: workgroup.version.0,
        organisation: workgroup.organisation.to_string(),
        parent: workgroup.parent.map(String::from),
        name: workgroup.name,
    }
}

fn member(member: &Member) -> WorkgroupMember {
    WorkgroupMember {
        id: Some(member.id.to_string()),
        version: Some(member.version.0),
        role_profile: member.role_profile.to_string(),
        person: member.user.to_string(),
        start: Some(member.from.to_string()),
        end: member.to.map(String::from),
    }
}

/// Makes a workgroup. The first of an organisation is the root of its tree.
#[utoipa::path(
    post, path = "/directory/workgroups", tag = "directory",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewWorkgroup, example = json!({"organisation": "RXX", "name": "Example Trust"})),
    responses(
        (status = 201, description = "The workgroup", body = api::Workgroup),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "There is a root already", body = Body),
    )
)]
pub(super) async fn create(
    State(register): State<Register>,
    Posted { caller, once, body }: Posted<NewWorkgroup>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let organisation = input::organisation("organisation", &body.organisation)?;
    let parent = body.parent.as_ref().map(|id| input::id("parent", id)).transpose()?;
    let name = input::name("name", &body.name)?;
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let made = workgroup::create(tx, &doing, organisation, parent, name).await?;
            let (location, version) = (format!("/directory/workgroups/{}", made.id), made.version);
            Answer::created(&shown(made), location, version)
        })
    });
    Ok(answer.await?)
}

/// The workgroups of an organisation.
#[utoipa::path(
    get, path = "/directory/workgroups", tag = "directory", params(WorkgroupQuery),
    responses(
        (status = 200, description = "In the order of their making", body = Page<api::Workgroup>),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<WorkgroupQuery>,
) -> Result<Json<Page<api::Workgroup>>, Problem> {
    permitted_to_read(&caller)?;
    let organisation = input::organisation("organisation", &query.organisation)?;
    let (after, limit) = (input::after(query.after.as_ref())?, input::limit(query.limit));
    let (mut read, doing) = register.reading(caller).await?;
    let target = acting::in_organisation_in(&mut read, &organisation).await?;
    doing.sees(Act::SeeWorkgroups, &target)?;
    let rows = workgroups::of_organisation(&mut read, &organisation, after.as_ref(), limit + 1).await?;
    Ok(Json(Page::of(rows, limit, |one| one.id.to_string()).map(shown)))
}

/// A workgroup that may be seen.
async fn seen(tx: &mut Tx, doing: &Doing, id: &WorkgroupId) -> Result<Workgroup, Error> {
    let found = workgroups::find(tx, id).await?.ok_or_else(|| Error::unknown("workgroup", id))?;
    let target = acting::in_organisation_in(tx, &found.organisation).await?;
    doing.sees_found(Act::SeeWorkgroups, &target, "workgroup", id)?;
    Ok(found)
}

/// A workgroup.
#[utoipa::path(
    get, path = "/directory/workgroups/{workgroup}", tag = "directory",
    params(("workgroup" = String, Path, description = "The id of the workgroup")),
    responses(
        (status = 200, description = "The workgroup; its ETag is its version", body = api::Workgroup),
        (status = 404, description = "There is none", body = Body),
    )
)]
pub(super) async fn show(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<WorkgroupId>,
) -> Result<Tagged<api::Workgroup>, Problem> {
    permitted_to_read(&caller)?;
    let (mut read, doing) = register.reading(caller).await?;
    let found = seen(&mut read, &doing, &id).await?;
    Ok(Tagged(found.version, shown(found)))
}

/// Renames a workgroup, or moves it with everything below it.
#[utoipa::path(
    patch, path = "/directory/workgroups/{workgroup}", tag = "directory",
    params(("workgroup" = String, Path, description = "The id of the workgroup"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    request_body(content = WorkgroupChange, example = json!({"parent": "01990000-0000-7000-8000-000000000001"})),
    responses(
        (status = 200, description = "The workgroup as it is now", body = api::Workgroup),
        (status = 409, description = "It would lie below itself, or is the root", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn change(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<WorkgroupId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<WorkgroupChange>,
) -> Result<Tagged<api::Workgroup>, Problem> {
    permitted(&caller)?;
    let parent = body.parent.as_ref().map(|id| input::id("parent", id)).transpose()?;
    let name = input::maybe_name("name", body.name.as_ref())?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move { workgroup::change(tx, &doing, &id, expected, name, parent).await })
    });
    let changed = done.await?;
    Ok(Tagged(changed.version, shown(changed)))
}

/// Puts a role profile into a workgroup directly.
#[utoipa::path(
    post, path = "/directory/workgroups/{workgroup}/members", tag = "directory",
    params(
        ("workgroup" = String, Path, description = "The id of the workgroup"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = NewWorkgroupMember, example = json!({"role_profile": "555021942107", "end": "2027-11-30"})),
    responses(
        (status = 201, description = "The membership", body = WorkgroupMember),
        (status = 403, description = "Not allowed in this rank or there", body = Body),
        (status = 409, description = "It is in there already, or nobody holds it", body = Body),
    )
)]
pub(super) async fn add(
    State(register): State<Register>,
    Path(id): Path<WorkgroupId>,
    Posted { caller, once, body }: Posted<NewWorkgroupMember>,
) -> Result<Answer, Problem> {
    permitted(&caller)?;
    let new = NewMember {
        role_profile: input::parsed(
            "role_profile",
            &body.role_profile,
            "a role profile id of twelve digits",
        )?,
        from: input::maybe_day("start", body.start.as_ref())?,
        to: input::maybe_day("end", body.end.as_ref())?,
    };
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            let made = workgroup::add(tx, &doing, &id, new).await?;
            let location = format!("/directory/workgroups/{id}/members/{}", made.id);
            let version = made.version;
            Answer::created(&member(&made), location, version)
        })
    });
    Ok(answer.await?)
}

/// The members of a workgroup: those put there directly, or those whom a position puts there.
#[utoipa::path(
    get, path = "/directory/workgroups/{workgroup}/members", tag = "directory",
    params(("workgroup" = String, Path, description = "The id of the workgroup"), WorkgroupMemberQuery),
    responses(
        (status = 200, description = "The members now; direct ones to come among them", body = Page<WorkgroupMember>),
        (status = 404, description = "There is no such workgroup", body = Body),
    )
)]
pub(super) async fn members(
    caller: Caller,
    State(register): State<Register>,
    Path(id): Path<WorkgroupId>,
    Query(query): Query<WorkgroupMemberQuery>,
) -> Result<Json<Page<WorkgroupMember>>, Problem> {
    permitted_to_read(&caller)?;
    let limit = input::limit(query.limit);
    let (mut read, doing) = register.reading(caller).await?;
    seen(&mut read, &doing, &id).await?;
    let today = doing.today();
    match query.by.as_deref() {
        None | Some("direct") => {
            let after = input::after(query.after.as_ref())?;
            let rows = workgroups::members(&mut read, &id, today, after.as_ref(), limit + 1).await?;
            Ok(Json(Page::of(rows, limit, |one| one.id.to_string()).map(|one| member(&one))))
        }
        Some("position") => {
            let after = input::after(query.after.as_ref())?;
            let rows = workgroups::by_position(&mut read, &id, today, after.as_ref(), limit + 1).await?;
            let page = Page::of(rows, limit, |one| one.0.to_string());
            Ok(Json(page.map(|(role_profile, user)| WorkgroupMember {
                id: None,
                version: None,
                role_profile: role_profile.to_string(),
                person: user.to_string(),
                start: None,
                end: None,
            })))
        }
        Some(_) => Err(Error::field("by", "Ask for direct or position.").into()),
    }
}

/// Gives a membership another end.
#[utoipa::path(
    patch, path = "/directory/workgroups/{workgroup}/members/{member}", tag = "directory",
    params(("workgroup" = String, Path, description = "The id of the workgroup"),
           ("member" = String, Path, description = "The id of the membership"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    request_body(content = WorkgroupMemberChange, example = json!({"end": "2027-11-30"})),
    responses(
        (status = 200, description = "The membership as it is now", body = WorkgroupMember),
        (status = 409, description = "It has ended, or another is in the way", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn redate(
    caller: Caller,
    State(register): State<Register>,
    Path((id, membership)): Path<(WorkgroupId, MemberId)>,
    IfMatch(expected): IfMatch,
    Json(body): Json<WorkgroupMemberChange>,
) -> Result<Tagged<WorkgroupMember>, Problem> {
    permitted(&caller)?;
    let to = input::maybe_day("end", body.end.as_ref())?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move { workgroup::redate(tx, &doing, &id, &membership, expected, to).await })
    });
    let changed = done.await?;
    Ok(Tagged(changed.version, member(&changed)))
}

/// Takes a role profile out of a workgroup.
#[utoipa::path(
    delete, path = "/directory/workgroups/{workgroup}/members/{member}", tag = "directory",
    params(("workgroup" = String, Path, description = "The id of the workgroup"),
           ("member" = String, Path, description = "The id of the membership"),
           ("if-match" = String, Header, description = "The ETag of the last read")),
    responses(
        (status = 204, description = "It is out"),
        (status = 404, description = "There is no such membership", body = Body),
        (status = 412, description = "It was changed since", body = Body),
    )
)]
pub(super) async fn remove(
    caller: Caller,
    State(register): State<Register>,
    Path((id, membership)): Path<(WorkgroupId, MemberId)>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    permitted(&caller)?;
    let done = register.act(caller, move |tx, doing| {
        Box::pin(async move { workgroup::remove(tx, &doing, &id, &membership, expected).await })
    });
    done.await?;
    Ok(StatusCode::NO_CONTENT)
}
