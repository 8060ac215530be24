//! The way off line while an unlock at the server has lost its network, and after it has.

use std::sync::mpsc;

use ca::api::CardState;
use ca::failpoint;
use card::piv::{Passcode, Piv, Puk};
use card::relay::Over;
use http::{Request, StatusCode};
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::agents::Waiting;
use super::rig::{CHOSEN, Chip, Desk, MANAGER, Pulled, cut_off, person};
use super::told::told;
use super::unlocking::lock;

/// What the holder chooses at the server, and what where none is reached.
const NEW: &str = "86420864";
const OFF_LINE: &str = "97531975";

/// Of migration 0114 the statement that tells the marks of before from each other is one for both engines.
const MARKS_TOLD_APART: &str = include_str!("../../../../migrations/sqlite/0114_ca_card_seen_keys.sql");

fn passcode(digits: &str) -> Passcode {
    Passcode::parse(digits.as_bytes()).unwrap()
}

/// Asks for the unblocking key of a card.
async fn released(desk: &Desk, card: &str) -> (StatusCode, Value) {
    let path = format!("/ca/cards/{card}/unblocking-key");
    desk.post(MANAGER, &path, None, "x", &json!({"identified": "by their passport"})).await
}

/// The key that was told opens the card where no server is reached, the unlock at the server is over, nobody is told the key again, and at
/// the card's next contact it gets another one before anything else. Where that key went by a workstation too the state of the card stays, since
/// its counter may tell of the unlock there.
async fn is_done_off_line(desk: &Desk, (id, unlock): (&str, &str), chip: &Chip, puk: &Puk, when: &str) {
    assert_eq!(desk.errand(id, unlock).await.state, "ended", "{when}");
    let tickets = format!("/ca/cards/{id}/errands/{unlock}/tickets");
    assert_eq!(
        desk.post(MANAGER, &tickets, None, "x", &Value::Null).await.0,
        StatusCode::NOT_FOUND,
        "{when}"
    );
    let (status, said) = released(desk, id).await;
    assert_eq!(
        (status, &said["code"]),
        (StatusCode::CONFLICT, &json!("card-unblocking-key-not-told")),
        "{when}"
    );
    let mut piv = Piv::select(chip.insert()).unwrap();
    piv.unlock(puk, &passcode(OFF_LINE)).unwrap_or_else(|error| panic!("{when}: {error}"));
    piv.verify(&passcode(OFF_LINE)).unwrap();
    drop(piv);
    let before = desk.card(id).await;
    assert!(before.unblocking_key_told_at.is_some(), "{when}");
    // Neither a repair nor the unlock that ended has another version of the card: the key of a request is its own.
    let (errands, key) = (format!("/ca/cards/{id}/errands"), format!("repair-{unlock}"));
    let (status, said) = desk.post(MANAGER, &errands, None, &key, &json!({"act": "repair"})).await;
    assert_eq!(status, StatusCode::CREATED, "{when}: {said}");
    let errand = said["id"].as_str().unwrap();
    let (over, reader) = desk.relay(id, errand, Pulled::never(chip), None).await;
    assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{when}: {over:?}");
    let first = reader.commands.iter().find(|command| ![0xA4, 0xF8].contains(&command[1])).unwrap();
    assert_eq!((first[1], first[3]), (0x24, 0x81), "{when}: before anything else");
    drop(reader);
    let card = desk.card(id).await;
    assert_eq!((card.unblocking_key_told_at, card.unblocking_key_seen_at), (None, None), "{when}");
    let expected = if before.unblocking_key_seen_at.is_some() { before.state } else { CardState::Active };
    assert_eq!(card.state, expected, "{when}");
    assert_ne!(card.unblocking_key, before.unblocking_key, "{when}");
    let mut piv = Piv::select(chip.insert()).unwrap();
    assert!(piv.unlock(puk, &passcode(NEW)).is_err(), "{when}: what was told opens nothing any more");
    piv.verify(&passcode(OFF_LINE)).unwrap();
}

fn block_on(story: impl AsyncFnOnce(Desk)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        story(Desk::new(database.db.clone()).await).await;
        database.db.close().await;
    });
}

/// An unlock that loses the card at any of its commands, heard or not, leaves the way off line: the key is told while the errand is open,
/// and is the card's. Only where the card may have either of two keys is none told; its holder has chosen a passcode by then, and the unlock
/// is gone on with.
#[test]
fn unlock_without_a_network_is_done_off_line_fault() {
    block_on(async |desk: Desk| {
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let (mut told, mut uncertain) = (0, 0);
        for at in 1..40 {
            for heard in [false, true] {
                let when = format!("unlock, broken off at {at}, heard: {heard}");
                lock(&chip);
                let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
                let (over, _) = desk.relay(&id, &errand, Pulled::after(&chip, at, heard), Some(NEW)).await;
                if matches!(over, Some(Over::Ended { done: true, .. })) {
                    assert!(told > 4 && uncertain > 0, "{told} were told and {uncertain} were not certain");
                    return;
                }
                assert_eq!(desk.errand(&id, &errand).await.state, "open", "{when}");
                match released(&desk, &id).await {
                    (StatusCode::CREATED, said) => {
                        told += 1;
                        let puk = Puk::parse(said["unblocking_key"].as_str().unwrap().as_bytes()).unwrap();
                        is_done_off_line(&desk, (&id, &errand), &chip, &puk, &when).await;
                    }
                    (status, said) => {
                        uncertain += 1;
                        let refused = (StatusCode::CONFLICT, &json!("card-unblocking-key-not-told"));
                        assert_eq!((status, &said["code"]), refused, "{when}: {said}");
                        Piv::select(chip.insert()).unwrap().verify(&passcode(NEW)).unwrap();
                        assert_eq!(desk.errand(&id, &errand).await.state, "open", "{when}: it is as it was");
                        desk.done(&id, &errand, &chip, Some(NEW)).await;
                    }
                }
            }
        }
        panic!("an unlock does not come to an end");
    });
}

/// While an agent is at work on an unlock the key is told all the same: the unlock ends, its agent changes the key no more, and what was
/// told is the card's.
#[test]
fn agent_at_work_leaves_the_key_that_was_told() {
    block_on(async |desk: Desk| {
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        lock(&chip);
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        let ((reached, at), (go, go_on)) = (mpsc::channel(), mpsc::channel());
        let ticket = desk.ticket(&id, &errand).await;
        // After SELECT and the serial number: before the unblocking key sets a passcode.
        let agent = desk.relay_with(&ticket, Waiting { card: chip.insert(), left: 2, reached, go_on });
        let meanwhile = async {
            tokio::task::spawn_blocking(move || at.recv().unwrap()).await.unwrap();
            let puk = told(&desk, &id).await;
            go.send(()).unwrap();
            puk
        };
        let (over, puk) = tokio::join!(agent, meanwhile);
        let Some(Over::Ended { done: false, words }) = over else { panic!("{over:?}") };
        assert!(words.contains("was ended"), "{words}");
        assert_eq!(desk.card(&id).await.unblocking_key, "1.1");
        is_done_off_line(&desk, (&id, &errand), &chip, &puk, "an agent at work").await;
    });
}

platform::both_engines! {
    /// The agent is killed, or the server is, in the middle of an unlock: the key is told at once, also where nobody has noticed yet that the
    /// agent is gone. Where the card was being given another key none is told, and the unlock is done with the next agent.
    async fn killed_unlock_is_done_off_line_fault(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        lock(&chip);
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        // The unblocking key has set a passcode of the server's, and nobody heard that it did.
        let ticket = desk.ticket(&id, &errand).await;
        let (address, mut card) = (desk.address_of_relay(), chip.insert());
        tokio::task::spawn_blocking(move || cut_off(address, &ticket, &mut card, 2)).await.unwrap();
        let puk = told(&desk, &id).await;
        is_done_off_line(&desk, (&id, &errand), &chip, &puk, "agent killed").await;
        for (point, certain) in [("ca.card-unlocked", true), ("ca.card-puk-chosen", false), ("ca.card-puk-set", false)] {
            lock(&chip);
            let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
            failpoint::arm(point);
            assert_eq!(desk.relay(&id, &errand, chip.insert(), Some(NEW)).await.0, None, "{point}");
            if certain {
                let puk = told(&desk, &id).await;
                is_done_off_line(&desk, (&id, &errand), &chip, &puk, point).await;
                continue;
            }
            let (status, said) = released(&desk, &id).await;
            assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-unblocking-key-not-told")), "{point}");
            Piv::select(chip.insert()).unwrap().verify(&passcode(NEW)).unwrap();
            desk.done(&id, &errand, &chip, Some(NEW)).await;
            let card = desk.card(&id).await;
            assert_eq!((card.unblocking_key_told_at, card.unblocking_key_seen_at), (None, None), "{point}");
        }
    }

    /// After an unlock was given up its key, which went by a workstation, is told once as any other. A card that the register has as locked stays
    /// so after its next contact, whatever its counter says, until it is unlocked at the server.
    async fn unlock_that_was_given_up_is_done_off_line(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        lock(&chip);
        assert_eq!(desk.moved(&id, &json!({"move": "lock"})).await.state, CardState::PinLocked);
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        let (over, _) = desk.relay(&id, &errand, chip.insert(), None).await;
        assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{over:?}");
        let path = format!("/ca/cards/{id}/errands/{errand}");
        let (status, said, _) = desk.ask(Some(&person(MANAGER)), Request::delete(&path), "").await;
        assert_eq!(status, StatusCode::OK, "{said}");
        let card = desk.card(&id).await;
        assert!(card.unblocking_key_seen_at.is_some() && card.unblocking_key_told_at.is_none());
        let puk = told(&desk, &id).await;
        is_done_off_line(&desk, (&id, &errand), &chip, &puk, "given up").await;
        assert_eq!(desk.card(&id).await.state, CardState::PinLocked);
        // And the server unlocks it again, with the key that followed.
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
        assert_eq!(desk.card(&id).await.state, CardState::Active);
    }

    /// A mark of before migration 0114 that is as old as the telling of a key stays of that; of a card of which none was ever told it is of one
    /// that went by a workstation, and of a card of which one was told at another time it is of both.
    async fn marks_of_before_are_told_apart(db: Db) {
        let desk = Desk::new(db).await;
        let (given_up, released, doubtful) = (Chip::new(4711), Chip::new(4712), Chip::new(4713));
        let (first, second) = (desk.issued(&given_up).await, desk.issued(&released).await);
        let third = desk.issued(&doubtful).await;
        told(&desk, &second).await;
        told(&desk, &third).await;
        let statement = MARKS_TOLD_APART.split_once("UPDATE ").map(|(_, rest)| format!("UPDATE {rest}")).unwrap();
        let marked = [(first.clone(), 7000_i64), (third.clone(), 8000)];
        let migrated = desk.world.db.write(move |tx| {
            Box::pin(async move {
                for (card, at) in marked {
                    let statement = "UPDATE ca_card SET puk_exposed_at = $1 WHERE card_id = $2";
                    sqlx::query(statement).bind(at).bind(card).execute(&mut *tx).await?;
                }
                sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await?;
                Ok::<_, platform::db::Error>(())
            })
        });
        migrated.await.unwrap();
        let card = desk.card(&first).await;
        assert_eq!((card.unblocking_key_told_at, card.unblocking_key_seen_at.map(|at| at.0)), (None, Some(7000)));
        let card = desk.card(&second).await;
        assert!(card.unblocking_key_told_at.is_some() && card.unblocking_key_seen_at.is_none());
        let card = desk.card(&third).await;
        let marks = [card.unblocking_key_told_at, card.unblocking_key_seen_at];
        assert_eq!(marks.map(|mark| mark.map(|at| at.0)), [Some(8000); 2]);
    }
}
