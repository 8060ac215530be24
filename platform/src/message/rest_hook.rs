//! Telling a program of somebody else's that something has changed: a POST with nothing in it, as FHIR R4 has it for subscriptions by
//! rest-hook without a payload, and with the headers that whoever asked for it gave.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::MessageId;
use super::carrier::Outcome;
use super::config::{Error, RestHookConfig};
use super::key::Opener;
use super::store::Due;

/// Headers that were encrypted once for all messages of a kind, and go with each.
#[derive(Deserialize)]
struct Attached {
    /// For what they were encrypted.
    id: MessageId,
    /// What was encrypted, base64.
    sealed: String,
}

/// What a message says that goes with headers which were encrypted for this id ([`super::sealed`]).
pub fn attached(id: &MessageId, sealed: &[u8]) -> String {
    serde_json::json!({ "id": id.as_str(), "sealed": STANDARD.encode(sealed) }).to_string()
}

/// Opens them; nothing where they are none, or were encrypted for something else.
pub(super) fn opened(opener: &Opener, text: &str) -> Option<String> {
    let attached: Attached = serde_json::from_str(text).ok()?;
    let sealed = STANDARD.decode(attached.sealed).ok()?;
    opener.open(&attached.id, &sealed).ok()
}

/// What posts to programs of others.
#[derive(Clone)]
pub(super) struct RestHook {
    http: reqwest::Client,
}

impl RestHook {
    /// Reads the anchors. No connection is made yet.
    pub(super) fn open(config: &RestHookConfig) -> Result<Self, Error> {
        let mut http = reqwest::Client::builder()
            .timeout(Duration::from_secs(config.time_out_seconds.into()))
            .redirect(reqwest::redirect::Policy::none())
            .https_only(true)
            .no_proxy();
        if let Some(anchors) = &config.anchors {
            http = http.tls_backend_preconfigured(crate::tls::trusting(anchors)?);
        }
        let http = http.build().map_err(|error| Error::setting("rest_hooks", error.to_string()))?;
        Ok(Self { http })
    }

    /// One try.
    pub(super) async fn send(&self, due: &Due) -> Outcome {
        let Some(headers) = headers(&due.text) else {
            return Outcome::Refused("its headers do not read".to_owned());
        };
        let sent = self.http.post(&due.address).headers(headers).send().await;
        match sent.map(|response| response.status().as_u16()) {
            Ok(status @ 200..=299) => Outcome::Taken(format!("status {status}")),
            // It is there no more, and will not be again. RFC 9110 15.5.11
            Ok(410) => Outcome::Refused("status 410".to_owned()),
            Ok(status) => Outcome::Failed(format!("status {status}")),
            Err(error) if error.is_builder() => Outcome::Refused("the address is no https".to_owned()),
            Err(error) if error.is_timeout() => Outcome::Failed("no answer in time".to_owned()),
            Err(_) => Outcome::Failed("no connection could be made".to_owned()),
        }
    }
}

/// The headers, none of which is told in a log.
fn headers(text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    if text.is_empty() {
        return Some(headers);
    }
    for (name, value) in serde_json::from_str::<Vec<(String, String)>>(text).ok()? {
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;
    use crate::message::NewKey;
    use crate::message::key::encrypt;

    /// Headers open for what they were encrypted for and with its key; what is none is never sent.
    #[test]
    fn headers_go_with_messages() {
        let (made, other) = (NewKey::generate().unwrap(), NewKey::generate().unwrap());
        let (id, another) = (MessageId::new(Millis(1)), MessageId::new(Millis(2)));
        let text = r#"[["authorization","Bearer x"]]"#;
        let sealed = encrypt(&made.public, &id, text).unwrap();
        let opener = Opener::new(&made.private).unwrap();
        assert_eq!(opened(&opener, &attached(&id, &sealed)).as_deref(), Some(text));
        assert_eq!(opened(&opener, &attached(&another, &sealed)), None);
        assert_eq!(opened(&Opener::new(&other.private).unwrap(), &attached(&id, &sealed)), None);
        assert_eq!(opened(&opener, text), None);
        assert_eq!(headers(text).unwrap()["authorization"], "Bearer x");
        assert!(headers("").unwrap().is_empty());
        for bad in ["x", r#"[["a b","c"]]"#, r#"[["a","b\nc"]]"#, r#"[["a"]]"#] {
            assert!(headers(bad).is_none(), "{bad}");
        }
    }
}
