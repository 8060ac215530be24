//! Rows of what positions give, include and let their holders assign.

use std::collections::BTreeMap;

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::{list, places, read};
use crate::error::Error;
use crate::ids::PositionId;
use crate::position::{AccessProfile, Codes};

type ProfileColumns = (String, String, String, String, String, String);

/// What the positions give, in the order it was written down.
pub(crate) async fn access_profiles(tx: &mut Tx, of: &[PositionId]) -> Result<Vec<AccessProfile>, Error> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT access_profile_id, position_id, organisation, job_role, areas, activities \
         FROM directory_access_profile WHERE removed_at IS NULL AND position_id IN ({}) \
         ORDER BY position_id, place",
        list(1, of.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for id in of {
        query = query.bind(id.as_str().to_owned());
    }
    let rows: Vec<ProfileColumns> = query.fetch_all(&mut *tx).await?;
    let mut profiles = Vec::with_capacity(rows.len());
    for (id, position, organisation, job_role, areas, activities) in rows {
        profiles.push(AccessProfile {
            id: read("directory_access_profile.access_profile_id", &id)?,
            position: read("directory_access_profile.position_id", &position)?,
            organisation: read("directory_access_profile.organisation", &organisation)?,
            codes: codes(&job_role, &areas, &activities)?,
            workgroups: Vec::new(),
        });
    }
    put_workgroups(tx, &mut profiles).await?;
    Ok(profiles)
}

/// The codes of an access profile, as they are stored.
pub(crate) fn codes(job_role: &str, areas: &str, activities: &str) -> Result<Codes, Error> {
    Ok(Codes {
        job_role: read("directory_access_profile.job_role", job_role)?,
        areas: words("directory_access_profile.areas", areas)?,
        activities: words("directory_access_profile.activities", activities)?,
    })
}

/// What access profiles of open positions can have in common: their codes as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    job_role: String,
    areas: String,
    activities: String,
    /// How many access profiles of open positions have them.
    pub(crate) many: u64,
}

impl Kind {
    /// The codes.
    pub(crate) fn codes(&self) -> Result<Codes, Error> {
        codes(&self.job_role, &self.areas, &self.activities)
    }
}

/// The kinds of access profiles that open positions give, after one.
pub(crate) async fn kinds(tx: &mut Tx, after: Option<&Kind>, limit: u32) -> Result<Vec<Kind>, Error> {
    let from = |part: fn(&Kind) -> &String| after.map_or("", |kind| part(kind).as_str());
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT f.job_role, f.areas, f.activities, CAST(COUNT(*) AS BIGINT) FROM directory_access_profile f \
         JOIN directory_position p ON p.position_id = f.position_id AND p.state = 'open' WHERE f.removed_at IS NULL \
         AND (f.job_role, f.areas, f.activities) > ($1, $2, $3) GROUP BY f.job_role, f.areas, f.activities \
         ORDER BY f.job_role, f.areas, f.activities LIMIT $4",
    )
    .bind(from(|kind| &kind.job_role))
    .bind(from(|kind| &kind.areas))
    .bind(from(|kind| &kind.activities))
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    let kind = |(job_role, areas, activities, many): (String, String, String, i64)| Kind {
        job_role,
        areas,
        activities,
        many: u64::try_from(many).unwrap_or(0),
    };
    Ok(rows.into_iter().map(kind).collect())
}

/// The open positions that give an access profile of a kind, after one.
pub(crate) async fn with_kind(
    tx: &mut Tx,
    kind: &Kind,
    after: Option<&PositionId>,
    limit: u32,
) -> Result<Vec<PositionId>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT f.position_id FROM directory_access_profile f \
         JOIN directory_position p ON p.position_id = f.position_id AND p.state = 'open' WHERE f.removed_at IS NULL \
         AND f.job_role = $1 AND f.areas = $2 AND f.activities = $3 AND f.position_id > $4 \
         ORDER BY f.position_id LIMIT $5",
    )
    .bind(&kind.job_role)
    .bind(&kind.areas)
    .bind(&kind.activities)
    .bind(after.map_or("", PositionId::as_str))
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|(id,)| read("directory_access_profile.position_id", id)).collect()
}

/// Codes with blanks between them.
fn words<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<Vec<T>, Error> {
    text.split_ascii_whitespace().map(|word| read(what, word)).collect()
}

fn joined<T: ToString>(words: &[T]) -> String {
    words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

async fn put_workgroups(tx: &mut Tx, profiles: &mut [AccessProfile]) -> Result<(), Error> {
    if profiles.is_empty() {
        return Ok(());
    }
    let text = format!(
        "SELECT access_profile_id, workgroup_id FROM directory_access_profile_workgroup \
         WHERE access_profile_id IN ({}) ORDER BY access_profile_id, workgroup_id",
        list(1, profiles.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for profile in profiles.iter() {
        query = query.bind(profile.id.as_str().to_owned());
    }
    let rows: Vec<(String, String)> = query.fetch_all(&mut *tx).await?;
    for (id, workgroup) in rows {
        let workgroup = read("directory_access_profile_workgroup.workgroup_id", &workgroup)?;
        if let Some(profile) = profiles.iter_mut().find(|profile| profile.id.as_str() == id) {
            profile.workgroups.push(workgroup);
        }
    }
    Ok(())
}

/// Stores what a position gives in place of what it gave; rows of what it no longer gives stay, marked.
pub(crate) async fn set_access_profiles(
    tx: &mut Tx,
    of: &PositionId,
    profiles: &[AccessProfile],
    now: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_access_profile SET removed_at = $2 WHERE position_id = $1 AND removed_at IS NULL",
    )
    .bind(of.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    for (place, profile) in (0_i64..).zip(profiles) {
        sqlx::query(
            "INSERT INTO directory_access_profile \
             (access_profile_id, position_id, place, organisation, job_role, areas, activities) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (access_profile_id) DO UPDATE \
             SET place = $3, areas = $6, activities = $7, removed_at = NULL",
        )
        .bind(profile.id.as_str())
        .bind(of.as_str())
        .bind(place)
        .bind(profile.organisation.as_str())
        .bind(profile.codes.job_role.as_str())
        .bind(joined(&profile.codes.areas))
        .bind(joined(&profile.codes.activities))
        .execute(&mut *tx)
        .await?;
        set_workgroups(tx, profile).await?;
    }
    Ok(())
}

async fn set_workgroups(tx: &mut Tx, profile: &AccessProfile) -> Result<(), Error> {
    sqlx::query("DELETE FROM directory_access_profile_workgroup WHERE access_profile_id = $1")
        .bind(profile.id.as_str())
        .execute(&mut *tx)
        .await?;
    if profile.workgroups.is_empty() {
        return Ok(());
    }
    let text = format!(
        "INSERT INTO directory_access_profile_workgroup (access_profile_id, workgroup_id) VALUES {}",
        places(profile.workgroups.len(), 2)
    );
    let mut query = sqlx::query(AssertSqlSafe(text));
    for workgroup in &profile.workgroups {
        query = query.bind(profile.id.as_str().to_owned()).bind(workgroup.as_str().to_owned());
    }
    query.execute(&mut *tx).await?;
    Ok(())
}

/// A link between two positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// The first includes the second.
    Includes,
    /// The holders of the first may assign the second.
    MayAssign,
}

impl Link {
    fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::Includes => ("directory_position_inclusion", "included_id"),
            Self::MayAssign => ("directory_position_assignable", "assignable_id"),
        }
    }
}

/// The positions linked from each of these.
pub(crate) async fn linked(
    tx: &mut Tx,
    link: Link,
    of: &[PositionId],
) -> Result<BTreeMap<PositionId, Vec<PositionId>>, Error> {
    let mut found = BTreeMap::new();
    if of.is_empty() {
        return Ok(found);
    }
    let (table, column) = link.table();
    let text = format!(
        "SELECT position_id, {column} FROM {table} WHERE position_id IN ({}) ORDER BY position_id, {column}",
        list(1, of.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for id in of {
        query = query.bind(id.as_str().to_owned());
    }
    let rows: Vec<(String, String)> = query.fetch_all(&mut *tx).await?;
    for (from, to) in rows {
        let to: PositionId = read("directory_position link", &to)?;
        found.entry(read("directory_position link", &from)?).or_insert_with(Vec::new).push(to);
    }
    Ok(found)
}

/// Stores the links from a position in place of those before.
pub(crate) async fn set_links(
    tx: &mut Tx,
    link: Link,
    from: &PositionId,
    to: &[PositionId],
) -> Result<(), Error> {
    let (table, column) = link.table();
    sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE position_id = $1")))
        .bind(from.as_str())
        .execute(&mut *tx)
        .await?;
    if to.is_empty() {
        return Ok(());
    }
    let text = format!("INSERT INTO {table} (position_id, {column}) VALUES {}", places(to.len(), 2));
    let mut query = sqlx::query(AssertSqlSafe(text));
    for to in to {
        query = query.bind(from.as_str().to_owned()).bind(to.as_str().to_owned());
    }
    query.execute(&mut *tx).await?;
    Ok(())
}

/// The inclusions of everything that these positions include, and of themselves.
pub(crate) async fn inclusions_below(
    tx: &mut Tx,
    of: &[PositionId],
) -> Result<BTreeMap<PositionId, Vec<PositionId>>, Error> {
    let mut all = BTreeMap::new();
    let mut next = of.to_vec();
    while !next.is_empty() {
        let found = linked(tx, Link::Includes, &next).await?;
        let mut below: Vec<PositionId> = found.values().flatten().cloned().collect();
        all.extend(found);
        below.sort();
        below.dedup();
        below.retain(|id| !all.contains_key(id) && !next.contains(id));
        next = below;
    }
    Ok(all)
}

/// The positions that include this one, and those that include these.
pub(crate) async fn above(tx: &mut Tx, id: &PositionId, most: usize) -> Result<Vec<PositionId>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "WITH RECURSIVE above(id) AS (SELECT position_id FROM directory_position_inclusion WHERE included_id = $1 \
         UNION SELECT i.position_id FROM directory_position_inclusion i JOIN above ON i.included_id = above.id) \
         SELECT id FROM above ORDER BY id LIMIT $2",
    )
    .bind(id.as_str())
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|(id,)| read("directory_position_inclusion.position_id", id)).collect()
}

/// The positions that include any of these, and those that include them.
pub(crate) async fn above_all(tx: &mut Tx, of: &[PositionId]) -> Result<Vec<PositionId>, Error> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "WITH RECURSIVE above(id) AS (SELECT position_id FROM directory_position_inclusion WHERE included_id IN ({}) \
         UNION SELECT i.position_id FROM directory_position_inclusion i JOIN above ON i.included_id = above.id) \
         SELECT id FROM above ORDER BY id",
        list(1, of.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for id in of {
        query = query.bind(id.as_str().to_owned());
    }
    let rows: Vec<(String,)> = query.fetch_all(&mut *tx).await?;
    rows.iter().map(|(id,)| read("directory_position_inclusion.position_id", id)).collect()
}
