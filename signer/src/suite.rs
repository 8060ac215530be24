//! How a key of each algorithm signs documents: one row each, and nothing else in this crate tells them apart.

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use hsm::Alg;
use pki::algorithm;

use crate::api::{
    Algorithm, ECDSA_SHA_256, ECDSA_SHA_384, ML_DSA_44, ML_DSA_65, ML_DSA_87, P_256, P_384, RSA, RSA_SHA_256,
    SHA_256, SHA_384, SHA_512,
};
use crate::bare;

/// How one algorithm signs documents.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) alg: Alg,
    /// Its name in the API.
    pub(crate) name: Algorithm,
    /// What a CSC client may call it in `signAlgo`, the preferred name first.
    pub(crate) sign_algorithms: &'static [&'static str],
    /// Whether the name alone tells the hash.
    pub(crate) hash: Hash,
    /// The signature's `AlgorithmIdentifier`.
    pub(crate) signature_algorithm: &'static [u8],
    /// Bits of the key, as CSC tells them.
    pub(crate) bits: u32,
    /// The curve's object identifier.
    pub(crate) curve: Option<&'static str>,
}

impl Suite {
    /// Every `signAlgo` that a key of it goes by: for documents and hashes, and then for hashes alone.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.sign_algorithms.iter().copied().chain(bare::further_names(self.alg, self.sign_algorithms))
    }
}

/// The hash of the document in `messageDigest`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The digest of a document.
    pub(crate) fn digest(self, document: &[u8]) -> Vec<u8> {
        digest::digest(self.algorithm(), document).as_ref().to_vec()
    }

    /// How many octets that has.
    pub(crate) fn len(self) -> usize {
        self.algorithm().output_len()
    }

    /// The hash with an object identifier.
    pub(crate) fn called(oid: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha384, Self::Sha512].into_iter().find(|hash| hash.oid() == oid)
    }

    /// Those that are shorter.
    pub(crate) fn shorter(self) -> impl Iterator<Item = Self> {
        [Self::Sha256, Self::Sha384, Self::Sha512].into_iter().filter(move |hash| hash.len() < self.len())
    }

    /// Its object identifier.
    pub(crate) fn oid(self) -> &'static str {
        match self {
            Self::Sha256 => SHA_256,
            Self::Sha384 => SHA_384,
            Self::Sha512 => SHA_512,
        }
    }

    /// Its `AlgorithmIdentifier`, parameters absent: RFC 5754 2.
    pub(crate) fn identifier(self) -> &'static [u8] {
        match self {
            Self::Sha256 => &[0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
            Self::Sha384 => &[0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
            Self::Sha512 => &[0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
        }
    }

    pub(crate) fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        }
    }
}

/// The suite of a key, or `None` when its algorithm does not sign documents here.
pub(crate) fn of(alg: Alg) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.alg == alg)
}

/// The suite of a name in the API.
pub(crate) fn named(name: Algorithm) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.name == name)
}

/// The suites that a `signAlgo` may mean: which of them it does is the key's to say.
pub(crate) fn called(sign_algorithm: &str) -> impl Iterator<Item = &'static Suite> {
    SUITES.iter().filter(move |suite| suite.sign_algorithms.contains(&sign_algorithm))
}

/// Every `signAlgo`, each once.
pub(crate) fn sign_algorithms() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in SUITES.iter().flat_map(Suite::names) {
        if !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    }
    all
}

/// id-ml-dsa-44, -65 and -87, parameters absent: RFC 9882 2.
const ML_DSA_44_IDENTIFIER: &[u8] =
    &[0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11];
const ML_DSA_65_IDENTIFIER: &[u8] =
    &[0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12];
const ML_DSA_87_IDENTIFIER: &[u8] =
    &[0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13];

/// One row each. The hash of ML-DSA is as strong as the parameter set: RFC 9882 3.3, table 1; with ML-DSA-44 that may be
/// SHA-256, by which documents are authorised.
static SUITES: [Suite; 7] = [
    Suite {
        alg: Alg::Rsa2048,
        name: Algorithm::Rsa2048,
        sign_algorithms: &[RSA_SHA_256, RSA],
        hash: Hash::Sha256,
        signature_algorithm: algorithm::RSA_SHA256,
        bits: 2048,
        curve: None,
    },
    Suite {
        alg: Alg::Rsa3072,
        name: Algorithm::Rsa3072,
        sign_algorithms: &[RSA_SHA_256, RSA],
        hash: Hash::Sha256,
        signature_algorithm: algorithm::RSA_SHA256,
        bits: 3072,
        curve: None,
    },
    Suite {
        alg: Alg::P256,
        name: Algorithm::P256,
        sign_algorithms: &[ECDSA_SHA_256],
        hash: Hash::Sha256,
        signature_algorithm: algorithm::ECDSA_SHA256,
        bits: 256,
        curve: Some(P_256),
    },
    Suite {
        alg: Alg::P384,
        name: Algorithm::P384,
        sign_algorithms: &[ECDSA_SHA_384],
        hash: Hash::Sha384,
        signature_algorithm: algorithm::ECDSA_SHA384,
        bits: 384,
        curve: Some(P_384),
    },
    Suite {
        alg: Alg::MlDsa44,
        name: Algorithm::MlDsa44,
        sign_algorithms: &[ML_DSA_44],
        hash: Hash::Sha256,
        signature_algorithm: ML_DSA_44_IDENTIFIER,
        bits: 10_496,
        curve: None,
    },
    Suite {
        alg: Alg::MlDsa65,
        name: Algorithm::MlDsa65,
        sign_algorithms: &[ML_DSA_65],
        hash: Hash::Sha512,
        signature_algorithm: ML_DSA_65_IDENTIFIER,
        bits: 15_616,
        curve: None,
    },
    Suite {
        alg: Alg::MlDsa87,
        name: Algorithm::MlDsa87,
        sign_algorithms: &[ML_DSA_87],
        hash: Hash::Sha512,
        signature_algorithm: ML_DSA_87_IDENTIFIER,
        bits: 20_736,
        curve: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// No algorithm, name or row stands for two; a signAlgo means keys of one hash only, and those not here are refused.
    #[test]
    fn rows_do_not_contradict() {
        for suite in &SUITES {
            assert_eq!(of(suite.alg).map(|found| found.name), Some(suite.name));
            assert_eq!(named(suite.name).map(|found| found.alg), Some(suite.alg));
            for name in suite.sign_algorithms {
                assert!(called(name).all(|other| other.hash == suite.hash));
                assert_eq!(sign_algorithms().iter().filter(|known| known == name).count(), 1);
            }
        }
        assert!(of(Alg::Ed25519).is_none() && of(Alg::Rsa4096).is_none());
        assert_eq!(called("1.2.3").count(), 0);
    }
}
