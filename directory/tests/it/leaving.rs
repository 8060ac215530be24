//! Leaving is one act, and those who follow are seen to follow.

use directory::api::CHANGES;
use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::json;

use crate::rig::system;
use crate::world::{ADVANCED, AGENT, MANAGER, NURSE, SPONSOR, World, day, user, who};

platform::both_engines! {
    /// Everything somebody holds ends in one act, the feed tells of it, and each consumer's progress is shown.
    async fn leaving_at_once_ends_everything(db: Db) {
        let world = World::new(db).await;
        let agent = who(AGENT);
        let ward = world.assign(&agent, NURSE, &world.ward).await;
        world.assign(&agent, NURSE, &world.clinic).await;
        let follower = system("ca-node", &[CHANGES]);
        let applied = world.changes(0).await.len();
        let progress = |applied: usize| json!({"applied": applied});
        world.rig.send(&follower, Method::PUT, "/directory/consumers/ca-node", &[], Some(&progress(applied))).await;
        let path = format!("/directory/people/{}/leaving", user(NURSE));
        let left = world.rig.post(&agent, &path, &json!({"day": day(-1), "reason": "Dismissed"})).await;
        assert_eq!(left.status, StatusCode::CREATED, "{:?}", left.body);
        assert_eq!(left.body["consumers"], json!([{"name": "ca-node", "state": "behind"}]));
        assert!(world.roles(NURSE).await.is_empty());
        let told = world.changes(applied as u64).await;
        assert_eq!(told.iter().filter(|row| row.0 == "assignment-ended").count(), 2);
        assert_eq!(told.last().unwrap(), &("person-closed".to_owned(), user(NURSE)));
        world.rig.send(&follower, Method::PUT, "/directory/consumers/ca-node", &[], Some(&progress(applied + 3))).await;
        let shown = world.rig.get(&who(MANAGER), &path).await;
        assert_eq!(shown.body["leavings"][0]["consumers"][0]["state"], "applied");
        let one = world.rig.get(&agent, &format!("/directory/assignments/{ward}")).await;
        assert_eq!((one.body["state"].as_str(), one.body["removed"]["notes"].as_str()), (Some("removed"), Some("Dismissed")));
        assert_eq!(world.recorded("person-leaves").await, 1);
        world.sweep().await;
        assert_eq!(world.changes(0).await.len(), applied + 3, "told once");
    }

    /// However much somebody holds, all of it ends with them in one act: more than any page, and what is to come too.
    async fn leaving_ends_any_number_of_assignments(db: Db) {
        let world = World::new(db.clone()).await;
        let agent = who(AGENT);
        let path = format!("/directory/people/{}/leaving", user(NURSE));
        // One for each day of some years.
        let many = "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 1599) \
                    INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, to_day, state, via, \
                    made_by, made_at, version) SELECT '00000000-0000-7000-8000-0000' || CAST(10000000 + i AS TEXT), $1, $2, 'RXX01', \
                    CAST(2027 + i / 360 AS TEXT) || '-' || SUBSTR(CAST(101 + (i / 30) % 12 AS TEXT), 2) || '-' \
                    || SUBSTR(CAST(101 + i % 28 AS TEXT), 2), NULL, 'live', 'cim', 'x', 0, 1 FROM n";
        crate::people_rig::execute(&db, many, vec![user(NURSE), world.ward.clone()]).await;
        world.assign(&agent, NURSE + 1, &world.ward).await;
        let told = world.changes(0).await.len();
        let left = world.rig.post(&agent, &path, &json!({"day": day(-1), "reason": "Dismissed"})).await;
        assert_eq!(left.status, StatusCode::CREATED, "{:?}", left.body);
        let live = "SELECT assignment_id FROM directory_assignment WHERE state = 'live' AND user_id = $1";
        assert!(crate::people_rig::texts(&db, live, &user(NURSE)).await.is_empty());
        assert_eq!(crate::people_rig::texts(&db, live, &user(NURSE + 1)).await.len(), 1, "another stays");
        assert_eq!((world.recorded("assignment-removed").await, world.recorded("person-leaves").await), (1600, 1));
        let first = world.changes(told as u64).await;
        let rest = world.changes(told as u64 + 1000).await;
        let ended = first.iter().chain(&rest).filter(|row| row.0 == "assignment-ended").count();
        assert_eq!((ended, rest.last().unwrap()), (1600, &("person-closed".to_owned(), user(NURSE))));
    }

    /// A leaving to come cuts what reaches past the last day, and is told once that has passed.
    async fn leaving_later_is_told_after_the_day(db: Db) {
        let world = World::new(db).await;
        let agent = who(AGENT);
        world.assign(&agent, NURSE, &world.ward).await;
        let later = json!({"person": user(NURSE), "position": world.clinic, "start": day(20)});
        world.rig.post(&agent, "/directory/assignments", &later).await;
        let path = format!("/directory/people/{}/leaving", user(NURSE));
        let left = world.rig.post(&agent, &path, &json!({"day": day(10), "reason": "Retires"})).await;
        assert_eq!((left.status, left.body.get("told")), (StatusCode::CREATED, None), "{:?}", left.body);
        let listed = world.rig.get(&agent, &format!("/directory/people/{}/assignments", user(NURSE))).await;
        let ends: Vec<&str> = listed.body["items"].as_array().unwrap().iter().map(|row| row["end"].as_str().unwrap()).collect();
        assert_eq!(ends, [day(10)]);
        world.wait_days(10);
        world.sweep().await;
        assert_eq!(world.roles(NURSE).await.len(), 1);
        assert!(!world.changes(0).await.iter().any(|row| row.0 == "person-closed"));
        world.wait_days(1);
        world.sweep().await;
        world.sweep().await;
        let told = world.changes(0).await;
        let last: Vec<&str> = told[told.len() - 2..].iter().map(|row| row.0.as_str()).collect();
        assert_eq!(last, ["assignment-ended", "person-closed"]);
        assert!(world.rig.get(&agent, &path).await.body["leavings"][0]["told"].is_u64());
    }

    /// From one organisation only what is held there ends; from everywhere, those who could close the profile do it.
    async fn leaving_is_for_those_who_may(db: Db) {
        let world = World::new(db).await;
        let agent = who(AGENT);
        world.assign(&agent, NURSE, &world.ward).await;
        world.assign(&agent, NURSE, &world.clinic).await;
        let path = format!("/directory/people/{}/leaving", user(NURSE));
        let everywhere = json!({"day": day(-1), "reason": "Leaves"});
        assert_eq!(world.rig.post(&who(SPONSOR), &path, &everywhere).await.code(), "by-request");
        let trust = json!({"day": day(-1), "reason": "Leaves", "organisation": "RXX"});
        assert_eq!(world.rig.post(&who(SPONSOR), &path, &trust).await.code(), "by-request");
        let ward = json!({"day": day(-1), "reason": "Leaves", "organisation": "rxx01"});
        assert_eq!(world.rig.post(&who(SPONSOR), &path, &ward).await.status, StatusCode::CREATED);
        let roles = world.roles(NURSE).await;
        assert_eq!((roles.len(), roles[0]["org_code"].as_str()), (1, Some("RXX")));
        assert!(!world.changes(0).await.iter().any(|row| row.0 == "person-closed"));
        assert_eq!(world.rig.post(&agent, &path, &ward).await.code(), "not-assigned");
        // What is listed is read on where the page ended, latest first.
        assert_eq!(world.rig.post(&agent, &path, &everywhere).await.status, StatusCode::CREATED);
        let whole = world.rig.get(&agent, &path).await.body;
        let ids = |page: &serde_json::Value| page["leavings"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let all = ids(&whole);
        assert!(all.len() == 2 && whole.get("next").is_none(), "{whole}");
        let first = world.rig.get(&agent, &format!("{path}?limit=1")).await.body;
        assert_eq!((ids(&first), first["next"].as_str()), (vec![all[0].clone()], Some(all[0].as_str())));
        let second = world.rig.get(&agent, &format!("{path}?limit=1&after={}", all[0])).await.body;
        assert_eq!((ids(&second), second.get("next")), (vec![all[1].clone()], None));
        assert_eq!(world.rig.get(&agent, &format!("{path}?after=nobody")).await.code(), "field-invalid");
        let manager = format!("/directory/people/{}/leaving", user(MANAGER));
        assert_eq!(world.rig.post(&who(ADVANCED), &manager, &everywhere).await.code(), "above-rank");
        assert_eq!(world.rig.post(&who(MANAGER), &manager, &everywhere).await.code(), "own-record");
    }

    /// From the last organisation the profile closes where whoever says so could close it, and stays open where they could not; what was
    /// asked for there ends either way, and what was asked for elsewhere stays.
    async fn leaving_the_last_organisation_closes(db: Db) {
        let world = World::new(db.clone()).await;
        let agent = who(AGENT);
        let left = async |by: u64, number: u64| {
            let path = format!("/directory/people/{}/leaving", user(number));
            let body = json!({"day": day(-1), "reason": "Leaves", "organisation": "RXX01"});
            let left = world.rig.post(&who(by), &path, &body).await;
            assert_eq!(left.status, StatusCode::CREATED, "{:?}", left.body);
            left.body["afterwards"].as_str().unwrap().to_owned()
        };
        let asked = async |number: u64, ask: serde_json::Value| {
            let made = world.rig.post(&who(SPONSOR), "/directory/requests", &json!({"ask": ask, "state": "draft"})).await;
            assert_eq!(made.status, StatusCode::CREATED, "{number}: {:?}", made.body);
            made.body["id"].as_str().unwrap().to_owned()
        };
        let states = async |text: &'static str, of: &str| crate::people_rig::texts(&db, text, of).await;
        let request = "SELECT state FROM directory_request WHERE request_id = $1";
        let person = "SELECT state FROM directory_person WHERE user_id = $1";
        let held = world.assign(&agent, NURSE, &world.ward).await;
        let there = asked(NURSE, json!({"kind": "redate", "assignment": held, "end": day(50)})).await;
        let elsewhere = asked(NURSE, json!({"kind": "assign", "person": user(NURSE), "position": world.clinic})).await;
        assert_eq!(left(SPONSOR, NURSE).await, "open", "a sponsor closes nobody");
        assert_eq!((states(person, &user(NURSE)).await, states(request, &there).await), (vec!["open".to_owned()], vec!["withdrawn".to_owned()]));
        assert_eq!(states(request, &elsewhere).await, ["draft"]);
        for number in [NURSE + 1, NURSE + 2] {
            world.assign(&agent, number, &world.ward).await;
        }
        world.assign(&agent, NURSE + 2, &world.clinic).await;
        assert_eq!((left(AGENT, NURSE + 1).await, left(AGENT, NURSE + 2).await), ("closed".to_owned(), "closed".to_owned()));
        assert_eq!((states(person, &user(NURSE + 1)).await, states(person, &user(NURSE + 2)).await), (vec!["closed".to_owned()], vec!["open".to_owned()]));
    }

    /// A leaving to come is done once: a closing meanwhile settles it, so that whoever is back is not closed by it; it is taken back by
    /// those who could have said it; it goes with a record that becomes another's; and one that cannot be told keeps no other.
    async fn leavings_to_come_are_settled(db: Db) {
        let world = World::new(db.clone()).await;
        let (agent, manager) = (who(AGENT), who(MANAGER));
        let path = |number: u64, last: &str| format!("/directory/people/{}/{last}", user(number));
        let leaves = async |number: u64| {
            let body = json!({"day": day(10), "reason": "Retires"});
            let said = world.rig.post(&agent, &path(number, "leaving"), &body).await;
            assert_eq!(said.status, StatusCode::CREATED, "{:?}", said.body);
            path(number, &format!("leaving/{}", said.body["id"].as_str().unwrap()))
        };
        let states = async |text: &'static str, of: &str| crate::people_rig::texts(&db, text, of).await;
        let (back, stays, one, other, broken) = (NURSE, NURSE + 1, NURSE + 2, NURSE + 3, NURSE + 4);
        for number in [back, stays, other] {
            world.assign(&agent, number, &world.ward).await;
        }
        let (settled, kept) = (leaves(back).await, leaves(stays).await);
        leaves(other).await;
        assert_eq!(world.act(&agent, &path(back, "close"), &json!({"reason": "left"})).await.status, StatusCode::OK);
        assert_eq!(world.act(&agent, &path(back, "reopen"), &json!({"reason": "returned"})).await.status, StatusCode::OK);

        let withdraw = async |by: u64, path: &str| world.rig.send(&who(by), Method::DELETE, path, &[], None).await;
        assert_eq!(withdraw(SPONSOR, &kept).await.code(), "by-request");
        assert_eq!(withdraw(stays, &kept).await.status, StatusCode::FORBIDDEN);
        let of_another = kept.replace(&user(stays), &user(back));
        assert_eq!(withdraw(AGENT, &of_another).await.status, StatusCode::NOT_FOUND);
        assert_eq!(withdraw(AGENT, &kept).await.status, StatusCode::NO_CONTENT);
        assert_eq!(withdraw(AGENT, &kept).await.code(), "leaving-withdrawn");
        assert_eq!(withdraw(AGENT, &settled).await.code(), "leaving-done");
        let shown = world.rig.get(&agent, &path(stays, "leaving")).await.body["leavings"][0].clone();
        assert_eq!((shown["withdrawn_at"].is_i64(), shown.get("told"), &shown["consumers"]), (true, None, &json!([])), "{shown}");
        // The release before tells of those that have no number yet.
        let waiting = "SELECT leaving_id FROM directory_leaving WHERE told IS NULL AND user_id = $1";
        assert!(states(waiting, &user(stays)).await.is_empty());

        let same = "UPDATE directory_person SET standing = 'verified', ni_hash = 'same', ni_mask = 'same' WHERE user_id IN ($1, $2)";
        crate::people_rig::execute(&db, same, vec![user(one), user(other)]).await;
        let body = json!({"duplicate": user(other), "duplicate_version": 1});
        let merged = world.act(&manager, &path(one, "merge"), &body).await;
        assert_eq!(merged.status, StatusCode::OK, "{:?}", merged.body);
        leaves(broken).await;
        // As the release before writes them, and one that cannot be told.
        crate::people_rig::execute(&db, "UPDATE directory_leaving SET afterwards = 'open'", Vec::new()).await;
        let standing = "UPDATE directory_person SET standing = $2 WHERE user_id = $1";
        crate::people_rig::execute(&db, standing, vec![user(broken), "none".to_owned()]).await;
        world.wait_days(11);
        world.sweep().await;
        let state = "SELECT state FROM directory_person WHERE user_id = $1";
        for (number, expected) in [(back, "open"), (stays, "open"), (one, "closed"), (other, "merged"), (broken, "open")] {
            assert_eq!(states(state, &user(number)).await, [expected], "{number}");
        }
        crate::people_rig::execute(&db, standing, vec![user(broken), "verified".to_owned()]).await;
        world.sweep().await;
        assert_eq!(states(state, &user(broken)).await, ["closed"], "it is tried again");
        let former = "SELECT f.id FROM directory_former f JOIN directory_person p ON p.user_id = f.id AND f.version = p.version - 1 \
                      WHERE f.kind = 'person' AND f.id = $1";
        assert_eq!(states(former, &user(one)).await, [user(one)], "what it was is kept");
        assert_eq!(world.recorded("leaving-withdrawn").await, 1);
        world.demand_one_name().await;
    }
}
