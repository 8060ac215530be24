//! `lanyard ca`: the acts of the authority, asked of a running server.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The server, and the files of the system that calls it.
#[derive(Debug, Clone, Args)]
pub struct Connection {
    /// The server.
    #[arg(long, env = "LANYARD_SERVER", default_value = "https://localhost:8444")]
    pub server: String,
    /// The certificate of the calling system, with its chain, in PEM.
    #[arg(long, value_name = "PEM", env = "LANYARD_CLIENT_CERTIFICATE")]
    pub certificate: Option<PathBuf>,
    /// Its private key in PEM.
    #[arg(long, value_name = "PEM", env = "LANYARD_CLIENT_KEY")]
    pub key: Option<PathBuf>,
    /// The root the server must chain to.
    #[arg(long, value_name = "PEM", env = "LANYARD_ROOT")]
    pub root: Option<PathBuf>,
}

/// An act of the authority.
#[derive(Debug, Clone, Subcommand)]
pub enum CaAct {
    /// List the issuers, or print the certificate and chain of one.
    Issuers {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The issuer's id.
        id: Option<String>,
    },
    /// List, show or compare profiles.
    #[command(subcommand)]
    Profiles(Profiles),
    /// Issue a certificate from a request in JSON, as `POST /ca/certificates` takes it; prints it with its chain.
    Issue {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The request.
        #[arg(value_name = "JSON")]
        request: PathBuf,
    },
    /// Print what is known of one certificate.
    Show {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The serial in hexadecimal.
        serial: String,
    },
    /// List the certificates that fit.
    Search {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// Which.
        #[command(flatten)]
        search: Filter,
    },
    /// Write all certificates that fit into one file, as many as there are.
    Export {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// Which.
        #[command(flatten)]
        search: Filter,
        /// In which form.
        #[arg(long, value_enum, default_value_t = CertificateForm::Csv)]
        form: CertificateForm,
        /// Where to write [default: standard output].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Revoke a certificate for good.
    Revoke {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The serial in hexadecimal.
        serial: String,
        /// Why, such as `key_compromise`, `superseded` or `cessation_of_operation`.
        #[arg(long)]
        reason: String,
        /// Since when the key is thought to have been unsafe (RFC 3339).
        #[arg(long, value_name = "TIME")]
        invalidity_date: Option<String>,
    },
    /// Put a certificate on hold.
    Hold {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The serial in hexadecimal.
        serial: String,
    },
    /// Lift a hold.
    Resume {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The serial in hexadecimal.
        serial: String,
    },
    /// Print a newest revocation list of an issuer in PEM.
    Crl {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The issuer's id.
        issuer: String,
        /// The list of this shard; without it that of certificates that name none.
        #[arg(long)]
        shard: Option<u32>,
        /// The delta list, and not the complete one.
        #[arg(long)]
        delta: bool,
    },
    /// List the revocation lists that an issuer has, complete and delta.
    Lists {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The issuer's id.
        issuer: String,
    },
    /// Say how many certificates end on each day.
    Expiries {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// From the day of this time (RFC 3339) [default: today].
        #[arg(long, value_name = "TIME")]
        expires_from: Option<String>,
        /// To the day before this time (RFC 3339) [default: 90 days on].
        #[arg(long, value_name = "TIME")]
        expires_before: Option<String>,
        /// Only those of this profile.
        #[arg(long)]
        profile: Option<String>,
    },
    /// Make, list or end shared secrets with which clients ask for their first certificate by CMP.
    #[command(subcommand)]
    Secrets(Secrets),
    /// Give an authority a new key: a further generation, which new certificates come from. Takes up one that stopped.
    Rollover {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The authority: `root`, `card`, …
        authority: String,
        /// The kind of key, such as `p-384` [default: as before].
        #[arg(long, value_name = "NAME")]
        algorithm: Option<String>,
        /// The common name [default: that of before, with `G2`, `G3` … at its end].
        #[arg(long, value_name = "NAME")]
        common_name: Option<String>,
        /// From when on new certificates come from it (RFC 3339) [default: at once].
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Which generation to make; needed for a further one within a day, since asking again means the same one until then.
        #[arg(long, value_name = "NUMBER")]
        generation: Option<u32>,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
        /// Where to write the certificate, or the request that waits for one, and the certificates across.
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
    /// Bring what a ceremony with a root kept elsewhere made: certificates for keys that wait here, and its list.
    Import {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The files, in PEM.
        #[arg(required = true, value_name = "PEM")]
        files: Vec<PathBuf>,
    },
    /// List the generations that were made after the ceremony, or print the transcript of one.
    Generations {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The generation, such as `card-g2`.
        id: Option<String>,
    },
    /// List the certificates in force that end soon, the soonest first.
    Renewals {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// How soon, in days.
        #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=400))]
        within: u32,
        /// Those of this profile.
        #[arg(long)]
        profile: Option<String>,
        /// Those of this issuer.
        #[arg(long)]
        issuer: Option<String>,
        /// Those that name this person.
        #[arg(long, value_name = "USER-ID")]
        user_id: Option<String>,
        /// Those that somebody has acknowledged, or that nobody has: yes or no.
        #[arg(long, value_name = "YES-NO")]
        acknowledged: Option<String>,
    },
    /// Say that the renewal of a certificate is taken care of, or take that back.
    Acknowledge {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The serial in hexadecimal.
        serial: String,
        /// What to note.
        #[arg(long, default_value = "", conflicts_with = "withdraw")]
        note: String,
        /// Take it back.
        #[arg(long)]
        withdraw: bool,
    },
    /// List the notices of certificates that end soon, in the order in which they were given.
    Notices {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// Those after the one with this number.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: i64,
    },
}

/// `lanyard ca secrets`.
#[derive(Debug, Clone, Subcommand)]
pub enum Secrets {
    /// Make a secret for a client's first certificate; it is shown this once.
    Add {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The road on which it can be used.
        #[arg(long)]
        road: String,
        /// The organisation's code that may stand in the certificate.
        #[arg(long, value_name = "CODE")]
        organisation: Option<String>,
        /// How many certificates it can be used for.
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// For how long, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        valid: u32,
        /// The client: the common name of its certificate.
        client: String,
    },
    /// List the newest secrets, without what is secret.
    List {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
    },
    /// End a secret: nothing is asked for with it any more.
    End {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// By what it is named.
        reference: String,
    },
}

/// `lanyard ca profiles`.
#[derive(Debug, Clone, Subcommand)]
pub enum Profiles {
    /// List the profiles that can be asked for.
    List {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
    },
    /// Print every content that a profile has had.
    Show {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// The profile's id.
        id: String,
    },
    /// Compare two profile files, or two versions in the database, field by field.
    ///
    /// The exit status is 0 when they are the same, 2 when they differ and 1 when they cannot be compared.
    Diff {
        /// The server and who calls it.
        #[command(flatten)]
        connection: Connection,
        /// A profile file, or ID@VERSION.
        old: String,
        /// A profile file, or ID@VERSION.
        new: String,
    },
}

/// Which certificates.
#[derive(Debug, Clone, Default, Args)]
pub struct Filter {
    /// Those that name this person.
    #[arg(long, value_name = "USER-ID")]
    pub user_id: Option<String>,
    /// Those with this common name.
    #[arg(long, value_name = "NAME")]
    pub common_name: Option<String>,
    /// The one with this serial.
    #[arg(long)]
    pub serial: Option<String>,
    /// The one with this SHA-256 fingerprint.
    #[arg(long)]
    pub sha256: Option<String>,
    /// Those in this state: issued, held, revoked, expired or abandoned.
    #[arg(long)]
    pub state: Option<String>,
    /// Those of this profile.
    #[arg(long)]
    pub profile: Option<String>,
    /// Those of this issuer.
    #[arg(long)]
    pub issuer: Option<String>,
    /// Those that end at this time or later (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub expires_from: Option<String>,
    /// Those that end before this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub expires_before: Option<String>,
}

/// The form of exported certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CertificateForm {
    /// Comma-separated values.
    Csv,
    /// One JSON object a line.
    Jsonl,
}
