//! certbot and lego register, have certificates issued, renew them and revoke them. OpenSSL judges what they got.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{External, Running};

/// Runs a program that trusts this root and answers all it said, when it ended well.
fn run(program: &str, root: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("REQUESTS_CA_BUNDLE", root)
        .env("LEGO_CA_CERTIFICATES", root)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{program} {arguments:?} said: {said}");
    said
}

/// What OpenSSL says of a leaf with its chain, and the leaf's serial in small letters.
fn verified(root: &Path, leaf: &Path, chain: &Path) -> String {
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let said = run(
        "openssl",
        root,
        &[
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "localhost",
            "-CAfile",
            &path(root),
            "-untrusted",
            &path(chain),
            &path(leaf),
        ],
    );
    assert!(said.ends_with("OK\n"), "{said}");
    let said = run("openssl", root, &["x509", "-in", &path(leaf), "-noout", "-serial"]);
    said.trim().strip_prefix("serial=").unwrap().to_ascii_lowercase()
}

/// What the server knows of a certificate.
async fn known(running: &Running, serial: &str) -> Value {
    let desk = running.site.systems(&running.site.desk());
    desk.get(&format!("/ca/certificates/{serial}")).await.unwrap()
}

/// certbot from registration to revocation, by http-01.
#[tokio::test(flavor = "multi_thread")]
async fn certbot_registers_issues_renews_and_revokes() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path()).await;
    let External { kid, hmac } = running.external();
    let (root, folder) = (running.site.root(), dir.path().join("certbot"));
    let (directory, port) = (running.directory(), running.http_port.to_string());
    let place = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (config, work, logs) = (place("config"), place("work"), place("logs"));
    let common = [
        "--non-interactive",
        "--server",
        &directory,
        "--config-dir",
        &config,
        "--work-dir",
        &work,
        "--logs-dir",
        &logs,
    ];
    let certbot = |arguments: &[&str]| run("certbot", &root, &[arguments, &common].concat());
    let wanted =
        ["--standalone", "--http-01-address", "127.0.0.1", "--http-01-port", &port, "-d", "localhost"];
    let account =
        ["--agree-tos", "--register-unsafely-without-email", "--eab-kid", &kid, "--eab-hmac-key", &hmac];
    certbot(&[&["certonly"][..], &wanted, &account].concat());
    let live = folder.join("config/live/localhost");
    let first = verified(&root, &live.join("cert.pem"), &live.join("chain.pem"));
    assert_eq!(known(&running, &first).await["profile"], "acme-tls-server");
    certbot(&["renew", "--force-renewal", "--no-random-sleep-on-renew"]);
    let second = verified(&root, &live.join("cert.pem"), &live.join("chain.pem"));
    assert_ne!(first, second, "nothing was renewed");
    let certificate = live.join("cert.pem").to_str().unwrap().to_owned();
    certbot(&["revoke", "--cert-path", &certificate, "--reason", "superseded", "--no-delete-after-revoke"]);
    let revoked = known(&running, &second).await;
    assert_eq!(
        (revoked["state"].as_str(), &revoked["revocation"]["reason"]),
        (Some("revoked"), &"superseded".into())
    );
    assert_eq!(known(&running, &first).await["state"], "issued");
    certbot(&["unregister"]);
}

/// lego by http-01 and, to renew, by tls-alpn-01; and it revokes.
#[tokio::test(flavor = "multi_thread")]
async fn lego_registers_issues_renews_and_revokes() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path()).await;
    let External { kid, hmac } = running.external();
    let (root, folder) = (running.site.root(), dir.path().join("lego"));
    let path = folder.to_str().unwrap().to_owned();
    let directory = running.directory();
    let common = [
        "--server",
        &directory,
        "--path",
        &path,
        "--email",
        "desk@larkfield.example",
        "--domains",
        "localhost",
        "--accept-tos",
        // It asks for these each time, since the directory says that they are needed.
        "--eab",
        "--kid",
        &kid,
        "--hmac",
        &hmac,
    ];
    let lego = |arguments: &[&str]| run("lego", &root, &[&common[..], arguments].concat());
    let (http, tls) = (format!("127.0.0.1:{}", running.http_port), format!("127.0.0.1:{}", running.tls_port));
    lego(&["--http", "--http.port", &http, "run"]);
    let (leaf, chain) =
        (folder.join("certificates/localhost.crt"), folder.join("certificates/localhost.issuer.crt"));
    let first = verified(&root, &leaf, &chain);
    lego(&["--tls", "--tls.port", &tls, "renew", "--days", "400", "--no-random-sleep"]);
    let second = verified(&root, &leaf, &chain);
    assert_ne!(first, second, "nothing was renewed");
    // An event is in the exported record once it is in the tree, within moments.
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let record = running.site.run(&["audit", "export"]);
        let validated =
            |kind: &str| record.lines().any(|line| line.contains("acme-validated") && line.contains(kind));
        if validated("http-01") && validated("tls-alpn-01") {
            break;
        }
        assert!(Instant::now() < deadline, "a road was not taken");
    }
    lego(&["revoke"]);
    assert_eq!(known(&running, &second).await["state"], "revoked");
}
