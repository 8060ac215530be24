//! The calls that are under way in this process.

use std::collections::HashMap;

use platform::id::ClientId;
use tokio::task::{Id, JoinSet};

use super::message::{self, tell};
use crate::error::Error;
use crate::provider::Provider;
use crate::store::logouts;

/// How many calls there are at a time.
const CALLS: usize = 16;
/// How many of them to one relying party.
pub(super) const TO_ONE: u32 = 2;

/// Calls under way. Those that are dropped are given up: their messages are due again when their claim is over.
#[derive(Default)]
pub(super) struct Calls {
    tasks: JoinSet<()>,
    clients: HashMap<Id, ClientId>,
}

impl Calls {
    /// Begins with what is due and has a place; says how many.
    pub(super) async fn begin(&mut self, provider: &Provider) -> Result<usize, Error> {
        let free = CALLS.saturating_sub(self.tasks.len());
        if free == 0 {
            return Ok(0);
        }
        // Rows of those who have no place are passed over, and there are so many of them at most.
        let page = u32::try_from(CALLS).unwrap_or(u32::MAX).saturating_mul(1 + TO_ONE);
        let mut begun = 0;
        for logout in logouts::due(provider.db.read(), provider.now(), TO_ONE, page).await? {
            if begun == free {
                break;
            }
            if self.of(&logout.client) >= usize::try_from(TO_ONE).unwrap_or(usize::MAX)
                || !message::claim(provider, &logout).await?
            {
                continue;
            }
            let (provider, client) = (provider.clone(), logout.client.clone());
            let task = self.tasks.spawn(async move {
                if let Err(error) = tell(&provider, logout).await {
                    tracing::warn!(%error, "an ended session could not be told: {error}");
                }
            });
            self.clients.insert(task.id(), client);
            begun += 1;
        }
        Ok(begun)
    }

    /// Whether there is one.
    pub(super) fn under_way(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Waits until one has ended.
    pub(super) async fn one_ends(&mut self) {
        let ended = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => return,
        };
        self.clients.remove(&ended);
    }

    fn of(&self, client: &ClientId) -> usize {
        self.clients.values().filter(|one| *one == client).count()
    }
}
