//! What sign-in writes into the audit record about authenticators.

use serde::Serialize;
use utoipa::ToSchema;

/// One act around an authenticator. It is written in the transaction that does what it tells.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AuthenticatorEvent {
    /// A link was made with which a person gets an authenticator.
    EnrolmentOffered {
        /// The link, by its id.
        enrolment: String,
        /// For whom.
        user: String,
        /// `issue`, `recovery` or `own`.
        purpose: String,
        /// The highest level that can be enrolled with it.
        most_level: String,
        /// Until when, in milliseconds since the epoch.
        expires_at: i64,
    },
    /// A link was sent to the person it is for.
    EnrolmentSent {
        /// The link, by its id.
        enrolment: String,
        /// For whom.
        user: String,
        /// To how many addresses that were shown to be theirs.
        addresses: u32,
    },
    /// A link was taken back before it was used.
    EnrolmentCancelled {
        /// The link, by its id.
        enrolment: String,
        /// For whom it was.
        user: String,
    },
    /// A person has a new authenticator.
    AuthenticatorEnrolled {
        /// The authenticator.
        authenticator: String,
        /// Whose it is.
        user: String,
        /// How it signs in.
        method: String,
        /// What that is worth.
        level: String,
        /// The model, where it was told.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// The link with which it was enrolled.
        enrolment: String,
    },
    /// What somebody proposed as an authenticator was not taken.
    EnrolmentRefused {
        /// The link.
        enrolment: String,
        /// For whom it was.
        user: String,
        /// A stable word for why.
        reason: String,
        /// The model, where it was told.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// An authenticator got another name.
    AuthenticatorRenamed {
        /// The authenticator.
        authenticator: String,
        /// Whose it is.
        user: String,
    },
    /// An authenticator was taken from its holder; what it had opened has ended.
    AuthenticatorRemoved {
        /// The authenticator.
        authenticator: String,
        /// Whose it was.
        user: String,
        /// How it signed in.
        method: String,
        /// Why: `by-holder`, `by-authority`, `recovery`, `merged` or `left`.
        reason: String,
    },
    /// A code was sent to an e-mail address, to show that it is theirs who adds an authenticator app.
    AddressCodeSent {
        /// The link with which the app is added.
        enrolment: String,
        /// By whom.
        user: String,
    },
    /// A wrong code was given for an e-mail address.
    AddressCodeRefused {
        /// The link with which the app is added.
        enrolment: String,
        /// By whom.
        user: String,
        /// How often the code can be tried still.
        left: u32,
    },
    /// An e-mail address was shown to be theirs who adds an authenticator app.
    AddressProved {
        /// The link with which the app is added.
        enrolment: String,
        /// Whose it is.
        user: String,
        /// By what: `code`, which was sent there, or `register`, which was shown it before.
        by: String,
    },
    /// A password was set with an authenticator app.
    PasswordSet {
        /// Whose.
        user: String,
    },
    /// An authenticator counted backwards: there may be two of it.
    AuthenticatorSuspected {
        /// The authenticator.
        authenticator: String,
        /// Whose it is.
        user: String,
    },
    /// An authenticator signs nobody in any more until that is lifted: there may be two of it. What it had opened has ended.
    AuthenticatorSuspended {
        /// The authenticator.
        authenticator: String,
        /// Whose it is.
        user: String,
    },
    /// A suspended authenticator signs in again.
    AuthenticatorRestored {
        /// The authenticator.
        authenticator: String,
        /// Whose it is.
        user: String,
    },
    /// A person proved that they are there, for something that another part of this server asked about.
    PresenceShown {
        /// Who.
        user: String,
        /// With what.
        authenticator: String,
        /// What that is.
        method: String,
        /// What it was for, by the asker's name for it.
        reference: String,
        /// SHA-256 of what it stands for, in hexadecimal.
        binding: String,
    },
    /// What was answered does not prove that the person is there.
    PresenceRefused {
        /// Who was asked.
        user: String,
        /// What it was for, by the asker's name for it.
        reference: String,
        /// A stable word for why.
        reason: String,
    },
    /// Seeds of authenticator apps were moved under another version of the token's wrapping key.
    SeedsRewrapped {
        /// The version they are under now.
        wrapping_version: u32,
        /// The authenticators.
        authenticators: Vec<String>,
    },
}

impl audit::Event for AuthenticatorEvent {
    const MODULE: &'static str = "authn";

    fn name(&self) -> &'static str {
        match self {
            Self::EnrolmentOffered { .. } => "enrolment-offered",
            Self::EnrolmentSent { .. } => "enrolment-sent",
            Self::EnrolmentCancelled { .. } => "enrolment-cancelled",
            Self::AuthenticatorEnrolled { .. } => "authenticator-enrolled",
            Self::EnrolmentRefused { .. } => "enrolment-refused",
            Self::AuthenticatorRenamed { .. } => "authenticator-renamed",
            Self::AuthenticatorRemoved { .. } => "authenticator-removed",
            Self::AddressCodeSent { .. } => "address-code-sent",
            Self::AddressCodeRefused { .. } => "address-code-refused",
            Self::AddressProved { .. } => "address-proved",
            Self::PasswordSet { .. } => "password-set",
            Self::AuthenticatorSuspected { .. } => "authenticator-suspected",
            Self::AuthenticatorSuspended { .. } => "authenticator-suspended",
            Self::AuthenticatorRestored { .. } => "authenticator-restored",
            Self::PresenceShown { .. } => "presence-shown",
            Self::PresenceRefused { .. } => "presence-refused",
            Self::SeedsRewrapped { .. } => "seeds-rewrapped",
        }
    }
}
