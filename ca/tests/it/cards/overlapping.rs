//! The authority works while a card does, and one reader does not wait for another.

use std::sync::mpsc;
use std::time::Duration;

use ca::api::CardState;
use card::piv::{Piv, Slot};
use card::relay::Over;
use card::testing::VirtualCard;
use card::transport::{Transport, TransportError};
use http::{Request, StatusCode};
use platform::db::Db;
use serde_json::json;
use tokio::sync::oneshot;

use super::rig::{CHOSEN, Chip, Desk, MANAGER, NURSE, person};

/// How long things may take that are no one's promise: less than a card may think here.
const PATIENCE: Duration = Duration::from_secs(15);

/// GENERATE ASYMMETRIC KEY PAIR. NIST SP 800-73-5 part 2, 3.3.2.
const GENERATE: u8 = 0x47;

/// A card that thinks over the making of a key for as long as it is let.
struct Thinking {
    card: VirtualCard,
    slot: Slot,
    thinks: Option<oneshot::Sender<()>>,
    goes_on: mpsc::Receiver<()>,
}

/// The card, what says that it thinks, and what has it go on.
fn thinking(chip: &Chip, slot: Slot) -> (Thinking, oneshot::Receiver<()>, mpsc::Sender<()>) {
    let ((thinks, thought), (go_on, goes_on)) = (oneshot::channel(), mpsc::channel());
    (Thinking { card: chip.insert(), slot, thinks: Some(thinks), goes_on }, thought, go_on)
}

impl Transport for Thinking {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        if command[1] == GENERATE
            && command[3] == self.slot.reference()
            && let Some(thinks) = self.thinks.take()
        {
            thinks.send(()).unwrap();
            self.goes_on.recv_timeout(PATIENCE).map_err(|_| TransportError::TimedOut)?;
        }
        self.card.transmit(command)
    }
}

/// Waits until so many certificates of the nurse are good.
async fn good(desk: &Desk, wanted: usize) {
    let come = async {
        while desk.good().await.len() != wanted {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, come)
        .await
        .unwrap_or_else(|_| panic!("{wanted} certificates were never good"));
}

platform::both_engines! {
    /// The first key is certified while the card makes the second one, and the card ends up with these two certificates and no third.
    async fn first_key_is_certified_while_the_second_is_made(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let card = desk.reserved(chip.serial).await;
        let errand = desk.begun(&card, &json!({"act": "issue"})).await;
        let (reader, thought, go_on) = thinking(&chip, Slot::Signature);
        let meanwhile = async {
            thought.await.unwrap();
            good(&desk, 1).await;
            assert_eq!(desk.errand(&card, &errand).await.step, "first-key");
            go_on.send(()).unwrap();
        };
        let ((over, _), ()) = tokio::join!(desk.relay(&card, &errand, reader, Some(CHOSEN)), meanwhile);
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        let info = desk.card(&card).await;
        assert_eq!(info.state, CardState::Active);
        let (mut own, mut all) = (vec![info.authentication.unwrap(), info.signature.unwrap()], desk.good().await);
        own.sort();
        all.sort();
        assert_eq!(all, own);
        let mut piv = Piv::select(chip.insert()).unwrap();
        for slot in [Slot::Authentication, Slot::Signature] {
            assert!(piv.certificate(slot).unwrap().is_some());
        }
    }

    /// An errand that is given up while the card makes its second key leaves no certificate good, and the card can be issued anew.
    async fn certificate_of_an_errand_given_up_is_revoked(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let card = desk.reserved(chip.serial).await;
        let errand = desk.begun(&card, &json!({"act": "issue"})).await;
        let (reader, thought, go_on) = thinking(&chip, Slot::Signature);
        let meanwhile = async {
            thought.await.unwrap();
            good(&desk, 1).await;
            let ending = Request::delete(format!("/ca/cards/{card}/errands/{errand}"));
            let (status, said, _) = desk.ask(Some(&person(MANAGER)), ending, "").await;
            assert_eq!((status, &said["state"]), (StatusCode::OK, &json!("ended")), "{said}");
            assert!(desk.good().await.is_empty());
            go_on.send(()).unwrap();
        };
        let ((over, reader), ()) = tokio::join!(desk.relay(&card, &errand, reader, Some(CHOSEN)), meanwhile);
        assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{over:?}");
        drop(reader);
        assert!(desk.good().await.is_empty(), "nothing of it is made afterwards");
        assert_eq!(desk.card(&card).await.state, CardState::Reserved);
        let again = desk.begun_again(&card).await;
        desk.done(&card, &again, &chip, Some(CHOSEN)).await;
        assert_eq!(desk.good().await.len(), 2);
    }

    /// A holder who gets another name between the two certificates of a card: the errand stops and says why, what was made is revoked with
    /// it, and a new errand has both in the new name.
    async fn renamed_holder_gets_no_card_in_two_names(db: Db) {
        let desk = Desk::new(db).await;
        let chip = Chip::new(4711);
        let card = desk.reserved(chip.serial).await;
        let errand = desk.begun(&card, &json!({"act": "issue"})).await;
        let (reader, thought, go_on) = thinking(&chip, Slot::Signature);
        let meanwhile = async {
            thought.await.unwrap();
            good(&desk, 1).await;
            // The card is not heard of any more.
            drop(go_on);
        };
        let ((over, reader), ()) = tokio::join!(desk.relay(&card, &errand, reader, Some(CHOSEN)), meanwhile);
        assert!(matches!(over, Some(Over::Ended { done: false, .. })), "{over:?}");
        drop(reader);
        let renamed = desk.world.db.write(|tx| {
            Box::pin(async move {
                sqlx::query("UPDATE directory_person SET family = 'Byrne' WHERE user_id = $1")
                    .bind(NURSE)
                    .execute(&mut *tx)
                    .await?;
                Ok::<_, platform::db::Error>(())
            })
        });
        renamed.await.unwrap();
        let (over, reader) = desk.relay(&card, &errand, chip.insert(), Some(CHOSEN)).await;
        drop(reader);
        match &over {
            Some(Over::Ended { done: false, words }) => assert!(words.contains("has changed since"), "{words}"),
            over => panic!("{over:?}"),
        }
        assert_eq!(desk.good().await.len(), 1, "and none in the new name");
        let ending = Request::delete(format!("/ca/cards/{card}/errands/{errand}"));
        assert_eq!(desk.ask(Some(&person(MANAGER)), ending, "").await.0, StatusCode::OK);
        assert!(desk.good().await.is_empty());
        let again = desk.begun_again(&card).await;
        desk.done(&card, &again, &chip, Some(CHOSEN)).await;
        for serial in desk.good().await {
            let info = desk.world.client.certificate(&serial).await.unwrap();
            assert!(info.subject.contains("Byrne"), "{}", info.subject);
        }
    }

    /// While a card in one reader thinks, another one of the same batch is issued in another reader, from its beginning to its end.
    async fn one_reader_does_not_wait_for_another(db: Db) {
        let desk = Desk::new(db).await;
        let chips = [Chip::new(1), Chip::new(2)];
        let (slow, quick) = (desk.stocked(1).await.id, desk.stocked(2).await.id);
        let cards = json!([{"card": slow, "user_id": NURSE}, {"card": quick, "user_id": NURSE}]);
        let body = json!({"organisation": "RXX", "cards": cards, "locked": true});
        let (status, batch) = desk.post(MANAGER, "/ca/card-batches", None, "batch", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{batch}");
        let errand_of = |card: &str| {
            let errands = batch["errands"].as_array().unwrap();
            errands.iter().find(|one| one["card"] == card).unwrap()["errand"].as_str().unwrap().to_owned()
        };
        let (first, second) = (errand_of(&slow), errand_of(&quick));
        let (reader, thought, go_on) = thinking(&chips[0], Slot::Authentication);
        let meanwhile = async {
            thought.await.unwrap();
            desk.done(&quick, &second, &chips[1], None).await;
            assert_eq!(desk.card(&quick).await.state, CardState::IssuedLocked);
            assert_eq!(desk.card(&slow).await.state, CardState::Reserved);
            go_on.send(()).unwrap();
        };
        let ((over, _), ()) = tokio::join!(desk.relay(&slow, &first, reader, None), meanwhile);
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        assert_eq!(desk.card(&slow).await.state, CardState::IssuedLocked);
    }
}
