//! A holder's own cards, and the renewal that they begin and go on with at their own desk.

use audit::Actor;
use card::wire::relay::Act;
use directory::api::CardAct as May;
use platform::caller::Caller;
use platform::db::{self, Tx};

use super::begin::info;
use super::giving_way::end_untouched;
use super::window::{Place, Window};
use crate::api::{OwnCard, OwnCards, OwnRenewal, RelayTicket};
use crate::cards::{CardRefused, CardState, Cards};
use crate::error::Error;
use crate::store::cards::{self, Card, ErrandRow};

/// How many cards of somebody are told.
const MOST: i64 = 50;

impl Cards {
    /// The cards that somebody has.
    pub(crate) async fn own_cards(&self, holder: &Caller) -> Result<OwnCards, Error> {
        let rows = cards::held_by(self.authority.desk().db.read(), &holder.subject, MOST).await?;
        let mut own = Vec::with_capacity(rows.len());
        for card in rows {
            own.push(self.as_own(card).await?);
        }
        Ok(OwnCards { cards: own })
    }

    /// One of them.
    pub(crate) async fn own_card(&self, holder: &Caller, id: &str) -> Result<OwnCard, Error> {
        self.as_own(self.owned(holder, id).await?).await
    }

    /// A ticket for the renewal of one of them, which is begun if it is not open.
    pub(crate) async fn renew_own(&self, holder: &Caller, id: &str) -> Result<RelayTicket, Error> {
        let card = self.owned(holder, id).await?;
        self.may(holder, May::Renew, &card).await?;
        if self.settings().relay_address().is_none() {
            return Err(CardRefused::NoAddress.into());
        }
        let errand = match self.open_errand(&card.card_id).await? {
            Some(open) if open.act == Act::Renew => open.errand_id,
            Some(_) => return Err(CardRefused::ErrandOpen.into()),
            None => self.begin_own(holder, &card).await?,
        };
        self.ticket(holder, &card.card_id, &errand).await
    }

    /// Gives up the renewal of one of them, of which nothing is done yet. What has begun to change the card is gone on with, or is given up
    /// by the registration authority.
    pub(crate) async fn give_up_own(&self, holder: &Caller, id: &str) -> Result<OwnCard, Error> {
        let card = self.owned(holder, id).await?;
        self.may(holder, May::Renew, &card).await?;
        let open = self.open_errand(&card.card_id).await?.filter(|errand| errand.act == Act::Renew);
        let errand = open.ok_or(CardRefused::ErrandUnknown)?.errand_id;
        let (now, actor) = (self.now(), Actor::from(holder));
        let db = &self.authority.desk().db;
        db.write(move |tx: &mut Tx| {
            Box::pin(async move { end_untouched(tx, &errand, &actor, now).await.map(drop) })
        })
        .await?;
        self.own_card(holder, id).await
    }

    async fn begin_own(&self, holder: &Caller, card: &Card) -> Result<String, Error> {
        self.demand_window(holder, card).await?;
        let opening = self.opening(Act::Renew, false, Actor::from(holder));
        let id = card.card_id.clone();
        let db = &self.authority.desk().db;
        db.write(move |tx: &mut Tx| {
            Box::pin(async move {
                let card = cards::by_id_in(tx, &id).await?.ok_or(CardRefused::Unknown)?;
                Ok::<_, Error>(opening.open(tx, card).await?.errand_id)
            })
        })
        .await
    }

    /// A card that this holder has. Somebody else's is as good as none.
    async fn owned(&self, holder: &Caller, id: &str) -> Result<Card, Error> {
        let card = self.found(id).await?;
        let own = card.user_id.as_deref() == Some(holder.subject.as_str()) && card.state.is_held();
        if own { Ok(card) } else { Err(CardRefused::Unknown.into()) }
    }

    async fn open_errand(&self, card: &str) -> Result<Option<ErrandRow>, Error> {
        let mut read = self.authority.desk().db.read().acquire().await.map_err(db::Error::from)?;
        Ok(cards::open_errand(&mut read, card).await?)
    }

    async fn as_own(&self, card: Card) -> Result<OwnCard, Error> {
        let window = self.window(&card).await?;
        let errand = self.open_errand(&card.card_id).await?;
        let open = errand.as_ref().map(|errand| (errand.act, self.demand_approved(errand)));
        Ok(OwnCard {
            renewal: renewal(&card, open, &window),
            id: card.card_id,
            serial: card.serial,
            state: card.state,
            ends_at: window.end,
            opens_at: window.opens,
            closes_at: window.over,
            errand: errand.map(info),
        })
    }
}

/// What the holder of a card can do about its renewal. `open` is what is being done with it, and whether a ticket is given for that.
fn renewal(card: &Card, open: Option<(Act, Result<(), CardRefused>)>, window: &Window) -> OwnRenewal {
    match (open, card.state) {
        (Some((Act::Renew, Ok(()))), _) => OwnRenewal::UnderWay,
        (Some((Act::Renew, Err(_))), _) => OwnRenewal::Unapproved,
        // One that has just ended is not told of any more, and its card follows within moments.
        (Some(_), _) | (None, CardState::Renewing) => OwnRenewal::Busy,
        (None, CardState::PinLocked | CardState::IssuedLocked) => OwnRenewal::Locked,
        (None, CardState::Active) => match window.place {
            Place::InWindow => OwnRenewal::Open,
            Place::InGrace => OwnRenewal::InGrace,
            Place::After(_) => OwnRenewal::TooLate,
            Place::Before(_) if card.keys_changed_at.is_some() => OwnRenewal::BrokeOff,
            Place::Before(_) => OwnRenewal::TooEarly,
        },
        (None, _) => OwnRenewal::OnHold,
    }
}
