//! `lanyard directory import-roles`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use directory::api::{Difference, RoleImport, RoleImportOutcome, RoleImported, Shift, Trial};

use super::Desk;
use crate::files;
use crate::terminal::line;

/// What is brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// A release of this name, from the files of a folder.
    Folder(&'a Path, &'a str),
    /// The job roles of a code system.
    CodeSystem(&'a Path),
}

impl<'a> What<'a> {
    pub(super) fn of(
        folder: Option<&'a Path>,
        name: Option<&'a str>,
        code_system: Option<&'a Path>,
    ) -> anyhow::Result<Self> {
        match (folder, name, code_system) {
            (Some(folder), Some(name), None) => Ok(Self::Folder(folder, name)),
            (None, None, Some(file)) => Ok(Self::CodeSystem(file)),
            _ => bail!("give a folder and --name, or --code-system"),
        }
    }

    fn read(&self) -> anyhow::Result<RoleImport> {
        match self {
            Self::Folder(folder, name) => {
                let read = |file: &str| -> anyhow::Result<(String, String)> {
                    Ok((file.to_owned(), files::read_text(&folder.join(file))?))
                };
                let files: anyhow::Result<BTreeMap<_, _>> =
                    directory::rbac::FILES.iter().map(|(file, _)| read(file)).collect();
                Ok(RoleImport { name: Some((*name).to_owned()), files: files?, ..RoleImport::default() })
            }
            Self::CodeSystem(file) => {
                Ok(RoleImport { code_system: Some(files::read_text(file)?), ..RoleImport::default() })
            }
        }
    }
}

/// Brings a release in, or says what would change.
pub(super) async fn import(desk: &Desk, what: &What<'_>, dry_run: Trial) -> anyhow::Result<()> {
    let body = RoleImport { dry_run: Some(dry_run), ..what.read()? };
    let body = serde_json::to_vec(&body).context("the files cannot be sent")?;
    let imported: RoleImported =
        desk.server.post_once("/directory/rbac/import", "application/json", body).await?;
    desk.form.one(&imported, tell)
}

fn tell(imported: &RoleImported) {
    let would = if imported.dry_run == Trial::Yes { "would be" } else { "is" };
    match imported.outcome {
        RoleImportOutcome::Same => line(format_args!("release {} has this content already", imported.number)),
        RoleImportOutcome::New => line(format_args!("this {would} release {}", imported.number)),
    }
    if let Some(difference) = &imported.difference {
        tell_difference(difference);
    }
}

fn tell_difference(difference: &Difference) {
    let shifts = [
        ("job roles", &difference.job_roles),
        ("areas of work", &difference.areas),
        ("activities", &difference.activities),
        ("inclusions", &difference.inclusions),
    ];
    for (what, shift) in shifts.into_iter().filter(|(_, shift)| !shift.is_empty()) {
        tell_shift(what, shift);
    }
    if !difference.baselines.is_empty() {
        line(format_args!("baselines: {} changed", difference.baselines.len()));
    }
    line(format_args!(
        "role profiles: {} looked at, {} gain rights, {} lose some",
        difference.profiles, difference.profiles_gaining, difference.profiles_losing
    ));
}

fn tell_shift(what: &str, shift: &Shift) {
    let counts = (shift.came.len(), shift.gone.len(), shift.renamed.len());
    line(format_args!("{what}: {} came, {} went, {} have another name", counts.0, counts.1, counts.2));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder needs a name, and a code system stands alone.
    #[test]
    fn one_of_two_is_brought_in() {
        let (folder, file) = (Path::new("release"), Path::new("roles.xml"));
        assert_eq!(What::of(Some(folder), Some("27.2"), None).unwrap(), What::Folder(folder, "27.2"));
        assert_eq!(What::of(None, None, Some(file)).unwrap(), What::CodeSystem(file));
        assert!(
            What::of(Some(folder), None, None).is_err() && What::of(Some(folder), None, Some(file)).is_err()
        );
    }
}
