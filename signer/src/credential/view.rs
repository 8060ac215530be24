//! Credentials as they are shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hsm::Alg;
use platform::caller::{Caller, CallerKind};

use super::{Holder, for_caller};
use crate::api::{
    Algorithm, CREDENTIALS, Certificate, Credential, CredentialQuery, Credentials, KeyLife, OWN_CREDENTIALS,
};
use crate::error::Error;
use crate::ids::CredentialId;
use crate::live;
use crate::signer::Signer;
use crate::store::credentials::{self, CredentialRow, Kind, Which};
use crate::store::{certificates, keys};
use crate::suite;

/// A credential, for those who may see it.
pub(crate) async fn show(
    signer: &Signer,
    caller: &Caller,
    credential: &CredentialId,
) -> Result<Credential, Error> {
    let row = for_caller(signer, caller, credential, Holder::Too).await?;
    describe(signer, row).await
}

/// A person's credentials: anybody's for an administrator, their own for a person.
pub(crate) async fn list(
    signer: &Signer,
    caller: &Caller,
    query: CredentialQuery,
) -> Result<Credentials, Error> {
    let user = match (caller.may(CREDENTIALS), caller.kind) {
        (Ok(()), _) => {
            query.user_id.ok_or(Error::Subject { sentence: "Say whose credentials: user_id is needed." })?
        }
        (Err(_), CallerKind::Person) => {
            caller.may(OWN_CREDENTIALS).map_err(Error::Caller)?;
            caller.subject.clone()
        }
        (Err(refused), _) => return Err(Error::Caller(refused)),
    };
    let mut shown = Vec::new();
    for row in credentials::of_user(signer.db.read(), &user, Which::All).await? {
        shown.push(describe(signer, row).await?);
    }
    Ok(Credentials { credentials: shown })
}

/// A credential as it is now.
pub(super) async fn of(signer: &Signer, credential: &CredentialId) -> Result<Credential, Error> {
    describe(signer, live::row(&signer.db, credential).await?).await
}

/// The wire name of a key's algorithm.
pub(crate) fn algorithm(alg: Alg) -> Result<Algorithm, Error> {
    suite::of(alg).map(|suite| suite.name).ok_or(Error::StoredRow { what: "algorithm" })
}

async fn describe(signer: &Signer, row: CredentialRow) -> Result<Credential, Error> {
    let (alg, key) = match row.kind {
        Kind::OneTime => (Alg::P256, KeyLife::OneTime),
        Kind::Kept | Kind::Card => {
            let alg = keys::algorithm(signer.db.read(), &row.key_id).await?;
            let life = if row.kind == Kind::Card { KeyLife::Card } else { KeyLife::Kept };
            (alg.ok_or(Error::StoredRow { what: "key" })?, life)
        }
    };
    let certificates = certificates::of_credential(signer.db.read(), &row.credential_id)
        .await?
        .into_iter()
        .map(|certificate| Certificate {
            serial: certificate.serial,
            not_before: certificate.not_before.0,
            not_after: certificate.not_after.0,
            certificate: STANDARD.encode(certificate.certificate),
        })
        .collect();
    Ok(Credential {
        credential_id: row.credential_id.to_string(),
        user_id: row.user_id,
        state: row.state,
        algorithm: algorithm(alg)?,
        key,
        ending: row.ending.is_some(),
        passphrase_set: row.passphrase.is_some(),
        certificates,
        created_at: row.created_at.0,
    })
}
