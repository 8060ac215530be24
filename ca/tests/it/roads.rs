//! An authority with roads, and the systems that come along them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{self, IssueRequest, KeySource, SubjectData};
use ca::{Authority, CallerSource, Config, EnrolConfig, Enrolment};
use http::Request;
use platform::caller::{Act, Caller, CallerKind};
use platform::clock::Clock;
use platform::db::Db;
use platform::problem::Problem;
use platform::web::{PeerAddress, TlsPeer};
use rcgen::{CertificateParams, DnType, KeyPair, PublicKeyData as _};
use tower::ServiceExt as _;

use crate::child::{self, Ground};
use crate::world::{World, client, config, parts};

/// An authority whose roads are open.
pub(crate) struct Roads {
    pub(crate) world: World,
    pub(crate) authority: Authority,
    pub(crate) enrolment: Enrolment,
    pub(crate) router: Router,
    known: Known,
}

/// Who is behind a certificate: what the server's table of clients says.
type Known = Arc<Mutex<BTreeMap<Vec<u8>, Caller>>>;

/// A system with a key and a certificate of its own.
pub(crate) struct System {
    pub(crate) name: String,
    pub(crate) key: KeyPair,
    pub(crate) certificate: Vec<u8>,
    pub(crate) caller: Caller,
    pub(crate) clock: Clock,
}

pub(crate) const ROADS: &str = r#"
default_road = "systems"
confirm_within_seconds = 60
[roads.systems]
profile = "system-tls-client"
[roads.servers]
profile = "system-tls-server"
hosts = { larkfield = ["larkfield.example"] }
[roads.enrol-only]
profile = "system-tls-client"
acts = ["enrol"]
[roads.est-only]
profile = "system-tls-client"
protocols = ["est"]
"#;

/// What starting with these roads in the configuration says.
pub(crate) fn refusal_of(world: &World, authority: &Authority) -> String {
    let opened = Enrolment::new(authority.clone(), world.hsm.clone(), source(&Known::default()));
    opened.err().map(|error| error.to_string()).unwrap_or_default()
}

impl Roads {
    pub(crate) async fn open(world: World) -> Roads {
        let roads: EnrolConfig = toml::from_str(ROADS).unwrap();
        let config = Config { enrol: roads, ..config() };
        let (authority, _) = world.again(config).await;
        let known = Known::default();
        let enrolment = Enrolment::new(authority.clone(), world.hsm.clone(), source(&known)).unwrap();
        let router = ca::enrolment_router(enrolment.clone());
        Roads { world, authority, enrolment, router, known }
    }

    /// The same roads on another authority, of another configuration.
    pub(crate) fn reopen(&mut self, authority: Authority) {
        self.enrolment =
            Enrolment::new(authority.clone(), self.world.hsm.clone(), source(&self.known)).unwrap();
        self.router = ca::enrolment_router(self.enrolment.clone());
        self.authority = authority;
    }

    pub(crate) async fn new(db: Db) -> Roads {
        Roads::open(World::new(db).await).await
    }

    /// A system whose certificate is in force, with these acts.
    pub(crate) async fn system(&self, name: &str, acts: &[Act]) -> System {
        let key = KeyPair::generate().unwrap();
        let subject = SubjectData { common_name: name.to_owned(), ..SubjectData::default() };
        let source = KeySource::public_key(&key.subject_public_key_info());
        let request = IssueRequest::new(
            format!("{name}-{}", self.known.lock().unwrap().len()),
            "system-tls-client",
            subject,
            source,
        );
        let client = client(&self.authority, &[api::ISSUE]);
        let issued = client.issue(&request).await.unwrap();
        let certificate = STANDARD.decode(issued.certificate).unwrap();
        let mut names: Vec<String> = acts.iter().map(|act| act.0.to_owned()).collect();
        if acts.contains(&api::ISSUE) {
            names.extend(["system-tls-client", "system-tls-server"].map(api::issue_of));
        }
        let caller = Caller::new(CallerKind::System, name, name.parse().unwrap(), names);
        self.introduce(&certificate, &caller);
        System { name: name.to_owned(), key, certificate, caller, clock: self.world.clock.clone() }
    }

    /// Lets a certificate stand for a caller.
    pub(crate) fn introduce(&self, certificate: &[u8], caller: &Caller) {
        self.known.lock().unwrap().insert(certificate.to_vec(), caller.clone());
    }

    /// Posts to a path, as a system that shows its certificate or as nobody.
    pub(crate) async fn post(
        &self,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
        system: Option<&System>,
    ) -> (http::response::Parts, Vec<u8>) {
        let mut request =
            Request::post(path).header("content-type", media_type).body(Body::from(body)).unwrap();
        if let Some(system) = system {
            request.extensions_mut().insert(system.caller.clone());
            request.extensions_mut().insert(TlsPeer { chain: vec![system.certificate.clone()].into() });
        }
        parts(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// Posts to a path from an address.
    pub(crate) async fn post_from(
        &self,
        address: &str,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> (http::response::Parts, Vec<u8>) {
        let mut request =
            Request::post(path).header("content-type", media_type).body(Body::from(body)).unwrap();
        request.extensions_mut().insert(PeerAddress(address.parse().unwrap()));
        parts(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> (http::response::Parts, Vec<u8>) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        parts(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// How many certificates of a name there are.
    pub(crate) async fn count(&self, name: &str) -> usize {
        let query = api::CertificateQuery { common_name: Some(name.to_owned()), ..Default::default() };
        let client = client(&self.authority, &[api::READ]);
        client.certificates(&query).await.unwrap().certificates.len()
    }

    /// The state of a certificate.
    pub(crate) async fn state(&self, certificate: &pki::Certificate) -> api::CertificateState {
        let client = client(&self.authority, &[api::READ]);
        client.certificate(&certificate.serial().to_string()).await.unwrap().state
    }
}

/// The roads of this process, when another test has started it as a child; one system is known here.
pub(crate) async fn as_another_process(certificate: &[u8], caller: Caller) -> Enrolment {
    let Ground { hsm, db, clock, high_water } = child::ground().await;
    let config = Config { enrol: toml::from_str(ROADS).unwrap(), ..config() };
    let authority = Authority::open(config, &hsm, db, clock, high_water).await.unwrap();
    let known = Known::default();
    known.lock().unwrap().insert(certificate.to_vec(), caller);
    Enrolment::new(authority, hsm, source(&known)).unwrap()
}

/// Knows nobody.
pub(crate) fn nobody() -> CallerSource {
    source(&Known::default())
}

fn source(known: &Known) -> CallerSource {
    let known = Arc::clone(known);
    CallerSource {
        identify: Arc::new(move |chain: Vec<Vec<u8>>| {
            let found = chain.first().and_then(|leaf| known.lock().unwrap().get(leaf).cloned());
            let unknown = Problem::unauthenticated("certificate-unknown", "Nobody knows this certificate.");
            Box::pin(async move { found.ok_or(unknown) })
        }),
        forget: Arc::new(|| {}),
    }
}

/// A PKCS#10 request for a key, in DER.
pub(crate) fn csr(key: &KeyPair, parts: &[(DnType, &str)], hosts: &[&str]) -> Vec<u8> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, text) in parts {
        params.distinguished_name.push(kind.clone(), *text);
    }
    params.serialize_request(key).unwrap().der().to_vec()
}
