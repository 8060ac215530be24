//! An ACME client of our own, for what no other client can be brought to do.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ca::Authority;
use ca::api::ExternalAccountKey;
use http::{HeaderMap, Request};
use platform::web::PeerAddress;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::world::parts;

/// Where the server believes to be.
pub(crate) const BASE: &str = "https://acme.test";

/// A key of an account.
pub(crate) struct AccountKey {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
}

impl AccountKey {
    pub(crate) fn new() -> AccountKey {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        AccountKey::from_pkcs8(pkcs8.as_ref())
    }

    fn from_pkcs8(pkcs8: &[u8]) -> AccountKey {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).unwrap();
        AccountKey { pair, pkcs8: pkcs8.to_vec() }
    }

    /// The private key, for a certificate of its own.
    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        self.pkcs8.clone()
    }

    pub(crate) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)})
    }

    pub(crate) fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        b64(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref())
    }

    /// A flattened JWS over this payload; an empty text is POST-as-GET.
    pub(crate) fn sign(&self, header: &Value, payload: &str) -> Value {
        let (protected, payload) = (b64(header.to_string().as_bytes()), b64(payload.as_bytes()));
        let input = format!("{protected}.{payload}");
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        json!({"protected": protected, "payload": payload, "signature": b64(signature.as_ref())})
    }
}

pub(crate) fn b64(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// What the server said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The address that a link of this relation leads to, or nothing.
    pub(crate) fn link(&self, relation: &str) -> String {
        let links = self.headers.get_all("link").iter().map(|value| value.to_str().unwrap());
        let end = format!(">;rel=\"{relation}\"");
        links.filter_map(|link| link.strip_suffix(&end)?.strip_prefix('<')).collect()
    }

    /// The type of a problem behind the namespace, after the status was seen to be a refusal.
    pub(crate) fn problem(&self) -> String {
        assert!(self.status >= 400, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let kind = self.json()["type"].as_str().unwrap().to_owned();
        kind.strip_prefix("urn:ietf:params:acme:error:").unwrap().to_owned()
    }
}

/// A client of one server, perhaps with an account.
pub(crate) struct Acme {
    router: Router,
    pub(crate) key: AccountKey,
    pub(crate) kid: String,
    /// From where its requests come.
    pub(crate) address: Option<PeerAddress>,
}

impl Acme {
    pub(crate) fn new(authority: &Authority) -> Acme {
        let router = ca::acme_router(authority.clone());
        Acme { router, key: AccountKey::new(), kid: String::new(), address: None }
    }

    /// A client that has registered.
    pub(crate) async fn registered(authority: &Authority, external: &ExternalAccountKey) -> Acme {
        let mut acme = Acme::new(authority);
        let said = acme.register(external).await;
        assert_eq!(said.status, 201, "{said:?}");
        said.header("location").clone_into(&mut acme.kid);
        acme
    }

    /// An account whose key and address are known from before.
    pub(crate) fn resumed(authority: &Authority, pkcs8: &[u8], kid: &str) -> Acme {
        let key = AccountKey::from_pkcs8(pkcs8);
        Acme { router: ca::acme_router(authority.clone()), key, kid: kid.to_owned(), address: None }
    }

    /// The same account at another node.
    pub(crate) fn at(self, authority: &Authority) -> Acme {
        Acme { router: ca::acme_router(authority.clone()), ..self }
    }

    /// The same client at this address.
    pub(crate) fn from(self, address: &str) -> Acme {
        Acme { address: Some(PeerAddress(address.parse().unwrap())), ..self }
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Said {
        if let Some(address) = self.address {
            request.extensions_mut().insert(address);
        }
        let (head, body) = parts(self.router.clone().oneshot(request).await.unwrap()).await;
        Said { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Said {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn nonce(&self) -> String {
        self.get("/acme/new-nonce").await.header("replay-nonce").to_owned()
    }

    /// Sends a finished JWS.
    pub(crate) async fn send_jws(&self, path: &str, jws: &Value) -> Said {
        let request = Request::post(path).header("content-type", "application/jose+json");
        self.send(request.body(Body::from(jws.to_string())).unwrap()).await
    }

    /// Sends a payload under the account, to a path or a whole address.
    pub(crate) async fn post(&self, path: &str, payload: &Value) -> Said {
        self.post_text(path, &payload.to_string()).await
    }

    /// POST-as-GET.
    pub(crate) async fn fetch(&self, path: &str) -> Said {
        self.post_text(path, "").await
    }

    async fn post_text(&self, path: &str, payload: &str) -> Said {
        let path = path.strip_prefix(BASE).unwrap_or(path);
        let header = json!({
            "alg": "ES256", "nonce": self.nonce().await, "url": format!("{BASE}{path}"), "kid": self.kid,
        });
        self.send_jws(path, &self.key.sign(&header, payload)).await
    }

    /// Sends a payload under the key itself.
    pub(crate) async fn post_with_key(&self, path: &str, payload: &Value) -> Said {
        let header = json!({
            "alg": "ES256", "nonce": self.nonce().await, "url": format!("{BASE}{path}"), "jwk": self.key.jwk(),
        });
        self.send_jws(path, &self.key.sign(&header, &payload.to_string())).await
    }

    pub(crate) async fn register(&self, external: &ExternalAccountKey) -> Said {
        let binding = binding(&external.account.id, &external.mac_key, &self.key);
        let payload =
            json!({"contact": ["mailto:desk@larkfield.example"], "externalAccountBinding": binding});
        self.post_with_key("/acme/new-account", &payload).await
    }

    /// Orders, and answers the order and its address.
    pub(crate) async fn order(&self, payload: &Value) -> (Value, String) {
        let said = self.post("/acme/new-order", payload).await;
        assert_eq!(said.status, 201, "{said:?}");
        (said.json(), said.header("location").to_owned())
    }

    /// The challenges of this kind of an order, each with its key authorization.
    pub(crate) async fn challenges(&self, order: &Value, kind: &str) -> Vec<(Value, String)> {
        let mut found = Vec::new();
        for url in order["authorizations"].as_array().unwrap() {
            let authorization = self.fetch(url.as_str().unwrap()).await.json();
            let challenges = authorization["challenges"].as_array().unwrap();
            let challenge = challenges.iter().find(|challenge| challenge["type"] == kind).unwrap();
            let token = challenge["token"].as_str().unwrap();
            let key_authorization = format!("{token}.{}", self.key.thumbprint());
            found.push((challenge.clone(), key_authorization));
        }
        found
    }

    pub(crate) async fn finalize(&self, order: &Value, csr: &[u8]) -> Said {
        self.post(order["finalize"].as_str().unwrap(), &json!({"csr": b64(csr)})).await
    }
}

/// RFC 8555 7.3.4.
pub(crate) fn binding(kid: &str, mac_key: &str, key: &AccountKey) -> Value {
    let header = json!({"alg": "HS256", "kid": kid, "url": format!("{BASE}/acme/new-account")});
    let (protected, payload) = (b64(header.to_string().as_bytes()), b64(key.jwk().to_string().as_bytes()));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, &URL_SAFE_NO_PAD.decode(mac_key).unwrap());
    let mac = hmac::sign(&secret, format!("{protected}.{payload}").as_bytes());
    json!({"protected": protected, "payload": payload, "signature": b64(mac.as_ref())})
}

pub(crate) fn dns(name: &str) -> Value {
    json!({"type": "dns", "value": name})
}

pub(crate) fn names(names: &[&str]) -> Value {
    let identifiers: Vec<_> = names
        .iter()
        .map(|name| match name.parse::<std::net::IpAddr>() {
            Ok(_) => json!({"type": "ip", "value": name}),
            Err(_) => dns(name),
        })
        .collect();
    json!({"identifiers": identifiers})
}

/// A certification request for these names by a fresh key.
pub(crate) fn csr(names: &[&str]) -> Vec<u8> {
    csr_of(names, &rcgen::KeyPair::generate().unwrap())
}

pub(crate) fn csr_of(names: &[&str], key: &rcgen::KeyPair) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.serialize_request(key).unwrap().der().to_vec()
}
