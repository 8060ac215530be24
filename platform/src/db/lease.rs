//! A lease row: work that must be done once, on however many machines, is done by its holder.
//!
//! The epoch grows with every change of holder. Whoever writes under a lease puts the epoch into the condition of its
//! UPDATE, so that a holder that was paused past its time changes nothing.

use std::time::Duration;

use sqlx::Row as _;

use super::{Db, Error, Tx};
use crate::clock::Millis;

/// A lease that this process holds until `expires_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What may be done.
    pub name: &'static str,
    /// Who does it.
    pub holder: String,
    /// Which holder in a row this is.
    pub epoch: i64,
    /// Until when, in the clock of the holder.
    pub expires_at: Millis,
}

/// Takes the lease if it is free, expired, or already ours; `None` if somebody else holds it.
pub async fn acquire(
    db: &Db,
    name: &'static str,
    holder: &str,
    now: Millis,
    time: Duration,
) -> Result<Option<Lease>, Error> {
    let holder = holder.to_owned();
    db.write(move |tx| Box::pin(async move { acquire_in(tx, name, &holder, now, time).await })).await
}

/// [`acquire`] inside a job of your own.
pub async fn acquire_in(
    tx: &mut Tx,
    name: &'static str,
    holder: &str,
    now: Millis,
    time: Duration,
) -> Result<Option<Lease>, Error> {
    let expires_at = now.plus(time);
    // Our own live lease is kept with its epoch; a free or expired one gets the next epoch.
    let row = sqlx::query(
        "INSERT INTO platform_lease (name, holder, epoch, expires_at) VALUES ($1, $2, 1, $3) \
         ON CONFLICT (name) DO UPDATE SET \
           epoch = platform_lease.epoch + CASE \
             WHEN platform_lease.holder = excluded.holder AND platform_lease.expires_at > $4 THEN 0 ELSE 1 END, \
           holder = excluded.holder, \
           expires_at = excluded.expires_at \
         WHERE platform_lease.holder = excluded.holder OR platform_lease.expires_at <= $4 \
         RETURNING epoch",
    )
    .bind(name)
    .bind(holder)
    .bind(expires_at.0)
    .bind(now.0)
    .fetch_optional(tx)
    .await?;
    row.map(|row| Ok(Lease { name, holder: holder.to_owned(), epoch: row.try_get("epoch")?, expires_at }))
        .transpose()
}

/// Prolongs a lease that is still ours; `None` if it has been taken or has expired.
pub async fn renew(db: &Db, lease: &Lease, now: Millis, time: Duration) -> Result<Option<Lease>, Error> {
    let (mut renewed, lease) = (lease.clone(), lease.clone());
    renewed.expires_at = now.plus(time);
    db.write(move |tx| {
        Box::pin(async move {
            let changed = sqlx::query(
                "UPDATE platform_lease SET expires_at = $1 \
                 WHERE name = $2 AND holder = $3 AND epoch = $4 AND expires_at > $5",
            )
            .bind(renewed.expires_at.0)
            .bind(lease.name)
            .bind(lease.holder)
            .bind(lease.epoch)
            .bind(now.0)
            .execute(tx)
            .await?;
            Ok((changed.rows_affected() == 1).then_some(renewed))
        })
    })
    .await
}

/// Gives a lease back, so that the next holder need not wait. Nothing happens if it is no longer ours.
pub async fn release(db: &Db, lease: Lease) -> Result<(), Error> {
    db.write(move |tx| {
        Box::pin(async move {
            sqlx::query(
                "UPDATE platform_lease SET expires_at = 0 WHERE name = $1 AND holder = $2 AND epoch = $3",
            )
            .bind(lease.name)
            .bind(lease.holder)
            .bind(lease.epoch)
            .execute(tx)
            .await?;
            Ok(())
        })
    })
    .await
}

/// Whether the lease is held at this epoch at `now`; for a job to check inside its own transaction.
pub async fn is_held_in(tx: &mut Tx, lease: &Lease, now: Millis) -> Result<bool, Error> {
    let row = sqlx::query(
        "SELECT epoch FROM platform_lease \
         WHERE name = $1 AND holder = $2 AND epoch = $3 AND expires_at > $4",
    )
    .bind(lease.name)
    .bind(lease.holder.as_str())
    .bind(lease.epoch)
    .bind(now.0)
    .fetch_optional(tx)
    .await?;
    Ok(row.is_some())
}
