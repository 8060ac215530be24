//! What modules ask before they do something in somebody's name.

use std::collections::BTreeMap;
use std::path::Path;

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

/// Where a caller is looked at for what they were granted, how often, and why that is not the matrix's.
const GRANTS: [(&str, usize, &str); 20] = [
    ("acting.rs", 8, "it makes an actor of a caller, whom the matrix then judges"),
    ("api/client.rs", 3, "the same for the other modules of this program"),
    ("http/assignments/claims.rs", 1, "sign-in is told what relying parties are told"),
    ("http/changes.rs", 3, "the change feed is followed by systems"),
    ("http/fhir.rs", 2, "the one place of the faces, with and without the caller"),
    ("http/fhir_subscriptions.rs", 1, "whoever is told of something may read it"),
    ("http/feed.rs", 2, "a personnel system sends; what it sends is decided by the matrix"),
    ("http/organisations.rs", 4, "before anything is read; decided by the matrix then"),
    ("http/organisations_import.rs", 2, "national data is brought in by who was granted it"),
    (
        "http/people.rs",
        3,
        "before anything is read; decided by the matrix then, but for programs, of which a grant is all",
    ),
    ("http/people_import.rs", 1, "a register of before is brought in by who was granted it"),
    ("http/permissions.rs", 4, "a module asks for somebody, whom the matrix judges"),
    ("http/rbac_import.rs", 1, "national data is brought in by who was granted it"),
    ("http/scim.rs", 1, "a personnel system sends; what it sends is decided by the matrix"),
    ("http/spine.rs", 1, "systems and organisations are looked up"),
    ("http/subscriptions.rs", 2, "operators see whom programs are told of, and end it"),
    ("http/terminology/mod.rs", 1, "systems and organisations are looked up"),
    ("http/systems.rs", 5, "systems are registered by who was granted it"),
    ("http/systems_import.rs", 1, "systems are registered by who was granted it"),
    ("ldap/who.rs", 1, "systems and organisations are looked up"),
];

/// How a grant is looked at.
const LOOKS: [&str; 3] = ["caller.may(", "caller(request)?.may(", "fhir::demand("];

fn count_grants(folder: &Path, root: &Path, found: &mut BTreeMap<String, usize>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count_grants(&path, root, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let many: usize = LOOKS.iter().map(|look| text.matches(look).count()).sum();
        if many > 0 {
            found.insert(path.strip_prefix(root).unwrap().display().to_string(), many);
        }
    }
}

/// Whatever somebody may do is decided by the matrix; each place that looks at a grant is known, with why, and there is no other.
#[test]
fn grants_are_looked_at_in_known_places() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    count_grants(&root, &root, &mut found);
    let known: BTreeMap<String, usize> =
        GRANTS.iter().map(|(file, many, _)| ((*file).to_owned(), *many)).collect();
    assert_eq!(found, known);
}
