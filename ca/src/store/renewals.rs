//! `ca_renewal_mark`, `ca_renewal_notice` and `ca_renewal_acknowledgement`: who is told that certificates end soon.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use super::certificates;
use super::millis;
use crate::api::{Acknowledged, Acknowledgement};
use crate::serial::Serial;

/// Up to which end of validity, and among equal ends up to which serial, notices were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) until: Millis,
    pub(crate) serial: String,
}

/// A certificate in force and what is known of its renewal.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) serial: Serial,
    pub(crate) issuer: String,
    pub(crate) profile: String,
    pub(crate) subject: String,
    pub(crate) user_id: Option<String>,
    pub(crate) not_after: Millis,
    pub(crate) noticed_days: Option<i64>,
    pub(crate) acknowledgement: Option<Acknowledgement>,
}

/// Which of them a page holds.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) from: Millis,
    pub(crate) before: Millis,
    pub(crate) profile: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) acknowledged: Option<Acknowledged>,
}

/// The row whose lock gives notices one order on all processes.
const NUMBER: &str = "number";
/// The mark up to which notice people were told.
pub(crate) const TOLD: &str = "told";

const COLUMNS: &str = "c.serial, c.issuer, c.profile, c.subject, c.user_id, c.not_after, \
     (SELECT MIN(n.days) FROM ca_renewal_notice n WHERE n.serial = c.serial) AS noticed_days, \
     a.client, a.note, a.acknowledged_at";

/// One page of those in force, behind the certificate with this end and serial.
pub(crate) async fn page(
    read: &AnyPool,
    filter: &Filter,
    after: Option<(Millis, Serial)>,
    limit: i64,
) -> Result<Vec<Ending>, db::Error> {
    let profile = if filter.profile.is_some() { "c.profile = $5" } else { "$5 = $5" };
    let issuer = if filter.issuer.is_some() { "c.issuer = $6" } else { "$6 = $6" };
    let person = if filter.user_id.is_some() { "c.user_id = $7" } else { "$7 = $7" };
    let acknowledged = match filter.acknowledged {
        None => "1 = 1",
        Some(Acknowledged::Yes) => "a.serial IS NOT NULL",
        Some(Acknowledged::No) => "a.serial IS NULL",
    };
    let (end, serial) = after.map_or((i64::MIN, String::new()), |(end, serial)| (end.0, serial.to_string()));
    // Put together from constants only.
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM ca_certificate c LEFT JOIN ca_renewal_acknowledgement a ON a.serial = c.serial \
         WHERE c.not_after >= $1 AND c.not_after < $2 AND (c.not_after, c.serial) > ($3, $4) \
         AND c.state = 'issued' AND c.revoked_at IS NULL AND {profile} AND {issuer} AND {person} AND {acknowledged} \
         ORDER BY c.not_after, c.serial LIMIT $8"
    )))
    .bind(filter.from.0)
    .bind(filter.before.0)
    .bind(end)
    .bind(serial)
    .bind(filter.profile.clone().unwrap_or_default())
    .bind(filter.issuer.clone().unwrap_or_default())
    .bind(filter.user_id.clone().unwrap_or_default())
    .bind(limit)
    .fetch_all(read)
    .await?;
    rows.iter().map(ending).collect()
}

/// One certificate, if it was issued, whatever became of it.
pub(crate) async fn one(read: &AnyPool, serial: &Serial) -> Result<Option<Ending>, db::Error> {
    let row = sqlx::query(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM ca_certificate c LEFT JOIN ca_renewal_acknowledgement a ON a.serial = c.serial \
         WHERE c.serial = $1 AND c.state = 'issued'"
    )))
    .bind(serial.to_string())
    .fetch_optional(read)
    .await?;
    row.as_ref().map(ending).transpose()
}

fn ending(row: &AnyRow) -> Result<Ending, db::Error> {
    let acknowledgement = match millis(row.try_get("acknowledged_at")?) {
        None => None,
        Some(acknowledged_at) => Some(Acknowledgement {
            client: row.try_get("client")?,
            note: row.try_get("note")?,
            acknowledged_at,
        }),
    };
    Ok(Ending {
        serial: certificates::serial(row)?,
        issuer: row.try_get("issuer")?,
        profile: row.try_get("profile")?,
        subject: row.try_get("subject")?,
        user_id: row.try_get("user_id")?,
        not_after: Millis(row.try_get("not_after")?),
        noticed_days: row.try_get("noticed_days")?,
        acknowledgement,
    })
}

/// Stores that somebody has taken care; false when somebody had already.
pub(crate) async fn acknowledge(
    tx: &mut Tx,
    serial: &Serial,
    acknowledgement: &Acknowledgement,
) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_renewal_acknowledgement (serial, client, note, acknowledged_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (serial) DO NOTHING",
    )
    .bind(serial.to_string())
    .bind(acknowledgement.client.as_str())
    .bind(acknowledgement.note.as_str())
    .bind(acknowledgement.acknowledged_at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes that back; false when nobody had.
pub(crate) async fn withdraw(tx: &mut Tx, serial: &Serial) -> Result<bool, db::Error> {
    let done = sqlx::query("DELETE FROM ca_renewal_acknowledgement WHERE serial = $1")
        .bind(serial.to_string())
        .execute(tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The last number given, read under a lock that lasts until the commit: one process at a time gives notices.
pub(crate) async fn lock_number(tx: &mut Tx) -> Result<i64, db::Error> {
    sqlx::query(
        "INSERT INTO ca_renewal_mark (name, until_at, until_serial) VALUES ($1, 0, '') \
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(NUMBER)
    .execute(&mut *tx)
    .await?;
    let row =
        sqlx::query("UPDATE ca_renewal_mark SET until_at = until_at WHERE name = $1 RETURNING until_at")
            .bind(NUMBER)
            .fetch_one(tx)
            .await?;
    Ok(row.try_get("until_at")?)
}

/// Keeps the last number given. For who has locked it.
pub(crate) async fn keep_number(tx: &mut Tx, number: i64) -> Result<(), db::Error> {
    keep_mark(tx, NUMBER, &Mark { until: Millis(number), serial: String::new() }).await
}

/// Notes, the first time, that people are told of the notices behind this number.
pub(crate) async fn begin_telling(tx: &mut Tx, number: i64) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_renewal_mark (name, until_at, until_serial) VALUES ($1, $2, '') \
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(TOLD)
    .bind(number)
    .execute(tx)
    .await?;
    Ok(())
}

/// A notice of which somebody may be told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) number: i64,
    pub(crate) profile: String,
    pub(crate) user_id: Option<String>,
    pub(crate) not_after: Millis,
    /// Whether the certificate is in force or on hold, nobody has taken care of it, and there is no later one in its place.
    pub(crate) concerns: bool,
}

/// Notices behind this number, in their order, as they are told to people.
pub(crate) async fn to_tell(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<Told>, db::Error> {
    let rows = sqlx::query(
        "SELECT g.number, c.profile, c.user_id, c.not_after, CAST(CASE WHEN c.state = 'issued' \
         AND (c.revoked_at IS NULL OR c.reason = 6) AND a.serial IS NULL AND NOT EXISTS (SELECT 1 FROM ca_certificate n \
         WHERE n.user_id = c.user_id AND n.profile = c.profile AND n.state = 'issued' AND n.revoked_at IS NULL \
         AND n.not_after > c.not_after) THEN 1 ELSE 0 END AS BIGINT) AS concerns \
         FROM ca_renewal_notice g JOIN ca_certificate c ON c.serial = g.serial \
         LEFT JOIN ca_renewal_acknowledgement a ON a.serial = g.serial \
         WHERE g.number > $1 ORDER BY g.number LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Told {
                number: row.try_get("number")?,
                profile: row.try_get("profile")?,
                user_id: row.try_get("user_id")?,
                not_after: Millis(row.try_get("not_after")?),
                concerns: row.try_get::<i64, _>("concerns")? == 1,
            })
        })
        .collect()
}

/// How far notices of this distance were given.
pub(crate) async fn mark(tx: &mut Tx, name: &str) -> Result<Option<Mark>, db::Error> {
    let row = sqlx::query("SELECT until_at, until_serial FROM ca_renewal_mark WHERE name = $1")
        .bind(name)
        .fetch_optional(tx)
        .await?;
    row.map(|row| Ok(Mark { until: Millis(row.try_get("until_at")?), serial: row.try_get("until_serial")? }))
        .transpose()
}

/// Keeps how far notices of this distance were given.
pub(crate) async fn keep_mark(tx: &mut Tx, name: &str, mark: &Mark) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_renewal_mark (name, until_at, until_serial) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET until_at = excluded.until_at, until_serial = excluded.until_serial",
    )
    .bind(name)
    .bind(mark.until.0)
    .bind(mark.serial.as_str())
    .execute(tx)
    .await?;
    Ok(())
}

/// A certificate that notice is due of.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) serial: Serial,
    pub(crate) issuer: String,
    pub(crate) profile: String,
    pub(crate) user_id: Option<String>,
    pub(crate) not_after: Millis,
}

/// Certificates in force that last at least so long in all and end behind the mark and before the horizon. Those on hold are
/// among them: when the hold is lifted, the mark has gone by.
pub(crate) async fn due(
    tx: &mut Tx,
    mark: &Mark,
    horizon: Millis,
    least_ms: i64,
    most: i64,
) -> Result<Vec<Due>, db::Error> {
    let rows = sqlx::query(
        "SELECT serial, issuer, profile, user_id, not_after FROM ca_certificate \
         WHERE (not_after, serial) > ($1, $2) AND not_after < $3 AND not_after - not_before >= $4 \
         AND state = 'issued' AND (revoked_at IS NULL OR reason = 6) ORDER BY not_after, serial LIMIT $5",
    )
    .bind(mark.until.0)
    .bind(mark.serial.as_str())
    .bind(horizon.0)
    .bind(least_ms)
    .bind(most)
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Due {
                serial: certificates::serial(row)?,
                issuer: row.try_get("issuer")?,
                profile: row.try_get("profile")?,
                user_id: row.try_get("user_id")?,
                not_after: Millis(row.try_get("not_after")?),
            })
        })
        .collect()
}

/// Stores a notice; false when it was given before.
pub(crate) async fn insert_notice(
    tx: &mut Tx,
    number: i64,
    serial: &Serial,
    days: u16,
    now: Millis,
) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_renewal_notice (number, serial, days, given_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (serial, days) DO NOTHING",
    )
    .bind(number)
    .bind(serial.to_string())
    .bind(i64::from(days))
    .bind(now.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A notice as it is read.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) number: i64,
    pub(crate) days: i64,
    pub(crate) at: Millis,
    pub(crate) ending: Ending,
}

/// Notices behind this number, in their order.
pub(crate) async fn notices(read: &AnyPool, after: i64, limit: i64) -> Result<Vec<Given>, db::Error> {
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT g.number, g.days, g.given_at, {COLUMNS} FROM ca_renewal_notice g \
         JOIN ca_certificate c ON c.serial = g.serial \
         LEFT JOIN ca_renewal_acknowledgement a ON a.serial = g.serial \
         WHERE g.number > $1 ORDER BY g.number LIMIT $2"
    )))
    .bind(after)
    .bind(limit)
    .fetch_all(read)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Given {
                number: row.try_get("number")?,
                days: row.try_get("days")?,
                at: Millis(row.try_get("given_at")?),
                ending: ending(row)?,
            })
        })
        .collect()
}
