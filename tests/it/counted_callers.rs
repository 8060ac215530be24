//! Each caller has one count, by whichever way they say who they are: what stands before the routes stands in the order for that.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use lanyard::client::Server;
use lanyard::keypair::Pair;
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};

use crate::callers::issued;
use crate::rig::{Serving, Site};
use crate::token_callers::Plain;

/// What everybody here asks for; systems and applications may, and keys are taken there.
const ROUTE: &str = "/organisation-data-terminology-api/fhir/metadata";
/// How many requests a caller may make at once; each second gives back one, which is the slowest there is. A count is looked at in as
/// many requests as it has when nobody has asked: time makes a count that is over look like a fresh one only where those requests take
/// as many seconds.
const BURST: usize = 30;
/// The key of the application.
const KEY: &str = "5b0c1f6d9a7e4c3f8d2b6a1e0f9c8d7b13f4e6a85d7c4b0e9f2a6c1d8e3b7f50";
/// A key and a token that are nobody's.
const NOBODYS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Somebody on the port for systems, with what they show there.
#[derive(Clone)]
struct Asker {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
    key: Option<&'static str>,
}

impl Asker {
    /// On connections with this certificate, or with none.
    fn new(site: &Site, pair: Option<&Pair>) -> Self {
        let root = reqwest::Certificate::from_pem(&std::fs::read(site.root()).unwrap()).unwrap();
        let mut http = reqwest::Client::builder().tls_certs_only([root]).no_proxy();
        if let Some(pair) = pair {
            let pem = [&pair.certificate, &pair.key].map(|file| std::fs::read(file).unwrap()).concat();
            http = http.identity(reqwest::Identity::from_pem(&pem).unwrap());
        }
        let url = format!("https://localhost:{}{ROUTE}", site.base + 1);
        Self { http: http.build().unwrap(), url, token: None, key: None }
    }

    fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    fn with_key(&self, key: &'static str) -> Self {
        Self { key: Some(key), ..self.clone() }
    }

    /// The status of an answer, and how many seconds it says to wait.
    async fn ask(&self) -> (u16, Option<u64>) {
        let mut request = self.http.get(&self.url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = self.key {
            request = request.header("apikey", key);
        }
        let answer = request.send().await.unwrap();
        let wait =
            answer.headers().get(RETRY_AFTER).map(|wait| wait.to_str().unwrap().parse::<u64>().unwrap());
        let status = answer.status().as_u16();
        answer.bytes().await.unwrap();
        (status, wait)
    }

    /// Nobody has asked before on this count.
    async fn has_a_fresh_count(&self, who: &str) {
        for number in 0..BURST {
            assert_eq!(self.ask().await.0, 200, "{who}, request {number}");
        }
    }

    /// So much was asked on this count before that it is over sooner than a fresh one would be.
    async fn is_told_to_wait(&self, who: &str) {
        for _ in 0..BURST {
            let (status, wait) = self.ask().await;
            if status == 429 {
                assert!(wait >= Some(1), "{who} is not told for how long");
                return;
            }
            assert_eq!(status, 200, "{who}");
        }
        panic!("{who}: what was asked before is not counted");
    }
}

/// A certificate and a key each have a count; a token has its own, beside either of them and alone; and who is unknown is told so however
/// often they ask.
#[tokio::test(flavor = "multi_thread")]
async fn every_caller_has_one_count() {
    let dir = tempfile::tempdir().unwrap();
    let site = site(dir.path());
    let _serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let (registrar, _) = issued(&site, "registrar", "system-tls-client", None).await;
    let token = token(&site, &site.systems(&registrar)).await;
    let (pair, _) = issued(&site, "certified", "system-tls-client", None).await;
    let (certified, nobody) = (Asker::new(&site, Some(&pair)), Asker::new(&site, None));
    let (keyed, tokened) = (nobody.with_key(KEY), nobody.with_token(&token));

    for (who, asker) in
        [("the system with a certificate", &certified), ("the application with a key", &keyed)]
    {
        asker.has_a_fresh_count(who).await;
        asker.is_told_to_wait(who).await;
    }
    // Those two counts are over. That of the token is not, and it is the one that counts beside both.
    let beside = [certified.with_token(&token), keyed.with_token(&token)];
    for (number, asker) in (0..BURST).zip(beside.iter().cycle()) {
        assert_eq!(asker.ask().await.0, 200, "a token beside something else, request {number}");
    }
    tokened.is_told_to_wait("the client with a token").await;

    // A key is not looked at beside what is better: neither served nor told to wait as its own.
    for asker in [certified.with_key(NOBODYS), tokened.with_key(NOBODYS)] {
        let (status, _) = asker.ask().await;
        assert!(
            matches!(status, 200 | 429),
            "the key beside a certificate or a token is looked at: {status}"
        );
    }
    let strangers = [nobody.with_token(NOBODYS), nobody.with_key(NOBODYS), nobody];
    for number in 0..2 * BURST {
        for stranger in &strangers {
            assert_eq!(stranger.ask().await, (401, None), "a stranger, request {number}");
        }
    }
}

/// A demonstration where a caller may ask so little, an address as much as it likes, and the callers are registered.
fn site(dir: &Path) -> Site {
    let site = Site::of_demo(dir);
    let limits = format!(
        "\n[limits]\nper_client = {{ per_second = 1, burst = {BURST} }}\n\
         per_address = {{ per_second = 10000, burst = 10000 }}\n\n[telemetry]\n"
    );
    site.configure("\n[telemetry]\n", &limits);
    let digest = hex::encode(digest(&SHA256, KEY.as_bytes()));
    let clients = format!(
        "\n[clients.registrar]\nacts = [\"authn:clients\", \"directory:look-up\"]\nteam = \"apps\"\n\
         \n[clients.certified]\nacts = [\"directory:look-up\"]\n\
         \n[clients.keyed]\nacts = [\"directory:look-up\"]\napi_key_sha256 = \"{digest}\"\n\
         \n[clients.registration-desk]"
    );
    site.configure("\n[clients.registration-desk]", &clients);
    site
}

/// The access token of a client that may ask the same.
async fn token(site: &Site, registrar: &Server) -> String {
    let registration = json!({"config_name": "prescriber.app", "client_config": {
        "client_name": "Prescriber", "token_endpoint_auth_method": "client_secret_basic", "scopes": [],
        "grant_types": ["client_credentials"], "acts": ["directory:look-up"]}});
    let made: Value = registrar.post("/authn/configs/apps", &registration).await.unwrap();
    Plain::new(site, 1).token(made["client_secret"].as_str().unwrap(), "").await
}
