//! A first certificate by CMP for devices that come with the certificate of their maker.

use ca::api::ENROL;
use ca::{Config, EnrolConfig, Enrolment};
use platform::db::Db;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use crate::cmp_client::{Answer, Message, failure};
use crate::roads::{Roads, System};
use crate::world::{World, caller, config};

const PATH: &str = "/.well-known/cmp/p/devices";

/// A maker: its root, and an authority below it that certifies its devices.
struct Maker {
    root: String,
    between: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Maker {
    fn new(name: &str) -> Maker {
        let authority = |name: &str| {
            let mut params = params(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params
        };
        let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let root_params = authority(name);
        let root = root_params.self_signed(&root_key).unwrap();
        let below = authority(&format!("{name} devices"));
        let between = below.signed_by(&key, &Issuer::new(root_params, root_key)).unwrap();
        Maker { root: root.pem(), between, issuer: Issuer::new(below, key) }
    }

    /// A device with its certificate, as a sender of messages.
    fn device(&self, roads: &Roads, place: DnType, name: &str) -> System {
        let mut params = params(place, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        let clock = roads.world.clock.clone();
        System { name: name.to_owned(), key, certificate, caller: caller(&[]), clock }
    }
}

fn params(place: DnType, name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(place, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    params
}

/// id-at-serialNumber.
fn serial_number() -> DnType {
    DnType::CustomDnType(vec![2, 5, 4, 5])
}

async fn opened(db: Db, maker: &Maker) -> Roads {
    let mut roads = Roads::open(World::new(db).await).await;
    let file = roads.world.token.dir().join("makers.pem");
    std::fs::write(&file, &maker.root).unwrap();
    let text = format!(
        "[roads.devices]\nprofile = \"device-tls-client\"\n[roads.devices.vendors]\nroots = \"{}\"\n\
         devices = [\"lab-*\", \"sn-7\"]\n[roads.systems]\nprofile = \"system-tls-client\"\n",
        file.display()
    );
    let enrol: EnrolConfig = toml::from_str(&text).unwrap();
    let (authority, _) = roads.world.again(Config { enrol, ..config() }).await;
    roads.reopen(authority);
    roads
}

async fn send(roads: &Roads, path: &str, message: &Message<'_>) -> Answer {
    let (parts, body) = roads.post(path, "application/pkixcmp", message.encode(), None).await;
    assert_eq!(parts.status, 200, "{}", String::from_utf8_lossy(&body));
    Answer::read(&body)
}

fn asking<'a>(maker: &Maker, device: &'a System, kind: u8, name: &str) -> Message<'a> {
    let mut message = Message::request(device, kind, &KeyPair::generate().unwrap(), name);
    message.certificates.push(maker.between.der().to_vec());
    message.implicit_confirm = true;
    message
}

platform::both_engines! {
    /// A device that the operator named gets a certificate in its own name, and our own clients come along as before.
    async fn devices_come_with_their_makers_certificate(db: Db) {
        let maker = Maker::new("Maker");
        let roads = opened(db, &maker).await;
        for name in ["lab-17", "sn-7"] {
            let device = maker.device(&roads, serial_number(), name);
            let answer = send(&roads, PATH, &asking(&maker, &device, 0, name)).await;
            assert_eq!((answer.body, answer.failure), (1, None), "{:?}", answer.text);
            let certificate = answer.certificate.unwrap();
            assert_eq!(certificate.common_name().as_deref(), Some(name));
            assert!(answer.signer.is_some());
            assert_eq!(roads.count(name).await, 1);
        }
        let system = roads.system("larkfield", &[ENROL]).await;
        let own = send(&roads, PATH, &Message::request(&system, 0, &KeyPair::generate().unwrap(), "larkfield")).await;
        assert_eq!(own.failure, None, "{:?}", own.text);
    }

    /// Devices that are not named, other makers, other names, other acts and other roads give nothing.
    async fn other_devices_get_nothing(db: Db) {
        let (maker, stranger) = (Maker::new("Maker"), Maker::new("Maker"));
        let roads = opened(db, &maker).await;
        let device = |maker: &Maker, place, name: &str| maker.device(&roads, place, name);
        let good = device(&maker, serial_number(), "lab-1");
        let unnamed = device(&maker, serial_number(), "sn-70");
        let elsewhere = device(&maker, DnType::CommonName, "lab-1");
        let capital = device(&maker, serial_number(), "lab-X");
        let foreign = device(&stranger, serial_number(), "lab-1");
        let not_trusted = "signerNotTrusted";
        for (bit, path, message) in [
            (not_trusted, PATH, asking(&maker, &unnamed, 0, "sn-70")),
            (not_trusted, PATH, asking(&maker, &elsewhere, 0, "lab-1")),
            (not_trusted, PATH, asking(&maker, &capital, 0, "lab-X")),
            (not_trusted, PATH, asking(&stranger, &foreign, 0, "lab-1")),
            (not_trusted, "/.well-known/cmp/p/systems", asking(&maker, &good, 0, "lab-1")),
            ("notAuthorized", PATH, asking(&maker, &good, 0, "lab-2")),
            ("wrongIntegrity", PATH, asking(&maker, &good, 2, "lab-1")),
            ("wrongIntegrity", PATH, asking(&maker, &good, 7, "lab-1")),
            ("badMessageCheck", PATH, {
                let mut message = asking(&maker, &good, 0, "lab-1");
                message.damage_signature = true;
                message
            }),
            (not_trusted, PATH, {
                let mut message = asking(&maker, &good, 0, "lab-1");
                message.certificates.truncate(1);
                message
            }),
        ] {
            let answer = send(&roads, path, &message).await;
            assert_eq!(answer.failure, failure(bit), "{}", answer.text);
        }
        for name in ["lab-1", "lab-2", "sn-70"] {
            assert_eq!(roads.count(name).await, 0, "{name}");
        }
    }

    /// A road whose makers' roots cannot be read, or that names no device, does not start.
    async fn senseless_makers_are_refused(db: Db) {
        let world = World::new(db).await;
        let empty = world.token.dir().join("empty.pem");
        std::fs::write(&empty, "no certificate").unwrap();
        let roots = world.token.dir().join("makers.pem");
        std::fs::write(&roots, Maker::new("Maker").root).unwrap();
        let nowhere = world.token.dir().join("nowhere.pem");
        for (file, devices, sentence) in [
            (&empty, "[\"a\"]", "holds no certificate"),
            (&nowhere, "[\"a\"]", "cannot be read"),
            (&roots, "[]", "at least one device"),
        ] {
            let text = format!(
                "[roads.d]\nprofile = \"device-tls-client\"\nvendors = {{ roots = \"{}\", devices = {devices} }}\n",
                file.display()
            );
            let enrol: EnrolConfig = toml::from_str(&text).unwrap();
            let (authority, _) = world.again(Config { enrol, ..config() }).await;
            let refused = Enrolment::new(authority, world.hsm.clone(), crate::roads::nobody()).err().unwrap();
            assert!(refused.to_string().contains(sentence), "{refused}");
        }
    }
}
