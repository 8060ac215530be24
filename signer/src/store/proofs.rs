//! Which signatures of the ledger have a proof: `signer_signing.records_id`, and the revocation lists of `signer_kept_list`.

use platform::clock::Millis;
use platform::db::Tx;

use super::{Reader, read_id};
use crate::error::Error;
use crate::ids::{RecordsId, SigningId};
use crate::proofs::Proved;

/// A signature of the ledger that has no proof yet, or one that has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unproven {
    /// The place of its request in the ledger.
    pub(crate) ordinal: i64,
    pub(crate) serial: String,
    pub(crate) signed_at: Millis,
    pub(crate) digest: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    /// The certificate; nothing where it has no row.
    pub(crate) certificate: Option<Vec<u8>>,
}

impl Unproven {
    /// What is proved of it.
    pub(crate) fn proved(&self) -> Proved<'_> {
        let certificate = self.certificate.as_deref().unwrap_or_default();
        Proved { signature: &self.signature, digest: &self.digest, certificate }
    }
}

type Columns = (i64, String, i64, Vec<u8>, Vec<u8>, Option<Vec<u8>>);

/// The first signatures without a proof from a place in the ledger on, in the order in which they were stored: of so many requests, and so many of
/// them at most, so that the last request may be there in part.
pub(crate) async fn unproven<'c>(
    reader: impl Reader<'c>,
    from: i64,
    signings: i64,
    signatures: i64,
) -> Result<Vec<Unproven>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT g.ordinal, g.serial, g.signed_at, s.digest, s.signature, c.certificate \
         FROM (SELECT ordinal, signing_id, authorisation_id, serial, signed_at FROM signer_signing \
         WHERE records_id IS NULL AND ordinal >= $1 ORDER BY ordinal LIMIT $2) g \
         JOIN signer_signature s ON s.authorisation_id = g.authorisation_id AND s.signing_id = g.signing_id \
         LEFT JOIN signer_certificate c ON c.serial = g.serial ORDER BY g.ordinal, s.position LIMIT $3",
    )
    .bind(from)
    .bind(signings)
    .bind(signatures)
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(read).collect())
}

fn read((ordinal, serial, signed_at, digest, signature, certificate): Columns) -> Unproven {
    Unproven { ordinal, serial, signed_at: Millis(signed_at), digest, signature, certificate }
}

/// The signatures of records, in the order in which they are in them.
pub(crate) async fn of_records<'c>(
    reader: impl Reader<'c>,
    records: &RecordsId,
) -> Result<Vec<Unproven>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT g.ordinal, g.serial, g.signed_at, s.digest, s.signature, c.certificate FROM signer_signing g \
         JOIN signer_signature s ON s.authorisation_id = g.authorisation_id AND s.signing_id = g.signing_id \
         LEFT JOIN signer_certificate c ON c.serial = g.serial WHERE g.records_id = $1 ORDER BY g.ordinal, s.position",
    )
    .bind(records.as_str().to_owned())
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(read).collect())
}

/// The place in the ledger of the first request that was signed then or later; behind all where there is none.
pub(crate) async fn first_since<'c>(reader: impl Reader<'c>, at: Millis) -> Result<i64, Error> {
    let sql = "SELECT ordinal FROM signer_signing WHERE signed_at >= $1 ORDER BY signed_at, ordinal LIMIT 1";
    let found: Option<i64> = sqlx::query_scalar(sql).bind(at.0).fetch_optional(reader).await?;
    Ok(found.unwrap_or(i64::MAX))
}

/// When the first signature without a proof was made.
pub(crate) async fn oldest_unproven<'c>(reader: impl Reader<'c>) -> Result<Option<Millis>, Error> {
    let sql = "SELECT signed_at FROM signer_signing WHERE records_id IS NULL ORDER BY ordinal LIMIT 1";
    let at: Option<i64> = sqlx::query_scalar(sql).fetch_optional(reader).await?;
    Ok(at.map(Millis))
}

/// Says of the requests in a run of the ledger, both ends included, in which records their signatures are; of how many it did. One that is in
/// others already stays in those.
pub(crate) async fn mark(tx: &mut Tx, records: &RecordsId, (first, last): (i64, i64)) -> Result<u64, Error> {
    let done = sqlx::query(
        "UPDATE signer_signing SET records_id = $1 WHERE records_id IS NULL AND ordinal >= $2 AND ordinal <= $3",
    )
    .bind(records.as_str())
    .bind(first)
    .bind(last)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

/// In which records the signatures of a request are.
pub(crate) async fn of_signing<'c>(
    reader: impl Reader<'c>,
    signing: &SigningId,
) -> Result<Option<RecordsId>, Error> {
    let sql = "SELECT records_id FROM signer_signing WHERE signing_id = $1";
    let found: Option<Option<String>> =
        sqlx::query_scalar(sql).bind(signing.as_str().to_owned()).fetch_optional(reader).await?;
    found.flatten().as_deref().map(read_id).transpose()
}

/// Keeps a revocation list under its SHA-256, if it is not kept.
pub(crate) async fn keep_list(tx: &mut Tx, sha256: &str, list: &[u8], now: Millis) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO signer_kept_list (sha256, list, kept_at) VALUES ($1, $2, $3) ON CONFLICT (sha256) DO NOTHING",
    )
    .bind(sha256)
    .bind(list)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Whether the revocation list with this SHA-256 is kept.
pub(crate) async fn is_kept<'c>(reader: impl Reader<'c>, sha256: &str) -> Result<bool, Error> {
    let sql = "SELECT CAST(1 AS BIGINT) FROM signer_kept_list WHERE sha256 = $1";
    let found: Option<i64> = sqlx::query_scalar(sql).bind(sha256.to_owned()).fetch_optional(reader).await?;
    Ok(found.is_some())
}

/// The revocation list with this SHA-256.
pub(crate) async fn kept_list<'c>(reader: impl Reader<'c>, sha256: &str) -> Result<Option<Vec<u8>>, Error> {
    let sql = "SELECT list FROM signer_kept_list WHERE sha256 = $1";
    Ok(sqlx::query_scalar(sql).bind(sha256.to_owned()).fetch_optional(reader).await?)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::api::SignatureForm;
    use crate::digest::Digest;
    use crate::ids::{AuthorisationId, CredentialId};
    use crate::store::signings::testing::make_ready;
    use crate::store::signings::{self, NewSignature, Signing};

    /// Stores so many signatures of one request.
    async fn sign(db: &Db, at: i64, count: usize) -> SigningId {
        let signing = Signing {
            signing_id: SigningId::new(Millis(at)),
            authorisation_id: AuthorisationId::new(Millis(at)),
            credential_id: CredentialId::new(Millis(at)),
            serial: CredentialId::new(Millis(at)).to_string(),
            client: "practice-system".to_owned(),
            signed_at: Millis(at),
        };
        make_ready(db, &signing, i64::MAX).await;
        let id = signing.signing_id.clone();
        let done = db.write(move |tx| {
            Box::pin(async move {
                let (digest, signature) = (Digest([0; 32]), vec![1]);
                let made = |position| NewSignature {
                    position,
                    form: SignatureForm::Hash,
                    digest,
                    hashed: Some(vec![7; 48]),
                    signature: signature.clone(),
                };
                let made: Vec<NewSignature> = (0..count).map(made).collect();
                signings::insert(tx, &[(&signing, &signings::Under { version: 7, ..Default::default() })])
                    .await?;
                let rows: Vec<(&Signing, &NewSignature)> = made.iter().map(|new| (&signing, new)).collect();
                signings::insert_signatures(tx, &rows).await?;
                Ok::<_, Error>(())
            })
        });
        done.await.unwrap();
        id
    }

    platform::both_engines! {
        /// Signatures without a proof are found in their order, whole requests by a limit of requests and parts by one of signatures; those that
        /// are marked are found no more and stay where they are; a list is kept once.
        async fn each_is_marked_once(db: Db) {
            let first = sign(&db, 1, 3).await;
            sign(&db, 2, 2).await;
            let second = sign(&db, 3, 1).await;
            assert_eq!(oldest_unproven(db.read()).await.unwrap(), Some(Millis(1)));
            let count = async |signings, signatures| unproven(db.read(), 0, signings, signatures).await.unwrap();
            let recent = first_since(db.read(), Millis(2)).await.unwrap();
            assert_eq!(unproven(db.read(), recent, 9, 9).await.unwrap().len(), 3);
            assert_eq!(first_since(db.read(), Millis(4)).await.unwrap(), i64::MAX);
            assert_eq!((count(9, 9).await.len(), count(1, 9).await.len(), count(9, 4).await.len()), (6, 3, 4));
            let all = count(9, 9).await;
            assert!(all.is_sorted_by_key(|row| row.ordinal) && all.iter().all(|row| row.certificate.is_none()));
            let (begin, end) = (all[0].ordinal, all[4].ordinal);
            let (one, other) = (RecordsId::new(Millis(1)), RecordsId::new(Millis(2)));
            let (mine, theirs) = (one.clone(), other.clone());
            let marked = db.write(move |tx| Box::pin(async move {
                keep_list(tx, "ab", &[1], Millis(1)).await?;
                keep_list(tx, "ab", &[2], Millis(2)).await?;
                let marked = mark(tx, &mine, (begin, end)).await?;
                Ok::<_, Error>((marked, mark(tx, &theirs, (begin, i64::MAX)).await?))
            }));
            assert_eq!(marked.await.unwrap(), (2, 1));
            assert_eq!(of_records(db.read(), &one).await.unwrap(), all[..5]);
            assert_eq!(of_signing(db.read(), &first).await.unwrap(), Some(one));
            assert_eq!(of_signing(db.read(), &second).await.unwrap(), Some(other));
            assert_eq!(of_signing(db.read(), &SigningId::new(Millis(9))).await.unwrap(), None);
            assert_eq!((count(9, 9).await.len(), oldest_unproven(db.read()).await.unwrap()), (0, None));
            assert!(is_kept(db.read(), "ab").await.unwrap() && !is_kept(db.read(), "cd").await.unwrap());
            assert_eq!(kept_list(db.read(), "ab").await.unwrap(), Some(vec![1]));
            assert_eq!(kept_list(db.read(), "cd").await.unwrap(), None);
        }
    }
}
