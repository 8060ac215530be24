//! What of FHIR R4 is read. Members that are not here are not looked at; a known one that comes twice is refused.

use serde::Deserialize;
use serde_json::value::RawValue;

macro_rules! resource {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(crate) struct $name { $($(#[$attribute])* pub(crate) $field: $type),+ }
    };
}

/// A message, its resources not yet read.
#[derive(Debug, Deserialize)]
pub(super) struct Bundle<'a> {
    #[serde(borrow)]
    pub(super) entry: Vec<Entry<'a>>,
}

/// One entry of a message. Numbers stay as they are written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    pub(super) full_url: Option<String>,
    #[serde(borrow)]
    pub(super) resource: &'a RawValue,
}

resource! {
    /// What kind of resource it is.
    Typed { resource_type: String }
}
resource! {
    /// An identifier of a system.
    Identifier { system: String, value: String }
}
resource! {
    /// A code of a system.
    Coding { system: String, code: String, display: Option<String> }
}
resource! {
    /// Codes that mean the same.
    CodeableConcept { coding: Vec<Coding> }
}
resource! {
    /// Another resource, by its place in the message or by an identifier.
    #[expect(clippy::struct_field_names, reason = "members are named as FHIR names them")]
    Reference { reference: Option<String>, identifier: Option<Identifier>, display: Option<String> }
}
resource! {
    /// What a resource has beyond the standard.
    Extension {
        url: String,
        #[serde(rename = "extension")]
        inner: Vec<Extension>,
        value_string: Option<String>,
        value_identifier: Option<Identifier>,
        value_codeable_concept: Option<CodeableConcept>,
    }
}
resource! {
    /// A name of a person.
    HumanName {
        #[serde(rename = "use")]
        used: Option<String>,
        prefix: Vec<String>,
        given: Vec<String>,
        family: Option<String>,
        suffix: Vec<String>,
    }
}
resource! {
    /// A telephone number.
    ContactPoint {
        #[serde(rename = "use")]
        used: Option<String>,
        value: Option<String>,
    }
}
resource! {
    /// An address.
    Address {
        #[serde(rename = "use")]
        used: Option<String>,
        line: Vec<String>,
        city: Option<String>,
        district: Option<String>,
        state: Option<String>,
        postal_code: Option<String>,
    }
}
resource! {
    /// What the message is.
    MessageHeader { event_coding: Coding }
}
resource! {
    /// For whom.
    Patient {
        identifier: Vec<Identifier>,
        name: Vec<HumanName>,
        telecom: Vec<ContactPoint>,
        gender: String,
        birth_date: String,
        address: Vec<Address>,
        general_practitioner: Vec<Reference>,
    }
}
resource! {
    /// In which role somebody prescribes.
    PractitionerRole {
        identifier: Vec<Identifier>,
        practitioner: Reference,
        organization: Reference,
        code: Vec<CodeableConcept>,
        location: Vec<Reference>,
        healthcare_service: Vec<Reference>,
        telecom: Option<Vec<ContactPoint>>,
    }
}
resource! {
    /// Who prescribes.
    Practitioner { identifier: Vec<Identifier>, name: Vec<HumanName>, telecom: Option<Vec<ContactPoint>> }
}
resource! {
    /// Where. A healthcare service is read as one too.
    Organization {
        identifier: Vec<Identifier>,
        name: Option<String>,
        telecom: Option<Vec<ContactPoint>>,
        address: Vec<Address>,
        location: Vec<Reference>,
        part_of: Option<Reference>,
    }
}
resource! {
    /// A place.
    Location { address: Option<Address> }
}
resource! {
    /// An item.
    MedicationRequest {
        extension: Vec<Extension>,
        identifier: Vec<Identifier>,
        medication_codeable_concept: Option<CodeableConcept>,
        medication_reference: Option<Reference>,
        requester: Reference,
        group_identifier: GroupIdentifier,
        course_of_therapy_type: CodeableConcept,
        dosage_instruction: Vec<Dosage>,
        note: Vec<Annotation>,
        dispense_request: DispenseRequest,
        based_on: Vec<BasedOn>,
    }
}
resource! {
    /// The prescription that an item belongs to.
    GroupIdentifier { extension: Vec<Extension>, value: String }
}
resource! {
    /// What is said to the patient.
    Dosage { text: Option<String>, sequence: Option<u32> }
}
resource! {
    /// A note.
    Annotation { text: String }
}
resource! {
    /// How much is dispensed.
    DispenseRequest { quantity: Quantity, number_of_repeats_allowed: Option<u32> }
}
resource! {
    /// An amount; the number as it is written.
    Quantity { value: Option<Box<RawValue>>, unit: Option<String>, code: String }
}
resource! {
    /// The item that this one goes back to.
    BasedOn { extension: Vec<RepeatExtension> }
}
resource! {
    /// What is told of a repeat.
    RepeatExtension {
        url: String,
        #[serde(rename = "extension")]
        inner: Vec<RepeatExtension>,
        value_integer: Option<u32>,
    }
}
resource! {
    /// A medication.
    Medication { code: CodeableConcept }
}
resource! {
    /// What is told to the patient beside the items.
    CommunicationRequest { payload: Vec<Payload> }
}
resource! {
    /// One piece of it.
    Payload { content_string: Option<String>, content_reference: Option<Reference> }
}
resource! {
    /// A list.
    List { entry: Vec<ListEntry> }
}
resource! {
    /// A line of it.
    ListEntry { item: Reference }
}
resource! {
    /// Who signed.
    Provenance { signature: Vec<Signature> }
}
resource! {
    /// A signature.
    Signature { when: String, who: Reference, data: Option<String> }
}
