//! The process is killed between two durable steps of issuing for an order; another goes on.

use std::path::PathBuf;

use ca::api::{CertificateInfo, CertificateQuery, CertificateState, READ};
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::Value;

use super::client::{Acme, csr, names};
use super::site::{Site, section, under};
use crate::child;
use crate::kills::{ISSUE_KILLS, named};
use crate::world::{client, listed};

/// What the order is for.
const HOST: &str = "localhost";
/// The first profile that the account may have.
const PROFILE: &str = "acme-tls-server";
/// The account's key and address, the order and the request, in the folder that the child is told.
const KEY: &str = "key.pkcs8";
const ACCOUNT: &str = "account";
const ORDER: &str = "order.json";
const REQUEST: &str = "request.der";
/// Nothing listens there, and the child asks nobody.
const NO_PORT: u16 = 1;

fn run(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(story);
}

/// Finalizes an order, when another test has started it as a child; otherwise nothing.
#[test]
fn child() {
    if child::step().is_none() {
        return;
    }
    run(async {
        let folder = PathBuf::from(child::serial());
        let read = |name| std::fs::read(folder.join(name)).unwrap();
        let (authority, _) = child::as_another_process_under(under(section(NO_PORT))).await;
        let account = String::from_utf8(read(ACCOUNT)).unwrap();
        let acme = Acme::resumed(&authority, &read(KEY), &account);
        let order: Value = serde_json::from_slice(&read(ORDER)).unwrap();
        acme.finalize(&order, &read(REQUEST)).await;
    });
}

async fn certificates(site: &Site) -> Vec<CertificateInfo> {
    let query = CertificateQuery { profile: Some(PROFILE.to_owned()), ..CertificateQuery::default() };
    client(&site.authority, &[READ]).certificates(&query).await.unwrap().certificates
}

/// Killed at any point of issuing, the order waits and another process ends it with one certificate, which is the one that
/// was stored where one was; a serial that may have been signed is answered and listed as revoked, and no other is.
fn whoever_is_killed_leaves_an_order_that_ends_once(engine: Engine) {
    run(async {
        let database = TestDb::new(engine).await;
        let mut site = Site::new(database.db.clone()).await;
        let mut acme = site.client().await;
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_str().unwrap();
        for (at, (point, left)) in ISSUE_KILLS.into_iter().enumerate() {
            let before = certificates(&site).await;
            let new = |all: Vec<CertificateInfo>| -> Vec<CertificateInfo> {
                all.into_iter().filter(|one| before.iter().all(|known| known.serial != one.serial)).collect()
            };
            let (order, url) = acme.order(&names(&[HOST])).await;
            site.validate(&acme, &order).await;
            for (name, octets) in [
                (KEY, acme.key.pkcs8()),
                (ACCOUNT, acme.kid.clone().into_bytes()),
                (ORDER, serde_json::to_vec(&order).unwrap()),
                (REQUEST, csr(&[HOST])),
            ] {
                std::fs::write(folder.path().join(name), octets).unwrap();
            }
            let (token, now) = (&site.world.token, Some(site.world.clock.now()));
            child::killed("acme::kills::child", token, &database, ("finalize", place), point, now);
            let (authority, _) = site.world.again(under(section(site.machine.address.port()))).await;
            site.authority = authority;
            acme = acme.at(&site.authority);
            let found = new(certificates(&site).await);
            let states: Vec<_> = found.iter().map(|one| one.state).collect();
            assert_eq!(states, left.into_iter().collect::<Vec<_>>(), "{point}");
            assert_eq!(acme.fetch(&url).await.json()["status"], "processing", "{point}");

            // As long as the killed one's attempt would hold the order.
            site.hand.advance(std::time::Duration::from_mins(2));
            site.authority.do_due_acme().await;
            let done = acme.fetch(&url).await.json();
            assert_eq!(done["status"], "valid", "{point}: {done}");
            site.authority.do_due_acme().await;
            let pem =
                String::from_utf8(acme.fetch(done["certificate"].as_str().unwrap()).await.body).unwrap();
            let given = pki::Certificate::from_pem(&pem).unwrap().serial().to_string();
            let after = new(certificates(&site).await);
            let issued = |one: &&CertificateInfo| one.state == CertificateState::Issued;
            let serials: Vec<_> = after.iter().filter(issued).map(|one| one.serial.clone()).collect();
            assert_eq!(serials, [given], "{point}: one certificate of the order");
            let abandoned = usize::from(left == Some(CertificateState::Abandoned));
            assert_eq!(after.len(), 1 + abandoned, "{point}: {after:?}");
            if left == Some(CertificateState::Issued) {
                assert_eq!(found[0].serial, serials[0], "{point}: the one that was stored");
            }
            site.authority.make_due_crls().await;
            let list = site.world.crl("systems").await;
            for one in &after {
                let revoked = one.state == CertificateState::Abandoned;
                assert_eq!(listed(&list, &one.serial).is_some(), revoked, "{point}: {}", one.serial);
            }
            let told = named(&site.world.db, "acme-order-issued").await;
            assert_eq!(told, i64::try_from(at).unwrap() + 1, "{point}: in the record once");
        }
        database.db.close().await;
    });
}

/// On SQLite.
#[test]
fn orders_on_sqlite() {
    whoever_is_killed_leaves_an_order_that_ends_once(Engine::Sqlite);
}

/// On `PostgreSQL`.
#[test]
fn orders_on_postgres() {
    whoever_is_killed_leaves_an_order_that_ends_once(Engine::Postgres);
}
