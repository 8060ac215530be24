//! Authorities that were given new keys by the command line, put before every judge of paths.

use std::process::Command;

use base64::{Engine, engine::general_purpose::STANDARD};
use ca::api::{CrlInfo, IssueRequest, Issued, IssuerInfo, KeySource, SubjectData};
use lanyard::client::Server;
use lanyard::keypair::Pair;

use crate::PATH;
use crate::evidence::Path;
use crate::server::Running;

/// Has a certificate issued for the desk, with which it can call.
async fn issue(server: &Running, desk: &Server, name: &str) -> Issued {
    let pair = Pair::in_folder(&server.folder().join("clients"), name);
    let request = IssueRequest {
        request_id: format!("judged-{name}"),
        profile: "system-tls-client".to_owned(),
        subject: SubjectData { common_name: "registration-desk".to_owned(), ..SubjectData::default() },
        key: KeySource::Csr(pair.request("registration-desk").expect("a request can be made")),
        issuer: None,
        validity: None,
    };
    let issued: Issued = desk.post("/ca/certificates", &request).await.expect("it is issued");
    pair.store(&issued).expect("it can be stored");
    issued
}

/// `lanyard ca …` as the desk types it; what it said.
fn typed(server: &Running, arguments: &[&str]) -> String {
    let clients = server.folder().join("clients");
    let done = Command::new(env!("CARGO_BIN_EXE_lanyard"))
        .arg("ca")
        .args(arguments)
        .env("LANYARD_SERVER", server.systems_url())
        .env("LANYARD_CLIENT_CERTIFICATE", clients.join("registration-desk.pem"))
        .env("LANYARD_CLIENT_KEY", clients.join("registration-desk.key"))
        .env("LANYARD_ROOT", clients.join("root.pem"))
        .output()
        .expect("the command can be run");
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success(), "{arguments:?}: {said}");
    said
}

fn decode(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).expect("it travels as base64")
}

/// After `lanyard ca rollover` of the root and of an issuing authority, every judge finds the path from certificates below
/// either root to either root by the certificate across, and none without it. A caller with a certificate of before and one
/// of after are let in.
#[tokio::test(flavor = "multi_thread")]
async fn either_root_leads_to_both() {
    platform::tls::install_crypto_provider();
    let server = Running::start();
    let desk = server.as_client("clients", "registration-desk");
    let old = issue(&server, &desk, "before").await;
    let out = server.folder().join("rolled");
    let out = out.to_str().expect("the folder has a plain name");
    let said = typed(&server, &["rollover", "root", "--dry-run"]);
    assert!(said.contains("nothing was done"), "{said}");
    typed(&server, &["rollover", "root", "--out", out]);
    let said = typed(&server, &["rollover", "systems", "--out", out]);
    assert!(said.contains("certified by root-g2") && said.contains("systems-g2.pem"), "{said}");
    let said = typed(&server, &["generations"]);
    assert!(said.contains("root-g2") && said.contains("systems-g2"), "{said}");
    let new = issue(&server, &desk, "after").await;

    let issuer =
        async |id: &str| -> IssuerInfo { desk.get(&format!("/ca/issuers/{id}")).await.expect("it is told") };
    let (first, second) = (issuer("root").await, issuer("root-g2").await);
    let mut crls = Vec::new();
    for id in ["root", "root-g2", "systems", "systems-g2"] {
        let crl: CrlInfo = desk.get(&format!("/ca/issuers/{id}/crl")).await.expect("it has a list");
        crls.push(decode(&crl.crl));
    }
    let path = |root: &IssuerInfo, leaf: &Issued, across: Option<&IssuerInfo>| Path {
        root: decode(&root.certificate),
        leaf: decode(&leaf.certificate),
        intermediates: std::iter::once(decode(&leaf.chain[0]))
            .chain(across.map(|root| decode(&root.cross_certificates[0])))
            .collect(),
        crls: crls.clone(),
    };
    let cases = [
        ("old by old", path(&first, &old, None), true),
        ("new by new", path(&second, &new, None), true),
        ("new by old", path(&first, &new, Some(&second)), true),
        ("old by new", path(&second, &old, Some(&first)), true),
        ("new by old without what leads across", path(&first, &new, None), false),
        ("old by new without what leads across", path(&second, &old, None), false),
    ];
    for (judge, accepts) in PATH {
        for (what, path, good) in &cases {
            let said = accepts(path);
            assert_eq!(said.is_ok(), *good, "{judge} on {what}: {said:?}");
        }
    }
    for name in ["before", "after"] {
        let caller = server.as_client("clients", name);
        caller.text("/ca/issuers").await.unwrap_or_else(|error| panic!("the caller of {name}: {error}"));
    }
}
