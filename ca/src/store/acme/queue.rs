//! The two queues: challenges to validate and orders to issue for.
//!
//! A row is claimed by raising its count of attempts, under the condition that nobody else has; that count is the
//! claim. Whoever was paused past `claimed_until` finds another count and changes nothing.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::Row as _;

use super::authorizations::ChallengeKind;
use crate::acme::problem::Problem;

/// A challenge that this process validates now.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) authorization: String,
    pub(crate) kind: ChallengeKind,
    /// Which attempt this is, from one.
    pub(crate) attempt: i64,
}

/// Puts a challenge into the queue; false if it was answered before.
pub(crate) async fn enqueue(
    tx: &mut Tx,
    authorization: &str,
    kind: ChallengeKind,
    now: Millis,
) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_acme_challenge SET state = 'processing', next_attempt_at = $1 \
         WHERE authorization_id = $2 AND kind = $3 AND state = 'pending' \
         AND EXISTS (SELECT 1 FROM ca_acme_authorization WHERE id = $2 AND state = 'pending' AND expires_at >= $1)",
    )
    .bind(now.0)
    .bind(authorization)
    .bind(kind.as_str())
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether a challenge is due, so that an empty queue costs no write.
pub(crate) async fn is_challenge_due(read: &sqlx::AnyPool, now: Millis) -> Result<bool, db::Error> {
    let row = sqlx::query(
        "SELECT 1 FROM ca_acme_challenge WHERE state = 'processing' AND next_attempt_at <= $1 \
         AND claimed_until <= $1 LIMIT 1",
    )
    .bind(now.0)
    .fetch_optional(read)
    .await?;
    Ok(row.is_some())
}

/// Claims challenges that are due, of each account in its turn: whoever has many under way or waiting comes after those
/// who have few, so that one account does not keep all places from the others.
pub(crate) async fn claim_challenges(
    tx: &mut Tx,
    now: Millis,
    until: Millis,
    limit: i64,
) -> Result<Vec<Claimed>, db::Error> {
    let rows = sqlx::query(
        "SELECT authorization_id, kind, attempts FROM ( \
           SELECT c.authorization_id, c.kind, c.attempts, c.next_attempt_at, c.claimed_until, \
             ROW_NUMBER() OVER (PARTITION BY a.account ORDER BY \
               CASE WHEN c.claimed_until > $1 THEN 0 ELSE 1 END, c.next_attempt_at, c.authorization_id, c.kind) AS turn \
           FROM ca_acme_challenge c JOIN ca_acme_authorization a ON a.id = c.authorization_id \
           WHERE c.state = 'processing' AND c.next_attempt_at <= $1 \
         ) AS waiting WHERE claimed_until <= $1 ORDER BY turn, next_attempt_at LIMIT $2",
    )
    .bind(now.0)
    .bind(limit)
    .fetch_all(&mut *tx)
    .await?;
    let mut claimed = Vec::new();
    for row in rows {
        let (authorization, attempts): (String, i64) =
            (row.try_get("authorization_id")?, row.try_get("attempts")?);
        let kind = ChallengeKind::parse(row.try_get("kind")?)?;
        let done = sqlx::query(
            "UPDATE ca_acme_challenge SET attempts = attempts + 1, claimed_until = $1 \
             WHERE authorization_id = $2 AND kind = $3 AND state = 'processing' AND attempts = $4",
        )
        .bind(until.0)
        .bind(authorization.as_str())
        .bind(kind.as_str())
        .bind(attempts)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 1 {
            claimed.push(Claimed { authorization, kind, attempt: attempts + 1 });
        }
    }
    Ok(claimed)
}

/// Leaves a challenge for a later attempt, with what went wrong in this one.
pub(crate) async fn retry_challenge(
    tx: &mut Tx,
    claimed: &Claimed,
    problem: &Problem,
    at: Millis,
) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_acme_challenge SET next_attempt_at = $1, claimed_until = 0, problem = $2 \
         WHERE authorization_id = $3 AND kind = $4 AND state = 'processing' AND attempts = $5",
    )
    .bind(at.0)
    .bind(problem.kept())
    .bind(claimed.authorization.as_str())
    .bind(claimed.kind.as_str())
    .bind(claimed.attempt)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The challenge is met: with it the authorization is valid, and the order ready when it was the last.
pub(crate) async fn pass_challenge(
    tx: &mut Tx,
    claimed: &Claimed,
    order: &str,
    key_sha256: Option<&str>,
    now: Millis,
) -> Result<bool, db::Error> {
    hold_order(tx, order).await?;
    let done = sqlx::query(
        "UPDATE ca_acme_challenge SET state = 'valid', validated_at = $1, problem = NULL \
         WHERE authorization_id = $2 AND kind = $3 AND state = 'processing' AND attempts = $4",
    )
    .bind(now.0)
    .bind(claimed.authorization.as_str())
    .bind(claimed.kind.as_str())
    .bind(claimed.attempt)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE ca_acme_authorization SET state = 'valid', key_sha256 = $1 WHERE id = $2 AND state = 'pending'",
    )
    .bind(key_sha256)
    .bind(claimed.authorization.as_str())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE ca_acme_order SET state = 'ready' WHERE id = $1 AND state = 'pending' AND NOT EXISTS \
         (SELECT 1 FROM ca_acme_authorization WHERE order_id = $1 AND state <> 'valid')",
    )
    .bind(order)
    .execute(tx)
    .await?;
    Ok(true)
}

/// The challenge has failed for good, and with it authorization and order (RFC 8555 7.1.6).
pub(crate) async fn fail_challenge(
    tx: &mut Tx,
    claimed: &Claimed,
    order: &str,
    problem: &Problem,
    in_order: &Problem,
) -> Result<bool, db::Error> {
    hold_order(tx, order).await?;
    let done = sqlx::query(
        "UPDATE ca_acme_challenge SET state = 'invalid', problem = $1 \
         WHERE authorization_id = $2 AND kind = $3 AND state = 'processing' AND attempts = $4",
    )
    .bind(problem.kept())
    .bind(claimed.authorization.as_str())
    .bind(claimed.kind.as_str())
    .bind(claimed.attempt)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let ended =
        sqlx::query("UPDATE ca_acme_authorization SET state = 'invalid' WHERE id = $1 AND state = 'pending'")
            .bind(claimed.authorization.as_str())
            .execute(&mut *tx)
            .await?;
    if ended.rows_affected() == 1 {
        super::orders::mark_invalid(tx, order, in_order).await?;
    }
    Ok(true)
}

/// Holds the order's row until the job ends: of two authorizations that become valid at once, on two nodes, the second
/// must see the first.
pub(super) async fn hold_order(tx: &mut Tx, order: &str) -> Result<(), db::Error> {
    sqlx::query("UPDATE ca_acme_order SET state = state WHERE id = $1").bind(order).execute(tx).await?;
    Ok(())
}

/// Claims one order for issuing, if nobody else works on it; its attempt, or none.
pub(crate) async fn claim_order(
    tx: &mut Tx,
    id: &str,
    now: Millis,
    until: Millis,
) -> Result<Option<i64>, db::Error> {
    let row = sqlx::query(
        "UPDATE ca_acme_order SET attempts = attempts + 1, claimed_until = $1 \
         WHERE id = $2 AND state = 'processing' AND next_attempt_at <= $3 AND claimed_until <= $3 \
         RETURNING attempts",
    )
    .bind(until.0)
    .bind(id)
    .bind(now.0)
    .fetch_optional(tx)
    .await?;
    row.map(|row| Ok(row.try_get("attempts")?)).transpose()
}

/// Orders that are due.
pub(crate) async fn due_orders(
    read: &sqlx::AnyPool,
    now: Millis,
    limit: i64,
) -> Result<Vec<String>, db::Error> {
    let rows = sqlx::query(
        "SELECT id FROM ca_acme_order WHERE state = 'processing' AND next_attempt_at <= $1 AND claimed_until <= $1 \
         ORDER BY next_attempt_at LIMIT $2",
    )
    .bind(now.0)
    .bind(limit)
    .fetch_all(read)
    .await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

/// Leaves an order for a later attempt.
pub(crate) async fn retry_order(tx: &mut Tx, id: &str, attempt: i64, at: Millis) -> Result<(), db::Error> {
    sqlx::query(
        "UPDATE ca_acme_order SET next_attempt_at = $1, claimed_until = 0 \
         WHERE id = $2 AND state = 'processing' AND attempts = $3",
    )
    .bind(at.0)
    .bind(id)
    .bind(attempt)
    .execute(tx)
    .await?;
    Ok(())
}
