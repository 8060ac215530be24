//! A first certificate by CMP with a shared secret.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use ca::api::{
    self, CertificateState, ENROL, EnrolmentSecret, EnrolmentSecretInfo, ISSUE, IssueRequest, KeySource,
    NewEnrolmentSecret, READ, Reason, RevokeRequest,
};
use ca::failpoint;
use hsm::TokenState;
use http::{Method, Request};
use platform::caller::Act;
use platform::db::Db;
use rcgen::{KeyPair, PublicKeyData as _};
use sqlx::Row as _;
use tower::ServiceExt as _;

use crate::cmp_client::{Answer, Message, failure, sequence, tlv};
use crate::roads::{Roads, System};
use crate::world::{World, caller, parts, prescriber, until};

const PATH: &str = "/.well-known/cmp/p/systems";
const PKIXCMP: &str = "application/pkixcmp";
const SALT: [u8; 16] = [7; 16];

/// `PasswordBasedMac` with SHA-256, so many rounds, and HMAC with SHA-256.
fn password_based(rounds: u32) -> Vec<u8> {
    let kind = tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf6, 0x7d, 7, 0x42, 0x0d]);
    sequence(&[&kind, &sequence(&[&tlv(4, &SALT), &sha256(), &number(rounds), &hmac(9)])])
}

/// PBMAC1 with PBKDF2, HMAC with SHA-512 for it and HMAC with SHA-256.
fn pbmac1() -> Vec<u8> {
    let pbes = |last: u8| tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, last]);
    let parameters = sequence(&[&tlv(4, &SALT), &number(1000), &number(32), &hmac(11)]);
    let derivation = sequence(&[&pbes(12), &parameters]);
    sequence(&[&pbes(14), &sequence(&[&derivation, &hmac(9)])])
}

fn sha256() -> Vec<u8> {
    sequence(&[&tlv(6, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1])])
}

/// hmacWithSHA1 is 7, with SHA-256 9, with SHA-512 11.
fn hmac(last: u8) -> Vec<u8> {
    sequence(&[&tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, last]), &[5, 0]])
}

fn number(number: u32) -> Vec<u8> {
    let octets = number.to_be_bytes();
    let significant = &octets[octets.iter().take_while(|octet| **octet == 0).count()..];
    let sign: &[u8] = if significant.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    tlv(2, &[sign, significant].concat())
}

/// Calls the API as the holder of these acts.
async fn call(
    roads: &Roads,
    acts: &[Act],
    method: Method,
    path: &str,
    body: &impl serde::Serialize,
) -> (u16, Vec<u8>) {
    let mut caller = caller(acts);
    caller.kind = platform::caller::CallerKind::System;
    if acts.contains(&ISSUE) {
        caller.acts.insert(api::issue_of("system-tls-client"));
    }
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    request.extensions_mut().unwrap().insert(caller);
    let request = request.body(Body::from(serde_json::to_vec(body).unwrap())).unwrap();
    let (parts, body) = parts(ca::router(roads.authority.clone()).oneshot(request).await.unwrap()).await;
    (parts.status.as_u16(), body)
}

fn wanted() -> NewEnrolmentSecret {
    NewEnrolmentSecret {
        road: "systems".to_owned(),
        client: "larkfield".to_owned(),
        organisation: None,
        uses: None,
        valid_seconds: None,
    }
}

async fn made(roads: &Roads, new: &NewEnrolmentSecret) -> EnrolmentSecret {
    let (status, body) = call(roads, &[ISSUE], Method::POST, "/ca/enrolment-secrets", new).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

async fn listed(roads: &Roads) -> Vec<EnrolmentSecretInfo> {
    let (status, body) = call(roads, &[READ], Method::GET, "/ca/enrolment-secrets", &()).await;
    assert_eq!(status, 200);
    serde_json::from_slice(&body).unwrap()
}

async fn send(roads: &Roads, message: &Message<'_>, secret: &EnrolmentSecret) -> Answer {
    send_to(roads, PATH, message, secret).await
}

async fn send_to(roads: &Roads, path: &str, message: &Message<'_>, secret: &EnrolmentSecret) -> Answer {
    let (parts, body) = roads.post(path, PKIXCMP, message.encode(), None).await;
    assert_eq!(parts.status, 200, "{}", String::from_utf8_lossy(&body));
    let answer = Answer::read_by(&body, Some(secret.secret.as_bytes()));
    assert_eq!(answer.recipient_nonce.as_deref(), message.sender_nonce.as_deref());
    answer
}

fn request<'a>(system: &'a System, secret: &EnrolmentSecret, algorithm: &[u8]) -> Message<'a> {
    let key = KeyPair::generate().unwrap();
    Message::request(system, 0, &key, "larkfield").by_secret(
        &secret.info.reference,
        &secret.secret,
        algorithm,
    )
}

fn confirmation<'a>(
    system: &'a System,
    secret: &EnrolmentSecret,
    first: &Message<'_>,
    answer: &Answer,
    algorithm: &[u8],
) -> Message<'a> {
    let hash = digest(&SHA256, answer.certificate.as_ref().unwrap().der());
    let status = sequence(&[&tlv(4, hash.as_ref()), &[2, 1, 0]]);
    let message = Message::new(system, 24, sequence(&[&status]));
    let mut message = message.by_secret(&secret.info.reference, &secret.secret, algorithm);
    message.transaction_id.clone_from(&first.transaction_id);
    message.recipient_nonce = Some(answer.nonce.clone());
    message
}

/// Roads of an authority whose token seals secrets.
async fn sealing(world: World) -> Roads {
    world.hsm.create_wrapping_key(1).await.unwrap();
    Roads::open(world).await
}

/// A system of another name, whose key is never used: the secret speaks.
async fn stranger(roads: &Roads) -> System {
    roads.system("stranger", &[]).await
}

platform::both_engines! {
    /// A secret gives the certificate it was made for, in both ways of RFC 9481; its answers are protected by it and bring
    /// the root; the use is taken, and the confirmation needs none.
    async fn a_secret_gives_a_first_certificate(db: Db) {
        let roads = sealing(World::new(db).await).await;
        let system = stranger(&roads).await;
        let root = roads.world.authority.issuer_ids();
        assert!(root.contains(&"root".to_owned()));
        for algorithm in [password_based(500), pbmac1()] {
            let secret = made(&roads, &wanted()).await;
            let message = request(&system, &secret, &algorithm);
            let answer = send(&roads, &message, &secret).await;
            assert_eq!((answer.body, answer.failure.clone()), (1, None), "{:?}", answer.text);
            assert!(answer.signer.is_none(), "who has but a secret is answered by it");
            let certificate = answer.certificate.clone().unwrap();
            assert_eq!(certificate.common_name().as_deref(), Some("larkfield"));
            assert!(!answer.holds(&SALT), "an answer has a salt of its own");
            let confirmed = send(&roads, &confirmation(&system, &secret, &message, &answer, &algorithm), &secret).await;
            assert_eq!((confirmed.body, confirmed.failure), (19, None), "{:?}", confirmed.text);
            assert_eq!(roads.state(&certificate).await, CertificateState::Issued);
            let again = send(&roads, &request(&system, &secret, &algorithm), &secret).await;
            assert_eq!(again.failure, failure("notAuthorized"), "it has been used up");
            let info = listed(&roads).await.into_iter().find(|it| it.reference == secret.info.reference).unwrap();
            assert_eq!((info.uses_left, info.ended_at), (0, None));
        }
        assert_eq!(roads.count("larkfield").await, 2);
        let rows = sqlx::query("SELECT COUNT(*) FROM audit_event WHERE name = 'enrolment-secret-made'");
        assert_eq!(rows.fetch_one(roads.world.db.read()).await.unwrap().get::<i64, _>(0), 2);
    }

    /// A secret that moved under another wrapping key gives the certificate it was made for, and confirms the one that was
    /// given before; one that has ended is left.
    async fn secrets_move_under_another_wrapping_key(db: Db) {
        let roads = sealing(World::new(db).await).await;
        let (system, algorithm) = (stranger(&roads).await, password_based(100));
        let (used, unused, ended) =
            (made(&roads, &wanted()).await, made(&roads, &wanted()).await, made(&roads, &wanted()).await);
        let path = format!("/ca/enrolment-secrets/{}", ended.info.reference);
        assert_eq!(call(&roads, &[ISSUE], Method::DELETE, &path, &()).await.0, 204);
        let message = request(&system, &used, &algorithm);
        let answer = send(&roads, &message, &used).await;
        let (db, hsm) = (&roads.world.db, &roads.world.hsm);
        assert_eq!(ca::sealed_secrets(db).await.unwrap(), [(1, 2)]);
        hsm.create_wrapping_key(2).await.unwrap();
        let done = ca::rewrap(db, hsm, &roads.world.clock, 2, &mut |_| {}).await.unwrap();
        assert_eq!((done.moved, done.refused.len()), (2, 0));
        assert_eq!(ca::sealed_secrets(db).await.unwrap(), [(2, 2)]);
        let confirmed = send(&roads, &confirmation(&system, &used, &message, &answer, &algorithm), &used).await;
        assert_eq!((confirmed.body, confirmed.failure), (19, None), "{:?}", confirmed.text);
        let answer = send(&roads, &request(&system, &unused, &algorithm), &unused).await;
        assert_eq!((answer.body, answer.failure), (1, None), "{:?}", answer.text);
    }

    /// A recovery ends what a copy brought back: a secret that was used after the copy was made gives no second certificate, whatever
    /// the copy says of its uses; one that was used up before is left as it is.
    async fn a_recovery_ends_secrets(db: Db) {
        let roads = sealing(World::new(db).await).await;
        let (system, algorithm) = (stranger(&roads).await, password_based(100));
        let (before, after) = (made(&roads, &wanted()).await, made(&roads, &wanted()).await);
        for secret in [&before, &after] {
            assert_eq!(send(&roads, &request(&system, secret, &algorithm), secret).await.failure, None);
        }
        let (db, reference) = (&roads.world.db, after.info.reference.clone());
        let as_it_was: Result<(), platform::db::Error> = db
            .write(move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE ca_enrol_secret SET uses_left = 1 WHERE reference = $1";
                    sqlx::query(sql).bind(reference).execute(tx).await?;
                    Ok(())
                })
            })
            .await;
        as_it_was.unwrap();
        let now = roads.world.clock.now();
        assert_eq!(ca::end_enrolment_secrets(db, now).await.unwrap(), 1);
        assert_eq!(ca::end_enrolment_secrets(db, now).await.unwrap(), 0);
        let count = roads.count("larkfield").await;
        let refused = send(&roads, &request(&system, &after, &algorithm), &after).await;
        assert_eq!(refused.failure, failure("badMessageCheck"), "it has ended");
        assert_eq!(roads.count("larkfield").await, count);
        let ended: Vec<_> = listed(&roads).await.into_iter().map(|it| (it.reference, it.ended_at)).collect();
        assert!(ended.contains(&(after.info.reference, Some(now))) && ended.contains(&(before.info.reference, None)), "{ended:?}");
        let events = sqlx::query("SELECT COUNT(*) FROM audit_event WHERE name = 'enrolment-secret-ended'");
        assert_eq!(events.fetch_one(roads.world.db.read()).await.unwrap().get::<i64, _>(0), 1);
    }

    /// What is not right is told by its bit and gives nothing; who has no secret learns nothing about it; a use that came to
    /// nothing is given back.
    async fn wrong_secrets_give_nothing(db: Db) {
        let roads = sealing(World::new(db).await).await;
        let system = stranger(&roads).await;
        let (secret, algorithm) = (made(&roads, &wanted()).await, password_based(500));
        let (reference, text) = (secret.info.reference.as_str(), secret.secret.as_str());
        let other = made(&roads, &NewEnrolmentSecret { road: "enrol-only".to_owned(), ..wanted() }).await;
        let base = || request(&system, &secret, &algorithm);
        let key = KeyPair::generate().unwrap();
        let unknown = "this secret is not taken";
        let named = |name: &str| Message::request(&system, 0, &key, name);
        let sha_1 = {
            let kind = tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf6, 0x7d, 7, 0x42, 0x0d]);
            sequence(&[&kind, &sequence(&[&tlv(4, &SALT), &sha256(), &number(500), &hmac(7)])])
        };
        let cases: Vec<(&str, &str, Message<'_>)> = vec![
            ("badMessageCheck", unknown, named("larkfield").by_secret(reference, "a guess", &algorithm)),
            ("badMessageCheck", unknown, named("larkfield").by_secret("nothing", text, &algorithm)),
            ("badMessageCheck", unknown, named("larkfield").by_secret(&other.info.reference, &other.secret, &algorithm)),
            ("notAuthorized", "common name", named("registration-desk").by_secret(reference, text, &algorithm)),
            ("badPOP", "raVerified", {
                let possession = Some(vec![0x80, 0]);
                Message::request_with(&system, 0, &key, "larkfield", possession).by_secret(reference, text, &algorithm)
            }),
            ("wrongIntegrity", "first certificate", Message::request(&system, 2, &key, "larkfield").by_secret(reference, text, &algorithm)),
            ("wrongIntegrity", "first certificate", Message::request(&system, 7, &key, "larkfield").by_secret(reference, text, &algorithm)),
            ("badAlg", "SHA-256", named("larkfield").by_secret(reference, text, &sha_1)),
            ("badAlg", "iteration", named("larkfield").by_secret(reference, text, &password_based(10_000_000))),
            ("badAlg", "iteration", named("larkfield").by_secret(reference, text, &password_based(1))),
        ];
        for (bit, sentence, message) in cases {
            let answer = send(&roads, &message, &secret).await;
            assert_eq!(answer.failure, failure(bit), "{sentence}: {}", answer.text);
            assert!(answer.text.contains(sentence), "{}", answer.text);
        }
        assert_eq!(roads.count("larkfield").await + roads.count("registration-desk").await, 0);
        let left = |infos: Vec<EnrolmentSecretInfo>| {
            infos.iter().find(|it| it.reference == reference).unwrap().uses_left
        };
        assert_eq!(left(listed(&roads).await), 1, "nothing was given, so nothing is used up");
        assert_eq!(send(&roads, &base(), &secret).await.failure, None);
        assert_eq!(left(listed(&roads).await), 0);
    }

    /// A key that is refused and a token that goes away before it signs leave the use: the secret gives its certificate afterwards,
    /// and that one alone.
    async fn a_use_that_came_to_nothing_is_given_back(db: Db) {
        let roads = sealing(World::new(db).await).await;
        let (system, algorithm) = (stranger(&roads).await, password_based(500));
        let secret = made(&roads, &wanted()).await;
        let left = async || {
            let all = listed(&roads).await;
            all.iter().find(|it| it.reference == secret.info.reference).unwrap().uses_left
        };
        let key = KeyPair::generate().unwrap();
        let source = KeySource::public_key(&key.subject_public_key_info());
        let known = IssueRequest::new("known", "system-tls-client", crate::world::system(), source);
        let serial = roads.world.client.issue(&known).await.unwrap().serial;
        let compromised = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: None };
        roads.world.client.revoke(&serial, &compromised).await.unwrap();
        let message = Message::request(&system, 0, &key, "larkfield");
        let message = message.by_secret(&secret.info.reference, &secret.secret, &algorithm);
        let refused = send(&roads, &message, &secret).await;
        assert_eq!(refused.failure, failure("badCertTemplate"), "{}", refused.text);
        assert_eq!(left().await, 1, "a key that is refused uses nothing up");

        let held = failpoint::hold("ca.linted");
        let away = async {
            let wait = move || {
                assert!(held.wait());
                held
            };
            let held = tokio::task::spawn_blocking(wait).await.unwrap();
            roads.world.move_token_away();
            until(async || {
                let found = roads.world.client.issue(&prescriber("finds-out")).await;
                found.is_err() && matches!(roads.world.hsm.health().tokens[0].state, TokenState::Sick { .. })
            })
            .await;
            drop(held);
        };
        let message = request(&system, &secret, &algorithm);
        let (refused, ()) = tokio::join!(send(&roads, &message, &secret), away);
        assert_eq!(refused.failure, failure("systemUnavail"), "{}", refused.text);
        assert_eq!(left().await, 1, "a token that is away uses nothing up");
        roads.world.move_token_back();
        until(async || roads.world.client.issue(&prescriber("back")).await.is_ok()).await;
        let given = send(&roads, &request(&system, &secret, &algorithm), &secret).await;
        assert_eq!((given.body, given.failure), (1, None), "{}", given.text);
        assert_eq!(left().await, 0);
        let again = send(&roads, &request(&system, &secret, &algorithm), &secret).await;
        assert_eq!(again.failure, failure("notAuthorized"), "it has been used up");
    }

    /// Ended and expired secrets are taken no more, one that was used twice gives two, and each is tried so often only.
    async fn secrets_have_bounds(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let roads = sealing(world).await;
        let (system, algorithm) = (stranger(&roads).await, password_based(100));
        let twice = made(&roads, &NewEnrolmentSecret { uses: Some(2), valid_seconds: Some(300), ..wanted() }).await;
        let ended = made(&roads, &wanted()).await;
        for expected in [None, None, failure("notAuthorized")] {
            assert_eq!(send(&roads, &request(&system, &twice, &algorithm), &twice).await.failure, expected);
        }
        let path = format!("/ca/enrolment-secrets/{}", ended.info.reference);
        assert_eq!(call(&roads, &[READ], Method::DELETE, &path, &()).await.0, 403);
        assert_eq!(call(&roads, &[ISSUE], Method::DELETE, &path, &()).await.0, 204);
        assert_eq!(call(&roads, &[ISSUE], Method::DELETE, &path, &()).await.0, 404);
        let refused = send(&roads, &request(&system, &ended, &algorithm), &ended).await;
        assert_eq!(refused.failure, failure("badMessageCheck"));
        let short = made(&roads, &NewEnrolmentSecret { valid_seconds: Some(60), ..wanted() }).await;
        hand.advance(Duration::from_secs(61));
        let refused = send(&roads, &request(&system, &short, &algorithm), &short).await;
        assert_eq!(refused.failure, failure("notAuthorized"));
        let tried = made(&roads, &wanted()).await;
        let mut last = None;
        for _ in 0..31 {
            let guess = request(&system, &tried, &algorithm);
            let guess = guess.by_secret(&tried.info.reference, "a guess", &algorithm);
            last = send(&roads, &guess, &tried).await.failure;
        }
        assert_eq!(last, Some(vec![7, 0, 0, 0, 0x80]), "systemUnavail");
        hand.advance(Duration::from_secs(61));
        let message = request(&system, &tried, &algorithm);
        assert_eq!(send(&roads, &message, &tried).await.failure, None, "and again in the next minute");
    }

    /// Who guesses learns not which references exist, and locks out nobody but himself; right codes are not counted.
    async fn guessing_locks_out_nobody_else(db: Db) {
        let roads = sealing(World::new(db).await).await;
        let (system, algorithm) = (stranger(&roads).await, password_based(100));
        let secret = made(&roads, &wanted()).await;
        let from = async |address: &str, message: &Message<'_>| {
            let (parts, body) = roads.post_from(address, PATH, PKIXCMP, message.encode()).await;
            assert_eq!(parts.status, 200, "{}", String::from_utf8_lossy(&body));
            Answer::read_by(&body, Some(secret.secret.as_bytes()))
        };
        let guess = async |reference: &str| {
            let message = request(&system, &secret, &algorithm).by_secret(reference, "a guess", &algorithm);
            let said = from("192.0.2.66:4000", &message).await;
            (said.failure, said.text)
        };
        for turn in 1..=32 {
            let (known, unknown) = (guess(&secret.info.reference).await, guess("nothing").await);
            let expected = if turn <= 30 { "badMessageCheck" } else { "systemUnavail" };
            assert_eq!(known.0, failure(expected), "{turn}: {}", known.1);
            assert_eq!(known, unknown, "{turn}");
        }
        let key = KeyPair::generate().unwrap();
        // Protected by the right secret, and refused for something else.
        for _ in 0..31 {
            let message = Message::request(&system, 2, &key, "larkfield")
                .by_secret(&secret.info.reference, &secret.secret, &algorithm);
            assert_eq!(from("198.51.100.7:4000", &message).await.failure, failure("wrongIntegrity"));
        }
        let given = from("198.51.100.7:4001", &request(&system, &secret, &algorithm)).await;
        assert_eq!(given.failure, None, "{}", given.text);
    }

    /// Who could not have the certificate issued makes no secret for it; nonsense is refused; the secret is stored nowhere
    /// as it is.
    async fn secrets_are_made_by_those_who_may_issue(db: Db) {
        let roads = sealing(World::new(db).await).await;
        let make = async |acts: &[Act], new: &NewEnrolmentSecret| {
            call(&roads, acts, Method::POST, "/ca/enrolment-secrets", new).await.0
        };
        for acts in [&[][..], &[ENROL], &[READ]] {
            assert_eq!(make(acts, &wanted()).await, 403);
        }
        let servers = NewEnrolmentSecret { road: "servers".to_owned(), ..wanted() };
        assert_eq!(make(&[ISSUE], &servers).await, 403, "its profile is not granted");
        for wrong in [
            NewEnrolmentSecret { road: "nowhere".to_owned(), ..wanted() },
            NewEnrolmentSecret { road: "est-only".to_owned(), ..wanted() },
            NewEnrolmentSecret { client: "Not A Name".to_owned(), ..wanted() },
            NewEnrolmentSecret { client: "module:ca".to_owned(), ..wanted() },
            NewEnrolmentSecret { client: "a".repeat(65), ..wanted() },
            NewEnrolmentSecret { organisation: Some("?".to_owned()), ..wanted() },
            NewEnrolmentSecret { uses: Some(0), ..wanted() },
            NewEnrolmentSecret { uses: Some(101), ..wanted() },
            NewEnrolmentSecret { valid_seconds: Some(59), ..wanted() },
        ] {
            assert_eq!(make(&[ISSUE], &wrong).await, 400, "{wrong:?}");
        }
        assert!(listed(&roads).await.is_empty());
        let secret = made(&roads, &wanted()).await;
        let row = sqlx::query("SELECT secret FROM ca_enrol_secret").fetch_one(roads.world.db.read()).await.unwrap();
        let kept: Vec<u8> = row.get(0);
        assert!(!kept.windows(8).any(|part| part == &secret.secret.as_bytes()[..8]), "the secret lies open");
        let events = sqlx::query("SELECT body FROM audit_event").fetch_all(roads.world.db.read()).await.unwrap();
        let told = |row: &sqlx::any::AnyRow| String::from_utf8(row.get(0)).unwrap().contains(&secret.secret);
        assert!(!events.iter().any(told));
        assert_eq!(make(&[ISSUE], &NewEnrolmentSecret { client: "a".repeat(64), ..wanted() }).await, 201);
    }
}
