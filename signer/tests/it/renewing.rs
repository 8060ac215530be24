//! Certificates that take the place of others, while something else happens to their credential.

use std::sync::Arc;

use ca::api::{CertificateQuery, CertificateState, Reason, RevokeRequest};
use platform::db::Db;
use serde_json::json;
use signer::api::Algorithm;

use crate::rig::{PASSPHRASE, Rig, USER, digest_of, signing_end};

platform::both_engines! {
    /// A process that still has the old certificate in memory when that ends signs with the one that another process renewed
    /// it by; without that one it refuses.
    async fn a_renewal_elsewhere_counts_when_the_old_certificate_ends(db: Db) {
        let rig = Rig::new(db).await;
        let twin = rig.twin();
        let (renewed, ended) = (rig.ready(Algorithm::P256).await, rig.ready(Algorithm::P256).await);
        for id in [&renewed, &ended] {
            assert_eq!(twin.authorize(&rig.system, id, &[&digest_of(b"before")], PASSPHRASE).await.status, 200);
        }
        let shown = rig.get(&rig.admin, &format!("/signer/credentials/{renewed}")).await;
        let until = signing_end(shown.body["certificates"][0]["certificate"].as_str().unwrap());
        rig.set_time(until - 86_400_000);
        rig.act(&rig.admin, &renewed, "renew", 200).await;
        rig.set_time(until + 60_000);
        signs(&twin, &renewed, PASSPHRASE).await;
        for _ in 0..2 {
            let refused = twin.authorize(&rig.system, &ended, &[&digest_of(b"after")], PASSPHRASE).await;
            refused.is_csc(400, "invalid_request", "Signing certificate is expired");
        }
    }

    /// Two processes that renew a credential at the same time give it one certificate, which stays in force and signs.
    async fn renewing_twice_at_once_is_renewing_once(db: Db) {
        let rig = Arc::new(Rig::new(db).await);
        let id = rig.ready(Algorithm::P256).await;
        let (other, same) = (Arc::clone(&rig), id.clone());
        let meanwhile = async move { other.act(&other.admin, &same, "renew", 200).await };
        let twin = rig.twin_with(rig.authority.client_while(Box::pin(meanwhile)));
        twin.act(&rig.admin, &id, "renew", 200).await;
        let serials = rig.serials(&id).await;
        assert_eq!(serials.len(), 2, "{serials:?}");
        for serial in &serials {
            assert_eq!(state(&rig, serial).await, CertificateState::Issued, "{serial}");
        }
        signs(&rig, &id, PASSPHRASE).await;
        signs(&twin, &id, PASSPHRASE).await;
        let renewals = rig.events_of(&id).await.iter().filter(|(name, _)| name == "certificate-renewed").count();
        assert_eq!(renewals, 1);
    }

    /// A certificate whose credential changed while it was issued is revoked and never signs; renewing again gives one that
    /// does.
    async fn what_changes_while_it_is_renewed_is_renewed_again(db: Db) {
        let rig = Arc::new(Rig::new(db).await);
        let id = rig.ready(Algorithm::P256).await;
        let (other, path) = (Arc::clone(&rig), format!("/signer/credentials/{id}/passphrase"));
        let new = "quite another one";
        let meanwhile = async move {
            let changed = other.put(&other.holder, &path, &json!({"new": new, "old": PASSPHRASE})).await;
            assert_eq!(changed.status, 204, "{:?}", changed.body);
        };
        let twin = rig.twin_with(rig.authority.client_while(Box::pin(meanwhile)));
        is_renewed_the_second_time(&rig, &twin, &id, new).await;
    }

    /// The same for a certificate that somebody revoked before it had its row.
    async fn what_is_revoked_while_it_is_renewed_is_renewed_again(db: Db) {
        let rig = Arc::new(Rig::new(db).await);
        let id = rig.ready(Algorithm::P256).await;
        let (other, known) = (Arc::clone(&rig), rig.serials(&id).await);
        let meanwhile = async move {
            let new = of_the_prescriber(&other).await.into_iter().find(|serial| !known.contains(serial));
            let request = RevokeRequest { reason: Reason::Superseded, invalidity_date: None };
            other.authority.client().revoke(&new.unwrap(), &request).await.unwrap();
        };
        let twin = rig.twin_with(rig.authority.client_while(Box::pin(meanwhile)));
        is_renewed_the_second_time(&rig, &twin, &id, PASSPHRASE).await;
    }
}

async fn is_renewed_the_second_time(rig: &Rig, twin: &Rig, id: &str, passphrase: &str) {
    let before = rig.serials(id).await;
    twin.act(&rig.admin, id, "renew", 409).await;
    signs(rig, id, passphrase).await;
    assert_eq!(rig.ledger(id).await.last().unwrap().serial, before[0], "the one before still signs");
    let lost = of_the_prescriber(rig).await.into_iter().find(|serial| !before.contains(serial)).unwrap();
    assert_eq!(state(rig, &lost).await, CertificateState::Revoked);
    rig.act(&rig.admin, id, "renew", 200).await;
    signs(rig, id, passphrase).await;
    signs(twin, id, passphrase).await;
    let serial = rig.ledger(id).await.last().unwrap().serial.clone();
    assert!(serial != lost && !before.contains(&serial), "{serial}");
    assert_eq!(state(rig, &serial).await, CertificateState::Issued);
}

/// Authorises and signs something new.
async fn signs(rig: &Rig, id: &str, passphrase: &str) {
    let hash = digest_of(rig.clock.now().to_string().as_bytes());
    let granted = rig.authorize(&rig.system, id, &[&hash], passphrase).await;
    assert_eq!(granted.status, 200, "{:?}", granted.body);
    let sad = granted.body["SAD"].as_str().unwrap();
    let signed = rig.sign_hash(&rig.system, id, sad, &[&hash]).await;
    assert_eq!(signed.status, 200, "{:?}", signed.body);
}

async fn state(rig: &Rig, serial: &str) -> CertificateState {
    rig.authority.client().certificate(serial).await.unwrap().state
}

/// The serials of every certificate of the prescriber, whether or not it has a row here.
async fn of_the_prescriber(rig: &Rig) -> Vec<String> {
    let query = CertificateQuery { user_id: Some(USER.to_owned()), ..CertificateQuery::default() };
    let page = rig.authority.client().certificates(&query).await.unwrap();
    page.certificates.into_iter().map(|info| info.serial).collect()
}
