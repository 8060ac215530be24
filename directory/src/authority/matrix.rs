//! The matrix of ranks and acts: one row for each act.
//!
//! It follows the national guidance; `docs/registration-authority.md` shows it with what was decided where that guidance
//! contradicts itself.

use super::act::{Act, Report};
use super::rank::Rank;

/// What a rank has of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Does it.
    Does,
    /// Does it with the positions that were made assignable to its own; asks for it with any other.
    Assignable,
    /// Does it with the positions that were made assignable to its own; with no other.
    OnlyAssignable,
    /// Asks for it, and somebody else decides.
    Asks,
    /// Has nothing of it.
    Never,
}

use Cell::{Asks, Assignable, Does, Never, OnlyAssignable};

/// Everybody, personnel system, local smartcard administrator, ID checker, sponsor, RA agent, RA agent (advanced),
/// RA manager, operator.
type Row = (Act, [Cell; 9]);

/// The whole matrix, its columns in the order of [`Rank::ALL`].
#[rustfmt::skip]
pub const MATRIX: [Row; 44] = [
    (Act::FindPerson,               [Does,  Does,  Does,  Does,  Does,  Does,  Does,  Does,  Does]),
    (Act::SeePersonal,              [Never, Never, Does,  Does,  Does,  Does,  Does,  Does,  Does]),
    (Act::FindOrganisation,         [Does,  Does,  Does,  Does,  Does,  Does,  Does,  Does,  Does]),
    (Act::ManageOrganisations,      [Never, Never, Never, Never, Never, Never, Never, Never, Does]),
    (Act::ChangeOwnContact,         [Does,  Never, Does,  Does,  Does,  Does,  Does,  Does,  Never]),
    (Act::RegisterOwnAuthenticator, [Does,  Never, Does,  Does,  Does,  Does,  Does,  Does,  Never]),
    (Act::CreatePerson,             [Never, Asks,  Never, Does,  Never, Does,  Does,  Does,  Does]),
    (Act::ChangePerson,             [Never, Asks,  Never, Does,  Asks,  Does,  Does,  Does,  Never]),
    (Act::VerifyPerson,             [Never, Never, Never, Does,  Never, Does,  Does,  Does,  Never]),
    (Act::ClosePerson,              [Never, Never, Never, Never, Asks,  Does,  Does,  Does,  Never]),
    (Act::ReopenPerson,             [Never, Never, Never, Never, Asks,  Does,  Does,  Does,  Never]),
    (Act::MergePeople,              [Never, Never, Never, Never, Never, Never, Does,  Does,  Never]),
    (Act::IssueCard,                [Never, Never, Never, Never, Never, Does,  Does,  Does,  Never]),
    (Act::RepairCard,               [Never, Never, Never, Never, Never, Does,  Does,  Does,  Never]),
    (Act::ClearCard,                [Never, Never, Never, Never, Never, Does,  Does,  Does,  Never]),
    (Act::CancelCard,               [Never, Never, Never, Never, Never, Does,  Does,  Does,  Never]),
    (Act::UnlockCard,               [Never, Never, Does,  Never, Does,  Does,  Does,  Does,  Never]),
    (Act::RenewCard,                [Never, Never, Does,  Never, Does,  Does,  Does,  Does,  Never]),
    (Act::RenewOwnCard,             [Does,  Never, Does,  Does,  Does,  Does,  Does,  Does,  Never]),
    (Act::RenewExpiredCard,         [Never, Never, Never, Never, Never, Does,  Does,  Does,  Never]),
    // The national index gives it to RA agents, the four pages of the tasks do not: the narrower one.
    (Act::IssueAuthenticator,       [Never, Never, Never, Never, Never, Never, Does,  Does,  Never]),
    (Act::Assign,                   [Never, OnlyAssignable, Never, Never, Assignable, Does, Does, Does, Does]),
    (Act::RedateAssignment,         [Never, OnlyAssignable, Never, Never, Assignable, Does, Does, Does, Does]),
    (Act::EndAssignment,            [Never, OnlyAssignable, Never, Never, Assignable, Does, Does, Does, Does]),
    (Act::SeeEndedAssignments,      [Never, Never, Never, Never, Does,  Does,  Does,  Does,  Does]),
    (Act::AssignSeveral,            [Never, Never, Never, Never, Never, Never, Does,  Does,  Never]),
    (Act::AssignBatch,              [Never, Never, Never, Never, Never, Never, Does,  Does,  Never]),
    (Act::SeePositions,             [Never, Never, Never, Never, Never, Does,  Does,  Does,  Does]),
    (Act::ManagePositions,          [Never, Never, Never, Never, Never, Never, Does,  Does,  Does]),
    (Act::ManageAssignable,         [Never, Never, Never, Never, Never, Never, Does,  Does,  Never]),
    (Act::SeeWorkgroups,            [Never, Never, Never, Never, Never, Never, Does,  Does,  Does]),
    (Act::ManageWorkgroups,         [Never, Never, Never, Never, Never, Never, Does,  Does,  Never]),
    (Act::SubmitRequest,            [Never, Does,  Never, Never, Does,  Does,  Does,  Does,  Never]),
    (Act::DecideRequest,            [Never, Never, Never, Never, OnlyAssignable, Does, Does, Does, Never]),
    (Act::ManageCampaigns,          [Never, Never, Never, Never, Never, Never, Does,  Does,  Never]),
    (Act::Recertify,                [Never, Never, Never, Never, OnlyAssignable, Does, Does, Does, Never]),
    (Act::EndEmployment,            [Never, Does,  Never, Never, Never, Does,  Does,  Does,  Never]),
    (Act::ManageFeed,               [Never, Never, Never, Never, Never, Never, Does,  Does,  Never]),
    (Act::See(Report::Users),       [Never, Never, Never, Does,  Never, Does,  Does,  Does,  Does]),
    (Act::See(Report::Requests),    [Never, Never, Never, Does,  Never, Does,  Does,  Does,  Does]),
    (Act::See(Report::Smartcards),  [Never, Never, Never, Does,  Does,  Does,  Does,  Does,  Does]),
    (Act::See(Report::Authenticators), [Never, Never, Never, Never, Never, Does, Does, Does, Does]),
    (Act::See(Report::Positions),   [Never, Never, Never, Does,  Does,  Does,  Does,  Does,  Does]),
    (Act::See(Report::Logins),      [Never, Never, Never, Never, Never, Does,  Does,  Does,  Does]),
];

/// What a rank has of an act.
pub fn cell(rank: Rank, act: Act) -> Cell {
    let column = Rank::ALL.iter().position(|other| *other == rank);
    let row = MATRIX.iter().find(|row| row.0 == act);
    // An act without a row is nobody's: the test at the foot finds one.
    column.zip(row).map_or(Never, |(column, row)| row.1[column])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every act has exactly one row.
    #[test]
    fn every_act_has_one_row() {
        let rows: Vec<Act> = MATRIX.iter().map(|row| row.0).collect();
        let acts: BTreeSet<Act> = rows.iter().copied().collect();
        assert_eq!((rows.len(), acts.len()), (MATRIX.len(), MATRIX.len()));
        assert!(Act::ALL.iter().all(|act| acts.contains(act)));
    }

    /// Local smartcard administrators search, see whom they have found, unlock and renew, and have nothing else beside what everybody has.
    #[test]
    fn local_administrators_only_unlock_and_renew() {
        let theirs: Vec<Act> = Act::ALL
            .into_iter()
            .filter(|act| cell(Rank::LocalSmartcardAdministrator, *act) != cell(Rank::Everybody, *act))
            .collect();
        assert_eq!(theirs, [Act::SeePersonal, Act::UnlockCard, Act::RenewCard]);
    }
}
