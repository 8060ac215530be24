//! What one certificate is to be: every choice made, nothing encoded yet.

use std::sync::Arc;

use const_oid::ObjectIdentifier;
use const_oid::db::fips204::{ID_ML_DSA_44, ID_ML_DSA_65, ID_ML_DSA_87};
use const_oid::db::rfc5912::{ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, SHA_256_WITH_RSA_ENCRYPTION};
use const_oid::db::rfc8410::ID_ED_25519;
use hsm::Alg;
use platform::clock::Millis;

use crate::api::Validity;
use crate::names::IssuerId;
use crate::profile::{Kind, Length, Profile, RevocationChecking};
use crate::serial::Serial;
use crate::subject::{AlternativeName, Subject};
use crate::subject_key::SubjectKey;

/// How far before now a validity may start, for readers whose clocks are slow. docs/cps.md 3.2
pub(crate) const BACKDATING: Length = Length { seconds: 300 };
/// How far before now a validity starts unless asked otherwise.
const DEFAULT_BACKDATING: Length = Length { seconds: 60 };
/// How far after now a validity may start. docs/cps.md 3.2
pub(crate) const AHEAD: Length = Length::days(30);

/// One certificate as we mean it.
#[derive(Clone)]
pub(crate) struct Intent {
    pub(crate) serial: Serial,
    pub(crate) profile: Arc<Profile>,
    pub(crate) issuer: Arc<Identity>,
    pub(crate) subject: Subject,
    pub(crate) names: Vec<AlternativeName>,
    /// The person it is about, if it is about one.
    pub(crate) user_id: Option<String>,
    /// The system it is about, if it is about one.
    pub(crate) system_id: Option<String>,
    pub(crate) key: SubjectKey,
    pub(crate) period: Period,
    pub(crate) places: Places,
    /// When this was decided.
    pub(crate) now: Millis,
}

impl Intent {
    pub(crate) fn is_self_signed(&self) -> bool {
        self.profile.kind == Kind::Root
    }

    pub(crate) fn is_authority(&self) -> bool {
        !matches!(self.profile.kind, Kind::EndEntity { .. })
    }

    /// Where the status of this certificate is asked for. One that need not be checked does not say.
    pub(crate) fn ocsp(&self) -> Option<&str> {
        let checked = self.profile.revocation_checking != RevocationChecking::NoCheck;
        self.places.ocsp.as_deref().filter(|_| checked)
    }

    /// The last second in which the private key signs, when that is before the validity's.
    pub(crate) fn private_key_until(&self) -> Option<Millis> {
        let percent = i64::from(self.profile.private_key_usage_percent?);
        let seconds = self.period.length().seconds * percent / 100;
        Some(Length { seconds }.last_second(self.period.not_before))
    }
}

/// Who signs, without the key.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) id: IssuerId,
    pub(crate) subject: Subject,
    /// The subject as it stands in its certificate. RFC 5280 4.1.2.4: what it signs names it so.
    pub(crate) name_der: Vec<u8>,
    pub(crate) alg: Alg,
    pub(crate) spki: Vec<u8>,
    pub(crate) key_id: Vec<u8>,
    pub(crate) period: Period,
    /// Which names may stand below it, by its certificate and those above. RFC 5280 4.2.1.10
    pub(crate) constraints: Vec<pki::NameConstraints>,
}

/// The signature algorithm a key of this kind uses in certificates and lists.
pub(crate) fn signature_algorithm(alg: Alg) -> ObjectIdentifier {
    match alg {
        Alg::Rsa2048 | Alg::Rsa3072 | Alg::Rsa4096 => SHA_256_WITH_RSA_ENCRYPTION,
        Alg::P256 => ECDSA_WITH_SHA_256,
        Alg::P384 => ECDSA_WITH_SHA_384,
        Alg::Ed25519 => ID_ED_25519,
        Alg::MlDsa44 => ID_ML_DSA_44,
        Alg::MlDsa65 => ID_ML_DSA_65,
        Alg::MlDsa87 => ID_ML_DSA_87,
    }
}

/// Where a certificate says further things are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// The part of the issuer's certificates that it belongs to; 0 for none.
    pub(crate) shard: i64,
    /// The revocation list of this part.
    pub(crate) crl: String,
    /// The delta list of this part, where certificates name it.
    pub(crate) freshest: Option<String>,
    /// The issuer's certificate.
    pub(crate) issuer_certificate: String,
    /// Its OCSP responder, if it has one.
    pub(crate) ocsp: Option<String>,
    /// The practice statement.
    pub(crate) practice_statement: String,
}

/// From the first to the last second of a validity, both inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) not_before: Millis,
    pub(crate) not_after: Millis,
}

impl Period {
    /// RFC 5280 4.1.2.5: both ends count, so a second more than the difference.
    pub(crate) fn length(&self) -> Length {
        Length { seconds: (self.not_after.0 - self.not_before.0) / 1000 + 1 }
    }

    pub(crate) fn contains(&self, other: &Period) -> bool {
        self.not_before <= other.not_before && other.not_after <= self.not_after
    }
}

/// Why a wished validity is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidityRefused {
    /// Ends before it starts, or has ended already.
    #[error("not_after is before not_before or before now")]
    Empty,
    /// Starts too long ago.
    #[error("not_before may be five minutes before now at most")]
    Backdated,
    /// Starts too far ahead.
    #[error("not_before may be 30 days after now at most")]
    TooFarAhead,
    /// Longer than the profile's.
    #[error("this is longer than the profile allows; both ends count, so end one second earlier")]
    TooLong,
    /// Not inside the issuer's own validity.
    #[error("the issuing certificate is not valid for all of this time")]
    OutsideIssuer,
}

/// The validity of a certificate decided on now: the profile's whole length, or what was wished.
///
/// Without a wish it ends no later than its issuer.
pub(crate) fn period(
    profile: &Profile,
    issuer: &Period,
    wish: Option<Validity>,
    now: Millis,
) -> Result<Period, ValidityRefused> {
    let Some(wish) = wish else {
        let start = whole_second(Millis(now.0 - DEFAULT_BACKDATING.seconds * 1000));
        let not_before = start.max(issuer.not_before);
        let not_after = profile.validity.last_second(not_before).min(issuer.not_after);
        let period = Period { not_before, not_after };
        return if not_after > now && not_before <= now {
            Ok(period)
        } else {
            Err(ValidityRefused::OutsideIssuer)
        };
    };
    let period =
        Period { not_before: whole_second(wish.not_before), not_after: whole_second(wish.not_after) };
    if period.not_after <= period.not_before || period.not_after <= now {
        Err(ValidityRefused::Empty)
    } else if period.not_before.0 < whole_second(now).0 - BACKDATING.seconds * 1000 {
        Err(ValidityRefused::Backdated)
    } else if period.not_before > AHEAD.after(now) {
        Err(ValidityRefused::TooFarAhead)
    } else if period.length() > profile.validity {
        Err(ValidityRefused::TooLong)
    } else if !issuer.contains(&period) {
        Err(ValidityRefused::OutsideIssuer)
    } else {
        Ok(period)
    }
}

/// X.509 knows no parts of a second.
pub(crate) fn whole_second(at: Millis) -> Millis {
    Millis(at.0.div_euclid(1000) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profiles;

    const NOW: Millis = Millis(1_800_000_000_500);
    const DAY: i64 = 86_400_000;

    fn issuer() -> Period {
        Period { not_before: Millis(NOW.0 - DAY), not_after: Millis(whole_second(NOW).0 + 1_000 * DAY) }
    }

    fn wished(not_before: i64, not_after: i64) -> Result<Period, ValidityRefused> {
        let profiles = Profiles::built_in().unwrap();
        let base = whole_second(NOW).0;
        let wish = Validity { not_before: Millis(base + not_before), not_after: Millis(base + not_after) };
        period(profiles.find("system-tls-client").unwrap(), &issuer(), Some(wish), NOW)
    }

    /// A validity without a wish is the profile's to the second, and ends with its issuer at the latest.
    #[test]
    fn default_validity_has_no_extra_second() {
        let profiles = Profiles::built_in().unwrap();
        let profile = profiles.find("system-tls-client").unwrap();
        let long = period(profile, &issuer(), None, NOW).unwrap();
        assert_eq!(long.length(), profile.validity);
        assert_eq!(long.not_before.0 % 1000, 0);
        let ending = Period { not_after: Millis(whole_second(NOW).0 + DAY), ..issuer() };
        assert_eq!(period(profile, &ending, None, NOW).unwrap().not_after, ending.not_after);
        let ended = Period { not_after: Millis(NOW.0 - 1), ..issuer() };
        assert_eq!(period(profile, &ended, None, NOW), Err(ValidityRefused::OutsideIssuer));
    }

    /// Each wish that may not be is refused for its own reason, and one second decides.
    #[test]
    fn wishes_have_bounds() {
        assert!(wished(0, 397 * DAY - 1000).is_ok());
        assert_eq!(wished(0, 397 * DAY), Err(ValidityRefused::TooLong));
        assert!(wished(-300_000, DAY).is_ok());
        assert_eq!(wished(-301_000, DAY), Err(ValidityRefused::Backdated));
        assert_eq!(wished(31 * DAY, 32 * DAY), Err(ValidityRefused::TooFarAhead));
        assert_eq!(wished(DAY, DAY), Err(ValidityRefused::Empty));
        assert_eq!(wished(-200_000, -100_000), Err(ValidityRefused::Empty));
        let short = Period { not_after: Millis(whole_second(NOW).0 + DAY), ..issuer() };
        let profiles = Profiles::built_in().unwrap();
        let wish = Validity { not_before: NOW, not_after: Millis(NOW.0 + 2 * DAY) };
        let refused = period(profiles.find("person-sign-in").unwrap(), &short, Some(wish), NOW);
        assert_eq!(refused, Err(ValidityRefused::OutsideIssuer));
    }
}
