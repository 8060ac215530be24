//! As little of an ACME client as one validation needs.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{External, Running};

/// A client with a key, and with an account once it has registered.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    key: EcdsaKeyPair,
    kid: Option<String>,
}

impl Client {
    pub(crate) async fn registered(running: &Running, external: &External) -> Client {
        let root = std::fs::read(running.site.root()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&root).unwrap()])
            .no_proxy()
            .build()
            .unwrap();
        let base = format!("https://localhost:{}", running.site.base);
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let mut client = Client { http, base, key, kid: None };
        let url = format!("{}/acme/new-account", client.base);
        let header = json!({"alg": "HS256", "kid": external.kid, "url": url});
        let (protected, payload) = (b64(header.to_string()), b64(client.jwk().to_string()));
        let secret = URL_SAFE_NO_PAD.decode(&external.hmac).unwrap();
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let mac = hmac::sign(&secret, format!("{protected}.{payload}").as_bytes());
        let binding = json!({"protected": protected, "payload": payload, "signature": b64(mac)});
        let (location, _) = client.post(&url, &json!({"externalAccountBinding": binding}).to_string()).await;
        client.kid = Some(location);
        client
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)})
    }

    /// RFC 7638.
    pub(crate) fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        b64(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
    }

    /// Sends a payload, and answers the location and what came.
    pub(crate) async fn post(&self, url: &str, payload: &str) -> (String, Value) {
        let header = |answer: &reqwest::Response, name: &str| {
            answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let nonce = self.http.head(format!("{}/acme/new-nonce", self.base)).send().await.unwrap();
        let mut protected = json!({"alg": "ES256", "nonce": header(&nonce, "replay-nonce"), "url": url});
        match &self.kid {
            Some(kid) => protected["kid"] = kid.clone().into(),
            None => protected["jwk"] = self.jwk(),
        }
        let (protected, payload) = (b64(protected.to_string()), b64(payload));
        let input = format!("{protected}.{payload}");
        let signature = self.key.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        let jws = json!({"protected": protected, "payload": payload, "signature": b64(signature)});
        let request = self.http.post(url).header("content-type", "application/jose+json");
        let answer = request.body(jws.to_string()).send().await.unwrap();
        let (status, location) = (answer.status(), header(&answer, "location"));
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default();
        assert!(status.is_success(), "{url}: {status} {body}");
        (location, body)
    }

    /// POST-as-GET.
    pub(crate) async fn fetch(&self, url: &str) -> Value {
        self.post(url, "").await.1
    }

    /// Orders a certificate for `localhost`: the order's address and the http-01 challenge.
    pub(crate) async fn order(&self) -> (String, Value) {
        let payload = json!({"identifiers": [{"type": "dns", "value": "localhost"}]});
        let (url, order) = self.post(&format!("{}/acme/new-order", self.base), &payload.to_string()).await;
        let authorization = self.fetch(order["authorizations"][0].as_str().unwrap()).await;
        let challenges = authorization["challenges"].as_array().unwrap();
        let challenge = challenges.iter().find(|challenge| challenge["type"] == "http-01").unwrap();
        (url, challenge.clone())
    }
}

fn b64(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}
