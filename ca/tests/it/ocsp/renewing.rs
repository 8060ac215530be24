//! Responders: made once, renewed in time, taken up by every process.

use std::time::Duration;

use ca::api::{CertificateQuery, CertificateState, Reason, RevokeRequest};
use pki::eku;
use pki::ocsp::{Answer, Hash, Refusal, Request, ResponderId, Response, Status};
use platform::db::Db;
use sqlx::Row as _;

use super::{answer, answering, ask, get, id_of, issuer, post, refusal};
use crate::world::{World, config_of, decoded, until};

async fn responders(world: &World) -> Vec<(String, i64)> {
    let rows = sqlx::query("SELECT issuer, generation FROM ca_responder ORDER BY issuer, generation")
        .fetch_all(world.db.read())
        .await
        .unwrap();
    rows.iter().map(|row| (row.get("issuer"), row.get("generation"))).collect()
}

async fn events(world: &World) -> i64 {
    let row = sqlx::query("SELECT COUNT(*) FROM audit_event WHERE name = 'ocsp-responder-renewed'");
    row.fetch_one(world.db.read()).await.unwrap().get(0)
}

async fn asked(world: &World, node: &ca::Authority, authority: &pki::Certificate, serial: &str) -> Answer {
    let question = Request::new(vec![id_of(Hash::Sha1, authority, serial)], None).unwrap();
    let _ = world;
    answer(&post(node, &question.to_der()).await.1)
}

platform::both_engines! {
    /// Each issuing authority gets one responder, whose certificate may do nothing else; asking again makes none.
    async fn each_authority_has_one_responder(db: Db) {
        let world = answering(db).await;
        assert_eq!(world.authority.renew_responders().await, 0);
        let expected = ["card", "remote-signing", "sign-in", "systems"].map(|id| (id.to_owned(), 1));
        assert_eq!(responders(&world).await, expected);
        assert_eq!(events(&world).await, 4);
        let authority = issuer(&world, "card").await;
        let answer = asked(&world, &world.authority, &authority, "05").await;
        let [responder] = answer.certificates() else { panic!("one certificate comes along") };
        assert!(responder.verify_signed_by(&authority).is_ok());
        assert_eq!(responder.extended_key_usage(), Some(&[eku::OCSP_SIGNING][..]));
        let key_hash = pki::ocsp::key_hash(Hash::Sha1, responder.spki_der()).unwrap();
        assert_eq!(*answer.responder(), ResponderId::Key(key_hash));
        assert_ne!(responder.spki_der(), authority.spki_der());
        let query = CertificateQuery { common_name: Some("OCSP responder card".to_owned()), ..CertificateQuery::default() };
        let listed = world.client.certificates(&query).await.unwrap().certificates;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].state, CertificateState::Issued);
        assert_eq!(decoded(listed[0].certificate.as_ref().unwrap()), *responder);
    }

    /// When two thirds of its time are over it gets a successor with a new key; other processes take it up.
    async fn responders_renew_themselves(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        world.authority.renew_responders().await;
        let (other, _client) = world.again(config_of(2)).await;
        let authority = issuer(&world, "remote-signing").await;
        let issued = world.prescriber("a").await;
        let signer = async |node| {
            let answer = asked(&world, node, &authority, &issued.serial).await;
            answer.certificates()[0].clone()
        };
        let first = signer(&other).await;
        assert_eq!(signer(&world.authority).await, first);
        hand.advance(Duration::from_hours(24 * 20 - 1));
        assert_eq!(world.authority.renew_responders().await, 0, "more than a third of the time is left");
        assert_eq!(signer(&other).await, first);
        hand.advance(Duration::from_hours(2));
        assert_eq!(world.authority.renew_responders().await, 4);
        assert_eq!(responders(&world).await.len(), 8);
        let second = signer(&world.authority).await;
        assert!(second != first && second.spki_der() != first.spki_der());
        // The other process still has the first; when that has ended it finds the second by itself.
        hand.advance(Duration::from_hours(24 * 10));
        assert_eq!(signer(&other).await, second);
    }

    /// A responder whose certificate is revoked signs nothing more on any node, what it signed is not given any more, and
    /// it gets a successor with another key.
    async fn a_revoked_responder_signs_nothing(db: Db) {
        let world = World::new(db).await;
        world.authority.renew_responders().await;
        let (other, _client) = world.again(config_of(2)).await;
        let authority = issuer(&world, "remote-signing").await;
        let issued = world.prescriber("a").await;
        let question = |nonce| {
            Request::new(vec![id_of(Hash::Sha1, &authority, &issued.serial)], nonce).unwrap().to_der()
        };
        let first = asked(&world, &other, &authority, &issued.serial).await.certificates()[0].clone();
        let kept = get(&other, &question(None), &[]).await;
        assert!(kept.0.headers.contains_key("etag"));
        let request = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: None };
        world.client.revoke(&first.serial().to_string(), &request).await.unwrap();
        for node in [&other, &world.authority] {
            for der in [question(None), question(Some(vec![7; 32]))] {
                let (head, body) = get(node, &der, &[]).await;
                assert_eq!(refusal(&body), Refusal::TryLater);
                assert_eq!(head.headers["cache-control"], "no-store");
            }
        }
        assert_eq!(world.authority.renew_responders().await, 1);
        for node in [&other, &world.authority] {
            let answers = async || Response::from_der(&get(node, &question(None), &[]).await.1).unwrap();
            until(async || matches!(answers().await, Response::Answered(_))).await;
            let second = asked(&world, node, &authority, &issued.serial).await.certificates()[0].clone();
            assert!(second != first && second.spki_der() != first.spki_der());
        }
        assert_eq!(world.authority.renew_responders().await, 0);
    }

    /// A former responder's key is destroyed once its certificate has ended, and only then; that is in the record once,
    /// whoever does it, and after a process ended between the token and the row.
    async fn former_keys_are_destroyed(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        world.authority.renew_responders().await;
        assert_eq!(world.authority.retire_responders().await, 0, "there is no successor");
        hand.advance(Duration::from_hours(24 * 20 + 1));
        assert_eq!(world.authority.renew_responders().await, 4);
        assert_eq!(world.authority.retire_responders().await, 0, "its answers can still be checked");
        let keys = async || {
            let keys = world.hsm.inventory().await.unwrap();
            keys.iter().filter(|key| key.label.starts_with("ocsp-")).count()
        };
        assert_eq!(keys().await, 8);
        hand.advance(Duration::from_hours(24 * 10));
        // As if a process had ended after the token's part.
        world.hsm.destroy("ocsp-card-1").await.unwrap();
        assert_eq!(world.authority.retire_responders().await, 4);
        assert_eq!(keys().await, 4);
        let (other, _client) = world.again(config_of(2)).await;
        assert_eq!(other.retire_responders().await, 0);
        let row = sqlx::query("SELECT COUNT(*) FROM audit_event WHERE name = 'ocsp-responder-key-destroyed'");
        let recorded: i64 = row.fetch_one(world.db.read()).await.unwrap().get(0);
        assert_eq!(recorded, 4);
        let authority = issuer(&world, "card").await;
        let _ = asked(&world, &other, &authority, "05").await;
        let _ = asked(&world, &world.authority, &authority, "05").await;
    }

    /// Two processes at once make one responder for each issuer, and both answer.
    async fn two_processes_make_one(db: Db) {
        let world = World::new(db).await;
        let (other, _client) = world.again(config_of(2)).await;
        let (one, two) = tokio::join!(world.authority.renew_responders(), other.renew_responders());
        assert!(one + two >= 4);
        // Whoever lost a race tries again on the schedule.
        world.authority.renew_responders().await;
        assert_eq!(responders(&world).await.len(), 4);
        assert_eq!(events(&world).await, 4);
        let authority = issuer(&world, "systems").await;
        for node in [&world.authority, &other] {
            let id = id_of(Hash::Sha256, &authority, "05");
            assert!(matches!(ask(&world, node, &authority, &id).await.status(), Status::Revoked { .. }));
        }
    }

    /// The schedule makes responders without being told, and takes up those of others.
    async fn the_schedule_keeps_responders(db: Db) {
        let world = World::new(db).await;
        let (other, _client) = world.again(config_of(2)).await;
        let schedule = tokio::spawn(world.authority.clone().keep_schedule());
        until(async || responders(&world).await.len() == 4).await;
        let authority = issuer(&world, "systems").await;
        let id = id_of(Hash::Sha1, &authority, "05");
        let evidence = ask(&world, &other, &authority, &id).await;
        assert!(matches!(evidence.status(), Status::Revoked { at_ms: 0, .. }));
        schedule.abort();
    }

    /// A process that stops gives its lease back: the next one makes responders at once.
    async fn a_stopped_process_leaves_the_schedule(db: Db) {
        let world = World::new(db).await;
        let (other, _client) = world.again(config_of(2)).await;
        let schedule = tokio::spawn(world.authority.clone().keep_schedule());
        until(async || responders(&world).await.len() == 4).await;
        schedule.abort();
        other.leave_schedule().await;
        let ends = async || -> i64 {
            let row = sqlx::query("SELECT expires_at FROM platform_lease WHERE name = 'ca-schedule'");
            row.fetch_one(world.db.read()).await.unwrap().get(0)
        };
        assert!(ends().await > world.clock.now().0, "nobody gives back what another holds");
        world.authority.leave_schedule().await;
        assert!(ends().await <= world.clock.now().0);
    }

    /// A run that was stopped after the certificate was made is taken up: no second key, no second certificate.
    async fn a_stopped_renewal_is_taken_up(db: Db) {
        let world = World::new(db).await;
        ca::failpoint::arm("ca.stored");
        let authority = world.authority.clone();
        assert!(tokio::spawn(async move { authority.renew_responders().await }).await.is_err());
        assert!(responders(&world).await.is_empty());
        assert_eq!(world.authority.renew_responders().await, 4);
        let query = CertificateQuery { common_name: Some("OCSP responder card".to_owned()), ..CertificateQuery::default() };
        assert_eq!(world.client.certificates(&query).await.unwrap().certificates.len(), 1);
    }
}
