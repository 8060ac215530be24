//! `$export`: everything of a face at once, asked for now and fetched in parts when it is cut (HL7 FHIR Bulk Data Access 2.0).

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::request::Parts as Request;
use http::{HeaderName, HeaderValue, StatusCode, header};
use platform::caller::Caller;
use platform::web::Path;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::fhir_face::Face;
use super::headers::together;
use super::{fhir, fhir_described, workers};
use crate::api::EXPORT;
use crate::error::Error;
use crate::fhir::exports::{Exported, lines, step};
use crate::fhir::kit::{Asked, Outcome, shown};
use crate::fhir::{FhirEvent, workers as workers_face};
use crate::register::Register;
use crate::span::Span;
use crate::store::exports::{self as store, Export, Place};

/// For how long an export can be fetched.
const LASTS: Duration = Duration::from_hours(24);
/// How many exports an application has at most at a time.
const MOST: i64 = 5;
/// How many parts are cut while somebody asks how far it is.
const STEPS: usize = 20;
/// When it makes sense to ask again.
const AGAIN: &str = "1";
/// When, for whoever has too many.
const LATER: &str = "3600";
const NDJSON: &str = "application/fhir+ndjson";
/// How far it is, for people (Bulk Data Access 2.0, response in progress).
const PROGRESS: HeaderName = HeaderName::from_static("x-progress");

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/spine-directory/FHIR/R4/$export", get(export_begin))
        .route("/spine-directory/FHIR/R4/$export/{export}", get(export_status).delete(export_end))
        .route("/spine-directory/FHIR/R4/$export/{export}/{part}", get(export_part))
        .route("/healthcare-worker/FHIR/R4/$export", get(export_begin))
        .route("/healthcare-worker/FHIR/R4/$export/{export}", get(export_status).delete(export_end))
        .route("/healthcare-worker/FHIR/R4/$export/{export}/{part}", get(export_part))
        .route("/organisation-data-terminology-api/fhir/$export", get(export_begin))
        .route(
            "/organisation-data-terminology-api/fhir/$export/{export}",
            get(export_status).delete(export_end),
        )
        .route("/organisation-data-terminology-api/fhir/$export/{export}/{part}", get(export_part))
}

#[derive(OpenApi)]
#[openapi(paths(export_begin, export_status, export_end, export_part))]
struct Document;

/// The routes as OpenAPI, of every face.
pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    fhir_described::on_every_face(&mut document);
    document
}

/// Begins to export what the API tells: systems; people and their roles; organisations and their relationships. For callers with `directory:export`.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/$export", tag = "healthcare-worker",
    params(("_type" = Option<String>, Query, description = "Which kinds of resources, joined by a comma: `Device`, `Endpoint`; `Practitioner`, `PractitionerRole`; \
            `Organization`, `OrganizationAffiliation`. Both of the API if it is left out"),
        ("_since" = Option<String>, Query, description = "What was written since this moment; roles are told all the same"),
        ("_outputFormat" = Option<String>, Query, description = "`application/fhir+ndjson`"),
        ("prefer" = String, Header, description = "`respond-async`")),
    responses((status = 202, description = "It is begun; Content-Location says where to ask how far it is"))
)]
pub(super) async fn export_begin(State(register): State<Register>, face: Face, request: Request) -> Response {
    begin(&register, &request, face).await
}

/// How far an export is; when it is cut, where its parts are.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/$export/{export}", tag = "healthcare-worker",
    params(("export" = String, Path, description = "As Content-Location had it")),
    responses((status = 202, description = "It is not cut yet; Retry-After says when to ask again"),
        (status = 200, description = "Where its parts are", body = Value, content_type = "application/json"))
)]
pub(super) async fn export_status(
    State(register): State<Register>,
    face: Face,
    Path(export): Path<String>,
    request: Request,
) -> Response {
    status(&register, &request, face, &export).await
}

/// Ends an export, whether it was fetched or not.
#[utoipa::path(
    delete, path = "/healthcare-worker/FHIR/R4/$export/{export}", tag = "healthcare-worker",
    params(("export" = String, Path, description = "As Content-Location had it")),
    responses((status = 202, description = "It is ended"))
)]
pub(super) async fn export_end(
    State(register): State<Register>,
    face: Face,
    Path(export): Path<String>,
    request: Request,
) -> Response {
    end(&register, &request, face, &export).await
}

/// A part of an export, as it is now. Whoever is shown is recorded.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/$export/{export}/{part}", tag = "healthcare-worker",
    params(("export" = String, Path, description = "The export"), ("part" = String, Path, description = "The number of the part")),
    responses((status = 200, description = "A resource in each line", body = String, content_type = "application/fhir+ndjson"))
)]
pub(super) async fn export_part(
    State(register): State<Register>,
    face: Face,
    Path((export, part)): Path<(String, String)>,
    request: Request,
) -> Response {
    fetched(&register, &request, face, (&export, &part)).await
}

async fn begin(register: &Register, request: &Request, face: Face) -> Response {
    match begun(register, request, face).await {
        Ok(id) => {
            let address = format!("{}{}/$export/{id}", fhir::origin(request), face.base());
            (StatusCode::ACCEPTED, [(header::CONTENT_LOCATION, address)]).into_response()
        }
        Err(outcome) => {
            let mut response = face.refused(register, request, &outcome);
            if outcome.status == StatusCode::TOO_MANY_REQUESTS.as_u16() {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(LATER));
            }
            response
        }
    }
}

/// Stores an export, and says under which id.
async fn begun(register: &Register, request: &Request, face: Face) -> Result<String, Outcome> {
    let caller = fhir::beside(register, request, EXPORT)?;
    let prefers = together(&request.headers, &HeaderName::from_static("prefer")).unwrap_or_default();
    if !prefers.split([',', ';']).any(|one| one.trim() == "respond-async") {
        return Err(fhir::bad("An export is asked for with the header Prefer: respond-async."));
    }
    let asked = fhir::asked(request, b"")?;
    let (kinds, since) = wanted(&asked, face, fhir::handling(request) == Some(false))?;
    let now = register.now();
    let first = kinds.first().map(|kind| Place { kind: kind.clone(), after: String::new() });
    let export = Export {
        id: platform::id::RequestId::new(now).to_string(),
        caller: caller.client.to_string(),
        face: face.word().to_owned(),
        kinds,
        since,
        request: fhir::link(request, &asked, &[]),
        made_at: now,
        until: now.plus(LASTS),
        place: first,
    };
    let id = export.id.clone();
    let event = FhirEvent::ExportBegun { export: id.clone(), resources: export.kinds.clone() };
    let actor = audit::Actor::from(&caller);
    let stored: Result<bool, Error> = register
        .db
        .write(move |tx| {
            Box::pin(async move {
                if store::count(tx, &export.caller, now).await? >= MOST {
                    return Ok(false);
                }
                store::insert(tx, &export).await?;
                audit::record(tx, now, &actor, &event).await?;
                Ok(true)
            })
        })
        .await;
    if stored? {
        return Ok(id);
    }
    let sentence =
        format!("You have {MOST} exports already. End one with DELETE when its parts are fetched.");
    Err(Outcome::new(429, "throttled", sentence))
}

/// Which kinds are wanted, and since when.
fn wanted(
    asked: &Asked,
    face: Face,
    passes_over: bool,
) -> Result<(Vec<String>, Option<platform::clock::Millis>), Outcome> {
    let there: Vec<&str> = face.kinds().iter().map(|kind| kind.name()).collect();
    let (mut named, mut since) = (Vec::new(), None);
    for parameter in &asked.0 {
        match parameter.whole().as_str() {
            "_type" => named.extend(parameter.any()),
            "_since" => {
                let span = Span::read(&format!("ge{}", parameter.value));
                since = Some(span.ok_or_else(|| fhir::bad("Invalid _since: it is a moment with its zone."))?);
            }
            "_outputFormat" => {
                // A plus sign that was not escaped is a blank by the time it is here.
                let format = parameter.value.replace(' ', "+");
                if ![NDJSON, "application/ndjson", "ndjson"].contains(&format.as_str()) {
                    return Err(fhir::bad(format!("Invalid _outputFormat: there is {NDJSON} alone.")));
                }
            }
            "_format" => {}
            _ if passes_over => {}
            name => return Err(fhir::bad(format!("The parameter '{}' is not known here.", shown(name)))),
        }
    }
    if let Some(unknown) = named.iter().find(|name| !there.contains(&name.as_str())) {
        return Err(fhir::bad(format!(
            "Invalid _type '{}': there are {}.",
            shown(unknown),
            there.join(" and ")
        )));
    }
    let is_wanted = |name: &&str| named.is_empty() || named.iter().any(|one| one == name);
    let kinds = there.into_iter().filter(is_wanted).map(str::to_owned).collect();
    Ok((kinds, since.and_then(|span| span.from)))
}

/// Somebody's own export of this face, while it can be fetched.
async fn own(
    register: &Register,
    request: &Request,
    face: Face,
    id: &str,
) -> Result<(Caller, Export), Outcome> {
    let caller = fhir::beside(register, request, EXPORT)?;
    let found = store::find(register.db.read(), id).await?;
    let own = found.filter(|one| {
        one.caller == caller.client.to_string() && one.face == face.word() && register.now() < one.until
    });
    let unknown = || Outcome::new(404, "not-found", format!("There is no export {}.", shown(id)));
    Ok((caller, own.ok_or_else(unknown)?))
}

async fn status(register: &Register, request: &Request, face: Face, id: &str) -> Response {
    match cut(register, request, face, id).await {
        Ok((export, manifest)) => match export.place {
            Some(place) => {
                let progress =
                    HeaderValue::try_from(place.kind).unwrap_or(HeaderValue::from_static("cutting"));
                let headers = [(header::RETRY_AFTER, HeaderValue::from_static(AGAIN)), (PROGRESS, progress)];
                (StatusCode::ACCEPTED, headers).into_response()
            }
            None => ([(header::CONTENT_TYPE, "application/json")], manifest.to_string()).into_response(),
        },
        Err(outcome) => face.refused(register, request, &outcome),
    }
}

/// Goes on with an export while somebody waits for it; with where its parts are.
async fn cut(
    register: &Register,
    request: &Request,
    face: Face,
    id: &str,
) -> Result<(Export, Value), Outcome> {
    let (_, mut export) = own(register, request, face, id).await?;
    for _ in 0..STEPS {
        if export.place.is_none() {
            break;
        }
        export = step(register, export).await?;
    }
    let address = format!("{}{}/$export/{id}", fhir::origin(request), face.base());
    let parts = store::parts(register.db.read(), id).await?;
    let output: Vec<Value> = parts
        .iter()
        .map(|(number, part)| json!({"type": part.kind, "url": format!("{address}/{number}")}))
        .collect();
    let manifest = json!({
        "transactionTime": export.made_at.to_string(),
        "request": export.request,
        "requiresAccessToken": true,
        "output": output,
        "error": [],
    });
    Ok((export, manifest))
}

async fn end(register: &Register, request: &Request, face: Face, id: &str) -> Response {
    match ended(register, request, face, id).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(outcome) => face.refused(register, request, &outcome),
    }
}

async fn ended(register: &Register, request: &Request, face: Face, id: &str) -> Result<(), Outcome> {
    let (_, export) = own(register, request, face, id).await?;
    let erased: Result<(), Error> =
        register.db.write(move |tx| Box::pin(async move { store::erase(tx, &export.id).await })).await;
    Ok(erased?)
}

async fn fetched(register: &Register, request: &Request, face: Face, (id, number): (&str, &str)) -> Response {
    match part(register, request, face, (id, number)).await {
        Ok(text) => ([(header::CONTENT_TYPE, NDJSON)], text).into_response(),
        Err(outcome) => face.refused(register, request, &outcome),
    }
}

/// The lines of a part. Whoever is shown is in the record before any of it is answered.
async fn part(
    register: &Register,
    request: &Request,
    face: Face,
    (id, number): (&str, &str),
) -> Result<String, Outcome> {
    let (caller, export) = own(register, request, face, id).await?;
    let unknown = || Outcome::new(404, "not-found", format!("The export has no part {}.", shown(number)));
    let place: i64 = number.parse().map_err(|_| unknown())?;
    let part = store::part(register.db.read(), id, place).await?.ok_or_else(unknown)?;
    let (text, people) = lines(register, &export, &part).await?;
    let kind = if part.kind == Exported::Role.name() {
        workers_face::Kind::Role
    } else {
        workers_face::Kind::Practitioner
    };
    workers::recorded(register, &caller, kind, people).await?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which kinds are exported and since when is read; what is not known is refused, unless it is to be passed over.
    #[test]
    fn what_is_exported_is_read() {
        let of = |query: &str, passes_over| wanted(&Asked::read(query, b""), Face::Workers, passes_over);
        let both = vec!["Practitioner".to_owned(), "PractitionerRole".to_owned()];
        assert_eq!(of("", false).unwrap(), (both.clone(), None));
        let read = of(
            "_type=PractitionerRole&_since=2026-11-24T00:00:00Z&_outputFormat=application/fhir%2Bndjson",
            false,
        );
        assert_eq!(read.unwrap(), (both[1..].to_vec(), Some(platform::clock::Millis(1_795_478_400_000))));
        for bad in ["_type=Organization", "_since=soon", "_outputFormat=csv", "_typeFilter=x", "patient=1"] {
            assert_eq!(of(bad, false).unwrap_err().status, 400, "{bad}");
        }
        assert_eq!(of("patient=1", true).unwrap().0, both);
        let systems = wanted(&Asked::read("", b""), Face::Spine, false).unwrap().0;
        assert_eq!(systems, ["Device", "Endpoint"]);
    }
}
