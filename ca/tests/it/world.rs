//! A hierarchy in a throw-away token, and shorthand for what tests ask.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{self, Client, IssueRequest, Issued, KeySource, SubjectData};
use ca::ceremony::{self, Specification};
use ca::{Authority, Config};
use hsm::Hsm;
use hsm::testing::TestToken;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use platform::caller::{Act, Caller, CallerKind};
use platform::clock::{Clock, HighWater, ManualClock, Millis};
use platform::db::{self, Db};
use platform::peer::Peer;
use platform::problem::{Kind, Problem};
use rcgen::{KeyPair, PublicKeyData as _};
use tower::ServiceExt as _;

/// A working authority.
pub(crate) struct World {
    pub(crate) hsm: Hsm,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) high_water: HighWater,
    pub(crate) authority: Authority,
    pub(crate) client: Client,
    pub(crate) token: TestToken,
}

impl World {
    pub(crate) async fn new(db: Db) -> World {
        World::at(db, Clock::system()).await
    }

    /// The same, with a clock that the test moves.
    pub(crate) async fn with_hand(db: Db) -> (World, ManualClock) {
        let (clock, hand) = Clock::manual(Millis(1_800_000_000_000));
        (World::at(db, clock).await, hand)
    }

    /// The same under another configuration, from a moment on.
    pub(crate) async fn configured(db: Db, config: Config, now: Millis) -> (World, ManualClock) {
        let (clock, hand) = Clock::manual(now);
        (World::as_configured(db, clock, config).await, hand)
    }

    async fn at(db: Db, clock: Clock) -> World {
        World::as_configured(db, clock, config()).await
    }

    async fn as_configured(db: Db, clock: Clock, config: Config) -> World {
        let token = TestToken::new();
        let hsm = token.hsm().await;
        let high_water = HighWater::open(&db).await.unwrap();
        hold(&hsm, &db, &clock, &high_water).await.unwrap();
        let authority = open(&hsm, &db, &clock, &high_water, config).await;
        let client = client(&authority, &[api::ISSUE, api::REVOKE, api::READ]);
        World { hsm, db, clock, high_water, authority, client, token }
    }

    /// The same under these profiles and this ceremony.
    pub(crate) async fn under(db: Db, profiles: &str, specification: &str) -> World {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), profiles).unwrap();
        let config = Config { profiles: Some(file.path().to_owned()), ..config() };
        let (token, clock) = (TestToken::new(), Clock::system());
        let (hsm, high_water) = (token.hsm().await, HighWater::open(&db).await.unwrap());
        let specification = Specification::parse(specification).unwrap();
        let (of, marks) = (config.clone(), high_water.clone());
        ceremony::hold(&specification, of, &hsm, db.clone(), clock.clone(), marks, |_| {}).await.unwrap();
        let authority = open(&hsm, &db, &clock, &high_water, config).await;
        let client = client(&authority, &[api::ISSUE, api::REVOKE, api::READ]);
        World { hsm, db, clock, high_water, authority, client, token }
    }

    /// Another process on the same database and token.
    pub(crate) async fn again(&self, config: Config) -> (Authority, Client) {
        let authority = open(&self.hsm, &self.db, &self.clock, &self.high_water, config).await;
        let client = client(&authority, &[api::ISSUE, api::REVOKE, api::READ]);
        (authority, client)
    }

    /// Another process with connections of its own, as on another machine.
    pub(crate) async fn elsewhere(&self, config: &db::Config) -> Client {
        let db = Db::connect(config, self.clock.clone()).await.unwrap();
        let high_water = HighWater::open(&db).await.unwrap();
        let authority = open(&self.hsm, &db, &self.clock, &high_water, config_of(2)).await;
        client(&authority, &[api::ISSUE, api::REVOKE, api::READ])
    }

    /// A prescriber's certificate for a fresh key.
    pub(crate) async fn prescriber(&self, request_id: &str) -> Issued {
        self.client.issue(&prescriber(request_id)).await.unwrap()
    }

    pub(crate) fn move_token_away(&self) {
        std::fs::rename(self.token.token_dir(), self.token.dir().join("away")).unwrap();
    }

    pub(crate) fn move_token_back(&self) {
        std::fs::rename(self.token.dir().join("away"), self.token.token_dir()).unwrap();
    }

    /// Fetches from the plain listener.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> (http::response::Parts, Vec<u8>) {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response =
            ca::public_router(self.authority.clone()).oneshot(request.body(Body::empty()).unwrap());
        parts(response.await.unwrap()).await
    }

    /// The newest list of an issuer, as a value.
    pub(crate) async fn crl(&self, issuer: &str) -> pki::Crl {
        let (parts, body) = self.get(&format!("/crl/{issuer}.crl"), &[]).await;
        assert_eq!(parts.status, 200, "{issuer}");
        pki::Crl::from_der(&body).unwrap()
    }
}

pub(crate) async fn parts(response: Response<Body>) -> (http::response::Parts, Vec<u8>) {
    let (parts, body) = response.into_parts();
    (parts, body.collect().await.unwrap().to_bytes().to_vec())
}

pub(crate) fn config() -> Config {
    let public_url = "http://pki.example".to_owned().try_into().unwrap();
    let practice_statement = "https://pki.example/cps".to_owned().try_into().unwrap();
    Config::new(public_url, practice_statement)
}

/// The configuration of another process.
pub(crate) fn config_of(instance: u8) -> Config {
    Config { instance: instance.try_into().unwrap(), ..config() }
}

/// Holds the standard ceremony.
pub(crate) async fn hold(
    hsm: &Hsm,
    db: &Db,
    clock: &Clock,
    high_water: &HighWater,
) -> Result<ceremony::Transcript, ca::Error> {
    let specification = Specification::parse(Specification::STANDARD).unwrap();
    ceremony::hold(&specification, config(), hsm, db.clone(), clock.clone(), high_water.clone(), |_| {}).await
}

async fn open(hsm: &Hsm, db: &Db, clock: &Clock, high_water: &HighWater, config: Config) -> Authority {
    Authority::open(config, hsm, db.clone(), clock.clone(), high_water.clone()).await.unwrap()
}

pub(crate) fn caller(acts: &[Act]) -> Caller {
    let names = acts.iter().map(|act| act.0);
    Caller::new(CallerKind::Module, "tests", "tests".parse().unwrap(), names)
}

/// A client that may do these acts.
pub(crate) fn client(authority: &Authority, acts: &[Act]) -> Client {
    Client::new(Peer::local(router(authority), caller(acts)))
}

pub(crate) fn router(authority: &Authority) -> Router {
    ca::router(authority.clone())
}

pub(crate) fn fresh_key() -> KeySource {
    KeySource::public_key(&KeyPair::generate().unwrap().subject_public_key_info())
}

pub(crate) fn person() -> SubjectData {
    SubjectData {
        common_name: "Zoë O’Neill".to_owned(),
        user_id: Some("555021942107".to_owned()),
        given_name: Some("Zoë".to_owned()),
        family_name: Some("O’Neill".to_owned()),
        ..SubjectData::default()
    }
}

pub(crate) fn server() -> SubjectData {
    SubjectData {
        common_name: "Signing service".to_owned(),
        dns_names: vec!["localhost".to_owned(), "signer.example".to_owned()],
        ip_addresses: vec!["127.0.0.1".to_owned()],
        ..SubjectData::default()
    }
}

pub(crate) fn system() -> SubjectData {
    SubjectData {
        common_name: "200000000017".to_owned(),
        organisation: Some("Larkfield Surgery".to_owned()),
        ..SubjectData::default()
    }
}

pub(crate) fn service() -> SubjectData {
    SubjectData { common_name: "A service".to_owned(), ..SubjectData::default() }
}

pub(crate) fn prescriber(request_id: &str) -> IssueRequest {
    IssueRequest::new(request_id, "prescriber-remote-signing", person(), fresh_key())
}

pub(crate) fn certificate(issued: &Issued) -> pki::Certificate {
    decoded(&issued.certificate)
}

pub(crate) fn decoded(base64: &str) -> pki::Certificate {
    pki::Certificate::from_der(&STANDARD.decode(base64).unwrap()).unwrap()
}

/// Whether a list names this serial, and why.
pub(crate) fn listed(crl: &pki::Crl, serial: &str) -> Option<pki::CrlEntry> {
    crl.entries().find(|entry| entry.serial.to_string() == serial)
}

/// The refusal's kind and code.
pub(crate) fn refusal<T: std::fmt::Debug>(outcome: Result<T, Problem>) -> (Kind, String) {
    let problem = outcome.unwrap_err();
    (problem.kind, problem.code.to_string())
}

/// Asks until it holds, for ten seconds at most.
pub(crate) async fn until<F: AsyncFnMut() -> bool>(mut holds: F) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come to hold in ten seconds");
}
