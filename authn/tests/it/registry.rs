//! The registry of relying parties, in the shape of the Connection Manager.

use http::{Method, StatusCode};
use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, CALLBACK, Rig, basic};

const PLACE: &str = "/authn/configs/larkfield";

platform::both_engines! {
    /// Registrations are made, read, replaced under their hash, and closed with everything that was granted.
    async fn registrations_live(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        rig.register("rp-b", &json!({"token_endpoint_auth_method": "client_secret_post"})).await;
        let list = rig.operate(Method::GET, &format!("{PLACE}?limit=1"), &json!(null)).await.json();
        assert_eq!(list, json!({"configs": ["rp"], "next": "rp"}));
        let path = format!("{PLACE}/rp");
        let shown = rig.operate(Method::GET, &path, &json!(null)).await.json();
        assert!(shown.get("client_secret").is_none() && shown["client_config"]["client_name"] == "Larkfield Record");
        let elsewhere = rig.operate(Method::GET, "/authn/configs/others/rp", &json!(null)).await;
        assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
        let mut config = shown["client_config"].clone();
        config["client_name"] = json!("Larkfield Patient Record");
        let body = json!({"client_config": config});
        let hash = shown["hash"].as_str().unwrap();
        let put = async |hash: &str| rig.operate(Method::PUT, &format!("{path}?hash={hash}"), &body).await;
        assert_eq!(put("0").await.status, StatusCode::PRECONDITION_FAILED);
        let replaced = put(hash).await;
        assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text);
        assert!(replaced.json().get("client_secret").is_none(), "it keeps the secret it has");
        assert_eq!(put(hash).await.status, StatusCode::PRECONDITION_FAILED);
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        let hash = replaced.json()["hash"].as_str().unwrap().to_owned();
        let renewed = rig.operate(Method::POST, &format!("{path}/secret?hash={hash}"), &json!(null)).await.json();
        let code = rig.code(&[], &session).await;
        assert_eq!(rig.exchange(&secret, &code, &[]).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(rig.exchange(renewed["client_secret"].as_str().unwrap(), &code, &[]).await.status, StatusCode::OK);
        let hash = renewed["hash"].as_str().unwrap();
        let closed = rig.operate(Method::DELETE, &format!("{path}?hash={hash}"), &json!(null)).await;
        assert_eq!(closed.json()["state"], "closed");
        assert_eq!(rig.userinfo(tokens["access_token"].as_str().unwrap()).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(rig.authorise(&[], &[&session]).await.status, StatusCode::BAD_REQUEST);
        let again = json!({"config_name": "rp", "client_config": config});
        assert_eq!(rig.operate(Method::POST, PLACE, &again).await.status, StatusCode::CONFLICT);
        for (event, many) in [("client-registered", 2), ("client-changed", 1), ("client-secret-made", 1), ("client-closed", 1)] {
            assert_eq!(rig.recorded(event).await, many, "{event}");
        }
    }

    /// The name of a relying party has up to 128 letters where it is no name in a certificate, and that of a system by its certificate 64.
    async fn names_have_room(db: Db) {
        let rig = Rig::new(db).await;
        let key = json!({
            "token_endpoint_auth_method": "private_key_jwt", "jwks_uri_signing_algorithm": "ES256",
            "jwks": {"keys": [{"kty": "EC", "kid": "1"}]}
        });
        rig.register(&"a".repeat(128), &key).await;
        for (letters, status) in [(64, StatusCode::CREATED), (65, StatusCode::BAD_REQUEST)] {
            let config = json!({
                "client_name": "A", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "tls_client_auth",
                "tls_client_auth_subject_dn": format!("CN={}", "a".repeat(letters))
            });
            let body = json!({"config_name": format!("rp-{letters}"), "client_config": config});
            let made = rig.operate(Method::POST, PLACE, &body).await;
            assert_eq!(made.status, status, "{}", made.text);
        }
    }

    /// A client that is closed gets nothing that was under way: no code for a request that waited, no browser at its address after a
    /// sign-out, no word of sessions that end later.
    async fn closed_clients_get_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let told = json!({"backchannel_logout_uri": "https://rp.example/logout", "post_logout_redirect_uris": ["https://rp.example/bye"]});
        let secret = rig.register("rp", &told).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let tokens = rig.exchange(&secret, &rig.code(&[], &session).await, &[]).await.json();
        let begun = rig.authorise(&[], &[]).await;
        let onward = begun.location().replace("/sign-in/", "/authorize/continue/");
        let hash = rig.operate(Method::GET, &format!("{PLACE}/rp"), &json!(null)).await.json()["hash"].as_str().unwrap().to_owned();
        assert_eq!(rig.operate(Method::DELETE, &format!("{PLACE}/rp?hash={hash}"), &json!(null)).await.status, StatusCode::OK);
        let waited = rig.browse(&onward, &[&begun.cookie(), &session]).await;
        assert_eq!((waited.status, waited.headers.get("location")), (StatusCode::BAD_REQUEST, None), "{}", waited.text);
        let hint = tokens["id_token"].as_str().unwrap();
        let path = format!("/end-session?id_token_hint={hint}&post_logout_redirect_uri=https%3A%2F%2Frp.example%2Fbye");
        let out = rig.browse(&path, &[&session]).await;
        assert_eq!((out.status, out.headers.get("location")), (StatusCode::BAD_REQUEST, None), "{}", out.text);
        assert_eq!(rig.browse(&format!("/end-session?id_token_hint={hint}"), &[&session]).await.status, StatusCode::OK);
        let due: Vec<(String,)> = sqlx::query_as("SELECT client_id FROM authn_logout").fetch_all(rig.db.read()).await.unwrap();
        assert!(due.is_empty(), "{due:?}");
        assert_eq!(rig.recorded("session-ended").await, 1);
    }

    /// What is taken out of a registration counts no more: a scope is told nowhere, by tokens that are out or new ones, and no code goes to
    /// an address that is not there any more.
    async fn what_is_taken_out_counts_no_more(db: Db) {
        let rig = Rig::new(db).await;
        let mut config = json!({
            "client_name": "A", "redirect_uris": [CALLBACK, "https://rp.example/other"], "token_endpoint_auth_method": "client_secret_basic",
            "scopes": ["openid", "profile", "email"], "grant_types": ["authorization_code", "refresh_token"]
        });
        let made = rig.operate(Method::POST, PLACE, &json!({"config_name": "rp", "client_config": config})).await.json();
        let secret = made["client_secret"].as_str().unwrap();
        let session = rig.sign_in(ANN, "smartcard").await;
        let with = [("scope", "openid profile email")];
        let first = rig.exchange(secret, &rig.code(&with, &session).await, &[]).await.json();
        assert_eq!(rig.userinfo(first["access_token"].as_str().unwrap()).await.json()["email"], "ada@example.test");
        // A code that is out, and two requests that wait.
        let code = rig.code(&with, &session).await;
        let waits = rig.authorise(&with, &[]).await;
        let other = rig.authorise(&[with[0], ("redirect_uri", "https://rp.example/other")], &[]).await;
        config["scopes"] = json!(["openid", "profile"]);
        config["redirect_uris"] = json!([CALLBACK]);
        let hash = made["hash"].as_str().unwrap();
        let changed = rig.operate(Method::PUT, &format!("{PLACE}/rp?hash={hash}"), &json!({"client_config": config})).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        let header = basic("rp", secret);
        let silent = async |tokens: &Value, of: &str| {
            let access = tokens["access_token"].as_str().unwrap();
            let told = rig.userinfo(access).await.json();
            assert!(told.get("email").is_none() && told["family_name"] == "Okafor", "{of}: {told}");
            let worth = rig.form("/introspect", &[("authorization", &header)], &[("token", access)]).await.json();
            assert_eq!(worth["scope"], "openid profile", "{of}");
        };
        silent(&first, "a token that is out").await;
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"].as_str().unwrap())];
        let wider = rig.form("/token", &[("authorization", &header)], &[refresh.as_slice(), &with].concat()).await;
        assert_eq!(wider.error(), "invalid_scope");
        let refreshed = rig.form("/token", &[("authorization", &header)], &refresh).await.json();
        assert_eq!(refreshed["scope"], "openid profile", "{refreshed}");
        silent(&refreshed, "a refreshed one").await;
        silent(&rig.exchange(secret, &code, &[]).await.json(), "one of a code that was out").await;
        let onward = |begun: &crate::rig::Answered| begun.location().replace("/sign-in/", "/authorize/continue/");
        let done = rig.browse(&onward(&waits), &[&waits.cookie(), &session]).await;
        let code = done.sent("code").unwrap_or_else(|| panic!("{}", done.location()));
        silent(&rig.exchange(secret, &code, &[]).await.json(), "one of a request that waited").await;
        let nowhere = rig.browse(&onward(&other), &[&other.cookie(), &session]).await;
        assert_eq!((nowhere.status, nowhere.headers.get("location")), (StatusCode::BAD_REQUEST, None), "{}", nowhere.text);
    }

    /// What makes no sense is refused by its member; without the act nobody sees anything.
    async fn registrations_are_checked(db: Db) {
        let rig = Rig::new(db).await;
        let refused = async |config: Value| {
            let answered = rig.operate(Method::POST, PLACE, &json!({"client_config": config})).await;
            (answered.status.as_u16(), answered.text)
        };
        let good = json!({"client_name": "A", "redirect_uris": ["https://rp.example/cb"], "token_endpoint_auth_method": "client_secret_basic"});
        let mut wild = good.clone();
        wild["redirect_uris"] = json!(["https://*.rp.example/cb"]);
        assert!(matches!(refused(wild).await, (400, text) if text.contains("redirect_uris")));
        let mut unknown = good.clone();
        unknown["colour"] = json!("blue");
        assert_eq!(refused(unknown).await.0, 400);
        let made = rig.operate(Method::POST, PLACE, &json!({"client_config": good})).await;
        let id = made.json()["config_name"].as_str().unwrap().to_owned();
        assert!(id.ends_with(".apps.lanyard") && id.len() == 25, "{id}");
        assert_eq!(made.headers["cache-control"], "no-store");
        let keys = rig.operate(Method::POST, &format!("{PLACE}/{id}/keys"), &json!(null)).await;
        assert_eq!(keys.status, StatusCode::CONFLICT);
        let stranger = rig.browse(PLACE, &[]).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
        let body = http::Request::builder().uri(PLACE).body(axum::body::Body::empty()).unwrap();
        let mut body = body;
        let none: [&str; 0] = [];
        let caller = platform::caller::Caller::new(platform::caller::CallerKind::System, "x", "x".parse().unwrap(), none);
        body.extensions_mut().insert(caller);
        assert_eq!(rig.send(body).await.status, StatusCode::FORBIDDEN);
    }

    /// Defaults of a client count where its requests say nothing, so that brokers need no proxy.
    async fn defaults_count(db: Db) {
        let rig = Rig::new(db).await;
        let config = json!({
            "default_scopes": ["openid", "selectedrole"], "default_acr_values": ["AAL2_OR_AAL3_ANY"], "default_max_age": 240
        });
        let secret = rig.register("rp", &config).await;
        let session = rig.sign_in(ANN, "totp").await;
        let answered = rig.authorise(&[("scope", "")], &[&session]).await;
        let code = answered.sent("code").unwrap_or_else(|| panic!("{}", answered.location()));
        let pairs = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", crate::rig::CALLBACK)];
        let tokens = rig.form("/token", &[("authorization", &basic("rp", &secret))], &pairs).await.json();
        assert_eq!(tokens["scope"], "openid selectedrole");
        let claims = rig.verified(tokens["id_token"].as_str().unwrap()).await;
        assert_eq!((claims["acr"].clone(), claims["authentication_assurance_level"].clone()), (json!("AAL2_ANY"), json!("2")));
        assert_eq!(claims["selected_roleid"].as_str().unwrap().len(), 12);
        rig.pass(241);
        assert!(rig.authorise(&[("scope", "")], &[&session]).await.location().starts_with("/sign-in/"));
    }

    /// Whoever looks after the relying parties of one team neither finds nor changes those of another, unless it may for all.
    async fn each_team_has_its_own(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let holder = |acts: Vec<String>| Caller::new(CallerKind::System, "other-desk", "other-desk".parse().unwrap(), acts);
        let other = || holder(vec![authn::api::CLIENTS.0.to_owned(), authn::api::clients_of("others")]);
        let path = format!("{PLACE}/rp");
        let hash = rig.operate(Method::GET, &path, &json!(null)).await.json()["hash"].as_str().unwrap().to_owned();
        let config = json!({"client_config": {
            "client_name": "Taken over", "redirect_uris": ["https://evil.example/cb"], "token_endpoint_auth_method": "client_secret_basic"
        }});
        for (method, path) in [
            (Method::GET, PLACE.to_owned()),
            (Method::POST, PLACE.to_owned()),
            (Method::GET, path.clone()),
            (Method::PUT, format!("{path}?hash={hash}")),
            (Method::DELETE, format!("{path}?hash={hash}")),
            (Method::POST, format!("{path}/secret?hash={hash}")),
            (Method::GET, format!("{path}/failures")),
            (Method::GET, format!("{path}/keys")),
            (Method::POST, format!("{path}/keys")),
            (Method::GET, format!("{path}/logouts")),
        ] {
            let answered = rig.operate_as(other(), method.clone(), &path, &config).await;
            assert_eq!(answered.status, StatusCode::NOT_FOUND, "{method} {path}");
        }
        let shown = rig.operate(Method::GET, &path, &json!(null)).await.json();
        assert_eq!((shown["hash"].clone(), shown["state"].clone()), (json!(hash), json!("open")), "nothing changed");
        let own = rig.operate_as(other(), Method::POST, "/authn/configs/others", &config).await;
        assert_eq!(own.status, StatusCode::CREATED, "{}", own.text);
        let all = holder(vec![authn::api::CLIENTS.0.to_owned(), authn::api::ALL_TEAMS.0.to_owned()]);
        assert_eq!(rig.operate_as(all, Method::GET, &path, &json!(null)).await.status, StatusCode::OK);
        let nothing = holder(vec![authn::api::ALL_TEAMS.0.to_owned()]);
        assert_eq!(rig.operate_as(nothing, Method::GET, &path, &json!(null)).await.status, StatusCode::FORBIDDEN);
    }

    /// What shows a client the tokens of other teams' clients is registered by who looks after every team, and so is what such a client
    /// proves itself with.
    async fn tokens_of_other_teams_are_for_who_looks_after_all(db: Db) {
        let rig = Rig::new(db).await;
        let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
        let config = |change: Value| {
            let mut config = json!({"client_name": "Gateway", "redirect_uris": [], "token_endpoint_auth_method": "client_secret_basic",
                "grant_types": ["client_credentials"], "scopes": ["profile"]});
            for (name, value) in change.as_object().unwrap() {
                config[name] = value.clone();
            }
            json!({"client_config": config})
        };
        let exchanges = |client: &str| {
            let rule = json!({"subject_clients": [client], "subject_token_types": ["urn:ietf:params:oauth:token-type:access_token"], "scopes": ["profile"]});
            config(json!({"grant_types": [exchange], "token_exchanges": [rule]}))
        };
        let holder = |acts: Vec<String>| Caller::new(CallerKind::System, "desk", "desk".parse().unwrap(), acts);
        let all = || holder(vec![authn::api::CLIENTS.0.to_owned(), authn::api::ALL_TEAMS.0.to_owned()]);
        let others = rig.operate_as(all(), Method::POST, "/authn/configs/others", &json!({"config_name": "theirs", "client_config": config(json!({}))["client_config"]})).await;
        assert_eq!(others.status, StatusCode::CREATED, "{}", others.text);
        rig.register("ours", &json!({})).await;
        let any = config(json!({"introspection": "any"}));
        for (body, member) in [(&any, "introspection"), (&exchanges("theirs"), "token_exchanges"), (&exchanges("nobody-yet"), "token_exchanges")] {
            let refused = rig.operate(Method::POST, PLACE, body).await;
            assert!(refused.status == StatusCode::BAD_REQUEST && refused.text.contains(member), "{}", refused.text);
            assert_eq!(rig.operate_as(all(), Method::POST, PLACE, body).await.status, StatusCode::CREATED);
        }
        let own = rig.operate(Method::POST, PLACE, &exchanges("ours")).await;
        assert_eq!(own.status, StatusCode::CREATED, "{}", own.text);
        let made = rig.operate_as(all(), Method::POST, PLACE, &any).await.json();
        let (id, hash) = (made["config_name"].as_str().unwrap(), made["hash"].as_str().unwrap());
        for (method, path, body) in [
            (Method::POST, format!("{PLACE}/{id}/secret?hash={hash}"), &json!(null)),
            (Method::PUT, format!("{PLACE}/{id}?hash={hash}"), &config(json!({}))),
        ] {
            let refused = rig.operate(method, &path, body).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}: {}", refused.text);
        }
        let closed = rig.operate(Method::DELETE, &format!("{PLACE}/{id}?hash={hash}"), &json!(null)).await;
        assert_eq!(closed.status, StatusCode::OK, "it can always be closed: {}", closed.text);
    }

    /// A browser that changes its address asks for more than what is registered for a client, and never for less.
    async fn what_is_registered_is_the_least(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({"default_acr_values": ["AAL3_ANY"], "default_max_age": 240})).await;
        rig.register("rp-anew", &json!({"default_prompt": "login"})).await;
        let (card, app) = (rig.sign_in(ANN, "smartcard").await, rig.sign_in(ANN, "totp").await);
        let signs_in = async |change: &[(&str, &str)], session: &str| {
            rig.authorise(change, &[session]).await.location().starts_with("/sign-in/")
        };
        rig.pass(1);
        assert!(rig.authorise(&[], &[&card]).await.sent("code").is_some());
        for lower in ["AAL2_ANY", "AAL2_OR_AAL3_ANY"] {
            assert!(signs_in(&[("acr_values", lower)], &app).await, "{lower}");
            assert!(rig.authorise(&[("acr_values", lower)], &[&card]).await.sent("code").is_some(), "{lower}");
        }
        let unmet = rig.authorise(&[("acr_values", "AAL2_TOTP")], &[&app]).await;
        assert_eq!(unmet.sent_error().as_deref(), Some("unmet_authentication_requirements"));
        let claims = r#"{"id_token": {"acr": {"essential": true, "value": "AAL2_ANY"}}}"#;
        assert!(signs_in(&[("claims", claims)], &app).await);
        assert!(signs_in(&[("client_id", "rp-anew")], &card).await);
        assert!(signs_in(&[("client_id", "rp-anew"), ("prompt", "consent")], &card).await);
        let silent = rig.authorise(&[("client_id", "rp-anew"), ("prompt", "none")], &[&card]).await;
        assert_eq!(silent.sent_error().as_deref(), Some("login_required"));
        rig.pass(240);
        assert!(signs_in(&[("max_age", "80000")], &card).await);
        assert!(signs_in(&[], &card).await);
    }

    /// The requests of programs that speak to the Connection Manager of CIS2, with nothing in them that it does not know: a registration may
    /// ask for every scope of CIS2, is listed, read and replaced under its hash, and a replacement that names no scopes leaves them alone.
    async fn programs_of_the_connection_manager_go_on(db: Db) {
        let rig = Rig::new(db).await;
        let place = "/api/configs/larkfield";
        let config = json!({
            "client_name": "Larkfield Record", "description": "Records of Larkfield", "redirect_uris": [CALLBACK],
            "backchannel_logout_uri": "https://rp.example/logout", "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": "https://rp.example/jwks", "jwks_uri_signing_algorithm": "RS512"
        });
        let made = rig.operate(Method::POST, place, &json!({"config_name": "rp", "client_config": config})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        // By itself too, with the other way to prove who it is.
        let plain = json!({
            "client_name": "Larkfield Lists", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post"
        });
        let alone = rig.operate(Method::POST, place, &plain).await;
        assert_eq!((alone.status, alone.json()["client_secret"].is_string()), (StatusCode::CREATED, true), "{}", alone.text);
        let listed = rig.operate(Method::GET, place, &json!(null)).await.json();
        assert_eq!(listed["configs"].as_array().unwrap().len(), 2, "{listed}");
        let path = format!("{place}/rp");
        let shown = rig.operate(Method::GET, &path, &json!(null)).await.json();
        assert_eq!(shown["config_name"], "rp");
        for (member, value) in config.as_object().unwrap() {
            assert_eq!(&shown["client_config"][member], value, "{member}");
        }
        let session = rig.sign_in(ANN, "smartcard").await;
        let scopes = "openid profile email nhsperson nationalrbacaccess associatedorgs professionalmemberships \
                      organisationalmemberships";
        assert!(rig.authorise(&[("scope", scopes)], &[&session]).await.sent("code").is_some());
        let signing = rig.authorise(&[("scope", "openid service")], &[&session]).await;
        assert_eq!(signing.sent_error().as_deref(), Some("invalid_scope"), "none that CIS2 does not have");
        let put = async |hash: &str, config: &Value| {
            rig.operate(Method::PUT, &format!("{path}?hash={hash}"), &json!({"client_config": config})).await
        };
        let mut narrow = config.clone();
        narrow["scopes"] = json!(["openid"]);
        assert_eq!(put("0", &narrow).await.status, StatusCode::PRECONDITION_FAILED);
        let narrowed = put(shown["hash"].as_str().unwrap(), &narrow).await;
        assert_eq!(narrowed.status, StatusCode::OK, "{}", narrowed.text);
        let mut named = config.clone();
        named["client_name"] = json!("Larkfield Patient Record");
        let replaced = put(narrowed.json()["hash"].as_str().unwrap(), &named).await;
        assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text);
        assert_eq!(replaced.json()["client_config"]["scopes"], json!(["openid"]), "nothing is widened");
        assert_eq!(replaced.json()["client_config"]["client_name"], "Larkfield Patient Record");
        let same = rig.operate(Method::GET, &format!("{PLACE}/rp"), &json!(null)).await.json();
        assert_eq!(same["hash"], replaced.json()["hash"], "it is one registry");
        let odd = rig.operate(Method::POST, place, &json!({"client_config": {"client_title": "x"}})).await;
        assert_eq!((odd.status, odd.text.contains("client_title\"")), (StatusCode::BAD_REQUEST, false), "{}", odd.text);
        let others = rig.operate(Method::GET, "/api/configs/others", &json!(null)).await;
        assert_eq!(others.status, StatusCode::NOT_FOUND, "another team's");
    }
}
