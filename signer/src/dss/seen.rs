//! What whoever is asked to sign is shown of each document.

use std::collections::HashMap;

use platform::clock::Millis;
use serde::{Deserialize, Serialize};

use super::Token;
use crate::digest::Digest;
use crate::eps::{AuthorTime, SignedInfo, Told};
use crate::error::Error;
use crate::offload::off_thread_if;
use crate::prepare;
use crate::signer::Signer;
use crate::store::prepared::{self, PreparedRow};

/// How many prepared prescriptions are in memory and read at a time.
const TOGETHER: usize = 25;

/// A document of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Document {
    /// The application's name for it.
    pub(crate) id: String,
    /// What is known of it.
    pub(crate) content: Content,
    /// Random, so that a hash of it tells nobody what it is.
    #[serde(default)]
    pub(crate) salt: String,
    /// When its author says that they sign it, where it was seen: that is signed too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) author_at: Option<Millis>,
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

/// A document to sign, of which is looked up what is known.
pub(crate) struct Wanted {
    /// What it is called.
    pub(crate) id: String,
    /// The digest of what is signed.
    pub(crate) digest: Digest,
    /// What is shown where it was not seen: a digest, base64.
    pub(crate) unseen: String,
}

/// Looks for each document among those that the application had prepared. They are read and hashed again in groups, on a thread that may be
/// kept busy: 250 prescriptions take their time.
pub(crate) async fn documents(
    signer: &Signer,
    client: &str,
    wanted: Vec<Wanted>,
    now: Millis,
) -> Result<Vec<Document>, Error> {
    let digests: Vec<Digest> = wanted.iter().map(|one| one.digest).collect();
    let kept = prepared::which(signer.db.read(), client, &digests, now).await?;
    let mut seen = HashMap::new();
    for digests in kept.chunks(TOGETHER) {
        let mut rows = Vec::with_capacity(digests.len());
        for digest in digests {
            rows.extend(prepared::by_digest(signer.db.read(), client, digest, now).await?);
        }
        let read = off_thread_if(true, move || rows.iter().filter_map(read).collect::<Vec<_>>());
        seen.extend(read.await);
    }
    let document = |one: Wanted| {
        let (content, author_at) = match seen.remove(&one.digest) {
            Some((told, author_at)) => (Content::Seen(told), Some(author_at)),
            None => (Content::Unseen(one.unseen), None),
        };
        Ok(Document { id: one.id, content, salt: Token::generate(&signer.random)?.text(), author_at })
    };
    wanted.into_iter().map(document).collect()
}

/// The times of their authors, as far as they are known.
pub(super) fn author_times(documents: &[Document]) -> impl Iterator<Item = Millis> {
    documents.iter().filter_map(|document| document.author_at)
}

/// What was prepared and the time of its author, if its statement has its digest.
fn read(row: &PreparedRow) -> Option<(Digest, (Told, Millis))> {
    let element = crate::xml::read(row.signed_info.as_bytes(), row.signed_info.len()).ok()?;
    let info = SignedInfo::of(&element)?;
    let is_it = Digest::of(info.to_string().as_bytes()) == row.digest;
    let told = told(&row.document, row.author_at, &info).filter(|_| is_it)?;
    Some((row.digest, (told, row.author_at)))
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
