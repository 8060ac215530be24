//! Accredited systems and message handling systems: filling a register makes none, so they are brought in over HTTP.

use std::fmt::Write as _;

use anyhow::ensure;

use crate::place::wait;
use crate::population::code;
use crate::rig::site::Site;

/// How many of each kind there are.
pub(crate) const COUNT: u64 = 1_000;
/// What all of them take part in.
pub(crate) const INTERACTION: &str = "urn:nhs:names:services:pds:QUPA_IN000006UK02";
/// Organisations that have one: those of whole blocks that are open.
const PLACES: u64 = 290;

/// The identifier of an accredited system.
pub(crate) fn accredited(number: u64) -> String {
    format!("{:012}", 918_999_000_000 + number)
}

/// The identifier of a message handling system.
pub(crate) fn handling(number: u64) -> String {
    format!("S{}", accredited(number))
}

/// Whose it is, in a register with so many whole blocks.
pub(crate) fn organisation(number: u64, blocks: u64) -> String {
    code(number / PLACES % blocks, number % PLACES)
}

/// Brings all of them in.
pub(crate) fn bring_in(site: &Site, blocks: u64) -> anyhow::Result<()> {
    wait(async {
        let request =
            site.loader(&site.desk())?.http.post(format!("{}/directory/systems/import", site.base()));
        let answer = request.header("content-type", "text/plain").body(ldif(blocks)).send().await?;
        let status = answer.status();
        let said = answer.bytes().await?;
        let said = String::from_utf8_lossy(&said);
        let created = format!("\"created\":{},", 2 * COUNT);
        let is_done = said.lines().last().is_some_and(|report| report.contains(&created));
        ensure!(status.is_success() && is_done, "systems were not brought in: {status} {said}");
        anyhow::Ok(())
    })
}

fn ldif(blocks: u64) -> String {
    let mut text = String::new();
    for number in 0..COUNT {
        let (asid, name, code) = (accredited(number), handling(number), organisation(number, blocks));
        let key = format!("{code}-{number:07}");
        // Text grows without failing.
        let _ = writeln!(
            text,
            "dn: uniqueIdentifier={asid},ou=Services,o=nhs\nobjectClass: nhsAs\nobjectClass: top\nuniqueIdentifier: {asid}\n\
             nhsIDCode: {code}\nnhsMHSPartyKey: {key}\nnhsAsSvcIA: {INTERACTION}\n"
        );
        let _ = writeln!(
            text,
            "dn: uniqueIdentifier={name},ou=Services,o=nhs\nobjectClass: nhsMhs\nobjectClass: top\nuniqueIdentifier: {name}\n\
             nhsIDCode: {code}\nnhsMHSPartyKey: {key}\nnhsMhsSvcIA: {INTERACTION}\n\
             nhsMHSEndPoint: https://mhs-{number}.nowhere.example/\n"
        );
    }
    text
}
