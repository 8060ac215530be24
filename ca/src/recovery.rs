//! Closes what a process left open: at start-up its own serials, on the schedule anybody's that are old.

use audit::Actor;
use platform::clock::Millis;

use crate::desk::Desk;
use crate::error::Error;
use crate::events::Event;
use crate::issuance::{abandon, close_dropped};
use crate::profile::Length;
use crate::store::certificates::{self, State};

/// After this long no process can still be working on a serial: the time-outs of token, database and
/// request are all far shorter.
const OLD: Length = Length { seconds: 600 };

/// Whose open serials are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All that this instance gave, and the old of others: at start-up, when nothing is in flight.
    OwnAndOld,
    /// Old ones only, while work is in flight.
    Old,
}

/// Closes open serials and says how many it abandoned.
///
/// A serial without to-be-signed bytes cannot have been signed. One with them may have been: it is
/// abandoned, which lists it as revoked.
pub(crate) async fn close_open_serials(desk: &Desk, scope: Scope) -> Result<usize, Error> {
    let actor = Actor::system("ca");
    let before = Millis(desk.clock.now().0 - OLD.seconds * 1000);
    let instance = (scope == Scope::OwnAndOld).then_some(desk.config.instance);
    let mut abandoned = 0;
    for (serial, issuer, state) in certificates::open_serials(desk.db.read(), instance, before).await? {
        let why = "the process ended before the certificate was stored";
        if state == State::Linted {
            abandon(desk, &serial, &issuer, why, &actor).await?;
            abandoned += 1;
        } else {
            let event = Event::SerialDropped {
                serial: serial.to_string(),
                issuer,
                why: "the process ended before anything was to be signed".to_owned(),
                findings: Vec::new(),
            };
            close_dropped(desk, serial, State::Reserved, event, actor.clone()).await?;
        }
    }
    Ok(abandoned)
}
