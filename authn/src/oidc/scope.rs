//! Scopes: those of CIS2, and the words that a registry grants to systems.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What a relying party asks for and gets. In the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Scopes(BTreeSet<String>);

/// A scope for which claims of a person are told. Which claims, `claims.rs` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// That it is OpenID Connect.
    OpenId,
    /// Names.
    Profile,
    /// The e-mail address.
    Email,
    /// The person as the register has them.
    NhsPerson,
    /// Roles.
    NationalRbacAccess,
    /// The organisations of the roles.
    AssociatedOrgs,
    /// Registrations with professional bodies.
    ProfessionalMemberships,
    /// Memberships of organisations.
    OrganisationalMemberships,
    /// One role, chosen once in a session.
    SelectedRole,
    /// One role, chosen anew.
    ChangedRole,
    /// To use the API of the Cloud Signature Consortium as its person.
    Service,
    /// To have named documents signed, once each (CSC API v2, 8.4).
    Credential,
}

impl Scope {
    /// Every scope.
    pub(crate) const ALL: [Self; 12] = [
        Self::OpenId,
        Self::Profile,
        Self::Email,
        Self::NhsPerson,
        Self::NationalRbacAccess,
        Self::AssociatedOrgs,
        Self::ProfessionalMemberships,
        Self::OrganisationalMemberships,
        Self::SelectedRole,
        Self::ChangedRole,
        Self::Service,
        Self::Credential,
    ];

    /// Those that clients of CIS2 may ask for.
    pub(crate) fn of_cis2() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|scope| !matches!(scope, Self::Service | Self::Credential))
    }

    /// Whether a word is one of these.
    pub(crate) fn is_personal(word: &str) -> bool {
        Self::ALL.iter().any(|scope| scope.word() == word)
    }

    /// Its name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::NhsPerson => "nhsperson",
            Self::NationalRbacAccess => "nationalrbacaccess",
            Self::AssociatedOrgs => "associatedorgs",
            Self::ProfessionalMemberships => "professionalmemberships",
            Self::OrganisationalMemberships => "organisationalmemberships",
            Self::SelectedRole => "selectedrole",
            Self::ChangedRole => "changedrole",
            Self::Service => "service",
            Self::Credential => "credential",
        }
    }
}

impl Scopes {
    /// These words.
    pub(crate) fn of<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        Self(words.into_iter().map(str::to_owned).collect())
    }

    /// Whether one of the person's scopes is among them.
    pub(crate) fn has(&self, scope: Scope) -> bool {
        self.0.contains(scope.word())
    }

    /// The words.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether all of these are among those.
    pub(crate) fn is_within(&self, those: &Self) -> bool {
        self.0.is_subset(&those.0)
    }

    /// Those that this holds for.
    #[must_use]
    pub(crate) fn filtered(&self, holds: impl Fn(&str) -> bool) -> Self {
        Self::of(self.words().filter(|word| holds(word)))
    }

    /// Keeps those that this holds for.
    pub(crate) fn retain(&mut self, holds: impl Fn(&str) -> bool) {
        self.0.retain(|word| holds(word));
    }

    /// Whether this word is among them.
    pub(crate) fn contains(&self, word: &str) -> bool {
        self.0.contains(word)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it travels.
    pub(crate) fn text(&self) -> String {
        self.words().collect::<Vec<_>>().join(" ")
    }

    /// Whether it is about signing: that may go without an ID token.
    pub(crate) fn are_of_signing(&self) -> bool {
        self.has(Scope::Service) || self.has(Scope::Credential)
    }

    /// Whether a role is to be chosen.
    pub(crate) fn want_role(&self) -> bool {
        self.has(Scope::SelectedRole) || self.has(Scope::ChangedRole)
    }
}
