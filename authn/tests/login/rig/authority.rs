//! The real certificate authority, on the token of this test.

use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{
    CertificateState, Client, HOLDERS, ISSUE, IssueRequest, IssuerInfo, KeySource, READ, REVOKE, Reason,
    RevokeRequest, SubjectData, Validity,
};
use ca::ceremony::{self, Specification};
use ca::{Config, PracticeStatementUrl, PublicUrl};
use card::wire::sign_in::{Algorithm, Answer, Challenge};
use hsm::Hsm;
use platform::caller::Caller;
use platform::clock::{Clock, HighWater, Millis};
use platform::db::Db;
use platform::peer::Peer;
use platform::problem::{Kind, Problem};
use serde_json::Value;

/// The authority that issues cards.
#[derive(Clone)]
pub(crate) struct Authority(ca::Authority);

impl Authority {
    /// Holds the ceremony and opens what it made.
    pub(crate) async fn new(db: &Db, hsm: &Hsm, clock: &Clock) -> Self {
        Self::of(Specification::STANDARD, (db, hsm, clock)).await
    }

    /// The same of a demonstration.
    pub(crate) async fn of_a_demonstration(db: &Db, hsm: &Hsm, clock: &Clock) -> Self {
        let text = format!("purpose = \"demonstration\"\n{}", Specification::STANDARD);
        Self::of(&text, (db, hsm, clock)).await
    }

    async fn of(text: &str, (db, hsm, clock): (&Db, &Hsm, &Clock)) -> Self {
        let high_water = HighWater::open(db).await.unwrap();
        let specification = Specification::parse(text).unwrap();
        let tell = |_: &str| {};
        ceremony::hold(&specification, config(), hsm, db.clone(), clock.clone(), high_water.clone(), tell)
            .await
            .unwrap();
        Self(ca::Authority::open(config(), hsm, db.clone(), clock.clone(), high_water).await.unwrap())
    }

    /// The authority as sign-in speaks to it.
    pub(crate) fn client(&self) -> Client {
        client(ca::router(self.0.clone()), &[READ])
    }

    /// The same with its card management, which asks this register.
    pub(crate) fn with_cards(&self, register: directory::api::Client) -> Client {
        let cards = ca::cards_router(ca::Cards::new(self.0.clone(), register));
        client(ca::router(self.0.clone()).merge(cards), &[READ, HOLDERS])
    }

    /// An authority that does not answer.
    pub(crate) fn silent() -> Client {
        let nobody = || async {
            Problem::unavailable(
                "database-unavailable",
                "Nobody is there.",
                std::time::Duration::from_secs(5),
            )
        };
        client(Router::new().fallback(nobody), &[READ])
    }

    /// An authority that has these issuers at the moment, and does nothing.
    pub(crate) fn listing(issuers: Arc<Mutex<Vec<IssuerInfo>>>) -> Client {
        let list = move || {
            let now = issuers.lock().unwrap().clone();
            async move { platform::web::Json(now) }
        };
        client(Router::new().route("/ca/issuers", axum::routing::get(list)), &[READ])
    }

    fn desk(&self) -> Client {
        client(ca::router(self.0.clone()), &[READ, ISSUE, REVOKE])
    }

    /// A card for a person: the certificate and its serial number. It ends then, if that is said.
    pub(crate) async fn card(&self, user: &str, from: Millis, until: Option<Millis>) -> (Vec<u8>, String) {
        let card = self.soft_card(user, from, until).await;
        (card.leaf, card.serial)
    }

    /// The same with its key.
    pub(crate) async fn soft_card(&self, user: &str, from: Millis, until: Option<Millis>) -> SoftCard {
        let key = rcgen::KeyPair::generate().unwrap();
        let (leaf, serial) = self.certificate(user, "person-sign-in", &key, (from, until)).await;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.serialize_der()).unwrap();
        SoftCard { leaf, serial, key }
    }

    /// The same for a key, of a profile.
    pub(crate) async fn certificate(
        &self,
        user: &str,
        profile: &str,
        key: &rcgen::KeyPair,
        (from, until): (Millis, Option<Millis>),
    ) -> (Vec<u8>, String) {
        let subject = SubjectData {
            common_name: format!("{user}_Aisha_Rahman"),
            user_id: Some(user.to_owned()),
            given_name: Some("Aisha".to_owned()),
            family_name: Some("Rahman".to_owned()),
            ..SubjectData::default()
        };
        let source = KeySource::public_key(&rcgen::PublicKeyData::subject_public_key_info(key));
        let id = uuid::Uuid::now_v7().to_string();
        let mut request = IssueRequest::new(id, profile, subject, source);
        request.validity = until.map(|not_after| Validity { not_before: from, not_after });
        let issued = self.desk().issue(&request).await.unwrap();
        (STANDARD.decode(&issued.certificate).unwrap(), issued.serial)
    }

    /// Revokes a card, or puts it on hold.
    pub(crate) async fn revoke(&self, serial: &str, reason: Reason) {
        let request = RevokeRequest { reason, invalidity_date: None };
        self.desk().revoke(serial, &request).await.unwrap();
    }
}

/// A card in software, with the agent that has it sign.
pub(crate) struct SoftCard {
    /// Its certificate.
    pub(crate) leaf: Vec<u8>,
    /// The serial number of that.
    pub(crate) serial: String,
    key: EcdsaKeyPair,
}

impl SoftCard {
    /// A card that nobody issued: its certificate is its own.
    pub(crate) fn foreign() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["x.example".to_owned()]).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.serialize_der()).unwrap();
        Self { leaf: certificate.der().to_vec(), serial: String::new(), key: pair }
    }

    /// What it answers to a challenge.
    pub(crate) fn answer(&self, challenge: &Value) -> Value {
        let challenge: Challenge = serde_json::from_value(challenge.clone()).unwrap();
        self.sign(&challenge.message().unwrap())
    }

    /// What it answers when it is made to sign something.
    pub(crate) fn sign(&self, message: &[u8]) -> Value {
        let signature = self.key.sign(&SystemRandom::new(), message).unwrap();
        let answer = Answer {
            certificate: STANDARD.encode(&self.leaf),
            above: Vec::new(),
            algorithm: Algorithm::Es256,
            signature: STANDARD.encode(signature.as_ref()),
        };
        serde_json::to_value(answer).unwrap()
    }
}

/// Who holds a card, as the server finds out: here by the authority's row alone. tests/judges asks the server itself, with path, purpose
/// and lists.
pub(crate) fn holders(ca: Client) -> authn::Holders {
    Arc::new(move |chain| {
        let ca = ca.clone();
        Box::pin(async move {
            let refused = |code| Problem::unauthenticated(code, "The certificate makes no caller.");
            let leaf =
                pki::Certificate::from_der(&chain[0]).map_err(|_| refused("certificate-unreadable"))?;
            let row = match ca.certificate(&leaf.serial().to_string()).await {
                Err(problem) if problem.kind == Kind::NotFound => return Err(refused("certificate-unknown")),
                row => row?,
            };
            match row.state {
                CertificateState::Issued => Ok(super::person(&row.user_id.unwrap())),
                CertificateState::Held => Err(refused("certificate-held")),
                CertificateState::Expired => Err(refused("certificate-expired")),
                CertificateState::Revoked | CertificateState::Abandoned => {
                    Err(refused("certificate-revoked"))
                }
            }
        })
    })
}

fn client(router: Router, acts: &[platform::caller::Act]) -> Client {
    Client::new(Peer::local(router, Caller::module("authn", acts)))
}

fn config() -> Config {
    let url = PublicUrl::try_from("http://pki.example.org".to_owned()).unwrap();
    let statement = PracticeStatementUrl::try_from("https://pki.example.org/cps".to_owned()).unwrap();
    let mut config = Config::new(url, statement);
    config.cards.address = Some("https://care.example".to_owned());
    config
}
