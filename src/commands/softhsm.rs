//! SoftHSM as the token of a first installation: where its library lies, and its configuration.

use std::path::{Path, PathBuf};

use anyhow::bail;

/// Where distributions put the library.
const USUAL: [&str; 7] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

/// The library asked for, or the one that is installed.
pub fn find(asked: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = asked {
        if path.is_file() {
            return Ok(std::path::absolute(path)?);
        }
        bail!("there is no PKCS#11 library at {}", path.display());
    }
    match USUAL.iter().map(Path::new).find(|path| path.is_file()) {
        Some(path) => Ok(path.to_owned()),
        None => bail!(
            "SoftHSM is not installed; install it with `apt-get install softhsm2`, or name the PKCS#11 library of another token with --module"
        ),
    }
}

/// Whether a library is SoftHSM, by its name.
pub fn is_named(module: &Path) -> bool {
    module.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libsofthsm"))
}

/// `softhsm2.conf` for tokens in this folder. Debian's build knows only the file store.
pub fn configuration(tokens: &Path) -> String {
    format!(
        "# SoftHSM reads this through SOFTHSM2_CONF.\ndirectories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
        tokens.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library that is not there is refused by its name.
    #[test]
    fn a_missing_library_is_named() {
        let error = find(Some(Path::new("/nowhere/lib.so"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/lib.so"));
    }
}
