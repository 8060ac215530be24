//! Telling people that a way to sign in was added or removed by whoever was signed in as them: it may have been somebody else, with what
//! their browser holds.

use std::time::Duration;

use directory::api::{Letter, Told, tell_by_message};
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use crate::error::Error;
use crate::interaction::Method;
use crate::pages::{label, moment};

/// Until when the holder is told of it.
const TOLD_WITHIN: Duration = Duration::from_hours(72);

/// What was done to a way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
}

/// Tells somebody, in the transaction of the act and where the register was shown an address of theirs. The name of the authenticator is
/// not said: whoever did it could have chosen it.
pub(crate) async fn notify_in(
    tx: &mut Tx,
    person: &UserId,
    (done, method): (Done, Method),
    now: Millis,
) -> Result<(), Error> {
    if tell_by_message(tx, person, &letter(done, method, now), now).await? == Told::Full {
        tracing::warn!(
            "the holder of an authenticator that was added or removed is not told: too many messages wait"
        );
    }
    Ok(())
}

fn letter(done: Done, method: Method, now: Millis) -> Letter {
    let (kind, subject, was) = match done {
        Done::Added => ("authenticator-added", "A way to sign in was added to your profile", "added to"),
        Done::Removed => {
            ("authenticator-removed", "A way to sign in was removed from your profile", "removed from")
        }
    };
    let (what, when) = (label(method).0, moment(now));
    Letter {
        kind,
        subject: subject.to_owned(),
        text: format!(
            "A way to sign in was {was} your profile: {what}, on {when}, by somebody who was signed in as you.\n\nIf that was you, \
             there is nothing to do. If it was not, tell your registration authority at once: they end what is signed in and take away \
             what is not yours. Do not wait until you can look at it yourself.\n"
        ),
        short: format!(
            "A way to sign in was {was} your profile: {what}, {when}. Not you? Tell your registration authority at once."
        ),
        until: now.plus(TOLD_WITHIN),
    }
}
