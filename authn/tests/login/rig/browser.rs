//! A browser: it keeps cookies, says from which page it comes, and follows nothing by itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use platform::caller::Caller;
use platform::web::{PeerAddress, TlsPeer};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{ISSUER, SoftKey};

/// A browser.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) router: Router,
    pub(crate) cards: Router,
    pub(crate) cookies: BTreeMap<String, String>,
    /// What it says it comes from.
    pub(crate) origin: Option<String>,
    /// From where it comes.
    pub(crate) address: IpAddr,
    /// What it calls itself.
    pub(crate) agent: &'static str,
    /// As what it says that it loads an address.
    pub(crate) loads: Option<&'static str>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    pub(crate) fn location(&self) -> String {
        self.header("location")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// What stands between two texts.
    pub(crate) fn between(&self, before: &str, after: &str) -> String {
        let rest = self.body.split_once(before).unwrap_or_else(|| panic!("{before}: {}", self.body)).1;
        rest.split_once(after).unwrap().0.to_owned()
    }
}

/// 256 random bits as they travel.
pub(crate) fn secret() -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The SHA-256 of a secret, as the rows of requests have it.
pub(crate) fn sha256(secret: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(secret).unwrap();
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes))
}

impl Browser {
    pub(crate) fn new(router: Router, cards: Router) -> Self {
        let address = IpAddr::from([192, 0, 2, 7]);
        let (cookies, origin) = (BTreeMap::new(), Some(ISSUER.to_owned()));
        Self { router, cards, cookies, origin, address, agent: "a test", loads: None }
    }

    /// Puts a cookie into it.
    pub(crate) fn keep(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// What it holds of a session.
    pub(crate) fn session(&self) -> Option<&String> {
        self.cookies.get("__Host-lanyard-session")
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let mut request = Request::builder().method(method).uri(path).header("user-agent", self.agent);
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(origin) = self.origin.as_ref().filter(|_| method != "GET") {
            request = request.header("origin", origin);
        }
        if let Some(loads) = self.loads {
            request = request.header("sec-fetch-dest", loads);
        }
        request.extension(PeerAddress(SocketAddr::new(self.address, 40_000)))
    }

    async fn send(&mut self, router: Router, request: Request<Body>) -> Answered {
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for field in parts.headers.get_all("set-cookie") {
            let text = field.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.keep(name, value);
            }
        }
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(bytes.to_vec()).unwrap();
        Answered { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answered {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        self.send(self.router.clone(), request).await
    }

    /// Sends a form.
    pub(crate) async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answered {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.request("POST", path).header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Body::from(body)).unwrap();
        self.send(self.router.clone(), request).await
    }

    /// What a script sends.
    pub(crate) async fn script(&mut self, path: &str, body: &Value) -> Answered {
        let request = self.request("POST", path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.send(self.router.clone(), request).await
    }

    /// Shows a card on the port for cards: who the server has found to call, and the certificate.
    pub(crate) async fn card(
        &mut self,
        here: &str,
        caller: Option<&Caller>,
        leaf: Option<&[u8]>,
    ) -> Answered {
        let path = here.replace("/sign-in/", "/card/");
        let mut request = self
            .request("POST", &path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::empty())
            .unwrap();
        if let Some(caller) = caller {
            request.extensions_mut().insert(caller.clone());
        }
        if let Some(leaf) = leaf {
            request.extensions_mut().insert(TlsPeer { chain: vec![leaf.to_vec()].into() });
        }
        self.send(self.cards.clone(), request).await
    }

    /// Calls a route of the API as somebody.
    pub(crate) async fn call(
        &mut self,
        caller: &Caller,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Answered {
        self.call_if(caller, method, path, body, None).await
    }

    /// The same, for a version.
    pub(crate) async fn call_if(
        &mut self,
        caller: &Caller,
        method: &str,
        path: &str,
        body: Option<&Value>,
        tag: Option<&str>,
    ) -> Answered {
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.extension(caller.clone()).body(body).unwrap();
        self.send(self.router.clone(), request).await
    }

    /// Reads something as one file.
    pub(crate) async fn file(&mut self, caller: &Caller, path: &str) -> Answered {
        let request = Request::builder().uri(path).header("accept", "text/csv").extension(caller.clone());
        self.send(self.router.clone(), request.body(Body::empty()).unwrap()).await
    }

    /// Asks what a key is to sign, for a request.
    pub(crate) async fn asked(&mut self, here: &str) -> Value {
        let asked = self.script(&format!("{here}/key/options"), &json!({})).await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        asked.json()
    }

    /// Answers with what a key signed.
    pub(crate) async fn answer(&mut self, here: &str, credential: &Value) -> Answered {
        self.script(&format!("{here}/key"), &json!({"credential": credential})).await
    }

    /// Signs in with a key.
    pub(crate) async fn show(&mut self, here: &str, key: &mut SoftKey) -> Answered {
        let asked = self.asked(here).await;
        let credential = key.get(&asked);
        self.answer(here, &credential).await
    }

    /// Enrols a key with a link that this browser has opened.
    pub(crate) async fn enrol(&mut self, link: &str, kind: &str, key: &mut SoftKey) -> Answered {
        let asked = self.script(&format!("{link}/key/options"), &json!({"kind": kind})).await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        let credential = key.create(&asked.json());
        self.script(&format!("{link}/key"), &json!({"name": "my key", "credential": credential})).await
    }
}
