//! Which of our packages may name which, and how much of it.

use crate::{
    tree::{Manifest, Source},
    words,
};

/// How much of a package another may name.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// All that it exports.
    Whole,
    /// One public module of it.
    Module(&'static str),
}

const API: Part = Part::Module("api");
const WIRE: Part = Part::Module("wire");

/// The table of arrows: package, then what it may name. A package that is not here may name everything.
const ARROWS: &[(&str, &[(&str, Part)])] = &[
    (
        "ra",
        &[("ca", API), ("directory", API), ("authn", API), ("platform", Part::Whole), ("audit", Part::Whole)],
    ),
    (
        "authn",
        &[
            ("directory", API),
            ("ca", API),
            ("card", WIRE),
            ("hsm", Part::Whole),
            ("pki", Part::Whole),
            ("platform", Part::Whole),
            ("audit", Part::Whole),
        ],
    ),
    (
        "signer",
        &[
            ("ca", API),
            ("authn", API),
            ("directory", API),
            ("card", WIRE),
            ("hsm", Part::Whole),
            ("pki", Part::Whole),
            ("platform", Part::Whole),
            ("audit", Part::Whole),
        ],
    ),
    (
        "ca",
        &[
            ("directory", API),
            ("hsm", Part::Whole),
            ("pki", Part::Whole),
            ("card", Part::Whole),
            ("platform", Part::Whole),
            ("audit", Part::Whole),
        ],
    ),
    ("directory", &[("platform", Part::Whole), ("audit", Part::Whole)]),
    ("agent", &[("card", Part::Whole), ("pki", Part::Whole), ("platform", Part::Whole)]),
    ("audit", &[("hsm", Part::Whole), ("platform", Part::Whole)]),
    ("hsm", &[]),
    ("pki", &[]),
    ("platform", &[]),
    ("card", &[]),
];

/// Our packages, all that are planned.
const OURS: &[&str] = &[
    "lanyard",
    "ra",
    "authn",
    "signer",
    "ca",
    "directory",
    "agent",
    "audit",
    "hsm",
    "pki",
    "platform",
    "card",
];

/// Finds manifests that name a package of ours which they may not.
pub(crate) fn between_manifests(manifests: &[Manifest]) -> Vec<String> {
    let mut findings = Vec::new();
    for manifest in manifests {
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            for (name, _) in manifest.dependencies(kind) {
                let itself = name == manifest.package;
                if OURS.contains(&name) && !itself && part(&manifest.package, name).is_none() {
                    findings.push(format!(
                        "{}/Cargo.toml: [{kind}] names {name}, which is no arrow",
                        manifest.package
                    ));
                }
            }
        }
    }
    findings
}

/// Finds source that names a package, or a part of one, which it may not. What a package's own tests name of others
/// is between them and their manifest.
pub(crate) fn in_source(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        let Some((package, rest)) = source.path.split_once('/') else { continue };
        if !OURS.contains(&package) || !rest.starts_with("src/") {
            continue;
        }
        let names = words::names(&words::tokens(&source.text));
        // A module or a variable of the file's own may bear the name of a package; a path that goes on is what counts.
        for name in names.iter().filter(|name| name.parts.len() > 1 && OURS.contains(&name.parts[0].as_str()))
        {
            let other = name.parts[0].as_str();
            let allowed = other == package
                || match part(package, other) {
                    Some(Part::Whole) => true,
                    Some(Part::Module(module)) => name.parts[1] == module,
                    None => own_module(sources, package, other),
                };
            if !allowed {
                findings.push(format!("{}:{}: names {}", source.path, name.line, name.parts.join("::")));
            }
        }
    }
    findings
}

fn part(package: &str, other: &str) -> Option<Part> {
    match ARROWS.iter().find(|(name, _)| *name == package) {
        Some((_, allowed)) => allowed.iter().find(|(name, _)| *name == other).map(|(_, part)| *part),
        None => Some(Part::Whole),
    }
}

/// Whether the package has a module of that name itself.
fn own_module(sources: &[Source], package: &str, name: &str) -> bool {
    let file = format!("{package}/src/{name}.rs");
    let folder = format!("{package}/src/{name}/mod.rs");
    sources.iter().any(|source| source.path == file || source.path == folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    /// A manifest that names a package above it, or beside it, is found; one that names what it may is not.
    #[test]
    fn upward_manifest_is_found() {
        let manifest = |text: &str| Manifest::parse(text);
        let good = manifest("[package]\nname = 'audit'\n[dependencies]\nhsm.workspace = true\nserde = '1'");
        let up = manifest("[package]\nname = 'hsm'\n[dev-dependencies]\nca.workspace = true");
        let beside = manifest("[package]\nname = 'pki'\n[build-dependencies]\nplatform.workspace = true");
        assert!(between_manifests(&[good]).is_empty());
        assert_eq!(between_manifests(&[up, beside]).len(), 2);
    }

    /// The signer may name the API of the CA and nothing else of it, in a `use` line or in the middle of code.
    #[test]
    fn inner_part_of_another_module_is_found() {
        let good = source("signer/src/a.rs", "use ca::api::Client; fn f() { let ca = 1; ca.x(); }");
        let bad = source("signer/src/b.rs", "use ca::{api::Client, store};\nfn f() { ca::issue() }");
        let tests = source("signer/tests/it/main.rs", "use ca::ceremony;");
        let binary = source("src/main.rs", "use ca::ceremony;");
        assert!(in_source(&[good, tests, binary]).is_empty());
        assert_eq!(
            in_source(&[bad]),
            ["signer/src/b.rs:1: names ca::store", "signer/src/b.rs:2: names ca::issue"]
        );
    }

    /// A package's own module may bear another package's name.
    #[test]
    fn own_module_is_no_arrow() {
        let own = source("pki/src/audit.rs", "");
        let user = source("pki/src/lib.rs", "mod audit; use audit::Entry;");
        assert!(in_source(&[own, user.clone()]).is_empty());
        assert_eq!(in_source(&[user]).len(), 1);
    }
}
