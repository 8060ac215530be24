//! The process is killed between any two durable steps of an import and of a ceremony with a root kept elsewhere, and doing
//! the same again brings it to its end.

use ca::api::{Import, Reason};
use ca::{Authority, Held, OfflineRoot, ceremony, failpoint, verify_transcript};
use pki::Certificate;
use platform::db::Engine;
use platform::db::testing::TestDb;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use crate::child::{self, Ground};
use crate::elsewhere::{Apart, files, present};
use crate::kills::named;
use crate::world::{config, config_of, listed};

/// This program again.
const CHILD: &str = "ceremony_kills::child";
/// The points of an import that a certificate passes; the rest are a list's.
const OF_CERTIFICATE: usize = 4;

/// Does what its environment says, when another test has started it as a child; otherwise nothing.
#[test]
fn child() {
    let Some(step) = child::step() else { return };
    let told = child::serial();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let Ground { hsm, db, clock, high_water } = child::ground().await;
        if step == "import" {
            let import = Import { pem: std::fs::read_to_string(told).unwrap() };
            Authority::import_first(config(), &hsm, db, clock, high_water, &import).await.unwrap();
            return;
        }
        let root = OfflineRoot::open(config_of(127), &hsm, db, clock, high_water).await.unwrap();
        let (file, serial) = told.split_once('\n').unwrap();
        hold(&root, &std::fs::read_to_string(file).unwrap(), serial).await;
    });
}

/// A ceremony that revokes one certificate and signs one request.
async fn hold(root: &OfflineRoot, request: &str, serial: &str) -> Held {
    let withdrawn = root.find(serial, Reason::Superseded).await.unwrap();
    root.hold(&[root.read(request).unwrap()], &[withdrawn], &present()).await.unwrap()
}

fn run<F: Future<Output = ()>>(test: F) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

/// A request for a fresh key.
fn request(name: &str) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
}

fn serial_of(der: &[u8]) -> String {
    Certificate::from_der(der).unwrap().serial().to_string()
}

/// Killed at any point of bringing a certificate or a list, bringing it again ends with each certificate once, a first list,
/// one end in the record, and the brought list published with what it revokes revoked.
fn an_import_is_taken_up(engine: Engine) {
    run(async {
        let database = TestDb::new(engine).await;
        let apart = Apart::new(database.db.clone()).await;
        let (folder, db) = (tempfile::tempdir().unwrap(), &apart.online.db);
        let file = folder.path().join("brought.pem");
        let bring = async |point: &str, held: &Held| {
            std::fs::write(&file, files(held)).unwrap();
            let now = Some(apart.online.clock.now());
            let told = ("import", file.to_str().unwrap());
            child::killed(CHILD, &apart.online.token, &database, told, point, now);
            apart.online.import(&files(held)).await.unwrap()
        };
        let mut certified = Vec::new();
        for (at, point) in failpoint::IMPORT[..OF_CERTIFICATE].iter().enumerate() {
            let (id, waiting) = ceremony::requests(db).await.unwrap().remove(0);
            let held = apart.hold(&[waiting]).await;
            let taken = bring(point, &held).await;
            assert_eq!(taken.issuers, std::slice::from_ref(&id), "{point}");
            let so_far = i64::try_from(at).unwrap() + 1;
            for event in ["issuer-created", "generation-finished"] {
                // The root was taken in before.
                let before = i64::from(event == "issuer-created");
                assert_eq!(named(db, event).await, so_far + before, "{point}: {event}");
            }
            certified.push(serial_of(&held.certificates[0]));
        }
        let authority = apart.online.authority().await.unwrap();
        let client = crate::world::client(&authority, &[ca::api::READ]);
        for point in &failpoint::IMPORT[OF_CERTIFICATE..] {
            let serial = certified.pop().unwrap();
            let events = named(db, "crl-taken-in").await;
            let held = apart.withdraw(&serial).await;
            bring(point, &held).await;
            let published = client.crl("root").await.unwrap();
            let ours = pki::Crl::from_der(&held.list).unwrap();
            assert_eq!(format!("{:02x}", published.number), ours.number().unwrap().to_string(), "{point}");
            assert!(listed(&ours, &serial).is_some());
            assert!(client.certificate(&serial).await.unwrap().revocation.is_some(), "{point}");
            assert_eq!(named(db, "crl-taken-in").await, events + 1, "{point}: in the record once");
        }
        database.db.close().await;
    });
}

/// Killed at any point, the same ceremony held again ends with one certificate for the request, the revocation once, a
/// list with both it and whatever may have been signed and is not stored, and a signed transcript.
#[test]
fn an_offline_ceremony_is_taken_up() {
    run(async {
        let online = TestDb::new(Engine::Sqlite).await;
        let apart = Apart::new(online.db.clone()).await;
        let (folder, db) = (tempfile::tempdir().unwrap(), &apart.offline.db);
        let file = folder.path().join("request.csr");
        let mut serial = serial_of(&apart.hold(&[request("Before")]).await.certificates[0]);
        for point in failpoint::OFFLINE {
            let asked = request(point);
            std::fs::write(&file, &asked).unwrap();
            let told = format!("{}\n{serial}", file.display());
            let now = Some(apart.offline.clock.now());
            let held_before = named(db, "offline-ceremony-held").await;
            let (signed, revoked) =
                (named(db, "certificate-issued").await, named(db, "certificate-revoked").await);
            child::killed(CHILD, &apart.offline.token, &apart.database, ("offline", &told), point, now);
            let root = apart.offline.root().await;
            let held = hold(&root, &asked, &serial).await;
            assert_eq!(named(db, "certificate-issued").await, signed + 1, "{point}: one certificate");
            assert_eq!(named(db, "certificate-revoked").await, revoked + 1, "{point}: revoked once");
            assert_eq!(named(db, "offline-ceremony-held").await, held_before + 1, "{point}");
            let lines = verify_transcript(&held.transcript, &held.signature, root.certificate()).unwrap();
            let made = serial_of(&held.certificates[0]);
            for told in [format!("revoked serial {serial}"), format!("serial {made}, SHA-256")] {
                assert_eq!(lines.iter().filter(|line| line.contains(&told)).count(), 1, "{point}: {told}");
            }
            let list = pki::Crl::from_der(&held.list).unwrap();
            assert!(listed(&list, &serial).is_some(), "{point}");
            assert!(listed(&list, &made).is_none(), "{point}");
            for abandoned in abandoned(&apart).await {
                assert!(listed(&list, &abandoned).is_some(), "{point}: {abandoned} may have been signed");
            }
            serial = made;
        }
        assert_eq!(abandoned(&apart).await.len(), 2, "those of ca.linted and ca.signed");
        online.db.close().await;
    });
}

/// The serials on the root's machine that may have been signed and are not stored.
async fn abandoned(apart: &Apart) -> Vec<String> {
    let query = "SELECT serial FROM ca_certificate WHERE state = 'abandoned'";
    sqlx::query_scalar(query).fetch_all(apart.offline.db.read()).await.unwrap()
}

/// On SQLite.
#[test]
fn imports_on_sqlite() {
    an_import_is_taken_up(Engine::Sqlite);
}

/// On `PostgreSQL`.
#[test]
fn imports_on_postgres() {
    an_import_is_taken_up(Engine::Postgres);
}
