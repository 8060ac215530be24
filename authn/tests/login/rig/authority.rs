//! The real certificate authority, on the token of this test.

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{
    Client, ISSUE, IssueRequest, KeySource, READ, REVOKE, Reason, RevokeRequest, SubjectData, Validity,
};
use ca::ceremony::{self, Specification};
use ca::{Config, PracticeStatementUrl, PublicUrl};
use hsm::Hsm;
use platform::caller::Caller;
use platform::clock::{Clock, HighWater, Millis};
use platform::db::Db;
use platform::peer::Peer;
use platform::problem::Problem;

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

    fn desk(&self) -> Client {
        client(ca::router(self.0.clone()), &[READ, ISSUE, REVOKE])
    }

    /// A card for a person: the certificate and its serial number. It ends then, if that is said.
    pub(crate) async fn card(&self, user: &str, from: Millis, until: Option<Millis>) -> (Vec<u8>, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        self.certificate(user, "person-sign-in", &key, (from, until)).await
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

fn client(router: Router, acts: &[platform::caller::Act]) -> Client {
    Client::new(Peer::local(router, Caller::module("authn", acts)))
}

fn config() -> Config {
    let url = PublicUrl::try_from("http://pki.example.org".to_owned()).unwrap();
    let statement = PracticeStatementUrl::try_from("https://pki.example.org/cps".to_owned()).unwrap();
    Config::new(url, statement)
}
