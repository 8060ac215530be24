//! What a reader needs to check a signature years later: the certificates and the revocation lists.
//!
//! They go into `SignedData` itself (EN 319 122-1 6.3): an archive time-stamp covers them there.

use std::time::Duration;

use pki::path::{self, Known, Policy, Revocation};
use pki::{Certificate, Crl};
use platform::clock::Millis;
use platform::problem::Problem;

use super::parts::Parts;
use crate::error::Error;
use crate::signer::Signer;
use crate::verification::{Kept, MOST_SHARDS};

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
    add_lists(signer, parts).await
}

/// The same for what is there: the lists of its certificates.
pub(super) async fn add_lists(signer: &Signer, parts: &mut Parts) -> Result<(), Error> {
    let read: Result<Vec<Certificate>, _> =
        parts.certificates.iter().map(|der| Certificate::from_der(der)).collect();
    let certificates = read.map_err(|_| Error::StoredRow { what: "signature" })?;
    let current = current(signer, &certificates).await?;
    current.complete?;
    for crl in &current.lists {
        let der = crl.der().to_vec();
        if !parts.crls.contains(&der) {
            parts.crls.push(der);
        }
    }
    Ok(())
}

/// The revocation lists of now.
pub(crate) struct Current {
    /// Those of the issuers of the certificates.
    pub(crate) lists: Vec<Crl>,
    /// Whether they say of each certificate, and of all above it, whether it is revoked.
    pub(crate) complete: Result<(), Error>,
}

/// What the authority has of revocation lists for certificates that lie here with those above them, but for the root.
pub(crate) async fn current(signer: &Signer, certificates: &[Certificate]) -> Result<Current, Error> {
    let now = signer.clock.now();
    let kept = signer.trusted.newest(&signer.ca, now).await?;
    let lists = kept.lists(&signer.ca, certificates, MOST_SHARDS).await?;
    let needed = |crl: &&Crl| {
        crl.delta_base().is_none() && certificates.iter().any(|below| below.issuer() == crl.issuer())
    };
    let lists: Vec<Crl> = lists.iter().filter(needed).cloned().collect();
    let at = Kept::judged_at(&lists, now);
    let extra: Vec<Certificate> = certificates.iter().chain(&kept.authorities).cloned().collect();
    let complete = ends(certificates).try_for_each(|end| covered(end, &extra, &kept.anchors, &lists, at));
    Ok(Current { lists, complete })
}

/// The certificates that issued no other of them: the signer's, and the one of the time-stamp.
fn ends(certificates: &[Certificate]) -> impl Iterator<Item = &Certificate> {
    certificates.iter().filter(|one| certificates.iter().all(|other| other.issuer() != one.subject()))
}

/// Whether these lists say of a certificate, and of all above it, whether it is revoked. Without that nobody could check it later, and it
/// would not be what was asked for. A list with the issuer's name alone says nothing: the one of a certificate's shard is another.
fn covered(
    end: &Certificate,
    extra: &[Certificate],
    anchors: &[Certificate],
    lists: &[Crl],
    at: Millis,
) -> Result<(), Error> {
    let policy = Policy { revocation: Revocation::RequiredAsOf(at.0), ..Policy::default() };
    match path::check(end, extra, anchors, Known::from(lists), at.0, &policy) {
        // What the lists say is for whoever reads them.
        Ok(_) | Err(path::Error::Revoked { .. } | path::Error::Expired { .. }) => Ok(()),
        Err(path::Error::RevocationUnknown { .. }) => Err(Error::Authority(Problem::unavailable(
            "revocation-list-missing",
            "A revocation list that belongs into the signature is just being made. Try again shortly.",
            Duration::from_secs(5),
        ))),
        Err(_) => Err(Error::Verification {
            sentence: "A certificate of the signature or of a time-stamp in it is of no authority that is known here, so that \
                       its revocation lists cannot be added.",
        }),
    }
}

#[cfg(test)]
mod tests {
    use platform::problem::Kind;
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
        CrlIssuingDistributionPoint, DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
        SerialNumber, date_time_ymd,
    };

    use super::*;

    /// 2026-06-01.
    const NOW: Millis = Millis(1_780_272_000_000);

    fn named(name: &str) -> CertificateParams {
        let mut made = CertificateParams::default();
        made.distinguished_name.push(DnType::CommonName, name);
        made.not_before = date_time_ymd(2020, 1, 1);
        made.not_after = date_time_ymd(2089, 1, 1);
        made
    }

    fn root() -> (Issuer<'static, KeyPair>, Certificate) {
        let key = KeyPair::generate().unwrap();
        let mut root = named("Root");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = Certificate::from_der(root.self_signed(&key).unwrap().der()).unwrap();
        (Issuer::new(root, key), certificate)
    }

    /// The list of a shard.
    fn list(issuer: &Issuer<'_, KeyPair>, shard: u32) -> Crl {
        let distribution_point = CrlDistributionPoint { uris: vec![place(shard)] };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: Some(CrlIssuingDistributionPoint { distribution_point, scope: None }),
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Crl::from_der(list.signed_by(issuer).unwrap().der()).unwrap()
    }

    fn place(shard: u32) -> String {
        format!("http://pki.example.org/crl/root/{shard}.crl")
    }

    /// A list of the issuer that is another shard's covers nobody: it is waited for the right one. A stranger's certificate is no matter of
    /// waiting.
    #[test]
    fn a_list_with_the_right_name_is_not_enough() {
        let (issuer, anchor) = root();
        let mut signer = named("Signer");
        signer.use_authority_key_identifier_extension = true;
        signer.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![place(1)] }];
        let signer = signer.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        let signer = Certificate::from_der(signer.der()).unwrap();
        let asked = |lists: &[Crl], anchors: &[Certificate]| covered(&signer, &[], anchors, lists, NOW);
        let anchors = std::slice::from_ref(&anchor);
        for lists in [vec![], vec![list(&issuer, 0)], vec![list(&issuer, 2)]] {
            let problem = Problem::from(asked(&lists, anchors).unwrap_err());
            assert_eq!((problem.kind, problem.code), (Kind::Unavailable, "revocation-list-missing"));
        }
        asked(&[list(&issuer, 0), list(&issuer, 1)], anchors).unwrap();
        let (other, _) = root();
        let foreign = named("Stranger").signed_by(&KeyPair::generate().unwrap(), &other).unwrap();
        let foreign = Certificate::from_der(foreign.der()).unwrap();
        let refused = covered(&foreign, &[], anchors, &[list(&issuer, 1)], NOW).unwrap_err();
        assert_eq!(Problem::from(refused).kind, Kind::Invalid);
        let both = [signer.clone(), anchor.clone()];
        assert_eq!(ends(&both).collect::<Vec<_>>(), [&signer]);
    }
}
