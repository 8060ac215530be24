//! What is recorded of reports.

use serde::Serialize;
use utoipa::ToSchema;

/// A report was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ReportEvent {
    /// Somebody read a report, or a page of one.
    ReportRead {
        /// Which.
        report: String,
        /// Of which organisation.
        organisation: String,
        /// Whether those below it were in it: `yes` or `no`.
        below: String,
        /// Its filters, as `name=value`.
        filters: Vec<String>,
        /// In which form: `json` for a page, `csv` for the whole.
        form: String,
    },
}

impl audit::Event for ReportEvent {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::ReportRead { .. } => "report-read",
        }
    }
}
