//! An application, a prescriber who has signed in to it, and the browser in which they sign.

use std::collections::BTreeMap;

use authn::api::{SIGNING, SigningClient};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA512, RsaKeyPair};
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hsm::Alg;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use platform::peer::Peer;
use platform::web::around;
use serde_json::{Value, json};
use signer::SignIn;
use signer::api::Algorithm;
use tower::ServiceExt as _;

use super::SoftKey;
use crate::rig::{Rig, USER};

/// Where the pages are.
pub(crate) const ISSUER: &str = "https://id.example.org";
/// The application.
pub(crate) const APPLICATION: &str = "practice-system";
const AUDIENCE: &str = "https://id.example.org/signing-service";
const STRANGER: &str = "555021942115";

/// The RSA key of an application.
pub(crate) struct Pair(RsaKeyPair);

impl Pair {
    pub(crate) fn new() -> Self {
        Self(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// The public half.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let public = self.0.public_key();
        let part = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        let n = part(public.modulus().big_endian_without_leading_zero());
        let e = part(public.exponent().big_endian_without_leading_zero());
        json!({"kty": "RSA", "n": n, "e": e, "kid": kid, "use": "sig", "alg": "RS512"})
    }

    /// A signed text.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Everything.
pub(crate) struct World {
    pub(crate) rig: Rig,
    pub(crate) pair: Pair,
    /// The prescriber's key.
    pub(crate) key: SoftKey,
    /// Somebody else's.
    pub(crate) strangers_key: SoftKey,
    /// The prescriber's access token for the application.
    pub(crate) token: String,
    sids: BTreeMap<&'static str, String>,
    /// The browsers in which people have signed in.
    pub(crate) browsers: BTreeMap<&'static str, Browser>,
    pub(crate) sign_in: Router,
    /// The signing API as a port has it, where access tokens say who calls.
    csc: Router,
    pub(crate) log: audit::Log,
}

impl World {
    /// The application may have things signed that its people were not shown.
    pub(crate) async fn new(db: Db) -> Self {
        let mut rig = Rig::new(db).await;
        people(&rig).await;
        let provider = provider(&rig).await;
        let sign_in = authn::router(provider.clone());
        let peer = Peer::local(sign_in.clone(), Caller::module("signer", &[SIGNING]));
        let client = SigningClient::new(peer);
        let site = SignIn { client, origin: ISSUER.to_owned(), name: "Care sign-in".to_owned() };
        let key = rig.hsm.generate(&format!("audit-{}", uuid::Uuid::now_v7()), Alg::Ed25519).await.unwrap();
        let config = audit::Config::new("audit.test/lanyard");
        let log = audit::Log::open(rig.db.clone(), key, config, rig.clock.clone()).await.unwrap();
        let reading = Caller::module("signer", &[audit::api::READ]);
        let record = Peer::local(audit::router(log.clone()), reading);
        (rig.sign_in, rig.record) = (Some(site), Some(record));
        let rig = rig.twin();
        let csc = around(rig.router.clone(), vec![Box::new(authn::TokenCallers::new(provider))]);
        let mut world = Self {
            rig,
            pair: Pair::new(),
            key: SoftKey::new(),
            strangers_key: SoftKey::new(),
            token: String::new(),
            sids: BTreeMap::new(),
            browsers: BTreeMap::new(),
            sign_in,
            csc,
            log,
        };
        world.register(APPLICATION, "told").await;
        for user in [USER, STRANGER] {
            world.enrol(user).await;
        }
        world.token = world.access(APPLICATION, USER).await;
        world.rig.ready(Algorithm::Rsa2048).await;
        world.rig.pass(10_000);
        world
    }

    /// Registers an application.
    pub(crate) async fn register(&self, id: &str, unseen: &str) {
        let acts = [authn::api::CLIENTS.0, authn::api::ALL_TEAMS.0];
        let desk = Caller::new(CallerKind::System, "desk", "desk".parse().unwrap(), acts);
        let config = json!({
            "client_name": "Northfield prescribing", "redirect_uris": ["https://rp.example/cb"],
            "token_endpoint_auth_method": "client_secret_basic", "jwks": {"keys": [self.pair.jwk("key-1")]},
            "signing": {"callback_uri": "https://rp.example/signed?from=lanyard", "unseen": unseen},
        });
        let body = json!({"config_name": id, "client_config": config});
        let made = self.send("POST", "/authn/configs/judges", Some(&body), Some(desk)).await;
        assert_eq!(made.status, 201, "{}", made.body);
    }

    /// Gives a person a key, and signs them in with it.
    async fn enrol(&mut self, user: &'static str) {
        let desk =
            Caller::new(CallerKind::System, "desk", "desk".parse().unwrap(), [authn::api::AUTHENTICATORS.0]);
        let path = format!("/authn/people/{user}/enrolments");
        let made = self.send("POST", &path, Some(&json!({"purpose": "issue"})), Some(desk)).await;
        let link = made.json()["link"].as_str().unwrap().strip_prefix(ISSUER).unwrap().to_owned();
        let mut browser = Browser::default();
        let begun = browser.send(self, "POST", &link, None).await;
        assert_eq!(begun.status, 303, "{}", begun.body);
        let asked = browser
            .send(self, "POST", &format!("{link}/key/options"), Some(&json!({"kind": "security-key"})))
            .await;
        let key = if user == USER { &mut self.key } else { &mut self.strangers_key };
        let body = json!({"name": "my key", "credential": key.create(&asked.json())});
        let done = browser.send(self, "POST", &format!("{link}/key"), Some(&body)).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let sql = "SELECT sid FROM authn_session WHERE user_id = $1";
        let here = self.begin(&mut browser).await;
        let asked = browser.send(self, "POST", &format!("{here}/key/options"), Some(&json!({}))).await;
        let key = if user == USER { &mut self.key } else { &mut self.strangers_key };
        let body = json!({"credential": key.get(&asked.json())});
        let signed = browser.send(self, "POST", &format!("{here}/key"), Some(&body)).await;
        assert_eq!(signed.status, 200, "{}", signed.body);
        let sid: String = sqlx::query_scalar(sql).bind(user).fetch_one(self.rig.db.read()).await.unwrap();
        self.sids.insert(user, sid);
        self.browsers.insert(user, browser);
    }

    /// An authorisation request that waits for this browser, as the protocol stores it; the address of its pages.
    async fn begin(&self, browser: &mut Browser) -> String {
        let (of_request, of_browser) = (secret(), secret());
        let id = uuid::Uuid::now_v7().to_string();
        browser.cookies.insert(format!("__Host-lanyard-interaction-{id}"), of_browser.clone());
        let wanted = json!({"acceptable": ["security-key"], "fresh_after": null, "login_hint": null, "ui_locales": []});
        let (now, hashes) = (self.rig.clock.now().0, (sha256(&of_request), sha256(&of_browser)));
        self.write(
            "INSERT INTO authn_interaction (interaction_id, secret_hash, browser_hash, client_id, client_name, request, \
             wanted, state, created_at, expires_at) VALUES ($1, $2, $3, 'records', 'Shared records', '{}', $4, 'waiting', \
             0, $5)",
            vec![id, hashes.0, hashes.1, wanted.to_string()],
            now + 3_600_000,
        )
        .await;
        format!("/sign-in/{of_request}")
    }

    /// An access token of a person for an application, as the protocol stores it.
    pub(crate) async fn access(&self, client: &str, user: &str) -> String {
        let (token, grant) = (secret(), uuid::Uuid::now_v7().to_string());
        let now = self.rig.clock.now().0;
        let content =
            json!({"face": "plain", "scope": ["openid"], "method": "security-key", "authenticated_at": now});
        let text = |text: &str| text.to_owned();
        self.write(
            "INSERT INTO authn_grant (grant_id, client_id, user_id, sid, content, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, 0, $6)",
            vec![grant.clone(), text(client), text(user), self.sids[user].clone(), content.to_string()],
            now + 36_000_000,
        )
        .await;
        self.write(
            "INSERT INTO authn_token (token_hash, kind, grant_id, client_id, scope, issued_at, expires_at) \
             VALUES ($1, 'access', $2, $3, 'openid', 0, $4)",
            vec![sha256(&token), grant, text(client)],
            now + 3_600_000,
        )
        .await;
        token
    }

    /// Writes a row of texts, and a number at the end.
    pub(crate) async fn write(&self, sql: &'static str, texts: Vec<String>, number: i64) {
        self.rig
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let mut query = sqlx::query(sql);
                    for text in texts {
                        query = query.bind(text);
                    }
                    query.bind(number).execute(&mut *tx).await?;
                    Ok::<_, platform::db::Error>(())
                })
            })
            .await
            .unwrap();
    }

    /// The claims of a request for these documents; what is given is replaced.
    pub(crate) fn claims(&self, payloads: &[(&str, &str)], change: &Value) -> Value {
        let now = self.rig.clock.now().seconds();
        let payloads: Vec<Value> =
            payloads.iter().map(|(id, payload)| json!({"id": id, "payload": payload})).collect();
        let mut claims = json!({
            "iss": APPLICATION, "sub": USER, "aud": AUDIENCE, "iat": now, "exp": now + 600, "algorithm": "RS256",
            "payloads": payloads,
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    /// The signed request.
    pub(crate) fn jwt(&self, claims: &Value) -> String {
        self.pair.sign(&json!({"typ": "JWT", "alg": "RS512", "kid": "key-1"}), claims)
    }

    /// Asks to sign, with an access token.
    pub(crate) async fn ask(&self, jwt: &str, token: &str, state: &str) -> Answered {
        let request = Request::builder()
            .method("POST")
            .uri(format!("/signing-service/signaturerequest?state={state}"))
            .header("content-type", "text/plain")
            .header("authorization", format!("Bearer {token}"));
        self.rig.pass(1);
        self.route(request.body(Body::from(jwt.to_owned())).unwrap()).await
    }

    /// Asks to sign documents, and gives the token of the request.
    pub(crate) async fn asked(&self, payloads: &[(&str, &str)]) -> String {
        let jwt = self.jwt(&self.claims(payloads, &json!({})));
        let answered = self.ask(&jwt, &self.token, "s%3D1").await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        let told = answered.json();
        let token = told["token"].as_str().unwrap().to_owned();
        assert_eq!(told["redirectUri"], format!("{AUDIENCE}/sign/{token}"));
        token
    }

    /// Fetches the signatures of a request, with an access token.
    pub(crate) async fn fetch(&self, request: &str, token: &str) -> Answered {
        let asked = Request::builder()
            .uri(format!("/signing-service/signatureresponse/{request}"))
            .header("authorization", format!("Bearer {token}"));
        self.rig.pass(1);
        self.route(asked.body(Body::empty()).unwrap()).await
    }

    /// The page of a request, in the browser of this person.
    pub(crate) async fn page_of(&self, user: &str, request: &str) -> Answered {
        self.browsers[user].clone().get(self, &format!("/signing-service/sign/{request}")).await
    }

    /// The page of a request, in the prescriber's browser.
    pub(crate) async fn page(&self, request: &str) -> Answered {
        self.page_of(USER, request).await
    }

    /// What the browser is asked on the page of a request.
    pub(crate) async fn options(&self, request: &str) -> Answered {
        let path = format!("/signing-service/sign/{request}/options");
        self.browsers[USER].clone().send(self, "POST", &path, Some(&json!({}))).await
    }

    /// Answers on the page of a request.
    pub(crate) async fn answer(&self, request: &str, credential: &Value) -> Answered {
        let (path, body) = (format!("/signing-service/sign/{request}"), json!({"credential": credential}));
        self.browsers[USER].clone().send(self, "POST", &path, Some(&body)).await
    }

    /// Cancels on the page of a request.
    pub(crate) async fn cancel(&self, request: &str) -> Answered {
        let path = format!("/signing-service/sign/{request}/cancel");
        self.browsers[USER].clone().send(self, "POST", &path, None).await
    }

    /// The prescriber agrees; where the browser goes on.
    pub(crate) async fn agree(&mut self, request: &str) -> String {
        let asked = self.options(request).await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        let credential = self.key.get(&asked.json());
        let answered = self.answer(request, &credential).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        answered.json()["location"].as_str().unwrap().to_owned()
    }

    /// Any request as a browser or a system.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        caller: Option<Caller>,
    ) -> Answered {
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(caller) = caller {
            request = request.extension(caller);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.route(request.body(body).unwrap()).await
    }

    /// Sends a request to whoever answers it: sign-in or the signer.
    pub(crate) async fn route(&self, request: Request<Body>) -> Answered {
        let ours = request.uri().path().starts_with("/sign") && !request.uri().path().starts_with("/sign-in");
        let router = match request.uri().path() {
            path if path.starts_with("/csc/") => self.csc.clone(),
            _ if ours => self.rig.router.clone(),
            _ => self.sign_in.clone(),
        };
        let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(bytes.to_vec()).unwrap();
        Answered { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Puts everything that was recorded into the tree, and signs it.
    pub(crate) async fn settle(&self) {
        let mut sequencer = audit::Sequencer::new(&self.log);
        while sequencer.sequence().await.unwrap() == audit::GROUP {}
        sequencer.publish().await.unwrap();
    }

    /// A number of the database.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        self.rig.count(sql).await
    }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// Status and code of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }
}

/// A browser with its cookies, on our pages.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) async fn get(&mut self, world: &World, path: &str) -> Answered {
        self.send(world, "GET", path, None).await
    }

    pub(crate) async fn send(
        &mut self,
        world: &World,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Answered {
        let kind = if body.is_some() { "application/json" } else { "application/x-www-form-urlencoded" };
        let mut request = Request::builder().method(method).uri(path).header("content-type", kind);
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if method != "GET" {
            request = request.header("origin", ISSUER);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let answered = world.route(request.body(body).unwrap()).await;
        for field in answered.headers.get_all("set-cookie") {
            let pair = field.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answered
    }
}

/// Those who sign in are in the register.
async fn people(rig: &Rig) {
    rig.db
        .write(|tx| {
            Box::pin(async move {
                for user in [USER, STRANGER] {
                    let sql = "INSERT INTO directory_person (user_id, kind, state, version) VALUES ($1, 'person', 'open', 1)";
                    sqlx::query(sql).bind(user).execute(&mut *tx).await?;
                }
                Ok::<_, platform::db::Error>(())
            })
        })
        .await
        .unwrap();
}

/// Sign-in beside a signer.
pub(crate) async fn provider(rig: &Rig) -> authn::Provider {
    let parts = directory::Parts {
        config: directory::Config::default(),
        db: rig.db.clone(),
        clock: rig.clock.clone(),
        document_key: directory::DocumentKey::new(&[7; 32]),
    };
    let register = directory::Register::new(parts).unwrap();
    let acts = [directory::api::CLAIMS, directory::api::CHANGES, directory::api::ASK];
    let asking = Caller::module("authn", &acts);
    let settings = json!({
        "issuer": ISSUER, "passwords": {"memory_kib": 64, "passes": 1}, "webauthn": {"unproven": "hardware"},
    });
    let mut config: authn::Config = serde_json::from_value(settings).unwrap();
    config.signing_page = Some(signer::api::AUTHORISE_PAGE.to_owned());
    let parts = authn::Parts {
        config,
        db: rig.db.clone(),
        clock: rig.clock.clone(),
        hsm: rig.hsm.clone(),
        directory: directory::api::Client::new(Peer::local(directory::router(register), asking)),
        ca: rig.authority.client(),
        // Nobody signs in with a card here.
        holders: std::sync::Arc::new(|_| {
            Box::pin(async {
                Err(platform::problem::Problem::unauthenticated("no-card", "No card is taken here."))
            })
        }),
    };
    authn::Provider::open(parts).await.unwrap()
}

fn secret() -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sha256(secret: &str) -> String {
    hex::encode(digest(&SHA256, &URL_SAFE_NO_PAD.decode(secret).unwrap()))
}

/// A statement about something that nobody had prepared, base64.
pub(crate) fn info_of(number: u32, method: &str, hash: &str, length: usize) -> String {
    let mut octets = vec![0; length];
    octets[..4].copy_from_slice(&number.to_be_bytes());
    let text = format!(
        "<SignedInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></CanonicalizationMethod><SignatureMethod \
         Algorithm=\"{method}\"></SignatureMethod><Reference><Transforms><Transform \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></Transform></Transforms><DigestMethod \
         Algorithm=\"{hash}\"></DigestMethod><DigestValue>{}</DigestValue></Reference></SignedInfo>",
        STANDARD.encode(octets)
    );
    STANDARD.encode(text)
}

/// The statement in SHA-256 about something of this number.
pub(crate) fn unprepared(number: u32) -> String {
    let method = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    info_of(number, method, "http://www.w3.org/2001/04/xmlenc#sha256", 32)
}
