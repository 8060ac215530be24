//! What a personnel system tells and cannot be done: why, and what the registration authority does with it.

use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use crate::feed_rig::{Payroll, event, with};
use crate::world::{ADVANCED, AGENT, MANAGER, NURSE, SPONSOR, day, stand, user, who};

/// Somebody whom the sender does not know.
const STRANGER: u64 = NURSE + 150;

platform::both_engines! {
    /// Each thing that can be wrong has its reason, and changes nothing of what people hold.
    async fn each_fault_has_its_reason(db: Db) {
        let feed = Payroll::new(db).await;
        let close = format!("/directory/people/{}/close", user(NURSE + 5));
        let closed = feed.world.act(&who(MANAGER), &close, &json!({"reason": "left"})).await;
        assert_eq!(closed.status, StatusCode::OK, "{:?}", closed.body);
        let told = feed.world.changes(0).await.len();
        let starter = |id: &str, number: u64, members: &[(&str, &str)]| with(event(id, "starter", number, 1, &day(0)), members);
        let cases: Vec<(Value, &str)> = vec![
            (starter("q-1", STRANGER, &[("position", "WARD")]), "unknown-person"),
            (starter("q-2", STRANGER + 1, &[("position", "WARD"), ("user_id", "123")]), "unknown-person"),
            (starter("q-3", STRANGER + 2, &[("position", "WARD"), ("user_id", &user(STRANGER))]), "person-elsewhere"),
            (starter("q-4", NURSE, &[("position", "WARD"), ("user_id", &user(NURSE + 1))]), "contradicts"),
            (starter("q-5", NURSE + 1, &[("position", "NOWHERE")]), "no-link"),
            (starter("q-6", NURSE + 2, &[]), "contradicts"),
            (with(event("q-7", "starter", NURSE + 3, 1, "31/12/2026"), &[("position", "WARD")]), "bad-date"),
            (starter("q-8", NURSE + 4, &[("position", "WARD"), ("end", &day(-1))]), "bad-date"),
            (starter("q-9", NURSE + 5, &[("position", "WARD")]), "profile-closed"),
            (event("q-10", "leaver", NURSE + 6, 1, &day(0)), "contradicts"),
            (with(event("q-11", "change", NURSE + 7, 1, &day(0)), &[("position", "WARD")]), "contradicts"),
            (with(event("q-12", "leaver", NURSE + 8, 1, &day(0)), &[("position", "WARD")]), "contradicts"),
        ];
        let events: Vec<Value> = cases.iter().map(|case| case.0.clone()).collect();
        let outcomes = feed.send(&events).await;
        for ((event, reason), outcome) in cases.iter().zip(&outcomes) {
            assert_eq!((outcome["state"].as_str(), outcome["reason"].as_str()), (Some("quarantined"), Some(*reason)), "{event}: {outcome}");
            assert!(outcome["sentence"].as_str().is_some_and(|sentence| sentence.ends_with('.')), "{outcome}");
        }
        assert_eq!(feed.world.changes(0).await.len(), told);
        assert_eq!(feed.events("quarantined").await.len(), cases.len());
        assert_eq!(feed.world.recorded("feed-event-quarantined").await, i64::try_from(cases.len()).unwrap());
        for bad in [json!({"id": " ", "sequence": 1}), json!({"id": "z", "sequence": 0}), json!({"id": "a\u{7}", "sequence": 1})] {
            let mut malformed = starter("x", NURSE, &[]);
            malformed["id"] = bad["id"].clone();
            malformed["sequence"] = bad["sequence"].clone();
            assert_eq!(feed.one(malformed).await["reason"], "malformed");
        }
        assert_eq!(feed.events("quarantined").await.len(), cases.len(), "what can be no event is not kept");
    }

    /// Once the position is linked or the person named, the event is done when it is tried again; by whose rank it was not
    /// done is told, and it stays.
    async fn retry_does_what_can_be_done_now(db: Db) {
        let feed = Payroll::new(db).await;
        let unlinked = feed.one(with(event("q-1", "starter", NURSE, 1, &day(0)), &[("position", "NEW")])).await;
        let path = format!("/directory/feed/events/{}", unlinked["event"].as_str().unwrap());
        let nothing = json!({});
        for caller in [who(AGENT), who(SPONSOR), feed.payroll.clone()] {
            assert_eq!(feed.decide(&caller, &unlinked, "retry", &nothing).await.code(), "not-in-role");
        }
        let still = feed.decide(&who(MANAGER), &unlinked, "retry", &nothing).await;
        assert_eq!((still.status, still.body["reason"].as_str()), (StatusCode::OK, Some("no-link")));
        let stale = feed.world.rig.send(&who(MANAGER), http::Method::POST, &format!("{path}/retry"), &[("if-match", "\"1\"")], Some(&nothing)).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
        feed.link("NEW", &feed.world.clinic.clone()).await;
        let done = feed.decide(&who(ADVANCED), &unlinked, "retry", &nothing).await;
        assert_eq!((done.body["state"].as_str(), done.body["settled_by"].as_str()), (Some("applied"), Some(user(ADVANCED).as_str())));
        assert_eq!(feed.holds(NURSE).await, [(feed.world.clinic.clone(), day(0), None)]);
        assert_eq!(feed.decide(&who(MANAGER), &unlinked, "retry", &nothing).await.code(), "event-settled");

        stand(&feed.world.rig.db, STRANGER, "unverified").await;
        let strange = with(event("q-2", "starter", STRANGER, 1, &day(0)), &[("position", "WARD")]);
        let strange = feed.one(strange).await;
        let named = json!({"person": user(STRANGER)});
        let unverified = feed.decide(&who(MANAGER), &strange, "retry", &named).await;
        assert_eq!(unverified.body["reason"], "not-verified", "{:?}", unverified.body);
        assert!(feed.holds(STRANGER).await.is_empty());
        let other = feed.decide(&who(MANAGER), &strange, "retry", &json!({"person": user(NURSE)})).await;
        assert_eq!(other.code(), "employee-linked", "who they are was said already");
        assert_eq!(feed.world.recorded("feed-employee-linked").await, 1);
    }

    /// Nobody has an event about themselves done, though they may decide those of others.
    async fn nobody_decides_their_own_event(db: Db) {
        let feed = Payroll::new(db).await;
        let own = feed.one(with(event("q-1", "starter", ADVANCED, 1, &day(0)), &[("position", "WARD")])).await;
        assert_eq!(own["reason"], "unknown-person");
        let tried = feed.decide(&who(ADVANCED), &own, "retry", &json!({"person": user(ADVANCED)})).await;
        assert_eq!((tried.status, tried.code()), (StatusCode::FORBIDDEN, "own-record"), "{:?}", tried.body);
        assert_eq!(feed.world.recorded("feed-employee-linked").await, 0);
        let done = feed.decide(&who(MANAGER), &own, "retry", &json!({"person": user(ADVANCED)})).await;
        assert_eq!(done.body["state"], "applied", "{:?}", done.body);
        assert_eq!(feed.world.recorded("feed-employee-linked").await, 1);
        let leaves = with(event("q-2", "leaver", MANAGER, 1, &day(0)), &[("user_id", &user(MANAGER)), ("end", &day(1))]);
        let leaves = feed.one(leaves).await;
        assert_eq!(leaves["reason"], "contradicts");
    }

    /// Nobody becomes an employee by an event that is not done: somebody else can be named the next time, and no later event of
    /// that employee reaches whoever was named.
    async fn who_was_named_in_vain_is_not_kept(db: Db) {
        let feed = Payroll::new(db).await;
        let strange = with(event("q-1", "starter", STRANGER, 1, &day(0)), &[("position", "NOWHERE")]);
        let strange = feed.one(strange).await;
        assert_eq!(strange["reason"], "unknown-person");
        let named = feed.decide(&who(MANAGER), &strange, "retry", &json!({"person": user(NURSE + 30)})).await;
        assert_eq!(named.body["reason"], "no-link", "{:?}", named.body);
        assert_eq!(feed.world.recorded("feed-employee-linked").await, 0);
        feed.decide(&who(MANAGER), &strange, "discard", &json!({"reason": "Sent by mistake"})).await;
        let next = feed.one(with(event("q-2", "starter", STRANGER, 2, &day(0)), &[("position", "WARD")])).await;
        assert_eq!(next["reason"], "unknown-person");
        assert!(feed.holds(NURSE + 30).await.is_empty());
    }

    /// The events of an employee are done in their order: those after one in quarantine wait for it, and an older one is not
    /// done after a newer one.
    async fn events_of_an_employee_keep_their_order(db: Db) {
        let feed = Payroll::new(db).await;
        let events = [
            with(event("e-1", "starter", NURSE, 10, &day(0)), &[("position", "NEW")]),
            with(event("e-2", "change", NURSE, 20, &day(5)), &[("position", "CLINIC")]),
            with(event("e-4", "starter", NURSE + 1, 10, &day(0)), &[("position", "WARD")]),
        ];
        let reasons: Vec<Option<String>> =
            feed.send(&events).await.iter().map(|one| one["reason"].as_str().map(str::to_owned)).collect();
        assert_eq!(reasons, [Some("no-link".to_owned()), Some("waits".to_owned()), None]);
        let same = feed.one(with(event("e-5", "starter", NURSE, 10, &day(0)), &[("position", "WARD")])).await;
        assert_eq!(same["reason"], "contradicts");
        feed.decide(&who(MANAGER), &same, "discard", &json!({"reason": "Sent twice"})).await;

        let ward = feed.world.ward.clone();
        feed.link("NEW", &ward).await;
        let first = feed.events("quarantined").await.into_iter().find(|one| one["sent"]["id"] == "e-1").unwrap();
        let done = feed.decide(&who(MANAGER), &first, "retry", &json!({})).await;
        assert_eq!(done.body["state"], "applied", "{:?}", done.body);
        assert!(feed.events("quarantined").await.is_empty(), "those that waited are done");
        assert_eq!(feed.one(event("e-3", "leaver", NURSE, 30, &day(9))).await["state"], "applied");
        let expected = [(ward, day(0), Some(day(4))), (feed.world.clinic.clone(), day(5), Some(day(9)))];
        let mut holds = feed.holds(NURSE).await;
        holds.sort_by(|one, other| one.1.cmp(&other.1));
        assert_eq!(holds, expected);
        let late = feed.one(with(event("e-6", "starter", NURSE, 15, &day(0)), &[("position", "WARD")])).await;
        assert_eq!(late["reason"], "out-of-order");
        assert_eq!(feed.decide(&who(MANAGER), &late, "retry", &json!({})).await.body["reason"], "out-of-order");
    }

    /// An event that comes too late holds up nothing that follows, and whoever leaves loses what they hold at once, whatever of
    /// before lies in quarantine.
    async fn leavers_are_held_back_by_nothing(db: Db) {
        let feed = Payroll::new(db).await;
        let reasons = async |events: &[Value]| -> Vec<Value> {
            feed.send(events).await.iter().map(|one| one["reason"].clone()).collect()
        };
        let stale = [
            with(event("e-1", "starter", NURSE, 8, &day(0)), &[("position", "WARD")]),
            with(event("e-2", "change", NURSE, 10, &day(0)), &[("position", "CLINIC")]),
            with(event("e-3", "change", NURSE, 9, &day(0)), &[("position", "WARD")]),
            with(event("e-4", "change", NURSE, 11, &day(0)), &[("position", "WARD")]),
            event("e-5", "leaver", NURSE, 12, &day(-1)),
        ];
        assert_eq!(reasons(&stale).await, [json!(null), json!(null), json!("out-of-order"), json!(null), json!(null)]);
        assert!(feed.holds(NURSE).await.iter().all(|held| held.2.is_some()), "{:?}", feed.holds(NURSE).await);

        let other = NURSE + 1;
        let waiting = [
            with(event("f-1", "starter", other, 1, &day(-3)), &[("position", "WARD")]),
            with(event("f-2", "change", other, 2, &day(0)), &[("position", "NEW")]),
            with(event("f-3", "change", other, 3, &day(0)), &[("position", "CLINIC")]),
            event("f-4", "leaver", other, 4, &day(-1)),
        ];
        assert_eq!(reasons(&waiting).await, [json!(null), json!("no-link"), json!("waits"), json!(null)]);
        assert!(feed.world.roles(other).await.is_empty());
        let ward = feed.world.ward.clone();
        feed.link("NEW", &ward).await;
        for id in ["f-2", "f-3"] {
            let late = feed.events("quarantined").await.into_iter().find(|one| one["sent"]["id"] == id).unwrap();
            assert_eq!(feed.decide(&who(MANAGER), &late, "retry", &json!({})).await.body["reason"], "out-of-order");
        }
        assert!(feed.world.roles(other).await.is_empty(), "what is of before gives nothing back");
    }

    /// A discarded event stays with who put it aside and why, does nothing, and lets go what waited for it.
    async fn discarded_events_stay_with_their_reason(db: Db) {
        let feed = Payroll::new(db).await;
        let first = feed.one(with(event("e-1", "starter", NURSE, 1, &day(0)), &[("position", "NEW")])).await;
        let second = feed.one(with(event("e-2", "starter", NURSE, 2, &day(0)), &[("position", "WARD")])).await;
        assert_eq!(second["reason"], "waits");
        assert_eq!(feed.decide(&who(MANAGER), &first, "discard", &json!({"reason": " "})).await.code(), "field-invalid");
        assert_eq!(feed.decide(&who(AGENT), &first, "discard", &json!({"reason": "No"})).await.code(), "not-in-role");
        let done = feed.decide(&who(MANAGER), &first, "discard", &json!({"reason": "Sent by mistake"})).await;
        let members = ["state", "settled_by", "discarded_why", "reason"].map(|member| done.body[member].as_str().unwrap());
        assert_eq!(members, ["discarded", &user(MANAGER), "Sent by mistake", "no-link"]);
        assert_eq!(feed.holds(NURSE).await, [(feed.world.ward.clone(), day(0), None)]);
        assert_eq!(feed.one(with(event("e-1", "starter", NURSE, 1, &day(0)), &[("position", "NEW")])).await["state"], "discarded");
        let path = "/directory/feed/summary?organisation=RXX";
        let counts = feed.world.rig.get(&who(MANAGER), path).await.body["counts"].clone();
        assert_eq!(counts, json!([
            {"kind": "starter", "state": "applied", "events": 1},
            {"kind": "starter", "state": "discarded", "reason": "no-link", "events": 1}]));
        let before = format!("{path}&to={}", day(-1));
        assert_eq!(feed.world.rig.get(&who(MANAGER), &before).await.body["counts"], json!([]));
        assert_eq!(feed.world.rig.get(&who(AGENT), path).await.code(), "not-in-role");
    }
}
