//! device-attest-01: a device says by its maker's chain that a key lives in it (draft-acme-device-attest).
//!
//! The attestation object has the layout of `WebAuthn` (CBOR) and the format `step`, which carries the PIV attestation of
//! a smartcard or security key: `x5c` holds the attestation certificate of the key and what leads to the maker's root,
//! `sig` is the key's signature over the key authorization. The serial number of the device stands in an extension of
//! the attestation certificate.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value as Cbor;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_CE_BASIC_CONSTRAINTS, ID_CE_KEY_USAGE};
use pki::{Certificate, KeyUsage};
use platform::clock::Millis;
use serde::Deserialize;

use super::identifier::Identifier;
use super::problem::{Kind, Problem};
use crate::digest::sha256_hex;
use crate::joining::algorithm_identifier;
use crate::subject_key::SubjectKey;

/// Yubico's extension for the serial number of the device, an INTEGER.
const SERIAL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.7");
/// The largest object we read.
const MOST_OCTETS: usize = 32 * 1024;
/// How deep it may nest: object, statement, list.
const DEEPEST: usize = 5;
/// How many certificates lead to the root.
const MOST_CERTIFICATES: usize = 5;

/// What the client answers the challenge with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    att_obj: String,
}

/// Judges an attestation; answers the SHA-256 of the key it is for.
pub(super) fn check(
    response: &Response,
    identifier: &Identifier,
    key_authorization: &str,
    roots: &[Certificate],
    now: Millis,
) -> Result<String, Problem> {
    let Identifier::Device(_, expected) = identifier else {
        return Err(bad("only devices attest their keys"));
    };
    let statement = statement(&response.att_obj)?;
    let leaf = statement.chain.first().ok_or_else(|| bad("\"x5c\" is empty"))?;
    lead(&statement.chain, roots, now)
        .map_err(|why| bad(&format!("the attestation does not lead to a root of this profile: {why}")))?;
    let key =
        SubjectKey::parse(leaf.spki_der()).map_err(|error| bad(&format!("the attested key: {error}")))?;
    let algorithm = algorithm_identifier(key.alg());
    pki::verify_signature(leaf.spki_der(), &algorithm, key_authorization.as_bytes(), &statement.signature)
        .map_err(|_| bad("\"sig\" is not the attested key's signature over the key authorization"))?;
    let serial =
        serial_number(leaf).ok_or_else(|| bad("the attestation names no serial number of the device"))?;
    if serial != *expected {
        return Err(Problem::unauthorized(
            "the attestation is of another device than the one that was ordered",
        ));
    }
    Ok(sha256_hex(leaf.spki_der()))
}

/// The parts of the attestation statement that we look at.
struct Statement {
    chain: Vec<Certificate>,
    signature: Vec<u8>,
}

fn statement(object: &str) -> Result<Statement, Problem> {
    if object.len() > MOST_OCTETS {
        return Err(bad("the attestation object is larger than is read here"));
    }
    let octets = URL_SAFE_NO_PAD.decode(object).map_err(|_| bad("\"attObj\" is not base64url"))?;
    read(&octets)
}

/// The body of a fuzzer.
pub(super) fn read_anything(octets: &[u8]) {
    if let Ok(statement) = read(octets) {
        let _ = (statement.signature, statement.chain.iter().filter_map(serial_number).count());
    }
}

fn read(octets: &[u8]) -> Result<Statement, Problem> {
    let mut rest = octets;
    let object: Cbor = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEEPEST)
        .map_err(|_| bad("the attestation object is not CBOR as it must be"))?;
    if !rest.is_empty() {
        return Err(bad("something follows the attestation object"));
    }
    if member(&object, "fmt").and_then(Cbor::as_text) != Some("step") {
        return Err(bad("the format of the attestation must be \"step\", for PIV"));
    }
    let statement = member(&object, "attStmt").ok_or_else(|| bad("there is no \"attStmt\""))?;
    let signature =
        member(statement, "sig").and_then(Cbor::as_bytes).ok_or_else(|| bad("there is no \"sig\""))?;
    let chain =
        member(statement, "x5c").and_then(Cbor::as_array).ok_or_else(|| bad("there is no \"x5c\""))?;
    if chain.len() > MOST_CERTIFICATES {
        return Err(bad("\"x5c\" holds too many certificates"));
    }
    let chain = chain.iter().map(|der| {
        let der = der.as_bytes().ok_or_else(|| bad("\"x5c\" holds something else than octets"))?;
        Certificate::from_der(der).map_err(|_| bad("\"x5c\" holds something else than certificates"))
    });
    Ok(Statement { chain: chain.collect::<Result<_, _>>()?, signature: signature.clone() })
}

/// A member of a map that has it once.
fn member<'a>(map: &'a Cbor, name: &str) -> Option<&'a Cbor> {
    let mut found = map.as_map()?.iter().filter(|(key, _)| key.as_text() == Some(name));
    let (_, value) = found.next()?;
    if found.next().is_some() { None } else { Some(value) }
}

/// Whether each certificate is signed by the next, and the last by a root.
///
/// The makers' own authorities often have no key usage at all, which the path validation of `pki` refuses for those that
/// certify people; RFC 5280 6.1.4 (n) does not. So this chain, given in order, is walked here.
pub(crate) fn lead(chain: &[Certificate], roots: &[Certificate], now: Millis) -> Result<(), &'static str> {
    let plain = |certificate: &Certificate| {
        let mut critical = certificate.extensions().all.iter().filter(|extension| extension.critical);
        critical.all(|extension| [ID_CE_BASIC_CONSTRAINTS, ID_CE_KEY_USAGE].contains(&extension.oid))
    };
    if !chain.iter().all(plain) {
        return Err("a certificate has a critical extension that has no place here");
    }
    let valid = |it: &Certificate| it.not_before_ms() <= now.0 && now.0 <= it.not_after_ms();
    if !chain.iter().all(valid) {
        return Err("a certificate is not valid at this time");
    }
    for (below, pair) in chain.windows(2).enumerate() {
        if !certifies(&pair[1], below) || pair[0].verify_signed_by(&pair[1]).is_err() {
            return Err("a certificate is not signed by the next one, or that is no authority's");
        }
    }
    let last = chain.last().ok_or("there is no certificate")?;
    let above = chain.len() - 1;
    let rooted =
        |root: &Certificate| valid(root) && certifies(root, above) && last.verify_signed_by(root).is_ok();
    if roots.iter().any(rooted) {
        Ok(())
    } else {
        Err("no root that is set here signed its last certificate")
    }
}

/// Whether this authority may stand above so many others: RFC 5280 6.1.4 (k), (m), (n).
fn certifies(authority: &Certificate, below: usize) -> bool {
    let constraints = authority.basic_constraints().filter(|constraints| constraints.ca);
    constraints.is_some_and(|it| it.path_length.is_none_or(|length| below <= usize::from(length)))
        && authority.key_usage().is_none_or(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN))
}

/// The serial number of the device in an attestation, as decimal text.
pub(crate) fn serial_number(leaf: &Certificate) -> Option<String> {
    let extension = leaf.extensions().all.iter().find(|extension| extension.oid == SERIAL_NUMBER)?;
    // A non-negative INTEGER of eight octets at most.
    let [0x02, length, content @ ..] = extension.value.as_slice() else { return None };
    if usize::from(*length) != content.len() || !(1..=8).contains(&content.len()) || content[0] & 0x80 != 0 {
        return None;
    }
    Some(content.iter().fold(0_u64, |sum, octet| (sum << 8) | u64::from(*octet)).to_string())
}

fn bad(detail: &str) -> Problem {
    Problem::new(Kind::BadAttestationStatement, detail)
}
