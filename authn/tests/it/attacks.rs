//! What attackers and accidents do to a sign-in: each is refused, and what it could have got ends.

use http::StatusCode;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use serde_json::{Value, json};

use crate::rig::{ANN, BEN, CALLBACK, ISSUER, Pair, REALM, Rig, basic, close, part, request};

platform::both_engines! {
    /// A code that comes twice ends everything that it gave.
    async fn a_replayed_code_ends_what_it_gave(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        let access = tokens["access_token"].as_str().unwrap();
        assert_eq!(rig.userinfo(access).await.status, StatusCode::OK);
        let again = rig.exchange(&secret, &code, &[]).await;
        assert_eq!((again.status.as_u16(), again.error()), (400, "invalid_grant".to_owned()));
        assert_eq!(rig.userinfo(access).await.status, StatusCode::UNAUTHORIZED);
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        let refused = rig.form("/token", &[("authorization", &basic("rp", &secret))], &refresh).await;
        assert_eq!(refused.error(), "invalid_grant");
        assert_eq!(rig.recorded("grant-ended").await, 1);
    }

    /// Of two that use a code at the same moment one gets tokens, and in the end nobody has any.
    async fn a_code_is_not_used_twice_at_once(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let (one, two) = tokio::join!(rig.exchange(&secret, &code, &[]), rig.exchange(&secret, &code, &[]));
        let given: Vec<_> = [one, two].into_iter().filter(|answer| answer.status == StatusCode::OK).collect();
        assert_eq!((given.len(), rig.recorded("tokens-issued").await), (1, 1), "{given:?}");
        for answer in given {
            assert_eq!(rig.userinfo(answer.json()["access_token"].as_str().unwrap()).await.status, StatusCode::UNAUTHORIZED);
        }
    }

    /// A code is for its client, its address and its moment.
    async fn codes_are_bound(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let thief = rig.register("thief", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let pairs = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
        let stolen = rig.form("/token", &[("authorization", &basic("thief", &thief))], &pairs).await;
        assert_eq!(stolen.error(), "invalid_grant");
        let elsewhere = [pairs[0], pairs[1], ("redirect_uri", "https://rp.example/other")];
        let header = basic("rp", &secret);
        assert_eq!(rig.form("/token", &[("authorization", &header)], &elsewhere).await.error(), "invalid_grant");
        assert_eq!(rig.form("/token", &[("authorization", &header)], &pairs).await.status, StatusCode::OK);
        let late = rig.code(&[], &session).await;
        rig.pass(60);
        assert_eq!(rig.exchange(&secret, &late, &[]).await.error(), "invalid_grant");
    }

    /// An address that is not registered, and a client that is not, get a page and no redirect; the owner finds it in the list.
    async fn nothing_is_sent_to_strangers(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        for (name, value) in [
            ("redirect_uri", "https://evil.example/callback"),
            ("redirect_uri", "https://rp.example/callback/"),
            ("redirect_uri", "https://rp.example/callback?x"),
            ("redirect_uri", "https://rp.example/callback/../evil"),
            ("redirect_uri", "https://rp.example@evil.example/callback"),
            ("redirect_uri", "javascript:alert(1)"),
            ("redirect_uri", ""),
            ("client_id", "nobody"),
            ("client_id", ""),
            ("client_id", "<script>"),
        ] {
            let page = rig.authorise(&[(name, value)], &[&session]).await;
            assert_eq!((page.status.as_u16(), page.headers.get("location")), (400, None), "{name} {value}");
            assert!(!page.text.contains("evil") && !page.text.contains("<script>"), "{}", page.text);
            assert_eq!(page.headers["x-frame-options"], "DENY");
            assert!(page.headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
        }
        let twice = format!("/authorize?{}&redirect_uri=https%3A%2F%2Fevil.example", request(&[]));
        assert_eq!(rig.browse(&twice, &[&session]).await.status.as_u16(), 400);
        let list = rig.operate(http::Method::GET, "/authn/configs/larkfield/rp/failures", &json!(null)).await.json();
        assert_eq!(list["failures"].as_array().unwrap().len(), 7);
        assert!(list["failures"].as_array().unwrap().iter().all(|one| one["failed"] == "redirect-uri"));
    }

    /// The address of somebody's waiting request is worth nothing in another browser, and once answered nothing at all.
    async fn a_request_belongs_to_its_browser(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let begun = rig.authorise(&[], &[]).await;
        assert_eq!(begun.status, StatusCode::SEE_OTHER);
        let secret = begun.location().strip_prefix("/sign-in/").unwrap().to_owned();
        let (browser, onward) = (begun.cookie(), format!("/authorize/continue/{secret}"));
        let victim = rig.sign_in(ANN, "smartcard").await;
        assert_eq!(rig.browse(&onward, &[&victim]).await.status.as_u16(), 400, "sent to somebody else");
        let other = rig.authorise(&[], &[]).await.cookie();
        assert_eq!(rig.browse(&onward, &[&other, &victim]).await.status.as_u16(), 400);
        let back = rig.browse(&onward, &[&browser, &victim]).await;
        assert!(back.location().starts_with(CALLBACK), "{}", back.location());
        assert_eq!((back.sent("state").as_deref(), back.sent("iss").as_deref()), (Some("a-state"), Some("https://id.example.org")));
        assert_eq!(rig.browse(&onward, &[&browser, &victim]).await.status.as_u16(), 400, "answered before");
        let begun = rig.authorise(&[], &[]).await;
        let (browser, late) = (begun.cookie(), begun.location().replace("/sign-in/", "/authorize/continue/"));
        rig.pass(601);
        assert_eq!(rig.browse(&late, &[&browser, &victim]).await.status.as_u16(), 400, "over");
    }

    /// No header chooses how a signature is verified: no shared secret, no `none`, no key of its own, no name that is a path.
    async fn headers_choose_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let (pair, attacker) = (Pair::rsa(), Pair::rsa());
        let config = json!({
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [pair.jwk("1")]},
            "jwks_uri_signing_algorithm": "RS256", "grant_types": ["client_credentials"], "scopes": [], "redirect_uris": []
        });
        rig.register("rp", &config).await;
        let ask = async |assertion: String| {
            let pairs = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion.as_str()),
            ];
            rig.form("/token", &[], &pairs).await.status.as_u16()
        };
        let claims = || crate::rig::claims(rig.now(), &json!({}));
        let good = pair.sign(&json!({"alg": "RS256", "kid": "1"}), &claims());
        let unsigned = |header: Value| {
            let text = pair.sign(&json!({"alg": "RS256", "kid": "1"}), &claims());
            let parts: Vec<&str> = text.split('.').collect();
            let head = attacker.sign(&header, &json!({}));
            (head.split('.').next().unwrap().to_owned(), parts[1].to_owned())
        };
        for header in [json!({"alg": "none", "kid": "1"}), json!({"alg": "NONE", "kid": "1"})] {
            let (head, body) = unsigned(header);
            assert_eq!(ask(format!("{head}.{body}.")).await, 401);
            assert_eq!(ask(format!("{head}.{body}.AAAA")).await, 401);
        }
        // The public key as a shared secret, in each form in which somebody has it.
        for secret in pair.public_forms() {
            let (head, body) = unsigned(json!({"alg": "HS256", "kid": "1"}));
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
            let tag = aws_lc_rs::hmac::sign(&key, format!("{head}.{body}").as_bytes());
            assert_eq!(ask(format!("{head}.{body}.{}", base64(tag.as_ref()))).await, 401);
        }
        for header in [
            json!({"alg": "RS256", "kid": "1", "jwk": attacker.jwk("1")}),
            json!({"alg": "RS256", "kid": "1", "jku": "https://evil.example/jwks"}),
            json!({"alg": "RS256", "kid": "../../jwks"}),
            json!({"alg": "RS256", "kid": "1' OR '1'='1"}),
            json!({"alg": "RS256", "kid": "https://evil.example/jwks#1"}),
        ] {
            assert_eq!(ask(attacker.sign(&header, &claims())).await, 401, "{header}");
        }
        // The right key in another algorithm than the registered one.
        assert_eq!(ask(pair.sign(&json!({"alg": "PS256", "kid": "1"}), &claims())).await, 401);
        assert_eq!(ask(pair.sign(&json!({"alg": "RS256", "kid": "1", "crit": ["b64"], "b64": false}), &claims())).await, 401);
        assert_eq!(ask("a".repeat(20_000)).await, 401);
        assert_eq!(ask(good.clone()).await, 200);
        assert_eq!(ask(good).await, 401, "each assertion once");
    }

    /// What begins at one issuer does not go on at the other: neither a code nor a refresh token is taken there, and nothing is lost by it.
    async fn issuers_are_kept_apart(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let header = basic("rp", &secret);
        let (plain, realm) = ("/token".to_owned(), format!("{REALM}/access_token"));
        for (begins, own, other, issuer) in [
            (String::new(), &plain, &realm, ISSUER.to_owned()),
            (REALM.to_owned(), &realm, &plain, format!("{ISSUER}:443{REALM}")),
        ] {
            let back = rig.browse(&format!("{begins}/authorize?{}", request(&[])), &[&session]).await;
            let code = back.sent("code").unwrap();
            let pairs = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
            let refused = rig.form(other, &[("authorization", &header)], &pairs).await;
            assert_eq!((refused.status, refused.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"), "{begins}");
            let tokens = rig.form(own, &[("authorization", &header)], &pairs).await.json();
            assert_eq!(part(tokens["id_token"].as_str().unwrap(), 1)["iss"], issuer.as_str());
            let pairs = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
            assert_eq!(rig.form(other, &[("authorization", &header)], &pairs).await.error(), "invalid_grant", "{begins}");
            let fresh = rig.form(own, &[("authorization", &header)], &pairs).await;
            assert_eq!(fresh.status, StatusCode::OK, "{}", fresh.text);
            assert_eq!(part(fresh.json()["id_token"].as_str().unwrap(), 1)["iss"], issuer.as_str());
        }
        assert_eq!(rig.recorded("grant-ended").await, 0);
    }

    /// A process that dies between the code and the token loses nothing: another one gives the tokens, once.
    async fn a_node_dies_between_code_and_token(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let begun = rig.authorise(&[], &[]).await;
        let code = rig.code(&[], &session).await;
        let twin = rig.twin().await;
        drop(rig);
        let tokens = twin.exchange(&secret, &code, &[]).await;
        assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
        assert_eq!(twin.userinfo(tokens.json()["access_token"].as_str().unwrap()).await.status, StatusCode::OK);
        assert_eq!(twin.exchange(&secret, &code, &[]).await.error(), "invalid_grant");
        // And whoever was about to sign in goes on there.
        let onward = begun.location().replace("/sign-in/", "/authorize/continue/");
        assert!(twin.browse(&onward, &[&begun.cookie(), &session]).await.sent("code").is_some());
    }

    /// Whoever has left gets no code and no token, and what relying parties hold of them tells nothing any more.
    async fn leavers_get_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(BEN, "smartcard").await;
        let (held, waiting) = (rig.code(&[], &session).await, rig.code(&[], &session).await);
        let tokens = rig.exchange(&secret, &held, &[]).await.json();
        close(&rig.db, BEN).await;
        assert_eq!(rig.exchange(&secret, &waiting, &[]).await.error(), "invalid_grant");
        assert_eq!(rig.recorded("session-ended").await, 1, "whoever has left is signed out by that");
        assert_eq!(rig.userinfo(tokens["access_token"].as_str().unwrap()).await.status, StatusCode::UNAUTHORIZED);
        let header = basic("rp", &secret);
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        assert_eq!(rig.form("/token", &[("authorization", &header)], &refresh).await.error(), "invalid_grant");
        assert_eq!(rig.authorise(&[], &[&session]).await.sent("code"), None);
    }

    /// An ID token is not taken for an access token, a logout, or an assertion, and what an attacker signed is none.
    async fn tokens_are_not_mixed_up(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        let (id_token, refresh) = (tokens["id_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        assert_eq!(rig.userinfo(id_token).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(rig.userinfo(refresh).await.status, StatusCode::UNAUTHORIZED);
        let header = basic("rp", &secret);
        let as_refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["access_token"].as_str().unwrap())];
        assert_eq!(rig.form("/token", &[("authorization", &header)], &as_refresh).await.error(), "invalid_grant");
        let forged = Pair::rsa().sign(&part(id_token, 0), &part(id_token, 1));
        let page = rig.browse(&format!("/end-session?id_token_hint={forged}"), &[&session]).await;
        assert!(page.text.contains("Do you want to sign out?"), "{}", page.text);
        assert_eq!(rig.browse(&format!("/end-session?id_token_hint={forged}"), &[]).await.status.as_u16(), 400);
        assert!(rig.authorise(&[], &[&session]).await.sent("code").is_some(), "still signed in");
    }
}

/// A text that says of itself that it is a token, in every place where one is taken.
async fn everywhere(rig: &Rig, session: &str, secret: &str, text: &str) -> Vec<u16> {
    let assertion = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", text),
    ];
    let header = basic("rp", secret);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", text)];
    let about = [("token", text)];
    let hint = rig.authorise(&[("prompt", "none"), ("id_token_hint", text)], &[session]).await;
    assert_eq!(hint.sent("code"), None, "{text:.80}");
    let told = rig.form("/introspect", &[("authorization", &header)], &about).await;
    assert!(!told.text.contains("\"active\":true"), "{text:.80}");
    let path = format!("/end-session?id_token_hint={text}");
    let asked = rig.browse(&path, &[session]).await;
    assert!(!asked.text.contains("You are signed out"), "{text:.80}");
    vec![
        rig.form("/token", &[], &assertion).await.status.as_u16(),
        rig.form("/token", &[("authorization", &header)], &refresh).await.status.as_u16(),
        rig.userinfo(text).await.status.as_u16(),
        rig.browse(&path, &[]).await.status.as_u16(),
    ]
}

/// Tokens within tokens, claims without end, encrypted ones, and ones that are huge are refused wherever a token is taken, also when
/// who signed them may sign; whoever is right comes in afterwards.
#[tokio::test]
async fn huge_and_nested_tokens_are_refused() {
    let test = TestDb::new(Engine::Sqlite).await;
    let rig = Rig::new(test.db.clone()).await;
    let secret = rig.register("rp", &json!({})).await;
    let session = rig.sign_in(ANN, "smartcard").await;
    let pair = Pair::rsa();
    let config = json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [pair.jwk("1")]},
        "jwks_uri_signing_algorithm": "RS256", "grant_types": ["client_credentials"], "scopes": [], "redirect_uris": []
    });
    rig.register("by-key", &config).await;
    let change = json!({"iss": "by-key", "sub": "by-key"});
    let claims = || crate::rig::claims(rig.now(), &change);
    let header = json!({"alg": "RS256", "kid": "1"});
    let good = pair.sign(&header, &claims());
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        pair.sign(&header, &claims)
    };
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let nested = pair.sign(&json!({"alg": "RS256", "kid": "1", "cty": "JWT"}), &json!(good));
    let parts: Vec<&str> = good.split('.').collect();
    for text in [
        nested,
        with("deep", deep.clone()),
        with("long", json!("x".repeat(20_000))),
        pair.sign(&json!({"alg": "RS256", "kid": "1", "deep": deep}), &claims()),
        pair.sign(&json!({"alg": "RS256", "kid": "1", "x5c": vec!["A".repeat(2_000); 10]}), &claims()),
        pair.sign(&json!({"alg": "RS256", "kid": "1".repeat(20_000)}), &claims()),
        format!(
            "{}.{}.{}.{}.{}",
            base64(b"{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\"}"),
            parts[0],
            parts[1],
            parts[2],
            parts[0]
        ),
        format!("{good}.{good}"),
        ".".repeat(20_000),
        "A".repeat(60_000),
    ] {
        let statuses = everywhere(&rig, &session, &secret, &text).await;
        assert!(statuses.iter().all(|status| [400, 401, 413].contains(status)), "{statuses:?} {text:.80}");
    }
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", good.as_str()),
    ];
    assert_eq!(rig.form("/token", &[], &pairs).await.status, StatusCode::OK);
    assert!(rig.authorise(&[], &[&session]).await.sent("code").is_some(), "still signed in");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
