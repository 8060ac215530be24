//! What people sign in with.
//!
//! A card is a certificate of the authority, which knows of it; everything else is a row here, with a name its holder gave it.
//! What a method is worth is [`Method::level`]; which method a WebAuthn credential is, [`webauthn`] decides at enrolment by what
//! the device proved about itself.

pub(crate) mod app;
mod bound;
mod change;
mod events;
mod notice;
pub(crate) mod password;
pub(crate) mod smartcard;
mod suspend;
pub(crate) mod webauthn;

use platform::clock::Millis;
use platform::id::UserId;

use crate::interaction::Method;

pub(crate) use bound::Bound;
pub(crate) use change::{Change, RemovedBy, change, name_of, remove_in};
pub use events::AuthenticatorEvent;
pub(crate) use notice::{Done, notify_in};
pub(crate) use suspend::{lift_in, suspect_in};

platform::text_id!(
    /// An authenticator that is no card, by its row.
    AuthenticatorId
);

/// How many authenticators one person may have beside cards.
pub(crate) const MOST: usize = 20;

/// An authenticator as its holder and the registration authority see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authenticator {
    /// Its row.
    pub id: AuthenticatorId,
    /// Whose it is.
    pub person: UserId,
    /// How it signs in.
    pub method: Method,
    /// What its holder calls it.
    pub name: String,
    /// How often what its holder can change was changed: its entity tag.
    pub version: i64,
    /// The model of a WebAuthn authenticator, where it was told.
    pub aaguid: Option<String>,
    /// When it was enrolled.
    pub created_at: Millis,
    /// By whom: a user id or a client id.
    pub created_by: String,
    /// When it last signed in.
    pub last_used_at: Option<Millis>,
    /// Since when it signs nobody in, although it was not taken away.
    pub suspended_at: Option<Millis>,
}
