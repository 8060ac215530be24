//! What is said of each certificate, and of what cannot be answered.

use std::time::Duration;

use ca::api::{IssueRequest, Reason, RevokeRequest};
use pki::ocsp::{CertId, Hash, Question, Refusal, Request, Status};
use platform::clock::Millis;
use platform::db::Db;

use super::{answer, answering, ask, get, id_of, issuer, post, refusal};
use crate::world::{
    World, certificate, config, fresh_key, listed, prescriber, refusal as refused, service, system,
};

/// A serial of our form that was never given.
const NEVER: &str = "7f0102030405060708090a0b0c0d0e0f1011";

fn because(reason: Reason) -> RevokeRequest {
    RevokeRequest { reason, invalidity_date: None }
}

platform::both_engines! {
    /// Every answer says what the list says: good, each reason, held, a hold lifted, abandoned; by both hashes.
    async fn answers_and_list_agree(db: Db) {
        let world = answering(db).await;
        let authority = issuer(&world, "remote-signing").await;
        let mut serials = vec![world.prescriber("good").await.serial];
        for reason in Reason::ALL {
            let issued = world.prescriber(&format!("reason-{}", reason.code())).await;
            world.client.revoke(&issued.serial, &because(reason)).await.unwrap();
            serials.push(issued.serial);
        }
        let lifted = world.prescriber("lifted").await;
        world.client.revoke(&lifted.serial, &because(Reason::CertificateHold)).await.unwrap();
        world.client.resume(&lifted.serial).await.unwrap();
        serials.push(lifted.serial);
        serials.push(abandoned(&world).await);
        world.authority.make_due_crls().await;
        let list = world.crl("remote-signing").await;
        for serial in &serials {
            for hash in Hash::ALL {
                let evidence = ask(&world, &world.authority, &authority, &id_of(hash, &authority, serial)).await;
                let entry = listed(&list, serial);
                let expected = entry.map_or(Status::Good, |entry| {
                    Status::Revoked { at_ms: entry.revoked_at_ms, reason: entry.reason }
                });
                assert_eq!(evidence.status(), expected, "{serial} by {hash:?}");
                assert_eq!(evidence.until_ms() - evidence.this_update_ms(), 900_000);
            }
        }
    }

    /// What has expired keeps its status: good is still good, and revoked is told when the list has dropped it.
    async fn expired_certificates_keep_their_status(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let authority = issuer(&world, "remote-signing").await;
        let (good, revoked) = (world.prescriber("good").await, world.prescriber("revoked").await);
        world.client.revoke(&revoked.serial, &because(Reason::Superseded)).await.unwrap();
        hand.advance(Duration::from_hours(24 * 731));
        world.authority.renew_responders().await;
        world.authority.make_due_crls().await;
        hand.advance(Duration::from_hours(24));
        world.authority.make_due_crls().await;
        assert!(listed(&world.crl("remote-signing").await, &revoked.serial).is_none());
        let status = async |serial: &str| {
            ask(&world, &world.authority, &authority, &id_of(Hash::Sha1, &authority, serial)).await.status()
        };
        assert_eq!(status(&good.serial).await, Status::Good);
        assert!(matches!(status(&revoked.serial).await, Status::Revoked { reason: Some(pki::Reason::Superseded), .. }));
    }

    /// Since when a key is thought unsafe stands in the answer as it stands in the list.
    async fn invalidity_dates_are_told(db: Db) {
        let world = answering(db).await;
        let authority = issuer(&world, "remote-signing").await;
        let issued = world.prescriber("leaked").await;
        let since = Millis(world.clock.now().0.div_euclid(1000) * 1000 - 60_000);
        let request = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: Some(since) };
        world.client.revoke(&issued.serial, &request).await.unwrap();
        let evidence = ask(&world, &world.authority, &authority, &id_of(Hash::Sha1, &authority, &issued.serial)).await;
        assert_eq!(evidence.invalidity_date_ms(), Some(since.0));
    }

    /// A serial that was never issued, or not by this issuer, is revoked by the extended definition, and only it.
    async fn never_issued_is_revoked(db: Db) {
        let world = answering(db).await;
        let (authority, other) = (issuer(&world, "remote-signing").await, issuer(&world, "systems").await);
        let issued = world.prescriber("elsewhere").await;
        let never = Status::Revoked { at_ms: 0, reason: Some(pki::Reason::CertificateHold) };
        for (issuer, serial) in [(&authority, NEVER), (&authority, "05"), (&other, issued.serial.as_str())] {
            let id = id_of(Hash::Sha256, issuer, serial);
            let (parts, octets) = get(&world.authority, &Request::new(vec![id.clone()], None).unwrap().to_der(), &[]).await;
            let answer = answer(&octets);
            let question = Question { id: &id, issuer, nonce: None, at_ms: world.clock.now().0 };
            assert_eq!(answer.check(&question).unwrap().status(), never, "{serial}");
            assert!(answer.says_extended_revoke());
            assert_eq!(parts.headers["cache-control"], "no-store", "it may be issued the next moment");
        }
        let good = id_of(Hash::Sha1, &authority, &issued.serial);
        let (_, octets) = post(&world.authority, &Request::new(vec![good], None).unwrap().to_der()).await;
        assert!(!answer(&octets).says_extended_revoke());
    }

    /// Several certificates are answered at once; one of another issuer is unknown to this issuer's responder.
    async fn several_are_answered_at_once(db: Db) {
        let world = answering(db).await;
        let (authority, other) = (issuer(&world, "remote-signing").await, issuer(&world, "systems").await);
        let (good, revoked) = (world.prescriber("a").await, world.prescriber("b").await);
        world.client.revoke(&revoked.serial, &because(Reason::Superseded)).await.unwrap();
        let foreign = world.client.issue(&IssueRequest::new("c", "system-tls-client", system(), fresh_key())).await.unwrap();
        let ids = vec![
            id_of(Hash::Sha1, &authority, &good.serial),
            id_of(Hash::Sha256, &authority, &revoked.serial),
            id_of(Hash::Sha1, &other, &foreign.serial),
        ];
        let (_, octets) = post(&world.authority, &Request::new(ids.clone(), None).unwrap().to_der()).await;
        let answer = answer(&octets);
        let statuses: Vec<_> = answer.singles().iter().map(|single| (single.id.clone(), single.status)).collect();
        assert_eq!(statuses[0], (ids[0].clone(), Status::Good));
        assert!(matches!(&statuses[1], (id, Status::Revoked { .. }) if *id == ids[1]));
        assert_eq!(statuses[2], (ids[2].clone(), Status::Unknown));
        let question = Question { id: &ids[0], issuer: &authority, nonce: None, at_ms: world.clock.now().0 };
        assert!(answer.check(&question).is_ok());
        // The responder of one issuer proves nothing of another's certificates.
        assert!(answer.check(&Question { id: &ids[2], issuer: &other, ..question }).is_err());
    }

    /// What cannot be read, is not ours to answer, or cannot be signed yet gets its refusal and never a status.
    async fn refusals_say_why(db: Db) {
        let world = World::new(db).await;
        let (authority, root) = (issuer(&world, "remote-signing").await, issuer(&world, "root").await);
        let issued = world.prescriber("a").await;
        let good = id_of(Hash::Sha1, &authority, &issued.serial);
        let asked = |id: &CertId| Request::new(vec![id.clone()], None).unwrap().to_der();
        let said = async |octets: &[u8]| refusal(&post(&world.authority, octets).await.1);
        assert_eq!(said(&asked(&good)).await, Refusal::TryLater, "there is no responder yet");
        world.authority.renew_responders().await;
        let (_, octets) = post(&world.authority, &asked(&good)).await;
        assert_eq!(answer(&octets).singles()[0].status, Status::Good);

        let root_serial = id_of(Hash::Sha1, &root, &authority.serial().to_string());
        assert_eq!(said(&asked(&root_serial)).await, Refusal::Unauthorized, "the root's are on its list");
        let key = rcgen::KeyPair::generate().unwrap();
        let foreign = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        let foreign = pki::Certificate::from_der(foreign.der()).unwrap();
        assert_eq!(said(&asked(&id_of(Hash::Sha256, &foreign, &issued.serial))).await, Refusal::Unauthorized);
        let whole = asked(&good);
        for bad in [&b""[..], b"nonsense", &whole[..whole.len() - 1], &[&whole[..], b"\0"].concat()] {
            assert_eq!(said(bad).await, Refusal::MalformedRequest, "{bad:02x?}");
        }
        let (_, octets) = get(&world.authority, b"nonsense", &[]).await;
        assert_eq!(refusal(&octets), Refusal::MalformedRequest);
        let (parts, octets) = world.get("/ocsp/!!!", &[]).await;
        assert_eq!((refusal(&octets), parts.status.as_u16()), (Refusal::MalformedRequest, 200));
        assert_eq!(parts.headers["cache-control"], "no-store");
    }

    /// A question larger than any can be is refused unread, in the body and in the path, and so is one nested without end; the
    /// next is answered.
    async fn oversized_questions_are_refused(db: Db) {
        let world = answering(db).await;
        let authority = issuer(&world, "remote-signing").await;
        let good = id_of(Hash::Sha1, &authority, &world.prescriber("a").await.serial);
        for octets in [vec![0x30; 4 * 1024 * 1024], vec![0x30; 200_000], [0x30, 0x82, 0x40, 0].repeat(2_000)] {
            let (parts, body) = post(&world.authority, &octets).await;
            match parts.status.as_u16() {
                200 => assert_eq!(refusal(&body), Refusal::MalformedRequest, "{} octets", octets.len()),
                status => assert_eq!(status, 413, "{} octets", octets.len()),
            }
            let (parts, body) = get(&world.authority, &octets[..octets.len().min(40_000)], &[]).await;
            assert_eq!((parts.status.as_u16(), refusal(&body)), (200, Refusal::MalformedRequest));
            assert_eq!(parts.headers["cache-control"], "no-store");
        }
        assert_eq!(ask(&world, &world.authority, &authority, &good).await.status(), Status::Good);
    }

    /// Certificates say where to ask; those that need not be checked and those of the root do not.
    async fn certificates_say_where_to_ask(db: Db) {
        let world = answering(db).await;
        let issued = certificate(&world.prescriber("a").await);
        assert_eq!(issued.ocsp(), ["http://pki.example/ocsp"]);
        let mut request = IssueRequest::new("b", "ocsp-responder", service(), fresh_key());
        request.issuer = Some("card".to_owned());
        assert!(certificate(&world.client.issue(&request).await.unwrap()).ocsp().is_empty());
        assert!(issuer(&world, "card").await.ocsp().is_empty());
        assert!(!issuer(&world, "card").await.crl_distribution_points().is_empty());
    }
}

/// A serial whose process stopped after it was signed.
async fn abandoned(world: &World) -> String {
    use ca::api::{CertificateQuery, CertificateState};
    ca::failpoint::arm("ca.signed");
    assert_eq!(
        refused(world.client.issue(&prescriber("stopped")).await).0,
        platform::problem::Kind::Internal
    );
    world.again(config()).await;
    let query = CertificateQuery { state: Some(CertificateState::Abandoned), ..CertificateQuery::default() };
    world.client.certificates(&query).await.unwrap().certificates.remove(0).serial
}
