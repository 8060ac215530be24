//! One roll-over or import at a time, on however many machines: two that make one generation would make two keys under one
//! label, and a token with two keys of one label opens no issuer any more.

use std::time::Duration;

use platform::db::lease::{self, Lease};
use tokio::sync::MutexGuard;

use crate::authority::Authority;
use crate::error::Error;

/// The lease row.
const LEASE: &str = "ca-rollover";
/// Far above the time in which a token makes a key.
const TIME: Duration = Duration::from_mins(10);

/// The right to make or complete generations, of one process until it is ended.
pub(super) struct Turn<'a> {
    authority: &'a Authority,
    lease: Lease,
    /// Two requests of one process have one holder.
    _here: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// Takes the turn; refuses while somebody else has it.
    pub(super) async fn take(authority: &Authority) -> Result<Turn<'_>, Error> {
        let here = authority.rolling().try_lock().map_err(|_| Error::RolloverBusy)?;
        let desk = authority.desk();
        // After a crash the same node goes on at once; another when the time is over.
        let holder = format!("instance {}", desk.config.instance.number());
        let lease = lease::acquire(&desk.db, LEASE, &holder, desk.clock.now(), TIME).await?;
        Ok(Turn { authority, lease: lease.ok_or(Error::RolloverBusy)?, _here: here })
    }

    /// Asks before what must not be done twice. When this returns, the whole time is left.
    pub(super) async fn demand(&self) -> Result<(), Error> {
        let desk = self.authority.desk();
        let renewed = lease::renew(&desk.db, &self.lease, desk.clock.now(), TIME).await?;
        renewed.map(drop).ok_or(Error::RolloverBusy)
    }

    /// Gives it back. Where that fails, others wait until its time is over.
    pub(super) async fn end(self) {
        if let Err(error) = lease::release(&self.authority.desk().db, self.lease).await {
            tracing::warn!(%error, "the turn to roll over was not given back: {error}");
        }
    }
}
