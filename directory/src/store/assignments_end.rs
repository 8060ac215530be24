//! Assignments that end or move with their person.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::read;
use crate::day::Day;
use crate::error::Error;
use crate::ids::{AssignmentId, PositionId};

/// Takes every live assignment of a person away, those to come among them, and says which.
pub(crate) async fn end_all_of(
    tx: &mut Tx,
    user: &UserId,
    by: &str,
    at: Millis,
    why: &str,
) -> Result<Vec<AssignmentId>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "UPDATE directory_assignment SET state = 'removed', removed_by = $2, removed_at = $3, removed_why = $4, \
         version = version + 1 WHERE user_id = $1 AND state = 'live' RETURNING assignment_id",
    )
    .bind(user.as_str())
    .bind(by)
    .bind(at.0)
    .bind(why)
    .fetch_all(&mut *tx)
    .await?;
    let mut ids: Vec<AssignmentId> = rows
        .iter()
        .map(|(id,)| read("directory_assignment.assignment_id", id))
        .collect::<Result<_, Error>>()?;
    ids.sort();
    Ok(ids)
}

/// Gives every assignment of one person to another, and says which, with their positions.
pub(crate) async fn move_all(
    tx: &mut Tx,
    from: &UserId,
    to: &UserId,
) -> Result<Vec<(AssignmentId, PositionId)>, Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "UPDATE directory_assignment SET user_id = $2, version = version + 1 WHERE user_id = $1 \
         RETURNING assignment_id, position_id",
    )
    .bind(from.as_str())
    .bind(to.as_str())
    .fetch_all(&mut *tx)
    .await?;
    let mut moved: Vec<(AssignmentId, PositionId)> = rows
        .iter()
        .map(|(id, position)| {
            Ok((
                read("directory_assignment.assignment_id", id)?,
                read("directory_assignment.position_id", position)?,
            ))
        })
        .collect::<Result<_, Error>>()?;
    moved.sort();
    Ok(moved)
}

/// The organisations in which a person has an assignment that has not ended, those to come among them: where the person
/// is missed when the profile closes. However many they are: none is overlooked where each must be within reach.
pub(crate) async fn organisations_reached(
    tx: &mut Tx,
    user: &UserId,
    today: Day,
) -> Result<Vec<OdsCode>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT organisation FROM directory_assignment WHERE user_id = $1 AND state = 'live' \
         AND (to_day IS NULL OR to_day >= $2) ORDER BY organisation",
    )
    .bind(user.as_str())
    .bind(today.to_string())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|(organisation,)| read("directory_assignment.organisation", organisation)).collect()
}

/// The organisation in which a person held something last, that ended or was taken away.
pub(crate) async fn last_held(tx: &mut Tx, user: &UserId) -> Result<Option<OdsCode>, Error> {
    let passed: Option<(String, String)> = sqlx::query_as(
        "SELECT organisation, to_day FROM directory_assignment WHERE user_id = $1 AND state <> 'removed' \
         AND to_day IS NOT NULL ORDER BY to_day DESC, assignment_id DESC LIMIT 1",
    )
    .bind(user.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    let removed: Option<(String, i64)> = sqlx::query_as(
        "SELECT organisation, removed_at FROM directory_assignment WHERE user_id = $1 AND state = 'removed' \
         AND removed_at IS NOT NULL ORDER BY removed_at DESC, assignment_id DESC LIMIT 1",
    )
    .bind(user.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    let last = match (passed, removed) {
        (Some((passed, to)), Some((removed, at))) => {
            let to: Day = read("directory_assignment.to_day", &to)?;
            Some(if to < Day::of(Millis(at)) { removed } else { passed })
        }
        (passed, removed) => passed.map(|row| row.0).or(removed.map(|row| row.0)),
    };
    last.map(|organisation| read("directory_assignment.organisation", &organisation)).transpose()
}
