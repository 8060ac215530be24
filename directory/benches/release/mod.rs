//! Invented releases of the Organisation Data Service, of any size, made while they are read.
//!
//! Every organisation has what real ones have: an address, two contacts, two roles, two or three relationships, and one in
//! five a predecessor. Later editions of a release differ in one organisation of a hundred.

use std::fmt::Write as _;
use std::io::{BufReader, Read, Result};

/// A release of so many organisations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Release {
    /// How many organisations.
    pub(crate) records: u64,
    /// The first edition is 1.
    pub(crate) edition: u64,
}

/// The code of an organisation by its number.
pub(crate) fn code(number: u64) -> String {
    format!("G{number:07}")
}

impl Release {
    /// The XML, as a stream.
    pub(crate) fn reader(self) -> BufReader<Pieces> {
        BufReader::with_capacity(64 * 1024, Pieces { release: self, next: 0, text: String::new(), read: 0 })
    }

    fn head(self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <HSCOrgRefData:OrgRefData xmlns:HSCOrgRefData=\"http://refdata.hscic.gov.uk/org/v2-0-0\">\n\
             <Manifest>\n  <Version value=\"2-0-0\" />\n  <PublicationType value=\"Full\" />\n  \
             <PublicationSource value=\"Invented\" />\n  <PublicationDate value=\"2026-{:02}-28\" />\n  \
             <PublicationSeqNum value=\"{}\" />\n  <FileCreationDateTime value=\"2026-07-28T00:00:00\" />\n  \
             <RecordCount value=\"{}\" />\n  <ContentDescription value=\"HSCOrgRefData_Full_Invented\" />\n  \
             <PrimaryRoleScope><PrimaryRole id=\"RO177\" displayName=\"PRESCRIBING COST CENTRE\" /></PrimaryRoleScope>\n\
             </Manifest>\n<CodeSystems><CodeSystem name=\"OrganisationRole\" oid=\"2.16.840.1.113883.2.1.3.2.4.17.507\">\
             <concept id=\"RO177\" code=\"177\" displayName=\"PRESCRIBING COST CENTRE\" /></CodeSystem></CodeSystems>\n\
             <Organisations>\n",
            self.edition.min(12),
            self.edition,
            self.records
        )
    }

    /// One organisation. `write!` into a text cannot fail.
    fn organisation(self, number: u64, text: &mut String) {
        let changed = number % 100 == self.edition && self.edition > 1;
        let name = if changed { "NEW" } else { "OLD" };
        let (code, parent) = (code(number), code(number / 50));
        let date = "<Date><Type value=\"Operational\" /><Start value=\"1974-04-01\" /></Date>";
        let id = |code: &str| {
            format!(
                "<OrgId root=\"2.16.840.1.113883.2.1.3.2.4.18.48\" assigningAuthorityName=\"HSCIC\" extension=\"{code}\" />"
            )
        };
        let rel = |place: u64, kind: &str, target: &str| {
            format!(
                "<Rel id=\"{kind}\" uniqueRelId=\"{}\">{date}<Status value=\"Active\" /><Target>{}\
                 <PrimaryRoleId id=\"RO98\" uniqueRoleId=\"{place}\" /></Target></Rel>",
                number * 10 + place,
                id(target)
            )
        };
        let _ = writeln!(
            text,
            "<Organisation orgRecordClass=\"RC1\">\n  <Name>SURGERY {number} &amp; {name} PARTNERS</Name>\n  {date}\
             {}<Status value=\"Active\" /><LastChangeDate value=\"2026-05-01\" />\n  \
             <GeoLoc><Location><AddrLn1>{number} HIGH STREET</AddrLn1><AddrLn2>THE QUARTER</AddrLn2><Town>LEEDS</Town>\
             <County>WEST YORKSHIRE</County><PostCode>LS{} {}AP</PostCode><Country>ENGLAND</Country>\
             <UPRN>{number}</UPRN></Location></GeoLoc>\n  \
             <Contacts><Contact type=\"tel\" value=\"0113 {number:07}\" />\
             <Contact type=\"http\" value=\"www.example.org/{number}\" /></Contacts>\n  \
             <Roles><Role id=\"RO177\" uniqueRoleId=\"{}\" primaryRole=\"true\">{date}<Status value=\"Active\" /></Role>\
             <Role id=\"RO76\" uniqueRoleId=\"{}\">{date}<Status value=\"Active\" /></Role></Roles>\n  <Rels>{}{}{}</Rels>",
            id(&code),
            number % 29,
            number % 9,
            number * 10,
            number * 10 + 1,
            rel(2, "RE4", &parent),
            rel(3, "RE5", "Q72"),
            if number.is_multiple_of(3) { rel(4, "RE6", &parent) } else { String::new() },
        );
        if number.is_multiple_of(5) {
            let _ = writeln!(
                text,
                "  <Succs><Succ uniqueSuccId=\"{number}\"><Date><Type value=\"Legal\" /><Start value=\"2013-04-01\" />\
                 </Date><Type>Predecessor</Type><Target>{}</Target></Succ></Succs>",
                id("5N1")
            );
        }
        text.push_str("</Organisation>\n");
    }
}

/// A release that is made while it is read.
pub(crate) struct Pieces {
    release: Release,
    /// 0 is what stands before the organisations, the first of which is 1.
    next: u64,
    text: String,
    read: usize,
}

impl Pieces {
    fn more(&mut self) {
        self.text.clear();
        self.read = 0;
        let records = self.release.records;
        match self.next {
            0 => self.text = self.release.head(),
            number if number <= records => self.release.organisation(number, &mut self.text),
            number if number == records + 1 => {
                self.text.push_str("</Organisations>\n</HSCOrgRefData:OrgRefData>\n");
            }
            _ => return,
        }
        self.next += 1;
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        if self.read == self.text.len() {
            self.more();
        }
        let many = into.len().min(self.text.len() - self.read);
        into[..many].copy_from_slice(&self.text.as_bytes()[self.read..self.read + many]);
        self.read += many;
        Ok(many)
    }
}
