//! Reports on the wire: one row of each, and what is asked of it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A report that there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportInfo {
    /// Its name.
    pub name: String,
    /// Where it is read, on this server.
    pub path: String,
    /// Its columns in their order; of those that other modules have, the heading of the file tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

/// Every report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reports {
    /// By name.
    pub reports: Vec<ReportInfo>,
}

/// A person with what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserReportRow {
    /// The user id.
    pub user_id: String,
    /// Person, temporary access card or robot.
    pub kind: String,
    /// Open, closed or merged.
    pub state: String,
    /// Whether it was verified who they are.
    pub standing: String,
    /// How sure that is.
    pub assurance: String,
    /// The given name.
    pub given: String,
    /// The family name.
    pub family: String,
    /// `yes` or `no`: whether they have an e-mail address.
    pub has_email: String,
    /// `yes` or `no`: whether their national insurance number is known.
    pub has_national_insurance: String,
    /// How many assignments they hold there, now or later.
    pub assignments: u64,
    /// When the first of these ends; none if none has an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_end: Option<String>,
}

/// A request with who asked and who decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestReportRow {
    /// The request.
    pub request: String,
    /// What is asked for.
    pub kind: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Whom it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The position it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// Where it is.
    pub state: String,
    /// Who asked.
    pub requested_by: String,
    /// `own`: who it is about asked; `person`: somebody else; `system`: a personnel system or another program.
    pub source: String,
    /// When it was made, in milliseconds since 1970.
    pub made_at: i64,
    /// When it was handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<i64>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<i64>,
    /// Why it was rejected, or why it could not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A position with how many hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PositionReportRow {
    /// The position.
    pub position: String,
    /// Its organisation.
    pub organisation: String,
    /// What it is called.
    pub name: String,
    /// Open or closed.
    pub state: String,
    /// The rank that it gives in the registration authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    /// How many access profiles it has itself.
    pub access_profiles: u64,
    /// How many assignments to it give something today or later.
    pub assignments: u64,
    /// When it was closed, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<i64>,
}

/// An assignment with the names of who and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssignmentReportRow {
    /// The assignment.
    pub assignment: String,
    /// The user id.
    pub user_id: String,
    /// The given name.
    pub given: String,
    /// The family name.
    pub family: String,
    /// The position.
    pub position: String,
    /// What it is called.
    pub position_name: String,
    /// Its organisation.
    pub organisation: String,
    /// The first day.
    pub start: String,
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// `live`, `ended` or `removed`, as it is kept; an end that has passed says more.
    pub state: String,
    /// How it came about.
    pub via: String,
    /// Who made it.
    pub made_by: String,
    /// When, in milliseconds since 1970.
    pub made_at: i64,
}

/// A registration with a professional body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistrationReportRow {
    /// The body.
    pub body: String,
    /// The number.
    pub number: String,
    /// Whose it is.
    pub user_id: String,
    /// The given name.
    pub given: String,
    /// The family name.
    pub family: String,
}

/// Somebody who left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeaverReportRow {
    /// The leaving.
    pub leaving: String,
    /// Who.
    pub user_id: String,
    /// From where; from everywhere if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// The last day.
    pub last_day: String,
    /// Why.
    pub reason: String,
    /// When it was said, in milliseconds since 1970.
    pub at: i64,
    /// `yes` once those who follow the change feed were told.
    pub told: String,
}

/// A campaign with how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignReportRow {
    /// The campaign.
    pub campaign: String,
    /// The organisation.
    pub organisation: String,
    /// What it is called.
    pub name: String,
    /// The last day on which something can be confirmed.
    pub by: String,
    /// Running, over or cancelled.
    pub state: String,
    /// How many assignments are in it.
    pub assignments: u64,
    /// How many of these nobody has decided.
    pub open: u64,
    /// How many were confirmed.
    pub confirmed: u64,
    /// How many were ended in it.
    pub ended: u64,
    /// How many ended because nobody confirmed them.
    pub lapsed: u64,
    /// How many nobody confirmed, and which stay.
    pub unconfirmed: u64,
    /// How many had ended otherwise.
    pub gone: u64,
}

/// Makes what is asked of a report: where, the filters of the report, and which page.
macro_rules! query {
    ($(#[$documentation:meta])* $name:ident { $($(#[$member:meta])* $filter:ident,)* }) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
        #[serde(default, deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            /// The organisation, by its ODS code.
            pub organisation: String,
            /// `yes`, if it is left out: those below it too; `no`: it alone.
            pub below: Option<String>,
            $($(#[$member])* pub $filter: Option<String>,)*
            /// How many at most: 1 to 500, 50 if it is left out. CSV is always whole.
            pub limit: Option<u32>,
            /// The `next` of the page before.
            pub after: Option<String>,
        }

        impl $name {
            /// What is common to all reports.
            pub(crate) fn place(&self) -> Place<'_> {
                Place {
                    organisation: &self.organisation,
                    below: self.below.as_deref(),
                    limit: self.limit,
                    after: self.after.as_deref(),
                }
            }

            /// The filters that are given, as `name=value`.
            pub(crate) fn filters(&self) -> Vec<String> {
                let all: &[(&str, &Option<String>)] = &[$((stringify!($filter), &self.$filter),)*];
                let given = all.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
                given.collect()
            }
        }
    };
}

/// Where a report is of, and which page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'q> {
    pub(crate) organisation: &'q str,
    pub(crate) below: Option<&'q str>,
    pub(crate) limit: Option<u32>,
    pub(crate) after: Option<&'q str>,
}

query!(
    /// Which people. What is said of an assignment is said of one and the same.
    UserReportQuery {
        /// `open`, if it is left out: who holds an assignment there; `closed` or `merged`: who ever held one.
        state,
        /// `verified` or `unverified`.
        standing,
        /// Who holds this position.
        position,
        /// Who holds a position with this job role, its own or of one that it includes, as in `R8000` or `S8000:G8000:R8000`.
        job_role,
        /// Who holds a position whose rights come to this activity, as in `B0380`: by the baseline, added, or included.
        activity,
        /// Who is in this workgroup now or later, by a position that they hold or directly.
        workgroup,
        /// Who holds an assignment that ends within so many days: 1 to 366.
        ends_within,
        /// `yes` or `no`.
        has_email,
        /// `yes` or `no`.
        has_national_insurance,
    }
);

query!(
    /// Which requests.
    RequestReportQuery {
        /// In this state, as in `submitted`, `applied`, `rejected`.
        state,
        /// Of this kind, as in `assign`.
        kind,
        /// From there: `own`, `person` or `system`.
        source,
        /// Asked for by this user id or client id.
        requested_by,
        /// Decided by this user id.
        decided_by,
        /// Made on this day or later.
        from,
        /// Made on this day or before.
        to,
    }
);

query!(
    /// Which positions.
    PositionReportQuery {
        /// `open` or `closed`; both if it is left out.
        state,
        /// `yes`: those that nobody holds; `no`: those that somebody holds.
        unheld,
        /// Those that give this rank, as in `sponsor`.
        rank,
    }
);

query!(
    /// Which assignments.
    AssignmentReportQuery {
        /// `live`, if it is left out: those that give something today or later; `ended`, `removed` or `all`.
        state,
        /// To this position.
        position,
        /// That came about so: `cim`, `esr`, `scim`, `csv` or `request`.
        via,
        /// That end within so many days: 1 to 366.
        ends_within,
    }
);

query!(
    /// Which registrations.
    RegistrationReportQuery {
        /// Of this body, as in `GMC`.
        body,
    }
);

query!(
    /// Who left.
    LeaverReportQuery {
        /// With a last day on this day or later.
        from,
        /// With a last day on this day or before.
        to,
    }
);

query!(
    /// Which campaigns.
    CampaignReportQuery {
        /// `running`, `over` or `cancelled`.
        state,
    }
);
