//! Revocation lists: when they are made, their numbers, and how they are served.

use std::time::Duration;

use ca::api::{Reason, RevokeRequest};
use platform::db::Db;

use crate::world::{World, config_of, listed, until};

fn number(crl: &pki::Crl) -> i64 {
    i64::from_str_radix(&crl.number().unwrap().to_string(), 16).unwrap()
}

const SUPERSEDED: RevokeRequest = RevokeRequest { reason: Reason::Superseded, invalidity_date: None };

platform::both_engines! {
    /// A revocation makes the next list by itself, soon, with the next number.
    async fn a_revocation_makes_a_list_at_once(db: Db) {
        let world = World::new(db).await;
        let schedule = tokio::spawn(world.authority.clone().keep_schedule());
        let issued = world.prescriber("soon").await;
        let before = number(&world.crl("remote-signing").await);
        let card_before = number(&world.crl("card").await);
        world.client.revoke(&issued.serial, &SUPERSEDED).await.unwrap();
        until(async || listed(&world.crl("remote-signing").await, &issued.serial).is_some()).await;
        assert_eq!(number(&world.crl("remote-signing").await), before + 1);
        assert_eq!(number(&world.crl("card").await), card_before, "other issuers' lists are left alone");
        schedule.abort();
    }

    /// Lists are made again in time, well before the one before ends, and not before their time.
    async fn lists_are_made_on_schedule(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        assert_eq!(world.authority.make_due_crls().await, 0);
        hand.advance(Duration::from_hours(11));
        assert_eq!(world.authority.make_due_crls().await, 0);
        hand.advance(Duration::from_hours(1));
        assert_eq!(world.authority.make_due_crls().await, 4, "the issuing authorities', not the root's");
        let crl = world.crl("systems").await;
        assert_eq!(crl.this_update_ms(), world.clock.now().0);
        assert_eq!(crl.next_update_ms(), Some(world.clock.now().0 + 168 * 3_600_000));
    }

    /// Two processes make lists of rising numbers, never two of one number.
    async fn two_processes_share_the_numbers(db: Db) {
        let world = World::new(db).await;
        let (other, _client) = world.again(config_of(2)).await;
        let mut last = number(&world.crl("remote-signing").await);
        for round in 0..4 {
            let issued = world.prescriber(&format!("round-{round}")).await;
            world.client.revoke(&issued.serial, &SUPERSEDED).await.unwrap();
            let made = tokio::join!(world.authority.make_due_crls(), other.make_due_crls());
            assert!(made.0 + made.1 >= 1);
            let crl = world.crl("remote-signing").await;
            assert!(number(&crl) > last && listed(&crl, &issued.serial).is_some());
            last = number(&crl);
        }
    }

    /// A revoked certificate that has ended stays for one list more, then goes.
    async fn ended_certificates_leave_the_list(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let issued = world.prescriber("ends").await;
        world.client.revoke(&issued.serial, &SUPERSEDED).await.unwrap();
        hand.advance(Duration::from_hours(24 * 729));
        world.authority.make_due_crls().await;
        assert!(listed(&world.crl("remote-signing").await, &issued.serial).is_some());
        hand.advance(Duration::from_hours(48));
        world.authority.make_due_crls().await;
        assert!(listed(&world.crl("remote-signing").await, &issued.serial).is_some(), "once after its end");
        hand.advance(Duration::from_hours(24));
        world.authority.make_due_crls().await;
        assert!(listed(&world.crl("remote-signing").await, &issued.serial).is_none());
    }

    /// Lists and certificates come with their type and what a cache needs; a reader with the newest gets 304.
    async fn public_documents_can_be_cached(db: Db) {
        let world = World::new(db).await;
        let (parts, crl) = world.get("/crl/card.crl", &[]).await;
        assert_eq!(parts.headers["content-type"], "application/pkix-crl");
        assert_eq!(parts.headers["cache-control"], "public, max-age=60");
        let etag = parts.headers["etag"].to_str().unwrap().to_owned();
        assert!(!crl.is_empty() && parts.headers.contains_key("last-modified"));
        let (again, body) = world.get("/crl/card.crl", &[("if-none-match", &etag)]).await;
        assert_eq!((again.status.as_u16(), body.len()), (304, 0));
        let (certificate, der) = world.get("/aia/card.cer", &[]).await;
        assert_eq!(certificate.headers["content-type"], "application/pkix-cert");
        assert!(pki::Certificate::from_der(&der).is_ok());
        for missing in ["/crl/nobody.crl", "/crl/card.cer", "/aia/card.crl", "/aia/card", "/crl/..%2fcard.crl"] {
            assert_eq!(world.get(missing, &[]).await.0.status, 404, "{missing}");
        }
    }

    /// A list can be had by the API too, with its number.
    async fn lists_are_in_the_api(db: Db) {
        let world = World::new(db).await;
        let info = world.client.crl("sign-in").await.unwrap();
        assert_eq!((info.number, info.entries), (1, 0));
        assert_eq!(info.this_update.0 % 1000, 0);
        assert!(world.client.crl("nobody").await.is_err());
    }
}
