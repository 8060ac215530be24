//! The prescriber of the demo, registered through the API by the registration desk.

use anyhow::{Context, bail};
use axum::http::Method;
use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use directory::api::Name;
use platform::clock::Millis;
use platform::id::UserId;
use signer::api::{Algorithm, CreateCredential, Credential, CredentialState, Credentials, SetPassphrase};
use zeroize::Zeroizing;

use super::places::Places;
use crate::client::{Identity, Server};
use crate::files::{self, Readers};
use crate::keypair::Pair;
use crate::secrets;
use crate::terminal::Outcome;

/// The invented prescriber.
pub(super) const USER_ID: &str = "555000000108";
const GIVEN_NAME: &str = "Ottoline";
const FAMILY_NAME: &str = "Marchbanks";
/// The client that sends prescriptions.
pub(super) const SYSTEM: &str = "prescribing-system";

/// As the prescriber is shown.
pub(super) fn display_name() -> String {
    format!("Dr {GIVEN_NAME} {FAMILY_NAME}, {USER_ID}")
}

/// The calling systems of the demo.
pub(super) struct Callers {
    /// The registration desk.
    pub(super) desk: Server,
    base: String,
    places: Places,
}

impl Callers {
    /// The desk's own view of the server.
    pub(super) fn new(base: &str, places: &Places) -> anyhow::Result<Self> {
        let desk = server(base, places, &places.desk())?;
        Ok(Self { desk, base: base.to_owned(), places: places.clone() })
    }

    /// The prescribing system's certificate, asked for by the desk.
    pub(super) async fn system(&self, now: Millis) -> anyhow::Result<(Server, Outcome)> {
        let pair = self.places.system();
        let subject = SubjectData { common_name: SYSTEM.to_owned(), ..SubjectData::default() };
        let outcome = self.certificate(&pair, "system-tls-client", subject, now).await?;
        Ok((server(&self.base, &self.places, &pair)?, outcome))
    }

    /// The prescriber's sign-in certificate, asked for by the desk.
    pub(super) async fn person(&self, now: Millis) -> anyhow::Result<(Server, Outcome)> {
        let pair = self.places.person();
        let outcome = self.certificate(&pair, "person-sign-in", subject(), now).await?;
        Ok((server(&self.base, &self.places, &pair)?, outcome))
    }

    /// Somebody's sign-in certificate, asked for by the desk.
    pub(super) async fn somebody(
        &self,
        user_id: &UserId,
        name: &Name,
        now: Millis,
    ) -> anyhow::Result<Server> {
        let pair = self.places.person_of(user_id.as_str());
        let subject = subject_of(user_id.as_str(), &name.given, &name.family);
        self.certificate(&pair, "person-sign-in", subject, now).await?;
        server(&self.base, &self.places, &pair)
    }

    /// Whoever sets the register up.
    pub(super) fn operator(&self) -> anyhow::Result<Server> {
        server(&self.base, &self.places, &self.places.operator())
    }

    async fn certificate(
        &self,
        pair: &Pair,
        profile: &str,
        subject: SubjectData,
        now: Millis,
    ) -> anyhow::Result<Outcome> {
        if let Some(certificate) = pair.in_force(now) {
            return Ok(Outcome::InPlace(format!("{}", certificate.subject())));
        }
        let request = IssueRequest {
            request_id: format!("demo-{}", uuid::Uuid::now_v7()),
            profile: profile.to_owned(),
            key: KeySource::Csr(pair.request(&subject.common_name)?),
            subject,
            issuer: None,
            validity: None,
        };
        let issued: Issued = self.desk.post("/ca/certificates", &request).await?;
        pair.store(&issued)?;
        Ok(Outcome::Done(format!("certificate {}", issued.serial)))
    }

    /// The prescriber's remote credential: made by the desk.
    pub(super) async fn credential(&self) -> anyhow::Result<(Credential, Outcome)> {
        let path = format!("/signer/credentials?user_id={USER_ID}");
        let found: Credentials = self.desk.get(&path).await?;
        if let Some(found) =
            found.credentials.into_iter().find(|found| found.state == CredentialState::Active)
        {
            let what = format!("credential {}", found.credential_id);
            return Ok((found, Outcome::InPlace(what)));
        }
        let request = CreateCredential {
            request_id: format!("demo-{}", uuid::Uuid::now_v7()),
            subject: subject(),
            algorithm: Algorithm::Rsa2048,
            key: signer::api::KeyLife::Kept,
        };
        let made: Credential = self.desk.post("/signer/credentials", &request).await?;
        let what = format!("RSA-2048, credential {}", made.credential_id);
        Ok((made, Outcome::Done(what)))
    }

    /// The passphrase: chosen by the prescriber and set with the prescriber's own certificate.
    pub(super) async fn passphrase(
        &self,
        person: &Server,
        credential: &Credential,
    ) -> anyhow::Result<(Zeroizing<String>, Outcome)> {
        let file = self.places.passphrase();
        if credential.passphrase_set && !file.is_file() {
            bail!(
                "the credential has a passphrase, but {} is gone; remove the whole folder to start afresh",
                file.display()
            );
        }
        if !file.is_file() {
            // Kept before it is set: a crash between the two sets this same passphrase next time.
            files::write(&file, secrets::passphrase()?.as_bytes(), Readers::Owner)?;
        }
        let passphrase = Zeroizing::new(files::read_text(&file)?.trim().to_owned());
        if credential.passphrase_set {
            return Ok((passphrase, Outcome::InPlace(file.display().to_string())));
        }
        let path = format!("/signer/credentials/{}/passphrase", credential.credential_id);
        let body = SetPassphrase { new: passphrase.to_string(), old: None };
        person.tell(Method::PUT, &path, &body).await.context("the passphrase could not be set")?;
        Ok((passphrase, Outcome::Done(file.display().to_string())))
    }
}

fn subject() -> SubjectData {
    subject_of(USER_ID, GIVEN_NAME, FAMILY_NAME)
}

fn subject_of(user_id: &str, given_name: &str, family_name: &str) -> SubjectData {
    SubjectData {
        common_name: format!("{user_id}_{given_name}_{family_name}"),
        user_id: Some(user_id.to_owned()),
        given_name: Some(given_name.to_owned()),
        family_name: Some(family_name.to_owned()),
        ..SubjectData::default()
    }
}

fn server(base: &str, places: &Places, pair: &Pair) -> anyhow::Result<Server> {
    let identity = Identity { certificate: &pair.certificate, key: &pair.key };
    Server::new(base, &places.trusted_root(), Some(&identity))
}
