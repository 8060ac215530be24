//! The process is killed between any two durable steps of revoking and of making lists, and another takes over.
//!
//! A test starts this very program again as a child with a fail point in its environment; the child aborts there, as
//! `kill -9` would have it.

use std::time::Duration;

use ca::api::{CertificateQuery, CertificateState, Reason, RevokeRequest};
use platform::clock::Millis;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};

use crate::child::{self, as_another_process};
use crate::rollover::roll_over_of;
use crate::world::{World, config, listed, person, prescriber};

/// How the steps begin that give an authority a new key.
pub(crate) const ROLLOVER: &str = "rollover-";

const HOLD: RevokeRequest = RevokeRequest { reason: Reason::CertificateHold, invalidity_date: None };

/// A step, the point at which it is killed, and whether its effect is there afterwards.
const KILLS: [(&str, &str, bool); 10] = [
    ("hold", "ca.revocation-asked", false),
    ("hold", "ca.revocation-written", false),
    ("hold", "ca.revoked", true),
    ("resume", "ca.revocation-asked", false),
    ("resume", "ca.revocation-written", false),
    ("resume", "ca.revoked", true),
    ("list", "ca.crl-numbered", false),
    ("list", "ca.crl-signed", false),
    ("list", "ca.crl-part", false),
    ("list", "ca.crl-stored", true),
];

/// The points of issuing, and in which state the serial is found afterwards.
const ISSUE_KILLS: [(&str, Option<CertificateState>); 5] = [
    ("ca.written", None),
    ("ca.reserved", None),
    ("ca.linted", Some(CertificateState::Abandoned)),
    ("ca.signed", Some(CertificateState::Abandoned)),
    ("ca.stored", Some(CertificateState::Issued)),
];

/// Does what its environment says, when another test has started it as a child; otherwise nothing.
#[test]
fn child() {
    let Some(step) = child::step() else { return };
    let serial = child::serial();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (authority, client) = as_another_process().await;
        match step.as_str() {
            "hold" => drop(client.revoke(&serial, &HOLD).await.unwrap()),
            "resume" => drop(client.resume(&serial).await.unwrap()),
            "notices" => assert_eq!(authority.give_renewal_notices().await, 3),
            "list" => assert_eq!(authority.make_due_crls().await, 1),
            _ if step.starts_with(ROLLOVER) => {
                drop(roll_over_of(&authority, &step[ROLLOVER.len()..]).await.unwrap());
            }
            _ => drop(client.issue(&prescriber(&step)).await.unwrap()),
        }
    });
}

/// Starts the child, which must be killed at the point.
pub(crate) fn killed(
    world: &World,
    database: &TestDb,
    step: &str,
    serial: &str,
    point: &str,
    now: Option<Millis>,
) {
    child::killed("kills::child", &world.token, database, (step, serial), point, now);
}

/// Runs a test with a database that another process can open too.
pub(crate) fn with_database<F: AsyncFn(&World, &TestDb)>(engine: Engine, test: &F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(engine).await;
        let world = World::new(database.db.clone()).await;
        test(&world, &database).await;
        database.db.close().await;
    });
}

/// Killed at any point of holding, resuming or listing, the next process finds either all of it or nothing, the record
/// says the same as the rows, and the next list is whole and has a new number.
fn whoever_is_killed_leaves_all_or_nothing(engine: Engine) {
    with_database(engine, &async |world, database| {
        for (step, point, done) in KILLS {
            let issued = world.prescriber(&format!("{step}-{point}")).await;
            if step != "hold" {
                world.client.revoke(&issued.serial, &HOLD).await.unwrap();
            }
            if step == "resume" {
                world.authority.make_due_crls().await;
            }
            let (events, before) =
                (acts(world, &issued.serial).await, world.client.crl("remote-signing").await);
            let before = before.unwrap().number;
            killed(world, database, step, &issued.serial, point, None);
            let (authority, client) = world.again(config()).await;
            let held = (step == "list") || ((step == "hold") == done);
            let state = if held { CertificateState::Held } else { CertificateState::Issued };
            assert_eq!(client.certificate(&issued.serial).await.unwrap().state, state, "{step} {point}");
            let grown = acts(world, &issued.serial).await - events;
            assert_eq!(grown, usize::from(done && step != "list"), "{step} {point}");
            let after = client.crl("remote-signing").await.unwrap().number;
            assert_eq!(after > before, step == "list" && done, "{step} {point}");
            authority.make_due_crls().await;
            let crl = world.crl("remote-signing").await;
            assert_eq!(listed(&crl, &issued.serial).is_some(), held, "{step} {point}");
            let number = client.crl("remote-signing").await.unwrap().number;
            let gap = if step == "list" && !done { 2 } else { i64::from(done) };
            assert!(number >= before + gap, "{step} {point}: {number} after {before}");
        }
    });
}

/// Killed at any point of issuing, the next process finds no certificate without its row, and a serial that may have
/// been signed is answered and listed as revoked.
fn whoever_is_killed_leaves_no_certificate_without_its_row(engine: Engine) {
    with_database(engine, &async |world, database| {
        for (point, left) in ISSUE_KILLS {
            let query = CertificateQuery {
                user_id: person().user_id,
                limit: Some(500),
                ..CertificateQuery::default()
            };
            let before = world.client.certificates(&query).await.unwrap().certificates;
            killed(world, database, point, "", point, None);
            let (authority, client) = world.again(config()).await;
            let mut after = client.certificates(&query).await.unwrap().certificates;
            after.retain(|one| before.iter().all(|known| known.serial != one.serial));
            assert_eq!(after.len(), usize::from(left.is_some()), "{point}: {after:?}");
            authority.make_due_crls().await;
            let crl = world.crl("remote-signing").await;
            for one in &after {
                assert_eq!(Some(one.state), left, "{point}");
                let abandoned = left == Some(CertificateState::Abandoned);
                assert_eq!(listed(&crl, &one.serial).is_some(), abandoned, "{point}");
            }
        }
    });
}

/// Killed while it gives notices of certificates that end soon, or just after, a process has given all of them or none,
/// and the next gives the rest: each once, in rows and in the record.
fn whoever_is_killed_gives_no_notice_twice(engine: Engine, point: &str, given: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(engine).await;
        let (world, hand) = World::with_hand(database.db.clone()).await;
        for number in 0..3 {
            world.prescriber(&format!("soon-{number}")).await;
        }
        hand.advance(Duration::from_hours(24 * 725));
        killed(&world, &database, "notices", "", point, Some(world.clock.now()));
        let left = world.client.notices(0, 10).await.unwrap().notices;
        assert_eq!(left.len(), given, "{point}");
        assert_eq!(world.authority.give_renewal_notices().await, 3 - given, "{point}");
        let all = world.client.notices(0, 10).await.unwrap().notices;
        assert_eq!((all.len(), &all[..given]), (3, &left[..]), "{point}");
        assert_eq!(named(&world.db, "renewal-noticed").await, 3, "{point}");
        world.db.close().await;
    });
}

/// How many events of this name the record has.
pub(crate) async fn named(db: &Db, name: &str) -> i64 {
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = $1";
    sqlx::query_scalar(count).bind(name).fetch_one(db.read()).await.unwrap()
}

/// How many acts on this serial the record has.
async fn acts(world: &World, serial: &str) -> usize {
    use sqlx::Row as _;
    let names = ["certificate-held", "certificate-resumed", "certificate-revoked"];
    let rows = sqlx::query("SELECT name, body FROM audit_event WHERE module = 'ca'")
        .fetch_all(world.db.read())
        .await;
    let rows = rows.unwrap();
    let of_serial = rows.iter().filter(|row| {
        let (name, body): (String, Vec<u8>) = (row.try_get("name").unwrap(), row.try_get("body").unwrap());
        names.contains(&name.as_str()) && String::from_utf8_lossy(&body).contains(serial)
    });
    of_serial.count()
}

/// Holding, resuming and listing, on SQLite.
#[test]
fn revoking_on_sqlite() {
    whoever_is_killed_leaves_all_or_nothing(Engine::Sqlite);
}

/// Holding, resuming and listing, on `PostgreSQL`.
#[test]
fn revoking_on_postgres() {
    whoever_is_killed_leaves_all_or_nothing(Engine::Postgres);
}

/// Issuing, on SQLite.
#[test]
fn issuing_on_sqlite() {
    whoever_is_killed_leaves_no_certificate_without_its_row(Engine::Sqlite);
}

/// Issuing, on `PostgreSQL`.
#[test]
fn issuing_on_postgres() {
    whoever_is_killed_leaves_no_certificate_without_its_row(Engine::Postgres);
}

/// Killed before the notices are committed, on SQLite.
#[test]
fn noticing_on_sqlite() {
    whoever_is_killed_gives_no_notice_twice(Engine::Sqlite, "ca.renewals-written", 0);
}

/// Killed before the notices are committed, on `PostgreSQL`.
#[test]
fn noticing_on_postgres() {
    whoever_is_killed_gives_no_notice_twice(Engine::Postgres, "ca.renewals-written", 0);
}

/// Killed when they are, on SQLite.
#[test]
fn noticed_on_sqlite() {
    whoever_is_killed_gives_no_notice_twice(Engine::Sqlite, "ca.renewals-given", 3);
}

/// Killed when they are, on `PostgreSQL`.
#[test]
fn noticed_on_postgres() {
    whoever_is_killed_gives_no_notice_twice(Engine::Postgres, "ca.renewals-given", 3);
}
