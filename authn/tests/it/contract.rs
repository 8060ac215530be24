//! What relying parties of CIS2 demand: the twelve points of the contract checklist, one test each.

use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{
    ANN, BEN, CALLBACK, CHALLENGE, ISSUER, Pair, REALM, Rig, SYSTEMS, Site, VERIFIER, basic, half_hash, part,
    request, user,
};

/// Everything that a sign-in by the CIS2 paths gives.
struct SignedIn {
    rig: Rig,
    tokens: Value,
    code: String,
    claims: Value,
}

/// Signs the first person in by the paths of CIS2.
async fn signed_in(rig: Rig, config: &Value, change: &[(&str, &str)]) -> SignedIn {
    let secret = rig.register("rp", config).await;
    let session = rig.sign_in(ANN, "smartcard").await;
    let back = rig.browse(&format!("{REALM}/authorize?{}", request(change)), &[&session]).await;
    let code = back.sent("code").unwrap_or_else(|| panic!("{}", back.location()));
    let pairs = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
    let path = format!("{REALM}/access_token");
    let answered = rig.form(&path, &[("authorization", &basic("rp", &secret))], &pairs).await;
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    let tokens = answered.json();
    let claims = rig.verified(tokens["id_token"].as_str().unwrap()).await;
    SignedIn { rig, tokens, code, claims }
}

platform::both_engines! {
    /// 1. The issuer says `:443`, in the document as in tokens and in the answer, and the document is found without it.
    async fn the_issuer_says_its_port(db: Db) {
        let rig = Rig::new(db).await;
        let document = rig.browse(&format!("{REALM}/.well-known/openid-configuration"), &[]).await.json();
        let issuer = format!("{ISSUER}:443{REALM}");
        assert_eq!(document["issuer"], issuer);
        assert_eq!(document["authorization_endpoint"], format!("{issuer}/authorize"));
        assert_eq!(document["token_endpoint"], format!("{issuer}/access_token"));
        assert_eq!(document["userinfo_endpoint"], format!("{issuer}/userinfo"));
        assert_eq!(document["jwks_uri"], format!("{issuer}/connect/jwk_uri"));
        assert_eq!(document["end_session_endpoint"], format!("{issuer}/connect/endSession"));
        assert!(document["acr_values_supported"].as_array().unwrap().contains(&json!("AAL3_ANY")));
        let plain = rig.browse("/.well-known/openid-configuration", &[]).await.json();
        assert_eq!((plain["issuer"].clone(), plain["token_endpoint"].clone()), (json!(ISSUER), json!(format!("{ISSUER}/token"))));
        let keys = rig.browse(&format!("{REALM}/connect/jwk_uri"), &[]).await;
        assert_eq!(keys.text, rig.browse("/jwks", &[]).await.text);
        let signed_in = signed_in(rig, &json!({}), &[]).await;
        assert_eq!(signed_in.claims["iss"], issuer);
    }

    /// 2 to 5. `aud` is one text; acr, amr, sid, at_hash and auth_time are there; levels are texts in both spellings; RS256 with a
    /// kid that is published with use and alg.
    async fn the_id_token_has_its_claims(db: Db) {
        let rig = Rig::new(db).await;
        let now = rig.now().seconds();
        let SignedIn { tokens, code, claims, .. } = signed_in(rig, &json!({}), &[("nonce", "n-1")]).await;
        let header = part(tokens["id_token"].as_str().unwrap(), 0);
        assert_eq!((header["alg"].clone(), header["typ"].clone()), (json!("RS256"), json!("JWT")));
        assert_eq!(claims["aud"], "rp");
        assert_eq!((claims["azp"].clone(), claims["sub"].clone(), claims["uid"].clone()), (json!("rp"), json!(user(ANN)), json!(user(ANN))));
        assert_eq!((claims["acr"].clone(), claims["amr"].clone()), (json!("AAL3_ANY"), json!(["CIS2_SMARTCARD"])));
        assert!(claims["sid"].as_str().is_some_and(|sid| !sid.is_empty()));
        assert_eq!(claims["at_hash"], half_hash(tokens["access_token"].as_str().unwrap()));
        assert_eq!(claims["c_hash"], half_hash(&code));
        assert_eq!(claims["s_hash"], half_hash("a-state"));
        assert_eq!((claims["auth_time"].clone(), claims["iat"].clone()), (json!(now), json!(now)));
        assert_eq!(claims["exp"], now + 3600);
        assert_eq!(claims["authentication_assurance_level"], "3");
        assert_eq!((claims["id_assurance_level"].clone(), claims["idassurancelevel"].clone()), (json!("3"), json!("3")));
        assert_eq!(claims["nonce"], "n-1");
        assert_eq!((tokens["token_type"].clone(), tokens["expires_in"].clone(), tokens["scope"].clone()), (json!("Bearer"), json!(3600), json!("openid")));
        // Nothing was asked for that would tell these.
        assert!(claims.get("selected_roleid").is_none() && claims.get("name").is_none() && claims.get("email").is_none());
    }

    /// 6. Nonce and proof key may be left out, and count where they are given.
    async fn nonce_and_proof_key_are_honoured(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        assert!(rig.verified(tokens["id_token"].as_str().unwrap()).await.get("nonce").is_none());
        let with = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256"), ("nonce", "n-2")];
        for (verifier, expected) in [(None, 400), (Some("x".repeat(43)), 400), (Some(VERIFIER.to_owned()), 200)] {
            let code = rig.code(&with, &session).await;
            let more: Vec<(&str, &str)> = verifier.iter().map(|text| ("code_verifier", text.as_str())).collect();
            assert_eq!(rig.exchange(&secret, &code, &more).await.status.as_u16(), expected, "{verifier:?}");
        }
        // A verifier where no challenge was: somebody took it out of the request.
        let code = rig.code(&[], &session).await;
        assert_eq!(rig.exchange(&secret, &code, &[("code_verifier", VERIFIER)]).await.error(), "invalid_grant");
    }

    /// 7. Assertions: every spelling of the audience, RS256 and RS512, a kid, less than thirty minutes, each once.
    async fn assertions_are_taken_as_cis2_takes_them(db: Db) {
        let rig = Rig::new(db).await;
        let pair = Pair::rsa();
        let keys = json!({"keys": [pair.jwk("a/b+c=")]});
        for alg in ["RS256", "RS512"] {
            let id = format!("rp-{}", alg.to_lowercase());
            let config = json!({
                "token_endpoint_auth_method": "private_key_jwt", "jwks": keys, "jwks_uri_signing_algorithm": alg,
                "grant_types": ["client_credentials"], "scopes": ["reports"], "redirect_uris": []
            });
            rig.register(&id, &config).await;
            // openid-client 4 named the issuer and the token endpoint in a list.
            for audience in [
                json!(format!("{ISSUER}/token")),
                json!(format!("{ISSUER}:443/token")),
                json!(format!("{ISSUER}{REALM}/access_token")),
                json!(format!("{ISSUER}:443{REALM}/access_token")),
                json!([format!("{ISSUER}:443{REALM}"), format!("{ISSUER}:443{REALM}/access_token")]),
            ] {
                let change = json!({"iss": id, "sub": id, "aud": audience, "exp": rig.now().seconds() + 1799});
                let assertion = pair.assertion(alg, "a/b+c=", rig.now(), &change);
                let pairs = [
                    ("grant_type", "client_credentials"),
                    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                    ("client_assertion", assertion.as_str()),
                ];
                let path = format!("{REALM}/access_token");
                let answered = rig.form(&path, &[], &pairs).await;
                assert_eq!((answered.status.as_u16(), answered.json()["scope"].clone()), (200, json!("reports")), "{audience}");
                let again = rig.form(&path, &[], &pairs).await;
                assert_eq!((again.status.as_u16(), again.error()), (401, "invalid_client".to_owned()));
                assert!(again.text.contains("jti"), "{}", again.text);
            }
        }
    }

    /// 8. Userinfo by GET and POST; its sub is the ID token's; lists of one stay lists.
    async fn userinfo_tells_what_was_granted(db: Db) {
        let rig = Rig::new(db).await;
        let scope = "openid profile email nhsperson nationalrbacaccess associatedorgs professionalmemberships organisationalmemberships";
        let SignedIn { rig, tokens, claims, .. } = signed_in(rig, &json!({}), &[("scope", scope)]).await;
        let access = tokens["access_token"].as_str().unwrap();
        let told = rig.userinfo(access).await;
        assert_eq!(told.status, StatusCode::OK, "{}", told.text);
        let header = format!("Bearer {access}");
        let path = format!("{REALM}/userinfo");
        assert_eq!(rig.form(&path, &[("authorization", &header)], &[]).await.text, told.text);
        assert_eq!(rig.form(&path, &[], &[("access_token", access)]).await.text, told.text);
        let told = told.json();
        for name in ["sub", "uid", "nhsid_useruid"] {
            assert_eq!(told[name], claims["sub"], "{name}");
        }
        assert_eq!((told["name"].clone(), claims["name"].clone()), (json!("Okafor Ada Dr"), json!("Okafor Ada Dr")));
        assert_eq!((told["given_name"].clone(), told["family_name"].clone()), (json!("Ada"), json!("Okafor")));
        assert_eq!((told["title"].clone(), told["initials"].clone(), told["display_name"].clone()), (json!("Dr"), json!("A"), json!("Dr Ada Okafor")));
        assert_eq!((told["email"].clone(), told["idassurancelevel"].clone()), (json!("ada@example.test"), json!("3")));
        for (name, number) in [
            ("gmc_id", "1234567"), ("nmc_id", "99I1234E"), ("gphc_id", "2012345"), ("gdc_id", "123456"), ("rcn_id", "7654321"),
            ("gmp_id", "G1234567"), ("gdp_id", "D123456"), ("consultant_id", "C1234567"),
        ] {
            assert_eq!(told[name], number, "{name}");
        }
        assert!(!told.to_string().contains("PH123456"), "{told}");
        assert_eq!(told["nhsid_user_orgs"], json!([{"org_name": "NORTHFIELD SURGERY 1", "org_code": "Z00001"}]));
        let roles = told["nhsid_nrbac_roles"].as_array().unwrap();
        assert_eq!(roles.len(), 1);
        assert_eq!((roles[0]["org_code"].clone(), roles[0]["role_code"].clone()), (json!("Z00001"), json!("S8000:G8000:R8000")));
        assert_eq!((roles[0]["activity_codes"].clone(), roles[0]["activities"].clone()), (json!(["B0420"]), json!(["B0420"])));
        assert_eq!(roles[0]["role_name"], r#""S8000":"G8000":"R8000""#);
        for id in ["person_orgid", "person_roleid"] {
            assert_eq!(roles[0][id].as_str().unwrap().len(), 12, "{id}");
        }
        assert_eq!(told["nhsid_org_memberships"][0]["person_orgid"], roles[0]["person_orgid"]);
        assert!(told["nhsid_org_roles"].is_array());
        // Whatever is told is in discovery.
        let document = rig.browse("/.well-known/openid-configuration", &[]).await.json();
        for name in told.as_object().unwrap().keys() {
            assert!(document["claims_supported"].as_array().unwrap().contains(&json!(name)), "{name}");
        }
    }

    /// 9. `selected_roleid` is a text whenever it was asked for: a role of the list whose organisation is among theirs, or empty.
    async fn the_selected_role_is_always_a_text(db: Db) {
        let rig = Rig::new(db).await;
        let scope = "openid nationalrbacaccess associatedorgs selectedrole";
        let SignedIn { rig, tokens, claims, .. } = signed_in(rig, &json!({}), &[("scope", scope)]).await;
        let told = rig.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
        let role = &told["nhsid_nrbac_roles"][0];
        assert_eq!(claims["selected_roleid"], role["person_roleid"]);
        assert_eq!(told["selected_roleid"], role["person_roleid"]);
        assert_eq!(told["nhsid_user_orgs"][0]["org_code"], role["org_code"]);
        let secret = rig.register("rp-2", &json!({"token_endpoint_auth_method": "client_secret_post"})).await;
        let session = rig.sign_in(BEN, "security-key").await;
        let code = rig.code(&[("client_id", "rp-2"), ("scope", "openid selectedrole")], &session).await;
        let pairs = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK),
            ("client_id", "rp-2"), ("client_secret", secret.as_str())];
        let tokens = rig.form("/token", &[], &pairs).await.json();
        let claims = rig.verified(tokens["id_token"].as_str().unwrap()).await;
        assert_eq!((claims["selected_roleid"].clone(), claims["amr"].clone()), (json!(""), json!(["FIDO2"])));
    }

    /// 10 and 11. The logout token comes as a form, is signed as ID tokens are and says whose session; 501 means that it is done.
    async fn logout_tokens_are_as_cis2_sends_them(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        let config = json!({"backchannel_logout_uri": site.url("/logout")});
        let SignedIn { rig, tokens, claims, .. } = signed_in(rig, &config, &[]).await;
        site.answer_logouts(501);
        rig.pass(60);
        let hint = tokens["id_token"].as_str().unwrap();
        let ended = rig.browse(&format!("{REALM}/connect/endSession?id_token_hint={hint}"), &[]).await;
        assert_eq!(ended.status, StatusCode::OK, "{}", ended.text);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1);
        let heard = site.heard();
        let (headers, body) = &heard[0];
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
        let token = body.strip_prefix("logout_token=").unwrap();
        let (head, of_id_token) = (part(token, 0), part(hint, 0));
        assert_eq!((head["alg"].clone(), head["kid"].clone()), (json!("RS256"), of_id_token["kid"].clone()));
        assert_eq!(head["typ"], "logout+jwt");
        let logout = rig.verified(token).await;
        assert_eq!((logout["iss"].clone(), logout["aud"].clone()), (claims["iss"].clone(), json!("rp")));
        assert_eq!((logout["sub"].clone(), logout["sid"].clone()), (claims["sub"].clone(), claims["sid"].clone()));
        assert!(logout["iat"].as_i64() >= claims["iat"].as_i64() && logout["exp"].as_i64() > logout["iat"].as_i64());
        assert!(logout["jti"].is_string() && logout.get("nonce").is_none());
        assert_eq!(logout["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
        rig.pass(3600);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 0, "501 is an answer");
        let log = rig.operate(http::Method::GET, "/authn/configs/larkfield/rp/logouts", &json!(null)).await.json();
        assert_eq!(log["deliveries"][0]["state"], "unknown-session");
    }

    /// 12. A key set that cannot be fetched, or has nothing in it, never takes the place of one that was there.
    async fn key_sets_that_fail_are_not_kept(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        let pair = Pair::p256();
        let config = json!({
            "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": site.url("/jwks"),
            "jwks_uri_signing_algorithm": "ES256", "grant_types": ["client_credentials"], "scopes": [], "redirect_uris": []
        });
        rig.register("rp", &config).await;
        let ask = async |kid: &str| {
            let assertion = pair.assertion("ES256", kid, rig.now(), &json!({}));
            let pairs = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion.as_str()),
            ];
            rig.form("/token", &[], &pairs).await.status.as_u16()
        };
        for (status, body) in [(500, "down".to_owned()), (200, r#"{"keys": []}"#.to_owned()), (404, String::new())] {
            site.publish(status, &body);
            assert_eq!(ask("1").await, 401, "{status} {body}");
            rig.pass(31);
        }
        site.publish_keys(&[pair.jwk("1")]);
        assert_eq!(ask("1").await, 200, "nothing of before was kept");
        let fetched = site.fetched();
        assert_eq!((ask("1").await, site.fetched()), (200, fetched));
        // It goes on while the site is down, and a new key is found as soon as it is published.
        site.publish(200, r#"{"keys": []}"#);
        rig.pass(3700);
        assert_eq!(ask("1").await, 200);
        rig.pass(31);
        site.publish_keys(&[pair.jwk("2")]);
        assert_eq!(ask("2").await, 200);
        assert_eq!(ask("1").await, 401, "what was taken out is no longer good");
        let fetched = site.fetched();
        for kid in ["3", "4", "5"] {
            assert_eq!(ask(kid).await, 401);
        }
        assert_eq!(site.fetched(), fetched, "strange names make nobody fetch again and again");
        site.publish(500, "");
        rig.pass(25 * 3600);
        assert_eq!(ask("2").await, 401, "after a day they are not believed any more");
    }

    /// Discovery says where connections are asked for a certificate, for each face.
    async fn discovery_says_where_certificates_are_asked_for(db: Db) {
        let rig = Rig::new(db).await;
        let plain = rig.browse("/.well-known/openid-configuration", &[]).await.json();
        let cis2 = rig.browse(&format!("{REALM}/.well-known/openid-configuration"), &[]).await.json();
        assert_eq!(plain["mtls_endpoint_aliases"]["token_endpoint"], format!("{SYSTEMS}/token"));
        assert_eq!(plain["mtls_endpoint_aliases"]["pushed_authorization_request_endpoint"], format!("{SYSTEMS}/par"));
        assert_eq!(cis2["mtls_endpoint_aliases"]["token_endpoint"], format!("{SYSTEMS}{REALM}/access_token"));
        let pair = Pair::p256();
        let config = json!({
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [pair.jwk("1")]},
            "jwks_uri_signing_algorithm": "ES256", "grant_types": ["client_credentials"], "scopes": [], "redirect_uris": []
        });
        rig.register("rp", &config).await;
        let assertion = pair.assertion("ES256", "1", rig.now(), &json!({"aud": format!("{SYSTEMS}/token")}));
        let pairs = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        assert_eq!(rig.form("/token", &[], &pairs).await.status.as_u16(), 200, "what it says is an audience");
    }
}
