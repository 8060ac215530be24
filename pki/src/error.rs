//! Why bytes are not the value they claim to be.

use const_oid::ObjectIdentifier;

use crate::signature::SignatureError;

/// Why a certificate, CRL or request was refused at the door.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not the DER of the structure.
    #[error("{what} is not well-formed DER")]
    Malformed {
        /// The structure or field that did not decode.
        what: &'static str,
    },
    /// A known extension does not decode.
    #[error("the extension {oid} does not decode")]
    MalformedExtension {
        /// The extension's identifier.
        oid: ObjectIdentifier,
    },
    /// An extension appears twice (RFC 5280 4.2).
    #[error("the extension {oid} appears more than once")]
    DuplicateExtension {
        /// The extension's identifier.
        oid: ObjectIdentifier,
    },
    /// The serial number has more than 20 octets or none (RFC 5280 4.1.2.2).
    #[error("the serial number has {octets} octets; 1 to 20 are allowed")]
    SerialLength {
        /// How many octets it has.
        octets: usize,
    },
    /// The text is not PEM or holds no block of the wanted kind.
    #[error("no PEM block \"{label}\" was found, or one is damaged")]
    NotPem {
        /// The label that was looked for.
        label: &'static str,
    },
    /// The text is not a name as RFC 4514 writes it.
    #[error("the text is not a distinguished name as RFC 4514 writes it")]
    NotAName,
    /// The signature did not verify.
    #[error("the signature does not verify")]
    Signature(#[from] SignatureError),
    /// The two algorithm fields of a signed structure differ (RFC 5280 4.1.1.2, 5.1.1.2).
    #[error("the signature algorithm inside the signed part differs from the one outside")]
    AlgorithmMismatch,
    /// The issuer's name is not the subject of the certificate that should have signed.
    #[error("the issuer is not the subject of the signing certificate")]
    IssuerMismatch,
    /// The certificate's key usage does not let it sign this (RFC 5280 4.2.1.3).
    #[error("the key usage of the signing certificate does not allow this")]
    KeyUsageForbids,
}

impl Error {
    /// A structure or field that did not decode.
    pub(crate) fn malformed(what: &'static str) -> Self {
        Self::Malformed { what }
    }
}
