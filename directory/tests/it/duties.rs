//! Separation of duty: persons are compared and not ids, in every act that two people do.

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use crate::feed_rig::Payroll;
use crate::people_rig::{execute, texts};
use crate::rig::Answered;
use crate::world::{
    AGENT, AGENT_TWO, MANAGER, NURSE, ROLE_OF_MANAGERS, ROLE_OF_NURSES, SPONSOR, World, day, position, text,
    user, who,
};

/// A record that was a second one of the manager.
const OF_MANAGER: u64 = NURSE + 50;

/// Makes one record part of another, as a merge leaves it.
async fn merged(db: &Db, into: u64, from: u64) {
    let text = "UPDATE directory_person SET state = 'merged', merged_into = $1 WHERE user_id = $2";
    execute(db, text, vec![user(into), user(from)]).await;
}

/// Gives somebody a name.
async fn named(db: &Db, number: u64, given: &str, family: &str) {
    let text = "UPDATE directory_person SET given = $1, family = $2 WHERE user_id = $3";
    execute(db, text, vec![given.to_owned(), family.to_owned(), user(number)]).await;
}

/// The ways in which the manager could write themselves down as another.
fn oneself() -> Vec<String> {
    let spaced = |id: String| format!("{} {} {} {}", &id[..3], &id[3..6], &id[6..9], &id[9..]);
    vec![
        user(MANAGER),
        spaced(user(MANAGER)),
        format!("Ann Example ({})", user(MANAGER)),
        user(OF_MANAGER),
        spaced(user(OF_MANAGER)).replace(' ', "-"),
        "Ann Example".to_owned(),
        "EXAMPLE, Ann".to_owned(),
    ]
}

platform::both_engines! {
    /// Whoever writes an approval down is not its approver: under no id of theirs, however it is written, nor by their name. A
    /// namesake is told apart by their id.
    async fn nobody_approves_what_they_write_down(db: Db) {
        let feed = Payroll::new(db.clone()).await;
        let world = &feed.world;
        let manager = who(MANAGER);
        merged(&db, MANAGER, OF_MANAGER).await;
        named(&db, MANAGER, "Ann", "Example").await;
        let made = world.make(&manager, &position("RXX", "Nurses of theatre", ROLE_OF_NURSES, &["B1300"])).await;
        let acts = async |approver: &str| -> Vec<(&'static str, Answered)> {
            let approval = json!({"how": "Minutes", "approver": approver});
            let mut new = position("RXX", "Another", ROLE_OF_NURSES, &[]);
            new["approval"] = approval.clone();
            let path = format!("/directory/positions/{made}");
            let closing = json!({"reason": "Over", "approver": approver, "word": "CLOSE", "assignments": "end"});
            let assignable = json!({"positions": [], "approval": approval});
            let link = json!({"organisation": "RXX", "their_position": format!("P {approver}"), "position": world.ward, "approval": approval});
            let star = [("if-match", "*")];
            vec![
                ("create", world.rig.post(&manager, "/directory/positions", &new).await),
                ("change", world.patch(&manager, &path, &json!({"name": "Renamed", "approval": approval})).await),
                ("assignable", world.rig.send(&manager, Method::PUT, &format!("{path}/assignable"), &star, Some(&assignable)).await),
                ("link", world.rig.post(&manager, "/directory/feed/links", &link).await),
                ("close", world.act(&manager, &format!("{path}/closing"), &closing).await),
            ]
        };
        for approver in oneself() {
            for (act, answered) in acts(&approver).await {
                assert_eq!((answered.status, answered.code()), (StatusCode::BAD_REQUEST, "field-invalid"), "{act} by {approver}: {:?}", answered.body);
                let detail = answered.body["detail"].as_str().unwrap();
                assert!(detail.contains("than you"), "{act} by {approver}: {detail}");
            }
        }
        for (act, answered) in acts(&format!("Ann Example {}", user(AGENT))).await {
            assert!(answered.status.is_success(), "{act}: {:?}", answered.body);
        }
    }

    /// A request is decided by nobody who asked for it under another record, and nothing is done to whoever does it under another.
    async fn a_merged_record_is_the_same_person(db: Db) {
        let world = World::new(db.clone()).await;
        let (second, manager) = (NURSE + 60, who(MANAGER));
        // Asked by a record that then turns out to be the agent's.
        world.assign(&manager, second, &world.agent_position).await;
        let step = async |number: u64, id: &str, step: &str| -> Answered {
            let path = format!("/directory/requests/{id}/{step}");
            let method = if step == "lock" { Method::PUT } else { Method::POST };
            world.rig.send(&who(number), method, &path, &[("if-match", "*")], Some(&json!({}))).await
        };
        let ask = async |by: u64, ask: Value| text(&world.rig.post(&who(by), "/directory/requests", &json!({"ask": ask})).await, "id");
        let wanted = json!({"kind": "assign", "person": user(NURSE), "position": world.clinic, "end": day(100)});
        let failed = ask(second, wanted.clone()).await;
        let in_the_way = world.assign(&who(AGENT_TWO), NURSE, &world.clinic).await;
        step(AGENT_TWO, &failed, "lock").await;
        assert_eq!(step(AGENT_TWO, &failed, "approval").await.body["state"], "failed");
        world.act(&who(AGENT_TWO), &format!("/directory/assignments/{in_the_way}/removal"), &json!({"notes": "x"})).await;
        let waits = ask(second, wanted).await;
        let about = ask(SPONSOR, json!({"kind": "close-person", "person": user(second)})).await;
        merged(&db, AGENT, second).await;
        for (id, first) in [(&failed, "retry"), (&waits, "lock")] {
            assert_eq!(step(AGENT, id, first).await.code(), "own-request", "{first}");
        }
        assert_eq!(step(AGENT, &about, "lock").await.code(), "own-record");
        assert_eq!(step(AGENT_TWO, &failed, "retry").await.body["state"], "applied");
        let path = format!("/directory/requests/{failed}");
        assert_eq!(world.rig.get(&who(AGENT), &path).await.status, StatusCode::OK, "it is their own");
    }

    /// What was checked under one of two records for the other is checked by nobody: two records are made one once somebody else
    /// has looked.
    async fn records_do_not_vouch_for_each_other(db: Db) {
        let world = World::new(db.clone()).await;
        let (one, other) = (NURSE, NURSE + 1);
        let text = "UPDATE directory_person SET ni_hash = 'same', ni_mask = 'same' WHERE user_id IN ($1, $2)";
        execute(&db, text, vec![user(one), user(other)]).await;
        let shown = |number: u64| json!({"document": "passport", "issuer": "United Kingdom", "number": format!("{number}23456789"), "method": "f2f"});
        let note = async |by: u64, of: u64, new: Value| {
            let path = format!("/directory/people/{}/evidence", user(of));
            world.rig.post(&who(by), &path, &new).await
        };
        let noted = note(AGENT, one, shown(1)).await;
        assert!(noted.status.is_success(), "{:?}", noted.body);
        let text = "UPDATE directory_evidence SET checker = $1 WHERE user_id = $2";
        execute(&db, text, vec![user(other), user(one)]).await;
        let version = texts(&db, "SELECT CAST(version AS TEXT) FROM directory_person WHERE user_id = $1", &user(other)).await;
        let path = format!("/directory/people/{}/merge", user(one));
        let body = json!({"duplicate": user(other), "duplicate_version": version[0].parse::<i64>().unwrap()});
        assert_eq!(world.act(&who(MANAGER), &path, &body).await.code(), "checked-by-themselves");
        for (number, document) in [(2, "passport"), (3, "driving-licence")] {
            let new = json!({"document": document, "issuer": "DVLA", "number": format!("{number}23456789"), "method": "f2f"});
            assert!(note(AGENT, one, new).await.status.is_success(), "{document}");
        }
        let bill = json!({"document": "utility-bill", "issuer": "Example Water", "method": "video"});
        assert!(note(AGENT, one, bill).await.status.is_success());
        let done = world.act(&who(MANAGER), &path, &body).await;
        assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
        // From then on the other id is theirs, and no system names it as the one who checked.
        let own = json!({"document": "council-tax", "issuer": "Leeds", "method": "f2f", "checker": user(other)});
        let operator = note(MANAGER, one, own).await;
        assert_eq!(operator.code(), "field-invalid");
    }

    /// Two records of which nothing says that they are of one person stay two, and nothing moves.
    async fn strangers_are_not_merged(db: Db) {
        let world = World::new(db.clone()).await;
        let (one, other) = (NURSE, NURSE + 1);
        let registered = json!({"body": "GMC", "number": "1234567"});
        let made = world.rig.post(&who(AGENT), &format!("/directory/people/{}/registrations", user(other)), &registered).await;
        assert!(made.status.is_success(), "{:?}", made.body);
        named(&db, one, "Ann", "Example").await;
        named(&db, other, "Bea", "Stranger").await;
        let path = format!("/directory/people/{}/merge", user(one));
        let merge = async || {
            let version = texts(&db, "SELECT CAST(version AS TEXT) FROM directory_person WHERE user_id = $1", &user(other)).await;
            let body = json!({"duplicate": user(other), "duplicate_version": version[0].parse::<i64>().unwrap()});
            world.act(&who(MANAGER), &path, &body).await
        };
        assert_eq!(merge().await.code(), "not-alike");
        let holder = texts(&db, "SELECT user_id FROM directory_registration WHERE number = $1", "1234567").await;
        assert_eq!(holder, [user(other)]);
        let text = "UPDATE directory_person SET ni_hash = 'same', ni_mask = 'same' WHERE user_id IN ($1, $2)";
        execute(&db, text, vec![user(one), user(other)]).await;
        assert_eq!(merge().await.status, StatusCode::OK);
    }

    /// Who begins tomorrow is out of reach today for whoever would not reach them tomorrow: by place and by rank.
    async fn who_begins_later_is_taken_over_by_nobody(db: Db) {
        let world = World::new(db.clone()).await;
        let number = NURSE + 70;
        let begins = json!({"person": user(number), "position": world.manager_position, "start": day(1)});
        let made = world.rig.post(&who(MANAGER), "/directory/assignments", &begins).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        let elsewhere = NURSE + 71;
        let there = world.make(&world.operator, &position("RYY", "Managers of the other", crate::world::ROLE_OF_MANAGERS, &[])).await;
        world.assign(&world.operator, elsewhere, &there).await;
        let patch = |by: u64| {
            let (world, path) = (&world, format!("/directory/people/{}", user(number)));
            async move { world.patch(&who(by), &path, &json!({"gender": "other"})).await }
        };
        assert_eq!(patch(AGENT).await.code(), "above-rank");
        assert_eq!(patch(elsewhere).await.code(), "outside-organisation");
        let issue = |by: u64| {
            let asks = crate::rig::system("sign-in", &[directory::api::ASK]);
            let path = format!("/directory/permissions/issue-authenticator?by={}&person={}&assurance=aal3", user(by), user(number));
            let world = &world;
            async move { world.rig.get(&asks, &path).await }
        };
        assert_eq!(issue(elsewhere).await.code(), "outside-organisation");
        assert_eq!(issue(crate::world::ADVANCED).await.code(), "above-rank");
        assert_eq!(issue(MANAGER).await.status, StatusCode::NO_CONTENT);
        assert_eq!(patch(MANAGER).await.status, StatusCode::OK);
        let id = text(&made, "id");
        let ended = world.act(&who(AGENT), &format!("/directory/assignments/{id}/removal"), &json!({"notes": "x"})).await;
        assert_eq!(ended.code(), "above-rank");
    }

    /// Who works nowhere is found, opened again and taken on anywhere, and taken over nowhere but where they held something last; somebody
    /// new, where their profile was made.
    async fn who_works_nowhere_is_taken_over_by_no_stranger(db: Db) {
        let world = World::new(db).await;
        let (left, elsewhere) = (NURSE + 70, NURSE + 71);
        let there = world.make(&world.operator, &position("RYY", "Managers of the other", ROLE_OF_MANAGERS, &[])).await;
        world.assign(&world.operator, elsewhere, &there).await;
        let nurses = world.make(&who(elsewhere), &position("RYY", "Nurses of the other", ROLE_OF_NURSES, &[])).await;
        let held = world.assign(&who(AGENT), left, &world.ward).await;
        let gone = world.act(&who(AGENT), &format!("/directory/assignments/{held}/removal"), &json!({"notes": "x"})).await;
        assert_eq!(gone.status, StatusCode::OK, "{:?}", gone.body);
        let new = crate::people_rig::new_person("Ann", "Example", "1984-07-23", "123456789");
        let new = world.rig.make(&who(MANAGER), &new).await.to_string();
        let patch = async |by: u64, id: &str| {
            world.patch(&who(by), &format!("/directory/people/{id}"), &json!({"gender": "other"})).await
        };
        let act = async |by: u64, id: &str, act: &str, body: serde_json::Value| {
            world.act(&who(by), &format!("/directory/people/{id}/{act}"), &body).await
        };
        let may = async |by: u64, id: &str, what: &str| {
            let asks = crate::rig::system("sign-in", &[directory::api::ASK]);
            world.rig.get(&asks, &format!("/directory/permissions/{what}by={}&person={id}&assurance=aal3", user(by))).await
        };
        for id in [&user(left), &new] {
            assert_eq!(world.rig.get(&who(elsewhere), &format!("/directory/people/{id}")).await.status, StatusCode::OK);
            assert_eq!(patch(elsewhere, id).await.code(), "outside-organisation");
            assert_eq!(act(elsewhere, id, "close", json!({"reason": "left"})).await.code(), "outside-organisation");
            let leaves = world.rig.post(&who(elsewhere), &format!("/directory/people/{id}/leaving"), &json!({"day": day(-1), "reason": "x"})).await;
            assert_eq!(leaves.code(), "outside-organisation");
            for what in ["issue-authenticator?", "card?act=issue&", "card?act=unlock&"] {
                assert_eq!(may(elsewhere, id, what).await.code(), "outside-organisation", "{what}");
                assert_eq!(may(MANAGER, id, what).await.status, StatusCode::NO_CONTENT, "{what}");
            }
            assert_eq!(patch(MANAGER, id).await.status, StatusCode::OK);
        }
        // Whoever takes them on opens the profile again, and has them once they hold something there.
        let id = user(left);
        assert_eq!(act(MANAGER, &id, "close", json!({"reason": "left"})).await.status, StatusCode::OK);
        let opened = act(elsewhere, &id, "reopen", json!({"reason": "returned"})).await;
        assert_eq!(opened.status, StatusCode::OK, "{:?}", opened.body);
        assert_eq!(patch(elsewhere, &id).await.code(), "outside-organisation");
        world.assign(&who(elsewhere), left, &nurses).await;
        assert_eq!(patch(elsewhere, &id).await.code(), "", "theirs now");
        assert_eq!(may(elsewhere, &id, "issue-authenticator?").await.status, StatusCode::NO_CONTENT);
        assert_eq!(patch(MANAGER, &id).await.code(), "outside-organisation");
    }

    /// Whoever holds a position gives themselves nothing by it: neither what it is changed to give nor what a position that it
    /// includes is. Somebody else does; its name is nobody's gain.
    async fn nobody_widens_what_they_hold(db: Db) {
        let world = World::new(db).await;
        let (manager, other) = (who(MANAGER), who(NURSE + 80));
        let second = world.make(&manager, &position("RXX", "RA managers of the night", ROLE_OF_MANAGERS, &[])).await;
        world.assign(&manager, NURSE + 80, &second).await;
        let extras = world.make(&manager, &position("RXX", "Extras", ROLE_OF_NURSES, &["B0380"])).await;
        let path = |id: &str| format!("/directory/positions/{id}");
        let wider = |id: &str, activities: &[&str]| position("RXX", id, ROLE_OF_NURSES, activities)["access_profiles"].clone();
        let approval = crate::world::approval();
        let included = json!({"included": [extras], "approval": approval});
        let own = world.patch(&manager, &path(&world.manager_position), &included).await;
        assert_eq!((own.status, own.code()), (StatusCode::FORBIDDEN, "own-record"), "{:?}", own.body);
        let done = world.patch(&other, &path(&world.manager_position), &included).await;
        assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
        let before = world.roles(MANAGER).await;
        let gives = json!({"access_profiles": wider("Extras", &["B0380", "B0062"]), "approval": approval});
        for id in [&extras, &world.manager_position] {
            let own = world.patch(&manager, &path(id), &gives).await;
            assert_eq!((own.status, own.code()), (StatusCode::FORBIDDEN, "own-record"), "{:?}", own.body);
        }
        let named = json!({"name": "Extras of the night", "notes": "x", "approval": approval});
        assert_eq!(world.patch(&manager, &path(&extras), &named).await.status, StatusCode::OK);
        assert_eq!(world.roles(MANAGER).await, before, "nothing was given");
        let done = world.patch(&other, &path(&extras), &gives).await;
        assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
        assert_ne!(world.roles(MANAGER).await, before, "somebody else gave it");
    }

    /// However much somebody holds, and in however many organisations, all of it counts for who may do something to them.
    async fn nothing_that_somebody_holds_is_overlooked(db: Db) {
        let world = World::new(db.clone()).await;
        let (ranked, spread) = (NURSE + 72, NURSE + 73);
        let manager = who(MANAGER);
        // So many rows, in an organisation or in one each.
        let many = "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < CAST($5 AS BIGINT)) \
                    INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, to_day, state, via, \
                    made_by, made_at, version) SELECT '00000000-0000-7000-8000-' || $3 || CAST(10000000 + i AS TEXT), $1, $2, \
                    CASE WHEN $4 = '' THEN 'A' || CAST(1000 + i AS TEXT) ELSE $4 END, '2026-01-01', NULL, 'live', 'cim', 'x', 0, 1 FROM n";
        let holds = async |number: u64, position: &str, [part, place, last]: [&str; 3]| {
            let values = [&user(number), position, part, place, last].map(str::to_owned);
            execute(&db, many, values.to_vec()).await;
        };
        let close = async |number: u64| {
            let path = format!("/directory/people/{}/close", user(number));
            world.act(&who(AGENT), &path, &json!({"reason": "left"})).await
        };
        // Thousands of rows, and the last of them a rank.
        holds(ranked, &world.ward, ["0001", "RXX01", "2100"]).await;
        let late = world.make(&manager, &position("RXX", "Late managers", ROLE_OF_MANAGERS, &[])).await;
        world.assign(&manager, ranked, &late).await;
        assert_eq!(close(ranked).await.code(), "above-rank");
        // A hundred organisations that are hosted here, and the last one elsewhere; a closed position gives nothing and is held.
        let hosted = "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 99) \
                      INSERT INTO directory_organisation (ods, name, status, ra_host, version) \
                      SELECT 'A' || CAST(1000 + i AS TEXT), $1, 'active', $2, 1 FROM n";
        execute(&db, hosted, vec!["Practice".to_owned(), "RXX".to_owned()]).await;
        let gone = world.make(&manager, &position("RXX", "Gone", ROLE_OF_NURSES, &[])).await;
        holds(spread, &gone, ["0002", "", "99"]).await;
        holds(spread, &gone, ["0003", "RYY", "0"]).await;
        execute(&db, "UPDATE directory_position SET state = 'closed' WHERE position_id = $1", vec![gone]).await;
        assert_eq!(close(spread).await.code(), "also-elsewhere");
        let state = texts(&db, "SELECT state FROM directory_person WHERE user_id = $1", &user(spread)).await;
        assert_eq!(state, ["open"]);
        execute(&db, "DELETE FROM directory_assignment WHERE user_id = $1 AND organisation = 'RYY'", vec![user(spread)]).await;
        assert_eq!(close(spread).await.status, StatusCode::OK);
    }
}
