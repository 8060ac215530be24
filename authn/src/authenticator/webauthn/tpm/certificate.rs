//! What the certificate of an attestation key has to be. WebAuthn 8.3.1.

use pki::{AlternativeName, Certificate, ObjectIdentifier};
use uuid::Uuid;

use super::Wrong;

/// What a TPM has to be named by: manufacturer, model, version. TCG, EK Credential Profile 3.2.9.
const NAMED_BY: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("2.23.133.2.1"),
    ObjectIdentifier::new_unwrap("2.23.133.2.2"),
    ObjectIdentifier::new_unwrap("2.23.133.2.3"),
];
/// `tcg-kp-AIKCertificate`.
const ATTESTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.8.3");
/// `id-fido-gen-ce-aaguid`.
const AAGUID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.45724.1.1.4");
const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// Checks the certificate of a key that attests keys of this model. It promises nothing of who issued it.
pub(super) fn check(aik: &Certificate, model: Uuid) -> Result<(), Wrong> {
    if !aik.is_version_3() {
        return Err(Wrong::Certificate("it is not of version 3"));
    }
    if !aik.subject().is_empty() {
        return Err(Wrong::Certificate("it names a subject"));
    }
    let extensions = aik.extensions();
    // RFC 5280 4.2.1.6: critical where there is no subject.
    let is_critical = extensions.get(SUBJECT_ALTERNATIVE_NAME).is_some_and(|extension| extension.critical);
    if !is_critical || !aik.subject_alternative_names().iter().any(names_a_tpm) {
        return Err(Wrong::Certificate("it does not name manufacturer, model and version of a TPM"));
    }
    if !aik.extended_key_usage().is_some_and(|purposes| purposes.contains(&ATTESTS)) {
        return Err(Wrong::Certificate("its key is for something else"));
    }
    if aik.basic_constraints().is_none_or(|constraints| constraints.ca) {
        return Err(Wrong::Certificate("it is an authority's, or does not say that it is none"));
    }
    // An OCTET STRING within that of the extension.
    let named = [&[0x04, 0x10][..], model.as_bytes().as_slice()].concat();
    if extensions.get(AAGUID).is_some_and(|extension| extension.value != named) {
        return Err(Wrong::Certificate("it is of another model"));
    }
    Ok(())
}

fn names_a_tpm(name: &AlternativeName) -> bool {
    let AlternativeName::Directory(name) = name else { return false };
    let said = |oid: &ObjectIdentifier| name.attribute(*oid).is_some_and(|text| !text.is_empty());
    NAMED_BY.iter().all(said)
}
