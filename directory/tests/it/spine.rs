//! The Spine Directory Service's FHIR API: what is found, how it is told, and every refusal.

use std::collections::BTreeMap;

use directory::api::{LOOK_UP, READ};
use directory::{Config, SpineConfig};
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{Answered, Rig, system};
use crate::systems::{accredited, handling, keeper, register};

const BASE: &str = "/spine-directory/FHIR/R4";
const ORGANISATION: &str = "organization=https://fhir.nhs.uk/Id/ods-organization-code%7C";
const INTERACTION: &str = "identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId%7Curn:nhs:names:services:pds:QUPA_IN000006UK02";
const PARTY: &str = "identifier=https://fhir.nhs.uk/Id/nhsMhsPartyKey%7C";

fn client() -> Caller {
    system("pas", &[LOOK_UP])
}

async fn ask(rig: &Rig, path: &str) -> Answered {
    rig.send(&client(), Method::GET, &format!("{BASE}{path}"), &[("host", "directory.example")], None).await
}

/// The code of an outcome: FHIR's, then the Spine's.
fn codes(answer: &Answered) -> (u16, String, String) {
    let issue = &answer.body["issue"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    assert_eq!(answer.body["resourceType"], "OperationOutcome", "{}", answer.body);
    assert_eq!(answer.headers["x-correlation-id"], answer.body["id"].as_str().unwrap());
    (answer.status.as_u16(), text(&issue["code"]), text(&issue["details"]["coding"][0]["code"]))
}

/// The addresses of endpoints by their ids.
async fn addresses(rig: &Rig) -> BTreeMap<String, String> {
    let found = ask(rig, &format!("/Endpoint?{ORGANISATION}RXX&{PARTY}RXX-0000001")).await;
    let entries = found.body["entry"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    entries.iter().map(|one| (text(&one["resource"]["id"]), text(&one["resource"]["address"]))).collect()
}

platform::both_engines! {
    /// Devices and endpoints are found by every combination that is enough, blanks and case aside, in a Bundle as it should be.
    async fn systems_are_told(db: Db) {
        let rig = Rig::new(db);
        rig.keep_model();
        let asid = register(&rig, &accredited("RXX")).await;
        register(&rig, &accredited("RYY")).await;
        register(&rig, &handling("RXX", "https://mhs.example.nhs.uk/")).await;
        let path = format!("/Device?{ORGANISATION}RXX&{INTERACTION}");
        let found = ask(&rig, &path).await;
        assert_eq!((found.status, &found.headers["content-type"]), (StatusCode::OK, &"application/fhir+json".parse().unwrap()));
        let body = &found.body;
        assert_eq!((body["type"].as_str(), body["total"].as_i64()), (Some("searchset"), Some(1)), "{body}");
        let own = format!("https://directory.example{BASE}{}", path.replace("%7C", "|"));
        assert_eq!((body["link"][0]["relation"].as_str(), body["link"][0]["url"].as_str()), (Some("self"), Some(own.as_str())));
        let entry = &body["entry"][0];
        let id = entry["resource"]["id"].as_str().unwrap();
        assert_eq!(entry["fullUrl"], format!("https://directory.example{BASE}/Device/{id}"));
        assert_eq!((entry["search"]["mode"].as_str(), id.to_uppercase().as_str()), (Some("match"), id));
        assert_eq!(entry["resource"]["identifier"][0]["value"], asid);
        assert_eq!(entry["resource"]["owner"]["identifier"]["value"], "RXX01");
        assert_eq!(ask(&rig, &path).await.body["entry"], body["entry"], "ids stay");
        let total = |path: String| {
            let rig = &rig;
            async move { ask(rig, &path).await.body["total"].as_i64() }
        };
        assert_eq!(total(format!("/Device?{ORGANISATION}%20rxx%20&{INTERACTION}&{PARTY}RXX-0000001")).await, Some(1));
        assert_eq!(total(format!("/Device?{ORGANISATION}RXX&{INTERACTION}&{PARTY}other")).await, Some(0));
        assert_eq!(total(format!("/Device?{ORGANISATION}RXX&{INTERACTION}&manufacturing-{ORGANISATION}YGM")).await, Some(1));
        assert_eq!(total(format!("/Endpoint?{ORGANISATION}RXX&{INTERACTION}")).await, Some(1));
        assert_eq!(total(format!("/Endpoint?{PARTY}RXX-0000001&{INTERACTION}")).await, Some(1));
        assert_eq!(total(format!("/Endpoint?{ORGANISATION}RXX&{PARTY}RXX-0000001")).await, Some(1));
        let none = ask(&rig, &format!("/Endpoint?{ORGANISATION}RZZ&{INTERACTION}")).await;
        assert_eq!((none.body["total"].as_i64(), none.body["entry"].as_array().map(Vec::len)), (Some(0), Some(0)));
    }

    /// Every refusal is an outcome with its codes and the id of the request.
    async fn refusals_are_outcomes(db: Db) {
        let rig = Rig::new(db);
        let good = format!("/Device?{ORGANISATION}RXX&{INTERACTION}");
        let expected = |status, issue: &str, spine: &str| (status, issue.to_owned(), spine.to_owned());
        for bad in ["/Device", "/Endpoint", &format!("/Device?{ORGANISATION}RXX"), &format!("{good}&colour=red"), &format!("{good}&use_cpm=x")] {
            assert_eq!(codes(&ask(&rig, bad).await), expected(400, "required", "BAD_REQUEST"), "{bad}");
        }
        for unknown in ["/Patient", "/device", "/Device/1", "/Endpoint/200000000149"] {
            assert_eq!(codes(&ask(&rig, unknown).await), expected(404, "not-found", "NO_RECORD_FOUND"), "{unknown}");
        }
        let posted = rig.send(&client(), Method::DELETE, &format!("{BASE}{good}"), &[], None).await;
        assert_eq!(codes(&posted), expected(405, "not-supported", "NOT_IMPLEMENTED"));
        assert_eq!(posted.headers["allow"], "GET");
        let with = |name: &'static str, value: &'static str| {
            let (rig, path) = (&rig, format!("{BASE}{good}"));
            async move { rig.send(&client(), Method::GET, &path, &[(name, value)], None).await }
        };
        assert_eq!(codes(&with("accept", "application/fhir+xml").await), expected(406, "not-supported", "MISSING_OR_INVALID_HEADER"));
        assert_eq!(codes(&with("x-correlation-id", "one").await), expected(400, "required", "BAD_REQUEST"));
        for (accept, media) in [("application/json", "application/json"), ("text/html, */*;q=0.1", "application/fhir+json")] {
            assert_eq!(with("accept", accept).await.headers["content-type"], media);
        }
        // RFC 9110 5.3: two lines of one header are one list.
        for (second, status) in [("application/fhir+json", StatusCode::OK), ("text/plain", StatusCode::NOT_ACCEPTABLE)] {
            let both = [("accept", "text/html"), ("accept", second)];
            assert_eq!(rig.send(&client(), Method::GET, &format!("{BASE}{good}"), &both, None).await.status, status, "{second}");
        }
        let known = "9562466f-c982-4cd5-bb0e-255e9f5e6689";
        assert_eq!(with("x-correlation-id", known).await.headers["x-correlation-id"], known);
        let reader = system("reader", &[READ]);
        let refused = rig.send(&reader, Method::GET, &format!("{BASE}{good}"), &[], None).await;
        assert_eq!(codes(&refused), expected(403, "forbidden", "ACCESS_DENIED"));
    }

    /// Messages of services of the Spine go through its intermediaries, where the configuration names them.
    async fn intermediaries_take_the_place_of_addresses(db: Db) {
        let spine = SpineConfig {
            core_organisation: Some("YES".to_owned()),
            forward_reliable: vec!["RCMR_IN010000UK05".to_owned()],
            forward_express: Vec::new(),
        };
        let rig = Rig::with(db, Config { spine, ..Config::default() });
        let with = |organisation: &str, interaction: &str, address: &str| {
            let mut content = handling(organisation, address);
            content["interaction"] = interaction.into();
            content
        };
        let gp2gp = "urn:nhs:names:services:gp2gp:RCMR_IN010000UK05";
        register(&rig, &with("RXX", gp2gp, "https://practice.example/")).await;
        let path = format!("/Endpoint?{ORGANISATION}RXX&identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId%7C{gp2gp}");
        let missing = ask(&rig, &path).await;
        assert_eq!(missing.status, StatusCode::INTERNAL_SERVER_ERROR, "the intermediary should be there: {}", missing.body);
        register(&rig, &with("YES", "urn:nhs:names:services:tms:ReliableIntermediary", "https://core.example/reliable")).await;
        let found = ask(&rig, &path).await;
        assert_eq!(found.body["entry"][0]["resource"]["address"], "https://core.example/reliable", "{}", found.body);
    }

    /// An endpoint keeps its id when the address before its own goes, when it is the only one from then on, and when others come; an identifier
    /// that can be no id is read all the same.
    async fn endpoints_keep_their_ids(db: Db) {
        let rig = Rig::new(db);
        rig.keep_model();
        let mut content = handling("RXX", "https://one.example/");
        content["endpoints"] = json!(["https://one.example/", "https://two.example/", "https://three.example/"]);
        let made = rig.post(&keeper(), "/directory/systems", &json!({"identifier": "MHS_1.a", "system": content})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let before = addresses(&rig).await;
        assert_eq!(before.len(), 3);
        for (id, address) in &before {
            assert_eq!(ask(&rig, &format!("/Endpoint/{id}")).await.body["address"], address.as_str(), "{id}");
        }
        content["endpoints"] = json!(["https://two.example/", "https://three.example/"]);
        let own = "/directory/systems/MHS_1.a";
        let done = rig.send(&keeper(), Method::PUT, own, &[("if-match", "\"1\"")], Some(&content)).await;
        assert!(done.status.is_success(), "{:?}", done.body);
        let after = addresses(&rig).await;
        assert_eq!(after.len(), 2);
        assert!(after.iter().all(|(id, address)| before.get(id) == Some(address)), "{before:?} {after:?}");
        let gone = before.iter().find(|(id, _)| !after.contains_key(*id)).unwrap();
        assert_eq!((gone.1.as_str(), codes(&ask(&rig, &format!("/Endpoint/{}", gone.0)).await).0), ("https://one.example/", 404));
        let history = ask(&rig, &format!("/Endpoint/{}/_history", gone.0)).await;
        assert_eq!(history.body["entry"][1]["resource"]["address"], "https://one.example/", "{}", history.body);

        // The last that is left, and whoever comes beside it.
        for list in [json!(["https://three.example/"]), json!(["https://four.example/", "https://three.example/"])] {
            content["endpoints"] = list.clone();
            let done = rig.send(&keeper(), Method::PUT, own, &[("if-match", "*")], Some(&content)).await;
            assert!(done.status.is_success(), "{:?}", done.body);
            let (id, _) = before.iter().find(|(_, address)| *address == "https://three.example/").unwrap();
            let now = addresses(&rig).await;
            assert_eq!((now.get(id).map(String::as_str), now.len()), (Some("https://three.example/"), list.as_array().unwrap().len()), "{now:?}");
            assert_eq!(ask(&rig, &format!("/Endpoint/{id}")).await.body["address"], "https://three.example/");
            let history = ask(&rig, &format!("/Endpoint/{id}/_history")).await;
            let entries = history.body["entry"].as_array().unwrap();
            assert!(entries.iter().all(|one| one["resource"]["address"] == "https://three.example/"), "it was never deleted: {}", history.body);
        }
    }

    /// The endpoint of a system with one address keeps its id when the address changes, when a second comes, and when that goes again; the one that
    /// came has another id, and keeps that when it is alone.
    async fn single_endpoints_keep_their_ids(db: Db) {
        let rig = Rig::new(db);
        let (one, moved, two) = ("https://one.example/", "https://moved.example/", "https://two.example/");
        let mut content = handling("RXX", one);
        let mhs = register(&rig, &content).await;
        let own = format!("/directory/systems/{mhs}");
        let mut second = String::new();
        for (list, is_first_there) in [
            (vec![one], true), (vec![moved], true), (vec![two, moved], true), (vec![moved], true), (vec![moved, two], true), (vec![two], false),
            (vec![two, moved], true),
        ] {
            content["endpoints"] = json!(list);
            let done = rig.send(&keeper(), Method::PUT, &own, &[("if-match", "*")], Some(&content)).await;
            assert!(done.status.is_success(), "{:?}", done.body);
            let now = addresses(&rig).await;
            assert_eq!(now.len(), list.len(), "{now:?}");
            assert_eq!(now.contains_key(&mhs), is_first_there, "{now:?}");
            assert_ne!(now.get(&mhs).map(String::as_str), Some(two), "no id becomes another's");
            if let Some((id, _)) = now.iter().find(|(_, address)| *address == two) {
                assert!(second.is_empty() || second == *id, "{second} {now:?}");
                second.clone_from(id);
            }
            assert_eq!(ask(&rig, &format!("/Endpoint/{mhs}")).await.status.is_success(), is_first_there);
        }
        let history = ask(&rig, &format!("/Endpoint/{mhs}/_history")).await;
        let entries = history.body["entry"].as_array().unwrap();
        let told: Vec<&str> = entries.iter().map(|entry| entry["resource"]["address"].as_str().unwrap_or("none")).collect();
        assert_eq!(told, [moved, "none", moved, moved, moved, moved, one], "{}", history.body);
    }

    /// The tag of an endpoint whose messages are forwarded changes with the intermediary's address, by either way; what it was before is told as it was
    /// written.
    async fn forwarded_endpoints_have_their_tags(db: Db) {
        let spine = SpineConfig {
            core_organisation: Some("YES".to_owned()),
            forward_reliable: vec!["RCMR_IN010000UK05".to_owned()],
            forward_express: vec!["COPC_IN000001UK01".to_owned()],
        };
        let rig = Rig::with(db, Config { spine, ..Config::default() });
        rig.keep_model();
        for (name, intermediary) in [("RCMR_IN010000UK05", "Reliable"), ("COPC_IN000001UK01", "Express")] {
            let mut core = handling("YES", "https://core.example/first");
            core["interaction"] = format!("urn:nhs:names:services:tms:{intermediary}Intermediary").into();
            let core_id = register(&rig, &core).await;
            let mut content = handling("RXX", "https://practice.example/");
            content["interaction"] = format!("urn:nhs:names:services:gp2gp:{name}").into();
            let id = register(&rig, &content).await;
            let path = format!("{BASE}/Endpoint/{id}");
            let get = |tag: String| {
                let (rig, path) = (&rig, path.clone());
                async move { rig.send(&client(), Method::GET, &path, &[("if-none-match", &tag)], None).await }
            };
            let first = get("\"none\"".to_owned()).await;
            assert_eq!(first.body["address"], "https://core.example/first", "{}", first.body);
            let version = first.body["meta"]["versionId"].as_str().unwrap().to_owned();
            assert_eq!(first.etag(), format!("W/\"{version}\""));
            assert_eq!(ask(&rig, &format!("/Endpoint/{id}/_history/{version}")).await.body, first.body);
            let same = get(first.etag()).await;
            assert_eq!((same.status, same.headers["x-correlation-id"].len()), (StatusCode::NOT_MODIFIED, 36));

            core["endpoints"] = json!(["https://core.example/second"]);
            let own = format!("/directory/systems/{core_id}");
            let moved = rig.send(&keeper(), Method::PUT, &own, &[("if-match", "\"1\"")], Some(&core)).await;
            assert!(moved.status.is_success(), "{:?}", moved.body);
            let second = get(first.etag()).await;
            assert_eq!((second.status, second.body["address"].as_str()), (StatusCode::OK, Some("https://core.example/second")));
            assert_ne!(second.etag(), first.etag());

            content["fqdn"] = "other.example.nhs.uk".into();
            let own = format!("/directory/systems/{id}");
            let changed = rig.send(&keeper(), Method::PUT, &own, &[("if-match", "\"1\"")], Some(&content)).await;
            assert!(changed.status.is_success(), "{:?}", changed.body);
            let history = ask(&rig, &format!("/Endpoint/{id}/_history")).await;
            let told = |place: usize| history.body["entry"][place]["resource"]["address"].as_str().unwrap().to_owned();
            assert_eq!((told(0), told(1)), ("https://core.example/second".to_owned(), "https://practice.example/".to_owned()));
        }
    }

    /// An endpoint of several addresses whose messages are forwarded is told once, under the id of its first address, and has the history of that.
    async fn forwarded_endpoints_have_their_history(db: Db) {
        let spine = SpineConfig {
            core_organisation: Some("YES".to_owned()),
            forward_reliable: vec!["RCMR_IN010000UK05".to_owned()],
            forward_express: Vec::new(),
        };
        let rig = Rig::with(db, Config { spine, ..Config::default() });
        let mut core = handling("YES", "https://core.example/");
        core["interaction"] = "urn:nhs:names:services:tms:ReliableIntermediary".into();
        register(&rig, &core).await;
        let mut two = handling("RXX", "https://one.example/");
        two["interaction"] = "urn:nhs:names:services:gp2gp:RCMR_IN010000UK05".into();
        two["endpoints"] = json!(["https://one.example/", "https://two.example/"]);
        let mhs = register(&rig, &two).await;
        let found = addresses(&rig).await;
        assert_eq!(found.values().collect::<Vec<_>>(), ["https://core.example/"]);
        let own = found.into_keys().next().unwrap();
        assert!(own.starts_with(&format!("{mhs}.h")), "{own}");
        assert_eq!(codes(&ask(&rig, &format!("/Endpoint/{mhs}")).await).0, 404, "it has no other id");
        two["fqdn"] = "other.example.nhs.uk".into();
        let path = format!("/directory/systems/{mhs}");
        let changed = rig.send(&keeper(), Method::PUT, &path, &[("if-match", "\"1\"")], Some(&two)).await;
        assert!(changed.status.is_success(), "{:?}", changed.body);
        let history = ask(&rig, &format!("/Endpoint/{own}/_history")).await;
        let entries = history.body["entry"].as_array().unwrap();
        let told: Vec<&str> = entries.iter().map(|one| one["resource"]["address"].as_str().unwrap_or("none")).collect();
        assert_eq!(told, ["https://core.example/", "https://one.example/"], "nothing of it was deleted: {}", history.body);
        assert!(entries.iter().all(|one| one["resource"]["id"] == own.as_str()));
    }

    /// A system whose identifier is longer than an id has room for keeps its history when it was withdrawn, as every other one, and is not taken for
    /// one whose identifier begins alike.
    async fn long_identifiers_keep_their_history(db: Db) {
        let rig = Rig::new(db);
        let beginning = "MHS_".repeat(13);
        let mut ids = Vec::new();
        for (name, address) in [("one", "https://one.example/"), ("two", "https://two.example/")] {
            let body = json!({"identifier": format!("{beginning}{name}"), "system": handling("RXX", address)});
            let made = rig.post(&keeper(), "/directory/systems", &body).await;
            assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
            let now = addresses(&rig).await;
            ids.extend(now.into_iter().filter(|one| one.1 == address).map(|one| one.0));
        }
        assert!(ids.len() == 2 && ids.iter().all(|id| id.contains(".p")), "{ids:?}");
        let own = format!("/directory/systems/{beginning}one");
        let gone = rig.send(&keeper(), Method::DELETE, &own, &[("if-match", "*")], None).await;
        assert!(gone.status.is_success(), "{:?}", gone.body);
        let told = async |id: &str| {
            let history = ask(&rig, &format!("/Endpoint/{id}/_history")).await;
            assert_eq!(history.status, StatusCode::OK, "{}", history.body);
            let entries = history.body["entry"].as_array().unwrap();
            entries.iter().map(|one| one["request"]["method"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(told(&ids[0]).await, ["DELETE", "POST"]);
        assert_eq!(told(&ids[1]).await, ["POST"]);
        assert_eq!(ask(&rig, &format!("/Endpoint/{}/_history/2", ids[0])).await.status, StatusCode::GONE);
        let first = ask(&rig, &format!("/Endpoint/{}/_history/1", ids[0])).await;
        assert_eq!(first.body["address"], "https://one.example/", "{}", first.body);
        assert_eq!(codes(&ask(&rig, &format!("/Endpoint/{}", ids[0])).await).0, 404);
        assert_eq!(ask(&rig, &format!("/Endpoint/{}", ids[1])).await.body["address"], "https://two.example/");
        for (id, none) in [(&ids[0], ".p0000000000000000"), (&ids[1], ".pffffffffffffffff")] {
            let (begins, _) = id.split_once(".p").unwrap();
            assert_eq!(codes(&ask(&rig, &format!("/Endpoint/{begins}{none}/_history")).await).0, 404, "it is nobody's");
        }
    }

    /// Pages go on from where one ended, when the last system that was shown has been withdrawn meanwhile, or has lost the address that was; nobody is
    /// passed over.
    async fn pages_go_on_when_systems_go(db: Db) {
        let rig = Rig::new(db);
        for (name, list) in [("MHS_1", json!(["https://one.example/"])), ("mhs_2", json!(["https://two.example/", "https://three.example/"])), ("MHS_3", json!(["https://four.example/"]))] {
            let mut content = handling("RXX", "");
            content["endpoints"] = list;
            let made = rig.post(&keeper(), "/directory/systems", &json!({"identifier": name, "system": content})).await;
            assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        }
        let shown = |page: &Answered| {
            assert_eq!(page.status, StatusCode::OK, "{}", page.body);
            let next = page.body["link"][1]["url"].as_str().map(|url| url.split_once(BASE).unwrap().1.to_owned());
            let entries = page.body["entry"].as_array().unwrap();
            let addresses: Vec<String> = entries.iter().map(|one| one["resource"]["address"].as_str().unwrap().to_owned()).collect();
            (addresses.join(" "), next)
        };
        let path = format!("/Endpoint?{ORGANISATION}RXX&{PARTY}RXX-0000001&_count=1");
        let (first, next) = shown(&ask(&rig, &path).await);
        assert_eq!(first, "https://one.example/");
        let withdrawn = rig.send(&keeper(), Method::DELETE, "/directory/systems/MHS_1", &[("if-match", "*")], None).await;
        assert!(withdrawn.status.is_success(), "{:?}", withdrawn.body);
        let (second, next) = shown(&ask(&rig, &next.unwrap()).await);
        assert_eq!(second, "https://two.example/");
        let mut content = handling("RXX", "https://three.example/");
        content["fqdn"] = "other.example.nhs.uk".into();
        let changed = rig.send(&keeper(), Method::PUT, "/directory/systems/mhs_2", &[("if-match", "*")], Some(&content)).await;
        assert!(changed.status.is_success(), "{:?}", changed.body);
        let (third, next) = shown(&ask(&rig, &next.unwrap()).await);
        assert_eq!(third, "https://three.example/");
        let (last, end) = shown(&ask(&rig, &next.unwrap()).await);
        assert_eq!((last.as_str(), end), ("https://four.example/", None));
    }

    /// What the national service lacks: the statement, systems by their ids, forms, pages and parts; all of it can be off.
    async fn additions_to_the_spine(db: Db) {
        let rig = Rig::new(db.clone());
        let asid = register(&rig, &accredited("RXX")).await;
        let mut two = handling("RXX", "https://one.example/");
        two["endpoints"] = json!(["https://one.example/", "https://two.example/"]);
        let mhs = register(&rig, &two).await;
        assert_eq!(ask(&rig, "/metadata").await.body["rest"][0]["resource"][0]["type"], "Device");
        let one = ask(&rig, &format!("/Device/{asid}")).await;
        assert_eq!((one.body["id"].as_str(), one.body["identifier"][0]["value"].as_str()), (Some(&*asid), Some(&*asid)));
        let tag = one.etag();
        let again = rig.send(&client(), Method::GET, &format!("{BASE}/Device/{asid}"), &[("if-none-match", &tag)], None).await;
        assert_eq!((again.status, again.etag()), (StatusCode::NOT_MODIFIED, tag));
        let path = format!("/Endpoint?{ORGANISATION}RXX&{PARTY}RXX-0000001");
        let ids = addresses(&rig).await.into_keys().collect::<Vec<_>>();
        assert!(ids.len() == 2 && ids.iter().all(|id| id.starts_with(&format!("{mhs}.h"))), "{ids:?}");
        for unknown in [format!("/Endpoint/{mhs}"), format!("/Endpoint/{mhs}.h0123456789"), format!("/Device/{}", ids[0]), format!("/Endpoint/{asid}")] {
            assert_eq!(codes(&ask(&rig, &unknown).await).0, 404, "{unknown}");
        }
        let first = ask(&rig, &format!("{path}&_count=1&_elements=address")).await;
        let resource = &first.body["entry"][0]["resource"];
        assert_eq!((first.body["total"].as_i64(), resource["address"].as_str()), (Some(2), Some("https://one.example/")));
        assert_eq!((resource["meta"]["tag"][0]["code"].as_str(), resource["extension"].is_null()), (Some("SUBSETTED"), true));
        let next = first.body["link"][1]["url"].as_str().unwrap().split_once(BASE).unwrap().1.to_owned();
        let second = ask(&rig, &next).await;
        let last = second.body["entry"][0]["resource"]["id"].as_str().unwrap();
        assert_eq!((ids.iter().any(|id| id == last), second.body["link"].as_array().map(Vec::len)), (true, Some(1)));
        assert_eq!(ask(&rig, &format!("/Endpoint/{last}")).await.body["address"], "https://two.example/");
        assert_eq!(codes(&ask(&rig, &format!("{path}&_cursor=none")).await).0, 400);
        let counted = ask(&rig, &format!("{path}&_summary=count")).await;
        assert_eq!((counted.body["total"].as_i64(), counted.body["entry"].as_array().map(Vec::len)), (Some(2), Some(0)));
        let form = format!("{ORGANISATION}RXX&{INTERACTION}");
        let posted = rig.file(&client(), Method::POST, &format!("{BASE}/Device/_search"), &[("content-type", "application/x-www-form-urlencoded")], form.as_bytes()).await;
        assert_eq!(posted.body["total"], 1, "{}", posted.body);
        let lenient = rig.send(&client(), Method::GET, &format!("{BASE}{path}&colour=red"), &[("prefer", "handling=lenient")], None).await;
        assert_eq!(lenient.body["total"], 2);
        let reader = system("reader", &[READ]);
        assert_eq!(rig.send(&reader, Method::GET, &format!("{BASE}/Device/{asid}"), &[], None).await.status, StatusCode::FORBIDDEN);

        let strict = Rig::with(db, Config { strict: true, ..Config::default() });
        for off in ["/metadata".to_owned(), format!("/Device/{asid}")] {
            assert_eq!(codes(&ask(&strict, &off).await).0, 404, "{off}");
        }
        assert_eq!(codes(&ask(&strict, &format!("{path}&_count=1")).await).0, 400, "it is not known there");
        let model = ask(&strict, &path).await;
        let id = model.body["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
        assert!(uuid::Uuid::try_parse(&id).is_ok() && id == id.to_uppercase(), "{id}");
    }
}
