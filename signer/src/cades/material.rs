//! What a reader needs to check a signature years later: the certificates and the revocation lists.
//!
//! They go into `SignedData` itself (EN 319 122-1 6.3): an archive time-stamp covers them there.

use std::time::Duration;

use pki::{Certificate, Crl};
use platform::problem::Problem;

use super::parts::Parts;
use crate::error::Error;
use crate::signer::Signer;

/// Adds what is needed for the signature and for its time-stamp: every certificate up to below the root, and for each the lists of its
/// issuer that are current.
pub(super) async fn add(signer: &Signer, parts: &mut Parts, token: &[u8]) -> Result<(), Error> {
    let unreadable = || Error::StoredRow { what: "signature" };
    let inner = Parts::read(token).ok_or_else(unreadable)?;
    for certificate in inner.certificates {
        if !parts.certificates.contains(&certificate) {
            parts.certificates.push(certificate);
        }
    }
    let read: Result<Vec<Certificate>, _> =
        parts.certificates.iter().map(|der| Certificate::from_der(der)).collect();
    let certificates = read.map_err(|_| unreadable())?;
    let now = signer.clock.now();
    let kept = signer.trusted.newest(&signer.ca, now).await?;
    let lists = kept.lists(&signer.ca, &certificates).await?;
    let needed = |crl: &&Crl| {
        crl.delta_base().is_none() && certificates.iter().any(|below| below.issuer() == crl.issuer())
    };
    // Without one of them nobody could check it later, and it would not be what was asked for.
    let covered = |it: &Certificate| lists.iter().filter(needed).any(|crl| crl.issuer() == it.issuer());
    if !certificates.iter().all(covered) {
        return Err(Error::Authority(Problem::unavailable(
            "revocation-list-missing",
            "A revocation list that belongs into the signature is just being made. Try again shortly.",
            Duration::from_secs(5),
        )));
    }
    for crl in lists.iter().filter(needed) {
        let der = crl.der().to_vec();
        if !parts.crls.contains(&der) {
            parts.crls.push(der);
        }
    }
    Ok(())
}
