//! Renewing: by the holder at their own desk, with the passcode that the card has, and never without it.

use std::time::Duration;

use ca::api::{CardState, RelayTicket};
use ca::{CardsConfig, Config};
use card::piv::{Passcode, Piv, Tries};
use card::relay::Over;
use http::{Request, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE, Pulled, STRANGER, person, relay, settings};

const DAY: Duration = Duration::from_hours(24);
const EMAIL: &str = "zoe@trust.example";

/// A desk where cards are renewed in the last 90 days and for 30 days after that.
pub(super) async fn with_window(db: Db) -> Desk {
    let cards = CardsConfig { renewal_days: 90, grace_days: 30, ..settings().cards };
    Desk::under(db, Config { cards, ..settings() }).await
}

/// The holder has a ticket for an errand of their own.
pub(super) async fn ticket(desk: &Desk, card: &str, errand: &str) -> RelayTicket {
    let path = format!("/ca/cards/{card}/errands/{errand}/tickets");
    let (status, said) = desk.post(NURSE, &path, None, "unused", &Value::Null).await;
    assert_eq!(status, StatusCode::CREATED, "{said}");
    serde_json::from_value(said).unwrap()
}

/// The holder's agent goes on with an errand, with the card in its reader.
pub(super) async fn carried(
    desk: &Desk,
    ticket: RelayTicket,
    chip: &Chip,
    entered: &'static str,
) -> (Option<Over>, Pulled) {
    let (address, mut reader) = (desk.address_of_relay(), Pulled::never(chip));
    let work = move || {
        let over = relay(address, &ticket, &mut reader, Some(entered));
        (over, reader)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn is_done(over: Option<&Over>) -> bool {
    matches!(over, Some(Over::Ended { done: true, .. }))
}

/// What a card answers to a question about its tries.
fn tries(chip: &Chip) -> Tries {
    Piv::select(chip.insert()).unwrap().tries().unwrap()
}

platform::both_engines! {
    /// A holder renews their own card in its window: they enter the passcode that it has before anything is done, it stays as it is, and
    /// every address of theirs is told. Nothing else is theirs to do with it, and nobody else's card is.
    async fn holder_renews_their_own_card(db: Db) {
        let desk = with_window(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let verified = desk.world.clock.now().minus(DAY * 90);
        desk.address("email", EMAIL, verified).await;
        let path = format!("/ca/cards/{id}/errands");
        let asks = async |user: &'static str, act: &'static str, key: &'static str| {
            desk.post(user, &path, None, key, &json!({"act": act})).await
        };
        let (status, said) = asks(NURSE, "renew", "early").await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-renewal-too-early")), "{said}");
        for act in ["issue", "unlock", "repair", "clear"] {
            assert_eq!(asks(NURSE, act, act).await.0, StatusCode::FORBIDDEN, "{act}");
        }
        let (status, said) = desk.get(NURSE, &format!("/ca/cards?user_id={NURSE}")).await;
        assert_eq!((status, &said["cards"][0]["id"]), (StatusCode::OK, &json!(id)), "{said}");
        assert_eq!(desk.get(NURSE, &format!("/ca/cards?user_id={MANAGER}")).await.0, StatusCode::FORBIDDEN);
        assert_eq!(desk.get(STRANGER, &format!("/ca/cards?user_id={NURSE}")).await.0, StatusCode::FORBIDDEN);

        desk.hand.advance(DAY * 641);
        let (before, good) = (desk.card(&id).await, desk.good().await);
        assert_eq!(asks(STRANGER, "renew", "stranger").await.0, StatusCode::FORBIDDEN);
        let (status, begun) = asks(NURSE, "renew", "own").await;
        assert_eq!(status, StatusCode::CREATED, "{begun}");
        let errand = begun["id"].as_str().unwrap().to_owned();

        // Whoever has card and session, and not the passcode, changes nothing.
        let (over, reader) = carried(&desk, ticket(&desk, &id, &errand).await, &chip, "13579024").await;
        assert!(matches!(&over, Some(Over::Ended { done: false, words }) if words.contains("did not take")), "{over:?}");
        let changing = [0x24, 0x2C, 0x47, 0x87, 0xDB, 0xFA, 0xFF];
        assert!(reader.commands.iter().all(|command| !changing.contains(&command[1])), "{:02x?}", reader.commands);
        drop(reader);
        assert_eq!((tries(&chip), desk.good().await), (Tries::Left(2), good.clone()));

        let (over, reader) = carried(&desk, ticket(&desk, &id, &errand).await, &chip, CHOSEN).await;
        assert!(is_done(over.as_ref()), "{over:?}");
        // Neither the unblocking key nor another passcode went to the card.
        assert!(reader.commands.iter().all(|command| ![0x2C, 0x24].contains(&command[1])));
        drop(reader);
        let (after, now_good) = (desk.card(&id).await, desk.good().await);
        assert_eq!((after.state, after.unblocking_key), (CardState::Active, before.unblocking_key));
        assert!(now_good.len() == 2 && now_good.iter().all(|serial| !good.contains(serial)), "{now_good:?}");
        Piv::select(chip.insert()).unwrap().verify(&Passcode::parse(CHOSEN.as_bytes()).unwrap()).unwrap();
        let told = desk.letters().await;
        assert!(told.iter().any(|(kind, address, _)| kind == "card-renewed" && address == EMAIL), "{told:?}");

        // After the end somebody looks at them.
        desk.hand.advance(DAY * 731);
        let (status, said) = asks(NURSE, "renew", "in-grace").await;
        assert_eq!((status, &said["code"]), (StatusCode::FORBIDDEN, &json!("own-record")), "{said}");
    }

    /// A locked card is not unlocked by being renewed, whoever begins it: nothing is made, and once it is given up all is as before.
    async fn renewal_unlocks_nothing(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let good = desk.good().await;
        for _ in 0..3 {
            let wrong = Passcode::parse(b"13579024").unwrap();
            Piv::select(chip.insert()).unwrap().verify(&wrong).unwrap_err();
        }
        let errand = desk.begun(&id, &json!({"act": "renew"})).await;
        let (over, _) = desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await;
        assert!(!is_done(over.as_ref()), "{over:?}");
        let fault = desk.errand(&id, &errand).await.fault.unwrap();
        assert!(fault.contains("must be unlocked first"), "{fault}");
        // Nobody entered one at all.
        let (over, _) = desk.relay(&id, &errand, chip.insert(), None).await;
        assert!(!is_done(over.as_ref()), "{over:?}");
        assert!(desk.errand(&id, &errand).await.fault.unwrap().contains("nobody entered the passcode"));
        assert_eq!((tries(&chip), desk.good().await), (Tries::Locked, good.clone()));
        let end = Request::delete(format!("/ca/cards/{id}/errands/{errand}"));
        assert_eq!(desk.ask(Some(&person(MANAGER)), end, "").await.0, StatusCode::OK);
        assert_eq!((desk.card(&id).await.state, desk.good().await), (CardState::Active, good));
    }

    /// Whoever gets a card whose passcode was chosen is told so at every address of theirs.
    async fn chosen_passcode_is_told(db: Db) {
        let desk = Desk::new(db).await;
        let verified = desk.world.clock.now().minus(DAY * 90);
        desk.address("email", EMAIL, verified).await;
        desk.issued(&Chip::new(4711)).await;
        let told = desk.letters().await;
        assert!(told.iter().any(|(kind, address, _)| kind == "card-issued" && address == EMAIL), "{told:?}");
        assert!(told.iter().all(|(_, _, words)| !words.contains(CHOSEN)));
    }
}
