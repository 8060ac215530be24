//! Certificates that do not open the door, each with the status and the word that say why.

use std::time::Duration;

use ca::api::{
    CertificateInfo, IssueRequest, Issued, KeySource, Reason, RevokeRequest, SubjectData, Validity,
};
use lanyard::client::{Refused, Server};
use lanyard::keypair::Pair;
use platform::clock::{Clock, Millis};

use crate::rig::{Demo, PATIENCE, Serving, Site, free_ports};

/// A route that only the registration desk may use.
const ROUTE: &str = "/ca/issuers";

/// Has the desk issue a certificate for a new key.
/// A certificate of the site in this name, with its key.
pub(crate) async fn issued(
    site: &Site,
    name: &str,
    profile: &str,
    validity: Option<Validity>,
) -> (Pair, Issued) {
    let pair = Pair::in_folder(&site.folder.join("clients"), &format!("{name}-{}", uuid::Uuid::now_v7()));
    let request = IssueRequest {
        request_id: format!("test-{}", uuid::Uuid::now_v7()),
        profile: profile.to_owned(),
        subject: SubjectData { common_name: name.to_owned(), ..SubjectData::default() },
        key: KeySource::Csr(pair.request(name).unwrap()),
        issuer: None,
        validity,
    };
    let answer: Issued = site.systems(&site.desk()).post("/ca/certificates", &request).await.unwrap();
    pair.store(&answer).unwrap();
    (pair, answer)
}

async fn refused(server: &Server) -> String {
    match server.text(ROUTE).await {
        Ok(answer) => panic!("let in: {answer}"),
        Err(error) => error.to_string(),
    }
}

/// The refusal, which a signing client gets too, in the words of its API (CSC API v2, 10.1) and with the same reason.
async fn refused_to_sign(server: &Server, status: u16, error: &str, description: &str) {
    for method in ["credentials/list", "credentials/authorize", "signatures/signHash", "signatures/signDoc"] {
        let path = format!("/csc/v2/{method}");
        let answer = server.post::<serde_json::Value>(&path, &serde_json::json!({})).await.unwrap_err();
        let refused = answer.downcast_ref::<Refused>().expect("an answer");
        let expected = (status, format!("{description} [{error}]"));
        assert_eq!((refused.status.as_u16(), refused.said.clone()), expected, "{path}");
    }
}

/// No certificate, a stranger's, a revoked, a held, an expired and an unregistered one are each refused in their own
/// words; a revocation counts from the next request on, and a hold that is lifted opens the door again.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_not_good_are_refused() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    let _demo = Demo::start(&site.folder, site.base);
    no_certificate(&site).await;
    let unknown = "the client certificate was not issued by this service's authorities for systems or people";
    refused_to_sign(&stranger(&site).await, 401, "unauthorized_client", unknown).await;
    unregistered(&site).await;
    wrong_purpose(&site).await;
    revoked(&site).await;
    held(&site).await;
    expired(&site).await;
}

/// Whoever is not known to have a good certificate is counted by address before anything is looked up; a client that is
/// known comes in from that same address, and goes on to.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_counted_by_address() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    site.configure(
        "\n[telemetry]\n",
        "\n[limits]\nper_address = { per_second = 1, burst = 8 }\n\n[telemetry]\n",
    );
    let _serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let (desk, nobody) = (site.systems(&site.desk()), site.client(1, None));
    desk.text(ROUTE).await.unwrap();
    let strange = stranger(&site).await;
    for client in [&strange, &nobody] {
        let mut told_to_wait = false;
        for _ in 0..40 {
            told_to_wait |= refused(client).await.contains("rate-limited");
        }
        assert!(told_to_wait, "a stranger may ask as often as it likes");
    }
    // For longer than a caller is remembered, so that it is verified again meanwhile.
    let until = std::time::Instant::now() + lanyard::callers::REMEMBERED + Duration::from_secs(1);
    while std::time::Instant::now() < until {
        desk.text(ROUTE).await.unwrap();
        refused(&strange).await;
    }
}

async fn no_certificate(site: &Site) {
    for port in [0, 1] {
        let nobody = site.client(port, None);
        let said = refused(&nobody).await;
        assert!(said.contains("401"), "{said}");
        let sentence = "Say who you are: this needs a client certificate or a token.";
        refused_to_sign(&nobody, 401, "unauthorized_client", sentence).await;
    }
}

async fn stranger(site: &Site) -> Server {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "registration-desk");
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = parameters.self_signed(&key).unwrap();
    let pair = Pair::in_folder(&site.folder.join("clients"), "stranger");
    std::fs::write(&pair.certificate, certificate.pem()).unwrap();
    std::fs::write(&pair.key, key.serialize_pem()).unwrap();
    let server = site.systems(&pair);
    let said = refused(&server).await;
    assert!(said.contains("401") && said.contains("certificate-unknown"), "{said}");
    server
}

async fn unregistered(site: &Site) {
    let (pair, _) = issued(site, "nobody-knows-me", "system-tls-client", None).await;
    let said = refused(&site.systems(&pair)).await;
    assert!(said.contains("403") && said.contains("client-not-registered"), "{said}");
    assert!(said.contains("[clients.nobody-knows-me]"), "{said}");
    let sentence =
        "the client nobody-knows-me is not registered here; it needs a [clients.nobody-knows-me] table";
    refused_to_sign(&site.systems(&pair), 403, "access_denied", sentence).await;
}

/// The server's own certificate is of the right authority and still no client's.
async fn wrong_purpose(site: &Site) {
    let pair = Pair::in_folder(&site.folder.join("tls"), "server");
    let said = refused(&site.systems(&pair)).await;
    assert!(said.contains("403") && said.contains("certificate-purpose"), "{said}");
}

async fn revoked(site: &Site) {
    let (pair, certificate) = issued(site, "registration-desk", "system-tls-client", None).await;
    let server = site.systems(&pair);
    server.text(ROUTE).await.unwrap();
    revoke(site, &certificate.serial, Reason::KeyCompromise).await;
    let said = refused(&server).await;
    assert!(said.contains("401") && said.contains("certificate-revoked"), "{said}");
    let sentence = "the client certificate has been revoked; have a new one issued";
    refused_to_sign(&server, 401, "unauthorized_client", sentence).await;
}

async fn held(site: &Site) {
    let (pair, certificate) = issued(site, "registration-desk", "system-tls-client", None).await;
    let server = site.systems(&pair);
    server.text(ROUTE).await.unwrap();
    revoke(site, &certificate.serial, Reason::CertificateHold).await;
    let said = refused(&server).await;
    assert!(said.contains("401"), "{said}");
    let path = format!("/ca/certificates/{}/revocation", certificate.serial);
    let desk = site.systems(&site.desk());
    desk.tell(axum::http::Method::DELETE, &path, &serde_json::Value::Null).await.unwrap();
    // The door opens when the list without the hold is signed, moments later.
    let deadline = std::time::Instant::now() + PATIENCE;
    while let Err(error) = server.text(ROUTE).await {
        assert!(std::time::Instant::now() < deadline, "the hold was never lifted: {error}");
    }
}

async fn revoke(site: &Site, serial: &str, reason: Reason) {
    let path = format!("/ca/certificates/{serial}/revocation");
    let request = RevokeRequest { reason, invalidity_date: None };
    let _: CertificateInfo = site.systems(&site.desk()).post(&path, &request).await.unwrap();
}

/// A certificate that ends while its connection lives is refused from then on.
async fn expired(site: &Site) {
    let now = Clock::system().now();
    let validity = Validity { not_before: Millis(now.0 - 60_000), not_after: Millis(now.0 + 6_000) };
    let (pair, _) = issued(site, "registration-desk", "system-tls-client", Some(validity)).await;
    let server = site.systems(&pair);
    server.text(ROUTE).await.unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    let said = loop {
        match server.text(ROUTE).await {
            Err(error) => break error.to_string(),
            Ok(_) => assert!(std::time::Instant::now() < deadline, "the certificate never ended"),
        }
        tokio::task::yield_now().await;
    };
    assert!(said.contains("401") && said.contains("certificate-expired"), "{said}");
}
