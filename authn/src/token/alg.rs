//! How tokens are signed.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hsm::{Alg, Scheme};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A signature algorithm of RFC 7518 or RFC 8037 that we sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub enum TokenAlg {
    /// RSA with PKCS #1 v1.5 padding and SHA-256: what CIS2 signs with.
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl TokenAlg {
    /// Its name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The scheme of the token.
    pub(super) fn scheme(self) -> Scheme {
        match self {
            Self::Rs256 => Scheme::RsaPkcs1Sha256,
            Self::Ps256 => Scheme::RsaPssSha256,
            Self::Es256 => Scheme::EcdsaSha256,
            Self::EdDsa => Scheme::Ed25519,
        }
    }

    /// What a key can sign with.
    pub(super) fn of_key(alg: Alg) -> &'static [Self] {
        match alg {
            Alg::Rsa2048 | Alg::Rsa3072 | Alg::Rsa4096 => &[Self::Rs256, Self::Ps256],
            Alg::P256 => &[Self::Es256],
            Alg::Ed25519 => &[Self::EdDsa],
            _ => &[],
        }
    }

    /// The left half of the hash that goes with the algorithm, as `at_hash` and `c_hash` have it. OpenID Connect Core 3.1.3.6; for
    /// Ed25519 the hash is SHA-512.
    pub(crate) fn half_hash(self, text: &str) -> String {
        let hash = if self == Self::EdDsa { &SHA512 } else { &SHA256 };
        let whole = digest(hash, text.as_bytes());
        URL_SAFE_NO_PAD.encode(&whole.as_ref()[..whole.as_ref().len() / 2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of OpenID Connect Core, appendix A.3.
    #[test]
    fn half_hashes_are_those_of_the_standard() {
        let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(TokenAlg::Rs256.half_hash(access_token), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
