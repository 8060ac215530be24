//! What is recorded of organisations.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::OrganisationKind;

/// An act on organisations.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// An organisation of this register's own was made.
    OrganisationCreated {
        /// Its code.
        organisation: String,
        /// What kind.
        kind: OrganisationKind,
    },
    /// An organisation of this register's own was changed.
    OrganisationChanged {
        /// Its code.
        organisation: String,
    },
    /// An organisation of this register's own was closed for good.
    OrganisationClosed {
        /// Its code.
        organisation: String,
        /// Why.
        reason: String,
    },
    /// The registration authority of an organisation got another host, or none.
    OrganisationHosted {
        /// Its code.
        organisation: String,
        /// The code of the host.
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// The code of the host before.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<String>,
    },
    /// The import of a release of organisations began, or went on after it was broken off.
    OrganisationImportStarted {
        /// SHA-256 of the manifest of the release.
        release: String,
        /// How the manifest describes it.
        description: String,
    },
    /// A part of a release of organisations was brought in.
    OrganisationsImported {
        /// SHA-256 of the manifest of the release.
        release: String,
        /// The number of the part.
        part: i64,
        /// SHA-256 of its content.
        content_sha256: String,
        /// How many organisations are new.
        created: i64,
        /// How many have changed.
        changed: i64,
    },
    /// The import of a release of organisations came to its end.
    OrganisationImportFinished {
        /// SHA-256 of the manifest of the release.
        release: String,
        /// How many organisations are new.
        created: i64,
        /// How many have changed.
        changed: i64,
        /// How many were as they are.
        unchanged: i64,
        /// How many were refused, because they can be no organisation.
        refused: i64,
    },
}

impl audit::Event for Event {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::OrganisationCreated { .. } => "organisation-created",
            Self::OrganisationChanged { .. } => "organisation-changed",
            Self::OrganisationClosed { .. } => "organisation-closed",
            Self::OrganisationHosted { .. } => "organisation-hosted",
            Self::OrganisationImportStarted { .. } => "organisation-import-started",
            Self::OrganisationsImported { .. } => "organisations-imported",
            Self::OrganisationImportFinished { .. } => "organisation-import-finished",
        }
    }
}
