//! Bringing in a release.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;

use super::events::Event;
use super::{Book, Content, Profile, current, difference};
use crate::api::{ChangeKind, Difference, Release};
use crate::changes;
use crate::error::Error;
use crate::register::Register;
use crate::store::{rbac, stored_number};

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

/// Brings in a release, or says what would change: for codes, for baselines, and for these role profiles.
pub async fn import(
    register: &Register,
    content: Content,
    mode: Mode,
    profiles: &[Profile],
    actor: &Actor,
) -> Result<Imported, Error> {
    let old = current(register).await?;
    let number = old.number() + 1;
    let new = Book::new(number, content)?;
    if new.sha256() == old.sha256() {
        return Ok(Imported::Same { number: old.number() });
    }
    let difference = Box::new(difference(&old, &new, profiles));
    if mode == Mode::Apply {
        let (actor, now) = (actor.clone(), register.now());
        let stored: Result<(), Error> =
            register.db.write(move |tx| Box::pin(async move { store(tx, now, &actor, &new).await })).await;
        stored?;
        current(register).await?;
    }
    Ok(Imported::New { number, difference })
}

async fn store(tx: &mut Tx, now: Millis, actor: &Actor, book: &Book) -> Result<(), Error> {
    let number = book.number();
    // The number of the change is taken first: until this commits, no other process can store a release.
    changes::tell(tx, now, ChangeKind::RolesReleased, &number.to_string(), None).await?;
    if rbac::newest(&mut *tx).await? + 1 != number {
        return Err(Error::conflict(
            "release-meanwhile",
            "Another release was brought in meanwhile. Look at the difference again, and bring this one in then.",
        ));
    }
    let release = release(book, now);
    rbac::insert(tx, &release, book.content()).await?;
    let event = Event::RbacReleaseImported {
        number: stored_number(number),
        release: release.name,
        sha256: release.sha256,
        job_roles: stored_number(release.job_roles),
        areas: stored_number(release.areas),
        activities: stored_number(release.activities),
        inclusions: stored_number(release.inclusions),
        baselines: stored_number(release.baselines),
    };
    audit::record(tx, now, actor, &event).await?;
    Ok(())
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
