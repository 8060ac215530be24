//! Exchanging tokens of others (RFC 8693): no more than was granted, no longer, no further than registered, and never unseen.

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, Answered, CALLBACK, Pair, Rig, assign, basic, close, part, user};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// What the gateway is registered with.
fn gateway() -> Value {
    json!({
        "grant_types": [GRANT], "redirect_uris": [], "scopes": ["openid", "profile", "records:read", "nationalrbacaccess"],
        "token_exchanges": [
            {"subject_clients": ["rp"], "subject_token_types": [ACCESS_TOKEN], "scopes": ["openid", "profile", "records:read"],
                "audiences": ["https://records.example"]},
            {"subject_clients": ["rp"], "subject_token_types": [ID_TOKEN], "scopes": ["profile", "records:read"]},
        ]
    })
}

struct Site {
    rig: Rig,
    gateway: String,
    secret: String,
    tokens: Value,
}

impl Site {
    async fn new(db: Db, scope: &str) -> Self {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let gateway = rig.register("gateway", &gateway()).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[("scope", scope)], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        Self { rig, gateway, secret, tokens }
    }

    fn access(&self) -> &str {
        self.tokens["access_token"].as_str().unwrap()
    }

    fn id_token(&self) -> &str {
        self.tokens["id_token"].as_str().unwrap()
    }

    async fn exchange(&self, token: &str, kind: &str, more: &[(&str, &str)]) -> Answered {
        let pairs = [("grant_type", GRANT), ("subject_token", token), ("subject_token_type", kind)];
        let header = basic("gateway", &self.gateway);
        self.rig.form("/token", &[("authorization", &header)], &[pairs.as_slice(), more].concat()).await
    }

    async fn asked(&self, token: &str) -> Value {
        let header = basic("gateway", &self.gateway);
        self.rig.form("/introspect", &[("authorization", &header)], &[("token", token)]).await.json()
    }
}

/// The form with which an access token is exchanged.
fn exchanging(token: &str) -> [(&str, &str); 3] {
    [("grant_type", GRANT), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)]
}

/// The tokens of somebody who signs in for any level and acts in the role of this place on the page, which asks anew.
async fn acting(rig: &Rig, secret: &str, session: &str, place: usize) -> Value {
    let change = [("scope", "openid changedrole"), ("acr_values", "AAL2_OR_AAL3_ANY")];
    let page = rig.authorise(&change, &[session]).await;
    let role =
        page.text.split("name=\"role\" value=\"").nth(place + 1).unwrap_or_else(|| panic!("{}", page.text))
            [..12]
            .to_owned();
    let onward = page.text.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let cookies = format!("{}; {session}", page.cookie());
    let back = rig.form(&onward, &[("cookie", &cookies)], &[("role", &role)]).await;
    rig.exchange(secret, &back.sent("code").unwrap(), &[]).await.json()
}

platform::both_engines! {
    /// A token that was shown becomes one for less, for whoever is registered; it says for whom and by whom, and ends with the first.
    async fn tokens_are_exchanged(db: Db) {
        let site = Site::new(db, "openid profile").await;
        site.rig.pass(600);
        let given = site.exchange(site.access(), ACCESS_TOKEN, &[("scope", "profile"), ("audience", "https://records.example")]).await;
        assert_eq!(given.status, StatusCode::OK, "{}", given.text);
        let told = given.json();
        assert_eq!((told["issued_token_type"].clone(), told["scope"].clone()), (json!(ACCESS_TOKEN), json!("profile")));
        assert!(told.get("refresh_token").is_none() && told.get("id_token").is_none());
        assert_eq!(told["expires_in"], 3000, "no longer than the first");
        let worth = site.asked(told["access_token"].as_str().unwrap()).await;
        assert_eq!((worth["sub"].clone(), worth["client_id"].clone()), (json!(user(ANN)), json!("gateway")));
        assert_eq!((worth["act"].clone(), worth["aud"].clone()), (json!({"sub": "gateway"}), json!("https://records.example")));
        let token = told["access_token"].as_str().unwrap();
        let header = basic("rp", &site.secret);
        let pairs = [("token", site.tokens["refresh_token"].as_str().unwrap())];
        assert_eq!(site.rig.form("/revoke", &[("authorization", &header)], &pairs).await.status, StatusCode::OK);
        assert_eq!(site.asked(token).await, json!({"active": false}));
        assert_eq!(site.rig.recorded("tokens-issued").await, 2);
    }

    /// What a client got by an exchange ends with the client, though it lies under a grant that goes on.
    async fn exchanged_tokens_end_with_their_client(db: Db) {
        let site = Site::new(db, "openid profile").await;
        let rig = &site.rig;
        let server = basic("server", &rig.register("server", &json!({"introspection": "any"})).await);
        let next = basic("next", &rig.register("next", &json!({
            "grant_types": [GRANT], "redirect_uris": [], "scopes": ["openid", "profile"],
            "token_exchanges": [{"subject_clients": ["gateway", "plain", "rp"], "subject_token_types": [ACCESS_TOKEN], "scopes": ["openid", "profile"]}]
        })).await);
        let mut config = gateway();
        config["token_exchanges"][0]["audiences"] = json!([]);
        let own = basic("plain", &rig.register("plain", &config).await);
        let given = [
            site.exchange(site.access(), ACCESS_TOKEN, &[]).await.json()["access_token"].as_str().unwrap().to_owned(),
            rig.form("/token", &[("authorization", &own)], &exchanging(site.access())).await.json()["access_token"].as_str().unwrap().to_owned(),
        ];
        let active = async |token: &str| {
            rig.form("/introspect", &[("authorization", &server)], &[("token", token)]).await.json()["active"].clone()
        };
        let handed_on = async |token: &str| rig.form("/token", &[("authorization", &next)], &exchanging(token)).await.error();
        assert_eq!((active(&given[0]).await, active(&given[1]).await), (json!(true), json!(true)));
        assert_eq!(rig.userinfo(&given[1]).await.status, StatusCode::OK);
        for client in ["gateway", "plain"] {
            let path = format!("/authn/configs/larkfield/{client}");
            let hash = rig.operate(Method::GET, &path, &json!(null)).await.json()["hash"].as_str().unwrap().to_owned();
            let closed = rig.operate(Method::DELETE, &format!("{path}?hash={hash}"), &json!(null)).await;
            assert_eq!(closed.status, StatusCode::OK, "{}", closed.text);
        }
        for token in &given {
            assert_eq!(active(token).await, json!(false));
            assert_eq!(handed_on(token).await, "invalid_request");
            assert_eq!(rig.userinfo(token).await.status, StatusCode::UNAUTHORIZED);
        }
        // The first token, which was nobody's but the relying party's, goes on.
        assert_eq!(active(site.access()).await, json!(true));
        assert_eq!(handed_on(site.access()).await, "");
    }

    /// Nobody gets more than the token was for, more than is registered, or a token for somebody else.
    async fn nothing_gets_wider(db: Db) {
        let site = Site::new(db, "openid profile").await;
        for (kind, more, expected) in [
            (ACCESS_TOKEN, ("scope", "records:read"), "invalid_scope"),
            (ACCESS_TOKEN, ("scope", "profile email"), "invalid_scope"),
            (ACCESS_TOKEN, ("scope", "nationalrbacaccess"), "invalid_scope"),
            (ACCESS_TOKEN, ("audience", "https://others.example"), "invalid_target"),
            (ACCESS_TOKEN, ("resource", "https://others.example"), "invalid_target"),
            (ACCESS_TOKEN, ("actor_token", "x"), "invalid_request"),
            (ACCESS_TOKEN, ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"),
        ] {
            assert_eq!(site.exchange(site.access(), kind, &[more]).await.error(), expected, "{more:?}");
        }
        let plain = site.exchange(site.access(), ACCESS_TOKEN, &[]).await.json();
        assert_eq!(plain["scope"], "openid profile", "what both allow");
        // One that is already exchanged is the gateway's own, which is no client whose tokens it may show.
        let again = site.exchange(plain["access_token"].as_str().unwrap(), ACCESS_TOKEN, &[]).await;
        assert_eq!(again.error(), "unauthorized_client");
        let person = site.exchange(site.id_token(), ID_TOKEN, &[("scope", "nationalrbacaccess")]).await;
        assert_eq!(person.error(), "invalid_scope");
    }

    /// A token that is bound to a key does not become one that is not: whoever stole it gets nothing for it that works without a key.
    async fn bound_tokens_stay_bound(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let gateway = rig.register("gateway", &gateway()).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[("scope", "openid profile")], &session).await;
        let pair = Pair::p256();
        let proof = |pair: &Pair| pair.proof(("POST", "https://id.example.org/token"), None, rig.now(), &json!({}));
        let pairs = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
        let headers = [("authorization", basic("rp", &secret)), ("dpop", proof(&pair))];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let given = rig.form("/token", &headers, &pairs).await.json();
        assert_eq!(given["token_type"], "DPoP");
        let pairs = [("grant_type", GRANT), ("subject_token", given["access_token"].as_str().unwrap()), ("subject_token_type", ACCESS_TOKEN)];
        let header = basic("gateway", &gateway);
        let refused = rig.form("/token", &[("authorization", &header)], &pairs).await;
        assert_eq!((refused.status.as_u16(), refused.error()), (400, "invalid_request".to_owned()), "{}", refused.text);
        assert!(refused.text.contains("is bound"), "{}", refused.text);
        let own = Pair::p256();
        let bound = rig.form("/token", &[("authorization", &header), ("dpop", &proof(&own))], &pairs).await.json();
        assert_eq!((bound["token_type"].clone(), bound["scope"].clone()), (json!("DPoP"), json!("openid profile")));
    }

    /// A token that is for somebody else is not exchanged: whoever it is for exchanges it, by its client id or by what is registered.
    async fn tokens_for_others_are_not_exchanged(db: Db) {
        let rig = Rig::new(db).await;
        let records = "https://records.example";
        let secret = rig.register("rp", &json!({"resources": [records]})).await;
        let mut server = gateway();
        server["token_exchanges"][0]["subject_audiences"] = json!([records]);
        let secrets = [("gateway", rig.register("gateway", &gateway()).await), ("server", rig.register("server", &server).await)];
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[("scope", "openid profile")], &session).await;
        let given = rig.exchange(&secret, &code, &[("resource", records)]).await.json();
        let pairs = [("grant_type", GRANT), ("subject_token", given["access_token"].as_str().unwrap()), ("subject_token_type", ACCESS_TOKEN)];
        let asked = async |which: usize| {
            let (client, secret) = &secrets[which];
            rig.form("/token", &[("authorization", &basic(client, secret))], &pairs).await
        };
        assert_eq!(asked(0).await.error(), "unauthorized_client");
        let answered = asked(1).await;
        assert_eq!((answered.status.as_u16(), answered.json()["scope"].clone()), (200, json!("openid profile")), "{}", answered.text);
    }

    /// An ID token becomes a token for an interface, while the session behind it lives.
    async fn id_tokens_are_exchanged(db: Db) {
        let site = Site::new(db.clone(), "openid").await;
        let given = site.exchange(site.id_token(), ID_TOKEN, &[]).await;
        assert_eq!(given.json()["scope"], "records:read", "profile was not granted: {}", given.text);
        let token = given.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(site.asked(&token).await["sub"], user(ANN));
        let forged = Pair::rsa().sign(&part(site.id_token(), 0), &part(site.id_token(), 1));
        assert_eq!(site.exchange(&forged, ID_TOKEN, &[]).await.error(), "invalid_request");
        assert_eq!(site.exchange(site.access(), ID_TOKEN, &[]).await.error(), "invalid_request");
        assert_eq!(site.exchange(site.id_token(), ACCESS_TOKEN, &[]).await.error(), "invalid_request");
        assert_eq!(site.exchange("nonsense", ACCESS_TOKEN, &[]).await.error(), "invalid_request");
        close(&db, ANN).await;
        assert_eq!(site.exchange(site.id_token(), ID_TOKEN, &[]).await.error(), "invalid_request");
        assert_eq!(site.asked(&token).await, json!({"active": false}));
    }

    /// An ID token stands for what was granted when it was made: of a session in which more was granted since, it gives no more.
    async fn id_tokens_do_not_grow(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let gateway = rig.register("gateway", &gateway()).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let narrow = rig.exchange(&secret, &rig.code(&[("scope", "openid")], &session).await, &[]).await.json();
        rig.exchange(&secret, &rig.code(&[("scope", "openid profile")], &session).await, &[]).await;
        let shown = narrow["id_token"].as_str().unwrap();
        let pairs = |scope: &'static str| [("grant_type", GRANT), ("subject_token", shown), ("subject_token_type", ID_TOKEN), ("scope", scope)];
        let header = basic("gateway", &gateway);
        let asked = async |scope| rig.form("/token", &[("authorization", &header)], &pairs(scope)).await;
        assert_eq!(asked("profile").await.error(), "invalid_scope");
        assert_eq!(asked("records:read").await.status, StatusCode::OK);
    }

    /// An ID token brings its own sign-in, whatever else was granted in the session since: how, when and in which role.
    async fn id_tokens_bring_their_own_sign_in(db: Db) {
        let rig = Rig::new(db.clone()).await;
        db.write(|tx| Box::pin(async move { assign(tx, ANN, 2).await })).await.unwrap();
        let secret = rig.register("rp", &json!({})).await;
        let gateway = rig.register("gateway", &json!({
            "grant_types": [GRANT], "redirect_uris": [], "scopes": ["openid", "changedrole"], "access_token_signed_response_alg": "ES256",
            "token_exchanges": [{"subject_clients": ["rp"], "subject_token_types": [ID_TOKEN], "scopes": ["changedrole"]}]
        })).await;
        let app = rig.sign_in(ANN, "totp").await;
        let first = acting(&rig, &secret, &app, 0).await;
        rig.pass(60);
        let card = rig.sign_in_again(&app, "smartcard").await;
        let second = acting(&rig, &secret, &card, 1).await;
        let header = basic("gateway", &gateway);
        let mut roles = Vec::new();
        for (tokens, acr, amr) in [(&first, "AAL2_ANY", "TOTP"), (&second, "AAL3_ANY", "CIS2_SMARTCARD")] {
            let shown = tokens["id_token"].as_str().unwrap();
            let pairs = [("grant_type", GRANT), ("subject_token", shown), ("subject_token_type", ID_TOKEN)];
            let given = rig.form("/token", &[("authorization", &header)], &pairs).await;
            assert_eq!(given.status, StatusCode::OK, "{amr}: {}", given.text);
            let (told, was) = (rig.verified(given.json()["access_token"].as_str().unwrap()).await, rig.verified(shown).await);
            for name in ["sub", "sid", "auth_time", "amr", "selected_roleid"] {
                assert_eq!(told[name], was[name], "{amr}: {name}");
            }
            assert_eq!((told["acr"].clone(), told["amr"].clone()), (json!(acr), json!([amr])));
            roles.push((told["selected_roleid"].clone(), told["auth_time"].clone()));
        }
        assert!(roles[0].0 != roles[1].0 && roles[0].1 != roles[1].1, "{roles:?}");
    }

    /// An ID token whose grant has ended is exchanged for nothing, though the same client has others of the same session: of a later
    /// sign-in, or of a later request.
    async fn id_tokens_end_with_their_grant(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let gateway = rig.register("gateway", &gateway()).await;
        let header = basic("gateway", &gateway);
        let asked = async |tokens: &Value| {
            let pairs = [("grant_type", GRANT), ("subject_token", tokens["id_token"].as_str().unwrap()), ("subject_token_type", ID_TOKEN)];
            rig.form("/token", &[("authorization", &header)], &pairs).await
        };
        let card = rig.sign_in(ANN, "smartcard").await;
        let replayed = rig.code(&[("scope", "openid profile")], &card).await;
        let first = rig.exchange(&secret, &replayed, &[]).await.json();
        rig.pass(60);
        let second = rig.exchange(&secret, &rig.code(&[("scope", "openid profile")], &card).await, &[]).await.json();
        rig.pass(60);
        let key = rig.sign_in_again(&card, "security-key").await;
        let third = rig.exchange(&secret, &rig.code(&[("scope", "openid profile")], &key).await, &[]).await.json();
        for tokens in [&first, &second, &third] {
            assert_eq!(asked(tokens).await.status, StatusCode::OK);
        }
        assert_eq!(rig.exchange(&secret, &replayed, &[]).await.error(), "invalid_grant");
        let pairs = [("token", second["refresh_token"].as_str().unwrap())];
        assert_eq!(rig.form("/revoke", &[("authorization", &basic("rp", &secret))], &pairs).await.status, StatusCode::OK);
        for ended in [&first, &second] {
            let refused = asked(ended).await;
            assert_eq!((refused.status.as_u16(), refused.error()), (400, "invalid_request".to_owned()), "{}", refused.text);
            assert!(refused.text.contains("has ended"), "{}", refused.text);
        }
        assert_eq!(asked(&third).await.status, StatusCode::OK, "the other goes on");
    }

    /// An ID token says of which grant it came without telling it. That of a refresh, which names no request, is exchanged for nothing once
    /// its grant has ended, though a sibling of the same sign-in, which gave more, goes on.
    async fn refreshed_id_tokens_end_with_their_grant(db: Db) {
        let rig = Rig::new(db.clone()).await;
        let secret = rig.register("rp", &json!({})).await;
        let gateway = rig.register("gateway", &gateway()).await;
        let (header, own) = (basic("gateway", &gateway), basic("rp", &secret));
        let asked = async |tokens: &Value| {
            let pairs = [("grant_type", GRANT), ("subject_token", tokens["id_token"].as_str().unwrap()), ("subject_token_type", ID_TOKEN)];
            rig.form("/token", &[("authorization", &header)], &pairs).await
        };
        let session = rig.sign_in(ANN, "smartcard").await;
        let first = rig.exchange(&secret, &rig.code(&[("scope", "openid")], &session).await, &[]).await.json();
        let wide = [("scope", "openid profile nationalrbacaccess")];
        let sibling = rig.exchange(&secret, &rig.code(&wide, &session).await, &[]).await.json();
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"].as_str().unwrap())];
        let refreshed = rig.form("/token", &[("authorization", &own)], &pairs).await.json();
        let mut said = Vec::new();
        for tokens in [&first, &refreshed, &sibling] {
            said.push(rig.verified(tokens["id_token"].as_str().unwrap()).await["gid"].as_str().unwrap().to_owned());
        }
        assert!(said[0] == said[1] && said[0] != said[2], "{said:?}");
        let ids: Vec<String> = sqlx::query_scalar("SELECT grant_id FROM authn_grant").fetch_all(db.read()).await.unwrap();
        assert!(ids.len() == 2 && !ids.iter().any(|id| said.contains(id)), "{ids:?}");
        assert_eq!(asked(&refreshed).await.json()["scope"], "records:read", "what its own grant gave");
        let pairs = [("token", refreshed["refresh_token"].as_str().unwrap())];
        assert_eq!(rig.form("/revoke", &[("authorization", &own)], &pairs).await.status, StatusCode::OK);
        for ended in [&first, &refreshed] {
            let refused = asked(ended).await;
            assert_eq!((refused.status.as_u16(), refused.error()), (400, "invalid_request".to_owned()), "{}", refused.text);
            assert!(refused.text.contains("has ended"), "{}", refused.text);
        }
        assert_eq!(asked(&sibling).await.json()["scope"], "profile records:read", "the sibling goes on");
    }

    /// An ID token of a refresh that asked for less is of its grant still, and stands for no role, which it does not name.
    async fn narrowed_id_tokens_are_exchanged(db: Db) {
        let rig = Rig::new(db).await;
        let secret = rig.register("rp", &json!({})).await;
        let gateway = rig.register("gateway", &json!({
            "grant_types": [GRANT], "redirect_uris": [], "scopes": ["profile", "selectedrole"],
            "token_exchanges": [{"subject_clients": ["rp"], "subject_token_types": [ID_TOKEN], "scopes": ["profile", "selectedrole"]}]
        })).await;
        let header = basic("gateway", &gateway);
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[("scope", "openid profile selectedrole")], &session).await;
        let whole = rig.exchange(&secret, &code, &[]).await.json();
        let pairs = [
            ("grant_type", "refresh_token"), ("refresh_token", whole["refresh_token"].as_str().unwrap()), ("scope", "openid profile"),
        ];
        let narrowed = rig.form("/token", &[("authorization", &basic("rp", &secret))], &pairs).await.json();
        let claims = rig.verified(narrowed["id_token"].as_str().unwrap()).await;
        assert!(claims.get("selected_roleid").is_none(), "{claims}");
        let asked = async |tokens: &Value, scope: &str| {
            let pairs = [
                ("grant_type", GRANT), ("subject_token", tokens["id_token"].as_str().unwrap()), ("subject_token_type", ID_TOKEN), ("scope", scope),
            ];
            rig.form("/token", &[("authorization", &header)], &pairs).await
        };
        let given = asked(&narrowed, "").await;
        assert_eq!((given.status, given.json()["scope"].clone()), (StatusCode::OK, json!("profile")), "{}", given.text);
        assert_eq!(asked(&narrowed, "selectedrole").await.error(), "invalid_scope");
        assert_eq!(asked(&whole, "").await.json()["scope"], "profile selectedrole");
    }

    /// An ID token that is over is exchanged for nothing, and neither is a token by a client that is not registered for it.
    async fn exchanges_are_registered(db: Db) {
        let site = Site::new(db, "openid profile").await;
        let other = site.rig.register("other", &json!({
            "grant_types": [GRANT], "redirect_uris": [], "scopes": ["profile"],
            "token_exchanges": [{"subject_clients": ["somebody-else"], "subject_token_types": [ACCESS_TOKEN], "scopes": ["profile"]}]
        })).await;
        let pairs = [("grant_type", GRANT), ("subject_token", site.access()), ("subject_token_type", ACCESS_TOKEN)];
        let refused = site.rig.form("/token", &[("authorization", &basic("other", &other))], &pairs).await;
        assert_eq!(refused.error(), "unauthorized_client");
        let refused = site.rig.form("/token", &[("authorization", &basic("rp", &site.secret))], &pairs).await;
        assert_eq!(refused.error(), "unauthorized_client");
        site.rig.pass(3601);
        assert_eq!(site.exchange(site.id_token(), ID_TOKEN, &[]).await.error(), "invalid_request");
        assert_eq!(site.exchange(site.access(), ACCESS_TOKEN, &[]).await.error(), "invalid_request");
    }
}
