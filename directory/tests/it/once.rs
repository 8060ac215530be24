//! The same request at the same time on two machines.

use directory::api::OPERATE;
use directory::{Config, DocumentKey, Parts, Register, router};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use platform::clock::Clock;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use serde_json::json;
use tower::ServiceExt as _;

use crate::rig::{START, system};

fn register(db: Db) -> Register {
    let (config, clock) = (Config::default(), Clock::manual(START).0);
    Register::new(Parts { config, db, clock, document_key: DocumentKey::new(&[7; 32]) }).unwrap()
}

async fn make(register: Register, key: String) -> (StatusCode, String) {
    let body = json!({"ods": key, "name": "One", "primary_role": "RO182"}).to_string();
    let mut request = Request::post("/directory/organisations")
        .header("idempotency-key", &key)
        .header("content-type", "application/json")
        .body(axum::body::Body::from(body))
        .unwrap();
    request.extensions_mut().insert(system("operator", &[OPERATE]));
    let response = router(register).oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

/// Two machines that are sent the same request at once do it once, and both answer it the same.
#[tokio::test(flavor = "multi_thread")]
async fn two_machines_answer_one_request() {
    let test = TestDb::new(Engine::Postgres).await;
    let second = Db::connect(&test.config, Clock::manual(START).0).await.unwrap();
    let machines = [register(test.db.clone()), register(second.clone())];
    for number in 0..20 {
        let key = format!("XK{number:02}");
        let [one, other] = &machines;
        let (one, other) = tokio::join!(make(one.clone(), key.clone()), make(other.clone(), key));
        assert_eq!(one.0, StatusCode::CREATED, "{}", one.1);
        assert_eq!(one, other);
    }
    second.close().await;
    test.db.close().await;
}
