//! What the broker of CIS1 writes into the audit record, beside the events of the session itself.

use serde::Serialize;
use utoipa::ToSchema;

/// One act of the broker. It is written in the transaction that does what it tells.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Cis1Event {
    /// An agent was given a ticket for a session that was opened with a card.
    TicketIssued {
        /// The session.
        session: String,
        /// Its name in tokens.
        sid: String,
        /// Who.
        user: String,
        /// What the agent calls its workstation.
        device: String,
        /// With which hash the card signed: `sha-1` or `sha-256`.
        digest: String,
    },
    /// The role in which somebody acts with a ticket was fixed.
    RoleFixed {
        /// The session.
        session: String,
        /// Its name in tokens.
        sid: String,
        /// Who.
        user: String,
        /// The role.
        role: String,
        /// `live` or `training`.
        mode: String,
    },
    /// An application that showed a ticket was told who it is and which roles they have.
    RoleAsserted {
        /// The session.
        session: String,
        /// Its name in tokens.
        sid: String,
        /// Who.
        user: String,
        /// The role in which they act; absent for people without one.
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<String>,
        /// From which network address it asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// A ticket of somebody was shown and refused.
    TicketRefused {
        /// The session.
        session: String,
        /// Who.
        user: String,
        /// For what it was shown: `role-selection`, `role-assertion`, `logout` or `session-update`.
        act: String,
        /// A stable word for why.
        reason: String,
        /// From which network address.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
}

impl audit::Event for Cis1Event {
    const MODULE: &'static str = "authn";

    fn name(&self) -> &'static str {
        match self {
            Self::TicketIssued { .. } => "ticket-issued",
            Self::RoleFixed { .. } => "role-fixed",
            Self::RoleAsserted { .. } => "role-asserted",
            Self::TicketRefused { .. } => "ticket-refused",
        }
    }
}
