//! Cards that are taken out of their readers.

use std::time::Duration;

use ca::api::Reason;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{Answered, Authority, Rig, STRONG, USER};

async fn with(db: Db, rule: &str) -> (Rig, Authority) {
    Rig::with_authority(db, &settings(rule)).await
}

fn settings(rule: &str) -> Value {
    json!({"card_agent": "http://127.0.0.1:44880", "sessions": {"card_removed": rule}})
}

/// What the agent of a workstation sends, which is no browser.
async fn told(rig: &Rig, watch: &Value) -> Answered {
    let mut agent = rig.browser();
    agent.origin = None;
    agent.script("/authn/card-removals", watch).await
}

platform::both_engines! {
    /// A session ends with its card, on every machine, when the agent has its answer; told again there is nothing more.
    async fn a_removed_card_ends_its_session(db: Db) {
        let (rig, authority) = with(db, "end").await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        let (mut other, _) = rig.signed_in_by(&card).await;
        let twin = rig.twin(authority.client()).await;
        let mut elsewhere = twin.browser_like(&browser);
        assert_eq!(elsewhere.get("/account").await.status, 200);
        let done = told(&rig, &watch).await;
        assert_eq!((done.status, done.json()), (200, json!({"session": "ended"})));
        assert_eq!((browser.get("/account").await.status, elsewhere.get("/account").await.status), (401, 401));
        assert_eq!(other.get("/account").await.status, 200, "a watch is of one session");
        assert_eq!(rig.events("session-ended").await[0]["cause"], "card-removed");
        let event = &rig.events("card-removed").await[0];
        assert_eq!((&event["card"], &event["rule"]), (&json!(card.serial), &json!("end")));
        assert_eq!(told(&rig, &watch).await.status, 404);
        assert_eq!(told(&rig, &json!({"secret": crate::rig::secret()})).await.status, 404);
        assert_eq!(told(&rig, &json!({"secret": browser.session()})).await.status, 404, "the browser's secret is another");
        assert_eq!(rig.events("card-removed").await.len(), 1);
    }

    /// A locked session gives nobody anything, on every machine, until its holder signs in again, and goes on then.
    async fn a_removed_card_locks_its_session(db: Db) {
        let (rig, authority) = with(db, "lock").await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        let twin = rig.twin(authority.client()).await;
        for _ in 0..2 {
            assert_eq!(told(&rig, &watch).await.json(), json!({"session": "locked"}));
        }
        let mut elsewhere = twin.browser_like(&browser);
        assert_eq!((browser.get("/account").await.status, elsewhere.get("/account").await.status), (401, 401));
        assert_eq!(rig.events("session-ended").await.len(), 0);
        let here = rig.begin(&mut browser, STRONG).await;
        let challenge = browser.script(&format!("{here}/card/challenge"), &json!({})).await.json();
        let done = browser.script(&format!("{here}/card/answer"), &card.answer(&challenge)).await;
        assert_eq!(done.status, 200, "{}", done.body);
        assert_eq!(browser.get("/account").await.status, 200);
        assert_eq!((rig.events("session-opened").await.len(), rig.events("session-continued").await.len()), (1, 1));
        assert_eq!(told(&rig, &watch).await.status, 404, "the watch of before says nothing any more");
        let again = json!({"secret": done.json()["watch"]["secret"]});
        assert_eq!(told(&rig, &again).await.json(), json!({"session": "locked"}));
        rig.pass(Duration::from_hours(12));
        rig.provider.sweep().await.unwrap();
        assert_eq!(rig.events("session-ended").await[0]["cause"], "expired", "a locked session has its limit");
    }

    /// Where it is kept the session goes on, and that the card was taken out is in the record.
    async fn a_removed_card_keeps_its_session(db: Db) {
        let (rig, authority) = with(db, "keep").await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        assert_eq!(told(&rig, &watch).await.json(), json!({"session": "kept"}));
        assert_eq!(browser.get("/account").await.status, 200);
        assert_eq!(rig.events("card-removed").await[0]["rule"], "keep");
        authority.revoke(&card.serial, Reason::KeyCompromise).await;
        assert_eq!(browser.get("/account").await.status, 401, "it still ends with what it was opened with");
        assert_eq!(told(&rig, &watch).await.status, 404);
    }
}
