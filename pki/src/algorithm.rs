//! `AlgorithmIdentifier`s of signatures in DER, as they stand in certificates and messages and as [`crate::verify_signature`] takes them.

/// sha256WithRSAEncryption, parameters NULL. RFC 4055 5; RFC 5754 3.2.
pub const RSA_SHA256: &[u8] =
    &[0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B, 0x05, 0x00];
/// ecdsa-with-SHA256, parameters absent. RFC 5758 3.2; RFC 5754 3.3.
pub const ECDSA_SHA256: &[u8] = &[0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
/// ecdsa-with-SHA384, parameters absent. RFC 5758 3.2; RFC 5754 3.3.
pub const ECDSA_SHA384: &[u8] = &[0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03];

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is a SEQUENCE of its object identifier, by what another encoder makes of that, and of the NULL that RSA has.
    #[test]
    fn identifiers_name_their_algorithm() {
        for (identifier, name, parameters) in [
            (RSA_SHA256, "1.2.840.113549.1.1.11", &[0x05, 0x00][..]),
            (ECDSA_SHA256, "1.2.840.10045.4.3.2", &[]),
            (ECDSA_SHA384, "1.2.840.10045.4.3.3", &[]),
        ] {
            let name = crate::ObjectIdentifier::new_unwrap(name);
            let oid = [&[0x06, u8::try_from(name.as_bytes().len()).unwrap()][..], name.as_bytes()].concat();
            let whole = [oid.as_slice(), parameters].concat();
            let length = u8::try_from(whole.len()).unwrap();
            assert_eq!(identifier, [&[0x30, length][..], &whole].concat(), "{name}");
        }
    }
}
