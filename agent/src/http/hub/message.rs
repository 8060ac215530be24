//! What a page sends, and what it gets.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use card::wire::signing::{
    self as wire, DONE, INTERNAL, MOST, NO_CERTIFICATE, PRESENCE, Payload, REQUEST_TYPE, ToSign, VERSION,
};
use pki::Certificate;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::signing::{Document, Request, SignatureAlgorithm, Signed, SigningError};

/// A call of a hub's method: the hub, the method, its arguments, and a number by which the page knows the answer.
#[derive(Deserialize)]
pub(super) struct Invocation {
    #[serde(rename = "H")]
    hub: String,
    #[serde(rename = "M")]
    method: String,
    #[serde(rename = "A", default)]
    arguments: Vec<Value>,
    #[serde(rename = "I", default)]
    id: Value,
}

impl Invocation {
    /// Reads the form, or what is in it.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let form = form_urlencoded::parse(body).find(|(key, _)| key == "data");
        match form {
            Some((_, data)) => serde_json::from_str(&data).ok(),
            None => serde_json::from_slice(body).ok(),
        }
    }

    /// The one argument of the one method.
    pub(super) fn argument(&self) -> Result<&str, &'static str> {
        if !self.hub.eq_ignore_ascii_case("signingHub") {
            return Err("The agent has no such hub.");
        }
        if !self.method.eq_ignore_ascii_case("requestToSign") {
            return Err("The hub has no such method.");
        }
        match &self.arguments[..] {
            [Value::String(argument)] => Ok(argument),
            _ => Err("The method takes one text."),
        }
    }

    /// Its number as text, as the server of `SignalR` 2 writes it.
    pub(super) fn id(&self) -> String {
        match &self.id {
            Value::String(id) => id.clone(),
            id => id.to_string(),
        }
    }
}

/// The claims of the national signature service's token that say what is to be signed.
#[derive(Deserialize)]
struct Claims {
    algorithm: String,
    payloads: Vec<Payload>,
}

/// Reads a request.
pub(super) fn request(argument: &str, origin: String) -> Result<Request, &'static str> {
    let octets = STANDARD.decode(argument).map_err(|_| "The request is not base64.")?;
    let asked: ToSign =
        serde_json::from_slice(&octets).map_err(|_| "The request is not the JSON that is expected.")?;
    if (asked.request_type, asked.version) != (REQUEST_TYPE, VERSION) {
        return Err("The request is of an unknown type or version.");
    }
    // A page of the national service hands over the token that it got, which names an algorithm of its own. The token's signature is
    // the service's to check: who may ask is decided by the page's origin, and what is signed by the holder.
    let (algorithm, payloads) = match &asked.payloads[..] {
        [only] if claims(&only.payload).is_some() => {
            let claims = claims(&only.payload).ok_or("The token cannot be read.")?;
            (claims.algorithm, claims.payloads)
        }
        _ => (asked.algorithm, asked.payloads),
    };
    if payloads.is_empty() || payloads.len() > MOST {
        return Err("A request has between 1 and 251 payloads.");
    }
    let algorithm =
        SignatureAlgorithm::of_name(&algorithm).ok_or("The agent does not sign by this algorithm.")?;
    let document = |Payload { id, payload }: Payload| {
        Some(Document { id, octets: STANDARD.decode(payload).ok()?.into_iter().collect() })
    };
    let documents: Option<Vec<Document>> = payloads.into_iter().map(document).collect();
    Ok(Request { origin, algorithm, documents: documents.ok_or("A payload is not base64.")? })
}

fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// What the holder is asked.
pub(super) fn question(request: &Request, certificate: &Certificate) -> String {
    let is_document = |document: &&Document| !document.octets.starts_with(PRESENCE.as_bytes());
    let count = match request.documents.iter().filter(is_document).count() {
        0 => "no document, but that you are here".to_owned(),
        1 => "1 document".to_owned(),
        count => format!("{count} documents"),
    };
    let holder = certificate.common_name().unwrap_or_default();
    format!(
        "{} asks for your signature on {count}.\nEnter the passcode of the smartcard of {holder} to sign.",
        request.origin
    )
}

/// What a page gets where nothing was signed.
fn refused(status_code: u32, words: &str, now_ms: i64) -> wire::Signed {
    let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_ms) * 1_000_000);
    let timestamp = now.ok().and_then(|now| now.format(&Rfc3339).ok()).unwrap_or_default();
    let status_string = if status_code == DONE { "OK" } else { "ERROR" };
    wire::Signed {
        certificate: String::new(),
        status_code,
        status_string: status_string.to_owned(),
        message: words.to_owned(),
        timestamp,
        signatures: Vec::new(),
        failed_signatures: Vec::new(),
    }
}

pub(super) fn internal(words: &str, now_ms: i64) -> wire::Signed {
    refused(INTERNAL, words, now_ms)
}

pub(super) fn failed(error: &SigningError, now_ms: i64) -> wire::Signed {
    let code = if matches!(error, SigningError::NoCard) { NO_CERTIFICATE } else { INTERNAL };
    refused(code, &error.to_string(), now_ms)
}

/// What was signed, and what was not. Only a whole batch is a success: a page that looks at the code alone must not take part of it
/// for all.
pub(super) fn signed(certificate: &Certificate, signed: Signed, now_ms: i64) -> wire::Signed {
    let said = match &signed.failed {
        None => refused(DONE, "", now_ms),
        Some((_, error)) => failed(error, now_ms),
    };
    let signature =
        |(id, octets): (String, Vec<u8>)| wire::Signature { id, signature: STANDARD.encode(octets) };
    let unsigned = signed.failed.into_iter().flat_map(|(ids, _)| ids);
    wire::Signed {
        certificate: STANDARD.encode(certificate.der()),
        signatures: signed.signatures.into_iter().map(signature).collect(),
        failed_signatures: unsigned.map(|id| signature((id, Vec::new()))).collect(),
        ..said
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(value: &Value) -> Result<Request, &'static str> {
        request(&STANDARD.encode(value.to_string()), "https://a.example".to_owned())
    }

    fn plain(algorithm: &str, payloads: &Value) -> Value {
        json!({ "algorithm": algorithm, "requestType": 1, "version": 1, "flags": 0, "payloads": payloads })
    }

    /// A request names what is to be signed, by itself or in a token; the token's algorithm counts.
    #[test]
    fn requests_are_read() {
        let read = asked(&plain("RS256", &json!([{ "id": "1", "payload": "AQI=" }])))
            .unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((read.documents.len(), &read.documents[0].octets[..]), (1, &[1, 2][..]));
        let claims = json!({ "algorithm": "ES256", "payloads": [{ "id": "a", "payload": "AQ==" }, { "id": "b", "payload": "Ag==" }] });
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let read = asked(&plain("RS1", &json!([{ "id": "x", "payload": token }])))
            .unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(read.algorithm, SignatureAlgorithm::Es256);
        let ids: Vec<_> = read.documents.iter().map(|document| &document.id[..]).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    /// SHA-1, nothing, too much and rubbish are refused.
    #[test]
    fn other_requests_are_refused() {
        let one = json!([{ "id": "1", "payload": "AQI=" }]);
        let many: Value = (0..252).map(|id| json!({ "id": id.to_string(), "payload": "AQI=" })).collect();
        let mut version = plain("RS256", &one);
        version["version"] = 2.into();
        let rubbish = json!([{ "id": "1", "payload": "no base64" }]);
        for bad in [
            plain("RS1", &one),
            plain("RS256", &json!([])),
            plain("RS256", &many),
            version,
            plain("RS256", &rubbish),
            json!({}),
        ] {
            assert!(asked(&bad).is_err(), "{bad}");
        }
        assert!(request("%", String::new()).is_err());
    }

    /// A call is read from its form; another hub, method or argument is named as such.
    #[test]
    fn calls_are_read() {
        let call = |data: &str| {
            let form: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("data", data).finish();
            Invocation::parse(form.as_bytes())
        };
        let good = call(r#"{"H":"signinghub","M":"requestToSign","A":["x"],"I":7}"#).unwrap();
        assert_eq!((good.argument(), good.id()), (Ok("x"), "7".to_owned()));
        for bad in [
            r#"{"H":"other","M":"requestToSign","A":["x"]}"#,
            r#"{"H":"signingHub","M":"other","A":["x"]}"#,
            r#"{"H":"signingHub","M":"requestToSign","A":[]}"#,
        ] {
            assert!(call(bad).unwrap().argument().is_err(), "{bad}");
        }
        assert!(call("{").is_none());
    }
}
