//! Positions: what somebody who holds one may do where.

mod approval;
mod change;
mod close;
mod closure;
mod events;
mod following;
mod own;
mod rights;

use platform::clock::Millis;
use platform::id::OdsCode;

use crate::authority::Rank;
use crate::ids::PositionId;
use crate::version::Version;

pub(crate) use approval::{Approval, approved_by_another};
pub(crate) use change::{Changed, Gives, New, change, create, set_assignable};
pub(crate) use close::{Closing, Live, close};
pub use events::PositionEvent;
pub(crate) use following::rerank;
pub(crate) use rights::{AccessProfile, Basis, Codes};

/// A position, without what it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// Its id.
    pub(crate) id: PositionId,
    /// Its organisation.
    pub(crate) organisation: OdsCode,
    /// What it is called.
    pub(crate) name: String,
    /// What is worth knowing.
    pub(crate) notes: Option<String>,
    /// The highest rank in the registration authority that it gives, with what it includes.
    pub(crate) rank: Option<Rank>,
    /// Whether it can be assigned.
    pub(crate) state: State,
    /// How often it was written.
    pub(crate) version: Version,
}

/// Whether a position can be assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It can.
    Open,
    /// It was closed for good.
    Closed {
        /// When.
        at: Millis,
        /// Why.
        reason: String,
        /// Who approved it.
        approver: String,
    },
}

impl Position {
    /// Whether it can be assigned and changed.
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }
}
