//! Many assignments in one act.

use http::StatusCode;
use platform::db::Db;
use serde_json::json;

use crate::world::{ADVANCED, AGENT, MANAGER, NURSE, SPONSOR, World, close_person, day, user, who};

platform::both_engines! {
    /// Of a hundred people three cannot be assigned: 97 are and three are named, or none is, as asked.
    async fn batch_with_three_bad_rows(db: Db) {
        let world = World::new(db.clone()).await;
        let manager = who(MANAGER);
        world.assign(&manager, NURSE + 1, &world.ward).await;
        close_person(&db, NURSE + 2).await;
        let mut people: Vec<String> = (0..99).map(|at| user(NURSE + at)).collect();
        people.push("12345".to_owned());
        let path = format!("/directory/positions/{}/assignments", world.ward);
        let ask = |mode: &str| json!({"people": people, "end": day(90), "mode": mode});
        let before = world.recorded("position-assigned").await;
        let none = world.rig.post(&manager, &path, &ask("all-or-none")).await;
        assert_eq!((none.status, none.code(), none.body["done"].clone()), (StatusCode::CONFLICT, "batch-refused", json!([])));
        assert_eq!(none.headers["content-type"], "application/problem+json");
        assert_eq!(world.recorded("position-assigned").await, before);
        let some = world.rig.post(&manager, &path, &ask("what-can-be-done")).await;
        assert_eq!((some.status, some.body["done"].as_array().unwrap().len()), (StatusCode::OK, 97), "{:?}", some.body["refused"]);
        for refused in [&none.body["refused"], &some.body["refused"]] {
            let named: Vec<(u64, &str)> = refused.as_array().unwrap().iter()
                .map(|row| (row["place"].as_u64().unwrap(), row["code"].as_str().unwrap()))
                .collect();
            assert_eq!(named, [(1, "assignment-overlaps"), (2, "profile-closed"), (99, "field-invalid")]);
        }
        assert_eq!(world.recorded("position-assigned").await, before + 97);
        // A list that names somebody twice assigns them once.
        let twice = json!({"people": [user(NURSE + 150), user(NURSE + 150)], "mode": "what-can-be-done"});
        let twice = world.rig.post(&manager, &path, &twice).await;
        assert_eq!((twice.body["done"].as_array().unwrap().len(), twice.body["refused"][0]["place"].as_u64()), (1, Some(1)));
    }

    /// Agents and sponsors have no batches; those who have cannot exceed a hundred, nor do it to themselves.
    async fn batches_are_for_advanced_agents(db: Db) {
        let world = World::new(db).await;
        let path = format!("/directory/positions/{}/assignments", world.ward);
        let ask = |numbers: std::ops::Range<u64>| json!({"people": numbers.map(user).collect::<Vec<_>>()});
        for number in [AGENT, SPONSOR] {
            let refused = world.rig.post(&who(number), &path, &ask(NURSE..NURSE + 2)).await;
            assert_eq!((refused.status, refused.body["refused"][0]["code"].as_str()), (StatusCode::CONFLICT, Some("not-in-role")));
        }
        assert_eq!(world.rig.post(&who(ADVANCED), &path, &ask(NURSE..NURSE + 101)).await.code(), "field-invalid");
        let own = world.rig.post(&who(ADVANCED), &path, &ask(ADVANCED..ADVANCED + 1)).await;
        assert_eq!(own.body["refused"][0]["code"], "own-record");
        assert_eq!(world.rig.post(&who(ADVANCED), &path, &ask(NURSE..NURSE + 2)).await.status, StatusCode::OK);
    }

    /// The assignments of a position get another end, or are taken away, many in one act.
    async fn many_are_redated_and_taken_away(db: Db) {
        let world = World::new(db).await;
        let advanced = who(ADVANCED);
        let path = |last: &str| format!("/directory/positions/{}/{last}", world.ward);
        let people: Vec<String> = (0..5).map(|at| user(NURSE + at)).collect();
        let made = world.rig.post(&advanced, &path("assignments"), &json!({"people": people})).await;
        let ids: Vec<String> = made.body["done"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        let redated = world.rig.post(&advanced, &path("redating"), &json!({"assignments": ids, "end": day(60)})).await;
        let ends: Vec<&str> = redated.body["done"].as_array().unwrap().iter().map(|row| row["end"].as_str().unwrap()).collect();
        assert_eq!(ends, vec![day(60); 5]);
        let gone = world.rig.post(&advanced, &path("removals"), &json!({"assignments": ids[..2], "notes": "Closed"})).await;
        assert_eq!(gone.body["done"].as_array().unwrap().len(), 2);
        // Two of these were taken away: all or none.
        let none = world.rig.post(&advanced, &path("redating"), &json!({"assignments": ids, "end": null})).await;
        assert_eq!((none.status, none.body["refused"].as_array().unwrap().len()), (StatusCode::CONFLICT, 2));
        let some = json!({"assignments": ids, "end": null, "mode": "what-can-be-done"});
        assert_eq!(world.rig.post(&advanced, &path("redating"), &some).await.body["done"].as_array().unwrap().len(), 3);
        let elsewhere = world.assign(&who(AGENT), NURSE, &world.clinic).await;
        let wrong = world.rig.post(&advanced, &path("removals"), &json!({"assignments": [elsewhere], "notes": "x"})).await;
        assert_eq!((wrong.status, wrong.body["refused"][0]["code"].as_str()), (StatusCode::CONFLICT, Some("not-found")), "it is none of this position");
        assert_eq!(world.recorded("assignment-redated").await, 5 + 3);
        assert_eq!(world.recorded("assignment-removed").await, 2);
    }

    /// A wrong row of many is named with its place: no id, of another position, unknown, twice, or changed since it was read. The others
    /// are done, or none is, as asked; and nothing is written over what somebody else changed meanwhile.
    async fn wrong_rows_are_named_and_lost_updates_refused(db: Db) {
        let world = World::new(db).await;
        let advanced = who(ADVANCED);
        let path = |last: &str| format!("/directory/positions/{}/{last}", world.ward);
        let people: Vec<String> = (0..4).map(|at| user(NURSE + at)).collect();
        let made = world.rig.post(&advanced, &path("assignments"), &json!({"people": people})).await;
        let ids: Vec<String> = made.body["done"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        let elsewhere = world.assign(&who(AGENT), NURSE, &world.clinic).await;
        let unknown = "01990000-0000-7000-8000-000000000001";
        let one = |id: &str| format!("/directory/assignments/{id}");
        world.patch(&advanced, &one(&ids[1]), &json!({"end": day(30)})).await;
        let rows = json!([
            {"assignment": ids[0], "version": 1}, "no id", {"assignment": ids[1], "version": 1}, elsewhere, ids[2], unknown, ids[2],
        ]);
        let expected = [(1, "field-invalid"), (2, "changed"), (3, "not-found"), (5, "not-found"), (6, "twice")];
        let named = |body: &serde_json::Value| -> Vec<(u64, String)> {
            let rows = body["refused"].as_array().unwrap().iter();
            rows.map(|row| (row["place"].as_u64().unwrap(), row["code"].as_str().unwrap().to_owned())).collect()
        };
        let expected: Vec<(u64, String)> = expected.iter().map(|(place, code)| (*place, (*code).to_owned())).collect();
        let end = |id: &str| {
            let (world, path, advanced) = (&world, one(id), &advanced);
            async move { world.rig.get(advanced, &path).await.body.get("end").cloned() }
        };
        for (last, mut body) in [("redating", json!({"end": day(60)})), ("removals", json!({"notes": "Closed"}))] {
            body["assignments"] = rows.clone();
            let none = world.rig.post(&advanced, &path(last), &body).await;
            assert_eq!((none.status, none.code(), named(&none.body)), (StatusCode::CONFLICT, "batch-refused", expected.clone()), "{last}");
            assert_eq!((end(&ids[0]).await, end(&ids[1]).await), (None, Some(json!(day(30)))));
        }
        let body = json!({"assignments": rows, "end": day(60), "mode": "what-can-be-done"});
        let some = world.rig.post(&advanced, &path("redating"), &body).await;
        assert_eq!((some.status, named(&some.body), some.body["done"].as_array().unwrap().len()), (StatusCode::OK, expected, 2));
        assert_eq!((end(&ids[0]).await, end(&ids[1]).await, end(&elsewhere).await), (Some(json!(day(60))), Some(json!(day(30))), None));
        // The versions that were answered are those of the next act.
        let version = some.body["done"][0]["version"].clone();
        let body = json!({"assignments": [{"assignment": ids[0], "version": version}], "notes": "Closed"});
        assert_eq!(world.rig.post(&advanced, &path("removals"), &body).await.status, StatusCode::OK);

        let path = format!("/directory/people/{}/assignments", user(NURSE + 2));
        let body = json!({
            "remove": ["no id", ids[2], {"assignment": ids[1], "version": 2}],
            "redate": [{"assignment": ids[2], "end": day(9)}, {"assignment": elsewhere, "end": day(9)}, {"assignment": ids[2], "end": "soon"}],
            "assign": [{"position": "no id"}, {"position": world.clinic, "end": "never"}, {"position": world.clinic, "end": day(5)}],
            "mode": "what-can-be-done",
        });
        let told = |body: &serde_json::Value| -> Vec<String> {
            let rows = body["refused"].as_array().unwrap().iter();
            rows.map(|row| format!("{} {} {}", row["list"].as_str().unwrap(), row["place"], row["code"].as_str().unwrap())).collect()
        };
        let some = world.rig.post(&advanced, &path, &body).await;
        let wrong = [
            "remove 0 field-invalid", "remove 1 twice", "remove 2 not-found", "redate 0 twice", "redate 1 not-found", "redate 2 field-invalid",
            "assign 0 field-invalid", "assign 1 field-invalid",
        ];
        assert_eq!((some.status, some.body["done"].as_array().unwrap().len()), (StatusCode::OK, 1), "{:?}", some.body);
        assert_eq!(told(&some.body), wrong);
        let stale = json!({"redate": [{"assignment": ids[2], "version": 1, "end": day(9)}], "remove": [some.body["done"][0]["id"]]});
        let none = world.rig.post(&advanced, &path, &stale).await;
        assert_eq!((none.status, told(&none.body)), (StatusCode::CONFLICT, vec!["redate 0 changed".to_owned()]));
        assert_eq!(world.roles(NURSE + 2).await.len(), 2, "nothing was done");
    }

    /// Several assignments of one person change in one act, all or none; what is taken away can be given anew in it.
    async fn several_of_one_person_in_one_act(db: Db) {
        let world = World::new(db).await;
        let advanced = who(ADVANCED);
        let ward = world.assign(&advanced, NURSE, &world.ward).await;
        let clinic = world.assign(&advanced, NURSE, &world.clinic).await;
        let path = format!("/directory/people/{}/assignments", user(NURSE));
        let ask = json!({
            "remove": [ward], "notes": "New contract",
            "redate": [{"assignment": clinic, "end": day(7)}],
            "assign": [{"position": world.ward, "end": day(365)}, {"position": world.agent_position}],
        });
        let done = world.rig.post(&advanced, &path, &ask).await;
        assert_eq!((done.status, done.body["done"].as_array().unwrap().len()), (StatusCode::OK, 4), "{:?}", done.body);
        let again = json!({
            "redate": [{"assignment": clinic, "end": day(9)}], "assign": [{"position": world.ward}],
        });
        let none = world.rig.post(&advanced, &path, &again).await;
        assert_eq!((none.status, none.body["refused"][0]["list"].as_str()), (StatusCode::CONFLICT, Some("assign")));
        let clinic = world.rig.get(&advanced, &format!("/directory/assignments/{clinic}")).await;
        assert_eq!(clinic.body["end"], day(7));
        assert_eq!(world.rig.post(&who(AGENT), &path, &again).await.status, StatusCode::CONFLICT);
        let other = format!("/directory/people/{}/assignments", user(NURSE + 1));
        let wrong = world.rig.post(&advanced, &other, &json!({"remove": [ward]})).await;
        assert_eq!((wrong.status, wrong.body["refused"][0]["code"].as_str()), (StatusCode::CONFLICT, Some("not-found")));
    }

    /// What is refused in an act stays in the way of what the same act asks for besides.
    async fn refused_rows_stay_in_the_way(db: Db) {
        let world = World::new(db).await;
        let advanced = who(ADVANCED);
        let ward = world.assign(&advanced, NURSE, &world.ward).await;
        let path = format!("/directory/people/{}/assignments", user(NURSE));
        let ask = json!({
            "redate": [{"assignment": ward, "end": day(-1)}], "assign": [{"position": world.ward}],
            "mode": "what-can-be-done",
        });
        let done = world.rig.post(&advanced, &path, &ask).await;
        let refused: Vec<_> = done.body["refused"].as_array().unwrap().iter().map(|row| row["list"].as_str().unwrap()).collect();
        assert_eq!((done.body["done"].as_array().map(Vec::len), refused), (Some(0), vec!["redate", "assign"]), "{:?}", done.body);
        assert_eq!(world.roles(NURSE).await.len(), 1);
    }
}
