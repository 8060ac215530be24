//! A release of the Organisation Data Service, as its XML says it.
//!
//! The root belongs to the namespace below; what is in it is published with it and without it, and taken either way.

use std::io::BufRead;

use crate::api::{
    Dates, OrganisationAddress, OrganisationContact, OrganisationRecord, OrganisationRelationship,
    OrganisationRole, OrganisationStatus, Period, RecordClass, RecordUse, RoleWeight, Succession,
    SuccessionKind,
};
use crate::day::Day;
use crate::ods::normalised;
use crate::xml::{Document, Fault, Node};

/// The namespace of releases.
pub(crate) const NAMESPACE: &str = "http://refdata.hscic.gov.uk/org/v2-0-0";
/// What the root may be called.
const ROOTS: [&str; 2] = ["HSCOrgRefData", "OrgRefData"];

/// What a release says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// How it describes itself, as in `HSCOrgRefData_Full_20260728`.
    pub description: String,
    /// The day of its publication.
    pub published: Option<Day>,
    /// How many organisations are in it.
    pub records: Option<u64>,
    /// SHA-256 over everything it says about itself, in hexadecimal: the id of the release.
    pub sha256: String,
}

/// A release that is being read.
pub(crate) struct Release<R> {
    document: Document<R>,
    /// What it says about itself.
    pub(crate) manifest: Manifest,
    left: Left,
}

/// Whether there may be more organisations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    More,
    None,
}

/// One organisation, as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    /// Where it begins.
    pub(crate) line: u64,
    /// Its code as it stands there.
    pub(crate) code: String,
    /// It, or what is wrong with it.
    pub(crate) record: Result<OrganisationRecord, String>,
}

impl<R: BufRead> Release<R> {
    /// Reads up to the first organisation.
    pub(crate) fn open(reader: R) -> Result<Self, Fault> {
        let mut document = Document::open(reader, NAMESPACE, &ROOTS)?;
        let mut manifest = None;
        loop {
            let Some(start) = document.next_child()? else {
                return Err(document.fault("there is no Organisations element"));
            };
            match start.name() {
                "Manifest" => {
                    let node = document.take(start)?;
                    manifest =
                        Some(manifest_of(&node).map_err(|sentence| Fault { line: node.line, sentence })?);
                }
                "Organisations" => {
                    let Some(manifest) = manifest else {
                        return Err(document.fault("the Manifest is missing before the Organisations"));
                    };
                    if !start.has_content() {
                        return Err(document.fault("the Organisations element is empty"));
                    }
                    return Ok(Self { document, manifest, left: Left::More });
                }
                // Code systems tell the names of codes that are known already.
                _ => document.skip(&start)?,
            }
        }
    }

    /// The next organisation; `None` from their end on.
    pub(crate) fn next(&mut self) -> Result<Option<Read>, Fault> {
        if self.left == Left::None {
            return Ok(None);
        }
        let Some(start) = self.document.next_child()? else {
            self.left = Left::None;
            return Ok(None);
        };
        if start.name() != "Organisation" {
            let name = start.name().to_owned();
            return Err(self.document.fault(format!("{name} stands where an Organisation is expected")));
        }
        let node = self.document.take(start)?;
        let code =
            node.child("OrgId").and_then(|id| id.attribute("extension")).unwrap_or_default().to_owned();
        let record = record_of(&node, &code).and_then(|record| super::check(&record).map(|()| record));
        Ok(Some(Read { line: node.line, code, record }))
    }

    /// Reads what follows the organisations, to the end of the file.
    pub(crate) fn finish(mut self) -> Result<(), Fault> {
        while let Some(start) = self.document.next_child()? {
            self.document.skip(&start)?;
        }
        self.document.finish()
    }
}

fn manifest_of(node: &Node) -> Result<Manifest, String> {
    let version = node.value_of("Version").unwrap_or_default();
    if version != "2-0-0" {
        return Err(format!("the Manifest says version {version:?}; expected 2-0-0"));
    }
    let day = |text: &str| text.get(..10).unwrap_or(text).parse::<Day>().ok();
    let published = match node.value_of("PublicationDate") {
        Some(text) => {
            Some(day(text).ok_or(format!("the PublicationDate {text:?} is no date as YYYY-MM-DD"))?)
        }
        None => None,
    };
    let records = match node.value_of("RecordCount") {
        Some(text) => Some(text.parse().map_err(|_| format!("the RecordCount {text:?} is no number"))?),
        None => None,
    };
    let said: Vec<String> = node
        .children
        .iter()
        .map(|child| format!("{}={}\n", child.name, child.value().unwrap_or_default()))
        .collect();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, said.concat().as_bytes());
    let description = node.value_of("ContentDescription").or(node.value_of("PublicationType"));
    let description =
        description.unwrap_or("release").chars().filter(|c| !c.is_control()).take(200).collect();
    Ok(Manifest { description, published, records, sha256: hex::encode(digest.as_ref()) })
}

fn record_of(node: &Node, code: &str) -> Result<OrganisationRecord, String> {
    let record_class = match node.attribute("orgRecordClass") {
        Some("RC1") => RecordClass::Organisation,
        Some("RC2") => RecordClass::Site,
        other => return Err(format!("its record class is {}; expected RC1 or RC2", quoted(other))),
    };
    let record_use = match node.attribute("refOnly") {
        Some("true" | "1") => RecordUse::ReferenceOnly,
        Some("false" | "0") | None => RecordUse::Full,
        Some(other) => return Err(format!("its refOnly is {other:?}; expected true or false")),
    };
    let name = node.value_of("Name").unwrap_or_default();
    Ok(OrganisationRecord {
        ods: ods_of(code)?,
        name: name.split_whitespace().collect::<Vec<_>>().join(" "),
        record_class,
        record_use,
        status: status_of(node)?,
        last_change: node.value_of("LastChangeDate").map(day_of).transpose()?,
        dates: dates_of(node)?,
        address: address_of(node),
        contacts: contacts_of(node),
        roles: node.grouped("Roles", "Role").map(role_of).collect::<Result<_, _>>()?,
        relationships: node.grouped("Rels", "Rel").map(relationship_of).collect::<Result<_, _>>()?,
        successions: node.grouped("Succs", "Succ").map(succession_of).collect::<Result<_, _>>()?,
    })
}

/// What stands there, in quotes.
fn quoted(text: Option<&str>) -> String {
    text.map_or_else(|| "missing".to_owned(), |text| format!("{text:?}"))
}

fn ods_of(code: &str) -> Result<platform::id::OdsCode, String> {
    normalised(code).map_err(|not| format!("the code {code:?} is {not}"))
}

fn status_of(node: &Node) -> Result<OrganisationStatus, String> {
    match node.value_of("Status") {
        Some("Active" | "active") => Ok(OrganisationStatus::Active),
        Some("Inactive" | "inactive") => Ok(OrganisationStatus::Inactive),
        other => {
            let of = if node.name == "Organisation" { String::new() } else { format!(" of a {}", node.name) };
            Err(format!("the status{of} is {}; expected Active or Inactive", quoted(other)))
        }
    }
}

fn day_of(text: &str) -> Result<Day, String> {
    text.parse().map_err(|not| format!("{text:?} is {not}"))
}

/// Elements `Date`, each with its `Type`, `Start` and `End`.
fn dates_of(node: &Node) -> Result<Dates, String> {
    let mut dates = Dates::default();
    for date in node.children.iter().filter(|child| child.name == "Date") {
        let period = Period {
            from: date.value_of("Start").map(day_of).transpose()?,
            to: date.value_of("End").map(day_of).transpose()?,
        };
        let into = match date.value_of("Type") {
            Some("Legal") => &mut dates.legal,
            Some("Operational") => &mut dates.operational,
            other => {
                return Err(format!(
                    "the type of a date is {}; expected Legal or Operational",
                    quoted(other)
                ));
            }
        };
        if !into.is_empty() {
            return Err(format!("a {} has two dates of one type", node.name));
        }
        *into = period;
    }
    Ok(dates)
}

fn address_of(node: &Node) -> OrganisationAddress {
    let empty = Node::default();
    let location = node.child("GeoLoc").and_then(|place| place.child("Location")).unwrap_or(&empty);
    let part = |name: &str| location.value_of(name).map(str::to_owned);
    let lines = ["AddrLn1", "AddrLn2", "AddrLn3", "AddrLn4", "AddrLn5"];
    OrganisationAddress {
        lines: lines.into_iter().filter_map(part).collect(),
        town: part("Town"),
        county: part("County"),
        postcode: part("PostCode"),
        country: part("Country"),
        uprn: part("UPRN"),
    }
}

fn contacts_of(node: &Node) -> Vec<OrganisationContact> {
    let contact = |contact: &Node| {
        let (kind, value) = (contact.attribute("type")?, contact.value()?);
        Some(OrganisationContact { kind: kind.to_owned(), value: value.to_owned() })
    };
    node.grouped("Contacts", "Contact").filter_map(contact).collect()
}

fn id_of(node: &Node, attribute: &str) -> Result<String, String> {
    let id = node.attribute(attribute).ok_or_else(|| format!("a {} has no {attribute}", node.name))?;
    Ok(id.to_owned())
}

fn role_of(node: &Node) -> Result<OrganisationRole, String> {
    let weight = match node.attribute("primaryRole") {
        Some("true" | "1") => RoleWeight::Primary,
        _ => RoleWeight::Other,
    };
    Ok(OrganisationRole {
        instance: id_of(node, "uniqueRoleId")?,
        role: id_of(node, "id")?,
        weight,
        status: status_of(node)?,
        dates: dates_of(node)?,
    })
}

fn target_of(node: &Node) -> Result<(platform::id::OdsCode, Option<String>), String> {
    let target = node.child("Target").ok_or_else(|| format!("a {} has no Target", node.name))?;
    let code = target.child("OrgId").and_then(|id| id.attribute("extension")).unwrap_or_default();
    let role = target.child("PrimaryRoleId").and_then(|role| role.attribute("id"));
    Ok((ods_of(code)?, role.map(str::to_owned)))
}

fn relationship_of(node: &Node) -> Result<OrganisationRelationship, String> {
    let (target, target_role) = target_of(node)?;
    Ok(OrganisationRelationship {
        instance: id_of(node, "uniqueRelId")?,
        relationship: id_of(node, "id")?,
        target,
        target_role,
        status: status_of(node)?,
        dates: dates_of(node)?,
    })
}

fn succession_of(node: &Node) -> Result<Succession, String> {
    let kind = match node.value_of("Type") {
        Some("Predecessor") => SuccessionKind::Predecessor,
        Some("Successor") => SuccessionKind::Successor,
        other => {
            return Err(format!(
                "the type of a succession is {}; expected Predecessor or Successor",
                quoted(other)
            ));
        }
    };
    let (target, target_role) = target_of(node)?;
    let dates = dates_of(node)?;
    Ok(Succession {
        instance: id_of(node, "uniqueSuccId")?,
        kind,
        target,
        target_role,
        legal_day: dates.legal.from,
        operational_day: dates.operational.from,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<x:OrgRefData xmlns:x=\"http://refdata.hscic.gov.uk/org/v2-0-0\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">
<Manifest><Version value=\"2-0-0\"/><PublicationDate value=\"2026-07-28T00:00:00\"/><RecordCount value=\"2\"/>
<ContentDescription value=\"HSCOrgRefData_Full_20260728\"/></Manifest>
<CodeSystems><CodeSystem name=\"OrganisationRole\"><concept id=\"RO182\" displayName=\"PHARMACY\"/></CodeSystem></CodeSystems>
<Organisations>
<Organisation orgRecordClass=\"RC2\" refOnly=\"true\"><Name>A  SITE</Name><OrgId extension=\"RXX01\"/><Status value=\"Inactive\"/></Organisation>
<Organisation orgRecordClass=\"RC1\"><Name>SMITH &amp; SONS</Name>
<Date><Type value=\"Operational\"/><Start value=\"2001-04-01\"/><End value=\"2030-03-31\"/></Date>
<Date><Type value=\"Legal\"/><Start value=\"2001-03-01\"/></Date>
<OrgId root=\"2.16.840.1.113883.2.1.3.2.4.18.48\" assigningAuthorityName=\"HSCIC\" extension=\"FX001\"/><Status value=\"Active\"/>
<LastChangeDate value=\"2026-05-01\"/>
<GeoLoc><Location><AddrLn1>1 HIGH STREET</AddrLn1><AddrLn3>THE QUARTER</AddrLn3><Town>LEEDS</Town><PostCode>LS1 4AP</PostCode><UPRN>7</UPRN></Location></GeoLoc>
<Contacts><Contact type=\"tel\" value=\"0113 496 0000\"/><Contact type=\"fax\"/></Contacts>
<Roles><Role id=\"RO182\" uniqueRoleId=\"11\" primaryRole=\"true\"><Date><Type value=\"Operational\"/><Start value=\"2001-04-01\"/></Date><Status value=\"Active\"/></Role>
<Role id=\"RO94\" uniqueRoleId=\"12\"><Status value=\"Inactive\"/></Role></Roles>
<Rels><Rel id=\"RE6\" uniqueRelId=\"21\"><Status value=\"Active\"/><Target><OrgId extension=\"P001\"/><PrimaryRoleId id=\"RO181\" uniqueRoleId=\"5\"/></Target></Rel></Rels>
<Succs><Succ uniqueSuccId=\"31\"><Date><Type value=\"Legal\"/><Start value=\"2001-04-01\"/></Date><Date><Type value=\"Operational\"/><Start value=\"2001-04-02\"/></Date><Type>Predecessor</Type><Target><OrgId extension=\"FX000\"/><PrimaryRoleId id=\"RO182\" uniqueRoleId=\"4\"/></Target></Succ></Succs>
</Organisation>
</Organisations></x:OrgRefData>
";

    fn read(bytes: &[u8]) -> Result<(Manifest, Vec<Read>), Fault> {
        let mut release = Release::open(bytes)?;
        let mut all = Vec::new();
        while let Some(read) = release.next()? {
            all.push(read);
        }
        // Whoever asks again gets nothing again.
        assert_eq!(release.next()?, None);
        let manifest = release.manifest.clone();
        release.finish()?;
        Ok((manifest, all))
    }

    /// Everything that a release says of an organisation is read, and what is empty is left out.
    #[test]
    fn organisation_is_read_whole() {
        let (manifest, all) = read(WHOLE.as_bytes()).unwrap();
        assert_eq!(
            (manifest.description.as_str(), manifest.records),
            ("HSCOrgRefData_Full_20260728", Some(2))
        );
        assert_eq!(manifest.published.map(|day| day.to_string()).as_deref(), Some("2026-07-28"));
        assert_eq!((all.len(), all[0].line, all[1].line, all[1].code.as_str()), (2, 7, 8, "FX001"));
        let site = all[0].record.clone().unwrap();
        assert_eq!((site.record_class, site.record_use), (RecordClass::Site, RecordUse::ReferenceOnly));
        assert_eq!((site.name.as_str(), site.status), ("A SITE", OrganisationStatus::Inactive));
        insta::assert_json_snapshot!("organisation", all[1].record.clone().unwrap());
    }

    /// Another file is another release; the same one is the same.
    #[test]
    fn manifest_is_the_id() {
        let id = |text: &str| read(text.as_bytes()).unwrap().0.sha256;
        assert_eq!(id(WHOLE), id(&WHOLE.replace("A  SITE", "B SITE")));
        assert_ne!(id(WHOLE), id(&WHOLE.replace("RecordCount value=\"2\"", "RecordCount value=\"3\"")));
    }

    proptest! {
        /// Whatever happens to a file on its way, it is read or refused with a line of it.
        #[test]
        fn damaged_files_are_read_or_refused(
            damage in proptest::collection::vec((0..WHOLE.len(), any::<u8>()), 0..8),
            length in 0..=WHOLE.len(),
        ) {
            let mut bytes = WHOLE.as_bytes().to_vec();
            for (place, byte) in damage {
                bytes[place] = byte;
            }
            bytes.truncate(length);
            if let Err(fault) = read(&bytes) {
                let lines = bytes.split(|byte| *byte == b'\n').count();
                prop_assert!(fault.line >= 1 && fault.line <= u64::try_from(lines).unwrap());
                prop_assert!(!fault.sentence.is_empty());
            }
        }
    }
}
