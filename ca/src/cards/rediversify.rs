//! Moving cards from an older master key to the one of now: which are left, and those that are at hand in one batch.
//!
//! A card moves whenever its keys are seen to: at its next issue, renewal, repair or clearing. Whoever wants to be done with an old
//! master key sees here which cards still need it. One in stock that was issued before has keys as well, and moves like one in use: of
//! its repair nothing else is left to do.

use audit::Actor;
use card::wire::relay::Act;
use directory::api::CardAct as May;
use platform::caller::Caller;
use platform::db::Tx;

use super::batch::{begun, begun_row, keep, made};
use super::stock_info::{info, more_than, next_of};
use super::{Answer, CardRefused, Cards, ManagementName, Once, PukName};
use crate::api::{CardsLeft, NewRediversification, Rediversification, RediversificationQuery};
use crate::error::Error;
use crate::search::page_length;
use crate::store::cards::{self, Card};

impl Cards {
    /// How far the cards of an organisation have moved.
    pub(crate) async fn rediversification(
        &self,
        caller: &Caller,
        query: RediversificationQuery,
    ) -> Result<Rediversification, Error> {
        self.may_in(caller, May::Issue, &query.organisation).await?;
        let limit = page_length(query.limit)? as usize;
        let (read, master_key) = (self.authority.desk().db.read(), self.settings().master_key);
        let counted = cards::key_counts(read, &query.organisation, master_key).await?;
        let after = query.after.as_deref().unwrap_or_default();
        let mut rows =
            cards::of_other_masters(read, &query.organisation, master_key, after, more_than(limit)).await?;
        let next = next_of(&mut rows, limit, |row| row.card_id.clone());
        let whole = |number: i64| u64::try_from(number).unwrap_or_default();
        let (all, left): (i64, i64) =
            counted.iter().fold((0, 0), |sum, state| (sum.0 + state.cards, sum.1 + state.left));
        let in_state = |state: &cards::KeyCount| CardsLeft { state: state.state, cards: whole(state.left) };
        Ok(Rediversification {
            master_key,
            cards: whole(all),
            moved: whole(all - left),
            left: counted.iter().filter(|state| state.left > 0).map(in_state).collect(),
            page: rows.into_iter().map(info).collect(),
            next,
        })
    }

    /// Begins the errands that move cards, all or none.
    pub(crate) async fn rediversify(
        &self,
        caller: &Caller,
        once: Once,
        new: NewRediversification,
    ) -> Result<Answer, Error> {
        let organisation = self.may_begin(caller, &new.organisation, new.cards.len()).await?;
        for id in &new.cards {
            let card = self.found(id).await?;
            self.may(caller, May::Repair, &card).await?;
        }
        let mut opening = self.opening(Act::Repair, false, Actor::from(caller));
        let batch = begun(caller, organisation, new.cards.len(), &mut opening);
        let master = self.settings().master_key;
        self.do_once(once, opening.now, move |tx: &mut Tx| {
            Box::pin(async move {
                keep(tx, &batch, &opening).await?;
                let mut rows = Vec::with_capacity(new.cards.len());
                for id in new.cards {
                    let card = cards::by_id_in(tx, &id).await?;
                    // A card of somebody else's stock is as good as none.
                    let card = card.filter(|card| card.organisation == batch.organisation);
                    let card = card.ok_or(CardRefused::Unknown)?;
                    if !is_left(&card, master) {
                        return Err(CardRefused::KeysMoved(card.serial).into());
                    }
                    let (serial, state) = (card.serial.clone(), card.state);
                    rows.push(begun_row(opening.open(tx, card).await?, serial, state));
                }
                made(batch, &rows)
            })
        })
        .await
    }
}

/// Whether a card has a key from another master key than this one.
fn is_left(card: &Card, master: u32) -> bool {
    let management = match card.management {
        ManagementName::Factory => false,
        ManagementName::Derived(_, version) => version.master != master,
    };
    let puk = match card.puk {
        PukName::Factory => false,
        PukName::Derived(version) => version.master != master,
    };
    management || puk
}
