//! The session of a ticket, asked anew at each use.

use audit::Actor;
use platform::clock::Millis;

use super::ticket::Ticket;
use super::{Came, Cis1Event, Refusal};
use crate::error::Error;
use crate::oidc::limits;
use crate::provider::Provider;
use crate::session::{self, Session, Worth};
use crate::store::throttles;
use crate::store::tickets::{self, Kept};

/// What somebody shows a ticket for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// To fix a role.
    RoleSelection,
    /// To be told who it is.
    RoleAssertion,
    /// To sign out.
    Logout,
    /// To ask how long it lives.
    SessionUpdate,
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Self::RoleSelection => "role-selection",
            Self::RoleAssertion => "role-assertion",
            Self::Logout => "logout",
            Self::SessionUpdate => "session-update",
        }
    }
}

/// A ticket that was given out, whatever has become of its session.
pub(super) async fn given(provider: &Provider, text: &str) -> Result<Kept, Refusal> {
    if text.is_empty() {
        return Err(Refusal::TicketMissing);
    }
    let ticket = Ticket::parse(text).ok_or(Refusal::TicketUnknown)?;
    let kept = tickets::find(provider.db.read(), &ticket.hash()).await?;
    kept.ok_or(Refusal::TicketUnknown)
}

/// The live session of a ticket. Where its person has left or its card was revoked it ends now. Applications that ask do not make it
/// used, as relying parties do not.
pub(super) async fn live(
    provider: &Provider,
    text: &str,
    act: Act,
    came: Came,
) -> Result<(Kept, Session), Refusal> {
    let kept = given(provider, text).await?;
    if let Worth::Live(session) = session::by_sid(provider, &kept.sid, came.now).await? {
        return Ok((kept, session));
    }
    let cause = tickets::end_cause(provider.db.read(), &kept.session).await?;
    // One whose time is up and that nobody has ended yet.
    let refusal = Refusal::SessionOver(cause.unwrap_or_else(|| "expired".to_owned()));
    refused(provider, &kept, (act, &refusal), came).await?;
    Err(refusal)
}

/// How many refusals of one session's tickets are recorded, until two days pass without one.
const MOST: u32 = 32;

/// Records that a ticket of somebody was refused, once for each session, act, reason and network: whoever has a ticket can show it as often
/// as they like, and what is in the record stays; one that was stolen comes from elsewhere, and that is to be seen. Beyond so many of a
/// session, wherever they come from, they are counted and not written.
pub(super) async fn refused(
    provider: &Provider,
    kept: &Kept,
    (act, refusal): (Act, &Refusal),
    came: Came,
) -> Result<(), Error> {
    let event = Cis1Event::TicketRefused {
        session: kept.session.to_string(),
        user: kept.person.to_string(),
        act: act.word().to_owned(),
        reason: refusal.word().to_owned(),
        address: came.address_text(),
    };
    let network = limits::network(came.address);
    let whole = format!("ticket/{}", kept.session);
    let subject = format!("{whole}/{}/{}/{network}", act.word(), refusal.word());
    let now = came.now;
    provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let recorded = throttles::failures(&mut *tx, &whole, Millis(0)).await? < MOST
                    && throttles::count(tx, &subject, Millis(0), now).await?.is_none_or(|times| times == 1);
                if recorded {
                    throttles::count(tx, &whole, Millis(0), now).await?;
                    audit::record(tx, now, &Actor::system("authn"), &event).await?;
                } else {
                    metrics::counter!("authn_refusals_unrecorded_total").increment(1);
                }
                Ok(())
            })
        })
        .await
}
