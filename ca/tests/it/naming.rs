//! Names by template, qualified certificates and name constraints, through the router and before OpenSSL.

use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use ca::ceremony::Specification;
use pki::path::{self, Policy, Revocation};
use pki::{AlternativeName, Certificate};
use platform::db::Db;
use platform::problem::Kind;

use crate::judges::Bundle;
use crate::roads::refusal_of;
use crate::world::{World, certificate, config_of, decoded, fresh_key, refusal};

const CLINICIANS: &str = include_str!("../../../docs/examples/clinicians.toml");

/// The two authorities that the example's profiles name.
fn ceremony() -> String {
    let kept = ["card", "systems"].map(|id| format!("id = \"{id}\""));
    let mut authorities = Specification::STANDARD.split("[[issuing]]");
    let root = authorities.next().unwrap().to_owned();
    let kept = authorities.filter(|authority| kept.iter().any(|id| authority.contains(id)));
    root + &kept.flat_map(|authority| ["[[issuing]]", authority]).collect::<String>()
}

async fn world(db: Db) -> World {
    World::under(db, CLINICIANS, &ceremony()).await
}

fn clinician() -> SubjectData {
    SubjectData {
        user_id: Some("555021942107".to_owned()),
        given_name: Some("Zoë".to_owned()),
        family_name: Some("O’Neill".to_owned()),
        organisation_id: Some("A81001".to_owned()),
        email: Some("zoe.oneill@surgery.nhs.example.org".to_owned()),
        role_profile_id: Some("100334993514".to_owned()),
        role_name: Some("General medical practitioner".to_owned()),
        ..SubjectData::default()
    }
}

fn signing_in() -> SubjectData {
    let upn = Some("zoe@surgery.nhs.example.org".to_owned());
    SubjectData { upn, email: None, role_profile_id: None, role_name: None, ..clinician() }
}

fn system() -> SubjectData {
    SubjectData {
        organisation_id: Some("A81001".to_owned()),
        system_id: Some("200000000017".to_owned()),
        dns_names: vec!["signer.nhs.example.org".to_owned()],
        ip_addresses: vec!["10.1.2.3".to_owned(), "2001:db8::7".to_owned()],
        uris: vec!["https://signer.nhs.example.org/a".to_owned()],
        ..SubjectData::default()
    }
}

fn device() -> SubjectData {
    SubjectData {
        organisation_id: Some("A81001".to_owned()),
        device_serial: Some("sn-1234".to_owned()),
        device_model: Some("Card terminal".to_owned()),
        ..SubjectData::default()
    }
}

async fn issue(world: &World, profile: &str, subject: SubjectData) -> Issued {
    let key = fresh_key();
    let KeySource::PublicKey(text) = &key else { unreachable!() };
    // The key is new each time, so its end names the request.
    let id = text[text.len() - 40..].to_owned();
    world.client.issue(&IssueRequest::new(id, profile, subject, key)).await.unwrap()
}

platform::both_engines! {
    /// A clinician's certificate has the names that the templates make, the policies with their notice and the
    /// statements, and its row has the person.
    async fn templates_make_a_certificate(db: Db) {
        let world = world(db).await;
        let issued = issue(&world, "clinician-signing", clinician()).await;
        let read = certificate(&issued);
        let texts = |name: &pki::Name| name.attributes().into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(
            texts(read.subject()),
            [
                "GB",
                "NHS",
                "A81001",
                "SD:GB-555021942107",
                "Zoë",
                "O’Neill",
                "General medical practitioner",
                "Zoë O’Neill",
            ]
        );
        let [AlternativeName::Email(email), AlternativeName::Uri(uri), AlternativeName::Directory(directory)] =
            read.subject_alternative_names()
        else {
            panic!("{:?}", read.subject_alternative_names())
        };
        assert_eq!(email, "zoe.oneill@surgery.nhs.example.org");
        assert_eq!(uri, "https://directory.nhs.example.org/role/100334993514");
        assert_eq!(texts(directory), ["nhs", "People", "555021942107"]);
        let policies: Vec<_> = read.policies().iter().map(|policy| (policy.oid.to_string(), policy.cps.clone())).collect();
        assert_eq!(
            policies,
            [
                ("1.3.6.1.4.1.32473.1.2.30".to_owned(), vec!["https://pki.example/cps".to_owned()]),
                ("0.4.0.194112.1.2".to_owned(), vec![]),
                ("1.3.6.1.4.1.32473.1.2.31".to_owned(), vec!["https://pki.example.org/clinicians".to_owned()]),
            ]
        );
        assert!(read.extensions().qc_statements.is_some());
        let info = world.client.certificate(&issued.serial).await.unwrap();
        assert_eq!(info.user_id.as_deref(), Some("555021942107"));
        let profiles = world.client.profiles().await.unwrap();
        let profile = profiles.iter().find(|profile| profile.id == "clinician-signing").unwrap();
        let field = |name: &str| profile.subject.iter().find(|field| field.field == name).map(|field| field.needed);
        assert_eq!((field("email"), field("role_name"), field("common_name")), (Some(true), Some(false), None));
        assert_eq!(profile.policies.len(), 3);
        let stored = world.client.profile("clinician-signing").await.unwrap();
        assert_eq!(stored.versions[0].content["names"]["directory"][2], "UID={user_id}");
        assert_eq!(stored.versions[0].content["qualified"]["legislation"][0], "GB");
    }

    /// OpenSSL in strict mode accepts a certificate of every profile of the example below constraints on every kind of name,
    /// and reads names, statements and notices; our own reader accepts the path. `tests/judges` asks the other judges.
    async fn templated_certificates_are_accepted(db: Db) {
        let world = world(db).await;
        let cases = [
            ("clinician-signing", "card", clinician(), "any"),
            ("clinician-sign-in", "card", signing_in(), "sslclient"),
            ("system", "systems", system(), "sslserver"),
            ("device", "systems", device(), "sslclient"),
        ];
        for (profile, issuer, subject, purpose) in cases {
            let issued = issue(&world, profile, subject).await;
            let bundle = Bundle::of(&world, &issued, issuer).await;
            let (well, said) = bundle.openssl_verify(purpose);
            assert!(well, "{profile}: {said}");
            assert_eq!(accepted(&issued), Ok(()), "{profile}");
        }
        let issued = issue(&world, "clinician-sign-in", SubjectData { email: clinician().email, ..signing_in() }).await;
        let bundle = Bundle::of(&world, &issued, "card").await;
        let authority = bundle.must("openssl", &["x509", "-in", "issuer.pem", "-noout", "-text"]);
        for part in ["X509v3 Name Constraints: critical", "DNS:nhs.example.org", "IP:10.0.0.0/255.0.0.0", "Excluded:"] {
            assert!(authority.contains(part), "{part}: {authority}");
        }
        let names = bundle.must("openssl", &["x509", "-in", "leaf.pem", "-noout", "-ext", "subjectAltName"]);
        for part in ["UPN::zoe@surgery.nhs.example.org", "email:zoe.oneill@surgery.nhs.example.org", "/O=nhs/OU=People/UID=555021942107"] {
            assert!(names.contains(part), "{part}: {names}");
        }
        let qualified = issue(&world, "clinician-signing", SubjectData { role_name: None, ..clinician() }).await;
        let bundle = Bundle::of(&world, &qualified, "card").await;
        let text = bundle.must("openssl", &["x509", "-in", "leaf.pem", "-noout", "-text"]);
        for part in ["Explicit Text: For prescriptions", "CPS: https://pki.example.org/clinicians", "qcStatements"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    /// A name outside of the issuer's constraints, a field that is missing and one without a place are refused with what
    /// is wrong, and leave no certificate; a process under other constraints changes nothing of that.
    async fn names_outside_are_refused(db: Db) {
        let world = world(db).await;
        let loose = CLINICIANS.split("[authority.issuing.name_constraints").next().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), loose).unwrap();
        let (_other, other) =
            world.again(ca::Config { profiles: Some(file.path().to_owned()), ..config_of(2) }).await;
        let system_with = |change: fn(&mut SubjectData)| {
            let mut subject = system();
            change(&mut subject);
            ("system", subject)
        };
        let clinician_with = |change: fn(&mut SubjectData)| {
            let mut subject = clinician();
            change(&mut subject);
            ("clinician-signing", subject)
        };
        let cases = [
            ("name-not-permitted", system_with(|it| it.dns_names = vec!["bank.example".to_owned()])),
            ("name-not-permitted", system_with(|it| it.dns_names.push("a.guests.nhs.example.org".to_owned()))),
            ("name-not-permitted", system_with(|it| it.ip_addresses = vec!["192.0.2.1".to_owned()])),
            ("name-not-permitted", system_with(|it| it.uris = vec!["https://nhs.example.org/".to_owned()])),
            ("name-not-permitted", system_with(|it| it.uris = vec!["urn:nhs:a".to_owned()])),
            ("name-not-permitted", clinician_with(|it| it.email = Some("zoe@mail.example.org".to_owned()))),
            ("subject-refused", clinician_with(|it| it.email = None)),
            ("subject-refused", clinician_with(|it| it.common_name.push_str("Zoë"))),
            ("subject-refused", clinician_with(|it| it.given_name = Some("x".repeat(60)))),
            ("subject-refused", system_with(|it| it.system_id = Some("17".to_owned()))),
        ];
        let query = ca::api::CertificateQuery::default();
        let before = world.client.certificates(&query).await.unwrap();
        for client in [&world.client, &other] {
            for (code, (profile, subject)) in &cases {
                let request = IssueRequest::new("outside", *profile, subject.clone(), fresh_key());
                assert_eq!(refusal(client.issue(&request).await), (Kind::Invalid, (*code).to_owned()), "{subject:?}");
            }
        }
        assert_eq!(world.client.certificates(&query).await.unwrap(), before);
        let sly = SubjectData { given_name: Some("Zoë,O=Evil+OU".to_owned()), role_name: None, ..clinician() };
        let read = certificate(&issue(&world, "clinician-signing", sly).await);
        assert_eq!(read.subject().attributes().len(), 7);
        assert_eq!(read.subject().attribute(const_oid::db::rfc4519::O).as_deref(), Some("NHS"));
    }
}

platform::both_engines! {
    /// A road to a profile that makes names by template is refused at start: its requests say the whole name.
    async fn roads_take_names_as_they_are_asked(db: Db) {
        let world = world(db).await;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), CLINICIANS).unwrap();
        let enrol = toml::from_str("[roads.a]\nprofile = \"system\"\nprotocols = [\"est\"]\n").unwrap();
        let config = ca::Config { profiles: Some(file.path().to_owned()), enrol, ..config_of(2) };
        let (authority, _) = world.again(config).await;
        let refusal = refusal_of(&world, &authority);
        assert!(refusal.contains("makes names by template"), "{refusal}");
    }
}

/// Our own reader's verdict on the path.
fn accepted(issued: &Issued) -> Result<(), path::Error> {
    let [above, root] = issued.chain.as_slice() else { panic!("a chain of two") };
    let (leaf, above, root): (Certificate, _, _) = (certificate(issued), decoded(above), decoded(root));
    let policy = Policy { revocation: Revocation::Off, ..Policy::default() };
    let at_ms = leaf.not_before_ms() + 1000;
    path::check(&leaf, &[above], &[root], &[], at_ms, &policy).map(drop)
}
