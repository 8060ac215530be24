//! The token goes away while prescriptions are signed and certificates issued, and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::http::Method;
use ca::api::{IssueRequest, KeySource, SubjectData};
use lanyard::client::Server;
use lanyard::signing::{self, Credential, Envelope};
use platform::db::Engine;
use platform::db::testing::TestDb;
use rcgen::PublicKeyData as _;
use zeroize::Zeroizing;

use crate::rig::{Serving, Site, until};

/// What the clients saw.
#[derive(Default)]
struct Seen {
    signed: AtomicU64,
    issued: AtomicU64,
    refused: AtomicU64,
    stop: AtomicBool,
}

/// While the token's folder is moved away, requests fail with a sentence and a status that says "later"; once it is back,
/// signing and issuing go on without a restart, and an authorisation that met the failure still signs.
mod a_token_that_comes_back_is_used_again {
    use super::*;

    /// On SQLite.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        let dir = tempfile::tempdir().unwrap();
        lost_and_found(Site::of_demo(dir.path())).await;
    }

    /// On PostgreSQL.
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        let database = TestDb::new(Engine::Postgres).await;
        let dir = tempfile::tempdir().unwrap();
        let site = Site::of_demo(dir.path());
        site.move_to(&database, dir.path());
        lost_and_found(site).await;
    }
}

async fn lost_and_found(site: Site) {
    let site = Arc::new(site);
    let serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let seen = Arc::new(Seen::default());
    let clients = [
        tokio::spawn(sign(Arc::clone(&site), Arc::clone(&seen))),
        tokio::spawn(issue(Arc::clone(&site), Arc::clone(&seen))),
    ];
    both_go_on(&seen).await;
    let (server, credential, passphrase) = prescriber(&site).await;
    for round in 0..2 {
        let documents = [format!("agreed while the token was there, {round}").into_bytes()];
        let agreement = signing::authorise(&server, &credential, &passphrase, &documents).await.unwrap();
        let (here, away) = (site.folder.join("token/tokens"), site.folder.join("token/away"));
        std::fs::rename(&here, &away).unwrap();
        let refused = seen.refused.load(Ordering::Relaxed);
        until("requests are refused", || seen.refused.load(Ordering::Relaxed) > refused + 3).await;
        let lost =
            signing::signatures(&server, &credential, agreement.clone(), &documents, Envelope::Detached)
                .await;
        std::fs::rename(&away, &here).unwrap();
        site.private("/ready", 200).await;
        let found =
            signing::signatures(&server, &credential, agreement.clone(), &documents, Envelope::Detached)
                .await
                .expect("a failure at the token uses nothing up");
        // The refused moment may have come after the key was already live in memory of the token's library.
        if let Ok(before) = lost {
            assert_eq!(before, found, "one authorisation gave two signatures");
        }
        both_go_on(&seen).await;
    }
    seen.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(server.status(Method::GET, "/audit/checkpoint", &serde_json::Value::Null).await.unwrap(), 200);
    let metrics = site.private("/metrics", 200).await;
    let errors = metrics.lines().filter(|line| line.starts_with("hsm_errors_total{"));
    let of_token = errors.filter(|line| line.contains("token=\"lanyard\""));
    assert!(of_token.count() > 0, "errors are told by token");
    serving.kill();
}

async fn both_go_on(seen: &Seen) {
    let (signed, issued) = (seen.signed.load(Ordering::Relaxed), seen.issued.load(Ordering::Relaxed));
    until("both are answered", || {
        seen.signed.load(Ordering::Relaxed) > signed + 2 && seen.issued.load(Ordering::Relaxed) > issued + 2
    })
    .await;
}

async fn prescriber(site: &Site) -> (Server, Credential, Zeroizing<String>) {
    let server = site.systems(&site.system());
    let credential = signing::credential(&server, "555000000108", None).await.unwrap();
    let passphrase = std::fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
    (server, credential, Zeroizing::new(passphrase.trim().to_owned()))
}

/// A refusal is one that says "later", and nothing else.
fn note(seen: &Seen, error: &anyhow::Error) {
    let said = error.to_string();
    assert!(said.contains("503") || said.contains("504") || said.contains("429"), "{said}");
    seen.refused.fetch_add(1, Ordering::Relaxed);
}

async fn sign(site: Arc<Site>, seen: Arc<Seen>) {
    let (server, credential, passphrase) = prescriber(&site).await;
    for number in 0.. {
        if seen.stop.load(Ordering::Relaxed) {
            return;
        }
        let documents = [format!("prescription {number}").into_bytes()];
        match signing::sign(&server, &credential, &passphrase, &documents, Envelope::Detached).await {
            Ok(_) => drop(seen.signed.fetch_add(1, Ordering::Relaxed)),
            Err(error) => note(&seen, &error),
        }
    }
}

async fn issue(site: Arc<Site>, seen: Arc<Seen>) {
    let server = site.systems(&site.desk());
    for number in 0.. {
        if seen.stop.load(Ordering::Relaxed) {
            return;
        }
        let key = rcgen::KeyPair::generate().unwrap();
        let subject = SubjectData {
            common_name: "Ottoline Marchbanks".to_owned(),
            user_id: Some("555000000108".to_owned()),
            ..SubjectData::default()
        };
        let key = KeySource::public_key(&key.subject_public_key_info());
        let request = IssueRequest::new(format!("lost-{number}"), "person-sign-in", subject, key);
        match server.post::<serde_json::Value>("/ca/certificates", &request).await {
            Ok(_) => drop(seen.issued.fetch_add(1, Ordering::Relaxed)),
            Err(error) => note(&seen, &error),
        }
    }
}
