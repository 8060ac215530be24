//! scim2-tester, a kept tester of SCIM servers, through `python/scim.py`.

use std::{fmt::Write as _, fs};

use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use lanyard::keypair::Pair;

use crate::{
    bench::{beside, run, setting, verdict},
    evidence::Verdict,
    server::Running,
};

/// The name of the personnel system.
const PAYROLL: &str = "payroll";

/// It finds nothing wrong with discovery, reading, searching, making, replacing, changing and taking away; and where it sends any texts for
/// dates and numbers, it is refused.
#[tokio::test(flavor = "multi_thread")]
async fn scim_is_as_a_tester_of_servers_expects() {
    let running = running().await;
    let refused = judged(&running, "any").expect_err("no date of birth is any text");
    assert!(refused.contains("The member"), "{refused}");
    judged(&running, "fit").expect("it finds nothing wrong");
}

/// A server with a personnel system that has its certificate.
async fn running() -> Running {
    let mut settings = String::new();
    write!(settings, "\n[clients.{PAYROLL}]\nacts = [\"directory:feed\"]\norganisation = \"Z99901\"\n")
        .expect("a text can be written to");
    let running = Running::start_with(&settings);
    let desk = running.as_client("clients", "registration-desk");
    let pair = Pair::in_folder(&running.folder().join("clients"), PAYROLL);
    let request = IssueRequest {
        request_id: "judge-payroll".to_owned(),
        profile: "system-tls-client".to_owned(),
        subject: SubjectData { common_name: PAYROLL.to_owned(), ..SubjectData::default() },
        key: KeySource::Csr(pair.request(PAYROLL).expect("a key can be made")),
        issuer: None,
        validity: None,
    };
    let issued: Issued = desk.post("/ca/certificates", &request).await.expect("the desk may ask");
    pair.store(&issued).expect("a certificate can be stored");
    running
}

fn judged(running: &Running, values: &str) -> Verdict {
    let clients = running.folder().join("clients");
    let pair = Pair::in_folder(&clients, PAYROLL);
    assert!(fs::exists(&pair.certificate).unwrap_or_default(), "it has its certificate");
    let said = run(
        setting("LANYARD_PYTHON"),
        [
            beside("python/scim.py").into_os_string(),
            format!("{}/directory/scim/v2", running.systems_url()).into(),
            pair.certificate.clone().into(),
            pair.key.clone().into(),
            clients.join("root.pem").into(),
            values.into(),
        ],
    )?;
    verdict(&said)
}
