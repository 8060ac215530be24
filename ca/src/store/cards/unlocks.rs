//! `ca_card_unlock`: codes that were sent to holders so that they unlock their own card, or that they read out to a colleague.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

/// How whoever has a locked card is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownBy {
    /// By the code that was sent to them.
    Code,
    /// By somebody to whom they read it out.
    Colleague,
}

impl KnownBy {
    fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Colleague => "colleague",
        }
    }
}

/// A code that was sent, or is read out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentCode {
    pub(crate) unlock_id: String,
    pub(crate) card_id: String,
    pub(crate) user_id: String,
    /// What the token makes of the code, in hexadecimal.
    pub(crate) code_mark: String,
    /// How often it was tried.
    pub(crate) tries: i64,
    pub(crate) known_by: KnownBy,
    /// Who vouched for the holder, as JSON for the record.
    pub(crate) approver: Option<String>,
    /// The errand that was begun with it.
    pub(crate) errand_id: Option<String>,
    /// From where a colleague was asked for; nothing of codes that were sent.
    pub(crate) network: String,
    pub(crate) until: Millis,
    pub(crate) made_at: Millis,
}

/// Stores a code.
pub(crate) async fn insert_unlock(tx: &mut Tx, unlock: &SentCode) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_card_unlock (unlock_id, card_id, user_id, code_mark, tries, known_by, network, until, made_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(unlock.unlock_id.as_str())
    .bind(unlock.card_id.as_str())
    .bind(unlock.user_id.as_str())
    .bind(unlock.code_mark.as_str())
    .bind(unlock.tries)
    .bind(unlock.known_by.word())
    .bind(unlock.network.as_str())
    .bind(unlock.until.0)
    .bind(unlock.made_at.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// A code that can be used now, without trying it.
pub(crate) async fn unlock(read: &AnyPool, id: &str, now: Millis) -> Result<Option<SentCode>, db::Error> {
    let row = sqlx::query(
        "SELECT unlock_id, card_id, user_id, code_mark, tries, known_by, approver, errand_id, network, until, made_at \
         FROM ca_card_unlock WHERE unlock_id = $1 AND until > $2",
    )
    .bind(id)
    .bind(now.0)
    .fetch_optional(read)
    .await?;
    row.as_ref().map(read_row).transpose()
}

/// Counts a try, before it is known whether it is right, so that no two are made as one; none if the code is good for nothing any
/// more.
pub(crate) async fn try_unlock(
    tx: &mut Tx,
    id: &str,
    most: i64,
    now: Millis,
) -> Result<Option<SentCode>, db::Error> {
    let row = sqlx::query(
        "UPDATE ca_card_unlock SET tries = tries + 1 WHERE unlock_id = $1 AND until > $2 AND tries < $3 \
         RETURNING unlock_id, card_id, user_id, code_mark, tries, known_by, approver, errand_id, network, until, made_at",
    )
    .bind(id)
    .bind(now.0)
    .bind(most)
    .fetch_optional(tx)
    .await?;
    row.as_ref().map(read_row).transpose()
}

/// Writes which errand goes on with a code.
pub(crate) async fn set_unlock_errand(tx: &mut Tx, id: &str, errand: &str) -> Result<(), db::Error> {
    sqlx::query("UPDATE ca_card_unlock SET errand_id = $1 WHERE unlock_id = $2")
        .bind(errand)
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}

/// Writes who vouched for the holder.
pub(crate) async fn approve_unlock(tx: &mut Tx, id: &str, approver: &str) -> Result<(), db::Error> {
    sqlx::query("UPDATE ca_card_unlock SET approver = $1 WHERE unlock_id = $2")
        .bind(approver)
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}

/// Codes for a card that wait for a colleague, the oldest first.
pub(crate) async fn waiting_unlocks(
    read: &AnyPool,
    card: &str,
    now: Millis,
    most: i64,
) -> Result<Vec<SentCode>, db::Error> {
    let rows = sqlx::query(
        "SELECT unlock_id, card_id, user_id, code_mark, tries, known_by, approver, errand_id, network, until, made_at \
         FROM ca_card_unlock WHERE card_id = $1 AND known_by = 'colleague' AND approver IS NULL AND until > $2 \
         ORDER BY unlock_id LIMIT $3",
    )
    .bind(card)
    .bind(now.0)
    .bind(most)
    .fetch_all(read)
    .await?;
    rows.iter().map(read_row).collect()
}

/// How many codes somebody was sent since a time.
pub(crate) async fn sendings_since(tx: &mut Tx, user: &str, since: Millis) -> Result<i64, db::Error> {
    let (many,): (i64,) = sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM ca_card_unlock WHERE user_id = $1 AND known_by = 'code' AND made_at > $2",
    )
    .bind(user)
    .bind(since.0)
    .fetch_one(tx)
    .await?;
    Ok(many)
}

/// For how many requests in somebody's name a colleague vouched, or tried to, of those that were made since a time. Anybody can make
/// one, so the others do not count.
pub(crate) async fn vouchings_since(tx: &mut Tx, user: &str, since: Millis) -> Result<i64, db::Error> {
    let (many,): (i64,) = sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM ca_card_unlock WHERE user_id = $1 AND known_by = 'colleague' AND made_at > $2 \
         AND (approver IS NOT NULL OR tries > 0)",
    )
    .bind(user)
    .bind(since.0)
    .fetch_one(tx)
    .await?;
    Ok(many)
}

/// Of the requests for a card that wait for a colleague the newest stay, of one network or of all, and the others are good for nothing
/// from now on.
pub(crate) async fn keep_newest_waiting(
    tx: &mut Tx,
    card: &str,
    network: Option<&str>,
    most: i64,
    now: Millis,
) -> Result<(), db::Error> {
    let waiting = "card_id = $1 AND known_by = 'colleague' AND approver IS NULL AND until > $2";
    let of = if network.is_some() { "AND network = $4" } else { "" };
    let sql = format!(
        "UPDATE ca_card_unlock SET until = $2 WHERE {waiting} {of} AND unlock_id NOT IN \
         (SELECT unlock_id FROM ca_card_unlock WHERE {waiting} {of} ORDER BY unlock_id DESC LIMIT $3)"
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(card).bind(now.0).bind(most);
    if let Some(network) = network {
        query = query.bind(network);
    }
    query.execute(tx).await?;
    Ok(())
}

/// Every code that somebody was sent is good for nothing from now on.
pub(crate) async fn end_unlocks(tx: &mut Tx, user: &str, now: Millis) -> Result<(), db::Error> {
    sqlx::query(
        "UPDATE ca_card_unlock SET until = $1 WHERE user_id = $2 AND known_by = 'code' AND until > $1",
    )
    .bind(now.0)
    .bind(user)
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets some of the codes from before a time.
pub(crate) async fn sweep_unlocks(tx: &mut Tx, before: Millis, most: i64) -> Result<(), db::Error> {
    sqlx::query(
        "DELETE FROM ca_card_unlock WHERE unlock_id IN \
         (SELECT unlock_id FROM ca_card_unlock WHERE made_at < $1 ORDER BY made_at LIMIT $2)",
    )
    .bind(before.0)
    .bind(most)
    .execute(tx)
    .await?;
    Ok(())
}

fn read_row(row: &AnyRow) -> Result<SentCode, db::Error> {
    let known_by: String = row.try_get("known_by")?;
    Ok(SentCode {
        unlock_id: row.try_get("unlock_id")?,
        card_id: row.try_get("card_id")?,
        user_id: row.try_get("user_id")?,
        code_mark: row.try_get("code_mark")?,
        tries: row.try_get("tries")?,
        known_by: if known_by == "code" { KnownBy::Code } else { KnownBy::Colleague },
        approver: row.try_get("approver")?,
        errand_id: row.try_get("errand_id")?,
        network: row.try_get("network")?,
        until: Millis(row.try_get("until")?),
        made_at: Millis(row.try_get("made_at")?),
    })
}
