//! `ca_request`: what each client asked for, so that asking again answers the same certificate.

use platform::clock::Millis;
use platform::db::rows::{list, places, portions};
use platform::db::{self, Tx};
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use super::certificates::{self, State, Stored};
use crate::serial::Serial;

/// A client's request by its own name.
#[derive(Clone, Debug)]
pub(crate) struct RequestKey {
    pub(crate) client: String,
    pub(crate) request_id: String,
    /// What was asked for.
    pub(crate) content_sha256: String,
}

/// What a request is, when it comes.
pub(crate) enum Claim {
    /// The serial given with it is this request's; `before` is the end of a serial that came to nothing.
    Ours { before: Option<Millis> },
    /// It was answered before.
    Answered(Box<Stored>),
    /// The same name was used for something else.
    Reused,
    /// The same request is being worked on.
    InProgress,
}

/// The certificate that this very request got before, if it did.
pub(crate) async fn answered(read: &AnyPool, request: &RequestKey) -> Result<Option<Stored>, db::Error> {
    let row = sqlx::query(
        "SELECT serial FROM ca_request WHERE client = $1 AND request_id = $2 AND content_sha256 = $3",
    )
    .bind(request.client.as_str())
    .bind(request.request_id.as_str())
    .bind(request.content_sha256.as_str())
    .fetch_optional(read)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let stored = certificates::by_serial(read, &certificates::serial(&row)?).await?;
    Ok(stored.filter(|stored| stored.state == State::Issued))
}

/// The certificate that a client's request of this name has, whatever was asked for and in whatever state.
pub(crate) async fn by_id(
    read: &AnyPool,
    client: &str,
    request_id: &str,
) -> Result<Option<Stored>, db::Error> {
    let row = sqlx::query("SELECT serial FROM ca_request WHERE client = $1 AND request_id = $2")
        .bind(client)
        .bind(request_id)
        .fetch_optional(read)
        .await?;
    match row {
        Some(row) => certificates::by_serial(read, &certificates::serial(&row)?).await,
        None => Ok(None),
    }
}

/// What no request asks for.
const BARRED: &str = "barred";

/// Has a client's request of this name answered by no certificate any more: whoever makes it from now on is refused. What was asked for
/// under it before keeps its serial.
pub(crate) async fn bar(tx: &mut Tx, client: &str, request_id: &str) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_request (client, request_id, content_sha256, serial) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (client, request_id) DO UPDATE SET content_sha256 = $3",
    )
    .bind(client)
    .bind(request_id)
    .bind(BARRED)
    .bind(Serial::EXAMPLE.to_string())
    .execute(tx)
    .await?;
    Ok(())
}

/// A serial for a request, and SHA-256 of the key that it is for.
pub(crate) type NewClaim<'a> = (&'a RequestKey, &'a Serial, &'a [u8]);

/// Ties serials to requests that are all new, for keys that nobody ever asked to be certified. `false` when one is not: then
/// the transaction has to be undone.
pub(crate) async fn claim_new(tx: &mut Tx, claims: &[NewClaim<'_>]) -> Result<bool, db::Error> {
    for portion in portions(claims) {
        let requests = portion.len();
        let mut query = sqlx::query(AssertSqlSafe(format!(
            "WITH asked (client, request_id, content_sha256, serial) AS (VALUES {}) \
             INSERT INTO ca_request (client, request_id, content_sha256, serial) \
             SELECT client, request_id, content_sha256, serial FROM asked \
             WHERE NOT EXISTS (SELECT 1 FROM ca_certificate WHERE spki_sha256 IN ({})) \
             ON CONFLICT (client, request_id) DO NOTHING",
            places(requests, 4),
            list(4 * requests + 1, requests)
        )));
        for (request, serial, _) in portion {
            query = query
                .bind(request.client.as_str())
                .bind(request.request_id.as_str())
                .bind(request.content_sha256.as_str())
                .bind(serial.to_string());
        }
        for (_, _, key) in portion {
            query = query.bind(*key);
        }
        if query.execute(&mut *tx).await?.rows_affected() != portion.len() as u64 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Ties a serial to a request, if the request is new or its serial came to nothing.
pub(crate) async fn claim(tx: &mut Tx, request: &RequestKey, serial: &Serial) -> Result<Claim, db::Error> {
    let inserted = sqlx::query(
        "INSERT INTO ca_request (client, request_id, content_sha256, serial) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (client, request_id) DO NOTHING",
    )
    .bind(request.client.as_str())
    .bind(request.request_id.as_str())
    .bind(request.content_sha256.as_str())
    .bind(serial.to_string())
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Claim::Ours { before: None });
    }
    let row =
        sqlx::query("SELECT content_sha256, serial FROM ca_request WHERE client = $1 AND request_id = $2")
            .bind(request.client.as_str())
            .bind(request.request_id.as_str())
            .fetch_one(&mut *tx)
            .await?;
    let content: String = row.try_get("content_sha256")?;
    if content != request.content_sha256 {
        return Ok(Claim::Reused);
    }
    let before = certificates::serial(&row)?;
    match certificates::by_serial_in(tx, &before).await? {
        Some(stored) if stored.state == State::Issued => Ok(Claim::Answered(Box::new(stored))),
        Some(stored) if matches!(stored.state, State::Dropped | State::Abandoned) => {
            take_over(tx, request, &stored, serial).await
        }
        _ => Ok(Claim::InProgress),
    }
}

/// A retry takes a new serial, and only one of several retries at once does.
async fn take_over(
    tx: &mut Tx,
    request: &RequestKey,
    before: &Stored,
    serial: &Serial,
) -> Result<Claim, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_request SET serial = $1 WHERE client = $2 AND request_id = $3 AND serial = $4",
    )
    .bind(serial.to_string())
    .bind(request.client.as_str())
    .bind(request.request_id.as_str())
    .bind(before.serial.to_string())
    .execute(tx)
    .await?;
    let ours = Claim::Ours { before: Some(before.not_after) };
    Ok(if done.rows_affected() == 1 { ours } else { Claim::InProgress })
}
