//! Rows of `directory_contact`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::{Reader, read};
use crate::api::{Channel, Contact};
use crate::error::Error;
use crate::person::Pending;

/// An address with the code that is on its way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) contact: Contact,
    pub(crate) channel: Channel,
    pub(crate) pending: Option<Pending>,
}

struct Row {
    contact_id: String,
    channel: String,
    value: String,
    verified_at: Option<i64>,
    code_hash: Option<String>,
    code_until: Option<i64>,
    tries: i64,
}

platform::from_row!(Row { contact_id, channel, value, verified_at, code_hash, code_until, tries });

impl Row {
    fn address(self) -> Result<Address, Error> {
        let tries =
            u32::try_from(self.tries).map_err(|_| Error::Stored { what: "directory_contact.tries" })?;
        Ok(Address {
            channel: read("directory_contact.channel", &self.channel)?,
            contact: Contact {
                id: self.contact_id,
                value: self.value,
                verified_at: self.verified_at.map(Millis),
            },
            pending: self.code_hash.zip(self.code_until).map(|(hash, until)| Pending {
                hash,
                until: Millis(until),
                tries,
            }),
        })
    }
}

/// The addresses that were shown to be those of a person whose profile is open, oldest first; at most a hundred. Of a channel that
/// this version does not know none.
pub(crate) async fn verified_of_open(
    tx: &mut Tx,
    user: &UserId,
) -> Result<Vec<(Channel, String, Millis)>, platform::db::Error> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT c.channel, c.value, c.verified_at FROM directory_contact c JOIN directory_person p ON p.user_id = c.user_id \
         WHERE c.user_id = $1 AND c.verified_at IS NOT NULL AND p.state = 'open' ORDER BY c.contact_id LIMIT 100",
    )
    .bind(user.as_str())
    .fetch_all(&mut *tx)
    .await?;
    let known = |(channel, value, at): (String, String, i64)| {
        Some((channel.parse::<Channel>().ok()?, value, Millis(at)))
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

/// Whether the register was shown that an e-mail address, in small letters, is somebody's whose profile is open. For modules that share
/// the register's database.
pub async fn has_shown_email(tx: &mut Tx, user: &UserId, address: &str) -> Result<bool, platform::db::Error> {
    let addresses = verified_of_open(tx, user).await?;
    Ok(addresses.iter().any(|(channel, value, _)| *channel == Channel::Email && value == address))
}

/// The addresses of a person, oldest first; at most a hundred.
pub(crate) async fn of<'c>(reader: impl Reader<'c>, user: &UserId) -> Result<Vec<Address>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT contact_id, channel, value, verified_at, code_hash, code_until, tries FROM directory_contact \
         WHERE user_id = $1 ORDER BY contact_id LIMIT 100",
    )
    .bind(user.as_str())
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(Row::address).collect()
}

/// One address of a person.
pub(crate) async fn find(tx: &mut Tx, user: &UserId, id: &str) -> Result<Option<Address>, Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT contact_id, channel, value, verified_at, code_hash, code_until, tries FROM directory_contact \
         WHERE contact_id = $1 AND user_id = $2",
    )
    .bind(id)
    .bind(user.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    row.map(Row::address).transpose()
}

/// Adds an address. `false`: they have it already.
pub(crate) async fn add(
    tx: &mut Tx,
    user: &UserId,
    channel: Channel,
    contact: &Contact,
    now: Millis,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO directory_contact (contact_id, user_id, channel, value, verified_at, tries, made_at) \
         VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT DO NOTHING",
    )
    .bind(contact.id.as_str())
    .bind(user.as_str())
    .bind(channel.word())
    .bind(contact.value.as_str())
    .bind(contact.verified_at.map(|at| at.0))
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes an address away.
pub(crate) async fn remove(tx: &mut Tx, id: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM directory_contact WHERE contact_id = $1").bind(id).execute(&mut *tx).await?;
    Ok(())
}

/// A new code is on its way to an address; the one before it is no longer good.
pub(crate) async fn expect_code(tx: &mut Tx, id: &str, hash: &str, until: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_contact SET code_hash = $2, code_until = $3, tries = 0 WHERE contact_id = $1",
    )
    .bind(id)
    .bind(hash)
    .bind(until.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// One more wrong code.
pub(crate) async fn count_try(tx: &mut Tx, id: &str) -> Result<(), Error> {
    sqlx::query("UPDATE directory_contact SET tries = tries + 1 WHERE contact_id = $1")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// The address is its holder's; the code is used up.
pub(crate) async fn mark_verified(tx: &mut Tx, id: &str, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE directory_contact SET verified_at = $2, code_hash = NULL, code_until = NULL, tries = 0 \
         WHERE contact_id = $1",
    )
    .bind(id)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Gives the addresses of one person to another, but for those that the other has.
pub(crate) async fn hand_over(tx: &mut Tx, from: &UserId, to: &UserId) -> Result<(), Error> {
    for text in [
        "UPDATE directory_contact SET user_id = $2 WHERE user_id = $1 AND NOT EXISTS (SELECT 1 FROM directory_contact o \
         WHERE o.user_id = $2 AND o.channel = directory_contact.channel AND o.value = directory_contact.value)",
        "DELETE FROM directory_contact WHERE user_id = $1 AND $1 <> $2",
    ] {
        sqlx::query(text).bind(from.as_str()).bind(to.as_str()).execute(&mut *tx).await?;
    }
    Ok(())
}
