//! The process is killed between two durable steps of giving a certificate by CMP, and of taking back one that nobody
//! confirmed; another goes on.

use std::time::Duration;

use ca::api::{CertificateQuery, CertificateState, ENROL, READ};
use ca::failpoint;
use platform::caller::{Caller, CallerKind};
use platform::db::Engine;
use platform::db::testing::TestDb;
use rcgen::KeyPair;

use crate::child;
use crate::cmp::{PATH, send};
use crate::cmp_client::{Message, post};
use crate::kills::named;
use crate::roads::{Roads, as_another_process};
use crate::world::{World, client, listed};

/// Whose name is on the certificates.
const NAME: &str = "larkfield";
/// The certificate of the system, and its message, in the folder that the child is told.
const CERTIFICATE: &str = "certificate.der";
const MESSAGE: &str = "message.der";
/// How many of the points are passed while a certificate is given; the others while one is taken back.
const GIVING: usize = 2;

fn run(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(story);
}

/// Takes a message or sweeps, when another test has started it as a child; otherwise nothing.
#[test]
fn child() {
    let Some(step) = child::step() else { return };
    run(async {
        let folder = std::path::PathBuf::from(child::serial());
        let certificate = std::fs::read(folder.join(CERTIFICATE)).unwrap();
        let caller = Caller::new(CallerKind::System, NAME, NAME.parse().unwrap(), [ENROL.0]);
        let enrolment = as_another_process(&certificate, caller).await;
        match step.as_str() {
            "ask" => {
                let message = std::fs::read(folder.join(MESSAGE)).unwrap();
                post(ca::enrolment_router(enrolment), PATH, message).await;
            }
            _ => drop(enrolment.sweep().await.unwrap()),
        }
    });
}

/// Killed at any point, what was given and never confirmed is revoked by the next sweep of another process and listed, once
/// in rows and in the record; nothing else is touched.
fn whoever_is_killed_leaves_nothing_unconfirmed(engine: Engine) {
    run(async {
        let database = TestDb::new(engine).await;
        let (world, hand) = World::with_hand(database.db.clone()).await;
        let roads = Roads::open(world).await;
        let system = roads.system(NAME, &[ENROL]).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(CERTIFICATE), &system.certificate).unwrap();
        let place = folder.path().to_str().unwrap();
        let killed = |step: &str, point: &str| {
            let (token, now) = (&roads.world.token, Some(roads.world.clock.now()));
            child::killed("enrol_kills::child", token, &database, (step, place), point, now);
        };
        for (at, point) in failpoint::ENROL.iter().enumerate() {
            let given = roads.count(NAME).await;
            let message = Message::request(&system, 0, &KeyPair::generate().unwrap(), NAME);
            if at < GIVING {
                std::fs::write(folder.path().join(MESSAGE), message.encode()).unwrap();
                killed("ask", point);
            } else {
                assert_eq!(send(&roads, &message).await.failure, None, "{point}");
            }
            assert_eq!(roads.count(NAME).await, given + 1, "{point}");
            hand.advance(Duration::from_mins(11));
            if at >= GIVING {
                killed("sweep", point);
            }
            roads.enrolment.sweep().await.unwrap();
            assert_eq!(roads.enrolment.sweep().await.unwrap(), 0, "{point}: it is over");
            roads.authority.make_due_crls().await;
            let query =
                CertificateQuery { common_name: Some(NAME.to_owned()), ..CertificateQuery::default() };
            let all = client(&roads.authority, &[READ]).certificates(&query).await.unwrap().certificates;
            let own = pki::Certificate::from_der(&system.certificate).unwrap().serial().to_string();
            let list = roads.world.crl("systems").await;
            assert_eq!(all.len(), given + 1, "{point}");
            for one in &all {
                let expected =
                    if one.serial == own { CertificateState::Issued } else { CertificateState::Revoked };
                assert_eq!(one.state, expected, "{point}: {}", one.serial);
                assert_eq!(
                    listed(&list, &one.serial).is_some(),
                    one.serial != own,
                    "{point}: {}",
                    one.serial
                );
            }
            let taken_back = i64::try_from(at).unwrap() + 1;
            for event in ["enrolment-lapsed", "certificate-revoked"] {
                assert_eq!(named(&roads.world.db, event).await, taken_back, "{point}: {event}");
            }
        }
        database.db.close().await;
    });
}

/// On SQLite.
#[test]
fn enrolling_on_sqlite() {
    whoever_is_killed_leaves_nothing_unconfirmed(Engine::Sqlite);
}

/// On `PostgreSQL`.
#[test]
fn enrolling_on_postgres() {
    whoever_is_killed_leaves_nothing_unconfirmed(Engine::Postgres);
}
