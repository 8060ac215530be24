//! A root that no server holds, by the commands: two machines, files carried from one to the other, and OpenSSL beside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use pki::Certificate;
use rcgen::{KeyPair, PublicKeyData as _};

use crate::rig::{Serving, Site, free_ports, lanyard, said};

const ROOT_ALONE: &str = "[root]\ncommon_name = \"Elsewhere Root CA\"\norganisation = \"Larkfield\"\nkey = { label = \"ca-root\", algorithm = \"p-384\" }\n";

/// An empty installation.
fn installed(folder: PathBuf, base: u16) -> Site {
    let made = lanyard(&["init", "--dir", folder.to_str().unwrap(), "--port-base", &base.to_string()]);
    assert!(made.status.success(), "{}", said(&made));
    Site { folder, base }
}

/// `lanyard ceremony sign` on the root's machine, before two witnesses.
fn sign(root: &Site, out: &Path, more: &[&str]) -> (bool, String) {
    let mut arguments = vec!["ceremony", "sign", "--out", out.to_str().unwrap()];
    for one in ["Ada Byron, holds the token", "Zoë O’Neill, auditor"] {
        arguments.extend(["--present", one]);
    }
    arguments.extend(more);
    let output = root.try_run(&arguments);
    (output.status.success(), said(&output))
}

fn certificate(path: &Path) -> Certificate {
    Certificate::from_pem(&fs::read_to_string(path).unwrap()).unwrap()
}

fn openssl(folder: &Path, arguments: &[&str]) -> (bool, Vec<u8>) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    (output.status.success(), output.stdout)
}

/// The root's machine makes a root; the server asks it with requests; a ceremony signs them, which its transcript proves to
/// us and to OpenSSL; the server serves below it without having its key. A second ceremony revokes one authority, and with
/// the list brought the server issues nothing from that one and goes on with the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_hierarchy_lives_below_a_root_elsewhere() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let base = free_ports();
    let (site, root) = (installed(dir.path().join("site"), base), installed(dir.path().join("root"), base));
    root.configure("\n[ca]\n", "\n[ca]\ninstance = 127\n");
    let alone = root.folder.join("root.toml");
    fs::write(&alone, ROOT_ALONE).unwrap();
    root.run(&["ceremony", "--spec", alone.to_str().unwrap()]);
    let first = dir.path().join("first");
    let (good, told) = sign(&root, &first, &["--yes"]);
    assert!(good, "{told}");

    let specification = site.folder.join("ceremony.toml");
    let standard = fs::read_to_string(&specification).unwrap();
    let issuing = &standard[standard.find("[[issuing]]").unwrap()..];
    let pem = fs::read_to_string(first.join("root.pem")).unwrap();
    fs::write(&specification, format!("[root]\ncertificate = \"\"\"\n{pem}\"\"\"\n\n{issuing}")).unwrap();
    site.run(&["ceremony", "--spec", specification.to_str().unwrap()]);
    assert!(!site.run(&["keys", "list"]).contains("ca-root"), "the root's key is not here");
    let requests =
        ["card", "remote-signing", "sign-in", "systems"].map(|id| site.folder.join(format!("{id}.csr")));
    let asked: Vec<&str> = requests.iter().flat_map(|file| ["--csr", file.to_str().unwrap()]).collect();
    let second = dir.path().join("second");
    let (good, told) = sign(&root, &second, &asked);
    assert!(!good && told.contains("nobody to ask") && !second.exists(), "{told}");
    let (good, told) = sign(&root, &second, &[&asked[..], &["--yes"]].concat());
    assert!(good && told.contains("an issuing authority, path length 0"), "{told}");
    proved(&root, &second, &requests);

    let made: Vec<PathBuf> = (1..=4).map(|number| second.join(format!("certificate-{number}.pem"))).collect();
    let mut brought = vec!["ceremony".to_owned(), "import".to_owned()];
    brought.extend(made.iter().map(|file| file.display().to_string()));
    brought.push(second.join("root.crl.pem").display().to_string());
    let told = site.run(&brought.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(told.contains("card has its certificate") && !told.contains("still waits"), "{told}");

    let mut certified = made.iter().map(|file| certificate(file));
    let ended = certified.find(|one| one.common_name().unwrap().contains("Sign-in")).unwrap();
    let (third, serial) = (dir.path().join("third"), ended.serial().to_string());
    let (good, told) = sign(&root, &third, &["--revoke", &serial, "--yes"]);
    assert!(!good && told.contains("--reason"), "{told}");
    let (good, told) = sign(&root, &third, &["--revoke", &serial, "--reason", "bad luck", "--yes"]);
    assert!(!good && told.contains("is no reason"), "{told}");
    let (good, told) = sign(&root, &third, &["--revoke", &serial, "--reason", "superseded", "--yes"]);
    assert!(good && told.contains(&format!("revoke serial {serial}")), "{told}");
    site.run(&["ceremony", "import", third.join("root.crl.pem").to_str().unwrap()]);
    lives_on(&site, &first, &serial).await;
}

/// The transcript of a ceremony, by us and by OpenSSL; one changed word, and a file that it does not tell of, are refused.
fn proved(root: &Site, out: &Path, requests: &[PathBuf]) {
    let file = |name: &str| out.join(name).display().to_string();
    let verify = |more: &[&str]| {
        let own = [file("ceremony.transcript"), file("root.pem")];
        let output = root.try_run(&[&["ceremony", "verify", &own[0], "--root", &own[1]], more].concat());
        (output.status.success(), said(&output))
    };
    let made = [file("certificate-1.pem"), file("root.crl.pem"), requests[0].display().to_string()];
    let (good, told) = verify(&[&made[0], &made[1], &made[2]]);
    assert!(good && told.contains("signed by"), "{told}");
    let (good, key) = openssl(out, &["x509", "-in", "root.pem", "-pubkey", "-noout"]);
    assert!(good);
    fs::write(out.join("root.pub"), key).unwrap();
    let signature = [
        "dgst",
        "-sha384",
        "-verify",
        "root.pub",
        "-signature",
        "ceremony.transcript.sig",
        "ceremony.transcript",
    ];
    assert!(openssl(out, &signature).0);
    let text = fs::read_to_string(out.join("ceremony.transcript")).unwrap();
    fs::write(out.join("ceremony.transcript"), text.replacen("Ada", "Eve", 1)).unwrap();
    assert!(!verify(&[]).0 && !openssl(out, &signature).0);
    fs::write(out.join("ceremony.transcript"), &text).unwrap();
    let foreign = root.folder.join("root.transcript");
    assert!(!verify(&[foreign.to_str().unwrap()]).0, "a file that is none of it");
    assert!(verify(&[]).0);
}

/// The server with the root's list: nothing more from the revoked authority, the others serve.
async fn lives_on(site: &Site, root: &Path, revoked: &str) {
    let (tls, clients) = (site.folder.join("tls"), site.folder.join("clients"));
    site.run(&["enrol", "--kind", "server", "localhost", "--out", tls.to_str().unwrap()]);
    for (made, wanted) in [("localhost.pem", "server.pem"), ("localhost.key", "server.key")] {
        fs::rename(tls.join(made), tls.join(wanted)).unwrap();
    }
    site.run(&["enrol", "registration-desk", "--out", clients.to_str().unwrap()]);
    let anchor = certificate(&root.join("root.pem"));
    assert_eq!(certificate(&site.root()).der(), anchor.der(), "clients trust the root that is elsewhere");
    let serving = Serving::spawn(site);
    site.private("/ready", 200).await;
    let ask = async |name: &str, profile: &str| {
        let key = KeySource::public_key(&KeyPair::generate().unwrap().subject_public_key_info());
        let subject = SubjectData {
            common_name: "Zoë O’Neill".to_owned(),
            user_id: Some("555000000108".to_owned()),
            ..SubjectData::default()
        };
        let request = IssueRequest::new(name, profile, subject, key);
        site.systems(&site.desk()).post::<Issued>("/ca/certificates", &request).await
    };
    let refused = ask("ended", "person-sign-in").await.unwrap_err().to_string();
    assert!(refused.contains("is revoked, so it issues nothing"), "{refused}");
    let issued = ask("lives", "card-signing").await.unwrap();
    let top = STANDARD.decode(issued.chain.last().unwrap()).unwrap();
    assert_eq!(top, anchor.der());
    let url = format!("http://localhost:{}/crl/root.crl", site.base + 3);
    let list = reqwest::get(&url).await.unwrap().bytes().await.unwrap();
    let list = pki::Crl::from_der(&list).unwrap();
    list.verify(&anchor).unwrap();
    assert!(list.entries().any(|entry| entry.serial.to_string() == revoked));
    serving.kill();
}
