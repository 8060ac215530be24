//! Access tokens that say themselves what they are worth: RFC 9068.

use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, CALLBACK, ISSUER, Pair, REALM, Rig, basic, part, user};

const RESOURCE: &str = "https://records.example/api";

/// The names of the published keys for RS256, in their order.
async fn kids(rig: &Rig) -> Vec<String> {
    let keys = rig.browse("/jwks", &[]).await.json();
    let named = keys["keys"].as_array().unwrap().iter().filter(|key| key["alg"] == "RS256");
    named.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

platform::both_engines! {
    /// A token key is rolled over by the configuration: the next one is published before it signs and the old one after, and what the old
    /// one signed is read until it is taken out.
    async fn token_keys_roll_over(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let signed = async |rig: &Rig| {
            let tokens = rig.exchange(&secret, &rig.code(&[], &session).await, &[]).await.json();
            let token = tokens["id_token"].as_str().unwrap().to_owned();
            rig.verified(&token).await;
            (part(&token, 0)["kid"].as_str().unwrap().to_owned(), token)
        };
        let silent = async |rig: &Rig, hint: &str| {
            rig.authorise(&[("prompt", "none"), ("id_token_hint", hint)], &[&session]).await
        };
        let (old, hint) = signed(&rig).await;
        let listed = rig.with_keys(&["id-token-rsa-1", "id-token-rsa-2"]).await;
        let both = kids(&listed).await;
        assert_eq!((both.len(), &both[0], signed(&listed).await.0), (2, &old, old.clone()), "the first signs, the next is there");
        let rolled = rig.with_keys(&["id-token-rsa-2", "id-token-rsa-1"]).await;
        let (new, fresh) = signed(&rolled).await;
        assert_eq!(kids(&rolled).await, [both[1].clone(), old.clone()]);
        assert_eq!(new, both[1]);
        assert!(silent(&rolled, &hint).await.sent("code").is_some(), "what the old one signed is read");
        assert!(silent(&listed, &fresh).await.sent("code").is_some(), "and by a machine that was not started anew what the new one did");
        let later = rig.with_keys(&["id-token-rsa-2"]).await;
        assert_eq!(kids(&later).await, [new.as_str()]);
        assert_eq!(silent(&later, &hint).await.sent_error().as_deref(), Some("invalid_request"), "it was taken out");
        assert!(silent(&later, &fresh).await.sent("code").is_some());
        assert_eq!(signed(&later).await.0, new);
    }

    /// Whoever asks for it gets access tokens that can be verified with the published keys; they are as good here as others, end as
    /// others do, and are taken for nothing else.
    async fn tokens_say_what_they_are_worth(db: Db) {
        let rig = Rig::new(db).await;
        let config = json!({"access_token_signed_response_alg": "ES256", "resources": [RESOURCE]});
        let secret = rig.register("rp", &config).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[("scope", "openid profile selectedrole")], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!((part(token, 0)["typ"].clone(), part(token, 0)["alg"].clone()), (json!("at+jwt"), json!("ES256")));
        let (told, id) = (rig.verified(token).await, rig.verified(tokens["id_token"].as_str().unwrap()).await);
        let expected = json!({
            "iss": ISSUER, "sub": user(ANN), "aud": ISSUER, "client_id": "rp", "iat": rig.now().seconds(),
            "exp": rig.now().seconds() + 3600, "jti": told["jti"], "scope": "openid profile selectedrole",
            "sid": id["sid"], "auth_time": id["auth_time"], "acr": "AAL3_ANY", "amr": id["amr"], "selected_roleid": id["selected_roleid"]
        });
        assert_eq!(told, expected);
        assert_eq!(id["at_hash"], crate::rig::half_hash(token));
        assert_eq!(rig.userinfo(token).await.status, StatusCode::OK);
        assert_eq!(rig.userinfo(told["jti"].as_str().unwrap()).await.status, StatusCode::UNAUTHORIZED, "its name is no token");
        let forged = Pair::p256().sign(&part(token, 0), &told);
        assert_eq!(rig.userinfo(&forged).await.status, StatusCode::UNAUTHORIZED);
        let hint = rig.authorise(&[("prompt", "none"), ("id_token_hint", token)], &[&session]).await;
        assert_eq!(hint.sent_error().as_deref(), Some("invalid_request"), "it is no ID token");
        let header = basic("rp", &secret);
        let asked = async || rig.form("/introspect", &[("authorization", &header)], &[("token", token)]).await.json();
        assert_eq!((asked().await["active"].clone(), asked().await["aud"].clone()), (json!(true), json!(ISSUER)));
        assert_eq!(rig.form("/revoke", &[("authorization", &header)], &[("token", token)]).await.status, StatusCode::OK);
        assert_eq!(asked().await, json!({"active": false}));
        assert_eq!(rig.userinfo(token).await.status, StatusCode::UNAUTHORIZED);
    }

    /// A token for somebody else is not taken here, and nobody gets one for whom they are not registered.
    async fn audiences_are_kept(db: Db) {
        let rig = Rig::new(db).await;
        let config = json!({"access_token_signed_response_alg": "RS256", "resources": [RESOURCE]});
        let secret = rig.register("rp", &config).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let wrong = rig.exchange(&secret, &code, &[("resource", "https://others.example/api")]).await;
        assert_eq!(wrong.error(), "invalid_target");
        let tokens = rig.exchange(&secret, &code, &[("resource", RESOURCE)]).await.json();
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(rig.verified(token).await["aud"], RESOURCE);
        assert_eq!(rig.userinfo(token).await.status, StatusCode::UNAUTHORIZED, "whoever it is for could show it");
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        let again = rig.form("/token", &[("authorization", &basic("rp", &secret))], &refresh).await.json();
        assert_eq!(rig.userinfo(again["access_token"].as_str().unwrap()).await.status, StatusCode::OK);
    }

    /// A system's own token names the system and the issuer that it asked, the plain one or that of the realm, and says to which key it is
    /// bound.
    async fn systems_have_them_too(db: Db) {
        let rig = Rig::new(db).await;
        let pair = Pair::p256();
        let config = json!({
            "grant_types": ["client_credentials"], "scopes": ["reports"], "redirect_uris": [],
            "access_token_signed_response_alg": "PS256", "access_token_binding": "dpop"
        });
        let secret = rig.register("rp", &config).await;
        let authorization = basic("rp", &secret);
        for (below, endpoint) in [("", "/token"), (REALM, "/access_token")] {
            let discovered = rig.browse(&format!("{below}/.well-known/openid-configuration"), &[]).await.json()["issuer"].clone();
            let path = format!("{below}{endpoint}");
            let proof = pair.proof(("POST", &format!("{ISSUER}{path}")), None, rig.now(), &json!({}));
            let headers = [("authorization", authorization.as_str()), ("dpop", proof.as_str())];
            let given = rig.form(&path, &headers, &[("grant_type", "client_credentials")]).await.json();
            let token = given["access_token"].as_str().unwrap();
            let told = rig.verified(token).await;
            assert_eq!((told["sub"].clone(), told["client_id"].clone(), told["scope"].clone()), (json!("rp"), json!("rp"), json!("reports")));
            assert_eq!((told["cnf"].clone(), told.get("sid")), (json!({"jkt": pair.thumbprint()}), None::<&Value>));
            assert_eq!((&told["iss"], &told["aud"]), (&discovered, &discovered), "{path}");
            let asked = rig.form("/introspect", &[("authorization", &authorization)], &[("token", token)]).await.json();
            assert_eq!((&asked["active"], &asked["iss"], &asked["aud"]), (&json!(true), &discovered, &discovered), "{path}");
        }
        let opaque = rig.register("rp-opaque", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[("client_id", "rp-opaque")], &session).await;
        let pairs = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
        let given = rig.form("/token", &[("authorization", &basic("rp-opaque", &opaque))], &pairs).await.json();
        assert!(!given["access_token"].as_str().unwrap().contains('.'), "nobody else gets one");
    }
}
