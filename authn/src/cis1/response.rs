//! What a card has signed: base64 of an S/MIME part with a CMS `SignedData` in it (RFC 5652 5), whose content is the challenge.
//!
//! The certificate inside is not looked at. Agents write it anew and change it doing so; which certificate it is, the serial number
//! says, and the authority has the certificate itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::{ObjectIdentifier, Serial};
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Decode, Encode, Reader as _, SliceReader, Tag, Tagged as _};

use super::message::Unreadable;
use super::sha1;

/// The hash under a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Digest {
    /// What the agents of CIS1 have.
    Sha1,
    /// What an agent may have instead.
    Sha256,
}

impl Digest {
    /// A stable word for the record.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha256 => "sha-256",
        }
    }
}

/// A challenge with the signature of a card.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    /// What was signed.
    pub(crate) content: Vec<u8>,
    /// The name of the certificate's issuer, in DER.
    pub(crate) issuer: Vec<u8>,
    /// Its serial number.
    pub(crate) serial: Serial,
    /// With which hash.
    pub(crate) digest: Digest,
    /// The signature.
    pub(crate) signature: Vec<u8>,
}

/// Reads the parameter `response`.
pub(crate) fn read(text: &str) -> Result<Signed, Unreadable> {
    let part = decoded(text).ok_or_else(|| Unreadable::because("The response is not base64."))?;
    let part = String::from_utf8(part).map_err(|_| Unreadable::because("The response is no S/MIME part."))?;
    signed_data(&body(&part)?).ok_or_else(|| {
        Unreadable::because(
            "The response is not a SignedData with one signer, the challenge and no signed attributes.",
        )
    })
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_whitespace().collect();
    STANDARD.decode(text).ok()
}

/// The octets in an S/MIME part (RFC 8551 3.2). Agents fold its lines where no line needs it.
fn body(part: &str) -> Result<Vec<u8>, Unreadable> {
    let mut lines = part.lines().map(str::trim);
    let fields: Vec<String> =
        lines.by_ref().take_while(|line| !line.is_empty()).map(str::to_lowercase).collect();
    let says = |name: &str, value: &str| {
        fields.iter().any(|field| {
            field.split_once(':').is_some_and(|(given, said)| given == name && said.contains(value))
        })
    };
    if !says("content-type", "pkcs7-mime") || !says("content-transfer-encoding", "base64") {
        return Err(Unreadable::because("The response is no S/MIME part in base64."));
    }
    decoded(&lines.collect::<String>()).ok_or_else(|| Unreadable::because("The S/MIME part is not base64."))
}

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

/// RFC 5652 3 and 5.1.
fn signed_data(der: &[u8]) -> Option<Signed> {
    let mut info = inside(der, Tag::Sequence)?;
    oid(&mut info, SIGNED_DATA)?;
    let mut explicit = SliceReader::new(tagged(&mut info)?).ok()?;
    let mut data = enter(&mut explicit, Tag::Sequence)?;
    finished(&info)?;
    finished(&explicit)?;
    enter(&mut data, Tag::Integer)?;
    enter(&mut data, Tag::Set)?;
    let mut encapsulated = enter(&mut data, Tag::Sequence)?;
    oid(&mut encapsulated, DATA)?;
    let content = inside_value(tagged(&mut encapsulated)?, Tag::OctetString)?.to_vec();
    // The certificates and the lists, if there are any.
    let mut next = AnyRef::decode(&mut data).ok()?;
    while next.tag().is_context_specific() {
        next = AnyRef::decode(&mut data).ok()?;
    }
    finished(&data)?;
    let mut signers = SliceReader::new(next.value()).ok().filter(|_| next.tag() == Tag::Set)?;
    let signer = enter(&mut signers, Tag::Sequence)?;
    finished(&signers)?;
    signer_info(signer, content)
}

/// RFC 5652 5.3, with the issuer and the serial number, and without signed attributes: what is signed is the content itself.
fn signer_info(mut signer: SliceReader<'_>, content: Vec<u8>) -> Option<Signed> {
    enter(&mut signer, Tag::Integer)?;
    let mut id = enter(&mut signer, Tag::Sequence)?;
    let issuer = AnyRef::decode(&mut id).ok().filter(|name| name.tag() == Tag::Sequence)?.to_der().ok()?;
    let serial = AnyRef::decode(&mut id).ok().filter(|number| number.tag() == Tag::Integer)?;
    let serial = Serial::from_content(serial.value()).ok()?;
    finished(&id)?;
    let mut hash = enter(&mut signer, Tag::Sequence)?;
    let found: ObjectIdentifier = ObjectIdentifier::decode(&mut hash).ok()?;
    let digest = match found {
        sha1::OID => Digest::Sha1,
        SHA256 => Digest::Sha256,
        _ => return None,
    };
    let mut algorithm = enter(&mut signer, Tag::Sequence)?;
    oid(&mut algorithm, RSA)?;
    let signature = AnyRef::decode(&mut signer).ok().filter(|value| value.tag() == Tag::OctetString)?;
    finished(&signer)?;
    Some(Signed { content, issuer, serial, digest, signature: signature.value().to_vec() })
}

fn inside(der: &[u8], tag: Tag) -> Option<SliceReader<'_>> {
    SliceReader::new(inside_value(der, tag)?).ok()
}

/// The content of the one element that these octets are.
fn inside_value(der: &[u8], tag: Tag) -> Option<&[u8]> {
    let mut reader = SliceReader::new(der).ok()?;
    let element = AnyRef::decode(&mut reader).ok().filter(|element| element.tag() == tag)?;
    finished(&reader)?;
    Some(element.value())
}

/// A reader of the next element, which has this tag.
fn enter<'d>(reader: &mut SliceReader<'d>, tag: Tag) -> Option<SliceReader<'d>> {
    let element = AnyRef::decode(reader).ok().filter(|element| element.tag() == tag)?;
    SliceReader::new(element.value()).ok()
}

/// The content of the next element, which has the tag [0].
fn tagged<'d>(reader: &mut SliceReader<'d>) -> Option<&'d [u8]> {
    let element = AnyRef::decode(reader).ok()?;
    let tag = element.tag();
    (tag.is_context_specific() && tag.is_constructed() && tag.number().value() == 0).then(|| element.value())
}

fn oid(reader: &mut SliceReader<'_>, expected: ObjectIdentifier) -> Option<()> {
    let found: ObjectIdentifier = ObjectIdentifier::decode(reader).ok()?;
    (found == expected).then_some(())
}

fn finished(reader: &SliceReader<'_>) -> Option<()> {
    reader.is_finished().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of a test card to the challenge of 48 octets, as `openssl cms -sign -md sha1 -noattr -nodetach -binary` makes it.
    const PART: &str = include_str!("response.sample");

    fn folded(part: &str) -> String {
        STANDARD.encode(part)
    }

    /// The part of openssl is read, and the same with lines as a Linux agent folds them.
    #[test]
    fn responses_are_read() {
        let signed = read(&folded(PART)).unwrap();
        assert_eq!((signed.digest, signed.content.len(), signed.signature.len()), (Digest::Sha1, 48, 256));
        let (head, body) = PART.split_once("\n\n").unwrap();
        let (head, body) = (head.replace('\n', "\n        "), body.replace('\n', ""));
        assert_eq!(read(&folded(&format!("{head}\n        \n        {body}"))).unwrap(), signed);
    }

    /// What is not such a part is refused, and nothing that is damaged makes the reader fall.
    #[test]
    fn nonsense_is_not_read() {
        let (head, body) = PART.split_once("\n\n").unwrap();
        for wrong in [
            "",
            "***",
            &folded(""),
            &folded(head),
            &folded(body),
            &folded(&format!("{head}\n\nAAAA")),
            &folded(&PART.replace("pkcs7-mime", "plain")),
            &folded(&PART.replace("base64", "binary")),
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let der = decoded(body).unwrap();
        platform::hammer::hammer(&der, 2_000, |bytes| drop(signed_data(bytes))).unwrap();
        assert!(signed_data(&[&der[..], &[0]].concat()).is_none(), "something follows");
    }
}
