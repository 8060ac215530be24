//! Who prescribes, where, and for whom.

use super::model::{
    Address, HumanName, Identifier, Location, Organization, Patient, Practitioner, PractitionerRole,
    Reference,
};
use super::{Resources, identified};
use crate::eps::v3::{checked, code, element, identifier, organisation_id, telecom, text};
use crate::eps::{Fault, at_most_one, date, only};
use crate::xml::Element;

const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
const JOB_ROLE: &str = "1.2.826.0.1285.0.2.1.104";
/// The practice of those whose practice is not known.
const NO_PRACTICE: &str = "V81999";

/// `recordTarget`: the patient.
pub(super) fn record_target(patient: &Patient) -> Result<Element, Fault> {
    let nhs_number =
        identified(&patient.identifier, "https://fhir.nhs.uk/Id/nhs-number", "Patient.identifier")?;
    if patient.address.is_empty() || patient.name.is_empty() {
        return Err(Fault::at("Patient", "needs a name and an address"));
    }
    let mut parts = vec![identifier("2.16.840.1.113883.2.1.4.1", checked(nhs_number, "Patient.identifier")?)];
    for address in &patient.address {
        parts.push(addr(address, "Patient.address")?);
    }
    for point in &patient.telecom {
        parts.push(telecom(point, "Patient.telecom")?);
    }
    parts.push(patient_person(patient)?);
    let found = element("Patient").with("classCode", "PAT").holding(parts);
    Ok(element("recordTarget").with("typeCode", "RCT").holding([found]))
}

fn patient_person(patient: &Patient) -> Result<Element, Fault> {
    let gender = match patient.gender.as_str() {
        "male" => "1",
        "female" => "2",
        "other" => "9",
        "unknown" => "0",
        _ => return Err(Fault::at("Patient.gender", "is not one of male, female, other, unknown")),
    };
    let names: Result<Vec<_>, _> = patient.name.iter().map(|it| name(it, "Patient.name")).collect();
    let born = date::day(&patient.birth_date, "Patient.birthDate")?;
    let gender = element("administrativeGenderCode")
        .with("codeSystem", "2.16.840.1.113883.2.1.3.2.4.16.25")
        .with("code", gender);
    Ok(element("patientPerson")
        .with("classCode", "PSN")
        .with("determinerCode", "INSTANCE")
        .holding(names?)
        .holding([
            gender,
            element("birthTime").with("value", born),
            practice(&patient.general_practitioner)?,
        ]))
}

/// Which practice cares for the patient.
fn practice(practitioners: &[Reference]) -> Result<Element, Fault> {
    const PATH: &str = "Patient.generalPractitioner";
    let unknown = || element("id").with("nullFlavor", "UNK");
    let id = if practitioners.is_empty() {
        unknown()
    } else {
        let practitioner = only(practitioners, PATH)?.identifier.as_ref();
        let ods = practitioner.ok_or_else(|| Fault::at(PATH, "has no identifier"))?.value.as_str();
        if ods == NO_PRACTICE { unknown() } else { organisation_id(checked(ods, PATH)?) }
    };
    let provider = element("healthCareProvider").with("classCode", "PROV").holding([id]);
    let responsible = element("responsibleParty").with("typeCode", "RESP").holding([provider]);
    let provision = element("patientCareProvision")
        .with("classCode", "PCPR")
        .with("moodCode", "EVN")
        .holding([code("2.16.840.1.113883.2.1.3.2.4.17.37", "1"), responsible]);
    let subject = element("subjectOf").with("typeCode", "SBJ").holding([provision]);
    Ok(element("playedProviderPatient").with("classCode", "PAT").holding([subject]))
}

/// `AgentPerson`: whoever prescribes, in their role and place.
pub(super) fn agent_person(resources: &Resources<'_>, role: &PractitionerRole) -> Result<Element, Fault> {
    // Whoever is only named has no name in parts, and no two readers would write them alike.
    let practitioner: Practitioner =
        resources.resolve(&role.practitioner, "Practitioner", "PractitionerRole.practitioner")?;
    let organisation = organisation(resources, role)?;
    let profile = identified(
        &role.identifier,
        "https://fhir.nhs.uk/Id/sds-role-profile-id",
        "PractitionerRole.identifier",
    )?;
    let points = role.telecom.as_ref().or(practitioner.telecom.as_ref());
    let points = points.ok_or_else(|| Fault::at("PractitionerRole.telecom", "is missing"))?;
    let points: Result<Vec<_>, _> = points.iter().map(|it| telecom(it, "PractitionerRole.telecom")).collect();
    let names: Result<Vec<_>, _> = practitioner.name.iter().map(|it| name(it, "Practitioner.name")).collect();
    let names = at_most_one(names?, "Practitioner.name")?;
    let professional = professional_code(&practitioner.identifier)?;
    let person = element("agentPerson")
        .with("classCode", "PSN")
        .with("determinerCode", "INSTANCE")
        .holding([identifier("1.2.826.0.1285.0.2.1.54", &professional)])
        .holding(names);
    Ok(element("AgentPerson")
        .with("classCode", "AGNT")
        .holding([
            identifier("1.2.826.0.1285.0.2.0.67", checked(profile, "PractitionerRole.identifier")?),
            code(JOB_ROLE, job_role(role)?),
        ])
        .holding(points?)
        .holding([person, represented(resources, role, &organisation)?]))
}

/// The organisation, from the message or from what the role says of it.
fn organisation(resources: &Resources<'_>, role: &PractitionerRole) -> Result<Organization, Fault> {
    const PATH: &str = "PractitionerRole.organization";
    if role.organization.reference.is_some() {
        return resources.resolve(&role.organization, "Organization", PATH);
    }
    let identifier = role.organization.identifier.clone();
    let identifier = identifier.ok_or_else(|| Fault::at(PATH, "is no reference and has no identifier"))?;
    let mut address = Vec::new();
    for place in &role.location {
        let location: Location = resources.resolve(place, "Location", "PractitionerRole.location")?;
        address.extend(location.address);
    }
    Ok(Organization {
        identifier: vec![identifier],
        name: role.organization.display.clone(),
        telecom: role.telecom.clone(),
        address,
        ..Organization::default()
    })
}

/// `representedOrganization`: the healthcare service where there is one, else the organisation.
fn represented(
    resources: &Resources<'_>,
    role: &PractitionerRole,
    organisation: &Organization,
) -> Result<Element, Fault> {
    let service = role.healthcare_service.first().map(|it| service(resources, role, it)).transpose()?;
    let (place, named) = match &service {
        Some(service) => (service, "HealthcareService"),
        None => (organisation, "Organization"),
    };
    let path = |member: &str| format!("{named}.{member}");
    let point = only(place.telecom.as_deref().unwrap_or_default(), &path("telecom"))?;
    let address = match &service {
        Some(service) => {
            let location = only(&service.location, &path("location"))?;
            let location: Location = resources.resolve(location, "Location", &path("location"))?;
            location.address.ok_or_else(|| Fault::at("Location.address", "is missing"))?
        }
        None => only(&organisation.address, &path("address"))?.clone(),
    };
    let parent = parent(resources, organisation)?;
    let parent = organisation_element("Organization").holding(common(&parent, "Organization")?);
    Ok(organisation_element("representedOrganization").holding(common(place, named)?).holding([
        telecom(point, &path("telecom"))?,
        addr(&address, &path("address"))?,
        element("healthCareProviderLicense").with("classCode", "PROV").holding([parent]),
    ]))
}

fn service(
    resources: &Resources<'_>,
    role: &PractitionerRole,
    reference: &Reference,
) -> Result<Organization, Fault> {
    const PATH: &str = "PractitionerRole.healthcareService";
    if reference.reference.is_some() {
        return resources.resolve(reference, "HealthcareService", PATH);
    }
    let identifier = reference.identifier.clone();
    Ok(Organization {
        identifier: vec![identifier.ok_or_else(|| Fault::at(PATH, "has no identifier"))?],
        name: reference.display.clone(),
        telecom: role.telecom.clone(),
        location: role.location.clone(),
        ..Organization::default()
    })
}

/// The organisation above, which is the same where it says nothing of one.
fn parent(resources: &Resources<'_>, organisation: &Organization) -> Result<Organization, Fault> {
    const PATH: &str = "Organization.partOf";
    match &organisation.part_of {
        None => Ok(organisation.clone()),
        Some(above) if above.reference.is_some() => resources.resolve(above, "Organization", PATH),
        Some(above) => {
            let identifier = above.identifier.clone();
            Ok(Organization {
                identifier: vec![identifier.ok_or_else(|| Fault::at(PATH, "has no identifier"))?],
                name: above.display.clone(),
                ..Organization::default()
            })
        }
    }
}

fn organisation_element(name: &str) -> Element {
    element(name).with("classCode", "ORG").with("determinerCode", "INSTANCE")
}

/// What every organisation has: code, kind and name. The kind is never specified.
fn common(organisation: &Organization, named: &str) -> Result<[Element; 3], Fault> {
    let path = format!("{named}.identifier");
    let ods = identified(&organisation.identifier, ODS, &path)?;
    let said = organisation.name.as_deref().filter(|name| !name.is_empty());
    let said = said.ok_or_else(|| Fault::at(format!("{named}.name"), "is missing"))?;
    Ok([
        organisation_id(checked(ods, &path)?),
        code("2.16.840.1.113883.2.1.3.2.4.17.94", "999"),
        text("name", said, &format!("{named}.name"))?,
    ])
}

/// The job role: by its code, or in the older system by its name.
fn job_role(role: &PractitionerRole) -> Result<&str, Fault> {
    const PATH: &str = "PractitionerRole.code";
    let codings = || role.code.iter().flat_map(|concept| &concept.coding);
    for system in [
        "https://fhir.nhs.uk/CodeSystem/NHSDigital-SDS-JobRoleCode",
        "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName",
    ] {
        let found = at_most_one(codings().filter(|coding| coding.system == system), PATH)?;
        if let Some(coding) = found {
            return checked(&coding.code, PATH);
        }
    }
    Err(Fault::at(PATH, "has no job role"))
}

/// The one professional code; the GMC's without the letter before it.
fn professional_code(identifiers: &[Identifier]) -> Result<String, Fault> {
    const PATH: &str = "Practitioner.identifier";
    const GMC: &str = "https://fhir.hl7.org.uk/Id/gmc-number";
    let systems = [
        GMC,
        "https://fhir.hl7.org.uk/Id/gmp-number",
        "https://fhir.hl7.org.uk/Id/nmc-number",
        "https://fhir.hl7.org.uk/Id/gphc-number",
        "https://fhir.hl7.org.uk/Id/hcpc-number",
        "https://fhir.hl7.org.uk/Id/professional-code",
    ];
    let known = identifiers.iter().filter(|it| systems.contains(&it.system.as_str()) && !it.value.is_empty());
    let found = only(known, "Practitioner.identifier(professional code)")?;
    let value = checked(&found.value, PATH)?;
    let letter = found.system == GMC && value.starts_with(['c', 'C']);
    Ok(value[usize::from(letter)..].to_owned())
}

/// `name` of a person.
fn name(human: &HumanName, path: &str) -> Result<Element, Fault> {
    let mut found = element("name");
    if let Some(used) = &human.used {
        let letter = match used.as_str() {
            "usual" | "official" => "L",
            "temp" | "anonymous" => "A",
            "nickname" => "PREFERRED",
            "old" => "PREVIOUS",
            "maiden" => "PREVIOUS-MAIDEN",
            other => return Err(Fault::at(format!("{path}.use"), format!("is {other}, which is not known"))),
        };
        found = found.with("use", letter);
    }
    let family = human.family.iter().filter(|family| !family.is_empty());
    let parts = human.prefix.iter().map(|it| ("prefix", it));
    let parts = parts.chain(human.given.iter().map(|it| ("given", it)));
    let parts = parts.chain(family.map(|it| ("family", it)));
    let parts = parts.chain(human.suffix.iter().map(|it| ("suffix", it)));
    let parts: Result<Vec<_>, _> = parts.map(|(part, said)| text(part, said, path)).collect();
    Ok(found.holding(parts?))
}

/// `addr`: every line, town and county as a line, and the postcode.
fn addr(address: &Address, path: &str) -> Result<Element, Fault> {
    let mut found = element("addr");
    if let Some(used) = &address.used {
        let letters = match used.as_str() {
            "home" => "H",
            "work" => "WP",
            "temp" => "TMP",
            "billing" => "PST",
            other => return Err(Fault::at(format!("{path}.use"), format!("is {other}, which is not known"))),
        };
        found = found.with("use", letters);
    }
    let lines = address.line.iter().chain(&address.city).chain(&address.district).chain(&address.state);
    let lines = lines.filter(|line| !line.is_empty()).map(|line| text("streetAddressLine", line, path));
    let lines: Result<Vec<_>, _> = lines.collect();
    let postcode = address.postal_code.as_deref().filter(|postcode| !postcode.is_empty());
    let postcode = postcode.map(|postcode| text("postalCode", postcode, path)).transpose()?;
    Ok(found.holding(lines?).holding(postcode))
}
