//! `/healthcare-worker/FHIR/R4`: the Healthcare Worker FHIR API.

mod counted;
mod versions;

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{any, get, post};
use http::StatusCode;
use http::request::Parts as Request;
use platform::caller::Caller;
use platform::web::{Head, Path, Raw};
use utoipa::{IntoParams, OpenApi};

use super::{acting, fhir, people};
use crate::fhir::FhirEvent;
use crate::fhir::kit::{
    Asked, Bundle, Extent, Hit, JSON_AND_XML, Media, Mode, ONLY_JSON, Outcome, Shape, Summary, capability,
    shown,
};
use crate::fhir::workers::{
    API, BASE, Found, Kind, Page, Rules, Wanted, by_id, find, find_id, known, organisation,
    practitioner as person, practitioner_role as role, stamp, wanted,
};
use crate::register::Register;
use crate::showing::{self, Showing};
use crate::store::reading::Reading;

/// How long the register may take.
const LIMIT: Duration = Duration::from_secs(8);
/// How many resources a page has unless something else is asked for, and at most.
const PAGE: (u32, u32) = (20, 200);

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/healthcare-worker/FHIR/R4/metadata", get(metadata).fallback(unknown))
        .route("/healthcare-worker/FHIR/R4/Practitioner", get(practitioner).fallback(unknown))
        .route("/healthcare-worker/FHIR/R4/Practitioner/_search", post(practitioner_search).fallback(unknown))
        .route("/healthcare-worker/FHIR/R4/Practitioner/{id}", get(practitioner_read).fallback(unknown))
        .route("/healthcare-worker/FHIR/R4/PractitionerRole", get(practitioner_role).fallback(unknown))
        .route(
            "/healthcare-worker/FHIR/R4/PractitionerRole/_search",
            post(practitioner_role_search).fallback(unknown),
        )
        .route(
            "/healthcare-worker/FHIR/R4/PractitionerRole/{id}",
            get(practitioner_role_read).fallback(unknown),
        )
        .route(
            "/healthcare-worker/FHIR/R4/Practitioner/{id}/_history",
            get(versions::practitioner_history).fallback(unknown),
        )
        .route(
            "/healthcare-worker/FHIR/R4/Practitioner/{id}/_history/{version}",
            get(versions::practitioner_version).fallback(unknown),
        )
        .route(
            "/healthcare-worker/FHIR/R4/PractitionerRole/{id}/_history",
            get(versions::role_history).fallback(unknown),
        )
        .route(
            "/healthcare-worker/FHIR/R4/PractitionerRole/{id}/_history/{version}",
            get(versions::role_version).fallback(unknown),
        )
        .route("/healthcare-worker/FHIR/R4/{*other}", any(unknown))
}

#[derive(OpenApi)]
#[openapi(paths(
    metadata,
    practitioner,
    practitioner_search,
    practitioner_read,
    practitioner_role,
    practitioner_role_search,
    practitioner_role_read,
    versions::practitioner_history,
    versions::practitioner_version,
    versions::role_history,
    versions::role_version,
))]
pub(super) struct Document;

/// What people are asked for by. One of `identifier`, `_id` and the names is needed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of parameters that are read by rules of their own")]
struct PractitionerQuery {
    /// The user id of twelve digits, or a number with its system as in `https://fhir.nhs.uk/Id/gmc-number|1234567`.
    identifier: Option<String>,
    /// User ids, joined by commas.
    _id: Option<String>,
    /// How any part of the name begins; `name:exact` for one that is so.
    name: Option<String>,
    /// How the family name begins.
    family: Option<String>,
    /// How a given name begins.
    given: Option<String>,
    /// When the profile was written last, with a prefix: `ge2026-11-01T00:00:00Z`; twice for a span.
    #[param(rename = "_lastUpdated")]
    _last_updated: Option<Vec<String>>,
    /// `PractitionerRole:practitioner`: their roles too.
    _revinclude: Option<String>,
    /// How many people a page has: 200 at most, 20 if it is left out.
    _count: Option<u32>,
    /// As a link with the relation `next` has it.
    _cursor: Option<String>,
}

/// What roles are asked for by. One of the first five is needed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of parameters that are read by rules of their own")]
struct PractitionerRoleQuery {
    /// The user id of twelve digits, or a number with its system.
    #[param(rename = "practitioner.identifier")]
    practitioner_identifier: Option<String>,
    /// The person, as in `Practitioner/555000000108`.
    practitioner: Option<String>,
    /// The id of the role profile.
    identifier: Option<String>,
    /// The same.
    _id: Option<String>,
    /// The organisation, by its ODS code.
    organization: Option<String>,
    /// The job role: its three codes, or the last of them.
    role: Option<String>,
    /// `PractitionerRole:practitioner` or `PractitionerRole:organization`: what the roles refer to; both where it comes twice.
    _include: Option<Vec<String>>,
    /// How many roles a page has: 200 at most, 20 if it is left out.
    _count: Option<u32>,
    /// As a link with the relation `next` has it.
    _cursor: Option<String>,
}

/// What the Healthcare Worker API can do.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/metadata", tag = "healthcare-worker",
    responses((status = 200, description = "CapabilityStatement"))
)]
pub(super) async fn metadata(State(register): State<Register>, Head(request): Head) -> Response {
    let Some((asked, media)) = addition(&register, &request) else { return nothing(&request) };
    match may(&register, &request).await {
        Ok(_) => {
            let whole = capability(&API, Extent::Whole, &fhir::origin(&request), register.today());
            match Shape::read(&asked, PAGE.1) {
                Ok(shape) => fhir::read(&request, media, whole, &shape),
                Err(outcome) => refused(&request, media, &outcome),
            }
        }
        Err(outcome) => refused(&request, media, &outcome),
    }
}

/// People who work in healthcare.
///
/// For callers with `directory:read`, and for people who act in the register, where everybody may find people. Whoever is shown is recorded.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/Practitioner", tag = "healthcare-worker", params(PractitionerQuery),
    responses((status = 200, description = "A Bundle of Practitioner"))
)]
pub(super) async fn practitioner(State(register): State<Register>, Head(request): Head) -> Response {
    searched(&register, &request, b"", Kind::Practitioner).await
}

/// People who work in healthcare, asked for by a form.
#[utoipa::path(
    post, path = "/healthcare-worker/FHIR/R4/Practitioner/_search", tag = "healthcare-worker", params(PractitionerQuery),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A Bundle of Practitioner"))
)]
pub(super) async fn practitioner_search(
    State(register): State<Register>,
    request: Request,
    Raw(form): Raw,
) -> Response {
    posted(&register, &request, &form, Kind::Practitioner).await
}

/// Somebody who works in healthcare.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/Practitioner/{id}", tag = "healthcare-worker",
    params(("id" = String, Path, description = "The user id")),
    responses(
        (status = 200, description = "Practitioner, with its ETag"),
        (status = 410, description = "OperationOutcome: they have left"),
    )
)]
pub(super) async fn practitioner_read(
    State(register): State<Register>,
    Path(id): Path<String>,
    Head(request): Head,
) -> Response {
    one(&register, &request, &id, Kind::Practitioner).await
}

/// What people are where.
///
/// For callers with `directory:read`, and for people who act in the register, where everybody may find people. Whoever is shown is recorded.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/PractitionerRole", tag = "healthcare-worker", params(PractitionerRoleQuery),
    responses((status = 200, description = "A Bundle of PractitionerRole"))
)]
pub(super) async fn practitioner_role(State(register): State<Register>, Head(request): Head) -> Response {
    searched(&register, &request, b"", Kind::Role).await
}

/// What people are where, asked for by a form.
#[utoipa::path(
    post, path = "/healthcare-worker/FHIR/R4/PractitionerRole/_search", tag = "healthcare-worker",
    params(PractitionerRoleQuery),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A Bundle of PractitionerRole"))
)]
pub(super) async fn practitioner_role_search(
    State(register): State<Register>,
    request: Request,
    Raw(form): Raw,
) -> Response {
    posted(&register, &request, &form, Kind::Role).await
}

/// What somebody is somewhere.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/PractitionerRole/{id}", tag = "healthcare-worker",
    params(("id" = String, Path, description = "The id of the role profile")),
    responses((status = 200, description = "PractitionerRole, with its ETag"))
)]
pub(super) async fn practitioner_role_read(
    State(register): State<Register>,
    Path(id): Path<String>,
    Head(request): Head,
) -> Response {
    one(&register, &request, &id, Kind::Role).await
}

/// The national service answers nothing to what it does not have.
async fn unknown(Head(request): Head) -> Response {
    nothing(&request)
}

pub(super) fn nothing(request: &Request) -> Response {
    fhir::empty(request, StatusCode::NOT_FOUND)
}

pub(super) fn refused(request: &Request, media: Media, outcome: &Outcome) -> Response {
    if outcome.status == 401 {
        return fhir::empty(request, StatusCode::UNAUTHORIZED);
    }
    fhir::response(request, outcome.status, media, &outcome.resource(None))
}

/// Who asks, if they may read people.
pub(super) async fn may(register: &Register, request: &Request) -> Result<Caller, Outcome> {
    let mut caller = fhir::caller(request)?.clone();
    acting::chosen(&request.headers, &mut caller)?;
    people::may_find(register, &caller).await?;
    Ok(caller)
}

/// What there is beside the model: nothing where only the model is wanted.
pub(super) fn addition(register: &Register, request: &Request) -> Option<(Asked, Media)> {
    if register.config.strict {
        return None;
    }
    let asked = fhir::asked(request, b"").unwrap_or_default();
    let media = fhir::form(request, &asked, JSON_AND_XML).unwrap_or(JSON_AND_XML[0]);
    Some((asked, media))
}

async fn posted(register: &Register, request: &Request, form: &[u8], kind: Kind) -> Response {
    if register.config.strict { nothing(request) } else { searched(register, request, form, kind).await }
}

async fn searched(register: &Register, request: &Request, form: &[u8], kind: Kind) -> Response {
    let (forms, is_strict) = if register.config.strict { (ONLY_JSON, true) } else { (JSON_AND_XML, false) };
    let caller = match may(register, request).await {
        Ok(caller) => caller,
        Err(outcome) => return refused(request, forms[0], &outcome),
    };
    let read = fhir::asked(request, form);
    let media = fhir::form(request, read.as_ref().unwrap_or(&Asked::default()), forms);
    let told = match (read, media) {
        (Err(outcome), _) => Err(outcome),
        (Ok(_), None) => Err(not_acceptable()),
        (Ok(asked), Some(_)) => {
            let search = search(register, request, &caller, &asked, kind, is_strict);
            tokio::time::timeout(LIMIT, search).await.unwrap_or_else(|_late| Err(too_late()))
        }
    };
    let media = media.unwrap_or(forms[0]);
    match told {
        Ok((bundle, shape)) => fhir::response(request, 200, media, &bundle.resource(&shape)),
        Err(outcome) => refused(request, media, &outcome),
    }
}

fn not_acceptable() -> Outcome {
    Outcome::new(406, "not-supported", "Nothing that the header Accept names is there.")
        .coded("MISSING_OR_INVALID_HEADER", "There is a required header missing or invalid")
}

fn too_late() -> Outcome {
    Outcome::new(504, "timeout", "The directory did not answer in time.")
}

async fn search(
    register: &Register,
    request: &Request,
    caller: &Caller,
    asked: &Asked,
    kind: Kind,
    is_strict: bool,
) -> Result<(Bundle, Shape), Outcome> {
    let rules = Rules { is_strict, refuses: !is_strict && fhir::handling(request) == Some(true) };
    let wanted = wanted(kind, asked, rules)?;
    let shape = if is_strict { Shape::default() } else { Shape::read(asked, PAGE.1)? };
    let page = page(register, &wanted, &shape, kind, is_strict).await?;
    record(register, caller, &page, kind).await?;
    if let Some(id) = &wanted.person
        && let Some(outcome) = missing(&page, id)
    {
        return Err(outcome);
    }
    let is_counted = shape.summary == Summary::Count;
    let mut links = vec![("self", fhir::link(request, asked, &[]))];
    if let Some(next) = page.next.as_ref().filter(|_| !is_counted) {
        links.push(("next", fhir::link(request, asked, &[("_cursor", Some(next))])));
    }
    let hits = hits(register, &page, &wanted, kind);
    let many = hits.iter().filter(|hit| hit.0 == Mode::Match).count();
    // How many there are is known where all of them are on this page, or are counted.
    let total = if is_counted {
        let beyond = counted::beyond(register, caller, &wanted, kind, page.next.clone());
        Some(many + Box::pin(beyond).await?)
    } else {
        (page.next.is_none() && shape.cursor.is_none()).then_some(many)
    };
    let base = format!("{}{BASE}", fhir::origin(request));
    let id = platform::id::RequestId::new(register.now()).to_string();
    Ok((Bundle { id, base, total, links, hits }, shape))
}

async fn page(
    register: &Register,
    wanted: &Wanted,
    shape: &Shape,
    kind: Kind,
    is_strict: bool,
) -> Result<Page, Outcome> {
    // Whoever asks by when something was written comes again from that moment on: what they are told then must be what was written.
    let mut read = if wanted.written.is_some() { Reading::exact(register) } else { Reading::quick(register) };
    if wanted.person.is_some() {
        // By the bare id: whoever has left is not passed over in silence.
        return Ok(find_id(register, &mut read, wanted, kind).await?);
    }
    let most =
        if is_strict || shape.summary == Summary::Count { PAGE.1 } else { shape.count.unwrap_or(PAGE.0) };
    let most = usize::try_from(most.max(1)).unwrap_or(1);
    // Who counts begins at the beginning.
    let cursor = shape.cursor.as_deref().filter(|_| shape.summary != Summary::Count);
    let found = find(register, &mut read, wanted, kind, cursor, most).await?;
    let page = found.ok_or_else(|| {
        let cursor = shown(shape.cursor.as_deref().unwrap_or_default());
        Outcome::new(400, "invalid", format!("Invalid _cursor '{cursor}': take it from a link."))
    })?;
    // The model has no pages: what would be on the next one could not be reached.
    if is_strict && page.next.is_some() { Err(too_many()) } else { Ok(page) }
}

fn too_many() -> Outcome {
    let sentence =
        format!("More than {} are meant, and there are no pages here. Ask for fewer people at once.", PAGE.1);
    Outcome::new(422, "too-costly", sentence)
}

/// What is said of a person who was asked for by id and is not here, or no longer.
fn missing(page: &Page, id: &str) -> Option<Outcome> {
    if page.is_inactive {
        // The service's description says 410, and it answers 400.
        return Some(Outcome::new(400, "business-rule", "User inactive"));
    }
    (!page.is_known).then(|| {
        let sentence = format!("No practitioner has the SDS user id {}.", shown(id));
        Outcome::new(404, "unknown", &sentence).coded("404", sentence)
    })
}

fn hits(register: &Register, page: &Page, wanted: &Wanted, kind: Kind) -> Vec<Hit> {
    let dialect = register.config.workers.dialect;
    let mut hits = Vec::new();
    // The model tells no versions; whoever asks by when they were written wants to know.
    let told = |found: &Found| {
        let whole = person(found, dialect);
        if wanted.written.is_none() {
            return whole;
        }
        let stamp = stamp(found, kind, &whole);
        whole.stamped(&stamp)
    };
    for found in &page.found {
        if kind == Kind::Practitioner {
            hits.push(Hit(Mode::Match, told(found)));
        } else {
            hits.extend(found.roles.iter().map(|one| Hit(Mode::Match, role(found, one, dialect))));
        }
    }
    let mut included: Vec<Hit> = Vec::new();
    for found in &page.found {
        if kind == Kind::Practitioner && wanted.with_roles {
            included.extend(found.roles.iter().map(|one| Hit(Mode::Include, role(found, one, dialect))));
        }
        if kind == Kind::Role && wanted.with_people && !found.roles.is_empty() {
            included.push(Hit(Mode::Include, person(found, dialect)));
        }
        if kind == Kind::Role && wanted.with_organisations {
            included.extend(found.roles.iter().map(|one| Hit(Mode::Include, organisation(one))));
        }
    }
    // Each once, however many roles there are in it.
    let mut known = std::collections::BTreeSet::new();
    included.retain(|Hit(_, one)| known.insert((one.kind(), one.id().to_owned())));
    hits.extend(included);
    hits
}

/// Whoever is shown, and of whom something is said by not finding them, is in the record before any of it is answered.
async fn record(register: &Register, caller: &Caller, page: &Page, kind: Kind) -> Result<(), Outcome> {
    let shown = |found: &&Found| kind == Kind::Practitioner || !found.roles.is_empty();
    let people = page.found.iter().filter(shown).map(|found| found.profile.user_id.to_string());
    let people: Vec<String> = people.chain(page.judged.iter().cloned()).collect();
    recorded(register, caller, kind, people).await
}

/// Writes whom a caller is shown.
pub(super) async fn recorded(
    register: &Register,
    caller: &Caller,
    kind: Kind,
    people: Vec<String>,
) -> Result<(), Outcome> {
    if people.is_empty() {
        return Ok(());
    }
    let event = FhirEvent::WorkersShown { resource: kind.name().to_owned(), people };
    Ok(showing::record(register, audit::Actor::from(caller), Showing::Fhir(event)).await?)
}

async fn one(register: &Register, request: &Request, id: &str, kind: Kind) -> Response {
    let Some((asked, media)) = addition(register, request) else { return nothing(request) };
    match read(register, request, &asked, id, kind).await {
        Ok((whole, shape)) => fhir::read(request, media, whole, &shape),
        Err(outcome) => refused(request, media, &outcome),
    }
}

async fn read(
    register: &Register,
    request: &Request,
    asked: &Asked,
    id: &str,
    kind: Kind,
) -> Result<(crate::fhir::kit::Parts, Shape), Outcome> {
    let caller = may(register, request).await?;
    let shape = Shape::read(asked, PAGE.1)?;
    if let Some(known) = known(register, kind, id) {
        recorded(register, &caller, kind, vec![known.user]).await?;
        return Ok((known.whole, shape));
    }
    let unknown = || unknown_resource(kind, id);
    let wanted = by_id(kind, id).ok_or_else(unknown)?;
    let mut reading = Reading::quick(register);
    let page = find_id(register, &mut reading, &wanted, kind).await?;
    drop(reading);
    record(register, &caller, &page, kind).await?;
    if page.is_inactive && kind == Kind::Practitioner {
        return Err(Outcome::new(410, "deleted", "User inactive"));
    }
    let hit = hits(register, &page, &wanted, kind).into_iter().next().ok_or_else(unknown)?;
    let stamp = page.found.first().map(|found| stamp(found, kind, &hit.1));
    let whole = match stamp {
        Some(stamp) => hit.1.stamped(&stamp),
        None => hit.1,
    };
    Ok((whole, shape))
}

fn unknown_resource(kind: Kind, id: &str) -> Outcome {
    let sentence = format!("There is no {} {}.", kind.name(), shown(id));
    Outcome::new(404, "not-found", sentence).coded("NO_RECORD_FOUND", "No record found")
}
