//! The kit for relying parties, before one that checks what it is told and one that does not.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::scripts::with_packages;
use crate::{bench::Bench, server::free_ports};

/// A relying party; it ends when it is dropped.
struct Party(Child);

impl Drop for Party {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// Checks a relying party of a manner: whether it passed, and how each check went.
fn checked(manner: &str) -> (bool, BTreeMap<String, String>) {
    let bench = with_packages();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let certificate = bench.file("site.pem", made.cert.pem());
    let key = bench.file("site.key", made.signing_key.serialize_pem());
    let port = free_ports();
    let issuer = format!("https://localhost:{port}");
    let mut party = Command::new("node")
        .arg(bench.folder().join("relying_party.mjs"))
        .arg(&issuer)
        .args([&certificate, &key])
        .arg(manner)
        .env("NODE_EXTRA_CA_CERTS", &certificate)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node.js can be run");
    let out = BufReader::new(party.stdout.take().expect("its output is piped"));
    let _party = Party(party);
    let origin = out.lines().next().expect("it says where it is").expect("it is text");
    let plan = format!(
        "[provider]\nissuer = \"{issuer}\"\nlisten = \"127.0.0.1:{port}\"\ncertificate = \"site.pem\"\nkey = \"site.key\"\n\
         [client]\nid = \"records\"\nscopes = [\"openid\", \"profile\"]\nredirect_uris = [\"{origin}/callback\"]\n\
         sign_in = \"{origin}/sign-in\"\nsigned_in = \"{origin}/me\"\nbackchannel_logout_uri = \"{origin}/logout\"\n\
         anchors = \"site.pem\"\n"
    );
    run(&bench, &plan)
}

fn run(bench: &Bench, plan: &str) -> (bool, BTreeMap<String, String>) {
    let plan = bench.file("plan.toml", plan);
    let evidence = bench.folder().join("evidence.json");
    let output = Command::new(env!("CARGO_BIN_EXE_lanyard"))
        .args(["authn", "check-client"])
        .arg(plan)
        .arg("--evidence")
        .arg(&evidence)
        .output()
        .expect("the kit can be run");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(evidence).unwrap_or_else(|_| panic!("no evidence: {said}"));
    let found: Value = serde_json::from_str(&text).expect("the evidence reads");
    let word = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    let checks = found["checks"].as_array().expect("the evidence has checks");
    (
        output.status.success(),
        checks.iter().map(|check| (word(check, "name"), word(check, "outcome"))).collect(),
    )
}

/// A client that checks everything passes; what takes a quarter of an hour is said not to be checked.
#[test]
fn careful_client_passes() {
    let (passed, checks) = checked("careful");
    let others: Vec<_> = checks.iter().filter(|(_, outcome)| *outcome != "passed").collect();
    assert_eq!(others, [(&"idle".to_owned(), &"not-checked".to_owned())], "{checks:#?}");
    assert!(passed && checks.len() == 23, "{checks:#?}");
}

/// A client that believes what it is told fails at each lie, and the command fails with it.
#[test]
fn careless_client_fails() {
    let (passed, checks) = checked("careless");
    let named = |outcome: &str| {
        let found = checks.iter().filter(|(_, one)| *one == outcome);
        found.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    assert!(!passed);
    assert_eq!(
        named("failed"),
        [
            "another-browser",
            "audience",
            "expiry",
            "issuer",
            "least-scope",
            "logout-signature",
            "new-nonce",
            "new-state",
            "nonce",
            "proof-key",
            "proves-itself",
            "signature",
            "state",
            "unsigned",
        ]
    );
    assert_eq!(named("not-checked"), ["auth-time", "idle", "subject"]);
    assert_eq!(named("passed"), ["denied", "signs-in"]);
}
