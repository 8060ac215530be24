//! The rule of each route, and a body for it that can be read.

use serde_json::{Value, json};

use super::Door::{Act, ActOrOwn, Open, Own, Proof, Report};
use super::Route;

/// The realm of CIS2, below which the protocol is a second time.
macro_rules! realm {
    () => {
        "/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare"
    };
}

/// The rule of each route. A route of the document that is not here fails the test, so that whoever adds one says
/// here who may use it.
pub(super) const ROUTES: [Route; 215] = [
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
    // What a person may, the register says for each card: ca/tests/it/cards/stock.rs.
    Route("POST", "/ca/card-locations", ActOrOwn("ca:cards"), none),
    Route("GET", "/ca/card-locations", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/cards", ActOrOwn("ca:cards"), none),
    Route("GET", "/ca/cards", ActOrOwn("ca:cards"), none),
    Route("GET", "/ca/cards/{card}", ActOrOwn("ca:cards"), none),
    Route("GET", "/ca/cards/{card}/face", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/cards/{card}/prints", ActOrOwn("ca:cards"), none),
    Route("GET", "/ca/cards/{card}/prints/{print}", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/cards/{card}/acts", ActOrOwn("ca:cards"), none),
    Route("GET", "/ca/cards/{card}/acts", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/cards/{card}/errands", ActOrOwn("ca:cards"), none),
    Route("GET", "/ca/cards/{card}/errands/{errand}", ActOrOwn("ca:cards"), none),
    Route("DELETE", "/ca/cards/{card}/errands/{errand}", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/cards/{card}/errands/{errand}/approvals", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/cards/{card}/errands/{errand}/second-tries", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/cards/{card}/errands/{errand}/tickets", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/cards/{card}/replacements", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/cards/{card}/unblocking-key", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/card-batches", ActOrOwn("ca:cards"), none),
    Route("GET", "/ca/card-batches/{batch}", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/card-batches/{batch}/second-tries", ActOrOwn("ca:cards"), none),
    Route("GET", "/ca/card-rediversifications", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/card-rediversifications", ActOrOwn("ca:cards"), none),
    Route("GET", "/ca/cards/{card}/unlocks", ActOrOwn("ca:cards"), none),
    Route("POST", "/ca/cards/{card}/unlocks/{unlock}/approvals", ActOrOwn("ca:cards"), none),
    // Whoever has a locked card is nobody yet; a code that was sent to them says who they are.
    // Of whom sign-in has signed in, it asks what is theirs: ca/tests/it/cards/holders.rs.
    Route("GET", "/ca/card-holders/{person}/cards", Act("ca:holders"), none),
    Route("GET", "/ca/card-holders/{person}/cards/{card}", Act("ca:holders"), none),
    Route("POST", "/ca/card-holders/{person}/cards/{card}/renewals", Act("ca:holders"), || json!({})),
    Route("POST", "/ca/card-holders/{person}/cards/{card}/renewals/endings", Act("ca:holders"), || json!({})),
    Route("POST", "/ca/card-unlocks", Open, none),
    Route("POST", "/ca/card-unlocks/by-colleague", Open, none),
    Route("POST", "/ca/card-unlocks/{unlock}/tickets", Open, none),
    Route("GET", "/ca/cards/relay", Proof, none),
    Route("GET", "/ca/reports/smartcards", Report, none),
    Route("GET", "/ca/reports/cardholders", Report, none),
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
    Route("POST", "/csc/v2/credentials/authorizeCheck", Act("signer:sign"), || json!({"handle": ""})),
    Route(
        "POST",
        "/csc/v2/credentials/getChallenge",
        Act("signer:sign"),
        || json!({"credentialID": CREDENTIAL, "authObjectID": "presence"}),
    ),
    Route("POST", "/csc/v2/credentials/extendTransaction", Act("signer:sign"), || json!({})),
    Route("POST", "/csc/v2/signatures/signPolling", Act("signer:sign"), || json!({"requestID": ""})),
    Route("POST", "/csc/v1/info", Open, || json!({})),
    Route("POST", "/csc/v1/credentials/list", Act("signer:sign"), || json!({"userID": "555000000108"})),
    Route("POST", "/csc/v1/credentials/info", Act("signer:sign"), || json!({"credentialID": CREDENTIAL})),
    Route("POST", "/csc/v1/credentials/authorize", Act("signer:sign"), || json!({})),
    Route("POST", "/csc/v1/signatures/signHash", Act("signer:sign"), || json!({})),
    Route("POST", "/csc/v2/signatures/timestamp", Act("signer:sign"), || json!({"hash": "", "hashAlgo": ""})),
    Route("POST", "/tsa", Open, none),
    Route("GET", "/signer/logo.png", Open, none),
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
    Route("GET", "/signer/evidence-records/{records}", Act("signer:sign"), none),
    Route("GET", "/signer/signatures", ActOrOwn("signer:credentials"), none),
    Route("GET", "/signer/signatures/{id}/evidence", ActOrOwn("signer:credentials"), none),
    Route("POST", "/signing-service/signaturerequest", Proof, none),
    Route("GET", "/signing-service/signatureresponse/{token}", Proof, none),
    Route("GET", "/signing-service/_ping", Open, none),
    Route("GET", "/signing-service/_status", Open, none),
    Route("POST", "/authn/signing/tokens", Act("authn:signing"), shown),
    Route("POST", "/authn/signing/keys", Act("authn:signing"), || json!({"client_id": "none", "kid": "1"})),
    Route("POST", "/authn/signing/policies", Act("authn:signing"), || json!({"client_id": "none"})),
    Route("POST", "/authn/signing/browsers", Act("authn:signing"), || json!({"cookie": ""})),
    Route(
        "POST",
        "/authn/signing/authorisations",
        Act("authn:signing"),
        || json!({"secret": "", "cookie": ""}),
    ),
    Route(
        "POST",
        "/authn/signing/authorisations/{reference}/decision",
        Act("authn:signing"),
        || json!({"user_id": "555000000108", "decided": {"decision": "declined"}}),
    ),
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
    Route("POST", "/token", Open, || json!({})),
    Route("GET", "/oauth2/authorize", Open, none),
    Route("POST", "/oauth2/authorize", Open, none),
    Route("POST", "/oauth2/token", Open, || json!({})),
    Route("POST", "/oauth2/revoke", Open, || json!({})),
    Route("POST", "/introspect", Open, || json!({})),
    Route("POST", "/revoke", Open, || json!({})),
    Route("POST", "/par", Open, || json!({})),
    Route("GET", "/userinfo", Proof, none),
    Route("POST", "/userinfo", Proof, none),
    Route("GET", "/end-session", Open, none),
    Route("POST", "/end-session", Open, none),
    Route("GET", concat!(realm!(), "/.well-known/openid-configuration"), Open, none),
    Route("GET", concat!(realm!(), "/connect/jwk_uri"), Open, none),
    Route("GET", concat!(realm!(), "/authorize"), Open, none),
    Route("POST", concat!(realm!(), "/authorize"), Open, none),
    Route("POST", concat!(realm!(), "/access_token"), Open, || json!({})),
    Route("POST", concat!(realm!(), "/introspect"), Open, || json!({})),
    Route("POST", concat!(realm!(), "/token/revoke"), Open, || json!({})),
    Route("POST", concat!(realm!(), "/par"), Open, || json!({})),
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
    Route("GET", "/api/configs/{team}", Act("authn:clients"), none),
    Route("POST", "/api/configs/{team}", Act("authn:clients"), registration),
    Route("GET", "/api/configs/{team}/{config}", Act("authn:clients"), none),
    Route("PUT", "/api/configs/{team}/{config}", Act("authn:clients"), registration),
    Route("DELETE", "/api/configs/{team}/{config}", Act("authn:clients"), none),
    // The leaves are the one part of the tiles that is not public.
    Route("GET", "/audit/tile/entries/000", Act("audit:read"), none),
];

/// The person of the demonstration, who calls here.
pub(super) const PERSON: &str = "555000000108";
/// A credential, session or authenticator that nobody has.
pub(super) const CREDENTIAL: &str = "01900000-0000-7000-8000-000000000000";

fn superseded() -> Value {
    json!({"reason": "superseded"})
}

pub(super) fn none() -> Value {
    Value::Null
}

pub(super) fn issue() -> Value {
    json!({"request_id": "matrix", "profile": "person-sign-in", "subject": {"common_name": "nobody"}, "key": {"public_key": "AA=="}})
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
