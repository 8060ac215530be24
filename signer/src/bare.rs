//! How a bare signature over a hash is made (`signHash`): one row for each name that a client may give.
//!
//! A SHA-256 digest is known by itself wherever digests are listed. A longer one is known by the SHA-256 of its algorithm's name and itself, so
//! that no two of whatever kind are one, and none stands for a digest that somebody authorised as SHA-256.

use hsm::{Alg, Scheme};

use crate::api::{
    ECDSA_SHA_256, ECDSA_SHA_384, RSA, RSA_PSS, RSA_SHA_256, RSA_SHA_384, RSA_SHA_512, SignatureForm,
};
use crate::digest::Digest;
use crate::suite::Hash;

/// How hashes are signed.
#[derive(Debug)]
pub(crate) struct Bare {
    /// What a client calls it in `signAlgo`.
    pub(crate) name: &'static str,
    /// The hash of documents.
    pub(crate) hash: Hash,
    /// What the token does.
    pub(crate) scheme: Scheme,
    /// As what it stands in the ledger.
    pub(crate) form: SignatureForm,
    /// The keys that do it.
    algs: &'static [Alg],
}

const RSA_KEYS: &[Alg] = &[Alg::Rsa2048, Alg::Rsa3072];

const fn pkcs1(name: &'static str, hash: Hash, scheme: Scheme) -> Bare {
    Bare { name, hash, scheme, form: SignatureForm::Hash, algs: RSA_KEYS }
}

static ROWS: [Bare; 6] = [
    pkcs1(RSA_SHA_256, Hash::Sha256, Scheme::RsaPkcs1Sha256),
    pkcs1(RSA_SHA_384, Hash::Sha384, Scheme::RsaPkcs1Sha384),
    pkcs1(RSA_SHA_512, Hash::Sha512, Scheme::RsaPkcs1Sha512),
    Bare {
        name: RSA_PSS,
        hash: Hash::Sha256,
        scheme: Scheme::RsaPssSha256,
        form: SignatureForm::HashPss,
        algs: RSA_KEYS,
    },
    Bare {
        name: ECDSA_SHA_256,
        hash: Hash::Sha256,
        scheme: Scheme::EcdsaSha256,
        form: SignatureForm::Hash,
        algs: &[Alg::P256],
    },
    Bare {
        name: ECDSA_SHA_384,
        hash: Hash::Sha384,
        scheme: Scheme::EcdsaSha384,
        form: SignatureForm::Hash,
        algs: &[Alg::P384],
    },
];

/// The row of a name; `rsaEncryption` says its hash apart.
pub(crate) fn called(name: &str, hash: Option<Hash>) -> Option<&'static Bare> {
    let pkcs1 = |row: &&Bare| row.algs == RSA_KEYS && row.form == SignatureForm::Hash;
    if name == RSA {
        return ROWS.iter().filter(pkcs1).find(|row| Some(row.hash) == hash);
    }
    ROWS.iter().find(|row| row.name == name)
}

/// The names that keys of this kind go by, besides those of their suite.
pub(crate) fn further_names(alg: Alg, known: &[&str]) -> impl Iterator<Item = &'static str> {
    let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
    let fits = move |row: &&Bare| row.algs.contains(&alg) && !known.iter().any(|name| name == row.name);
    ROWS.iter().filter(fits).map(|row| row.name)
}

impl Bare {
    /// Whether a key does it.
    pub(crate) fn fits(&self, alg: Alg) -> bool {
        self.algs.contains(&alg)
    }
}

/// By what a hash is known where digests are listed.
pub(crate) fn known_as(hash: Hash, octets: &[u8]) -> Option<Digest> {
    if octets.len() != hash.len() {
        return None;
    }
    Some(match <[u8; 32]>::try_from(octets) {
        Ok(digest) => Digest(digest),
        Err(_) => Digest::of(&[b"lanyard longer hash ", hash.oid().as_bytes(), b" ", octets].concat()),
    })
}

/// `RSASSA-PSS-params` (RFC 4055 3.1) with SHA-256, MGF1 with SHA-256 and a salt of 32 octets: the parameters of hashes NULL, or absent.
pub(crate) const PSS_PARAMETERS: [&[u8]; 2] = [
    &[
        0x30, 0x34, 0xA0, 0x0F, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0xA1, 0x1C, 0x30, 0x1A, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08,
        0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xA2, 0x03,
        0x02, 0x01, 0x20,
    ],
    &[
        0x30, 0x30, 0xA0, 0x0D, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0xA1, 0x1A, 0x30, 0x18, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08, 0x30, 0x0B,
        0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0xA2, 0x03, 0x02, 0x01, 0x20,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A name means one row, `rsaEncryption` the one of its hash; a row's digest is as long as its hash, and no two rows of a key have
    /// one hash and one form.
    #[test]
    fn rows_do_not_contradict() {
        for (place, row) in ROWS.iter().enumerate() {
            assert_eq!(called(row.name, None).map(|found| found.scheme), Some(row.scheme));
            assert_eq!(row.scheme.digest_len(), Some(row.hash.len()));
            assert!(row.algs.iter().all(|alg| alg.supports(row.scheme) && row.fits(*alg)));
            for other in &ROWS[place + 1..] {
                let same = row.hash == other.hash && row.form == other.form;
                assert!(!same || row.algs.iter().all(|alg| !other.fits(*alg)), "{row:?} {other:?}");
            }
        }
        assert_eq!(called(RSA, Some(Hash::Sha512)).map(|row| row.name), Some(RSA_SHA_512));
        assert!(called(RSA, None).is_none() && called("1.2.3", None).is_none());
        let further: Vec<&str> = further_names(Alg::Rsa2048, &[RSA_SHA_256, RSA]).collect();
        assert_eq!(further, [RSA_SHA_384, RSA_SHA_512, RSA_PSS]);
        assert_eq!(further_names(Alg::P384, &[ECDSA_SHA_384]).count(), 0);
    }

    /// Hashes of different kinds are never known as the same, and one of another length as nothing.
    #[test]
    fn hashes_are_told_apart() {
        assert_eq!(known_as(Hash::Sha256, &[7; 32]), Some(Digest([7; 32])));
        let (middle, long) = (known_as(Hash::Sha384, &[7; 48]), known_as(Hash::Sha512, &[7; 64]));
        assert!(middle.is_some() && long.is_some() && middle != long);
        assert_ne!(middle, Some(Digest::of(&[7; 48])), "nor as a document that somebody authorised");
        assert_eq!(known_as(Hash::Sha384, &[7; 32]), None);
        assert_eq!(known_as(Hash::Sha256, &[7; 48]), None);
    }
}
