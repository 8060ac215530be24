//! `ca_cmp_transaction`: what clients of CMP began, and whether they have confirmed what they got.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

use super::certificates::Moved;
use crate::serial::Serial;

/// A transaction by its client and the client's name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TransactionKey {
    pub(crate) client: String,
    /// Hexadecimal.
    pub(crate) transaction_id: String,
}

/// What a transaction begins with.
#[derive(Clone, Debug)]
pub(crate) struct Beginning {
    pub(crate) key: TransactionKey,
    /// Hexadecimal.
    pub(crate) sender_nonce: String,
    pub(crate) road: String,
    /// Under which name the certificate is asked for.
    pub(crate) request_id: String,
    pub(crate) at: Millis,
    /// When it counts as given up.
    pub(crate) due: Millis,
}

/// Whether a transaction could begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    Fresh,
    /// This client has begun one of this name before.
    IdInUse,
    /// This client has used this nonce before.
    NonceInUse,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Begun,
    Waiting,
    Confirmed,
    Lapsing,
    Lapsed,
    Closed,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Begun => "begun",
            State::Waiting => "waiting",
            State::Confirmed => "confirmed",
            State::Lapsing => "lapsing",
            State::Lapsed => "lapsed",
            State::Closed => "closed",
        }
    }

    fn parse(text: &str) -> Result<State, db::Error> {
        [State::Begun, State::Waiting, State::Confirmed, State::Lapsing, State::Lapsed, State::Closed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| db::Error::corrupt("ca_cmp_transaction.state", text))
    }
}

/// A row as it is read.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) key: TransactionKey,
    pub(crate) request_id: String,
    pub(crate) state: State,
    pub(crate) our_nonce: Option<String>,
    pub(crate) serial: Option<Serial>,
}

/// Stores that a transaction has begun, if its name and nonce are new.
pub(crate) async fn begin(tx: &mut Tx, beginning: &Beginning) -> Result<Begun, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_cmp_transaction \
         (client, transaction_id, sender_nonce, road, request_id, state, started_at, due_at) \
         VALUES ($1, $2, $3, $4, $5, 'begun', $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(beginning.key.client.as_str())
    .bind(beginning.key.transaction_id.as_str())
    .bind(beginning.sender_nonce.as_str())
    .bind(beginning.road.as_str())
    .bind(beginning.request_id.as_str())
    .bind(beginning.at.0)
    .bind(beginning.due.0)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(Begun::Fresh);
    }
    let same_id = sqlx::query(BY_KEY)
        .bind(beginning.key.client.as_str())
        .bind(beginning.key.transaction_id.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    Ok(if same_id.is_some() { Begun::IdInUse } else { Begun::NonceInUse })
}

/// Takes the nonce of a message that goes on with a transaction; false if this client has used it before, for whatever.
///
/// It is kept as a row of its own, whose id no transaction can have.
pub(crate) async fn take_nonce(tx: &mut Tx, beginning: &Beginning) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_cmp_transaction \
         (client, transaction_id, sender_nonce, road, request_id, state, started_at) \
         VALUES ($1, $2, $3, $4, $5, 'closed', $6) ON CONFLICT DO NOTHING",
    )
    .bind(beginning.key.client.as_str())
    .bind(format!("{}/{}", beginning.key.transaction_id, beginning.sender_nonce))
    .bind(beginning.sender_nonce.as_str())
    .bind(beginning.road.as_str())
    .bind(beginning.request_id.as_str())
    .bind(beginning.at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Stores that a certificate is given: from here on it is confirmed, or due to lapse.
pub(crate) async fn deliver(
    tx: &mut Tx,
    key: &TransactionKey,
    serial: &Serial,
    our_nonce: &str,
    due: Option<Millis>,
) -> Result<Moved, db::Error> {
    let state = if due.is_some() { State::Waiting } else { State::Confirmed };
    let done = sqlx::query(
        "UPDATE ca_cmp_transaction SET state = $1, serial = $2, our_nonce = $3, due_at = $4 \
         WHERE client = $5 AND transaction_id = $6 AND state = 'begun'",
    )
    .bind(state.as_str())
    .bind(serial.to_string())
    .bind(our_nonce)
    .bind(due.map(|due| due.0))
    .bind(key.client.as_str())
    .bind(key.transaction_id.as_str())
    .execute(tx)
    .await?;
    Ok(Moved::from_rows(done.rows_affected()))
}

/// Moves a transaction from one state to another, if it is still there. It is due at `due` from here on, or never.
pub(crate) async fn advance(
    tx: &mut Tx,
    key: &TransactionKey,
    from: State,
    to: State,
    due: Option<Millis>,
) -> Result<Moved, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_cmp_transaction SET state = $1, due_at = $2 \
         WHERE client = $3 AND transaction_id = $4 AND state = $5",
    )
    .bind(to.as_str())
    .bind(due.map(|due| due.0))
    .bind(key.client.as_str())
    .bind(key.transaction_id.as_str())
    .bind(from.as_str())
    .execute(tx)
    .await?;
    Ok(Moved::from_rows(done.rows_affected()))
}

const BY_KEY: &str = "SELECT client, transaction_id, request_id, state, our_nonce, serial \
     FROM ca_cmp_transaction WHERE client = $1 AND transaction_id = $2";

pub(crate) async fn by_key(read: &AnyPool, key: &TransactionKey) -> Result<Option<Transaction>, db::Error> {
    let row = sqlx::query(BY_KEY)
        .bind(key.client.as_str())
        .bind(key.transaction_id.as_str())
        .fetch_optional(read)
        .await?;
    row.as_ref().map(transaction).transpose()
}

/// Transactions whose time is over, the longest first.
pub(crate) async fn due(read: &AnyPool, now: Millis, most: i64) -> Result<Vec<Transaction>, db::Error> {
    let rows = sqlx::query(
        "SELECT client, transaction_id, request_id, state, our_nonce, serial FROM ca_cmp_transaction \
         WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT $2",
    )
    .bind(now.0)
    .bind(most)
    .fetch_all(read)
    .await?;
    rows.iter().map(transaction).collect()
}

fn transaction(row: &AnyRow) -> Result<Transaction, db::Error> {
    let serial: Option<String> = row.try_get("serial")?;
    let serial = serial.map(|text| {
        Serial::parse(&text).ok_or_else(|| db::Error::corrupt("ca_cmp_transaction.serial", text))
    });
    Ok(Transaction {
        key: TransactionKey {
            client: row.try_get("client")?,
            transaction_id: row.try_get("transaction_id")?,
        },
        request_id: row.try_get("request_id")?,
        state: State::parse(row.try_get("state")?)?,
        our_nonce: row.try_get("our_nonce")?,
        serial: serial.transpose()?,
    })
}
