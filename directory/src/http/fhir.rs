//! What the routes of the faces over FHIR share: who asks and how, and how is answered.

use axum::response::{IntoResponse as _, Response};
use http::request::Parts as Request;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, StatusCode, header};
use platform::caller::{Act, Caller};
use platform::problem::Problem;

use super::headers::together;
use crate::fhir::kit::{Asked, Media, Outcome, Parts, Shape, media, shown};
pub(super) use crate::fhir::kit::{LARGEST, too_large};
use crate::register::Register;

/// How a request is known.
pub(super) const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");

/// Who asks; nobody unknown does.
pub(super) fn caller(request: &Request) -> Result<&Caller, Problem> {
    Caller::of(&request.extensions)
}

/// Goes on if whoever asks may do this.
pub(super) fn demand(request: &Request, act: Act) -> Result<(), Problem> {
    caller(request)?.may(act)
}

/// Who asks for something that is beside the models, if there is anything beside them here and they may do this.
pub(super) fn beside(register: &Register, request: &Request, act: Act) -> Result<Caller, Outcome> {
    if register.config.strict {
        return Err(Outcome::new(404, "not-found", "There is nothing at this address."));
    }
    let caller = caller(request)?;
    caller.may(act)?;
    Ok(caller.clone())
}

/// What was asked for cannot be read, or is not there to be asked for.
pub(super) fn bad(sentence: impl Into<String>) -> Outcome {
    Outcome::new(400, "invalid", sentence)
}

/// Where this server is reached by whoever asks.
pub(super) fn origin(request: &Request) -> String {
    // RFC 9112 3.2.2, RFC 9113 8.3.1: what the request is sent to counts, with its port; over HTTP/2 there is nothing else.
    let sent_to = request.uri.authority().map(Authority::as_str);
    let host = || request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let place = sent_to.or_else(host).unwrap_or("localhost");
    // RFC 9110 4.2.4: nobody's name or password is sent on.
    format!("https://{}", place.rsplit_once('@').map_or(place, |(_, place)| place))
}

/// The parameters of the query and of a form.
pub(super) fn asked(request: &Request, form: &[u8]) -> Result<Asked, Outcome> {
    let asked = Asked::read(request.uri.query().unwrap_or_default(), form);
    let has_nul = |text: &str| text.contains('\0');
    match asked.0.iter().find(|one| has_nul(&one.value) || has_nul(&one.whole())) {
        None => Ok(asked),
        Some(one) => {
            let sentence = format!("'{}' holds the character NUL, which no text has.", shown(&one.name));
            Err(Outcome::new(400, "invalid", sentence))
        }
    }
}

/// In which form is answered.
pub(super) fn form(request: &Request, asked: &Asked, there: &'static [Media]) -> Option<Media> {
    let accept = together(&request.headers, &header::ACCEPT);
    media(there, accept.as_deref(), asked.last("_format"))
}

/// Whether parameters that are not known are to be refused, if the client says.
pub(super) fn handling(request: &Request) -> Option<bool> {
    let prefer = together(&request.headers, &HeaderName::from_static("prefer"))?;
    let mut parts = prefer.split([',', ';']).map(str::trim);
    parts.find_map(|part| match part {
        "handling=strict" => Some(true),
        "handling=lenient" => Some(false),
        _ => None,
    })
}

/// The address of a search, with some of its parameters in place of others of these names.
pub(super) fn link(request: &Request, asked: &Asked, instead: &[(&str, Option<&str>)]) -> String {
    let path = request.uri.path();
    let path = path.strip_suffix("/_search").unwrap_or(path);
    let mut query = form_urlencoded::Serializer::new(String::new());
    for one in asked.0.iter().filter(|one| instead.iter().all(|(name, _)| *name != one.name)) {
        query.append_pair(&one.whole(), &one.value);
    }
    for (name, value) in instead {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{path}{mark}{query}", origin(request))
}

/// A resource as an answer, unless it is larger than any is in the form in which it is told.
pub(super) fn response(request: &Request, status: u16, media: Media, resource: &Parts) -> Response {
    let body = if media.is_xml { resource.xml() } else { resource.json() };
    if status < 400 && body.len() > LARGEST {
        let outcome = too_large();
        return response(request, outcome.status, media, &outcome.narrated());
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = (status, [(header::CONTENT_TYPE, media.name)], body).into_response();
    known(request, response)
}

/// An answer without a body.
pub(super) fn empty(request: &Request, status: StatusCode) -> Response {
    known(request, status.into_response())
}

/// The answer with the id by which the client knows the request.
fn known(request: &Request, mut response: Response) -> Response {
    if let Some(known) = request.headers.get(&CORRELATION) {
        response.headers_mut().insert(CORRELATION, known.clone());
    }
    response
}

/// Whether a tag is among those that the client sent.
pub(super) fn has(sent: Option<&str>, tag: &str) -> bool {
    let plain = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    sent.is_some_and(|sent| sent.split(',').any(|one| one.trim() == "*" || plain(one) == plain(tag)))
}

/// One resource with its entity tag, and what is wanted of it; nothing of it where the client has it (RFC 9110 13.1.2).
pub(super) fn read(request: &Request, media: Media, whole: Parts, shape: &Shape) -> Response {
    let tag = whole.tag();
    let has = has(together(&request.headers, &header::IF_NONE_MATCH).as_deref(), &tag);
    let mut response = if has {
        empty(request, StatusCode::NOT_MODIFIED)
    } else {
        response(request, 200, media, &shape.of(whole))
    };
    if let (false, Ok(tag)) = (response.status().is_client_error(), HeaderValue::try_from(tag)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, headers: &[(&'static str, &str)]) -> Request {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).map(|request| request.into_parts().0).unwrap()
    }

    /// Links keep what was asked for, and have what is put in its place.
    #[test]
    fn links_lead_on() {
        let request = request("/a/B/_search?name:exact=x%20y&_cursor=1", &[("host", "h")]);
        let asked = asked(&request, b"_count=2").unwrap();
        assert_eq!(link(&request, &asked, &[]), "https://h/a/B?name%3Aexact=x+y&_cursor=1&_count=2");
        assert_eq!(
            link(&request, &asked, &[("_cursor", Some("3")), ("_count", None)]),
            "https://h/a/B?name%3Aexact=x+y&_cursor=3"
        );
        assert_eq!(super::asked(&request, b"a=%00").unwrap_err().status, 400);
    }

    /// Addresses lead back to what the request was sent to, with its port, whichever way HTTP says it.
    #[test]
    fn addresses_lead_back() {
        let host: &[(&str, &str)] = &[("host", "h:8443")];
        let none = &host[..0];
        for (target, headers, expected) in [
            ("/a", host, "https://h:8443"),
            ("https://h:8443/a", none, "https://h:8443"),
            ("https://h/a", none, "https://h"),
            ("https://[2001:db8::1]:8443/a", none, "https://[2001:db8::1]:8443"),
            ("https://other:8444/a", host, "https://other:8444"),
            ("https://me:secret@other:8444/a", host, "https://other:8444"),
            ("/a", none, "https://localhost"),
        ] {
            let request = request(target, headers);
            let asked = asked(&request, b"").unwrap();
            assert_eq!(origin(&request), expected, "{target}");
            assert_eq!(link(&request, &asked, &[]), format!("{expected}/a"), "{target}");
        }
    }

    /// A client that has a resource gets nothing of it; how strictly it is read, the client says.
    #[test]
    fn headers_are_read() {
        let whole = crate::fhir::kit::resource("Basic").with("id", "1");
        let media = crate::fhir::kit::ONLY_JSON[0];
        let status = |tag: &str| {
            let request = request("/", &[("if-none-match", tag)]);
            read(&request, media, whole.clone(), &Shape::default()).status()
        };
        let tag = whole.tag();
        assert_eq!(
            (status(&tag), status("*"), status("\"other\"")),
            (StatusCode::NOT_MODIFIED, StatusCode::NOT_MODIFIED, StatusCode::OK)
        );
        assert_eq!(status(&format!("\"x\", {}", tag.trim_start_matches("W/"))), StatusCode::NOT_MODIFIED);
        let prefer = |text: &str| handling(&request("/", &[("prefer", text)]));
        assert_eq!(
            (prefer("return=minimal; handling=strict"), prefer("handling=lenient"), prefer("wait=1")),
            (Some(true), Some(false), None)
        );
    }

    /// An answer that is too large is none, in the form in which it is: what is escaped is larger in XML.
    #[test]
    fn large_answers_are_refused() {
        let whole = crate::fhir::kit::resource("Basic").with("id", "1").with("code", "<".repeat(LARGEST / 2));
        let told = |media| {
            let response = read(&request("/", &[]), media, whole.clone(), &Shape::default());
            (response.status(), response.headers().contains_key(header::ETAG))
        };
        let [json, xml] = [false, true].map(|is_xml| {
            *crate::fhir::kit::JSON_AND_XML.iter().find(|media| media.is_xml == is_xml).unwrap()
        });
        assert_eq!(told(json), (StatusCode::OK, true));
        assert_eq!(told(xml), (StatusCode::UNPROCESSABLE_ENTITY, false));
    }
}
