//! The same request at the same time on two machines.

use directory::api::OPERATE;
use directory::{Config, DocumentKey, Parts, Register, router};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use platform::clock::Clock;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use serde_json::json;
use tower::ServiceExt as _;

use crate::people_rig::new_person;
use crate::rig::{START, system};
use crate::world::{AGENT, MANAGER, World, text, user, who};

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

platform::both_engines! {
    /// An answer is given again to whoever asks in the same role and as surely signed in, and to nobody who left.
    async fn answers_are_given_again_in_the_same_role_only(db: Db) {
        let world = World::new(db).await;
        let new = new_person("Ann", "Example", "1984-07-23", "123456789");
        let send = async |caller: &platform::caller::Caller| {
            let key = [("idempotency-key", "the-same")];
            world.rig.send(caller, Method::POST, "/directory/people", &key, Some(&new)).await
        };
        let agent = who(AGENT);
        let first = send(&agent).await;
        assert_eq!(first.status, StatusCode::CREATED, "{:?}", first.body);
        assert_eq!(send(&agent).await.body, first.body);
        let mut weaker = agent.clone();
        weaker.assurance = Some("aal2".to_owned());
        assert_eq!(send(&weaker).await.code(), "idempotency-key-reused");
        let acting = world.rig.get(&agent, "/directory/actor").await;
        let mut chosen = agent.clone();
        chosen.role_profile = acting.body["roles"][0]["role_profile"].as_str().map(str::to_owned);
        assert!(chosen.role_profile.is_some(), "{:?}", acting.body);
        assert_eq!(send(&chosen).await.code(), "idempotency-key-reused");
        chosen.role_profile = Some("555000000000".to_owned());
        assert_eq!(send(&chosen).await.code(), "role-not-yours");
        let path = format!("/directory/people/{}/close", user(AGENT));
        let closed = world.act(&who(MANAGER), &path, &json!({"reason": "left"})).await;
        assert_eq!(text(&closed, "user_id"), user(AGENT));
        let left = send(&agent).await;
        assert_eq!((left.status, left.code()), (StatusCode::FORBIDDEN, "own-profile-closed"));
    }
}
