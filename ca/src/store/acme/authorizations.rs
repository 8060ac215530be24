//! `ca_acme_authorization` and `ca_acme_challenge`: what must be shown, and what was.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

use super::states;
use crate::acme::identifier::Identifier;
use crate::acme::problem::Problem;

states! {
    /// Where an authorization stands, RFC 8555 7.1.6.
    AuthorizationState {
        Pending = "pending",
        Valid = "valid",
        Invalid = "invalid",
        Deactivated = "deactivated",
    }
}

states! {
    /// Where a challenge stands, RFC 8555 7.1.6.
    ChallengeState {
        Pending = "pending",
        Processing = "processing",
        Valid = "valid",
        Invalid = "invalid",
    }
}

states! {
    /// How a name is shown to be the client's.
    ChallengeKind {
        /// RFC 8555 8.3.
        Http = "http-01",
        /// RFC 8737.
        TlsAlpn = "tls-alpn-01",
        /// draft-acme-device-attest.
        DeviceAttest = "device-attest-01",
    }
}

impl ChallengeKind {
    /// The kind with this name.
    pub(crate) fn named(text: &str) -> Option<ChallengeKind> {
        ChallengeKind::parse(text).ok()
    }
}

/// An authorization for one name of one order.
#[derive(Clone, Debug)]
pub(crate) struct Authorization {
    pub(crate) id: String,
    pub(crate) order: String,
    pub(crate) account: String,
    pub(crate) identifier: Identifier,
    pub(crate) token: String,
    pub(crate) state: AuthorizationState,
    pub(crate) expires_at: Millis,
    /// SHA-256 of the key that a device has attested; it alone is certified.
    pub(crate) key_sha256: Option<String>,
}

/// A way to show it.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) kind: ChallengeKind,
    pub(crate) state: ChallengeState,
    pub(crate) validated_at: Option<Millis>,
    pub(crate) problem: Option<Problem>,
}

pub(crate) async fn insert(
    tx: &mut Tx,
    authorization: &Authorization,
    kinds: &[ChallengeKind],
) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_acme_authorization (id, order_id, account, identifier, token, state, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(authorization.id.as_str())
    .bind(authorization.order.as_str())
    .bind(authorization.account.as_str())
    .bind(authorization.identifier.to_string())
    .bind(authorization.token.as_str())
    .bind(authorization.state.as_str())
    .bind(authorization.expires_at.0)
    .execute(&mut *tx)
    .await?;
    for kind in kinds {
        sqlx::query(
            "INSERT INTO ca_acme_challenge (authorization_id, kind, state, attempts, next_attempt_at, claimed_until) \
             VALUES ($1, $2, 'pending', 0, 0, 0)",
        )
        .bind(authorization.id.as_str())
        .bind(kind.as_str())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

pub(crate) async fn by_id(read: &AnyPool, id: &str) -> Result<Option<Authorization>, db::Error> {
    let row = sqlx::query(
        "SELECT id, order_id, account, identifier, token, state, expires_at, key_sha256 \
         FROM ca_acme_authorization WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(read)
    .await?;
    row.as_ref().map(authorization).transpose()
}

/// The authorizations of an order.
pub(crate) async fn of_order(read: &AnyPool, order: &str) -> Result<Vec<Authorization>, db::Error> {
    let rows = sqlx::query(
        "SELECT id, order_id, account, identifier, token, state, expires_at, key_sha256 \
         FROM ca_acme_authorization WHERE order_id = $1 ORDER BY id",
    )
    .bind(order)
    .fetch_all(read)
    .await?;
    rows.iter().map(authorization).collect()
}

/// Whether an account holds a valid authorization for this name.
pub(crate) async fn holds(
    read: &AnyPool,
    account: &str,
    identifier: &Identifier,
    now: Millis,
) -> Result<bool, db::Error> {
    let row = sqlx::query(
        "SELECT COUNT(1) AS n FROM ca_acme_authorization \
         WHERE account = $1 AND identifier = $2 AND state = 'valid' AND expires_at >= $3",
    )
    .bind(account)
    .bind(identifier.to_string())
    .bind(now.0)
    .fetch_one(read)
    .await?;
    Ok(row.try_get::<i64, _>("n")? > 0)
}

pub(crate) async fn challenges(read: &AnyPool, authorization: &str) -> Result<Vec<Challenge>, db::Error> {
    let rows = sqlx::query(
        "SELECT kind, state, validated_at, problem FROM ca_acme_challenge \
         WHERE authorization_id = $1 ORDER BY kind",
    )
    .bind(authorization)
    .fetch_all(read)
    .await?;
    rows.iter().map(challenge).collect()
}

/// Gives up an authorization, RFC 8555 7.5.2; its order cannot become ready any more.
pub(crate) async fn deactivate(tx: &mut Tx, authorization: &Authorization) -> Result<bool, db::Error> {
    super::queue::hold_order(tx, &authorization.order).await?;
    let done = sqlx::query(
        "UPDATE ca_acme_authorization SET state = 'deactivated' WHERE id = $1 AND state IN ('pending', 'valid')",
    )
    .bind(authorization.id.as_str())
    .execute(&mut *tx)
    .await?;
    sqlx::query("UPDATE ca_acme_order SET state = 'invalid' WHERE id = $1 AND state IN ('pending', 'ready')")
        .bind(authorization.order.as_str())
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn authorization(row: &AnyRow) -> Result<Authorization, db::Error> {
    let identifier: &str = row.try_get("identifier")?;
    Ok(Authorization {
        id: row.try_get("id")?,
        order: row.try_get("order_id")?,
        account: row.try_get("account")?,
        identifier: identifier
            .parse()
            .map_err(|_| db::Error::corrupt("ca_acme_authorization.identifier", identifier))?,
        token: row.try_get("token")?,
        state: AuthorizationState::parse(row.try_get("state")?)?,
        expires_at: Millis(row.try_get("expires_at")?),
        key_sha256: row.try_get("key_sha256")?,
    })
}

fn challenge(row: &AnyRow) -> Result<Challenge, db::Error> {
    Ok(Challenge {
        kind: ChallengeKind::parse(row.try_get("kind")?)?,
        state: ChallengeState::parse(row.try_get("state")?)?,
        validated_at: row.try_get::<Option<i64>, _>("validated_at")?.map(Millis),
        problem: row.try_get::<Option<String>, _>("problem")?.and_then(|text| Problem::from_kept(&text)),
    })
}
