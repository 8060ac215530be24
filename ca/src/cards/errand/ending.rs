//! Errands that end before they are done: no certificate is left that is on no card.
//!
//! First the errand is closed, so that no agent finishes it any more and nothing is certified for it any more; then its certificates
//! are found by what they were asked for with, whether or not they were written into its row, and revoked; then it has ended. A crash in
//! between leaves it closed, and the next turn of the schedule does the rest. A move of the card with which an errand does not go closes
//! it in its own transaction.

use audit::Actor;
use card::wire::relay::Act;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::approval::makes_keys;
use super::certify::{SLOTS, request_id};
use crate::api::{Reason, RevokeRequest};
use crate::authority::Authority;
use crate::cards::moving::Moving;
use crate::cards::{CLIENT, CancelReason, CardEvent, CardMove, CardState, letters};
use crate::error::Error;
use crate::failpoint;
use crate::grants::Reach;
use crate::store::cards::{self, ErrandRow};
use crate::store::certificates::State;
use crate::store::requests;

/// How many errands are ended in one turn.
const MOST: i64 = 100;

impl Authority {
    /// Ends errands whose time is over, and goes on with those whose end broke off. Failures are logged and tried again.
    pub async fn end_due_errands(&self) {
        let due = cards::due(self.desk().db.read(), self.desk().clock.now(), MOST).await;
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "errands of cards that are over could not be read: {error}");
                return;
            }
        };
        for errand in due {
            let id = errand.errand_id.clone();
            if let Err(error) = self.end_errand(errand, Actor::system("ca")).await {
                tracing::warn!(errand = %id, %error, "the errand {id} could not be ended: {error}");
            }
        }
    }

    /// Ends an errand that is not done.
    pub(crate) async fn end_errand(&self, errand: ErrandRow, actor: Actor) -> Result<(), Error> {
        let now = self.desk().clock.now();
        let closed = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { close(tx, &errand.errand_id, errand.ended_for, now).await })
            })
            .await?;
        // Without one it was done meanwhile, or has ended.
        let Some(errand) = closed else { return Ok(()) };
        failpoint::pass("ca.card-errand-closed");
        self.end_closed(errand, actor).await
    }

    /// Ends what was closed with a card that moved. What fails is logged: the schedule does the rest.
    pub(in crate::cards) async fn end_closed_errands(&self, card: &str, actor: &Actor) {
        let closed = match cards::closed_errands(self.desk().db.read(), card).await {
            Ok(closed) => closed,
            Err(error) => {
                tracing::warn!(card, %error, "errands that ended with the card {card} could not be read: {error}");
                return;
            }
        };
        for errand in closed {
            let id = errand.errand_id.clone();
            if let Err(error) = self.end_closed(errand, actor.clone()).await {
                tracing::warn!(errand = %id, %error, "the errand {id} could not be ended: {error}");
            }
        }
    }

    /// Does what is left to do for an errand that was closed. Where a certificate of it is being made at this moment it stays closed, and
    /// is ended by its agent's conversation or the next turn of the schedule.
    async fn end_closed(&self, errand: ErrandRow, actor: Actor) -> Result<(), Error> {
        let now = self.desk().clock.now();
        let Some(mut revoked) = self.revoke_certificates_of(&errand, &actor).await? else { return Ok(()) };
        if errand.act == Act::Renew {
            revoked.extend(self.revoke_keyless(&errand, &actor).await?);
        }
        failpoint::pass("ca.card-errand-revoked");
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if !cards::mark_ended(tx, &errand.errand_id, now).await? {
                        return Ok(());
                    }
                    let card = cards::by_id_in(tx, &errand.card_id).await?;
                    let renewing =
                        card.filter(|card| errand.act == Act::Renew && card.state == CardState::Renewing);
                    if let Some(card) = renewing {
                        // Without its keys it opens nothing any more, and its holder would learn that by being locked out.
                        let holder = card.user_id.as_deref().and_then(|user| user.parse::<UserId>().ok());
                        if let Some(holder) = holder.filter(|_| card.keys_changed_at.is_some()) {
                            letters::tell_renewal_broke_off(tx, &holder, now).await?;
                        }
                        Moving::by(CardMove::AbandonRenewal).apply(tx, card, &actor, now).await?;
                    }
                    let event = CardEvent::CardErrandEnded {
                        errand: errand.errand_id.clone(),
                        card: errand.card_id.clone(),
                        revoked,
                    };
                    audit::record(tx, now, &actor, &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Revokes what was certified for an errand that was closed; none while one is being made, which nobody can revoke yet.
    pub(super) async fn revoke_certificates_of(
        &self,
        errand: &ErrandRow,
        actor: &Actor,
    ) -> Result<Option<Vec<String>>, Error> {
        let reason = errand.ended_for.map_or(Reason::CessationOfOperation, CancelReason::revocation);
        let (mut revoked, mut whole) = (Vec::new(), true);
        for slot in SLOTS {
            let id = request_id(&errand.errand_id, slot);
            let found = requests::by_id(self.desk().db.read(), CLIENT, &id).await?;
            match found.map(|stored| (stored.state, stored.serial.to_string())) {
                Some((State::Issued, serial)) => {
                    self.revoke_of_card(&serial, reason, actor).await?;
                    revoked.push(serial);
                }
                Some((State::Reserved | State::Linted, _)) => whole = false,
                Some((State::Dropped | State::Abandoned, _)) | None => {}
            }
        }
        Ok(whole.then_some(revoked))
    }

    /// Revokes the certificates of a card whose renewal began to make other keys: theirs may be on no card any more.
    async fn revoke_keyless(&self, errand: &ErrandRow, actor: &Actor) -> Result<Vec<String>, Error> {
        let card = cards::by_id(self.desk().db.read(), &errand.card_id).await?;
        let Some(card) = card.filter(|card| card.keys_changed_at.is_some()) else { return Ok(Vec::new()) };
        let reason = errand.ended_for.map_or(Reason::Superseded, CancelReason::revocation);
        let serials: Vec<String> = card.serials().into_iter().flatten().collect();
        for serial in &serials {
            self.revoke_of_card(serial, reason, actor).await?;
        }
        Ok(serials)
    }

    /// Revokes a certificate of a card, where that is still to be done.
    pub(in crate::cards) async fn revoke_of_card(
        &self,
        serial: &str,
        reason: Reason,
        actor: &Actor,
    ) -> Result<(), Error> {
        let request = RevokeRequest { reason, invalidity_date: None };
        match self.revoke_as(serial, request, Reach::Subjects, actor.clone()).await {
            Ok(_) | Err(Error::AlreadyRevoked | Error::CertificateExpired) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Closes an errand to agents, in the transaction of whoever ends it, and gives it; none if it was done or has ended. From then on no
/// certificate is made for it: one that is being made at this moment was asked for before, and is found by its request.
pub(in crate::cards) async fn close(
    tx: &mut Tx,
    errand: &str,
    reason: Option<CancelReason>,
    now: Millis,
) -> Result<Option<ErrandRow>, Error> {
    let closed = cards::close_errand(tx, errand, reason, now).await?;
    if closed.as_ref().is_some_and(|errand| makes_keys(errand.act)) {
        for slot in SLOTS {
            requests::bar(tx, CLIENT, &request_id(errand, slot)).await?;
        }
    }
    Ok(closed)
}
