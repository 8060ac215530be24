//! Authenticators and sessions of some people.

use directory::api::Whose;
use platform::clock::Millis;
use platform::db::rows::list;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use super::read as parsed;
use crate::api::{AuthenticatorReportRow, LoginReportRow};
use crate::error::Error;
use crate::interaction::Method;

/// A span of time, without its last moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) from: Option<Millis>,
    pub(crate) before: Option<Millis>,
}

/// A state, a method and a span.
type Wanted = (&'static str, Option<Method>, Span);

/// What is common to both reports.
struct Question {
    /// Table and key.
    table: &'static str,
    key: &'static str,
    columns: &'static str,
    /// The column that the span is of.
    at: &'static str,
    /// What makes the state; empty for all.
    state: String,
}

/// The rows of these people, by their ids and the ids of rows; of the first of them after a row if one is given.
async fn rows(
    read: &AnyPool,
    people: &[&str],
    after: Option<&Whose>,
    question: Question,
    (method, span): (Option<Method>, Span),
    limit: u32,
) -> Result<Vec<AnyRow>, Error> {
    let Question { table, key, columns, at, state } = question;
    // Put together of our own words only.
    let text = format!(
        "SELECT user_id, {key}, method, {columns} FROM {table} WHERE user_id IN ({}) \
         AND (user_id > $1 OR {key} > $2) AND ($3 = '' OR method = $3) AND {at} >= $4 AND {at} < $5{state} \
         ORDER BY user_id, {key} LIMIT $6",
        list(7, people.len())
    );
    let mut query = sqlx::query(AssertSqlSafe(text))
        .bind(after.map(|whose| whose.person.clone()).unwrap_or_default())
        .bind(after.map(|whose| whose.row.clone()).unwrap_or_default())
        .bind(method.map(Method::word).unwrap_or_default().to_owned())
        .bind(span.from.map_or(i64::MIN, |from| from.0))
        .bind(span.before.map_or(i64::MAX, |before| before.0))
        .bind(i64::from(limit));
    for person in people {
        query = query.bind((*person).to_owned());
    }
    Ok(query.fetch_all(read).await?)
}

fn method_of(row: &AnyRow, what: &'static str) -> Result<Method, Error> {
    parsed(what, row.try_get("method")?)
}

/// The authenticators of these people that are no cards.
pub(crate) async fn authenticators(
    read: &AnyPool,
    people: &[&str],
    after: Option<&Whose>,
    (state, method, span): Wanted,
    limit: u32,
) -> Result<Vec<(Whose, AuthenticatorReportRow)>, Error> {
    let state = match state {
        "active" => " AND removed_at IS NULL AND suspended_at IS NULL",
        "suspended" => " AND removed_at IS NULL AND suspended_at IS NOT NULL",
        "removed" => " AND removed_at IS NOT NULL",
        _ => "",
    };
    let question = Question {
        table: "authn_authenticator",
        key: "authenticator_id",
        columns: "aaguid, created_at, created_by, last_used_at, suspended_at, removed_at",
        at: "created_at",
        state: state.to_owned(),
    };
    let rows = rows(read, people, after, question, (method, span), limit).await?;
    rows.iter()
        .map(|row| {
            let method = method_of(row, "authn_authenticator.method")?;
            let (person, id): (String, String) = (row.try_get("user_id")?, row.try_get("authenticator_id")?);
            let removed_at: Option<i64> = row.try_get("removed_at")?;
            let suspended_at: Option<i64> = row.try_get("suspended_at")?;
            let told = AuthenticatorReportRow {
                user_id: person.clone(),
                given: String::new(),
                family: String::new(),
                authenticator: id.clone(),
                method: method.to_string(),
                level: method.level().digit().to_owned(),
                model: row.try_get("aaguid")?,
                state: state_of(suspended_at, removed_at).to_owned(),
                enrolled_at: row.try_get("created_at")?,
                enrolled_by: row.try_get("created_by")?,
                last_used_at: row.try_get("last_used_at")?,
                removed_at,
            };
            Ok((Whose { person, row: id }, told))
        })
        .collect()
}

/// The word for the state of an authenticator.
fn state_of(suspended_at: Option<i64>, removed_at: Option<i64>) -> &'static str {
    match (suspended_at, removed_at) {
        (_, Some(_)) => "removed",
        (Some(_), None) => "suspended",
        (None, None) => "active",
    }
}

/// The sign-ins of these people.
pub(crate) async fn logins(
    read: &AnyPool,
    people: &[&str],
    after: Option<&Whose>,
    ((state, method, span), now): (Wanted, Millis),
    limit: u32,
) -> Result<Vec<(Whose, LoginReportRow)>, Error> {
    let state = match state {
        "open" => format!(" AND ended_at IS NULL AND expires_at > {}", now.0),
        "ended" => format!(" AND (ended_at IS NOT NULL OR expires_at <= {})", now.0),
        _ => String::new(),
    };
    let question = Question {
        table: "authn_session",
        key: "session_id",
        columns: "authenticator, authenticated_at, expires_at, ended_at, end_cause",
        at: "authenticated_at",
        state,
    };
    let rows = rows(read, people, after, question, (method, span), limit).await?;
    rows.iter()
        .map(|row| {
            let method = method_of(row, "authn_session.method")?;
            let (person, id): (String, String) = (row.try_get("user_id")?, row.try_get("session_id")?);
            let (ended, expires): (Option<i64>, i64) = (row.try_get("ended_at")?, row.try_get("expires_at")?);
            // What nobody has swept yet is over all the same.
            let ended_at = ended.or_else(|| (expires <= now.0).then_some(expires));
            let told = LoginReportRow {
                user_id: person.clone(),
                given: String::new(),
                family: String::new(),
                session: id.clone(),
                method: method.to_string(),
                level: method.level().digit().to_owned(),
                authenticator: row.try_get("authenticator")?,
                at: row.try_get("authenticated_at")?,
                state: if ended_at.is_some() { "ended" } else { "open" }.to_owned(),
                ended_at,
                end_cause: row.try_get("end_cause")?,
            };
            Ok((Whose { person, row: id }, told))
        })
        .collect()
}
