//! Prescriptions as FHIR: a message `prescription-order`, and what of it becomes the signed fragments.

mod items;
mod people;

pub(super) mod model;

use serde::de::DeserializeOwned;

use self::model::{
    Bundle, Entry, Identifier, MedicationRequest, MessageHeader, Patient, Provenance, Reference, Typed,
};
use super::fragments::Parts;
use super::signature::decoded;
use super::v3::{element, global_id};
use super::{AuthorTime, Fault, Fragments, at_most_one, only};

/// How many resources a message may have.
const MOST_RESOURCES: usize = 500;

/// A prescription in FHIR, read.
pub(crate) struct Message {
    fragments: Untimed,
    /// The reference of whoever prescribes.
    requester: String,
    /// The full URLs of the items.
    items: Vec<String>,
    signature: Option<Signed>,
}

/// The signed parts without their time, which prepare or the signature says.
struct Untimed {
    id: crate::xml::Element,
    agent_person: crate::xml::Element,
    record_target: crate::xml::Element,
    line_items: Vec<crate::xml::Element>,
}

/// A signature in the message: the prescriber's, as it stands there.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) when: AuthorTime,
    /// The document of the signature, or what cannot be one.
    pub(crate) data: Vec<u8>,
}

impl Message {
    /// Reads a message.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, Fault> {
        let bundle: Bundle<'_> = serde_json::from_slice(octets).map_err(|error| unreadable(&error))?;
        let resources = Resources::of(&bundle)?;
        let header: MessageHeader = resources.single("MessageHeader")?;
        if header.event_coding.code != "prescription-order" {
            return Err(Fault::at("MessageHeader.eventCoding.code", "must be prescription-order"));
        }
        let requests: Vec<MedicationRequest> = resources.every("MedicationRequest")?;
        let first = requests.first().ok_or_else(|| Fault::at("MedicationRequest", "is missing"))?;
        let requester = agreed(&requests)?;
        let patient: Patient = resources.single("Patient")?;
        let role = resources.resolve(&first.requester, "PractitionerRole", "MedicationRequest.requester")?;
        Ok(Self {
            fragments: Untimed {
                id: global_id(&prescription_id(first)?),
                agent_person: people::agent_person(&resources, &role)?,
                record_target: people::record_target(&patient)?,
                line_items: items::line_items(&resources, &requests)?,
            },
            signature: signature(&resources, &requester)?,
            requester,
            items: resources.urls("MedicationRequest"),
        })
    }

    /// What is signed when its author signs at this time.
    pub(crate) fn fragments(&self, at: AuthorTime) -> Result<Fragments, Fault> {
        let time = element("time").with("value", at.v3());
        Fragments::new(&Parts {
            time: &time,
            id: &self.fragments.id,
            agent_person: &self.fragments.agent_person,
            record_target: &self.fragments.record_target,
            line_items: self.fragments.line_items.iter().collect(),
        })
    }

    /// The prescriber's signature, if the message has one.
    pub(crate) fn signature(&self) -> Option<&Signed> {
        self.signature.as_ref()
    }

    /// Whose signature it is to be, and over which items, by their places in the message.
    pub(crate) fn author(&self) -> super::Author<'_> {
        super::Author { who: &self.requester, targets: &self.items }
    }
}

/// The resources of a message, each read when it is asked for.
pub(super) struct Resources<'a> {
    entries: Vec<(String, &'a Entry<'a>)>,
}

impl<'a> Resources<'a> {
    fn of(bundle: &'a Bundle<'a>) -> Result<Self, Fault> {
        if bundle.entry.len() > MOST_RESOURCES {
            return Err(Fault::at("Bundle.entry", format!("has more than {MOST_RESOURCES} resources")));
        }
        let mut entries = Vec::with_capacity(bundle.entry.len());
        for entry in &bundle.entry {
            let typed: Typed = parsed(entry)?;
            entries.push((typed.resource_type, entry));
        }
        Ok(Self { entries })
    }

    /// Every resource of a type, in their order.
    pub(super) fn every<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<T>, Fault> {
        self.entries.iter().filter(|(found, _)| found == kind).map(|(_, entry)| parsed(entry)).collect()
    }

    /// The one resource of a type.
    fn single<T: DeserializeOwned>(&self, kind: &str) -> Result<T, Fault> {
        only(self.every(kind)?, kind)
    }

    fn urls(&self, kind: &str) -> Vec<String> {
        let of_kind = self.entries.iter().filter(|(found, _)| found == kind);
        of_kind.filter_map(|(_, entry)| entry.full_url.clone()).collect()
    }

    /// The resource that a reference names; one that two entries claim to be is refused.
    pub(super) fn resolve<T: DeserializeOwned>(
        &self,
        reference: &Reference,
        kind: &str,
        path: &str,
    ) -> Result<T, Fault> {
        let url = reference.reference.as_deref().ok_or_else(|| Fault::at(path, "is no reference"))?;
        let named = self.entries.iter().filter(|(_, entry)| entry.full_url.as_deref() == Some(url));
        let (found, entry) = only(named, path)?;
        if found == kind { parsed(entry) } else { Err(Fault::at(path, format!("is no {kind}"))) }
    }
}

fn parsed<T: DeserializeOwned>(entry: &Entry<'_>) -> Result<T, Fault> {
    serde_json::from_str(entry.resource.get()).map_err(|error| unreadable(&error))
}

/// What is wrong with JSON, without what was sent: that is about a patient.
fn unreadable(error: &serde_json::Error) -> Fault {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a member is missing, twice there or of another type",
        _ => "it is not JSON",
    };
    Fault::Json(format!("{what}, at line {} column {} of it or of a resource", error.line(), error.column()))
}

/// The reference of the one who asks for every item. All items are of one prescription, or the signature would cover what
/// nobody asked for.
fn agreed(requests: &[MedicationRequest]) -> Result<String, Fault> {
    let first = &requests[0];
    for other in requests {
        if other.requester.reference != first.requester.reference {
            return Err(Fault::at("MedicationRequest.requester", "is not the same in all items"));
        }
        if other.group_identifier.value != first.group_identifier.value
            || prescription_id(other)? != prescription_id(first)?
        {
            return Err(Fault::at("MedicationRequest.groupIdentifier", "is not the same in all items"));
        }
    }
    first
        .requester
        .reference
        .clone()
        .ok_or_else(|| Fault::at("MedicationRequest.requester", "is no reference"))
}

fn prescription_id(request: &MedicationRequest) -> Result<String, Fault> {
    const URL: &str = "https://fhir.nhs.uk/StructureDefinition/Extension-DM-PrescriptionId";
    const PATH: &str = "MedicationRequest.groupIdentifier.extension(PrescriptionId)";
    let extension = only(request.group_identifier.extension.iter().filter(|it| it.url == URL), PATH)?;
    let identifier =
        extension.value_identifier.as_ref().ok_or_else(|| Fault::at(PATH, "has no identifier"))?;
    Ok(identifier.value.clone())
}

/// The value of the one identifier of a system.
pub(super) fn identified<'a>(from: &'a [Identifier], system: &str, path: &str) -> Result<&'a str, Fault> {
    let of_system = from.iter().filter(|identifier| identifier.system == system);
    only(of_system, path).map(|identifier| identifier.value.as_str())
}

/// The signature of whoever prescribes. Others' signatures are not looked at.
fn signature(resources: &Resources<'_>, requester: &str) -> Result<Option<Signed>, Fault> {
    const PATH: &str = "Provenance.signature";
    let provenances: Vec<Provenance> = resources.every("Provenance")?;
    let all = provenances.into_iter().flat_map(|provenance| provenance.signature);
    let theirs = all.filter(|signature| signature.who.reference.as_deref() == Some(requester));
    let Some(found) = at_most_one(theirs, PATH)? else { return Ok(None) };
    Ok(Some(Signed {
        when: AuthorTime::from_fhir(&found.when, "Provenance.signature.when")?,
        data: found.data.as_deref().and_then(decoded).unwrap_or_default(),
    }))
}
