//! Agents that are killed, that are two, and that change what a card says.

use std::sync::mpsc;

use ca::api::CardState;
use card::apdu::Command;
use card::piv::{Passcode, Piv};
use card::relay::Over;
use card::testing::VirtualCard;
use card::transport::{Transport, TransportError};
use http::StatusCode;
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::json;

use super::rig::{CHOSEN, Chip, Desk, MANAGER, cut_off};

/// A reader that changes what the card answers to an instruction.
struct Changing {
    card: VirtualCard,
    instruction: u8,
    /// How many answers it has changed.
    changed: usize,
}

impl Transport for Changing {
    fn transmit(&mut self, octets: &[u8]) -> Result<Vec<u8>, TransportError> {
        let mut answer = self.card.transmit(octets)?;
        // Of answers that hold something, an octet in the middle; the status stays.
        if Command::parse(octets).unwrap().instruction() == self.instruction && answer.len() > 40 {
            let middle = answer.len() / 2;
            answer[middle] ^= 1;
            self.changed += 1;
        }
        Ok(answer)
    }
}

/// A reader that stops before a command until it is told to go on.
pub(crate) struct Waiting {
    pub(crate) card: VirtualCard,
    pub(crate) left: usize,
    pub(crate) reached: mpsc::Sender<()>,
    pub(crate) go_on: mpsc::Receiver<()>,
}

impl Transport for Waiting {
    fn transmit(&mut self, octets: &[u8]) -> Result<Vec<u8>, TransportError> {
        if self.left == 0 {
            self.reached.send(()).unwrap();
            self.go_on.recv().unwrap();
        }
        self.left = self.left.wrapping_sub(1);
        self.card.transmit(octets)
    }
}

pub(crate) fn told(over: Option<Over>) -> String {
    match over {
        Some(Over::Ended { done: false, words }) => words,
        over => panic!("{over:?}"),
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

/// An agent that is killed, or a network that is cut, anywhere in an issue leaves nothing half issued, and the next one finishes it; a
/// card that is issued already is not issued again.
#[test]
fn killed_agent_leaves_nothing_half_issued_fault() {
    block_on(async |desk: Desk| {
        for (number, after) in [2_usize, 7, 12, 17, 22].into_iter().enumerate() {
            let chip = Chip::new(u32::try_from(number + 1).unwrap());
            let id = desk.reserved(chip.serial).await;
            let errand = desk.begun(&id, &json!({"act": "issue"})).await;
            let ticket = desk.ticket(&id, &errand).await;
            let (address, mut card) = (desk.address_of_relay(), chip.insert());
            let cut = tokio::task::spawn_blocking(move || cut_off(address, &ticket, &mut card, after));
            cut.await.unwrap();
            assert_eq!(desk.card(&id).await.state, CardState::Reserved, "cut after {after}");
            desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
            assert_eq!(desk.good().await.len(), 2, "cut after {after}");
            let path = format!("/ca/cards/{id}/errands");
            let (status, said) = desk.post(MANAGER, &path, None, &id, &json!({"act": "issue"})).await;
            assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-state")), "{said}");
            desk.moved(&id, &json!({"move": "cancel", "reason": "damaged"})).await;
        }
    });
}

/// Of two agents that go on with one errand the one that came last does it, and the first one writes nothing any more.
#[test]
fn last_of_two_agents_goes_on() {
    block_on(async |desk: Desk| {
        let chip = Chip::new(4711);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let (reached, at) = mpsc::channel();
        let (go, go_on) = mpsc::channel();
        let ticket = desk.ticket(&id, &errand).await;
        // The first stops before the card has heard anything but which one it is.
        let first = desk.relay_with(&ticket, Waiting { card: chip.insert(), left: 2, reached, go_on });
        let second = async {
            tokio::task::spawn_blocking(move || at.recv().unwrap()).await.unwrap();
            desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
            go.send(()).unwrap();
        };
        let (over, ()) = tokio::join!(first, second);
        let words = told(over);
        assert!(!words.is_empty());
        let card = desk.card(&id).await;
        assert_eq!(card.state, CardState::Active);
        let mut good = desk.good().await;
        let mut own = vec![card.authentication.unwrap(), card.signature.unwrap()];
        good.sort();
        own.sort();
        assert_eq!(good, own, "there is no third certificate");
        assert_eq!((card.management_key.as_str(), card.unblocking_key.as_str()), ("aes-256 1.1", "1.1"));
    });
}

/// An agent that changes what the card answers is found out: a key that did not sign is not certified, and a card that does not hold
/// what was written is not issued.
#[test]
fn changed_answers_are_found_out() {
    block_on(async |desk: Desk| {
        let chip = Chip::new(4711);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        // GENERATE ASYMMETRIC KEY PAIR, then what is read back.
        for (instruction, words) in [(0x47, "did not sign"), (0xCB, "not what was written")] {
            let reader = Changing { card: chip.insert(), instruction, changed: 0 };
            let (over, reader) = desk.relay(&id, &errand, reader, Some(CHOSEN)).await;
            let said = told(over);
            assert!(reader.changed > 0, "nothing was changed");
            assert!(said.contains(words), "{instruction:02X}: {said}");
            assert_eq!(desk.card(&id).await.state, CardState::Reserved);
        }
        desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
        let mut piv = Piv::select(chip.insert()).unwrap();
        piv.verify(&Passcode::parse(CHOSEN.as_bytes()).unwrap()).unwrap();
        assert_eq!(desk.good().await.len(), 2);
    });
}
