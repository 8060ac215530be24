//! People over HTTP: made, found, read, changed.

use http::{Method, StatusCode};
use platform::db::Db;
use platform::id::UserId;
use serde_json::json;

use crate::people_rig::{assign, documents, new_person, staff};
use crate::rig::{Answered, Rig, person, system};

fn found(answered: &Answered) -> Vec<String> {
    let items = answered.body["items"].as_array().unwrap();
    items.iter().map(|item| item["user_id"].as_str().unwrap().to_owned()).collect()
}

platform::both_engines! {
    /// A profile is made with three documents and found by everything it has; nothing is made twice for one key.
    async fn people_are_made_and_found(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let mut body = new_person("Siân", "O’Brien-Jones", "1984-07-23", "123456789");
        body["emails"] = json!(["Sian@Trust.example"]);
        body["registrations"] = json!([{"body": "NMC", "number": "99i1234e"}]);
        body["national_insurance_number"] = json!("AB 12 34 56 C");
        let key = [("idempotency-key", "once")];
        let made = rig.send(&agent, Method::POST, "/directory/people", &key, Some(&body)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        assert_eq!(made.etag(), "\"1\"");
        let again = rig.send(&agent, Method::POST, "/directory/people", &key, Some(&body)).await;
        assert_eq!((again.status, &again.body), (StatusCode::CREATED, &made.body));
        let id = made.body["user_id"].as_str().unwrap().to_owned();
        assert_eq!(made.headers["location"], format!("/directory/people/{id}"));
        assert_eq!((&made.body["standing"], &made.body["assurance"]), (&json!("verified"), &json!("high")));
        assert_eq!(made.body["personal"]["national_insurance_mask"], "*****456C");
        assert_eq!(made.body["personal"]["evidence"].as_array().unwrap().len(), 3);
        let other = rig.make(&agent, &new_person("Owen", "Brien", "1990-01-02", "987654321")).await;
        let work = id.parse::<UserId>().unwrap();
        assign(&db, &work, None, "RYY", "2026-01-01").await;
        for query in [
            "name=obri",
            "name=O'Brien%20Jones%20si",
            "name=sian%20ob",
            "family=O%27BRIEN%20JONES&given=S",
            "birth=1984-07-23&name=sian",
            "registration=99%20I1234E",
            "registration=99I1234E&body=NMC",
            "email=sian@trust.example",
            "organisation=r%20yy",
        ] {
            let list = rig.get(&agent, &format!("/directory/people?{query}")).await;
            assert_eq!((list.status, found(&list)), (StatusCode::OK, vec![id.clone()]), "{query}: {:?}", list.body);
        }
        for query in ["name=jones%20ow", "registration=99I1234E&body=GMC", "organisation=RZZ", "name=sian&state=closed", "birth=1984-07-24"] {
            let list = rig.get(&agent, &format!("/directory/people?{query}")).await;
            assert_eq!((list.status, found(&list)), (StatusCode::OK, vec![]), "{query}");
        }
        let by_id = rig.get(&agent, &format!("/directory/people?user_id={other}")).await;
        assert_eq!(found(&by_id), [other.to_string()]);
        for bad in ["name=a", "birth=1984-02-31", "user_id=12", "given=ann", "name=ann&family=x", "organisation=r-x", "after=%21", "body=GMC", "nonsense=1"] {
            let list = rig.get(&agent, &format!("/directory/people?{bad}")).await;
            assert_eq!(list.status, StatusCode::BAD_REQUEST, "{bad}: {:?}", list.body);
        }
    }

    /// A list is read in parts, each person once, however many names they have.
    async fn lists_are_read_in_parts(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let mut made = Vec::new();
        for (at, given) in ["Carl", "Ada", "Bea", "Smith", "Dan"].iter().enumerate() {
            let birth = format!("198{at}-01-15");
            made.push(rig.make(&agent, &new_person(given, "Smith", &birth, &format!("12345678{at}"))).await.to_string());
        }
        let mut seen = Vec::new();
        let mut path = "/directory/people?name=smi&limit=2".to_owned();
        for _ in 0..5 {
            let list = rig.get(&agent, &path).await;
            seen.extend(found(&list));
            let Some(next) = list.body["next"].as_str() else { break };
            path = format!("/directory/people?name=smi&limit=2&after={next}");
        }
        let by_name = [1, 2, 0, 4, 3].map(|at: usize| made[at].clone());
        assert_eq!(seen, by_name);
        let mut all = Vec::new();
        let mut path = "/directory/people?state=open&limit=4".to_owned();
        while all.len() < 20 {
            let list = rig.get(&agent, &path).await;
            all.extend(found(&list));
            let Some(next) = list.body["next"].as_str() else { break };
            path = format!("/directory/people?state=open&limit=4&after={next}");
        }
        assert_eq!(all.len(), made.len() + 1);
    }

    /// Colleagues find each other by name and see no more; the holder sees everything of their own; a stranger nothing.
    async fn colleagues_see_little(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let colleague = staff(&db, 901, None, "RXX").await;
        let id = rig.make(&agent, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        let path = format!("/directory/people/{id}");
        let seen = rig.get(&colleague, &path).await;
        assert_eq!((seen.status, &seen.body["name"]["family"]), (StatusCode::OK, &json!("Example")));
        assert!(seen.body["personal"].is_null());
        let list = rig.get(&colleague, "/directory/people?name=exam").await;
        assert!(list.body["items"][0]["birth"].is_null());
        for query in ["birth=1984-07-23", "email=a@b.example", "state=open", "name=exam&birth=1984-07-23"] {
            let list = rig.get(&colleague, &format!("/directory/people?{query}")).await;
            assert_eq!(list.code(), "search-not-allowed", "{query}");
        }
        assert_eq!(rig.get(&colleague, &format!("{path}/history")).await.code(), "history-of-another");
        let own = rig.get(&person(id.as_str()), &path).await;
        assert_eq!(own.body["personal"]["birth"], "1984-07-23");
        assert_eq!(rig.get(&person(id.as_str()), &format!("{path}/history")).await.status, StatusCode::OK);
        let stranger = system("stranger", &[]);
        assert_eq!(rig.get(&stranger, &path).await.code(), "act-not-granted");
        let reader = system("reader", &[directory::api::READ]);
        let read = rig.get(&reader, &path).await;
        assert_eq!((read.status, read.body["personal"].is_null()), (StatusCode::OK, true));
        let body = new_person("Bea", "Example", "1985-07-23", "123456780");
        assert_eq!(rig.post(&reader, "/directory/people", &body).await.code(), "act-not-granted");
    }

    /// A lost update is refused, and so is one that does not say what it means; a change by evidence keeps no number.
    async fn details_change_at_a_version(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let id = rig.make(&agent, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        let path = format!("/directory/people/{id}");
        let change = json!({"gender": "female", "on_card": "Annie Example"});
        let unsaid = rig.send(&agent, Method::PATCH, &path, &[], Some(&change)).await;
        assert_eq!(unsaid.code(), "if-match-missing");
        let first = [("if-match", "\"1\"")];
        let changed = rig.send(&agent, Method::PATCH, &path, &first, Some(&change)).await;
        assert_eq!((changed.status, changed.etag().as_str()), (StatusCode::OK, "\"2\""), "{:?}", changed.body);
        assert_eq!(changed.body["name"]["on_card"], "Annie Example");
        let lost = rig.send(&agent, Method::PATCH, &path, &first, Some(&json!({"gender": "other"}))).await;
        assert_eq!((lost.status, lost.code()), (StatusCode::PRECONDITION_FAILED, "changed"));
        assert_eq!(rig.get(&agent, &path).await.body["personal"]["gender"], "female");
        // Nothing new is no version.
        assert_eq!(rig.patch(&agent, &id, &change).await.etag(), "\"2\"");
        let bare = rig.patch(&agent, &id, &json!({"birth": "1984-07-24"})).await;
        assert_eq!((bare.status, bare.code()), (StatusCode::BAD_REQUEST, "field-invalid"));
        let shown = json!({"document": "passport", "issuer": "Ireland", "number": "X7654321", "method": "remote"});
        let remote = rig.patch(&agent, &id, &json!({"birth": "1984-07-24", "evidence": shown})).await;
        assert_eq!(remote.status, StatusCode::BAD_REQUEST);
        let shown = json!({"document": "passport", "issuer": "Ireland", "number": "X7654321", "method": "f2f"});
        let body = json!({"birth": "1984-07-24", "national_insurance_number": "AB123456C", "evidence": shown});
        let with = rig.patch(&agent, &id, &body).await;
        assert_eq!((with.status, &with.body["personal"]["birth"]), (StatusCode::OK, &json!("1984-07-24")));
        let future = rig.patch(&agent, &id, &json!({"birth": "2027-01-01", "evidence": shown})).await;
        assert_eq!(future.status, StatusCode::BAD_REQUEST);
    }

    /// A name changes with a reason and a document; the person is found under both, and the history tells which was when.
    async fn names_change_with_evidence(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let id = rig.make(&agent, &new_person("Ann", "Example", "1984-07-23", "123456789")).await;
        let body = json!({"name": {"given": "Ann", "family": "Sample"}, "reason": "marriage"});
        assert_eq!(rig.act(&agent, &id, "names", &body).await.status, StatusCode::BAD_REQUEST);
        let certificate = json!({"document": "marriage-certificate", "issuer": "Leeds", "method": "f2f"});
        let mut with = body.clone();
        with["evidence"] = certificate;
        let renamed = rig.act(&agent, &id, "names", &with).await;
        assert_eq!((renamed.status, &renamed.body["name"]["family"]), (StatusCode::OK, &json!("Sample")), "{:?}", renamed.body);
        assert_eq!(rig.act(&agent, &id, "names", &with).await.status, StatusCode::BAD_REQUEST);
        for name in ["exam", "sample"] {
            assert_eq!(found(&rig.get(&agent, &format!("/directory/people?name={name}")).await), [id.to_string()]);
        }
        let history = rig.get(&agent, &format!("/directory/people/{id}/history")).await;
        let names = &history.body["names"];
        assert_eq!((&names[0]["name"]["family"], &names[0]["reason"]), (&json!("Sample"), &json!("marriage")));
        assert_eq!((&names[1]["name"]["family"], &names[1]["reason"]), (&json!("Example"), &json!("registered")));
        let acts: Vec<&str> = history.body["acts"].as_array().unwrap().iter().map(|act| act["act"].as_str().unwrap()).collect();
        assert_eq!(acts, ["person-renamed", "person-created"]);
        assert!(!history.body["acts"].to_string().contains("Sample"));
    }

    /// A second record of somebody is refused with who they may be and why, until somebody has looked.
    async fn possible_duplicates_are_shown(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let mut ann = new_person("Ann", "Smith", "1984-07-03", "123456789");
        ann["registrations"] = json!([{"body": "GMC", "number": "1234567"}]);
        let ann = rig.make(&agent, &ann).await;
        for (body, reasons) in [
            (new_person("Ann", "Smith", "1984-07-03", "111111111"), json!(["name-and-birth"])),
            (new_person("Smith", "Ann", "1984-07-03", "111111111"), json!(["swapped-name-and-birth"])),
            (new_person("Anne", "Smyth", "1984-07-03", "111111111"), json!(["sound-and-birth"])),
            (new_person("Ann", "Smith", "1984-03-07", "111111111"), json!(["swapped-birth"])),
            (new_person("Joan", "Brown", "1990-01-02", "123 456 789"), json!(["document"])),
        ] {
            let refused = rig.post(&agent, "/directory/people", &body).await;
            assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "possible-duplicate"), "{reasons}");
            assert_eq!(refused.headers["content-type"], "application/problem+json");
            let candidate = &refused.body["candidates"][0];
            assert_eq!((&candidate["user_id"], &candidate["reasons"]), (&json!(ann.as_str()), &reasons));
        }
        // The same day of birth alone, or a name alone, is nobody's.
        rig.make(&agent, &new_person("Joan", "Brown", "1984-07-03", "222222222")).await;
        rig.make(&agent, &new_person("Ann", "Smith", "1970-01-01", "333333333")).await;
        let mut looked = new_person("Ann", "Smith", "1984-07-03", "444444444");
        looked["looked_at"] = json!([ann]);
        let namesake = rig.make(&agent, &looked).await;
        assert_ne!(namesake, ann);
        // Looking does not give away a registration.
        let mut taken = new_person("Eve", "Green", "1991-01-02", "555555555");
        taken["looked_at"] = json!([ann]);
        taken["registrations"] = json!([{"body": "GMC", "number": "1234567"}]);
        assert_eq!(rig.post(&agent, "/directory/people", &taken).await.code(), "registration-taken");
        assert_eq!(found(&rig.get(&agent, "/directory/people?name=green").await), [] as [String; 0]);
    }

    /// What is wrong with a new profile is said, and nothing of it is made.
    async fn bad_profiles_are_refused(db: Db) {
        let rig = Rig::new(db.clone());
        let agent = staff(&db, 900, Some("ra-agent"), "RXX").await;
        let good = new_person("Ann", "Example", "1984-07-23", "123456789");
        for (member, value) in [
            ("birth", json!("2027-01-01")),
            ("birth", json!("1984-02-30")),
            ("birth", json!("23/07/1984")),
            ("birth", json!("1900-01-01")),
            ("name", json!({"given": "", "family": "Example"})),
            ("name", json!({"given": "A\u{202e}nn", "family": "Example"})),
            ("evidence", json!([])),
            ("evidence", json!([{"document": "passport", "issuer": "GB", "method": "f2f"}])),
            ("national_insurance_number", json!("QQ123456C")),
            ("emails", json!(["nobody"])),
            ("mobiles", json!(["020 7946 0123"])),
            ("registrations", json!([{"body": "GMC", "number": "12"}])),
            ("organisation", json!("RXX")),
            ("label", json!("Night desk")),
            ("nonsense", json!(1)),
        ] {
            let mut bad = good.clone();
            bad[member] = value.clone();
            let refused = rig.post(&agent, "/directory/people", &bad).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{member}: {value}");
        }
        assert_eq!(found(&rig.get(&agent, "/directory/people?name=exam").await), [] as [String; 0]);
        let mut own = good.clone();
        own["evidence"] = documents("123456789");
        own["evidence"][0]["checker"] = json!("000000000013");
        assert_eq!(rig.post(&agent, "/directory/people", &own).await.status, StatusCode::BAD_REQUEST);
    }
}
