//! A server that is told to stop finishes what it has accepted, and one that is told to read its certificate again
//! does so without stopping.

use std::sync::Arc;

use lanyard::files::{self, Readers};
use lanyard::signing::{self, Envelope};
use zeroize::Zeroizing;

use crate::rig::{Demo, PATIENCE, Site, free_ports, lanyard, said};

fn site() -> (tempfile::TempDir, Site) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    (dir, site)
}

/// A batch that was under way when the signal came is signed and answered; after the end nothing listens.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_finished() {
    let (_dir, site) = site();
    let mut demo = Demo::start(&site.folder, site.base);
    let server = site.systems(&site.system());
    let credential = Arc::new(signing::credential(&server, "555000000108", None).await.unwrap());
    let passphrase = std::fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
    let passphrase = Zeroizing::new(passphrase.trim().to_owned());
    let documents: Arc<Vec<Vec<u8>>> =
        Arc::new((0..250).map(|number| format!("document {number}").into_bytes()).collect());
    let work = loop {
        let agreement = signing::authorise(&server, &credential, &passphrase, &documents).await.unwrap();
        let (server, credential, documents) =
            (server.clone(), Arc::clone(&credential), Arc::clone(&documents));
        let work = tokio::spawn(async move {
            signing::signatures(&server, &credential, agreement, &documents, Envelope::Detached).await
        });
        // A batch that was too quick to be seen says nothing; the next one is sent.
        if in_flight(&site, &work).await {
            break work;
        }
    };
    demo.signal("TERM");
    let signatures = work.await.unwrap().expect("what was accepted is answered");
    assert_eq!(signatures.len(), 250);
    assert!(tokio::task::spawn_blocking(move || demo.wait()).await.unwrap());
    assert!(server.text("/ca/issuers").await.is_err(), "nothing listens any more");
}

/// Whether the server says that a request of a system is under way before the work is over.
async fn in_flight<T>(site: &Site, work: &tokio::task::JoinHandle<T>) -> bool {
    let url = format!("http://127.0.0.1:{}/metrics", site.base + 4);
    while !work.is_finished() {
        let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
        let gauge = "http_requests_in_flight{port=\"systems\"} ";
        if text.lines().any(|line| line.strip_prefix(gauge).is_some_and(|count| count != "0")) {
            return true;
        }
    }
    false
}

/// After SIGHUP a new connection sees the new certificate; the server's process stays the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_server_certificate_is_read_on_hangup() {
    let (_dir, site) = site();
    let demo = Demo::start(&site.folder, site.base);
    let before = shown(&site).await;
    let config = site.folder.join("lanyard.toml");
    let out = site.folder.join("new");
    let enrol = lanyard(&[
        "enrol",
        "--config",
        config.to_str().unwrap(),
        "--kind",
        "server",
        "localhost",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(enrol.status.success(), "{}", said(&enrol));
    for (from, to, readers) in [
        ("localhost.pem", "tls/server.pem", Readers::Everyone),
        ("localhost.key", "tls/server.key", Readers::Owner),
    ] {
        let bytes = std::fs::read(out.join(from)).unwrap();
        files::write(&site.folder.join(to), &bytes, readers).unwrap();
    }
    demo.signal("HUP");
    let deadline = std::time::Instant::now() + PATIENCE;
    while shown(&site).await == before {
        assert!(std::time::Instant::now() < deadline, "the new certificate was never shown");
        tokio::task::yield_now().await;
    }
    site.client(0, None).text("/openapi.json").await.unwrap();
}

/// The serial of the certificate that the public port shows, as openssl reads it.
async fn shown(site: &Site) -> String {
    let command = format!(
        "openssl s_client -connect localhost:{} -servername localhost </dev/null 2>/dev/null | openssl x509 -noout -serial",
        site.base
    );
    let output = tokio::process::Command::new("sh").args(["-c", &command]).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}
