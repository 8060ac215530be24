//! Workgroups: one tree for each organisation, and who is in them.

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use crate::world::{ADVANCED, AGENT, MANAGER, NURSE, ROLE_OF_NURSES, World, day, position, text, user, who};

impl World {
    async fn group(&self, name: &str, parent: Option<&str>) -> String {
        let body = json!({"organisation": "RXX", "name": name, "parent": parent});
        text(&self.rig.post(&who(ADVANCED), "/directory/workgroups", &body).await, "id")
    }

    async fn members(&self, group: &str, by: &str) -> Vec<Value> {
        let path = format!("/directory/workgroups/{group}/members?by={by}");
        self.rig.get(&who(ADVANCED), &path).await.body["items"].as_array().cloned().unwrap_or_default()
    }
}

platform::both_engines! {
    /// The first workgroup is the root, the others lie below it, and none is moved below itself.
    async fn workgroups_are_a_tree(db: Db) {
        let world = World::new(db).await;
        let advanced = who(ADVANCED);
        let root = world.group("Example Trust", None).await;
        let second = json!({"organisation": "RXX", "name": "Another root"});
        assert_eq!(world.rig.post(&advanced, "/directory/workgroups", &second).await.code(), "workgroup-root");
        let (a, b) = (world.group("A", Some(&root)).await, world.group("B", Some(&root)).await);
        let c = world.group("C", Some(&a)).await;
        let path = |id: &str| format!("/directory/workgroups/{id}");
        let cycle = world.patch(&advanced, &path(&a), &json!({"parent": c})).await;
        assert_eq!(cycle.code(), "workgroup-cycle");
        assert!(cycle.body["detail"].as_str().unwrap().contains("A → C"), "{:?}", cycle.body);
        assert_eq!(world.patch(&advanced, &path(&a), &json!({"parent": a})).await.code(), "workgroup-cycle");
        assert_eq!(world.patch(&advanced, &path(&root), &json!({"parent": a})).await.code(), "workgroup-root");
        let moved = world.patch(&advanced, &path(&a), &json!({"parent": b, "name": "A of B"})).await;
        assert_eq!((moved.body["parent"].clone(), moved.body["name"].clone()), (json!(b), json!("A of B")));
        for nothing in [json!({}), json!({"parent": b, "name": "A of B"})] {
            assert_eq!(world.patch(&advanced, &path(&a), &nothing).await.body, moved.body, "nothing was done: {nothing}");
        }
        assert_eq!(world.patch(&who(AGENT), &path(&a), &json!({"parent": root})).await.code(), "not-in-role");
        let listed = world.rig.get(&advanced, "/directory/workgroups?organisation=RXX").await;
        assert_eq!(listed.body["items"].as_array().unwrap().len(), 4);
        let foreign = json!({"organisation": "RXX01", "name": "Ward 7", "parent": root});
        assert_eq!(world.rig.post(&advanced, "/directory/workgroups", &foreign).await.code(), "field-invalid");
    }

    /// A role profile is in a workgroup directly, from a day to a day, or because its position says so; both are shown.
    async fn members_come_directly_or_by_position(db: Db) {
        let world = World::new(db).await;
        let advanced = who(ADVANCED);
        let root = world.group("Example Trust", None).await;
        let group = world.group("Wound care", Some(&root)).await;
        world.assign(&who(AGENT), NURSE, &world.ward).await;
        let role = text_of(&world.roles(NURSE).await[0], "person_roleid");
        let path = format!("/directory/workgroups/{group}/members");
        let body = json!({"role_profile": role, "start": day(2), "end": day(4)});
        let made = world.rig.post(&advanced, &path, &body).await;
        assert_eq!((made.status, made.body["person"].clone()), (StatusCode::CREATED, json!(user(NURSE))), "{:?}", made.body);
        assert_eq!(world.rig.post(&advanced, &path, &body).await.code(), "member-overlaps");
        let nobody = json!({"role_profile": "555021942107"});
        assert_eq!(world.rig.post(&advanced, &path, &nobody).await.status, StatusCode::NOT_FOUND);
        let mut by_position = position("RXX", "Wound nurses", ROLE_OF_NURSES, &[]);
        by_position["access_profiles"][0]["workgroups"] = json!([group]);
        let nurses = world.make(&who(MANAGER), &by_position).await;
        let mut including = position("RXX", "Wound leads", ROLE_OF_NURSES, &[]);
        including["included"] = json!([nurses]);
        let leads = world.make(&who(MANAGER), &including).await;
        world.assign(&who(AGENT), NURSE + 1, &leads).await;
        let shown = world.members(&group, "position").await;
        assert_eq!((shown.len(), shown[0]["person"].clone()), (1, json!(user(NURSE + 1))));
        assert_eq!(world.members(&group, "direct").await.len(), 1);
        let groups = |roles: Vec<Value>| roles.iter().filter(|role| role["workgroups_codes"] == json!([group])).count();
        assert_eq!((groups(world.roles(NURSE).await), groups(world.roles(NURSE + 1).await)), (0, 1));
        world.wait_days(2);
        assert_eq!(groups(world.roles(NURSE).await), 1);
        let member = format!("{path}/{}", text(&made, "id"));
        assert_eq!(world.patch(&advanced, &member, &json!({"end": day(30)})).await.body["end"], day(30));
        let gone = world.rig.send(&advanced, Method::DELETE, &member, &[("if-match", "*")], None).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        assert_eq!(groups(world.roles(NURSE).await), 0);
        assert!(world.members(&group, "direct").await.is_empty());
    }
}

platform::both_engines! {
    /// Who leaves leaves their workgroups too, in the same act, whichever way they leave; who comes back to the same position is in none.
    async fn leaving_ends_places_in_workgroups(db: Db) {
        let world = World::new(db).await;
        let advanced = who(ADVANCED);
        let root = world.group("Example Trust", None).await;
        let groups = [world.group("Wound care", Some(&root)).await, world.group("Pain", Some(&root)).await];
        for number in [NURSE, NURSE + 1] {
            world.assign(&who(AGENT), number, &world.ward).await;
            let role = text_of(&world.roles(number).await[0], "person_roleid");
            for (group, start) in [(&groups[0], 0), (&groups[1], 20)] {
                let path = format!("/directory/workgroups/{group}/members");
                let made = world.rig.post(&advanced, &path, &json!({"role_profile": role, "start": day(start)})).await;
                assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
            }
        }
        let listed = async |at: usize| {
            let rows = world.members(&groups[at], "direct").await;
            rows.iter().map(|row| text_of(row, "person")).collect::<Vec<_>>()
        };
        let before = world.changes(0).await.len();
        let path = |act: &str, number: u64| format!("/directory/people/{}/{act}", user(number));
        let closed = world.act(&who(AGENT), &path("close", NURSE), &json!({"reason": "left"})).await;
        assert_eq!(closed.status, StatusCode::OK, "{:?}", closed.body);
        for at in [0, 1] {
            assert_eq!(listed(at).await, [user(NURSE + 1)], "the other stays");
        }
        assert_eq!(world.recorded("workgroup-member-removed").await, 2);
        let told = world.changes(before as u64).await;
        let kinds: Vec<&str> = told.iter().map(|row| row.0.as_str()).collect();
        assert_eq!(kinds, ["assignment-ended", "workgroup-changed", "workgroup-changed", "person-closed"]);
        let opened = world.act(&who(AGENT), &path("reopen", NURSE), &json!({"reason": "returned"})).await;
        assert_eq!(opened.status, StatusCode::OK, "{:?}", opened.body);
        world.assign(&who(AGENT), NURSE, &world.ward).await;
        let left = world.rig.post(&who(AGENT), &path("leaving", NURSE + 1), &json!({"day": day(-1), "reason": "Leaves"})).await;
        assert_eq!(left.status, StatusCode::CREATED, "{:?}", left.body);
        assert!(listed(0).await.is_empty() && listed(1).await.is_empty());
        world.wait_days(30);
        let roles = world.roles(NURSE).await;
        assert_eq!((roles.len(), roles[0].get("workgroups_codes").filter(|codes| **codes != json!([]))), (1, None), "{roles:?}");
        assert_eq!(world.recorded("workgroup-member-removed").await, 4);
    }
}

platform::both_engines! {
    /// A place in a workgroup lasts as long as an assignment gives its role profile: whoever leaves one organisation, is taken out of a
    /// position, comes to its last day or whose position is closed leaves the workgroup, an end that comes earlier cuts the place, and
    /// whoever comes back to the same role profile is in none. What another assignment gives stays.
    async fn places_last_no_longer_than_what_gives_them(db: Db) {
        let world = World::new(db).await;
        let (agent, advanced) = (who(AGENT), who(ADVANCED));
        let group = world.group("Example Trust", None).await;
        let members = format!("/directory/workgroups/{group}/members");
        let closing = world.make(&who(MANAGER), &position("RXX01", "Nurses of ward 8", ROLE_OF_NURSES, &[])).await;
        // Who leaves the organisation, who is taken out, who comes to the end, whose end comes earlier, whose position closes, who stays.
        let [leaves, removed, ends, cut, closes, stays] = [0, 1, 2, 3, 4, 5].map(|after| NURSE + after);
        let mut held = std::collections::BTreeMap::new();
        for number in [leaves, removed, ends, cut, closes, stays] {
            let place = if number == closes { &closing } else { &world.ward };
            let end = (number == ends).then(|| day(3));
            let body = json!({"person": user(number), "position": place, "end": end});
            let made = world.rig.post(&agent, "/directory/assignments", &body).await;
            assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
            held.insert(number, text(&made, "id"));
            let role = text_of(&world.roles(number).await[0], "person_roleid");
            let put = world.rig.post(&advanced, &members, &json!({"role_profile": role})).await;
            assert_eq!(put.status, StatusCode::CREATED, "{:?}", put.body);
        }
        let there = async || {
            let rows = world.members(&group, "direct").await;
            rows.iter().map(|row| (text_of(row, "person"), row["end"].as_str().map(str::to_owned))).collect::<Vec<_>>()
        };
        let path = |number: u64, last: &str| format!("/directory/people/{}/{last}", user(number));
        let body = json!({"day": day(-1), "reason": "Leaves", "organisation": "RXX01"});
        world.assign(&agent, leaves, &world.clinic).await;
        assert_eq!(world.rig.post(&agent, &path(leaves, "leaving"), &body).await.status, StatusCode::CREATED);
        let removal = format!("/directory/assignments/{}/removal", held[&removed]);
        assert_eq!(world.act(&agent, &removal, &json!({"notes": "Moved"})).await.status, StatusCode::OK);
        let redated = world.patch(&agent, &format!("/directory/assignments/{}", held[&cut]), &json!({"end": day(5)})).await;
        assert_eq!(redated.status, StatusCode::OK, "{:?}", redated.body);
        let close = json!({"reason": "Ward 8 has closed", "approver": "Head of nursing", "word": "CLOSE", "assignments": "end"});
        let closed = world.act(&who(MANAGER), &format!("/directory/positions/{closing}/closing"), &close).await;
        assert_eq!(closed.status, StatusCode::OK, "{:?}", closed.body);
        assert_eq!(there().await, [(user(ends), None), (user(cut), Some(day(5))), (user(stays), None)]);
        assert_eq!((world.recorded("workgroup-member-removed").await, world.recorded("workgroup-member-redated").await), (3, 1));

        world.wait_days(4);
        world.sweep().await;
        assert_eq!(there().await, [(user(cut), Some(day(5))), (user(stays), None)], "the last day has passed");
        world.wait_days(2);
        world.sweep().await;
        for number in [leaves, removed, ends, cut] {
            world.assign(&agent, number, &world.ward).await;
            let roles = world.roles(number).await;
            let groups = |role: &Value| role["workgroups_codes"].as_array().map_or(0, Vec::len);
            assert_eq!(roles.iter().map(groups).sum::<usize>(), 0, "{number} is back, and in no workgroup: {roles:?}");
        }
        assert_eq!(there().await, [(user(stays), None)]);
        assert_eq!(world.roles(stays).await[0]["workgroups_codes"], json!([group]));
    }
}

fn text_of(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap().to_owned()
}

platform::both_engines! {
    /// Whoever manages no workgroups there learns of no role profile by trying its number.
    async fn role_profiles_are_not_tried_out(db: Db) {
        let world = World::new(db).await;
        let group = world.group("Trust", None).await;
        world.assign(&who(AGENT), NURSE, &world.ward).await;
        let held = world.roles(NURSE).await[0]["person_roleid"].as_str().unwrap().to_owned();
        for number in [held.as_str(), "555021942107"] {
            let path = format!("/directory/workgroups/{group}/members");
            let refused = world.rig.post(&who(AGENT), &path, &json!({"role_profile": number})).await;
            assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "not-in-role"), "{number}");
        }
    }
}
