//! Cards of other kinds: with other keys, and with what the virtual card has not. What that is, a double in the reader answers in its place
//! as `YubiKeys` do: how many tries there are, and what the card knows of its keys. No such card was asked.

use std::collections::HashMap;

use ca::api::CardState;
use ca::{CardsConfig, Config, KeyKind};
use card::apdu::Command;
use card::piv::{Algorithm, Passcode, Piv, PublicKey, Slot};
use card::relay::Over;
use card::testing::VirtualCard;
use card::transport::{Transport, TransportError};
use http::StatusCode;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use serde_json::json;

use super::agents::told;
use super::broken_off::is_issued;
use super::rig::{CHOSEN, Chip, Desk, MANAGER, settings};

const SUCCESS: [u8; 2] = [0x90, 0];

/// A card in a reader that tells what it knows of its keys, and lets the numbers of tries be set after its passcode was entered.
struct Knowing {
    card: VirtualCard,
    /// The points of the keys that were made, by their slot.
    keys: HashMap<u8, Vec<u8>>,
    verified: bool,
    /// What the numbers of tries were set to.
    tries: Vec<(u8, u8)>,
}

impl Knowing {
    fn insert(chip: &Chip, keys: HashMap<u8, Vec<u8>>) -> Knowing {
        Knowing { card: chip.insert(), keys, verified: false, tries: Vec::new() }
    }

    /// What is known of a key: P-256, made on the card; of the management key, that it is one of triple DES.
    fn metadata(&self, slot: u8) -> Vec<u8> {
        match self.keys.get(&slot) {
            Some(point) => {
                let head = hex::decode("0101110202020103010104438641").unwrap();
                [&head[..], point, &SUCCESS].concat()
            }
            None if slot == 0x9B => [&[1, 1, 3, 5, 1, 1][..], &SUCCESS].concat(),
            None => vec![0x6A, 0x88],
        }
    }
}

impl Transport for Knowing {
    fn transmit(&mut self, octets: &[u8]) -> Result<Vec<u8>, TransportError> {
        let command = Command::parse(octets).unwrap();
        let (first, second) = command.parameters();
        match command.instruction() {
            0xF7 => Ok(self.metadata(second)),
            0xFA if !self.verified => Ok(vec![0x69, 0x82]),
            0xFA => {
                self.tries.push((first, second));
                Ok(SUCCESS.to_vec())
            }
            0x20 if !command.data().is_empty() => {
                let answer = self.card.transmit(octets)?;
                self.verified = answer == SUCCESS;
                Ok(answer)
            }
            0x47 => {
                let answer = self.card.transmit(octets)?;
                let at = answer.windows(2).position(|two| two == [0x86, 0x41]).unwrap() + 2;
                self.keys.insert(second, answer[at..at + 65].to_vec());
                Ok(answer)
            }
            _ => self.card.transmit(octets),
        }
    }
}

/// What an object of a card is erased by is not obeyed, and said to be.
struct Keeping {
    card: VirtualCard,
    /// The last octet of the object's tag.
    object: u8,
}

impl Transport for Keeping {
    fn transmit(&mut self, octets: &[u8]) -> Result<Vec<u8>, TransportError> {
        let command = Command::parse(octets).unwrap();
        let named = command.data().starts_with(&[0x5C, 3, 0x5F, 0xC1, self.object]);
        if command.instruction() == 0xDB && named { Ok(SUCCESS.to_vec()) } else { self.card.transmit(octets) }
    }
}

fn block_on(config: Config, story: impl AsyncFnOnce(Desk)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        story(Desk::under(database.db.clone(), config).await).await;
        database.db.close().await;
    });
}

/// Issues a card under this kind of key, whose certificates are of that kind and those on the card.
fn issued_with(kind: &str, algorithm: Algorithm) {
    let cards = CardsConfig {
        key: KeyKind::try_from(kind.to_owned()).unwrap(),
        // It may be searching for prime numbers.
        patience_seconds: 60,
        ..settings().cards
    };
    block_on(Config { cards, ..settings() }, async |desk: Desk| {
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        is_issued(&desk, &id, &chip, kind).await;
        let mut piv = Piv::select(chip.insert()).unwrap();
        for slot in [Slot::Authentication, Slot::Signature] {
            let stored = piv.certificate(slot).unwrap().unwrap();
            let certificate = pki::Certificate::from_der(&stored.der).unwrap();
            let key = PublicKey::from_der(certificate.spki_der()).unwrap();
            assert_eq!(key.algorithm(), algorithm, "{slot:?}");
        }
    });
}

/// A card is issued with keys of P-384.
#[test]
fn card_is_issued_with_p384() {
    issued_with("p-384", Algorithm::P384);
}

/// A card is issued with keys of RSA.
#[test]
fn card_is_issued_with_rsa() {
    issued_with("rsa-2048", Algorithm::Rsa2048);
}

/// Where the card lets that be set, the numbers of tries are those of the configuration; where its passcode is not the factory's any more
/// they stay, and the card is issued all the same.
#[test]
fn tries_are_set_where_the_card_lets_them() {
    block_on(settings(), async |desk: Desk| {
        let (fresh, used) = (Chip::new(4711), Chip::new(4712));
        let own = Passcode::parse(b"975310").unwrap();
        Piv::select(used.insert()).unwrap().change_passcode(&Passcode::factory(), &own).unwrap();
        for (chip, tries) in [(&fresh, vec![(3_u8, 5_u8)]), (&used, vec![])] {
            let id = desk.reserved(chip.serial).await;
            let errand = desk.begun(&id, &json!({"act": "issue"})).await;
            let reader = Knowing::insert(chip, HashMap::new());
            let (over, reader) = desk.relay(&id, &errand, reader, Some(CHOSEN)).await;
            assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
            assert_eq!(reader.tries, tries, "{}", chip.serial);
            is_issued(&desk, &id, chip, "issued").await;
            desk.moved(&id, &json!({"move": "cancel", "reason": "damaged"})).await;
        }
    });
}

/// A card that tells that it has the keys of its certificates is repaired; one that has others is not, and nothing is written on it.
#[test]
fn card_with_other_keys_is_not_repaired() {
    block_on(settings(), async |desk: Desk| {
        let chip = Chip::new(4711);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let (_, reader) =
            desk.relay(&id, &errand, Knowing::insert(&chip, HashMap::new()), Some(CHOSEN)).await;
        let keys = reader.keys.clone();
        drop(reader);
        assert_eq!(keys.len(), 2);
        let mut changed = keys.clone();
        changed.insert(0x9C, keys[&0x9A].clone());
        let path = format!("/ca/cards/{id}/errands");
        let (status, said) = desk.post(MANAGER, &path, None, "repair", &json!({"act": "repair"})).await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        let errand = said["id"].as_str().unwrap();
        let (over, reader) = desk.relay(&id, errand, Knowing::insert(&chip, changed), None).await;
        drop(reader);
        let words = told(over);
        assert!(words.contains("(key)"), "{words}");
        assert_eq!(desk.errand(&id, errand).await.step, "keyed", "nothing was written");
        let (over, reader) = desk.relay(&id, errand, Knowing::insert(&chip, keys), None).await;
        drop(reader);
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        is_issued(&desk, &id, &chip, "repaired").await;
    });
}

platform::both_engines! {
    /// A card that keeps something of what was issued is not cleared. The virtual card loses certificates with their keys, and what was
    /// printed of its holder with their passcode, so that its identifier is what it can keep.
    async fn card_that_keeps_something_is_not_cleared(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let id = desk.issued(&chip).await;
        desk.moved(&id, &json!({"move": "cancel", "reason": "replaced"})).await;
        let errand = desk.begun(&id, &json!({"act": "clear"})).await;
        let keeping = Keeping { card: chip.insert(), object: 0x02 };
        let (over, _) = desk.relay(&id, &errand, keeping, None).await;
        let words = told(over);
        assert!(words.contains("not what was written"), "{words}");
        assert_eq!(desk.card(&id).await.state, CardState::Cancelled);
        desk.done(&id, &errand, &chip, None).await;
        assert_eq!(desk.card(&id).await.state, CardState::Cleared);
        assert_eq!(Piv::select(chip.insert()).unwrap().certificate(Slot::Authentication).unwrap(), None);
    }
}
