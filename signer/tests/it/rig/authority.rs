//! The real certificate authority, on the token of this test.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{Client, ISSUE, READ, REVOKE};
use ca::ceremony::{self, Specification};
use ca::{Config, PracticeStatementUrl, PublicUrl};
use hsm::Hsm;
use hsm::testing::TestToken;
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::clock::{Clock, HighWater};
use platform::db::Db;
use platform::peer::Peer;

/// SoftHSM reads its place once, so a process has one token.
static TOKEN: OnceLock<TestToken> = OnceLock::new();

/// The token of this process, with a wrapping key.
pub(crate) async fn token() -> Hsm {
    let hsm = TOKEN.get_or_init(TestToken::new).hsm().await;
    hsm.create_wrapping_key(1).await.unwrap();
    hsm
}

/// What another process needs to open the token of this one.
pub(crate) fn token_told() -> String {
    let token = TOKEN.get().unwrap();
    let config = token.token_config();
    format!("{}\n{}\n{}", config.module.display(), config.label, token.dir().join("pin").display())
}

/// The token of the process that told this.
pub(crate) async fn token_of(told: &str) -> Hsm {
    let [module, label, pin] = told.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let config = hsm::TokenConfig {
        module: module.into(),
        label: label.to_owned(),
        pin: hsm::PinSource::File(pin.into()),
        sessions: 1,
        live_keys: 16,
        session_copies: true,
    };
    Hsm::open(hsm::Config::single(config)).await.unwrap()
}

/// The authority behind the signer.
#[derive(Clone)]
pub(crate) struct Authority {
    authority: ca::Authority,
    pub(crate) high_water: HighWater,
}

impl Authority {
    /// Holds the ceremony and opens what it made.
    pub(crate) async fn new(db: &Db, hsm: &Hsm, clock: &Clock) -> Self {
        let high_water = HighWater::open(db).await.unwrap();
        let specification = Specification::parse(Specification::STANDARD).unwrap();
        let tell = |_: &str| {};
        ceremony::hold(&specification, config(), hsm, db.clone(), clock.clone(), high_water.clone(), tell)
            .await
            .unwrap();
        let (db, clock) = (db.clone(), clock.clone());
        let authority = ca::Authority::open(config(), hsm, db, clock, high_water.clone()).await.unwrap();
        Self { authority, high_water }
    }

    /// Opens what another process made.
    pub(crate) async fn opened(db: &Db, hsm: &Hsm, clock: &Clock) -> Self {
        let high_water = HighWater::open(db).await.unwrap();
        let (db, clock) = (db.clone(), clock.clone());
        let authority = ca::Authority::open(config(), hsm, db, clock, high_water.clone()).await.unwrap();
        Self { authority, high_water }
    }

    /// The same authority in a process whose profile file is this one.
    pub(crate) async fn with_profiles(&self, (db, hsm, clock): (&Db, &Hsm, &Clock), file: &Path) -> Self {
        let config = Config { profiles: Some(file.to_owned()), ..config() };
        let high_water = self.high_water.clone();
        let opened = ca::Authority::open(config, hsm, db.clone(), clock.clone(), high_water.clone()).await;
        Self { authority: opened.unwrap(), high_water }
    }

    /// The authority as the signer speaks to it.
    pub(crate) fn client(&self) -> Client {
        client(ca::router(self.authority.clone()))
    }

    /// Follows the register for as long as it is polled.
    pub(crate) async fn follow(&self, register: directory::api::Client) {
        self.authority.clone().follow_register(register).await;
    }

    /// The same, where something else happens once, after the first certificate was issued and before the signer hears of
    /// it.
    pub(crate) fn client_while(&self, meanwhile: Meanwhile) -> Client {
        let waiting = Arc::new(Mutex::new(Some(meanwhile)));
        client(ca::router(self.authority.clone()).layer(from_fn(move |request: Request, next: Next| {
            let waiting = Arc::clone(&waiting);
            async move {
                let issues = request.method() == Method::POST && request.uri().path() == "/ca/certificates";
                let response = next.run(request).await;
                let due = waiting.lock().unwrap().take_if(|_| issues);
                if let Some(meanwhile) = due {
                    meanwhile.await;
                }
                response
            }
        })))
    }

    /// The same, where nothing is revoked for as long as it is told so.
    pub(crate) fn client_refusing(&self, refuses: Arc<AtomicBool>) -> Client {
        client(ca::router(self.authority.clone()).layer(from_fn(move |request: Request, next: Next| {
            let revokes = request.method() == Method::POST && request.uri().path().ends_with("/revocation");
            let away = revokes && refuses.load(Ordering::Relaxed);
            async move {
                if away { StatusCode::SERVICE_UNAVAILABLE.into_response() } else { next.run(request).await }
            }
        })))
    }

    /// The same, where it is counted how often the list of a shard is asked for.
    pub(crate) fn client_counting_shards(&self, asked: Arc<AtomicUsize>) -> Client {
        client(ca::router(self.authority.clone()).layer(from_fn(move |request: Request, next: Next| {
            let of_shard = request.uri().query().is_some_and(|query| query.contains("shard="));
            asked.fetch_add(usize::from(of_shard), Ordering::Relaxed);
            next.run(request)
        })))
    }

    /// Makes the revocation lists that are due.
    pub(crate) async fn make_lists(&self) {
        self.authority.make_due_crls().await;
    }

    /// Writes what a verifier needs: root and revocation lists to trust, and the chain.
    pub(crate) async fn write_trust(&self, dir: &Path) {
        self.authority.make_due_crls().await;
        let client = self.client();
        let issuer = client.issuer("remote-signing").await.unwrap();
        let mut trust = pem("CERTIFICATE", issuer.chain.last().unwrap());
        for issuer in ["root", "remote-signing"] {
            trust += &pem("X509 CRL", &client.crl(issuer).await.unwrap().crl);
        }
        std::fs::write(dir.join("trust.pem"), trust).unwrap();
        std::fs::write(dir.join("chain.pem"), pem("CERTIFICATE", &issuer.certificate)).unwrap();
    }

    /// Moves the token's directory away.
    pub(crate) fn move_token_away() -> Moved {
        let token = TOKEN.get().unwrap();
        let moved = Moved { from: token.token_dir().to_owned(), to: token.dir().join("away") };
        std::fs::rename(&moved.from, &moved.to).unwrap();
        moved
    }
}

/// Something that happens at a moment of the test's choice.
pub(crate) type Meanwhile = Pin<Box<dyn Future<Output = ()> + Send>>;

fn client(router: Router) -> Client {
    Client::new(Peer::local(router, Caller::module("signer", &[ISSUE, REVOKE, READ])))
}

/// A token that is away.
pub(crate) struct Moved {
    from: PathBuf,
    to: PathBuf,
}

impl Moved {
    /// Puts it back.
    pub(crate) fn put_back(self) {
        std::fs::rename(self.to, self.from).unwrap();
    }
}

fn config() -> Config {
    let url = PublicUrl::try_from("http://pki.example.org".to_owned()).unwrap();
    let statement = PracticeStatementUrl::try_from("https://pki.example.org/cps".to_owned()).unwrap();
    Config::new(url, statement)
}

fn pem(label: &str, base64: &str) -> String {
    let der = STANDARD.decode(base64).unwrap();
    let lines: Vec<String> = STANDARD
        .encode(der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
