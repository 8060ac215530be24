//! What modules ask before they do something in somebody's name.

use directory::api::{ASK, READ};
use http::StatusCode;
use platform::db::Db;

use crate::rig::system;
use crate::world::{ADVANCED, AGENT, CHECKER, MANAGER, NURSE, SPONSOR, World, close_person, user};

platform::both_engines! {
    /// Who may issue an authenticator to whom is answered by the rules of the register, for a sign-in that is sure enough.
    async fn permission_is_what_the_rules_say(db: Db) {
        let world = World::new(db).await;
        let manager = crate::world::who(MANAGER);
        world.assign(&manager, NURSE, &world.clinic.clone()).await;
        let module = system("sign-in", &[ASK]);
        for (by, assurance, person, expected) in [
            (MANAGER, "aal3", NURSE, None),
            (ADVANCED, "aal3", NURSE, None),
            (MANAGER, "aal2", NURSE, Some("assurance-too-low")),
            (CHECKER, "aal3", NURSE, Some("not-in-role")),
            (SPONSOR, "aal3", NURSE, Some("not-in-role")),
            (NURSE, "aal3", NURSE, Some("own-record")),
            (MANAGER, "aal3", MANAGER, Some("own-record")),
            (AGENT, "aal3", MANAGER, Some("above-rank")),
        ] {
            let path = format!(
                "/directory/permissions/issue-authenticator?by={}&person={}&assurance={assurance}",
                user(by),
                user(person)
            );
            let answered = world.rig.get(&module, &path).await;
            match expected {
                None => assert_eq!(answered.status, StatusCode::NO_CONTENT, "{by} {person}: {:?}", answered.body),
                Some("above-rank") => assert_eq!(answered.status, StatusCode::FORBIDDEN, "{:?}", answered.body),
                Some(code) => assert_eq!(answered.code(), code, "{by} {person}: {:?}", answered.body),
            }
        }
    }

    /// Only modules that may ask are answered; nobody who has left may do anything, and nobody unknown is a person.
    async fn asking_needs_the_act(db: Db) {
        let world = World::new(db).await;
        let path = |by: u64, person: &str| {
            format!("/directory/permissions/issue-authenticator?by={}&person={person}&assurance=aal3", user(by))
        };
        for caller in [system("records", &[READ]), crate::world::who(MANAGER)] {
            let answered = world.rig.get(&caller, &path(MANAGER, &user(NURSE))).await;
            assert_eq!((answered.status, answered.code()), (StatusCode::FORBIDDEN, "act-not-granted"));
        }
        let module = system("sign-in", &[ASK]);
        assert_eq!(world.rig.get(&module, &path(MANAGER, "999999999999")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(world.rig.get(&module, &path(MANAGER, "x")).await.status, StatusCode::BAD_REQUEST);
        close_person(&world.rig.db, NURSE).await;
        let answered = world.rig.get(&module, &path(NURSE, &user(MANAGER))).await;
        assert_eq!(answered.code(), "own-profile-closed", "{:?}", answered.body);
    }
}
