//! `authlogout`: the agent gives a ticket back, because its holder signs out or takes the card out.

use super::activation::demand;
use super::message::{Answer, Message};
use super::standing::{Act, given, refused};
use super::{Came, Refusal};
use crate::error::Error;
use crate::provider::Provider;
use crate::session::{EndCause, end_in, holder};

/// Ends the session of a ticket, with everything that was granted in it. One that has ended already stays as it is.
pub(crate) async fn sign_out(provider: &Provider, message: &Message, came: Came) -> Result<Answer, Refusal> {
    demand(message, "LOGOUT")?;
    let kept = given(provider, message.get("sso_ticket")).await?;
    if message.get("uid") != kept.person.as_str() {
        refused(provider, &kept, (Act::Logout, &Refusal::TicketUnknown), came).await?;
        return Err(Refusal::TicketUnknown);
    }
    let ended: Result<(), Error> = provider
        .db
        .write(move |tx| {
            Box::pin(async move {
                let actor = holder(&kept.person, Some(&kept.session));
                end_in(tx, &kept.session, EndCause::SignedOut, &actor, came.now).await?;
                Ok(())
            })
        })
        .await;
    ended?;
    Ok(Answer::new(&provider.config.issuer)
        .with("log_session_id", message.get("log_session_id"))
        .with("service", "LOGOUT"))
}
