//! Campaigns of recertification.

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use crate::world::{
    ADVANCED, AGENT, MANAGER, NURSE, ROLE_OF_NURSES, SPONSOR, World, approval, day, position, text, user, who,
};

impl World {
    /// Starts a campaign over the trust and what lies below it.
    async fn campaign(&self, unconfirmed: &str) -> String {
        self.campaign_of(MANAGER, unconfirmed).await
    }

    async fn campaign_of(&self, starter: u64, unconfirmed: &str) -> String {
        let body =
            json!({"organisation": "RXX", "name": "Winter", "by": day(30), "unconfirmed": unconfirmed});
        text(&self.rig.post(&who(starter), "/directory/campaigns", &body).await, "id")
    }

    async fn progress(&self, campaign: &str) -> Vec<(String, u64)> {
        let shown = self.rig.get(&self.operator, &format!("/directory/campaigns/{campaign}")).await;
        let rows = shown.body["progress"].as_array().unwrap().iter();
        rows.map(|row| (row["state"].as_str().unwrap().to_owned(), row["assignments"].as_u64().unwrap()))
            .collect()
    }

    async fn items(&self, number: u64, campaign: &str) -> Vec<Value> {
        let path = format!("/directory/campaigns/{campaign}/items?limit=500");
        self.rig.get(&who(number), &path).await.body["items"].as_array().unwrap().clone()
    }
}

fn row(state: &str, many: u64) -> (String, u64) {
    (state.to_owned(), many)
}

platform::both_engines! {
    /// Each live assignment is confirmed or ended by those who may; at the date, what nobody confirmed ends.
    async fn unconfirmed_assignments_end(db: Db) {
        let world = World::new(db).await;
        let agent = who(AGENT);
        let mut wards = Vec::new();
        for number in NURSE..NURSE + 3 {
            wards.push(world.assign(&agent, number, &world.ward).await);
        }
        let clinic = world.assign(&agent, NURSE, &world.clinic).await;
        let body = json!({"organisation": "RXX", "name": "x", "by": day(30), "unconfirmed": "end"});
        assert_eq!(world.rig.post(&agent, "/directory/campaigns", &body).await.code(), "not-in-role");
        let campaign = world.campaign("end").await;
        assert_eq!(world.progress(&campaign).await, [row("open", 10)]);
        for place in ["RXX", "RXX01"] {
            let mut again = body.clone();
            again["organisation"] = json!(place);
            let refused = world.rig.post(&who(MANAGER), "/directory/campaigns", &again).await;
            assert_eq!(refused.code(), "campaign-running", "{place}");
        }
        // A sponsor sees and decides what may be assigned from the own position; a manager sees all.
        assert_eq!((world.items(SPONSOR, &campaign).await.len(), world.items(MANAGER, &campaign).await.len()), (3, 10));
        let say = |number: u64, assignment: String, word: &'static str| {
            let path = format!("/directory/campaigns/{campaign}/items/{assignment}/{word}");
            let world = &world;
            async move { world.act(&who(number), &path, &json!({})).await }
        };
        // What somebody else said of it since the last read is not written over.
        let first = format!("/directory/campaigns/{campaign}/items/{}/confirmation", wards[0]);
        assert_eq!(world.rig.post(&who(SPONSOR), &first, &json!({})).await.code(), "if-match-missing");
        let confirm = async |tag: &str| world.rig.send(&who(SPONSOR), Method::POST, &first, &[("if-match", tag)], Some(&json!({}))).await;
        let confirmed = confirm("\"1\"").await;
        assert_eq!((confirmed.body["state"].as_str(), confirmed.etag()), (Some("confirmed"), "\"2\"".to_owned()));
        let late = confirm("\"1\"").await;
        assert_eq!((late.status, late.code()), (StatusCode::PRECONDITION_FAILED, "changed"));
        let shown = world.items(SPONSOR, &campaign).await;
        let shown: Vec<i64> = shown.iter().map(|item| item["version"].as_i64().unwrap()).collect();
        assert_eq!((shown.len(), shown.iter().sum::<i64>()), (3, 2 + 1 + 1), "{shown:?}");
        assert_eq!(say(SPONSOR, wards[1].clone(), "ending").await.body["state"], "ended");
        assert_eq!(say(SPONSOR, clinic.clone(), "confirmation").await.code(), "not-in-role");
        assert_eq!(say(SPONSOR, wards[1].clone(), "confirmation").await.code(), "campaign-item-decided");
        assert!(world.roles(NURSE + 1).await.is_empty());
        let own = world.items(MANAGER, &campaign).await.into_iter().find(|item| item["person"] == user(MANAGER)).unwrap();
        let own = own["assignment"].as_str().unwrap().to_owned();
        assert_eq!(say(MANAGER, own, "confirmation").await.code(), "own-record");
        world.act(&agent, &format!("/directory/assignments/{clinic}/removal"), &json!({"notes": "x"})).await;
        world.wait_days(31);
        assert_eq!(say(SPONSOR, wards[2].clone(), "confirmation").await.code(), "campaign-over");
        world.sweep().await;
        world.sweep().await;
        assert_eq!(world.progress(&campaign).await, [row("confirmed", 1), row("ended", 1), row("gone", 1), row("lapsed", 6), row("unconfirmed", 1)]);
        assert_eq!((world.roles(NURSE).await.len(), world.roles(NURSE + 2).await.len(), world.roles(MANAGER).await.len()), (1, 0, 1));
        assert_eq!(world.recorded("campaign-over").await, 1);
        let over = json!({"event": "campaign-over", "campaign": campaign, "confirmed": 1, "ended": 1, "lapsed": 6, "unconfirmed": 1, "gone": 1});
        assert_eq!(world.event("campaign-over").await, over);
        assert_eq!(world.recorded("assignment-removed").await, 1 + 1 + 6);
    }

    /// A campaign that would have too many assignments is refused whole, and one that has as many as may be is not.
    async fn large_campaigns_are_refused(db: Db) {
        let config = directory::Config { campaign_assignments: 8, ..directory::Config::default() };
        let world = World::with(db, config).await;
        let agent = who(AGENT);
        let body = json!({"organisation": "RXX", "name": "Winter", "by": day(30), "unconfirmed": "end"});
        world.assign(&agent, NURSE, &world.ward).await;
        world.assign(&agent, NURSE, &world.clinic).await;
        let one_too_many = world.assign(&agent, NURSE + 1, &world.ward).await;
        let refused = world.rig.post(&who(MANAGER), "/directory/campaigns", &body).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "campaign-too-large"));
        assert_eq!(world.recorded("campaign-started").await, 0);
        let none = world.rig.get(&who(MANAGER), "/directory/campaigns?organisation=RXX").await;
        assert_eq!(none.body["items"], json!([]));
        world.act(&agent, &format!("/directory/assignments/{one_too_many}/removal"), &json!({"notes": "x"})).await;
        assert_eq!(world.progress(&world.campaign("end").await).await, [row("open", 8)]);
    }

    /// A campaign that only reports ends nothing; one that is called off lets nobody decide.
    async fn unconfirmed_assignments_are_reported(db: Db) {
        let world = World::new(db).await;
        let held = world.assign(&who(AGENT), NURSE, &world.ward).await;
        let first = world.campaign("report").await;
        let path = format!("/directory/campaigns/{first}/cancellation");
        assert_eq!(world.act(&who(AGENT), &path, &json!({})).await.code(), "not-in-role");
        assert_eq!(world.act(&who(MANAGER), &path, &json!({})).await.body["state"], "cancelled");
        let confirm = |campaign: &str| format!("/directory/campaigns/{campaign}/items/{held}/confirmation");
        assert_eq!(world.act(&who(AGENT), &confirm(&first), &json!({})).await.code(), "campaign-over");
        let below = json!({"organisation": "RXX01", "name": "Below", "by": day(30), "unconfirmed": "report"});
        let below = text(&world.rig.post(&who(MANAGER), "/directory/campaigns", &below).await, "id");
        let above = json!({"organisation": "RXX", "name": "Above", "by": day(30), "unconfirmed": "report"});
        assert_eq!(world.rig.post(&who(MANAGER), "/directory/campaigns", &above).await.code(), "campaign-running");
        world.act(&who(MANAGER), &format!("/directory/campaigns/{below}/cancellation"), &json!({})).await;
        let second = world.campaign("report").await;
        assert_eq!(world.act(&who(AGENT), &confirm(&second), &json!({})).await.status, StatusCode::OK);
        world.wait_days(31);
        world.sweep().await;
        assert_eq!(world.progress(&second).await, [row("confirmed", 1), row("unconfirmed", 6)]);
        assert_eq!((world.roles(NURSE).await.len(), world.roles(MANAGER).await.len()), (1, 1));
        let listed = world.rig.get(&who(SPONSOR), "/directory/campaigns?organisation=RXX").await;
        let states: Vec<&str> = listed.body["items"].as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["cancelled", "cancelled", "over"]);
        let late = json!({"organisation": "RXX", "name": "x", "by": "2026-11-24", "unconfirmed": "end"});
        assert_eq!(world.rig.post(&who(MANAGER), "/directory/campaigns", &late).await.code(), "field-invalid");
    }

    /// What ranks above whoever started a campaign does not lapse by it, and the last RA manager never does.
    async fn campaigns_lift_no_rank(db: Db) {
        let world = World::new(db).await;
        let (operator, managers) = (world.operator.clone(), world.manager_position.clone());
        world.assign(&operator, NURSE, &managers).await;
        let ward = world.assign(&who(AGENT), NURSE + 1, &world.ward).await;
        let of_advanced = world.campaign_of(ADVANCED, "end").await;
        let confirm = format!("/directory/campaigns/{of_advanced}/items/{ward}/confirmation");
        assert_eq!(world.act(&who(SPONSOR), &confirm, &json!({})).await.status, StatusCode::OK);
        world.wait_days(31);
        world.sweep().await;
        assert_eq!(world.progress(&of_advanced).await, [row("confirmed", 1), row("lapsed", 5), row("unconfirmed", 2)]);
        assert_eq!((world.roles(MANAGER).await.len(), world.roles(NURSE).await.len(), world.roles(AGENT).await.len()), (1, 1, 0));

        let body = json!({"organisation": "RXX", "name": "Spring", "by": day(60), "unconfirmed": "end"});
        let of_manager = text(&world.rig.post(&who(MANAGER), "/directory/campaigns", &body).await, "id");
        world.wait_days(31);
        world.sweep().await;
        assert_eq!(world.progress(&of_manager).await, [row("lapsed", 2), row("unconfirmed", 1)]);
        let left = world.roles(MANAGER).await.len() + world.roles(NURSE).await.len();
        assert_eq!((left, world.roles(NURSE + 1).await.len()), (1, 0));
    }

    /// Whoever has something to confirm finds the campaign, though it was started above where they have their role, and they see nothing
    /// else of it; others of the same rank there do not find it.
    async fn sponsors_of_a_department_find_what_they_answer(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let (sister, other, nurse) = (NURSE + 20, NURSE + 21, NURSE + 3);
        for (number, place) in [(sister, "RXX01"), (other, "RXX02")] {
            let made = world.make(&manager, &position(place, "Sisters", ROLE_OF_NURSES, &["B1300"])).await;
            world.assign(&manager, number, &made).await;
            if number == sister {
                let path = format!("/directory/positions/{made}/assignable");
                let body = json!({"positions": [world.ward], "approval": approval()});
                let done = world.rig.send(&manager, Method::PUT, &path, &[("if-match", "*")], Some(&body)).await;
                assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
            }
        }
        let held = world.assign(&manager, nurse, &world.ward).await;
        let campaign = world.campaign("report").await;
        let listed = async |number: u64, place: &str| world.rig.get(&who(number), &format!("/directory/campaigns?organisation={place}")).await;
        let shown = async |number: u64| world.rig.get(&who(number), &format!("/directory/campaigns/{campaign}")).await;
        for place in ["RXX", "RXX01"] {
            let list = listed(sister, place).await;
            assert_eq!((list.status, list.body["items"].as_array().map(Vec::len)), (StatusCode::OK, Some(1)), "{place} {:?}", list.body);
            assert_eq!(list.body["items"][0]["id"], json!(campaign));
        }
        assert_eq!(shown(sister).await.status, StatusCode::OK);
        let items = world.items(sister, &campaign).await;
        assert_eq!((items.len(), &items[0]["assignment"]), (1, &json!(held)), "the own one and the others are not theirs");
        let confirm = format!("/directory/campaigns/{campaign}/items/{held}/confirmation");
        assert_eq!(world.act(&who(other), &confirm, &json!({})).await.code(), "outside-organisation");
        assert_eq!(world.act(&who(sister), &confirm, &json!({})).await.status, StatusCode::OK);
        assert_eq!(listed(sister, "RXX").await.body["items"].as_array().map(Vec::len), Some(1), "what was said is found again");
        for place in ["RXX", "RXX02"] {
            assert_eq!(listed(other, place).await.body["items"], json!([]), "{place}");
        }
        assert_eq!(shown(other).await.status, StatusCode::NOT_FOUND);
        assert_eq!(listed(sister, "RYY").await.code(), "outside-organisation");
        assert_eq!((listed(nurse, "RXX").await.code(), shown(nurse).await.code()), ("not-in-role", "not-in-role"));
        assert_eq!(listed(MANAGER, "RXX01").await.body["items"].as_array().map(Vec::len), Some(1), "a campaign above is about the department");
    }
}
