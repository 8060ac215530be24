//! Certificates as values: parse, compare, verify, and check a path.
//!
//! This crate knows nothing of what a certificate is used for. It does no I/O, asks no clock and is
//! synchronous: bytes and times come in as arguments. Times are milliseconds since the epoch (`i64`).
//!
//! - [`Certificate`], [`Crl`], [`Csr`] are parsed once, at the door, and cheap to clone.
//! - [`verify_signature`] checks one signature, with the `AlgorithmIdentifier` held to its RFC.
//! - [`ocsp`] reads questions and answers about one certificate; [`ocsp::Answer::check`] says what an answer proves.
//! - [`cmp::Message`] is a message of the certificate management protocol.
//! - [`path::check`] builds and checks a certification path and returns a [`path::Proof`].

#![forbid(unsafe_code)]

pub mod algorithm;
mod certificate;
pub mod cmp;
mod crl;
mod csr;
mod error;
mod extensions;
pub mod fuzz;
mod name;
pub mod ocsp;
pub mod path;
mod pem;
mod serial;
mod signature;
mod times;
mod tlv;

pub use certificate::Certificate;
pub use const_oid::ObjectIdentifier;
pub use crl::{Covers, Crl, CrlEntry, CrlScope, Reason, Reasons};
pub use csr::Csr;
pub use error::Error;
pub use extensions::{
    AlternativeName, AuthorityKeyId, BasicConstraints, CertificatePolicy, DistributionPoint, Extension,
    Extensions, KeyUsage, Location, NameConstraints, NameOutside, PrivateKeyUsagePeriod, RelativeName,
    Subtree, eku,
};
pub use name::Name;
pub use pem::{pem_blocks, to_pem};
pub use serial::Serial;
pub use signature::{SignatureError, verify_digest, verify_signature};
