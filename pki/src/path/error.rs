//! Why a path is not good.

use const_oid::ObjectIdentifier;

use crate::ocsp::CheckError;
use crate::{Reason, Serial};

/// Why a path is not good. Certificates are named by their serial number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No path leads to an anchor.
    #[error("no certificate that is trusted here issued this certificate")]
    Untrusted,
    /// A signature on the way to the anchor does not verify.
    #[error("the signature of certificate {serial} does not verify")]
    BadSignature {
        /// The certificate with the signature.
        serial: Serial,
    },
    /// A signature on the way to the anchor uses an algorithm, parameters or a key that are not accepted.
    #[error("certificate {serial} is signed with an algorithm or key that is not accepted")]
    AlgorithmNotAccepted {
        /// The certificate with the signature.
        serial: Serial,
    },
    /// A certificate's time is over.
    #[error("certificate {serial} has expired")]
    Expired {
        /// The certificate.
        serial: Serial,
        /// When it ended.
        not_after_ms: i64,
    },
    /// A certificate's time has not come.
    #[error("certificate {serial} is not valid yet")]
    NotYetValid {
        /// The certificate.
        serial: Serial,
        /// When it begins.
        not_before_ms: i64,
    },
    /// An issuer is not a CA.
    #[error("certificate {serial} issued another one without being a CA's")]
    NotAuthority {
        /// The issuer's certificate.
        serial: Serial,
    },
    /// More CAs follow than one of them allows.
    #[error("the path is longer than certificate {serial} or this server allows")]
    TooLong {
        /// The certificate where the path became too long.
        serial: Serial,
    },
    /// A key usage does not allow what the key did or shall do.
    #[error("the key usage of certificate {serial} does not allow this use")]
    KeyUsageNotAllowed {
        /// The certificate.
        serial: Serial,
    },
    /// The purpose is not in the extended key usage.
    #[error("certificate {serial} is not for the purpose {purpose}")]
    PurposeNotAllowed {
        /// The certificate.
        serial: Serial,
        /// The purpose that was asked for.
        purpose: ObjectIdentifier,
    },
    /// A name lies outside what a CA above may name, or the names do not chain.
    #[error("a name in certificate {serial} is not allowed by a CA above it")]
    NameNotAllowed {
        /// The certificate.
        serial: Serial,
    },
    /// The path is not valid under an acceptable policy.
    #[error("the path is not valid under any of the certificate policies that are required")]
    PolicyNotAllowed,
    /// A critical extension is not understood.
    #[error("certificate {serial} has a critical extension that is not understood")]
    UnknownCriticalExtension {
        /// The certificate.
        serial: Serial,
    },
    /// A key is shorter than is accepted.
    #[error("the key of certificate {serial} is too short")]
    KeyTooShort {
        /// The certificate.
        serial: Serial,
    },
    /// A certificate of the path does not fit the standard in another way.
    #[error("certificate {serial} is not as RFC 5280 says")]
    Malformed {
        /// The certificate.
        serial: Serial,
    },
    /// Neither a CRL nor an OCSP answer says whether a certificate is revoked.
    #[error("whether certificate {serial} is revoked is not known: {why}")]
    RevocationUnknown {
        /// The certificate.
        serial: Serial,
        /// What is missing.
        why: Unknown,
    },
    /// A certificate is revoked, or suspended when the reason is certificateHold.
    #[error("certificate {serial} is revoked")]
    Revoked {
        /// The certificate.
        serial: Serial,
        /// When it was revoked.
        at_ms: i64,
        /// Why, if the CRL or answer says.
        reason: Option<Reason>,
        /// Since when it should not be trusted, if the CRL or answer says.
        invalidity_date_ms: Option<i64>,
    },
    /// The issuer's responder says that it never issued a certificate with this serial number (RFC 6960 2.2).
    #[error("certificate {serial} was never issued, says its issuer")]
    NeverIssued {
        /// The certificate.
        serial: Serial,
    },
}

/// Why no CRL and no OCSP answer could be used. Later ones came closer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Unknown {
    /// None covers the certificate.
    #[error("no CRL covers it, and no OCSP answer is about it")]
    NoCrl,
    /// The CRLs that cover it leave out some reasons.
    #[error("its CRLs do not cover all reasons")]
    SomeReasons,
    /// A CRL has a critical extension that is not understood.
    #[error("its CRL has a critical extension that is not understood")]
    UnknownCriticalExtension,
    /// The CRL's signer is not known, not allowed, or the signature is bad.
    #[error("its CRL is not signed by a key that may sign it")]
    Unsigned,
    /// The certificate expired before the time of the CRL, which need not list it any more.
    #[error("it expired before the CRL was issued")]
    Expired,
    /// The CRL is not current.
    #[error("its CRL is not current")]
    Stale,
    /// An OCSP answer about it proves nothing.
    #[error("{0}")]
    AnswerNotBelieved(CheckError),
    /// The OCSP answer about it is from the future, or has run out.
    #[error("the OCSP answer about it is not current")]
    AnswerStale,
    /// The responder does not know it.
    #[error("the OCSP responder does not know it")]
    UnknownToResponder,
}

impl Error {
    /// How far a path came before it failed.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Untrusted => 0,
            Self::BadSignature { .. } | Self::AlgorithmNotAccepted { .. } => 1,
            Self::RevocationUnknown { .. } => 3,
            Self::Revoked { .. } | Self::NeverIssued { .. } => 4,
            _ => 2,
        }
    }
}
