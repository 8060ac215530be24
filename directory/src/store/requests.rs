//! Rows of `directory_request` and its steps.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use sqlx::AssertSqlSafe;

use super::lineages::Places;
use super::{list, places, read};
use crate::error::Error;
use crate::ids::RequestId;
use crate::request::{Decision, Lock, Request, State, Step, Submitted};
use crate::version::Version;

struct Row {
    request_id: String,
    organisation: Option<String>,
    user_id: Option<String>,
    position_id: Option<String>,
    asked: String,
    before_it: String,
    state: String,
    requester: String,
    submitted_at: Option<i64>,
    expires_at: Option<i64>,
    lock_holder: Option<String>,
    locked_until: Option<i64>,
    decider: Option<String>,
    decided_at: Option<i64>,
    reason: Option<String>,
    seen_version: Option<i64>,
    made_at: i64,
    version: i64,
}

platform::from_row!(Row {
    request_id,
    organisation,
    user_id,
    position_id,
    asked,
    before_it,
    state,
    requester,
    submitted_at,
    expires_at,
    lock_holder,
    locked_until,
    decider,
    decided_at,
    reason,
    made_at,
    version,
    seen_version,
});

const COLUMNS: &str = "request_id, organisation, user_id, position_id, asked, before_it, state, requester, \
                       submitted_at, expires_at, lock_holder, locked_until, decider, decided_at, reason, \
                       seen_version, made_at, version";

fn request(row: Row) -> Result<Request, Error> {
    let stored = |what| move |_| Error::Stored { what };
    let state = state(&row).ok_or(Error::Stored { what: "directory_request.state" })?;
    Ok(Request {
        id: read("directory_request.request_id", &row.request_id)?,
        ask: serde_json::from_str(&row.asked).map_err(stored("directory_request.asked"))?,
        before: serde_json::from_str(&row.before_it).map_err(stored("directory_request.before_it"))?,
        state,
        requester: row.requester,
        organisation: row
            .organisation
            .map(|code| read("directory_request.organisation", &code))
            .transpose()?,
        user: row.user_id.map(|id| read("directory_request.user_id", &id)).transpose()?,
        position: row.position_id.map(|id| read("directory_request.position_id", &id)).transpose()?,
        seen: row.seen_version.map(Version),
        made_at: Millis(row.made_at),
        version: Version(row.version),
    })
}

/// The state, if every column is there that it needs.
fn state(row: &Row) -> Option<State> {
    let submitted = row
        .submitted_at
        .zip(row.expires_at)
        .map(|(at, expires_at)| Submitted { at: Millis(at), expires_at: Millis(expires_at) });
    let lock =
        row.lock_holder.clone().zip(row.locked_until).map(|(by, until)| Lock { by, until: Millis(until) });
    let decision = row.decider.clone().zip(row.decided_at).map(|(by, at)| Decision { by, at: Millis(at) });
    Some(match row.state.as_str() {
        "draft" => State::Draft,
        "submitted" => State::Submitted(submitted?),
        "locked" => State::Locked(submitted?, lock?),
        "approved" => State::Approved(submitted?, decision?),
        "rejected" => State::Rejected(submitted?, decision?, row.reason.clone()?),
        "withdrawn" => State::Withdrawn(submitted),
        "expired" => State::Expired(submitted?),
        "applied" => State::Applied(submitted?, decision?),
        "failed" => State::Failed(submitted?, decision?, row.reason.clone()?),
        _ => return None,
    })
}

/// The columns of a state.
struct Columns<'a> {
    submitted: Option<Submitted>,
    lock: Option<&'a Lock>,
    decision: Option<&'a Decision>,
    reason: Option<&'a String>,
}

fn columns(state: &State) -> Columns<'_> {
    let (submitted, lock, decision, reason) = match state {
        State::Draft => (None, None, None, None),
        State::Submitted(submitted) | State::Expired(submitted) => (Some(*submitted), None, None, None),
        State::Locked(submitted, lock) => (Some(*submitted), Some(lock), None, None),
        State::Approved(submitted, decision) | State::Applied(submitted, decision) => {
            (Some(*submitted), None, Some(decision), None)
        }
        State::Rejected(submitted, decision, reason) | State::Failed(submitted, decision, reason) => {
            (Some(*submitted), None, Some(decision), Some(reason))
        }
        State::Withdrawn(submitted) => (*submitted, None, None, None),
    };
    Columns { submitted, lock, decision, reason }
}

/// A request.
pub(crate) async fn find(tx: &mut Tx, id: &RequestId) -> Result<Option<Request>, Error> {
    let text = format!("SELECT {COLUMNS} FROM directory_request WHERE request_id = $1");
    let row: Option<Row> =
        sqlx::query_as(AssertSqlSafe(text)).bind(id.as_str().to_owned()).fetch_optional(&mut *tx).await?;
    row.map(request).transpose()
}

/// The requests about somebody, and by them, that wait to be decided or are being written.
pub(crate) async fn open_of(
    tx: &mut Tx,
    user: &UserId,
    now: Millis,
    most: u32,
) -> Result<Vec<Request>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_request WHERE request_id IN \
         (SELECT request_id FROM directory_request WHERE user_id = $1 \
          UNION SELECT request_id FROM directory_request WHERE requester = $1) \
         AND (state = 'draft' OR (state IN ('submitted', 'locked') AND expires_at > $2)) ORDER BY request_id LIMIT $3"
    );
    let query = sqlx::query_as(AssertSqlSafe(text));
    let rows: Vec<Row> =
        query.bind(user.as_str()).bind(now.0).bind(i64::from(most)).fetch_all(&mut *tx).await?;
    rows.into_iter().map(request).collect()
}

/// The requests for positions of somebody, in one organisation or anywhere, that wait to be decided or are being written.
pub(crate) async fn open_about_positions(
    tx: &mut Tx,
    user: &UserId,
    organisation: Option<&OdsCode>,
    now: Millis,
    most: u32,
) -> Result<Vec<Request>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_request WHERE user_id = $1 AND position_id IS NOT NULL \
         AND (state = 'draft' OR (state IN ('submitted', 'locked') AND expires_at > $2)) \
         AND ($3 = '' OR EXISTS (SELECT 1 FROM directory_position p \
         WHERE p.position_id = directory_request.position_id AND p.organisation = $3)) ORDER BY request_id LIMIT $4"
    );
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(text))
        .bind(user.as_str().to_owned())
        .bind(now.0)
        .bind(organisation.map_or("", OdsCode::as_str).to_owned())
        .bind(i64::from(most))
        .fetch_all(&mut *tx)
        .await?;
    rows.into_iter().map(request).collect()
}

/// The organisations of the positions that such requests of somebody are about, each once.
pub(crate) async fn places_asked(tx: &mut Tx, user: &UserId, now: Millis) -> Result<Vec<OdsCode>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT p.organisation FROM directory_request r \
         JOIN directory_position p ON p.position_id = r.position_id WHERE r.user_id = $1 \
         AND (r.state = 'draft' OR (r.state IN ('submitted', 'locked') AND r.expires_at > $2)) ORDER BY p.organisation",
    )
    .bind(user.as_str())
    .bind(now.0)
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|(place,)| read("directory_position.organisation", place)).collect()
}

/// The requests about somebody after one of them, in the order of their making.
pub(crate) async fn of_person(
    tx: &mut Tx,
    user: &UserId,
    after: Option<&RequestId>,
    limit: u32,
) -> Result<Vec<Request>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_request WHERE user_id = $1 AND request_id > $2 ORDER BY request_id LIMIT $3"
    );
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(text))
        .bind(user.as_str().to_owned())
        .bind(after.map_or("", RequestId::as_str).to_owned())
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
    rows.into_iter().map(request).collect()
}

/// What was about one person is about another from now on: they were found to be one.
pub(crate) async fn hand_over(tx: &mut Tx, from: &UserId, to: &UserId) -> Result<(), Error> {
    sqlx::query("UPDATE directory_request SET user_id = $2 WHERE user_id = $1")
        .bind(from.as_str())
        .bind(to.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Erases some of the requests that were over before a time, and of the drafts that were last touched before another, with their
/// steps; says how many.
pub(crate) async fn erase(tx: &mut Tx, over: Millis, drafts: Millis, limit: u32) -> Result<u64, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT request_id FROM directory_request WHERE (state IN ('rejected', 'withdrawn', 'expired', 'applied', 'failed') \
         AND changed_at < $1) OR (state = 'draft' AND changed_at < $2) LIMIT $3",
    )
    .bind(over.0)
    .bind(drafts.0)
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    if rows.is_empty() {
        return Ok(0);
    }
    for table in ["directory_request_step", "directory_request"] {
        // Made of our own words and numbers only.
        let text = format!("DELETE FROM {table} WHERE request_id IN {}", places(1, rows.len()));
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (id,) in &rows {
            query = query.bind(id.clone());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}

/// Stores a new request.
pub(crate) async fn insert(tx: &mut Tx, request: &Request) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_request (request_id, kind, asked, before_it, state, requester, made_at, version) \
         VALUES ($1, $2, '', '', 'draft', $3, $4, $5)",
    )
    .bind(request.id.as_str())
    .bind(request.ask.word())
    .bind(&request.requester)
    .bind(request.made_at.0)
    .bind(request.version.0)
    .execute(&mut *tx)
    .await?;
    update(tx, request).await
}

/// Stores everything about a request that can change.
pub(crate) async fn update(tx: &mut Tx, request: &Request) -> Result<(), Error> {
    let asked =
        serde_json::to_string(&request.ask).map_err(|_| Error::Stored { what: "directory_request.asked" })?;
    let columns = columns(&request.state);
    sqlx::query(
        "UPDATE directory_request SET kind = $2, organisation = $3, user_id = $4, position_id = $5, asked = $6, \
         before_it = $7, state = $8, submitted_at = $9, expires_at = $10, lock_holder = $11, locked_until = $12, \
         decider = $13, decided_at = $14, reason = $15, version = $16, seen_version = $17 WHERE request_id = $1",
    )
    .bind(request.id.as_str())
    .bind(request.ask.word())
    .bind(request.organisation.as_ref().map(OdsCode::as_str))
    .bind(request.user.as_ref().map(platform::id::UserId::as_str))
    .bind(request.position.as_ref().map(crate::ids::PositionId::as_str))
    .bind(asked)
    .bind(request.before.to_string())
    .bind(request.state.word())
    .bind(columns.submitted.map(|submitted| submitted.at.0))
    .bind(columns.submitted.map(|submitted| submitted.expires_at.0))
    .bind(columns.lock.map(|lock| lock.by.clone()))
    .bind(columns.lock.map(|lock| lock.until.0))
    .bind(columns.decision.map(|decision| decision.by.clone()))
    .bind(columns.decision.map(|decision| decision.at.0))
    .bind(columns.reason.cloned())
    .bind(request.version.0)
    .bind(request.seen.map(|seen| seen.0))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Adds a step, and notes when it was taken.
pub(crate) async fn insert_step(tx: &mut Tx, id: &RequestId, step: &Step) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_request_step (request_id, version, at, step, actor, role_profile, notes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id.as_str())
    .bind(step.version.0)
    .bind(step.at.0)
    .bind(&step.word)
    .bind(&step.actor)
    .bind(&step.role_profile)
    .bind(&step.notes)
    .execute(&mut *tx)
    .await?;
    sqlx::query("UPDATE directory_request SET changed_at = $2 WHERE request_id = $1")
        .bind(id.as_str())
        .bind(step.at.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

type StepColumns = (i64, i64, String, String, Option<String>, Option<String>);

/// The steps of a request before the one that made a version, latest first.
pub(crate) async fn steps(
    tx: &mut Tx,
    id: &RequestId,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Step>, Error> {
    let rows: Vec<StepColumns> = sqlx::query_as(
        "SELECT version, at, step, actor, role_profile, notes FROM directory_request_step \
         WHERE request_id = $1 AND version < $2 ORDER BY version DESC LIMIT $3",
    )
    .bind(id.as_str())
    .bind(before.unwrap_or(i64::MAX))
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    let step = |(version, at, word, actor, role_profile, notes)| Step {
        version: Version(version),
        at: Millis(at),
        word,
        actor,
        role_profile,
        notes,
    };
    Ok(rows.into_iter().map(step).collect())
}

/// The organisation for whose registration authority a request was decided, by the role of whoever decided it.
pub(crate) async fn decided_in(tx: &mut Tx, id: &RequestId) -> Result<Option<OdsCode>, Error> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT f.organisation FROM directory_request_step s \
         JOIN directory_role_profile r ON r.role_profile_id = s.role_profile \
         JOIN directory_access_profile f ON f.access_profile_id = r.access_profile_id \
         WHERE s.request_id = $1 AND s.step IN ('approved', 'rejected') ORDER BY s.version DESC LIMIT 1",
    )
    .bind(id.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    row.map(|(organisation,)| read("directory_access_profile.organisation", &organisation)).transpose()
}

/// Which requests are listed.
pub(crate) enum Wanted<'a> {
    /// Those of one requester: the open ones, and to which something was done since a time.
    By(&'a str, Millis),
    /// Those in these states, in these organisations, below them or in none; everywhere if no organisations are given. Of some
    /// time only those to which something was done since.
    In(&'a [&'a str], Option<&'a [OdsCode]>, Option<Millis>),
}

/// A page of requests, in the order of their making.
pub(crate) async fn page(
    tx: &mut Tx,
    wanted: Wanted<'_>,
    after: Option<&RequestId>,
    limit: u32,
) -> Result<Vec<Request>, Error> {
    let (condition, values): (String, Vec<String>) = match wanted {
        Wanted::By(requester, since) => (
            format!(
                "requester = $3 AND (state IN ('draft', 'submitted', 'locked') OR changed_at >= {})",
                since.0
            ),
            vec![requester.to_owned()],
        ),
        Wanted::In(states, places, since) => {
            let since = since.map(|since| format!(" AND changed_at >= {}", since.0)).unwrap_or_default();
            let within_states = format!("state IN ({}){since}", list(3, states.len()));
            let mut condition = within_states.clone();
            let mut values: Vec<String> = states.iter().map(|state| (*state).to_owned()).collect();
            if let Some(places) = places.map(Places::Below) {
                let within = places.within(3 + states.len());
                // Each half begins at the organisation: along the states it would read those of the whole nation.
                let half = format!(
                    "SELECT request_id FROM directory_request WHERE {within_states} AND request_id > $1 AND organisation"
                );
                condition = format!("request_id IN ({half} IN {within} UNION ALL {half} IS NULL)");
                values.extend(places.codes());
            }
            (condition, values)
        }
    };
    let text = format!(
        "SELECT {COLUMNS} FROM directory_request WHERE request_id > $1 AND {condition} ORDER BY request_id LIMIT $2"
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text))
        .bind(after.map_or("", RequestId::as_str).to_owned())
        .bind(i64::from(limit));
    for value in values {
        query = query.bind(value);
    }
    let rows: Vec<Row> = query.fetch_all(&mut *tx).await?;
    rows.into_iter().map(request).collect()
}

/// Marks some of the requests that nobody decided in time; gives each with its new version.
pub(crate) async fn expire(tx: &mut Tx, now: Millis, most: u32) -> Result<Vec<(RequestId, Version)>, Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "UPDATE directory_request SET state = 'expired', lock_holder = NULL, locked_until = NULL, changed_at = $1, \
         version = version + 1 WHERE state IN ('submitted', 'locked') AND request_id IN \
         (SELECT request_id FROM directory_request WHERE state IN ('submitted', 'locked') AND expires_at <= $1 \
          ORDER BY expires_at LIMIT $2) RETURNING request_id, version",
    )
    .bind(now.0)
    .bind(i64::from(most))
    .fetch_all(&mut *tx)
    .await?;
    rows.iter()
        .map(|(id, version)| Ok((read("directory_request.request_id", id)?, Version(*version))))
        .collect()
}

/// Adds the step of having expired to each.
pub(crate) async fn insert_expired(
    tx: &mut Tx,
    expired: &[(RequestId, Version)],
    now: Millis,
) -> Result<(), Error> {
    for rows in expired.chunks(100) {
        let text = format!(
            "INSERT INTO directory_request_step (request_id, version, at, step, actor) VALUES {}",
            places(rows.len(), 5)
        );
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (id, version) in rows {
            query = query
                .bind(id.as_str().to_owned())
                .bind(version.0)
                .bind(now.0)
                .bind("expired")
                .bind("directory");
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}
