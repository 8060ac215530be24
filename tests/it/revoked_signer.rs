//! A signing certificate that was revoked at the authority signs nothing more, from the answer on.

use ca::api::{CertificateInfo, Reason, RevokeRequest};
use lanyard::signing::{self, Envelope};
use zeroize::Zeroizing;

use crate::rig::{Demo, Site, free_ports};

/// How many documents are authorised, each alone.
const DOCUMENTS: usize = 8;

/// The server signs and remembers that the certificate is in force; the desk revokes it, under a serial in other letters
/// than ours; every signature asked for after that is refused, and those that were made are answered as before.
#[tokio::test(flavor = "multi_thread")]
async fn revoked_certificate_signs_nothing_more() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    let _demo = Demo::start(&site.folder, site.base);
    let system = site.systems(&site.system());
    let credential = signing::credential(&system, "555000000108", None).await.unwrap();
    let passphrase = std::fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
    let passphrase = Zeroizing::new(passphrase.trim().to_owned());
    let mut agreed = Vec::new();
    for number in 0..DOCUMENTS {
        let documents = [format!("prescription {number}").into_bytes()];
        let agreement = signing::authorise(&system, &credential, &passphrase, &documents).await.unwrap();
        agreed.push((agreement, documents));
    }
    let sign = async |(agreement, documents): &(signing::Agreement, [Vec<u8>; 1])| {
        signing::signatures(&system, &credential, agreement.clone(), documents, Envelope::Detached).await
    };
    let (before, after) = agreed.split_at(DOCUMENTS / 2);
    let mut signed = Vec::new();
    for one in before {
        signed.push(sign(one).await.unwrap());
    }

    let leaf = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        credential.certificates.first().unwrap(),
    );
    let serial = pki::Certificate::from_der(&leaf.unwrap()).unwrap().serial().to_string().to_uppercase();
    let request = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: None };
    let path = format!("/ca/certificates/{serial}/revocation");
    let _: CertificateInfo = site.systems(&site.desk()).post(&path, &request).await.unwrap();

    for one in after {
        let refused = sign(one).await.unwrap_err().to_string();
        assert!(refused.contains("Signing certificate is revoked"), "{refused}");
    }
    for (one, made) in before.iter().zip(&signed) {
        assert_eq!(&sign(one).await.unwrap(), made, "what was answered is answered again");
    }
}
