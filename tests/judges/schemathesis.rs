//! Schemathesis, which asks a running server whatever its description lets one ask, and holds each answer against the description.

use std::fmt::Write as _;

use axum::http::Method;
use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use lanyard::client::Sent;
use lanyard::keypair::Pair;
use serde_json::{Value, json};

use crate::bench::{Bench, end_in, setting};
use crate::server::Running;

/// Below what the faces of the directory over HTTP lie.
const FACES: &str = "^/(spine-directory|healthcare-worker|organisation-data-terminology-api)/";
/// The one route with which it is seen whether the judge can refuse.
const ONE: &str = "/spine-directory/FHIR/R4/metadata";
/// What it holds answers against. A request that is wrong may be answered as if it were right: clients of the national directory send more than it describes.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
/// How much it asks: what is at the edge of each parameter, and a few requests by chance, which are the same each time.
const HOW: [&str; 18] = [
    "--checks",
    CHECKS,
    "--phases",
    "examples,coverage,fuzzing",
    "--max-examples",
    "5",
    "--seed",
    "8",
    "--workers",
    "1",
    "--suppress-health-check",
    "all",
    "--warnings",
    "off",
    "--no-shrink",
    "--continue-on-failure",
    "--request-timeout",
    "30",
];
/// No examples are kept from run to run, and methods that are not described are not asked: the national directory answers them without a body.
const SETTINGS: &str = "color = false\n[generation]\nmode = \"all\"\ndatabase = \"none\"\n[phases.coverage]\nunexpected-methods = []\n";

/// What the faces answer is what their description says, and never an error of the server, whatever is asked; where the description says something else,
/// the judge finds it.
#[tokio::test(flavor = "multi_thread")]
async fn the_faces_are_as_they_are_described() {
    let settings = "\n[clients.faces]\nacts = [\"directory:look-up\", \"directory:read\", \"directory:export\", \"directory:subscribe\"]\n\
                    [clients.keeper]\nacts = [\"directory:systems\"]\n";
    let server = Running::start_with(settings);
    enrolled(&server, "keeper").await;
    enrolled(&server, "faces").await;
    let system = json!({"system": {"kind": "accredited", "organisation": "RXX", "party_key": "RXX-0000001", "interactions": ["urn:a:b"]}});
    let keeper = server.as_client("clients", "keeper");
    let made =
        keeper.change(Method::POST, "/directory/systems", Sent::Json(system)).await.expect("it answers");
    assert_eq!(made.0, 201, "{}", made.1);

    let bench = Bench::new();
    bench.file("schemathesis.toml", SETTINGS);
    let document = serde_json::to_value(lanyard::serve::openapi()).expect("the description is JSON");
    let mut wrong = document.clone();
    wrong["paths"][ONE]["get"]["responses"] = json!({"418": {"description": "A teapot"}});
    let found = judged(&server, &bench, &wrong, &format!("^{}$", ONE.replace('.', "\\.")));
    assert!(found.is_err_and(|said| said.contains("Undocumented status code")), "it can refuse");
    if let Err(said) = judged(&server, &bench, &document, FACES) {
        panic!("{said}");
    }
}

/// Runs it over the operations whose path is like this; what it says where it finds something.
fn judged(server: &Running, bench: &Bench, document: &Value, paths: &str) -> Result<(), String> {
    let description = bench.file("openapi.json", document.to_string());
    let clients = server.folder().join("clients");
    let place = |path: std::path::PathBuf| path.display().to_string();
    let url = server.systems_url();
    let (config, description) = (place(bench.folder().join("schemathesis.toml")), place(description));
    let (root, certificate) = (place(clients.join("root.pem")), place(clients.join("faces.pem")));
    let key = place(clients.join("faces.key"));
    let begin = [
        "-m",
        "schemathesis.cli",
        "--config-file",
        &config,
        "run",
        &description,
        "--url",
        &url,
        "--tls-verify",
        &root,
        "--request-cert",
        &certificate,
        "--request-cert-key",
        &key,
        "--include-path-regex",
        paths,
    ];
    let (status, said) = end_in(bench.folder(), setting("LANYARD_PYTHON"), [&begin[..], &HOW].concat());
    let mut all = said.out;
    let _written = write!(all, "{}", said.err);
    // One that tests nothing finds nothing.
    if status.success() && all.contains("passed") { Ok(()) } else { Err(all) }
}

/// Gives a client of the configuration its certificate.
async fn enrolled(server: &Running, name: &str) {
    let pair = Pair::in_folder(&server.folder().join("clients"), name);
    let request = IssueRequest {
        request_id: format!("judged-{name}"),
        profile: "system-tls-client".to_owned(),
        subject: SubjectData { common_name: name.to_owned(), ..SubjectData::default() },
        key: KeySource::Csr(pair.request(name).expect("a key can be made")),
        issuer: None,
        validity: None,
    };
    let desk = server.as_client("clients", "registration-desk");
    let issued: Issued = desk.post("/ca/certificates", &request).await.expect("it is issued");
    pair.store(&issued).expect("it can be written");
}
