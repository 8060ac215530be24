//! The body of `signDoc`, which can be large: read without a tree of values.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::fields::{algorithm, digests};
use super::member::{List, Member, Text, Wanted};
use super::polling::{Mode, mode};
use crate::api::SignatureForm;
use crate::cades::{Level, Validation};
use crate::digest::Digest;
use crate::error::{Error, Parameter};
use crate::ids::AuthorisationId;
use crate::sad::Shown;
use crate::signing::{Algorithm, Document, Request};
use crate::suite::Hash;

/// The parameters. Those that nobody asks for are ignored, as the specification has it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow, rename = "credentialID")]
    credential: Text<'a>,
    #[serde(borrow, rename = "SAD")]
    sad: Text<'a>,
    #[serde(borrow, rename = "operationMode")]
    mode: Text<'a>,
    validity_period: Member<i64>,
    #[serde(rename = "returnValidationInfo")]
    validation: Member<bool>,
    #[serde(borrow)]
    response_uri: Text<'a>,
    #[serde(borrow, rename = "documentDigests")]
    digests: Member<Entries<'a>>,
    #[serde(borrow)]
    documents: Member<Entries<'a>>,
}

type Entries<'a> = List<Member<Entry<'a>>>;

/// An element of `documentDigests` or of `documents`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry<'a> {
    #[serde(borrow)]
    hashes: Member<Hashes<'a>>,
    #[serde(borrow)]
    document: Text<'a>,
    #[serde(borrow)]
    signature_format: Text<'a>,
    #[serde(borrow)]
    conformance_level: Text<'a>,
    #[serde(borrow)]
    signed_envelope_property: Text<'a>,
    #[serde(borrow, rename = "signAlgo")]
    sign_algorithm: Text<'a>,
    #[serde(borrow, rename = "hashAlgorithmOID")]
    hash_algorithm: Text<'a>,
    signed_props: Member<List<IgnoredAny>>,
}

/// The specification says an array, and shows a string.
struct Hashes<'a>(Vec<Text<'a>>);

impl<'de: 'a, 'a> Wanted<'de> for Body<'a> {
    fn object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

impl<'de: 'a, 'a> Wanted<'de> for Entry<'a> {
    fn object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

impl<'de: 'a, 'a> Wanted<'de> for Hashes<'a> {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        Some(Self(vec![Member::Given(text)]))
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        Ok(List::list(list)?.map(|List(texts)| Self(texts)))
    }
}

/// What may be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    /// How many documents.
    pub(super) documents: usize,
    /// The highest level.
    pub(super) level: Level,
}

/// A request, read.
pub(super) struct Asked {
    pub(super) request: Request,
    /// The level of each document.
    pub(super) levels: Vec<Level>,
    /// When it is answered.
    pub(super) mode: Mode,
    /// Whether with what the signatures are checked with.
    pub(super) validation: Validation,
}

/// Reads a request. `authorisation` is what the access token is for.
pub(super) fn parse(body: &[u8], most: Most, authorisation: Option<AuthorisationId>) -> Result<Asked, Error> {
    let Ok(Member::Given(body)) = serde_json::from_slice::<Member<Body<'_>>>(body) else {
        return Err(Parameter::Body.into());
    };
    let credential = body.credential.required("credentialID")?;
    let credential =
        credential.parse().map_err(|_| Error::CredentialUnknown { credential: credential.to_owned() })?;
    let shown = match (&body.sad, authorisation) {
        (Member::Absent, Some(authorisation)) => Shown::Authorisation(authorisation),
        _ => Shown::read(body.sad.required("SAD")?),
    };
    let validity = match body.validity_period {
        Member::Absent => None,
        Member::Given(period) => Some(period),
        Member::Other => return Err(Parameter::Invalid("validity_period").into()),
    };
    let mode =
        mode(body.mode.optional("operationMode")?, validity, body.response_uri.optional("response_uri")?)?;
    let mut levels = Vec::new();
    let documents = match (body.digests, body.documents) {
        (Member::Absent, Member::Absent) => Vec::new(),
        (digests, Member::Absent) => {
            from_digests(&entries(digests, &Parameter::DocumentDigests)?, most, &mut levels)?
        }
        (Member::Absent, documents) => {
            from_documents(&entries(documents, &Parameter::Documents)?, most, &mut levels)?
        }
        _ => return Err(Parameter::BothGiven.into()),
    };
    if documents.is_empty() {
        return Err(Parameter::NothingToSign.into());
    }
    let validation = match body.validation {
        Member::Absent | Member::Given(false) => Validation::Unwanted,
        Member::Given(true) => Validation::Wanted,
        Member::Other => return Err(Parameter::Invalid("returnValidationInfo").into()),
    };
    Ok(Asked { request: Request { credential, shown, documents }, levels, mode, validation })
}

fn entries<'a>(given: Member<Entries<'a>>, wrong: &Parameter) -> Result<Vec<Entry<'a>>, Parameter> {
    let Member::Given(List(entries)) = given else { return Err(wrong.clone()) };
    let object = |entry| match entry {
        Member::Given(entry) => Ok(entry),
        Member::Absent | Member::Other => Err(wrong.clone()),
    };
    entries.into_iter().map(object).collect()
}

fn from_digests(entries: &[Entry<'_>], most: Most, levels: &mut Vec<Level>) -> Result<Vec<Document>, Error> {
    let mut documents = Vec::new();
    for entry in entries {
        let Member::Given(Hashes(hashes)) = &entry.hashes else {
            return Err(Parameter::DocumentDigests.into());
        };
        if documents.len() + hashes.len() > most.documents {
            return Err(Error::TooManyDocuments);
        }
        let digests = digests(hashes.iter().map(Member::text), &Parameter::HashesNotBase64)?;
        let form = entry.form()?.unwrap_or(SignatureForm::Detached);
        if form == SignatureForm::Attached {
            return Err(Parameter::AttachedDigest.into());
        }
        let algorithm = entry.algorithm()?;
        if algorithm.hash() != Hash::Sha256 {
            return Err(Parameter::DocumentNeeded.into());
        }
        levels.resize(levels.len() + digests.len(), entry.level(most.level)?);
        documents.extend(digests.into_iter().map(|digest| Document {
            digest,
            message_digest: digest.0.to_vec(),
            form,
            algorithm,
            content: None,
        }));
    }
    Ok(documents)
}

fn from_documents(
    entries: &[Entry<'_>],
    most: Most,
    levels: &mut Vec<Level>,
) -> Result<Vec<Document>, Error> {
    if entries.len() > most.documents {
        return Err(Error::TooManyDocuments);
    }
    let mut documents = Vec::with_capacity(entries.len());
    for entry in entries {
        let content = entry.document.text().ok_or(Parameter::Documents)?;
        let content = STANDARD.decode(content).map_err(|_| Parameter::DocumentNotBase64)?;
        let form = entry.form()?.unwrap_or(SignatureForm::Attached);
        let algorithm = entry.algorithm()?;
        levels.push(entry.level(most.level)?);
        let digest = Digest::of(&content);
        let message_digest = algorithm.hash().digest(&content);
        let content = (form == SignatureForm::Attached).then_some(content);
        documents.push(Document { digest, message_digest, form, algorithm, content });
    }
    Ok(documents)
}

impl Entry<'_> {
    fn algorithm(&self) -> Result<Algorithm, Parameter> {
        let sign = self.sign_algorithm.required("signAlgo")?;
        algorithm(sign, self.hash_algorithm.optional("hashAlgorithmOID")?)
    }

    /// How much is to stand around the signature.
    fn level(&self, most: Level) -> Result<Level, Parameter> {
        let Some(name) = self.conformance_level.optional("conformance_level")? else { return Ok(Level::B) };
        let level = Level::called(name).filter(|level| *level <= most);
        level.ok_or(Parameter::Invalid("conformance_level"))
    }

    /// Format and signed properties, which have one value each here, and the envelope, which is a choice.
    fn form(&self) -> Result<Option<SignatureForm>, Parameter> {
        if self.signature_format.required("signature_format")? != "C" {
            return Err(Parameter::Invalid("signature_format"));
        }
        match &self.signed_props {
            Member::Absent => {}
            Member::Given(List(properties)) if properties.is_empty() => {}
            Member::Given(_) | Member::Other => return Err(Parameter::SignedProperties),
        }
        match self.signed_envelope_property.optional("signed_envelope_property")? {
            None => Ok(None),
            Some("Detached") => Ok(Some(SignatureForm::Detached)),
            Some("Attached") => Ok(Some(SignatureForm::Attached)),
            Some("Parallel") => Err(Parameter::ParallelSignature),
            Some(_) => Err(Parameter::Invalid("signed_envelope_property")),
        }
    }
}
