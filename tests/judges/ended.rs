//! Serials that were abandoned, and certificates that have ended: the outside judges read the same of them in the list and in
//! OCSP answers.

use std::path::Path;
use std::time::Duration;

use ca::api::{CertificateInfo, CertificateState, Reason, Validity};
use pki::ocsp::Hash;
use platform::clock::{Clock, Millis};
use sqlx::Connection as _;

use crate::entries::{read_alike, read_by_us, serial};
use crate::ocsp::{JUDGES, Judged, Said, World};

/// How long a certificate lasts that is to end in this test.
const SHORT_MS: i64 = 20_000;

/// Leaves the row of a certificate as a process leaves it that is killed after it had it signed and before it stored it.
async fn signed_and_not_stored(folder: &Path, serial: &str) {
    let url = format!("sqlite:{}", folder.join("lanyard.db").display());
    let mut database = sqlx::SqliteConnection::connect(&url).await.expect("it can be opened");
    let left = "UPDATE ca_certificate SET state = 'linted', tbs = certificate, certificate = NULL, \
                certificate_sha256 = NULL WHERE serial = $1";
    let done = sqlx::query(left).bind(serial).execute(&mut database).await.expect("it can be written");
    assert_eq!(done.rows_affected(), 1);
    database.close().await.expect("it can be closed");
}

impl World {
    async fn state(&self, serial: &str) -> CertificateState {
        let path = format!("/ca/certificates/{serial}");
        self.desk.get::<CertificateInfo>(&path).await.expect("it is known").state
    }

    /// The newest list, once it names this serial.
    async fn list_with(&self, wanted: &str) -> pki::Crl {
        for _ in 0..900 {
            let list = pki::Crl::from_der(&self.server.plain("/crl/systems.crl").await).expect("a list");
            if read_by_us(&list).contains_key(&serial(wanted)) {
                return list;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the list did not come to hold {wanted}");
    }
}

/// Every judge reads the same entries in the list, and says by OCSP what the list says: a serial that may have been signed
/// when the process was killed is revoked in both, a certificate that was revoked before it ended stays revoked, and one that
/// just ended is on no list and never called revoked.
#[tokio::test(flavor = "multi_thread")]
async fn judges_read_the_same_of_abandoned_and_ended_serials() {
    let mut world = World::empty();
    let abandoned = world.issue_for("abandoned", None).await;
    let good = world.issue_for("good", None).await;
    world.answering().await;
    assert_eq!(world.state(&abandoned).await, CertificateState::Issued);
    world.server.restarted(async |folder: &Path| signed_and_not_stored(folder, &abandoned).await).await;
    world.answering().await;
    assert_eq!(world.state(&abandoned).await, CertificateState::Abandoned);

    let now = Clock::system().now();
    let short = Validity { not_before: now, not_after: Millis(now.0 + SHORT_MS) };
    let ended = world.issue_for("ended", Some(short)).await;
    let revoked = world.issue_for("revoked-and-ended", Some(short)).await;
    world.revoke(&revoked, Reason::KeyCompromise).await;
    let list = world.list_with(&revoked).await;
    for _ in 0..600 {
        if world.state(&ended).await == CertificateState::Expired {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.state(&ended).await, CertificateState::Expired);
    assert_eq!(world.state(&revoked).await, CertificateState::Revoked);

    let entries = read_by_us(&list);
    assert_eq!(entries.len(), 2, "the abandoned one and the revoked one: {entries:?}");
    let mut wrong = read_alike(&list, &world.issuer);
    for (name, number) in
        [("abandoned", &abandoned), ("good", &good), ("ended", &ended), ("revoked", &revoked)]
    {
        let expected = entries.get(&serial(number)).map_or(Said::Good, |reason| Said::Revoked(*reason));
        assert_eq!(expected == Said::Good, ["good", "ended"].contains(&name), "{name}");
        for hash in Hash::ALL {
            let answer = world.answer(number, hash).await;
            let judged = Judged { root: &world.root, issuer: &world.issuer, serial: number, hash, answer };
            for (judge, reads, shows_reasons) in JUDGES {
                let expected = match expected {
                    Said::Revoked(_) if !shows_reasons => Said::Revoked(None),
                    said => said,
                };
                let said = reads(&judged);
                if said != Ok(expected) {
                    wrong.push(format!("{judge} on {name} by {hash:?}: {said:?}, not {expected:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
