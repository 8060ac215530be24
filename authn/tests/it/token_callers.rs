//! Access tokens at the other routes of the server: a client calls with its own, for the acts that it was granted.

use http::{Method, StatusCode};
use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, CALLBACK, Pair, Rig, basic};

const CHANGES: &str = "/directory/changes?after=0";

/// A client that may follow the changes of the register.
fn follower(change: &Value) -> Value {
    let mut config = json!({
        "client_name": "Follower", "token_endpoint_auth_method": "client_secret_basic", "scopes": [],
        "grant_types": ["client_credentials"], "acts": ["directory:changes"], "redirect_uris": []
    });
    for (name, value) in change.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

/// An operator that has the acts which it grants.
fn operator(acts: &[&str]) -> Caller {
    let own = [authn::api::CLIENTS.0.to_owned(), authn::api::clients_of("larkfield")];
    let acts = own.into_iter().chain(acts.iter().map(|act| (*act).to_owned()));
    Caller::new(CallerKind::System, "desk", "desk".parse().unwrap(), acts)
}

async fn registered(rig: &Rig, id: &str, config: Value) -> Value {
    let body = json!({"config_name": id, "client_config": config});
    let caller = operator(&["directory:changes", "directory:read"]);
    let made = rig.operate_as(caller, Method::POST, "/authn/configs/larkfield", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()
}

async fn own_token(rig: &Rig, id: &str, secret: &str, scope: &str) -> String {
    let pairs = [("grant_type", "client_credentials"), ("scope", scope)];
    let given = rig.form("/token", &[("authorization", &basic(id, secret))], &pairs).await;
    assert_eq!(given.status, StatusCode::OK, "{}", given.text);
    given.json()["access_token"].as_str().unwrap().to_owned()
}

platform::both_engines! {
    /// A token for itself opens to a client what it was granted and asked for, as long as both stand, and nothing beyond.
    async fn a_client_calls_with_its_token(db: Db) {
        let rig = Rig::new(db).await;
        let made = registered(&rig, "follower", follower(&json!({"acts": ["directory:changes", "directory:read"]}))).await;
        let secret = made["client_secret"].as_str().unwrap();
        let asked = async |path: &str, token: &str| {
            rig.register_asked(path, &[("authorization", &format!("Bearer {token}"))]).await
        };
        let person = format!("/directory/people/{}", crate::rig::user(ANN));
        let (all, one) = (own_token(&rig, "follower", secret, "").await, own_token(&rig, "follower", secret, "directory:changes").await);
        for token in [&all, &one] {
            let answered = asked(CHANGES, token).await;
            assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
        }
        assert_eq!(asked(&person, &all).await.status, StatusCode::OK);
        assert_eq!(asked(&person, &one).await.status, StatusCode::FORBIDDEN, "it asked for less");
        assert_eq!(asked(&format!("{person}/claims"), &all).await.status, StatusCode::FORBIDDEN, "it was not granted");
        let unknown = asked(CHANGES, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await;
        assert_eq!((unknown.status, unknown.headers.contains_key("www-authenticate")), (StatusCode::UNAUTHORIZED, true));
        assert_eq!(rig.register_asked(CHANGES, &[]).await.status, StatusCode::UNAUTHORIZED, "nobody");
        // The act is taken away: the token that is out is worth less at once.
        let path = "/authn/configs/larkfield/follower";
        let hash = made["hash"].as_str().unwrap();
        let body = json!({"client_config": follower(&json!({"acts": ["directory:read"]}))});
        let caller = operator(&["directory:changes", "directory:read"]);
        let changed = rig.operate_as(caller, Method::PUT, &format!("{path}?hash={hash}"), &body).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        assert_eq!(asked(CHANGES, &all).await.status, StatusCode::FORBIDDEN);
        assert_eq!(asked(&person, &all).await.status, StatusCode::OK);
        let hash = changed.json()["hash"].as_str().unwrap().to_owned();
        assert_eq!(rig.operate(Method::DELETE, &format!("{path}?hash={hash}"), &json!(null)).await.status, StatusCode::OK);
        assert_eq!(asked(&person, &all).await.status, StatusCode::UNAUTHORIZED, "closed");
    }

    /// The token of somebody who signed in, and one for another audience, open nothing: a relying party does not act in their name.
    async fn tokens_of_people_open_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let config = follower(&json!({
            "grant_types": ["client_credentials", "authorization_code"], "redirect_uris": [CALLBACK], "scopes": ["openid"],
            "resources": ["https://records.example"]
        }));
        let made = registered(&rig, "rp", config).await;
        let secret = made["client_secret"].as_str().unwrap();
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(secret, &code, &[]).await.json();
        let asked = async |token: &str| {
            rig.register_asked(CHANGES, &[("authorization", &format!("Bearer {token}"))]).await.status
        };
        assert_eq!(asked(tokens["access_token"].as_str().unwrap()).await, StatusCode::FORBIDDEN);
        assert_eq!(asked(tokens["id_token"].as_str().unwrap()).await, StatusCode::UNAUTHORIZED);
        let pairs = [("grant_type", "client_credentials"), ("resource", "https://records.example")];
        let given = rig.form("/token", &[("authorization", &basic("rp", secret))], &pairs).await.json();
        assert_eq!(asked(given["access_token"].as_str().unwrap()).await, StatusCode::UNAUTHORIZED);
        assert_eq!(asked(&own_token(&rig, "rp", secret, "").await).await, StatusCode::OK);
    }

    /// A bound token opens with a proof for this very request, once.
    async fn bound_tokens_come_with_a_proof(db: Db) {
        let rig = Rig::new(db).await;
        let made = registered(&rig, "follower", follower(&json!({"access_token_binding": "dpop"}))).await;
        let pair = Pair::p256();
        let header = basic("follower", made["client_secret"].as_str().unwrap());
        let proof = pair.proof(("POST", "https://id.example.org/token"), None, rig.now(), &json!({}));
        let pairs = [("grant_type", "client_credentials")];
        let given = rig.form("/token", &[("authorization", &header), ("dpop", &proof)], &pairs).await.json();
        let token = given["access_token"].as_str().unwrap();
        let asked = async |scheme: &str, proof: &str| {
            rig.register_asked(CHANGES, &[("authorization", &format!("{scheme} {token}")), ("dpop", proof)]).await.status
        };
        let by = |pair: &Pair, place: &str| pair.proof(("GET", place), Some(token), rig.now(), &json!({}));
        let (here, systems) = ("https://id.example.org/directory/changes", "https://systems.example.org:8444/directory/changes");
        let used = by(&pair, here);
        assert_eq!(asked("DPoP", &used).await, StatusCode::OK);
        assert_eq!(asked("DPoP", &used).await, StatusCode::UNAUTHORIZED, "again");
        assert_eq!(asked("DPoP", &by(&pair, systems)).await, StatusCode::OK, "on the port for systems");
        assert_eq!(asked("DPoP", &by(&pair, "https://id.example.org/directory/feed")).await, StatusCode::UNAUTHORIZED);
        assert_eq!(asked("DPoP", &by(&Pair::p256(), here)).await, StatusCode::UNAUTHORIZED, "a thief");
        assert_eq!(asked("Bearer", &by(&pair, here)).await, StatusCode::UNAUTHORIZED, "as bearer");
    }

    /// Nobody grants an act that they do not have, and nobody takes over a client that has one.
    async fn nobody_grants_what_they_do_not_have(db: Db) {
        let rig = Rig::new(db).await;
        let body = json!({"config_name": "follower", "client_config": follower(&json!({}))});
        let refused = rig.operate_as(operator(&["directory:read"]), Method::POST, "/authn/configs/larkfield", &body).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
        let made = registered(&rig, "follower", follower(&json!({}))).await;
        let hash = made["hash"].as_str().unwrap();
        let path = "/authn/configs/larkfield/follower";
        let harmless = json!({"client_config": follower(&json!({"acts": []}))});
        for (method, path, body) in [
            (Method::POST, format!("{path}/secret?hash={hash}"), &json!(null)),
            (Method::PUT, format!("{path}?hash={hash}"), &harmless),
        ] {
            let refused = rig.operate_as(operator(&[]), method, &path, body).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}: {}", refused.text);
        }
        let own_token = own_token(&rig, "follower", made["client_secret"].as_str().unwrap(), "").await;
        let header = format!("Bearer {own_token}");
        assert_eq!(rig.register_asked(CHANGES, &[("authorization", &header)]).await.status, StatusCode::OK, "it goes on");
        let mut other = operator(&["directory:changes"]);
        other.organisation = Some("Z00001".parse().unwrap());
        let body = json!({"client_config": follower(&json!({"organisation": "Z00002"}))});
        let refused = rig.operate_as(other, Method::POST, "/authn/configs/larkfield", &body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    }
}
