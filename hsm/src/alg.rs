//! Key algorithms and signature schemes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What kind of key it is, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Alg {
    /// RSA with a modulus of 2048 bits.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    /// RSA with a modulus of 3072 bits.
    #[serde(rename = "rsa-3072")]
    Rsa3072,
    /// RSA with a modulus of 4096 bits.
    #[serde(rename = "rsa-4096")]
    Rsa4096,
    /// ECDSA on the curve P-256.
    #[serde(rename = "p-256")]
    P256,
    /// ECDSA on the curve P-384.
    #[serde(rename = "p-384")]
    P384,
    /// Ed25519, which signs messages and never digests.
    #[serde(rename = "ed25519")]
    Ed25519,
    /// ML-DSA-44 (FIPS 204), which signs messages and never digests.
    #[serde(rename = "ml-dsa-44")]
    MlDsa44,
    /// ML-DSA-65 (FIPS 204), which signs messages and never digests.
    #[serde(rename = "ml-dsa-65")]
    MlDsa65,
    /// ML-DSA-87 (FIPS 204), which signs messages and never digests.
    #[serde(rename = "ml-dsa-87")]
    MlDsa87,
}

/// What an algorithm is of, when its length does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// RSA.
    Rsa,
    /// ECDSA on a NIST curve.
    Ecdsa,
    /// `EdDSA` (RFC 8032), in its pure form.
    EdDsa,
    /// ML-DSA (FIPS 204), in its pure form and without a context: as RFC 9881 and RFC 9882 use it.
    MlDsa,
}

impl Alg {
    /// Every algorithm, in the order of declaration.
    pub const ALL: [Alg; 9] = [
        Alg::Rsa2048,
        Alg::Rsa3072,
        Alg::Rsa4096,
        Alg::P256,
        Alg::P384,
        Alg::Ed25519,
        Alg::MlDsa44,
        Alg::MlDsa65,
        Alg::MlDsa87,
    ];

    /// How many signatures one session makes before another's turn comes: sixteen where that is done in a millisecond, and of what takes
    /// longer so many that nobody who waits for one of theirs waits for more than some milliseconds.
    pub const fn in_a_turn(self) -> usize {
        match self {
            Self::P256 | Self::Ed25519 => 16,
            Self::P384 | Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => 8,
            Self::Rsa2048 => 4,
            Self::Rsa3072 => 2,
            Self::Rsa4096 => 1,
        }
    }

    /// What it is of.
    pub fn family(self) -> Family {
        match self {
            Alg::Rsa2048 | Alg::Rsa3072 | Alg::Rsa4096 => Family::Rsa,
            Alg::P256 | Alg::P384 => Family::Ecdsa,
            Alg::Ed25519 => Family::EdDsa,
            Alg::MlDsa44 | Alg::MlDsa65 | Alg::MlDsa87 => Family::MlDsa,
        }
    }

    /// The scheme to use unless a verifier asks for another.
    pub fn default_scheme(self) -> Scheme {
        match self {
            Alg::Rsa2048 | Alg::Rsa3072 | Alg::Rsa4096 => Scheme::RsaPkcs1Sha256,
            Alg::P256 => Scheme::EcdsaSha256,
            Alg::P384 => Scheme::EcdsaSha384,
            Alg::Ed25519 => Scheme::Ed25519,
            Alg::MlDsa44 => Scheme::MlDsa44,
            Alg::MlDsa65 => Scheme::MlDsa65,
            Alg::MlDsa87 => Scheme::MlDsa87,
        }
    }

    /// Whether a key of this algorithm can sign in this scheme.
    pub fn supports(self, scheme: Scheme) -> bool {
        match self.family() {
            Family::Rsa => matches!(
                scheme,
                Scheme::RsaPkcs1Sha1
                    | Scheme::RsaPkcs1Sha256
                    | Scheme::RsaPkcs1Sha384
                    | Scheme::RsaPkcs1Sha512
                    | Scheme::RsaPssSha256
            ),
            // The others have one scheme each.
            Family::Ecdsa | Family::EdDsa | Family::MlDsa => scheme == self.default_scheme(),
        }
    }

    /// The name used in configuration and databases.
    pub fn as_str(self) -> &'static str {
        match self {
            Alg::Rsa2048 => "rsa-2048",
            Alg::Rsa3072 => "rsa-3072",
            Alg::Rsa4096 => "rsa-4096",
            Alg::P256 => "p-256",
            Alg::P384 => "p-384",
            Alg::Ed25519 => "ed25519",
            Alg::MlDsa44 => "ml-dsa-44",
            Alg::MlDsa65 => "ml-dsa-65",
            Alg::MlDsa87 => "ml-dsa-87",
        }
    }

    /// Bits of the modulus, or `None` when it is no RSA key.
    pub(crate) fn modulus_bits(self) -> Option<u64> {
        match self {
            Alg::Rsa2048 => Some(2048),
            Alg::Rsa3072 => Some(3072),
            Alg::Rsa4096 => Some(4096),
            Alg::P256 | Alg::P384 | Alg::Ed25519 | Alg::MlDsa44 | Alg::MlDsa65 | Alg::MlDsa87 => None,
        }
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name is not one of [`Alg::ALL`].
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no key algorithm; use rsa-2048, rsa-3072, rsa-4096, p-256, p-384, ed25519, ml-dsa-44, ml-dsa-65 or ml-dsa-87"
)]
pub struct UnknownAlg(String);

impl FromStr for Alg {
    type Err = UnknownAlg;

    fn from_str(name: &str) -> Result<Alg, UnknownAlg> {
        Alg::ALL.into_iter().find(|alg| alg.as_str() == name).ok_or_else(|| UnknownAlg(name.to_owned()))
    }
}

/// How a message becomes a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 with SHA-1: only for what others cannot read otherwise yet.
    RsaPkcs1Sha1,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaPkcs1Sha512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 octets.
    RsaPssSha256,
    /// ECDSA with SHA-256; the signature is a DER `Ecdsa-Sig-Value`.
    EcdsaSha256,
    /// ECDSA with SHA-384; the signature is a DER `Ecdsa-Sig-Value`.
    EcdsaSha384,
    /// Ed25519 over the message itself.
    Ed25519,
    /// ML-DSA-44 over the message itself, with an empty context.
    #[serde(rename = "ml-dsa-44")]
    MlDsa44,
    /// ML-DSA-65 over the message itself, with an empty context.
    #[serde(rename = "ml-dsa-65")]
    MlDsa65,
    /// ML-DSA-87 over the message itself, with an empty context.
    #[serde(rename = "ml-dsa-87")]
    MlDsa87,
}

impl Scheme {
    /// Octets of the digest that is signed, or `None` when the message itself is.
    pub fn digest_len(self) -> Option<usize> {
        match self {
            Scheme::RsaPkcs1Sha1 => Some(20),
            Scheme::RsaPkcs1Sha256 | Scheme::RsaPssSha256 | Scheme::EcdsaSha256 => Some(32),
            Scheme::RsaPkcs1Sha384 | Scheme::EcdsaSha384 => Some(48),
            Scheme::RsaPkcs1Sha512 => Some(64),
            Scheme::Ed25519 | Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every algorithm's name reads back as itself and its default scheme is one it supports.
    #[test]
    fn names_and_default_schemes_agree() {
        for alg in Alg::ALL {
            assert_eq!(alg.to_string().parse::<Alg>().unwrap(), alg);
            assert!(alg.supports(alg.default_scheme()));
        }
        assert!("rsa-1024".parse::<Alg>().is_err());
        assert!(!Alg::P256.supports(Scheme::EcdsaSha384));
    }
}
