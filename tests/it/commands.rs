//! The commands beside the server: signing many files, verifying them, and proving the record.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::rig::{Demo, Site, free_ports, lanyard, said};

/// The policy of remote signing by a prescriber, as `ca/profiles.toml` has it.
const POLICY: &str = "1.3.6.1.4.1.32473.1.2.1";

/// Three files are signed by the running server and verify here; a wrong passphrase, a changed file and a foreign
/// document do not get through, and no passphrase is ever shown.
#[test]
fn files_are_signed_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    let _demo = Demo::start(&site.folder, site.base);
    let files: Vec<PathBuf> = (1..=3).map(|number| dir.path().join(format!("letter {number}.txt"))).collect();
    for file in &files {
        fs::write(file, format!("{}", file.display())).unwrap();
    }
    let passphrase = site.folder.join("prescriber/passphrase");
    let names: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let signed = sign(&site, &passphrase, &names);
    assert!(signed.status.success(), "{}", said(&signed));
    assert!(said(&signed).contains("signed 3 files"), "{}", said(&signed));
    assert!(!said(&signed).contains(fs::read_to_string(&passphrase).unwrap().trim()));

    let first = verify(&site, &[names[0]], &format!("{}.p7s", names[0]));
    assert!(first.status.success(), "{}", said(&first));
    assert!(said(&first).contains("Ottoline"), "{}", said(&first));
    assert!(
        said(&first).contains("checked") && !said(&first).contains("certificate policy"),
        "{}",
        said(&first)
    );
    let of = |policy| verify(&site, &[names[0], "--policy", policy], &format!("{}.p7s", names[0]));
    let asked = of(POLICY);
    assert!(asked.status.success() && said(&asked).contains("certificate policy"), "{}", said(&asked));
    let other = of("1.3.6.1.4.1.32473.9");
    assert!(!other.status.success() && said(&other).contains("policy"), "{}", said(&other));
    assert!(!of("none").status.success());
    let exchanged = verify(&site, &[names[1]], &format!("{}.p7s", names[0]));
    assert!(!exchanged.status.success());

    let out = dir.path().join("enveloping");
    fs::create_dir(&out).unwrap();
    let enveloped = sign(&site, &passphrase, &["--enveloping", "--out", out.to_str().unwrap(), names[2]]);
    assert!(enveloped.status.success(), "{}", said(&enveloped));
    let inside = out.join("letter 3.txt.p7s");
    assert!(verify(&site, &[], inside.to_str().unwrap()).status.success());

    let wrong = dir.path().join("wrong");
    fs::write(&wrong, "not the passphrase at all").unwrap();
    let refused = sign(&site, &wrong, &names[..1]);
    assert!(!refused.status.success());
    assert!(said(&refused).contains("refused"), "{}", said(&refused));
}

fn sign(site: &Site, passphrase: &Path, more: &[&str]) -> Output {
    let (system, root) = (site.system(), site.root());
    let server = format!("https://localhost:{}", site.base + 1);
    let mut arguments = vec!["sign", "--server", &server, "--user", "555000000108"];
    arguments.extend([
        "--certificate",
        system.certificate.to_str().unwrap(),
        "--key",
        system.key.to_str().unwrap(),
    ]);
    arguments.extend(["--root", root.to_str().unwrap(), "--passphrase-file", passphrase.to_str().unwrap()]);
    arguments.extend(more);
    lanyard(&arguments)
}

fn verify(site: &Site, file: &[&str], signature: &str) -> Output {
    let out = site.folder.join("out");
    let of = |name: &str| out.join(name).to_str().unwrap().to_owned();
    let (root, lists) = (of("root.pem"), [of("root.crl"), of("remote-signing.crl")]);
    let mut arguments = vec!["verify", "--signature", signature, "--root", &root];
    for list in &lists {
        arguments.extend(["--crl", list]);
    }
    arguments.extend(file);
    lanyard(&arguments)
}

/// The record is copied and proved from the verifier key alone, grows from copy to copy, and a changed copy is not
/// proved; entries are exported as lines that name what happened.
#[test]
fn the_record_is_copied_and_proved() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    Demo::run_once(&site.folder, site.base);
    let config = site.folder.join("lanyard.toml");
    let audit = |arguments: &[&str]| {
        let mut all = vec!["--config", config.to_str().unwrap(), "audit"];
        all.extend(arguments);
        lanyard(&all)
    };
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let key = audit(&["key"]);
    let key = String::from_utf8(key.stdout).unwrap().trim().to_owned();
    assert!(audit(&["copy", one.to_str().unwrap()]).status.success());
    Demo::run_once(&site.folder, site.base);
    assert!(audit(&["copy", two.to_str().unwrap()]).status.success());

    let old = one.join("checkpoint");
    let proved =
        lanyard(&["audit", "verify", two.to_str().unwrap(), "--key", &key, "--since", old.to_str().unwrap()]);
    assert!(proved.status.success() && said(&proved).contains("PROVED"), "{}", said(&proved));
    assert!(said(&proved).contains("grew"), "{}", said(&proved));

    let export = audit(&["export"]);
    let lines = String::from_utf8(export.stdout).unwrap();
    assert!(lines.lines().count() > 10 && lines.contains("log-began"), "{lines}");
    let passphrase = fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
    assert!(!lines.contains(passphrase.trim()), "a passphrase has no place in the record");

    let entries = two.join("entries.jsonl");
    let changed = fs::read_to_string(&entries).unwrap().replacen("555000000108", "555000000109", 1);
    fs::write(&entries, changed).unwrap();
    let refused = lanyard(&["audit", "verify", two.to_str().unwrap(), "--key", &key]);
    assert!(!refused.status.success() && said(&refused).contains("NOT PROVED"), "{}", said(&refused));
}

/// A finished installation passes every check; `migrate` finds nothing to do; a second ceremony is refused.
#[test]
fn a_finished_installation_passes_every_check() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site { folder: dir.path().join("demo"), base: free_ports() };
    Demo::run_once(&site.folder, site.base);
    let config = site.folder.join("lanyard.toml");
    let with = |arguments: &[&str]| {
        let mut all = vec!["--config", config.to_str().unwrap()];
        all.extend(arguments);
        lanyard(&all)
    };
    let check = with(&["check"]);
    assert!(check.status.success(), "{}", said(&check));
    assert!(!said(&check).contains("FAIL"), "{}", said(&check));
    assert!(!said(&check).contains("note  address"), "a demonstration is for this machine: {}", said(&check));
    for name in ["configuration", "PIN file", "TLS", "clock", "token", "Ed25519", "key wrapping", "database"]
    {
        assert!(said(&check).contains(&format!("ok    {name}")), "{name}: {}", said(&check));
    }
    assert!(with(&["migrate"]).status.success());
    let specification = site.folder.join("ceremony.toml");
    let again = with(&["ceremony", "--spec", specification.to_str().unwrap()]);
    assert!(!again.status.success() && said(&again).contains("held already"), "{}", said(&again));
}
