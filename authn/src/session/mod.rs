//! Who is signed in: sessions, each opened by one authenticator and ended with it.
//!
//! A browser holds the secret of its session in a cookie; the row has its SHA-256. Relying parties know a session by its `sid`,
//! which opens nothing. Every use asks anew whether the person is still there and the authenticator still theirs.

mod cards;
mod cookie;
mod end;
mod events;
mod leavers;
mod lends;
mod live;
mod moved;
mod open;
mod rule;
mod settings;

use platform::clock::Millis;
use platform::id::UserId;

use crate::authenticator::Bound;
use crate::interaction::{Level, Method};
use crate::token::Content;

pub(crate) use cookie::{Cookie, KNOWN, SESSION, pairs, presented, stranger};
pub(crate) use end::{EndCause, end, end_all_of_person, end_by_authenticator, end_in};
pub use events::SessionEvent;
pub(crate) use events::holder;
pub use leavers::CONSUMER;
pub(crate) use lends::{lends, lends_in};
pub(crate) use live::{Found, Opener, Worth, before_claims, by_sid, current, held};
pub(crate) use moved::{Place, Seen};
pub(crate) use open::{Opened, Opening, Refusal, open_in, refused};
pub use settings::{CardRemoved, Concurrent, IdleEnds, Sessions};

platform::text_id!(
    /// A session, by its row.
    SessionId
);

/// Somebody's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Its row.
    pub id: SessionId,
    /// Its name in tokens. It is public, and never the cookie.
    pub sid: String,
    /// Whose it is.
    pub person: UserId,
    /// How they signed in.
    pub method: Method,
    /// What that is worth.
    pub level: Level,
    /// With what they signed in last: the session ends with it.
    pub bound: Bound,
    /// From how many earlier sign-ins with something else it goes on: it ends with each of those too.
    pub proofs: i64,
    /// When they did so last: `auth_time` of what is granted from then on.
    pub authenticated_at: Millis,
    /// When the browser last came with it, to the minute.
    pub last_used_at: Millis,
    /// When it ends, whatever happens.
    pub expires_at: Millis,
    /// Whether its card was taken out and it gives nobody anything until its holder signs in again, as strongly as by a card.
    pub locked: bool,
}

/// Whether signing in by this method lifts the lock of a session. What was locked was held by a card, and comes back to nobody who proved
/// less.
pub(crate) fn lifts_lock(method: Method) -> bool {
    method.level() >= Method::Smartcard.level()
}

impl Session {
    /// The session as it was when this was granted in it: it may go on from a later sign-in, of which whoever holds the grant is told
    /// nothing. OpenID Connect Core 12.2.
    pub(crate) fn when_granted(mut self, granted: &Content) -> Self {
        if let (Some(method), Some(at)) = (granted.method, granted.authenticated_at) {
            (self.method, self.level, self.authenticated_at) = (method, method.level(), at);
        }
        self
    }
}
