//! What a release of the national roles does to ranks and rights: at once, in both directions, in every process.

use std::fmt::Write as _;

use audit::Actor;
use directory::api::Difference;
use directory::rbac::{Content, Imported, Mode, from_folder, import};
use directory::{Config, DocumentKey, Parts, Register, router};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use platform::caller::Caller;
use platform::clock::Clock;
use platform::db::Db;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::rig::START;
use crate::world::{
    AGENT, CHECKER, MANAGER, NURSE, ROLE_OF_NURSES, SPONSOR, World, approval, position, user, who,
};

/// Activities of the releases here.
const ACTIVITIES: [&str; 6] = ["B0001", "B0267", "B0272", "B0274", "B0380", "B1300"];

/// A release with these activities, inclusions and rows of the baseline.
fn release(name: &str, activities: &[&str], inclusions: &str, baselines: &str) -> Content {
    let folder = tempfile::tempdir().unwrap();
    let file = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
    let codes = "category,category_name,group,group_name,code,name\n";
    let roles = "S0010,Clinical,G0020,Nursing,R8000,Nurse\nS0080,Admin,G0450,Management,R5080,RA Manager\n\
                 S0080,Admin,G0450,Management,R5090,RA Agent\n";
    file("job-roles.csv", &format!("{codes}{roles}"));
    file("areas.csv", &format!("{codes}P0010,Wards,Q0020,Medicine,T0030,Ward\n"));
    let mut text = "code,name\n".to_owned();
    for code in activities {
        writeln!(text, "{code},Act {code}").unwrap();
    }
    file("activities.csv", &text);
    file("inclusions.csv", &format!("activity,includes\n{inclusions}"));
    file("baselines.csv", &format!("job_role,area,restriction_set,activity\n{baselines}"));
    from_folder(name, folder.path()).unwrap()
}

async fn bring(world: &World, content: Content) -> Difference {
    let imported = import(&world.rig.register, content, Mode::Apply, &Actor::system("directory")).await;
    match imported.unwrap() {
        Imported::New { difference, .. } => *difference,
        Imported::Same { number } => panic!("the release is {number} already"),
    }
}

/// Another process on the same database.
fn elsewhere(db: &Db) -> Register {
    let parts = Parts {
        config: Config::default(),
        db: db.clone(),
        clock: Clock::manual(START).0,
        document_key: DocumentKey::new(&[7; 32]),
    };
    Register::new(parts).unwrap()
}

async fn asked(register: &Register, caller: &Caller, path: &str) -> Value {
    let mut request = http::Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
    request.extensions_mut().insert(caller.clone());
    let response = router(register.clone()).oneshot(request).await.unwrap();
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// The rank of somebody's first role, as they are told.
async fn rank(register: &Register, number: u64) -> Value {
    asked(register, &who(number), "/directory/actor").await["roles"][0]["rank"].clone()
}

/// The stored rank of a position.
async fn rank_of(world: &World, position: &str) -> Value {
    let shown = world.rig.get(&world.operator, &format!("/directory/positions/{position}")).await;
    assert_eq!(shown.status, StatusCode::OK, "{:?}", shown.body);
    shown.body["rank"].clone()
}

platform::both_engines! {
    /// A release in force gives and takes ranks at once, in every process: of people, of positions and of those that include
    /// them; and its report says beforehand how many it touches.
    async fn ranks_follow_the_release(db: Db) {
        let world = World::new(db.clone()).await;
        let (register, other) = (world.rig.register.clone(), elsewhere(&db));
        let manager = who(MANAGER);
        world.assign(&manager, NURSE, &world.ward).await;
        let mut both = position("RXX", "Both", ROLE_OF_NURSES, &[]);
        both["access_profiles"] = json!([]);
        both["included"] = json!([world.ward]);
        let both = world.make(&manager, &both).await;
        assert_eq!(rank(&register, NURSE).await, "everybody");

        let first = bring(&world, release("1", &ACTIVITIES, "B0001,B1300\n", "")).await;
        assert_eq!((first.profiles, first.profiles_losing), (7, 0));
        assert_eq!((rank(&other, SPONSOR).await, rank(&other, NURSE).await), (json!("sponsor"), json!("everybody")));

        // A baseline in an area of work gives everybody of the job role there a sponsor's rights, through an inclusion.
        let before = world.changes(0).await.len() as u64;
        let gained = bring(&world, release("2", &ACTIVITIES, "B0001,B1300\n", "R8000,T0030,,B0001\n")).await;
        assert_eq!((gained.profiles, gained.profiles_gaining, gained.profiles_losing), (7, 4, 0));
        // The nurse and the checker, and the sponsor, who gains what includes their right.
        assert_eq!((gained.positions_affected, gained.people_affected, gained.positions.len()), (5, 3, 5));
        let report = asked(&other, &world.operator, "/directory/rbac/releases/2/difference").await;
        assert_eq!((report["positions_affected"].as_u64(), report["people_affected"].as_u64()), (Some(5), Some(3)));
        for process in [&register, &other] {
            assert_eq!((rank(process, NURSE).await, rank(process, CHECKER).await), (json!("sponsor"), json!("sponsor")));
        }
        let roles = world.roles(NURSE).await;
        assert_eq!((&roles[0]["activity_codes"], &roles[0]["added_activity_codes"]), (&json!(["B0001", "B0380", "B1300"]), &json!(["B0380"])));
        for raised in [&world.ward, &world.clinic, &both] {
            assert_eq!(rank_of(&world, raised).await, "sponsor");
        }
        // The report finds people by what their rights come to: by the baseline, by inclusion, and by a position that theirs includes.
        let lead = NURSE + 5;
        world.assign(&manager, lead, &both).await;
        for (activity, of) in [("B1300", vec![SPONSOR, CHECKER, NURSE, lead]), ("B0001", vec![SPONSOR, CHECKER, NURSE, lead]), ("B0380", vec![NURSE, lead])] {
            let found = world.rig.get(&manager, &format!("/directory/reports/users?organisation=RXX&activity={activity}")).await;
            assert_eq!(found.status, StatusCode::OK, "{:?}", found.body);
            let mut found: Vec<&str> = found.body["items"].as_array().unwrap().iter().map(|row| row["user_id"].as_str().unwrap()).collect();
            let mut of: Vec<String> = of.into_iter().map(user).collect();
            found.sort_unstable();
            of.sort_unstable();
            assert_eq!(found, of, "{activity}");
        }
        let told: Vec<String> = world.changes(before).await.into_iter().map(|(kind, _)| kind).collect();
        let reranked = told.iter().filter(|kind| *kind == "position-changed").count();
        assert_eq!((told[0].as_str(), reranked), ("roles-released", 4), "ward, clinic, checkers, and what includes the ward");
        let refused = world.try_assign(&who(SPONSOR), NURSE + 1, &world.clinic).await;
        assert_eq!(refused.code(), "by-request");

        // And one without those activities takes them from everybody, the sponsors among them.
        assert_eq!(world.try_assign(&who(SPONSOR), NURSE + 2, &world.ward).await.status, StatusCode::CREATED);
        let lost = bring(&world, release("3", &ACTIVITIES[1..5], "", "")).await;
        assert_eq!((lost.profiles_gaining, lost.profiles_losing), (0, 4));
        for process in [&register, &other] {
            assert_eq!((rank(process, SPONSOR).await, rank(process, CHECKER).await), (json!("everybody"), json!("id-checker")));
        }
        assert_eq!(world.try_assign(&who(SPONSOR), NURSE + 3, &world.ward).await.code(), "not-in-role");
        assert!(world.roles(NURSE + 3).await.is_empty());
        for lowered in [&world.ward, &world.sponsor_position, &both] {
            assert_eq!(rank_of(&world, lowered).await, Value::Null);
        }
        assert_eq!(rank_of(&world, &world.agent_position).await, "ra-agent");
        assert_eq!(world.try_assign(&who(AGENT), NURSE + 3, &world.ward).await.status, StatusCode::CREATED);
    }

    /// Codes that the release in force does not have are refused by name where they are given anew; what a position had before stays,
    /// and before there is a release nothing is known.
    async fn unknown_codes_are_refused_by_name(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let old = position("RXX", "Of before", ROLE_OF_NURSES, &["B7777"]);
        let old = world.make(&manager, &old).await;
        bring(&world, release("27.2", &ACTIVITIES, "", "")).await;
        let mut unknown_area = position("RXX", "New", ROLE_OF_NURSES, &["B0380"]);
        unknown_area["access_profiles"][0]["areas"] = json!(["P0010:Q0020:T9999"]);
        for (asked, code) in [
            (position("RXX", "New", "S9999:G9999:R9999", &["B0380"]), "R9999"),
            (position("RXX", "New", ROLE_OF_NURSES, &["B0380", "B9999"]), "B9999"),
            (unknown_area, "T9999"),
        ] {
            let refused = world.rig.post(&manager, "/directory/positions", &asked).await;
            assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, "field-invalid"), "{:?}", refused.body);
            let detail = refused.body["detail"].as_str().unwrap();
            assert!(detail.contains(code) && detail.contains("27.2") && !detail.contains("B0380"), "{detail}");
        }
        world.make(&manager, &position("RXX", "New", "s0010:g0020:r8000", &["b0380"])).await;
        let path = format!("/directory/positions/{old}");
        let mut kept = world.rig.get(&manager, &path).await.body["access_profiles"].clone();
        for (activities, status) in [(json!(["B0380", "B7777"]), StatusCode::OK), (json!(["B7777", "B8888"]), StatusCode::BAD_REQUEST)] {
            kept[0]["activities"] = activities;
            let given = json!({"id": kept[0]["id"], "organisation": "RXX", "job_role": kept[0]["job_role"],
                "areas": kept[0]["areas"], "activities": kept[0]["activities"]});
            let changed = world.patch(&manager, &path, &json!({"access_profiles": [given], "approval": approval()})).await;
            assert_eq!(changed.status, status, "{:?}", changed.body);
        }
    }

    /// Ranks that were stored before they followed from a release are settled once, with an event.
    async fn stored_ranks_are_settled(db: Db) {
        let world = World::new(db.clone()).await;
        bring(&world, release("1", &ACTIVITIES, "", "R8000,,,B1300\n")).await;
        crate::people_rig::execute(&db, "UPDATE directory_position SET rank = NULL", Vec::new()).await;
        assert_eq!(world.rig.register.settle_ranks().await.unwrap(), 0, "they follow from this release");
        crate::people_rig::execute(&db, "DELETE FROM directory_rank_basis", Vec::new()).await;
        assert_eq!(world.rig.register.settle_ranks().await.unwrap(), 7);
        assert_eq!((rank_of(&world, &world.ward).await, rank_of(&world, &world.manager_position).await), (json!("sponsor"), json!("ra-manager")));
        assert_eq!(world.rig.register.settle_ranks().await.unwrap(), 0);
        assert_eq!(world.recorded("ranks-settled").await, 1);
    }

    /// What a position gives in FFFFF counts anywhere: every registration authority may give it, it gives no rank, and whoever
    /// holds it still belongs to where they work.
    async fn what_counts_anywhere_belongs_to_nobody(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let mut locum = position("RXX", "Locums", ROLE_OF_NURSES, &["B0380", "B1300"]);
        locum["access_profiles"][0]["organisation"] = json!("FFFFF");
        assert_eq!(world.rig.post(&manager, "/directory/positions", &locum).await.status, StatusCode::NOT_FOUND);
        let virtual_one = json!({"ods": "FFFFF", "name": "National locum pharmacy", "primary_role": "RO182"});
        let made = world.rig.post(&world.operator, "/directory/organisations", &virtual_one).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        let locums = world.make(&manager, &locum).await;
        assert_eq!(rank_of(&world, &locums).await, Value::Null);
        let assignable = json!({"positions": [world.ward], "approval": approval()});
        let path = format!("/directory/positions/{locums}/assignable");
        let refused = world.rig.send(&manager, Method::PUT, &path, &[("if-match", "*")], Some(&assignable)).await;
        assert_eq!(refused.code(), "not-a-sponsors-position");
        let mut elsewhere = locum.clone();
        elsewhere["access_profiles"][0]["organisation"] = json!("RYY");
        assert_eq!(world.rig.post(&manager, "/directory/positions", &elsewhere).await.code(), "field-invalid");
        // The position itself lies in an organisation, and is its registration authority's.
        let mut theirs = locum;
        theirs["organisation"] = json!("FFFFF");
        assert_eq!(world.rig.post(&manager, "/directory/positions", &theirs).await.code(), "outside-organisation");

        world.assign(&who(AGENT), NURSE, &locums).await;
        let roles = world.roles(NURSE).await;
        assert_eq!((roles.len(), &roles[0]["org_code"]), (1, &json!("FFFFF")));
        assert_eq!(rank(&world.rig.register, NURSE).await, "everybody");
        let listed = world.rig.get(&manager, "/directory/people?organisation=FFFFF").await;
        assert_eq!(listed.body["items"][0]["user_id"], json!(user(NURSE)), "who has it can be listed");
        let path = format!("/directory/people/{}/leaving", user(NURSE));
        let left = json!({"day": crate::world::day(-1), "reason": "Leaves"});
        assert_eq!(world.rig.post(&who(AGENT), &path, &left).await.status, StatusCode::CREATED);
    }

    /// A job role or an area of work stands where the release has it, and nowhere else: relying parties compare the whole of it. What a
    /// position had before stays.
    async fn codes_stand_where_the_release_has_them(db: Db) {
        let world = World::new(db).await;
        let wrong = "S9999:G9999:R8000";
        let before = world.make(&who(MANAGER), &position("RXX", "Before the release", wrong, &[])).await;
        bring(&world, release("1", &ACTIVITIES, "", "")).await;
        let make = async |body: &Value| world.rig.post(&who(MANAGER), "/directory/positions", body).await;
        let refused = make(&position("RXX", "Nurses of theatre", wrong, &[])).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, "field-invalid"), "{:?}", refused.body);
        assert!(refused.body["detail"].as_str().unwrap().contains(ROLE_OF_NURSES), "{:?}", refused.body);
        let mut area = position("RXX", "Nurses of theatre", ROLE_OF_NURSES, &[]);
        area["access_profiles"][0]["areas"] = json!(["P0010:Q9999:T0030"]);
        let refused = make(&area).await;
        assert!(refused.body["detail"].as_str().unwrap_or_default().contains("P0010:Q0020:T0030"), "{:?}", refused.body);
        assert_eq!(make(&position("RXX", "Nurses of theatre", ROLE_OF_NURSES, &[])).await.status, StatusCode::CREATED);
        let shown = world.rig.get(&who(MANAGER), &format!("/directory/positions/{before}")).await;
        let mut profiles = shown.body["access_profiles"].clone();
        profiles[0]["activities"] = json!(["B0380"]);
        let kept = json!({"access_profiles": profiles, "approval": approval()});
        let kept = world.patch(&who(MANAGER), &format!("/directory/positions/{before}"), &kept).await;
        assert_eq!(kept.status, StatusCode::OK, "{:?}", kept.body);
        profiles[0].as_object_mut().unwrap().remove("id");
        let anew = json!({"access_profiles": profiles, "approval": approval()});
        assert_eq!(world.patch(&who(MANAGER), &format!("/directory/positions/{before}"), &anew).await.code(), "field-invalid");
    }
}
