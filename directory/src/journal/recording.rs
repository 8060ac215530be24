//! Reads of one file go into the record, many in one transaction. Of those that the record refuses together the halves are tried, down to
//! one; what it refuses alone, while it takes another event, is set aside, so that what is behind it does not wait for ever.

use std::path::Path;
use std::sync::Arc;

use audit::Actor;
use platform::clock::Millis;
use platform::db::{self, Db, Tx};

use super::file::{self, Folder};
use super::frame::Id;
use super::together::{ReadsEvent, together};
use super::{Kept, failed, on_disk, whole};
use crate::error::Error;
use crate::store::reads_journals;

/// How often one read is refused until it is set aside.
const ATTEMPTS: u32 = 3;

/// The file that reads are in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'s> {
    pub(super) id: Id,
    pub(super) path: &'s Path,
}

/// Records reads that are not in the record yet, or sets aside what it refuses; how many it took. After an error those before it are
/// recorded, and doing it again records none of them twice.
pub(super) async fn record(
    folder: &Arc<Folder>,
    db: &Db,
    from: Source<'_>,
    group: Vec<Arc<Kept>>,
) -> Result<usize, Error> {
    let (mut parts, mut recorded, mut refused) = (vec![group], 0, 0);
    while let Some(mut part) = parts.pop() {
        let error = match record_together(db, from.id, part.clone()).await {
            Ok(many) => {
                (recorded, refused) = (recorded + many, 0);
                continue;
            }
            Err(error) => error,
        };
        if !is_refusal(db, from.id, &part, &error).await {
            return Err(error);
        }
        if part.len() > 1 {
            let behind = part.split_off(part.len() / 2);
            parts.extend([behind, part]);
            continue;
        }
        refused += 1;
        if refused < ATTEMPTS {
            parts.push(part);
            continue;
        }
        refused = 0;
        for kept in &part {
            set_aside(folder, db, from, kept, &error).await?;
        }
    }
    Ok(recorded)
}

/// Up to which frame that is stands in the same transaction. So whatever is tried again, by this process or one that comes after it, is
/// recorded once: a process that ends before the COMMIT has recorded nothing, and one that ends after it is told so by the row.
async fn record_together(db: &Db, id: Id, group: Vec<Arc<Kept>>) -> Result<usize, Error> {
    db.write(move |tx: &mut Tx| {
        Box::pin(async move {
            let journal = id.to_string();
            let recorded_to = reads_journals::recorded_to(tx, &journal).await?;
            let new = group.iter().filter(|kept| kept.number > recorded_to);
            let many = new.clone().count();
            let Some(last) = group.last().filter(|_| many > 0) else { return Ok(0) };
            let acts = together(new);
            let acts: Vec<_> = acts.iter().map(|(at, actor, act)| (*at, *actor, act)).collect();
            audit::record_each_of(tx, &acts).await?;
            reads_journals::record_to(tx, &journal, last.number).await?;
            Ok(many)
        })
    })
    .await
}

/// Whether these reads are refused for what they are: the record takes another event.
async fn is_refusal(db: &Db, id: Id, part: &[Arc<Kept>], error: &Error) -> bool {
    let passing = match error {
        Error::Db(
            db::Error::Busy | db::Error::Closed | db::Error::NoRoom { .. } | db::Error::OutcomeUnknown { .. },
        ) => true,
        // One alone is no work.
        Error::Db(db::Error::JobTimedOut { .. }) => part.len() == 1,
        _ => false,
    };
    match part.first() {
        Some(first) if !passing => takes_another(db, event(id, first.number), first.record.at).await,
        _ => false,
    }
}

/// How a job ended that is undone in any case.
enum Tried {
    Taken,
    Failed,
}

impl From<db::Error> for Tried {
    fn from(_: db::Error) -> Self {
        Self::Failed
    }
}

async fn takes_another(db: &Db, event: ReadsEvent, at: Millis) -> bool {
    let tried: Result<(), Tried> = db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                audit::record(tx, at, &Actor::system("directory"), &event).await?;
                Err(Tried::Taken)
            })
        })
        .await;
    matches!(tried, Err(Tried::Taken))
}

/// Puts a read into a file of its own, and an event into the record in its place.
///
/// The file is there before the record says so. A process that ends between tries the read again, and writes the same file.
async fn set_aside(
    folder: &Arc<Folder>,
    db: &Db,
    from: Source<'_>,
    kept: &Kept,
    error: &Error,
) -> Result<(), Error> {
    let octets = serde_json::to_vec(&kept.record).map_err(|cause| Error::JournalUnwritten(cause.into()))?;
    let (id, number, at) = (from.id, kept.number, kept.record.at);
    let (there, of) = (Arc::clone(folder), from.path.to_owned());
    let put = on_disk(from.path, move || there.put_aside(&of, number, &octets)).await?;
    let aside = put.map_err(|cause| file::unusable(from.path, &cause))?;
    let written: Result<(), Error> = db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                let journal = id.to_string();
                if reads_journals::recorded_to(tx, &journal).await? < number {
                    audit::record(tx, at, &Actor::system("directory"), &event(id, number)).await?;
                    reads_journals::record_to(tx, &journal, number).await?;
                }
                Ok(())
            })
        })
        .await;
    written?;
    failed("aside");
    let why = whole(error);
    tracing::error!(
        path = %aside.display(), why,
        "the record refuses a read, which is kept in {} instead, and named in the record: {why}",
        aside.display()
    );
    Ok(())
}

fn event(id: Id, frame: i64) -> ReadsEvent {
    ReadsEvent::ReadSetAside { journal: id.to_string(), frame }
}
