//! Prescriptions as HL7 V3: a `ParentPrescription`, alone or in its message.

use super::fragments::{Fragments, Parts};
use super::{AuthorTime, Fault, V3, XMLDSIG, at_most_one, only};
use crate::xml::{Element, read};

/// What the short id of a prescription is one of.
const SHORT_ID: &str = "2.16.840.1.113883.2.1.3.2.4.18.8";
/// How large a prescription may be.
const LARGEST: usize = 1024 * 1024;

/// A prescription in HL7 V3, read: every part that is signed is there once, in the one place where readers look for it.
pub(crate) struct Prescription {
    fragments: Fragments,
    time: String,
    signature: Option<Element>,
}

impl Prescription {
    /// Reads a document.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, Fault> {
        Self::of(&read(octets, LARGEST)?)
    }

    fn of(root: &Element) -> Result<Self, Fault> {
        let parent = parent_prescription(root)?;
        let information = child(parent, "pertinentInformation1")?;
        let prescription = child(information, "pertinentPrescription")?;
        let author = child(prescription, "author")?;
        let time = child(author, "time")?;
        let mut line_items = Vec::new();
        for information in prescription.all("pertinentInformation2") {
            line_items.push(child(as_in(prescription, information)?, "pertinentLineItem")?);
        }
        let parts = Parts {
            time,
            id: long_id(prescription)?,
            agent_person: child(author, "AgentPerson")?,
            record_target: child(parent, "recordTarget")?,
            line_items,
        };
        Ok(Self {
            fragments: Fragments::new(&parts)?,
            time: time.attribute("value").unwrap_or_default().to_owned(),
            signature: signature(author)?,
        })
    }

    /// What is signed.
    pub(crate) fn fragments(&self) -> &Fragments {
        &self.fragments
    }

    /// When its author signed, as the document says.
    pub(crate) fn author_time(&self) -> Result<AuthorTime, Fault> {
        AuthorTime::from_v3(&self.time)
    }

    /// The `Signature` in it, if there is one.
    pub(crate) fn signature(&self) -> Option<&Element> {
        self.signature.as_ref()
    }
}

/// The one `ParentPrescription`, where messages have it. One anywhere else is refused: a reader could take it for the signed one.
fn parent_prescription(root: &Element) -> Result<&Element, Fault> {
    const NAME: &str = "ParentPrescription";
    let everywhere = root.descend();
    only(everywhere.iter().filter(|element| element.is_named(NAME)), NAME)?;
    only(
        everywhere.iter().filter(|element| element.is_named("pertinentPrescription")),
        "pertinentPrescription",
    )?;
    if root.is_named(NAME) {
        return in_v3(root);
    }
    let event = child(root, "ControlActEvent")?;
    child(child(event, "subject")?, NAME)
}

/// The long id, which is signed: the first. Beside it there is the short one at most, or a reader could take another for the signed one.
fn long_id(prescription: &Element) -> Result<&Element, Fault> {
    const PATH: &str = "pertinentPrescription.id";
    let mut ids = prescription.all("id").map(|id| as_in(prescription, id));
    let long = ids.next().ok_or_else(|| Fault::at(PATH, "is missing"))??;
    let short = ids.next().transpose()?;
    let is_short =
        |id: &Element| id.attribute("root") == Some(SHORT_ID) && id.attribute("extension").is_some();
    if is_short(long) || short.is_some_and(|id| !is_short(id)) || ids.next().is_some() {
        return Err(Fault::at(PATH, "is not a long id with a short one behind it"));
    }
    Ok(long)
}

/// The one child of this name.
fn child<'a>(parent: &'a Element, local: &'static str) -> Result<&'a Element, Fault> {
    as_in(parent, only(parent.all(local), local)?)
}

/// An element of another namespace than the one around it only looks like the signed one.
fn as_in<'a>(parent: &Element, element: &'a Element) -> Result<&'a Element, Fault> {
    if element.name.namespace == parent.name.namespace {
        in_v3(element)
    } else {
        Err(Fault::at(&element.name.local, "is of another namespace"))
    }
}

/// Documents are also kept without any namespace.
fn in_v3(element: &Element) -> Result<&Element, Fault> {
    if element.name.namespace == V3 || element.name.namespace.is_empty() {
        Ok(element)
    } else {
        Err(Fault::at(&element.name.local, "is of another namespace"))
    }
}

fn signature(author: &Element) -> Result<Option<Element>, Fault> {
    let Some(text) = at_most_one(author.all("signatureText"), "author.signatureText")? else {
        return Ok(None);
    };
    let found = at_most_one(text.children(), "author.signatureText")?;
    match found {
        None => Ok(None),
        Some(found) if found.is_named("Signature") && found.name.namespace == XMLDSIG => {
            Ok(Some(found.clone()))
        }
        Some(_) => Err(Fault::at("author.signatureText", "holds something else than a signature")),
    }
}
