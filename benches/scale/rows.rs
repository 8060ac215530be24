//! Rows without signatures: what an authority has after years, written by the engine itself.

use platform::db::{self, Db, Engine, Tx};
use sqlx::AssertSqlSafe;

/// The issuer that all of them are of.
pub(crate) const ISSUER: &str = "remote-signing";
/// How many certificates each person has.
const EACH: u64 = 3;
/// One in so many is revoked.
const REVOKED: u64 = 10;
/// How many rows are written at a time.
const CHUNK: u64 = 25_000;

/// So many certificates.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) count: u64,
}

impl Rows {
    /// How far apart serials are: they are spread over all there could be, as random ones are.
    fn step(self) -> u64 {
        (u64::MAX >> 1) / self.count
    }

    /// The serial of a row.
    pub(crate) fn serial(self, row: u64) -> String {
        format!("01{:016x}{row:018x}", row * self.step())
    }

    /// The person that a row names.
    pub(crate) fn person(row: u64) -> String {
        format!("{:012}", 555_000_000_000 + row / EACH)
    }

    /// Whether a row is of one that was written as revoked.
    pub(crate) fn is_revoked(row: u64) -> bool {
        row.is_multiple_of(REVOKED)
    }

    /// How many of them are revoked.
    pub(crate) fn revoked(self) -> u64 {
        self.count.div_ceil(REVOKED)
    }

    /// Writes them, each with this certificate.
    pub(crate) async fn write(self, db: &Db, certificate: &[u8]) -> anyhow::Result<()> {
        let engine = db.engine();
        for start in (0..self.count).step_by(usize::try_from(CHUNK)?) {
            let end = (start + CHUNK).min(self.count);
            let (rows, requests) =
                (self.certificates(engine, start, end), Self::requests(engine, start, end));
            let certificate = certificate.to_vec();
            let written: Result<(), db::Error> = db
                .write(move |tx: &mut Tx| {
                    Box::pin(async move {
                        sqlx::query(AssertSqlSafe(rows)).bind(certificate).execute(&mut *tx).await?;
                        sqlx::query(AssertSqlSafe(requests)).execute(tx).await?;
                        Ok(())
                    })
                })
                .await;
            written?;
        }
        Ok(())
    }

    fn certificates(self, engine: Engine, start: u64, end: u64) -> String {
        let step = self.step();
        // Hashes of 32 octets that rise with the rows: a million random places would take hours to write.
        let (serial, person, hash) = match engine {
            Engine::Sqlite => (
                format!("printf('01%016x%018x', i * {step}, i)"),
                format!("printf('%012d', 555000000000 + i / {EACH})"),
                format!("CAST(printf('%016x%016x', i * {step}, i) AS BLOB)"),
            ),
            Engine::Postgres => (
                format!("'01' || lpad(to_hex(i * {step}), 16, '0') || lpad(to_hex(i), 18, '0')"),
                format!("lpad(CAST(555000000000 + i / {EACH} AS TEXT), 12, '0')"),
                format!("CAST(lpad(to_hex(i * {step}), 16, '0') || lpad(to_hex(i), 16, '0') AS BYTEA)"),
            ),
        };
        format!(
            "INSERT INTO ca_certificate (serial, issuer, profile, state, instance, subject, common_name, user_id, \
             not_before, not_after, reserved_at, certificate, certificate_sha256, spki_sha256, revoked_at, reason, changed) \
             SELECT {serial}, '{ISSUER}', 'prescriber-remote-signing', 'issued', 1, \
               'CN=' || {person} || '_Zoe_ONeill,OU=People,O=Lanyard', {person} || '_Zoe_ONeill', {person}, \
               1700000000000, 4000000000000, 1700000000000, $1, {hash}, {hash}, \
               CASE WHEN i % {REVOKED} = 0 THEN 1750000000000 END, CASE WHEN i % {REVOKED} = 0 THEN i % 6 END, \
               CASE WHEN i % {REVOKED} = 0 THEN 0 END \
             FROM {}",
            numbers(engine, start, end)
        )
    }

    fn requests(engine: Engine, start: u64, end: u64) -> String {
        let name = match engine {
            Engine::Sqlite => "printf('enrol-%012d', i)",
            Engine::Postgres => "'enrol-' || lpad(CAST(i AS TEXT), 12, '0')",
        };
        format!(
            "INSERT INTO ca_request (client, request_id, content_sha256, serial) \
             SELECT 'generator', {name}, '', '' FROM {}",
            numbers(engine, start, end)
        )
    }
}

/// The numbers from `start` up to `end`, as a table with the column `i`.
fn numbers(engine: Engine, start: u64, end: u64) -> String {
    let last = end - 1;
    match engine {
        Engine::Sqlite => format!(
            "(WITH RECURSIVE n(i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n)"
        ),
        Engine::Postgres => format!("generate_series(CAST({start} AS BIGINT), {last}) AS n(i)"),
    }
}
