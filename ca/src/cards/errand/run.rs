//! One agent goes on with an errand.

use std::time::Duration;

use audit::Actor;
use card::wire::relay::{Act, ToAgent};
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::fault::Fault;
use super::opened::follow;
use super::opening::demand_goes_on;
use super::{Hand, Step};
use crate::cards::moving::Moving;
use crate::cards::{CardEvent, CardMove, CardRefused, Cards, letters};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::failpoint;
use crate::store::cards::{self, Card, ErrandRow, RunTime};

/// However it goes, an agent's conversation is over after so long.
pub(crate) const LONGEST_RUN: Duration = Duration::from_mins(20);

/// An errand under way.
pub(super) struct Run {
    pub(super) cards: Cards,
    pub(super) card: Card,
    pub(super) errand: ErrandRow,
    pub(super) hand: Hand,
    pub(super) actor: Actor,
}

impl Cards {
    /// Whether a ticket is good now; it is not taken yet.
    pub(crate) async fn knows_ticket(&self, ticket: &str) -> Result<(), Error> {
        let hash = sha256_hex(ticket.as_bytes());
        let found = cards::by_ticket(self.authority.desk().db.read(), &hash, self.now()).await?;
        found.map(drop).ok_or_else(|| CardRefused::TicketRefused.into())
    }

    /// Takes a ticket. Whoever went on with the errand before writes nothing more.
    ///
    /// From now on there is time for a whole conversation, since an errand that ends in the middle of one may leave a card in use without
    /// its certificates. However often it is gone on with, no conversation begins later than [`LONGEST_RUN`] after its first end.
    pub(crate) async fn take_ticket(&self, ticket: &str) -> Result<ErrandRow, Error> {
        let (now, hash) = (self.now(), sha256_hex(ticket.as_bytes()));
        let first = Duration::from_mins(u64::from(self.settings().errand_minutes));
        let time = RunTime { begun_after: now.minus(first + LONGEST_RUN), until: now.plus(LONGEST_RUN) };
        let db = &self.authority.desk().db;
        db.write(move |tx: &mut Tx| {
            Box::pin(async move {
                let errand = cards::start_run(tx, &hash, time, now).await?;
                let errand = errand.ok_or(CardRefused::TicketRefused)?;
                let event = CardEvent::CardErrandResumed {
                    errand: errand.errand_id.clone(),
                    card: errand.card_id.clone(),
                    run: errand.run,
                };
                audit::record(tx, now, &actor_of(&errand), &event).await?;
                Ok::<_, Error>(errand)
            })
        })
        .await
    }

    /// Goes on with an errand until it is done or stops, and gives what the agent is told at the end.
    pub(crate) async fn carry_out(&self, errand: ErrandRow, hand: Hand) -> Result<ToAgent, Error> {
        let card = self.found(&errand.card_id).await?;
        let actor = actor_of(&errand);
        let mut run = Run { cards: self.clone(), card, errand, hand, actor };
        let outcome = run.carry_out().await;
        let act = run.errand.act.word();
        match outcome {
            Ok(()) => {
                metrics::counter!("ca_card_errands_total", "act" => act, "outcome" => "done").increment(1);
                Ok(run.hand.end(true, "The card is ready. You can take it out."))
            }
            Err(fault) => {
                metrics::counter!("ca_card_errands_total", "act" => act, "outcome" => "stopped").increment(1);
                let words = fault.to_string();
                tracing::warn!(errand = %run.errand.errand_id, act, %fault, "an errand stopped: {fault}");
                // It may have been closed while a certificate was made for it.
                run.cards.authority.end_closed_errands(&run.card.card_id, &Actor::system("ca")).await;
                run.keep_fault(&words).await?;
                Ok(run.hand.end(false, &words))
            }
        }
    }
}

/// Who began an errand.
pub(super) fn actor_of(errand: &ErrandRow) -> Actor {
    serde_json::from_str(&errand.actor).unwrap_or_else(|_| Actor::system("ca"))
}

impl Run {
    async fn carry_out(&mut self) -> Result<(), Fault> {
        demand_goes_on(&self.errand, &self.card).map_err(Error::from)?;
        match self.errand.act {
            Act::Issue | Act::Renew => self.issue().await,
            Act::Unlock => self.unlock().await,
            Act::Repair => self.repair().await,
            Act::Clear => self.clear().await,
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.cards.now()
    }

    /// The card is the one that the errand is about.
    async fn recognise(&mut self) -> Result<(), Fault> {
        let found = self.hand.with(|piv| match piv.serial() {
            Err(card::piv::Error::Unsupported { .. }) => Ok(None),
            said => said.map(Some),
        });
        let found = found.await?.ok_or(Fault::NoSerial)?.to_string();
        if found == self.card.serial {
            return Ok(());
        }
        Err(Fault::OtherCard { found, expected: self.card.serial.clone() })
    }

    /// The card is the right one, its holder is there if it is renewed, and it has no unblocking key any more that was told to anybody or
    /// went by a workstation in an errand that was not done: nothing else is done before.
    pub(super) async fn meet(&mut self) -> Result<(), Fault> {
        self.recognise().await?;
        self.protect().await?;
        if self.errand.act == Act::Renew {
            // The agent lets nothing of a renewal through before.
            self.hand.enter_passcode().await?;
        }
        if self.card.puk_must_go() {
            self.take_puk(self.next_puk()).await?;
            failpoint::pass("ca.card-told-key-changed");
        }
        Ok(())
    }

    /// Writes that a step was done.
    ///
    /// A crash before the row has the step done again; after it, it is done.
    pub(super) async fn advance(&mut self, step: Step) -> Result<(), Fault> {
        self.errand.step = step;
        self.write(Vec::new()).await
    }

    /// Writes where the errand stands and which keys the card has, with these events; nothing of it if another agent goes on.
    pub(super) async fn write(&mut self, events: Vec<CardEvent>) -> Result<(), Fault> {
        self.write_and_move(events, None).await
    }

    /// The same, with a move of a card that the register has as locked and that is not.
    pub(super) async fn write_and_move(
        &mut self,
        events: Vec<CardEvent>,
        moving: Option<Moving>,
    ) -> Result<(), Fault> {
        let (card, errand, actor, now) =
            (self.card.clone(), self.errand.clone(), self.actor.clone(), self.now());
        let db = &self.cards.authority.desk().db;
        let written = db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if !cards::keep_step(tx, &errand, now).await? {
                        return Ok(None);
                    }
                    cards::set_keys(tx, &card, now).await?;
                    let state = match &moving {
                        Some(moving) => follow(tx, moving, &card, (&actor, now)).await?,
                        None => card.state,
                    };
                    for event in &events {
                        audit::record(tx, now, &actor, event).await?;
                    }
                    Ok::<_, Error>(Some(state))
                })
            })
            .await?;
        self.card.state = written.ok_or(Fault::Superseded)?;
        Ok(())
    }

    /// The errand is done, and the card is moved by it: one transaction.
    pub(super) async fn finish(&mut self, step: Option<CardMove>) -> Result<(), Fault> {
        self.errand.step = Step::Done;
        failpoint::pass("ca.card-finishing");
        let (errand, actor, now) = (self.errand.clone(), self.actor.clone(), self.now());
        let certificates = (self.errand.authentication.clone(), self.errand.signature.clone());
        let keys = Card { keys_changed_at: None, ..self.card.clone() };
        let holder = self.errand.user_id.as_deref().and_then(|user| user.parse::<UserId>().ok());
        let db = &self.cards.authority.desk().db;
        let finished = db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if !cards::mark_done(tx, &errand, now).await? {
                        return Ok(false);
                    }
                    let mut card = cards::by_id_in(tx, &keys.card_id).await?.ok_or(CardRefused::Unknown)?;
                    demand_goes_on(&errand, &card)?;
                    if let (Some(authentication), Some(signature)) = certificates {
                        (card.authentication, card.signature) = (Some(authentication), Some(signature));
                    }
                    if matches!(errand.act, Act::Issue | Act::Renew | Act::Clear) {
                        cards::set_keys(tx, &keys, now).await?;
                    }
                    if let Some(step) = step {
                        Moving::by(step).apply(tx, card, &actor, now).await?;
                    }
                    let event = CardEvent::CardErrandDone {
                        errand: errand.errand_id.clone(),
                        card: keys.card_id,
                        act: errand.act.word().to_owned(),
                        attested: errand.attested.clone(),
                    };
                    audit::record(tx, now, &actor, &event).await?;
                    if let Some(holder) = holder {
                        letters::tell_done(tx, &holder, &errand, now).await?;
                    }
                    Ok::<_, Error>(true)
                })
            })
            .await?;
        failpoint::pass("ca.card-finished");
        if finished { Ok(()) } else { Err(Fault::Superseded) }
    }

    async fn keep_fault(&self, words: &str) -> Result<(), Error> {
        let (errand, words, now) = (self.errand.clone(), words.to_owned(), self.now());
        let db = &self.cards.authority.desk().db;
        db.write(move |tx: &mut Tx| {
            Box::pin(async move { Ok::<_, Error>(cards::set_fault(tx, &errand, &words, now).await?) })
        })
        .await
    }
}
