//! `/directory/rbac`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use platform::caller::Caller;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use crate::acting;
use crate::api::{
    Activities, ActivityItem, CodeItem, CodeQuery, Codes, Difference, DifferenceQuery, EffectiveRequest,
    EffectiveRights, Releases,
};
use crate::authority::Act;
use crate::error::Error;
use crate::rbac::{ActivityCode, AreaCode, Book, Entry, JobRoleCode, at, count, difference, effective};
use crate::register::Register;
use crate::store::rbac as rows;

/// The routes of the national role-based access control.
pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/rbac/releases", get(releases))
        .route("/directory/rbac/releases/{number}/difference", get(compare))
        .route("/directory/rbac/job-roles", get(job_roles))
        .route("/directory/rbac/areas", get(areas))
        .route("/directory/rbac/activities", get(activities))
        .route("/directory/rbac/effective", post(simulate))
}

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(releases, compare, job_roles, areas, activities, simulate))]
pub(super) struct Document;

/// What the nation publishes, whoever may find an organisation may read.
async fn may_read(register: &Register, caller: &Caller) -> Result<(), Problem> {
    acting::may_read(register, caller, Act::FindOrganisation).await
}

/// The releases that were brought in, newest first; the first is in force.
#[utoipa::path(
    get, path = "/directory/rbac/releases", tag = "directory",
    params(
        ("limit" = Option<u32>, Query, description = "How many at most: 1 to 500, 50 if it is left out"),
        ("after" = Option<String>, Query, description = "The `next` of the part before"),
    ),
    responses(
        (status = 200, description = "A part of the list", body = Releases, example = json!({"items": [{
            "number": 2, "name": "27.2", "sha256": "9f2c…", "imported_at": 1_795_540_800_000_i64, "job_roles": 392,
            "areas": 214, "activities": 331, "inclusions": 118, "baselines": 5210
        }]})),
        (status = 403, description = "The caller may not read the register", body = Body),
    )
)]
pub(super) async fn releases(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<ReleaseQuery>,
) -> Result<Json<Releases>, Problem> {
    may_read(&register, &caller).await?;
    let limit = limit(query.limit)?;
    let before = match &query.after {
        None => u64::MAX,
        Some(text) => text.parse().map_err(|_| bad_cursor())?,
    };
    let mut items = rows::releases(register.db.read(), before, limit + 1).await?;
    let next = cut(&mut items, limit, |release| release.number.to_string());
    Ok(Json(Releases { items, next }))
}

/// Where to read on in the releases.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ReleaseQuery {
    limit: Option<u32>,
    after: Option<String>,
}

/// How a release differs from another: codes, inclusions and baselines, and how many open positions and people it touches today.
#[utoipa::path(
    get, path = "/directory/rbac/releases/{number}/difference", tag = "directory",
    params(("number" = u64, Path, description = "The number of the release"), DifferenceQuery),
    responses(
        (status = 200, description = "The difference", body = Difference, example = json!({
            "from": 1, "to": 2,
            "job_roles": {"came": ["R8024"], "gone": [], "renamed": [{"code": "R8016", "before": "Midwife", "now": "Midwife Access Role"}]},
            "areas": {"came": [], "gone": []}, "activities": {"came": ["B0572"], "gone": []},
            "inclusions": {"came": ["B0572 includes B0570"], "gone": []},
            "baselines": [{"job_role": "R8008", "restriction_set": "EPS Pharmacy", "gained": ["B0572"], "lost": ["B0570"]}],
            "profiles": 412, "profiles_gaining": 3, "profiles_losing": 3, "positions_affected": 3,
            "people_affected": 41, "positions": ["01990000-0000-7000-8000-000000000001"]
        })),
        (status = 403, description = "The caller may not read the register", body = Body),
        (status = 404, description = "There is no such release", body = Body),
    )
)]
pub(super) async fn compare(
    caller: Caller,
    State(register): State<Register>,
    Path(number): Path<u64>,
    Query(query): Query<DifferenceQuery>,
) -> Result<Json<Difference>, Problem> {
    may_read(&register, &caller).await?;
    if number == 0 {
        return Err(Error::unknown("release", number).into());
    }
    let new = at(&register, Some(number)).await?;
    let old = at(&register, Some(query.from.unwrap_or(number - 1))).await?;
    let mut difference = difference(&old, &new);
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    count(&mut read, &old, &new, register.today(), &mut difference).await?;
    Ok(Json(difference))
}

/// The job roles of a release.
#[utoipa::path(
    get, path = "/directory/rbac/job-roles", tag = "directory", params(CodeQuery),
    responses(
        (status = 200, description = "A part of the list, by code", body = Codes, example = json!({"release": 2, "items": [{
            "code": "R8000", "name": "Clinical Practitioner Access Role", "path": "S8000:G8000:R8000",
            "group": "Clinical Provision", "category": "Clinical"
        }]})),
        (status = 403, description = "The caller may not read the register", body = Body),
        (status = 404, description = "There is no such release", body = Body),
    )
)]
pub(super) async fn job_roles(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<CodeQuery>,
) -> Result<Json<Codes>, Problem> {
    may_read(&register, &caller).await?;
    let book = at(&register, query.release).await?;
    let after = cursor::<JobRoleCode>(&query)?;
    let entries = book.content().job_roles.iter();
    Ok(Json(codes(&book, entries.map(|one| (one.code, one)), after, &query)?))
}

/// The areas of work of a release.
#[utoipa::path(
    get, path = "/directory/rbac/areas", tag = "directory", params(CodeQuery),
    responses(
        (status = 200, description = "A part of the list, by code", body = Codes, example = json!({"release": 2, "items": [{
            "code": "T0640", "name": "Phlebotomy", "path": "P0020:Q0300:T0640", "group": "Pathology", "category": "Diagnostics"
        }]})),
        (status = 403, description = "The caller may not read the register", body = Body),
        (status = 404, description = "There is no such release", body = Body),
    )
)]
pub(super) async fn areas(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<CodeQuery>,
) -> Result<Json<Codes>, Problem> {
    may_read(&register, &caller).await?;
    let book = at(&register, query.release).await?;
    let after = cursor::<AreaCode>(&query)?;
    let entries = book.content().areas.iter();
    Ok(Json(codes(&book, entries.map(|one| (one.code, one)), after, &query)?))
}

/// The activities of a release, each with those it includes itself.
#[utoipa::path(
    get, path = "/directory/rbac/activities", tag = "directory", params(CodeQuery),
    responses(
        (status = 200, description = "A part of the list, by code", body = Activities, example = json!({"release": 2, "items": [
            {"code": "B0825", "name": "Amend Patient Demographics", "includes": ["B0820"]}
        ]})),
        (status = 403, description = "The caller may not read the register", body = Body),
        (status = 404, description = "There is no such release", body = Body),
    )
)]
pub(super) async fn activities(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<CodeQuery>,
) -> Result<Json<Activities>, Problem> {
    may_read(&register, &caller).await?;
    let limit = limit(query.limit)?;
    let book = at(&register, query.release).await?;
    let after = cursor::<ActivityCode>(&query)?;
    let wanted = name_filter(&query);
    let mut items: Vec<ActivityItem> = book
        .content()
        .activities
        .iter()
        .filter(|one| after.is_none_or(|after| one.code > after) && wanted(&one.name))
        .take(usize::try_from(limit).unwrap_or(usize::MAX) + 1)
        .map(|one| ActivityItem {
            code: one.code,
            name: one.name.clone(),
            includes: book.included_by(one.code).collect(),
        })
        .collect();
    let next = cut(&mut items, limit, |item| item.code.to_string());
    Ok(Json(Activities { release: book.number(), items, next }))
}

/// The rights that a role profile would have, each with its reasons.
///
/// It changes nothing and needs no idempotency key.
#[utoipa::path(
    post, path = "/directory/rbac/effective", tag = "directory",
    request_body(content = EffectiveRequest, example = json!({
        "job_role": "S8001:G8002:R8008", "areas": ["T0640"], "activities": ["B0825"], "restriction_sets": ["EPS Pharmacy"]
    })),
    responses(
        (status = 200, description = "The rights", body = EffectiveRights, example = json!({
            "release": 2,
            "rights": [
                {"activity": "B0570", "name": "Perform Pharmacy Activities", "reasons": [{"why": "included", "by": ["B0572"]}]},
                {"activity": "B0572", "name": "Manage Pharmacy Activities", "reasons": [
                    {"why": "baseline", "release": "27.2", "restriction_set": "EPS Pharmacy"}]},
                {"activity": "B0820", "name": "View Patient Demographics", "reasons": [{"why": "included", "by": ["B0825"]}]},
                {"activity": "B0825", "name": "Amend Patient Demographics", "reasons": [{"why": "added"}]}
            ],
            "unknown": []
        })),
        (status = 400, description = "A code is none, or there are too many", body = Body),
        (status = 403, description = "The caller may not read the register", body = Body),
        (status = 404, description = "There is no such release", body = Body),
    )
)]
pub(super) async fn simulate(
    caller: Caller,
    State(register): State<Register>,
    Json(asked): Json<EffectiveRequest>,
) -> Result<Json<EffectiveRights>, Problem> {
    may_read(&register, &caller).await?;
    let lists = [
        ("areas", asked.areas.len(), 100),
        ("activities", asked.activities.len(), 500),
        ("restriction_sets", asked.restriction_sets.len(), 100),
    ];
    for (field, many, most) in lists {
        if many > most {
            return Err(Error::field(field, format!("at most {most} are looked at")).into());
        }
    }
    let book = at(&register, asked.release).await?;
    let sets = &asked.restriction_sets;
    Ok(Json(effective(&book, asked.job_role, &asked.areas, &asked.activities, sets).explained()))
}

fn codes<'b, C: Copy + Ord + std::fmt::Display + 'b>(
    book: &Arc<Book>,
    entries: impl Iterator<Item = (C, &'b Entry<C>)>,
    after: Option<C>,
    query: &CodeQuery,
) -> Result<Codes, Error> {
    let limit = limit(query.limit)?;
    let wanted = name_filter(query);
    let mut items: Vec<CodeItem> = entries
        .filter(|(code, one)| after.is_none_or(|after| *code > after) && wanted(&one.name))
        .take(usize::try_from(limit).unwrap_or(usize::MAX) + 1)
        .map(|(code, one)| CodeItem {
            code: code.to_string(),
            name: one.name.clone(),
            path: one.path(),
            group: one.group.as_ref().map(|group| group.name.clone()),
            category: one.category.as_ref().map(|category| category.name.clone()),
        })
        .collect();
    let next = cut(&mut items, limit, |item| item.code.clone());
    Ok(Codes { release: book.number(), items, next })
}

/// Whether a name has the part that is looked for.
fn name_filter(query: &CodeQuery) -> impl Fn(&str) -> bool {
    let part = query.name.as_deref().unwrap_or_default().trim().to_lowercase();
    move |name| part.is_empty() || name.to_lowercase().contains(&part)
}

fn cursor<C: std::str::FromStr>(query: &CodeQuery) -> Result<Option<C>, Error> {
    query.after.as_deref().map(|text| text.parse().map_err(|_| bad_cursor())).transpose()
}

fn bad_cursor() -> Error {
    Error::field("after", "give the `next` of the part before, as it is")
}

/// Cuts off the one more than was asked for, and says where to read on if it was there.
fn cut<T>(items: &mut Vec<T>, limit: u32, place: impl Fn(&T) -> String) -> Option<String> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > wanted;
    items.truncate(wanted);
    items.last().filter(|_| more).map(place)
}

fn limit(asked: Option<u32>) -> Result<u32, Error> {
    match asked {
        None => Ok(50),
        Some(limit @ 1..=500) => Ok(limit),
        Some(_) => Err(Error::field("limit", "between 1 and 500")),
    }
}
