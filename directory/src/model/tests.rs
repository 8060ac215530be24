//! The model held against the database, on both engines.

use std::time::Duration;

use audit::Actor;
use platform::clock::{Clock, ManualClock, Millis};
use platform::db::{Db, JobFuture, Tx};
use platform::id::UserId;

use super::held::Come;
use super::keep::{Looked, Point, fill, look};
use super::{Detail, Life, ModelConfig, Organisation, OrganisationView, Person, PersonView, Role, Shown};
use crate::api::{
    AccreditedSystem, ChangeKind, MessageHandlingSystem, OrganisationStatus, SystemContent, SystemKind,
};
use crate::assignment::named_roles;
use crate::config::Config;
use crate::error::Error;
use crate::fhir::workers::{self, Dialect, Kind, WorkersConfig};
use crate::organisation::name_key;
use crate::person::{DocumentKey, State};
use crate::register::{Parts, Register};
use crate::seed::bulk::{self, Order};
use crate::store::faces::{self, Question};
use crate::store::organisation_faces::{Condition, Text};
use crate::store::roles::held;
use crate::store::systems::Wanted;
use crate::store::{organisation_faces, organisations, people, people_evidence, systems};
use crate::system::{self, System, folded, keys};
use crate::version::Expected;
use crate::{changes, store};

/// 2026-11-24.
const START: Millis = Millis(1_795_540_800_000);
const DAY: Duration = Duration::from_hours(24);

fn register(db: &Db, most_mib: u32) -> (Register, ManualClock) {
    let (clock, hand) = Clock::manual(START);
    let config = Config { model: ModelConfig { most_mib }, ..Config::default() };
    let parts = Parts { config, db: db.clone(), clock, document_key: DocumentKey::new(&[7; 32]) };
    (Register::new(parts).unwrap(), hand)
}

/// A register of this many people, with its model.
async fn filled(db: &Db, people: u64, most_mib: u32) -> (Register, ManualClock, Point) {
    let (register, hand) = register(db, most_mib);
    bulk::fill(&register, Order { people, seed: 7 }, |_| {}).await.unwrap();
    let mut point = fill(&register).await.unwrap();
    follow(&register, &mut point).await;
    (register, hand, point)
}

/// Looks once, as the task does that keeps the model.
async fn follow(register: &Register, point: &mut Point) {
    assert!(matches!(look(register, point).await.unwrap(), Looked::UpToDate));
    let come = Come::To { number: point.number, day: point.day };
    register.model.change(|held| held.come(come));
}

/// Somebody as the database has them.
async fn stored(register: &Register, tx: &mut Tx, id: &UserId) -> Person {
    let today = register.today();
    let profile = people::find(&mut *tx, id).await.unwrap().unwrap();
    let registrations = people_evidence::registrations(&mut *tx, id).await.unwrap();
    let named = match profile.state {
        State::Open => named_roles(register, tx, id).await.unwrap(),
        _ => Vec::new(),
    };
    let held = held(tx, id, today).await.unwrap();
    let from = |role: &str| {
        let own = held.iter().filter(|one| one.is_live(today));
        own.filter(|one| one.role_profile.as_ref().is_some_and(|own| own.as_str() == role))
            .map(|one| one.from)
            .min()
    };
    let roles =
        named.into_iter().map(|named| Role { from: from(&named.role.person_roleid), named }).collect();
    Person { shown: Shown::from(profile), registrations, roles }
}

async fn write<T: Send + 'static>(
    register: &Register,
    job: impl for<'t> FnOnce(&'t mut Tx) -> JobFuture<'t, T, Error> + Send + 'static,
) -> Result<T, Error> {
    register.db.write(job).await
}

/// Changes a name, as an act does, and tells of it.
async fn rename(register: &Register, id: &UserId, family: &'static str) {
    let user = id.clone();
    write(register, move |tx| {
        Box::pin(async move {
            store::seeding::rename_person(tx, &user, family).await?;
            changes::tell(tx, START, ChangeKind::PersonChanged, user.as_str(), Some(user.as_str())).await
        })
    })
    .await
    .unwrap();
}

fn accredited(organisation: &str, interaction: &str) -> SystemContent {
    SystemContent::Accredited(AccreditedSystem {
        organisation: organisation.to_owned(),
        party_key: format!("{organisation}-0000001"),
        interactions: vec![interaction.to_owned(), "urn:nhs:names:services:pds:QUPA_IN000006UK02".to_owned()],
        clients: vec!["RXX01".to_owned()],
        manufacturer: Some("YGM".to_owned()),
        ..AccreditedSystem::default()
    })
}

fn handling(organisation: &str, interaction: &str) -> SystemContent {
    SystemContent::MessageHandling(MessageHandlingSystem {
        organisation: organisation.to_owned(),
        party_key: format!("{organisation}-0000001"),
        interaction: interaction.to_owned(),
        endpoints: vec!["https://one.example/".to_owned(), "https://two.example/".to_owned()],
        ..MessageHandlingSystem::default()
    })
}

/// Registers a system.
async fn registered(register: &Register, content: SystemContent) -> System {
    let made = write(register, move |tx| {
        Box::pin(async move { system::create(tx, &Actor::system("directory"), None, content, START).await })
    });
    made.await.unwrap()
}

/// Registers systems of two organisations, of both kinds, with interactions that they share and others.
async fn with_systems(register: &Register) {
    for organisation in ["RXX", "RYY"] {
        for interaction in ["urn:a:b", "urn:a:c"] {
            registered(register, accredited(organisation, interaction)).await;
            registered(register, handling(organisation, interaction)).await;
        }
    }
}

/// Every system is as the database has it, and is found by each two of its words as there; gives how many there are.
async fn compare_systems(register: &Register, tx: &mut Tx) -> usize {
    let all = systems::page(&mut *tx, &Wanted::default(), "", 1_000).await.unwrap();
    for one in &all {
        assert_eq!(register.model.system(&folded(one.id.as_str())).as_ref(), Some(one));
        let words: Vec<_> = keys(&one.content).into_iter().collect();
        for (place, first) in words.iter().enumerate() {
            for second in &words[place..] {
                for kind in [None, Some(SystemKind::Accredited), Some(SystemKind::MessageHandling)] {
                    let wanted = Wanted { kind, keys: vec![first.clone(), second.clone()] };
                    let known = systems::page(&mut *tx, &wanted, "", 1_000).await.unwrap();
                    let found = register.model.systems(&wanted, 1_000);
                    assert_eq!(found.is_none(), known.is_empty(), "{wanted:?}");
                    assert_eq!(found.unwrap_or_default(), known, "{wanted:?}");
                }
            }
        }
    }
    all.len()
}

/// Holds what the model says of somebody of whom less is looked at against what is known of them.
fn compare_less(register: &Register, mut known: Person) {
    let (id, today) = (known.shown.user_id.clone(), register.today());
    for Role { named, .. } in &mut known.roles {
        named.role.added_activity_codes.clear();
        named.role.activity_codes.clear();
        named.role.aow_codes.clear();
        named.role.workgroups_codes.clear();
        named.activities.clear();
        named.aow.clear();
        named.workgroups.clear();
    }
    for detail in [Detail::Roles, Detail::Person] {
        if detail == Detail::Person {
            known.roles.clear();
        }
        assert_eq!(register.model.person(id.as_str(), today, detail).as_ref(), Some(&known));
        let looked_at = register.model.look_at(id.as_str(), today, detail, |view| {
            assert_eq!(*view, PersonView::of(&known.shown, &known.registrations, &known.roles));
        });
        assert!(looked_at.is_some());
    }
}

/// Holds what the model finds by what is in names of organisations against what the database finds, whole and by pages.
async fn compare_names(register: &Register, tx: &mut Tx) {
    let codes = store::shown::organisations_after(&mut *tx, "", 5).await.unwrap();
    let some = organisation_faces::many(&mut *tx, &codes).await.unwrap();
    let words =
        some.iter().flat_map(|one| one.record.name.split(' ')).filter(|word| !name_key(word).is_empty());
    for word in words.chain(["a", "no such name"]) {
        for status in [None, Some(OrganisationStatus::Active), Some(OrganisationStatus::Inactive)] {
            let mut conditions = vec![Condition::Name(Text::Contains, vec![word.to_owned()])];
            conditions.extend(status.map(|status| Condition::Status(vec![status])));
            let total = organisation_faces::count(&mut *tx, &conditions).await.unwrap();
            for (skip, most) in [(0, 1_000), (1, 3), (2, 0)] {
                let known = organisation_faces::names(&mut *tx, &conditions, skip, most).await.unwrap();
                let (skip, most) = (usize::try_from(skip).unwrap(), usize::try_from(most).unwrap());
                let found = register.model.named(&name_key(word), status, skip, most).unwrap();
                assert_eq!((found.total, found.some), (total, known), "{word} {status:?}");
            }
        }
    }
}

async fn ids(db: &Db) -> Vec<UserId> {
    let mut tx = db.read().acquire().await.unwrap();
    faces::people(&mut tx, &[], "", 10_000).await.unwrap()
}

platform::both_engines! {
    /// Whoever is in the model is there as the database has them, with every role and registration, and is found by the same; so is every
    /// organisation and every system.
    async fn model_says_what_the_database_says(db: Db) {
        let (register, _hand, _) = filled(&db, 150, 64).await;
        with_systems(&register).await;
        let mut point = fill(&register).await.unwrap();
        follow(&register, &mut point).await;
        let today = register.today();
        let mut tx = db.read().acquire().await.unwrap();
        let (mut roles, mut numbers) = (0, 0);
        for id in ids(&db).await {
            let person = register.model.person(id.as_str(), today, Detail::Everything).expect("everybody is in the model");
            let known = stored(&register, &mut tx, &id).await;
            assert_eq!(person, known);
            let looked_at = register.model.look_at(id.as_str(), today, Detail::Everything, |view| {
                assert_eq!(*view, PersonView::of(&known.shown, &known.registrations, &known.roles));
            });
            assert!(looked_at.is_some(), "everybody can be looked at");
            compare_less(&register, known);
            for role in &person.roles {
                let question = vec![vec![Question::Profile(role.named.role.person_roleid.clone())]];
                assert_eq!(register.model.people(&question).as_deref(), Some(&[id.clone()][..]));
            }
            for one in &person.registrations {
                let question = vec![vec![Question::Registration(one.body.word(), one.number.clone())]];
                let known = faces::people_of(&mut tx, &question, "", 10).await.unwrap();
                assert_eq!(register.model.people(&question).unwrap(), known);
            }
            roles += person.roles.len();
            numbers += person.registrations.len();
        }
        assert!(roles > 150 && numbers > 10, "{roles} roles and {numbers} registrations say little");
        let codes = store::shown::organisations_after(&mut tx, "", 1_000).await.unwrap();
        assert!(codes.len() > 10);
        compare_names(&register, &mut tx).await;
        for code in codes {
            let found = organisations::find(&mut tx, &code).await.unwrap().unwrap();
            let written = organisation_faces::written_at(&mut tx, std::slice::from_ref(&code)).await.unwrap();
            let view = OrganisationView::of(&found.record);
            let expected = Organisation { view, version: found.version, written_at: written.get(&code).copied() };
            let known = register.model.look_at_organisation(code.as_str(), |known| assert_eq!(*known, expected));
            assert!(known.is_some(), "every organisation is in the model");
        }
        assert!(register.model.person("999999999999", today, Detail::Everything).is_none(), "the database says that there is nobody");
        assert!(register.model.look_at("999999999999", today, Detail::Everything, |_| ()).is_none());
        assert_eq!(compare_systems(&register, &mut tx).await, 8);
        assert!(register.model.system("999999999999").is_none(), "the database says that there is none");
    }

    /// Over FHIR whoever is in the model is told octet for octet as the database has them, in both dialects, and so is every role of theirs.
    async fn model_tells_what_the_database_tells(db: Db) {
        let (_register, _hand, _) = filled(&db, 120, 64).await;
        for dialect in [Dialect::Service, Dialect::England] {
            let (clock, _hand) = Clock::manual(START);
            let config = Config { workers: WorkersConfig { dialect }, ..Config::default() };
            let parts = Parts { config, db: db.clone(), clock, document_key: DocumentKey::new(&[7; 32]) };
            let register = Register::new(parts).unwrap();
            let mut point = fill(&register).await.unwrap();
            follow(&register, &mut point).await;
            let mut tx = db.read().acquire().await.unwrap();
            let mut roles = 0;
            for id in ids(&db).await {
                let found = workers::somebody(&register, &mut tx, Kind::Role, &id).await.unwrap();
                let told = workers::known(&register, Kind::Practitioner, id.as_str());
                let Some(found) = found else {
                    assert!(told.is_none(), "who has left is looked for in every way");
                    continue;
                };
                let told = told.unwrap();
                let whole = workers::practitioner(&found, dialect);
                let stamp = workers::stamp(&found, Kind::Practitioner, &whole);
                assert_eq!((told.user.as_str(), told.whole.json()), (id.as_str(), whole.stamped(&stamp).json()));
                for role in &found.roles {
                    let told = workers::known(&register, Kind::Role, &role.named.role.person_roleid).unwrap();
                    let whole = workers::practitioner_role(&found, role, dialect);
                    let stamp = workers::stamp(&found, Kind::Role, &whole);
                    assert_eq!((told.user.as_str(), told.whole.json()), (id.as_str(), whole.stamped(&stamp).json()));
                    roles += 1;
                }
            }
            assert!(roles > 60, "{roles} roles say little");
            assert!(workers::known(&register, Kind::Practitioner, "999999999999").is_none());
            assert!(workers::known(&register, Kind::Role, "999999999999").is_none());
        }
    }

    /// A system is in the model as soon as it was told of, as it is then, and found by its words of then alone; one that was withdrawn is in
    /// it no more. Until it has come so far, the database is asked.
    async fn systems_come_and_go(db: Db) {
        let (register, _hand, mut point) = filled(&db, 20, 64).await;
        with_systems(&register).await;
        let made = registered(&register, accredited("RZZ", "urn:a:d")).await;
        let name = folded(made.id.as_str());
        let by = |interaction: &str| {
            let wanted = Wanted { kind: None, keys: vec![("interaction", interaction.to_owned())] };
            register.model.systems(&wanted, 10).map(|found| found.len())
        };
        assert!(register.model.system(&name).is_none() && by("urn:a:b").is_none(), "it has not come so far");
        follow(&register, &mut point).await;
        assert_eq!((register.model.system(&name).as_ref(), by("urn:a:b"), by("urn:a:d")), (Some(&made), Some(4), Some(1)));

        let id = made.id.clone();
        let changed = write(&register, move |tx| {
            Box::pin(async move {
                let content = accredited("RZZ", "urn:a:b");
                system::change(tx, &Actor::system("directory"), &id, Expected::Any, content, START).await
            })
        })
        .await
        .unwrap();
        assert!(register.model.system(&name).is_none(), "what was written is read from the database");
        follow(&register, &mut point).await;
        assert_eq!((register.model.system(&name), by("urn:a:b"), by("urn:a:d")), (Some(changed), Some(5), None));
        let mut tx = db.read().acquire().await.unwrap();
        assert_eq!(compare_systems(&register, &mut tx).await, 9);

        let id = made.id.clone();
        write(&register, move |tx| {
            Box::pin(async move {
                system::withdraw(tx, &Actor::system("directory"), &id, Expected::Any, START).await
            })
        })
        .await
        .unwrap();
        follow(&register, &mut point).await;
        assert_eq!((register.model.system(&name), by("urn:a:b")), (None, Some(4)));
        assert_eq!(compare_systems(&register, &mut tx).await, 8);
    }

    /// Whoever writes reads at once what they wrote: until it is in the model the database answers. What was undone keeps the model silent
    /// no longer than it is taken for coming.
    async fn writers_read_what_they_wrote(db: Db) {
        let (register, _hand, mut point) = filled(&db, 20, 64).await;
        let (today, id) = (register.today(), ids(&db).await.remove(0));
        let family = |register: &Register| register.model.person(id.as_str(), today, Detail::Everything).map(|person| person.shown.name.family);
        assert!(family(&register).is_some());
        rename(&register, &id, "Changed").await;
        assert_eq!(family(&register), None, "the database is to be asked");
        follow(&register, &mut point).await;
        assert_eq!(family(&register).as_deref(), Some("Changed"));
        let user = id.clone();
        let undone: Result<(), Error> = write(&register, move |tx| {
            Box::pin(async move {
                changes::tell(tx, START, ChangeKind::PersonChanged, user.as_str(), None).await?;
                Err(Error::unknown("person", user))
            })
        })
        .await;
        assert!(undone.is_err());
        follow(&register, &mut point).await;
        assert_eq!(family(&register), None, "it may still be committed");
        changes::undone(point.number, changes::times());
        assert_eq!(family(&register).as_deref(), Some("Changed"));
    }

    /// Roles begin and end with days: the model of yesterday says nothing today, and after a look it is of today.
    async fn days_pass(db: Db) {
        let (register, hand, mut point) = filled(&db, 60, 64).await;
        let id = ids(&db).await.into_iter().find(|id| {
            register.model.person(id.as_str(), register.today(), Detail::Everything).is_some_and(|person| !person.roles.is_empty())
        });
        let id = id.unwrap();
        let user = id.clone();
        let last = register.today();
        write(&register, move |tx| {
            Box::pin(async move {
                store::seeding::end_assignments(tx, &user, last).await?;
                changes::tell(tx, START, ChangeKind::AssignmentChanged, "a", Some(user.as_str())).await
            })
        })
        .await
        .unwrap();
        follow(&register, &mut point).await;
        let roles = |register: &Register| register.model.person(id.as_str(), register.today(), Detail::Everything).map(|person| person.roles.len());
        assert!(roles(&register).is_some_and(|roles| roles > 0), "the last day counts");
        hand.advance(DAY);
        assert_eq!(roles(&register), None);
        follow(&register, &mut point).await;
        assert_eq!(roles(&register), Some(0));
        let mut tx = db.read().acquire().await.unwrap();
        assert_eq!(register.model.person(id.as_str(), register.today(), Detail::Everything).unwrap(), stored(&register, &mut tx, &id).await);
    }

    /// Whoever is closed is told as closed; whoever becomes part of another is in it no more, and their numbers find nobody here.
    async fn people_leave(db: Db) {
        let (register, _hand, mut point) = filled(&db, 400, 64).await;
        let today = register.today();
        let with_number = |id: &UserId| {
            register.model.person(id.as_str(), today, Detail::Everything).is_some_and(|person| !person.registrations.is_empty())
        };
        let id = ids(&db).await.into_iter().find(with_number).unwrap();
        let number = register.model.person(id.as_str(), today, Detail::Everything).unwrap().registrations.remove(0);
        let question = vec![vec![Question::Registration(number.body.word(), number.number)]];
        for (state, kind) in [("closed", ChangeKind::PersonClosed), ("merged", ChangeKind::PersonMerged)] {
            let user = id.clone();
            write(&register, move |tx| {
                Box::pin(async move {
                    store::seeding::set_state(tx, &user, state).await?;
                    changes::tell(tx, START, kind, user.as_str(), Some(user.as_str())).await
                })
            })
            .await
            .unwrap();
            follow(&register, &mut point).await;
            let person = register.model.person(id.as_str(), today, Detail::Everything);
            if state == "closed" {
                let person = person.unwrap();
                assert_eq!((person.shown.life, person.roles.len()), (Life::Over, 0));
                assert_eq!(register.model.people(&question).unwrap(), std::slice::from_ref(&id));
            } else {
                assert!(person.is_none());
                assert!(register.model.people(&question).is_none(), "the database is to be asked");
            }
        }
    }

    /// It takes no more than it may: who does not fit is asked of the database, and so is who has a number, since another may have it.
    async fn memory_is_bounded(db: Db) {
        let (register, _hand, _) = filled(&db, 3_200, 1).await;
        let (octets, people, _) = register.model.change(|held| held.size());
        assert!(octets <= 1 << 20 && people > 100 && people < 3_200, "{octets} octets for {people} people");
        let today = register.today();
        let here: Vec<UserId> = ids(&db).await.into_iter().filter(|id| register.model.person(id.as_str(), today, Detail::Everything).is_some()).collect();
        assert_eq!(here.len(), people);
        let number = here.iter().find_map(|id| register.model.person(id.as_str(), today, Detail::Everything)?.registrations.pop()).unwrap();
        let question = vec![vec![Question::Registration(number.body.word(), number.number)]];
        assert!(register.model.people(&question).is_none());
    }
}
