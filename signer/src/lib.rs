//! Remote prescription signing over the API of the Cloud Signature Consortium (CSC API v2).
//!
//! A credential is a key pair of one person, kept wrapped in the database and used in the token, with a certificate of our
//! own authority. Its holder authorises a client to have listed digests signed ([`api::Authorization`]); the client then
//! has each of them signed once, as a bare signature or as a CAdES B-B signature. Every signature is in the ledger and in
//! the audit record before it is answered.
//!
//! [`Signer`] is what requests share, [`router`] its routes, [`api`] what others may say to it.

#![forbid(unsafe_code)]

pub mod api;
mod attempt;
mod authorisation;
mod bare;
mod cades;
mod cms;
mod config;
mod consent;
mod credential;
mod csc_view;
mod deposit;
mod digest;
mod dss;
mod eps;
mod error;
mod events;
mod evidence;
mod evidence_record;
mod fair;
#[doc(hidden)]
pub mod fuzz;
mod grant;
mod http;
mod ids;
mod job;
mod kept_records;
pub mod leavers;
mod ledger;
mod left_keys;
mod line;
mod live;
mod offload;
mod one_time;
mod passphrase;
mod passphrase_check;
mod prepare;
mod proofs;
mod rewrap;
mod rsa_key;
mod sad;
#[cfg(test)]
mod samples;
mod share;
mod signer;
mod signing;
mod spare;
mod store;
mod suite;
mod sweep;
pub mod time_stamp;
mod turn;
pub mod verification;
mod xml;

pub use authorisation::end_open_authorisations;
pub use config::{Argon2, Attempts, Config, Dss, KeyPool, ProofHash, Standing};
pub use dss::SignIn;
pub use eps::Fault as PrescriptionFault;
pub use error::{Error, Parameter};
pub use events::{Event, SignedDigest};
pub use http::{CscWords, needs_the_time, openapi, router};
pub use ids::{AuthorisationId, ConsentId, CredentialId, KeyId, RecordsId, RequestId, SigningId};
pub use rewrap::{rewrap, wrapped_keys};
pub use signer::{Parts, Shared, Signer};
pub use xml::Unreadable as UnreadableXml;
