//! Rows of `directory_feed_link`.

use std::collections::BTreeSet;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::OdsCode;
use sqlx::AssertSqlSafe;

use super::read;
use crate::error::Error;
use crate::feed::PositionLink;
use crate::ids::{FeedLinkId, PositionId};
use crate::position::Approval;
use crate::version::Version;

type Columns =
    (String, String, String, String, String, String, String, i64, Option<String>, Option<i64>, i64);

const COLUMNS: &str = "link_id, organisation, their_position, position_id, how, approver, made_by, made_at, \
                       ended_by, ended_at, version";

fn link(row: Columns) -> Result<PositionLink, Error> {
    let (
        id,
        employer,
        their_position,
        position,
        how,
        approver,
        made_by,
        made_at,
        ended_by,
        ended_at,
        version,
    ) = row;
    Ok(PositionLink {
        id: read("directory_feed_link.link_id", &id)?,
        employer: read("directory_feed_link.organisation", &employer)?,
        their_position,
        position: read("directory_feed_link.position_id", &position)?,
        approval: Approval { how, approver },
        made_by,
        made_at: Millis(made_at),
        ended: ended_by.zip(ended_at.map(Millis)),
        version: Version(version),
    })
}

/// A link.
pub(crate) async fn find(tx: &mut Tx, id: &FeedLinkId) -> Result<Option<PositionLink>, Error> {
    let text = format!("SELECT {COLUMNS} FROM directory_feed_link WHERE link_id = $1");
    let row: Option<Columns> =
        sqlx::query_as(AssertSqlSafe(text)).bind(id.as_str().to_owned()).fetch_optional(&mut *tx).await?;
    row.map(link).transpose()
}

/// The link of a position of theirs that has not ended.
pub(crate) async fn in_force(
    tx: &mut Tx,
    employer: &OdsCode,
    their_position: &str,
) -> Result<Option<PositionLink>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM directory_feed_link WHERE organisation = $1 AND their_position = $2 AND ended_at IS NULL"
    );
    let row: Option<Columns> = sqlx::query_as(AssertSqlSafe(text))
        .bind(employer.as_str().to_owned())
        .bind(their_position.to_owned())
        .fetch_optional(&mut *tx)
        .await?;
    row.map(link).transpose()
}

/// The positions here that are or were linked to one of theirs, or to any of theirs.
pub(crate) async fn positions(
    tx: &mut Tx,
    employer: &OdsCode,
    their_position: Option<&str>,
) -> Result<BTreeSet<PositionId>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT position_id FROM directory_feed_link WHERE organisation = $1 \
         AND ($2 = '' OR their_position = $2)",
    )
    .bind(employer.as_str())
    .bind(their_position.unwrap_or_default())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|(id,)| read("directory_feed_link.position_id", id)).collect()
}

/// The links of an employer in the order of their making.
pub(crate) async fn page(
    tx: &mut Tx,
    employer: &OdsCode,
    in_force: InForce,
    after: Option<&FeedLinkId>,
    limit: u32,
) -> Result<Vec<PositionLink>, Error> {
    let condition = match in_force {
        InForce::Only => "AND ended_at IS NULL",
        InForce::All => "",
    };
    let text = format!(
        "SELECT {COLUMNS} FROM directory_feed_link WHERE organisation = $1 AND link_id > $2 {condition} \
         ORDER BY link_id LIMIT $3"
    );
    let rows: Vec<Columns> = sqlx::query_as(AssertSqlSafe(text))
        .bind(employer.as_str().to_owned())
        .bind(after.map_or("", FeedLinkId::as_str).to_owned())
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
    rows.into_iter().map(link).collect()
}

/// Which links are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InForce {
    /// Those that have not ended.
    Only,
    /// All.
    All,
}

/// Stores a link. `false`: the position of theirs is linked already.
pub(crate) async fn insert(tx: &mut Tx, link: &PositionLink) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO directory_feed_link (link_id, organisation, their_position, position_id, how, approver, made_by, \
         made_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(link.id.as_str())
    .bind(link.employer.as_str())
    .bind(&link.their_position)
    .bind(link.position.as_str())
    .bind(&link.approval.how)
    .bind(&link.approval.approver)
    .bind(&link.made_by)
    .bind(link.made_at.0)
    .bind(link.version.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Stores that a link has ended.
pub(crate) async fn set_ended(tx: &mut Tx, link: &PositionLink) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_feed_link SET ended_by = $2, ended_at = $3, version = $4 WHERE link_id = $1",
    )
    .bind(link.id.as_str())
    .bind(link.ended.as_ref().map(|(by, _)| by.clone()))
    .bind(link.ended.as_ref().map(|(_, at)| at.0))
    .bind(link.version.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
