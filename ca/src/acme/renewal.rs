//! When to renew: RFC 9773.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::clock::Millis;
use serde_json::json;

use super::problem::Problem;
use super::{Acme, Answer};
use crate::rfc3339;
use crate::serial::Serial;
use crate::store::certificates::{self, State, Stored};

/// How long a client may keep the answer, RFC 9773 4.3, in seconds.
const ASK_AGAIN: &str = "21600";

impl Acme {
    /// RFC 9773 4.2: the window in which a certificate had best be renewed. Clients choose a moment in it by chance, so
    /// that those issued together are not renewed together.
    pub(crate) async fn renewal_info(&self, certificate: &str) -> Result<Answer, Problem> {
        let stored = self.named(certificate).await?;
        let (start, end) = window(&stored);
        let body = json!({
            "suggestedWindow": {"start": rfc3339::to_text(start), "end": rfc3339::to_text(end)},
        });
        Ok(Answer::json(200, body).with("retry-after", ASK_AGAIN))
    }

    /// The certificate with this identifier, RFC 9773 4.1: key identifier of the issuer, a dot, serial number.
    pub(super) async fn named(&self, certificate: &str) -> Result<Stored, Problem> {
        let unknown = || Problem::not_found("certificate");
        let octets = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| unknown());
        let (issuer, serial) = certificate.split_once('.').ok_or_else(unknown)?;
        let (issuer, serial) = (octets(issuer)?, octets(serial)?);
        // Our serials never need a sign octet, so the content of the INTEGER is the serial.
        let serial = Serial::parse(&hex::encode(serial)).ok_or_else(unknown)?;
        let stored = certificates::by_serial(self.desk().db.read(), &serial).await?;
        let stored = stored.filter(|stored| stored.state == State::Issued).ok_or_else(unknown)?;
        let of_issuer = self.authority.issuer_looked_for(&stored.issuer).await?.identity.key_id == issuer;
        if of_issuer { Ok(stored) } else { Err(unknown()) }
    }
}

/// A revoked certificate is renewed at once; another when a third of its time is left, within a twentieth of it.
fn window(stored: &Stored) -> (Millis, Millis) {
    if let Some(revocation) = stored.revocation {
        return (Millis(revocation.revoked_at.0 - 60_000), revocation.revoked_at);
    }
    let length = stored.not_after.0 - stored.not_before.0;
    let start = stored.not_after.0 - length / 3;
    (Millis(start), Millis(start + (length / 20).max(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Reason;
    use crate::serial::Instance;
    use crate::store::certificates::Revocation;

    /// The window lies at two thirds of the validity, and in the past for a revoked certificate.
    #[test]
    fn windows_lie_at_two_thirds() {
        let mut stored = Stored {
            serial: Serial::new(Instance::try_from(1).unwrap(), [9; 17]),
            issuer: "systems".to_owned(),
            profile: "acme-tls-server".to_owned(),
            state: State::Issued,
            subject: "CN=a".to_owned(),
            user_id: None,
            system_id: None,
            not_before: Millis(0),
            not_after: Millis(90_000_000),
            certificate: None,
            profile_version: None,
            certificate_sha256: None,
            revocation: None,
        };
        assert_eq!(window(&stored), (Millis(60_000_000), Millis(64_500_000)));
        let revoked_at = Millis(5_000_000);
        stored.revocation =
            Some(Revocation { revoked_at, reason: Reason::Superseded, invalidity_date: None });
        assert!(window(&stored).0 < revoked_at && window(&stored).1 <= revoked_at);
    }
}
