//! Text messages by a program of somebody else's, to which they are posted signed.
//!
//! The request is a webhook as <https://www.standardwebhooks.com> writes them, so that receivers need not be written anew:
//! `webhook-id`, `webhook-timestamp` in seconds, and `webhook-signature`, `v1,` and the base64 of HMAC-SHA256 over
//! `id.timestamp.body`. The id is the message's, the same at each try.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use zeroize::Zeroizing;

use super::carrier::Outcome;
use super::config::{Error, HookConfig, secret};
use super::store::Due;

/// A program that sends text messages.
#[derive(Clone)]
pub(super) struct Hook {
    url: String,
    key: Arc<hmac::Key>,
    http: reqwest::Client,
}

impl Hook {
    /// Reads the secret and the anchors. No connection is made yet.
    pub(super) fn open(config: &HookConfig) -> Result<Self, Error> {
        let text = secret(&config.secret)?;
        let mut key = Zeroizing::new([0; 32]);
        if hex::decode_to_slice(text.as_str(), key.as_mut()).is_err() {
            let sentence = "it does not hold 64 digits in hexadecimal".to_owned();
            return Err(Error::File { file: config.secret.clone(), sentence });
        }
        let mut http = reqwest::Client::builder()
            .timeout(Duration::from_secs(config.time_out_seconds.into()))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(anchors) = &config.anchors {
            http = http.tls_backend_preconfigured(crate::tls::trusting(anchors)?);
        }
        let http = http.build().map_err(|error| Error::setting("text.url", error.to_string()))?;
        let key = Arc::new(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()));
        Ok(Self { url: config.url.clone(), key, http })
    }

    /// One try.
    pub(super) async fn send(&self, due: &Due) -> Outcome {
        let body = body(due);
        let at = due.sent_at.seconds().to_string();
        let sent = self
            .http
            .post(&self.url)
            .header(http::header::CONTENT_TYPE, "application/json")
            .header("webhook-id", due.id.as_str())
            .header("webhook-timestamp", &at)
            .header("webhook-signature", signature(&self.key, due.id.as_str(), &at, &body))
            .body(body)
            .send()
            .await;
        match sent.map(|response| response.status().as_u16()) {
            Ok(status @ 200..=299) => Outcome::Taken(format!("status {status}")),
            // It will not send this one, whenever it is asked.
            Ok(status @ (400 | 413 | 422)) => Outcome::Refused(format!("status {status}")),
            Ok(status) => Outcome::Failed(format!("status {status}")),
            Err(error) if error.is_timeout() => Outcome::Failed("no answer in time".to_owned()),
            Err(_) => Outcome::Failed("no connection could be made".to_owned()),
        }
    }
}

fn body(due: &Due) -> String {
    json!({
        "type": "text-message",
        "id": due.id.as_str(),
        "to": due.address,
        "text": due.text,
        // Later it is of no use.
        "until": due.until.seconds(),
    })
    .to_string()
}

fn signature(key: &hmac::Key, id: &str, at: &str, body: &str) -> String {
    let tag = hmac::sign(key, format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification of these webhooks comes out as it stands there.
    #[test]
    fn signatures_are_those_of_the_specification() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
