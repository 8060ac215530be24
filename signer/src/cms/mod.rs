//! CMS signatures at the level CAdES B-B (ETSI EN 319 122-1, RFC 5652), in DER throughout.
//!
//! What does not change between two signatures of one certificate is encoded once, in a [`Template`]; per document only
//! the digest, the time and the signature are written.

mod attributes;
mod der;
mod template;
#[cfg(test)]
mod tests;

pub(crate) use attributes::Attributes;
pub(crate) use template::Template;
