//! Rows of `directory_photo` and `directory_custody`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::{Reader, read};
use crate::api::{Custody, Photo};
use crate::error::Error;
use crate::ids::RecordId;
use crate::version::Version;

type HeadColumns = (String, i64, i64, String, i64);

/// What is known of a photograph, with its version.
pub(crate) async fn head<'c>(
    reader: impl Reader<'c>,
    user: &UserId,
) -> Result<Option<(Version, Photo)>, Error> {
    let row: Option<HeadColumns> = sqlx::query_as(
        "SELECT media, width, height, sha256, version FROM directory_photo WHERE user_id = $1",
    )
    .bind(user.as_str())
    .fetch_optional(reader)
    .await?;
    row.map(|(media, width, height, sha256, version)| {
        let side = |number: i64| u32::try_from(number).map_err(|_| Error::Stored { what: "directory_photo" });
        Ok((Version(version), Photo { media, width: side(width)?, height: side(height)?, sha256 }))
    })
    .transpose()
}

/// A photograph: its version, its media type and the file.
pub(crate) async fn bytes<'c>(
    reader: impl Reader<'c>,
    user: &UserId,
) -> Result<Option<(Version, String, Vec<u8>)>, Error> {
    let row: Option<(i64, String, Vec<u8>)> =
        sqlx::query_as("SELECT version, media, bytes FROM directory_photo WHERE user_id = $1")
            .bind(user.as_str())
            .fetch_optional(reader)
            .await?;
    Ok(row.map(|(version, media, bytes)| (Version(version), media, bytes)))
}

/// Stores a photograph in place of the one before; its version goes on counting.
pub(crate) async fn put(
    tx: &mut Tx,
    user: &UserId,
    photo: &Photo,
    bytes: &[u8],
    now: Millis,
) -> Result<Version, Error> {
    let (version,): (i64,) = sqlx::query_as(
        "INSERT INTO directory_photo (user_id, media, width, height, sha256, bytes, set_at, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1) ON CONFLICT (user_id) DO UPDATE SET media = $2, width = $3, \
         height = $4, sha256 = $5, bytes = $6, set_at = $7, version = directory_photo.version + 1 RETURNING version",
    )
    .bind(user.as_str())
    .bind(photo.media.as_str())
    .bind(i64::from(photo.width))
    .bind(i64::from(photo.height))
    .bind(photo.sha256.as_str())
    .bind(bytes.to_vec())
    .bind(now.0)
    .fetch_one(&mut *tx)
    .await?;
    Ok(Version(version))
}

/// Takes a photograph away. `false`: there is none.
pub(crate) async fn remove(tx: &mut Tx, user: &UserId) -> Result<bool, Error> {
    let done = sqlx::query("DELETE FROM directory_photo WHERE user_id = $1")
        .bind(user.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives the photograph of one person to another who has none; otherwise it goes.
pub(crate) async fn hand_over(tx: &mut Tx, from: &UserId, to: &UserId) -> Result<(), Error> {
    for text in [
        "UPDATE directory_photo SET user_id = $2 WHERE user_id = $1 \
         AND NOT EXISTS (SELECT 1 FROM directory_photo o WHERE o.user_id = $2)",
        "DELETE FROM directory_photo WHERE user_id = $1 AND $1 <> $2",
    ] {
        sqlx::query(text).bind(from.as_str()).bind(to.as_str()).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Hands a temporary access card out. `false`: somebody has it.
pub(crate) async fn give(tx: &mut Tx, card: &UserId, custody: &Custody) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO directory_custody (custody_id, user_id, holder, given_by, given_at, due_on, notes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(custody.id.as_str())
    .bind(card.as_str())
    .bind(custody.holder.as_str())
    .bind(custody.given_by.as_str())
    .bind(custody.given_at.0)
    .bind(custody.due_on.as_ref().map(ToString::to_string))
    .bind(custody.notes.as_deref())
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A temporary access card is back; from whom, if somebody had it.
pub(crate) async fn take_back(
    tx: &mut Tx,
    card: &UserId,
    taker: &str,
    now: Millis,
) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = sqlx::query_as(
        "UPDATE directory_custody SET back_to = $2, back_at = $3 WHERE user_id = $1 AND back_at IS NULL RETURNING holder",
    )
    .bind(card.as_str())
    .bind(taker)
    .bind(now.0)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.map(|(holder,)| holder))
}

struct CustodyRow {
    custody_id: String,
    holder: String,
    given_by: String,
    given_at: i64,
    due_on: Option<String>,
    back_to: Option<String>,
    back_at: Option<i64>,
    notes: Option<String>,
}

platform::from_row!(CustodyRow { custody_id, holder, given_by, given_at, due_on, back_to, back_at, notes });

/// Who has had a card, newest first, before a line or from the newest on.
pub(crate) async fn custody<'c>(
    reader: impl Reader<'c>,
    card: &UserId,
    before: Option<&RecordId>,
    limit: u32,
) -> Result<Vec<Custody>, Error> {
    let rows: Vec<CustodyRow> = sqlx::query_as(
        "SELECT custody_id, holder, given_by, given_at, due_on, back_to, back_at, notes FROM directory_custody \
         WHERE user_id = $1 AND ($2 = '' OR custody_id < $2) ORDER BY custody_id DESC LIMIT $3",
    )
    .bind(card.as_str())
    .bind(before.map_or("", RecordId::as_str))
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Custody {
                id: row.custody_id,
                holder: row.holder,
                given_by: row.given_by,
                given_at: Millis(row.given_at),
                due_on: row.due_on.map(|day| read("directory_custody.due_on", &day)).transpose()?,
                back_to: row.back_to,
                back_at: row.back_at.map(Millis),
                notes: row.notes,
            })
        })
        .collect()
}
