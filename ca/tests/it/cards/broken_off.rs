//! Errands that break off at every step, and are gone on with.

use ca::api::CardState;
use ca::failpoint;
use card::piv::{Passcode, Piv, Slot};
use card::relay::Over;
use platform::db::Db;
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::json;

use super::foreign::proofs;
use super::lost_answers::tried_once_more;
use super::rig::{CHOSEN, Chip, Desk, Pulled};

/// More commands than any errand takes.
const MANY: usize = 200;

/// What holds of a card that was issued, however it came to be: its own two certificates are good and no other is, they are on the card,
/// and the passcode is the holder's.
pub(crate) async fn is_issued(desk: &Desk, id: &str, chip: &Chip, when: &str) {
    let card = desk.card(id).await;
    assert_eq!(card.state, CardState::Active, "{when}");
    let mut good = desk.good().await;
    let mut own = vec![card.authentication.unwrap(), card.signature.unwrap()];
    good.sort();
    own.sort();
    assert_eq!(good, own, "{when}");
    let mut piv = Piv::select(chip.insert()).unwrap();
    for slot in [Slot::Authentication, Slot::Signature] {
        assert!(piv.certificate(slot).unwrap().is_some(), "{when}");
    }
    piv.verify(&Passcode::parse(CHOSEN.as_bytes()).unwrap())
        .unwrap_or_else(|error| panic!("{when}: {error}"));
}

/// Goes on with an errand, which must be done then. Where the answer to the management key was lost it stops once more, with nothing tried,
/// until somebody says that the key is tried again: whether that was so.
async fn gone_on(desk: &Desk, (id, errand): (&str, &str), chip: &Chip, when: &str) -> bool {
    let (over, reader) = desk.relay(id, errand, Pulled::never(chip), Some(CHOSEN)).await;
    let words = match over {
        Some(Over::Ended { done: true, .. }) => return false,
        Some(Over::Ended { done: false, words }) => words,
        over => panic!("{when}: {over:?}"),
    };
    assert!(words.contains("tried once more"), "{when}: {words}");
    assert_eq!(proofs(&reader.commands), 0, "{when}");
    drop(reader);
    tried_once_more(desk, id, errand).await;
    desk.done(id, errand, chip, Some(CHOSEN)).await;
    true
}

/// Pulls a card at each command of an issue, before it hears the command or after it obeyed, and puts it back: the errand is done with
/// the next ticket, and where the management key was being tried, with the one after somebody's word. Each time it is another card, and the
/// one before is cancelled.
fn pulled_at_every_command(heard: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        let desk = Desk::new(database.db.clone()).await;
        let mut lost = 0;
        for at in 1..MANY {
            let chip = Chip::new(u32::try_from(at).unwrap());
            let id = desk.reserved(chip.serial).await;
            let errand = desk.begun(&id, &json!({"act": "issue"})).await;
            let (over, _) = desk.relay(&id, &errand, Pulled::after(&chip, at, heard), Some(CHOSEN)).await;
            let when = format!("pulled at {at}, heard: {heard}");
            if matches!(over, Some(Over::Ended { done: true, .. })) {
                assert!(at > 25, "an issue has more than {at} commands");
                assert_eq!(lost, 1, "the key is tried by one command");
                is_issued(&desk, &id, &chip, &when).await;
                database.db.close().await;
                return;
            }
            assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{when}: {over:?}");
            assert_eq!(desk.card(&id).await.state, CardState::Reserved, "{when}: nothing is half issued");
            assert!(desk.errand(&id, &errand).await.fault.is_some(), "{when}");
            lost += usize::from(gone_on(&desk, (&id, &errand), &chip, &when).await);
            is_issued(&desk, &id, &chip, &when).await;
            desk.moved(&id, &json!({"move": "cancel", "reason": "damaged"})).await;
            assert!(desk.good().await.is_empty(), "{when}");
        }
        panic!("an issue does not come to an end");
    });
}

/// A card that is pulled before it hears a command, at every command of an issue, is issued when it is put back.
#[test]
fn card_pulled_before_a_command_is_issued_when_it_is_back_fault() {
    pulled_at_every_command(false);
}

/// So is one that has obeyed, and whose answer nobody heard.
#[test]
fn card_pulled_after_a_command_is_issued_when_it_is_back_fault() {
    pulled_at_every_command(true);
}

/// A card that is pulled at every command of a renewal keeps the certificates that it had until the new ones are on it.
#[test]
fn card_pulled_in_a_renewal_is_renewed_when_it_is_back_fault() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        let desk = Desk::new(database.db.clone()).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let mut lost = 0;
        for at in 1..MANY {
            let before = desk.card(&id).await;
            let errand = desk.begun(&id, &json!({"act": "renew"})).await;
            let (over, _) = desk.relay(&id, &errand, Pulled::after(&chip, at, true), Some(CHOSEN)).await;
            let when = format!("pulled at {at}");
            let whole = matches!(over, Some(Over::Ended { done: true, .. }));
            if !whole {
                let card = desk.card(&id).await;
                assert_eq!(card.state, CardState::Renewing, "{when}");
                assert_eq!(card.authentication, before.authentication, "{when}");
                let good = desk.good().await;
                assert!(good.contains(before.authentication.as_ref().unwrap()), "{when}");
                lost += usize::from(gone_on(&desk, (&id, &errand), &chip, &when).await);
            }
            is_issued(&desk, &id, &chip, &when).await;
            if whole {
                assert_eq!(lost, 1, "the key is tried by one command");
                database.db.close().await;
                return;
            }
        }
        panic!("a renewal does not come to an end");
    });
}

platform::both_engines! {
    /// The server stops at each point of an issue: the next agent finishes it, with two certificates and no third.
    async fn server_stopped_at_every_point_goes_on_fault(db: Db) {
        let desk = Desk::new(db).await;
        for (number, point) in failpoint::CARDS.iter().enumerate() {
            let chip = Chip::new(u32::try_from(100 + number).unwrap());
            let id = desk.reserved(chip.serial).await;
            let errand = desk.begun(&id, &json!({"act": "issue"})).await;
            failpoint::arm(point);
            let (over, _) = desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await;
            assert_eq!(over, None, "{point}: the server is gone in the middle of a sentence");
            if *point == "ca.card-finished" {
                assert_eq!(desk.errand(&id, &errand).await.state, "done", "it was written");
            } else {
                assert_eq!(desk.card(&id).await.state, CardState::Reserved, "{point}");
                desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
            }
            is_issued(&desk, &id, &chip, point).await;
            desk.moved(&id, &json!({"move": "cancel", "reason": "damaged"})).await;
        }
    }
}
