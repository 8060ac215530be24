//! `/directory/organisations`.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post, put};
use platform::caller::Caller;
use platform::id::OdsCode;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query};
use utoipa::OpenApi;

use super::answer::Tagged;
use super::headers::{IfMatch, Posted};
use super::input;
use crate::acting::{self, Doing};
use crate::api::{
    ChildrenQuery, CloseOrganisation, NewOrganisation, OPERATE, Organisation, OrganisationChange,
    OrganisationQuery, Organisations, RaHost,
};
use crate::authority::{Act, Target};
use crate::error::Error;
use crate::ods::normalised;
use crate::once::Answer;
use crate::organisation::{self, name_key, postcode_key};
use crate::register::Register;
use crate::store::organisations as rows;
use crate::store::organisations_search::{Filter, page};

/// The routes of organisations.
pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/directory/organisations", get(list).post(create))
        .route("/directory/organisations/{ods}", get(one).patch(change))
        .route("/directory/organisations/{ods}/close", post(close))
        .route("/directory/organisations/{ods}/children", get(children))
        .route("/directory/organisations/{ods}/ra-host", put(set_host))
}

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, one, children, create, change, close, set_host))]
pub(super) struct Document;

/// Organisations that are looked for.
///
/// By name they come in the order of names, otherwise in the order of codes.
#[utoipa::path(
    get, path = "/directory/organisations", tag = "directory", params(OrganisationQuery),
    responses(
        (status = 200, description = "A part of the list", body = Organisations, example = json!({
            "items": [{
                "ods": "FX001", "name": "CORNER PHARMACY", "kind": "national", "status": "active",
                "primary_role": "RO182", "town": "LEEDS", "postcode": "LS1 4AP", "ra_host": "RXX"
            }],
            "next": "CkZYMDAx"
        })),
        (status = 400, description = "A member of the query is not what it may be", body = Body),
        (status = 403, description = "The caller may not read organisations", body = Body),
    )
)]
pub(super) async fn list(
    caller: Caller,
    State(register): State<Register>,
    Query(query): Query<OrganisationQuery>,
) -> Result<Json<Organisations>, Problem> {
    acting::may_read(&register, &caller, Act::FindOrganisation).await?;
    let limit = limit(query.limit)?;
    let filter = filter(&query)?;
    let (items, next) = page(register.db.read(), &filter, query.after.as_deref(), limit).await?;
    Ok(Json(Organisations { items, next }))
}

/// One organisation with everything that is kept of it.
#[utoipa::path(
    get, path = "/directory/organisations/{ods}", tag = "directory",
    params(("ods" = String, Path, description = "The code; blanks and small letters are taken as meant")),
    responses(
        (status = 200, description = "It", body = Organisation, example = json!({
            "kind": "national", "ra_host": "RXX", "ods": "FX001", "name": "CORNER PHARMACY",
            "record_class": "organisation", "record_use": "full", "status": "active", "last_change": "2026-05-01",
            "operational": {"from": "2001-04-01"},
            "address": {"lines": ["1 HIGH STREET"], "town": "LEEDS", "postcode": "LS1 4AP"},
            "contacts": [{"kind": "tel", "value": "0113 496 0000"}],
            "roles": [{"instance": "1", "role": "RO182", "weight": "primary", "status": "active",
                       "operational": {"from": "2001-04-01"}}],
            "relationships": [{"instance": "2", "relationship": "RE6", "target": "P001", "target_role": "RO181",
                               "status": "active", "operational": {"from": "2001-04-01"}}],
            "successions": [], "version": 1
        })),
        (status = 403, description = "The caller may not read organisations", body = Body),
        (status = 404, description = "There is none with this code", body = Body),
    )
)]
pub(super) async fn one(
    caller: Caller,
    State(register): State<Register>,
    Path(ods): Path<String>,
) -> Result<Tagged<Organisation>, Problem> {
    acting::may_read(&register, &caller, Act::FindOrganisation).await?;
    let ods = typed("ods", &ods)?;
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let found = rows::find(&mut read, &ods).await?;
    let found = found.ok_or_else(|| Error::unknown("organisation", &ods))?;
    Ok(Tagged(found.version, found))
}

/// The organisations below one.
///
/// Those whose registration authority it hosts, or those that stand in a relationship to it now, such as `RE6`: operated by it.
#[utoipa::path(
    get, path = "/directory/organisations/{ods}/children", tag = "directory",
    params(("ods" = String, Path, description = "The code; blanks and small letters are taken as meant"), ChildrenQuery),
    responses(
        (status = 200, description = "A part of the list", body = Organisations),
        (status = 403, description = "The caller may not read organisations", body = Body),
        (status = 404, description = "There is none with this code", body = Body),
    )
)]
pub(super) async fn children(
    caller: Caller,
    State(register): State<Register>,
    Path(ods): Path<String>,
    Query(query): Query<ChildrenQuery>,
) -> Result<Json<Organisations>, Problem> {
    acting::may_read(&register, &caller, Act::FindOrganisation).await?;
    let ods = typed("ods", &ods)?;
    let limit = limit(query.limit)?;
    let known = rows::standing(register.db.read(), &ods).await?;
    known.ok_or_else(|| Error::unknown("organisation", &ods))?;
    let filter = match query.relationship {
        Some(relationship) => Filter { related: Some((code(&relationship), ods)), ..Filter::default() },
        None => Filter { ra_host: Some(ods), ..Filter::default() },
    };
    let (items, next) = page(register.db.read(), &filter, query.after.as_deref(), limit).await?;
    Ok(Json(Organisations { items, next }))
}

/// Makes a virtual organisation of this register's own, such as FFFFF for locums.
#[utoipa::path(
    post, path = "/directory/organisations", tag = "directory",
    params(("idempotency-key" = String, Header, description = "A new one for each new request")),
    request_body(content = NewOrganisation, example = json!({
        "ods": "FFFFF", "name": "National locum pharmacy", "primary_role": "RO182", "ra_host": "RXX"
    })),
    responses(
        (status = 201, description = "Made", body = Organisation),
        (status = 400, description = "It can be no organisation", body = Body),
        (status = 403, description = "The caller may not do directory:operate", body = Body),
        (status = 409, description = "The code is taken, or the host cannot host it", body = Body),
    )
)]
pub(super) async fn create(
    State(register): State<Register>,
    Posted { caller, once, body }: Posted<NewOrganisation>,
) -> Result<Answer, Problem> {
    caller.may(OPERATE)?;
    let answer = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            demand(&doing)?;
            let made = organisation::create(tx, doing.now, &doing.recorded(), body).await?;
            let location = format!("/directory/organisations/{}", made.record.ods);
            Answer::created(&made, location, made.version)
        })
    });
    Ok(answer.await?)
}

/// Changes a virtual organisation. A national one changes with the nation's next release.
#[utoipa::path(
    patch, path = "/directory/organisations/{ods}", tag = "directory",
    params(
        ("ods" = String, Path, description = "The code; blanks and small letters are taken as meant"),
        ("if-match" = String, Header, description = "The ETag of the organisation"),
    ),
    request_body(content = OrganisationChange, example = json!({"name": "National locum pharmacists"})),
    responses(
        (status = 200, description = "It as it is now", body = Organisation),
        (status = 400, description = "It can be no organisation so", body = Body),
        (status = 403, description = "The caller may not do directory:operate", body = Body),
        (status = 404, description = "There is none with this code", body = Body),
        (status = 409, description = "It is national, or closed", body = Body),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
pub(super) async fn change(
    caller: Caller,
    State(register): State<Register>,
    Path(ods): Path<String>,
    IfMatch(expected): IfMatch,
    Json(body): Json<OrganisationChange>,
) -> Result<Tagged<Organisation>, Problem> {
    caller.may(OPERATE)?;
    let ods = typed("ods", &ods)?;
    let changed = register.act(caller, move |tx, doing| {
        Box::pin(async move {
            demand(&doing)?;
            organisation::change(tx, doing.now, &doing.recorded(), &ods, expected, body).await
        })
    });
    let changed = changed.await?;
    Ok(Tagged(changed.version, changed))
}

/// Closes a virtual organisation for good. It may host nobody, and no open position may be in it or give something in it.
#[utoipa::path(
    post, path = "/directory/organisations/{ods}/close", tag = "directory",
    params(
        ("ods" = String, Path, description = "The code; blanks and small letters are taken as meant"),
        ("if-match" = String, Header, description = "The ETag of the organisation"),
        ("idempotency-key" = String, Header, description = "A new one for each new request"),
    ),
    request_body(content = CloseOrganisation, example = json!({"reason": "The scheme has ended"})),
    responses(
        (status = 200, description = "It as it is now", body = Organisation),
        (status = 403, description = "The caller may not do directory:operate", body = Body),
        (status = 404, description = "There is none with this code", body = Body),
        (status = 409, description = "It is national or closed, hosts others, or positions are open there", body = Body),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
pub(super) async fn close(
    State(register): State<Register>,
    Path(ods): Path<String>,
    IfMatch(expected): IfMatch,
    Posted { caller, once, body }: Posted<CloseOrganisation>,
) -> Result<Answer, Problem> {
    caller.may(OPERATE)?;
    let ods = typed("ods", &ods)?;
    let reason = input::text("reason", &body.reason, input::NOTE)?;
    let closed = register.act_once(once, caller, move |tx, doing| {
        Box::pin(async move {
            demand(&doing)?;
            let closed =
                organisation::close(tx, doing.now, &doing.recorded(), &ods, expected, reason).await?;
            Answer::changed(&closed, closed.version)
        })
    });
    Ok(closed.await?)
}

/// Says whose registration authority acts for an organisation, beside its own.
#[utoipa::path(
    put, path = "/directory/organisations/{ods}/ra-host", tag = "directory",
    params(
        ("ods" = String, Path, description = "The code; blanks and small letters are taken as meant"),
        ("if-match" = String, Header, description = "The ETag of the organisation"),
    ),
    request_body(content = RaHost, example = json!({"host": "RXX"})),
    responses(
        (status = 200, description = "Set; the ETag is that of the organisation", body = RaHost),
        (status = 400, description = "There is no such host", body = Body),
        (status = 403, description = "The caller may not do directory:operate", body = Body),
        (status = 404, description = "There is none with this code", body = Body),
        (status = 409, description = "It would host itself, hosts would stand too deep, or the host is closed", body = Body),
        (status = 412, description = "It was changed since it was read", body = Body),
    )
)]
pub(super) async fn set_host(
    caller: Caller,
    State(register): State<Register>,
    Path(ods): Path<String>,
    IfMatch(expected): IfMatch,
    Json(body): Json<RaHost>,
) -> Result<Tagged<RaHost>, Problem> {
    caller.may(OPERATE)?;
    let ods = typed("ods", &ods)?;
    let host = body.host.as_deref().map(|host| typed("host", host)).transpose()?;
    let answer = RaHost { host: host.as_ref().map(ToString::to_string) };
    let set = register.act(caller, move |tx, doing| {
        Box::pin(async move {
            demand(&doing)?;
            organisation::set_host(tx, doing.now, &doing.recorded(), &ods, host.as_ref(), expected).await
        })
    });
    Ok(Tagged(set.await?, answer))
}

/// Organisations are an operator's to change, by the matrix.
fn demand(doing: &Doing) -> Result<(), Error> {
    doing.demand(Act::ManageOrganisations, &Target::default())
}

fn typed(field: &'static str, text: &str) -> Result<OdsCode, Error> {
    normalised(text).map_err(|not| Error::field(field, format!("{text:?} is {not}")))
}

/// A code of a national list as people type it.
fn code(text: &str) -> String {
    text.trim().to_ascii_uppercase()
}

fn limit(asked: Option<u32>) -> Result<u32, Error> {
    match asked {
        None => Ok(50),
        Some(limit @ 1..=500) => Ok(limit),
        Some(_) => Err(Error::field("limit", "between 1 and 500")),
    }
}

fn filter(query: &OrganisationQuery) -> Result<Filter, Error> {
    let key = |field, text: &Option<String>, key: fn(&str) -> String| match text {
        None => Ok(None),
        Some(text) => match key(text) {
            empty if empty.is_empty() => Err(Error::field(field, "give letters or digits to begin with")),
            key => Ok(Some(key)),
        },
    };
    Ok(Filter {
        name_key: key("name", &query.name, name_key)?,
        code: query.code.as_deref().map(|code| typed("code", code)).transpose()?,
        role: query.role.as_deref().map(code),
        status: query.status,
        postcode_key: key("postcode", &query.postcode, postcode_key)?,
        ra_host: query.ra_host.as_deref().map(|host| typed("ra_host", host)).transpose()?,
        related: None,
    })
}
