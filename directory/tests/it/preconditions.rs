//! Every change says which version it means, or has a key by which it is done once.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use crate::people_rig::{new_person, staff};
use crate::rig::Rig;

/// Changes that ask for neither, and why none is needed.
const OTHERWISE: [(&str, &str, &str); 11] = [
    ("POST", "/directory/systems/import", "the file is its own key: what is in is passed over"),
    ("POST", "/directory/organisations/import", "the release is its own key: what is in is passed over"),
    ("POST", "/directory/rbac/effective", "it asks, and changes nothing"),
    ("POST", "/directory/feed/events", "each event has an id of its own"),
    ("PUT", "/directory/consumers/{name}", "a number that never goes back"),
    ("POST", "/directory/scim/v2/Users", "externalId is its key"),
    ("POST", "/directory/scim/v2/Users/.search", "it asks, and changes nothing"),
    ("POST", "/directory/scim/v2/.search", "it asks, and changes nothing"),
    ("PUT", "/directory/scim/v2/Users/{id}", "RFC 7644 3.14 leaves If-Match to the client"),
    ("PATCH", "/directory/scim/v2/Users/{id}", "RFC 7644 3.14 leaves If-Match to the client"),
    ("DELETE", "/directory/scim/v2/Users/{id}", "RFC 7644 3.14 leaves If-Match to the client"),
];

/// A path with something in each place that may stand there.
fn filled(path: &str) -> String {
    let id = "01939b3c-0000-7000-8000-000000000000";
    path.replace("{user_id}", "555021942107")
        .replace("{ods}", "RXX")
        .replace("{body}", "GMC")
        .replace("{number}", "1")
        .replace("{name}", "somebody")
        .replace("Users/{id}", "Users/555021942107")
        .replace("/people/import", "/people/import?source=payroll")
        .split('/')
        .map(|part| if part.starts_with('{') { id } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

platform::both_engines! {
    /// No change without its key or its version is taken, but for those that have another way to be done once; and the
    /// description asks for it too.
    async fn every_change_is_done_once(db: Db) {
        let rig = Rig::new(db.clone());
        let manager = staff(&db, 900, Some("ra-manager"), "RXX").await;
        let document = serde_json::to_value(directory::openapi()).unwrap();
        let (mut otherwise, mut silent) = (BTreeSet::new(), Vec::new());
        let mut asked = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, described) in methods.as_object().unwrap() {
                let method: Method = method.to_uppercase().parse().unwrap();
                if method == Method::GET {
                    continue;
                }
                let body = &described["requestBody"]["content"]["application/json"]["example"];
                let body = if body.is_null() { json!({}) } else { body.clone() };
                let headers = [("content-type", "application/json")];
                let answered = rig.file(&manager, method.clone(), &filled(path), &headers, body.to_string().as_bytes()).await;
                if matches!(answered.code(), "idempotency-key-missing" | "if-match-missing" | "if-none-match-missing") {
                    asked += 1;
                    let parameters = described["parameters"].as_array().cloned().unwrap_or_default();
                    let names: Vec<String> =
                        parameters.iter().map(|one: &Value| one["name"].as_str().unwrap_or_default().to_ascii_lowercase()).collect();
                    let described = names.iter().any(|name| matches!(name.as_str(), "idempotency-key" | "if-match" | "if-none-match"));
                    if !described {
                        silent.push(format!("{method} {path}: {}", answered.code()));
                    }
                } else {
                    otherwise.insert((method.to_string(), path.clone()));
                }
            }
        }
        let expected: BTreeSet<_> =
            OTHERWISE.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
        assert_eq!(otherwise, expected);
        assert!(silent.is_empty(), "the description does not say it:\n{}", silent.join("\n"));
        assert!(asked > 40, "only {asked} were asked");
    }
}

platform::both_engines! {
    /// Tags are compared to the letter and strongly, and each of every If-Match of a request counts.
    async fn tags_are_compared_to_the_letter(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let user = rig.make(&agent, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        let path = format!("/directory/people/{user}");
        let patch = async |tags: &[&str], gender: &str| {
            let headers: Vec<(&str, &str)> = tags.iter().map(|tag| ("if-match", *tag)).collect();
            rig.send(&agent, Method::PATCH, &path, &headers, Some(&json!({"gender": gender}))).await
        };
        for tags in [&["\"+1\""][..], &["\"01\""], &["W/\"1\""], &["\"x\""], &["\"2\", \"3\""], &["\"2\"", "\"3\""]] {
            let refused = patch(tags, "female").await;
            assert_eq!((refused.status, refused.code()), (StatusCode::PRECONDITION_FAILED, "changed"), "{tags:?}");
        }
        for tags in [&["1"][..], &[""], &["*", "\"1\""], &["\"1\", "]] {
            assert_eq!(patch(tags, "female").await.code(), "if-match-invalid", "{tags:?}");
        }
        assert_eq!(patch(&["\"7\", \"1\""], "female").await.etag(), "\"2\"");
        assert_eq!(patch(&["W/\"2\"", "\"2\""], "male").await.etag(), "\"3\"");
        assert_eq!(patch(&["*"], "other").await.etag(), "\"4\"");
    }
}
