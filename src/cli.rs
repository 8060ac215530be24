//! The command line: what can be typed, and nothing of what it does.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

mod authn;
mod ca;
mod directory;
mod keys;
mod seed;
mod signing;

pub use authn::{Authn, AuthnAct, CheckClient, DEMANDED_CHECKS};
pub use ca::{CaAct, CertificateForm, Connection, Filter, Profiles, Secrets};
pub use directory::{Directory, DirectoryAct};
pub use keys::{Diversify, Keys, Rewrap};
pub use seed::Seed;
pub use signing::{Sign, Verify};

/// An open Care Identity Service: certificates, prescription signing and the record of both.
#[derive(Debug, Parser)]
#[command(name = "lanyard", version, about, propagate_version = true)]
pub struct Cli {
    /// Which configuration file to use.
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        env = "LANYARD_CONFIG",
        default_value = "lanyard.toml"
    )]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `lanyard` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a configuration, PINs, a token and an empty database; overwrites nothing.
    Init(Init),
    /// Run the server.
    Serve,
    /// Bring the database to the schema of this version.
    Migrate,
    /// Check configuration, token, database, clock and ports, and say what to do.
    Check,
    /// Make the root and the issuing authorities from a specification, and keep the transcript.
    Ceremony(Ceremony),
    /// Issue the TLS certificate of a system, or of this server, without a running server.
    Enrol(Enrol),
    /// What a running certificate authority is told.
    Ca(Ca),
    /// What a running register is told: national data, people; and its reports.
    Directory(Directory),
    /// Share out the token's PIN among people, some of whom together give it back.
    SplitPin(SplitPin),
    /// Give one's share of the PIN to a server that waits for it.
    Unlock(Unlock),
    /// Have files signed by a running server.
    Sign(Sign),
    /// Verify a detached or enveloping CMS signature, or a signed prescription.
    Verify(Verify),
    /// Prove, copy, export or describe the audit record.
    #[command(subcommand)]
    Audit(Audit),
    /// List the keys of the token, and move what it wraps under a new wrapping key.
    #[command(subcommand)]
    Keys(Keys),
    /// Copy database, configuration, key inventory and last checkpoint into a folder, while the server runs.
    Backup(Backup),
    /// Put a backup into an empty database; the server then stays in recovery until `recover`.
    Restore(Restore),
    /// After a restore: account for what happened since the backup, from what was seen outside.
    Recover(Recover),
    /// Fill an empty register with invented people, any number, for tests and for measuring.
    Seed(Seed),
    /// Help for those who build relying parties.
    Authn(Authn),
    /// Show the whole: make everything in one folder, sign a prescription, stay up.
    Demo(Demo),
}

/// `lanyard init`.
#[derive(Debug, Clone, Args)]
pub struct Init {
    /// The folder to write into.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// The PKCS#11 library of a token that is there: its own tools made it [default: a new token of SoftHSM in the folder].
    #[arg(long, value_name = "FILE")]
    pub module: Option<PathBuf>,
    /// The label of the token.
    #[arg(long, value_name = "LABEL", default_value = "lanyard")]
    pub label: String,
    /// The fully qualified name by which others reach this server, in every address that they keep or that is issued.
    #[arg(long, value_name = "NAME", default_value = "localhost", value_parser = crate::config::host_name)]
    pub host: String,
    /// The name of the organisation in the certificates of the authorities.
    #[arg(long, default_value = "Lanyard")]
    pub organisation: String,
    /// Where to put the PIN of the token's security officer, such as a medium that is carried away
    /// [default: security-officer/so.pin in the folder].
    #[arg(long, value_name = "FILE")]
    pub so_pin: Option<PathBuf>,
    /// Where to listen.
    #[command(flatten)]
    pub ports: Ports,
}

/// The ports, each on its own or all from one base.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Ports {
    /// Five ports in a row from here: public, systems, cards, plain, private.
    #[arg(long, value_name = "PORT")]
    pub port_base: Option<u16>,
    /// HTTPS that never asks for a certificate (8443).
    #[arg(long, value_name = "PORT")]
    pub public_port: Option<u16>,
    /// HTTPS for systems with a client certificate (8444).
    #[arg(long, value_name = "PORT")]
    pub systems_port: Option<u16>,
    /// HTTPS for people with a card (8445).
    #[arg(long, value_name = "PORT")]
    pub cards_port: Option<u16>,
    /// Plain HTTP for revocation lists and authority certificates (8080).
    #[arg(long, value_name = "PORT")]
    pub plain_port: Option<u16>,
    /// Metrics and health, on this machine only (9464).
    #[arg(long, value_name = "PORT")]
    pub private_port: Option<u16>,
}

/// `lanyard ceremony`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Ceremony {
    /// What to do with a root that no server holds.
    #[command(subcommand)]
    pub act: Option<CeremonyAct>,
    /// The specification, in TOML; without issuing authorities it makes a root alone.
    #[arg(long, value_name = "FILE", required = true)]
    pub spec: Option<PathBuf>,
    /// Where to keep the transcript [default: beside the specification].
    #[arg(long, value_name = "FILE")]
    pub transcript: Option<PathBuf>,
}

/// What is done with a root that no server holds, on the machine with its token.
#[derive(Debug, Clone, Subcommand)]
pub enum CeremonyAct {
    /// Sign the requests of issuing authorities, revoke what the root signed before, make the root's next revocation list
    /// and a signed transcript.
    Sign(CeremonySign),
    /// Bring the certificates and the list that the root's machine made, before the server runs for the first time.
    Import {
        /// The files, in PEM.
        #[arg(required = true, value_name = "PEM")]
        files: Vec<PathBuf>,
    },
    /// Check that the root's key signed a transcript, and that files are the ones it tells of.
    Verify {
        /// The transcript; its signature lies beside it with .sig at its end.
        transcript: PathBuf,
        /// The root, in PEM.
        #[arg(long, value_name = "PEM")]
        root: PathBuf,
        /// Certificates, lists and requests in PEM.
        files: Vec<PathBuf>,
    },
}

/// `lanyard ceremony sign`.
#[derive(Debug, Clone, Args)]
pub struct CeremonySign {
    /// A PKCS#10 request in PEM; none for a ceremony that only revokes or makes a list.
    #[arg(long = "csr", value_name = "FILE")]
    pub requests: Vec<PathBuf>,
    /// Which authority each request is of, such as `card`, in the order of the requests; needed where authorities have profiles of
    /// their own.
    #[arg(long, value_name = "ID", requires = "requests")]
    pub authority: Vec<String>,
    /// The certificate of another root in PEM, whose key this root certifies across.
    #[arg(long, value_name = "FILE")]
    pub across: Vec<PathBuf>,
    /// The serial in hexadecimal of a certificate that this root signed, to be revoked.
    #[arg(long, value_name = "SERIAL", requires = "reason")]
    pub revoke: Vec<String>,
    /// Why, such as `superseded`, `ca_compromise` or `cessation_of_operation`.
    #[arg(long, value_name = "REASON", requires = "revoke")]
    pub reason: Option<String>,
    /// Who is present: name and part in the ceremony.
    #[arg(long = "present", value_name = "NAME", required = true)]
    pub present: Vec<String>,
    /// Where to write certificates, list, transcript and signature.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Do not ask whether what is shown shall be signed.
    #[arg(long)]
    pub yes: bool,
}

/// `lanyard split-pin`.
#[derive(Debug, Clone, Args)]
pub struct SplitPin {
    /// Who gets a share.
    #[arg(long = "holder", value_name = "NAME", required = true)]
    pub holders: Vec<String>,
    /// How many of them are needed.
    #[arg(long, value_name = "COUNT")]
    pub threshold: u8,
    /// Whose PIN it is, where the configuration has several tokens.
    #[arg(long, value_name = "LABEL")]
    pub token: Option<String>,
    /// Leave the shares open instead of asking each holder for a passphrase.
    #[arg(long)]
    pub open: bool,
    /// Where to write them.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// `lanyard unlock`.
#[derive(Debug, Clone, Args)]
pub struct Unlock {
    /// The file with the share.
    #[arg(value_name = "FILE")]
    pub share: PathBuf,
}

/// `lanyard enrol`.
#[derive(Debug, Clone, Args)]
pub struct Enrol {
    /// What the certificate is for.
    #[arg(long, value_enum, default_value_t = EnrolKind::Client)]
    pub kind: EnrolKind,
    /// The client id of the system (as in `[clients.NAME]`), or the host name of the server.
    pub name: String,
    /// Further names of a server.
    #[arg(long = "dns", value_name = "NAME")]
    pub dns_names: Vec<String>,
    /// Where to write NAME.pem and NAME.key.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
}

/// What an enrolled certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EnrolKind {
    /// A system that calls this server.
    Client,
    /// This server.
    Server,
}

/// `lanyard ca`.
#[derive(Debug, Clone, Args)]
pub struct Ca {
    /// Print answers as JSON, where there are many one a line.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub act: CaCommand,
}

/// `lanyard ca`, by whom it is told.
#[derive(Debug, Clone, Subcommand)]
pub enum CaCommand {
    /// Who may register by ACME, and what for.
    #[command(subcommand)]
    Acme(Acme),
    /// Everything else the authority does for others.
    #[command(flatten)]
    Act(CaAct),
}

/// `lanyard ca acme`.
#[derive(Debug, Clone, Subcommand)]
pub enum Acme {
    /// Let somebody register, and show the key for it, this once.
    Add(AddExternalAccount),
    /// List who may register.
    List {
        /// As whom.
        #[command(flatten)]
        caller: Caller,
    },
    /// Let somebody register no more, and stop the accounts that did.
    End {
        /// The id, as `list` shows it.
        account: String,
        /// As whom.
        #[command(flatten)]
        caller: Caller,
    },
}

/// `lanyard ca acme add`.
#[derive(Debug, Clone, Args)]
pub struct AddExternalAccount {
    /// What it is called here.
    pub name: String,
    /// A profile it may use; the first is used when an order names none.
    #[arg(long = "profile", value_name = "ID", default_value = "acme-tls-server")]
    pub profiles: Vec<String>,
    /// A host name it may have certified, with all names under it.
    #[arg(long = "dns", value_name = "NAME")]
    pub dns_suffixes: Vec<String>,
    /// A network its names may lead to; validation connects nowhere else.
    #[arg(long = "network", value_name = "ADDRESS/BITS")]
    pub networks: Vec<String>,
    /// The serial number of a device, or `*`.
    #[arg(long = "device", value_name = "SERIAL")]
    pub devices: Vec<String>,
    /// How many ACME accounts may be bound to it, ever [default: 1].
    #[arg(long, value_name = "COUNT")]
    pub most_accounts: Option<u32>,
    /// As whom.
    #[command(flatten)]
    pub caller: Caller,
}

/// Whom a running server sees.
#[derive(Debug, Clone, Args)]
pub struct Caller {
    /// The server.
    #[arg(long, env = "LANYARD_SERVER", default_value = "https://localhost:8444")]
    pub server: String,
    /// The certificate of the caller, with its chain, in PEM.
    #[arg(long, value_name = "PEM", env = "LANYARD_CLIENT_CERTIFICATE")]
    pub certificate: PathBuf,
    /// Its private key in PEM.
    #[arg(long, value_name = "PEM", env = "LANYARD_CLIENT_KEY")]
    pub key: PathBuf,
    /// The root the server must chain to.
    #[arg(long, value_name = "PEM", env = "LANYARD_ROOT")]
    pub root: PathBuf,
}

/// `lanyard audit`.
#[derive(Debug, Clone, Subcommand)]
pub enum Audit {
    /// Prove a copy of the log from the checkpoint key alone.
    Verify {
        /// The copy: a folder made by `audit copy`.
        copy: PathBuf,
        /// The verifier key of the log, or a file that holds it.
        #[arg(long, value_name = "KEY")]
        key: String,
        /// An earlier checkpoint; proves that the log only grew since.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    /// Write the entries as JSON lines or OpenTelemetry logs.
    Export {
        /// In which form.
        #[arg(long, value_enum, default_value_t = ExportForm::Json)]
        form: ExportForm,
        /// Start behind this entry [default: at the beginning].
        #[arg(long)]
        after: Option<u64>,
        /// Where to write JSON lines [default: standard output].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The OpenTelemetry collector, such as `http://127.0.0.1:4318/v1/logs` [default: that of the configuration].
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
    },
    /// Copy checkpoint and tiles into a folder that can be proved anywhere.
    Copy {
        /// The folder.
        out: PathBuf,
        /// Leave the entries out: only what is public.
        #[arg(long)]
        hashes_only: bool,
    },
    /// Print the catalogue of events.
    Catalogue,
    /// Print the verifier key of the log.
    Key,
}

/// `lanyard backup`.
#[derive(Debug, Clone, Args)]
pub struct Backup {
    /// The folder to make; it must not exist.
    #[arg(value_name = "DIR")]
    pub out: PathBuf,
}

/// `lanyard restore`.
#[derive(Debug, Clone, Args)]
pub struct Restore {
    /// A folder made by `backup`.
    #[arg(value_name = "DIR")]
    pub from: PathBuf,
}

/// `lanyard recover`.
#[derive(Debug, Clone, Args)]
pub struct Recover {
    /// The newest checkpoint of the audit record that a witness, a sink or a reader holds.
    #[arg(long, value_name = "FILE", required_unless_present = "crl")]
    pub checkpoint: Option<PathBuf>,
    /// The newest revocation list that anybody holds, DER or PEM; once for each authority.
    #[arg(long, value_name = "CRL")]
    pub crl: Vec<PathBuf>,
    /// Certificates seen outside, PEM or DER; those of ours that have no row are listed.
    #[arg(long, value_name = "FILE")]
    pub certificate: Vec<PathBuf>,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportForm {
    /// One JSON object a line.
    Json,
    /// OTLP logs, sent to a collector.
    Otlp,
}

/// `lanyard demo`.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// The folder that holds everything.
    #[arg(long, value_name = "DIR", default_value = "lanyard-demo")]
    pub dir: PathBuf,
    /// The PKCS#11 library of the token; found by itself where SoftHSM is installed as usual.
    #[arg(long, value_name = "FILE")]
    pub module: Option<PathBuf>,
    /// Stop after the last step instead of staying up.
    #[arg(long)]
    pub once: bool,
    /// Leave the register empty: only sign the prescription.
    #[arg(long)]
    pub without_people: bool,
    /// Where to listen.
    #[command(flatten)]
    pub ports: Ports,
}
