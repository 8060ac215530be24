//! Subscriptions by rest-hook over FHIR: made, held against what changes, and over. That a message reaches its program, `platform` shows.

use std::sync::Arc;
use std::time::Duration;

use directory::api::{LOOK_UP, OPERATE, READ, SUBSCRIBE};
use directory::organisation::Mode;
use directory::{Config, DocumentKey, Parts, Register, SpineConfig};
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use platform::id::ClientId;
use platform::message::{self, NewKey};
use platform::problem::Problem;
use serde_json::{Value, json};

use crate::organisation_import::{bring_text, release};
use crate::rig::{Answered, Rig, system};
use crate::systems::{accredited, handling, keeper, register};
use crate::workers::with_doctor;
use crate::world::{MANAGER, NURSE, user, who};

const WORKERS: &str = "/healthcare-worker/FHIR/R4/Subscription";
const ORGANISATIONS: &str = "/organisation-data-terminology-api/fhir/Subscription";
const SPINE: &str = "/spine-directory/FHIR/R4/Subscription";
const ENDPOINT: &str = "https://ehr.example/hooks/lanyard";

fn config() -> Config {
    Config { subscription_targets: vec!["https://ehr.example/hooks/".to_owned()], ..Config::default() }
}

fn client() -> Caller {
    system("records", &[SUBSCRIBE, READ, LOOK_UP])
}

fn wish(criteria: &str) -> Value {
    json!({
        "resourceType": "Subscription", "status": "requested", "reason": "Our copy of the directory", "criteria": criteria,
        "channel": {"type": "rest-hook", "endpoint": ENDPOINT},
    })
}

async fn ask(rig: &Rig, caller: &Caller, method: Method, path: &str, body: Option<&Value>) -> Answered {
    rig.send(caller, method, path, &[("host", "directory.example")], body).await
}

/// Makes a subscription; where it is.
async fn make(rig: &Rig, path: &str, criteria: &str) -> String {
    let made = ask(rig, &client(), Method::POST, path, Some(&wish(criteria))).await;
    assert_eq!((made.status, &made.body["status"]), (StatusCode::CREATED, &json!("active")), "{}", made.body);
    let address = made.headers["location"].to_str().unwrap();
    address.strip_prefix("https://directory.example").unwrap().to_owned()
}

/// For which subscriptions messages wait to be sent.
async fn waiting(rig: &Rig) -> Vec<String> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT about, address FROM platform_message WHERE channel = 'hook' AND state = 'due' ORDER BY about",
    )
    .fetch_all(rig.db.read())
    .await
    .unwrap();
    assert!(rows.iter().all(|(_, address)| address == ENDPOINT), "{rows:?}");
    rows.into_iter().map(|(about, _)| about).collect()
}

async fn write(rig: &Rig, sql: &'static str) {
    let done: Result<(), platform::db::Error> = rig
        .db
        .write(move |tx| {
            Box::pin(async move {
                sqlx::query(sql).execute(&mut *tx).await?;
                Ok(())
            })
        })
        .await;
    done.unwrap();
}

/// As if everything had been taken.
async fn taken(rig: &Rig) {
    write(rig, "UPDATE platform_message SET state = 'sent', settled_at = 1 WHERE state = 'due'").await;
}

fn edition(names: [&str; 2]) -> String {
    let organisation = |(code, name): (&str, &str)| {
        let number = code.trim_start_matches(['G', '0']);
        format!(
            "<Organisation orgRecordClass=\"RC1\"><Name>{name}</Name><Date><Type value=\"Operational\"/><Start value=\"1974-04-01\"/></Date>\
             <OrgId extension=\"{code}\"/><Status value=\"Active\"/><LastChangeDate value=\"2024-01-01\"/><Roles><Role id=\"RO197\" \
             uniqueRoleId=\"{number}\" primaryRole=\"true\"><Status value=\"Active\"/></Role></Roles></Organisation>\n"
        )
    };
    ["G00001", "G00002"].into_iter().zip(names).map(organisation).collect()
}

async fn bring(rig: &Rig, day: &str, names: [&str; 2]) {
    bring_text(rig, &release(day, &edition(names)), Mode::Apply).await.unwrap();
}

fn id(path: &str) -> String {
    path.rsplit('/').next().unwrap().to_owned()
}

platform::both_engines! {
    /// A program is told of what it asked for and of nothing else, once while it has not been told yet, and again afterwards; nothing is sent that says what.
    /// What it asks for amiss is refused, another's is not there, and it is over with its end, with `DELETE`, and when nobody takes what is sent.
    async fn programs_are_told_of_organisations(db: Db) {
        let rig = Rig::with(db, config());
        bring(&rig, "2024-03-01", ["ONE", "TWO"]).await;
        let one = make(&rig, ORGANISATIONS, "Organization?_id=G00001").await;
        let two = make(&rig, ORGANISATIONS, "Organization?_id=G00002").await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0);
        bring(&rig, "2024-04-01", ["FIRST", "TWO"]).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1);
        assert_eq!(waiting(&rig).await, [id(&one)]);
        bring(&rig, "2024-05-01", ["FIRST OF ALL", "TWO"]).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0, "it has not been told yet");
        assert_eq!(waiting(&rig).await, [id(&one)]);
        taken(&rig).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1, "something changed since");
        taken(&rig).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0);
        let said: Vec<Option<String>> =
            sqlx::query_scalar("SELECT body FROM platform_message").fetch_all(rig.db.read()).await.unwrap();
        assert!(said.iter().all(|body| body.as_deref() == Some("")), "{said:?}");

        let reader = system("reader", &[READ, LOOK_UP]);
        let stranger = system("other", &[SUBSCRIBE]);
        for (caller, path, status) in [
            (&reader, &one, StatusCode::FORBIDDEN),
            (&stranger, &one, StatusCode::NOT_FOUND),
            (&client(), &one.replace(ORGANISATIONS, WORKERS), StatusCode::NOT_FOUND),
        ] {
            for method in [Method::GET, Method::DELETE] {
                assert_eq!(ask(&rig, caller, method, path, None).await.status, status, "{path}");
            }
        }
        let own = ask(&rig, &client(), Method::GET, ORGANISATIONS, None).await;
        assert_eq!((&own.body["total"], &own.body["entry"][0]["resource"]["id"]), (&json!(2), &json!(id(&one))));
        let others = ask(&rig, &stranger, Method::GET, ORGANISATIONS, None).await;
        assert_eq!(others.body["total"], 0);

        for (member, value, status) in [
            ("/status", json!("off"), 400),
            ("/reason", json!(""), 400),
            ("/criteria", json!("Organization?colour=red"), 400),
            ("/criteria", json!("Practitioner?identifier=555021942107"), 400),
            ("/channel/type", json!("email"), 400),
            ("/channel/endpoint", json!("https://ehr.example.evil.example/hooks/"), 422),
            ("/channel/endpoint", json!("https://ehr.example/hooks/../admin"), 422),
        ] {
            let mut amiss = wish("Organization?_id=G00001");
            *amiss.pointer_mut(member).unwrap() = value;
            let refused = ask(&rig, &client(), Method::POST, ORGANISATIONS, Some(&amiss)).await;
            assert_eq!(
                (refused.status.as_u16(), &refused.body["resourceType"]),
                (status, &json!("OperationOutcome")), "{amiss}"
            );
        }
        let mut payload = wish("Organization");
        payload["channel"]["payload"] = json!("application/fhir+json");
        assert_eq!(ask(&rig, &client(), Method::POST, ORGANISATIONS, Some(&payload)).await.status, StatusCode::BAD_REQUEST);

        // Nobody takes it.
        bring(&rig, "2024-06-01", ["FIRST OF ALL", "SECOND"]).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1);
        write(&rig, "UPDATE platform_message SET state = 'given-up', settled_at = 1 WHERE state = 'due'").await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0);
        let failed = ask(&rig, &client(), Method::GET, &two, None).await;
        assert_eq!(failed.body["status"], "error", "{}", failed.body);
        assert!(failed.body["error"].as_str().unwrap().contains("not taken"));
        // What waits for one that is ended is sent no more.
        bring(&rig, "2024-07-01", ["LAST", "THIRD"]).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1, "not for the one that failed");
        assert_eq!(ask(&rig, &client(), Method::DELETE, &one, None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(ask(&rig, &client(), Method::GET, &one, None).await.status, StatusCode::NOT_FOUND);
        assert!(waiting(&rig).await.is_empty());
        // Who asks for those that are open, or that have a role, is told of one that is so no more.
        let open = make(&rig, ORGANISATIONS, "Organization?_id=G00002&active=true").await;
        make(&rig, ORGANISATIONS, "Organization?_id=G00001&active=true").await;
        let closed = edition(["LAST", "FOURTH"]);
        let at = closed.rfind("<Status value=\"Active\"/><LastChangeDate").unwrap();
        let closed = format!("{}{}", &closed[..at], closed[at..].replacen("Active", "Inactive", 1));
        bring_text(&rig, &release("2024-08-01", &closed), Mode::Apply).await.unwrap();
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1);
        assert_eq!(waiting(&rig).await, [id(&open)]);
        rig.hand.advance(Duration::from_hours(24 * 367));
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0);
        assert_eq!(ask(&rig, &client(), Method::GET, ORGANISATIONS, None).await.body["total"], 0);
    }

    /// Whoever may not read what is meant is told nothing of it; what was made ends when the right to it is gone; the operator sees all and ends any.
    async fn subscriptions_need_their_grants(db: Db) {
        let rig = Rig::with(db, config());
        bring(&rig, "2024-03-01", ["ONE", "TWO"]).await;
        let asked = wish("Organization?_id=G00001");
        for (path, body, acts) in [
            (ORGANISATIONS, &asked, [SUBSCRIBE, READ]),
            (WORKERS, &wish("Practitioner?identifier=555021942107"), [SUBSCRIBE, LOOK_UP]),
        ] {
            let refused = ask(&rig, &system("records", &acts), Method::POST, path, Some(body)).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
        }
        let kept = make(&rig, ORGANISATIONS, "Organization?_id=G00001").await;
        let other = system("other", &[SUBSCRIBE, LOOK_UP]);
        let lost = ask(&rig, &other, Method::POST, ORGANISATIONS, Some(&asked)).await;
        let lost = lost.headers["location"].to_str().unwrap().strip_prefix("https://directory.example").unwrap().to_owned();
        rig.register.ask_grants(Arc::new(|id: ClientId| {
            Box::pin(async move {
                let acts = if id.as_str() == "records" { vec![SUBSCRIBE, LOOK_UP] } else { vec![SUBSCRIBE] };
                Ok::<Vec<String>, Problem>(acts.iter().map(|act| act.0.to_owned()).collect())
            })
        }));
        bring(&rig, "2024-04-01", ["FIRST", "TWO"]).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1);
        assert_eq!(waiting(&rig).await, [id(&kept)]);
        let ended = ask(&rig, &other, Method::GET, &lost, None).await;
        assert_eq!(ended.body["status"], "error", "{}", ended.body);

        let all = "/directory/subscriptions";
        assert_eq!(ask(&rig, &client(), Method::GET, all, None).await.status, StatusCode::FORBIDDEN);
        let desk = system("desk", &[OPERATE]);
        let seen = ask(&rig, &desk, Method::GET, all, None).await;
        let items = seen.body["items"].as_array().unwrap();
        assert_eq!(items.iter().map(|one| &one["client"]).collect::<Vec<_>>(), ["records", "other"]);
        assert!(items.iter().all(|one| one["criteria"].is_null()) && items[1]["error"].is_string(), "{}", seen.body);
        let own = format!("{all}/{}", id(&kept));
        assert_eq!(ask(&rig, &client(), Method::DELETE, &own, None).await.status, StatusCode::FORBIDDEN);
        assert_eq!(ask(&rig, &desk, Method::DELETE, &own, None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(ask(&rig, &desk, Method::DELETE, &own, None).await.status, StatusCode::NOT_FOUND);
        assert!(waiting(&rig).await.is_empty(), "what waited is sent no more");
        assert_eq!(ask(&rig, &client(), Method::GET, &kept, None).await.status, StatusCode::NOT_FOUND);
    }

    /// A program is told of the systems that it asked for: new ones, those that are another organisation's now, those that were withdrawn; of no
    /// other, nor of other kinds. Refusals have the codes of the Spine, and another API's search is not taken.
    async fn programs_are_told_of_systems(db: Db) {
        let rig = Rig::with(db, config());
        let organisation = "organization=https://fhir.nhs.uk/Id/ods-organization-code%7CRXX";
        let interaction = "identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId%7Curn:nhs:names:services:pds:QUPA_IN000006UK02";
        let devices = make(&rig, SPINE, &format!("Device?{organisation}&{interaction}")).await;
        let endpoints = make(&rig, SPINE, "Endpoint").await;
        let asid = register(&rig, &accredited("RXX")).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1);
        assert_eq!(waiting(&rig).await, [id(&devices)]);
        taken(&rig).await;
        register(&rig, &accredited("RYY")).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0, "another organisation's");
        register(&rig, &handling("RYY", "https://mhs.example.nhs.uk/")).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1);
        assert_eq!(waiting(&rig).await, [id(&endpoints)]);
        taken(&rig).await;

        let path = format!("/directory/systems/{asid}");
        let moved = rig.send(&keeper(), Method::PUT, &path, &[("if-match", "*")], Some(&accredited("RYY"))).await;
        assert_eq!(moved.status, StatusCode::OK, "{:?}", moved.body);
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1, "it was this organisation's");
        assert_eq!(waiting(&rig).await, [id(&devices)]);
        taken(&rig).await;
        let gone = rig.send(&keeper(), Method::DELETE, &path, &[("if-match", "*")], None).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0, "it was not any more");
        let last = register(&rig, &accredited("RXX")).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1);
        taken(&rig).await;
        let path = format!("/directory/systems/{last}");
        rig.send(&keeper(), Method::DELETE, &path, &[("if-match", "*")], None).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1, "it was withdrawn");

        let spine = |answered: &Answered| {
            let issue = &answered.body["issue"][0];
            (answered.status.as_u16(), issue["details"]["coding"][0]["code"].as_str().unwrap_or_default().to_owned())
        };
        for (criteria, status) in [("Organization", 400), (&*format!("Device?{organisation}"), 400), ("Device?colour=red", 400)] {
            let refused = ask(&rig, &client(), Method::POST, SPINE, Some(&wish(criteria))).await;
            assert_eq!(spine(&refused), (status, "BAD_REQUEST".to_owned()), "{criteria}");
        }
        let foreign = ask(&rig, &client(), Method::POST, ORGANISATIONS, Some(&wish("Device"))).await;
        assert_eq!(foreign.status, StatusCode::BAD_REQUEST, "{:?}", foreign.body);
        let reader = system("reader", &[READ, LOOK_UP]);
        assert_eq!(spine(&ask(&rig, &reader, Method::GET, &devices, None).await), (403, "ACCESS_DENIED".to_owned()));
        let other_face = devices.replace(SPINE, ORGANISATIONS);
        assert_eq!(ask(&rig, &client(), Method::GET, &other_face, None).await.status, StatusCode::NOT_FOUND);
        let xml = [("accept", "application/fhir+xml"), ("host", "directory.example")];
        let own = rig.send(&client(), Method::GET, SPINE, &xml, None).await;
        assert_eq!((&own.body["total"], own.headers["content-type"].to_str().unwrap()), (&json!(2), "application/fhir+json"));
        assert_eq!(ask(&rig, &client(), Method::DELETE, &devices, None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(spine(&ask(&rig, &client(), Method::GET, &devices, None).await), (404, "NO_RECORD_FOUND".to_owned()));
    }

    /// Who follows endpoints whose messages go through an intermediary is told when the intermediary has another address, and nobody else is.
    async fn programs_are_told_of_intermediaries(db: Db) {
        let spine = SpineConfig {
            core_organisation: Some("YES".to_owned()),
            forward_reliable: vec!["RCMR_IN010000UK05".to_owned()],
            forward_express: Vec::new(),
        };
        let rig = Rig::with(db, Config { spine, ..config() });
        let mut core = handling("YES", "https://core.example/first");
        core["interaction"] = "urn:nhs:names:services:tms:ReliableIntermediary".into();
        let core_id = register(&rig, &core).await;
        let mut through = handling("RXX", "https://practice.example/");
        through["interaction"] = "urn:nhs:names:services:gp2gp:RCMR_IN010000UK05".into();
        register(&rig, &through).await;
        register(&rig, &handling("RYY", "https://other.example/")).await;
        rig.register.notify_subscribers().await.unwrap();
        let of = |organisation: &str, interaction: &str| {
            format!(
                "Endpoint?organization=https://fhir.nhs.uk/Id/ods-organization-code%7C{organisation}\
                 &identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId%7C{interaction}"
            )
        };
        let forwarded = make(&rig, SPINE, &of("RXX", "urn:nhs:names:services:gp2gp:RCMR_IN010000UK05")).await;
        make(&rig, SPINE, &of("RYY", "urn:nhs:names:services:pds:QUPA_IN000006UK02")).await;
        make(&rig, SPINE, &of("RYY", "urn:nhs:names:services:gp2gp:RCMR_IN010000UK05")).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0, "nothing has changed since");
        core["endpoints"] = json!(["https://core.example/second"]);
        let path = format!("/directory/systems/{core_id}");
        let moved = rig.send(&keeper(), Method::PUT, &path, &[("if-match", "*")], Some(&core)).await;
        assert_eq!(moved.status, StatusCode::OK, "{:?}", moved.body);
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1);
        assert_eq!(waiting(&rig).await, [id(&forwarded)]);
    }

    /// Who asks for organisations by their name is told once of one that is called so no more, also when it changed twice meanwhile; who asks for
    /// others is not.
    async fn programs_are_told_of_organisations_that_were_meant(db: Db) {
        let rig = Rig::with(db, config());
        bring(&rig, "2024-03-01", ["LARKFIELD", "OTHER"]).await;
        let named = make(&rig, ORGANISATIONS, "Organization?name=LARKFIELD&active=true").await;
        make(&rig, ORGANISATIONS, "Organization?name=LARKFIELD&type=RC2").await;
        make(&rig, ORGANISATIONS, "Organization?name=LARKFIELD&_id=G00002").await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0);
        for (names, many) in [
            (vec![("2024-04-01", "RENAMED")], 1), (vec![("2024-05-01", "RENAMED AGAIN")], 0), (vec![("2024-06-01", "LARKFIELD")], 1),
            (vec![("2024-07-01", "ONE NAME"), ("2024-08-01", "ANOTHER NAME")], 1), (vec![("2024-09-01", "LAST NAME")], 0),
        ] {
            rig.hand.advance(Duration::from_mins(1));
            for (day, name) in &names {
                bring(&rig, day, [*name, "OTHER"]).await;
            }
            assert_eq!(rig.register.notify_subscribers().await.unwrap(), many, "{names:?}");
            let expected = if many == 1 { vec![id(&named)] } else { Vec::new() };
            assert_eq!(waiting(&rig).await, expected, "{names:?}");
            taken(&rig).await;
        }
    }

    /// Who asks for people by name or number, or for roles of people by number, is told once of somebody who is meant no more; who asks for others is
    /// not.
    async fn programs_are_told_of_people_who_were_meant(db: Db) {
        let (world, ann) = with_doctor(db, config()).await;
        let rig = &world.rig;
        let gmc = |number: &str| format!("identifier=https://fhir.nhs.uk/Id/gmc-number%7C{number}");
        let family = make(rig, WORKERS, "Practitioner?family:exact=O'Brien").await;
        let number = make(rig, WORKERS, &format!("Practitioner?{}", gmc("1234567"))).await;
        let role = make(rig, WORKERS, &format!("PractitionerRole?organization=RXX&practitioner.{}", gmc("1234567"))).await;
        make(rig, WORKERS, "Practitioner?family:exact=O'Hara").await;
        make(rig, WORKERS, &format!("Practitioner?{}", gmc("7654321"))).await;
        make(rig, WORKERS, &format!("PractitionerRole?organization=RZZ&practitioner.{}", gmc("1234567"))).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0);
        let (manager, ann): (Caller, platform::id::UserId) = (who(MANAGER), ann.parse().unwrap());
        let rename = async |family: &str| {
            let shown = json!({"document": "deed-poll", "issuer": "Leeds", "method": "f2f"});
            let name = json!({"name": {"given": "Ann", "family": family}, "reason": "deed-poll", "evidence": shown});
            let renamed = rig.act(&manager, &ann, "names", &name).await;
            assert_eq!(renamed.status, StatusCode::OK, "{:?}", renamed.body);
        };
        rig.hand.advance(Duration::from_mins(1));
        rename("Example").await;
        let tag = rig.tag(&manager, &ann).await;
        let path = format!("/directory/people/{ann}/registrations/GMC/1234567");
        let gone = rig.send(&manager, Method::DELETE, &path, &[("if-match", &tag)], None).await;
        assert!(gone.status.is_success(), "{:?}", gone.body);
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 3);
        let mut expected = [id(&family), id(&number), id(&role)];
        expected.sort();
        assert_eq!(waiting(rig).await, expected);
        taken(rig).await;
        rig.hand.advance(Duration::from_mins(1));
        rename("Sample").await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0, "they had ceased to be meant before");
        assert!(waiting(rig).await.is_empty());
    }

    /// Who asks for somebody's roles is told on the last day of one, on which it is found no more, and not again on the day after.
    async fn programs_are_told_on_the_last_day_of_a_role(db: Db) {
        let (world, ann) = with_doctor(db, config()).await;
        let rig = &world.rig;
        let roles = make(rig, WORKERS, &format!("PractitionerRole?practitioner.identifier={ann}")).await;
        make(rig, WORKERS, &format!("Practitioner?identifier={ann}")).await;
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0);
        for (day, told) in [(1, vec![]), (2, vec![id(&roles)]), (3, vec![])] {
            rig.hand.advance(Duration::from_hours(24));
            rig.register.notify_subscribers().await.unwrap();
            assert_eq!(waiting(rig).await, told, "{day}");
            taken(rig).await;
        }
    }

    /// A program is told when somebody whom it asked for leaves, and of nobody else; headers lie encrypted or are not taken, and are shown to nobody. Where the
    /// address is allowed no more it is told no more, and where only the models are wanted there is nothing of it.
    async fn programs_are_told_of_people(db: Db) {
        let (world, ann) = with_doctor(db, config()).await;
        let rig = &world.rig;
        let own = make(rig, WORKERS, &format!("Practitioner?identifier={ann}")).await;
        make(rig, WORKERS, "Practitioner?identifier=999021942107").await;
        let mut secret = wish(&format!("PractitionerRole?practitioner.identifier={ann}"));
        secret["channel"]["header"] = json!(["Authorization: Bearer sesame"]);
        assert_eq!(ask(rig, &client(), Method::POST, WORKERS, Some(&secret)).await.status, StatusCode::CONFLICT, "there is no key");
        let kept: Result<bool, platform::db::Error> = rig
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let key = NewKey::generate().unwrap();
                    message::keep_key(tx, &key, b"sealed", crate::rig::START).await
                })
            })
            .await;
        assert!(kept.unwrap());
        let made = ask(rig, &client(), Method::POST, WORKERS, Some(&secret)).await;
        assert_eq!((made.status, &made.body["channel"]["header"]), (StatusCode::CREATED, &Value::Null), "{}", made.body);
        let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM directory_subscription WHERE sealed IS NOT NULL")
            .fetch_one(rig.db.read())
            .await
            .unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"sesame"));
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 0);

        // Who is asked for by id may become part of another.
        let merged = make(rig, WORKERS, &format!("Practitioner?identifier={}", user(NURSE))).await;
        let same = "UPDATE directory_person SET standing = 'verified', ni_hash = 'same', ni_mask = 'same' WHERE user_id IN ($1, $2)";
        crate::people_rig::execute(&rig.db, same, vec![user(NURSE), user(NURSE + 1)]).await;
        let body = json!({"duplicate": user(NURSE), "duplicate_version": 1});
        let done = world.act(&who(MANAGER), &format!("/directory/people/{}/merge", user(NURSE + 1)), &body).await;
        assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 1);
        assert_eq!(waiting(rig).await, [id(&merged)]);
        taken(rig).await;

        let closed = rig.act(&who(MANAGER), &ann.parse().unwrap(), "close", &json!({"reason": "left"})).await;
        assert_eq!(closed.status, StatusCode::OK, "{:?}", closed.body);
        assert_eq!(rig.register.notify_subscribers().await.unwrap(), 2);
        let mut expected = [id(&own), made.body["id"].as_str().unwrap().to_owned()];
        expected.sort();
        assert_eq!(waiting(rig).await, expected);

        let another = |config: Config| {
            let document_key = DocumentKey::new(&[7; 32]);
            rig.beside(Register::new(Parts { config, db: rig.db.clone(), clock: rig.clock(), document_key }).unwrap())
        };
        let strict = another(Config { strict: true, ..config() });
        assert_eq!(ask(&strict, &client(), Method::GET, WORKERS, None).await.status, StatusCode::NOT_FOUND);
        assert_eq!(ask(&strict, &client(), Method::GET, SPINE, None).await.status, StatusCode::NOT_FOUND);
        taken(rig).await;
        assert_eq!(strict.register.notify_subscribers().await.unwrap(), 0);
        let narrow = another(Config::default());
        assert_eq!(narrow.register.notify_subscribers().await.unwrap(), 0);
        assert_eq!(ask(rig, &client(), Method::GET, &own, None).await.body["status"], "error");
    }
}
