//! `ca_certificate`: one row for each serial ever given.

use std::sync::Arc;

use platform::clock::Millis;
use platform::db::rows::{places, portions};
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use super::{expiries, millis, reason, scopes};
use crate::api::Reason;
use crate::digest::sha256;
use crate::revocation::EARLIEST_INVALIDITY;
use crate::serial::{Instance, Serial};

/// What a serial's first row holds beside what is known of it.
#[derive(Clone)]
pub(crate) enum Content {
    /// Bytes that passed every lint: the serial may be signed from here on.
    Linted(Arc<Vec<u8>>),
    /// Nothing was to be signed after all.
    Dropped,
}

impl Content {
    fn state(&self) -> State {
        match self {
            Content::Linted(_) => State::Linted,
            Content::Dropped => State::Dropped,
        }
    }

    fn tbs(&self) -> Option<&[u8]> {
        match self {
            Content::Linted(tbs) => Some(tbs.as_slice()),
            Content::Dropped => None,
        }
    }
}

/// A serial's first row.
#[derive(Clone)]
pub(crate) struct Reservation {
    pub(crate) serial: Serial,
    pub(crate) issuer: String,
    pub(crate) profile: String,
    pub(crate) instance: Instance,
    pub(crate) shard: i64,
    pub(crate) subject: String,
    pub(crate) common_name: String,
    pub(crate) user_id: Option<String>,
    /// In small letters: two that differ in these are one system.
    pub(crate) system_id: Option<String>,
    pub(crate) not_before: Millis,
    pub(crate) not_after: Millis,
    pub(crate) at: Millis,
    pub(crate) profile_version: i64,
    /// SHA-256 of the `SubjectPublicKeyInfo`.
    pub(crate) spki_sha256: Vec<u8>,
    /// The day that its end is counted on, where the profile's ends are spread.
    pub(crate) expiry_day: Option<i64>,
}

/// Where a serial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Given; nothing encoded. Only processes of before left rows in this state.
    Reserved,
    /// To-be-signed bytes are stored.
    Linted,
    /// The certificate is stored.
    Issued,
    /// Closed; nothing was signed.
    Dropped,
    /// Closed; something may have been signed.
    Abandoned,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::Reserved => "reserved",
            State::Linted => "linted",
            State::Issued => "issued",
            State::Dropped => "dropped",
            State::Abandoned => "abandoned",
        }
    }

    pub(super) fn parse(text: &str) -> Result<State, db::Error> {
        [State::Reserved, State::Linted, State::Issued, State::Dropped, State::Abandoned]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| db::Error::corrupt("ca_certificate.state", text))
    }
}

/// A row as it is read.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) serial: Serial,
    pub(crate) issuer: String,
    pub(crate) profile: String,
    pub(crate) state: State,
    pub(crate) subject: String,
    pub(crate) user_id: Option<String>,
    /// In small letters.
    pub(crate) system_id: Option<String>,
    pub(crate) not_before: Millis,
    pub(crate) not_after: Millis,
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) revocation: Option<Revocation>,
    /// Absent in rows of before profiles had versions.
    pub(crate) profile_version: Option<i64>,
    pub(crate) certificate_sha256: Option<Vec<u8>>,
}

/// When and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revocation {
    pub(crate) revoked_at: Millis,
    pub(crate) reason: Reason,
    pub(crate) invalidity_date: Option<Millis>,
}

/// Gives serials. A second row of the same serial is an error.
pub(crate) async fn reserve(tx: &mut Tx, reservations: &[(&Reservation, &Content)]) -> Result<(), db::Error> {
    for portion in portions(reservations) {
        let mut query = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO ca_certificate \
             (serial, issuer, profile, instance, subject, common_name, user_id, not_before, not_after, reserved_at, \
             profile_version, spki_sha256, shard, state, tbs, expiry_day, system_id) VALUES {}",
            places(portion.len(), 17)
        )));
        for (reservation, content) in portion {
            query = query
                .bind(reservation.serial.to_string())
                .bind(reservation.issuer.as_str())
                .bind(reservation.profile.as_str())
                .bind(i64::from(reservation.instance.number()))
                .bind(reservation.subject.as_str())
                .bind(reservation.common_name.as_str())
                .bind(reservation.user_id.as_deref())
                .bind(reservation.not_before.0)
                .bind(reservation.not_after.0)
                .bind(reservation.at.0)
                .bind(reservation.profile_version)
                .bind(reservation.spki_sha256.as_slice())
                .bind(reservation.shard)
                .bind(content.state().as_str())
                .bind(content.tbs())
                .bind(reservation.expiry_day)
                .bind(reservation.system_id.as_deref());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Whether the row was still in the state that a step expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Moved {
    Moved,
    /// Another has closed the serial.
    NotThere,
}

impl Moved {
    pub(super) fn from_rows(rows: u64) -> Moved {
        if rows == 1 { Moved::Moved } else { Moved::NotThere }
    }
}

/// Stores certificates and drops the to-be-signed bytes, which they contain. When one of them was closed by another the
/// transaction has to be undone.
pub(crate) async fn mark_issued(tx: &mut Tx, issued: &[(&Serial, &[u8])]) -> Result<Moved, db::Error> {
    for portion in portions(issued) {
        let mut query = sqlx::query(AssertSqlSafe(format!(
            "WITH made (serial, certificate, sha256) AS (VALUES {}) \
             UPDATE ca_certificate SET state = 'issued', certificate = made.certificate, \
               certificate_sha256 = made.sha256, tbs = NULL FROM made \
             WHERE ca_certificate.serial = made.serial AND ca_certificate.state = 'linted'",
            places(portion.len(), 3)
        )));
        for (serial, certificate) in portion {
            query = query.bind(serial.to_string()).bind(*certificate).bind(sha256(certificate));
        }
        if query.execute(&mut *tx).await?.rows_affected() != portion.len() as u64 {
            return Ok(Moved::NotThere);
        }
    }
    Ok(Moved::Moved)
}

/// Closes a serial for which nothing was signed.
pub(crate) async fn mark_dropped(tx: &mut Tx, serial: &Serial, from: State) -> Result<Moved, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_certificate SET state = 'dropped', tbs = NULL WHERE serial = $1 AND state = $2",
    )
    .bind(serial.to_string())
    .bind(from.as_str())
    .execute(&mut *tx)
    .await?;
    let moved = Moved::from_rows(done.rows_affected());
    if moved == Moved::Moved {
        expiries::give_back(tx, serial).await?;
    }
    Ok(moved)
}

/// Closes a serial that may have been signed. The bytes are kept: they say what may be out there.
pub(crate) async fn mark_abandoned(tx: &mut Tx, serial: &Serial, at: Millis) -> Result<Moved, db::Error> {
    let serial = serial.to_string();
    scopes::count(tx, &serial).await?;
    let query = AssertSqlSafe(format!(
        "UPDATE ca_certificate SET state = 'abandoned', revoked_at = $1, reason = 0, changed = {COUNTED} \
         WHERE serial = $2 AND state = 'linted'"
    ));
    let done = sqlx::query(query).bind(at.0).bind(serial).execute(tx).await?;
    Ok(Moved::from_rows(done.rows_affected()))
}

/// Serials that no step has closed, of this instance or older than `before`.
pub(crate) async fn open_serials(
    read: &AnyPool,
    instance: Option<Instance>,
    before: Millis,
) -> Result<Vec<(Serial, String, State)>, db::Error> {
    let rows = sqlx::query(
        "SELECT serial, issuer, state FROM ca_certificate \
         WHERE state IN ('reserved', 'linted') AND (instance = $1 OR reserved_at < $2) \
         ORDER BY reserved_at, serial LIMIT 10000",
    )
    .bind(instance.map_or(0, |instance| i64::from(instance.number())))
    .bind(before.0)
    .fetch_all(read)
    .await?;
    rows.iter()
        .map(|row| Ok((serial(row)?, row.try_get("issuer")?, State::parse(row.try_get("state")?)?)))
        .collect()
}

const BY_SERIAL: &str = "SELECT serial, issuer, profile, state, subject, user_id, not_before, not_after, \
     certificate, revoked_at, reason, invalidity_at, profile_version, certificate_sha256, system_id FROM ca_certificate \
     WHERE serial = $1";

pub(crate) async fn by_serial(read: &AnyPool, wanted: &Serial) -> Result<Option<Stored>, db::Error> {
    let row = sqlx::query(BY_SERIAL).bind(wanted.to_string()).fetch_optional(read).await?;
    row.as_ref().map(stored).transpose()
}

/// The same inside a job, where it sees what the job has written.
pub(crate) async fn by_serial_in(tx: &mut Tx, wanted: &Serial) -> Result<Option<Stored>, db::Error> {
    let row = sqlx::query(BY_SERIAL).bind(wanted.to_string()).fetch_optional(tx).await?;
    row.as_ref().map(stored).transpose()
}

/// Revokes, or changes the revocation, whatever was there before: the rule has been asked.
pub(crate) async fn mark_revoked(
    tx: &mut Tx,
    serial: &Serial,
    revocation: &Revocation,
) -> Result<Moved, db::Error> {
    set_revoked(tx, serial, revocation, State::Issued).await.map(Moved::from_rows)
}

async fn set_revoked(
    tx: &mut Tx,
    serial: &Serial,
    revocation: &Revocation,
    state: State,
) -> Result<u64, db::Error> {
    let serial = serial.to_string();
    scopes::count(tx, &serial).await?;
    let query = AssertSqlSafe(format!(
        "UPDATE ca_certificate SET revoked_at = $1, reason = $2, invalidity_at = $3, changed = {COUNTED} \
         WHERE serial = $4 AND state = $5"
    ));
    let done = sqlx::query(query)
        .bind(revocation.revoked_at.0)
        .bind(i64::from(revocation.reason.code()))
        .bind(revocation.invalidity_date.map(|at| at.0))
        .bind(serial)
        .bind(state.as_str())
        .execute(tx)
        .await?;
    Ok(done.rows_affected())
}

/// How many certificates of one key are revoked with it at most.
const MOST_TWINS: i64 = 1000;

/// Other certificates of this one's key that are in force, on hold or being made, in the order in which every process takes them.
pub(crate) async fn of_the_same_key(
    tx: &mut Tx,
    serial: &Serial,
    now: Millis,
) -> Result<Vec<Serial>, db::Error> {
    let rows = sqlx::query(
        "SELECT twin.serial AS serial FROM ca_certificate known \
         JOIN ca_certificate twin ON twin.spki_sha256 = known.spki_sha256 \
         WHERE known.serial = $1 AND twin.serial <> $1 AND twin.state IN ('issued', 'linted') AND twin.not_after >= $2 \
           AND (twin.reason IS NULL OR twin.reason = 6) ORDER BY twin.serial LIMIT $3",
    )
    .bind(serial.to_string())
    .bind(now.0)
    .bind(MOST_TWINS)
    .fetch_all(tx)
    .await?;
    rows.iter().map(self::serial).collect()
}

/// Lifts a hold.
pub(crate) async fn mark_resumed(tx: &mut Tx, serial: &Serial) -> Result<Moved, db::Error> {
    let serial = serial.to_string();
    scopes::count(tx, &serial).await?;
    let query = AssertSqlSafe(format!(
        "UPDATE ca_certificate SET revoked_at = NULL, reason = NULL, invalidity_at = NULL, changed = {COUNTED} \
         WHERE serial = $1 AND state = 'issued' AND reason = 6"
    ));
    let done = sqlx::query(query).bind(serial).execute(tx).await?;
    Ok(Moved::from_rows(done.rows_affected()))
}

/// The count of a certificate's scope; what changed after a list was made has a higher one than the list knows.
const COUNTED: &str = "(SELECT ca_scope.changes FROM ca_scope \
     WHERE ca_scope.issuer = ca_certificate.issuer AND ca_scope.shard = ca_certificate.shard)";

/// A certificate or serial that came from outside and may have no row.
pub(crate) struct Adoption {
    pub(crate) serial: Serial,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) common_name: String,
    pub(crate) not_before: Millis,
    pub(crate) not_after: Millis,
    pub(crate) at: Millis,
    pub(crate) certificate: Option<Vec<u8>>,
    /// SHA-256 of the `SubjectPublicKeyInfo`, where there is a certificate.
    pub(crate) spki_sha256: Option<Vec<u8>>,
    pub(crate) shard: i64,
    /// The system that the certificate names, in small letters.
    pub(crate) system_id: Option<String>,
    /// The person whom it names.
    pub(crate) user_id: Option<String>,
}

/// Makes a row where there is none: issued with a certificate, abandoned without. One that was made without it is filled in, and its
/// revocation stays. Whose it is is known by the person or the system that it names, or by its key, which serves one person: what ends
/// all certificates of that person, or system, finds it too.
pub(crate) async fn adopt(
    tx: &mut Tx,
    adoption: &Adoption,
    revocation: Option<&Revocation>,
) -> Result<bool, db::Error> {
    let state = if adoption.certificate.is_some() { State::Issued } else { State::Abandoned };
    let done = sqlx::query(
        "INSERT INTO ca_certificate (serial, issuer, profile, state, instance, subject, common_name, \
         not_before, not_after, reserved_at, certificate, certificate_sha256, spki_sha256, shard, system_id, user_id) \
         VALUES ($1, $2, 'taken-in', $3, 0, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
         COALESCE($14, (SELECT MAX(known.user_id) FROM ca_certificate known WHERE known.spki_sha256 = $11))) \
         ON CONFLICT (serial) DO UPDATE SET state = excluded.state, subject = excluded.subject, \
           common_name = excluded.common_name, not_before = excluded.not_before, not_after = excluded.not_after, \
           certificate = excluded.certificate, certificate_sha256 = excluded.certificate_sha256, \
           spki_sha256 = excluded.spki_sha256, system_id = excluded.system_id, user_id = excluded.user_id \
         WHERE ca_certificate.profile = 'taken-in' AND ca_certificate.certificate IS NULL \
           AND excluded.certificate IS NOT NULL",
    )
    .bind(adoption.serial.to_string())
    .bind(adoption.issuer.as_str())
    .bind(state.as_str())
    .bind(adoption.subject.as_str())
    .bind(adoption.common_name.as_str())
    .bind(adoption.not_before.0)
    .bind(adoption.not_after.0)
    .bind(adoption.at.0)
    .bind(adoption.certificate.as_deref())
    .bind(adoption.certificate.as_deref().map(sha256))
    .bind(adoption.spki_sha256.as_deref())
    .bind(adoption.shard)
    .bind(adoption.system_id.as_deref())
    .bind(adoption.user_id.as_deref())
    .execute(&mut *tx)
    .await?;
    let made = done.rows_affected() == 1;
    if let Some(revocation) = revocation.filter(|_| made) {
        set_revoked(tx, &adoption.serial, revocation, state).await?;
    }
    Ok(made)
}

/// A time since which a key was unsafe, as it can be told: one row with a time that no reader takes must not hold back a list.
pub(super) fn told(invalidity_date: Option<Millis>) -> Option<Millis> {
    invalidity_date.map(|date| date.max(EARLIEST_INVALIDITY))
}

pub(super) fn stored(row: &AnyRow) -> Result<Stored, db::Error> {
    let revoked_at = millis(row.try_get("revoked_at")?);
    let revocation = match (revoked_at, reason(row.try_get("reason")?)?) {
        (Some(revoked_at), Some(reason)) => {
            let invalidity_date = told(millis(row.try_get("invalidity_at")?));
            Some(Revocation { revoked_at, reason, invalidity_date })
        }
        _ => None,
    };
    Ok(Stored {
        serial: serial(row)?,
        issuer: row.try_get("issuer")?,
        profile: row.try_get("profile")?,
        state: State::parse(row.try_get("state")?)?,
        subject: row.try_get("subject")?,
        user_id: row.try_get("user_id")?,
        system_id: row.try_get("system_id")?,
        not_before: Millis(row.try_get("not_before")?),
        not_after: Millis(row.try_get("not_after")?),
        certificate: row.try_get("certificate")?,
        revocation,
        profile_version: row.try_get("profile_version")?,
        certificate_sha256: row.try_get("certificate_sha256")?,
    })
}

pub(super) fn serial(row: &AnyRow) -> Result<Serial, db::Error> {
    let text: &str = row.try_get("serial")?;
    Serial::parse(text).ok_or_else(|| db::Error::corrupt("ca_certificate.serial", text))
}
