//! What whoever is asked to sign is shown of each document.

use std::collections::HashSet;

use platform::clock::Millis;
use platform::problem::Problem;
use serde::{Deserialize, Serialize};

use super::statement::Payload;
use crate::digest::Digest;
use crate::eps::{AuthorTime, SignedInfo, Told};
use crate::error::Error;
use crate::prepare;
use crate::signer::Signer;
use crate::store::prepared;

/// A document of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Document {
    /// The application's name for it.
    pub(crate) id: String,
    /// What is known of it.
    pub(crate) content: Content,
}

/// What is known of a document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    /// The application had it prepared: this is what is signed.
    Seen(Told),
    /// Only the digest is known, base64.
    Unseen(String),
}

impl Content {
    /// Whether it was seen.
    pub(crate) fn is_seen(&self) -> bool {
        matches!(self, Self::Seen(_))
    }
}

impl Document {
    /// What its signature will be about: its name, and its patient where that was seen.
    pub(crate) fn about(self) -> (String, Option<String>) {
        let patient = match self.content {
            Content::Seen(told) => Some(told.nhs_number).filter(|number| !number.is_empty()),
            Content::Unseen(_) => None,
        };
        (self.id, patient)
    }
}

/// What an application had prepared under the hash of its statement, as it is signed.
pub(crate) async fn seen_of(
    signer: &Signer,
    client: &str,
    digest: &Digest,
    now: Millis,
) -> Result<Option<Told>, Error> {
    let row = prepared::by_digest(signer.db.read(), client, digest, now).await?;
    Ok(row.and_then(|row| {
        let element = crate::xml::read(row.signed_info.as_bytes(), row.signed_info.len()).ok()?;
        let info = SignedInfo::of(&element)?;
        let is_it = Digest::of(info.to_string().as_bytes()) == *digest;
        told(&row.document, row.author_at, &info).filter(|_| is_it)
    }))
}

/// Looks for each document among those that the application had prepared.
pub(crate) async fn documents(
    signer: &Signer,
    client: &str,
    payloads: &[Payload],
    now: Millis,
) -> Result<Vec<Document>, Error> {
    let mut documents = Vec::with_capacity(payloads.len());
    for payload in payloads {
        let row = prepared::by_digest(signer.db.read(), client, &payload.digest, now).await?;
        let told = row.and_then(|row| told(&row.document, row.author_at, &payload.info));
        let content = told.map_or_else(|| Content::Unseen(payload.info.digest().to_owned()), Content::Seen);
        documents.push(Document { id: payload.id.clone(), content });
    }
    Ok(documents)
}

/// Nobody signs in another's name: where the register knows the author's role profile, it has to be the signer's own.
pub(crate) async fn check_authors(
    signer: &Signer,
    documents: &[Document],
    subject: &str,
) -> Result<(), Error> {
    let mut known = HashSet::new();
    for (place, document) in documents.iter().enumerate() {
        let Content::Seen(told) = &document.content else { continue };
        let role = told.author.role_profile.as_str();
        if role.is_empty() || !known.insert(role) {
            continue;
        }
        let holder = directory::api::role_holder(signer.db.read(), role).await?;
        if holder.is_some_and(|holder| holder != subject) {
            let sentence = format!(
                "The author of document {} is somebody else than sub of the JWT: its role profile is another person's.",
                place + 1
            );
            return Err(Error::Dss(Problem::forbidden("author-other", sentence)));
        }
    }
    Ok(())
}

/// What a kept document says, if what is to be signed is said of it: it is hashed again, so that whatever is kept, nothing else is
/// shown than what is signed.
fn told(document: &[u8], author_at: Millis, info: &SignedInfo) -> Option<Told> {
    let at = AuthorTime::at(author_at).ok()?;
    let fragments = match prepare::Document::read(document).ok()? {
        prepare::Document::Fhir(message) => message.fragments(at).ok()?,
        prepare::Document::V3(prescription) => prescription.fragments().clone(),
    };
    let is_it = SignedInfo::over(&fragments, info.algorithm()) == *info;
    if is_it { fragments.told().ok() } else { None }
}
