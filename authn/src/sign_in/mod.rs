//! What every way to sign in shares: who comes, and what came of it.

pub(crate) mod browser;
mod visit;
mod waiting;
mod why;

use crate::secret::Secret;
use crate::session::Opened;

pub(crate) use visit::Visit;
pub(crate) use waiting::{Came, of_anybody, waiting};
pub(crate) use why::Why;

/// What came of an attempt to sign in.
pub(crate) enum Outcome {
    /// Somebody is signed in; the secret is for their browser.
    SignedIn(Secret),
    /// Nobody is, and why.
    Refused(Why),
}

impl From<Opened> for Outcome {
    fn from(opened: Opened) -> Self {
        match opened {
            Opened::Session(secret) => Self::SignedIn(secret),
            Opened::Refused(refusal) => Self::Refused(refusal.into()),
        }
    }
}
