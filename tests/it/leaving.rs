//! Who leaves: the register tells, and the authority follows.

use std::fmt::Write as _;

use axum::http::Method;
use ca::api::{CertificateState, IssueRequest, Issued, KeySource, Reason, SubjectData};
use lanyard::client::Server;
use lanyard::keypair::Pair;
use serde_json::{Value, json};

use crate::keeping::{certificate, followed};
use crate::rig::{Serving, Site};

/// A personnel system says that somebody has left: their certificate is revoked, they get no other, and the colleague's stays.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_left_is_certified_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    hire_payroll(&site);
    let _serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let desk = site.systems(&site.desk());
    let payroll = site.systems(&payroll(&site, &desk).await);

    let leaver = announced(&payroll, "4711", "Ann").await;
    let colleague = announced(&payroll, "4712", "Bea").await;
    let held = certified(&desk, dir.path(), &leaver).await.unwrap();
    let kept = certified(&desk, dir.path(), &colleague).await.unwrap();

    let path = format!("/directory/scim/v2/Users/{leaver}");
    assert_eq!(payroll.status(Method::DELETE, &path, &Value::Null).await.unwrap(), 204);
    let refused = certified(&desk, dir.path(), &leaver).await.unwrap_err().to_string();
    assert!(refused.contains("person-left"), "at once: {refused}");

    let revoked = followed(&desk, &held.serial).await;
    assert_eq!(revoked.revocation.map(|revocation| revocation.reason), Some(Reason::CessationOfOperation));
    assert_eq!(certificate(&desk, &kept.serial).await.state, CertificateState::Issued);
}

/// Lets a personnel system in.
pub(crate) fn hire_payroll(site: &Site) {
    let file = site.folder.join("lanyard.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    write!(text, "\n[clients.payroll]\nacts = [\"directory:feed\"]\norganisation = \"Z99901\"\n").unwrap();
    std::fs::write(&file, text).unwrap();
}

/// The personnel system with a certificate of its own.
pub(crate) async fn payroll(site: &Site, desk: &Server) -> Pair {
    let pair = Pair::in_folder(&site.folder.join("clients"), "payroll");
    let request = IssueRequest {
        request_id: "test-payroll".to_owned(),
        profile: "system-tls-client".to_owned(),
        subject: SubjectData { common_name: "payroll".to_owned(), ..SubjectData::default() },
        key: KeySource::Csr(pair.request("payroll").unwrap()),
        issuer: None,
        validity: None,
    };
    let issued: Issued = desk.post("/ca/certificates", &request).await.unwrap();
    pair.store(&issued).unwrap();
    pair
}

/// Somebody new, by their user id.
pub(crate) async fn announced(payroll: &Server, number: &str, given: &str) -> String {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": number, "userName": format!("{given}.{number}"),
        "name": {"givenName": given, "familyName": format!("Example{given}")},
    });
    let made: Value = payroll.post("/directory/scim/v2/Users", &body).await.unwrap();
    made["id"].as_str().unwrap().to_owned()
}

async fn certified(desk: &Server, folder: &std::path::Path, user: &str) -> anyhow::Result<Issued> {
    let pair = Pair::in_folder(&folder.join(user), "sign-in");
    let name = format!("{user}_Example");
    let request = IssueRequest {
        request_id: format!("test-{}", uuid::Uuid::now_v7()),
        profile: "person-sign-in".to_owned(),
        key: KeySource::Csr(pair.request(&name)?),
        subject: SubjectData {
            common_name: name,
            user_id: Some(user.to_owned()),
            given_name: Some("Ann".to_owned()),
            family_name: Some("Example".to_owned()),
            ..SubjectData::default()
        },
        issuer: None,
        validity: None,
    };
    desk.post("/ca/certificates", &request).await
}
