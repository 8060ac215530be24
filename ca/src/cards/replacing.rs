//! One card takes another one's place: the old one is cancelled, and the new one kept for its holder with the errand that issues it.

use audit::Actor;
use card::wire::relay::Act;
use directory::api::CardAct as May;
use platform::caller::Caller;
use platform::db::Tx;

use super::errand::{Opening, began};
use super::moving::Moving;
use super::stock::{LONGEST_NOTE, line};
use super::{Answer, CardEvent, CardMove, CardRefused, CardState, Cards, Expected, Once, TURNS};
use crate::api::ReplaceCard;
use crate::error::Error;
use crate::failpoint;
use crate::store::cards::{self, Card};

impl Cards {
    /// Replaces a card. As with every end of a card its certificates go first: a process that dies after that leaves a card that seems
    /// to be good and is not, and the same request again does the rest.
    pub(crate) async fn replace(
        &self,
        caller: &Caller,
        id: &str,
        expected: Expected,
        once: Once,
        asked: ReplaceCard,
    ) -> Result<Answer, Error> {
        let note = asked.note.as_deref().map(|note| line("note", note, LONGEST_NOTE)).transpose()?;
        let cancel = Moving { reason: Some(asked.reason), note, ..Moving::by(CardMove::Cancel) };
        for _ in 0..TURNS {
            let (old, new) = (self.found(id).await?, self.found(&asked.by).await?);
            self.may(caller, May::Cancel, &old).await?;
            let Some(holder) = old.user_id.clone() else { return Err(CardRefused::NobodysCard.into()) };
            self.may_to(caller, May::Issue, &holder).await?;
            self.may_in(caller, May::Issue, &new.organisation).await?;
            let opening = self.opening(Act::Issue, asked.locked, Actor::from(caller));
            if let Some(answer) = self.answered(&once, opening.now).await? {
                return Ok(answer);
            }
            expected.demand(&old)?;
            replaceable(&cancel, &old, &new)?;
            self.certificates_first(caller, &cancel, &old).await?;
            failpoint::pass("ca.card-replacing");
            let reserve = Moving { user_id: Some(holder), ..Moving::by(CardMove::Reserve) };
            let replaced =
                self.replace_read((&cancel, &old), (reserve, &new), opening, (expected, once.clone()));
            match replaced.await {
                // An errand was done meanwhile: the old card may have other certificates, which come first too.
                Err(Error::Card(CardRefused::Changed)) if expected == Expected::Any => {}
                Ok(answer) => {
                    self.authority.end_closed_errands(id, &Actor::from(caller)).await;
                    return Ok(answer);
                }
                refused @ Err(_) => return refused,
            }
        }
        Err(CardRefused::Changed.into())
    }

    /// Replaces a card whose certificates were seen to as it was read, if it still has those.
    async fn replace_read(
        &self,
        (cancel, old): (&Moving, &Card),
        (reserve, new): (Moving, &Card),
        opening: Opening,
        (expected, once): (Expected, Once),
    ) -> Result<Answer, Error> {
        let (cancel, serials) = (cancel.clone(), old.serials());
        let (old, new) = (old.card_id.clone(), new.card_id.clone());
        self.do_once(once, opening.now, move |tx: &mut Tx| {
            Box::pin(async move {
                let (now, actor) = (opening.now, &opening.actor);
                let old = cards::by_id_in(tx, &old).await?.ok_or(CardRefused::Unknown)?;
                expected.demand(&old)?;
                if old.serials() != serials {
                    return Err(CardRefused::Changed.into());
                }
                let old = cancel.apply_and_close(tx, old, actor, now).await?;
                let new = cards::by_id_in(tx, &new).await?.ok_or(CardRefused::Unknown)?;
                let new = reserve.apply_and_close(tx, new, actor, now).await?;
                let event = CardEvent::CardReplaced {
                    card: old.card_id,
                    by: new.card_id.clone(),
                    reason: old.reason.map(|reason| reason.word().to_owned()).unwrap_or_default(),
                };
                audit::record(tx, now, actor, &event).await?;
                began(opening.open(tx, new).await?)
            })
        })
        .await
    }
}

/// Refuses to put one card in another one's place where their states do not allow it.
fn replaceable(cancel: &Moving, old: &Card, new: &Card) -> Result<(), CardRefused> {
    for (step, state) in [(cancel.step, old.state), (CardMove::Reserve, new.state)] {
        if step.leads(state).is_none() {
            return Err(CardRefused::NoSuchMove { state, step });
        }
    }
    if old.state == CardState::Reserved {
        // It was never given out: there is nothing to take the place of.
        return Err(CardRefused::NoSuchMove { state: old.state, step: CardMove::Cancel });
    }
    Ok(())
}
