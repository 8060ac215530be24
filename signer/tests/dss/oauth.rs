//! Signing with an access token: somebody is asked on our own page, and what they agree to is signed and nothing else.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Request;
use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::SIGN;
use url::Url;

use super::World;
use super::evidence::proves_consent;
use super::signing::{WHOLE, whole};
use super::world::{Answered, Browser};
use crate::rig::{USER, digest_of};

const RSA_SHA_256: &str = "1.2.840.113549.1.1.11";
const CALLBACK: &str = "https://rp.example/cb";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// An application that has a secret.
pub(super) struct Application {
    pub(super) id: &'static str,
    secret: String,
}

impl Application {
    async fn new(world: &World, id: &'static str, scopes: &[&str]) -> Self {
        Self::with(world, id, scopes, &json!({})).await
    }

    /// With these members of its registration too.
    pub(super) async fn with(world: &World, id: &'static str, scopes: &[&str], more: &Value) -> Self {
        let acts = [authn::api::CLIENTS.0, authn::api::ALL_TEAMS.0];
        let desk = Caller::new(CallerKind::System, "desk", "desk".parse().unwrap(), acts);
        let mut config = json!({
            "client_name": "Letters", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic",
            "scopes": scopes, "grant_types": ["authorization_code", "refresh_token"],
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body = json!({"config_name": id, "client_config": config});
        let made = world.send("POST", "/authn/configs/judges", Some(&body), Some(desk)).await;
        assert_eq!(made.status, 201, "{}", made.body);
        Self { id, secret: made.json()["client_secret"].as_str().unwrap().to_owned() }
    }

    /// The address at which a browser begins.
    pub(super) fn request(&self, pairs: &[(&str, &str)]) -> String {
        let mut url = Url::parse("https://id.example.org/authorize").unwrap();
        let common = [
            ("response_type", "code"),
            ("client_id", self.id),
            ("redirect_uri", CALLBACK),
            ("state", "s1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        url.query_pairs_mut().extend_pairs(common).extend_pairs(pairs);
        format!("{}?{}", url.path(), url.query().unwrap())
    }

    /// Exchanges a code.
    async fn exchange(&self, world: &World, code: &str) -> Answered {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", VERIFIER),
            ])
            .finish();
        let basic = STANDARD.encode(format!("{}:{}", self.id, self.secret));
        let request = Request::builder()
            .method("POST")
            .uri("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", format!("Basic {basic}"));
        world.rig.pass(1);
        world.route(request.body(Body::from(form)).unwrap()).await
    }
}

/// One method of the API with an access token.
async fn csc(world: &World, token: &str, method: &str, body: &Value) -> Answered {
    post(world, token, &format!("/csc/v2/{method}"), body).await
}

/// The same of either version.
async fn post(world: &World, token: &str, path: &str, body: &Value) -> Answered {
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"));
    world.rig.pass(1);
    world.route(request.body(Body::from(body.to_string())).unwrap()).await
}

pub(super) fn details(credential: &str, documents: &[(&str, &str)]) -> String {
    let documents: Vec<Value> =
        documents.iter().map(|(hash, label)| json!({"hash": hash, "label": label})).collect();
    json!([{"type": "credential", "credentialID": credential, "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
        "documentDigests": documents}])
    .to_string()
}

/// The browser goes to where it is shown what is to be signed; the address of that page.
async fn shown(world: &World, browser: &mut Browser, address: &str) -> String {
    let begun = browser.get(world, address).await;
    assert_eq!(begun.status, 303, "{}", begun.body);
    let page = begun.header("location");
    assert!(page.starts_with("/signing-service/authorise/"), "{page}");
    let found = browser.get(world, &page).await;
    assert_eq!(found.status, 303, "{}", found.body);
    found.header("location")
}

/// The prescriber agrees on a page; where the browser goes on.
pub(super) async fn agreed(world: &mut World, browser: &mut Browser, page: &str) -> Answered {
    let (path, query) = page.split_once('?').map_or((page, ""), |(path, query)| (path, query));
    let options = browser.send(world, "POST", &format!("{path}/options?{query}"), Some(&json!({}))).await;
    assert_eq!(options.status, 200, "{}", options.body);
    let credential = world.key.get(&options.json());
    browser.send(world, "POST", page, Some(&json!({"credential": credential}))).await
}

/// The member of an address.
fn member(address: &str, name: &str) -> Option<String> {
    let url = Url::parse(address).unwrap();
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

pub(super) async fn credential(world: &World) -> String {
    let listed = world.rig.get(&world.rig.admin, &format!("/signer/credentials?user_id={USER}")).await;
    listed.body["credentials"][0]["credential_id"].as_str().unwrap().to_owned()
}

pub(super) fn sign(credential: &str, hash: &str) -> Value {
    json!({"credentialID": credential, "hashes": [hash], "signAlgo": RSA_SHA_256})
}

platform::both_engines! {
    /// Somebody sees what an application asks them to sign, proves to be there, and the token signs that, each document once, and nothing else; it is for
    /// that application alone, and over with the authorisation.
    async fn a_token_signs_what_was_agreed_to(db: Db) {
        let mut world = World::new(db).await;
        let application = Application::new(&world, "letters", &["openid", "service", "credential"]).await;
        let id = credential(&world).await;
        let (one, two, other) = (digest_of(b"one"), digest_of(b"two"), digest_of(b"other"));
        let asked = details(&id, &[(&one, "Discharge letter"), (&two, "Referral")]);
        let address = application.request(&[("authorization_details", &asked), ("description", "Ward 4")]);
        let mut browser = world.browsers[USER].clone();
        let page = shown(&world, &mut browser, &address).await;
        let seen = browser.get(&world, &page).await;
        assert_eq!(seen.status, 200, "{}", seen.body);
        for text in ["Letters asks you", "Discharge letter", "Referral", "Ward 4", USER, &one, "2 documents cannot be shown"] {
            assert!(seen.body.contains(text), "{text}: {}", seen.body);
        }
        let answered = agreed(&mut world, &mut browser, &page).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        let onward = answered.json()["location"].as_str().unwrap().to_owned();
        assert!(onward.starts_with("/authorize/continue/"), "{onward}");
        assert_eq!(browser.get(&world, &page).await.header("location"), onward, "the page again goes on");
        let back = browser.get(&world, &onward).await.header("location");
        assert_eq!(member(&back, "state").as_deref(), Some("s1"), "{back}");
        let told = application.exchange(&world, &member(&back, "code").unwrap()).await;
        assert_eq!(told.status, 200, "{}", told.body);
        let told = told.json();
        assert_eq!((&told["scope"], told.get("id_token"), told.get("refresh_token")), (&json!("credential"), None, None));
        assert_eq!(told["authorization_details"][0]["documentDigests"][1]["label"], "Referral");
        assert!(told["expires_in"].as_i64().unwrap() <= 300, "{told}");
        let token = told["access_token"].as_str().unwrap().to_owned();

        let signed = csc(&world, &token, "signatures/signHash", &sign(&id, &one)).await;
        assert_eq!(signed.status, 200, "{}", signed.body);
        assert_eq!(csc(&world, &token, "signatures/signHash", &sign(&id, &one)).await.body, signed.body, "again, and the same");
        for (version, hashes) in [("v2", "hashes"), ("v1", "hash")] {
            let without = json!({"credentialID": id, "SAD": null, hashes: [one], "signAlgo": RSA_SHA_256});
            let same = post(&world, &token, &format!("/csc/{version}/signatures/signHash"), &without).await;
            assert_eq!((same.status, &same.body), (200, &signed.body), "{version}: null is left out");
        }
        let refused = csc(&world, &token, "signatures/signHash", &sign(&id, &other)).await;
        assert_eq!(refused.json()["error_description"], "Hash is not authorized by the SAD");
        let info = csc(&world, &token, "credentials/info", &json!({"credentialID": id, "authInfo": true})).await;
        assert_eq!(info.json()["auth"], json!({"mode": "oauth2code"}), "{}", info.body);
        let listed = csc(&world, &token, "credentials/list", &json!({})).await;
        assert_eq!(listed.json()["error"], "access_denied", "a token for documents is for no more");

        // CSC API v2, 11.10: the same token as SAD; of another application it is none.
        let mut with = sign(&id, &two);
        with["SAD"] = token.clone().into();
        let caller = |name: &str| Caller::new(CallerKind::System, name, name.parse().unwrap(), [SIGN.0]);
        let theirs = world.rig.csc(&caller("pharmacy-system"), "signatures/signHash", &with).await;
        theirs.is_csc(400, "invalid_request", "Invalid parameter SAD");
        let own = world.rig.csc(&caller("letters"), "signatures/signHash", &with).await;
        assert_eq!(own.status, 200, "{:?}", own.body);
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature").await, 2);
        proves_consent(&world, &id, "Referral", &one).await;
        world.rig.pass(300_000);
        let over = csc(&world, &token, "signatures/signHash", &sign(&id, &one)).await;
        assert_eq!(over.status, 401, "{}", over.body);
        let kept: String = sqlx::query_scalar("SELECT presence FROM signer_consent").fetch_one(world.rig.db.read()).await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&kept).unwrap()["bound"], "cryptographically bound");
    }

    /// Where a process ended after consent and before sign-in was told, the page is still open: whoever presses again, confirms again or cancels on it is
    /// asked nothing, and goes on with what was decided and nothing else. Nobody agrees twice, and nothing agreed to is cancelled, nor the other way.
    async fn an_open_page_goes_on_with_what_was_decided(db: Db) {
        let mut world = World::new(db).await;
        let application = Application::new(&world, "letters", &["openid", "service", "credential"]).await;
        let id = credential(&world).await;
        let hash = digest_of(b"one");
        let address = application.request(&[("authorization_details", &details(&id, &[(&hash, "Letter")]))]);
        let mut browser = world.browsers[USER].clone();
        for agrees in [true, false] {
            let page = shown(&world, &mut browser, &address).await;
            let (path, query) = page.split_once('?').unwrap();
            let (options, cancel) = (format!("{path}/options?{query}"), format!("{path}/cancel?{query}"));
            let onward = if agrees {
                let answered = agreed(&mut world, &mut browser, &page).await;
                assert_eq!(answered.status, 200, "{}", answered.body);
                answered.json()["location"].as_str().unwrap().to_owned()
            } else {
                browser.send(&world, "POST", &cancel, None).await.header("location")
            };
            assert!(onward.starts_with("/authorize/continue/"), "{onward}");
            world.rig = world.rig.twin();
            let untold = "UPDATE authn_interaction SET signing = NULL WHERE expires_at > $1";
            for (at, body) in [(&options, json!({})), (&page, json!({"credential": {"id": 7}}))] {
                world.write(untold, Vec::new(), 0).await;
                let again = browser.send(&world, "POST", at, Some(&body)).await;
                assert_eq!((again.status, again.json()), (200, json!({"location": onward})), "{at}");
            }
            world.write(untold, Vec::new(), 0).await;
            let again = browser.send(&world, "POST", &cancel, None).await;
            assert_eq!((again.status, again.header("location")), (303, onward.clone()), "{}", again.body);
            let back = browser.get(&world, &onward).await.header("location");
            if agrees {
                let told = application.exchange(&world, &member(&back, "code").unwrap()).await;
                assert_eq!(told.status, 200, "{}", told.body);
                let token = told.json()["access_token"].as_str().unwrap().to_owned();
                assert_eq!(csc(&world, &token, "signatures/signHash", &sign(&id, &hash)).await.status, 200);
            } else {
                assert_eq!((member(&back, "error").as_deref(), member(&back, "code")), (Some("access_denied"), None), "{back}");
            }
        }
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_authorisation").await, 1);
        assert_eq!(world.rig.events("signing-consented").await.len(), 1);
        assert_eq!(world.rig.events("signing-cancelled").await.len(), 1);
    }

    /// What one person agreed to is in no token of another who signs in in the same browser before it goes on: there is no code, and the
    /// application is told why.
    async fn consent_is_nobody_elses(db: Db) {
        let mut world = World::new(db).await;
        let application = Application::new(&world, "letters", &["openid", "service", "credential"]).await;
        let id = credential(&world).await;
        let address = application.request(&[("authorization_details", &details(&id, &[(&digest_of(b"one"), "Letter")]))]);
        let grants = "SELECT CAST(COUNT(*) AS BIGINT) FROM authn_grant";
        let before = world.count(grants).await;
        let mut browser = world.browsers[USER].clone();
        let page = shown(&world, &mut browser, &address).await;
        let answered = agreed(&mut world, &mut browser, &page).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        let session = world.browsers["555021942115"].cookies["__Host-lanyard-session"].clone();
        let mut other = browser.clone();
        other.cookies.insert("__Host-lanyard-session".to_owned(), session);
        let onward = answered.json()["location"].as_str().unwrap().to_owned();
        let back = other.get(&world, &onward).await.header("location");
        assert_eq!((member(&back, "error").as_deref(), member(&back, "code")), (Some("login_required"), None), "{back}");
        assert_eq!(browser.get(&world, &onward).await.status, 400, "it is over");
        assert_eq!(world.count(grants).await, before, "nobody was given anything");
    }

    /// The parameters of the specification ask for the same as the details do; whoever does not want to goes back with a word, and nothing is signed.
    async fn whoever_does_not_want_to_goes_back(db: Db) {
        let world = World::new(db).await;
        let application = Application::new(&world, "letters", &["openid", "service", "credential"]).await;
        let id = credential(&world).await;
        let hash = URL_SAFE_NO_PAD.encode([7; 32]);
        let plain = [
            ("scope", "credential"), ("credentialID", id.as_str()), ("numSignatures", "1"), ("hashes", &hash),
            ("hashAlgorithmOID", "2.16.840.1.101.3.4.2.1"),
        ];
        let mut browser = world.browsers[USER].clone();
        let page = shown(&world, &mut browser, &application.request(&plain)).await;
        let mut other = world.browsers["555021942115"].clone();
        assert_eq!(other.get(&world, &page).await.status, 410, "another person");
        assert_eq!(Browser::default().get(&world, &page).await.status, 401, "nobody");
        let (path, query) = page.split_once('?').unwrap();
        let cancelled = browser.send(&world, "POST", &format!("{path}/cancel?{query}"), None).await;
        assert_eq!(cancelled.status, 303, "{}", cancelled.body);
        let back = browser.get(&world, &cancelled.header("location")).await.header("location");
        assert_eq!(member(&back, "error").as_deref(), Some("access_denied"), "{back}");
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_authorisation").await, 0);
        assert_eq!(world.rig.events("signing-cancelled").await.len(), 1);
    }

    /// What is not registered, not named, another's, or asked without anybody being asked gets no page and no code.
    async fn what_is_not_named_gets_no_page(db: Db) {
        let world = World::new(db).await;
        let application = Application::new(&world, "letters", &["openid", "credential"]).await;
        let plain = Application::new(&world, "plain", &["openid"]).await;
        let id = credential(&world).await;
        let hash = digest_of(b"one");
        let mut browser = world.browsers[USER].clone();
        let good = details(&id, &[(&hash, "Letter")]);
        let twice = details(&id, &[(&hash, "Letter"), (&hash, "Letter")]);
        for (application, details, prompt, expected) in [
            (&plain, good.as_str(), "consent", "invalid_scope"),
            (&application, "[]", "consent", "invalid_authorization_details"),
            (&application, &twice, "consent", "invalid_request"),
            (&application, &good, "none", "interaction_required"),
        ] {
            let address = application.request(&[("authorization_details", details), ("prompt", prompt)]);
            let back = browser.get(&world, &address).await.header("location");
            assert_eq!(member(&back, "error").as_deref(), Some(expected), "{back}");
        }
        let mut theirs = world.browsers["555021942115"].clone();
        let begun = theirs.get(&world, &application.request(&[("authorization_details", &good)])).await;
        let page = theirs.get(&world, &begun.header("location")).await;
        assert_eq!(page.status, 404, "somebody else's credential: {}", page.body);
        assert_eq!(browser.get(&world, &begun.header("location")).await.status, 404, "another browser's request");
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_consent").await, 0);
    }

    /// A client that knows no browser has the holder asked on the page of their signatures, and asks again until they have agreed.
    async fn a_handle_is_asked_about(db: Db) {
        let mut world = World::new(db).await;
        let id = credential(&world).await;
        let hash = digest_of(b"one");
        let (system, other) = (world.rig.system.clone(), world.rig.other_system.clone());
        let whole = digest_of(&STANDARD.decode(whole(&world).await).unwrap());
        let body = json!({"credentialID": id, "numSignatures": 2, "hashes": [hash, whole], "description": "Ward 5",
            "authData": [{"id": "presence"}]});
        let where_to = json!({"credentialID": id, "authObjectID": "presence"});
        let challenge = world.rig.csc(&system, "credentials/getChallenge", &where_to).await;
        assert_eq!(challenge.body, json!({"challenge": "https://id.example.org/signing-service/account"}));
        let begun = world.rig.csc(&system, "credentials/authorize", &body).await;
        assert_eq!(begun.status, 202, "{:?}", begun.body);
        for process in [&world.rig, &world.rig.twin()] {
            let again = process.csc(&system, "credentials/authorize", &body).await;
            assert_eq!((again.status, &again.body), (202, &begun.body), "the same request is one, and nobody is asked twice");
        }
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_consent").await, 1);
        let check = json!({"handle": begun.body["handle"]});
        let waiting = world.rig.csc(&system, "credentials/authorizeCheck", &check).await;
        assert_eq!((waiting.status, &waiting.body), (202, &begun.body));
        let theirs = world.rig.csc(&other, "credentials/authorizeCheck", &check).await;
        theirs.is_csc(400, "invalid_request", "Invalid parameter handle");
        let mut browser = world.browsers[USER].clone();
        let account = browser.get(&world, "/signing-service/account").await.body;
        let at = account.find("/signing-service/confirm/").unwrap();
        let page = account[at..].split('"').next().unwrap().to_owned();
        let seen = browser.get(&world, &page).await.body;
        for text in WHOLE.into_iter().chain(["Ward 5", "document 1: content not seen", "1 document cannot be shown"]) {
            assert!(seen.contains(text), "{text}: {seen}");
        }
        // What was said of all of them is bound as it was shown.
        let say = "UPDATE signer_consent SET description = $1 WHERE created_at > $2";
        world.write(say, vec!["Ward 6".to_owned()], 0).await;
        let options = browser.send(&world, "POST", &format!("{page}/options"), Some(&json!({}))).await.json();
        let credential = world.key.get(&options);
        let changed = browser.send(&world, "POST", &page, Some(&json!({"credential": credential}))).await;
        assert_eq!(changed.status, 500, "{}", changed.body);
        world.write(say, vec!["Ward 5".to_owned()], 0).await;
        let answered = agreed(&mut world, &mut browser, &page).await;
        assert_eq!(answered.json()["location"], "/signing-service/account", "{}", answered.body);
        let first = world.rig.csc(&system, "credentials/authorizeCheck", &check).await;
        let second = world.rig.csc(&system, "credentials/authorizeCheck", &check).await;
        let sad = |answer: &crate::rig::Answer| answer.body["SAD"].as_str().unwrap().to_owned();
        let signing = |sad: String| {
            let mut body = sign(&id, &hash);
            body["SAD"] = sad.into();
            body
        };
        let old = world.rig.csc(&system, "signatures/signHash", &signing(sad(&first))).await;
        old.is_csc(400, "invalid_request", "Invalid parameter SAD");
        let signed = world.rig.csc(&system, "signatures/signHash", &signing(sad(&second))).await;
        assert_eq!(signed.status, 200, "{:?}", signed.body);
        let lost = world.rig.csc(&system, "credentials/authorize", &body).await;
        assert_eq!(lost.body, begun.body, "what they agreed to is still good");
        let more = json!({"credentialID": id, "numSignatures": 1, "hashes": [hash], "authData": [{"id": "presence"}]});
        assert_ne!(world.rig.csc(&other, "credentials/authorize", &more).await.body, begun.body, "another client's");
        world.write("DELETE FROM signer_consent WHERE client = $1 AND created_at > $2", vec!["pharmacy-system".to_owned()], 0).await;
        proves_consent(&world, &id, "document 1", &digest_of(b"other")).await;
        assert!(!browser.get(&world, "/signing-service/account").await.body.contains("What waits for you"));
        let info = world.rig.csc(&system, "info", &json!({})).await.body;
        for method in ["credentials/authorizeCheck", "credentials/getChallenge", "oauth2/authorize", "signatures/signPolling"] {
            assert!(info["methods"].as_array().unwrap().contains(&json!(method)), "{info}");
        }
        assert_eq!((&info["authType"], &info["oauth2Issuer"]), (&json!(["TLS", "oauth2code"]), &json!("https://id.example.org")));
        assert_eq!(info["asynchronousOperationMode"], true);
        world.rig.pass(300_000);
        let new = world.rig.csc(&system, "credentials/authorize", &body).await;
        assert!(new.status == 202 && new.body != begun.body, "when that is over they are asked again: {:?}", new.body);
    }

    /// A client of version 1 finds the addresses below `oauth2`, asks by its parameters and without a proof key, and has signed what its person agreed to, by
    /// the names that it knows, and nothing else. What it may look for besides is refused as not there.
    async fn version_1_signs_by_oauth(db: Db) {
        let mut world = World::new(db).await;
        let way = json!({"token_endpoint_auth_method": "client_secret_post"});
        let application = Application::with(&world, "letters", &["openid", "service", "credential"], &way).await;
        let info = world.send("POST", "/csc/v1/info", Some(&json!({})), None).await.json();
        assert_eq!(info["oauth2"], "https://id.example.org");
        assert!(info["methods"].as_array().unwrap().contains(&json!("oauth2/authorize")), "{info}");
        let id = credential(&world).await;
        let (one, other) = (digest_of(b"one"), digest_of(b"other"));
        let hash = URL_SAFE_NO_PAD.encode(STANDARD.decode(&one).unwrap());
        let mut address = Url::parse("https://id.example.org/oauth2/authorize").unwrap();
        address.query_pairs_mut().extend_pairs([
            ("response_type", "code"), ("client_id", application.id), ("redirect_uri", CALLBACK), ("scope", "credential"),
            ("credentialID", id.as_str()), ("numSignatures", "1"), ("hash", hash.as_str()), ("state", "s1"), ("lang", "en-GB"),
        ]);
        let address = format!("{}?{}", address.path(), address.query().unwrap());
        let mut browser = world.browsers[USER].clone();
        let page = shown(&world, &mut browser, &address).await;
        let answered = agreed(&mut world, &mut browser, &page).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        let back = browser.get(&world, answered.json()["location"].as_str().unwrap()).await.header("location");
        let (code, secret) = (member(&back, "code").unwrap(), application.secret.as_str());
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK),
                ("client_id", application.id), ("client_secret", secret),
            ])
            .finish();
        let posted = |path: &str, form: String| {
            let request = Request::builder().method("POST").uri(path);
            request.header("content-type", "application/x-www-form-urlencoded").body(Body::from(form)).unwrap()
        };
        let told = world.route(posted("/oauth2/token", form)).await;
        assert_eq!(told.status, 200, "{}", told.body);
        let token = told.json()["access_token"].as_str().unwrap().to_owned();

        let caller = Caller::new(CallerKind::System, "letters", "letters".parse().unwrap(), [SIGN.0]);
        let v1 = async |hash: &str| {
            let body = json!({"credentialID": id, "SAD": token, "hash": [hash], "signAlgo": RSA_SHA_256});
            world.rig.post(&caller, "/csc/v1/signatures/signHash", &body).await
        };
        assert_eq!(v1(&other).await.status, 400);
        let signed = v1(&one).await;
        assert_eq!((signed.status, signed.body["signatures"].as_array().unwrap().len()), (200, 1), "{:?}", signed.body);
        let request = Request::builder()
            .method("POST")
            .uri("/csc/v1/credentials/info")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        let body = Body::from(json!({"credentialID": id}).to_string());
        let shown = world.route(request.body(body).unwrap()).await.json();
        assert_eq!((&shown["authMode"], shown.get("PIN")), (&json!("oauth2code"), None), "{shown}");
        for absent in ["auth/login", "auth/revoke", "credentials/sendOTP", "credentials/extendTransaction", "signatures/timestamp"] {
            let refused = world.rig.post(&caller, &format!("/csc/v1/{absent}"), &json!({})).await;
            assert_eq!(refused.status, 501, "{absent}: {:?}", refused.body);
        }

        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("token", token.as_str()), ("client_id", application.id), ("client_secret", secret)])
            .finish();
        assert_eq!(world.route(posted("/oauth2/revoke", form)).await.status, 200);
        assert_eq!(csc(&world, &token, "credentials/info", &json!({"credentialID": id})).await.status, 401, "given back");
    }
}
