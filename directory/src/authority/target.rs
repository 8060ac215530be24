//! To what something is done.

use platform::id::{OdsCode, UserId};
use serde::{Deserialize, Serialize};

use super::Rank;
use crate::ids::PositionId;

/// An organisation with those above it: itself first, then the hosts of its registration authority.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lineage(pub Vec<OdsCode>);

impl Lineage {
    /// Whether the organisation is this one or below it.
    pub fn is_within(&self, organisation: &OdsCode) -> bool {
        self.0.contains(organisation)
    }
}

/// To whom somebody belongs who works nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Belongs {
    /// To nobody: they never held anything, and their profile was brought in.
    #[default]
    ToNobody,
    /// They held something last in this organisation.
    Left(Lineage),
    /// They never held anything, and their profile was made for this organisation.
    Made(Lineage),
}

/// What an act is done to. What does not apply is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The person it is done to.
    pub person: Option<UserId>,
    /// Where it is done: the organisation of a position, of a workgroup or of a report, or every organisation in which the
    /// person has a live assignment. Nowhere for a person without one.
    pub organisations: Vec<Lineage>,
    /// To whom the person belongs who has no organisation.
    #[serde(default)]
    pub belongs: Belongs,
    /// The position that is given, changed or taken.
    pub position: Option<PositionId>,
    /// The rank in the registration authority that the position gives.
    pub position_rank: Option<Rank>,
    /// The highest such rank that the person holds.
    pub person_rank: Option<Rank>,
    /// Who asked for it, where a request is decided.
    pub requester: Option<UserId>,
}
