//! PEM blocks (RFC 7468).

use crate::Error;

/// The DER of every block with this label, in order. Text around the blocks is passed over.
pub fn pem_blocks(text: &str, label: &'static str) -> Result<Vec<Vec<u8>>, Error> {
    let damaged = || Error::NotPem { label };
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let mut rest = text;
    let mut blocks = Vec::new();
    while let Some(start) = rest.find(&begin) {
        let from = &rest[start..];
        let stop = from.find(&end).ok_or_else(damaged)? + end.len();
        let block = from[..stop].trim();
        let (found, der) = der::pem::decode_vec(block.as_bytes()).map_err(|_| damaged())?;
        if found != label {
            return Err(damaged());
        }
        blocks.push(der);
        rest = &from[stop..];
    }
    Ok(blocks)
}

/// Writes one PEM block with lines of 64 characters and a final newline.
#[expect(clippy::missing_panics_doc, reason = "it cannot panic: see the expectation")]
pub fn to_pem(label: &'static str, der: &[u8]) -> String {
    der::pem::encode_string(label, der::pem::LineEnding::LF, der)
        .expect("a fixed label and bytes in memory always encode")
}

/// The DER of the first block with this label.
pub(crate) fn first(text: &str, label: &'static str) -> Result<Vec<u8>, Error> {
    pem_blocks(text, label)?.into_iter().next().ok_or(Error::NotPem { label })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks come back in order with text between them; a block without its end is refused.
    #[test]
    fn blocks_are_found_between_other_text() {
        let text = format!("subject=x\n{}\nbetween\n{}", to_pem("CRL", &[1; 60]), to_pem("CRL", &[2]));
        assert_eq!(pem_blocks(&text, "CRL").unwrap(), [vec![1; 60], vec![2]]);
        assert!(pem_blocks(&text, "CERTIFICATE").unwrap().is_empty());
        assert!(first(&text, "CERTIFICATE").is_err());
        assert!(pem_blocks(&text[..text.len() - 12], "CRL").is_err());
    }
}
