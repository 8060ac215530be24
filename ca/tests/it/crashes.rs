//! The process stops between two durable steps, and starts again.

use ca::api::{CertificateQuery, CertificateState};
use platform::db::Db;
use platform::problem::Kind;

use crate::world::{World, config, listed, person, prescriber, refusal};

/// What a stop at each point leaves, after the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Nothing that anybody can see.
    Nothing,
    /// A serial that may have been signed: answered and listed as revoked.
    Abandoned,
    /// The certificate, which the same request gets.
    Issued,
}

const POINTS: [(&str, Left); 5] = [
    ("ca.written", Left::Nothing),
    ("ca.reserved", Left::Nothing),
    ("ca.linted", Left::Abandoned),
    ("ca.signed", Left::Abandoned),
    ("ca.stored", Left::Issued),
];

platform::both_engines! {
    /// Whatever the point, no certificate lacks its row, and a retry gets a certificate of a new serial.
    async fn every_stop_is_accounted_for(db: Db) {
        let world = World::new(db).await;
        let mut abandoned = 0;
        for (point, left) in POINTS {
            let request = prescriber(point);
            ca::failpoint::arm(point);
            assert_eq!(refusal(world.client.issue(&request).await).0, Kind::Internal, "{point}");
            let (authority, client) = world.again(config()).await;
            let all = CertificateQuery { user_id: person().user_id, ..CertificateQuery::default() };
            let before = client.certificates(&all).await.unwrap().certificates;
            let of = |state| before.iter().filter(|certificate| certificate.state == state).count();
            if left == Left::Abandoned {
                abandoned += 1;
            }
            assert_eq!(of(CertificateState::Abandoned), abandoned, "{point}");
            authority.make_due_crls().await;
            let crl = world.crl("remote-signing").await;
            for certificate in before.iter().filter(|c| c.state == CertificateState::Abandoned) {
                assert!(listed(&crl, &certificate.serial).is_some(), "{point}");
                assert_eq!(client.certificate(&certificate.serial).await.unwrap().state, CertificateState::Abandoned);
                assert!(certificate.certificate.is_none());
            }
            let retried = client.issue(&request).await.unwrap();
            let known = before.iter().any(|certificate| certificate.serial == retried.serial);
            assert_eq!(known, left == Left::Issued, "{point}");
            assert!(listed(&crl, &retried.serial).is_none());
        }
    }

    /// A list that stopped after its number was taken leaves a gap; the next list is whole and higher.
    async fn a_stopped_list_leaves_a_gap(db: Db) {
        let world = World::new(db).await;
        for point in ["ca.crl-numbered", "ca.crl-signed"] {
            let issued = world.prescriber(point).await;
            let before = world.client.crl("remote-signing").await.unwrap().number;
            let request = ca::api::RevokeRequest {
                reason: ca::api::Reason::KeyCompromise, invalidity_date: None,
            };
            world.client.revoke(&issued.serial, &request).await.unwrap();
            ca::failpoint::arm(point);
            let authority = world.authority.clone();
            assert!(tokio::spawn(async move { authority.make_due_crls().await }).await.is_err(), "{point}");
            assert_eq!(world.client.crl("remote-signing").await.unwrap().number, before, "{point}");
            assert_eq!(world.authority.make_due_crls().await, 1);
            assert_eq!(world.client.crl("remote-signing").await.unwrap().number, before + 2, "{point}");
            assert!(listed(&world.crl("remote-signing").await, &issued.serial).is_some());
        }
    }
}
