//! The Debian package: built, listed, and its program run from where it was unpacked.

use std::process::Command;

use super::rig::{file, must, run, text};

/// The package holds program, unit, configuration, manual and copyright, needs what the program is linked with and what it runs, and
/// its program runs; whoever installs it again keeps the configuration. Without a program there is no package.
#[test]
fn package_holds_what_a_workstation_needs() {
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/package-agent");
    let out = file(folder.path(), "out");
    let package =
        |program: &str| run(Command::new(script).args([program, &out]).env("PACKAGE_COMPRESSION", "gzip"));
    let (good, said) = package("/nowhere/lanyard-agent");
    assert!(!good && said.contains("There is no program"), "{said}");
    let (good, said) = package(env!("CARGO_BIN_EXE_lanyard-agent"));
    assert!(good, "{said}");
    let made: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [package] = &made[..] else { panic!("{made:?}") };
    let package = text(package);

    let listed = must("dpkg-deb", &["--contents", package]);
    for path in [
        "./usr/bin/lanyard-agent",
        "./usr/lib/systemd/user/lanyard-agent.service",
        "./etc/lanyard/agent.toml",
        "./usr/share/man/man1/lanyard-agent.1.gz",
        "./usr/share/doc/lanyard-agent/copyright",
    ] {
        assert!(
            listed.lines().any(|line| line.ends_with(&format!(" {path}")) && line.contains("root/root")),
            "{path}: {listed}"
        );
    }
    let needs = must("dpkg-deb", &["--field", package, "Depends"]);
    for need in ["libc6", "libpcsclite1", "pcscd", "pinentry"] {
        assert!(needs.contains(need), "{need}: {needs}");
    }
    assert!(!needs.contains("softhsm") && !needs.contains("libssl"), "{needs}");
    let kept = must("dpkg-deb", &["--info", package, "conffiles"]);
    assert_eq!(kept.trim(), "/etc/lanyard/agent.toml");

    let installed = file(folder.path(), "installed");
    must("dpkg-deb", &["--extract", package, &installed]);
    let said = must(&format!("{installed}/usr/bin/lanyard-agent"), &["--version"]);
    assert!(said.starts_with("lanyard-agent "), "{said}");
    let unit =
        std::fs::read_to_string(format!("{installed}/usr/lib/systemd/user/lanyard-agent.service")).unwrap();
    for line in ["ExecStart=/usr/bin/lanyard-agent run", "NoNewPrivileges=yes", "LimitCORE=0"] {
        assert!(unit.lines().any(|said| said == line), "{line}");
    }
    // The configuration that comes along lets nobody do anything, and is one.
    let configuration = format!("{installed}/etc/lanyard/agent.toml");
    let (_, said) = run(Command::new(format!("{installed}/usr/bin/lanyard-agent")).args([
        "--config",
        &configuration,
        "doctor",
    ]));
    assert!(said.contains("No web page may ask for signatures"), "{said}");
}
