//! Reports of people.

use platform::db::Tx;

use super::{Statement, Value, count};
use crate::api::{LeaverReportRow, RegistrationReportRow, UserReportRow};
use crate::day::Day;
use crate::error::Error;
use crate::rbac::{AreaCode, Giving};
use crate::report::{Answer, Cut, Scope};

/// Which people.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users {
    /// `open`, `closed` or `merged`.
    pub(crate) state: &'static str,
    pub(crate) standing: Option<&'static str>,
    pub(crate) position: Option<String>,
    /// A pattern that job roles are like.
    pub(crate) job_role: Option<String>,
    /// By what they come to an activity, where one is asked for.
    pub(crate) activity: Option<Giving>,
    pub(crate) workgroup: Option<String>,
    /// The latest day on which an assignment ends.
    pub(crate) ends_by: Option<Day>,
    pub(crate) has_email: Option<Answer>,
    pub(crate) has_national_insurance: Option<Answer>,
}

impl Users {
    /// Whether only those are wanted who hold something of a certain kind.
    fn of_what_is_held(&self) -> bool {
        self.position.is_some()
            || self.job_role.is_some()
            || self.activity.is_some()
            || self.workgroup.is_some()
            || self.ends_by.is_some()
    }
}

type UserColumns =
    (String, String, String, String, String, String, String, String, String, i64, Option<String>);

/// What an assignment is that gives something on a day or later.
///
/// So that SQLite does not go along the last days of everybody, they stand in an expression; no day is later than 2199.
const OPEN: &str = "a.state = 'live' AND COALESCE(a.to_day, '9999-12-31') >= ?";
/// An assignment in one of the organisations, asked of the few that one person has.
const THERE: &str = "EXISTS (SELECT 1 FROM below b WHERE b.ods = a.organisation)";
/// The assignments of the organisations. They come first: over the people of a whole nation nobody looks for those of one trust.
const ALL_THERE: &str = "FROM below CROSS JOIN directory_assignment a WHERE a.organisation = below.ods";

/// The people of organisations, by their ids.
pub(crate) async fn users(
    tx: &mut Tx,
    scope: &Scope,
    wanted: &Users,
    cut: Cut<'_>,
) -> Result<Vec<UserReportRow>, Error> {
    let today = || Value::from(scope.today.to_string());
    let mut query = Statement::of(scope);
    theirs(&mut query, wanted, scope.today, cut.after);
    // The last day with nothing behind it: SQLite would look for the first of all last days of the nation, along their index.
    query.push(
        &format!(
            "SELECT p.user_id, p.kind, p.state, p.standing, p.assurance, p.given, p.family, \
             CASE WHEN EXISTS (SELECT 1 FROM directory_contact c WHERE c.user_id = p.user_id AND c.channel = 'email') \
             THEN 'yes' ELSE 'no' END, CASE WHEN p.ni_hash IS NULL THEN 'no' ELSE 'yes' END, \
             (SELECT CAST(COUNT(*) AS BIGINT) FROM directory_assignment a WHERE a.user_id = p.user_id AND {OPEN} AND {THERE}), \
             (SELECT MIN(a.to_day || '') FROM directory_assignment a WHERE a.user_id = p.user_id AND {OPEN} AND {THERE}) \
             FROM theirs CROSS JOIN directory_person p WHERE p.user_id = theirs.user_id AND p.state = ?"
        ),
        [today(), today(), Value::from(wanted.state)],
    );
    query.when(wanted.standing, " AND p.standing = ?");
    if let Some(wanted) = wanted.has_email {
        query.text(not_if(wanted)).text(
            " EXISTS (SELECT 1 FROM directory_contact c WHERE c.user_id = p.user_id AND c.channel = 'email')",
        );
    }
    match wanted.has_national_insurance {
        Some(Answer::Yes) => query.text(" AND p.ni_hash IS NOT NULL"),
        Some(Answer::No) => query.text(" AND p.ni_hash IS NULL"),
        None => &mut query,
    };
    query.push(" ORDER BY p.user_id LIMIT ?", [Value::from(i64::from(cut.limit))]);
    let rows: Vec<UserColumns> = query.rows(tx).await?;
    Ok(rows.into_iter().map(user).collect())
}

fn not_if(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => " AND",
        Answer::No => " AND NOT",
    }
}

fn user(row: UserColumns) -> UserReportRow {
    let (user_id, kind, state, standing, assurance, given, family, email, insurance, assignments, next_end) =
        row;
    UserReportRow {
        user_id,
        kind,
        state,
        standing,
        assurance,
        given,
        family,
        has_email: email,
        has_national_insurance: insurance,
        assignments: count(assignments),
        next_end,
    }
}

/// The ids and names of who holds something in organisations now or later, and of their cards and robots, from an id on.
pub(crate) async fn there(
    tx: &mut Tx,
    scope: &Scope,
    from: &str,
    limit: u32,
) -> Result<Vec<(String, String, String)>, Error> {
    let mut query = Statement::of(scope);
    query.push(
        &format!(
            ", theirs(user_id) AS (SELECT a.user_id {ALL_THERE} AND {OPEN} AND a.user_id >= ? \
             UNION SELECT c.user_id FROM below CROSS JOIN directory_person c WHERE c.organisation = below.ods \
             AND c.user_id >= ?) SELECT p.user_id, p.given, p.family FROM theirs CROSS JOIN directory_person p \
             WHERE p.user_id = theirs.user_id AND p.state = 'open' ORDER BY p.user_id LIMIT ?"
        ),
        [scope.today.to_string().into(), from.into(), from.into(), Value::from(i64::from(limit))],
    );
    query.rows(tx).await
}

/// Adds `theirs`, the ids after one of those who hold an assignment there of which everything holds; of who is closed it has
/// ended.
fn theirs(query: &mut Statement, wanted: &Users, today: Day, after: &str) {
    if let Some(giving) = &wanted.activity {
        ways(query, giving);
    }
    query.push(
        &format!(", theirs(user_id) AS (SELECT a.user_id {ALL_THERE} AND a.user_id > ?"),
        [Value::from(after)],
    );
    if wanted.state == "open" {
        query.push(&format!(" AND {OPEN}"), [Value::from(today.to_string())]);
    }
    query.when(wanted.position.as_deref(), " AND a.position_id = ?");
    if let Some(day) = wanted.ends_by {
        query.push(" AND COALESCE(a.to_day, '9999-12-31') <= ?", [Value::from(day.to_string())]);
    }
    if let Some(workgroup) = &wanted.workgroup {
        within(query, workgroup, today);
    }
    if wanted.job_role.is_some() || wanted.activity.is_some() {
        by_profile(query, wanted);
    }
    if wanted.of_what_is_held() {
        // Who holds several such is told once.
        query.text(" GROUP BY a.user_id");
    } else {
        // Cards and robots are their organisation's, and hold nothing.
        query.push(
            " UNION SELECT c.user_id FROM below CROSS JOIN directory_person c WHERE c.organisation = below.ods \
             AND c.user_id > ?",
            [Value::from(after)],
        );
    }
    query.text(") ");
}

/// Adds what comes to an activity: `adding` the activities that do where they are added, and `basis` the job roles and areas of work.
fn ways(query: &mut Statement, giving: &Giving) {
    // No activity and no job role is empty: the first row stands for none, and lets the lists be empty.
    query.text(", adding(code) AS (VALUES ('')");
    for code in &giving.added {
        query.push(", (?)", [Value::from(code.as_str())]);
    }
    query.text("), basis(job_role, area) AS (VALUES ('', '')");
    for (job_role, area) in &giving.baselines {
        let area = area.as_ref().map_or("", AreaCode::as_str);
        query.push(", (?, ?)", [Value::from(job_role.as_str()), Value::from(area)]);
    }
    query.text(")");
}

/// The position has an access profile of the job role by which its holders come to the activity, by itself or by what it includes.
fn by_profile(query: &mut Statement, wanted: &Users) {
    query.text(
        " AND EXISTS (WITH RECURSIVE down(position_id) AS (SELECT a.position_id UNION SELECT i.included_id FROM down \
         JOIN directory_position_inclusion i ON i.position_id = down.position_id) \
         SELECT 1 FROM down CROSS JOIN directory_access_profile f WHERE f.position_id = down.position_id AND f.removed_at IS NULL",
    );
    query.when(wanted.job_role.as_deref(), " AND f.job_role LIKE ?");
    if wanted.activity.is_some() {
        // Between blanks, and behind the last colon of a path, so that no code is found in another.
        query.text(
            " AND (EXISTS (SELECT 1 FROM adding g WHERE g.code <> '' AND (' ' || f.activities || ' ') LIKE '% ' || g.code || ' %') \
             OR EXISTS (SELECT 1 FROM basis s WHERE s.job_role <> '' AND (':' || f.job_role) LIKE '%:' || s.job_role \
             AND (s.area = '' OR (f.areas || ' ') LIKE '%:' || s.area || ' %')))",
        );
    }
    query.text(")");
}

/// The assignment is to a position that puts its holders into a workgroup, by itself or by what it includes; or its holder is in
/// the workgroup directly.
fn within(query: &mut Statement, workgroup: &str, today: Day) {
    query.push(
        " AND (a.position_id IN (WITH RECURSIVE up(position_id) AS (SELECT f.position_id \
         FROM directory_access_profile_workgroup w JOIN directory_access_profile f \
         ON f.access_profile_id = w.access_profile_id AND f.removed_at IS NULL WHERE w.workgroup_id = ? \
         UNION SELECT i.position_id FROM up JOIN directory_position_inclusion i ON i.included_id = up.position_id) \
         SELECT position_id FROM up) OR a.user_id IN (SELECT m.user_id FROM directory_workgroup_member m \
         WHERE m.workgroup_id = ? AND m.removed_at IS NULL AND (m.to_day IS NULL OR m.to_day >= ?)))",
        [workgroup.into(), workgroup.into(), Value::from(today.to_string())],
    );
}

/// Which registrations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registrations {
    pub(crate) body: Option<&'static str>,
}

/// The registrations of people who hold something in organisations, by body and number.
pub(crate) async fn registrations(
    tx: &mut Tx,
    scope: &Scope,
    wanted: &Registrations,
    cut: Cut<'_>,
) -> Result<Vec<RegistrationReportRow>, Error> {
    let (body, number) = cut.after.split_once(' ').unwrap_or_default();
    let mut query = Statement::of(scope);
    query.push(
        &format!(
            ", theirs(user_id) AS (SELECT DISTINCT a.user_id {ALL_THERE} AND {OPEN}) \
             SELECT r.body, r.number, r.user_id, p.given, p.family FROM theirs \
             CROSS JOIN directory_registration r CROSS JOIN directory_person p \
             WHERE r.user_id = theirs.user_id AND p.user_id = r.user_id AND (r.body > ? OR (r.body = ? AND r.number > ?)) AND p.state = 'open'"
        ),
        [Value::from(scope.today.to_string()), body.into(), body.into(), number.into()],
    );
    query.when(wanted.body, " AND r.body = ?");
    query.push(" ORDER BY r.body, r.number LIMIT ?", [Value::from(i64::from(cut.limit))]);
    let rows: Vec<(String, String, String, String, String)> = query.rows(tx).await?;
    let row = |(body, number, user_id, given, family)| RegistrationReportRow {
        body,
        number,
        user_id,
        given,
        family,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Who left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leavers {
    pub(crate) from: Option<Day>,
    pub(crate) to: Option<Day>,
}

type LeaverColumns = (String, String, Option<String>, String, String, i64, Option<i64>);

/// Who left organisations; and who left everywhere, of those who held something there.
pub(crate) async fn leavers(
    tx: &mut Tx,
    scope: &Scope,
    wanted: &Leavers,
    cut: Cut<'_>,
) -> Result<Vec<LeaverReportRow>, Error> {
    let mut query = Statement::of(scope);
    query.push(
        &format!(
            "SELECT l.leaving_id, l.user_id, l.organisation, l.last_day, l.reason, l.at, l.told FROM directory_leaving l \
             WHERE l.leaving_id > ? AND l.withdrawn_at IS NULL AND (l.organisation IN (SELECT ods FROM below) OR (l.organisation IS NULL AND EXISTS \
             (SELECT 1 FROM directory_assignment a WHERE a.user_id = l.user_id AND {THERE})))"
        ),
        [Value::from(cut.after)],
    );
    let (from, to) = (wanted.from.map(String::from), wanted.to.map(String::from));
    query.when(from.as_deref(), " AND l.last_day >= ?").when(to.as_deref(), " AND l.last_day <= ?");
    query.push(" ORDER BY l.leaving_id LIMIT ?", [Value::from(i64::from(cut.limit))]);
    let rows: Vec<LeaverColumns> = query.rows(tx).await?;
    let row = |(leaving, user_id, organisation, last_day, reason, at, told): LeaverColumns| LeaverReportRow {
        leaving,
        user_id,
        organisation,
        last_day,
        reason,
        at,
        told: if told.is_some() { "yes" } else { "no" }.to_owned(),
    };
    Ok(rows.into_iter().map(row).collect())
}
