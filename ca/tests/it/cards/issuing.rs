//! Issuing, renewing, clearing and repairing on a virtual card.

use ca::api::CardState;
use ca::{CardsConfig, Config};
use card::piv::{Error, ManagementAlgorithm, ManagementKey, Object, Passcode, Piv, Puk, Slot, Tries};
use card::relay::Over;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use serde_json::json;

use super::rig::{CHOSEN, Chip, Desk, NURSE, settings, slow};
use crate::world::decoded;

fn challenge() -> card::piv::Challenge {
    let mut octets = [0; 16];
    aws_lc_rs::rand::fill(&mut octets).unwrap();
    card::piv::Challenge(octets)
}

fn passcode(digits: &str) -> Passcode {
    Passcode::parse(digits.as_bytes()).unwrap()
}

/// A holder may take longer over their passcode than a card may over a command: the card is issued, and has that passcode.
#[test]
fn holder_takes_longer_than_a_card_may() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        let cards = CardsConfig { patience_seconds: 2, ..settings().cards };
        let desk = Desk::under(database.db.clone(), Config { cards, ..settings() }).await;
        let chip = Chip::new(4711);
        let id = desk.reserved(chip.serial).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let (ticket, address) = (desk.ticket(&id, &errand).await, desk.address_of_relay());
        let mut reader = chip.insert();
        let work = move || slow(address, &ticket, &mut reader);
        let over = tokio::task::spawn_blocking(work).await.unwrap();
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        assert_eq!(desk.card(&id).await.state, CardState::Active);
        Piv::select(chip.insert()).unwrap().verify(&passcode(CHOSEN)).unwrap();
        database.db.close().await;
    });
}

platform::both_engines! {
    /// An issued card holds both certificates in its holder's name, has the passcode that the holder chose, and keys that nobody has.
    async fn card_is_issued(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let card = desk.card(&id).await;
        assert_eq!((card.state, card.user_id.as_deref()), (CardState::Active, Some(NURSE)));
        assert_eq!((card.management_key.as_str(), card.unblocking_key.as_str()), ("aes-256 1.1", "1.1"));
        let mut piv = Piv::select(chip.insert()).unwrap();
        for (slot, serial) in
            [(Slot::Authentication, card.authentication.unwrap()), (Slot::Signature, card.signature.unwrap())]
        {
            let on_card = piv.certificate(slot).unwrap().unwrap();
            let info = desk.world.client.certificate(&serial).await.unwrap();
            let certificate = decoded(&info.certificate.unwrap());
            assert_eq!(on_card.der, certificate.der());
            assert!(certificate.common_name().unwrap().starts_with(NURSE));
        }
        piv.verify(&passcode(CHOSEN)).unwrap();
        let printed = piv.printed_information().unwrap().unwrap();
        assert_eq!((printed.name.as_str(), printed.serial.as_str()), ("Zoë O’Neill", "4711"));
        assert!(piv.chuid().unwrap().is_some() && piv.card_capability().unwrap().is_some());
        let factory = ManagementKey::factory(ManagementAlgorithm::TripleDes).unwrap();
        assert!(matches!(piv.authenticate(&factory, &challenge()), Err(Error::ManagementKeyRefused)));
        let refused = piv.change_puk(&Puk::factory(), &Puk::factory());
        assert!(matches!(refused, Err(Error::Wrong { .. } | Error::WrongUncounted(_))), "{refused:?}");
        assert_eq!(desk.good().await.len(), 2);
    }

    /// A card that is issued locked opens with no passcode that anybody knows; an unlock gives it one.
    async fn card_is_issued_locked(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue", "locked": true})).await;
        desk.done(&id, &errand, &chip, None).await;
        assert_eq!(desk.card(&id).await.state, CardState::IssuedLocked);
        let mut piv = Piv::select(chip.insert()).unwrap();
        for guess in ["123456", CHOSEN] {
            assert!(piv.verify(&passcode(guess)).is_err(), "{guess}");
        }
        drop(piv);
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
        assert_eq!(desk.card(&id).await.state, CardState::Active);
        Piv::select(chip.insert()).unwrap().verify(&passcode(CHOSEN)).unwrap();
    }

    /// A renewed card has new keys and certificates, and the passcode that it had; those before are revoked.
    async fn card_is_renewed(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let before = desk.good().await;
        let errand = desk.begun(&id, &json!({"act": "renew"})).await;
        assert_eq!(desk.card(&id).await.state, CardState::Renewing);
        desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
        assert_eq!(desk.card(&id).await.state, CardState::Active);
        let after = desk.good().await;
        assert_eq!(after.len(), 2);
        assert!(after.iter().all(|serial| !before.contains(serial)), "the old ones are revoked");
        let mut piv = Piv::select(chip.insert()).unwrap();
        piv.verify(&passcode(CHOSEN)).unwrap();
    }

    /// A cancelled card is cleared: nothing of its holder is left on it, and it can be issued again.
    async fn card_is_cleared_and_issued_again(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let key = Piv::select(chip.insert()).unwrap().certificate(Slot::Signature).unwrap();
        desk.moved(&id, &json!({"move": "cancel", "reason": "replaced"})).await;
        assert!(desk.good().await.is_empty());
        let errand = desk.begun(&id, &json!({"act": "clear"})).await;
        desk.done(&id, &errand, &chip, None).await;
        let card = desk.card(&id).await;
        assert_eq!((card.state, card.user_id, card.authentication), (CardState::Cleared, None, None));
        let mut piv = Piv::select(chip.insert()).unwrap();
        assert_eq!(piv.certificate(Slot::Authentication).unwrap(), None);
        assert_eq!(piv.certificate(Slot::Signature).unwrap(), None);
        assert!(piv.verify(&passcode(CHOSEN)).is_err());
        drop(piv);
        desk.moved(&id, &json!({"move": "restock"})).await;
        desk.moved(&id, &json!({"move": "reserve", "user_id": NURSE})).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
        let mut piv = Piv::select(chip.insert()).unwrap();
        assert_ne!(piv.certificate(Slot::Signature).unwrap(), key);
        assert_eq!(desk.good().await.len(), 2);
    }

    /// Damaged content is written again; keys, certificates and passcode stay.
    async fn damaged_card_is_repaired(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let good = desk.good().await;
        let whole = Piv::select(chip.insert()).unwrap().certificate(Slot::Authentication).unwrap();
        damage(&desk, &chip).await;
        assert_eq!(Piv::select(chip.insert()).unwrap().certificate(Slot::Authentication).unwrap(), None);
        let errand = desk.begun(&id, &json!({"act": "repair"})).await;
        desk.done(&id, &errand, &chip, None).await;
        let mut piv = Piv::select(chip.insert()).unwrap();
        assert_eq!(piv.certificate(Slot::Authentication).unwrap(), whole);
        assert_eq!(piv.tries().unwrap(), Tries::Left(3));
        piv.verify(&passcode(CHOSEN)).unwrap();
        assert_eq!(desk.good().await, good);
    }
}

/// Empties the certificate of 9A with the card's own management key, which the token derives for the test as for the server.
async fn damage(desk: &Desk, chip: &Chip) {
    let context = [chip.serial.to_string().as_bytes(), b"\0management\0", &1_u32.to_be_bytes()].concat();
    let derivation = hsm::Derivation { label: b"lanyard card".to_vec(), context, length: 32 };
    let octets = desk.world.hsm.diversify(1, derivation).await.unwrap();
    let key = ManagementKey::new(ManagementAlgorithm::Aes256, octets).unwrap();
    let mut piv = Piv::select(chip.insert()).unwrap();
    piv.authenticate(&key, &challenge()).unwrap();
    piv.erase(Object::Certificate(Slot::Authentication)).unwrap();
}
