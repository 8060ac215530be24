//! A management key whose answer was lost is tried once more, because somebody who may issue cards says so: of one errand, or of a whole batch.
//!
//! The word is about the mark that the card bears, and not about why its errand stopped: where the server was killed in between, nobody has
//! said that yet.

use audit::Actor;
use directory::api::CardAct as May;
use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use platform::db::Tx;

use super::begin::info;
use super::proving::TRIED;
use crate::api::{CardBatch, ErrandInfo};
use crate::cards::batch::MOST;
use crate::cards::{CardEvent, CardRefused, Cards};
use crate::error::Error;
use crate::store::cards;

/// Whoever names one errand means it, also where an agent may be at work on it.
const ANYWAY: Millis = Millis(i64::MAX);

impl Cards {
    /// Lets an errand try the key once more whose answer was lost. Of that try too it is written before that it was made: one word is good
    /// for one try.
    pub(crate) async fn allow_second_try(
        &self,
        caller: &Caller,
        card: &str,
        id: &str,
    ) -> Result<ErrandInfo, Error> {
        let (card, errand) = self.errand_of(caller, card, id).await?;
        self.may(caller, May::Issue, &card).await?;
        if caller.kind != CallerKind::Person {
            return Err(CardRefused::PeopleOnly.into());
        }
        if errand.state != "open" {
            return Err(CardRefused::ErrandUnknown.into());
        }
        let asked = (errand.errand_id.clone(), card.card_id);
        self.allow(vec![asked], ANYWAY, Actor::from(caller)).await?;
        let read = self.authority.desk().db.read();
        let after = cards::errand(read, &errand.card_id, &errand.errand_id).await?;
        Ok(info(after.unwrap_or(errand)))
    }

    /// The same for all errands of a batch that stand so. One that has not stopped is left alone while an agent may still hear the card.
    pub(crate) async fn allow_second_tries(&self, caller: &Caller, id: &str) -> Result<CardBatch, Error> {
        let read = self.authority.desk().db.read();
        let batch = cards::batch(read, id).await?.ok_or(CardRefused::BatchUnknown)?;
        self.may_in(caller, May::Issue, &batch.organisation).await?;
        if caller.kind != CallerKind::Person {
            return Err(CardRefused::PeopleOnly.into());
        }
        let quiet = self.now().minus(self.patience());
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let lost = cards::marked_of_batch(read, id, TRIED, quiet, most).await?;
        for (errand, card) in &lost {
            let (card, _) = self.errand_of(caller, card, errand).await?;
            self.may(caller, May::Issue, &card).await?;
        }
        self.allow(lost, quiet, Actor::from(caller)).await?;
        self.batch(caller, id).await
    }

    /// Lets these errands with their cards try once more, in one transaction. Those that are over, or went on since they were read, are left.
    async fn allow(&self, lost: Vec<(String, String)>, quiet: Millis, actor: Actor) -> Result<(), Error> {
        let now = self.now();
        let db = &self.authority.desk().db;
        db.write(move |tx: &mut Tx| {
            Box::pin(async move {
                let mut allowed = 0_usize;
                for (errand, card) in lost {
                    // Before the card is read, as an errand writes: whoever goes on with it now has read the mark, and does not write it back.
                    if cards::take_over(tx, &errand, quiet, now).await? {
                        wipe(tx, errand, &card, (&actor, now)).await?;
                        allowed += 1;
                    }
                }
                if allowed == 0 { Err(Error::from(CardRefused::NoAnswerLost)) } else { Ok(()) }
            })
        })
        .await
    }
}

/// Wipes the marks of keys that were tried from a card, with the record of who said so. A card that bears none is refused, and all that was to
/// be allowed with it.
async fn wipe(tx: &mut Tx, errand: String, card: &str, (actor, now): (&Actor, Millis)) -> Result<(), Error> {
    let mut card = cards::by_id_in(tx, card).await?.ok_or(CardRefused::Unknown)?;
    let (lost, refused): (Vec<String>, Vec<String>) =
        card.refused.into_iter().partition(|mark| mark.starts_with(TRIED));
    if lost.is_empty() {
        return Err(CardRefused::NoAnswerLost.into());
    }
    card.refused = refused;
    cards::set_keys(tx, &card, now).await?;
    let keys = lost.iter().filter_map(|mark| mark.strip_prefix(TRIED)).map(str::to_owned).collect();
    let event = CardEvent::CardSecondTryAllowed { errand, card: card.card_id, keys };
    audit::record(tx, now, actor, &event).await?;
    Ok(())
}
