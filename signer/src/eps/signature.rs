//! The `Signature` element of a prescription: read with suspicion, written in one form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{SignedInfo, XMLDSIG};
use crate::xml::{Element, canonical, read};

/// How large a signature may be.
const LARGEST: usize = 64 * 1024;

/// Why a signature is not looked at further.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum SignatureFault {
    /// A part is missing, empty, there twice, or not one of a signature's.
    #[error("the signature has not the parts of one: SignedInfo, SignatureValue and a certificate")]
    Format,
    /// More than one certificate: nobody could say whose signature it is.
    #[error("the signature has more than one certificate")]
    SeveralCertificates,
    /// The certificate is no base64.
    #[error("the certificate of the signature cannot be read")]
    Certificate,
}

/// A signature, read and not believed.
pub(crate) struct Signature {
    info: Element,
    value: Vec<u8>,
    certificate: Vec<u8>,
}

impl Signature {
    /// Reads a document whose root is a signature.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, SignatureFault> {
        Self::of(&read(octets, LARGEST).map_err(|_| SignatureFault::Format)?)
    }

    /// Reads the element.
    pub(crate) fn of(element: &Element) -> Result<Self, SignatureFault> {
        let known = ["SignedInfo", "SignatureValue", "KeyInfo"];
        let ours = |it: &Element| it.name.namespace == XMLDSIG;
        let foreign = element.children().any(|it| !ours(it) || !known.iter().any(|name| it.is_named(name)));
        if !element.is_named("Signature") || !ours(element) || foreign {
            return Err(SignatureFault::Format);
        }
        let info = only(element.all("SignedInfo"))?;
        let value = decoded(&only(element.all("SignatureValue"))?.text()).ok_or(SignatureFault::Format)?;
        let key_info = only(element.all("KeyInfo"))?;
        let everywhere = element.descend();
        let mut certificates = everywhere.iter().filter(|it| it.is_named("X509Certificate"));
        let text = certificates.next().map(|it| it.text()).unwrap_or_default();
        // Some tools put a chain in PEM into the one element.
        if certificates.next().is_some() || text.contains("CERTIFICATE") {
            return Err(SignatureFault::SeveralCertificates);
        }
        let data = only(key_info.all("X509Data"))?;
        only(data.all("X509Certificate"))?;
        if text.trim().is_empty() {
            return Err(SignatureFault::Format);
        }
        let certificate = decoded(&text).ok_or(SignatureFault::Certificate)?;
        Ok(Self { info: info.clone(), value, certificate })
    }

    /// The statement that was signed, when it is one that prescriptions have.
    pub(crate) fn info(&self) -> Option<SignedInfo> {
        SignedInfo::of(&self.info)
    }

    /// The octets that were signed. White space between the elements was never part of them, here; a standard verifier
    /// would take it for one.
    pub(crate) fn signed_octets(&self) -> String {
        canonical(&self.info.compact())
    }

    /// Whether a standard verifier would find the same octets.
    pub(crate) fn is_unformatted(&self) -> bool {
        self.info == self.info.compact()
    }

    /// The signature value.
    pub(crate) fn value(&self) -> &[u8] {
        &self.value
    }

    /// The DER of the certificate.
    pub(crate) fn certificate(&self) -> &[u8] {
        &self.certificate
    }
}

fn only<'a>(mut found: impl Iterator<Item = &'a Element>) -> Result<&'a Element, SignatureFault> {
    match (found.next(), found.next()) {
        (Some(first), None) => Ok(first),
        _ => Err(SignatureFault::Format),
    }
}

/// Base64 as it comes, in XML and in FHIR: in one line, in lines of 76, with ends of lines of any sort, and with one at its end. None for what is
/// empty.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|it| !it.is_ascii_whitespace()).collect();
    STANDARD.decode(text).ok().filter(|octets| !octets.is_empty())
}

/// Writes a signature. Inside it `SignedInfo` inherits the namespace and says it no more.
pub(crate) fn write(info: &SignedInfo, value: &[u8], certificate: &[u8]) -> String {
    let element = |name: &str| Element::new(XMLDSIG, name);
    let certificate = element("X509Certificate").saying(STANDARD.encode(certificate));
    canonical(&element("Signature").holding([
        info.element(),
        element("SignatureValue").saying(STANDARD.encode(value)),
        element("KeyInfo").holding([element("X509Data").holding([certificate])]),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> String {
        let text = "<SignedInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><CanonicalizationMethod \
             Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></CanonicalizationMethod><SignatureMethod \
             Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></SignatureMethod><Reference><Transforms><Transform \
             Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></Transform></Transforms><DigestMethod \
             Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></DigestMethod><DigestValue>\
             OC8JMZrNNEoAeG6EJiz78BRdavQqWszw7jRAjFN9kvg=</DigestValue></Reference></SignedInfo>";
        let info = SignedInfo::of(&crate::xml::read(text.as_bytes(), LARGEST).unwrap()).unwrap();
        write(&info, &[7; 256], &[9; 800])
    }

    fn fault(text: &str) -> SignatureFault {
        Signature::read(text.as_bytes()).err().unwrap()
    }

    /// What is written reads back: the statement gets its namespace again, and nothing else changes.
    #[test]
    fn signatures_read_back() {
        let text = sample();
        assert!(text.contains("<SignedInfo><"), "the namespace stands on the signature alone");
        let read = Signature::read(text.as_bytes()).unwrap();
        assert_eq!((read.value(), read.certificate()), (&[7; 256][..], &[9; 800][..]));
        assert!(
            read.signed_octets().starts_with("<SignedInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">")
        );
        assert_eq!(read.signed_octets(), read.info().unwrap().to_string());
        assert!(read.is_unformatted());
    }

    /// Base64 in lines of 76 with ends of lines as characters, and one at the end of the certificate, reads as well.
    #[test]
    fn wrapped_base64_is_read() {
        let (value, certificate) = (STANDARD.encode([7; 256]), STANDARD.encode([9; 800]));
        let wrap = |text: &str, end: &str| {
            let lines: Vec<_> = text.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
            lines.join(end) + end
        };
        let text = sample()
            .replace(&value, &wrap(&value, "&#13;\n"))
            .replace(&certificate, &wrap(&certificate, "\r\n"));
        let read = Signature::read(text.as_bytes()).unwrap();
        assert_eq!((read.value(), read.certificate()), (&[7; 256][..], &[9; 800][..]));
        let formatted = Signature::read(sample().replace("><", ">\n    <").as_bytes()).unwrap();
        assert!(formatted.info().is_some() && !formatted.is_unformatted());
    }

    /// Parts that are missing, empty, twice or foreign, several certificates in any form, and one that is none have their faults.
    #[test]
    fn faults_are_told_apart() {
        let good = sample();
        let certificate = STANDARD.encode([9; 800]);
        let change = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            fault(&good.replace(from, to))
        };
        assert_eq!(fault("nonsense"), SignatureFault::Format);
        assert_eq!(fault("<!DOCTYPE a [<!ENTITY e 'x'>]><Signature/>"), SignatureFault::Format);
        assert_eq!(change(&STANDARD.encode([7; 256]), ""), SignatureFault::Format);
        assert_eq!(change(&certificate, " \n"), SignatureFault::Format);
        assert_eq!(change("<KeyInfo>", "<KeyInfo/><KeyInfo>"), SignatureFault::Format);
        assert_eq!(change("<KeyInfo>", "<Object/><KeyInfo>"), SignatureFault::Format);
        assert_eq!(
            change("<SignatureValue>", "<SignatureValue>AAAA</SignatureValue><SignatureValue>"),
            SignatureFault::Format
        );
        assert_eq!(change(&certificate, "!!!!"), SignatureFault::Certificate);
        let several = SignatureFault::SeveralCertificates;
        assert_eq!(
            change("<X509Certificate>", "<X509Certificate>AAAA</X509Certificate><X509Certificate>"),
            several
        );
        assert_eq!(
            change("<X509Data>", "<X509Data><X509Certificate>AAAA</X509Certificate></X509Data><X509Data>"),
            several
        );
        let pem =
            format!("{certificate}\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n{certificate}");
        assert_eq!(change(&certificate, &pem), several);
    }
}
