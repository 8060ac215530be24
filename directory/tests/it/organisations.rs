//! Organisations over HTTP: found, read, made, hosted.

use std::collections::BTreeSet;

use directory::api::{ACT, CHANGES, OPERATE, READ};
use directory::organisation::Mode;
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use serde_json::{Value, json};

use crate::organisation_import::{bring, bring_text, organisation, release};
use crate::release::{Release, code};
use crate::rig::{Answered, Rig, person, system};

fn codes(answer: &Answered) -> Vec<&str> {
    let items = answer.body["items"].as_array().unwrap();
    items.iter().map(|item| item["ods"].as_str().unwrap()).collect()
}

/// Every code of a list, read in parts of this size; each part but the last is full.
async fn all(rig: &Rig, caller: &Caller, path: &str, limit: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut after = String::new();
    loop {
        let part = rig.get(caller, &format!("{path}limit={limit}{after}")).await;
        assert_eq!(part.status, StatusCode::OK, "{}", part.body);
        found.extend(codes(&part).into_iter().map(str::to_owned));
        match part.body["next"].as_str() {
            Some(next) => {
                assert_eq!(codes(&part).len(), limit);
                after = format!("&after={next}");
            }
            None => return found,
        }
    }
}

platform::both_engines! {
    /// Organisations are found by name, code, role, status, postcode and relationship, page by page, each once.
    async fn organisations_are_found(db: Db) {
        let rig = Rig::new(db);
        bring(&rig, Release { records: 120, edition: 1 }, Mode::Apply).await.unwrap();
        let text = release("2026-02-28", &organisation("RXX", "St. Mary's  Trust", "Inactive", ""));
        bring_text(&rig, &text, Mode::Apply).await.unwrap();
        let reader = system("reader", &[READ]);
        let base = "/directory/organisations?";

        let everything = all(&rig, &reader, base, 50).await;
        assert_eq!(everything.len(), 121);
        assert_eq!(everything.iter().collect::<BTreeSet<_>>().len(), 121);
        assert!(everything.is_sorted());
        // 1, 10 to 19, 100 to 120: names begin with the number.
        assert_eq!(all(&rig, &reader, "/directory/organisations?name=surgery%201&", 5).await.len(), 32);
        let named = rig.get(&reader, "/directory/organisations?name=ST%20MARYS").await;
        assert_eq!(codes(&named), ["RXX"]);
        assert_eq!(named.body["items"][0]["name"], "St. Mary's Trust");
        assert_eq!(all(&rig, &reader, "/directory/organisations?role=ro76&", 7).await.len(), 120);
        assert_eq!(all(&rig, &reader, "/directory/organisations?role=RO76&name=surgery%2011&", 4).await.len(), 11);
        assert_eq!(codes(&rig.get(&reader, "/directory/organisations?status=inactive").await), ["RXX"]);
        assert_eq!(codes(&rig.get(&reader, "/directory/organisations?code=%20g%200000007").await), ["G0000007"]);
        let near = rig.get(&reader, "/directory/organisations?postcode=ls1%201").await;
        let expected: Vec<String> = (1..=120u64)
            .filter(|number| format!("LS{}{}AP", number % 29, number % 9).starts_with("LS11"))
            .map(code)
            .collect();
        assert_eq!((codes(&near), expected.len()), (expected.iter().map(String::as_str).collect(), 5));
        assert!(codes(&rig.get(&reader, "/directory/organisations?name=nobody").await).is_empty());

        // Every third is operated by the one with a fiftieth of its number.
        let below = all(&rig, &reader, "/directory/organisations/G0000001/children?relationship=re6&", 6).await;
        assert_eq!((below.len(), below[0].as_str()), (17, "G0000051"));
        assert!(all(&rig, &reader, "/directory/organisations/G0000001/children?", 6).await.is_empty());

        for bad in ["name=-", "limit=0", "limit=501", "after=%21", "code=R!", "status=open", "colour=red", "postcode="] {
            let answer = rig.get(&reader, &format!("{base}{bad}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}: {}", answer.body);
        }
    }

    /// One organisation is read with all that belongs to it, by a code as people type it, and only by who may.
    async fn organisation_is_read_whole(db: Db) {
        let rig = Rig::new(db);
        bring(&rig, Release { records: 20, edition: 1 }, Mode::Apply).await.unwrap();
        let reader = system("reader", &[READ]);
        let one = rig.get(&reader, "/directory/organisations/%20g00%2000015").await;
        assert_eq!((one.status, one.etag()), (StatusCode::OK, "\"1\"".to_owned()));
        insta::with_settings!({sort_maps => true}, { insta::assert_json_snapshot!("organisation", one.body) });
        assert_eq!(rig.get(&reader, "/directory/organisations/RZZ").await.status, StatusCode::NOT_FOUND);
        assert_eq!(rig.get(&reader, "/directory/organisations/RZZ/children").await.status, StatusCode::NOT_FOUND);
        assert_eq!(rig.get(&reader, "/directory/organisations/R!").await.status, StatusCode::BAD_REQUEST);
        // A person with two factors finds organisations; with one, or without the act, nobody does.
        let somebody = person("555021942107");
        assert_eq!(rig.get(&somebody, "/directory/organisations/G0000015").await.status, StatusCode::OK);
        let mut weak = somebody.clone();
        weak.assurance = Some("aal1".to_owned());
        assert_eq!(rig.get(&weak, "/directory/organisations/G0000015").await.code(), "assurance-too-low");
        let mut none = somebody.clone();
        none.acts.remove(ACT.0);
        let stranger = system("stranger", &[CHANGES]);
        for caller in [&none, &stranger] {
            assert_eq!(rig.get(caller, "/directory/organisations/G0000015").await.code(), "act-not-granted");
            assert_eq!(rig.get(caller, "/directory/organisations").await.code(), "act-not-granted");
            assert_eq!(rig.get(caller, "/directory/organisations/G0000015/children").await.code(), "act-not-granted");
        }
    }

    /// An operator makes a virtual organisation once; nobody else does, and nonsense is refused with what to do.
    async fn virtual_organisation_is_made_once(db: Db) {
        let rig = Rig::new(db);
        let operator = system("desk", &[OPERATE, READ]);
        let asked = json!({"ods": " fff ff", "name": " National  locum pharmacy", "primary_role": "RO182",
            "address": {"lines": ["1 High Street"], "town": "Leeds", "postcode": "LS1 4AP"},
            "contacts": [{"kind": "tel", "value": "0113 496 0000"}]});
        let key = [("idempotency-key", "one")];
        let path = "/directory/organisations";
        let made = rig.send(&operator, Method::POST, path, &key, Some(&asked)).await;
        assert_eq!((made.status, made.etag()), (StatusCode::CREATED, "\"1\"".to_owned()));
        assert_eq!(made.headers["location"], "/directory/organisations/FFFFF");
        assert_eq!(made.body["operational"], json!({"from": "2026-11-24"}));
        let again = rig.send(&operator, Method::POST, path, &key, Some(&asked)).await;
        assert_eq!((again.status, &again.body), (StatusCode::CREATED, &made.body));
        assert_eq!(rig.get(&operator, "/directory/organisations/FFFFF").await.body, made.body);
        assert_eq!(rig.post(&operator, path, &asked).await.code(), "code-taken");
        let events: Vec<(String,)> =
            sqlx::query_as("SELECT name FROM audit_event").fetch_all(rig.db.read()).await.unwrap();
        assert_eq!(events, [("organisation-created".to_owned(),)]);

        let refuse = async |change: Value, code: &str| {
            let mut body = json!({"ods": "VIRT1", "name": "Virtual one", "primary_role": "RO182"});
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let answer = rig.post(&operator, path, &body).await;
            assert_eq!(answer.code(), code, "{body}: {}", answer.body);
        };
        refuse(json!({"ods": "V!"}), "field-invalid").await;
        refuse(json!({"name": " - "}), "field-invalid").await;
        refuse(json!({"primary_role": "pharmacy"}), "field-invalid").await;
        refuse(json!({"ra_host": "RZZ"}), "field-invalid").await;
        refuse(json!({"address": {"lines": [""]}}), "field-invalid").await;
        refuse(json!({"colour": "red"}), "json-invalid").await;
        assert_eq!(rig.get(&operator, "/directory/organisations/VIRT1").await.status, StatusCode::NOT_FOUND);
        let reader = system("reader", &[READ]);
        assert_eq!(rig.post(&reader, path, &asked).await.status, StatusCode::FORBIDDEN);
        let manager = person("555021942107");
        assert_eq!(rig.post(&manager, path, &asked).await.status, StatusCode::FORBIDDEN);
    }

    /// Hosts make a tree at most eight deep without circles; a closed organisation hosts nobody; a lost update is refused.
    async fn hosts_make_a_tree(db: Db) {
        let rig = Rig::new(db);
        let mut all: String = (1..=10).map(|number| organisation(&format!("RX{number:02}"), "TRUST", "Active", "")).collect();
        all.push_str(&organisation("RXZ", "CLOSED TRUST", "Inactive", ""));
        bring_text(&rig, &release("2026-07-28", &all), Mode::Apply).await.unwrap();
        let operator = system("desk", &[OPERATE, READ]);
        let host = async |ods: &str, host: Option<&str>, tag: &str| {
            let path = format!("/directory/organisations/{ods}/ra-host");
            rig.send(&operator, Method::PUT, &path, &[("if-match", tag)], Some(&json!({"host": host}))).await
        };
        // 9 below 8 below … below 1: eight hosts over the last.
        for number in 2..=9 {
            let (ods, above) = (format!("rx{number:02}"), format!("rx{:02}", number - 1));
            assert_eq!(host(&ods, Some(&above), "\"1\"").await.status, StatusCode::OK, "{number}");
        }
        assert_eq!(host("RX10", Some("RX09"), "\"1\"").await.code(), "hosts-too-deep");
        assert_eq!(host("RX01", Some("RX10"), "\"1\"").await.code(), "hosts-too-deep");
        let circle = host("RX01", Some("RX03"), "*").await;
        assert_eq!(circle.code(), "hosts-in-a-circle");
        assert!(circle.body["detail"].as_str().unwrap().contains("RX03, which is hosted by RX02"), "{}", circle.body);
        assert_eq!(host("RX01", Some("RX01"), "*").await.code(), "hosts-in-a-circle");
        assert_eq!(host("RX10", Some("RXZ"), "*").await.code(), "host-closed");
        assert_eq!(host("RX10", Some("RZZ"), "*").await.code(), "field-invalid");
        assert_eq!(host("RZZ", Some("RX01"), "*").await.status, StatusCode::NOT_FOUND);
        assert_eq!(host("RX02", None, "\"1\"").await.code(), "changed");
        let path = "/directory/organisations/RX02/ra-host";
        let bare = rig.send(&operator, Method::PUT, path, &[], Some(&json!({"host": null}))).await;
        assert_eq!(bare.status, StatusCode::PRECONDITION_REQUIRED);
        let reader = system("reader", &[READ]);
        let mine = rig.send(&reader, Method::PUT, path, &[("if-match", "*")], Some(&json!({"host": null}))).await;
        assert_eq!(mine.status, StatusCode::FORBIDDEN);

        // Nothing of what was refused is there; what is taken away is gone, and the rest hangs lower.
        let hosted = rig.get(&operator, "/directory/organisations/RX10").await;
        assert_eq!((hosted.body["ra_host"].as_str(), hosted.etag()), (None, "\"1\"".to_owned()));
        assert_eq!(codes(&rig.get(&operator, "/directory/organisations/RX01/children").await), ["RX02"]);
        assert_eq!(host("RX02", None, "\"2\"").await.etag(), "\"3\"");
        assert!(codes(&rig.get(&operator, "/directory/organisations/RX01/children").await).is_empty());
        assert_eq!(host("RX10", Some("RX09"), "\"1\"").await.status, StatusCode::OK);
        let found = rig.get(&operator, "/directory/organisations?ra_host=RX09").await;
        assert_eq!(codes(&found), ["RX10"]);
        let told: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM directory_change WHERE kind = 'organisation-changed'")
            .fetch_one(rig.db.read()).await.unwrap();
        assert_eq!(told, 11 + 8 + 2);
    }
    /// A virtual organisation is changed and closed by an operator, once and for good; a national one, one that hosts others
    /// and one in which something is given are not.
    async fn virtual_organisations_change_and_close(db: Db) {
        let rig = Rig::new(db);
        let operator = system("operator", &[OPERATE, READ]);
        let text = release("2026-02-28", &organisation("RXX", "Trust", "Active", ""));
        bring_text(&rig, &text, Mode::Apply).await.unwrap();
        for (ods, host) in [("XV1", None), ("XV2", Some("XV1"))] {
            let new = json!({"ods": ods, "name": ods, "primary_role": "RO182", "ra_host": host});
            assert_eq!(rig.post(&operator, "/directory/organisations", &new).await.status, StatusCode::CREATED);
        }
        let change = async |caller: &Caller, ods: &str, tag: &str, body: Value| {
            rig.send(caller, Method::PATCH, &format!("/directory/organisations/{ods}"), &[("if-match", tag)], Some(&body)).await
        };
        let close = async |ods: &str, tag: &str| {
            let (path, body) = (format!("/directory/organisations/{ods}/close"), json!({"reason": "Over"}));
            rig.send(&operator, Method::POST, &path, &[("if-match", tag)], Some(&body)).await
        };
        let changed = change(&operator, "xv1", "\"1\"", json!({"name": " New  name ", "contacts": [{"kind": "tel", "value": "0113 496 0000"}]})).await;
        assert_eq!((changed.status, changed.etag().as_str(), &changed.body["name"]), (StatusCode::OK, "\"2\"", &json!("New name")));
        let again = change(&operator, "XV1", "\"2\"", json!({"address": {"town": "LEEDS"}})).await;
        assert_eq!((&again.body["name"], &again.body["contacts"][0]["value"]), (&json!("New name"), &json!("0113 496 0000")), "what is left out stays");
        assert_eq!(codes(&rig.get(&operator, "/directory/organisations?name=new").await), ["XV1"]);
        assert_eq!(change(&operator, "XV1", "\"2\"", json!({"name": "Old"})).await.code(), "changed");
        assert_eq!(change(&operator, "XV1", "*", json!({"name": "--"})).await.code(), "field-invalid");
        assert_eq!(change(&operator, "RXX", "*", json!({"name": "Ours"})).await.code(), "organisation-national");
        assert_eq!(change(&operator, "XV9", "*", json!({})).await.status, StatusCode::NOT_FOUND);
        assert_eq!(change(&system("reader", &[READ]), "XV1", "*", json!({})).await.status, StatusCode::FORBIDDEN);

        assert_eq!(close("XV1", "*").await.code(), "hosts-others");
        assert_eq!(close("RXX", "*").await.code(), "organisation-national");
        crate::people_rig::assign(&rig.db, &"000000000013".parse().unwrap(), None, "XV2", "2026-01-01").await;
        assert_eq!(close("XV2", "*").await.code(), "positions-open");
        crate::people_rig::execute(&rig.db, "UPDATE directory_position SET state = 'closed'", Vec::new()).await;
        assert_eq!(close("XV2", "\"9\"").await.code(), "changed");
        let closed = close("XV2", "*").await;
        assert_eq!((closed.status, &closed.body["status"], &closed.body["operational"]["to"]), (StatusCode::OK, &json!("inactive"), &json!("2026-11-24")), "{:?}", closed.body);
        assert_eq!(closed.body["roles"][0]["status"], "inactive");
        assert_eq!(close("XV2", "*").await.code(), "organisation-closed");
        assert_eq!(change(&operator, "XV2", "*", json!({"name": "Back"})).await.code(), "organisation-closed");
        assert_eq!(close("XV1", "*").await.status, StatusCode::OK, "whom it hosts is closed");
        let events: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM audit_event WHERE name IN ('organisation-changed', 'organisation-closed')")
            .fetch_one(rig.db.read()).await.unwrap();
        assert_eq!(events, 2 + 2);
    }
}
