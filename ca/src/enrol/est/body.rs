//! Bodies of EST: base64 of DER, with line breaks or without (RFC 8951 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::enrol::{LARGEST_BODY, Refused};

/// The DER in a body. `Content-Transfer-Encoding` is not looked at: RFC 8951 3.1.
pub(crate) fn decode_request(body: &[u8]) -> Result<Vec<u8>, Refused> {
    const NOT_BASE64: Refused = Refused::Body("the body is not base64 of a PKCS#10 request in DER");
    if body.len() > LARGEST_BODY {
        return Err(Refused::Body("the body is larger than any request"));
    }
    let text: Vec<u8> = body.iter().copied().filter(|octet| !b" \t\r\n".contains(octet)).collect();
    let der = STANDARD.decode(text).map_err(|_| NOT_BASE64)?;
    if der.is_empty() { Err(NOT_BASE64) } else { Ok(der) }
}

/// The body of an answer, in lines of 64 characters as every decoder takes them.
pub(crate) fn encoded(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = String::with_capacity(text.len() + text.len() / 64 + 1);
    for (at, character) in text.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line breaks of any kind, or none, make no difference; what is not base64, or too large, is refused.
    #[test]
    fn line_breaks_make_no_difference() {
        let der: Vec<u8> = (0..200).collect();
        let lines = encoded(&der);
        assert!(lines.lines().count() > 3);
        for body in [lines.clone(), lines.replace('\n', "\r\n"), lines.replace('\n', "")] {
            assert_eq!(decode_request(body.as_bytes()), Ok(der.clone()));
        }
        let large = "A".repeat(LARGEST_BODY + 4);
        for wrong in ["", "\n", "AAA", "AA=A", "-----BEGIN CERTIFICATE REQUEST-----", "é", &large] {
            assert!(decode_request(wrong.as_bytes()).is_err(), "{wrong:.40}");
        }
    }
}
