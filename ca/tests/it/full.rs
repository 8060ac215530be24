//! The disk of the database takes no more, and then it does again.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Command;

use axum::body::Body;
use ca::Authority;
use ca::api::{CertificateQuery, CertificateState, Client, IssueRequest, Reason, RevokeRequest};
use hsm::Alg;
use http::Request;
use platform::db::testing::TestDb;
use platform::db::{self, Db, Engine};
use platform::problem::Kind;
use tower::ServiceExt as _;

use crate::child::{self, Ground, as_another_process};
use crate::world::{World, config, decoded, listed, parts, person, prescriber, until};

/// What the child prints before the serial of each certificate that it was given.
const GIVEN: &str = "given ";
/// The key of the record, and the name of its log.
const RECORD: &str = "full.test/record";
const HOLD: RevokeRequest = RevokeRequest { reason: Reason::CertificateHold, invalidity_date: None };
/// How far files may grow when there is no room: less than a few certificates take.
const LEFT_OCTETS: u64 = 48 * 1024;

/// Fills its disk and finds room again, when another test has started it as a child; otherwise nothing.
#[test]
fn child() {
    if child::step().as_deref() != Some("full") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (authority, client) = as_another_process().await;
        // The tree goes on growing while there is no room, and finds it again.
        let record = log(&child::ground().await).await.start();
        let first = client.issue(&prescriber("child-first")).await.unwrap().serial;
        limit_files(&(largest_file() + LEFT_OCTETS).to_string());
        let mut failed = Vec::new();
        for number in 0..60 {
            let request = prescriber(&format!("child-{number}"));
            match client.issue(&request).await {
                Ok(issued) => tell(&issued.serial),
                Err(problem) => {
                    assert_eq!(
                        (problem.kind, problem.code),
                        (Kind::Unavailable, "database-full"),
                        "{problem:?}"
                    );
                    assert!(problem.retry_after.is_some(), "it says when to come back");
                    failed.push(request);
                }
            }
        }
        assert!(failed.len() > 20, "the disk was not full: {} of 60", failed.len());
        // What was issued is still answered.
        assert_eq!(client.certificate(&first).await.unwrap().state, CertificateState::Issued);
        hold_and_list(&authority, &client, &first).await;
        limit_files("unlimited");
        if client.certificate(&first).await.unwrap().state == CertificateState::Held {
            client.resume(&first).await.unwrap();
        }
        assert!(authority.make_due_crls().await <= 1);
        tell(&client.issue(&prescriber("child-after")).await.unwrap().serial);
        tell(&first);
        record.stop().await;
    });
}

/// Holds a certificate, lifts the hold and makes lists while there is no room: what is refused is refused clearly and changes
/// nothing, and the list that is served is whole.
async fn hold_and_list(authority: &Authority, client: &Client, serial: &str) {
    let (mut held, mut refused) = (false, 0);
    for _ in 0..500 {
        let done = if held {
            client.resume(serial).await.map(drop)
        } else {
            client.revoke(serial, &HOLD).await.map(drop)
        };
        match done {
            Ok(()) => held = !held,
            Err(problem) => {
                assert_eq!((problem.kind, problem.code), (Kind::Unavailable, "database-full"), "{problem:?}");
                assert!(problem.retry_after.is_some(), "it says when to come back");
                refused += 1;
            }
        }
        let state = client.certificate(serial).await.unwrap().state;
        assert_eq!(state == CertificateState::Held, held, "{state:?}");
        if refused == 20 {
            break;
        }
    }
    assert!(refused > 0, "the disk was not full");
    let before = served(authority).await;
    let made = authority.make_due_crls().await;
    let after = served(authority).await;
    assert_eq!(after.number() == before.number(), made == 0, "what is not made leaves the list of before");
}

/// The list that verifiers get, which is signed and whole.
async fn served(authority: &Authority) -> pki::Crl {
    let request = Request::get("/crl/remote-signing.crl").body(Body::empty()).unwrap();
    let (head, octets) = parts(ca::public_router(authority.clone()).oneshot(request).await.unwrap()).await;
    assert_eq!(head.status, 200);
    let client = crate::world::client(authority, &[ca::api::READ]);
    let signer = client.issuer("remote-signing").await.unwrap().certificate;
    let list = pki::Crl::from_der(&octets).unwrap();
    list.verify(&decoded(&signer)).unwrap();
    list
}

/// The log of this database, whose key is in the token.
async fn log(ground: &Ground) -> audit::Log {
    let key = match ground.hsm.key(RECORD).await {
        Err(hsm::Error::KeyNotFound { .. }) => ground.hsm.generate(RECORD, Alg::Ed25519).await.unwrap(),
        found => found.unwrap(),
    };
    audit::Log::open(ground.db.clone(), key, audit::Config::new(RECORD), ground.clock.clone()).await.unwrap()
}

/// Every event is in the tree, and a copy of it proves from the key alone.
async fn the_tree_is_whole(world: &World) {
    let (hsm, db, clock) = (world.hsm.clone(), world.db.clone(), world.clock.clone());
    let log = log(&Ground { hsm, db, clock, high_water: world.high_water.clone() }).await;
    let record = log.start();
    // Whoever sequenced before may have ended without giving back its turn.
    until(async || log.oldest_waiting().await.unwrap().is_none()).await;
    record.stop().await;
    let folder = tempfile::tempdir().unwrap();
    let depth = audit::copy::Depth::Entries;
    let size = audit::copy::copy(&audit::copy::Source::Database(&log), folder.path(), depth).await.unwrap();
    let verified = audit::verify::directory(folder.path(), &log.verifier_key(), None).unwrap();
    let recorded = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event";
    let recorded = sqlx::query_scalar::<_, i64>(recorded).fetch_one(world.db.read()).await.unwrap();
    assert_eq!(i64::try_from(size).unwrap(), recorded, "{verified:?}");
}

/// Tells the test that started this process which serial was given.
fn tell(serial: &str) {
    std::io::stdout().write_all(format!("{GIVEN}{serial}\n").as_bytes()).unwrap();
}

/// Sets how large files of this process may become; it may be raised again.
fn limit_files(octets: &str) {
    let pid = std::process::id().to_string();
    let limit = format!("--fsize={octets}:unlimited");
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
}

fn largest_file() -> u64 {
    let path = child::database().trim_start_matches("sqlite:").to_owned();
    let sizes = ["", "-wal", "-shm"]
        .map(|end| std::fs::metadata(format!("{path}{end}")).map_or(0, |file| file.len()));
    sizes.into_iter().max().unwrap_or(0)
}

/// A process whose files may not grow refuses with a clear answer, gives no certificate that has no row and no serial
/// twice, and issues again when there is room; what was begun is closed at the next start, and the record says the same as
/// the rows.
#[test]
fn a_full_disk_loses_nothing_on_sqlite() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        let world = World::new(database.db.clone()).await;
        // A write past the limit must be an error and not the end of the process.
        let mut command = Command::new("bash");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        command.args(["--exact", "full::child", "--nocapture"]);
        child::told(&mut command, &world.token, &database, "full", "");
        let ended = command.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
        let given: Vec<_> =
            said.lines().filter_map(|line| line.split(GIVEN).nth(1)).map(str::to_owned).collect();
        assert!(given.len() >= 2);
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len(), "a serial was given twice");
        let requests: Vec<_> = (0..3).map(|number| prescriber(&format!("parent-{number}"))).collect();
        everything_is_accounted_for(&world, &given, &requests).await;
        database.db.close().await;
    });
}

/// What each full disk of `PostgreSQL` refuses: a statement at each step of issuing, or the COMMIT.
const REFUSALS: [(&str, &str); 4] = [
    ("ca_certificate", "BEFORE INSERT ON ca_certificate FOR EACH ROW WHEN (NEW.state = 'linted')"),
    ("audit_event", "BEFORE INSERT ON audit_event FOR EACH ROW WHEN (NEW.name = 'certificate-intended')"),
    ("audit_event", "BEFORE INSERT ON audit_event FOR EACH ROW WHEN (NEW.name = 'certificate-issued')"),
    (
        "ca_certificate",
        "AFTER UPDATE ON ca_certificate DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'issued')",
    ),
];

/// The same on `PostgreSQL`, whose own error of a full disk is raised at each step of issuing and at COMMIT.
#[test]
fn a_full_disk_loses_nothing_on_postgres() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Postgres).await;
        let world = World::new(database.db.clone()).await;
        let mut given = vec![world.prescriber("first").await.serial];
        said(&world.db, FULL_DISK).await;
        let mut refused = Vec::new();
        for (number, (table, when)) in REFUSALS.into_iter().enumerate() {
            fill(&world.db, when).await;
            let request = prescriber(&format!("refused-{number}"));
            let problem = world.client.issue(&request).await.unwrap_err();
            assert_eq!(
                (problem.kind, problem.code),
                (Kind::Unavailable, "database-full"),
                "{when}: {problem:?}"
            );
            make_room(&world.db, table).await;
            given.push(world.prescriber(&format!("after-{number}")).await.serial);
            refused.push(request);
        }
        everything_is_accounted_for(&world, &given, &refused).await;
        database.db.close().await;
    });
}

/// What a full disk refuses of a hold: the row, its event, or the COMMIT.
const REFUSED_HOLDS: [(&str, &str); 3] = [
    ("ca_certificate", "BEFORE UPDATE OF revoked_at ON ca_certificate FOR EACH ROW"),
    ("audit_event", "BEFORE INSERT ON audit_event FOR EACH ROW WHEN (NEW.name = 'certificate-held')"),
    (
        "ca_certificate",
        "AFTER UPDATE OF revoked_at ON ca_certificate DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
    ),
];

/// What it refuses of a list: its number, its octets, its row, or its event.
const REFUSED_LISTS: [(&str, &str); 4] = [
    ("ca_scope", "BEFORE UPDATE OF crl_number ON ca_scope FOR EACH ROW"),
    ("ca_list_part", "BEFORE INSERT ON ca_list_part FOR EACH ROW"),
    ("ca_list", "BEFORE INSERT ON ca_list FOR EACH ROW"),
    ("audit_event", "BEFORE INSERT ON audit_event FOR EACH ROW WHEN (NEW.name = 'crl-signed')"),
];

/// While there is no room nothing is held, the refusal is clear, and no list is made while the one of before is served
/// whole; with room again the hold is made, listed, and in the record once.
#[test]
fn a_full_disk_holds_and_lists_later_on_postgres() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Postgres).await;
        let world = World::new(database.db.clone()).await;
        said(&world.db, FULL_DISK).await;
        let mut given = Vec::new();
        for (number, (table, when)) in REFUSED_HOLDS.into_iter().enumerate() {
            let serial = world.prescriber(&format!("hold-{number}")).await.serial;
            fill(&world.db, when).await;
            let problem = world.client.revoke(&serial, &HOLD).await.unwrap_err();
            assert_eq!(
                (problem.kind, problem.code),
                (Kind::Unavailable, "database-full"),
                "{when}: {problem:?}"
            );
            assert_eq!(
                world.client.certificate(&serial).await.unwrap().state,
                CertificateState::Issued,
                "{when}"
            );
            make_room(&world.db, table).await;
            let before = recorded(&world.db, "certificate-held").await;
            world.client.revoke(&serial, &HOLD).await.unwrap();
            assert_eq!(recorded(&world.db, "certificate-held").await, before + 1, "{when}");
            world.authority.make_due_crls().await;
            assert!(listed(&served(&world.authority).await, &serial).is_some(), "{when}");
            given.push(serial);
        }
        for ((table, when), serial) in REFUSED_LISTS.into_iter().zip(given.iter().cycle()) {
            change(&world.client, serial).await;
            let before = served(&world.authority).await;
            fill(&world.db, when).await;
            assert_eq!(world.authority.make_due_crls().await, 0, "{when}");
            assert_eq!(served(&world.authority).await.der(), before.der(), "{when}");
            make_room(&world.db, table).await;
            assert_eq!(world.authority.make_due_crls().await, 1, "{when}");
            let after = served(&world.authority).await;
            assert_ne!(listed(&after, serial).is_some(), listed(&before, serial).is_some(), "{when}");
        }
        for serial in &given {
            if world.client.certificate(serial).await.unwrap().state == CertificateState::Held {
                world.client.resume(serial).await.unwrap();
            }
        }
        everything_is_accounted_for(&world, &given, &[]).await;
        database.db.close().await;
    });
}

/// Holds what is not held, and lifts what is.
async fn change(client: &Client, serial: &str) {
    let state = client.certificate(serial).await.unwrap().state;
    if state == CertificateState::Held {
        client.resume(serial).await.unwrap();
    } else {
        client.revoke(serial, &HOLD).await.unwrap();
    }
}

/// `PostgreSQL`'s own error of a full disk, for triggers.
const FULL_DISK: &str = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$";

/// From now on this finds the disk full.
async fn fill(db: &Db, when: &str) {
    let kind = if when.contains("DEFERRABLE") { "CONSTRAINT TRIGGER" } else { "TRIGGER" };
    said(db, format!("CREATE {kind} full_disk {when} EXECUTE FUNCTION full_disk()")).await;
}

async fn make_room(db: &Db, table: &str) {
    said(db, format!("DROP TRIGGER full_disk ON {table}")).await;
}

async fn said(db: &Db, sql: impl Into<String>) {
    let sql = sql.into();
    let done = db.write(|tx| {
        Box::pin(async move {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(tx).await?;
            Ok::<_, db::Error>(())
        })
    });
    done.await.unwrap();
}

/// After the next start: what was given is issued, what may have been signed is listed, nothing is open, the record has
/// an event for each row's end, and what was refused can be had.
pub(crate) async fn everything_is_accounted_for(world: &World, given: &[String], refused: &[IssueRequest]) {
    let (authority, client) = world.again(config()).await;
    let rows = all(&client).await;
    for serial in given {
        let row = rows.iter().find(|row| row.0 == *serial);
        assert_eq!(row.map(|row| row.1), Some(CertificateState::Issued), "{serial} was given");
    }
    authority.make_due_crls().await;
    let crl = world.crl("remote-signing").await;
    for (serial, state) in &rows {
        let abandoned = *state == CertificateState::Abandoned;
        assert!(abandoned || *state == CertificateState::Issued, "{serial} is {state:?}");
        assert_eq!(listed(&crl, serial).is_some(), abandoned, "{serial}");
        assert!(!abandoned || !given.contains(serial));
    }
    let open = "SELECT CAST(COUNT(*) AS BIGINT) FROM ca_certificate WHERE state IN ('reserved', 'linted')";
    assert_eq!(sqlx::query_scalar::<_, i64>(open).fetch_one(world.db.read()).await.unwrap(), 0);
    for (name, state) in [("certificate-issued", "issued"), ("certificate-abandoned", "abandoned")] {
        assert_eq!(recorded(&world.db, name).await, stored(&world.db, state).await, "{name}");
    }
    for request in refused {
        let issued = client.issue(request).await.unwrap();
        assert!(rows.iter().all(|row| row.0 != issued.serial), "a refused serial was given");
    }
    the_tree_is_whole(world).await;
}

/// The person's certificates and their states.
async fn all(client: &Client) -> Vec<(String, CertificateState)> {
    let query =
        CertificateQuery { user_id: person().user_id, limit: Some(500), ..CertificateQuery::default() };
    let found = client.certificates(&query).await.unwrap().certificates;
    found.into_iter().map(|info| (info.serial, info.state)).collect()
}

async fn recorded(db: &Db, name: &str) -> i64 {
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = $1";
    sqlx::query_scalar(count).bind(name).fetch_one(db.read()).await.unwrap()
}

/// How many certificates are in this state.
async fn stored(db: &Db, state: &str) -> i64 {
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM ca_certificate WHERE state = $1";
    sqlx::query_scalar(count).bind(state).fetch_one(db.read()).await.unwrap()
}
