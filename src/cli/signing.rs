//! `lanyard sign` and `lanyard verify`.

use std::path::PathBuf;

use clap::Args;

/// `lanyard sign`.
#[derive(Debug, Clone, Args)]
pub struct Sign {
    /// The files to sign; each gets FILE.p7s beside it.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The server.
    #[arg(long, env = "LANYARD_SERVER", default_value = "https://localhost:8444")]
    pub server: String,
    /// The certificate of the calling system, with its chain, in PEM.
    #[arg(long, value_name = "PEM", env = "LANYARD_CLIENT_CERTIFICATE")]
    pub certificate: PathBuf,
    /// Its private key in PEM.
    #[arg(long, value_name = "PEM", env = "LANYARD_CLIENT_KEY")]
    pub key: PathBuf,
    /// The root the server must chain to.
    #[arg(long, value_name = "PEM", env = "LANYARD_ROOT")]
    pub root: PathBuf,
    /// The user id of the person who signs.
    #[arg(long, value_name = "USER-ID")]
    pub user: String,
    /// The credential, where the person has several.
    #[arg(long, value_name = "ID")]
    pub credential: Option<String>,
    /// A file whose first line is the passphrase of the credential [default: ask, or standard input].
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Put the document into the signature instead of leaving it beside.
    #[arg(long)]
    pub enveloping: bool,
    /// Where to write the signatures [default: beside each file].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `lanyard verify`.
#[derive(Debug, Clone, Args)]
pub struct Verify {
    /// The signed file; not needed when the signature holds it.
    pub file: Option<PathBuf>,
    /// The signature, DER or PEM; or a prescription in FHIR or HL7 V3, which holds its own; or an evidence record of RFC 4998.
    #[arg(long, value_name = "FILE")]
    pub signature: PathBuf,
    /// The verifier key of the audit record, or a file with it: for a bundle of evidence, which is then given as the signature.
    #[arg(long, value_name = "KEY")]
    pub log_key: Option<String>,
    /// A bundle of evidence of this very signature, a CMS or that of a prescription: its proof says since when the signature was there, so that it
    /// holds when its certificate has ended or was revoked later.
    #[arg(long, value_name = "FILE", requires = "log_key")]
    pub evidence: Option<PathBuf>,
    /// A policy, as an object identifier, of one of which the signer's certificate must be; none: any policy.
    #[arg(long, value_name = "OID")]
    pub policy: Vec<String>,
    /// How many signatures there may be in it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub signers: usize,
    /// The roots to trust, in PEM.
    #[arg(long, value_name = "PEM", default_value = "root.pem")]
    pub root: PathBuf,
    /// Further certificates of the chain, in PEM.
    #[arg(long, value_name = "PEM")]
    pub chain: Vec<PathBuf>,
    /// A revocation list, DER or PEM; each certificate below the root needs a list or an OCSP answer that covers it.
    #[arg(long, value_name = "CRL")]
    pub crl: Vec<PathBuf>,
    /// An OCSP response in DER, such as `openssl ocsp -respout` writes.
    #[arg(long, value_name = "DER")]
    pub ocsp: Vec<PathBuf>,
    /// The nonce that was asked with, in hexadecimal: each OCSP response must repeat it.
    #[arg(long, value_name = "HEX", requires = "ocsp")]
    pub ocsp_nonce: Option<String>,
    /// Judge at this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}
