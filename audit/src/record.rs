//! Writing an event, in the transaction of the act it tells of.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use platform::clock::Millis;
use platform::db::{self, Tx};

use crate::event::{Actor, Envelope, Event, EventId};
use crate::leaf;
use crate::store::events::{NewEvent, insert_events};

/// Record one event. Once the caller's transaction is committed the event is in the record; the tree follows.
///
/// An error means that the act must not happen: return it from the job, and the transaction is rolled back.
pub async fn record<E: Event>(
    tx: &mut Tx,
    now: Millis,
    actor: &Actor,
    event: &E,
) -> Result<EventId, db::Error> {
    let (id, row) = prepare(now, actor, event)?;
    insert_events(tx, &[row]).await.map_err(unwritten)?;
    Ok(id)
}

/// Record several events of one actor in the order given, with few statements.
pub async fn record_many<E: Event>(
    tx: &mut Tx,
    now: Millis,
    actor: &Actor,
    events: &[E],
) -> Result<Vec<EventId>, db::Error> {
    let mut ids = Vec::with_capacity(events.len());
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        let (id, row) = prepare(now, actor, event)?;
        ids.push(id);
        rows.push(row);
    }
    insert_events(tx, &rows).await.map_err(unwritten)?;
    Ok(ids)
}

/// Record events of several acts that share a transaction, each at its time and by its actor, with few statements.
pub async fn record_each<E: Event>(tx: &mut Tx, acts: &[(Millis, &Actor, E)]) -> Result<(), db::Error> {
    let acts: Vec<_> = acts.iter().map(|(now, actor, event)| (*now, *actor, event)).collect();
    record_each_of(tx, &acts).await
}

/// [`record_each`] of events that are held elsewhere.
pub async fn record_each_of<E: Event>(tx: &mut Tx, acts: &[(Millis, &Actor, &E)]) -> Result<(), db::Error> {
    let rows: Vec<NewEvent> = acts
        .iter()
        .map(|(now, actor, event)| prepare(*now, actor, *event).map(|(_, row)| row))
        .collect::<Result<_, _>>()?;
    insert_events(tx, &rows).await.map_err(unwritten)
}

fn prepare<E: Event>(now: Millis, actor: &Actor, event: &E) -> Result<(EventId, NewEvent), db::Error> {
    let id = EventId::new(now, random()?);
    let envelope = Envelope { id: &id, at: now.0, module: E::MODULE, name: event.name(), actor, event };
    let body = envelope.canonical().map_err(unavailable)?;
    let row = NewEvent {
        id: id.as_str().to_owned(),
        recorded_at: now.0,
        module: E::MODULE,
        name: event.name(),
        actor: actor.subject.clone(),
        body,
        salt: random::<{ leaf::LENGTH }>()?,
    };
    Ok((id, row))
}

/// Octets that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], db::Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(unavailable)?;
    Ok(bytes)
}

/// A full disk stays what it is; everything else is [`unavailable`].
fn unwritten(cause: impl Into<db::Error> + std::fmt::Display) -> db::Error {
    let reason = unavailable(&cause);
    match cause.into() {
        full @ db::Error::NoRoom { .. } => full,
        _ => reason,
    }
}

/// `AuditUnavailable`: outside it is a 503, because the same request may succeed later and nothing was done.
fn unavailable(cause: impl std::fmt::Display) -> db::Error {
    db::Error::Unavailable { reason: format!("the audit record cannot be written: {cause}") }
}
