//! What has changed of a kind, to be followed: `/_history` of people, organisations, and of what is said of them. Of systems it is told
//! beside their face, by the same rules.
//!
//! It goes by the numbers of the change feed. Whoever begins gets the address at which to go on, then reads everything once, and from
//! then on whatever is new; each entry is what the resource is when it is read.

mod affiliations;
mod roles;

use std::collections::BTreeSet;
use std::fmt;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::request::Parts as Request;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use utoipa::OpenApi;

use super::{fhir, terminology, workers};
use crate::api::Change;
use crate::error::Error;
use crate::fhir::kit::{Asked, History, Outcome, Parts, Past, Stamp, Tree, shown};
use crate::fhir::{organisations, workers as workers_face};
use crate::register::Register;
use crate::store::organisation_faces;
use crate::touched::{self, Since, Touched};

/// How many changes are looked at for a page unless something else is asked for, and at most.
const PAGE: (u32, u32) = (100, 500);

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/healthcare-worker/FHIR/R4/Practitioner/_history", get(people))
        .route("/healthcare-worker/FHIR/R4/PractitionerRole/_history", get(roles::roles_changed))
        .route("/organisation-data-terminology-api/fhir/Organization/_history", get(organisations_changed))
        .route(
            "/organisation-data-terminology-api/fhir/OrganizationAffiliation/_history",
            get(affiliations::affiliations_changed),
        )
}

#[derive(OpenApi)]
#[openapi(paths(people, roles::roles_changed, organisations_changed, affiliations::affiliations_changed))]
pub(super) struct Document;

/// People who have changed, in the order in which they did.
///
/// Without `_cursor` nobody, and the address at which to go on. Whoever is shown is recorded.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/Practitioner/_history", tag = "healthcare-worker",
    params(("_cursor" = Option<String>, Query, description = "As the link with the relation `next` has it"),
        ("_count" = Option<u32>, Query, description = "How many changes are looked at: 500 at most, 100 if it is left out")),
    responses((status = 200, description = "A Bundle of people as they are now; who has left is deleted"),
        (status = 410, description = "OperationOutcome: something after this was erased, or the register was restored from a copy; read everything, and begin anew"))
)]
pub(super) async fn people(State(register): State<Register>, request: Request) -> Response {
    let Some((asked, media)) = workers::addition(&register, &request) else {
        return workers::nothing(&request);
    };
    match people_changed(&register, &request, &asked).await {
        Ok(whole) => fhir::response(&request, 200, media, &whole),
        Err(outcome) => workers::refused(&request, media, &outcome),
    }
}

/// Organisations that have changed, in the order in which they did.
///
/// Without `_cursor` none, and the address at which to go on.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/Organization/_history",
    tag = "organisation-data-terminology",
    params(("_cursor" = Option<String>, Query, description = "As the link with the relation `next` has it"),
        ("_count" = Option<u32>, Query, description = "How many changes are looked at: 500 at most, 100 if it is left out")),
    responses((status = 200, description = "A Bundle of organisations as they are now"),
        (status = 410, description = "OperationOutcome: something after this was erased, or the register was restored from a copy; read everything, and begin anew"))
)]
pub(super) async fn organisations_changed(State(register): State<Register>, request: Request) -> Response {
    if register.config.strict {
        return terminology::nothing(&request);
    }
    let ask = match terminology::ask(&request, b"") {
        Ok(ask) => ask,
        Err(response) => return *response,
    };
    let found = told_organisations(&register, &request, &ask.asked).await;
    terminology::answer(&request, ask.media, found)
}

/// A place in the feed: after which number. With the time at which that was told it is known in a feed that was restored from a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    number: u64,
    /// None where a client brings the number alone.
    at: Option<Millis>,
}

impl Place {
    /// Reads what a client brings: what was written, or a number.
    fn read(text: &str) -> Option<Self> {
        let (number, at) = match text.split_once('.') {
            None => (text, None),
            Some((number, at)) => (number, Some(Millis(at.parse().ok()?))),
        };
        Some(Self { number: number.parse().ok()?, at })
    }

    fn after(change: &Change) -> Self {
        Self { number: change.number, at: Some(change.at) }
    }
}

/// As a client keeps it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        self.at.map_or(Ok(()), |at| write!(f, ".{}", at.0))
    }
}

/// A part of the feed: the changes, and where the next part begins.
pub(super) struct Fed {
    pub(super) changes: Vec<Change>,
    pub(super) next: Place,
    /// Whether there is no more.
    is_last: bool,
}

/// The part of the feed after a place; without one nothing, and where it ends.
pub(super) async fn fed(tx: &mut Tx, asked: &Asked, cursor: Option<&str>) -> Result<Fed, Outcome> {
    let bad = |text: &str| {
        Outcome::new(400, "invalid", format!("Invalid _count '{}': it is a number.", shown(text)))
    };
    let count = match asked.last("_count") {
        None => PAGE.0,
        Some(text) => text.parse::<u32>().map_err(|_| bad(text))?.clamp(1, PAGE.1),
    };
    let Some(cursor) = cursor else {
        let kept = touched::kept(&mut *tx).await?;
        let next = Place { number: kept.last, at: Some(kept.last_at) };
        return Ok(Fed { changes: Vec::new(), next, is_last: true });
    };
    let begin = Place::read(cursor).ok_or_else(|| no_cursor(cursor))?;
    match touched::since(tx, begin.number, begin.at, count).await? {
        Since::Changes(changes) => {
            let next = changes.last().map_or(begin, Place::after);
            let is_last = u32::try_from(changes.len()).is_ok_and(|many| many < count);
            Ok(Fed { changes, next, is_last })
        }
        Since::TooOld => Err(anew(
            "Something after this was erased, or was never told: the register may come from a copy since.",
        )),
    }
}

/// What was brought as a cursor is none.
fn no_cursor(cursor: &str) -> Outcome {
    Outcome::new(400, "invalid", format!("Invalid _cursor '{}': take it from a link.", shown(cursor)))
}

/// What came in between is not to be had.
fn anew(why: &str) -> Outcome {
    let sentence = format!("{why} Read everything, and begin anew without _cursor.");
    Outcome::new(410, "deleted", sentence)
}

/// The ids of what is meant, each once, in the order of its last change.
pub(super) fn ids(changes: &[Change], of: impl Fn(Touched) -> Option<String>) -> Vec<String> {
    let mut known = BTreeSet::new();
    let mut ids: Vec<String> =
        changes.iter().rev().filter_map(|change| of(touched::touched(change)?)).collect();
    ids.retain(|id| known.insert(id.clone()));
    ids.reverse();
    ids
}

async fn people_changed(register: &Register, request: &Request, asked: &Asked) -> Result<Parts, Outcome> {
    let caller = workers::may(register, request).await?;
    let dialect = register.config.workers.dialect;
    let kind = workers_face::Kind::Practitioner;
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let fed = fed(&mut read, asked, asked.last("_cursor")).await?;
    let ids = ids(&fed.changes, |what| match what {
        Touched::Person(id) => Some(id),
        _ => None,
    });
    let (mut past, mut shown) = (Vec::new(), Vec::new());
    for id in ids {
        let user: UserId = id.parse().map_err(|_| Error::Stored { what: "directory_change.subject" })?;
        // What is told of somebody is their newest version; of those whom the directory does not show there is none.
        let told = workers_face::past(&mut read, &user, dialect).await?.into_iter().next();
        if told.as_ref().is_some_and(|one| one.was.is_some()) {
            shown.push(id.clone());
        }
        past.extend(told.map(|one| (id, one)));
    }
    drop(read);
    workers::recorded(register, &caller, kind, shown).await?;
    let next = fed.next.to_string();
    Ok(bundle(register, request, asked, (workers_face::BASE, kind.name()), (&next, past)))
}

async fn told_organisations(register: &Register, request: &Request, asked: &Asked) -> Result<Parts, Outcome> {
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let fed = fed(&mut read, asked, asked.last("_cursor")).await?;
    let codes = codes(&fed.changes)?;
    let written = organisation_faces::written_at(&mut read, &codes).await?;
    let found = organisation_faces::many(&mut read, &codes).await?;
    let told = |one: &crate::api::Organisation| {
        let stamp = Stamp::of(one.version, written.get(&one.record.ods).copied());
        let was = Some(organisations::organisation(&one.record).stamped(&stamp));
        (one.record.ods.to_string(), Past { stamp, was })
    };
    let past = found.iter().map(told).collect();
    let kind = organisations::Kind::Organisation.name();
    let next = fed.next.to_string();
    Ok(bundle(register, request, asked, (organisations::BASE, kind), (&next, past)))
}

/// The organisations that have changed.
fn codes(changes: &[Change]) -> Result<Vec<OdsCode>, Error> {
    let ids = ids(changes, |what| match what {
        Touched::Organisation(ods) => Some(ods),
        _ => None,
    });
    ids.iter().map(|id| id.parse().map_err(|_| Error::Stored { what: "directory_change.subject" })).collect()
}

/// What has changed, with the address at which to go on.
pub(super) fn bundle<T: Into<Tree>>(
    register: &Register,
    request: &Request,
    asked: &Asked,
    (base, kind): (&str, &'static str),
    (next, past): (&str, Vec<(String, Past<T>)>),
) -> Parts {
    let history = History {
        id: platform::id::RequestId::new(register.now()).to_string(),
        base: format!("{}{base}", fhir::origin(request)),
        kind,
        total: None,
        links: vec![
            ("self", fhir::link(request, asked, &[])),
            ("next", fhir::link(request, asked, &[("_cursor", Some(next))])),
        ],
        past,
    };
    history.resource()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ChangeKind;

    /// A place reads back; a number alone is one too, and anything else is none.
    #[test]
    fn places_read_back() {
        for text in ["0", "0.0", "7", "7.1795540800000"] {
            assert_eq!(Place::read(text).unwrap().to_string(), text);
        }
        assert_eq!(Place::read("7.5"), Some(Place { number: 7, at: Some(Millis(5)) }));
        for bad in ["", "x", "-1", "7.", ".5", "7.x", "7.5.5", "7.2026-11-24"] {
            assert_eq!(Place::read(bad), None, "{bad}");
        }
    }

    /// Each id is told once, where it changed last; what is about something else is passed over.
    #[test]
    fn each_is_told_once() {
        let change = |number, kind, subject: &str| Change {
            number,
            at: Millis(0),
            kind,
            subject: subject.to_owned(),
            person: None,
        };
        let changes = [
            change(1, ChangeKind::OrganisationChanged, "RXX"),
            change(2, ChangeKind::OrganisationChanged, "RYY"),
            change(3, ChangeKind::SystemChanged, "1"),
            change(4, ChangeKind::OrganisationChanged, "RXX"),
        ];
        let found = ids(&changes, |what| match what {
            Touched::Organisation(ods) => Some(ods),
            _ => None,
        });
        assert_eq!(found, ["RYY", "RXX"]);
    }
}
