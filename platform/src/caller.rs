//! Who asks, and what they may do.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::Extensions;
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

/// What a caller may do. Copies share it until one of them is changed: a caller is copied more than once for each request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acts(Arc<BTreeSet<String>>);

impl FromIterator<String> for Acts {
    fn from_iter<I: IntoIterator<Item = String>>(acts: I) -> Self {
        Self(Arc::new(acts.into_iter().collect()))
    }
}

impl Deref for Acts {
    type Target = BTreeSet<String>;

    fn deref(&self) -> &BTreeSet<String> {
        &self.0
    }
}

impl DerefMut for Acts {
    fn deref_mut(&mut self) -> &mut BTreeSet<String> {
        Arc::make_mut(&mut self.0)
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
    pub acts: Acts,
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

    /// Who a request is from; nobody unknown is anybody.
    pub fn of(extensions: &Extensions) -> Result<&Self, Problem> {
        extensions.get::<Self>().ok_or_else(|| {
            Problem::unauthenticated(
                "caller-unknown",
                "Say who you are: this needs a client certificate or a token.",
            )
        })
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
        Self::of(&parts.extensions).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies of a caller share what it may do, and a change to one is not one to the other.
    #[test]
    fn acts_are_shared_until_they_change() {
        let one = Caller::new(CallerKind::System, "pas", ClientId::module("pas"), ["ca:read", "ca:issue"]);
        let mut other = one.clone();
        assert!(Arc::ptr_eq(&one.acts.0, &other.acts.0));
        other.acts.remove("ca:issue");
        assert!(one.may(Act("ca:issue")).is_ok() && other.may(Act("ca:issue")).is_err());
        assert!(other.may(Act("ca:read")).is_ok());
    }
}
