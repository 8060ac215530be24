//! Reports of authenticators and of sign-ins: who sees which, of whom, with which filters, as pages and as a file.

use std::time::Duration;

use directory::api::READ;
use platform::caller::Caller;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ALL, Answered, OTHER, Rig, SoftKey, USER, desk, person, system};

/// Who looks: an RA agent of the trust, a sponsor of it, and an RA agent of another.
const AGENT: &str = "555000000019";
const SPONSOR: &str = "555000000027";
const STRANGER: &str = "555000000035";

/// A day that the tests' clock shows first.
const TODAY: &str = "2026-11-24";

async fn read(rig: &Rig, caller: &Caller, path: &str) -> Answered {
    rig.browser().call(caller, "GET", &format!("/authn/reports/{path}"), None).await
}

async fn rows(rig: &Rig, path: &str) -> Vec<Value> {
    let answered = read(rig, &person(AGENT), path).await;
    assert_eq!(answered.status, 200, "{path}: {}", answered.body);
    answered.json()["items"].as_array().unwrap().clone()
}

fn position(number: u32) -> String {
    format!("01990000-0000-7000-8000-{number:012}")
}

/// A trust with a ward, and what people hold there, as the register keeps it.
async fn trust(rig: &Rig) {
    let mut statements = Vec::new();
    for (ods, host) in [("RXX", "NULL"), ("RXX01", "'RXX'"), ("RYY", "NULL")] {
        statements.push(format!(
            "INSERT INTO directory_organisation (ods, name, status, ra_host, version) VALUES ('{ods}', '{ods}', 'active', {host}, 1)"
        ));
    }
    for (number, organisation, role, activities) in [
        (1, "RXX", "R5090", "B0274"),
        (2, "RXX", "R8000", "B1300"),
        (3, "RYY", "R5090", "B0274"),
        (4, "RXX01", "R8000", "B0380"),
    ] {
        let id = position(number);
        statements.push(format!(
            "INSERT INTO directory_position (position_id, organisation, name, name_key, state, version) \
             VALUES ('{id}', '{organisation}', '{number}', '{number}', 'open', 1)"
        ));
        statements.push(format!(
            "INSERT INTO directory_access_profile (access_profile_id, position_id, place, organisation, job_role, areas, activities) \
             VALUES ('{id}', '{id}', 1, '{organisation}', 'S0080:G0450:{role}', '', '{activities}')"
        ));
    }
    for (user, held, organisation) in [
        (AGENT, 1, "RXX"),
        (SPONSOR, 2, "RXX"),
        (STRANGER, 3, "RYY"),
        (USER, 4, "RXX01"),
        (OTHER, 4, "RXX01"),
    ] {
        statements.push(format!(
            "INSERT INTO directory_person (user_id, kind, state, version) VALUES ('{user}', 'person', 'open', 1) \
             ON CONFLICT DO NOTHING"
        ));
        statements.push(format!(
            "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, via, made_by, \
             made_at, version) VALUES ('01990000-0000-7000-8000-{user}', '{user}', '{}', '{organisation}', '2026-01-01', 'live', \
             'cim', 'x', 0, 1)",
            position(held)
        ));
    }
    statements.push(format!(
        "UPDATE directory_person SET given = 'Aisha', family = '=Rahman' WHERE user_id = '{USER}'"
    ));
    rig.db
        .write(|tx| {
            Box::pin(async move {
                for statement in statements {
                    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *tx).await?;
                }
                Ok::<_, platform::db::Error>(())
            })
        })
        .await
        .unwrap();
}

platform::both_engines! {
    /// Agents see what those of their organisations sign in with and when; sponsors, other organisations and systems that read
    /// something else do not.
    async fn reports_are_for_those_whom_the_register_allows(db: Db) {
        let rig = Rig::new(db).await;
        trust(&rig).await;
        for report in ["authenticators", "logins"] {
            for (caller, place, status) in [
                (person(AGENT), "RXX", 200),
                (person(AGENT), "%20rxx01", 200),
                (system("reader", &[READ]), "RXX", 200),
                (system("reader", &[READ]), "RYY", 200),
                (person(SPONSOR), "RXX", 403),
                (person(USER), "RXX01", 403),
                (person(STRANGER), "RXX", 403),
                (person(AGENT), "RYY", 403),
                (desk(), "RXX", 403),
                (system("reader", &[READ]), "RZZ", 404),
                (person(AGENT), "", 400),
            ] {
                let answered = read(&rig, &caller, &format!("{report}?organisation={place}")).await;
                assert_eq!(answered.status, status, "{} {report} {place}: {}", caller.subject, answered.body);
            }
            for bad in ["state=Open", "method=card", "from=yesterday", "to=2026-02-30", "below=maybe", "after=%27", "colour=red"] {
                let answered = read(&rig, &person(AGENT), &format!("{report}?organisation=RXX&{bad}")).await;
                assert_eq!(answered.status, 400, "{report} {bad}: {}", answered.body);
            }
        }
        let recorded = rig.events("report-read").await;
        assert_eq!(recorded.len(), 8, "what is refused is not read: {recorded:?}");
        assert_eq!(recorded[1]["organisation"], "RXX01");
    }

    /// What people sign in with is told with their names, filtered; pages follow each other without a gap, and the file has the same.
    async fn authenticators_and_sign_ins_are_told(db: Db) {
        let rig = Rig::new(db).await;
        trust(&rig).await;
        let (mut one, mut two, mut old) = (SoftKey::new(), SoftKey::new(), SoftKey::new());
        for (user, key) in [(USER, &mut one), (OTHER, &mut two), (OTHER, &mut old)] {
            assert_eq!(rig.enrol_key(user, "security-key", key).await.status, 200);
            rig.pass(Duration::from_millis(1));
        }
        let path = format!("/authn/people/{OTHER}/authenticators");
        let listed = rig.browser().call(&desk(), "GET", &path, None).await.json();
        let id = listed["authenticators"][1]["id"].as_str().unwrap();
        assert_eq!(rig.browser().call(&desk(), "DELETE", &format!("{path}/{id}"), None).await.status, 204);
        let active = rows(&rig, "authenticators?organisation=RXX").await;
        assert_eq!(active.len(), 2, "{active:?}");
        assert_eq!((&active[0]["user_id"], &active[0]["method"], &active[0]["level"]), (&json!(USER), &json!("security-key"), &json!("3")));
        assert_eq!((&active[0]["family"], &active[0]["state"]), (&json!("=Rahman"), &json!("active")));
        let removed = rows(&rig, "authenticators?organisation=RXX&state=removed").await;
        assert_eq!((removed.len(), &removed[0]["user_id"]), (1, &json!(OTHER)));
        assert!(removed[0]["removed_at"].is_i64(), "{removed:?}");
        assert_eq!(rows(&rig, "authenticators?organisation=RXX&method=totp").await.len(), 0);
        assert_eq!(rows(&rig, "authenticators?organisation=RXX&below=no").await.len(), 0, "the ward is below the trust");

        for _ in 0..3 {
            rig.signed_in(&mut one).await;
        }
        let mut ended = rig.signed_in(&mut two).await;
        let path = format!("/authn/people/{OTHER}/sessions");
        assert_eq!(ended.call(&desk(), "DELETE", &path, None).await.status, 200);
        let logins = rows(&rig, "logins?organisation=RXX").await;
        let whose: Vec<&str> = logins.iter().map(|row| row["user_id"].as_str().unwrap()).collect();
        assert_eq!(whose, [USER, USER, USER, OTHER]);
        assert_eq!((&logins[3]["state"], &logins[3]["end_cause"]), (&json!("ended"), &json!("by-administrator")));
        assert!(logins.iter().all(|row| row.get("address").is_none()), "from where is nobody's business");
        for (filters, many) in [("state=open", 3), ("state=ended", 1), ("method=passkey", 0), ("from=2026-11-25", 0)] {
            assert_eq!(rows(&rig, &format!("logins?organisation=RXX&{filters}")).await.len(), many, "{filters}");
        }
        assert_eq!(rows(&rig, &format!("logins?organisation=RXX&from={TODAY}&to={TODAY}")).await.len(), 4);

        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let page = read(&rig, &person(AGENT), &format!("logins?organisation=RXX&limit=2{after}")).await.json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2);
            paged.extend(items.clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={}", next.replace(' ', "%20")),
                None => break,
            }
        }
        assert_eq!(paged, logins);
        let whole = rig.browser().file(&person(AGENT), "/authn/reports/logins?organisation=RXX&state=open").await;
        assert_eq!(whole.headers["content-disposition"], "attachment; filename=\"logins.csv\"");
        let lines: Vec<&str> = whole.body.split_terminator("\r\n").collect();
        assert_eq!(lines[0], "user_id,given,family,session,method,level,authenticator,at,state,ended_at,end_cause");
        assert_eq!(lines.len(), 4);
        assert!(lines[1].starts_with(&format!("{USER},Aisha,'=Rahman,")), "no cell is a formula: {}", lines[1]);
        let recorded = rig.events("report-read").await;
        let last = recorded.last().unwrap();
        assert_eq!((&last["form"], &last["filters"]), (&json!("csv"), &json!(["state=open"])));

        // A key that counted backwards is told as one that signs nobody in.
        one.counter = Some(0);
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        assert_eq!(browser.show(&here, &mut one).await.status, 403);
        let suspended = rows(&rig, "authenticators?organisation=RXX&state=suspended").await;
        assert_eq!((suspended.len(), &suspended[0]["user_id"], &suspended[0]["state"]), (1, &json!(USER), &json!("suspended")));
        assert_eq!(rows(&rig, "authenticators?organisation=RXX").await.len(), 1);
    }

    /// Those whom a report would be long for are told page by page, although few of them have anything: a page that finds nothing
    /// says where to go on.
    async fn pages_pass_over_those_who_have_nothing(db: Db) {
        let rig = Rig::new(db).await;
        trust(&rig).await;
        let many: Vec<String> = (0..4_100u32).collect::<Vec<_>>().chunks(500).flat_map(|part| {
            let people: Vec<String> = part.iter().map(|at| format!("('1{at:011}', 'person', 'open', 1)")).collect();
            let held: Vec<String> = part.iter().map(|at| format!(
                "('1{at:011}', '1{at:011}', '{}', 'RXX01', '2026-01-01', 'live', 'cim', 'x', 0, 1)", position(4))).collect();
            [
                format!("INSERT INTO directory_person (user_id, kind, state, version) VALUES {}", people.join(", ")),
                format!("INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, \
                    via, made_by, made_at, version) VALUES {}", held.join(", ")),
            ]
        }).collect();
        rig.db.write(|tx| Box::pin(async move {
            for statement in many {
                sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *tx).await?;
            }
            Ok::<_, platform::db::Error>(())
        })).await.unwrap();
        let mut key = SoftKey::new();
        assert_eq!(rig.enrol_key(USER, "security-key", &mut key).await.status, 200);
        let first = read(&rig, &person(AGENT), "authenticators?organisation=RXX").await.json();
        assert_eq!(first["items"], json!([]));
        let path = format!("authenticators?organisation=RXX&after={}", first["next"].as_str().unwrap());
        let second = read(&rig, &person(AGENT), &path).await.json();
        assert_eq!((second["items"][0]["user_id"].as_str(), second.get("next")), (Some(USER), None));
        let whole = rig.browser().file(&person(AGENT), "/authn/reports/authenticators?organisation=RXX").await;
        assert_eq!(whole.body.split_terminator("\r\n").count(), 2, "a file has them all");
    }
}
