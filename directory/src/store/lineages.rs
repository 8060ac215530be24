//! The hosts above organisations, and the organisations below one.

use std::collections::BTreeMap;

use platform::db::Tx;
use platform::id::OdsCode;
use sqlx::AssertSqlSafe;

use super::organisations::DEEPEST;
use super::{list, read};
use crate::authority::Lineage;
use crate::error::Error;

/// The lineages of those of the organisations that there are.
pub(crate) async fn of(tx: &mut Tx, organisations: &[OdsCode]) -> Result<BTreeMap<OdsCode, Lineage>, Error> {
    let mut found: BTreeMap<OdsCode, Lineage> = BTreeMap::new();
    if organisations.is_empty() {
        return Ok(found);
    }
    let text = format!(
        "WITH RECURSIVE line(origin, ods, depth) AS (SELECT ods, ods, CAST(0 AS BIGINT) FROM directory_organisation \
         WHERE ods IN ({}) UNION ALL SELECT line.origin, o.ra_host, line.depth + 1 FROM line \
         JOIN directory_organisation o ON o.ods = line.ods WHERE o.ra_host IS NOT NULL AND line.depth < $1) \
         SELECT origin, ods FROM line ORDER BY origin, depth",
        list(2, organisations.len())
    );
    let deepest = i64::try_from(DEEPEST).unwrap_or(i64::MAX);
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(deepest);
    for organisation in organisations {
        query = query.bind(organisation.as_str().to_owned());
    }
    let rows: Vec<(String, String)> = query.fetch_all(&mut *tx).await?;
    for (origin, ods) in rows {
        let ods = read("directory_organisation.ra_host", &ods)?;
        let line = found.entry(read("directory_organisation.ods", &origin)?).or_default();
        if !line.0.contains(&ods) {
            line.0.push(ods);
        }
    }
    Ok(found)
}

/// The lineage of an organisation; `None` if there is no such organisation.
pub(crate) async fn of_one(tx: &mut Tx, organisation: &OdsCode) -> Result<Option<Lineage>, Error> {
    Ok(of(tx, std::slice::from_ref(organisation)).await?.remove(organisation))
}

/// The organisation and those below it, by code; at most `most`.
pub(crate) async fn below(tx: &mut Tx, organisation: &OdsCode, most: u32) -> Result<Vec<OdsCode>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "WITH RECURSIVE below(ods, depth) AS (SELECT ods, CAST(0 AS BIGINT) FROM directory_organisation WHERE ods = $1 \
         UNION SELECT o.ods, below.depth + 1 FROM directory_organisation o JOIN below ON o.ra_host = below.ods \
         WHERE below.depth < $2) SELECT DISTINCT ods FROM below ORDER BY ods LIMIT $3",
    )
    .bind(organisation.as_str())
    .bind(i64::try_from(DEEPEST).unwrap_or(i64::MAX))
    .bind(i64::from(most))
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|(ods,)| read("directory_organisation.ods", ods)).collect()
}

/// Whether the organisation is in use, by its status.
pub(crate) async fn is_active(tx: &mut Tx, organisation: &OdsCode) -> Result<Option<bool>, Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT status FROM directory_organisation WHERE ods = $1")
        .bind(organisation.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    Ok(row.map(|(status,)| status.eq_ignore_ascii_case("active")))
}
