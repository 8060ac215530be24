//! The whole matrix: every route of the OpenAPI document against every kind of caller.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use lanyard::client::Server;
use lanyard::keypair::Pair;
use serde_json::{Value, json};

use crate::register_routes::REGISTER;
use crate::rig::{Demo, Site, free_ports};
use faces::FACES;
use routes::{CREDENTIAL, PERSON, ROUTES, issue, none};

mod faces;
mod routes;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Anybody.
    Open,
    /// Systems with this act.
    Act(&'static str),
    /// Systems with this act, and people for what is their own.
    ActOrOwn(&'static str),
    /// People, for what is their own.
    Own,
    /// Systems that read the register or operate it; and people, for whom their rank decides, which those of
    /// `authn/tests/login/reports.rs` and `ca/tests/it/reports.rs` have.
    Report,
    /// Nobody by who they are: what counts stands in the request itself, and here nothing does.
    Proof,
}

/// A route, who may use it, and a body that can be read: without one the body would be refused before the caller.
struct Route(&'static str, &'static str, Door, fn() -> Value);

use Door::{Act, ActOrOwn, Open, Own, Proof, Report};

/// Every act that a client can be granted, each with a client that has nothing else.
const ACTS: [&str; 30] = [
    "ca:issue",
    "ca:enrol",
    "ca:revoke",
    "ca:revoke-authorities",
    "ca:renew",
    "ca:read",
    "ca:acme",
    "ca:authorities",
    "ca:cards",
    "ca:holders",
    "signer:sign",
    "signer:verify",
    "signer:credentials",
    "directory:read",
    "directory:changes",
    "directory:import",
    "directory:feed",
    "directory:operate",
    "directory:claims",
    "directory:systems",
    "directory:look-up",
    "directory:export",
    "directory:subscribe",
    "authn:clients",
    "authn:all-teams",
    "authn:sessions",
    "authn:authenticators",
    "authn:signing",
    "authn:policies",
    "audit:read",
];

/// Each route of the document opens to exactly those who may use it: nobody else gets further than 401 or 403, and
/// those who may never get either.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_opens_to_those_who_may() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    installed(&site);
    let _demo = Demo::start(&site.folder, site.base);
    every_route_has_its_rule(&site).await;
    let stranger = site.client(1, None);
    let person = site.systems(&site.person());
    let mut wrong = String::new();
    for act in ACTS {
        let server = site.systems(&enrolled(&site, act).await);
        for route in ROUTES.iter().chain(&FACES) {
            let may = match route.2 {
                Open => true,
                Act(asked) | ActOrOwn(asked) => asked == act,
                Report => ["directory:read", "directory:operate"].contains(&act),
                // A system has nothing of its own.
                Own | Proof => false,
            };
            judge(&server, route, act, may, refusal(route, 403), &mut wrong).await;
        }
    }
    for route in ROUTES.iter().chain(&FACES) {
        judge(&stranger, route, "nobody", route.2 == Open, 401, &mut wrong).await;
        let may = matches!(route.2, Open | ActOrOwn(_) | Own | Report);
        judge(&person, route, "a person", may, refusal(route, 403), &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{wrong}");
    the_register_is_for_those_who_have_to_do_with_it(&site, &stranger).await;
    profiles_open_one_by_one(&site).await;
}

/// The status with which whoever may not is refused.
fn refusal(route: &Route, known: u16) -> u16 {
    if route.2 == Proof { 401 } else { known }
}

/// Nobody unknown, and no system without an act of the register, gets as far as its rules.
async fn the_register_is_for_those_who_have_to_do_with_it(site: &Site, stranger: &Server) {
    let mut wrong = String::new();
    for (method, path) in REGISTER {
        let route = Route(method, path, Own, none);
        judge(stranger, &route, "nobody", false, 401, &mut wrong).await;
    }
    for act in ACTS.into_iter().filter(|act| !act.starts_with("directory:")) {
        let name = format!("only-{}", act.replace(':', "-"));
        let server = site.systems(&Pair::in_folder(&site.folder.join("clients"), &name));
        for (method, path) in REGISTER {
            judge(&server, &Route(method, path, Own, none), act, false, 403, &mut wrong).await;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A client has certificates of the profiles it was granted and no others, and of remote signing never.
async fn profiles_open_one_by_one(site: &Site) {
    let profiles: Value = site.systems(&site.desk()).get("/ca/profiles").await.unwrap();
    let ids: Vec<_> =
        profiles.as_array().unwrap().iter().map(|profile| profile["id"].as_str().unwrap()).collect();
    assert!(ids.len() >= 8, "{ids:?}");
    let client = site.systems(&Pair::in_folder(&site.folder.join("clients"), "only-ca-issue"));
    for id in ids {
        let mut body = issue();
        body["profile"] = json!(id);
        let said = client.post::<Value>("/ca/certificates", &body).await.unwrap_err().to_string();
        let code = match id {
            "person-sign-in" => "key-refused",
            "prescriber-remote-signing" => "profile-not-allowed",
            _ => "profile-not-granted",
        };
        assert!(said.contains(code), "{id}: {said}");
    }
}

async fn judge(server: &Server, route: &Route, who: &str, may: bool, refusal: u16, wrong: &mut String) {
    let Route(method, template, _, body) = route;
    let path = template
        .replace("issuers/{id}", "issuers/systems")
        .replace("organisations/{organisation}", "organisations/Z00001")
        .replace("{id}", CREDENTIAL)
        .replace("/crl/{file}", "/crl/systems.crl")
        .replace("/aia/{file}", "/aia/systems.cer")
        .replace("{path}", "0/000")
        .replace("{request}", "MAA=")
        .replace("{log_epoch}", "1")
        .replace("{person}", PERSON)
        .replace("{session}", CREDENTIAL)
        .replace("{authenticator}", CREDENTIAL)
        .replace("{enrolment}", CREDENTIAL)
        .replace("{label}", "systems")
        .replace("{operation}", "certification")
        .replace("{reference}", "none")
        .replace("{serial}", "01020304")
        .replace("{credential}", CREDENTIAL)
        .replace("{at}", "1?module=signer&name=none");
    let path = without_names(&path);
    let status = server.status(method.parse().unwrap(), &path, &body()).await.unwrap();
    let refused = status == 401 || status == 403;
    if may == refused || (refused && status != refusal) {
        writeln!(wrong, "{who}: {method} {template} gave {status}").unwrap();
    }
}

/// The path with a word in place of every parameter that is left.
fn without_names(path: &str) -> String {
    let mut rest = path;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once('{') {
        plain.push_str(before);
        plain.push_str("none");
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    plain + rest
}

/// An installation whose configuration has one more client for each act.
fn installed(site: &Site) {
    Demo::run_once(&site.folder, site.base);
    let file = site.folder.join("lanyard.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    for act in ACTS {
        write!(text, "\n[clients.only-{}]\nacts = [\"{act}\"]\n", act.replace(':', "-")).unwrap();
        if act == "ca:issue" {
            text.push_str("profiles = [\"person-sign-in\"]\n");
        }
    }
    std::fs::write(&file, text).unwrap();
}

async fn enrolled(site: &Site, act: &str) -> Pair {
    let name = format!("only-{}", act.replace(':', "-"));
    let pair = Pair::in_folder(&Path::new(&site.folder).join("clients"), &name);
    let request = IssueRequest {
        request_id: format!("test-{name}"),
        profile: "system-tls-client".to_owned(),
        subject: SubjectData { common_name: name.clone(), ..SubjectData::default() },
        key: KeySource::Csr(pair.request(&name).unwrap()),
        issuer: None,
        validity: None,
    };
    let issued: Issued = site.systems(&site.desk()).post("/ca/certificates", &request).await.unwrap();
    pair.store(&issued).unwrap();
    pair
}

/// The document and the table name the same routes.
async fn every_route_has_its_rule(site: &Site) {
    let text = site.client(0, None).text("/openapi.json").await.unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            documented.insert((method.to_uppercase(), path.clone()));
        }
    }
    let own = ROUTES[..ROUTES.len() - 1].iter().chain(&FACES).map(|route| (route.0, route.1));
    let ruled: BTreeSet<_> =
        own.chain(REGISTER).map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(documented, ruled, "left: the document; right: the table of this test");
}
