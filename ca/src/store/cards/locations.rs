//! `ca_card_location`: where cards are kept.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

/// A place where cards are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the name of the column")]
pub(crate) struct Location {
    pub(crate) location_id: String,
    pub(crate) organisation: String,
    pub(crate) name: String,
    pub(crate) made_at: Millis,
}

/// Stores a place; false if the organisation has one of that name.
pub(crate) async fn insert_location(tx: &mut Tx, place: &Location) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_card_location (location_id, organisation, name, made_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (organisation, name) DO NOTHING",
    )
    .bind(place.location_id.as_str())
    .bind(place.organisation.as_str())
    .bind(place.name.as_str())
    .bind(place.made_at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One place.
pub(crate) async fn location(read: &AnyPool, id: &str) -> Result<Option<Location>, db::Error> {
    let row = sqlx::query(
        "SELECT location_id, organisation, name, made_at FROM ca_card_location WHERE location_id = $1",
    )
    .bind(id)
    .fetch_optional(read)
    .await?;
    row.as_ref().map(read_row).transpose()
}

/// Places of an organisation behind a mark.
pub(crate) async fn locations(
    read: &AnyPool,
    organisation: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Location>, db::Error> {
    let rows = sqlx::query(
        "SELECT location_id, organisation, name, made_at FROM ca_card_location \
         WHERE organisation = $1 AND location_id > $2 ORDER BY location_id LIMIT $3",
    )
    .bind(organisation)
    .bind(after)
    .bind(limit)
    .fetch_all(read)
    .await?;
    rows.iter().map(read_row).collect()
}

fn read_row(row: &AnyRow) -> Result<Location, db::Error> {
    Ok(Location {
        location_id: row.try_get("location_id")?,
        organisation: row.try_get("organisation")?,
        name: row.try_get("name")?,
        made_at: Millis(row.try_get("made_at")?),
    })
}
