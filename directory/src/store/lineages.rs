//! The hosts above organisations, and the organisations below one.

use std::collections::{BTreeMap, BTreeSet};

use platform::db::Tx;
use platform::id::OdsCode;
use sqlx::AssertSqlSafe;

use super::{Reader, list, read};
use crate::api::SuccessionKind;
use crate::authority::Lineage;
use crate::error::Error;

/// How many hosts one above the other are followed. Deeper chains are refused where they are made.
pub(crate) const DEEPEST: usize = 8;

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

/// The lineage of an organisation that the register may not know: it is somewhere all the same, and below nobody.
pub(crate) async fn of_any(tx: &mut Tx, organisation: &OdsCode) -> Result<Lineage, Error> {
    let known = of_one(tx, organisation).await?;
    Ok(known.unwrap_or_else(|| Lineage(vec![organisation.clone()])))
}

/// How many hosted organisations lie below one, one below the other; at most one more than are allowed.
pub(crate) async fn height<'c>(reader: impl Reader<'c>, organisation: &OdsCode) -> Result<usize, Error> {
    let (deepest,): (i64,) = sqlx::query_as(
        "WITH RECURSIVE below (ods, depth) AS ( \
           SELECT ods, CAST(0 AS BIGINT) FROM directory_organisation WHERE ods = $1 \
           UNION ALL \
           SELECT o.ods, below.depth + 1 FROM directory_organisation o \
           JOIN below ON o.ra_host = below.ods WHERE below.depth <= $2) \
         SELECT CAST(COALESCE(MAX(depth), 0) AS BIGINT) FROM below",
    )
    .bind(organisation.as_str())
    .bind(i64::try_from(DEEPEST).unwrap_or(i64::MAX))
    .fetch_one(reader)
    .await?;
    Ok(usize::try_from(deepest).unwrap_or(0))
}

/// Organisations that a query is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Places<'a> {
    /// These.
    These(&'a [OdsCode]),
    /// These and all below them, however many those are.
    Below(&'a [OdsCode]),
}

impl Places<'_> {
    /// What the column with an organisation is IN; the codes are bound from this placeholder on.
    pub(crate) fn within(self, first: usize) -> String {
        match self {
            Self::These([]) | Self::Below([]) => "(NULL)".to_owned(),
            Self::These(codes) => format!("({})", list(first, codes.len())),
            Self::Below(codes) => format!(
                "(WITH RECURSIVE below(ods, depth) AS (SELECT ods, CAST(0 AS BIGINT) FROM directory_organisation \
                 WHERE ods IN ({}) UNION SELECT o.ods, below.depth + 1 FROM directory_organisation o \
                 JOIN below ON o.ra_host = below.ods WHERE below.depth < {DEEPEST}) SELECT ods FROM below)",
                list(first, codes.len())
            ),
        }
    }

    /// The codes to bind.
    pub(crate) fn codes(&self) -> impl Iterator<Item = String> + '_ {
        let (Self::These(codes) | Self::Below(codes)) = self;
        codes.iter().map(ToString::to_string)
    }
}

/// Those of the organisations that the register knows to be closed, each with those that took its place.
pub(crate) async fn closed(
    tx: &mut Tx,
    organisations: &[OdsCode],
) -> Result<BTreeMap<OdsCode, Vec<OdsCode>>, Error> {
    let mut found = BTreeMap::new();
    for organisation in organisations.iter().collect::<BTreeSet<_>>() {
        if is_active(tx, organisation).await? == Some(false) {
            let successors = super::organisations::line(&mut *tx, organisation, SuccessionKind::Successor);
            found.insert(organisation.clone(), successors.await?);
        }
    }
    Ok(found)
}

/// Whether the organisation is in use, by its status.
pub(crate) async fn is_active(tx: &mut Tx, organisation: &OdsCode) -> Result<Option<bool>, Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT status FROM directory_organisation WHERE ods = $1")
        .bind(organisation.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    Ok(row.map(|(status,)| status.eq_ignore_ascii_case("active")))
}
