//! Which keys are certified: nobody else's, none that is known bad, and what a PKCS#10 request may ask for.

use ca::api::{IssueRequest, KeySource, Reason, RevokeRequest, SubjectData};
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};

use crate::world::{World, client, config, fresh_key, person, refusal, server, system};

fn asked(id: &str, profile: &str, subject: SubjectData, key: &KeySource) -> IssueRequest {
    IssueRequest::new(id, profile, subject, key.clone())
}

type Change = fn(&mut CertificateParams);

fn another_person() -> SubjectData {
    SubjectData { user_id: Some("555000000108".to_owned()), ..person() }
}

platform::both_engines! {
    /// A person's key is certified again for that person under that profile, and for nothing and nobody else.
    async fn a_key_belongs_to_one_person(db: Db) {
        let world = World::new(db).await;
        let key = fresh_key();
        let issue = async |id: &str, profile: &str, subject| world.client.issue(&asked(id, profile, subject, &key)).await;
        issue("first", "card-authentication", person()).await.unwrap();
        issue("renewal", "card-authentication", person()).await.unwrap();
        for (id, profile, subject, said) in [
            ("another person", "card-authentication", another_person(), "somebody else"),
            ("another-profile", "card-signing", person(), "card-authentication"),
            ("a-system", "system-tls-client", system(), "somebody else"),
        ] {
            let problem = issue(&id.replace(' ', "-"), profile, subject).await.unwrap_err();
            assert_eq!(problem.code, "key-refused", "{id}");
            assert!(problem.detail.contains(said), "{id}: {}", problem.detail);
        }
        let systems = fresh_key();
        world.client.issue(&asked("client", "system-tls-client", system(), &systems)).await.unwrap();
        world.client.issue(&asked("server", "system-tls-server", server(), &systems)).await.unwrap();
        let taken = world.client.issue(&asked("taken", "card-signing", person(), &systems)).await;
        assert_eq!(refusal(taken).1, "key-refused");
    }

    /// The authority's own keys, those of its generations and of its responders, are certified for nobody.
    async fn keys_of_the_authority_are_its_own(db: Db) {
        let world = World::new(db).await;
        world.authority.renew_responders().await;
        let mut keys = Vec::new();
        for issuer in world.client.issuers().await.unwrap() {
            keys.push(crate::world::decoded(&issuer.certificate).spki_der().to_vec());
        }
        assert_eq!(keys.len(), 5);
        let responders = "SELECT certificate FROM ca_certificate WHERE profile = 'ocsp-responder' AND certificate IS NOT NULL";
        let responders: Vec<Vec<u8>> = sqlx::query_scalar(responders).fetch_all(world.db.read()).await.unwrap();
        assert!(!responders.is_empty());
        for der in &responders {
            keys.push(pki::Certificate::from_der(der).unwrap().spki_der().to_vec());
        }
        for (at, spki) in keys.iter().enumerate() {
            let key = KeySource::public_key(spki);
            for (profile, subject) in [("system-tls-client", system()), ("card-signing", person())] {
                let refused = world.client.issue(&asked(&format!("{profile}-{at}"), profile, subject, &key)).await;
                assert_eq!(refused.unwrap_err().code, "key-refused", "{profile} {at}");
            }
        }
    }

    /// The key of a certificate revoked for key compromise is refused from then on; for another reason it is not.
    async fn a_compromised_key_is_refused(db: Db) {
        let world = World::new(db).await;
        for (reason, refused) in [(Reason::Superseded, false), (Reason::KeyCompromise, true)] {
            let key = fresh_key();
            let ask = |id: &str| asked(&format!("{reason:?}-{id}"), "card-signing", person(), &key);
            let issued = world.client.issue(&ask("first")).await.unwrap();
            world.client.revoke(&issued.serial, &RevokeRequest { reason, invalidity_date: None }).await.unwrap();
            let again = world.client.issue(&ask("again")).await;
            assert_eq!(again.is_err(), refused, "{reason:?}");
            if refused {
                let problem = again.unwrap_err();
                assert!(problem.code == "key-refused" && problem.detail.contains("compromise"), "{problem:?}");
                // What was answered before is answered still: asking again certifies nothing.
                assert_eq!(world.client.issue(&ask("first")).await.unwrap().serial, issued.serial);
            }
        }
    }

    /// A key on the configured list is refused, and a list with a misprint stops the start.
    async fn a_listed_key_is_refused(db: Db) {
        let world = World::new(db).await;
        let pair = KeyPair::generate().unwrap();
        let spki = pair.subject_public_key_info();
        let file = tempfile::NamedTempFile::new().unwrap();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &spki);
        std::fs::write(file.path(), format!("# weak\n{}\n", hex::encode(hash))).unwrap();
        let with_list = ca::Config { refused_keys: Some(file.path().to_owned()), ..config() };
        let (authority, _) = world.again(with_list.clone()).await;
        let listed = client(&authority, &[ca::api::ISSUE]);
        let problem = listed
            .issue(&asked("listed", "card-signing", person(), &KeySource::public_key(&spki)))
            .await
            .unwrap_err();
        assert!(problem.code == "key-refused" && problem.detail.contains("list"), "{problem:?}");
        listed.issue(&asked("sound", "card-signing", person(), &fresh_key())).await.unwrap();
        std::fs::write(file.path(), "nonsense").unwrap();
        let (hsm, clock, high_water) = (&world.hsm, world.clock.clone(), world.high_water.clone());
        let opened = ca::Authority::open(with_list, hsm, world.db.clone(), clock, high_water).await;
        assert!(opened.err().unwrap().to_string().contains("line 1"));
    }

    /// A key on a list in the form of Debian's openssl-blacklist is refused, by the hash that OpenSSL and sha1sum make
    /// of it; another RSA key is certified beside it.
    async fn a_key_of_openssl_blacklist_is_refused(db: Db) {
        let world = World::new(db).await;
        let rsa = || rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let (weak, sound) = (rsa(), rsa());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key.pem"), weak.serialize_pem()).unwrap();
        let line = "openssl rsa -noout -modulus -in key.pem | sha1sum | cut -c 21-40";
        let entry = std::process::Command::new("sh").args(["-c", line]).current_dir(folder.path()).output().unwrap();
        let list = folder.path().join("blacklist.RSA-2048");
        let text = [b"# blacklist of 2048 bits\n00005890bc78bcbee3ca\n".as_slice(), &entry.stdout].concat();
        std::fs::write(&list, text).unwrap();
        let with_list = ca::Config { refused_keys: Some(list), ..config() };
        let (authority, _) = world.again(with_list).await;
        let client = client(&authority, &[ca::api::ISSUE]);
        let source = |pair: &KeyPair| KeySource::public_key(&pair.subject_public_key_info());
        let problem = client.issue(&asked("weak", "card-signing", person(), &source(&weak))).await.unwrap_err();
        assert!(problem.code == "key-refused" && problem.detail.contains("list"), "{problem:?}");
        client.issue(&asked("sound", "card-signing", person(), &source(&sound))).await.unwrap();
    }

    /// What a PKCS#10 request asks for beyond the profile is refused by its name, and what fits is taken.
    async fn requested_extensions_are_held_to_the_profile(db: Db) {
        let world = World::new(db).await;
        let ask = async |id: &str, params: CertificateParams| {
            let pem = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
            let (profile, subject) = ("system-tls-server", server());
            world.client.issue(&IssueRequest::new(id, profile, subject, KeySource::Csr(pem))).await
        };
        let mut fits = CertificateParams::new(vec!["localhost".to_owned(), "signer.example".to_owned()]).unwrap();
        fits.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        fits.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        ask("fits", fits).await.unwrap();
        let plain = || CertificateParams::new(Vec::new()).unwrap();
        let cases: [(&str, Change); 6] = [
            ("keyCertSign", |params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]),
            ("1.3.6.1.5.5.7.3.2", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            ("an alternative name", |params| {
                params.subject_alt_names = vec![rcgen::SanType::DnsName("bank.example".try_into().unwrap())];
            }),
            ("basicConstraints", |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            ("1.3.6.1.5.5.7.1.24", |params| {
                // TLS features, RFC 7633
                let must_staple = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], vec![0x30, 3, 2, 1, 5]);
                params.custom_extensions = vec![must_staple];
            }),
            ("1.2.3.4", |params| {
                let policy = vec![0x30, 7, 0x30, 5, 6, 3, 0x2a, 3, 4];
                params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 32], policy)];
            }),
        ];
        for (named, change) in cases {
            let mut params = plain();
            change(&mut params);
            let problem = ask("asks-too-much", params).await.unwrap_err();
            assert_eq!(problem.code, "extension-refused", "{named}: {}", problem.detail);
            assert!(problem.detail.contains(named), "{named}: {}", problem.detail);
        }
    }
}

/// Two people who ask two nodes for certificates of one key at the same moment do not both get one.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_person_on_two_nodes() {
    let test_db = TestDb::new(Engine::Postgres).await;
    let world = World::new(test_db.db.clone()).await;
    let other = world.elsewhere(&test_db.config).await;
    let mut given = 0;
    for round in 0..40 {
        let key = fresh_key();
        let one = asked(&format!("one-{round}"), "card-authentication", person(), &key);
        let two = asked(&format!("two-{round}"), "card-authentication", another_person(), &key);
        let (one, two) = tokio::join!(world.client.issue(&one), other.issue(&two));
        assert!(one.is_err() || two.is_err(), "round {round}: one key for two people");
        for outcome in [one, two] {
            given += usize::from(outcome.is_ok());
            if let Err(problem) = outcome {
                assert_eq!(problem.code, "key-refused");
            }
        }
    }
    assert!(given > 0, "nobody got anything");
}
