//! Preparing prescriptions to be signed, and putting a signature into its form.
//!
//! What was prepared is kept for a while under the digest that was answered: whoever is later asked to sign that digest can be
//! shown the prescription, and no other one.

use std::sync::Arc;

use audit::Actor;
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::Certificate;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Tx;
use platform::db::together::{Row, Undone};
use platform::id::{ClientId, uuid_text};

use crate::api::{Prepared, SIGN, Sign, SignedPrescription};
use crate::digest::Digest;
use crate::dss::{self, Wanted};
use crate::eps::{self, Algorithm, AuthorTime, Fault, Fragments, Message, Prescription, SignedInfo};
use crate::error::Error;
use crate::events::Event;
use crate::rsa_key;
use crate::signer::Signer;
use crate::store::prepared::{self, Kept, PreparedRow};
use crate::verification;

/// How far the time in an HL7 V3 document may lie from ours: it is what the author claims, and is signed.
const NEAR_S: i64 = 600;

/// A prescription that came to be prepared.
pub(crate) enum Document {
    Fhir(Box<Message>),
    V3(Box<Prescription>),
}

impl Document {
    /// Reads either form; the first character says which.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, Fault> {
        let text = octets.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(octets).trim_ascii_start();
        if text.starts_with(b"<") {
            Prescription::read(octets).map(|read| Self::V3(Box::new(read)))
        } else {
            Message::read(text).map(|read| Self::Fhir(Box::new(read)))
        }
    }

    /// What is signed, and with which time: a FHIR message gets the present, an HL7 V3 document says its own.
    fn fragments(&self, now: Millis) -> Result<(Fragments, AuthorTime), Error> {
        match self {
            Self::Fhir(message) => {
                let at = AuthorTime::at(now)?;
                Ok((message.fragments(at)?, at))
            }
            Self::V3(prescription) => {
                let at = prescription.author_time()?;
                if at.millis().seconds().abs_diff(now.seconds()) > NEAR_S.unsigned_abs() {
                    return Err(Error::AuthorTimeFarOff);
                }
                Ok((prescription.fragments().clone(), at))
            }
        }
    }

    fn form(&self) -> &'static str {
        match self {
            Self::Fhir(_) => "fhir",
            Self::V3(_) => "hl7-v3",
        }
    }
}

/// Answers what is to be signed of a prescription. When this returns, the prescription and its audit event are durable.
pub(crate) async fn prepare(signer: &Signer, caller: &Caller, octets: Vec<u8>) -> Result<Prepared, Error> {
    caller.may(SIGN).map_err(Error::Caller)?;
    let now = signer.clock.now();
    let algorithm = algorithm(signer, &caller.client);
    let document = Document::read(&octets)?;
    let (fragments, at) = document.fragments(now)?;
    // What could not be shown to whoever signs is not prepared.
    fragments.told()?;
    let info = SignedInfo::over(&fragments, algorithm).to_string();
    let row = PreparedRow {
        client: caller.client.to_string(),
        digest: Digest::of(info.as_bytes()),
        form: document.form().to_owned(),
        author_at: at.millis(),
        signed_info: info.clone(),
        document: octets,
        prepared_at: now,
        expires_at: Millis(now.0 + i64::from(signer.config.prepared_lifetime_s) * 1000),
    };
    keep(signer, caller, row, algorithm).await?;
    metrics::counter!("signer_prescriptions_prepared_total").increment(1);
    Ok(Prepared::new(STANDARD.encode(info), at.fhir(), algorithm.as_str()))
}

async fn keep(signer: &Signer, caller: &Caller, row: PreparedRow, algorithm: Algorithm) -> Result<(), Error> {
    let new = New {
        actor: Actor::from(caller),
        algorithm: algorithm.as_str(),
        most: signer.config.prepared_octets_per_client,
        row,
    };
    signer.preparing().write(new).await
}

/// One that is to be stored with its event: those that come at the same time share their statements.
pub(crate) struct New {
    row: PreparedRow,
    actor: Actor,
    algorithm: &'static str,
    /// How many octets its application may have.
    most: u64,
}

impl New {
    fn event(&self) -> Event {
        Event::PrescriptionPrepared {
            client: self.row.client.clone(),
            digest: self.row.digest.to_base64(),
            algorithm: self.algorithm.to_owned(),
            expires_at: self.row.expires_at.0,
        }
    }
}

impl Row for New {
    type Answer = ();
    type Error = Error;

    async fn write(&self, tx: &mut Tx) -> Result<(), Error> {
        match prepared::insert(tx, &self.row, self.most).await? {
            Kept::New => {
                audit::record(tx, self.row.prepared_at, &self.actor, &self.event()).await?;
                Ok(())
            }
            Kept::Before => Ok(()),
            Kept::Full => Err(Error::PreparedFull),
        }
    }

    async fn write_all(rows: &[Arc<Self>], tx: &mut Tx) -> Result<Vec<()>, Undone> {
        let all: Vec<&PreparedRow> = rows.iter().map(|new| &new.row).collect();
        let most = rows.iter().map(|new| new.most).min().unwrap_or(0);
        match prepared::insert_all(tx, &all, most).await {
            Ok(true) => {}
            Err(Error::Db(error)) => return Err(error.into()),
            Ok(false) | Err(_) => return Err(Undone::OneByOne),
        }
        let acts: Vec<_> = rows.iter().map(|new| (new.row.prepared_at, &new.actor, new.event())).collect();
        audit::record_each(tx, &acts).await?;
        Ok(vec![(); rows.len()])
    }
}

/// SHA-1 only for those whom the operator allows it, and never unseen.
fn algorithm(signer: &Signer, client: &ClientId) -> Algorithm {
    if !signer.config.sha1_clients.contains(client) {
        return Algorithm::Rs256;
    }
    tracing::warn!(client = %client, "a prescription of {client} is prepared for SHA-1, as [signer] sha1_clients says");
    metrics::counter!("signer_sha1_prepared_total").increment(1);
    Algorithm::Rs1
}

/// Puts a signature over a prepared prescription into the form in which it travels. One that does not verify is refused.
pub(crate) async fn put_together(
    signer: &Signer,
    caller: &Caller,
    request: &Sign,
) -> Result<SignedPrescription, Error> {
    caller.may(SIGN).map_err(Error::Caller)?;
    let decode = |text: &str, sentence| STANDARD.decode(text).map_err(|_| Error::Prescription { sentence });
    let statement = decode(&request.digest, "digest is not base64.")?;
    let value = decode(&request.signature, "signature is not base64.")?;
    let certificate = decode(&request.certificate, "certificate is not base64.")?;
    let (client, digest) = (caller.client.to_string(), Digest::of(&statement));
    let found = prepared::by_digest(signer.db.read(), &client, &digest, signer.clock.now()).await?;
    let row = found.ok_or(Error::PreparedUnknown)?;
    let info = crate::xml::read(row.signed_info.as_bytes(), row.signed_info.len())
        .ok()
        .and_then(|element| SignedInfo::of(&element))
        .ok_or(Error::StoredRow { what: "prepared statement" })?;
    let at = AuthorTime::at(row.author_at)?;
    let of = check_signature(&info, &value, &certificate)?;
    check_certificate(signer, &of, at).await?;
    check_author(signer, (&client, digest), &of).await?;
    let signature = eps::write(&info, &value, &certificate);
    let provenance = match Document::read(&row.document)? {
        Document::Fhir(message) => {
            Some(eps::provenance(&uuid_text(signer.clock.now()), message.author(), at, &signature))
        }
        Document::V3(_) => None,
    };
    Ok(SignedPrescription { signature: STANDARD.encode(signature), timestamp: at.fhir(), provenance })
}

/// The signature verifies under the key of the certificate, which this returns.
fn check_signature(info: &SignedInfo, value: &[u8], certificate: &[u8]) -> Result<Certificate, Error> {
    let refused = |sentence| Error::Prescription { sentence };
    let certificate = Certificate::from_der(certificate)
        .map_err(|_| refused("certificate is not an X.509 certificate."))?;
    let key = rsa_key::of(&certificate)
        .ok_or_else(|| refused("The certificate has no RSA key; prescriptions are signed with RSA."))?;
    let verifier = match info.algorithm() {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    };
    UnparsedPublicKey::new(verifier, key)
        .verify(info.to_string().as_bytes(), value)
        .map_err(|_| refused("The signature does not verify over the digest under the certificate's key."))?;
    Ok(certificate)
}

/// What came from a card or from elsewhere counts for nothing if its certificate does not: path, key usage, policy, validity, revocation.
async fn check_certificate(signer: &Signer, certificate: &Certificate, at: AuthorTime) -> Result<(), Error> {
    let Some(finding) = verification::against(signer, certificate, at.millis()).await? else { return Ok(()) };
    let sentence = format!("Nobody would accept this signature: {}.", finding.sentence);
    Err(Error::Dss(verification::refusal(&finding, "certificate-refused", sentence)))
}

/// Nobody puts their signature under what somebody else is the author of, whichever key made it.
async fn check_author(
    signer: &Signer,
    (client, digest): (&str, Digest),
    certificate: &Certificate,
) -> Result<(), Error> {
    let serial = certificate.serial().to_string();
    let holder = signer.ca.certificate(&serial).await.map_err(Error::Authority)?.user_id;
    let wanted = Wanted { id: String::new(), digest, unseen: String::new() };
    let documents = dss::documents(signer, client, vec![wanted], signer.clock.now()).await?;
    dss::check_signed(signer, &documents, holder.as_deref()).await
}
