//! A root that no server holds is followed by another that none holds: a server takes it in by the word of the one it knows.

use std::slice;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::Held;
use ca::api::{self, AUTHORITIES, GenerationState, Import};
use pki::Certificate;
use pki::path::{self, Policy};
use platform::clock::Clock;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};

use crate::elsewhere::{Apart, Machine, files, present};
use crate::rollover::roll_over_of;
use crate::world::{certificate, client, config_of, decoded, listed, prescriber};

/// A root's machine for this generation.
async fn next_root(db: Db, clock: &Clock, name: &str, generation: u32) -> Machine {
    let machine = Machine::new(db, clock.clone(), config_of(126)).await;
    let key = "{ label = \"ca-root\", algorithm = \"p-384\" }";
    let text = format!(
        "[root]\ncommon_name = \"{name}\"\norganisation = \"Lanyard\"\ngeneration = {generation}\nkey = {key}\n"
    );
    machine.ceremony(&text).await;
    machine
}

/// This machine's root certifies the other's key.
async fn across(machine: &Machine, other: &Certificate) -> Held {
    let root = machine.root().await;
    let asked = [root.read_root(&other.to_pem()).unwrap()];
    root.hold(&asked, &[], &present()).await.unwrap()
}

fn pem(certificates: &[&[u8]]) -> String {
    certificates.iter().map(|der| pki::to_pem("CERTIFICATE", der)).collect()
}

platform::both_engines! {
    /// The new root comes in with what the known one certified of it, and with that alone; then it certifies authorities here, its list
    /// is published, who knows only the old root finds a path, and the old root's list can end that.
    async fn a_known_root_vouches_for_the_next(db: Db) {
        let apart = Apart::new(db).await;
        let authority = apart.founded().await;
        let clock = &apart.online.clock;
        let (next_db, stranger_db) = (TestDb::new(Engine::Sqlite).await, TestDb::new(Engine::Sqlite).await);
        let next = next_root(next_db.db.clone(), clock, "Lanyard Root CA G2", 2).await;
        let stranger = next_root(stranger_db.db.clone(), clock, "Stranger Root CA", 2).await;
        let old_root = apart.offline.root().await.certificate().clone();
        let new_root = next.root().await.certificate().clone();
        let unknown = stranger.root().await.certificate().clone();
        let keeper = client(&authority, &[AUTHORITIES, api::ISSUE, api::READ]);
        let import = async |pem: String| keeper.import(&Import { pem }).await;

        let by_old = across(&apart.offline, &new_root).await;
        let by_stranger = across(&stranger, &new_root).await;
        let of_stranger = across(&next, &unknown).await;
        for (said, brought) in [
            ("certified across", pem(&[new_root.der()])),
            ("certified across", pem(&[new_root.der(), &by_stranger.certificates[0]])),
            ("certified across", pem(&[unknown.der(), new_root.der(), &of_stranger.certificates[0]])),
            ("none of those that wait", pem(&[&by_old.certificates[0]])),
        ] {
            let refused = import(brought).await.unwrap_err();
            assert_eq!(refused.code, "authority-certificate-refused");
            assert!(refused.detail.contains(said), "{said}: {}", refused.detail);
        }
        assert_eq!(keeper.issuers().await.unwrap().len(), 5, "nothing came in");

        let by_new = across(&next, &old_root).await;
        let whole = pem(&[&by_new.certificates[0], &by_old.certificates[0], new_root.der()])
            + &pki::to_pem("X509 CRL", &by_new.list);
        let taken = import(whole.clone()).await.unwrap();
        assert!(taken.issuers.contains(&"root-g2".to_owned()) && taken.lists.len() == 1, "{taken:?}");
        assert_eq!(import(whole).await.unwrap().lists, taken.lists, "again does no harm");
        let made = keeper.generations().await.unwrap();
        let made = made.iter().find(|made| made.issuer == "root-g2").unwrap();
        assert_eq!((made.state, made.cross_certificates.len()), (GenerationState::Certified, 1));
        let told = made.transcript.join("\n");
        for line in ["kept elsewhere", "root-g2 by root,", "root by root-g2,", "finished"] {
            assert!(told.contains(line), "{line}: {told}");
        }
        assert_eq!(told.matches("certified across in a ceremony").count(), 2, "{told}");

        // The new root certifies an authority of this server, and what that issues leads to either root.
        let asked = roll_over_of(&authority, "remote-signing").await.unwrap().request.unwrap();
        let root = next.root().await;
        let held = root.hold(&[root.read(&asked).unwrap()], &[], &present()).await.unwrap();
        assert_eq!(import(files(&held)).await.unwrap().issuers, ["remote-signing-g2"]);
        let issued = keeper.issue(&prescriber("followed")).await.unwrap();
        let issued = certificate(&issued);
        authority.make_due_crls().await;
        let mut lists = Vec::new();
        for id in ["root", "root-g2", "remote-signing-g2"] {
            lists.push(pki::Crl::from_der(&STANDARD.decode(keeper.crl(id).await.unwrap().crl).unwrap()).unwrap());
        }
        let between = decoded(&keeper.issuer("remote-signing-g2").await.unwrap().certificate);
        let crossed = Certificate::from_der(&by_old.certificates[0]).unwrap();
        let (now, policy) = (clock.now().0, Policy::default());
        let judge = |between: &[Certificate], anchor: &Certificate, lists: &[pki::Crl]| {
            path::check(&issued, between, slice::from_ref(anchor), lists, now, &policy).map(drop)
        };
        let direct = slice::from_ref(&between);
        let over = [between.clone(), crossed.clone()];
        judge(direct, &new_root, &lists).unwrap();
        judge(&over, &old_root, &lists).unwrap();
        assert!(judge(direct, &old_root, &lists).is_err());

        let serial = crossed.serial().to_string();
        let ended = apart.withdraw(&serial).await;
        import(pki::to_pem("X509 CRL", &ended.list)).await.unwrap();
        assert!(keeper.certificate(&serial).await.unwrap().revocation.is_some());
        lists[0] = pki::Crl::from_der(&ended.list).unwrap();
        assert!(listed(&lists[0], &serial).is_some());
        assert!(judge(&over, &old_root, &lists).is_err());
        next_db.db.close().await;
        stranger_db.db.close().await;
    }
}
