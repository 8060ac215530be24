//! Appending a group of events: computed outside, stored in one transaction behind a compare-and-set.

use platform::db::Tx;

use crate::error::Error;
use crate::leaf;
use crate::store::events::{Pending, assign_positions};
use crate::store::log::{Lease, advance_lease};
use crate::store::tiles::{put_bundle, put_tile};
use crate::tree::{Edge, StoredTile, TILE_WIDTH};

/// All that changes when a group is appended.
pub(crate) struct Appended {
    pub(crate) edge: Edge,
    first: u64,
    ordinals: Vec<i64>,
    tiles: Vec<StoredTile>,
    bundles: Vec<(u64, Vec<u8>)>,
    pub(crate) last_bundle: Vec<u8>,
}

/// Append `events` to a tree whose edge and last, partial bundle are given.
pub(crate) fn compute(mut edge: Edge, bundle: &[u8], events: &[Pending]) -> Result<Appended, Error> {
    let first = edge.size();
    let (mut tiles, mut bundles, mut open) = (Vec::new(), Vec::new(), bundle.to_vec());
    for event in events {
        let salt: &[u8; leaf::LENGTH] =
            event.salt.as_slice().try_into().map_err(|_| Error::Corrupt { what: "audit_event.salt" })?;
        let commitment = leaf::commitment(salt, &event.body);
        edge.append(leaf::leaf_hash(&commitment), |tile| tiles.push(tile));
        open.extend_from_slice(&commitment);
        if open.len() == TILE_WIDTH * leaf::LENGTH {
            bundles.push((edge.size() / TILE_WIDTH as u64 - 1, std::mem::take(&mut open)));
        }
    }
    tiles.extend(edge.partial_tiles());
    if !open.is_empty() {
        bundles.push((edge.size() / TILE_WIDTH as u64, open.clone()));
    }
    let ordinals = events.iter().map(|event| event.ordinal).collect();
    Ok(Appended { edge, first, ordinals, tiles, bundles, last_bundle: open })
}

/// Store the group, if the log still is as `seen`. An error leaves nothing behind once the caller rolls back.
pub(crate) async fn store(tx: &mut Tx, seen: &Lease, next: &Lease, appended: &Appended) -> Result<(), Error> {
    // First, so that on PostgreSQL the row is locked and a second sequencer waits, looks again, and finds it moved.
    if !advance_lease(tx, seen, next).await? {
        return Err(Error::Overtaken);
    }
    let placed = assign_positions(tx, seen.log_epoch, appended.first, &appended.ordinals).await?;
    if placed != appended.ordinals.len() as u64 {
        return Err(Error::Overtaken);
    }
    for tile in &appended.tiles {
        put_tile(tx, seen.log_epoch, tile).await?;
    }
    for (place, commitments) in &appended.bundles {
        put_bundle(tx, seen.log_epoch, *place, commitments).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Actor, EventId};
    use crate::record::record;
    use crate::store::events::pending_events;
    use crate::store::log::{current_lease, restart_sequencer};
    use crate::store::tiles::tile;
    use crate::tree::TileId;
    use platform::clock::Millis;
    use platform::db::Db;
    use tlog_tiles::Hash;

    async fn waiting(db: &Db, count: usize) -> Vec<Pending> {
        for _ in 0..count {
            let event = crate::acts::Event::LogBegan {
                origin: "audit.test".to_owned(),
                reason: crate::Reason::First,
                previous: None,
            };
            let recorded: Result<EventId, platform::db::Error> = db
                .write(move |tx| {
                    Box::pin(async move { record(tx, Millis(1), &Actor::system("test"), &event).await })
                })
                .await;
            recorded.unwrap();
        }
        pending_events(db.read(), 100).await.unwrap()
    }

    /// What a node that read `seen` and then slept would still try to do.
    async fn wake_and_store(db: &Db, seen: Lease, next: Lease, appended: Appended) -> Result<(), Error> {
        db.write(move |tx| Box::pin(async move { store(tx, &seen, &next, &appended).await })).await
    }

    async fn leaves_of(db: &Db) -> Option<Vec<u8>> {
        tile(db.read(), 1, TileId { level: 0, index: 0 }).await.unwrap()
    }

    platform::both_engines! {
        /// A holder that slept between reading and writing writes nothing: not at the same size, not after another grew
        /// the log, and not even as the rightful holder a second time.
        async fn paused_holder_cannot_write(db: Db) {
            db.write(|tx| Box::pin(async move { Ok::<_, Error>(restart_sequencer(tx, 1).await?) })).await.unwrap();
            let seen = current_lease(db.read()).await.unwrap().unwrap();
            let lease = |holder: &str, epoch: u64, size: u64| {
                Lease { epoch, size, holder: holder.to_owned(), until: 9, ..seen.clone() }
            };
            let events = waiting(&db, 3).await;
            let slept = compute(Edge::default(), &[], &events[..2]).unwrap();
            let again = compute(Edge::default(), &[], &events).unwrap();
            let other = compute(Edge::default(), &[], &events[..1]).unwrap();
            let root: Hash = other.edge.root();

            // While the first sleeps, another takes the lease and appends one event.
            wake_and_store(&db, seen.clone(), lease("other", 2, 1), other).await.unwrap();
            let before = leaves_of(&db).await;
            for (seen, next, appended) in [
                (seen.clone(), lease("slept", 2, 2), slept),
                // The right lease epoch with a size that was true once.
                (lease("other", 2, 0), lease("other", 2, 3), again),
            ] {
                let woken = wake_and_store(&db, seen, next, appended).await;
                assert!(matches!(woken, Err(Error::Overtaken)), "a paused holder wrote");
            }
            assert_eq!(leaves_of(&db).await, before);
            assert_eq!(before, Some(root.0.to_vec()));
            assert_eq!(pending_events(db.read(), 100).await.unwrap().len(), 2);
            let now = current_lease(db.read()).await.unwrap().unwrap();
            assert_eq!((now.holder.as_str(), now.epoch, now.size), ("other", 2, 1));
        }

        /// Events that were placed in between are not placed twice, even when the row still says what was seen.
        async fn placed_events_are_not_placed_again(db: Db) {
            db.write(|tx| Box::pin(async move { Ok::<_, Error>(restart_sequencer(tx, 1).await?) })).await.unwrap();
            let seen = current_lease(db.read()).await.unwrap().unwrap();
            let events = waiting(&db, 2).await;
            let first = compute(Edge::default(), &[], &events).unwrap();
            let twice = compute(first.edge.clone(), &first.last_bundle, &events).unwrap();
            let next = Lease { size: 2, ..seen.clone() };
            wake_and_store(&db, seen.clone(), next.clone(), first).await.unwrap();
            let before = leaves_of(&db).await;
            let later = Lease { size: 4, ..next.clone() };
            assert!(matches!(wake_and_store(&db, next, later, twice).await, Err(Error::Overtaken)));
            assert_eq!(leaves_of(&db).await, before, "the refused group left a tile behind");
        }
    }
}
