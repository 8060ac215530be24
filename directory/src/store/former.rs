//! Rows of `directory_former`: what people, organisations and systems were before they were written again.

use std::collections::BTreeMap;

use platform::clock::Millis;
use platform::db::Tx;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;

use super::{Reader, list};
use crate::api::{Name, Registration};
use crate::error::Error;
use crate::version::Version;

/// How many former versions of one thing are kept.
const KEPT: i64 = 100;

/// Whose versions they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Person,
    Organisation,
    System,
}

impl Of {
    fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Organisation => "organisation",
            Self::System => "system",
        }
    }
}

/// A version that is no longer in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Former {
    pub(crate) version: Version,
    /// When it was written, where that is known.
    pub(crate) at: Option<Millis>,
    /// It as JSON: a [`Somebody`], an organisation's record, a system's content.
    pub(crate) content: String,
}

impl Former {
    /// What it was.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.content).map_err(|_| Error::Stored { what: "directory_former.content" })
    }
}

/// What is kept of a person, as far as a face shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Somebody {
    pub(crate) name: Name,
    pub(crate) registrations: Vec<Registration>,
    /// Whether the profile was open.
    pub(crate) state: String,
}

/// Keeps what a thing is at a version, before it is written again. A version that is kept already stays as it is.
pub(crate) async fn keep<T: Serialize + Sync>(
    tx: &mut Tx,
    of: Of,
    id: &str,
    (version, at): (Version, Option<Millis>),
    content: &T,
) -> Result<(), Error> {
    let content = serde_json::to_string(content).map_err(|_| Error::Stored { what: "directory_former" })?;
    sqlx::query(
        "INSERT INTO directory_former (kind, id, version, at, content) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(of.word())
    .bind(id.to_owned())
    .bind(version.0)
    .bind(at.map(|at| at.0))
    .bind(content)
    .execute(&mut *tx)
    .await?;
    forget(tx, of, id, version).await
}

/// Keeps what a system is, if there is one, before it is written again.
pub(crate) async fn keep_system(tx: &mut Tx, folded: &str, next: Version) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_former (kind, id, version, at, content) \
         SELECT $2, folded, version, changed_at, content FROM directory_system WHERE folded = $1 \
         ON CONFLICT DO NOTHING",
    )
    .bind(folded.to_owned())
    .bind(Of::System.word())
    .execute(&mut *tx)
    .await?;
    forget(tx, Of::System, folded, next).await
}

/// Forgets versions that are too many.
async fn forget(tx: &mut Tx, of: Of, id: &str, version: Version) -> Result<(), Error> {
    sqlx::query("DELETE FROM directory_former WHERE kind = $1 AND id = $2 AND version <= $3")
        .bind(of.word())
        .bind(id.to_owned())
        .bind(version.0.saturating_sub(KEPT))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

type Columns = (i64, Option<i64>, String);

fn former((version, at, content): Columns) -> Former {
    Former { version: Version(version), at: at.map(Millis), content }
}

/// What a thing was before a version, the newest first: at most as many as are kept.
pub(crate) async fn before<'c>(
    reader: impl Reader<'c>,
    of: Of,
    id: &str,
    version: Version,
) -> Result<Vec<Former>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT version, at, content FROM directory_former WHERE kind = $1 AND id = $2 AND version < $3 \
         ORDER BY version DESC LIMIT $4",
    )
    .bind(of.word())
    .bind(id.to_owned())
    .bind(version.0)
    .bind(KEPT)
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(former).collect())
}

/// What several things were before a time and since, by their ids, the newest first: of each the last version before, and those after.
pub(crate) async fn since(
    tx: &mut Tx,
    of: Of,
    ids: &[String],
    since: Millis,
) -> Result<BTreeMap<String, Vec<Former>>, Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    // The newest is followed by what is now.
    let text = format!(
        "SELECT id, version, at, content FROM (\
         SELECT id, version, at, content, LEAD(at) OVER (PARTITION BY id ORDER BY version) AS next_at \
         FROM directory_former WHERE kind = $1 AND id IN ({})) f \
         WHERE next_at IS NULL OR next_at >= $2 ORDER BY id, version DESC",
        list(3, ids.len())
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(of.word()).bind(since.0);
    for id in ids {
        query = query.bind(id.clone());
    }
    let rows: Vec<(String, i64, Option<i64>, String)> = query.fetch_all(&mut *tx).await?;
    let mut all: BTreeMap<String, Vec<Former>> = BTreeMap::new();
    for (id, version, at, content) in rows {
        all.entry(id).or_default().push(former((version, at, content)));
    }
    Ok(all)
}

/// Those of the versions of one thing, the newest first, that something took the place of at a time or after it. What is now was written at another
/// time, where that is known; otherwise since.
pub(crate) fn in_force_since(former: Vec<Former>, written: Option<Millis>, since: Millis) -> Vec<Former> {
    let mut next = Some(written.unwrap_or(since));
    let is_in_force = |one: &Former| {
        let is_in_force = next.is_some_and(|at| at >= since);
        next = one.at;
        is_in_force
    };
    former.into_iter().take_while(is_in_force).collect()
}

/// When an organisation was made: when its first version was written, if that is still known.
pub(crate) async fn organisation_made_at<'c>(
    reader: impl Reader<'c>,
    ods: &str,
) -> Result<Option<Millis>, Error> {
    let at: Vec<Option<i64>> = sqlx::query_scalar(
        "SELECT changed_at FROM directory_organisation WHERE ods = $1 AND version = 1 UNION ALL \
         SELECT at FROM directory_former WHERE kind = 'organisation' AND id = $1 AND version = 1",
    )
    .bind(ods.to_owned())
    .fetch_all(reader)
    .await?;
    Ok(at.into_iter().flatten().next().map(Millis))
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// Versions are kept once, told from the newest on, and the oldest go when there are too many.
        async fn former_versions_are_kept(db: Db) {
            let kept: Result<(), Error> = db
                .write(move |tx| {
                    Box::pin(async move {
                        for version in 1..=KEPT + 5 {
                            let at = (version > 1).then_some(Millis(version));
                            keep(tx, Of::Person, "555000000108", (Version(version), at), &version).await?;
                        }
                        keep(tx, Of::Person, "555000000108", (Version(KEPT + 5), None), &0_i64).await?;
                        keep(tx, Of::Organisation, "RXX", (Version(1), None), &7_i64).await
                    })
                })
                .await;
            kept.unwrap();
            let all = before(db.read(), Of::Person, "555000000108", Version(KEPT + 6)).await.unwrap();
            let numbers: Vec<i64> = all.iter().map(|one| one.version.0).collect();
            assert_eq!(numbers, (6..=KEPT + 5).rev().collect::<Vec<_>>());
            assert_eq!((all[0].read::<i64>().unwrap(), all[0].at), (KEPT + 5, Some(Millis(KEPT + 5))), "it stays as it was");
            assert!(all[0].read::<String>().is_err());
            let one = before(db.read(), Of::Organisation, "RXX", Version(9)).await.unwrap();
            assert_eq!(one, [Former { version: Version(1), at: None, content: "7".to_owned() }]);
            assert!(before(db.read(), Of::System, "RXX", Version(9)).await.unwrap().is_empty());
            assert_eq!(organisation_made_at(db.read(), "RXX").await.unwrap(), None, "it is not known");
            let kept: Result<(), Error> = db
                .write(|tx| Box::pin(async move { keep(tx, Of::Organisation, "RYY", (Version(1), Some(Millis(7))), &7_i64).await }))
                .await;
            kept.unwrap();
            assert_eq!(organisation_made_at(db.read(), "RYY").await.unwrap(), Some(Millis(7)));
        }

        /// Of several things those versions are told that were in force at a time or since, and none of another kind.
        async fn what_was_since_a_time_is_told(db: Db) {
            let kept: Result<(), Error> = db
                .write(move |tx| {
                    Box::pin(async move {
                        for (of, id, last) in [(Of::Organisation, "RXX", 4), (Of::Organisation, "RYY", 1), (Of::Organisation, "RZZ", 2), (Of::System, "RXX", 9)] {
                            for version in 1..=last {
                                keep(tx, of, id, (Version(version), Some(Millis(version * 10))), &version).await?;
                            }
                        }
                        Ok(())
                    })
                })
                .await;
            kept.unwrap();
            let mut tx = db.read().acquire().await.unwrap();
            let ids = ["RXX", "RYY", "RAA"].map(str::to_owned);
            let mut told = since(&mut tx, Of::Organisation, &ids, Millis(30)).await.unwrap();
            let versions = |all: &[Former]| all.iter().map(|one| one.version.0).collect::<Vec<_>>();
            assert_eq!(told.keys().collect::<Vec<_>>(), ["RXX", "RYY"]);
            assert_eq!((versions(&told["RXX"]), versions(&told["RYY"])), (vec![4, 3, 2], vec![1]));
            assert!(since(&mut tx, Of::Organisation, &[], Millis(30)).await.unwrap().is_empty());
            // Of each by itself.
            let all = told.remove("RXX").unwrap();
            for (written, at, expected) in [(None, 35, vec![4, 3]), (Some(50), 45, vec![4]), (Some(50), 50, vec![4]), (Some(50), 51, vec![]), (None, 60, vec![4])] {
                let told = in_force_since(all.clone(), written.map(Millis), Millis(at));
                assert_eq!(versions(&told), expected, "{written:?} {at}");
            }
        }
    }
}
