//! The NIST Public Key Interoperability Test Suite, case by case.
//!
//! `pkits.tsv` holds the cases: number (with `/n` for a case that the document runs with several settings), end-entity
//! certificate, initial-policy-set, flags, expected verdict. What we answer is a table in `docs/compatibility.md`; a
//! change of any line fails the test. `LANYARD_BLESS=1` writes the table anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use pki::path::{self, Policy, PolicyInputs};
use pki::{Certificate, Crl, Error, ObjectIdentifier};

const CASES: &str = include_str!("pkits.tsv");
const BEGIN: &str = "<!-- pkits: made by the test `pkits`; LANYARD_BLESS=1 writes it anew -->\n";
const END: &str = "<!-- pkits: end -->\n";

/// 1 January 2020, within the suite's certificates.
const AT_MS: i64 = 1_577_836_800_000;

const ANCHOR: &str = "TrustAnchorRootCertificate";

/// Why we answer otherwise than the suite.
const EXPLAINED: &[(&str, &str)] = &[("4.1.4", NO_DSA), ("4.1.5", NO_DSA)];

const NO_DSA: &str = "DSA is not supported, FIPS 186-5 withdrew it for signing";

/// Every case of PKITS gives the verdict that the checked-in table says, and each that differs is explained.
#[test]
fn pkits() {
    let suite = Suite::read();
    let table = suite.table();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    let text = fs::read_to_string(&page).unwrap_or_default();
    let (before, rest) = text.split_once(BEGIN).unwrap_or((text.as_str(), END));
    let (written, after) = rest.split_once(END).expect("the table in docs/compatibility.md has its end mark");
    if std::env::var_os("LANYARD_BLESS").is_some() {
        fs::write(&page, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    let changed: Vec<&str> = table.lines().filter(|line| !written.lines().any(|old| old == *line)).collect();
    assert!(written == table, "the verdicts differ from docs/compatibility.md:\n{}", changed.join("\n"));
}

struct Suite {
    folder: PathBuf,
    anchors: Vec<Certificate>,
    authorities: Vec<Certificate>,
    crls: Vec<Crl>,
    /// What did not parse, so that no case had it; as lines of a list.
    refused: Vec<String>,
}

struct Case<'a> {
    number: &'a str,
    name: &'a str,
    policies: &'a str,
    flags: &'a str,
    expected: &'a str,
}

impl Suite {
    fn read() -> Self {
        let folder = std::env::var_os("LANYARD_PKITS_DIR").map_or_else(|| {
            panic!("LANYARD_PKITS_DIR is not set: run `make setup`, which installs the PKITS vectors, then `make test`")
        }, PathBuf::from);
        let mut refused = Vec::new();
        let mut authorities = Vec::new();
        for (name, der) in files(&folder.join("certs"), "crt") {
            if !name.ends_with("EE") && name != ANCHOR {
                match Certificate::from_der(&der) {
                    Ok(certificate) => authorities.push(certificate),
                    Err(error) => refused.push(format!("- {name}: {error}\n")),
                }
            }
        }
        let mut crls = Vec::new();
        for (name, der) in files(&folder.join("crls"), "crl") {
            match Crl::from_der(&der) {
                Ok(crl) => crls.push(crl),
                Err(error) => refused.push(format!("- {name}: {error}\n")),
            }
        }
        Self { anchors: vec![certificate(&folder, ANCHOR).unwrap()], authorities, crls, folder, refused }
    }

    fn verdict(&self, case: &Case<'_>) -> Result<(), String> {
        let leaf = certificate(&self.folder, case.name).map_err(|error| error.to_string())?;
        path::check(&leaf, &self.authorities, &self.anchors, &self.crls, AT_MS, &case.policy())
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    fn table(&self) -> String {
        let cases: Vec<Case<'_>> = CASES.lines().map(Case::read).collect();
        let mut rows = String::new();
        let mut agree = 0;
        for case in &cases {
            let verdict = self.verdict(case);
            let ours = if verdict.is_ok() { "valid" } else { "invalid" };
            let explained = EXPLAINED.iter().find(|(number, _)| *number == case.number).map(|(_, why)| *why);
            let mut remark = verdict.err().unwrap_or_default();
            if ours == case.expected {
                agree += 1;
                assert!(
                    explained.is_none(),
                    "{} agrees with PKITS, its explanation is out of date",
                    case.number
                );
            } else {
                let why = explained.unwrap_or("**not explained**");
                remark = format!("**differs:** {why} ({remark})");
            }
            let Case { number, name, expected, .. } = case;
            writeln!(rows, "| {number} | {name} | {} | {expected} | {ours} | {remark} |", case.settings())
                .unwrap();
        }
        let count = cases.len();
        let refused = self.refused.concat();
        format!(
            "\n{agree} of {count} verdicts agree with PKITS. Refused when parsed, so that no case has them:\n\n{refused}\n\
             | case | end-entity certificate | settings | PKITS | ours | why |\n|---|---|---|---|---|---|\n{rows}\n"
        )
    }
}

impl<'a> Case<'a> {
    fn read(line: &'a str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let [number, name, policies, flags, expected] = fields[..] else { panic!("five fields in {line:?}") };
        Self { number, name, policies, flags, expected }
    }

    fn policy(&self) -> Policy {
        let oid = |number: &str| ObjectIdentifier::new(&format!("2.16.840.1.101.3.2.1.48.{number}")).unwrap();
        let policies = self.policies.split('+').filter(|number| *number != "-");
        let inputs = PolicyInputs {
            initial_policies: policies.map(oid).collect(),
            explicit_policy: self.flags == "explicit",
            inhibit_mapping: self.flags == "no-mapping",
            inhibit_any_policy: self.flags == "no-any-policy",
        };
        Policy { inputs, ..Policy::default() }
    }

    fn settings(&self) -> String {
        let policies =
            if self.policies == "-" { String::new() } else { format!("policies {}", self.policies) };
        let flags = if self.flags == "-" { "" } else { self.flags };
        [policies.as_str(), flags]
            .iter()
            .filter(|text| !text.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn certificate(folder: &Path, name: &str) -> Result<Certificate, Error> {
    let file = folder.join("certs").join(format!("{name}.crt"));
    Certificate::from_der(&fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

/// The files with this ending, by name.
fn files(folder: &Path, ending: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    paths
        .iter()
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect()
}
