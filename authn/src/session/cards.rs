//! Cards that hold no more: the sessions that they opened end though nobody uses them, so that relying parties are told.
//!
//! Each use asks for its card anew, so that a late look here is never a hole; this is for those who have sessions of their own.

use audit::Actor;
use platform::db;

use super::end::{EndCause, end_by_authenticator};
use crate::authenticator::Bound;
use crate::error::Error;
use crate::provider::Provider;
use crate::store::sessions::{self, Signed};

/// How many cards are asked for at once.
const PAGE: u32 = 500;

impl Provider {
    /// Ends the sessions whose card was revoked or is on hold; says how many. Several machines that do it do no harm.
    pub async fn end_with_cards(&self) -> Result<usize, Error> {
        let mut ended = 0;
        for signed in [Signed::Last, Signed::Before] {
            let mut after = String::new();
            loop {
                let cards = sessions::cards(self.db.read(), signed, &after, PAGE).await?;
                let Some(last) = cards.last() else { break };
                after.clone_from(last);
                ended += self.end_without(&cards).await?;
            }
        }
        Ok(ended)
    }

    /// Ends the sessions of those of these cards that do not hold.
    async fn end_without(&self, cards: &[String]) -> Result<usize, Error> {
        let bounds: Vec<Bound> = cards.iter().filter_map(|card| card.parse().ok()).collect();
        let serials: Vec<&str> = bounds
            .iter()
            .filter_map(|bound| match bound {
                Bound::Card(serial) => Some(serial.as_str()),
                Bound::Kept(_) => None,
            })
            .collect();
        let mut read = self.db.read().acquire().await.map_err(db::Error::from)?;
        let in_force = ca::api::in_force(&mut read, &serials).await?;
        drop(read);
        let mut ended = 0;
        for bound in &bounds {
            if matches!(bound, Bound::Card(serial) if !in_force.contains(serial)) {
                let (bound, now) = (bound.clone(), self.now());
                let actor = Actor::system("authn");
                ended += self
                    .db
                    .write(move |tx| {
                        Box::pin(async move {
                            end_by_authenticator(tx, &bound, EndCause::CardRevoked, &actor, now).await
                        })
                    })
                    .await?;
            }
        }
        Ok(ended)
    }
}
