//! The body of a CSC request: an object whose parameters are taken out one by one, each with the specification's error.

use axum::extract::{FromRequest, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::problem::{Kind, Problem};
use platform::web::Json;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::polling::{Mode, mode};
use super::{CscAnswer, Known};
use crate::api::{RSA, RSA_PSS};
use crate::bare::{self, Bare, PSS_PARAMETERS};
use crate::digest::Digest;
use crate::error::{Error, Parameter};
use crate::ids::CredentialId;
use crate::sad::Shown;
use crate::signing::Algorithm;
use crate::suite::Hash;

/// The parameters of a request. Those that nobody asks for are ignored, as the specification has it.
pub(crate) struct Fields(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = CscAnswer;

    async fn from_request(request: Request, state: &S) -> Result<Self, CscAnswer> {
        match Json::from_request(request, state).await {
            Ok(Json(map)) => Ok(Self(map)),
            Err(problem) => Err(unread(problem)),
        }
    }
}

/// A body that was not read, in the words of the API.
pub(super) fn unread(problem: Problem) -> CscAnswer {
    match problem.kind {
        Kind::TooLarge => Error::BodyTooLarge.into(),
        Kind::TooSlow => problem.into(),
        _ => Parameter::Body.into(),
    }
}

impl Fields {
    /// The parameters of an object inside the request.
    pub(super) fn inside(value: Value) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self(map)),
            _ => None,
        }
    }

    /// A string that has to be there.
    pub(super) fn string(&mut self, name: &'static str) -> Result<String, Parameter> {
        match self.0.remove(name) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(Parameter::MissingString(name)),
        }
    }

    /// credentialID; what cannot be one is unknown.
    pub(super) fn credential(&mut self) -> Result<CredentialId, Error> {
        let text = self.string("credentialID")?;
        text.parse().map_err(|_| Error::CredentialUnknown { credential: text })
    }

    /// A string that has to be there, and is wiped after use.
    pub(super) fn secret(&mut self, name: &'static str) -> Result<Zeroizing<String>, Parameter> {
        self.string(name).map(Zeroizing::new)
    }

    /// A string that may be left out.
    pub(super) fn optional_string(&mut self, name: &'static str) -> Result<Option<String>, Parameter> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Parameter::Invalid(name)),
        }
    }

    /// A yes or no, no when left out.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, Parameter> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(Parameter::Invalid(name)),
        }
    }

    /// A whole number that has to be there.
    pub(super) fn integer(&mut self, name: &'static str) -> Result<i64, Parameter> {
        self.0.remove(name).and_then(|value| value.as_i64()).ok_or(Parameter::MissingInteger(name))
    }

    /// An array that has to be there.
    pub(super) fn array(&mut self, name: &'static str) -> Result<Vec<Value>, Parameter> {
        match self.0.remove(name) {
            Some(Value::Array(values)) => Ok(values),
            _ => Err(Parameter::MissingArray(name)),
        }
    }

    /// signAlgo with hashAlgorithmOID and signAlgoParams, of what signs hashes.
    pub(super) fn of_hashes(&mut self) -> Result<&'static Bare, Parameter> {
        let sign = self.string("signAlgo")?;
        let hash = self.optional_string("hashAlgorithmOID")?;
        let parameters = self.optional_string("signAlgoParams")?;
        let how = of_hashes(&sign, hash.as_deref())?;
        // RFC 4055 3.1: what PSS does, its parameters alone say.
        let known =
            |text: &String| STANDARD.decode(text).is_ok_and(|der| PSS_PARAMETERS.contains(&der.as_slice()));
        match (sign.as_str(), &parameters) {
            (RSA_PSS, None) => Err(Parameter::MissingString("signAlgoParams")),
            (RSA_PSS, Some(text)) if !known(text) => Err(Parameter::Invalid("signAlgoParams")),
            _ => Ok(how),
        }
    }

    /// A whole number that may be left out.
    pub(super) fn optional_integer(&mut self, name: &'static str) -> Result<Option<i64>, Parameter> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or(Parameter::Invalid(name)),
        }
    }

    /// When the answer is to be given.
    pub(super) fn mode(&mut self) -> Result<Mode, Parameter> {
        let asked = self.optional_string("operationMode")?;
        let (validity, uri) =
            (self.optional_integer("validity_period")?, self.optional_string("response_uri")?);
        mode(asked.as_deref(), validity, uri.as_deref())
    }

    /// SAD; or what the access token is for, where it is left out.
    pub(super) fn shown(&mut self, known: &Known) -> Result<Shown, Error> {
        let left_out = matches!(self.0.get("SAD"), None | Some(Value::Null));
        match (left_out, known.authorisation()?) {
            (true, Some(authorisation)) => Ok(Shown::Authorisation(authorisation)),
            _ => Ok(Shown::read(&self.secret("SAD")?)),
        }
    }
}

/// signAlgo with hashAlgorithmOID: they have to name what a kind of key does and its hash.
pub(super) fn algorithm(sign: &str, hash: Option<&str>) -> Result<Algorithm, Parameter> {
    let algorithm = Algorithm::called(sign).ok_or(Parameter::Invalid("signAlgo"))?;
    let hash_implied = sign != RSA;
    match hash {
        Some(hash) if hash == algorithm.hash().oid() => Ok(algorithm),
        Some(_) if hash_implied => Err(Parameter::HashAlgorithmContradicts),
        Some(_) => Err(Parameter::Invalid("hashAlgorithmOID")),
        None if hash_implied => Ok(algorithm),
        None => Err(Parameter::MissingString("hashAlgorithmOID")),
    }
}

/// signAlgo with hashAlgorithmOID, of what signs hashes.
pub(super) fn of_hashes(sign: &str, hash: Option<&str>) -> Result<&'static Bare, Parameter> {
    match (sign, hash) {
        (RSA, None) => return Err(Parameter::MissingString("hashAlgorithmOID")),
        (RSA, Some(hash)) => {
            let hash = Hash::called(hash).ok_or(Parameter::Invalid("hashAlgorithmOID"))?;
            return bare::called(RSA, Some(hash)).ok_or(Parameter::Invalid("hashAlgorithmOID"));
        }
        _ => {}
    }
    let how = bare::called(sign, None).ok_or(Parameter::Invalid("signAlgo"))?;
    match hash {
        Some(hash) if hash != how.hash.oid() => Err(Parameter::HashAlgorithmContradicts),
        _ => Ok(how),
    }
}

/// Hashes in base64, each as long as its algorithm's.
pub(super) fn hashes<'a>(
    texts: impl Iterator<Item = Option<&'a str>>,
    hash: Hash,
) -> Result<Vec<Vec<u8>>, Parameter> {
    let read = |text: Option<&str>| {
        let octets = text.and_then(|text| STANDARD.decode(text).ok()).ok_or(Parameter::HashNotBase64)?;
        if octets.len() == hash.len() { Ok(octets) } else { Err(Parameter::DigestLength) }
    };
    texts.map(read).collect()
}

/// Digests in base64; `not_base64` is what the method calls one that is not, or is no text at all.
pub(super) fn digests<'a>(
    texts: impl Iterator<Item = Option<&'a str>>,
    not_base64: &Parameter,
) -> Result<Vec<Digest>, Parameter> {
    texts
        .map(|text| {
            let text = text.ok_or_else(|| not_base64.clone())?;
            let mut bytes = [0; 32];
            match STANDARD.decode_slice(text, &mut bytes) {
                Ok(32) => Ok(Digest(bytes)),
                Ok(_) | Err(base64::DecodeSliceError::OutputSliceTooSmall)
                    if STANDARD.decode(text).is_ok() =>
                {
                    Err(Parameter::DigestLength)
                }
                _ => Err(not_base64.clone()),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ECDSA_SHA_256, ECDSA_SHA_384, ML_DSA_44, ML_DSA_87, RSA_SHA_256, SHA_256, SHA_512};

    /// A digest is base64 of 32 octets; the two ways to miss that are told apart.
    #[test]
    fn digests_are_checked() {
        let length = Parameter::DigestLength;
        let base64 = Parameter::HashNotBase64;
        for (value, expected) in [
            (Value::from(STANDARD.encode([7; 32])), Ok(vec![Digest([7; 32])])),
            (Value::from(STANDARD.encode([7; 31])), Err(length.clone())),
            (Value::from(STANDARD.encode([7; 33])), Err(length.clone())),
            (Value::from(STANDARD.encode([7; 64])), Err(length.clone())),
            (Value::from(""), Err(length)),
            (Value::from("no base64!"), Err(base64.clone())),
            (Value::from("A".repeat(43)), Err(base64.clone())),
            (Value::from(7), Err(base64.clone())),
        ] {
            assert_eq!(digests(std::iter::once(value.as_str()), &base64), expected, "{value}");
        }
    }

    /// What signs hashes is named with its hash, or by a name that says it.
    #[test]
    fn algorithms_of_hashes_are_checked() {
        use crate::api::{RSA_SHA_384, RSA_SHA_512, SHA_384};

        for (sign, hash, expected) in [
            (RSA, Some(SHA_512), Ok(RSA_SHA_512)),
            (RSA, Some("1.3.14.3.2.26"), Err(Parameter::Invalid("hashAlgorithmOID"))),
            (RSA, None, Err(Parameter::MissingString("hashAlgorithmOID"))),
            (RSA_SHA_384, None, Ok(RSA_SHA_384)),
            (RSA_SHA_384, Some(SHA_256), Err(Parameter::HashAlgorithmContradicts)),
            (ECDSA_SHA_384, Some(SHA_384), Ok(ECDSA_SHA_384)),
            (RSA_PSS, Some(SHA_256), Ok(RSA_PSS)),
            (RSA_PSS, Some(SHA_384), Err(Parameter::HashAlgorithmContradicts)),
            (ML_DSA_44, None, Err(Parameter::Invalid("signAlgo"))),
        ] {
            assert_eq!(of_hashes(sign, hash).map(|how| how.name), expected, "{sign} {hash:?}");
        }
    }

    /// The signature algorithm and the hash have to go together.
    #[test]
    fn algorithms_are_checked() {
        for (sign, hash, expected) in [
            (RSA_SHA_256, None, Ok(RSA_SHA_256)),
            (RSA, Some(SHA_256), Ok(RSA)),
            (RSA, None, Err(Parameter::MissingString("hashAlgorithmOID"))),
            (RSA, Some("1.3.14.3.2.26"), Err(Parameter::Invalid("hashAlgorithmOID"))),
            (ECDSA_SHA_256, Some(SHA_256), Ok(ECDSA_SHA_256)),
            (ECDSA_SHA_384, None, Ok(ECDSA_SHA_384)),
            (ECDSA_SHA_384, Some(SHA_256), Err(Parameter::HashAlgorithmContradicts)),
            (ML_DSA_44, Some(SHA_256), Ok(ML_DSA_44)),
            (ML_DSA_87, Some(SHA_512), Ok(ML_DSA_87)),
            (ML_DSA_87, Some(SHA_256), Err(Parameter::HashAlgorithmContradicts)),
            (ECDSA_SHA_256, Some("1.3.14.3.2.26"), Err(Parameter::HashAlgorithmContradicts)),
            ("1.2.840.113549.1.1.10", None, Err(Parameter::Invalid("signAlgo"))),
        ] {
            let expected = expected.map(|name| Algorithm::called(name).unwrap());
            assert_eq!(algorithm(sign, hash), expected, "{sign} {hash:?}");
        }
    }
}
