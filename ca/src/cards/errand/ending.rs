//! Errands that end before they are done: no certificate is left that is on no card.
//!
//! First the errand is closed, so that no agent finishes it any more; then its certificates are found by what they were asked for
//! with, whether or not they were written into its row, and revoked; then it has ended. A crash in between leaves it closed, and the
//! next turn of the schedule does the rest.

use audit::Actor;
use card::wire::relay::Act;
use platform::db::Tx;

use super::certify::request_id;
use crate::api::{Reason, RevokeRequest};
use crate::authority::Authority;
use crate::cards::moving::Moving;
use crate::cards::{CLIENT, CardEvent, CardMove, CardState};
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
        let closing = errand.clone();
        let closed = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { Ok::<_, Error>(cards::close_errand(tx, &closing, now).await?) })
            })
            .await?;
        if !closed {
            // It was done meanwhile, or has ended.
            return Ok(());
        }
        failpoint::pass("ca.card-errand-closed");
        let Some(revoked) = self.revoke_certificates_of(&errand, &actor).await? else {
            // It stays closed, and the next turn of the schedule looks again.
            return Ok(());
        };
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

    /// Revokes what was made for an errand; none while something of it is still being made.
    pub(super) async fn revoke_certificates_of(
        &self,
        errand: &ErrandRow,
        actor: &Actor,
    ) -> Result<Option<Vec<String>>, Error> {
        let (mut revoked, mut in_the_making) = (Vec::new(), false);
        for slot in ["9a", "9c"] {
            let id = request_id(&errand.errand_id, slot);
            let Some(stored) = requests::by_id(self.desk().db.read(), CLIENT, &id).await? else { continue };
            match stored.state {
                State::Issued => {}
                State::Reserved | State::Linted => {
                    in_the_making = true;
                    continue;
                }
                State::Dropped | State::Abandoned => continue,
            }
            let serial = stored.serial.to_string();
            let request = RevokeRequest { reason: Reason::CessationOfOperation, invalidity_date: None };
            match self.revoke_as(&serial, request, Reach::Subjects, actor.clone()).await {
                Ok(_) | Err(Error::AlreadyRevoked | Error::CertificateExpired) => revoked.push(serial),
                Err(error) => return Err(error),
            }
        }
        Ok((!in_the_making).then_some(revoked))
    }
}
