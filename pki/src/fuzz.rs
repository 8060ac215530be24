//! What a fuzzer does with bytes that come as a certificate, a list or a request. A test runs the same functions over a
//! corpus with a fixed budget.

use crate::path::{self, Policy};
use crate::{Certificate, Crl, Csr, Name, Serial, verify_signature};

/// A moment within most validities: 2027-01-01.
const AT_MS: i64 = 1_798_761_600_000;

/// Reads bytes as a certificate and uses what comes out, also as the whole of a path.
///
/// # Panics
///
/// When a reader does, or a certificate that was read does not survive being written.
pub fn certificate(bytes: &[u8]) {
    let Ok(certificate) = Certificate::from_der(bytes) else { return };
    let _ = format!("{certificate:?} {:?} {}", certificate.extensions(), certificate.subject());
    let again = Certificate::from_pem(&certificate.to_pem());
    assert_eq!(again.as_ref(), Ok(&certificate), "a certificate changed when it was written");
    let one = [certificate.clone()];
    let _ = path::check(&certificate, &one, &one, &[], AT_MS, &Policy::default());
}

/// Reads bytes as a revocation list and uses what comes out.
///
/// # Panics
///
/// When a reader does, or an entry that was counted cannot be found.
pub fn crl(bytes: &[u8]) {
    let Ok(crl) = Crl::from_der(bytes) else { return };
    let _ = format!("{crl:?} {:?} {:?}", crl.scope(), crl.extensions());
    assert_eq!(crl.entries().count(), crl.len(), "an entry was indexed that does not read back");
    for entry in crl.entries() {
        let found = crl.entry_of(crl.issuer(), &entry.serial).is_some();
        assert!(found || !crl.scope().indirect, "an entry is not found by its serial");
    }
}

/// Reads bytes as a certification request. One that reads has proved possession of its key.
///
/// # Panics
///
/// When a reader does, or a request that was read does not survive being written.
pub fn csr(bytes: &[u8]) {
    let Ok(csr) = Csr::from_der(bytes) else { return };
    let _ = format!("{csr:?} {:?} {}", csr.extensions(), csr.subject());
    let again = Csr::from_pem(&crate::to_pem(Csr::PEM_LABEL, csr.der()));
    assert!(again.is_ok_and(|again| again.der() == csr.der()), "a request changed when it was written");
}

/// Reads bytes as the smaller things: names, serials, keys with signatures, and text.
///
/// # Panics
///
/// When a reader does.
pub fn parts(bytes: &[u8]) {
    let _ = Name::from_der(bytes).map(|name| name.to_string());
    let _ = Serial::from_content(bytes).map(|serial| serial.to_string());
    let _ = verify_signature(bytes, bytes, bytes, bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Certificate::chain_from_pem(text);
        let _ = text.parse::<Name>();
        let _ = text.parse::<Serial>();
    }
}
