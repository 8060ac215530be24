//! What becomes of what two records held when they are one person's.

use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use crate::people_rig::texts;
use crate::world::{AGENT, MANAGER, NURSE, World, day, user, who};

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

        merge(&world, one, two).await;
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
}
