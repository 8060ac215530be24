//! What the plans of the OpenID Foundation ask of a provider and no other file asks: `docs/compatibility.md` lists their modules, each
//! with the test that shows it.

use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, Answered, ISSUER, REALM, Rig, basic};

/// The ways in which an answer comes: the basic plan and the form-post plan have the same modules.
const MODES: [&str; 2] = ["", "form_post"];

/// What is answered to a request, in the way in which it was asked for.
struct Back(Answered);

impl Back {
    fn get(&self, name: &str) -> Option<String> {
        if self.0.headers.contains_key("location") {
            return self.0.sent(name);
        }
        self.0.text.contains(&format!("name=\"{name}\" value=\"")).then(|| field(&self.0.text, name))
    }

    fn code(&self) -> String {
        self.get("code").unwrap_or_else(|| panic!("{} {}", self.0.status, self.0.text))
    }
}

/// Sends a request of somebody who is signed in, whose answer is to come in this way.
async fn asked(rig: &Rig, mode: &str, change: &[(&str, &str)], session: &str) -> Back {
    let back = Back(rig.authorise(&[change, &[("response_mode", mode)]].concat(), &[session]).await);
    let posted = !back.0.headers.contains_key("location");
    assert_eq!(posted, mode == "form_post", "{} {}", back.0.status, back.0.text);
    back
}

/// A field of a page that posts an answer.
fn field(page: &str, name: &str) -> String {
    let rest =
        page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {page}")).1;
    rest.split('"').next().unwrap().to_owned()
}

platform::both_engines! {
    /// oidcc-display-page, -display-popup, -ui-locales, -claims-locales, -login-hint, -ensure-request-with-unknown-parameter-succeeds,
    /// -ensure-request-with-acr-values-succeeds, -ensure-request-without-nonce-succeeds-for-code-flow: advice and the unknown do no harm.
    async fn advice_does_no_harm(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        for change in [
            ("display", "page"), ("display", "popup"), ("ui_locales", "se"), ("claims_locales", "se"), ("login_hint", "bob@example.com"),
            ("extra", "foobar"), ("acr_values", "AAL3_ANY AAL2_ANY"), ("nonce", ""),
        ] {
            for mode in MODES {
                let code = asked(&rig, mode, &[change], &session).await.code();
                let tokens = rig.exchange(&secret, &code, &[]).await;
                assert_eq!(tokens.status, StatusCode::OK, "{change:?}: {}", tokens.text);
                let claims = rig.verified(tokens.json()["id_token"].as_str().unwrap()).await;
                assert_eq!((claims["acr"].clone(), claims.get("nonce")), (json!("AAL3_ANY"), None), "{change:?}");
            }
        }
    }

    /// A class of sign-in that is essential is one of those in the ID token, then and when it is refreshed, or there is an error; one that
    /// is not essential changes nothing there. OpenID Connect Core 5.5.1.1.
    async fn essential_classes_are_named(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let claims = |acr: Value| json!({"id_token": {"acr": acr}}).to_string();
        for (acr, expected) in [
            (json!({"essential": true, "value": "AAL3_SMARTCARD"}), "AAL3_SMARTCARD"),
            (json!({"essential": true, "values": ["AAL2_TOTP", "AAL2_OR_AAL3_ANY"]}), "AAL2_OR_AAL3_ANY"),
            (json!({"value": "AAL3_SMARTCARD"}), "AAL3_ANY"),
        ] {
            let code = rig.code(&[("claims", &claims(acr))], &session).await;
            let tokens = rig.exchange(&secret, &code, &[]).await.json();
            assert_eq!(rig.verified(tokens["id_token"].as_str().unwrap()).await["acr"], expected);
            let pairs = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
            let fresh = rig.form("/token", &[("authorization", &basic("rp", &secret))], &pairs).await.json();
            assert_eq!(rig.verified(fresh["id_token"].as_str().unwrap()).await["acr"], expected, "refreshed");
        }
        for essential in ["AAL3_FIDO2", "AAL3_IOS"] {
            let claims = claims(json!({"essential": true, "value": essential}));
            let refused = rig.authorise(&[("prompt", "none"), ("acr_values", "AAL3_ANY"), ("claims", &claims)], &[&session]).await;
            assert!(refused.sent("code").is_none() && refused.sent_error().is_some(), "{essential}: {}", refused.location());
        }
    }

    /// oidcc-response-type-missing: the relying party is told, with its state.
    async fn a_request_names_its_response_type(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        for mode in MODES {
            let back = asked(&rig, mode, &[("response_type", "")], &session).await;
            let error = back.get("error");
            assert!(matches!(error.as_deref(), Some("invalid_request" | "unsupported_response_type")), "{mode}: {error:?}");
            assert_eq!((back.get("state").as_deref(), back.get("code")), (Some("a-state"), None));
        }
    }

    /// oidcc-ensure-other-scope-order-succeeds, oidcc-scope-address, -scope-phone, -scope-email, -scope-profile, -scope-all, -claims-essential: what is here is told where it was
    /// asked for, what is not here is left out, and nothing fails.
    async fn scopes_and_claims_are_told(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let essential = json!({"id_token": {"email": {"essential": true}}, "userinfo": {"name": {"essential": true}}}).to_string();
        for (scope, granted, claims) in [
            ("openid address", "openid", vec!["name", "sub"]),
            ("openid phone", "openid", vec!["name", "sub"]),
            ("openid email", "email openid", vec!["email", "name", "sub"]),
            ("openid profile", "openid profile", vec!["family_name", "given_name", "name", "sub", "uid"]),
            ("openid profile email address phone", "email openid profile", vec!["email", "family_name", "given_name", "name", "sub", "uid"]),
            ("profile email openid", "email openid profile", vec!["email", "family_name", "given_name", "name", "sub", "uid"]),
        ] {
            for mode in MODES {
                let code = asked(&rig, mode, &[("scope", scope), ("claims", &essential)], &session).await.code();
                let tokens = rig.exchange(&secret, &code, &[]).await.json();
                assert_eq!(tokens["scope"], granted, "{scope}");
                let told = rig.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
                let mut names: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
                names.sort_unstable();
                assert_eq!(names, claims, "{scope}");
                let id = rig.verified(tokens["id_token"].as_str().unwrap()).await;
                assert!(id.get("email").is_some() && id.get("name").is_some() == granted.contains("profile"), "{scope}: {id}");
            }
        }
        let narrow = rig.register("rp-narrow", &json!({"scopes": ["openid"]})).await;
        let code = rig.code(&[("client_id", "rp-narrow"), ("scope", "openid"), ("claims", &essential)], &session).await;
        let pairs = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", crate::rig::CALLBACK)];
        let tokens = rig.form("/token", &[("authorization", &crate::rig::basic("rp-narrow", &narrow))], &pairs).await.json();
        let told = rig.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
        assert_eq!(told, json!({"sub": crate::rig::user(ANN)}), "it is registered for neither");
        assert!(rig.verified(tokens["id_token"].as_str().unwrap()).await.get("email").is_none());
    }

    /// oidcc-unsigned-request-object-…, -request-uri-unsigned-…, -ensure-request-object-with-redirect-uri: request objects are refused as
    /// not supported, and take no answer anywhere.
    async fn request_objects_are_refused(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let object = "eyJhbGciOiJub25lIn0.eyJyZWRpcmVjdF91cmkiOiJodHRwczovL2V2aWwuZXhhbXBsZS8ifQ.";
        for mode in MODES {
            let back = asked(&rig, mode, &[("request", object)], &session).await;
            assert_eq!((back.get("error").as_deref(), back.get("state").as_deref()), (Some("request_not_supported"), Some("a-state")));
            let (goes, posts) = ("https://rp.example/callback?", "action=\"https://rp.example/callback\"");
            assert!(if mode.is_empty() { back.0.location().starts_with(goes) } else { back.0.text.contains(posts) }, "{}", back.0.text);
        }
        let page = rig.authorise(&[("request_uri", "https://rp.example/request.jwt")], &[&session]).await;
        assert_eq!((page.status.as_u16(), page.headers.get("location")), (400, None), "{}", page.text);
        let document = rig.browse("/.well-known/openid-configuration", &[]).await.json();
        assert_eq!((&document["request_parameter_supported"], &document["request_uri_parameter_supported"]), (&json!(false), &json!(false)));
    }

    /// oidcc-max-age-10000, -max-age-1, -prompt-login, -prompt-none-logged-in: a session that does keeps its time and its name; one that
    /// does not asks, and the time is that of the new sign-in.
    async fn the_time_of_the_sign_in_is_told(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let told = async |mode: &str, change: &[(&str, &str)], session: &str| -> Value {
            let code = asked(&rig, mode, change, session).await.code();
            let tokens = rig.exchange(&secret, &code, &[]).await.json();
            rig.verified(tokens["id_token"].as_str().unwrap()).await
        };
        let first = told("", &[], &session).await;
        rig.pass(2);
        for (mode, change) in MODES.iter().flat_map(|mode| [("max_age", "10000"), ("prompt", "none")].map(|change| (*mode, change))) {
            let again = told(mode, &[change], &session).await;
            assert_eq!((&again["auth_time"], &again["sid"], &again["sub"]), (&first["auth_time"], &first["sid"], &first["sub"]), "{change:?}");
        }
        for change in [("max_age", "1"), ("prompt", "login")] {
            let begun = rig.authorise(&[change], &[&session]).await;
            assert!(begun.location().starts_with("/sign-in/"), "{change:?} {}", begun.location());
            rig.pass(1);
            let anew = rig.sign_in(ANN, "smartcard").await;
            let onward = begun.location().replace("/sign-in/", "/authorize/continue/");
            let code = rig.browse(&onward, &[&begun.cookie(), &anew]).await.sent("code").unwrap();
            let tokens = rig.exchange(&secret, &code, &[]).await.json();
            let claims = rig.verified(tokens["id_token"].as_str().unwrap()).await;
            assert!(claims["auth_time"].as_i64() > first["auth_time"].as_i64(), "{change:?}");
        }
    }

    /// oidcc-codereuse-30seconds: however late a code comes again, it is refused and ends what it gave.
    async fn codes_come_again_late(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        for (mode, seconds) in [("", 30), ("form_post", 30), ("", 600)] {
            let code = asked(&rig, mode, &[], &session).await.code();
            let access = rig.exchange(&secret, &code, &[]).await.json()["access_token"].as_str().unwrap().to_owned();
            for _ in 0..2 {
                rig.pass(seconds);
                assert_eq!(rig.exchange(&secret, &code, &[]).await.error(), "invalid_grant", "{seconds}");
                assert_eq!(rig.userinfo(&access).await.status, StatusCode::UNAUTHORIZED);
            }
        }
    }

    /// The form-post plan: a code and each error come as a form, with state and issuer, and the code works.
    async fn answers_are_posted(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let mode = ("response_mode", "form_post");
        let page = rig.authorise(&[mode, ("nonce", "n")], &[&session]).await;
        assert_eq!((page.status, field(&page.text, "state").as_str(), field(&page.text, "iss").as_str()), (StatusCode::OK, "a-state", ISSUER));
        let tokens = rig.exchange(&secret, &field(&page.text, "code"), &[]).await.json();
        assert_eq!(rig.verified(tokens["id_token"].as_str().unwrap()).await["nonce"], "n");
        for (change, cookies, error) in [
            (("prompt", "none"), vec![], "login_required"),
            (("response_type", "token"), vec![session.as_str()], "unsupported_response_type"),
            (("request", "a.b.c"), vec![session.as_str()], "request_not_supported"),
            (("acr_values", "AAL3_IOS"), vec![session.as_str()], "unmet_authentication_requirements"),
        ] {
            let page = rig.authorise(&[mode, change], &cookies).await;
            assert_eq!((page.status, page.headers.get("location")), (StatusCode::OK, None), "{change:?}");
            assert_eq!((field(&page.text, "error").as_str(), field(&page.text, "state").as_str()), (error, "a-state"), "{change:?}");
            assert!(!page.text.contains("name=\"code\""), "{}", page.text);
        }
    }

    /// oidcc-discovery-endpoint-verification, oidcc-rp-initiated-logout-discovery-endpoint-verification and
    /// oidcc-backchannel-logout-discovery-endpoint-verification, on both faces. OpenID Connect Discovery 3, RFC 7517 4.
    async fn discovery_is_whole(db: Db) {
        let rig = Rig::new(db).await;
        for place in ["", REALM] {
            let answered = rig.browse(&format!("{place}/.well-known/openid-configuration"), &[]).await;
            assert!(answered.headers["content-type"].to_str().unwrap().starts_with("application/json"));
            let document = answered.json();
            for endpoint in [
                "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint",
            ] {
                let url = url::Url::parse(document[endpoint].as_str().unwrap()).unwrap();
                assert_eq!((url.scheme(), url.query(), url.fragment()), ("https", None, None), "{endpoint}");
            }
            for (member, value) in [
                ("response_types_supported", "code"), ("subject_types_supported", "public"), ("scopes_supported", "openid"),
                ("id_token_signing_alg_values_supported", "RS256"), ("response_modes_supported", "form_post"), ("claims_supported", "sub"),
                ("grant_types_supported", "authorization_code"), ("token_endpoint_auth_methods_supported", "client_secret_basic"),
            ] {
                let listed = document[member].as_array().unwrap_or_else(|| panic!("{member}"));
                assert!(listed.contains(&json!(value)) && !listed.contains(&json!("none")), "{member}: {listed:?}");
            }
            for flag in ["backchannel_logout_supported", "backchannel_logout_session_supported", "claims_parameter_supported"] {
                assert_eq!(document[flag], true, "{flag}");
            }
            let page = rig.browse("/authorize", &[]).await.text;
            let language = document["ui_locales_supported"][0].as_str().unwrap();
            assert!(page.contains(&format!("<html lang=\"{language}\"")) && document["ui_locales_supported"].as_array().unwrap().len() == 1, "{page}");
            let path = url::Url::parse(document["jwks_uri"].as_str().unwrap()).unwrap().path().to_owned();
            let keys = rig.browse(&path, &[]).await.json();
            let keys = keys["keys"].as_array().unwrap();
            let mut names: Vec<String> = Vec::new();
            for key in keys {
                let name = format!("{} {}", key["kid"], key["alg"]);
                assert!(key["kid"].is_string() && key["use"] == "sig" && !names.contains(&name), "{key}");
                assert!(["d", "p", "q", "dp", "dq", "qi", "k"].iter().all(|private| key.get(private).is_none()), "{key}");
                names.push(name);
            }
            assert!(!names.is_empty());
        }
    }

    /// The plans of RP-initiated and back-channel logout: no-params, only-state, no-state, no-post-logout-redirect-uri, and the good one
    /// sign out; no-id-token-hint, bad-id-token-hint, modified-id-token-hint, bad-post-logout-redirect-uri and query-added-… send the
    /// browser nowhere and leave it signed in. Afterwards `prompt=none` finds nobody.
    async fn signing_out_module_by_module(db: Db) {
        let rig = Rig::new(db).await;
        let bye = "https://rp.example/bye";
        let secret = rig.register("rp", &json!({"post_logout_redirect_uris": [bye]})).await;
        let signed_in = async || {
            let session = rig.sign_in(ANN, "smartcard").await;
            let code = rig.code(&[], &session).await;
            let tokens = rig.exchange(&secret, &code, &[]).await.json();
            (session, tokens["id_token"].as_str().unwrap().to_owned())
        };
        let nobody = async |session: &str| {
            rig.authorise(&[("prompt", "none")], &[session]).await.sent_error().as_deref() == Some("login_required")
        };
        let path = |pairs: &[(&str, &str)]| {
            format!("/end-session?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
        };
        let (session, hint) = signed_in().await;
        let modified = hint.rsplit_once('.').map(|(signed, _)| format!("{signed}.{}", "A".repeat(342))).unwrap();
        for (module, pairs) in [
            ("no-id-token-hint", vec![("post_logout_redirect_uri", bye), ("state", "s")]),
            ("bad-id-token-hint", vec![("id_token_hint", "not-a-token"), ("post_logout_redirect_uri", bye)]),
            ("modified-id-token-hint", vec![("id_token_hint", modified.as_str()), ("post_logout_redirect_uri", bye)]),
            ("bad-post-logout-redirect-uri", vec![("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://evil.example/bye")]),
            ("query-added", vec![("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://rp.example/bye?foo=bar")]),
        ] {
            let page = rig.browse(&path(&pairs), &[&session]).await;
            assert_eq!((page.status.as_u16(), page.headers.get("location")), (400, None), "{module}");
            assert!(!nobody(&session).await, "{module}");
        }
        for (module, pairs) in [("no-params", vec![]), ("only-state", vec![("state", "s")])] {
            let (session, _) = signed_in().await;
            let asked = rig.browse(&path(&pairs), &[&session]).await;
            assert!(asked.text.contains("Do you want to sign out?") && !nobody(&session).await, "{module}");
            let done = rig.form("/end-session", &[("cookie", &session), ("origin", ISSUER)], &[("confirmed", "yes")]).await;
            assert!(done.text.contains("You are signed out") && nobody(&session).await, "{module}");
        }
        for (module, more, location) in [
            ("no-post-logout-redirect-uri", vec![("state", "s")], None),
            ("no-state", vec![("post_logout_redirect_uri", bye)], Some("https://rp.example/bye")),
            ("rp-initiated-logout", vec![("post_logout_redirect_uri", bye), ("state", "s")], Some("https://rp.example/bye?state=s")),
        ] {
            let (session, hint) = signed_in().await;
            let pairs = [vec![("id_token_hint", hint.as_str())], more].concat();
            let done = rig.browse(&path(&pairs), &[&session]).await;
            let found = done.headers.get("location").map(|value| value.to_str().unwrap());
            assert_eq!(found, location, "{module}");
            assert!(nobody(&session).await, "{module}");
        }
        // oidcc-alternate-happy-flow: another relying party goes on by itself.
        let other = rig.register("rp-2", &json!({"redirect_uris": ["https://other.example/cb"]})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[("client_id", "rp-2"), ("redirect_uri", "https://other.example/cb")], &session).await;
        let pairs = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", "https://other.example/cb")];
        assert_eq!(rig.form("/token", &[("authorization", &basic("rp-2", &other))], &pairs).await.status, StatusCode::OK);
    }

    /// With the form of another site comes no cookie, so that nobody is told that they are signed out while they are not: they are asked, and
    /// by our own page they sign out and go back, also where nobody is signed in. An ID token of an open session ends that at once, and
    /// a program that says nothing of an origin is asked nothing. RP-Initiated Logout 1.0 2.
    async fn signing_out_by_the_form_of_another_site(db: Db) {
        let rig = Rig::new(db).await;
        let bye = "https://rp.example/bye";
        let secret = rig.register("rp", &json!({"post_logout_redirect_uris": [bye]})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let pairs = [("client_id", "rp"), ("post_logout_redirect_uri", bye), ("state", "s")];
        let confirmed = [pairs.as_slice(), &[("confirmed", "yes")]].concat();
        let elsewhere = [("origin", "https://rp.example")];
        let asked = rig.form("/end-session", &elsewhere, &pairs).await;
        assert!(asked.status == StatusCode::OK && asked.text.contains("Do you want to sign out?"), "{}", asked.text);
        for (name, value) in &confirmed {
            assert_eq!(field(&asked.text, name), *value, "{}", asked.text);
        }
        assert_eq!((asked.headers.get("set-cookie"), rig.recorded("session-ended").await), (None, 0));
        let done = rig.form("/end-session", &[("cookie", &session), ("origin", ISSUER)], &confirmed).await;
        assert_eq!((done.location(), rig.recorded("session-ended").await), ("https://rp.example/bye?state=s", 1));
        let nobody = rig.form("/end-session", &[("origin", ISSUER)], &confirmed).await;
        assert_eq!(nobody.location(), "https://rp.example/bye?state=s");
        assert_eq!(rig.form("/end-session", &[], &pairs).await.location(), "https://rp.example/bye?state=s");
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        let hint = [("id_token_hint", tokens["id_token"].as_str().unwrap())];
        let done = rig.form("/end-session", &elsewhere, &hint).await;
        assert!(done.text.contains("You are signed out"), "{}", done.text);
        assert_eq!(rig.recorded("session-ended").await, 2);
        for hint in [hint, [("id_token_hint", "not-a-token")]] {
            let asked = rig.form("/end-session", &elsewhere, &hint).await;
            assert!(asked.text.contains("Do you want to sign out?"), "{}", asked.text);
        }
    }
}
