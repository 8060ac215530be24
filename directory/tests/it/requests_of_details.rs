//! What may be asked for of a profile: each change that is answered "make a request of it" has a request that does it.

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use crate::people_rig::{documents, texts};
use crate::world::{AGENT, NURSE, SPONSOR, World, text, user, who};

impl World {
    /// The sponsor is told to ask for something, asks for it, and an agent approves it with these documents: it is done.
    async fn asked(
        &self,
        (method, path, body): (Method, &str, &Value),
        ask: Value,
        evidence: Value,
    ) -> Value {
        let direct = self.rig.send(&who(SPONSOR), method, path, &[("if-match", "*")], Some(body)).await;
        assert_eq!((direct.status, direct.code()), (StatusCode::FORBIDDEN, "by-request"), "{path}");
        let made = self.rig.post(&who(SPONSOR), "/directory/requests", &json!({"ask": ask})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{ask}: {:?}", made.body);
        let step = |last: &str| format!("/directory/requests/{}/{last}", text(&made, "id"));
        let opened = self.rig.send(&who(AGENT), Method::PUT, &step("lock"), &[("if-match", "*")], None).await;
        assert_eq!(opened.status, StatusCode::OK, "{:?}", opened.body);
        let done = self.act(&who(AGENT), &step("approval"), &json!({"evidence": evidence})).await;
        assert_eq!(done.body["state"], "applied", "{ask}: {:?}", done.body);
        done.body
    }
}

platform::both_engines! {
    /// A sponsor asks for another name, for addresses and for registrations of somebody in their organisation; they are wrong where the
    /// profile's own endpoints find them wrong, and what is done by nobody on request is answered so.
    async fn sponsors_ask_for_every_detail(db: Db) {
        let world = World::new(db.clone()).await;
        world.assign(&who(AGENT), NURSE, &world.clinic).await;
        let person = user(NURSE);
        let of = |last: &str| format!("/directory/people/{person}/{last}");
        let column = async |text: &'static str| texts(&db, text, &person).await;
        let contacts = "SELECT value FROM directory_contact WHERE user_id = $1 ORDER BY value";

        for (channel, path, value, kept) in
            [("email", "emails", "Ann@Home.example", "ann@home.example"), ("mobile", "mobiles", "07700 900123", "+447700900123")]
        {
            let ask = json!({"kind": "add-contact", "person": person, "channel": channel, "value": value});
            world.asked((Method::POST, &of(path), &json!({"value": value})), ask.clone(), json!([])).await;
            assert_eq!(column(contacts).await, [kept]);
            let verified = "SELECT contact_id FROM directory_contact WHERE user_id = $1 AND verified_at IS NULL";
            let id = column(verified).await.remove(0);
            let away = json!({"kind": "remove-contact", "person": person, "channel": channel, "contact": id});
            world.asked((Method::DELETE, &of(&format!("{path}/{id}")), &json!({})), away.clone(), json!([])).await;
            assert!(column(contacts).await.is_empty());
            // What is gone, or no address, cannot be asked for.
            let mut bad = ask;
            bad["value"] = json!("none");
            for (ask, status) in [(away, StatusCode::NOT_FOUND), (bad, StatusCode::UNPROCESSABLE_ENTITY)] {
                let refused = world.rig.post(&who(SPONSOR), "/directory/requests", &json!({"ask": ask})).await;
                assert_eq!(refused.status, status, "{:?}", refused.body);
            }
        }

        let registration = json!({"body": "GMC", "number": "1234567"});
        let add = json!({"kind": "add-registration", "person": person, "registration": registration});
        let registrations = "SELECT number FROM directory_registration WHERE user_id = $1";
        world.asked((Method::POST, &of("registrations"), &registration), add, json!([])).await;
        assert_eq!(column(registrations).await, ["1234567"]);
        let away = json!({"kind": "remove-registration", "person": person, "registration": registration});
        world.asked((Method::DELETE, &of("registrations/GMC/1234567"), &json!({})), away, json!([])).await;
        assert!(column(registrations).await.is_empty());

        let name = json!({"name": {"given": "Ann", "family": "Sample"}, "reason": "marriage"});
        let mut whole = name.clone();
        whole["evidence"] = documents("123456789")[0].clone();
        let ask = |change: &Value| json!({"kind": "rename", "person": person, "change": change});
        let refused = world.rig.post(&who(SPONSOR), "/directory/requests", &json!({"ask": ask(&whole)})).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "a sponsor checks no documents");
        assert!(refused.body["detail"].as_str().unwrap().contains("ask.change.evidence"), "{:?}", refused.body);
        let done = world.asked((Method::POST, &of("names"), &whole), ask(&name), json!([whole["evidence"]])).await;
        assert_eq!(done["ask"]["change"]["name"]["family"], "Sample");
        assert_eq!(column("SELECT family FROM directory_person WHERE user_id = $1").await, ["Sample"]);
        assert_eq!(column("SELECT number_mask FROM directory_evidence WHERE user_id = $1").await, ["*****6789"]);

        let patch = json!({"gender": "female"});
        let ask = json!({"kind": "change-person", "person": person, "patch": patch});
        world.asked((Method::PATCH, &format!("/directory/people/{person}"), &patch), ask, json!([])).await;
        // What only those do who see somebody is not asked for.
        let shown = world.rig.post(&who(SPONSOR), &of("evidence"), &whole["evidence"]).await;
        assert_eq!(shown.code(), "not-in-role", "{:?}", shown.body);
        assert_eq!(world.recorded("request-applied").await, 8);
        world.demand_one_name().await;
    }
}
