//! What a card knows of its keys and passcodes.

use crate::tlv;

use super::Policies;
use crate::piv::{Algorithm, ManagementAlgorithm, PublicKey};

/// What a card knows of a key, the passcode or the unblocking key. What it does not say is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The algorithm of a private key, where it is one of ours.
    pub algorithm: Option<Algorithm>,
    /// The algorithm of the management key.
    pub management: Option<ManagementAlgorithm>,
    /// When it may be used.
    pub policies: Option<Policies>,
    /// Where the key comes from.
    pub origin: Option<Origin>,
    /// The public key.
    pub public_key: Option<PublicKey>,
    /// Whether it is as from the factory.
    pub is_factory: Option<bool>,
    /// How many wrong entries lock it, and how many are left.
    pub tries: Option<RetryCounts>,
}

/// Where a private key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was made on the card.
    Made,
    /// It was brought in.
    Imported,
}

/// How many wrong entries lock a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryCounts {
    /// In all.
    pub total: u8,
    /// Still.
    pub left: u8,
}

const ALGORITHM: u32 = 0x01;
const POLICIES: u32 = 0x02;
const ORIGIN: u32 = 0x03;
const PUBLIC_KEY: u32 = 0x04;
const IS_FACTORY: u32 = 0x05;
const TRIES: u32 = 0x06;

impl Metadata {
    /// Reads those of a private key, a passcode or an unblocking key.
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, tlv::Malformed> {
        let algorithm = identifier(octets)?.and_then(Algorithm::of_identifier);
        let public_key = match (algorithm, tlv::find(octets, PUBLIC_KEY)?) {
            (Some(algorithm), Some(key)) => Some(PublicKey::parse(algorithm, key)?),
            _ => None,
        };
        Ok(Self { algorithm, public_key, ..Self::common(octets)? })
    }

    /// Reads those of the management key.
    pub(crate) fn of_management(octets: &[u8]) -> Result<Self, tlv::Malformed> {
        let management = identifier(octets)?.and_then(ManagementAlgorithm::of_identifier);
        Ok(Self { management, ..Self::common(octets)? })
    }

    fn common(octets: &[u8]) -> Result<Self, tlv::Malformed> {
        let policies = tlv::find(octets, POLICIES)?.and_then(Policies::parse);
        let origin = match tlv::find(octets, ORIGIN)? {
            None => None,
            Some([1]) => Some(Origin::Made),
            Some([2]) => Some(Origin::Imported),
            Some(_) => return Err(tlv::Malformed),
        };
        let is_factory = match tlv::find(octets, IS_FACTORY)? {
            None => None,
            Some([value @ (0 | 1)]) => Some(*value == 1),
            Some(_) => return Err(tlv::Malformed),
        };
        let tries = match tlv::find(octets, TRIES)? {
            None => None,
            Some(&[total, left]) => Some(RetryCounts { total, left }),
            Some(_) => return Err(tlv::Malformed),
        };
        Ok(Self { policies, origin, is_factory, tries, ..Self::default() })
    }
}

fn identifier(octets: &[u8]) -> Result<Option<u8>, tlv::Malformed> {
    match tlv::find(octets, ALGORITHM)? {
        None => Ok(None),
        Some(&[identifier]) => Ok(Some(identifier)),
        Some(_) => Err(tlv::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piv::{PinPolicy, TouchPolicy};

    /// Metadata as a `YubiKey` of version 5.4 gives them for a generated key, its passcode and its management key.
    #[test]
    fn metadata_are_read() {
        let point = format!("04{}", "11".repeat(64));
        let key = hex::decode(format!("0101110202030103010104438641{point}")).unwrap();
        let metadata = Metadata::parse(&key).unwrap();
        assert_eq!(metadata.algorithm, Some(Algorithm::P256));
        assert_eq!(metadata.policies, Some(Policies { pin: PinPolicy::Always, touch: TouchPolicy::Never }));
        assert_eq!(metadata.origin, Some(Origin::Made));
        assert!(metadata.public_key.is_some());
        let passcode = Metadata::parse(&hex::decode("0101ff05010106020302").unwrap()).unwrap();
        assert_eq!(passcode.tries, Some(RetryCounts { total: 3, left: 2 }));
        assert_eq!((passcode.algorithm, passcode.is_factory), (None, Some(true)));
        let management = Metadata::of_management(&hex::decode("01010a02020001050100").unwrap()).unwrap();
        assert_eq!(management.management, Some(ManagementAlgorithm::Aes192));
        assert_eq!(management.is_factory, Some(false));
        for bad in ["0102", "01020000", "030103", "050102", "060103", "0101110402ffff"] {
            assert!(Metadata::parse(&hex::decode(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
