//! Moving a card from one state to another: one transaction with its audit row and the card's own history.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;

use super::state::Leads;
use super::{CancelReason, CardEvent, CardMove, CardRefused, CardState, errand};
use crate::error::Error;
use crate::store::cards::{self, Card, CardAct};

/// A move, with what it needs.
#[derive(Clone, Debug)]
pub(crate) struct Moving {
    pub(crate) step: CardMove,
    /// For whom a card is reserved.
    pub(crate) user_id: Option<String>,
    /// Where it is from now on, with whose place that is.
    pub(crate) place: Option<(String, String)>,
    /// Why it is cancelled.
    pub(crate) reason: Option<CancelReason>,
    /// Who saw it destroyed.
    pub(crate) witness: Option<String>,
    pub(crate) note: Option<String>,
}

impl Moving {
    /// One that needs nothing.
    pub(crate) fn by(step: CardMove) -> Self {
        Self { step, user_id: None, place: None, reason: None, witness: None, note: None }
    }

    /// Refuses what is missing, and what is there and would be lost.
    pub(crate) fn check(&self) -> Result<(), CardRefused> {
        use CardMove::{Cancel, Destroy, Receive, Reserve, Restock};
        let incomplete = |sentence| Err(CardRefused::Incomplete(sentence));
        if (self.step == Reserve) != self.user_id.is_some() {
            return incomplete("\"user_id\" says for whom a card is reserved, and stands with no other move");
        }
        if (self.step == Cancel) != self.reason.is_some() {
            return incomplete("\"reason\" says why a card is cancelled, and stands with no other move");
        }
        if (self.step == Destroy) != self.witness.is_some() {
            return incomplete("\"witness\" says who saw a card destroyed, and stands with no other move");
        }
        if self.place.is_some() && ![Receive, Restock].contains(&self.step) {
            return incomplete(
                "\"location\" says where a card came, and stands with \"receive\" and \"restock\"",
            );
        }
        Ok(())
    }

    /// The card after the move.
    fn changed(&self, mut card: Card) -> Result<Card, CardRefused> {
        let state = card.state;
        let refused = CardRefused::NoSuchMove { state, step: self.step };
        let to = match self.step.leads(state) {
            None => return Err(refused),
            Some(Leads::To(to)) => to,
            Some(Leads::Back) => card.earlier.ok_or(refused)?,
        };
        card.earlier = (to == CardState::Suspended).then_some(state);
        card.state = to;
        if let Some((location, organisation)) = &self.place {
            card.location_id.clone_from(location);
            card.organisation.clone_from(organisation);
        }
        match self.step {
            CardMove::Reserve => card.user_id.clone_from(&self.user_id),
            CardMove::Release => card.user_id = None,
            CardMove::Cancel => card.reason = self.reason,
            CardMove::Clear => (card.user_id, card.authentication, card.signature) = (None, None, None),
            CardMove::Restock => card.reason = None,
            _ => {}
        }
        Ok(card)
    }

    /// Moves a card for whoever is not its errand. One that does not go with the card any more is closed, so that whoever called has it
    /// ended afterwards.
    pub(crate) async fn apply_and_close(
        &self,
        tx: &mut Tx,
        card: Card,
        actor: &Actor,
        now: Millis,
    ) -> Result<Card, Error> {
        let after = self.changed(card.clone())?;
        let open = cards::open_errand(tx, &card.card_id).await?;
        if let Some(errand) = open.filter(|errand| !errand::goes_on(errand, &after)) {
            // Before the card, as an errand writes that finishes: one that was done meanwhile has moved the card.
            errand::close(tx, &errand.errand_id, self.reason, now).await?;
        }
        self.apply(tx, card, actor, now).await
    }

    /// Moves a card as it was read: the row, its history and the record, or nothing of them.
    pub(crate) async fn apply(
        &self,
        tx: &mut Tx,
        card: Card,
        actor: &Actor,
        now: Millis,
    ) -> Result<Card, Error> {
        let owner = card.user_id.clone();
        let mut card = self.changed(card)?;
        if !cards::keep_card(tx, &card, now).await? {
            return Err(CardRefused::Changed.into());
        }
        (card.version, card.changed_at) = (card.version + 1, now);
        let user_id = card.user_id.clone().or(owner);
        let reason = self.reason.map(|reason| reason.word().to_owned());
        cards::insert_act(
            tx,
            &CardAct {
                // Acts of a card are in the order of its versions, whatever the clock says.
                act_id: format!("{}-{:010}", card.card_id, card.version),
                card_id: card.card_id.clone(),
                act: self.step.word().to_owned(),
                state: card.state.word().to_owned(),
                subject: actor.subject.clone(),
                client: actor.client.clone().unwrap_or_default(),
                user_id: user_id.clone(),
                location_id: card.location_id.clone(),
                reason: reason.clone(),
                witness: self.witness.clone(),
                note: self.note.clone(),
                at: now,
            },
        )
        .await?;
        let event = CardEvent::CardMoved {
            card: card.card_id.clone(),
            by: self.step,
            to: card.state,
            user_id,
            location: card.location_id.clone(),
            reason,
            witness: self.witness.clone(),
        };
        audit::record(tx, now, actor, &event).await?;
        Ok(card)
    }
}
