//! The signature of prescriptions of the Electronic Prescription Service: what of a prescription is signed, and how.
//!
//! A prescription comes as a FHIR message or as an HL7 V3 message. Of either the same [`Fragments`] are made, whose canonical
//! form is hashed; the hash stands in a [`SignedInfo`], and over that runs the signature.

mod date;
mod fhir;
mod fragments;
mod hl7;
mod provenance;
mod signature;
mod signed_info;
mod told;
mod v3;

use crate::xml::Unreadable;

pub(crate) use fhir::Message;
pub(crate) use fragments::Fragments;
pub(crate) use hl7::Prescription;
pub(crate) use provenance::{Author, provenance};
pub(crate) use signature::{Signature, SignatureFault, write};
pub(crate) use signed_info::{Algorithm, SignedInfo};

pub(crate) use date::AuthorTime;
pub(crate) use told::Told;

/// The namespace of HL7 V3.
const V3: &str = "urn:hl7-org:v3";
/// The namespace of XML signatures.
const XMLDSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// How many items a prescription has at most.
const MOST_ITEMS: usize = 4;

/// Why a prescription cannot be signed or verified.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The XML cannot be read.
    #[error("the document cannot be read: {0}")]
    Xml(#[from] Unreadable),
    /// The JSON cannot be read, or a member has another type than FHIR gives it.
    #[error("the FHIR message cannot be read: {0}")]
    Json(String),
    /// Something is missing, is there too often, or is not taken.
    #[error("{path}: {sentence}")]
    Content {
        /// Where, as FHIR or HL7 V3 calls the place.
        path: String,
        /// What is wrong there.
        sentence: String,
    },
}

impl Fault {
    fn at(path: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self::Content { path: path.into(), sentence: sentence.into() }
    }
}

/// The one of a sort: neither none nor several.
fn only<T>(found: impl IntoIterator<Item = T>, path: &str) -> Result<T, Fault> {
    at_most_one(found, path)?.ok_or_else(|| Fault::at(path, "is missing"))
}

/// The one of a sort, if there is one: several are refused, because nobody could say which is meant.
fn at_most_one<T>(found: impl IntoIterator<Item = T>, path: &str) -> Result<Option<T>, Fault> {
    let mut found = found.into_iter();
    let first = found.next();
    if found.next().is_some() {
        return Err(Fault::at(path, "is there more than once"));
    }
    Ok(first)
}

#[cfg(test)]
mod tests;
