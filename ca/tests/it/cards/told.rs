//! The unblocking key of a card is told once, where no server is reached, and is worth nothing after the card's next contact.

use std::time::Duration;

use ca::api::{CARDS, CardState};
use ca::failpoint;
use card::piv::{Error, Passcode, Piv, Puk, Secret, Tries};
use card::relay::Over;
use http::{Request, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE, Pulled, STRANGER, person, system};
use super::unlocking::lock;

/// What the holder chooses where no server is reached.
const NEW: &str = "86420864";
const EMAIL: &str = "zoe@trust.example";

platform::both_engines! {
    /// Somebody who identified the holder is told the key once; the card then gets another one before anything else is done with it,
    /// also where the server dies after that.
    async fn told_key_is_changed_before_anything_else(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        desk.address("email", EMAIL, desk.world.clock.now()).await;
        let notices = async || desk.letters().await.iter().filter(|(kind, ..)| kind == "card-unblocking-key-told").count();
        lock(&chip);
        let path = format!("/ca/cards/{id}/unblocking-key");
        let body = json!({"identified": "by their passport"});
        for user in [STRANGER, NURSE] {
            assert_eq!(desk.post(user, &path, None, "x", &body).await.0, StatusCode::FORBIDDEN, "{user}");
        }
        let (status, said, _) = desk.ask(Some(&system(&[CARDS])), Request::post(&path), &body.to_string()).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-people-only")));
        assert_eq!(desk.post(MANAGER, &path, None, "x", &json!({"identified": " "})).await.0, StatusCode::BAD_REQUEST);
        assert_eq!(desk.card(&id).await.unblocking_key_told_at, None, "nobody was told");
        assert_eq!(notices().await, 0);
        let (status, told) = desk.post(MANAGER, &path, None, "x", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{told}");
        let (status, said) = desk.post(MANAGER, &path, None, "x", &body).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-unblocking-key-not-told")), "{said}");
        assert!(desk.card(&id).await.unblocking_key_told_at.is_some());
        assert_eq!(notices().await, 1, "the holder is told once");
        assert!(desk.letters().await.iter().all(|(_, _, words)| !words.contains(told["unblocking_key"].as_str().unwrap())));
        // Where no server is reached.
        let puk = Puk::parse(told["unblocking_key"].as_str().unwrap().as_bytes()).unwrap();
        let new = Passcode::parse(NEW.as_bytes()).unwrap();
        Piv::select(chip.insert()).unwrap().unlock(&puk, &new).unwrap();
        // The next contact, at whose beginning the server dies.
        let errand = desk.begun(&id, &json!({"act": "repair"})).await;
        failpoint::arm(failpoint::CARD_TOLD[0]);
        let (over, reader) = desk.relay(&id, &errand, Pulled::never(&chip), None).await;
        assert_eq!(over, None);
        let said: Vec<u8> = reader.commands.iter().map(|command| command[1]).collect();
        assert!(said.contains(&0x24) && said.iter().all(|instruction| [0xA4, 0xF8, 0x24].contains(instruction)), "{said:02X?}");
        let card = desk.card(&id).await;
        assert_eq!((card.unblocking_key.as_str(), card.unblocking_key_told_at), ("1.2", None));
        let mut piv = Piv::select(chip.insert()).unwrap();
        assert!(piv.unlock(&puk, &new).is_err(), "what was told opens nothing any more");
        piv.verify(&new).unwrap();
        drop(piv);
        desk.done(&id, &errand, &chip, None).await;
        assert_eq!(desk.card(&id).await.unblocking_key, "1.2");
        let (_, acts) = desk.get(MANAGER, &format!("/ca/cards/{id}/acts")).await;
        let told = acts["acts"].as_array().unwrap().iter().find(|act| act["move"] == "release-unblocking-key").unwrap();
        assert_eq!((&told["by"], &told["note"]), (&json!(MANAGER), &json!("by their passport")));
        // Not while anything but an unlock is being done with the card, and not of a card that nobody uses.
        let errands = format!("/ca/cards/{id}/errands");
        let (status, said) = desk.post(MANAGER, &errands, None, "another-repair", &json!({"act": "repair"})).await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        let (status, said) = desk.post(MANAGER, &path, None, "x", &body).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-errand-open")), "{said}");
        let blank = desk.stocked(4712).await.id;
        let (status, said) = desk.post(MANAGER, &format!("/ca/cards/{blank}/unblocking-key"), None, "x", &body).await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-unblocking-key-not-told")), "{said}");
    }

    /// Whatever is done first with a card whose key was told, that key is changed before any other command that changes something (of a
    /// renewal, once its holder has entered their passcode), also
    /// where its holder has spent tries of it; where they have locked it, the errand says what becomes of the card and does nothing else.
    async fn told_key_goes_first_in_every_act(db: Db) {
        let desk = Desk::new(db).await;
        let (chip, wrong) = (Chip::new(4711), Puk::parse(b"00000000").unwrap());
        let new = Passcode::parse(NEW.as_bytes()).unwrap();
        let id = desk.issued(&chip).await;
        for (act, chosen) in [("unlock", Some(CHOSEN)), ("renew", Some(NEW)), ("repair", None)] {
            let before = desk.card(&id).await.unblocking_key;
            let puk = told(&desk, &id).await;
            let mut piv = Piv::select(chip.insert()).unwrap();
            // The virtual card has three tries, of which what was told before has spent one.
            assert!(piv.unlock(&wrong, &new).is_err(), "{act}");
            piv.unlock(&puk, &new).unwrap();
            assert!(piv.unlock(&wrong, &new).is_err(), "{act}");
            drop(piv);
            let errand = desk.begun(&id, &json!({"act": act})).await;
            let (over, reader) = desk.relay(&id, &errand, Pulled::never(&chip), chosen).await;
            assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{act}: {over:?}");
            let reading = [0xA4, 0xF8, 0xC0, 0xCB, 0xF7];
            let mut others = reader.commands.iter().filter(|command| !reading.contains(&command[1]));
            if act == "renew" {
                let entered = others.next().unwrap();
                assert_eq!((entered[1], entered[3]), (0x20, 0x80), "{act}");
            }
            let first = others.next().unwrap();
            assert_eq!((first[1], first[3]), (0x24, 0x81), "{act}");
            let card = desk.card(&id).await;
            assert_eq!(card.unblocking_key_told_at, None, "{act}");
            assert_ne!(card.unblocking_key, before, "{act}");
            assert!(Piv::select(chip.insert()).unwrap().unlock(&puk, &new).is_err(), "{act}");
        }
        told(&desk, &id).await;
        let mut piv = Piv::select(chip.insert()).unwrap();
        assert!((0..10).any(|_| matches!(piv.unlock(&wrong, &new), Err(Error::Locked(Secret::Puk)))));
        drop(piv);
        let errand = desk.begun(&id, &json!({"act": "renew"})).await;
        let (over, reader) = desk.relay(&id, &errand, Pulled::never(&chip), Some(NEW)).await;
        let Some(Over::Ended { done: false, words }) = over else { panic!("{over:?}") };
        // The virtual card says of a locked key, where it is to be changed, that it is wrong.
        assert!(words.contains("unblocking key") && words.contains("Cancel it"), "{words}");
        assert!(reader.commands.iter().all(|command| ![0x87, 0x47, 0xDB, 0x2C].contains(&command[1])));
        assert!(desk.card(&id).await.unblocking_key_told_at.is_some(), "it is known that it was told");
    }
}

platform::both_engines! {
    /// A card that its holder unlocked where no server is reached is in use again in the register from its next contact on: the card's own
    /// counter says so, and that is written once, with the key that follows, also where the server dies after that.
    async fn card_unlocked_off_line_is_in_use_again(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = locked(&desk, &chip).await;
        let (puk, new) = (told(&desk, &id).await, Passcode::parse(NEW.as_bytes()).unwrap());
        Piv::select(chip.insert()).unwrap().unlock(&puk, &new).unwrap();
        assert_eq!(desk.card(&id).await.state, CardState::PinLocked, "nobody has told the register");
        let errand = desk.begun(&id, &json!({"act": "repair"})).await;
        failpoint::arm(failpoint::CARD_TOLD[0]);
        let (over, reader) = desk.relay(&id, &errand, Pulled::never(&chip), None).await;
        assert_eq!(over, None);
        // The key goes first, and the counter is asked after that.
        let said: Vec<u8> = reader.commands.iter().map(|command| command[1]).collect();
        let (changed, asked) = (said.iter().position(|it| *it == 0x24), said.iter().position(|it| *it == 0x20));
        assert!(changed.is_some() && changed < asked, "{said:02X?}");
        drop(reader);
        let card = desk.card(&id).await;
        assert_eq!((card.state, card.unblocking_key.as_str()), (CardState::Active, "1.2"));
        assert_eq!(card.unblocking_key_told_at, None);
        desk.done(&id, &errand, &chip, None).await;
        let unlocks = unlocks(&desk, &id).await;
        assert_eq!(unlocks.len(), 1, "{unlocks:?}");
        assert_eq!((&unlocks[0]["by"], &unlocks[0]["state"]), (&json!(MANAGER), &json!("active")));
        assert!(unlocks[0]["note"].as_str().unwrap().contains("own counter"), "{unlocks:?}");
        let moved = "SELECT body FROM audit_event WHERE module = 'ca' AND name = 'card-moved'";
        let moved: Vec<Vec<u8>> = sqlx::query_scalar(moved).fetch_all(desk.world.db.read()).await.unwrap();
        let by = |body: &Vec<u8>| serde_json::from_slice::<Value>(body).unwrap()["event"]["by"].clone();
        assert_eq!(moved.iter().filter(|body| by(body) == "unlock").count(), 1, "it is recorded once");
        // It is what every card in use is: renewed with the passcode that was chosen off line.
        let errand = desk.begun(&id, &json!({"act": "renew"})).await;
        desk.done(&id, &errand, &chip, Some(NEW)).await;
    }

    /// The state follows where the card is pulled before the answer to its key is heard, at the contact after that.
    async fn card_unlocked_off_line_and_pulled_is_in_use_again(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = locked(&desk, &chip).await;
        let (puk, new) = (told(&desk, &id).await, Passcode::parse(NEW.as_bytes()).unwrap());
        Piv::select(chip.insert()).unwrap().unlock(&puk, &new).unwrap();
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        for at in 2..4 {
            let (over, _) = desk.relay(&id, &errand, Pulled::after(&chip, at, true), None).await;
            assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{over:?}");
            assert_eq!(desk.card(&id).await.state, CardState::PinLocked, "pulled after {at}");
        }
        desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
        let card = desk.card(&id).await;
        assert_eq!((card.state, card.unblocking_key_told_at), (CardState::Active, None));
    }

    /// A card whose key was told and that nobody unlocked stays locked in the register, and so does one whose unlock at a workstation was
    /// given up: its counter says that it is open, and nobody knows its passcode.
    async fn card_that_nobody_unlocked_stays_locked(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = locked(&desk, &chip).await;
        told(&desk, &id).await;
        let errand = desk.begun(&id, &json!({"act": "repair"})).await;
        desk.done(&id, &errand, &chip, None).await;
        let card = desk.card(&id).await;
        assert_eq!((card.state, card.unblocking_key.as_str()), (CardState::PinLocked, "1.2"));

        desk.hand.advance(Duration::from_mins(1));
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        let (over, _) = desk.relay(&id, &errand, chip.insert(), None).await;
        assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{over:?}");
        let end = Request::delete(format!("/ca/cards/{id}/errands/{errand}"));
        assert_eq!(desk.ask(Some(&person(MANAGER)), end, "").await.0, StatusCode::OK);
        assert!(matches!(Piv::select(chip.insert()).unwrap().tries().unwrap(), Tries::Left(_)));
        let path = format!("/ca/cards/{id}/errands");
        let (status, said) = desk.post(MANAGER, &path, None, "again", &json!({"act": "repair"})).await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        desk.done(&id, said["id"].as_str().unwrap(), &chip, None).await;
        let card = desk.card(&id).await;
        assert_eq!((card.state, card.unblocking_key.as_str()), (CardState::PinLocked, "1.3"));
        assert!(unlocks(&desk, &id).await.is_empty());
    }
}

/// A card that is locked, as the register knows.
async fn locked(desk: &Desk, chip: &Chip) -> String {
    let id = desk.issued(chip).await;
    lock(chip);
    assert_eq!(desk.moved(&id, &json!({"move": "lock"})).await.state, CardState::PinLocked);
    id
}

/// How often the card's history says that it was unlocked.
async fn unlocks(desk: &Desk, card: &str) -> Vec<Value> {
    let (_, acts) = desk.get(MANAGER, &format!("/ca/cards/{card}/acts")).await;
    acts["acts"].as_array().unwrap().iter().filter(|act| act["move"] == "unlock").cloned().collect()
}

/// Somebody who identified the holder is told the card's unblocking key.
pub(crate) async fn told(desk: &Desk, card: &str) -> Puk {
    let path = format!("/ca/cards/{card}/unblocking-key");
    let (status, told) =
        desk.post(MANAGER, &path, None, "x", &json!({"identified": "by their passport"})).await;
    assert_eq!(status, StatusCode::CREATED, "{told}");
    Puk::parse(told["unblocking_key"].as_str().unwrap().as_bytes()).unwrap()
}
