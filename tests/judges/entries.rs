//! What each judge reads in a revocation list, entry by entry, after it has verified it.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::bench::{Bench, run};
use crate::{bouncy, gnutls, openssl};

/// The reason's code by serial, in hexadecimal without zeros before it; `None` where no reason is said.
pub(crate) type Entries = BTreeMap<String, Option<u8>>;

type Reader = fn(&[u8], &[u8]) -> Result<Entries, String>;

/// Each reader, and whether it shows reasons.
const READERS: [(&str, Reader, bool); 3] = [
    ("openssl", read_by_openssl, true),
    ("gnutls", read_by_gnutls, false),
    ("bouncy castle", read_by_bouncy, true),
];

/// How OpenSSL names reasons in text.
const REASONS: [(&str, u8); 10] = [
    ("Unspecified", 0),
    ("Key Compromise", 1),
    ("CA Compromise", 2),
    ("Affiliation Changed", 3),
    ("Superseded", 4),
    ("Cessation Of Operation", 5),
    ("Certificate Hold", 6),
    ("Remove From CRL", 8),
    ("Privilege Withdrawn", 9),
    ("AA Compromise", 10),
];

/// A serial in the form in which all are compared.
pub(crate) fn serial(text: &str) -> String {
    text.trim().trim_start_matches('0').to_ascii_lowercase()
}

/// What our own reader finds.
pub(crate) fn read_by_us(list: &pki::Crl) -> Entries {
    list.entries()
        .map(|entry| (serial(&entry.serial.to_string()), entry.reason.map(pki::Reason::code)))
        .collect()
}

/// The same without reasons, as a reader has it that shows none.
fn without_reasons(entries: &Entries) -> Entries {
    entries.keys().map(|serial| (serial.clone(), None)).collect()
}

/// What is wrong with how the judges read a list: each finds the serials that ours finds, with their reasons, and no other.
pub(crate) fn read_alike(list: &pki::Crl, issuer: &[u8]) -> Vec<String> {
    let ours = read_by_us(list);
    let mut wrong = Vec::new();
    for (name, read, shows_reasons) in READERS {
        let expected = if shows_reasons { ours.clone() } else { without_reasons(&ours) };
        let found = read(list.der(), issuer);
        if found != Ok(expected) {
            wrong.push(format!("{name} reads the list as {found:?}, and we as {ours:?}"));
        }
    }
    wrong
}

fn read_by_openssl(crl: &[u8], issuer: &[u8]) -> Result<Entries, String> {
    openssl::accepts_crl(crl, issuer)?;
    let bench = Bench::new();
    let file = bench.file("a.crl", crl).into_os_string();
    let arguments = ["crl", "-inform", "DER", "-noout", "-text", "-in"].map(OsString::from);
    let text = run("openssl", arguments.into_iter().chain([file]))?.out;
    let (mut entries, mut last, mut lines) = (Entries::new(), String::new(), text.lines().map(str::trim));
    while let Some(line) = lines.next() {
        if let Some(number) = line.strip_prefix("Serial Number: ") {
            last = serial(number);
            if entries.insert(last.clone(), None).is_some() {
                return Err(format!("{last} is listed twice"));
            }
        } else if line.starts_with("X509v3 CRL Reason Code:") {
            let name = lines.next().unwrap_or_default();
            let known = REASONS.iter().find(|(known, _)| *known == name).ok_or_else(|| name.to_owned())?;
            entries.insert(last.clone(), Some(known.1));
        }
    }
    Ok(entries)
}

/// The dates since when keys are thought to have been unsafe, as OpenSSL writes them.
pub(crate) fn dates_by_openssl(crl: &[u8]) -> Vec<String> {
    let bench = Bench::new();
    let file = bench.file("a.crl", crl).into_os_string();
    let arguments = ["crl", "-inform", "DER", "-noout", "-text", "-in"].map(OsString::from);
    let text = run("openssl", arguments.into_iter().chain([file])).expect("openssl reads the list").out;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let after = lines.windows(2).filter(|pair| pair[0].starts_with("Invalidity Date:"));
    after.map(|pair| pair[1].to_owned()).collect()
}

fn read_by_gnutls(crl: &[u8], issuer: &[u8]) -> Result<Entries, String> {
    gnutls::accepts_crl(crl, issuer)?;
    let bench = Bench::new();
    let file = bench.crls("crl.pem", [&crl.to_vec()]).into_os_string();
    let text = run("certtool", ["--crl-info".into(), "--infile".into(), file])?.out;
    let serials = text.lines().filter_map(|line| line.trim().strip_prefix("Serial Number (hex): "));
    Ok(serials.map(|number| (serial(number), None)).collect())
}

fn read_by_bouncy(crl: &[u8], issuer: &[u8]) -> Result<Entries, String> {
    let bench = Bench::new();
    let lines = bouncy::reads_entries(bench.file("issuer.cer", issuer), bench.file("a.crl", crl))?;
    let mut entries = Entries::new();
    for line in lines {
        let (number, reason) = line.split_once(' ').ok_or_else(|| line.clone())?;
        let reason = Some(reason).filter(|reason| *reason != "none");
        let reason = reason.map(str::parse).transpose().map_err(|_| line.clone())?;
        entries.insert(serial(number), reason);
    }
    Ok(entries)
}

/// Each reader finds the one entry of a list that is not ours, and reads nothing in one that was changed.
#[test]
fn readers_of_entries_can_refuse() {
    let fixture = crate::fixture::make();
    let (list, issuer) = (&fixture.revoked.crls[1], &fixture.path.intermediates[0]);
    let leaf = pki::Certificate::from_der(&fixture.path.leaf).expect("openssl made it");
    let expected = Entries::from([(serial(&leaf.serial().to_string()), None)]);
    for (name, read, _) in READERS {
        assert_eq!(read(list, issuer), Ok(expected.clone()), "{name}");
        assert_eq!(read(&fixture.path.crls[1], issuer), Ok(Entries::new()), "{name}");
        assert!(read(&crate::tampered(list), issuer).is_err(), "{name} read a changed list");
    }
}
