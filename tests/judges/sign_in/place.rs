//! An installation with people in its register, that serves sign-in on ports of its own.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use lanyard::{
    client::{Identity, Server},
    keypair::Pair,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::register::{self, PEOPLE};
use crate::server::free_ports;

/// How long it may take to come up beside everything else that a machine does.
const PATIENCE: Duration = Duration::from_mins(2);
/// The port of the agent, above the first.
const AGENT: u16 = 9;
/// A key for each algorithm with which tokens can be signed.
const KEYS: &str = "keys = [{ label = \"id-token-rsa-1\", alg = \"rsa-2048\" }, { label = \"id-token-p256-1\", alg = \"p-256\" }, \
                    { label = \"id-token-ed25519-1\", alg = \"ed25519\" }]\n";
/// The system that is a client by its certificate.
const SYSTEM: &str = "prescribing-system";

/// How people show their cards.
#[derive(Clone, Copy)]
enum Cards {
    /// On the port for cards.
    ByPort,
    /// There, and by the agent of this machine.
    ByAgent,
    /// Nohow.
    Nowhere,
}

impl Cards {
    /// What the signer is told of them.
    fn signing(self) -> &'static str {
        match self {
            Self::ByAgent => "\n[signer.dss]\ncards = true\n\n[signer.time_stamps]",
            Self::ByPort | Self::Nowhere => "\n[signer.time_stamps]",
        }
    }

    /// What stands before the origin of the port for cards.
    fn before(self, base: u16) -> String {
        match self {
            Self::ByPort => String::new(),
            Self::ByAgent => format!("card_agent = \"http://127.0.0.1:{}\"\n", base + AGENT),
            // The rest of the line is left out.
            Self::Nowhere => "# ".to_owned(),
        }
    }
}

/// A running server, and what a judge needs to know of it. It ends when it is dropped.
pub(crate) struct Place {
    folder: TempDir,
    base: u16,
    child: Child,
}

impl Place {
    /// Makes the installation and its people, starts it and waits until it is ready.
    pub(crate) fn start() -> Self {
        Self::configured(Cards::ByPort)
    }

    /// The same where pages find an agent on this machine, on the last port of the ten.
    pub(crate) fn with_agent() -> Self {
        Self::configured(Cards::ByAgent)
    }

    /// The same where nobody can show a card.
    pub(crate) fn without_cards() -> Self {
        Self::configured(Cards::Nowhere)
    }

    /// The same where people show cards so.
    fn configured(cards: Cards) -> Self {
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = TempDir::with_prefix("lanyard-sign-in-").expect("a temporary folder can be made");
        let base = free_ports();
        install(folder.path(), base, cards);
        let runtime = runtime();
        runtime.block_on(register::fill(&folder.path().join("lanyard.db")));
        let log = File::create(folder.path().join("serve.log")).expect("a log can be made");
        let child = Command::new(env!("CARGO_BIN_EXE_lanyard"))
            .arg("--config")
            .arg(folder.path().join("lanyard.toml"))
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log has two ends"))
            .stderr(log)
            .spawn()
            .expect("the server can be started");
        let place = Self { folder, base, child };
        runtime.block_on(async {
            place.ready().await;
            place.cards().await;
        });
        place
    }

    /// What it said while it ran.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default()
    }

    /// The root of its certificates.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("clients/root.pem")
    }

    /// What the scripts read: addresses, files and people.
    pub(crate) fn told(&self) -> Value {
        let at = |port: u16| format!("https://localhost:{}", self.base + port);
        let file = |name: &str| self.folder.path().join(name);
        let pair = |name: &str| json!({"certificate": file(&format!("{name}.pem")), "key": file(&format!("{name}.key"))});
        let people: serde_json::Map<String, Value> =
            PEOPLE.iter().map(|one| (one.word.to_owned(), one.user().into())).collect();
        json!({
            "issuer": at(0), "systems": at(1), "cards": at(2), "agent": self.base + AGENT, "root": self.root(), "folder": self.folder.path(),
            "desk": pair("clients/registration-desk"), "system": pair(&format!("clients/{SYSTEM}")), "system_name": SYSTEM,
            // A relying party on this machine is reached by the same name.
            "site": pair("tls/server"),
            "card": pair("cards/one"), "other_card": pair("cards/three"), "people": people,
            "program": env!("CARGO_BIN_EXE_lanyard"),
            "prescription": concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/prescription.json"),
        })
    }

    /// Where its pages are.
    pub(crate) fn base(&self) -> u16 {
        self.base
    }

    /// The registration desk.
    pub(crate) fn desk(&self) -> Server {
        let desk = Pair::in_folder(&self.folder.path().join("clients"), "registration-desk");
        let identity = Identity { certificate: &desk.certificate, key: &desk.key };
        let address = format!("https://localhost:{}", self.base + 1);
        Server::new(&address, &self.root(), Some(&identity)).expect("the desk has its files")
    }

    async fn ready(&self) {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
        let url = format!("http://127.0.0.1:{}/ready", self.base + 4);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(answer) = http.get(&url).send().await
                && answer.status().is_success()
            {
                return;
            }
            assert!(Instant::now() < deadline, "the server did not come up:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Certificates as they lie on cards, for two people.
    async fn cards(&self) {
        let desk = self.desk();
        for one in PEOPLE.iter().filter(|one| ["one", "three"].contains(&one.word)) {
            let pair = Pair::in_folder(&self.folder.path().join("cards"), one.word);
            let name = format!("{}_{}_{}", one.user(), one.given, one.family);
            let request = IssueRequest {
                request_id: format!("card-{}", one.word),
                profile: "person-sign-in".to_owned(),
                key: KeySource::Csr(pair.request(&name).expect("a key can be made")),
                subject: SubjectData {
                    common_name: name,
                    user_id: Some(one.user()),
                    given_name: Some(one.given.to_owned()),
                    family_name: Some(one.family.to_owned()),
                    ..SubjectData::default()
                },
                issuer: None,
                validity: None,
            };
            let issued: Issued = desk.post("/ca/certificates", &request).await.expect("the desk may ask");
            pair.store(&issued).expect("a certificate can be stored");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // It may have ended already; its folder goes in any case.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime can be made")
}

/// Where workstations reach the installation that issues cards.
fn issuing(base: u16) -> String {
    format!(
        "[ca.cards]\naddress = \"https://localhost:{base}\"\norganisation = \"Larkfield\"\nrenewal_days = 3650\n\n"
    )
}

/// Makes an installation in which the desk looks after clients, authenticators and sessions, and security keys are taken at their
/// word: those of a browser for tests have a maker that nobody knows.
fn install(folder: &Path, base: u16, cards: Cards) {
    let made = Command::new(env!("CARGO_BIN_EXE_lanyard"))
        .args(["demo", "--once", "--without-people", "--port-base", &base.to_string(), "--dir"])
        .arg(folder)
        .output()
        .expect("the demo can be run");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let path = folder.join("lanyard.toml");
    let config = std::fs::read_to_string(&path).expect("the demo left its configuration");
    let more = config
        .replace(
            "\"ca:acme\"",
            "\"ca:acme\", \"ca:cards\", \"signer:verify\", \"authn:clients\", \"authn:all-teams\", \"authn:authenticators\", \"authn:sessions\"",
        )
        .replace("\n[signer.time_stamps]", cards.signing())
        .replace("\n[authn] ", &format!("\n{}[authn.webauthn]\nunproven = \"hardware\"\n\n[authn.cis1]\n\n[authn] ", issuing(base)))
        .replace("\ncards_origin = ", "\nnetworks = [\"127.0.0.0/8\", \"::1/128\"]\nanchors = \"clients/root.pem\"\ncards_origin = ")
        .replace("\ncards_origin = ", &format!("\n{KEYS}{}cards_origin = ", cards.before(base)));
    for change in [
        "authn:clients",
        "ca:cards",
        "[ca.cards]",
        "unproven",
        "networks",
        "anchors",
        "ed25519",
        "[signer.time_stamps]",
    ] {
        assert!(more.contains(change), "the configuration has no place for {change}");
    }
    std::fs::write(&path, more).expect("the configuration can be written");
}
