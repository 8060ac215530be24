//! Tokens to copy, so that not every test makes the same keys.

use std::path::{Path, PathBuf};

use crate::Alg;

/// Where the token with these keys is kept, where there is a folder for such.
pub(super) fn of(keys: &[(&str, Alg)]) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("LANYARD_TEST_TEMPLATES")?);
    let names: Vec<String> = keys.iter().map(|(label, alg)| format!("{label}.{alg:?}")).collect();
    Some(folder.join(format!("token_{}", names.join("_"))))
}

/// Keeps a copy of a token that nobody has open. It appears under its name only when it is whole.
pub(super) fn keep(token: &Path, template: &Path) {
    let folder = template.parent().expect("the folder of templates");
    let making = tempfile::Builder::new().prefix("making.").tempdir_in(folder).expect("a place to make it");
    let made = making.path().join("token");
    copy(token, &made);
    // Whoever was quicker made one that is as good; a folder that is not empty is not replaced.
    let _quicker = std::fs::rename(&made, template);
}

/// Copies the files of a token.
pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a new directory");
    for entry in std::fs::read_dir(from).expect("the token's directory") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("the file is copied");
    }
}
