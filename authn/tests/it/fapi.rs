//! The FAPI 2.0 Security Profile, for clients that are registered for it.

use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, Answered, CALLBACK, CHALLENGE, ISSUER, Pair, Rig, VERIFIER, part, request};

const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

struct Strict {
    rig: Rig,
    pair: Pair,
}

impl Strict {
    async fn new(db: Db) -> Self {
        let rig = Rig::new(db).await;
        let pair = Pair::p256();
        let config = json!({
            "security_profile": "fapi2", "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [pair.jwk("1")]}, "jwks_uri_signing_algorithm": "ES256",
            "access_token_binding": "dpop", "id_token_signed_response_alg": "PS256"
        });
        rig.register("rp", &config).await;
        Self { rig, pair }
    }

    /// A form with an assertion for this audience, and with a proof where one is to be sent.
    async fn form(
        &self,
        path: &str,
        audience: &str,
        proof: Option<&Pair>,
        pairs: &[(&str, &str)],
    ) -> Answered {
        let now = self.rig.now();
        let assertion = self.pair.assertion("ES256", "1", now, &json!({"aud": audience}));
        let own = [("client_assertion_type", KIND), ("client_assertion", assertion.as_str())];
        let proof = proof.map(|pair| pair.proof(("POST", &format!("{ISSUER}{path}")), None, now, &json!({})));
        let headers: Vec<(&str, &str)> = proof.iter().map(|proof| ("dpop", proof.as_str())).collect();
        self.rig.form(path, &headers, &[&own, pairs].concat()).await
    }

    async fn push(&self, change: &[(&str, &str)]) -> Answered {
        let mut all = vec![("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
        all.extend_from_slice(change);
        let query = request(&all);
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.form("/par", ISSUER, None, &pairs).await
    }

    async fn code(&self, session: &str) -> Answered {
        let pushed = self.push(&[]).await;
        assert_eq!(pushed.status, StatusCode::CREATED, "{}", pushed.text);
        let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
        let uri: String = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect();
        self.rig.browse(&format!("/authorize?client_id=rp&request_uri={uri}"), &[session]).await
    }
}

platform::both_engines! {
    /// A request is pushed with a challenge, the code is exchanged with the verifier and a proof, and the answer says whose it is.
    async fn the_whole_way(db: Db) {
        let strict = Strict::new(db).await;
        let session = strict.rig.sign_in(ANN, "smartcard").await;
        let back = strict.code(&session).await;
        assert_eq!((back.status, back.sent("iss").as_deref()), (StatusCode::SEE_OTHER, Some(ISSUER)));
        let code = back.sent("code").unwrap();
        let pairs = [
            ("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER),
        ];
        let bare = strict.form("/token", ISSUER, None, &pairs).await;
        assert_eq!(bare.error(), "invalid_dpop_proof", "a token for whoever holds it");
        let key = Pair::p256();
        let given = strict.form("/token", ISSUER, Some(&key), &pairs).await;
        assert_eq!(given.status, StatusCode::OK, "{}", given.text);
        let tokens = given.json();
        assert_eq!(tokens["token_type"], "DPoP");
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(strict.rig.userinfo(token).await.status, StatusCode::UNAUTHORIZED);
        let proof = key.proof(("GET", "https://id.example.org/userinfo"), Some(token), strict.rig.now(), &json!({}));
        assert_eq!(strict.rig.userinfo_with(token, &proof).await.status, StatusCode::OK);
        // No rotation: the same refresh token again and again, each time by a client that proves who it is.
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        for _ in 0..2 {
            let again = strict.form("/token", ISSUER, Some(&key), &refresh).await;
            assert_eq!((again.status, again.json().get("refresh_token").cloned()), (StatusCode::OK, None), "{}", again.text);
        }
        let old = [("token", tokens["refresh_token"].as_str().unwrap())];
        assert_eq!(strict.form("/revoke", ISSUER, None, &old).await.status, StatusCode::OK);
        assert_eq!(strict.form("/token", ISSUER, Some(&key), &refresh).await.error(), "invalid_grant");
    }

    /// The same by certificates alone: the client proves who it is by its own, and what it gets is good on connections with that one and
    /// on no other, to the end of its refresh tokens.
    async fn the_whole_way_by_certificate(db: Db) {
        let rig = Rig::new(db).await;
        let config = json!({
            "security_profile": "fapi2", "token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=records",
            "access_token_binding": "tls", "id_token_signed_response_alg": "ES256"
        });
        rig.register("rp", &config).await;
        let own = ("records", b"certificate".as_slice());
        let other = ("others", b"another".as_slice());
        let session = rig.sign_in(ANN, "smartcard").await;
        let query = request(&[("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(rig.form_by(other, "/par", &pairs).await.error(), "invalid_client");
        let pushed = rig.form_by(own, "/par", &pairs).await;
        assert_eq!(pushed.status, StatusCode::CREATED, "{}", pushed.text);
        let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
        let uri: String = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect();
        let back = rig.browse(&format!("/authorize?client_id=rp&request_uri={uri}"), &[&session]).await;
        let code = back.sent("code").unwrap();
        let exchange = [
            ("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER),
            ("client_id", "rp"),
        ];
        assert_eq!(rig.form("/token", &[], &exchange).await.error(), "invalid_client", "without a certificate");
        assert_eq!(rig.form_by(other, "/token", &exchange).await.error(), "invalid_client");
        let given = rig.form_by(own, "/token", &exchange).await;
        assert_eq!(given.status, StatusCode::OK, "{}", given.text);
        let tokens = given.json();
        assert_eq!(tokens["token_type"], "Bearer");
        assert_eq!(part(tokens["id_token"].as_str().unwrap(), 0)["alg"], "ES256");
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap()), ("client_id", "rp")];
        assert_eq!(rig.form_by(other, "/token", &refresh).await.error(), "invalid_client");
        let again = rig.form_by(own, "/token", &refresh).await;
        assert_eq!((again.status, again.json().get("refresh_token").cloned()), (StatusCode::OK, None), "{}", again.text);
        for token in [&tokens["access_token"], &again.json()["access_token"]] {
            let token = token.as_str().unwrap();
            let header = format!("Bearer {token}");
            let shown = async |certificate: &[u8]| {
                rig.form_over(certificate, "/userinfo", &[("authorization", &header)], &[]).await.status
            };
            assert_eq!((shown(own.1).await, shown(other.1).await), (StatusCode::OK, StatusCode::UNAUTHORIZED));
            assert_eq!(rig.userinfo(token).await.status, StatusCode::UNAUTHORIZED, "without a certificate");
        }
    }

    /// What a browser brings without pushing it, a request without challenge, an assertion for another audience than the issuer, and
    /// a code after a minute are refused.
    async fn what_is_weaker_is_refused(db: Db) {
        let strict = Strict::new(db).await;
        let session = strict.rig.sign_in(ANN, "smartcard").await;
        let challenge = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
        let unpushed = strict.rig.authorise(&challenge, &[&session]).await;
        assert_eq!((unpushed.sent_error().as_deref(), unpushed.sent("code")), (Some("invalid_request"), None));
        assert_eq!(strict.push(&[("code_challenge", ""), ("code_challenge_method", "")]).await.error(), "invalid_request");
        assert_eq!(strict.push(&[("code_challenge_method", "plain")]).await.error(), "invalid_request");
        for audience in ["https://id.example.org/token", "https://id.example.org/par"] {
            let refused = strict.form("/par", audience, None, &[("response_type", "code")]).await;
            assert_eq!(refused.error(), "invalid_client", "{audience}");
        }
        let code = strict.code(&session).await.sent("code").unwrap();
        strict.rig.pass(60);
        let pairs = [
            ("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER),
        ];
        let late = strict.form("/token", ISSUER, Some(&Pair::p256()), &pairs).await;
        assert_eq!(late.error(), "invalid_grant");
    }

    /// A registration that is weaker than the profile is refused by its member.
    async fn weak_registrations_are_refused(db: Db) {
        let rig = Rig::new(db).await;
        let refused = async |change: Value| {
            let mut config = json!({
                "client_name": "A", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "tls_client_auth",
                "tls_client_auth_subject_dn": "CN=records", "security_profile": "fapi2", "access_token_binding": "tls",
                "id_token_signed_response_alg": "ES256"
            });
            for (name, value) in change.as_object().unwrap() {
                config[name] = value.clone();
            }
            let made = rig.operate(http::Method::POST, "/authn/configs/larkfield", &json!({"client_config": config})).await;
            (made.status.as_u16(), made.text)
        };
        assert_eq!(refused(json!({})).await.0, 201);
        for (change, member) in [
            (json!({"access_token_binding": "offered"}), "access_token_binding"),
            (json!({"id_token_signed_response_alg": "RS256"}), "id_token_signed_response_alg"),
            (json!({"token_endpoint_auth_method": "client_secret_basic"}), "access_token_binding"),
            (json!({"token_endpoint_auth_method": "client_secret_basic", "access_token_binding": "dpop"}), "token_endpoint_auth_method"),
        ] {
            assert!(matches!(refused(change.clone()).await, (400, text) if text.contains(member)), "{change}");
        }
    }
}
