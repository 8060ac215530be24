//! The process is killed between any two durable steps of issuing, revoking and making lists, and another takes over.
//!
//! A test starts this very program again as a child with a fail point in its environment; the child aborts there, as
//! `kill -9` would have it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ca::api::{
    AUTHORITIES, CertificateQuery, CertificateState, IssueRequest, Reason, RevokeRequest, RolloverRequest,
};
use ca::{Config, Delta, ListSettings, failpoint};
use pki::ocsp::{Hash, Status};
use platform::clock::Millis;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};

use crate::child::{self, as_another_process, as_another_process_under};
use crate::expiring::{PROFILE, spread_profiles};
use crate::ocsp::{ask, id_of, issuer};
use crate::world::{
    World, client as client_as, config, fresh_key, listed, person, prescriber, system, until,
};

/// How the steps begin that give an authority a new key.
pub(crate) const ROLLOVER: &str = "rollover-";

/// The issuer of the certificates here.
const ISSUER: &str = "remote-signing";

/// How the steps begin that issue under profiles that spread ends; the profiles are in the file that the child is told.
const SPREAD: &str = "spread-";

const HOLD: RevokeRequest = RevokeRequest { reason: Reason::CertificateHold, invalidity_date: None };
const REVOKE: RevokeRequest = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: None };

/// A step, the point at which it is killed, and whether its effect is there afterwards. A hold becomes a revocation for good
/// in `final`.
const KILLS: [(&str, &str, bool); 16] = [
    ("revoke", "ca.revocation-asked", false),
    ("revoke", "ca.revocation-written", false),
    ("revoke", "ca.revoked", true),
    ("final", "ca.revocation-asked", false),
    ("final", "ca.revocation-written", false),
    ("final", "ca.revoked", true),
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

/// The points of a complete list and of the delta list made with it, and which of the two is there afterwards.
const DELTA_KILLS: [(&str, bool, bool); 6] = [
    ("ca.crl-numbered", false, false),
    ("ca.crl-signed", false, false),
    ("ca.crl-stored", true, false),
    ("ca.crl-signed:2", true, false),
    ("ca.crl-part:2", true, false),
    ("ca.crl-stored:2", true, true),
];

/// Before notices are committed, and after.
const NOTICING: &str = "ca.renewals-written";
const NOTICED: &str = "ca.renewals-given";

/// The points of issuing, and in which state the serial is found afterwards.
pub(crate) const ISSUE_KILLS: [(&str, Option<CertificateState>); 5] = [
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
            "revoke" | "final" => drop(client.revoke(&serial, &REVOKE).await.unwrap()),
            "deltas" => {
                let (authority, _) = as_another_process_under(with_deltas()).await;
                assert_eq!(authority.make_due_crls().await, 1);
            }
            "resume" => drop(client.resume(&serial).await.unwrap()),
            "notices" => assert_eq!(authority.give_renewal_notices().await, 3),
            "list" => assert_eq!(authority.make_due_crls().await, 1),
            _ if step.starts_with(SPREAD) => {
                let config = Config { profiles: Some(serial.into()), ..config() };
                let (_, client) = as_another_process_under(config).await;
                drop(client.issue(&IssueRequest::new(step, PROFILE, system(), fresh_key())).await.unwrap());
            }
            _ if step.starts_with(ROLLOVER) => {
                let (line, generation) = step[ROLLOVER.len()..].split_once(':').unwrap();
                let generation = Some(generation.parse().unwrap());
                let request = RolloverRequest { generation, ..RolloverRequest::default() };
                drop(client_as(&authority, &[AUTHORITIES]).roll_over(line, &request).await.unwrap());
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

/// No point of issuing, revoking, listing and giving notices is left out here.
#[test]
fn every_point_is_killed_at() {
    let revoking = KILLS.iter().map(|kill| kill.1);
    let killed: BTreeSet<_> = ISSUE_KILLS.iter().map(|kill| kill.0).chain(revoking).collect();
    let killed: BTreeSet<_> = killed.into_iter().chain([NOTICING, NOTICED]).collect();
    assert_eq!(killed, failpoint::ALL.iter().copied().collect());
}

/// How a certificate stands after a step that was done or not.
fn state(step: &str, done: bool) -> CertificateState {
    match (step, done) {
        ("revoke" | "final", true) => CertificateState::Revoked,
        ("hold", true) | ("resume" | "final", false) | ("list", _) => CertificateState::Held,
        _ => CertificateState::Issued,
    }
}

/// Killed at any point of revoking, holding, resuming or listing, the next process finds either all of it or nothing, the
/// record says the same as the rows, the next list is whole and has a new number, and OCSP says what it says.
fn whoever_is_killed_leaves_all_or_nothing(engine: Engine) {
    with_database(engine, &async |world, database| {
        world.authority.renew_responders().await;
        let signer = issuer(world, ISSUER).await;
        for (step, point, done) in KILLS {
            let issued = world.prescriber(&format!("{step}-{point}")).await;
            if !["hold", "revoke"].contains(&step) {
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
            let state = state(step, done);
            assert_eq!(client.certificate(&issued.serial).await.unwrap().state, state, "{step} {point}");
            let grown = acts(world, &issued.serial).await - events;
            assert_eq!(grown, usize::from(done && step != "list"), "{step} {point}");
            let after = client.crl("remote-signing").await.unwrap().number;
            assert_eq!(after > before, step == "list" && done, "{step} {point}");
            authority.make_due_crls().await;
            let entry = listed(&world.crl(ISSUER).await, &issued.serial);
            let reason = match state {
                CertificateState::Held => Some(pki::Reason::CertificateHold),
                CertificateState::Revoked => Some(pki::Reason::KeyCompromise),
                _ => None,
            };
            assert_eq!(entry.as_ref().and_then(|entry| entry.reason), reason, "{step} {point}");
            assert_eq!(entry.is_some(), reason.is_some(), "{step} {point}");
            let told = ask(world, &authority, &signer, &id_of(Hash::Sha1, &signer, &issued.serial)).await;
            let expected = entry.map_or(Status::Good, |entry| Status::Revoked {
                at_ms: entry.revoked_at_ms,
                reason: entry.reason,
            });
            assert_eq!(told.status(), expected, "{step} {point}");
            let number = client.crl("remote-signing").await.unwrap().number;
            let gap = if step == "list" && !done { 2 } else { i64::from(done) };
            assert!(number >= before + gap, "{step} {point}: {number} after {before}");
        }
    });
}

/// Delta lists of the issuer, beside complete ones.
fn with_deltas() -> Config {
    let settings = ListSettings { shards: 0, delta: Delta::Lists, delta_minutes: 60 };
    Config { lists: BTreeMap::from([(ISSUER.parse().unwrap(), settings)]), ..config() }
}

/// Killed while a complete list and its delta list are made, what is served is whole and of before or of now; the next
/// process makes what is missing, and then both say the same.
fn whoever_is_killed_leaves_whole_lists(engine: Engine) {
    const PLACE: &str = "/crl/remote-signing/delta.crl";
    with_database(engine, &async |world, database| {
        let delta = async || {
            let (parts, body) = world.get(PLACE, &[]).await;
            assert_eq!(parts.status, 200);
            pki::Crl::from_der(&body).unwrap()
        };
        let (authority, client) = world.again(with_deltas()).await;
        authority.make_due_crls().await;
        for (point, complete_made, delta_made) in DELTA_KILLS {
            let issued = world.prescriber(&point.replace(':', "-")).await;
            client.revoke(&issued.serial, &HOLD).await.unwrap();
            killed(world, database, "deltas", "", point, None);
            let in_lists = async || {
                [world.crl(ISSUER).await, delta().await].map(|list| listed(&list, &issued.serial).is_some())
            };
            assert_eq!(in_lists().await, [complete_made, delta_made], "{point}");
            let (next, _) = world.again(with_deltas()).await;
            next.make_due_crls().await;
            assert_eq!(in_lists().await, [true, true], "{point}");
        }
    });
}

/// A process is killed that kept the schedule, and one that has revoked and not yet listed: another that keeps the
/// schedule takes its turn within three pauses, which are a minute unless told otherwise, and lists it. Nobody asks for it.
fn another_lists_what_the_killed_one_revoked(engine: Engine) {
    assert!(config().schedule_seconds * 3 <= 60, "docs/cps.md 4.2");
    with_database(engine, &async |world, database| {
        let held = async || {
            let turns = "SELECT CAST(COUNT(*) AS BIGINT) FROM platform_lease WHERE name = 'ca-schedule'";
            sqlx::query_scalar::<_, i64>(turns).fetch_one(world.db.read()).await.unwrap() > 0
        };
        let every_second = Config { schedule_seconds: 1, ..config() };
        let holder = tokio::spawn(world.again(every_second.clone()).await.0.keep_schedule());
        until(held).await;
        holder.abort();
        let issued = world.prescriber("revoked").await;
        killed(world, database, "revoke", &issued.serial, "ca.revoked", None);
        assert!(listed(&world.crl(ISSUER).await, &issued.serial).is_none(), "nobody was there to list it");
        let next = tokio::spawn(world.again(every_second).await.0.keep_schedule());
        until(async || listed(&world.crl(ISSUER).await, &issued.serial).is_some()).await;
        next.abort();
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

/// The same where ends are spread: every certificate that is or may be has its place on a day, and nothing else has one.
fn whoever_is_killed_keeps_the_count_of_ends(engine: Engine) {
    with_database(engine, &async |world, database| {
        let counted = async |sql: &'static str| {
            sqlx::query_scalar::<_, i64>(sql).fetch_one(world.db.read()).await.unwrap()
        };
        let profiles = spread_profiles();
        let mut there = 0;
        for (point, left) in ISSUE_KILLS {
            let place = profiles.path().to_str().unwrap();
            killed(world, database, &format!("{SPREAD}{point}"), place, point, None);
            // What was open is closed by whoever starts.
            world.again(Config { profiles: Some(profiles.path().to_owned()), ..config() }).await;
            there += i64::from(left.is_some());
            let places = "SELECT CAST(COALESCE(SUM(due), 0) AS BIGINT) FROM ca_expiry_day";
            assert_eq!(counted(places).await, there, "{point}");
            let rows = "SELECT CAST(COUNT(*) AS BIGINT) FROM ca_certificate \
                        WHERE profile = 'system-tls-client' AND state IN ('issued', 'abandoned')";
            assert_eq!(counted(rows).await, there, "{point}");
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

/// Revoking, holding, resuming and listing, on SQLite.
#[test]
fn revoking_on_sqlite() {
    whoever_is_killed_leaves_all_or_nothing(Engine::Sqlite);
}

/// Revoking, holding, resuming and listing, on `PostgreSQL`.
#[test]
fn revoking_on_postgres() {
    whoever_is_killed_leaves_all_or_nothing(Engine::Postgres);
}

/// Making delta lists, on SQLite.
#[test]
fn deltas_on_sqlite() {
    whoever_is_killed_leaves_whole_lists(Engine::Sqlite);
}

/// Making delta lists, on `PostgreSQL`.
#[test]
fn deltas_on_postgres() {
    whoever_is_killed_leaves_whole_lists(Engine::Postgres);
}

/// The schedule goes on elsewhere, on SQLite.
#[test]
fn schedules_on_sqlite() {
    another_lists_what_the_killed_one_revoked(Engine::Sqlite);
}

/// The schedule goes on elsewhere, on `PostgreSQL`.
#[test]
fn schedules_on_postgres() {
    another_lists_what_the_killed_one_revoked(Engine::Postgres);
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

/// Issuing with spread ends, on SQLite.
#[test]
fn spreading_on_sqlite() {
    whoever_is_killed_keeps_the_count_of_ends(Engine::Sqlite);
}

/// Issuing with spread ends, on `PostgreSQL`.
#[test]
fn spreading_on_postgres() {
    whoever_is_killed_keeps_the_count_of_ends(Engine::Postgres);
}

/// Killed before the notices are committed, on SQLite.
#[test]
fn noticing_on_sqlite() {
    whoever_is_killed_gives_no_notice_twice(Engine::Sqlite, NOTICING, 0);
}

/// Killed before the notices are committed, on `PostgreSQL`.
#[test]
fn noticing_on_postgres() {
    whoever_is_killed_gives_no_notice_twice(Engine::Postgres, NOTICING, 0);
}

/// Killed when they are, on SQLite.
#[test]
fn noticed_on_sqlite() {
    whoever_is_killed_gives_no_notice_twice(Engine::Sqlite, NOTICED, 3);
}

/// Killed when they are, on `PostgreSQL`.
#[test]
fn noticed_on_postgres() {
    whoever_is_killed_gives_no_notice_twice(Engine::Postgres, NOTICED, 3);
}
