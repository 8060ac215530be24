//! Searching `ca_certificate`, a page at a time, in an order that has an index for every search.

use platform::clock::Millis;
use platform::db;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use super::certificates::{self, Stored};
use crate::api::CertificateState;
use crate::digest::sha256;
use crate::serial::Serial;

/// Which rows a page holds. Dropped and open serials are nobody's business.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) who: Who,
    pub(crate) profile: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) state: Option<CertificateState>,
    /// Ends at this time or later.
    pub(crate) expires_from: Option<Millis>,
    /// Ends before this time.
    pub(crate) expires_before: Option<Millis>,
    pub(crate) now: Millis,
}

/// What a search is led by: each has its own index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Anybody,
    Person(String),
    /// By its identifier in small letters.
    System(String),
    CommonName(String),
    Serial(Serial),
    Fingerprint(Vec<u8>),
}

/// In which order rows come, and behind which row a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// By serial.
    Serial(Option<Serial>),
    /// By the end of validity, then by serial.
    Expiry(Option<(Millis, Serial)>),
}

impl Filter {
    /// Few rows name one person, so they are sorted by serial; what may be millions is walked by its end.
    pub(crate) fn by_expiry(&self) -> bool {
        let narrowed = self.profile.is_some() || self.issuer.is_some() || self.state.is_some();
        let timed = self.expires_from.is_some() || self.expires_before.is_some();
        self.who == Who::Anybody && (narrowed || timed)
    }
}

/// One page. The rows after it are asked for with the place of its last row.
pub(crate) async fn page(
    read: &AnyPool,
    filter: &Filter,
    place: Place,
    limit: i64,
) -> Result<Vec<Stored>, db::Error> {
    let (who, text, octets) = match &filter.who {
        Who::Anybody => ("1 = 1", String::new(), Vec::new()),
        Who::Person(user_id) => ("user_id = $1", user_id.clone(), Vec::new()),
        Who::System(system_id) => ("system_id = $1", system_id.clone(), Vec::new()),
        Who::CommonName(name) => ("common_name = $1", name.clone(), Vec::new()),
        Who::Serial(serial) => ("serial = $1", serial.to_string(), Vec::new()),
        Who::Fingerprint(sha256) => ("certificate_sha256 = $9", String::new(), sha256.clone()),
    };
    let profile = if filter.profile.is_some() { "profile = $2" } else { "1 = 1" };
    let issuer = if filter.issuer.is_some() { "issuer = $3" } else { "1 = 1" };
    let (behind, order) = match place {
        Place::Serial(_) => ("serial > $7", "serial"),
        Place::Expiry(_) => ("(not_after, serial) > ($8, $7)", "not_after, serial"),
    };
    let state = state(filter.state);
    let (from, before) = window(filter);
    let (after_end, after_serial) = match place {
        Place::Serial(after) => (0, after),
        Place::Expiry(after) => (after.map_or(i64::MIN, |(end, _)| end.0), after.map(|(_, serial)| serial)),
    };
    // Put together from constants only. Every parameter stands in every form, so that their numbers stay.
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT serial, issuer, profile, state, subject, user_id, not_before, not_after, certificate, revoked_at, \
         reason, invalidity_at, profile_version, certificate_sha256, system_id FROM ca_certificate \
         WHERE {who} AND {profile} AND {issuer} AND {state} AND not_after >= $4 AND not_after < $5 AND {behind} \
         AND $1 = $1 AND $2 = $2 AND $3 = $3 AND $8 = $8 AND $9 = $9 ORDER BY {order} LIMIT $6"
    )))
    .bind(text)
    .bind(filter.profile.clone().unwrap_or_default())
    .bind(filter.issuer.clone().unwrap_or_default())
    .bind(from.0)
    .bind(before.0)
    .bind(limit)
    .bind(after_serial.map(|serial| serial.to_string()).unwrap_or_default())
    .bind(after_end)
    .bind(octets)
    .fetch_all(read)
    .await?;
    rows.iter().map(certificates::stored).collect()
}

/// The part of a state that is no time.
fn state(state: Option<CertificateState>) -> &'static str {
    use CertificateState::{Abandoned, Expired, Held, Issued, Revoked};
    match state {
        None => "state IN ('issued', 'abandoned')",
        Some(Issued | Expired) => "state = 'issued' AND revoked_at IS NULL",
        Some(Held) => "state = 'issued' AND revoked_at IS NOT NULL AND reason = 6",
        Some(Revoked) => "state = 'issued' AND revoked_at IS NOT NULL AND reason <> 6",
        Some(Abandoned) => "state = 'abandoned' AND revoked_at IS NOT NULL",
    }
}

/// The window of ends: what was asked for, and what the state says.
fn window(filter: &Filter) -> (Millis, Millis) {
    let (mut from, mut before) =
        (filter.expires_from.unwrap_or(Millis(i64::MIN)), filter.expires_before.unwrap_or(Millis(i64::MAX)));
    match filter.state {
        Some(CertificateState::Issued) => from = from.max(filter.now),
        Some(CertificateState::Expired) => before = before.min(filter.now),
        _ => {}
    }
    (from, before)
}

/// Certificates of before hashes were kept, with their octets.
pub(crate) async fn unhashed(read: &AnyPool, limit: i64) -> Result<Vec<(Serial, Vec<u8>)>, db::Error> {
    let rows = sqlx::query(
        "SELECT serial, certificate FROM ca_certificate \
         WHERE certificate IS NOT NULL AND certificate_sha256 IS NULL ORDER BY serial LIMIT $1",
    )
    .bind(limit)
    .fetch_all(read)
    .await?;
    rows.iter().map(|row: &AnyRow| Ok((certificates::serial(row)?, row.try_get("certificate")?))).collect()
}

/// Keeps the hashes of a certificate of before.
pub(crate) async fn keep_hashes(
    tx: &mut db::Tx,
    serial: &Serial,
    certificate: &[u8],
    spki: Option<&[u8]>,
) -> Result<(), db::Error> {
    sqlx::query(
        "UPDATE ca_certificate SET certificate_sha256 = $1, spki_sha256 = $2 \
         WHERE serial = $3 AND certificate_sha256 IS NULL",
    )
    .bind(sha256(certificate))
    .bind(spki.map(sha256))
    .bind(serial.to_string())
    .execute(tx)
    .await?;
    Ok(())
}
