//! The Organisation Data Terminology FHIR API: organisations, relationships and code systems; and every refusal.

use directory::api::{LOOK_UP, READ};
use directory::organisation::Mode;
use directory::{Config, DocumentKey, Parts, Register};
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use serde_json::{Value, json};

use crate::organisation_import::{bring_text, release};
use crate::rig::{Answered, Rig, system};

const BASE: &str = "/organisation-data-terminology-api/fhir";
const ODS: &str = "https://digital.nhs.uk/services/organisation-data-service/CodeSystem/";
const CODE: &str = "https://fhir.nhs.uk/Id/ods-organization-code";

fn client() -> Caller {
    system("pas", &[LOOK_UP])
}

async fn ask(rig: &Rig, path: &str) -> Answered {
    rig.send(&client(), Method::GET, &format!("{BASE}{path}"), &[("host", "directory.example")], None).await
}

async fn post(rig: &Rig, path: &str, body: &Value) -> Answered {
    rig.send(&client(), Method::POST, &format!("{BASE}{path}"), &[], Some(body)).await
}

/// Three organisations: a trust, a surgery that it operates, and a pharmacy that has closed.
pub(crate) async fn seeded(db: Db) -> Rig {
    let rig = Rig::new(db);
    let dates = "<Date><Type value=\"Operational\"/><Start value=\"1974-04-01\"/></Date>";
    let role = |id: u32, role: &str, primary: bool, status: &str| {
        format!(
            "<Role id=\"{role}\" uniqueRoleId=\"{id}\" primaryRole=\"{primary}\">{dates}<Status value=\"{status}\"/></Role>"
        )
    };
    let place = |town: &str, postcode: &str| {
        format!(
            "<GeoLoc><Location><AddrLn1>1 HIGH_STREET</AddrLn1><Town>{town}</Town><PostCode>{postcode}</PostCode><Country>ENGLAND</Country></Location></GeoLoc>"
        )
    };
    let one = |class: &str, code: &str, name: &str, status: &str, changed: &str, rest: &str| {
        format!(
            "<Organisation orgRecordClass=\"{class}\"><Name>{name}</Name>{dates}<OrgId extension=\"{code}\"/>\
             <Status value=\"{status}\"/><LastChangeDate value=\"{changed}\"/>{rest}</Organisation>\n"
        )
    };
    let rel = "<Rels><Rel id=\"RE6\" uniqueRelId=\"256248\"><Status value=\"Active\"/><Target><OrgId extension=\"RXX\"/>\
               <PrimaryRoleId id=\"RO197\"/></Target></Rel></Rels>";
    let trust = format!("{}<Roles>{}</Roles>", place("LEEDS", "LS1 1AA"), role(1, "RO197", true, "Active"));
    let surgery = format!(
        "{}<Contacts><Contact type=\"tel\" value=\"01825 763196\"/></Contacts><Roles>{}{}</Roles>{rel}",
        place("UCKFIELD", "TN22 5AW"),
        role(103_262, "RO177", true, "Active"),
        role(184_233, "RO76", false, "Inactive"),
    );
    let succession = "<Succs><Succ uniqueSuccId=\"77\"><Type value=\"Successor\"/><Target><OrgId extension=\"G81086\"/></Target></Succ></Succs>";
    let pharmacy = format!("<Roles>{}</Roles>{succession}", role(214_621, "RO182", true, "Inactive"));
    let text = [
        one("RC1", "RXX", "LARKFIELD NHS TRUST", "Active", "2024-01-15", &trust),
        one("RC1", "G81086", "BIRD-IN-EYE SURGERY", "Active", "2024-02-01", &surgery),
        one("RC2", "FCE71", "LLOYDS PHARMACY", "Inactive", "2023-08-22", &pharmacy),
    ];
    bring_text(&rig, &release("2024-03-01", &text.concat()), Mode::Apply).await.unwrap();
    rig
}

fn ids(answer: &Answered, mode: &str) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let entries = answer.body["entry"].as_array().cloned().unwrap_or_default();
    let of = entries.iter().filter(|entry| entry["search"]["mode"] == mode);
    of.map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

/// Status, FHIR's code and the sentence of a refusal.
fn refusal(answer: &Answered) -> (u16, &str, &str) {
    assert_eq!(answer.body["resourceType"], "OperationOutcome", "{answer:?}");
    assert!(
        answer.body["text"]["div"].as_str().is_some_and(|div| div.starts_with("<div xmlns")),
        "it has a narrative"
    );
    let issue = &answer.body["issue"][0];
    (answer.status.as_u16(), issue["code"].as_str().unwrap(), issue["diagnostics"].as_str().unwrap())
}

/// The values of a parameter of this name.
fn values<'a>(answer: &'a Answered, name: &str) -> Vec<&'a Value> {
    let all = answer.body["parameter"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    all.iter().filter(|one| one["name"] == name).collect()
}

platform::both_engines! {
    /// Organisations are found by each parameter, page by page, with what refers to them.
    async fn organisations_are_told(db: Db) {
        let rig = seeded(db).await;
        let all = ["FCE71", "G81086", "RXX"];
        let cases: &[(&str, &[&str])] = &[
            ("", &all), ("_id=rxx,fce71", &["FCE71", "RXX"]), (&format!("identifier={CODE}%7CRXX"), &["RXX"]), ("identifier=urn:x%7CRXX", &[]),
            ("lastChangeDate=gt2024-01-01", &["G81086", "RXX"]), ("lastChangeDate=ge2024-01-15&lastChangeDate=lt2024-02-01", &["RXX"]),
            ("lastChangeDate=2023-08", &["FCE71"]), ("name=lark", &["RXX"]), ("name=surgery", &[]), ("name:contains=surgery", &["G81086"]),
            ("name:exact=LARKFIELD NHS TRUST", &["RXX"]), ("name:exact=larkfield nhs trust", &[]), ("active=false", &["FCE71"]),
            ("type=RC2", &["FCE71"]), ("type=RefOnly", &[]), (&format!("type={ODS}ODSRecordClass%7CRC1"), &["G81086", "RXX"]),
            ("roleCode=RO76", &["G81086"]), ("activeRoleCode=RO76", &[]), ("roleCode=RO177,RO197", &["G81086", "RXX"]), ("roleCode=RO177&roleCode=RO76", &["G81086"]),
            ("activeRoleCode:not=RO197", &["FCE71", "G81086"]), ("address-city=leed", &["RXX"]), ("address-postalcode=tn225", &["G81086"]),
            ("address-country:exact=ENGLAND", &["G81086", "RXX"]), ("address:contains=ckfie", &["G81086"]), ("address=1 high", &["G81086", "RXX"]),
            ("address:contains=1%25h", &[]), ("address:contains=h_s", &["G81086", "RXX"]), ("address:contains=ghxst", &[]),
        ];
        for &(query, found) in cases {
            let path = format!("/Organization?{}", query.replace(' ', "%20"));
            let answer = ask(&rig, &path).await;
            assert_eq!((ids(&answer, "match"), answer.body["total"].as_u64()), (found.iter().map(|&id| id.to_owned()).collect(), Some(found.len() as u64)), "{query}");
        }
        let both = ask(&rig, "/Organization?_id=RXX&_revinclude=OrganizationAffiliation:participating-organization").await;
        assert_eq!((ids(&both, "match"), ids(&both, "include")), (vec!["RXX".to_owned()], vec!["256248".to_owned()]));
        let own = ask(&rig, "/Organization?_id=RXX&_revinclude=OrganizationAffiliation:primary-organization").await;
        assert!(ids(&own, "include").is_empty(), "{}", own.body);
        let counted = ask(&rig, "/Organization?_summary=count").await;
        assert_eq!((counted.body["total"].as_u64(), counted.body["entry"].is_null()), (Some(3), true));

        for begin in ["_count=1", "_count=1&_cursor=*"] {
            let (mut next, mut found) = (format!("/Organization?{begin}"), Vec::new());
            loop {
                let page = ask(&rig, &next).await;
                found.extend(ids(&page, "match"));
                let links = page.body["link"].as_array().unwrap().clone();
                let of = |relation: &str| links.iter().find(|link| link["relation"] == relation).and_then(|link| link["url"].as_str());
                assert_eq!(of("previous").is_some(), found.len() > 1 && !begin.contains("cursor"));
                let Some(link) = of("next") else { break };
                next = String::from(link.strip_prefix("https://directory.example").unwrap().strip_prefix(BASE).unwrap());
            }
            assert_eq!(found, all, "{begin}");
        }

        let one = ask(&rig, "/Organization/G81086").await;
        assert_eq!(one.body["extension"][0]["extension"][0], json!({"url": "instanceID", "valueInteger": 103_262}));
        assert_eq!((one.body["extension"].as_array().map(Vec::len), one.body["name"].as_str()), (Some(3), Some("BIRD-IN-EYE SURGERY")));
        let tag = one.etag();
        let again = rig.send(&client(), Method::GET, &format!("{BASE}/Organization/G81086"), &[("if-none-match", &tag)], None).await;
        assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, Some("")));
        let xml = ask(&rig, "/Organization/G81086?_format=xml").await;
        assert_eq!(xml.headers["content-type"], "application/fhir+xml");
        assert!(xml.body.as_str().is_some_and(|text| text.contains("<Organization xmlns=\"http://hl7.org/fhir\"><id value=\"G81086\"/>")));
        let less = ask(&rig, "/Organization/G81086?_elements=name").await;
        assert_eq!((less.body["name"].is_string(), less.body["extension"].is_null()), (true, true), "{}", less.body);
        let form = rig.file(&client(), Method::POST, &format!("{BASE}/Organization/_search"), &[("content-type", "application/x-www-form-urlencoded")], b"name=lark").await;
        assert_eq!(ids(&form, "match"), ["RXX"]);
    }

    /// A search has so many values at most, each counted once; of what no index knows how many there are is said at the end, and to whoever asks.
    async fn searches_are_bounded(db: Db) {
        let rig = seeded(db).await;
        let list = |many: usize| (0..many).map(|one| format!("zq{one}")).collect::<Vec<_>>().join(",");
        for (query, status) in [
            (format!("address={}", list(900)), 400),
            (format!("name={}", list(1_001)), 400),
            (format!("name:contains={}&address-city={}", list(20), list(1)), 400),
            (format!("_id={}", list(1_001)), 400),
            (format!("address={}", vec!["zq"; 900].join(",")), 200),
            (format!("address:contains={}", list(20)), 200),
            (format!("_id={}", list(200)), 200),
        ] {
            let answer = ask(&rig, &format!("/Organization?{query}")).await;
            assert_eq!(answer.status.as_u16(), status, "{} {}", &query[..query.len().min(60)], answer.body);
        }
        let many = ask(&rig, &format!("/OrganizationAffiliation?_id={}", list(201))).await;
        assert_eq!(many.status, StatusCode::BAD_REQUEST);
        for (query, total) in [
            ("address-country=engl&_count=1", None),
            ("address-country=engl&_count=1&_offset=1", Some(2)),
            ("address-country=engl&_count=1&_total=accurate", Some(2)),
            ("address-country=engl&_summary=count", Some(2)),
            ("_summary=count&_cursor=*", Some(3)),
            ("name=lark&_count=1", Some(1)),
            ("_count=1", Some(3)),
        ] {
            let answer = ask(&rig, &format!("/Organization?{query}")).await;
            assert_eq!((answer.status, answer.body["total"].as_u64()), (StatusCode::OK, total), "{query}");
        }
    }

    /// Relationships are found by their ends, with these; lists of what was deleted are there; nothing is told to strangers.
    async fn relationships_are_told(db: Db) {
        let rig = seeded(db.clone()).await;
        for (query, many) in [
            ("", 1), ("_id=256248", 1), (&*format!("identifier={ODS}organization-relationship-instance%7C256248"), 1), ("primary-organization=g81086", 1),
            ("primary-organization=RXX", 0), ("participating-organization=Organization/RXX", 1), ("active=false", 0), ("active=true&_cursor=*", 1),
        ] {
            assert_eq!(ids(&ask(&rig, &format!("/OrganizationAffiliation?{query}")).await, "match").len(), many, "{query}");
        }
        let with = ask(&rig, "/OrganizationAffiliation?_id=256248&_include=OrganizationAffiliation:primary-organization&_include=OrganizationAffiliation:participating-organization").await;
        assert_eq!(ids(&with, "include"), ["G81086", "RXX"]);
        let one = ask(&rig, "/OrganizationAffiliation/256248").await;
        assert_eq!((one.body["organization"]["reference"].as_str(), one.body["code"][0]["coding"][0]["display"].as_str()), (Some("Organization/G81086"), Some("IS OPERATED BY")));
        for list in ["Organization-deletion", "OrganizationAffiliation-deletion", "Organization-role-deletion", "Organization-succession-deletion"] {
            assert_eq!(ask(&rig, &format!("/List/{list}")).await.body["mode"], "changes", "{list}");
        }
        let statement = ask(&rig, "/metadata").await.body;
        assert_eq!((statement["resourceType"].as_str(), statement["rest"][0]["resource"].as_array().map(Vec::len)), (Some("CapabilityStatement"), Some(6)));
        assert_eq!(statement["rest"][0]["operation"][0]["name"], "export");
        let known = ask(&rig, "/metadata?mode=terminology").await.body;
        assert_eq!((known["resourceType"].as_str(), known["codeSystem"][0]["version"][0]["code"].as_str()), (Some("TerminologyCapabilities"), Some("2024-03-01")));

        for (path, expected) in [
            ("/Organization/NONE", (404, "processing", "HAPI-2001")), ("/Organization/rxx", (404, "processing", "HAPI-2001")), ("/OrganizationAffiliation/1", (404, "processing", "HAPI-2001")),
            ("/List/none", (404, "processing", "HAPI-2001")), ("/Organization?colour=red", (400, "processing", "HAPI-0524")), ("/OrganizationAffiliation?name=x", (400, "processing", "HAPI-0524")),
            ("/Organization?lastChangeDate=today", (400, "processing", "HAPI-1940")), ("/Organization?name=ab", (400, "processing", "Invalid value")),
            ("/Organization?_count=x", (400, "invalid", "Invalid _count")), ("/Organization?_offset=-1", (400, "processing", "Invalid _offset")), ("/Organization?name=%00abc", (400, "invalid", "'name' holds")),
            ("/Patient", (404, "processing", "HAPI-0302")), ("/OrganizationAffiliation?_cursor=x", (400, "processing", "Invalid _cursor")), ("/Organization?_format=turtle", (406, "not-supported", "Nothing")),
        ] {
            let answer = ask(&rig, path).await;
            let (status, code, sentence) = refusal(&answer);
            assert_eq!((status, code, sentence.starts_with(expected.2)), (expected.0, expected.1, true), "{path}: {sentence}");
        }
        let deleted = rig.send(&client(), Method::DELETE, &format!("{BASE}/Organization/RXX"), &[], None).await;
        assert!(refusal(&deleted).2.starts_with("HAPI-0427") && deleted.status == StatusCode::METHOD_NOT_ALLOWED);
        let lenient = rig.send(&client(), Method::GET, &format!("{BASE}/Organization?colour=red"), &[("prefer", "handling=lenient")], None).await;
        assert_eq!(lenient.body["total"], 3);
        let stranger = rig.send(&system("x", &[READ]), Method::GET, &format!("{BASE}/Organization"), &[], None).await;
        assert_eq!((stranger.status, refusal(&stranger).1), (StatusCode::FORBIDDEN, "forbidden"));

        let strict = Config { strict: true, ..Config::default() };
        let parts = Parts { config: strict, db, clock: rig.clock(), document_key: DocumentKey::new(&[7; 32]) };
        let strict = rig.beside(Register::new(parts).unwrap());
        assert_eq!(ids(&ask(&strict, "/Organization?_count=2&_offset=2").await, "match"), ["RXX"]);
        assert!(refusal(&ask(&strict, "/Organization?_elements=name").await).2.starts_with("HAPI-0524"));
        assert_eq!(post(&strict, "/Organization/_search", &json!({})).await.status, StatusCode::NOT_FOUND);
        assert_eq!(ask(&strict, "/CodeSystem/ods-organization-code").await.status, StatusCode::NOT_FOUND);
    }

    /// Concepts are looked up with what is said of them, judged, and held against each other.
    async fn codes_are_told(db: Db) {
        let rig = seeded(db).await;
        let systems = ask(&rig, "/CodeSystem").await;
        assert_eq!((ids(&systems, "match").len(), systems.body["entry"][0]["resource"]["concept"].is_null()), (8, true));
        assert_eq!(ids(&ask(&rig, &format!("/CodeSystem/?url={CODE}")).await, "match"), ["ods-organization-code-2024-03-01"]);
        let roles = ask(&rig, &format!("/CodeSystem?system={ODS}ODSOrganisationRole&_summary=false")).await;
        assert_eq!(roles.body["entry"][0]["resource"]["concept"].as_array().map(Vec::len), Some(130));
        assert_eq!(ask(&rig, "/CodeSystem/ODSRecordClass").await.body["concept"][0]["code"], "RC1");

        let told = ask(&rig, &format!("/CodeSystem/$lookup?system={CODE}&code=G81086&property=*")).await;
        assert_eq!(values(&told, "display")[0]["valueString"], "BIRD-IN-EYE SURGERY");
        let property = |name: &str| {
            let all = values(&told, "property");
            let of = all.iter().find(|one| one["part"][0]["valueCode"] == name).unwrap_or_else(|| panic!("{name}: {}", told.body));
            assert_eq!(of["part"].as_array().map(Vec::len), Some(3), "each is told twice");
            of["part"][1].clone()
        };
        assert_eq!((property("town")["valueString"].as_str(), property("status")["valueCode"].as_str()), (Some("UCKFIELD"), Some("Active")));
        assert_eq!((property("RE6")["valueCoding"]["code"].as_str(), property("primaryRole")["valueCoding"]["code"].as_str()), (Some("RXX"), Some("RO177")));
        assert_eq!((property("lastChangeDate")["valueDateTime"].as_str(), property("opStartDate")["valueDateTime"].as_str()), (Some("2024-02-01"), Some("1974-04-01")));
        assert_eq!(property("telephone")["valueString"], "01825 763196");
        for (system, code, display) in [
            ("organization-relationship-instance", "256248", "G81086 IS OPERATED BY RXX"), ("organization-role-instance", "184233", "G81086 GP PRACTICE"),
            ("succession", "77", "FCE71 Successor G81086"), ("ODSRelationship", "RE4", "IS COMMISSIONED BY"),
        ] {
            let told = ask(&rig, &format!("/CodeSystem/$lookup?system={ODS}{system}&code={code}")).await;
            assert_eq!(values(&told, "display")[0]["valueString"], display);
            let missing = ask(&rig, &format!("/CodeSystem/$lookup?system={ODS}{system}&code=NONE")).await;
            let text = missing.body["issue"][0]["details"]["text"].as_str().unwrap();
            assert!(refusal(&missing).0 == 404 && ["NONE", system, "2024-03-01"].iter().all(|part| text.contains(part)), "{text}");
        }
        assert_eq!(refusal(&ask(&rig, "/CodeSystem/$lookup?system=urn:x&code=1").await).0, 404);
        assert_eq!(refusal(&ask(&rig, "/CodeSystem/$lookup?code=1").await).0, 400);

        let result = |answer: &Answered| values(answer, "result")[0]["valueBoolean"].as_bool().unwrap();
        let judged = ask(&rig, &format!("/CodeSystem/$validate-code?url={CODE}&code=FCE71&property=status")).await;
        assert_eq!((result(&judged), values(&judged, "inactive")[0]["valueBoolean"].as_bool(), values(&judged, "status")[0]["valueCode"].as_str()), (true, Some(true), Some("Inactive")));
        assert!(!result(&ask(&rig, &format!("/CodeSystem/$validate-code?url={CODE}&code=NONE")).await));
        let coding = json!({"resourceType": "Parameters", "parameter": [{"name": "coding", "valueCoding": {"system": CODE, "code": "RXX", "display": "OTHER"}}]});
        let named = post(&rig, "/CodeSystem/$validate-code", &coding).await;
        assert!(!result(&named) && values(&named, "message")[0]["valueString"].as_str().unwrap().contains("LARKFIELD"));

        let held = |a: &'static str, b: &'static str| {
            let rig = &rig;
            async move { ask(rig, &format!("/CodeSystem/$subsumes?system={CODE}&codeA={a}&codeB={b}")).await }
        };
        assert_eq!(held("RXX", "RXX").await.body["parameter"][0]["valueCode"], "equivalent");
        assert_eq!(held("RXX", "FCE71").await.body["parameter"][0]["valueCode"], "not-subsumed");
        assert_eq!(refusal(&held("RXX", "NONE").await).0, 404);
    }

    /// Codes are compared within one system, whichever way it is said, and with whichever version of it; two of them are refused.
    async fn codes_are_compared_within_a_system(db: Db) {
        let rig = seeded(db).await;
        let roles = format!("{ODS}ODSOrganisationRole");
        let pinned = format!("{roles}|2024-03-01");
        let coding = |name: &str, system: &str| json!({"name": name, "valueCoding": {"system": system, "code": "RO76"}});
        let system = |url: &str| json!({"name": "system", "valueUri": url});
        let code = |name: &str| json!({"name": name, "valueCode": "RO76"});
        let other = format!("{ODS}ODSRelationship");
        for (parameter, status) in [
            (json!([system(&roles), coding("codingA", &roles), code("codeB")]), 200),
            (json!([coding("codingA", &pinned), coding("codingB", &roles)]), 200),
            (json!([coding("codingA", &roles), coding("codingB", &pinned)]), 200),
            (json!([system(&pinned), coding("codingA", &roles), coding("codingB", &roles)]), 200),
            (json!([system(&roles), coding("codingA", &other), code("codeB")]), 400),
            (json!([system(&roles), code("codeA"), coding("codingB", &other)]), 400),
            (json!([coding("codingA", &other), coding("codingB", &roles)]), 400),
            (json!([system(&roles), coding("codingA", "urn:x"), code("codeB")]), 400),
            (json!([system("urn:x"), code("codeA"), code("codeB")]), 404),
        ] {
            let body = json!({"resourceType": "Parameters", "parameter": parameter});
            let answer = post(&rig, "/CodeSystem/$subsumes", &body).await;
            assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.body);
            let is_compared = answer.body["parameter"][0]["valueCode"] == "equivalent";
            assert_eq!(is_compared, status == 200, "{body}: {}", answer.body);
        }
    }

    /// Sets are told with the properties that are asked for, page by page; what is too much, or not compared here, is refused.
    async fn sets_are_told(db: Db) {
        let rig = seeded(db).await;
        let set = |compose: Value, more: &[Value]| {
            let mut parameter = vec![json!({"name": "valueSet", "resource": {"resourceType": "ValueSet", "compose": compose}})];
            parameter.extend_from_slice(more);
            json!({"resourceType": "Parameters", "parameter": parameter})
        };
        let by = |property: &str, op: &str, value: &str| json!({"include": [{"system": CODE, "filter": [{"property": property, "op": op, "value": value}]}]});
        let codes = |answer: &Answered| {
            let all = answer.body["expansion"]["contains"].as_array().cloned().unwrap_or_default();
            all.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let cases: [(Value, &[&str]); 10] = [
            (json!({"include": [{"system": CODE}]}), &["FCE71", "G81086", "RXX"]), (by("lastChangeDate", "=", "ge2024-01-01"), &["G81086", "RXX"]),
            (by("role", "=", "RO177"), &["G81086"]), (by("role", "=", "RO76"), &[]), (by("RE6", "=", "RXX"), &["G81086"]), (by("status", "=", "Inactive"), &["FCE71"]),
            (by("role", "in", "RO177,RO197"), &["G81086", "RXX"]), (json!({"include": [{"system": CODE, "concept": [{"code": "RXX"}, {"code": "NONE"}]}]}), &["RXX"]),
            (json!({"include": [{"system": CODE}], "exclude": [{"system": CODE, "concept": [{"code": "RXX"}]}]}), &["FCE71", "G81086"]),
            (json!({"include": [{"system": format!("{ODS}ODSRecordClass")}, {"system": CODE, "concept": [{"code": "RXX"}]}]}), &["RC1", "RC2", "RXX"]),
        ];
        for (compose, found) in cases {
            let answer = post(&rig, "/ValueSet/$expand", &set(compose.clone(), &[])).await;
            assert_eq!((codes(&answer), answer.body["expansion"]["total"].as_u64()), (found.iter().map(|&id| id.to_owned()).collect(), Some(found.len() as u64)), "{compose}");
        }
        let whole = json!({"include": [{"system": CODE}]});
        let more = [json!({"name": "count", "valueInteger": 1}), json!({"name": "offset", "valueInteger": 1}), json!({"name": "property", "valueString": "town"}), json!({"name": "activeOnly", "valueBoolean": true})];
        let page = post(&rig, "/ValueSet/$expand", &set(whole.clone(), &more)).await;
        assert_eq!((codes(&page), page.body["expansion"]["total"].as_u64(), page.body["expansion"]["offset"].as_u64()), (vec!["RXX".to_owned()], Some(2), Some(1)));
        let told = &page.body["expansion"]["contains"][0]["extension"][0];
        assert_eq!(told["url"], "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property");
        assert_eq!(told["extension"], json!([{"url": "code", "valueCode": "town"}, {"url": "value", "valueString": "LEEDS"}]));
        let several = json!({"include": [{"system": format!("{ODS}ODSRecordClass")}, {"system": CODE, "concept": [{"code": "RXX"}]}]});
        let several = post(&rig, "/ValueSet/$expand", &set(several, &[json!({"name": "property", "valueString": "town"})])).await;
        assert_eq!(codes(&several), ["RC1", "RC2", "RXX"]);
        assert_eq!(several.body["expansion"]["contains"][2]["extension"][0]["extension"][1]["valueString"], "LEEDS");
        assert!(several.body["expansion"]["contains"][0]["extension"].is_null(), "it has no town");
        let named = ask(&rig, &format!("/ValueSet/$expand?url={ODS}ODSOrganisationRole%3Ffhir_vs&filter=pharmacy")).await;
        assert!(codes(&named).contains(&"RO182".to_owned()) && codes(&named).len() < 20);
        let xml = format!("<Parameters xmlns=\"http://hl7.org/fhir\"><parameter><name value=\"valueSet\"/><resource><ValueSet><compose><include>\
            <system value=\"{CODE}\"/><concept><code value=\"RXX\"/></concept></include></compose></ValueSet></resource></parameter></Parameters>");
        let asked = rig.file(&client(), Method::POST, &format!("{BASE}/ValueSet/$expand"), &[("content-type", "application/fhir+xml")], xml.as_bytes()).await;
        assert_eq!(codes(&asked), ["RXX"]);

        for (body, status, code) in [
            (set(by("colour", "=", "red"), &[]), 422, "too-costly"), (set(by("role", "regex", "(a+)+"), &[]), 422, "too-costly"),
            (set(json!({"include": [{"system": format!("{ODS}succession")}]}), &[]), 422, "too-costly"), (set(json!({"include": [{"system": "urn:x"}]}), &[]), 404, "not-found"),
            (set(json!({}), &[]), 400, "processing"), (json!({"resourceType": "Bundle"}), 400, "processing"), (set(whole.clone(), &[json!({"name": "count", "valueInteger": -1})]), 400, "processing"),
            (set(by("lastChangeDate", "=", "soon"), &[]), 400, "processing"),
        ] {
            let answer = post(&rig, "/ValueSet/$expand", &body).await;
            assert_eq!((refusal(&answer).0, refusal(&answer).1), (status, code), "{body}");
        }
        let judged = |code: &str| json!([{"name": "system", "valueUri": CODE}, {"name": "code", "valueCode": code}]).as_array().unwrap().clone();
        for (code, is_one) in [("G81086", true), ("RXX", false), ("NONE", false)] {
            let answer = post(&rig, "/ValueSet/$validate-code", &set(by("role", "=", "RO177"), &judged(code))).await;
            assert_eq!(values(&answer, "result")[0]["valueBoolean"], is_one, "{code}");
        }
        // What is left out is asked about the one code too: all of it would be too much, or is not told at all.
        let compose = json!({
            "include": [{"system": CODE}],
            "exclude": [{"system": format!("{ODS}organization-role-instance")}, {"system": CODE, "filter": [{"property": "status", "op": "=", "value": "Inactive"}]}],
        });
        for (code, is_one) in [("RXX", true), ("FCE71", false), ("NONE", false)] {
            let answer = post(&rig, "/ValueSet/$validate-code", &set(compose.clone(), &judged(code))).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
            assert_eq!(values(&answer, "result")[0]["valueBoolean"], is_one, "{code}");
        }
        let every = post(&rig, "/ValueSet/$expand", &set(compose, &[])).await;
        assert_eq!(refusal(&every).0, 422, "told whole, it is refused as before");
    }

    /// Who asks for a release that is not kept is refused, wherever it is said, and is never told what is now in its place; the present one may be named.
    async fn pinned_releases_are_not_taken_for_others(db: Db) {
        let rig = seeded(db).await;
        let coding = |version: &str| json!({"system": CODE, "code": "RXX", "version": version});
        let set = |include: Value| json!({"name": "valueSet", "resource": {"resourceType": "ValueSet", "compose": {"include": [include]}}});
        let part = |version: &str| json!({"system": CODE, "concept": [{"code": "RXX"}], "version": version});
        let posted = |parts: Vec<Value>| json!({"resourceType": "Parameters", "parameter": parts});
        for (version, status) in [("2024-03-01", StatusCode::OK), ("2023-01-01", StatusCode::NOT_FOUND)] {
            for path in [
                format!("/CodeSystem/$lookup?system={CODE}&code=RXX&version={version}"), format!("/CodeSystem/$lookup?system={CODE}%7C{version}&code=RXX"),
                format!("/CodeSystem/$validate-code?url={CODE}&code=RXX&version={version}"), format!("/CodeSystem/$validate-code?url={CODE}%7C{version}&code=RXX"),
                format!("/CodeSystem/$subsumes?system={CODE}&codeA=RXX&codeB=RXX&version={version}"), format!("/ValueSet/$expand?url={CODE}%7C{version}%3Ffhir_vs"),
                format!("/ValueSet/$expand?url={CODE}%3Ffhir_vs%7C{version}"), format!("/ValueSet/$expand?url={CODE}%3Ffhir_vs&system-version={CODE}%7C{version}"),
                format!("/ValueSet/$validate-code?url={CODE}%3Ffhir_vs&system={CODE}&code=RXX&systemVersion={version}"),
            ] {
                let answer = ask(&rig, &path).await;
                assert_eq!(answer.status, status, "{path}: {}", answer.body);
                assert!(status == StatusCode::OK || refusal(&answer).1 == "not-found" && refusal(&answer).2.contains("2023-01-01"), "{path}: {}", answer.body);
            }
            let of_code = || vec![json!({"name": "system", "valueUri": CODE}), json!({"name": "code", "valueCode": "RXX"})];
            for (path, body) in [
                ("/CodeSystem/$lookup", posted(vec![json!({"name": "coding", "valueCoding": coding(version)})])),
                ("/CodeSystem/$validate-code", posted(vec![json!({"name": "codeableConcept", "valueCodeableConcept": {"coding": [coding(version)]}})])),
                ("/CodeSystem/$subsumes", posted(vec![json!({"name": "codingA", "valueCoding": coding("")}), json!({"name": "codingB", "valueCoding": coding(version)})])),
                ("/ValueSet/$expand", posted(vec![set(part(version))])),
                ("/ValueSet/$validate-code", posted([of_code(), vec![set(part(version))]].concat())),
            ] {
                let answer = post(&rig, path, &body).await;
                assert_eq!(answer.status, status, "{path}: {}", answer.body);
            }
            let found = ask(&rig, &format!("/CodeSystem?url={CODE}%7C{version}")).await;
            assert_eq!(ids(&found, "match").len(), usize::from(status == StatusCode::OK));
        }
    }

    /// Where a method is refused it is said which there are; a cursor and a number of pages to pass over are not taken together.
    async fn refusals_say_what_there_is(db: Db) {
        let rig = seeded(db).await;
        for (method, path, allowed) in [
            (Method::POST, "/Organization", "GET, HEAD"), (Method::DELETE, "/OrganizationAffiliation/256248", "GET, HEAD"), (Method::PUT, "/metadata", "GET, HEAD"),
            (Method::GET, "/Organization/_search", "POST"), (Method::PUT, "/OrganizationAffiliation/_search", "POST"),
            (Method::DELETE, "/CodeSystem/$lookup", "GET, HEAD, POST"), (Method::PUT, "/ValueSet/$expand", "GET, HEAD, POST"),
        ] {
            let refused = rig.send(&client(), method.clone(), &format!("{BASE}{path}"), &[], None).await;
            assert_eq!((refused.status, refusal(&refused).2.starts_with("HAPI-0427")), (StatusCode::METHOD_NOT_ALLOWED, true), "{method} {path}");
            assert_eq!(refused.headers["allow"], allowed, "{method} {path}");
        }
        for kind in ["Organization", "OrganizationAffiliation"] {
            let both = ask(&rig, &format!("/{kind}?_cursor=*&_offset=1")).await;
            assert_eq!((refusal(&both).0, refusal(&both).2.starts_with("Invalid _offset")), (400, true), "{}", both.body);
            let first = ask(&rig, &format!("/{kind}?_cursor=*&_count=1")).await;
            assert_eq!(ids(&first, "match").len(), 1);
            if let Some(next) = first.body["link"][1]["url"].as_str() {
                assert!(!next.contains("_offset"), "{next}");
            }
        }
    }

    /// The largest set that is taken is told on either engine, and of filters that say the same one counts; a larger one is refused
    /// in a sentence.
    async fn largest_sets_are_told(db: Db) {
        let rig = seeded(db).await;
        let set = |include: Value| json!({"resourceType": "Parameters", "parameter": [
            {"name": "valueSet", "resource": {"resourceType": "ValueSet", "compose": {"include": [include]}}}]});
        let codes = |answer: &Answered| {
            let all = answer.body["expansion"]["contains"].as_array().cloned().unwrap_or_default();
            all.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let list = |from: usize, many: usize| (from..from + many).map(|one| format!("RO{one}")).collect::<Vec<_>>().join(",");
        let by = |property: &str, op: &str, value: &str| json!({"property": property, "op": op, "value": value});
        let others = (0..999).map(|one| json!({"code": format!("X{one:04}")}));
        let named: Vec<Value> = others.chain([json!({"code": "G81086"})]).collect();
        let mut filters: Vec<Value> = (0..99).map(|one| by("role", "not-in", &list(1_000 + 2 * one, 2))).collect();
        filters.push(by("role", "in", "RO177,RO197"));
        let largest = post(&rig, "/ValueSet/$expand", &set(json!({"system": CODE, "concept": named, "filter": filters}))).await;
        assert_eq!((largest.status, codes(&largest)), (StatusCode::OK, vec!["G81086".to_owned()]), "{}", largest.body);
        let system = format!("{ODS}ODSOrganisationRole");
        let same = vec![by("code", "in", &list(1, 200)); 100];
        let small = post(&rig, "/ValueSet/$expand", &set(json!({"system": system, "filter": same}))).await;
        assert!(codes(&small).contains(&"RO76".to_owned()) && !codes(&small).contains(&"RO201".to_owned()), "{}", small.body);
        for of in [CODE, system.as_str()] {
            let many: Vec<Value> = (0..33).map(|one| by("role", "in", &list(1_000 * one, 1_000))).collect();
            let refused = post(&rig, "/ValueSet/$expand", &set(json!({"system": of, "filter": many}))).await;
            assert_eq!((refusal(&refused).0, refusal(&refused).1), (422, "too-costly"), "{of}");
        }
    }
}
