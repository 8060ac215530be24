//! Rows of `directory_assignment`, and the roles they give.

use std::collections::BTreeSet;

use platform::id::{OdsCode, UserId};

use super::{Reader, read};
use crate::authority::{Rank, Role};
use crate::day::Day;
use crate::error::Error;

type RoleColumns = (String, String, String, String, Option<String>);

/// The roles in the registration authority that a person's assignments give, those to come and those past among them.
pub(crate) async fn roles<'c>(reader: impl Reader<'c> + Copy, user: &UserId) -> Result<Vec<Role>, Error> {
    let rows: Vec<RoleColumns> = sqlx::query_as(
        "SELECT p.position_id, p.organisation, p.rank, a.from_day, a.to_day FROM directory_assignment a \
         JOIN directory_position p ON p.position_id = a.position_id \
         WHERE a.user_id = $1 AND a.state = 'live' AND p.rank IS NOT NULL LIMIT 100",
    )
    .bind(user.as_str())
    .fetch_all(reader)
    .await?;
    let mut roles = Vec::with_capacity(rows.len());
    for (_position, organisation, rank, from, to) in rows {
        roles.push(Role {
            role_profile: None,
            organisation: Some(read("directory_position.organisation", &organisation)?),
            rank: rank_of(&rank)?,
            assignable: BTreeSet::new(),
            from: read("directory_assignment.from_day", &from)?,
            to: to.map(|to| read("directory_assignment.to_day", &to)).transpose()?,
        });
    }
    Ok(roles)
}

fn rank_of(word: &str) -> Result<Rank, Error> {
    serde_json::from_value(serde_json::Value::from(word))
        .map_err(|_| Error::Stored { what: "directory_position.rank" })
}

/// The organisations in which a person has a live assignment on a day; at most a hundred.
pub(crate) async fn organisations_of<'c>(
    reader: impl Reader<'c>,
    user: &UserId,
    today: Day,
) -> Result<Vec<OdsCode>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT organisation FROM directory_assignment WHERE user_id = $1 AND state = 'live' \
         AND from_day <= $2 AND (to_day IS NULL OR to_day >= $2) ORDER BY organisation LIMIT 100",
    )
    .bind(user.as_str())
    .bind(today.to_string())
    .fetch_all(reader)
    .await?;
    rows.iter().map(|(organisation,)| read("directory_assignment.organisation", organisation)).collect()
}
