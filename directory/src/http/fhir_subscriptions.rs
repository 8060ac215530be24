//! Subscriptions by rest-hook as routes: made, shown and ended by whose they are.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::request::Parts as Request;
use http::{HeaderName, HeaderValue, StatusCode, header};
use platform::caller::Caller;
use platform::clock::Millis;
use platform::message::{self, MessageId};
use platform::web::{Path, Raw};
use serde::Deserialize;
use serde_json::json;
use utoipa::OpenApi;

use super::fhir_face::Face;
use super::{fhir, fhir_described};
use crate::api::SUBSCRIBE;
use crate::day::moment;
use crate::error::Error;
use crate::fhir::FhirEvent;
use crate::fhir::kit::{Outcome, Parts, parts, resource, shown};
use crate::fhir::subscriptions::{Criteria, end};
use crate::register::Register;
use crate::span::Span;
use crate::store::subscriptions::{self as store, Place, Subscription};
use crate::touched;

/// How many subscriptions an application has at most.
const MOST: i64 = 20;
/// For how long programs are told at most, and where they say no end.
const LASTS: std::time::Duration = std::time::Duration::from_hours(24 * 366);
/// How many headers go with a message at most, and how long each may be, in octets.
const HEADERS: (usize, usize) = (5, 2000);
/// The longest reason, in octets.
const REASON: usize = 500;

pub(super) fn router() -> Router<Register> {
    Router::new()
        .route("/spine-directory/FHIR/R4/Subscription", get(subscriptions).post(subscribe))
        .route("/spine-directory/FHIR/R4/Subscription/{id}", get(subscription).delete(unsubscribe))
        .route("/healthcare-worker/FHIR/R4/Subscription", get(subscriptions).post(subscribe))
        .route("/healthcare-worker/FHIR/R4/Subscription/{id}", get(subscription).delete(unsubscribe))
        .route("/organisation-data-terminology-api/fhir/Subscription", get(subscriptions).post(subscribe))
        .route(
            "/organisation-data-terminology-api/fhir/Subscription/{id}",
            get(subscription).delete(unsubscribe),
        )
}

#[derive(OpenApi)]
#[openapi(paths(subscriptions, subscribe, subscription, unsubscribe))]
struct Document;

/// The routes as OpenAPI, of every face.
pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    fhir_described::on_every_face(&mut document);
    document
}

/// One's own subscriptions to what the API tells. For callers with `directory:subscribe`.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/Subscription", tag = "healthcare-worker",
    responses((status = 200, description = "A Bundle of Subscription"))
)]
pub(super) async fn subscriptions(
    State(register): State<Register>,
    face: Face,
    request: Request,
) -> Response {
    answer(&register, &request, face, list(&register, &request, face).await)
}

/// Asks to be told when something changes: a POST without content to an address that the operator allows. For callers with `directory:subscribe` and the
/// right to read what is meant.
#[utoipa::path(
    post, path = "/healthcare-worker/FHIR/R4/Subscription", tag = "healthcare-worker",
    request_body(content = String, content_type = "application/fhir+json",
        description = "Subscription with `reason`, `criteria`, and a `channel` of the type `rest-hook` without `payload`"),
    responses((status = 201, description = "Subscription; Location says where it is"))
)]
pub(super) async fn subscribe(
    State(register): State<Register>,
    face: Face,
    request: Request,
    Raw(body): Raw,
) -> Response {
    make(&register, &request, face, &body).await
}

/// One's own subscription, and whether it has failed. For callers with `directory:subscribe`.
#[utoipa::path(
    get, path = "/healthcare-worker/FHIR/R4/Subscription/{id}", tag = "healthcare-worker",
    params(("id" = String, Path, description = "As Location had it")),
    responses((status = 200, description = "Subscription"))
)]
pub(super) async fn subscription(
    State(register): State<Register>,
    face: Face,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let found = own(&register, &request, face, &id).await.map(|(_, one)| told(&one));
    answer(&register, &request, face, found)
}

/// Ends one's own subscription. For callers with `directory:subscribe`.
#[utoipa::path(
    delete, path = "/healthcare-worker/FHIR/R4/Subscription/{id}", tag = "healthcare-worker",
    params(("id" = String, Path, description = "As Location had it")),
    responses((status = 204, description = "It is ended, and nothing that waited is sent any more"))
)]
pub(super) async fn unsubscribe(
    State(register): State<Register>,
    face: Face,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    erase(&register, &request, face, &id).await
}

fn answer(register: &Register, request: &Request, face: Face, found: Result<Parts, Outcome>) -> Response {
    match found {
        Ok(whole) => shaped(request, face, 200, &whole),
        Err(outcome) => face.refused(register, request, &outcome),
    }
}

fn shaped(request: &Request, face: Face, status: u16, whole: &Parts) -> Response {
    let asked = fhir::asked(request, b"").unwrap_or_default();
    let forms = face.forms();
    let media = fhir::form(request, &asked, forms).unwrap_or(forms[0]);
    fhir::response(request, status, media, whole)
}

/// A subscription as FHIR has it (FHIR R4, Subscription). Its headers are shown to nobody.
fn told(one: &Subscription) -> Parts {
    let channel = parts().with("type", "rest-hook").with("endpoint", &one.endpoint);
    resource("Subscription")
        .with("id", &one.id)
        .with("status", if one.error.is_some() { "error" } else { "active" })
        .with("end", moment(one.until))
        .with("reason", &one.reason)
        .with("criteria", &one.criteria)
        .with("error", one.error.as_ref())
        .with("channel", channel)
}

async fn list(register: &Register, request: &Request, face: Face) -> Result<Parts, Outcome> {
    let caller = fhir::beside(register, request, SUBSCRIBE)?;
    let own = store::of_caller(register.db.read(), caller.client.as_str(), face.word()).await?;
    let base = format!("{}{}", fhir::origin(request), face.base());
    let entry = |one: &Subscription| {
        parts()
            .with("fullUrl", format!("{base}/Subscription/{}", one.id))
            .with("resource", told(one))
            .with("search", parts().with("mode", "match"))
    };
    Ok(resource("Bundle")
        .with("type", "searchset")
        .with("total", i64::try_from(own.len()).unwrap_or(i64::MAX))
        .with("entry", own.iter().map(entry).collect::<Vec<_>>()))
}

/// Somebody's own subscription to this face.
async fn own(
    register: &Register,
    request: &Request,
    face: Face,
    id: &str,
) -> Result<(Caller, Subscription), Outcome> {
    let caller = fhir::beside(register, request, SUBSCRIBE)?;
    let found = store::find(register.db.read(), id).await?;
    let own = found.filter(|one| one.caller == caller.client.as_str() && one.face == face.word());
    let unknown = || Outcome::new(404, "not-found", format!("There is no Subscription {}.", shown(id)));
    Ok((caller, own.ok_or_else(unknown)?))
}

async fn erase(register: &Register, request: &Request, face: Face, id: &str) -> Response {
    match erased(register, request, face, id).await {
        Ok(()) => fhir::empty(request, StatusCode::NO_CONTENT),
        Err(outcome) => face.refused(register, request, &outcome),
    }
}

async fn erased(register: &Register, request: &Request, face: Face, id: &str) -> Result<(), Outcome> {
    let (caller, one) = own(register, request, face, id).await?;
    let (actor, now) = (audit::Actor::from(&caller), register.now());
    let ended: Result<bool, Error> = register
        .db
        .write(move |tx| Box::pin(async move { end(tx, &one.id, "deleted", &actor, now).await }))
        .await;
    // If it was gone meanwhile, it is ended all the same.
    ended?;
    Ok(())
}

async fn make(register: &Register, request: &Request, face: Face, body: &[u8]) -> Response {
    match made(register, request, face, body).await {
        Ok(one) => {
            let mut response = shaped(request, face, 201, &told(&one));
            let address = format!("{}{}/Subscription/{}", fhir::origin(request), face.base(), one.id);
            if let Ok(address) = HeaderValue::try_from(address) {
                response.headers_mut().insert(header::LOCATION, address);
            }
            response
        }
        Err(outcome) => face.refused(register, request, &outcome),
    }
}

/// A subscription as it is sent: what it may hold besides counts for nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    resource_type: String,
    status: Option<String>,
    end: Option<String>,
    reason: Option<String>,
    criteria: Option<String>,
    channel: Option<Channel>,
}

#[derive(Deserialize)]
struct Channel {
    #[serde(rename = "type")]
    kind: Option<String>,
    endpoint: Option<String>,
    payload: Option<String>,
    #[serde(default)]
    header: Vec<String>,
}

/// What is asked for, after it was looked at.
struct Wish {
    reason: String,
    criteria: String,
    endpoint: String,
    headers: Vec<(String, String)>,
    until: Millis,
}

fn read(register: &Register, face: Face, body: &[u8]) -> Result<Wish, Outcome> {
    let sent: Sent = serde_json::from_slice(body)
        .map_err(|_| fhir::bad("The body is no Subscription in JSON (application/fhir+json)."))?;
    if sent.resource_type != "Subscription" {
        return Err(fhir::bad("The resource is no Subscription."));
    }
    if !matches!(sent.status.as_deref(), Some("requested" | "active")) {
        return Err(fhir::bad("status is `requested`."));
    }
    let reason = sent.reason.filter(|reason| (1..=REASON).contains(&reason.trim().len()));
    let reason = reason.ok_or_else(|| fhir::bad(format!("reason says why, in {REASON} octets at most.")))?;
    let criteria = sent.criteria.ok_or_else(|| fhir::bad("criteria are missing."))?;
    if Criteria::read(&criteria)?.base() != face.base() {
        return Err(fhir::bad("criteria are a search of another API: ask there."));
    }
    let channel = sent.channel.ok_or_else(|| fhir::bad("channel is missing."))?;
    if channel.kind.as_deref() != Some("rest-hook") {
        return Err(fhir::bad("channel.type is `rest-hook`."));
    }
    if channel.payload.is_some() {
        return Err(fhir::bad(
            "channel.payload is left out: nothing is sent but that something has changed. Ask what it is.",
        ));
    }
    let endpoint = channel.endpoint.unwrap_or_default();
    if !register.config.may_tell(&endpoint) {
        let sentence = "channel.endpoint is not below an address that this server may tell. The operator allows it: \
                        [directory] subscription_targets.";
        return Err(Outcome::new(422, "business-rule", sentence));
    }
    let headers = headers(&channel.header)?;
    Ok(Wish { reason, criteria, endpoint, headers, until: until(register.now(), sent.end.as_deref())? })
}

fn until(now: Millis, end: Option<&str>) -> Result<Millis, Outcome> {
    let latest = now.plus(LASTS);
    let Some(end) = end else { return Ok(latest) };
    let from = Span::read(&format!("ge{end}")).and_then(|span| span.from);
    let fits = from.filter(|from| now < *from && *from <= latest);
    fits.ok_or_else(|| fhir::bad("end is a moment with its zone, to come, and a year from now at most."))
}

/// The headers that go with each message: those by which whoever sends is known, and none that say how it is sent.
fn headers(sent: &[String]) -> Result<Vec<(String, String)>, Outcome> {
    let wrong = || {
        fhir::bad(format!(
            "channel.header has {} headers at most, as in `Authorization: Bearer …`: Authorization, or one that begins with X-, \
             of {} octets at most.",
            HEADERS.0, HEADERS.1
        ))
    };
    if sent.len() > HEADERS.0 {
        return Err(wrong());
    }
    let header = |text: &String| {
        let (name, value) = text.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = value.trim();
        let is_one = name == header::AUTHORIZATION || name.as_str().starts_with("x-");
        let fits = text.len() <= HEADERS.1 && value.is_ascii() && HeaderValue::from_str(value).is_ok();
        (is_one && fits).then(|| (name.as_str().to_owned(), value.to_owned()))
    };
    sent.iter().map(|text| header(text).ok_or_else(wrong)).collect()
}

/// Stores a subscription with its event.
async fn made(
    register: &Register,
    request: &Request,
    face: Face,
    body: &[u8],
) -> Result<Subscription, Outcome> {
    let caller = fhir::beside(register, request, SUBSCRIBE)?;
    let wish = read(register, face, body)?;
    // Whoever may not read what is meant learns nothing of when it changes.
    caller.may(Criteria::read(&wish.criteria)?.reads())?;
    let now = register.now();
    let id = MessageId::new(now);
    let mut new = Subscription {
        id: id.to_string(),
        caller: caller.client.to_string(),
        face: face.word().to_owned(),
        reason: wish.reason,
        criteria: wish.criteria,
        endpoint: wish.endpoint,
        sealed: None,
        error: None,
        place: Place { after: 0, day: register.today() },
        is_told: false,
        made_at: now,
        until: wish.until,
    };
    let headers = if wish.headers.is_empty() { None } else { Some(json!(wish.headers).to_string()) };
    let event = FhirEvent::SubscriptionMade { subscription: new.id.clone(), endpoint: new.endpoint.clone() };
    let actor = audit::Actor::from(&caller);
    let stored: Result<Option<Subscription>, Error> = register
        .db
        .write(move |tx| {
            Box::pin(async move {
                if store::count(tx, &new.caller).await? >= MOST {
                    return Ok(None);
                }
                if let Some(headers) = headers {
                    new.sealed = message::sealed(tx, &id, &headers).await?;
                    if new.sealed.is_none() {
                        return Err(keyless());
                    }
                }
                // What changes after this is told.
                new.place.after = touched::kept(&mut *tx).await?.last;
                store::insert(tx, &new).await?;
                audit::record(tx, now, &actor, &event).await?;
                Ok(Some(new))
            })
        })
        .await;
    let sentence = || format!("You have {MOST} subscriptions already. End one with DELETE.");
    stored?.ok_or_else(|| Outcome::new(422, "business-rule", sentence()))
}

/// Headers lie in the database encrypted, or not at all.
fn keyless() -> Error {
    let sentence = "This server has no key under which channel.header could be kept secret: it needs a token. Leave it out.";
    Error::Conflict { code: "message-key-none", sentence: sentence.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers say who sends, and nothing of how; an end is to come, and not for ever.
    #[test]
    fn headers_and_ends_are_bounded() {
        let read = |text: &str| headers(&[text.to_owned()]).ok().and_then(|mut all| all.pop());
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(read("Authorization: Bearer a:b"), pair("authorization", "Bearer a:b"));
        assert_eq!(read("X-Key:1"), pair("x-key", "1"));
        for bad in [
            "Host: x",
            "Content-Length: 0",
            "Transfer-Encoding: chunked",
            "x",
            "X-A: a\nX-B: b",
            "X A: b",
            "X-A: é",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(&format!("X-A: {}", "a".repeat(HEADERS.1))), None);
        assert!(headers(&vec!["X-A: a".to_owned(); HEADERS.0 + 1]).is_err());
        let now = Millis(1_795_540_800_000);
        assert_eq!(until(now, None).ok(), Some(now.plus(LASTS)));
        assert_eq!(until(now, Some("2026-11-25T00:00:00Z")).ok().map(|at| at > now), Some(true));
        for bad in ["2026-11-23T00:00:00Z", "2029-01-01T00:00:00Z", "soon"] {
            assert!(until(now, Some(bad)).is_err(), "{bad}");
        }
    }
}
