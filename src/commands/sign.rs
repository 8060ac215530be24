//! `lanyard sign`: has files signed by a running server.

use std::collections::HashMap;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use zeroize::Zeroizing;

use crate::cli::Sign;
use crate::client::{Identity, Server};
use crate::files::{self, Readers};
use crate::signing::{self, Envelope};
use crate::terminal::{Count, line};

/// Signs the files and writes a signature for each.
pub async fn run(options: &Sign) -> anyhow::Result<()> {
    let identity = Identity { certificate: &options.certificate, key: &options.key };
    let server = Server::new(&options.server, &options.root, Some(&identity))?;
    let credential = signing::credential(&server, &options.user, options.credential.as_deref()).await?;
    each_has_its_own(&options.files, options.out.as_deref())?;
    let passphrase = passphrase(options.passphrase_file.as_deref())?;
    let envelope = if options.enveloping { Envelope::Enveloping } else { Envelope::Detached };
    let sizes = options.files.iter().map(|file| size(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut count = Count::new("signed", options.files.len() as u64);
    let mut next = 0;
    while next < options.files.len() {
        let end = next + signing::batch(&sizes[next..], envelope);
        let batch = &options.files[next..end];
        let documents = batch.iter().map(|file| files::read(file)).collect::<anyhow::Result<Vec<_>>>()?;
        let signatures = signing::sign(&server, &credential, &passphrase, &documents, envelope).await?;
        for (file, signature) in batch.iter().zip(&signatures) {
            files::write(&signature_path(file, options.out.as_deref()), signature, Readers::Everyone)?;
        }
        count.add((end - next) as u64);
        next = end;
    }
    drop(count);
    let first = signature_path(&options.files[0], options.out.as_deref());
    match options.files.len() {
        1 => line(format_args!("signed: {}", first.display())),
        many => line(format_args!("signed {many} files; the first signature is {}", first.display())),
    }
    Ok(())
}

fn size(file: &Path) -> anyhow::Result<usize> {
    let metadata = std::fs::metadata(file).with_context(|| format!("could not read {}", file.display()))?;
    usize::try_from(metadata.len()).with_context(|| format!("{} is too large", file.display()))
}

fn signature_path(file: &Path, out: Option<&Path>) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".p7s");
    match out {
        Some(folder) => folder.join(name),
        None => file.with_file_name(name),
    }
}

/// Two files of one name would have one signature file in one folder.
fn each_has_its_own(files: &[PathBuf], out: Option<&Path>) -> anyhow::Result<()> {
    let mut seen = HashMap::new();
    for file in files {
        let path = signature_path(file, out);
        if let Some(other) = seen.insert(path.clone(), file) {
            bail!(
                "the signatures of {} and {} would both be {}; nothing was signed. Sign them apart, or into different folders",
                other.display(),
                file.display(),
                path.display()
            );
        }
    }
    Ok(())
}

/// The passphrase from a file, or the first line of standard input. Never an argument, which others can see.
fn passphrase(file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let text = match file {
        Some(file) => Zeroizing::new(files::read_text(file)?),
        None if std::io::stdin().is_terminal() => {
            bail!("give the passphrase of the credential with --passphrase-file FILE or on standard input")
        }
        None => {
            let mut text = Zeroizing::new(String::new());
            std::io::stdin()
                .take(4096)
                .read_to_string(&mut text)
                .context("could not read the passphrase from standard input")?;
            text
        }
    };
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Zeroizing::new(line.to_owned())),
        _ => bail!("the passphrase is empty"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signature lies beside its file or in the folder asked for, under the file's whole name.
    #[test]
    fn signatures_lie_where_they_are_looked_for() {
        assert_eq!(signature_path(Path::new("a/b.json"), None), Path::new("a/b.json.p7s"));
        assert_eq!(
            signature_path(Path::new("a/b.json"), Some(Path::new("out"))),
            Path::new("out/b.json.p7s")
        );
    }

    /// Files of one name in different folders are not signed into one folder, where one signature would lie over the other.
    #[test]
    fn no_signature_lies_over_another() {
        let files = [PathBuf::from("a/f"), PathBuf::from("b/f")];
        assert!(each_has_its_own(&files, None).is_ok());
        let refused = each_has_its_own(&files, Some(Path::new("out"))).unwrap_err().to_string();
        assert!(refused.contains("a/f and b/f") && refused.contains("out/f.p7s"), "{refused}");
        assert!(
            each_has_its_own(&[files[0].clone(), files[0].clone()], None).is_err(),
            "the same file twice"
        );
    }
}
