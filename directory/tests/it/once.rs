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
use crate::world::{AGENT, MANAGER, NURSE, World, text, user, who};

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

    /// Whoever has lost the role by which something was done, and kept another, is not told again what came of it; whoever still has
    /// a role that allows it is.
    async fn answers_are_not_given_again_to_who_lost_the_role(db: Db) {
        let world = World::new(db.clone()).await;
        let agents = who(MANAGER);
        world.assign(&agents, AGENT, &world.clinic).await;
        let new = new_person("Ann", "Example", "1984-07-23", "123456789");
        let send = async |key: &'static str, path: &str, body: &serde_json::Value| {
            world.rig.send(&who(AGENT), Method::POST, path, &[("idempotency-key", key), ("if-match", "*")], Some(body)).await
        };
        let assign = json!({"person": user(NURSE), "position": world.ward});
        let first = send("made", "/directory/people", &new).await;
        let second = send("assigned", "/directory/assignments", &assign).await;
        assert_eq!((first.status, second.status), (StatusCode::CREATED, StatusCode::CREATED), "{:?} {:?}", first.body, second.body);
        assert_eq!(send("made", "/directory/people", &new).await.body, first.body);
        // Under another role of the same rank it is theirs still.
        let other = world.make(&agents, &crate::world::position("RXX", "Agents too", crate::world::ROLE_OF_AGENTS, &["B0274"])).await;
        world.assign(&agents, AGENT, &other).await;
        let held = async |position: &str| {
            let text = "SELECT assignment_id FROM directory_assignment WHERE state = 'live' AND user_id || ' ' || position_id = $1";
            crate::people_rig::texts(&db, text, &format!("{} {position}", user(AGENT))).await.remove(0)
        };
        for (position, status) in [(&world.agent_position, StatusCode::CREATED), (&other, StatusCode::FORBIDDEN)] {
            let path = format!("/directory/assignments/{}/removal", held(position).await);
            let taken = world.act(&agents, &path, &json!({"notes": "Moves"})).await;
            assert!(taken.status.is_success(), "{:?}", taken.body);
            for (key, path, body) in [("made", "/directory/people", &new), ("assigned", "/directory/assignments", &assign)] {
                let again = send(key, path, body).await;
                assert_eq!(again.status, status, "{key}: {:?}", again.body);
                assert!(status == StatusCode::CREATED || again.body.get("user_id").is_none(), "{:?}", again.body);
            }
        }
        assert_eq!(send("made", "/directory/people", &new).await.code(), "not-in-role");
        // What is swept is swept whole.
        world.wait_days(3);
        let sweeps = world.rig.post(&agents, "/directory/assignments", &json!({"person": user(NURSE + 1), "position": world.ward})).await;
        assert_eq!(sweeps.status, StatusCode::CREATED, "{:?}", sweeps.body);
        let left = "SELECT g.key FROM directory_once_ground g LEFT JOIN directory_once o ON o.caller = g.caller AND o.key = g.key \
                    WHERE o.key IS NULL AND g.key <> $1";
        assert!(crate::people_rig::texts(&db, left, "").await.is_empty());
        assert!(crate::people_rig::texts(&db, "SELECT key FROM directory_once_ground WHERE key = $1", "made").await.is_empty());
    }
}
