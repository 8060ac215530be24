//! Who keeps systems of the register, and how the authority follows it: what several stories tell.

use std::time::{Duration, Instant};

use axum::http::Method;
use ca::api::{CertificateInfo, CertificateState, IssueRequest, Issued, KeySource, SubjectData};
use lanyard::client::{Sent, Server};
use lanyard::keypair::Pair;
use serde_json::{Value, json};

use crate::rig::Site;

/// How long the authority may take to follow.
const PATIENCE: Duration = Duration::from_mins(1);

/// Who keeps systems, with a certificate of its own.
pub(crate) async fn keeper(site: &Site, desk: &Server) -> Pair {
    let pair = Pair::in_folder(&site.folder.join("clients"), "keeper");
    let request = IssueRequest {
        request_id: "test-keeper".to_owned(),
        profile: "system-tls-client".to_owned(),
        subject: SubjectData { common_name: "keeper".to_owned(), ..SubjectData::default() },
        key: KeySource::Csr(pair.request("keeper").unwrap()),
        issuer: None,
        validity: None,
    };
    let issued: Issued = desk.post("/ca/certificates", &request).await.unwrap();
    pair.store(&issued).unwrap();
    pair
}

/// A new system, by its identifier.
pub(crate) async fn registered(keeper: &Server, content: &Value) -> String {
    let body = json!({"system": content});
    let (status, text) = keeper.change(Method::POST, "/directory/systems", Sent::Json(body)).await.unwrap();
    assert_eq!(status, 201, "{text}");
    let made: Value = serde_json::from_str(&text).unwrap();
    made["identifier"].as_str().unwrap().to_owned()
}

/// A certificate as the authority has it.
pub(crate) async fn certificate(desk: &Server, serial: &str) -> CertificateInfo {
    desk.get(&format!("/ca/certificates/{serial}")).await.unwrap()
}

/// The certificate once it is revoked.
pub(crate) async fn followed(desk: &Server, serial: &str) -> CertificateInfo {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let info = certificate(desk, serial).await;
        if info.state == CertificateState::Revoked {
            return info;
        }
        assert!(Instant::now() < deadline, "the authority did not follow: {:?}", info.state);
        tokio::task::yield_now().await;
    }
}
