//! The key ceremony.

use ca::Error;
use ca::ceremony::{self, Specification};
use hsm::testing::TestToken;
use platform::clock::{Clock, HighWater};
use platform::db::Db;

use crate::world::{World, config, decoded, hold};

/// The object identifiers of the curves, as they stand in a key (RFC 5480 2.1.1.1).
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];

/// Which of the two curves a certificate's key is on.
fn curve(certificate: &pki::Certificate) -> &'static [u8] {
    let has = |curve: &&&[u8]| certificate.spki_der().windows(curve.len()).any(|octets| octets == **curve);
    [P256, P384].iter().find(has).expect("one of the two curves")
}

/// For how many days it is valid.
fn days(certificate: &pki::Certificate) -> i64 {
    // The last second counts (RFC 5280 4.1.2.5).
    (certificate.not_after_ms() - certificate.not_before_ms() + 1000) / 86_400_000
}

platform::both_engines! {
    /// A ceremony makes a root and four authorities, each with its key, its certificate and its list.
    async fn a_ceremony_makes_the_hierarchy(db: Db) {
        let world = World::new(db).await;
        let issuers = world.client.issuers().await.unwrap();
        let ids: Vec<_> = issuers.iter().map(|issuer| issuer.id.as_str()).collect();
        assert_eq!(ids, ["card", "remote-signing", "root", "sign-in", "systems"]);
        let root = decoded(&world.client.issuer("root").await.unwrap().certificate);
        assert!(root.verify_signed_by(&root).is_ok());
        // P-384 for twenty years; P-256 for ten.
        assert_eq!((curve(&root), days(&root)), (P384, 7305));
        for issuer in issuers.iter().filter(|issuer| issuer.id != "root") {
            let certificate = decoded(&issuer.certificate);
            assert!(certificate.verify_signed_by(&root).is_ok(), "{}", issuer.id);
            assert_eq!((curve(&certificate), days(&certificate)), (P256, 3652), "{}", issuer.id);
            let constraints = certificate.basic_constraints().unwrap();
            assert_eq!((constraints.ca, constraints.path_length), (true, Some(0)), "{}", issuer.id);
            assert_eq!(issuer.chain.len(), 1);
            assert!(world.crl(&issuer.id).await.is_empty());
        }
        let transcript = ceremony::transcript(&world.db).await.unwrap().to_string();
        for expected in ["specification SHA-256", "p-384 key \"ca-root\", key id", "certified by root: \"card\"", "finished"] {
            assert!(transcript.contains(expected), "{expected} is not in:\n{transcript}");
        }
    }

    /// A ceremony that was finished is refused, and changes nothing.
    async fn a_ceremony_is_held_once(db: Db) {
        let world = World::new(db).await;
        let before = ceremony::transcript(&world.db).await.unwrap();
        let again = hold(&world.hsm, &world.db, &world.clock, &world.high_water).await;
        assert!(matches!(again, Err(Error::CeremonyHeld)));
        assert_eq!(ceremony::transcript(&world.db).await.unwrap(), before);
    }

    /// A ceremony that stopped anywhere is taken up with the same specification, and not with another.
    async fn a_stopped_ceremony_is_taken_up(db: Db) {
        let token = TestToken::new();
        let (hsm, clock) = (token.hsm().await, Clock::system());
        let high_water = HighWater::open(&db).await.unwrap();
        for point in ["ca.written", "ca.linted", "ca.signed", "ca.stored", "ca.crl-numbered", "ca.crl-signed"] {
            ca::failpoint::arm(point);
            let (hsm, db, clock, high_water) = (hsm.clone(), db.clone(), clock.clone(), high_water.clone());
            let stopped = tokio::spawn(async move { hold(&hsm, &db, &clock, &high_water).await.map(|_| ()) }).await;
            assert!(stopped.is_err(), "the ceremony was not stopped at {point}");
        }
        let other = Specification::parse(&Specification::STANDARD.replace("Lanyard Card CA", "Another")).unwrap();
        let refused = ceremony::hold(
            &other, config(), &hsm, db.clone(), clock.clone(), high_water.clone(), |_| {},
        ).await;
        assert!(matches!(refused, Err(Error::CeremonySpecificationDiffers)));
        let transcript = hold(&hsm, &db, &clock, &high_water).await.unwrap().to_string();
        let made = |what: &str| transcript.lines().filter(|line| line.contains(what)).count();
        assert_eq!(made("generated in the token"), 5, "{transcript}");
        assert_eq!(made("taken up again"), 6, "{transcript}");
        assert!(ca::Authority::open(config(), &hsm, db, clock, high_water).await.is_ok());
    }

    /// Without a ceremony there is no authority, and the refusal says what to run.
    async fn without_a_ceremony_nothing_opens(db: Db) {
        let token = TestToken::new();
        let high_water = HighWater::open(&db).await.unwrap();
        let opened = ca::Authority::open(config(), &token.hsm().await, db, Clock::system(), high_water).await;
        assert!(opened.err().unwrap().to_string().contains("lanyard ceremony"));
    }
}
