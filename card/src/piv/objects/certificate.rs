//! Certificates. NIST SP 800-73-5 part 1, table 11 and appendix B.

use crate::tlv;

use super::{CHECK, MalformedObject};

/// A certificate as it lies on the card. Nothing is promised of it but that it is one piece of DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateObject {
    /// The certificate in DER.
    pub der: Vec<u8>,
}

const CERTIFICATE: u32 = 0x70;
/// How it is stored: 00 as it is, 01 compressed.
const INFORMATION: u32 = 0x71;

/// What reads as no certificate.
const MALFORMED: MalformedObject = MalformedObject("certificate");

impl CertificateObject {
    /// Reads one. One that is compressed is refused: ours are not.
    pub fn parse(content: &[u8]) -> Result<Self, MalformedObject> {
        let part = |tag| tlv::find(content, tag).map_err(|_| MALFORMED);
        let der = part(CERTIFICATE)?.ok_or(MALFORMED)?;
        match part(INFORMATION)? {
            None | Some([0x00]) => {}
            Some([0x01]) => return Err(MalformedObject("compressed certificate")),
            Some(_) => return Err(MALFORMED),
        }
        tlv::only(der, 0x30).map_err(|_| MALFORMED)?;
        Ok(Self { der: der.to_vec() })
    }

    /// Writes it.
    pub fn to_content(&self) -> Vec<u8> {
        let mut content = tlv::tagged(CERTIFICATE, &self.der);
        tlv::append(&mut content, INFORMATION, &[0x00]);
        tlv::append(&mut content, CHECK, &[]);
        content
    }
}

/// What is written reads back; what is compressed, or no DER, does not.
#[test]
fn certificate_reads_back() {
    let certificate = CertificateObject { der: tlv::tagged(0x30, &[5; 900]) };
    let content = certificate.to_content();
    assert_eq!(CertificateObject::parse(&content), Ok(certificate.clone()));
    let compressed = [&tlv::tagged(CERTIFICATE, &certificate.der)[..], &[0x71, 1, 1]].concat();
    assert_eq!(CertificateObject::parse(&compressed), Err(MalformedObject("compressed certificate")));
    assert!(CertificateObject::parse(&[0x70, 2, 1, 2]).is_err());
    assert!(CertificateObject::parse(&content[..content.len() - 1]).is_err());
}
