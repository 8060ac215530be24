//! `SignedInfo`: which digest, by which algorithms. Over its canonical form runs the signature.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Fragments, XMLDSIG};
use crate::xml::{Element, canonical};

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const RSA_SHA_256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const RSA_SHA_1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
const SHA_256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const SHA_1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";

/// How a prescription is hashed and signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Algorithm {
    /// RSA with PKCS #1 v1.5 and SHA-256.
    Rs256,
    /// The same with SHA-1: only for applications that an operator allows it.
    Rs1,
}

impl Algorithm {
    /// Its name on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs1 => "RS1",
        }
    }

    fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::Rs256 => &SHA256,
            Self::Rs1 => &SHA1_FOR_LEGACY_USE_ONLY,
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Rs256 => RSA_SHA_256,
            Self::Rs1 => RSA_SHA_1,
        }
    }

    fn digest_method(self) -> &'static str {
        match self {
            Self::Rs256 => SHA_256,
            Self::Rs1 => SHA_1,
        }
    }
}

/// The statement that is signed. It has one form for each algorithm and digest, so two that are equal in meaning are equal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SignedInfo {
    algorithm: Algorithm,
    /// Base64.
    digest: String,
}

impl SignedInfo {
    /// The statement about these fragments.
    pub(crate) fn over(fragments: &Fragments, algorithm: Algorithm) -> Self {
        let digest = digest::digest(algorithm.hash(), fragments.canonical().as_bytes());
        Self { algorithm, digest: STANDARD.encode(digest) }
    }

    /// Reads an element; `None` unless it is this statement to the letter, white space between its elements aside.
    pub(crate) fn of(element: &Element) -> Option<Self> {
        let compact = element.compact();
        let reference = compact.all("Reference").next()?;
        let method = compact.all("SignatureMethod").next()?.attribute("Algorithm")?;
        let algorithm = [Algorithm::Rs256, Algorithm::Rs1].into_iter().find(|it| it.method() == method)?;
        let digest = reference.all("DigestValue").next()?.text();
        let decoded = STANDARD.decode(&digest).ok()?;
        let read = Self { algorithm, digest };
        // Every further reference, transformation or attribute makes another text.
        let whole = canonical(&compact) == read.to_string();
        (whole && decoded.len() == algorithm.hash().output_len()).then_some(read)
    }

    /// By what it is signed.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest of the prescription, base64.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// The same as octets.
    pub(crate) fn digest_octets(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.digest).ok()
    }

    /// The element.
    pub(super) fn element(&self) -> Element {
        let element = |name: &str| Element::new(XMLDSIG, name);
        let named = |name: &str, algorithm: &str| element(name).with("Algorithm", algorithm);
        element("SignedInfo").holding([
            named("CanonicalizationMethod", EXCLUSIVE),
            named("SignatureMethod", self.algorithm.method()),
            element("Reference").holding([
                element("Transforms").holding([named("Transform", EXCLUSIVE)]),
                named("DigestMethod", self.algorithm.digest_method()),
                element("DigestValue").saying(&self.digest),
            ]),
        ])
    }
}

/// The octets that are signed: the canonical form, with the namespace.
impl std::fmt::Display for SignedInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&canonical(&self.element()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::read;

    fn info(algorithm: Algorithm) -> SignedInfo {
        let digest = STANDARD.encode(digest::digest(algorithm.hash(), b"fragments"));
        SignedInfo { algorithm, digest }
    }

    /// The statement has the text that every client of prepare gets, 724 characters of base64, and reads back.
    #[test]
    fn signed_info_has_one_text() {
        let text = info(Algorithm::Rs256).to_string();
        assert_eq!(
            text,
            "<SignedInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><CanonicalizationMethod \
             Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></CanonicalizationMethod><SignatureMethod \
             Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></SignatureMethod><Reference><Transforms><Transform \
             Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></Transform></Transforms><DigestMethod \
             Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></DigestMethod><DigestValue>\
             PBjaY6hnE/FK0Bmx1ddSCrpfhqnvAg3lXzlx/wkBy9Y=</DigestValue></Reference></SignedInfo>"
                .replace("PBjaY6hnE/FK0Bmx1ddSCrpfhqnvAg3lXzlx/wkBy9Y=", &info(Algorithm::Rs256).digest)
        );
        assert_eq!(STANDARD.encode(&text).len(), 724);
        for algorithm in [Algorithm::Rs256, Algorithm::Rs1] {
            let text = info(algorithm).to_string();
            assert_eq!(SignedInfo::of(&read(text.as_bytes(), 10_000).unwrap()), Some(info(algorithm)));
        }
    }

    /// Whatever else stands in it makes it another statement, which is not read.
    #[test]
    fn other_statements_are_not_read() {
        let text = info(Algorithm::Rs256).to_string();
        let of = |text: &str| SignedInfo::of(&read(text.as_bytes(), 10_000).unwrap());
        assert!(of(&text.replace("><", ">\n  <")).is_some(), "white space between elements");
        for (from, to) in [
            ("<Reference>", "<Reference URI=\"#x\">"),
            ("</Reference>", "</Reference><Reference></Reference>"),
            ("xmldsig-more#rsa-sha256", "xmldsig-more#rsa-sha512"),
            ("xmlenc#sha256", "xmlenc#sha512"),
            (
                "<Transforms>",
                "<Transforms><Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"/>",
            ),
            ("<DigestValue>", "<DigestValue>\n"),
            ("2001/10/xml-exc-c14n#\"></Can", "2001/10/xml-exc-c14n#WithComments\"></Can"),
            ("xmlns=\"http://www.w3.org/2000/09/xmldsig#\"", "xmlns=\"urn:other\""),
        ] {
            assert!(text.contains(from), "{from}");
            assert_eq!(of(&text.replace(from, to)), None, "{to}");
        }
    }
}
