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
use Door::{Act, ActOrOwn, Open, Own, Proof, Report};

/// A route, who may use it, and a body that can be read: without one the body would be refused before the caller.
struct Route(&'static str, &'static str, Door, fn() -> Value);

/// Every act that a client can be granted, each with a client that has nothing else.
const ACTS: [&str; 24] = [
    "ca:issue",
    "ca:enrol",
    "ca:revoke",
    "ca:revoke-authorities",
    "ca:renew",
    "ca:read",
    "ca:acme",
    "ca:authorities",
    "signer:sign",
    "signer:verify",
    "signer:credentials",
    "directory:read",
    "directory:changes",
    "directory:import",
    "directory:feed",
    "directory:operate",
    "directory:claims",
    "authn:clients",
    "authn:all-teams",
    "authn:sessions",
    "authn:authenticators",
    "authn:signing",
    "authn:policies",
    "audit:read",
];

/// The realm of CIS2, below which the protocol is a second time.
macro_rules! realm {
    () => {
        "/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare"
    };
}

/// The rule of each route. A route of the document that is not here fails the test, so that whoever adds one says
/// here who may use it.
const ROUTES: [Route; 158] = [
    Route("GET", "/audit/checkpoint", Open, none),
    Route("GET", "/audit/tile/{path}", Open, none),
    Route("GET", "/audit/logs", Open, none),
    Route("GET", "/audit/logs/{log_epoch}/checkpoint", Open, none),
    Route("GET", "/audit/logs/{log_epoch}/tile/{path}", Open, none),
    Route("GET", "/audit/entries", Act("audit:read"), none),
    Route("GET", "/audit/moments/{at}", Act("audit:read"), none),
    Route("GET", "/audit/events/{id}/proof", Act("audit:read"), none),
    Route("GET", "/crl/{file}", Open, none),
    Route("GET", "/crl/{issuer}/{file}", Open, none),
    Route("GET", "/aia/{file}", Open, none),
    Route("POST", "/ocsp", Open, none),
    Route("POST", "/ocsp/", Open, none),
    Route("GET", "/ocsp/{request}", Open, none),
    Route("POST", "/ca/certificates", Act("ca:issue"), issue),
    Route("GET", "/ca/certificates", Act("ca:read"), none),
    Route("GET", "/ca/certificates.csv", Act("ca:read"), none),
    Route("GET", "/ca/certificates.jsonl", Act("ca:read"), none),
    Route("GET", "/ca/certificates/{serial}", Act("ca:read"), none),
    Route("POST", "/ca/certificates/{serial}/revocation", Act("ca:revoke"), superseded),
    Route("DELETE", "/ca/certificates/{serial}/revocation", Act("ca:revoke"), none),
    Route("GET", "/.well-known/est/cacerts", Open, none),
    Route("GET", "/.well-known/est/csrattrs", Open, none),
    Route("POST", "/.well-known/est/simpleenroll", Act("ca:enrol"), none),
    Route("POST", "/.well-known/est/simplereenroll", Act("ca:enrol"), none),
    Route("GET", "/.well-known/est/{label}/cacerts", Open, none),
    Route("GET", "/.well-known/est/{label}/csrattrs", Open, none),
    Route("POST", "/.well-known/est/{label}/simpleenroll", Act("ca:enrol"), none),
    Route("POST", "/.well-known/est/{label}/simplereenroll", Act("ca:enrol"), none),
    // A message says itself who sent it; what that one may do, ca/tests/it/cmp.rs asks.
    Route("POST", "/.well-known/cmp", Open, none),
    Route("POST", "/.well-known/cmp/{operation}", Open, none),
    Route("POST", "/.well-known/cmp/p/{label}", Open, none),
    Route("POST", "/.well-known/cmp/p/{label}/{operation}", Open, none),
    Route("GET", "/ca/issuers", Act("ca:read"), none),
    Route("GET", "/ca/issuers/{id}", Act("ca:read"), none),
    Route("GET", "/ca/issuers/{id}/crl", Act("ca:read"), none),
    Route("GET", "/ca/issuers/{id}/lists", Act("ca:read"), none),
    Route("GET", "/ca/expiries", Act("ca:read"), none),
    Route("GET", "/ca/renewals", Act("ca:read"), none),
    Route("GET", "/ca/renewals/notices", Act("ca:read"), none),
    Route("POST", "/ca/renewals/{serial}/acknowledgement", Act("ca:renew"), || json!({"note": ""})),
    Route("DELETE", "/ca/renewals/{serial}/acknowledgement", Act("ca:renew"), none),
    Route("GET", "/ca/generations", Act("ca:read"), none),
    Route("POST", "/ca/imports", Act("ca:authorities"), || json!({"pem": ""})),
    Route("POST", "/ca/issuers/{id}/generations", Act("ca:authorities"), || json!({"dry_run": true})),
    Route("GET", "/ca/profiles", Act("ca:read"), none),
    Route("GET", "/ca/reports/smartcards", Report, none),
    Route("GET", "/authn/reports/authenticators", Report, none),
    Route("GET", "/authn/reports/logins", Report, none),
    Route("GET", "/ca/profiles/{id}", Act("ca:read"), none),
    // ACME: anybody may send a request, and its signature says who it is from.
    Route("GET", "/acme/directory", Open, none),
    Route("GET", "/acme/new-nonce", Open, none),
    Route("GET", "/acme/renewal-info/{certificate}", Open, none),
    Route("POST", "/acme/new-account", Open, none),
    Route("POST", "/acme/accounts/{account}", Open, none),
    Route("POST", "/acme/accounts/{account}/orders", Open, none),
    Route("POST", "/acme/key-change", Open, none),
    Route("POST", "/acme/new-order", Open, none),
    Route("POST", "/acme/orders/{order}", Open, none),
    Route("POST", "/acme/orders/{order}/finalize", Open, none),
    Route("POST", "/acme/authorizations/{authorization}", Open, none),
    Route("POST", "/acme/challenges/{authorization}/{challenge}", Open, none),
    Route("POST", "/acme/certificates/{serial}", Open, none),
    Route("POST", "/acme/certificates/{serial}/alternates/{number}", Open, none),
    Route("POST", "/acme/revoke-cert", Open, none),
    Route(
        "POST",
        "/ca/enrolment-secrets",
        Act("ca:issue"),
        || json!({"road": "none", "client": "larkfield"}),
    ),
    Route("GET", "/ca/enrolment-secrets", Act("ca:read"), none),
    Route("DELETE", "/ca/enrolment-secrets/{reference}", Act("ca:issue"), none),
    Route("POST", "/ca/acme/external-accounts", Act("ca:acme"), external),
    Route("GET", "/ca/acme/external-accounts", Act("ca:acme"), none),
    Route("DELETE", "/ca/acme/external-accounts/{account}", Act("ca:acme"), none),
    Route("POST", "/csc/v2/info", Open, || json!({})),
    Route("POST", "/csc/v2/credentials/list", Act("signer:sign"), || json!({"userID": "555000000108"})),
    Route("POST", "/csc/v2/credentials/info", Act("signer:sign"), || json!({"credentialID": CREDENTIAL})),
    Route("POST", "/csc/v2/credentials/authorize", Act("signer:sign"), authorize),
    Route("POST", "/csc/v2/signatures/signHash", Act("signer:sign"), sign_hash),
    Route("POST", "/csc/v2/signatures/signDoc", Act("signer:sign"), sign_doc),
    Route("POST", "/csc/v2/signatures/timestamp", Act("signer:sign"), || json!({"hash": "", "hashAlgo": ""})),
    Route("POST", "/tsa", Open, none),
    Route("POST", "/signer/credentials", Act("signer:credentials"), create),
    Route("GET", "/signer/credentials", ActOrOwn("signer:credentials"), none),
    Route("GET", "/signer/credentials/{credential}", ActOrOwn("signer:credentials"), none),
    Route("DELETE", "/signer/credentials/{credential}", Act("signer:credentials"), none),
    Route(
        "PUT",
        "/signer/credentials/{credential}/passphrase",
        Own,
        || json!({"new": "correct horse battery"}),
    ),
    Route("POST", "/signer/credentials/{credential}/renew", Act("signer:credentials"), none),
    Route("POST", "/signer/credentials/{credential}/rekey", Act("signer:credentials"), none),
    Route("POST", "/signer/credentials/{credential}/suspend", ActOrOwn("signer:credentials"), none),
    Route("POST", "/signer/credentials/{credential}/resume", Act("signer:credentials"), none),
    Route("POST", "/signer/credentials/{credential}/revoke", ActOrOwn("signer:credentials"), superseded),
    Route("GET", "/authn/assets/{file}", Open, none),
    Route("GET", "/authn/people/{person}/sessions", ActOrOwn("authn:sessions"), none),
    Route("DELETE", "/authn/people/{person}/sessions", ActOrOwn("authn:sessions"), none),
    Route("DELETE", "/authn/people/{person}/sessions/{session}", ActOrOwn("authn:sessions"), none),
    // Whose session it is about says the secret in it; there is none of this one.
    Route("POST", "/authn/card-removals", Open, || json!({"secret": ""})),
    Route("GET", "/authn/organisations/{organisation}/policy", Act("authn:policies"), none),
    Route("PUT", "/authn/organisations/{organisation}/policy", Act("authn:policies"), || json!({})),
    Route("DELETE", "/authn/organisations/{organisation}/policy", Act("authn:policies"), none),
    Route("GET", "/authn/people/{person}/authenticators", ActOrOwn("authn:authenticators"), none),
    Route(
        "GET",
        "/authn/people/{person}/authenticators/{authenticator}",
        ActOrOwn("authn:authenticators"),
        none,
    ),
    Route(
        "PATCH",
        "/authn/people/{person}/authenticators/{authenticator}",
        ActOrOwn("authn:authenticators"),
        || json!({"name": "blue key"}),
    ),
    Route(
        "DELETE",
        "/authn/people/{person}/authenticators/{authenticator}",
        ActOrOwn("authn:authenticators"),
        none,
    ),
    // For people their rank in the register decides, which does not have them here; authn/tests/login asks what it allows, and that
    // nobody makes a link for themselves.
    Route(
        "POST",
        "/authn/people/{person}/enrolments",
        ActOrOwn("authn:authenticators"),
        || json!({"purpose": "issue"}),
    ),
    Route("DELETE", "/authn/people/{person}/enrolments/{enrolment}", ActOrOwn("authn:authenticators"), none),
    Route("POST", "/signer/prescriptions/prepare", Act("signer:sign"), none),
    Route(
        "POST",
        "/signer/prescriptions/signatures",
        Act("signer:sign"),
        || json!({"digest": "", "signature": "", "certificate": ""}),
    ),
    Route("POST", "/signer/verifications", Act("signer:verify"), || json!({"cms": ""})),
    Route("POST", "/signer/archivals", Act("signer:sign"), || json!({"cms": ""})),
    Route("POST", "/signer/evidence-records", Act("signer:sign"), || json!({"hashes": []})),
    Route("POST", "/signer/evidence-records/renewals", Act("signer:sign"), || json!({"evidence_record": ""})),
    Route("GET", "/signer/signatures", ActOrOwn("signer:credentials"), none),
    Route("GET", "/signer/signatures/{id}/evidence", ActOrOwn("signer:credentials"), none),
    Route("POST", "/signing-service/signaturerequest", Proof, none),
    Route("GET", "/signing-service/signatureresponse/{token}", Proof, none),
    Route("GET", "/signing-service/_ping", Open, none),
    Route("GET", "/signing-service/_status", Open, none),
    Route("POST", "/authn/signing/tokens", Act("authn:signing"), shown),
    Route("POST", "/authn/signing/keys", Act("authn:signing"), || json!({"client_id": "none", "kid": "1"})),
    Route("POST", "/authn/signing/browsers", Act("authn:signing"), || json!({"cookie": ""})),
    Route("POST", "/authn/signing/presences", Act("authn:signing"), presence),
    Route(
        "POST",
        "/authn/signing/presences/{reference}/answer",
        Act("authn:signing"),
        || json!({"credential": {}}),
    ),
    // Browsers bring requests here, and relying parties prove in the request who they are; a body that is no form is refused before.
    Route("GET", "/.well-known/openid-configuration", Open, none),
    Route("GET", "/.well-known/ssf-configuration", Open, none),
    Route("GET", "/jwks", Open, none),
    Route("GET", "/authorize", Open, none),
    Route("POST", "/authorize", Open, none),
    Route("GET", "/authorize/continue/{interaction}", Open, none),
    Route("POST", "/authorize/continue/{interaction}", Open, none),
    Route("POST", "/token", Open, no_form),
    Route("POST", "/introspect", Open, no_form),
    Route("POST", "/revoke", Open, no_form),
    Route("POST", "/par", Open, no_form),
    Route("GET", "/userinfo", Proof, none),
    Route("POST", "/userinfo", Proof, none),
    Route("GET", "/end-session", Open, none),
    Route("POST", "/end-session", Open, none),
    Route("GET", concat!(realm!(), "/.well-known/openid-configuration"), Open, none),
    Route("GET", concat!(realm!(), "/connect/jwk_uri"), Open, none),
    Route("GET", concat!(realm!(), "/authorize"), Open, none),
    Route("POST", concat!(realm!(), "/authorize"), Open, none),
    Route("POST", concat!(realm!(), "/access_token"), Open, no_form),
    Route("POST", concat!(realm!(), "/introspect"), Open, no_form),
    Route("POST", concat!(realm!(), "/token/revoke"), Open, no_form),
    Route("POST", concat!(realm!(), "/par"), Open, no_form),
    Route("GET", concat!(realm!(), "/userinfo"), Proof, none),
    Route("POST", concat!(realm!(), "/userinfo"), Proof, none),
    Route("GET", concat!(realm!(), "/connect/endSession"), Open, none),
    Route("POST", concat!(realm!(), "/connect/endSession"), Open, none),
    Route("GET", "/authn/configs/{team}", Act("authn:clients"), none),
    Route("POST", "/authn/configs/{team}", Act("authn:clients"), registration),
    Route("GET", "/authn/configs/{team}/{config}", Act("authn:clients"), none),
    Route("PUT", "/authn/configs/{team}/{config}", Act("authn:clients"), registration),
    Route("DELETE", "/authn/configs/{team}/{config}", Act("authn:clients"), none),
    Route("POST", "/authn/configs/{team}/{config}/secret", Act("authn:clients"), none),
    Route("GET", "/authn/configs/{team}/{config}/failures", Act("authn:clients"), none),
    Route("GET", "/authn/configs/{team}/{config}/keys", Act("authn:clients"), none),
    Route("POST", "/authn/configs/{team}/{config}/keys", Act("authn:clients"), none),
    Route("GET", "/authn/configs/{team}/{config}/logouts", Act("authn:clients"), none),
    // The leaves are the one part of the tiles that is not public.
    Route("GET", "/audit/tile/entries/000", Act("audit:read"), none),
];

/// The person of the demonstration, who calls here.
const PERSON: &str = "555000000108";
/// A credential, session or authenticator that nobody has.
const CREDENTIAL: &str = "01900000-0000-7000-8000-000000000000";

fn superseded() -> Value {
    json!({"reason": "superseded"})
}

fn none() -> Value {
    Value::Null
}

fn issue() -> Value {
    json!({"request_id": "matrix", "profile": "person-sign-in", "subject": {"common_name": "nobody"}, "key": {"public_key": "AA=="}})
}

fn no_form() -> Value {
    json!({})
}

fn registration() -> Value {
    json!({"client_config": {"client_name": "matrix", "redirect_uris": ["https://matrix.example/callback"],
        "token_endpoint_auth_method": "client_secret_basic"}})
}

fn shown() -> Value {
    json!({"token": "none", "dpop": false, "method": "GET", "path": "/"})
}

fn presence() -> Value {
    json!({"reference": "none", "user_id": PERSON, "binding": "00".repeat(32), "level": "3"})
}

fn external() -> Value {
    json!({"name": "matrix", "profiles": ["none"]})
}

/// A SHA-256 of something.
const HASH: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const SAD: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn authorize() -> Value {
    json!({"credentialID": CREDENTIAL, "numSignatures": 1, "hashes": [HASH],
        "authData": [{"id": "passphrase", "value": "correct horse battery"}]})
}

fn sign_hash() -> Value {
    json!({"credentialID": CREDENTIAL, "SAD": SAD, "hashes": [HASH], "signAlgo": "1.2.840.113549.1.1.11"})
}

fn sign_doc() -> Value {
    json!({"credentialID": CREDENTIAL, "SAD": SAD, "documentDigests": [
        {"hashes": [HASH], "signature_format": "C", "signAlgo": "1.2.840.113549.1.1.11"}]})
}

fn create() -> Value {
    json!({"request_id": "matrix", "subject": {"common_name": "nobody"}, "algorithm": "p-256"})
}

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
        for route in &ROUTES {
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
    for route in &ROUTES {
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
    let own = ROUTES[..ROUTES.len() - 1].iter().map(|route| (route.0, route.1));
    let ruled: BTreeSet<_> =
        own.chain(REGISTER).map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(documented, ruled, "left: the document; right: the table of this test");
}
