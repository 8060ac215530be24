//! A management key whose answer was lost is tried once more, because somebody who may issue cards says so.

use audit::Actor;
use directory::api::CardAct as May;
use platform::caller::{Caller, CallerKind};
use platform::db::Tx;

use super::begin::info;
use super::proving::TRIED;
use crate::api::ErrandInfo;
use crate::cards::{CardEvent, CardRefused, Cards};
use crate::error::Error;
use crate::store::cards;

impl Cards {
    /// Lets the errand that stopped for it try the key once more. Of that try too it is written before that it was made: one word is good
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
        let (now, actor) = (self.now(), Actor::from(caller));
        let (card_id, errand_id) = (card.card_id, errand.errand_id.clone());
        let db = &self.authority.desk().db;
        db.write(move |tx: &mut Tx| {
            Box::pin(async move {
                // Before the card is read, as an errand writes: whoever goes on with it now has read the mark, and does not write it back.
                if !cards::take_stopped(tx, &errand_id, now).await? {
                    return Err(CardRefused::NoAnswerLost.into());
                }
                let mut card = cards::by_id_in(tx, &card_id).await?.ok_or(CardRefused::Unknown)?;
                let (lost, refused): (Vec<String>, Vec<String>) =
                    card.refused.into_iter().partition(|mark| mark.starts_with(TRIED));
                if lost.is_empty() {
                    return Err(CardRefused::NoAnswerLost.into());
                }
                card.refused = refused;
                cards::set_keys(tx, &card, now).await?;
                let keys = lost.iter().filter_map(|mark| mark.strip_prefix(TRIED)).map(str::to_owned);
                let keys = keys.collect();
                let event = CardEvent::CardSecondTryAllowed { errand: errand_id, card: card_id, keys };
                audit::record(tx, now, &actor, &event).await?;
                Ok::<_, Error>(())
            })
        })
        .await?;
        let read = self.authority.desk().db.read();
        let after = cards::errand(read, &errand.card_id, &errand.errand_id).await?;
        Ok(info(after.unwrap_or(errand)))
    }
}
