//! `lanyard directory`: what a running register is told, and its reports.

mod organisations;
mod people;
mod progress;
mod reports;
mod roles;

use super::ca::{Desk, Form};
use crate::cli::{Directory, DirectoryAct};

/// Does one act.
pub async fn run(options: &Directory) -> anyhow::Result<()> {
    let form = Form::of(options.json);
    match &options.act {
        DirectoryAct::ImportOrganisations { connection, file, dry_run: true, .. } => {
            organisations::try_out(&Desk::new(connection, form)?, file).await
        }
        DirectoryAct::ImportOrganisations { connection, file, resume: true, .. } => {
            organisations::resume(&Desk::new(connection, form)?, file).await
        }
        DirectoryAct::ImportOrganisations { connection, file, .. } => {
            organisations::bring(&Desk::new(connection, form)?, file).await
        }
        DirectoryAct::ImportRoles { connection, folder, name, code_system, dry_run } => {
            let what = roles::What::of(folder.as_deref(), name.as_deref(), code_system.as_deref())?;
            roles::import(&Desk::new(connection, form)?, &what, trial(*dry_run)).await
        }
        DirectoryAct::ImportPeople { connection, file, source, good, dry_run } => {
            let mode = if *good { directory::api::ImportMode::Good } else { directory::api::ImportMode::All };
            people::import(&Desk::new(connection, form)?, file, source, mode, trial(*dry_run)).await
        }
        DirectoryAct::Report { connection, report, organisation, filters, out } => {
            let path = reports::path(report, organisation, filters)?;
            reports::write(&Desk::new(connection, form)?, &path, out.as_deref()).await
        }
    }
}

fn trial(dry_run: bool) -> directory::api::Trial {
    if dry_run { directory::api::Trial::Yes } else { directory::api::Trial::No }
}
