//! What of the token a token costs.

use http::StatusCode;
use platform::db::Engine;
use platform::db::testing::TestDb;
use platform::telemetry;
use serde_json::json;

use crate::rig::{ANN, CALLBACK, Rig, basic};

/// How many signatures the token has made.
fn signatures(metrics: &telemetry::Metrics) -> u64 {
    let text = metrics.render();
    let lines = text.lines().filter(|line| line.starts_with("hsm_signatures_total{"));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

/// Access tokens are opaque and need nothing of the token, to be made or to be read; an ID token is one signature, and an access token that
/// can be verified is one more, for the client alone that asks for it.
#[tokio::test]
async fn opaque_tokens_cost_the_token_nothing() {
    let watching = telemetry::init(&telemetry::Config::default()).unwrap();
    let metrics = watching.metrics();
    let test = TestDb::new(Engine::Sqlite).await;
    let rig = Rig::new(test.db.clone()).await;
    let system = json!({"grant_types": ["client_credentials"], "scopes": ["reports"], "redirect_uris": []});
    let system = basic("system", &rig.register("system", &system).await);
    let secret = rig.register("rp", &json!({})).await;
    let verifiable = rig.register("rp-jwt", &json!({"access_token_signed_response_alg": "ES256"})).await;
    let session = rig.sign_in(ANN, "smartcard").await;
    let exchange = async |client: &str, secret: &str| {
        let code = rig.code(&[("client_id", client)], &session).await;
        let pairs =
            [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
        rig.form("/token", &[("authorization", &basic(client, secret))], &pairs).await.json()
    };
    let before = signatures(&metrics);
    for _ in 0..3 {
        let given =
            rig.form("/token", &[("authorization", &system)], &[("grant_type", "client_credentials")]).await;
        assert_eq!(given.status, StatusCode::OK, "{}", given.text);
        assert!(!given.json()["access_token"].as_str().unwrap().contains('.'));
    }
    assert_eq!(signatures(&metrics), before);
    let tokens = exchange("rp", &secret).await;
    assert_eq!(signatures(&metrics), before + 1, "the ID token");
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(rig.userinfo(access).await.status, StatusCode::OK);
    let header = basic("rp", &secret);
    let about = rig.form("/introspect", &[("authorization", &header)], &[("token", access)]).await;
    assert_eq!(about.json()["active"], true);
    assert_eq!(signatures(&metrics), before + 1, "it is read without the token");
    let tokens = exchange("rp-jwt", &verifiable).await;
    assert!(tokens["access_token"].as_str().unwrap().contains('.'));
    assert_eq!(signatures(&metrics), before + 3, "the ID token and the access token");
}
