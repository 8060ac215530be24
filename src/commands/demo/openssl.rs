//! The stranger's tool: `openssl cms -verify` as a process of its own, told only what lies in `out/`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, bail};

/// The command a person can type in the output folder.
pub(super) fn command_line(folder: &Path) -> String {
    format!(
        "cd {} && openssl {}",
        shell_word(&folder.display().to_string()),
        arguments("prescription.json").join(" ")
    )
}

/// What openssl is told. The revocation lists lie beside the root in `trust.pem`, the only way this command takes
/// them; `-purpose any` because its other choice is e-mail and ours is not.
fn arguments(content: &str) -> Vec<&str> {
    vec![
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "prescription.p7s",
        "-content",
        content,
        "-CAfile",
        "trust.pem",
        "-certfile",
        "chain.pem",
        "-crl_check_all",
        "-purpose",
        "any",
        "-out",
        "/dev/null",
    ]
}

/// Whether openssl accepts the signature over the file `content` of the folder, and what it said.
pub(super) fn verify(folder: &Path, content: &str) -> anyhow::Result<Result<(), String>> {
    let output = run(folder, &arguments(content))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok(if output.status.success() { Ok(()) } else { Err(said) })
}

/// Which openssl there is.
pub(super) fn version() -> anyhow::Result<String> {
    let output = run(Path::new("."), &["version"])?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

fn run(folder: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    let result = Command::new("openssl").args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("openssl is not installed; install it with `apt-get install openssl` and run this again")
        }
        result => result.context("openssl could not be started"),
    }
}

fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with odd characters still gives a command that can be pasted.
    #[test]
    fn odd_folders_are_quoted() {
        assert!(command_line(Path::new("/tmp/a b")).starts_with("cd '/tmp/a b' && openssl cms -verify"));
        assert!(command_line(Path::new("/tmp/a")).starts_with("cd /tmp/a &&"));
    }
}
