//! What refuses before a route of a face over FHIR is reached: each face says it in its own words.

use std::num::NonZeroU32;

use directory::api::{LOOK_UP, READ};
use directory::fhir_fuzz;
use http::{Method, StatusCode};
use platform::db::Engine;
use platform::db::testing::TestDb;
use platform::web::Rate;

use crate::rig::{Answered, Rig, system};

const SPINE: &str = "/spine-directory/FHIR/R4";
const WORKERS: &str = "/healthcare-worker/FHIR/R4";
const ORGANISATIONS: &str = "/organisation-data-terminology-api/fhir";

/// Status and FHIR's code of a refusal in JSON.
fn code(answer: &Answered) -> (u16, &str) {
    assert_eq!(answer.body["resourceType"], "OperationOutcome", "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/fhir+json");
    (answer.status.as_u16(), answer.body["issue"][0]["code"].as_str().unwrap())
}

/// A body that is too large, an address that is none, an id that is no text and nobody at all are refused as each face does it,
/// in the form that was asked for; what is not of a face is left as it is.
#[tokio::test]
async fn in_the_words_of_the_face() {
    let db = TestDb::new(Engine::Sqlite).await;
    let rig = Rig::new(db.db.clone()).port();
    let client = system("pas", &[LOOK_UP, READ]);
    let large = [("content-length", "99999999"), ("content-type", "application/x-www-form-urlencoded")];
    let known = "9562466f-c982-4cd5-bb0e-255e9f5e6689";
    for path in [format!("{ORGANISATIONS}/Organization/_search"), format!("{SPINE}/Device/_search")] {
        let mut headers = large.to_vec();
        headers.push(("x-correlation-id", known));
        let refused = rig.file(&client, Method::POST, &path, &headers, b"a=b").await;
        assert_eq!(code(&refused), (413, "too-long"), "{path}");
        assert_eq!(refused.headers["x-correlation-id"], known);
    }
    let refused =
        rig.file(&client, Method::POST, &format!("{WORKERS}/Practitioner/_search"), &large, b"a=b").await;
    assert_eq!(code(&refused), (413, "too-long"));

    for base in [SPINE, ORGANISATIONS] {
        assert_eq!(code(&rig.get(&client, base).await), (404, "not-found"), "{base}");
    }
    let nothing = rig.get(&client, WORKERS).await;
    assert_eq!(
        (nothing.status, nothing.body.as_str()),
        (StatusCode::NOT_FOUND, Some("")),
        "as the service has it"
    );
    assert!(nothing.headers.get("content-type").is_none());
    let spine = rig.get(&client, SPINE).await;
    assert_eq!(spine.body["issue"][0]["details"]["coding"][0]["code"], "NO_RECORD_FOUND");
    assert!(
        uuid::Uuid::try_parse(spine.body["id"].as_str().unwrap()).is_ok(),
        "known by the id that the log has"
    );

    // What can be no id of anything is refused before the handler.
    let bad = format!("{ORGANISATIONS}/Organization/%ff");
    assert_eq!(code(&rig.get(&client, &bad).await), (404, "not-found"));
    let xml = [("accept", "application/fhir+xml")];
    let bad = rig.send(&client, Method::GET, &bad, &xml, None).await;
    assert_eq!(bad.headers["content-type"], "application/fhir+xml");
    let body = bad.body.as_str().unwrap();
    assert!(
        body.contains("<OperationOutcome xmlns=\"http://hl7.org/fhir\">") && body.contains("<diagnostics"),
        "{body}"
    );
    let format = format!("{WORKERS}/Practitioner/_search?_format=xml");
    let format = rig.file(&client, Method::POST, &format, &large, b"a=b").await;
    assert_eq!(
        (format.status.as_u16(), &format.headers["content-type"]),
        (413, &"application/fhir+xml".parse().unwrap())
    );

    assert_eq!(code(&rig.ask_as_nobody(&format!("{SPINE}/Device"), &[]).await), (401, "login"));
    let nobody = rig.ask_as_nobody(&format!("{WORKERS}/Practitioner"), &[]).await;
    assert_eq!((nobody.status.as_u16(), nobody.body.as_str()), (401, Some("")));
    let other = rig.get(&client, "/directory/nothing").await;
    assert_eq!(other.headers["content-type"], "application/problem+json");
}

/// Each application has its own count: whoever asks too often is told when to come back, in the words of the face, and the others
/// go on as before.
#[tokio::test]
async fn each_application_has_its_own_count() {
    let db = TestDb::new(Engine::Sqlite).await;
    let one = NonZeroU32::new(1).unwrap();
    let rig =
        Rig::new(db.db.clone()).counted(Rate { per_second: one, burst: NonZeroU32::new(2).unwrap() }).port();
    let (busy, quiet) = (system("busy", &[LOOK_UP]), system("quiet", &[LOOK_UP]));
    let path = format!("{ORGANISATIONS}/metadata");
    let mut refused = None;
    // More than a burst and a second of them, however slow the machine is.
    for _ in 0..200 {
        let answer = rig.get(&busy, &path).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!(code(&refused), (429, "throttled"));
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert_eq!(rig.get(&quiet, &path).await.status, StatusCode::OK, "the other is not counted with it");
}

/// No query and no body of a stranger stops a reader, however it is damaged.
#[test]
fn strangers_questions_do_no_harm() {
    for sample in [
        "organization=https://fhir.nhs.uk/Id/ods-organization-code%7CRXX&identifier=https://fhir.nhs.uk/Id/nhsMhsPartyKey%7CRXX-1",
        "name:contains=surg\\,ery&type=RC1&roleCode:not=RO76&lastChangeDate=gt2024-01-31&_lastUpdated=ge2024-01-31T10:00Z&_count=5",
        "identifier=555000000108&_revinclude=PractitionerRole:practitioner&role=https://fhir.nhs.uk/CodeSystem%7CS0010:G0020:R8000",
    ] {
        platform::hammer::hammer(sample.as_bytes(), 2_000, fhir_fuzz::search).unwrap();
    }
    let body = r#"{"resourceType":"Parameters","parameter":[{"name":"valueSet","resource":{"compose":{"include":[{"system":
        "https://fhir.nhs.uk/Id/ods-organization-code","filter":[{"property":"role","op":"in","value":"RO1,RO2"}]}]}}}]}"#;
    platform::hammer::hammer(body.as_bytes(), 2_000, fhir_fuzz::parameters).unwrap();
    // As deep as a body may be large.
    fhir_fuzz::parameters("[".repeat(400_000).as_bytes());
    fhir_fuzz::parameters(
        format!("<Parameters xmlns=\"http://hl7.org/fhir\">{}", "<part>".repeat(60_000)).as_bytes(),
    );
}
