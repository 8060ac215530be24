//! Cards that are not what they should be, and agents that are not.

use ca::api::CardState;
use ca::failpoint;
use card::apdu::Command;
use card::piv::{Challenge, ManagementAlgorithm, ManagementKey, Passcode, Piv, Puk};
use card::relay::Over;
use http::{Request, StatusCode};
use platform::db::Db;
use serde_json::json;
use zeroize::Zeroizing;

use super::rig::{CHOSEN, Chip, Desk, Pulled};

/// How the agent was told that it is over.
pub(crate) fn words(over: Option<Over>) -> String {
    match over {
        Some(Over::Ended { done: false, words }) => words,
        over => panic!("{over:?}"),
    }
}

/// Whether a command tries the management key: GENERAL AUTHENTICATE with the proof in it.
pub(crate) fn is_proof(command: &[u8]) -> bool {
    let Ok(command) = Command::parse(command) else { return false };
    command.instruction() == 0x87 && command.parameters().1 == 0x9B && command.data().len() > 4
}

/// How many commands did.
pub(crate) fn proofs(commands: &[Vec<u8>]) -> usize {
    commands.iter().filter(|command| is_proof(command)).count()
}

/// Gives a card a management key of somebody else's.
pub(crate) fn taken_by_another(chip: &Chip) {
    let mut piv = Piv::select(chip.insert()).unwrap();
    let factory = ManagementKey::factory(ManagementAlgorithm::TripleDes).unwrap();
    piv.authenticate(&factory, &Challenge([7; 16])).unwrap();
    let other = ManagementKey::new(ManagementAlgorithm::TripleDes, Zeroizing::new(vec![0x31; 24])).unwrap();
    piv.set_management_key(&other).unwrap();
}

platform::both_engines! {
    /// Another card in the reader is left as it is, and the right one is issued afterwards.
    async fn another_card_is_not_touched(db: Db) {
        let desk = Desk::new(db).await;
        let (right, wrong) = (Chip::new(4711), Chip::new(4712));
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let (over, reader) = desk.relay(&id, &errand, Pulled::never(&wrong), Some(CHOSEN)).await;
        let said = words(over);
        assert!(said.contains("4712") && said.contains("4711"), "{said}");
        assert!(reader.commands.iter().all(|command| [0xA4, 0xF8].contains(&command[1])), "it was only read");
        // Pulled half-way, and another put in.
        let (over, _) = desk.relay(&id, &errand, Pulled::after(&right, 15, true), Some(CHOSEN)).await;
        words(over);
        let (over, _) = desk.relay(&id, &errand, wrong.insert(), Some(CHOSEN)).await;
        words(over);
        desk.done(&id, &errand, &right, Some(CHOSEN)).await;
        assert_eq!(desk.card(&id).await.state, CardState::Active);
    }

    /// A card of another issuer refuses our key once, and is not asked a second time, by however many agents.
    async fn wrong_management_key_is_never_tried_twice(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        taken_by_another(&chip);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let mut tried = 0;
        for _ in 0..3 {
            let (over, reader) = desk.relay(&id, &errand, Pulled::never(&chip), Some(CHOSEN)).await;
            let said = words(over);
            assert!(said.contains("management key") && said.contains("Cancel it"), "{said}");
            tried += proofs(&reader.commands);
        }
        assert_eq!(tried, 1);
        assert_eq!(desk.card(&id).await.state, CardState::Reserved);
        assert!(desk.good().await.is_empty());
        desk.moved(&id, &json!({"move": "cancel", "reason": "damaged"})).await;
    }

    /// A card whose unblocking key is locked is not unlocked, and says what to do with it; one that has another key spends one try.
    async fn locked_unblocking_key_is_told(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let wrong = Puk::parse(b"00000000").unwrap();
        let passcode = Passcode::parse(CHOSEN.as_bytes()).unwrap();
        let mut piv = Piv::select(chip.insert()).unwrap();
        let locked = (0..10).any(|_| matches!(piv.unlock(&wrong, &passcode), Err(card::piv::Error::Locked(_))));
        assert!(locked, "ten wrong keys do not lock it");
        drop(piv);
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        let said = words(desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await.0);
        assert!(said.contains("unblocking key is locked"), "{said}");
        let other = Chip::new(4712);
        Piv::select(other.insert()).unwrap().change_puk(&Puk::factory(), &wrong).unwrap();
        let id = desk.reserved(4712).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        for _ in 0..3 {
            let said = words(desk.relay(&id, &errand, other.insert(), Some(CHOSEN)).await.0);
            assert!(said.contains("not tried again"), "{said}");
        }
        // The right one is still worth something: not every try was spent.
        Piv::select(other.insert()).unwrap().change_puk(&wrong, &Puk::factory()).unwrap();
    }

    /// An unblocking key whose refusal was lost is not tried again before the one that the card had.
    async fn lost_refusal_spends_no_second_try(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        // The next key was written, and the card has not got it.
        failpoint::arm("ca.card-puk-chosen");
        assert_eq!(desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await.0, None);
        // After SELECT and the serial number comes the new key, which the card refuses, and nobody hears that.
        words(desk.relay(&id, &errand, Pulled::after(&chip, 2, true), Some(CHOSEN)).await.0);
        let (over, reader) = desk.relay(&id, &errand, Pulled::never(&chip), Some(CHOSEN)).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        let changes: Vec<_> = reader.commands.iter().filter(|command| command[1] == 0x24).collect();
        let halves = |at: usize| (&changes[at][5..13], &changes[at][13..21]);
        let ((old, same), (from, to)) = (halves(0), halves(1));
        assert!(changes.len() == 2 && old == same && from == old && to != old, "the old one, and then the new in its place");
        assert_eq!(desk.card(&id).await.unblocking_key, "1.2");
    }

    /// A ticket opens one conversation, the newest ticket only, and none without WebSocket; without one nobody is told anything.
    async fn tickets_are_good_once(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let (first, second) = (desk.ticket(&id, &errand).await, desk.ticket(&id, &errand).await);
        let knock = |ticket: &str| Request::get("/ca/cards/relay").header("lanyard-relay-ticket", ticket);
        for bad in ["", "x", first.ticket.as_str()] {
            let (status, said, _) = desk.ask(None, knock(bad), "").await;
            assert_eq!((status, &said["code"]), (StatusCode::UNAUTHORIZED, &json!("relay-ticket-refused")));
        }
        let (status, said, _) = desk.ask(None, knock(&second.ticket), "").await;
        assert_eq!((status, &said["code"]), (StatusCode::BAD_REQUEST, &json!("websocket-expected")));
        assert!(desk.relay_with(&second, chip.insert()).await.is_some(), "it was not used up");
        assert!(desk.relay_with(&second, chip.insert()).await.is_none(), "it was");
        let late = desk.begun_again(&id).await;
        let ticket = desk.ticket(&id, &late).await;
        desk.hand.advance(std::time::Duration::from_secs(301));
        assert!(desk.relay_with(&ticket, chip.insert()).await.is_none(), "its time is over");
    }
}
