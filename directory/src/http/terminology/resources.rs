//! Organisations, their relationships, and what was deleted.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use http::request::Parts as Request;
use platform::db::Tx;
use platform::id::OdsCode;
use platform::web::{Head, Path, Raw};

use super::super::fhir;
use super::query::{Affiliations as AffiliationParams, Organisations as OrganisationParams};
use super::{answer, ask, in_time, nothing};
use crate::api::Organisation;
use crate::error::Error;
use crate::fhir::kit::{Asked, Bundle, Hit, Mode, Outcome, Parts, Shape, Stamp, Summary};
use crate::fhir::organisations::{
    BASE, Kind, affiliation as told_affiliation, affiliations_wanted, bad, deleted, not_known,
    organisation as told_organisation, shown as shown_organisation, stamped, too_costly, wanted,
};
use crate::register::Register;
use crate::store::deletions;
use crate::store::organisation_faces::{self as store, Affiliation, Affiliations, Condition};

/// How many resources a page has unless something else is asked for, and at most.
const PAGE: (u32, u32) = (20, 2_000);
/// By when what is asked for was written.
const WRITTEN: &str = "_lastUpdated";
/// How many resources come with those of a page at most.
const INCLUDED: u32 = 5_000;

/// Organisations.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/Organization", tag = "organisation-data-terminology",
    params(OrganisationParams),
    responses((status = 200, description = "A Bundle of Organization"))
)]
pub(in crate::http) async fn organisations(
    State(register): State<Register>,
    Head(request): Head,
) -> Response {
    searched(&register, &request, b"", Kind::Organisation).await
}

/// Organisations, asked for by a form.
#[utoipa::path(
    post, path = "/organisation-data-terminology-api/fhir/Organization/_search", tag = "organisation-data-terminology",
    params(OrganisationParams),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A Bundle of Organization"))
)]
pub(in crate::http) async fn organisations_search(
    State(register): State<Register>,
    request: Request,
    Raw(form): Raw,
) -> Response {
    posted(&register, &request, &form, Kind::Organisation).await
}

/// An organisation.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/Organization/{id}", tag = "organisation-data-terminology",
    params(("id" = String, Path, description = "The ODS code")),
    responses((status = 200, description = "Organization, with its ETag"))
)]
pub(in crate::http) async fn organisation(
    State(register): State<Register>,
    Path(id): Path<String>,
    Head(request): Head,
) -> Response {
    read(&register, &request, &id, Kind::Organisation).await
}

/// Relationships of organisations.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/OrganizationAffiliation", tag = "organisation-data-terminology",
    params(AffiliationParams),
    responses((status = 200, description = "A Bundle of OrganizationAffiliation"))
)]
pub(in crate::http) async fn affiliations(State(register): State<Register>, Head(request): Head) -> Response {
    searched(&register, &request, b"", Kind::Affiliation).await
}

/// Relationships of organisations, asked for by a form.
#[utoipa::path(
    post, path = "/organisation-data-terminology-api/fhir/OrganizationAffiliation/_search",
    tag = "organisation-data-terminology", params(AffiliationParams),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A Bundle of OrganizationAffiliation"))
)]
pub(in crate::http) async fn affiliations_search(
    State(register): State<Register>,
    request: Request,
    Raw(form): Raw,
) -> Response {
    posted(&register, &request, &form, Kind::Affiliation).await
}

/// A relationship of organisations.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/OrganizationAffiliation/{id}",
    tag = "organisation-data-terminology",
    params(("id" = String, Path, description = "The id of the relationship")),
    responses((status = 200, description = "OrganizationAffiliation, with its ETag"))
)]
pub(in crate::http) async fn affiliation(
    State(register): State<Register>,
    Path(id): Path<String>,
    Head(request): Head,
) -> Response {
    read(&register, &request, &id, Kind::Affiliation).await
}

/// What was deleted: four lists. Organisations are never among it, since what closes is kept.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/List/{id}", tag = "organisation-data-terminology",
    params(("id" = String, Path, description = "Such as `Organization-deletion`")),
    responses((status = 200, description = "List"))
)]
pub(in crate::http) async fn list(
    State(register): State<Register>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let ask = match ask(&request, b"") {
        Ok(ask) => ask,
        Err(response) => return *response,
    };
    match deletions(&register, &id).await {
        Ok(list) => fhir::read(&request, ask.media, list, &Shape::default()),
        Err(outcome) => answer(&request, ask.media, Err(outcome)),
    }
}

async fn deletions(register: &Register, id: &str) -> Result<Parts, Outcome> {
    let list = deleted(id).ok_or_else(|| not_known("List", id))?;
    let all = match list.part {
        Some(part) => deletions::of(register.db.read(), part).await?,
        None => Vec::new(),
    };
    Ok(list.resource(&all))
}

async fn posted(register: &Register, request: &Request, form: &[u8], kind: Kind) -> Response {
    if register.config.strict { nothing(request) } else { searched(register, request, form, kind).await }
}

async fn searched(register: &Register, request: &Request, form: &[u8], kind: Kind) -> Response {
    let ask = match ask(request, form) {
        Ok(ask) => ask,
        Err(response) => return *response,
    };
    let found = match kind {
        Kind::Organisation => in_time(find_organisations(register, request, &ask.asked)).await,
        Kind::Affiliation => in_time(find_affiliations(register, request, &ask.asked)).await,
    };
    answer(request, ask.media, found)
}

/// The part of a search that is wanted.
struct Part {
    shape: Shape,
    count: u32,
    offset: u32,
}

impl Part {
    fn read(asked: &Asked) -> Result<Self, Outcome> {
        let shape = Shape::read(asked, PAGE.1)?;
        let offset = match asked.last("_offset") {
            None => 0,
            Some(_) if shape.cursor.is_some() => {
                return Err(bad("Invalid _offset: a page begins after its _cursor; give one of them"));
            }
            Some(text) => text.parse().map_err(|_| bad("Invalid _offset: it is a number, 0 or more"))?,
        };
        let count = shape.count.unwrap_or(PAGE.0).max(1);
        Ok(Self { shape, count, offset })
    }

    /// Whether pages are gone through from one resource to the next, and not by their number.
    fn goes_by_cursor(&self) -> bool {
        self.shape.cursor.is_some()
    }

    /// How many there are, where this page says it: it is the last of those that are gone through by their number.
    fn total(&self, here: usize, next: Option<&str>) -> Option<usize> {
        let before = usize::try_from(self.offset).ok()?;
        let says = next.is_none() && !self.goes_by_cursor() && (here > 0 || before == 0);
        says.then(|| before + here)
    }

    /// The bundle of a page; `next` is by what the next one begins, if there is one.
    fn bundle(
        &self,
        register: &Register,
        request: &Request,
        asked: &Asked,
        total: Option<usize>,
        next: Option<&str>,
        hits: Vec<Hit>,
    ) -> Parts {
        let mut links = vec![("self", fhir::link(request, asked, &[]))];
        if self.goes_by_cursor() {
            links.extend(next.map(|next| ("next", fhir::link(request, asked, &[("_cursor", Some(next))]))));
        } else {
            let at = |offset: u32| fhir::link(request, asked, &[("_offset", Some(&offset.to_string()))]);
            links.extend(next.map(|_| ("next", at(self.offset.saturating_add(self.count)))));
            if self.offset > 0 {
                links.push(("previous", at(self.offset.saturating_sub(self.count))));
            }
        }
        let base = format!("{}{BASE}", fhir::origin(request));
        let id = platform::id::RequestId::new(register.now()).to_string();
        Bundle { id, base, total, links, hits }.resource(&self.shape)
    }
}

/// Whether unknown parameters are passed over.
fn passes_over(register: &Register, request: &Request) -> bool {
    !register.config.strict && fhir::handling(request) == Some(false)
}

async fn find_organisations(register: &Register, request: &Request, asked: &Asked) -> Result<Parts, Outcome> {
    let mut query = wanted(asked, register.config.strict, passes_over(register, request))?;
    let part = Part::read(asked)?;
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let is_counted = part.shape.summary == Summary::Count
        || (!part.goes_by_cursor() && counts(register, asked, &query.conditions));
    let counted = if is_counted { Some(store::count(&mut read, &query.conditions).await?) } else { None };
    if part.shape.summary == Summary::Count {
        return Ok(part.bundle(register, request, asked, counted, None, Vec::new()));
    }
    if let Some(cursor) = &part.shape.cursor {
        let after = if cursor == "*" { "" } else { cursor.as_str() };
        query.conditions.push(Condition::After(after.to_ascii_uppercase()));
    }
    let mut codes = store::page(&mut read, &query.conditions, part.offset, part.count + 1).await?;
    let next = more(&mut codes, part.count).map(OdsCode::to_string);
    let total = counted.or_else(|| part.total(codes.len(), next.as_deref()));
    let found = store::many(&mut read, &codes).await?;
    // The model tells no versions; whoever asks by when they were written wants to know.
    let written = match asked.names(WRITTEN).then_some(&codes) {
        Some(codes) => Some(store::written_at(&mut read, codes).await?),
        None => None,
    };
    let told = |one: &Organisation| {
        let whole = told_organisation(&one.record);
        let Some(written) = &written else { return whole };
        whole.stamped(&Stamp::of(one.version, written.get(&one.record.ods).copied()))
    };
    let mut hits: Vec<Hit> = found.iter().map(|one| Hit(Mode::Match, told(one))).collect();
    let codes: Vec<String> = codes.iter().map(OdsCode::to_string).collect();
    let mut included = Vec::new();
    if query.with_own && !codes.is_empty() {
        let wanted = Affiliations { of: vec![codes.clone()], ..Affiliations::default() };
        included.extend(all_of(&mut read, &wanted).await?);
    }
    if query.with_theirs && !codes.is_empty() {
        let wanted = Affiliations { to: vec![codes], ..Affiliations::default() };
        included.extend(all_of(&mut read, &wanted).await?);
    }
    let mut known = BTreeSet::new();
    included.retain(|one| known.insert((one.organisation.to_string(), one.place)));
    hits.extend(included.iter().map(|one| Hit(Mode::Include, told_affiliation(one))));
    Ok(part.bundle(register, request, asked, total, next.as_deref(), hits))
}

/// Whether those who are meant are counted before a page of them is read. Where every organisation would have to be looked at twice, how many
/// there are is said on the last page, or to whoever asks for it; the model says it always.
fn counts(register: &Register, asked: &Asked, conditions: &[Condition]) -> bool {
    register.config.strict
        || asked.last("_total") == Some("accurate")
        || !conditions.iter().any(Condition::looks_at_all)
}

/// Takes the one that is too many; the last of the others, if there was one.
fn more<T>(all: &mut Vec<T>, count: u32) -> Option<&T> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if all.len() <= count {
        return None;
    }
    all.truncate(count);
    all.last()
}

async fn all_of(tx: &mut Tx, wanted: &Affiliations) -> Result<Vec<Affiliation>, Outcome> {
    let all = store::affiliations(tx, wanted, 0, INCLUDED + 1).await?;
    if u32::try_from(all.len()).is_ok_and(|many| many <= INCLUDED) {
        return Ok(all);
    }
    Err(too_costly(format!(
        "The answer exceeds size limit: more than {INCLUDED} resources are included. Ask for smaller pages."
    )))
}

async fn find_affiliations(register: &Register, request: &Request, asked: &Asked) -> Result<Parts, Outcome> {
    let mut query = affiliations_wanted(asked, register.config.strict, passes_over(register, request))?;
    let part = Part::read(asked)?;
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let total = if part.goes_by_cursor() && part.shape.summary != Summary::Count {
        None
    } else {
        Some(store::count_affiliations(&mut read, &query.wanted).await?)
    };
    if part.shape.summary == Summary::Count {
        return Ok(part.bundle(register, request, asked, total, None, Vec::new()));
    }
    if let Some(cursor) = part.shape.cursor.as_deref().filter(|cursor| *cursor != "*") {
        let after =
            cursor.rsplit_once('.').and_then(|(code, place)| Some((code.to_owned(), place.parse().ok()?)));
        query.wanted.after = Some(after.ok_or_else(|| bad("Invalid _cursor: take it from a link"))?);
    }
    let mut found = store::affiliations(&mut read, &query.wanted, part.offset, part.count + 1).await?;
    let next = more(&mut found, part.count).map(|last| format!("{}.{}", last.organisation, last.place));
    let mut hits: Vec<Hit> = found.iter().map(|one| Hit(Mode::Match, told_affiliation(one))).collect();
    let mut codes = BTreeSet::new();
    for one in &found {
        codes.extend(query.with_primary.then(|| one.organisation.clone()));
        codes.extend(query.with_participating.then(|| one.relationship.target.clone()));
    }
    let codes: Vec<OdsCode> = codes.into_iter().collect();
    let included = store::many(&mut read, &codes).await?;
    hits.extend(included.iter().map(|one| Hit(Mode::Include, told_organisation(&one.record))));
    Ok(part.bundle(register, request, asked, total, next.as_deref(), hits))
}

async fn read(register: &Register, request: &Request, id: &str, kind: Kind) -> Response {
    let ask = match ask(request, b"") {
        Ok(ask) => ask,
        Err(response) => return *response,
    };
    let shape = if register.config.strict { Ok(Shape::default()) } else { Shape::read(&ask.asked, PAGE.1) };
    match (shape, one(register, id, kind).await) {
        (Ok(shape), Ok((_, whole))) => fhir::read(request, ask.media, whole, &shape),
        (Err(outcome), _) | (_, Err(outcome)) => answer(request, ask.media, Err(outcome)),
    }
}

/// A resource with its version, which the model does not tell.
async fn one(register: &Register, id: &str, kind: Kind) -> Result<(Stamp, Parts), Outcome> {
    let unknown = || not_known(kind.name(), id);
    // FHIR R4 2.24.0.2: ids are compared as they are written, and so is the code of an organisation.
    let known = || {
        register.model.look_at_organisation(id, |known| {
            let stamp = Stamp::of(known.version, known.written_at);
            let whole = shown_organisation(&known.view);
            let whole = if register.config.strict { whole } else { whole.stamped(&stamp) };
            (stamp, whole)
        })
    };
    if kind == Kind::Organisation
        && let Some(known) = known()
    {
        return Ok(known);
    }
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    if kind == Kind::Affiliation {
        let wanted = Affiliations { instances: vec![vec![id.to_owned()]], ..Affiliations::default() };
        let found = store::affiliations(&mut read, &wanted, 0, 1).await?;
        let one = found.first().ok_or_else(unknown)?;
        let written = store::written_at(&mut read, std::slice::from_ref(&one.organisation)).await?;
        let whole = told_affiliation(one);
        let stamp = Stamp::of_content(&whole, written.get(&one.organisation).copied());
        let whole = if register.config.strict { whole } else { whole.stamped(&stamp) };
        return Ok((stamp, whole));
    }
    let code: OdsCode = id.parse().map_err(|_| unknown())?;
    if code.as_str() != id {
        return Err(unknown());
    }
    let found = store::many(&mut read, &[code]).await?;
    let one = found.first().ok_or_else(unknown)?;
    let (stamp, whole) = stamped(&mut read, one).await?;
    Ok((stamp, if register.config.strict { told_organisation(&one.record) } else { whole }))
}
