//! A signer with everything around it, and short words for what the tests say to it.

mod authority;
mod verify;
mod words;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use platform::caller::Caller;
use platform::clock::{Accuracy, Clock, Discipline, ManualClock, Millis};
use platform::db::Db;
use platform::peer::Peer;
use platform::web::{Limits, Lines, Told, stack_within};
use serde_json::{Value, json};
use signer::api::{Algorithm, CREDENTIALS, Credential, LedgerEntry, SIGN, VERIFY};
use signer::time_stamp::Settings;
use signer::{Config, Parts, SignIn, Signer};
use tower::ServiceExt as _;

pub(crate) use authority::{Authority, token_told};
pub(crate) use verify::{key_of, verify_raw};
pub(crate) use words::{base64, create_request, digest_of, person, request, signing_end, unbase64};
use words::{config, system};

/// The prescriber of the tests.
pub(crate) const USER: &str = "555021942107";
/// Their passphrase.
pub(crate) const PASSPHRASE: &str = "correct horse battery";
/// The body limit the tests run with.
pub(crate) const LARGEST_BODY: usize = 512 * 1024;
/// The time at which a test begins.
pub(crate) const START: Millis = Millis(1_795_540_800_000);

/// Everything one test needs. The token is the process's own.
pub(crate) struct Rig {
    pub(crate) authority: Authority,
    pub(crate) system: Caller,
    pub(crate) other_system: Caller,
    /// One that cannot do better than SHA-1 yet.
    pub(crate) old_system: Caller,
    /// One that has signatures verified.
    pub(crate) verifier: Caller,
    pub(crate) admin: Caller,
    pub(crate) holder: Caller,
    pub(crate) stranger: Caller,
    pub(crate) db: Db,
    pub(crate) signer: Signer,
    pub(crate) router: Router,
    pub(crate) clock: Clock,
    /// What is said of it.
    pub(crate) discipline: Discipline,
    time_stamps: Settings,
    hand: std::sync::Arc<ManualClock>,
    pub(crate) hsm: hsm::Hsm,
    /// Where people sign in, and the audit record: nowhere, until a test says where and makes a twin.
    pub(crate) sign_in: Option<SignIn>,
    pub(crate) record: Option<Peer>,
}

impl Rig {
    /// A signer on a new authority and a new token.
    pub(crate) async fn new(db: Db) -> Self {
        let (clock, hand) = Clock::manual(START);
        let hsm = authority::token().await;
        let authority = Authority::new(&db, &hsm, &clock).await;
        let ca = authority.client();
        let discipline = Discipline::unknown();
        discipline.tell(Ok(Accuracy { bound: Some(Duration::from_millis(20)) }));
        let time = (clock, std::sync::Arc::new(hand), discipline);
        Self::assemble(db, hsm, (authority, ca), time, (None, None), Settings::default())
    }

    /// What another process made, in this one: its database, its token and its time.
    pub(crate) async fn beside(db: Db, token: &str, now: Millis) -> Self {
        let (clock, hand) = Clock::manual(now);
        let hsm = authority::token_of(token).await;
        let authority = Authority::opened(&db, &hsm, &clock).await;
        let ca = authority.client();
        let time = (clock, std::sync::Arc::new(hand), Discipline::unknown());
        Self::assemble(db, hsm, (authority, ca), time, (None, None), Settings::default())
    }

    /// Another process whose time-stamps have these settings.
    pub(crate) fn twin_stamping(&self, settings: Value) -> Self {
        let (db, hsm, authority) = (self.db.clone(), self.hsm.clone(), self.authority.clone());
        let (ca, stamps) = (authority.client(), serde_json::from_value(settings).unwrap());
        Self::assemble(db, hsm, (authority, ca), self.time(), self.others(), stamps)
    }

    /// Another process that is set otherwise.
    pub(crate) fn twin_set(&self, change: impl FnOnce(&mut Config)) -> Self {
        let (db, hsm, parts) =
            (self.db.clone(), self.hsm.clone(), (self.authority.clone(), self.authority.client()));
        let mut config = config(&self.time_stamps);
        change(&mut config);
        Self::assemble_by(config, db, hsm, parts, self.time(), self.others(), self.time_stamps.clone())
    }

    fn others(&self) -> (Option<SignIn>, Option<Peer>) {
        (self.sign_in.clone(), self.record.clone())
    }

    fn time(&self) -> (Clock, std::sync::Arc<ManualClock>, Discipline) {
        (self.clock.clone(), std::sync::Arc::clone(&self.hand), self.discipline.clone())
    }

    /// Another process on the same database, token and authority; it shares no memory with the first.
    pub(crate) fn twin(&self) -> Self {
        self.twin_with(self.authority.client())
    }

    /// The same, which speaks to the authority in this way.
    pub(crate) fn twin_with(&self, ca: ca::api::Client) -> Self {
        let (db, hsm, parts) = (self.db.clone(), self.hsm.clone(), (self.authority.clone(), ca));
        Self::assemble(db, hsm, parts, self.time(), self.others(), self.time_stamps.clone())
    }

    fn assemble(
        db: Db,
        hsm: hsm::Hsm,
        authority: (Authority, ca::api::Client),
        time: (Clock, std::sync::Arc<ManualClock>, Discipline),
        others: (Option<SignIn>, Option<Peer>),
        time_stamps: Settings,
    ) -> Self {
        Self::assemble_by(config(&time_stamps), db, hsm, authority, time, others, time_stamps)
    }

    fn assemble_by(
        config: Config,
        db: Db,
        hsm: hsm::Hsm,
        (authority, ca): (Authority, ca::api::Client),
        (clock, hand, discipline): (Clock, std::sync::Arc<ManualClock>, Discipline),
        (sign_in, record): (Option<SignIn>, Option<Peer>),
        time_stamps: Settings,
    ) -> Self {
        let parts = Parts {
            config,
            db: db.clone(),
            hsm: hsm.clone(),
            ca,
            clock: clock.clone(),
            sign_in: sign_in.clone(),
            record: record.clone(),
            discipline: discipline.clone(),
            high_water: authority.high_water.clone(),
        };
        let signer = Signer::new(parts).unwrap();
        Self {
            authority,
            system: system("practice-system", &[SIGN]),
            other_system: system("pharmacy-system", &[SIGN]),
            old_system: system("old-system", &[SIGN]),
            verifier: system("pharmacy-desk", &[VERIFY]),
            admin: system("ra", &[CREDENTIALS]),
            holder: person(USER),
            stranger: person("555021942115"),
            router: signer::router(signer.clone()),
            signer,
            db,
            clock,
            discipline,
            time_stamps,
            hand,
            hsm,
            sign_in,
            record,
        }
    }

    /// The routes as a port of the server has them, with these limits around.
    pub(crate) fn port(&self, limits: &Limits) -> Router {
        let told = Told { port: "test", lines: Lines::All };
        stack_within(self.router.clone(), limits, told, vec![Box::new(signer::CscWords)])
    }

    /// Time goes on.
    pub(crate) fn pass(&self, millis: u64) {
        self.hand.advance(Duration::from_millis(millis));
    }

    /// It is another time.
    pub(crate) fn set_time(&self, at: i64) {
        self.hand.set(Millis(at));
    }

    /// A new credential of the prescriber, without a passphrase.
    pub(crate) async fn create(&self, algorithm: Algorithm) -> Credential {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let request = create_request(algorithm, &format!("request-{number}"));
        let made = self.post(&self.admin, "/signer/credentials", &request).await;
        assert_eq!(made.status, 200, "{:?}", made.body);
        serde_json::from_value(made.body).unwrap()
    }

    /// The id of a new credential with its passphrase.
    pub(crate) async fn ready(&self, algorithm: Algorithm) -> String {
        let id = self.create(algorithm).await.credential_id;
        let path = format!("/signer/credentials/{id}/passphrase");
        assert_eq!(self.put(&self.holder, &path, &json!({"new": PASSPHRASE})).await.status, 204);
        id
    }

    /// Asks to authorise.
    pub(crate) async fn authorize(
        &self,
        caller: &Caller,
        id: &str,
        hashes: &[&str],
        passphrase: &str,
    ) -> Answer {
        let body = json!({
            "credentialID": id, "numSignatures": hashes.len(), "hashes": hashes,
            "authData": [{"id": "passphrase", "value": passphrase}],
        });
        self.csc(caller, "credentials/authorize", &body).await
    }

    /// The SAD of a new authorisation for the practice system.
    pub(crate) async fn sad(&self, id: &str, hashes: &[&str]) -> String {
        let granted = self.authorize(&self.system, id, hashes, PASSPHRASE).await;
        assert_eq!(granted.status, 200, "{:?}", granted.body);
        assert_eq!(granted.body["expiresIn"], 300);
        granted.body["SAD"].as_str().unwrap().to_owned()
    }

    /// Asks to sign hashes with a P-256 credential.
    pub(crate) async fn sign_hash(&self, caller: &Caller, id: &str, sad: &str, hashes: &[&str]) -> Answer {
        let body =
            json!({"credentialID": id, "SAD": sad, "hashes": hashes, "signAlgo": "1.2.840.10045.4.3.2"});
        self.csc(caller, "signatures/signHash", &body).await
    }

    /// Does something with a credential and expects a status.
    pub(crate) async fn act(&self, caller: &Caller, id: &str, act: &str, status: u16) {
        let done = self.post(caller, &format!("/signer/credentials/{id}/{act}"), &json!(null)).await;
        assert_eq!(done.status, status, "{act} {:?}", done.body);
    }

    /// The whole ledger of a credential.
    pub(crate) async fn ledger(&self, id: &str) -> Vec<LedgerEntry> {
        let page = self.get(&self.admin, &format!("/signer/signatures?credential={id}&limit=500")).await;
        assert_eq!(page.status, 200, "{:?}", page.body);
        serde_json::from_value(page.body["signatures"].clone()).unwrap()
    }

    /// The signer's events about a credential, in their order.
    pub(crate) async fn events_of(&self, id: &str) -> Vec<(String, Value)> {
        let rows: Vec<(String, Vec<u8>)> =
            sqlx::query_as("SELECT name, body FROM audit_event WHERE module = 'signer' ORDER BY ordinal")
                .fetch_all(self.db.read())
                .await
                .unwrap();
        rows.into_iter()
            .map(|(name, body)| (name, serde_json::from_slice::<Value>(&body).unwrap()["event"].clone()))
            .filter(|(_, event)| event["credential"] == id)
            .collect()
    }

    /// Every event of the signer with this name, in their order.
    pub(crate) async fn events(&self, name: &str) -> Vec<Value> {
        let sql = "SELECT body FROM audit_event WHERE module = 'signer' AND name = $1 ORDER BY ordinal";
        let rows: Vec<(Vec<u8>,)> =
            sqlx::query_as(sql).bind(name.to_owned()).fetch_all(self.db.read()).await.unwrap();
        rows.iter().map(|(body,)| serde_json::from_slice::<Value>(body).unwrap()["event"].clone()).collect()
    }

    /// Makes a time-stamping key if one is due.
    pub(crate) async fn renew_time_stamping(&self) -> bool {
        self.signer.renew_time_stamping(&self.time_stamps).await.unwrap()
    }

    /// Destroys the keys of time-stamps that are over.
    pub(crate) async fn retire_time_stamping(&self) -> usize {
        self.signer.retire_time_stamping().await.unwrap()
    }

    /// Its routes.
    pub(crate) fn routes(&self) -> Router {
        self.router.clone()
    }

    /// Any request, and what comes back as it is: status, media type, octets.
    pub(crate) async fn raw(&self, request: Request<Body>) -> (u16, String, Vec<u8>) {
        self.pass(1);
        raw(self.router.clone(), request).await
    }

    /// How many wrapped keys of a credential are left.
    pub(crate) async fn wrapped_keys(&self, id: &str) -> i64 {
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_key WHERE credential_id = $1 AND wrapped IS NOT NULL";
        sqlx::query_scalar(sql).bind(id.to_owned()).fetch_one(self.db.read()).await.unwrap()
    }

    /// How many spare keys there are.
    pub(crate) async fn spare_keys(&self) -> i64 {
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_key WHERE credential_id IS NULL";
        sqlx::query_scalar(sql).fetch_one(self.db.read()).await.unwrap()
    }

    /// Follows the register for as long as it is polled.
    pub(crate) async fn follow(&self, register: directory::api::Client) {
        self.signer.follow_register(register).await;
    }

    /// Lets the pool of spare keys fill, and stops it.
    pub(crate) async fn fill_spare_keys(&self) {
        let filling = self.signer.keep_spare_keys();
        let full = async {
            while self.spare_keys().await < 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = filling => {}
            () = full => {}
        }
    }

    /// Revokes a certificate at the authority, as somebody else would.
    pub(crate) async fn revoke_at_authority(&self, serial: &str) {
        self.at_authority(serial, ca::api::Reason::KeyCompromise).await;
    }

    /// Puts a certificate on hold at the authority, as somebody else would.
    pub(crate) async fn hold_at_authority(&self, serial: &str) {
        self.at_authority(serial, ca::api::Reason::CertificateHold).await;
    }

    async fn at_authority(&self, serial: &str, reason: ca::api::Reason) {
        let request = ca::api::RevokeRequest { reason, invalidity_date: None };
        self.authority.client().revoke(serial, &request).await.unwrap();
    }

    /// The serials of a credential's certificates, newest first.
    pub(crate) async fn serials(&self, id: &str) -> Vec<String> {
        let shown = self.get(&self.admin, &format!("/signer/credentials/{id}")).await;
        let certificates = shown.body["certificates"].as_array().unwrap();
        certificates.iter().map(|shown| shown["serial"].as_str().unwrap().to_owned()).collect()
    }

    /// One CSC method.
    pub(crate) async fn csc(&self, caller: &Caller, method: &str, body: &Value) -> Answer {
        self.csc_text(caller, method, body.to_string()).await
    }

    /// One CSC method with any body.
    pub(crate) async fn csc_text(&self, caller: &Caller, method: &str, body: String) -> Answer {
        let mut request = request("POST", &format!("/csc/v2/{method}"), None);
        *request.body_mut() = Body::from(body);
        self.ask(caller, request).await
    }

    /// The same CSC request many times at once, each in a task of its own.
    pub(crate) async fn at_once(
        &self,
        times: usize,
        caller: &Caller,
        method: &str,
        body: &Value,
    ) -> Vec<Answer> {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..times {
            let mut request = request("POST", &format!("/csc/v2/{method}"), Some(body));
            request.extensions_mut().insert(caller.clone());
            let router = self.router.clone();
            tasks.spawn(send(router, request));
        }
        tasks.join_all().await
    }

    pub(crate) async fn get(&self, caller: &Caller, path: &str) -> Answer {
        self.ask(caller, request("GET", path, None)).await
    }

    pub(crate) async fn post(&self, caller: &Caller, path: &str, body: &Value) -> Answer {
        let body = (!body.is_null()).then_some(body);
        self.ask(caller, request("POST", path, body)).await
    }

    /// A body of any type.
    pub(crate) async fn post_raw(&self, caller: &Caller, path: &str, kind: &str, body: &str) -> Answer {
        let request = Request::builder().method("POST").uri(path).header("content-type", kind);
        self.ask(caller, request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// A number of the database.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.db.read()).await.unwrap()
    }

    /// Changes rows, as a crash leaves them.
    pub(crate) async fn change(&self, sql: &'static str) {
        let done: Result<(), platform::db::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(sql).execute(&mut *tx).await?;
                    Ok(())
                })
            })
            .await;
        done.unwrap();
    }

    /// Renews evidence records that are due, and says how many.
    pub(crate) async fn renew_records(&self) -> usize {
        self.signer.renew_records().await.unwrap()
    }

    /// Takes up what was to be signed later and nobody finished.
    pub(crate) async fn sweep_jobs(&self) {
        self.signer.sweep_jobs().await.unwrap();
    }

    /// Erases what is over, and says how much that was.
    pub(crate) async fn sweep(&self) -> usize {
        self.signer.sweep().await.unwrap()
    }

    pub(crate) async fn put(&self, caller: &Caller, path: &str, body: &Value) -> Answer {
        self.ask(caller, request("PUT", path, Some(body))).await
    }

    pub(crate) async fn delete(&self, caller: &Caller, path: &str) -> Answer {
        self.ask(caller, request("DELETE", path, None)).await
    }

    /// Any request as somebody; a millisecond passes.
    async fn ask(&self, caller: &Caller, mut request: Request<Body>) -> Answer {
        self.pass(1);
        request.extensions_mut().insert(caller.clone());
        self.send(request).await
    }

    /// Any request, from nobody in particular.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send(self.router.clone(), request).await
    }
}

/// Any request to these routes, and what comes back as it is.
pub(crate) async fn raw(router: Router, request: Request<Body>) -> (u16, String, Vec<u8>) {
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let kind = parts.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let octets = body.collect().await.unwrap().to_bytes().to_vec();
    (parts.status.as_u16(), kind.unwrap_or_default(), octets)
}

/// Any request to these routes.
pub(crate) async fn send(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Holds the answer against an error of the CSC API.
    #[track_caller]
    pub(crate) fn is_csc(&self, status: u16, error: &str, description: &str) {
        let expected = json!({"error": error, "error_description": description});
        assert_eq!((self.status, &self.body), (status, &expected));
    }

    /// One header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}
