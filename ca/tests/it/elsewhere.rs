//! A root whose key no server holds: made alone, asked in ceremonies, brought to the server in files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{self, AUTHORITIES, GenerationState, Import, Reason, RolloverRequest};
use ca::ceremony::{self, Specification};
use ca::{Authority, Config, Held, OfflineRoot, Withdrawn, verify_transcript};
use hsm::Hsm;
use hsm::testing::TestToken;
use pki::Certificate;
use platform::clock::{Clock, HighWater, ManualClock, Millis};
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use platform::problem::Kind;

use crate::rollover::roll_over_of;
use crate::world::{certificate, client, config, config_of, listed, prescriber, refusal};

/// Who was there, and nobody else.
pub(crate) fn present() -> Vec<String> {
    vec!["Ada Byron, holds the token".to_owned(), "Zoë O’Neill, auditor".to_owned()]
}

/// A machine with a token and a database of its own.
pub(crate) struct Machine {
    pub(crate) hsm: Hsm,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    high_water: HighWater,
    config: Config,
    pub(crate) token: TestToken,
}

impl Machine {
    pub(crate) async fn new(db: Db, clock: Clock, config: Config) -> Machine {
        let token = TestToken::new();
        let high_water = HighWater::open(&db).await.unwrap();
        Machine { hsm: token.hsm().await, db, clock, high_water, config, token }
    }

    pub(crate) async fn ceremony(&self, specification: &str) -> ceremony::Transcript {
        let specification = Specification::parse(specification).unwrap();
        let (db, clock, high_water) = (self.db.clone(), self.clock.clone(), self.high_water.clone());
        ceremony::hold(&specification, self.config.clone(), &self.hsm, db, clock, high_water, |_| {})
            .await
            .unwrap()
    }

    pub(crate) async fn root(&self) -> OfflineRoot {
        let (db, clock, high_water) = (self.db.clone(), self.clock.clone(), self.high_water.clone());
        OfflineRoot::open(self.config.clone(), &self.hsm, db, clock, high_water).await.unwrap()
    }

    pub(crate) async fn authority(&self) -> Result<Authority, ca::Error> {
        let (db, clock, high_water) = (self.db.clone(), self.clock.clone(), self.high_water.clone());
        Authority::open(self.config.clone(), &self.hsm, db, clock, high_water).await
    }

    pub(crate) async fn import(&self, pem: &str) -> Result<api::ImportInfo, ca::Error> {
        let (db, clock, high_water) = (self.db.clone(), self.clock.clone(), self.high_water.clone());
        let import = Import { pem: pem.to_owned() };
        Authority::import_first(self.config.clone(), &self.hsm, db, clock, high_water, &import).await
    }
}

const ROOT_ALONE: &str = "[root]\ncommon_name = \"Lanyard Root CA\"\norganisation = \"Lanyard\"\nkey = { label = \"ca-root\", algorithm = \"p-384\" }\n";

/// The standard specification with this root in place of its own.
fn below(root: &Certificate) -> String {
    let standard = Specification::STANDARD;
    let issuing = &standard[standard.find("[[issuing]]").unwrap()..];
    format!("[root]\ncertificate = \"\"\"\n{}\"\"\"\n\n{issuing}", root.to_pem())
}

pub(crate) fn files(held: &Held) -> String {
    let certificates = held.certificates.iter().map(|der| pki::to_pem("CERTIFICATE", der));
    certificates.collect::<String>() + &pki::to_pem("X509 CRL", &held.list)
}

/// The root's machine and the server's, with a clock for both.
pub(crate) struct Apart {
    pub(crate) offline: Machine,
    pub(crate) online: Machine,
    root: Certificate,
    hand: ManualClock,
    /// Of the root's machine.
    pub(crate) database: TestDb,
}

impl Apart {
    pub(crate) async fn new(db: Db) -> Apart {
        let (clock, hand) = Clock::manual(Millis(1_800_000_000_000));
        let database = TestDb::new(Engine::Sqlite).await;
        let offline = Machine::new(database.db.clone(), clock.clone(), config_of(127)).await;
        offline.ceremony(ROOT_ALONE).await;
        let held = offline.root().await.hold(&[], &[], &present()).await.unwrap();
        let crl = pki::Crl::from_der(&held.list).unwrap();
        let root = offline.root().await.certificate().clone();
        crl.verify(&root).unwrap();
        let online = Machine::new(db, clock, config()).await;
        online.ceremony(&below(&root)).await;
        Apart { offline, online, root, hand, database }
    }

    /// A ceremony for these requests.
    pub(crate) async fn hold(&self, requests: &[String]) -> Held {
        let root = self.offline.root().await;
        let asked: Vec<_> = requests.iter().map(|pem| root.read(pem).unwrap()).collect();
        root.hold(&asked, &[], &present()).await.unwrap()
    }

    /// A ceremony that revokes one certificate.
    pub(crate) async fn withdraw(&self, serial: &str) -> Held {
        let root = self.offline.root().await;
        let withdrawn: [Withdrawn; 1] = [root.find(serial, Reason::Superseded).await.unwrap()];
        root.hold(&[], &withdrawn, &present()).await.unwrap()
    }

    /// The same for everything that waits, brought to the server.
    pub(crate) async fn founded(&self) -> Authority {
        let waiting = ceremony::requests(&self.online.db).await.unwrap();
        let held = self.hold(&waiting.into_iter().map(|(_, pem)| pem).collect::<Vec<_>>()).await;
        self.online.import(&files(&held)).await.unwrap();
        self.online.authority().await.unwrap()
    }
}

platform::both_engines! {
    /// A hierarchy is founded below a root that was never here: requests go out, certificates and the root's list come
    /// back, and then certificates are issued, whose path leads to that root with the list that was brought.
    async fn a_hierarchy_is_founded_below_a_root_elsewhere(db: Db) {
        let apart = Apart::new(db).await;
        let waiting = ceremony::requests(&apart.online.db).await.unwrap();
        assert_eq!(waiting.len(), 4);
        assert!(apart.online.authority().await.is_err(), "no issuer has a certificate yet");
        assert!(matches!(apart.online.hsm.key("ca-root").await, Err(hsm::Error::KeyNotFound { .. })));
        let authority = apart.founded().await;
        let client = client(&authority, &[api::ISSUE, api::READ, api::REVOKE]);
        let issued = certificate(&client.issue(&prescriber("below")).await.unwrap());
        authority.make_due_crls().await;
        let mut lists = Vec::new();
        for id in ["root", "remote-signing"] {
            let list = client.crl(id).await.unwrap();
            lists.push(pki::Crl::from_der(&decode(&list.crl)).unwrap());
        }
        let between = crate::world::decoded(&client.issuer("remote-signing").await.unwrap().certificate);
        let (now, anchors) = (apart.online.clock.now().0, [apart.root.clone()]);
        pki::path::check(&issued, &[between], &anchors, &lists, now, &pki::path::Policy::default()).unwrap();
    }

    /// A transcript tells who was present and the hash of everything, and is proved by the root's certificate alone;
    /// one changed character, another root and another signature are refused.
    async fn a_transcript_is_proved_by_the_root(db: Db) {
        let apart = Apart::new(db).await;
        let waiting = ceremony::requests(&apart.online.db).await.unwrap();
        let held = apart.hold(&[waiting[0].1.clone()]).await;
        let lines = verify_transcript(&held.transcript, &held.signature, &apart.root).unwrap();
        let told = |text: &str| lines.iter().any(|line| line.contains(text));
        let sha256 = |der: &[u8]| hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der).as_ref());
        assert!(told("present: Ada Byron, holds the token") && told("present: Zoë O’Neill, auditor"));
        assert!(told(&sha256(&held.certificates[0])) && told(&sha256(&held.list)) && told(&sha256(apart.root.der())));
        assert!(told("key \"ca-root\", p-384"));
        let changed = held.transcript.replace("Ada", "Eve");
        assert!(verify_transcript(&changed, &held.signature, &apart.root).is_err());
        let other = Certificate::from_der(&held.certificates[0]).unwrap();
        assert!(verify_transcript(&held.transcript, &held.signature, &other).is_err());
        let mut signature = held.signature.clone();
        *signature.last_mut().unwrap() ^= 1;
        assert!(verify_transcript(&held.transcript, &signature, &apart.root).is_err());
        let again = apart.hold(&[waiting[0].1.clone()]).await;
        assert_eq!(again.certificates, held.certificates, "the same request gets the same certificate");
        assert_ne!(again.list, held.list, "and a new list");
    }

    /// A certificate for another key, and one whose content is not what was asked for, are refused with the reason, and
    /// nothing is stored.
    async fn what_was_not_asked_for_is_refused(db: Db) {
        let apart = Apart::new(db).await;
        let waiting = ceremony::requests(&apart.online.db).await.unwrap();
        let refused = async |pem: &str| apart.online.import(pem).await.unwrap_err().to_string();
        assert!(refused("").await.contains("neither"));
        assert_eq!(apart.online.import(&apart.root.to_pem()).await.unwrap().issuers, ["root"], "it is here already");
        // Another server's request, signed by the same root.
        let database = TestDb::new(Engine::Sqlite).await;
        let stranger = Machine::new(database.db.clone(), apart.online.clock.clone(), config()).await;
        stranger.ceremony(&below(&apart.root)).await;
        let foreign = ceremony::requests(&stranger.db).await.unwrap();
        let held = apart.hold(&[foreign[0].1.clone()]).await;
        assert!(refused(&files(&held)).await.contains("none of those that wait"));
        // The right key, with addresses of another server.
        let mut other = stranger.config.clone();
        other.public_url = "http://elsewhere.example".to_owned().try_into().unwrap();
        let root = Machine { config: other, ..offline_again(&apart) };
        let root = root.root().await;
        let asked = root.read(&waiting[0].1).unwrap();
        let held = root.hold(&[asked], &[], &present()).await.unwrap();
        let said = refused(&files(&held)).await;
        assert!(said.contains("crl_distribution_points") && said.contains("not what was asked for"), "{said}");
        assert_eq!(ceremony::requests(&apart.online.db).await.unwrap().len(), 4, "all still wait");
    }

    /// A running server asks the root elsewhere for a further generation; the old one signs until the certificate is
    /// there. The root's lists come in order: an older one, one with a change and one of an authority here are told apart.
    async fn a_running_server_asks_the_root_elsewhere(db: Db) {
        let apart = Apart::new(db).await;
        let authority = apart.founded().await;
        let keeper = client(&authority, &[AUTHORITIES, api::ISSUE, api::READ]);
        let made = roll_over_of(&authority, "remote-signing").await.unwrap();
        assert_eq!((made.state, made.certificate), (GenerationState::Waiting, None));
        let by = async |request: &str| keeper.certificate(&keeper.issue(&prescriber(request)).await.unwrap().serial).await.unwrap().issuer;
        assert_eq!(by("before").await, "remote-signing");
        let before = apart.hold(&[]).await;
        let held = apart.hold(&[made.request.unwrap()]).await;
        let import = |pem: String| Import { pem };
        let taken = keeper.import(&import(files(&held))).await.unwrap();
        assert_eq!((taken.issuers, taken.lists.len()), (vec!["remote-signing-g2".to_owned()], 1));
        assert_eq!(by("after").await, "remote-signing-g2");
        assert_eq!(keeper.generations().await.unwrap().last().unwrap().state, GenerationState::Certified);
        assert_eq!(keeper.import(&import(files(&held))).await.unwrap().issuers, ["remote-signing-g2"], "again does no harm");
        let older = keeper.import(&import(pki::to_pem("X509 CRL", &before.list))).await;
        assert_eq!(refusal(older), (Kind::Invalid, "request-invalid".to_owned()));
        let own = keeper.crl("card").await;
        assert!(own.is_ok());
        let own = pki::to_pem("X509 CRL", &decode(&own.unwrap().crl));
        assert_eq!(refusal(keeper.import(&import(own)).await).1, "authority-certificate-refused");
        assert_eq!(refusal(client(&authority, &[api::READ]).import(&import(String::new())).await).0, Kind::Forbidden);

        // The root takes the certificate back; the server learns it from the list.
        let serial = Certificate::from_der(&held.certificates[0]).unwrap().serial().to_string();
        let held = apart.withdraw(&serial).await;
        assert!(held.transcript.contains(&format!("revoked serial {serial}, \"CN=Lanyard Remote Signing CA G2")), "{}", held.transcript);
        keeper.import(&import(files(&held))).await.unwrap();
        let list = pki::Crl::from_der(&decode(&keeper.crl("root").await.unwrap().crl)).unwrap();
        assert!(listed(&list, &serial).is_some());
        assert!(keeper.certificate(&serial).await.unwrap().revocation.is_some());
        // What is revoked signs nothing new, and the one before does not take its place; a new key does.
        assert_eq!(refusal(keeper.issue(&prescriber("revoked")).await), (Kind::Conflict, "issuer-revoked".to_owned()));
        apart.hand.advance(std::time::Duration::from_hours(24 * 367));
        let ended = keeper.import(&import(files(&held))).await;
        assert!(ended.is_err(), "a list that has ended is not taken");
    }

    /// A root that is kept elsewhere is not followed by one that this server makes: it would be everybody's anchor by the
    /// word of whoever may give authorities keys. And no two generations that wait have one name.
    async fn a_root_elsewhere_is_not_followed_by_one_here(db: Db) {
        let apart = Apart::new(db).await;
        let authority = apart.founded().await;
        let keeper = client(&authority, &[AUTHORITIES, api::READ]);
        let named = |name: &str| RolloverRequest { common_name: Some(name.to_owned()), ..RolloverRequest::default() };
        let refused = refusal(keeper.roll_over("root", &named("Lanyard Root CA Two")).await);
        assert_eq!(refused, (Kind::Conflict, "rollover-refused".to_owned()));
        assert!(matches!(apart.online.hsm.key("ca-root-g2").await, Err(hsm::Error::KeyNotFound { .. })));
        assert_eq!(keeper.roll_over("card", &named("Lanyard CA Next")).await.unwrap().state, GenerationState::Waiting);
        let refused = refusal(keeper.roll_over("systems", &named("Lanyard CA Next")).await);
        assert_eq!(refused, (Kind::Conflict, "rollover-refused".to_owned()));
        assert!(keeper.generations().await.unwrap().iter().all(|one| one.issuer != "systems-g2"));
    }

    /// Bringing files by the command does not close what a server that runs beside it is about to sign.
    async fn an_import_leaves_a_running_server_alone(db: Db) {
        let apart = Apart::new(db).await;
        let authority = apart.founded().await;
        let asking = client(&authority, &[api::ISSUE, api::READ]);
        ca::failpoint::arm("ca.linted");
        assert!(asking.issue(&prescriber("in-flight")).await.is_err());
        let held = apart.hold(&[]).await;
        assert_eq!(apart.online.import(&files(&held)).await.unwrap().lists.len(), 1);
        let open = "SELECT CAST(COUNT(*) AS BIGINT) FROM ca_certificate WHERE state = 'linted'";
        assert_eq!(sqlx::query_scalar::<_, i64>(open).fetch_one(apart.online.db.read()).await.unwrap(), 1);
        // The next start closes it.
        apart.online.authority().await.unwrap();
        assert_eq!(sqlx::query_scalar::<_, i64>(open).fetch_one(apart.online.db.read()).await.unwrap(), 0);
    }

    /// A certificate is revoked in a ceremony by its serial; a serial that the root did not sign is refused before
    /// anything is, and the request of a revoked certificate does not get it again.
    async fn a_ceremony_revokes(db: Db) {
        let apart = Apart::new(db).await;
        let waiting = ceremony::requests(&apart.online.db).await.unwrap();
        let held = apart.hold(&[waiting[0].1.clone()]).await;
        let serial = Certificate::from_der(&held.certificates[0]).unwrap().serial().to_string();
        let root = apart.offline.root().await;
        let own = apart.root.serial().to_string();
        for (serial, reason, said) in [
            ("00ff", Reason::Superseded, "has signed no certificate"),
            (&"01".repeat(20), Reason::Superseded, "has signed no certificate"),
            (&serial, Reason::CertificateHold, "not put on hold"),
            (&own, Reason::Superseded, "does not revoke itself"),
        ] {
            let refused = root.find(serial, reason).await.err().unwrap().to_string();
            assert!(refused.contains(said), "{serial}: {refused}");
        }
        let held = apart.withdraw(&serial).await;
        let list = pki::Crl::from_der(&held.list).unwrap();
        assert_eq!(listed(&list, &serial).unwrap().reason, Some(pki::Reason::Superseded));
        assert_eq!(list.len(), 1);
        let asked = root.read(&waiting[0].1).unwrap();
        let again = root.hold(&[asked], &[], &present()).await.unwrap_err().to_string();
        assert!(again.contains("was revoked"), "{again}");
        assert!(matches!(root.find(&serial, Reason::CaCompromise).await.err(), Some(ca::Error::AlreadyRevoked)));
        let again = apart.withdraw(&serial).await;
        assert_eq!(pki::Crl::from_der(&again.list).unwrap().len(), 1, "the same again changes nothing");
    }
}

fn decode(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).unwrap()
}

/// The root's machine, opened once more.
fn offline_again(apart: &Apart) -> Machine {
    Machine {
        hsm: apart.offline.hsm.clone(),
        db: apart.offline.db.clone(),
        clock: apart.offline.clock.clone(),
        high_water: apart.offline.high_water.clone(),
        config: apart.offline.config.clone(),
        token: TestToken::new(),
    }
}
