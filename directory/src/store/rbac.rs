//! Rows of releases of the national role-based access control.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::{Reader, places, read, stored_number};
use crate::api::Release;
use crate::error::Error;
use crate::rbac::{Activity, Baseline, Content, Entry, Group};

/// How many rows go into one statement.
const AT_ONCE: usize = 200;
const JOB_ROLE: &str = "job-role";
const AREA: &str = "area";

/// The number of the release in force; 0 before there is any.
pub(crate) async fn newest<'c>(reader: impl Reader<'c>) -> Result<u64, Error> {
    let (number,): (i64,) =
        sqlx::query_as("SELECT CAST(COALESCE(MAX(number), 0) AS BIGINT) FROM directory_rbac_release")
            .fetch_one(reader)
            .await?;
    Ok(u64::try_from(number).unwrap_or(0))
}

type ReleaseColumns = (i64, String, String, i64, i64, i64, i64, i64, i64);

/// The releases before a number, newest first.
pub(crate) async fn releases<'c>(
    reader: impl Reader<'c>,
    before: u64,
    limit: u32,
) -> Result<Vec<Release>, Error> {
    let rows: Vec<ReleaseColumns> = sqlx::query_as(
        "SELECT number, name, sha256, imported_at, job_roles, areas, activities, inclusions, baselines \
         FROM directory_rbac_release WHERE number < $1 ORDER BY number DESC LIMIT $2",
    )
    .bind(stored_number(before))
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    let many = |number: i64| u64::try_from(number).unwrap_or(0);
    let release = |row: ReleaseColumns| Release {
        number: many(row.0),
        name: row.1,
        sha256: row.2,
        imported_at: Millis(row.3),
        job_roles: many(row.4),
        areas: many(row.5),
        activities: many(row.6),
        inclusions: many(row.7),
        baselines: many(row.8),
    };
    Ok(rows.into_iter().map(release).collect())
}

/// Stores a release with all that it holds.
pub(crate) async fn insert(tx: &mut Tx, release: &Release, content: &Content) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_rbac_release \
           (number, name, sha256, imported_at, job_roles, areas, activities, inclusions, baselines) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(stored_number(release.number))
    .bind(&release.name)
    .bind(&release.sha256)
    .bind(release.imported_at.0)
    .bind(stored_number(release.job_roles))
    .bind(stored_number(release.areas))
    .bind(stored_number(release.activities))
    .bind(stored_number(release.inclusions))
    .bind(stored_number(release.baselines))
    .execute(&mut *tx)
    .await?;
    let text = |text: &str| Some(text.to_owned());
    let job_roles = content.job_roles.iter().map(|one| code_row(JOB_ROLE, one));
    let areas = content.areas.iter().map(|one| code_row(AREA, one));
    let activities = content.activities.iter().map(|one| [text(one.code.as_str()), text(&one.name)]);
    let inclusions = content.inclusions.iter().map(|(one, other)| [text(one.as_str()), text(other.as_str())]);
    let baselines = content.baselines.iter().map(|row| {
        let area = row.area.as_ref().map_or("", |area| area.as_str());
        let set = row.restriction_set.as_deref().unwrap_or_default();
        [text(row.job_role.as_str()), text(area), text(set), text(row.activity.as_str())]
    });
    let number = release.number;
    let codes = "directory_rbac_code (release, kind, code, name, group_code, group_name, category_code, category_name)";
    let (codes_of, activities) = (job_roles.chain(areas).collect(), activities.collect());
    let (inclusions, baselines) = (inclusions.collect(), baselines.collect());
    rows(tx, number, codes, codes_of).await?;
    rows(tx, number, "directory_rbac_activity (release, code, name)", activities).await?;
    rows(tx, number, "directory_rbac_inclusion (release, activity, included)", inclusions).await?;
    let columns = "directory_rbac_baseline (release, job_role, area, restriction_set, activity)";
    rows(tx, number, columns, baselines).await
}

fn code_row<C: std::fmt::Display>(kind: &str, one: &Entry<C>) -> [Option<String>; 7] {
    let (group, category) = (one.group.as_ref(), one.category.as_ref());
    [
        Some(kind.to_owned()),
        Some(one.code.to_string()),
        Some(one.name.clone()),
        group.map(|group| group.code.clone()),
        group.map(|group| group.name.clone()),
        category.map(|category| category.code.clone()),
        category.map(|category| category.name.clone()),
    ]
}

/// Inserts rows, each beginning with the number of the release.
async fn rows<const COLUMNS: usize>(
    tx: &mut Tx,
    number: u64,
    into: &str,
    rows: Vec<[Option<String>; COLUMNS]>,
) -> Result<(), Error> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some: Vec<[Option<String>; COLUMNS]> = rows.by_ref().take(AT_ONCE).collect();
        let values = places(some.len(), COLUMNS + 1);
        // Made of our own words and numbers only.
        let mut query = sqlx::query(AssertSqlSafe(format!("INSERT INTO {into} VALUES {values}")));
        for row in some {
            query = query.bind(stored_number(number));
            for value in row {
                query = query.bind(value);
            }
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// What a release holds; `None` if there is none with this number.
pub(crate) async fn content(tx: &mut Tx, number: u64) -> Result<Option<Content>, Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT name FROM directory_rbac_release WHERE number = $1")
        .bind(stored_number(number))
        .fetch_optional(&mut *tx)
        .await?;
    let Some((name,)) = row else { return Ok(None) };
    Ok(Some(Content {
        name,
        job_roles: codes(&mut *tx, number, JOB_ROLE).await?,
        areas: codes(&mut *tx, number, AREA).await?,
        activities: activities(&mut *tx, number).await?,
        inclusions: inclusions(&mut *tx, number).await?,
        baselines: baselines(&mut *tx, number).await?,
    }))
}

type CodeColumns = (String, String, Option<String>, Option<String>, Option<String>, Option<String>);

async fn codes<'c, C: std::str::FromStr>(
    reader: impl Reader<'c>,
    number: u64,
    kind: &str,
) -> Result<Vec<Entry<C>>, Error> {
    let rows: Vec<CodeColumns> = sqlx::query_as(
        "SELECT code, name, group_code, group_name, category_code, category_name FROM directory_rbac_code \
         WHERE release = $1 AND kind = $2 ORDER BY code",
    )
    .bind(stored_number(number))
    .bind(kind)
    .fetch_all(reader)
    .await?;
    let group =
        |code: Option<String>, name: Option<String>| code.zip(name).map(|(code, name)| Group { code, name });
    rows.into_iter()
        .map(|(code, name, group_code, group_name, category_code, category_name)| {
            Ok(Entry {
                code: read("directory_rbac_code.code", &code)?,
                name,
                group: group(group_code, group_name),
                category: group(category_code, category_name),
            })
        })
        .collect()
}

async fn activities<'c>(reader: impl Reader<'c>, number: u64) -> Result<Vec<Activity>, Error> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT code, name FROM directory_rbac_activity WHERE release = $1 ORDER BY code")
            .bind(stored_number(number))
            .fetch_all(reader)
            .await?;
    let activity = |(code, name): (String, String)| {
        Ok(Activity { code: read("directory_rbac_activity.code", &code)?, name })
    };
    rows.into_iter().map(activity).collect()
}

async fn inclusions<'c>(
    reader: impl Reader<'c>,
    number: u64,
) -> Result<Vec<(crate::rbac::ActivityCode, crate::rbac::ActivityCode)>, Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT activity, included FROM directory_rbac_inclusion WHERE release = $1 ORDER BY activity, included",
    )
    .bind(stored_number(number))
    .fetch_all(reader)
    .await?;
    let what = "directory_rbac_inclusion";
    rows.iter().map(|(one, other)| Ok((read(what, one)?, read(what, other)?))).collect()
}

async fn baselines<'c>(reader: impl Reader<'c>, number: u64) -> Result<Vec<Baseline>, Error> {
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(
        "SELECT job_role, area, restriction_set, activity FROM directory_rbac_baseline WHERE release = $1 \
         ORDER BY job_role, area, restriction_set, activity",
    )
    .bind(stored_number(number))
    .fetch_all(reader)
    .await?;
    let what = "directory_rbac_baseline";
    rows.into_iter()
        .map(|(job_role, area, restriction_set, activity)| {
            Ok(Baseline {
                job_role: read(what, &job_role)?,
                area: Some(area).filter(|area| !area.is_empty()).map(|area| read(what, &area)).transpose()?,
                restriction_set: Some(restriction_set).filter(|set| !set.is_empty()),
                activity: read(what, &activity)?,
            })
        })
        .collect()
}
