//! What a card says of a key that was made on it, and whether that is believed.
//!
//! Cards that attest do it as `YubiKeys` do (<https://developers.yubico.com/PIV/Introduction/PIV_attestation.html>): a certificate for
//! the key, signed by a key that the maker put on the card, whose own certificate leads to the maker's root. It names the card's serial
//! number and when the key asks for the passcode.

use card::piv::Slot;
use const_oid::ObjectIdentifier;
use pki::Certificate;
use platform::clock::Millis;

use super::CardsConfig;
use crate::acme::{lead, serial_number};
use crate::error::Error;
use crate::profile::KeyOrigin;

/// Yubico's extension for when the key asks for passcode and touch: two octets.
const POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.8");
/// The passcode is asked for once, until the card is reset.
const ONCE: u8 = 2;
/// It is asked for each time.
const ALWAYS: u8 = 3;

/// Why an attestation is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAttested {
    /// The card attests nothing.
    #[error("the card does not attest its keys, and none is certified here without that")]
    Nothing,
    /// What it said is no certificate.
    #[error("what the card said of its key cannot be read")]
    Unreadable,
    /// The chain leads nowhere.
    #[error("the card's attestation is not believed: {0}")]
    Chain(&'static str),
    /// It is of another key.
    #[error("the card attested another key than the one that was made")]
    OtherKey,
    /// It names another card.
    #[error("the attestation is of a card with another serial number")]
    OtherCard,
    /// The key signs without passcode, or not with it each time.
    #[error("the card's key does not ask for the passcode as it must")]
    Passcode,
}

/// Who makes cards whose attestations are believed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Makers(Vec<Certificate>);

impl Makers {
    /// Reads them, if there are any; there must be some where nothing else vouches for keys.
    pub(crate) fn read(config: &CardsConfig) -> Result<Self, Error> {
        let Some(file) = &config.attestation_anchors else {
            if config.key_origin == KeyOrigin::Attested {
                let sentence =
                    "key_origin is \"attested\", so attestation_anchors must name the makers' certificates";
                return Err(Error::CardsSetup(sentence.to_owned()));
            }
            return Ok(Self::default());
        };
        let setup = |why: String| Error::CardsSetup(format!("attestation_anchors {}: {why}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| setup(error.to_string()))?;
        let anchors = Certificate::chain_from_pem(&text).map_err(|error| setup(error.to_string()))?;
        if anchors.is_empty() {
            return Err(setup("there is no certificate in it".to_owned()));
        }
        Ok(Self(anchors))
    }

    /// Whether no card is asked.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Believes an attestation of a key, or does not.
    pub(crate) fn believe(&self, said: &Said, wanted: &Wanted<'_>, now: Millis) -> Result<(), NotAttested> {
        let read = |der: &[u8]| Certificate::from_der(der).map_err(|_| NotAttested::Unreadable);
        let chain = [read(&said.attestation)?, read(&said.maker)?];
        lead(&chain, &self.0, now).map_err(NotAttested::Chain)?;
        let [attestation, _] = &chain;
        if attestation.spki_der() != wanted.key {
            return Err(NotAttested::OtherKey);
        }
        if serial_number(attestation).as_deref() != Some(wanted.serial) {
            return Err(NotAttested::OtherCard);
        }
        let policies = attestation.extensions().get(POLICIES).map(|extension| extension.value.as_slice());
        match (policies, wanted.slot) {
            (Some([ALWAYS, _]), _) | (Some([ONCE, _]), Slot::Authentication) => Ok(()),
            _ => Err(NotAttested::Passcode),
        }
    }
}

/// What a card said of a key.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// The certificate for the key, in DER.
    pub(crate) attestation: Vec<u8>,
    /// The certificate of the key that signed it, in DER.
    pub(crate) maker: Vec<u8>,
}

/// What it must say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The key as the card gave it when it was made, in DER.
    pub(crate) key: &'a [u8],
    /// The card's serial number, in decimal.
    pub(crate) serial: &'a str,
    /// Where the key is.
    pub(crate) slot: Slot,
}
