//! What can be done in the registration authority.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Assurance;

/// A report of the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// People with their state and what ends soon.
    Users,
    /// Requests with who asked and who decided.
    Requests,
    /// Smartcards.
    Smartcards,
    /// Authenticators that are no smartcards.
    Authenticators,
    /// Positions with how many hold them.
    Positions,
    /// Sign-ins.
    Logins,
}

/// An act of the registration authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Find people and see their profile.
    FindPerson,
    /// See personal and contact details, the history of a profile and what its holder was told.
    SeePersonal,
    /// Find organisations.
    FindOrganisation,
    /// Make, change and close virtual organisations, and say whose registration authority acts for one.
    ManageOrganisations,
    /// Change one's own e-mail addresses and telephone numbers.
    ChangeOwnContact,
    /// Register an authenticator of one's own.
    RegisterOwnAuthenticator,
    /// Make a profile.
    CreatePerson,
    /// Change somebody's personal or contact details.
    ChangePerson,
    /// Verify the identity of a migrated profile.
    VerifyPerson,
    /// Close a profile.
    ClosePerson,
    /// Open a closed profile again.
    ReopenPerson,
    /// Make one record of two that are one person.
    MergePeople,
    /// Issue a smartcard.
    IssueCard,
    /// Write damaged content of a card again.
    RepairCard,
    /// Wipe a card for reuse.
    ClearCard,
    /// End a card.
    CancelCard,
    /// Unlock a card.
    UnlockCard,
    /// Renew a card in its window before the end.
    RenewCard,
    /// Renew a card of one's own in its window before the end.
    RenewOwnCard,
    /// Renew a card that has ended.
    RenewExpiredCard,
    /// Issue or remove an authenticator that is no smartcard.
    IssueAuthenticator,
    /// Put a person into a position.
    Assign,
    /// Change the end of an assignment.
    RedateAssignment,
    /// Take an assignment away.
    EndAssignment,
    /// See assignments that have ended or were taken away.
    SeeEndedAssignments,
    /// Change several assignments of one person in one act.
    AssignSeveral,
    /// Put many people into one position, or change many of its assignments, in one act.
    AssignBatch,
    /// Find and see positions.
    SeePositions,
    /// Make, change and close positions.
    ManagePositions,
    /// Say which positions the holders of a sponsor's position may assign.
    ManageAssignable,
    /// See workgroups.
    SeeWorkgroups,
    /// Make and change workgroups and who is in them.
    ManageWorkgroups,
    /// Ask for something that somebody else decides.
    SubmitRequest,
    /// Approve or reject a request.
    DecideRequest,
    /// Begin and end campaigns of recertification.
    ManageCampaigns,
    /// Confirm or end an assignment in a campaign.
    Recertify,
    /// End everything that somebody holds with an employer, because they have left it.
    EndEmployment,
    /// Link positions of a personnel system to positions here, and decide what it sent that could not be done.
    ManageFeed,
    /// See a report.
    See(Report),
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 44] = [
        Self::FindPerson,
        Self::SeePersonal,
        Self::FindOrganisation,
        Self::ManageOrganisations,
        Self::ChangeOwnContact,
        Self::RegisterOwnAuthenticator,
        Self::CreatePerson,
        Self::ChangePerson,
        Self::VerifyPerson,
        Self::ClosePerson,
        Self::ReopenPerson,
        Self::MergePeople,
        Self::IssueCard,
        Self::RepairCard,
        Self::ClearCard,
        Self::CancelCard,
        Self::UnlockCard,
        Self::RenewCard,
        Self::RenewOwnCard,
        Self::RenewExpiredCard,
        Self::IssueAuthenticator,
        Self::Assign,
        Self::RedateAssignment,
        Self::EndAssignment,
        Self::SeeEndedAssignments,
        Self::AssignSeveral,
        Self::AssignBatch,
        Self::SeePositions,
        Self::ManagePositions,
        Self::ManageAssignable,
        Self::SeeWorkgroups,
        Self::ManageWorkgroups,
        Self::SubmitRequest,
        Self::DecideRequest,
        Self::ManageCampaigns,
        Self::Recertify,
        Self::EndEmployment,
        Self::ManageFeed,
        Self::See(Report::Users),
        Self::See(Report::Requests),
        Self::See(Report::Smartcards),
        Self::See(Report::Authenticators),
        Self::See(Report::Positions),
        Self::See(Report::Logins),
    ];

    /// Whether it only shows something.
    pub fn only_reads(self) -> bool {
        matches!(
            self,
            Self::FindPerson
                | Self::SeePersonal
                | Self::FindOrganisation
                | Self::SeeEndedAssignments
                | Self::SeePositions
                | Self::SeeWorkgroups
                | Self::See(_)
        )
    }

    /// Whether it is about oneself and nobody else.
    pub fn is_own(self) -> bool {
        matches!(self, Self::ChangeOwnContact | Self::RegisterOwnAuthenticator | Self::RenewOwnCard)
    }

    /// Whether it may be done anywhere in the country: people and organisations are found wherever they are, and a new
    /// person is nowhere yet. Whoever finds somebody who comes from elsewhere must see whether it is them.
    pub fn is_national(self) -> bool {
        matches!(self, Self::FindPerson | Self::SeePersonal | Self::FindOrganisation | Self::CreatePerson)
    }

    /// Whether it reaches everything a person has, so that all of their organisations must be within reach.
    pub fn needs_every_organisation(self) -> bool {
        matches!(self, Self::ClosePerson | Self::MergePeople)
    }

    /// Whether it is done to a person as such, who may have no organisation at all; everything else is done somewhere.
    pub fn is_to_a_person(self) -> bool {
        matches!(
            self,
            Self::ChangePerson
                | Self::VerifyPerson
                | Self::ClosePerson
                | Self::ReopenPerson
                | Self::MergePeople
                | Self::IssueCard
                | Self::RepairCard
                | Self::ClearCard
                | Self::CancelCard
                | Self::UnlockCard
                | Self::RenewCard
                | Self::RenewExpiredCard
                | Self::IssueAuthenticator
                | Self::SubmitRequest
        )
    }

    /// Whether it would let somebody take the place of the person it is done to.
    pub fn takes_over(self) -> bool {
        matches!(
            self,
            Self::ChangePerson
                | Self::VerifyPerson
                | Self::ClosePerson
                | Self::MergePeople
                | Self::IssueCard
                | Self::RepairCard
                | Self::ClearCard
                | Self::CancelCard
                | Self::IssueAuthenticator
                | Self::EndAssignment
                | Self::RedateAssignment
                | Self::EndEmployment
        )
    }

    /// How sure the sign-in must have been.
    pub fn assurance(self) -> Assurance {
        // A renewed card is a way to sign in for years: whoever only got hold of a session gets none by it.
        let own = self.is_own() && self != Self::RenewOwnCard;
        if self.only_reads() || own { Assurance::Two } else { Assurance::Three }
    }
}
