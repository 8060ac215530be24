//! The kit for relying parties, before some that check what they are told and some that do not. Each check is seen to pass and to fail.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::scripts::with_packages;
use crate::{bench::Bench, server::free_ports};

/// The realm of CIS2.
const REALM: &str = "/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare";
/// After how many seconds without use the sessions of whoever looks at that end. Between two steps of the kit lies less, on a busy
/// machine too.
const IDLE: u32 = 15;
/// The checks of logout tokens that are to be refused.
const WRONG_LOGOUTS: [&str; 7] = [
    "logout-audience",
    "logout-events",
    "logout-expiry",
    "logout-issuer",
    "logout-nonce",
    "logout-signature",
    "logout-unsigned",
];
/// Every other check.
const OTHERS: [&str; 19] = [
    "another-browser",
    "audience",
    "auth-time",
    "denied",
    "expiry",
    "idle",
    "issuer",
    "least-scope",
    "logout",
    "new-nonce",
    "new-state",
    "nonce",
    "proof-key",
    "proves-itself",
    "signature",
    "signs-in",
    "state",
    "subject",
    "unsigned",
];

/// A relying party; it ends when it is dropped.
struct Party {
    child: Child,
    origin: String,
}

impl Party {
    /// One of a manner, that has been told of its provider.
    fn start(bench: &Bench, told: &Value) -> Self {
        let mut child = Command::new("node")
            .arg(bench.folder().join("relying_party.mjs"))
            .arg(told.to_string())
            .env("NODE_EXTRA_CA_CERTS", bench.folder().join("site.pem"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node.js can be run");
        let out = BufReader::new(child.stdout.take().expect("its output is piped"));
        let origin = out.lines().next().expect("it says where it is").expect("it is text");
        Self { child, origin }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// How a run went.
struct Found {
    succeeded: bool,
    /// The outcome of each check.
    checks: BTreeMap<String, String>,
    requests: Value,
    /// What it was run with, as the evidence says.
    run: Value,
}

/// The checks without which there is no success, unless they are waived.
const DEMANDED: [&str; 4] = ["idle", "auth-time", "subject", "logout"];

impl Found {
    /// The checks that went so.
    fn with(&self, outcome: &str) -> Vec<&str> {
        let found = self.checks.iter().filter(|(_, one)| *one == outcome);
        found.map(|(name, _)| name.as_str()).collect()
    }

    /// Demands that every check is there, that these failed and these could not be seen, and that all others passed.
    fn demands(&self, failed: &[&str], unseen: &[&str]) {
        let passed = |name: &&&str| !failed.contains(name) && !unseen.contains(name);
        let mut others: Vec<_> = OTHERS.iter().chain(&WRONG_LOGOUTS).filter(passed).copied().collect();
        others.sort_unstable();
        assert_eq!(self.with("failed"), failed, "{:#?}", self.checks);
        assert_eq!(self.with("not-checked"), unseen, "{:#?}", self.checks);
        assert_eq!(self.with("passed"), others, "{:#?}", self.checks);
        let waived = |name: &str| self.run["waived"].as_array().is_some_and(|all| all.contains(&json!(name)));
        let missing = unseen.iter().any(|name| DEMANDED.contains(name) && !waived(name));
        assert_eq!(self.succeeded, failed.is_empty() && !missing);
    }
}

/// Checks a relying party of a manner against a provider with this issuer, on this port.
fn checked(manner: &str, (issuer, port): (&str, u16), options: &[&str]) -> Found {
    let bench = with_packages();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let certificate = bench.file("site.pem", made.cert.pem());
    let key = bench.file("site.key", made.signing_key.serialize_pem());
    let party = Party::start(
        &bench,
        &json!({
            // Discovery is fetched without the port that goes without saying.
            "issuer": issuer.replace(":443/", "/"), "certificate": certificate, "key": key, "manner": manner,
            "idle": IDLE, "port": port,
        }),
    );
    let origin = &party.origin;
    let plan = format!(
        "[provider]\nissuer = \"{issuer}\"\nlisten = \"127.0.0.1:{port}\"\ncertificate = \"site.pem\"\nkey = \"site.key\"\n\
         [client]\nid = \"records\"\nscopes = [\"openid\", \"profile\"]\nredirect_uris = [\"{origin}/callback\"]\n\
         sign_in = \"{origin}/sign-in\"\nsigned_in = \"{origin}/me\"\nbackchannel_logout_uri = \"{origin}/logout\"\n\
         idle_minutes = {}\nanchors = \"site.pem\"\n",
        f64::from(IDLE) / 60.0
    );
    run(&bench, &plan, options)
}

/// The same with a provider that has plain paths.
fn plainly(manner: &str, options: &[&str]) -> Found {
    let port = free_ports();
    checked(manner, (&format!("https://localhost:{port}"), port), options)
}

/// The same with the realm of CIS2 and its issuer.
fn in_the_realm(manner: &str, options: &[&str]) -> Found {
    checked(manner, (&format!("https://localhost:443{REALM}"), free_ports()), options)
}

fn run(bench: &Bench, plan: &str, options: &[&str]) -> Found {
    let plan = bench.file("plan.toml", plan);
    let evidence = bench.folder().join("evidence.json");
    let output = Command::new(env!("CARGO_BIN_EXE_lanyard"))
        .args(["authn", "check-client"])
        .arg(plan)
        .arg("--evidence")
        .arg(&evidence)
        .args(options)
        .output()
        .expect("the kit can be run");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(evidence).unwrap_or_else(|_| panic!("no evidence: {said}"));
    let found: Value = serde_json::from_str(&text).expect("the evidence reads");
    let word = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    let checks = found["checks"].as_array().expect("the evidence has checks");
    Found {
        succeeded: output.status.success(),
        checks: checks.iter().map(|check| (word(check, "name"), word(check, "outcome"))).collect(),
        requests: found["requests"].clone(),
        run: json!({"idle_minutes": found["idle_minutes"], "waited": found["waited"], "waived": found["waived"]}),
    }
}

/// A client that checks everything passes everything, the session that nobody uses among it. Where there is no time to wait that is said
/// not to be checked, and there is no success without somebody doing without it by its name; the evidence says so.
#[test]
fn careful_client_passes() {
    plainly("careful", &["--wait"]).demands(&[], &[]);
    let unseen = plainly("careful", &[]);
    unseen.demands(&[], &["idle"]);
    assert!(!unseen.succeeded);
    let waived = plainly("careful", &["--waive", "idle"]);
    waived.demands(&[], &["idle"]);
    assert!(waived.succeeded);
    assert_eq!(waived.run, json!({"idle_minutes": 0.25, "waited": false, "waived": ["idle"]}));
}

/// A client that believes what it is told fails at each lie, and the command fails with it.
#[test]
fn careless_client_fails() {
    let unseen = ["auth-time", "subject"];
    let mut failed: Vec<_> = OTHERS.iter().chain(&WRONG_LOGOUTS).copied().collect();
    failed.retain(|name| *name != "signs-in" && !unseen.contains(name));
    failed.sort_unstable();
    plainly("careless", &["--wait"]).demands(&failed, &unseen);
}

/// A client that looks at signatures and not at what is signed fails at that, and at that alone: it takes a sign-in of yesterday and
/// userinfo of somebody else, ends sessions by whatever the provider signed, and its two states take turns.
#[test]
fn half_a_check_is_told_from_a_whole_one() {
    plainly("half", &["--wait"]).demands(
        &[
            "auth-time",
            "idle",
            "logout-audience",
            "logout-events",
            "logout-expiry",
            "logout-issuer",
            "logout-nonce",
            "new-nonce",
            "new-state",
            "subject",
        ],
        &[],
    );
}

/// A client of CIS2 is checked as it is, by the realm's names and an issuer that says its port: one that pushes its requests and has the
/// answer by form, and one that posts its request. Neither has proof keys, which CIS2 does not ask for. No assertion is in the evidence.
#[test]
fn clients_of_cis2_pass() {
    for manner in ["cis2-pushed", "cis2-form"] {
        let found = in_the_realm(manner, &["--wait"]);
        found.demands(&[], &["proof-key"]);
        let requests = found.requests.to_string();
        assert!(
            requests.contains("\"acr_values\":\"AAL3_ANY\"") && !requests.contains("assertion"),
            "{requests}"
        );
    }
}

/// A client that proves itself by its certificate passes; one that shows none fails at that alone.
#[test]
fn certificates_prove_who_a_client_is() {
    plainly("certified", &["--waive", "idle"]).demands(&[], &["idle"]);
    plainly("certified-bare", &["--waive", "idle"]).demands(&["proves-itself"], &["idle"]);
}

/// Where nobody gets in, that is said and nothing else: the cookie of this client does not come with the form of another site, in the
/// kit as in a browser.
#[test]
fn nothing_is_said_of_whoever_lets_nobody_in() {
    let found = in_the_realm("cis2-lax", &[]);
    assert_eq!(found.checks, BTreeMap::from([("signs-in".to_owned(), "failed".to_owned())]));
    assert!(!found.succeeded);
}
