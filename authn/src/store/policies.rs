//! Rows of `authn_policy`: what organisations ask of those who sign in for them.

use platform::clock::Millis;
use platform::db::Tx;

use super::Reader;
use crate::api::Policy;
use crate::error::Error;

/// A policy as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What it asks.
    pub(crate) policy: Policy,
    /// How often it was written.
    pub(crate) version: i64,
}

/// The policy of an organisation, by its code.
pub(crate) async fn find<'c>(reader: impl Reader<'c>, organisation: &str) -> Result<Option<Kept>, Error> {
    let row: Option<(String, i64)> =
        sqlx::query_as("SELECT policy, version FROM authn_policy WHERE organisation = $1")
            .bind(organisation.to_owned())
            .fetch_optional(reader)
            .await?;
    let kept = |(policy, version): (String, i64)| {
        let policy =
            serde_json::from_str(&policy).map_err(|_| Error::Stored { what: "authn_policy.policy" })?;
        Ok(Kept { policy, version })
    };
    row.map(kept).transpose()
}

/// Writes a policy in the place of this version, 0 for none; its new version, or none if another was written meanwhile.
pub(crate) async fn put(
    tx: &mut Tx,
    organisation: &str,
    policy: &Policy,
    version: i64,
    now: Millis,
) -> Result<Option<i64>, Error> {
    let text = serde_json::to_string(policy).map_err(Error::json)?;
    let sql = if version == 0 {
        "INSERT INTO authn_policy (organisation, policy, version, changed_at) VALUES ($1, $2, $3 + 1, $4) \
         ON CONFLICT DO NOTHING"
    } else {
        "UPDATE authn_policy SET policy = $2, version = $3 + 1, changed_at = $4 WHERE organisation = $1 AND version = $3"
    };
    let done = sqlx::query(sql)
        .bind(organisation.to_owned())
        .bind(text)
        .bind(version)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    Ok((done.rows_affected() == 1).then_some(version + 1))
}

/// Takes a policy away; false if this version is not there.
pub(crate) async fn remove(tx: &mut Tx, organisation: &str, version: i64) -> Result<bool, Error> {
    let done = sqlx::query("DELETE FROM authn_policy WHERE organisation = $1 AND version = $2")
        .bind(organisation.to_owned())
        .bind(version)
        .execute(&mut *tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// A policy is written in the place of the version that was read, and of no other.
        async fn policies_have_versions(db: Db) {
            let seen = db.write(|tx| Box::pin(async move {
                let policy = |word: &str| Policy { authenticators: vec![word.to_owned()], card_removed: None };
                let first = put(tx, "A1", &policy("smartcard"), 0, Millis(1)).await?;
                let twice = put(tx, "A1", &policy("totp"), 0, Millis(2)).await?;
                let second = put(tx, "A1", &policy("passkey"), 1, Millis(3)).await?;
                let late = put(tx, "A1", &policy("totp"), 1, Millis(4)).await?;
                let kept = find(&mut *tx, "A1").await?;
                let wrong = remove(tx, "A1", 1).await?;
                let gone = remove(tx, "A1", 2).await?;
                Ok::<_, Error>(((first, twice, second, late), kept, (wrong, gone)))
            })).await.unwrap();
            assert_eq!(seen.0, (Some(1), None, Some(2), None));
            assert_eq!(seen.1.unwrap().policy.authenticators, ["passkey"]);
            assert_eq!(seen.2, (false, true));
            assert_eq!(find(db.read(), "A1").await.unwrap(), None);
        }
    }
}
