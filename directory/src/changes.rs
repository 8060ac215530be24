//! The change feed: what others must follow, in one order.
//!
//! A row is written in the transaction of the act it tells of. Consumers read it after the number they have applied last,
//! apply it idempotently, and say how far they are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use platform::clock::Millis;
use platform::db::Tx;
use tokio::sync::Notify;

use crate::api::{Change, ChangeKind};
use crate::counter::Counter;
use crate::error::Error;
use crate::store::changes;

/// The highest number that this process has told a change under, whether or not that was committed. It belongs to the process and not
/// to a register, because whoever tells has nothing but the transaction; a higher number of another register makes nobody wrong, since
/// whoever compares with it asks the database when they are behind.
static TOLD: AtomicU64 = AtomicU64::new(0);
/// How often something was told; held while either is changed.
static TIMES: Mutex<u64> = Mutex::new(0);
/// Rings when something is told.
static HEARD: Notify = Notify::const_new();

/// The highest number that was told here.
pub(crate) fn told() -> u64 {
    TOLD.load(Ordering::Acquire)
}

/// Waits until something is told here. It may not be committed by then.
pub(crate) async fn heard() {
    HEARD.notified().await;
}

/// How often something was told here.
pub(crate) fn times() -> u64 {
    *TIMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was told under numbers after this one was undone: nothing of it will come. Where something was told since, that stands.
pub(crate) fn undone(number: u64, times: u64) {
    let told = TIMES.lock().unwrap_or_else(PoisonError::into_inner);
    if *told == times {
        TOLD.store(number, Ordering::Release);
    }
}

fn note(number: u64) {
    let mut times = TIMES.lock().unwrap_or_else(PoisonError::into_inner);
    *times += 1;
    TOLD.fetch_max(number, Ordering::AcqRel);
    drop(times);
    HEARD.notify_waiters();
}

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
    note(number);
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
    let last = rows.last().map(|row| row.number);
    last.into_iter().for_each(note);
    Ok(last)
}
