//! Roll-overs beside others, of other nodes and of what is in the token already.

use std::collections::BTreeSet;
use std::time::Duration;

use ca::api::{self, AUTHORITIES, GenerationState, Reason, RevokeRequest, RolloverRequest};
use hsm::Alg;
use pki::ocsp::{Hash, Status};
use platform::db::{Db, lease};
use platform::problem::Kind;

use super::{keeper, roll_over, roll_over_further, roll_over_of};
use crate::ocsp::{ask, id_of, issuer};
use crate::world::{World, certificate, client, config_of, decoded, listed, parts, prescriber, refusal};

/// The lease row of those who make generations.
const LEASE: &str = "ca-rollover";

platform::both_engines! {
    /// While another node makes a generation nobody else does, whatever it wishes; then it is done at once.
    async fn one_node_at_a_time(db: Db) {
        let world = World::new(db).await;
        let now = world.clock.now();
        let other = lease::acquire(&world.db, LEASE, "instance 9", now, Duration::from_mins(10)).await.unwrap().unwrap();
        let refused = refusal(keeper(&world).roll_over("card", &RolloverRequest::default()).await);
        assert_eq!(refused, (Kind::Unavailable, "rollover-busy".to_owned()));
        let import = api::Import { pem: decoded(&world.client.issuer("card").await.unwrap().certificate).to_pem() };
        assert_eq!(refusal(keeper(&world).import(&import).await).1, "rollover-busy");
        assert_eq!(keeper(&world).generations().await.unwrap(), []);
        assert!(matches!(world.hsm.key("ca-card-g2").await, Err(hsm::Error::KeyNotFound { .. })));
        let dry = RolloverRequest { dry_run: true, ..RolloverRequest::default() };
        assert_eq!(keeper(&world).roll_over("card", &dry).await.unwrap().state, GenerationState::Planned);
        lease::release(&world.db, other).await.unwrap();
        assert_eq!(roll_over(&world, "card").await.issuer, "card-g2");
    }

    /// Two who ask at the same moment never make two keys of one label: whoever comes second with the same wish is answered what
    /// the first made, and with another wish is refused.
    async fn two_at_once_make_no_key_twice(db: Db) {
        let world = World::new(db).await;
        let (other, _) = world.again(config_of(2)).await;
        let wish = RolloverRequest { algorithm: Some("p-384".to_owned()), ..RolloverRequest::default() };
        let elsewhere = client(&other, &[AUTHORITIES]);
        let here = keeper(&world);
        let plain = RolloverRequest::default();
        let outcomes = tokio::join!(
            here.roll_over("card", &plain),
            here.roll_over("card", &plain),
            elsewhere.roll_over("card", &wish),
        );
        let outcomes = [outcomes.0, outcomes.1, outcomes.2];
        let made: BTreeSet<_> = outcomes.iter().flatten().map(|made| made.issuer.clone()).collect();
        assert_eq!(made.len(), 1, "whoever comes second gets the same");
        for refused in outcomes.into_iter().filter_map(Result::err) {
            assert!(["rollover-busy", "rollover-refused"].contains(&refused.code), "{refused:?}");
        }
        let generations = here.generations().await.unwrap();
        assert_eq!(generations.len(), made.len());
        for one in generations {
            assert_eq!(one.state, GenerationState::Certified);
            assert_eq!(one.transcript.iter().filter(|line| line.contains("generated in the token")).count(), 1);
            let key = world.hsm.key(&one.key_label).await.unwrap();
            let certified = decoded(one.certificate.as_ref().unwrap());
            assert_eq!(key.public_key(), certified.spki_der());
            assert!(one.transcript.iter().any(|line| line.contains(&format!("{}, made in the token", key.alg()))));
        }
    }

    /// A key that is in the token under the label and of which the database knows nothing is not taken.
    async fn a_key_of_others_is_not_taken(db: Db) {
        let world = World::new(db).await;
        world.hsm.generate("ca-card-g2", Alg::P256).await.unwrap();
        let refused = refusal(keeper(&world).roll_over("card", &RolloverRequest::default()).await);
        assert_eq!(refused, (Kind::Conflict, "rollover-refused".to_owned()));
        assert_eq!(keeper(&world).generations().await.unwrap(), []);
        assert_eq!(roll_over(&world, "systems").await.issuer, "systems-g2");
    }

    /// A node that has not yet heard of a generation answers for what it signed as the node that made it does: the same
    /// request again, its status, its list and its certificate.
    async fn a_node_answers_for_what_it_has_not_heard_of(db: Db) {
        let world = World::new(db).await;
        let (other, elsewhere) = world.again(config_of(2)).await;
        roll_over(&world, "remote-signing").await;
        world.authority.renew_responders().await;
        let request = prescriber("here");
        let issued = world.client.issue(&request).await.unwrap();
        assert_eq!(elsewhere.issuer("remote-signing-g2").await.unwrap_err().kind, Kind::NotFound, "it has not heard");
        let above = issuer(&world, "remote-signing-g2").await;
        let evidence = ask(&world, &other, &above, &id_of(Hash::Sha256, &above, &issued.serial)).await;
        assert_eq!(evidence.status(), Status::Good);
        let (_, asking) = world.again(config_of(3)).await;
        let (fresh, _) = world.again(config_of(4)).await;
        roll_over_further(&world, "remote-signing", 3).await;
        let request = prescriber("there");
        let issued = world.client.issue(&request).await.unwrap();
        assert_eq!(asking.issue(&request).await.unwrap(), issued, "the same with its chain");
        for path in ["/crl/remote-signing-g3.crl", "/aia/remote-signing-g3.cer", "/aia/remote-signing-g3.p7c"] {
            let request = http::Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
            let answer = tower::ServiceExt::oneshot(ca::public_router(fresh.clone()), request).await.unwrap();
            assert_eq!(parts(answer).await.0.status, 200, "{path}");
        }
    }

    /// An authority whose certificate is revoked signs nothing new, in any process, nor does a key before it; its list and
    /// what it signed live on, and a new key ends it.
    async fn a_revoked_authority_signs_nothing_new(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let before = world.prescriber("before").await;
        let made = roll_over(&world, "remote-signing").await;
        let serial = decoded(made.certificate.as_ref().unwrap()).serial().to_string();
        let mut config = config_of(2);
        config.schedule_seconds = 1;
        let (other, elsewhere) = world.again(config).await;
        let desk = client(&world.authority, &[api::REVOKE, api::REVOKE_AUTHORITIES, api::READ]);
        let compromised = RevokeRequest { reason: Reason::CaCompromise, invalidity_date: None };
        let after = world.prescriber("after").await;
        desk.revoke(&serial, &compromised).await.unwrap();
        let refused = (Kind::Conflict, "issuer-revoked".to_owned());
        assert_eq!(refusal(world.client.issue(&prescriber("no-more")).await), refused);
        let schedule = tokio::spawn(other.keep_schedule());
        let mut number = 0;
        crate::world::until(async || {
            number += 1;
            elsewhere.issue(&prescriber(&format!("elsewhere-{number}"))).await.is_err()
        }).await;
        schedule.abort();
        assert_eq!(refusal(elsewhere.issue(&prescriber("nor-here")).await), refused);
        assert!(world.client.issuers().await.unwrap().iter().all(|one| !(one.signing && one.id.starts_with("remote"))));
        let superseded = RevokeRequest { reason: Reason::Superseded, invalidity_date: None };
        for issued in [&before, &after] {
            desk.revoke(&issued.serial, &superseded).await.unwrap();
        }
        hand.advance(Duration::from_secs(1));
        world.authority.make_due_crls().await;
        assert!(listed(&world.crl("remote-signing-g2").await, &after.serial).is_some());
        assert!(listed(&world.crl("root").await, &serial).is_some());
        assert_eq!(roll_over(&world, "remote-signing").await.issuer, "remote-signing-g3");
        let third = certificate(&world.prescriber("third").await);
        assert_eq!(third.issuer().to_string(), decoded(&world.client.issuer("remote-signing-g3").await.unwrap().certificate).subject().to_string());
    }

    /// An authority that has ended is given a new key like any other.
    async fn an_authority_that_has_ended_is_followed(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        hand.advance(Duration::from_hours(24 * 3655));
        assert_eq!(refusal(world.client.issue(&prescriber("too-late")).await).1, "validity-refused");
        let far = platform::clock::Millis(world.clock.now().0 + 86_400_000);
        let gap = RolloverRequest { signs_from: Some(far), ..RolloverRequest::default() };
        assert_eq!(refusal(keeper(&world).roll_over("remote-signing", &gap).await).1, "rollover-refused");
        let made = roll_over_of(&world.authority, "remote-signing").await.unwrap();
        assert_eq!((made.issuer.as_str(), made.state), ("remote-signing-g2", GenerationState::Certified));
        world.prescriber("in-time").await;
    }

    /// Asking again, as after a time-out, makes no further generation, in any process; other wishes are refused then, and a
    /// generation that is named is made once, whenever it is asked for. After a day a further one is made as before.
    async fn asking_again_makes_no_further_generation(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let first = roll_over(&world, "card").await;
        assert_eq!(roll_over(&world, "card").await, first);
        let (other, _) = world.again(config_of(2)).await;
        assert_eq!(roll_over_of(&other, "card").await.unwrap(), first);
        let dry = RolloverRequest { dry_run: true, ..RolloverRequest::default() };
        assert_eq!(keeper(&world).roll_over("card", &dry).await.unwrap(), first, "a dry run says so too");
        let wish = RolloverRequest { algorithm: Some("p-384".to_owned()), ..RolloverRequest::default() };
        assert_eq!(refusal(keeper(&world).roll_over("card", &wish).await).1, "rollover-refused");
        for none in [0, 1, 4] {
            let request = RolloverRequest { generation: Some(none), ..RolloverRequest::default() };
            assert_eq!(refusal(keeper(&world).roll_over("card", &request).await).1, "rollover-refused", "{none}");
        }
        assert_eq!(keeper(&world).generations().await.unwrap(), std::slice::from_ref(&first));

        let third = roll_over_further(&world, "card", 3).await;
        assert_eq!(third.issuer, "card-g3");
        assert_eq!(roll_over_further(&world, "card", 3).await, third);
        assert_eq!(roll_over_further(&world, "card", 2).await, first);
        hand.advance(Duration::from_hours(25));
        assert_eq!(roll_over_further(&world, "card", 3).await, third, "one that is named is made once");
        assert_eq!(keeper(&world).generations().await.unwrap().len(), 2);
        assert_eq!(roll_over(&world, "card").await.issuer, "card-g4");
    }
}
