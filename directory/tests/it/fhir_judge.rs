//! Every kind of resource that the faces over FHIR give, before npm's `fhir`; and what their profiles must have.

use std::process::Command;

use directory::Config;
use directory::api::{LOOK_UP, READ};
use http::Method;
use platform::caller::Caller;
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::{Value, json};

use crate::rig::{Rig, system};
use crate::systems::{accredited, handling, register};
use crate::terminology::seeded;
use crate::workers::with_doctor;

const WORKERS: &str = "/healthcare-worker/FHIR/R4";
const ORGANISATIONS: &str = "/organisation-data-terminology-api/fhir";
const SPINE: &str = "/spine-directory/FHIR/R4";
const ODS: &str = "https://digital.nhs.uk/services/organisation-data-service/CodeSystem/";
const CODE: &str = "https://fhir.nhs.uk/Id/ods-organization-code";

/// The kinds of resources that there are.
const KINDS: &str = "Bundle CapabilityStatement CodeSystem Device Endpoint List OperationOutcome Organization \
                     OrganizationAffiliation Parameters Practitioner PractitionerRole TerminologyCapabilities ValueSet";

/// What the profiles of the national services must have, by where it stands.
const MUST: [(&str, &[&str]); 6] = [
    ("Practitioner", &["/id", "/identifier/0/system", "/identifier/0/value", "/active", "/name/0/family"]),
    (
        "PractitionerRole",
        &[
            "/id",
            "/identifier/0/system",
            "/identifier/0/value",
            "/active",
            "/period/start",
            "/practitioner/reference",
            "/practitioner/identifier/value",
            "/organization/reference",
            "/organization/identifier/system",
            "/code/0/coding/0/system",
            "/code/0/coding/0/code",
            "/code/0/coding/0/display",
        ],
    ),
    (
        "OrganizationAffiliation",
        &[
            "/id",
            "/meta/profile/0",
            "/identifier/0/system",
            "/identifier/0/value",
            "/active",
            "/organization/identifier/value",
            "/participatingOrganization/identifier/value",
            "/code/0/coding/0/system",
            "/code/0/coding/0/code",
        ],
    ),
    (
        "Device",
        &[
            "/id",
            "/identifier/0/system",
            "/identifier/0/value",
            "/identifier/1/value",
            "/extension/0/url",
            "/owner/identifier/value",
        ],
    ),
    (
        "Endpoint",
        &[
            "/id",
            "/status",
            "/connectionType/system",
            "/connectionType/code",
            "/payloadType/0/coding/0/code",
            "/address",
            "/managingOrganization/identifier/system",
            "/managingOrganization/identifier/value",
            "/identifier/0/value",
        ],
    ),
    (
        "CapabilityStatement",
        &["/url", "/fhirVersion", "/rest/0/mode", "/rest/0/resource/0/type", "/implementation/url"],
    ),
];

/// What an organisation must have that is told whole, and not as the name in a role.
const WHOLE: [&str; 9] = [
    "/id",
    "/meta/profile/1",
    "/identifier/0/use",
    "/identifier/0/value",
    "/active",
    "/type/0/coding/0/code",
    "/type/1/coding/0/code",
    "/name",
    "/extension/0/extension/0/url",
];

fn client() -> Caller {
    system("pas", &[LOOK_UP, READ])
}

/// In which forms something is judged, and whether they say the same: of what has an id for each answer, they do not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Forms {
    Json,
    Both,
    Same,
}

async fn judged(rig: &Rig, path: String, forms: Forms, all: &mut Vec<Value>) {
    let ask = |accept: &'static str| {
        let path = path.clone();
        async move {
            rig.send(
                &client(),
                Method::GET,
                &path,
                &[("accept", accept), ("host", "directory.example")],
                None,
            )
            .await
            .body
        }
    };
    let json = ask("application/fhir+json").await;
    assert!(json["resourceType"].is_string(), "{path}: {json}");
    let xml = if forms == Forms::Json { Value::Null } else { ask("application/fhir+xml").await };
    assert!(
        forms == Forms::Json || xml.as_str().is_some_and(|text| text.starts_with("<?xml")),
        "{path}: {xml}"
    );
    all.push(json!({"what": path, "json": json, "xml": xml, "same": forms == Forms::Same}));
}

/// Holds a resource, or those in a bundle, against what must be there.
fn must_have(what: &Value, resource: &Value) {
    for entry in resource["entry"].as_array().into_iter().flatten() {
        must_have(what, &entry["resource"]);
    }
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let places = MUST.iter().find(|row| row.0 == kind).map_or(&[][..], |row| row.1);
    let whole =
        if kind == "Organization" && resource["meta"]["profile"].is_array() { &WHOLE[..] } else { &[] };
    for place in places.iter().chain(whole) {
        assert!(resource.pointer(place).is_some(), "{what}: {kind} lacks {place}: {resource}");
    }
}

/// Runs the judge over all of it; the kinds that it saw.
fn run(all: &[Value]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let packages =
        std::env::var("LANYARD_NPM").expect("`. tools/env` says where the packages of `make setup` are");
    std::os::unix::fs::symlink(packages, folder.path().join("node_modules")).unwrap();
    std::fs::write(folder.path().join("judge.mjs"), include_str!("fhir_judge.mjs")).unwrap();
    std::fs::write(folder.path().join("resources.json"), serde_json::to_string(all).unwrap()).unwrap();
    let output = Command::new("node").arg("judge.mjs").current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Whatever the faces tell is valid FHIR, says the same in JSON and XML, and has what its profile must have.
#[tokio::test]
async fn resources_are_valid_to_a_stranger() {
    let mut all = Vec::new();
    let people = TestDb::new(Engine::Sqlite).await;
    let (world, ann) = with_doctor(people.db.clone(), Config::default()).await;
    let roles = world.rig.get(&client(), &format!("{WORKERS}/PractitionerRole?practitioner={ann}")).await;
    let role = roles.body["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    for (path, forms) in [
        ("/metadata".to_owned(), Forms::Same),
        (format!("/Practitioner/{ann}"), Forms::Same),
        (format!("/PractitionerRole/{role}"), Forms::Same),
        (format!("/Practitioner/{ann}/_history"), Forms::Both),
        (format!("/PractitionerRole/{role}/_history"), Forms::Both),
        (format!("/Practitioner?identifier={ann}&_revinclude=PractitionerRole:practitioner"), Forms::Both),
        (
            format!(
                "/PractitionerRole?practitioner.identifier={ann}&_include=PractitionerRole:practitioner&_include=PractitionerRole:organization"
            ),
            Forms::Both,
        ),
        (format!("/Practitioner/{ann}?_elements=name"), Forms::Same),
        ("/Practitioner?identifier=1".to_owned(), Forms::Same),
    ] {
        judged(&world.rig, format!("{WORKERS}{path}"), forms, &mut all).await;
    }

    let organisations = TestDb::new(Engine::Sqlite).await;
    let rig = seeded(organisations.db.clone()).await;
    let asid = register(&rig, &accredited("RXX")).await;
    let mhs = register(&rig, &handling("RXX", "https://mhs.example.nhs.uk/")).await;
    for (path, forms) in [
        ("/metadata", Forms::Same),
        ("/metadata?mode=terminology", Forms::Same),
        ("/Organization/G81086", Forms::Same),
        ("/Organization/FCE71", Forms::Same),
        ("/Organization/RXX/_history", Forms::Both),
        ("/Organization?_revinclude=OrganizationAffiliation:primary-organization", Forms::Both),
        ("/OrganizationAffiliation/256248", Forms::Same),
        ("/OrganizationAffiliation?_include=OrganizationAffiliation:primary-organization", Forms::Both),
        ("/List/Organization-deletion", Forms::Same),
        ("/CodeSystem?_summary=false", Forms::Both),
        ("/CodeSystem/ods-organization-code", Forms::Same),
        (&*format!("/CodeSystem/$lookup?system={CODE}&code=G81086&property=*"), Forms::Same),
        (&*format!("/CodeSystem/$validate-code?url={CODE}&code=NONE"), Forms::Same),
        (&*format!("/CodeSystem/$subsumes?system={CODE}&codeA=RXX&codeB=G81086"), Forms::Same),
        (&*format!("/ValueSet/$expand?url={ODS}ODSOrganisationRole%3Ffhir_vs&count=3"), Forms::Both),
        ("/Organization/NONE", Forms::Both),
        ("/Organization?colour=red", Forms::Both),
    ] {
        judged(&rig, format!("{ORGANISATIONS}{path}"), forms, &mut all).await;
    }
    let search = "organization=https://fhir.nhs.uk/Id/ods-organization-code%7CRXX&identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId\
                  %7Curn:nhs:names:services:pds:QUPA_IN000006UK02";
    for path in [
        "/metadata".to_owned(),
        format!("/Device/{asid}"),
        format!("/Endpoint/{mhs}"),
        format!("/Device/{asid}/_history"),
        format!("/Device?{search}"),
        format!("/Endpoint?{search}"),
        "/Device".to_owned(),
    ] {
        judged(&rig, format!("{SPINE}{path}"), Forms::Json, &mut all).await;
    }
    for one in &all {
        if !one["what"].as_str().unwrap().contains("_elements") {
            must_have(&one["what"], &one["json"]);
        }
    }
    assert_eq!(run(&all), KINDS);
}
