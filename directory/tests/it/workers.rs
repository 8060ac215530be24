//! The Healthcare Worker FHIR API: who is found, what they are where, and every refusal.

use directory::api::{LOOK_UP, READ};
use directory::{Config, Dialect, WorkersConfig};
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::people_rig::{execute, new_person};
use crate::rig::{Answered, system};
use crate::versions::strict;
use crate::world::{AGENT, MANAGER, NURSE, World, day, user, who};

const BASE: &str = "/healthcare-worker/FHIR/R4";
const ID: &str = "https://fhir.nhs.uk/Id/";

fn client() -> Caller {
    system("pas", &[READ])
}

async fn ask_as(world: &World, caller: &Caller, path: &str) -> Answered {
    let headers = [("host", "directory.example"), ("x-correlation-id", "ours")];
    let answer = world.rig.send(caller, Method::GET, &format!("{BASE}{path}"), &headers, None).await;
    assert_eq!(answer.headers["x-correlation-id"], "ours", "it is mirrored, whatever it is");
    answer
}

async fn ask(world: &World, path: &str) -> Answered {
    ask_as(world, &client(), path).await
}

/// Status, FHIR's code and the Spine's of a refusal.
fn codes(answer: &Answered) -> (u16, &str, &str) {
    let issue = &answer.body["issue"][0];
    assert_eq!(answer.body["resourceType"], "OperationOutcome", "{answer:?}");
    let spine = issue["details"]["coding"][0]["code"].as_str().unwrap_or_default();
    (answer.status.as_u16(), issue["code"].as_str().unwrap(), spine)
}

fn ids(answer: &Answered, mode: &str) -> Vec<String> {
    let entries = answer.body["entry"].as_array().cloned().unwrap_or_default();
    let of = entries.iter().filter(|entry| entry["search"]["mode"] == mode);
    of.map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

/// A world with a doctor who is in the ward and, until a day, in the clinic; her user id.
pub(crate) async fn with_doctor(db: Db, config: Config) -> (World, String) {
    let world = World::with(db, config).await;
    let mut ann = new_person("Ann", "O'Brien", "1984-07-23", "111222333");
    ann["name"]["title"] = json!("Dr");
    ann["name"]["middle"] = json!("Mary Jane");
    ann["registrations"] = json!([{"body": "GMC", "number": "1234567"}]);
    let ann = world.rig.make(&who(MANAGER), &ann).await.to_string();
    for (position, end) in [(&world.ward, None), (&world.clinic, Some(day(2)))] {
        let body = json!({"person": ann, "position": position, "end": end});
        let made = world.rig.post(&who(AGENT), "/directory/assignments", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
    }
    (world, ann)
}

platform::both_engines! {
    /// Somebody is found by id and number in either dialect, with their roles, in the shape of the service; and it is recorded.
    async fn people_are_told(db: Db) {
        let (world, ann) = with_doctor(db, Config::default()).await;
        world.rig.keep_model();
        let before = world.recorded("workers-shown").await;
        let path = format!("/Practitioner?identifier={ann}");
        let found = ask(&world, &path).await;
        assert_eq!((found.status, &found.headers["content-type"]), (StatusCode::OK, &"application/fhir+json".parse().unwrap()));
        let expected = json!({
            "resourceType": "Practitioner", "id": ann,
            "identifier": [{"system": format!("{ID}sds-user-id"), "value": ann}, {"system": format!("{ID}gmc-number"), "value": "1234567"}],
            "active": true,
            "name": [{"use": "usual", "family": "O'Brien", "given": ["Ann Mary Jane"], "prefix": ["Dr"]}],
        });
        assert_eq!(found.body["entry"], json!([{
            "fullUrl": format!("https://directory.example{BASE}/Practitioner/{ann}"), "resource": expected,
            "search": {"mode": "match"}}]));
        assert_eq!((found.body["type"].as_str(), found.body["total"].as_i64()), (Some("searchset"), Some(1)));
        assert_eq!(found.body["link"], json!([{"relation": "self", "url": format!("https://directory.example{BASE}{path}")}]));
        assert_eq!(world.recorded("workers-shown").await, before + 1);
        for same in [
            format!("identifier={ID}sds-user-id|{ann}"), format!("identifier={ID}gmc-number|1234567"),
            "identifier=https://fhir.hl7.org.uk/Id/gmc-number|1234567".to_owned(), "name=o'bri".to_owned(),
            "given=mary".to_owned(), "given=Ann Mary J".to_owned(), "given:exact=Ann Mary Jane".to_owned(), "family:exact=O'Brien".to_owned(), format!("_id={ann},555000000108"),
        ] {
            // A middle name is no key of its own: it narrows, and finds nobody by itself.
            let same = same.replace(' ', "%20");
            let expected = if same.starts_with("given=mary") { Vec::new() } else { vec![ann.clone()] };
            assert_eq!(ids(&ask(&world, &format!("/Practitioner?{}", same.replace('|', "%7C"))).await, "match"), expected, "{same}");
        }
        let with_roles = ask(&world, &format!("{path}&_revinclude=PractitionerRole:practitioner")).await;
        assert_eq!((ids(&with_roles, "match").len(), ids(&with_roles, "include").len()), (1, 2));
        assert_eq!(with_roles.body["total"], 1, "what is included does not count");
        let none = ask(&world, &format!("/Practitioner?identifier={ID}sds-user-id%7C999999999999")).await;
        assert_eq!((none.status, none.body["total"].as_i64()), (StatusCode::OK, Some(0)), "as GP Connect has it");
    }

    /// Names of several words are found by as many of them as are given, of whatever length the first is, and names that begin alike are not.
    async fn names_of_several_words_are_found(db: Db) {
        let world = World::with(db, Config::default()).await;
        let mut made = Vec::new();
        for (number, (given, family)) in
            [("Omar", "Al-Hassan"), ("Ed", "Alison"), ("A-Jay", "Ó Briain"), ("Nikos", "ΠΑΠΑΔΟΠΟΥΛΟΣ"), ("Jo", "M\u{fc}ller")].into_iter().enumerate()
        {
            let person = new_person(given, family, &format!("1984-07-2{number}"), &format!("11122233{number}"));
            made.push(world.rig.make(&who(MANAGER), &person).await.to_string());
        }
        for (question, whose) in [
            ("family=Al-Hassan", 0), ("family=al%20hass", 0), ("name=Al%20Hassan", 0), ("family=%C3%93%20Briain", 2), ("given=A-Jay", 2),
            ("given=a%20jay", 2), ("family=%CE%A0%CE%91%CE%A0%CE%91%CE%94%CE%9F%CE%A0%CE%9F%CE%A5%CE%9B%CE%9F%CE%A3", 3),
            ("family=%CF%80%CE%B1%CF%80%CE%B1%CE%B4%CE%BF%CF%80%CE%BF%CF%85%CE%BB%CE%BF%CF%82", 3),
            ("family=M%C3%BCller", 4), ("family=Mu%CC%88ller", 4), ("family:exact=Mu%CC%88ller", 4), ("family=mu%CC%88", 4),
        ] {
            let found = ask(&world, &format!("/Practitioner?{question}")).await;
            assert_eq!(ids(&found, "match"), [made[whose].clone()], "{question}: {:?}", found.body);
        }
        assert_eq!(ids(&ask(&world, "/Practitioner?family=al").await, "match"), [made[0].clone(), made[1].clone()]);
        for none in ["family=Muller", "family:exact=mu%CC%88ller"] {
            assert!(ids(&ask(&world, &format!("/Practitioner?{none}")).await, "match").is_empty(), "{none}");
        }
        let short = ask(&world, "/Practitioner?family=%C3%93").await;
        assert_eq!(codes(&short).0, 400, "one letter is not enough");
    }

    /// Where that is set, whom people were shown is in the record a moment after the answer.
    async fn reads_are_recorded_afterwards(db: Db) {
        let config = Config { reads_recorded: directory::ReadsRecorded::WithinASecond, ..Config::default() };
        let (world, ann) = with_doctor(db, config).await;
        let before = world.recorded("workers-shown").await;
        // Nothing is written while this is: whoever waited for the record would not be answered.
        let ((begun, has_begun), (end, ended)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
        let db = world.rig.db.clone();
        let writing = tokio::spawn(async move {
            let written: Result<(), platform::db::Error> = db
                .write(move |_| {
                    Box::pin(async move {
                        begun.send(()).unwrap();
                        ended.await.unwrap();
                        Ok(())
                    })
                })
                .await;
            written.unwrap();
        });
        has_begun.await.unwrap();
        for _ in 0..5 {
            assert_eq!(ask(&world, &format!("/Practitioner?identifier={ann}")).await.status, StatusCode::OK);
        }
        assert_eq!(world.recorded("workers-shown").await, before);
        end.send(()).unwrap();
        writing.await.unwrap();
        let recorded = async {
            while world.recorded("workers-shown").await < before + 5 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), recorded).await.unwrap();
        assert_eq!(world.recorded("workers-shown").await, before + 5, "each once");
    }

    /// Roles have their period, person, place and job role; those that close are left out on that day; pages go on.
    async fn roles_are_told(db: Db) {
        let (world, ann) = with_doctor(db, Config::default()).await;
        world.rig.keep_model();
        let path = format!("/PractitionerRole?practitioner.identifier={ann}");
        let found = ask(&world, &format!("{path}&_include=PractitionerRole:practitioner&_include=PractitionerRole:organization")).await;
        assert_eq!((found.body["total"].as_i64(), ids(&found, "include").len()), (Some(2), 3), "{}", found.body);
        let entries = found.body["entry"].as_array().unwrap();
        let role = &entries.iter().find(|entry| entry["resource"]["organization"]["identifier"]["value"] == "RXX").unwrap()["resource"];
        let id = role["id"].as_str().unwrap();
        assert_eq!(role["identifier"], json!([{"system": format!("{ID}sds-role-profile-id"), "value": id}]));
        assert_eq!(role["period"], json!({"start": day(0), "end": day(2)}));
        assert_eq!(role["practitioner"], json!({"reference": format!("Practitioner/{ann}"),
            "identifier": {"system": format!("{ID}sds-user-id"), "value": ann}, "display": "Dr Ann O'Brien"}));
        assert_eq!(role["organization"], json!({"reference": "Organization/RXX",
            "identifier": {"system": format!("{ID}ods-organization-code"), "value": "RXX"}, "display": "RXX"}));
        let coding = &role["code"][0]["coding"][0];
        assert_eq!((coding["system"].as_str(), coding["code"].as_str()),
            (Some("https://fhir.nhs.uk/CodeSystem/NHSDigital-SDS-JobRoleCode"), Some("S0010:G0020:R8000")));
        assert_eq!(coding["display"].as_str().map(|name| name.matches('"').count()), Some(6));
        assert!(entries.iter().any(|entry| entry["resource"] == json!({"resourceType": "Organization", "id": "RXX01",
            "identifier": [{"system": format!("{ID}ods-organization-code"), "value": "RXX01"}], "name": "RXX01"})));

        for (query, many) in [
            (format!("identifier={ID}sds-role-profile-id%7C{id}"), 1), (format!("_id={id}"), 1), (format!("practitioner=Practitioner/{ann}"), 2),
            (format!("practitioner={ann}&organization=rxx"), 1), (format!("practitioner={ann}&role=R8000"), 2),
            (format!("practitioner={ann}&role=https://fhir.nhs.uk/England/CodeSystem/England-SDSJobRoleName%7CR0260"), 0),
        ] {
            assert_eq!(ids(&ask(&world, &format!("/PractitionerRole?{query}")).await, "match").len(), many, "{query}");
        }
        let mut paged = Vec::new();
        let mut next = format!("/PractitionerRole?practitioner={ann}&_count=1");
        for _ in 0..3 {
            let page = ask(&world, &next).await;
            paged.extend(ids(&page, "match"));
            let links = page.body["link"].as_array().unwrap();
            let Some(link) = links.iter().find(|link| link["relation"] == "next") else { break };
            assert!(page.body["total"].is_null(), "how many there are is not known before the end");
            next = String::from(link["url"].as_str().unwrap().split_once(BASE).unwrap().1);
        }
        assert_eq!(paged, ids(&found, "match"));

        world.wait_days(2);
        let later = ask(&world, &path).await;
        assert_eq!((later.body["total"].as_i64(), ids(&later, "match").contains(&id.to_owned())), (Some(1), false), "it closes today");
        assert_eq!(codes(&ask(&world, &format!("/PractitionerRole/{id}")).await).0, 404);
    }

    /// Pages over the roles of several people have each role once and in the same order, wherever they are cut: between people, and between the roles of
    /// one of them.
    async fn pages_of_roles_go_on_from_any_place(db: Db) {
        let (world, _ann) = with_doctor(db, Config::default()).await;
        let more = crate::world::position("RXX", "Nurses of the night", crate::world::ROLE_OF_NURSES, &["B0380"]);
        let more = world.make(&who(MANAGER), &more).await;
        for number in [NURSE, NURSE + 1, NURSE + 2] {
            for position in [&world.clinic, &more] {
                world.assign(&who(AGENT), number, position).await;
            }
        }
        let path = "/PractitionerRole?organization=RXX";
        let all = ids(&ask(&world, &format!("{path}&_count=200")).await, "match");
        // Six who are something in the registration authority, the doctor, and three with two roles.
        assert_eq!(all.len(), 6 + 1 + 3 * 2, "{all:?}");
        for count in [1, 2, 3, 4, 5, 12] {
            let (mut paged, mut next) = (Vec::new(), Some(format!("{path}&_count={count}")));
            while let Some(path) = next {
                let page = ask(&world, &path).await;
                let here = ids(&page, "match");
                assert!(here.len() <= count && paged.len() < all.len(), "{count}: {}", page.body);
                paged.extend(here);
                let links = page.body["link"].as_array().unwrap();
                let link = links.iter().find(|link| link["relation"] == "next");
                next = link.map(|link| link["url"].as_str().unwrap().split_once(BASE).unwrap().1.to_owned());
            }
            assert_eq!(paged, all, "{count}");
        }
    }

    /// Where only the model is wanted there are no pages: of more roles than an answer has nothing is told, with what to do, and asked for in parts
    /// each of them is.
    async fn strictly_nothing_is_cut(db: Db) {
        let world = World::with(db, Config::default()).await;
        for number in NURSE..NURSE + 101 {
            for position in [&world.ward, &world.clinic] {
                world.assign(&who(AGENT), number, position).await;
            }
        }
        let strict = strict(&world.rig);
        let asked = async |people: &[String]| {
            let path = format!("{BASE}/PractitionerRole?practitioner.identifier={}", people.join(","));
            strict.send(&client(), Method::GET, &path, &[], None).await
        };
        let people: Vec<String> = (NURSE..NURSE + 101).map(user).collect();
        let before = world.recorded("workers-shown").await;
        let refused = asked(&people).await;
        assert_eq!(codes(&refused), (422, "too-costly", ""));
        assert!(refused.body["issue"][0]["diagnostics"].as_str().unwrap().contains("Ask for fewer people"), "{}", refused.body);
        assert_eq!(world.recorded("workers-shown").await, before, "nobody was shown");
        let mut told = std::collections::BTreeSet::new();
        for some in people.chunks(100) {
            let answer = asked(some).await;
            let many = 2 * some.len();
            let here = ids(&answer, "match");
            assert_eq!((here.len(), answer.body["total"].as_u64()), (many, u64::try_from(many).ok()), "{}", answer.status);
            let links = answer.body["link"].as_array().unwrap();
            assert!(links.len() == 1 && links[0]["relation"] == "self", "{links:?}");
            told.extend(here);
        }
        assert_eq!(told.len(), 202);
    }

    /// Every refusal has its status and code, and nobody who may not sees anybody.
    async fn workers_are_refused(db: Db) {
        let (world, ann) = with_doctor(db.clone(), Config::default()).await;
        let missing = (400, "required", "MISSING_PRACTITIONER_IDENTIFIER");
        for query in ["/Practitioner", "/Practitioner?identifier=%20", "/PractitionerRole?identification=1", "/PractitionerRole?role=R0260"] {
            assert_eq!(codes(&ask(&world, query).await), missing, "{query}");
        }
        for (query, expected) in [
            ("identifier=12", (400, "value", "INVALID_IDENTIFIER_VALUE")), ("identifier=urn:x%7C1", (400, "value", "INVALID_IDENTIFIER_SYSTEM")),
            ("_count=x&name=brien", (400, "invalid", "")), ("_cursor=x&name=brien", (400, "invalid", "")), ("name=%00ab", (400, "invalid", "")),
            (&*format!("identifier={ann}&_revinclude=PractitionerRole"), (400, "invalid", "INVALID_PARAMETER")),
            ("identifier=999999999999", (404, "unknown", "404")),
        ] {
            assert_eq!(codes(&ask(&world, &format!("/Practitioner?{query}")).await), expected, "{query}");
        }
        let path = format!("/Practitioner?identifier={ann}");
        assert_eq!(ask(&world, &format!("{path}&_revinclude=A:b&colour=red")).await.status, StatusCode::OK, "passed over");
        let send = |caller: Caller, method: Method, path: String, header: (&'static str, &'static str)| {
            let rig = &world.rig;
            async move { rig.send(&caller, method, &format!("{BASE}{path}"), &[header], None).await }
        };
        let strictly = send(client(), Method::GET, format!("{path}&colour=red"), ("prefer", "handling=strict")).await;
        assert_eq!(codes(&strictly), (400, "invalid", "INVALID_PARAMETER"));
        let plain = ("accept", "text/turtle");
        assert_eq!(codes(&send(client(), Method::GET, path.clone(), plain).await), (406, "not-supported", "MISSING_OR_INVALID_HEADER"));
        for (method, path) in [(Method::DELETE, path.as_str()), (Method::GET, "/Patient"), (Method::POST, "/Practitioner")] {
            let answer = send(client(), method, path.to_owned(), plain).await;
            assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NOT_FOUND, Some("")), "{path}");
        }

        let before = world.recorded("workers-shown").await;
        let mut outsider = who(NURSE);
        outsider.acts.clear();
        for stranger in [system("other", &[LOOK_UP]), system("none", &[]), outsider] {
            let answer = ask_as(&world, &stranger, &path).await;
            assert_eq!((answer.status, codes(&answer).1), (StatusCode::FORBIDDEN, "forbidden"));
        }
        assert_eq!(world.recorded("workers-shown").await, before);
        assert_eq!(ids(&ask_as(&world, &who(AGENT), &path).await, "match"), [&*ann], "who acts in the register finds people");
        let role = ("nhsd-session-urid", "1");
        assert_eq!(send(who(AGENT), Method::GET, path.clone(), role).await.status, StatusCode::FORBIDDEN);

        let closed = "UPDATE directory_person SET state = 'closed', close_reason = 'left', closed_at = 0 WHERE user_id = $1";
        execute(&db, closed, vec![user(NURSE)]).await;
        let left = ask(&world, &format!("/Practitioner?identifier={}", user(NURSE))).await;
        assert_eq!((codes(&left), left.body["issue"][0]["diagnostics"].as_str()), ((400, "business-rule", ""), Some("User inactive")));
        assert_eq!(codes(&ask(&world, &format!("/PractitionerRole?practitioner.identifier={}", user(NURSE))).await).1, "business-rule");
        assert_eq!(codes(&ask(&world, &format!("/Practitioner/{}", user(NURSE))).await).0, 410);
        assert_eq!(ask(&world, &format!("/Practitioner?_id={}", user(NURSE))).await.body["total"], 0);
    }

    /// Who is asked for by id is there whatever else does not hold of them, which finds nobody and is recorded; nobody has an id that nobody has. Long
    /// lists of ids are refused, and counting is recorded.
    async fn other_conditions_find_nobody(db: Db) {
        let (world, ann) = with_doctor(db, Config::default()).await;
        let by = format!("identifier={ann}");
        for (query, total) in [
            ("family=o'b", 1), ("family:exact=O'Brien&given=mary", 1), ("identifier=https://fhir.nhs.uk/Id/gmc-number%7C1234567", 1), ("_lastUpdated=ge2000", 1),
            ("family:exact=O'B", 0), ("name=zzz", 0), ("_lastUpdated=lt2000", 0), ("identifier=https://fhir.nhs.uk/Id/gmc-number%7C7654321", 0),
        ] {
            let before = world.recorded("workers-shown").await;
            for _ in 0..2 {
                let found = ask(&world, &format!("/Practitioner?{by}&{query}")).await;
                assert_eq!((found.status, found.body["total"].as_i64()), (StatusCode::OK, Some(total)), "{query}: {}", found.body);
            }
            assert_eq!(world.recorded("workers-shown").await, before + 2, "{query}");
            let whole = by.replace('=', &format!("={ID}sds-user-id%7C"));
            let found = ask(&world, &format!("/Practitioner?{whole}&{query}")).await;
            // A middle name narrows, and finds nobody by itself.
            assert!(found.body["total"].as_i64().is_some_and(|here| here <= total), "{query}: {}", found.body);
            assert_eq!(world.recorded("workers-shown").await, before + 3, "{query}");
        }
        let roles = ask(&world, &format!("/PractitionerRole?practitioner.identifier={ann}&organization=RZZ")).await;
        assert_eq!((roles.status, roles.body["total"].as_i64()), (StatusCode::OK, Some(0)), "{}", roles.body);
        let before = world.recorded("workers-shown").await;
        assert_eq!(codes(&ask(&world, "/Practitioner?identifier=999999999999&family=o'b").await).0, 404);
        assert_eq!(world.recorded("workers-shown").await, before, "there is nobody of whom something is said");
        let counted = ask(&world, "/Practitioner?name=brien&_summary=count").await;
        assert_eq!((counted.body["total"].as_i64(), counted.body["entry"].is_null()), (Some(0), true), "no name begins so");
        let counted = ask(&world, "/Practitioner?name=o'brien&_summary=count").await;
        assert_eq!((counted.body["total"].as_i64(), counted.body["entry"].is_null()), (Some(1), true), "{}", counted.body);
        assert_eq!(world.recorded("workers-shown").await, before + 1);
        let list = |many: u64| (0..many).map(|one| (555_000_000_000 + one).to_string()).collect::<Vec<_>>().join(",");
        for (many, status) in [(200, StatusCode::OK), (501, StatusCode::BAD_REQUEST)] {
            assert_eq!(ask(&world, &format!("/Practitioner?_id={}", list(many))).await.status, status);
        }
        let names = (0..21).map(|one| format!("name{one}")).collect::<Vec<_>>().join(",");
        assert_eq!(codes(&ask(&world, &format!("/Practitioner?name={names}")).await).0, 400);
    }

    /// Whoever an index knows and who is not meant is passed over, however many they are: who is meant behind them is found and counted, and pages
    /// come to an end.
    async fn those_who_are_not_meant_hold_nobody_up(db: Db) {
        let world = World::new(db.clone()).await;
        // Found by a key that begins with their given name, and called otherwise.
        let named = "UPDATE directory_person SET given = $2, family = $3 WHERE user_id = $1";
        let key = "INSERT INTO directory_person_key (key, user_id) VALUES ($2, $1)";
        for number in NURSE..NURSE + 101 {
            execute(&db, named, vec![user(number), "Mary".to_owned(), "Grace".to_owned()]).await;
            execute(&db, key, vec![user(number), "mary grace".to_owned()]).await;
        }
        let meant = user(NURSE + 150);
        execute(&db, named, vec![meant.clone(), "Ann".to_owned(), "Mary".to_owned()]).await;
        execute(&db, key, vec![meant.clone(), "mary ann".to_owned()]).await;
        let found = ask(&world, "/Practitioner?family=Mary").await;
        assert_eq!((found.status, ids(&found, "match")), (StatusCode::OK, vec![meant]), "{}", found.body);
        assert_eq!(found.body["total"], 1, "nothing is left to be read: {}", found.body["link"]);
        let counted = ask(&world, "/Practitioner?family=Mary&_summary=count").await;
        assert_eq!((counted.status, counted.body["total"].as_i64()), (StatusCode::OK, Some(1)), "{}", counted.body);
        let none = ask(&world, "/Practitioner?family:exact=mary&_summary=count").await;
        assert_eq!((none.status, none.body["total"].as_i64()), (StatusCode::OK, Some(0)), "{}", none.body);
        assert_eq!(ids(&ask(&world, "/Practitioner?family=Grace&given=Mary&_count=200").await, "match").len(), 0, "no key begins so");
        assert_eq!(ids(&ask(&world, "/Practitioner?given=Mary&_count=200").await, "match").len(), 101);
    }

    /// Numbers of national lists, and of bodies for which nobody else has a system, are told and found.
    async fn every_number_is_found(db: Db) {
        let world = World::new(db).await;
        let mut ann = new_person("Ann", "Example", "1984-07-23", "111222333");
        ann["registrations"] = json!([{"body": "GMP", "number": "G1234567"}, {"body": "Consultant", "number": "C1234567"}, {"body": "GOsC", "number": "1234"}]);
        let ann = world.rig.make(&who(MANAGER), &ann).await.to_string();
        for number in ["gmp-number|G1234567", "consultant-code|c1234567", "gosc-number|1234"] {
            let found = ask(&world, &format!("/Practitioner?identifier={ID}{}", number.replace('|', "%7C"))).await;
            assert_eq!(ids(&found, "match"), [&*ann], "{number}");
        }
        let told = ask(&world, &format!("/Practitioner?identifier={ann}")).await;
        let identifiers = told.body["entry"][0]["resource"]["identifier"].as_array().unwrap();
        let systems: Vec<&str> = identifiers.iter().map(|one| one["system"].as_str().unwrap().trim_start_matches(ID)).collect();
        assert_eq!(systems, ["sds-user-id", "gmp-number", "consultant-code", "gosc-number"]);
    }

    /// What the model lacks: the statement, read with tags, forms, parts, XML and the other dialect; all of it can be off.
    async fn additions_are_there_or_not(db: Db) {
        let england = Config { workers: WorkersConfig { dialect: Dialect::England }, ..Config::default() };
        let (world, ann) = with_doctor(db.clone(), england).await;
        let statement = ask(&world, "/metadata").await.body;
        assert_eq!((statement["resourceType"].as_str(), statement["fhirVersion"].as_str()), (Some("CapabilityStatement"), Some("4.0.1")));
        let one = ask(&world, &format!("/Practitioner/{ann}")).await;
        assert_eq!(one.body["identifier"][1]["system"], "https://fhir.hl7.org.uk/Id/gmc-number");
        assert_eq!(one.body["name"], json!([{"use": "official", "family": "O'Brien", "given": ["Ann", "Mary", "Jane"], "prefix": ["Dr"]}]));
        let role = ask(&world, &format!("/PractitionerRole?practitioner={ann}")).await;
        assert_eq!(role.body["entry"][0]["resource"]["code"][0]["coding"][0]["code"], "R8000");
        let tag = one.etag();
        let path = format!("{BASE}/Practitioner/{ann}");
        let again = world.rig.send(&client(), Method::GET, &path, &[("if-none-match", &tag)], None).await;
        assert_eq!((again.status, again.body.as_str(), again.etag()), (StatusCode::NOT_MODIFIED, Some(""), tag));
        let less = ask(&world, &format!("/Practitioner/{ann}?_elements=active")).await.body;
        let members: Vec<&String> = less.as_object().unwrap().keys().collect();
        assert_eq!((members.len(), less["meta"]["tag"][0]["code"].as_str(), less["active"].as_bool()), (4, Some("SUBSETTED"), Some(true)), "{less}");
        let xml = world.rig.send(&client(), Method::GET, &path, &[("accept", "application/fhir+xml")], None).await;
        assert_eq!(xml.headers["content-type"], "application/fhir+xml");
        assert!(xml.body.as_str().is_some_and(|text| text.contains("<family value=\"O'Brien\"/>")), "{}", xml.body);
        let form = format!("_id={ann}&_summary=count");
        let posted = world.rig.file(&client(), Method::POST, &format!("{BASE}/Practitioner/_search"), &[("content-type", "application/x-www-form-urlencoded")], form.as_bytes()).await;
        assert_eq!((posted.body["total"].as_i64(), posted.body["entry"].is_null()), (Some(1), true), "{}", posted.body);

        let register = directory::Register::new(directory::Parts {
            config: Config { strict: true, ..Config::default() }, db: db.clone(), clock: world.rig.clock(),
            document_key: directory::DocumentKey::new(&[7; 32]),
        }).unwrap();
        let strict = world.rig.beside(register);
        let off = |method: Method, path: String| {
            let strict = &strict;
            async move { strict.send(&client(), method, &format!("{BASE}{path}"), &[], None).await }
        };
        for (method, path) in [(Method::GET, "/metadata".to_owned()), (Method::GET, format!("/Practitioner/{ann}")), (Method::POST, "/Practitioner/_search".to_owned())] {
            assert_eq!(off(method, path.clone()).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(codes(&off(Method::GET, "/Practitioner?name=brien".to_owned()).await).2, "MISSING_PRACTITIONER_IDENTIFIER");
        let model = off(Method::GET, format!("/Practitioner?identifier={ann}&_elements=id")).await;
        assert_eq!(model.body["entry"][0]["resource"]["active"], Value::Bool(true), "members are not chosen there");
    }
}
