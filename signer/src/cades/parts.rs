//! A CMS of one signer taken apart into octets that stay as they are, and put together again with more around them.

use super::{ARCHIVE_TIME_STAMP, SIGNATURE_TIME_STAMP, SIGNERS, content_info, set_of};
use crate::cms::SIGNED_DATA;
use crate::cms::der::{
    CONTEXT_0, CONTEXT_1, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, element, elements,
};

/// A CMS in DER, in its parts. Each is the whole element unless it says otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Parts {
    version: Vec<u8>,
    digest_algorithms: Vec<u8>,
    content: Vec<u8>,
    /// The content's type.
    pub(super) content_type: Vec<u8>,
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) crls: Vec<Vec<u8>>,
    /// version, sid, digestAlgorithm, signedAttrs, signatureAlgorithm and signature of the one signer, one behind the other.
    pub(super) signed: Vec<u8>,
    /// The octets of the signature value.
    pub(super) signature: Vec<u8>,
    /// The unsigned attributes.
    pub(super) unsigned: Vec<Vec<u8>>,
}

impl Parts {
    /// Takes a `ContentInfo` with a `SignedData` of one signer apart; nothing if it is none.
    pub(super) fn read(cms: &[u8]) -> Option<Self> {
        let [info] = elements(cms)?[..] else { return None };
        let [kind, wrapped] = elements(expect(info, SEQUENCE)?)?[..] else { return None };
        if expect(kind, OBJECT_IDENTIFIER)? != SIGNED_DATA {
            return None;
        }
        let [data] = elements(expect(wrapped, CONTEXT_0)?)?[..] else { return None };
        let fields = elements(expect(data, SEQUENCE)?)?;
        let [version, algorithms, content, rest @ .., signers] = &fields[..] else { return None };
        expect(*version, INTEGER)?;
        expect(*algorithms, SET)?;
        let content_type = *elements(expect(*content, SEQUENCE)?)?.first()?;
        let (mut certificates, mut crls) = (Vec::new(), Vec::new());
        for set in rest {
            match set.tag {
                CONTEXT_0 => certificates = wholes(set.content)?,
                CONTEXT_1 => crls = wholes(set.content)?,
                _ => return None,
            }
        }
        let [signer] = elements(expect(*signers, SIGNERS)?)?[..] else { return None };
        let fields = elements(expect(signer, SEQUENCE)?)?;
        let [_, _, _, attributes, _, value, unsigned @ ..] = &fields[..] else { return None };
        // Without signed attributes there is nothing that CAdES could be put around.
        expect(*attributes, CONTEXT_0)?;
        let signature = expect(*value, OCTET_STRING)?.to_vec();
        let unsigned = match unsigned {
            [] => Vec::new(),
            [set] => wholes(expect(*set, CONTEXT_1)?)?,
            _ => return None,
        };
        Some(Self {
            version: version.whole.to_vec(),
            digest_algorithms: algorithms.whole.to_vec(),
            content: content.whole.to_vec(),
            content_type: content_type.whole.to_vec(),
            certificates,
            crls,
            signed: fields[..6].iter().flat_map(|field| field.whole).copied().collect(),
            signature,
            unsigned,
        })
    }

    /// The document, where it is inside.
    pub(super) fn document(&self) -> Option<Vec<u8>> {
        let [content] = elements(&self.content)?[..] else { return None };
        let [_, inside] = elements(content.content)?[..] else { return None };
        let [octets] = elements(expect(inside, CONTEXT_0)?)?[..] else { return None };
        expect(octets, OCTET_STRING).map(<[u8]>::to_vec)
    }

    /// The tokens of the time-stamps that stand around the signature.
    pub(super) fn time_stamps(&self) -> Vec<Vec<u8>> {
        let attributes = self.unsigned.iter().filter_map(|attribute| Unsigned::read(attribute));
        let stamps = attributes.filter(|it| [SIGNATURE_TIME_STAMP, ARCHIVE_TIME_STAMP].contains(&it.kind));
        stamps.flat_map(|it| it.values.into_iter().map(<[u8]>::to_vec)).collect()
    }

    /// The `ContentInfo` of these parts.
    pub(super) fn join(&self) -> Vec<u8> {
        let optional = |tag, members: &[Vec<u8>]| {
            if members.is_empty() { Vec::new() } else { set_of(tag, members) }
        };
        let signer = element(SEQUENCE, &[&self.signed, &optional(CONTEXT_1, &self.unsigned)]);
        // RFC 5652 5.1: certificates and plain lists leave the version as it was.
        content_info(&element(
            SEQUENCE,
            &[
                &self.version,
                &self.digest_algorithms,
                &self.content,
                &optional(CONTEXT_0, &self.certificates),
                &optional(CONTEXT_1, &self.crls),
                &element(SIGNERS, &[&signer]),
            ],
        ))
    }
}

/// An unsigned attribute: its type as content octets, the whole of the type, and its values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unsigned<'a> {
    pub(crate) kind: &'a [u8],
    kind_der: &'a [u8],
    pub(crate) values: Vec<&'a [u8]>,
}

impl<'a> Unsigned<'a> {
    /// Reads an attribute (RFC 5652 5.3).
    pub(crate) fn read(attribute: &'a [u8]) -> Option<Self> {
        let [attribute] = elements(attribute)?[..] else { return None };
        let [kind, values] = elements(expect(attribute, SEQUENCE)?)?[..] else { return None };
        let found = elements(expect(values, SET)?)?;
        Some(Self {
            kind: expect(kind, OBJECT_IDENTIFIER)?,
            kind_der: kind.whole,
            values: found.iter().map(|value| value.whole).collect(),
        })
    }

    /// EN 319 122-1 5.5.2: type and value, one behind the other, for each value.
    pub(crate) fn hashed(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.values.iter().map(|value| [self.kind_der, value].concat())
    }
}

/// The content of an element that must have this tag.
pub(super) fn expect(element: Element<'_>, tag: u8) -> Option<&[u8]> {
    (element.tag == tag).then_some(element.content)
}

fn wholes(content: &[u8]) -> Option<Vec<Vec<u8>>> {
    Some(elements(content)?.iter().map(|element| element.whole.to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use platform::clock::Millis;

    use super::*;
    use crate::cms::Template;
    use crate::time_stamp::attribute;

    fn certificate() -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::default().self_signed(&key).unwrap().der().to_vec()
    }

    fn signature(content: Option<&[u8]>) -> Vec<u8> {
        let (signer, issuer) = (certificate(), certificate());
        let template = Template::new(hsm::Alg::P256, &signer, &issuer).unwrap();
        let attributes = template.attributes(&[7; 32], Millis(1_795_540_800_000)).unwrap();
        template.assemble(&attributes, b"signature", content)
    }

    /// What is taken apart is put together as it was, attached and detached; what is added is found again.
    #[test]
    fn parts_go_together_again() {
        for content in [None, Some(&b"21 capsules"[..])] {
            let cms = signature(content);
            let mut parts = Parts::read(&cms).unwrap();
            assert_eq!(parts.join(), cms);
            assert_eq!((parts.document().as_deref(), parts.time_stamps().len()), (content, 0));
            assert_eq!((parts.certificates.len(), parts.signature.as_slice()), (2, &b"signature"[..]));
            parts.unsigned.push(attribute(&[0x2A, 3], &[5, 0]));
            parts.crls.push(element(SEQUENCE, &[&[5, 0]]));
            let more = Parts::read(&parts.join()).unwrap();
            assert_eq!(more, parts);
            assert_eq!(Unsigned::read(&more.unsigned[0]).unwrap().values, [&[5, 0][..]]);
        }
    }

    /// What is no signature of one signer in DER is not taken apart, wherever it is cut or changed.
    #[test]
    fn nonsense_is_not_taken_apart() {
        let cms = signature(None);
        assert!((0..cms.len()).all(|end| Parts::read(&cms[..end]).is_none()), "cut off");
        assert!(Parts::read(&[&cms[..], &[0]].concat()).is_none(), "something behind it");
        let mut encrypted = cms.clone();
        let kind = encrypted.windows(SIGNED_DATA.len()).position(|part| part == SIGNED_DATA).unwrap();
        encrypted[kind + SIGNED_DATA.len() - 1] = 3;
        assert!(Parts::read(&encrypted).is_none(), "another content");
    }
}
