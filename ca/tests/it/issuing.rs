//! Issuing through the router.

use std::collections::HashSet;

use ca::api::{self, CertificateQuery, CertificateState, IssueRequest, KeySource, SubjectData, Validity};
use platform::clock::Millis;
use platform::db::Db;
use platform::problem::Kind;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};

use crate::world::{
    World, certificate, client, config_of, fresh_key, person, prescriber, refusal, server, system,
};

platform::both_engines! {
    /// A prescriber's certificate names the person, carries the key, and only commits to content.
    async fn a_prescriber_gets_a_certificate(db: Db) {
        let world = World::new(db).await;
        let request = prescriber("first");
        let issued = world.client.issue(&request).await.unwrap();
        let certificate = certificate(&issued);
        let KeySource::PublicKey(key) = &request.key else { unreachable!() };
        assert_eq!(KeySource::public_key(certificate.spki_der()), KeySource::PublicKey(key.clone()));
        assert_eq!(certificate.common_name().as_deref(), Some("Zoë O’Neill"));
        let usage = certificate.key_usage().unwrap();
        assert_eq!(usage, pki::KeyUsage::NON_REPUDIATION);
        assert!(certificate.extended_key_usage().is_none());
        let period = certificate.private_key_usage_period().unwrap();
        assert!(period.not_after_ms.unwrap() < certificate.not_after_ms());
        assert_eq!(certificate.crl_distribution_points().len(), 1);
        assert_eq!(certificate.ca_issuers(), ["http://pki.example/aia/remote-signing.cer"]);
        assert_eq!(issued.chain.len(), 2);
        let info = world.client.certificate(&issued.serial).await.unwrap();
        assert_eq!((info.state, info.profile.as_str()), (CertificateState::Issued, "prescriber-remote-signing"));
        assert_eq!(info.certificate, Some(issued.certificate));
    }

    /// The same request answers the same certificate; the same name for another request is refused.
    async fn requests_are_answered_once(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let request = prescriber("once");
        let first = world.client.issue(&request).await.unwrap();
        hand.advance(std::time::Duration::from_hours(1));
        assert_eq!(world.client.issue(&request).await.unwrap(), first);
        let other = prescriber("once");
        assert_eq!(refusal(world.client.issue(&other).await).1, "request-id-reused");
        let all = world.client.certificates(&CertificateQuery::default()).await.unwrap().certificates;
        let people = all.iter().filter(|certificate| certificate.user_id.is_some()).count();
        assert_eq!(people, 1);
    }

    /// Whoever may not issue, revoke or read is told so, and nothing is made.
    async fn acts_must_be_granted(db: Db) {
        let world = World::new(db).await;
        let reader = client(&world.authority, &[api::READ]);
        assert_eq!(refusal(reader.issue(&prescriber("no")).await).0, Kind::Forbidden);
        let issuer = client(&world.authority, &[api::ISSUE]);
        let issued = issuer.issue(&prescriber("yes")).await.unwrap();
        assert_eq!(refusal(issuer.certificate(&issued.serial).await).0, Kind::Forbidden);
        assert_eq!(refusal(issuer.resume(&issued.serial).await).0, Kind::Forbidden);
        assert_eq!(refusal(issuer.issuers().await).0, Kind::Forbidden);
        let query = CertificateQuery { user_id: person().user_id, ..CertificateQuery::default() };
        assert_eq!(reader.certificates(&query).await.unwrap().certificates.len(), 1);
    }

    /// Each request that is wrong is refused with its code, and leaves no certificate.
    async fn wrong_requests_leave_nothing(db: Db) {
        let (world, _hand) = World::with_hand(db).await;
        let before = world.client.certificates(&CertificateQuery::default()).await.unwrap();
        for (code, request) in wrong_requests() {
            let (kind, actual) = refusal(world.client.issue(&request).await);
            assert_eq!((kind, actual.as_str()), (Kind::Invalid, code), "{request:?}");
        }
        assert_eq!(world.client.certificates(&CertificateQuery::default()).await.unwrap(), before);
    }

    /// A PKCS#10 request gives its key only when it is signed with it.
    async fn possession_is_proved(db: Db) {
        let world = World::new(db).await;
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::new(Vec::new()).unwrap().serialize_request(&key).unwrap();
        let ask = |id: &str, pem: String| IssueRequest::new(id, "system-tls-client", system(), KeySource::Csr(pem));
        let issued = world.client.issue(&ask("good", csr.pem().unwrap())).await.unwrap();
        assert_eq!(certificate(&issued).spki_der(), key.subject_public_key_info());
        let mut damaged = csr.der().to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        let damaged = pki::to_pem("CERTIFICATE REQUEST", &damaged);
        assert_eq!(refusal(world.client.issue(&ask("bad", damaged)).await).1, "csr-refused");
    }

    /// Sixteen requesters at once, at two processes, never get the same serial twice.
    async fn serials_never_repeat(db: Db) {
        let world = World::new(db).await;
        let (_other, other_client) = world.again(config_of(2)).await;
        let tasks: Vec<_> = (0..16)
            .map(|task| {
                let client = if task % 2 == 0 { world.client.clone() } else { other_client.clone() };
                tokio::spawn(async move {
                    let mut serials = Vec::new();
                    for number in 0..6 {
                        let issued = client.issue(&prescriber(&format!("{task}-{number}"))).await.unwrap();
                        serials.push(issued.serial);
                    }
                    serials
                })
            })
            .collect();
        let mut serials = HashSet::new();
        for task in tasks {
            serials.extend(task.await.unwrap());
        }
        assert_eq!(serials.len(), 96);
        let instances: HashSet<_> = serials.iter().map(|serial| &serial[..2]).collect();
        assert_eq!(instances, HashSet::from(["01", "02"]));
        let query = CertificateQuery { user_id: person().user_id, limit: Some(500), ..CertificateQuery::default() };
        assert_eq!(world.client.certificates(&query).await.unwrap().certificates.len(), 96);
    }

    /// Of many at once, those with a known key or another's request id are refused, and each of the others gets its own.
    async fn an_odd_request_does_not_hurt_its_neighbours(db: Db) {
        let world = World::new(db).await;
        let known = world.client.issue(&prescriber("known")).await.unwrap();
        let key = KeySource::public_key(certificate(&known).spki_der());
        let other = SubjectData { user_id: Some("555021942199".to_owned()), ..person() };
        let requests: Vec<IssueRequest> = (0..24)
            .map(|number| match number % 8 {
                3 => IssueRequest { subject: other.clone(), key: key.clone(), ..prescriber(&format!("key-{number}")) },
                5 => prescriber("known"),
                _ => prescriber(&format!("plain-{number}")),
            })
            .collect();
        let asked = requests.iter().map(|request| {
            let (client, request) = (world.client.clone(), request.clone());
            tokio::spawn(async move { client.issue(&request).await })
        });
        let mut serials = HashSet::from([known.serial]);
        for (number, task) in asked.collect::<Vec<_>>().into_iter().enumerate() {
            match (number % 8, task.await.unwrap()) {
                (3, answer) => assert_eq!(refusal(answer).1, "key-refused", "{number}"),
                (5, answer) => assert_eq!(refusal(answer).1, "request-id-reused", "{number}"),
                (_, answer) => assert!(serials.insert(answer.unwrap().serial), "{number}"),
            }
        }
        let all = CertificateQuery { limit: Some(500), ..CertificateQuery::default() };
        let all = world.client.certificates(&all).await.unwrap().certificates;
        let people: HashSet<_> =
            all.into_iter().filter(|one| one.user_id.is_some()).map(|one| one.serial).collect();
        assert_eq!(people, serials);
    }

    /// Many at once with one request id make one certificate; the rest get it or are told to ask again.
    async fn one_request_id_is_one_certificate(db: Db) {
        let world = World::new(db).await;
        let request = prescriber("same");
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (client, request) = (world.client.clone(), request.clone());
                tokio::spawn(async move { client.issue(&request).await })
            })
            .collect();
        let mut serials = HashSet::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(issued) => drop(serials.insert(issued.serial)),
                Err(problem) => assert_eq!(problem.kind, Kind::Unavailable, "{problem:?}"),
            }
        }
        assert_eq!(serials.len(), 1);
    }

    /// A clock that went back stops issuing, with both times in the message.
    async fn a_clock_that_went_back_stops_issuing(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        world.prescriber("before").await;
        hand.set(Millis(world.clock.now().0 - 10_000));
        let problem = world.client.issue(&prescriber("after")).await.unwrap_err();
        assert_eq!(problem.kind, Kind::Unavailable);
        assert!(problem.detail.matches("2027-01-15T").count() == 2, "{}", problem.detail);
    }

    /// Pages follow each other without a gap, and a mark we did not give is refused.
    async fn certificates_are_listed_in_pages(db: Db) {
        let world = World::new(db).await;
        for number in 0..5 {
            world.prescriber(&format!("page-{number}")).await;
        }
        let mut query =
            CertificateQuery { user_id: person().user_id, limit: Some(2), ..CertificateQuery::default() };
        let mut seen = Vec::new();
        loop {
            let page = world.client.certificates(&query).await.unwrap();
            assert!(page.certificates.len() <= 2);
            seen.extend(page.certificates.into_iter().map(|certificate| certificate.serial));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 5);
        assert!(seen.is_sorted());
        let nobody = CertificateQuery { common_name: Some("No & body".to_owned()), ..CertificateQuery::default() };
        assert!(world.client.certificates(&nobody).await.unwrap().certificates.is_empty());
        let strange = CertificateQuery { after: Some("1".to_owned()), ..CertificateQuery::default() };
        assert_eq!(refusal(world.client.certificates(&strange).await).1, "cursor-invalid");
    }

    /// Time alone makes a certificate expired.
    async fn certificates_expire(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let issued = world.prescriber("expires").await;
        hand.advance(std::time::Duration::from_hours(24 * 731));
        let info = world.client.certificate(&issued.serial).await.unwrap();
        assert_eq!(info.state, CertificateState::Expired);
        let expired = CertificateQuery {
            user_id: person().user_id, state: Some(CertificateState::Expired), ..CertificateQuery::default()
        };
        assert_eq!(world.client.certificates(&expired).await.unwrap().certificates.len(), 1);
        let issued_now = CertificateQuery { state: Some(CertificateState::Issued), ..expired };
        assert!(world.client.certificates(&issued_now).await.unwrap().certificates.is_empty());
    }
}

/// Requests with one thing wrong, and the code that each is refused with.
fn wrong_requests() -> Vec<(&'static str, IssueRequest)> {
    let with = |change: fn(&mut IssueRequest)| {
        let mut request = prescriber("wrong");
        change(&mut request);
        request
    };
    let server_with = |change: fn(&mut SubjectData)| {
        let mut subject = server();
        change(&mut subject);
        IssueRequest::new("wrong", "system-tls-server", subject, fresh_key())
    };
    vec![
        ("profile-unknown", with(|request| "authority-root".clone_into(&mut request.profile))),
        ("profile-unknown", with(|request| "no-such".clone_into(&mut request.profile))),
        ("profile-not-allowed", with(|request| request.issuer = Some("root".to_owned()))),
        (
            "profile-not-allowed",
            IssueRequest::new("wrong", "ocsp-responder", crate::world::service(), fresh_key()),
        ),
        ("subject-refused", with(|request| "a\u{202e}b".clone_into(&mut request.subject.common_name))),
        ("subject-refused", with(|request| request.subject.user_id = None)),
        ("subject-refused", with(|request| request.subject.user_id = Some("55502194210".to_owned()))),
        ("subject-refused", with(|request| request.subject.dns_names = vec!["a.example".to_owned()])),
        ("subject-refused", server_with(|subject| subject.dns_names.clear())),
        ("subject-refused", server_with(|subject| subject.dns_names = vec!["*.example".to_owned()])),
        ("subject-refused", server_with(|subject| subject.ip_addresses = vec!["localhost".to_owned()])),
        ("key-refused", with(|request| request.key = KeySource::public_key(b"nonsense"))),
        ("request-invalid", with(|request| request.key = KeySource::PublicKey("%%%".to_owned()))),
        ("csr-refused", with(|request| request.key = KeySource::Csr("nonsense".to_owned()))),
        ("request-invalid", with(|request| request.request_id = String::new())),
        ("request-invalid", with(|request| "two words".clone_into(&mut request.request_id))),
        (
            "validity-refused",
            with(|request| {
                let start = 1_800_000_000_000;
                let not_after = Millis(start + 730 * 86_400_000);
                request.validity = Some(Validity { not_before: Millis(start), not_after });
            }),
        ),
        (
            "validity-refused",
            with(|request| {
                let (not_before, not_after) = (Millis(1_799_999_000_000), Millis(1_800_086_400_000));
                request.validity = Some(Validity { not_before, not_after });
            }),
        ),
    ]
}
