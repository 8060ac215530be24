//! Several authorities in one process: what is done with one leaves the others as they were.

use ca::api::{Client, IssueRequest, Issued, Reason, RevokeRequest, SubjectData};
use pki::ocsp::{Hash, Status};
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use platform::problem::Kind;

use crate::ocsp::{ask, id_of, issuer, post};
use crate::rollover::roll_over;
use crate::world::{World, certificate, fresh_key, listed, person, refusal, system};

const SUPERSEDED: RevokeRequest = RevokeRequest { reason: Reason::Superseded, invalidity_date: None };
/// Each issuing authority with a profile of its own.
const AUTHORITIES: [(&str, &str); 4] = [
    ("card", "card-signing"),
    ("remote-signing", "prescriber-remote-signing"),
    ("sign-in", "person-sign-in"),
    ("systems", "system-tls-client"),
];
/// The one that things are done with.
const BUSY: &str = "remote-signing";

async fn issue(client: &Client, profile: &str, name: &str) -> Issued {
    let subject: SubjectData = if profile.starts_with("system") { system() } else { person() };
    client.issue(&IssueRequest::new(name, profile, subject, fresh_key())).await.unwrap()
}

/// What an authority shows: the octets of its list, and of a kept answer about one certificate.
async fn shown(world: &World, id: &str, serial: &str) -> (Vec<u8>, Vec<u8>, usize) {
    let by = issuer(world, id).await;
    let question = pki::ocsp::Request::new(vec![id_of(Hash::Sha256, &by, serial)], None).unwrap();
    let (_, answer) = post(&world.authority, &question.to_der()).await;
    let (_, list) = world.get(&format!("/crl/{id}.crl"), &[]).await;
    (list, answer, world.client.lists(id).await.unwrap().len())
}

platform::both_engines! {
    /// Issuing from one authority, holding, revoking, listing and giving it a new key changes neither list nor answer of
    /// another; a serial is known to its own authority alone, on lists and by OCSP.
    async fn what_is_done_with_one_leaves_the_others(db: Db) {
        let world = World::new(db).await;
        assert_eq!(world.authority.renew_responders().await, 4);
        world.authority.make_due_crls().await;
        let mut issued = Vec::new();
        for (id, profile) in AUTHORITIES {
            let one = issue(&world.client, profile, id).await;
            certificate(&one).verify_signed_by(&issuer(&world, id).await).unwrap();
            issued.push((id, one));
        }
        let mut before = Vec::new();
        for (id, one) in &issued {
            before.push(shown(&world, id, &one.serial).await);
        }

        let (busy, own) = issued.iter().find(|(id, _)| *id == BUSY).unwrap();
        issue(&world.client, "prescriber-remote-signing", "another").await;
        world.client.revoke(&own.serial, &SUPERSEDED).await.unwrap();
        assert_eq!(roll_over(&world, busy).await.issuer, "remote-signing-g2");
        issue(&world.client, "prescriber-remote-signing", "by-the-new-key").await;
        assert_eq!(world.authority.make_due_crls().await, 1, "one list is due");
        assert_eq!(world.authority.renew_responders().await, 0, "the new generation's was made with it");

        for ((id, one), then) in issued.iter().zip(&before) {
            let now = shown(&world, id, &one.serial).await;
            assert_eq!(now == *then, *id != BUSY, "{id}");
            for (other, theirs) in &issued {
                let by = issuer(&world, id).await;
                let answer = ask(&world, &world.authority, &by, &id_of(Hash::Sha256, &by, &theirs.serial)).await;
                let expected = match (id == other, *other == BUSY) {
                    (true, false) => matches!(answer.status(), Status::Good),
                    // RFC 6960 4.4.8: another authority's serial was never issued by this one, whatever became of it.
                    _ => matches!(answer.status(), Status::Revoked { .. }),
                };
                assert!(expected, "{id} asked about a certificate of {other}: {:?}", answer.status());
                let named = listed(&world.crl(id).await, &theirs.serial).is_some();
                assert_eq!(named, id == other && *other == BUSY, "the list of {id} about {other}");
            }
        }
        let made = world.client.issuers().await.unwrap();
        assert_eq!(made.len(), 6, "one further issuer");
        assert_eq!(made.iter().filter(|one| one.signing).count(), 5);
    }

    /// Two hierarchies in one process, each with its own database and token, know nothing of each other.
    async fn two_hierarchies_know_nothing_of_each_other(db: Db) {
        let world = World::new(db).await;
        let database = TestDb::new(Engine::Sqlite).await;
        let other = World::new(database.db.clone()).await;
        let (ours, theirs) = (world.prescriber("same-name").await, other.prescriber("same-name").await);
        assert_ne!(ours.serial, theirs.serial);
        let above = issuer(&world, BUSY).await;
        certificate(&ours).verify_signed_by(&above).unwrap();
        assert!(certificate(&theirs).verify_signed_by(&above).is_err());
        let unknown = (Kind::NotFound, "certificate-unknown".to_owned());
        assert_eq!(refusal(world.client.certificate(&theirs.serial).await), unknown);
        assert_eq!(refusal(world.client.revoke(&theirs.serial, &SUPERSEDED).await), unknown);
        other.client.revoke(&theirs.serial, &SUPERSEDED).await.unwrap();
        roll_over(&other, BUSY).await;
        assert_eq!((world.authority.make_due_crls().await, other.authority.make_due_crls().await), (0, 1));
        assert_eq!(world.client.issuers().await.unwrap().len(), 5);
        // Neither answers for the other's issuers: RFC 5019 2.2.3.
        world.authority.renew_responders().await;
        let foreign = issuer(&other, BUSY).await;
        let question = pki::ocsp::Request::new(vec![id_of(Hash::Sha256, &foreign, &theirs.serial)], None).unwrap();
        let (_, answer) = post(&world.authority, &question.to_der()).await;
        assert_eq!(answer, [0x30, 3, 0x0a, 1, 6], "unauthorized");
        database.db.close().await;
    }
}
