//! What a request should hold: `CsrAttrs` (RFC 7030 4.5.2).

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ID_CE_SUBJECT_ALT_NAME, ID_EC_PUBLIC_KEY, ID_EXTENSION_REQ,
    RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1, SHA_256_WITH_RSA_ENCRYPTION,
};
use hsm::{Alg, Family};

use crate::asn1::{INTEGER, SEQUENCE, SET, oid, tlv, unsigned};
use crate::intent::signature_algorithm;
use crate::profile::{Presence, Profile};
use crate::subject::Field;

/// The kinds of key that the profile takes, how to sign with them, and whether alternative names are needed.
pub(super) fn wanted(profile: &Profile) -> Vec<u8> {
    let mut parts = Vec::new();
    if profile.naming.presence(Field::DnsNames) == Presence::Required {
        parts.push(attribute(&ID_EXTENSION_REQ, &[oid(&ID_CE_SUBJECT_ALT_NAME)]));
    }
    // One kind of key for each family, the smallest that is taken: a client reads it as what to make.
    let curve = profile.keys.iter().find_map(|alg| match alg {
        Alg::P256 => Some((SECP_256_R_1, ECDSA_WITH_SHA_256)),
        Alg::P384 => Some((SECP_384_R_1, ECDSA_WITH_SHA_384)),
        _ => None,
    });
    if let Some((curve, signature)) = curve {
        parts.push(attribute(&ID_EC_PUBLIC_KEY, &[oid(&curve)]));
        parts.push(oid(&signature));
    }
    let bits = profile.keys.iter().filter_map(|alg| match alg {
        Alg::Rsa2048 => Some(2048_u16),
        Alg::Rsa3072 => Some(3072),
        Alg::Rsa4096 => Some(4096),
        _ => None,
    });
    if let Some(bits) = bits.min() {
        parts.push(attribute(&RSA_ENCRYPTION, &[unsigned(INTEGER, &bits.to_be_bytes())]));
        parts.push(oid(&SHA_256_WITH_RSA_ENCRYPTION));
    }
    // RFC 9881 2: one identifier is the kind of key and the way to sign.
    let lattice = profile.keys.iter().find(|alg| alg.family() == Family::MlDsa);
    parts.extend(lattice.map(|alg| oid(&signature_algorithm(*alg))));
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    tlv(SEQUENCE, &parts)
}

fn attribute(kind: &ObjectIdentifier, values: &[Vec<u8>]) -> Vec<u8> {
    let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    tlv(SEQUENCE, &[&oid(kind), &tlv(SET, &values)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profiles;

    /// A server's attributes ask for alternative names, a curve and a size; a client's ask for no names.
    #[test]
    fn attributes_follow_the_profile() {
        let profiles = Profiles::built_in().unwrap();
        let of = |id| hex::encode(wanted(profiles.find(id).unwrap()));
        let name = hex::encode(oid(&ID_CE_SUBJECT_ALT_NAME));
        let (server, client) = (of("system-tls-server"), of("system-tls-client"));
        assert!(server.contains(&name) && !client.contains(&name));
        for part in [oid(&SECP_256_R_1), oid(&ECDSA_WITH_SHA_256), unsigned(INTEGER, &[8, 0])] {
            assert!(client.contains(&hex::encode(part)), "{client}");
        }
        assert!(!client.contains(&hex::encode(oid(&SECP_384_R_1))));
        let ml_dsa_44 = hex::encode(oid(&signature_algorithm(Alg::MlDsa44)));
        assert!(of("time-stamp").contains(&ml_dsa_44) && !client.contains(&ml_dsa_44));
    }
}
