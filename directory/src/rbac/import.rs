//! Bringing in a release.

use std::sync::Arc;

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;

use super::events::Event;
use super::{Book, Content, count, current, difference};
use crate::api::{ChangeKind, Difference, Release};
use crate::changes;
use crate::error::Error;
use crate::position::{Basis, rerank};
use crate::register::Register;
use crate::store::{ranks, rbac, stored_number};

/// What is done with what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: it is said what would change.
    DryRun,
    /// It is stored, and in force at once.
    Apply,
}

/// What came of it, or would come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// The release in force has this content already.
    Same {
        /// Its number.
        number: u64,
    },
    /// A new release.
    New {
        /// Its number, or the number that it would have.
        number: u64,
        /// How it differs from the one in force before.
        difference: Box<Difference>,
    },
}

/// Brings in a release, or says what would change: of codes and baselines, and for how many positions and people.
pub async fn import(
    register: &Register,
    content: Content,
    mode: Mode,
    actor: &Actor,
) -> Result<Imported, Error> {
    let old = current(register).await?;
    let number = old.number() + 1;
    let new = Arc::new(Book::new(number, content)?);
    if new.sha256() == old.sha256() {
        return Ok(Imported::Same { number: old.number() });
    }
    let mut difference = Box::new(difference(&old, &new));
    let mut read = register.db.read().acquire().await?;
    count(&mut read, &old, &new, register.today(), &mut difference).await?;
    drop(read);
    if mode == Mode::Apply {
        let (shared, actor, now) = (register.clone(), actor.clone(), register.now());
        let stored: Result<(), Error> = register
            .db
            .write(move |tx| Box::pin(async move { store(tx, &shared, now, &actor, (&*old, &*new)).await }))
            .await;
        stored?;
        current(register).await?;
    }
    Ok(Imported::New { number, difference })
}

async fn store(
    tx: &mut Tx,
    register: &Register,
    now: Millis,
    actor: &Actor,
    (old, book): (&Book, &Book),
) -> Result<(), Error> {
    let number = book.number();
    // The number of the change is taken first: until this commits, no other process can store a release, or a position.
    changes::tell(tx, now, ChangeKind::RolesReleased, &number.to_string(), None).await?;
    if rbac::newest(&mut *tx).await? + 1 != number {
        return Err(Error::conflict(
            "release-meanwhile",
            "Another release was brought in meanwhile. Look at the difference again, and bring this one in then.",
        ));
    }
    let release = release(book, now);
    rbac::insert(tx, &release, book.content()).await?;
    let positions = ranks_follow(tx, now, register.basis(old), register.basis(book)).await?;
    let event = Event::RbacReleaseImported {
        number: stored_number(number),
        release: release.name,
        sha256: release.sha256,
        job_roles: stored_number(release.job_roles),
        areas: stored_number(release.areas),
        activities: stored_number(release.activities),
        inclusions: stored_number(release.inclusions),
        baselines: stored_number(release.baselines),
        positions: stored_number(positions),
    };
    audit::record(tx, now, actor, &event).await?;
    Ok(())
}

/// Brings the stored ranks of positions to another basis, and says how many changed. Where they follow from something else
/// than `old`, all are worked out again.
async fn ranks_follow(tx: &mut Tx, now: Millis, old: Basis<'_>, new: Basis<'_>) -> Result<u64, Error> {
    let local = new.local_administrator.unwrap_or_default();
    let stored = ranks::basis(tx).await?;
    let known = stored.is_some_and(|(release, other)| release == old.book.number() && other == local);
    let changed = rerank(tx, now, known.then_some(old), new).await?;
    ranks::set_basis(tx, new.book.number(), local).await?;
    Ok(changed)
}

impl Register {
    /// Brings the stored ranks of positions to the release in force and the setting for local smartcard administrators, if
    /// they follow from others, and says how many changed. An import does so by itself; this is for a register of before,
    /// and for another setting.
    pub async fn settle_ranks(&self) -> Result<u64, Error> {
        let local = self.config.local_smartcard_administrator.clone().unwrap_or_default();
        let wanted = (current(self).await?.number(), local);
        let stored = ranks::basis(&mut *self.db.read().acquire().await?).await?;
        if stored.as_ref() == Some(&wanted) {
            return Ok(0);
        }
        let settled = self.act_itself(self.now(), |tx, doing| {
            Box::pin(async move {
                let changed = rerank(tx, doing.now, None, doing.basis()).await?;
                let local = doing.basis().local_administrator.unwrap_or_default();
                ranks::set_basis(tx, doing.book.number(), local).await?;
                if changed > 0 {
                    let (number, positions) = (stored_number(doing.book.number()), stored_number(changed));
                    let event = Event::RanksSettled { number, positions };
                    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
                }
                Ok(changed)
            })
        });
        settled.await
    }
}

fn release(book: &Book, now: Millis) -> Release {
    let (content, many) = (book.content(), |length: usize| u64::try_from(length).unwrap_or(u64::MAX));
    Release {
        number: book.number(),
        name: content.name.clone(),
        sha256: book.sha256().to_owned(),
        imported_at: now,
        job_roles: many(content.job_roles.len()),
        areas: many(content.areas.len()),
        activities: many(content.activities.len()),
        inclusions: many(content.inclusions.len()),
        baselines: many(content.baselines.len()),
    }
}
