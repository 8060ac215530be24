//! CMS signatures at the level CAdES B-B (ETSI EN 319 122-1, RFC 5652), in DER throughout.
//!
//! What does not change between two signatures of one certificate is encoded once, in a [`Template`]; per document only
//! the digest, the time and the signature are written.

mod attributes;
pub(crate) mod der;
mod template;
#[cfg(test)]
mod tests;

pub(crate) use attributes::{
    ALGORITHM_PROTECTION, Attributes, CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE_V2,
};
pub(crate) use template::{SIGNED_DATA, Template};
