//! Cards move from an older master key to the one of now, and it is seen which have not.

use ca::api::{CardState, CardsLeft, Rediversification};
use ca::{CardsConfig, Config};
use card::piv::{Piv, Slot};
use card::relay::Over;
use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use super::lost_answers::tried_once_more;
use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE, Pulled, STRANGER, settings};

const PATH: &str = "/ca/card-rediversifications";

async fn standing(desk: &Desk, more: &str) -> Rediversification {
    let (status, said) = desk.get(MANAGER, &format!("{PATH}?organisation=RXX{more}")).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    serde_json::from_value(said).unwrap()
}

/// The same desk once a second master key is the one of now.
async fn under_second(desk: Desk) -> Desk {
    desk.world.hsm.create_diversifying_key(2).await.unwrap();
    let under = CardsConfig { master_key: 2, ..settings().cards };
    let config = Config { cards: under, instance: 2.try_into().unwrap(), ..settings() };
    let (authority, _) = desk.world.again(config).await;
    desk.with_authority(authority).await
}

/// A card that was issued, and is cancelled and cleared.
async fn cleared(desk: &Desk, chip: &Chip) -> String {
    let id = desk.issued(chip).await;
    desk.moved(&id, &json!({"move": "cancel", "reason": "leaver"})).await;
    let errand = desk.begun(&id, &json!({"act": "clear"})).await;
    desk.done(&id, &errand, chip, None).await;
    id
}

/// An agent goes on with an errand whose card is pulled after ever more commands, until it is done; what reached the card.
async fn done_though_pulled(desk: &Desk, card: &str, errand: &str, chip: &Chip) -> Vec<Vec<u8>> {
    let mut commands = Vec::new();
    for at in 1..60 {
        let (over, reader) = desk.relay(card, errand, Pulled::after(chip, at, at % 2 == 0), None).await;
        commands.extend(reader.commands);
        match over {
            Some(Over::Ended { done: true, .. }) => {
                assert!(at > 2, "it has more than {at} commands");
                return commands;
            }
            // What the card said to its management key was lost, and somebody says that it is tried once more.
            Some(Over::Ended { words, .. }) if words.contains("tried once more") => {
                tried_once_more(desk, card, errand).await;
            }
            _ => {}
        }
    }
    panic!("it does not come to an end");
}

platform::both_engines! {
    /// After the master key was changed it is told how many cards still have keys from the one before, and which; those that are at hand
    /// are moved together, and the others at their next contact.
    async fn cards_that_are_left_are_told_and_moved(db: Db) {
        let desk = Desk::new(db).await;
        let chips = [Chip::new(4711), Chip::new(4712)];
        let mut cards = Vec::new();
        for chip in &chips {
            cards.push(desk.issued(chip).await);
        }
        let blank = desk.stocked(4713).await.id;
        let now = standing(&desk, "").await;
        assert_eq!((now.master_key, now.cards, now.moved, now.left, now.page), (1, 2, 2, vec![], vec![]));
        let desk = under_second(desk).await;
        let now = standing(&desk, "&limit=1").await;
        let left = |cards| vec![CardsLeft { state: CardState::Active, cards }];
        assert_eq!((now.master_key, now.cards, now.moved, now.left), (2, 2, 0, left(2)));
        let rest = standing(&desk, &format!("&limit=1&after={}", now.next.unwrap())).await;
        assert_eq!((now.page.len(), rest.page.len(), rest.next), (1, 1, None));
        assert!(cards.contains(&now.page[0].id) && now.page[0].id != rest.page[0].id);
        let of = |cards: &[&String]| json!({"organisation": "RXX", "cards": cards});
        let query = format!("{PATH}?organisation=RXX");
        assert_eq!(desk.get(STRANGER, &query).await.0, StatusCode::FORBIDDEN);
        assert_eq!(desk.post(STRANGER, PATH, None, "s", &of(&[&cards[0]])).await.0, StatusCode::FORBIDDEN);
        assert_eq!(desk.post(MANAGER, PATH, None, "none", &of(&[])).await.0, StatusCode::BAD_REQUEST);
        // A card without keys of ours has none to move, and with it none of the others is begun.
        let (status, said) = desk.post(MANAGER, PATH, None, "blank", &of(&[&cards[0], &blank])).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-keys-moved")), "{said}");
        let begun = desk.post(MANAGER, PATH, None, "one", &of(&[&cards[0]])).await;
        assert_eq!(begun.0, StatusCode::CREATED, "{begun:?}");
        assert_eq!(desk.post(MANAGER, PATH, None, "one", &of(&[&cards[0]])).await, begun, "once");
        let good = desk.good().await;
        let errand = begun.1["errands"][0]["errand"].as_str().unwrap();
        desk.done(&cards[0], errand, &chips[0], None).await;
        assert_eq!(desk.good().await, good, "certificates stay");
        let batch: Value = desk.get(MANAGER, &format!("/ca/card-batches/{}", begun.1["id"].as_str().unwrap())).await.1;
        assert_eq!((&batch["cards"], &batch["done"]), (&json!(1), &json!(1)), "{batch}");
        let card = desk.card(&cards[0]).await;
        assert_eq!((card.management_key.as_str(), card.unblocking_key.as_str()), ("aes-256 2.2", "2.2"));
        let now = standing(&desk, "").await;
        assert_eq!((now.cards, now.moved, now.left), (2, 1, left(1)));
        assert_eq!(now.page[0].id, cards[1]);
        let (status, said) = desk.post(MANAGER, PATH, None, "again", &of(&[&cards[0]])).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-keys-moved")), "{said}");
        // An unlock moves the unblocking key alone.
        for (act, left) in [("unlock", left(1)), ("renew", vec![])] {
            let errand = desk.begun(&cards[1], &json!({"act": act})).await;
            desk.done(&cards[1], &errand, &chips[1], Some(CHOSEN)).await;
            assert_eq!(standing(&desk, "").await.left, left, "{act}");
        }
    }

    /// Cards that came back into stock move to the new master key there, in a batch or by an errand of their own, also where they are
    /// pulled at any command: nothing else is changed on them, they stay what they are, and are issued under the keys that they moved to.
    async fn cards_in_stock_are_moved_too(db: Db) {
        let desk = Desk::new(db).await;
        let chips = [Chip::new(4711), Chip::new(4712)];
        let mut cards = Vec::new();
        for chip in &chips {
            cards.push(cleared(&desk, chip).await);
        }
        desk.moved(&cards[0], &json!({"move": "restock"})).await;
        let blank = desk.stocked(4713).await.id;
        let desk = under_second(desk).await;
        let left = |state| CardsLeft { state, cards: 1 };
        assert_eq!(standing(&desk, "").await.left, [left(CardState::Cleared), left(CardState::InStock)]);
        let repair = json!({"act": "repair"});
        let errands = |card: &str| format!("/ca/cards/{card}/errands");
        assert_eq!(desk.post(STRANGER, &errands(&cards[0]), None, "s", &repair).await.0, StatusCode::FORBIDDEN);
        let (status, said) = desk.post(MANAGER, &errands(&blank), None, "blank", &repair).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-state")), "as from the factory: {said}");

        let body = json!({"organisation": "RXX", "cards": cards});
        let (status, begun) = desk.post(MANAGER, PATH, None, "stock", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{begun}");
        for (at, state) in [CardState::InStock, CardState::Cleared].into_iter().enumerate() {
            let errand = begun["errands"][at]["errand"].as_str().unwrap();
            let commands = done_though_pulled(&desk, &cards[at], errand, &chips[at]).await;
            // Neither keys nor objects, nor a passcode.
            assert!(commands.iter().all(|command| ![0x47, 0xDB, 0x2C].contains(&command[1])), "{commands:02x?}");
            let card = desk.card(&cards[at]).await;
            assert_eq!((card.state, card.user_id, card.authentication), (state, None, None));
            assert_eq!((card.management_key.as_str(), card.unblocking_key.as_str()), ("aes-256 2.2", "2.2"));
            let certificate = Piv::select(chips[at].insert()).unwrap().certificate(Slot::Authentication).unwrap();
            assert!(certificate.is_none(), "nothing was written on it");
        }
        let now = standing(&desk, "").await;
        assert_eq!((now.cards, now.moved, now.left), (2, 2, vec![]));
        assert!(desk.good().await.is_empty(), "nothing was certified");

        // By an errand of its own, which has nothing left to do; then it is issued.
        let errand = desk.begun(&cards[0], &repair).await;
        desk.done(&cards[0], &errand, &chips[0], None).await;
        assert_eq!(desk.card(&cards[0]).await.management_key, "aes-256 2.2");
        desk.moved(&cards[0], &json!({"move": "reserve", "user_id": NURSE})).await;
        let errand = desk.begun(&cards[0], &json!({"act": "issue"})).await;
        desk.done(&cards[0], &errand, &chips[0], Some(CHOSEN)).await;
        let card = desk.card(&cards[0]).await;
        assert_eq!((card.state, card.unblocking_key.as_str()), (CardState::Active, "2.2"));
        assert_eq!(desk.good().await.len(), 2);
    }

    /// A card in stock that is about to be issued moves in its issue; an errand that was to move it before that ends when it is kept for
    /// somebody, by itself, in a batch or in another one's place, and does not stand in the way.
    async fn card_about_to_be_issued_moves_with_it(db: Db) {
        let desk = Desk::new(db).await;
        let chips = [Chip::new(4711), Chip::new(4712)];
        let mut cards = Vec::new();
        for chip in &chips {
            let id = cleared(&desk, chip).await;
            desk.moved(&id, &json!({"move": "restock"})).await;
            cards.push(id);
        }
        let desk = under_second(desk).await;
        let mut moving = Vec::new();
        for (card, chip) in cards.iter().zip(&chips) {
            let errand = desk.begun(card, &json!({"act": "repair"})).await;
            let (over, _) = desk.relay(card, &errand, Pulled::after(chip, 4, true), None).await;
            assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{over:?}");
            moving.push(errand);
        }
        desk.moved(&cards[0], &json!({"move": "reserve", "user_id": NURSE})).await;
        let issue = desk.begun(&cards[0], &json!({"act": "issue"})).await;
        let wanted = json!({"organisation": "RXX", "cards": [{"card": cards[1], "user_id": NURSE}]});
        let (status, batch) = desk.post(MANAGER, "/ca/card-batches", None, "batch", &wanted).await;
        assert_eq!(status, StatusCode::CREATED, "{batch}");
        let issues = [issue, batch["errands"][0]["errand"].as_str().unwrap().to_owned()];
        for (at, chip) in chips.iter().enumerate() {
            assert_eq!(desk.errand(&cards[at], &moving[at]).await.state, "ended");
            desk.done(&cards[at], &issues[at], chip, Some(CHOSEN)).await;
            let card = desk.card(&cards[at]).await;
            assert_eq!((card.state, card.management_key.as_str()), (CardState::Active, "aes-256 2.2"));
            assert_eq!(card.unblocking_key, "2.2");
        }
        assert_eq!(standing(&desk, "").await.left, vec![]);
    }
}
