//! A provider with everything around it, and short words for what the tests say to it.

mod keypair;
mod logged;
mod people;
mod site;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use authn::{Config, KeyConfig, Parts, Provider};
use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use directory::{DocumentKey, Register};
use hsm::testing::TestToken;
use hsm::{Alg, Hsm};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use platform::caller::{Caller, CallerKind, Certified};
use platform::clock::{Clock, ManualClock, Millis};
use platform::db::Db;
use platform::peer::Peer;
use platform::problem::Problem;
use platform::web::{TlsPeer, around};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) use keypair::{Pair, claims};
pub(crate) use logged::Logged;
pub(crate) use people::{ANN, BEN, assign, close, organisation, user};
pub(crate) use site::Site;

/// The time at which a test begins: 2026-11-24.
pub(crate) const START: Millis = Millis(1_795_540_800_000);
/// The plain issuer.
pub(crate) const ISSUER: &str = "https://id.example.org";
/// The origin of the port for systems.
pub(crate) const SYSTEMS: &str = "https://systems.example.org:8444";
/// The realm of CIS2.
pub(crate) const REALM: &str = "/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare";
/// Where the relying party of the tests is.
pub(crate) const CALLBACK: &str = "https://rp.example/callback";
/// A verifier of RFC 7636 with its challenge.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// SoftHSM reads its place once, so a process has one token.
static TOKEN: OnceLock<TestToken> = OnceLock::new();

/// One that has the RSA key of ID tokens already.
fn token() -> TestToken {
    TestToken::with_keys(&[("id-token-rsa-1", hsm::Alg::Rsa2048)])
}

/// Everything one test needs.
pub(crate) struct Rig {
    pub(crate) db: Db,
    pub(crate) provider: Provider,
    hand: Arc<ManualClock>,
    clock: Clock,
    router: Router,
    /// The register behind what makes callers of tokens.
    behind: Router,
    shape: Shape,
}

/// What is set otherwise than in every test.
#[derive(Clone)]
pub(crate) struct Shape {
    anchors: Option<std::path::PathBuf>,
    pub(crate) networks: Vec<&'static str>,
    /// The token keys, where they are others: RSA keys by their labels.
    keys: Vec<&'static str>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answered {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{}: {}", self.status, self.text))
    }

    /// Where the browser is sent.
    pub(crate) fn location(&self) -> &str {
        self.headers
            .get(header::LOCATION)
            .unwrap_or_else(|| panic!("{} {}", self.status, self.text))
            .to_str()
            .unwrap()
    }

    /// A parameter in the address where the browser is sent.
    pub(crate) fn sent(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(ISSUER).unwrap().join(self.location()).unwrap();
        url.query_pairs().find(|(given, _)| given == name).map(|(_, value)| value.into_owned())
    }

    /// The refusal in the address where the browser is sent, if it is one.
    pub(crate) fn sent_error(&self) -> Option<String> {
        let url = url::Url::parse(ISSUER).unwrap().join(self.location()).unwrap();
        url.query_pairs().find(|(name, _)| name == "error").map(|(_, value)| value.into_owned())
    }

    /// The cookie that was set, as it comes back.
    pub(crate) fn cookie(&self) -> String {
        let field = self.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(field.contains("; Secure; HttpOnly; SameSite=Lax"), "{field}");
        field.split(';').next().unwrap().to_owned()
    }

    /// The word of a refusal.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

impl Rig {
    pub(crate) async fn new(db: Db) -> Self {
        Self::shaped(db, Shape { anchors: None, networks: Vec::new(), keys: Vec::new() }).await
    }

    /// A provider that believes the certificates of a site, too.
    pub(crate) async fn beside(db: Db, site: &Site) -> Self {
        Self::shaped(
            db,
            Shape {
                anchors: Some(site.anchors()),
                networks: vec!["127.0.0.0/8", "::1/128"],
                keys: Vec::new(),
            },
        )
        .await
    }

    /// The same where nobody wrote down that relying parties are on this machine.
    pub(crate) async fn apart_from(db: Db, site: &Site) -> Self {
        Self::shaped(db, Shape { anchors: Some(site.anchors()), networks: Vec::new(), keys: Vec::new() })
            .await
    }

    async fn shaped(db: Db, shape: Shape) -> Self {
        let (clock, hand) = Clock::manual(START);
        people::seed(&db).await;
        Self::assemble(db, clock, Arc::new(hand), shape).await
    }

    /// Another process on the same database and token; it shares no memory with the first.
    pub(crate) async fn twin(&self) -> Self {
        Self::assemble(self.db.clone(), self.clock.clone(), Arc::clone(&self.hand), self.shape.clone()).await
    }

    /// The same after a start with these RSA keys, the first of which signs.
    pub(crate) async fn with_keys(&self, keys: &[&'static str]) -> Self {
        let shape = Shape { keys: keys.to_vec(), ..self.shape.clone() };
        Self::assemble(self.db.clone(), self.clock.clone(), Arc::clone(&self.hand), shape).await
    }

    async fn assemble(db: Db, clock: Clock, hand: Arc<ManualClock>, shape: Shape) -> Self {
        platform::tls::install_crypto_provider();
        let hsm: Hsm = TOKEN.get_or_init(token).hsm().await;
        let register = Register::new(directory::Parts {
            config: directory::Config::default(),
            db: db.clone(),
            clock: clock.clone(),
            document_key: DocumentKey::new(&[7; 32]),
        })
        .unwrap();
        let acts = [directory::api::CLAIMS, directory::api::CHANGES];
        let caller = Caller::module("authn", &acts);
        let parts = Parts {
            config: config(&shape),
            db: db.clone(),
            clock: clock.clone(),
            hsm,
            directory: directory::api::Client::new(Peer::local(directory::router(register.clone()), caller)),
            // Nothing here asks the authority.
            ca: ca::api::Client::new(Peer::local(Router::new(), Caller::module("authn", &[]))),
            holders: Arc::new(|_| {
                Box::pin(async { Err(Problem::forbidden("no-cards", "Nobody has a card.")) })
            }),
        };
        let provider = Provider::open(parts).await.unwrap();
        // As the server has it: every route is behind what makes callers of tokens.
        let with_token_callers =
            |router: Router| around(router, vec![Box::new(authn::TokenCallers::new(provider.clone()))]);
        let router = with_token_callers(authn::router(provider.clone()));
        let behind = with_token_callers(directory::router(register));
        Self { db, provider, hand, clock, router, behind, shape }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Time goes on.
    pub(crate) fn pass(&self, seconds: u64) {
        self.hand.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answered {
        answered(self.router.clone(), request).await
    }

    /// A browser that holds these cookies goes to an address.
    pub(crate) async fn browse(&self, path: &str, cookies: &[&str]) -> Answered {
        let mut request = Request::builder().uri(path);
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A form, with these headers.
    pub(crate) async fn form(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        pairs: &[(&str, &str)],
    ) -> Answered {
        self.send(form(path, headers, pairs)).await
    }

    /// A form on the port for systems, from a connection whose certificate is that of a system.
    pub(crate) async fn form_as(&self, system: &str, path: &str, pairs: &[(&str, &str)]) -> Answered {
        let mut request = form(path, &[], pairs);
        let nothing: [&str; 0] = [];
        let caller = Caller::new(CallerKind::System, system, system.parse().unwrap(), nothing);
        request.extensions_mut().insert(Certified(caller.clone()));
        request.extensions_mut().insert(caller);
        self.send(request).await
    }

    /// The same over a connection that showed this certificate, which is the system's.
    pub(crate) async fn form_by(
        &self,
        (system, certificate): (&str, &[u8]),
        path: &str,
        pairs: &[(&str, &str)],
    ) -> Answered {
        let mut request = form(path, &[], pairs);
        let nothing: [&str; 0] = [];
        let caller = Caller::new(CallerKind::System, system, system.parse().unwrap(), nothing);
        request.extensions_mut().insert(Certified(caller));
        request.extensions_mut().insert(TlsPeer { chain: vec![certificate.to_vec()].into() });
        self.send(request).await
    }

    /// An operator of the registry asks.
    pub(crate) async fn operate(&self, method: Method, path: &str, body: &Value) -> Answered {
        let acts = [authn::api::CLIENTS.0.to_owned(), authn::api::clients_of("larkfield")];
        self.operate_as(
            Caller::new(CallerKind::System, "desk", "desk".parse().unwrap(), acts),
            method,
            path,
            body,
        )
        .await
    }

    /// Somebody asks the registry.
    pub(crate) async fn operate_as(
        &self,
        caller: Caller,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Answered {
        self.operate_with(caller, method, path, &[], body).await
    }

    /// The same with headers.
    pub(crate) async fn operate_with(
        &self,
        caller: Caller,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answered {
        let mut request =
            Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_string())).unwrap();
        request.extensions_mut().insert(caller);
        self.send(request).await
    }

    /// Registers a relying party; what is said here is added to what every one has. Gives its id and its secret.
    pub(crate) async fn register(&self, id: &str, change: &Value) -> String {
        let mut config = json!({
            "client_name": "Larkfield Record", "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "client_secret_basic",
            "scopes": ["openid", "profile", "email", "nhsperson", "nationalrbacaccess", "associatedorgs",
                "professionalmemberships", "organisationalmemberships", "selectedrole", "changedrole"],
            "grant_types": ["authorization_code", "refresh_token"]
        });
        for (name, value) in change.as_object().unwrap() {
            config[name] = value.clone();
        }
        let body = json!({"config_name": id, "client_config": config});
        // Somebody who looks after every team: some tests register what reaches the tokens of others.
        let acts = [authn::api::CLIENTS.0, authn::api::ALL_TEAMS.0];
        let caller = Caller::new(CallerKind::System, "desk", "desk".parse().unwrap(), acts);
        let made = self.operate_as(caller, Method::POST, "/authn/configs/larkfield", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        made.json()["client_secret"].as_str().unwrap_or_default().to_owned()
    }

    /// Signs somebody in, as the sign-in pages do: a row of the session contract. Gives the cookie.
    pub(crate) async fn sign_in(&self, person: u64, method: &str) -> String {
        people::open_session(&self.db, person, method, self.now()).await
    }

    /// Signs the same person in again in the same browser, with something else: the session goes on, with another secret.
    pub(crate) async fn sign_in_again(&self, session: &str, method: &str) -> String {
        people::go_on(&self.db, session, method, self.now()).await
    }

    /// Sends a browser with an authorisation request; what is given replaces or adds to what every request has.
    pub(crate) async fn authorise(&self, change: &[(&str, &str)], cookies: &[&str]) -> Answered {
        self.browse(&format!("/authorize?{}", request(change)), cookies).await
    }

    /// The code that somebody who is signed in gets, without being asked anything.
    pub(crate) async fn code(&self, change: &[(&str, &str)], session: &str) -> String {
        let answered = self.authorise(change, &[session]).await;
        answered.sent("code").unwrap_or_else(|| panic!("{}", answered.location()))
    }

    /// Exchanges a code with the secret in the header.
    pub(crate) async fn exchange(&self, secret: &str, code: &str, more: &[(&str, &str)]) -> Answered {
        let mut pairs =
            vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        pairs.extend_from_slice(more);
        self.form("/token", &[("authorization", &basic("rp", secret))], &pairs).await
    }

    /// The claims of a token of ours, verified with the published keys.
    pub(crate) async fn verified(&self, token: &str) -> Value {
        let keys = self.browse("/jwks", &[]).await.json();
        let head: Value = part(token, 0);
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == head["kid"]).unwrap();
        assert_eq!((key["alg"].clone(), key["use"].clone()), (head["alg"].clone(), json!("sig")));
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.clone()).unwrap();
        let algorithm: jsonwebtoken::Algorithm = head["alg"].as_str().unwrap().parse().unwrap();
        let mut validation = jsonwebtoken::Validation::new(algorithm);
        validation.validate_aud = false;
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims
    }

    /// What an access token tells.
    pub(crate) async fn userinfo(&self, token: &str) -> Answered {
        self.get("/userinfo", &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// What an access token tells that is shown with a proof.
    pub(crate) async fn userinfo_with(&self, token: &str, proof: &str) -> Answered {
        self.get("/userinfo", &[("authorization", &format!("DPoP {token}")), ("dpop", proof)]).await
    }

    /// A request with these headers.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answered {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A request to the register, as the server has it behind what makes callers of tokens.
    pub(crate) async fn register_asked(&self, path: &str, headers: &[(&str, &str)]) -> Answered {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answered(self.behind.clone(), request.body(Body::empty()).unwrap()).await
    }

    /// A form over a connection that showed this certificate.
    pub(crate) async fn form_over(
        &self,
        certificate: &[u8],
        path: &str,
        headers: &[(&str, &str)],
        pairs: &[(&str, &str)],
    ) -> Answered {
        let mut request = form(path, headers, pairs);
        request.extensions_mut().insert(TlsPeer { chain: vec![certificate.to_vec()].into() });
        self.send(request).await
    }

    /// How often something happened, by the audit record.
    pub(crate) async fn recorded(&self, name: &str) -> i64 {
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE module = 'authn' AND name = $1";
        sqlx::query_scalar(sql).bind(name.to_owned()).fetch_one(self.db.read()).await.unwrap()
    }
}

async fn answered(router: Router, request: Request<Body>) -> Answered {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answered { status: parts.status, headers: parts.headers, text }
}

fn config(shape: &Shape) -> Config {
    let mut config = Config::new(ISSUER);
    config.keys.push(KeyConfig { label: "id-token-ed25519-1".to_owned(), alg: Alg::Ed25519 });
    if !shape.keys.is_empty() {
        let key = |label: &&str| KeyConfig { label: (*label).to_owned(), alg: Alg::Rsa2048 };
        config.keys = shape.keys.iter().map(key).collect();
    }
    config.anchors.clone_from(&shape.anchors);
    config.networks = shape.networks.iter().map(|network| network.parse().unwrap()).collect();
    config.systems_origin = Some(SYSTEMS.to_owned());
    config.systems = vec!["gate.larkfield".parse().unwrap()];
    config
}

fn form(path: &str, headers: &[(&str, &str)], pairs: &[(&str, &str)]) -> Request<Body> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body)).unwrap()
}

/// The query of an authorisation request.
pub(crate) fn request(change: &[(&str, &str)]) -> String {
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", "rp"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("state", "a-state"),
    ];
    for (name, value) in change {
        pairs.retain(|(given, _)| given != name);
        pairs.push((name, value));
    }
    pairs.retain(|(_, value)| !value.is_empty());
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish()
}

/// A header with a client's id and secret.
pub(crate) fn basic(client: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")))
}

/// A part of a token, not verified.
pub(crate) fn part(token: &str, place: usize) -> Value {
    let text = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

/// The left half of SHA-256.
pub(crate) fn half_hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..16])
}
