//! EST through its router.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateState, ENROL, ISSUE, READ, REVOKE, Reason, RevokeRequest};
use platform::clock::Millis;
use platform::db::Db;
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair, PublicKeyData as _};
use serde_json::Value;

use crate::roads::{Roads, System, csr};
use crate::world::{World, client};

const PKCS10: &str = "application/pkcs10";
pub(crate) const ENROLL: &str = "/.well-known/est/simpleenroll";
const REENROLL: &str = "/.well-known/est/simplereenroll";

/// The one certificate of a certs-only answer.
fn only_certificate(body: &[u8]) -> pki::Certificate {
    let mut all = certificates(body);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// The certificates of a certs-only answer, as another reads them.
pub(crate) fn certificates(body: &[u8]) -> Vec<pki::Certificate> {
    use der::{Decode as _, Encode as _};
    let text: String = std::str::from_utf8(body).unwrap().lines().collect();
    let info = cms::content_info::ContentInfo::from_der(&STANDARD.decode(text).unwrap()).unwrap();
    let data: cms::signed_data::SignedData = info.content.decode_as().unwrap();
    assert!(data.signer_infos.0.is_empty());
    let certificates = data.certificates.unwrap();
    certificates.0.iter().map(|it| pki::Certificate::from_der(&it.to_der().unwrap()).unwrap()).collect()
}

async fn ask(roads: &Roads, path: &str, der: &[u8], system: &System) -> (u16, Vec<u8>) {
    let body = STANDARD.encode(der).into_bytes();
    let (parts, body) = roads.post(path, PKCS10, body, Some(system)).await;
    (parts.status.as_u16(), body)
}

async fn refused(roads: &Roads, path: &str, der: &[u8], system: &System) -> (u16, String) {
    let (status, body) = ask(roads, path, der, system).await;
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    (status, problem["code"].as_str().unwrap_or("no problem").to_owned())
}

fn own(key: &KeyPair) -> Vec<u8> {
    csr(key, &[(DnType::CommonName, "larkfield")], &[])
}

platform::both_engines! {
    /// A system gets a certificate in its own name for its own key; the same request gets the same one, however its
    /// base64 is broken into lines.
    async fn a_system_enrols_itself(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        let request = own(&key);
        let (status, body) = ask(&roads, ENROLL, &request, &system).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let certificate = only_certificate(&body);
        assert_eq!(certificate.spki_der(), key.subject_public_key_info());
        assert_eq!(certificate.common_name().as_deref(), Some("larkfield"));
        assert_eq!(roads.count("larkfield").await, 2);
        let text = STANDARD.encode(&request);
        let broken: Vec<_> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
        let (parts, again) = roads
            .post("/.well-known/est/systems/simpleenroll", "application/pkcs10; charset=x", broken.join("\r\n").into_bytes(), Some(&system))
            .await;
        assert_eq!((parts.status.as_u16(), again), (200, body));
        assert_eq!(parts.headers["content-type"], "application/pkcs7-mime; smime-type=certs-only");
        assert_eq!(roads.count("larkfield").await, 2);
    }

    /// The authorities' certificates and the wished attributes are there for everybody.
    async fn anybody_may_ask_for_the_authorities(db: Db) {
        let roads = Roads::new(db).await;
        for path in ["/.well-known/est/cacerts", "/.well-known/est/servers/cacerts"] {
            let (parts, body) = roads.get(path).await;
            assert_eq!(parts.status, 200);
            let all = certificates(&body);
            assert_eq!(all.len(), 2);
            assert!(all.iter().any(pki::Certificate::is_self_issued), "the root is among them");
            assert!(all.iter().all(pki::Certificate::is_ca));
        }
        let (parts, body) = roads.get("/.well-known/est/servers/csrattrs").await;
        assert_eq!(parts.headers["content-type"], "application/csrattrs");
        let text: String = std::str::from_utf8(&body).unwrap().lines().collect();
        assert_eq!(STANDARD.decode(text).unwrap()[0], 0x30);
        for path in ["/.well-known/est/nowhere/cacerts", "/.well-known/est/nowhere/csrattrs"] {
            assert_eq!(roads.get(path).await.0.status, 404);
        }
    }

    /// Each request that is wrong is refused with its own status and code, and nothing is issued.
    async fn wrong_requests_are_refused(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let stranger = roads.system("stranger", &[READ]).await;
        let key = KeyPair::generate().unwrap();
        let good = own(&key);
        let mut unsigned = good.clone();
        *unsigned.last_mut().unwrap() ^= 1;
        let named = |name| csr(&key, &[(DnType::CommonName, name)], &[]);
        let weak = csr(&KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(), &[(DnType::CommonName, "larkfield")], &[]);
        let cases = [
            (ENROLL, unsigned, (400, "csr-refused")),
            (ENROLL, vec![0x30, 0x80, 0, 0], (400, "csr-refused")),
            (ENROLL, [0x30, 0x82, 0x40, 0].repeat(2000), (400, "csr-refused")),
            (ENROLL, named("registration-desk"), (403, "name-not-yours")),
            (ENROLL, csr(&key, &[(DnType::CommonName, "larkfield"), (DnType::LocalityName, "Leeds")], &[]), (400, "subject-refused")),
            (ENROLL, csr(&key, &[(DnType::CommonName, "larkfield")], &["other.example"]), (403, "name-not-yours")),
            (ENROLL, with_extension(&key, &[2, 5, 29, 15], &[3, 2, 2, 4]), (400, "extension-refused")),
            (ENROLL, with_extension(&key, &[2, 5, 29, 19], &[0x30, 3, 1, 1, 0xff]), (400, "extension-refused")),
            (ENROLL, with_extension(&key, &[1, 3, 6, 1, 4, 1, 1], &[5, 0]), (400, "extension-refused")),
            (ENROLL, with_challenge_password(&key), (400, "channel-binding-refused")),
            (ENROLL, weak, (400, "key-refused")),
            ("/.well-known/est/nowhere/simpleenroll", good.clone(), (404, "road-unknown")),
            ("/.well-known/est/enrol-only/simplereenroll", good.clone(), (403, "road-forbids")),
        ];
        for (path, der, (status, code)) in cases {
            assert_eq!(refused(&roads, path, &der, &system).await, (status, code.to_owned()), "{path}");
        }
        assert_eq!(refused(&roads, ENROLL, &good, &stranger).await, (403, "act-not-granted".to_owned()));
        let text = STANDARD.encode(&good).into_bytes();
        assert_eq!(roads.post(ENROLL, PKCS10, text.clone(), None).await.0.status, 401);
        assert_eq!(roads.post(ENROLL, "text/plain", text.clone(), Some(&system)).await.0.status, 415);
        assert_eq!(roads.post(ENROLL, PKCS10, b"?".to_vec(), Some(&system)).await.0.status, 400);
        assert_eq!(roads.post(ENROLL, PKCS10, vec![b'A'; 65 * 1024], Some(&system)).await.0.status, 413);
        assert_eq!(roads.count("larkfield").await, 1, "only the one it came with");
        assert_eq!(roads.count("registration-desk").await, 0);
    }

    /// A server gets the host names that the operator gave it, and no others.
    async fn a_server_gets_its_own_hosts(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        let path = "/.well-known/est/servers/simpleenroll";
        let named = |host| csr(&key, &[(DnType::CommonName, "larkfield")], &[host]);
        let (status, body) = ask(&roads, path, &named("larkfield.example"), &system).await;
        assert_eq!(status, 200);
        let names = only_certificate(&body).subject_alternative_names().to_vec();
        assert_eq!(names, [pki::AlternativeName::Dns("larkfield.example".to_owned())]);
        assert_eq!(refused(&roads, path, &named("other.example"), &system).await.1, "name-not-yours");
        let desk = roads.system("desk", &[ENROL, ISSUE]).await;
        assert_eq!(ask(&roads, path, &named("other.example"), &desk).await.0, 200);
    }

    /// Renewing takes the presented certificate's names for a new key, and only the certificate itself can ask.
    async fn a_certificate_renews_itself(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let key = KeyPair::generate().unwrap();
        // As a client builds it from its certificate: with the unit of the profile.
        let subject = [(DnType::OrganizationalUnitName, "Systems"), (DnType::CommonName, "larkfield")];
        let request = csr(&key, &subject, &[]);
        let (status, body) = ask(&roads, REENROLL, &request, &system).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let renewed = only_certificate(&body);
        let presented = pki::Certificate::from_der(&system.certificate).unwrap();
        assert_eq!(renewed.subject(), presented.subject());
        assert_eq!(renewed.spki_der(), key.subject_public_key_info());
        assert_eq!(ask(&roads, REENROLL, &request, &system).await.1, body);
        let others = [
            csr(&key, &[(DnType::OrganizationalUnitName, "Systems"), (DnType::CommonName, "other")], &[]),
            csr(&key, &[(DnType::CommonName, "larkfield")], &[]),
            csr(&key, &subject, &["larkfield.example"]),
        ];
        for other in others {
            assert_eq!(refused(&roads, REENROLL, &other, &system).await, (403, "renewal-refused".to_owned()));
        }
        let path = "/.well-known/est/servers/simplereenroll";
        assert_eq!(refused(&roads, path, &request, &system).await.1, "renewal-refused", "another profile");
        // With the same request and the new certificate it is another renewal.
        roads.introduce(renewed.der(), &system.caller);
        let next = System { certificate: renewed.der().to_vec(), ..roads.system("unused", &[]).await };
        let next = System { caller: system.caller.clone(), ..next };
        let again = ask(&roads, REENROLL, &request, &next).await;
        assert_eq!(again.0, 200);
        assert_ne!(only_certificate(&again.1), renewed);
        let bare = System { certificate: b"none".to_vec(), ..next };
        assert_eq!(refused(&roads, REENROLL, &request, &bare).await.1, "renewal-refused");
    }

    /// A request whose certificate was revoked is not answered again; one whose certificate is over gets a new one.
    async fn a_request_outlives_its_certificate(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let roads = Roads::open(world).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let request = own(&KeyPair::generate().unwrap());
        let first = only_certificate(&ask(&roads, ENROLL, &request, &system).await.1);
        hand.set(Millis(first.not_after_ms() + 1000));
        let second = only_certificate(&ask(&roads, ENROLL, &request, &system).await.1);
        assert_ne!(first.serial(), second.serial());
        assert_eq!(only_certificate(&ask(&roads, ENROLL, &request, &system).await.1), second);
        let revoke = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: None };
        client(&roads.authority, &[REVOKE]).revoke(&second.serial().to_string(), &revoke).await.unwrap();
        hand.advance(Duration::from_secs(1));
        assert_eq!(refused(&roads, ENROLL, &request, &system).await, (409, "certificate-revoked".to_owned()));
        assert_eq!(roads.state(&second).await, CertificateState::Revoked);
    }

    /// Many at once with one request get one certificate, or are told to ask again with a time to wait.
    async fn one_request_is_one_certificate(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ENROL]).await;
        let request = own(&KeyPair::generate().unwrap());
        let body = STANDARD.encode(&request).into_bytes();
        let asked = (0..6).map(|_| roads.post(ENROLL, PKCS10, body.clone(), Some(&system)));
        let mut answers = std::collections::HashSet::new();
        for (parts, body) in futures(asked).await {
            match parts.status.as_u16() {
                200 => drop(answers.insert(body)),
                202 => assert_eq!(parts.headers["retry-after"], "2"),
                other => panic!("{other}: {}", String::from_utf8_lossy(&body)),
            }
        }
        assert_eq!(answers.len(), 1);
        assert_eq!(roads.count("larkfield").await, 2);
    }
}

/// Runs them at the same time.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        for (one, output) in &mut all {
            if output.is_none()
                && let std::task::Poll::Ready(value) = one.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        if all.iter().all(|(_, output)| output.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    all.into_iter().filter_map(|(_, output)| output).collect()
}

pub(crate) fn with_extension(key: &KeyPair, oid: &[u64], content: &[u8]) -> Vec<u8> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "larkfield");
    params.custom_extensions.push(CustomExtension::from_oid_content(oid, content.to_vec()));
    params.serialize_request(key).unwrap().der().to_vec()
}

fn with_challenge_password(key: &KeyPair) -> Vec<u8> {
    const CHALLENGE: rcgen::Attribute =
        rcgen::Attribute { oid: &[1, 2, 840, 113_549, 1, 9, 7], values: Vec::new() };
    // SET { UTF8String "bound" }
    let attribute =
        rcgen::Attribute { values: vec![0x31, 7, 0x0c, 5, b'b', b'o', b'u', b'n', b'd'], ..CHALLENGE };
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "larkfield");
    params.serialize_request_with_attributes(key, vec![attribute]).unwrap().der().to_vec()
}
