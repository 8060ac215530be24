//! The ledger: reading the rows of `signer_signing` and `signer_signature`.

use platform::clock::Millis;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use super::Reader;
use crate::api::SignatureForm;
use crate::error::Error;
use crate::ids::AuthorisationId;

/// A signature in the ledger.
#[derive(Clone, Debug)]
pub(crate) struct StoredSignature {
    pub(crate) position: usize,
    pub(crate) form: SignatureForm,
    pub(crate) signature: Vec<u8>,
    pub(crate) serial: String,
    pub(crate) signed_at: Millis,
}

/// Every signature made under an authorisation.
pub(crate) async fn of_authorisation<'c>(
    reader: impl Reader<'c>,
    authorisation: &AuthorisationId,
) -> Result<Vec<StoredSignature>, Error> {
    let rows: Vec<(i64, String, Vec<u8>, String, i64)> = sqlx::query_as(
        "SELECT s.position, s.form, s.signature, g.serial, g.signed_at FROM signer_signature s \
         JOIN signer_signing g ON g.signing_id = s.signing_id WHERE s.authorisation_id = $1",
    )
    .bind(authorisation.as_str())
    .fetch_all(reader)
    .await?;
    rows.into_iter()
        .map(|(position, form, signature, serial, signed_at)| {
            Ok(StoredSignature {
                position: parse_position(position)?,
                form: parse_form(&form)?,
                signature,
                serial,
                signed_at: Millis(signed_at),
            })
        })
        .collect()
}

/// A line of the ledger, as it is read by people.
pub(crate) struct LedgerRow {
    pub(crate) ordinal: i64,
    pub(crate) signing_id: String,
    pub(crate) position: i64,
    pub(crate) authorisation_id: String,
    pub(crate) user_id: String,
    pub(crate) serial: String,
    pub(crate) client: String,
    pub(crate) form: SignatureForm,
    pub(crate) digest: Vec<u8>,
    /// What the signature is over, where that is a longer digest; also nothing of what was signed before that was kept.
    pub(crate) hashed: Option<Vec<u8>>,
    pub(crate) signature: Vec<u8>,
    pub(crate) signed_at: Millis,
    /// With what its person proved to be there; nothing where they gave their passphrase.
    pub(crate) authenticator: Option<String>,
    pub(crate) method: Option<String>,
    /// The application's name for the document, and its patient.
    pub(crate) document: Option<String>,
    pub(crate) patient: Option<String>,
}

/// Which lines are asked for. What is absent is not asked about.
#[derive(Clone, Default, Debug)]
pub(crate) struct Wanted {
    pub(crate) credential: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) client: Option<String>,
    pub(crate) from: Option<Millis>,
    pub(crate) until: Option<Millis>,
    /// The place of the line before.
    pub(crate) after: (i64, i64),
}

/// How long it takes at most until what was signed is stored, with what two clocks may differ besides: far more than any wait there.
const ASTRAY_MS: i64 = 600_000;

const LINES: &str = "SELECT g.ordinal, g.signing_id, s.position, g.authorisation_id, c.user_id, g.serial, g.client, s.form, \
     s.digest, s.hashed, s.signature, g.signed_at, COALESCE(r.authenticator, k.authenticator) AS authenticator, \
     COALESCE(r.method, k.method) AS method, a.document, a.patient FROM signer_signing g \
     JOIN signer_signature s ON s.authorisation_id = g.authorisation_id AND s.signing_id = g.signing_id \
     JOIN signer_credential c ON c.credential_id = g.credential_id \
     LEFT JOIN signer_request r ON r.authorisation_id = g.authorisation_id \
     LEFT JOIN signer_consent k ON k.authorisation_id = g.authorisation_id \
     LEFT JOIN signer_about a ON a.authorisation_id = s.authorisation_id AND a.position = s.position";

fn line(row: &AnyRow) -> Result<LedgerRow, Error> {
    Ok(LedgerRow {
        ordinal: row.try_get("ordinal")?,
        signing_id: row.try_get("signing_id")?,
        position: row.try_get("position")?,
        authorisation_id: row.try_get("authorisation_id")?,
        user_id: row.try_get("user_id")?,
        serial: row.try_get("serial")?,
        client: row.try_get("client")?,
        form: parse_form(row.try_get("form")?)?,
        digest: row.try_get("digest")?,
        hashed: row.try_get("hashed")?,
        signature: row.try_get("signature")?,
        signed_at: Millis(row.try_get("signed_at")?),
        authenticator: row.try_get("authenticator")?,
        method: row.try_get("method")?,
        document: row.try_get("document")?,
        patient: row.try_get("patient")?,
    })
}

/// The lines that are asked for after a place in the ledger, oldest first.
pub(crate) async fn page(db: &AnyPool, wanted: &Wanted, limit: i64) -> Result<Vec<LedgerRow>, Error> {
    let (first, last) = ordinals(db, wanted).await?;
    let texts =
        [("g.credential_id", &wanted.credential), ("c.user_id", &wanted.user), ("g.client", &wanted.client)];
    let texts: Vec<(&str, &String)> =
        texts.into_iter().filter_map(|(column, text)| text.as_ref().map(|text| (column, text))).collect();
    // The text is made of constants and numbers alone. What is not asked about is not in it, so that an index is used.
    let mut sql = format!(
        "{LINES} WHERE g.ordinal >= $1 AND (g.ordinal > $1 OR s.position > $2) AND g.ordinal >= $6 AND g.ordinal <= $7"
    );
    for (place, (column, _)) in texts.iter().enumerate() {
        sql = format!("{sql} AND {column} = ${}", place + 8);
    }
    if wanted.from.is_some() || wanted.until.is_some() {
        sql += " AND g.signed_at >= $3 AND g.signed_at < $4";
    } else {
        // PostgreSQL wants a type for each value, used or not.
        sql += " AND $3 < $4";
    }
    let sql = format!("{sql} ORDER BY g.ordinal, s.position LIMIT $5");
    let mut query = sqlx::query(AssertSqlSafe(sql))
        .bind(wanted.after.0)
        .bind(wanted.after.1)
        .bind(wanted.from.map_or(0, |from| from.0))
        .bind(wanted.until.map_or(i64::MAX, |until| until.0))
        .bind(limit)
        .bind(first)
        .bind(last);
    for (_, text) in texts {
        query = query.bind(text.clone());
    }
    query.fetch_all(db).await?.iter().map(line).collect()
}

/// Between which ordinals a period lies, so that the ledger before and behind it is not read. Rows are stored in about the order of their
/// times: what is stored later than another, though it was signed before it, is so by less than [`ASTRAY_MS`].
async fn ordinals(db: &AnyPool, wanted: &Wanted) -> Result<(i64, i64), Error> {
    let first = match wanted.from {
        Some(from) => {
            let before = "SELECT ordinal FROM signer_signing WHERE signed_at < $1 ORDER BY signed_at DESC, ordinal DESC LIMIT 1";
            sqlx::query_scalar(before).bind(from.0.saturating_sub(ASTRAY_MS)).fetch_optional(db).await?
        }
        None => None,
    };
    let last = match wanted.until {
        Some(until) => {
            let after = "SELECT ordinal FROM signer_signing WHERE signed_at >= $1 ORDER BY signed_at, ordinal LIMIT 1";
            sqlx::query_scalar(after).bind(until.0.saturating_add(ASTRAY_MS)).fetch_optional(db).await?
        }
        None => None,
    };
    Ok((first.unwrap_or(0), last.unwrap_or(i64::MAX)))
}

/// The latest lines of a person before a place, latest first.
pub(crate) async fn latest<'c>(
    reader: impl Reader<'c>,
    user: &str,
    before: (i64, i64),
    limit: i64,
) -> Result<Vec<LedgerRow>, Error> {
    let sql = format!(
        "{LINES} WHERE c.user_id = $1 AND g.ordinal <= $2 AND (g.ordinal < $2 OR s.position < $3) \
         ORDER BY g.ordinal DESC, s.position DESC LIMIT $4"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(user.to_owned())
        .bind(before.0)
        .bind(before.1)
        .bind(limit)
        .fetch_all(reader)
        .await?;
    rows.iter().map(line).collect()
}

/// One line, by the request that was answered and the position in its authorisation.
pub(crate) async fn one<'c>(
    reader: impl Reader<'c>,
    signing: &str,
    position: i64,
) -> Result<Option<LedgerRow>, Error> {
    let sql = format!("{LINES} WHERE g.signing_id = $1 AND s.position = $2");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(signing.to_owned())
        .bind(position)
        .fetch_optional(reader)
        .await?;
    row.as_ref().map(line).transpose()
}

/// The line of a signature value by a certificate, if it was signed between these times.
pub(crate) async fn of_value<'c>(
    reader: impl Reader<'c>,
    serial: &str,
    signature: &[u8],
    (from, until): (Millis, Millis),
) -> Result<Option<LedgerRow>, Error> {
    let sql = format!(
        "{LINES} WHERE g.serial = $1 AND g.signed_at >= $2 AND g.signed_at <= $3 AND s.signature = $4 LIMIT 1"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(serial.to_owned())
        .bind(from.0)
        .bind(until.0)
        .bind(signature.to_vec())
        .fetch_optional(reader)
        .await?;
    row.as_ref().map(line).transpose()
}

pub(super) fn parse_position(position: i64) -> Result<usize, Error> {
    usize::try_from(position).map_err(|_| Error::StoredRow { what: "position" })
}

/// The form as it is stored, and as it stands in the audit record.
pub(crate) fn form_text(form: SignatureForm) -> &'static str {
    match form {
        SignatureForm::Hash => "hash",
        SignatureForm::HashPss => "hash_pss",
        SignatureForm::Detached => "detached",
        SignatureForm::Attached => "attached",
    }
}

fn parse_form(text: &str) -> Result<SignatureForm, Error> {
    Ok(match text {
        "hash" => SignatureForm::Hash,
        "hash_pss" => SignatureForm::HashPss,
        "detached" => SignatureForm::Detached,
        "attached" => SignatureForm::Attached,
        _ => return Err(Error::StoredRow { what: "form" }),
    })
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::digest::Digest;
    use crate::ids::{CredentialId, SigningId};
    use crate::store::signings::testing::make_ready;
    use crate::store::signings::{self, NewSignature, Signing};

    /// Stores one signature of this time.
    async fn sign(db: &Db, at: i64) {
        let signing = Signing {
            signing_id: SigningId::new(Millis(at)),
            authorisation_id: AuthorisationId::new(Millis(at)),
            credential_id: CredentialId::new(Millis(at)),
            serial: CredentialId::new(Millis(at)).to_string(),
            client: "practice-system".to_owned(),
            signed_at: Millis(at),
        };
        make_ready(db, &signing, i64::MAX).await;
        let done = db.write(move |tx| {
            Box::pin(async move {
                let made = NewSignature {
                    position: 0,
                    form: SignatureForm::Hash,
                    digest: Digest([0; 32]),
                    hashed: None,
                    signature: vec![1],
                };
                signings::insert(tx, &[(&signing, &signings::Under { version: 7, ..Default::default() })])
                    .await?;
                signings::insert_signatures(tx, &[(&signing, &made)]).await?;
                Ok::<_, Error>(())
            })
        });
        done.await.unwrap();
    }

    platform::both_engines! {
        /// A period is found whole, also where rows were stored a little out of order, and nothing far before or behind it is looked at.
        async fn periods_are_read_alone(db: Db) {
            const HOUR: i64 = 3_600_000;
            let times = [1, 2, 3, 5, 4, 7, 6, 8, 20];
            for at in times.map(|it| it * HOUR) {
                sign(&db, at).await;
            }
            // Less than what may be astray.
            sign(&db, 20 * HOUR - 300_000).await;
            let found = async |from: Option<i64>, until: Option<i64>| {
                let wanted = Wanted {
                    from: from.map(|it| Millis(it * HOUR)),
                    until: until.map(|it| Millis(it * HOUR)),
                    after: (0, -1),
                    ..Wanted::default()
                };
                let between = ordinals(db.read(), &wanted).await.unwrap();
                let rows = page(db.read(), &wanted, 100).await.unwrap();
                (rows.iter().map(|row| row.signed_at.0).collect::<Vec<_>>(), between)
            };
            assert_eq!(found(None, None).await.0.len(), 10);
            let (rows, (first, last)) = found(Some(8), Some(20)).await;
            assert_eq!(rows, [8 * HOUR, 20 * HOUR - 300_000]);
            assert!(first >= 6 && last == i64::MAX, "{first} {last}");
            let (rows, (first, last)) = found(Some(2), Some(4)).await;
            assert_eq!((rows, first), (vec![2 * HOUR, 3 * HOUR], 1));
            assert!(last <= 5, "{last}");
            assert_eq!(found(Some(21), None).await.0, Vec::<i64>::new());
        }
    }
}
