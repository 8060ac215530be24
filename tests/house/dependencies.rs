//! What we build with.

use crate::tree::Manifest;

/// Packages that may not be in the lock file at all.
const BANNED: &[&str] = &["openssl-sys", "native-tls"];

/// Finds banned packages in the lock file, and users of the card library other than the agent.
pub(crate) fn locked(lock: &str) -> Vec<String> {
    let lock: toml::Table = toml::from_str(lock).expect("the lock file is TOML");
    let mut findings = Vec::new();
    for package in lock["package"].as_array().expect("packages are a list") {
        let name = package["name"].as_str().expect("a package has a name");
        if BANNED.contains(&name) {
            findings.push(format!("Cargo.lock: holds {name}"));
        }
        let needs = package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
        // An entry is a name, or a name and a version where two versions are locked.
        let needs = needs.filter_map(|entry| entry.as_str()?.split(' ').next());
        if name != "agent" && needs.clone().any(|needed| needed == "pcsc") {
            findings.push(format!("Cargo.lock: {name} needs pcsc, which only the agent may"));
        }
    }
    findings
}

/// Finds packages that do not take edition, licence, lints and versions of what is foreign from the workspace.
pub(crate) fn inherited(manifests: &[Manifest]) -> Vec<String> {
    let mut findings = Vec::new();
    for manifest in manifests {
        let package = &manifest.package;
        let from_workspace = |value: Option<&toml::Value>| {
            value.and_then(|value| value.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
        };
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            if !from_workspace(manifest.table["package"].get(key)) {
                findings.push(format!("{package}/Cargo.toml: {key} is not the workspace's"));
            }
        }
        if !from_workspace(manifest.table.get("lints")) {
            findings.push(format!("{package}/Cargo.toml: lints are not the workspace's"));
        }
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            for (name, entry) in manifest.dependencies(kind) {
                if !from_workspace(Some(entry)) && entry.get("path").is_none() {
                    findings
                        .push(format!("{package}/Cargo.toml: the version of {name} is not the workspace's"));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second TLS library and a foreign user of the card library are found in a lock file.
    #[test]
    fn banned_package_is_found() {
        let lock = |packages: &[(&str, &str)]| {
            let entry = |(name, needs): &(&str, &str)| {
                format!("[[package]]\nname = '{name}'\ndependencies = [{needs}]\n")
            };
            packages.iter().map(entry).collect::<String>()
        };
        assert!(locked(&lock(&[("agent", "'pcsc'"), ("rustls", "'aws-lc-rs'")])).is_empty());
        assert_eq!(locked(&lock(&[("openssl-sys", ""), ("card", "'serde', 'pcsc 2.9.0'")])).len(), 2);
    }

    /// A version or a lint of a package's own is found.
    #[test]
    fn manifest_that_goes_its_own_way_is_found() {
        let head = "version.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
                    license.workspace = true\npublish.workspace = true\n";
        let good = format!(
            "[package]\nname = 'a'\n{head}[lints]\nworkspace = true\n[dependencies]\nb.workspace = true"
        );
        let bad = format!("[package]\nname = 'a'\n{head}[dependencies]\nb = '1'");
        assert!(inherited(&[Manifest::parse(&good)]).is_empty());
        assert_eq!(inherited(&[Manifest::parse(&bad)]).len(), 2);
    }
}
