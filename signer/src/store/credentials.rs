//! Rows of `signer_credential`.

use ca::api::SubjectData;
use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::{Reader, kept_as_they_are, read_id};
use crate::api::CredentialState;
use crate::error::Error;
use crate::ids::{CredentialId, KeyId};

/// A credential as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct CredentialRow {
    pub(crate) credential_id: CredentialId,
    pub(crate) request_id: String,
    pub(crate) user_id: String,
    pub(crate) state: CredentialState,
    pub(crate) version: i64,
    pub(crate) subject: SubjectData,
    pub(crate) passphrase: Option<String>,
    pub(crate) key_id: KeyId,
    pub(crate) serial: Option<String>,
    pub(crate) created_at: Millis,
    pub(crate) kind: Kind,
    /// Why its certificates are still to be revoked at the authority, where that is not done.
    pub(crate) ending: Option<String>,
}

/// Where a credential has its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// It has one that is kept.
    Kept,
    /// It has one for each batch.
    OneTime,
    /// On a smartcard.
    Card,
}

impl Kind {
    /// As the column has it; nothing for what all were at first.
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Kept => None,
            Self::OneTime => Some("one-time"),
            Self::Card => Some("card"),
        }
    }
}

type Columns = (
    String,
    String,
    String,
    String,
    i64,
    String,
    Option<String>,
    String,
    Option<String>,
    i64,
    Option<String>,
    Option<String>,
);

/// Stores a new credential, unless its request id is taken.
pub(crate) async fn insert(tx: &mut Tx, row: &CredentialRow) -> Result<Inserted, Error> {
    let done = sqlx::query(
        "INSERT INTO signer_credential (credential_id, request_id, user_id, state, version, subject, key_id, created_at, \
         changed_at, kind) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9) ON CONFLICT (request_id) DO NOTHING",
    )
    .bind(row.credential_id.as_str())
    .bind(&row.request_id)
    .bind(&row.user_id)
    .bind(state_text(row.state))
    .bind(row.version)
    .bind(serde_json::to_string(&row.subject).map_err(|_| Error::StoredRow { what: "subject" })?)
    .bind(row.key_id.as_str())
    .bind(row.created_at.0)
    .bind(row.kind.word())
    .execute(&mut *tx)
    .await?;
    Ok(if done.rows_affected() == 1 { Inserted::Yes } else { Inserted::RequestIdTaken })
}

/// Whether a row went in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Inserted {
    /// It did.
    Yes,
    /// Another one with its request id is there.
    RequestIdTaken,
}

/// The credential with an id.
pub(crate) async fn by_id<'c>(
    reader: impl Reader<'c>,
    credential: &CredentialId,
) -> Result<Option<CredentialRow>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT credential_id, request_id, user_id, state, version, subject, passphrase, key_id, serial, created_at, \
         kind, ending FROM signer_credential WHERE credential_id = $1",
    )
    .bind(credential.as_str())
    .fetch_optional(reader)
    .await?;
    row.map(read).transpose()
}

/// The credential that a request made.
pub(crate) async fn by_request<'c>(
    reader: impl Reader<'c>,
    request: &str,
) -> Result<Option<CredentialRow>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT credential_id, request_id, user_id, state, version, subject, passphrase, key_id, serial, created_at, \
         kind, ending FROM signer_credential WHERE request_id = $1",
    )
    .bind(request)
    .fetch_optional(reader)
    .await?;
    row.map(read).transpose()
}

/// Which of a person's credentials.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Which {
    /// Those that sign, or may again: neither revoked nor destroyed.
    NotOver,
    /// All.
    All,
}

/// A person's newest hundred of these credentials, the oldest of them first.
pub(crate) async fn of_user<'c>(
    reader: impl Reader<'c>,
    user: &str,
    which: Which,
) -> Result<Vec<CredentialRow>, Error> {
    let sql = match which {
        Which::NotOver => {
            "SELECT credential_id, request_id, user_id, state, version, subject, passphrase, key_id, serial, created_at, \
             kind, ending FROM signer_credential WHERE user_id = $1 AND state NOT IN ('revoked', 'destroyed') \
             ORDER BY credential_id DESC LIMIT 100"
        }
        Which::All => {
            "SELECT credential_id, request_id, user_id, state, version, subject, passphrase, key_id, serial, created_at, \
             kind, ending FROM signer_credential WHERE user_id = $1 ORDER BY credential_id DESC LIMIT 100"
        }
    };
    let rows: Vec<Columns> = sqlx::query_as(sql).bind(user).fetch_all(reader).await?;
    rows.into_iter().rev().map(read).collect()
}

/// So many of a person's credentials behind an id, in the order of these.
pub(crate) async fn of_user_after<'c>(
    reader: impl Reader<'c>,
    user: &str,
    after: &str,
    most: i64,
) -> Result<Vec<CredentialRow>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT credential_id, request_id, user_id, state, version, subject, passphrase, key_id, serial, created_at, \
         kind, ending FROM signer_credential WHERE user_id = $1 AND credential_id > $2 ORDER BY credential_id LIMIT $3",
    )
    .bind(user)
    .bind(after)
    .bind(most)
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(read).collect()
}

/// State and version as they are now, and until the transaction ends: what a job looks at before it acts on what was read earlier. Whoever changes
/// the credential meanwhile does so before, and is seen, or after, and ends what the job gave.
pub(crate) async fn version(
    tx: &mut Tx,
    credential: &CredentialId,
) -> Result<Option<(CredentialState, i64)>, Error> {
    // The text is made of constants alone.
    let sql = format!(
        "SELECT state, version FROM signer_credential WHERE credential_id = $1{}",
        kept_as_they_are(tx)
    );
    let row: Option<(String, i64)> =
        sqlx::query_as(AssertSqlSafe(sql)).bind(credential.as_str()).fetch_optional(&mut *tx).await?;
    row.map(|(state, version)| Ok((parse_state(&state)?, version))).transpose()
}

/// Moves a credential to another state if it is still at the version that was read.
pub(crate) async fn set_state(
    tx: &mut Tx,
    row: &CredentialRow,
    state: CredentialState,
    now: Millis,
) -> Result<(), Error> {
    let changed = sqlx::query(
        "UPDATE signer_credential SET state = $1, version = version + 1, changed_at = $2 \
         WHERE credential_id = $3 AND version = $4",
    )
    .bind(state_text(state))
    .bind(now.0)
    .bind(row.credential_id.as_str())
    .bind(row.version)
    .execute(&mut *tx)
    .await?;
    one(changed.rows_affected())
}

/// Notes that the certificates of a credential are to be revoked at the authority, and why. That a key came into other hands stays the reason.
pub(crate) async fn intend_end(tx: &mut Tx, credential: &CredentialId, reason: &str) -> Result<(), Error> {
    sqlx::query(
        "UPDATE signer_credential SET ending = $1 WHERE credential_id = $2 AND (ending IS NULL OR ending <> $3)",
    )
    .bind(reason)
    .bind(credential.as_str())
    .bind(COMPROMISED)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The reason that nothing takes the place of.
const COMPROMISED: &str = "key_compromise";

/// Notes that they are, for this reason.
pub(crate) async fn ended(tx: &mut Tx, credential: &CredentialId, reason: &str) -> Result<(), Error> {
    sqlx::query("UPDATE signer_credential SET ending = NULL WHERE credential_id = $1 AND ending = $2")
        .bind(credential.as_str())
        .bind(reason)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Credentials whose certificates are still to be revoked at the authority: so many behind an id, in the order of these.
pub(crate) async fn ending<'c>(
    reader: impl Reader<'c>,
    after: &str,
    most: i64,
) -> Result<Vec<CredentialRow>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT credential_id, request_id, user_id, state, version, subject, passphrase, key_id, serial, created_at, \
         kind, ending FROM signer_credential WHERE ending IS NOT NULL AND credential_id > $1 \
         ORDER BY credential_id LIMIT $2",
    )
    .bind(after)
    .bind(most)
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(read).collect()
}

/// Makes another certificate (and with it, perhaps, another key) the one that signs.
pub(crate) async fn set_certificate(
    tx: &mut Tx,
    row: &CredentialRow,
    key: &KeyId,
    serial: &str,
    now: Millis,
) -> Result<(), Error> {
    let changed = sqlx::query(
        "UPDATE signer_credential SET state = $1, key_id = $2, serial = $3, version = version + 1, changed_at = $4 \
         WHERE credential_id = $5 AND version = $6",
    )
    .bind(state_text(CredentialState::Active))
    .bind(key.as_str())
    .bind(serial)
    .bind(now.0)
    .bind(row.credential_id.as_str())
    .bind(row.version)
    .execute(&mut *tx)
    .await?;
    one(changed.rows_affected())
}

/// Stores the hash of a passphrase.
pub(crate) async fn set_passphrase(
    tx: &mut Tx,
    row: &CredentialRow,
    passphrase: &str,
    now: Millis,
) -> Result<(), Error> {
    let changed = sqlx::query(
        "UPDATE signer_credential SET passphrase = $1, version = version + 1, changed_at = $2 \
         WHERE credential_id = $3 AND version = $4",
    )
    .bind(passphrase)
    .bind(now.0)
    .bind(row.credential_id.as_str())
    .bind(row.version)
    .execute(&mut *tx)
    .await?;
    one(changed.rows_affected())
}

fn one(rows: u64) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::CredentialChanged) }
}

fn read(row: Columns) -> Result<CredentialRow, Error> {
    let (
        credential_id,
        request_id,
        user_id,
        state,
        version,
        subject,
        passphrase,
        key_id,
        serial,
        created_at,
        kind,
        ending,
    ) = row;
    Ok(CredentialRow {
        state: parse_state(&state)?,
        subject: serde_json::from_str(&subject).map_err(|_| Error::StoredRow { what: "subject" })?,
        credential_id: read_id(&credential_id)?,
        key_id: read_id(&key_id)?,
        request_id,
        user_id,
        version,
        passphrase,
        serial,
        created_at: Millis(created_at),
        ending,
        kind: match kind.as_deref() {
            None => Kind::Kept,
            Some("one-time") => Kind::OneTime,
            Some("card") => Kind::Card,
            Some(_) => return Err(Error::StoredRow { what: "kind of a credential" }),
        },
    })
}

fn state_text(state: CredentialState) -> &'static str {
    match state {
        CredentialState::Pending => "pending",
        CredentialState::Active => "active",
        CredentialState::Suspended => "suspended",
        CredentialState::Revoked => "revoked",
        CredentialState::Destroyed => "destroyed",
    }
}

fn parse_state(text: &str) -> Result<CredentialState, Error> {
    Ok(match text {
        "pending" => CredentialState::Pending,
        "active" => CredentialState::Active,
        "suspended" => CredentialState::Suspended,
        "revoked" => CredentialState::Revoked,
        "destroyed" => CredentialState::Destroyed,
        _ => return Err(Error::StoredRow { what: "state" }),
    })
}

#[cfg(test)]
mod tests;
