//! Who is believed to sign cards' certificates for secure messaging, and what is done where a card has none.
//!
//! These are content signing certificates as NIST SP 800-73-5 part 2, 4.1.5 has them. The operator names each of them, so that no path to
//! a root is looked for (4.1.1, H5): who is not to be believed any more is taken from the file.

use card::piv::ContentSigner;
use pki::Certificate;
use platform::clock::Millis;
use serde::Deserialize;

use super::CardsConfig;
use crate::error::Error;

/// Whether a secret goes to a card in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecureMessaging {
    /// Where the card takes it in no other way.
    WhereOffered,
    /// To none: a card that does not take a secret under secure messaging is not worked on.
    Required,
}

/// Who signs cards' certificates.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContentSigners(Vec<Known>);

/// One of them, and when its certificate is good.
#[derive(Clone, Debug)]
struct Known {
    signer: ContentSigner,
    from: Millis,
    until: Millis,
}

impl ContentSigners {
    /// Reads them, if there are any; there must be some where secure messaging is required.
    pub(crate) fn read(config: &CardsConfig) -> Result<Self, Error> {
        let Some(file) = &config.content_signers else {
            if config.secure_messaging == SecureMessaging::Required {
                let sentence = "secure_messaging is \"required\", so content_signers must name who signs cards' certificates for it";
                return Err(Error::CardsSetup(sentence.to_owned()));
            }
            return Ok(Self::default());
        };
        let setup = |why: String| Error::CardsSetup(format!("content_signers {}: {why}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| setup(error.to_string()))?;
        let certificates = Certificate::chain_from_pem(&text).map_err(|error| setup(error.to_string()))?;
        let mut all = Vec::with_capacity(certificates.len());
        for certificate in &certificates {
            all.push(Known::of(certificate).ok_or_else(|| setup(not_one(certificate)))?);
        }
        if all.is_empty() {
            return Err(setup("there is no certificate in it".to_owned()));
        }
        Ok(Self(all))
    }

    /// Whether no card is asked for secure messaging.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those whose certificates are good now.
    pub(crate) fn good_at(&self, now: Millis) -> Vec<ContentSigner> {
        let good = self.0.iter().filter(|known| known.from <= now && now < known.until);
        good.map(|known| known.signer.clone()).collect()
    }
}

impl Known {
    fn of(certificate: &Certificate) -> Option<Self> {
        let signer = ContentSigner::new(certificate.subject_key_id()?, certificate.spki_der())?;
        let (from, until) = (Millis(certificate.not_before_ms()), Millis(certificate.not_after_ms()));
        Some(Self { signer, from, until })
    }
}

fn not_one(certificate: &Certificate) -> String {
    let name = certificate.common_name().unwrap_or_default();
    format!("\"{name}\" has no subject key identifier, or a key that is none of P-256, P-384 and RSA")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, IsCa, KeyPair, date_time_ymd};

    /// A signer counts from the beginning of its certificate until its end, and one without a key identifier is refused.
    #[test]
    fn signers_count_while_their_certificates_are_good() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let read = |is_ca: IsCa| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
            params.is_ca = is_ca;
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            std::fs::write(file.path(), certificate.pem()).unwrap();
            let content_signers = Some(file.path().to_owned());
            ContentSigners::read(&CardsConfig { content_signers, ..CardsConfig::default() })
        };
        let signers = read(IsCa::ExplicitNoCa).unwrap();
        let (from, until) = (1_767_225_600_000, 1_798_761_600_000);
        for (now, count) in [(from - 1, 0), (from, 1), (until - 1, 1), (until, 0)] {
            assert_eq!(signers.good_at(Millis(now)).len(), count, "{now}");
        }
        assert!(read(IsCa::NoCa).is_err());
    }

    /// What is required needs somebody who vouches, and a file that names nobody, or is not there, is refused.
    #[test]
    fn required_messaging_needs_signers() {
        let read = |secure_messaging, content_signers| {
            ContentSigners::read(&CardsConfig { content_signers, secure_messaging, ..CardsConfig::default() })
        };
        assert!(read(SecureMessaging::WhereOffered, None).unwrap().is_empty());
        assert!(read(SecureMessaging::Required, None).is_err());
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert!(read(SecureMessaging::WhereOffered, Some(empty.path().to_owned())).is_err());
        assert!(read(SecureMessaging::WhereOffered, Some("nowhere.pem".into())).is_err());
    }
}
