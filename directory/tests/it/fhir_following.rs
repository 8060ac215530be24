//! What has changed of a kind over FHIR, from a place of the change feed on.

use std::time::Duration;

use directory::Config;
use directory::api::LOOK_UP;
use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use crate::people_rig::execute;
use crate::rig::{Answered, Rig, system};
use crate::systems::{accredited, handling, keeper, register};
use crate::versions::{ORGANISATIONS, RELATED, SPINE, WORKERS, ask, bring, larkfield, strict};
use crate::workers::with_doctor;
use crate::world::{MANAGER, who};

/// How each resource came to be as it is, in the order of their ids.
fn told(answer: &Answered) -> Vec<(String, String)> {
    assert_eq!((answer.status, &answer.body["type"]), (StatusCode::OK, &json!("history")), "{}", answer.body);
    let of = |entry: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let id = text(&entry["fullUrl"]).rsplit_once('/').unwrap().1.to_owned();
        let method = text(&entry["request"]["method"]);
        assert_eq!(entry["resource"].is_null(), method == "DELETE", "{entry}");
        (id, method)
    };
    let mut all: Vec<_> = answer.body["entry"].as_array().into_iter().flatten().map(of).collect();
    all.sort_unstable();
    all
}

/// Where to go on.
fn next(answer: &Answered) -> String {
    let link = &answer.body["link"][1];
    assert_eq!((answer.status, &link["relation"]), (StatusCode::OK, &json!("next")), "{}", answer.body);
    link["url"].as_str().unwrap().strip_prefix("https://directory.example").unwrap().to_owned()
}

fn one(id: &str, method: &str) -> (String, String) {
    (id.to_owned(), method.to_owned())
}

async fn change(rig: &Rig, id: &str, tag: &str, content: &Value) {
    let path = format!("/directory/systems/{id}");
    let done = rig.send(&keeper(), Method::PUT, &path, &[("if-match", tag)], Some(content)).await;
    assert!(done.status.is_success(), "{:?}", done.body);
}

platform::both_engines! {
    /// Who follows devices or endpoints is told of each that has changed once, as it is; what was withdrawn is deleted, and so is an
    /// address that went. What is of the other kind is passed over, and where only the models are wanted there is nothing of it.
    async fn systems_are_followed(db: Db) {
        let rig = Rig::new(db);
        let [devices, endpoints] = ["Device", "Endpoint"].map(|kind| format!("{SPINE}/{kind}/_history"));
        let before = register(&rig, &accredited("RZZ")).await;
        let (begun, begun_too) = (ask(&rig, &devices).await, ask(&rig, &endpoints).await);
        assert!(told(&begun).is_empty() && told(&begun_too).is_empty(), "who begins reads everything first");
        let asid = register(&rig, &accredited("RXX")).await;
        let gone = register(&rig, &accredited("RYY")).await;
        let mut content = handling("RXX", "https://one.example/");
        content["endpoints"] = json!(["https://one.example/", "https://two.example/"]);
        let mhs = register(&rig, &content).await;
        let removed = rig.send(&keeper(), Method::DELETE, &format!("/directory/systems/{gone}"), &[("if-match", "*")], None).await;
        assert!(removed.status.is_success(), "{:?}", removed.body);

        let news = ask(&rig, &next(&begun)).await;
        assert_eq!(told(&news), [one(&asid, "POST"), one(&gone, "DELETE")], "and nothing of {before}");
        assert!(told(&ask(&rig, &next(&news)).await).is_empty(), "each is told once");
        let news = ask(&rig, &next(&begun_too)).await;
        let both = told(&news);
        assert!(both.len() == 2 && both.iter().all(|one| one.0.starts_with(&format!("{mhs}.h")) && one.1 == "POST"), "{both:?}");

        content["endpoints"] = json!(["https://two.example/", "https://three.example/"]);
        change(&rig, &mhs, "\"1\"", &content).await;
        let news = ask(&rig, &next(&news)).await;
        let methods: Vec<String> = told(&news).into_iter().map(|one| one.1).collect();
        assert_eq!((methods.iter().filter(|one| *one == "DELETE").count(), methods.len()), (1, 3), "{}", news.body);
        let kept = both.iter().filter(|one| told(&news).contains(&(one.0.clone(), "PUT".to_owned()))).count();
        assert_eq!(kept, 1, "the address that stays keeps its id");
        for entry in news.body["entry"].as_array().unwrap().iter().filter(|entry| !entry["resource"].is_null()) {
            let read = ask(&rig, &format!("{SPINE}/Endpoint/{}", entry["resource"]["id"].as_str().unwrap())).await;
            assert_eq!(read.body, entry["resource"], "it is what is read");
        }

        assert_eq!(ask(&rig, &format!("{devices}?_cursor=999999")).await.status, StatusCode::GONE, "it was never told");
        assert_eq!(ask(&rig, &format!("{devices}?_cursor=x")).await.status, StatusCode::BAD_REQUEST);
        let all = ask(&rig, &format!("{devices}?_cursor=0&_count=500")).await;
        assert_eq!(told(&all).len(), 3);
        let other = system("other", &[]);
        assert_eq!(rig.send(&other, Method::GET, &devices, &[], None).await.status, StatusCode::FORBIDDEN);
        assert_eq!(ask(&strict(&rig), &devices).await.status, StatusCode::NOT_FOUND);
    }

    /// Where a feed was restored from a copy, and told something else under the same number since, whoever followed what was before begins anew; a
    /// number that was kept by itself is taken as it was.
    async fn restored_feeds_are_begun_anew(db: Db) {
        let (world, _) = with_doctor(db.clone(), Config::default()).await;
        let rig = &world.rig;
        let feeds = [
            format!("{SPINE}/Device/_history"), format!("{SPINE}/Endpoint/_history"), format!("{ORGANISATIONS}/Organization/_history"),
            format!("{ORGANISATIONS}/OrganizationAffiliation/_history"), format!("{WORKERS}/Practitioner/_history"), format!("{WORKERS}/PractitionerRole/_history"),
        ];
        let mut begun = Vec::new();
        for feed in &feeds {
            begun.push(next(&ask(rig, feed).await));
        }
        let asid = register(rig, &accredited("RXX")).await;
        let mut followed = Vec::new();
        for address in &begun {
            let news = ask(rig, address).await;
            followed.push(next(&news));
            let is_of_devices = address.contains("/Device/");
            assert_eq!(told(&news), if is_of_devices { vec![one(&asid, "POST")] } else { Vec::new() }, "{address}");
        }
        for address in &followed {
            assert!(told(&ask(rig, address).await).is_empty(), "nothing has changed since: {address}");
        }
        execute(&db, "UPDATE directory_change SET at = at + 1", Vec::new()).await;
        for address in begun.iter().chain(&followed) {
            let answer = ask(rig, address).await;
            assert_eq!(answer.status, StatusCode::GONE, "{address}: {}", answer.body);
            assert!(answer.body["entry"].is_null(), "{}", answer.body);
        }
        for (feed, address) in feeds.iter().zip(&followed) {
            let anew = next(&ask(rig, feed).await);
            assert_ne!(anew, *address);
            assert!(told(&ask(rig, &anew).await).is_empty(), "{feed}");
            // As links had it before they had the time.
            let (number, rest) = address.split_once("_cursor=").unwrap().1.split_once('.').unwrap();
            let day = rest.split_once('.').map_or(String::new(), |(_, day)| format!(".{day}"));
            assert!(told(&ask(rig, &format!("{feed}?_cursor={number}{day}")).await).is_empty(), "{feed}");
        }
    }

    /// Who follows relationships is told of those of each organisation that has changed, and of those that it has no more.
    async fn relationships_are_followed(db: Db) {
        let rig = Rig::new(db);
        bring(&rig, "2024-03-01", &larkfield("LARKFIELD", "2024-02-01", "", "")).await;
        let feed = format!("{ORGANISATIONS}/OrganizationAffiliation/_history");
        let begun = ask(&rig, &feed).await;
        assert!(told(&begun).is_empty());
        bring(&rig, "2024-04-01", &larkfield("LARKFIELD", "2024-03-15", "", RELATED)).await;
        let news = ask(&rig, &next(&begun)).await;
        assert_eq!(told(&news), [one("256248", "PUT")]);
        let read = ask(&rig, &format!("{ORGANISATIONS}/OrganizationAffiliation/256248")).await;
        let version = |resource: &Value| resource["meta"]["versionId"].as_str().map(str::to_owned);
        assert_eq!(version(&news.body["entry"][0]["resource"]), version(&read.body));
        bring(&rig, "2024-05-01", &larkfield("LARKFIELD", "2024-04-15", "", "")).await;
        let last = ask(&rig, &next(&news)).await;
        assert_eq!(told(&last), [one("256248", "DELETE")]);
        assert!(told(&ask(&rig, &next(&last)).await).is_empty());
        assert_eq!(ask(&strict(&rig), &feed).await.status, StatusCode::NOT_FOUND);
    }

    /// Who follows roles is told of those of somebody who has changed, and of one that ends on a day without anybody's doing; whoever
    /// is shown is in the record. Without the right to read people nobody is told anything.
    async fn roles_are_followed(db: Db) {
        let (world, ann) = with_doctor(db, Config::default()).await;
        let rig = &world.rig;
        let feed = format!("{WORKERS}/PractitionerRole/_history");
        let begun = ask(rig, &feed).await;
        assert!(told(&begun).is_empty());
        assert!(told(&ask(rig, &next(&begun)).await).is_empty(), "nothing has changed");
        let day = next(&begun).rsplit_once('.').unwrap().1.to_owned();
        let recorded = world.recorded("workers-shown").await;
        let shown = json!({"document": "deed-poll", "issuer": "Leeds", "method": "f2f"});
        let name = json!({"name": {"given": "Ann", "family": "Example"}, "reason": "deed-poll", "evidence": shown});
        let renamed = rig.act(&who(MANAGER), &ann.parse().unwrap(), "names", &name).await;
        assert_eq!(renamed.status, StatusCode::OK, "{:?}", renamed.body);
        let all = ask(rig, &next(&begun)).await;
        let roles = told(&all);
        assert_eq!((roles.len(), roles.iter().all(|one| one.1 == "PUT")), (2, true), "{}", all.body);
        assert_eq!(world.recorded("workers-shown").await, recorded + 1);
        let person = format!("Practitioner/{ann}");
        assert!(all.body["entry"].as_array().unwrap().iter().all(|entry| entry["resource"]["practitioner"]["reference"] == person));

        rig.hand.advance(Duration::from_hours(24));
        let day_before = ask(rig, &next(&all)).await;
        assert!(told(&day_before).is_empty(), "it is used until tomorrow");
        rig.hand.advance(Duration::from_hours(24));
        let found = ask(rig, &format!("{WORKERS}/PractitionerRole?practitioner.identifier={ann}")).await;
        assert_eq!(found.body["total"], 1, "of its last day on it is not found");
        let news = ask(rig, &next(&day_before)).await;
        let methods: Vec<String> = told(&news).into_iter().map(|one| one.1).collect();
        assert_eq!(methods.iter().filter(|one| *one == "DELETE").count(), 1, "{}", news.body);
        assert_eq!((methods.len(), told(&news).iter().all(|one| roles.iter().any(|known| known.0 == one.0))), (2, true));
        assert!(told(&ask(rig, &next(&news)).await).is_empty(), "the day is told once");
        rig.hand.advance(Duration::from_hours(24));
        assert!(told(&ask(rig, &next(&news)).await).is_empty(), "and nothing ends with the day after");

        for bad in ["_cursor=7", "_cursor=x.2026-11-24", "_cursor=1.soon", "_cursor=1.x.2026-11-24", "_cursor=1.5"] {
            assert_eq!(ask(rig, &format!("{feed}?{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
        }
        assert_eq!(ask(rig, &format!("{feed}?_cursor=999999.{day}")).await.status, StatusCode::GONE);
        let other = system("other", &[LOOK_UP]);
        assert_eq!(rig.send(&other, Method::GET, &feed, &[], None).await.status, StatusCode::FORBIDDEN);
        assert_eq!(ask(&strict(rig), &feed).await.body, "", "there is none in the model");
    }
}
