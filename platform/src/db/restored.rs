//! `platform_restore`: whether the database is a restored copy that is not yet fit for use.

use super::{Db, Error, Tx};
use crate::clock::Millis;

/// How far the way back has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Rows are being written. A database found in this stage holds half a copy.
    Restoring,
    /// Every row is there; what happened after the copy was taken is not yet accounted for.
    Recovering,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Restoring => "restoring",
            Self::Recovering => "recovering",
        }
    }
}

/// A database that was restored and is not yet fit for use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// How far it has come.
    pub stage: Stage,
    /// When the copy was taken.
    pub taken_at: Millis,
    /// When it was restored.
    pub restored_at: Millis,
}

impl Db {
    /// Whether this is a restored copy that is not yet fit for use.
    pub async fn restored(&self) -> Result<Option<Restored>, Error> {
        let row: Option<(String, i64, i64)> = sqlx::query_as(
            "SELECT stage, taken_at, restored_at FROM platform_restore WHERE name = 'restore'",
        )
        .fetch_optional(self.read())
        .await?;
        let Some((stage, taken_at, restored_at)) = row else { return Ok(None) };
        let stage = [Stage::Restoring, Stage::Recovering]
            .into_iter()
            .find(|known| known.as_str() == stage)
            .ok_or_else(|| Error::corrupt("platform_restore.stage", &stage))?;
        Ok(Some(Restored { stage, taken_at: Millis(taken_at), restored_at: Millis(restored_at) }))
    }
}

/// Writes down how far the way back has come.
pub(super) async fn mark(tx: &mut Tx, restored: &Restored) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO platform_restore (name, stage, taken_at, restored_at) VALUES ('restore', $1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET stage = excluded.stage",
    )
    .bind(restored.stage.as_str())
    .bind(restored.taken_at.0)
    .bind(restored.restored_at.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Says that the database is fit for use again: the last act of a recovery.
pub async fn finish(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("DELETE FROM platform_restore WHERE name = 'restore' AND stage = 'recovering'")
        .execute(tx)
        .await?;
    Ok(())
}
