//! Who asks, and what they may do.

use std::collections::BTreeSet;
use std::fmt;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::id::{ClientId, OdsCode};
use crate::problem::Problem;

/// What kind of caller this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// A program of an organisation.
    System,
    /// A person, through some program.
    Person,
    /// Another module of this server.
    Module,
}

impl fmt::Display for CallerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::Person => "person",
            Self::Module => "module",
        })
    }
}

/// Something that may be allowed, named `module:verb`. Each module lists its own as constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Act(pub &'static str);

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The one thing that authorisation reads. It is made from how the caller has proved who it is, nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// System, person or module.
    pub kind: CallerKind,
    /// Who: a user id, a system's id, a module's name.
    pub subject: String,
    /// The program through which it asks.
    pub client: ClientId,
    /// For which organisation it acts.
    pub organisation: Option<OdsCode>,
    /// In which role profile a person acts.
    pub role_profile: Option<String>,
    /// How sure the sign-in was, as the one who made the caller names it.
    pub assurance: Option<String>,
    /// The session of a person.
    pub session: Option<String>,
    /// What it may do.
    pub acts: BTreeSet<String>,
}

impl Caller {
    /// A caller with nothing but who it is and what it may do.
    pub fn new(
        kind: CallerKind,
        subject: impl Into<String>,
        client: ClientId,
        acts: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            kind,
            subject: subject.into(),
            client,
            organisation: None,
            role_profile: None,
            assurance: None,
            session: None,
            acts: acts.into_iter().map(Into::into).collect(),
        }
    }

    /// A module of this server, which may do these acts.
    pub fn module(name: &'static str, acts: &[Act]) -> Self {
        Self::new(CallerKind::Module, name, ClientId::module(name), acts.iter().map(|act| act.0))
    }

    /// Decides whether this caller may do `act`: the one place where that is decided.
    pub fn may(&self, act: Act) -> Result<(), Problem> {
        if self.acts.contains(act.0) {
            return Ok(());
        }
        let detail = format!("{} may not do {act}. Ask the operator to grant it.", self.client);
        Err(Problem::forbidden("act-not-granted", detail))
    }
}

/// Whose certificate the connection of a request has shown and was found good. It stands in the request beside the [`Caller`], which an
/// access token may replace; a token never makes one of these, so what asks for a certificate reads this and not the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified(pub Caller);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Problem::unauthenticated(
                "caller-unknown",
                "Say who you are: this needs a client certificate or a token.",
            )
        })
    }
}
