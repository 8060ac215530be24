//! CMP through its router: messages are built octet by octet, so that they can be wrong in every way.

use aws_lc_rs::digest::{SHA256, digest};
use ca::api::{self, CertificateState, ENROL, ISSUE, REVOKE, Reason};
use platform::clock::Millis;
use platform::db::Db;
use rcgen::{DnType, KeyPair, PublicKeyData as _};

use crate::cmp_client::{Answer, Message, failure, sequence, tlv};
use crate::est::with_extension;
use crate::roads::{Roads, System, csr};
use crate::world::{World, client, listed};

const PKIXCMP: &str = "application/pkixcmp";
pub(crate) const PATH: &str = "/.well-known/cmp";

pub(crate) async fn send(roads: &Roads, message: &Message<'_>) -> Answer {
    send_to(roads, PATH, message).await
}

async fn send_to(roads: &Roads, path: &str, message: &Message<'_>) -> Answer {
    let (parts, body) = roads.post(path, PKIXCMP, message.encode(), None).await;
    assert_eq!(parts.status, 200, "{}", String::from_utf8_lossy(&body));
    assert_eq!(parts.headers["content-type"], PKIXCMP);
    let answer = Answer::read(&body);
    assert_eq!(answer.recipient_nonce.as_deref(), message.sender_nonce.as_deref());
    answer
}

/// Asks for a certificate in the system's own name and answers it with the message that gave it.
async fn enrolled(roads: &Roads, system: &System, message: &Message<'_>) -> (pki::Certificate, Answer) {
    let answer = send(roads, message).await;
    assert_eq!(answer.failure, None, "{}: {:?}", system.name, answer.text);
    (answer.certificate.clone().unwrap(), answer)
}

fn confirmation<'a>(system: &'a System, first: &Message<'_>, answer: &Answer) -> Message<'a> {
    let hash = digest(&SHA256, answer.certificate.as_ref().unwrap().der());
    let status = sequence(&[&tlv(4, hash.as_ref()), &[2, 1, 0]]);
    let mut message = Message::new(system, 24, sequence(&[&status]));
    message.transaction_id.clone_from(&first.transaction_id);
    message.recipient_nonce = Some(answer.nonce.clone());
    message
}

platform::both_engines! {
    /// ir, cr and p10cr give a certificate that waits, and certConf keeps it; a second certConf is told so.
    async fn a_confirmed_certificate_stays(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let roads = Roads::open(world).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        let p10 = Message::new(&system, 4, csr(&key, &[(DnType::CommonName, "larkfield")], &[]));
        for (message, kind) in [
            (Message::request(&system, 0, &key, "larkfield"), 1),
            (Message::request(&system, 2, &key, "larkfield"), 3),
            (p10, 3),
        ] {
            let (certificate, answer) = enrolled(&roads, &system, &message).await;
            assert_eq!(answer.body, kind);
            assert!(answer.has_info("1.3.6.1.5.5.7.4.14"), "it says until when it waits");
            assert_eq!(certificate.spki_der(), key.subject_public_key_info());
            assert_eq!(certificate.common_name().as_deref(), Some("larkfield"));
            let confirmed = send(&roads, &confirmation(&system, &message, &answer)).await;
            assert_eq!((confirmed.body, confirmed.failure), (19, None), "{:?}", confirmed.text);
            let again = send(&roads, &confirmation(&system, &message, &answer)).await;
            assert_eq!(again.failure, failure("certConfirmed"));
            // Three of these stay within the five minutes that a message may be old.
            hand.advance(std::time::Duration::from_secs(61));
            assert_eq!(roads.enrolment.sweep().await.unwrap(), 0);
            assert_eq!(roads.state(&certificate).await, CertificateState::Issued);
        }
        // The signer is delegated for it, and of our hierarchy.
        let answer = send(&roads, &Message::new(&system, 21, sequence(&[&sequence(&[&tlv(6, &CA_CERTS)])]))).await;
        assert_eq!((answer.body, answer.failure), (22, None), "{:?}", answer.text);
        let purpose: Vec<_> = answer.signer.unwrap().extended_key_usage().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(purpose, ["1.3.6.1.5.5.7.3.27"]);
    }

    /// A certificate that nobody confirmed, or that its client rejected, is revoked and listed; one that was granted
    /// implicitly stays.
    async fn an_unconfirmed_certificate_is_revoked(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let roads = Roads::open(world).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        let message = Message::request(&system, 0, &key, "larkfield");
        let (late, answer) = enrolled(&roads, &system, &message).await;
        let mut implicit = Message::request(&system, 0, &key, "larkfield");
        implicit.implicit_confirm = true;
        let (kept, granted) = enrolled(&roads, &system, &implicit).await;
        assert!(granted.has_info("1.3.6.1.5.5.7.4.13"));
        hand.advance(std::time::Duration::from_secs(59));
        assert_eq!(roads.enrolment.sweep().await.unwrap(), 0, "its time is not over");
        hand.advance(std::time::Duration::from_secs(2));
        assert_eq!(roads.enrolment.sweep().await.unwrap(), 1);
        assert_eq!(roads.enrolment.sweep().await.unwrap(), 0);
        assert_eq!(roads.state(&late).await, CertificateState::Revoked);
        assert_eq!(roads.state(&kept).await, CertificateState::Issued);
        let too_late = send(&roads, &at(confirmation(&system, &message, &answer), hand_now(&roads))).await;
        assert_eq!(too_late.failure, failure("certRevoked"));

        let message = at(Message::request(&system, 0, &key, "larkfield"), hand_now(&roads));
        let (unwanted, answer) = enrolled(&roads, &system, &message).await;
        let mut rejection = at(confirmation(&system, &message, &answer), hand_now(&roads));
        rejection.body = sequence(&[]);
        assert_eq!(send(&roads, &rejection).await.body, 19);
        assert_eq!(roads.state(&unwanted).await, CertificateState::Revoked);
        roads.authority.make_due_crls().await;
        let crl = roads.world.crl("systems").await;
        for certificate in [&late, &unwanted] {
            let entry = listed(&crl, &certificate.serial().to_string()).unwrap();
            assert_eq!(entry.reason.map(pki::Reason::code), Some(Reason::CessationOfOperation.code()));
        }
        assert!(listed(&crl, &kept.serial().to_string()).is_none());
    }

    /// A process that ends at any point between giving and revoking loses nothing: the next sweep goes on.
    async fn a_kill_loses_no_revocation(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let roads = Roads::open(world).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        // The answer was stored and never left, and an issued certificate whose transaction never heard of it.
        for point in ["ca.cmp-delivered", "ca.cmp-issued"] {
            let before = roads.count("larkfield").await;
            let message = at(Message::request(&system, 0, &key, "larkfield"), hand_now(&roads));
            ca::failpoint::arm(point);
            let (router, body) = (roads.router.clone(), message.encode());
            let died = tokio::spawn(async move { crate::cmp_client::post(router, PATH, body).await }).await;
            assert!(died.is_err(), "{point}");
            assert_eq!(roads.count("larkfield").await, before + 1, "{point}");
            hand.advance(std::time::Duration::from_mins(11));
            for stop in ["ca.cmp-lapsing", "ca.cmp-revoked"] {
                ca::failpoint::arm(stop);
                let enrolment = roads.enrolment.clone();
                assert!(tokio::spawn(async move { enrolment.sweep().await }).await.is_err(), "{stop}");
            }
            roads.enrolment.sweep().await.unwrap();
            let query = api::CertificateQuery {
                common_name: Some("larkfield".to_owned()),
                state: Some(CertificateState::Issued),
                ..Default::default()
            };
            let reader = client(&roads.authority, &[api::READ]);
            let left = reader.certificates(&query).await.unwrap().certificates;
            assert_eq!(left.len(), 1, "{point}: only the one it came with is in force");
            assert_eq!(roads.enrolment.sweep().await.unwrap(), 0);
        }
    }

    /// An update keeps the name, takes a new key, and is asked for by the certificate itself.
    async fn a_certificate_updates_itself(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let other = roads.system("other", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        let (updated, answer) = enrolled(&roads, &system, &Message::update(&system, &key, &system)).await;
        assert_eq!(answer.body, 8);
        let old = pki::Certificate::from_der(&system.certificate).unwrap();
        assert_eq!((updated.subject(), updated.spki_der()), (old.subject(), &key.subject_public_key_info()[..]));
        let foreign = send(&roads, &Message::update(&system, &key, &other)).await;
        assert_eq!(foreign.failure, failure("badCertId"));
        let mut renamed = Message::request(&system, 7, &key, "registration-desk");
        assert_eq!(send(&roads, &renamed).await.failure, failure("badCertId"));
        renamed = Message::request(&system, 7, &key, "larkfield");
        let elsewhere = send_to(&roads, "/.well-known/cmp/p/servers", &renamed).await;
        assert_eq!(elsewhere.failure, failure("badCertId"), "a road of another profile");
        assert_eq!(roads.count("registration-desk").await, 0);
    }

    /// One revokes what is one's own; with ca:revoke what is anybody's, and a hold is lifted.
    async fn certificates_are_revoked(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let other = roads.system("other", &[ENROL]).await;
        let desk = roads.system("desk", &[ENROL, REVOKE]).await;
        let certificate = pki::Certificate::from_der(&other.certificate).unwrap();
        let foreign = send(&roads, &Message::revocation(&system, &certificate, 1)).await;
        assert_eq!(foreign.failure, failure("badCertId"), "somebody else's is not found");
        assert_eq!(roads.state(&certificate).await, CertificateState::Issued);
        for (reason, state) in [
            (6, CertificateState::Held), (8, CertificateState::Issued), (4, CertificateState::Revoked),
        ] {
            let answer = send(&roads, &Message::revocation(&desk, &certificate, reason)).await;
            assert_eq!((answer.body, answer.failure), (12, None), "{:?}", answer.text);
            assert_eq!(roads.state(&certificate).await, state, "{reason}");
        }
        let again = send(&roads, &Message::revocation(&desk, &certificate, 3)).await;
        assert_eq!(again.failure, failure("certRevoked"));
        let own = pki::Certificate::from_der(&system.certificate).unwrap();
        assert_eq!(send(&roads, &Message::revocation(&system, &own, 8)).await.failure, failure("notAuthorized"));
        assert_eq!(send(&roads, &Message::revocation(&system, &own, 7)).await.failure, failure("badDataFormat"));
        assert_eq!(send(&roads, &Message::revocation(&system, &own, 5)).await.body, 12);
        assert_eq!(roads.state(&own).await, CertificateState::Revoked);
    }

    /// A message, a transaction id and a nonce are taken once from each client.
    async fn nothing_is_taken_twice(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        let message = Message::request(&system, 0, &key, "larkfield");
        let (_, answer) = enrolled(&roads, &system, &message).await;
        let count = roads.count("larkfield").await;
        assert_eq!(send(&roads, &message).await.failure, failure("transactionIdInUse"));
        let mut other = Message::request(&system, 0, &key, "larkfield");
        other.sender_nonce.clone_from(&message.sender_nonce);
        assert_eq!(send(&roads, &other).await.failure, failure("badSenderNonce"));
        let mut wrong = confirmation(&system, &message, &answer);
        wrong.recipient_nonce = Some(vec![9; 16]);
        assert_eq!(send(&roads, &wrong).await.failure, failure("badRecipientNonce"));
        let mut unknown = confirmation(&system, &message, &answer);
        unknown.transaction_id = Some(vec![7; 16]);
        assert_eq!(send(&roads, &unknown).await.failure, failure("badRequest"));
        let mut hash = confirmation(&system, &message, &answer);
        hash.body = sequence(&[&sequence(&[&tlv(4, &[0; 32]), &[2, 1, 0]])]);
        assert_eq!(send(&roads, &hash).await.failure, failure("badCertId"));
        // Another client's transaction of the same name is its own, and cannot confirm this one.
        let other = roads.system("other", &[ENROL]).await;
        let mut foreign = confirmation(&other, &message, &answer);
        foreign.recipient_nonce = Some(answer.nonce.clone());
        assert_eq!(send(&roads, &foreign).await.failure, failure("badRequest"));
        assert_eq!(roads.count("larkfield").await, count);
        assert_eq!(send(&roads, &confirmation(&system, &message, &answer)).await.body, 19);
    }

    /// What is wrong with protection, sender, rights or proof of possession is told by its bit, and nothing is issued.
    async fn wrong_messages_are_refused(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let mute = roads.system("mute", &[ISSUE]).await;
        let key = KeyPair::generate().unwrap();
        let request = |system| Message::request(system, 0, &key, "larkfield");
        let changes: [(&str, Change); 14] = [
            ("badMessageCheck", |message| message.damage_signature = true),
            ("badMessageCheck", |message| message.protect = false),
            ("badMessageCheck", |message| message.certificates.clear()),
            ("badMessageCheck", |message| message.sender = Some(name_of("other"))),
            ("badMessageCheck", |message| message.sender_key_id = Some(vec![1; 20])),
            ("badDataFormat", |message| message.algorithm = Some(sequence(&[&PASSWORD_BASED_MAC]))),
            ("badAlg", |message| message.algorithm = Some(sequence(&[&tlv(6, &[0x2a, 3, 4])]))),
            ("unsupportedVersion", |message| message.version = 1),
            ("badSenderNonce", |message| message.sender_nonce = Some(vec![1; 8])),
            ("badTime", |message| message.time = Millis(message.time.0 - 3_600_000)),
            ("badDataFormat", |message| message.body = vec![0x30, 0x80, 0, 0]),
            ("badRequest", |message| message.body = sequence(&[])),
            ("badRequest", |message| message.kind = 25),
            ("badRequest", |message| message.kind = 23),
        ];
        for (name, change) in changes {
            let mut message = request(&system);
            change(&mut message);
            assert_eq!(send(&roads, &message).await.failure, failure(name), "{name}");
        }
        let mut stranger = request(&system);
        stranger.certificates = vec![self_signed(&system.key)];
        stranger.sender = Some(name_of("larkfield"));
        stranger.sender_key_id = None;
        assert_eq!(send(&roads, &stranger).await.failure, failure("signerNotTrusted"));
        assert_eq!(send(&roads, &Message::request(&mute, 0, &key, "mute")).await.failure, failure("notAuthorized"));
        let named = Message::request(&system, 0, &key, "registration-desk");
        assert_eq!(send(&roads, &named).await.failure, failure("notAuthorized"));
        for (name, possession) in [
            ("badPOP", Some(vec![])), ("badPOP", Some(vec![0x80, 0])), ("badPOP", Some(vec![0xa2, 2, 5, 0])),
        ] {
            let message = Message::request_with(&system, 0, &key, "larkfield", possession);
            assert_eq!(send(&roads, &message).await.failure, failure(name));
        }
        let swapped = Message::request_signed_by(&system, &key, &KeyPair::generate().unwrap());
        assert_eq!(send(&roads, &swapped).await.failure, failure("badPOP"));
        let closed = send_to(&roads, "/.well-known/cmp/p/enrol-only", &Message::update(&system, &key, &system)).await;
        assert_eq!(closed.failure, failure("notAuthorized"));
        assert_eq!(roads.count("larkfield").await, 1, "only the one it came with");
        // A registration authority may vouch for possession and name others.
        let desk = roads.system("desk", &[ENROL, ISSUE]).await;
        let vouched = Message::request_with(&desk, 0, &key, "larkfield", Some(vec![0x80, 0]));
        assert_eq!(send(&roads, &vouched).await.failure, None);
    }

    /// A request of another number than 0, which its confirmation could not name, gives nothing; and so does a template
    /// that names another issuer or a serial number. The issuer of the road, or a name without parts, is no harm.
    async fn numbers_and_issuers_are_not_passed_over(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        let issuer = |name: &[u8]| tlv(0xa3, name);
        let another = "CN=Totally Other CA".parse::<pki::Name>().unwrap();
        for (number, fields, bit, told) in [
            (1, vec![], "badRequest", "certReqId is 1"),
            (0xff, vec![], "badRequest", "certReqId is -1"),
            (0, vec![issuer(another.der())], "badCertTemplate", "another issuer"),
            (0, vec![tlv(0x81, &[7])], "badCertTemplate", "serial number"),
        ] {
            let said = send(&roads, &Message::request_numbered(&system, &key, number, &fields)).await;
            assert_eq!(said.failure, failure(bit), "{told}: {}", said.text);
            assert!(said.text.contains(told), "{}", said.text);
        }
        assert_eq!(roads.count("larkfield").await, 1, "only the one it came with");
        let ours = pki::Certificate::from_der(&system.certificate).unwrap();
        for name in [ours.issuer().der(), &[0x30, 0]] {
            let message = Message::request_numbered(&system, &key, 0, &[issuer(name)]);
            let (_, answer) = enrolled(&roads, &system, &message).await;
            assert_eq!(send(&roads, &confirmation(&system, &message, &answer)).await.body, 19);
        }
    }

    /// A confirmation has a nonce of its own: that of the request is not taken again, nor its own by what comes after.
    async fn a_confirmation_takes_its_nonce(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        let message = Message::request(&system, 0, &key, "larkfield");
        let (certificate, answer) = enrolled(&roads, &system, &message).await;
        let mut repeated = confirmation(&system, &message, &answer);
        repeated.sender_nonce.clone_from(&message.sender_nonce);
        assert_eq!(send(&roads, &repeated).await.failure, failure("badSenderNonce"));
        let good = confirmation(&system, &message, &answer);
        assert_eq!(send(&roads, &good).await.body, 19);
        assert_eq!(roads.state(&certificate).await, CertificateState::Issued);
        let mut next = Message::request(&system, 0, &key, "larkfield");
        next.sender_nonce.clone_from(&good.sender_nonce);
        assert_eq!(send(&roads, &next).await.failure, failure("badSenderNonce"));
        // Another client's nonces are its own.
        let other = roads.system("other", &[ENROL]).await;
        let mut theirs = Message::request(&other, 0, &key, "other");
        theirs.sender_nonce.clone_from(&good.sender_nonce);
        assert_eq!(send(&roads, &theirs).await.failure, None);
    }

    /// The address may say what is asked for, with and without a road; an operation that is not done here is not found.
    async fn addresses_may_name_the_operation(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        for place in ["/.well-known/cmp/initialization", "/.well-known/cmp/p/systems/initialization"] {
            let message = Message::request(&system, 0, &key, "larkfield");
            let answer = send_to(&roads, place, &message).await;
            assert_eq!((answer.body, answer.failure.clone()), (1, None), "{place}: {}", answer.text);
            assert_eq!(send_to(&roads, place, &confirmation(&system, &message, &answer)).await.body, 19);
        }
        let revocation = Message::revocation(&system, &pki::Certificate::from_der(&system.certificate).unwrap(), 5);
        assert_eq!(send_to(&roads, "/.well-known/cmp/revocation", &revocation).await.body, 12);
        for nowhere in ["/.well-known/cmp/nested", "/.well-known/cmp/p/systems/getcrls", "/.well-known/cmp/p/nowhere/certification"] {
            let good = Message::request(&system, 0, &key, "larkfield").encode();
            assert_eq!(roads.post(nowhere, PKIXCMP, good, None).await.0.status, 404, "{nowhere}");
        }
    }

    /// An extension that the profile has not is refused by its own bit, in a template as in a PKCS#10 request, whether the
    /// profile could never give it or nobody knows it; one that the certificate has anyway is no harm.
    async fn extensions_outside_the_profile_are_refused(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        let refused: [(&[u64], &[u8]); 4] = [
            // keyCertSign, a certificate authority, code signing, and what nobody knows.
            (&[2, 5, 29, 15], &[3, 2, 2, 4]),
            (&[2, 5, 29, 19], &[0x30, 3, 1, 1, 0xff]),
            (&[2, 5, 29, 37], &[0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 3]),
            (&[1, 2, 3, 4], &[5, 0]),
        ];
        for (oid, value) in refused {
            let message = Message::request_for(&system, &key, "larkfield", &[extension(oid, value)]);
            assert_eq!(send(&roads, &message).await.failure, failure("unacceptedExtension"), "{oid:?} in a template");
            let message = Message::new(&system, 4, with_extension(&key, oid, value));
            assert_eq!(send(&roads, &message).await.failure, failure("unacceptedExtension"), "{oid:?} in PKCS#10");
        }
        assert_eq!(roads.count("larkfield").await, 1, "only the one it came with");
        let fits = [extension(&[2, 5, 29, 15], &[3, 2, 7, 0x80])];
        let given = send(&roads, &Message::request_for(&system, &key, "larkfield", &fits)).await;
        assert_eq!(given.failure, None, "{:?}", given.text);
    }

    /// What is no message, too large or of another type is refused by HTTP, and so is a road that is not there.
    async fn what_is_no_message_gets_a_status(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let good = Message::request(&system, 0, &system.key, "larkfield").encode();
        let deep = [0x30, 0x82, 0x40, 0x00].repeat(4000);
        for (path, kind, body, status) in [
            (PATH, PKIXCMP, b"nonsense".to_vec(), 400),
            (PATH, PKIXCMP, deep, 400),
            (PATH, PKIXCMP, Vec::new(), 400),
            (PATH, PKIXCMP, vec![0; 65 * 1024], 413),
            (PATH, "application/octet-stream", good.clone(), 415),
            ("/.well-known/cmp/p/nowhere", PKIXCMP, good.clone(), 404),
            ("/.well-known/cmp/p/est-only", PKIXCMP, good.clone(), 404),
        ] {
            assert_eq!(roads.post(path, kind, body, None).await.0.status, status, "{path} {kind}");
        }
        assert_eq!(roads.count("larkfield").await, 1);
    }
}

/// An extension that is not critical, encoded.
fn extension(oid: &[u64], value: &[u8]) -> Vec<u8> {
    let numbers: Vec<_> = oid.iter().map(u64::to_string).collect();
    let oid: const_oid::ObjectIdentifier = numbers.join(".").parse().unwrap();
    sequence(&[&tlv(6, oid.as_bytes()), &tlv(4, value)])
}

/// What makes a good message wrong.
type Change = fn(&mut Message<'_>);

/// id-it-caCerts, without tag and length.
const CA_CERTS: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 4, 17];
const PASSWORD_BASED_MAC: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf6, 0x7d, 7, 0x42, 0x0d];

fn hand_now(roads: &Roads) -> Millis {
    roads.world.clock.now()
}

fn at(mut message: Message<'_>, time: Millis) -> Message<'_> {
    message.time = time;
    message
}

fn name_of(common_name: &str) -> Vec<u8> {
    format!("CN={common_name}").parse::<pki::Name>().unwrap().der().to_vec()
}

fn self_signed(key: &KeyPair) -> Vec<u8> {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "larkfield");
    params.self_signed(key).unwrap().der().to_vec()
}
