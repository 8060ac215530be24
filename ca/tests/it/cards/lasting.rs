//! What is not done in time ends by itself, and a new master key reaches every card.

use std::time::Duration;

use ca::api::CardState;
use ca::{CardsConfig, Config, failpoint};
use card::piv::Piv;
use http::{Request, StatusCode};
use platform::db::Db;
use serde_json::json;

use super::rig::{CHOSEN, Chip, Desk, MANAGER, Pulled, person, settings};

platform::both_engines! {
    /// An errand that stops after its certificates were made, or after one was, ends by itself: they are revoked, whether or not the
    /// server has written them down, and the card can be issued anew.
    async fn certificate_without_a_card_is_revoked(db: Db) {
        let desk = Desk::new(db).await;
        for (number, point) in ["ca.card-one-certified", "ca.card-certified", "ca.card-finishing"].into_iter().enumerate() {
            let chip = Chip::new(u32::try_from(4711 + number).unwrap());
            let id = desk.reserved(chip.serial).await;
            let errand = desk.begun(&id, &json!({"act": "issue"})).await;
            failpoint::arm(point);
            let (over, _) = desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await;
            assert_eq!(over, None, "{point}");
            let made = desk.good().await.len();
            assert_eq!(made, if point == "ca.card-one-certified" { 1 } else { 2 }, "{point}");
            desk.world.authority.end_due_errands().await;
            assert_eq!(desk.good().await.len(), made, "{point}: its time is not over");
            desk.hand.advance(Duration::from_hours(2));
            desk.world.authority.end_due_errands().await;
            assert!(desk.good().await.is_empty(), "{point}");
            assert_eq!(desk.errand(&id, &errand).await.state, "ended");
            assert_eq!(desk.card(&id).await.state, CardState::Reserved);
            let errand = desk.begun_again(&id).await;
            desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
            assert_eq!(desk.good().await.len(), 2, "{point}");
            desk.moved(&id, &json!({"move": "cancel", "reason": "damaged"})).await;
        }
    }

    /// Ending broke off at each of its points: the next turn does the rest. Given up by hand, an errand ends at once.
    async fn ending_is_gone_on_with(db: Db) {
        let desk = Desk::new(db).await;
        for (number, point) in failpoint::CARD_ENDS.iter().filter(|point| point.contains("errand")).enumerate() {
            let chip = Chip::new(u32::try_from(4711 + number).unwrap());
            let id = desk.reserved(chip.serial).await;
            let errand = desk.begun(&id, &json!({"act": "issue"})).await;
            failpoint::arm("ca.card-written");
            desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await;
            assert_eq!(desk.good().await.len(), 2);
            desk.hand.advance(Duration::from_hours(2));
            failpoint::arm(point);
            let authority = desk.world.authority.clone();
            assert!(tokio::spawn(async move { authority.end_due_errands().await }).await.is_err(), "{point}");
            desk.world.authority.end_due_errands().await;
            assert!(desk.good().await.is_empty(), "{point}");
            let path = format!("/ca/cards/{id}/errands/{errand}");
            let (status, _, _) = desk.ask(Some(&person(MANAGER)), Request::delete(&path), "").await;
            assert_eq!(status, StatusCode::NOT_FOUND, "it has ended");
            let errand = desk.begun_again(&id).await;
            let path = format!("/ca/cards/{id}/errands/{errand}");
            let (status, said, _) = desk.ask(Some(&person(MANAGER)), Request::delete(&path), "").await;
            assert_eq!((status, &said["state"]), (StatusCode::OK, &json!("ended")), "{said}");
        }
    }

    /// Stopped after a card was unlocked and before that was written, it is unlocked again.
    async fn unlock_is_gone_on_with(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        for point in failpoint::CARD_ENDS.iter().filter(|point| !point.contains("errand")) {
            let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
            failpoint::arm(point);
            assert_eq!(desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await.0, None, "{point}");
            desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
            assert_eq!(desk.card(&id).await.unblocking_key, "1.2");
        }
    }

    /// Under a new master key a card gets new keys at its next errand, and the old master key opens it until then.
    async fn cards_move_to_a_new_master_key(db: Db) {
        let cards = CardsConfig { master_key: 2, ..settings().cards };
        let desk = Desk::under(db, Config { cards, ..settings() }).await;
        desk.world.hsm.create_diversifying_key(2).await.unwrap();
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        assert_eq!(desk.card(&id).await.management_key, "aes-256 2.1");
        desk.world.hsm.create_diversifying_key(3).await.unwrap();
        let cards = CardsConfig { master_key: 3, ..settings().cards };
        let (authority, _) = desk.world.again(Config { cards, instance: 2.try_into().unwrap(), ..settings() }).await;
        let desk = desk.with_authority(authority).await;
        let errand = desk.begun(&id, &json!({"act": "repair"})).await;
        desk.done(&id, &errand, &chip, None).await;
        let card = desk.card(&id).await;
        assert_eq!((card.management_key.as_str(), card.unblocking_key.as_str()), ("aes-256 3.2", "3.2"));
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        let (_, reader) = desk.relay(&id, &errand, Pulled::never(&chip), Some(CHOSEN)).await;
        assert!(!reader.commands.is_empty());
        assert_eq!(desk.card(&id).await.unblocking_key, "3.3");
        assert!(Piv::select(chip.insert()).unwrap().chuid().unwrap().is_some());
    }
}
