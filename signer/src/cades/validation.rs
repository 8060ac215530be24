//! What a reader needs to check signatures, beside them and not in them: the certificates above the signers' and the revocation lists that are
//! current (CSC API v2, 11.11, `returnValidationInfo`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::{Certificate, Crl};

use super::parts::Parts;
use crate::api::ValidationInfo;
use crate::error::Error;
use crate::signer::Signer;
use crate::verification::MOST_SHARDS;

/// Whether that is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Validation {
    /// It is.
    Wanted,
    /// It is not.
    Unwanted,
}

/// For these signatures together, where it is wanted. OCSP answers are in none, because the lists say the same.
pub(crate) async fn validation(
    signer: &Signer,
    made: &[Vec<u8>],
    validation: Validation,
) -> Result<Option<ValidationInfo>, Error> {
    if validation == Validation::Unwanted {
        return Ok(None);
    }
    let mut certificates: Vec<Certificate> = Vec::new();
    let read = |der: &Vec<u8>| Certificate::from_der(der).map_err(|_| Error::StoredRow { what: "signature" });
    for cms in made {
        let parts = Parts::read(cms).ok_or(Error::StoredRow { what: "signature" })?;
        for der in &parts.certificates {
            let certificate = read(der)?;
            if !certificates.contains(&certificate) {
                certificates.push(certificate);
            }
        }
    }
    let kept = signer.trusted.newest(&signer.ca, signer.clock.now()).await?;
    // Upwards until nobody is missing: authorities are few.
    let mut at = 0;
    while let Some(below) = certificates.get(at) {
        let issuer = below.issuer().clone();
        let above = kept.authorities.iter().chain(&kept.anchors).filter(|above| *above.subject() == issuer);
        let missing: Vec<Certificate> =
            above.filter(|above| !certificates.contains(above)).cloned().collect();
        certificates.extend(missing);
        at += 1;
    }
    let lists = kept.lists(&signer.ca, &certificates, MOST_SHARDS).await?;
    let needed = |crl: &&Crl| {
        crl.delta_base().is_none() && certificates.iter().any(|below| below.issuer() == crl.issuer())
    };
    Ok(Some(ValidationInfo {
        ocsp: Vec::new(),
        crl: lists.iter().filter(needed).map(|crl| STANDARD.encode(crl.der())).collect(),
        certificates: certificates.iter().map(|certificate| STANDARD.encode(certificate.der())).collect(),
    }))
}
