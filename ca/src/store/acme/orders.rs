//! `ca_acme_order`: what was asked for, and what came of it.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use super::{joined, states, words};
use crate::acme::identifier::Identifier;
use crate::acme::problem::Problem;
use crate::api::Validity;

states! {
    /// Where an order stands, RFC 8555 7.1.6.
    OrderState {
        Pending = "pending",
        Ready = "ready",
        Processing = "processing",
        Valid = "valid",
        Invalid = "invalid",
    }
}

/// An order.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) profile: String,
    pub(crate) state: OrderState,
    pub(crate) identifiers: Vec<Identifier>,
    /// The validity that was asked for, and once it is being finalized the one that it gets.
    pub(crate) not_before: Option<Millis>,
    pub(crate) not_after: Option<Millis>,
    pub(crate) created_at: Millis,
    pub(crate) expires_at: Millis,
    /// The certificate that this order's takes the place of, RFC 9773 5.
    pub(crate) replaces: Option<String>,
    pub(crate) csr: Option<Vec<u8>>,
    pub(crate) serial: Option<String>,
    pub(crate) problem: Option<Problem>,
}

impl Order {
    /// The state at a time: an order that was not finalized in time is invalid, whether or not it was swept.
    pub(crate) fn state_at(&self, now: Millis) -> OrderState {
        match self.state {
            OrderState::Pending | OrderState::Ready if self.expires_at < now => OrderState::Invalid,
            state => state,
        }
    }
}

const COLUMNS: &str = "SELECT id, account, profile, state, identifiers, not_before, not_after, created_at, \
     expires_at, replaces, csr, serial, problem FROM ca_acme_order";

/// Keeps a new order; false if another takes the place of the same certificate.
pub(crate) async fn insert(tx: &mut Tx, order: &Order) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_acme_order (id, account, profile, state, identifiers, not_before, not_after, created_at, \
         expires_at, replaces, attempts, next_attempt_at, claimed_until) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0) ON CONFLICT DO NOTHING",
    )
    .bind(order.id.as_str())
    .bind(order.account.as_str())
    .bind(order.profile.as_str())
    .bind(order.state.as_str())
    .bind(joined(&order.identifiers))
    .bind(order.not_before.map(|at| at.0))
    .bind(order.not_after.map(|at| at.0))
    .bind(order.created_at.0)
    .bind(order.expires_at.0)
    .bind(order.replaces.as_deref())
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Orders of an account that are open, and those made since.
pub(crate) async fn counts(
    tx: &mut Tx,
    account: &str,
    now: Millis,
    since: Millis,
) -> Result<(i64, i64), db::Error> {
    let open = sqlx::query(
        "SELECT COUNT(1) AS n FROM ca_acme_order \
         WHERE account = $1 AND (state = 'processing' OR (state IN ('pending', 'ready') AND expires_at >= $2))",
    )
    .bind(account)
    .bind(now.0)
    .fetch_one(&mut *tx)
    .await?;
    let lately =
        sqlx::query("SELECT COUNT(1) AS n FROM ca_acme_order WHERE account = $1 AND created_at > $2")
            .bind(account)
            .bind(since.0)
            .fetch_one(tx)
            .await?;
    Ok((open.try_get("n")?, lately.try_get("n")?))
}

pub(crate) async fn by_id(read: &AnyPool, id: &str) -> Result<Option<Order>, db::Error> {
    // Put together from constants only.
    let sql = AssertSqlSafe(format!("{COLUMNS} WHERE id = $1"));
    let row = sqlx::query(sql).bind(id).fetch_optional(read).await?;
    row.as_ref().map(order).transpose()
}

/// The order by which a certificate came.
pub(crate) async fn by_serial(read: &AnyPool, serial: &str) -> Result<Option<Order>, db::Error> {
    // Put together from constants only.
    let sql = AssertSqlSafe(format!("{COLUMNS} WHERE serial = $1"));
    let row = sqlx::query(sql).bind(serial).fetch_optional(read).await?;
    row.as_ref().map(order).transpose()
}

/// The ids of an account's orders that are not invalid (RFC 8555 7.1.2.1), newest first, before this one.
pub(crate) async fn page(
    read: &AnyPool,
    account: &str,
    before: &str,
    limit: i64,
) -> Result<Vec<String>, db::Error> {
    let rows = sqlx::query(
        "SELECT id FROM ca_acme_order WHERE account = $1 AND state <> 'invalid' AND id < $2 \
         ORDER BY id DESC LIMIT $3",
    )
    .bind(account)
    .bind(before)
    .bind(limit)
    .fetch_all(read)
    .await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

/// Whether the certificate is being replaced by an order that has not failed.
pub(crate) async fn is_replaced(read: &AnyPool, certificate: &str) -> Result<bool, db::Error> {
    let row =
        sqlx::query("SELECT COUNT(1) AS n FROM ca_acme_order WHERE replaces = $1 AND state <> 'invalid'")
            .bind(certificate)
            .fetch_one(read)
            .await?;
    Ok(row.try_get::<i64, _>("n")? > 0)
}

/// Begins to finalize: from here on the order is in the queue. False if it was not ready.
pub(crate) async fn begin(
    tx: &mut Tx,
    id: &str,
    csr: &[u8],
    validity: Option<Validity>,
    now: Millis,
) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_acme_order SET state = 'processing', csr = $1, next_attempt_at = $2, claimed_until = 0, \
         attempts = 0, not_before = $4, not_after = $5 \
         WHERE id = $3 AND state = 'ready' AND expires_at >= $2",
    )
    .bind(csr)
    .bind(now.0)
    .bind(id)
    .bind(validity.map(|validity| validity.not_before.0))
    .bind(validity.map(|validity| validity.not_after.0))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The certificate is there.
pub(crate) async fn mark_valid(tx: &mut Tx, id: &str, serial: &str) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_acme_order SET state = 'valid', serial = $1, csr = NULL, problem = NULL \
         WHERE id = $2 AND state = 'processing'",
    )
    .bind(serial)
    .bind(id)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The order has failed.
pub(crate) async fn mark_invalid(tx: &mut Tx, id: &str, problem: &Problem) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_acme_order SET state = 'invalid', problem = $1, csr = NULL \
         WHERE id = $2 AND state IN ('pending', 'ready', 'processing')",
    )
    .bind(problem.kept())
    .bind(id)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many rows of a kind one sweep deletes at most; it holds the writer, and the next comes soon.
const MOST_SWEPT: i64 = 5000;

/// Ends what was not finalized in time, and deletes what ended long ago: authorizations with their challenges, and
/// orders that failed. An order that has a certificate stays beside it.
pub(crate) async fn sweep(tx: &mut Tx, now: Millis, long_ago: Millis) -> Result<(), db::Error> {
    sqlx::query(
        "UPDATE ca_acme_order SET state = 'invalid' WHERE state IN ('pending', 'ready') AND expires_at < $1",
    )
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    let old = "SELECT id FROM ca_acme_authorization WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2";
    let failed = "SELECT id FROM ca_acme_order WHERE state = 'invalid' AND expires_at < $1 \
         ORDER BY expires_at LIMIT $2";
    for delete in [
        format!("DELETE FROM ca_acme_challenge WHERE authorization_id IN ({old})"),
        format!("DELETE FROM ca_acme_authorization WHERE id IN ({old})"),
        format!("DELETE FROM ca_acme_order WHERE id IN ({failed})"),
    ] {
        // Put together from constants only.
        let query = sqlx::query(AssertSqlSafe(delete)).bind(long_ago.0).bind(MOST_SWEPT);
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

pub(super) fn order(row: &AnyRow) -> Result<Order, db::Error> {
    let moment = |column| row.try_get::<Option<i64>, _>(column).map(|at| at.map(Millis));
    Ok(Order {
        id: row.try_get("id")?,
        account: row.try_get("account")?,
        profile: row.try_get("profile")?,
        state: OrderState::parse(row.try_get("state")?)?,
        identifiers: words(row, "identifiers")?,
        not_before: moment("not_before")?,
        not_after: moment("not_after")?,
        created_at: Millis(row.try_get("created_at")?),
        expires_at: Millis(row.try_get("expires_at")?),
        replaces: row.try_get("replaces")?,
        csr: row.try_get("csr")?,
        serial: row.try_get("serial")?,
        problem: row.try_get::<Option<String>, _>("problem")?.and_then(|text| Problem::from_kept(&text)),
    })
}
