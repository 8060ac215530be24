//! The key under which messages to people lie in the database: made once, its private half sealed by the token.

use std::sync::Arc;

use anyhow::Context;
use audit::Actor;
use hsm::{Hsm, Rewrapped, Sealed};
use platform::clock::Clock;
use platform::db::{self, Db};
use platform::message::{self, NewKey, Unseal};

use crate::events::Event;

/// Where the private key lies; sealed for this place alone.
const PLACE: &[u8] = b"platform_message_key/sealed/1";

/// Makes the key where there is none, and says how its private half is opened. On a token that wraps nothing nothing can be sealed, so
/// nobody has an authenticator app there, and what messages say lies in clear: that is told.
pub async fn ready(db: &Db, hsm: &Hsm, clock: &Clock) -> anyhow::Result<Unseal> {
    if message::sealed_key(db.read()).await.context("the key of messages could not be looked for")?.is_none()
    {
        make(db, hsm, clock).await?;
    }
    let hsm = hsm.clone();
    let unseal: Unseal = Arc::new(move |sealed: Vec<u8>| {
        let hsm = hsm.clone();
        Box::pin(async move {
            let sealed = Sealed::from_bytes(&sealed).map_err(|error| error.to_string())?;
            hsm.unseal(&sealed, PLACE).await.map_err(|error| error.to_string())
        })
    });
    Ok(unseal)
}

async fn make(db: &Db, hsm: &Hsm, clock: &Clock) -> anyhow::Result<()> {
    let key = NewKey::generate().context("the key of messages could not be made")?;
    let sealed = match hsm.seal(key.private.clone(), PLACE).await {
        Ok(sealed) => sealed,
        Err(error @ (hsm::Error::WrappingKeyMissing { .. } | hsm::Error::NotSupported { .. })) => {
            tracing::warn!(
                "what messages say lies in the database in clear until it is sent: {error}; see `lanyard check`"
            );
            return Ok(());
        }
        Err(error) => return Err(error).context("the key of messages could not be sealed"),
    };
    let event = Event::MessageKeyMade { wrapping_version: sealed.wrapping_version() };
    let (sealed, now) = (sealed.to_bytes(), clock.now());
    let kept: Result<(), db::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                // Another process may have been first: its key stays.
                if message::keep_key(tx, &key, &sealed, now).await? {
                    audit::record(tx, now, &Actor::system("server"), &event).await?;
                }
                Ok(())
            })
        })
        .await;
    kept.context("the key of messages could not be kept")
}

/// Under which version of the wrapping key it is, if there is one.
pub async fn sealed_under(db: &Db) -> anyhow::Result<Option<u32>> {
    let Some(kept) = message::sealed_key(db.read()).await? else { return Ok(None) };
    Ok(Some(Sealed::from_bytes(&kept.sealed)?.wrapping_version()))
}

/// Moves it under this version of the wrapping key, and tells if it did.
pub async fn rewrap(
    db: &Db,
    hsm: &Hsm,
    version: u32,
    tell: &mut (dyn FnMut(u64) + Send),
) -> anyhow::Result<Rewrapped> {
    let mut done = Rewrapped::default();
    let Some(was) = message::sealed_key(db.read()).await? else { return Ok(done) };
    let sealed = Sealed::from_bytes(&was.sealed)?;
    if sealed.wrapping_version() == version {
        return Ok(done);
    }
    let is = match hsm.rewrap_sealed(&sealed, version).await {
        Ok(is) => is.to_bytes(),
        Err(error @ (hsm::Error::SealBroken | hsm::Error::WrappingKeyMissing { .. })) => {
            done.refuse(format!("platform_message_key 1: {error}"));
            return Ok(done);
        }
        Err(error) => return Err(error.into()),
    };
    let replaced: Result<bool, db::Error> =
        db.write(move |tx| Box::pin(async move { message::replace_sealed_key(tx, &was, &is).await })).await;
    done.moved = u64::from(replaced?);
    tell(done.moved);
    Ok(done)
}
