//! Signing with the card, after its holder agreed.
//!
//! [`cms`] is what stands around a signature where a CMS message is wanted.

mod card_holder;
pub mod cms;

pub(crate) use card_holder::certificate_in;
pub use card_holder::{Signed, SigningCard, find_card, find_card_for, sign};

use card::apdu::Status;
use card::piv::{Algorithm, Digest};

use crate::passcode::NoPasscode;
use crate::readers::ReaderError;

/// What is to be signed.
pub struct Request {
    /// Who asks, for the holder to see.
    pub origin: String,
    /// How.
    pub algorithm: SignatureAlgorithm,
    /// What, at least one.
    pub documents: Vec<Document>,
}

/// One thing to be signed.
pub struct Document {
    /// What the asker calls it.
    pub id: String,
    /// What is signed.
    pub octets: Vec<u8>,
}

/// A signature algorithm, by its name in JWA. RFC 7518 3.1. RS1, with SHA-1, is refused: a collision would carry a signature over
/// to another prescription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSA with PKCS #1 v1.5 and SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
}

impl SignatureAlgorithm {
    /// The one of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "ES384" => Some(Self::Es384),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
        }
    }

    /// The one of a card's key: each kind of key has one.
    pub fn of_key(key: Algorithm) -> Self {
        match key {
            Algorithm::Rsa2048 => Self::Rs256,
            Algorithm::P256 => Self::Es256,
            Algorithm::P384 => Self::Es384,
        }
    }

    /// The hash that it signs.
    fn hash(self) -> &'static aws_lc_rs::digest::Algorithm {
        match self {
            Self::Rs256 | Self::Es256 => &aws_lc_rs::digest::SHA256,
            Self::Es384 => &aws_lc_rs::digest::SHA384,
        }
    }

    /// The object identifier of that hash in DER, which goes without parameters. RFC 5754 2.
    fn hash_identifier(self) -> &'static [u8] {
        match self {
            Self::Rs256 | Self::Es256 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
            Self::Es384 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
        }
    }

    fn digest(self, octets: &[u8]) -> Digest {
        let digest = aws_lc_rs::digest::digest(self.hash(), octets);
        match self {
            Self::Rs256 | Self::Es256 => {
                Digest::Sha256(digest.as_ref().try_into().expect("SHA-256 gives 32 octets"))
            }
            Self::Es384 => Digest::Sha384(digest.as_ref().try_into().expect("SHA-384 gives 48 octets")),
        }
    }

    /// Its `AlgorithmIdentifier` in DER.
    fn identifier(self) -> &'static [u8] {
        match self {
            Self::Rs256 => pki::algorithm::RSA_SHA256,
            Self::Es256 => pki::algorithm::ECDSA_SHA256,
            Self::Es384 => pki::algorithm::ECDSA_SHA384,
        }
    }
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// There is no card with a certificate for this.
    #[error("no smartcard with a certificate for this is in a reader")]
    NoCard,
    /// There is more than one.
    #[error("more than one smartcard is in a reader: take out all but your own")]
    ManyCards,
    /// The certificate is not good now.
    #[error("the certificate for this on the card is not valid now")]
    NotInTime,
    /// The card's key is of another kind.
    #[error("the card's key cannot make signatures of this algorithm")]
    OtherKey,
    /// There is another card than the one that was asked for.
    #[error("the smartcard was changed for another")]
    OtherCard,
    /// There is no passcode.
    #[error(transparent)]
    NoPasscode(#[from] NoPasscode),
    /// The reader failed.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// The card failed, or the passcode was wrong.
    #[error(transparent)]
    Card(#[from] card::piv::Error),
    /// What came from the card is no signature by its certificate.
    #[error("what the card gave is no signature of its certificate's key")]
    BadSignature,
}

impl SigningError {
    /// Whether the card refused for want of its holder.
    pub fn is_refusal(&self) -> bool {
        use card::piv::Error;
        matches!(
            self,
            Self::NoPasscode(_)
                | Self::Card(
                    Error::Wrong { .. }
                        | Error::WrongUncounted(_)
                        | Error::Locked(_)
                        | Error::Refused { status: Status::SecurityNotSatisfied, .. }
                )
        )
    }
}
