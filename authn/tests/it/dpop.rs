//! Tokens that are bound to a key (RFC 9449) or to a certificate (RFC 8705): whoever steals one has nothing.

use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, CALLBACK, ISSUER, Pair, Rig, basic, request};

const TOKEN: (&str, &str) = ("POST", "https://id.example.org/token");
const USERINFO: (&str, &str) = ("GET", "https://id.example.org/userinfo");

/// Exchanges a code with a proof.
async fn exchange(rig: &Rig, secret: &str, code: &str, proof: &str) -> crate::rig::Answered {
    let pairs = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    rig.form("/token", &[("authorization", &basic("rp", secret)), ("dpop", proof)], &pairs).await
}

/// A token of the first person that is bound to a key.
async fn bound(rig: &Rig, pair: &Pair, config: &Value) -> String {
    let secret = rig.register("rp", config).await;
    let session = rig.sign_in(ANN, "smartcard").await;
    let code = rig.code(&[], &session).await;
    let given = exchange(rig, &secret, &code, &pair.proof(TOKEN, None, rig.now(), &json!({}))).await;
    assert_eq!(given.status, StatusCode::OK, "{}", given.text);
    assert_eq!(given.json()["token_type"], "DPoP");
    given.json()["access_token"].as_str().unwrap().to_owned()
}

platform::both_engines! {
    /// A bound token tells its person to whoever proves the key, each time anew, and to nobody else in no way.
    async fn a_stolen_token_is_worth_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let (pair, thief) = (Pair::p256(), Pair::p256());
        let token = bound(&rig, &pair, &json!({"introspection": "own"})).await;
        let proof = || pair.proof(USERINFO, Some(&token), rig.now(), &json!({}));
        let used = proof();
        assert_eq!(rig.userinfo_with(&token, &used).await.status, StatusCode::OK);
        assert_eq!(rig.userinfo_with(&token, &proof()).await.status, StatusCode::OK);
        let refused = async |proof: &str, why: &str| {
            let answered = rig.userinfo_with(&token, proof).await;
            assert_eq!(answered.status, StatusCode::UNAUTHORIZED, "{why}");
            let ways: Vec<&str> = answered.headers.get_all("www-authenticate").iter().map(|way| way.to_str().unwrap()).collect();
            assert!(ways.iter().any(|way| way.starts_with("DPoP error=")), "{why}: {ways:?}");
            answered.error()
        };
        assert_eq!(refused(&used, "the same proof again").await, "invalid_dpop_proof");
        assert_eq!(rig.twin().await.userinfo_with(&token, &used).await.status, StatusCode::UNAUTHORIZED, "on another machine");
        assert_eq!(refused(&thief.proof(USERINFO, Some(&token), rig.now(), &json!({})), "the thief's key").await, "invalid_token");
        for (change, why) in [
            (json!({"htm": "POST"}), "another method"),
            (json!({"htu": "https://id.example.org/token"}), "another place"),
            (json!({"htu": "https://rp.example/userinfo"}), "another server"),
            (json!({"ath": "x"}), "another token"),
            (json!({"ath": null}), "no token"),
            (json!({"iat": rig.now().seconds() - 61}), "long ago"),
            (json!({"iat": rig.now().seconds() + 60}), "not yet"),
        ] {
            assert_eq!(refused(&pair.proof(USERINFO, Some(&token), rig.now(), &change), why).await, "invalid_dpop_proof");
        }
        assert_eq!(refused("", "nothing").await, "invalid_dpop_proof");
        let twice = [("authorization", format!("DPoP {token}")), ("dpop", proof()), ("dpop", proof())];
        let twice: Vec<(&str, &str)> = twice.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(rig.get("/userinfo", &twice).await.status, StatusCode::UNAUTHORIZED, "two proofs");
        let bearer = rig.userinfo(&token).await;
        assert_eq!((bearer.status, bearer.error()), (StatusCode::UNAUTHORIZED, "invalid_token".to_owned()));
        let header = [("authorization", format!("Bearer {token}")), ("dpop", proof())];
        let header: Vec<(&str, &str)> = header.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(rig.get("/userinfo", &header).await.status, StatusCode::UNAUTHORIZED, "as bearer, with a proof");
        let posted = rig.form("/userinfo", &[], &[("access_token", &token)]).await;
        assert_eq!(posted.status, StatusCode::UNAUTHORIZED, "in a form");
        assert_eq!(rig.userinfo_with(&token, &proof()).await.status, StatusCode::OK, "the holder goes on");
    }

    /// A token that is bound to nothing is not taken as one that is, and introspection says to what one is bound.
    async fn bindings_are_told(db: Db) {
        let rig = Rig::new(db).await;
        let pair = Pair::p256();
        let token = bound(&rig, &pair, &json!({})).await;
        let server = rig.register("server", &json!({"introspection": "any"})).await;
        let header = basic("server", &server);
        let asked = async |token: &str| rig.form("/introspect", &[("authorization", &header)], &[("token", token)]).await.json();
        let worth = asked(&token).await;
        assert_eq!((worth["token_type"].clone(), worth["cnf"].clone()), (json!("DPoP"), json!({"jkt": pair.thumbprint()})));
        let free = rig.register("rp-free", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[("client_id", "rp-free")], &session).await;
        let pairs = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
        let given = rig.form("/token", &[("authorization", &basic("rp-free", &free))], &pairs).await.json();
        let unbound = given["access_token"].as_str().unwrap();
        assert_eq!((given["token_type"].clone(), asked(unbound).await.get("cnf")), (json!("Bearer"), None));
        let proof = pair.proof(USERINFO, Some(unbound), rig.now(), &json!({}));
        assert_eq!(rig.userinfo_with(unbound, &proof).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(rig.userinfo(unbound).await.status, StatusCode::OK);
    }

    /// A client that is registered for proofs gets nothing without one; a proof is used once, and a refusal costs no code.
    async fn proofs_are_demanded(db: Db) {
        let rig = Rig::new(db).await;
        let pair = Pair::p256();
        let secret = rig.register("rp", &json!({"access_token_binding": "dpop"})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        assert_eq!(rig.exchange(&secret, &code, &[]).await.error(), "invalid_dpop_proof");
        for change in [json!({"htm": "GET"}), json!({"htu": "https://id.example.org/userinfo"}), json!({"jti": ""})] {
            let refused = exchange(&rig, &secret, &code, &pair.proof(TOKEN, None, rig.now(), &change)).await;
            assert_eq!((refused.status.as_u16(), refused.error()), (400, "invalid_dpop_proof".to_owned()), "{change}");
        }
        let proof = pair.proof(TOKEN, None, rig.now(), &json!({}));
        let given = exchange(&rig, &secret, &code, &proof).await;
        assert_eq!(given.status, StatusCode::OK, "{}", given.text);
        let refresh = given.json()["refresh_token"].as_str().unwrap().to_owned();
        let refreshed = async |proof: &str| {
            let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
            rig.form("/token", &[("authorization", &basic("rp", &secret)), ("dpop", proof)], &pairs).await
        };
        assert_eq!(refreshed(&proof).await.error(), "invalid_dpop_proof", "the same proof again");
        let other = Pair::p256();
        let again = refreshed(&other.proof(TOKEN, None, rig.now(), &json!({}))).await.json();
        let token = again["access_token"].as_str().unwrap();
        let by = |pair: &Pair| pair.proof(USERINFO, Some(token), rig.now(), &json!({}));
        assert_eq!(rig.userinfo_with(token, &by(&other)).await.status, StatusCode::OK);
        assert_eq!(rig.userinfo_with(token, &by(&pair)).await.status, StatusCode::UNAUTHORIZED, "the key of before");
    }

    /// A client for which nonces are asked is told one, uses it for a while, and is told the next; nobody makes up their own.
    async fn nonces_are_ours(db: Db) {
        let rig = Rig::new(db).await;
        let pair = Pair::p256();
        let secret = rig.register("rp", &json!({"access_token_binding": "dpop", "dpop_nonce": "required"})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let ask = async |change: &Value| exchange(&rig, &secret, &code, &pair.proof(TOKEN, None, rig.now(), change)).await;
        let first = ask(&json!({})).await;
        assert_eq!((first.status.as_u16(), first.error()), (400, "use_dpop_nonce".to_owned()));
        let nonce = first.headers["dpop-nonce"].to_str().unwrap().to_owned();
        assert_eq!(ask(&json!({"nonce": "made-up"})).await.error(), "use_dpop_nonce");
        let given = ask(&json!({"nonce": nonce})).await;
        assert_eq!(given.status, StatusCode::OK, "{}", given.text);
        let token = given.json()["access_token"].as_str().unwrap().to_owned();
        let told = async |nonce: &str| {
            rig.userinfo_with(&token, &pair.proof(USERINFO, Some(&token), rig.now(), &json!({"nonce": nonce}))).await
        };
        assert_eq!(told(&nonce).await.status, StatusCode::OK);
        rig.pass(300);
        assert_eq!(told(&nonce).await.status, StatusCode::OK, "for a while longer");
        rig.pass(300);
        let next = told(&nonce).await;
        assert_eq!((next.status, next.error()), (StatusCode::UNAUTHORIZED, "use_dpop_nonce".to_owned()));
        let newer = next.headers["dpop-nonce"].to_str().unwrap().to_owned();
        assert_ne!(newer, nonce);
        let twin = rig.twin().await;
        let proof = pair.proof(USERINFO, Some(&token), rig.now(), &json!({"nonce": newer}));
        assert_eq!(twin.userinfo_with(&token, &proof).await.status, StatusCode::OK, "the same on another machine");
    }

    /// A code that was asked for with a key is exchanged with that key; whoever steals it on the way has nothing.
    async fn codes_are_bound_to_keys(db: Db) {
        let rig = Rig::new(db).await;
        let (pair, thief) = (Pair::p256(), Pair::p256());
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let thumbprint = pair.thumbprint();
        let code = rig.code(&[("dpop_jkt", &thumbprint)], &session).await;
        assert_eq!(rig.exchange(&secret, &code, &[]).await.error(), "invalid_grant");
        let stolen = exchange(&rig, &secret, &code, &thief.proof(TOKEN, None, rig.now(), &json!({}))).await;
        assert_eq!(stolen.error(), "invalid_grant");
        let given = exchange(&rig, &secret, &code, &pair.proof(TOKEN, None, rig.now(), &json!({}))).await;
        assert_eq!(given.status, StatusCode::OK, "{}", given.text);
        let wrong = rig.authorise(&[("dpop_jkt", "short")], &[&session]).await;
        assert_eq!(wrong.sent_error().as_deref(), Some("invalid_request"));
        // A pushed request says it by its proof.
        let query = request(&[]);
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let here = ("POST", "https://id.example.org/par");
        let (header, proof) = (basic("rp", &secret), pair.proof(here, None, rig.now(), &json!({})));
        let pushed = rig.form("/par", &[("authorization", &header), ("dpop", &proof)], &pairs).await.json();
        let uri: String = url::form_urlencoded::byte_serialize(pushed["request_uri"].as_str().unwrap().as_bytes()).collect();
        let back = rig.browse(&format!("/authorize?client_id=rp&request_uri={uri}"), &[&session]).await;
        let code = back.sent("code").unwrap();
        assert_eq!(rig.exchange(&secret, &code, &[]).await.error(), "invalid_grant");
        let other = thief.thumbprint();
        let named = [pairs.as_slice(), &[("dpop_jkt", other.as_str())]].concat();
        let proof = pair.proof(here, None, rig.now(), &json!({}));
        let two = rig.form("/par", &[("authorization", &header), ("dpop", &proof)], &named).await;
        assert_eq!(two.error(), "invalid_dpop_proof");
    }

    /// A token that is bound to a certificate is good on connections with that certificate and on no other.
    async fn tokens_are_bound_to_certificates(db: Db) {
        let rig = Rig::new(db).await;
        let pair = Pair::p256();
        let config = json!({
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [pair.jwk("1")]},
            "jwks_uri_signing_algorithm": "ES256", "access_token_binding": "tls"
        });
        rig.register("rp", &config).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let assertion = || pair.assertion("ES256", "1", rig.now(), &json!({"aud": ISSUER}));
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let one = assertion();
        let pairs = |assertion| [
            ("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK),
            ("client_assertion_type", kind), ("client_assertion", assertion),
        ];
        assert_eq!(rig.form("/token", &[], &pairs(&one)).await.error(), "invalid_request", "without a certificate");
        let two = assertion();
        let given = rig.form_over(b"certificate", "/token", &[], &pairs(&two)).await;
        assert_eq!(given.status, StatusCode::OK, "{}", given.text);
        let token = given.json()["access_token"].as_str().unwrap().to_owned();
        let header = format!("Bearer {token}");
        let shown = async |certificate: &[u8]| {
            rig.form_over(certificate, "/userinfo", &[("authorization", &header)], &[]).await.status
        };
        assert_eq!(shown(b"certificate").await, StatusCode::OK);
        assert_eq!(shown(b"another").await, StatusCode::UNAUTHORIZED);
        assert_eq!(rig.userinfo(&token).await.status, StatusCode::UNAUTHORIZED, "without a certificate");
    }
}
