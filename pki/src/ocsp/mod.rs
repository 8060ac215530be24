//! OCSP (RFC 6960) as values: requests and answers, and what an answer proves.
//!
//! - [`Request`] is read at the responder's door, or made by who asks.
//! - [`Response`] is read by who asked; [`Answer::check`] turns it into [`Evidence`].
//!
//! Everything is bounded: a request asks for [`MAX_IDS`] certificates at most, and neither it nor an answer is
//! longer than [`MAX_REQUEST`] and [`MAX_RESPONSE`].

mod cert_id;
mod check;
pub mod fuzz;
mod request;
mod response;
mod write;

use const_oid::ObjectIdentifier;

pub use cert_id::{CertId, Hash, key_hash};
pub use check::{CheckError, Evidence, Question};
pub use request::{MAX_NONCE, Request};
pub use response::{Answer, Refusal, ResponderId, Response, Single, Status};

/// The most certificates that are asked for or answered at once.
pub const MAX_IDS: usize = 16;
/// The longest request that is read, in octets; a signed one with its certificates fits.
pub const MAX_REQUEST: usize = 16 * 1024;
/// The longest response that is read, in octets.
pub const MAX_RESPONSE: usize = 64 * 1024;

/// id-pkix-ocsp-basic (RFC 6960 4.2.1).
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
/// id-pkix-ocsp-nonce (RFC 9654 2.1).
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
/// id-pkix-ocsp-response: which kinds of answer are understood (RFC 6960 4.4.3).
const ACCEPTABLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.4");
/// id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1).
const NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");
/// id-pkix-ocsp-pref-sig-algs (RFC 6960 4.4.7.1).
const PREFERRED: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.8");
/// id-pkix-ocsp-extended-revoke (RFC 6960 4.4.8).
const EXTENDED_REVOKE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.9");
