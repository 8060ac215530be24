//! Every issuer of this authority, with its generations and what roots certified of each other.
//!
//! Generations are made while the authority serves, by any process, so the book is read again by the schedule. A book is
//! never changed: who works with one keeps it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hsm::Hsm;
use pki::Certificate;
use pki::ocsp::{CertId, Hash};
use platform::clock::Millis;

use crate::desk::Desk;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::names::IssuerId;
use crate::profile::Kind;
use crate::profile::Profiles;
use crate::store::generations;
use crate::store::issuers::{self, StoredIssuer};

/// The issuers at one moment.
#[derive(Default)]
pub(crate) struct Book {
    issuers: BTreeMap<IssuerId, Arc<Issuer>>,
    crosses: Vec<Cross>,
    /// Those whose own certificate is revoked.
    revoked: Vec<String>,
    /// Those with an OCSP responder, by the hashes of their names and keys.
    asked: Asked,
}

/// Issuers by the hash of their name and, behind it, the hash of their key.
type Asked = HashMap<Vec<u8>, IssuerId>;

/// How long both hashes of a question are at most, SHA-256 being the longest.
const BOTH_HASHES: usize = 64;

/// A root's key, certified by another root.
#[derive(Clone)]
pub(crate) struct Cross {
    /// The root whose key it is.
    pub(crate) subject: IssuerId,
    /// The root that signed.
    pub(crate) signer: IssuerId,
    pub(crate) certificate: Certificate,
}

impl Book {
    /// Reads what is stored, and keeps what the book before has opened. A key that was not in the token then is looked for
    /// again: another node's comes to this token when it is copied.
    pub(crate) async fn read(desk: &Desk, hsm: &Hsm, before: &Book) -> Result<Book, Error> {
        let stored = issuers::all(desk.db.read()).await?;
        let is_root = |issuer: &&StoredIssuer| issuer.id.parse().is_ok_and(|id: IssuerId| id.is_root());
        let roots: Vec<_> = stored.iter().filter(is_root).map(certificate).collect::<Result<_, _>>()?;
        if roots.is_empty() {
            return Err(Error::NotFounded);
        }
        let generations = generations::all(desk.db.read()).await?;
        let mut book = Book { revoked: issuers::revoked(desk.db.read()).await?, ..Book::default() };
        for row in &stored {
            let known = before.issuers.values().find(|known| known.id().as_str() == row.id);
            let issuer = match known {
                Some(known) if known.key().is_ok() => Arc::clone(known),
                known => {
                    let generation = generations.iter().find(|generation| generation.issuer == row.id);
                    let signs_from = generation.map_or(Millis(0), |generation| generation.signs_from);
                    match (Issuer::open(row, &roots, signs_from, hsm).await, known) {
                        (Ok(issuer), None) => {
                            issuer.warn_without_key();
                            Arc::new(issuer)
                        }
                        (Ok(issuer), Some(_)) if issuer.key().is_ok() => {
                            tracing::info!(issuer = %issuer.id(), "the key of issuer {} is in the token now", issuer.id());
                            Arc::new(issuer)
                        }
                        // It stays as it was: what it does without a key it goes on doing.
                        (_, Some(known)) => Arc::clone(known),
                        (Err(error), None) => return Err(error),
                    }
                }
            };
            book.issuers.insert(issuer.id().clone(), issuer);
        }
        for row in generations::crosses(desk.db.read()).await? {
            let corrupt =
                |error: &dyn std::fmt::Display| platform::db::Error::corrupt("ca_cross_certificate", error);
            book.crosses.push(Cross {
                subject: row.subject.parse().map_err(|error| corrupt(&error))?,
                signer: row.signer.parse().map_err(|error| corrupt(&error))?,
                certificate: Certificate::from_der(&row.certificate).map_err(|error| corrupt(&error))?,
            });
        }
        book.asked = asked(&desk.profiles, book.issuers.values())?;
        Ok(book)
    }

    pub(crate) fn issuers(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.issuers.values()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &IssuerId> + Clone {
        self.issuers.keys()
    }

    pub(crate) fn find(&self, id: &IssuerId) -> Option<&Arc<Issuer>> {
        self.issuers.get(id)
    }

    /// The generation of an authority that new certificates come from now: the newest whose time has come.
    pub(crate) fn signing(&self, line: &IssuerId, now: Millis) -> Option<&Arc<Issuer>> {
        let due = self.of_line(line).filter(|issuer| issuer.signs_from <= now);
        due.max_by_key(|issuer| issuer.id().generation())
    }

    /// Whether the certificate of an issuer is revoked.
    pub(crate) fn is_revoked(&self, id: &IssuerId) -> bool {
        self.revoked.iter().any(|revoked| revoked == id.as_str())
    }

    /// The newest generation of an authority, whether its time has come or not.
    pub(crate) fn newest(&self, line: &IssuerId) -> Option<&Arc<Issuer>> {
        self.of_line(line).max_by_key(|issuer| issuer.id().generation())
    }

    fn of_line(&self, line: &IssuerId) -> impl Iterator<Item = &Arc<Issuer>> {
        self.issuers.values().filter(move |issuer| issuer.id().line() == *line)
    }

    /// What this root was certified by other roots.
    pub(crate) fn crosses_of(&self, root: &IssuerId) -> impl Iterator<Item = &Cross> {
        self.crosses.iter().filter(move |cross| cross.subject == *root)
    }

    /// The root above an issuer.
    pub(crate) fn root_of(&self, issuer: &Issuer) -> Option<&Arc<Issuer>> {
        let top = issuer.chain.last()?;
        self.issuers.values().find(|known| known.certificate.der() == top.der())
    }

    /// The issuer that an OCSP question means, if it is one of ours that answers.
    pub(crate) fn asked(&self, id: &CertId) -> Option<&IssuerId> {
        id.hash()?;
        let (name, key) = (id.name_hash(), id.key_hash());
        let mut both = [0; BOTH_HASHES];
        if name.len() != key.len() {
            return None;
        }
        both.get_mut(..name.len())?.copy_from_slice(name);
        both.get_mut(name.len()..2 * name.len())?.copy_from_slice(key);
        self.asked.get(&both[..2 * name.len()])
    }

    /// Every authority that a profile names is there.
    pub(crate) fn demand_issuers(&self, profiles: &Profiles) -> Result<(), Error> {
        for profile in &profiles.end_entity {
            let Kind::EndEntity { issuers: named } = &profile.kind else { continue };
            if let Some(missing) = named.iter().find(|issuer| !self.issuers.contains_key(issuer)) {
                let (profile, issuer) = (profile.id.clone(), missing.clone());
                return Err(Error::ProfileIssuerMissing { profile, issuer });
            }
        }
        Ok(())
    }
}

fn certificate(stored: &StoredIssuer) -> Result<Certificate, Error> {
    Certificate::from_der(&stored.certificate)
        .map_err(|error| platform::db::Error::corrupt("ca_issuer.certificate", error).into())
}

fn asked<'a>(profiles: &Profiles, issuers: impl Iterator<Item = &'a Arc<Issuer>>) -> Result<Asked, Error> {
    let mut asked = HashMap::new();
    for issuer in issuers.filter(|issuer| profiles.responder(issuer.id()).is_some()) {
        for hash in Hash::ALL {
            let name_hash = hash.digest(&issuer.identity.name_der);
            let key_hash = pki::ocsp::key_hash(hash, &issuer.identity.spki)
                .map_err(|error| platform::db::Error::corrupt("ca_issuer.certificate", error))?;
            asked.insert([name_hash, key_hash].concat(), issuer.id().clone());
        }
    }
    Ok(asked)
}
