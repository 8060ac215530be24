//! What who follows the register over LDAP is told of changes: of those that concern many entries, and of each whether it is new.

use std::collections::BTreeSet;
use std::time::Duration;

use directory::rbac::Mode;
use http::StatusCode;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::LdapOp;
use platform::db::Db;
use serde_json::json;
use tokio::time::timeout;

use crate::ldap_faults::{Secure, persistent};
use crate::ldap_following::copy;
use crate::ldap_rig::{As, Ldap};
use crate::rbac::{BASELINES, bring, release};
use crate::world::{self, ADVANCED, AGENT, MANAGER, NURSE, ROLE_OF_NURSES, position, user, who};

/// The next entry of a persistent search, and what was done to it: 1 for added, 4 for changed; 0 for what was there at first.
async fn told(client: &mut Secure) -> (String, u8) {
    let message = timeout(Duration::from_mins(1), client.next()).await.expect("something is told").unwrap();
    let LdapOp::SearchResultEntry(entry) = message.op else { panic!("{message:?}") };
    let kind = match &message.ctrl[..] {
        [LdapControl::Unknown { value: Some(value), .. }] => value[4],
        _ => 0,
    };
    (entry.dn, kind)
}

/// So many of them, by how their names begin: each with what was done, in the order of their depth.
async fn told_of(client: &mut Secure, many: usize) -> Vec<(usize, u8)> {
    let mut all = Vec::new();
    for _ in 0..many {
        let (dn, kind) = told(client).await;
        all.push((dn.split(',').count(), kind));
    }
    all.sort_unstable();
    all
}

/// Makes and changes things with a pause between, and asserts that a persistent search tells of each what was done. Without a pause what is made
/// has the millisecond of the change before it.
async fn told_apart(db: Db, pause: Duration) {
    let world = world::World::new(db.clone()).await;
    let make = async |ods: &str| {
        let new = json!({"ods": ods, "name": ods, "primary_role": "RO182", "ra_host": "RXX"});
        let made = world.rig.post(&world.operator, "/directory/organisations", &new).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        world.rig.hand.advance(pause);
    };
    make("XV1").await;
    let nurses = world.make(&who(MANAGER), &position("XV1", "Nurses", ROLE_OF_NURSES, &["B0380"])).await;
    let ldap = Ldap::new(db).await;
    let mut client = Secure::connect(&ldap).await;
    let filter = format!(
        "(|(nhsIDCode=XV1)(nhsIDCode=XV2)(uid={})(&(objectClass=nhsWg)(nhsIDCode=RXX)))",
        user(NURSE)
    );
    client.send(persistent(1, 15, &filter)).await;
    // A name of an organisation has three parts, and so has somebody's; a membership has four and a role five.
    assert_eq!(told_of(&mut client, 2).await, [(3, 0), (3, 0)]);

    make("XV2").await;
    assert_eq!(told(&mut client).await, ("uniqueIdentifier=XV2,ou=Organisations,o=nhs".to_owned(), 1));
    let moved = json!({"address": {"lines": ["1 High Street"], "town": "Leeds", "postcode": "LS1 4AP"}});
    assert_eq!(
        world.patch(&world.operator, "/directory/organisations/XV2", &moved).await.status,
        StatusCode::OK
    );
    assert_eq!(told(&mut client).await, ("uniqueIdentifier=XV2,ou=Organisations,o=nhs".to_owned(), 4));
    world.rig.hand.advance(pause);

    let group = json!({"organisation": "RXX", "name": "Example Trust"});
    let group = world::text(&world.rig.post(&who(ADVANCED), "/directory/workgroups", &group).await, "id");
    assert_eq!(told(&mut client).await, (format!("uniqueIdentifier={group},ou=workgroups,o=nhs"), 1));
    world.rig.hand.advance(pause);
    let path = format!("/directory/workgroups/{group}");
    assert_eq!(
        world.patch(&who(ADVANCED), &path, &json!({"name": "The trust"})).await.status,
        StatusCode::OK
    );
    assert_eq!(told(&mut client).await, (format!("uniqueIdentifier={group},ou=workgroups,o=nhs"), 4));
    world.rig.hand.advance(pause);

    // Nobody wrote the profile: it is as old as ever.
    world.assign(&who(AGENT), NURSE, &nurses).await;
    assert_eq!(told_of(&mut client, 3).await, [(3, 4), (4, 1), (5, 1)]);
    world.rig.hand.advance(pause);
    world.assign(&who(AGENT), NURSE, &world.ward.clone()).await;
    // What she was before has changed with her entry, and she is in the ward now; her role there the search does not find.
    assert_eq!(told_of(&mut client, 4).await, [(3, 4), (4, 1), (4, 4), (5, 4)]);

    for (filter, name) in [
        (
            "(&(nhsIDCode=XV1)(modifyTimestamp>=20261124000000Z))",
            "uniqueIdentifier=XV1,ou=Organisations,o=nhs".to_owned(),
        ),
        (
            "(&(objectClass=nhsWg)(createTimestamp>=20261124000000Z))",
            format!("uniqueIdentifier={group},ou=workgroups,o=nhs"),
        ),
    ] {
        assert_eq!(ldap.found(filter).await, [name], "{filter}");
    }
    assert!(ldap.found("(&(nhsIDCode=XV1)(modifyTimestamp>=20300101000000Z))").await.is_empty());
}

platform::both_engines! {
    /// A persistent search is told of what is new as added and of what was there as changed, whatever it is: an organisation, a workgroup, somebody's
    /// entry, their membership and their role. Organisations say when they were written, workgroups when they were made.
    async fn new_entries_are_told_from_old_ones(db: Db) {
        Box::pin(told_apart(db, Duration::from_mins(1))).await;
    }

    /// The same holds where the clock stands between what was told and what is made then.
    async fn new_entries_of_the_same_millisecond_are_told_as_added(db: Db) {
        Box::pin(told_apart(db, Duration::ZERO)).await;
    }

    /// A copy of people is told of those whose organisation is called otherwise, and of everybody with a role when roles are; a change of an
    /// organisation that does not show with the people in it tells of nobody, and nothing of it makes a copy begin anew.
    async fn who_follows_people_stays(db: Db) {
        let world = world::World::new(db.clone()).await;
        let new = json!({"ods": "XV1", "name": "Locum pharmacy", "primary_role": "RO182", "ra_host": "RXX"});
        let made = world.rig.post(&world.operator, "/directory/organisations", &new).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        let nurses = world.make(&who(MANAGER), &position("XV1", "Nurses", ROLE_OF_NURSES, &["B0380"])).await;
        world.assign(&who(AGENT), NURSE, &nurses).await;
        let ldap = Ldap::new(db).await;
        let people = ("ou=People,o=nhs", "(objectClass=*)");
        let whole = copy(&ldap, As::Account, people, None).await;
        let path = "/directory/organisations/XV1";

        let moved = json!({"address": {"lines": ["1 High Street"], "town": "Leeds", "postcode": "LS1 4AP"}});
        assert_eq!(world.patch(&world.operator, path, &moved).await.status, StatusCode::OK);
        let same = copy(&ldap, As::Account, people, Some(&whole.cookie)).await;
        assert_eq!((same.result.as_str(), same.names.len(), same.gone.len()), ("0 Success", 0, 0), "{same:?}");
        assert_ne!(same.cookie, whole.cookie, "it was told, and concerns no person");

        assert_eq!(world.patch(&world.operator, path, &json!({"name": "Night pharmacy"})).await.status, StatusCode::OK);
        let own = format!("uid={},ou=People,o=nhs", user(NURSE));
        let renamed = copy(&ldap, As::Account, people, Some(&same.cookie)).await;
        assert!(renamed.names.len() == 3 && renamed.names.iter().all(|name| name.ends_with(&own)), "{renamed:?}");
        assert_eq!(ldap.found("(&(objectClass=nhsOrgPerson)(o=Night pharmacy))").await.len(), 1);
        let late = copy(&ldap, As::Account, people, Some(&whole.cookie)).await;
        assert_eq!(late.names, renamed.names, "whoever was away hears of it too");

        bring(&world.rig, release("27.1", BASELINES), Mode::Apply).await.unwrap();
        let otherwise = copy(&ldap, As::Account, people, Some(&renamed.cookie)).await;
        assert_eq!((otherwise.result.as_str(), otherwise.deletes), ("0 Success", true), "it goes on");
        let now = copy(&ldap, As::Account, people, None).await;
        let whose = |name: &str| name.rsplit_once("uid=").map(|(_, uid)| uid.to_owned());
        let is_role = |name: &&String| name.matches("uniqueIdentifier=").count() == 2;
        let have_roles: BTreeSet<String> = now.names.iter().filter(is_role).filter_map(|name| whose(name)).collect();
        let is_theirs = |name: &&String| whose(name).is_some_and(|uid| have_roles.contains(&uid));
        let expected: BTreeSet<&String> = now.names.iter().filter(is_theirs).collect();
        assert!(have_roles.len() > 5, "{have_roles:?}");
        assert_eq!(otherwise.names.iter().collect::<BTreeSet<_>>(), expected);
        assert!(otherwise.names.contains(&own), "{otherwise:?}");
        // Who follows somebody alone is told of nobody else, and of them only if they are concerned.
        for (number, many) in [(NURSE, 3), (NURSE + 1, 0)] {
            let base = format!("uid={},ou=People,o=nhs", user(number));
            let before = copy(&ldap, As::Account, (base.as_str(), people.1), None).await;
            let renamed = json!({"name": format!("Pharmacy {number}")});
            assert_eq!(world.patch(&world.operator, path, &renamed).await.status, StatusCode::OK);
            let after = copy(&ldap, As::Account, (base.as_str(), people.1), Some(&before.cookie)).await;
            assert_eq!((after.names.len(), after.gone.len()), (many, 0), "{after:?}");
        }
        let nothing = copy(&ldap, As::Account, people, Some(&otherwise.cookie)).await;
        assert_eq!(nothing.names.len(), 3, "the names of before are told once more, of the nurse");
        let nothing = copy(&ldap, As::Account, people, Some(&nothing.cookie)).await;
        assert!(nothing.names.is_empty() && nothing.gone.is_empty(), "{nothing:?}");
    }
}
