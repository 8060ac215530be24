//! Names of things: one line, trimmed, composed.

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::json;

use crate::world::{MANAGER, ROLE_OF_NURSES, World, position, text, who};

platform::both_engines! {
    /// A line break or what cannot be seen in a name of a position, a workgroup, a campaign or an organisation is refused with a
    /// clear sentence, where it is made and where it is changed; blanks around go, and what looks the same is the same.
    async fn names_stand_on_one_line(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let group = world.rig.post(&manager, "/directory/workgroups", &json!({"organisation": "RXX", "name": " Cafe\u{301} "})).await;
        assert_eq!(group.body["name"], "Caf\u{e9}", "{:?}", group.body);
        let group = format!("/directory/workgroups/{}", text(&group, "id"));
        let made = world.make(&manager, &position("RXX", "  Nurses of theatre\u{3000}", ROLE_OF_NURSES, &[])).await;
        let made = format!("/directory/positions/{made}");
        assert_eq!(world.rig.get(&manager, &made).await.body["name"], "Nurses of theatre");
        let organisation = |name: &str| json!({"ods": "XN01", "name": name, "primary_role": "RO182"});
        let there = world.rig.post(&world.operator, "/directory/organisations", &organisation("Locums\u{a0}")).await;
        assert_eq!(there.body["name"], "Locums", "{:?}", there.body);
        for (bad, says) in [
            ("two\nlines", "one line"),
            ("two\u{2028}lines", "one line"),
            ("a\ttab", "one line"),
            ("a\u{7}bell", "cannot be seen"),
            ("turned\u{202e}round", "cannot be seen"),
            ("   ", "must not be empty"),
        ] {
            let approval = crate::world::approval();
            let refused = [
                world.rig.post(&manager, "/directory/positions", &position("RXX", bad, ROLE_OF_NURSES, &[])).await,
                world.patch(&manager, &made, &json!({"name": bad, "approval": approval})).await,
                world.rig.post(&manager, "/directory/workgroups", &json!({"organisation": "RXX01", "name": bad})).await,
                world.patch(&manager, &group, &json!({"name": bad})).await,
                world.rig.post(&manager, "/directory/campaigns", &json!({"organisation": "RXX", "name": bad, "by": crate::world::day(5), "unconfirmed": "report"})).await,
                world.rig.post(&world.operator, "/directory/organisations", &json!({"ods": "XN02", "name": bad, "primary_role": "RO182"})).await,
                world.rig.send(&world.operator, Method::PATCH, "/directory/organisations/XN01", &[("if-match", "*")], Some(&json!({"name": bad}))).await,
            ];
            for (at, answered) in refused.iter().enumerate() {
                assert_eq!((answered.status, answered.code()), (StatusCode::BAD_REQUEST, "field-invalid"), "{at} {bad:?}: {:?}", answered.body);
                let detail = answered.body["detail"].as_str().unwrap();
                assert!(detail.contains(says), "{at} {bad:?}: {detail}");
            }
        }
        assert_eq!(world.rig.get(&manager, &group).await.body["name"], "Caf\u{e9}");
    }

    /// A filter that is none is refused, and nothing is taken for something else.
    async fn filters_of_positions_say_what_they_take(db: Db) {
        let world = World::new(db).await;
        let list = |query: &str| {
            let (world, path) = (&world, format!("/directory/positions?organisation=RXX&{query}"));
            async move { world.rig.get(&who(MANAGER), &path).await }
        };
        for bad in ["below=Yes", "below=true", "state=opened", "state="] {
            assert_eq!(list(bad).await.code(), "field-invalid", "{bad}");
        }
        let many = async |query: &str| list(query).await.body["items"].as_array().unwrap().len();
        assert_eq!((many("below=no").await, many("below=yes").await, many("state=closed").await), (6, 7, 0));
        assert_eq!(many("state=open&below=yes").await, 7);
    }

    /// Nothing lies deeper than sixteen workgroups, however it comes there.
    async fn moved_workgroups_keep_the_depth(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let make = async |name: String, parent: Option<&String>| {
            let body = json!({"organisation": "RXX", "name": name, "parent": parent});
            let made = world.rig.post(&manager, "/directory/workgroups", &body).await;
            assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
            text(&made, "id")
        };
        let root = make("Root".to_owned(), None).await;
        let mut chains: Vec<Vec<String>> = Vec::new();
        for chain in 0..2 {
            let mut ids = vec![root.clone()];
            for depth in 0..9 {
                ids.push(make(format!("{chain} {depth}"), ids.last()).await);
            }
            chains.push(ids);
        }
        let moved = async |id: &String, below: &String| {
            world.patch(&manager, &format!("/directory/workgroups/{id}"), &json!({"parent": below})).await
        };
        // Ten deep, and nine move: nineteen.
        let deep = moved(&chains[1][1], &chains[0][9]).await;
        assert_eq!((deep.status, deep.code()), (StatusCode::BAD_REQUEST, "field-invalid"), "{:?}", deep.body);
        // Seven deep, and nine move: sixteen.
        assert_eq!(moved(&chains[1][1], &chains[0][6]).await.status, StatusCode::OK);
        let last = json!({"organisation": "RXX", "name": "Too deep", "parent": chains[1][9]});
        assert_eq!(world.rig.post(&manager, "/directory/workgroups", &last).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(moved(&chains[0][1], &chains[1][9]).await.code(), "workgroup-cycle");
    }
}
