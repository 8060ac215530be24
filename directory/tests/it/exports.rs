//! Exports in bulk over FHIR: begun, cut, fetched in parts, and over.

use std::time::Duration;

use directory::api::{EXPORT, LOOK_UP, READ};
use directory::organisation::Mode;
use directory::{Config, DocumentKey, Parts, Register, SpineConfig};
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use platform::db::testing::TestDb;
use serde_json::{Value, json};

use crate::organisation_import::{bring_text, release};
use crate::rig::{Answered, Rig, system};
use crate::systems::{accredited, handling, keeper, register};
use crate::workers::with_doctor;

const WORKERS: &str = "/healthcare-worker/FHIR/R4";
const ORGANISATIONS: &str = "/organisation-data-terminology-api/fhir";
const SPINE: &str = "/spine-directory/FHIR/R4";
/// More than two parts have.
const MANY: usize = 1_101;

fn client() -> Caller {
    system("warehouse", &[EXPORT])
}

async fn ask(rig: &Rig, caller: &Caller, method: Method, path: &str) -> Answered {
    rig.send(caller, method, path, &[("host", "directory.example"), ("prefer", "respond-async")], None).await
}

/// Begins an export; where to ask how far it is.
async fn begin(rig: &Rig, path: &str) -> String {
    let begun = ask(rig, &client(), Method::GET, path).await;
    assert_eq!((begun.status, begun.body.as_str()), (StatusCode::ACCEPTED, Some("")), "{path}: {begun:?}");
    let address = begun.headers["content-location"].to_str().unwrap();
    address.strip_prefix("https://directory.example").unwrap().to_owned()
}

/// Asks until it is cut; what there is to fetch, as kinds and paths.
async fn outputs(rig: &Rig, path: &str) -> Vec<(String, String)> {
    for _ in 0..20 {
        let told = ask(rig, &client(), Method::GET, path).await;
        if told.status == StatusCode::ACCEPTED {
            assert_eq!(told.headers["retry-after"], "1");
            assert!(told.headers["x-progress"].to_str().is_ok());
            continue;
        }
        assert_eq!(
            (told.status, &told.body["requiresAccessToken"]),
            (StatusCode::OK, &json!(true)),
            "{}",
            told.body
        );
        let of = |one: &Value| {
            let url =
                one["url"].as_str().unwrap().strip_prefix("https://directory.example").unwrap().to_owned();
            (one["type"].as_str().unwrap().to_owned(), url)
        };
        return told.body["output"].as_array().unwrap().iter().map(of).collect();
    }
    panic!("it is not cut");
}

/// The resources of a part.
async fn fetch(rig: &Rig, path: &str) -> Vec<Value> {
    let part = ask(rig, &client(), Method::GET, path).await;
    assert_eq!(
        (part.status, &part.headers["content-type"]),
        (StatusCode::OK, &"application/fhir+ndjson".parse().unwrap())
    );
    // One line alone is read as JSON by the rig.
    match &part.body {
        Value::String(text) => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        one => vec![one.clone()],
    }
}

fn organisation(number: usize, name: &str) -> String {
    let rel = if number == 7 {
        "<Rels><Rel id=\"RE6\" uniqueRelId=\"256248\"><Status value=\"Active\"/><Target><OrgId extension=\"G00001\"/>\
         <PrimaryRoleId id=\"RO197\"/></Target></Rel></Rels>"
    } else {
        ""
    };
    format!(
        "<Organisation orgRecordClass=\"RC1\"><Name>{name} {number}</Name><Date><Type value=\"Operational\"/><Start value=\"1974-04-01\"/></Date>\
         <OrgId extension=\"G{number:05}\"/><Status value=\"Active\"/><LastChangeDate value=\"2024-01-01\"/><Roles><Role id=\"RO197\" \
         uniqueRoleId=\"{number}\" primaryRole=\"true\"><Status value=\"Active\"/></Role></Roles>{rel}</Organisation>\n"
    )
}

fn edition(renamed: &str) -> String {
    let name = |number| if number == 3 { renamed } else { "TRUST" };
    (1..=MANY).map(|number| organisation(number, name(number))).collect()
}

fn another(rig: &Rig, config: Config) -> Rig {
    let parts =
        Parts { config, db: rig.db.clone(), clock: rig.clock(), document_key: DocumentKey::new(&[7; 32]) };
    rig.beside(Register::new(parts).unwrap())
}

platform::both_engines! {
    /// Organisations are cut into parts that have each of them once, on whichever node; who has begun an export has it to themselves
    /// for a day, has few of them, and ends it; what was written since is exported alone.
    async fn organisations_are_exported(db: Db) {
        let rig = Rig::new(db);
        bring_text(&rig, &release("2024-03-01", &edition("TRUST")), Mode::Apply).await.unwrap();
        let kick = format!("{ORGANISATIONS}/$export");
        let plain = rig.send(&client(), Method::GET, &kick, &[], None).await;
        assert_eq!((plain.status, plain.body["resourceType"].as_str()), (StatusCode::BAD_REQUEST, Some("OperationOutcome")));
        for bad in ["_type=Patient", "_since=soon", "_outputFormat=text/csv", "colour=red"] {
            assert_eq!(ask(&rig, &client(), Method::GET, &format!("{kick}?{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
        }
        let reader = system("reader", &[READ, LOOK_UP]);
        assert_eq!(ask(&rig, &reader, Method::GET, &kick).await.status, StatusCode::FORBIDDEN, "it has a right of its own");

        let path = begin(&rig, &kick).await;
        // Another node goes on with what this one began.
        let node = another(&rig, Config::default());
        let all = outputs(&node, &path).await;
        let kinds: Vec<&str> = all.iter().map(|one| one.0.as_str()).collect();
        assert_eq!(kinds, ["Organization", "Organization", "Organization", "OrganizationAffiliation"]);
        let mut codes = Vec::new();
        for (_, part) in &all[..3] {
            let found = fetch(&rig, part).await;
            assert!(found.iter().all(|one| one["meta"]["versionId"] == "1" && one["resourceType"] == "Organization"));
            codes.extend(found.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        }
        assert_eq!(codes, (1..=MANY).map(|number| format!("G{number:05}")).collect::<Vec<_>>());
        assert_eq!(fetch(&rig, &all[3].1).await[0]["id"], "256248");
        assert_eq!(fetch(&rig, &all[0].1).await.len(), 500, "a part is fetched as often as one likes");
        // As if all of these had come after the parts were cut.
        let wide = "UPDATE directory_export_part SET last = 'G99999' WHERE number = 1";
        crate::people_rig::execute(&rig.db, wide, Vec::new()).await;
        assert_eq!(fetch(&rig, &all[0].1).await.len(), MANY, "a part has whatever lies in it");
        let stranger = system("other", &[EXPORT]);
        for hidden in [&path, &all[0].1] {
            assert_eq!(ask(&rig, &stranger, Method::GET, hidden).await.status, StatusCode::NOT_FOUND, "{hidden}");
            assert_eq!(ask(&rig, &reader, Method::GET, hidden).await.status, StatusCode::FORBIDDEN, "{hidden}");
        }
        for none in [format!("{path}/9"), format!("{path}/x"), format!("{kick}/none")] {
            assert_eq!(ask(&rig, &client(), Method::GET, &none).await.status, StatusCode::NOT_FOUND, "{none}");
        }
        let other_face = path.replace(ORGANISATIONS, WORKERS);
        assert_eq!(ask(&rig, &client(), Method::GET, &other_face).await.status, StatusCode::NOT_FOUND);

        rig.hand.advance(Duration::from_hours(1));
        let changed = rig.now();
        bring_text(&rig, &release("2024-04-01", &edition("NEW NAME")), Mode::Apply).await.unwrap();
        let since = begin(&rig, &format!("{kick}?_type=Organization&_since={changed}")).await;
        rig.register.sweep_exports().await.unwrap();
        let told = outputs(&rig, &since).await;
        assert_eq!(told.len(), 1);
        let found = fetch(&rig, &told[0].1).await;
        assert_eq!((found.len(), found[0]["name"].as_str(), found[0]["meta"]["versionId"].as_str()), (1, Some("NEW NAME 3"), Some("2")));

        for _ in 0..3 {
            begin(&rig, &kick).await;
        }
        let refused = ask(&rig, &client(), Method::GET, &kick).await;
        assert_eq!((refused.status, &refused.headers["retry-after"]), (StatusCode::TOO_MANY_REQUESTS, &"3600".parse().unwrap()));
        assert_eq!(ask(&rig, &stranger, Method::GET, &kick).await.status, StatusCode::ACCEPTED, "each has its own");
        assert_eq!(ask(&rig, &client(), Method::DELETE, &since).await.status, StatusCode::ACCEPTED);
        assert_eq!(ask(&rig, &client(), Method::GET, &since).await.status, StatusCode::NOT_FOUND);
        begin(&rig, &kick).await;
        rig.hand.advance(Duration::from_hours(25));
        assert_eq!(ask(&rig, &client(), Method::GET, &path).await.status, StatusCode::NOT_FOUND, "its day is over");
        assert!(rig.register.sweep_exports().await.unwrap());
        let (left,): (i64,) = sqlx::query_as(
            "SELECT (SELECT CAST(COUNT(*) AS BIGINT) FROM directory_export) + (SELECT CAST(COUNT(*) AS BIGINT) FROM directory_export_part)",
        )
        .fetch_one(rig.db.read())
        .await
        .unwrap();
        assert_eq!(left, 0);
        let strict = another(&rig, Config { strict: true, ..Config::default() });
        for base in [ORGANISATIONS, WORKERS, SPINE] {
            assert_eq!(ask(&strict, &client(), Method::GET, &format!("{base}/$export")).await.status, StatusCode::NOT_FOUND);
        }
    }

    /// Systems are exported as they are read, an address of a message handling system in each line; what was withdrawn is not among
    /// them, and what was written since is exported alone. The statement of the API names it.
    async fn systems_are_exported(db: Db) {
        let rig = Rig::new(db);
        let asid = register(&rig, &accredited("RXX")).await;
        let gone = register(&rig, &accredited("RYY")).await;
        let mut two = handling("RXX", "https://one.example/");
        two["endpoints"] = json!(["https://one.example/", "https://two.example/"]);
        let mhs = register(&rig, &two).await;
        let kick = format!("{SPINE}/$export");
        let refused = ask(&rig, &client(), Method::GET, &format!("{kick}?_type=Organization")).await;
        let code = &refused.body["issue"][0]["details"]["coding"][0]["code"];
        assert_eq!((refused.status, code), (StatusCode::BAD_REQUEST, &json!("BAD_REQUEST")));
        let reader = system("reader", &[READ, LOOK_UP]);
        let refused = ask(&rig, &reader, Method::GET, &kick).await;
        let code = &refused.body["issue"][0]["details"]["coding"][0]["code"];
        assert_eq!((refused.status, code), (StatusCode::FORBIDDEN, &json!("ACCESS_DENIED")));

        let path = begin(&rig, &kick).await;
        let all = outputs(&rig, &path).await;
        assert_eq!(all.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(), ["Device", "Endpoint"]);
        let ids = |found: Vec<Value>| found.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let both = fetch(&rig, &all[0].1).await;
        assert_eq!(both[0]["meta"]["versionId"], "1");
        let mut expected = [asid.clone(), gone.clone()];
        expected.sort();
        assert_eq!(ids(both), expected);
        let endpoints = fetch(&rig, &all[1].1).await;
        assert_eq!(endpoints[1]["address"], "https://two.example/");
        let told = ids(endpoints);
        assert!(told.len() == 2 && told[0] != told[1] && told.iter().all(|id| id.starts_with(&format!("{mhs}.h"))), "{told:?}");
        let path_gone = format!("/directory/systems/{gone}");
        rig.hand.advance(Duration::from_hours(1));
        let moment = rig.now();
        let withdrawn = rig.send(&keeper(), Method::DELETE, &path_gone, &[("if-match", "*")], None).await;
        assert_eq!(withdrawn.status, StatusCode::NO_CONTENT);
        assert_eq!(ids(fetch(&rig, &all[0].1).await), [asid], "a part is what is there when it is fetched");
        let newer = register(&rig, &accredited("RXX")).await;
        let since = begin(&rig, &format!("{kick}?_since={moment}")).await;
        let told = outputs(&rig, &since).await;
        assert_eq!(told.len(), 1, "no endpoint was written since");
        assert_eq!(ids(fetch(&rig, &told[0].1).await), [newer]);
        let statement = rig.get(&reader, &format!("{SPINE}/metadata")).await.body;
        assert_eq!(statement["rest"][0]["operation"][0]["name"], "export", "{statement}");
        assert_eq!(statement["rest"][0]["resource"][2]["type"], "Subscription");
    }

    /// An export tells an endpoint whose intermediary is not registered with its own address, and everything else as it is; when the
    /// intermediary is there, with that of it.
    async fn endpoints_without_their_intermediary_are_exported(db: Db) {
        let spine = SpineConfig {
            core_organisation: Some("YES".to_owned()),
            forward_reliable: vec!["RCMR_IN010000UK05".to_owned()],
            forward_express: Vec::new(),
        };
        let rig = Rig::with(db, Config { spine, ..Config::default() });
        let mut through = handling("RXX", "https://practice.example/");
        through["interaction"] = "urn:nhs:names:services:gp2gp:RCMR_IN010000UK05".into();
        register(&rig, &through).await;
        register(&rig, &handling("RYY", "https://other.example/")).await;
        let path = begin(&rig, &format!("{SPINE}/$export?_type=Endpoint")).await;
        let part = outputs(&rig, &path).await.remove(0).1;
        let told = |found: Vec<Value>| {
            let mut addresses: Vec<String> =
                found.iter().map(|one| one["address"].as_str().unwrap().to_owned()).collect();
            addresses.sort();
            addresses
        };
        assert_eq!(told(fetch(&rig, &part).await), ["https://other.example/", "https://practice.example/"]);
        let mut core = handling("YES", "https://core.example/");
        core["interaction"] = "urn:nhs:names:services:tms:ReliableIntermediary".into();
        register(&rig, &core).await;
        let found = told(fetch(&rig, &part).await);
        assert!(found.contains(&"https://core.example/".to_owned()), "{found:?}");
        assert!(!found.contains(&"https://practice.example/".to_owned()), "{found:?}");
    }

    /// What is large is cut into parts of so many octets: each thing is in one of them, and none has more than it may.
    async fn parts_have_so_many_octets(db: Db) {
        const OCTETS: usize = 16 * 1024 * 1024;
        const ADDRESSES: usize = 4_000;
        let rig = Rig::new(db);
        for organisation in ["RXA", "RXB", "RXC", "RXD", "RXE"] {
            let mut content = handling(organisation, "https://one.example/");
            content["endpoints"] = (0..ADDRESSES).map(|number| format!("https://{number}.example/")).collect();
            register(&rig, &content).await;
        }
        let path = begin(&rig, &format!("{SPINE}/$export?_type=Endpoint")).await;
        let all = outputs(&rig, &path).await;
        assert!((2..5).contains(&all.len()), "{all:?}");
        let mut ids = std::collections::BTreeSet::new();
        let mut sizes = Vec::new();
        for (_, part) in &all {
            let found = fetch(&rig, part).await;
            sizes.push(found.iter().map(|one| one.to_string().len() + 1).sum::<usize>());
            ids.extend(found.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
            assert_eq!(found.len() % ADDRESSES, 0, "a system is whole in a part");
        }
        assert_eq!(ids.len(), 5 * ADDRESSES, "each once");
        assert!(sizes.iter().all(|size| *size <= OCTETS) && sizes.iter().sum::<usize>() > OCTETS, "{sizes:?}");
    }

    /// People and their roles are exported as they are read, whoever is shown is recorded, and those who left are not among them.
    async fn people_are_exported(db: Db) {
        let (world, ann) = with_doctor(db, Config::default()).await;
        let path = begin(&world.rig, &format!("{WORKERS}/$export")).await;
        assert_eq!(world.event("export-begun").await["resources"], json!(["Practitioner", "PractitionerRole"]));
        let all = outputs(&world.rig, &path).await;
        let before = world.recorded("workers-shown").await;
        let people = fetch(&world.rig, &all[0].1).await;
        assert_eq!(world.recorded("workers-shown").await, before + 1);
        let own = people.iter().find(|one| one["id"] == ann.as_str()).unwrap();
        assert_eq!((own["name"][0]["family"].as_str(), own["identifier"].as_array().map(Vec::len)), (Some("O'Brien"), Some(2)));
        let roles = fetch(&world.rig, &all[1].1).await;
        let of = |roles: &[Value]| roles.iter().filter(|one| one["practitioner"]["identifier"]["value"] == ann.as_str()).count();
        assert_eq!(of(&roles), 2);
        let id = ann.parse().unwrap();
        let manager = crate::world::who(crate::world::MANAGER);
        let closed = world.rig.act(&manager, &id, "close", &json!({"reason": "left"})).await;
        assert_eq!(closed.status, StatusCode::OK, "{:?}", closed.body);
        assert!(fetch(&world.rig, &all[0].1).await.iter().all(|one| one["id"] != ann.as_str()), "a part is what is there when it is fetched");
        assert_eq!(of(&fetch(&world.rig, &all[1].1).await), 0);
    }
}

/// A database that orders texts as a language does has every system in its exports, in the order of octets: `_` comes after digits.
#[tokio::test(flavor = "multi_thread")]
async fn systems_are_exported_in_any_language() {
    let database = TestDb::in_language("en").await;
    let rig = Rig::new(database.db.clone());
    for id in ["M_1", "m-1", "M01", "M.1"] {
        let body = json!({"identifier": id, "system": handling("RXX", "https://one.example/")});
        assert_eq!(
            rig.post(&keeper(), "/directory/systems", &body).await.status,
            StatusCode::CREATED,
            "{id}"
        );
    }
    let path = begin(&rig, &format!("{SPINE}/$export?_type=Endpoint")).await;
    let all = outputs(&rig, &path).await;
    assert_eq!(all.len(), 1);
    let found = fetch(&rig, &all[0].1).await;
    let ids: Vec<&str> = found.iter().map(|one| one["id"].as_str().unwrap()).collect();
    // A dot stands as `.d` in an id, a line as `.u`.
    let begins = ["m-1", "M.d1", "M01", "M.u1"];
    assert_eq!(ids, begins);
    let listed = rig.get(&keeper(), "/directory/systems?limit=2&after=M.1").await;
    let items = listed.body["items"].as_array().unwrap();
    let listed: Vec<&str> = items.iter().map(|one| one["identifier"].as_str().unwrap()).collect();
    assert_eq!(listed, ["M01", "M_1"]);
}
