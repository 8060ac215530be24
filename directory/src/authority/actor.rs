//! Who acts.

use std::collections::BTreeSet;

use platform::id::{OdsCode, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Rank;
use crate::day::Day;
use crate::ids::{PositionId, RoleProfileId};

/// How sure a sign-in was: the authenticator assurance levels of NIST SP 800-63B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Assurance {
    /// One factor.
    One,
    /// Two factors.
    Two,
    /// Two factors, one of them hardware that resists phishing.
    Three,
}

impl Assurance {
    /// The word that a caller bears.
    pub fn word(self) -> &'static str {
        match self {
            Self::One => "aal1",
            Self::Two => "aal2",
            Self::Three => "aal3",
        }
    }

    /// What a caller's word stands for. One that says nothing, or something unknown, is worth one factor.
    pub fn of(word: Option<&str>) -> Self {
        match word {
            Some("aal3") => Self::Three,
            Some("aal2") => Self::Two,
            _ => Self::One,
        }
    }
}

/// Somebody with a live role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The role profile that gives it; none for a system.
    pub role_profile: Option<RoleProfileId>,
    /// The organisation it is for; none reaches everywhere, which only an operator's does.
    pub organisation: Option<OdsCode>,
    /// Its rank.
    pub rank: Rank,
    /// The positions its holder may assign without anybody's approval.
    pub assignable: BTreeSet<PositionId>,
    /// The first day.
    pub from: Day,
    /// The last day; none if no end is set.
    pub to: Option<Day>,
}

impl Role {
    /// Whether it can be used on a day.
    pub fn is_live(&self, today: Day) -> bool {
        self.from <= today && self.to.is_none_or(|to| today <= to)
    }
}

/// Who acts, with everything that the rules ask of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The person; none for a system.
    pub person: Option<UserId>,
    /// The ids of records that were found to be theirs and merged into this one: they are the same person under each.
    pub merged: BTreeSet<UserId>,
    /// How sure the sign-in was.
    pub assurance: Assurance,
    /// Their roles.
    pub roles: Vec<Role>,
    /// The role profile they have chosen to act in; without one every live role counts.
    pub acting: Option<RoleProfileId>,
}

impl Actor {
    /// Whether this is the person who acts, under whatever id.
    pub fn is(&self, person: &UserId) -> bool {
        self.person.as_ref() == Some(person) || self.merged.contains(person)
    }

    /// The roles that count on a day.
    pub(crate) fn live(&self, today: Day) -> impl Iterator<Item = &Role> {
        let chosen = |role: &&Role| self.acting.is_none() || role.role_profile == self.acting;
        self.roles.iter().filter(chosen).filter(move |role| role.is_live(today))
    }
}
