//! Rows of `directory_deletion`: what organisations had under ids of its own, and a release has no more.

use std::collections::BTreeSet;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::OdsCode;
use sqlx::AssertSqlSafe;

use super::{Reader, list, places};
use crate::api::OrganisationRecord;
use crate::error::Error;

/// How many rows go into one statement.
const AT_ONCE: usize = 100;
/// How many deletions are told at most, the newest first.
pub(crate) const MOST: u32 = 10_000;

/// What has ids of its own within an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Role,
    Relationship,
    Succession,
}

impl Part {
    const ALL: [Self; 3] = [Self::Role, Self::Relationship, Self::Succession];

    fn word(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Relationship => "relationship",
            Self::Succession => "succession",
        }
    }

    /// The ids that an organisation has.
    fn ids(self, record: &OrganisationRecord) -> BTreeSet<&str> {
        match self {
            Self::Role => record.roles.iter().map(|one| one.instance.as_str()).collect(),
            Self::Relationship => record.relationships.iter().map(|one| one.instance.as_str()).collect(),
            Self::Succession => record.successions.iter().map(|one| one.instance.as_str()).collect(),
        }
    }
}

/// Something that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deletion {
    pub(crate) instance: String,
    /// Whose it was.
    pub(crate) organisation: String,
    pub(crate) at: Millis,
}

/// Notes what organisations had and have no more; each as it was and as it will be.
pub(crate) async fn note(
    tx: &mut Tx,
    changed: &[(&OrganisationRecord, &OrganisationRecord)],
    now: Millis,
) -> Result<(), Error> {
    let mut gone: Vec<(&'static str, &str, &str)> = Vec::new();
    for (before, after) in changed {
        for part in Part::ALL {
            let has = part.ids(after);
            let had = part.ids(before).into_iter().filter(|id| !id.is_empty() && !has.contains(id));
            gone.extend(had.map(|id| (part.word(), id, before.ods.as_str())));
        }
    }
    // An id may have been two organisations'; one statement writes no row twice.
    gone.sort_unstable();
    gone.dedup_by_key(|one| (one.0, one.1));
    for some in gone.chunks(AT_ONCE) {
        let text = format!(
            "INSERT INTO directory_deletion (list, instance, ods, at) VALUES {} ON CONFLICT (list, instance) \
             DO UPDATE SET ods = excluded.ods, at = excluded.at",
            places(some.len(), 4)
        );
        // Made of our own words and numbers only.
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (list, instance, ods) in some {
            query = query.bind(*list).bind((*instance).to_owned()).bind((*ods).to_owned()).bind(now.0);
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Which organisation had something with this id that was deleted.
pub(crate) async fn whose<'c>(
    reader: impl Reader<'c>,
    part: Part,
    instance: &str,
) -> Result<Option<String>, Error> {
    let whose = sqlx::query_scalar("SELECT ods FROM directory_deletion WHERE list = $1 AND instance = $2")
        .bind(part.word())
        .bind(instance.to_owned())
        .fetch_optional(reader)
        .await?;
    Ok(whose)
}

/// What these organisations had and have no more, nor another, in the order of its ids; of each list at most as many as are told.
pub(crate) async fn of_organisations(
    tx: &mut Tx,
    part: Part,
    codes: &[OdsCode],
) -> Result<Vec<Deletion>, Error> {
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let table = match part {
        Part::Role => "directory_organisation_role",
        Part::Relationship => "directory_organisation_relationship",
        Part::Succession => "directory_organisation_succession",
    };
    let text = format!(
        "SELECT d.instance, d.ods, d.at FROM directory_deletion d WHERE d.list = $1 AND d.ods IN ({}) AND NOT EXISTS \
         (SELECT 1 FROM {table} r WHERE r.instance = d.instance) ORDER BY d.instance LIMIT $2",
        list(3, codes.len())
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(part.word()).bind(i64::from(MOST));
    for code in codes {
        query = query.bind(code.as_str().to_owned());
    }
    let rows: Vec<(String, String, i64)> = query.fetch_all(&mut *tx).await?;
    let deletion = |(instance, organisation, at)| Deletion { instance, organisation, at: Millis(at) };
    Ok(rows.into_iter().map(deletion).collect())
}

/// What was deleted, the newest first. What an organisation has again, or another, is not among it.
pub(crate) async fn of<'c>(reader: impl Reader<'c>, part: Part) -> Result<Vec<Deletion>, Error> {
    let text = match part {
        Part::Role => {
            "SELECT d.instance, d.ods, d.at FROM directory_deletion d WHERE d.list = $1 AND NOT EXISTS (SELECT 1 \
             FROM directory_organisation_role r WHERE r.instance = d.instance) ORDER BY d.at DESC, d.instance LIMIT $2"
        }
        Part::Relationship => {
            "SELECT d.instance, d.ods, d.at FROM directory_deletion d WHERE d.list = $1 AND NOT EXISTS (SELECT 1 \
             FROM directory_organisation_relationship r WHERE r.instance = d.instance) \
             ORDER BY d.at DESC, d.instance LIMIT $2"
        }
        Part::Succession => {
            "SELECT d.instance, d.ods, d.at FROM directory_deletion d WHERE d.list = $1 AND NOT EXISTS (SELECT 1 \
             FROM directory_organisation_succession r WHERE r.instance = d.instance) \
             ORDER BY d.at DESC, d.instance LIMIT $2"
        }
    };
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as(text).bind(part.word()).bind(i64::from(MOST)).fetch_all(reader).await?;
    let deletion = |(instance, organisation, at)| Deletion { instance, organisation, at: Millis(at) };
    Ok(rows.into_iter().map(deletion).collect())
}
