//! Certificates: fetched (RFC 8555 7.4.2) and revoked (7.6).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pki::{AlternativeName, Certificate};
use platform::caller::{Caller, CallerKind};
use serde::Deserialize;

use super::identifier::Identifier;
use super::jwk::Jwk;
use super::jws::Verified;
use super::problem::{Kind, Problem};
use super::sender::{Sender, Signed};
use super::{Acme, Answer};
use crate::api::{REVOKE, Reason, RevokeRequest};
use crate::error::Error;
use crate::serial::Serial;
use crate::store::acme::accounts::Account;
use crate::store::acme::{authorizations, orders};
use crate::store::certificates::{self, Stored};

/// The reasons a holder may give: RFC 5280 5.3.1 without those that are the authority's to give.
const REASONS: [Reason; 5] = [
    Reason::Unspecified,
    Reason::KeyCompromise,
    Reason::AffiliationChanged,
    Reason::Superseded,
    Reason::CessationOfOperation,
];

#[derive(Deserialize)]
struct Revocation {
    certificate: String,
    reason: Option<u8>,
}

impl Acme {
    /// The certificate with what leads to the root, which a client has to know already; or, by the number of an alternate
    /// chain, to another root that has certified this one (RFC 8555 7.4.2).
    pub(crate) async fn certificate(
        &self,
        serial: &str,
        alternate: Option<usize>,
        signed: Signed,
    ) -> Result<Answer, Problem> {
        let (account, payload) = signed.account()?;
        payload.must_be_empty()?;
        let unknown = || Problem::not_found("certificate");
        let order = orders::by_serial(self.desk().db.read(), serial).await?;
        order.filter(|order| order.account == account.id).ok_or_else(unknown)?;
        let stored = self.stored(serial).await?;
        let issuer = self.authority.issuer_looked_for(&stored.issuer).await?;
        let mut text = pki::to_pem("CERTIFICATE", &stored.certificate.ok_or_else(unknown)?);
        let above = std::iter::once(&issuer.certificate).chain(&issuer.chain);
        for certificate in above.filter(|certificate| !certificate.is_self_issued()) {
            text.push_str(&certificate.to_pem());
        }
        let book = self.authority.book();
        let across: Vec<_> = book.root_of(&issuer).map_or_else(Vec::new, |root| {
            book.crosses_of(root.id()).map(|cross| &cross.certificate).collect()
        });
        if let Some(number) = alternate {
            let cross = number.checked_sub(1).and_then(|at| across.get(at)).ok_or_else(unknown)?;
            text.push_str(&cross.to_pem());
        }
        let others = (0..=across.len()).filter(|other| *other != alternate.unwrap_or(0));
        let mut answer = Answer::pem_chain(text);
        for other in others {
            let place = if other == 0 { String::new() } else { format!("/alternates/{other}") };
            let url = self.url(&format!("/acme/certificates/{serial}{place}"));
            answer = answer.with("link", format!("<{url}>;rel=\"alternate\""));
        }
        Ok(answer)
    }

    async fn stored(&self, serial: &str) -> Result<Stored, Problem> {
        let unknown = || Problem::not_found("certificate");
        let serial = Serial::parse(serial).ok_or_else(unknown)?;
        certificates::by_serial(self.desk().db.read(), &serial).await?.ok_or_else(unknown)
    }

    /// Revokes a certificate that came by ACME, for the account that ordered it, an account that holds authorizations for
    /// all of its names, or whoever holds its key.
    pub(crate) async fn revoke(&self, signed: Signed) -> Result<Answer, Problem> {
        let revocation: Revocation = signed.payload.read()?;
        let reason = revocation.reason.map_or(Some(Reason::Unspecified), Reason::from_code);
        let reason = reason.filter(|reason| REASONS.contains(reason)).ok_or_else(|| {
            Problem::new(Kind::BadRevocationReason, "the reason is one of 0, 1, 3, 4 and 5")
        })?;
        let der = URL_SAFE_NO_PAD.decode(&revocation.certificate).ok();
        let certificate = der.and_then(|der| Certificate::from_der(&der).ok());
        let certificate =
            certificate.ok_or_else(|| Problem::malformed("\"certificate\" is not base64url of one"))?;
        let serial = certificate.serial().to_string();
        let caller = self.may_revoke(&signed.sender, &certificate, &serial).await?;
        let request = RevokeRequest { reason, invalidity_date: None };
        match self.authority.revoke(&serial, request, &caller).await {
            Ok(_) => Ok(Answer::nothing(200)),
            Err(Error::AlreadyRevoked) => Err(already_revoked()),
            Err(other) => Err(other.into()),
        }
    }

    /// The serial of the certificate of ours in a revocation, if this key is the one that it certifies.
    pub(super) async fn certified(&self, key: &Jwk, payload: &Verified) -> Result<Option<String>, Problem> {
        // What cannot be read is told when the request is answered.
        let Ok(revocation) = payload.read::<Revocation>() else { return Ok(None) };
        let der = URL_SAFE_NO_PAD.decode(&revocation.certificate).ok();
        let certificate = der.and_then(|der| Certificate::from_der(&der).ok());
        let certificate = certificate.filter(|certificate| key.spki() == certificate.spki_der());
        let Some(certificate) = certificate else { return Ok(None) };
        let Some(serial) = Serial::parse(&certificate.serial().to_string()) else { return Ok(None) };
        // Anybody makes a certificate of his own key; only one of ours has a count of its own.
        let stored = certificates::by_serial(self.desk().db.read(), &serial).await?;
        let ours = stored.is_some_and(|stored| stored.certificate.as_deref() == Some(certificate.der()));
        Ok(ours.then(|| serial.to_string()))
    }

    async fn may_revoke(
        &self,
        sender: &Sender,
        certificate: &Certificate,
        serial: &str,
    ) -> Result<Caller, Problem> {
        let unknown = || Problem::not_found("certificate");
        let order = orders::by_serial(self.desk().db.read(), serial).await?.ok_or_else(unknown)?;
        let stored = self.stored(serial).await?;
        if stored.certificate.as_deref() != Some(certificate.der()) {
            return Err(unknown());
        }
        let caller = match sender {
            Sender::Account(account) => {
                if order.account != account.id && !self.holds_all(account, certificate).await? {
                    let detail = "this account did not order the certificate and holds no authorization for all its names";
                    return Err(Problem::unauthorized(detail));
                }
                Caller::new(
                    CallerKind::System,
                    account.id.clone(),
                    Acme::caller(&account.id).client,
                    [REVOKE.0],
                )
            }
            Sender::Key(key) => {
                if key.spki() != certificate.spki_der() {
                    return Err(Problem::unauthorized("this is not the certificate's key"));
                }
                let client = "acme:certificate-key".parse().expect("the constant is a client id");
                Caller::new(CallerKind::System, serial, client, [REVOKE.0])
            }
        };
        // RFC 8555 7.6
        let before = stored.revocation.map(|before| before.reason);
        if before.is_some_and(|before| before != Reason::CertificateHold) {
            return Err(already_revoked());
        }
        Ok(caller)
    }

    async fn holds_all(&self, account: &Account, certificate: &Certificate) -> Result<bool, Problem> {
        let names = certificate.subject_alternative_names();
        for name in names {
            let identifier = match name {
                AlternativeName::Dns(name) => Some(Identifier::Dns(name.clone())),
                AlternativeName::Ip(octets) => address(octets).map(Identifier::Ip),
                _ => None,
            };
            let Some(identifier) = identifier else { return Ok(false) };
            let read = self.desk().db.read();
            if !authorizations::holds(read, &account.id, &identifier, self.now()).await? {
                return Ok(false);
            }
        }
        Ok(!names.is_empty())
    }
}

fn address(octets: &[u8]) -> Option<std::net::IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(std::net::IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(std::net::IpAddr::from)).ok()
}

fn already_revoked() -> Problem {
    Problem::new(Kind::AlreadyRevoked, "the certificate is revoked already")
}
