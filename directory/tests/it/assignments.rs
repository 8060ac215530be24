//! Assignments one at a time: days, who makes them, and what they give.

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::json;

use crate::world::{
    AGENT, CHECKER, MANAGER, NURSE, SPONSOR, World, close_person, day, stand, text, user, who,
};

platform::both_engines! {
    /// Somebody holds a position once at a time; the answer names the assignment in the way.
    async fn overlapping_assignments_are_refused(db: Db) {
        let world = World::new(db).await;
        let agent = who(AGENT);
        let assign = |start: i64, end: Option<i64>| {
            let world = &world;
            let body = json!({"person": user(NURSE), "position": world.ward, "start": day(start), "end": end.map(day)});
            async move { world.rig.post(&who(AGENT), "/directory/assignments", &body).await }
        };
        let first = assign(10, Some(20)).await;
        assert_eq!((first.status, first.body["state"].as_str()), (StatusCode::CREATED, Some("to-come")), "{:?}", first.body);
        for (start, end) in [(0, None), (20, None), (15, Some(16)), (0, Some(10))] {
            let refused = assign(start, end).await;
            assert_eq!(refused.code(), "assignment-overlaps", "{start} {end:?}");
            assert!(refused.body["detail"].as_str().unwrap().contains(&text(&first, "id")));
        }
        let second = assign(21, None).await;
        assert_eq!(second.status, StatusCode::CREATED);
        // Nor does a later end reach into the next one.
        let path = format!("/directory/assignments/{}", text(&first, "id"));
        assert_eq!(world.patch(&agent, &path, &json!({"end": day(21)})).await.code(), "assignment-overlaps");
        assert_eq!(world.patch(&agent, &path, &json!({"end": day(19)})).await.body["end"], day(19));
        assert_eq!(world.recorded("position-assigned").await, 6 + 2);
    }

    /// Days that are none, have passed or are out of order are refused, and the start is no member of a change.
    async fn bad_days_are_refused(db: Db) {
        let world = World::new(db).await;
        let agent = who(AGENT);
        for (start, end) in [("2026-02-30", day(1)), (day(-1).as_str(), day(1)), (day(5).as_str(), day(4)), (day(0).as_str(), "1.2.2027".to_owned())] {
            let body = json!({"person": user(NURSE), "position": world.ward, "start": start, "end": end});
            let refused = world.rig.post(&agent, "/directory/assignments", &body).await;
            assert_eq!(refused.code(), "field-invalid", "{start} {end}");
        }
        let made = world.assign(&agent, NURSE, &world.ward).await;
        let path = format!("/directory/assignments/{made}");
        assert_eq!(world.patch(&agent, &path, &json!({"start": day(3)})).await.code(), "json-invalid");
        assert_eq!(world.patch(&agent, &path, &json!({"end": day(-1)})).await.code(), "field-invalid");
        let open = world.patch(&agent, &path, &json!({"end": day(9), "notes": "For ten days"})).await;
        assert_eq!((open.body["end"].clone(), open.body["notes"].clone()), (json!(day(9)), json!("For ten days")));
        let forever = world.patch(&agent, &path, &json!({"end": null})).await;
        assert_eq!((forever.body["end"].clone(), forever.body["notes"].clone()), (json!(null), json!("For ten days")));
        let (redated, told) = (world.recorded("assignment-redated").await, world.changes(0).await.len());
        for nothing in [json!({}), json!({"end": null}), json!({"notes": "For ten days"})] {
            let same = world.patch(&agent, &path, &nothing).await;
            assert_eq!((same.status, &same.body), (StatusCode::OK, &forever.body), "{nothing}");
        }
        assert_eq!((world.recorded("assignment-redated").await, world.changes(0).await.len()), (redated, told), "nothing was done");
        // Notes are nobody's who follows, and recorded as what they are.
        let noted = world.patch(&agent, &path, &json!({"notes": "For good"})).await;
        assert_eq!((&noted.body["notes"], noted.body["version"].as_i64()), (&json!("For good"), forever.body["version"].as_i64().map(|before| before + 1)));
        assert_eq!(world.rig.get(&agent, &path).await.body, noted.body);
        assert_eq!((world.recorded("assignment-redated").await, world.changes(0).await.len()), (redated, told));
        assert_eq!(world.recorded("assignment-noted").await, 2);
    }

    /// A sponsor assigns, re-dates and takes away exactly the assignable positions; anything else is by request.
    async fn sponsors_assign_what_is_assignable(db: Db) {
        let world = World::new(db).await;
        let sponsor = who(SPONSOR);
        let made = world.assign(&sponsor, NURSE, &world.ward).await;
        assert_eq!(world.try_assign(&sponsor, NURSE, &world.clinic).await.code(), "by-request");
        assert_eq!(world.try_assign(&who(CHECKER), NURSE + 1, &world.ward).await.code(), "not-in-role");
        let path = format!("/directory/assignments/{made}");
        assert_eq!(world.patch(&sponsor, &path, &json!({"end": day(30)})).await.status, StatusCode::OK);
        let other = world.assign(&who(AGENT), NURSE, &world.clinic).await;
        let other = format!("/directory/assignments/{other}");
        assert_eq!(world.patch(&sponsor, &other, &json!({"end": day(30)})).await.code(), "by-request");
        let gone = world.act(&sponsor, &format!("{path}/removal"), &json!({"notes": "Moved"})).await;
        assert_eq!((gone.body["state"].as_str(), gone.body["removed"]["by"].as_str()), (Some("removed"), Some(user(SPONSOR).as_str())));
        assert_eq!(world.patch(&sponsor, &path, &json!({"end": day(40)})).await.code(), "assignment-ended");
    }

    /// Nobody puts themselves anywhere, nor anybody whose profile is closed, nor into what lies elsewhere.
    async fn nobody_assigns_themselves(db: Db) {
        let world = World::new(db.clone()).await;
        assert_eq!(world.try_assign(&who(MANAGER), MANAGER, &world.ward).await.code(), "own-record");
        assert_eq!(world.try_assign(&who(AGENT), NURSE, &world.manager_position).await.code(), "above-rank");
        close_person(&db, NURSE).await;
        assert_eq!(world.try_assign(&who(AGENT), NURSE, &world.ward).await.code(), "profile-closed");
        assert_eq!(world.try_assign(&who(AGENT), 9999, &world.ward).await.status, StatusCode::NOT_FOUND);
        close_person(&db, AGENT).await;
        assert_eq!(world.try_assign(&who(AGENT), NURSE + 1, &world.ward).await.code(), "own-profile-closed");
        assert_eq!(world.recorded("position-assigned").await, 6);
    }

    /// Nobody puts anybody into a position of whom it was not checked who they are: not an agent, and not an operator.
    async fn unverified_people_are_put_nowhere(db: Db) {
        let world = World::new(db.clone()).await;
        stand(&db, NURSE, "unverified").await;
        let positions = [world.ward.clone(), world.manager_position.clone()];
        for caller in [who(MANAGER), world.operator.clone()] {
            for position in &positions {
                let refused = world.try_assign(&caller, NURSE, position).await;
                assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "identity-unverified"), "{:?}", refused.body);
            }
        }
        assert_eq!(world.try_assign(&who(SPONSOR), NURSE, &world.ward).await.code(), "identity-unverified");
        assert_eq!((world.recorded("position-assigned").await, world.roles(NURSE).await.len()), (6, 0));
        stand(&db, NURSE, "verified").await;
        world.assign(&who(SPONSOR), NURSE, &world.ward).await;
    }

    /// An agent does not re-date or end what a manager holds; a manager does.
    async fn nobody_touches_what_those_above_hold(db: Db) {
        let world = World::new(db).await;
        let operator = world.operator.clone();
        world.assign(&operator, NURSE, &world.manager_position).await;
        let ward = world.assign(&who(MANAGER), NURSE, &world.ward).await;
        let path = format!("/directory/assignments/{ward}");
        assert_eq!(world.patch(&who(AGENT), &path, &json!({"end": day(3)})).await.code(), "above-rank");
        let removal = format!("{path}/removal");
        assert_eq!(world.act(&who(AGENT), &removal, &json!({"notes": "x"})).await.code(), "above-rank");
        assert_eq!(world.act(&who(MANAGER), &removal, &json!({"notes": "x"})).await.status, StatusCode::OK);
    }

    /// A lost update is told; a removal with the version of an older read does nothing.
    async fn lost_updates_of_assignments_are_told(db: Db) {
        let world = World::new(db).await;
        let agent = who(AGENT);
        let made = world.assign(&agent, NURSE, &world.ward).await;
        let path = format!("/directory/assignments/{made}");
        let old = world.rig.get(&agent, &path).await.etag();
        assert_eq!(world.patch(&agent, &path, &json!({"end": day(3)})).await.status, StatusCode::OK);
        let removal = format!("{path}/removal");
        let lost = world.rig.send(&agent, Method::POST, &removal, &[("if-match", &old)], Some(&json!({"notes": "x"}))).await;
        assert_eq!((lost.status, lost.code()), (StatusCode::PRECONDITION_FAILED, "changed"));
        assert_eq!(world.rig.get(&agent, &path).await.body["state"], "live");
    }

    /// What ended or was taken away is shown to those who see it: sponsors and above, where they act, and to nobody else.
    async fn ended_assignments_are_for_those_who_may(db: Db) {
        let world = World::new(db).await;
        let agent = who(AGENT);
        let made = world.assign(&agent, NURSE, &world.ward).await;
        let removal = format!("/directory/assignments/{made}/removal");
        world.act(&agent, &removal, &json!({"notes": "Moved"})).await;
        let seen = |number: u64| {
            let world = &world;
            async move {
                let path = format!("/directory/people/{}/assignments?state=all", user(NURSE));
                let listed = world.rig.get(&who(number), &path).await;
                listed.body["items"].as_array().unwrap().len()
            }
        };
        assert_eq!((seen(AGENT).await, seen(SPONSOR).await, seen(CHECKER).await, seen(NURSE + 1).await), (1, 1, 0, 0));
        let one = format!("/directory/assignments/{made}");
        assert_eq!(world.rig.get(&who(CHECKER), &one).await.status, StatusCode::NOT_FOUND);
        let holders = |state: &str| format!("/directory/positions/{}/assignments?state={state}", world.ward);
        assert_eq!(world.rig.get(&agent, &holders("all")).await.body["items"][0]["removed"]["notes"], "Moved");
        assert_eq!(world.rig.get(&agent, &holders("live")).await.body["items"], json!([]));
        assert_eq!(world.rig.get(&who(SPONSOR), &holders("live")).await.status, StatusCode::OK);
    }

    /// The feed tells once of an assignment whose last day has passed, however often it is swept.
    async fn ends_are_told_once(db: Db) {
        let world = World::new(db).await;
        let body = json!({"person": user(NURSE), "position": world.ward, "end": day(2)});
        let made = text(&world.rig.post(&who(AGENT), "/directory/assignments", &body).await, "id");
        world.wait_days(2);
        world.sweep().await;
        let ended = |rows: Vec<(String, String)>| rows.iter().filter(|row| row.0 == "assignment-ended" && row.1 == made).count();
        assert_eq!((world.roles(NURSE).await.len(), ended(world.changes(0).await)), (1, 0));
        world.wait_days(1);
        // The date decides, whether it was told or not.
        assert!(world.roles(NURSE).await.is_empty());
        world.sweep().await;
        world.sweep().await;
        assert_eq!(ended(world.changes(0).await), 1);
        assert_eq!(world.recorded("assignments-expired").await, 1);
        let path = format!("/directory/assignments/{made}");
        assert_eq!(world.rig.get(&who(AGENT), &path).await.body["state"], "ended");
    }
}
