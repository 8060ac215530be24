//! What is recorded of people. No name, date of birth or number is in an event.

use serde::Serialize;
use utoipa::ToSchema;

use super::retention::Erasure;
use crate::api::{
    Channel, CheckMethod, CloseReason, DocumentKind, IdentityLevel, NameReason, Origin, PersonKind,
    ProfessionalBody, ReopenReason, Standing,
};

/// An act on a profile.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A profile was made.
    PersonCreated {
        /// Whose.
        user_id: String,
        /// Whose profile it is.
        kind: PersonKind,
        /// Where it came from.
        origin: Origin,
        /// Whether it was checked who they are.
        standing: Standing,
        /// How sure that is.
        assurance: IdentityLevel,
        /// The possible duplicates that were looked at and are somebody else.
        looked_at: Vec<String>,
    },
    /// Details of a profile were changed.
    PersonChanged {
        /// Whose.
        user_id: String,
        /// Which details; their values are not recorded.
        fields: Vec<String>,
        /// The document that showed it, where one was needed.
        evidence: Option<String>,
    },
    /// Somebody got another name.
    PersonRenamed {
        /// Who.
        user_id: String,
        /// Why.
        reason: NameReason,
        /// The document that showed it.
        evidence: String,
    },
    /// A document was shown.
    EvidenceNoted {
        /// By whom.
        user_id: String,
        /// Its id.
        evidence: String,
        /// What it is.
        document: DocumentKind,
        /// How it was checked.
        method: CheckMethod,
        /// Who checked it.
        checker: String,
    },
    /// The identity of somebody was checked, and their profile is no longer restricted.
    PersonVerified {
        /// Whose.
        user_id: String,
        /// The documents that were shown for it.
        evidence: Vec<String>,
    },
    /// An address was added.
    ContactAdded {
        /// Whose.
        user_id: String,
        /// Its id.
        contact: String,
        /// What it is.
        channel: Channel,
    },
    /// Somebody showed that an address is theirs.
    ContactVerified {
        /// Whose.
        user_id: String,
        /// Its id.
        contact: String,
    },
    /// An address was taken away.
    ContactRemoved {
        /// Whose.
        user_id: String,
        /// Its id.
        contact: String,
        /// What it was.
        channel: Channel,
    },
    /// Somebody got a photograph, or another one.
    PhotoSet {
        /// Who.
        user_id: String,
        /// SHA-256 of it.
        sha256: String,
    },
    /// A photograph was taken away.
    PhotoRemoved {
        /// Whose.
        user_id: String,
    },
    /// A professional registration was added.
    RegistrationAdded {
        /// Whose.
        user_id: String,
        /// With whom.
        body: ProfessionalBody,
    },
    /// A professional registration was taken away.
    RegistrationRemoved {
        /// Whose.
        user_id: String,
        /// With whom.
        body: ProfessionalBody,
    },
    /// Somebody left: the profile closed and every live assignment ended.
    PersonClosed {
        /// Who.
        user_id: String,
        /// Why.
        reason: CloseReason,
        /// The assignments that ended with it.
        assignments: Vec<String>,
    },
    /// A closed profile was opened again; no assignment came back.
    PersonReopened {
        /// Whose.
        user_id: String,
        /// Why.
        reason: ReopenReason,
    },
    /// Two records of one person became one.
    PeopleMerged {
        /// The one that is used.
        user_id: String,
        /// The one that is not used any more.
        merged: String,
        /// How many assignments moved.
        assignments: u64,
    },
    /// A temporary access card was handed out.
    CardGiven {
        /// The card's profile.
        user_id: String,
        /// To whom.
        holder: String,
    },
    /// A temporary access card came back.
    CardBack {
        /// The card's profile.
        user_id: String,
        /// From whom.
        holder: String,
    },
    /// Something of somebody who left was erased under retention.
    PersonErased {
        /// Of whom.
        user_id: String,
        /// What.
        what: Vec<Erasure>,
    },
}

impl audit::Event for Event {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::PersonCreated { .. } => "person-created",
            Self::PersonChanged { .. } => "person-changed",
            Self::PersonRenamed { .. } => "person-renamed",
            Self::EvidenceNoted { .. } => "evidence-noted",
            Self::PersonVerified { .. } => "person-verified",
            Self::ContactAdded { .. } => "contact-added",
            Self::ContactVerified { .. } => "contact-verified",
            Self::ContactRemoved { .. } => "contact-removed",
            Self::PhotoSet { .. } => "photo-set",
            Self::PhotoRemoved { .. } => "photo-removed",
            Self::RegistrationAdded { .. } => "registration-added",
            Self::RegistrationRemoved { .. } => "registration-removed",
            Self::PersonClosed { .. } => "person-closed",
            Self::PersonReopened { .. } => "person-reopened",
            Self::PeopleMerged { .. } => "people-merged",
            Self::CardGiven { .. } => "card-given",
            Self::CardBack { .. } => "card-back",
            Self::PersonErased { .. } => "person-erased",
        }
    }
}
