//! `lanyard ca`: every act of the authority from the command line.

use std::fs;
use std::process::Output;

use lanyard::keypair::Pair;

use crate::rig::{Demo, Site, free_ports, lanyard, said};

/// Asks as the registration desk.
fn ask(site: &Site, desk: &Pair, arguments: &[&str]) -> Output {
    let (server, root) = (format!("https://localhost:{}", site.base + 1), site.root());
    let mut all = vec!["ca"];
    all.extend(arguments);
    let files = [
        ("--certificate", desk.certificate.to_str().unwrap()),
        ("--key", desk.key.to_str().unwrap()),
        ("--root", root.to_str().unwrap()),
        ("--server", server.as_str()),
    ];
    all.extend(files.iter().flat_map(|(name, value)| [*name, *value]));
    lanyard(&all)
}

/// A certificate is issued, found, shown, held, resumed, revoked and exported; what is refused says so.
#[test]
fn every_act_is_a_command() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    let _demo = Demo::start(&site.folder, site.base);
    let desk = site.desk();
    let must = |arguments: &[&str]| {
        let output = ask(&site, &desk, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        said(&output)
    };
    assert!(must(&["issuers"]).contains("remote-signing\t"));
    assert_eq!(must(&["issuers", "systems"]).matches("BEGIN CERTIFICATE").count(), 2);
    assert!(must(&["profiles", "list"]).contains("card-signing@1\t"));
    assert!(must(&["profiles", "show", "card-signing"]).contains("\"used_at\""));
    let key = rcgen::KeyPair::generate().unwrap();
    let csr = rcgen::CertificateParams::new(Vec::new()).unwrap().serialize_request(&key).unwrap();
    let request = dir.path().join("request.json");
    let body = serde_json::json!({"request_id": "by-command", "profile": "system-tls-client",
        "subject": {"common_name": "by-command"}, "key": {"csr": csr.pem().unwrap()}});
    fs::write(&request, body.to_string()).unwrap();
    assert!(must(&["issue", request.to_str().unwrap()]).contains("BEGIN CERTIFICATE"));
    let found = must(&["search", "--common-name", "by-command"]);
    let serial = found.split('\t').next().unwrap().trim().to_owned();
    assert_eq!(found.lines().count(), 1, "{found}");
    assert!(must(&["show", &serial]).contains("\"profile_version\": 1"));
    assert!(must(&["hold", &serial]).contains("\theld\t"));
    assert!(must(&["resume", &serial]).contains("\tissued\t"));
    assert!(must(&["revoke", &serial, "--reason", "superseded"]).contains("\trevoked\t"));
    let refused = ask(&site, &desk, &["resume", &serial]);
    assert!(!refused.status.success() && said(&refused).contains("already-revoked"), "{}", said(&refused));
    assert!(must(&["crl", "systems"]).contains("BEGIN X509 CRL"));
    assert!(must(&["lists", "systems"]).contains("complete\t"));
    assert!(must(&["renewals", "--within", "400"]).contains("\topen\tsystem-tls-client\t"));
    assert!(
        must(&[
            "expiries",
            "--profile",
            "person-sign-in",
            "--expires-before",
            "2020-01-01T00:00:00Z",
            "--expires-from",
            "2019-12-31T00:00:00Z"
        ])
        .trim()
        .is_empty()
    );
    answers_are_json(&must);
    let out = dir.path().join("all.csv");
    must(&["export", "--issuer", "systems", "--out", out.to_str().unwrap()]);
    let csv = fs::read_to_string(&out).unwrap();
    assert!(csv.starts_with("serial,") && csv.contains(&format!("{serial},systems,")), "{csv}");
    let diff = ask(&site, &desk, &["profiles", "diff", "card-signing@1", "card-authentication@1"]);
    assert_eq!(diff.status.code(), Some(2), "{}", said(&diff));
    let told = said(&diff);
    assert!(told.contains("\tkey_usage\t[\"content-commitment\"] -> [\"digital-signature\"]"), "{told}");
    assert!(told.contains("\tsubject.upn\tabsent -> \"optional\""), "{told}");
    assert!(
        !told.contains("validity_days") && !told.contains("there"),
        "what is the same, or no field: {told}"
    );
}

/// Each answer reads as JSON, and says the same.
fn answers_are_json(must: &dyn Fn(&[&str]) -> String) {
    let lines = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let told = must(&[arguments, &["--json"]].concat());
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let one = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&must(&[arguments, &["--json"]].concat())).unwrap()
    };
    let renewals = lines(&["renewals", "--within", "400", "--acknowledged", "no"]);
    let serial = renewals[0]["serial"].as_str().unwrap();
    let noted = one(&["acknowledge", serial, "--note", "new key ordered"]);
    assert_eq!(noted["acknowledgement"]["note"], "new key ordered");
    assert_eq!(lines(&["renewals", "--within", "400", "--acknowledged", "yes"]), [noted]);
    assert!(one(&["acknowledge", serial, "--withdraw"])["acknowledgement"].is_null());
    let ends: i64 = lines(&["expiries"]).iter().map(|day| day["certificates"].as_i64().unwrap()).sum();
    assert!(ends >= 0);
    assert!(lines(&["notices"]).is_empty(), "nothing ends soon");
    assert!(lines(&["issuers"]).iter().any(|issuer| issuer["id"] == "systems"));
    assert!(lines(&["profiles", "list"]).iter().any(|profile| profile["id"] == "card-signing"));
    assert!(lines(&["lists", "systems"]).iter().all(|list| list["delta"] == false));
    assert_eq!(one(&["crl", "systems"])["issuer"], "systems");
    assert_eq!(one(&["issuers", "systems"])["chain"].as_array().unwrap().len(), 1);
    assert_eq!(lines(&["search", "--serial", serial])[0]["serial"], serial);
    assert!(lines(&["acme", "list"]).is_empty());
}

/// Profile files are compared without a server, and the exit status tells.
#[test]
fn profile_files_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let text = include_str!("../../ca/profiles.toml");
    let (old, new, bad) =
        (dir.path().join("old.toml"), dir.path().join("new.toml"), dir.path().join("bad.toml"));
    fs::write(&old, text).unwrap();
    fs::write(&new, text.replacen("validity_days = 730", "validity_days = 365", 1)).unwrap();
    fs::write(&bad, text.replacen("validity_days = 730", "validity_days = 0", 1)).unwrap();
    let diff = |old: &std::path::Path, new: &std::path::Path| {
        let output = lanyard(&["ca", "profiles", "diff", old.to_str().unwrap(), new.to_str().unwrap()]);
        (output.status.code(), said(&output))
    };
    assert_eq!(diff(&old, &old).0, Some(0));
    let (code, told) = diff(&old, &new);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("prescriber-remote-signing\tvalidity_days\t730 -> 365"), "{told}");
    let (code, told) = diff(&old, &bad);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("validity_days must be 1 or more"), "{told}");
}
