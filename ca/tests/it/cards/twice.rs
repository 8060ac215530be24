//! Cards that are pulled at every command that changes something, and pulled again when the errand is gone on with.

use ca::api::CardState;
use card::piv::{Passcode, Piv, Slot};
use card::relay::Over;
use card::testing::VirtualCard;
use card::transport::{Transport, TransportError};
use http::StatusCode;
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::json;

use super::broken_off::is_issued;
use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE};

/// More commands than any errand has that change something.
const MANY: usize = 60;

/// A reader from which the card is pulled at one of the commands that change something: before it hears it, or before its answer is
/// heard.
struct Pulled {
    card: Option<VirtualCard>,
    left: usize,
    heard: bool,
}

impl Pulled {
    fn at(chip: &Chip, left: usize, heard: bool) -> Pulled {
        Pulled { card: Some(chip.insert()), left, heard }
    }
}

impl Transport for Pulled {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        let card = self.card.as_mut().ok_or(TransportError::Removed)?;
        // Of a command in pieces it is the last that changes something.
        let changes = command[0] & 0x10 == 0 && [0x24, 0x2C, 0x47, 0xDB, 0xFF].contains(&command[1]);
        if changes && self.left == 0 {
            if self.heard {
                let _ = card.transmit(command);
            }
            self.card = None;
            return Err(TransportError::Removed);
        }
        self.left -= usize::from(changes);
        card.transmit(command)
    }
}

/// How a conversation ended: whether all was done.
fn is_done(over: Option<Over>, when: &str) -> bool {
    match over {
        Some(Over::Ended { done, .. }) => done,
        over => panic!("{when}: {over:?}"),
    }
}

fn block_on(story: impl AsyncFnOnce(Desk)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        story(Desk::new(database.db.clone()).await).await;
        database.db.close().await;
    });
}

/// Goes on with an errand in two conversations that break off, and in a third that must not. False if the first one came to the end.
async fn broken_twice(
    desk: &Desk,
    (id, errand): (&str, &str),
    chip: &Chip,
    [first, second]: [(usize, bool); 2],
    when: &str,
) -> bool {
    let (over, _) = desk.relay(id, errand, Pulled::at(chip, first.0, first.1), Some(CHOSEN)).await;
    if is_done(over, when) {
        return false;
    }
    let (over, _) = desk.relay(id, errand, Pulled::at(chip, second.0, second.1), Some(CHOSEN)).await;
    if !is_done(over, when) {
        desk.done(id, errand, chip, Some(CHOSEN)).await;
    }
    true
}

/// Which of the commands the second break is at, and whether each of both was heard: all of the first, and of the second the ones that
/// do again or find out what the first left open.
fn breaks(first: usize, seconds: usize) -> impl Iterator<Item = [(usize, bool); 2]> {
    (0..seconds).flat_map(move |second| {
        [false, true].map(|heard| [(first, heard), (second, heard ^ (second % 2 == 0))])
    })
}

/// An issue that breaks off twice, the second time where the first break left something open, is done in the third conversation.
#[test]
fn card_pulled_twice_is_issued_when_it_is_back_fault() {
    block_on(async |desk: Desk| {
        let mut serial = 0;
        for first in 0..MANY {
            for breaks in breaks(first, 3) {
                serial += 1;
                let chip = Chip::new(serial);
                let id = desk.reserved(serial).await;
                let errand = desk.begun(&id, &json!({"act": "issue"})).await;
                let when = format!("issue, {breaks:?}");
                let broken = broken_twice(&desk, (&id, &errand), &chip, breaks, &when).await;
                is_issued(&desk, &id, &chip, &when).await;
                if !broken {
                    assert!(first > 8, "an issue has more than {first} commands that change something");
                    return;
                }
                desk.moved(&id, &json!({"move": "cancel", "reason": "damaged"})).await;
            }
        }
        panic!("an issue does not come to an end");
    });
}

/// So is a renewal.
#[test]
fn card_pulled_twice_is_renewed_when_it_is_back_fault() {
    block_on(async |desk: Desk| {
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        for first in 0..MANY {
            for breaks in breaks(first, 2) {
                let errand = desk.begun(&id, &json!({"act": "renew"})).await;
                let when = format!("renewal, {breaks:?}");
                let broken = broken_twice(&desk, (&id, &errand), &chip, breaks, &when).await;
                is_issued(&desk, &id, &chip, &when).await;
                if !broken {
                    assert!(first > 6, "a renewal has more than {first} commands that change something");
                    return;
                }
            }
        }
        panic!("a renewal does not come to an end");
    });
}

/// So is an unlock, with a second break at every command that changes something; and the unblocking key is known however often it was
/// broken off.
#[test]
fn card_pulled_twice_is_unlocked_when_it_is_back_fault() {
    block_on(async |desk: Desk| {
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        for first in 0..MANY {
            for second in 0..6 {
                for heard in [[false, false], [false, true], [true, false], [true, true]] {
                    let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
                    let breaks = [(first, heard[0]), (second, heard[1])];
                    let when = format!("unlock, {breaks:?}");
                    let broken = broken_twice(&desk, (&id, &errand), &chip, breaks, &when).await;
                    let mut piv = Piv::select(chip.insert()).unwrap();
                    let chosen = Passcode::parse(CHOSEN.as_bytes()).unwrap();
                    piv.verify(&chosen).unwrap_or_else(|error| panic!("{when}: {error}"));
                    assert_eq!(desk.card(&id).await.unblocking_key_seen_at, None, "{when}");
                    if !broken {
                        assert!(first > 2, "an unlock has more than {first} commands that change something");
                        return;
                    }
                }
            }
        }
        panic!("an unlock does not come to an end");
    });
}

/// A card that is pulled at any command of a repair that changes something is repaired when it is put back.
#[test]
fn card_pulled_in_a_repair_is_repaired_when_it_is_back_fault() {
    block_on(async |desk: Desk| {
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        for at in 0..MANY {
            for heard in [false, true] {
                // A repair moves no card, so that its version says nothing of which one this is.
                let (key, path) = (format!("repair-{at}-{heard}"), format!("/ca/cards/{id}/errands"));
                let (status, said) = desk.post(MANAGER, &path, None, &key, &json!({"act": "repair"})).await;
                assert_eq!(status, StatusCode::CREATED, "{said}");
                let errand = said["id"].as_str().unwrap().to_owned();
                let (over, _) = desk.relay(&id, &errand, Pulled::at(&chip, at, heard), None).await;
                let when = format!("repair, pulled at {at}, heard: {heard}");
                let whole = is_done(over, &when);
                if !whole {
                    desk.done(&id, &errand, &chip, None).await;
                }
                is_issued(&desk, &id, &chip, &when).await;
                if whole {
                    assert!(at >= 5, "a repair has more than {at} commands that change something");
                    return;
                }
            }
        }
        panic!("a repair does not come to an end");
    });
}

/// A card that is pulled at any command of its clearing that changes something is cleared when it is put back, and can be issued again.
#[test]
fn card_pulled_while_it_is_cleared_is_cleared_when_it_is_back_fault() {
    block_on(async |desk: Desk| {
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        for at in 0..MANY {
            for heard in [false, true] {
                desk.moved(&id, &json!({"move": "cancel", "reason": "replaced"})).await;
                let errand = desk.begun(&id, &json!({"act": "clear"})).await;
                let (over, _) = desk.relay(&id, &errand, Pulled::at(&chip, at, heard), None).await;
                let when = format!("clearing, pulled at {at}, heard: {heard}");
                let whole = is_done(over, &when);
                if !whole {
                    assert_eq!(desk.card(&id).await.state, CardState::Cancelled, "{when}");
                    desk.done(&id, &errand, &chip, None).await;
                }
                assert_eq!(desk.card(&id).await.state, CardState::Cleared, "{when}");
                let mut piv = Piv::select(chip.insert()).unwrap();
                for slot in [Slot::Authentication, Slot::Signature] {
                    assert_eq!(piv.certificate(slot).unwrap(), None, "{when}");
                }
                drop(piv);
                if whole {
                    assert!(at >= 7, "a clearing has more than {at} commands that change something");
                    return;
                }
                desk.moved(&id, &json!({"move": "restock"})).await;
                desk.moved(&id, &json!({"move": "reserve", "user_id": NURSE})).await;
                let errand = desk.begun(&id, &json!({"act": "issue"})).await;
                desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
                is_issued(&desk, &id, &chip, &when).await;
            }
        }
        panic!("a clearing does not come to an end");
    });
}
