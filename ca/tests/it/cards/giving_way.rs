//! A renewal that stopped before anything was done gives way to whoever unlocks the card, and to nobody else; one that did something stays.

use std::time::Duration;

use ca::api::{CardState, HOLDERS, OwnCard, OwnCards, OwnRenewal};
use ca::failpoint;
use card::piv::{Passcode, Piv, Tries};
use card::relay::Over;
use http::{Request, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use super::own_renewals::{carried, ticket, with_window};
use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE, Pulled, person, system};
use super::self_unlocking::{ask, give, sent};
use super::told::told;

const DAY: Duration = Duration::from_hours(24);
const EMAIL: &str = "zoe@trust.example";
const WRONG: &str = "13579024";

/// A card in its window, and an address of its holder's.
async fn in_window(desk: &Desk, chip: &Chip) -> String {
    let id = desk.issued(chip).await;
    desk.address("email", EMAIL, desk.world.clock.now().minus(DAY * 90)).await;
    desk.hand.advance(DAY * 641);
    id
}

/// The holder begins a renewal of their own card.
async fn renewing(desk: &Desk, card: &str) -> String {
    let key = format!("own-{}", desk.card(card).await.version);
    let path = format!("/ca/cards/{card}/errands");
    let (status, said) = desk.post(NURSE, &path, None, &key, &json!({"act": "renew"})).await;
    assert_eq!(status, StatusCode::CREATED, "{said}");
    said["id"].as_str().unwrap().to_owned()
}

/// The holder begins a renewal, and enters a wrong passcode until the card is locked.
async fn mistyped(desk: &Desk, card: &str, chip: &Chip) -> String {
    let errand = renewing(desk, card).await;
    for _ in 0..3 {
        let (over, _) = carried(desk, ticket(desk, card, &errand).await, chip, WRONG).await;
        assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{over:?}");
    }
    assert_eq!(Piv::select(chip.insert()).unwrap().tries().unwrap(), Tries::Locked);
    let stopped = desk.errand(card, &errand).await;
    assert_eq!((stopped.state.as_str(), stopped.step.as_str()), ("open", "begun"));
    assert!(stopped.fault.unwrap().contains("must be unlocked first"));
    assert_eq!(desk.card(card).await.state, CardState::Renewing);
    errand
}

/// The server dies once the keys of the card are ours; then the renewal stops since the card is pulled.
async fn stopped_later(desk: &Desk, card: &str, chip: &Chip) -> String {
    let errand = renewing(desk, card).await;
    failpoint::arm("ca.card-keyed");
    assert_eq!(carried(desk, ticket(desk, card, &errand).await, chip, CHOSEN).await.0, None);
    let (over, _) = desk.relay(card, &errand, Pulled::after(chip, 1, false), Some(CHOSEN)).await;
    assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{over:?}");
    let stopped = desk.errand(card, &errand).await;
    assert!(stopped.step == "keyed" && stopped.fault.is_some(), "{stopped:?}");
    errand
}

/// Neither a code nor a desk nor the way off line unlocks a card whose renewal stays.
async fn gives_no_way(desk: &Desk, card: &str, errand: &str) {
    let sendings =
        async || desk.letters().await.iter().filter(|(kind, ..)| kind == "card-unlock-code").count();
    let before = sendings().await;
    ask(desk, 4711, EMAIL).await;
    assert_eq!(sendings().await, before, "no code is sent");
    let (path, key) = (format!("/ca/cards/{card}/errands"), format!("no-way-{errand}"));
    let (status, said) = desk.post(MANAGER, &path, None, &key, &json!({"act": "unlock"})).await;
    assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-state")), "{said}");
    let path = format!("/ca/cards/{card}/unblocking-key");
    let (status, said) =
        desk.post(MANAGER, &path, None, "x", &json!({"identified": "by their passport"})).await;
    assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-errand-open")), "{said}");
    let after = desk.card(card).await;
    assert_eq!((after.state, after.unblocking_key_told_at), (CardState::Renewing, None));
    assert_eq!(desk.errand(card, errand).await.state, "open");
}

/// How often the card's history says that a renewal came to nothing, and who did that last.
async fn abandoned(desk: &Desk, card: &str) -> (usize, Value) {
    let (_, acts) = desk.get(MANAGER, &format!("/ca/cards/{card}/acts")).await;
    let acts = acts["acts"].as_array().unwrap().clone();
    let acts: Vec<_> = acts.into_iter().filter(|act| act["move"] == "abandon-renewal").collect();
    (acts.len(), acts.last().map(|act| act["by"].clone()).unwrap_or_default())
}

/// The only card of the nurse, as sign-in reads it.
async fn own(desk: &Desk) -> OwnCard {
    let request = Request::get(format!("/ca/card-holders/{NURSE}/cards"));
    let (_, said, _) = desk.ask(Some(&system(&[HOLDERS])), request, "").await;
    serde_json::from_value::<OwnCards>(said).unwrap().cards.remove(0)
}

/// Somebody gives up a renewal in the name of a person who has signed in so.
async fn given_up(desk: &Desk, user: &str, card: &str, assurance: Option<&str>) -> (StatusCode, Value) {
    let request = Request::post(format!("/ca/card-holders/{user}/cards/{card}/renewals/endings"));
    let body = json!({"assurance": assurance, "session": "a-session"});
    let (status, said, _) = desk.ask(Some(&system(&[HOLDERS])), request, &body.to_string()).await;
    (status, said)
}

platform::both_engines! {
    /// Whoever has locked their card in their own renewal unlocks it at once, with a code, at a desk or off line: the renewal ends with that,
    /// is revoked of nothing, and another one is begun and done.
    async fn mistyped_passcode_keeps_nobody_out(db: Db) {
        let desk = with_window(db).await;
        let chip = Chip::new(4711);
        let id = in_window(&desk, &chip).await;
        let good = desk.good().await;

        let errand = mistyped(&desk, &id, &chip).await;
        let unlock = ask(&desk, 4711, EMAIL).await;
        let code = sent(&desk).await;
        assert_eq!(desk.errand(&id, &errand).await.state, "open", "whoever asks for a code is nobody yet");
        let (status, given) = give(&desk, &unlock, &code).await;
        assert_eq!(status, StatusCode::CREATED, "{given}");
        assert_eq!(desk.errand(&id, &errand).await.state, "ended");
        let over = desk.relay_with(&serde_json::from_value(given).unwrap(), chip.insert()).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        assert_eq!((desk.card(&id).await.state, abandoned(&desk, &id).await), (CardState::Active, (1, json!(NURSE))));

        let errand = mistyped(&desk, &id, &chip).await;
        let colleague = Request::post("/ca/card-unlocks/by-colleague");
        let (status, _, _) = desk.ask(None, colleague, &json!({"serial": "4711"}).to_string()).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        let (_, waiting) = desk.get(MANAGER, &format!("/ca/cards/{id}/unlocks")).await;
        assert_eq!(waiting["unlocks"].as_array().unwrap().len(), 1, "{waiting}");
        let unlock = desk.begun(&id, &json!({"act": "unlock"})).await;
        assert_eq!(desk.errand(&id, &errand).await.state, "ended");
        assert_eq!(abandoned(&desk, &id).await, (2, json!(MANAGER)));
        desk.done(&id, &unlock, &chip, Some(CHOSEN)).await;

        let errand = mistyped(&desk, &id, &chip).await;
        let puk = told(&desk, &id).await;
        assert_eq!(desk.errand(&id, &errand).await.state, "ended");
        let passcode = Passcode::parse(CHOSEN.as_bytes()).unwrap();
        Piv::select(chip.insert()).unwrap().unlock(&puk, &passcode).unwrap();
        let card = desk.card(&id).await;
        assert!(card.state == CardState::Active && card.unblocking_key_told_at.is_some(), "{card:?}");
        assert_eq!((desk.good().await, abandoned(&desk, &id).await.0), (good.clone(), 3), "nothing is revoked");

        let errand = renewing(&desk, &id).await;
        let (over, _) = carried(&desk, ticket(&desk, &id, &errand).await, &chip, CHOSEN).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        let now_good = desk.good().await;
        assert!(now_good.len() == 2 && now_good.iter().all(|serial| !good.contains(serial)), "{now_good:?}");
    }

    /// A renewal that has not stopped, or has stopped after it did something, gives way to nothing and is gone on with.
    async fn renewal_under_way_stays(db: Db) {
        let desk = with_window(db).await;
        let chip = Chip::new(4711);
        let id = in_window(&desk, &chip).await;
        let errand = renewing(&desk, &id).await;
        gives_no_way(&desk, &id, &errand).await;
        let end = Request::delete(format!("/ca/cards/{id}/errands/{errand}"));
        assert_eq!(desk.ask(Some(&person(MANAGER)), end, "").await.0, StatusCode::OK);
        let errand = stopped_later(&desk, &id, &chip).await;
        gives_no_way(&desk, &id, &errand).await;
        let (status, said) = given_up(&desk, NURSE, &id, Some("aal3")).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-errand-open")), "{said}");
        assert_eq!(desk.errand(&id, &errand).await.state, "open");
        let (over, _) = carried(&desk, ticket(&desk, &id, &errand).await, &chip, CHOSEN).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
    }

    /// A holder who has signed in surely enough is told why their renewal stopped, and gives it up where nothing is done yet; the card is
    /// in use as before. Nobody else gives it up, and it is given up once.
    async fn holder_gives_their_renewal_up(db: Db) {
        let desk = with_window(db).await;
        let chip = Chip::new(4711);
        let id = in_window(&desk, &chip).await;
        let good = desk.good().await;
        let (status, said) = given_up(&desk, NURSE, &id, Some("aal3")).await;
        assert_eq!((status, &said["code"]), (StatusCode::NOT_FOUND, &json!("card-errand-unknown")), "{said}");
        let errand = renewing(&desk, &id).await;
        carried(&desk, ticket(&desk, &id, &errand).await, &chip, WRONG).await;
        let seen = own(&desk).await;
        assert_eq!(seen.renewal, OwnRenewal::UnderWay);
        assert!(seen.errand.unwrap().fault.unwrap().contains("did not take the passcode"));
        for weak in [None, Some("aal2")] {
            assert_eq!(given_up(&desk, NURSE, &id, weak).await.0, StatusCode::FORBIDDEN, "{weak:?}");
        }
        let (status, said) = given_up(&desk, MANAGER, &id, Some("aal3")).await;
        assert_eq!((status, &said["code"]), (StatusCode::NOT_FOUND, &json!("card-unknown")), "{said}");
        let path = format!("/ca/card-holders/{NURSE}/cards/{id}/renewals/endings");
        let (status, _, _) = desk.ask(Some(&person(NURSE)), Request::post(&path), "{\"assurance\": \"aal3\"}").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(desk.errand(&id, &errand).await.state, "open");

        let (status, said) = given_up(&desk, NURSE, &id, Some("aal3")).await;
        assert_eq!((status, &said["renewal"], &said["errand"]), (StatusCode::OK, &json!("open"), &Value::Null), "{said}");
        assert_eq!((desk.errand(&id, &errand).await.state.as_str(), desk.card(&id).await.state), ("ended", CardState::Active));
        assert_eq!((desk.good().await, abandoned(&desk, &id).await), (good, (1, json!(NURSE))));
        assert_eq!(given_up(&desk, NURSE, &id, Some("aal3")).await.0, StatusCode::NOT_FOUND, "once");
    }
}
