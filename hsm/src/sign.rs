//! Signing in a session.

use cryptoki::mechanism::dsa::{HedgeType, SignAdditionalContext};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use metrics::counter;
use tracing::error;

use crate::copies::Signer;
use crate::failure::Failure;
use crate::key::{KeyInner, KeyKind};
use crate::worker::Bench;
use crate::{Error, Scheme, VerifySignatures, wrap};

/// Whether a signature is verified before it is given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// As [`VerifySignatures`] says.
    AsConfigured,
    /// Another one of the same call is, so this one only where every signature of every key is.
    Spared,
}

/// Signs `input`, a digest or where the scheme takes none the message, with any kind of key.
pub(crate) fn sign(
    bench: &mut Bench,
    key: &KeyInner,
    scheme: Scheme,
    input: &[u8],
    check: Check,
) -> Result<Vec<u8>, Failure> {
    bench.pulse();
    let signature = match &key.kind {
        KeyKind::Token { id, .. } => {
            let handle = bench.opened.token_key(*id).ok_or(Failure::Absent)?;
            match bench.signer(*id, handle) {
                Signer::Key(handle) => sign_with(&bench.session, handle, scheme, input)
                    .inspect_err(|_| bench.forget_copy(*id))?,
                Signer::Copy(copy) => match sign_with(&bench.session, copy, scheme, input) {
                    Err(Failure::Handle(_)) => {
                        bench.forget_copy(*id);
                        sign_with(&bench.session, handle, scheme, input)?
                    }
                    outcome => outcome?,
                },
            }
        }
        KeyKind::OneTime(one_time) => {
            if one_time.epoch() != bench.opened.epoch {
                return Err(Error::OneTimeKeyLost.into());
            }
            sign_with(&bench.session, one_time.handle(), scheme, input).map_err(|failure| match failure {
                Failure::Handle(_) => Error::OneTimeKeyLost.into(),
                failure => failure,
            })?
        }
        KeyKind::Wrapped { identity, .. } => {
            let handle = wrap::live(bench, key)?;
            match sign_with(&bench.session, handle, scheme, input) {
                Err(Failure::Handle(_)) => {
                    bench.forget_live(identity);
                    let handle = wrap::live(bench, key)?;
                    sign_with(&bench.session, handle, scheme, input)?
                }
                outcome => outcome?,
            }
        }
    };
    let checked = match (bench.verify, check) {
        (VerifySignatures::All, _) => true,
        (VerifySignatures::TokenKeys, Check::AsConfigured) => matches!(key.kind, KeyKind::Token { .. }),
        (VerifySignatures::TokenKeys, Check::Spared) => false,
    };
    if checked && !key.public.verifies(scheme, input, &signature) {
        counter!("hsm_bad_signatures_total").increment(1);
        error!(key = %key.label, "token {} made a signature that does not verify", bench.token.config.label);
        return Err(Error::BadSignature.into());
    }
    Ok(signature)
}

/// One signature by the token.
pub(crate) fn sign_with(
    session: &Session,
    key: ObjectHandle,
    scheme: Scheme,
    input: &[u8],
) -> Result<Vec<u8>, Failure> {
    let rsa = |prefix: &[u8]| Ok(session.sign(&Mechanism::RsaPkcs, key, &[prefix, input].concat())?);
    match scheme {
        Scheme::RsaPkcs1Sha1 => rsa(&DIGEST_INFO_SHA1),
        Scheme::RsaPkcs1Sha256 => rsa(&DIGEST_INFO_SHA256),
        Scheme::RsaPkcs1Sha384 => rsa(&DIGEST_INFO_SHA384),
        Scheme::RsaPkcs1Sha512 => rsa(&DIGEST_INFO_SHA512),
        Scheme::RsaPssSha256 => {
            let parameters = PkcsPssParams {
                hash_alg: MechanismType::SHA256,
                mgf: PkcsMgfType::MGF1_SHA256,
                s_len: 32.into(),
            };
            Ok(session.sign(&Mechanism::RsaPkcsPss(parameters), key, input)?)
        }
        Scheme::EcdsaSha256 => Ok(ecdsa_der(&session.sign(&Mechanism::Ecdsa, key, input)?, 32)?),
        Scheme::EcdsaSha384 => Ok(ecdsa_der(&session.sign(&Mechanism::Ecdsa, key, input)?, 48)?),
        Scheme::Ed25519 => {
            let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
            Ok(session.sign(&mechanism, key, input)?)
        }
        Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => {
            // PKCS#11 3.2 6.67.6. No context: RFC 9881 3 and RFC 9882 3.
            let mechanism = Mechanism::MlDsa(SignAdditionalContext::new(HedgeType::Preferred, None));
            Ok(session.sign(&mechanism, key, input)?)
        }
    }
}

/// `r || s` as a DER `Ecdsa-Sig-Value` (RFC 3279 2.2.3). Both are shorter than 64 octets, so lengths are one octet.
fn ecdsa_der(signature: &[u8], half: usize) -> Result<Vec<u8>, Error> {
    if signature.len() != 2 * half {
        return Err(Error::Unreadable("an ECDSA signature"));
    }
    let mut der = Vec::with_capacity(2 * half + 8);
    der.extend([0x30, 0]);
    let (r, s) = signature.split_at(half);
    for number in [r, s] {
        let leading = number.iter().take_while(|octet| **octet == 0).count().min(half - 1);
        let number = &number[leading..];
        let negative = number[0] & 0x80 != 0;
        der.push(0x02);
        der.push(octet(number.len() + usize::from(negative)));
        if negative {
            der.push(0);
        }
        der.extend_from_slice(number);
    }
    der[1] = octet(der.len() - 2);
    Ok(der)
}

fn octet(length: usize) -> u8 {
    u8::try_from(length).expect("two numbers of at most 49 octets fit one length octet")
}

// RFC 8017 9.2, note 1.
const DIGEST_INFO_SHA1: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];
const DIGEST_INFO_SHA256: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
const DIGEST_INFO_SHA384: [u8; 19] = [
    0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00,
    0x04, 0x30,
];
const DIGEST_INFO_SHA512: [u8; 19] = [
    0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00,
    0x04, 0x40,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Leading zeros go, a high bit gets one, and zero stays one octet: DER has one form only.
    #[test]
    fn ecdsa_signatures_become_der() {
        let mut signature = [0u8; 64];
        signature[31] = 0x7f;
        signature[32] = 0x80;
        let der = ecdsa_der(&signature, 32).unwrap();
        assert_eq!(der[..7], [0x30, 3 + 2 + 33, 0x02, 1, 0x7f, 0x02, 33]);
        assert_eq!(der[7..9], [0x00, 0x80]);
        assert_eq!(der.len(), usize::from(der[1]) + 2);
        assert_eq!(ecdsa_der(&[0; 64], 32).unwrap(), [0x30, 6, 0x02, 1, 0, 0x02, 1, 0]);
        let all_ones = ecdsa_der(&[0xff; 96], 48).unwrap();
        assert_eq!((all_ones.len(), all_ones[1]), (104, 102));
        assert!(ecdsa_der(&signature, 48).is_err());
    }
}
