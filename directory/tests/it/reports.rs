//! Reports: who sees which, of where, with which filters, as pages and as a file.

use directory::api::{ASK, READ};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use platform::caller::Caller;
use platform::db::Db;
use serde_json::{Value, json};

use crate::feed_rig::personnel;
use crate::rig::{Answered, system};
use crate::world::{
    ADVANCED, AGENT, CHECKER, MANAGER, NURSE, ROLE_OF_NURSES, SPONSOR, World, day, position, text, user, who,
};

const EACH: [&str; 7] =
    ["users", "requests", "positions", "assignments", "registrations", "leavers", "campaigns"];

async fn read(world: &World, caller: &Caller, path: &str) -> Answered {
    world.rig.get(caller, &format!("/directory/reports/{path}")).await
}

/// The rows of a page.
async fn rows(world: &World, caller: &Caller, path: &str) -> Vec<Value> {
    let answered = read(world, caller, path).await;
    assert_eq!(answered.status, StatusCode::OK, "{path}: {:?}", answered.body);
    answered.body["items"].as_array().unwrap().clone()
}

/// One member of each row, in their order.
async fn members(world: &World, path: &str, member: &str) -> Vec<String> {
    let rows = rows(world, &who(MANAGER), path).await;
    rows.iter().map(|row| row[member].as_str().unwrap_or_default().to_owned()).collect()
}

/// The whole as CSV.
async fn file(world: &World, caller: &Caller, path: &str) -> Answered {
    let path = format!("/directory/reports/{path}");
    world.rig.send(caller, Method::GET, &path, &[("accept", "text/csv")], None).await
}

/// Writes what other parts of the register would have written.
async fn write(db: &Db, statements: Vec<String>) {
    db.write(|tx| {
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
    /// Each report is for those to whom the matrix gives it, and for what lies below where they act.
    async fn reports_are_for_those_who_may(db: Db) {
        let world = World::new(db).await;
        let all = EACH.to_vec();
        let reader = system("reader", &[READ]);
        let allowed: [(Caller, Vec<&str>); 8] = [
            (who(MANAGER), all.clone()),
            (who(ADVANCED), all.clone()),
            (who(AGENT), all.clone()),
            (who(SPONSOR), vec!["positions", "campaigns"]),
            (who(CHECKER), vec!["users", "requests", "positions", "assignments", "registrations", "leavers"]),
            (who(NURSE), vec![]),
            (personnel("payroll", "RXX"), vec![]),
            (reader.clone(), all),
        ];
        for (caller, theirs) in &allowed {
            for report in EACH {
                let answered = read(&world, caller, &format!("{report}?organisation=RXX01")).await;
                let wanted = if theirs.contains(&report) { StatusCode::OK } else { StatusCode::FORBIDDEN };
                assert_eq!(answered.status, wanted, "{} {report}: {:?}", caller.subject, answered.body);
            }
        }
        for report in EACH {
            let elsewhere = read(&world, &who(MANAGER), &format!("{report}?organisation=RYY")).await;
            assert_eq!(elsewhere.code(), "outside-organisation", "{report}");
            let nowhere = read(&world, &reader, &format!("{report}?organisation=RZZ99")).await;
            assert_eq!(nowhere.status, StatusCode::NOT_FOUND, "{report}");
            let unsaid = read(&world, &who(MANAGER), report).await;
            assert_eq!(unsaid.code(), "field-invalid", "{report}");
            let unknown = read(&world, &who(MANAGER), &format!("{report}?organisation=RXX&colour=red")).await;
            assert_eq!(unknown.status, StatusCode::BAD_REQUEST, "{report}");
        }
    }

    /// People are those who hold something there; filters speak of one and the same assignment; closed ones are asked for.
    async fn people_are_found_by_what_they_hold(db: Db) {
        let world = World::new(db).await;
        let (agent, manager) = (who(AGENT), who(MANAGER));
        world.assign(&agent, NURSE, &world.ward.clone()).await;
        let ends = json!({"person": user(NURSE + 1), "position": world.clinic, "end": day(20)});
        assert_eq!(world.rig.post(&agent, "/directory/assignments", &ends).await.status, StatusCode::CREATED);
        write(&world.rig.db, vec![
            format!("UPDATE directory_person SET given = 'Ann', family = 'Example', ni_hash = 'x' WHERE user_id = '{}'", user(NURSE)),
            format!("INSERT INTO directory_contact (contact_id, user_id, channel, value, tries, made_at) VALUES ('1', '{}', 'email', 'a@b.example', 0, 0)", user(NURSE)),
        ]).await;
        write(&world.rig.db, vec![format!("UPDATE directory_person SET family = '@Example' WHERE user_id = '{}'", user(NURSE))]).await;
        let csv = file(&world, &manager, "users?organisation=RXX").await;
        assert!(csv.body.as_str().unwrap().contains(",Ann,'@Example,"), "no cell is a formula: {:?}", csv.body);
        assert!(members(&world, "users?organisation=RXX", "family").await.contains(&"@Example".to_owned()), "elsewhere it is as it is kept");
        let found = async |query: &str| {
            let users = members(&world, &format!("users?organisation=RXX{query}"), "user_id").await;
            users.into_iter().filter(|id| *id >= user(NURSE)).collect::<Vec<_>>()
        };
        let (one, other) = (user(NURSE), user(NURSE + 1));
        assert_eq!(found("").await, [one.clone(), other.clone()]);
        assert_eq!(found("&below=no").await, std::slice::from_ref(&other), "the ward is below the trust");
        assert_eq!(found(&format!("&position={}", world.ward)).await, std::slice::from_ref(&one));
        assert_eq!(found("&ends_within=30").await, std::slice::from_ref(&other));
        assert_eq!(found("&ends_within=10").await, [] as [String; 0]);
        assert_eq!(found("&has_email=yes").await, std::slice::from_ref(&one));
        assert_eq!(found("&has_email=no&has_national_insurance=no").await, std::slice::from_ref(&other));
        assert_eq!(found("&activity=B0380").await, [one.clone(), other.clone()]);
        assert_eq!(found("&activity=B0381").await, [] as [String; 0]);
        assert_eq!(found("&job_role=R8000").await.len(), 2);
        assert_eq!(found(&format!("&job_role={ROLE_OF_NURSES}&position={}", world.clinic)).await, std::slice::from_ref(&other));
        assert_eq!(found("&job_role=R5080").await, [] as [String; 0]);
        assert_eq!(found("&standing=unverified").await, [] as [String; 0]);
        for bad in ["position=", "activity=B%25", "job_role=%25", "ends_within=0", "has_email=maybe", "state=Open", "below=maybe"] {
            assert_eq!(read(&world, &manager, &format!("users?organisation=RXX&{bad}")).await.code(), "field-invalid", "{bad}");
        }
        let row = rows(&world, &manager, "users?organisation=RXX01").await.remove(0);
        assert_eq!(row, json!({"user_id": one, "kind": "person", "state": "open", "standing": "verified", "assurance": "none",
            "given": "Ann", "family": "@Example", "has_email": "yes", "has_national_insurance": "yes", "assignments": 1}));
        let close = format!("/directory/people/{other}/close");
        assert_eq!(world.act(&agent, &close, &json!({"reason": "left"})).await.status, StatusCode::OK);
        assert_eq!(found("").await, [one]);
        assert_eq!(found("&state=closed").await, [other]);
    }

    /// Pages follow each other without a gap, the file has the same rows in the same order, and each reading is recorded with
    /// its filters.
    async fn file_has_what_the_pages_have(db: Db) {
        let world = World::new(db).await;
        let people: Vec<String> = (0..600).map(|at| format!(
            "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, via, made_by, made_at, version) \
             VALUES ('01990000-0000-7000-8000-{at:012}', '{}', '{}', 'RXX01', '2026-01-01', 'live', 'esr', 'payroll', 0, 1)",
            user(NURSE + at % 200), world.ward)).collect();
        write(&world.rig.db, people).await;
        let (mut paged, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let path = format!("assignments?organisation=RXX&via=esr&limit=250{after}");
            let answered = read(&world, &who(MANAGER), &path).await;
            let items = answered.body["items"].as_array().unwrap();
            paged.extend(items.iter().map(|row| row["assignment"].as_str().unwrap().to_owned()));
            pages += 1;
            match answered.body["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!((pages, paged.len()), (3, 600));
        let whole = file(&world, &who(MANAGER), "assignments?organisation=RXX&via=esr").await;
        assert_eq!(whole.headers["content-type"], "text/csv; charset=utf-8; header=present");
        assert_eq!(whole.headers["content-disposition"], "attachment; filename=\"assignments.csv\"");
        let lines: Vec<&str> = whole.body.as_str().unwrap().split_terminator("\r\n").collect();
        assert_eq!(lines[0], "assignment,user_id,given,family,position,position_name,organisation,start,end,state,via,made_by,made_at");
        let ids: Vec<&str> = lines[1..].iter().map(|line| line.split(',').next().unwrap()).collect();
        assert_eq!(ids, paged);
        assert_eq!(world.recorded("report-read").await, 4);
        let recorded: Vec<(Vec<u8>,)> = sqlx::query_as("SELECT body FROM audit_event WHERE name = 'report-read'")
            .fetch_all(world.rig.db.read()).await.unwrap();
        let recorded: Vec<String> = recorded.into_iter().map(|(body,)| String::from_utf8(body).unwrap()).collect();
        let files: Vec<&String> = recorded.iter().filter(|body| body.contains("\"form\":\"csv\"")).collect();
        assert!(files.len() == 1 && files[0].contains("via=esr") && files[0].contains("RXX"), "{recorded:?}");
        let refused = world.recorded("report-read").await;
        assert_eq!(file(&world, &who(SPONSOR), "assignments?organisation=RXX").await.status, StatusCode::FORBIDDEN);
        assert_eq!(world.recorded("report-read").await, refused, "what is refused is not read");
    }

    /// A file is read in parts as it is sent, and four at most at the same time; whoever goes away makes room.
    async fn files_are_read_in_parts(db: Db) {
        let world = World::new(db).await;
        let rows: Vec<String> = (0..1_100).map(|at| format!(
            "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, via, made_by, made_at, version) \
             VALUES ('01990000-0000-7000-8000-{at:012}', '{}', '{}', 'RXX01', '2026-01-01', 'live', 'esr', 'payroll', 0, 1)",
            user(NURSE + at % 200), world.ward)).collect();
        write(&world.rig.db, rows).await;
        let path = "/directory/reports/assignments?organisation=RXX&via=esr";
        let csv = [("accept", "text/csv")];
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(world.rig.begin(&who(MANAGER), path, &csv).await);
        }
        let fifth = world.rig.send(&who(MANAGER), Method::GET, path, &csv, None).await;
        assert_eq!((fifth.status, fifth.code()), (StatusCode::SERVICE_UNAVAILABLE, "reports-busy"));
        assert_eq!(read(&world, &who(MANAGER), "users?organisation=RXX").await.status, StatusCode::OK, "pages need no place");
        let mut body = held.pop().unwrap().into_body();
        let mut parts = Vec::new();
        while let Some(frame) = body.frame().await {
            let text = frame.unwrap().into_data().unwrap();
            parts.push(text.split(|octet| *octet == b'\n').count() - 1);
        }
        assert_eq!(parts, [1, 500, 500, 100]);
        drop(body);
        assert_eq!(world.rig.send(&who(MANAGER), Method::GET, path, &csv, None).await.status, StatusCode::OK);
    }

    /// What people have typed is no formula in the file, and does not break its lines.
    async fn file_holds_no_formula(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let name = "=HYPERLINK(\"https://evil.example\",\"Ward, 7\")";
        world.make(&manager, &position("RXX", name, ROLE_OF_NURSES, &[])).await;
        let whole = file(&world, &manager, "positions?organisation=RXX&unheld=yes").await;
        let text = whole.body.as_str().unwrap();
        assert!(text.contains(",\"'=HYPERLINK(\"\"https://evil.example\"\",\"\"Ward, 7\"\")\",open,"), "{text}");
        let names = members(&world, "positions?organisation=RXX&unheld=yes&below=no", "name").await;
        assert!(names.contains(&name.to_owned()), "JSON has it as it is: {names:?}");
    }

    /// Positions are told with how many hold them, and found by that, by state and by rank.
    async fn positions_are_told_with_their_holders(db: Db) {
        let world = World::new(db).await;
        let held = rows(&world, &who(SPONSOR), "positions?organisation=RXX&rank=sponsor").await;
        assert_eq!((held.len(), held[0]["assignments"].as_u64(), held[0]["access_profiles"].as_u64()), (1, Some(1), Some(1)));
        let unheld = members(&world, "positions?organisation=RXX&unheld=yes", "name").await;
        assert_eq!(unheld, ["Nurses of ward 7", "Nurses of the clinic"]);
        let path = format!("/directory/positions/{}/closing", world.clinic);
        let closing = json!({"reason": "Closed", "approver": "Head of nursing", "word": "CLOSE"});
        let closed = world.act(&who(MANAGER), &path, &closing).await;
        assert_eq!(closed.status, StatusCode::OK, "{:?}", closed.body);
        assert_eq!(members(&world, "positions?organisation=RXX&state=closed", "name").await, ["Nurses of the clinic"]);
        assert_eq!(members(&world, "positions?organisation=RXX&state=open&unheld=yes", "name").await, ["Nurses of ward 7"]);
    }

    /// Requests, leavers, registrations and campaigns are told as they are, and those of others are not.
    async fn work_is_told_as_it_is(db: Db) {
        let world = World::new(db).await;
        let (agent, sponsor) = (who(AGENT), who(SPONSOR));
        for (ask, state) in [("clinic", "submitted"), ("ward", "draft")] {
            let place = if ask == "clinic" { &world.clinic } else { &world.ward };
            let body = json!({"ask": {"kind": "assign", "person": user(NURSE), "position": place}, "state": state});
            let made = world.rig.post(&sponsor, "/directory/requests", &body).await;
            assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        }
        let requests = rows(&world, &agent, "requests?organisation=RXX").await;
        assert_eq!(requests.len(), 1, "drafts are the requester's own: {requests:?}");
        let row = &requests[0];
        assert_eq!((row["state"].as_str(), row["requested_by"].as_str()), (Some("submitted"), Some(user(SPONSOR).as_str())));
        for (filter, many) in [("kind=assign", 1), ("kind=redate", 0), ("state=applied", 0), ("decided_by=nobody", 0), ("source=person", 1), ("source=own", 0), ("source=system", 0)] {
            assert_eq!(rows(&world, &agent, &format!("requests?organisation=RXX&{filter}")).await.len(), many, "{filter}");
        }
        let typo = read(&world, &agent, "requests?organisation=RXX&kind=assigning").await;
        assert_eq!((typo.status, typo.code()), (StatusCode::BAD_REQUEST, "field-invalid"), "{:?}", typo.body);
        for (span, many) in [(format!("from={}", day(0)), 1), (format!("to={}", day(-1)), 0), (format!("from={}", day(1)), 0)] {
            assert_eq!(rows(&world, &agent, &format!("requests?organisation=RXX&{span}")).await.len(), many, "{span}");
        }
        world.assign(&agent, NURSE, &world.ward.clone()).await;
        write(&world.rig.db, vec![
            format!("INSERT INTO directory_registration (body, number, user_id, at) VALUES ('NMC', '12A3456B', '{}', 0)", user(NURSE)),
            format!("INSERT INTO directory_registration (body, number, user_id, at) VALUES ('GMC', '1234567', '{}', 0)", user(NURSE + 1)),
        ]).await;
        assert_eq!(members(&world, "registrations?organisation=RXX", "number").await, ["12A3456B"]);
        assert_eq!(members(&world, "registrations?organisation=RXX&body=GMC", "number").await, [] as [String; 0]);
        let campaign = json!({"organisation": "RXX", "name": "Winter", "by": day(30), "unconfirmed": "report"});
        let started = world.rig.post(&who(ADVANCED), "/directory/campaigns", &campaign).await;
        assert_eq!(started.status, StatusCode::CREATED, "{:?}", started.body);
        let row = rows(&world, &sponsor, "campaigns?organisation=RXX&state=running").await.remove(0);
        assert_eq!((row["campaign"].as_str(), row["assignments"].as_u64()), (started.body["id"].as_str(), row["open"].as_u64()));
        assert!(row["open"].as_u64().unwrap() > 5, "{row}");
        let left = json!({"day": day(3), "reason": "Retires", "organisation": "RXX01"});
        let path = format!("/directory/people/{}/leaving", user(NURSE));
        let leaving = world.rig.post(&agent, &path, &left).await;
        let row = rows(&world, &agent, "leavers?organisation=RXX").await.remove(0);
        assert_eq!((row["leaving"].as_str(), row["told"].as_str()), (Some(text(&leaving, "id").as_str()), Some("no")));
        assert_eq!(members(&world, &format!("leavers?organisation=RXX&to={}", day(2)), "leaving").await, [] as [String; 0]);
        assert_eq!(members(&world, "leavers?organisation=RXX02", "leaving").await, [] as [String; 0]);
    }

    /// What other modules keep is pointed to, with the filters; every report is listed with where it is.
    async fn reports_of_others_are_pointed_to(db: Db) {
        let world = World::new(db).await;
        for (name, there) in [
            ("smartcards", "/ca/reports/smartcards"),
            ("cardholders", "/ca/reports/cardholders"),
            ("authenticators", "/authn/reports/authenticators"),
            ("logins", "/authn/reports/logins"),
        ] {
            let answered = read(&world, &who(MANAGER), &format!("{name}?organisation=RXX&state=all")).await;
            assert_eq!(answered.status, StatusCode::TEMPORARY_REDIRECT, "{name}");
            assert_eq!(answered.headers["location"], format!("{there}?organisation=RXX&state=all"));
            let nobody = read(&world, &system("clock", &[directory::api::CHANGES]), name).await;
            assert_eq!(nobody.status, StatusCode::FORBIDDEN, "{name}");
        }
        assert_eq!(read(&world, &who(MANAGER), "horses").await.code(), "not-found");
        let listed = world.rig.get(&who(MANAGER), "/directory/reports").await;
        let told: Vec<(&str, &str)> = listed.body["reports"].as_array().unwrap().iter()
            .map(|one| (one["name"].as_str().unwrap(), one["path"].as_str().unwrap())).collect();
        assert_eq!(told.len(), 11, "{told:?}");
        assert!(EACH.iter().all(|name| told.contains(&(name, &format!("/directory/reports/{name}")))), "{told:?}");
        assert!(told.contains(&("logins", "/authn/reports/logins")), "{told:?}");
    }

    /// Modules that have rows of people ask whether somebody may read them and of whom they are: by the matrix, and for what lies
    /// below where somebody acts.
    async fn modules_ask_for_their_reports(db: Db) {
        let world = World::new(db).await;
        let module = system("cards", &[ASK]);
        let asked = async |report: &str, organisation: &str, by: Option<u64>| {
            let by = by.map(|by| format!("&by={}&assurance=aal2", user(by))).unwrap_or_default();
            let path = format!("/directory/permissions/report?report={report}&organisation={organisation}{by}");
            world.rig.get(&module, &path).await
        };
        for (by, reports) in [
            (MANAGER, &["smartcards", "authenticators", "logins"][..]),
            (AGENT, &["smartcards", "authenticators", "logins"]),
            (SPONSOR, &["smartcards"]),
            (CHECKER, &["smartcards"]),
            (NURSE, &[]),
        ] {
            for report in ["smartcards", "authenticators", "logins"] {
                let answered = asked(report, "%20rxx01", Some(by)).await;
                let wanted = if reports.contains(&report) { StatusCode::OK } else { StatusCode::FORBIDDEN };
                assert_eq!(answered.status, wanted, "{by} {report}: {:?}", answered.body);
            }
        }
        assert_eq!(asked("logins", "rxx01", None).await.body, json!({"organisation": "RXX01"}));
        assert_eq!(asked("logins", "RYY", Some(MANAGER)).await.code(), "outside-organisation");
        assert_eq!(asked("logins", "RZZ99", None).await.status, StatusCode::NOT_FOUND);
        assert_eq!(asked("users", "RXX", None).await.code(), "field-invalid");
        let path = "/directory/permissions/report?report=logins&organisation=RXX";
        for caller in [who(MANAGER), system("reader", &[READ])] {
            assert_eq!(world.rig.get(&caller, path).await.code(), "act-not-granted");
        }

        let agent = who(AGENT);
        world.assign(&agent, NURSE, &world.ward.clone()).await;
        world.assign(&agent, NURSE + 1, &world.clinic.clone()).await;
        let gone = world.assign(&agent, NURSE + 2, &world.ward.clone()).await;
        let removed = world.act(&agent, &format!("/directory/assignments/{gone}/removal"), &json!({"notes": "Moved"})).await;
        assert_eq!(removed.status, StatusCode::OK, "{:?}", removed.body);
        write(&world.rig.db, vec![format!(
            "INSERT INTO directory_person (user_id, kind, state, version, organisation) VALUES ('{}', 'temporary-access-card', 'open', 1, 'RXX01')",
            user(900))]).await;
        let there = async |place: &str| {
            let answered = world.rig.get(&module, &format!("/directory/organisations/{place}")).await;
            assert_eq!(answered.status, StatusCode::OK, "{:?}", answered.body);
            let ids = answered.body["items"].as_array().unwrap().iter().map(|one| one["user_id"].as_str().unwrap().to_owned());
            (ids.collect::<Vec<_>>(), answered.body["next"].as_str().map(str::to_owned))
        };
        assert_eq!(there("rxx01/people").await, (vec![user(NURSE), user(900)], None));
        let (all, _) = there("RXX/people").await;
        assert!(all.contains(&user(NURSE)) && all.contains(&user(NURSE + 1)) && !all.contains(&user(NURSE + 2)), "{all:?}");
        let (alone, _) = there("RXX/people?below=no").await;
        assert!(!alone.contains(&user(NURSE)) && alone.contains(&user(NURSE + 1)), "{alone:?}");
        let (first, next) = there("RXX/people?limit=3").await;
        assert_eq!((first.len(), next.as_ref()), (3, all.get(3)), "where to go on");
        let (rest, next) = there(&format!("RXX/people?from={}", next.unwrap())).await;
        assert_eq!(([first, rest].concat(), next), (all, None));
        assert_eq!(world.rig.get(&who(MANAGER), "/directory/organisations/RXX/people").await.code(), "act-not-granted");
    }

    /// People are found by a workgroup: into which a position puts them, one that includes it, or somebody did directly.
    async fn people_are_found_by_their_workgroup(db: Db) {
        let world = World::new(db).await;
        let (manager, agent) = (who(MANAGER), who(AGENT));
        let group = json!({"organisation": "RXX", "name": "Wards"});
        let made = world.rig.post(&manager, "/directory/workgroups", &group).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        let group = text(&made, "id");
        let mut within = position("RXX", "Ward 8", ROLE_OF_NURSES, &["B0380"]);
        within["access_profiles"][0]["workgroups"] = json!([group]);
        let within = world.make(&manager, &within).await;
        let mut over = position("RXX", "Ward 8 and more", ROLE_OF_NURSES, &["B0380"]);
        over["included"] = json!([within]);
        let over = world.make(&manager, &over).await;
        world.assign(&agent, NURSE, &within).await;
        world.assign(&agent, NURSE + 1, &over).await;
        world.assign(&agent, NURSE + 2, &world.ward.clone()).await;
        world.assign(&agent, NURSE + 3, &world.ward.clone()).await;
        let found = async || members(&world, &format!("users?organisation=RXX&workgroup={group}"), "user_id").await;
        assert_eq!(found().await, [user(NURSE), user(NURSE + 1)]);
        let roles = world.roles(NURSE + 3).await;
        let member = json!({"role_profile": roles[0]["person_roleid"], "end": day(5)});
        let path = format!("/directory/workgroups/{group}/members");
        let added = world.rig.post(&manager, &path, &member).await;
        assert_eq!(added.status, StatusCode::CREATED, "{:?}", added.body);
        assert_eq!(found().await, [user(NURSE), user(NURSE + 1), user(NURSE + 3)]);
        world.wait_days(6);
        assert_eq!(found().await, [user(NURSE), user(NURSE + 1)], "a membership that is over says nothing");
        let elsewhere = rows(&world, &manager, &format!("users?organisation=RXX02&workgroup={group}")).await;
        assert_eq!(elsewhere.len(), 0);
        let bad = read(&world, &manager, "users?organisation=RXX&workgroup=wards").await;
        assert_eq!(bad.code(), "field-invalid");
    }
}
