//! The flows beside the contract: prompts, response modes, refresh, introspection, giving back, pushing, signing out.

use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, BEN, CALLBACK, CHALLENGE, ISSUER, Rig, VERIFIER, basic, part, request};

platform::both_engines! {
    /// `prompt` and `max_age` decide whether a session does, and `acr_values` which.
    async fn sessions_do_or_do_not(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let card = rig.sign_in(ANN, "smartcard").await;
        let app = rig.sign_in(ANN, "totp").await;
        let check = async |change: &[(&str, &str)], session: &str, expected: &str| {
            let answered = rig.authorise(change, &[session]).await;
            let location = answered.location();
            let found = answered.sent_error().unwrap_or_else(|| {
                if location.starts_with("/sign-in/") { "sign-in".to_owned() } else { "code".to_owned() }
            });
            assert_eq!(found, expected, "{change:?} {location}");
        };
        rig.pass(200);
        check(&[], &card, "code").await;
        check(&[("prompt", "none")], &card, "code").await;
        check(&[("prompt", "none")], "a=b", "login_required").await;
        check(&[("prompt", "login")], &card, "sign-in").await;
        check(&[("prompt", "select_account")], &card, "sign-in").await;
        check(&[("max_age", "300")], &card, "code").await;
        check(&[("max_age", "199")], &card, "sign-in").await;
        check(&[("max_age", "100"), ("prompt", "none")], &card, "login_required").await;
        check(&[], &app, "sign-in").await;
        check(&[("acr_values", "AAL2_OR_AAL3_ANY")], &app, "code").await;
        check(&[("acr_values", "AAL2_TOTP")], &card, "sign-in").await;
        check(&[("acr_values", "AAL3_IOS")], &card, "unmet_authentication_requirements").await;
        check(&[("scope", "openid everything-else")], &card, "code").await;
        check(&[("response_type", "token")], &card, "unsupported_response_type").await;
    }

    /// Whoever signs in anew goes on; whoever cancels goes back without a code.
    async fn signing_in_goes_on(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let begun = rig.authorise(&[("prompt", "login")], &[]).await;
        let (browser, onward) = (begun.cookie(), begun.location().replace("/sign-in/", "/authorize/continue/"));
        assert!(rig.browse(&onward, &[&browser]).await.location().starts_with("/sign-in/"), "nobody yet");
        rig.pass(5);
        let session = rig.sign_in(ANN, "platform-key").await;
        assert!(rig.browse(&onward, &[&browser, &session]).await.sent("code").is_some());
        let begun = rig.authorise(&[("prompt", "login")], &[]).await;
        let browser = begun.cookie();
        let onward = begun.location().replace("/sign-in/", "/authorize/continue/");
        let back = rig.browse(&format!("{onward}?cancelled"), &[&browser, &session]).await;
        assert_eq!((back.sent_error().as_deref(), back.sent("code")), (Some("access_denied"), None));
    }

    /// A request may be posted, and its answer too: as a page that sends itself, with nothing that can be injected.
    async fn forms_go_both_ways(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let query = request(&[("response_mode", "form_post"), ("state", "\"><script>alert(1)</script>")]);
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let posted = rig.form("/authorize", &[], &pairs).await;
        assert!(posted.location().starts_with("/authorize/continue/"), "{}", posted.location());
        let page = rig.browse(posted.location(), &[&posted.cookie(), &session]).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains(&format!("action=\"{CALLBACK}\"")) && page.text.contains("name=\"code\""), "{}", page.text);
        assert!(!page.text.contains("<script>alert"), "{}", page.text);
        assert!(page.headers["content-security-policy"].to_str().unwrap().contains("script-src 'sha256-"));
        assert_eq!(page.headers["cache-control"], "no-store");
    }

    /// A request that another site posts, for which the browser keeps its cookies to itself, takes nothing from a sign-in that is under
    /// way in the same browser; of very many the oldest go.
    async fn requests_do_not_take_each_others_place(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let first = rig.authorise(&[], &[]).await;
        let query = request(&[]);
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let second = rig.form("/authorize", &[], &pairs).await;
        let name = |cookie: &str| cookie.split('=').next().unwrap().to_owned();
        assert_ne!(name(&first.cookie()), name(&second.cookie()), "one does not overwrite the other");
        let session = rig.sign_in(ANN, "smartcard").await;
        let held = [first.cookie(), second.cookie(), session.clone()];
        let held: Vec<&str> = held.iter().map(String::as_str).collect();
        for onward in [first.location().replace("/sign-in/", "/authorize/continue/"), second.location().to_owned()] {
            let back = rig.browse(&onward, &held).await;
            assert!(back.sent("code").is_some(), "{onward}: {}", back.text);
            assert!(back.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"), "it is answered");
        }
        let mut held: Vec<String> = Vec::new();
        for _ in 0..8 {
            rig.pass(1);
            held.push(rig.authorise(&[], &[]).await.cookie());
        }
        let cookies: Vec<&str> = held.iter().map(String::as_str).collect();
        let ninth = rig.authorise(&[], &cookies).await;
        let gone = ninth.headers.get_all("set-cookie").iter().find(|field| field.to_str().unwrap().contains("Max-Age=0"));
        assert_eq!(name(gone.unwrap().to_str().unwrap()), name(&held[0]), "the oldest goes");
    }

    /// What a relying party was told of a sign-in stays as it was when it is told again, whatever its person signs in with later in
    /// the same session.
    async fn what_was_told_stays(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        let first = rig.verified(tokens["id_token"].as_str().unwrap()).await;
        rig.pass(300);
        let now = rig.now().0;
        rig.db.write(move |tx| Box::pin(async move {
            sqlx::query("UPDATE authn_session SET method = 'totp', authenticated_at = $1").bind(now).execute(&mut *tx).await?;
            Ok::<_, platform::db::Error>(())
        })).await.unwrap();
        let header = basic("rp", &secret);
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        let again = rig.form("/token", &[("authorization", &header)], &pairs).await.json();
        let second = rig.verified(again["id_token"].as_str().unwrap()).await;
        for claim in ["auth_time", "acr", "amr", "authentication_assurance_level", "sid"] {
            assert_eq!(first[claim], second[claim], "{claim}");
        }
        let access = again["access_token"].as_str().unwrap();
        let worth = rig.form("/introspect", &[("authorization", &header)], &[("token", access)]).await.json();
        assert_eq!((&worth["auth_time"], &worth["acr"]), (&first["auth_time"], &json!("AAL3_ANY")));
        // What is asked for from now on is held against the later sign-in.
        assert!(rig.authorise(&[], &[&session]).await.location().starts_with("/sign-in/"));
    }

    /// Signing out after the idle limit ends the session and what relying parties hold of it, and takes the cookie away; a request
    /// for which the browser kept its cookie to itself takes none away.
    async fn signing_out_ends_what_is_idle(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({"post_logout_redirect_uris": ["https://rp.example/bye"]})).await;
        let yes = [("confirmed", "yes")];
        for hinted in [false, true] {
            let session = rig.sign_in(ANN, "smartcard").await;
            let code = rig.code(&[], &session).await;
            let tokens = rig.exchange(&secret, &code, &[]).await.json();
            let access = tokens["access_token"].as_str().unwrap();
            rig.pass(16 * 60);
            assert!(rig.authorise(&[], &[&session]).await.location().starts_with("/sign-in/"), "it signs nobody in");
            assert_eq!(rig.userinfo(access).await.status, StatusCode::OK, "what is held of it goes on");
            let done = if hinted {
                let path = format!("/end-session?id_token_hint={}", tokens["id_token"].as_str().unwrap());
                rig.browse(&path, &[&session]).await
            } else {
                assert!(rig.browse("/end-session", &[&session]).await.text.contains("Do you want to sign out?"));
                rig.form("/end-session", &[("cookie", &session), ("origin", ISSUER)], &yes).await
            };
            assert!(done.text.contains("You are signed out"), "{}", done.text);
            let cookie = done.headers["set-cookie"].to_str().unwrap();
            assert!(cookie.starts_with("__Host-lanyard-session=;") && cookie.contains("Max-Age=0"), "{cookie}");
            assert_eq!(rig.userinfo(access).await.status, StatusCode::UNAUTHORIZED, "hinted: {hinted}");
        }
        assert_eq!(rig.recorded("session-ended").await, 2);
        let elsewhere = rig.form("/end-session", &[("origin", "https://evil.example")], &[("state", "s")]).await;
        assert_eq!(elsewhere.headers.get("set-cookie"), None);
    }

    /// Giving an access token back and taking a key into use are in the record, once each.
    async fn quiet_acts_are_recorded(db: Db) {
        let rig = Rig::new(db).await;
        assert_eq!(rig.recorded("token-key-taken").await, 4, "RS256 and PS256 of one key, ES256, EdDSA");
        let rig = rig.twin().await;
        assert_eq!(rig.recorded("token-key-taken").await, 4, "not again");
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        for _ in 0..2 {
            let given = [("token", tokens["access_token"].as_str().unwrap())];
            assert_eq!(rig.form("/revoke", &[("authorization", &basic("rp", &secret))], &given).await.status, StatusCode::OK);
        }
        assert_eq!((rig.recorded("token-given-back").await, rig.recorded("grant-ended").await), (1, 0));
    }

    /// A session that ended while nothing ran is told to those who had something of it, however long they are over.
    async fn what_ended_in_an_outage_is_told(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({"backchannel_logout_uri": "https://rp.example/logout"})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        rig.exchange(&secret, &code, &[]).await;
        rig.pass(30 * 3600);
        rig.provider.sweep().await.unwrap();
        assert_eq!(rig.recorded("session-ended").await, 1);
        let waiting: i64 = sqlx::query_scalar("SELECT CAST(COUNT(*) AS BIGINT) FROM authn_logout WHERE state = 'due'")
            .fetch_one(rig.db.read()).await.unwrap();
        assert_eq!(waiting, 1);
    }

    /// An answer may come in the fragment, where no server and no log sees it.
    async fn answers_come_in_the_fragment(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let back = rig.authorise(&[("response_mode", "fragment")], &[&session]).await;
        let (address, fragment) = back.location().split_once('#').unwrap();
        assert_eq!((address, back.sent("code")), (CALLBACK, None), "nothing in the query");
        let told: Vec<(String, String)> = url::form_urlencoded::parse(fragment.as_bytes()).into_owned().collect();
        let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["code", "state", "iss"]);
        assert_eq!(rig.exchange(&secret, &told[0].1, &[]).await.status, StatusCode::OK);
        let refused = rig.authorise(&[("response_mode", "fragment"), ("response_type", "token")], &[&session]).await;
        assert!(refused.location().contains("#error=unsupported_response_type"), "{}", refused.location());
    }

    /// An ID token that is shown as a hint names who is meant.
    async fn hints_name_somebody(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let (ann, ben) = (rig.sign_in(ANN, "smartcard").await, rig.sign_in(BEN, "smartcard").await);
        let code = rig.code(&[], &ann).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        let hint = tokens["id_token"].as_str().unwrap();
        // The hint may be older than its token is good for; both go on using their browsers.
        for _ in 0..12 {
            rig.pass(600);
            for who in [&ann, &ben] {
                assert!(rig.authorise(&[("prompt", "none")], &[who]).await.sent("code").is_some());
            }
        }
        assert!(rig.authorise(&[("prompt", "none"), ("id_token_hint", hint)], &[&ann]).await.sent("code").is_some());
        let other = rig.authorise(&[("prompt", "none"), ("id_token_hint", hint)], &[&ben]).await;
        assert_eq!(other.sent_error().as_deref(), Some("login_required"));
        assert!(rig.authorise(&[("id_token_hint", hint)], &[&ben]).await.location().starts_with("/sign-in/"));
        let wrong = rig.authorise(&[("id_token_hint", "a.b.c")], &[&ann]).await;
        assert_eq!(wrong.sent_error().as_deref(), Some("invalid_request"));
        // A `sub` that is demanded by claims names them as well, pushed or not, and no other beside the hint.
        let demand = |person: u64| json!({"id_token": {"sub": {"value": crate::rig::user(person)}}}).to_string();
        let (of_ann, of_ben) = (demand(ANN), demand(BEN));
        let silent = ("prompt", "none");
        assert!(rig.authorise(&[silent, ("claims", &of_ann), ("id_token_hint", hint)], &[&ann]).await.sent("code").is_some());
        let other = rig.authorise(&[silent, ("claims", &of_ann)], &[&ben]).await;
        assert_eq!((other.sent_error().as_deref(), other.sent("code")), (Some("login_required"), None));
        assert!(rig.authorise(&[("claims", &of_ann)], &[&ben]).await.location().starts_with("/sign-in/"));
        let two = rig.authorise(&[silent, ("claims", &of_ben), ("id_token_hint", hint)], &[&ben]).await;
        assert_eq!(two.sent_error().as_deref(), Some("invalid_request"));
        let query = request(&[silent, ("claims", &of_ann)]);
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for (session, signed_in) in [(&ann, true), (&ben, false)] {
            let pushed = rig.form("/par", &[("authorization", &basic("rp", &secret))], &pairs).await;
            let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
            let uri: String = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect();
            let back = rig.browse(&format!("/authorize?client_id=rp&request_uri={uri}"), &[session]).await;
            assert_eq!(back.sent("code").is_some(), signed_in, "{}", back.location());
        }
    }

    /// Refresh tokens change with each use; one that comes again ends all of them.
    async fn refresh_tokens_rotate(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[("scope", "openid profile"), ("nonce", "n")], &session).await;
        let first = rig.exchange(&secret, &code, &[]).await.json();
        let header = basic("rp", &secret);
        let refresh = async |token: &Value, scope: &str| {
            let pairs = [("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap()), ("scope", scope)];
            rig.form("/token", &[("authorization", &header)], &pairs).await
        };
        rig.pass(1000);
        let second = refresh(&first["refresh_token"], "").await;
        assert_eq!(second.status, StatusCode::OK, "{}", second.text);
        let second = second.json();
        let (before, after) = (part(first["id_token"].as_str().unwrap(), 1), rig.verified(second["id_token"].as_str().unwrap()).await);
        assert_eq!((before["auth_time"].clone(), before["sid"].clone()), (after["auth_time"].clone(), after["sid"].clone()));
        assert!(after.get("nonce").is_none());
        assert_eq!(refresh(&second["refresh_token"], "openid email").await.error(), "invalid_scope");
        let third = refresh(&second["refresh_token"], "openid").await.json();
        assert_eq!(third["scope"], "openid");
        let fourth = refresh(&third["refresh_token"], "").await.json();
        assert_eq!(fourth["scope"], "openid profile", "the grant stays what it was");
        assert_eq!(refresh(&second["refresh_token"], "").await.error(), "invalid_grant");
        assert_eq!(refresh(&fourth["refresh_token"], "").await.error(), "invalid_grant");
        assert_eq!(rig.userinfo(fourth["access_token"].as_str().unwrap()).await.status, StatusCode::UNAUTHORIZED);
    }

    /// A client that did not get an answer asks again with the refresh token that it has, within half a minute and while nobody has used
    /// what was given: that is worth nothing then. Too late, after that was used, or with what was given up, everything ends; and nobody else
    /// asks for it.
    async fn a_lost_answer_is_asked_for_again(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let other = rig.register("other", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let by = async |header: &str, token: &Value| {
            let pairs = [("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
            rig.form("/token", &[("authorization", header)], &pairs).await
        };
        let header = basic("rp", &secret);
        let begun = async || rig.exchange(&secret, &rig.code(&[], &session).await, &[]).await.json()["refresh_token"].clone();
        let is_good = async |given: &Value| rig.userinfo(given["access_token"].as_str().unwrap()).await.status == StatusCode::OK;

        let first = begun().await;
        let lost = by(&header, &first).await.json();
        rig.pass(29);
        assert_eq!(by(&basic("other", &other), &first).await.error(), "invalid_grant");
        let again = by(&header, &first).await;
        assert_eq!(again.status, StatusCode::OK, "{}", again.text);
        let again = again.json();
        assert!(is_good(&again).await && !is_good(&lost).await);
        let next = by(&header, &again["refresh_token"]).await.json();
        assert!(is_good(&next).await);
        assert_eq!(by(&header, &first).await.error(), "invalid_grant", "what was given for it was used");
        assert!(!is_good(&next).await && !is_good(&again).await);

        let first = begun().await;
        let lost = by(&header, &first).await.json();
        let twice = [by(&header, &first).await.json(), by(&header, &first).await.json()];
        assert!(is_good(&twice[1]).await && !is_good(&twice[0]).await, "the last one counts");
        assert_eq!(by(&header, &lost["refresh_token"]).await.error(), "invalid_grant", "it was given up: somebody else has it");
        assert!(!is_good(&twice[1]).await);

        let first = begun().await;
        let given = by(&header, &first).await.json();
        rig.pass(30);
        assert!(is_good(&given).await);
        assert_eq!(by(&header, &first).await.error(), "invalid_grant", "too late");
        assert!(!is_good(&given).await);
        assert_eq!(rig.recorded("grant-ended").await, 3);
    }

    /// A token says what it is worth to its client, to whoever may ask of all, and to nobody else; given back it is worth nothing.
    async fn tokens_are_asked_about_and_given_back(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let other = rig.register("other", &json!({})).await;
        let server = rig.register("server", &json!({"introspection": "any"})).await;
        let session = rig.sign_in(ANN, "passkey").await;
        let code = rig.code(&[("scope", "openid selectedrole"), ("acr_values", "AAL2_ANY")], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        let (access, fresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        let ask = async |client: &str, secret: &str, token: &str| {
            rig.form("/introspect", &[("authorization", &basic(client, secret))], &[("token", token)]).await.json()
        };
        let worth = ask("rp", &secret, access).await;
        assert_eq!((worth["active"].clone(), worth["client_id"].clone(), worth["acr"].clone()), (json!(true), json!("rp"), json!("AAL2_ANY")));
        assert_eq!(worth["iss"], ISSUER);
        assert_eq!(ask("server", &server, access).await["sub"], worth["sub"]);
        assert_eq!(ask("other", &other, access).await, json!({"active": false}));
        for (client, secret) in [("server", &server), ("other", &other)] {
            assert_eq!(ask(client, secret, fresh).await, json!({"active": false}), "a refresh token is shown to nobody");
        }
        assert_eq!(ask("rp", &secret, "nonsense").await, json!({"active": false}));
        let give_back = async |client: &str, secret: &str, token: &str| {
            rig.form("/revoke", &[("authorization", &basic(client, secret))], &[("token", token)]).await.status.as_u16()
        };
        assert_eq!(give_back("other", &other, access).await, 400);
        assert_eq!(give_back("rp", &secret, access).await, 200);
        assert_eq!(ask("rp", &secret, access).await, json!({"active": false}));
        assert_eq!(ask("rp", &secret, fresh).await["active"], true);
        assert_eq!(give_back("rp", &secret, fresh).await, 200);
        assert_eq!(ask("rp", &secret, fresh).await, json!({"active": false}));
        assert_eq!(give_back("rp", &secret, "nonsense").await, 200);
    }

    /// A request that was pushed is used once, by its client, and nothing in the browser's address changes it.
    async fn requests_are_pushed(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({"pkce": "required"})).await;
        rig.register("other", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let header = basic("rp", &secret);
        let query = request(&[("code_challenge", CHALLENGE), ("code_challenge_method", "S256"), ("nonce", "pushed")]);
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let pushed = rig.form("/par", &[("authorization", &header)], &pairs).await;
        assert_eq!((pushed.status.as_u16(), pushed.json()["expires_in"].clone()), (201, json!(90)));
        let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
        let go = async |client: &str, more: &str| {
            let uri: String = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect();
            rig.browse(&format!("/authorize?client_id={client}&request_uri={uri}{more}"), &[&session]).await
        };
        assert_eq!(go("other", "").await.status.as_u16(), 400);
        let back = go("rp", "&nonce=changed&redirect_uri=https%3A%2F%2Fevil.example").await;
        let code = back.sent("code").unwrap();
        assert!(back.location().starts_with(CALLBACK));
        assert_eq!(go("rp", "").await.status.as_u16(), 400, "once");
        let tokens = rig.exchange(&secret, &code, &[("code_verifier", VERIFIER)]).await.json();
        assert_eq!(rig.verified(tokens["id_token"].as_str().unwrap()).await["nonce"], "pushed");
        assert_eq!(rig.form("/par", &[("authorization", &header)], &[("response_type", "code")]).await.error(), "invalid_request");
        assert_eq!(rig.form("/par", &[], &pairs).await.status.as_u16(), 401);
    }

    /// Of the hint of a pushed request its person is kept, and no token; nobody names one beside the hint.
    async fn pushed_hints_keep_no_token(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let (ann, ben) = (rig.sign_in(ANN, "smartcard").await, rig.sign_in(BEN, "smartcard").await);
        let tokens = rig.exchange(&secret, &rig.code(&[], &ann).await, &[]).await.json();
        let hint = tokens["id_token"].as_str().unwrap();
        let stranger = crate::rig::user(BEN);
        let query = request(&[("prompt", "none"), ("id_token_hint", hint), ("hinted", &stranger)]);
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for (session, signed_in) in [(&ann, true), (&ben, false)] {
            let pushed = rig.form("/par", &[("authorization", &basic("rp", &secret))], &pairs).await;
            assert_eq!(pushed.status.as_u16(), 201, "{}", pushed.text);
            let rows: Vec<(String,)> = sqlx::query_as("SELECT parameters FROM authn_pushed").fetch_all(rig.db.read()).await.unwrap();
            assert!(!rows.is_empty() && rows.iter().all(|(kept,)| !kept.contains("eyJ")), "{rows:?}");
            let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
            let uri: String = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect();
            let back = rig.browse(&format!("/authorize?client_id=rp&request_uri={uri}"), &[session]).await;
            assert_eq!(back.sent("code").is_some(), signed_in, "{}", back.location());
        }
        assert!(rig.authorise(&[("prompt", "none"), ("hinted", &stranger)], &[&ann]).await.sent("code").is_some(), "it says nothing");
    }

    /// Algorithms are each client's own, for ID tokens and for userinfo.
    async fn algorithms_are_chosen(db: Db) {
        let rig = Rig::new(db).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        for (place, alg) in ["RS256", "PS256", "ES256", "EdDSA"].into_iter().enumerate() {
            let id = format!("rp-{place}");
            let config = json!({"id_token_signed_response_alg": alg, "userinfo_signed_response_alg": alg});
            let secret = rig.register(&id, &config).await;
            let code = rig.code(&[("client_id", &id), ("scope", "openid profile")], &session).await;
            let pairs = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
            let tokens = rig.form("/token", &[("authorization", &basic(&id, &secret))], &pairs).await.json();
            let token = tokens["id_token"].as_str().unwrap();
            assert_eq!(part(token, 0)["alg"], alg);
            let claims = rig.verified(token).await;
            let told = rig.userinfo(tokens["access_token"].as_str().unwrap()).await;
            assert_eq!(told.headers["content-type"], "application/jwt");
            let told = rig.verified(&told.text).await;
            assert_eq!((told["sub"].clone(), told["aud"].clone(), told["iss"].clone()), (claims["sub"].clone(), json!(id), json!(ISSUER)));
        }
    }

    /// Signing out asks first, unless the session's own ID token is shown; it goes back only where that is registered.
    async fn signing_out_asks(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({"post_logout_redirect_uris": ["https://rp.example/bye"]})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        let hint = tokens["id_token"].as_str().unwrap();
        let asked = rig.browse("/end-session", &[&session]).await;
        assert!(asked.text.contains("Do you want to sign out?"));
        let yes = [("confirmed", "yes")];
        let forged = rig.form("/end-session", &[("cookie", &session), ("origin", "https://evil.example")], &yes).await;
        assert_eq!(forged.status.as_u16(), 400);
        assert!(rig.authorise(&[], &[&session]).await.sent("code").is_some(), "still signed in");
        let strange = rig.browse(&format!("/end-session?id_token_hint={hint}&post_logout_redirect_uri=https%3A%2F%2Fevil.example"), &[&session]).await;
        assert_eq!((strange.status.as_u16(), strange.headers.get("location")), (400, None));
        let path = format!("/end-session?id_token_hint={hint}&post_logout_redirect_uri=https%3A%2F%2Frp.example%2Fbye&state=s");
        assert_eq!(rig.browse(&path, &[&session]).await.location(), "https://rp.example/bye?state=s");
        assert!(rig.authorise(&[], &[&session]).await.location().starts_with("/sign-in/"));
        assert_eq!(rig.userinfo(tokens["access_token"].as_str().unwrap()).await.status, StatusCode::UNAUTHORIZED);
        let another = rig.sign_in(ANN, "smartcard").await;
        let done = rig.form("/end-session", &[("cookie", &another), ("origin", ISSUER)], &yes).await;
        assert!(done.text.contains("You are signed out"), "{}", done.text);
        assert!(rig.authorise(&[], &[&another]).await.location().starts_with("/sign-in/"));
    }
}
