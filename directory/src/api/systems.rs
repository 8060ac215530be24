//! Systems on the wire: accredited systems and message handling systems.

use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ListedChanges, Trial};

words! {
    /// What kind of system.
    SystemKind, "accredited or message-handling" {
        /// An accredited system: who may send what.
        Accredited = "accredited",
        /// A message handling system: where an interaction is received, and how reliably.
        MessageHandling = "message-handling",
    }
}

/// A product that a system is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SystemProduct {
    /// Its key: a number as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Who asked for a system and who approved it: names of role profiles in the directory, or the word `System`. Times are
/// fourteen digits, `YYYYMMDDHHMMSS`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SystemApproval {
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<String>,
    /// Who approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<String>,
    /// Who approved the host name; of message handling systems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_approved_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_approved_at: Option<String>,
}

/// An accredited system, known by its ASID.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccreditedSystem {
    /// The ODS code of its organisation.
    pub organisation: String,
    /// The key that it shares with its message handling systems, as in `RXX-0000001`.
    pub party_key: String,
    /// The interactions that it may take part in; one at least.
    pub interactions: Vec<String>,
    /// The ODS codes of the organisations that it serves.
    #[serde(default)]
    pub clients: Vec<String>,
    /// The ODS code of its manufacturer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// What it is, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its categories.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Which access control it has: words such as `RBAC`.
    #[serde(default)]
    pub access_control: Vec<String>,
    /// Which product it is.
    #[serde(default)]
    pub product: SystemProduct,
    /// Who asked for it and who approved it.
    #[serde(default)]
    pub approval: SystemApproval,
    /// A temporary id that imported data has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary_id: Option<String>,
}

/// How reliably messages are exchanged, as `ebXML` names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SystemReliability {
    /// `MSHSignalsOnly`, `never`, `None`, `SignalsAndResponse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_reply_mode: Option<String>,
    /// How long to wait before trying again, as ISO 8601 writes it: `PT1M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_interval: Option<String>,
    /// How often to try again: a number as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<String>,
    /// How long a message is kept, as ISO 8601 writes it: `PT5M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persist_duration: Option<String>,
    /// `always` or `never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_elimination: Option<String>,
    /// `always` or `never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_requested: Option<String>,
    /// Names of actors of `ebXML`.
    pub actors: Vec<String>,
}

/// A message handling system: where one interaction is received.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageHandlingSystem {
    /// The ODS code of its organisation.
    pub organisation: String,
    /// The key that it shares with its accredited system.
    pub party_key: String,
    /// The service, as in `urn:nhs:names:services:pds`; what stands before the last colon of the interaction, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The name of the interaction within the service; what stands after the last colon, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction_name: Option<String>,
    /// The whole interaction: service, colon, name.
    pub interaction: String,
    /// The addresses to send to.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// The contract property agreement; its own identifier, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpa_id: Option<String>,
    /// Its host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<String>,
    /// `none`, `transient` or `persistent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated: Option<String>,
    /// `FHIR`, `HL7`, `EBXML` or `N/A`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction_type: Option<String>,
    /// The number of the contract's template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_template: Option<String>,
    /// The ODS code of its manufacturer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// Its IP address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// Its network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// A code of the service instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_instance: Option<String>,
    /// The service, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_description: Option<String>,
    /// How reliably messages are exchanged.
    #[serde(default)]
    pub reliability: SystemReliability,
    /// Which product it is.
    #[serde(default)]
    pub product: SystemProduct,
    /// Who asked for it and who approved it.
    #[serde(default)]
    pub approval: SystemApproval,
    /// A temporary id that imported data has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary_id: Option<String>,
}

/// What a system is, by its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "few are held at a time, and most are of the large kind")]
pub enum SystemContent {
    /// An accredited system.
    Accredited(AccreditedSystem),
    /// A message handling system.
    MessageHandling(MessageHandlingSystem),
}

impl SystemContent {
    /// Its kind.
    pub fn kind(&self) -> SystemKind {
        match self {
            Self::Accredited(_) => SystemKind::Accredited,
            Self::MessageHandling(_) => SystemKind::MessageHandling,
        }
    }

    /// The code of its organisation.
    pub fn organisation(&self) -> &str {
        match self {
            Self::Accredited(system) => &system.organisation,
            Self::MessageHandling(system) => &system.organisation,
        }
    }
}

/// A system to be registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSystem {
    /// Its identifier, if it has one already: an ASID of twelve digits for accredited systems, up to 64 letters, digits, dots,
    /// lines and hyphens for others. One is given if it is left out.
    #[serde(default)]
    pub identifier: Option<String>,
    /// What it is.
    pub system: SystemContent,
}

/// A system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct System {
    /// Its identifier: the ASID of an accredited system.
    pub identifier: String,
    /// How often it was written: its entity tag.
    pub version: i64,
    /// When it was registered, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub made_at: Millis,
    /// When it was last changed, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub changed_at: Millis,
    /// When it was withdrawn, in milliseconds since 1970. From then on it is on no face of the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub withdrawn_at: Option<Millis>,
    /// What it is.
    pub system: SystemContent,
}

/// Which systems are listed: those for which everything holds. One of organisation, party key, interaction, client and
/// manufacturer says where to look; without any, all are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SystemQuery {
    /// Of this kind.
    pub kind: Option<SystemKind>,
    /// Of this organisation.
    pub organisation: Option<String>,
    /// With this party key.
    pub party_key: Option<String>,
    /// With this interaction.
    pub interaction: Option<String>,
    /// That serve this organisation.
    pub client: Option<String>,
    /// Of this manufacturer.
    pub manufacturer: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// How to bring in systems.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SystemImportQuery {
    /// `yes` to be told what would change; nothing is written then.
    pub dry_run: Option<Trial>,
    /// `all` with a dry run: every change is told as a line of its own, and the answer is read while the file is sent; `first`, if it
    /// is left out: the report has the first hundred.
    pub changes: Option<ListedChanges>,
}

/// How far an import of systems is, and what came of it so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemImportProgress {
    /// How many entries were read.
    pub read: u64,
    /// How many were of another kind than systems, and passed over.
    pub passed: u64,
    /// How many systems are new.
    pub created: u64,
    /// How many have changed.
    pub changed: u64,
    /// How many are as they are.
    pub unchanged: u64,
    /// How many were refused.
    pub refused: u64,
    /// How long it has taken, in milliseconds.
    pub elapsed_ms: u64,
}

/// An entry that can be no system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemImportRefusal {
    /// The line at which it begins.
    pub line: u64,
    /// Its name in the file.
    pub name: String,
    /// What is wrong with it.
    pub sentence: String,
}

/// What came of an import of systems, or would come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemImportReport {
    /// The numbers.
    pub progress: SystemImportProgress,
    /// The first hundred new and changed systems; only a dry run lists them, and with `changes=all` tells every one in a line
    /// before.
    pub changes: Vec<String>,
    /// The first hundred that were refused; they stay as they were.
    pub refused: Vec<SystemImportRefusal>,
}

/// Why an import came to an end before its end. The same file sent again changes only what is not in yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemImportProblem {
    /// The status that the problem would have had as an answer.
    pub status: u16,
    /// A stable word for programs.
    pub code: String,
    /// What happened and what to do.
    pub detail: String,
}

/// A line of the answer to an import of systems: how far it is, and last what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SystemImportLine {
    /// How far it is, after each part.
    Progress(SystemImportProgress),
    /// A new or changed system: every one that a dry run finds, with `changes=all`.
    Change(String),
    /// It came to its end.
    Report(SystemImportReport),
    /// It did not.
    Problem(SystemImportProblem),
}
