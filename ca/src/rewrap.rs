//! Moving the authority's sealed secrets under another version of the token's wrapping key.
//!
//! It needs no [`crate::Authority`], and goes on beside those that run: each page of secrets gets its new form in the token
//! and then replaces, in one transaction with its event, exactly the forms it was made from. A crash in between leaves the
//! old forms, which open as before.

use std::collections::BTreeMap;

use audit::Actor;
use hsm::{Hsm, Rewrapped, Sealed};
use platform::clock::Clock;
use platform::db::{self, Db};

use crate::error::Error;
use crate::events::Event;
use crate::store::acme::sealed::{self, Place, SealedRow};

/// How many secrets are moved in one transaction.
const PAGE: i64 = 64;

/// How many secrets are under each version of the wrapping key, oldest first.
pub async fn sealed_secrets(db: &Db) -> Result<Vec<(u32, u64)>, Error> {
    let mut versions = BTreeMap::new();
    for place in Place::ALL {
        let mut after = String::new();
        loop {
            let page = sealed::page(db.read(), place, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            for row in &page {
                *versions.entry(read(row)?.wrapping_version()).or_insert(0) += 1;
            }
        }
    }
    Ok(versions.into_iter().collect())
}

/// Moves every secret under this version, and tells how many more after each page. What it has moved when it fails stays
/// moved; called again it goes on with the rest.
pub async fn rewrap(
    db: &Db,
    hsm: &Hsm,
    clock: &Clock,
    version: u32,
    tell: &mut (dyn FnMut(u64) + Send),
) -> Result<Rewrapped, Error> {
    let mut done = Rewrapped::default();
    for place in Place::ALL {
        let mut after = String::new();
        loop {
            let page = sealed::page(db.read(), place, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            let pairs = wrapped_anew(hsm, version, page, &mut done).await?;
            let moved = store(db, clock, version, pairs).await?;
            done.moved += moved;
            tell(moved);
        }
    }
    Ok(done)
}

/// Each secret that is under another version beside its new form. One that does not open is noted and passed by.
async fn wrapped_anew(
    hsm: &Hsm,
    version: u32,
    page: Vec<SealedRow>,
    done: &mut Rewrapped,
) -> Result<Vec<(SealedRow, Vec<u8>)>, Error> {
    let mut pairs = Vec::with_capacity(page.len());
    for old in page {
        let kept = read(&old)?;
        if kept.wrapping_version() == version {
            continue;
        }
        match hsm.rewrap_sealed(&kept, version).await {
            Ok(new) => pairs.push((old, new.to_bytes())),
            Err(error @ (hsm::Error::SealBroken | hsm::Error::WrappingKeyMissing { .. })) => {
                done.refuse(format!("{} {}: {error}", old.place.table(), old.id));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(pairs)
}

async fn store(db: &Db, clock: &Clock, version: u32, pairs: Vec<(SealedRow, Vec<u8>)>) -> Result<u64, Error> {
    let now = clock.now();
    db.write(move |tx| {
        Box::pin(async move {
            let mut moved = Vec::new();
            for (old, new) in &pairs {
                if sealed::replace(tx, old, new).await? {
                    moved.push(format!("{} {}", old.place.table(), old.id));
                }
            }
            let count = moved.len() as u64;
            if count > 0 {
                let event = Event::SecretsRewrapped { wrapping_version: version, secrets: moved };
                audit::record(tx, now, &Actor::system("ca"), &event).await?;
            }
            Ok(count)
        })
    })
    .await
}

fn read(row: &SealedRow) -> Result<Sealed, Error> {
    let unreadable = |_| db::Error::corrupt("sealed secret", format!("{} {}", row.place.table(), row.id));
    Ok(Sealed::from_bytes(&row.sealed).map_err(unreadable)?)
}
