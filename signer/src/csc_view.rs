//! Credentials as a CSC client sees them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hsm::Alg;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::api::{AuthInfo, AuthObjectInfo, CertInfo, CredentialInfo, CredentialState, KeyInfo};
use crate::error::Error;
use crate::live::{Span, check_in_force};
use crate::signer::Signer;
use crate::store::certificates::{self, CertificateRow};
use crate::store::credentials::{CredentialRow, Kind};
use crate::store::keys;
use crate::suite;

/// The `id` of the passphrase in `authData`.
pub(crate) const PASSPHRASE: &str = "passphrase";
/// The `id` of what the holder answers on our own page.
pub(crate) const PRESENCE: &str = "presence";

/// What of a credential to tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) certificates: Certificates,
    /// `certInfo`.
    pub(crate) details: bool,
    /// `authInfo`, for whom.
    pub(crate) auth: Option<AuthFor>,
}

/// How whoever asks has signatures authorised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AuthFor {
    /// A client by itself.
    Client,
    /// An application with a person's access token.
    Token,
}

/// Which certificates to tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Certificates {
    None,
    Single,
    Chain,
}

/// A credential, and whether it can sign now; `None` for one that has no certificate yet or no key any more.
pub(crate) async fn describe(
    signer: &Signer,
    row: &CredentialRow,
    wanted: Wanted,
) -> Result<Option<(CredentialInfo, bool)>, Error> {
    // What a card signs, it signs on its holder's table and not for a client of this API.
    if row.state == CredentialState::Destroyed || row.kind == Kind::Card {
        return Ok(None);
    }
    if row.kind == Kind::OneTime {
        return one_time(signer, row, wanted).map(Some);
    }
    let Some(serial) = &row.serial else { return Ok(None) };
    let db = signer.db.read();
    let certificate =
        certificates::by_serial(db, serial).await?.ok_or(Error::StoredRow { what: "certificate" })?;
    let alg = keys::algorithm(db, &row.key_id).await?.ok_or(Error::StoredRow { what: "key" })?;
    let status = status(signer, row, &certificate).await?;
    let authorisable = row.passphrase.is_some() || signer.sign_in.is_some();
    let usable = row.state == CredentialState::Active && authorisable && status == "valid";
    let info = CredentialInfo {
        credential_id: None,
        key: key_info(alg, if row.state == CredentialState::Active { "enabled" } else { "disabled" })?,
        cert: cert_info(&certificate, status, wanted)?,
        auth: wanted.auth.map(|auth| auth_info(signer, auth)),
        scal: "2".to_owned(),
        multisign: signer.config.max_documents,
        lang: "en-GB".to_owned(),
    };
    Ok(Some((info, usable)))
}

/// A credential that has a key and a certificate for each batch: there is none to show before, and one that is in force after.
fn one_time(signer: &Signer, row: &CredentialRow, wanted: Wanted) -> Result<(CredentialInfo, bool), Error> {
    let active = row.state == CredentialState::Active;
    let status = match row.state {
        CredentialState::Suspended => "suspended",
        CredentialState::Revoked => "revoked",
        _ => "valid",
    };
    let info = CredentialInfo {
        credential_id: None,
        key: key_info(Alg::P256, if active { "enabled" } else { "disabled" })?,
        cert: CertInfo { status: Some(status.to_owned()), ..CertInfo::default() },
        auth: wanted.auth.map(|auth| auth_info(signer, auth)),
        scal: "2".to_owned(),
        multisign: signer.config.max_documents,
        lang: "en-GB".to_owned(),
    };
    Ok((info, active && (row.passphrase.is_some() || signer.sign_in.is_some())))
}

async fn status(
    signer: &Signer,
    row: &CredentialRow,
    certificate: &CertificateRow,
) -> Result<&'static str, Error> {
    match row.state {
        CredentialState::Suspended => return Ok("suspended"),
        CredentialState::Revoked => return Ok("revoked"),
        _ => {}
    }
    let info = signer.ca.certificate(&certificate.serial).await.map_err(Error::Authority)?;
    Ok(match check_in_force(info.state) {
        Ok(()) if Span::of(certificate).has(signer.clock.now()) => "valid",
        Err(Error::CertificateSuspended) => "suspended",
        Err(Error::CertificateRevoked) => "revoked",
        _ => "expired",
    })
}

fn key_info(alg: Alg, status: &str) -> Result<KeyInfo, Error> {
    let suite = suite::of(alg).ok_or(Error::StoredRow { what: "algorithm" })?;
    Ok(KeyInfo {
        status: status.to_owned(),
        algo: suite.names().map(str::to_owned).collect(),
        len: suite.bits,
        curve: suite.curve.map(str::to_owned),
    })
}

fn cert_info(certificate: &CertificateRow, status: &str, wanted: Wanted) -> Result<CertInfo, Error> {
    let leaf = || STANDARD.encode(&certificate.certificate);
    let certificates = match wanted.certificates {
        Certificates::None => None,
        Certificates::Single => Some(vec![leaf()]),
        Certificates::Chain => Some([vec![leaf()], certificate.chain.clone()].concat()),
    };
    let info = CertInfo { status: Some(status.to_owned()), certificates, ..CertInfo::default() };
    if !wanted.details {
        return Ok(info);
    }
    let unreadable = |_| Error::StoredRow { what: "certificate" };
    let parsed = pki::Certificate::from_der(&certificate.certificate).map_err(unreadable)?;
    Ok(CertInfo {
        issuer_dn: Some(parsed.issuer().to_string()),
        serial_number: Some(certificate.serial.to_uppercase()),
        subject_dn: Some(parsed.subject().to_string()),
        valid_from: Some(generalized_time(certificate.not_before.0)?),
        valid_to: Some(generalized_time(certificate.not_after.0)?),
        ..info
    })
}

fn auth_info(signer: &Signer, auth: AuthFor) -> AuthInfo {
    if auth == AuthFor::Token {
        return AuthInfo { mode: "oauth2code".to_owned(), expression: None, objects: Vec::new() };
    }
    let passphrase = AuthObjectInfo {
        kind: "Password".to_owned(),
        id: PASSPHRASE.to_owned(),
        format: Some("A".to_owned()),
        label: "Signing passphrase".to_owned(),
        description: "Please enter the passphrase of your signing credential".to_owned(),
    };
    let presence = AuthObjectInfo {
        kind: "ChallengeResponseOOB".to_owned(),
        id: PRESENCE.to_owned(),
        format: None,
        label: "Confirm with your security key".to_owned(),
        description: "Please open the page of your signatures and confirm there".to_owned(),
    };
    // Nobody can answer there where nobody can sign in.
    let (expression, objects) = match signer.sign_in {
        Some(_) => (format!("{PASSPHRASE} OR {PRESENCE}"), vec![passphrase, presence]),
        None => (PASSPHRASE.to_owned(), vec![passphrase]),
    };
    AuthInfo { mode: "explicit".to_owned(), expression: Some(expression), objects }
}

fn generalized_time(millis: i64) -> Result<String, Error> {
    let unreadable = Error::StoredRow { what: "time" };
    let Ok(time) = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)) else {
        return Err(unreadable);
    };
    time.format(format_description!("[year][month][day][hour][minute][second]Z")).map_err(|_| unreadable)
}
