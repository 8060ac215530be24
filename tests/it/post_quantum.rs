//! Two tokens of different makers in one server: P-256 on SoftHSM for what other people's TLS must read, ML-DSA on Kryoptic
//! for prescriptions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateInfo, CertificateState, IssueRequest, Issued, KeySource, SubjectData};
use hsm::Alg;
use hsm::testing::{TestToken, USER_PIN};
use lanyard::keypair::Pair;
use pki::Certificate;
use pki::ocsp::{CertId, Hash, Request};
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::Value;
use signer::api::{Algorithm, CreateCredential, Credential, CredentialState, LedgerPage, SetPassphrase};

use crate::rig::{Serving, Site, free_ports, lanyard, said};

/// The prescriber.
const USER: &str = "555000000108";
const PASSPHRASE: &str = "correct horse battery";
/// How long a signature may wait for its proof: the worker looks every second here.
const PROVED_WITHIN: Duration = Duration::from_mins(1);

/// Makes an installation whose authority for remote signing has an ML-DSA key on a second token.
fn installed(dir: &Path, kryoptic: &TestToken) -> Site {
    let site = Site { folder: dir.join("site"), base: free_ports() };
    let folder = site.folder.to_str().unwrap();
    let made = lanyard(&["init", "--dir", folder, "--port-base", &site.base.to_string()]);
    assert!(made.status.success(), "{}", said(&made));
    let second = format!(
        "[[hsm.tokens]]\nmodule = \"{}\"\nlabel = \"{}\"\npin = {{ file = \"{}\" }}\n\n[time]\n",
        kryoptic.module(),
        kryoptic.label(),
        kryoptic.dir().join("pin").display()
    );
    assert_eq!(std::fs::read_to_string(kryoptic.dir().join("pin")).unwrap(), USER_PIN);
    site.configure("[time]\n", &second);
    site.configure("[signer]\n", "[signer]\nproof_interval_s = 1\n");
    let place =
        format!("[environment]\nKRYOPTIC_CONF = \"{}\"\n", kryoptic.dir().join("kryoptic.conf").display());
    site.configure("[environment]", place.trim_end());
    let specification = site.folder.join("ceremony.toml");
    let text = std::fs::read_to_string(&specification).unwrap();
    let changed = text.replace(
        "label = \"ca-remote-signing\", algorithm = \"p-256\"",
        "label = \"ca-remote-signing\", algorithm = \"ml-dsa-65\"",
    );
    assert_ne!(text, changed);
    std::fs::write(&specification, changed).unwrap();
    site.run(&["ceremony", "--spec", specification.to_str().unwrap()]);
    let (tls, clients) = (site.folder.join("tls"), site.folder.join("clients"));
    site.run(&["enrol", "--kind", "server", "localhost", "--out", tls.to_str().unwrap()]);
    for (made, wanted) in [("localhost.pem", "server.pem"), ("localhost.key", "server.key")] {
        std::fs::rename(tls.join(made), tls.join(wanted)).unwrap();
    }
    for client in ["registration-desk", "prescribing-system"] {
        site.run(&["enrol", client, "--out", clients.to_str().unwrap()]);
    }
    site
}

/// The sign-in certificate of the prescriber.
async fn person(site: &Site) -> Pair {
    let key = KeyPair::generate().unwrap();
    let subject = SubjectData {
        common_name: "Zoë O’Neill".to_owned(),
        user_id: Some(USER.to_owned()),
        ..SubjectData::default()
    };
    let source = KeySource::public_key(&key.subject_public_key_info());
    let request = IssueRequest::new("sign-in", "person-sign-in", subject, source);
    let issued: Issued = site.systems(&site.desk()).post("/ca/certificates", &request).await.unwrap();
    let folder = site.folder.join("prescriber");
    std::fs::create_dir(&folder).unwrap();
    let pem = [&issued.certificate, &issued.chain[0]]
        .map(|der| pki::to_pem("CERTIFICATE", &STANDARD.decode(der).unwrap()));
    std::fs::write(folder.join("sign-in.pem"), pem.concat()).unwrap();
    std::fs::write(folder.join("sign-in.key"), key.serialize_pem()).unwrap();
    Pair::in_folder(&folder, "sign-in")
}

/// A credential of this kind with its passphrase.
async fn credential(site: &Site, person: &Pair, algorithm: Algorithm) -> Credential {
    let subject = SubjectData {
        common_name: "Zoë O’Neill".to_owned(),
        user_id: Some(USER.to_owned()),
        ..SubjectData::default()
    };
    let request = CreateCredential {
        request_id: format!("{algorithm:?}"),
        subject,
        algorithm,
        key: signer::api::KeyLife::Kept,
    };
    let made: Credential = site.systems(&site.desk()).post("/signer/credentials", &request).await.unwrap();
    let path = format!("/signer/credentials/{}/passphrase", made.credential_id);
    let body = SetPassphrase { new: PASSPHRASE.to_owned(), old: None };
    site.systems(person).tell(Method::PUT, &path, &body).await.unwrap();
    made
}

/// `lanyard sign`; the file with the signature.
fn signed(site: &Site, credential: &Credential, document: &Path, more: &[&str]) -> PathBuf {
    let system = site.system();
    let (root, passphrase) = (site.root(), site.folder.join("passphrase"));
    std::fs::write(&passphrase, PASSPHRASE).unwrap();
    let server = format!("https://localhost:{}", site.base + 1);
    let arguments = [
        "sign",
        document.to_str().unwrap(),
        "--server",
        &server,
        "--certificate",
        system.certificate.to_str().unwrap(),
        "--key",
        system.key.to_str().unwrap(),
        "--root",
        root.to_str().unwrap(),
        "--user",
        USER,
        "--credential",
        &credential.credential_id,
        "--passphrase-file",
        passphrase.to_str().unwrap(),
    ];
    let output = lanyard(&[&arguments[..], more].concat());
    assert!(output.status.success(), "{}", said(&output));
    PathBuf::from(format!("{}.p7s", document.display()))
}

/// A stranger with what is published: the root, lists and an OCSP answer.
struct Stranger<'a> {
    site: &'a Site,
    root: PathBuf,
}

impl Stranger<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.site.folder.join(name)
    }

    async fn fetch(&self, path: &str, name: &str) -> PathBuf {
        let url = format!("http://localhost:{}{path}", self.site.base + 3);
        let answer = reqwest::get(&url).await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        std::fs::write(self.file(name), answer.bytes().await.unwrap()).unwrap();
        self.file(name)
    }

    /// Asks the responder with a nonce; the file with what it said.
    async fn ask(&self, issuer: &Certificate, leaf: &Certificate, name: &str) -> PathBuf {
        let id = CertId::new(Hash::Sha256, issuer, leaf.serial()).unwrap();
        let request = Request::new(vec![id], Some(vec![0xab; 32])).unwrap().to_der();
        let url = format!("http://localhost:{}/ocsp", self.site.base + 3);
        let answer = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap()
            .post(&url)
            .header("content-type", "application/ocsp-request")
            .body(request)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        std::fs::write(self.file(name), answer.bytes().await.unwrap()).unwrap();
        self.file(name)
    }

    /// `lanyard verify`; whether it holds, and what it says.
    fn verify(&self, signature: &Path, document: Option<&Path>, more: &[&str]) -> (bool, String) {
        let mut arguments = vec!["verify"];
        arguments.extend(document.map(|document| document.to_str().unwrap()));
        arguments.extend(["--signature", signature.to_str().unwrap(), "--root", self.root.to_str().unwrap()]);
        let output = lanyard(&[&arguments[..], more].concat());
        (output.status.success(), said(&output))
    }
}

/// The whole story with both tokens at once: TLS, sign-in and systems on P-256, remote signing on ML-DSA; a prescription is
/// signed with ML-DSA-44, -65 and -87, a stranger verifies each CMS, our own verifier proves it by lists and by OCSP, openssl
/// 3.0 says that it does not know the algorithm; a destroyed credential leaves no key in the token, also after the server starts anew.
#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_serve_two_kinds_of_authorities() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kryoptic = TestToken::kryoptic();
    let dir = tempfile::tempdir().unwrap();
    let site = installed(dir.path(), &kryoptic);
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let person = person(&site).await;
    let small = credential(&site, &person, Algorithm::MlDsa44).await;
    let large = credential(&site, &person, Algorithm::MlDsa65).await;
    let largest = credential(&site, &person, Algorithm::MlDsa87).await;
    let document = site.folder.join("prescription.json");
    std::fs::write(&document, b"{\"resourceType\":\"Bundle\"}").unwrap();
    let detached = signed(&site, &small, &document, &[]);
    let other = site.folder.join("other.json");
    std::fs::write(&other, b"{\"resourceType\":\"Bundle\",\"id\":\"2\"}").unwrap();
    let enveloping = signed(&site, &large, &other, &["--enveloping"]);

    let third = site.folder.join("third.json");
    std::fs::write(&third, b"{\"resourceType\":\"Bundle\",\"id\":\"3\"}").unwrap();
    let by_largest = signed(&site, &largest, &third, &["--enveloping"]);

    let stranger = Stranger { site: &site, root: site.root() };
    let all = [
        (detached.as_path(), Some(document.as_path()), "2.16.840.1.101.3.4.3.17"),
        (&enveloping, None, "2.16.840.1.101.3.4.3.18"),
        (&by_largest, None, "2.16.840.1.101.3.4.3.19"),
    ];
    judged(&stranger, &all, &other).await;
    proved(&stranger, &small, &detached, &document, &enveloping).await;
    has_evidence(&stranger, &detached, &document).await;
    unknown_to_openssl(&detached, &document, &stranger.root);
    everything_else_is_p_256(&site).await;

    serving.kill();
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let again = site.folder.join("again.json");
    std::fs::write(&again, b"{}").unwrap();
    signed(&site, &small, &again, &[]);
    destroyed(&site, &small).await;
    signed(&site, &large, &again, &["--enveloping"]);
    serving.kill();
    let keys = kryoptic.hsm().await.inventory().await.unwrap();
    let people = keys.iter().filter(|key| key.label.starts_with("person-"));
    let left: BTreeSet<_> = people.map(|key| key.alg.map(Alg::as_str)).collect();
    assert_eq!(left, BTreeSet::from([Some("ml-dsa-65"), Some("ml-dsa-87")]), "the other is gone");
}

/// A stranger's reader and verifier take each signature for good, by the algorithm that was wished, and refuse another document
/// and a signature in which one bit was turned.
async fn judged(stranger: &Stranger<'_>, signatures: &[(&Path, Option<&Path>, &str)], other: &Path) {
    let issuer = stranger.fetch("/aia/remote-signing.cer", "issuing.cer").await;
    for (signature, document, algorithm) in signatures {
        let said = by_cryptography(&issuer, signature, *document);
        assert_eq!(said.as_deref(), Ok(*algorithm), "{}", signature.display());
        let mut octets = std::fs::read(signature).unwrap();
        // The signature stands at the end.
        let at = octets.len() - 100;
        octets[at] ^= 1;
        let turned = stranger.file("turned.p7s");
        std::fs::write(&turned, octets).unwrap();
        let said = by_cryptography(&issuer, &turned, *document);
        assert_eq!(said, Err("the signature does not verify".to_owned()), "{}", signature.display());
        if document.is_some() {
            let said = by_cryptography(&issuer, signature, Some(other));
            assert_eq!(said, Err("the document is not the one that was signed".to_owned()));
        }
    }
}

/// What `cryptography` and `asn1crypto` of Python's index say of a CMS: the algorithm, or why it is refused.
fn by_cryptography(issuer: &Path, signature: &Path, document: Option<&Path>) -> Result<String, String> {
    let python = std::env::var("LANYARD_PYTHON").expect("run `make test`, or `. tools/env` first");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges/python/ml_dsa.py");
    let output = Command::new(python)
        .arg(script)
        .arg(issuer)
        .arg("cms")
        .arg(signature)
        .args(document)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdict: serde_json::Value = serde_json::from_str(told.lines().last().unwrap_or_default())
        .unwrap_or_else(|_| panic!("{}", said(&output)));
    match verdict["accepted"].as_bool() {
        Some(true) => Ok(told.lines().next().unwrap_or_default().to_owned()),
        _ => Err(verdict["reason"].to_string().trim_matches('"').to_owned()),
    }
}

async fn proved(
    stranger: &Stranger<'_>,
    credential: &Credential,
    detached: &Path,
    document: &Path,
    enveloping: &Path,
) {
    let (root, issuing) = (
        stranger.fetch("/crl/root.crl", "root.crl").await,
        stranger.fetch("/crl/remote-signing.crl", "issuing.crl").await,
    );
    let (root, issuing) = (root.to_str().unwrap(), issuing.to_str().unwrap());
    let lists = ["--crl", root, "--crl", issuing];
    for (signature, document) in [(detached, Some(document)), (enveloping, None)] {
        let (good, said) = stranger.verify(signature, document, &lists);
        assert!(good, "{said}");
    }
    let other = stranger.file("changed.json");
    std::fs::write(&other, b"{\"resourceType\":\"Bundle\" }").unwrap();
    let (good, said) = stranger.verify(detached, Some(&other), &lists);
    assert!(!good && said.contains("not the one that was signed"), "{said}");

    let leaf = STANDARD.decode(&credential.certificates[0].certificate).unwrap();
    let leaf = Certificate::from_der(&leaf).unwrap();
    let issuer = std::fs::read(stranger.fetch("/aia/remote-signing.cer", "issuing.cer").await).unwrap();
    let issuer = Certificate::from_der(&issuer).unwrap();
    let answer = stranger.ask(&issuer, &leaf, "answer.der").await;
    let nonce = "ab".repeat(32);
    let by_answer = ["--crl", root, "--ocsp", answer.to_str().unwrap(), "--ocsp-nonce", &nonce];
    let (good, said) = stranger.verify(detached, Some(document), &by_answer);
    assert!(good, "{said}");
    let without = ["--crl", root];
    let (good, said) = stranger.verify(detached, Some(document), &without);
    assert!(!good && said.contains("no OCSP answer"), "{said}");
    let other_nonce = "cd".repeat(32);
    let wrong = ["--crl", root, "--ocsp", answer.to_str().unwrap(), "--ocsp-nonce", &other_nonce];
    let (good, said) = stranger.verify(detached, Some(document), &wrong);
    assert!(!good && said.contains("does not repeat"), "{said}");
    let late = [&by_answer[..], &["--at", "2036-01-01T00:00:00Z"]].concat();
    assert!(!stranger.verify(detached, Some(document), &late).0);
    for (what, sentence) in [(root, "not an OCSP response"), ("/nowhere", "nowhere")] {
        let (good, said) = stranger.verify(detached, Some(document), &["--ocsp", what]);
        assert!(!good && said.contains(sentence), "{said}");
    }
}

/// The evidence of each signature holds by the published lists and the key of the record: its value is checked, and its time proven; that of a CMS
/// proves the time of this CMS and of no other.
async fn has_evidence(stranger: &Stranger<'_>, detached: &Path, document: &Path) {
    let (site, cms, mut of_cms) = (stranger.site, std::fs::read(detached).unwrap(), 0);
    let desk = site.systems(&site.desk());
    let page: LedgerPage = desk.get("/signer/signatures").await.unwrap();
    let kinds: BTreeSet<&str> = BTreeSet::from(["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]);
    let mut found = BTreeSet::new();
    let key = site.run(&["audit", "key"]);
    for line in page.signatures {
        let path = format!("/signer/signatures/{}/evidence", line.id);
        let deadline = Instant::now() + PROVED_WITHIN;
        let mut bundle = loop {
            // First it is in the signed tree, then it has its proof.
            let given: Result<Value, _> = desk.get(&path).await;
            if let Ok(bundle) = given.as_ref()
                && bundle["proof"].is_object()
            {
                break bundle.clone();
            }
            assert!(Instant::now() < deadline, "it has no proof: {given:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let mut lists = Vec::new();
        for issuer in ["root", "remote-signing", "systems"] {
            let list = stranger.fetch(&format!("/crl/{issuer}.crl"), &format!("{issuer}.crl")).await;
            lists.push(list.to_str().unwrap().to_owned());
        }
        let mut options = vec!["--log-key", key.trim()];
        for list in &lists {
            options.extend(["--crl", list.as_str()]);
        }
        let file = stranger.file("evidence.json");
        std::fs::write(&file, bundle.to_string()).unwrap();
        let (good, said) = stranger.verify(&file, None, &options);
        assert!(good && said.contains("there since"), "{said}");
        let beside = [&options[..], &["--evidence", file.to_str().unwrap()]].concat();
        let (good, said) = stranger.verify(detached, Some(document), &beside);
        let value = STANDARD.decode(bundle["signature"]["signature"].as_str().unwrap()).unwrap();
        if cms.windows(value.len()).any(|part| part == value) {
            assert!(good && said.contains("there since"), "{said}");
            of_cms += 1;
        } else {
            // Of two that were proved together each stands beside the other in the record (RFC 4998 4.2), which holds for both.
            assert!(
                good == said.contains("there since") && good != said.contains("proves nothing"),
                "{said}"
            );
        }
        found.insert(bundle["algorithm"].as_str().unwrap().to_owned());
        let value = bundle["signature"]["signature"].as_str().unwrap().to_owned();
        let mut octets = STANDARD.decode(value).unwrap();
        octets[100] ^= 1;
        bundle["signature"]["signature"] = Value::from(STANDARD.encode(octets));
        std::fs::write(&file, bundle.to_string()).unwrap();
        let (good, said) = stranger.verify(&file, None, &options);
        assert!(!good && said.contains("not by the key of the certificate"), "{said}");
        let (good, said) = stranger.verify(detached, Some(document), &beside);
        assert!(!good && said.contains("does not hold"), "{said}");
    }
    assert_eq!(of_cms, 1);
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), kinds);
}

/// Debian's openssl is of before ML-DSA: it says so, and does not take the signature for good or for forged.
fn unknown_to_openssl(signature: &Path, document: &Path, root: &Path) {
    let output = Command::new("openssl")
        .args(["cms", "-verify", "-binary", "-inform", "DER", "-in"])
        .arg(signature)
        .arg("-content")
        .arg(document)
        .arg("-CAfile")
        .arg(root)
        .args(["-out", "/dev/null"])
        .output()
        .unwrap();
    let said = said(&output);
    assert!(!output.status.success(), "this openssl knows ML-DSA: let it judge");
    assert!(said.contains("unable to get certs public key"), "{said}");
}

/// The other authorities are what they were, so that TLS and old readers see nothing new.
async fn everything_else_is_p_256(site: &Site) {
    for (issuer, alg) in [
        ("systems", "id-ecPublicKey"),
        ("card", "id-ecPublicKey"),
        ("remote-signing", "2.16.840.1.101.3.4.3.18"),
    ] {
        let url = format!("http://localhost:{}/aia/{issuer}.cer", site.base + 3);
        let der = reqwest::get(&url).await.unwrap().bytes().await.unwrap();
        let file = site.folder.join(format!("{issuer}.cer"));
        std::fs::write(&file, der).unwrap();
        let output = Command::new("openssl")
            .args(["x509", "-inform", "DER", "-noout", "-text", "-in"])
            .arg(&file)
            .output()
            .unwrap();
        let said = said(&output);
        assert!(said.contains(alg), "{issuer}: {said}");
    }
}

async fn destroyed(site: &Site, credential: &Credential) {
    let desk = site.systems(&site.desk());
    let path = format!("/signer/credentials/{}", credential.credential_id);
    desk.tell(Method::DELETE, &path, &()).await.unwrap();
    let shown: Credential = desk.get(&path).await.unwrap();
    assert_eq!(shown.state, CredentialState::Destroyed);
    let serial = &shown.certificates[0].serial;
    let info: CertificateInfo = desk.get(&format!("/ca/certificates/{serial}")).await.unwrap();
    assert_eq!(info.state, CertificateState::Issued, "what it signed can still be verified");
}
