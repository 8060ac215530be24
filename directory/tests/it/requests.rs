//! Requests: who asks, who decides, and every way between the states.

use std::time::Duration;

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::Answered;
use crate::world::{
    ADVANCED, AGENT, AGENT_TWO, CHECKER, MANAGER, NURSE, SPONSOR, World, day, text, user, who,
};

impl World {
    /// Asks for something as somebody.
    async fn ask(&self, number: u64, ask: Value) -> Answered {
        self.rig.post(&who(number), "/directory/requests", &json!({"ask": ask})).await
    }

    /// Takes a step of a request: opens it, lets it go, or one of the POSTs.
    async fn step(&self, number: u64, id: &str, step: &str) -> Answered {
        let path = |last: &str| format!("/directory/requests/{id}/{last}");
        let star = [("if-match", "*")];
        match step {
            "open" => self.rig.send(&who(number), Method::PUT, &path("lock"), &star, None).await,
            "exit" => self.rig.send(&who(number), Method::DELETE, &path("lock"), &star, None).await,
            "rejection" => self.act(&who(number), &path(step), &json!({"reason": "Not funded"})).await,
            other => self.act(&who(number), &path(other), &json!({})).await,
        }
    }

    async fn listed(&self, number: u64, view: &str) -> Vec<String> {
        let listed = self.rig.get(&who(number), &format!("/directory/requests?view={view}")).await;
        listed.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect()
    }

    fn assign_ask(&self, number: u64) -> Value {
        json!({"kind": "assign", "person": user(number), "position": self.clinic, "end": day(100)})
    }
}

platform::both_engines! {
    /// What is over is listed for thirty days, or for as many as are asked for; what waits is listed however old it is.
    async fn what_is_over_is_listed_for_thirty_days(db: Db) {
        let config = directory::Config { request_days: 365, ..directory::Config::default() };
        let world = World::with(db, config).await;
        let decided = text(&world.ask(SPONSOR, world.assign_ask(NURSE)).await, "id");
        let waits = text(&world.ask(SPONSOR, world.assign_ask(NURSE + 1)).await, "id");
        world.step(AGENT, &decided, "open").await;
        let rejected = world.step(AGENT, &decided, "rejection").await;
        assert_eq!(rejected.body["state"], "rejected", "{:?}", rejected.body);
        world.wait_days(29);
        let both = [decided.clone(), waits.clone()];
        assert_eq!(world.listed(AGENT, "closed").await, std::slice::from_ref(&decided));
        assert_eq!(world.listed(SPONSOR, "mine").await, both);
        world.wait_days(2);
        assert_eq!(world.listed(AGENT, "closed").await, [] as [String; 0]);
        assert_eq!(world.listed(SPONSOR, "mine").await, std::slice::from_ref(&waits));
        assert_eq!(world.listed(AGENT, "open").await, std::slice::from_ref(&waits));
        assert_eq!(world.listed(AGENT, "closed&days=32").await, std::slice::from_ref(&decided));
        assert_eq!(world.listed(SPONSOR, "mine&days=32").await, both);
    }

    /// A sponsor asks, an agent opens and approves, and the assignment is made in the same transaction.
    async fn approved_request_is_applied_at_once(db: Db) {
        let world = World::new(db).await;
        let asked = world.ask(SPONSOR, world.assign_ask(NURSE)).await;
        assert_eq!((asked.status, asked.body["state"].as_str()), (StatusCode::CREATED, Some("submitted")), "{:?}", asked.body);
        let id = text(&asked, "id");
        assert_eq!(world.step(AGENT, &id, "approval").await.code(), "request-not-opened");
        let opened = world.step(AGENT, &id, "open").await;
        assert_eq!((opened.body["state"].as_str(), opened.body["lock"]["by"].as_str()), (Some("locked"), Some(user(AGENT).as_str())));
        let done = world.step(AGENT, &id, "approval").await;
        assert_eq!((done.status, done.body["state"].as_str()), (StatusCode::OK, Some("applied")), "{:?}", done.body);
        assert_eq!(world.roles(NURSE).await.len(), 1);
        let made = world.rig.get(&who(AGENT), &format!("/directory/people/{}/assignments", user(NURSE))).await;
        assert_eq!((made.body["items"][0]["via"].as_str(), made.body["items"][0]["end"].as_str()), (Some("request"), Some(day(100).as_str())));
        let shown = world.rig.get(&who(SPONSOR), &format!("/directory/requests/{id}")).await;
        let steps: Vec<&str> = shown.body["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
        assert_eq!(steps, ["drafted", "submitted", "opened", "approved", "applied"]);
        assert!(shown.body.get("next").is_none());
        // The latest come first, page by page, each page in the order in which they were taken.
        let (mut pages, mut path) = (Vec::new(), format!("/directory/requests/{id}?limit=2"));
        loop {
            let page = world.rig.get(&who(SPONSOR), &path).await.body;
            pages.push(page["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/directory/requests/{id}?limit=2&after={next}");
        }
        assert_eq!(pages, [vec!["approved", "applied"], vec!["submitted", "opened"], vec!["drafted"]]);
        assert_eq!(world.step(AGENT, &id, "approval").await.code(), "request-state");
        assert_eq!(world.roles(NURSE).await.len(), 1);
        world.demand_one_name().await;
    }

    /// Who leaves ends every open request about them and by them, whoever holds it; what was decided stays.
    async fn requests_end_with_who_leaves(db: Db) {
        let world = World::new(db).await;
        let decided = text(&world.ask(SPONSOR, world.assign_ask(NURSE + 2)).await, "id");
        world.step(AGENT, &decided, "open").await;
        assert_eq!(world.step(AGENT, &decided, "approval").await.body["state"], "applied");
        let about = text(&world.ask(SPONSOR, world.assign_ask(NURSE)).await, "id");
        assert_eq!(world.step(AGENT, &about, "open").await.status, StatusCode::OK);
        let by = text(&world.ask(SPONSOR, world.assign_ask(NURSE + 1)).await, "id");
        let draft = json!({"ask": world.assign_ask(NURSE + 1), "state": "draft"});
        let draft = text(&world.rig.post(&who(SPONSOR), "/directory/requests", &draft).await, "id");
        // More than are read together.
        let more = "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 119) \
                    INSERT INTO directory_request (request_id, kind, organisation, user_id, position_id, asked, before_it, state, \
                    submitted_at, expires_at, requester, made_at, version) SELECT '00000000-0000-7000-8000-0000' || \
                    CAST(10000000 + i AS TEXT), kind, organisation, user_id, position_id, asked, before_it, state, submitted_at, \
                    expires_at, requester, made_at, version FROM n CROSS JOIN directory_request WHERE request_id = $1";
        crate::people_rig::execute(&world.rig.db, more, vec![by.clone()]).await;
        let leave = async |number: u64| {
            let path = format!("/directory/people/{}/leaving", user(number));
            let left = world.rig.post(&who(MANAGER), &path, &json!({"day": day(-1), "reason": "Leaves"})).await;
            assert_eq!(left.status, StatusCode::CREATED, "{:?}", left.body);
        };
        let state = async |id: &str| {
            let rows = crate::people_rig::texts(&world.rig.db, "SELECT state || ' ' || COALESCE(reason, '') FROM directory_request WHERE request_id = $1", id);
            rows.await.remove(0)
        };
        leave(NURSE).await;
        assert!(state(&about).await.starts_with("rejected The profile"), "{}", state(&about).await);
        assert!(state(&by).await.starts_with("submitted"));
        assert_eq!(world.step(AGENT, &about, "approval").await.code(), "request-state");
        leave(SPONSOR).await;
        assert!(state(&by).await.starts_with("rejected") && state(&draft).await.starts_with("withdrawn"));
        assert!(state(&decided).await.starts_with("applied"));
        let ended = "SELECT state FROM directory_request WHERE requester = $1 AND request_id LIKE '00000000-%'";
        assert_eq!(crate::people_rig::texts(&world.rig.db, ended, &user(SPONSOR)).await, vec!["rejected"; 120]);
        world.demand_one_name().await;
    }

    /// The second agent is told who holds the request until when; letting go frees it, and so does time.
    async fn two_agents_on_one_request(db: Db) {
        let world = World::new(db).await;
        let id = text(&world.ask(SPONSOR, world.assign_ask(NURSE)).await, "id");
        assert_eq!(world.step(AGENT, &id, "open").await.status, StatusCode::OK);
        for step in ["open", "approval", "rejection"] {
            let second = world.step(AGENT_TWO, &id, step).await;
            assert_eq!((second.status, second.code()), (StatusCode::CONFLICT, "request-locked"), "{step}");
            assert!(second.body["detail"].as_str().unwrap().contains(&user(AGENT)));
        }
        assert_eq!(world.step(SPONSOR, &id, "withdrawal").await.code(), "request-locked");
        assert_eq!(world.step(AGENT, &id, "exit").await.body["state"], "submitted");
        assert_eq!(world.step(AGENT_TWO, &id, "open").await.status, StatusCode::OK);
        world.rig.hand.advance(Duration::from_mins(15));
        assert_eq!(world.step(AGENT, &id, "open").await.status, StatusCode::OK);
        assert_eq!(world.step(AGENT_TWO, &id, "approval").await.code(), "request-locked");
        let rejected = world.step(AGENT, &id, "rejection").await;
        assert_eq!((rejected.body["state"].as_str(), rejected.body["decision"]["reason"].as_str()), (Some("rejected"), Some("Not funded")));
        assert!(world.roles(NURSE).await.is_empty());
    }

    /// Nobody decides what they asked for, what is about themselves, or what is above or beyond them; nor sees it.
    async fn deciding_is_for_somebody_else(db: Db) {
        let world = World::new(db).await;
        let id = text(&world.ask(AGENT, world.assign_ask(NURSE)).await, "id");
        assert_eq!(world.step(AGENT, &id, "open").await.code(), "own-request");
        for number in [CHECKER, SPONSOR, NURSE] {
            assert_eq!(world.step(number, &id, "open").await.status, StatusCode::FORBIDDEN, "{number}");
            assert!(world.listed(number, "open").await.is_empty(), "{number}");
            let hidden = world.rig.get(&who(number), &format!("/directory/requests/{id}")).await;
            assert_eq!(hidden.status, StatusCode::NOT_FOUND, "{number}");
        }
        assert_eq!(world.listed(AGENT_TWO, "open").await, std::slice::from_ref(&id));
        assert_eq!(world.listed(AGENT, "mine").await, [id]);
        let raised = json!({"kind": "assign", "person": user(SPONSOR), "position": world.manager_position});
        let raised = text(&world.ask(SPONSOR, raised).await, "id");
        assert_eq!(world.step(AGENT, &raised, "open").await.code(), "above-rank");
        assert_eq!(world.step(ADVANCED, &raised, "open").await.code(), "above-rank");
        assert_eq!(world.step(MANAGER, &raised, "open").await.status, StatusCode::OK);
        let about_agent = text(&world.ask(SPONSOR, world.assign_ask(AGENT)).await, "id");
        assert_eq!(world.step(AGENT, &about_agent, "open").await.code(), "own-record");
        // A sponsor decides what the own position may assign, asked by somebody else.
        let ward = json!({"kind": "assign", "person": user(NURSE + 1), "position": world.ward});
        let ward = text(&world.ask(AGENT, ward).await, "id");
        assert_eq!(world.listed(SPONSOR, "open").await, std::slice::from_ref(&ward));
        world.step(SPONSOR, &ward, "open").await;
        assert_eq!(world.step(SPONSOR, &ward, "approval").await.body["state"], "applied");
    }

    /// What one may neither do nor ask for is not asked for either.
    async fn not_everything_can_be_asked_for(db: Db) {
        let world = World::new(db).await;
        let create = json!({"kind": "create-person", "organisation": "RXX", "profile": {}});
        assert_eq!(world.ask(SPONSOR, create.clone()).await.code(), "not-in-role");
        assert_eq!(world.ask(CHECKER, world.assign_ask(NURSE)).await.code(), "not-in-role");
        assert_eq!(world.ask(AGENT, create).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let bad = json!({"kind": "assign", "person": user(NURSE), "position": world.clinic, "end": "31.12.2026"});
        assert_eq!(world.ask(SPONSOR, bad).await.code(), "field-invalid");
        assert_eq!(world.ask(SPONSOR, world.assign_ask(9999)).await.status, StatusCode::NOT_FOUND);
    }

    /// What cannot be done once it is approved is kept with the reason, and can be tried again.
    async fn failed_request_is_tried_again(db: Db) {
        let world = World::new(db).await;
        let id = text(&world.ask(SPONSOR, world.assign_ask(NURSE)).await, "id");
        let in_the_way = world.assign(&who(AGENT), NURSE, &world.clinic).await;
        world.step(AGENT, &id, "open").await;
        let failed = world.step(AGENT, &id, "approval").await;
        assert_eq!((failed.status, failed.body["state"].as_str()), (StatusCode::OK, Some("failed")));
        assert!(failed.body["decision"]["reason"].as_str().unwrap().contains(&in_the_way));
        world.act(&who(AGENT), &format!("/directory/assignments/{in_the_way}/removal"), &json!({"notes": "x"})).await;
        assert_eq!(world.step(SPONSOR, &id, "retry").await.status, StatusCode::FORBIDDEN);
        assert_eq!(world.step(AGENT_TWO, &id, "retry").await.body["state"], "applied");
        assert_eq!(world.roles(NURSE).await.len(), 1);
        assert_eq!(world.step(AGENT_TWO, &id, "retry").await.code(), "request-state");
    }

    /// A request about a person is done by its approval: they are closed with all they hold, and opened again.
    async fn approved_request_about_a_person_is_applied(db: Db) {
        let world = World::new(db).await;
        world.assign(&who(AGENT), NURSE, &world.ward).await;
        let close = json!({"kind": "close-person", "person": user(NURSE)});
        let id = text(&world.ask(SPONSOR, close).await, "id");
        world.step(AGENT, &id, "open").await;
        let done = world.step(AGENT, &id, "approval").await;
        assert_eq!((done.status, done.body["state"].as_str()), (StatusCode::OK, Some("applied")), "{:?}", done.body);
        assert!(world.roles(NURSE).await.is_empty());
        assert!(world.changes(0).await.contains(&("person-closed".to_owned(), user(NURSE))));
        assert!(world.step(AGENT, &id, "approval").await.status.is_client_error(), "it is approved once");
        let reopen = json!({"kind": "reopen-person", "person": user(NURSE), "organisation": "RXX"});
        let id = text(&world.ask(SPONSOR, reopen).await, "id");
        world.step(AGENT, &id, "open").await;
        assert_eq!(world.step(AGENT, &id, "approval").await.body["state"], "applied");
        let shown = world.rig.get(&who(AGENT), &format!("/directory/people/{}", user(NURSE))).await;
        assert_eq!(shown.body["state"]["state"].as_str().or(shown.body["state"].as_str()), Some("open"), "{:?}", shown.body);
        world.demand_one_name().await;
    }

    /// Details are changed and profiles made by the approval; what stands against it is kept with the request, and nothing
    /// else of it.
    async fn approved_changes_and_profiles_are_made(db: Db) {
        let world = World::new(db).await;
        world.assign(&who(AGENT), NURSE, &world.ward).await;
        let approve = async |requester: u64, ask: Value| {
            let id = text(&world.ask(requester, ask).await, "id");
            assert_eq!(world.step(AGENT_TWO, &id, "open").await.status, StatusCode::OK);
            (world.step(AGENT_TWO, &id, "approval").await, id)
        };
        let patch = |patch: Value| json!({"kind": "change-person", "person": user(NURSE), "patch": patch});
        crate::world::stand(&world.rig.db, NURSE, "unverified").await;
        let (failed, id) = approve(SPONSOR, patch(json!({"gender": "female"}))).await;
        assert_eq!(failed.body["state"], "failed", "{:?}", failed.body);
        crate::world::stand(&world.rig.db, NURSE, "verified").await;
        assert_eq!(world.step(AGENT, &id, "retry").await.body["state"], "applied");
        let shown = world.rig.get(&who(AGENT), &format!("/directory/people/{}", user(NURSE))).await;
        assert_eq!(shown.body["personal"]["gender"], "female", "{:?}", shown.body);
        // What it was like stands beside what it is to be, as far as whoever looks sees it in the profile.
        let shown = world.rig.get(&who(AGENT), &format!("/directory/requests/{id}")).await;
        assert_eq!(shown.body["before"], json!({"open": true, "gender": null}));
        let asked = world.ask(SPONSOR, patch(json!({"gender": "male", "birth": "1984-07-23", "on_card": "A"}))).await;
        assert_eq!(asked.body["before"], json!({"open": true, "gender": "female", "birth": null, "on_card": null}), "{:?}", asked.body);
        let mut payroll = crate::rig::system("payroll", &[directory::api::FEED]);
        payroll.organisation = Some("RXX".parse().unwrap());
        let told = world.rig.post(&payroll, "/directory/requests", &json!({"ask": patch(json!({"gender": "male"}))})).await;
        assert_eq!((told.status, &told.body["before"]), (StatusCode::CREATED, &json!({"open": true})), "{:?}", told.body);
        let seen = world.rig.get(&who(AGENT), &format!("/directory/requests/{}", text(&told, "id"))).await;
        assert_eq!(seen.body["before"], json!({"open": true, "gender": "female"}));

        let create = |profile: Value| json!({"kind": "create-person", "organisation": "RXX", "profile": profile});
        let registered = |given: &str, birth: &str, passport: &str| {
            let mut new = crate::people_rig::new_person(given, "Example", birth, passport);
            new["registrations"] = json!([{"body": "GMC", "number": "1234567"}]);
            new
        };
        let (made, _) = approve(AGENT, create(registered("Ann", "1984-07-23", "123456789"))).await;
        assert_eq!(made.body["state"], "applied", "{:?}", made.body);
        let ann = text(&made, "person");
        assert_eq!(world.rig.get(&who(AGENT), &format!("/directory/people/{ann}")).await.body["standing"], "verified");
        let (twice, _) = approve(AGENT, create(registered("Ann", "1984-07-23", "123456789"))).await;
        assert_eq!(twice.body["state"], "failed", "{:?}", twice.body);
        assert!(twice.body["decision"]["reason"].as_str().unwrap().contains(&ann));
        let mut other = registered("Zoe", "1990-01-02", "987654321");
        other["looked_at"] = json!([ann]);
        let (taken, _) = approve(AGENT, create(other)).await;
        assert_eq!(taken.body["state"], "failed", "{:?}", taken.body);
        let all = world.rig.get(&who(AGENT), "/directory/people?family=Example").await;
        let all: Vec<&str> = all.body["items"].as_array().unwrap().iter().map(|row| row["user_id"].as_str().unwrap()).collect();
        assert_eq!(all, [ann], "nothing is left of the profile that could not be made");
        world.demand_one_name().await;
    }

    /// A draft is its requester's alone until it is handed in; then it is changed no more, but can be taken back.
    async fn drafts_are_ones_own(db: Db) {
        let world = World::new(db).await;
        let body = json!({"ask": world.assign_ask(NURSE), "state": "draft", "notes": "To be agreed"});
        let draft = world.rig.post(&who(SPONSOR), "/directory/requests", &body).await;
        let (id, path) = (text(&draft, "id"), format!("/directory/requests/{}", text(&draft, "id")));
        assert_eq!(world.rig.get(&who(AGENT), &path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(world.step(AGENT, &id, "open").await.status, StatusCode::NOT_FOUND);
        let edited = json!({"ask": world.assign_ask(NURSE + 1)});
        let tag = draft.etag();
        let put = |tag: String| {
            let (world, path, edited) = (&world, path.clone(), edited.clone());
            async move { world.rig.send(&who(SPONSOR), Method::PUT, &path, &[("if-match", &tag)], Some(&edited)).await }
        };
        assert_eq!(put(tag.clone()).await.body["person"], user(NURSE + 1));
        assert_eq!(put(tag).await.code(), "changed");
        // Whoever hands it in may say which version they mean.
        let submit = async |tag: &str| {
            let path = format!("{path}/submission");
            world.rig.send(&who(SPONSOR), Method::POST, &path, &[("if-match", tag)], Some(&json!({}))).await
        };
        let stale = submit("\"1\"").await;
        assert_eq!((stale.status, stale.code()), (StatusCode::PRECONDITION_FAILED, "changed"));
        assert_eq!(submit("1").await.code(), "if-match-invalid");
        assert_eq!(text(&world.rig.get(&who(SPONSOR), &path).await, "state"), "draft", "nothing was done");
        assert_eq!(submit("\"2\"").await.body["state"], "submitted");
        assert_eq!(put("*".to_owned()).await.code(), "request-state");
        assert_eq!(world.step(AGENT, &id, "withdrawal").await.status, StatusCode::NOT_FOUND);
        assert_eq!(world.step(SPONSOR, &id, "withdrawal").await.body["state"], "withdrawn");
        assert_eq!(world.step(AGENT, &id, "open").await.code(), "request-state");
    }

    /// A request that nobody decides expires by its date, and the sweep writes that down once.
    async fn undecided_requests_expire(db: Db) {
        let world = World::new(db).await;
        let id = text(&world.ask(SPONSOR, world.assign_ask(NURSE)).await, "id");
        world.wait_days(31);
        assert_eq!(world.step(AGENT, &id, "open").await.code(), "request-state");
        assert!(world.listed(AGENT, "open").await.is_empty());
        world.sweep().await;
        world.sweep().await;
        assert_eq!(world.recorded("requests-expired").await, 1);
        assert_eq!(world.listed(AGENT, "closed").await, std::slice::from_ref(&id));
        let shown = world.rig.get(&who(SPONSOR), &format!("/directory/requests/{id}")).await;
        assert_eq!((shown.body["state"].as_str(), shown.body["steps"].as_array().unwrap().len()), (Some("expired"), 3));
    }
}

/// From where to where a step may lead, for those who may take it.
const WAYS: [(&str, &str, &str); 11] = [
    ("submitted", "open", "locked"),
    ("locked", "open", "locked"),
    ("locked", "exit", "submitted"),
    ("locked", "approval", "applied"),
    ("locked", "approval", "failed"),
    ("locked", "rejection", "rejected"),
    ("draft", "submission", "submitted"),
    ("draft", "withdrawal", "withdrawn"),
    ("submitted", "withdrawal", "withdrawn"),
    ("failed", "retry", "applied"),
    ("failed", "retry", "failed"),
];

platform::both_engines! {
    /// Whatever people of every rank do in whatever order, a request goes only the ways of the diagram, and only those
    /// decide it whom the matrix lets.
    async fn no_sequence_of_calls_leaves_the_diagram(db: Db) {
        let world = World::new(db).await;
        let steps = ["open", "exit", "approval", "rejection", "submission", "withdrawal", "retry"];
        let actors = [MANAGER, ADVANCED, AGENT, AGENT_TWO, SPONSOR, CHECKER, NURSE];
        // A generator with a fixed seed (Numerical Recipes): the same sequences each time.
        let mut seed: u32 = 20_261_124;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as usize % below
        };
        let mut done = std::collections::BTreeMap::<&str, u32>::new();
        for round in 0..32_u64 {
            let requester = [SPONSOR, AGENT][next(2)];
            let state = ["draft", "submitted"][next(2)];
            let body = json!({"ask": world.assign_ask(NURSE + round % 3), "state": state});
            let made = world.rig.post(&who(requester), "/directory/requests", &body).await;
            let (id, mut state) = (text(&made, "id"), text(&made, "state"));
            for _ in 0..30 {
                let (actor, step) = (actors[next(actors.len())], steps[next(steps.len())]);
                let answered = world.step(actor, &id, step).await;
                let seen = world.rig.get(&who(requester), &format!("/directory/requests/{id}")).await;
                let after = text(&seen, "state");
                if answered.status == StatusCode::OK {
                    *done.entry(step).or_default() += 1;
                    let way = (state.as_str(), step, after.as_str());
                    assert!(WAYS.contains(&way), "{way:?} by {actor}");
                    let own = matches!(step, "submission" | "withdrawal");
                    assert_eq!(own, actor == requester, "{actor} {step} of {requester}");
                    assert!(own || [MANAGER, ADVANCED, AGENT, AGENT_TWO].contains(&actor), "{actor} {step}");
                } else {
                    assert!(answered.status.is_client_error(), "{step}: {:?}", answered.body);
                    assert_eq!(after, state, "{actor} {step} was refused");
                }
                state = after;
            }
        }
        // A walk in which everything is refused would show nothing.
        for step in ["open", "submission", "withdrawal", "approval", "rejection"] {
            assert!(done.contains_key(step), "nothing was done of {step}: {done:?}");
        }
    }
}
