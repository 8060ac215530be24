//! The change feed over HTTP.

use std::sync::Mutex;
use std::time::Duration;

use directory::api::{CHANGES, Change, Client, Follower, OPERATE, READ};
use directory::router;
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use platform::peer::Peer;
use platform::problem::Problem;
use platform::telemetry;
use serde_json::json;

use crate::rig::{Rig, system};

platform::both_engines! {
    /// A consumer tells how far it has come, for itself only; whoever lacks the act learns nothing.
    async fn consumer_tells_of_itself_only(db: Db) {
        let rig = Rig::new(db);
        let consumer = system("ca-node", &[CHANGES]);
        let ahead = rig.send(&consumer, Method::PUT, "/directory/consumers/ca-node", &[], Some(&json!({"applied": 1}))).await;
        assert_eq!((ahead.status, ahead.code()), (StatusCode::BAD_REQUEST, "field-invalid"), "nothing was told yet");
        assert_eq!(rig.get(&consumer, "/directory/consumers").await.body, json!({"items": []}));
        tell(&rig, 7).await;
        let body = json!({"applied": 7});
        let put = |path| rig.send(&consumer, Method::PUT, path, &[], Some(&body));
        assert_eq!(put("/directory/consumers/ca-node").await.status, StatusCode::NO_CONTENT);
        assert_eq!(put("/directory/consumers/other").await.code(), "consumer-of-another");
        let consumers = rig.get(&consumer, "/directory/consumers").await;
        assert_eq!((consumers.body["items"][0]["name"].as_str(), consumers.body["items"][0]["applied"].as_i64()), (Some("ca-node"), Some(7)));
        assert_eq!(consumers.body["items"].as_array().map(Vec::len), Some(1));
        for name in ["zeta", "alpha"] {
            let path = format!("/directory/consumers/{name}");
            let told = rig.send(&system(name, &[CHANGES]), Method::PUT, &path, &[], Some(&body)).await;
            assert_eq!(told.status, StatusCode::NO_CONTENT);
        }
        let (mut names, mut path) = (Vec::new(), "/directory/consumers?limit=1".to_owned());
        loop {
            let page = rig.get(&consumer, &path).await.body;
            names.extend(page["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/directory/consumers?limit=1&after={next}");
        }
        assert_eq!(names, ["alpha", "ca-node", "zeta"], "each once, by name");
        let changes = rig.get(&consumer, "/directory/changes?after=7").await;
        assert_eq!(changes.body, json!({"changes": []}));
        let stranger = system("stranger", &[READ]);
        assert_eq!(rig.get(&stranger, "/directory/changes").await.status, StatusCode::FORBIDDEN);
        assert_eq!(rig.get(&stranger, "/directory/consumers").await.status, StatusCode::FORBIDDEN);
    }

    /// Changes go when their time is over and every consumer has applied them; whoever reads on where something was erased is told so,
    /// and whoever begins reads what is kept.
    async fn applied_changes_are_erased(db: Db) {
        let rig = Rig::new(db);
        tell(&rig, 3).await;
        let numbers = async |after: u64| {
            let reader = system("reader", &[CHANGES]);
            let read = rig.get(&reader, &format!("/directory/changes?after={after}")).await;
            let changes = read.body["changes"].as_array().cloned().unwrap_or_default();
            (read.status, changes.iter().map(|change| change["number"].as_u64().unwrap()).collect::<Vec<_>>())
        };
        rig.hand.advance(Duration::from_hours(24 * 91));
        assert_eq!(rig.register.sweep_changes().await.unwrap(), 0, "nobody has said that they have them");
        for (name, applied) in [("one", 3), ("two", 2)] {
            let path = format!("/directory/consumers/{name}");
            let body = json!({"applied": applied});
            let said = rig.send(&system(name, &[CHANGES]), Method::PUT, &path, &[], Some(&body)).await;
            assert_eq!(said.status, StatusCode::NO_CONTENT, "{:?}", said.body);
        }
        tell(&rig, 1).await;
        assert_eq!(rig.register.sweep_changes().await.unwrap(), 2, "the second waits for the third");
        assert_eq!(rig.register.sweep_changes().await.unwrap(), 0);
        assert_eq!(numbers(0).await, (StatusCode::OK, vec![3, 4]));
        assert_eq!(numbers(1).await.0, StatusCode::GONE);
        assert_eq!(numbers(2).await, (StatusCode::OK, vec![3, 4]));
        for name in ["one", "two"] {
            let path = format!("/directory/consumers/{name}");
            rig.send(&system(name, &[CHANGES]), Method::PUT, &path, &[], Some(&json!({"applied": 4}))).await;
        }
        assert_eq!(rig.register.sweep_changes().await.unwrap(), 1, "the fourth is not old");
        rig.hand.advance(Duration::from_hours(24 * 91));
        assert_eq!(rig.register.sweep_changes().await.unwrap(), 1);
        let recorded = crate::people_rig::texts(&rig.db, "SELECT name FROM audit_event WHERE name = $1", "changes-erased").await;
        assert_eq!(recorded.len(), 3, "one for each time that something was erased");
        assert_eq!(numbers(0).await, (StatusCode::OK, vec![]));
        assert_eq!(numbers(3).await.0, StatusCode::GONE, "also where nothing is left");
        assert_eq!(numbers(4).await, (StatusCode::OK, vec![]));
        tell(&rig, 1).await;
        assert_eq!(numbers(4).await, (StatusCode::OK, vec![5]), "numbers go on");
        assert_eq!(numbers(u64::MAX).await, (StatusCode::OK, vec![]));
    }

    /// A follower applies every change in its order; one that cannot be applied stops what comes after it and comes again,
    /// and everybody sees since when.
    async fn follower_stops_at_what_fails(db: Db) {
        let watching = telemetry::init(&telemetry::Config::default()).unwrap();
        let rig = Rig::new(db);
        let operator = system("operator", &[OPERATE, READ]);
        for ods in ["XA1", "XA2", "XA3"] {
            let made = json!({"ods": ods, "name": ods, "primary_role": "RO182"});
            assert_eq!(rig.post(&operator, "/directory/organisations", &made).await.status, StatusCode::CREATED);
        }
        let register = Client::new(Peer::local(router(rig.register.clone()), Caller::module("ca", &[CHANGES])));
        let follower = Follower::new(register, "module:ca");
        let (seen, broken) = (Mutex::new(Vec::new()), Mutex::new(true));
        let apply = |change: Change| {
            let fails = change.subject == "XA2" && *broken.lock().unwrap();
            seen.lock().unwrap().push(change.subject);
            async move { if fails { Err(Problem::conflict("broken", "Not now.")) } else { Ok(()) } }
        };
        let reader = system("reader", &[CHANGES]);
        let told = async || rig.get(&reader, "/directory/consumers").await.body["items"][0].clone();

        assert_eq!(follower.catch_up(&apply).await.unwrap_err().code, "broken");
        let stuck = told().await;
        assert_eq!((stuck["name"].as_str(), stuck["applied"].as_u64()), (Some("module:ca"), Some(1)));
        assert!(stuck["waiting_since"].is_i64(), "{stuck}");
        rig.hand.advance(Duration::from_mins(10));
        rig.register.watch_consumers().await.unwrap();
        let behind = value(&watching.metrics(), "directory_consumer_behind_seconds");
        assert!((599.0..=601.0).contains(&behind), "{behind}");

        let failed = async {
            while !watching.metrics().render().contains("directory_follower_failures_total") {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = follower.clone().follow(&apply) => {}
            () = failed => {}
        }
        assert!((value(&watching.metrics(), "directory_follower_failures_total") - 1.0).abs() < f64::EPSILON);
        *broken.lock().unwrap() = false;
        assert_eq!(follower.catch_up(&apply).await.unwrap(), 2);
        assert_eq!(follower.catch_up(&apply).await.unwrap(), 0);
        assert_eq!(*seen.lock().unwrap(), ["XA1", "XA2", "XA2", "XA2", "XA3"]);
        let done = told().await;
        assert_eq!((done["applied"].as_u64(), done.get("waiting_since")), (Some(3), None));
        rig.register.watch_consumers().await.unwrap();
        assert!(value(&watching.metrics(), "directory_consumer_behind_seconds").abs() < f64::EPSILON);
    }
}

/// Lets the register tell of so many changes.
async fn tell(rig: &Rig, many: usize) {
    let operator = system("operator", &[OPERATE, READ]);
    for _ in 0..many {
        let ods = format!("XB{}", uuid::Uuid::now_v7().simple().to_string().split_off(24)).to_uppercase();
        let made = json!({"ods": ods, "name": ods, "primary_role": "RO182"});
        let made = rig.post(&operator, "/directory/organisations", &made).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
    }
}

/// What a metric with one label shows.
fn value(metrics: &telemetry::Metrics, name: &str) -> f64 {
    let text = metrics.render();
    let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")));
    let line = line.unwrap_or_else(|| panic!("{name} is not told"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}
