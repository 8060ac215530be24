//! From an entry of LDIF to a system: the national directory's attributes by their names.

use super::SystemId;
use super::ldif::Entry;
use crate::api::{
    AccreditedSystem, MessageHandlingSystem, SystemApproval, SystemContent, SystemProduct, SystemReliability,
};
use crate::system::checked;

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A system.
    System(SystemId, Box<SystemContent>),
    /// Something else of the directory.
    Other,
}

/// Reads an entry; refused is what says that it is a system and can be none.
pub(super) fn read(entry: &Entry) -> Result<Read, String> {
    let class = |name: &str| entry.values("objectClass").any(|value| value.trim().eq_ignore_ascii_case(name));
    let content = match (class("nhsAs"), class("nhsMhs")) {
        (false, false) => return Ok(Read::Other),
        (true, true) => return Err("it is of both classes, nhsAs and nhsMhs".to_owned()),
        (true, false) => SystemContent::Accredited(accredited(entry)?),
        (false, true) => SystemContent::MessageHandling(handling(entry)?),
    };
    let id = one(entry, "uniqueIdentifier")?.ok_or("it has no uniqueIdentifier")?;
    let id = id.parse().map_err(|error| format!("its uniqueIdentifier is {error}"))?;
    let content = checked(content).map_err(|error| error.to_string())?;
    Ok(Read::System(id, Box::new(content)))
}

fn accredited(entry: &Entry) -> Result<AccreditedSystem, String> {
    Ok(AccreditedSystem {
        organisation: one(entry, "nhsIDCode")?.unwrap_or_default(),
        party_key: one(entry, "nhsMHSPartyKey")?.unwrap_or_default(),
        interactions: many(entry, "nhsAsSvcIA"),
        clients: many(entry, "nhsAsClient"),
        manufacturer: one(entry, "nhsMhsManufacturerOrg")?,
        description: one(entry, "description")?,
        categories: many(entry, "nhsAsCategoryBag"),
        access_control: many(entry, "nhsAsACF"),
        product: product(entry)?,
        approval: approval(entry)?,
        temporary_id: one(entry, "nhsTempUid")?,
    })
}

fn handling(entry: &Entry) -> Result<MessageHandlingSystem, String> {
    Ok(MessageHandlingSystem {
        organisation: one(entry, "nhsIDCode")?.unwrap_or_default(),
        party_key: one(entry, "nhsMHSPartyKey")?.unwrap_or_default(),
        service: one(entry, "nhsMHsSN")?,
        interaction_name: one(entry, "nhsMHsIN")?,
        interaction: one(entry, "nhsMhsSvcIA")?.unwrap_or_default(),
        endpoints: many(entry, "nhsMHSEndPoint"),
        cpa_id: one(entry, "nhsMhsCPAId")?,
        fqdn: one(entry, "nhsMhsFQDN")?,
        authenticated: one(entry, "nhsMHSIsAuthenticated")?,
        interaction_type: one(entry, "nhsEPInteractionType")?,
        contract_template: one(entry, "nhsContractPropertyTemplateKey")?,
        manufacturer: one(entry, "nhsMhsManufacturerOrg")?,
        ip_address: one(entry, "nhsMhsIPAddress")?,
        network: one(entry, "nhsMhsNetwork")?,
        service_instance: one(entry, "nhsMhsSinCode")?,
        service_description: one(entry, "nhsMHSServiceDescription")?,
        reliability: SystemReliability {
            sync_reply_mode: one(entry, "nhsMHSSyncReplyMode")?,
            retry_interval: one(entry, "nhsMHSRetryInterval")?,
            retries: one(entry, "nhsMHSRetries")?,
            persist_duration: one(entry, "nhsMHSPersistDuration")?,
            duplicate_elimination: one(entry, "nhsMHSDuplicateElimination")?,
            ack_requested: one(entry, "nhsMHSAckRequested")?,
            actors: many(entry, "nhsMHSActor"),
        },
        product: product(entry)?,
        approval: approval(entry)?,
        temporary_id: one(entry, "nhsTempUid")?,
    })
}

fn product(entry: &Entry) -> Result<SystemProduct, String> {
    Ok(SystemProduct {
        key: one(entry, "nhsProductKey")?,
        name: one(entry, "nhsProductName")?,
        version: one(entry, "nhsProductVersion")?,
    })
}

fn approval(entry: &Entry) -> Result<SystemApproval, String> {
    Ok(SystemApproval {
        requested_by: one(entry, "nhsRequestorURP")?,
        requested_at: one(entry, "nhsDateRequested")?,
        approved_by: one(entry, "nhsApproverURP")?,
        approved_at: one(entry, "nhsDateApproved")?,
        host_approved_by: one(entry, "nhsDNSApprover")?,
        host_approved_at: one(entry, "nhsDateDNSApproved")?,
    })
}

fn many(entry: &Entry, name: &str) -> Vec<String> {
    entry.values(name).map(str::to_owned).collect()
}

/// The one value of an attribute. National data has the same line twice now and then, which is one value.
fn one(entry: &Entry, name: &str) -> Result<Option<String>, String> {
    let mut values: Vec<&str> = entry.values(name).map(str::trim).filter(|value| !value.is_empty()).collect();
    values.dedup();
    match values[..] {
        [] => Ok(None),
        [value] => Ok(Some(value.to_owned())),
        _ => Err(format!("it has {} different values of {name}, which has one", values.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(lines: &[(&str, &str)]) -> Entry {
        let attributes =
            lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Entry { line: 1, dn: "uniqueIdentifier=1,ou=Services,o=nhs".to_owned(), attributes }
    }

    /// Names are read in any case, a line that stands twice is one value, and other entries are no systems.
    #[test]
    fn systems_are_read_from_entries() {
        let lines = [
            ("objectclass", "NHSAS"),
            ("uniqueIdentifier", "200000000149"),
            ("uniqueidentifier", "200000000149"),
            ("nhsIdCode", "rxx"),
            ("nhsMhsPartyKey", "RXX-1"),
            ("nhsAsSvcIA", "urn:a:b"),
            ("nhsAsSvcIA", "urn:a:c"),
        ];
        let Read::System(id, content) = read(&entry(&lines)).unwrap() else { panic!() };
        assert_eq!(id.as_str(), "200000000149");
        assert!(matches!(*content, SystemContent::Accredited(system) if system.interactions.len() == 2));
        assert_eq!(read(&entry(&[("objectClass", "nhsPerson")])), Ok(Read::Other));
    }

    /// What says that it is a system and can be none is refused with a sentence.
    #[test]
    fn half_systems_are_refused() {
        let said = |lines: &[(&str, &str)]| read(&entry(lines)).unwrap_err();
        let class = ("objectClass", "nhsMhs");
        assert!(said(&[class, ("nhsIDCode", "RXX")]).contains("uniqueIdentifier"));
        let (id, code) = (("uniqueIdentifier", "a"), ("nhsIDCode", "RXX"));
        assert!(said(&[class, id, code]).contains("interaction"));
        assert!(said(&[class, id, code, ("nhsMhsSvcIA", "urn:a:b")]).contains("party_key"));
        assert!(said(&[class, id, code, ("nhsIDCode", "RYY")]).contains("2 different values"));
        assert!(said(&[class, ("objectClass", "nhsAs")]).contains("both"));
    }
}
