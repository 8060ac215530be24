//! The tracked files of this tree, as data.

use std::{path::Path, process::Command};

/// One file: its path from the root of the tree, and its text.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// One package's manifest.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) package: String,
    pub(crate) table: toml::Table,
}

impl Manifest {
    /// Reads a manifest; the name of the package comes from its own table.
    pub(crate) fn parse(text: &str) -> Manifest {
        let table: toml::Table = toml::from_str(text).expect("a manifest is TOML");
        let package = table["package"]["name"].as_str().expect("a package has a name").to_owned();
        Manifest { package, table }
    }

    /// The names in one table of dependencies, with what each entry says.
    pub(crate) fn dependencies(&self, kind: &str) -> Vec<(&str, &toml::Value)> {
        let table = self.table.get(kind).and_then(toml::Value::as_table);
        table.into_iter().flatten().map(|(name, entry)| (name.as_str(), entry)).collect()
    }
}

/// Every Rust file.
pub(crate) fn sources() -> Vec<Source> {
    files(&[""], &["rs"])
}

/// Every file that holds text and is ours.
pub(crate) fn texts() -> Vec<Source> {
    files(
        &[""],
        &[
            "rs", "md", "toml", "sql", "sh", "java", "py", "svg", "json", "yml", "conf", "html", "Makefile",
            "",
        ],
    )
}

/// Packages that are not of the workspace.
const OUTSIDE: [&str; 3] = ["fuzz/", "tools/kryoptic/", "tools/virtual-card/"];

/// Every package's manifest.
pub(crate) fn manifests() -> Vec<Manifest> {
    let manifests = files(&[""], &["toml"]);
    let manifests = manifests.iter().filter(|file| {
        file.path.ends_with("Cargo.toml") && !OUTSIDE.iter().any(|outside| file.path.starts_with(outside))
    });
    manifests.map(|file| Manifest::parse(&file.text)).collect()
}

/// The text of one file.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("a tracked file can be read")
}

/// The files below one of the folders whose name ends in one of the extensions; no extension at all is "".
pub(crate) fn files(folders: &[&str], extensions: &[&str]) -> Vec<Source> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files of the tree");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).expect("paths are text");
    let wanted = listed.split('\0').filter(|path| {
        let extension = Path::new(path).extension().map_or("", |end| end.to_str().unwrap_or_default());
        !path.is_empty()
            && folders.iter().any(|folder| path.starts_with(folder))
            && extensions.contains(&extension)
    });
    // A file that is deleted and not yet committed is listed and cannot be read; one that is no text is not ours to read.
    let wanted = wanted.filter_map(|path| Some((path, std::fs::read_to_string(root().join(path)).ok()?)));
    wanted.map(|(path, text)| Source { path: path.to_owned(), text }).collect()
}

/// The folder of the tree.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
