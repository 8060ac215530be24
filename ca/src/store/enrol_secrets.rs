//! `ca_enrol_secret`: shared secrets for a first certificate.

use platform::clock::Millis;
use platform::db::{self, Tx};
use platform::id::{ClientId, OdsCode};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

/// A shared secret without the secret.
#[derive(Clone, Debug)]
pub(crate) struct EnrolSecret {
    pub(crate) reference: String,
    pub(crate) road: String,
    pub(crate) client: ClientId,
    pub(crate) organisation: Option<OdsCode>,
    pub(crate) uses_left: u32,
    pub(crate) created_at: Millis,
    pub(crate) expires_at: Millis,
    pub(crate) ended_at: Option<Millis>,
}

pub(crate) async fn insert(tx: &mut Tx, secret: &EnrolSecret, sealed: &[u8]) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_enrol_secret \
         (reference, road, client, organisation, secret, uses_left, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(secret.reference.as_str())
    .bind(secret.road.as_str())
    .bind(secret.client.as_str())
    .bind(secret.organisation.as_ref().map(ToString::to_string))
    .bind(sealed)
    .bind(i64::from(secret.uses_left))
    .bind(secret.created_at.0)
    .bind(secret.expires_at.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// The newest thousand, newest first.
pub(crate) async fn all(read: &AnyPool) -> Result<Vec<EnrolSecret>, db::Error> {
    let rows = sqlx::query(
        "SELECT reference, road, client, organisation, uses_left, created_at, expires_at, ended_at \
         FROM ca_enrol_secret ORDER BY reference DESC LIMIT 1000",
    )
    .fetch_all(read)
    .await?;
    rows.iter().map(read_row).collect()
}

/// One with what is sealed.
pub(crate) async fn by_reference(
    read: &AnyPool,
    reference: &str,
) -> Result<Option<(EnrolSecret, Vec<u8>)>, db::Error> {
    let row = sqlx::query(
        "SELECT reference, road, client, organisation, uses_left, created_at, expires_at, ended_at, secret \
         FROM ca_enrol_secret WHERE reference = $1",
    )
    .bind(reference)
    .fetch_optional(read)
    .await?;
    row.map(|row| Ok((read_row(&row)?, row.try_get("secret")?))).transpose()
}

/// Takes one use of it; false if none is left, its time is over or it was ended.
pub(crate) async fn take_use(tx: &mut Tx, reference: &str, now: Millis) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_enrol_secret SET uses_left = uses_left - 1 \
         WHERE reference = $1 AND uses_left > 0 AND expires_at > $2 AND ended_at IS NULL",
    )
    .bind(reference)
    .bind(now.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a use back that came to nothing.
pub(crate) async fn return_use(tx: &mut Tx, reference: &str) -> Result<(), db::Error> {
    sqlx::query("UPDATE ca_enrol_secret SET uses_left = uses_left + 1 WHERE reference = $1")
        .bind(reference)
        .execute(tx)
        .await?;
    Ok(())
}

/// Those that still give something, so many at most.
pub(crate) async fn in_force(tx: &mut Tx, now: Millis, most: i64) -> Result<Vec<String>, db::Error> {
    let references = sqlx::query_scalar::<_, String>(
        "SELECT reference FROM ca_enrol_secret \
         WHERE uses_left > 0 AND expires_at > $1 AND ended_at IS NULL ORDER BY reference LIMIT $2",
    )
    .bind(now.0)
    .bind(most)
    .fetch_all(tx)
    .await?;
    Ok(references)
}

/// Ends it; false if there is none or it has ended.
pub(crate) async fn end(tx: &mut Tx, reference: &str, at: Millis) -> Result<bool, db::Error> {
    let done =
        sqlx::query("UPDATE ca_enrol_secret SET ended_at = $1 WHERE reference = $2 AND ended_at IS NULL")
            .bind(at.0)
            .bind(reference)
            .execute(tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

fn read_row(row: &AnyRow) -> Result<EnrolSecret, db::Error> {
    let client: String = row.try_get("client")?;
    let organisation: Option<String> = row.try_get("organisation")?;
    let uses: i64 = row.try_get("uses_left")?;
    let organisation = organisation
        .map(|text| text.parse().map_err(|_| db::Error::corrupt("ca_enrol_secret.organisation", text)))
        .transpose()?;
    Ok(EnrolSecret {
        reference: row.try_get("reference")?,
        road: row.try_get("road")?,
        client: client.parse().map_err(|_| db::Error::corrupt("ca_enrol_secret.client", client))?,
        organisation,
        uses_left: u32::try_from(uses)
            .map_err(|_| db::Error::corrupt("ca_enrol_secret.uses_left", uses.to_string()))?,
        created_at: Millis(row.try_get("created_at")?),
        expires_at: Millis(row.try_get("expires_at")?),
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Millis),
    })
}
