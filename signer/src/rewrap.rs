//! Moving people's keys under another version of the token's wrapping key.
//!
//! It needs no [`crate::Signer`], and goes on beside signers that run: each page of keys is wrapped anew in the token and
//! then replaces, in one transaction with its event, exactly the forms it was made from. A crash in between leaves the
//! old forms, which open as before; a key that was destroyed meanwhile stays destroyed.

use audit::Actor;
use hsm::{Hsm, Rewrapped, Wrapped};
use platform::clock::Clock;
use platform::db::Db;

use crate::error::Error;
use crate::events::Event;
use crate::store::keys::{self, KeyRow};

/// How many keys are moved in one transaction.
const PAGE: i64 = 64;

/// How many keys are under each version of the wrapping key, oldest first.
pub async fn wrapped_keys(db: &Db) -> Result<Vec<(u32, u64)>, Error> {
    keys::by_wrapping_version(db.read()).await
}

/// Moves every key under this version, and tells how many more after each page. What it has moved when it fails stays
/// moved; called again it goes on with the rest.
pub async fn rewrap(
    db: &Db,
    hsm: &Hsm,
    clock: &Clock,
    version: u32,
    tell: &mut (dyn FnMut(u64) + Send),
) -> Result<Rewrapped, Error> {
    let mut done = Rewrapped::default();
    let mut after = String::new();
    loop {
        let page = keys::under_others(db.read(), version, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(done) };
        after = last.key_id.to_string();
        let moved = store(db, clock, version, wrapped_anew(hsm, version, page, &mut done).await?).await?;
        done.moved += moved;
        tell(moved);
    }
}

/// Each key beside its new form. One that does not open is noted and passed by: the others must not wait for it.
async fn wrapped_anew(
    hsm: &Hsm,
    version: u32,
    page: Vec<KeyRow>,
    done: &mut Rewrapped,
) -> Result<Vec<(KeyRow, Wrapped)>, Error> {
    let mut pairs = Vec::with_capacity(page.len());
    for old in page {
        match hsm.rewrap(&old.wrapped, version).await {
            Ok(new) => pairs.push((old, new)),
            Err(error @ (hsm::Error::SwappedKey | hsm::Error::WrappingKeyMissing { .. })) => {
                done.refuse(format!("signer_key {}: {error}", old.key_id));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(pairs)
}

async fn store(db: &Db, clock: &Clock, version: u32, pairs: Vec<(KeyRow, Wrapped)>) -> Result<u64, Error> {
    let now = clock.now();
    db.write(move |tx| {
        Box::pin(async move {
            let mut moved = Vec::new();
            for (old, new) in &pairs {
                if keys::replace_wrapped(tx, old, new).await? {
                    moved.push(old.key_id.to_string());
                }
            }
            let count = moved.len() as u64;
            if count > 0 {
                let event = Event::KeysRewrapped { wrapping_version: version, keys: moved };
                audit::record(tx, now, &Actor::system("signer"), &event).await?;
            }
            Ok(count)
        })
    })
    .await
}
