//! Unlocking on a virtual card.

use ca::api::CardState;
use card::piv::{Error, Passcode, Piv, Secret};
use card::relay::Over;
use http::{Request, StatusCode};
use platform::db::Db;
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::json;

use super::rig::{CHOSEN, Chip, Desk, MANAGER, Pulled, person};

/// What the holder chooses in an unlock.
const NEW: &str = "86420864";

fn passcode(digits: &str) -> Passcode {
    Passcode::parse(digits.as_bytes()).unwrap()
}

/// Enters wrong passcodes until none is taken any more.
pub(crate) fn lock(chip: &Chip) {
    let mut piv = Piv::select(chip.insert()).unwrap();
    for _ in 0..3 {
        let _ = piv.verify(&passcode("000000"));
    }
    assert!(matches!(piv.verify(&passcode(CHOSEN)), Err(Error::Locked(Secret::Passcode))));
}

platform::both_engines! {
    /// A locked card opens with the passcode that its holder chose in the unlock, and its unblocking key is the next one.
    async fn locked_card_is_unlocked(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        lock(&chip);
        assert_eq!(desk.moved(&id, &json!({"move": "lock"})).await.state, CardState::PinLocked);
        let (good, errand) = (desk.good().await, desk.begun(&id, &json!({"act": "unlock"})).await);
        let (over, reader) = desk.relay(&id, &errand, Pulled::never(&chip), Some(NEW)).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        let card = desk.card(&id).await;
        assert_eq!((card.state, card.unblocking_key.as_str()), (CardState::Active, "1.2"));
        Piv::select(chip.insert()).unwrap().verify(&passcode(NEW)).unwrap();
        assert_eq!(desk.good().await, good, "certificates stay");
        // What the agent said to the card by itself is not among what the server saw; that it changed the passcode is.
        let changes = reader.commands.iter().filter(|command| command[1] == 0x24 && command[3] == 0x80);
        assert_eq!(changes.count(), 1);
        // And again, with the key that followed.
        lock(&chip);
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
        assert_eq!(desk.card(&id).await.unblocking_key, "1.3");
    }

    /// Where nobody chooses a passcode the card stays locked, and the next agent asks again.
    async fn nobody_chooses(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        let (over, _) = desk.relay(&id, &errand, chip.insert(), None).await;
        let Some(Over::Ended { done: false, words }) = over else { panic!("{over:?}") };
        assert!(words.contains("nobody chose"), "{words}");
        assert_eq!(desk.errand(&id, &errand).await.fault, Some(words));
        desk.done(&id, &errand, &chip, Some(NEW)).await;
        Piv::select(chip.insert()).unwrap().verify(&passcode(NEW)).unwrap();
    }
}

platform::both_engines! {
    /// An unlock that is given up after the unblocking key was at the workstation leaves a mark, which is not that of a key that somebody
    /// was told: the card gets another one at its next contact, before anything else.
    async fn unlock_that_is_given_up_moves_the_key(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        let (over, _) = desk.relay(&id, &errand, chip.insert(), None).await;
        assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{over:?}");
        let path = format!("/ca/cards/{id}/errands/{errand}");
        let (status, said, _) = desk.ask(Some(&person(MANAGER)), Request::delete(&path), "").await;
        assert_eq!(status, StatusCode::OK, "{said}");
        let card = desk.card(&id).await;
        assert!(card.unblocking_key_seen_at.is_some() && card.unblocking_key_told_at.is_none());
        assert_eq!(card.unblocking_key, "1.1");
        let errand = desk.begun(&id, &json!({"act": "repair"})).await;
        let (over, reader) = desk.relay(&id, &errand, Pulled::never(&chip), None).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        let first = reader.commands.iter().find(|command| ![0xA4, 0xF8].contains(&command[1])).unwrap();
        assert_eq!((first[1], first[3]), (0x24, 0x81), "before anything else");
        let card = desk.card(&id).await;
        assert_eq!((card.unblocking_key.as_str(), card.unblocking_key_seen_at), ("1.2", None));
    }
}

/// A card that is pulled at every command of an unlock is unlocked when it is put back, and every key that it is then asked for is
/// known.
#[test]
fn card_pulled_in_an_unlock_is_unlocked_when_it_is_back_fault() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        let desk = Desk::new(database.db.clone()).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        for at in 1..40 {
            let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
            let (over, _) = desk.relay(&id, &errand, Pulled::after(&chip, at, at % 2 == 0), Some(NEW)).await;
            let whole = matches!(over, Some(Over::Ended { done: true, .. }));
            if !whole {
                desk.done(&id, &errand, &chip, Some(NEW)).await;
            }
            Piv::select(chip.insert()).unwrap().verify(&passcode(NEW)).unwrap();
            if whole {
                assert!(at > 4, "an unlock has more than {at} commands");
                database.db.close().await;
                return;
            }
        }
        panic!("an unlock does not come to an end");
    });
}
