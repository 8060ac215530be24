//! Where in our source the large libraries may be named, and which files every module has.

use crate::{
    tree::{Manifest, Source},
    words,
};

/// The packages that are modules: they have routes and tables of their own.
const MODULES: &[&str] = &["audit", "ca", "signer", "authn", "directory", "ra"];

/// Finds files that name a library which belongs elsewhere.
pub(crate) fn in_source(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        let Some((package, rest)) = split(&source.path) else { continue };
        for name in words::names(&words::tokens(&source.text)) {
            let whole = name.parts.join("::");
            let why = match name.parts[0].as_str() {
                "axum" if MODULES.contains(&package) && !web_may(rest) => "axum belongs in http/ and lib.rs",
                "sqlx" if MODULES.contains(&package) && !sql_may(rest) && whole != "sqlx::Error" => {
                    "sqlx belongs in store"
                }
                "cryptoki" if package != "hsm" => "cryptoki belongs in hsm",
                "pcsc" if package != "agent" => "pcsc belongs in agent",
                _ => continue,
            };
            // A single word may be a field or a variable; a path that goes on, or a `use`, is what counts.
            if name.parts.len() > 1 {
                findings.push(format!("{}:{}: names {whole}: {why}", source.path, name.line));
            }
        }
    }
    findings
}

/// Finds manifests that bring in a library which belongs to another package. Tests and benches may measure the raw one.
pub(crate) fn in_manifests(manifests: &[Manifest]) -> Vec<String> {
    let mut findings = Vec::new();
    for manifest in manifests {
        for (name, _) in manifest.dependencies("dependencies") {
            let owner = match name {
                "cryptoki" => "hsm",
                "pcsc" => "agent",
                _ => continue,
            };
            if manifest.package != owner {
                findings
                    .push(format!("{}/Cargo.toml: names {name}, which belongs to {owner}", manifest.package));
            }
        }
    }
    findings
}

/// The files of sign-in that name SHA-1, and for what.
const SHA1: [&str; 2] = [
    // The challenges of cards of CIS1, where the configuration permits it.
    "authn/src/cis1/sha1.rs",
    // The codes of authenticator apps: HMAC, RFC 6238.
    "authn/src/authenticator/app/code.rs",
];

/// Finds files of sign-in that use SHA-1 elsewhere.
pub(crate) fn sha1_elsewhere(sources: &[Source]) -> Vec<String> {
    let ours = sources.iter().filter(|source| source.path.starts_with("authn/src/"));
    let elsewhere = ours.filter(|source| !SHA1.contains(&source.path.as_str()));
    elsewhere
        .filter(|source| {
            words::names(&words::tokens(&source.text))
                .iter()
                .any(|name| name.parts.iter().any(|part| part.contains("SHA1")))
        })
        .map(|source| format!("{}: uses SHA-1, which has its places: {SHA1:?}", source.path))
        .collect()
}

/// Finds modules that lack one of the files that every module has.
pub(crate) fn same_files(sources: &[Source]) -> Vec<String> {
    let has = |path: String| sources.iter().any(|source| source.path == path);
    let mut findings = Vec::new();
    for module in MODULES.iter().filter(|module| has(format!("{module}/src/lib.rs"))) {
        for noun in ["api", "config", "error", "store", "http"] {
            if !has(format!("{module}/src/{noun}.rs")) && !has(format!("{module}/src/{noun}/mod.rs")) {
                findings.push(format!("{module}/src: has no {noun}"));
            }
        }
    }
    findings
}

/// The package and the rest of the path of a file that is built into what we ship.
fn split(path: &str) -> Option<(&str, &str)> {
    let (package, rest) = path.split_once('/')?;
    match rest.strip_prefix("src/") {
        Some(rest) => Some((package, rest)),
        None if package == "src" => Some(("lanyard", rest)),
        None => None,
    }
}

fn web_may(rest: &str) -> bool {
    rest == "lib.rs" || rest == "http.rs" || rest.starts_with("http/")
}

fn sql_may(rest: &str) -> bool {
    rest == "store.rs" || rest.starts_with("store/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    /// A rule file that names axum, SQL or PKCS#11 is found; the places made for them are not.
    #[test]
    fn library_out_of_place_is_found() {
        let good = [
            source("ca/src/http/certificates.rs", "use axum::Router;"),
            source("ca/src/lib.rs", "pub fn router() -> axum::Router { todo() }"),
            source("ca/src/store/serials.rs", "fn f() { sqlx::query(\"\") }"),
            source("ca/src/error.rs", "enum E { Sql(sqlx::Error) }"),
            source("platform/src/db.rs", "use sqlx::AnyPool;"),
            source("hsm/src/hsm.rs", "use cryptoki::context::Pkcs11;"),
            source("tests/story.rs", "use cryptoki::context::Pkcs11;"),
        ];
        let bad = [
            source("ca/src/issuance.rs", "use axum::Json;"),
            source("signer/src/ledger.rs", "fn f() { sqlx::query(\"\"); }"),
            source("src/main.rs", "use cryptoki::context::Pkcs11;"),
            source("card/src/lib.rs", "use pcsc::Context;"),
        ];
        assert!(in_source(&good).is_empty(), "{:?}", in_source(&good));
        assert_eq!(in_source(&bad).len(), bad.len());
    }

    /// SHA-1 in a file of sign-in that is none of its places is found, and in them it is not.
    #[test]
    fn sha1_out_of_place_is_found() {
        let text = "use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY;";
        let elsewhere = source("authn/src/cis1/validation.rs", text);
        assert_eq!(sha1_elsewhere(&[elsewhere, source("authn/src/cis1/sha1.rs", text)]).len(), 1);
    }

    /// A manifest may bring PKCS#11 in for its tests, and only hsm's for more.
    #[test]
    fn manifest_with_a_foreign_library_is_found() {
        let bad = Manifest::parse("[package]\nname = 'ca'\n[dependencies]\ncryptoki = '1'");
        let good = Manifest::parse("[package]\nname = 'lanyard'\n[dev-dependencies]\ncryptoki = '1'");
        assert_eq!(in_manifests(&[bad]).len(), 1);
        assert!(in_manifests(&[good]).is_empty());
    }

    /// A module without its error file is found; a store may be a folder.
    #[test]
    fn module_that_lacks_a_file_is_found() {
        let paths = ["lib.rs", "api.rs", "config.rs", "store/mod.rs", "http/mod.rs"];
        let sources: Vec<Source> = paths.iter().map(|path| source(&format!("ca/src/{path}"), "")).collect();
        assert_eq!(same_files(&sources), ["ca/src: has no error"]);
    }
}
