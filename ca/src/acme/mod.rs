//! ACME (RFC 8555): machines that have certificates issued without a person, inside bounds an operator wrote down.
//!
//! Whoever registers is bound to an external account (RFC 8555 7.3.4), whose [`scope::Scope`] says which names,
//! networks, devices and profiles it may use; validation connects nowhere else. What was accepted lies in two queues in
//! the database, so that any node works on it and a process that is killed loses nothing. Every certificate comes from
//! the same `prepare` and `issue` as all others.
//!
//! Challenges: http-01 (RFC 8555 8.3), tls-alpn-01 (RFC 8737), device-attest-01 (draft-acme-device-attest). Also:
//! renewal information (RFC 9773), addresses (RFC 8738), profiles (draft-aaron-acme-profiles).

mod accounts;
mod answer;
pub mod api;
mod authorizations;
mod certificates;
mod config;
mod csr;
mod device;
mod directory;
mod external;
mod finalize;
pub(crate) mod identifier;
pub(crate) mod jwk;
mod jws;
mod key_change;
mod nonce;
mod orders;
pub(crate) mod problem;
mod renewal;
pub(crate) mod scope;
mod sender;
mod validation;
#[cfg(test)]
mod vectors;
mod work;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hsm::{Hsm, Sealed};
use platform::clock::Millis;
use platform::db::Tx;
use tokio::sync::{Notify, Semaphore};
use zeroize::Zeroizing;

pub(crate) use answer::{Answer, Content};
pub use config::{BaseUrl, Config};
pub(crate) use device::{lead, serial_number};
pub use external::external_accounts_in_force;
pub(crate) use jws::MOST_OCTETS;
use nonce::Nonces;
pub(crate) use problem::Problem;
pub(crate) use sender::{Posted, Signed};

use crate::authority::Authority;
use crate::desk::Desk;
use crate::error::Error;
use crate::names::ProfileId;
use crate::profile::AcmeUse;
use crate::store::acme::secrets;

/// Reads octets as everything an ACME client sends, and uses what comes out: the body of fuzzers and of a test.
#[doc(hidden)]
pub fn read_anything(octets: &[u8]) {
    if let Ok(request) = jws::Request::parse(octets) {
        let key = match &request.header.signer {
            jws::Signer::Key(key) => jwk::Jwk::clone(key),
            jws::Signer::Kid(_) => jwk::Jwk::Ed25519 { x: vec![7; 32] },
        };
        let kept = jwk::Jwk::from_canonical(&key.canonical());
        assert!(kept.as_ref() == Some(&key), "a key does not come back from its kept form");
        let _ = (key.spki(), request.verify(&key).map(|verified| verified.is_empty()));
    }
    if let Ok(text) = std::str::from_utf8(octets) {
        let _ = text.parse::<identifier::Identifier>();
        let _ = text.parse::<platform::network::Network>();
        let _ = problem::Problem::from_kept(text);
    }
    device::read_anything(octets);
}

/// What ACME needs beside the authority; opened once.
pub(crate) struct Setup {
    config: Config,
    hsm: Hsm,
    nonces: Nonces,
    /// Where attestations must lead, by profile.
    roots: BTreeMap<ProfileId, Vec<pki::Certificate>>,
    /// Wakes the worker.
    work: Notify,
    /// One permit for each validation at the same time.
    slots: Arc<Semaphore>,
}

impl Setup {
    pub(crate) async fn open(config: Config, desk: &Desk, hsm: &Hsm) -> Result<Setup, Error> {
        let mut roots = BTreeMap::new();
        for (profile, path) in &config.attestation_roots {
            let known = desk.profiles.find(profile).filter(|it| it.acme == Some(AcmeUse::Device));
            let known = known.ok_or_else(|| {
                Error::AcmeSetup(format!("attestation_roots: \"{profile}\" is not a profile of devices"))
            })?;
            roots.insert(known.id.clone(), read_roots(path)?);
        }
        let nonces = Nonces::new(&nonce_key(desk, hsm).await?);
        let slots = usize::try_from(config.validations.clamp(1, 1000)).unwrap_or(1);
        Ok(Setup {
            config,
            hsm: hsm.clone(),
            nonces,
            roots,
            work: Notify::new(),
            slots: Arc::new(Semaphore::new(slots)),
        })
    }
}

fn read_roots(path: &Path) -> Result<Vec<pki::Certificate>, Error> {
    let refused =
        |why: String| Error::AcmeSetup(format!("the attestation roots in {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let roots = pki::Certificate::chain_from_pem(&text).map_err(|error| refused(error.to_string()))?;
    if roots.is_empty() { Err(refused("no certificate is in the file".to_owned())) } else { Ok(roots) }
}

/// The name of the key under which nonces are given.
const NONCE_KEY: &str = "nonce";
/// Where it lies; sealed for this place alone.
const NONCE_KEY_PLACE: &[u8] = b"ca_acme_secret/nonce/1";

/// The key that all nodes give nonces under; the first of them makes it.
async fn nonce_key(desk: &Desk, hsm: &Hsm) -> Result<Zeroizing<Vec<u8>>, Error> {
    if let Some(kept) = secrets::by_id(desk.db.read(), NONCE_KEY).await? {
        return unsealed(hsm, &kept, NONCE_KEY_PLACE).await;
    }
    let fresh = hsm.seal(random_secret()?, NONCE_KEY_PLACE).await?.to_bytes();
    let now = desk.clock.now();
    let kept = desk
        .db
        .write(move |tx: &mut Tx| {
            Box::pin(async move { Ok::<_, Error>(secrets::keep(tx, NONCE_KEY, &fresh, now).await?) })
        })
        .await?;
    unsealed(hsm, &kept, NONCE_KEY_PLACE).await
}

/// Opens a sealed column.
async fn unsealed(hsm: &Hsm, kept: &[u8], place: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let sealed = Sealed::from_bytes(kept).map_err(|error| Error::AcmeSetup(error.to_string()))?;
    Ok(hsm.unseal(&sealed, place).await?)
}

/// 256 random bits, for a key.
fn random_secret() -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut octets = Zeroizing::new(vec![0; 32]);
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| Error::NoRandomness)?;
    Ok(octets)
}

/// Random octets that are no secret of ours: a token (RFC 8555 8.3 asks for 128 bits), the chance in a nonce.
fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut octets = [0; N];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| Error::NoRandomness)?;
    Ok(octets)
}

fn random_token() -> Result<String, Error> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// ACME on an authority. Clones are handles on the same one.
#[derive(Clone)]
pub(crate) struct Acme {
    authority: Authority,
    setup: Arc<Setup>,
}

impl Acme {
    pub(crate) fn new(authority: Authority, setup: Arc<Setup>) -> Acme {
        Acme { authority, setup }
    }

    fn desk(&self) -> &Desk {
        self.authority.desk()
    }

    fn now(&self) -> Millis {
        self.desk().clock.now()
    }

    /// The address of something under the base.
    fn url(&self, path: &str) -> String {
        self.setup.config.url.join(path)
    }

    /// A nonce for the next request, RFC 8555 6.5.1.
    pub(crate) fn fresh_nonce(&self) -> Result<String, Problem> {
        Ok(self.setup.nonces.give(self.now(), random::<16>()?))
    }

    /// The value of `Link`, RFC 8555 7.1.
    pub(crate) fn index_link(&self) -> String {
        format!("<{}>;rel=\"index\"", self.url("/acme/directory"))
    }
}
