//! Certificates that came with signatures before. Whoever signs once signs again with the same certificate; to read it, and to verify who issued
//! it, costs as much as all the rest of a verification.
//!
//! What is kept says nothing of whether a certificate is good: it is its octets taken apart, and the key under which its signature was seen to
//! verify, neither of which ever changes. Path, times and revocation are looked at for each signature.

use std::num::NonZeroUsize;
use std::sync::{LazyLock, Mutex, PoisonError};

use lru::LruCache;
use pki::{Certificate, Error};

/// How many are kept, and how long one may be: strangers bring what they like.
const MOST: usize = 1024;
const LONGEST: usize = 4096;

/// By their octets. Of the process, as what is read does not hang on whose installation it is; held to look one up or to put one in.
static READ: LazyLock<Mutex<LruCache<Vec<u8>, Certificate>>> =
    LazyLock::new(|| Mutex::new(LruCache::new(NonZeroUsize::new(MOST).unwrap_or(NonZeroUsize::MIN))));

/// A certificate, read now or before.
pub(super) fn certificate(der: &[u8]) -> Result<Certificate, Error> {
    let known = || READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known().get(der) {
        return Ok(found.clone());
    }
    let read = Certificate::from_der(der)?;
    if der.len() <= LONGEST {
        known().put(der.to_vec(), read.clone());
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    /// The same octets are the same certificate, others are not, and what does not read is refused each time.
    #[test]
    fn what_was_read_is_not_read_again() {
        let make = || {
            let key = KeyPair::generate().unwrap();
            let made = CertificateParams::new(vec!["signer.example".to_owned()]).unwrap().self_signed(&key);
            made.unwrap().der().to_vec()
        };
        let (one, other) = (make(), make());
        assert_eq!(certificate(&one).unwrap().der(), one);
        assert_eq!(certificate(&other).unwrap().der(), other);
        assert_eq!(certificate(&one).unwrap().der(), one);
        for _ in 0..2 {
            assert!(certificate(&one[1..]).is_err());
        }
    }
}
