//! `ca_card_errand`: what is done with a card in a reader, and how far it has come.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use crate::cards::{CancelReason, Step};
use card::wire::relay::Act;

/// What becomes of the passcode at the end of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passcode {
    /// The holder chooses one.
    Chosen,
    /// The card gets one that nobody knows.
    Withheld,
}

/// An errand as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrandRow {
    pub(crate) errand_id: String,
    pub(crate) card_id: String,
    pub(crate) act: Act,
    /// `open`, `done`, `ending` or `ended`.
    pub(crate) state: String,
    pub(crate) step: Step,
    pub(crate) passcode: Passcode,
    pub(crate) user_id: Option<String>,
    /// The keys that were made on the card and have proved themselves.
    pub(crate) key_9a: Option<Vec<u8>>,
    pub(crate) key_9c: Option<Vec<u8>>,
    /// Of which of them the card attested that it made them: `9a`, `9c`.
    pub(crate) attested: Vec<String>,
    pub(crate) authentication: Option<String>,
    pub(crate) signature: Option<String>,
    pub(crate) fault: Option<String>,
    pub(crate) ticket_until: Option<Millis>,
    pub(crate) run: i64,
    /// Who began it, as JSON for the record.
    pub(crate) actor: String,
    /// Who else said that it may be gone on with.
    pub(crate) approved_by: Option<String>,
    /// The batch that it belongs to.
    pub(crate) batch_id: Option<String>,
    /// Why its card was cancelled, which ended it.
    pub(crate) ended_for: Option<CancelReason>,
    pub(crate) until: Millis,
    pub(crate) made_at: Millis,
    pub(crate) changed_at: Millis,
}

const COLUMNS: &str = "errand_id, card_id, act, state, step, passcode, user_id, key_9a, key_9c, attested, authentication, \
     signature, fault, ticket_until, run, actor, approved_by, batch_id, ended_for, until, made_at, changed_at";

/// Stores a new errand; false if the card has an open one.
pub(crate) async fn insert_errand(tx: &mut Tx, errand: &ErrandRow) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_card_errand (errand_id, card_id, act, state, step, passcode, user_id, run, actor, batch_id, until, made_at, \
         changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
    )
    .bind(errand.errand_id.as_str())
    .bind(errand.card_id.as_str())
    .bind(errand.act.word())
    .bind(errand.state.as_str())
    .bind(errand.step.word())
    .bind(match errand.passcode {
        Passcode::Chosen => "chosen",
        Passcode::Withheld => "withheld",
    })
    .bind(errand.user_id.as_deref())
    .bind(errand.run)
    .bind(errand.actor.as_str())
    .bind(errand.batch_id.as_deref())
    .bind(errand.until.0)
    .bind(errand.made_at.0)
    .bind(errand.changed_at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes how far an errand has come, with its keys and certificates; false if it is no longer open, or another agent goes on with it.
pub(crate) async fn keep_step(tx: &mut Tx, errand: &ErrandRow, now: Millis) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_card_errand SET step = $1, key_9a = $2, key_9c = $3, attested = $4, authentication = $5, signature = $6, \
         fault = NULL, changed_at = $7 WHERE errand_id = $8 AND run = $9 AND state = 'open'",
    )
    .bind(errand.step.word())
    .bind(errand.key_9a.as_deref())
    .bind(errand.key_9c.as_deref())
    .bind(errand.attested.join(","))
    .bind(errand.authentication.as_deref())
    .bind(errand.signature.as_deref())
    .bind(now.0)
    .bind(errand.errand_id.as_str())
    .bind(errand.run)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes why an errand stopped. It stays open.
pub(crate) async fn set_fault(
    tx: &mut Tx,
    errand: &ErrandRow,
    fault: &str,
    now: Millis,
) -> Result<(), db::Error> {
    sqlx::query(
        "UPDATE ca_card_errand SET fault = $1, changed_at = $2 WHERE errand_id = $3 AND run = $4 AND state = 'open'",
    )
    .bind(fault)
    .bind(now.0)
    .bind(errand.errand_id.as_str())
    .bind(errand.run)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes an errand from whoever went on with it, who writes nothing more; false if it is over, or has not stopped and was written since
/// `quiet`.
pub(crate) async fn take_over(
    tx: &mut Tx,
    errand: &str,
    quiet: Millis,
    now: Millis,
) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_card_errand SET run = run + 1, fault = NULL, changed_at = $1 WHERE errand_id = $2 AND state = 'open' \
         AND (fault IS NOT NULL OR changed_at <= $3)",
    )
    .bind(now.0)
    .bind(errand)
    .bind(quiet.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Closes an errand as done; false if it is closed, or another agent goes on with it.
pub(crate) async fn mark_done(tx: &mut Tx, errand: &ErrandRow, now: Millis) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_card_errand SET state = 'done', step = $1, ticket = NULL, ticket_until = NULL, changed_at = $2 \
         WHERE errand_id = $3 AND run = $4 AND state = 'open'",
    )
    .bind(errand.step.word())
    .bind(now.0)
    .bind(errand.errand_id.as_str())
    .bind(errand.run)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives an open errand another ticket: the one before is good for nothing.
pub(crate) async fn set_ticket(
    tx: &mut Tx,
    errand: &str,
    ticket: &str,
    until: Millis,
) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_card_errand SET ticket = $1, ticket_until = $2 WHERE errand_id = $3 AND state = 'open'",
    )
    .bind(ticket)
    .bind(until.0)
    .bind(errand)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes who else said that an errand may be gone on with; false if it is over, or somebody has said so.
pub(crate) async fn approve_errand(
    tx: &mut Tx,
    errand: &str,
    by: &str,
    now: Millis,
) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_card_errand SET approved_by = $1, changed_at = $2 WHERE errand_id = $3 AND state = 'open' \
         AND approved_by IS NULL",
    )
    .bind(by)
    .bind(now.0)
    .bind(errand)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The time that whoever takes a ticket now has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunTime {
    /// An errand that was not begun after this is gone on with no more.
    pub(crate) begun_after: Millis,
    /// The errand does not end by itself before this.
    pub(crate) until: Millis,
}

/// Takes a ticket: the errand with the number of this run and the time that it has now, if the ticket is good.
pub(crate) async fn start_run(
    tx: &mut Tx,
    ticket: &str,
    time: RunTime,
    now: Millis,
) -> Result<Option<ErrandRow>, db::Error> {
    let sql = format!(
        "UPDATE ca_card_errand SET ticket = NULL, ticket_until = NULL, run = run + 1, changed_at = $1, \
         until = CASE WHEN until < $2 THEN $2 ELSE until END \
         WHERE ticket = $3 AND ticket_until > $1 AND until > $1 AND made_at > $4 AND state = 'open' RETURNING {COLUMNS}"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(now.0).bind(time.until.0).bind(ticket);
    let row = query.bind(time.begun_after.0).fetch_optional(tx).await?;
    row.as_ref().map(read_row).transpose()
}

/// Whether a ticket is good now, without taking it.
pub(crate) async fn by_ticket(
    read: &AnyPool,
    ticket: &str,
    now: Millis,
) -> Result<Option<ErrandRow>, db::Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ca_card_errand WHERE ticket = $1 AND ticket_until > $2 AND until > $2 AND state = 'open'"
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(ticket).bind(now.0).fetch_optional(read).await?;
    row.as_ref().map(read_row).transpose()
}

/// One errand of a card.
pub(crate) async fn errand(read: &AnyPool, card: &str, id: &str) -> Result<Option<ErrandRow>, db::Error> {
    let sql = format!("SELECT {COLUMNS} FROM ca_card_errand WHERE card_id = $1 AND errand_id = $2");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(card).bind(id).fetch_optional(read).await?;
    row.as_ref().map(read_row).transpose()
}

/// The open errand of a card.
pub(crate) async fn open_errand(tx: &mut Tx, card: &str) -> Result<Option<ErrandRow>, db::Error> {
    let sql = format!("SELECT {COLUMNS} FROM ca_card_errand WHERE card_id = $1 AND state = 'open'");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(card).fetch_optional(tx).await?;
    row.as_ref().map(read_row).transpose()
}

/// Closes an open errand to agents, so that it can be ended, and gives it; none if it was done or has ended. One that is closed stays
/// so, for the reason for which it was.
pub(crate) async fn close_errand(
    tx: &mut Tx,
    errand: &str,
    reason: Option<CancelReason>,
    now: Millis,
) -> Result<Option<ErrandRow>, db::Error> {
    let sql = format!(
        "UPDATE ca_card_errand SET state = 'ending', ended_for = COALESCE(ended_for, $1), ticket = NULL, ticket_until = NULL, \
         changed_at = $2 WHERE errand_id = $3 AND state IN ('open', 'ending') RETURNING {COLUMNS}"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(reason.map(CancelReason::word)).bind(now.0).bind(errand);
    let row = query.fetch_optional(tx).await?;
    row.as_ref().map(read_row).transpose()
}

/// Says that a closed errand has ended; false if somebody else has said so.
pub(crate) async fn mark_ended(tx: &mut Tx, errand: &str, now: Millis) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_card_errand SET state = 'ended', changed_at = $1 WHERE errand_id = $2 AND state = 'ending'",
    )
    .bind(now.0)
    .bind(errand)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Errands of a card that are closed and have not ended.
pub(crate) async fn closed_errands(read: &AnyPool, card: &str) -> Result<Vec<ErrandRow>, db::Error> {
    let sql = format!("SELECT {COLUMNS} FROM ca_card_errand WHERE card_id = $1 AND state = 'ending'");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(card).fetch_all(read).await?;
    rows.iter().map(read_row).collect()
}

/// Open errands whose time is over, and those whose end broke off, the oldest first.
pub(crate) async fn due(read: &AnyPool, now: Millis, most: i64) -> Result<Vec<ErrandRow>, db::Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ca_card_errand WHERE (state = 'open' AND until <= $1) OR state = 'ending' \
         ORDER BY until LIMIT $2"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(now.0).bind(most).fetch_all(read).await?;
    rows.iter().map(read_row).collect()
}

fn read_row(row: &AnyRow) -> Result<ErrandRow, db::Error> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let (act, step, passcode) = (text("act")?, text("step")?, text("passcode")?);
    let ended_for: Option<String> = row.try_get("ended_for")?;
    let ended_for = ended_for.map(|word| word.parse::<CancelReason>()).transpose();
    let known = Act::ALL.into_iter().find(|known| known.word() == act);
    Ok(ErrandRow {
        errand_id: text("errand_id")?,
        card_id: text("card_id")?,
        act: known.ok_or_else(|| db::Error::corrupt("ca_card_errand.act", act))?,
        state: text("state")?,
        step: step.parse::<Step>().map_err(|error| db::Error::corrupt("ca_card_errand.step", error))?,
        passcode: if passcode == "chosen" { Passcode::Chosen } else { Passcode::Withheld },
        user_id: row.try_get("user_id")?,
        key_9a: row.try_get("key_9a")?,
        key_9c: row.try_get("key_9c")?,
        attested: text("attested")?.split(',').filter(|slot| !slot.is_empty()).map(str::to_owned).collect(),
        authentication: row.try_get("authentication")?,
        signature: row.try_get("signature")?,
        fault: row.try_get("fault")?,
        ticket_until: row.try_get::<Option<i64>, _>("ticket_until")?.map(Millis),
        run: row.try_get("run")?,
        actor: text("actor")?,
        approved_by: row.try_get("approved_by")?,
        batch_id: row.try_get("batch_id")?,
        ended_for: ended_for.map_err(|error| db::Error::corrupt("ca_card_errand.ended_for", error))?,
        until: Millis(row.try_get("until")?),
        made_at: Millis(row.try_get("made_at")?),
        changed_at: Millis(row.try_get("changed_at")?),
    })
}
