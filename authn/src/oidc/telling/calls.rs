//! The calls that are under way in this process.

use std::collections::HashMap;

use platform::id::ClientId;
use tokio::task::{Id, JoinSet};

use super::message::{self, tell};
use crate::error::Error;
use crate::provider::Provider;
use crate::store::hearing::Hearing;
use crate::store::logouts::{self, Form};

/// How many calls there are at a time.
const CALLS: usize = 32;
/// How many of them to one relying party in one form; to one that did not answer the last time there is one.
const TO_ONE: u32 = 2;
/// How many of them to relying parties that did not answer the last time, or of which nobody knows: all other places are for those that
/// answered.
const TO_OTHERS: usize = 8;
/// How many of these to relying parties that did not answer.
const TO_THE_SILENT: usize = 4;

/// Whom a call is to, in which form.
type To = (ClientId, Form);

/// Calls under way. Those that are dropped are given up: their messages are due again when their claim is over.
#[derive(Default)]
pub(super) struct Calls {
    tasks: JoinSet<()>,
    clients: HashMap<Id, (To, Hearing)>,
}

impl Calls {
    /// Begins with what is due and has a place; says how many.
    pub(super) async fn begin(&mut self, provider: &Provider) -> Result<usize, Error> {
        let free = CALLS.saturating_sub(self.tasks.len());
        if free == 0 {
            return Ok(0);
        }
        // Of each kind rows of those who have no place are passed over, and there are so many of them at most.
        let page = u32::try_from(CALLS).unwrap_or(u32::MAX).saturating_mul(1 + TO_ONE);
        let mut begun = 0;
        for (logout, hearing) in logouts::due(provider.db.read(), provider.now(), TO_ONE, page).await? {
            if begun == free {
                break;
            }
            let to = (logout.client.clone(), logout.form);
            if !self.has_place(&to, hearing) || !message::claim(provider, &logout).await? {
                continue;
            }
            let provider = provider.clone();
            let task = self.tasks.spawn(async move {
                if let Err(error) = tell(&provider, logout, hearing).await {
                    tracing::warn!(%error, "an ended session could not be told: {error}");
                }
            });
            self.clients.insert(task.id(), (to, hearing));
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

    fn has_place(&self, to: &To, hearing: Hearing) -> bool {
        let under_way =
            |which: &dyn Fn(&(To, Hearing)) -> bool| self.clients.values().filter(|one| which(one)).count();
        let others = under_way(&|(_, one)| *one != Hearing::Answers);
        let to_it = under_way(&|(one, _)| one == to);
        let to_one = usize::try_from(TO_ONE).unwrap_or(usize::MAX);
        match hearing {
            Hearing::Answers => to_it < to_one,
            Hearing::Unknown => to_it < to_one && others < TO_OTHERS,
            Hearing::Silent(_) => {
                let silent = under_way(&|(_, one)| matches!(one, Hearing::Silent(_)));
                to_it == 0 && silent < TO_THE_SILENT && others < TO_OTHERS
            }
        }
    }
}
