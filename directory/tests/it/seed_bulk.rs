//! An empty register is filled with invented people: the same each time, only an empty one, and on after a kill.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use directory::api::{CHANGES, OPERATE, READ};
use directory::seed::bulk::{Order, fill};
use directory::{Error, Register};
use http::{Method, StatusCode};
use platform::clock::Clock;
use platform::db::testing::TestDb;
use platform::db::{Config, Db, Engine};
use platform::id::UserId;
use serde_json::json;

use crate::people_rig::new_person;
use crate::rig::{Rig, person, system};

/// Every table that is written, with what its rows are ordered by.
const TABLES: [&str; 20] = [
    "directory_organisation",
    "directory_organisation_role",
    "directory_organisation_relationship",
    "directory_organisation_contact",
    "directory_position",
    "directory_access_profile",
    "directory_position_assignable",
    "directory_position_history",
    "directory_workgroup",
    "directory_access_profile_workgroup",
    "directory_person",
    "directory_person_name",
    "directory_person_key",
    "directory_person_history",
    "directory_contact",
    "directory_registration",
    "directory_assignment",
    "directory_role_profile",
    "directory_organisation_person",
    "directory_counter",
];

async fn filled(rig: &Rig, people: u64, seed: u64) -> Result<directory::seed::bulk::Progress, Error> {
    fill(&rig.register, Order { people, seed }, |_| {}).await
}

async fn count(db: &Db, table: &str) -> i64 {
    let text = sqlx::AssertSqlSafe(format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {table}"));
    sqlx::query_scalar(text).fetch_one(db.read()).await.unwrap()
}

/// Some of every table as text: who is who, what is where.
async fn content(db: &Db) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        all.push(format!("{table}: {}", count(db, table).await));
    }
    for text in [
        "SELECT user_id || state || standing || given || family || birth FROM directory_person ORDER BY user_id",
        "SELECT assignment_id || user_id || position_id || organisation || from_day || COALESCE(to_day, '') || state \
         FROM directory_assignment ORDER BY assignment_id",
        "SELECT ods || name || COALESCE(ra_host, '') || status FROM directory_organisation ORDER BY ods",
        "SELECT role_profile_id || user_id || access_profile_id FROM directory_role_profile ORDER BY role_profile_id",
        "SELECT organisation_person_id || user_id || organisation FROM directory_organisation_person \
         ORDER BY organisation_person_id",
        "SELECT position_id || organisation || name || COALESCE(rank, '') FROM directory_position ORDER BY position_id",
        "SELECT body || number || user_id FROM directory_registration ORDER BY body, number",
        "SELECT contact_id || user_id || value FROM directory_contact ORDER BY contact_id",
    ] {
        let rows: Vec<String> = sqlx::query_scalar(text).fetch_all(db.read()).await.unwrap();
        all.extend(rows);
    }
    all
}

platform::both_engines! {
    /// The numbers are as ordered, a second time is told that all is there, and anything else is refused.
    async fn an_empty_register_is_filled_once(db: Db) {
        let rig = Rig::new(db.clone());
        let done = filled(&rig, 280, 1).await.unwrap();
        assert_eq!((done.people, done.organisations, done.assignments), (280, 60, 800));
        for (table, rows) in
            [("directory_person", 280), ("directory_organisation", 60), ("directory_assignment", 800)]
        {
            assert_eq!(count(&db, table).await, rows, "{table}");
        }
        let before = content(&db).await;
        assert_eq!(filled(&rig, 280, 1).await.unwrap().people, 280);
        assert_eq!(content(&db).await, before);
        for (people, seed) in [(281, 1), (280, 2)] {
            let refused = filled(&rig, people, seed).await.unwrap_err();
            assert!(matches!(refused, Error::Conflict { code: "filled-otherwise", .. }), "{refused}");
        }
        assert_eq!(content(&db).await, before);
        assert_eq!(count(&db, "audit_event WHERE name LIKE 'seeding-%'").await, 2);
        assert!(matches!(filled(&rig, 0, 1).await, Err(Error::Field { .. })));
    }

    /// A register that holds anybody is left as it is.
    async fn only_an_empty_register_is_filled(db: Db) {
        let rig = Rig::new(db.clone());
        let operator = system("operator", &[OPERATE, READ]);
        let body = new_person("Ann", "Example", "1984-07-23", "123456");
        let made = rig.post(&operator, "/directory/people", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        let refused = filled(&rig, 100, 1).await.unwrap_err();
        assert!(matches!(refused, Error::Conflict { code: "register-not-empty", .. }), "{refused}");
        assert_eq!(count(&db, "directory_person").await, 1);
        assert_eq!(count(&db, "audit_event WHERE name LIKE 'seeding-%'").await, 0);
    }

    /// What is made is a register: somebody is found, a manager makes a profile with a number that is new, assigns, and sees.
    async fn a_filled_register_works(db: Db) {
        let rig = Rig::new(db.clone());
        filled(&rig, 140, 3).await.unwrap();
        let idle = format!(
            "directory_person p WHERE p.user_id <= '{}' AND NOT EXISTS (SELECT 1 FROM directory_assignment a \
             WHERE a.user_id = p.user_id AND a.state = 'live')",
            UserId::from_number(60).unwrap()
        );
        assert_eq!(count(&db, &idle).await, 0, "the registration authority is at its posts");
        let manager = person(UserId::from_number(1).unwrap().as_str());
        let actor = rig.get(&manager, "/directory/actor").await;
        assert!(actor.body.to_string().contains("ra-manager"), "{:?}", actor.body);
        let (name,): (String,) = sqlx::query_as("SELECT family FROM directory_person WHERE user_id = $1")
            .bind(UserId::from_number(100).unwrap().to_string())
            .fetch_one(db.read())
            .await
            .unwrap();
        let found = rig.get(&manager, &format!("/directory/people?name={}", name.to_lowercase())).await;
        assert!(!found.body["items"].as_array().unwrap().is_empty(), "{:?}", found.body);

        let made = rig.post(&manager, "/directory/people", &new_person("Ann", "Example", "1984-07-23", "123456")).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        assert_eq!(made.body["user_id"], UserId::from_number(141).unwrap().as_str());
        let positions = rig.get(&manager, "/directory/positions?organisation=Z00000&name=nurses").await;
        let body = json!({"person": made.body["user_id"], "position": positions.body["items"][0]["id"]});
        let assigned = rig.post(&manager, "/directory/assignments", &body).await;
        assert_eq!(assigned.status, StatusCode::CREATED, "{:?}", assigned.body);
        let path = format!("/directory/people/{}/roles", made.body["user_id"].as_str().unwrap());
        let roles = rig.get(&system("reader", &[READ, CHANGES]), &path).await;
        assert_eq!(roles.body["roles"].as_array().map(Vec::len), Some(1), "{:?}", roles.body);
        let below = rig.get(&manager, "/directory/organisations/Z00000").await;
        assert_eq!(below.status, StatusCode::OK);
        let refused = rig.send(&manager, Method::GET, "/directory/positions?organisation=Z00001", &[], None).await;
        assert_ne!(refused.status, StatusCode::OK, "another trust is not there");
    }
}

/// The same seed makes the same rows on both engines and each time, and another seed others; more people begin with the same.
#[tokio::test]
async fn the_same_seed_makes_the_same_rows() {
    let mut contents = Vec::new();
    for (engine, seed) in
        [(Engine::Sqlite, 5), (Engine::Sqlite, 5), (Engine::Postgres, 5), (Engine::Sqlite, 6)]
    {
        let test = TestDb::new(engine).await;
        filled(&Rig::new(test.db.clone()), 100, seed).await.unwrap();
        contents.push(content(&test.db).await);
        test.db.close().await;
    }
    assert_eq!(contents[0], contents[1]);
    assert_eq!(contents[0], contents[2], "the engines differ");
    assert_ne!(contents[0], contents[3]);
}

/// Where the child writes. Without it `child_that_fills` has nothing to do.
const CHILD_URL: &str = "LANYARD_TEST_SEED_URL";
/// Some transactions.
const ORDER: Order = Order { people: 700, seed: 9 };

/// The child: it fills a register and prints a line after each transaction.
#[test]
fn child_that_fills() {
    let Ok(url) = std::env::var(CHILD_URL) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::connect(&Config::new(url), Clock::system()).await.unwrap();
        let register: Register = Rig::new(db).register;
        fill(&register, ORDER, |_| std::io::stdout().write_all(b"part\n").unwrap()).await.unwrap();
    });
}

async fn killed_filling_goes_on(engine: Engine) {
    let test = TestDb::new(engine).await;
    let url = test.config.url.clone();
    let killed = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "seed_bulk::child_that_fills", "--nocapture"])
            .env(CHILD_URL, url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.map_while(Result::ok).find(|line| line == "part");
        child.kill().unwrap(); // SIGKILL, in the next transaction
        child.wait().unwrap();
        first.is_some()
    });
    assert!(killed.await.unwrap(), "the child wrote nothing");
    let db = Db::connect(&test.config, Clock::system()).await.unwrap();
    let rig = Rig::new(db.clone());
    assert!(count(&db, "directory_organisation").await > 0, "the first part is in");
    assert_eq!(count(&db, "audit_event WHERE name = 'seeding-ended'").await, 0);
    let done = fill(&rig.register, ORDER, |_| {}).await.unwrap();
    assert_eq!(done.people, ORDER.people);

    let straight = TestDb::new(engine).await;
    fill(&Rig::new(straight.db.clone()).register, ORDER, |_| {}).await.unwrap();
    assert_eq!(content(&db).await, content(&straight.db).await);
    db.close().await;
    straight.db.close().await;
    test.db.close().await;
}

/// After `kill -9` what is in SQLite is in whole, and the rest comes as if nothing had been.
#[tokio::test]
async fn killed_filling_goes_on_on_sqlite() {
    killed_filling_goes_on(Engine::Sqlite).await;
}

/// After `kill -9` what is in `PostgreSQL` is in whole, and the rest comes as if nothing had been.
#[tokio::test]
async fn killed_filling_goes_on_on_postgres() {
    killed_filling_goes_on(Engine::Postgres).await;
}
