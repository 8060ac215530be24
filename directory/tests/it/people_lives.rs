//! Closing, opening again, merging: and who may.

use std::time::Duration;

use http::{Method, StatusCode};
use platform::db::Db;
use platform::id::UserId;
use serde_json::{Value, json};

use crate::people_rig::{assign, execute, new_person, soon_after, staff, texts};
use crate::rig::{Rig, START, person, system};

platform::both_engines! {
    /// Leaving is one act: the profile closes, every assignment ends, and the rest is told in the same commit.
    async fn leaving_is_one_act(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let id = rig.make(&agent, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        let now = assign(&db, &id, None, "RXX", "2026-01-01").await;
        let later = assign(&db, &id, None, "RXX", "2027-01-01").await;
        let closed = rig.act(&agent, &id, "close", &json!({"reason": "left", "notes": "Friday"})).await;
        assert_eq!((closed.status, &closed.body["state"]), (StatusCode::OK, &json!("closed")), "{:?}", closed.body);
        let told = &closed.body["personal"]["closed"];
        assert_eq!((&told["reason"], &told["notes"]), (&json!("left"), &json!("Friday")));
        assert!(soon_after(&told["at"], START.0));
        let live = texts(&db, "SELECT assignment_id FROM directory_assignment WHERE user_id = $1 AND state = 'live'", id.as_str()).await;
        assert_eq!(live, [] as [String; 0]);
        let told = texts(&db, "SELECT kind || ' ' || subject FROM directory_change WHERE person = $1 ORDER BY number", id.as_str()).await;
        let mut ended = [format!("assignment-ended {now}"), format!("assignment-ended {later}")];
        ended.sort();
        let expected = [vec![format!("person-changed {id}")], ended.to_vec(), vec![format!("person-closed {id}")]].concat();
        assert_eq!(told, expected);
        let recorded = texts(&db, "SELECT name FROM audit_event WHERE actor = $1 ORDER BY ordinal", &agent.subject).await;
        assert_eq!(recorded.iter().filter(|name| *name == "person-closed").count(), 1);
        // Whoever left neither acts nor is acted on.
        assert_eq!(rig.post(&person(id.as_str()), &format!("/directory/people/{id}/emails"), &json!({"value": "a@b.example"})).await.code(), "own-profile-closed");
        for (act, body) in acts() {
            let refused = rig.act(&agent, &id, act, &body).await;
            assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "person-closed"), "{act}");
        }
        assert_eq!(rig.patch(&agent, &id, &json!({"gender": "other"})).await.code(), "person-closed");
        let opened = rig.act(&agent, &id, "reopen", &json!({"reason": "returned"})).await;
        assert_eq!((opened.status, &opened.body["state"]), (StatusCode::OK, &json!("open")));
        assert_eq!(rig.act(&agent, &id, "reopen", &json!({"reason": "returned"})).await.code(), "person-open");
        assert_eq!(texts(&db, "SELECT assignment_id FROM directory_assignment WHERE user_id = $1 AND state = 'live'", id.as_str()).await.len(), 0);
    }

    /// Two records of one person become one: what each had is there, and the other id leads to it for good.
    async fn merging_moves_everything(db: Db) {
        let rig = Rig::new(db.clone());
        let manager = staff(&db, 900, Some("ra-manager"), "RXX").await;
        let mut body = new_person("Ann", "Example", "1984-07-23", "123456789");
        body["emails"] = json!(["ann@trust.example"]);
        let one = rig.make(&manager, &body).await;
        let mut body = new_person("Anne", "Eggsample", "1984-07-23", "987654321");
        body["looked_at"] = json!([one]);
        body["emails"] = json!(["ann@trust.example", "old@trust.example"]);
        body["registrations"] = json!([{"body": "GMC", "number": "1234567"}]);
        body["national_insurance_number"] = json!("AB123456C");
        let two = rig.make(&manager, &body).await;
        let mut body = new_person("Ann", "Ecsample", "1984-07-23", "111111111");
        body["looked_at"] = json!([one, two]);
        let three = rig.make(&manager, &body).await;
        let held = assign(&db, &two, None, "RXX", "2026-01-01").await;
        let version = |tag: &str| tag.trim_matches('"').parse::<i64>().unwrap();
        let merge = async |into: &UserId, from: &UserId| {
            let tag = rig.tag(&manager, from).await;
            let body = json!({"duplicate": from, "duplicate_version": version(&tag)});
            rig.act(&manager, into, "merge", &body).await
        };
        let stale = rig.act(&manager, &one, "merge", &json!({"duplicate": two, "duplicate_version": 7})).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(merge(&one, &one).await.status, StatusCode::BAD_REQUEST);
        let merged = merge(&one, &two).await;
        assert_eq!(merged.status, StatusCode::OK, "{:?}", merged.body);
        assert_eq!(merged.body["registrations"], json!([{"body": "GMC", "number": "1234567"}]));
        assert_eq!(merged.body["name"]["family"], "Example");
        let personal = &merged.body["personal"];
        assert_eq!((personal["evidence"].as_array().unwrap().len(), &personal["national_insurance_mask"]), (6, &json!("*****456C")));
        let emails: Vec<&str> = personal["emails"].as_array().unwrap().iter().map(|it| it["value"].as_str().unwrap()).collect();
        assert_eq!(emails.len(), 2, "{emails:?}");
        assert_eq!(texts(&db, "SELECT assignment_id FROM directory_assignment WHERE user_id = $1", one.as_str()).await, [held.to_string()]);
        let names = rig.get(&manager, &format!("/directory/people/{one}/history")).await;
        let families: Vec<&str> = names.body["names"].as_array().unwrap().iter().map(|it| it["name"]["family"].as_str().unwrap()).collect();
        assert_eq!(families, ["Example", "Eggsample"]);
        // What was done is read in pages, newest first.
        let (mut read, mut after) = (Vec::new(), String::new());
        loop {
            let page = rig.get(&manager, &format!("/directory/people/{one}/history?limit=1{after}")).await.body;
            read.extend(page["acts"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert!(read.len() > 1 && json!(read) == names.body["acts"], "{read:?}");
        let list = rig.get(&manager, "/directory/people?name=eggsample").await;
        assert_eq!(list.body["items"][0]["user_id"], json!(one.as_str()));
        let recorded = texts(&db, "SELECT id FROM audit_event WHERE name = $1", "people-merged").await;
        assert_eq!(recorded.len(), 1);
        let alias = rig.get(&manager, &format!("/directory/people/{two}")).await;
        assert_eq!((alias.status, &alias.body["merged_into"]), (StatusCode::MOVED_PERMANENTLY, &json!(one.as_str())));
        assert_eq!(alias.headers["location"], format!("/directory/people/{one}"));
        let path = |act: &str| format!("/directory/people/{two}/{act}");
        for (act, body) in acts() {
            let refused = rig.send(&manager, Method::POST, &path(act), &[("if-match", "*")], Some(&body)).await;
            assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "person-merged"), "{act}");
        }
        let reopened = rig.send(&manager, Method::POST, &path("reopen"), &[("if-match", "*")], Some(&json!({"reason": "returned"}))).await;
        assert_eq!(reopened.code(), "person-merged");
        // The survivor becomes part of a third: the first alias leads there at once.
        assert_eq!(merge(&three, &one).await.status, StatusCode::OK);
        let alias = rig.get(&manager, &format!("/directory/people/{two}")).await;
        assert_eq!(alias.body["merged_into"], json!(three.as_str()));
    }

    /// Two profiles with different national insurance numbers are not one person.
    async fn different_numbers_are_not_merged(db: Db) {
        let rig = Rig::new(db.clone());
        let manager = staff(&db, 900, Some("ra-manager"), "RXX").await;
        let mut made = Vec::new();
        for (family, passport, number) in [("Example", "123456789", "AB123456C"), ("Other", "987654321", "AB123456D")] {
            let mut body = new_person("Ann", family, "1984-07-23", passport);
            body["national_insurance_number"] = json!(number);
            made.push(rig.make(&manager, &body).await);
        }
        let body = json!({"duplicate": made[1], "duplicate_version": 1});
        assert_eq!(rig.act(&manager, &made[0], "merge", &body).await.code(), "numbers-differ");
        assert_eq!(rig.get(&manager, &format!("/directory/people/{}", made[1])).await.status, StatusCode::OK);
    }

    /// Each rank does what the matrix says, to others only, and only where all of the person's organisations are in reach.
    async fn ranks_decide(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let elsewhere = staff(&db, 901, Some("ra-manager"), "RYY").await;
        let sponsor = staff(&db, 902, Some("sponsor"), "RXX").await;
        let unlocker = staff(&db, 903, Some("local-smartcard-administrator"), "RXX").await;
        let checker = staff(&db, 904, Some("id-checker"), "RXX").await;
        let id = rig.make(&checker, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        assign(&db, &id, None, "RXX", "2026-01-01").await;
        let close = json!({"reason": "left"});
        assert_eq!(rig.act(&sponsor, &id, "close", &close).await.code(), "by-request");
        assert_eq!(rig.act(&unlocker, &id, "close", &close).await.code(), "not-in-role");
        assert_eq!(rig.act(&checker, &id, "close", &close).await.code(), "not-in-role");
        assert_eq!(rig.act(&elsewhere, &id, "close", &close).await.code(), "outside-organisation");
        assert_eq!(rig.post(&sponsor, "/directory/people", &new_person("Bea", "Example", "1985-07-23", "123456780")).await.code(), "not-in-role");
        // An assignment that begins next year elsewhere is reached by closing too.
        assign(&db, &id, None, "RYY", "2027-01-01").await;
        assert_eq!(rig.act(&agent, &id, "close", &close).await.code(), "also-elsewhere");
        let own: UserId = agent.subject.parse().unwrap();
        assert_eq!(rig.act(&agent, &own, "close", &close).await.code(), "own-closing");
        // Nobody takes over whoever ranks above them.
        let manager = staff(&db, 905, Some("ra-manager"), "RXX").await;
        let above: UserId = manager.subject.parse().unwrap();
        assert_eq!(rig.act(&agent, &above, "close", &close).await.code(), "above-rank");
        assert_eq!(rig.act(&agent, &id, "merge", &json!({"duplicate": above, "duplicate_version": 1})).await.code(), "not-in-role");
        let mut weak = agent.clone();
        weak.assurance = Some("aal2".to_owned());
        assert_eq!(rig.patch(&weak, &id, &json!({"gender": "other"})).await.code(), "assurance-too-low");
        // A role that ended in the meantime is none.
        execute(&db, "UPDATE directory_assignment SET state = 'ended' WHERE user_id = $1", vec![agent.subject.clone()]).await;
        assert_eq!(rig.patch(&agent, &id, &json!({"gender": "other"})).await.status, StatusCode::FORBIDDEN);
        let state = texts(&db, "SELECT state FROM directory_person WHERE user_id = $1", id.as_str()).await;
        assert_eq!(state, ["open"]);
    }

    /// What retention allows no longer is erased on its day, of people who left only, with an event and not twice.
    async fn leavers_are_erased_in_time(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let mut made = Vec::new();
        for (family, passport, number) in [("Example", "123456789", "AB123456C"), ("Stays", "987654321", "AB123456D")] {
            let mut body = new_person("Ann", family, "1984-07-23", passport);
            body["national_insurance_number"] = json!(number);
            body["emails"] = json!(["ann@trust.example"]);
            body["looked_at"] = json!(made.clone());
            made.push(rig.make(&agent, &body).await);
        }
        let id = &made[0];
        assert_eq!(rig.act(&agent, id, "close", &json!({"reason": "retired"})).await.status, StatusCode::OK);
        let days = |days: u64| Duration::from_secs(days * 86_400);
        rig.hand.advance(days(364));
        assert_eq!(rig.register.sweep_people().await.unwrap(), 0);
        rig.hand.advance(days(2));
        assert_eq!(rig.register.sweep_people().await.unwrap(), 1);
        assert_eq!(rig.register.sweep_people().await.unwrap(), 0);
        let contacts = async |user: &UserId| texts(&db, "SELECT value FROM directory_contact WHERE user_id = $1", user.as_str()).await.len();
        assert_eq!((contacts(id).await, contacts(&made[1]).await), (0, 1));
        rig.hand.advance(days(2200));
        assert_eq!(rig.register.sweep_people().await.unwrap(), 1);
        let hashes = async |user: &UserId| texts(&db, "SELECT number_hash FROM directory_evidence WHERE user_id = $1 AND number_hash IS NOT NULL", user.as_str()).await.len();
        assert_eq!((hashes(id).await, hashes(&made[1]).await), (0, 1));
        assert_eq!(texts(&db, "SELECT ni_hash FROM directory_person WHERE user_id = $1 AND ni_hash IS NOT NULL", id.as_str()).await.len(), 0);
        let erased = texts(&db, "SELECT name FROM audit_event WHERE actor = $1", "directory").await;
        assert_eq!(erased, ["person-erased", "person-erased"]);
    }

    /// An operator without rank makes profiles, and changes none; without the act nothing is done.
    async fn systems_do_what_they_were_granted(db: Db) {
        let rig = Rig::new(db);
        let operator = system("operator", &[directory::api::OPERATE, directory::api::READ]);
        let mut body = new_person("Ann", "Example", "1984-07-23", "123456789");
        for at in 0..3 {
            body["evidence"][at]["checker"] = json!("000000000013");
        }
        let id = rig.make(&operator, &body).await;
        assert_eq!(rig.patch(&operator, &id, &json!({"gender": "other"})).await.code(), "not-in-role");
        let made = rig.get(&operator, &format!("/directory/people/{id}")).await;
        assert_eq!(made.body["personal"]["evidence"][0]["checker"], "000000000013");
        let shown = texts(&rig.db, "SELECT checker FROM directory_evidence WHERE user_id = $1", id.as_str()).await;
        assert_eq!(shown, ["000000000013"; 3]);
    }
}

/// An act of each kind, good but for the state of the profile.
fn acts() -> Vec<(&'static str, Value)> {
    let shown = json!({"document": "deed-poll", "issuer": "Leeds", "method": "f2f"});
    vec![
        ("names", json!({"name": {"given": "A", "family": "B"}, "reason": "deed-poll", "evidence": shown})),
        ("evidence", shown),
        ("verification", json!({"evidence": []})),
        ("registrations", json!({"body": "GMC", "number": "7654321"})),
        ("emails", json!({"value": "new@trust.example"})),
        ("mobiles", json!({"value": "07700 900123"})),
        ("close", json!({"reason": "left"})),
    ]
}
