//! The ledger: reading the rows of `signer_signing` and `signer_signature`.

use platform::clock::Millis;

use super::Reader;
use crate::api::SignatureForm;
use crate::error::Error;
use crate::ids::{AuthorisationId, CredentialId};

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
    pub(crate) serial: String,
    pub(crate) client: String,
    pub(crate) form: SignatureForm,
    pub(crate) digest: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) signed_at: Millis,
}

type LedgerColumns = (i64, String, i64, String, String, String, String, Vec<u8>, Vec<u8>, i64);

/// A credential's signatures after a place in the ledger, oldest first.
pub(crate) async fn page<'c>(
    reader: impl Reader<'c>,
    credential: &CredentialId,
    after: (i64, i64),
    limit: i64,
) -> Result<Vec<LedgerRow>, Error> {
    let rows: Vec<LedgerColumns> = sqlx::query_as(
        "SELECT g.ordinal, g.signing_id, s.position, g.authorisation_id, g.serial, g.client, s.form, s.digest, s.signature, \
         g.signed_at FROM signer_signing g JOIN signer_signature s ON s.authorisation_id = g.authorisation_id \
         AND s.signing_id = g.signing_id WHERE g.credential_id = $1 AND g.ordinal >= $2 \
         AND (g.ordinal > $2 OR s.position > $3) ORDER BY g.ordinal, s.position LIMIT $4",
    )
    .bind(credential.as_str())
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(reader)
    .await?;
    rows.into_iter()
        .map(
            |(
                ordinal,
                signing_id,
                position,
                authorisation_id,
                serial,
                client,
                form,
                digest,
                signature,
                signed_at,
            )| {
                Ok(LedgerRow {
                    form: parse_form(&form)?,
                    ordinal,
                    signing_id,
                    position,
                    authorisation_id,
                    serial,
                    client,
                    digest,
                    signature,
                    signed_at: Millis(signed_at),
                })
            },
        )
        .collect()
}

pub(super) fn parse_position(position: i64) -> Result<usize, Error> {
    usize::try_from(position).map_err(|_| Error::StoredRow { what: "position" })
}

/// The form as it is stored, and as it stands in the audit record.
pub(crate) fn form_text(form: SignatureForm) -> &'static str {
    match form {
        SignatureForm::Hash => "hash",
        SignatureForm::Detached => "detached",
        SignatureForm::Attached => "attached",
    }
}

fn parse_form(text: &str) -> Result<SignatureForm, Error> {
    Ok(match text {
        "hash" => SignatureForm::Hash,
        "detached" => SignatureForm::Detached,
        "attached" => SignatureForm::Attached,
        _ => return Err(Error::StoredRow { what: "form" }),
    })
}
