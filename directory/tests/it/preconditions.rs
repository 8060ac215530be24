//! Every change says which version it means, or has a key by which it is done once.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use serde_json::{Value, json};

use crate::people_rig::{new_person, staff};
use crate::rig::Rig;

/// POSTs that ask for no key, and why none is needed.
const KEYLESS: [(&str, &str, &str); 10] = [
    ("POST", "/directory/systems/import", "the file is its own key: what is in is passed over"),
    ("POST", "/directory/organisations/import", "the release is its own key: what is in is passed over"),
    ("POST", "/directory/rbac/effective", "it asks, and changes nothing"),
    ("POST", "/directory/feed/events", "each event has an id of its own"),
    ("POST", "/directory/scim/v2/Users", "externalId is its key"),
    ("POST", "/directory/scim/v2/Users/.search", "it asks, and changes nothing"),
    ("POST", "/directory/scim/v2/.search", "it asks, and changes nothing"),
    (
        "POST",
        "/healthcare-worker/FHIR/R4/Subscription",
        "FHIR has no such key; whoever makes two has two, finds them and ends one",
    ),
    (
        "POST",
        "/organisation-data-terminology-api/fhir/Subscription",
        "FHIR has no such key; whoever makes two has two, finds them and ends one",
    ),
    (
        "POST",
        "/spine-directory/FHIR/R4/Subscription",
        "FHIR has no such key; whoever makes two has two, finds them and ends one",
    ),
];

/// What makes something new, and so has no version to mean.
const MAKES: [&str; 12] = [
    "/directory/assignments",
    "/directory/campaigns",
    "/directory/feed/links",
    "/directory/organisations",
    "/directory/people",
    "/directory/people/import",
    "/directory/people/{user_id}/custody",
    "/directory/positions",
    "/directory/requests",
    "/directory/systems",
    "/directory/workgroups",
    "/directory/workgroups/{workgroup}/members",
];

/// Changes that ask for no version, and why none is needed.
const VERSIONLESS: [(&str, &str, &str); 26] = [
    ("PUT", "/directory/consumers/{name}", "a number that never goes back"),
    ("PUT", "/directory/scim/v2/Users/{id}", "RFC 7644 3.14 leaves If-Match to the client"),
    ("PATCH", "/directory/scim/v2/Users/{id}", "RFC 7644 3.14 leaves If-Match to the client"),
    ("DELETE", "/directory/scim/v2/Users/{id}", "RFC 7644 3.14 leaves If-Match to the client"),
    ("POST", "/directory/people/{user_id}/evidence", "it adds, and writes over nothing"),
    ("POST", "/directory/people/{user_id}/registrations", "it adds, and writes over nothing"),
    ("POST", "/directory/people/{user_id}/emails", "it adds, and writes over nothing"),
    ("POST", "/directory/people/{user_id}/mobiles", "it adds, and writes over nothing"),
    ("POST", "/directory/people/{user_id}/emails/{contact}/codes", "it sends a message"),
    ("POST", "/directory/people/{user_id}/mobiles/{contact}/codes", "it sends a message"),
    ("POST", "/directory/people/{user_id}/emails/{contact}/verification", "the code is of one address"),
    ("POST", "/directory/people/{user_id}/mobiles/{contact}/verification", "the code is of one address"),
    ("POST", "/directory/people/{user_id}/leaving", "it ends what there is, whatever that is by then"),
    ("DELETE", "/directory/people/{user_id}/leaving/{leaving}", "a leaving never changes but by this"),
    ("POST", "/directory/people/{user_id}/assignments", "each row may have its version"),
    ("POST", "/directory/positions/{position}/assignments", "each row makes one"),
    ("POST", "/directory/positions/{position}/redating", "each row may have its version"),
    ("POST", "/directory/positions/{position}/removals", "each row may have its version"),
    ("POST", "/directory/rbac/import", "a release is made new, and looked at first"),
    (
        "DELETE",
        "/healthcare-worker/FHIR/R4/$export/{export}",
        "it ends one's own export, which never changes",
    ),
    (
        "DELETE",
        "/organisation-data-terminology-api/fhir/$export/{export}",
        "it ends one's own export, which never changes",
    ),
    ("DELETE", "/spine-directory/FHIR/R4/$export/{export}", "it ends one's own export, which never changes"),
    ("DELETE", "/spine-directory/FHIR/R4/Subscription/{id}", "it ends one's own, which nobody changes"),
    ("DELETE", "/directory/subscriptions/{subscription}", "it ends one, which nobody changes"),
    ("DELETE", "/healthcare-worker/FHIR/R4/Subscription/{id}", "it ends one's own, which nobody changes"),
    (
        "DELETE",
        "/organisation-data-terminology-api/fhir/Subscription/{id}",
        "it ends one's own, which nobody changes",
    ),
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

/// A route with the example of its body, and the names of the headers that its description asks for.
struct Route {
    method: Method,
    path: String,
    body: Value,
    headers: Vec<String>,
}

/// Everything of the description that is no GET. What the FHIR faces have beside GET are searches and operations that ask.
fn changes() -> Vec<Route> {
    let document = serde_json::to_value(directory::openapi()).unwrap();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let last = path.rsplit('/').next().unwrap();
        for (method, described) in methods.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let asks = !path.starts_with("/directory/") && (last == "_search" || last.starts_with('$'));
            if method == Method::GET || (method == Method::POST && asks) {
                continue;
            }
            let body = &described["requestBody"]["content"]["application/json"]["example"];
            let body = if body.is_null() { json!({}) } else { body.clone() };
            let parameters = described["parameters"].as_array().cloned().unwrap_or_default();
            let headers = parameters
                .iter()
                .filter_map(|one| one["name"].as_str())
                .map(str::to_ascii_lowercase)
                .collect();
            all.push(Route { method, path: path.clone(), body, headers });
        }
    }
    all
}

/// Those that were not refused with one of these codes, with what they were sent; and that the others describe one of these headers.
async fn not_refused(
    rig: &Rig,
    caller: &Caller,
    (codes, described): (&[&str], &[&str]),
    sent: &[(&str, &str)],
    which: impl Fn(&Method) -> bool,
) -> BTreeSet<(String, String)> {
    let (mut others, mut silent, mut refused) = (BTreeSet::new(), Vec::new(), 0);
    for (number, route) in changes().into_iter().filter(|route| which(&route.method)).enumerate() {
        let key = format!("key-{number}");
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(
            sent.iter().map(|(name, value)| (*name, if *value == "new" { key.as_str() } else { *value })),
        );
        let Route { method, path, body, headers: names } = route;
        let answered =
            rig.file(caller, method.clone(), &filled(&path), &headers, body.to_string().as_bytes()).await;
        if !codes.contains(&answered.code()) {
            others.insert((method.to_string(), path));
            continue;
        }
        refused += 1;
        if !names.iter().any(|name| described.contains(&name.as_str())) {
            silent.push(format!("{method} {path}: {}", answered.code()));
        }
    }
    assert!(silent.is_empty(), "the description does not say it:\n{}", silent.join("\n"));
    assert!(refused > 25, "only {refused} were asked");
    others
}

platform::both_engines! {
    /// No POST is taken without its key, and nothing is changed without the version that is meant, but for those that have another
    /// way; and the description asks for both.
    async fn every_change_is_done_once(db: Db) {
        let rig = Rig::new(db.clone());
        let manager = staff(&db, 900, Some("ra-manager"), "RXX").await;
        let named = |list: &[(&str, &str, &str)]| -> BTreeSet<(String, String)> {
            list.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect()
        };
        let key = (&["idempotency-key-missing"][..], &["idempotency-key"][..]);
        let keyless = not_refused(&rig, &manager, key, &[("if-match", "*")], |method| method == Method::POST).await;
        assert_eq!(keyless, named(&KEYLESS));
        let version = (&["if-match-missing", "if-none-match-missing"][..], &["if-match", "if-none-match"][..]);
        let versionless = not_refused(&rig, &manager, version, &[("idempotency-key", "new")], |_| true).await;
        let mut expected = named(&KEYLESS);
        expected.extend(named(&VERSIONLESS));
        expected.extend(MAKES.map(|path| ("POST".to_owned(), path.to_owned())));
        assert_eq!(versionless, expected);
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
