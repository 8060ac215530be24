//! The key and certificate with which answers are signed.
//!
//! RFC 9483 3.2 lets an authority sign with its own key or delegate. Ours delegates: the certificate of an
//! authority has no digitalSignature, and its key signs certificates and lists only. The delegate's certificate is
//! issued by the profile `cmp-responder` and names id-kp-cmcCA (RFC 6402 2.10), by which a client knows it.
//!
//! The key is made in the token when CMP is first used. Its certificate is asked for by a name that all nodes share
//! and that changes twice in a certificate's life: so it is always fresh, one for all nodes, without a row of its own.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hsm::{Alg, Hsm, Key};
use pki::Certificate;
use platform::caller::Caller;
use platform::db::lease;
use platform::id::uuid_text;
use tokio::sync::Mutex;

use crate::api::{ISSUE, IssueRequest, Issued, KeySource, SubjectData};
use crate::authority::Authority;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::serial::Serial;
use crate::store::certificates;

/// The label of the key in the token.
const LABEL: &str = "cmp-responder";
/// Who makes the key, where several processes share a token.
const LEASE: &str = "ca-cmp-responder";
/// How often a certificate is asked for anew within one period, after the one before was revoked.
const MOST_TRIES: u8 = 16;

/// Signs answers. Made at start, opened when first used.
pub(crate) struct Responder {
    hsm: Hsm,
    profile: String,
    /// What was used last; held while a certificate is looked up or asked for.
    current: Mutex<Option<(i64, Arc<Signing>)>>,
}

/// A key with its certificate.
pub(super) struct Signing {
    pub(super) key: Key,
    pub(super) certificate: Certificate,
    /// The certificates above it, nearest first.
    pub(super) chain: Vec<Certificate>,
}

impl Responder {
    pub(crate) fn new(hsm: Hsm, profile: String) -> Responder {
        Responder { hsm, profile, current: Mutex::new(None) }
    }

    /// A key whose certificate is in force now.
    pub(super) async fn ready(&self, authority: &Authority) -> Result<Arc<Signing>, Error> {
        let profile = authority.desk().profiles.find(&self.profile);
        let profile = profile.ok_or_else(|| Error::ProfileUnknown(self.profile.clone()))?;
        let period = authority.desk().clock.now().0 / (profile.validity.seconds * 500).max(1);
        let mut current = self.current.lock().await;
        if let Some((since, signing)) = &*current
            && *since == period
            && stands(authority, &signing.certificate).await?
        {
            return Ok(Arc::clone(signing));
        }
        let key = self.key(authority, &profile.keys).await?;
        let signing = Arc::new(self.certified(authority, key, period).await?);
        *current = Some((period, Arc::clone(&signing)));
        Ok(signing)
    }

    /// The key in the token; one process makes it.
    async fn key(&self, authority: &Authority, kinds: &[Alg]) -> Result<Key, Error> {
        match self.hsm.key(LABEL).await {
            Err(hsm::Error::KeyNotFound { .. }) => {}
            found => return Ok(found?),
        }
        let (db, now) = (&authority.desk().db, authority.desk().clock.now());
        let lease = lease::acquire(db, LEASE, &uuid_text(now), now, Duration::from_mins(1)).await?;
        let Some(lease) = lease else { return Err(Error::RequestInProgress) };
        let alg =
            if kinds.contains(&Alg::P256) { Alg::P256 } else { kinds.first().copied().unwrap_or(Alg::P256) };
        let made = self.hsm.generate(LABEL, alg).await;
        lease::release(db, lease).await?;
        Ok(made?)
    }

    async fn certified(&self, authority: &Authority, key: Key, period: i64) -> Result<Signing, Error> {
        let caller = Caller::module("ca", &[ISSUE]);
        let subject = SubjectData { common_name: "CMP responder".to_owned(), ..SubjectData::default() };
        let name = &sha256_hex(key.public_key())[..16];
        for number in 0..MOST_TRIES {
            let request_id = format!("{LABEL}-{name}-{period}-{number}");
            let key_source = KeySource::public_key(key.public_key());
            let request = IssueRequest::new(request_id, self.profile.as_str(), subject.clone(), key_source);
            let issued = authority.issue(&request, &caller).await?;
            let certificate = decoded(&issued.certificate)?;
            if stands(authority, &certificate).await? {
                return Ok(Signing { key, certificate, chain: chain(&issued)? });
            }
        }
        Err(Error::AlreadyRevoked)
    }
}

/// Whether the certificate is neither revoked nor over.
async fn stands(authority: &Authority, certificate: &Certificate) -> Result<bool, Error> {
    let Some(serial) = Serial::parse(&certificate.serial().to_string()) else { return Ok(false) };
    let stored = certificates::by_serial(authority.desk().db.read(), &serial).await?;
    let now = authority.desk().clock.now();
    Ok(stored.is_some_and(|stored| stored.revocation.is_none() && now <= stored.not_after))
}

fn chain(issued: &Issued) -> Result<Vec<Certificate>, Error> {
    issued.chain.iter().map(|text| decoded(text)).collect()
}

fn decoded(base64: &str) -> Result<Certificate, Error> {
    let der = STANDARD.decode(base64).map_err(|_| Error::CertificateUnknown)?;
    Certificate::from_der(&der).map_err(|_| Error::CertificateUnknown)
}
