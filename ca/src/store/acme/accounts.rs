//! `ca_acme_account`: who has registered.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

use super::{joined, states, words};
use crate::acme::jwk::Jwk;

states! {
    /// Where an account stands, RFC 8555 7.1.6.
    AccountState {
        Valid = "valid",
        Deactivated = "deactivated",
    }
}

/// An account with the standing of the external account behind it.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) external: String,
    pub(crate) key: Jwk,
    pub(crate) state: AccountState,
    pub(crate) contacts: Vec<String>,
    pub(crate) created_at: Millis,
    pub(crate) external_ended: bool,
}

const COLUMNS: &str = "SELECT a.id, a.external_account, a.jwk, a.state, a.contacts, a.created_at, e.ended_at \
     FROM ca_acme_account a JOIN ca_acme_external_account e ON e.id = a.external_account";

pub(crate) async fn by_id(read: &AnyPool, id: &str) -> Result<Option<Account>, db::Error> {
    // Put together from constants only.
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE a.id = $1"));
    let row = sqlx::query(sql).bind(id).fetch_optional(read).await?;
    row.as_ref().map(account).transpose()
}

pub(crate) async fn by_thumbprint(read: &AnyPool, thumbprint: &str) -> Result<Option<Account>, db::Error> {
    // Put together from constants only.
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE a.thumbprint = $1"));
    let row = sqlx::query(sql).bind(thumbprint).fetch_optional(read).await?;
    row.as_ref().map(account).transpose()
}

/// Registers; false if another has this key already.
pub(crate) async fn insert(tx: &mut Tx, account: &Account) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_acme_account (id, external_account, thumbprint, jwk, state, contacts, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (thumbprint) DO NOTHING",
    )
    .bind(account.id.as_str())
    .bind(account.external.as_str())
    .bind(account.key.thumbprint())
    .bind(account.key.canonical())
    .bind(account.state.as_str())
    .bind(joined(&account.contacts))
    .bind(account.created_at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many accounts were ever bound to an external account. Hold its row first.
pub(crate) async fn count_of(tx: &mut Tx, external: &str) -> Result<i64, db::Error> {
    let row = sqlx::query("SELECT COUNT(1) AS n FROM ca_acme_account WHERE external_account = $1")
        .bind(external)
        .fetch_one(tx)
        .await?;
    Ok(row.try_get("n")?)
}

/// Holds the row until the job ends; false if the account is not valid any more.
pub(crate) async fn hold(tx: &mut Tx, id: &str) -> Result<bool, db::Error> {
    let done = sqlx::query("UPDATE ca_acme_account SET state = state WHERE id = $1 AND state = 'valid'")
        .bind(id)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn set_contacts(tx: &mut Tx, id: &str, contacts: &[String]) -> Result<bool, db::Error> {
    let done = sqlx::query("UPDATE ca_acme_account SET contacts = $1 WHERE id = $2 AND state = 'valid'")
        .bind(joined(contacts))
        .bind(id)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Deactivates, and takes back what was open: RFC 8555 7.3.6.
pub(crate) async fn deactivate(tx: &mut Tx, id: &str) -> Result<bool, db::Error> {
    let done =
        sqlx::query("UPDATE ca_acme_account SET state = 'deactivated' WHERE id = $1 AND state = 'valid'")
            .bind(id)
            .execute(&mut *tx)
            .await?;
    sqlx::query(
        "UPDATE ca_acme_order SET state = 'invalid' WHERE account = $1 AND state IN ('pending', 'ready')",
    )
    .bind(id)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE ca_acme_authorization SET state = 'deactivated' \
         WHERE account = $1 AND state IN ('pending', 'valid')",
    )
    .bind(id)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts a new key in the place of the old one; false if the account has changed meanwhile or the key is another's.
pub(crate) async fn change_key(tx: &mut Tx, id: &str, old: &Jwk, new: &Jwk) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_acme_account SET thumbprint = $1, jwk = $2 \
         WHERE id = $3 AND thumbprint = $4 AND state = 'valid' \
         AND NOT EXISTS (SELECT 1 FROM ca_acme_account WHERE thumbprint = $1)",
    )
    .bind(new.thumbprint())
    .bind(new.canonical())
    .bind(id)
    .bind(old.thumbprint())
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn account(row: &AnyRow) -> Result<Account, db::Error> {
    let jwk: &str = row.try_get("jwk")?;
    Ok(Account {
        id: row.try_get("id")?,
        external: row.try_get("external_account")?,
        key: Jwk::from_canonical(jwk).ok_or_else(|| db::Error::corrupt("ca_acme_account.jwk", jwk))?,
        state: AccountState::parse(row.try_get("state")?)?,
        contacts: words(row, "contacts")?,
        created_at: Millis(row.try_get("created_at")?),
        external_ended: row.try_get::<Option<i64>, _>("ended_at")?.is_some(),
    })
}
