//! Cards that are issued together.

use ca::api::{CardBatch, CardState};
use card::relay::Over;
use http::StatusCode;
use platform::db::Db;
use serde_json::{Value, json};

use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE, Pulled, STRANGER};

async fn batch(desk: &Desk, id: &str) -> CardBatch {
    let (status, said) = desk.get(MANAGER, &format!("/ca/card-batches/{id}")).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    serde_json::from_value(said).unwrap()
}

fn counts(batch: &CardBatch) -> (u64, u64, u64, u64, u64) {
    (batch.cards, batch.done, batch.stopped, batch.ended, batch.open)
}

platform::both_engines! {
    /// Cards of a batch are begun all or none, are worked on at the same time in several readers, and their progress is told.
    async fn batch_is_issued_together(db: Db) {
        let desk = Desk::new(db).await;
        let chips: Vec<Chip> = (1..=4).map(Chip::new).collect();
        let mut cards = Vec::new();
        for chip in &chips {
            cards.push(desk.stocked(chip.serial).await.id);
        }
        let of = |cards: &[String]| -> Value {
            let cards: Vec<Value> = cards.iter().map(|card| json!({"card": card, "user_id": NURSE})).collect();
            json!({"organisation": "RXX", "cards": cards, "locked": true})
        };
        let twice = of(&[cards[0].clone(), cards[0].clone()]);
        let (status, said) = desk.post(MANAGER, "/ca/card-batches", None, "twice", &twice).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-state")), "{said}");
        assert_eq!(desk.card(&cards[0]).await.state, CardState::InStock, "all or none");
        assert_eq!(desk.post(STRANGER, "/ca/card-batches", None, "stranger", &of(&cards)).await.0, StatusCode::FORBIDDEN);
        for wrong in [of(&[]), json!({"organisation": "RXX", "cards": [{"card": cards[0], "user_id": "x"}]})] {
            assert_eq!(desk.post(MANAGER, "/ca/card-batches", None, "wrong", &wrong).await.0, StatusCode::BAD_REQUEST, "{wrong}");
        }
        let begun = desk.post(MANAGER, "/ca/card-batches", None, "batch", &of(&cards)).await;
        assert_eq!(begun.0, StatusCode::CREATED, "{begun:?}");
        assert_eq!(desk.post(MANAGER, "/ca/card-batches", None, "batch", &of(&cards)).await, begun, "once");
        let id = begun.1["id"].as_str().unwrap();
        let said = batch(&desk, id).await;
        assert_eq!((counts(&said), said.remaining_seconds), ((4, 0, 0, 0, 4), None));
        assert_eq!(desk.get(STRANGER, &format!("/ca/card-batches/{id}")).await.0, StatusCode::FORBIDDEN);
        let errand_of = |card: &str| said.errands.iter().find(|one| one.card == card).unwrap().errand.clone();
        // Two readers at the same time, of which one card is pulled.
        desk.hand.advance(std::time::Duration::from_secs(10));
        let (first, second) = (errand_of(&cards[0]), errand_of(&cards[1]));
        let (whole, pulled) = tokio::join!(
            desk.relay(&cards[0], &first, Pulled::never(&chips[0]), None),
            desk.relay(&cards[1], &second, Pulled::after(&chips[1], 12, true), None),
        );
        assert!(matches!(whole.0, Some(Over::Ended { done: true, .. })), "{:?}", whole.0);
        assert!(matches!(pulled.0, Some(Over::Ended { done: false, .. })), "{:?}", pulled.0);
        let (status, _, _) = desk
            .ask(
                Some(&super::rig::person(MANAGER)),
                http::Request::delete(format!("/ca/cards/{}/errands/{}", cards[2], errand_of(&cards[2]))),
                "",
            )
            .await;
        assert_eq!(status, StatusCode::OK);
        let said = batch(&desk, id).await;
        assert_eq!((counts(&said), said.remaining_seconds), ((4, 1, 1, 1, 1), Some(20)));
        assert!(said.errands.iter().any(|one| one.card == cards[1] && one.fault.is_some()), "{said:?}");
        desk.done(&cards[1], &second, &chips[1], Some(CHOSEN)).await;
        desk.done(&cards[3], &errand_of(&cards[3]), &chips[3], Some(CHOSEN)).await;
        let said = batch(&desk, id).await;
        assert_eq!((counts(&said), said.remaining_seconds), ((4, 3, 0, 1, 0), Some(0)));
        assert_eq!(desk.card(&cards[3]).await.state, CardState::IssuedLocked);
        assert_eq!(desk.good().await.len(), 6, "and no certificate without a card");
    }
}
