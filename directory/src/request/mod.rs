//! Requests: what one may not do oneself, somebody else decides.
//!
//! [`machine`] has the states and the ways between them; here is who goes them.

mod apply;
mod ask;
mod content;
mod ending;
mod erasing;
mod events;
mod machine;
mod numbers;
mod own;
mod people;
mod rights;
mod steps;

use platform::clock::Millis;
use platform::id::{OdsCode, UserId};

use crate::ids::{PositionId, RequestId};
use crate::version::Version;

pub(crate) use ask::KINDS;
pub use ask::{Ask, ContactChange};
pub(crate) use ending::{end_about_positions, end_all_of};
pub(crate) use erasing::erase_of;
pub use events::RequestEvent;
pub(crate) use machine::{Approved, Decision, Lock, State, Submitted};
pub(crate) use numbers::{shown as shown_ask, shown_before, shown_details};
pub(crate) use own::note_own;
pub(crate) use rights::{is_listed, present, sees};
pub(crate) use steps::{
    Approval, Told, approve, create, edit, exit, open, reject, retry, submit, sweep, withdraw,
};

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) id: RequestId,
    pub(crate) ask: Ask,
    /// What it was about was like when it was handed in.
    pub(crate) before: serde_json::Value,
    pub(crate) state: State,
    /// Who asked: a user id or a client id.
    pub(crate) requester: String,
    /// Where.
    pub(crate) organisation: Option<OdsCode>,
    /// Whom it is about.
    pub(crate) user: Option<UserId>,
    /// The position it is about.
    pub(crate) position: Option<PositionId>,
    /// The version of what it is about that whoever opened it last has seen.
    pub(crate) seen: Option<Version>,
    pub(crate) made_at: Millis,
    pub(crate) version: Version,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) version: Version,
    pub(crate) at: Millis,
    pub(crate) word: String,
    pub(crate) actor: String,
    pub(crate) role_profile: Option<String>,
    pub(crate) notes: Option<String>,
}
