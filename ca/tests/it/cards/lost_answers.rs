//! Management keys that were tried, and of which nobody heard whether the card took them.

use std::time::Duration;

use ca::api::CardState;
use ca::{CardsConfig, Config, failpoint};
use card::relay::Over;
use card::testing::VirtualCard;
use card::transport::{Transport, TransportError};
use http::{Request, StatusCode};
use platform::db::Db;
use serde_json::{Value, json};

use super::foreign::{is_proof, proofs, taken_by_another, words};
use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE, Pulled, STRANGER, person, settings, system};

/// How the fault begins to say what is to be done.
const WORDS: &str = "tried once more";

/// A reader from which the card is pulled when its management key is tried: before it hears that, or before its answer is heard.
struct Lost {
    card: Option<VirtualCard>,
    heard: bool,
}

impl Lost {
    fn at(chip: &Chip, heard: bool) -> Lost {
        Lost { card: Some(chip.insert()), heard }
    }
}

impl Transport for Lost {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        let card = self.card.as_mut().ok_or(TransportError::Removed)?;
        if is_proof(command) {
            if self.heard {
                let _ = card.transmit(command);
            }
            self.card = None;
            return Err(TransportError::Removed);
        }
        card.transmit(command)
    }
}

async fn asked(desk: &Desk, user: &str, card: &str, errand: &str) -> (StatusCode, Value) {
    let path = format!("/ca/cards/{card}/errands/{errand}/second-tries");
    desk.post(user, &path, None, "unused", &Value::Null).await
}

/// Somebody who may issue cards says that the key is tried once more.
pub(crate) async fn tried_once_more(desk: &Desk, card: &str, errand: &str) {
    let (status, said) = asked(desk, MANAGER, card, errand).await;
    assert_eq!((status, &said["fault"]), (StatusCode::OK, &Value::Null), "{said}");
}

/// The errand has nothing to be said about, and says so.
async fn nothing_to_say(desk: &Desk, card: &str, errand: &str) {
    let (status, said) = asked(desk, MANAGER, card, errand).await;
    assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-no-answer-lost")), "{said}");
}

/// Agents go on with an errand, which stops each time without trying a key.
async fn stops_untried(desk: &Desk, card: &str, errand: &str, chip: &Chip) {
    for _ in 0..2 {
        let (over, reader) = desk.relay(card, errand, Pulled::never(chip), Some(CHOSEN)).await;
        let said = words(over);
        assert!(said.contains(WORDS), "{said}");
        assert_eq!(proofs(&reader.commands), 0);
        assert_eq!(desk.errand(card, errand).await.fault, Some(said));
    }
}

/// How often it is in the record that somebody said so.
async fn recorded(desk: &Desk) -> i64 {
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'card-second-try-allowed'";
    sqlx::query_scalar(count).fetch_one(desk.world.db.read()).await.unwrap()
}

/// The same desk under another master key, which the token has.
async fn under_the_next_master(desk: Desk) -> Desk {
    desk.world.hsm.create_diversifying_key(2).await.unwrap();
    let cards = CardsConfig { master_key: 2, ..settings().cards };
    let (authority, _) =
        desk.world.again(Config { cards, instance: 2.try_into().unwrap(), ..settings() }).await;
    desk.with_authority(authority).await
}

platform::both_engines! {
    /// A card of somebody else's whose refusal nobody heard is not asked again, by however many agents. Who may issue cards has the key tried
    /// once more, nobody else does, and after the refusal that is heard it is never tried again.
    async fn refusal_that_nobody_heard_is_not_asked_for_again(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        taken_by_another(&chip);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        nothing_to_say(&desk, &id, &errand).await;
        let said = words(desk.relay(&id, &errand, Lost::at(&chip, true), Some(CHOSEN)).await.0);
        assert!(said.contains(WORDS), "{said}");
        stops_untried(&desk, &id, &errand, &chip).await;
        for user in [STRANGER, NURSE] {
            assert_eq!(asked(&desk, user, &id, &errand).await.0, StatusCode::FORBIDDEN, "{user}");
        }
        let path = format!("/ca/cards/{id}/errands/{errand}/second-tries");
        let program = system(&[ca::api::CARDS]);
        let (status, said, _) = desk.ask(Some(&program), Request::post(&path), "").await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-people-only")), "{said}");
        stops_untried(&desk, &id, &errand, &chip).await;
        assert_eq!(recorded(&desk).await, 0);
        tried_once_more(&desk, &id, &errand).await;
        nothing_to_say(&desk, &id, &errand).await;
        assert_eq!(recorded(&desk).await, 1, "and once");
        let mut tried = 0;
        for _ in 0..3 {
            let (over, reader) = desk.relay(&id, &errand, Pulled::never(&chip), Some(CHOSEN)).await;
            let said = words(over);
            assert!(said.contains("the card refuses the management key") && said.contains("Cancel it"), "{said}");
            tried += proofs(&reader.commands);
        }
        assert_eq!(tried, 1, "one word is good for one try");
        nothing_to_say(&desk, &id, &errand).await;
        assert!(desk.good().await.is_empty());
    }

    /// A card that took its key, which nobody heard, or that did not hear of it, is not asked again either, in another errand neither; after
    /// the word it is issued, and later errands need none.
    async fn success_that_nobody_heard_needs_a_word(db: Db) {
        let desk = Desk::new(db).await;
        for (serial, heard) in [(4711, true), (4712, false)] {
            let chip = Chip::new(serial);
            let id = desk.reserved(serial).await;
            let errand = desk.begun(&id, &json!({"act": "issue"})).await;
            let said = words(desk.relay(&id, &errand, Lost::at(&chip, heard), Some(CHOSEN)).await.0);
            assert!(said.contains(WORDS), "{said}");
            stops_untried(&desk, &id, &errand, &chip).await;
            let path = format!("/ca/cards/{id}/errands/{errand}");
            let giving_up = Request::delete(&path);
            assert_eq!(desk.ask(Some(&person(MANAGER)), giving_up, "").await.0, StatusCode::OK);
            assert_eq!(asked(&desk, MANAGER, &id, &errand).await.0, StatusCode::NOT_FOUND, "it is over");
            let errand = desk.begun_again(&id).await;
            stops_untried(&desk, &id, &errand, &chip).await;
            tried_once_more(&desk, &id, &errand).await;
            // That try's answer is lost too: the word was good for it alone.
            words(desk.relay(&id, &errand, Lost::at(&chip, heard), Some(CHOSEN)).await.0);
            stops_untried(&desk, &id, &errand, &chip).await;
            tried_once_more(&desk, &id, &errand).await;
            desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
            assert_eq!(desk.card(&id).await.state, CardState::Active);
            for act in ["renew", "unlock", "renew"] {
                let errand = desk.begun(&id, &json!({"act": act})).await;
                desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
            }
            desk.moved(&id, &json!({"move": "cancel", "reason": "damaged"})).await;
        }
    }

    /// The server is killed before it tries the key, and after it heard the answer: in neither case is the key tried by itself again, and the
    /// word for it is taken whether or not an agent was told why. What is killed later goes on by itself, since the card's answer is written down by then.
    async fn killed_server_tries_no_key_twice_fault(db: Db) {
        let desk = Desk::new(db).await;
        for (number, point) in failpoint::CARD_KEY_TRIES.iter().enumerate() {
            let chip = Chip::new(u32::try_from(number + 1).unwrap());
            let id = desk.reserved(chip.serial).await;
            let errand = desk.begun(&id, &json!({"act": "issue"})).await;
            failpoint::arm(point);
            assert_eq!(desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await.0, None, "{point}");
            if number == 0 {
                stops_untried(&desk, &id, &errand, &chip).await;
            } else {
                // Nobody has said yet why it stopped.
                assert_eq!(desk.errand(&id, &errand).await.fault, None);
            }
            tried_once_more(&desk, &id, &errand).await;
            nothing_to_say(&desk, &id, &errand).await;
            failpoint::arm("ca.card-key-chosen");
            assert_eq!(desk.relay(&id, &errand, chip.insert(), Some(CHOSEN)).await.0, None, "{point}");
            desk.done(&id, &errand, &chip, Some(CHOSEN)).await;
            assert_eq!(desk.card(&id).await.state, CardState::Active, "{point}");
            desk.moved(&id, &json!({"move": "cancel", "reason": "damaged"})).await;
        }
    }

    /// Of a card that may have either of two keys the other one is tried where the answer to the first was lost: a card that takes it is gone
    /// on with by itself, and one that refuses it waits for somebody's word about the first.
    async fn other_key_is_tried_before_anybody_is_asked(db: Db) {
        let desk = Desk::new(db).await;
        let (behind, ahead) = (Chip::new(4711), Chip::new(4712));
        let (first, second) = (desk.issued(&behind).await, desk.issued(&ahead).await);
        let desk = under_the_next_master(desk).await;
        // The next key was written, and the card has not got it.
        let errand = desk.begun(&first, &json!({"act": "repair"})).await;
        failpoint::arm("ca.card-key-chosen");
        assert_eq!(desk.relay(&first, &errand, behind.insert(), None).await.0, None);
        words(desk.relay(&first, &errand, Lost::at(&behind, true), None).await.0);
        let (over, reader) = desk.relay(&first, &errand, Pulled::never(&behind), None).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        assert_eq!(proofs(&reader.commands), 1, "the one before, which the card has");
        drop(reader);
        assert_eq!(desk.card(&first).await.management_key, "aes-256 2.2");
        // It has got it, which was not written.
        let errand = desk.begun(&second, &json!({"act": "repair"})).await;
        failpoint::arm("ca.card-key-set");
        assert_eq!(desk.relay(&second, &errand, ahead.insert(), None).await.0, None);
        words(desk.relay(&second, &errand, Lost::at(&ahead, true), None).await.0);
        let (over, reader) = desk.relay(&second, &errand, Pulled::never(&ahead), None).await;
        let said = words(over);
        assert!(said.contains(WORDS), "{said}");
        assert_eq!(proofs(&reader.commands), 1, "the one before, which the card refuses");
        drop(reader);
        stops_untried(&desk, &second, &errand, &ahead).await;
        tried_once_more(&desk, &second, &errand).await;
        desk.done(&second, &errand, &ahead, None).await;
        assert_eq!(desk.card(&second).await.management_key, "aes-256 2.2");
        assert_eq!(recorded(&desk).await, 1);
    }

    /// Whoever may issue cards has the keys of all cards of a batch tried once more at once, also where nobody has said yet why an errand
    /// stopped; at which an agent may still be at work is left alone, and nobody else has that said.
    async fn one_word_is_good_for_a_batch_fault(db: Db) {
        let desk = Desk::new(db).await;
        let chips: Vec<Chip> = (1..=4).map(Chip::new).collect();
        let mut wanted = Vec::new();
        for chip in &chips {
            wanted.push(json!({"card": desk.stocked(chip.serial).await.id, "user_id": NURSE}));
        }
        let body = json!({"organisation": "RXX", "cards": wanted, "locked": true});
        let (status, begun) = desk.post(MANAGER, "/ca/card-batches", None, "batch", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{begun}");
        let errands: Vec<(String, String)> = wanted
            .iter()
            .map(|one| {
                let all = begun["errands"].as_array().unwrap();
                let errand = all.iter().find(|errand| errand["card"] == one["card"]).unwrap();
                (one["card"].as_str().unwrap().to_owned(), errand["errand"].as_str().unwrap().to_owned())
            })
            .collect();
        let path = format!("/ca/card-batches/{}/second-tries", begun["id"].as_str().unwrap());
        let says = async |user: &'static str| desk.post(user, &path, None, "unused", &Value::Null).await;
        let nothing = (StatusCode::CONFLICT, json!("card-no-answer-lost"));
        let (status, said) = says(MANAGER).await;
        assert_eq!((status, said["code"].clone()), nothing, "{said}");

        for (at, heard) in [(0, true), (1, false)] {
            let (card, errand) = &errands[at];
            let over = desk.relay(card, errand, Lost::at(&chips[at], heard), None).await.0;
            assert!(words(over).contains(WORDS));
        }
        let (killed, errand) = &errands[2];
        failpoint::arm(failpoint::CARD_KEY_TRIES[1]);
        assert_eq!(desk.relay(killed, errand, chips[2].insert(), None).await.0, None);
        for user in [STRANGER, NURSE] {
            assert_eq!(says(user).await.0, StatusCode::FORBIDDEN, "{user}");
        }
        let program = system(&[ca::api::CARDS]);
        let (status, said, _) = desk.ask(Some(&program), Request::post(&path), "").await;
        assert_eq!((status, &said["code"]), (StatusCode::CONFLICT, &json!("card-people-only")), "{said}");
        let unknown = desk.post(MANAGER, "/ca/card-batches/none/second-tries", None, "unused", &Value::Null).await;
        assert_eq!((unknown.0, &unknown.1["code"]), (StatusCode::NOT_FOUND, &json!("card-batch-unknown")));
        assert_eq!(recorded(&desk).await, 0);

        let (status, said) = says(MANAGER).await;
        assert_eq!((status, &said["stopped"], &said["open"]), (StatusCode::OK, &json!(0), &json!(4)), "{said}");
        assert_eq!(recorded(&desk).await, 2, "an agent may be at work on the third, and the fourth has tried nothing");
        let (status, said) = says(MANAGER).await;
        assert_eq!((status, said["code"].clone()), nothing, "{said}");
        desk.hand.advance(Duration::from_secs(20));
        assert_eq!(says(MANAGER).await.0, StatusCode::OK);
        assert_eq!(recorded(&desk).await, 3);
        for ((card, errand), chip) in errands.iter().zip(&chips) {
            desk.done(card, errand, chip, None).await;
        }
        let (status, said) = says(MANAGER).await;
        assert_eq!((status, said["code"].clone()), nothing, "{said}");
    }
}
