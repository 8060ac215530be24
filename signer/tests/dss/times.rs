//! A signature lies in the time of its certificate: what was prepared before that was made is not signed with it.

use platform::db::Db;
use serde_json::{Value, json};
use signer::api::Algorithm;

use super::World;
use super::card::{Card, asked, brought, lists};
use crate::rig::USER;

const FHIR: &str = include_str!("../../../fixtures/prescription.json");
/// Longer than certificates are dated back.
const LATER_MS: u64 = 120_000;

/// What prepare answers now.
async fn prepared(world: &World) -> String {
    let path = "/signer/prescriptions/prepare";
    let answer = world.rig.post_raw(&world.rig.system, path, "application/fhir+json", FHIR).await;
    answer.body["parameter"][0]["valueString"].as_str().unwrap().to_owned()
}

fn refused() -> (u16, String) {
    (409, "prepare-again".to_owned())
}

/// What putting the signature of a request into its form answers.
async fn put(world: &World, info: &str, told: &Value) -> u16 {
    lists(world).await;
    let body = json!({
        "digest": info, "signature": told["signatures"][0]["signature"], "certificate": told["certificate"],
    });
    world.rig.post(&world.rig.system, "/signer/prescriptions/signatures", &body).await.status
}

platform::both_engines! {
    /// Of two credentials the one signs whose certificate was good when the prescription says that it was signed, though the other is newer. Where there
    /// is no such one any more, nothing is asked, agreed to or signed, and the answer says to prepare again; what is prepared then is signed.
    async fn a_certificate_is_older_than_what_it_signs(db: Db) {
        let mut world = World::new(db).await;
        let listed = world.rig.get(&world.rig.admin, &format!("/signer/credentials?user_id={USER}")).await;
        let older = listed.body["credentials"][0]["credential_id"].as_str().unwrap().to_owned();
        let certificate = listed.body["credentials"][0]["certificates"][0]["certificate"].clone();
        let info = prepared(&world).await;
        world.rig.pass(LATER_MS);
        world.rig.ready(Algorithm::Rsa2048).await;
        let request = world.asked(&[("one", &info)]).await;
        world.agree(&request).await;
        let told = world.fetch(&request, &world.token).await.json();
        assert_eq!(told["certificate"], certificate, "that of before");
        assert_eq!(put(&world, &info, &told).await, 200);

        let waits = world.asked(&[("two", &info)]).await;
        world.rig.act(&world.rig.admin, &older, "suspend", 200).await;
        let jwt = world.jwt(&world.claims(&[("three", &info)], &json!({})));
        assert_eq!(world.ask(&jwt, &world.token, "s").await.refusal(), refused(), "nobody is asked in vain");
        let options = world.options(&waits).await.json();
        let key = world.key.get(&options);
        assert_eq!(world.answer(&waits, &key).await.refusal(), refused());
        let signed = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature";
        assert_eq!(world.count(signed).await, 1);
        assert_eq!(world.rig.events("signing-consented").await.len(), 1);
        // What was prepared since is signed with the newer one.
        let again = prepared(&world).await;
        let request = world.asked(&[("four", &again)]).await;
        world.agree(&request).await;
        let told = world.fetch(&request, &world.token).await.json();
        assert_ne!(told["certificate"], certificate);
        assert_eq!(put(&world, &again, &told).await, 200);
    }

    /// A card that was issued after the prescription was prepared does not sign it, and signs what is prepared again.
    async fn a_card_is_older_than_what_it_signs(db: Db) {
        let world = World::new(db).await;
        let info = prepared(&world).await;
        world.rig.pass(LATER_MS);
        let card = Card::issued(&world, USER, "card-signing").await;
        let request = world.asked(&[("one", &info)]).await;
        let signed = card.sign(&asked(&world, &request).await);
        lists(&world).await;
        assert_eq!(brought(&world, USER, &request, &signed).await.refusal(), refused());
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature").await, 0);
        let again = prepared(&world).await;
        let request = world.asked(&[("two", &again)]).await;
        let signed = card.sign(&asked(&world, &request).await);
        assert_eq!(brought(&world, USER, &request, &signed).await.status, 200);
        let told = world.fetch(&request, &world.token).await.json();
        assert_eq!(put(&world, &again, &told).await, 200);
    }

    /// A card whose key may sign no more, though its certificate is valid for a while, is told that: to prepare again would help nothing. Who has nothing
    /// else is not asked in vain.
    async fn a_card_whose_key_is_over_is_told_so(db: Db) {
        let world = World::new(db).await;
        // Its key may sign for seven minutes.
        let card = Card::short(&world, USER, "card-signing", 600_000).await;
        world.rig.pass(480_000);
        for what in ["one", "two"] {
            let info = prepared(&world).await;
            let request = world.asked(&[(what, &info)]).await;
            let signed = card.sign(&asked(&world, &request).await);
            lists(&world).await;
            let told = brought(&world, USER, &request, &signed).await;
            assert_eq!(told.refusal(), (400, "card-certificate".to_owned()), "{}", told.body);
            assert!(told.body.contains("was not to be used at the time"), "{}", told.body);
        }
        let listed = world.rig.get(&world.rig.admin, &format!("/signer/credentials?user_id={USER}")).await;
        let id = listed.body["credentials"][0]["credential_id"].as_str().unwrap();
        world.rig.act(&world.rig.admin, id, "suspend", 200).await;
        let info = prepared(&world).await;
        let jwt = world.jwt(&world.claims(&[("three", &info)], &json!({})));
        let told = world.ask(&jwt, &world.token, "s").await;
        assert_eq!(told.refusal(), (409, "credential-none".to_owned()), "{}", told.body);
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature").await, 0);
    }
}
