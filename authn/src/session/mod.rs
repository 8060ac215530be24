//! Who is signed in: sessions, each opened by one authenticator and ended with it.
//!
//! A browser holds the secret of its session in a cookie; the row has its SHA-256. Relying parties know a session by its `sid`,
//! which opens nothing. Every use asks anew whether the person is still there and the authenticator still theirs.

mod cookie;
mod end;
mod events;
mod leavers;
mod live;
mod open;
mod rule;
mod secret;
mod settings;
mod sweep;

use platform::clock::Millis;
use platform::id::UserId;

use crate::authenticator::Bound;
use crate::interaction::{Level, Method};

pub(crate) use cookie::{Cookie, SESSION, presented, stranger};
pub(crate) use end::{EndCause, end, end_all_of_person, end_by_authenticator, end_in};
pub use events::SessionEvent;
pub(crate) use events::holder;
pub use leavers::CONSUMER;
pub(crate) use live::{by_sid, current};
pub(crate) use open::{Opened, Opening, Refusal, open_in, refused};
pub(crate) use secret::Secret;
pub use settings::{Concurrent, IdleEnds, Sessions};

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
    /// With what they signed in: the session ends with it.
    pub bound: Bound,
    /// When: `auth_time`.
    pub authenticated_at: Millis,
    /// When the browser last came with it, to the minute.
    pub last_used_at: Millis,
    /// When it ends, whatever happens.
    pub expires_at: Millis,
}
