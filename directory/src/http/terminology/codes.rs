//! Code systems and sets of codes, and what the API can do.

use axum::extract::State;
use axum::response::Response;
use http::header;
use http::request::Parts as Request;
use platform::web::{Path, Raw};

use super::super::fhir;
use super::query::{Expand, Lookup, Subsumes, Validate, ValidateInSet};
use super::{answer, ask, in_time, nothing, version};
use crate::day::moment;
use crate::error::Error;
use crate::fhir::kit::{
    Asked, Bundle, Extent, Hit, Mode, Outcome, Parts, SHAPING, Shape, Summary, capability, shown,
};
use crate::fhir::organisations::{
    API, BASE, Given, System, Validity, bad, concept, expansion, given, lookup_answer, members, not_known,
    set_of, subsumption, terminology, unknown_parameter, validity,
};
use crate::register::Register;

/// Parameters by which code systems are found.
const KNOWN: [&str; 3] = ["_summary", "system", "url"];

/// What the Organisation Data Terminology API can do; with `mode=terminology`, which code systems there are.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/metadata", tag = "organisation-data-terminology",
    params(("mode" = Option<String>, Query, description = "`terminology` for the code systems")),
    responses((status = 200, description = "CapabilityStatement or TerminologyCapabilities"))
)]
pub(in crate::http) async fn metadata(State(register): State<Register>, request: Request) -> Response {
    let ask = match ask(&request, b"") {
        Ok(ask) => ask,
        Err(response) => return *response,
    };
    let (origin, today) = (fhir::origin(&request), register.today());
    let extent = if register.config.strict { Extent::Model } else { Extent::Whole };
    let told = match ask.asked.last("mode") {
        Some("terminology") => {
            known_version(&register).await.map(|version| terminology(&origin, &version, today))
        }
        _ => Ok(capability(&API, extent, &origin, today)),
    };
    match told {
        Ok(whole) => fhir::read(&request, ask.media, whole, &Shape::default()),
        Err(outcome) => answer(&request, ask.media, Err(outcome)),
    }
}

async fn known_version(register: &Register) -> Result<String, Outcome> {
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    Ok(version(&mut read).await?)
}

/// Code systems.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/CodeSystem", tag = "organisation-data-terminology",
    params(("url" = Option<String>, Query, description = "The address of one"), ("_summary" = Option<String>, Query,
        description = "`false` for the concepts of small ones")),
    responses((status = 200, description = "A Bundle of CodeSystem"))
)]
pub(in crate::http) async fn systems(State(register): State<Register>, request: Request) -> Response {
    found_systems(&register, &request).await
}

/// Code systems, under the address with a slash at its end.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/CodeSystem/", tag = "organisation-data-terminology",
    params(("url" = Option<String>, Query, description = "The address of one")),
    responses((status = 200, description = "A Bundle of CodeSystem"))
)]
pub(in crate::http) async fn systems_below(State(register): State<Register>, request: Request) -> Response {
    found_systems(&register, &request).await
}

async fn found_systems(register: &Register, request: &Request) -> Response {
    let ask = match ask(request, b"") {
        Ok(ask) => ask,
        Err(response) => return *response,
    };
    answer(request, ask.media, find_systems(register, request, &ask.asked).await)
}

async fn find_systems(register: &Register, request: &Request, asked: &Asked) -> Result<Parts, Outcome> {
    let version = known_version(register).await?;
    let of =
        |url: &String| System::of(url).filter(|_| System::pinned(url).is_none_or(|asked| asked == version));
    let mut found = System::ALL.to_vec();
    for parameter in &asked.0 {
        let name = parameter.whole();
        match name.as_str() {
            "url" | "system" => {
                let urls: Vec<Option<System>> = parameter.any().iter().map(of).collect();
                found.retain(|system| urls.contains(&Some(*system)));
            }
            "_format" => {}
            name if SHAPING.contains(&name) || KNOWN.contains(&name) => {}
            name => return Err(unknown_parameter(name, "CodeSystem", &KNOWN)),
        }
    }
    let mut shape = Shape::read(asked, 100)?;
    if !asked.names("_summary") {
        shape.summary = Summary::Short;
    }
    let total = Some(found.len());
    let hits = found.into_iter().map(|system| Hit(Mode::Match, system.resource(&version))).collect();
    let links = vec![("self", fhir::link(request, asked, &[]))];
    let base = format!("{}{BASE}", fhir::origin(request));
    let id = platform::id::RequestId::new(register.now()).to_string();
    Ok(Bundle { id, base, total, links, hits }.resource(&shape))
}

/// A code system.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/CodeSystem/{id}", tag = "organisation-data-terminology",
    params(("id" = String, Path, description = "Its id, with or without the day of its version")),
    responses((status = 200, description = "CodeSystem, with its ETag"))
)]
pub(in crate::http) async fn system(
    State(register): State<Register>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    if register.config.strict {
        return nothing(&request);
    }
    let ask = match ask(&request, b"") {
        Ok(ask) => ask,
        Err(response) => return *response,
    };
    let version = known_version(&register).await;
    let found = version.and_then(|version| {
        let system = System::of_id(&id, &version).ok_or_else(|| not_known("CodeSystem", &id))?;
        Ok((system.resource(&version), Shape::read(&ask.asked, 100)?))
    });
    match found {
        Ok((whole, shape)) => fhir::read(&request, ask.media, whole, &shape),
        Err(outcome) => answer(&request, ask.media, Err(outcome)),
    }
}

/// What is done with codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Lookup,
    Validate,
    Subsumes,
    Expand,
    ValidateInSet,
}

/// What is said of a concept.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/CodeSystem/$lookup", tag = "organisation-data-terminology",
    params(Lookup),
    responses((status = 200, description = "Parameters"))
)]
pub(in crate::http) async fn lookup(State(register): State<Register>, request: Request) -> Response {
    done(&register, &request, b"", Operation::Lookup).await
}

/// What is said of a concept, asked for by Parameters in JSON or XML.
#[utoipa::path(
    post, path = "/organisation-data-terminology-api/fhir/CodeSystem/$lookup", tag = "organisation-data-terminology",
    request_body(content = Value, content_type = "application/fhir+json"),
    responses((status = 200, description = "Parameters"))
)]
pub(in crate::http) async fn lookup_posted(
    State(register): State<Register>,
    request: Request,
    Raw(body): Raw,
) -> Response {
    done(&register, &request, &body, Operation::Lookup).await
}

/// Whether a code is one of a code system.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/CodeSystem/$validate-code", tag = "organisation-data-terminology",
    params(Validate),
    responses((status = 200, description = "Parameters"))
)]
pub(in crate::http) async fn validate(State(register): State<Register>, request: Request) -> Response {
    done(&register, &request, b"", Operation::Validate).await
}

/// Whether a code is one of a code system, asked for by Parameters.
#[utoipa::path(
    post, path = "/organisation-data-terminology-api/fhir/CodeSystem/$validate-code",
    tag = "organisation-data-terminology",
    request_body(content = Value, content_type = "application/fhir+json"),
    responses((status = 200, description = "Parameters"))
)]
pub(in crate::http) async fn validate_posted(
    State(register): State<Register>,
    request: Request,
    Raw(body): Raw,
) -> Response {
    done(&register, &request, &body, Operation::Validate).await
}

/// How two codes of a system stand to each other.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/CodeSystem/$subsumes", tag = "organisation-data-terminology",
    params(Subsumes),
    responses((status = 200, description = "Parameters"))
)]
pub(in crate::http) async fn subsumes(State(register): State<Register>, request: Request) -> Response {
    done(&register, &request, b"", Operation::Subsumes).await
}

/// How two codes of a system stand to each other, asked for by Parameters.
#[utoipa::path(
    post, path = "/organisation-data-terminology-api/fhir/CodeSystem/$subsumes", tag = "organisation-data-terminology",
    request_body(content = Value, content_type = "application/fhir+json"),
    responses((status = 200, description = "Parameters"))
)]
pub(in crate::http) async fn subsumes_posted(
    State(register): State<Register>,
    request: Request,
    Raw(body): Raw,
) -> Response {
    done(&register, &request, &body, Operation::Subsumes).await
}

/// The members of all of a code system.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/ValueSet/$expand", tag = "organisation-data-terminology",
    params(Expand),
    responses((status = 200, description = "ValueSet"))
)]
pub(in crate::http) async fn expand(State(register): State<Register>, request: Request) -> Response {
    done(&register, &request, b"", Operation::Expand).await
}

/// The members of a set that is given as `valueSet` of Parameters.
#[utoipa::path(
    post, path = "/organisation-data-terminology-api/fhir/ValueSet/$expand", tag = "organisation-data-terminology",
    request_body(content = Value, content_type = "application/fhir+json"),
    responses((status = 200, description = "ValueSet"))
)]
pub(in crate::http) async fn expand_posted(
    State(register): State<Register>,
    request: Request,
    Raw(body): Raw,
) -> Response {
    done(&register, &request, &body, Operation::Expand).await
}

/// Whether a code is one of all of a code system.
#[utoipa::path(
    get, path = "/organisation-data-terminology-api/fhir/ValueSet/$validate-code", tag = "organisation-data-terminology",
    params(ValidateInSet),
    responses((status = 200, description = "Parameters"))
)]
pub(in crate::http) async fn validate_in_set(State(register): State<Register>, request: Request) -> Response {
    done(&register, &request, b"", Operation::ValidateInSet).await
}

/// Whether a code is one of a set that is given as `valueSet` of Parameters.
#[utoipa::path(
    post, path = "/organisation-data-terminology-api/fhir/ValueSet/$validate-code", tag = "organisation-data-terminology",
    request_body(content = Value, content_type = "application/fhir+json"),
    responses((status = 200, description = "Parameters"))
)]
pub(in crate::http) async fn validate_in_set_posted(
    State(register): State<Register>,
    request: Request,
    Raw(body): Raw,
) -> Response {
    done(&register, &request, &body, Operation::ValidateInSet).await
}

async fn done(register: &Register, request: &Request, body: &[u8], operation: Operation) -> Response {
    let ask = match ask(request, b"") {
        Ok(ask) => ask,
        Err(response) => return *response,
    };
    let kind =
        request.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let found = match given(&ask.asked, body, kind.contains("xml")) {
        Ok(given) => in_time(operated(register, &given, operation)).await,
        Err(outcome) => Err(outcome),
    };
    answer(request, ask.media, found)
}

async fn operated(register: &Register, given: &Given, operation: Operation) -> Result<Parts, Outcome> {
    match operation {
        Operation::Lookup => looked_up(register, given).await,
        Operation::Validate => validated(register, given).await,
        Operation::Subsumes => subsumed(register, given).await,
        Operation::Expand => expanded(register, given).await,
        Operation::ValidateInSet => validated_in_set(register, given).await,
    }
}

fn unknown_system(url: &str) -> Outcome {
    let sentence = format!("The code system {} is not known here.", shown(url));
    Outcome { details: Some(sentence.clone()), ..Outcome::new(404, "not-found", sentence) }
}

async fn looked_up(register: &Register, given: &Given) -> Result<Parts, Outcome> {
    let (url, code, _) = given.coding("system").ok_or_else(|| bad("Give system and code, or a coding."))?;
    let url = url.ok_or_else(|| bad("Give the system of the code."))?;
    let system = System::of(&url).ok_or_else(|| unknown_system(&url))?;
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let version = version(&mut read).await?;
    given.demand_version(&version)?;
    let found = concept(&mut read, system, &code).await?;
    lookup_answer(system, &version, &code, found.as_ref(), &given.texts("property"))
}

async fn validated(register: &Register, given: &Given) -> Result<Parts, Outcome> {
    let (own, code, display) = given.coding("url").ok_or_else(|| bad("Give url and code, or a coding."))?;
    let url = given.text("url").map(str::to_owned).or(own.clone());
    let url = url.ok_or_else(|| bad("Give the url of the code system."))?;
    let system =
        System::of(&url).filter(|system| own.as_deref().is_none_or(|own| System::of(own) == Some(*system)));
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let version = version(&mut read).await?;
    let found = match system {
        Some(system) => {
            given.demand_version(&version)?;
            concept(&mut read, system, &code).await?
        }
        None => None,
    };
    let properties = given.texts("property");
    let (display, concept) = (display.as_deref(), found.as_ref());
    Ok(validity(&Validity {
        system,
        version: &version,
        code: &code,
        display,
        concept,
        properties: &properties,
    }))
}

async fn subsumed(register: &Register, given: &Given) -> Result<Parts, Outcome> {
    let coding =
        |name: &str| given.value(name).map(|coding| (coding["system"].as_str(), coding["code"].as_str()));
    let (one, other) = (coding("codingA"), coding("codingB"));
    let of = |coding: Option<(Option<&str>, Option<&str>)>, name: &str| {
        given.text(name).map(str::to_owned).or_else(|| coding.and_then(|coding| coding.1).map(str::to_owned))
    };
    let url = given.text("system").or_else(|| one.and_then(|one| one.0));
    let (Some(url), Some(a), Some(b)) = (url, of(one, "codeA"), of(other, "codeB")) else {
        return Err(bad("Give system, codeA and codeB."));
    };
    let system = System::of(url);
    // Whichever version of it each of them names: of versions it is asked below.
    let mut own = [one, other].into_iter().flatten().filter_map(|coding| coding.0);
    if own.any(|own| System::of(own) != system) {
        return Err(bad("The codes are of two systems, and can only be compared within one."));
    }
    let system = system.ok_or_else(|| unknown_system(url))?;
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let version = version(&mut read).await?;
    given.demand_version(&version)?;
    let mut found = Vec::with_capacity(2);
    for code in [&a, &b] {
        let one = concept(&mut read, system, code).await?;
        // Said as a look-up says it.
        lookup_answer(system, &version, code, one.as_ref(), &[])?;
        found.extend(one);
    }
    match &found[..] {
        [one, other] => Ok(subsumption(one, other)),
        _ => Err(bad("Give two codes.")),
    }
}

async fn expanded(register: &Register, given: &Given) -> Result<Parts, Outcome> {
    let set = set_of(given)?;
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let version = version(&mut read).await?;
    given.demand_version(&version)?;
    let (total, found) = members(register, &mut read, &set).await?;
    let now = register.now();
    let id = platform::id::RequestId::new(now).to_string();
    expansion(&mut read, &set, &version, &id, &moment(now), total, &found).await
}

async fn validated_in_set(register: &Register, given: &Given) -> Result<Parts, Outcome> {
    let (url, code, display) =
        given.coding("system").ok_or_else(|| bad("Give system and code, or a coding."))?;
    let set = set_of(given)?;
    let url = url.ok_or_else(|| bad("Give the system of the code."))?;
    let mut read = register.db.read().acquire().await.map_err(Error::from)?;
    let version = version(&mut read).await?;
    given.demand_version(&version)?;
    let system = System::of(&url);
    let found = match system.filter(|system| set.systems().contains(system)) {
        Some(system) => members(register, &mut read, &set.only(system, &code)).await?.1.pop(),
        None => None,
    };
    let (display, concept) = (display.as_deref(), found.as_ref().map(|member| &member.concept));
    Ok(validity(&Validity { system, version: &version, code: &code, display, concept, properties: &[] }))
}
