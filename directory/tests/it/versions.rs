//! What resources of the faces over FHIR were before, by when they are found, and what releases deleted.

use std::time::Duration;

use directory::api::{LOOK_UP, OPERATE, READ};
use directory::organisation::Mode;
use directory::{Config, DocumentKey, Parts, Register};
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use serde_json::{Value, json};

use crate::organisation_import::{bring_text, release};
use crate::people_rig::new_person;
use crate::rig::{Answered, Rig, system};
use crate::systems::{accredited, keeper, register};
use crate::world::{MANAGER, World, who};

pub(crate) const WORKERS: &str = "/healthcare-worker/FHIR/R4";
pub(crate) const ORGANISATIONS: &str = "/organisation-data-terminology-api/fhir";
pub(crate) const SPINE: &str = "/spine-directory/FHIR/R4";

fn client() -> Caller {
    system("pas", &[LOOK_UP, READ])
}

pub(crate) async fn ask(rig: &Rig, path: &str) -> Answered {
    rig.send(&client(), Method::GET, path, &[("host", "directory.example")], None).await
}

/// The version of each entry of a history, and how it came to be.
fn told(history: &Answered) -> Vec<(String, String)> {
    assert_eq!(
        (history.status, &history.body["type"]),
        (StatusCode::OK, &json!("history")),
        "{}",
        history.body
    );
    let entries = history.body["entry"].as_array().cloned().unwrap_or_default();
    assert_eq!(history.body["total"], entries.len());
    let of = |entry: &Value| {
        let tag = entry["response"]["etag"].as_str().unwrap().to_owned();
        if let Some(version) = entry["resource"]["meta"]["versionId"].as_str() {
            assert_eq!(tag, format!("W/\"{version}\""));
        }
        (tag, entry["request"]["method"].as_str().unwrap().to_owned())
    };
    entries.iter().map(of).collect()
}

fn one(number: i64, method: &str) -> (String, String) {
    (format!("W/\"{number}\""), method.to_owned())
}

fn found(answer: &Answered) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let entries = answer.body["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

fn organisation(code: &str, name: &str, changed: &str, rest: &str) -> String {
    format!(
        "<Organisation orgRecordClass=\"RC1\"><Name>{name}</Name><Date><Type value=\"Operational\"/><Start value=\"1974-04-01\"/></Date>\
         <OrgId extension=\"{code}\"/><Status value=\"Active\"/><LastChangeDate value=\"{changed}\"/>{rest}</Organisation>\n"
    )
}

fn role(id: u32, code: &str, is_primary: &str) -> String {
    format!(
        "<Role id=\"{code}\" uniqueRoleId=\"{id}\" primaryRole=\"{is_primary}\"><Status value=\"Active\"/></Role>"
    )
}

/// A relationship of an organisation to another.
pub(crate) const RELATED: &str = "<Rels><Rel id=\"RE6\" uniqueRelId=\"256248\"><Status value=\"Active\"/><Target><OrgId extension=\"RYY\"/>\
                       <PrimaryRoleId id=\"RO197\"/></Target></Rel></Rels>";

/// The organisation that changes, with more roles than its primary one, and what stands behind them.
pub(crate) fn larkfield(name: &str, changed: &str, roles: &str, rest: &str) -> String {
    organisation("RXX", name, changed, &format!("<Roles>{}{roles}</Roles>{rest}", role(1, "RO197", "true")))
}

/// Brings in a release with this organisation and one that stays as it is.
pub(crate) async fn bring(rig: &Rig, day: &str, own: &str) {
    let roles = format!("<Roles>{}</Roles>", role(9, "RO197", "true"));
    let text = release(day, &format!("{own}{}", organisation("RYY", "OTHER TRUST", "2024-01-01", &roles)));
    bring_text(rig, &text, Mode::Apply).await.unwrap();
}

/// What is in a list of deletions.
async fn deleted(rig: &Rig, name: &str) -> Vec<String> {
    let list = ask(rig, &format!("{ORGANISATIONS}/List/{name}")).await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.body);
    let entries = list.body["entry"].as_array().cloned().unwrap_or_default();
    assert!(entries.iter().all(|entry| entry["deleted"] == true && entry["date"].is_string()));
    let value = |entry: &Value| entry["item"]["identifier"]["value"].as_str().unwrap().to_owned();
    entries.iter().map(value).collect()
}

/// Another register on the same database, which has nothing beside the models.
pub(crate) fn strict(rig: &Rig) -> Rig {
    let config = Config { strict: true, ..Config::default() };
    let parts =
        Parts { config, db: rig.db.clone(), clock: rig.clock(), document_key: DocumentKey::new(&[7; 32]) };
    rig.beside(Register::new(parts).unwrap())
}

platform::both_engines! {
    /// A release that changes an organisation leaves what it was to be read by its version; who asks since when gets what was
    /// written since.
    async fn organisations_have_versions(db: Db) {
        let rig = Rig::new(db);
        bring(&rig, "2024-03-01", &larkfield("LARKFIELD", "2024-02-01", &role(2, "RO57", "false"), RELATED)).await;
        let path = format!("{ORGANISATIONS}/Organization/RXX");
        let first = ask(&rig, &path).await;
        assert_eq!((first.etag(), first.body["meta"]["versionId"].as_str()), ("W/\"1\"".to_owned(), Some("1")));
        assert_eq!(first.body["meta"]["lastUpdated"], rig.now().to_string());
        let affiliation = ask(&rig, &format!("{ORGANISATIONS}/OrganizationAffiliation/256248")).await;
        let version = affiliation.body["meta"]["versionId"].as_str().unwrap();
        let same = ask(&rig, &format!("{ORGANISATIONS}/OrganizationAffiliation/256248/_history/{version}")).await;
        assert_eq!((&same.body, same.etag()), (&affiliation.body, format!("W/\"{version}\"")));

        rig.hand.advance(Duration::from_hours(1));
        let changed = rig.now();
        bring(&rig, "2024-04-01", &larkfield("LARKFIELD TRUST", "2024-03-15", "", "")).await;
        let history = ask(&rig, &format!("{path}/_history")).await;
        assert_eq!(told(&history), [one(2, "PUT"), one(1, "POST")]);
        let names: Vec<&Value> = history.body["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]["name"]).collect();
        assert_eq!(names, [&json!("LARKFIELD TRUST"), &json!("LARKFIELD")]);
        assert_eq!(history.body["entry"][1]["resource"], first.body, "it is what was read then");
        let old = ask(&rig, &format!("{path}/_history/1")).await;
        assert_eq!((&old.body, old.etag().as_str()), (&first.body, "W/\"1\""));
        let known = rig.send(&client(), Method::GET, &format!("{path}/_history/1"), &[("if-none-match", "W/\"1\"")], None).await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
        for none in ["/_history/3", "/_history/x", "/_history/%20"] {
            assert_eq!(ask(&rig, &format!("{path}{none}")).await.status, StatusCode::NOT_FOUND, "{none}");
        }
        assert_eq!(ask(&rig, &format!("{ORGANISATIONS}/Organization/rxx/_history")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(told(&ask(&rig, &format!("{path}/_history?_since={changed}")).await), [one(2, "PUT")]);
        assert_eq!(ask(&rig, &format!("{path}/_history?_since=soon")).await.status, StatusCode::BAD_REQUEST);
        let xml = ask(&rig, &format!("{path}/_history?_format=xml")).await;
        assert!(xml.body.as_str().is_some_and(|text| text.contains("<type value=\"history\"/>") && text.contains("<versionId value=\"1\"/>")));

        for (query, expected) in [
            (format!("_lastUpdated=ge{changed}"), vec!["RXX"]), (format!("_lastUpdated=lt{changed}"), vec!["RYY"]),
            ("_lastUpdated=ge2020".to_owned(), vec!["RXX", "RYY"]), ("_lastUpdated=ge2020&_lastUpdated=lt2021".to_owned(), vec![]),
        ] {
            let answer = ask(&rig, &format!("{ORGANISATIONS}/Organization?{query}")).await;
            assert_eq!(found(&answer), expected, "{query}");
            let is_stamped = |entry: &Value| entry["resource"]["meta"]["versionId"].is_string();
            assert!(answer.body["entry"].as_array().is_none_or(|all| all.iter().all(is_stamped)));
        }
        assert_eq!(ask(&rig, &format!("{ORGANISATIONS}/Organization?_lastUpdated=soon")).await.status, StatusCode::BAD_REQUEST);
        // Who hosts it is no part of what is shown, and makes a version all the same.
        rig.hand.advance(Duration::from_mins(1));
        let host = rig
            .send(&system("desk", &[OPERATE, READ]), Method::PUT, "/directory/organisations/RXX/ra-host", &[("if-match", "\"2\"")], Some(&json!({"host": "RYY"})))
            .await;
        assert_eq!(host.status, StatusCode::OK, "{}", host.body);
        let hosted = ask(&rig, &format!("{path}/_history")).await;
        assert_eq!(told(&hosted), [one(3, "PUT"), one(2, "PUT"), one(1, "POST")]);
        assert_eq!(hosted.body["entry"][0]["resource"]["meta"]["lastUpdated"], rig.now().to_string());
        assert_eq!(hosted.body["entry"][1]["resource"], history.body["entry"][0]["resource"]);
        let plain = ask(&rig, &format!("{ORGANISATIONS}/Organization?_id=RXX")).await;
        assert!(plain.body["entry"][0]["resource"]["meta"]["versionId"].is_null(), "the model tells none");
        let strict = strict(&rig);
        assert_eq!(ask(&strict, &format!("{path}/_history")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(ask(&strict, &format!("{path}/_history/1")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(ask(&strict, &format!("{ORGANISATIONS}/Organization?_lastUpdated=ge2020")).await.status, StatusCode::BAD_REQUEST);
        assert!(ask(&strict, &path).await.body["meta"]["versionId"].is_null());
    }

    /// What an organisation had and has no more is in the lists of deletions until somebody has it again; who follows the changes is told
    /// of each once, and that something in between is not to be had.
    async fn what_was_deleted_and_what_is_new(db: Db) {
        let rig = Rig::new(db);
        bring(&rig, "2024-03-01", &larkfield("LARKFIELD", "2024-02-01", &role(2, "RO57", "false"), RELATED)).await;
        assert!(deleted(&rig, "OrganizationAffiliation-deletion").await.is_empty());
        bring(&rig, "2024-04-01", &larkfield("LARKFIELD TRUST", "2024-03-15", "", "")).await;
        assert_eq!(deleted(&rig, "OrganizationAffiliation-deletion").await, ["256248"]);
        assert_eq!(deleted(&rig, "Organization-role-deletion").await, ["2"]);
        let path = format!("{ORGANISATIONS}/OrganizationAffiliation/256248/_history");
        let methods = |history: &Answered| told(history).into_iter().map(|one| one.1).collect::<Vec<_>>();
        let history = ask(&rig, &path).await;
        assert_eq!(methods(&history), ["DELETE", "PUT"], "{}", history.body);
        let version = history.body["entry"][1]["resource"]["meta"]["versionId"].as_str().unwrap();
        assert_eq!(ask(&rig, &format!("{path}/{version}")).await.body, history.body["entry"][1]["resource"]);
        assert_eq!(ask(&rig, &format!("{path}/2-deleted")).await.status, StatusCode::GONE);
        assert_eq!(ask(&rig, &path.replace("256248", "1")).await.status, StatusCode::NOT_FOUND);
        for none in ["Organization-succession-deletion", "Organization-deletion"] {
            assert!(deleted(&rig, none).await.is_empty(), "{none}");
        }
        assert_eq!(ask(&rig, &format!("{ORGANISATIONS}/OrganizationAffiliation/256248")).await.status, StatusCode::NOT_FOUND);
        bring(&rig, "2024-05-01", &larkfield("LARKFIELD TRUST", "2024-04-15", "", RELATED)).await;
        assert!(deleted(&rig, "OrganizationAffiliation-deletion").await.is_empty(), "it is there again");
        assert_eq!(methods(&ask(&rig, &path).await), ["PUT", "DELETE", "PUT"]);
        assert_eq!(deleted(&rig, "Organization-role-deletion").await, ["2"]);

        let feed = format!("{ORGANISATIONS}/Organization/_history");
        let next = |answer: &Answered| {
            let link = &answer.body["link"][1];
            assert_eq!((answer.status, &link["relation"]), (StatusCode::OK, &json!("next")), "{}", answer.body);
            link["url"].as_str().unwrap().strip_prefix("https://directory.example").unwrap().to_owned()
        };
        let begun = ask(&rig, &feed).await;
        assert!(begun.body["entry"].is_null(), "who begins reads everything first");
        bring(&rig, "2024-06-01", &larkfield("LAST NAME", "2024-05-15", "", "")).await;
        let news = ask(&rig, &next(&begun)).await;
        assert_eq!((found(&news), news.body["entry"][0]["resource"]["name"].as_str()), (vec!["RXX".to_owned()], Some("LAST NAME")));
        assert!(found(&ask(&rig, &next(&news)).await).is_empty(), "it is told once");
        let all = ask(&rig, &format!("{feed}?_cursor=0&_count=500")).await;
        assert_eq!(found(&all), ["RYY", "RXX"], "each once, as it is");
        assert_eq!(ask(&rig, &format!("{feed}?_cursor=999999")).await.status, StatusCode::GONE, "it was never told");
        for bad in ["_cursor=x", "_cursor=1&_count=many"] {
            assert_eq!(ask(&rig, &format!("{feed}?{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
        }
        assert_eq!(ask(&strict(&rig), &feed).await.status, StatusCode::NOT_FOUND);
    }

    /// What a person was called and with which number they were registered is read by its version, and that they had left; each
    /// reading is in the record.
    async fn people_have_versions(db: Db) {
        let world = World::new(db).await;
        let (rig, manager) = (&world.rig, who(MANAGER));
        let mut ann = new_person("Ann", "O'Brien", "1984-07-23", "111222333");
        ann["registrations"] = json!([{"body": "GMC", "number": "1234567"}]);
        let id = rig.make(&manager, &ann).await;
        let path = format!("{WORKERS}/Practitioner/{id}");
        let first = ask(rig, &path).await;
        let version = first.body["meta"]["versionId"].as_str().unwrap().to_owned();
        rig.hand.advance(Duration::from_mins(1));
        let renamed = rig.now();
        let shown = json!({"document": "deed-poll", "issuer": "Leeds", "method": "f2f"});
        let name = json!({"name": {"given": "Ann", "family": "Example"}, "reason": "deed-poll", "evidence": shown});
        assert_eq!(rig.act(&manager, &id, "names", &name).await.status, StatusCode::OK);
        let tag = rig.tag(&manager, &id).await;
        let number = format!("/directory/people/{id}/registrations/GMC/1234567");
        let gone = rig.send(&manager, Method::DELETE, &number, &[("if-match", &tag)], None).await;
        assert!(gone.status.is_success(), "{:?}", gone.body);
        let begun = ask(rig, &format!("{WORKERS}/Practitioner/_history")).await;
        let next = begun.body["link"][1]["url"].as_str().unwrap().strip_prefix("https://directory.example").unwrap().to_owned();
        let before = world.recorded("workers-shown").await;
        let history = ask(rig, &format!("{path}/_history")).await;
        assert_eq!(world.recorded("workers-shown").await, before + 1);
        let entries = history.body["entry"].as_array().unwrap();
        assert_eq!(told(&history).len(), 3);
        let families: Vec<&Value> = entries.iter().map(|entry| &entry["resource"]["name"][0]["family"]).collect();
        let numbers: Vec<usize> = entries.iter().map(|entry| entry["resource"]["identifier"].as_array().unwrap().len()).collect();
        assert_eq!((families, numbers), (vec![&json!("Example"), &json!("Example"), &json!("O'Brien")], vec![1, 2, 2]));
        let old = ask(rig, &format!("{path}/_history/{version}")).await;
        assert_eq!((&old.body, old.etag()), (&first.body, format!("W/\"{version}\"")));
        let since = ask(rig, &format!("{WORKERS}/Practitioner?_lastUpdated=ge{renamed}")).await;
        assert_eq!(found(&since), [id.to_string()]);
        assert!(since.body["entry"][0]["resource"]["meta"]["lastUpdated"].is_string());
        assert_eq!(ask(rig, &format!("{WORKERS}/Practitioner?_lastUpdated=never")).await.status, StatusCode::BAD_REQUEST);

        let closed = rig.act(&manager, &id, "close", &json!({"reason": "left"})).await;
        assert_eq!(closed.status, StatusCode::OK, "{:?}", closed.body);
        let news = ask(rig, &next).await;
        assert_eq!(news.body["entry"].as_array().map(Vec::len), Some(1), "{}", news.body);
        assert_eq!(news.body["entry"][0]["request"], json!({"method": "DELETE", "url": format!("Practitioner/{id}")}));
        let left = told(&ask(rig, &format!("{path}/_history")).await);
        assert_eq!((left.len(), left[0].1.as_str()), (4, "DELETE"));
        let number = left[0].0.trim_matches(|c: char| !c.is_ascii_digit()).to_owned();
        assert_eq!(ask(rig, &format!("{path}/_history/{number}")).await.status, StatusCode::GONE);
        for none in ["999999999999", "x"] {
            assert_eq!(ask(rig, &format!("{WORKERS}/Practitioner/{none}/_history")).await.status, StatusCode::NOT_FOUND);
        }
        let reader = system("other", &[LOOK_UP]);
        let refused = rig.send(&reader, Method::GET, &format!("{path}/_history"), &[], None).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert_eq!(ask(&strict(rig), &format!("{path}/_history")).await.body, "", "there is none in the model");
    }

    /// A system is read as it was before it changed, and one that was withdrawn is so in its last version alone.
    async fn systems_have_versions(db: Db) {
        let rig = Rig::new(db);
        let asid = register(&rig, &accredited("RXX")).await;
        let path = format!("{SPINE}/Device/{asid}");
        let first = ask(&rig, &path).await;
        assert_eq!((first.etag(), first.body["meta"]["versionId"].as_str()), ("W/\"1\"".to_owned(), Some("1")));
        rig.hand.advance(Duration::from_mins(1));
        let changed = rig.now();
        let mut content = accredited("RXX");
        content["manufacturer"] = json!("YGZ");
        let own = format!("/directory/systems/{asid}");
        let done = rig.send(&keeper(), Method::PUT, &own, &[("if-match", "\"1\"")], Some(&content)).await;
        assert!(done.status.is_success(), "{:?}", done.body);
        let history = ask(&rig, &format!("{path}/_history")).await;
        assert_eq!(told(&history), [one(2, "PUT"), one(1, "POST")]);
        assert_eq!(history.body["entry"][1]["resource"], first.body);
        assert_eq!(history.headers["x-correlation-id"].len(), 36);
        assert_eq!(ask(&rig, &format!("{path}/_history/1")).await.body, first.body);
        let search = "organization=https://fhir.nhs.uk/Id/ods-organization-code%7CRXX&identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId\
                      %7Curn:nhs:names:services:pds:QUPA_IN000006UK02";
        for (prefix, many) in [("ge", 1), ("lt", 0)] {
            let answer = ask(&rig, &format!("{SPINE}/Device?{search}&_lastUpdated={prefix}{changed}")).await;
            assert_eq!((answer.body["total"].as_i64(), found(&answer).len()), (Some(many), usize::try_from(many).unwrap()), "{prefix}");
        }
        assert_eq!(ask(&rig, &format!("{SPINE}/Device?{search}&_lastUpdated=soon")).await.status, StatusCode::BAD_REQUEST);
        let gone = rig.send(&keeper(), Method::DELETE, &own, &[("if-match", "\"2\"")], None).await;
        assert!(gone.status.is_success(), "{:?}", gone.body);
        assert_eq!(ask(&rig, &path).await.status, StatusCode::NOT_FOUND);
        let left = ask(&rig, &format!("{path}/_history")).await;
        assert_eq!(told(&left), [one(3, "DELETE"), one(2, "PUT"), one(1, "POST")]);
        let last = ask(&rig, &format!("{path}/_history/3")).await;
        assert_eq!((last.status, last.body["resourceType"].as_str()), (StatusCode::GONE, Some("OperationOutcome")));
        for none in [format!("{path}/_history/4"), format!("{SPINE}/Endpoint/{asid}/_history"), format!("{SPINE}/Device/1/_history")] {
            assert_eq!(ask(&rig, &none).await.status, StatusCode::NOT_FOUND, "{none}");
        }
        let strict = strict(&rig);
        assert_eq!(ask(&strict, &format!("{path}/_history")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(ask(&strict, &format!("{SPINE}/Device?{search}&_lastUpdated=ge2020")).await.status, StatusCode::BAD_REQUEST);
    }
}
