//! Authorities that are given a new key, and what then leads where.

mod kills;
mod paths;
mod protocols;
mod rivals;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::Authority;
use ca::api::{
    self, AUTHORITIES, Client, GenerationInfo, GenerationState, Reason, RevokeRequest, RolloverRequest,
};
use pki::ocsp::{Hash, Status};
use platform::clock::Millis;
use platform::db::Db;
use platform::problem::{Kind, Problem};

use crate::ocsp::{ask, id_of, issuer};
use crate::world::{World, certificate, client, config_of, decoded, listed, prescriber, refusal, until};

/// Whoever may give authorities new keys.
pub(crate) fn keeper(world: &World) -> Client {
    client(&world.authority, &[AUTHORITIES, api::READ])
}

/// A roll-over as it is without wishes.
pub(crate) async fn roll_over(world: &World, line: &str) -> GenerationInfo {
    roll_over_of(&world.authority, line).await.unwrap()
}

/// One of the same authority on the same day, which has to be named.
pub(crate) async fn roll_over_further(world: &World, line: &str, generation: u32) -> GenerationInfo {
    let request = RolloverRequest { generation: Some(generation), ..RolloverRequest::default() };
    keeper(world).roll_over(line, &request).await.unwrap()
}

/// The same, of any process.
pub(crate) async fn roll_over_of(authority: &Authority, line: &str) -> Result<GenerationInfo, Problem> {
    client(authority, &[AUTHORITIES]).roll_over(line, &RolloverRequest::default()).await
}

fn superseded() -> RevokeRequest {
    RevokeRequest { reason: Reason::Superseded, invalidity_date: None }
}

platform::both_engines! {
    /// New certificates come from the new key, which has a name, list and responder of its own; the old key goes on
    /// answering for what it signed, and a request asked again gets its certificate of before with the old chain.
    async fn a_new_key_signs_and_the_old_one_answers(db: Db) {
        let world = World::new(db).await;
        let request = prescriber("before");
        let old = world.client.issue(&request).await.unwrap();
        let made = roll_over(&world, "remote-signing").await;
        assert_eq!((made.issuer.as_str(), made.state), ("remote-signing-g2", GenerationState::Certified));
        assert_eq!(made.key_label, "ca-remote-signing-g2");
        let new = world.prescriber("after").await;
        let (old_leaf, new_leaf) = (certificate(&old), certificate(&new));
        let second = decoded(made.certificate.as_ref().unwrap());
        assert_eq!(second.common_name().as_deref(), Some("Lanyard Remote Signing CA G2"));
        new_leaf.verify_signed_by(&second).unwrap();
        assert!(old_leaf.verify_signed_by(&second).is_err());
        assert_ne!(old_leaf.authority_key_id(), new_leaf.authority_key_id());
        assert_eq!(decoded(&new.chain[0]), second);
        second.verify_signed_by(&decoded(&new.chain[1])).unwrap();
        assert_eq!(world.client.issue(&request).await.unwrap(), old, "the same certificate and chain as before");

        assert_eq!(world.authority.renew_responders().await, 4, "the new generation's was made with it");
        for issued in [&old, &new] {
            world.client.revoke(&issued.serial, &superseded()).await.unwrap();
        }
        world.authority.make_due_crls().await;
        for (id, own, foreign) in [("remote-signing", &old, &new), ("remote-signing-g2", &new, &old)] {
            let by = issuer(&world, id).await;
            let list = world.crl(id).await;
            list.verify(&by).unwrap();
            assert!(listed(&list, &own.serial).is_some() && listed(&list, &foreign.serial).is_none(), "{id}");
            let evidence = ask(&world, &world.authority, &by, &id_of(Hash::Sha256, &by, &own.serial)).await;
            assert!(matches!(evidence.status(), Status::Revoked { .. }), "{id}");
        }
        let place = new_leaf.crl_distribution_points()[0].uris().next().unwrap().to_owned();
        assert_eq!(place, "http://pki.example/crl/remote-signing-g2.crl");
        let signing: Vec<_> = world.client.issuers().await.unwrap().into_iter().filter(|it| it.signing).map(|it| it.id).collect();
        assert_eq!(signing, ["card", "remote-signing-g2", "root", "sign-in", "systems"]);
        let transcript = made.transcript.join("\n");
        for said in ["subject CN=Lanyard Remote Signing CA G2", "generated in the token: p-256", "certified by root", "revocation list 1", "finished"] {
            assert!(transcript.contains(said), "{said} is not in:\n{transcript}");
        }
    }

    /// Whoever has a certificate of a new key can ask about it at once: its responder is there with it.
    async fn a_new_key_is_answered_for_at_once(db: Db) {
        let world = World::new(db).await;
        let made = roll_over(&world, "remote-signing").await;
        let issued = world.prescriber("first").await;
        let by = issuer(&world, "remote-signing-g2").await;
        let evidence = ask(&world, &world.authority, &by, &id_of(Hash::Sha1, &by, &issued.serial)).await;
        assert_eq!(evidence.status(), Status::Good);
        let line = "OCSP responder of \"remote-signing-g2\" certified";
        assert!(made.transcript.iter().any(|told| told.contains(line)), "{:?}", made.transcript);
    }

    /// A dry run says what would be done, and does nothing of it.
    async fn a_dry_run_changes_nothing(db: Db) {
        let world = World::new(db).await;
        let request = RolloverRequest { dry_run: true, algorithm: Some("p-384".to_owned()), ..RolloverRequest::default() };
        let plan = keeper(&world).roll_over("card", &request).await.unwrap();
        assert_eq!((plan.issuer.as_str(), plan.state), ("card-g2", GenerationState::Planned));
        assert!(plan.transcript.iter().any(|line| line == "key \"ca-card-g2\", p-384, made in the token"));
        assert!(plan.certificate.is_none() && plan.request.is_none());
        assert_eq!(keeper(&world).generations().await.unwrap(), []);
        assert!(matches!(world.hsm.key("ca-card-g2").await, Err(hsm::Error::KeyNotFound { .. })));
        assert_eq!(world.client.issuers().await.unwrap().len(), 5);
    }

    /// The new key signs from its moment on and not before, in a process that opened before it was made as well.
    async fn the_new_key_signs_from_its_moment_on(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let mut config = config_of(2);
        config.schedule_seconds = 1;
        let (other, elsewhere) = world.again(config).await;
        let from = Millis(1_800_000_000_000 + 3_600_000);
        let request = RolloverRequest { signs_from: Some(from), ..RolloverRequest::default() };
        let made = keeper(&world).roll_over("remote-signing", &request).await.unwrap();
        assert_eq!(made.signs_from, from);
        let issuer = async |by: &Client, request_id: &str| {
            let issued = by.issue(&prescriber(request_id)).await.unwrap();
            by.certificate(&issued.serial).await.unwrap().issuer
        };
        assert_eq!(issuer(&world.client, "a").await, "remote-signing");
        let schedule = tokio::spawn(other.keep_schedule());
        until(async || elsewhere.issuer("remote-signing-g2").await.is_ok()).await;
        schedule.abort();
        assert_eq!(issuer(&elsewhere, "b").await, "remote-signing");
        hand.advance(Duration::from_hours(1));
        assert_eq!(issuer(&world.client, "c").await, "remote-signing-g2");
        assert_eq!(issuer(&elsewhere, "d").await, "remote-signing-g2");
    }

    /// A third generation follows the second; one whose certificate has ended makes no more lists, and the others do.
    async fn generations_follow_each_other_and_end(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        roll_over(&world, "card").await;
        // Ten years are an issuing authority's whole life.
        hand.advance(Duration::from_hours(24 * 3640));
        let third = roll_over(&world, "card").await;
        assert_eq!(third.issuer, "card-g3");
        assert_eq!(decoded(third.certificate.as_ref().unwrap()).common_name().as_deref(), Some("Lanyard Card CA G3"));
        hand.advance(Duration::from_hours(24 * 30));
        world.authority.make_due_crls().await;
        let number = async |id: &str| world.client.crl(id).await.unwrap().number;
        assert_eq!((number("card").await, number("card-g2").await, number("card-g3").await), (1, 1, 2));
        assert_eq!(world.authority.renew_responders().await, 1, "the first and second have ended, with all others of the ceremony");
    }

    /// What may not be is refused with its reason, and leaves nothing.
    async fn refusals_say_why(db: Db) {
        let world = World::new(db).await;
        let keeper = keeper(&world);
        let ask = async |authority: &str, request: RolloverRequest| refusal(keeper.roll_over(authority, &request).await);
        let wish = RolloverRequest::default;
        assert_eq!(ask("nobody", wish()).await, (Kind::NotFound, "issuer-unknown".to_owned()));
        let kind = RolloverRequest { algorithm: Some("p-521".to_owned()), ..wish() };
        assert_eq!(ask("card", kind).await, (Kind::Invalid, "request-invalid".to_owned()));
        let kind = RolloverRequest { algorithm: Some("rsa-2048".to_owned()), ..wish() };
        assert_eq!(ask("card", kind).await, (Kind::Invalid, "key-refused".to_owned()));
        let name = RolloverRequest { common_name: Some("Lanyard Systems CA".to_owned()), ..wish() };
        assert_eq!(ask("card", name).await, (Kind::Conflict, "rollover-refused".to_owned()));
        let gone = Millis(world.clock.now().0 - 3_600_000);
        let gone = RolloverRequest { signs_from: Some(gone), ..wish() };
        let problem = keeper.roll_over("card", &gone).await.unwrap_err();
        assert!(problem.code == "rollover-refused" && problem.detail.contains("has gone by"), "{problem:?}");
        let late = Millis(world.clock.now().0 + 400 * 86_400_000);
        let late = RolloverRequest { signs_from: Some(late), ..wish() };
        assert_eq!(ask("card", late).await, (Kind::Conflict, "rollover-refused".to_owned()));
        assert_eq!(refusal(world.client.roll_over("card", &wish()).await).0, Kind::Forbidden);
        assert_eq!(keeper.generations().await.unwrap(), []);
        roll_over(&world, "card").await;
        assert_eq!(ask("card-g2", wish()).await, (Kind::Conflict, "rollover-refused".to_owned()));
    }

    /// A generation has the shards of its authority, with lists and addresses of its own.
    async fn a_generation_has_its_authoritys_shards(db: Db) {
        let world = World::new(db).await;
        let mut config = config_of(2);
        let settings = ca::ListSettings { shards: 2, delta: ca::Delta::Off, delta_minutes: 60 };
        config.lists.insert("remote-signing".parse().unwrap(), settings);
        let (authority, asking) = world.again(config).await;
        client(&authority, &[AUTHORITIES]).roll_over("remote-signing", &RolloverRequest::default()).await.unwrap();
        let issued = certificate(&asking.issue(&prescriber("sharded")).await.unwrap());
        let place = issued.crl_distribution_points()[0].uris().next().unwrap().to_owned();
        assert!(place.starts_with("http://pki.example/crl/remote-signing-g2/"), "{place}");
        assert_eq!(asking.lists("remote-signing-g2").await.unwrap().len(), 3, "two shards, and what names none");
    }

    /// What a root certified of another can be revoked like every authority's certificate, and is on the signer's list.
    async fn certificates_across_are_revocable(db: Db) {
        let world = World::new(db).await;
        let made = roll_over(&world, "root").await;
        let across: Vec<_> = made.cross_certificates.iter().map(|base64| decoded(base64)).collect();
        assert_eq!(across.len(), 1, "new with old; old with new is of the old root");
        let serial = across[0].serial().to_string();
        let hold = RevokeRequest { reason: Reason::CertificateHold, invalidity_date: None };
        assert_eq!(refusal(world.client.revoke(&serial, &superseded()).await).1, "act-not-granted");
        let desk = client(&world.authority, &[api::REVOKE, api::REVOKE_AUTHORITIES]);
        assert_eq!(refusal(desk.revoke(&serial, &hold).await).1, "authority-not-held");
        desk.revoke(&serial, &superseded()).await.unwrap();
        world.authority.make_due_crls().await;
        assert!(listed(&world.crl("root").await, &serial).is_some());
        assert!(listed(&world.crl("root-g2").await, &serial).is_none());
        let stored = world.client.certificate(&serial).await.unwrap();
        assert_eq!((stored.issuer.as_str(), stored.profile.as_str()), ("root", "authority-cross"));
        assert_eq!(stored.certificate.unwrap(), STANDARD.encode(across[0].der()));
    }
}
