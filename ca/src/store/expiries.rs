//! `ca_expiry_day`: how many certificates of a profile end on each day, and the same counted from the certificates.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::{AnyPool, Row as _};

use super::certificates::Moved;
use super::take_turn;
use crate::profile::{Counts, DAY_MS, Window};
use crate::serial::Serial;

/// How often a day is chosen anew because a process of before, which takes no turn, took places meanwhile.
const MOST_CHOICES: usize = 32;

/// What came of looking for a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A place on this day is taken, until the transaction is undone or [`give_back`] is called.
    Taken(i64),
    /// Every day has its share.
    NoneLeft,
}

/// Takes a place on the day on which the fewest end.
///
/// One process takes places at a time, until its commit: a transaction has places on many days, and two that each held a day
/// which the other wants would wait for each other until the database ends one. The row of the day is changed only if it
/// still is as it was read, so of two that want the last place one gets it.
pub(crate) async fn take(
    tx: &mut Tx,
    profile: &str,
    window: &Window,
    before: Option<Millis>,
) -> Result<Place, db::Error> {
    take_turn(tx).await?;
    for _ in 0..MOST_CHOICES {
        let counts = counts(tx, profile, window).await?;
        let Some(day) = window.choose(&counts, before) else { return Ok(Place::NoneLeft) };
        let seen = counts.get(&day).copied().unwrap_or(0);
        if add_one(tx, profile, day, seen).await? == Moved::Moved {
            return Ok(Place::Taken(day));
        }
    }
    Err(db::Error::Busy)
}

/// Whether a day of the window has a place left now. None is taken.
pub(crate) async fn is_left(tx: &mut Tx, profile: &str, window: &Window) -> Result<bool, db::Error> {
    Ok(window.choose(&counts(tx, profile, window).await?, None).is_some())
}

/// How many end on each day of the window; a day that was never counted is counted now.
async fn counts(tx: &mut Tx, profile: &str, window: &Window) -> Result<Counts, db::Error> {
    let (Some(first), Some(last)) = (window.days().first(), window.days().last()) else {
        return Ok(Counts::new());
    };
    let known = known_counts(tx, profile, *first, *last).await?;
    let missing: Vec<i64> = window.days().iter().copied().filter(|day| !known.contains_key(day)).collect();
    if missing.is_empty() {
        return Ok(known);
    }
    for day in missing {
        begin_counting(tx, profile, day).await?;
    }
    known_counts(tx, profile, *first, *last).await
}

async fn known_counts(tx: &mut Tx, profile: &str, first: i64, last: i64) -> Result<Counts, db::Error> {
    let rows =
        sqlx::query("SELECT day, due FROM ca_expiry_day WHERE profile = $1 AND day >= $2 AND day <= $3")
            .bind(profile)
            .bind(first)
            .bind(last)
            .fetch_all(tx)
            .await?;
    rows.iter().map(|row| Ok((row.try_get("day")?, row.try_get("due")?))).collect()
}

/// Begins with the certificates that end on this day already: those of before the profile was spread.
async fn begin_counting(tx: &mut Tx, profile: &str, day: i64) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_expiry_day (profile, day, due) \
         SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), COUNT(*) FROM ca_certificate \
         WHERE profile = $1 AND not_after >= $3 AND not_after < $4 AND state <> 'dropped' \
         ON CONFLICT (profile, day) DO NOTHING",
    )
    .bind(profile)
    .bind(day)
    .bind(day * DAY_MS)
    .bind((day + 1) * DAY_MS)
    .execute(tx)
    .await?;
    Ok(())
}

async fn add_one(tx: &mut Tx, profile: &str, day: i64, seen: i64) -> Result<Moved, db::Error> {
    let done =
        sqlx::query("UPDATE ca_expiry_day SET due = due + 1 WHERE profile = $1 AND day = $2 AND due = $3")
            .bind(profile)
            .bind(day)
            .bind(seen)
            .execute(tx)
            .await?;
    Ok(Moved::from_rows(done.rows_affected()))
}

/// Gives back the place of a serial for which nothing was signed. Called once, in the transaction that closes it.
pub(super) async fn give_back(tx: &mut Tx, serial: &Serial) -> Result<(), db::Error> {
    let counted = "SELECT 1 FROM ca_certificate WHERE serial = $1 AND expiry_day IS NOT NULL";
    if sqlx::query(counted).bind(serial.to_string()).fetch_optional(&mut *tx).await?.is_none() {
        return Ok(());
    }
    take_turn(tx).await?;
    sqlx::query(
        "UPDATE ca_expiry_day SET due = due - 1 WHERE due > 0 AND (profile, day) IN \
         (SELECT profile, expiry_day FROM ca_certificate WHERE serial = $1 AND expiry_day IS NOT NULL)",
    )
    .bind(serial.to_string())
    .execute(tx)
    .await?;
    Ok(())
}

/// How many certificates in force end on one day, of one profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) day: i64,
    pub(crate) profile: String,
    pub(crate) certificates: i64,
}

/// Which certificates are counted.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub(crate) first_day: i64,
    pub(crate) last_day: i64,
    pub(crate) profile: Option<String>,
}

/// Counts the certificates in force, those on hold with them, by the day of their end and by profile.
pub(crate) async fn count(read: &AnyPool, counted: &Counted) -> Result<Vec<Due>, db::Error> {
    let of_profile = if counted.profile.is_some() { "profile = $3" } else { "$3 = $3" };
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT not_after / {DAY_MS} AS day, profile, CAST(COUNT(*) AS BIGINT) AS certificates FROM ca_certificate \
         WHERE not_after >= $1 AND not_after < $2 AND {of_profile} AND state = 'issued' \
         AND (revoked_at IS NULL OR reason = 6) \
         GROUP BY not_after / {DAY_MS}, profile ORDER BY 1, 2"
    )))
    .bind(counted.first_day * DAY_MS)
    .bind((counted.last_day + 1) * DAY_MS)
    .bind(counted.profile.clone().unwrap_or_default())
    .fetch_all(read)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Due {
                day: row.try_get("day")?,
                profile: row.try_get("profile")?,
                certificates: row.try_get("certificates")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use platform::db::testing::TestDb;
    use platform::db::{Db, Engine};

    use super::*;
    use crate::digest::sha256;
    use crate::profile::{Spread, Weekends};
    use crate::serial::Instance;
    use crate::store::certificates::{Content, Reservation, reserve};

    const NOW: Millis = Millis(1_800_000_000_000);
    const SHARE: u32 = 323;

    /// A row as a request would reserve it.
    fn row(instance: Instance) -> Reservation {
        let serial = Serial::new(instance, crate::serial::random_octets().unwrap());
        Reservation {
            serial,
            issuer: "card".to_owned(),
            profile: "card-signing".to_owned(),
            instance,
            shard: 0,
            subject: "CN=row".to_owned(),
            common_name: "row".to_owned(),
            user_id: None,
            system_id: None,
            not_before: NOW,
            not_after: Millis(NOW.0 + 730 * DAY_MS - 1000),
            at: NOW,
            profile_version: 1,
            spki_sha256: sha256(serial.to_string().as_bytes()),
            expiry_day: None,
        }
    }

    /// Reserves so many rows and says how many found a place.
    async fn bulk(db: Db, instance: u8, rows: usize) -> usize {
        let instance = Instance::try_from(instance).unwrap();
        // A deadlock is not tried again: two processes take their places one after the other.
        let placed = db.write(move |tx: &mut Tx| {
            Box::pin(async move {
                let spread = Spread { days: 30, most_per_day: Some(SHARE), weekends: Weekends::Used };
                let mut placed = 0;
                for _ in 0..rows {
                    let mut row = row(instance);
                    let window = Window::new(spread, row.not_after, NOW);
                    let Place::Taken(day) = take(tx, &row.profile, &window, None).await? else { continue };
                    row.expiry_day = Some(day);
                    row.not_after = window.end_on(day);
                    reserve(tx, &[(&row, &Content::Dropped)]).await?;
                    placed += 1;
                }
                Ok::<usize, db::Error>(placed)
            })
        });
        placed.await.unwrap()
    }

    /// Two processes reserve ten thousand rows at the same time, and 200 more than there are places for.
    fn no_day_is_above_its_share(engine: Engine) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let database = TestDb::new(engine).await;
            let other = Db::connect(&database.config, platform::clock::Clock::system()).await.unwrap();
            // Job after job in each process: a transaction with thousands of rows would hold up the other for too long.
            let process = async |db: &Db, instance: u8| {
                let mut placed = 0;
                for _ in 0..51 {
                    placed += bulk(db.clone(), instance, 100).await;
                }
                placed
            };
            let (one, two) = tokio::join!(process(&database.db, 1), process(&other, 2));
            let placed = one + two;
            assert_eq!(placed, 31 * SHARE as usize);
            let counted = Counted {
                first_day: day_of(NOW) + 690,
                last_day: day_of(NOW) + 740,
                profile: Some("card-signing".to_owned()),
            };
            // Only what is issued counts for planners; here nothing is signed.
            assert!(count(database.db.read(), &counted).await.unwrap().is_empty());
            let mut days = rows_by_day(&database.db).await;
            days.dedup();
            assert_eq!(days, [(31, i64::from(SHARE), i64::from(SHARE))]);
            other.close().await;
            database.db.close().await;
        });
    }

    fn day_of(at: Millis) -> i64 {
        crate::profile::day(at)
    }

    /// How many days have rows, the fewest and the most rows of a day: as counted and as they are.
    async fn rows_by_day(db: &Db) -> Vec<(i64, i64, i64)> {
        let real = format!("SELECT COUNT(*) AS due FROM ca_certificate GROUP BY not_after / {DAY_MS}");
        let mut found = Vec::new();
        for rows in ["SELECT due FROM ca_expiry_day", real.as_str()] {
            let sql = format!(
                "SELECT COUNT(*) AS days, CAST(MIN(due) AS BIGINT) AS fewest, CAST(MAX(due) AS BIGINT) AS most \
                 FROM ({rows}) AS d"
            );
            let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(db.read()).await.unwrap();
            found.push((row.get("days"), row.get("fewest"), row.get("most")));
        }
        found
    }

    /// Of 10,200 rows that two processes reserve, as many find a place as there are, on SQLite.
    #[test]
    fn no_day_is_above_its_share_on_sqlite() {
        no_day_is_above_its_share(Engine::Sqlite);
    }

    /// Of 10,200 rows that two processes reserve, as many find a place as there are, on `PostgreSQL`.
    #[test]
    fn no_day_is_above_its_share_on_postgres() {
        no_day_is_above_its_share(Engine::Postgres);
    }
}
