//! `ca_acme_external_account`: whom operators let register.

use platform::clock::Millis;
use platform::db::{self, Tx};
use platform::network::Network;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

use super::{joined, words};
use crate::acme::scope::Scope;

/// An external account without its key.
#[derive(Clone, Debug)]
pub(crate) struct ExternalAccount {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) scope: Scope,
    pub(crate) most_accounts: u32,
    pub(crate) created_at: Millis,
    pub(crate) ended_at: Option<Millis>,
}

pub(crate) async fn insert(tx: &mut Tx, account: &ExternalAccount, mac_key: &[u8]) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_acme_external_account \
         (id, name, mac_key, profiles, dns_suffixes, networks, devices, most_accounts, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(account.id.as_str())
    .bind(account.name.as_str())
    .bind(mac_key)
    .bind(joined(&account.scope.profiles))
    .bind(joined(&account.scope.dns_suffixes))
    .bind(joined(&account.scope.networks))
    .bind(joined(&account.scope.devices))
    .bind(i64::from(account.most_accounts))
    .bind(account.created_at.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// The newest thousand, newest first.
pub(crate) async fn all(read: &AnyPool) -> Result<Vec<ExternalAccount>, db::Error> {
    let rows = sqlx::query(
        "SELECT id, name, profiles, dns_suffixes, networks, devices, most_accounts, created_at, ended_at \
         FROM ca_acme_external_account ORDER BY id DESC LIMIT 1000",
    )
    .fetch_all(read)
    .await?;
    rows.iter().map(external).collect()
}

/// Those that have not ended, newest first, so many at most.
pub(crate) async fn in_force(read: &AnyPool, most: i64) -> Result<Vec<ExternalAccount>, db::Error> {
    let rows = sqlx::query(
        "SELECT id, name, profiles, dns_suffixes, networks, devices, most_accounts, created_at, ended_at \
         FROM ca_acme_external_account WHERE ended_at IS NULL ORDER BY id DESC LIMIT $1",
    )
    .bind(most)
    .fetch_all(read)
    .await?;
    rows.iter().map(external).collect()
}

pub(crate) async fn by_id(read: &AnyPool, id: &str) -> Result<Option<ExternalAccount>, db::Error> {
    let row = sqlx::query(
        "SELECT id, name, profiles, dns_suffixes, networks, devices, most_accounts, created_at, ended_at \
         FROM ca_acme_external_account WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(read)
    .await?;
    row.as_ref().map(external).transpose()
}

/// The MAC key, sealed.
pub(crate) async fn mac_key(read: &AnyPool, id: &str) -> Result<Option<Vec<u8>>, db::Error> {
    let row = sqlx::query("SELECT mac_key FROM ca_acme_external_account WHERE id = $1")
        .bind(id)
        .fetch_optional(read)
        .await?;
    row.map(|row| Ok(row.try_get("mac_key")?)).transpose()
}

/// Holds the row until the job ends, so that registrations are counted one after the other; false if it has ended.
pub(crate) async fn hold(tx: &mut Tx, id: &str) -> Result<bool, db::Error> {
    let done =
        sqlx::query("UPDATE ca_acme_external_account SET name = name WHERE id = $1 AND ended_at IS NULL")
            .bind(id)
            .execute(tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends it; false if there is none or it has ended.
pub(crate) async fn end(tx: &mut Tx, id: &str, at: Millis) -> Result<bool, db::Error> {
    let done =
        sqlx::query("UPDATE ca_acme_external_account SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL")
            .bind(at.0)
            .bind(id)
            .execute(tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

fn external(row: &AnyRow) -> Result<ExternalAccount, db::Error> {
    let most: i64 = row.try_get("most_accounts")?;
    Ok(ExternalAccount {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        scope: Scope {
            profiles: words(row, "profiles")?,
            dns_suffixes: words(row, "dns_suffixes")?,
            networks: words::<Network>(row, "networks")?,
            devices: words(row, "devices")?,
        },
        most_accounts: u32::try_from(most)
            .map_err(|_| db::Error::corrupt("most_accounts", most.to_string()))?,
        created_at: Millis(row.try_get("created_at")?),
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Millis),
    })
}
