//! The one sequencer: gives events their order, grows the tree, signs checkpoints.
//!
//! Every node runs one. Which of them works is said by the lease row; that two never work against each other is said
//! by the compare-and-set on that row (log epoch, lease epoch, size), which is part of every transaction that moves
//! the log. The lease only spares useless work: safety never hangs on a clock.
//!
//! What a crash leaves behind, step by step:
//! 1. group appended (tiles, bundle, positions and size in one transaction): the tree is larger than what is signed;
//!    the next holder signs it.
//! 2. tree head decided (row without a note): the next holder signs that very head first.
//! 3. signed but not stored: the next holder signs it again; Ed25519 gives the same signature.

pub(crate) mod append;
mod running;

use std::cmp::Ordering;

use platform::db::Tx;

pub use running::Running;

use crate::checkpoint::{self, TreeHead};
use crate::error::Error;
use crate::log::{Current, Log, stored_root};
use crate::store::checkpoints::{head_of_size, insert_head, newest_head, put_note};
use crate::store::events::pending_events;
use crate::store::log::{Lease, advance_lease, current_lease};
use crate::store::tiles::{bundle, tiles};
use crate::tree::{Edge, TILE_WIDTH, edge_tiles};

/// How many events one transaction puts into the tree at most.
pub const GROUP: usize = 1_024;

/// How long a holder that does nothing more keeps others from taking over.
const LEASE_MS: i64 = 2_000;

/// The working state of one node's sequencer.
pub struct Sequencer {
    log: Log,
    /// The edge as this node last left it; used only if the row still says the same epoch and size.
    kept: Option<Kept>,
}

struct Kept {
    log_epoch: u64,
    edge: Edge,
    bundle: Vec<u8>,
}

impl Sequencer {
    /// A sequencer for a log. Nothing happens until it is asked.
    pub fn new(log: &Log) -> Self {
        Self { log: log.clone(), kept: None }
    }

    /// Put one group of waiting events into the tree. Returns how many: fewer than `GROUP` when none are left, 0 when
    /// another node holds the lease.
    pub async fn sequence(&mut self) -> Result<usize, Error> {
        let Some((current, seen)) = self.may_work().await? else { return Ok(0) };
        let db = self.log.shared.db.clone();
        let events = pending_events(db.read(), i64::try_from(GROUP).unwrap_or(i64::MAX)).await?;
        if events.is_empty() {
            return Ok(0);
        }
        let kept = self.edge(&current, seen.size).await?;
        let appended = append::compute(kept.edge, &kept.bundle, &events)?;
        let next = Lease { size: appended.edge.size(), ..self.held(&seen) };
        let appended = db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    append::store(tx, &seen, &next, &appended).await?;
                    Ok::<_, Error>(appended)
                })
            })
            .await?;
        let (edge, bundle) = (appended.edge, appended.last_bundle);
        self.kept = Some(Kept { log_epoch: current.log_epoch, edge, bundle });
        metrics::counter!("audit_events_sequenced_total").increment(events.len() as u64);
        Ok(events.len())
    }

    /// Sign the tree if it grew since the last checkpoint. Returns the head that was signed.
    pub async fn publish(&mut self) -> Result<Option<TreeHead>, Error> {
        let Some((current, seen)) = self.may_work().await? else { return Ok(None) };
        let newest = newest_head(self.log.shared.db.read(), current.log_epoch).await?;
        if let Some(newest) = newest {
            let head = TreeHead { size: newest.size, root: stored_root(&newest.root)? };
            if newest.size > seen.size {
                return Err(Error::Behind { ours: seen.size, seen: newest.size });
            }
            if newest.note.is_none() {
                self.check_root(&current, &head).await?;
                self.sign(&current, &head).await?;
            }
            if newest.size == seen.size {
                return Ok(newest.note.is_none().then_some(head));
            }
        }
        let kept = self.edge(&current, seen.size).await?;
        let head = TreeHead { size: seen.size, root: kept.edge.root() };
        self.kept = Some(kept);
        self.decide(&current, seen, &head).await?;
        self.sign(&current, &head).await?;
        metrics::gauge!("audit_tree_size").set(precise(head.size));
        Ok(Some(head))
    }

    /// The lease row, if this node may work now: it holds the lease, or nobody does.
    async fn may_work(&self) -> Result<Option<(Current, Lease)>, Error> {
        let shared = &self.log.shared;
        let seen = current_lease(shared.db.read()).await?.ok_or(Error::Overtaken)?;
        let mut current = self.log.current();
        if current.log_epoch != seen.log_epoch {
            current = self.log.refresh().await?;
        }
        let free = seen.until < shared.clock.now().0;
        Ok((free || seen.holder == shared.node).then_some((current, seen)))
    }

    /// The row as it will be when this node holds it. A new holder gets a new lease epoch.
    fn held(&self, seen: &Lease) -> Lease {
        let shared = &self.log.shared;
        let epoch = seen.epoch + u64::from(seen.holder != shared.node);
        let until = shared.clock.now().0 + LEASE_MS;
        Lease { epoch, holder: shared.node.clone(), until, ..seen.clone() }
    }

    /// The edge at `size`: kept, or read from the tiles and then checked against what was signed.
    async fn edge(&mut self, current: &Current, size: u64) -> Result<Kept, Error> {
        let log_epoch = current.log_epoch;
        if let Some(kept) =
            self.kept.take().filter(|kept| kept.log_epoch == log_epoch && kept.edge.size() == size)
        {
            return Ok(kept);
        }
        let pool = self.log.shared.db.read();
        let edge = Edge::load(size, &tiles(pool, log_epoch, &edge_tiles(size)).await?)?;
        if let Some(newest) = newest_head(pool, log_epoch).await? {
            let head = TreeHead { size: newest.size, root: stored_root(&newest.root)? };
            self.check_root(current, &head).await?;
        }
        let width = usize::try_from(size % TILE_WIDTH as u64).unwrap_or(0);
        let mut open = Vec::new();
        if width > 0 {
            open = bundle(pool, log_epoch, size / TILE_WIDTH as u64).await?.unwrap_or_default();
            match open.len().cmp(&(width * crate::leaf::LENGTH)) {
                Ordering::Equal => {}
                // Another node has gone on since the row was read.
                Ordering::Greater => return Err(Error::Overtaken),
                Ordering::Less => return Err(Error::Corrupt { what: "audit_bundle.commitments" }),
            }
        }
        Ok(Kept { log_epoch, edge, bundle: open })
    }

    /// The stored tiles must give the root that was decided on, or nothing is signed any more.
    async fn check_root(&self, current: &Current, head: &TreeHead) -> Result<(), Error> {
        let ids = edge_tiles(head.size);
        let stored = tiles(self.log.shared.db.read(), current.log_epoch, &ids).await?;
        if Edge::load(head.size, &stored)?.root() == head.root {
            return Ok(());
        }
        Err(Error::RootChanged { size: head.size })
    }

    /// Write down which head will be signed, before the token is asked.
    async fn decide(&self, current: &Current, seen: Lease, head: &TreeHead) -> Result<(), Error> {
        let next = self.held(&seen);
        let (log_epoch, TreeHead { size, root }) = (current.log_epoch, *head);
        let db = &self.log.shared.db;
        db.write(move |tx: &mut Tx| {
            Box::pin(async move {
                if !advance_lease(tx, &seen, &next).await? {
                    return Err(Error::Overtaken);
                }
                Ok::<_, Error>(insert_head(tx, log_epoch, size, &root.0).await?)
            })
        })
        .await?;
        let stored = head_of_size(db.read(), log_epoch, size).await?.ok_or(Error::Overtaken)?;
        if stored_root(&stored.root)? != root {
            return Err(Error::RootChanged { size });
        }
        Ok(())
    }

    async fn sign(&self, current: &Current, head: &TreeHead) -> Result<(), Error> {
        let shared = &self.log.shared;
        let note = checkpoint::sign(&current.verifier, head, &shared.key).await?;
        let (log_epoch, size, signed_at) = (current.log_epoch, head.size, shared.clock.now().0);
        shared
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(
                    async move { Ok::<_, Error>(put_note(tx, log_epoch, size, &note, signed_at).await?) },
                )
            })
            .await
    }
}

/// A size for a gauge; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
fn precise(size: u64) -> f64 {
    size as f64
}
