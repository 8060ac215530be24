//! Cards move from an older master key to the one of now, and it is seen which have not.

use ca::api::{CardState, CardsLeft, Rediversification};
use ca::{CardsConfig, Config};
use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use super::rig::{CHOSEN, Chip, Desk, MANAGER, STRANGER, settings};

const PATH: &str = "/ca/card-rediversifications";

async fn standing(desk: &Desk, more: &str) -> Rediversification {
    let (status, said) = desk.get(MANAGER, &format!("{PATH}?organisation=RXX{more}")).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    serde_json::from_value(said).unwrap()
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
        desk.world.hsm.create_diversifying_key(2).await.unwrap();
        let under = CardsConfig { master_key: 2, ..settings().cards };
        let config = Config { cards: under, instance: 2.try_into().unwrap(), ..settings() };
        let (authority, _) = desk.world.again(config).await;
        let desk = desk.with_authority(authority).await;
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
}
