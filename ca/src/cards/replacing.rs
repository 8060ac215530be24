//! One card takes another one's place: the old one is cancelled, and the new one kept for its holder with the errand that issues it.

use audit::Actor;
use card::wire::relay::Act;
use directory::api::CardAct as May;
use platform::caller::Caller;
use platform::db::Tx;

use super::errand::began;
use super::moving::Moving;
use super::stock::{LONGEST_NOTE, line};
use super::{Answer, CardEvent, CardMove, CardRefused, CardState, Cards, Expected, Once};
use crate::api::ReplaceCard;
use crate::error::Error;
use crate::store::cards;

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
        let note = asked.note.as_deref().map(|note| line("note", note, LONGEST_NOTE)).transpose()?;
        let cancel = Moving { reason: Some(asked.reason), note, ..Moving::by(CardMove::Cancel) };
        for (moving, state) in [(&cancel, old.state), (&Moving::by(CardMove::Reserve), new.state)] {
            if moving.step.leads(state).is_none() {
                return Err(CardRefused::NoSuchMove { state, step: moving.step }.into());
            }
        }
        if old.state == CardState::Reserved {
            // It was never given out: there is nothing to take the place of.
            return Err(CardRefused::NoSuchMove { state: old.state, step: CardMove::Cancel }.into());
        }
        self.certificates_first(caller, &cancel, &old).await?;
        let reserve = Moving { user_id: Some(holder), ..Moving::by(CardMove::Reserve) };
        self.do_once(once, opening.now, move |tx: &mut Tx| {
            Box::pin(async move {
                let (now, actor) = (opening.now, &opening.actor);
                let old = cards::by_id_in(tx, &old.card_id).await?.ok_or(CardRefused::Unknown)?;
                expected.demand(&old)?;
                let old = cancel.apply(tx, old, actor, now).await?;
                let new = cards::by_id_in(tx, &new.card_id).await?.ok_or(CardRefused::Unknown)?;
                let new = reserve.apply(tx, new, actor, now).await?;
                let event = CardEvent::CardReplaced {
                    card: old.card_id,
                    by: new.card_id.clone(),
                    reason: asked.reason.word().to_owned(),
                };
                audit::record(tx, now, actor, &event).await?;
                began(opening.open(tx, new).await?)
            })
        })
        .await
    }
}
