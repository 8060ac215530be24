//! What an application has of the token at a time, and its people of that.

use std::cell::Cell;
use std::ops::RangeInclusive;
use std::time::Duration;

use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::{Algorithm, SIGN};

use super::oauth::sign;
use super::signing::{CALLS, crash, reached};
use super::{APPLICATION, World, unprepared};
use crate::rig::{PASSPHRASE, USER, create_request, digest_of};

const STRANGER: &str = "555021942115";

/// How many turns at the token 17 signatures by RSA-2048 take.
const FEW_CALLS: usize = 5;

/// A request to somebody, and their access token.
struct Asked {
    user: &'static str,
    request: String,
    token: String,
}

impl Asked {
    /// To sign the documents of these numbers.
    async fn new(world: &World, user: &'static str, numbers: RangeInclusive<u32>) -> Self {
        let token = world.access(APPLICATION, user).await;
        let infos: Vec<(String, String)> =
            numbers.map(|number| (format!("d{number}"), unprepared(number))).collect();
        let payloads: Vec<(&str, &str)> =
            infos.iter().map(|(id, info)| (id.as_str(), info.as_str())).collect();
        let jwt = world.jwt(&world.claims(&payloads, &json!({"sub": user})));
        let asked = world.ask(&jwt, &token, "s").await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        let request = asked.json()["token"].as_str().unwrap().to_owned();
        Self { user, request, token }
    }

    /// What the person's key says when they are asked on its page.
    async fn answer(&self, world: &mut World) -> Value {
        let path = format!("/signing-service/sign/{}/options", self.request);
        let asked = world.browsers[self.user].clone().send(world, "POST", &path, Some(&json!({}))).await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        let key = if self.user == USER { &mut world.key } else { &mut world.strangers_key };
        key.get(&asked.json())
    }

    /// The person agrees by that.
    async fn agree(&self, world: &World, answer: &Value) {
        let path = format!("/signing-service/sign/{}", self.request);
        let body = json!({"credential": answer});
        let agreed = world.browsers[self.user].clone().send(world, "POST", &path, Some(&body)).await;
        assert_eq!(agreed.status, 200, "{}", agreed.body);
    }

    /// The same, after they were asked.
    async fn agreed(self, world: &mut World) -> Self {
        let answer = self.answer(world).await;
        self.agree(world, &answer).await;
        self
    }
}

/// Waits until so many have agreed to something.
async fn consented(world: &World, wanted: i64) {
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'signing-consented'";
    let wait = async {
        while world.count(count).await < wanted {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), wait).await.expect("they agree");
}

/// A credential of another person, ready to sign; its id.
async fn of_stranger(world: &World) -> String {
    let rig = &world.rig;
    let mut request = create_request(Algorithm::Rsa2048, "request-of-stranger");
    request["subject"]["user_id"] = json!(STRANGER);
    request["subject"]["common_name"] = json!("555021942115_Aisha_Rahman");
    let made = rig.post(&rig.admin, "/signer/credentials", &request).await;
    assert_eq!(made.status, 200, "{:?}", made.body);
    let id = made.body["credential_id"].as_str().unwrap().to_owned();
    let path = format!("/signer/credentials/{id}/passphrase");
    assert_eq!(rig.put(&rig.stranger, &path, &json!({"new": PASSPHRASE})).await.status, 204);
    rig.pass(10_000);
    id
}

platform::both_engines! {
    /// Who has half of an application's share under way has no more of it, on whichever road; another of its people is let in, waits in turn with them,
    /// and is done before a batch that came first.
    async fn people_of_an_application_take_turns(db: Db) {
        let mut world = World::new(db).await;
        let theirs = of_stranger(&world).await;
        let many = Asked::new(&world, USER, 1..=250).await.agreed(&mut world).await;
        let few = Asked::new(&world, STRANGER, 301..=317).await.agreed(&mut world).await;
        crash(&world).await;
        world.rig = world.rig.twin_set(|config| config.calls_per_client = 32);
        // Whoever is let in hears that this is no authorisation.
        let mut one = sign(&theirs, &digest_of(b"one"));
        one["SAD"] = json!("A".repeat(43));
        let as_well = async |user: &str| {
            let caller = Caller::new(CallerKind::Person, user, APPLICATION.parse().unwrap(), [SIGN.0]);
            world.rig.csc(&caller, "signatures/signHash", &one).await.status
        };
        assert_eq!((as_well(USER).await, as_well(STRANGER).await), (400, 400));

        let busy = world.rig.signer.occupy().await;
        let turns = |waiting: usize| world.rig.signer.waiting() == waiting;
        let first = world.fetch(&many.request, &many.token);
        let second = async {
            reached(|| turns(CALLS)).await;
            assert_eq!((as_well(USER).await, as_well(STRANGER).await), (429, 400));
            world.fetch(&few.request, &few.token).await
        };
        let release = async {
            reached(|| turns(CALLS + FEW_CALLS)).await;
            drop(busy);
        };
        let (first, second, ()) = tokio::join!(first, second, release);
        assert_eq!((first.status, second.status), (200, 200), "{} {}", first.body, second.body);
        let order: Vec<String> = sqlx::query_scalar("SELECT credential_id FROM signer_signing ORDER BY ordinal")
            .fetch_all(world.rig.db.read()).await.unwrap();
        assert_eq!(order.len(), 2, "{order:?}");
        assert_eq!(order[0], theirs, "they came last and were done first");
    }

    /// What somebody agrees to while their share is under way waits for it, and is there when the application asks for it once.
    async fn what_was_agreed_to_waits_for_its_share(db: Db) {
        let mut world = World::new(db).await;
        let many = Asked::new(&world, USER, 1..=250).await.agreed(&mut world).await;
        crash(&world).await;
        world.rig = world.rig.twin_set(|config| config.calls_per_client = 16);
        let few = Asked::new(&world, USER, 301..=302).await;
        let answer = few.answer(&mut world).await;

        let busy = world.rig.signer.occupy().await;
        let went_on = Cell::new(false);
        let first = world.fetch(&many.request, &many.token);
        let second = async {
            reached(|| world.rig.signer.waiting() == CALLS).await;
            few.agree(&world, &answer).await;
            went_on.set(true);
            world.fetch(&few.request, &few.token).await
        };
        let release = async {
            for _ in 0..50 {
                consented(&world, 2).await;
            }
            assert!(!went_on.get() && world.rig.signer.waiting() == CALLS, "it waits, and not at the token");
            drop(busy);
        };
        let (first, second, ()) = tokio::join!(first, second, release);
        assert_eq!((first.status, second.status), (200, 200), "{} {}", first.body, second.body);
        assert_eq!(second.json()["signatures"].as_array().unwrap().len(), 2);
    }
}
