//! The world of the demonstration, brought into a register by the register's own acts.

use std::collections::BTreeSet;
use std::io::Cursor;

use audit::Actor;
use directory::api::{IMPORT, OPERATE, READ};
use directory::authority::Rank;
use directory::seed::{
    Answer, Body, CHECKS_SMARTCARDS, Planted, Refused, Saying, Speaker, Voice, World, national_roles, plant,
    release,
};
use directory::{Config, Day, organisation, rbac};
use http::Method;
use platform::caller::Caller;
use platform::db::Db;
use serde_json::Value;

use crate::rig::{Rig, START, person, system};

/// Carries what is said to the router.
struct Carrier<'r> {
    rig: &'r Rig,
}

impl Speaker for Carrier<'_> {
    type Error = Refused;

    async fn say(&self, saying: Saying) -> Result<Answer, Refused> {
        let caller = caller(&saying.voice);
        let headers: &[(&str, &str)] = if saying.method == Method::GET { &[] } else { &[("if-match", "*")] };
        let answered = match saying.body {
            Body::Csv(text) => {
                let key = uuid::Uuid::now_v7().to_string();
                let headers = [("idempotency-key", key.as_str()), ("content-type", "text/csv")];
                self.rig.file(&caller, saying.method, &saying.path, &headers, text.as_bytes()).await
            }
            Body::Json(body) => {
                self.rig.send(&caller, saying.method, &saying.path, headers, Some(&body)).await
            }
            Body::Nothing => self.rig.send(&caller, saying.method, &saying.path, headers, None).await,
        };
        Ok(Answer { status: answered.status.as_u16(), body: answered.body })
    }
}

fn caller(voice: &Voice) -> Caller {
    match voice {
        Voice::Operator => system("operator", &[OPERATE, IMPORT, READ]),
        Voice::Person { user_id, .. } => person(user_id.as_str()),
    }
}

async fn planted(rig: &Rig, world: &World) -> Planted {
    let actor = Actor::system("demo");
    let reader = Cursor::new(release(world.places).into_bytes());
    let report =
        organisation::import(&rig.register, reader, organisation::Mode::Apply, |_| {}, &actor).await.unwrap();
    assert_eq!(report.refused, []);
    let roles = national_roles().unwrap();
    rbac::import(&rig.register, roles, rbac::Mode::Apply, &actor).await.unwrap();
    plant(world, Day::of(START), &Carrier { rig }).await.unwrap()
}

async fn rows(rig: &Rig, what: &str) -> i64 {
    let text = sqlx::AssertSqlSafe(format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {what}"));
    sqlx::query_scalar(text).fetch_one(rig.db.read()).await.unwrap()
}

const TABLES: [&str; 12] = [
    "directory_person",
    "directory_person_history",
    "directory_organisation",
    "directory_position",
    "directory_position_history",
    "directory_assignment",
    "directory_role_profile",
    "directory_workgroup",
    "directory_request",
    "directory_leaving",
    "directory_custody",
    "directory_change",
];

platform::both_engines! {
    /// Forty people come into the register by its own acts, each with its event; a second time adds nothing.
    async fn the_world_is_planted_once(db: Db) {
        let config = Config {
            local_smartcard_administrator: Some(CHECKS_SMARTCARDS.to_owned()),
            ..Config::default()
        };
        let rig = Rig::with(db, config);
        let world = World::new(1);
        let first = planted(&rig, &world).await;
        assert_eq!(first.people.len(), 40);
        assert_eq!(rows(&rig, "directory_person WHERE kind = 'person'").await, 40);
        for (event, rows_of) in [
            ("person-created", "directory_person"),
            ("position-created", "directory_position"),
            ("position-assigned", "directory_assignment"),
            ("workgroup-created", "directory_workgroup"),
            ("request-submitted", "directory_request"),
        ] {
            let events = rows(&rig, &format!("audit_event WHERE name = '{event}'")).await;
            assert_eq!(events, rows(&rig, rows_of).await, "{event}");
        }
        let mut before = Vec::new();
        for table in TABLES {
            before.push(rows(&rig, table).await);
        }
        let second = planted(&rig, &world).await;
        assert_eq!((second.made, &second.people), (0, &first.people));
        for (table, before) in TABLES.into_iter().zip(before) {
            assert_eq!(rows(&rig, table).await, before, "{table}");
        }
        what_is_going_on(&rig, &first).await;
    }
}

/// The states that somebody who looks around is to find.
async fn what_is_going_on(rig: &Rig, planted: &Planted) {
    let find = |seat: &str, place: usize| {
        let mut found = planted.people.iter().filter(|one| one.seat == seat);
        found.nth(place).unwrap_or_else(|| panic!("{seat} {place}"))
    };
    let operator = caller(&Voice::Operator);
    let read = async |seat: &str, place: usize| -> Value {
        let path = format!("/directory/people/{}", find(seat, place).user_id);
        rig.get(&operator, &path).await.body
    };
    let prescriber = read("partners", 0).await;
    assert_eq!(prescriber["user_id"], "555000000108");
    assert_eq!((&prescriber["standing"], &prescriber["origin"]), (&"verified".into(), &"imported".into()));
    assert_eq!(read("ward-nurses", 1).await["standing"], "verified");
    assert_eq!(read("practice-desk", 1).await["state"], "closed");
    let path = format!("/directory/people/{}/leaving", find("midwives", 1).user_id);
    assert_eq!(rig.get(&operator, &path).await.body["leavings"].as_array().map(Vec::len), Some(1));

    // A sponsor puts a nurse of the own ward into the ward, and nobody else anywhere.
    let sponsor = person(find("ward-sponsor", 0).user_id.as_str());
    let actor = rig.get(&sponsor, "/directory/actor").await.body.to_string();
    assert!(actor.contains("\"sponsor\""), "{actor}");
    let administrator = person(find("administrators", 0).user_id.as_str());
    let actor = rig.get(&administrator, "/directory/actor").await.body.to_string();
    assert!(actor.contains("local-smartcard-administrator"), "{actor}");
    // Between them they hold every rank that people hold.
    let mut held = BTreeSet::new();
    for somebody in &planted.people {
        let actor = rig.get(&person(somebody.user_id.as_str()), "/directory/actor").await.body;
        let roles = actor["roles"].as_array().into_iter().flatten();
        held.extend(roles.map(|role| role["rank"].as_str().unwrap().to_owned()));
    }
    let of_people = |rank: &Rank| !matches!(rank, Rank::Personnel | Rank::Operator);
    let all: BTreeSet<String> =
        Rank::ALL.into_iter().filter(of_people).map(|rank| rank.word().to_owned()).collect();
    assert_eq!(held, all);
    let manager = person(find("managers", 0).user_id.as_str());
    let open = rig.get(&manager, "/directory/requests").await.body;
    assert_eq!(open["items"].as_array().map(Vec::len), Some(2), "{open}");
}

platform::both_engines! {
    /// Planting that breaks off anywhere is finished by the next one, and nobody is there twice.
    async fn planting_goes_on_where_it_was(db: Db) {
        let rig = Rig::new(db);
        let world = World::new(1);
        for most in [20, 90, 150] {
            let stops = Stops { inner: Carrier { rig: &rig }, left: most.into() };
            let actor = Actor::system("demo");
            let reader = Cursor::new(release(world.places).into_bytes());
            let mode = organisation::Mode::Apply;
            organisation::import(&rig.register, reader, mode, |_| {}, &actor).await.unwrap();
            plant(&world, Day::of(START), &stops).await.unwrap_err();
        }
        let last = planted(&rig, &world).await;
        assert!(last.made > 0);
        assert_eq!(rows(&rig, "directory_person WHERE kind = 'person'").await, 40);
        assert_eq!(rows(&rig, "directory_request").await, 2);
        assert_eq!(planted(&rig, &world).await.made, 0);
    }
}

/// Carries so many requests, and then no more.
struct Stops<'r> {
    inner: Carrier<'r>,
    left: std::sync::atomic::AtomicU32,
}

impl Speaker for Stops<'_> {
    type Error = Refused;

    async fn say(&self, saying: Saying) -> Result<Answer, Refused> {
        let order = std::sync::atomic::Ordering::SeqCst;
        if self.left.fetch_update(order, order, |left| left.checked_sub(1)).is_err() {
            let (method, path) = (saying.method, saying.path);
            return Err(Refused { method, path, status: 0, said: "the wire was cut".to_owned() });
        }
        self.inner.say(saying).await
    }
}
