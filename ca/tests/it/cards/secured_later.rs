//! What is done under secure messaging with cards that were issued: renewal, repair and clearing, pulled and put back.

use ca::api::CardState;
use ca::{CardsConfig, Config, SecureMessaging};
use card::piv::{Passcode, Piv, Slot};
use card::testing::Takes;
use card::transport::{Transport, TransportError};
use http::StatusCode;
use platform::db::Db;
use serde_json::json;

use super::broken_off::is_issued;
use super::foreign::words;
use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE};
use super::secured::{
    Reader, Recorder, Vouching, bears_secret, block_on, carried, goes_by, in_reader, is_done, kept_puk,
    secrets,
};
use super::told::told;

/// More commands than any errand has that change something.
const MANY: usize = 40;

/// A reader from which the card is pulled at one of the commands that are meant: before it hears it, or before its answer is heard.
struct Pulled {
    reader: Reader,
    meant: fn(&[u8]) -> bool,
    left: usize,
    heard: bool,
    out: bool,
}

impl Pulled {
    fn at(reader: Reader, meant: fn(&[u8]) -> bool, left: usize, heard: bool) -> Pulled {
        Pulled { reader, meant, left, heard, out: false }
    }
}

impl Transport for Pulled {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        if self.out {
            return Err(TransportError::Removed);
        }
        let meant = (self.meant)(command);
        if meant && self.left == 0 {
            if self.heard {
                let _ = self.reader.transmit(command);
            }
            self.out = true;
            return Err(TransportError::Removed);
        }
        self.left -= usize::from(meant);
        self.reader.transmit(command)
    }
}

/// Whether a command changes something on the card; of one in pieces the last does.
fn changes(command: &[u8]) -> bool {
    command[0] & 0x10 == 0 && [0x24, 0x2C, 0x47, 0xDB, 0xFF].contains(&command[1])
}

/// What is left of a conversation once its card is out of the reader.
struct Conversation {
    carried: Vec<Vec<u8>>,
    /// The secrets that the card was given.
    given: Vec<Vec<u8>>,
}

impl Conversation {
    fn with(reader: Reader) -> Conversation {
        let carried = carried(&reader);
        let mut given = secrets(reader);
        // The holder's own passcode is the agent's to enter, and nobody relays it.
        given.retain(|secret| *secret != CHOSEN.as_bytes());
        Conversation { carried, given }
    }
}

/// Of all secrets that the card was given in these conversations none was carried in clear in any of them: how many there were.
fn nothing_went_by(conversations: &[Conversation], when: &str) -> usize {
    let secrets = conversations.iter().flat_map(|one| &one.given);
    for secret in secrets.clone() {
        let went_by = conversations.iter().any(|one| goes_by(&one.carried, secret));
        assert!(!went_by, "{when}: {}", hex::encode(secret));
    }
    secrets.count()
}

/// The same desk under another master key, which the token has.
async fn under_master(desk: Desk, vouching: &Vouching, master: u8) -> Desk {
    desk.world.hsm.create_diversifying_key(u32::from(master)).await.unwrap();
    let required = || vouching.settings(SecureMessaging::Required);
    let cards = CardsConfig { master_key: u32::from(master), ..required().cards };
    let config = Config { cards, instance: master.try_into().unwrap(), ..required() };
    let (authority, _) = desk.world.again(config).await;
    desk.with_authority(authority).await
}

/// Begins an errand, as a request of its own.
async fn begun(desk: &Desk, card: &str, act: &str, key: &str) -> String {
    let path = format!("/ca/cards/{card}/errands");
    let (status, said) = desk.post(MANAGER, &path, None, key, &json!({"act": act})).await;
    assert_eq!(status, StatusCode::CREATED, "{said}");
    said["id"].as_str().unwrap().to_owned()
}

/// The card is issued under secure messaging.
async fn issued(desk: &Desk, card: &str, reader: Reader, key: &str) {
    let errand = begun(desk, card, "issue", key).await;
    let (over, reader) = desk.relay(card, &errand, reader, Some(CHOSEN)).await;
    assert!(is_done(over.as_ref()), "{over:?}");
    assert!(nothing_went_by(&[Conversation::with(reader)], key) >= 4);
}

platform::both_engines! {
    /// A renewal under another master key gives the card its new management key and its new unblocking key unseen, and nothing at all to a
    /// card of which somebody hides that it has secure messaging. Its holder keeps their passcode.
    async fn renewed_card_gets_its_keys_unseen(db: Db) {
        let vouching = Vouching::new();
        let desk = Desk::under(db, vouching.settings(SecureMessaging::Required)).await;
        let chip = Chip::new(4711);
        let identity = vouching.identity(&chip);
        let id = desk.reserved(4711).await;
        issued(&desk, &id, in_reader(&chip, &identity), "issue").await;
        let before = desk.good().await;
        let desk = under_master(desk, &vouching, 2).await;
        let errand = begun(&desk, &id, "renew", "renew").await;
        let bare = Recorder { to: chip.insert(), heard: Vec::new() };
        let (over, bare) = desk.relay(&id, &errand, bare, Some(CHOSEN)).await;
        let said = words(over);
        assert!(said.contains("offers no secure messaging"), "{said}");
        assert!(!bare.heard.iter().any(|command| bears_secret(command)));
        drop(bare);
        let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(CHOSEN)).await;
        assert!(is_done(over.as_ref()), "{over:?}");
        let card = desk.card(&id).await;
        assert_eq!((card.management_key.as_str(), card.unblocking_key.as_str()), ("aes-256 2.2", "2.2"));
        // The management key, and the unblocking key before and after.
        assert!(nothing_went_by(&[Conversation::with(reader)], "renewal") >= 3);
        is_issued(&desk, &id, &chip, "renewed").await;
        assert!(desk.good().await.iter().all(|serial| !before.contains(serial)));
    }
}

/// A card that is pulled at any command of a renewal that changes something is renewed when it is back, and what it was given in either
/// conversation went by in none.
#[test]
fn secured_card_pulled_in_a_renewal_is_renewed_unseen_fault() {
    block_on(async |db: Db| {
        let vouching = Vouching::new();
        let desk = Desk::under(db, vouching.settings(SecureMessaging::Required)).await;
        let chip = Chip::new(4711);
        let identity = vouching.identity(&chip);
        let id = desk.reserved(4711).await;
        issued(&desk, &id, in_reader(&chip, &identity), "issue").await;
        for at in 0..MANY {
            for heard in [false, true] {
                let when = format!("renewal, pulled at {at}, heard: {heard}");
                // So that there is a secret to give.
                let before = desk.card(&id).await.unblocking_key;
                told(&desk, &id).await;
                let errand = begun(&desk, &id, "renew", &format!("renew-{at}-{heard}")).await;
                let pulled = Pulled::at(in_reader(&chip, &identity), changes, at, heard);
                let (over, pulled) = desk.relay(&id, &errand, pulled, Some(CHOSEN)).await;
                let mut conversations = vec![Conversation::with(pulled.reader)];
                let whole = is_done(over.as_ref());
                if !whole {
                    words(over);
                    assert_eq!(desk.card(&id).await.state, CardState::Renewing, "{when}");
                    let reader = in_reader(&chip, &identity);
                    let (over, reader) = desk.relay(&id, &errand, reader, Some(CHOSEN)).await;
                    assert!(is_done(over.as_ref()), "{when}: {over:?}");
                    conversations.push(Conversation::with(reader));
                }
                assert!(nothing_went_by(&conversations, &when) >= 2, "{when}");
                is_issued(&desk, &id, &chip, &when).await;
                let card = desk.card(&id).await;
                assert_eq!(card.unblocking_key_told_at, None, "{when}");
                assert_ne!(card.unblocking_key, before, "{when}");
                if whole {
                    assert!(at > 6, "a renewal has more than {at} commands that change something");
                    return;
                }
            }
        }
        panic!("a renewal does not come to an end");
    });
}

/// A card that is pulled at any command of a repair that changes something is repaired when it is back; so is one that is pulled while it gets
/// its management key of a new master key. What it was given went by in no conversation.
#[test]
fn secured_card_pulled_in_a_repair_is_repaired_unseen_fault() {
    block_on(async |db: Db| {
        let vouching = Vouching::new();
        let mut desk = Desk::under(db, vouching.settings(SecureMessaging::Required)).await;
        let chip = Chip::new(4711);
        let identity = vouching.identity(&chip);
        let id = desk.reserved(4711).await;
        issued(&desk, &id, in_reader(&chip, &identity), "issue").await;
        for (master, heard) in [(2, false), (3, true)] {
            let when = format!("management key of {master}, heard: {heard}");
            desk = under_master(desk, &vouching, master).await;
            let errand = begun(&desk, &id, "repair", &format!("master-{master}")).await;
            let pulled = Pulled::at(in_reader(&chip, &identity), |command| command[1] == 0xFF, 0, heard);
            let (over, pulled) = desk.relay(&id, &errand, pulled, None).await;
            words(over);
            let first = Conversation::with(pulled.reader);
            let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), None).await;
            assert!(is_done(over.as_ref()), "{when}: {over:?}");
            let second = Conversation::with(reader);
            assert!(nothing_went_by(&[first, second], &when) >= 3, "{when}");
            let card = desk.card(&id).await;
            let versions = (format!("aes-256 {master}.{master}"), format!("{master}.{master}"));
            assert_eq!((card.management_key, card.unblocking_key), versions);
            is_issued(&desk, &id, &chip, &when).await;
        }
        for at in 0..MANY {
            for heard in [false, true] {
                let when = format!("repair, pulled at {at}, heard: {heard}");
                told(&desk, &id).await;
                let errand = begun(&desk, &id, "repair", &format!("repair-{at}-{heard}")).await;
                let pulled = Pulled::at(in_reader(&chip, &identity), changes, at, heard);
                let (over, pulled) = desk.relay(&id, &errand, pulled, None).await;
                let mut conversations = vec![Conversation::with(pulled.reader)];
                let whole = is_done(over.as_ref());
                if !whole {
                    words(over);
                    let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), None).await;
                    assert!(is_done(over.as_ref()), "{when}: {over:?}");
                    conversations.push(Conversation::with(reader));
                }
                assert!(nothing_went_by(&conversations, &when) >= 2, "{when}");
                assert_eq!(desk.card(&id).await.unblocking_key_told_at, None, "{when}");
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

/// A card that is cleared under secure messaging, pulled or not, keeps nothing of its holder, is given its secrets unseen, and is issued
/// again as the same card.
#[test]
fn secured_card_is_cleared_unseen_and_issued_again_fault() {
    block_on(async |db: Db| {
        let vouching = Vouching::new();
        let desk = Desk::under(db, vouching.settings(SecureMessaging::Required)).await;
        let chip = Chip::new(4711);
        let identity = vouching.identity(&chip);
        let id = desk.reserved(4711).await;
        issued(&desk, &id, in_reader(&chip, &identity), "issue").await;
        let passcode: fn(&[u8]) -> bool = |command| command[1] == 0x2C;
        let making: fn(&[u8]) -> bool = |command| command[1] == 0x47;
        let any: fn(&[u8]) -> bool = changes;
        let cases = [(passcode, 0, false), (passcode, 0, true), (making, 1, true), (any, MANY, false)];
        for (number, (meant, left, heard)) in cases.into_iter().enumerate() {
            let when = format!("clearing {number}");
            desk.moved(&id, &json!({"move": "cancel", "reason": "replaced"})).await;
            let errand = begun(&desk, &id, "clear", &when.replace(' ', "-")).await;
            let pulled = Pulled::at(in_reader(&chip, &identity), meant, left, heard);
            let (over, pulled) = desk.relay(&id, &errand, pulled, None).await;
            let mut conversations = vec![Conversation::with(pulled.reader)];
            if left < MANY {
                words(over);
                assert_eq!(desk.card(&id).await.state, CardState::Cancelled, "{when}");
                let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), None).await;
                assert!(is_done(over.as_ref()), "{when}: {over:?}");
                conversations.push(Conversation::with(reader));
            } else {
                assert!(is_done(over.as_ref()), "{when}: {over:?}");
            }
            assert!(nothing_went_by(&conversations, &when) >= 2, "{when}");
            assert_eq!(desk.card(&id).await.state, CardState::Cleared, "{when}");
            let mut piv = Piv::select(chip.insert()).unwrap();
            for slot in [Slot::Authentication, Slot::Signature] {
                assert_eq!(piv.certificate(slot).unwrap(), None, "{when}");
            }
            let holders = Passcode::parse(CHOSEN.as_bytes()).unwrap();
            assert!(piv.verify(&holders).is_err(), "{when}: the holder's passcode opens nothing any more");
            drop(piv);
            desk.moved(&id, &json!({"move": "restock"})).await;
            desk.moved(&id, &json!({"move": "reserve", "user_id": NURSE})).await;
            issued(&desk, &id, in_reader(&chip, &identity), &format!("issue-{number}")).await;
            is_issued(&desk, &id, &chip, &when).await;
        }
    });
}

/// A card that has secure messaging for what the standard names alone is repaired with nothing going by; where it is cleared its unblocking key
/// goes by once, and the one that it keeps does not.
#[test]
fn standard_card_is_repaired_and_cleared_with_a_key_that_nobody_saw() {
    block_on(async |db: Db| {
        let vouching = Vouching::new();
        let desk = Desk::under(db, vouching.settings(SecureMessaging::WhereOffered)).await;
        let chip = Chip::new(4711);
        let identity = vouching.identity(&chip).taking(Takes::Standard);
        let id = desk.reserved(4711).await;
        let errand = begun(&desk, &id, "issue", "issue").await;
        let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(CHOSEN)).await;
        assert!(is_done(over.as_ref()), "{over:?}");
        drop(reader);
        told(&desk, &id).await;
        let errand = begun(&desk, &id, "repair", "repair").await;
        let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), None).await;
        assert!(is_done(over.as_ref()), "{over:?}");
        assert!(nothing_went_by(&[Conversation::with(reader)], "repair") >= 2);
        let repaired = desk.card(&id).await;
        assert_eq!((repaired.unblocking_key_told_at, repaired.unblocking_key_seen_at), (None, None));
        desk.moved(&id, &json!({"move": "cancel", "reason": "replaced"})).await;
        let errand = begun(&desk, &id, "clear", "clear").await;
        let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), None).await;
        assert!(is_done(over.as_ref()), "{over:?}");
        let card = desk.card(&id).await;
        assert_eq!((card.state, card.unblocking_key_seen_at), (CardState::Cleared, None));
        assert_ne!(card.unblocking_key, repaired.unblocking_key, "what went by is the card's no more");
        let carried = carried(&reader);
        let seen = kept_puk(&desk, &chip, &repaired.unblocking_key).await;
        let kept = kept_puk(&desk, &chip, &card.unblocking_key).await;
        assert!(goes_by(&carried, &seen) && !goes_by(&carried, &kept));
        assert!(secrets(reader).contains(&kept), "and the card has it");
    });
}
