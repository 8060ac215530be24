//! The process is killed between two durable steps of giving a certificate by CMP or EST, and of taking back one that nobody
//! confirmed; another goes on.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateInfo, CertificateQuery, CertificateState, ENROL, READ};
use ca::{Config, failpoint};
use platform::caller::{Caller, CallerKind};
use platform::db::Engine;
use platform::db::testing::TestDb;
use platform::web::TlsPeer;
use rcgen::{DnType, KeyPair, PublicKeyData as _};
use tower::ServiceExt as _;

use crate::child;
use crate::cmp::{PATH, send};
use crate::cmp_client::{Message, post};
use crate::est::{self, ENROLL};
use crate::kills::{ISSUE_KILLS, named};
use crate::roads::{ROADS, Roads, as_another_process, csr};
use crate::world::{World, client, config, listed};

/// Whose name is on the certificates.
const NAME: &str = "larkfield";
/// The certificate of the system, and its message, in the folder that the child is told.
const CERTIFICATE: &str = "certificate.der";
const MESSAGE: &str = "message.der";
/// The step that asks by EST.
const EST: &str = "est";
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
        let enrolment = as_another_process(&certificate, caller.clone()).await;
        match step.as_str() {
            "ask" => {
                let message = std::fs::read(folder.join(MESSAGE)).unwrap();
                post(ca::enrolment_router(enrolment), PATH, message).await;
            }
            EST => {
                let mut request = http::Request::post(ENROLL).header("content-type", "application/pkcs10");
                let told = request.extensions_mut().unwrap();
                told.insert(caller);
                told.insert(TlsPeer { chain: vec![certificate].into() });
                let request =
                    request.body(axum::body::Body::from(std::fs::read(folder.join(MESSAGE)).unwrap()));
                ca::enrolment_router(enrolment).oneshot(request.unwrap()).await.unwrap();
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

/// Killed at any point of issuing by EST, the same request again gets one certificate, which is the one that was stored where
/// one was; a serial that may have been signed is answered and listed as revoked, and no other is.
fn whoever_is_killed_giving_by_est_gives_once(engine: Engine) {
    run(async {
        let database = TestDb::new(engine).await;
        let mut roads = Roads::open(World::new(database.db.clone()).await).await;
        let system = roads.system(NAME, &[ENROL]).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(CERTIFICATE), &system.certificate).unwrap();
        let place = folder.path().to_str().unwrap();
        for (point, left) in ISSUE_KILLS {
            let before = certificates(&roads).await;
            let new = |all: Vec<CertificateInfo>| -> Vec<CertificateInfo> {
                all.into_iter().filter(|one| before.iter().all(|known| known.serial != one.serial)).collect()
            };
            let key = KeyPair::generate().unwrap();
            let request = STANDARD.encode(csr(&key, &[(DnType::CommonName, NAME)], &[])).into_bytes();
            std::fs::write(folder.path().join(MESSAGE), &request).unwrap();
            child::killed("enrol_kills::child", &roads.world.token, &database, (EST, place), point, None);
            let config = Config { enrol: toml::from_str(ROADS).unwrap(), ..config() };
            let (authority, _) = roads.world.again(config).await;
            roads.reopen(authority);
            let found = new(certificates(&roads).await);
            let states: Vec<_> = found.iter().map(|one| one.state).collect();
            assert_eq!(states, left.into_iter().collect::<Vec<_>>(), "{point}");

            let (mut serials, told) = (Vec::new(), named(&roads.world.db, "certificate-issued").await);
            for _ in 0..2 {
                let (parts, body) =
                    roads.post(ENROLL, "application/pkcs10", request.clone(), Some(&system)).await;
                assert_eq!(parts.status, 200, "{point}: {}", String::from_utf8_lossy(&body));
                let given = est::certificates(&body);
                assert_eq!(given[0].spki_der(), key.subject_public_key_info(), "{point}");
                serials.push(given[0].serial().to_string());
            }
            assert_eq!(serials[0], serials[1], "{point}");
            let stored = i64::from(left == Some(CertificateState::Issued));
            assert_eq!(named(&roads.world.db, "certificate-issued").await, told + 1 - stored, "{point}");
            let after = new(certificates(&roads).await);
            let issued = after.iter().filter(|one| one.state == CertificateState::Issued);
            assert_eq!(issued.map(|one| &one.serial).collect::<Vec<_>>(), [&serials[0]], "{point}");
            let abandoned = usize::from(left == Some(CertificateState::Abandoned));
            assert_eq!(after.len(), 1 + abandoned, "{point}: {after:?}");
            roads.authority.make_due_crls().await;
            let list = roads.world.crl("systems").await;
            for one in &after {
                let revoked = one.state == CertificateState::Abandoned;
                assert_eq!(listed(&list, &one.serial).is_some(), revoked, "{point}: {}", one.serial);
            }
        }
        database.db.close().await;
    });
}

async fn certificates(roads: &Roads) -> Vec<CertificateInfo> {
    let query = CertificateQuery { common_name: Some(NAME.to_owned()), ..CertificateQuery::default() };
    client(&roads.authority, &[READ]).certificates(&query).await.unwrap().certificates
}

/// By EST, on SQLite.
#[test]
fn est_on_sqlite() {
    whoever_is_killed_giving_by_est_gives_once(Engine::Sqlite);
}

/// By EST, on `PostgreSQL`.
#[test]
fn est_on_postgres() {
    whoever_is_killed_giving_by_est_gives_once(Engine::Postgres);
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
