//! What is kept, for how long, and that nothing kept outlives a change.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{IssueRequest, Reason, RevokeRequest};
use ca::{Config, OcspConfig};
use pki::ocsp::{Hash, Question, Refusal, Request, Response, Status};
use platform::db::Db;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::{answer, answering, ask, get, id_of, issuer, post, refusal};
use crate::world::{World, config, config_of, fresh_key, system};

const HOLD: RevokeRequest = RevokeRequest { reason: Reason::CertificateHold, invalidity_date: None };

platform::both_engines! {
    /// A revocation made at one process shows in the next answer of every process, and so does its end.
    async fn a_change_shows_in_the_next_answer_of_any_process(db: Db) {
        let world = answering(db).await;
        let (other, other_client) = world.again(config_of(2)).await;
        let authority = issuer(&world, "remote-signing").await;
        let (issued, beside) = (world.prescriber("a").await, world.prescriber("b").await);
        let id = id_of(Hash::Sha1, &authority, &issued.serial);
        let beside = id_of(Hash::Sha1, &authority, &beside.serial);
        for _ in 0..3 {
            for node in [&world.authority, &other] {
                assert_eq!(ask(&world, node, &authority, &id).await.status(), Status::Good);
                assert_eq!(ask(&world, node, &authority, &beside).await.status(), Status::Good);
            }
            other_client.revoke(&issued.serial, &HOLD).await.unwrap();
            for node in [&world.authority, &other] {
                let status = ask(&world, node, &authority, &id).await.status();
                assert!(matches!(status, Status::Revoked { .. }), "{status:?}");
                assert_eq!(ask(&world, node, &authority, &beside).await.status(), Status::Good);
            }
            world.client.resume(&issued.serial).await.unwrap();
        }
    }

    /// An answer is kept for five minutes and signed anew after that; a change elsewhere does not drop it.
    async fn answers_are_kept_until_they_age(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        world.authority.renew_responders().await;
        let authority = issuer(&world, "remote-signing").await;
        let (issued, other) = (world.prescriber("a").await, world.prescriber("b").await);
        let question = Request::new(vec![id_of(Hash::Sha1, &authority, &issued.serial)], None).unwrap().to_der();
        let first = post(&world.authority, &question).await.1;
        hand.advance(Duration::from_secs(299));
        assert_eq!(get(&world.authority, &question, &[]).await.1, first);
        world.client.revoke(&other.serial, &HOLD).await.unwrap();
        assert_eq!(get(&world.authority, &question, &[]).await.1, first);
        hand.advance(Duration::from_secs(1));
        let second = post(&world.authority, &question).await.1;
        assert_ne!(second, first);
        assert_eq!(answer(&second).produced_at_ms() - answer(&first).produced_at_ms(), 300_000);
    }

    /// A nonce gets an answer of its own that repeats it and that nobody keeps; one too long or empty is refused.
    async fn a_nonce_bypasses_what_is_kept(db: Db) {
        let world = answering(db).await;
        let authority = issuer(&world, "remote-signing").await;
        let id = id_of(Hash::Sha256, &authority, &world.prescriber("a").await.serial);
        let with = |nonce: &[u8]| Request::new(vec![id.clone()], Some(nonce.to_vec())).unwrap();
        let kept = post(&world.authority, &Request::new(vec![id.clone()], None).unwrap().to_der()).await.1;
        for nonce in [vec![7; 1], vec![8; 32], vec![9; 128]] {
            let (parts, octets) = get(&world.authority, &with(&nonce).to_der(), &[]).await;
            assert_eq!(parts.headers["cache-control"], "no-store");
            let question = Question { id: &id, issuer: &authority, nonce: Some(&nonce), at_ms: world.clock.now().0 };
            assert_eq!(answer(&octets).check(&question).unwrap().status(), Status::Good);
            let stranger = Question { nonce: Some(b"another"), ..question };
            assert!(answer(&octets).check(&stranger).is_err());
            assert!(answer(&kept).check(&question).is_err(), "what is kept repeats no nonce");
        }
        // RFC 9654 2.1: 128 octets at most, and one at least. Lengths on the way grow with the content.
        let long = with(&[9; 127]).to_der();
        let whole = with(&[9; 128]).to_der();
        assert_eq!(whole.len(), long.len() + 2, "the sample is where the length takes another octet");
        for octets in [lengthened(&with(&[9; 128]).to_der()), emptied(&with(&[5]).to_der())] {
            assert_eq!(refusal(&post(&world.authority, &octets).await.1), Refusal::MalformedRequest);
        }
    }

    /// Many different questions at once are read for and signed together, and each gets the answer to its own: its nonce, its
    /// certificates, its issuer's responder. A revocation answered before they were sent is in every one of them.
    async fn questions_together_get_their_own_answers(db: Db) {
        let world = answering(db).await;
        let (other, _client) = world.again(config_of(2)).await;
        let people = issuer(&world, "remote-signing").await;
        let systems = issuer(&world, "systems").await;
        let (good, gone) = (world.prescriber("a").await.serial, world.prescriber("b").await.serial);
        let system = IssueRequest::new("c", "system-tls-client", system(), fresh_key());
        let system = world.client.issue(&system).await.unwrap().serial;
        let never = format!("01{}", "5a".repeat(17));
        // It looks for one issuer's responder at a time.
        let known = id_of(Hash::Sha1, &people, &good);
        assert_eq!(ask(&world, &other, &people, &known).await.status(), Status::Good);
        world.client.revoke(&gone, &HOLD).await.unwrap();
        let asked: [(&pki::Certificate, &str, bool); 4] =
            [(&people, &good, true), (&people, &gone, false), (&systems, &system, true), (&people, &never, false)];
        let mut asking = JoinSet::new();
        for turn in 0..96_u8 {
            let (issuer, serial, stands) = asked[usize::from(turn) % asked.len()];
            let (id, nonce) = (id_of(Hash::Sha1, issuer, serial), vec![turn; 16]);
            // Now and then a second certificate beside it, and the other process.
            let ids = if turn % 5 == 0 { vec![id.clone(), id_of(Hash::Sha256, issuer, &good)] } else { vec![id.clone()] };
            let question = Request::new(ids, Some(nonce.clone())).unwrap().to_der();
            let node = if turn % 3 == 0 && issuer == &people { other.clone() } else { world.authority.clone() };
            let issuer = issuer.clone();
            asking.spawn(async move { (post(&node, &question).await.1, id, issuer, nonce, stands) });
        }
        for (octets, id, issuer, nonce, stands) in asking.join_all().await {
            let at_ms = world.clock.now().0;
            let question = Question { id: &id, issuer: &issuer, nonce: Some(&nonce), at_ms };
            let status = answer(&octets).check(&question).unwrap().status();
            assert_eq!(status == Status::Good, stands, "{status:?} of {nonce:?}");
        }
    }

    /// A kept answer comes with what a cache needs and for a minute at most; who has it already gets 304.
    async fn answers_can_be_kept_on_the_way(db: Db) {
        let (world, _hand) = World::with_hand(db).await;
        world.authority.renew_responders().await;
        let authority = issuer(&world, "remote-signing").await;
        let id = id_of(Hash::Sha1, &authority, &world.prescriber("a").await.serial);
        let question = Request::new(vec![id], None).unwrap().to_der();
        let (parts, octets) = get(&world.authority, &question, &[]).await;
        assert_eq!(parts.headers["cache-control"], "max-age=60, public, no-transform, must-revalidate");
        assert_eq!(parts.headers["last-modified"], "Fri, 15 Jan 2027 08:00:00 GMT");
        assert_eq!(parts.headers["expires"], "Fri, 15 Jan 2027 08:15:00 GMT");
        let etag = parts.headers["etag"].to_str().unwrap().to_owned();
        let (again, nothing) = get(&world.authority, &question, &[("if-none-match", &etag)]).await;
        assert_eq!((again.status.as_u16(), nothing.len()), (304, 0));
        let (other, body) = get(&world.authority, &question, &[("if-none-match", "\"other\"")]).await;
        assert_eq!((other.status.as_u16(), body), (200, octets.clone()));
        // A slash that was not encoded on the way, and padding that was lost, do no harm.
        let plain = STANDARD.encode(&question).replace('+', "%2B");
        assert_eq!(world.get(&format!("/ocsp/{}", plain.trim_end_matches('=')), &[]).await.1, octets);
        assert!(!post(&world.authority, &question).await.0.headers.contains_key("etag"));
    }

    /// A question in the path is taken as clients write it: in the alphabet for addresses, with blanks for plus signs, with
    /// slashes as they are, beside each other and after the responder's address; a body at an address with a slash.
    async fn questions_come_in_every_spelling(db: Db) {
        let world = answering(db).await;
        let authority = issuer(&world, "remote-signing").await;
        let id = id_of(Hash::Sha1, &authority, &world.prescriber("a").await.serial);
        // Of these octets each sign of the alphabets that differ comes, wherever in a group of three the nonce begins.
        let pluses = [0xfb, 0xef, 0xbe].repeat(2);
        let nonce = [&[0xff; 16], &pluses[..], &[0], &pluses, &[0], &pluses].concat();
        let question = Request::new(vec![id.clone()], Some(nonce.clone())).unwrap().to_der();
        let text = STANDARD.encode(&question);
        assert!(text.contains("//") && text.contains('+'), "{text}");
        let good = |octets: &[u8]| {
            let asked = Question { id: &id, issuer: &authority, nonce: Some(&nonce), at_ms: world.clock.now().0 };
            answer(octets).check(&asked).unwrap().status() == Status::Good
        };
        let for_addresses = text.replace('+', "-").replace('/', "_");
        for spelling in [text.clone(), text.replace('+', "%20"), for_addresses, format!("/{text}")] {
            let (parts, octets) = world.get(&format!("/ocsp/{spelling}"), &[]).await;
            assert!(parts.status == 200 && good(&octets), "{spelling}");
        }
        let at_a_slash = http::Request::post("/ocsp/").body(axum::body::Body::from(question)).unwrap();
        let said = ca::public_router(world.authority.clone()).oneshot(at_a_slash).await.unwrap();
        let (parts, octets) = crate::world::parts(said).await;
        assert!(parts.status == 200 && good(&octets));
    }

    /// Many who ask the same at once get one answer, signed once.
    async fn one_signing_serves_all_who_wait(db: Db) {
        let world = answering(db).await;
        let authority = issuer(&world, "remote-signing").await;
        let id = id_of(Hash::Sha1, &authority, &world.prescriber("a").await.serial);
        let question = Request::new(vec![id], None).unwrap().to_der();
        let mut asking = JoinSet::new();
        for _ in 0..50 {
            let (node, question) = (world.authority.clone(), question.clone());
            asking.spawn(async move { post(&node, &question).await.1 });
        }
        let answers = asking.join_all().await;
        // ECDSA signatures differ each time, so equal octets were signed once.
        assert!(answers.iter().all(|octets| *octets == answers[0]));
        assert_eq!(answer(&answers[0]).singles()[0].status, Status::Good);
    }

    /// More questions than may be signed at once are told to come later, and the others are answered.
    async fn too_many_questions_are_put_off(db: Db) {
        let world = answering(db).await;
        let (node, _client) = world.again(Config { ocsp: OcspConfig { kept: 2, signing: 1 }, ..config() }).await;
        let authority = issuer(&world, "remote-signing").await;
        let id = id_of(Hash::Sha1, &authority, &world.prescriber("a").await.serial);
        let mut asking = JoinSet::new();
        for nonce in 0..20u8 {
            let (node, id) = (node.clone(), id.clone());
            let question = Request::new(vec![id], Some(vec![nonce; 8])).unwrap().to_der();
            asking.spawn(async move { post(&node, &question).await.1 });
        }
        let answers = asking.join_all().await;
        let put_off = answers.iter().filter(|octets| {
            matches!(Response::from_der(octets).unwrap(), Response::Refused(Refusal::TryLater))
        });
        let put_off = put_off.count();
        assert!((1..20).contains(&put_off), "{put_off} of 20");
        // Nothing stays taken.
        let question = Request::new(vec![id], Some(vec![1; 8])).unwrap().to_der();
        assert_eq!(answer(&post(&node, &question).await.1).singles()[0].status, Status::Good);
    }

    /// The shelf has a limit: with room for two, three answers are all right and the oldest is signed again.
    async fn the_shelf_has_a_limit(db: Db) {
        let world = answering(db).await;
        let (node, _client) = world.again(Config { ocsp: OcspConfig { kept: 2, signing: 8 }, ..config() }).await;
        let authority = issuer(&world, "remote-signing").await;
        let mut questions = Vec::new();
        for name in ["a", "b", "c"] {
            let id = id_of(Hash::Sha1, &authority, &world.prescriber(name).await.serial);
            questions.push(Request::new(vec![id], None).unwrap().to_der());
        }
        let mut first = Vec::new();
        for question in &questions {
            first.push(post(&node, question).await.1);
        }
        assert_eq!(post(&node, &questions[2]).await.1, first[2]);
        assert_ne!(post(&node, &questions[0]).await.1, first[0]);
    }
}

/// The question with a nonce of 128 octets made one longer.
fn lengthened(question: &[u8]) -> Vec<u8> {
    let mut octets = question.to_vec();
    octets.push(9);
    // Every length that the nonce lies in ends with it: outer, inner, [2], list, extension, both strings.
    let mut at = 0;
    let mut deepest = Vec::new();
    collect(question, &mut at, &mut deepest);
    for place in deepest {
        octets[place] += 1;
    }
    octets
}

/// Where the last octet of each length is, of every value that ends where the question ends.
fn collect(whole: &[u8], at: &mut usize, places: &mut Vec<usize>) {
    while *at < whole.len() {
        let (header, length) = match whole[*at + 1] {
            short @ 0..=0x7f => (2, usize::from(short)),
            0x81 => (3, usize::from(whole[*at + 2])),
            _ => (4, usize::from(whole[*at + 2]) * 256 + usize::from(whole[*at + 3])),
        };
        if *at + header + length == whole.len() {
            places.push(*at + header - 1);
            *at += header;
            if whole[*at..].iter().all(|octet| *octet == 9) {
                return;
            }
        } else {
            *at += header + length;
        }
    }
}

/// The question with a nonce of one octet made one without any.
fn emptied(question: &[u8]) -> Vec<u8> {
    let mut octets = question.to_vec();
    octets.pop();
    let (mut at, mut places) = (0, Vec::new());
    let nines = [&question[..question.len() - 1], &[9]].concat();
    collect(&nines, &mut at, &mut places);
    for place in places {
        octets[place] -= 1;
    }
    octets
}
