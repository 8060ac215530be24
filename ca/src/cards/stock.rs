//! The acts of the API that need no card in a reader: places, registering, moving, and reading.

use audit::Actor;
use platform::caller::Caller;
use platform::db::Tx;
use platform::id::{OdsCode, UserId, uuid_text};

use directory::api::CardAct as May;

use super::moving::Moving;
use super::once::tag;
use super::stock_info::{act, info, more_than, next_of};
use super::{
    Answer, CardEvent, CardMove, CardRefused, CardState, Cards, Expected, ManagementName, Once, PukName,
    TURNS,
};
use crate::api::{
    CardActPage, CardActQuery, CardInfo, CardLocation, CardLocationPage, CardLocationQuery, CardPage,
    CardQuery, MoveCard, NewCardLocation, NewCards, Reason, RevokeRequest,
};
use crate::error::Error;
use crate::failpoint;
use crate::search::page_length;
use crate::store::cards::{self, Card, Filter, Location};

/// The longest name of a place, and the longest note, in characters.
const LONGEST_NAME: usize = 80;
pub(super) const LONGEST_NOTE: usize = 200;
/// How many cards are registered at once.
const MOST_CARDS: usize = 500;

impl Cards {
    /// Makes a place for cards.
    pub(crate) async fn add_location(
        &self,
        caller: &Caller,
        once: Once,
        new: NewCardLocation,
    ) -> Result<Answer, Error> {
        let organisation: OdsCode =
            new.organisation.parse().map_err(|_| field("organisation", "an ODS code"))?;
        let name = line("name", &new.name, LONGEST_NAME)?;
        if name.is_empty() {
            return Err(field("name", "one line of 1 to 80 letters"));
        }
        self.may_in(caller, May::Issue, &organisation.to_string()).await?;
        let (now, actor) = (self.now(), Actor::from(caller));
        let place = Location {
            location_id: uuid_text(now),
            organisation: organisation.to_string(),
            name,
            made_at: now,
        };
        self.do_once(once, now, move |tx| {
            Box::pin(async move {
                if !cards::insert_location(tx, &place).await? {
                    return Err(CardRefused::LocationExists.into());
                }
                let event = CardEvent::CardLocationMade {
                    location: place.location_id.clone(),
                    organisation: place.organisation.clone(),
                };
                audit::record(tx, now, &actor, &event).await?;
                let location = format!("/ca/card-locations/{}", place.location_id);
                Ok(Answer { location: Some(location), ..Answer::json(201, &shown(place))? })
            })
        })
        .await
    }

    /// The places of an organisation.
    pub(crate) async fn locations(
        &self,
        caller: &Caller,
        query: CardLocationQuery,
    ) -> Result<CardLocationPage, Error> {
        self.may_in(caller, May::Issue, &query.organisation).await?;
        let limit = page_length(query.limit)? as usize;
        let read = self.authority.desk().db.read();
        let after = query.after.as_deref().unwrap_or_default();
        let mut rows = cards::locations(read, &query.organisation, after, more_than(limit)).await?;
        let next = next_of(&mut rows, limit, |row| row.location_id.clone());
        Ok(CardLocationPage { locations: rows.into_iter().map(shown).collect(), next })
    }

    /// Registers cards in stock, or on their way: all or none.
    pub(crate) async fn register(&self, caller: &Caller, once: Once, new: NewCards) -> Result<Answer, Error> {
        if new.serials.is_empty() || new.serials.len() > MOST_CARDS {
            return Err(field("serials", "1 to 500 serial numbers"));
        }
        if !new.serials.iter().all(|serial| is_serial(serial)) {
            return Err(field("serials", "as the card says them, in decimal"));
        }
        let place = self.place(&new.location).await?;
        self.may_in(caller, May::Issue, &place.organisation).await?;
        let (now, actor) = (self.now(), Actor::from(caller));
        let state = if new.ordered { CardState::Ordered } else { CardState::InStock };
        self.do_once(once, now, move |tx| {
            Box::pin(async move {
                let mut made = Vec::with_capacity(new.serials.len());
                for serial in new.serials {
                    let card = blank(serial, &place, state, now);
                    if !cards::insert(tx, &card).await? {
                        return Err(CardRefused::SerialExists(card.serial).into());
                    }
                    let event = CardEvent::CardRegistered {
                        card: card.card_id.clone(),
                        serial: card.serial.clone(),
                        location: card.location_id.clone(),
                    };
                    audit::record(tx, now, &actor, &event).await?;
                    made.push(info(card));
                }
                Answer::json(201, &CardPage { cards: made, next: None })
            })
        })
        .await
    }

    /// One card.
    pub(crate) async fn card(&self, caller: &Caller, id: &str) -> Result<CardInfo, Error> {
        let card = self.found(id).await?;
        self.may_see(caller, &card).await?;
        Ok(info(card))
    }

    /// Cards of an organisation's stock, of a person, or with a serial number.
    pub(crate) async fn page(&self, caller: &Caller, query: CardQuery) -> Result<CardPage, Error> {
        let limit = page_length(query.limit)? as usize;
        let filter = Filter {
            organisation: query.organisation,
            state: query.state,
            user_id: query.user_id,
            serial: query.serial,
            location_id: query.location,
        };
        let read = self.authority.desk().db.read();
        let after = query.after.as_deref().unwrap_or_default();
        let page = cards::page(read, &filter, after, more_than(limit));
        let mut rows = match (&filter.organisation, &filter.user_id, &filter.serial) {
            (Some(organisation), _, _) => {
                self.may_in(caller, May::Issue, organisation).await?;
                page.await?
            }
            (None, Some(person), _) => {
                self.may_see_of(caller, person).await?;
                page.await?
            }
            (None, None, Some(_)) => {
                let rows = page.await?;
                for row in &rows {
                    self.may_see(caller, row).await?;
                }
                rows
            }
            (None, None, None) => {
                return Err(field("organisation", "give an organisation, a user_id or a serial number"));
            }
        };
        let next = next_of(&mut rows, limit, |row| row.card_id.clone());
        Ok(CardPage { cards: rows.into_iter().map(info).collect(), next })
    }

    /// What happened to a card.
    pub(crate) async fn acts(
        &self,
        caller: &Caller,
        id: &str,
        query: CardActQuery,
    ) -> Result<CardActPage, Error> {
        let card = self.found(id).await?;
        self.may(caller, May::Issue, &card).await?;
        let limit = page_length(query.limit)? as usize;
        let after = query.after.as_deref().unwrap_or_default();
        let read = self.authority.desk().db.read();
        let mut rows = cards::acts(read, id, after, more_than(limit)).await?;
        let next = next_of(&mut rows, limit, |row| row.act_id.clone());
        Ok(CardActPage { acts: rows.into_iter().map(act).collect(), next })
    }

    /// Moves a card. Where it is cancelled, suspended or resumed, its certificates are before it: then a process that dies in between
    /// leaves a card that seems to be good and is not, and never the other way round. The same move again does the rest.
    pub(crate) async fn move_card(
        &self,
        caller: &Caller,
        id: &str,
        expected: Expected,
        once: Once,
        asked: MoveCard,
    ) -> Result<Answer, Error> {
        let (moving, actor) = (self.moving(asked).await?, Actor::from(caller));
        for _ in 0..TURNS {
            let card = self.found(id).await?;
            self.may_move(caller, &moving, &card).await?;
            if let Some(answer) = self.answered(&once, self.now()).await? {
                return Ok(answer);
            }
            expected.demand(&card)?;
            if moving.step.leads(card.state).is_none() {
                return Err(CardRefused::NoSuchMove { state: card.state, step: moving.step }.into());
            }
            self.certificates_first(caller, &moving, &card).await?;
            failpoint::pass("ca.card-moving");
            match self.move_read(&moving, &card, (expected, once.clone()), &actor).await {
                // An errand was done meanwhile: the card may have other certificates, which come first too.
                Err(Error::Card(CardRefused::Changed)) if expected == Expected::Any => {}
                Ok(answer) => {
                    self.authority.end_closed_errands(id, &actor).await;
                    return Ok(answer);
                }
                refused @ Err(_) => return refused,
            }
        }
        Err(CardRefused::Changed.into())
    }

    /// Moves a card whose certificates were seen to as it was read, if it still has those.
    async fn move_read(
        &self,
        moving: &Moving,
        read: &Card,
        (expected, once): (Expected, Once),
        actor: &Actor,
    ) -> Result<Answer, Error> {
        let (id, serials, now) = (read.card_id.clone(), read.serials(), self.now());
        let (moving, actor) = (moving.clone(), actor.clone());
        self.do_once(once, now, move |tx: &mut Tx| {
            Box::pin(async move {
                let card = cards::by_id_in(tx, &id).await?.ok_or(CardRefused::Unknown)?;
                expected.demand(&card)?;
                if card.serials() != serials {
                    return Err(CardRefused::Changed.into());
                }
                let card = moving.apply_and_close(tx, card, &actor, now).await?;
                let etag = Some(tag(card.version));
                Ok(Answer { etag, ..Answer::json(200, &info(card))? })
            })
        })
        .await
    }

    /// Reads what is asked, and refuses what is not complete or is the end of an errand.
    async fn moving(&self, asked: MoveCard) -> Result<Moving, Error> {
        use CardMove as M;
        if matches!(
            asked.step,
            M::Issue
                | M::IssueLocked
                | M::Unlock
                | M::BeginRenewal
                | M::FinishRenewal
                | M::AbandonRenewal
                | M::Clear
        ) {
            return Err(CardRefused::MoveOfErrand(asked.step).into());
        }
        let person = |name, text: &Option<String>| {
            let read = text.as_deref().map(|text| text.parse::<UserId>().map(|id| id.to_string()));
            read.transpose().map_err(|_| field(name, "a user id of twelve digits"))
        };
        let place = match &asked.location {
            Some(id) => {
                let place = self.place(id).await?;
                Some((place.location_id, place.organisation))
            }
            None => None,
        };
        let note = asked.note.map(|note| line("note", &note, LONGEST_NOTE)).transpose()?;
        let (user_id, witness) = (person("user_id", &asked.user_id)?, person("witness", &asked.witness)?);
        let moving = Moving { step: asked.step, user_id, place, reason: asked.reason, witness, note };
        moving.check()?;
        Ok(moving)
    }

    async fn may_move(&self, caller: &Caller, moving: &Moving, card: &Card) -> Result<(), Error> {
        let act = match moving.step {
            CardMove::Lock => May::Unlock,
            CardMove::Suspend | CardMove::Resume | CardMove::Cancel => May::Cancel,
            CardMove::Restock | CardMove::Destroy => May::Clear,
            _ => May::Issue,
        };
        self.may(caller, act, card).await?;
        if let Some(person) = &moving.user_id {
            self.may_to(caller, May::Issue, person).await?;
        }
        if let Some((_, organisation)) = &moving.place {
            self.may_in(caller, May::Issue, organisation).await?;
        }
        if moving.witness.as_deref() == Some(caller.subject.as_str()) {
            return Err(field("witness", "somebody else than who destroys the card"));
        }
        Ok(())
    }

    pub(super) async fn certificates_first(
        &self,
        caller: &Caller,
        moving: &Moving,
        card: &Card,
    ) -> Result<(), Error> {
        for serial in [&card.authentication, &card.signature].into_iter().flatten() {
            let reason = match moving.step {
                CardMove::Cancel => moving.reason.map(super::CancelReason::revocation),
                CardMove::Suspend => Some(Reason::CertificateHold),
                CardMove::Resume => {
                    match self.authority.resume(serial, caller).await {
                        // As it should be already, or ended by itself meanwhile.
                        Ok(_) | Err(Error::NotHeld) => {}
                        Err(Error::AlreadyRevoked) if card.keys_changed_at.is_some() => {}
                        Err(error) => return Err(error),
                    }
                    continue;
                }
                _ => None,
            };
            let Some(reason) = reason else { continue };
            let request = RevokeRequest { reason, invalidity_date: None };
            match self.authority.revoke(serial, request, caller).await {
                Ok(_) | Err(Error::CertificateExpired) => {}
                // Those of a card whose renewal broke off are revoked already.
                Err(Error::AlreadyRevoked)
                    if moving.step == CardMove::Cancel || card.keys_changed_at.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A place that there is.
    async fn place(&self, id: &str) -> Result<Location, Error> {
        let found = cards::location(self.authority.desk().db.read(), id).await?;
        found.ok_or_else(|| CardRefused::LocationUnknown.into())
    }

    /// A card that there is.
    pub(super) async fn found(&self, id: &str) -> Result<Card, Error> {
        let found = cards::by_id(self.authority.desk().db.read(), id).await?;
        found.ok_or_else(|| CardRefused::Unknown.into())
    }

    /// What was answered before to the same request.
    pub(super) async fn answered(
        &self,
        once: &Once,
        now: platform::clock::Millis,
    ) -> Result<Option<Answer>, Error> {
        let (once, hours) = (once.clone(), self.settings().idempotency_hours);
        let db = &self.authority.desk().db;
        db.write(move |tx: &mut Tx| Box::pin(async move { once.before(tx, now, hours).await })).await
    }

    /// Does something in one transaction, unless the same request was done before; then gives its answer again.
    pub(super) async fn do_once<F>(
        &self,
        once: Once,
        now: platform::clock::Millis,
        job: F,
    ) -> Result<Answer, Error>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> platform::db::JobFuture<'t, Answer, Error> + Send + 'static,
    {
        let hours = self.settings().idempotency_hours;
        self.authority
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if let Some(answer) = once.before(tx, now, hours).await? {
                        return Ok(answer);
                    }
                    let answer = job(&mut *tx).await?;
                    once.keep(tx, &answer, now).await?;
                    Ok(answer)
                })
            })
            .await
    }
}

/// A serial number as cards say it, in decimal.
pub(super) fn is_serial(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|number| number.to_string() == text)
}

/// A card that nobody has had.
fn blank(serial: String, place: &Location, state: CardState, now: platform::clock::Millis) -> Card {
    Card {
        card_id: uuid_text(now),
        serial,
        location_id: place.location_id.clone(),
        organisation: place.organisation.clone(),
        state,
        earlier: None,
        user_id: None,
        reason: None,
        management: ManagementName::Factory,
        management_next: None,
        puk: PukName::Factory,
        puk_next: None,
        puk_exposed_at: None,
        puk_seen_at: None,
        keys_changed_at: None,
        secure_identifier: None,
        refused: Vec::new(),
        authentication: None,
        signature: None,
        version: 1,
        made_at: now,
        changed_at: now,
    }
}

pub(super) fn field(field: &'static str, sentence: &str) -> Error {
    Error::RequestInvalid { field, sentence: sentence.to_owned() }
}

pub(super) fn line(name: &'static str, text: &str, longest: usize) -> Result<String, Error> {
    let text = text.trim();
    if text.chars().count() > longest || text.chars().any(char::is_control) {
        return Err(field(name, &format!("one line of {longest} letters at most")));
    }
    Ok(text.to_owned())
}

fn shown(place: Location) -> CardLocation {
    CardLocation { id: place.location_id, organisation: place.organisation, name: place.name }
}
