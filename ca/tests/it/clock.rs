//! The clock goes back: nothing is issued, revoked or listed in the past, by no road, and all of it again when the clock is
//! right. docs/cps.md 3.8

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateState, ENROL, Reason, RevokeRequest};
use pki::ocsp::{Hash, Refusal, Request, Status};
use platform::clock::Millis;
use platform::db::Db;
use platform::problem::Kind;
use rcgen::{DnType, KeyPair};

use crate::acme::client::{csr, names};
use crate::acme::site::Site;
use crate::cmp::send;
use crate::cmp_client::{Message, failure};
use crate::ocsp::{ask, id_of, issuer, post, refusal as ocsp_refusal};
use crate::roads::{Roads, csr as own_csr};
use crate::world::{World, listed, refusal};

const HOLD: RevokeRequest = RevokeRequest { reason: Reason::CertificateHold, invalidity_date: None };
/// How far the clock goes back: more than what two machines may differ by.
const BACK_MS: i64 = 10_000;

async fn events(db: &Db) -> i64 {
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event";
    sqlx::query_scalar(count).fetch_one(db.read()).await.unwrap()
}

platform::both_engines! {
    /// Nothing is revoked, resumed, listed, renewed or told of in the past, and no answer about a certificate is signed.
    async fn nothing_is_revoked_or_listed_in_the_past(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        world.authority.renew_responders().await;
        let signer = issuer(&world, "remote-signing").await;
        let (held, good) = (world.prescriber("held").await.serial, world.prescriber("good").await.serial);
        let id = id_of(Hash::Sha1, &signer, &good);
        assert_eq!(ask(&world, &world.authority, &signer, &id).await.status(), Status::Good);
        // A list is due from here on.
        world.client.revoke(&held, &HOLD).await.unwrap();
        let (before, present) = (events(&world.db).await, world.clock.now());
        let list = world.crl("remote-signing").await;

        hand.set(Millis(present.0 - BACK_MS));
        for outcome in [
            world.client.revoke(&good, &HOLD).await,
            world.client.revoke(&held, &RevokeRequest { reason: Reason::KeyCompromise, ..HOLD }).await,
            world.client.resume(&held).await,
        ] {
            assert_eq!(refusal(outcome), (Kind::Unavailable, "clock-behind".to_owned()));
        }
        assert_eq!(world.authority.make_due_crls().await, 0);
        assert_eq!(world.authority.renew_responders().await, 0);
        assert_eq!(world.authority.give_renewal_notices().await, 0);
        for nonce in [None, Some(vec![7; 16])] {
            let question = Request::new(vec![id.clone()], nonce).unwrap().to_der();
            let (parts, octets) = post(&world.authority, &question).await;
            assert_eq!(ocsp_refusal(&octets), Refusal::TryLater);
            assert_eq!(parts.headers["cache-control"], "no-store");
        }
        assert_eq!(events(&world.db).await, before, "something was done in the past");
        assert_eq!(world.crl("remote-signing").await.der(), list.der());
        for (serial, state) in [(&good, CertificateState::Issued), (&held, CertificateState::Held)] {
            assert_eq!(world.client.certificate(serial).await.unwrap().state, state);
        }

        hand.set(present);
        assert_eq!(world.authority.make_due_crls().await, 1);
        assert!(listed(&world.crl("remote-signing").await, &held).is_some());
        world.client.resume(&held).await.unwrap();
        world.client.revoke(&good, &HOLD).await.unwrap();
        assert!(matches!(ask(&world, &world.authority, &signer, &id).await.status(), Status::Revoked { .. }));
    }

    /// Neither EST nor CMP gives, renews, revokes or confirms in the past: each says by its own words to come later.
    async fn nothing_is_enrolled_in_the_past(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let roads = Roads::open(world).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let certificate = pki::Certificate::from_der(&system.certificate).unwrap();
        let key = KeyPair::generate().unwrap();
        // The first answer needs a signer, which is made when it is needed.
        let answer = send(&roads, &Message::request(&system, 0, &key, "larkfield")).await;
        assert_eq!(answer.failure, None);
        let (before, given) = (events(&roads.world.db).await, roads.count("larkfield").await);
        let request = STANDARD.encode(own_csr(&key, &[(DnType::CommonName, "larkfield")], &[])).into_bytes();
        let enrol = async || {
            let path = "/.well-known/est/simpleenroll";
            roads.post(path, "application/pkcs10", request.clone(), Some(&system)).await
        };

        let present = roads.world.clock.now();
        hand.set(Millis(present.0 - BACK_MS));
        let (parts, body) = enrol().await;
        assert_eq!(parts.status, 503, "{}", String::from_utf8_lossy(&body));
        assert!(parts.headers.contains_key("retry-after"));
        for message in [
            Message::request(&system, 0, &key, "larkfield"),
            Message::update(&system, &key, &system),
            Message::revocation(&system, &certificate, 4),
        ] {
            let said = send(&roads, &message).await;
            assert_eq!(said.failure, failure("systemUnavail"), "{}", said.text);
        }
        assert_eq!(roads.enrolment.sweep().await.unwrap(), 0);
        assert_eq!(events(&roads.world.db).await, before, "something was done in the past");
        assert_eq!(roads.count("larkfield").await, given);
        assert_eq!(roads.state(&certificate).await, CertificateState::Issued);

        hand.set(present);
        assert_eq!(enrol().await.0.status, 200);
        let revoked = send(&roads, &Message::revocation(&system, &certificate, 4)).await;
        assert_eq!(revoked.failure, None, "{}", revoked.text);
    }

    /// ACME takes no order and issues for none in the past; the client reads that the server cannot now, and the same order
    /// is finished when the clock is right.
    async fn no_order_is_taken_in_the_past(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let (order, _) = acme.order(&names(&["localhost"])).await;
        site.validate(&acme, &order).await;
        let (before, present) = (events(&site.world.db).await, site.world.clock.now());
        site.hand.set(Millis(present.0 - BACK_MS));
        for said in [
            acme.post("/acme/new-order", &names(&["localhost"])).await,
            acme.finalize(&order, &csr(&["localhost"])).await,
        ] {
            assert_eq!((said.status, said.problem().as_str()), (503, "serverInternal"), "{said:?}");
        }
        assert_eq!(events(&site.world.db).await, before, "something was done in the past");
        site.hand.set(present);
        let done = acme.finalize(&order, &csr(&["localhost"])).await;
        assert_eq!((done.status, done.json()["status"].as_str()), (200, Some("valid")), "{done:?}");
    }
}
