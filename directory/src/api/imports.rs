//! Imports of national data on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Difference, Trial};

/// Routes whose bodies are worked on as they come, and may be as long as a file is.
pub const STREAMED: [&str; 2] = ["/directory/organisations/import", "/directory/systems/import"];

words!(
    /// Which changes a dry run tells.
    ListedChanges, "first or all" {
        /// The first hundred, in the report.
        First = "first",
        /// Every one, each as a line of its own.
        All = "all",
    }
);

/// How to bring in organisations.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrganisationImportQuery {
    /// `yes` to be told what would change; nothing is written then.
    pub dry_run: Option<Trial>,
    /// `all` with a dry run: every change is told as a line of its own, and the answer is read while the file is sent; `first`, if it
    /// is left out: the report has the first hundred.
    pub changes: Option<ListedChanges>,
}

/// How far an import of organisations is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationImportProgress {
    /// How many organisations were read.
    pub read: u64,
    /// How many there are, if the release says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// How many were in already, from an import that was broken off.
    pub passed: u64,
    /// How many are new.
    pub created: u64,
    /// How many have changed.
    pub changed: u64,
    /// How many are as they are.
    pub unchanged: u64,
    /// How many were refused.
    pub refused: u64,
    /// How long it has taken, in milliseconds.
    pub elapsed_ms: u64,
    /// How long it will take from now on, if what follows takes as long as what was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_ms: Option<u64>,
}

/// How an organisation changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationImportChange {
    /// Its code.
    pub organisation: String,
    /// Its name in the release.
    pub name: String,
    /// The members that change; none if it is new.
    pub members: Vec<String>,
    /// What is in each of them, and what will be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<OrganisationImportDifference>,
}

/// What is in a member of an organisation, and what a release has there; nothing where one of them has nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationImportDifference {
    /// The member.
    pub member: String,
    /// What is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<serde_json::Value>,
    /// What the release has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<serde_json::Value>,
}

/// An organisation of a release that can be none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationImportRefusal {
    /// The line at which it begins.
    pub line: u64,
    /// Its code as it stands there.
    pub code: String,
    /// What is wrong with it.
    pub sentence: String,
}

/// What came of an import of organisations, or would come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationImportReport {
    /// SHA-256 of what the release says about itself: its id.
    pub release: String,
    /// How it describes itself.
    pub description: String,
    /// The day of its publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// The numbers.
    pub progress: OrganisationImportProgress,
    /// The first hundred new and changed organisations; only a dry run lists them, and with `changes=all` tells every
    /// one in a line before.
    pub changes: Vec<OrganisationImportChange>,
    /// The first hundred that were refused; they stay as they were.
    pub refused: Vec<OrganisationImportRefusal>,
    /// The first hundred virtual organisations of this register whose codes the release has; they stay as they are.
    pub kept: Vec<String>,
    /// The first hundred organisations that are closed while positions are open there: after an import all that the register
    /// has, after a dry run those that the release would change.
    #[serde(default)]
    pub closed: Vec<OrganisationImportClosed>,
}

/// An organisation that is closed, or would be, while positions are open there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationImportClosed {
    /// Its code.
    pub organisation: String,
    /// Its name.
    pub name: String,
    /// Who took its place.
    pub successors: Vec<String>,
    /// How many open positions are in it or give something there.
    pub positions: u64,
    /// How many assignments to positions in it give something today or later.
    pub assignments: u64,
}

/// Why an import came to an end before its end. The same file sent again goes on after what is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationImportProblem {
    /// The status that the problem would have had as an answer.
    pub status: u16,
    /// A stable word for programs.
    pub code: String,
    /// What happened and what to do.
    pub detail: String,
}

/// A line of the answer to an import of organisations: how far it is, and last what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrganisationImportLine {
    /// How far it is, after each part.
    Progress(OrganisationImportProgress),
    /// A new or changed organisation: every one that a dry run finds, with `changes=all`.
    Change(OrganisationImportChange),
    /// It came to its end.
    Report(OrganisationImportReport),
    /// It did not.
    Problem(OrganisationImportProblem),
}

/// An import of a release of organisations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationImport {
    /// SHA-256 of what the release says about itself: its id.
    pub release: String,
    /// How it describes itself.
    pub description: String,
    /// The day of its publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// When it began, in milliseconds since 1970.
    pub started_at: i64,
    /// When it came to its end; none while it is under way or broken off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<i64>,
    /// How many parts of it are in, while it is not at its end.
    pub parts: u64,
    /// How many organisations were new.
    pub created: u64,
    /// How many had changed.
    pub changed: u64,
    /// How many were as they are.
    pub unchanged: u64,
}

/// Imports of organisations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationImports {
    /// Latest first.
    pub imports: Vec<OrganisationImport>,
    /// Where to read on: give it as `after`. Left out on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A release of the national roles: five files, or the job roles alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleImport {
    /// The name of the release, such as `27.2`; with `files`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The files by their names, as `docs/rbac.md` describes them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// The FHIR `CodeSystem` of the job roles, in XML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_system: Option<String>,
    /// `yes` to be told what would change; nothing is stored then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<Trial>,
}

words!(
    /// What came of an import of roles.
    RoleImportOutcome, "new or same" {
        /// It is a new release.
        New = "new",
        /// The release in force has this content already.
        Same = "same",
    }
);

/// What came of an import of roles, or would come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleImported {
    /// Whether it was only tried.
    pub dry_run: Trial,
    /// What came of it.
    pub outcome: RoleImportOutcome,
    /// The number of the release, or the number it would have.
    pub number: u64,
    /// How it differs from the one in force before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}
