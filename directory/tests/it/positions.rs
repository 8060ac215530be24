//! Positions: what they give, who makes them, and what stands against it.

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::json;

use crate::world::{
    ADVANCED, AGENT, MANAGER, NURSE, ROLE_OF_AGENTS, ROLE_OF_MANAGERS, ROLE_OF_NURSES, SPONSOR, World,
    approval, position, text, user, who,
};

platform::both_engines! {
    /// An operator makes the first RA manager, who makes agents; an agent makes no positions, and nobody one above their rank.
    async fn nobody_makes_a_position_above_their_rank(db: Db) {
        let world = World::new(db).await;
        let post = |number, body| {
            let world = &world;
            async move { world.rig.post(&who(number), "/directory/positions", &body).await }
        };
        let managers = || position("RXX", "More managers", ROLE_OF_MANAGERS, &[]);
        assert_eq!(post(ADVANCED, managers()).await.code(), "above-rank");
        assert_eq!(post(ADVANCED, position("RXX", "Agents", ROLE_OF_AGENTS, &["B0272"])).await.status, StatusCode::CREATED);
        assert_eq!(post(MANAGER, managers()).await.status, StatusCode::CREATED);
        for number in [AGENT, SPONSOR, NURSE] {
            let refused = post(number, position("RXX", "Nurses", ROLE_OF_NURSES, &[])).await;
            assert_eq!(refused.code(), "not-in-role", "{number}");
        }
        let elsewhere = post(MANAGER, position("RYY", "Nurses", ROLE_OF_NURSES, &[])).await;
        assert_eq!(elsewhere.code(), "outside-organisation");
        let mut mixed = position("RXX", "Nurses of both", ROLE_OF_NURSES, &[]);
        mixed["access_profiles"][0]["organisation"] = json!("RYY");
        assert_eq!(post(MANAGER, mixed).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(world.recorded("position-created").await, 9);
    }

    /// A weak sign-in, and a caller who was granted nothing, change nothing.
    async fn weak_sign_in_makes_no_position(db: Db) {
        let world = World::new(db).await;
        let mut weak = who(MANAGER);
        weak.assurance = Some("aal2".to_owned());
        let body = position("RXX", "Nurses", ROLE_OF_NURSES, &[]);
        assert_eq!(world.rig.post(&weak, "/directory/positions", &body).await.code(), "assurance-too-low");
        let path = format!("/directory/positions/{}", world.ward);
        assert_eq!(world.rig.get(&weak, &path).await.status, StatusCode::OK);
        let mut nobody = who(MANAGER);
        nobody.acts.clear();
        assert_eq!(world.rig.post(&nobody, "/directory/positions", &body).await.code(), "act-not-granted");
        assert_eq!(world.rig.get(&nobody, &path).await.code(), "act-not-granted");
    }

    /// A position that would include itself is refused with the way it takes, over however many others.
    async fn inclusion_cycles_are_told_with_their_path(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let including = |name: &str, included: &[&str]| {
            let mut body = position("RXX", name, ROLE_OF_NURSES, &[]);
            body["included"] = json!(included);
            body
        };
        let first = world.make(&manager, &including("First", &[])).await;
        let second = world.make(&manager, &including("Second", &[&first])).await;
        let third = world.make(&manager, &including("Third", &[&second])).await;
        let path = format!("/directory/positions/{first}");
        let refused = world.patch(&manager, &path, &json!({"included": [third], "approval": approval()})).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "inclusion-cycle"));
        let told = refused.body["detail"].as_str().unwrap();
        let at = |name: &str| told.find(name).unwrap_or_else(|| panic!("{name} in {told}"));
        assert!(at("First") < at("Third") && at("Third") < at("Second"), "{told}");
        let itself = world.patch(&manager, &path, &json!({"included": [first], "approval": approval()})).await;
        assert_eq!(itself.code(), "inclusion-cycle");
        let same = world.rig.get(&manager, &path).await;
        assert_eq!((same.body["included"].clone(), same.body["version"].clone()), (json!([]), json!(1)));
    }

    /// What a position includes counts for its rank, also when it changes later; nobody raises others above themselves so.
    async fn rank_follows_what_is_included(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let inner = world.make(&manager, &position("RXX", "Inner", ROLE_OF_NURSES, &[])).await;
        let mut outer = position("RXX", "Outer", ROLE_OF_NURSES, &[]);
        outer["included"] = json!([inner]);
        let outer = world.make(&manager, &outer).await;
        let rank = |id: String| {
            let (world, manager) = (&world, who(MANAGER));
            async move { world.rig.get(&manager, &format!("/directory/positions/{id}")).await.body["rank"].clone() }
        };
        assert_eq!(rank(outer.clone()).await, json!(null));
        let whole = format!("/directory/positions/{outer}");
        let seen = world.rig.get(&manager, &whole).await;
        let raise = |job_role: &str| json!({"approval": approval(), "access_profiles":
            [{"organisation": "RXX", "job_role": job_role, "activities": ["B0272"]}]});
        let path = format!("/directory/positions/{inner}");
        let before = world.changes(0).await.len() as u64;
        assert_eq!(world.patch(&who(ADVANCED), &path, &raise(ROLE_OF_MANAGERS)).await.code(), "above-rank");
        assert_eq!(world.patch(&manager, &path, &raise(ROLE_OF_MANAGERS)).await.status, StatusCode::OK);
        assert_eq!((rank(inner.clone()).await, rank(outer.clone()).await), (json!("ra-manager"), json!("ra-manager")));
        let told = world.changes(before).await;
        assert_eq!(told.iter().filter(|row| row.0 == "position-changed").count(), 2, "{told:?}");
        // What is shown of the outer one is another version now, and whoever read it before changes nothing by that.
        let raised = world.rig.get(&manager, &whole).await;
        assert_ne!(seen.etag(), raised.etag());
        let named = json!({"name": "Outermost", "approval": approval()});
        let late = world.rig.send(&manager, Method::PATCH, &whole, &[("if-match", &seen.etag())], Some(&named)).await;
        assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{:?}", late.body);
        // A change of the inner one that leaves the rank leaves what is shown of the outer one, and its version.
        let renamed = json!({"name": "Innermost", "approval": approval()});
        assert_eq!(world.patch(&manager, &path, &renamed).await.status, StatusCode::OK);
        let same = world.rig.get(&manager, &whole).await;
        assert_eq!((same.etag(), &same.body), (raised.etag(), &raised.body));
        // Nor is it lowered, changed or given by somebody below it.
        assert_eq!(world.patch(&who(ADVANCED), &path, &raise(ROLE_OF_AGENTS)).await.code(), "above-rank");
        assert_eq!(world.try_assign(&who(AGENT), NURSE, &outer).await.code(), "above-rank");
        assert_eq!(world.try_assign(&manager, NURSE, &outer).await.status, StatusCode::CREATED);
        assert_eq!(world.roles(NURSE).await.len(), 2);
    }

    /// Only a sponsor's position has positions to assign, and it stays a sponsor's while it has.
    async fn only_sponsors_have_positions_to_assign(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let put = |id: String, number: u64| {
            let world = &world;
            let body = json!({"positions": [world.clinic], "approval": approval()});
            async move {
                let path = format!("/directory/positions/{id}/assignable");
                world.rig.send(&who(number), Method::PUT, &path, &[("if-match", "*")], Some(&body)).await
            }
        };
        assert_eq!(put(world.ward.clone(), MANAGER).await.code(), "not-a-sponsors-position");
        assert_eq!(put(world.sponsor_position.clone(), AGENT).await.code(), "not-in-role");
        assert_eq!(put(world.sponsor_position.clone(), MANAGER).await.body["assignable"], json!([world.clinic]));
        let path = format!("/directory/positions/{}", world.sponsor_position);
        let plain = json!({"approval": approval(), "access_profiles": [{"organisation": "RXX", "job_role": ROLE_OF_NURSES}]});
        assert_eq!(world.patch(&manager, &path, &plain).await.code(), "not-a-sponsors-position");
        assert_eq!(world.recorded("position-assignable-set").await, 2);
    }

    /// Nobody says what they may assign themselves, whether they hold the position or one that includes it; a colleague does.
    async fn nobody_sets_what_they_may_assign(db: Db) {
        let world = World::new(db).await;
        let (manager, second) = (who(MANAGER), NURSE + 80);
        let mut matrons = position("RXX", "Matrons", ROLE_OF_NURSES, &[]);
        matrons["included"] = json!([world.sponsor_position]);
        let matrons = world.make(&manager, &matrons).await;
        world.assign(&manager, ADVANCED, &world.sponsor_position).await;
        for held in [&world.manager_position, &matrons] {
            world.assign(&manager, second, held).await;
        }
        let put = |number: u64| {
            let world = &world;
            let body = json!({"positions": [world.ward, world.clinic], "approval": approval()});
            async move {
                let path = format!("/directory/positions/{}/assignable", world.sponsor_position);
                world.rig.send(&who(number), Method::PUT, &path, &[("if-match", "*")], Some(&body)).await
            }
        };
        for holder in [ADVANCED, second] {
            let own = put(holder).await;
            assert_eq!((own.status, own.code()), (StatusCode::FORBIDDEN, "own-record"), "{holder}: {:?}", own.body);
        }
        assert_eq!(world.recorded("position-assignable-set").await, 1, "nothing was done");
        let done = put(MANAGER).await;
        assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
    }

    /// A position is closed for good by the typed word, with a reason and an approver who is somebody else.
    async fn position_is_closed_by_the_word(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let held = world.assign(&manager, NURSE, &world.ward).await;
        let path = format!("/directory/positions/{}/closing", world.ward);
        let body = |word: &str, approver: &str, live: &str| {
            json!({"reason": "Ward 7 has closed", "approver": approver, "word": word, "assignments": live})
        };
        let office = "Head of nursing";
        assert_eq!(world.act(&manager, &path, &body("close", office, "end")).await.code(), "field-invalid");
        assert_eq!(world.act(&manager, &path, &body("CLOSE", &user(MANAGER), "end")).await.code(), "field-invalid");
        assert_eq!(world.act(&manager, &path, &body("CLOSE", office, "must-have-ended")).await.code(), "position-held");
        assert_eq!(world.act(&who(AGENT), &path, &body("CLOSE", office, "end")).await.code(), "not-in-role");
        let closed = world.act(&manager, &path, &body("CLOSE", office, "end")).await;
        assert_eq!((closed.status, closed.body["state"].as_str()), (StatusCode::OK, Some("closed")), "{:?}", closed.body);
        let ended = world.rig.get(&manager, &format!("/directory/assignments/{held}")).await;
        assert_eq!(ended.body["state"], "removed");
        assert_eq!(world.try_assign(&manager, NURSE + 1, &world.ward).await.code(), "position-closed");
        assert_eq!(world.act(&manager, &path, &body("CLOSE", office, "end")).await.code(), "position-closed");
        assert!(world.roles(NURSE).await.is_empty());
        let history = world.rig.get(&manager, &format!("/directory/positions/{}/history", world.ward)).await;
        let acts: Vec<&str> = history.body["items"].as_array().unwrap().iter().map(|row| row["act"].as_str().unwrap()).collect();
        assert_eq!(acts, ["created", "closed"]);
        assert_eq!(history.body["items"][1]["approval"]["approver"], office);
    }

    /// Two who change the same version: the second is told, and nothing of theirs is kept. A key that comes again does nothing.
    async fn lost_updates_are_told(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let path = format!("/directory/positions/{}", world.ward);
        let tag = world.rig.get(&manager, &path).await.etag();
        let rename = |name: &str| json!({"name": name, "approval": approval()});
        let send = |name: &'static str, tag: String| {
            let (world, path) = (&world, path.clone());
            async move { world.rig.send(&who(MANAGER), Method::PATCH, &path, &[("if-match", &tag)], Some(&rename(name))).await }
        };
        let first = send("Ward 7", tag.clone()).await;
        assert_eq!(first.status, StatusCode::OK);
        assert_eq!(send("Ward 8", tag).await.code(), "changed");
        assert_eq!(send("Ward 9", first.etag()).await.body["name"], "Ward 9");
        let without = world.rig.send(&manager, Method::PATCH, &path, &[], Some(&rename("Ward 10"))).await;
        assert_eq!(without.status, StatusCode::PRECONDITION_REQUIRED);
        let body = position("RXX", "Once", ROLE_OF_NURSES, &[]);
        let keyed = |body: serde_json::Value| {
            let world = &world;
            async move { world.rig.send(&who(MANAGER), Method::POST, "/directory/positions", &[("idempotency-key", "k1")], Some(&body)).await }
        };
        let (one, two) = (keyed(body.clone()).await, keyed(body).await);
        assert_eq!((one.status, text(&one, "id")), (two.status, text(&two, "id")));
        assert_eq!(keyed(position("RXX", "Other", ROLE_OF_NURSES, &[])).await.code(), "idempotency-key-reused");
    }

    /// Positions are listed for an organisation, with those below if asked, in pages, by the beginning of their name.
    async fn positions_are_listed_in_pages(db: Db) {
        let world = World::new(db).await;
        let names = |query: &'static str| {
            let world = &world;
            async move {
                let listed = world.rig.get(&who(AGENT), &format!("/directory/positions?{query}")).await;
                assert_eq!(listed.status, StatusCode::OK, "{:?}", listed.body);
                let items = listed.body["items"].as_array().unwrap().iter();
                let names: Vec<String> = items.map(|item| item["name"].as_str().unwrap().to_owned()).collect();
                (names, listed.body["next"].as_str().map(str::to_owned))
            }
        };
        assert_eq!(names("organisation=rxx%2001").await, (vec!["Nurses of ward 7".to_owned()], None));
        assert_eq!(names("organisation=RXX&below=yes&name=nurses%20of").await.0, ["Nurses of ward 7", "Nurses of the clinic"]);
        let (first, next) = names("organisation=RXX&limit=2").await;
        assert_eq!(first, ["RA managers", "Advanced agents"]);
        let next = format!("/directory/positions?organisation=RXX&limit=2&after={}", next.unwrap());
        assert_eq!(world.rig.get(&who(AGENT), &next).await.body["items"][0]["name"], "Agents");
        let other = world.rig.get(&who(AGENT), "/directory/positions?organisation=RYY").await;
        assert_eq!(other.code(), "outside-organisation");
        assert_eq!(world.rig.get(&who(SPONSOR), "/directory/positions?organisation=RXX").await.code(), "not-in-role");
    }

    /// A character that no text has is refused wherever an address may hold it, the same on every database.
    async fn nul_is_refused_in_addresses(db: Db) {
        let world = World::new(db).await;
        let agent = who(AGENT);
        for path in [
            "/directory/positions?organisation=RXX&name=a%00b".to_owned(),
            "/directory/organisations?role=RO%00".to_owned(),
            "/directory/people?email=a%00@b.example".to_owned(),
            format!("/directory/people/{}/custody?x=%00", user(NURSE)),
        ] {
            let refused = world.rig.get(&agent, &path).await;
            assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, "nul-in-address"), "{path}");
        }
        let path = format!("/directory/people/{}/emails/%00/codes", user(NURSE));
        assert_eq!(world.rig.post(&agent, &path, &json!({})).await.code(), "nul-in-address");
    }

    /// A position of a registration authority elsewhere is not told apart from one that there is not.
    async fn positions_elsewhere_are_not_found(db: Db) {
        let world = World::new(db).await;
        let theirs = world.make(&world.operator, &position("RYY", "Theirs", ROLE_OF_NURSES, &[])).await;
        let none = "01990000-0000-7000-8000-000000000001";
        for last in ["", "/history", "/assignments"] {
            let [seen, unknown] = [&theirs, none].map(|id| format!("/directory/positions/{id}{last}"));
            let (seen, unknown) = (world.rig.get(&who(AGENT), &seen).await, world.rig.get(&who(AGENT), &unknown).await);
            assert_eq!((seen.status, seen.code()), (StatusCode::NOT_FOUND, unknown.code()), "{last}");
        }
    }

    /// A list goes over everything below a host, however many organisations those are.
    async fn many_hosted_organisations_are_searched(db: Db) {
        let world = World::new(db.clone()).await;
        let hosted = "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 3100) \
                      INSERT INTO directory_organisation (ods, name, status, ra_host, version) \
                      SELECT 'XA' || CAST(i AS TEXT), 'A surgery', 'active', 'RXX', 1 FROM n";
        crate::people_rig::execute(&db, hosted, Vec::new()).await;
        world.make(&who(MANAGER), &position("XA3100", "The last one", ROLE_OF_NURSES, &[])).await;
        let path = "/directory/positions?organisation=RXX&below=yes&name=the%20last";
        let listed = world.rig.get(&who(AGENT), path).await;
        assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(1), "{:?}", listed.body);
    }
}

platform::both_engines! {
    /// Bad input is refused with what to do, before anything is written.
    async fn bad_positions_are_refused(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let with = |member: &str, value: serde_json::Value| {
            let mut body = position("RXX", "Nurses", ROLE_OF_NURSES, &[]);
            body["access_profiles"][0][member] = value;
            body
        };
        for (body, told) in [
            (with("job_role", json!("R8000")), "a job role with its groups, as in S0080:G0450:R5080"),
            (with("activities", json!(["B12"])), "an activity, as in B0264"),
            (with("areas", json!(["P1"])), "an area of work"),
            (with("organisation", json!("R-1")), "no ODS code"),
        ] {
            let refused = world.rig.post(&manager, "/directory/positions", &body).await;
            assert_eq!(refused.code(), "field-invalid", "{told}");
            assert!(refused.body["detail"].as_str().unwrap().contains(told), "{:?}", refused.body);
        }
        let mut own = position("RXX", "Nurses", ROLE_OF_NURSES, &[]);
        own["approval"]["approver"] = json!(user(MANAGER));
        assert_eq!(world.rig.post(&manager, "/directory/positions", &own).await.code(), "field-invalid");
        let group = with("workgroups", json!(["01990000-0000-7000-8000-000000000001"]));
        assert_eq!(world.rig.post(&manager, "/directory/positions", &group).await.status, StatusCode::NOT_FOUND);
        assert_eq!(world.recorded("position-created").await, 7);
    }
}
