//! The registry of relying parties, in the shape of the Connection Manager.

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, Rig, basic};

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
}
