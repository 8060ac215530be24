//! Printing the face of a card, through CUPS. What is not printed cancels the card: a face that is spoilt, or that nobody knows the
//! whereabouts of, never goes with certificates that are good.
//!
//! That it is printed is written down before anything goes to the printer. Then the job is followed, and how it ended is written; certificates
//! go before the card. A crash in between leaves a print that goes on for too long: the schedule ends it as one that failed.

mod message;
mod printer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use audit::Actor;
use directory::api::CardAct as May;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::uuid_text;

use self::printer::Printer;
use super::moving::Moving;
use super::{
    Answer, CancelReason, CardEvent, CardMove, CardRefused, CardState, Cards, Expected, Once, TURNS,
};
use crate::api::{CardFaceForm, CardPrint};
use crate::authority::Authority;
use crate::error::Error;
use crate::failpoint;
use crate::store::cards::{self, Card, PrintRow, Serials};

/// How many faces one process has printed at a time.
pub(super) const MOST: usize = 32;
/// How many prints are ended in one turn.
const MOST_ENDED: i64 = 100;
/// A print that nobody follows any more is ended so long after its time is over.
const GRACE: Duration = Duration::from_mins(2);
/// What a printer says is kept to so many characters.
const LONGEST_WORDS: usize = 200;

impl Cards {
    /// Has the face of a card printed. The answer comes when that is written down; how it ends, [`Self::print`] tells.
    pub(crate) async fn begin_print(
        &self,
        caller: &Caller,
        id: &str,
        expected: Expected,
        once: Once,
    ) -> Result<Answer, Error> {
        let card = self.found(id).await?;
        self.may(caller, May::Issue, &card).await?;
        let now = self.now();
        if let Some(answer) = self.answered(&once, now).await? {
            return Ok(answer);
        }
        expected.demand(&card)?;
        printable(&card)?;
        let printer = self.settings().printer.as_deref().and_then(Printer::parse);
        let printer = printer.ok_or(CardRefused::NoPrinter)?;
        let permit = Arc::clone(&self.prints).try_acquire_owned().map_err(|_| CardRefused::PrintsBusy)?;
        // What cannot be drawn is no failed print: nothing went to the printer.
        let page = self.drawn(&card, CardFaceForm::Pdf).await?;
        let actor = Actor::from(caller);
        let print = PrintRow {
            print_id: uuid_text(now),
            card_id: card.card_id,
            state: "printing".to_owned(),
            words: None,
            subject: actor.subject.clone(),
            begun_at: now,
            ended_at: None,
        };
        let is_begun = Arc::new(AtomicBool::new(false));
        let answer = self.write_begun(once, now, (expected, print.clone(), actor.clone()), &is_begun).await?;
        if is_begun.load(Ordering::Acquire) {
            let (authority, patience) = (self.authority.clone(), self.print_patience());
            tokio::spawn(async move {
                let outcome = printer.print(&print.print_id, &page, patience).await;
                if let Err(words) = authority.end_print(&print, outcome, actor).await {
                    tracing::warn!(print = %print.print_id, error = %words, "how a card was printed could not be written: {words}");
                }
                drop(permit);
            });
        }
        Ok(answer)
    }

    async fn write_begun(
        &self,
        once: Once,
        now: Millis,
        (expected, print, actor): (Expected, PrintRow, Actor),
        is_begun: &Arc<AtomicBool>,
    ) -> Result<Answer, Error> {
        let is_begun = Arc::clone(is_begun);
        self.do_once(once, now, move |tx| {
            Box::pin(async move {
                let card = cards::by_id_in(tx, &print.card_id).await?.ok_or(CardRefused::Unknown)?;
                expected.demand(&card)?;
                printable(&card)?;
                if !cards::insert_print(tx, &print).await? {
                    return Err(CardRefused::PrintGoesOn.into());
                }
                let event = CardEvent::CardPrintBegun {
                    print: print.print_id.clone(),
                    card: print.card_id.clone(),
                    user_id: card.user_id.unwrap_or_default(),
                };
                audit::record(tx, now, &actor, &event).await?;
                is_begun.store(true, Ordering::Release);
                let location = format!("/ca/cards/{}/prints/{}", print.card_id, print.print_id);
                Ok(Answer { location: Some(location), ..Answer::json(201, &shown(print))? })
            })
        })
        .await
    }

    /// How a print stands.
    pub(crate) async fn print(&self, caller: &Caller, card: &str, id: &str) -> Result<CardPrint, Error> {
        let found = self.found(card).await?;
        self.may(caller, May::Issue, &found).await?;
        let print = cards::print(self.authority.desk().db.read(), card, id).await?;
        Ok(shown(print.ok_or(CardRefused::PrintUnknown)?))
    }

    fn print_patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.settings().print_seconds))
    }
}

impl Authority {
    /// Ends prints that nobody follows any more: whoever did has died. Failures are logged and tried again.
    pub async fn end_due_prints(&self) {
        let (config, now) = (&self.desk().config.cards, self.desk().clock.now());
        let patience = Duration::from_secs(u64::from(config.print_seconds)) + GRACE;
        let before = Millis(now.0 - i64::try_from(patience.as_millis()).unwrap_or(i64::MAX));
        let due = match cards::prints_from_before(self.desk().db.read(), before, MOST_ENDED).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "prints of cards that are over could not be read: {error}");
                return;
            }
        };
        for print in due {
            let outcome = Err("whether it was printed is not known".to_owned());
            if let Err(error) = self.end_print(&print, outcome, Actor::system("ca")).await {
                tracing::warn!(print = %print.print_id, %error, "a print of a card could not be ended: {error}");
            }
        }
    }

    /// Writes how a print ended. One that failed cancels the card: certificates first, so that a crash leaves a card that seems good and
    /// is not.
    async fn end_print(
        &self,
        print: &PrintRow,
        outcome: Result<(), String>,
        actor: Actor,
    ) -> Result<(), Error> {
        let words = outcome.err().map(|words| line(&words));
        for _ in 0..TURNS {
            let mut revoked = None;
            if words.is_some() {
                revoked = self.revoke_printed(&print.card_id, &actor).await?;
                failpoint::pass("ca.card-print-ending");
            }
            match self.write_ended(print, (words.as_deref(), revoked), &actor).await {
                // An errand was done meanwhile: the card may have other certificates, which come first too.
                Err(Error::Card(CardRefused::Changed)) => {}
                Ok(()) => {
                    self.end_closed_errands(&print.card_id, &actor).await;
                    return Ok(());
                }
                failed @ Err(_) => return failed,
            }
        }
        Err(CardRefused::Changed.into())
    }

    /// Writes it, if the card still has the certificates that were revoked.
    async fn write_ended(
        &self,
        print: &PrintRow,
        (words, revoked): (Option<&str>, Option<Serials>),
        actor: &Actor,
    ) -> Result<(), Error> {
        let (print, words, actor) = (print.clone(), words.map(str::to_owned), actor.clone());
        let now = self.desk().clock.now();
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let state = if words.is_none() { "printed" } else { "failed" };
                    if !cards::end_print(tx, &print.print_id, (state, words.as_deref()), now).await? {
                        return Ok(());
                    }
                    let card = cards::by_id_in(tx, &print.card_id).await?;
                    if let (Some(card), Some(words)) = (card, &words)
                        && CardMove::Cancel.leads(card.state).is_some()
                    {
                        if revoked.is_some_and(|revoked| revoked != card.serials()) {
                            return Err(CardRefused::Changed.into());
                        }
                        let cancelling = Moving {
                            reason: Some(CancelReason::PrintFailed),
                            note: Some(words.clone()),
                            ..Moving::by(CardMove::Cancel)
                        };
                        cancelling.apply_and_close(tx, card, &actor, now).await?;
                    }
                    let event =
                        CardEvent::CardPrintEnded { print: print.print_id, card: print.card_id, words };
                    audit::record(tx, now, &actor, &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Revokes the certificates of a card, and gives their serials.
    async fn revoke_printed(&self, card: &str, actor: &Actor) -> Result<Option<Serials>, Error> {
        let Some(card) = cards::by_id(self.desk().db.read(), card).await? else { return Ok(None) };
        let serials = card.serials();
        for serial in serials.iter().flatten() {
            self.revoke_of_card(serial, CancelReason::PrintFailed.revocation(), actor).await?;
        }
        Ok(Some(serials))
    }
}

/// Only a card that is kept for somebody, or is theirs, has a face.
fn printable(card: &Card) -> Result<(), CardRefused> {
    match card.state {
        CardState::Reserved | CardState::IssuedLocked | CardState::Active => Ok(()),
        state => Err(CardRefused::NotPrinted(state)),
    }
}

/// What a printer says, as one line that is not endless.
fn line(words: &str) -> String {
    words.chars().filter(|letter| !letter.is_control()).take(LONGEST_WORDS).collect()
}

fn shown(print: PrintRow) -> CardPrint {
    CardPrint {
        id: print.print_id,
        card: print.card_id,
        state: print.state,
        words: print.words,
        by: print.subject,
        begun_at: print.begun_at,
        ended_at: print.ended_at,
    }
}
