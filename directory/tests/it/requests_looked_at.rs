//! Requests when they are handed in, and when they are over: what is wrong is told at once, numbers are not kept, and those who
//! decided see what they decided.

use http::{Method, StatusCode};
use platform::db::{Db, Engine};
use serde_json::{Value, json};

use crate::people_rig::{documents, execute, new_person, texts};
use crate::rig::Answered;
use crate::world::{
    ADVANCED, AGENT, AGENT_TWO, CHECKER, MANAGER, NURSE, ROLE_OF_AGENTS, ROLE_OF_MANAGERS, ROLE_OF_NURSES,
    SPONSOR, World, day, position, text, user, who,
};

async fn ask(world: &World, by: u64, ask: Value) -> Answered {
    world.rig.post(&who(by), "/directory/requests", &json!({"ask": ask})).await
}

async fn draft(world: &World, by: u64, ask: Value) -> Answered {
    world.rig.post(&who(by), "/directory/requests", &json!({"ask": ask, "state": "draft"})).await
}

/// Opens a request and approves it, with these documents.
async fn approve(world: &World, by: u64, id: &str, evidence: Value) -> Answered {
    let path = |last: &str| format!("/directory/requests/{id}/{last}");
    let opened = world.rig.send(&who(by), Method::PUT, &path("lock"), &[("if-match", "*")], None).await;
    assert_eq!(opened.status, StatusCode::OK, "{:?}", opened.body);
    world.act(&who(by), &path("approval"), &json!({"evidence": evidence})).await
}

async fn see(world: &World, by: u64, id: &str) -> Answered {
    world.rig.get(&who(by), &format!("/directory/requests/{id}")).await
}

async fn listed(world: &World, by: u64, view: &str) -> Vec<String> {
    let listed = world.rig.get(&who(by), &format!("/directory/requests?view={view}")).await;
    listed.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The number of requests that were handed in.
async fn handed_in(db: &Db) -> usize {
    texts(db, "SELECT request_id FROM directory_request WHERE state <> $1", "draft").await.len()
}

/// Everything that every table holds, in hexadecimal.
async fn everything(db: &Db) -> String {
    let (tables, columns) = match db.engine() {
        Engine::Sqlite => (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> $1",
            "SELECT 'hex(CAST(\"' || name || '\" AS BLOB))' FROM pragma_table_info($1)",
        ),
        Engine::Postgres => (
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> $1",
            "SELECT CASE WHEN data_type = 'bytea' THEN 'encode(\"' || column_name || '\", ''hex'')' \
             ELSE 'encode(convert_to(CAST(\"' || column_name || '\" AS TEXT), ''UTF8''), ''hex'')' END \
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1",
        ),
    };
    let mut all = String::new();
    for table in texts(db, tables, "_sqlx_migrations").await {
        for column in texts(db, columns, &table).await {
            let text = format!("SELECT COALESCE({column}, '') FROM {table}");
            let rows: Vec<(String,)> =
                sqlx::query_as(sqlx::AssertSqlSafe(text)).fetch_all(db.read()).await.unwrap();
            for (row,) in rows {
                all.push_str(&row.to_ascii_lowercase());
            }
            all.push(' ');
        }
    }
    all
}

platform::both_engines! {
    /// What cannot be is told when a request is handed in, with the member that holds it, and nothing is stored as submitted: neither
    /// of one that is handed in at once, nor of a draft, which stays one.
    async fn bad_content_is_not_handed_in(db: Db) {
        let world = World::new(db.clone()).await;
        let id = world.assign(&who(AGENT), NURSE, &world.clinic).await;
        let change = |patch: Value| json!({"kind": "change-person", "person": user(NURSE), "patch": patch});
        let create = |profile: Value| json!({"kind": "create-person", "organisation": "RXX", "profile": profile});
        let with = |member: &str, value: Value| {
            let mut new = new_person("Ann", "Example", "1984-07-23", "123456789");
            new[member] = value;
            create(new)
        };
        let assign = |start: &str, end: &str| json!({"kind": "assign", "person": user(NURSE + 1), "position": world.clinic, "start": start, "end": end});
        let cases = [
            (SPONSOR, assign(&day(9), &day(3)), "ask.end"),
            (SPONSOR, assign(&day(-3), &day(3)), "ask.start"),
            (SPONSOR, assign("2027-02-30", &day(3)), "ask.start"),
            (SPONSOR, json!({"kind": "redate", "assignment": id, "end": day(-2)}), "ask.end"),
            (SPONSOR, json!({"kind": "assign", "person": "12", "position": world.clinic}), "ask.person"),
            (SPONSOR, change(json!({})), "ask.patch"),
            (SPONSOR, change(json!({"shoe": 39})), "ask.patch"),
            (SPONSOR, change(json!({"gender": 5})), "ask.patch"),
            (SPONSOR, change(json!({"birth": day(1)})), "ask.patch.birth"),
            (SPONSOR, change(json!({"birth": "23/07/1984"})), "ask.patch.birth"),
            (SPONSOR, change(json!({"national_insurance_number": "GB123456A"})), "ask.patch.national_insurance_number"),
            (SPONSOR, change(json!({"on_card": "a\u{202e}b"})), "ask.patch.on_card"),
            (SPONSOR, change(json!({"notes": "Of a person"})), "ask.patch.notes"),
            (SPONSOR, change(json!({"birth": "1984-07-23", "evidence": documents("123456789")[0]})), "ask.patch.evidence"),
            (AGENT, change(json!({"birth": "1984-07-23", "evidence": {"document": "passport", "issuer": "GBR", "method": "f2f"}})), "ask.patch.number"),
            (AGENT, with("birth", json!("2020-01-01")), "ask.profile.birth"),
            (AGENT, with("emails", json!(["no address"])), "ask.profile.email"),
            (AGENT, with("registrations", json!([{"body": "GMC", "number": "12"}])), "ask.profile."),
            (AGENT, with("registrations", json!([{"body": "XYZ", "number": "1234567"}])), "ask.profile"),
            (AGENT, with("name", json!({"given": "", "family": "x"})), "ask.profile.given"),
            (AGENT, with("organisation", json!("RXX")), "ask.profile.organisation"),
            (AGENT, create(json!({})), "ask.profile."),
        ];
        let before = handed_in(&db).await;
        for (by, asked, member) in cases {
            let refused = ask(&world, by, asked.clone()).await;
            assert_eq!((refused.status, refused.code()), (StatusCode::UNPROCESSABLE_ENTITY, "field-invalid"), "{asked}: {:?}", refused.body);
            let detail = refused.body["detail"].as_str().unwrap();
            assert!(detail.contains(&format!("member {member}")), "{asked}: {detail}");
            let made = draft(&world, by, asked.clone()).await;
            if made.status == StatusCode::CREATED {
                let id = text(&made, "id");
                let path = format!("/directory/requests/{id}/submission");
                let refused = world.act(&who(by), &path, &json!({})).await;
                assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{asked}: {:?}", refused.body);
                assert_eq!(see(&world, by, &id).await.body["state"], "draft", "{asked}");
            } else {
                assert_eq!(made.status, StatusCode::UNPROCESSABLE_ENTITY, "{asked}: {:?}", made.body);
            }
        }
        assert_eq!(handed_in(&db).await, before);
        assert_eq!(world.recorded("request-submitted").await, 0);
        assert_eq!(ask(&world, SPONSOR, change(json!({"gender": "female"}))).await.status, StatusCode::CREATED);
    }

    /// No number of a document or of national insurance stands in clear anywhere, while a request waits, is decided or has expired;
    /// what is done by it has the mask and the hash that it would have otherwise; and when numbers are erased it goes too.
    async fn numbers_in_requests_are_not_kept(db: Db) {
        let world = World::new(db.clone()).await;
        let (number, passport) = ("AB123456C", "907654321");
        let patch = json!({"national_insurance_number": number, "evidence": documents(passport)[0]});
        let change = json!({"kind": "change-person", "person": user(NURSE), "patch": patch});
        let mut new = new_person("Ann", "Example", "1984-07-23", "807654321");
        new["national_insurance_number"] = json!("AB654321D");
        let create = json!({"kind": "create-person", "organisation": "RXX", "profile": new});
        let made = [draft(&world, AGENT, change.clone()).await, ask(&world, AGENT, change).await, ask(&world, AGENT, create.clone()).await, ask(&world, AGENT, create).await];
        let id = |at: usize| text(&made[at], "id");
        let nowhere = async |when: &str| {
            let all = everything(&db).await;
            assert!(all.contains(&hex::encode("456C")), "masks are found, so numbers would be");
            for secret in [number, passport, "AB654321D", "807654321"] {
                assert!(!all.contains(&hex::encode(secret)), "{secret} stands in the database {when}");
            }
        };
        nowhere("while they wait").await;
        for (by, at) in [(AGENT, 0), (AGENT, 1), (AGENT_TWO, 1), (AGENT_TWO, 2)] {
            let shown = see(&world, by, &id(at)).await.body.to_string();
            assert!(shown.contains("*****") && !shown.contains("kept:") && !shown.contains(number), "{shown}");
        }
        assert_eq!(approve(&world, AGENT_TWO, &id(1), json!([])).await.body["state"], "applied");
        let created = approve(&world, AGENT_TWO, &id(2), json!([])).await;
        assert_eq!(created.body["state"], "applied", "{:?}", created.body);
        let twin = new_person("Zoe", "Other", "1990-01-02", "907654321");
        let same = world.rig.post(&who(AGENT), "/directory/people", &twin).await;
        assert_eq!(same.status, StatusCode::CONFLICT, "the hash is the one that the number has: {:?}", same.body);
        let shown = world.rig.get(&who(AGENT), &format!("/directory/people/{}", user(NURSE))).await;
        assert_eq!(shown.body["personal"]["national_insurance_mask"], "*****456C");
        assert_eq!((&shown.body["personal"]["evidence"][0]["number_mask"], &shown.body["personal"]["evidence"][0]["checker"]), (&json!("*****4321"), &json!(user(AGENT))));
        let again = json!({"national_insurance_number": "AB654321D", "evidence": documents(passport)[0]});
        let again = ask(&world, AGENT, json!({"kind": "change-person", "person": user(NURSE), "patch": again})).await;
        assert_eq!(again.body["before"], json!({"open": true, "national_insurance_number": "*****456C"}), "{:?}", again.body);
        world.wait_days(40);
        world.sweep().await;
        assert_eq!(see(&world, AGENT, &id(3)).await.body["state"], "expired");
        nowhere("when they are over").await;
        let over = texts(&db, "SELECT asked FROM directory_request WHERE state <> $1", "draft").await;
        assert!(over.len() == 4 && over.iter().all(|asked| !asked.contains("kept:")), "{over:?}");
        let path = format!("/directory/people/{}/close", user(NURSE));
        assert!(world.act(&who(MANAGER), &path, &json!({"reason": "left"})).await.status.is_success());
        world.wait_days(2200);
        while world.rig.register.sweep_people().await.unwrap() > 0 {}
        let left = texts(&db, "SELECT asked FROM directory_request WHERE user_id = $1", &user(NURSE)).await;
        assert!(!left.is_empty() && left.iter().all(|asked| asked.ends_with("\"patch\":{}}")), "{left:?}");
        let before = texts(&db, "SELECT before_it FROM directory_request WHERE user_id = $1", &user(NURSE)).await;
        assert!(before.iter().all(|before| before == "{}"), "{before:?}");
        assert_eq!(see(&world, AGENT, &id(1)).await.status, StatusCode::OK, "it reads back");
    }

    /// Who checks a document is noted as the one who did: the requester where it is in their rank, or whoever approves with the
    /// document in their hands. Nobody else's word counts.
    async fn whoever_saw_a_document_is_noted(db: Db) {
        let world = World::new(db.clone()).await;
        world.assign(&who(AGENT), NURSE, &world.ward).await;
        let birth = |birth: &str| json!({"kind": "change-person", "person": user(NURSE), "patch": {"birth": birth}});
        let id = text(&ask(&world, SPONSOR, birth("1984-07-23")).await, "id");
        let without = approve(&world, AGENT, &id, json!([])).await;
        assert_eq!(without.body["state"], "failed", "{:?}", without.body);
        let passport = &documents("123456789")[0];
        let retry = async |evidence: Value| world.act(&who(AGENT_TWO), &format!("/directory/requests/{id}/retry"), &json!({"evidence": evidence})).await;
        let named = json!({"document": "passport", "issuer": "GBR", "number": "123456789", "method": "f2f", "checker": user(SPONSOR)});
        assert_eq!(retry(json!([named])).await.body["state"], "failed");
        assert_eq!(retry(json!([passport, passport])).await.body["state"], "failed");
        assert_eq!(retry(json!([passport])).await.body["state"], "applied");
        let checkers = texts(&db, "SELECT checker FROM directory_evidence WHERE user_id = $1", &user(NURSE)).await;
        assert_eq!(checkers, [user(AGENT_TWO)]);
        // An agent who asks has checked themselves; a profile may come without, and then its approval brings them.
        let own = json!({"kind": "change-person", "person": user(NURSE), "patch": {"birth": "1984-07-24", "evidence": passport}});
        let id = text(&ask(&world, AGENT, own).await, "id");
        assert_eq!(approve(&world, AGENT_TWO, &id, json!([])).await.body["state"], "applied");
        let checkers = texts(&db, "SELECT checker FROM directory_evidence WHERE user_id = $1 ORDER BY evidence_id", &user(NURSE)).await;
        assert_eq!(checkers, [user(AGENT_TWO), user(AGENT)]);
        let bare = json!({"name": {"given": "Bea", "family": "Example"}, "birth": "1985-07-23"});
        let id = text(&ask(&world, AGENT, json!({"kind": "create-person", "organisation": "RXX", "profile": bare})).await, "id");
        assert_eq!(approve(&world, AGENT_TWO, &id, json!([])).await.body["state"], "failed");
        let done = world.act(&who(ADVANCED), &format!("/directory/requests/{id}/retry"), &json!({"evidence": documents("987654321")})).await;
        assert_eq!(done.body["state"], "applied", "{:?}", done.body);
        let checkers = texts(&db, "SELECT DISTINCT checker FROM directory_evidence WHERE user_id = $1", done.body["person"].as_str().unwrap()).await;
        assert_eq!(checkers, [user(ADVANCED)]);
    }

    /// A decided request about somebody who has left stays visible where it was filed and where it was decided, and to nobody else.
    async fn decided_requests_stay_visible(db: Db) {
        let world = World::new(db.clone()).await;
        let operator = world.operator.clone();
        let staff = async |organisation: &str, name: &str, role: &str, activities: &[&str], number: u64| {
            let made = world.make(&operator, &position(organisation, name, role, activities)).await;
            world.assign(&operator, number, &made).await;
            made
        };
        let (other_manager, other_agent, stranger) = (NURSE + 80, NURSE + 81, NURSE + 82);
        staff("RYY", "Managers there", ROLE_OF_MANAGERS, &[], other_manager).await;
        staff("RYY", "Agents there", ROLE_OF_AGENTS, &["B0274"], other_agent).await;
        let insert = "INSERT INTO directory_organisation (ods, name, status, version) VALUES ($1, $1, 'active', 1)";
        execute(&db, insert, vec!["RZZ".to_owned()]).await;
        staff("RZZ", "Managers elsewhere", ROLE_OF_MANAGERS, &[], stranger).await;
        let nurses = world.make(&who(other_manager), &position("RYY", "Nurses there", ROLE_OF_NURSES, &[])).await;
        world.assign(&who(AGENT), NURSE, &world.clinic).await;
        world.assign(&who(other_agent), NURSE, &nurses).await;
        let patch = |gender: &str| json!({"kind": "change-person", "person": user(NURSE), "patch": {"gender": gender}});
        let here = text(&ask(&world, SPONSOR, patch("female")).await, "id");
        assert_eq!(approve(&world, AGENT, &here, json!([])).await.body["state"], "applied");
        let there = text(&ask(&world, AGENT, patch("other")).await, "id");
        assert_eq!(approve(&world, other_agent, &there, json!([])).await.body["state"], "applied");
        // Filed here and decided there.
        let steps = see(&world, other_agent, &there).await.body["steps"].clone();
        let approved = steps.as_array().unwrap().iter().find(|step| step["step"] == "approved").unwrap().clone();
        assert!(approved["role_profile"].is_string(), "{approved}");
        for position in [&world.clinic, &nurses] {
            let held = texts(&db, "SELECT assignment_id FROM directory_assignment WHERE position_id = $1 AND state = 'live'", position).await;
            for id in held {
                let by = if position == &nurses { other_agent } else { AGENT };
                world.act(&who(by), &format!("/directory/assignments/{id}/removal"), &json!({"notes": "Leaves"})).await;
            }
        }
        for (id, sees) in [(&here, [AGENT, AGENT_TWO, MANAGER].as_slice()), (&there, &[AGENT_TWO, MANAGER, other_agent, other_manager])] {
            for by in sees {
                assert_eq!(see(&world, *by, id).await.status, StatusCode::OK, "{by}");
            }
            for by in [CHECKER, NURSE, stranger] {
                assert_eq!(see(&world, by, id).await.status, StatusCode::NOT_FOUND, "{by}");
            }
        }
        assert_eq!(see(&world, other_agent, &here).await.status, StatusCode::NOT_FOUND);
        assert!(listed(&world, AGENT_TWO, "closed").await.contains(&here), "and listed");
        // A closed profile changes nothing of it, nor does one that is erased.
        let path = format!("/directory/people/{}/close", user(NURSE));
        assert_eq!(world.act(&who(MANAGER), &path, &json!({"reason": "left"})).await.code(), "outside-organisation", "they left there last");
        assert!(world.act(&who(other_manager), &path, &json!({"reason": "left"})).await.status.is_success());
        execute(&db, "DELETE FROM directory_person WHERE user_id = $1", vec![user(NURSE)]).await;
        assert_eq!(see(&world, AGENT, &here).await.status, StatusCode::OK);
        assert_eq!(see(&world, other_agent, &there).await.status, StatusCode::OK);
    }

    /// A request about somebody who works in two organisations is shown to those of the one where it is asked; about somebody who works
    /// nowhere, where its requester does.
    async fn requests_are_filed_where_they_are_asked(db: Db) {
        let world = World::new(db.clone()).await;
        let operator = world.operator.clone();
        execute(&db, "INSERT INTO directory_organisation (ods, name, status, version) VALUES ($1, $1, 'active', 1)", vec!["RAA".to_owned()]).await;
        let first = world.make(&operator, &position("RAA", "Nurses of the first", ROLE_OF_NURSES, &[])).await;
        world.assign(&operator, NURSE, &first).await;
        world.assign(&who(AGENT), NURSE, &world.clinic).await;
        let patch = |number: u64| json!({"kind": "change-person", "person": user(number), "patch": {"gender": "other"}});
        let both = ask(&world, SPONSOR, patch(NURSE)).await;
        assert_eq!(both.body["organisation"], "RXX", "and not the first by its letters");
        let nowhere = ask(&world, SPONSOR, patch(NURSE + 1)).await;
        assert_eq!(nowhere.body["organisation"], "RXX", "{:?}", nowhere.body);
        let ids = [text(&both, "id"), text(&nowhere, "id")];
        assert_eq!(listed(&world, AGENT, "open").await, ids);
        for id in &ids {
            assert_eq!(approve(&world, AGENT, id, json!([])).await.body["state"], "applied");
        }
        // A draft waits while they go elsewhere.
        let waits = draft(&world, SPONSOR, patch(NURSE)).await;
        let held = texts(&db, "SELECT assignment_id FROM directory_assignment WHERE position_id = $1 AND state = 'live'", &world.clinic).await;
        world.act(&who(AGENT), &format!("/directory/assignments/{}/removal", held[0]), &json!({"notes": "Leaves"})).await;
        let path = format!("/directory/requests/{}/submission", text(&waits, "id"));
        let submitted = world.act(&who(SPONSOR), &path, &json!({})).await;
        assert!(submitted.status == StatusCode::FORBIDDEN || submitted.body["organisation"] == "RAA", "{:?}", submitted.body);
    }

    /// Whoever wants their own profile closed is told who does it; who makes requests asks for it, and somebody else decides.
    async fn nobody_closes_their_own_profile(db: Db) {
        let world = World::new(db.clone()).await;
        let close = |number: u64| json!({"kind": "close-person", "person": user(number)});
        for number in [NURSE, CHECKER] {
            let told = ask(&world, number, close(number)).await;
            assert_eq!((told.status, told.code()), (StatusCode::FORBIDDEN, "own-closing"), "{:?}", told.body);
            assert!(told.body["detail"].as_str().unwrap().contains("registration authority"));
            assert_eq!(ask(&world, number, close(SPONSOR)).await.code(), "not-in-role", "another's is another matter");
        }
        for number in [NURSE, SPONSOR, AGENT, MANAGER] {
            let path = format!("/directory/people/{}/close", user(number));
            assert_eq!(world.act(&who(number), &path, &json!({"reason": "left"})).await.code(), "own-closing", "{number}");
        }
        let own = ask(&world, SPONSOR, close(SPONSOR)).await;
        assert_eq!(own.status, StatusCode::CREATED, "{:?}", own.body);
        let id = text(&own, "id");
        assert_eq!(approve(&world, AGENT, &id, json!([])).await.body["state"], "applied");
        assert_eq!(see(&world, AGENT, &id).await.status, StatusCode::OK, "whoever decided it sees it still");
        assert!(world.roles(SPONSOR).await.is_empty());
    }

    /// Whoever approves has seen what it is about as it is: what somebody changed since they opened the request is not written over, and
    /// nothing is decided until they have looked again; nor is it by another try of what failed.
    async fn nobody_approves_what_they_have_not_seen(db: Db) {
        let world = World::new(db.clone()).await;
        let held = world.assign(&who(AGENT), NURSE, &world.clinic).await;
        let path = |id: &str, last: &str| format!("/directory/requests/{id}/{last}");
        let open = async |id: &str| {
            let opened = world.rig.send(&who(AGENT), Method::PUT, &path(id, "lock"), &[("if-match", "*")], None).await;
            assert_eq!(opened.status, StatusCode::OK, "{:?}", opened.body);
            opened.body
        };
        let take = async |id: &str, step: &str, body: Value| world.act(&who(AGENT), &path(id, step), &body).await;
        let end = async || world.rig.get(&who(AGENT), &format!("/directory/assignments/{held}")).await.body["end"].clone();

        let id = text(&ask(&world, SPONSOR, json!({"kind": "redate", "assignment": held, "end": day(50)})).await, "id");
        let opened = open(&id).await;
        assert_eq!((&opened["present"], &opened["present_version"]), (&opened["before"], &json!(1)), "{opened}");
        let sooner = world.patch(&who(AGENT_TWO), &format!("/directory/assignments/{held}"), &json!({"end": day(20)})).await;
        assert_eq!(sooner.status, StatusCode::OK, "{:?}", sooner.body);
        let refused = take(&id, "approval", json!({})).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "target-changed"), "{:?}", refused.body);
        let shown = see(&world, AGENT, &id).await.body;
        assert_eq!((shown["state"].as_str(), end().await), (Some("locked"), json!(day(20))), "nothing was decided or done");
        let sides = [&shown["before"]["end"], &shown["present"]["end"], &shown["ask"]["end"]];
        assert_eq!(sides, [&json!(null), &json!(day(20)), &json!(day(50))], "each beside the others");
        open(&id).await;
        assert_eq!(take(&id, "approval", json!({})).await.body["state"], "applied");
        assert_eq!(end().await, json!(day(50)));
        assert!(see(&world, AGENT, &id).await.body.get("present").is_none(), "what is over is over");

        let person = format!("/directory/people/{}", user(NURSE));
        let gender = async || world.rig.get(&who(AGENT), &person).await.body["personal"]["gender"].clone();
        let change = json!({"kind": "change-person", "person": user(NURSE), "patch": {"gender": "female"}});
        let id = text(&ask(&world, SPONSOR, change.clone()).await, "id");
        open(&id).await;
        assert_eq!(world.patch(&who(AGENT_TWO), &person, &json!({"gender": "male"})).await.status, StatusCode::OK);
        assert_eq!(take(&id, "approval", json!({})).await.code(), "target-changed");
        assert_eq!(gender().await, "male");
        let seen = see(&world, AGENT, &id).await.body;
        assert_eq!(seen["present"], json!({"open": true, "gender": "male"}), "{seen}");
        let stale = json!({"present_version": seen["present_version"].as_i64().unwrap() - 1});
        assert_eq!(take(&id, "approval", stale).await.code(), "target-changed");
        assert_eq!(take(&id, "approval", json!({"present_version": seen["present_version"]})).await.body["state"], "applied");
        assert_eq!(gender().await, "female");

        let id = text(&ask(&world, SPONSOR, json!({"kind": "change-person", "person": user(NURSE), "patch": {"gender": "other"}})).await, "id");
        crate::world::stand(&db, NURSE, "unverified").await;
        open(&id).await;
        assert_eq!(take(&id, "approval", json!({})).await.body["state"], "failed");
        crate::world::stand(&db, NURSE, "verified").await;
        assert_eq!(world.patch(&who(AGENT_TWO), &person, &json!({"on_card": "A Nurse"})).await.status, StatusCode::OK);
        assert_eq!(take(&id, "retry", json!({})).await.code(), "target-changed");
        let seen = see(&world, AGENT, &id).await.body;
        assert_eq!((seen["state"].as_str(), gender().await), (Some("failed"), json!("female")));
        assert_eq!(take(&id, "retry", json!({"present_version": seen["present_version"]})).await.body["state"], "applied");
        assert_eq!(gender().await, "other");

        let id = text(&ask(&world, SPONSOR, json!({"kind": "close-person", "person": user(NURSE)})).await, "id");
        open(&id).await;
        assert_eq!(world.patch(&who(AGENT_TWO), &person, &json!({"on_card": "B Nurse"})).await.status, StatusCode::OK);
        assert_eq!(take(&id, "approval", json!({})).await.code(), "target-changed");
        assert_eq!(world.roles(NURSE).await.len(), 1, "nobody is closed by it");
    }

    /// Whoever acts in one role sees what that one sees.
    async fn a_chosen_role_shows_no_more_than_its_own(db: Db) {
        let world = World::new(db.clone()).await;
        world.assign(&who(MANAGER), AGENT, &world.clinic).await;
        let roles = world.rig.get(&who(AGENT), "/directory/actor").await.body["roles"].clone();
        let of = |rank: &str| roles.as_array().unwrap().iter().find(|role| role["rank"] == rank).unwrap()["role_profile"].as_str().unwrap().to_owned();
        let seen = async |role: Option<String>| {
            let mut caller = who(AGENT);
            caller.role_profile = role;
            world.rig.get(&caller, &format!("/directory/people/{}", user(NURSE))).await
        };
        assert!(seen(None).await.body["personal"].is_object());
        assert!(seen(Some(of("ra-agent"))).await.body["personal"].is_object());
        let nurse = seen(Some(of("everybody"))).await;
        assert!(nurse.status == StatusCode::OK && nurse.body.get("personal").is_none(), "{:?}", nurse.body);
    }

    /// In an organisation that was closed nobody begins, and nothing is given anew; what was there stays.
    async fn closed_organisations_take_nobody_on(db: Db) {
        let world = World::new(db.clone()).await;
        let held = world.assign(&who(AGENT), NURSE, &world.ward).await;
        let giving = |name: &str| json!({"organisation": "RXX", "name": name, "approval": crate::world::approval(),
            "access_profiles": [{"organisation": "RXX01", "job_role": ROLE_OF_NURSES, "activities": []}]});
        let before = world.make(&who(MANAGER), &giving("Of both")).await;
        execute(&db, "UPDATE directory_organisation SET status = 'inactive' WHERE ods = $1", vec!["RXX01".to_owned()]).await;
        assert_eq!(world.try_assign(&who(AGENT), NURSE + 1, &world.ward).await.code(), "organisation-closed");
        assert_eq!(world.try_assign(&who(SPONSOR), NURSE + 1, &world.ward).await.code(), "organisation-closed");
        assert_eq!(world.rig.post(&who(MANAGER), "/directory/positions", &giving("More of both")).await.code(), "organisation-closed");
        let path = format!("/directory/positions/{before}");
        let renamed = world.patch(&who(MANAGER), &path, &json!({"name": "Of both once", "approval": crate::world::approval()})).await;
        assert_eq!(renamed.status, StatusCode::OK, "{:?}", renamed.body);
        assert!(world.roles(NURSE).await.len() == 1, "{held}");
        let gone = world.act(&who(AGENT), &format!("/directory/assignments/{held}/removal"), &json!({"notes": "x"})).await;
        assert!(gone.status.is_success(), "{:?}", gone.body);
    }
}
