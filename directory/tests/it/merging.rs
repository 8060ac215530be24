//! What becomes of what two records held when they are one person's.

use directory::api::{LOOK_UP, READ};
use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use crate::feed_rig::{Payroll, event, with};
use crate::people_rig::{execute, texts};
use crate::rig::system;
use crate::scim;
use crate::world::{AGENT, MANAGER, NURSE, SPONSOR, World, day, user, who};

async fn merge(world: &World, into: u64, from: u64) {
    crate::people_rig::execute(
        &world.rig.db,
        "UPDATE directory_person SET standing = 'verified', ni_hash = 'same', ni_mask = 'same'",
        Vec::new(),
    )
    .await;
    let path = format!("/directory/people/{}/merge", user(into));
    let body = json!({"duplicate": user(from), "duplicate_version": 1});
    let merged = world.act(&who(MANAGER), &path, &body).await;
    assert_eq!(merged.status, StatusCode::OK, "{:?}", merged.body);
}

async fn assignment(world: &World, id: &str) -> Value {
    let shown = world.rig.get(&who(AGENT), &format!("/directory/assignments/{id}")).await;
    assert_eq!(shown.status, StatusCode::OK, "{:?}", shown.body);
    shown.body
}

platform::both_engines! {
    /// What both held of one position becomes one assignment over all its days; the other is taken away and says why. Ids for
    /// life of both can be read, and a workgroup that one was in the survivor is in.
    async fn overlapping_assignments_become_one(db: Db) {
        let world = World::new(db.clone()).await;
        let (agent, manager) = (who(AGENT), who(MANAGER));
        let give = async |number: u64, start: i64, end: Option<i64>| {
            let body = json!({"person": user(number), "position": world.ward, "start": day(start), "end": end.map(day)});
            let made = world.rig.post(&agent, "/directory/assignments", &body).await;
            assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
            made.body["id"].as_str().unwrap().to_owned()
        };
        let (one, two) = (NURSE, NURSE + 1);
        let first = give(one, 0, Some(10)).await;
        let second = give(two, 5, Some(30)).await;
        let alone = give(two, 40, None).await;
        let clinic = world.assign(&agent, two, &world.clinic).await;
        let root = world.rig.post(&manager, "/directory/workgroups", &json!({"organisation": "RXX", "name": "Trust"})).await;
        assert_eq!(root.status, StatusCode::CREATED, "{:?}", root.body);
        let group = root.body["id"].as_str().unwrap().to_owned();
        let theirs = world.roles(two).await;
        let of_clinic = theirs.iter().find(|role| role["org_code"] == "RXX").unwrap();
        let member = json!({"role_profile": of_clinic["person_roleid"]});
        let added = world.rig.post(&manager, &format!("/directory/workgroups/{group}/members"), &member).await;
        assert_eq!(added.status, StatusCode::CREATED, "{:?}", added.body);

        let asked = json!({"kind": "change-person", "person": user(two), "patch": {"gender": "female"}});
        let asked = world.rig.post(&who(SPONSOR), "/directory/requests", &json!({"ask": asked})).await;
        assert_eq!(asked.status, StatusCode::CREATED, "{:?}", asked.body);

        merge(&world, one, two).await;
        // What was asked of the other record is over, and is erased with what is the survivor's.
        let state = "SELECT user_id FROM directory_request WHERE state = $1";
        assert_eq!(texts(&db, state, "rejected").await, [user(one)]);
        let kept = assignment(&world, &first).await;
        assert_eq!((&kept["state"], &kept["start"], &kept["end"]), (&json!("live"), &json!(day(0)), &json!(day(30))));
        let gone = assignment(&world, &second).await;
        assert_eq!((&gone["state"], &gone["person"]), (&json!("removed"), &json!(user(one))));
        assert!(gone["removed"]["notes"].as_str().unwrap().contains(&first), "{gone}");
        for stays in [&alone, &clinic] {
            let stays = assignment(&world, stays).await;
            assert_eq!((&stays["person"], stays.get("removed")), (&json!(user(one)), None));
        }
        let told = world.changes(0).await;
        assert_eq!(told.iter().filter(|row| **row == ("assignment-ended".to_owned(), second.clone())).count(), 1);
        assert!(told.contains(&("assignment-changed".to_owned(), first.clone())));
        assert_eq!(world.recorded("assignment-removed").await, 1);

        let ids = texts(&db, "SELECT role_profile_id FROM directory_role_profile WHERE user_id = $1", &user(two)).await;
        assert_eq!(ids.len(), 2, "those of the other record are its own still");
        let roles = world.roles(one).await;
        assert_eq!(roles.len(), 2);
        let in_group = roles.iter().find(|role| role["org_code"] == "RXX").unwrap();
        assert_eq!(in_group["workgroups_codes"], json!([group]));
        assert!(!ids.contains(&in_group["person_roleid"].as_str().unwrap().to_owned()));
        world.demand_one_name().await;
    }

    /// A personnel system that knew both records has a user of each id still. That of the survivor is the person; the other is inactive,
    /// and neither what is said of it, nor its leaver, nor its deletion ends anything. Nobody becomes two users of one system.
    async fn duplicates_of_a_personnel_system_end_nothing(db: Db) {
        let feed = Payroll::new(db.clone()).await;
        let rig = &feed.world.rig;
        // Those whom the rig has announced are no matter here.
        execute(&db, "DELETE FROM directory_person_link", Vec::new()).await;
        let person = |external: &str, given: &str, family: &str, birth: &str| {
            let mut body = scim::user(external, given, family, birth);
            body[scim::EXTENSION] = json!({"dateOfBirth": birth});
            body
        };
        let (ann, bob) = (person("D1", "Ann", "Example", "1984-07-23"), person("D2", "Bob", "Sample", "1990-01-02"));
        let mut ids = Vec::new();
        for (sequence, (body, position)) in (1..).zip([(&ann, "WARD"), (&bob, "CLINIC")]) {
            let made = scim::post(rig, &feed.payroll, body).await;
            assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
            ids.push(made.body["id"].as_str().unwrap().to_owned());
            execute(&db, "UPDATE directory_person SET standing = 'verified', ni_hash = 'same', ni_mask = 'same'", Vec::new()).await;
            let employee = body["externalId"].as_str().unwrap();
            let starts = event(&format!("s-{employee}"), "starter", 0, sequence, &day(0));
            let done = feed.one(with(starts, &[("employee", employee), ("position", position)])).await;
            assert_eq!(done["state"], "applied", "{done}");
        }
        let (one, two) = (ids[0].clone(), ids[1].clone());
        let merge = async |duplicate: &str| {
            let version: i64 = sqlx::query_scalar("SELECT version FROM directory_person WHERE user_id = $1")
                .bind(duplicate)
                .fetch_one(db.read())
                .await
                .unwrap();
            let body = json!({"duplicate": duplicate, "duplicate_version": version});
            let merged = feed.world.act(&who(MANAGER), &format!("/directory/people/{one}/merge"), &body).await;
            assert_eq!(merged.status, StatusCode::OK, "{:?}", merged.body);
        };
        merge(&two).await;
        // Who follows the faces is told that the other is no more.
        let pas = system("pas", &[LOOK_UP, READ]);
        for path in [format!("{two}/_history"), "_history?_cursor=0&_count=500".to_owned()] {
            let path = format!("/healthcare-worker/FHIR/R4/Practitioner/{path}");
            let told = rig.send(&pas, Method::GET, &path, &[("host", "directory.example")], None).await;
            let gone = json!({"method": "DELETE", "url": format!("Practitioner/{two}")});
            assert_eq!(told.body["entry"].as_array().unwrap().iter().filter(|one| one["request"] == gone).count(), 1, "{path}: {}", told.body);
        }

        let listed = async || {
            let list = rig.get(&feed.payroll, &format!("{}/Users", scim::BASE)).await;
            let rows = list.body["Resources"].as_array().unwrap();
            assert_eq!(list.body["totalResults"], rows.len());
            let mut rows: Vec<_> = rows.iter().map(|row| (row["id"].clone(), row["externalId"].clone(), row["active"].clone())).collect();
            rows.sort_by_key(|row| row.1.to_string());
            rows
        };
        let both = [(json!(one), json!("D1"), json!(true)), (json!(two), json!("D2"), json!(false))];
        assert_eq!(listed().await, both);
        let held = async || {
            let path = format!("/directory/people/{one}/assignments");
            rig.get(&who(MANAGER), &path).await.body["items"].as_array().unwrap().len()
        };
        let put = async |id: &str, body: &Value| scim::send(rig, &feed.payroll, Method::PUT, id, None, body).await;
        let refused = put(&two, &bob).await;
        assert_eq!(scim::refused(&refused).0, 409);
        assert!(refused.body["detail"].as_str().unwrap().contains(&one), "{:?}", refused.body);
        let mut inactive = bob.clone();
        inactive["active"] = json!(false);
        assert_eq!(put(&two, &inactive).await.status, StatusCode::OK);
        assert_eq!(put(&one, &ann).await.status, StatusCode::OK, "the same as last time");
        let mut again = person("D3", "Ann", "Example", "1984-07-23");
        again[scim::EXTENSION]["linkTo"] = json!(one);
        assert_eq!(scim::refused(&scim::post(rig, &feed.payroll, &again).await), (409, "uniqueness"));
        assert_eq!(listed().await, both);

        let leaver = |employee: &str| {
            with(event(&format!("l-{employee}"), "leaver", 0, 9, &day(0)), &[("employee", employee)])
        };
        let left = feed.one(leaver("D2")).await;
        assert_eq!((left["state"].as_str(), &left["done"]["person"]), (Some("applied"), &json!(one)), "{left}");
        assert_eq!((held().await, feed.world.recorded("feed-duplicate-left").await), (2, 1));
        let gone = scim::send(rig, &feed.payroll, Method::DELETE, &two, None, &json!({})).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{:?}", gone.body);
        assert_eq!(listed().await, [both[0].clone()]);
        assert_eq!(scim::refused(&put(&two, &bob).await).0, 404);
        assert_eq!((held().await, texts(&db, "SELECT state FROM directory_person WHERE user_id = $1", &one).await), (2, vec!["open".to_owned()]));
        let unknown = feed.one(with(event("x-D2", "leaver", 0, 10, &day(0)), &[("employee", "D2")])).await;
        assert_eq!(unknown["reason"], "unknown-person", "{unknown}");
        // Where the user that stays is deleted and not the other, that one is the person, and nobody has left.
        let eve = person("D4", "Eve", "Pattern", "1977-03-04");
        let made = scim::post(rig, &feed.payroll, &eve).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        let four = made.body["id"].as_str().unwrap().to_owned();
        execute(&db, "UPDATE directory_person SET standing = 'verified', ni_hash = 'same', ni_mask = 'same'", Vec::new()).await;
        merge(&four).await;
        let starts = with(event("s-D4", "starter", 0, 1, &day(0)), &[("employee", "D4"), ("position", "WARD")]);
        let starts = feed.one(starts).await;
        assert_eq!(starts["reason"], "contradicts", "what it begins its leaver would not end: {starts}");
        let gone = scim::send(rig, &feed.payroll, Method::DELETE, &one, None, &json!({})).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{:?}", gone.body);
        assert_eq!(listed().await, [(json!(four), json!("D4"), json!(true))]);
        assert_eq!((held().await, texts(&db, "SELECT state FROM directory_person WHERE user_id = $1", &one).await), (2, vec!["open".to_owned()]));
        // The number that stays is the person's: its leaver ends everything.
        assert_eq!(feed.one(leaver("D4")).await["done"]["ended"].as_array().map(Vec::len), Some(2));
        feed.world.demand_one_name().await;
    }
}
