//! Sign-in with everything around it, and browsers that come to it.

mod agent;
mod app;
mod authority;
mod browser;
mod card;
mod client;
mod key;
mod staff;
mod tpm;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use authn::{Config, Parts, Provider};
use axum::Router;
use hsm::testing::TestToken;
use platform::caller::{Act, Caller, CallerKind};
use platform::clock::{Clock, ManualClock, Millis};
use platform::db::Db;
use platform::peer::Peer;
use serde_json::{Value, json};

pub(crate) use agent::{Agent, attributes, parameter};
pub(crate) use app::code;
pub(crate) use authority::{Authority, SoftCard};
pub(crate) use browser::{Answered, Browser, secret, sha256};
pub(crate) use card::Card;
pub(crate) use key::{Maker, SoftKey};
pub(crate) use staff::{assign, dismiss, staff};
pub(crate) use tpm::{SoftTpm, Spoil};

/// Who signs in.
pub(crate) const USER: &str = "555021942107";
/// Somebody else.
pub(crate) const OTHER: &str = "555021942115";
/// Where the pages are.
pub(crate) const ISSUER: &str = "https://id.example.org";
/// Where cards are shown.
pub(crate) const CARDS: &str = "https://id.example.org:8445";
/// When a test begins: 2026-11-24.
pub(crate) const START: Millis = Millis(1_795_540_800_000);
/// Every method.
pub(crate) const ALL: &[&str] = &["smartcard", "security-key", "platform-key", "passkey", "totp"];
/// What is worth level three.
pub(crate) const STRONG: &[&str] = &["smartcard", "security-key", "platform-key"];

/// SoftHSM reads its place once, so a process has one token.
static TOKEN: OnceLock<TestToken> = OnceLock::new();

/// One that has the RSA key of ID tokens already.
fn token() -> TestToken {
    TestToken::with_keys(&[("id-token-rsa-1", hsm::Alg::Rsa2048)])
}

/// Everything one test needs.
pub(crate) struct Rig {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) provider: Provider,
    pub(crate) router: Router,
    pub(crate) cards: Router,
    hand: Arc<ManualClock>,
    pub(crate) hsm: hsm::Hsm,
    directory: directory::api::Client,
    ca: ca::api::Client,
}

impl Rig {
    /// Sign-in as it is without settings.
    pub(crate) async fn new(db: Db) -> Self {
        Self::with(db, &json!({})).await
    }

    /// Sign-in with these settings.
    pub(crate) async fn with(db: Db, settings: &Value) -> Self {
        let nobody = Peer::local(Router::new(), Caller::module("authn", &[]));
        Self::beside(db, settings, |_, _, _| Box::pin(async { ca::api::Client::new(nobody) })).await
    }

    /// Sign-in beside an authority.
    pub(crate) async fn with_authority(db: Db, settings: &Value) -> (Self, Authority) {
        let made = Arc::new(OnceLock::new());
        let kept = Arc::clone(&made);
        let rig = Self::beside(db, settings, move |db, hsm, clock| {
            Box::pin(async move {
                let authority = Authority::new(&db, &hsm, &clock).await;
                let client = authority.client();
                assert!(kept.set(authority).is_ok());
                client
            })
        })
        .await;
        let authority = made.get().unwrap().clone();
        (rig, authority)
    }

    /// Sign-in beside an authority of a demonstration.
    pub(crate) async fn with_demonstration(db: Db, settings: &Value) -> Self {
        Self::beside(db, settings, |db, hsm, clock| {
            Box::pin(async move { Authority::of_a_demonstration(&db, &hsm, &clock).await.client() })
        })
        .await
    }

    /// The register as sign-in speaks to it.
    pub(crate) fn register(&self) -> directory::api::Client {
        self.directory.clone()
    }

    /// The authorities that are loaded.
    pub(crate) async fn issuers(&self) -> Vec<ca::api::IssuerInfo> {
        self.ca.issuers().await.unwrap()
    }

    /// What is said where sign-in does not start with these settings beside this authority.
    pub(crate) async fn refused(&self, settings: &Value, ca: ca::api::Client) -> String {
        let parts = Parts {
            config: config(settings),
            db: self.db.clone(),
            clock: self.clock.clone(),
            hsm: self.hsm.clone(),
            directory: self.directory.clone(),
            holders: authority::holders(ca.clone()),
            ca,
        };
        Provider::open(parts).await.err().expect("sign-in started").to_string()
    }

    async fn beside<F>(db: Db, settings: &Value, authority: F) -> Self
    where
        F: FnOnce(Db, hsm::Hsm, Clock) -> std::pin::Pin<Box<dyn Future<Output = ca::api::Client> + Send>>,
    {
        let (clock, hand) = Clock::manual(START);
        let hsm = TOKEN.get_or_init(token).hsm().await;
        hsm.create_wrapping_key(1).await.unwrap();
        people(&db).await;
        let register = directory::Register::new(directory::Parts {
            config: directory::Config::default(),
            db: db.clone(),
            clock: clock.clone(),
            document_key: directory::DocumentKey::new(&[7; 32]),
        });
        let acts = [directory::api::CLAIMS, directory::api::CHANGES, directory::api::ASK];
        let asking = Caller::module("authn", &acts);
        let directory =
            directory::api::Client::new(Peer::local(directory::router(register.unwrap()), asking));
        let ca = authority(db.clone(), hsm.clone(), clock.clone()).await;
        Self::assemble(config(settings), db, (clock, Arc::new(hand)), hsm, (directory, ca)).await
    }

    async fn assemble(
        config: Config,
        db: Db,
        (clock, hand): (Clock, Arc<ManualClock>),
        hsm: hsm::Hsm,
        (directory, ca): (directory::api::Client, ca::api::Client),
    ) -> Self {
        let parts = Parts {
            config,
            db: db.clone(),
            clock: clock.clone(),
            hsm: hsm.clone(),
            directory: directory.clone(),
            ca: ca.clone(),
            holders: authority::holders(ca.clone()),
        };
        let provider = Provider::open(parts).await.unwrap();
        let router = authn::router(provider.clone());
        let cards = authn::cards_router(provider.clone());
        Self { db, clock, provider, router, cards, hand, hsm, directory, ca }
    }

    /// Another machine on the same database, with an authority that it speaks to in this way.
    pub(crate) async fn twin(&self, ca: ca::api::Client) -> Self {
        self.twin_with(ca, &json!({})).await
    }

    /// The same with settings.
    pub(crate) async fn twin_with(&self, ca: ca::api::Client, settings: &Value) -> Self {
        self.with_ca(settings, ca).await
    }

    /// The same machine with other settings.
    pub(crate) async fn again(&self, settings: &Value) -> Self {
        let clock = (self.clock.clone(), Arc::clone(&self.hand));
        let others = (self.directory.clone(), self.ca.clone());
        Self::assemble(config(settings), self.db.clone(), clock, self.hsm.clone(), others).await
    }

    /// Another machine with these settings on the same database, with an authority that it speaks to in this way.
    pub(crate) async fn with_ca(&self, settings: &Value, ca: ca::api::Client) -> Self {
        let clock = (self.clock.clone(), Arc::clone(&self.hand));
        let others = (self.directory.clone(), ca);
        Self::assemble(config(settings), self.db.clone(), clock, self.hsm.clone(), others).await
    }

    /// The same machine where nobody answers for the register.
    pub(crate) async fn without_register(&self, settings: &Value) -> Self {
        let clock = (self.clock.clone(), Arc::clone(&self.hand));
        let nobody = directory::api::Client::new(Peer::local(Router::new(), Caller::module("authn", &[])));
        let others = (nobody, self.ca.clone());
        Self::assemble(config(settings), self.db.clone(), clock, self.hsm.clone(), others).await
    }

    /// Writes what an organisation asks of those who sign in for it.
    pub(crate) async fn policy(&self, organisation: &'static str, policy: &Value) {
        let text = policy.to_string();
        let done: Result<(), platform::db::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let sql = "INSERT INTO authn_policy (organisation, policy, version, changed_at) VALUES ($1, $2, 1, 0)";
                    sqlx::query(sql).bind(organisation).bind(text).execute(&mut *tx).await?;
                    Ok(())
                })
            })
            .await;
        done.unwrap();
    }

    /// A new browser.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.router.clone(), self.cards.clone())
    }

    /// The same browser, which comes to this machine.
    pub(crate) fn browser_like(&self, other: &Browser) -> Browser {
        Browser { cookies: other.cookies.clone(), ..self.browser() }
    }

    /// Time goes on.
    pub(crate) fn pass(&self, by: Duration) {
        self.hand.advance(by);
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// An authorisation request that waits for this browser, as the protocol stores it; the address of its pages.
    pub(crate) async fn begin(&self, browser: &mut Browser, methods: &[&str]) -> String {
        let (of_request, of_browser) = (secret(), secret());
        let id = uuid::Uuid::now_v7().to_string();
        browser.keep(&format!("__Host-lanyard-interaction-{id}"), &of_browser);
        let wanted =
            json!({"acceptable": methods, "fresh_after": null, "login_hint": null, "ui_locales": []});
        let (now, hashes) = (self.now().0, (sha256(&of_request), sha256(&of_browser)));
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO authn_interaction (interaction_id, secret_hash, browser_hash, client_id, client_name, \
                         request, wanted, state, created_at, expires_at) \
                         VALUES ($1, $2, $3, 'records', 'Shared records', '{}', $4, 'waiting', $5, $6)",
                    )
                    .bind(id)
                    .bind(hashes.0)
                    .bind(hashes.1)
                    .bind(wanted.to_string())
                    .bind(now)
                    .bind(now + 3_600_000)
                    .execute(&mut *tx)
                    .await?;
                    Ok::<_, platform::db::Error>(())
                })
            })
            .await
            .unwrap();
        format!("/sign-in/{of_request}")
    }

    /// The state of a person in the register.
    pub(crate) async fn set_person(&self, user: &'static str, state: &'static str) {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query("UPDATE directory_person SET state = $2 WHERE user_id = $1")
                        .bind(user)
                        .bind(state)
                        .execute(&mut *tx)
                        .await?;
                    Ok::<_, platform::db::Error>(())
                })
            })
            .await
            .unwrap();
    }

    /// A browser that comes for a request, and the challenge for its card.
    pub(crate) async fn challenged(&self) -> (Browser, String, Value) {
        let mut browser = self.browser();
        let here = self.begin(&mut browser, STRONG).await;
        let asked = browser.script(&format!("{here}/card/challenge"), &json!({})).await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        (browser, here, asked.json())
    }

    /// A browser whose holder has signed in with a card by the agent, and what that tells when the card is taken out.
    pub(crate) async fn signed_in_by(&self, card: &SoftCard) -> (Browser, Value) {
        let (mut browser, here, challenge) = self.challenged().await;
        let done = browser.script(&format!("{here}/card/answer"), &card.answer(&challenge)).await;
        assert_eq!(done.status, 200, "{}", done.body);
        self.pass(Duration::from_millis(1));
        (browser, json!({"secret": done.json()["watch"]["secret"]}))
    }

    /// The events of sign-in with this name, in their order.
    pub(crate) async fn events(&self, name: &str) -> Vec<Value> {
        let rows: Vec<(Vec<u8>,)> = sqlx::query_as(
            "SELECT body FROM audit_event WHERE module = 'authn' AND name = $1 ORDER BY ordinal",
        )
        .bind(name.to_owned())
        .fetch_all(self.db.read())
        .await
        .unwrap();
        rows.iter().map(|(body,)| serde_json::from_slice::<Value>(body).unwrap()["event"].clone()).collect()
    }

    /// A link for a person, made by a system that may.
    pub(crate) async fn link(&self, user: &str, purpose: &str) -> String {
        let path = format!("/authn/people/{user}/enrolments");
        let made = self.browser().call(&desk(), "POST", &path, Some(&json!({"purpose": purpose}))).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.json()["link"].as_str().unwrap().strip_prefix(ISSUER).unwrap().to_owned()
    }

    /// A browser that has opened a link for a person.
    pub(crate) async fn opened(&self, user: &str, purpose: &str) -> (Browser, String) {
        let link = self.link(user, purpose).await;
        let mut browser = self.browser();
        let begun = browser.form(&link, &[]).await;
        assert_eq!(begun.status, 303, "{}", begun.body);
        (browser, link)
    }

    /// Enrols a key of this maker for a person.
    pub(crate) async fn enrol_key(&self, user: &str, kind: &str, key: &mut SoftKey) -> Answered {
        let (mut browser, link) = self.opened(user, "issue").await;
        browser.enrol(&link, kind, key).await
    }

    /// Enrols an app for a person; its seed.
    pub(crate) async fn enrol_app(&self, user: &str, email: &str, password: &str) -> String {
        let (mut browser, link) = self.opened(user, "issue").await;
        let path = format!("{link}/app");
        let page = browser.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let seed = page.between("<code class=\"lanyard-seed\">", "</code>");
        let code = code(&seed, self.now());
        let fields = [("email", email), ("password", password), ("code", &code), ("name", "my phone")];
        let done = self.adds_app(&mut browser, &link, &fields).await;
        assert_eq!((done.status, done.location().as_str()), (303, "/enrol/done/totp"), "{}", done.body);
        seed
    }

    /// Proposes an app, and gives the code that was sent to its address.
    pub(crate) async fn adds_app(
        &self,
        browser: &mut Browser,
        link: &str,
        fields: &[(&str, &str)],
    ) -> Answered {
        let asked = browser.form(&format!("{link}/app"), fields).await;
        let there = format!("{link}/app/address");
        assert_eq!((asked.status, asked.location()), (303, there.clone()), "{}", asked.body);
        let address = fields.iter().find(|(name, _)| *name == "email").unwrap().1;
        browser.form(&there, &[("proof", &self.sent_code(address).await)]).await
    }

    /// The code that was sent to an address last.
    pub(crate) async fn sent_code(&self, address: &str) -> String {
        let text = "SELECT body FROM platform_message WHERE kind = 'address-code' AND address = $1 AND body IS NOT NULL \
                    ORDER BY message_id DESC";
        let letter: String =
            sqlx::query_scalar(text).bind(address.to_lowercase()).fetch_one(self.db.read()).await.unwrap();
        letter.strip_prefix("Your code is ").unwrap()[..14].to_owned()
    }

    /// A browser whose holder has signed in with a key of theirs.
    pub(crate) async fn signed_in(&self, key: &mut SoftKey) -> Browser {
        let mut browser = self.browser();
        let here = self.begin(&mut browser, ALL).await;
        let done = browser.show(&here, key).await;
        assert_eq!(done.status, 200, "{}", done.body);
        // Ids sort by the millisecond of their making.
        self.pass(Duration::from_millis(1));
        browser
    }
}

fn config(settings: &Value) -> Config {
    let mut whole = json!({
        "issuer": ISSUER, "cards_origin": CARDS, "passwords": {"memory_kib": 64, "passes": 1},
        "webauthn": {"unproven": "hardware"},
    });
    for (name, value) in settings.as_object().unwrap() {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).unwrap()
}

/// People whom the register knows.
async fn people(db: &Db) {
    db.write(|tx| {
        Box::pin(async move {
            for user in [USER, OTHER] {
                sqlx::query(
                    "INSERT INTO directory_person (user_id, kind, state, version) VALUES ($1, 'person', 'open', 1) \
                     ON CONFLICT DO NOTHING",
                )
                .bind(user)
                .execute(&mut *tx)
                .await?;
            }
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
}

/// A system with these acts.
pub(crate) fn system(name: &str, acts: &[Act]) -> Caller {
    Caller::new(CallerKind::System, name, name.parse().unwrap(), acts.iter().map(|act| act.0))
}

/// The program of a registration desk.
pub(crate) fn desk() -> Caller {
    system("desk", &[authn::api::AUTHENTICATORS, authn::api::SESSIONS])
}

/// A person who calls by themselves.
pub(crate) fn person(user: &str) -> Caller {
    let acts = [authn::api::OWN.0, directory::api::ACT.0];
    let mut caller = Caller::new(CallerKind::Person, user, "sign-in-certificate".parse().unwrap(), acts);
    caller.assurance = Some("aal3".to_owned());
    caller
}
