//! Job roles as a FHIR `CodeSystem` in XML, as HL7 UK publishes `UKCore-SDSJobRoleName`.
//!
//! It has the codes and names of job roles and nothing else. So it makes a release out of the one in force: job roles are
//! added or get their new names, everything else stays as it is, and none goes.

use std::collections::BTreeMap;
use std::io::BufRead;

use super::content::{Content, Entry};
use super::{Book, JobRoleCode};
use crate::error::Error;
use crate::xml::{Document, Fault, Node};

const NAMESPACE: &str = "http://hl7.org/fhir";

/// The release in force with the job roles of a code system.
pub fn from_code_system(book: &Book, reader: impl BufRead) -> Result<Content, Error> {
    let (title, concepts) = read(reader)?;
    let mut content = book.content().clone();
    let mut places: BTreeMap<JobRoleCode, usize> =
        content.job_roles.iter().enumerate().map(|(place, one)| (one.code, place)).collect();
    for (code, name) in concepts {
        if let Some(place) = places.get(&code) {
            content.job_roles[*place].name = name;
        } else {
            places.insert(code, content.job_roles.len());
            content.job_roles.push(Entry { code, name, group: None, category: None });
        }
    }
    // The same code system again makes no further name of the same content.
    let suffix = format!("job roles {title}");
    if !content.name.ends_with(&suffix) {
        let parts = [content.name.as_str(), suffix.as_str()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        content.name = parts.join(" with ");
    }
    Ok(content)
}

/// The name and version of the code system, and its concepts.
fn read(reader: impl BufRead) -> Result<(String, Vec<(JobRoleCode, String)>), Error> {
    let mut document = Document::open(reader, NAMESPACE, &["CodeSystem"])?;
    let (mut name, mut version) = (None, None);
    let (mut concepts, mut lines) = (Vec::new(), BTreeMap::new());
    while let Some(start) = document.next_child()? {
        match start.name() {
            "concept" => concept(&document.take(start)?, &mut concepts, &mut lines)?,
            "name" => name = document.take(start)?.value().map(str::to_owned),
            "version" => version = document.take(start)?.value().map(str::to_owned),
            _ => document.skip(&start)?,
        }
    }
    document.finish()?;
    if concepts.is_empty() {
        let sentence = "there is no concept in it; give the CodeSystem with its content".to_owned();
        return Err(Error::File { place: "the code system".to_owned(), sentence });
    }
    let title = [name.as_deref().unwrap_or("CodeSystem"), version.as_deref().unwrap_or_default()].join(" ");
    let title = title.chars().filter(|c| !c.is_control()).take(100).collect::<String>();
    Ok((title.trim().to_owned(), concepts))
}

/// A concept, and those in it.
fn concept(
    node: &Node,
    concepts: &mut Vec<(JobRoleCode, String)>,
    lines: &mut BTreeMap<JobRoleCode, u64>,
) -> Result<(), Error> {
    let fault = |sentence: String| Error::from(Fault { line: node.line, sentence });
    let text = node.value_of("code").unwrap_or_default();
    let code: JobRoleCode = text.parse().map_err(|not| fault(format!("the code {text:?} is {not}")))?;
    let name = node.value_of("display").unwrap_or_default();
    if name.is_empty() || name.len() > 300 || name.chars().any(char::is_control) {
        return Err(fault(format!("the display of {code} is empty, too long, or has control characters")));
    }
    if let Some(line) = lines.insert(code, node.line) {
        return Err(fault(format!("{code} stands in line {line} already")));
    }
    concepts.push((code, name.to_owned()));
    for inner in node.children.iter().filter(|child| child.name == "concept") {
        concept(inner, concepts, lines)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::csv_files::tests::small;

    fn system(concepts: &str) -> String {
        format!(
            "<CodeSystem xmlns=\"http://hl7.org/fhir\">\n<id value=\"x\"/><version value=\"2.0.0\"/>\
             <name value=\"JobRoles\"/><contact><name value=\"Somebody\"/></contact>\n{concepts}</CodeSystem>"
        )
    }

    /// Job roles are added and renamed; what the code system says nothing of stays, and the same again changes nothing.
    #[test]
    fn code_system_adds_and_renames() {
        let book = Book::new(3, small()).unwrap();
        let text = system(
            "<concept><code value=\"R8000\"/><display value=\"Clinician\"/></concept>\
             <concept><code value=\"S0010:G0020:R0050\"/><display value=\"Consultant\"/>\
             <concept><code value=\"R0055\"/><display value=\"Locum &amp; consultant\"/></concept></concept>",
        );
        let next = Book::new(4, from_code_system(&book, text.as_bytes()).unwrap()).unwrap();
        let name = |code: &str| next.job_role(code.parse().unwrap()).map(|one| one.name.clone()).unwrap();
        assert_eq!(
            (name("R8000"), name("R0050"), name("R0055")),
            ("Clinician".to_owned(), "Consultant".to_owned(), "Locum & consultant".to_owned())
        );
        assert_eq!(name("R1290"), "Pharmacist");
        assert_eq!(next.content().baselines, book.content().baselines);
        assert_eq!(next.name(), "27.2 with job roles JobRoles 2.0.0");
        let again = Book::new(5, from_code_system(&next, text.as_bytes()).unwrap()).unwrap();
        assert_eq!(again.sha256(), next.sha256());
        assert_eq!(
            from_code_system(&Book::default(), text.as_bytes()).unwrap().name,
            "job roles JobRoles 2.0.0"
        );
    }

    /// The published code system reads whole, where it lies beside the repository (`LANYARD_SAMPLES`): it is nobody's to copy.
    #[test]
    fn published_job_roles_are_read() {
        let Some(folder) = std::env::var_os("LANYARD_SAMPLES") else {
            eprintln!("LANYARD_SAMPLES names no folder: the published job roles are not read");
            return;
        };
        let file = std::path::Path::new(&folder).join("rbac/job-roles.CodeSystem.xml");
        let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let content = from_code_system(&Book::default(), text.as_slice()).unwrap();
        assert_eq!(content.name, "job roles UKCoreSDSJobRoleName 2.0.0");
        assert_eq!(content.job_roles.len(), 392);
        let book = Book::new(1, content).unwrap();
        let name = |code: &str| book.job_role(code.parse().unwrap()).map(|one| one.name.clone()).unwrap();
        assert_eq!(
            (name("R0010"), name("R8014")),
            ("Medical Director".to_owned(), "Social Worker Access Role".to_owned())
        );
    }

    /// What is no job role, stands twice or is of another namespace is refused with its line.
    #[test]
    fn faults_name_their_line() {
        let check = |text: &str, words: &[&str]| {
            let said = from_code_system(&Book::default(), text.as_bytes()).unwrap_err().to_string();
            for words in words {
                assert!(said.contains(words), "{said}");
            }
        };
        let concept =
            |code: &str| format!("<concept><code value=\"{code}\"/><display value=\"A\"/></concept>\n");
        check(&system(&concept("B0825")), &["line 3", "\"B0825\" is not a job role code"]);
        check(
            &system(&(concept("R0050") + &concept("R0050"))),
            &["line 4", "R0050 stands in line 3 already"],
        );
        check(&system("<concept><code value=\"R0050\"/></concept>"), &["display of R0050 is empty"]);
        check(&system(""), &["no concept"]);
        check("<CodeSystem xmlns=\"urn:other\"></CodeSystem>", &["line 1", "urn:other"]);
    }
}
