//! Rows of `authn_hearing`: whether relying parties answer when they are told something, in each form by itself.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::ClientId;

use super::logouts::Form;
use crate::error::Error;

/// Whether a relying party answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// It did the last time, whatever it said.
    Answers,
    /// Nobody knows: it was told nothing yet.
    Unknown,
    /// It did not, so many times in a row.
    Silent(u32),
}

impl Hearing {
    /// As the row has it, if there is one.
    pub(super) fn of(unanswered: Option<i64>) -> Self {
        match unanswered {
            None => Self::Unknown,
            Some(0) => Self::Answers,
            Some(times) => Self::Silent(u32::try_from(times).unwrap_or(u32::MAX)),
        }
    }
}

/// Writes down that a relying party answered in a form, where something else was known.
pub(crate) async fn answered(tx: &mut Tx, who: (&ClientId, Form)) -> Result<(), Error> {
    write(tx, who, 0, Millis(0)).await
}

/// Writes down that it did not, so many times in a row, and when it is called again.
pub(crate) async fn silent(
    tx: &mut Tx,
    who: (&ClientId, Form),
    times: u32,
    next_at: Millis,
) -> Result<(), Error> {
    write(tx, who, i64::from(times), next_at).await
}

async fn write(
    tx: &mut Tx,
    (client, form): (&ClientId, Form),
    unanswered: i64,
    next_at: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_hearing (client_id, form, unanswered, next_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (client_id, form) DO UPDATE SET unanswered = excluded.unanswered, next_at = excluded.next_at \
         WHERE authn_hearing.unanswered <> excluded.unanswered OR authn_hearing.next_at <> excluded.next_at",
    )
    .bind(client.as_str().to_owned())
    .bind(form.word())
    .bind(unanswered)
    .bind(next_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
