//! Which employer an organisation is part of: by the relationships of ODS, and never by who hosts its registration authority.
//! An independent practice whose cards a trust issues is not staffed by that trust.

use std::collections::BTreeMap;

use platform::db::Tx;
use platform::id::OdsCode;
use sqlx::AssertSqlSafe;

use super::lineages::DEEPEST;
use super::{list, read};
use crate::authority::Lineage;
use crate::error::Error;

/// Each of the organisations with those that it is part of now: a sub-division of them (RE2) or operated by them (RE6). An
/// organisation that the register does not know is part of nothing else.
pub(crate) async fn of(tx: &mut Tx, organisations: &[OdsCode]) -> Result<BTreeMap<OdsCode, Lineage>, Error> {
    let itself = |organisation: &OdsCode| (organisation.clone(), Lineage(vec![organisation.clone()]));
    let mut found: BTreeMap<OdsCode, Lineage> = organisations.iter().map(itself).collect();
    if organisations.is_empty() {
        return Ok(found);
    }
    let text = format!(
        "WITH RECURSIVE line(origin, ods, depth) AS (SELECT ods, ods, CAST(0 AS BIGINT) FROM directory_organisation \
         WHERE ods IN ({}) UNION SELECT line.origin, r.target, line.depth + 1 FROM line \
         JOIN directory_organisation_relationship r ON r.ods = line.ods \
         WHERE r.relationship IN ('RE2', 'RE6') AND LOWER(r.status) = 'active' AND line.depth < $1) \
         SELECT DISTINCT origin, ods FROM line ORDER BY origin, ods",
        list(2, organisations.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(i64::try_from(DEEPEST).unwrap_or(i64::MAX));
    for organisation in organisations {
        query = query.bind(organisation.as_str().to_owned());
    }
    let rows: Vec<(String, String)> = query.fetch_all(&mut *tx).await?;
    for (origin, ods) in rows {
        let ods = read("directory_organisation_relationship.target", &ods)?;
        let line = found.entry(read("directory_organisation.ods", &origin)?).or_default();
        if !line.0.contains(&ods) {
            line.0.push(ods);
        }
    }
    Ok(found)
}
