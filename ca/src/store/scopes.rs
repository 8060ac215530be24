//! `ca_scope`: the parts of an issuer's certificates that have lists of their own, and how far their lists are.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

use super::{millis, take_turn};

/// A scope as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) issuer: String,
    /// 0 for the certificates that name no shard.
    pub(crate) shard: i64,
    /// Where its list is found; absent while the issuer has one list for all its certificates.
    pub(crate) url: Option<String>,
    /// The last number given.
    pub(crate) crl_number: i64,
    pub(crate) changes: i64,
    pub(crate) complete: Option<Mark>,
    pub(crate) delta_number: Option<i64>,
    pub(crate) delta_at: Option<Millis>,
    /// Number and changes of the complete list that a delta list goes back to.
    pub(crate) base: Option<(i64, i64)>,
}

/// A complete list: its number, when it was made, and the changes it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) number: i64,
    pub(crate) at: Millis,
    pub(crate) changes: i64,
}

const COLUMNS: &str = "issuer, shard, url, crl_number, changes, complete_number, complete_at, complete_changes, \
     delta_number, delta_at, base_number, base_changes";

/// Every scope of every issuer.
pub(crate) async fn all(read: &AnyPool) -> Result<Vec<Scope>, db::Error> {
    let query = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM ca_scope ORDER BY issuer, shard"));
    sqlx::query(query).fetch_all(read).await?.iter().map(scope).collect()
}

/// The scopes of one issuer, in the order of their shards.
pub(crate) async fn of_issuer(read: &AnyPool, issuer: &str) -> Result<Vec<Scope>, db::Error> {
    let query =
        sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM ca_scope WHERE issuer = $1 ORDER BY shard"));
    sqlx::query(query).bind(issuer).fetch_all(read).await?.iter().map(scope).collect()
}

/// One scope.
pub(crate) async fn find(read: &AnyPool, issuer: &str, shard: i64) -> Result<Option<Scope>, db::Error> {
    let query =
        sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM ca_scope WHERE issuer = $1 AND shard = $2"));
    let row = sqlx::query(query).bind(issuer).bind(shard).fetch_optional(read).await?;
    row.as_ref().map(scope).transpose()
}

fn scope(row: &AnyRow) -> Result<Scope, db::Error> {
    let url: String = row.try_get("url")?;
    let complete = match row.try_get::<Option<i64>, _>("complete_number")? {
        Some(number) => Some(Mark {
            number,
            at: Millis(row.try_get("complete_at")?),
            changes: row.try_get("complete_changes")?,
        }),
        None => None,
    };
    let base = match row.try_get::<Option<i64>, _>("base_number")? {
        Some(number) => Some((number, row.try_get("base_changes")?)),
        None => None,
    };
    Ok(Scope {
        issuer: row.try_get("issuer")?,
        shard: row.try_get("shard")?,
        url: Some(url).filter(|url| !url.is_empty()),
        crl_number: row.try_get("crl_number")?,
        changes: row.try_get("changes")?,
        complete,
        delta_number: row.try_get("delta_number")?,
        delta_at: millis(row.try_get("delta_at")?),
        base,
    })
}

/// Makes a scope where there is none. An empty address is for an issuer with one list for all.
pub(crate) async fn insert(tx: &mut Tx, issuer: &str, shard: i64, url: &str) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_scope (issuer, shard, url, crl_number, changes) VALUES ($1, $2, $3, 0, 0) \
         ON CONFLICT (issuer, shard) DO NOTHING",
    )
    .bind(issuer)
    .bind(shard)
    .bind(url)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Narrows the list for all to the certificates that name no shard. From then on it says where it is found; a new one
/// is due at once.
pub(crate) async fn narrow(tx: &mut Tx, issuer: &str, url: &str) -> Result<(), db::Error> {
    take_turn(tx).await?;
    sqlx::query(
        "UPDATE ca_scope SET url = $1, changes = changes + 1 WHERE issuer = $2 AND shard = 0 AND url = ''",
    )
    .bind(url)
    .bind(issuer)
    .execute(tx)
    .await?;
    Ok(())
}

/// Holds the row of this certificate's scope until the job ends: whoever changes a status holds it.
pub(crate) async fn hold(tx: &mut Tx, serial: &str) -> Result<(), db::Error> {
    add(tx, serial, 0).await
}

/// Counts a change of this certificate's status in its scope, so that the next list is known to be due.
///
/// Called before the certificate's row is changed: the row of the scope stays locked until the commit, so counts and
/// commits have one order, and a list that knows a count has seen every row with a lower one.
pub(super) async fn count(tx: &mut Tx, serial: &str) -> Result<(), db::Error> {
    add(tx, serial, 1).await
}

async fn add(tx: &mut Tx, serial: &str, changes: i64) -> Result<(), db::Error> {
    take_turn(tx).await?;
    sqlx::query(
        "UPDATE ca_scope SET changes = changes + $1 \
         WHERE issuer = (SELECT issuer FROM ca_certificate WHERE serial = $2) \
           AND shard = (SELECT shard FROM ca_certificate WHERE serial = $2)",
    )
    .bind(changes)
    .bind(serial)
    .execute(tx)
    .await?;
    Ok(())
}

/// Moves the number of lists from `before` to `next`; `false` if another has moved it.
pub(crate) async fn advance_crl_number(
    tx: &mut Tx,
    issuer: &str,
    shard: i64,
    before: i64,
    next: i64,
) -> Result<bool, db::Error> {
    take_turn(tx).await?;
    let done = sqlx::query(
        "UPDATE ca_scope SET crl_number = $1 WHERE issuer = $2 AND shard = $3 AND crl_number = $4",
    )
    .bind(next)
    .bind(issuer)
    .bind(shard)
    .bind(before)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Raises the number of lists to at least `to`, and says what it was if it was lower. The next list is due at once:
/// the lists of before are not the newest any more.
pub(crate) async fn raise_crl_number(
    tx: &mut Tx,
    issuer: &str,
    shard: i64,
    to: i64,
) -> Result<Option<i64>, db::Error> {
    let row = sqlx::query("SELECT crl_number FROM ca_scope WHERE issuer = $1 AND shard = $2")
        .bind(issuer)
        .bind(shard)
        .fetch_optional(&mut *tx)
        .await?;
    let Some(before) = row.map(|row| row.try_get::<i64, _>("crl_number")).transpose()? else {
        return Ok(None);
    };
    let raised = before < to && advance_crl_number(tx, issuer, shard, before, to).await?;
    if raised {
        sqlx::query("UPDATE ca_scope SET changes = changes + 1 WHERE issuer = $1 AND shard = $2")
            .bind(issuer)
            .bind(shard)
            .execute(tx)
            .await?;
    }
    Ok(raised.then_some(before))
}

/// Makes the next list of a scope due.
pub(crate) async fn touch(tx: &mut Tx, issuer: &str, shard: i64) -> Result<(), db::Error> {
    take_turn(tx).await?;
    sqlx::query("UPDATE ca_scope SET changes = changes + 1 WHERE issuer = $1 AND shard = $2")
        .bind(issuer)
        .bind(shard)
        .execute(tx)
        .await?;
    Ok(())
}

/// Makes a stored complete list the newest of its scope, unless a newer one is there.
///
/// The list that delta lists go back to moves on when it is old: then the mark becomes the base and this list the mark,
/// so that every complete list of the last `span_ms` can be brought up to date by the newest delta list.
pub(crate) async fn complete_made(
    tx: &mut Tx,
    issuer: &str,
    shard: i64,
    made: Mark,
    span_ms: i64,
) -> Result<(), db::Error> {
    take_turn(tx).await?;
    let row = sqlx::query(
        "UPDATE ca_scope SET complete_number = $1, complete_at = $2, complete_changes = $3 \
         WHERE issuer = $4 AND shard = $5 AND (complete_number IS NULL OR complete_number < $1) \
         RETURNING mark_number, mark_changes, mark_at",
    )
    .bind(made.number)
    .bind(made.at.0)
    .bind(made.changes)
    .bind(issuer)
    .bind(shard)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(()) };
    let (base_number, base_changes) = match row.try_get::<Option<i64>, _>("mark_number")? {
        Some(_) if row.try_get::<i64, _>("mark_at")? + span_ms > made.at.0 => return Ok(()),
        Some(number) => (number, row.try_get("mark_changes")?),
        None => (made.number, made.changes),
    };
    sqlx::query(
        "UPDATE ca_scope SET base_number = $1, base_changes = $2, mark_number = $3, mark_changes = $4, mark_at = $5 \
         WHERE issuer = $6 AND shard = $7",
    )
    .bind(base_number)
    .bind(base_changes)
    .bind(made.number)
    .bind(made.changes)
    .bind(made.at.0)
    .bind(issuer)
    .bind(shard)
    .execute(tx)
    .await?;
    Ok(())
}

/// Makes a stored delta list the newest of its scope, unless a newer one is there.
pub(crate) async fn delta_made(
    tx: &mut Tx,
    issuer: &str,
    shard: i64,
    number: i64,
    at: Millis,
) -> Result<(), db::Error> {
    take_turn(tx).await?;
    sqlx::query(
        "UPDATE ca_scope SET delta_number = $1, delta_at = $2 \
         WHERE issuer = $3 AND shard = $4 AND (delta_number IS NULL OR delta_number < $1)",
    )
    .bind(number)
    .bind(at.0)
    .bind(issuer)
    .bind(shard)
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::testing::TestDb;
    use platform::db::{Db, Engine};

    use super::*;
    use crate::serial::{Instance, Serial};
    use crate::store::certificates::{Adoption, Revocation, adopt, mark_resumed, mark_revoked};
    use crate::store::issuers::{self, StoredIssuer};

    const NOW: Millis = Millis(1_800_000_000_000);
    const ISSUERS: [&str; 4] = ["card", "remote-signing", "sign-in", "systems"];

    /// One certificate of each issuer.
    async fn certificates(db: &Db) -> Vec<Serial> {
        let serials: Vec<_> =
            ISSUERS.map(|_| Serial::new(Instance::FIRST, crate::serial::random_octets().unwrap())).to_vec();
        let made = serials.clone();
        let written = db.write(move |tx: &mut Tx| {
            Box::pin(async move {
                for (issuer, serial) in ISSUERS.into_iter().zip(made) {
                    let (id, key_label) = (issuer.to_owned(), format!("ca-{issuer}"));
                    let row =
                        StoredIssuer { id, key_label, serial: serial.to_string(), certificate: vec![1] };
                    issuers::insert(tx, &row, NOW).await?;
                    let adoption = Adoption {
                        serial,
                        issuer: issuer.to_owned(),
                        subject: String::new(),
                        common_name: String::new(),
                        not_before: NOW,
                        not_after: Millis(NOW.0 + 1_000_000),
                        at: NOW,
                        certificate: Some(vec![1]),
                        spki_sha256: None,
                        shard: 0,
                        system_id: None,
                        user_id: None,
                    };
                    assert!(adopt(tx, &adoption, None).await?);
                }
                Ok::<_, db::Error>(())
            })
        });
        written.await.unwrap();
        serials
    }

    /// Holds and resumes these one after the other in one transaction.
    async fn hold_and_resume(db: &Db, serials: Vec<Serial>) {
        let held = Revocation {
            revoked_at: NOW,
            reason: crate::api::Reason::CertificateHold,
            invalidity_date: None,
        };
        let written = db.write(move |tx: &mut Tx| {
            Box::pin(async move {
                for serial in &serials {
                    hold(tx, &serial.to_string()).await?;
                    let _ = mark_revoked(tx, serial, &held).await?;
                    let _ = mark_resumed(tx, serial).await?;
                }
                Ok::<_, db::Error>(())
            })
        });
        // A deadlock is not tried again: there is none.
        written.await.unwrap();
    }

    /// Two processes that change statuses below several issuers, each in an order of its own, never wait for each other in a
    /// circle, and every change is counted.
    fn nobody_waits_in_a_circle(engine: Engine) {
        const ROUNDS: i64 = 60;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let database = TestDb::new(engine).await;
            let other = Db::connect(&database.config, platform::clock::Clock::system()).await.unwrap();
            let serials = certificates(&database.db).await;
            let turned: Vec<_> = serials.iter().rev().copied().collect();
            let process = async |db: &Db, serials: &[Serial]| {
                for _ in 0..ROUNDS {
                    hold_and_resume(db, serials.to_vec()).await;
                }
            };
            tokio::join!(process(&database.db, &serials), process(&other, &turned));
            for scope in all(database.db.read()).await.unwrap() {
                assert_eq!(scope.changes, 2 * 2 * ROUNDS, "{}", scope.issuer);
            }
            other.close().await;
            database.db.close().await;
        });
    }

    /// On SQLite.
    #[test]
    fn nobody_waits_in_a_circle_on_sqlite() {
        nobody_waits_in_a_circle(Engine::Sqlite);
    }

    /// On `PostgreSQL`.
    #[test]
    fn nobody_waits_in_a_circle_on_postgres() {
        nobody_waits_in_a_circle(Engine::Postgres);
    }
}
