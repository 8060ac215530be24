//! What a roll-over will make: decided before anything is done, or read back from what was begun.

use std::sync::Arc;

use hsm::{Alg, Key};
use platform::clock::Millis;
use x509_cert::der::Decode as _;

use super::{Signer, corrupt};
use crate::api::{GenerationInfo, GenerationState, RolloverRequest};
use crate::asn1::{BIT_STRING, INTEGER, SEQUENCE, context_constructed, tlv, unsigned};
use crate::authority::Authority;
use crate::error::Error;
use crate::intent::BACKDATING;
use crate::issuer;
use crate::joining::algorithm_identifier;
use crate::names::IssuerId;
use crate::profile::Profile;
use crate::store::generations::{self, StoredGeneration};
use crate::subject::{self, AttributeKind, Subject};

/// How far ahead the moment may be, from which on new certificates come from the new key.
const FARTHEST_MS: i64 = 366 * 86_400_000;
/// How long after a generation was made the same request means that one and no further one.
const SAME_MS: i64 = 86_400_000;

/// What a request comes to.
pub(super) enum Planned {
    /// A generation is to be made, or taken up.
    ToDo(Plan),
    /// It was made before.
    Done(IssuerId),
}

/// A generation that is to be made.
pub(super) struct Plan {
    pub(super) id: IssuerId,
    pub(super) subject: Subject,
    pub(super) key_label: String,
    pub(super) alg: Alg,
    pub(super) signs_from: Millis,
    /// Who will certify it, in words.
    certified_by: String,
}

impl Plan {
    /// The next generation of an authority, or the one that was begun and is not certified.
    pub(super) async fn make(
        authority: &Authority,
        line: &str,
        request: &RolloverRequest,
    ) -> Result<Planned, Error> {
        // Another process may have made one since.
        authority.read_book().await?;
        let before = authority.issuer(line)?;
        if before.id().generation() > 1 {
            let line = before.id().line();
            return Err(Error::RolloverRefused(format!("name the authority without a generation: {line}")));
        }
        let book = authority.book();
        let newest = book.newest(before.id()).cloned().unwrap_or(before);
        let id = newest.id().of_generation(newest.id().generation() + 1).map_err(refused)?;
        let known = generations::all(authority.desk().db.read()).await?;
        if let Some(begun) = known.iter().find(|known| known.issuer == id.as_str()) {
            demand_next(request, &id)?;
            return Plan::of(authority, begun).map(Planned::ToDo);
        }
        // A root's certificates across come after its own: as long as they are missing, it is not done.
        if let Some(last) = known.iter().find(|known| known.issuer == newest.id().as_str())
            && unfinished(authority, newest.id(), last).await?
        {
            return Plan::of(authority, last).map(Planned::ToDo);
        }
        let now = authority.desk().guarded_now()?;
        if let Some(made) = made_before((&newest, book.is_revoked(newest.id())), &known, request, now)? {
            return Ok(Planned::Done(made));
        }
        demand_next(request, &id)?;
        demand_own_root(&newest)?;
        // Clocks differ a little; who names an earlier moment means something else than now.
        if request.signs_from.is_some_and(|from| from.0 < now.0 - BACKDATING.seconds * 1000) {
            let sentence =
                "signs_from has gone by; leave it out, and new certificates come from the new key at once";
            return Err(Error::RolloverRefused(sentence.to_owned()));
        }
        let signs_from = request.signs_from.unwrap_or(now).max(now);
        // An authority that has ended is given a new key all the same, from now on.
        let leaves_gap = signs_from > now && signs_from >= newest.identity.period.not_after;
        if signs_from.0 > now.0 + FARTHEST_MS || leaves_gap {
            let sentence = "signs_from is within a year and before the end of the generation before";
            return Err(Error::RolloverRefused(sentence.to_owned()));
        }
        let subject = renamed(&newest.identity.subject, id.generation(), request.common_name.as_deref())?;
        // Those that wait for their certificate have their name too.
        let name = subject.to_der();
        if book.issuers().any(|issuer| issuer.identity.name_der == name)
            || known.iter().any(|waiting| waiting.subject == name)
        {
            let sentence = format!("there is an issuer with the name {subject}; give another common_name");
            return Err(Error::RolloverRefused(sentence));
        }
        let plan = Plan {
            key_label: label(authority, &known, &id).await?,
            alg: algorithm(newest.identity.alg, request.algorithm.as_deref())?,
            certified_by: certified_by(authority, &id),
            id,
            subject,
            signs_from,
        };
        if !plan.profile(authority).keys.contains(&plan.alg) {
            return Err(crate::subject_key::KeyRefused::NotInProfile(plan.alg).into());
        }
        Ok(Planned::ToDo(plan))
    }

    fn of(authority: &Authority, stored: &StoredGeneration) -> Result<Plan, Error> {
        let id: IssuerId = stored.issuer.parse().map_err(|error| corrupt(&error))?;
        let alg = Alg::ALL.into_iter().find(|alg| alg.as_str() == stored.algorithm);
        Ok(Plan {
            subject: subject(&stored.subject)?,
            key_label: stored.key_label.clone(),
            alg: alg.ok_or_else(|| corrupt(&stored.algorithm))?,
            signs_from: stored.signs_from,
            certified_by: certified_by(authority, &id),
            id,
        })
    }

    pub(super) fn stored(&self) -> StoredGeneration {
        StoredGeneration {
            issuer: self.id.to_string(),
            key_label: self.key_label.clone(),
            algorithm: self.alg.to_string(),
            subject: self.subject.to_der(),
            signs_from: self.signs_from,
            request: None,
            certified_at: None,
        }
    }

    pub(super) fn profile(&self, authority: &Authority) -> Arc<Profile> {
        let profiles = &authority.desk().profiles;
        Arc::clone(if self.id.is_root() { &profiles.root } else { profiles.issuing_of(&self.id) })
    }

    /// Who certifies it: a root itself, the root that signs now any other. `None` while that root's key is elsewhere.
    pub(super) fn signer(&self, authority: &Authority, key: &Key) -> Result<Option<Signer>, Error> {
        if self.id.is_root() {
            return Signer::itself(self, key).map(Some);
        }
        let root = authority.signing(&IssuerId::root())?;
        match Signer::of(&root) {
            Ok(signer) => Ok(Some(signer)),
            Err(Error::IssuerKeyMissing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The first lines of the transcript.
    pub(super) fn lines(&self) -> Vec<String> {
        let Plan { id, subject, key_label, alg, signs_from, certified_by } = self;
        vec![
            format!("lanyard ca rollover, version {}: \"{id}\"", env!("CARGO_PKG_VERSION")),
            format!("subject {subject}"),
            format!("key \"{key_label}\", {alg}, made in the token"),
            certified_by.clone(),
            format!("new certificates come from it from {signs_from} on"),
        ]
    }

    /// What a dry run answers.
    pub(super) fn info(&self) -> GenerationInfo {
        GenerationInfo {
            issuer: self.id.to_string(),
            state: GenerationState::Planned,
            subject: self.subject.to_string(),
            key_label: self.key_label.clone(),
            algorithm: self.alg.to_string(),
            signs_from: self.signs_from,
            request: None,
            certificate: None,
            cross_certificates: Vec::new(),
            transcript: self.lines(),
        }
    }
}

/// The generation that a request means which was answered before: the one it names, or the newest, while that is young.
fn made_before(
    (newest, is_revoked): (&issuer::Issuer, bool),
    known: &[StoredGeneration],
    request: &RolloverRequest,
    now: Millis,
) -> Result<Option<IssuerId>, Error> {
    let id = newest.id();
    if let Some(wanted) = request.generation {
        let there = (2..=id.generation()).contains(&wanted);
        return there.then(|| id.of_generation(wanted).map_err(refused)).transpose();
    }
    // The first is the ceremony's, also where it waited for a root that is kept elsewhere.
    let made = known.iter().find(|known| known.issuer == id.as_str()).filter(|_| id.generation() > 1);
    let young =
        |made: &&StoredGeneration| made.certified_at.is_some_and(|at| now.0 < at.0.saturating_add(SAME_MS));
    // One that was revoked since needs a successor at once.
    let Some(made) = made.filter(young).filter(|_| !is_revoked) else { return Ok(None) };
    let subject = subject(&made.subject)?;
    let same = request.algorithm.as_ref().is_none_or(|wish| *wish == made.algorithm)
        && request.common_name.as_ref().is_none_or(|wish| wish == subject.common_name())
        && request.signs_from.is_none_or(|wish| wish == made.signs_from);
    if same {
        return Ok(Some(id.clone()));
    }
    let further = id.generation() + 1;
    let sentence = format!(
        "{id} was made within the last day, otherwise than is wished now; say generation {further} for a further one"
    );
    Err(Error::RolloverRefused(sentence))
}

/// The generation that is named, if one is, can be the next only.
fn demand_next(request: &RolloverRequest, next: &IssuerId) -> Result<(), Error> {
    match request.generation {
        Some(wanted) if wanted != next.generation() => {
            let sentence =
                format!("the next generation is {}, and {wanted} is none that was made", next.generation());
            Err(Error::RolloverRefused(sentence))
        }
        _ => Ok(()),
    }
}

async fn unfinished(authority: &Authority, id: &IssuerId, stored: &StoredGeneration) -> Result<bool, Error> {
    Ok(stored.certified_at.is_none() || !is_finished(authority, id).await?)
}

/// Whether a generation has everything it needs.
pub(super) async fn is_finished(authority: &Authority, id: &IssuerId) -> Result<bool, Error> {
    let lines = generations::lines(authority.desk().db.read(), id.as_str()).await?;
    Ok(lines.iter().any(|(_, line)| line == super::FINISHED))
}

/// The name of before, with the generation at the end of the common name.
fn renamed(before: &Subject, generation: u32, wished: Option<&str>) -> Result<Subject, Error> {
    let common_name = wished.map_or_else(
        || {
            let old = before.common_name();
            let numbered = |number: &str| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
            let stem =
                old.rsplit_once(" G").filter(|(_, number)| numbered(number)).map_or(old, |(stem, _)| stem);
            format!("{stem} G{generation}")
        },
        str::to_owned,
    );
    let mut subject = before.clone();
    for attribute in &mut subject.attributes {
        if attribute.kind == AttributeKind::CommonName {
            *attribute = subject::text("common_name", AttributeKind::CommonName, &common_name)?;
        }
    }
    Ok(subject)
}

/// A new root beside one whose key is kept elsewhere would be everybody's anchor, by the word of this server alone.
fn demand_own_root(newest: &issuer::Issuer) -> Result<(), Error> {
    if !newest.id().is_root() || newest.key().is_ok() {
        return Ok(());
    }
    let sentence = "the key of the root is not in this token; a root that is kept elsewhere is followed by one that is \
                    made on its machine";
    Err(Error::RolloverRefused(sentence.to_owned()))
}

/// The label of before with the generation at its end; one that no other authority has, and no key in the token.
async fn label(
    authority: &Authority,
    generations: &[StoredGeneration],
    id: &IssuerId,
) -> Result<String, Error> {
    let stored = crate::store::issuers::all(authority.desk().db.read()).await?;
    let first = stored.iter().find(|issuer| issuer.id == id.line().as_str());
    let stem = first.map_or_else(|| format!("ca-{}", id.line()), |issuer| issuer.key_label.clone());
    let label = format!("{stem}-g{}", id.generation());
    let known = stored.iter().map(|issuer| &issuer.key_label);
    let known =
        known.chain(generations.iter().map(|waiting| &waiting.key_label)).any(|known| *known == label);
    // Whatever such a key has signed, and for whom it was made, nobody here knows.
    let found = match authority.hsm().key(&label).await {
        Err(hsm::Error::KeyNotFound { .. }) => false,
        Ok(_) | Err(hsm::Error::KeysDiffer { .. }) => true,
        Err(error) => return Err(error.into()),
    };
    if known || found {
        let sentence = format!(
            "there is a key \"{label}\" already, which is not this authority's; look what it is for, and take it out of the \
             token if it is for nothing"
        );
        return Err(Error::RolloverRefused(sentence));
    }
    Ok(label)
}

fn algorithm(before: Alg, wished: Option<&str>) -> Result<Alg, Error> {
    let Some(wished) = wished else { return Ok(before) };
    Alg::ALL.into_iter().find(|alg| alg.as_str() == wished).ok_or_else(|| {
        let names = Alg::ALL.map(Alg::as_str).join(", ");
        Error::RequestInvalid { field: "algorithm", sentence: format!("one of {names}") }
    })
}

fn certified_by(authority: &Authority, id: &IssuerId) -> String {
    if id.is_root() {
        let others = authority.book();
        let others = others.issuers().filter(|known| known.id().is_root() && known.id() != id);
        let others: Vec<_> = others.map(|known| known.id().to_string()).collect();
        return format!("certified by itself, and across with {}", others.join(", "));
    }
    match authority.signing(&IssuerId::root()) {
        Ok(root) if root.key().is_ok() => format!("certified by {}", root.id()),
        _ => "certified in a ceremony with the root's key, which is not in this token".to_owned(),
    }
}

/// A stored name.
pub(super) fn subject(der: &[u8]) -> Result<Subject, Error> {
    issuer::subject(&x509_cert::name::Name::from_der(der).map_err(|error| corrupt(&error))?)
}

/// A PKCS#10 request for this name, signed by its key: RFC 2986 4.
pub(crate) async fn request(subject: &Subject, key: &Key) -> Result<Vec<u8>, Error> {
    let attributes = tlv(context_constructed(0), &[]);
    let info = tlv(SEQUENCE, &[&unsigned(INTEGER, &[0]), &subject.to_der(), key.public_key(), &attributes]);
    let signature = key.sign(key.alg().default_scheme(), &info).await?;
    let bits = tlv(BIT_STRING, &[&[0], &signature]);
    let whole = tlv(SEQUENCE, &[&info, &algorithm_identifier(key.alg()), &bits]);
    // Another's decoder finds the proof of possession in it, or it is not given out.
    pki::Csr::from_der(&whole).map_err(|_| crate::joining::Unfit::Differs)?;
    Ok(whole)
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::RolloverRefused(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(before: &str, generation: u32) -> String {
        let attribute = subject::text("common_name", AttributeKind::CommonName, before).unwrap();
        let before = Subject { attributes: vec![attribute] };
        renamed(&before, generation, None).unwrap().common_name().to_owned()
    }

    /// The generation stands once at the end of a name, and a G in the name itself stays.
    #[test]
    fn names_tell_the_generation() {
        assert_eq!(named("Card CA", 2), "Card CA G2");
        assert_eq!(named("Card CA G2", 3), "Card CA G3");
        assert_eq!(named("Larkfield Group", 2), "Larkfield Group G2");
        assert_eq!(named("Ward Grade CA", 12), "Ward Grade CA G12");
    }
}
