//! Why a request is refused, in the protocol's own terms.

/// Bits of `PKIFailureInfo` (RFC 9810 5.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Unrecognised or unsupported algorithm.
    BadAlgorithm,
    /// The protection does not verify.
    BadMessageCheck,
    /// This transaction is not permitted or supported.
    BadRequest,
    /// The message's time is too far from ours.
    BadTime,
    /// No certificate could be found that matches.
    BadCertificateId,
    /// The data has the wrong format.
    BadDataFormat,
    /// The proof of possession failed.
    BadProofOfPossession,
    /// The certificate has been revoked.
    CertificateRevoked,
    /// The certificate has been confirmed already.
    CertificateConfirmed,
    /// The protection is of the wrong kind.
    WrongIntegrity,
    /// The recipient nonce is missing or not ours.
    BadRecipientNonce,
    /// A requested extension is not granted.
    UnacceptedExtension,
    /// The sender nonce is missing, too short or used before.
    BadSenderNonce,
    /// The template is wrong.
    BadCertificateTemplate,
    /// The signer is unknown or not trusted.
    SignerNotTrusted,
    /// The transaction id is in use.
    TransactionIdInUse,
    /// This version of the protocol is not supported.
    UnsupportedVersion,
    /// The sender may not do this.
    NotAuthorized,
    /// Not available at the moment.
    SystemUnavailable,
    /// Our fault.
    SystemFailure,
}

impl Failure {
    /// The number of the bit.
    pub fn bit(self) -> u8 {
        match self {
            Self::BadAlgorithm => 0,
            Self::BadMessageCheck => 1,
            Self::BadRequest => 2,
            Self::BadTime => 3,
            Self::BadCertificateId => 4,
            Self::BadDataFormat => 5,
            Self::BadProofOfPossession => 9,
            Self::CertificateRevoked => 10,
            Self::CertificateConfirmed => 11,
            Self::WrongIntegrity => 12,
            Self::BadRecipientNonce => 13,
            Self::UnacceptedExtension => 16,
            Self::BadSenderNonce => 18,
            Self::BadCertificateTemplate => 19,
            Self::SignerNotTrusted => 20,
            Self::TransactionIdInUse => 21,
            Self::UnsupportedVersion => 22,
            Self::NotAuthorized => 23,
            Self::SystemUnavailable => 24,
            Self::SystemFailure => 25,
        }
    }
}
