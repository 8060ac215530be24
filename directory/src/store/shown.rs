//! What the faces show of people, many of whom are read with few statements.

use std::collections::BTreeMap;

use platform::db::Tx;
use platform::id::{OdsCode, UserId};
use sqlx::AssertSqlSafe;

use super::people::{Row, columns};
use super::roles::{self, Held};
use super::{list, read};
use crate::api::Registration;
use crate::day::Day;
use crate::error::Error;
use crate::person::Profile;

/// How many rows of what somebody holds are read with those of others; of whoever holds more, nothing is.
const MOST_OF_ONE: usize = 2_000;

/// People after an id, in the order of their ids. Cards and robots are none, nor are second records of one person.
pub(crate) async fn people_after(tx: &mut Tx, after: &str, limit: u32) -> Result<Vec<Profile>, Error> {
    let text = concat!(
        "SELECT ",
        columns!(),
        " FROM directory_person p WHERE p.kind = 'person' AND p.state <> 'merged' AND p.user_id > $1 \
         ORDER BY p.user_id LIMIT $2"
    );
    let rows: Vec<Row> =
        sqlx::query_as(text).bind(after.to_owned()).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
    rows.into_iter().map(Row::profile).collect()
}

/// Those of these people whom the faces show.
pub(crate) async fn people(tx: &mut Tx, users: &[UserId]) -> Result<Vec<Profile>, Error> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT {} FROM directory_person p WHERE p.kind = 'person' AND p.state <> 'merged' AND p.user_id IN ({})",
        columns!(),
        list(1, users.len())
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for user in users {
        query = query.bind(user.as_str().to_owned());
    }
    let rows: Vec<Row> = query.fetch_all(&mut *tx).await?;
    rows.into_iter().map(Row::profile).collect()
}

/// The registrations of each of these people, in the order in which one's are read alone.
pub(crate) async fn registrations(
    tx: &mut Tx,
    users: &[UserId],
) -> Result<BTreeMap<UserId, Vec<Registration>>, Error> {
    let mut all: BTreeMap<UserId, Vec<Registration>> = BTreeMap::new();
    if users.is_empty() {
        return Ok(all);
    }
    let text = format!(
        "SELECT user_id, body, number FROM directory_registration WHERE user_id IN ({}) ORDER BY user_id, body, number",
        list(1, users.len())
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for user in users {
        query = query.bind(user.as_str().to_owned());
    }
    let rows: Vec<(String, String, String)> = query.fetch_all(&mut *tx).await?;
    for (user, body, number) in rows {
        let one = Registration { body: read("directory_registration.body", &body)?, number };
        all.entry(read("directory_registration.user_id", &user)?).or_default().push(one);
    }
    Ok(all)
}

/// What the assignments of each of these people give, those to come among them; nothing of people who are closed. Whoever holds more
/// than anybody does is not among the answer.
pub(crate) async fn held(
    tx: &mut Tx,
    users: &[UserId],
    today: Day,
) -> Result<BTreeMap<UserId, Vec<Held>>, Error> {
    let mut all: BTreeMap<UserId, Vec<Held>> = BTreeMap::new();
    if users.is_empty() {
        return Ok(all);
    }
    let most = users.len().saturating_mul(MOST_OF_ONE).saturating_add(1);
    // CROSS JOIN keeps SQLite to this order: it would otherwise begin at all access profiles.
    let text = format!(
        "WITH RECURSIVE held(user_id, employer, position_id, from_day, to_day, depth) AS (\
           SELECT a.user_id, a.organisation, a.position_id, a.from_day, a.to_day, CAST(0 AS BIGINT) \
           FROM directory_assignment a \
           WHERE a.user_id IN ({}) AND a.state = 'live' AND (a.to_day IS NULL OR a.to_day >= $1) \
           UNION SELECT held.user_id, held.employer, i.included_id, held.from_day, held.to_day, held.depth + 1 FROM held \
           JOIN directory_position_inclusion i ON i.position_id = held.position_id WHERE held.depth < 8) \
         SELECT held.employer, held.from_day, held.to_day, f.access_profile_id, f.position_id, f.organisation, \
           f.job_role, f.areas, f.activities, r.role_profile_id, o.organisation_person_id, held.user_id \
         FROM held CROSS JOIN directory_position p CROSS JOIN directory_access_profile f \
         LEFT JOIN directory_role_profile r ON r.user_id = held.user_id AND r.access_profile_id = f.access_profile_id \
         LEFT JOIN directory_organisation_person o ON o.user_id = held.user_id AND o.organisation = f.organisation \
         WHERE p.position_id = held.position_id AND p.state = 'open' \
           AND f.position_id = held.position_id AND f.removed_at IS NULL \
           AND EXISTS (SELECT 1 FROM directory_person u WHERE u.user_id = held.user_id AND u.state = 'open') \
         ORDER BY held.user_id, f.access_profile_id, held.from_day LIMIT $2",
        list(3, users.len())
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text))
        .bind(today.to_string())
        .bind(i64::try_from(most).unwrap_or(i64::MAX));
    for user in users {
        query = query.bind(user.as_str().to_owned());
    }
    let rows: Vec<roles::OfOne> = query.fetch_all(&mut *tx).await?;
    if rows.len() == most {
        return Ok(all);
    }
    all.extend(users.iter().map(|user| (user.clone(), Vec::new())));
    for row in rows {
        let (user, one) = row.read()?;
        let Some(held) = all.get_mut(&user) else { continue };
        // The same position may be included over several ways.
        if held.last() != Some(&one) {
            held.push(one);
        }
    }
    all.retain(|_, held| held.len() < MOST_OF_ONE);
    Ok(all)
}

/// The ids of every organisation, after one, in their order.
pub(crate) async fn organisations_after(tx: &mut Tx, after: &str, limit: u32) -> Result<Vec<OdsCode>, Error> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT ods FROM directory_organisation WHERE ods > $1 ORDER BY ods LIMIT $2")
            .bind(after.to_owned())
            .bind(i64::from(limit))
            .fetch_all(&mut *tx)
            .await?;
    rows.iter().map(|(ods,)| read("directory_organisation.ods", ods)).collect()
}
