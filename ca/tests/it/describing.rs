//! The description of `/ca` against the router: examples are accepted, and refusals are as they are described.

use ca::api;
use http::Method;
use platform::caller::Act;
use platform::db::Db;
use platform::peer::Peer;
use platform::problem::Problem;
use serde_json::Value;

use crate::acme::site::Site;
use crate::world::{caller, router};

const ACTS: [Act; 7] =
    [api::ISSUE, api::REVOKE, api::READ, api::RENEW, api::ENROL, api::ACME, api::AUTHORITIES];

/// The description as JSON.
fn document() -> Value {
    serde_json::to_value(ca::openapi()).unwrap()
}

/// Refusals are described, each with its form.
pub(crate) fn demand_refusals(method: &str, path: &str, operation: &Value) {
    let responses = operation["responses"].as_object().unwrap();
    for status in ["401", "403", "503", "default"] {
        assert!(responses.contains_key(status), "{method} {path} does not describe {status}");
    }
    assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
    for (status, response) in responses.iter().filter(|(status, _)| !status.starts_with('2')) {
        let content = response["content"].as_object().unwrap().values().next().unwrap();
        assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{method} {path} {status}");
    }
}

/// Every operation of the authority itself under `/ca`: method, path and what the description says of it. Cards have a router of their
/// own, which `cards/described.rs` asks.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let ours = paths.filter(|(path, _)| path.starts_with("/ca/") && !path.starts_with("/ca/card"));
    let each = ours.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    each.collect()
}

async fn call(peer: &Peer, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Problem> {
    peer.call(Method::from_bytes(method.as_bytes()).unwrap(), path, body).await
}

platform::both_engines! {
    /// Every body of the description has an example, and the router takes each as it stands.
    async fn examples_are_accepted(db: Db) {
        let site = Site::new(db).await;
        let peer = Peer::local(router(&site.authority), caller(&ACTS));
        let document = document();
        let mut bodies = Vec::new();
        for (method, path, operation) in operations(&document) {
            if let Some(body) = operation.get("requestBody") {
                let example = &body["content"]["application/json"]["example"];
                assert!(example.is_object(), "{method} {path} has no example");
                bodies.push((method, path, example));
            }
        }
        // A certificate is issued first, and revoked last: the others are about it.
        bodies.sort_by_key(|(_, path, _)| (path.contains("{serial}"), path.contains("revocation")));
        assert!(bodies.len() >= 4, "{bodies:?}");
        let mut serial = String::new();
        for (method, path, example) in bodies {
            let path = path.replace("{serial}", &serial).replace("{id}", "card");
            let answer = call(&peer, &method, &path, Some(example)).await;
            if path == "/ca/imports" {
                // Nobody can write down a certificate for a key that is made later: it is read, and refused for that.
                assert_eq!(answer.unwrap_err().code, "authority-certificate-refused");
                continue;
            }
            let answer = answer.unwrap_or_else(|problem| panic!("{method} {path}: {problem:?}"));
            if path == "/ca/certificates" {
                answer["serial"].as_str().unwrap().clone_into(&mut serial);
            }
        }
    }

    /// Who may nothing is refused everywhere, and each refusal is described with its form; so is every other one.
    async fn refusals_are_described(db: Db) {
        let site = Site::new(db).await;
        let nobody = Peer::local(router(&site.authority), caller(&[]));
        let document = document();
        for (method, path, operation) in operations(&document) {
            let body = operation.get("requestBody").map(|body| &body["content"]["application/json"]["example"]);
            // Its router needs a register; `reports.rs` asks it.
            if path.starts_with("/ca/reports/") {
                continue;
            }
            let problem = call(&nobody, &method, &path.replace("{serial}", "00"), body).await.unwrap_err();
            let status = problem.kind.status().as_u16();
            assert_eq!(status, 403, "{method} {path}");
            demand_refusals(&method, &path, operation);
        }
        let form = &document["components"]["schemas"]["Problem"]["required"];
        assert!(form.as_array().unwrap().contains(&"code".into()), "{form}");
    }
}
