//! Cards that are issued together: reserved and begun in one act, worked on by as many agents as there are readers, and how far they
//! have come.

use audit::Actor;
use card::wire::relay::Act;
use directory::api::CardAct as May;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::{self, Tx};
use platform::id::{OdsCode, UserId, uuid_text};

use super::errand::Opening;
use super::moving::Moving;
use super::stock::field;
use super::{Answer, CardEvent, CardMove, CardRefused, CardState, Cards, Once};
use crate::api::{BatchCard, BatchErrand, CardBatch, NewCardBatch};
use crate::error::Error;
use crate::store::cards::{self, BatchRow, ErrandRow, KeptBatch};

/// How many cards are worked on together at most: all of their errands are begun in one transaction.
pub(super) const MOST: usize = 100;

impl Cards {
    /// Reserves cards for their holders and begins the errands that issue them, all or none.
    pub(crate) async fn begin_batch(
        &self,
        caller: &Caller,
        once: Once,
        new: NewCardBatch,
    ) -> Result<Answer, Error> {
        let organisation = self.may_begin(caller, &new.organisation, new.cards.len()).await?;
        let mut wanted = Vec::with_capacity(new.cards.len());
        for BatchCard { card, user_id } in new.cards {
            let holder: UserId =
                user_id.parse().map_err(|_| field("user_id", "a user id of twelve digits"))?;
            let user_id = holder.to_string();
            self.may_to(caller, May::Issue, &user_id).await?;
            wanted.push(BatchCard { card, user_id });
        }
        let mut opening = self.opening(Act::Issue, new.locked, Actor::from(caller));
        let batch = begun(caller, organisation, wanted.len(), &mut opening);
        self.do_once(once, opening.now, move |tx: &mut Tx| {
            Box::pin(async move {
                keep(tx, &batch, &opening).await?;
                let mut rows = Vec::with_capacity(wanted.len());
                for card in wanted {
                    rows.push(begin_one(tx, &batch, &opening, card).await?);
                }
                made(batch, &rows)
            })
        })
        .await
    }

    /// How far a batch has come.
    pub(crate) async fn batch(&self, caller: &Caller, id: &str) -> Result<CardBatch, Error> {
        let read = self.authority.desk().db.read();
        let batch = cards::batch(read, id).await?.ok_or(CardRefused::BatchUnknown)?;
        self.may_in(caller, May::Issue, &batch.organisation).await?;
        let rows = cards::batch_rows(read, id, i64::try_from(MOST).unwrap_or(i64::MAX)).await?;
        shown(batch, &rows)
    }

    /// The organisation in which somebody may begin a batch of so many cards, where they may.
    pub(super) async fn may_begin(
        &self,
        caller: &Caller,
        organisation: &str,
        cards: usize,
    ) -> Result<String, Error> {
        let organisation: OdsCode = organisation.parse().map_err(|_| field("organisation", "an ODS code"))?;
        if cards == 0 || cards > MOST {
            return Err(field("cards", "1 to 100 cards"));
        }
        let organisation = organisation.to_string();
        self.may_in(caller, May::Issue, &organisation).await?;
        Ok(organisation)
    }
}

/// A batch of so many cards, to which the errands that are begun now belong.
pub(super) fn begun(caller: &Caller, organisation: String, cards: usize, opening: &mut Opening) -> KeptBatch {
    let batch = KeptBatch {
        batch_id: uuid_text(opening.now),
        organisation,
        subject: caller.subject.clone(),
        cards: i64::try_from(cards).unwrap_or(i64::MAX),
        made_at: opening.now,
    };
    opening.batch_id = Some(batch.batch_id.clone());
    batch
}

/// Writes a batch down, with its record.
pub(super) async fn keep(tx: &mut Tx, batch: &KeptBatch, opening: &Opening) -> Result<(), Error> {
    cards::insert_batch(tx, batch).await?;
    let event = CardEvent::CardBatchBegun {
        batch: batch.batch_id.clone(),
        organisation: batch.organisation.clone(),
        cards: batch.cards,
    };
    audit::record(tx, opening.now, &opening.actor, &event).await?;
    Ok(())
}

/// What is answered to whoever began a batch.
pub(super) fn made(batch: KeptBatch, rows: &[BatchRow]) -> Result<Answer, Error> {
    let location = format!("/ca/card-batches/{}", batch.batch_id);
    let batch = shown(batch, rows)?;
    Ok(Answer { location: Some(location), ..Answer::json(201, &batch)? })
}

/// One card of a batch, as it is begun.
async fn begin_one(
    tx: &mut Tx,
    batch: &KeptBatch,
    opening: &Opening,
    wanted: BatchCard,
) -> Result<BatchRow, Error> {
    let card = cards::by_id_in(tx, &wanted.card).await?;
    // A card of somebody else's stock is as good as none.
    let card = card.filter(|card| card.organisation == batch.organisation).ok_or(CardRefused::Unknown)?;
    let reserve = Moving { user_id: Some(wanted.user_id), ..Moving::by(CardMove::Reserve) };
    let card = reserve.apply_and_close(tx, card, &opening.actor, opening.now).await?;
    let (serial, state) = (card.serial.clone(), card.state);
    Ok(begun_row(opening.open(tx, card).await?, serial, state))
}

/// An errand of a batch that was begun now.
pub(super) fn begun_row(errand: ErrandRow, serial: String, state: CardState) -> BatchRow {
    BatchRow {
        errand_id: errand.errand_id,
        card_id: errand.card_id,
        serial,
        card_state: state.word().to_owned(),
        user_id: errand.user_id,
        state: errand.state,
        step: errand.step.word().to_owned(),
        fault: None,
        changed_at: errand.changed_at,
    }
}

/// Where a card of a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Done,
    Ended,
    Stopped,
    Open,
}

fn standing(row: &BatchRow) -> Standing {
    match (row.state.as_str(), &row.fault) {
        ("done", _) => Standing::Done,
        ("open", None) => Standing::Open,
        ("open", Some(_)) => Standing::Stopped,
        _ => Standing::Ended,
    }
}

fn shown(batch: KeptBatch, rows: &[BatchRow]) -> Result<CardBatch, Error> {
    let count = |wanted: Standing| count(rows.iter().filter(|row| standing(row) == wanted));
    let (done, open, stopped) = (count(Standing::Done), count(Standing::Open), count(Standing::Stopped));
    let finished = rows.iter().filter(|row| standing(row) == Standing::Done).map(|row| row.changed_at).max();
    Ok(CardBatch {
        cards: u64::try_from(batch.cards).unwrap_or_default(),
        done,
        ended: count(Standing::Ended),
        stopped,
        open,
        remaining_seconds: finished.and_then(|at| remaining(batch.made_at, at, done, open + stopped)),
        errands: rows.iter().map(errand).collect::<Result<_, Error>>()?,
        id: batch.batch_id,
        organisation: batch.organisation,
        made_at: batch.made_at,
    })
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

/// In how many seconds the rest is done, if it goes on as it went until the last that is done; rounded up.
fn remaining(begun: Millis, last: Millis, done: u64, left: u64) -> Option<u64> {
    let took = u64::try_from(last.since(begun).as_millis()).unwrap_or(u64::MAX);
    let millis = took.checked_mul(left)?.checked_div(done)?;
    Some(millis.div_ceil(1000))
}

fn errand(row: &BatchRow) -> Result<BatchErrand, Error> {
    let unknown = |_| db::Error::corrupt("ca_card.state", row.card_state.clone());
    Ok(BatchErrand {
        errand: row.errand_id.clone(),
        card: row.card_id.clone(),
        serial: row.serial.clone(),
        card_state: row.card_state.parse().map_err(unknown)?,
        user_id: row.user_id.clone(),
        state: if row.state == "ending" { "ended".to_owned() } else { row.state.clone() },
        step: row.step.clone(),
        fault: row.fault.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: &str, fault: Option<&str>, changed_at: i64) -> BatchRow {
        BatchRow {
            errand_id: "e".to_owned(),
            card_id: "c".to_owned(),
            serial: "7".to_owned(),
            card_state: "reserved".to_owned(),
            user_id: None,
            state: state.to_owned(),
            step: "begun".to_owned(),
            fault: fault.map(str::to_owned),
            changed_at: Millis(changed_at),
        }
    }

    /// Each card is counted once, and the rest takes as long as what is done has taken.
    #[test]
    fn progress_is_counted() {
        let batch = KeptBatch {
            batch_id: "b".to_owned(),
            organisation: "RXX".to_owned(),
            subject: "x".to_owned(),
            cards: 6,
            made_at: Millis(10_000),
        };
        let rows = [
            row("done", None, 12_000),
            row("done", None, 15_000),
            row("open", None, 10_000),
            row("open", Some("pulled"), 11_000),
            row("ending", None, 11_000),
            row("ended", None, 11_000),
        ];
        let said = shown(batch.clone(), &rows).unwrap();
        assert_eq!((said.cards, said.done, said.open, said.stopped, said.ended), (6, 2, 1, 1, 2));
        assert_eq!(said.remaining_seconds, Some(5));
        assert_eq!(said.errands[4].state, "ended");
        assert_eq!(shown(batch, &rows[2..]).unwrap().remaining_seconds, None, "before the first is done");
        assert_eq!(remaining(Millis(0), Millis(1), 1, u64::MAX), Some(u64::MAX.div_ceil(1000)));
    }
}
