//! The change feed: what others must follow, in one order.
//!
//! A row is written in the transaction of the act it tells of. Consumers read it after the number they have applied last,
//! apply it idempotently, and say how far they are.

use platform::clock::Millis;
use platform::db::Tx;

use crate::api::{Change, ChangeKind};
use crate::counter::Counter;
use crate::error::Error;
use crate::store::changes;

/// Takes the feed's turn without telling anything: nobody else tells of a change before this transaction has ended.
pub(crate) async fn in_turn(tx: &mut Tx) -> Result<(), Error> {
    Counter::Change.take(tx, 0).await.map(drop)
}

/// The number of the last change that was told, in the feed's turn.
pub(crate) async fn last(tx: &mut Tx) -> Result<u64, Error> {
    // The next number, none taken.
    Ok(Counter::Change.take(tx, 0).await?.saturating_sub(1))
}

/// Tells of a change to one thing. `subject` is its id; `person` whom it concerns, if anybody.
pub(crate) async fn tell(
    tx: &mut Tx,
    now: Millis,
    kind: ChangeKind,
    subject: &str,
    person: Option<&str>,
) -> Result<u64, Error> {
    let number = Counter::Change.take(tx, 1).await?;
    let change =
        Change { number, at: now, kind, subject: subject.to_owned(), person: person.map(str::to_owned) };
    changes::insert(tx, &[change]).await?;
    Ok(number)
}

/// Tells of many changes at once, in the order given; gives the number of the last.
pub(crate) async fn tell_many(
    tx: &mut Tx,
    now: Millis,
    told: &[(ChangeKind, String, Option<String>)],
) -> Result<Option<u64>, Error> {
    let Ok(many) = u32::try_from(told.len()) else { return Err(Error::NumbersSpent { what: "change" }) };
    if many == 0 {
        return Ok(None);
    }
    let first = Counter::Change.take(tx, many).await?;
    let rows: Vec<Change> = told
        .iter()
        .zip(first..)
        .map(|((kind, subject, person), number)| Change {
            number,
            at: now,
            kind: *kind,
            subject: subject.clone(),
            person: person.clone(),
        })
        .collect();
    changes::insert(tx, &rows).await?;
    Ok(rows.last().map(|row| row.number))
}
