//! What a TPM states of a key: the attestation statement format `tpm` (WebAuthn 8.3), in which Windows Hello proves itself.
//!
//! The library that verifies registrations takes none of the algorithms of this format. It verifies all the rest of a registration, which is
//! shown to it without the statement; the statement is verified here, over the very octets that came. Whether the certificates lead to a
//! root of the model is asked afterwards, as for every other format (`policy`).

mod certificate;
mod structures;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value as Cbor;
use pki::Certificate;
use serde_json::json;
use uuid::Uuid;
use webauthn_rs::prelude::{AttestationMetadata, COSEKey, ParsedAttestation, ParsedAttestationData};

use structures::{Certified, Public};

/// How many certificates are read: those of Windows Hello are two or three.
const MOST_CERTIFICATES: usize = 6;
/// The longest certificate that is read.
const LONGEST_CERTIFICATE: usize = 8 * 1024;

/// Why a statement does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Wrong {
    /// Something is missing, too long, too short or of another type.
    #[error("it cannot be read")]
    Unreadable,
    /// WebAuthn 8.3: `ver`.
    #[error("it is not of TPM 2.0")]
    Version,
    /// `magic`.
    #[error("what is signed was not made in a TPM")]
    Magic,
    /// `type`.
    #[error("what is signed certifies no key")]
    Type,
    /// `extraData`.
    #[error("it was made for another registration")]
    Binding,
    /// `attested.name`.
    #[error("another key was certified")]
    Name,
    /// `pubArea`.
    #[error("the key in the TPM is not the one that is registered")]
    Key,
    /// `sig`.
    #[error("the signature is not of the certificate's key")]
    Signature,
    /// WebAuthn 8.3.1.
    #[error("the certificate is none for a key that attests: {0}")]
    Certificate(&'static str),
}

/// A statement that holds: this key lies in the TPM whose attestation key this certificate names. Whose certificate that is, is not known
/// yet.
pub(crate) struct Attested {
    /// The certificate of the attestation key, and what leads to a root, in DER.
    chain: Vec<Vec<u8>>,
    firmware_version: u64,
    /// Whether the key was made in that TPM and can never leave it.
    pub is_fixed: bool,
}

impl Attested {
    /// The same as the library has it, so that the path is checked as that of every other format.
    pub(crate) fn parsed(&self, model: Uuid) -> Result<ParsedAttestation, Wrong> {
        let chain: Vec<String> = self.chain.iter().map(|der| URL_SAFE_NO_PAD.encode(der)).collect();
        let data: ParsedAttestationData = serde_json::from_value(json!({ "AttCa": chain }))
            .map_err(|_| Wrong::Certificate("what leads to a root cannot be read"))?;
        let metadata = AttestationMetadata::Tpm { aaguid: model, firmware_version: self.firmware_version };
        Ok(ParsedAttestation { data, metadata })
    }
}

/// Verifies what a TPM states in an attestation object of this key and model: WebAuthn 8.3, verification procedure. None where it states
/// nothing that is taken: in another format, or by an algorithm other than RS256 and ES256, such as RS1 (SHA-1).
pub(crate) fn attested(
    object: &[u8],
    client_data: &[u8],
    (key, model): (&COSEKey, Uuid),
) -> Result<Option<Attested>, Wrong> {
    let Some(statement) = Statement::read(object)? else { return Ok(None) };
    let public = Public::read(&statement.public)?;
    if !public.is(key) {
        return Err(Wrong::Key);
    }
    let certified = Certified::read(&statement.certified)?;
    // Both algorithms hash by SHA-256.
    let bound = digest(&SHA256, &[&statement.data[..], digest(&SHA256, client_data).as_ref()].concat());
    if *certified.extra_data != *AsRef::<[u8]>::as_ref(&bound) {
        return Err(Wrong::Binding);
    }
    if certified.name != public.name {
        return Err(Wrong::Name);
    }
    let aik = statement.chain.first().ok_or(Wrong::Unreadable)?;
    let aik = Certificate::from_der(aik).map_err(|_| Wrong::Certificate("it cannot be read"))?;
    pki::verify_signature(aik.spki_der(), statement.algorithm, &statement.certified, &statement.signature)
        .map_err(|_| Wrong::Signature)?;
    certificate::check(&aik, model)?;
    Ok(Some(Attested {
        firmware_version: certified.firmware_version,
        is_fixed: public.is_fixed(),
        chain: statement.chain,
    }))
}

/// A statement, taken apart.
struct Statement {
    /// The authenticator data that it is about.
    data: Vec<u8>,
    /// How it is signed, as an `AlgorithmIdentifier`.
    algorithm: &'static [u8],
    chain: Vec<Vec<u8>>,
    signature: Vec<u8>,
    /// What is signed.
    certified: Vec<u8>,
    /// The key that is certified.
    public: Vec<u8>,
}

impl Statement {
    /// None if it is of another format, or by an algorithm that is not taken.
    fn read(object: &[u8]) -> Result<Option<Self>, Wrong> {
        let Cbor::Map(members) = ciborium::from_reader(object).map_err(|_| Wrong::Unreadable)? else {
            return Err(Wrong::Unreadable);
        };
        let mut object = Members(members);
        if object.take("fmt")?.as_text() != Some("tpm") {
            return Ok(None);
        }
        let data = object.octets("authData")?;
        let Cbor::Map(members) = object.take("attStmt")? else { return Err(Wrong::Unreadable) };
        let mut members = Members(members);
        let number = members.take("alg")?.as_integer().ok_or(Wrong::Unreadable)?;
        let Some(algorithm) = identifier(number.into()) else { return Ok(None) };
        if members.take("ver")?.as_text() != Some("2.0") {
            return Err(Wrong::Version);
        }
        let chain = members.take("x5c")?.into_array().map_err(|_| Wrong::Unreadable)?;
        if chain.is_empty() || chain.len() > MOST_CERTIFICATES {
            return Err(Wrong::Unreadable);
        }
        let chain = chain.into_iter().map(certificate_of).collect::<Result<Vec<_>, _>>()?;
        let signature = members.octets("sig")?;
        let certified = members.octets("certInfo")?;
        let public = members.octets("pubArea")?;
        Ok(Some(Self { data, algorithm, chain, signature, certified, public }))
    }
}

fn certificate_of(value: Cbor) -> Result<Vec<u8>, Wrong> {
    let der = value.into_bytes().map_err(|_| Wrong::Unreadable)?;
    if der.len() > LONGEST_CERTIFICATE { Err(Wrong::Unreadable) } else { Ok(der) }
}

/// The algorithms that are taken, by their COSE numbers, as an `AlgorithmIdentifier`. RFC 4055 5, RFC 5758 3.2.
fn identifier(number: i128) -> Option<&'static [u8]> {
    match number {
        -7 => Some(&[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]),
        -257 => {
            Some(&[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00])
        }
        _ => None,
    }
}

/// The members of a map, by their names.
struct Members(Vec<(Cbor, Cbor)>);

impl Members {
    fn take(&mut self, wanted: &str) -> Result<Cbor, Wrong> {
        let place = self.0.iter().position(|(name, _)| name.as_text() == Some(wanted));
        place.map(|place| self.0.swap_remove(place).1).ok_or(Wrong::Unreadable)
    }

    fn octets(&mut self, wanted: &str) -> Result<Vec<u8>, Wrong> {
        self.take(wanted)?.into_bytes().map_err(|_| Wrong::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use webauthn_rs::prelude::{COSEAlgorithm, COSEEC2Key, COSEKeyType, ECDSACurve};

    use super::*;

    /// WebAuthn level 3, "TPM Attestation with ES256 Credential".
    const OBJECT: &str = include_str!("vector/attestation_object.hex");
    const CLIENT_DATA: &str = include_str!("vector/client_data.hex");
    const MODEL: &str = "4b92a377-fc5f-6107-c4c8-5c190adbfd99";

    fn vector() -> (Vec<u8>, Vec<u8>, Uuid) {
        let read = |text: &str| hex::decode(text.trim()).unwrap();
        (read(OBJECT), read(CLIENT_DATA), Uuid::parse_str(MODEL).unwrap())
    }

    /// The key stands at the end of the object: x, three octets, y.
    fn key(object: &[u8]) -> COSEKey {
        let (x, y) = (object[object.len() - 67..][..32].to_vec(), object[object.len() - 32..].to_vec());
        let key = COSEKeyType::EC_EC2(COSEEC2Key { curve: ECDSACurve::SECP256R1, x, y });
        COSEKey { type_: COSEAlgorithm::ES256, key }
    }

    /// The example of the standard holds, for its model and registration alone. Its key may leave the TPM, which proves nothing here.
    #[test]
    fn the_example_of_the_standard_holds() {
        let (object, client_data, model) = vector();
        let key = key(&object);
        let read = |object: &[u8], client_data: &[u8]| attested(object, client_data, (&key, model));
        let held = read(&object, &client_data).unwrap().unwrap();
        assert_eq!((held.chain.len(), held.firmware_version, held.is_fixed), (1, 0, false));
        let parsed = held.parsed(model).unwrap();
        assert!(matches!(&parsed.data, ParsedAttestationData::AttCa(chain) if chain.len() == 1));
        assert!(matches!(parsed.metadata, AttestationMetadata::Tpm { aaguid, .. } if aaguid == model));
        assert_eq!(read(&object, b"{}").err(), Some(Wrong::Binding));
        let mut other = key.clone();
        if let COSEKeyType::EC_EC2(point) = &mut other.key {
            point.x[0] ^= 1;
        }
        assert_eq!(attested(&object, &client_data, (&other, model)).err(), Some(Wrong::Key));
        let elsewhere = [&object[..6], &b"xpm"[..], &object[9..]].concat();
        assert!(object[6..9] == *b"tpm" && read(&elsewhere, &client_data).unwrap().is_none());
    }

    /// Each octet of what is signed, of the key, of the signature and of the data counts.
    #[test]
    fn every_octet_counts() {
        let (object, client_data, model) = vector();
        let key = key(&object);
        let Statement { data, signature, certified, public, .. } = Statement::read(&object).unwrap().unwrap();
        for part in [&data, &signature, &certified, &public] {
            let start = object.windows(part.len()).position(|window| window == &part[..]).unwrap();
            for place in start..start + part.len() {
                let mut changed = object.clone();
                changed[place] ^= 1;
                assert!(attested(&changed, &client_data, (&key, model)).is_err(), "{place}");
            }
        }
    }

    /// SHA-1 proves nothing, whatever it signs; it is not wrong either.
    #[test]
    fn sha1_proves_nothing() {
        let (object, client_data, model) = vector();
        let key = key(&object);
        for (number, expected) in [(-65_535_i64, Ok(true)), (-37, Ok(true)), (-257, Err(Wrong::Signature))] {
            let Cbor::Map(mut members) = ciborium::from_reader(&object[..]).unwrap() else { panic!() };
            for (_, value) in &mut members {
                for (name, value) in value.as_map_mut().into_iter().flatten() {
                    if name.as_text() == Some("alg") {
                        *value = Cbor::from(number);
                    }
                }
            }
            let mut changed = Vec::new();
            ciborium::into_writer(&Cbor::Map(members), &mut changed).unwrap();
            let read = attested(&changed, &client_data, (&key, model)).map(|held| held.is_none());
            assert_eq!(read, expected, "{number}");
        }
    }

    /// Nothing that a browser sends makes it panic.
    #[test]
    fn damaged_statements_do_no_harm() {
        let (object, client_data, model) = vector();
        let key = key(&object);
        let read = |octets: &[u8]| drop(attested(octets, &client_data, (&key, model)));
        platform::hammer::hammer(&object, 2_000, read).unwrap();
        let Statement { certified, public, .. } = Statement::read(&object).unwrap().unwrap();
        platform::hammer::hammer(&certified, 2_000, |octets| drop(Certified::read(octets))).unwrap();
        let compare = |octets: &[u8]| {
            let _ = Public::read(octets).map(|public| public.is(&key));
        };
        platform::hammer::hammer(&public, 2_000, compare).unwrap();
        for part in [&certified, &public] {
            for end in 0..part.len() {
                assert!(
                    Certified::read(&part[..end]).is_err() && Public::read(&part[..end]).is_err(),
                    "{end}"
                );
            }
        }
    }
}
