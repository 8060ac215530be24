//! The ranks of the registration authority.

use std::str::FromStr;

use platform::id::NotAnId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A rank, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// Everybody who is known.
    Everybody,
    /// A personnel system, for the positions that were linked to its own.
    Personnel,
    /// Local smartcard administrator: unlocks and renews.
    LocalSmartcardAdministrator,
    /// ID checker.
    IdChecker,
    /// Sponsor.
    Sponsor,
    /// RA agent.
    RaAgent,
    /// RA agent (advanced).
    AdvancedRaAgent,
    /// RA manager.
    RaManager,
    /// An operator of this register, who makes the first RA managers.
    Operator,
}

impl Rank {
    /// Every rank.
    pub const ALL: [Self; 9] = [
        Self::Everybody,
        Self::Personnel,
        Self::LocalSmartcardAdministrator,
        Self::IdChecker,
        Self::Sponsor,
        Self::RaAgent,
        Self::AdvancedRaAgent,
        Self::RaManager,
        Self::Operator,
    ];

    /// The word on the wire and in the tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Everybody => "everybody",
            Self::Personnel => "personnel",
            Self::LocalSmartcardAdministrator => "local-smartcard-administrator",
            Self::IdChecker => "id-checker",
            Self::Sponsor => "sponsor",
            Self::RaAgent => "ra-agent",
            Self::AdvancedRaAgent => "advanced-ra-agent",
            Self::RaManager => "ra-manager",
            Self::Operator => "operator",
        }
    }

    /// The rank that a role profile gives: its job role (`R5080`), its effective activities, and the activity that this
    /// site has chosen for local smartcard administrators, for which no national code is known.
    pub fn of<'a>(
        job_role: &str,
        activities: impl IntoIterator<Item = &'a str>,
        local_smartcard_administrator: Option<&str>,
    ) -> Option<Self> {
        let (mut highest, mut advanced, mut agent) = (None, false, false);
        for activity in activities {
            advanced |= activity == "B0272";
            agent |= activity == "B0274";
            let rank = match activity {
                "B1300" => Some(Self::Sponsor),
                "B0267" => Some(Self::IdChecker),
                other if Some(other) == local_smartcard_administrator => {
                    Some(Self::LocalSmartcardAdministrator)
                }
                _ => None,
            };
            highest = highest.max(rank);
        }
        match job_role {
            "R5080" => Some(Self::RaManager),
            "R5090" if advanced => Some(Self::AdvancedRaAgent),
            "R5090" if agent => Some(Self::RaAgent),
            _ => highest,
        }
    }

    /// Whether holding it lets somebody change what others hold.
    pub fn is_of_the_authority(self) -> bool {
        self >= Self::LocalSmartcardAdministrator
    }
}

impl FromStr for Rank {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let found = Self::ALL.into_iter().find(|rank| rank.word() == text);
        found.ok_or(NotAnId { expected: "a rank" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The word in the tables is the word on the wire, for every rank.
    #[test]
    fn words_are_those_on_the_wire() {
        for rank in Rank::ALL {
            assert_eq!(serde_json::to_value(rank).unwrap(), rank.word());
            assert_eq!(rank.word().parse(), Ok(rank));
        }
    }

    /// The rank follows from job role and activities; an agent's activities without the job role give none.
    #[test]
    fn rank_follows_from_the_role() {
        let rank =
            |role: &str, activities: &[&str]| Rank::of(role, activities.iter().copied(), Some("B9990"));
        assert_eq!(rank("R5080", &[]), Some(Rank::RaManager));
        assert_eq!(rank("R5090", &["B0272", "B0274"]), Some(Rank::AdvancedRaAgent));
        assert_eq!(rank("R5090", &["B0274"]), Some(Rank::RaAgent));
        assert_eq!(rank("R5090", &[]), None);
        assert_eq!(rank("R8000", &["B0272", "B0274"]), None);
        assert_eq!(rank("R8008", &["B0267", "B1300"]), Some(Rank::Sponsor));
        assert_eq!(rank("R8008", &["B9990"]), Some(Rank::LocalSmartcardAdministrator));
        assert_eq!(Rank::of("R8008", ["B9990"], None), None);
    }
}
