//! What is erased when its time is over, and that a look at it costs what is due.

use std::time::Duration;

use directory::{Config, Retention};
use http::{Method, StatusCode};
use platform::db::Db;
use platform::id::UserId;
use serde_json::{Value, json};

use crate::feed_rig::{Payroll, event, personnel, with};
use crate::people_rig::{new_person, staff, texts};
use crate::rig::Rig;
use crate::world::{AGENT, AGENT_TWO, NURSE, World, day, text, who};

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

async fn count(db: &Db, text: &'static str) -> i64 {
    sqlx::query_scalar(text).fetch_one(db.read()).await.unwrap()
}

platform::both_engines! {
    /// Events that were settled long ago are erased, those in quarantine stay; and none of the erased ones is done again, however
    /// it is sent.
    async fn settled_events_are_erased_and_never_done_twice(db: Db) {
        let feed = Payroll::new(db).await;
        let db = feed.world.rig.db.clone();
        let first = with(event("e-1", "starter", NURSE, 5, &day(0)), &[("position", "WARD")]);
        let second = with(event("e-2", "change", NURSE, 6, &day(1)), &[("position", "CLINIC"), ("from_position", "WARD")]);
        let waiting = with(event("e-3", "starter", NURSE + 1, 1, &day(0)), &[("position", "NOWHERE")]);
        let aside = with(event("e-4", "starter", NURSE + 2, 9, &day(0)), &[("position", "NOWHERE")]);
        for (event, state) in [(&first, "applied"), (&second, "applied"), (&waiting, "quarantined")] {
            assert_eq!(feed.one(event.clone()).await["state"], state, "{event}");
        }
        let discarded = feed.one(aside.clone()).await;
        feed.world.rig.hand.advance(days(300));
        let done = feed.decide(&crate::world::who(crate::world::MANAGER), &discarded, "discard", &json!({"reason": "Typed twice"})).await;
        assert_eq!(done.body["state"], "discarded", "{:?}", done.body);
        assert_eq!(feed.world.rig.register.sweep_feed().await.unwrap(), 0, "nothing is a year old");
        feed.world.rig.hand.advance(days(66));
        assert_eq!(feed.world.rig.register.sweep_feed().await.unwrap(), 2);
        assert_eq!(feed.world.rig.register.sweep_feed().await.unwrap(), 0, "what was settled later goes later");
        assert_eq!(feed.world.recorded("feed-events-erased").await, 1, "and no event where nothing was erased");
        assert_eq!(feed.events("applied").await.len(), 0);
        assert_eq!(feed.events("quarantined").await.len(), 1);
        let held = feed.holds(NURSE).await;
        for (event, id) in [(&first, "e-1"), (&second, "e-2"), (&second, "e-2-again")] {
            let outcome = feed.one(with(event.clone(), &[("id", id)])).await;
            assert_eq!((outcome["state"].as_str(), outcome["reason"].as_str()), (Some("quarantined"), Some("out-of-order")), "{outcome}");
        }
        assert_eq!(feed.holds(NURSE).await, held);
        // What was put aside was never done: its number is nobody's.
        feed.world.rig.hand.advance(days(366));
        while feed.world.rig.register.sweep_feed().await.unwrap() > 0 {}
        assert_eq!(count(&db, "SELECT CAST(COUNT(*) AS BIGINT) FROM directory_feed_order").await, 1);
        assert_eq!(count(&db, "SELECT sequence FROM directory_feed_order").await, 6);
        assert_eq!(count(&db, "SELECT CAST(COUNT(*) AS BIGINT) FROM directory_feed_event WHERE state <> 'quarantined'").await, 0);
    }

    /// Whoever left is looked at once for each thing, whether or not there was any; whoever came back is looked at no more, and
    /// whoever leaves again has new days.
    async fn nobody_is_looked_at_twice(db: Db) {
        let config = Config { retention: Retention { photo_days: 10, contact_days: 20, ..Retention::default() }, ..Config::default() };
        let rig = Rig::with(db.clone(), config);
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let mut made: Vec<UserId> = Vec::new();
        for (at, family) in ["Oak", "Elm", "Ash"].into_iter().enumerate() {
            let mut body = new_person("Ann", family, &format!("198{at}-07-23"), &format!("12345678{at}"));
            body["emails"] = json!(["ann@trust.example"]);
            body["looked_at"] = json!(made.clone());
            made.push(rig.make(&agent, &body).await);
        }
        let due = "SELECT CAST(COUNT(*) AS BIGINT) FROM directory_retention";
        assert_eq!(count(&db, due).await, 0);
        let close = json!({"reason": "left"});
        for user in &made {
            assert_eq!(rig.act(&agent, user, "close", &close).await.status, StatusCode::OK);
        }
        assert_eq!(count(&db, due).await, 9);
        rig.hand.advance(days(11));
        assert_eq!(rig.register.sweep_people().await.unwrap(), 0, "nobody had a photograph");
        assert_eq!(count(&db, due).await, 6);
        // Elm is back, and leaves again a day later.
        let back = json!({"reason": "returned"});
        let reopened = rig.act(&agent, &made[1], "reopen", &back).await;
        assert_eq!(reopened.status, StatusCode::OK, "{:?}", reopened.body);
        assert_eq!(count(&db, due).await, 4);
        rig.hand.advance(days(1));
        assert_eq!(rig.act(&agent, &made[1], "close", &close).await.status, StatusCode::OK);
        rig.hand.advance(days(9));
        assert_eq!(rig.register.sweep_people().await.unwrap(), 2, "Oak and Ash, whose twenty days are over");
        let contacts = async |user: &UserId| {
            texts(&db, "SELECT value FROM directory_contact WHERE user_id = $1", user.as_str()).await.len()
        };
        assert_eq!((contacts(&made[0]).await, contacts(&made[1]).await, contacts(&made[2]).await), (0, 1, 0));
        rig.hand.advance(days(12));
        assert_eq!(rig.register.sweep_people().await.unwrap(), 1);
        assert_eq!(count(&db, due).await, 3, "the numbers, whose day is years away");
        assert_eq!(rig.register.sweep_people().await.unwrap(), 0);
    }

    /// How many users a system has is not counted when it is asked, and is right after each way that changes it.
    async fn totals_are_kept(db: Db) {
        let rig = Rig::new(db.clone());
        let payroll = personnel("payroll", "RXX");
        let post = async |number: usize| {
            let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": number.to_string(),
                "userName": format!("user {number}"), "name": {"givenName": "Ann", "familyName": format!("Family{}", "abcdefgh".repeat(number))}});
            rig.file(&payroll, Method::POST, "/directory/scim/v2/Users", &[("content-type", "application/scim+json")], body.to_string().as_bytes()).await
        };
        let total = async || -> Value { rig.get(&payroll, "/directory/scim/v2/Users?count=0").await.body["totalResults"].clone() };
        assert_eq!(total().await, 0);
        for number in 1..=3 {
            let made = post(number).await;
            assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        }
        assert_eq!(post(1).await.status, StatusCode::OK, "the same again is no other");
        assert_eq!(total().await, 3);
        let other = personnel("other", "RYY");
        assert_eq!(rig.get(&other, "/directory/scim/v2/Users").await.body["totalResults"], 0);
        let same = count(&db, "SELECT CAST(COUNT(*) AS BIGINT) FROM directory_person_link").await;
        assert_eq!(same, 3);
    }

    /// What was asked for is erased with everything said of it when its time is over, of profiles that were never made too; what waits
    /// stays. The addresses in a request go with those of the profile that it made.
    async fn requests_are_erased(db: Db) {
        let retention = Retention { contact_days: 3, request_days: 10, draft_days: 5, ..Retention::default() };
        let world = World::with(db.clone(), Config { retention, ..Config::default() }).await;
        let asked = async |family: &str, passport: &str, state: &str| {
            let mut new = new_person("Ann", family, "1984-07-23", passport);
            new["emails"] = json!([format!("{family}@trust.example")]);
            let ask = json!({"kind": "create-person", "organisation": "RXX", "profile": new});
            let made = world.rig.post(&who(AGENT), "/directory/requests", &json!({"ask": ask, "state": state, "notes": "Begins soon"})).await;
            assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
            text(&made, "id")
        };
        let decided = async |id: &str, last: &str, body: Value| {
            let path = |last: &str| format!("/directory/requests/{id}/{last}");
            let opened = world.rig.send(&who(AGENT_TWO), Method::PUT, &path("lock"), &[("if-match", "*")], None).await;
            assert_eq!(opened.status, StatusCode::OK, "{:?}", opened.body);
            world.act(&who(AGENT_TWO), &path(last), &body).await
        };
        asked("Draft", "123456781", "draft").await;
        asked("Waits", "123456782", "submitted").await;
        let (rejected, made) = (asked("Elm", "123456783", "submitted").await, asked("Oak", "123456784", "submitted").await);
        assert_eq!(decided(&rejected, "rejection", json!({"reason": "Not of this trust"})).await.body["state"], "rejected");
        let applied = decided(&made, "approval", json!({})).await;
        assert_eq!(applied.body["state"], "applied", "{:?}", applied.body);
        let person: UserId = text(&applied, "person").parse().unwrap();
        assert_eq!(world.rig.act(&who(AGENT), &person, "close", &json!({"reason": "left"})).await.status, StatusCode::OK);

        let of = async |state: &str| texts(&db, "SELECT asked FROM directory_request WHERE state = $1", state).await.concat();
        assert!(of("applied").await.contains("Oak@trust.example"));
        world.rig.hand.advance(days(4));
        assert_eq!(world.rig.register.sweep_people().await.unwrap(), 1);
        let left = of("applied").await;
        assert!(left.contains("Oak") && !left.contains('@'), "{left}");
        let erased = async || world.rig.register.sweep_requests().await.unwrap();
        assert_eq!(erased().await, 0, "nothing is over for long enough");
        world.rig.hand.advance(days(2));
        assert_eq!((erased().await, of("draft").await.as_str()), (1, ""));
        assert!(of("rejected").await.contains("Elm"));
        world.rig.hand.advance(days(5));
        assert_eq!((erased().await, erased().await), (2, 0));
        let states = texts(&db, "SELECT state FROM directory_request WHERE state <> $1", "").await;
        assert_eq!(states, ["submitted"], "what waits expires in its own time");
        let steps = "SELECT CAST(COUNT(*) AS BIGINT) FROM directory_request_step WHERE request_id NOT IN (SELECT request_id FROM directory_request)";
        assert_eq!((count(&db, steps).await, world.recorded("requests-erased").await), (0, 2));
        assert_eq!(world.rig.get(&who(AGENT), &format!("/directory/requests/{rejected}")).await.status, StatusCode::NOT_FOUND);
        world.demand_one_name().await;
    }
}
