//! The reports that there are, and those that other modules have.

use platform::db::Tx;

use super::{Cut, Report, Scope};
use crate::api::{
    AssignmentReportRow, CampaignReportRow, LeaverReportRow, PositionReportRow, RegistrationReportRow,
    RequestReportRow, UserReportRow,
};
use crate::authority::{Act, Report as Kind};
use crate::error::Error;
use crate::store::reports::{people, positions, work};

/// Makes a report of its filters, its row and its query.
macro_rules! report {
    ($(#[$documentation:meta])* $name:ident, $filter:ty, $row:ty, $word:literal, $act:expr, $rows:path,
     [$($column:ident),+], $cursor:expr) => {
        $(#[$documentation])*
        pub(crate) struct $name(pub(crate) $filter);

        impl Report for $name {
            type Row = $row;
            const NAME: &'static str = $word;
            const ACT: Act = $act;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];

            async fn rows(&self, tx: &mut Tx, scope: &Scope, cut: Cut<'_>) -> Result<Vec<$row>, Error> {
                $rows(tx, scope, &self.0, cut).await
            }

            fn cursor(row: &$row) -> String {
                // Every column is a member of the row, or this does not compile.
                $(let _ = &row.$column;)+
                let cursor: fn(&$row) -> String = $cursor;
                cursor(row)
            }
        }
    };
}

report!(
    /// People with what they hold.
    Users, people::Users, UserReportRow, "users", Act::See(Kind::Users), people::users,
    [user_id, kind, state, standing, assurance, given, family, has_email, has_national_insurance, assignments, next_end],
    |row| row.user_id.clone()
);
report!(
    /// Registrations with professional bodies.
    Registrations, people::Registrations, RegistrationReportRow, "registrations", Act::See(Kind::Users),
    people::registrations, [body, number, user_id, given, family],
    |row| format!("{} {}", row.body, row.number)
);
report!(
    /// Who left.
    Leavers, people::Leavers, LeaverReportRow, "leavers", Act::See(Kind::Users), people::leavers,
    [leaving, user_id, organisation, last_day, reason, at, told],
    |row| row.leaving.clone()
);
report!(
    /// Positions with how many hold them.
    Positions, positions::Positions, PositionReportRow, "positions", Act::See(Kind::Positions), positions::positions,
    [position, organisation, name, state, rank, access_profiles, assignments, closed_at],
    |row| row.position.clone()
);
report!(
    /// Assignments with the names of who and what.
    Assignments, positions::Assignments, AssignmentReportRow, "assignments", Act::See(Kind::Users),
    positions::assignments,
    [assignment, user_id, given, family, position, position_name, organisation, start, end, state, via, made_by, made_at],
    |row| row.assignment.clone()
);
report!(
    /// Requests with who asked and who decided.
    Requests, work::Requests, RequestReportRow, "requests", Act::See(Kind::Requests), work::requests,
    [request, kind, organisation, person, position, state, requested_by, source, made_at, submitted_at, decided_by, decided_at,
     reason],
    |row| row.request.clone()
);
report!(
    /// Campaigns with how far they are.
    Campaigns, work::Campaigns, CampaignReportRow, "campaigns", Act::SeeEndedAssignments, work::campaigns,
    [campaign, organisation, name, by, state, assignments, open, confirmed, ended, lapsed, unconfirmed, gone],
    |row| row.campaign.clone()
);

/// The reports that there are, with their columns.
pub(crate) const THERE: [(&str, &[&str]); 7] = [
    (Assignments::NAME, Assignments::COLUMNS),
    (Campaigns::NAME, Campaigns::COLUMNS),
    (Leavers::NAME, Leavers::COLUMNS),
    (Positions::NAME, Positions::COLUMNS),
    (Registrations::NAME, Registrations::COLUMNS),
    (Requests::NAME, Requests::COLUMNS),
    (Users::NAME, Users::COLUMNS),
];

/// A report of what another module keeps.
pub(crate) struct Elsewhere {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Where it is read, on the same server.
    pub(crate) path: &'static str,
}

/// The reports of what other modules keep. The register says who may read them and of whom they are.
pub(crate) const ELSEWHERE: [Elsewhere; 4] = [
    Elsewhere { name: "authenticators", kind: Kind::Authenticators, path: "/authn/reports/authenticators" },
    Elsewhere { name: "cardholders", kind: Kind::Users, path: "/ca/reports/cardholders" },
    Elsewhere { name: "logins", kind: Kind::Logins, path: "/authn/reports/logins" },
    Elsewhere { name: "smartcards", kind: Kind::Smartcards, path: "/ca/reports/smartcards" },
];
