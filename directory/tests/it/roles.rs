//! What relying parties get, and in which role somebody acts.

use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::json;

use crate::rig::system;
use crate::world::{
    AGENT, MANAGER, NURSE, ROLE_OF_AGENTS, ROLE_OF_NURSES, SPONSOR, World, approval, close_person, position,
    user, who,
};

platform::both_engines! {
    /// Ids are for life: whoever is assigned again has the role profile and the organisation id of before.
    async fn ids_are_for_life(db: Db) {
        let world = World::new(db).await;
        let agent = who(AGENT);
        let made = world.assign(&agent, NURSE, &world.ward).await;
        let before = world.roles(NURSE).await;
        world.act(&agent, &format!("/directory/assignments/{made}/removal"), &json!({"notes": "x"})).await;
        assert!(world.roles(NURSE).await.is_empty());
        world.assign(&agent, NURSE, &world.ward).await;
        let after = world.roles(NURSE).await;
        let ids = |role: &serde_json::Value| (role["person_orgid"].clone(), role["person_roleid"].clone());
        assert_eq!(ids(&before[0]), ids(&after[0]));
        assert_eq!(before[0]["org_code"], "RXX01");
        assert_eq!(before[0]["role_code"], ROLE_OF_NURSES);
        assert_eq!((before[0]["activity_codes"].clone(), before[0]["aow_codes"].clone()), (json!(["B0380"]), json!(["P0010:Q0020:T0030"])));
        // Another position in the same organisation: the same person there, another role profile. Another person: neither.
        let second = world.make(&who(MANAGER), &position("RXX01", "Others of ward 7", ROLE_OF_NURSES, &[])).await;
        world.assign(&agent, NURSE, &second).await;
        world.assign(&agent, NURSE + 1, &world.ward).await;
        let roles = world.roles(NURSE).await;
        assert_eq!((roles.len(), &roles[0]["person_orgid"]), (2, &roles[1]["person_orgid"]));
        assert_ne!(roles[0]["person_roleid"], roles[1]["person_roleid"]);
        let other = world.roles(NURSE + 1).await;
        assert_ne!(ids(&other[0]).0, ids(&before[0]).0);
        assert_ne!(ids(&other[0]).1, ids(&before[0]).1);
    }

    /// What a position comes to give, by itself or by what it includes, its holders have at once, each with a role profile.
    async fn holders_have_what_is_added_later(db: Db) {
        let world = World::new(db.clone()).await;
        let manager = who(MANAGER);
        world.assign(&manager, NURSE, &world.ward).await;
        let path = format!("/directory/positions/{}", world.ward);
        let included = json!({"included": [world.clinic], "approval": approval()});
        assert_eq!(world.patch(&manager, &path, &included).await.status, StatusCode::OK);
        let roles = world.roles(NURSE).await;
        let places: Vec<&str> = roles.iter().map(|role| role["org_code"].as_str().unwrap()).collect();
        assert!(roles.len() == 2 && places.contains(&"RXX") && places.contains(&"RXX01"), "{roles:?}");
        assert_eq!(world.roles(NURSE).await, roles, "minted once");
        assert_eq!(world.recorded("role-profiles-minted").await, 1);
        let minted = world.event("role-profiles-minted").await;
        let clinic = roles.iter().find(|role| role["org_code"] == "RXX").unwrap();
        assert_eq!((&minted["user"], &minted["role_profiles"]), (&json!(user(NURSE)), &json!([clinic["person_roleid"]])));
        let present = world.rig.get(&manager, &path).await.body["access_profiles"].clone();
        let mut changed = present[0].clone();
        changed["activities"] = json!(["B0380", "B0360"]);
        let with = json!({"access_profiles": [changed], "approval": approval()});
        assert_eq!(world.patch(&manager, &path, &with).await.status, StatusCode::OK);
        let after = world.roles(NURSE).await;
        let ward = |roles: &[serde_json::Value]| roles.iter().find(|role| role["org_code"] == "RXX01").unwrap().clone();
        assert_eq!(ward(&after)["person_roleid"], ward(&roles)["person_roleid"]);
        assert_eq!(ward(&after)["activity_codes"], json!(["B0360", "B0380"]));
        changed = present[0].clone();
        changed["job_role"] = json!("S0010:G0020:R8001");
        let other = json!({"access_profiles": [changed], "approval": approval()});
        assert_eq!(world.patch(&manager, &path, &other).await.code(), "field-invalid");
        close_person(&db, NURSE).await;
        assert!(world.roles(NURSE).await.is_empty());
    }

    /// A sponsor is told which positions are theirs to assign; a role that was chosen is the only one told of.
    async fn callers_are_told_what_they_are(db: Db) {
        let world = World::new(db).await;
        let sponsor = world.rig.get(&who(SPONSOR), "/directory/actor").await;
        assert_eq!((sponsor.body["roles"][0]["rank"].as_str(), sponsor.body["roles"][0]["organisation"].as_str()), (Some("sponsor"), Some("RXX")));
        assert_eq!(sponsor.body["roles"][0]["assignable"][0]["id"], world.ward);
        world.assign(&who(MANAGER), SPONSOR, &world.agent_position).await;
        let both = world.rig.get(&who(SPONSOR), "/directory/actor").await;
        assert_eq!(both.body["roles"].as_array().unwrap().len(), 2);
        let role = sponsor.body["roles"][0]["role_profile"].as_str().unwrap();
        let chosen = world.rig.send(&who(SPONSOR), Method::GET, "/directory/actor", &[("nhsd-session-urid", role)], None).await;
        assert_eq!(chosen.body["roles"], sponsor.body["roles"]);
        let operator = world.rig.get(&world.operator, "/directory/actor").await;
        assert_eq!(operator.body["roles"][0]["rank"], "operator");
        assert_eq!(world.rig.get(&who(NURSE), "/directory/actor").await.body["roles"], json!([]));
    }

    /// Whoever chooses a role acts in that one only; one that is unknown, somebody else's or ended is refused.
    async fn chosen_role_is_the_one_that_counts(db: Db) {
        let world = World::new(db).await;
        let manager = who(MANAGER);
        let as_sponsor = world.roles(SPONSOR).await[0]["person_roleid"].as_str().unwrap().to_owned();
        let agents = world.assign(&manager, SPONSOR, &world.agent_position).await;
        let roles = world.roles(SPONSOR).await;
        let as_agent = roles.iter().find(|role| role["role_code"] == ROLE_OF_AGENTS).unwrap()["person_roleid"].as_str().unwrap().to_owned();
        let assign = |role: String, number: u64| {
            let world = &world;
            let body = json!({"person": user(number), "position": world.clinic});
            async move {
                world.rig.send(&who(SPONSOR), Method::POST, "/directory/assignments", &[("nhsd-session-urid", &role)], Some(&body)).await
            }
        };
        assert_eq!(assign(as_sponsor.clone(), NURSE).await.code(), "by-request");
        assert_eq!(assign(as_agent.clone(), NURSE).await.status, StatusCode::CREATED);
        assert_eq!(world.try_assign(&who(SPONSOR), NURSE + 1, &world.clinic).await.status, StatusCode::CREATED);
        let other = world.roles(AGENT).await[0]["person_roleid"].as_str().unwrap().to_owned();
        for refused in [other, "555021942107".to_owned(), "x".to_owned()] {
            let refused = assign(refused, NURSE + 2).await;
            assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "role-not-yours"));
        }
        let mut signed_in = who(SPONSOR);
        signed_in.role_profile = Some(as_sponsor);
        let body = json!({"person": user(NURSE + 2), "position": world.clinic});
        let switched = world.rig.send(&signed_in, Method::POST, "/directory/assignments", &[("nhsd-session-urid", &as_agent)], Some(&body)).await;
        assert_eq!(switched.code(), "role-of-another-session");
        world.act(&manager, &format!("/directory/assignments/{agents}/removal"), &json!({"notes": "x"})).await;
        assert_eq!(assign(as_agent, NURSE + 2).await.code(), "role-not-yours");
    }

    /// Sign-in is told of a person in one answer, with the names of everything; nobody else is, and of who has left nothing is.
    async fn sign_in_is_told_in_one_answer(db: Db) {
        let world = World::new(db.clone()).await;
        world.assign(&who(AGENT), NURSE, &world.ward).await;
        let path = format!("/directory/people/{}/claims", user(NURSE));
        let sign_in = system("sign-in", &[directory::api::CLAIMS]);
        let told = world.rig.get(&sign_in, &path).await;
        assert_eq!(told.status, StatusCode::OK, "{:?}", told.body);
        let role = &told.body["roles"][0];
        assert_eq!((role["person_roleid"].clone(), role["org_name"].clone()), (world.roles(NURSE).await[0]["person_roleid"].clone(), json!("RXX01")));
        // No national list is loaded: names are the codes.
        assert_eq!(role["role_name"], "\"S0010\":\"G0020\":\"R8000\"");
        assert_eq!((role["activities"].clone(), role["aow"].clone()), (role["activity_codes"].clone(), role["aow_codes"].clone()));
        assert_eq!((told.body["assurance"].clone(), told.body.get("email")), (json!("none"), None));
        // What is not asked for is not read.
        for (parts, roles) in [("", 0), ("email,registrations", 0), ("roles", 1), ("roles,email", 1)] {
            let some = world.rig.get(&sign_in, &format!("{path}?parts={parts}")).await.body;
            assert_eq!((some["roles"].as_array().unwrap().len(), &some["name"]), (roles, &told.body["name"]), "{parts}");
        }
        assert_eq!(world.rig.get(&sign_in, &format!("{path}?parts=secrets")).await.status, StatusCode::BAD_REQUEST);
        let photo = format!("{path}/photo");
        for caller in [world.operator.clone(), who(MANAGER), who(NURSE)] {
            assert_eq!(world.rig.get(&caller, &path).await.status, StatusCode::FORBIDDEN);
            assert_eq!(world.rig.get(&caller, &photo).await.status, StatusCode::FORBIDDEN);
        }
        assert_eq!(world.rig.get(&sign_in, &photo).await.status, StatusCode::NOT_FOUND, "there is none");
        close_person(&db, NURSE).await;
        assert_eq!(world.rig.get(&sign_in, &path).await.status, StatusCode::NOT_FOUND);
    }
}
