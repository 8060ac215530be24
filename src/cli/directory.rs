//! `lanyard directory`: national data and people brought in, and reports, asked of a running server.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Connection;

/// `lanyard directory`.
#[derive(Debug, Clone, Args)]
pub struct Directory {
    /// Print what came of it as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub act: DirectoryAct,
}

/// An act of the register.
#[derive(Debug, Clone, Subcommand)]
pub enum DirectoryAct {
    /// Bring in a release of the Organisation Data Service, or say what would change.
    ///
    /// What is in stays in: the same file again passes over it, after whatever broke it off.
    ImportOrganisations {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The XML of the release.
        #[arg(value_name = "XML")]
        file: PathBuf,
        /// Only say what would change.
        #[arg(long)]
        dry_run: bool,
        /// Go on after it was broken off, and whenever it is: wait for the server and for its lock, then send again.
        #[arg(long, conflicts_with = "dry_run")]
        resume: bool,
    },
    /// Bring in a release of the national roles from a folder of CSV files, or the job roles of a FHIR code system.
    ImportRoles {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The folder with the five files of a release.
        #[arg(value_name = "DIR", required_unless_present = "code_system", requires = "name")]
        folder: Option<PathBuf>,
        /// The name of the release, such as 27.2.
        #[arg(long)]
        name: Option<String>,
        /// The FHIR `CodeSystem` of the job roles, in XML.
        #[arg(long, value_name = "XML", conflicts_with_all = ["folder", "name"])]
        code_system: Option<PathBuf>,
        /// Only say what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Bring in people from a CSV file.
    ImportPeople {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The file; docs/people.md has its columns.
        #[arg(value_name = "CSV")]
        file: PathBuf,
        /// The name of the register or list that the external ids are of.
        #[arg(long, value_name = "NAME")]
        source: String,
        /// Do the good rows although others are bad. A file of any length is then sent in parts.
        #[arg(long)]
        good: bool,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
    /// Write a report as CSV.
    Report {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// Which; `GET /directory/reports` lists them.
        report: String,
        /// The organisation, by its ODS code; those below it are in it too.
        #[arg(long, value_name = "ODS")]
        organisation: String,
        /// A filter of the report.
        #[arg(long = "filter", value_name = "NAME=VALUE")]
        filters: Vec<String>,
        /// Where to write [default: standard output].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}
