//! The organisations of the world as a release of the Organisation Data Service, to be brought in like any other.

use std::fmt::Write as _;

use super::world::Place;

/// The XML of a release of these organisations.
pub fn release(places: &[Place]) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <HSCOrgRefData:OrgRefData xmlns:HSCOrgRefData=\"http://refdata.hscic.gov.uk/org/v2-0-0\">\n\
         <Manifest>\n  <Version value=\"2-0-0\" />\n  <PublicationType value=\"Full\" />\n  \
         <PublicationSource value=\"Lanyard\" />\n  <PublicationDate value=\"2026-01-01\" />\n  \
         <PublicationSeqNum value=\"1\" />\n  <RecordCount value=\"{}\" />\n  \
         <ContentDescription value=\"Invented organisations of the demonstration\" />\n</Manifest>\n<Organisations>\n",
        places.len()
    );
    for (number, place) in places.iter().enumerate() {
        organisation(&mut text, number * 10, place);
    }
    text.push_str("</Organisations>\n</HSCOrgRefData:OrgRefData>\n");
    text
}

/// One organisation. `write!` into a text cannot fail.
fn organisation(text: &mut String, number: usize, place: &Place) {
    let date = "<Date><Type value=\"Operational\" /><Start value=\"2013-04-01\" /></Date>";
    let active = "<Status value=\"Active\" />";
    let class = if place.role == "RO198" || place.role == "RO182" { "RC2" } else { "RC1" };
    let primary = format!(
        "<Role id=\"{}\" uniqueRoleId=\"{number}\" primaryRole=\"true\">{date}{active}</Role>",
        place.role
    );
    let other = place.other_role.map_or_else(String::new, |role| {
        format!("<Role id=\"{role}\" uniqueRoleId=\"{}\">{date}{active}</Role>", number + 1)
    });
    let related = place.related.map_or_else(String::new, |(kind, target)| {
        format!(
            "<Rels><Rel id=\"{kind}\" uniqueRelId=\"{}\">{date}{active}<Target>{}</Target></Rel></Rels>",
            number + 2,
            id(target)
        )
    });
    let _ = writeln!(
        text,
        "<Organisation orgRecordClass=\"{class}\">\n  <Name>{}</Name>\n  {date}{}{active}\
         <LastChangeDate value=\"2026-01-01\" />\n  <GeoLoc><Location><AddrLn1>{}</AddrLn1>\
         <Town>IMAGINARY GREEN</Town><PostCode>ZZ99 3CZ</PostCode><Country>ENGLAND</Country></Location></GeoLoc>\n  \
         <Contacts><Contact type=\"tel\" value=\"01632 96{number:04}\" /></Contacts>\n  \
         <Roles>{primary}{other}</Roles>{related}\n</Organisation>",
        place.name,
        id(place.code),
        place.street,
    );
}

fn id(code: &str) -> String {
    format!(
        "<OrgId root=\"2.16.840.1.113883.2.1.3.2.4.18.48\" assigningAuthorityName=\"HSCIC\" extension=\"{code}\" />"
    )
}
