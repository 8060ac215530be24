//! Sending a link to the person it is for.

use audit::Actor;
use directory::api::{Letter, Told, tell_by_message};
use platform::caller::Caller;
use platform::clock::Millis;

use super::{Enrolment, LASTS, Purpose};
use crate::authenticator::AuthenticatorEvent;
use crate::error::Error;
use crate::provider::Provider;

/// Sends a link that was just made to every address that the register was shown to be its person's; says to how many. When this
/// returns it is on its way, and that is in the record. What is in the link lies in the database encrypted until it was sent, and is of no
/// use after half an hour.
pub(crate) async fn send(
    provider: &Provider,
    caller: &Caller,
    enrolment: &Enrolment,
    link: &str,
    now: Millis,
) -> Result<u32, Error> {
    let (letter, actor) = (letter(enrolment, link), Actor::from(caller));
    let (id, person) = (enrolment.id.to_string(), enrolment.person.clone());
    let sent = provider.db.write(move |tx| {
        Box::pin(async move {
            let addresses = match tell_by_message(tx, &person, &letter, now).await? {
                Told::Posted(addresses) => addresses,
                Told::Nowhere => return Ok(0),
                Told::Full => return Err(Error::Busy),
            };
            let event =
                AuthenticatorEvent::EnrolmentSent { enrolment: id, user: person.to_string(), addresses };
            audit::record(tx, now, &actor, &event).await?;
            Ok(addresses)
        })
    });
    sent.await
}

fn letter(enrolment: &Enrolment, link: &str) -> Letter {
    let what = match enrolment.purpose {
        Purpose::Recovery => "a new way to sign in, in the place of those that you have lost",
        Purpose::Issue | Purpose::Own => "another way to sign in",
    };
    let minutes = LASTS.as_secs() / 60;
    Letter {
        kind: "enrolment-link",
        subject: "Your link to set up a way to sign in".to_owned(),
        text: format!(
            "Your registration authority has made this link for you, with which you set up {what}:\n\n{link}\n\nIt works once, in \
             the first browser that opens it, for {minutes} minutes. Open it while you are with them or speak to them.\n\nIf you \
             did not expect it, do not open it, and tell your registration authority at once.\n"
        ),
        short: format!(
            "Set up {what}: {link} It works once, for {minutes} minutes. Not expected? Tell your registration authority."
        ),
        until: enrolment.expires_at,
    }
}
