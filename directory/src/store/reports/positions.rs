//! Reports of positions and of who holds them.

use platform::db::Tx;

use super::{Statement, Value, count};
use crate::api::{AssignmentReportRow, PositionReportRow};
use crate::day::Day;
use crate::error::Error;
use crate::report::{Answer, Cut, Scope};

/// Which positions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Positions {
    pub(crate) state: Option<&'static str>,
    pub(crate) unheld: Option<Answer>,
    pub(crate) rank: Option<&'static str>,
}

/// An assignment to the position that gives something on a day or later.
const HELD: &str = "FROM directory_assignment a WHERE a.position_id = q.position_id AND a.state = 'live' \
                    AND (a.to_day IS NULL OR a.to_day >= ?)";

type PositionColumns = (String, String, String, String, Option<String>, i64, i64, Option<i64>);

/// The positions of organisations, in the order of their making.
pub(crate) async fn positions(
    tx: &mut Tx,
    scope: &Scope,
    wanted: &Positions,
    cut: Cut<'_>,
) -> Result<Vec<PositionReportRow>, Error> {
    let today = || Value::from(scope.today.to_string());
    let mut query = Statement::of(scope);
    query.push(
        &format!(
            "SELECT q.position_id, q.organisation, q.name, q.state, q.rank, \
             (SELECT CAST(COUNT(*) AS BIGINT) FROM directory_access_profile f WHERE f.position_id = q.position_id \
              AND f.removed_at IS NULL), (SELECT CAST(COUNT(*) AS BIGINT) {HELD}), q.closed_at \
             FROM directory_position q WHERE q.position_id > ? AND q.organisation IN (SELECT ods FROM below)"
        ),
        [today(), Value::from(cut.after)],
    );
    query.when(wanted.state, " AND q.state = ?").when(wanted.rank, " AND q.rank = ?");
    if let Some(unheld) = wanted.unheld {
        let exists = match unheld {
            Answer::Yes => format!(" AND NOT EXISTS (SELECT 1 {HELD})"),
            Answer::No => format!(" AND EXISTS (SELECT 1 {HELD})"),
        };
        query.push(&exists, [today()]);
    }
    query.push(" ORDER BY q.position_id LIMIT ?", [Value::from(i64::from(cut.limit))]);
    let rows: Vec<PositionColumns> = query.rows(tx).await?;
    let row = |(position, organisation, name, state, rank, profiles, held, closed_at): PositionColumns| {
        let (access_profiles, assignments) = (count(profiles), count(held));
        PositionReportRow {
            position,
            organisation,
            name,
            state,
            rank,
            access_profiles,
            assignments,
            closed_at,
        }
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Which assignments.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assignments {
    /// `live`, `ended`, `removed` or `all`.
    pub(crate) state: &'static str,
    pub(crate) position: Option<String>,
    pub(crate) via: Option<&'static str>,
    /// The latest day on which one ends.
    pub(crate) ends_by: Option<Day>,
}

struct AssignmentColumns {
    assignment_id: String,
    user_id: String,
    given: String,
    family: String,
    position_id: String,
    name: String,
    organisation: String,
    from_day: String,
    to_day: Option<String>,
    state: String,
    via: String,
    made_by: String,
    made_at: i64,
}

platform::from_row!(AssignmentColumns {
    assignment_id,
    user_id,
    given,
    family,
    position_id,
    name,
    organisation,
    from_day,
    to_day,
    state,
    via,
    made_by,
    made_at
});

/// The assignments in organisations, in the order of their making.
pub(crate) async fn assignments(
    tx: &mut Tx,
    scope: &Scope,
    wanted: &Assignments,
    cut: Cut<'_>,
) -> Result<Vec<AssignmentReportRow>, Error> {
    let today = scope.today.to_string();
    let mut query = Statement::of(scope);
    // The organisations come first: over the assignments of a whole nation nobody looks for those of one trust.
    query.push(
        "SELECT a.assignment_id, a.user_id, p.given, p.family, a.position_id, q.name, a.organisation, a.from_day, \
         a.to_day, a.state, a.via, a.made_by, a.made_at FROM below CROSS JOIN directory_assignment a \
         CROSS JOIN directory_person p CROSS JOIN directory_position q WHERE a.organisation = below.ods \
         AND p.user_id = a.user_id AND q.position_id = a.position_id AND a.assignment_id > ?",
        [Value::from(cut.after)],
    );
    match wanted.state {
        "live" => {
            let live = " AND a.state = 'live' AND COALESCE(a.to_day, '9999-12-31') >= ?";
            query.push(live, [Value::from(today)]);
        }
        // What has ended by its date, whether or not that was told yet.
        "ended" => {
            query.push(
                " AND (a.state = 'ended' OR (a.state = 'live' AND a.to_day < ?))",
                [Value::from(today)],
            );
        }
        "removed" => {
            query.text(" AND a.state = 'removed'");
        }
        _ => {}
    }
    query.when(wanted.position.as_deref(), " AND a.position_id = ?").when(wanted.via, " AND a.via = ?");
    if let Some(day) = wanted.ends_by {
        query.push(" AND COALESCE(a.to_day, '9999-12-31') <= ?", [Value::from(day.to_string())]);
    }
    query.push(" ORDER BY a.assignment_id LIMIT ?", [Value::from(i64::from(cut.limit))]);
    let rows: Vec<AssignmentColumns> = query.rows(tx).await?;
    Ok(rows.into_iter().map(assignment).collect())
}

fn assignment(row: AssignmentColumns) -> AssignmentReportRow {
    AssignmentReportRow {
        assignment: row.assignment_id,
        user_id: row.user_id,
        given: row.given,
        family: row.family,
        position: row.position_id,
        position_name: row.name,
        organisation: row.organisation,
        start: row.from_day,
        end: row.to_day,
        state: row.state,
        via: row.via,
        made_by: row.made_by,
        made_at: row.made_at,
    }
}
