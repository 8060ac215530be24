//! Systems of the register and their certificates: by their identifiers, from the authority for systems, and ended with them.

use std::path::Path;

use axum::http::Method;
use ca::api::{CertificatePage, CertificateState, IssueRequest, Issued, KeySource, Reason, SubjectData};
use lanyard::client::{Sent, Server};
use lanyard::keypair::Pair;
use serde_json::json;

use crate::keeping::{certificate, followed, keeper, registered};
use crate::rig::{Serving, Site};

/// An accredited system is certified by its ASID and a message handling system by its identifier; what a system was given is revoked when
/// it is withdrawn, and it gets no more, while those of the other stay.
#[tokio::test(flavor = "multi_thread")]
async fn systems_are_certified_while_they_are_registered() {
    let dir = tempfile::tempdir().unwrap();
    let site = with_keeper(dir.path());
    let _serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let desk = site.systems(&site.desk());
    let keeper = site.systems(&keeper(&site, &desk).await);

    let accredited = json!({"kind": "accredited", "organisation": "RXX", "party_key": "RXX-0000001", "interactions": ["urn:a:b"]});
    let handling = json!({"kind": "message-handling", "organisation": "RXX", "party_key": "RXX-0000001", "interaction": "urn:a:b",
        "endpoints": ["https://mhs.example.nhs.uk/"]});
    let asid = registered(&keeper, &accredited).await;
    let mhs = registered(&keeper, &handling).await;
    let first = certified(&desk, dir.path(), "accredited-system", &asid).await.unwrap();
    let second = certified(&desk, dir.path(), "message-handling-system", &mhs).await.unwrap();
    for (issued, id) in [(&first, &asid), (&second, &mhs)] {
        let own = certificate(&desk, &issued.serial).await;
        assert!(own.subject.contains(&format!("serialNumber={id}")), "{}", own.subject);
        assert!(own.issuer.starts_with("systems"), "{}", own.issuer);
        let found: CertificatePage =
            desk.get(&format!("/ca/certificates?system_id={}", id.to_uppercase())).await.unwrap();
        let serials: Vec<&String> = found.certificates.iter().map(|one| &one.serial).collect();
        assert_eq!(serials, [&issued.serial]);
    }
    let wrong = certified(&desk, dir.path(), "accredited-system", "17").await.unwrap_err().to_string();
    assert!(wrong.contains("subject-refused"), "{wrong}");

    nothing_else_is_certified(&site, &desk, &asid, &mhs).await;

    let withdrawn =
        keeper.change(Method::DELETE, &format!("/directory/systems/{asid}"), Sent::Nothing).await.unwrap();
    assert_eq!(withdrawn.0, 204, "{}", withdrawn.1);
    let refused = certified(&desk, dir.path(), "accredited-system", &asid).await.unwrap_err().to_string();
    assert!(refused.contains("system-withdrawn"), "at once: {refused}");
    let revoked = followed(&desk, &first.serial).await;
    assert_eq!(revoked.revocation.map(|revocation| revocation.reason), Some(Reason::CessationOfOperation));
    assert_eq!(certificate(&desk, &second.serial).await.state, CertificateState::Issued);
}

/// A message handling system whose identifier cannot stand in a certificate has its certificates by its name, in whatever letters: they are
/// revoked when it is withdrawn. What is called so and is of before it, of another organisation, or called otherwise, stays.
#[tokio::test(flavor = "multi_thread")]
async fn systems_certified_by_name_end_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let site = with_keeper(dir.path());
    let _serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let desk = site.systems(&site.desk());
    let keeper = site.systems(&keeper(&site, &desk).await);
    let named = async |name: &str, organisation: Option<&str>| {
        let pair = Pair::in_folder(&dir.path().join(uuid::Uuid::now_v7().to_string()), "system");
        let subject = SubjectData {
            common_name: name.to_owned(),
            organisation_id: organisation.map(str::to_owned),
            ..SubjectData::default()
        };
        issued(&desk, &pair, "system-tls-client", subject).await.unwrap().serial
    };

    let before = named("MHS_1", None).await;
    let system = json!({"kind": "message-handling", "organisation": "RXX", "party_key": "RXX-0000001", "interaction": "urn:a:b",
        "endpoints": ["https://mhs.example.nhs.uk/"]});
    let body = json!({"identifier": "MHS_1", "system": system});
    let made = keeper.change(Method::POST, "/directory/systems", Sent::Json(body)).await.unwrap();
    assert_eq!(made.0, 201, "{}", made.1);
    let own = [named("MHS_1", None).await, named("mhs_1", Some("RXX")).await];
    let others = [before, named("MHS_1", Some("RYY")).await, named("MHS_2", None).await];

    let withdrawn = keeper.change(Method::DELETE, "/directory/systems/MHS_1", Sent::Nothing).await.unwrap();
    assert_eq!(withdrawn.0, 204, "{}", withdrawn.1);
    for serial in &own {
        let revoked = followed(&desk, serial).await;
        assert_eq!(
            revoked.revocation.map(|revocation| revocation.reason),
            Some(Reason::CessationOfOperation)
        );
    }
    for serial in &others {
        assert_eq!(certificate(&desk, serial).await.state, CertificateState::Issued, "{serial}");
    }
}

/// A demonstration whose desk has systems of the register certified, and in which somebody keeps them.
fn with_keeper(folder: &Path) -> Site {
    let site = Site::of_demo(folder);
    site.configure(
        "\"card-signing\", \"system-tls-client\"]",
        "\"card-signing\", \"system-tls-client\", \"accredited-system\", \"message-handling-system\"]",
    );
    let file = site.folder.join("lanyard.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n[clients.keeper]\nacts = [\"directory:systems\"]\n")).unwrap();
    site
}

/// A system that the register knows is certified as its kind and for its organisation alone; a certificate for it makes nobody another
/// client, whichever name a desk has put in it. One that the register does not know is certified as it is asked.
async fn nothing_else_is_certified(site: &Site, desk: &Server, asid: &str, mhs: &str) {
    let folder = site.folder.join("otherwise");
    let as_it_is: fn(&mut SubjectData) = |_| {};
    let foreign: fn(&mut SubjectData) = |subject| subject.organisation_id = Some("RYY".to_owned());
    let wrong = [
        ("accredited-system", mhs, as_it_is),
        ("message-handling-system", asid, as_it_is),
        ("accredited-system", asid, foreign),
        ("message-handling-system", mhs, foreign),
    ];
    for (at, (profile, id, change)) in wrong.into_iter().enumerate() {
        let pair = Pair::in_folder(&folder.join(at.to_string()), "system");
        let refused = certified_as(desk, &pair, profile, id, change).await.unwrap_err().to_string();
        assert!(refused.contains("subject-refused"), "{profile} {id}: {refused}");
    }
    let pair = Pair::in_folder(&folder.join("unknown"), "system");
    let unknown = certified_as(desk, &pair, "accredited-system", "299999999999", foreign).await;
    assert!(unknown.is_ok(), "{unknown:?}");
    let pair = Pair::in_folder(&folder.join("posing"), "system");
    let posing: fn(&mut SubjectData) = |subject| "keeper".clone_into(&mut subject.common_name);
    let issued = certified_as(desk, &pair, "accredited-system", asid, posing).await.unwrap();
    assert_eq!(certificate(desk, &issued.serial).await.system_id.as_deref(), Some(asid));
    pair.store(&issued).unwrap();
    let body = json!({"system": {"kind": "accredited", "organisation": "RXX", "party_key": "RXX-0000001", "interactions": ["urn:a:b"]}});
    let posed =
        site.systems(&pair).change(Method::POST, "/directory/systems", Sent::Json(body)).await.unwrap();
    assert!(posed.0 == 403 && posed.1.contains("certificate-not-a-caller"), "{posed:?}");
}

async fn certified(desk: &Server, folder: &Path, profile: &str, id: &str) -> anyhow::Result<Issued> {
    let pair = Pair::in_folder(&folder.join(format!("{profile}-{id}")), "system");
    certified_as(desk, &pair, profile, id, |_| {}).await
}

/// A system certified, with something asked otherwise.
async fn certified_as(
    desk: &Server,
    pair: &Pair,
    profile: &str,
    id: &str,
    change: fn(&mut SubjectData),
) -> anyhow::Result<Issued> {
    let dns_names =
        if profile == "message-handling-system" { vec!["mhs.example.nhs.uk".to_owned()] } else { Vec::new() };
    let mut subject = SubjectData {
        common_name: id.to_owned(),
        system_id: Some(id.to_owned()),
        organisation_id: Some("RXX".to_owned()),
        dns_names,
        ..SubjectData::default()
    };
    change(&mut subject);
    issued(desk, pair, profile, subject).await
}

/// A certificate for this subject.
async fn issued(desk: &Server, pair: &Pair, profile: &str, subject: SubjectData) -> anyhow::Result<Issued> {
    let request = IssueRequest {
        request_id: format!("test-{}", uuid::Uuid::now_v7()),
        profile: profile.to_owned(),
        key: KeySource::Csr(pair.request(&subject.common_name)?),
        subject,
        issuer: None,
        validity: None,
    };
    desk.post("/ca/certificates", &request).await
}
